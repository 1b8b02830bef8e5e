-- Calls that bear one instant may come in any order; late and early rings lose and double nothing; an outage is caught
-- up with; the live clock does what the test clock does.
\ir setup.psql
-- 80 of the 6,000 runs; all of them take a quarter of an hour
\set programs 8
\set every 11
\getenv long BILLING_LONG
\if :{?long}
\if :long
\set programs 50
\set every 1
\endif
\endif
SELECT billing.install(start => '2026-01-01');
INSERT INTO billing.lifecycle (policy, rule) VALUES
	('auto', 'notice immediately, restrict elastic immediately, suspend after 1 hour, release after 60 days, resume auto'),
	('jump', 'notice immediately, suspend after 24 hours, release after 60 days, jump');
SELECT billing.open_account(name => 'a', account_id => n, policy => (ARRAY['account', 'auto', 'elastic_arrears', 'reseller'])[n], at => '2026-01-01'),
	billing.add_resource(n, 'www', 'domain', at => '2026-01-01'), billing.activate_resource(n, 'www', at => '2026-01-01'),
	billing.add_resource(n, 'shield', 'elastic', at => '2026-01-01'), billing.activate_resource(n, 'shield', at => '2026-01-01')
FROM generate_series(1, 4) n;

-- what an account is, but for history, which tells what happened, and notices, which were written when they were
CREATE FUNCTION t.picture() RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(line, E'\n' ORDER BY line) FROM (
	SELECT (s.account_id, s.balance, s.state, s.state_since, s.overdue_since, s.lifecycle_id, s.step, s.applied_at, s.next_at)::text
		FROM billing.account_state s WHERE s.state <> 'active'
	UNION ALL SELECT (s.account_id, s.balance, s.state, s.overdue_since, s.next_at)::text FROM billing.account_state s WHERE s.state = 'active'
	UNION ALL SELECT r::text FROM (SELECT r.account_id, r.resource, r.state, r.since, r.held_by FROM billing.resources r) r
	UNION ALL SELECT (p.account_id, p.suspended_from, p.suspended_until)::text FROM billing.suspension p) x(line) $$;
CREATE FUNCTION t.permutations(n integer) RETURNS SETOF integer[] LANGUAGE sql AS
$$ WITH RECURSIVE p(a) AS (SELECT ARRAY[]::integer[] UNION ALL SELECT a || i FROM p, generate_series(1, n) i WHERE i <> ALL (a)) SELECT a FROM p WHERE cardinality(a) = n $$;

-- The calls of a program run in an order, and are undone; a picture of what they left, and of an hour and 100 days later.
CREATE FUNCTION t.outcome(before text[], calls text[], ordering integer[]) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	seen text := '';
	wrong bigint := 0;
	c text;
BEGIN
	BEGIN
		FOREACH c IN ARRAY before LOOP EXECUTE c; END LOOP;
		FOR i IN 1 .. cardinality(ordering) LOOP EXECUTE calls[ordering[i]]; END LOOP;
		seen := t.picture();
		CALL billing.run('2026-01-20 11:00');
		seen := seen || t.picture();
		CALL billing.run('2026-04-20');
		seen := seen || t.picture();
		SELECT count(*) INTO wrong FROM billing.verify();
		RAISE EXCEPTION 'undo';
	EXCEPTION WHEN raise_exception THEN
		RETURN CASE WHEN wrong > 0 THEN 'verify: ' || wrong ELSE md5(seen) END;
	END;
END
$$;
-- A seeded program: where an account stands before, and five calls at one instant.
CREATE FUNCTION t.program(seed integer, OUT before text[], OUT calls text[]) LANGUAGE plpgsql AS
$$
DECLARE
	n integer;
	a text := ' at => ''2026-01-20 10:00'')';
BEGIN
	PERFORM setseed(seed / 1000.0);
	n := 1 + floor(random() * 4);
	before := ARRAY[format('SELECT billing.adjust(%s, %s, ''x'', at => ''2026-01-%s'')', n, (ARRAY[-10, -5, 5])[1 + floor(random() * 3)::integer], 10 + floor(random() * 10)),
		'CALL billing.run(''2026-01-20 10:00'')'];
	FOR i IN 1 .. 5 LOOP
		calls := calls || (ARRAY[
			format('SELECT billing.top_up(%s, %s,', n, 1 + floor(random() * 14)) || a,
			format('SELECT billing.adjust(%s, -%s, ''x'',', n, 1 + floor(random() * 14)) || a,
			format('SELECT billing.adjust(%s, %s, ''x'',', n, 1 + floor(random() * 5)) || a,
			format('SELECT billing.top_up(%s, %s,', n, 5 * (1 + floor(random() * 2))) || a,
			'CALL billing.tick(''2026-01-20 10:00'')'])[CASE WHEN i = 5 THEN 5 ELSE 1 + floor(random() * 4)::integer END];
	END LOOP;
END
$$;
CREATE TABLE t.result AS
SELECT s AS seed, count(DISTINCT o.outcome) AS outcomes, count(*) AS orders, min(o.outcome) AS outcome
FROM generate_series(1, :programs) s
CROSS JOIN LATERAL t.program(s) p
CROSS JOIN LATERAL (SELECT t.outcome(p.before, p.calls, a) AS outcome FROM t.permutations(5) WITH ORDINALITY q(a, n) WHERE n % :every = 0) o GROUP BY s;
SELECT is((SELECT min(orders) FROM t.result), (120 / :every)::bigint, 'orders of five calls at one instant, all 120 at full size');
SELECT is_empty('SELECT r.*, t.program(seed) FROM t.result r WHERE outcomes <> 1 OR outcome LIKE ''verify%''', 'end in one state, then, an hour and 100 days later');
SELECT cmp_ok((SELECT count(DISTINCT outcome) FROM t.result), '>', 1::bigint, 'which is not the same for all programs');
-- the hardest one: suspended, paid, and in debt again at one instant
SELECT is((SELECT count(DISTINCT t.outcome(ARRAY['SELECT billing.adjust(2, -10, ''x'', at => ''2026-01-20 08:00'')', 'CALL billing.run(''2026-01-20 10:00'')'],
	ARRAY['SELECT billing.top_up(2, 15, at => ''2026-01-20 10:00'')', 'SELECT billing.adjust(2, -20, ''x'', at => ''2026-01-20 10:00'')', 'CALL billing.tick(''2026-01-20 10:00'')'], a))
	FROM t.permutations(3) a), 1::bigint, 'cleared and in debt again at one instant is not cleared, resources included');

-- Outages: the calls of an account whose last ring was at one instant and whose next one is later.
CREATE FUNCTION t.after_outage(policy text, delay interval) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	seen text;
	wrong text;
BEGIN
	BEGIN
		PERFORM billing.open_account(name => 'o', account_id => 99, policy => after_outage.policy, at => '2026-02-01');
		PERFORM billing.adjust(99, -5, 'x', at => '2026-02-01 10:00');
		CALL billing.run('2026-02-01 10:01');
		CALL billing.tick(timestamptz '2026-02-02 10:00' + delay);
		CALL billing.run('2026-08-01');
		SELECT string_agg(action || ' ' || to_char(at, 'MM-DD HH24:MI'), ', ' ORDER BY step_id) INTO seen FROM billing.lifecycle_steps s WHERE s.account_id = 99 AND action <> 'overdue';
		SELECT string_agg(v::text, ', ') INTO wrong FROM billing.verify() v;
		RAISE EXCEPTION 'undo';
	EXCEPTION WHEN raise_exception THEN
		RETURN coalesce(wrong, seen);
	END;
END
$$;
SELECT is(t.after_outage('account', '1 minute'), 'notice 02-01 10:00, suspend 02-02 10:00, notice 03-27 10:00, notice 04-02 10:00, release 04-03 10:00', 'ordinary delays do not add up');
SELECT is(t.after_outage('account', '15 minutes'), 'notice 02-01 10:00, suspend 02-02 10:00, notice 03-27 10:00, notice 04-02 10:00, release 04-03 10:00', 'up to 15 minutes');
SELECT is(t.after_outage('account', '1 hour'), 'notice 02-01 10:00, suspend 02-02 11:00, notice 03-27 11:00, notice 04-02 11:00, release 04-03 11:00', 'an hour late: 60 days from then');
SELECT is(t.after_outage('account', '1 day'), 'notice 02-01 10:00, suspend 02-03 10:00, notice 03-28 10:00, notice 04-03 10:00, release 04-04 10:00', 'a day late');
SELECT is(t.after_outage('account', '40 days'), 'notice 02-01 10:00, suspend 03-14 10:00, notice 05-06 10:00, notice 05-12 10:00, release 05-13 10:00', '40 days late: nobody loses a day of the 60');
SELECT is(t.after_outage('jump', '40 days'), 'notice 02-01 10:00, suspend 02-02 10:00, release 04-03 10:00', 'jump counts from when it was due');
SELECT is(t.after_outage('jump', '80 days'), 'notice 02-01 10:00, suspend 02-02 10:00, release 04-03 10:00', 'whatever the outage, in order');

-- Steps come in the order of their instants, across all kinds of subjects, also after an outage.
CREATE FUNCTION t.in_order() RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	seen text;
BEGIN
	BEGIN
		INSERT INTO billing.meter VALUES ('m', 'unit', 'sum');
		INSERT INTO billing.plan (plan, currency, fee, term, expiry_policy) VALUES ('p', 'USD', 0, '10 days', 'plan');
		INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, expiry_policy) VALUES ('P', 'm', 1, '12 days', 0, 'USD', 'package');
		PERFORM billing.subscribe(2, 'p', at => '2026-01-02');
		PERFORM billing.purchase_package(3, 'P', at => '2026-01-02');
		PERFORM billing.adjust(4, -5, 'x', at => '2026-01-03'), billing.adjust(1, -5, 'x', at => '2026-01-06'), billing.adjust(2, -5, 'x', at => '2026-01-04'), billing.adjust(3, -5, 'x', at => '2026-01-08');
		CALL billing.tick('2026-01-09');
		SELECT string_agg(subject || ' ' || account_id || ' ' || action || ' ' || to_char(due_at, 'DD'), ', ' ORDER BY step_id) INTO seen FROM billing.lifecycle_step WHERE applied_at = '2026-01-09';
		RAISE EXCEPTION 'undo';
	EXCEPTION WHEN raise_exception THEN
		RETURN seen;
	END;
END
$$;
SELECT is(t.in_order(), 'account 4 suspend 03, account 2 notice 04, subscription 2 notice 05, account 1 notice 06, package 3 notice 07, account 3 restrict 08, resource 3 restrict 08',
	'steps come in the order of their instants, whatever their subjects');
-- A debit by a call while nobody rings: overdue since then, but told late.
CREATE FUNCTION t.told_late(policy text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	seen text;
BEGIN
	BEGIN
		PERFORM billing.open_account(name => 'o', account_id => 99, policy => told_late.policy, at => '2026-02-01');
		CALL billing.run('2026-02-01 10:00');
		PERFORM billing.adjust(99, -5, 'x', at => '2026-02-01 10:00');
		CALL billing.tick('2026-02-04 10:00');
		CALL billing.run('2026-08-01');
		SELECT string_agg(action || ' ' || to_char(at, 'MM-DD HH24:MI'), ', ' ORDER BY step_id) INTO seen FROM billing.lifecycle_steps s WHERE s.account_id = 99;
		RAISE EXCEPTION 'undo';
	EXCEPTION WHEN raise_exception THEN
		RETURN seen;
	END;
END
$$;
SELECT is(t.told_late('account'), 'overdue 02-01 10:00, notice 02-04 10:00, suspend 02-05 10:00, notice 03-30 10:00, notice 04-05 10:00, release 04-06 10:00',
	'after three days without a ring a customer still gets notice first, and then the whole 24 hours');
SELECT is(t.told_late('jump'), 'overdue 02-01 10:00, notice 02-01 10:00, suspend 02-02 10:00, release 04-03 10:00', 'not where the policy says jump');

-- Usage that is settled late begins no clock in the past.
CREATE FUNCTION t.settled_late(delay interval) RETURNS timestamptz LANGUAGE plpgsql AS
$$
DECLARE
	since timestamptz;
BEGIN
	BEGIN
		INSERT INTO billing.meter VALUES ('m', 'unit', 'sum');
		INSERT INTO billing.price (meter, currency, tariff) VALUES ('m', 'USD', 'graduated: 1 beyond');
		PERFORM t.use(1, 'm', 5, '2026-01-01 09:30');
		CALL billing.tick(timestamptz '2026-01-01 10:00' + delay);
		SELECT overdue_since INTO since FROM billing.accounts WHERE account_id = 1;
		RAISE EXCEPTION 'undo';
	EXCEPTION WHEN raise_exception THEN
		RETURN since;
	END;
END
$$;
SELECT is(t.settled_late('0'), '2026-01-01 10:00+00'::timestamptz, 'settled in time: overdue since the end of the cycle');
SELECT is(t.settled_late('15 minutes'), '2026-01-01 10:00+00'::timestamptz, 'or up to 15 minutes late');
SELECT is(t.settled_late('15 minutes 1 microsecond'), '2026-01-01 10:15:00.000001+00'::timestamptz, 'later: since it was booked');
SELECT is(t.settled_late('3 days'), '2026-01-04 10:00+00'::timestamptz, 'after three days without a ring nobody has lost a minute');

-- The live clock and the test clock.
CREATE FUNCTION t.lived(live boolean) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	seen text;
	i timestamptz;
BEGIN
	BEGIN
		FOR i IN SELECT * FROM generate_series('2026-01-02 00:00:37'::timestamptz, '2026-01-03 06:00', '14 minutes') LOOP
			IF live THEN
				CALL billing.tick(i);
			END IF;
			IF i = '2026-01-02 00:00:37' THEN
				PERFORM billing.adjust(n, -5, 'x', at => '2026-01-02 00:00:37') FROM generate_series(1, 4) n;
			ELSIF i BETWEEN '2026-01-03 01:00' AND '2026-01-03 01:14' THEN
				IF NOT live THEN
					CALL billing.run(i);
				END IF;
				PERFORM billing.top_up(1, 5, at => i), billing.top_up(2, 5, at => i);
			END IF;
		END LOOP;
		IF NOT live THEN
			CALL billing.run('2026-01-03 06:00');
		END IF;
		SELECT string_agg(h, E'\n') INTO seen FROM (SELECT (account_id, subject, subject_id, action, due_at, at)::text FROM billing.lifecycle_steps ORDER BY 1) x(h);
		seen := seen || t.picture() || (SELECT string_agg((account_id, kind, at, facts)::text, E'\n' ORDER BY account_id, kind, cause) FROM billing.notice);
		RAISE EXCEPTION 'undo';
	EXCEPTION WHEN raise_exception THEN
		RETURN seen;
	END;
END
$$;
SELECT t.lived(true) AS live \gset
SELECT is(:'live', t.lived(false), 'rings each few minutes and billing.run() tell the same history, the same notices, the same states');
SELECT cmp_ok(length(:'live'), '>', 1000, 'and it is a long one');

-- Clocks that jump, there and back, with a debit and a payment on the way.
CREATE FUNCTION t.jumped(jump interval) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	now timestamptz := '2026-01-10 00:00';
	wrong text;
	notices bigint;
BEGIN
	BEGIN
		CALL billing.tick(now);
		PERFORM billing.adjust(n, -5, 'x', at => now) FROM generate_series(1, 4) n;
		CALL billing.tick(now + interval '1 minute');
		CALL billing.tick(now + jump);
		PERFORM billing.top_up(1, 5, at => now + jump), billing.adjust(1, -5, 'x', at => now + interval '2 minutes');
		CALL billing.tick(now + jump);
		CALL billing.tick(now + interval '3 minutes');
		CALL billing.tick(now + interval '2 hours');
		PERFORM billing.top_up(2, 5, at => now + interval '3 hours');
		CALL billing.tick(now + interval '5 hours');
		CALL billing.tick(now + interval '500 days');
		SELECT string_agg(v::text, ', ') INTO wrong FROM billing.verify() v;
		SELECT count(*) - count(DISTINCT (account_id, kind, cause)) INTO notices FROM billing.notice;
		IF (SELECT count(*) FROM billing.account_state WHERE next_at < now + interval '500 days') > 0 THEN
			wrong := concat_ws(', ', wrong, 'a step is lost');
		END IF;
		RAISE EXCEPTION 'undo';
	EXCEPTION WHEN raise_exception THEN
		RETURN concat_ws(', ', wrong, CASE WHEN notices > 0 THEN 'a notice twice' END);
	END;
END
$$;
SELECT is(t.jumped(sign * jump), '', format('a clock that jumps by %s', sign * jump))
FROM unnest(ARRAY[1, -1]) sign, unnest(ARRAY['1 second', '1 minute', '1 hour', '1 day', '30 days', '1 year']::interval[]) jump;
SELECT t.verify_is_empty();
SELECT * FROM finish();
