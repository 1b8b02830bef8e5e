-- Refunds of subscriptions that were upgraded: what an upgrade has paid is given back by the days that it was paid for.
\ir setup.psql
SELECT billing.install(start => '2023-01-01');
INSERT INTO billing.plan (plan, product, currency, fee, term, rank, refund) VALUES ('low', 'p', 'USD', 31, '1 month', 1, 'prorated'), ('high', 'p', 'USD', 62, '1 month', 2, 'prorated'),
	('top', 'p', 'USD', 124, '1 month', 3, 'prorated'), ('low used', 'u', 'USD', 31, '1 month', 1, 'used value'), ('high used', 'u', 'USD', 62, '1 month', 2, 'used value'),
	('whole', 'w', 'USD', 31, '1 month', 1, 'full'), ('whole high', 'w', 'USD', 62, '1 month', 2, 'full');
CREATE FUNCTION t.sub(account_id bigint) RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT max(s.subscription_id) FROM billing.subscription s WHERE s.account_id = sub.account_id $$;
CREATE FUNCTION t.last_order(account_id bigint) RETURNS numeric LANGUAGE sql STABLE AS
$$ SELECT o.money FROM billing.orders o WHERE o.account_id = last_order.account_id ORDER BY o.order_id DESC LIMIT 1 $$;
SELECT billing.open_account(name => 'a', account_id => n, at => '2023-01-01') FROM generate_series(1, 20) n;
SELECT billing.top_up(n, 10000, at => '2023-01-01') FROM generate_series(1, 20) n;

-- prorated
SELECT billing.subscribe(a, 'low', terms => 2, at => '2023-01-01') FROM unnest(ARRAY[1, 2, 3]) a;
SELECT billing.change_plan(1, t.sub(1), 'high', at => '2023-01-21');
SELECT is(t.last_order(1), 42.0, 'B1.5-47: 31 x 11 of 31 days + 31');
SELECT billing.refund_subscription(1, t.sub(1), at => '2023-01-28');
SELECT t.same('SELECT quantity, money FROM billing.orders WHERE account_id = 1 AND kind = $$refund$$', 'VALUES (2, -70)',
	'B1.5-50, B4-29: 31 x 4/31 and 11 x 4/11, and both of the second term');
SELECT billing.change_plan(2, t.sub(2), 'high', at => '2023-01-21');
SELECT billing.change_plan(2, t.sub(2), 'top', at => '2023-01-26');
SELECT is(t.last_order(2), 74.0, 'a second upgrade: 62 x 6 of 31 days + 62');
SELECT billing.refund_subscription(2, t.sub(2), at => '2023-01-29');
SELECT is(t.last_order(2), -136.0, '31 x 3/31, 11 x 3/11, 12 x 3/6, and all of the second term: 124');
SELECT billing.refund_subscription(3, t.sub(3), at => '2023-01-28');
SELECT is(t.last_order(3), -35.0, 'one that was not upgraded, as ever');

-- the day of the end is no day that is left: nothing is paid for it, nothing comes back
SELECT billing.subscribe(4, 'low', at => '2023-01-01 12:00');
SELECT billing.change_plan(4, t.sub(4), 'high', at => '2023-02-01 08:00');
SELECT is(t.last_order(4), 0.0, 'upgraded on the day of the end');
SELECT billing.refund_subscription(4, t.sub(4), at => '2023-02-01 09:00');
SELECT is(t.last_order(4), 0.0, 'and refunded on it');

-- RF-24: 1040 for 3 months of 380, an upgrade of 1000 after 4 of 90 days, refunded after 9
INSERT INTO billing.plan (plan, product, currency, fee, term, month_end, rank, refund) VALUES ('vpn', 'VPN', 'USD', 380, '1 month', 'days 30', 1, 'used value'),
	('vpn more', 'VPN', 'USD', 380 + 348.837209302, '1 month', 'days 30', 2, 'used value');
INSERT INTO billing.plan_discount VALUES ('vpn', 3, 100.0 / 1140);
SELECT billing.subscribe(5, 'vpn', terms => 3, at => '2023-01-01 12:00');
SELECT is(t.last_order(5), 1040.0, 'RF-24: paid');
SELECT billing.change_plan(5, t.sub(5), 'vpn more', at => '2023-01-05 12:00');
SELECT is(t.last_order(5), 1000.0, 'RF-24: and for the upgrade');
SELECT billing.refund_subscription(5, t.sub(5), at => '2023-01-10 12:00');
SELECT is(t.last_order(5), -1867.86, 'RF-24: 1040 - 380/30 x 9 + 1000 - 1000/(90 - 4) x (9 - 4)');

-- used value: each order for itself
SELECT billing.subscribe(6, 'low used', at => '2023-01-01');
SELECT billing.change_plan(6, t.sub(6), 'high used', at => '2023-01-21');
SELECT billing.refund_subscription(6, t.sub(6), at => '2023-01-28');
SELECT is(t.last_order(6), -8.0, '31 - 31 x 27/31, and 11 - 11 x 7/11');
-- full: all of it
SELECT billing.subscribe(7, 'whole', at => '2023-01-01');
SELECT billing.change_plan(7, t.sub(7), 'whole high', at => '2023-01-21');
SELECT billing.refund_subscription(7, t.sub(7), at => '2023-01-28');
SELECT is(t.last_order(7), -42.0, 'full: with the upgrade');
-- with a voucher on the first order, which the upgrade has no part in
SELECT billing.grant_voucher(8, 10, '2024-01-01', at => '2023-01-01');
SELECT billing.subscribe(8, 'low', voucher => 'auto', at => '2023-01-01');
SELECT billing.change_plan(8, t.sub(8), 'high', at => '2023-01-21');
SELECT billing.refund_subscription(8, t.sub(8), at => '2023-01-28');
SELECT t.same('SELECT voucher_amount, money FROM billing.orders WHERE account_id = 8 AND kind = $$refund$$', 'VALUES (-1.29, -6.71)', '21 x 4/31 + 11 x 4/11 of the wallet''s, 10 x 4/31 lost');
-- waiting for its resource: all terms of the order
INSERT INTO billing.plan (plan, currency, fee, term, provisioned, refund) VALUES ('waits', 'USD', 10, '1 month', true, 'prorated');
SELECT billing.add_resource(9, 'r', 'domain', at => '2023-01-01');
SELECT billing.subscribe(9, 'waits', resource => 'r', terms => 3, at => '2023-01-01');
SELECT billing.refund_subscription(9, t.sub(9), at => '2023-01-28');
SELECT t.same('SELECT quantity, money FROM billing.orders WHERE account_id = 9 AND kind = $$refund$$', 'VALUES (3, -30)', 'one that has not started comes back in full, with the number of its terms');

SELECT t.verify_is_empty();
SELECT t.same('SELECT term, order_id > 0, money, paid_from FROM billing.subscription_payment WHERE account_id = 2 ORDER BY term, order_id', $$VALUES (1, true, 31, '2023-01-01 00:00+00'::timestamptz),
	(1, true, 11, '2023-01-21 00:00+00'), (1, true, 12, '2023-01-26 00:00+00'), (2, true, 31, '2023-02-01 00:00+00'), (2, true, 31, '2023-02-01 00:00+00'), (2, true, 62, '2023-02-01 00:00+00')$$,
	'what each order paid for each term, and from when on');
SELECT t.finds('UPDATE billing.subscription_payment SET money = money - 1 WHERE account_id = 2 AND money = 12', p) FROM unnest(ARRAY['payments and order', 'terms and payments']) p;
SELECT * FROM finish();
