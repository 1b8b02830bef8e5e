-- Part of billing.explain_charge(): base and cap of a peak.

CREATE FUNCTION billing._explain_peaks(account_id bigint, charge_id bigint)
	RETURNS TABLE (base numeric, cap numeric, billed numeric, is_over boolean, detail text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	WITH sample AS (
		SELECT u.quantity, u.event_time, r.*
		FROM billing.charges c
		JOIN billing.price p ON p.price_id = c.source_id
		JOIN billing.account a ON a.account_id = c.account_id
		JOIN billing.meter m ON m.meter = c.meter
		CROSS JOIN LATERAL billing._counter_period(p.counter, c.account_id, c.resource, c.period_start, a.time_zone) t
		JOIN billing.usage u ON u.account_id = c.account_id AND u.meter = c.meter AND (p.scope = 'account' OR u.resource = c.resource)
			AND u.event_time >= t.period_start AND u.event_time < t.period_end AND billing.cycle_of(u.arrived, u.event_time) <= c.cycle
			AND billing._is_billed(u.properties, m.leaves_out)
		CROSS JOIN LATERAL billing._peak_rule(u.account_id, u.meter, u.region, u.resource, u.event_time) r
		WHERE c.account_id = _explain_peaks.account_id AND c.charge_id = _explain_peaks.charge_id
			AND billing._price_at(u.account_id, u.meter, u.region, u.resource, c.currency, u.properties, u.event_time, a.time_zone) = p.price_id
	), highest AS (
		SELECT DISTINCT ON (s.subscription_id, s.valid_from) s.*,
			CASE WHEN s.is_off THEN 0 ELSE billing._billed_peak(s.quantity, s.base, s.cap, s.is_off, s.mode) END AS billed
		FROM sample s ORDER BY s.subscription_id, s.valid_from, s.quantity DESC, s.event_time
	)
	SELECT h.base, h.cap, h.billed, coalesce(h.over_cap = 'free' AND h.quantity > h.cap, false),
		format('base %s%s, %s, of subscription %s%s: the highest peak was %s at %s, %s', trim_scale(h.base), coalesce(format(' (option "%s")', h.base_option), ''),
			CASE WHEN h.is_off THEN format('option "%s" switched off', h.cap_option) WHEN h.cap IS NULL THEN 'no cap'
				ELSE format('cap %s (option "%s")', trim_scale(h.cap), h.cap_option) END,
			h.subscription_id, CASE WHEN h.valid_from > '-infinity' THEN format(' from %s', h.valid_from) ELSE '' END, trim_scale(h.quantity), h.event_time,
			CASE WHEN h.is_off THEN 'nothing beyond the base is charged'
				WHEN h.over_cap = 'free' AND h.quantity > h.cap THEN 'above the cap: nothing is charged in its counter period'
				WHEN h.billed = 0 THEN 'not above the base: nothing is charged'
				WHEN h.mode = 'subtract' THEN format('%s - %s = %s is charged', trim_scale(least(h.quantity, h.cap)), trim_scale(h.base), trim_scale(h.billed))
				ELSE format('%s is charged', trim_scale(h.billed)) END)
	FROM highest h ORDER BY h.valid_from, h.subscription_id
$fn$;
COMMENT ON FUNCTION billing._explain_peaks(bigint, bigint)
	IS 'part of billing.explain_charge(): of a max meter with a base, the highest peak of the counter period, up to the charge, under each base and cap that was in force';
