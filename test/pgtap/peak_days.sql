-- Percentiles and peaks of a month, and the days that count: valid days, a day's n-th highest sample, a floor; with the figures that
-- the clouds print.  More of them: peak_vectors.sql.
\ir setup.psql
SELECT billing.install(start => '2021-05-31');
INSERT INTO billing.meter (meter, unit, aggregation, by_valid_days, valid_above) VALUES ('p95', 'Mbps', 'percentile', true, 0.01);
INSERT INTO billing.meter (meter, unit, aggregation, by_valid_days, top_days, day_peak) VALUES ('enhanced', 'Mbps', 'peak_mean', true, 5, 5), ('shared', 'Mbps', 'peak_mean', false, 5, 5);
INSERT INTO billing.price (meter, region, currency, counter, tariff) VALUES
	('p95', '', 'CNY', 'month', 'volume: 550 up to 10, 410 up to 20, 290 up to 50, 220 up to 100, 165 up to 200'),
	('enhanced', '', 'CNY', 'month', 'graduated: 108 beyond'), ('enhanced', 'EIP', 'CNY', 'month', 'graduated min 36000: 120 beyond'),
	('shared', '', 'CNY', 'month', 'graduated: 100 up to 80, 108 beyond');
SELECT billing.open_account(name => 'a', account_id => n, currency => 'CNY', time_zone => 'Asia/Shanghai', credit_limit => 1e9, at => '2021-05-31') FROM generate_series(1, 30) n;
-- samples of five minutes, by the clock of Shanghai
CREATE FUNCTION t.sample(account_id bigint, meter text, quantity numeric, at timestamp, region text DEFAULT '', resource text DEFAULT '') RETURNS SETOF void LANGUAGE sql AS
$$ SELECT t.use(account_id, meter, quantity, at AT TIME ZONE 'Asia/Shanghai', resource, region) $$;

-- NET-15: 60 Mbps by the 95th percentile on 14 of 30 days; a day with no more than 10 kbps is none
SELECT t.sample(7, 'p95', CASE WHEN n = 0 THEN 1000 + d ELSE 60 END, '2021-06-01'::timestamp + d * interval '1 day' + n * interval '5 minutes') FROM generate_series(0, 13) d, generate_series(0, 19) n;
SELECT t.sample(7, 'p95', 0.01, '2021-06-20 10:00');
-- NET-11: the mean of the five highest of the days' fifth highest samples, on 20 of 30 days
INSERT INTO billing.usage (account_id, meter, event_time, event_key, quantity)
SELECT 9, 'enhanced', '2021-06-01 00:00+08'::timestamptz + d * interval '1 day' + n * interval '5 minutes', format('%s/%s', d, n), CASE WHEN n < 4 THEN 1000 ELSE peak END
FROM (SELECT d, (ARRAY[100, 95, 90, 85, 80])[d] AS peak FROM generate_series(1, 5) d UNION ALL SELECT d, 79 FROM generate_series(6, 20) d) v, generate_series(0, 287) n;
-- NET-24: the same against a package of 80 Mbps
SELECT t.sample(14, 'shared', CASE WHEN n = 0 THEN 900 WHEN d > 5 THEN 90 ELSE 105 + 5 * d END, '2021-06-01'::timestamp + d * interval '1 day' + CASE WHEN n = 0 THEN 0 ELSE n + 3 END * interval '5 minutes')
FROM generate_series(1, 7) d, generate_series(0, 5) n;
-- EBW-02: 300 Mbps on 16 of 30 days; and as the floor of a line that had less
SELECT t.sample(n.account_id, 'enhanced', n.mbps, '2021-06-01'::timestamp + d * interval '1 day' + s * interval '5 minutes', 'EIP') FROM (VALUES (10, 300), (11, 250)) n(account_id, mbps), generate_series(1, 16) d, generate_series(1, 5) s;
CALL billing.run('2021-06-30 15:00+00');
SELECT t.same($$SELECT account_id, meter, quantity, exact_amount, posted_amount FROM billing.usage_by_period WHERE closes_at IS NOT NULL ORDER BY 1$$,
	$$VALUES (7, 'p95', 60, 6160, 0), (9, 'enhanced', 90, 6480, 0), (10, 'enhanced', 300, 19200, 0), (11, 'enhanced', 250, 19200, 0), (14, 'shared', 120, 12320, 0)$$,
	'in the last hour of the month the value is visible, and no money has moved');
CALL billing.run('2021-07-01');
SELECT is(t.charged(7), 6160.00, 'NET-15: 60 x 220 x 14 / 30, at the tier that 60 reaches');
SELECT is(t.charged(9), 6480.00, 'NET-11: 90 x 108 x 20 / 30');
SELECT is(t.charged(14), 12320.00, 'NET-24: 80 x 100 + 40 x 108');
SELECT is(t.charged(10), 19200.00, 'EBW-02: 300 x 120 x 16 / 30');
SELECT is(t.charged(11), 19200.00, 'EBW-02: a floor is the tariff''s minimum, and takes its share of the days as well');
SELECT t.same($$SELECT what, quantity, amount FROM billing.explain_charge(7, (SELECT charge_id FROM billing.charges WHERE account_id = 7 AND amount <> 0)) WHERE what IN ('usage', 'tier 4', 'valid days', 'counter after')$$,
	$$VALUES ('usage', 60, NULL), ('tier 4', 60, 13200), ('valid days', NULL, -7040), ('counter after', 60, 6160)$$, 'an explanation tells of the days');
SELECT is((SELECT amount FROM billing.invoice_lines WHERE account_id = 7), 6160::numeric, 'so does the invoice');
SELECT t.verify_is_empty();

-- late: another valid day, and higher fifth samples
SELECT t.sample(7, 'p95', 1, '2021-06-20 10:05'), t.sample(9, 'enhanced', 105, '2021-06-03 12:01'), t.sample(9, 'enhanced', 1000, '2021-06-04 23:58', '', 'other');
CALL billing.run('2021-07-01 03:00');
SELECT is(t.charged(7), 6600.00, 'a day becomes valid: 60 x 220 x 15 / 30');
SELECT is(t.charged(9), 21096.00, 'what comes to a sample is added to it: the fifth of the second day was 95 and is 200, that of the third 90 and is 1000');
SELECT t.verify_is_empty();

-- a day without five samples has a peak of nothing, and is a valid day
SELECT t.sample(12, 'enhanced', 100, '2021-07-01 10:00'::timestamp + n * interval '5 minutes') FROM generate_series(1, 4) n;
SELECT t.sample(12, 'enhanced', 100, '2021-07-02 10:00'::timestamp + n * interval '5 minutes') FROM generate_series(1, 5) n;
CALL billing.run('2021-08-01');
SELECT is((SELECT quantity FROM billing.charges WHERE account_id = 12), 50::numeric, 'the mean of 0 and 100');
SELECT is(t.charged(12), 348.39, '50 x 108 x 2 / 31');
-- beyond a hard end: nobody guesses
SELECT t.sample(13, 'p95', 201, '2021-08-02');
CALL billing.run('2021-08-31 15:00+00');
SELECT t.same('SELECT quantity, exact_amount FROM billing.usage_by_period WHERE account_id = 13', 'VALUES (201, NULL::numeric)', 'one that stands beyond the hard end has a quantity and no amount');
SELECT throws_ok($$INSERT INTO billing.meter (meter, unit, aggregation, by_valid_days) VALUES ('bad', 'x', 'unique', true)$$, '23514', NULL, 'valid days are for percentiles and means of peaks');
SELECT throws_ok($$INSERT INTO billing.meter (meter, unit, aggregation, day_peak) VALUES ('bad', 'x', 'peak_mean', 0)$$, '23514', NULL, 'the highest sample is the first');
SELECT throws_ok($$INSERT INTO billing.meter (meter, unit, aggregation, valid_above) VALUES ('bad', 'x', 'percentile', -1)$$, '23514', NULL, 'nothing is below nothing');
SELECT t.verify_is_empty();
-- verify() sees a share that is not the days'
SELECT t.finds('UPDATE billing.position SET exact_amount = 13200 WHERE account_id = 7', 'window');
SELECT * FROM finish();
