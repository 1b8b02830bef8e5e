-- The part of billing.verify() about packages and what is deducted.

CREATE FUNCTION billing._verify_packages() RETURNS TABLE (problem text, account_id bigint, detail text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $fn$
	SELECT 'package and charges', coalesce(p.account_id, c.account_id), format('package %s: used %s of %s, charges %s', coalesce(p.package_id, c.source_id), p.used, p.size, c.units)
	FROM billing.package p
	FULL JOIN (SELECT c.account_id, c.source_id, sum(c.units) AS units FROM billing.charge c WHERE c.source = 'package' GROUP BY 1, 2) c
		ON c.account_id = p.account_id AND c.source_id = p.package_id
	WHERE p.package_id IS NULL OR p.used <> coalesce(c.units, 0)
	UNION ALL
	SELECT 'deduction', c.account_id, format('charge %s: %s of source %s, units %s, amount %s', c.charge_id, c.quantity, c.source, c.units, c.amount)
	FROM billing.charge c
	WHERE (c.source IN ('allowance', 'package')) <> (c.units IS NOT NULL)
		OR c.source IN ('allowance', 'package') AND (c.amount <> 0 OR c.exact_amount <> 0 OR c.quantity < 0 OR c.units < 0)
	UNION ALL
	SELECT 'deduction outside', c.account_id, format('charge %s: cycle %s, package %s is valid from %s to %s', c.charge_id, c.cycle, p.package_id, p.valid_from, p.valid_until)
	FROM billing.charge c JOIN billing.package p ON p.account_id = c.account_id AND p.package_id = c.source_id
	WHERE c.source = 'package' AND billing.cycle_start(c.cycle + 1) <= p.valid_from
	UNION ALL
	SELECT 'covered', coalesce(o.account_id, c.account_id), format('%s: positions %s, charges %s', coalesce(o.meter, c.meter), o.covered, c.quantity)
	FROM (SELECT o.account_id, l.meter, sum(o.covered) AS covered FROM billing.position o JOIN billing.price_line l USING (line_id) GROUP BY 1, 2) o
	FULL JOIN (SELECT c.account_id, c.meter, sum(c.quantity) AS quantity FROM billing.charge c WHERE c.source IN ('allowance', 'package') GROUP BY 1, 2) c
		ON c.account_id = o.account_id AND c.meter = o.meter
	-- where every price goes by the whole usage, all that was covered is known to some position
	WHERE coalesce(o.covered, 0) <> coalesce(c.quantity, 0)
		AND (SELECT bool_and(p.tier_basis = 'whole' AND p.valid_from = '-infinity') FROM billing.price p WHERE p.meter = coalesce(o.meter, c.meter))
	UNION ALL
	SELECT 'package state', p.account_id, format('package %s is %s, used %s of %s, valid from %s to %s', p.package_id, p.state, p.used, p.size, p.valid_from, p.valid_until)
	FROM billing.package p JOIN billing.shard h ON p.account_id >= h.account_from AND p.account_id < h.account_to
	WHERE NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = p.account_id)
		AND (p.used = p.size AND p.state IN ('pending', 'active') OR p.used < p.size AND p.state = 'exhausted'
			-- one that was ordered for the past waits for the next ring
			OR (p.state = 'active' AND p.valid_until <= billing.cycle_start(h.timers_through)
				OR p.state = 'pending' AND p.valid_from <= billing.cycle_start(h.timers_through))
				AND NOT EXISTS (SELECT FROM billing.charge c WHERE c.account_id = p.account_id AND c.source = 'fee' AND c.source_id = p.order_id
					AND c.cycle >= h.timers_through)
			OR p.state = 'refunded' AND (p.used <> p.refunded_used OR p.auto_renew)
			OR p.state = 'exhausted' AND p.auto_renew AND p.auto_renew_on = 'expiry' AND p.valid_until <= billing.cycle_start(h.timers_through))
	UNION ALL
	SELECT 'package low', p.account_id, format('of package %s %s are left, no more than %s, and there is no notice', p.package_id, p.size - p.used, p.low_at)
	FROM billing.package p
	WHERE p.low_at IS NOT NULL AND p.state IN ('pending', 'active') AND p.used < p.size AND p.size - p.used <= p.low_at
		AND NOT EXISTS (SELECT FROM billing.notice n WHERE n.account_id = p.account_id AND n.kind = 'package_low' AND n.subject = 'package'
			AND n.subject_id = p.package_id::text AND n.cause = 'below ' || trim_scale(p.low_at))
	UNION ALL
	SELECT 'package successor', n.account_id, format('package %s starts %s, when package %s ends, which is %s and ends %s', n.package_id, n.valid_from, p.package_id, p.state, p.valid_until)
	FROM billing.package n JOIN billing.package p ON p.account_id = n.account_id AND p.package_id = n.renews
	WHERE n.state = 'pending' AND (p.state = 'refunded' OR n.valid_from <> p.valid_until)
	UNION ALL
	SELECT 'package flags', p.account_id, format('%s packages of "%s" renew themselves', count(*), p.meter)
	FROM billing.package p
	JOIN billing.account a USING (account_id)
	JOIN billing.package_offer o ON o.offer = p.offer AND o.currency = a.currency AND o.auto_renew_scope = 'type'
		AND o.valid_from = (SELECT max(x.valid_from) FROM billing.package_offer x WHERE x.offer = p.offer AND x.currency = a.currency AND x.valid_from <= p.bought_at)
	WHERE p.auto_renew GROUP BY p.account_id, p.meter HAVING count(*) > 1
	UNION ALL
	SELECT 'package and order', o.account_id, format('order %s: money %s, voucher %s, its packages %s, %s', o.order_id, o.money, o.voucher_amount, p.money, p.voucher)
	FROM billing.purchase o
	LEFT JOIN (SELECT p.account_id, p.order_id, sum(p.price_paid) AS money, sum(p.voucher_paid) AS voucher FROM billing.package p GROUP BY 1, 2) p USING (account_id, order_id)
	WHERE o.subject = 'package' AND o.kind <> 'refund' AND (p.money, p.voucher) IS DISTINCT FROM (o.money, o.voucher_amount)
	UNION ALL
	SELECT 'package and binding', p.account_id, format('package %s is bound to %s resources of at most %s', p.package_id, count(*), p.max_resources)
	FROM billing.package p JOIN billing.package_resource r USING (account_id, package_id)
	GROUP BY p.account_id, p.package_id, p.max_resources HAVING count(*) > coalesce(p.max_resources, 0)
$fn$;
COMMENT ON FUNCTION billing._verify_packages() IS 'part of billing.verify(): packages against charges, orders and their own states';
