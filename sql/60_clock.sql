-- What the procedures (sql/60_tick.sql) ask and do besides settling.

CREATE FUNCTION billing._advance_to(at timestamptz, in_block boolean) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	delay interval;
BEGIN
	SELECT i.settle_delay INTO STRICT delay FROM billing.installation i;
	PERFORM billing._advance(billing.cycle_of(at - delay), in_block);
END
$fn$;
COMMENT ON FUNCTION billing._advance_to(timestamptz, boolean) IS 'closes every cycle that is over at an instant, less the settle delay';

CREATE FUNCTION billing._heartbeat(at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	INSERT INTO billing.heartbeat AS h (at, rung_at) VALUES (_heartbeat.at, clock_timestamp())
	ON CONFLICT (singleton) DO UPDATE SET at = greatest(h.at, excluded.at), rung_at = excluded.rung_at;
END
$fn$;
COMMENT ON FUNCTION billing._heartbeat(timestamptz) IS 'notes a ring that came to its end';

CREATE FUNCTION billing._next_due(until timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off	-- each reads the first row of a timer's index, as in _next_timer()
SET enable_bitmapscan = off
SET jit = off
AS $fn$
DECLARE
	delay constant interval := (SELECT i.settle_delay FROM billing.installation i);
	watermark constant integer := (SELECT b.cycle FROM billing.barrier b WHERE b.mark = 'watermark');
	present constant timestamptz := billing.cycle_start(watermark);
	-- A timer of what is settled is due when the cycle that holds its instant is over.
	timer constant timestamptz := least(
		CASE WHEN billing._day_meters() IS NOT NULL THEN billing._next_day_end(present) END,
		(SELECT min(p.closes_at) FROM billing.position p WHERE p.closes_at > present),
		(SELECT min(s.next_invoice_at) FROM billing.account_state s WHERE s.next_invoice_at > present),
		(SELECT min(s.renew_at) FROM billing.subscription s WHERE s.renew_at > present),
		(SELECT min(s.paid_until) FROM billing.subscription s WHERE s.state = 'active' AND s.paid_until < 'infinity' AND s.paid_until > present),
		(SELECT min(p.valid_until) FROM billing.package p WHERE p.state = 'active' AND p.valid_until > present),
		(SELECT min(p.valid_from) FROM billing.package p WHERE p.state = 'pending' AND p.valid_from > present),
		(SELECT min(v.expires_at) FROM billing.voucher v WHERE v.expired_at IS NULL AND v.expires_at < 'infinity' AND v.expires_at > present));
	-- A step is applied just after its instant, which is the last to pay; one that a ring has left undone waits for the next.
	due constant timestamptz := least(
		(SELECT min(d.next_at) + interval '1 microsecond' FROM billing._due_subjects(coalesce((SELECT h.at FROM billing.heartbeat h), '-infinity')) d
			WHERE d.next_at < until),
		billing.cycle_start(billing.cycle_of(timer - interval '1 microsecond') + 1) + delay);
	used integer;
BEGIN
	-- usage settles when its cycle is over; that of cycles which are not over before what is due first is not looked for
	used := billing._next_used(watermark, CASE WHEN due <= until THEN billing.cycle_of(due - delay - interval '1 microsecond')
		ELSE billing.cycle_of(until - delay) END);
	RETURN (SELECT d.at FROM least(due, billing.cycle_start(used + 1) + delay) d(at) WHERE d.at <= until);
END
$fn$;
COMMENT ON FUNCTION billing._next_due(timestamptz) IS 'the next instant, up to until, at which a tick has something to do; NULL: none';

CREATE FUNCTION billing._left_undone(until timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT max(x.at) FROM (
		SELECT h.at FROM billing.heartbeat h WHERE EXISTS (SELECT FROM billing._due_subjects('-infinity') d WHERE d.next_at < h.at)
		UNION ALL
		SELECT greatest(billing.cycle_start(b.cycle) + i.settle_delay, (SELECT h.at FROM billing.heartbeat h))
		FROM billing.barrier b CROSS JOIN billing.installation i
		WHERE b.mark = 'watermark' AND (EXISTS (SELECT FROM billing.shard s WHERE s.timers_through < b.cycle)
			OR (SELECT min(n.period_end) FROM billing.invoice n WHERE n.number IS NULL) <= billing.cycle_start(b.cycle))) x
	WHERE x.at <= until
$fn$;
COMMENT ON FUNCTION billing._left_undone(timestamptz)
	IS 'the instant at which a ring has to go on before later ones: it was cut short after it had closed cycles, or a call that bore an earlier instant came after it; NULL: none';

CREATE FUNCTION billing._job_ahead(at timestamptz) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	RETURN CASE WHEN at > clock_timestamp() THEN billing._active_job() END;
END
$fn$;
COMMENT ON FUNCTION billing._job_ahead(timestamptz) IS 'command of the cron job that rings by the real clock, for an instant ahead of it; NULL: none, or not ahead';

CREATE FUNCTION billing._check_clock(until timestamptz, call text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	present timestamptz;
	job text;
BEGIN
	IF until IS NULL OR NOT isfinite(until) THEN
		RAISE EXCEPTION '% until % is not possible', call, coalesce(until::text, 'NULL') USING
			ERRCODE = 'UB010',
			DETAIL = 'The instant is finite.',
			HINT = format('Give an instant: CALL billing.%s(now());', call);
	END IF;
	SELECT billing.cycle_start(b.cycle) + i.settle_delay INTO present
	FROM billing.barrier b CROSS JOIN billing.installation i WHERE b.mark = 'watermark';
	IF until < present AND call = 'run' THEN
		RAISE EXCEPTION 'the clock can not run back to %', until USING
			ERRCODE = 'UB010',
			DETAIL = format('Everything before %s is closed.', present),
			HINT = 'Give a later instant.';
	END IF;
	job := billing._job_ahead(until);
	IF job IS NOT NULL THEN
		RAISE EXCEPTION 'the clock can not run ahead to % while a job rings', until USING
			ERRCODE = 'UB010',
			DETAIL = format('pg_cron runs %s in this database by the real clock.', job),
			HINT = 'Call SELECT billing.unschedule(); first, in a database that holds no real customers.';
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._check_clock(timestamptz, text)
	IS 'raises UB010 where run would move the clock back, or any of the three beyond now while a cron job rings';
