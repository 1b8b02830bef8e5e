-- Money in, out, corrected: the two legs, keys, and what is refused.
\ir setup.psql
SELECT billing.install(start => '2020-01-01');
SELECT billing.open_account(name => 'one', account_id => 1);
SELECT billing.open_account(name => 'yen', account_id => 2, currency => 'JPY');
SELECT billing.open_account(name => 'dinar', account_id => 3, currency => 'KWD');

-- legs
SELECT ok(billing.top_up(1, 100) > 0, 'top_up returns its transfer');
SELECT ok(billing.pay_out(1, 30.5) > 0, 'pay_out');
SELECT ok(billing.adjust(1, 5, 'a present') > 0, 'adjust, giving');
SELECT ok(billing.adjust(1, -100, 'a mistake of ours') > 0, 'adjust, taking');
SELECT ok(billing.write_off(1, 20, 'gone') > 0, 'write_off');
SELECT t.same(
	'SELECT debit, credit, amount, balance_after, kind, reason FROM billing.ledger WHERE account_id = 1 ORDER BY transfer_id',
	$$VALUES ('cash', 'wallet', 100::numeric, 100::numeric, 'top_up', NULL),
		('wallet', 'cash', 30.5, 69.5, 'pay_out', NULL),
		('revenue', 'wallet', 5, 74.5, 'adjustment', 'a present'),
		('wallet', 'revenue', 100, -25.5, 'adjustment', 'a mistake of ours'),
		('bad_debt', 'wallet', 20, -5.5, 'write_off', 'gone')$$,
	'each event moves its amount from one sub-ledger to another');
SELECT is(t.balance(1), -5.5, 'the balance is the last of them');
SELECT t.same('SELECT sub_ledger, balance FROM billing.trial_balance WHERE account_id = 1 ORDER BY 1',
	$$VALUES ('bad_debt', -20::numeric), ('cash', -69.5), ('revenue', 95), ('wallet', -5.5)$$, 'trial balance');
SELECT is((SELECT sum(balance) FROM billing.trial_balance), 0::numeric, 'debits and credits are equal');
SELECT t.same('SELECT source, meter, quantity, exact_amount, amount, reason FROM billing.charges WHERE account_id = 1 ORDER BY charge_id',
	$$VALUES ('adjustment', NULL, 1::numeric, -5::numeric, -5::numeric, 'a present'),
		('adjustment', NULL, 1::numeric, 100, 100, 'a mistake of ours')$$, 'an adjustment is a charge, so that an invoice shows it');
SELECT is((SELECT booked_by FROM billing.ledger WHERE account_id = 1 LIMIT 1), current_user::text, 'the ledger knows who');

-- keys
CREATE TABLE t.answer AS SELECT billing.top_up(1, 50, key => 'bank-1') AS id;
SELECT is(billing.top_up(1, 50, key => 'bank-1'), (SELECT id FROM t.answer), 'the same call again gets the first answer');
SELECT is(billing.top_up(1, 50.00, key => 'bank-1'), (SELECT id FROM t.answer), '50.00 is 50');
SELECT is(billing.top_up(1, 50, key => 'bank-1', at => '2020-03-03'), (SELECT id FROM t.answer), 'at is left out');
SELECT is(t.balance(1), 44.5, 'and moved money once');
SELECT t.refuses($$SELECT billing.top_up(1, 51, key => 'bank-1')$$, 'UB004', 'bank-1', 'another amount under that key');
SELECT t.refuses($$SELECT billing.pay_out(1, 50, key => 'bank-1')$$, 'UB004', 'bank-1', 'another call under that key');
SELECT lives_ok($$SELECT billing.top_up(2, 51, key => 'bank-1')$$, 'another account has keys of its own');
SELECT isnt(billing.top_up(1, 1), billing.top_up(1, 1), 'no key is no protection: two calls, two transfers');
SELECT is(billing.adjust(1, 1, 'r', key => 'a'), billing.adjust(1, 1, 'r', key => 'a'), 'adjust');
SELECT t.refuses($$SELECT billing.adjust(1, 1, 'q', key => 'a')$$, 'UB004', 'a', 'another reason under its key');
SELECT is(billing.pay_out(1, 1, key => 'p'), billing.pay_out(1, 1, key => 'p'), 'pay_out');
SELECT lives_ok($$SELECT billing.adjust(1, -100, 'debt')$$, 'a debt');
SELECT is(billing.write_off(1, 1, 'r', key => 'w'), billing.write_off(1, 1, 'r', key => 'w'), 'write_off');
SELECT is((SELECT count(*) FROM billing.ledger WHERE key IN ('a', 'p', 'w')), 3::bigint, 'once each');
SELECT t.refuses($$SELECT billing.top_up(999, 1, key => 'unknown')$$, 'UB001', '999', 'a key for an unknown account');
SELECT is_empty($$SELECT * FROM billing.request WHERE key = 'unknown'$$, 'leaves no key behind');

-- a failed call gives its key back
SELECT t.refuses($$SELECT billing.pay_out(1, 1000000, key => 'later')$$, 'UB011', '1000000', 'more than there is');
SELECT lives_ok($$SELECT billing.top_up(1, 1000100)$$, 'now there is');
SELECT lives_ok($$SELECT billing.pay_out(1, 1000000, key => 'later')$$, 'the same key works now');

-- decimals
SELECT lives_ok('SELECT billing.top_up(2, 100)', 'yen have no decimals');
SELECT t.refuses('SELECT billing.top_up(2, 100.5)', '22003', '100.5', 'half a yen');
SELECT t.refuses('SELECT billing.top_up(1, 0.001)', '22003', '0.001', 'a tenth of a cent');
SELECT t.refuses('SELECT billing.adjust(1, -0.005, ''x'')', '22003', '-0.005', 'half a cent taken');
SELECT lives_ok('SELECT billing.top_up(3, 0.001)', 'a fils is a thousandth of a dinar');
SELECT t.refuses('SELECT billing.top_up(3, 0.0001)', '22003', '0.0001', 'a tenth of a fils');
SELECT lives_ok('SELECT billing.top_up(1, 1.500000)', 'zeros behind the point are no decimals');

-- refused, whatever the call
CREATE TABLE t.before AS SELECT * FROM t.snapshot();
SELECT t.refuses(format('SELECT billing.%s(1, %L%s)', f.call, v.amount, f.reason), '22003', v.amount, format('%s of %s', f.call, v.amount))
FROM (VALUES ('top_up', ''), ('pay_out', ''), ('adjust', ', ''why'''), ('write_off', ', ''why''')) f(call, reason)
CROSS JOIN (VALUES ('NaN'), ('Infinity'), ('-Infinity'), ('0'), ('-1')) v(amount)
WHERE NOT (f.call = 'adjust' AND v.amount = '-1');
SELECT t.refuses(format('SELECT billing.%s(1, NULL%s)', f.call, f.reason), '22003', 'NULL', format('%s of nothing', f.call))
FROM (VALUES ('top_up', ''), ('pay_out', ''), ('adjust', ', ''why'''), ('write_off', ', ''why''')) f(call, reason);
SELECT t.refuses(format('SELECT billing.%s(999, 1%s)', f.call, f.reason), 'UB001', '999', format('%s of an unknown account', f.call))
FROM (VALUES ('top_up', ''), ('pay_out', ''), ('adjust', ', ''why'''), ('write_off', ', ''why''')) f(call, reason);
SELECT t.refuses(format('SELECT billing.%s(NULL, 1%s)', f.call, f.reason), 'UB001', 'NULL', format('%s of no account', f.call))
FROM (VALUES ('top_up', ''), ('pay_out', ''), ('adjust', ', ''why'''), ('write_off', ', ''why''')) f(call, reason);
SELECT t.refuses('SELECT billing.adjust(1, 5, '''')', '22023', '5', 'adjust without a reason');
SELECT t.refuses('SELECT billing.adjust(1, 5, NULL)', '22023', '5', 'adjust with NULL as reason');
SELECT t.refuses('SELECT billing.write_off(1, 5, '''')', '22023', '5', 'write_off without a reason');
SELECT t.refuses('SELECT billing.pay_out(3, 0.002)', 'UB011', '0.002', 'credit is not paid out');
SELECT t.refuses('SELECT billing.write_off(3, 0.001, ''x'')', 'UB011', '0.001', 'no debt, nothing to write off');
SELECT t.refuses('SELECT billing.top_up(1, 1, at => NULL)', '22023', 'NULL', 'no time');
SELECT t.refuses('SELECT billing.top_up(1, 1, at => ''infinity'')', '22023', 'infinity', 'infinite time');
SELECT t.same('SELECT * FROM t.snapshot()', 'SELECT * FROM t.before', 'what is refused changes nothing');

-- A lower debt than the write-off leaves the rest.
SELECT lives_ok('SELECT billing.adjust(3, -1.001, ''debt'')', 'a debt of a dinar');
SELECT lives_ok('SELECT billing.write_off(3, 0.4, ''part'')', 'a part of it');
SELECT is(t.balance(3), -0.6, 'the rest is owed');
SELECT t.refuses('SELECT billing.write_off(3, 0.601, ''x'')', 'UB011', '0.601', 'more than is owed');

-- huge amounts stay exact
SELECT lives_ok('SELECT billing.top_up(1, 99999999999999999999999999999.99)', 'a huge amount');
SELECT lives_ok('SELECT billing.adjust(1, -99999999999999999999999999999.98, ''back'')', 'and back, but for a cent');
SELECT t.verify_is_empty();
SELECT * FROM finish();
