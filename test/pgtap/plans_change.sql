-- Upgrades and refunds of plans, with the figures that the clouds print.
\ir setup.psql
SELECT billing.install(start => '2023-01-01');
INSERT INTO billing.meter VALUES ('traffic', 'GB', 'sum'), ('requests', 'request', 'count');
INSERT INTO billing.plan (plan, product, currency, fee, term, month_end, rank, refund, refund_days, refund_unused) VALUES
	('personal', 'EdgeOne', 'USD', 4.2, '1 month', 'spill', 1, 'prorated', 5, true), ('basic', 'EdgeOne', 'USD', 57, '1 month', 'spill', 2, 'prorated', 5, true),
	('standard', 'EdgeOne', 'USD', 590, '1 month', 'spill', 3, 'prorated', 5, true);
INSERT INTO billing.plan_allowance (plan, meter, quantity, refund_up_to) VALUES ('personal', 'traffic', 50, 0.01), ('personal', 'requests', 3000000, 1000),
	('basic', 'traffic', 500, 0.01), ('basic', 'requests', 20000000, 1000), ('standard', 'traffic', 3000, 0.01), ('standard', 'requests', 50000000, 1000);
SELECT billing.open_account(name => 'a', account_id => n, at => '2023-01-01') FROM generate_series(1, 30) n;
SELECT billing.top_up(n, 100000, at => '2023-01-01') FROM generate_series(1, 30) n;
CREATE FUNCTION t.sub(account_id bigint) RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT max(s.subscription_id) FROM billing.subscription s WHERE s.account_id = sub.account_id $$;
CREATE FUNCTION t.last_order(account_id bigint) RETURNS numeric LANGUAGE sql STABLE AS
$$ SELECT o.money FROM billing.orders o WHERE o.account_id = last_order.account_id ORDER BY o.order_id DESC LIMIT 1 $$;

-- B1.5-45 to 48: 10 days and 6 hours into the first of three paid months
SELECT billing.subscribe(1, 'personal', terms => 3, auto_renew => true, at => '2024-03-15 12:00');
SELECT billing.change_plan(1, t.sub(1), 'basic', at => '2024-03-25 18:00');
SELECT t.same('SELECT kind, quantity, list_price, discount, money FROM billing.orders WHERE account_id = 1 ORDER BY order_id',
	$$VALUES ('purchase', 3, 12.6, 0, 12.6), ('upgrade', 3, 141.37, 0, 141.37)$$, 'B1.5-47: 52.80 x 21 of 31 days + 52.80 x 2 complete terms');
SELECT t.same('SELECT term, plan, fee, money, term_end::date FROM billing.subscription_term WHERE account_id = 1 ORDER BY 1',
	$$VALUES (1, 'basic', 57, 39.97, '2024-04-15'::date), (2, 'basic', 57, 57.00, '2024-05-15'), (3, 'basic', 57, 57.00, '2024-06-15')$$,
	'B1.5-46: all paid months are upgraded, their ends stay');
SELECT t.same($$SELECT term, size FROM billing.allowances WHERE account_id = 1 AND meter = 'traffic' ORDER BY 1$$,
	$$VALUES (1, 351.20967741935483870968), (2, 500), (3, 500)$$, 'B1.5-48: 50 + 450 x 20.75 of 31 days, by seconds');
SELECT t.same($$SELECT plan, auto_renew, renew_at, paid_until FROM billing.subscriptions WHERE account_id = 1$$,
	$$VALUES ('basic', true, '2024-06-14 12:00+00'::timestamptz, '2024-06-15 12:00+00'::timestamptz)$$, 'B1.5-46: auto-renewal goes on');
SELECT billing.change_plan(1, t.sub(1), 'standard', at => '2024-05-20 12:00');
SELECT is(t.last_order(1), 447.03, 'a second upgrade counts from the first: 533 x 26 of 31 days, no later term');
CALL billing.run('2024-06-15');
SELECT is(t.last_order(1), 590::numeric, 'B1.5-46: and renews the new version');
SELECT t.verify_is_empty();

-- other figures
INSERT INTO billing.plan (plan, product, currency, fee, term, rank) VALUES ('30 a', '30', 'USD', 100, '30 days', 1), ('30 b', '30', 'USD', 200, '30 days', 2),
	('month a', 'month', 'USD', 10, '1 month', 1), ('month b', 'month', 'USD', 20, '1 month', 2), ('hour a', 'hour', 'USD', 6, '6 hours', 1), ('hour b', 'hour', 'USD', 12, '6 hours', 2);
SELECT billing.subscribe(2, '30 a', at => '2024-01-01');
SELECT billing.change_plan(2, t.sub(2), '30 b', at => '2024-01-16');
SELECT is(t.last_order(2), 50::numeric, 'met-007: 15 of 30 days');
SELECT billing.subscribe(2, '30 a', at => '2024-01-01');
SELECT billing.change_plan(2, t.sub(2), '30 b', at => '2024-01-11');
SELECT is(t.last_order(2), 66.67, 'UP-27: 20 of 30 days');
SELECT billing.subscribe(2, 'month a', at => '2024-03-01');
SELECT billing.change_plan(2, t.sub(2), 'month b', at => '2024-03-15');
SELECT is(t.last_order(2), 5.48, 'flex-098: the day of the change remains, 17 of 31; rounded once');
SELECT billing.subscribe(2, 'month a', at => '2024-03-01');
SELECT billing.change_plan(2, t.sub(2), 'month b', at => '2024-03-01');
SELECT is(t.last_order(2), 10::numeric, 'at once: the whole difference');
SELECT billing.subscribe(2, 'hour a', at => '2024-03-01 00:00');
SELECT billing.change_plan(2, t.sub(2), 'hour b', at => '2024-03-01 01:30');
SELECT is(t.last_order(2), 4.5, 'terms of hours are counted by seconds');
-- the day is that of the account's zone
SELECT billing.open_account(name => 'tokyo', account_id => 31, time_zone => 'Asia/Tokyo', at => '2023-01-01'), billing.top_up(31, 1000, at => '2023-01-01');
SELECT billing.subscribe(31, 'month a', at => '2024-03-01 00:00 Asia/Tokyo');
SELECT billing.change_plan(31, t.sub(31), 'month b', at => '2024-03-14 15:30+00');
SELECT is(t.last_order(31), 5.48, 'half past midnight in Tokyo is the 15th');
-- pieces, and a paid term of a lower plan before one of a higher
SELECT billing.subscribe(3, 'personal', quantity => 3, at => '2024-03-15');
SELECT billing.change_plan(3, t.sub(3), 'basic', at => '2024-03-15');
SELECT t.same($$SELECT size FROM billing.allowances WHERE account_id = 3 AND meter = 'traffic'$$, 'VALUES (1500)', 'three pieces include three times as much');
SELECT is(t.last_order(3), 158.4, 'and cost three times as much');
INSERT INTO billing.plan (plan, product, currency, fee, term, rank, downgrade) VALUES ('s', 'sml', 'USD', 1, '1 month', 1, 'refuse'), ('m', 'sml', 'USD', 2, '1 month', 2, 'refuse'),
	('l', 'sml', 'USD', 4, '1 month', 3, 'next term');
INSERT INTO billing.plan_allowance (plan, meter, quantity) VALUES ('s', 'traffic', 1), ('m', 'traffic', 2), ('l', 'traffic', 4), ('m', 'requests', 5);
SELECT billing.subscribe(4, 'l', at => '2024-06-05');
SELECT billing.change_plan(4, t.sub(4), 's', at => '2024-06-06'), billing.renew_subscription(4, t.sub(4), at => '2024-06-07'), billing.change_plan(4, t.sub(4), 'm', at => '2024-06-08');
SELECT t.same($$SELECT term, plan, money FROM billing.subscription_term WHERE account_id = 4 ORDER BY 1$$, $$VALUES (1, 'l', 4.00), (2, 'm', 2.00)$$, 'only terms of lower plans are upgraded');
SELECT t.same($$SELECT term, meter, size FROM billing.allowances WHERE account_id = 4 ORDER BY 1, 2$$, $$VALUES (1, 'traffic', 4), (2, 'requests', 5), (2, 'traffic', 2)$$, 'with what the new plan includes');
SELECT is((SELECT plan FROM billing.subscriptions WHERE account_id = 4), 'l', 'the term in progress is of the higher plan');
SELECT t.verify_is_empty();

-- EO-06, B1.5-50: within 5 days of its start, with less than 10 MB and 1000 requests used, by remaining days
CREATE TABLE t.five AS SELECT billing.subscribe(5, 'basic', at => '2023-11-09 19:00') AS id;
SELECT t.refuses(format('SELECT billing.refund_subscription(5, %s, at => %L)', id, '2023-11-14 19:00'), 'UB046', id::text, 'EO-06: not at 19:00 of the fifth day') FROM t.five;
BEGIN;
UPDATE billing.allowance SET used = 0.011 WHERE account_id = 5 AND meter = 'traffic';
SELECT t.refuses(format('SELECT billing.refund_subscription(5, %s, at => %L)', id, '2023-11-14'), 'UB046', id::text, 'B1.5-50: not once more than 10 MB are used') FROM t.five;
UPDATE billing.allowance SET used = CASE meter WHEN 'traffic' THEN 0.01 ELSE 1001 END WHERE account_id = 5;
SELECT t.refuses(format('SELECT billing.refund_subscription(5, %s, at => %L)', id, '2023-11-14'), 'UB046', id::text, 'nor once more than 1000 requests are') FROM t.five;
UPDATE billing.allowance SET used = CASE meter WHEN 'traffic' THEN 0.01 ELSE 1000 END WHERE account_id = 5;
SELECT lives_ok(format('SELECT billing.refund_subscription(5, %s, at => %L)', id, '2023-11-14'), 'but a little may be') FROM t.five;
ROLLBACK;
SELECT billing.refund_subscription(5, id, at => '2023-11-14 18:59:59') FROM t.five;
SELECT is(t.last_order(5), -47.5, 'B1.5-50: 57 x 25 of 30 days');
SELECT is(t.balance(5), 100000 - 57 + 47.5, 'back in the wallet');
SELECT t.same('SELECT state, ended_at FROM billing.subscriptions WHERE account_id = 5', $$VALUES ('cancelled', '2023-11-14 18:59:59+00'::timestamptz)$$, 'and it has ended');
SELECT t.same('SELECT DISTINCT valid_until FROM billing.allowances WHERE account_id = 5', $$VALUES ('2023-11-14 18:59:59+00'::timestamptz)$$, 'with its allowances');

-- DD-10: in full, the voucher is lost
INSERT INTO billing.plan (plan, product, currency, fee, term, refund, refund_days) VALUES ('ddos', 'DDoS', 'USD', 5000, '1 month', 'full', 5);
INSERT INTO billing.plan_discount VALUES ('ddos', 12, 0.17);
SELECT billing.grant_voucher(6, 100, '2025-01-01', at => '2024-01-01');
SELECT billing.subscribe(6, 'ddos', terms => 12, voucher => 'auto', at => '2024-01-01');
SELECT billing.refund_subscription(6, t.sub(6), at => '2024-01-05');
SELECT t.same('SELECT list_price, discount, voucher_amount, money FROM billing.orders WHERE account_id = 6 ORDER BY order_id',
	'VALUES (60000, 10200, 100, 49700), (-49800, 0, -100, -49700)', 'DD-10: 49700 of 49800 come back');
SELECT is(t.balance(6), 100000::numeric, 'to the wallet');
SELECT t.same($$SELECT debit, credit, amount FROM billing.ledger WHERE account_id = 6 AND kind = 'refund' ORDER BY transfer_id$$,
	$$VALUES ('deferred', 'promotion', 100), ('deferred', 'wallet', 49700)$$, 'the voucher''s part to promotion');

-- B3-21: one instance of an account in full, further ones by what they used; or not at all
INSERT INTO billing.plan (plan, product, currency, fee, term, refund, refund_days, refund_again) VALUES
	('once', 'once', 'USD', 300, '30 days', 'full', 5, 'used value'), ('once, larger', 'once', 'USD', 600, '30 days', 'full', 5, 'used value'),
	('never again', '', 'USD', 300, '30 days', 'full', 5, 'none');
SELECT billing.refund_subscription(6, billing.subscribe(6, 'once', at => '2024-02-01'), at => '2024-02-03');
SELECT is(t.last_order(6), -300::numeric, 'B3-21: the first in full');
SELECT billing.refund_subscription(6, billing.subscribe(6, 'once, larger', at => '2024-02-05'), at => '2024-02-08');
SELECT is(t.last_order(6), -540::numeric, 'the next, of the same product, less 3 of 30 days');
SELECT billing.refund_subscription(6, billing.subscribe(6, 'never again', at => '2024-02-05'), at => '2024-02-08');
SELECT is(t.last_order(6), -300::numeric, 'another product has a first of its own');
SELECT billing.subscribe(6, 'never again', at => '2024-02-09');
SELECT t.refuses('SELECT billing.refund_subscription(6, t.sub(6), at => ''2024-02-10'')', 'UB046', 'can not be refunded', 'and no second one');

-- DD-12, RF-06: paid less used value; the renewal that has not begun in full
INSERT INTO billing.plan (plan, product, currency, fee, term, refund) VALUES ('pro', 'DDoS pro', 'USD', 49800, '1 year', 'used value');
SELECT billing.grant_voucher(7, 100, '2025-01-01', at => '2023-01-01');
SELECT billing.subscribe(7, 'pro', voucher => 'auto', at => '2023-01-01');
SELECT billing.renew_subscription(7, t.sub(7), at => '2023-01-01');
SELECT billing.refund_subscription(7, t.sub(7), at => '2023-01-03');
SELECT is(t.last_order(7), -99227.12, 'DD-12: 49700 - 49800 x 2 of 365 days + 49800');
-- UP-05, UP-11: never below 0, and one order's loss takes nothing from the next
INSERT INTO billing.plan (plan, product, currency, fee, term, refund) VALUES ('cheap', '', 'USD', 100, '1 month', 'used value');
INSERT INTO billing.plan_discount VALUES ('cheap', 3, 0.9);
SELECT billing.subscribe(8, 'cheap', terms => 3, at => '2024-01-01');
SELECT billing.renew_subscription(8, t.sub(8), at => '2024-01-01');
SELECT billing.refund_subscription(8, t.sub(8), at => '2024-02-20');
SELECT is(t.last_order(8), -100::numeric, 'UP-05, UP-11: 30 paid and 166 used is 0; RF-06: the renewal comes back in full');
SELECT billing.grant_voucher(8, 20, '2025-01-01', at => '2024-01-01');
SELECT billing.subscribe(8, 'cheap', voucher => 'auto', at => '2024-03-01');
SELECT billing.refund_subscription(8, t.sub(8), at => '2024-03-29');
SELECT t.same('SELECT voucher_amount, money FROM billing.orders WHERE account_id = 8 ORDER BY order_id DESC LIMIT 1', 'VALUES (-9.68, 0)', '80 + voucher 20 less 90.32: the wallet paid first, the rest was the voucher''s');

-- RF-29: vouchers in proportion
INSERT INTO billing.plan (plan, product, currency, fee, term, refund) VALUES ('share', '', 'USD', 31, '1 month', 'prorated');
SELECT billing.grant_voucher(9, 10, '2025-01-01', at => '2024-01-01');
SELECT billing.subscribe(9, 'share', voucher => 'auto', at => '2024-01-01');
SELECT billing.renew_subscription(9, t.sub(9), at => '2024-01-01');
SELECT billing.refund_subscription(9, t.sub(9), at => '2024-01-11 08:00');
SELECT t.same('SELECT quantity, voucher_amount, money FROM billing.orders WHERE account_id = 9 ORDER BY order_id DESC LIMIT 1', 'VALUES (2, -6.77, -45.23)', '21 of 31 days: 21 x 21/31 + 31 money, 10 x 21/31 voucher; RF-25: the day of the refund is not used');
-- one without end, and one that is cancelled for its end
INSERT INTO billing.plan (plan, product, currency, fee, term, refund) VALUES ('free', '', 'USD', 0, NULL, 'prorated');
SELECT billing.subscribe(10, 'free', at => '2024-01-01');
SELECT billing.refund_subscription(10, t.sub(10), at => '2024-01-02');
SELECT is(t.last_order(10), 0::numeric, 'nothing of nothing');
SELECT billing.subscribe(11, 'share', at => '2024-01-01');
SELECT billing.cancel_subscription(11, t.sub(11), at => '2024-01-02');
SELECT billing.refund_subscription(11, t.sub(11), at => '2024-01-17');
SELECT is(t.last_order(11), -15::numeric, 'what was cancelled for its end may still be refunded');
SELECT billing.subscribe(11, 'share', at => '2024-01-01');
SELECT billing.cancel_subscription(11, t.sub(11), at => '2024-01-02');
SELECT is(billing.cancel_subscription(11, t.sub(11), false, at => '2024-01-03'), '2024-01-03'::timestamptz, 'or be cancelled at once');

-- one that waits for its resource
INSERT INTO billing.plan (plan, product, currency, fee, term, starts, provisioned, refund) VALUES ('proxy', 'Aegis', 'USD', 100, '1 month', 'day', true, 'used value');
INSERT INTO billing.plan_allowance (plan, meter, quantity) VALUES ('proxy', 'traffic', 7);
SELECT billing.add_resource(12, 'p1', 'proxy', at => '2024-01-01'), billing.add_resource(13, 'p2', 'proxy', at => '2024-01-01');
SELECT billing.subscribe(12, 'proxy', 'p1', terms => 2, auto_renew => true, at => '2024-01-01');
SELECT t.same('SELECT state, term, paid_terms, renew_at FROM billing.subscriptions WHERE account_id = 12', $$VALUES ('provisioning', NULL::integer, 0, NULL::timestamptz)$$, 'paid, and not begun');
CALL billing.run('2024-06-20');
SELECT t.verify_is_empty();
SELECT billing.activate_resource(12, 'p1', at => '2024-06-20 15:00');
SELECT t.same('SELECT state, term_start, paid_until, renew_at FROM billing.subscriptions WHERE account_id = 12',
	$$VALUES ('active', '2024-06-20 00:00+00'::timestamptz, '2024-08-20 00:00+00'::timestamptz, '2024-08-19 00:00+00'::timestamptz)$$, 'its first term begins with its resource');
SELECT is((SELECT sum(size) FROM billing.allowances WHERE account_id = 12 AND resource = 'p1'), 14::numeric, 'and its allowances');
SELECT billing.subscribe(13, 'proxy', 'p2', at => '2024-01-01');
SELECT t.refuses($$SELECT billing.remove_resource(13, 'p2', at => '2024-06-20')$$, 'UB068', t.sub(13)::text, 'its resource is not removed while it waits');
SELECT ok(t.error_of($$SELECT billing.remove_resource(13, 'p2', at => '2024-06-20')$$) LIKE '%billing.refund_subscription(13, ' || t.sub(13) || ')%', 'the error says how to be rid of it');
SELECT billing.refund_subscription(13, t.sub(13), at => '2024-06-20');
SELECT is(t.balance(13), 100000::numeric, 'what has not begun comes back in full');
SELECT lives_ok($$SELECT billing.remove_resource(13, 'p2', at => '2024-06-20')$$, 'then the resource goes');
INSERT INTO billing.plan (plan, currency, fee, term, provisioned) VALUES ('no refund', 'USD', 100, '1 month', true);
SELECT billing.add_resource(14, 'p3', 'proxy', at => '2024-06-20');
SELECT billing.subscribe(14, 'no refund', 'p3', at => '2024-06-20');
SELECT ok(t.error_of($$SELECT billing.remove_resource(14, 'p3', at => '2024-06-20')$$) LIKE 'UB068|%billing.cancel_subscription(14, ' || t.sub(14) || ')%', 'without a refund, by a cancellation');
SELECT billing.cancel_subscription(14, t.sub(14), at => '2024-06-20');
SELECT lives_ok($$SELECT billing.remove_resource(14, 'p3', at => '2024-06-20')$$, 'which is enough');
SELECT lives_ok($$SELECT billing.remove_resource(12, 'p1', at => '2024-06-20 16:00')$$, 'a plan that has begun runs on without its resource');
CALL billing.run('2024-06-21');
SELECT t.verify_is_empty();
SELECT * FROM finish();
