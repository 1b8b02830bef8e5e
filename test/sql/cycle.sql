-- Cycles: UTC hours since 1970-01-01 00:00 UTC, whatever the session's time zone.
SET TimeZone = 'Asia/Kolkata';
SET DateStyle = 'ISO, YMD';

SELECT at AT TIME ZONE 'UTC' AS utc, billing.cycle_of(at)
FROM (VALUES (timestamptz '1970-01-01 00:00+00'), ('1970-01-01 00:59:59.999999+00'), ('1970-01-01 01:00+00'),
	('1969-12-31 23:59:59.999999+00'), ('1969-12-31 23:00+00'), ('1969-12-31 22:59:59.999999+00'),
	('1999-12-31 23:59:59.999999+00'), ('2000-01-01 00:00+00'), ('2025-01-01 00:00+00'),
	('2024-02-29 23:30+00'), ('4714-11-24 00:00+00 BC'), ('246953-10-09 07:59:59.999999+00')) v(at);

SELECT cycle, billing.cycle_start(cycle) AT TIME ZONE 'UTC' AS utc FROM (VALUES (0), (-1), (1), (262968), (482136), (2147483647)) v(cycle);

-- they are each other's inverse, and a cycle is half-open
SELECT count(*), count(*) FILTER (WHERE billing.cycle_of(billing.cycle_start(c)) = c
	AND billing.cycle_of(billing.cycle_start(c + 1) - interval '1 microsecond') = c) AS right
FROM generate_series(-50000000, 50000000, 9973) c;
-- the hours of a day whose clocks are set forward
SELECT count(DISTINCT billing.cycle_of(h)) FROM generate_series(timestamptz '2025-03-30 00:00+01', '2025-03-30 23:59+02', '10 minutes') h;

SELECT billing.cycle_of('infinity');
SELECT billing.cycle_of('-infinity');
SELECT billing.cycle_of('246953-10-09 08:00+00');
SELECT billing.cycle_of('294276-12-31 23:59+00');
SELECT billing.cycle_start(-2147483648);
SELECT billing.cycle_of(NULL), billing.cycle_start(NULL);

-- What keeps COPY and INSERT fast, and indexes possible.
SELECT p.oid::regprocedure, p.provolatile, p.proparallel, p.proisstrict
FROM pg_proc p WHERE p.pronamespace = 'billing'::regnamespace AND p.proname IN ('cycle_of', 'cycle_start', 'open_cycle', '_advance', '_drain')
ORDER BY p.proname COLLATE "C";
