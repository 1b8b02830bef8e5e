-- usage_by_period: what positions say while their period runs.
\ir setup.psql
SELECT billing.install(start => '2020-01-01');
SELECT billing.open_account(name => 'a', account_id => n, at => '2020-01-01') FROM generate_series(1, 2) n;
INSERT INTO billing.meter (meter, unit, aggregation) VALUES ('sum', 'GB', 'sum'), ('peak', 'Mbps', 'max'), ('p95', 'Mbps', 'percentile'), ('level', 'GB-hour', 'time_weighted'), ('users', 'user', 'unique');
INSERT INTO billing.price (meter, currency, tariff) SELECT m, 'USD', 'graduated: 2 up to 10, 1 beyond' FROM unnest(ARRAY['sum', 'peak', 'p95', 'users']) m;
INSERT INTO billing.price (meter, currency, valid_from, scope, tariff) VALUES ('level', 'USD', '-infinity', 'resource', 'graduated: 1 beyond'), ('level', 'USD', '2020-01-02 12:00', 'resource', 'graduated: 3 beyond');
SELECT t.use(1, 'sum', 11, '2020-01-02 10:00'), t.use(1, 'peak', 5, '2020-01-02 10:00'), t.use(1, 'level', 4, '2020-01-02 10:00', 'x'), t.use(2, 'level', 1, '2020-01-02 10:30', 'x'),
	t.use(1, 'users', 1, '2020-01-02 10:00', u) FROM unnest(ARRAY['ann']) u;
SELECT t.use(1, 'p95', n, '2020-01-02 10:00'::timestamptz + n * interval '5 minutes') FROM generate_series(1, 20) n;
CALL billing.run('2020-01-02 11:00');
SELECT t.same('SELECT account_id, meter, resource, quantity, exact_amount, posted_amount, closes_at FROM billing.usage_by_period ORDER BY 1, 2',
	$$SELECT a, m, r, q, x, p, CASE WHEN m <> 'sum' THEN '2020-02-01'::timestamptz END FROM (VALUES (1, 'level', 'x', 4, 4, 0), (1, 'p95', '', 11, 21, 0), (1, 'peak', '', 5, 10, 0), (1, 'sum', '', 11, 21, 21),
		(1, 'users', '', 1, 2, 0), (2, 'level', 'x', 0.5, 0.5, 0)) v(a, m, r, q, x, p) ORDER BY 1, 2$$, 'totals, peaks and windows, as of the hours that are settled');
CALL billing.run('2020-01-02 14:00');
SELECT is((SELECT quantity FROM billing.usage_by_period WHERE meter = 'p95'), 19::numeric, 'more samples: one of 20 is dropped');
SELECT t.same($$SELECT quantity, exact_amount FROM billing.usage_by_period WHERE meter = 'level' AND account_id = 1$$, 'VALUES (8, 8)', 'a level runs on, under the price of its time');
CALL billing.run('2020-02-01 01:00');
SELECT t.same($$SELECT quantity, exact_amount, posted_amount, closes_at FROM billing.usage_by_period WHERE meter = 'level' AND account_id = 1 ORDER BY period_start, price_id$$,
	$$VALUES (8::numeric, 8::numeric, 0::numeric, NULL::timestamptz), (2832, 8496, 8504, NULL), (4, 12, 0, '2020-03-01')$$, 'closed, and the next period');
SELECT is((SELECT sum(exact_amount) FROM billing.usage_by_period WHERE closes_at IS NULL), (SELECT sum(exact_amount) FROM billing.charges), 'what has closed is what was charged');
SELECT t.same($$SELECT unit, currency, region FROM billing.usage_by_period WHERE meter = 'peak'$$, $$VALUES ('Mbps', 'USD', '')$$, 'with unit, currency and region');

-- beyond a hard end there is no amount, and all others have theirs
INSERT INTO billing.meter (meter, unit, aggregation) VALUES ('short', 'Mbps', 'percentile');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('short', 'USD', 'graduated: 1 up to 10');
SELECT t.use(1, 'short', 10, '2020-02-01 10:00'), t.use(2, 'short', 11, '2020-02-01 10:00');
CALL billing.run('2020-02-01 12:00');
SELECT t.same($$SELECT account_id, meter, quantity, exact_amount FROM billing.usage_by_period WHERE closes_at IS NOT NULL ORDER BY 1, 2$$,
	$$VALUES (1, 'level', 48, 144), (1, 'short', 10, 10), (2, 'level', 12, 36), (2, 'short', 11, NULL)$$, 'a window beyond the hard end of its tariff');
SELECT t.verify_is_empty();
SELECT * FROM finish();
