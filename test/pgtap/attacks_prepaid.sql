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
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency) VALUES ('nothing else', 'vau', 1, '1 month', 0, 'USD');
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

-- an option is sold where a row gives it a price: not in another region or currency, not before, not beside what it does not go with
INSERT INTO billing.plan (plan, currency, fee, term) VALUES ('line', 'USD', 10, '1 month');
INSERT INTO billing.plan_price (plan, region, options, currency, valid_from, fee) VALUES ('line', '', '{}', 'EUR', '-infinity', 9),
	('line', '', '{"width": 10}', 'USD', '-infinity', 20), ('line', 'CN', '{"width": 10, "tls": true}', 'USD', '-infinity', 30), ('line', '', '{"width": 20}', 'USD', '2023-09-01', 40);
SELECT billing.open_account(name => 'e', account_id => 50, currency => 'EUR', credit_limit => 100, at => '2023-01-01');
SELECT t.refuses(format('SELECT billing.%s(%s, ''line'', region => %L, options => %L, at => ''2023-08-04'')', f, a, r, o), 'UB042', n, format('no option for nothing: %s in %s of %s', o, r, a))
FROM (VALUES (50, '', '{"width": 10}', 'width'), (6, '', '{"width": 20}', 'width'), (6, 'HK', '{"width": 10, "tls": true}', 'tls'), (6, 'CN', '{"tls": true}', 'tls')) v(a, r, o, n), unnest(ARRAY['subscribe', 'quote_plan']) f;
SELECT billing.subscribe(6, 'line', region => 'CN', options => '{"width": 10, "tls": true}', at => '2023-08-04'), billing.subscribe(6, 'line', options => '{"width": 20}', at => '2023-09-01');
SELECT is(t.charged(6), 70.0, 'what has a price is sold');

-- a plan that waits for its resource starts when that is activated, or at once if it was
INSERT INTO billing.plan (plan, currency, fee, term, provisioned) VALUES ('host', 'USD', 3, '1 month', true);
INSERT INTO billing.plan_allowance (plan, meter, quantity) VALUES ('host', 'l4', 10);
SELECT billing.add_resource(7, x, 'host', at => '2023-08-04') FROM unnest(ARRAY['h', 'i']) x;
SELECT billing.subscribe(7, 'host', 'h', terms => 2, at => '2023-08-04 10:00'), billing.subscribe(7, 'host', 'i', at => '2023-08-04 10:00');
SELECT billing.activate_resource(7, 'h', at => '2023-08-05 11:00');
SELECT billing.activate_resource(7, 'h', at => '2023-08-05 12:00');
SELECT billing.subscribe(7, 'host', 'h', auto_renew => true, at => '2023-08-06 10:00');
SELECT t.same($$SELECT resource, state, anchor, paid_terms, paid_until, renew_at FROM billing.subscription WHERE account_id = 7 ORDER BY subscription_id$$,
	$$VALUES ('h', 'active', '2023-08-05 11:00+00'::timestamptz, 2, '2023-10-05 11:00+00'::timestamptz, NULL::timestamptz), ('i', 'provisioning', '2023-08-04 10:00+00', 0, 'infinity', NULL),
		('h', 'active', '2023-08-06 10:00+00', 1, '2023-09-06 10:00+00', '2023-09-05 10:00+00')$$, 'only what waited for it starts, and once');
SELECT t.use(7, 'l4', 7, '2023-08-05 11:00', 'h'), t.use(7, 'l4', 1, '2023-08-05 10:59:59', 'h');
CALL billing.run('2023-08-06 11:00');
SELECT t.same($$SELECT source, quantity FROM billing.charges WHERE account_id = 7 AND meter = 'l4' ORDER BY source$$, $$VALUES ('allowance', 7), ('tariff', 1)$$, 'and includes what it includes from then on');
SELECT t.verify_is_empty();
SELECT * FROM finish();
