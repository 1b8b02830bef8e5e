-- What each order has paid for each term, and from when on it counts: a refund gives back what is left of it, and revenue is earned by it
-- (sql/72_revenue.sql).

CREATE FUNCTION billing._keep_payments(account_id bigint, subscription_id bigint, order_id bigint) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	-- what the terms have more than was paid for them before
	INSERT INTO billing.subscription_payment (account_id, subscription_id, term, order_id, list_price, money, voucher_amount, paid_from)
	SELECT t.account_id, t.subscription_id, t.term, o.order_id, t.list_price - coalesce(p.list_price, 0), t.money - coalesce(p.money, 0),
		t.voucher_amount - coalesce(p.voucher_amount, 0),
		CASE WHEN t.order_id = o.order_id THEN t.term_start ELSE greatest(t.term_start, o.at) END
	FROM billing.purchase o
	JOIN billing.subscription_term t ON t.account_id = o.account_id
	LEFT JOIN LATERAL (SELECT sum(x.list_price) AS list_price, sum(x.money) AS money, sum(x.voucher_amount) AS voucher_amount
		FROM billing.subscription_payment x
		WHERE x.account_id = t.account_id AND x.subscription_id = t.subscription_id AND x.term = t.term) p ON true
	WHERE o.account_id = _keep_payments.account_id AND o.order_id = _keep_payments.order_id
		AND t.account_id = _keep_payments.account_id AND t.subscription_id = _keep_payments.subscription_id
		AND (t.order_id = o.order_id OR (t.list_price, t.money, t.voucher_amount) <> (p.list_price, p.money, p.voucher_amount));
END
$fn$;
COMMENT ON FUNCTION billing._keep_payments(bigint, bigint, bigint)
	IS 'after an order has added to what was paid for terms: writes down how much of it is for which term, and from when on; an upgrade counts from its own instant';

CREATE FUNCTION billing._await_settling(account_id bigint) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	-- Settling does not lock an account whose usage is covered: its allowance may be in use while nobody sees it.
	PERFORM 1 FROM billing.shard h WHERE h.account_from <= _await_settling.account_id AND h.account_to > _await_settling.account_id FOR SHARE;
END
$fn$;
COMMENT ON FUNCTION billing._await_settling(bigint)
	IS 'waits for whoever settles an account, and keeps others from it to the end of the transaction; called before the account is locked, as settling does';

CREATE FUNCTION billing._payments_left(account_id bigint, subscription_id bigint, at timestamptz)
	RETURNS TABLE (order_id bigint, term integer, is_left boolean, list_price numeric, money numeric, voucher_amount numeric, part numeric, whole numeric)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT y.order_id, t.term, t.term_end > _payments_left.at, y.list_price, y.money, y.voucher_amount,
		CASE WHEN r.whole > 0 THEN r.part ELSE 0 END, greatest(r.whole, 1)
	FROM billing.subscription_payment y
	JOIN billing.subscription_term t USING (account_id, subscription_id, term)
	JOIN billing.account a USING (account_id)
	JOIN billing.plan p USING (plan)
	CROSS JOIN LATERAL billing._remaining(y.paid_from, t.term_end, p.term, a.time_zone, _payments_left.at) r
	WHERE y.account_id = _payments_left.account_id AND y.subscription_id = _payments_left.subscription_id
	UNION ALL
	-- paid, and waiting for its resource
	SELECT o.order_id, k, true, o.list_price * (k = 1)::integer, o.money * (k = 1)::integer, o.voucher_amount * (k = 1)::integer, 1, 1
	FROM billing.purchase o CROSS JOIN LATERAL generate_series(1, o.quantity) k
	WHERE o.account_id = _payments_left.account_id AND o.subject = 'subscription' AND o.subject_id = _payments_left.subscription_id
		AND NOT EXISTS (SELECT FROM billing.subscription_term t
			WHERE t.account_id = o.account_id AND t.subscription_id = _payments_left.subscription_id)
$fn$;
COMMENT ON FUNCTION billing._payments_left(bigint, bigint, timestamptz)
	IS 'what was paid for each term of a subscription by each order, and which part of the time it paid for is left at an instant';
