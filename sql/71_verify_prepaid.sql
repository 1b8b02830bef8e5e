-- Parts of billing.verify() about what is paid in advance: orders, vouchers, plans.

CREATE FUNCTION billing._verify_orders() RETURNS TABLE (problem text, account_id bigint, detail text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $fn$
	SELECT 'order and ledger', coalesce(o.account_id, t.account_id),
		format('order %s: (%s, voucher %s), transfers (%s, voucher %s)', coalesce(o.order_id, t.order_id), o.money, o.voucher_amount, t.money, t.voucher_amount)
	FROM billing.purchase o
	FULL JOIN (SELECT t.account_id, t.source_id AS order_id,
			sum(CASE 'wallet' WHEN t.debit THEN t.amount WHEN t.credit THEN -t.amount ELSE 0 END) AS money,
			sum(CASE WHEN t.debit = 'voucher' THEN t.amount WHEN t.credit = 'promotion' THEN -t.amount ELSE 0 END) AS voucher_amount
		FROM billing.transfer t WHERE t.source = 'order' GROUP BY 1, 2) t USING (account_id, order_id)
	WHERE (coalesce(t.money, 0), coalesce(t.voucher_amount, 0)) IS DISTINCT FROM (o.money, o.voucher_amount)
	UNION ALL
	SELECT 'order and charge', coalesce(o.account_id, c.account_id), format('order %s: %s, charges %s', coalesce(o.order_id, c.order_id), o.money, c.amount)
	FROM billing.purchase o
	FULL JOIN (SELECT c.account_id, c.source_id AS order_id, sum(c.amount) AS amount, count(*) AS n
		FROM billing.charge c WHERE c.source = 'fee' GROUP BY 1, 2) c USING (account_id, order_id)
	WHERE (c.amount, c.n) IS DISTINCT FROM (o.money, 1)
	UNION ALL
	SELECT 'voucher', v.account_id, format('voucher %s has %s of %s left, its orders took %s', v.voucher_id, v.remaining, v.amount, coalesce(o.taken, 0))
	FROM billing.voucher v
	LEFT JOIN (SELECT o.account_id, o.voucher_id, sum(o.voucher_amount) AS taken FROM billing.purchase o WHERE o.voucher_id IS NOT NULL GROUP BY 1, 2) o
		USING (account_id, voucher_id)
	WHERE v.remaining <> v.amount - coalesce(o.taken, 0)
	UNION ALL
	SELECT 'voucher and ledger', coalesce(v.account_id, t.account_id),
		format('voucher %s: granted %s, transfers %s; left %s, expired at %s, taken back %s', coalesce(v.voucher_id, t.voucher_id), v.amount, t.granted,
			v.remaining, v.expired_at, t.expired)
	FROM billing.voucher v
	FULL JOIN (SELECT t.account_id, t.source_id AS voucher_id, sum(t.amount) FILTER (WHERE t.credit = 'voucher') AS granted,
			coalesce(sum(t.amount) FILTER (WHERE t.debit = 'voucher'), 0) AS expired
		FROM billing.transfer t WHERE t.source = 'voucher' GROUP BY 1, 2) t USING (account_id, voucher_id)
	WHERE (t.granted, t.expired) IS DISTINCT FROM (v.amount, CASE WHEN v.expired_at IS NULL THEN 0 ELSE v.remaining END)
$fn$;
COMMENT ON FUNCTION billing._verify_orders() IS 'part of billing.verify(): orders and vouchers against transfers and charges';

CREATE FUNCTION billing._verify_subscriptions() RETURNS TABLE (problem text, account_id bigint, detail text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $fn$
	SELECT 'term', t.account_id, format('subscription %s, term %s: %s to %s, counted from the anchor %s to %s', t.subscription_id, t.term, t.term_start, t.term_end,
		e.term_start, e.term_end)
	FROM billing.subscription_term t
	JOIN billing.subscription s USING (account_id, subscription_id)
	JOIN billing.account a USING (account_id)
	JOIN billing.plan p ON p.plan = t.plan
	CROSS JOIN LATERAL (SELECT
		CASE t.term WHEN 1 THEN s.anchor ELSE billing._after_terms(s.anchor, t.term - 1, p.term, a.time_zone, p.month_end) END AS term_start,
		billing._after_terms(s.anchor, t.term, p.term, a.time_zone, p.month_end) AS term_end) e
	WHERE (t.term_start, t.term_end) <> (e.term_start, e.term_end)
	UNION ALL
	SELECT 'paid terms', s.account_id, format('subscription %s says %s of plan "%s" until %s, its terms %s of "%s" until %s', s.subscription_id, s.paid_terms, s.plan,
		s.paid_until, coalesce(t.terms, 0), t.plan, t.paid_until)
	FROM billing.subscription s
	LEFT JOIN (SELECT t.account_id, t.subscription_id, count(*) AS terms, max(t.term) AS last, max(t.term_end) AS paid_until,
			(array_agg(t.plan ORDER BY t.term DESC))[1] AS plan
		FROM billing.subscription_term t GROUP BY 1, 2) t USING (account_id, subscription_id)
	WHERE (s.paid_terms, s.paid_terms, s.paid_until, s.plan)
		IS DISTINCT FROM (coalesce(t.terms, 0), coalesce(t.last, 0), coalesce(t.paid_until, 'infinity'), coalesce(t.plan, s.plan))
	UNION ALL
	SELECT 'terms and orders', s.account_id, format('subscription %s: terms (%s, voucher %s), orders (%s, voucher %s)', s.subscription_id, t.money, t.voucher_amount,
		o.money, o.voucher_amount)
	FROM billing.subscription s
	JOIN (SELECT t.account_id, t.subscription_id, sum(t.money) AS money, sum(t.voucher_amount) AS voucher_amount
		FROM billing.subscription_term t GROUP BY 1, 2) t USING (account_id, subscription_id)
	LEFT JOIN (SELECT o.account_id, o.subject_id AS subscription_id, sum(o.money) AS money, sum(o.voucher_amount) AS voucher_amount
		FROM billing.purchase o WHERE o.subject = 'subscription' AND o.kind IN ('purchase', 'renewal', 'upgrade', 'change') GROUP BY 1, 2) o
		USING (account_id, subscription_id)
	WHERE (t.money, t.voucher_amount) IS DISTINCT FROM (o.money, o.voucher_amount)
	UNION ALL
	SELECT 'options', s.account_id, format('subscription %s: %s, last of its spans %s until %s, of %s', s.subscription_id, s.options, c.options, c.valid_until, c.spans)
	FROM billing.subscription s
	LEFT JOIN (SELECT c.account_id, c.subscription_id, count(*) AS spans, min(c.valid_from) AS since, max(c.valid_until) AS valid_until,
			(array_agg(c.options ORDER BY c.valid_from DESC))[1] AS options, bool_and(c.follows) AS is_gapless
		FROM (SELECT o.*, o.valid_from = lag(o.valid_until, 1, o.valid_from) OVER (PARTITION BY o.account_id, o.subscription_id ORDER BY o.valid_from) AS follows
			FROM billing.subscription_options o) c
		GROUP BY 1, 2) c USING (account_id, subscription_id)
	WHERE (c.since, c.valid_until, c.options, c.is_gapless) IS DISTINCT FROM ('-infinity', 'infinity', s.options, true)
	UNION ALL
	SELECT 'terms and payments', t.account_id, format('subscription %s, term %s: (%s, voucher %s, list price %s), its payments (%s, voucher %s, list price %s)',
		t.subscription_id, t.term, t.money, t.voucher_amount, t.list_price, y.money, y.voucher_amount, y.list_price)
	FROM billing.subscription_term t
	LEFT JOIN (SELECT y.account_id, y.subscription_id, y.term, sum(y.money) AS money, sum(y.voucher_amount) AS voucher_amount, sum(y.list_price) AS list_price
		FROM billing.subscription_payment y GROUP BY 1, 2, 3) y USING (account_id, subscription_id, term)
	WHERE (t.money, t.voucher_amount, t.list_price) IS DISTINCT FROM (y.money, y.voucher_amount, y.list_price)
	UNION ALL
	SELECT 'payment', y.account_id, format('of order %s for term %s of subscription %s, from %s on; the term is from %s to %s', y.order_id, y.term, y.subscription_id, y.paid_from,
		t.term_start, t.term_end)
	FROM billing.subscription_payment y
	JOIN billing.subscription_term t USING (account_id, subscription_id, term)
	JOIN billing.purchase o ON o.account_id = y.account_id AND o.order_id = y.order_id
	WHERE y.paid_from <> CASE WHEN y.order_id = t.order_id THEN t.term_start ELSE greatest(t.term_start, o.at) END
	UNION ALL
	SELECT 'payments and order', y.account_id, format('order %s of subscription %s: (%s, voucher %s, list price %s), its payments (%s, voucher %s, list price %s)',
		o.order_id, y.subscription_id, o.money, o.voucher_amount, o.list_price, y.money, y.voucher_amount, y.list_price)
	FROM (SELECT y.account_id, y.subscription_id, y.order_id, sum(y.money) AS money, sum(y.voucher_amount) AS voucher_amount, sum(y.list_price) AS list_price
		FROM billing.subscription_payment y GROUP BY 1, 2, 3) y
	JOIN billing.purchase o USING (account_id, order_id)
	WHERE (y.subscription_id, y.money, y.voucher_amount, y.list_price) IS DISTINCT FROM (o.subject_id, o.money, o.voucher_amount, o.list_price)
	UNION ALL
	-- a term opens with the plan of its order; every upgrade after it adds a share of what the new plan has more
	SELECT 'allowance', coalesce(a.account_id, e.account_id), format('subscription %s, term %s, meter "%s" in "%s": %s from %s until %s, expected %s from %s until %s',
		coalesce(a.subscription_id, e.subscription_id), coalesce(a.term, e.term), coalesce(a.meter, e.meter), coalesce(a.region, e.region),
		a.size, a.valid_from, a.valid_until, e.size, e.valid_from, e.valid_until)
	FROM billing.allowance a
	FULL JOIN (
		SELECT n.account_id, n.subscription_id, n.term, l.meter, l.region, n.term_start AS valid_from,
			greatest(n.term_start, least(n.term_end, n.ended_at)) AS valid_until,
			sum(CASE WHEN n.before IS NULL THEN l.quantity * n.quantity
				ELSE billing.prorate(greatest(l.quantity - coalesce(o.quantity, 0), 0) * n.quantity,
					extract(epoch FROM n.term_end - greatest(n.at, n.term_start)), extract(epoch FROM n.term_end - n.term_start)) END) AS size
		FROM (
			SELECT x.*, lag(x.product) OVER (PARTITION BY x.account_id, x.subscription_id, x.term ORDER BY x.order_id) AS before
			FROM (
				SELECT t.account_id, t.subscription_id, t.term, t.term_start, t.term_end, s.ended_at, s.quantity, o.order_id, o.product, o.at, p.rank,
					max(p.rank) OVER (PARTITION BY t.account_id, t.subscription_id, t.term ORDER BY o.order_id
						ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS highest
				FROM billing.subscription_term t
				JOIN billing.subscription s USING (account_id, subscription_id)
				JOIN billing.purchase o ON o.account_id = t.account_id AND (o.order_id = t.order_id OR o.subject = 'subscription'
					AND o.subject_id = t.subscription_id AND o.kind = 'upgrade' AND o.order_id > t.order_id AND o.at < t.term_end)
				JOIN billing.plan p ON p.plan = o.product
			) x WHERE x.highest IS NULL OR x.rank > x.highest
		) n
		JOIN billing.plan_allowance l ON l.plan = n.product AND l.mode = 'subtract'
		JOIN billing.meter m ON m.meter = l.meter AND m.aggregation IN ('sum', 'count')
		LEFT JOIN billing.plan_allowance o ON o.plan = n.before AND o.meter = l.meter AND o.region = l.region AND o.mode = 'subtract'
		GROUP BY n.account_id, n.subscription_id, n.term, l.meter, l.region, n.term_start, n.term_end, n.ended_at
	) e USING (account_id, subscription_id, term, meter, region)
	WHERE (a.size, a.valid_from, a.valid_until) IS DISTINCT FROM (e.size, e.valid_from, e.valid_until)
	UNION ALL
	SELECT 'allowance and charges', coalesce(a.account_id, c.account_id), format('allowance %s: used %s, charges %s', coalesce(a.allowance_id, c.allowance_id), a.used,
		coalesce(c.units, 0))
	FROM billing.allowance a
	FULL JOIN (SELECT c.account_id, c.source_id AS allowance_id, sum(c.units) AS units FROM billing.charge c WHERE c.source = 'allowance' GROUP BY 1, 2) c
		USING (account_id, allowance_id)
	WHERE a.used IS DISTINCT FROM coalesce(c.units, 0)
	UNION ALL
	SELECT 'renewal', s.account_id, format('subscription %s is %s, auto_renew %s, ends %s, renews %s, failed %s', s.subscription_id, s.state, s.auto_renew,
		s.paid_until, s.renew_at, s.renewal_failed_at)
	FROM billing.subscription s
	JOIN billing.account a USING (account_id)
	LEFT JOIN billing.subscription_term t ON t.account_id = s.account_id AND t.subscription_id = s.subscription_id AND t.term = s.paid_terms
	WHERE (s.auto_renew AND s.state IN ('active', 'grace') AND s.renewal_failed_at IS NULL) <> (s.renew_at IS NOT NULL) AND s.state <> 'suspended'
		OR s.renew_at < greatest(billing._day_before(s.paid_until, a.time_zone), t.term_start)
		OR s.renewal_failed_at IS NOT NULL AND (NOT s.auto_renew OR s.renew_at IS NOT NULL)
	UNION ALL
	SELECT 'subscription ended', s.account_id, format('subscription %s is %s since %s, paid until %s, ended at %s', s.subscription_id, s.state, s.since,
		s.paid_until, s.ended_at)
	FROM billing.subscription s
	WHERE (s.state IN ('cancelled', 'released')) <> (s.ended_at < 'infinity') AND s.state <> 'released'
		AND (s.state = 'cancelled' OR s.ended_at <> s.paid_until)
	UNION ALL
	-- an order that was dated back is behind its end until the clock rings again
	SELECT 'subscription not ended', s.account_id, format('subscription %s is active, paid until %s', s.subscription_id, s.paid_until)
	FROM billing.subscription s
	JOIN billing.shard h ON s.account_id >= h.account_from AND s.account_id < h.account_to
	WHERE s.state = 'active' AND s.paid_until <= billing.cycle_start(h.timers_through)
		AND NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = s.account_id)
		AND NOT EXISTS (SELECT FROM billing.purchase o JOIN billing.charge c ON c.account_id = o.account_id AND c.source = 'fee' AND c.source_id = o.order_id
			WHERE o.account_id = s.account_id AND o.subject = 'subscription' AND o.subject_id = s.subscription_id AND c.cycle >= h.timers_through)
$fn$;
COMMENT ON FUNCTION billing._verify_subscriptions() IS 'part of billing.verify(): terms, options, allowances, renewals and ends of subscriptions';
