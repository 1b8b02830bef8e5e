-- Meters whose quantity is no running total: percentile, peak_mean, unique, time_weighted.  Their window, the counter period, is read
-- once, when it closes; until then a position stands for it and carries nothing.  What comes late opens it again, and as
-- soon as its cycle is settled it is read anew: the difference is posted.
--
-- The level of a time_weighted meter holds until somebody says another, so its positions open without events, too: before
-- positions close, _carry_levels() opens what follows from the level that holds then.  A late event has every closed
-- window behind it read again (_reopen_levels()), for each may begin with another level now.

-- not pinned: meant to be inlined, also into a view that is asked under any search_path; so its body is bound when it is made
CREATE FUNCTION billing._is_windowed(aggregation text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN aggregation IN ('percentile', 'peak_mean', 'unique', 'time_weighted');
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
	IF (price.plan <> '' OR billing._is_conditional(price.properties, price.weekdays, price.time_from, price.time_to))
		AND (SELECT m.aggregation FROM billing.meter m WHERE m.meter = price.meter) = 'time_weighted' THEN
		RAISE EXCEPTION 'a price of meter "%" can not have conditions', price.meter USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'A level holds on after its event, which has no plan, options, properties, weekdays or hours then.',
			HINT = 'Leave plan, properties, weekdays, time_from and time_to out; a region or a meter for each kind tells them apart.';
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
COMMENT ON FUNCTION billing._check_windowed_price(record) IS 'raises 22023 or UB007 for a price of a windowed meter that posts with every cycle, has a plan or conditions where a level holds, or goes back behind what is settled';

-- not pinned: meant to be inlined
CREATE FUNCTION billing._windows(account_from bigint, account_to bigint, closes timestamptz)
	RETURNS TABLE (account_id bigint, line_id bigint, period_start timestamptz, period_end timestamptz, resource text, price_id bigint, closes_at timestamptz,
		meter text, currency text, scope text, time_zone text, aggregation text, owner bigint)
LANGUAGE sql STABLE
AS $fn$
	SELECT o.account_id, o.line_id, o.period_start, o.period_end, o.resource, o.price_id, o.closes_at, l.meter, a.currency, l.scope, a.time_zone, m.aggregation,
		CASE WHEN EXISTS (SELECT FROM billing.price x WHERE x.meter = l.meter AND x.account_id = o.account_id) THEN o.account_id ELSE 0 END
	FROM (SELECT p.* FROM billing.position p WHERE p.closes_at = closes AND p.account_id >= account_from AND p.account_id < account_to
		UNION ALL
		SELECT p.* FROM billing.position p WHERE closes IS NULL AND p.account_id >= account_from AND p.account_id < account_to) o
	JOIN billing.price_line l ON l.line_id = o.line_id
	JOIN billing.meter m ON m.meter = l.meter
	JOIN billing.account a ON a.account_id = o.account_id AND a.account_id >= account_from AND a.account_id < account_to
	WHERE billing._is_windowed(m.aggregation)
		AND (account_from + 1 = account_to OR NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = o.account_id))
$fn$;
COMMENT ON FUNCTION billing._windows(bigint, bigint, timestamptz)
	IS 'the positions of windowed meters that close at an instant (NULL: all there are), and whose prices they have (owner); those of accounts in quarantine wait, unless the range is one account';

CREATE FUNCTION billing._levels(account_from bigint, account_to bigint, closes timestamptz, through integer, until timestamptz)
	RETURNS TABLE (account_id bigint, meter text, region text, resource text, price_id bigint, said_at timestamptz, held_from timestamptz, held_until timestamptz,
		level numeric)
LANGUAGE plpgsql STABLE ROWS 100000
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off	-- what is looked up account by account is so nevertheless, being LATERAL
SET jit = off
SET plan_cache_mode = force_generic_plan	-- planned once a session; no number of rows is looked at
AS $fn$
#variable_conflict use_column
BEGIN
	RETURN QUERY WITH key AS MATERIALIZED (
		-- closing windows are read from the day on in which the first of an account begins
		SELECT k.*, m.leaves_out, date_trunc('day', k.since, 'UTC') AS day
		FROM (SELECT w.account_id, w.meter, w.owner, w.currency, CASE WHEN closes IS NULL THEN '-infinity' ELSE min(w.period_start) END AS since
			FROM billing._windows(account_from, account_to, closes) w
			WHERE w.aggregation = 'time_weighted' GROUP BY w.account_id, w.meter, w.owner, w.currency) k
		JOIN billing.meter m USING (meter)
	), waiting AS MATERIALIZED (
		SELECT r.account_id, r.meter, r.event_key, r.event_time FROM billing.unrated r
		WHERE r.account_id >= account_from AND r.account_id < account_to AND r.meter IN (SELECT k.meter FROM key k)
	), said AS MATERIALIZED (
		-- of two levels of one instant the one of the greater key counts
		SELECT DISTINCT ON (e.account_id, e.meter, e.region, e.resource, e.event_time) e.account_id, e.meter, e.owner, e.currency, e.since,
			e.region, e.resource, e.event_time, e.quantity
		FROM (SELECT k.account_id, k.meter, k.owner, k.currency, k.since, l.region, l.resource, l.event_time, l.event_key, l.quantity
			FROM key k
			CROSS JOIN LATERAL (SELECT * FROM billing.level l WHERE l.account_id = k.account_id AND l.meter = k.meter
				AND l.next_day >= k.day AND l.day < k.day AND l.quantity <> 0 OFFSET 0) l
			WHERE closes IS NOT NULL
			UNION ALL
			SELECT k.account_id, k.meter, k.owner, k.currency, k.since, u.region, u.resource, u.event_time, u.event_key, u.quantity
			FROM key k
			CROSS JOIN LATERAL (SELECT * FROM billing.usage u WHERE u.account_id = k.account_id AND u.meter = k.meter AND u.event_time >= k.day
				AND u.event_time < until AND billing.cycle_of(u.arrived, u.event_time) < through AND billing._is_billed(u.properties, k.leaves_out) OFFSET 0) u) e
		WHERE NOT EXISTS (SELECT FROM waiting r WHERE r.account_id = e.account_id AND r.meter = e.meter
			AND r.event_key = e.event_key AND r.event_time = e.event_time)
		ORDER BY e.account_id, e.meter, e.region, e.resource, e.event_time, e.event_key DESC
	), held AS (
		SELECT s.*, lead(s.event_time, 1, until) OVER (PARTITION BY s.account_id, s.meter, s.region, s.resource ORDER BY s.event_time) AS held_until FROM said s
	), span AS MATERIALIZED (
		SELECT r.owner, r.meter, r.region, r.currency, s.valid_from, s.valid_until, s.price_id
		FROM (SELECT DISTINCT s.owner, s.meter, s.region, s.currency FROM said s) r
		CROSS JOIN LATERAL billing._price_spans(r.owner, r.meter, r.region, r.currency, '') s
	)
	SELECT h.account_id, h.meter, h.region, h.resource, s.price_id, h.event_time, greatest(h.event_time, s.valid_from, h.since), least(h.held_until, s.valid_until), h.quantity
	FROM held h
	JOIN span s ON s.owner = h.owner AND s.meter = h.meter AND s.region = h.region AND s.currency = h.currency
		AND s.valid_from < h.held_until AND s.valid_until > h.event_time AND s.valid_until > h.since
	WHERE h.held_until > h.since;
END
$fn$;
COMMENT ON FUNCTION billing._levels(bigint, bigint, timestamptz, integer, timestamptz)
	IS 'the levels of time_weighted meters that accounts have in the windows that close at an instant (NULL: in all), up to another: from when to when, under which price, as the usage of every cycle before one says';

CREATE FUNCTION billing._level_positions(account_from bigint, account_to bigint, closes timestamptz, through integer, until timestamptz)
	RETURNS TABLE (account_id bigint, meter text, line_id bigint, period_start timestamptz, period_end timestamptz, resource text, price_id bigint)
LANGUAGE sql STABLE ROWS 10000
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $fn$
	WITH RECURSIVE held AS MATERIALIZED (
		SELECT l.account_id, l.meter, l.price_id, l.held_from, l.held_until, p.line_id, p.counter, a.time_zone, CASE p.scope WHEN 'resource' THEN l.resource ELSE '' END AS resource
		FROM billing._levels(account_from, account_to, closes, through, until) l
		JOIN billing.price p USING (price_id)
		JOIN billing.account a ON a.account_id = l.account_id AND a.account_id >= account_from AND a.account_id < account_to
		WHERE l.level <> 0
	), first AS MATERIALIZED (
		SELECT h.counter, h.time_zone, h.held_from, t.period_start, t.period_end
		FROM (SELECT DISTINCT h.counter, h.time_zone, h.held_from FROM held h) h
		CROSS JOIN LATERAL billing.period_of(h.counter, h.held_from, h.time_zone) t
	), period AS (
		-- each once, for all accounts
		SELECT f.counter, f.time_zone, f.period_start, f.period_end FROM first f
		UNION
		SELECT p.counter, p.time_zone, t.period_start, t.period_end
		FROM period p CROSS JOIN LATERAL billing.period_of(p.counter, p.period_end, p.time_zone) t
		WHERE p.period_end < until
	), walk AS (
		SELECT h.account_id, h.meter, h.line_id, h.price_id, h.resource, h.counter, h.time_zone, h.held_until, f.period_start, f.period_end
		FROM held h JOIN first f ON f.counter = h.counter AND f.time_zone = h.time_zone AND f.held_from = h.held_from
		UNION
		SELECT w.account_id, w.meter, w.line_id, w.price_id, w.resource, w.counter, w.time_zone, w.held_until, p.period_start, p.period_end
		FROM walk w JOIN period p ON p.counter = w.counter AND p.time_zone = w.time_zone AND p.period_start = w.period_end
		WHERE w.held_until > w.period_end
	)
	SELECT DISTINCT w.account_id, w.meter, w.line_id, w.period_start, w.period_end, w.resource, w.price_id FROM walk w
$fn$;
COMMENT ON FUNCTION billing._level_positions(bigint, bigint, timestamptz, integer, timestamptz)
	IS 'the positions in which a level that is not 0 holds, from where the windows begin that close at an instant (NULL: ever) to another, as the usage of every cycle before one says';

CREATE FUNCTION billing._carry_levels(account_from bigint, account_to bigint, timer timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	IF NOT EXISTS (SELECT FROM billing.meter m WHERE m.aggregation = 'time_weighted') THEN
		RETURN;
	END IF;
	WITH opened AS (
		INSERT INTO billing.position (account_id, line_id, period_start, resource, price_id, period_end, quantity, exact_amount, posted_amount, closes_at)
		SELECT w.account_id, w.line_id, w.period_start, w.resource, w.price_id, w.period_end, 0, 0, 0, greatest(w.period_end, timer)
		-- and one microsecond on, where the next period begins
		FROM billing._level_positions(account_from, account_to, timer, billing.cycle_of(timer - interval '1 microsecond') + 1, timer + interval '1 microsecond') w
		ON CONFLICT DO NOTHING
		RETURNING price_id
	)
	INSERT INTO billing.rated_price (price_id) SELECT DISTINCT o.price_id FROM opened o ON CONFLICT DO NOTHING;
END
$fn$;
COMMENT ON FUNCTION billing._carry_levels(bigint, bigint, timestamptz)
	IS 'before positions close at an instant: opens those in which a level of theirs holds on';

CREATE FUNCTION billing._waiting_for_levels(account_from bigint, account_to bigint) RETURNS bigint[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	-- also for a meter that is not there yet, but may be in a moment
	SELECT array_agg(DISTINCT r.account_id) FROM billing.unrated r
	WHERE r.account_id >= account_from AND r.account_id < account_to
		AND NOT EXISTS (SELECT FROM billing.meter m WHERE m.meter = r.meter AND m.aggregation <> 'time_weighted')
		AND (account_from + 1 = account_to OR NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = r.account_id))
$fn$;
COMMENT ON FUNCTION billing._waiting_for_levels(bigint, bigint) IS 'accounts with unrated usage that may turn out to be levels';

CREATE FUNCTION billing._keep_levels(the_cycle integer, account_from bigint, account_to bigint, waited bigint[]) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	IF NOT EXISTS (SELECT FROM billing.meter m WHERE m.aggregation = 'time_weighted') THEN
		RETURN;
	END IF;
	WITH said AS MATERIALIZED (
		SELECT DISTINCT ON (u.account_id, u.meter, u.region, u.resource, date_trunc('day', u.event_time, 'UTC'))
			u.account_id, u.meter, u.region, u.resource, date_trunc('day', u.event_time, 'UTC') AS day, u.event_time, u.event_key, u.quantity
		FROM (SELECT u.account_id, u.meter, u.region, u.resource, u.event_time, u.event_key, u.quantity, u.properties
			FROM billing._usage_of(the_cycle, account_from, account_to) u
			UNION ALL
			SELECT u.account_id, u.meter, u.region, u.resource, u.event_time, u.event_key, u.quantity, u.properties
			FROM unnest(waited) w(account_id) JOIN billing.usage u USING (account_id)
			WHERE billing.cycle_of(u.arrived, u.event_time) <= the_cycle) u
		JOIN billing.meter m ON m.meter = u.meter AND m.aggregation = 'time_weighted'
		WHERE billing._is_billed(u.properties, m.leaves_out)
			AND NOT EXISTS (SELECT FROM billing.unrated r WHERE (r.account_id, r.meter, r.event_key, r.event_time)
				= (u.account_id, u.meter, u.event_key, u.event_time))
			AND (account_from + 1 = account_to OR NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = u.account_id))
		ORDER BY u.account_id, u.meter, u.region, u.resource, 5, u.event_time DESC, u.event_key DESC
	), before AS (
		UPDATE billing.level l SET next_day = b.next_day
		FROM (SELECT l.account_id, l.meter, l.region, l.resource, l.day, s.day AS next_day
			FROM (SELECT s.*, lag(s.day) OVER (PARTITION BY s.account_id, s.meter, s.region, s.resource ORDER BY s.day) AS said_before FROM said s) s
			CROSS JOIN LATERAL (SELECT * FROM billing.level l
				WHERE l.account_id = s.account_id AND l.meter = s.meter AND l.region = s.region AND l.resource = s.resource AND l.day < s.day
				ORDER BY l.day DESC LIMIT 1) l
			WHERE l.next_day > s.day AND (s.said_before IS NULL OR s.said_before < l.day)) b
		WHERE (l.account_id, l.meter, l.region, l.resource, l.day) = (b.account_id, b.meter, b.region, b.resource, b.day)
	)
	INSERT INTO billing.level AS l (account_id, meter, region, resource, day, event_time, event_key, quantity, next_day)
	SELECT s.account_id, s.meter, s.region, s.resource, s.day, s.event_time, s.event_key, s.quantity,
		least(lead(s.day) OVER (PARTITION BY s.account_id, s.meter, s.region, s.resource ORDER BY s.day), n.day, 'infinity')
	FROM said s
	CROSS JOIN LATERAL (SELECT min(l.day) AS day FROM billing.level l
		WHERE l.account_id = s.account_id AND l.meter = s.meter AND l.region = s.region AND l.resource = s.resource AND l.day > s.day) n
	ON CONFLICT (account_id, meter, region, resource, day) DO UPDATE
	SET next_day = excluded.next_day,
		event_time = CASE WHEN (excluded.event_time, excluded.event_key) > (l.event_time, l.event_key) THEN excluded.event_time ELSE l.event_time END,
		event_key = CASE WHEN (excluded.event_time, excluded.event_key) > (l.event_time, l.event_key) THEN excluded.event_key ELSE l.event_key END,
		quantity = CASE WHEN (excluded.event_time, excluded.event_key) > (l.event_time, l.event_key) THEN excluded.quantity ELSE l.quantity END
	WHERE (excluded.event_time, excluded.event_key) > (l.event_time, l.event_key) OR excluded.next_day <> l.next_day;
END
$fn$;
COMMENT ON FUNCTION billing._keep_levels(integer, bigint, bigint, bigint[])
	IS 'keeps the last level of each day that a cycle has settled, and of accounts whose usage waited all there are: where windows begin to be read';

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

CREATE FUNCTION billing._window_events(account_from bigint, account_to bigint, closes timestamptz, through integer)
	RETURNS TABLE (account_id bigint, owner bigint, meter text, currency text, time_zone text, region text, resource text, event_time timestamptz, event_key text,
		quantity numeric, properties jsonb)
LANGUAGE plpgsql STABLE ROWS 100000
SET search_path = pg_catalog, pg_temp
SET jit = off
SET plan_cache_mode = force_generic_plan	-- planned once a session; no number of rows is looked at
AS $fn$
#variable_conflict use_column
BEGIN
	RETURN QUERY SELECT DISTINCT w.account_id, w.owner, w.meter, w.currency, w.time_zone, u.region, u.resource, u.event_time, u.event_key, u.quantity, u.properties
	FROM billing._windows(account_from, account_to, closes) w
	JOIN billing.meter m ON m.meter = w.meter
	JOIN billing.usage u ON u.account_id = w.account_id AND u.meter = w.meter
		AND u.event_time >= w.period_start AND u.event_time < w.period_end
	WHERE w.aggregation <> 'time_weighted' AND (closes IS NOT NULL OR w.closes_at IS NULL)
		AND billing.cycle_of(u.arrived, u.event_time) < through AND billing._is_billed(u.properties, m.leaves_out)
		AND NOT EXISTS (SELECT FROM billing.unrated r WHERE (r.account_id, r.meter, r.event_key, r.event_time)
			= (u.account_id, u.meter, u.event_key, u.event_time));
END
$fn$;
COMMENT ON FUNCTION billing._window_events(bigint, bigint, timestamptz, integer)
	IS 'the events in the windows that close at an instant (NULL: that have closed), but for levels, of the usage of every cycle before one';

CREATE FUNCTION billing._window_quantities(account_from bigint, account_to bigint, closes timestamptz, through integer)
	RETURNS TABLE (account_id bigint, line_id bigint, period_start timestamptz, resource text, price_id bigint, quantity numeric, part bigint, whole integer, is_empty boolean)
LANGUAGE plpgsql STABLE ROWS 10000
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off	-- windows and what is in them are many or few together, which no statistics tell
SET jit = off
SET plan_cache_mode = force_generic_plan	-- planned once a session; no number of rows is looked at
AS $fn$
#variable_conflict use_column
BEGIN
	RETURN QUERY WITH window_ AS MATERIALIZED (
		SELECT w.*, m.time_unit, m.sample_window, m.percent, m.top_days, m.by_valid_days, m.valid_above, m.day_peak, m.unique_property
		FROM billing._windows(account_from, account_to, closes) w JOIN billing.meter m USING (meter)
		WHERE closes IS NOT NULL OR w.closes_at IS NULL
	), event AS MATERIALIZED (
		SELECT * FROM billing._window_events(account_from, account_to, closes, through) e
		WHERE EXISTS (SELECT FROM window_ w WHERE w.aggregation <> 'time_weighted')
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
		SELECT w.account_id, w.line_id, w.period_start, w.resource, w.price_id, w.aggregation, w.percent, w.top_days, w.valid_above, w.day_peak,
			date_bin(w.sample_window, e.event_time, '2000-01-01 00:00+00') AS sampled_at, (e.event_time AT TIME ZONE w.time_zone)::date AS day,
			e.quantity, CASE WHEN w.unique_property IS NULL THEN e.resource ELSE e.properties ->> w.unique_property END AS item
		FROM window_ w
		JOIN priced e ON e.account_id = w.account_id AND e.price_id = w.price_id AND (w.scope = 'account' OR e.resource = w.resource)
			AND e.event_time >= w.period_start AND e.event_time < w.period_end
	), sample AS (
		SELECT e.account_id, e.line_id, e.period_start, e.resource, e.price_id, e.aggregation, e.percent, e.top_days, e.valid_above, e.day_peak, e.sampled_at,
			min(e.day) AS day, sum(e.quantity) AS quantity
		FROM member e WHERE e.aggregation <> 'unique' GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
	), day AS (
		SELECT s.account_id, s.line_id, s.period_start, s.resource, s.price_id, s.aggregation, s.top_days, s.day,
			-- samples that are missing are samples of nothing
			CASE s.day_peak WHEN 1 THEN max(s.quantity)
				ELSE coalesce((array_agg(s.quantity ORDER BY s.quantity DESC) FILTER (WHERE s.day_peak > 1))[s.day_peak], 0) END AS quantity
		FROM sample s GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, s.day_peak, s.valid_above HAVING max(s.quantity) > s.valid_above
	), weighted AS (
		SELECT w.account_id, w.line_id, w.period_start, w.resource, w.price_id,
			sum(s.level * extract(epoch FROM least(s.held_until, w.period_end) - greatest(s.held_from, w.period_start))) AS quantity,
			-- one that another level had opened, and an event that came late has emptied, is none
			bool_or(s.level <> 0 OR s.said_at = s.held_from AND s.said_at >= w.period_start) AS is_used
		FROM window_ w
		JOIN billing._levels(account_from, account_to, closes, through, billing.cycle_start(through)) s
			ON s.account_id = w.account_id AND s.meter = w.meter AND s.price_id = w.price_id AND (w.scope = 'account' OR s.resource = w.resource)
			AND s.held_from < w.period_end AND s.held_until > w.period_start
		WHERE w.aggregation = 'time_weighted'
		GROUP BY 1, 2, 3, 4, 5
	), highest AS (
		-- however short it holds, the highest level stands for the whole period
		SELECT l.account_id, l.line_id, l.period_start, l.resource, l.price_id, sum(l.level) AS quantity
		FROM (SELECT w.account_id, w.line_id, w.period_start, w.resource, w.price_id, max(s.level) AS level
			FROM window_ w
			JOIN billing._levels(account_from, account_to, closes, through, billing.cycle_start(through)) s
				ON s.account_id = w.account_id AND s.meter = w.meter AND s.price_id = w.price_id AND (w.scope = 'account' OR s.resource = w.resource)
				AND s.held_from < w.period_end AND s.held_until > w.period_start
			WHERE w.time_unit = 'highest' AND w.aggregation = 'time_weighted' AND EXISTS (SELECT FROM window_ x WHERE x.time_unit = 'highest')
			GROUP BY w.account_id, w.line_id, w.period_start, w.resource, w.price_id, s.region, s.resource) l
		GROUP BY 1, 2, 3, 4, 5
	), peak AS (
		SELECT s.account_id, s.line_id, s.period_start, s.resource, s.price_id, billing.percentile_peak(s.quantity, s.percent) AS quantity
		FROM sample s WHERE s.aggregation = 'percentile' GROUP BY 1, 2, 3, 4, 5
	), mean AS (
		SELECT d.account_id, d.line_id, d.period_start, d.resource, d.price_id, count(*) AS valid_days,
			billing.mean_top(d.quantity, coalesce(d.top_days, 1000)) FILTER (WHERE d.aggregation = 'peak_mean') AS quantity
		FROM day d GROUP BY 1, 2, 3, 4, 5
	), item AS (
		SELECT e.account_id, e.line_id, e.period_start, e.resource, e.price_id, count(DISTINCT e.item) AS quantity
		FROM member e WHERE e.aggregation = 'unique' GROUP BY 1, 2, 3, 4, 5
	), measured AS (
		SELECT w.account_id, w.line_id, w.period_start, w.resource, w.price_id, w.by_valid_days, coalesce(d.valid_days, 0) AS valid_days,
			CASE w.aggregation WHEN 'time_weighted' THEN coalesce(h.quantity, t.quantity) WHEN 'unique' THEN i.quantity WHEN 'percentile' THEN k.quantity ELSE d.quantity END AS quantity,
			w.aggregation = 'time_weighted' AND NOT coalesce(t.is_used, false) AS is_empty,
			CASE WHEN w.aggregation = 'time_weighted' THEN CASE w.time_unit WHEN 'highest' THEN 1 WHEN 'second' THEN 1 WHEN 'minute' THEN 60 WHEN 'hour' THEN 3600 WHEN 'day' THEN 86400
				ELSE extract(epoch FROM w.period_end - w.period_start) END END AS seconds,
			(w.period_end AT TIME ZONE w.time_zone)::date - (w.period_start AT TIME ZONE w.time_zone)::date AS days
		FROM window_ w
		LEFT JOIN weighted t USING (account_id, line_id, period_start, resource, price_id)
		LEFT JOIN highest h USING (account_id, line_id, period_start, resource, price_id)
		LEFT JOIN peak k USING (account_id, line_id, period_start, resource, price_id)
		LEFT JOIN mean d USING (account_id, line_id, period_start, resource, price_id)
		LEFT JOIN item i USING (account_id, line_id, period_start, resource, price_id)
	)
	-- a quotient has no more than 20 decimals, half away from zero: div() cuts behind the 30th, where / would cut sooner
	SELECT m.account_id, m.line_id, m.period_start, m.resource, m.price_id,
		coalesce(CASE WHEN m.seconds IS NOT NULL THEN trim_scale(round(div(m.quantity * 1e30, m.seconds) * 1e-30, 20)) ELSE m.quantity END, 0),
		CASE WHEN m.by_valid_days THEN m.valid_days ELSE 1 END, CASE WHEN m.by_valid_days THEN greatest(m.days, 1) ELSE 1 END, m.is_empty
	FROM measured m;
END
$fn$;
COMMENT ON FUNCTION billing._window_quantities(bigint, bigint, timestamptz, integer)
	IS 'what the windows say whose positions close at an instant (NULL: those that have closed), read from the usage of every cycle before one, and the share of what it costs that is charged: part of whole, valid days of all; is_empty: neither a level nor an event is in it';

CREATE FUNCTION billing._missing_windows(account_from bigint, account_to bigint, closes timestamptz, through integer)
	RETURNS TABLE (account_id bigint, meter text, line_id bigint, period_start timestamptz, period_end timestamptz, resource text, price_id bigint)
LANGUAGE plpgsql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $fn$
#variable_conflict use_column
BEGIN
	-- nothing but a plan that an account has had from an earlier instant on, as it turns out, gives an event another price
	IF NOT EXISTS (SELECT FROM billing.price p JOIN billing.meter m ON m.meter = p.meter WHERE p.plan <> '' AND billing._is_windowed(m.aggregation)) THEN
		RETURN;
	END IF;
	RETURN QUERY SELECT DISTINCT e.account_id, e.meter, p.line_id, t.period_start, t.period_end, CASE p.scope WHEN 'resource' THEN e.resource ELSE '' END, p.price_id
	FROM (SELECT w.* FROM billing._window_events(account_from, account_to, closes, through) w
		WHERE EXISTS (SELECT FROM billing.price x WHERE x.meter = w.meter AND x.plan <> '')
			AND EXISTS (SELECT FROM billing.subscription s WHERE s.account_id = w.account_id) OFFSET 0) e
	JOIN billing.price p ON p.price_id = billing._price_at(e.account_id, e.meter, e.region, e.resource, e.currency, e.properties, e.event_time, e.time_zone)
	CROSS JOIN LATERAL billing._counter_period(p.counter, e.account_id, e.resource, e.event_time, e.time_zone) t
	LEFT JOIN billing.position o ON o.account_id = e.account_id AND o.line_id = p.line_id AND o.period_start = t.period_start
		AND o.resource = CASE p.scope WHEN 'resource' THEN e.resource ELSE '' END AND o.price_id = p.price_id
	WHERE o.account_id IS NULL;
END
$fn$;
COMMENT ON FUNCTION billing._missing_windows(bigint, bigint, timestamptz, integer)
	IS 'the windows that events have by now, of those that were in windows that close at an instant (NULL: that have closed), and that are not open';

CREATE FUNCTION billing._open_windows(account_from bigint, account_to bigint, timer timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	WITH opened AS (
		INSERT INTO billing.position (account_id, line_id, period_start, resource, price_id, period_end, quantity, exact_amount, posted_amount, closes_at)
		SELECT w.account_id, w.line_id, w.period_start, w.resource, w.price_id, w.period_end, 0, 0, 0, greatest(w.period_end, timer)
		FROM billing._missing_windows(account_from, account_to, timer, billing.cycle_of(timer - interval '1 microsecond') + 1) w
		ON CONFLICT DO NOTHING
		RETURNING price_id
	)
	INSERT INTO billing.rated_price (price_id) SELECT DISTINCT o.price_id FROM opened o ON CONFLICT DO NOTHING;
END
$fn$;
COMMENT ON FUNCTION billing._open_windows(bigint, bigint, timestamptz)
	IS 'before positions close at an instant: opens those that events of theirs have by now, so that none is left out';

CREATE FUNCTION billing._rate_or_null(tariff billing.tariff, quantity numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	RETURN billing.rate(tariff, quantity);
EXCEPTION WHEN SQLSTATE 'UBT01' THEN
	RETURN NULL;
END
$fn$;
COMMENT ON FUNCTION billing._rate_or_null(billing.tariff, numeric) IS 'the exact price of a quantity; NULL beyond the tariff''s hard end';
