-- The text of a lifecycle policy: what is read, how it is printed, what is refused and why.
SET search_path = billing;
SET IntervalStyle = 'postgres';
\pset format unaligned
\pset tuples_only on

-- Canonical text: reading it back gives the same bytes.
SELECT t::lifecycle_policy, (t::lifecycle_policy)::text::lifecycle_policy::text = t::lifecycle_policy::text AS same,
	t::lifecycle_policy::text = t AS as_written
FROM (VALUES
	('notice immediately, suspend after 24 hours, release after 60 days'),
	('suspend immediately, release after 15 days'),
	('notice 7 days before, downgrade free after 7 days, suspend immediately, release after 60 days'),
	('suspend after 24 hours, release after 7 days'),
	('restrict elastic immediately, resume auto'),
	('notice 7 days before, suspend protection immediately, release after 7 days at 00:00'),
	('  NOTICE	Immediately
,Suspend  After 0024 Hour ,RELEASE after 60 day Resume Auto JUMP  '),
	('notice immediately walk resume manual'), ('notice immediately, walk, resume manual'),
	('notice immediately, resume manual'), ('notice immediately, jump'), ('notice immediately jump, resume auto'),
	('restrict immediately'), ('restrict "elastic" immediately'), ('restrict Elastic_2-b immediately'), ('restrict 4g immediately'),
	('suspend "7" after 1 days'), ('suspend "after" after 1 seconds'), ('suspend "Release" immediately'), ('suspend "days" immediately'),
	('suspend "-x" immediately'), ('suspend "a b" immediately'), ('suspend "say ""hi""" immediately'), ('suspend """" immediately'),
	('suspend "größe" immediately'), ('suspend ","immediately,suspend" "immediately'), ('downgrade "free" after 1 month'),
	('notice 2 weeks before, notice 14 days before release, release after 1 months'),
	('notice 1 month before, notice 28 days before, notice 24 hours before, notice 1 second before'),
	('notice after 1 minute at 7:05'), ('notice after 1 minute at 23:59, notice after 1 minute at 23:59'), ('notice after 10000 months'),
	('notice 1 day before, restrict 1 day before, restrict a 23 hours before'),
	('suspend immediately, notice after 1 day, notice after 1 day, notice 1 week before release, notice 1 day before release, release after 1 month at 08:00'),
	('release immediately'), ('restrict x immediately, restrict y immediately, suspend immediately, suspend x after 1 day'),
	('restrict a123456789012345678901234567890123456789012345678901234567890ab immediately')
) v(t);


-- What is refused, where, and what was expected.
CREATE FUNCTION pg_temp.refusal(t text, OUT state text, OUT detail text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM t::billing.lifecycle_policy;
	detail := 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	hint := CASE WHEN hint LIKE 'A policy reads like this: %' THEN 'example' ELSE hint END;
END $$;
SELECT t, r.* FROM unnest(ARRAY[
	'', ',', 'resume auto', 'warn immediately', 'notices immediately', 'notice', 'notice,', 'notice immediately,', 'notice immediately, ,',
	'notice immediately;', 'notice immediately suspend immediately', 'notice at once', 'notice now', 'notice x immediately', 'release x immediately',
	'restrict', 'restrict x', 'restrict x y immediately', 'restrict "" immediately', 'restrict "x immediately', 'restrict " immediately', 'restrict é immediately',
	E'restrict "a\tb" immediately', E'restrict "a\x7f" immediately', 'restrict -x immediately', 'suspend after after 1 day',
	'restrict a123456789012345678901234567890123456789012345678901234567890abc immediately',
	'restrict "a12345678901234567890123456789012345678901234567890123456789""bcd" immediately',
	'downgrade immediately', 'downgrade after 7 days', 'downgrade 7 days before',
	'notice after', 'notice after 7', 'notice after days', 'notice after 7 d', 'notice after 7 years', 'notice after 7 dayss', 'notice after 7days', 'notice after a day',
	'notice after 0 days', 'notice after -1 days', 'notice after - 1 days', 'notice after +1 days', 'notice after 1.5 days', 'notice after 10001 seconds',
	'notice after 99999999999999999999999 days', 'notice -7 days before', 'notice 0 days before',
	'notice 7 days', 'notice 7 days after', 'notice 7 before', 'notice 7 days before 8', 'notice 7 days before at 08:00', 'notice immediately at 08:00',
	'notice after 1 day at', 'notice after 1 day at 8', 'notice after 1 day at 8:5', 'notice after 1 day at 08:00:00', 'notice after 1 day at 24:00',
	'notice after 1 day at 24:01', 'notice after 1 day at 12:60', 'notice after 1 day at 008:00', 'notice after 1 day at 08:000', 'notice after 1 day at :00',
	'notice after 1 day at 08:00pm', 'notice after 1 day at -8:00', 'notice after 1 day 08:00',
	'notice immediately resume', 'notice immediately resume never', 'notice immediately auto', 'notice immediately, resume auto, resume auto',
	'notice immediately resume auto resume manual', 'notice immediately walk jump', 'notice immediately walk, walk', 'notice immediately, resume auto,',
	'notice immediately, resume auto, suspend immediately', 'notice immediately, jump suspend immediately', 'resume auto, notice immediately',
	-- order
	'notice immediately, notice 7 days before', 'suspend after 1 day, notice 7 days before, release after 60 days',
	'notice 1 day before, notice 7 days before', 'notice 7 days before, notice 8 days before', 'notice 1 month before, notice 29 days before',
	'notice 1 day before, restrict 24 hours before', 'notice 24 hours before, restrict 1 day before', 'notice 1 month before, notice 2 months before',
	'notice 59 seconds before, notice 1 minute before',
	'notice 7 days before release', 'suspend immediately, notice 7 days before release', 'notice 7 days before release, suspend after 1 day',
	'notice 7 days before release, suspend immediately, release after 60 days', 'notice 7 days before release, release immediately',
	'suspend immediately, notice 1 day before release, notice 7 days before release, release after 60 days',
	'suspend immediately, notice 7 days before release, notice 7 days before, release after 60 days',
	'suspend immediately, notice 61 days before release, release after 60 days', 'suspend immediately, notice 1 month before release, release after 1 month',
	'suspend immediately, notice 24 hours before release, release after 1 day', 'suspend immediately, notice 1 day before release, release after 24 hours',
	'suspend immediately, notice 60 minutes before release, release after 59 minutes',
	'release immediately, notice immediately', 'release after 1 day, release after 1 day', 'release 1 day before', 'release 1 day before release',
	'notice 1 day before, release 1 hour before release',
	-- twice
	'downgrade free immediately, downgrade basic after 1 day', 'suspend immediately, suspend after 1 day', 'suspend x immediately, suspend "x" after 1 day',
	'restrict x 2 days before, restrict x after 1 day', 'notice immediately, notice immediately', 'notice after 1 day, notice immediately',
	'notice immediately, suspend immediately, notice immediately', 'notice 7 days before, notice 1 week before', 'notice 24 hours before, notice 1440 minutes before',
	'suspend immediately, notice 1 day before release, notice 1 day before release, release after 60 days'
]) t, pg_temp.refusal(t) r;
SELECT state, detail, hint
FROM pg_temp.refusal((SELECT string_agg('notice after ' || i || ' days', ', ' ORDER BY i) FROM generate_series(1, 33) i));

-- As many as can be are fine.
SELECT count(*), max(step), max(delay) FROM lifecycle_steps((SELECT string_agg('restrict "' || repeat('"', 118) || lpad(i::text, 4, '0') || '" after 9999 minutes at 23:59', ', ' ORDER BY i)
	FROM generate_series(1, 32) i)::lifecycle_policy);
SELECT p::text::lifecycle_policy = p, p::jsonb::lifecycle_policy = p, length(p::text)
FROM (SELECT string_agg('restrict "' || repeat('"', 118) || lpad(i::text, 4, '0') || '" after 9999 minutes at 23:59', ', ' ORDER BY i)::lifecycle_policy AS p FROM generate_series(1, 32) i) s;
\pset format aligned
\pset tuples_only off

-- As a user sees it.
SELECT 'notice immediately, suspend after 24 hour release after 60 days'::lifecycle_policy;
SELECT 'suspend "größe" after -1 days'::lifecycle_policy;

-- What a policy says of itself.
SELECT * FROM lifecycle_steps('notice 2 weeks before, downgrade free after 7 days, suspend "a b" immediately, notice 90 minutes before release, release after 1 month at 08:30');
SELECT t, lifecycle_resume(t), lifecycle_catch_up(t) FROM unnest(ARRAY['notice immediately', 'notice immediately, resume auto', 'notice immediately, jump']::lifecycle_policy[]) t;

-- Equality is that of the canonical text; delays keep their units.
SELECT a = b AS eq, a <> b AS ne, lifecycle_policy_hash(a) = lifecycle_policy_hash(b) AS hash,
	   lifecycle_policy_hash_extended(a, 7) = lifecycle_policy_hash_extended(b, 7) AS hash_extended
FROM (VALUES
	('notice immediately'::lifecycle_policy, 'NOTICE immediately, walk, resume manual'::lifecycle_policy),
	('suspend "x" after 1 days at 8:00', 'suspend x after 1 day at 08:00'),
	('suspend x after 1 day', 'suspend X after 1 day'),
	('suspend after 24 hours', 'suspend after 1 day'),
	('suspend after 7 days', 'suspend after 1 week'),
	('suspend after 1 day', 'suspend after 1 day at 00:00'),
	('suspend 1 day before', 'suspend after 1 day'),
	('restrict a immediately, restrict bc immediately', 'restrict ab immediately, restrict c immediately'),
	('notice immediately', 'notice immediately, jump'),
	('notice immediately', 'notice immediately, resume auto')) v(a, b);
SELECT t, count(*) FROM unnest(ARRAY['notice immediately', 'Notice immediately', 'notice immediately jump']::lifecycle_policy[]) t
GROUP BY t ORDER BY t::text;
SELECT opcname, amvalidate(oid) FROM pg_opclass WHERE opcname = 'lifecycle_policy_ops';

-- All of it looks at nothing but its arguments (sending and receiving also at the client's encoding), and may run in parallel.
SELECT proname, provolatile, proisstrict, proparallel FROM pg_proc
WHERE pronamespace = 'billing'::regnamespace AND prosrc LIKE 'billing_lifecycle%' AND (provolatile <> 'i' OR NOT proisstrict OR proparallel <> 's') ORDER BY 1;
