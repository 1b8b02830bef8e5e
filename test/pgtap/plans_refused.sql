-- Bad input about plans: each has its own SQLSTATE, names the value, says what to do, and changes nothing.
\ir setup.psql
SELECT billing.install(start => '2023-01-01');
INSERT INTO billing.meter VALUES ('traffic', 'GB', 'sum');
INSERT INTO billing.plan (plan, product, currency, fee, term, rank, min_terms, max_terms, expiry_policy) VALUES
	('personal', 'EdgeOne', 'USD', 10, '1 month', 1, 1, 36, 'plan'), ('basic', 'EdgeOne', 'USD', 50, '1 month', 2, 1, 36, 'plan'),
	('yearly', 'EdgeOne', 'USD', 500, '1 year', 3, 1, 36, NULL), ('other', 'MNA', 'USD', 60, '1 month', 3, 1, 36, NULL), ('few', 'EdgeOne', 'USD', 1, '1 month', 3, 2, 4, NULL),
	('euro', 'EdgeOne', 'EUR', 1, '1 month', 4, 1, 36, NULL);
INSERT INTO billing.plan (plan, product, currency, fee, term, renewable) VALUES ('trial', 'EdgeOne', 'USD', 0, '14 days', false), ('free', 'EdgeOne', 'USD', 0, NULL, true);
INSERT INTO billing.plan (plan, product, currency, fee, term, downgrade, rank) VALUES ('top', 'EdgeOne', 'USD', 0, '1 month', 'next term', 9);
INSERT INTO billing.plan (plan, currency, fee, term, rank, downgrade) VALUES ('14 a', 'USD', 2, '14 days', 2, 'next term');
INSERT INTO billing.plan (plan, currency, fee, term, rank, renewable) VALUES ('14 b', 'USD', 0, '14 days', 1, false);
INSERT INTO billing.plan (plan, currency, fee, term, provisioned) VALUES ('proxy', 'USD', 1, '1 month', true);
INSERT INTO billing.plan_price (plan, options, currency, fee) VALUES ('personal', '{"disk": "ssd"}', 'USD', 20);
INSERT INTO billing.plan_discount VALUES ('personal', 12, 0.1);
INSERT INTO billing.plan_allowance (plan, meter, quantity) VALUES ('personal', 'traffic', 50);
SELECT billing.open_account(name => 'a', account_id => n, at => '2023-01-01') FROM generate_series(1, 3) n;
SELECT billing.top_up(1, 1000, at => '2023-01-01'), billing.top_up(2, 100, at => '2023-01-01');
SELECT billing.add_resource(1, 'p', 'proxy', at => '2023-01-01'), billing.add_resource(2, 'theirs', 'proxy', at => '2023-01-01'), billing.add_resource(1, 'gone', 'proxy', at => '2023-01-01'),
	billing.remove_resource(1, 'gone', at => '2023-01-01');
ALTER TABLE billing.subscription ALTER COLUMN subscription_id RESTART WITH 101;
SELECT billing.subscribe(1, 'personal', key => 'k', at => '2023-01-01');							-- 101
SELECT billing.subscribe(1, 'trial', at => '2023-01-01'), billing.subscribe(1, 'free', at => '2023-01-01');		-- 102, 103
SELECT billing.subscribe(1, 'basic', at => '2023-01-01'), billing.subscribe(1, 'basic', at => '2023-01-01'), billing.subscribe(1, 'basic', at => '2023-01-01');	-- 104 to 106
SELECT billing.subscribe(1, 'top', at => '2023-01-01'), billing.subscribe(1, 'proxy', 'p', at => '2023-01-01'), billing.subscribe(1, '14 a', at => '2023-01-02');	-- 107 to 109
SELECT billing.subscribe(2, 'personal', at => '2023-01-01');	-- 110
SELECT billing.cancel_subscription(1, 105, at => '2023-01-02'), billing.cancel_subscription(1, 106, false, at => '2023-01-02');
INSERT INTO billing.plan (plan, product, currency, fee, term, refund) VALUES ('back', 'back', 'USD', 3, '1 month', 'full');
SELECT billing.subscribe(1, 'back', at => '2023-01-01');	-- 111
CALL billing.run('2023-01-02');
-- vouchers that can not pay
SELECT billing.grant_voucher(2, 1, '2024-01-01', at => '2023-01-02') AS foreign_one, billing.grant_voucher(1, 1, '2023-01-02 00:00:01', at => '2023-01-02') AS expired,
	billing.grant_voucher(1, 1, '2024-01-01', at => '2023-01-02') AS used, billing.grant_voucher(1, 1, '2024-01-01', min_order => 100000, at => '2023-01-02') AS small,
	billing.grant_voucher(1, 1, '2024-01-01', products => '{other}', at => '2023-01-02') AS other \gset
SELECT billing.subscribe(1, 'back', voucher => :'used', at => '2023-01-02');
CREATE TABLE t.before AS SELECT * FROM t.snapshot();

-- to subscribe
SELECT t.refuses($$SELECT billing.subscribe(9, 'basic', at => '2023-01-02')$$, 'UB001', '9', 'unknown account');
SELECT t.refuses($$SELECT billing.subscribe(1, 'nosuch', at => '2023-01-02')$$, 'UB039', 'nosuch', 'unknown plan');
SELECT t.refuses($$SELECT billing.subscribe(1, NULL, at => '2023-01-02')$$, 'UB039', 'NULL', 'no plan');
SELECT t.refuses($$SELECT billing.subscribe(1, 'euro', at => '2023-01-02')$$, 'UB040', 'euro', 'a plan without a fee in the account''s currency');
SELECT t.refuses($$SELECT billing.subscribe(1, 'few', at => '2023-01-02')$$, 'UB041', '1', 'too few terms');
SELECT t.refuses($$SELECT billing.subscribe(1, 'few', terms => 5, at => '2023-01-02')$$, 'UB041', '5', 'too many terms');
SELECT t.refuses($$SELECT billing.subscribe(1, 'few', terms => NULL, at => '2023-01-02')$$, 'UB041', 'NULL', 'NULL terms');
SELECT t.refuses($$SELECT billing.subscribe(1, 'free', terms => 2, at => '2023-01-02')$$, 'UB041', '2', 'terms of what has no end');
SELECT t.refuses($$SELECT billing.subscribe(1, 'basic', quantity => 0, at => '2023-01-02')$$, '22003', '0', 'quantity 0');
SELECT t.refuses($$SELECT billing.subscribe(1, 'basic', quantity => 1000000000, at => '2023-01-02')$$, '22003', '1000000000', 'quantity 10^9');
SELECT t.refuses($$SELECT billing.subscribe(1, 'basic', quantity => NULL, at => '2023-01-02')$$, '22003', 'NULL', 'NULL quantity');
SELECT t.refuses($$SELECT billing.subscribe(1, 'basic', region => NULL, at => '2023-01-02')$$, '22004', 'NULL', 'NULL region');
SELECT t.refuses($$SELECT billing.subscribe(1, 'basic', options => '{"disk": "ssd"}', at => '2023-01-02')$$, 'UB042', 'disk', 'an option that the plan does not know');
SELECT t.refuses($$SELECT billing.subscribe(1, 'personal', options => '{"disk": "tape"}', at => '2023-01-02')$$, 'UB042', 'tape', 'or a value of it');
SELECT t.refuses($$SELECT billing.subscribe(1, 'personal', options => '[1]', at => '2023-01-02')$$, '22023', '[1]', 'options that are no object');
SELECT t.refuses($$SELECT billing.subscribe(1, 'trial', auto_renew => true, at => '2023-01-02')$$, 'UB043', 'trial', 'a trial that renews itself');
SELECT t.refuses($$SELECT billing.subscribe(1, 'free', auto_renew => true, at => '2023-01-02')$$, 'UB043', 'free', 'a plan without end that does');
SELECT t.refuses($$SELECT billing.subscribe(1, 'proxy', at => '2023-01-02')$$, 'UB048', 'proxy', 'a plan for a resource without one');
SELECT t.refuses(format('SELECT billing.subscribe(1, %L, %L, at => %L)', p, r, '2023-01-02'), 'UB021', r, format('plan %s for resource %s', p, r))
	FROM unnest(ARRAY['proxy', 'basic']) p, unnest(ARRAY['nosuch', 'theirs', 'gone']) r;
SELECT t.refuses($$SELECT billing.subscribe(2, 'other', terms => 2, at => '2023-01-02')$$, 'UB011', '90', 'more than there is: the balance is named');
SELECT matches(t.error_of($$SELECT billing.subscribe(2, 'other', terms => 2, at => '2023-01-02')$$), '30.00 USD is missing', 'and how much is missing');
SELECT t.refuses($$SELECT billing.subscribe(1, 'basic', voucher => '7', at => '2023-01-02')$$, 'UB034', '7', 'an unknown voucher');
SELECT t.refuses($$SELECT billing.subscribe(1, 'basic', key => 'k', at => '2023-01-01')$$, 'UB004', 'k', 'a key reused');
SELECT t.refuses($$SELECT billing.subscribe(1, 'basic', at => 'infinity')$$, '22023', 'infinity', 'an instant that is none');
SELECT t.refuses($$SELECT billing.subscribe(1, 'basic', at => NULL)$$, '22023', 'NULL', 'no instant');
SELECT t.refuses($$SELECT * FROM billing.quote_plan(1, 'nosuch')$$, 'UB039', 'nosuch', 'a quote refuses the same');
SELECT t.refuses($$SELECT * FROM billing.quote_plan(1, 'personal', options => '{"x": 1}')$$, 'UB042', 'x', 'a quote refuses the same options');

-- to renew
SELECT t.refuses($$SELECT billing.renew_subscription(1, 999, at => '2023-01-02')$$, 'UB047', '999', 'unknown subscription');
SELECT t.refuses($$SELECT billing.renew_subscription(1, 110, at => '2023-01-02')$$, 'UB047', '110', 'somebody else''s subscription');
SELECT t.refuses($$SELECT billing.renew_subscription(1, NULL, at => '2023-01-02')$$, 'UB047', 'NULL', 'none');
SELECT t.refuses($$SELECT billing.renew_subscription(1, 102, at => '2023-01-02')$$, 'UB043', 'trial', 'B1.1-1: a trial can not be renewed');
SELECT t.refuses($$SELECT billing.renew_subscription(1, 103, at => '2023-01-02')$$, 'UB043', 'free', 'nor what has no end');
SELECT t.refuses($$SELECT billing.renew_subscription(1, 101, terms => 37, at => '2023-01-02')$$, 'UB041', '37', 'B1.1-10: at most 36 months');
SELECT t.refuses($$SELECT billing.renew_subscription(1, 101, terms => 0, at => '2023-01-02')$$, 'UB041', '0', 'no terms');
SELECT t.refuses($$SELECT billing.renew_subscription(1, 105, at => '2023-01-02')$$, 'UB049', '105', 'one cancelled for its end');
SELECT t.refuses($$SELECT billing.renew_subscription(1, 106, at => '2023-01-02')$$, 'UB044', '106', 'one that has ended');
SELECT t.refuses($$SELECT billing.renew_subscription(1, 108, at => '2023-01-02')$$, '55000', '108', 'one that has not begun');
SELECT t.refuses($$SELECT billing.renew_subscription(2, 110, terms => 10, at => '2023-01-02')$$, 'UB011', '90', 'more than there is');
SELECT t.refuses($$SELECT billing.set_subscription_auto_renew(1, 102, true, at => '2023-01-02')$$, 'UB043', 'trial', 'a trial has no flag');
SELECT t.refuses($$SELECT billing.set_subscription_auto_renew(1, 105, true, at => '2023-01-02')$$, 'UB049', '105', 'nor what is cancelled');
SELECT t.refuses($$SELECT billing.set_subscription_auto_renew(1, 106, true, at => '2023-01-02')$$, 'UB044', '106', 'nor what has ended');
SELECT t.refuses($$SELECT billing.set_subscription_auto_renew(1, 101, NULL, at => '2023-01-02')$$, '22004', '101', 'a flag is on or off');

SELECT t.refuses(format(call, v), s, v, d || ': ' || call)
FROM unnest(ARRAY['SELECT billing.subscribe(1, $$personal$$, voucher => %L, at => $$2023-01-03$$)', 'SELECT billing.renew_subscription(1, 101, voucher => %L, at => $$2023-01-03$$)']) call,
	(VALUES (:'foreign_one', 'UB034', 'a voucher of another account'), (:'expired', 'UB035', 'one that has expired'), (:'used', 'UB036', 'one that is used up'),
	(:'small', 'UB037', 'an order too small for it'), (:'other', 'UB038', 'one for another product')) v(v, s, d);

-- to change
SELECT t.refuses($$SELECT billing.change_plan(1, 104, 'nosuch', at => '2023-01-02')$$, 'UB039', 'nosuch', 'to an unknown plan');
SELECT t.refuses($$SELECT billing.change_plan(1, 104, 'personal', at => '2023-01-02')$$, 'UB045', 'personal', 'B1.5-45: no downgrade');
SELECT t.refuses($$SELECT billing.change_plan(1, 104, 'basic', at => '2023-01-02')$$, 'UB045', 'basic', 'to the plan that it has');
SELECT t.refuses($$SELECT billing.change_plan(1, 104, 'other', at => '2023-01-02')$$, 'UB045', 'other', 'to another product');
SELECT t.refuses($$SELECT billing.change_plan(1, 104, 'yearly', at => '2023-01-02')$$, 'UB045', 'yearly', 'to terms of another length');
SELECT t.refuses($$SELECT billing.change_plan(1, 103, 'basic', at => '2023-01-02')$$, 'UB045', 'free', 'from a plan without end');
SELECT t.refuses($$SELECT billing.change_plan(1, 104, 'euro', at => '2023-01-02')$$, 'UB040', 'euro', 'to one that is not sold here');
SELECT t.refuses($$SELECT billing.change_plan(1, 109, '14 b', at => '2023-01-02')$$, 'UB045', '14 b', 'to a trial as the next term');
SELECT t.refuses($$SELECT billing.change_plan(1, 105, 'top', at => '2023-01-02')$$, 'UB049', '105', 'what is cancelled');
SELECT t.refuses($$SELECT billing.change_plan(1, 106, 'top', at => '2023-01-02')$$, 'UB044', '106', 'what has ended');
SELECT t.refuses($$SELECT billing.change_plan(1, 104, 'few', at => '2023-02-02')$$, 'UB044', '104', 'what is past its paid time');
SELECT t.refuses($$SELECT billing.change_plan(1, 108, 'proxy', at => '2023-01-02')$$, '55000', '108', 'what has not begun');

-- to end
SELECT t.refuses($$SELECT billing.cancel_subscription(1, 105, at => '2023-01-03')$$, 'UB049', '105', 'cancelling twice');
SELECT t.refuses($$SELECT billing.cancel_subscription(1, 106, at => '2023-01-03')$$, 'UB044', '106', 'cancelling what has ended');
SELECT t.refuses($$SELECT billing.cancel_subscription(1, 110, at => '2023-01-03')$$, 'UB047', '110', 'cancelling somebody else''s');
SELECT t.refuses($$SELECT billing.refund_subscription(1, 101, at => '2023-01-02')$$, 'UB046', '101', 'a plan that gives nothing back');
SELECT t.refuses($$SELECT billing.refund_subscription(1, 106, at => '2023-01-02')$$, 'UB044', '106', 'refunding what has ended');
SELECT t.refuses($$SELECT billing.refund_subscription(1, 111, at => '2023-02-01')$$, 'UB044', '111', 'refunding what is over');
SELECT t.refuses($$SELECT billing.refund_subscription(1, 110, at => '2023-01-02')$$, 'UB047', '110', 'refunding somebody else''s');

-- the catalogue
SELECT t.refuses($$UPDATE billing.plan SET fee = 11 WHERE plan = 'personal'$$, 'UB007', 'personal', 'a plan with subscriptions is immutable');
SELECT t.refuses($$DELETE FROM billing.plan WHERE plan = 'trial'$$, 'UB007', 'trial', 'it stays');
SELECT t.refuses($$UPDATE billing.plan_price SET fee = 11 WHERE plan = 'personal'$$, 'UB007', 'personal', 'its prices too');
SELECT t.refuses($$DELETE FROM billing.plan_price WHERE plan = 'personal'$$, 'UB007', 'personal', 'its prices stay');
SELECT t.refuses($$UPDATE billing.plan_discount SET discount = 0 WHERE plan = 'personal'$$, 'UB007', 'personal', 'its discounts');
SELECT t.refuses($$UPDATE billing.plan_allowance SET quantity = 0 WHERE plan = 'personal'$$, 'UB007', 'personal', 'what it includes');
SELECT t.refuses($$INSERT INTO billing.plan_allowance (plan, meter, region, quantity) VALUES ('personal', 'traffic', 'EU', 1)$$, 'UB007', 'personal', 'nothing is added to what it includes');
SELECT throws_ok($$INSERT INTO billing.plan (plan, currency, fee) VALUES ('dear', 'USD', 1)$$, '23514', NULL, 'a plan without end costs nothing');
SELECT throws_ok($$INSERT INTO billing.plan (plan, currency, fee, term) VALUES ('odd', 'USD', 1, '1 month 1 day')$$, '23514', NULL, 'a term is of one unit');
SELECT throws_ok($$INSERT INTO billing.plan (plan, currency, fee, term) VALUES ('nan', 'USD', 'NaN', '1 month')$$, '23514', NULL, 'a fee is a number');
SELECT t.same('SELECT * FROM t.snapshot()', 'SELECT * FROM t.before', 'nothing has changed');
SELECT lives_ok($$INSERT INTO billing.plan_price (plan, currency, valid_from, fee) VALUES ('personal', 'USD', '2023-02-01', 12)$$, 'a later price may be added');
SELECT lives_ok($$INSERT INTO billing.plan_discount VALUES ('personal', 24, 0.2)$$, 'and a discount');
SELECT lives_ok($$UPDATE billing.plan SET fee = 501 WHERE plan = 'yearly'$$, 'a plan without subscriptions may change');
SELECT lives_ok($$DELETE FROM billing.plan WHERE plan = 'yearly'$$, 'and go');

-- a suspended account: renewal and refund go on, the rest does not
UPDATE billing.account_state SET state = 'suspended' WHERE account_id = 1;
SELECT t.refuses($$SELECT billing.subscribe(1, 'basic', at => '2023-01-02')$$, 'UB020', '1', 'suspended: to subscribe');
SELECT t.refuses($$SELECT billing.change_plan(1, 104, 'top', at => '2023-01-02')$$, 'UB020', '1', 'suspended: to change');
SELECT t.refuses($$SELECT billing.set_subscription_auto_renew(1, 101, true, at => '2023-01-02')$$, 'UB020', '1', 'suspended: the flag');
SELECT lives_ok($$SELECT billing.renew_subscription(1, 104, at => '2023-01-02')$$, 'suspended: a renewal is a way out');
UPDATE billing.account_state SET state = 'active' WHERE account_id = 1;

-- what a retry gets: also of calls that gave nothing back
SELECT is(billing.change_plan(1, 107, 'basic', key => 'c', at => '2023-01-02'), NULL, 'scheduled');
SELECT is(billing.change_plan(1, 107, 'basic', key => 'c', at => '2023-01-02'), NULL, 'the same again');
SELECT is(billing.cancel_subscription(1, 104, key => 'e', at => '2023-01-02'), billing.cancel_subscription(1, 104, key => 'e', at => '2023-01-03'), 'a cancellation');
SELECT is(billing.set_subscription_auto_renew(1, 101, true, key => 'f', at => '2023-01-02'), billing.set_subscription_auto_renew(1, 101, true, key => 'f', at => '2023-01-03'), 'a flag');
SELECT is(billing.refund_subscription(1, 111, key => 'g', at => '2023-01-02'), billing.refund_subscription(1, 111, key => 'g', at => '2023-01-03'), 'a refund');
SELECT is(t.balance(1), (SELECT 1000 - sum(money) FROM billing.orders WHERE account_id = 1), 'the money of each once');
SELECT t.refuses($$SELECT billing.refund_subscription(1, 111, at => '2023-01-03')$$, 'UB044', '111', 'what was refunded has ended');
CALL billing.run('2023-01-10');
SELECT t.verify_is_empty();

-- verify() sees what is wrong
SELECT t.finds(s, p) FROM (VALUES
	('UPDATE billing.purchase SET money = money + 1, list_price = list_price + 1 WHERE subject_id = 101', 'order and ledger'),
	('UPDATE billing.charge SET amount = amount + 1 WHERE source = ''fee'' AND charge_id = 1', 'order and charge'),
	('DELETE FROM billing.charge WHERE source = ''fee'' AND charge_id = 1', 'order and charge'),
	('UPDATE billing.subscription_term SET money = money + 1 WHERE subscription_id = 101', 'terms and orders'),
	('UPDATE billing.subscription_term SET term_end = term_end + interval ''1 s'' WHERE subscription_id = 101', 'term'),
	('UPDATE billing.subscription SET anchor = anchor + interval ''1 s'' WHERE subscription_id = 101', 'term'),
	('UPDATE billing.subscription SET paid_terms = 2 WHERE subscription_id = 101', 'paid terms'),
	('UPDATE billing.subscription SET paid_until = ''infinity'' WHERE subscription_id = 101', 'paid terms'),
	('UPDATE billing.allowance SET size = size + 1', 'allowance'),
	('UPDATE billing.allowance SET valid_until = valid_until - interval ''1 s''', 'allowance'),
	('DELETE FROM billing.allowance', 'allowance'),
	('UPDATE billing.allowance SET used = 1', 'allowance and charges'),
	('UPDATE billing.subscription SET renew_at = NULL WHERE subscription_id = 101', 'renewal'),
	('UPDATE billing.subscription SET renew_at = ''2023-01-05'' WHERE subscription_id = 101', 'renewal'),
	('UPDATE billing.subscription SET renew_at = ''2023-02-01'' WHERE subscription_id = 103', 'renewal'),
	('UPDATE billing.subscription SET renewal_failed_at = ''2023-02-01'' WHERE subscription_id = 103', 'renewal'),
	('UPDATE billing.subscription SET state = ''cancelled'' WHERE subscription_id = 101', 'subscription ended'),
	('UPDATE billing.subscription SET ended_at = ''2023-01-20'' WHERE subscription_id = 101', 'subscription ended')) v(s, p);
SELECT billing.grant_voucher(2, 10, '2024-01-01', at => '2023-01-10'), billing.subscribe(2, 'personal', voucher => 'auto', at => '2023-01-10');
SELECT t.finds(s, p) FROM (VALUES ('UPDATE billing.voucher SET remaining = 1', 'voucher'), ('UPDATE billing.voucher SET amount = 11, remaining = 1', 'voucher and ledger'),
	('UPDATE billing.voucher SET expired_at = ''2023-01-10'', amount = 11, remaining = 1', 'voucher and ledger')) v(s, p);
CALL billing.run('2023-02-10');
SELECT t.finds('UPDATE billing.subscription SET state = ''active'' WHERE state = ''grace''', 'subscription not ended');
SELECT t.verify_is_empty();
SELECT * FROM finish();
