-- Meters whose quantity is no running total: percentile, peak_mean, unique.  Their window, the counter period, is read
-- once, when it closes; until then a position stands for it and carries nothing.  What comes late opens it again, and as
-- soon as its cycle is settled it is read anew: the difference is posted.

-- not pinned: meant to be inlined
CREATE FUNCTION billing._is_windowed(aggregation text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $fn$ SELECT aggregation IN ('percentile', 'peak_mean', 'unique') $fn$;
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
COMMENT ON FUNCTION billing._check_windowed_price(record) IS 'raises 22023 or UB007 for a price of a windowed meter that posts with every cycle, or goes back behind what is settled';

CREATE FUNCTION billing._window_quantities(account_from bigint, account_to bigint, closes timestamptz, through integer)
	RETURNS TABLE (account_id bigint, line_id bigint, period_start timestamptz, resource text, price_id bigint, quantity numeric)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $fn$
	WITH window_ AS MATERIALIZED (
		SELECT o.account_id, o.line_id, o.period_start, o.period_end, o.resource, o.price_id, l.meter, l.currency, l.scope, a.time_zone,
			m.aggregation, m.sample_window, m.percent, m.top_days, m.by_valid_days, m.unique_property, m.leaves_out,
			CASE WHEN EXISTS (SELECT FROM billing.price x WHERE x.meter = l.meter AND x.account_id = o.account_id) THEN o.account_id ELSE 0 END AS owner
		FROM (SELECT p.* FROM billing.position p WHERE p.closes_at = closes AND p.account_id >= account_from AND p.account_id < account_to
			UNION ALL
			SELECT p.* FROM billing.position p WHERE closes IS NULL AND p.closes_at IS NULL
				AND p.account_id >= account_from AND p.account_id < account_to) o
		JOIN billing.price_line l USING (line_id)
		JOIN billing.meter m ON m.meter = l.meter
		JOIN billing.account a ON a.account_id = o.account_id
		WHERE billing._is_windowed(m.aggregation)
	), event AS MATERIALIZED (
		SELECT DISTINCT w.account_id, w.owner, w.meter, w.currency, w.time_zone, u.region, u.resource, u.event_time, u.event_key, u.quantity, u.properties
		FROM window_ w
		JOIN billing.usage u ON u.account_id = w.account_id AND u.meter = w.meter
			AND u.event_time >= w.period_start AND u.event_time < w.period_end
		WHERE billing.cycle_of(u.arrived, u.event_time) < through AND billing._is_billed(u.properties, w.leaves_out)
			AND NOT EXISTS (SELECT FROM billing.unrated r WHERE (r.account_id, r.meter, r.event_key, r.event_time)
				= (u.account_id, u.meter, u.event_key, u.event_time))
	), span AS MATERIALIZED (
		SELECT k.owner, k.meter, k.region, k.currency, s.valid_from, s.valid_until, s.price_id
		FROM (SELECT DISTINCT e.owner, e.meter, e.region, e.currency FROM event e) k
		CROSS JOIN LATERAL billing._price_spans(k.owner, k.meter, k.region, k.currency) s
	), priced AS MATERIALIZED (
		SELECT e.*, CASE WHEN s.price_id IS NOT NULL THEN s.price_id
			ELSE billing._price_at(e.account_id, e.meter, e.region, e.currency, e.properties, e.event_time, e.time_zone) END AS price_id
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
				WHEN 'unique' THEN (SELECT count(DISTINCT e.item) FROM member e WHERE (e.account_id, e.line_id, e.period_start, e.resource, e.price_id)
					= (w.account_id, w.line_id, w.period_start, w.resource, w.price_id))
				WHEN 'percentile' THEN (SELECT billing.percentile_peak(s.quantity, w.percent) FROM sample s WHERE (s.account_id, s.line_id, s.period_start, s.resource, s.price_id)
					= (w.account_id, w.line_id, w.period_start, w.resource, w.price_id))
				ELSE (SELECT billing.mean_top(d.quantity, coalesce(w.top_days, 1000)) FROM day d WHERE (d.account_id, d.line_id, d.period_start, d.resource, d.price_id)
					= (w.account_id, w.line_id, w.period_start, w.resource, w.price_id)) END AS quantity,
			(SELECT count(*) FROM day d WHERE (d.account_id, d.line_id, d.period_start, d.resource, d.price_id)
				= (w.account_id, w.line_id, w.period_start, w.resource, w.price_id)) AS valid_days,
			(w.period_end AT TIME ZONE w.time_zone)::date - (w.period_start AT TIME ZONE w.time_zone)::date AS days
		FROM window_ w
	)
	-- a quotient has no more than 20 decimals, half away from zero: div() cuts behind the 30th, where / would cut sooner
	SELECT m.account_id, m.line_id, m.period_start, m.resource, m.price_id,
		coalesce(CASE WHEN m.by_valid_days THEN trim_scale(round(div(m.quantity * m.valid_days * 1e30, greatest(m.days, 1)) * 1e-30, 20)) ELSE m.quantity END, 0)
	FROM measured m
$fn$;
COMMENT ON FUNCTION billing._window_quantities(bigint, bigint, timestamptz, integer)
	IS 'what the windows say whose positions close at an instant (NULL: those that have closed), read from the usage of every cycle before one';
