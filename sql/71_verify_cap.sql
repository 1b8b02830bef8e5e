-- The part of billing.verify() about usage caps.

CREATE FUNCTION billing._verify_caps() RETURNS TABLE (problem text, account_id bigint, detail text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $fn$
	-- a cap that was removed is not counted any more: its counters stay what they were
	SELECT 'cap and usage', c.account_id, format('cap %s, window %s: counter %s, usage %s', c.cap_id, coalesce(n.period_start, u.period_start), n.quantity, u.quantity)
	FROM billing.usage_cap_count n
	FULL JOIN (SELECT u.* FROM billing.shard h CROSS JOIN LATERAL billing._cap_counts(h.account_from, h.account_to, h.settled_through, true) u) u
		USING (account_id, cap_id, period_start)
	JOIN billing.usage_cap c USING (account_id, cap_id)
	WHERE NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = c.account_id)
		AND CASE WHEN c.removed_at IS NULL THEN n.quantity IS DISTINCT FROM u.quantity ELSE n.quantity > coalesce(u.quantity, 0) END
	UNION ALL
	SELECT 'cap and action', n.account_id, format('cap %s, window %s: %s of %s, reached at %s', n.cap_id, n.period_start, n.quantity, c.quantity, n.reached_at)
	FROM billing.usage_cap_count n JOIN billing.usage_cap c USING (account_id, cap_id)
	WHERE (n.quantity >= c.quantity) <> (n.reached_at IS NOT NULL)
	UNION ALL
	SELECT 'cap and resource', r.account_id, format('"%s" is %s, held by %s', r.resource, r.state, r.held_by)
	FROM billing.resource r
	WHERE r.held_by LIKE 'cap %' AND NOT EXISTS (SELECT FROM billing.usage_cap c JOIN billing.usage_cap_count n USING (account_id, cap_id)
		WHERE c.account_id = r.account_id AND r.held_by = 'cap ' || c.cap_id AND c.action = 'suspend' AND coalesce(c.resource, r.resource) = r.resource
			AND n.reached_at = r.since)
$fn$;
COMMENT ON FUNCTION billing._verify_caps() IS 'part of billing.verify(): counters of caps against usage, what is reached, what caps suspend';
