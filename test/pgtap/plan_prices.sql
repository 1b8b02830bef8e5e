-- Prices of plans: the table that holders of a plan have, counted by its terms.
\ir setup.psql
SELECT billing.install(start => '2023-01-01');
INSERT INTO billing.meter VALUES ('traffic', 'GB', 'sum'), ('peak', 'Mbps', 'max');
INSERT INTO billing.plan (plan, product, currency, fee, term, month_end, rank) VALUES ('basic', 'edge', 'USD', 0, '1 month', 'spill', 1), ('site', 'edge', 'USD', 0, '1 month', 'spill', 2),
	('quiet', 'edge', 'USD', 0, '1 month', 'spill', 9);
INSERT INTO billing.plan_allowance (plan, meter, quantity) VALUES ('basic', 'traffic', 3);
INSERT INTO billing.price (meter, plan, currency, counter, tariff) VALUES ('traffic', '', 'USD', 'month', 'volume: 0.2 up to 2, 0.1 beyond'),
	('traffic', 'basic', 'USD', 'term', 'graduated: 1 up to 2, 0.5 beyond'), ('traffic', 'site', 'USD', 'term', 'graduated: 3 beyond'), ('peak', '', 'USD', 'month', 'graduated: 1 beyond');
SELECT billing.open_account(name => 'a', account_id => n, at => '2023-01-01', time_zone => 'Asia/Kolkata') FROM generate_series(1, 6) n;
SELECT billing.top_up(n, 1000, at => '2023-01-01') FROM generate_series(1, 6) n;
SELECT billing.subscribe(1, 'basic', terms => 2, at => '2023-01-15 10:20');

-- B1.2-13, B1.2-14: progressive over the plan's month, from the first unit out of plan
SELECT t.use(1, 'traffic', q, at) FROM (VALUES (4, '2023-01-15 10:20'::timestamptz), (2, '2023-02-10'), (1, '2023-02-15 10:19:59'), (5, '2023-02-15 10:20'), (7, '2023-01-15 10:10'), (4, '2023-03-20')) v(q, at);
CALL billing.run('2023-03-01');
SELECT t.same($$SELECT quantity, amount, period_start FROM billing.charges WHERE account_id = 1 AND source = 'tariff' AND amount <> 0 ORDER BY charge_id$$,
	$$VALUES (1, 1, '2023-01-15 10:20+00'::timestamptz), (0, 0.7, '2022-12-31 18:30+00'), (2, 1.5, '2023-01-15 10:20+00'), (1, 0.5, '2023-01-15 10:20+00'), (2, 2, '2023-02-15 10:20+00')$$,
	'B1.2-13, B1.2-14: tiers over the term, which splits an hour at its second; before it the price of everyone');
SELECT t.verify_is_empty();
CALL billing.run('2023-04-01');
SELECT is((SELECT sum(amount) FROM billing.charges WHERE account_id = 1 AND period_start >= '2023-02-28 18:30+00'), 0.4, 'after its end the price of everyone again');

-- which plan: the one for this resource, then the highest rank, of those with prices
SELECT billing.subscribe(2, 'basic', at => '2023-04-01'), billing.subscribe(2, 'quiet', at => '2023-04-01'), billing.subscribe(3, 'basic', at => '2023-04-01'), billing.subscribe(3, 'site', at => '2023-04-01'),
	billing.add_resource(4, r, 'site', at => '2023-04-01') FROM unnest(ARRAY['www']) r;
SELECT billing.subscribe(4, 'basic', resource => 'www', at => '2023-04-01'), billing.subscribe(4, 'site', at => '2023-04-01');
SELECT t.use(n, 'traffic', 5, '2023-04-02') FROM generate_series(2, 3) n;
SELECT t.use(4, 'traffic', 5, '2023-04-02', 'www'), t.use(4, 'traffic', 5, '2023-04-02', 'api'), t.use(5, 'traffic', 5, '2023-04-02');
CALL billing.run('2023-04-03');
SELECT t.same($$SELECT account_id, resource, quantity, amount FROM billing.charges WHERE source = 'tariff' AND period_start >= '2023-03-31' ORDER BY 1, 2$$,
	$$VALUES (2, '', 2, 2), (3, '', 2, 6), (4, 'api', 5, 15), (4, 'www', 2, 2), (5, '', 5, 0)$$, 'the plan whose prices count');
SELECT is((SELECT amount FROM billing.quote(3, 'traffic', 1, at => '2023-04-03')), 3::numeric, 'a quote knows the plan');
SELECT is((SELECT detail FROM billing.explain_charge(3, (SELECT max(charge_id) FROM billing.charges WHERE account_id = 3)) WHERE what = 'price'),
	'price 3: graduated: 3 beyond; term counter of each account, valid from -infinity', 'so does an explanation');

SELECT t.refuses($$INSERT INTO billing.price (meter, plan, currency, tariff) VALUES ('traffic', 'no', 'USD', 'graduated: 1 beyond')$$, 'UB039', 'no', 'a plan that there is not');
SELECT t.refuses($$INSERT INTO billing.price (meter, currency, counter, tariff) VALUES ('traffic', 'USD', 'term', 'graduated: 1 beyond')$$, '22023', 'traffic', 'terms of no plan');
SELECT t.verify_is_empty();

-- a window is the plan's term, and closes at its end; before the term, and where there is none, it is the month
INSERT INTO billing.meter (meter, unit, aggregation) VALUES ('p95', 'Mbps', 'percentile');
INSERT INTO billing.price (meter, plan, currency, counter, tariff) VALUES ('p95', '', 'USD', 'month', 'graduated: 1 beyond'), ('p95', 'basic', 'USD', 'term', 'graduated: 10 beyond');
SELECT billing.subscribe(6, 'basic', terms => 2, at => '2023-04-20 05:10');
SELECT t.use(a, 'p95', n, '2023-04-20 05:10'::timestamptz + n * interval '5 minutes') FROM generate_series(1, 40) n, unnest(ARRAY[5, 6]) a;
SELECT t.use(6, 'p95', 500, '2023-04-20 05:05'), t.use(6, 'p95', 50, '2023-05-20 05:09:59'), t.use(6, 'p95', 90, '2023-05-20 05:10'), t.use(6, 'p95', 60, '2023-06-20 05:05'), t.use(6, 'p95', 70, '2023-06-20 05:15');
CALL billing.run('2023-05-20 05:00');
SELECT t.same($$SELECT account_id, period_start, period_end, quantity, closes_at FROM billing.usage_by_period WHERE meter = 'p95' AND closes_at IS NOT NULL ORDER BY 1, 2$$,
	$$VALUES (6, '2023-04-20 05:10'::timestamptz, '2023-05-20 05:10'::timestamptz, 38, '2023-05-20 05:10'::timestamptz)$$, 'it waits for the end of the term');
SELECT t.same($$SELECT account_id, period_start, quantity, amount FROM billing.charges WHERE meter = 'p95' ORDER BY 1, 2$$,
	$$VALUES (5, '2023-03-31 18:30'::timestamptz, 38, 38), (6, '2023-03-31 18:30', 500, 500)$$, 'months have closed');
CALL billing.run('2023-05-20 06:00');
SELECT t.same($$SELECT period_start, quantity, amount FROM billing.charges WHERE account_id = 6 AND meter = 'p95' AND amount > 0 AND amount <> 500$$,
	$$VALUES ('2023-04-20 05:10'::timestamptz, 39, 390)$$, 'and closes there, with what lies in it');
CALL billing.run('2023-07-01');
SELECT t.same($$SELECT period_start, quantity, amount FROM billing.charges WHERE account_id = 6 AND meter = 'p95' ORDER BY 1$$,
	$$VALUES ('2023-03-31 18:30'::timestamptz, 500, 500), ('2023-04-20 05:10', 39, 390), ('2023-05-20 05:10', 90, 900), ('2023-05-31 18:30', 70, 70)$$, 'term by term, then the month again');
SELECT t.verify_is_empty();
-- one that comes late opens the term again
SELECT t.use(6, 'p95', 45, '2023-05-19');
CALL billing.run('2023-07-01 02:00');
SELECT is((SELECT sum(amount) FROM billing.charges WHERE account_id = 6 AND meter = 'p95' AND period_start = '2023-04-20 05:10'), 400::numeric, 'read again');
SELECT t.verify_is_empty();
SELECT * FROM finish();
