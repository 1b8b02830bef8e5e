-- Which step of a chain is next, and when it is due: the policies of the seed systems, by their dates.
SET search_path = billing;
SET TimeZone = 'America/Los_Angeles';   -- which must not matter
SET DateStyle = 'ISO';

-- walk applies each step as soon as it is due, or at the first tick from `not_before` on; what counts back moves nothing.
CREATE FUNCTION pg_temp.walk(policy lifecycle_policy, anchor timestamptz, zone text, not_before timestamptz DEFAULT '-infinity')
RETURNS TABLE (step int, action text, argument text, due_utc timestamp, due_local timestamp) LANGUAGE plpgsql AS $$
DECLARE
	due timestamptz;
	applied int := 0;
	applied_at timestamptz;
BEGIN
	LOOP
		SELECT n.step, n.action, n.argument, n.due_at INTO step, action, argument, due
		FROM billing.lifecycle_next(policy, anchor, applied, applied_at, zone) n;
		EXIT WHEN NOT FOUND;
		due_utc := due AT TIME ZONE 'UTC';
		due_local := due AT TIME ZONE zone;
		RETURN NEXT;
		applied := step;
		IF (SELECT s.direction IN ('after', 'immediately') FROM billing.lifecycle_steps(policy) s WHERE s.step = applied) THEN
			applied_at := greatest(due, not_before);
		END IF;
	END LOOP;
END $$;

\echo EdgeOne account: overdue 24 hours, resources kept 60 days
SELECT * FROM pg_temp.walk('notice immediately, suspend after 24 hours, release after 60 days', '2026-01-10 15:20:00+08', 'Asia/Shanghai');
-- 24 hours are elapsed time, so on the day when clocks change they end at another hour; 60 days end at the same.
SELECT * FROM pg_temp.walk('notice immediately, suspend after 24 hours, release after 60 days', '2026-03-28 12:00:00+01', 'Europe/Berlin');
SELECT * FROM pg_temp.walk('notice immediately, suspend after 24 hours, release after 60 days', '2026-10-31 12:00:00-04', 'America/New_York');

\echo Account of a reseller: at once, 15 days
SELECT * FROM pg_temp.walk('suspend immediately, release after 15 days', '2026-02-28 23:59:59.999999+08', 'Asia/Shanghai');
SELECT * FROM pg_temp.walk('suspend immediately, release after 15 days', '2026-03-01 02:30:00-05', 'America/New_York');
SELECT * FROM pg_temp.walk('suspend immediately, release after 15 days', '2026-02-21 02:30:00-05', 'America/New_York');

\echo EdgeOne plan: 7 days before, 7 days of grace, 60 days
SELECT * FROM pg_temp.walk('notice 7 days before, downgrade free after 7 days, suspend immediately, release after 60 days', '2023-07-09 15:20:00+08', 'Asia/Shanghai');
SELECT * FROM pg_temp.walk('notice 7 days before, downgrade free after 7 days, suspend immediately, release after 60 days', '2026-03-29 02:00:00+01', 'Europe/Berlin');
SELECT * FROM pg_temp.walk('notice 7 days before, downgrade free after 7 days, suspend immediately, release after 60 days', '2026-10-25 02:30:00+02', 'Europe/Berlin');

\echo DDoS defender: 24 hours, 7 days
SELECT * FROM pg_temp.walk('suspend after 24 hours, release after 7 days', '2026-01-13 00:00:00+08', 'Asia/Shanghai');
SELECT * FROM pg_temp.walk('suspend after 24 hours, release after 7 days', '2026-03-07 12:00:00-05', 'America/New_York');

\echo Aegis arrears: elastic stops at once
SELECT * FROM pg_temp.walk('restrict elastic immediately, resume auto', '2026-05-05 05:05:05+08', 'Asia/Shanghai');

\echo Aegis expiry: released at 00:00 of day 8
SELECT * FROM pg_temp.walk('notice 7 days before, suspend protection immediately, release after 7 days at 00:00', '2026-03-10 15:20:00+08', 'Asia/Shanghai');
SELECT * FROM pg_temp.walk('notice 7 days before, suspend protection immediately, release after 7 days at 00:00', '2026-03-10 00:00:00+08', 'Asia/Shanghai');
SELECT * FROM pg_temp.walk('notice 7 days before, suspend protection immediately, release after 7 days at 00:00', '2026-03-22 23:30:00+01', 'Europe/Berlin');
SELECT * FROM pg_temp.walk('notice 7 days before, suspend protection immediately, release after 7 days at 00:00', '2026-10-25 15:00:00-04', 'America/New_York');

\echo After an outage each step that has been applied late moves those behind it, but no notice that counts back does
SELECT * FROM pg_temp.walk('notice immediately, suspend after 24 hours, release after 60 days', '2026-01-10 00:00Z', 'UTC', '2026-01-14 09:00Z');
SELECT * FROM pg_temp.walk('suspend after 24 hours, notice 7 days before release, notice 1 day before release, release after 60 days at 08:00', '2026-01-10 00:00Z', 'UTC', '2026-01-14 09:00Z');

\echo Delays of every unit, and what counts back from the release
SELECT * FROM pg_temp.walk('notice 1 month before, notice 2 weeks before, notice 90 minutes before, notice 1 second before, suspend after 1 second, restrict a after 90 minutes, restrict b after 2 weeks, restrict c after 1 month, notice 1 month before release, notice 12 hours before release, notice 1 minute before release, release after 2 months at 07:30',
	'2026-03-31 12:00Z', 'UTC');
SELECT * FROM pg_temp.walk('notice 7 days before, notice 7 days before release, release after 60 days', '2026-03-31 12:00Z', 'UTC');

-- A day forward and a day back may end at the first coming of an hour whose second coming was the beginning.
SELECT * FROM pg_temp.walk('suspend immediately, notice 1 day before release, release after 1 day', '2026-11-01 06:30Z', 'America/New_York');

\echo A time of day is the first from then on, also where clocks skip it or show it twice
SELECT zone, at_time, from_utc, due_at AT TIME ZONE 'UTC' AS due_utc, due_at AT TIME ZONE zone AS due_local
FROM (VALUES
	('UTC', '08:00', '2026-01-01 07:59:59.999999'), ('UTC', '08:00', '2026-01-01 08:00'), ('UTC', '08:00', '2026-01-01 08:00:00.000001'), ('UTC', '00:00', '1999-12-31 00:00:01'),
	('America/New_York', '02:30', '2026-03-08 05:00'), ('America/New_York', '02:30', '2026-03-08 07:30'), ('America/New_York', '02:30', '2026-03-08 07:31'),
	('America/New_York', '01:30', '2026-11-01 05:30'), ('America/New_York', '01:30', '2026-11-01 05:31'), ('America/New_York', '01:30', '2026-11-01 06:31'),
	('Europe/Berlin', '02:30', '2026-10-25 00:00'), ('Europe/Berlin', '02:30', '2026-10-25 01:00'), ('Europe/Berlin', '02:30', '2026-10-25 01:31'),
	('Europe/Berlin', '02:00', '2026-03-29 00:30'), ('Africa/Cairo', '00:00', '2024-04-25 12:00'), ('America/St_Johns', '23:30', '2010-11-07 02:30:30'),
	('Australia/Lord_Howe', '01:45', '2026-04-04 14:44'), ('Australia/Lord_Howe', '01:45', '2026-04-04 14:46'), ('Antarctica/Troll', '01:30', '2026-10-24 23:31')
) v(zone, at_time, from_utc), lifecycle_next(('notice after 1 second at ' || at_time)::lifecycle_policy, (from_utc::timestamp - interval '1 second') AT TIME ZONE 'UTC', 0, NULL, zone);

\echo The oracle: the same sums in SQL, every half hour of the weeks around the changes of the clocks
SELECT zone, delay, count(*), count(*) FILTER (WHERE after.due_at IS DISTINCT FROM _instant((anchor AT TIME ZONE zone) + delay::interval, zone)) AS after_wrong,
	   count(*) FILTER (WHERE before.due_at IS DISTINCT FROM _instant((anchor AT TIME ZONE zone) - delay::interval, zone)) AS before_wrong
FROM unnest(ARRAY['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe']) zone, unnest(ARRAY['1 day', '7 days', '3 weeks', '1 month', '13 months']) delay,
	 unnest(ARRAY['2026-03-01', '2026-03-22', '2026-10-18', '2026-10-25']::timestamptz[]) start,
	 generate_series(start, start + interval '8 days', '30 minutes') anchor,
	 lifecycle_next(('notice after ' || delay)::lifecycle_policy, anchor, 0, NULL, zone) after,
	 lifecycle_next(('notice ' || delay || ' before')::lifecycle_policy, anchor, 0, NULL, zone) before
GROUP BY 1, 2 ORDER BY 1, 2;
-- and hours are elapsed time
SELECT count(*), count(*) FILTER (WHERE due_at IS DISTINCT FROM anchor + interval '36 hours') AS wrong
FROM generate_series('2026-03-20Z'::timestamptz, '2026-04-10Z', '30 minutes') anchor, lifecycle_next('notice after 36 hours', anchor, 0, NULL, 'Europe/Berlin');

\echo The chain counts from the anchor up to its first "after", and from applied_at then; before it applied_at says nothing
SELECT applied, applied_at, n.step, n.action, n.due_at AT TIME ZONE 'UTC' AS due_utc
FROM (VALUES (NULL, NULL), (0, NULL), (0, '2026-02-02 00:00Z'), (1, '2026-02-02 00:00Z'), (2, '2026-02-02 00:00Z'), (3, '2026-02-02 00:00Z'), (4, '2026-02-02 00:00Z'), (5, '2026-02-02 00:00Z'), (6, NULL)) v(applied, applied_at)
LEFT JOIN LATERAL lifecycle_next('notice 7 days before, notice immediately, suspend after 24 hours, notice immediately, notice 1 day before release, release after 60 days',
	'2026-01-10 00:00Z', applied, applied_at::timestamptz, 'UTC') n ON true;

\echo Without a policy, an anchor or a zone nothing is due
SELECT * FROM lifecycle_next(NULL, now(), 0, NULL, 'UTC');
SELECT * FROM lifecycle_next('notice immediately', NULL, 0, NULL, 'UTC');
SELECT * FROM lifecycle_next('notice immediately', now(), 0, NULL, NULL);
-- and in the select list a chain that is over has no row either
SELECT s, lifecycle_next('notice immediately, suspend after 1 day', '2026-01-01Z', s, '2026-01-02Z', 'UTC') FROM generate_series(0, 2) s;

\echo What is refused
SELECT * FROM lifecycle_next('notice immediately', now(), 2, NULL, 'UTC');
SELECT * FROM lifecycle_next('notice immediately', now(), -1, NULL, 'UTC');
SELECT * FROM lifecycle_next('suspend after 1 day, release after 60 days', now(), 1, NULL, 'UTC');
SELECT * FROM lifecycle_next('notice immediately', 'infinity', 0, NULL, 'UTC');
SELECT * FROM lifecycle_next('suspend after 1 day, release after 60 days', now(), 1, '-infinity', 'UTC');
SELECT * FROM lifecycle_next('suspend after 1 day', now(), 0, NULL, 'Mars/Olympus');
\set VERBOSITY terse
SELECT * FROM lifecycle_next('suspend after 10000 months', '294000-01-01Z', 0, NULL, 'UTC');
SELECT * FROM lifecycle_next('suspend after 10000 hours', '294276-12-31Z', 0, NULL, 'UTC');
