-- Lifecycle policies to JSON and back.
SET search_path = billing;
\pset format unaligned
\pset tuples_only on

SELECT t::lifecycle_policy::jsonb, t::lifecycle_policy::jsonb::lifecycle_policy = t::lifecycle_policy AS same
FROM (VALUES
	('notice immediately, suspend after 24 hours, release after 60 days'),
	('notice 7 days before, downgrade free after 7 days, suspend immediately, release after 60 days'),
	('restrict elastic immediately, resume auto'),
	('notice 7 days before, suspend protection immediately, release after 7 days at 00:00'),
	('suspend immediately, notice 1 week before release, release after 1 month, jump'),
	('suspend "a ""b\/ é" after 1 second')
) v(t);

-- Keys may come in any order; null is none.
SELECT j::jsonb::lifecycle_policy
FROM (VALUES
	('{"catch_up": "walk", "resume": "manual", "steps": [{"when": "immediately", "at": null, "delay": null, "argument": null, "action": "notice"}]}'),
	('{"steps": [{"at": "8:00", "when": "after", "delay": " 01  DAY ", "argument": "x\/y", "action": "suspend"}]}')
) v(j);

-- What is refused, and where.
CREATE FUNCTION pg_temp.refusal(j jsonb, OUT state text, OUT detail text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM j::billing.lifecycle_policy;
	detail := 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	hint := CASE WHEN hint LIKE 'A policy reads like this: %' THEN 'example' ELSE hint END;
END $$;
SELECT j, r.* FROM unnest(ARRAY[
	'null', '[]', '5', '"notice immediately"', '{}', '{"resume": "auto"}', '{"steps": null}', '{"steps": []}', '{"steps": {}}', '{"steps": [5]}', '{"steps": [{}]}',
	'{"steps": [{"action": "notice"}]}', '{"steps": [{"when": "immediately"}]}', '{"steps": [{"action": "warn", "when": "immediately"}]}',
	'{"steps": [{"action": "Notice", "when": "immediately"}]}', '{"steps": [{"action": null, "when": "immediately"}]}', '{"steps": [{"action": 5, "when": "immediately"}]}',
	'{"steps": [{"action": "notice", "when": "now"}]}', '{"steps": [{"action": "notice", "when": "after"}]}', '{"steps": [{"action": "notice", "when": "after", "delay": null}]}',
	'{"steps": [{"action": "notice", "when": "immediately", "delay": "7 days"}]}', '{"steps": [{"action": "notice", "when": "before", "delay": "7 days", "at": "08:00"}]}',
	'{"steps": [{"action": "notice", "when": "immediately", "at": "08:00"}]}', '{"steps": [{"action": "notice", "when": "after", "delay": 7}]}',
	'{"steps": [{"action": "notice", "when": "after", "delay": ""}]}', '{"steps": [{"action": "notice", "when": "after", "delay": "7"}]}',
	'{"steps": [{"action": "notice", "when": "after", "delay": "-7 days"}]}', '{"steps": [{"action": "notice", "when": "after", "delay": "0 days"}]}',
	'{"steps": [{"action": "notice", "when": "after", "delay": "7 days before"}]}', '{"steps": [{"action": "notice", "when": "after", "delay": "10001 days"}]}',
	'{"steps": [{"action": "notice", "when": "after", "delay": "7 days", "at": "24:00"}]}', '{"steps": [{"action": "notice", "when": "after", "delay": "7 days", "at": "08:00 CET"}]}',
	'{"steps": [{"action": "notice", "when": "after", "delay": "7 days", "at": 8}]}', '{"steps": [{"action": "notice", "when": "immediately", "argument": "x"}]}',
	'{"steps": [{"action": "suspend", "when": "immediately", "argument": ""}]}', '{"steps": [{"action": "suspend", "when": "immediately", "argument": 5}]}',
	'{"steps": [{"action": "suspend", "when": "immediately", "argument": "a\nb"}]}', '{"steps": [{"action": "suspend", "when": "immediately", "argument": "a\u007f"}]}',
	'{"steps": [{"action": "suspend", "when": "immediately", "argument": "a123456789012345678901234567890123456789012345678901234567890abc"}]}',
	'{"steps": [{"action": "downgrade", "when": "immediately"}]}', '{"steps": [{"action": "downgrade", "when": "immediately", "argument": null}]}',
	'{"steps": [{"action": "notice", "when": "immediately"}, {"action": "notice", "when": "immediately", "colour": "red"}]}',
	'{"steps": [{"action": "notice", "when": "immediately"}], "caf\u00e9 \"\\": 1}', '{"steps": [{"action": "notice", "when": "immediately"}], "0123456789012345678901234567890123456789é": 1}',
	'{"steps": [{"action": "notice", "when": "immediately"}], "resume": "never"}', '{"steps": [{"action": "notice", "when": "immediately"}], "resume": null}',
	'{"steps": [{"action": "notice", "when": "immediately"}], "catch_up": true}', '{"steps": [{"action": "notice", "when": "immediately"}], "catch_up": "run"}',
	'{"steps": [{"action": "notice", "when": "immediately"}, {"action": "notice", "when": "before", "delay": "7 days"}]}',
	'{"steps": [{"action": "notice", "when": "before", "delay": "7 days"}, {"action": "notice", "when": "before", "delay": "8 days"}]}',
	'{"steps": [{"action": "notice", "when": "before release", "delay": "7 days"}]}',
	'{"steps": [{"action": "release", "when": "immediately"}, {"action": "notice", "when": "immediately"}]}',
	'{"steps": [{"action": "suspend", "when": "immediately"}, {"action": "suspend", "when": "after", "delay": "1 day"}]}'
]::jsonb[]) j, pg_temp.refusal(j) r;
SELECT state, detail, hint FROM pg_temp.refusal(jsonb_build_object('steps',
	(SELECT jsonb_agg(jsonb_build_object('action', 'notice', 'when', 'after', 'delay', i || ' days')) FROM generate_series(1, 33) i)));
\pset format aligned
\pset tuples_only off

-- As a user sees it.
SELECT '{"steps": [{"action": "suspend", "when": "after", "hours": 24}]}'::jsonb::lifecycle_policy;
SELECT '{}'::jsonb::lifecycle_policy;

-- Neither cast happens by itself, but both when a row is stored.
CREATE TEMP TABLE lifecycle_store (p lifecycle_policy, j jsonb);
INSERT INTO lifecycle_store VALUES ('{"steps": [{"action": "notice", "when": "immediately"}]}'::jsonb, 'suspend immediately'::lifecycle_policy);
SELECT * FROM lifecycle_store;
SELECT 'notice immediately'::lifecycle_policy || '{}'::jsonb;
