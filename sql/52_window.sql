-- Meters whose quantity is no running total: percentile, peak_mean, unique, time_weighted.  Their window, the counter period, is read
-- once, when it closes; until then a position stands for it and carries nothing.  What comes late opens it again, and as
-- soon as its cycle is settled it is read anew: the difference is posted.
--
-- The level of a time_weighted meter holds until somebody says another, so its positions open without events, too: before
-- positions close, _carry_levels() opens what follows from the level that holds then.  A late event has every closed
-- window behind it read again (_reopen_levels()), for each may begin with another level now.

-- not pinned: meant to be inlined
CREATE FUNCTION billing._is_windowed(aggregation text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $fn$ SELECT aggregation IN ('percentile', 'peak_mean', 'unique', 'time_weighted') $fn$;
COMMENT ON FUNCTION billing._is_windowed(text) IS 'is a meter of that aggregation read when its counter period closes?';

CREATE FUNCTION billing._check_windowed_price(price record) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	open_from timestamptz;
BEGIN
	IF price.post = 'cycle' THEN
		RAISE EXCEPTION 'a price of meter "%" can not post with every cycle', price.meter USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'Its quantity is known when the counter period closes.',
			HINT = 'Leave post out, or say counter.';
	END IF;
	IF billing._is_conditional(price.properties, price.weekdays, price.time_from, price.time_to)
		AND (SELECT m.aggregation FROM billing.meter m WHERE m.meter = price.meter) = 'time_weighted' THEN
		RAISE EXCEPTION 'a price of meter "%" can not have conditions', price.meter USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'A level holds on after its event, which has no properties, weekdays or hours then.',
			HINT = 'Leave properties, weekdays, time_from and time_to out; a region or a meter for each kind tells them apart.';
	END IF;
	SELECT billing.cycle_start(b.cycle) INTO open_from FROM billing.barrier b WHERE b.mark = 'watermark';
	-- which price an event had is looked up when the window is read, so it must not change behind it
	IF price.valid_from < open_from AND EXISTS (SELECT FROM billing.price_line l JOIN billing.position o USING (line_id) WHERE l.meter = price.meter) THEN
		RAISE EXCEPTION 'a price of meter "%" can not take over at %', price.meter, price.valid_from USING
			ERRCODE = 'UB007',
			DETAIL = 'The meter is read when its counter period closes, and usage of it is settled already.',
			HINT = format('Give a valid_from from %s on, the beginning of the next period at best.', open_from);
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._check_windowed_price(record) IS 'raises 22023 or UB007 for a price of a windowed meter that posts with every cycle, has conditions where a level holds, or goes back behind what is settled';

CREATE FUNCTION billing._levels(account_id bigint, meter text, through integer, until timestamptz)
	RETURNS TABLE (region text, resource text, price_id bigint, held_from timestamptz, held_until timestamptz, level numeric)
LANGUAGE sql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $fn$
	WITH said AS MATERIALIZED (
		-- of two levels of one instant the one of the greater key counts
		SELECT DISTINCT ON (u.region, u.resource, u.event_time) u.region, u.resource, u.event_time, u.quantity
		FROM billing.usage u
		WHERE u.account_id = _levels.account_id AND u.meter = _levels.meter AND billing.cycle_of(u.arrived, u.event_time) < through
			AND u.event_time < until AND billing._is_billed(u.properties, (SELECT m.leaves_out FROM billing.meter m WHERE m.meter = _levels.meter))
			AND NOT EXISTS (SELECT FROM billing.unrated r WHERE (r.account_id, r.meter, r.event_key, r.event_time)
				= (u.account_id, u.meter, u.event_key, u.event_time))
		ORDER BY u.region, u.resource, u.event_time, u.event_key DESC
	), held AS (
		SELECT s.*, lead(s.event_time, 1, until) OVER (PARTITION BY s.region, s.resource ORDER BY s.event_time) AS held_until FROM said s
	), span AS MATERIALIZED (
		SELECT r.region, s.* FROM (SELECT DISTINCT s.region FROM said s) r
		CROSS JOIN billing.account a
		CROSS JOIN LATERAL billing._price_spans(_levels.account_id, _levels.meter, r.region, a.currency, '') s
		WHERE a.account_id = _levels.account_id
	)
	SELECT h.region, h.resource, s.price_id, greatest(h.event_time, s.valid_from), least(h.held_until, s.valid_until), h.quantity
	FROM held h JOIN span s ON s.region = h.region AND s.valid_from < h.held_until AND s.valid_until > h.event_time
	WHERE h.quantity <> 0
$fn$;
COMMENT ON FUNCTION billing._levels(bigint, text, integer, timestamptz)
	IS 'the levels of a time_weighted meter that are not 0, up to an instant: from when to when, under which price, as the usage of every cycle before one says';

CREATE FUNCTION billing._level_positions(account_id bigint, meter text, since timestamptz, through integer, until timestamptz)
	RETURNS TABLE (line_id bigint, period_start timestamptz, period_end timestamptz, resource text, price_id bigint)
LANGUAGE sql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $fn$
	WITH RECURSIVE walk AS (
		SELECT l.price_id, l.resource, l.held_until, p.line_id, p.counter, p.scope, a.time_zone, t.period_start, t.period_end
		FROM billing._levels(_level_positions.account_id, _level_positions.meter, through, until) l
		JOIN billing.price p USING (price_id)
		JOIN billing.account a ON a.account_id = _level_positions.account_id
		CROSS JOIN LATERAL billing.period_of(p.counter, greatest(l.held_from, since), a.time_zone) t
		WHERE l.held_until > since
		UNION ALL
		SELECT w.price_id, w.resource, w.held_until, w.line_id, w.counter, w.scope, w.time_zone, t.period_start, t.period_end
		FROM walk w CROSS JOIN LATERAL billing.period_of(w.counter, w.period_end, w.time_zone) t
		WHERE w.held_until > w.period_end
	)
	SELECT DISTINCT w.line_id, w.period_start, w.period_end, CASE w.scope WHEN 'resource' THEN w.resource ELSE '' END, w.price_id FROM walk w
$fn$;
COMMENT ON FUNCTION billing._level_positions(bigint, text, timestamptz, integer, timestamptz)
	IS 'the positions in which a level of a time_weighted meter that is not 0 holds between two instants, as the usage of every cycle before one says';

CREATE FUNCTION billing._carry_levels(account_from bigint, account_to bigint, timer timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	through constant integer := billing.cycle_of(timer - interval '1 microsecond') + 1;
	k record;
BEGIN
	IF NOT EXISTS (SELECT FROM billing.meter m WHERE m.aggregation = 'time_weighted') THEN
		RETURN;
	END IF;
	FOR k IN SELECT o.account_id, l.meter, min(o.period_start) AS since
		FROM billing.position o JOIN billing.price_line l USING (line_id) JOIN billing.meter m ON m.meter = l.meter AND m.aggregation = 'time_weighted'
		WHERE o.closes_at = timer AND o.account_id >= account_from AND o.account_id < account_to
			AND (account_from + 1 = account_to OR NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = o.account_id))
		GROUP BY o.account_id, l.meter
	LOOP
		WITH opened AS (
			INSERT INTO billing.position (account_id, line_id, period_start, resource, price_id, period_end, quantity, exact_amount, posted_amount, closes_at)
			SELECT k.account_id, w.line_id, w.period_start, w.resource, w.price_id, w.period_end, 0, 0, 0, greatest(w.period_end, timer)
			-- and one microsecond on, where the next period begins
			FROM billing._level_positions(k.account_id, k.meter, k.since, through, timer + interval '1 microsecond') w
			ON CONFLICT DO NOTHING
			RETURNING price_id
		)
		INSERT INTO billing.rated_price (price_id) SELECT DISTINCT o.price_id FROM opened o ON CONFLICT DO NOTHING;
	END LOOP;
END
$fn$;
COMMENT ON FUNCTION billing._carry_levels(bigint, bigint, timestamptz)
	IS 'before positions close at an instant: opens those in which a level of theirs holds on';

CREATE FUNCTION billing._reopen_levels(the_cycle integer, account_from bigint, account_to bigint, with_unrated boolean) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	IF NOT EXISTS (SELECT FROM billing.meter m WHERE m.aggregation = 'time_weighted') THEN
		RETURN;
	END IF;
	UPDATE billing.position o SET closes_at = billing.cycle_start(the_cycle) + interval '1 microsecond'
	FROM (SELECT w.account_id, w.meter, min(w.event_time) AS since
		FROM (SELECT u.account_id, u.meter, u.event_time, u.properties FROM billing._usage_of(the_cycle, account_from, account_to) u
			WHERE u.event_time < billing.cycle_start(the_cycle)
			UNION ALL
			SELECT r.account_id, r.meter, r.event_time, NULL FROM billing.unrated r
			WHERE with_unrated AND r.account_id >= account_from AND r.account_id < account_to) w
		JOIN billing.meter m ON m.meter = w.meter AND m.aggregation = 'time_weighted'
		WHERE billing._is_billed(w.properties, m.leaves_out)
		GROUP BY w.account_id, w.meter) late
	JOIN billing.price_line l ON l.meter = late.meter
	WHERE o.account_id = late.account_id AND o.line_id = l.line_id AND o.period_end > late.since AND o.closes_at IS NULL;
END
$fn$;
COMMENT ON FUNCTION billing._reopen_levels(integer, bigint, bigint, boolean)
	IS 'has the closed windows of time_weighted meters read again that lie behind a late event of a cycle';

CREATE FUNCTION billing._window_quantities(account_from bigint, account_to bigint, closes timestamptz, through integer)
	RETURNS TABLE (account_id bigint, line_id bigint, period_start timestamptz, resource text, price_id bigint, quantity numeric)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $fn$
	WITH window_ AS MATERIALIZED (
		SELECT o.account_id, o.line_id, o.period_start, o.period_end, o.resource, o.price_id, l.meter, l.currency, l.scope, a.time_zone,
			m.aggregation, m.time_unit, m.sample_window, m.percent, m.top_days, m.by_valid_days, m.unique_property, m.leaves_out,
			CASE WHEN EXISTS (SELECT FROM billing.price x WHERE x.meter = l.meter AND x.account_id = o.account_id) THEN o.account_id ELSE 0 END AS owner
		FROM (SELECT p.* FROM billing.position p WHERE p.closes_at = closes AND p.account_id >= account_from AND p.account_id < account_to
			UNION ALL
			SELECT p.* FROM billing.position p WHERE closes IS NULL AND p.closes_at IS NULL
				AND p.account_id >= account_from AND p.account_id < account_to) o
		JOIN billing.price_line l USING (line_id)
		JOIN billing.meter m ON m.meter = l.meter
		JOIN billing.account a ON a.account_id = o.account_id
		WHERE billing._is_windowed(m.aggregation)
	), level AS MATERIALIZED (
		SELECT k.account_id, k.meter, s.price_id, s.resource, s.held_from, s.held_until, s.level
		FROM (SELECT DISTINCT w.account_id, w.meter FROM window_ w WHERE w.aggregation = 'time_weighted') k
		CROSS JOIN LATERAL billing._levels(k.account_id, k.meter, through, billing.cycle_start(through)) s
	), event AS MATERIALIZED (
		SELECT DISTINCT w.account_id, w.owner, w.meter, w.currency, w.time_zone, u.region, u.resource, u.event_time, u.event_key, u.quantity, u.properties
		FROM window_ w
		JOIN billing.usage u ON u.account_id = w.account_id AND u.meter = w.meter
			AND u.event_time >= w.period_start AND u.event_time < w.period_end
		WHERE w.aggregation <> 'time_weighted' AND billing.cycle_of(u.arrived, u.event_time) < through AND billing._is_billed(u.properties, w.leaves_out)
			AND NOT EXISTS (SELECT FROM billing.unrated r WHERE (r.account_id, r.meter, r.event_key, r.event_time)
				= (u.account_id, u.meter, u.event_key, u.event_time))
	), span AS MATERIALIZED (
		SELECT k.owner, k.meter, k.region, k.currency, s.valid_from, s.valid_until, s.price_id
		FROM (SELECT DISTINCT e.owner, e.meter, e.region, e.currency FROM event e) k
		CROSS JOIN LATERAL billing._price_spans(k.owner, k.meter, k.region, k.currency, NULL) s
	), priced AS MATERIALIZED (
		SELECT e.*, CASE WHEN s.price_id IS NOT NULL THEN s.price_id
			ELSE billing._price_at(e.account_id, e.meter, e.region, e.resource, e.currency, e.properties, e.event_time, e.time_zone) END AS price_id
		FROM event e
		LEFT JOIN span s ON s.owner = e.owner AND s.meter = e.meter AND s.region = e.region AND s.currency = e.currency
			AND e.event_time >= s.valid_from AND e.event_time < s.valid_until
	), member AS (
		SELECT w.account_id, w.line_id, w.period_start, w.resource, w.price_id, w.aggregation,
			date_bin(w.sample_window, e.event_time, '2000-01-01 00:00+00') AS sampled_at, (e.event_time AT TIME ZONE w.time_zone)::date AS day,
			e.quantity, CASE WHEN w.unique_property IS NULL THEN e.resource ELSE e.properties ->> w.unique_property END AS item
		FROM window_ w
		JOIN priced e ON e.account_id = w.account_id AND e.price_id = w.price_id AND (w.scope = 'account' OR e.resource = w.resource)
			AND e.event_time >= w.period_start AND e.event_time < w.period_end
	), sample AS (
		SELECT e.account_id, e.line_id, e.period_start, e.resource, e.price_id, e.sampled_at, min(e.day) AS day, sum(e.quantity) AS quantity
		FROM member e WHERE e.aggregation <> 'unique' GROUP BY 1, 2, 3, 4, 5, 6
	), day AS (
		SELECT s.account_id, s.line_id, s.period_start, s.resource, s.price_id, s.day, max(s.quantity) AS quantity
		FROM sample s GROUP BY 1, 2, 3, 4, 5, 6 HAVING max(s.quantity) > 0
	), measured AS (
		SELECT w.account_id, w.line_id, w.period_start, w.resource, w.price_id, w.by_valid_days,
			CASE w.aggregation
				WHEN 'time_weighted' THEN (SELECT sum(s.level * extract(epoch FROM least(s.held_until, w.period_end) - greatest(s.held_from, w.period_start)))
					FROM level s WHERE (s.account_id, s.meter, s.price_id) = (w.account_id, w.meter, w.price_id) AND (w.scope = 'account' OR s.resource = w.resource)
						AND s.held_from < w.period_end AND s.held_until > w.period_start)
				WHEN 'unique' THEN (SELECT count(DISTINCT e.item) FROM member e WHERE (e.account_id, e.line_id, e.period_start, e.resource, e.price_id)
					= (w.account_id, w.line_id, w.period_start, w.resource, w.price_id))
				WHEN 'percentile' THEN (SELECT billing.percentile_peak(s.quantity, w.percent) FROM sample s WHERE (s.account_id, s.line_id, s.period_start, s.resource, s.price_id)
					= (w.account_id, w.line_id, w.period_start, w.resource, w.price_id))
				ELSE (SELECT billing.mean_top(d.quantity, coalesce(w.top_days, 1000)) FROM day d WHERE (d.account_id, d.line_id, d.period_start, d.resource, d.price_id)
					= (w.account_id, w.line_id, w.period_start, w.resource, w.price_id)) END AS quantity,
			(SELECT count(*) FROM day d WHERE (d.account_id, d.line_id, d.period_start, d.resource, d.price_id)
				= (w.account_id, w.line_id, w.period_start, w.resource, w.price_id)) AS valid_days,
			CASE WHEN w.aggregation = 'time_weighted' THEN CASE w.time_unit WHEN 'second' THEN 1 WHEN 'minute' THEN 60 WHEN 'hour' THEN 3600 WHEN 'day' THEN 86400
				ELSE extract(epoch FROM w.period_end - w.period_start) END END AS seconds,
			(w.period_end AT TIME ZONE w.time_zone)::date - (w.period_start AT TIME ZONE w.time_zone)::date AS days
		FROM window_ w
	)
	-- a quotient has no more than 20 decimals, half away from zero: div() cuts behind the 30th, where / would cut sooner
	SELECT m.account_id, m.line_id, m.period_start, m.resource, m.price_id,
		coalesce(CASE WHEN m.seconds IS NOT NULL THEN trim_scale(round(div(m.quantity * 1e30, m.seconds) * 1e-30, 20))
			WHEN m.by_valid_days THEN trim_scale(round(div(m.quantity * m.valid_days * 1e30, greatest(m.days, 1)) * 1e-30, 20)) ELSE m.quantity END, 0)
	FROM measured m
$fn$;
COMMENT ON FUNCTION billing._window_quantities(bigint, bigint, timestamptz, integer)
	IS 'what the windows say whose positions close at an instant (NULL: those that have closed), read from the usage of every cycle before one';
