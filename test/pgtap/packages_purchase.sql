-- Buying packages: terms, prices, the flag, vouchers; refunds.  Tests are named by the rules that they replay.
\ir packages.psql
SELECT t.open(n) FROM generate_series(1, 30) n;
SELECT billing.subscribe(n, 'personal', terms => 24, at => '2023-07-01') FROM generate_series(1, 3) n;

-- terms
SELECT billing.purchase_package(1, 'E500', auto_renew => true, at => '2023-07-09 23:00:00');
SELECT t.same($$SELECT valid_from, valid_until, last_second FROM billing.packages WHERE account_id = 1$$,
	$$VALUES ('2023-07-09 23:00:00+00'::timestamptz, '2024-07-09 23:00:00+00'::timestamptz, '2024-07-09 22:59:59+00'::timestamptz)$$,
	'B1.3-29, EO-01, (b-z) bought at 23:00:00: ends 22:59:59');
SELECT billing.purchase_package(2, 'E500', at => '2023-07-09 21:30:00');
SELECT is((SELECT last_second FROM billing.packages WHERE account_id = 2), '2024-07-09 21:29:59'::timestamptz, 'B1.3-29, EO-03');
SELECT billing.purchase_package(4, 'T10', at => '2023-03-31');
SELECT billing.purchase_package(5, 'T10', at => '2024-01-31');
SELECT billing.purchase_package(5, 'T10', at => '2024-02-29 10:00');
SELECT t.same($$SELECT account_id, valid_until FROM billing.package WHERE offer = 'T10' ORDER BY package_id$$,
	$$VALUES (4, '2023-05-01 00:00+00'::timestamptz), (5, '2024-03-02 00:00+00'), (5, '2024-03-29 10:00+00')$$,
	'B2-2, (b-z) the same day is missing in the next month: it spills over; 29 February to 29 March');
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, starts, month_end) VALUES ('day', 'traffic', 1, '1 month', 1, 'USD', 'day', 'clamp'),
	('month', 'traffic', 1, '1 month', 1, 'USD', 'month', 'clamp'), ('days', 'traffic', 1, '1 month', 1, 'USD', 'now', 'days 30');
SELECT billing.open_account(name => 'b', account_id => 40, time_zone => 'Asia/Kolkata', at => '2023-01-01');
SELECT billing.top_up(40, 100);
SELECT billing.purchase_package(40, x, at => '2024-01-31 20:00') FROM unnest(ARRAY['day', 'month', 'days']) x;
SELECT t.same($$SELECT offer, valid_from, valid_until FROM billing.package WHERE account_id = 40 ORDER BY package_id$$,
	$$VALUES ('day', '2024-02-01 00:00 Asia/Kolkata'::timestamptz, '2024-03-01 00:00 Asia/Kolkata'::timestamptz),
		('month', '2024-02-01 00:00 Asia/Kolkata', '2024-03-01 00:00 Asia/Kolkata'), ('days', '2024-01-31 20:00+00', '2024-03-01 20:00+00')$$,
	'(b-x) package start: that second, 00:00 of the day, first of the month, in the account''s zone; months of 30 days');

-- price, the order, and what the wallet pays
SELECT t.same($$SELECT kind, subject, product, quantity, list_price, discount, tax, voucher_amount, money, automatic FROM billing.orders WHERE account_id IN (1, 2) AND subject = 'package' ORDER BY account_id$$,
	$$VALUES ('purchase', 'package', 'E500', 1, 20, 1, 0, 0, 19, false), ('purchase', 'package', 'E500', 1, 20, 0, 0, 0, 20, false)$$,
	'B1.4-35: 5 % off the first purchase with the flag, and only with it');
SELECT is(t.balance(1), 100 - 24 - 19.0, 'the wallet has paid it');
SELECT is((SELECT sum(amount) FROM billing.charges WHERE account_id = 1 AND source = 'fee'), 43.0, 'and its charge is a fee');
SELECT t.same($$SELECT debit, credit, amount, kind FROM billing.ledger WHERE account_id = 1 ORDER BY transfer_id DESC LIMIT 1$$,
	$$VALUES ('wallet', 'deferred', 19, 'purchase')$$, 'wallet → deferred');
SELECT billing.set_auto_renew(1, t.package(1, 1), false, at => '2023-07-10');
SELECT is(t.balance(1), 57.0, 'B1.4-35, (b-z) flag off after a discounted purchase: no discount is reclaimed');
-- several at once
SELECT is((SELECT count(*) FROM billing.purchase_package(6, 'T10', 3, auto_renew => true, at => '2023-07-09')), 3::bigint, 'B1.3-30: an order has a quantity');
SELECT is(t.states(6), '{active,active,"active, renews"}', 'of an order of n the last has the flag');
SELECT is((SELECT array_agg(price_paid ORDER BY package_id) FROM billing.packages WHERE account_id = 6), '{0.95,0.95,0.95}'::numeric[], 'each knows what was paid for it');
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, auto_renew_price) VALUES ('odd', 'traffic', 1, '1 month', 3.333, 'USD', 3.005);
SELECT billing.purchase_package(7, 'odd', 3, at => '2023-07-09');
SELECT is((SELECT array_agg(price_paid ORDER BY package_id) FROM billing.packages WHERE account_id = 7), '{3.33,3.34,3.33}'::numeric[], 'cents are shared by running totals');
SELECT billing.purchase_package(8, 'odd', auto_renew => true, at => '2023-07-09');
SELECT t.same($$SELECT list_price, discount, money FROM billing.orders WHERE account_id = 8$$, 'VALUES (3.33, 0.33, 3.00)', 'auto_renew_price goes before the discount');
-- a key
SELECT is(billing.purchase_package(9, 'T10', 1, key => 'k', at => '2023-07-09'), billing.purchase_package(9, 'T10', 1, key => 'k', at => '2023-07-10'), 'the same key gives the first answer');
SELECT is((SELECT count(*) FROM billing.package WHERE account_id = 9), 1::bigint, 'and buys once');

-- vouchers
SELECT billing.grant_voucher(10, 3, '2024-01-01', at => '2023-07-01') AS small \gset
SELECT billing.purchase_package(10, 'T100', voucher => :'small', at => '2023-07-09');
SELECT t.same($$SELECT list_price, voucher_amount, money FROM billing.orders WHERE account_id = 10$$, 'VALUES (5, 3, 2)', 'B1.3-30: a voucher covers a part, the wallet the rest');
SELECT t.same($$SELECT price_paid, (SELECT voucher_paid FROM billing.package x WHERE x.package_id = p.package_id), t.balance(10) FROM billing.packages p WHERE account_id = 10$$,
	'VALUES (2, 3, 98)', 'and the package knows both');
SELECT billing.purchase_package(11, 'T10', at => '2023-07-09') FROM billing.grant_voucher(11, 3, '2024-01-01', at => '2023-07-01');
SELECT is((SELECT voucher_amount FROM billing.orders WHERE account_id = 11), 0::numeric, 'NULL uses none');
-- the rule of choice, one voucher after the other taken away
SELECT billing.grant_voucher(12, a, e::timestamptz, m, at => '2023-07-01') FROM (VALUES (10, '2024-03-01', 0), (9, '2024-02-01', 0), (8, '2024-02-01', 0), (4, '2024-01-01', 0), (4.5, '2024-01-01', 0),
	(100, '2023-08-01', 6), (200, '2023-07-09', 0)) v(a, e, m);
SELECT billing.purchase_package(12, 'T100', voucher => 'auto', at => '2023-07-09') FROM generate_series(1, 6);
SELECT t.same($$SELECT v.amount, o.voucher_amount, o.money FROM billing.orders o LEFT JOIN billing.voucher v USING (account_id, voucher_id) WHERE o.account_id = 12 ORDER BY order_id$$,
	$$VALUES (8, 5, 0), (9, 5, 0), (10, 5, 0), (10, 5, 0), (4.5, 4.5, 0.5), (4, 4, 1)$$,
	'B2-14: one that covers the order, then earliest expiry, largest part, smallest rest; one of a larger minimum, or expired, is passed over');
SELECT billing.grant_voucher(13, 5, '2024-01-01', products => '{EdgeOne}', at => '2023-07-01');
SELECT billing.purchase_package(13, 'T100', voucher => 'auto', at => '2023-07-09');
SELECT is((SELECT money FROM billing.orders WHERE account_id = 13), 5::numeric, 'one for another product does not pay, and auto goes without');
SELECT billing.grant_voucher(3, 5, '2024-01-01', products => '{EdgeOne}', at => '2023-07-01');
SELECT billing.purchase_package(3, 'E100', voucher => 'auto', at => '2023-07-09');
SELECT is((SELECT money FROM billing.orders WHERE account_id = 3 AND subject = 'package'), 0::numeric, 'one for the offer''s product does');
-- an order that costs nothing
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency) VALUES ('gift', 'traffic', 1, '1 month', 0, 'USD');
SELECT billing.purchase_package(14, 'gift', voucher => v::text, at => '2023-07-09') FROM billing.grant_voucher(14, 5, '2024-01-01', at => '2023-07-01') v;
SELECT t.same($$SELECT money, voucher_amount, remaining FROM billing.orders JOIN billing.voucher USING (account_id) WHERE account_id = 14$$, 'VALUES (0, 0, 5)', 'a gift costs neither');
-- a voucher expires in time
SELECT billing.grant_voucher(15, 5, '2023-07-20 10:30', at => '2023-07-01') AS late \gset
SELECT billing.purchase_package(15, 'T10', voucher => :'late', at => '2023-07-20 10:29:59');
CALL billing.run('2023-07-21');
SELECT t.same($$SELECT debit, credit, amount, at FROM billing.ledger WHERE account_id = 15 AND debit = 'voucher' ORDER BY transfer_id$$,
	$$VALUES ('voucher', 'deferred', 1, '2023-07-20 10:29:59+00'::timestamptz), ('voucher', 'promotion', 4, '2023-07-20 10:30+00')$$, 'what a voucher has left is taken back at its end');

-- refunds
SELECT billing.refund_package(10, t.package(10, 1), at => '2023-07-21');
SELECT t.same($$SELECT kind, list_price, voucher_amount, money, t.balance(10), (SELECT remaining FROM billing.voucher WHERE account_id = 10) FROM billing.orders WHERE account_id = 10 AND kind = 'refund'$$,
	$$VALUES ('refund', -5, -3, -2, 100, 0)$$, 'B1.3-32: unused, unexpired: the full amount; the voucher''s part is lost');
SELECT is(t.states(10), '{refunded}', 'the package is gone');
SELECT billing.refund_package(6, t.package(6, 2), at => '2023-07-21');
SELECT is(t.balance(6), 98.1, 'one of an order of three is given back alone, at what it cost');
SELECT billing.refund_package(6, t.package(6, 3), at => '2023-07-21');
SELECT is(t.states(6), '{active,refunded,refunded}', 'and takes its flag with it');
SELECT billing.purchase_package(6, 'T10', auto_renew => true, at => '2023-07-21');
SELECT is(t.states(6), '{active,refunded,refunded,"active, renews"}', 'so that another may have it');
SELECT t.use(6, 'traffic', 9.5, '2023-07-21 12:00');
SELECT t.use(7, 'traffic', 0.5, '2023-07-20 12:00');
CALL billing.run('2023-07-22');
SELECT is(t.used(6), '{9.5,0,0,0}', 'a refunded package covers nothing');
SELECT t.refuses_all_of_it(format('SELECT billing.refund_package(7, %s, at => %L)', t.package(7, 1), '2023-07-22'), 'UB060', t.package(7, 1)::text, 'B1.3-32, (b-z) used partly: no refund');
SELECT is(billing.refund_package(7, t.package(7, 3), key => 'r', at => '2023-07-22'), billing.refund_package(7, t.package(7, 3), key => 'r', at => '2023-07-23'), 'a refund with a key is given once');
-- an order for the past: its end is found by the next ring
SELECT billing.purchase_package(20, 'T10', at => '2023-02-01');
SELECT billing.purchase_package(21, 'T10', at => '2023-07-21');
SELECT t.use(20, 'traffic', 3, '2023-02-10 10:10');
SELECT t.verify_is_empty();
CALL billing.run('2023-07-23');
SELECT t.same('SELECT t.used(20), t.states(20), t.states(21)', $$VALUES ('{3}'::numeric[], '{expired}'::text[], '{active}'::text[])$$, 'an order for the past covers late usage of its time, and is over');
SELECT t.verify_is_empty();
UPDATE billing.package SET state = 'active' WHERE account_id = 20;
SELECT isnt_empty($$SELECT * FROM billing.verify() WHERE problem = 'package state' AND account_id = 20$$, 'verify() sees one that is still active after that');
UPDATE billing.package SET state = 'expired' WHERE account_id = 20;
SELECT t.verify_is_empty();
SELECT * FROM finish();
