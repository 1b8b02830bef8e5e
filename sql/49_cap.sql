-- Usage caps: thresholds that a customer sets on what a resource, or the whole account, may use in a window of time.  They
-- look at usage, not at money: what is covered by a package counts, what has no price counts, and what a meter leaves out
-- does not.  Settling counts, so a cap acts from the end of the cycle that reached it; what was used until then, and what
-- is used after, is billed like any other usage.
--
-- A cap counts all of the window in which it was set.  What of it was settled before is counted by the next settlement
-- (_count_new_caps), so that setting a cap waits for no settler; from then on each cycle adds its own (_count_caps).

CREATE TYPE billing.usage_group AS (
	account_id bigint,
	meter text,
	region text,
	resource text,
	total numeric,
	events bigint,
	peak numeric,
	first_at timestamptz,
	last_at timestamptz
);
COMMENT ON TYPE billing.usage_group IS 'the usage of one account, meter, region and resource in a cycle';
COMMENT ON COLUMN billing.usage_group.account_id IS 'the account';
COMMENT ON COLUMN billing.usage_group.meter IS 'the meter';
COMMENT ON COLUMN billing.usage_group.region IS 'the region';
COMMENT ON COLUMN billing.usage_group.resource IS 'the resource';
COMMENT ON COLUMN billing.usage_group.total IS 'sum of its quantities';
COMMENT ON COLUMN billing.usage_group.events IS 'number of its events';
COMMENT ON COLUMN billing.usage_group.peak IS 'highest of its quantities';
COMMENT ON COLUMN billing.usage_group.first_at IS 'its first event';
COMMENT ON COLUMN billing.usage_group.last_at IS 'its last event';

CREATE FUNCTION billing._check_cap(account_id bigint, meter text, quantity numeric, resource text) RETURNS void
LANGUAGE plpgsql VOLATILE	-- it locks the meter
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	how text;
	settled text;
BEGIN
	-- locked: a meter that is being changed is waited for, and one with a cap does not change
	SELECT m.aggregation, m.settled_by INTO how, settled FROM billing.meter m WHERE m.meter = _check_cap.meter FOR SHARE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'meter "%" does not exist', coalesce(meter, 'NULL') USING
			ERRCODE = 'UB002',
			DETAIL = 'A cap counts what a meter of the catalogue measures.',
			HINT = 'SELECT meter FROM billing.meter;';
	ELSIF how NOT IN ('sum', 'count', 'max') OR settled = 'day' THEN
		RAISE EXCEPTION 'usage of meter "%" can not be capped', meter USING
			ERRCODE = 'UB065',
			DETAIL = format('Its aggregation is %s, and it is settled by the %s; caps count sums, events and peaks, by the hour.', how, settled),
			HINT = 'Take a meter of aggregation sum, count or max that is settled by the hour.';
	ELSIF NOT (quantity > 0 AND quantity < 'Infinity') THEN
		RAISE EXCEPTION 'a cap of % of meter "%" is not possible', quantity, meter USING
			ERRCODE = 'UB064',
			DETAIL = 'A cap is a finite quantity above 0, which it takes to reach it.',
			HINT = 'Give a quantity above 0, or NULL to remove the cap.';
	ELSIF resource IS NOT NULL AND NOT EXISTS (SELECT FROM billing.resource r
		WHERE r.account_id = _check_cap.account_id AND r.resource = _check_cap.resource AND r.state <> 'released')
	THEN
		RAISE EXCEPTION 'account % has no resource "%"', account_id, resource USING
			ERRCODE = 'UB050',
			DETAIL = 'A cap is on a resource of its own account that is not released, or on the whole account.',
			HINT = format('SELECT billing.add_resource(%s, %L, kind); first, or leave resource out for the whole account.', account_id, resource);
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._check_cap(bigint, text, numeric, text)
	IS 'raises UB002, UB065, UB064 or UB050 for a cap on an unknown meter, one that can not be counted, no quantity, an unknown resource; locks the meter';

CREATE FUNCTION billing.set_usage_cap(account_id bigint, meter text, quantity numeric, action text, period text, resource text DEFAULT NULL,
	key text DEFAULT NULL, at timestamptz DEFAULT now()) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	old billing.usage_cap;
	answer jsonb;
	id bigint;
BEGIN
	PERFORM billing._check_instant('set_usage_cap', set_usage_cap.at);
	PERFORM billing._lock_account(set_usage_cap.account_id);
	answer := billing._claim_request(set_usage_cap.account_id, set_usage_cap.key, 'set_usage_cap', jsonb_build_object('meter', set_usage_cap.meter,
		'quantity', set_usage_cap.quantity, 'action', set_usage_cap.action, 'period', set_usage_cap.period, 'resource', set_usage_cap.resource),
		set_usage_cap.at);
	IF answer IS NOT NULL THEN
		RETURN answer::bigint;
	END IF;
	PERFORM billing._check_may(set_usage_cap.account_id, 'set_usage_cap', set_usage_cap.at);
	IF coalesce(action, 'NULL') NOT IN ('notify', 'suspend') THEN
		RAISE EXCEPTION 'action "%" of a cap is not known', coalesce(action, 'NULL') USING
			ERRCODE = 'UB062',
			DETAIL = 'A cap that is reached writes a notice, or suspends as well.',
			HINT = 'Give notify or suspend.';
	ELSIF coalesce(period, 'NULL') NOT IN ('hour', 'day', 'month', '') THEN
		RAISE EXCEPTION 'period "%" of a cap is not known', coalesce(period, 'NULL') USING
			ERRCODE = 'UB063',
			DETAIL = 'A cap counts from 0 again with each hour, day or month of the account''s zone, or never.',
			HINT = 'Give hour, day or month, or the empty text for a cap that is never counted anew.';
	END IF;
	SELECT * INTO old FROM billing.usage_cap c
	WHERE c.account_id = set_usage_cap.account_id AND c.meter = set_usage_cap.meter AND c.resource IS NOT DISTINCT FROM set_usage_cap.resource
		AND c.period = set_usage_cap.period AND c.action = set_usage_cap.action AND c.removed_at IS NULL;
	IF set_usage_cap.quantity IS NOT NULL THEN
		PERFORM billing._check_cap(set_usage_cap.account_id, set_usage_cap.meter, set_usage_cap.quantity, set_usage_cap.resource);
	ELSIF old.cap_id IS NULL THEN
		RAISE EXCEPTION 'account % has no such cap of meter "%"', account_id, coalesce(meter, 'NULL') USING
			ERRCODE = 'UB066',
			DETAIL = format('None of action %s and period "%s" on %s is in force.', action, period, coalesce('resource "' || resource || '"', 'the whole account')),
			HINT = format('SELECT * FROM billing.usage_caps WHERE account_id = %s AND removed_at IS NULL;', account_id);
	END IF;
	id := old.cap_id;
	IF set_usage_cap.quantity IS DISTINCT FROM old.quantity THEN
		-- a clock that was set back does not remove a cap before it was set
		UPDATE billing.usage_cap c SET removed_at = greatest(set_usage_cap.at, c.set_at)
		WHERE c.account_id = set_usage_cap.account_id AND c.cap_id = old.cap_id;
		IF set_usage_cap.quantity IS NOT NULL THEN
			INSERT INTO billing.usage_cap (account_id, meter, resource, quantity, action, period, counts_from, set_at)
			SELECT a.account_id, set_usage_cap.meter, set_usage_cap.resource, set_usage_cap.quantity, set_usage_cap.action, set_usage_cap.period,
				CASE set_usage_cap.period WHEN '' THEN '-infinity'
					ELSE (billing.period_of(set_usage_cap.period, set_usage_cap.at, a.time_zone)).period_start END, set_usage_cap.at
			FROM billing.account a WHERE a.account_id = set_usage_cap.account_id
			RETURNING cap_id INTO id;
		END IF;
	END IF;
	PERFORM billing._answer_request(set_usage_cap.account_id, set_usage_cap.key, to_jsonb(id));
	RETURN id;
END
$fn$;
COMMENT ON FUNCTION billing.set_usage_cap(bigint, text, numeric, text, text, text, text, timestamptz)
	IS 'sets a cap on the usage of a meter by a resource or the whole account, in place of the one of that action and period; NULL removes it; returns its number';

CREATE FUNCTION billing._cap_counts(account_from bigint, account_to bigint, through integer, counted boolean)
	RETURNS TABLE (account_id bigint, cap_id bigint, period_start timestamptz, quantity numeric)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
SET plan_cache_mode = force_custom_plan
AS $fn$
#variable_conflict use_column
BEGIN
	RETURN QUERY WITH cap AS MATERIALIZED (
		SELECT c.account_id, c.cap_id, c.meter, c.resource, c.period, c.counts_from, m.aggregation, m.leaves_out, a.time_zone
		FROM billing.usage_cap c JOIN billing.meter m USING (meter) JOIN billing.account a USING (account_id)
		WHERE c.account_id >= account_from AND c.account_id < account_to AND c.is_counted = counted AND (counted OR c.removed_at IS NULL)
			AND (account_from + 1 = account_to OR NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = c.account_id))
	), event AS MATERIALIZED (
		SELECT c.account_id, c.cap_id, c.period, c.time_zone, c.aggregation, u.event_time, u.quantity
		FROM cap c JOIN billing.usage u ON u.account_id = c.account_id AND u.meter = c.meter AND u.event_time >= c.counts_from
		WHERE u.resource = coalesce(c.resource, u.resource) AND billing.cycle_of(u.arrived, u.event_time) < through
			AND billing._is_billed(u.properties, c.leaves_out)
	), period AS MATERIALIZED (
		SELECT k.period, k.time_zone, k.hour, p.period_start, p.period_end
		FROM (SELECT DISTINCT e.period, e.time_zone, billing.cycle_of(e.event_time) AS hour FROM event e WHERE e.period <> '') k
		CROSS JOIN LATERAL billing.period_of(k.period, billing.cycle_start(k.hour), k.time_zone) p
	)
	SELECT e.account_id, e.cap_id,
		CASE WHEN e.period = '' THEN '-infinity' WHEN e.event_time >= p.period_end THEN p.period_end ELSE p.period_start END,
		CASE e.aggregation WHEN 'count' THEN count(*) WHEN 'max' THEN max(e.quantity) ELSE sum(e.quantity) END
	FROM event e
	LEFT JOIN period p ON p.period = e.period AND p.time_zone = e.time_zone AND p.hour = billing.cycle_of(e.event_time)
	GROUP BY 1, 2, 3, e.aggregation;
END
$fn$;
COMMENT ON FUNCTION billing._cap_counts(bigint, bigint, integer, boolean)
	IS 'what the counters of a range of accounts are by the usage of every cycle before one: those of caps that settling adds to, or of caps in force that were set since';

CREATE FUNCTION billing._reach_cap(account_id bigint, cap_id bigint, period_start timestamptz, used numeric, reached timestamptz, at timestamptz)
	RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'	-- instants among the facts and causes
SET datestyle = 'ISO'
SET datestyle = 'ISO, YMD'
AS $fn$
DECLARE
	c record;
BEGIN
	PERFORM billing._lock_account(_reach_cap.account_id);
	SELECT x.*, m.unit INTO STRICT c FROM billing.usage_cap x JOIN billing.meter m USING (meter)
	WHERE x.account_id = _reach_cap.account_id AND x.cap_id = _reach_cap.cap_id;
	UPDATE billing.usage_cap_count n SET reached_at = _reach_cap.reached
	WHERE n.account_id = _reach_cap.account_id AND n.cap_id = _reach_cap.cap_id AND n.period_start = _reach_cap.period_start;
	IF c.removed_at IS NOT NULL THEN
		RETURN; -- in this very moment
	END IF;
	PERFORM billing._notify(c.account_id, 'cap_reached', CASE WHEN c.resource IS NULL THEN 'account' ELSE 'resource' END, coalesce(c.resource, c.account_id::text),
		format('cap %s, window %s', c.cap_id, _reach_cap.period_start),
		jsonb_build_object('account_id', c.account_id, 'cap_id', c.cap_id, 'meter', c.meter, 'unit', c.unit, 'resource', c.resource, 'cap', c.quantity,
			'used', _reach_cap.used, 'action', c.action, 'period', c.period, 'period_start', _reach_cap.period_start, 'at', _reach_cap.reached), _reach_cap.reached);
	IF c.action = 'suspend' THEN
		-- one that became active later was not meant, however late this is settled
		WITH held AS (
			UPDATE billing.resource r SET state = 'suspended', since = _reach_cap.reached, held_by = 'cap ' || c.cap_id
			WHERE r.account_id = c.account_id AND r.resource = coalesce(c.resource, r.resource) AND r.state = 'active' AND r.since <= _reach_cap.reached
			RETURNING r.resource
		)
		INSERT INTO billing.lifecycle_step (account_id, subject, subject_id, action, due_at, at, applied_at, reason)
		SELECT c.account_id, 'resource', h.resource, 'suspend', _reach_cap.reached, _reach_cap.reached, greatest(_reach_cap.at, _reach_cap.reached),
			format('cap %s of meter "%s" is reached', c.cap_id, c.meter)
		FROM held h ORDER BY h.resource;
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._reach_cap(bigint, bigint, timestamptz, numeric, timestamptz, timestamptz)
	IS 'what happens once a cap is reached in a window: its account is told, resources are suspended';

CREATE FUNCTION billing._count_caps(the_cycle integer, groups billing.usage_group[], at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off
SET plan_cache_mode = force_custom_plan
AS $fn$
DECLARE
	first_account bigint := (SELECT min(g.account_id) FROM unnest(groups) g);
	last_account bigint := (SELECT max(g.account_id) FROM unnest(groups) g);
	r record;
BEGIN
	FOR r IN WITH cap AS MATERIALIZED (
		SELECT c.account_id, c.cap_id, c.meter, c.resource, c.period, c.quantity AS cap, c.counts_from, m.aggregation, m.leaves_out, a.time_zone
		FROM billing.usage_cap c JOIN billing.meter m USING (meter) JOIN billing.account a USING (account_id)
		WHERE c.account_id >= first_account AND c.account_id <= last_account AND c.is_counted AND c.removed_at IS NULL
	), matched AS MATERIALIZED (
		SELECT c.account_id, c.cap_id, c.period, c.time_zone, c.aggregation, c.counts_from, c.leaves_out, g.meter, g.region, g.resource, g.first_at, g.last_at,
			CASE c.aggregation WHEN 'count' THEN g.events WHEN 'max' THEN g.peak ELSE g.total END AS quantity
		FROM unnest(groups) g JOIN cap c ON c.account_id = g.account_id AND c.meter = g.meter AND coalesce(c.resource, g.resource) = g.resource
	), first_period AS MATERIALIZED (
		SELECT k.period, k.time_zone, k.hour, p.period_start, p.period_end
		FROM (SELECT DISTINCT x.period, x.time_zone, billing.cycle_of(x.first_at) AS hour FROM matched x WHERE x.period <> '') k
		CROSS JOIN LATERAL billing.period_of(k.period, billing.cycle_start(k.hour), k.time_zone) p
	), placed AS MATERIALIZED (
		SELECT x.*, p.period_start, x.period = '' OR x.last_at < p.period_end AS is_whole
		FROM matched x
		LEFT JOIN first_period p ON p.period = x.period AND p.time_zone = x.time_zone AND p.hour = billing.cycle_of(x.first_at)
	), event AS MATERIALIZED (
		-- a group that the end of a window cuts is read again
		SELECT p.account_id, p.cap_id, p.period, p.time_zone, p.aggregation, u.event_time, CASE p.aggregation WHEN 'count' THEN 1 ELSE u.quantity END AS quantity
		FROM billing._usage_of(the_cycle, first_account, last_account + 1) u
		JOIN placed p ON p.account_id = u.account_id AND p.meter = u.meter AND p.region = u.region AND p.resource = u.resource
		WHERE EXISTS (SELECT FROM placed x WHERE NOT x.is_whole) AND NOT p.is_whole AND u.event_time >= p.counts_from
			AND billing._is_billed(u.properties, p.leaves_out)
	), event_period AS MATERIALIZED (
		SELECT k.period, k.time_zone, k.hour, p.period_start, p.period_end
		FROM (SELECT DISTINCT e.period, e.time_zone, billing.cycle_of(e.event_time) AS hour FROM event e) k
		CROSS JOIN LATERAL billing.period_of(k.period, billing.cycle_start(k.hour), k.time_zone) p
	), part AS (
		SELECT p.account_id, p.cap_id, p.aggregation, coalesce(p.period_start, '-infinity') AS period_start, p.quantity
		FROM placed p WHERE p.is_whole AND coalesce(p.period_start, '-infinity') >= p.counts_from
		UNION ALL
		SELECT e.account_id, e.cap_id, e.aggregation, CASE WHEN e.event_time >= p.period_end THEN p.period_end ELSE p.period_start END, e.quantity
		FROM event e JOIN event_period p ON p.period = e.period AND p.time_zone = e.time_zone AND p.hour = billing.cycle_of(e.event_time)
	), added AS (
		SELECT p.account_id, p.cap_id, p.period_start, p.aggregation, CASE p.aggregation WHEN 'max' THEN max(p.quantity) ELSE sum(p.quantity) END AS quantity
		FROM part p GROUP BY p.account_id, p.cap_id, p.period_start, p.aggregation
	), counted AS (
		INSERT INTO billing.usage_cap_count AS n (account_id, cap_id, period_start, quantity)
		SELECT d.account_id, d.cap_id, d.period_start,
			CASE d.aggregation WHEN 'max' THEN greatest(o.quantity, d.quantity) ELSE coalesce(o.quantity, 0) + d.quantity END
		FROM added d LEFT JOIN billing.usage_cap_count o USING (account_id, cap_id, period_start)
		ON CONFLICT (account_id, cap_id, period_start) DO UPDATE SET quantity = excluded.quantity
		RETURNING n.*
	)
	SELECT n.account_id, n.cap_id, n.period_start, n.quantity
	FROM counted n JOIN cap c USING (account_id, cap_id)
	WHERE n.reached_at IS NULL AND n.quantity >= c.cap
	ORDER BY n.account_id, n.cap_id, n.period_start
	LOOP
		PERFORM billing._reach_cap(r.account_id, r.cap_id, r.period_start, r.quantity, billing.cycle_start(the_cycle + 1), at);
	END LOOP;
END
$fn$;
COMMENT ON FUNCTION billing._count_caps(integer, billing.usage_group[], timestamptz) IS 'adds the usage of a cycle to the counters of caps; those that are reached take effect';

CREATE FUNCTION billing._count_new_caps(the_cycle integer, account_from bigint, account_to bigint, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off
SET plan_cache_mode = force_custom_plan
AS $fn$
DECLARE
	r record;
BEGIN
	IF NOT EXISTS (SELECT FROM billing.usage_cap c
		WHERE c.account_id >= account_from AND c.account_id < account_to AND c.removed_at IS NULL AND NOT c.is_counted)
	THEN
		RETURN;
	END IF;
	-- accounts before caps, as in set_usage_cap(); and one statement, so that no cap is marked that was not counted
	PERFORM billing._lock_account(n.account_id) FROM (SELECT DISTINCT c.account_id FROM billing.usage_cap c
		WHERE c.account_id >= account_from AND c.account_id < account_to AND c.removed_at IS NULL AND NOT c.is_counted ORDER BY 1) n;
	FOR r IN WITH new AS MATERIALIZED (
		SELECT c.account_id, c.cap_id, c.quantity AS cap FROM billing.usage_cap c
		WHERE c.account_id >= account_from AND c.account_id < account_to AND c.removed_at IS NULL AND NOT c.is_counted
			AND (account_from + 1 = account_to OR NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = c.account_id))
	), marked AS (
		UPDATE billing.usage_cap c SET is_counted = true FROM new WHERE c.account_id = new.account_id AND c.cap_id = new.cap_id
	), counted AS (
		INSERT INTO billing.usage_cap_count AS n (account_id, cap_id, period_start, quantity)
		SELECT o.account_id, o.cap_id, o.period_start, o.quantity FROM billing._cap_counts(account_from, account_to, the_cycle + 1, false) o
		RETURNING n.*
	)
	SELECT n.account_id, n.cap_id, n.period_start, n.quantity
	FROM counted n JOIN new c USING (account_id, cap_id)
	WHERE n.quantity >= c.cap
	ORDER BY n.account_id, n.cap_id, n.period_start
	LOOP
		PERFORM billing._reach_cap(r.account_id, r.cap_id, r.period_start, r.quantity, billing.cycle_start(the_cycle + 1), at);
	END LOOP;
END
$fn$;
COMMENT ON FUNCTION billing._count_new_caps(integer, bigint, bigint, timestamptz)
	IS 'counts what was used, up to a cycle, in the windows of caps that were set since the cycle before';
