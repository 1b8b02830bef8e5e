-- Who settles what, and in which order.  A settler claims the shard that is furthest behind, does one step for
-- it, and commits.  Timers that are due come before the cycle that starts at or after their instant, so that
-- late settling gives the same invoices as punctual settling.

CREATE FUNCTION billing._mark_retries() RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	IF NOT EXISTS (SELECT FROM billing.catalogue_change) THEN
		RETURN false;
	END IF;
	-- Settlers in flight are waited for: what they could not rate is seen by the flag that is set behind them.
	PERFORM 1 FROM billing.shard ORDER BY shard FOR UPDATE;
	DELETE FROM billing.catalogue_change;
	UPDATE billing.shard s SET retry = true
	WHERE NOT s.retry AND EXISTS (SELECT FROM billing.unrated r WHERE r.account_id >= s.account_from AND r.account_id < s.account_to);
	RETURN true;
END
$fn$;
COMMENT ON FUNCTION billing._mark_retries() IS 'has the catalogue changed, the shards with unrated usage are told to try it again';

CREATE FUNCTION billing._split_shard(shard integer) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	size constant bigint := 10000;
	s billing.shard;
	accounts bigint;
BEGIN
	SELECT * INTO STRICT s FROM billing.shard h WHERE h.shard = _split_shard.shard;
	SELECT count(*) INTO accounts
	FROM (SELECT FROM billing.account a WHERE a.account_id >= s.account_from AND a.account_id < s.account_to LIMIT 2 * size + 1) a;
	IF accounts <= 2 * size THEN
		RETURN false;
	END IF;
	WITH numbered AS (
		SELECT a.account_id, row_number() OVER (ORDER BY a.account_id) - 1 AS n FROM billing.account a
		WHERE a.account_id >= s.account_from AND a.account_id < s.account_to
	), edge AS (
		SELECT n.account_id AS account_from, lead(n.account_id, 1, s.account_to) OVER (ORDER BY n.account_id) AS account_to
		FROM numbered n WHERE n.n % size = 0 AND n.n > 0
	), rest AS (
		INSERT INTO billing.shard (account_from, account_to, settled_through, timers_through, days_through, retry)
		SELECT e.account_from, e.account_to, s.settled_through, s.timers_through, s.days_through, s.retry FROM edge e
	)
	UPDATE billing.shard h SET account_to = (SELECT min(e.account_from) FROM edge e) WHERE h.shard = s.shard;
	RETURN true;
END
$fn$;
COMMENT ON FUNCTION billing._split_shard(integer) IS 'cuts a shard of more than 20,000 accounts into shards of 10,000';

CREATE FUNCTION billing._next_timer(account_from bigint, account_to bigint, until timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $fn$
-- Each of these reads the first row of a timer's index, and marks the dead ones before it, which a bitmap does not.  The range is written so that the planner can not read it by the
-- primary key: that would be all accounts at each ring, in place of those that are due.
DECLARE
	accounts constant int8range := int8range(account_from, account_to);
BEGIN
	RETURN least(
		(SELECT min(p.closes_at) FROM billing.position p
		 WHERE p.closes_at <= until AND accounts @> p.account_id
			AND (account_from + 1 = account_to OR NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = p.account_id))),
		(SELECT min(s.next_invoice_at) FROM billing.account_state s
		 WHERE s.next_invoice_at <= until AND accounts @> s.account_id
			AND (account_from + 1 = account_to OR NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = s.account_id))),
		(SELECT min(s.renew_at) FROM billing.subscription s
		 WHERE s.renew_at <= until AND accounts @> s.account_id
			AND (account_from + 1 = account_to OR NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = s.account_id))),
		(SELECT min(s.paid_until) FROM billing.subscription s
		 WHERE s.state = 'active' AND s.paid_until < 'infinity' AND s.paid_until <= until
			AND accounts @> s.account_id
			AND (account_from + 1 = account_to OR NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = s.account_id))),
		(SELECT min(p.valid_until) FROM billing.package p
		 WHERE p.state = 'active' AND p.valid_until <= until AND accounts @> p.account_id
			AND (account_from + 1 = account_to OR NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = p.account_id))),
		(SELECT min(p.valid_until) FROM billing.package p
		 WHERE p.state = 'exhausted' AND p.auto_renew AND p.auto_renew_on = 'expiry' AND p.valid_until <= until AND accounts @> p.account_id
			AND (account_from + 1 = account_to OR NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = p.account_id))),
		(SELECT min(p.valid_from) FROM billing.package p
		 WHERE p.state = 'pending' AND p.valid_from <= until AND accounts @> p.account_id
			AND (account_from + 1 = account_to OR NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = p.account_id))),
		(SELECT min(v.expires_at) FROM billing.voucher v
		 WHERE v.expired_at IS NULL AND v.expires_at < 'infinity' AND v.expires_at <= until
			AND accounts @> v.account_id
			AND (account_from + 1 = account_to OR NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = v.account_id))));
END
$fn$;
COMMENT ON FUNCTION billing._next_timer(bigint, bigint, timestamptz)
	IS 'the first instant up to until at which a timer of these accounts is due: a voucher expires, a plan renews or ends, a counter period closes, an invoice is due; those in quarantine wait, unless the range is one account';

CREATE FUNCTION billing._periods_end(account_from bigint, account_to bigint, timer timestamptz, OUT of_counters boolean, OUT of_invoices boolean)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off	-- as in _next_timer()
SET enable_bitmapscan = off
AS $fn$
DECLARE
	accounts constant int8range := int8range(account_from, account_to);
BEGIN
	of_counters := EXISTS (SELECT FROM billing.position p WHERE p.closes_at = timer AND accounts @> p.account_id);
	of_invoices := EXISTS (SELECT FROM billing.account_state s WHERE s.next_invoice_at = timer AND accounts @> s.account_id);
END
$fn$;
COMMENT ON FUNCTION billing._periods_end(bigint, bigint, timestamptz) IS 'whether counter periods or invoice periods of a range of accounts end at an instant';

CREATE FUNCTION billing._run_timers(account_from bigint, account_to bigint, timer timestamptz, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	-- at most instants none does, which is known before either is planned
	ends record := billing._periods_end(account_from, account_to, timer);
BEGIN
	-- counters first, as those are that settling closes; a renewal before the end that it moves; an invoice holds all that the instant has brought
	IF ends.of_counters THEN
		PERFORM billing._close_positions(account_from, account_to, timer, at);
	END IF;
	PERFORM billing._expire_vouchers(account_from, account_to, timer);
	-- Inside a cycle the plans that are due in it come before its packages, as where it is settled: who else has usage
	-- in it must not decide what an account's money goes to.
	PERFORM billing._renew_subscriptions(account_from, account_to, CASE WHEN timer > billing.cycle_start(billing.cycle_of(timer))
		THEN billing.cycle_start(billing.cycle_of(timer) + 1) - interval '1 microsecond' ELSE timer END, at);
	PERFORM billing._turn_packages(account_from, account_to, timer);
	PERFORM billing._end_subscriptions(account_from, account_to, timer, at);
	IF ends.of_invoices THEN
		PERFORM billing._make_invoices(account_from, account_to, timer, at);
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._run_timers(bigint, bigint, timestamptz, timestamptz) IS 'does all that is due at one instant for a range of accounts, in this order';

CREATE FUNCTION billing._retry_quarantine(at timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	drained integer;
	c integer;
	timer timestamptz;
	q billing.quarantine;
	s billing.shard;
BEGIN
	SELECT b.cycle INTO drained FROM billing.barrier b WHERE b.mark = 'drained';
	SELECT * INTO q FROM billing.quarantine w WHERE w.tried_through < drained
	ORDER BY w.account_id LIMIT 1 FOR UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	-- under its shard's lock: when it is through it stands where its shard stands
	SELECT * INTO s FROM billing.shard h WHERE h.account_from <= q.account_id AND h.account_to > q.account_id
	FOR UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	BEGIN
		-- its timers in their places, as _settle_step() does; the first cycle also where it was unrated usage that failed
		FOR c IN SELECT k.cycle FROM billing.usage u CROSS JOIN LATERAL billing.cycle_of(u.arrived, u.event_time) k(cycle)
			WHERE u.account_id = q.account_id AND k.cycle >= q.from_cycle AND k.cycle < s.settled_through
			UNION SELECT q.from_cycle ORDER BY 1
		LOOP
			LOOP
				timer := billing._next_timer(q.account_id, q.account_id + 1, billing.cycle_start(c));
				EXIT WHEN timer IS NULL;
				PERFORM billing._run_timers(q.account_id, q.account_id + 1, timer, at);
			END LOOP;
			-- of meters that are settled by the day, what has waited for this cycle: a day has 25 hours at most
			PERFORM billing._settle_accounts(c, q.account_id, q.account_id + 1, true, ROW(billing._day_meters(),
				billing.cycle_start(c - 26), least(billing.cycle_start(c + 1), s.days_through)), at);
		END LOOP;
		DELETE FROM billing.quarantine w WHERE w.account_id = q.account_id;
		-- the timers that it has missed since its last cycle are looked for at once
		UPDATE billing.shard h SET timers_through = q.from_cycle WHERE h.shard = s.shard;
	EXCEPTION WHEN OTHERS THEN
		IF left(SQLSTATE, 2) IN ('25', '40', '53', '55', '57', '58') THEN
			RAISE;
		END IF;
		UPDATE billing.quarantine w SET error = SQLERRM, error_code = SQLSTATE, tried_through = drained
		WHERE w.account_id = q.account_id;
	END;
	RETURN true;
END
$fn$;
COMMENT ON FUNCTION billing._retry_quarantine(timestamptz) IS 'tries one account in quarantine again, once a cycle; says whether it tried one';

CREATE FUNCTION billing._settle_step(at timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	drained integer;
	c integer;
	timer timestamptz;
	s billing.shard;
	days billing.day_span;
BEGIN
	IF billing._mark_retries() OR billing._retry_quarantine(at) THEN
		RETURN true;
	END IF;
	SELECT h.* INTO s FROM billing.shard h
	WHERE least(h.settled_through, h.timers_through) < (SELECT b.cycle FROM billing.barrier b WHERE b.mark = 'drained')
	ORDER BY h.settled_through, h.shard LIMIT 1 FOR UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	SELECT b.cycle INTO drained FROM billing.barrier b WHERE b.mark = 'drained';
	c := CASE WHEN s.retry THEN s.settled_through
		-- of the only shard, any usage is its own
		WHEN s.account_from = -9223372036854775808 AND s.account_to = 9223372036854775807 THEN coalesce(billing._next_used(s.settled_through, drained), drained)
		ELSE billing._next_cycle(s.settled_through, drained, s.account_from, s.account_to) END;
	-- once, for all that follows: a meter that comes to be meanwhile is settled by the hour this time
	days := ROW(billing._day_meters(), s.days_through, NULL);
	IF (days).meters IS NOT NULL THEN
		c := least(c, billing.cycle_of(billing._next_day_end(billing.cycle_start(s.settled_through)) - interval '1 microsecond'));
	END IF;
	timer := billing._next_timer(s.account_from, s.account_to, billing.cycle_start(c));
	IF timer IS NOT NULL THEN
		PERFORM billing._run_timers(s.account_from, s.account_to, timer, at);
		timer := billing._next_timer(s.account_from, s.account_to, billing.cycle_start(c));
		-- mostly it was the only one, and no cycle waits behind it
		IF timer IS NOT NULL OR c < drained THEN
			RETURN true;
		END IF;
	ELSIF c < drained THEN
		IF billing._split_shard(s.shard) THEN
			RETURN true;
		END IF;
		days := billing._day_span(c, (days).meters, s.days_through);
		PERFORM billing._settle_range(c, s.account_from, s.account_to, s.retry, days, at);
		c := c + 1;
		timer := billing._next_timer(s.account_from, s.account_to, billing.cycle_start(c));
	END IF;
	UPDATE billing.shard h
	SET settled_through = c, timers_through = CASE WHEN timer IS NULL THEN c ELSE h.timers_through END, retry = false,
		days_through = CASE WHEN (days).meters IS NULL THEN billing.cycle_start(c) ELSE coalesce((days).until, h.days_through) END
	WHERE h.shard = s.shard;
	-- of the only shard it is known whether something is left
	RETURN c < drained OR timer IS NOT NULL OR s.account_from > -9223372036854775808 OR s.account_to < 9223372036854775807
		OR EXISTS (SELECT FROM billing.quarantine) OR EXISTS (SELECT FROM billing.catalogue_change);
END
$fn$;
COMMENT ON FUNCTION billing._settle_step(timestamptz)
	IS 'one step of settling, its own transaction: a shard''s timers of one instant, or its next cycle; says whether there may be more to do';
