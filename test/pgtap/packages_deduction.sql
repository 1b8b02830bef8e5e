-- How usage is deducted: what a package covers, in which order, and what it does not.  Named by the rules replayed.
\ir packages.psql
SELECT t.open(n) FROM generate_series(1, 70) n;
CALL billing.run('2023-06-20');
-- What a meter's usage of an account came to: source, quantity, units and amount, in the order of its charges.
CREATE FUNCTION t.charges_of(account_id bigint) RETURNS TABLE (source text, n integer, quantity numeric, units numeric, amount numeric) LANGUAGE sql STABLE AS
$$ SELECT c.source, CASE c.source WHEN 'package' THEN (SELECT count(*)::integer FROM billing.package p WHERE p.account_id = c.account_id AND p.package_id <= c.source_id) END,
	sum(c.quantity), sum(c.units), sum(c.amount)
   FROM billing.charges c WHERE c.account_id = charges_of.account_id AND c.source <> 'fee' GROUP BY c.account_id, c.source, c.source_id ORDER BY min(c.charge_id) $$;

-- plan quota, then packages, then pay-as-you-go
SELECT billing.subscribe(1, 'basic', at => '2023-07-01');
SELECT billing.purchase_package(1, 'E100', at => '2023-07-02');
SELECT t.use(1, 'traffic', 200, '2023-07-02 10:30');
-- nearest expiry, although bought later; then smaller size; then smaller number; and priority before all of it
SELECT billing.purchase_package(2, x, at => '2023-07-01') FROM unnest(ARRAY['T500', 'T100']) x;
SELECT billing.purchase_package(2, 'T10', at => '2023-06-20');
SELECT t.use(2, 'traffic', 60, '2023-07-02 10:30');
SELECT billing.purchase_package(3, x, at => '2023-07-01') FROM unnest(ARRAY['T100', 'T10']) x;
SELECT t.use(3, 'traffic', 60, '2023-07-02 10:30');
SELECT billing.purchase_package(4, 'T100', 2, at => '2023-07-01');
SELECT t.use(4, 'traffic', 130, '2023-07-02 10:30');
SELECT billing.purchase_package(5, x, at => '2023-07-01') FROM unnest(ARRAY['T10', 'first']) x;
SELECT t.use(5, 'traffic', 15, '2023-07-02 10:30');
CALL billing.run('2023-07-03');
SELECT t.same('SELECT * FROM t.charges_of(1)', $$VALUES ('allowance', NULL::integer, 50, 50, 0), ('package', 1, 100, 100, 0), ('tariff', NULL, 50, NULL, 5.00)$$,
	'B1.3-28: plan quota, extra packages, pay-as-you-go');
SELECT is(t.used(2), '{0,50,10}', 'B1.3-28, CDN-11, PK-06, (b-z) nearest expiry first, although bought later');
SELECT is(t.used(3), '{50,10}', 'B1.3-28, (b-z) then the smaller specification');
SELECT is(t.used(4), '{100,30}', 'ALI-30, (b-z) equal expiry and size: smaller number');
SELECT is(t.used(5), '{5,10}', 'priority goes before the nearest expiry');
SELECT is(t.states(4), '{exhausted,active}', 'one that is used up is exhausted');
SELECT t.same($$SELECT kind, subject_id = t.package(4, 1)::text FROM billing.notices WHERE account_id = 4$$, $$VALUES ('package_exhausted', true)$$, 'and its account is told');

-- type and region mismatch; validity, half-open, by event_time
SELECT billing.purchase_package(6, 'T100', at => '2023-07-03 10:20');
SELECT t.use(6, m, 1, '2023-07-03 10:30') FROM unnest(ARRAY['l4', 'smart', 'requests', 'peak']) m;
SELECT billing.purchase_package(7, 'T100', at => '2023-07-03 10:20');
SELECT t.use(7, 'traffic', 1, '2023-07-03 10:19:59.999999');
SELECT t.use(7, 'traffic', 2, '2023-07-03 10:20');
SELECT t.use(7, 'traffic', 4, '2023-08-03 10:19:59.999999');
SELECT t.use(7, 'traffic', 8, '2023-08-03 10:20');
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, regions) VALUES ('CN10', 'traffic', 10, '1 month', 1, 'USD', '{CN,US}');
SELECT billing.purchase_package(8, 'CN10', region => 'CN', at => '2023-07-03');
SELECT t.use(8, 'traffic', q, '2023-07-03 10:30', region => r) FROM (VALUES (1, 'CN'), (2, 'US'), (4, '')) v(q, r);
CALL billing.run('2023-07-04');
SELECT is(t.used(6), '{0}', 'B1.3-27, (b-z) type or layer mismatch: no deduction');
SELECT is(t.charged(6) - 5, 0.3 + 0.4 + 0.5, 'B1.3-27: postpaid');
SELECT is(t.used(8), '{1}', '(b-z) region mismatch: no deduction, postpaid');
SELECT is(t.charged(8, 'traffic'), 0.6, 'at the prices of the other regions');
CALL billing.run('2023-08-04');
SELECT is(t.charged(6, 'peak'), 1.0, 'a meter of peaks is none that a package covers');
SELECT is(t.used(7), '{6}', 'validity is half-open: [10:20, 10:20 of the next month)');
SELECT is(t.charged(7, 'traffic'), 0.9, 'usage before and after it is postpaid');
SELECT is(t.states(7), '{expired}', 'B2-5: what is left of it is lost');
-- late usage counts for the time that it happened in, also when the package is over by then
SELECT t.use(7, 'traffic', 16, '2023-07-20 09:00');
SELECT t.use(7, 'traffic', 16, '2023-07-01 09:00');
CALL billing.run('2023-08-05');
SELECT is(t.used(7), '{22}', 'late usage is deducted by its event_time');
SELECT is(t.charged(7, 'traffic'), 2.5, 'that of before the purchase is not');
-- and can still use it up
SELECT t.use(7, 'traffic', 78.25, '2023-07-20 09:00');
SELECT t.use(7, 'traffic', 1, '2023-07-20 09:00');
CALL billing.run('2023-08-06');
SELECT is(t.used(7), '{100}', 'up to its size');
SELECT is(t.charged(7, 'traffic'), 2.63, 'the quantity that is larger than what is left runs over');
SELECT is(t.states(7), '{expired}', 'it stays expired');

-- exhaustion in the middle of a cycle, in the order of the events, whatever their order of arrival
SELECT billing.purchase_package(n, 'T10', at => '2023-08-06') FROM generate_series(10, 11) n;
SELECT t.use(10, 'traffic', q, at::timestamptz, resource => r) FROM (VALUES (4, '2023-08-06 10:40', 'b'), (7, '2023-08-06 10:10', 'a'), (5, '2023-08-06 10:50', 'a')) v(q, at, r);
SELECT t.use(11, 'traffic', 12.5, '2023-08-06 10:10');
CALL billing.run('2023-08-07');
SELECT t.same($$SELECT source, resource, quantity, amount FROM billing.charges WHERE account_id = 10 AND source <> 'fee' ORDER BY source, resource$$,
	$$VALUES ('package', 'a', 7, 0), ('package', 'b', 3, 0), ('tariff', 'a', 5, 0.5), ('tariff', 'b', 1, 0.1)$$, 'B1.4-44, (b-z) exhaustion inside an hour: by event_time');
SELECT is(t.charged(11, 'traffic'), 0.25, 'one event may be partly covered');
-- the tier is chosen by what is uncovered
SELECT billing.purchase_package(12, 'T10', at => '2023-08-07');
SELECT t.use(12, 'traffic', 1010, '2023-08-07 10:10');
CALL billing.run('2023-08-08');
SELECT is(t.charged(12, 'traffic'), 100.0, 'B1.2-14, RCE-01: the overage counter starts with the first unit that is not covered');

-- coverage: factors, several meters, a named region before any
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency) VALUES ('world', 'traffic', 10, '1 month', 1, 'USD'), ('media', 'vau', 100, '1 month', 1, 'USD');
INSERT INTO billing.package_coverage (offer, meter, region, factor) VALUES ('world', 'traffic', '', 1), ('world', 'traffic', 'overseas', 1.8), ('world', 'traffic', 'near', 0.5),
	('media', 'vau', '', 1), ('media', 'requests', '', 2.5), ('media', 'smart', 'US', 10);
SELECT billing.purchase_package(n, 'world', at => '2023-08-08') FROM generate_series(13, 15) n;
SELECT t.use(13, 'traffic', 1, '2023-08-08 10:10', region => 'overseas');
SELECT t.use(13, 'traffic', 1, '2023-08-08 10:20', region => 'near');
SELECT t.use(13, 'traffic', 1, '2023-08-08 10:30', region => 'home');
SELECT t.use(14, 'traffic', 10, '2023-08-08 10:10', region => 'overseas');
SELECT t.use(15, 'traffic', 5, '2023-08-08 10:10', region => 'overseas');
SELECT t.use(15, 'traffic', 7, '2023-08-08 10:20', region => 'near');
SELECT billing.purchase_package(16, 'media', at => '2023-08-08');
SELECT t.use(16, 'vau', 10.5, '2023-08-08 10:10');
SELECT t.use(16, 'requests', 1, '2023-08-08 10:20') FROM generate_series(1, 4);
SELECT t.use(16, 'smart', 3, '2023-08-08 10:30', region => 'US');
SELECT t.use(16, 'smart', 3, '2023-08-08 10:30', region => 'CN');
SELECT t.use(16, 'traffic', 3, '2023-08-08 10:30');
CALL billing.run('2023-08-09');
SELECT is(t.used(13), '{3.3}', '1 GB overseas takes 1.8 GB, one of a cheap region half');
SELECT t.same('SELECT * FROM t.charges_of(14)', $$VALUES ('package', 1, 5.55555555555555555555, 10, 0), ('tariff', NULL::integer, 4.44444444444444444445, NULL::numeric, 0.44)$$,
	'10 GB by 1.8: 5.55555555555555555555, and nothing is left of the package');
SELECT t.same('SELECT * FROM t.charges_of(15)', $$VALUES ('package', 1, 7, 10, 0), ('tariff', NULL::integer, 5, NULL::numeric, 0.50)$$, '5 x 1.8 + 2 x 0.5 = 10');
SELECT is(t.used(16), '{50.5}', 'one package for several meters: 10.5 + 4 requests x 2.5 + 3 x 10');
SELECT is(t.charged(16, 'smart'), 1.2, 'but not for a region that it does not name');
SELECT is(t.charged(16, 'traffic'), 0.3, 'nor for another meter');

-- count meters
SELECT billing.purchase_package(17, 'R3', at => '2023-08-09');
SELECT t.use(17, 'requests', 100, '2023-08-09 10:10') FROM generate_series(1, 5);
CALL billing.run('2023-08-10');
SELECT is(t.used(17), '{3}', 'of a count meter each event is one, whatever its quantity');
SELECT is(t.charged(17, 'requests'), 1.0, 'two of five are left');

-- a plan that ends, does not fit, or is missing
SELECT billing.subscribe(20, 'basic', at => '2023-08-10 10:30');
SELECT billing.purchase_package(20, 'E100', at => '2023-08-10 10:30');
SELECT t.use(20, 'traffic', 60, '2023-08-10 11:00');
SELECT t.use(20, 'traffic', 5, '2023-09-10 10:29');
SELECT t.use(20, 'traffic', 7, '2023-09-10 10:30');
SELECT t.use(20, 'traffic', 9, '2023-09-12 10:30');
CALL billing.run('2023-09-13');
SELECT is(t.used(20), '{15}', 'B1.6-55, B1.3-25, (b-z) from the end of the plan on nothing is deducted');
SELECT is(t.charged(20, 'traffic'), 1.6, 'B1.6-55: usage in the grace period is billed');
SELECT is((SELECT not_deducting FROM billing.packages WHERE account_id = 20), 'no plan that it needs is active', 'and the view says why');
SELECT billing.renew_subscription(20, (SELECT subscription_id FROM billing.subscriptions WHERE account_id = 20), at => '2023-09-13');
SELECT t.use(20, 'traffic', 100, '2023-09-13 00:30');
SELECT t.use(20, 'traffic', 3, '2023-09-12 10:40');
CALL billing.run('2023-09-14');
SELECT is(t.used(20), '{65}', 'B1.6-55 when it is paid again deduction goes on, but not for what was used in the grace, whenever that arrives');
SELECT billing.subscribe(21, 'personal', at => '2023-09-14');
SELECT billing.purchase_package(21, 'E100', at => '2023-09-14');
SELECT billing.cancel_subscription(21, (SELECT subscription_id FROM billing.subscriptions WHERE account_id = 21), at_term_end => false, at => '2023-09-14 10:30');
SELECT billing.subscribe(21, 'enterprise', at => '2023-09-14 10:30');
SELECT t.use(21, 'traffic', 1, '2023-09-14 10:29');
SELECT t.use(21, 'traffic', 2, '2023-09-14 10:31');
CALL billing.run('2023-09-15');
SELECT is(t.used(21), '{1}', 'B1.3-26, (b-z) under an Enterprise plan never');

-- a suspended account: packages keep ageing, and cover nothing
SELECT billing.purchase_package(22, 'T10', at => '2023-09-15');
SELECT billing.adjust(22, -100, 'debt', at => '2023-09-15 10:10');
CALL billing.run('2023-09-16 10:30');
SELECT t.use(22, 'traffic', 1, '2023-09-16 10:09');
SELECT t.use(22, 'traffic', 2, '2023-09-16 10:20');
CALL billing.run('2023-09-16 11:00');
SELECT is((SELECT not_deducting FROM billing.packages WHERE account_id = 22), 'the account is suspended', 'the view says why');
SELECT billing.top_up(22, 100, at => '2023-09-16 11:30');
SELECT t.use(22, 'traffic', 4, '2023-09-16 11:40');
CALL billing.run('2023-10-16');
SELECT is(t.used(22), '{5}', 'B1.6-61: while the account is suspended nothing is deducted, by event_time');
SELECT is(t.states(22), '{expired}', 'B1.6-61, (b-z): its validity keeps running');

-- what is uncovered and has no price waits, and no more of it than that
SELECT billing.purchase_package(23, 'U10', at => '2023-10-16');
SELECT t.use(23, 'unpriced', 12.5, '2023-10-16 10:10');
SELECT t.use(23, 'unpriced', 1, '2023-10-16 10:20');
CALL billing.run('2023-10-17');
SELECT is(t.used(23), '{10}', 'usage without a price is deducted');
SELECT t.same('SELECT quantity FROM billing.unrated_usage WHERE account_id = 23 ORDER BY event_time', 'VALUES (2.5), (1)', 'what is left of it waits for one');
SELECT t.verify_is_empty();
INSERT INTO billing.price (meter, currency, tariff) VALUES ('unpriced', 'USD', 'graduated: 2 beyond');
CALL billing.run('2023-10-18');
SELECT is(t.charged(23, 'unpriced'), 7.0, 'when it comes, 2.5 + 1 are rated');
SELECT t.same('SELECT sum(quantity), sum(units) FROM t.charges_of(23)', 'VALUES (13.5, 10)', 'once');
SELECT is_empty('SELECT * FROM billing.unrated_usage', 'and nothing waits any more');
-- a package bought for that time covers what waits, too
INSERT INTO billing.meter VALUES ('waits', 'GB', 'sum');
SELECT t.use(24, 'waits', 5, '2023-10-18 10:10');
CALL billing.run('2023-10-18 12:00');
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, starts) VALUES ('W3', 'waits', 3, '1 month', 1, 'USD', 'day');
SELECT billing.purchase_package(24, 'W3', at => '2023-10-18 12:30');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('waits', 'USD', 'graduated: 1 beyond');
CALL billing.run('2023-10-19');
SELECT t.same('SELECT * FROM t.charges_of(24)', $$VALUES ('package', 1, 3, 3, 0), ('tariff', NULL::integer, 2, NULL::numeric, 2)$$, '(b-x) package start 00:00 of the day: usage of before the purchase that waits is covered');
-- a package whose validity goes back to before its plan began, inside one hour
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, starts, requires_plan) VALUES ('D10', 'traffic', 10, '1 month', 1, 'USD', 'day', '{basic}');
SELECT billing.subscribe(25, 'basic', at => '2023-10-19 10:42:07');
UPDATE billing.allowance SET size = 0 WHERE account_id = 25;
SELECT billing.purchase_package(25, 'D10', at => '2023-10-19 10:50');
SELECT t.use(25, 'traffic', 5, '2023-10-19 10:04:43');
CALL billing.run('2023-10-19 12:00');
SELECT is(t.used(25), '{0}', 'B1.3-25: usage of before the plan began is not deducted, in the same hour either');
SELECT is(t.charged(25, 'traffic'), 0.5, 'it is postpaid');
UPDATE billing.allowance SET size = 50 WHERE account_id = 25;
SELECT t.verify_is_empty();
SELECT * FROM finish();
