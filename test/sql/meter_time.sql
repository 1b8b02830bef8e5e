-- time_weighted_sum: the integral of a gauge over time, in value times seconds.
SET search_path = billing;
SET TimeZone = 'UTC';

-- 100 GB for 10 days, then 40 GB until the month is over: GB-hours, GB-months and the average, in any order of rows.
SELECT time_weighted_sum(gb, at, '2026-02-01') / 3600 AS gb_hours, time_weighted_sum(gb, at, '2026-02-01') / 86400 / 31 AS average,
	   time_weighted_sum(gb, at, '2026-02-01' ORDER BY at DESC) / 86400 AS gb_days
FROM (VALUES (40, timestamptz '2026-01-11'), (100, '2026-01-01')) x(gb, at);

-- Of samples at one instant the greatest value counts; samples at or after the end do not; a single one holds all the time.
SELECT time_weighted_sum(v, at, '2026-01-01 00:00:10') AS greatest_counts, time_weighted_sum(v, at, '2026-01-01 00:00:10' ORDER BY v DESC) AS also_so
FROM (VALUES (1, timestamptz '2026-01-01 00:00:00'), (5, '2026-01-01 00:00:04'), (3, '2026-01-01 00:00:04')) x(v, at);
SELECT time_weighted_sum(v, at, '2026-01-01 00:00:04') AS at_the_end, time_weighted_sum(v, at, '2026-01-01 00:00:01') AS one_holds,
	   time_weighted_sum(v, at, '2026-01-01') IS NULL AS none_before
FROM (VALUES (1, timestamptz '2026-01-01 00:00:00'), (5, '2026-01-01 00:00:04'), (1000, '2026-01-02')) x(v, at);

-- A microsecond is an exact decimal; so is the time from the first to the last instant there is, and a value of any size.
SELECT time_weighted_sum(0.00000000000000000001, '2026-01-01 00:00:00.000001', '2026-01-01 00:00:00.000002') AS tiny,
	   time_weighted_sum(1, '4713-11-24 00:00:00+00 BC', '294276-12-31 23:59:59.999999+00') AS all_of_time,
	   time_weighted_sum(1e30 + 0.00000000000000000001, '2026-01-01', '2026-02-01') AS large,
	   time_weighted_sum(1e45, '2026-01-01', '2026-01-01 00:00:01.5') AS wide;
SELECT time_weighted_sum(v, timestamptz '2026-01-01 00:00' + n * interval '1 second', '2026-01-01 00:00:02') AS beyond_128_bits
FROM (VALUES (0, 170141183460469231731687303715884105727), (1, 170141183460469231731687303715884105725)) x(n, v);
SELECT time_weighted_sum(v, timestamptz '2026-01-01 00:00' + n * interval '1 hour', '2026-01-01 05:00') / 3600 AS below_zero FROM (VALUES (0, 5), (1, -7), (4, 0)) x(n, v);

-- Sorting: rising, falling, all at once, mixed; the same rows give the same answer.
SELECT count(DISTINCT s) AS answers, min(s) AS answer FROM (
	SELECT time_weighted_sum(v, timestamptz '2026-01-01' + v % 997 * interval '1 second', '2026-01-02' ORDER BY v) AS s FROM generate_series(1, 5000) v
	UNION ALL SELECT time_weighted_sum(v, timestamptz '2026-01-01' + v % 997 * interval '1 second', '2026-01-02' ORDER BY -v) FROM generate_series(1, 5000) v
	UNION ALL SELECT time_weighted_sum(v, timestamptz '2026-01-01' + v % 997 * interval '1 second', '2026-01-02' ORDER BY v % 997, v) FROM generate_series(1, 5000) v
	UNION ALL SELECT time_weighted_sum(v, timestamptz '2026-01-01' + v % 997 * interval '1 second', '2026-01-02' ORDER BY md5(v::text)) FROM generate_series(1, 5000) v) x;

-- By a window: what has been used up to each sample, by day.
SELECT at, time_weighted_sum(v, at, '2026-01-05') OVER (ORDER BY at) / 86400 AS if_it_stayed_so FROM (VALUES (1, timestamptz '2026-01-01'), (2, '2026-01-03'), (0, '2026-01-04')) x(v, at);

-- A row without a value says nothing; the value before it holds on.
SELECT time_weighted_sum(v, at, '2026-01-05') / 86400 AS days FROM (VALUES (1, timestamptz '2026-01-01'), (NULL, '2026-01-03'), (NULL, NULL)) x(v, at);
SELECT time_weighted_sum(NULL, now(), now()) IS NULL AS nothing;

-- What is refused.
SELECT time_weighted_sum(1, NULL, now());
SELECT time_weighted_sum(1, now(), NULL);
SELECT time_weighted_sum(1, '-infinity', now());
SELECT time_weighted_sum(1, 'infinity', now());
SELECT time_weighted_sum(1, now(), 'infinity');
SELECT time_weighted_sum('Infinity', now(), now());
SELECT time_weighted_sum(1, '2026-01-01', timestamptz '2026-01-01' + n * interval '1 day') FROM generate_series(0, 1) n;
