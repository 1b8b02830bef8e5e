-- Part of billing.verify() about max meters with a base: what of each peak is charged, from the usage itself.

CREATE FUNCTION billing._verify_peaks() RETURNS TABLE (problem text, account_id bigint, detail text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $fn$
#variable_conflict use_column
BEGIN
	IF NOT EXISTS (SELECT FROM billing.plan_allowance l JOIN billing.meter m USING (meter) WHERE m.aggregation = 'max') THEN
		RETURN;
	END IF;
	RETURN QUERY WITH rule AS MATERIALIZED (
		SELECT * FROM billing._peak_rules(-9223372036854775808, 9223372036854775807)
	), shape AS MATERIALIZED (
		-- the counter of the positions of a meter; NULL where there are several, which are only looked at together
		SELECT h.account_id, h.meter, max(l.counter) FILTER (WHERE l.is_one) AS counter, max(l.scope) FILTER (WHERE l.is_one) AS scope
		FROM (SELECT DISTINCT r.account_id, r.meter FROM rule r) h
		LEFT JOIN (SELECT o.account_id, k.meter, max(k.counter) AS counter, max(k.scope) AS scope,
				count(DISTINCT (k.counter, k.scope)) = 1 AND max(k.counter) <> 'term' AS is_one
			FROM billing.position o JOIN billing.price_line k USING (line_id) GROUP BY o.account_id, k.meter) l USING (account_id, meter)
		GROUP BY h.account_id, h.meter
	), event AS MATERIALIZED (
		SELECT u.account_id, u.meter, u.region, u.resource, u.event_time, u.event_key, u.quantity, s.counter, s.scope, a.time_zone,
			m.settled_by = 'day' AND u.event_time >= h.days_through AS is_waiting
		FROM billing.usage u
		JOIN shape s USING (account_id, meter)
		JOIN billing.account a USING (account_id)
		JOIN billing.meter m USING (meter)
		JOIN billing.shard h ON u.account_id >= h.account_from AND u.account_id < h.account_to AND billing.cycle_of(u.arrived, u.event_time) < h.settled_through
		LEFT JOIN billing.unrated w USING (account_id, meter, event_key, event_time)
		LEFT JOIN billing.quarantine q ON q.account_id = u.account_id AND billing.cycle_of(u.arrived, u.event_time) >= q.from_cycle
		WHERE w.account_id IS NULL AND q.account_id IS NULL AND billing._is_billed(u.properties, m.leaves_out)
	), judged AS (
		SELECT DISTINCT ON (e.account_id, e.meter, e.event_key, e.event_time) e.*,
			billing._billed_peak(e.quantity, r.base, r.cap, r.is_off, r.mode) AS billed, coalesce(r.over_cap = 'free' AND e.quantity > r.cap, false) AS is_over
		FROM event e
		LEFT JOIN rule r ON r.account_id = e.account_id AND r.meter = e.meter AND r.region IN (e.region, '') AND coalesce(r.resource, e.resource) = e.resource
			AND r.valid_from <= e.event_time AND r.valid_until > e.event_time
		ORDER BY e.account_id, e.meter, e.event_key, e.event_time, r.precedence
	), period AS MATERIALIZED (
		SELECT k.counter, k.time_zone, k.hour, p.period_start, p.period_end
		FROM (SELECT DISTINCT e.counter, e.time_zone, billing.cycle_of(e.event_time) AS hour FROM event e WHERE e.counter IS NOT NULL) k
		CROSS JOIN LATERAL billing.period_of(k.counter, billing.cycle_start(k.hour), k.time_zone) p
	), used AS (
		SELECT j.account_id, j.meter, CASE WHEN j.event_time >= p.period_end THEN p.period_end ELSE p.period_start END AS period_start,
			CASE j.scope WHEN 'resource' THEN j.resource ELSE '' END AS resource, max(j.billed) FILTER (WHERE NOT j.is_waiting) AS peak, bool_or(j.is_over) FILTER (WHERE NOT j.is_waiting) AS is_over,
			max(j.billed) FILTER (WHERE j.is_waiting) AS waiting
		FROM judged j
		LEFT JOIN period p ON p.counter = j.counter AND p.time_zone = j.time_zone AND p.hour = billing.cycle_of(j.event_time)
		GROUP BY 1, 2, 3, 4
	), stood AS (
		SELECT o.account_id, l.meter, CASE WHEN s.counter IS NOT NULL THEN o.period_start END AS period_start,
			CASE s.scope WHEN 'resource' THEN o.resource ELSE '' END AS resource, max(o.quantity) AS peak, bool_or(o.is_over) AS is_over
		FROM billing.position o JOIN billing.price_line l USING (line_id) JOIN shape s ON s.account_id = o.account_id AND s.meter = l.meter
		GROUP BY 1, 2, 3, 4
	)
	SELECT 'peak', coalesce(u.account_id, o.account_id), format('%s, period %s, resource "%s": usage (%s, over the cap %s), position (%s, %s)', coalesce(u.meter, o.meter),
		coalesce(u.period_start, o.period_start), coalesce(u.resource, o.resource), u.peak, u.is_over, o.peak, o.is_over)
	FROM used u
	FULL JOIN stood o ON o.account_id = u.account_id AND o.meter = u.meter AND coalesce(o.period_start, '-infinity') = coalesce(u.period_start, '-infinity')
		AND o.resource = u.resource
	WHERE (u.peak, u.is_over) IS DISTINCT FROM (o.peak, o.is_over)
		-- of what waits for the end of its day, some may have been read
		AND (o.peak BETWEEN coalesce(u.peak, o.peak) AND greatest(u.peak, u.waiting) AND u.waiting IS NOT NULL) IS NOT TRUE
		-- a term that was bought after its beginning covers usage that may have been rated without it
		AND NOT EXISTS (SELECT FROM rule r WHERE r.account_id = coalesce(u.account_id, o.account_id) AND r.meter = coalesce(u.meter, o.meter)
			AND r.known_at > r.valid_from AND r.known_at > coalesce(u.period_start, o.period_start, '-infinity')
			AND r.valid_from < coalesce(u.period_start, o.period_start) + interval '32 days');
END
$fn$;
COMMENT ON FUNCTION billing._verify_peaks() IS 'part of billing.verify(): of max meters with a base, usage against positions, by base and cap in force at each event''s time';
