-- What should not be possible with what is prepaid: loops, sizes, catalogue changes, instants that lie in the wrong order.
\ir packages.psql
SELECT t.open(n) FROM generate_series(1, 30) n;
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency) VALUES ('nothing', 'vau', 1, '1 month', 0, 'USD');

-- a package of next to nothing that costs nothing, and an event that would renew it a billion times
SELECT billing.purchase_package(n, 'nothing', auto_renew => true, at => '2023-07-01') FROM unnest(ARRAY[1, 2]) n;
CALL billing.run('2023-07-01 10:00');
SELECT t.use(1, 'vau', 1000000000, '2023-07-01 10:30'), t.use(2, 'vau', 3, '2023-07-01 10:30');
SELECT t.use(2, 'vau', 2, '2023-07-01 11:30');
SET statement_timeout = '60s';
CALL billing.run('2023-07-01 12:00');
RESET statement_timeout;
SELECT t.same($$SELECT account_id, count(*), sum(used), count(*) FILTER (WHERE auto_renew) FROM billing.packages WHERE account_id IN (1, 2) GROUP BY account_id ORDER BY account_id$$,
	'VALUES (1, 101, 101, 0), (2, 5, 5, 1)', 'a package renews itself 100 times within an hour, and no more');
SELECT is(t.charged(1, 'vau'), 1000000000 - 101.0, 'the rest is charged by the tariff');
SELECT is((SELECT facts ->> 'reason' FROM billing.notices WHERE account_id = 1 AND kind = 'renewal_failed'), 'it was renewed 100 times within one hour', 'and a notice says so');
SELECT t.verify_is_empty();

-- a voucher that is granted after the order
SELECT billing.grant_voucher(3, 5, '2024-01-01', at => '2023-08-01') AS future \gset
SELECT t.refuses(format($$SELECT billing.purchase_package(3, 'T10', voucher => '%s', at => '2023-07-01 12:00')$$, :future), 'UB034', :'future', 'a voucher does not pay before it is granted');
SELECT t.verify_is_empty();

-- an offer that has packages is immutable, with what they cover
INSERT INTO billing.package_coverage VALUES ('nothing else', 'vau');
SELECT t.refuses(s, 'UB007', 'T10', 'B: an offer that has packages can not be changed: ' || s)
FROM billing.purchase_package(4, 'T10', auto_renew => true, at => '2023-07-02 12:00'), unnest(ARRAY[
	$$DELETE FROM billing.package_offer WHERE offer = 'T10'$$, $$UPDATE billing.package_offer SET price = 0 WHERE offer = 'T10'$$,
	$$UPDATE billing.package_offer SET offer = 'T10' WHERE offer = 'U10'$$, $$INSERT INTO billing.package_coverage VALUES ('T10', 'l4')$$,
	$$UPDATE billing.package_coverage SET offer = 'T10' WHERE offer = 'nothing else'$$]) s;
SELECT lives_ok($$DELETE FROM billing.package_offer WHERE offer = 'U10'$$, 'one that has none can');
SELECT lives_ok($$DELETE FROM billing.package_coverage WHERE offer = 'nothing else'$$, 'and so can what it covers');

-- neither can a row be moved into a plan that has subscriptions
INSERT INTO billing.plan_allowance (plan, meter, quantity) VALUES ('enterprise', 'l4', 10);
SELECT billing.subscribe(5, 'basic', at => '2023-07-02 12:00');
SELECT t.refuses($$UPDATE billing.plan_allowance SET plan = 'basic' WHERE plan = 'enterprise'$$, 'UB007', 'basic', 'an allowance can not be moved into a plan that is used');
SELECT lives_ok($$UPDATE billing.plan_allowance SET quantity = 20 WHERE plan = 'enterprise'$$, 'one of a plan that is not can change');

-- a later row of the offer says its price, and nothing else, of a package that is renewed
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, valid_from, auto_renew_discount, requires_plan, priority)
VALUES ('T10', 'l4', 12, '2 months', 3, 'USD', '2023-07-20', 0.5, '{personal}', 7);
CALL billing.run('2023-08-03');
SELECT t.same($$SELECT meter, size, valid_from, valid_until, price_paid, priority, requires_plan FROM billing.package WHERE account_id = 4 ORDER BY package_id$$,
	$$VALUES ('traffic', 10, '2023-07-02 12:00+00'::timestamptz, '2023-08-02 12:00+00'::timestamptz, 0.95, 0, NULL::text[]),
		('traffic', 10, '2023-08-02 12:00+00', '2023-09-02 12:00+00', 1.50, 0, NULL)$$, 'a renewed package is of the meter and size, and needs what the old one needed');
SELECT t.verify_is_empty();
SELECT * FROM finish();
