-- Meters that are read when their counter period closes: percentile, peak_mean, unique.
\ir setup.psql
SELECT billing.install(start => '2020-01-01');
SELECT billing.open_account(name => 'a', account_id => n, at => '2020-01-01') FROM generate_series(1, 5) n;
SELECT billing.open_account(name => 'k', account_id => 9, time_zone => 'Asia/Kolkata', at => '2020-01-01');
INSERT INTO billing.meter (meter, unit, aggregation) VALUES ('p95', 'Mbps', 'percentile'), ('mean', 'Mbps', 'peak_mean'), ('users', 'user', 'unique');
INSERT INTO billing.meter (meter, unit, aggregation, top_days) VALUES ('top5', 'Mbps', 'peak_mean', 5);
INSERT INTO billing.meter (meter, unit, aggregation, percent, by_valid_days) VALUES ('p90', 'Mbps', 'percentile', 90, true);
INSERT INTO billing.meter (meter, unit, aggregation, unique_property) VALUES ('models', 'model', 'unique', 'model');
INSERT INTO billing.price (meter, currency, tariff) SELECT m, 'USD', 'graduated: 1 beyond' FROM unnest(ARRAY['p95', 'mean', 'users', 'top5', 'p90', 'models']) m;
SELECT t.same($$SELECT DISTINCT post FROM billing.price$$, $$VALUES ('counter')$$, 'money moves when the period closes');

-- 100 samples of 5 minutes, 1 to 100: the highest 5 are dropped; two resources of one sample add up
SELECT t.use(1, 'p95', n, '2020-01-05'::timestamptz + n * interval '5 minutes') FROM generate_series(1, 100) n;
SELECT t.use(2, 'p95', n, '2020-01-05'::timestamptz + n * interval '5 minutes', r) FROM generate_series(1, 100) n, unnest(ARRAY['x', 'y']) r;
-- peaks of days: 10, 30, 20 on three days, and a day of nothing, which is none
SELECT t.use(1, 'mean', q, at) FROM (VALUES (10, '2020-01-02 10:00'::timestamptz), (5, '2020-01-02 11:00'), (30, '2020-01-03 00:00'), (20, '2020-01-04 23:59'), (0, '2020-01-06 00:00')) v(q, at);
SELECT t.use(1, 'top5', n, '2020-01-01'::timestamptz + n * interval '1 day') FROM generate_series(1, 9) n;
-- ten samples on two days of thirty-one: the highest is dropped, times 2 / 31
SELECT t.use(1, 'p90', n, '2020-01-05 23:00'::timestamptz + n * interval '10 minutes') FROM generate_series(1, 10) n;
SELECT t.use(1, 'users', 1, '2020-01-05 00:10', u) FROM unnest(ARRAY['ann', 'bob', 'ann', 'cy']) u;
SELECT billing.record_usage(1, 'models', 1, 'm' || n, '2020-01-05 00:10', properties => jsonb_build_object('model', n % 3)) FROM generate_series(1, 10) n;
CALL billing.run('2020-01-31 23:00');
SELECT is_empty('SELECT * FROM billing.charges', 'nothing is charged before the period closes');
SELECT t.verify_is_empty();
CALL billing.run('2020-02-01 01:00');
SELECT t.same('SELECT account_id, meter, quantity, amount FROM billing.charges ORDER BY 1, 2',
	$$VALUES (1, 'mean', 20, 20), (1, 'models', 3, 3), (1, 'p90', 9, 0.58), (1, 'p95', 95, 95), (1, 'top5', 7, 7), (1, 'users', 3, 3), (2, 'p95', 190, 190)$$,
	'what the windows say');
SELECT t.same($$SELECT quantity, amount FROM billing.explain_charge(2, (SELECT charge_id FROM billing.charges WHERE account_id = 2)) WHERE what = 'tier 1'$$, 'VALUES (190, 190)', 'explained');
SELECT is((SELECT count(*) FROM billing.invoices), 2::bigint, 'on the invoices of the month');
SELECT t.verify_is_empty();

-- late samples post the difference, up or down
SELECT t.use(1, 'p95', 1000, '2020-01-06'::timestamptz + n * interval '5 minutes') FROM generate_series(1, 6) n;
SELECT t.use(1, 'mean', 2, '2020-01-20');
SELECT t.use(1, 'users', 1, '2020-01-05 00:10', 'bob');
CALL billing.run('2020-02-01 02:00');
SELECT t.same($$SELECT meter, quantity, amount FROM billing.charges WHERE charge_id > (SELECT max(invoiced_charge_id) FROM billing.account_state WHERE account_id <= 2) ORDER BY 1$$,
	$$VALUES ('mean', 20.0 * 3 / 4 + 0.5 - 20, -4.5), ('p95', 905, 905)$$, 'late: 106 samples of which 5 are dropped, four days in place of three, and nobody new');
SELECT t.verify_is_empty();

-- the result does not depend on when rings come, nor in which pieces usage does
SELECT t.use(3, 'p95', (n * 37) % 101, '2020-02-05'::timestamptz + n * interval '5 minutes') FROM generate_series(1, 60) n;
CALL billing.tick('2020-02-20');
SELECT t.use(3, 'p95', (n * 37) % 101, '2020-02-05'::timestamptz + n * interval '5 minutes') FROM generate_series(61, 90) n;
CALL billing.tick('2020-03-01 05:00');
SELECT t.use(3, 'p95', (n * 37) % 101, '2020-02-05'::timestamptz + n * interval '5 minutes') FROM generate_series(91, 100) n;
SELECT t.use(4, 'p95', (n * 37) % 101, '2020-02-05'::timestamptz + n * interval '5 minutes') FROM generate_series(1, 100) n;
CALL billing.tick('2020-03-10');
SELECT is(t.charged(3), (SELECT percentile_disc(0.95) WITHIN GROUP (ORDER BY (n * 37) % 101) FROM generate_series(1, 100) n)::numeric, 'in pieces');
SELECT is(t.charged(4), t.charged(3), 'and at once, late');

-- by regions, resources, conditions, in the account's month, with a price that changes
INSERT INTO billing.meter (meter, unit, aggregation) VALUES ('link', 'Mbps', 'percentile');
INSERT INTO billing.price (meter, region, currency, scope, properties, valid_from, tariff) VALUES
	('link', '', 'USD', 'resource', '{}', '-infinity', 'graduated: 1 beyond'), ('link', 'EU', 'USD', 'account', '{}', '-infinity', 'graduated: 2 beyond'),
	('link', '', 'USD', 'resource', '{"free": true}', '-infinity', 'graduated: 0 beyond'), ('link', 'EU', 'USD', 'account', '{}', '2020-03-20', 'graduated: 3 beyond');
SELECT t.use(9, 'link', 10, '2020-03-12', 'x', 'US'), t.use(9, 'link', 20, '2020-03-12', 'y', 'US'), t.use(9, 'link', 5, '2020-03-12', 'x', 'EU'), t.use(9, 'link', 6, '2020-03-12', 'y', 'EU'),
	t.use(9, 'link', 7, '2020-03-31 18:29:59', 'x', 'EU'), t.use(9, 'link', 1000, '2020-03-31 18:30', 'x', 'EU'),
	billing.record_usage(9, 'link', 99, 'f', '2020-03-12', 'US', 'x', '{"free": true}');
CALL billing.run('2020-03-31 19:00');
SELECT t.same($$SELECT region, resource, quantity, amount FROM billing.charges WHERE account_id = 9 ORDER BY 1, 2, 3$$,
	$$VALUES ('', 'x', 10, 10), ('', 'x', 99, 0), ('', 'y', 20, 20), ('EU', '', 7, 43), ('EU', '', 11, 0)$$, 'each line and each price reads its own samples, to the end of March in Kolkata; a line is posted by one charge');
SELECT t.refuses($$INSERT INTO billing.price (meter, currency, valid_from, tariff) VALUES ('p95', 'USD', '2020-03-02', 'graduated: 1 beyond')$$, 'UB007', 'p95', 'no price goes back behind what is settled');
SELECT t.refuses($$INSERT INTO billing.price (meter, region, currency, post, tariff) VALUES ('p95', 'EU', 'USD', 'cycle', 'graduated: 1 beyond')$$, '22023', 'p95', 'nor posts with every cycle');
SELECT throws_ok($$INSERT INTO billing.meter (meter, unit, aggregation, percent) VALUES ('bad', 'x', 'percentile', 101)$$, '23514', NULL, 'no percentile above 100');
SELECT t.verify_is_empty();
SELECT * FROM finish();
