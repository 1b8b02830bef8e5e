-- Worked examples of the clouds about peaks, percentiles and configured bandwidth, by their id, through events, settling and charges.
\ir setup.psql
SELECT billing.install(start => '2021-05-31');
SELECT billing.open_account(name => 'a', account_id => n, currency => 'CNY', time_zone => 'Asia/Shanghai', credit_limit => 1000000, at => '2021-05-31') FROM generate_series(1, 40) n \g /dev/null
INSERT INTO billing.meter (meter, unit, aggregation) VALUES ('p95', 'Mbps', 'percentile'), ('cdn', 'Mbps', 'max'), ('live', 'Mbps', 'max'), ('fast', 'Mbps', 'max'), ('peering', 'Mbps', 'max'),
	('cpu', 'core', 'max'), ('memory', 'GB', 'max'), ('disk', 'GB', 'max'), ('transcoding', 'channel', 'max'), ('seats', 'seat', 'max'), ('traffic', 'GB', 'sum');
INSERT INTO billing.meter (meter, unit, aggregation, percent) VALUES ('bytes', 'byte', 'percentile', 100), ('fifth', 'Mbps', 'percentile', 98.5);
INSERT INTO billing.meter (meter, unit, aggregation, top_days) VALUES ('shared', 'Mbps', 'peak_mean', 5);
INSERT INTO billing.meter (meter, unit, aggregation, top_days, by_valid_days) VALUES ('top5', 'Mbps', 'peak_mean', 5, true);
INSERT INTO billing.meter (meter, unit, aggregation, by_valid_days) VALUES ('enhanced', 'Mbps', 'percentile', true), ('baidu', 'Mbps', 'percentile', true);
INSERT INTO billing.meter (meter, unit, aggregation, percent, by_valid_days) VALUES ('streams', 'stream', 'percentile', 100, true);
INSERT INTO billing.meter (meter, unit, aggregation, time_unit) VALUES ('audience', 'Mbps', 'time_weighted', 'second'), ('eip', 'address', 'time_weighted', 'highest');
INSERT INTO billing.price (meter, currency, counter, tariff) VALUES
	('p95', 'CNY', 'month', 'graduated: 1 beyond'), ('baidu', 'CNY', 'month', 'graduated: 1 beyond'),
	('cdn', 'CNY', 'day', 'volume bounds lower: 0.53 up to 500, 0.52 up to 5000, 0.49 up to 50000, 0.48 beyond'),
	('live', 'CNY', 'day', 'volume bounds lower: 0.64 up to 500, 0.62 up to 5000, 0.59 up to 20000, 0.58 beyond'),
	('fast', 'CNY', 'day', 'volume bounds lower: 1.3 up to 500, 1.2 up to 5000, 1.1 beyond'),
	('peering', 'CNY', 'month', 'volume: 20 up to 20, 12 up to 100, 9 up to 500, 7 up to 2000, 5 beyond'),
	('cpu', 'CNY', 'day', 'graduated: 2 beyond'), ('memory', 'CNY', 'day', 'graduated: 0.63333 beyond'), ('disk', 'CNY', 'day', 'graduated: 0.01167 beyond'),
	('shared', 'CNY', 'month', 'graduated min 8000: 100 up to 80, 108 beyond'), ('top5', 'CNY', 'month', 'graduated: 108 beyond'),
	-- the floor: 20 % of a cap of 500 Mbps, for a whole month
	('enhanced', 'CNY', 'month', 'graduated min 12000: 120 beyond'), ('streams', 'CNY', 'month', 'graduated: 30 beyond'), ('seats', 'CNY', 'month', 'graduated: 15 beyond'),
	-- 1 Mbps is 37.5 million bytes in five minutes; it costs 3
	('bytes', 'CNY', 'day', 'graduated: 3 per 37500000 beyond'), ('audience', 'CNY', 'month', 'graduated per 8000: 1 beyond'),
	('fifth', 'CNY', 'day', 'graduated: 1 beyond'), ('eip', 'CNY', 'hour', 'graduated: 0.003 beyond'), ('traffic', 'CNY', 'month', 'graduated: 0.123 beyond');
INSERT INTO billing.price (meter, properties, currency, counter, tariff) VALUES ('transcoding', '{"class": "standard"}', 'CNY', 'day', 'graduated: 0.0048 beyond'), ('transcoding', '{"class": "low"}', 'CNY', 'day', 'graduated: 0.0024 beyond');
-- one sample of five minutes for each number, in an order of its own
CREATE FUNCTION t.samples(account_id bigint, points integer, meter text DEFAULT 'p95') RETURNS void LANGUAGE sql AS
$$ INSERT INTO billing.usage (account_id, meter, event_time, event_key, quantity)
   SELECT samples.account_id, samples.meter, '2021-06-01 00:00+08'::timestamptz + n * interval '5 minutes', 'sample ' || n, (n::bigint * 7919 % samples.points) + 1 FROM generate_series(0, samples.points - 1) n $$;
CREATE FUNCTION t.day(n integer) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$ SELECT '2021-06-01 12:00+08'::timestamptz + (n - 1) * interval '1 day' $$;

SELECT t.use(4, m, q, t.day(1), r) FROM (VALUES ('cdn', 40, ''), ('cdn', 31, ''), ('live', 50, ''), ('fast', 600, ''), ('fast', 590, ''), ('peering', 20, ''), ('peering', 30, ''), ('cpu', 28, ''), ('cpu', 9, ''),
	('memory', 56, ''), ('disk', 1450, '')) v(m, q, r);
-- the days' peaks, which are 100 to 80 on five days and less on fifteen
SELECT t.use(5, 'top5', CASE WHEN n <= 5 THEN 105 - 5 * n ELSE 79 - n END, t.day(n)) FROM generate_series(1, 20) n;
SELECT t.use(6, 'shared', q, t.day(n)) FROM (VALUES (1, 130), (2, 110), (3, 125), (4, 115), (5, 120), (6, 1)) v(n, q);
SELECT t.use(7, 'shared', 20, t.day(1));
-- of twenty samples the highest is dropped; the address was there for sixteen days
SELECT t.use(8, 'enhanced', CASE WHEN n = 9 THEN 9000 WHEN n = 3 THEN 300 ELSE n END, t.day(15 + n - 1)) FROM generate_series(1, 16) n;
SELECT t.use(8, 'enhanced', 5, t.day(20) + n * interval '1 hour') FROM generate_series(1, 4) n;
SELECT t.use(9, 'enhanced', 10, t.day(15));
SELECT t.use(10, 'streams', CASE WHEN n = 4 THEN 20 ELSE 3 END, t.day(n)) FROM generate_series(1, 10) n;
SELECT t.use(11, 'seats', q, t.day(q)) FROM generate_series(1, 3) q;
-- 60, 60 and 30 million bytes in one window are 4 Mbps; 75 million in the next are 2
SELECT t.use(12, 'bytes', q, at) FROM (VALUES (60e6, t.day(1)), (60e6, t.day(1) + interval '1 minute'), (30e6, t.day(1) + interval '299 seconds'), (75e6, t.day(1) + interval '5 minutes')) v(q, at);
SELECT t.use(13, 'audience', q, at) FROM (VALUES (50, t.day(1)), (100, t.day(1) + interval '2 hours'), (0, t.day(1) + interval '3 hours')) v(q, at);
SELECT t.use(14, 'eip', q, at) FROM (VALUES (1, '2021-06-01 09:30+08'::timestamptz), (0, '2021-06-02 00:00+08')) v(q, at);
SELECT t.use(14, 'traffic', 60, '2021-06-01 10:00+08');
SELECT billing.record_usage(15, 'transcoding', q, c || d || q, t.day(d), properties => jsonb_build_object('class', c)) FROM (VALUES ('standard', 1, 100), ('standard', 1, 40), ('low', 1, 100), ('low', 2, 100)) v(c, d, q) \g /dev/null
CALL billing.run('2021-06-29 12:00+08');
SELECT t.same('SELECT quantity, exact_amount FROM billing.usage_by_period WHERE account_id = 5', 'VALUES (90, 6480)', 'NET-11: the running value is visible');
SELECT is(t.charged(5), 0::numeric, 'and nothing is charged before the month closes');
-- most of a month's samples are late: a ring for each of their hours would take half a minute
SELECT t.samples(1, 8640), t.samples(2, 8352), t.samples(3, 100), t.samples(18, 288, 'fifth') \g /dev/null
CALL billing.run('2021-07-01 02:00+08');

SELECT is(t.charged(1, 'p95'), 8640 - 432::numeric, 'ALI-05, PM-12: of 8640 samples 432 are dropped, the 433rd from the top is billed');
SELECT is(t.charged(2, 'p95'), 8352 - 417::numeric, 'ALI-06: of 8352 samples 417 are dropped, the 418th is billed');
SELECT is(t.charged(3, 'p95'), 95::numeric, 'PM-13: the 95th of 100, from below');
SELECT is(t.charged(18, 'fifth'), 284.00, 'NET-11: the fifth largest of the 288 samples of a day');
SELECT is(t.charged(4, 'cdn'), 21.20, 'CDN-08: daily peak of 40');
SELECT is(t.charged(4, 'live'), 32.00, 'LIVE-03: daily peak of 50');
SELECT is(t.charged(4, 'fast'), 720.00, 'LIVE-05: daily peak of 600, in the tier above 500');
SELECT is(t.charged(4, 'peering'), 360.00, 'NET-14: the larger of in and out, which are samples of one meter');
SELECT is(t.charged(4, 'cpu') + t.charged(4, 'memory') + t.charged(4, 'disk'), 108.39, 'NET-19: peaks of the day, three items');
SELECT is(t.charged(5, 'top5'), 6480.00, 'NET-11: the mean of the five highest days is 90; 20 of 30 days');
SELECT is(t.charged(6, 'shared'), 12320.00, 'NET-24: 80 Mbps committed at 100, and 40 at 108');
SELECT is(t.charged(7, 'shared'), 8000.00, 'NET-24: the committed part is due with less');
SELECT is(t.charged(8, 'enhanced'), 19200.00, 'EBW-02: the 95th of 300, for 16 of 30 days');
SELECT is(t.charged(9, 'enhanced'), 400.00, 'B4-24: an enhanced 95th has a floor, here for 1 of 30 days');
SELECT is(t.charged(10, 'streams'), 200.00, 'LIVE-31: the peak of 20, for 10 of 30 days');
SELECT is(t.charged(11, 'seats'), 45.00, 'polar-033: the highest of the period, once');
SELECT is(t.charged(12, 'bytes'), 12.00, 'CDN-09: five minutes of bytes are a bandwidth: bytes x 8 / 300 s');
SELECT is(t.charged(13, 'audience'), 90.00, 'LIVE-01: 50 people for two hours and 100 for one, at 1 Mbps, are 90 GB');
SELECT is((SELECT count(*) FROM billing.charges WHERE account_id = 14 AND meter = 'eip' AND quantity = 1), 15::bigint, 'ALI-10: 09:30 to 24:00 are 15 hours');
SELECT is((SELECT sum(exact_amount) FROM billing.charges WHERE account_id = 14), 7.425, 'ALI-10: 0.045 and 7.38');
SELECT t.same($$SELECT (period_start + interval '8 hours')::date, sum(amount) FROM billing.charges WHERE account_id = 15 GROUP BY 1 HAVING sum(amount) > 0 ORDER BY 1$$,
	$$VALUES ('2021-06-01'::date, 0.72), ('2021-06-02', 0.24)$$, 'VOD-05, VOD-06: on the day of the change both classes in full, then one');
SELECT t.verify_is_empty();

-- July has 31 days
SELECT t.use(16, 'baidu', 100, '2021-07-06 12:00+08'::timestamptz + n * interval '1 day') FROM generate_series(0, 25) n;
SELECT t.use(17, 'p95', n, '2021-07-01 12:00+08'::timestamptz + n * interval '5 minutes') FROM generate_series(1, 40) n;
CALL billing.run('2021-08-01 02:00+08');
SELECT is((SELECT round(sum(c.exact_amount) / 100, 8) FROM billing.charges c WHERE c.account_id = 16), 0.83870968, 'BD-03: 26 of 31 days from the switch on');
SELECT is(t.charged(16, 'baidu'), 83.87, 'BD-03: of 100 Mbps');
SELECT is(t.charged(17, 'p95'), 38.00, 'of 40 samples 2 are dropped');
SELECT t.use(17, 'p95', 1000, '2021-07-02 12:00+08'::timestamptz + n * interval '5 minutes') FROM generate_series(1, 3) n;
CALL billing.run('2021-08-02 02:00+08');
SELECT is(t.charged(17, 'p95'), 1000.00, 'ALI-06: late samples, 43 of which 2 are dropped, post the difference');
SELECT t.verify_is_empty();
SELECT * FROM finish();
