-- term_end, term_of: terms are counted from the anchor, on the zone's calendar.
SET search_path = billing;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';

-- The month-end rules, from each of the last days of January, in a common year and in a leap year.
SELECT d AS day, n, term_end(a, n, 'month', 'UTC')::date AS clamp, term_end(a, n, 'month', 'UTC', 'spill')::date AS spill, term_end(a, n, 'month', 'UTC', 'days 30')::date AS days_30
FROM generate_series(28, 31) d, LATERAL (SELECT make_timestamptz(2027, 1, d, 0, 0, 0, 'UTC')) x(a), generate_series(1, 3) n;
SELECT d AS day, term_end(a, 1, 'month', 'UTC')::date AS clamp, term_end(a, 1, 'month', 'UTC', 'spill')::date AS spill, term_end(a, 1, 'month', 'UTC', 'days 30')::date AS days_30
FROM generate_series(28, 31) d, LATERAL (SELECT make_timestamptz(2028, 1, d, 0, 0, 0, 'UTC')) x(a);
-- Months of 30 days, and always from the anchor: the end of term 12 is a year away, whatever the ends on the way.
SELECT n, term_end('2023-03-31', n, 'month', 'UTC')::date AS clamp, term_end('2023-03-31', n, 'month', 'UTC', 'spill')::date AS spill, term_end('2023-03-31', n, 'month', 'UTC', 'days 30')::date AS days_30
FROM generate_series(0, 12) n;
-- 29 February, by years; a year is twelve months under every rule.  1900 and 2100 are no leap years, 2000 was one.
SELECT n, term_end('2096-02-29', n, 'year', 'UTC')::date AS clamp, term_end('2096-02-29', n, 'year', 'UTC', 'spill')::date AS spill, term_end('2096-02-29', n, 'year', 'UTC', 'days 30')::date AS days_30,
	   term_end('2096-02-29', 12 * n, 'month', 'UTC', 'spill')::date AS months
FROM generate_series(1, 4) n;
SELECT term_end('1900-01-31', 1, 'month', 'UTC')::date AS y1900, term_end('2000-01-31', 1, 'month', 'UTC')::date AS y2000, term_end('2100-01-31', 1, 'month', 'UTC', 'spill')::date AS y2100;
-- With the rule clamp a month is an interval's month, for a thousand years and with years and days in the time before our era.
SELECT count(*) AS cases, count(*) FILTER (WHERE term_end(a, n, 'month', 'UTC') <> a + n * interval '1 month') AS differ
FROM generate_series(timestamptz '1600-01-01', '2600-01-01', interval '97 days 5 hours') a, generate_series(0, 60, 5) n;
SELECT count(*) AS cases, count(*) FILTER (WHERE term_end(a, n, 'year', 'UTC') <> a + n * interval '1 year' OR term_end(a, n, 'day', 'UTC') <> a + n * interval '1 day') AS differ
FROM generate_series(timestamptz '4713-01-01 BC', '4713-01-01', interval '3 years 41 days 23:59:59.999999') a, generate_series(0, 60, 7) n;

-- The wall time of the anchor is kept in the zone: terms over a change of clocks are an hour longer or shorter, hours are not.
SELECT term_end('2026-03-01 09:00+01', 1, 'month', 'Europe/Berlin') AS month, term_end('2026-03-28 09:00+01', 1, 'day', 'Europe/Berlin') AS day,
	   term_end('2026-03-28 09:00+01', 24, 'hour', 'Europe/Berlin') AS hours;
-- The day that the zone has counts: this is 1 March in Shanghai, and 28 February in New York.
SELECT term_end('2026-02-28 20:00Z', 1, 'month', 'Asia/Shanghai') AS shanghai, term_end('2026-02-28 20:00Z', 1, 'month', 'America/New_York') AS new_york;

-- Zones at their changes of clocks: a wall time that is left out is moved by what is left out (half an hour on Lord Howe, two in
-- Troll), one that comes twice is its first coming.  The anchor is a week earlier at the same wall time.
CREATE TEMP TABLE change (zone text, kind text, wall timestamp);
INSERT INTO change VALUES ('Europe/Berlin', 'left out', '2026-03-29 02:30'), ('Europe/Berlin', 'twice', '2026-10-25 02:30'),
	('America/New_York', 'left out', '2026-03-08 02:30'), ('America/New_York', 'twice', '2026-11-01 01:30'),
	('Australia/Lord_Howe', 'left out', '2026-10-04 02:15'), ('Australia/Lord_Howe', 'twice', '2026-04-05 01:45'),
	('America/Santiago', 'left out', '2026-09-06 00:00'), ('America/Santiago', 'twice', '2026-04-04 23:30'),
	('Antarctica/Troll', 'left out', '2026-03-29 01:30'), ('Antarctica/Troll', 'twice', '2026-10-25 01:30'),
	('Asia/Kolkata', 'plain', '2026-03-29 02:30'), ('Pacific/Apia', 'left out', '2011-12-30 10:00');
SELECT zone, kind, wall, found, found AT TIME ZONE zone AS shown,
	   (SELECT count(*) FROM generate_series(found - interval '1 day', found - interval '1 minute', interval '1 minute') t WHERE t AT TIME ZONE zone = wall) AS earlier,
	   (SELECT count(*) FROM generate_series(found + interval '1 minute', found + interval '1 day', interval '1 minute') t WHERE t AT TIME ZONE zone = wall) AS later
FROM change, LATERAL (SELECT term_end((wall - interval '7 days') AT TIME ZONE zone, 7, 'day', zone)) x(found);
-- The second coming stays one where it is the anchor itself.
SELECT n, term_end('2026-10-25 02:30+01', n, 'day', 'Europe/Berlin') FROM generate_series(0, 1) n;
-- The start of a day is that of the counter period, every day of 60 years.
SELECT zone, count(*) AS days, count(*) FILTER (WHERE term_start(at, 'day', zone) <> d.period_start OR term_start(at, 'month', zone) <> m.period_start) AS differ
FROM (SELECT DISTINCT zone FROM change WHERE zone <> 'Antarctica/Troll') z, generate_series(timestamptz '1998-01-01 11:00Z', '2058-01-01', interval '1 day 1 hour') at,
	 LATERAL period_of('day', at, zone) d, LATERAL period_of('month', at, zone) m GROUP BY zone ORDER BY zone;

-- term_of: the end belongs to the next term; microseconds count.
SELECT at, t.* FROM (VALUES (timestamptz '2026-01-31 15:00'), ('2026-02-28 14:59:59.999999'), ('2026-02-28 15:00'), ('2026-08-13 20:00')) x(at), term_of('2026-01-31 15:00', at, 'month', 1, 'UTC') t;
SELECT at, t.* FROM (VALUES (timestamptz '2027-03-02 23:00'), ('2027-03-03'), ('2027-03-30 23:00'), ('2027-03-31')) x(at), term_of('2027-01-31', at, 'month', 1, 'UTC', 'spill') t;
SELECT (term_of('2026-01-31 10:00', '2026-04-30 11:00', 'month', 3, 'UTC')).*;
SELECT (term_of('2020-02-29', '2026-02-28', 'year', 2, 'UTC')).*, (term_of('2026-03-28 12:00', '2026-03-30', 'hour', 7, 'Europe/Berlin')).*;
-- The day that Samoa left out is a term without an instant: none is found in it.
SELECT at, t.* FROM (VALUES (timestamptz '2011-12-29 12:00-10'), ('2011-12-30 09:59:59-10'), ('2011-12-31 10:00+14'), ('2012-01-01 12:00+14')) x(at), term_of('2011-12-29 10:00-10', at, 'day', 1, 'Pacific/Apia') t;
-- In Newfoundland clocks went from 00:01 back to 23:01: what follows is in the day before by the clock, and in the next term.
SELECT at, at AT TIME ZONE 'America/St_Johns' AS wall, t.* FROM (VALUES (timestamptz '2010-11-07 02:30:29Z'), ('2010-11-07 02:30:30Z'), ('2010-11-07 03:00Z'), ('2010-11-08 03:30:30Z')) x(at), term_of('2010-11-05 02:30:30Z', at, 'day', 1, 'America/St_Johns') t;
-- From term to term without gaps: each instant lies in the term that is found for it.
SELECT unit, rule, count(*) AS cases, count(*) FILTER (WHERE at < t.term_start OR at >= t.term_end OR t.term_start <> term_end(a, (t.n - 1) * every, unit, zone, rule) OR t.term_end <> term_end(a, t.n * every, unit, zone, rule)) AS differ
FROM unnest(ARRAY['hour', 'day', 'month', 'year']) unit, unnest(ARRAY['clamp', 'spill', 'days 30']) rule, unnest(ARRAY[1, 3]) every, unnest(ARRAY['Europe/Berlin', 'Australia/Lord_Howe']) zone,
	 (VALUES (timestamptz '2027-01-29 23:30Z'), ('2027-01-31 10:00Z'), ('2028-02-29 00:15Z')) x(a), generate_series(a, a + interval '2 years', interval '31 hours 7 minutes') at, term_of(a, at, unit, every, zone, rule) t
GROUP BY unit, rule ORDER BY unit, rule;

-- term_start and last_second.
SELECT term_start('2023-05-09 15:20:00.999+08', 'now', 'Asia/Shanghai'), last_second(term_end('2023-05-09 15:20+08', 2, 'month', 'Asia/Shanghai')) AT TIME ZONE 'Asia/Shanghai' AS shown;
SELECT term_start(at, 'now', 'UTC') AS now, term_start(at, 'day', 'Asia/Kolkata') AS day, term_start(at, 'month', 'Asia/Kolkata') AS month FROM (VALUES (timestamptz '1969-12-31 23:59:59.000001Z'), ('2026-03-31 18:29:59.5Z'), ('2026-03-31 18:30Z')) x(at);
SELECT last_second('infinity') AS stays, last_second('2026-01-01');

-- The edges of time.
SELECT term_end('294276-01-31', 11, 'month', 'UTC'), term_end('4714-11-24 00:00:00+00 BC', 1, 'month', 'UTC'), term_end('4714-11-24 00:00:00+00 BC', 1, 'month', 'Asia/Kolkata');
SELECT term_end(NULL, 1, 'month', 'UTC') IS NULL AS null_in, (term_of(NULL, now(), 'month', 1, 'UTC')).n IS NULL AS null_too;
SELECT (term_of('4700-01-01 BC', '290000-01-01', 'hour', 7, 'UTC')).*;
-- An index may stand on it, as on AT TIME ZONE.
SELECT proname, provolatile, proisstrict, proparallel FROM pg_proc WHERE pronamespace = 'billing'::regnamespace AND proname IN ('term_end', 'term_of', 'term_start', 'last_second', 'days_between', 'prorate') ORDER BY proname;

-- What is refused.
CREATE FUNCTION pg_temp.refused(call text, OUT state text, OUT message text, OUT detail text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'SELECT ' || call;
	message := 'NOT REFUSED';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END $$;
\x on
SELECT call, r.* FROM (VALUES
	($$term_end('2026-01-01', -1, 'month', 'UTC')$$),
	($$term_end('infinity', 1, 'month', 'UTC')$$),
	($$term_end('2026-01-01', 1, 'week', 'UTC')$$),
	($$term_end('2026-01-01', 1, 'months', 'UTC')$$),
	($$term_end('2026-01-01', 1, '', 'UTC')$$),
	($$term_end('2026-01-01', 1, 'month', 'UTC', 'days 31')$$),
	($$term_end('2026-01-01', 1, 'hour', 'UTC', 'Clamp')$$),
	($$term_end('294276-01-31', 12, 'month', 'UTC')$$),
	($$term_end('294276-12-31', 24, 'hour', 'UTC')$$),
	($$term_end('2026-01-01', 2147483647, 'year', 'UTC')$$),
	($$term_of('2026-01-01', '2025-12-31 23:59:59.999999', 'month', 1, 'UTC')$$),
	($$term_of('2026-01-01', 'infinity', 'month', 1, 'UTC')$$),
	($$term_of('2026-01-01', '2026-01-01', 'month', 0, 'UTC')$$),
	($$term_of('2026-01-01', '250000-01-01', 'hour', 1, 'UTC')$$),
	($$term_of('2026-01-01', '2026-01-01', 'month', 2147483647, 'UTC')$$),
	($$term_start('2026-01-01', 'year', 'UTC')$$),
	($$term_start('-infinity', 'day', 'UTC')$$),
	($$last_second('4714-11-24 00:00:00+00 BC')$$),
	($$term_end('2026-01-01', 1, 'hour', 'Mars/Olympus')$$),
	($$term_end('2026-01-01', 0, 'day', 'Mars/Olympus')$$),
	($$term_start('2026-01-01', 'now', 'Mars/Olympus')$$)) x(call), pg_temp.refused(call) r;
