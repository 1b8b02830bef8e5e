-- How prepaid quantities and orders came into a charge: parts of billing.explain_charge().

CREATE FUNCTION billing._explain_fee(account_id bigint, charge_id bigint)
	RETURNS TABLE (step integer, what text, quantity numeric, price numeric, amount numeric, detail text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	WITH o AS (
		SELECT p.*, a.currency, c.amount, c.reason, c.quantity AS pieces
		FROM billing.charge c
		JOIN billing.purchase p ON p.account_id = c.account_id AND p.order_id = c.source_id
		JOIN billing.account a ON a.account_id = c.account_id
		WHERE c.account_id = _explain_fee.account_id AND c.charge_id = _explain_fee.charge_id
	), line AS (
		SELECT 1 AS place, 0::bigint AS id, 'list price' AS what, o.pieces AS quantity, o.list_price AS amount,
			format('order %s: %s, %s at %s', o.order_id, o.reason, CASE WHEN o.automatic THEN o.kind || ' by itself' ELSE o.kind END, o.at) AS detail
		FROM o
		UNION ALL
		SELECT 2, 0, 'discount', NULL, -o.discount, format('%s %% off', trim_scale(round(100 * o.discount / o.list_price, 2))) FROM o WHERE o.discount <> 0
		UNION ALL
		SELECT 3, 0, 'tax', NULL, o.tax, NULL FROM o WHERE o.tax <> 0
		UNION ALL
		SELECT 4, 0, 'voucher', NULL, -o.voucher_amount, CASE WHEN o.kind = 'refund' THEN 'what vouchers paid is lost'
			ELSE format('paid by voucher %s', o.voucher_id) END FROM o WHERE o.voucher_amount <> 0
		UNION ALL
		SELECT 5, p.package_id, format('package %s', p.package_id), p.size, NULL,
			format('%s of "%s", valid from %s to %s', p.size, p.meter, p.valid_from, billing.last_second(p.valid_until))
		FROM o JOIN billing.package p ON p.account_id = o.account_id AND p.order_id = o.order_id
		UNION ALL
		SELECT 5, t.term, format('term %s', t.term), NULL, NULL,
			format('subscription %s, from %s to %s', t.subscription_id, t.term_start, billing.last_second(t.term_end))
		FROM o JOIN billing.subscription_term t ON t.account_id = o.account_id AND t.order_id = o.order_id
		UNION ALL
		SELECT 6, 0, 'posted', NULL, o.amount, format('%s %s %s the wallet', abs(o.amount), o.currency, CASE WHEN o.amount < 0 THEN 'back to' ELSE 'from' END) FROM o
	)
	SELECT (row_number() OVER (ORDER BY l.place, l.id))::integer, l.what, l.quantity, NULL::numeric, l.amount, l.detail FROM line l
$fn$;
COMMENT ON FUNCTION billing._explain_fee(bigint, bigint) IS 'part of billing.explain_charge(): an order, from its list price to what the wallet paid, and what it bought';

CREATE FUNCTION billing._sources(account_id bigint)
	RETURNS TABLE (source text, source_id bigint, product text, meter text, region text, size numeric, valid_from timestamptz, valid_until timestamptz,
		order_id bigint, rank integer, detail text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT 'allowance', a.allowance_id, t.plan, a.meter, a.region, a.size, a.valid_from, a.valid_until, t.order_id, NULL::integer,
		format('plan "%s", subscription %s, term %s', t.plan, a.subscription_id, a.term)
	FROM billing.allowance a JOIN billing.subscription_term t USING (account_id, subscription_id, term)
	WHERE a.account_id = _sources.account_id
	UNION ALL
	SELECT 'package', p.package_id, p.offer, p.meter, p.region, p.size, p.valid_from, p.valid_until, p.order_id, p.priority, format('"%s"', p.offer)
	FROM billing.package p
	WHERE p.account_id = _sources.account_id
$fn$;
COMMENT ON FUNCTION billing._sources(bigint) IS 'allowances and packages of an account, as one list; rank: NULL before the packages'' priority';

CREATE FUNCTION billing._explain_deductions(account_id bigint, charge_id bigint)
	RETURNS TABLE (place bigint, source text, source_id bigint, charge_id bigint, quantity numeric, units numeric, before numeric, left_over numeric, detail text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $fn$
	-- what was there before: the size, less what the charges before took
	SELECT row_number() OVER (ORDER BY s.rank IS NOT NULL, s.rank DESC, s.valid_until, s.size, s.source_id, d.charge_id), d.source, d.source_id, d.charge_id,
		d.quantity, d.units, s.size - b.units, s.size - b.units - d.units,
		format('%s, valid from %s to %s%s', s.detail, s.valid_from, billing.last_second(s.valid_until),
			CASE WHEN EXISTS (SELECT FROM billing.purchase o JOIN billing.charge f ON f.account_id = o.account_id AND f.source = 'fee' AND f.source_id = o.order_id
					JOIN billing.allowance a ON a.account_id = o.account_id AND a.subscription_id = o.subject_id AND a.allowance_id = d.source_id
					WHERE d.source = 'allowance' AND o.account_id = d.account_id AND o.subject = 'subscription' AND o.kind = 'upgrade' AND f.charge_id > d.charge_id)
				THEN '; with what an upgrade added after this charge' ELSE '' END)
	FROM billing.charge c
	JOIN billing.charge d ON d.account_id = c.account_id AND d.cycle = c.cycle AND d.meter = c.meter AND d.region = c.region AND d.resource = c.resource
		AND d.source IN ('allowance', 'package')
	JOIN billing._sources(_explain_deductions.account_id) s ON s.source = d.source AND s.source_id = d.source_id
	CROSS JOIN LATERAL (SELECT coalesce(sum(x.units), 0) AS units FROM billing.charge x
		WHERE x.account_id = d.account_id AND x.source = d.source AND x.source_id = d.source_id AND x.charge_id < d.charge_id) b
	WHERE c.account_id = _explain_deductions.account_id AND c.charge_id = _explain_deductions.charge_id
$fn$;
COMMENT ON FUNCTION billing._explain_deductions(bigint, bigint)
	IS 'part of billing.explain_charge(): what was deducted of the same cycle, meter, region and resource, in the order of deduction';

CREATE FUNCTION billing._explain_deduction(account_id bigint, charge_id bigint)
	RETURNS TABLE (step integer, what text, quantity numeric, price numeric, amount numeric, detail text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	WITH c AS (
		SELECT * FROM billing.charge x WHERE x.account_id = _explain_deduction.account_id AND x.charge_id = _explain_deduction.charge_id
	), d AS (
		SELECT * FROM billing._explain_deductions(_explain_deduction.account_id, _explain_deduction.charge_id)
	), line AS (
		SELECT 1 AS place, 0::bigint AS id, 'cycle' AS what, w.quantity, NULL::numeric AS price, NULL::numeric AS amount, w.detail
		FROM billing._explain_cycle(_explain_deduction.account_id, _explain_deduction.charge_id) w
		UNION ALL
		SELECT 2, d.place, format('%s %s', d.source, d.source_id), d.quantity, NULL, NULL, d.detail FROM d WHERE d.charge_id = _explain_deduction.charge_id
		UNION ALL
		SELECT 3, 0, 'before', d.before, NULL, NULL, 'what was left of it' FROM d WHERE d.charge_id = _explain_deduction.charge_id
		UNION ALL
		SELECT 4, 0, 'taken', d.units, f.factor, NULL, format('%s of "%s", each of which takes %s of it', d.quantity, c.meter, f.factor)
		FROM c CROSS JOIN d CROSS JOIN LATERAL (SELECT trim_scale(round(d.units / nullif(d.quantity, 0), 12)) AS factor) f
		WHERE d.charge_id = _explain_deduction.charge_id
		UNION ALL
		SELECT 5, 0, 'after', d.left_over, NULL, NULL, CASE d.left_over WHEN 0 THEN 'it is used up' ELSE 'what is left of it' END
		FROM d WHERE d.charge_id = _explain_deduction.charge_id
		UNION ALL
		SELECT 6, d.place, format('%s %s', d.source, d.source_id), d.quantity, NULL, NULL, format('of the same cycle, charge %s: %s', d.charge_id, d.detail)
		FROM d WHERE d.charge_id <> _explain_deduction.charge_id
		UNION ALL
		SELECT 7, t.charge_id, 'tariff', t.quantity, NULL, t.exact_amount, format('what was left of the same cycle: charge %s', t.charge_id)
		FROM c JOIN billing.charge t ON t.account_id = c.account_id AND t.cycle = c.cycle AND t.meter = c.meter AND t.region = c.region
			AND t.resource = c.resource AND t.source = 'tariff' AND t.quantity <> 0
		UNION ALL
		SELECT 8, 0, 'posted', NULL, NULL, c.amount, 'it was paid before' FROM c
	)
	SELECT (row_number() OVER (ORDER BY l.place, l.id))::integer, l.what, l.quantity, l.price, l.amount, l.detail FROM line l
$fn$;
COMMENT ON FUNCTION billing._explain_deduction(bigint, bigint)
	IS 'part of billing.explain_charge(): what was deducted from an allowance or a package, what that had before and after, and where the rest of the cycle went';

CREATE FUNCTION billing._explain_cycle(account_id bigint, charge_id bigint, OUT quantity numeric, OUT detail text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT trim_scale(sum(x.quantity)), format('all %s%s%s that was settled with the cycle of %s: %s prepaid, %s by the tariff', min(c.meter),
		CASE WHEN min(c.region) <> '' THEN ' in ' || min(c.region) ELSE '' END,
		CASE WHEN min(c.resource) <> '' THEN ' by ' || min(c.resource) ELSE '' END,
		billing.cycle_start(min(c.cycle)), coalesce(sum(x.quantity) FILTER (WHERE x.source <> 'tariff'), 0), coalesce(sum(x.quantity) FILTER (WHERE x.source = 'tariff'), 0))
	FROM billing.charge c
	JOIN billing.charge x ON x.account_id = c.account_id AND x.cycle = c.cycle AND x.meter = c.meter AND x.region = c.region AND x.resource = c.resource
	WHERE c.account_id = _explain_cycle.account_id AND c.charge_id = _explain_cycle.charge_id
$fn$;
COMMENT ON FUNCTION billing._explain_cycle(bigint, bigint) IS 'part of billing.explain_charge(): how much the cycle had of the charge''s meter, region and resource';

CREATE FUNCTION billing._source_fits(account_id bigint, source text, source_id bigint, meter text, usage_region text, usage_resource text)
	RETURNS TABLE (region_fits boolean, resource_fits boolean, bound_at timestamptz, plans text[], is_refunded boolean)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	-- one row where it is for the meter, none where it is not
	SELECT a.region IN ('', usage_region), coalesce(a.resource = usage_resource, true), '-infinity'::timestamptz, NULL::text[], false
	FROM billing.allowance a
	WHERE source = 'allowance' AND a.account_id = _source_fits.account_id AND a.allowance_id = _source_fits.source_id AND a.meter = _source_fits.meter
	UNION ALL
	SELECT p.region IN ('', usage_region) AND (NOT k.is_listed OR k.regions && ARRAY['', usage_region]),
		p.max_resources IS NULL OR r.resource IS NOT NULL, coalesce(r.bound_at, '-infinity'), p.requires_plan, p.state = 'refunded'
	FROM billing.package p
	CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM billing.package_coverage o WHERE o.offer = p.offer) AS is_listed,
		(SELECT array_agg(o.region::text) FROM billing.package_coverage o WHERE o.offer = p.offer AND o.meter = _source_fits.meter) AS regions) k
	LEFT JOIN billing.package_resource r ON r.account_id = p.account_id AND r.package_id = p.package_id AND r.resource = usage_resource
	WHERE source = 'package' AND p.account_id = _source_fits.account_id AND p.package_id = _source_fits.source_id
		AND CASE WHEN k.is_listed THEN k.regions IS NOT NULL ELSE p.meter = _source_fits.meter END
$fn$;
COMMENT ON FUNCTION billing._source_fits(bigint, text, bigint, text, text, text)
	IS 'part of billing.explain_charge(): do region and resource of a usage fit an allowance or a package that is for its meter?';

CREATE FUNCTION billing._explain_mismatches(account_id bigint, charge_id bigint) RETURNS TABLE (what text, detail text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $fn$
	WITH c AS (
		SELECT x.*, m.leaves_out FROM billing.charge x JOIN billing.meter m USING (meter)
		WHERE x.account_id = _explain_mismatches.account_id AND x.charge_id = _explain_mismatches.charge_id AND m.aggregation IN ('sum', 'count')
	), event AS MATERIALIZED (
		SELECT u.event_time FROM c CROSS JOIN LATERAL billing._usage_of(c.cycle, c.account_id, c.account_id + 1) u
		WHERE u.meter = c.meter AND u.region = c.region AND u.resource = c.resource AND billing._is_billed(u.properties, c.leaves_out)
	), source AS MATERIALIZED (
		SELECT s.*, f.*, billing._plan_times(c.account_id, f.plans) AS planned, coalesce(billing._suspended_times(c.account_id), '{}')
			+ CASE s.source WHEN 'allowance' THEN billing._paused_times(c.account_id, (SELECT a.subscription_id FROM billing.allowance a
				WHERE a.account_id = c.account_id AND a.allowance_id = s.source_id)) ELSE '{}' END AS suspended
		FROM c
		CROSS JOIN billing._sources(c.account_id) s
		CROSS JOIN LATERAL billing._source_fits(c.account_id, s.source, s.source_id, c.meter, c.region, c.resource) f
		WHERE NOT EXISTS (SELECT FROM billing.charge d WHERE d.account_id = c.account_id AND d.cycle = c.cycle AND d.meter = c.meter AND d.region = c.region
			AND d.resource = c.resource AND d.source = s.source AND d.source_id = s.source_id)
	), judged AS (
		-- how many of the events each condition leaves over
		SELECT s.*, (SELECT coalesce(sum(x.units), 0) FROM billing.charge x WHERE x.account_id = c.account_id AND x.source = s.source AND x.source_id = s.source_id
				AND (x.charge_id < c.charge_id OR x.cycle = c.cycle)) AS used,
			EXISTS (SELECT FROM billing.charge x WHERE x.account_id = c.account_id AND x.source = 'fee' AND x.source_id = s.order_id AND x.charge_id > c.charge_id) AS is_later,
			e.valid, e.bound, e.planned AS with_plan, e.open, c.region AS usage_region, c.resource AS usage_resource
		FROM c CROSS JOIN source s
		CROSS JOIN LATERAL (
			SELECT count(*) FILTER (WHERE v.is_valid) AS valid, count(*) FILTER (WHERE v.is_valid AND s.bound_at <= v.event_time) AS bound,
				count(*) FILTER (WHERE v.is_valid AND v.is_planned) AS planned,
				count(*) FILTER (WHERE v.is_valid AND v.is_planned AND NOT s.suspended @> v.event_time) AS open
			FROM (SELECT n.event_time, n.event_time >= s.valid_from AND n.event_time < s.valid_until AS is_valid,
				s.plans IS NULL OR s.planned @> n.event_time AS is_planned FROM event n) v) e
		WHERE EXISTS (SELECT FROM event)
	), told AS (
		SELECT j.*, CASE WHEN j.is_refunded THEN 'refunded' WHEN NOT j.region_fits THEN 'region' WHEN NOT j.resource_fits OR j.valid > 0 AND j.bound = 0 THEN 'resource'
			WHEN j.valid = 0 THEN 'validity' WHEN j.with_plan = 0 THEN 'plan' WHEN j.open = 0 THEN 'suspended' WHEN j.used >= j.size THEN 'used up'
			WHEN j.is_later THEN 'later' ELSE 'others' END AS mismatch
		FROM judged j
	), grouped AS (
		SELECT DISTINCT ON (t.source, t.product, t.mismatch) t.*, count(*) OVER (PARTITION BY t.source, t.product, t.mismatch) - 1 AS more
		FROM told t ORDER BY t.source, t.product, t.mismatch, t.valid_until DESC, t.source_id DESC
	)
	SELECT format('%s %s', g.source, g.source_id), format('took nothing: %s (%s%s)', CASE g.mismatch
			WHEN 'refunded' THEN 'it was refunded'
			WHEN 'region' THEN format('it is not for region "%s"', g.usage_region)
			WHEN 'resource' THEN CASE WHEN g.resource_fits THEN format('resource "%s" was bound to it later, at %s', g.usage_resource, g.bound_at)
				ELSE format('it is not for resource "%s"', g.usage_resource) END
			WHEN 'validity' THEN format('it is valid from %s to %s, not at that time', g.valid_from, billing.last_second(g.valid_until))
			WHEN 'plan' THEN format('none of the plans that it needs was active: %s', array_to_string(g.plans, ', '))
			WHEN 'suspended' THEN 'the account was suspended'
			WHEN 'used up' THEN 'it was used up'
			WHEN 'later' THEN 'it was bought after the cycle was settled'
			ELSE 'others came before it' END,
		g.detail, CASE WHEN g.more > 0 THEN format('; %s more of these as well', g.more) ELSE '' END)
	FROM grouped g
	ORDER BY g.source, g.valid_until, g.source_id
$fn$;
COMMENT ON FUNCTION billing._explain_mismatches(bigint, bigint)
	IS 'part of billing.explain_charge(): the allowances and packages for its meter from which nothing was deducted, and why; of one plan or offer and reason the last, with how many more there are';

CREATE FUNCTION billing._explain_waterfall(account_id bigint, charge_id bigint)
	RETURNS TABLE (step integer, what text, quantity numeric, price numeric, amount numeric, detail text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	WITH line AS (
		SELECT 2 AS place, d.place AS id, format('%s %s', d.source, d.source_id) AS what, d.quantity,
			format('takes %s of it, %s before, %s after: %s', d.units, d.before, d.left_over, d.detail) AS detail
		FROM billing._explain_deductions(_explain_waterfall.account_id, _explain_waterfall.charge_id) d
		UNION ALL
		SELECT 3, row_number() OVER (), m.what, 0, m.detail FROM billing._explain_mismatches(_explain_waterfall.account_id, _explain_waterfall.charge_id) m
	), whole AS (
		SELECT 1 AS place, 0::bigint AS id, 'cycle' AS what, w.quantity, w.detail
		FROM billing._explain_cycle(_explain_waterfall.account_id, _explain_waterfall.charge_id) w
		WHERE EXISTS (SELECT FROM line)
		UNION ALL
		SELECT * FROM line
	)
	SELECT (row_number() OVER (ORDER BY w.place, w.id))::integer, w.what, w.quantity, NULL::numeric, NULL::numeric, w.detail FROM whole w
$fn$;
COMMENT ON FUNCTION billing._explain_waterfall(bigint, bigint)
	IS 'part of billing.explain_charge(): what came before the tariff; nothing for an account that has prepaid nothing for that meter';
