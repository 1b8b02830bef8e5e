-- Deduction: which allowances and packages usage may be taken from, and when.  A way of deduction (billing.deduction_way)
-- leads from usage of one meter, region and resource in one span of time to one source; settling lets usage run down the
-- ways of its account (billing.waterfall()).  What the plan of a package, a pause of the subscription or a suspension of the
-- account rule out is cut out of the span of the way, so that nothing else has to know about it.

CREATE FUNCTION billing._paused_times(account_id bigint, subscription_id bigint) RETURNS tstzmultirange
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT coalesce(range_agg(tstzrange(p.paused_from, p.paused_until)), '{}') FROM billing.subscription_pause p
	WHERE p.account_id = _paused_times.account_id AND p.subscription_id = _paused_times.subscription_id
$fn$;
COMMENT ON FUNCTION billing._paused_times(bigint, bigint) IS 'when a subscription gave nothing though it was paid: suspended, or renewed late';

CREATE FUNCTION billing._plan_times(account_id bigint, plans text[]) RETURNS tstzmultirange
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT coalesce(range_agg(w.span), '{}')
	FROM billing.subscription s JOIN billing.subscription_term t USING (account_id, subscription_id)
	CROSS JOIN LATERAL unnest(tstzmultirange(tstzrange(t.term_start, greatest(t.term_start, least(t.term_end, s.ended_at))))
		- billing._paused_times(s.account_id, s.subscription_id)) w(span)
	WHERE s.account_id = _plan_times.account_id AND t.plan = ANY (_plan_times.plans)
$fn$;
COMMENT ON FUNCTION billing._plan_times(bigint, text[]) IS 'when an account had one of these plans in a paid term, and not paused';

CREATE FUNCTION billing._suspended_times(account_id bigint) RETURNS tstzmultirange
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT range_agg(tstzrange(s.suspended_from, s.suspended_until)) FROM billing.suspension s
	WHERE s.account_id = _suspended_times.account_id AND s.suspended_from < coalesce(s.suspended_until, 'infinity')
$fn$;
COMMENT ON FUNCTION billing._suspended_times(bigint) IS 'when an account was suspended; NULL: never';

-- Who is asked for is a range of accounts, or, where they are few, an array (chosen): two branches of which the executor runs one.

-- not pinned: meant to be inlined
CREATE FUNCTION billing._package_scopes(account_from bigint, account_to bigint, chosen bigint[])
	RETURNS TABLE (account_id bigint, package_id bigint, meter text, region text, resource text, factor numeric, bound_at timestamptz,
		valid_from timestamptz, valid_until timestamptz, size numeric, used numeric, priority integer, requires_plan text[])
LANGUAGE sql STABLE
AS $fn$
	SELECT p.account_id, p.package_id, coalesce(c.meter, p.meter), nullif(coalesce(nullif(p.region, ''), c.region), ''), r.resource,
		coalesce(c.factor, 1), r.bound_at, p.valid_from, p.valid_until, p.size, p.used, p.priority, p.requires_plan
	FROM (SELECT * FROM billing.package x WHERE chosen IS NULL AND x.account_id >= account_from AND x.account_id < account_to
		UNION ALL SELECT * FROM billing.package x WHERE x.account_id = ANY (chosen)) p
	LEFT JOIN billing.package_coverage c ON c.offer = p.offer
	LEFT JOIN (SELECT * FROM billing.package_resource x WHERE chosen IS NULL AND x.account_id >= account_from AND x.account_id < account_to
		UNION ALL SELECT * FROM billing.package_resource x WHERE x.account_id = ANY (chosen)) r ON r.account_id = p.account_id AND r.package_id = p.package_id
	WHERE p.state <> 'refunded'
		AND (p.max_resources IS NULL OR r.resource IS NOT NULL)
		-- a package of one region does not use what its offer says about another
		AND (p.region = '' OR coalesce(c.region, '') IN ('', p.region))
		AND NOT (c.region = '' AND p.region <> '' AND EXISTS (SELECT FROM billing.package_coverage n
			WHERE n.offer = p.offer AND n.meter = c.meter AND n.region = p.region))
$fn$;
COMMENT ON FUNCTION billing._package_scopes(bigint, bigint, bigint[])
	IS 'what the packages of a range of accounts, or of those that are chosen, cover, whenever it was: meter, region (NULL: any), resource (NULL: any), and how much of the package one unit takes';

CREATE FUNCTION billing._deduction_ways(account_from bigint, account_to bigint, chosen bigint[], since timestamptz, until timestamptz)
	RETURNS TABLE (account_id bigint, ways billing.deduction_way[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
SET plan_cache_mode = force_custom_plan	-- a plan for any range takes ranges for small; but see below
SET enable_nestloop = off
SET enable_mergejoin = off
AS $fn$
#variable_conflict use_column
BEGIN
	IF chosen IS NOT NULL THEN
		PERFORM set_config('plan_cache_mode', 'force_generic_plan', true); -- to plan would take longer than to do it
	ELSIF NOT EXISTS (SELECT FROM billing.allowance a WHERE a.account_id >= account_from AND a.account_id < account_to)
		AND NOT EXISTS (SELECT FROM billing.package p WHERE p.account_id >= account_from AND p.account_id < account_to)
	THEN
		RETURN;
	END IF;
	RETURN QUERY WITH source AS (
		-- rank: allowances come before packages, packages in the order of their priority
		SELECT a.account_id, 'allowance' AS source, a.allowance_id AS source_id, a.size - a.used AS remaining, a.meter, nullif(a.region, '') AS region,
			a.resource, 1::numeric AS factor, a.valid_from, a.valid_until, a.valid_until AS ends, a.size, 2147483648 AS rank, NULL::text[] AS plans,
			a.subscription_id
		FROM (SELECT * FROM billing.allowance x WHERE chosen IS NULL AND x.account_id >= account_from AND x.account_id < account_to
			UNION ALL SELECT * FROM billing.allowance x WHERE x.account_id = ANY (chosen)) a
		WHERE a.used < a.size AND a.valid_until > _deduction_ways.since AND a.valid_from <= _deduction_ways.until
		UNION ALL
		SELECT p.account_id, 'package', p.package_id, p.size - p.used, p.meter, p.region, p.resource, p.factor,
			greatest(p.valid_from, p.bound_at), p.valid_until, p.valid_until, p.size, p.priority, p.requires_plan, NULL
		FROM billing._package_scopes(account_from, account_to, chosen) p
		WHERE p.used < p.size AND p.valid_until > _deduction_ways.since AND p.valid_from <= _deduction_ways.until
	), suspended AS MATERIALIZED (
		SELECT k.account_id, billing._suspended_times(k.account_id) AS times
		FROM (SELECT DISTINCT x.account_id FROM billing.suspension x WHERE x.account_id >= account_from AND x.account_id < account_to
			AND (chosen IS NULL OR x.account_id = ANY (chosen))) k
	), paused AS MATERIALIZED (
		SELECT x.account_id, x.subscription_id, range_agg(tstzrange(x.paused_from, x.paused_until)) AS times
		FROM billing.subscription_pause x WHERE x.account_id >= account_from AND x.account_id < account_to AND (chosen IS NULL OR x.account_id = ANY (chosen))
		GROUP BY x.account_id, x.subscription_id
	), planned AS MATERIALIZED (
		-- plans that last over all of the time that is asked for: there is nothing to cut (a subscription has a column `since`)
		SELECT t.account_id, array_agg(DISTINCT t.plan) AS plans
		FROM (SELECT * FROM billing.subscription_term x WHERE chosen IS NULL AND x.account_id >= account_from AND x.account_id < account_to
			UNION ALL SELECT * FROM billing.subscription_term x WHERE x.account_id = ANY (chosen)) t
		JOIN (SELECT * FROM billing.subscription x WHERE chosen IS NULL AND x.account_id >= account_from AND x.account_id < account_to
			UNION ALL SELECT * FROM billing.subscription x WHERE x.account_id = ANY (chosen)) s USING (account_id, subscription_id)
		WHERE t.term_start <= _deduction_ways.since AND least(t.term_end, s.ended_at) > _deduction_ways.until
			AND EXISTS (SELECT FROM source x WHERE x.plans IS NOT NULL)
			AND NOT EXISTS (SELECT FROM paused x WHERE x.account_id = t.account_id AND x.subscription_id = t.subscription_id)
		GROUP BY t.account_id
	), judged AS MATERIALIZED (
		SELECT s.*, coalesce(h.times, '{}') + coalesce(u.times, '{}') AS suspended,
			h.account_id IS NULL AND u.account_id IS NULL AND (s.plans IS NULL OR coalesce(s.plans && p.plans, false)) AS is_whole
		FROM source s LEFT JOIN suspended h USING (account_id) LEFT JOIN planned p USING (account_id)
		LEFT JOIN paused u ON u.account_id = s.account_id AND u.subscription_id = s.subscription_id
	), cut AS (
		SELECT s.account_id, s.source, s.source_id, s.remaining, s.meter, s.region, s.resource, s.factor, s.valid_from, s.valid_until,
			s.ends, s.size, s.rank
		FROM judged s WHERE s.is_whole
		UNION ALL
		SELECT s.account_id, s.source, s.source_id, s.remaining, s.meter, s.region, s.resource, s.factor, lower(w.span), upper(w.span),
			s.ends, s.size, s.rank
		FROM judged s
		CROSS JOIN LATERAL unnest((CASE WHEN s.plans IS NULL THEN '{(,)}' ELSE billing._plan_times(s.account_id, s.plans) END
			- s.suspended) * tstzmultirange(tstzrange(s.valid_from, s.valid_until))) w(span)
		WHERE NOT s.is_whole AND s.valid_from < s.valid_until
	)
	SELECT c.account_id, array_agg(ROW(c.source, c.source_id, c.remaining, c.meter, c.region, c.resource, c.factor, c.valid_from,
			c.valid_until)::billing.deduction_way
		ORDER BY c.rank DESC, c.ends, c.size, c.source_id, c.region NULLS LAST, c.meter, c.resource, c.valid_from)
	FROM cut c
	WHERE c.valid_from < c.valid_until
	GROUP BY c.account_id;
END
$fn$;
COMMENT ON FUNCTION billing._deduction_ways(bigint, bigint, bigint[], timestamptz, timestamptz)
	IS 'the ways of deduction of the accounts from account_from to before account_to, or those of them that are chosen, for usage from since to until, in their order: allowance, then packages by priority, nearest end, smaller size, smaller number';

CREATE FUNCTION billing._use_prepaid(sources text[], accounts bigint[], ids bigint[], amounts numeric[], at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off	-- each row is named: what lies beside it, of years, is not read
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $fn$
DECLARE
	used_up_of bigint[];
	used_up bigint[];
	low bigint[];
BEGIN
	UPDATE billing.allowance a SET used = a.used + d.units
	FROM unnest(sources, accounts, ids, amounts) d(source, account_id, source_id, units)
	WHERE d.source = 'allowance' AND a.account_id = d.account_id AND a.allowance_id = d.source_id;
	WITH used AS (
		UPDATE billing.package p SET used = p.used + d.units,
			state = CASE WHEN p.used + d.units = p.size AND p.state IN ('pending', 'active') THEN 'exhausted' ELSE p.state END
		FROM unnest(sources, accounts, ids, amounts) d(source, account_id, source_id, units)
		WHERE d.source = 'package' AND p.account_id = d.account_id AND p.package_id = d.source_id
		RETURNING p.account_id, p.package_id, p.used = p.size AS is_used_up,
			p.size - p.used <= p.low_at AND p.size - p.used + d.units > p.low_at AS is_low
	)
	SELECT array_agg(u.account_id) FILTER (WHERE u.is_used_up), array_agg(u.package_id) FILTER (WHERE u.is_used_up),
		array_agg(DISTINCT u.account_id) FILTER (WHERE u.is_low)
	INTO used_up_of, used_up, low FROM used u;
	PERFORM billing._note_exhausted(u.account_id, u.package_id, at) FROM unnest(used_up_of, used_up) u(account_id, package_id);
	PERFORM billing._note_low_packages(l.account_id, l.account_id + 1, at) FROM unnest(low) l(account_id);
END
$fn$;
COMMENT ON FUNCTION billing._use_prepaid(text[], bigint[], bigint[], numeric[], timestamptz)
	IS 'takes units from allowances and packages, and notes the packages that are used up by it, or low, at an instant';
