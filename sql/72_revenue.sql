-- Money that was paid in advance and is not earned yet.  Orders pay into the sub-ledger deferred, refunds come out of it; how much of it is
-- earned at an instant is computed from what is stored, and posted nowhere: a plan is earned by time, a package by the units that are
-- used of it.  What is left when either is over was paid for nothing: breakage.

CREATE FUNCTION billing._deferred_plans(at timestamptz, known timestamptz)
	RETURNS TABLE (account_id bigint, subject_id bigint, product text, paid numeric, refunded numeric, earned numeric, is_over boolean)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $fn$
	WITH ordered AS (
		SELECT o.account_id, o.subject_id, coalesce(sum(o.money + o.voucher_amount) FILTER (WHERE o.kind <> 'refund'), 0) AS paid,
			-coalesce(sum(o.money + o.voucher_amount) FILTER (WHERE o.kind = 'refund'), 0) AS refunded, bool_or(o.kind = 'refund') AS is_refunded
		FROM billing.purchase o WHERE o.subject = 'subscription' AND o.at <= _deferred_plans.known
		GROUP BY o.account_id, o.subject_id
	), held AS (
		-- ends: when it gave nothing any more, whatever was paid
		SELECT s.account_id, s.subscription_id, s.plan, c.decimals,
			least(s.ended_at, CASE WHEN s.state = 'released' THEN s.since END, CASE WHEN x.state = 'closed' THEN x.state_since END) AS ends
		FROM billing.subscription s
		JOIN billing.account a USING (account_id)
		JOIN billing.account_state x USING (account_id)
		JOIN billing.currency c USING (currency)
	), earned AS (
		SELECT y.account_id, y.subscription_id,
			sum(billing.prorate(y.money + y.voucher_amount, extract(epoch FROM least(greatest(least(_deferred_plans.at, h.ends), y.paid_from), t.term_end) - y.paid_from),
				extract(epoch FROM t.term_end - y.paid_from), h.decimals)) AS amount
		FROM billing.subscription_payment y
		JOIN billing.subscription_term t USING (account_id, subscription_id, term)
		JOIN held h USING (account_id, subscription_id)
		JOIN billing.purchase o ON o.account_id = y.account_id AND o.order_id = y.order_id
		WHERE o.at <= _deferred_plans.known AND t.term_end < 'infinity' AND y.paid_from < t.term_end
		GROUP BY y.account_id, y.subscription_id
	)
	SELECT o.account_id, o.subject_id, h.plan, o.paid, o.refunded,
		-- of what was given back nothing is earned, and what was kept is, however it was computed
		CASE WHEN o.is_refunded THEN o.paid - o.refunded ELSE coalesce(e.amount, 0) END, o.is_refunded OR h.ends <= _deferred_plans.at
	FROM ordered o
	JOIN held h ON h.account_id = o.account_id AND h.subscription_id = o.subject_id
	LEFT JOIN earned e ON e.account_id = o.account_id AND e.subscription_id = o.subject_id
$fn$;
COMMENT ON FUNCTION billing._deferred_plans(timestamptz, timestamptz)
	IS 'part of deferred_revenue_at(): what was paid for each subscription by the orders up to known, and what of it is earned at an instant';

CREATE FUNCTION billing._deferred_packages(at timestamptz, known timestamptz)
	RETURNS TABLE (account_id bigint, subject_id bigint, product text, paid numeric, refunded numeric, earned numeric, is_over boolean)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $fn$
	WITH later AS (
		SELECT c.account_id, c.source_id, sum(c.units) AS units FROM billing.charge c
		WHERE c.source = 'package' AND c.cycle >= billing.cycle_of(_deferred_packages.at)
		GROUP BY c.account_id, c.source_id
	), refund AS (
		SELECT o.account_id, o.subject_id, -sum(o.money + o.voucher_amount) AS amount FROM billing.purchase o
		WHERE o.subject = 'package' AND o.kind = 'refund' AND o.at <= _deferred_packages.known
		GROUP BY o.account_id, o.subject_id
	)
	SELECT p.account_id, p.package_id, p.offer, p.price_paid + p.voucher_paid, coalesce(r.amount, 0),
		CASE WHEN r.amount IS NULL THEN billing.prorate(p.price_paid + p.voucher_paid, p.used - coalesce(l.units, 0), p.size, c.decimals)
			ELSE p.price_paid + p.voucher_paid - r.amount END,
		-- its last cycle is settled when it is over, so that what was used of it is known
		r.amount IS NOT NULL OR billing.cycle_start(billing.cycle_of(p.valid_until - interval '1 microsecond') + 1) <= _deferred_packages.at
			OR x.state = 'closed' AND x.state_since <= _deferred_packages.at
	FROM billing.package p
	JOIN billing.purchase o USING (account_id, order_id)
	JOIN billing.account a USING (account_id)
	JOIN billing.account_state x USING (account_id)
	JOIN billing.currency c USING (currency)
	LEFT JOIN later l ON l.account_id = p.account_id AND l.source_id = p.package_id
	LEFT JOIN refund r ON r.account_id = p.account_id AND r.subject_id = p.package_id
	WHERE o.at <= _deferred_packages.known
$fn$;
COMMENT ON FUNCTION billing._deferred_packages(timestamptz, timestamptz)
	IS 'part of deferred_revenue_at(): what was paid for each package by the orders up to known, and what of it is earned at an instant';

CREATE FUNCTION billing._deferred_revenue(at timestamptz, known timestamptz)
	RETURNS TABLE (account_id bigint, subject text, subject_id bigint, product text, currency text, paid numeric, refunded numeric, recognised numeric,
		breakage numeric, deferred numeric)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT d.account_id, d.subject, d.subject_id, d.product, a.currency, d.paid, d.refunded, d.earned,
		CASE WHEN d.is_over THEN d.paid - d.refunded - d.earned ELSE 0 END, CASE WHEN d.is_over THEN 0 ELSE d.paid - d.refunded - d.earned END
	FROM (SELECT p.account_id, 'subscription' AS subject, p.subject_id, p.product, p.paid, p.refunded, p.earned, p.is_over FROM billing._deferred_plans(at, known) p
		UNION ALL
		SELECT p.account_id, 'package', p.subject_id, p.product, p.paid, p.refunded, p.earned, p.is_over FROM billing._deferred_packages(at, known) p) d
	JOIN billing.account a USING (account_id)
$fn$;
COMMENT ON FUNCTION billing._deferred_revenue(timestamptz, timestamptz)
	IS 'what was paid in advance by the orders up to known, and what of it is earned, lost and open at an instant';

CREATE FUNCTION billing.deferred_revenue_at(at timestamptz)
	RETURNS TABLE (account_id bigint, subject text, subject_id bigint, product text, currency text, paid numeric, refunded numeric, recognised numeric,
		breakage numeric, deferred numeric)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
#variable_conflict use_column
BEGIN
	PERFORM billing._check_instant('deferred_revenue_at', deferred_revenue_at.at);
	RETURN QUERY SELECT * FROM billing._deferred_revenue(deferred_revenue_at.at, deferred_revenue_at.at) d ORDER BY d.account_id, d.subject DESC, d.subject_id;
END
$fn$;
COMMENT ON FUNCTION billing.deferred_revenue_at(timestamptz)
	IS 'of each plan and package that was paid up to an instant: what was paid and given back, what is earned by then (by time, by use), what is lost (it is over, unused), and what is still deferred; in the future, if nothing more is bought or used';

CREATE FUNCTION billing._verify_deferred() RETURNS TABLE (problem text, account_id bigint, detail text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $fn$
	WITH open AS MATERIALIZED (
		SELECT * FROM billing._deferred_revenue((SELECT billing.cycle_start(b.cycle) FROM billing.barrier b WHERE b.mark = 'watermark'), 'infinity')
	)
	SELECT 'deferred and ledger', coalesce(d.account_id, t.account_id), format('the ledger has %s, plans and packages %s', coalesce(t.balance, 0), coalesce(d.amount, 0))
	FROM (SELECT o.account_id, sum(o.recognised + o.breakage + o.deferred) AS amount FROM open o GROUP BY 1) d
	FULL JOIN (SELECT l.account_id, sum(l.amount) AS balance
		FROM (SELECT x.account_id, CASE 'deferred' WHEN x.credit THEN x.amount ELSE -x.amount END AS amount FROM billing.transfer x
			WHERE 'deferred' IN (x.debit, x.credit)) l GROUP BY 1) t USING (account_id)
	WHERE coalesce(d.amount, 0) <> coalesce(t.balance, 0)
	UNION ALL
	SELECT 'recognised', o.account_id, format('%s %s: paid %s, refunded %s, recognised %s, breakage %s, deferred %s', o.subject, o.subject_id, o.paid, o.refunded, o.recognised,
		o.breakage, o.deferred)
	FROM open o WHERE least(o.recognised, o.breakage, o.deferred) < 0
$fn$;
COMMENT ON FUNCTION billing._verify_deferred() IS 'part of billing.verify(): what is deferred by plans and packages against the ledger';
