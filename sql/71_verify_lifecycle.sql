CREATE FUNCTION billing._verify_lifecycle() RETURNS TABLE (problem text, account_id bigint, detail text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $fn$
	-- What history and ledger say of each account, without looking at its state.
	WITH begun AS MATERIALIZED (
		SELECT h.account_id, max(h.step_id) FILTER (WHERE h.action = 'overdue' AND h.reason IS NULL) AS step_id,
			(array_agg(h.action ORDER BY h.step_id DESC) FILTER (WHERE h.action IN ('overdue', 'resume', 'close')))[1] AS last,
			(array_agg(h.due_at ORDER BY h.step_id DESC) FILTER (WHERE h.action = 'overdue'))[1] AS since
		FROM billing.lifecycle_step h WHERE h.subject = 'account' GROUP BY h.account_id
	), story AS MATERIALIZED (
		SELECT b.account_id, b.last, b.since, coalesce(max(h.step), 0) AS step
		FROM begun b
		LEFT JOIN billing.lifecycle_step h ON h.account_id = b.account_id AND h.subject = 'account' AND h.step_id > b.step_id AND h.step > 0 AND h.action <> 'hold'
		GROUP BY b.account_id, b.last, b.since
	), chain AS MATERIALIZED (
		SELECT s.*, l.rule, l.policy, a.time_zone, t.last, t.since, t.step AS steps_taken
		FROM billing.account_state s
		JOIN billing.account a USING (account_id)
		LEFT JOIN billing.lifecycle l USING (lifecycle_id)
		LEFT JOIN story t USING (account_id)
	)
	SELECT 'account state', c.account_id, format('state %s, overdue since %s, policy row %s, step %s', c.state, c.overdue_since, c.lifecycle_id, c.step)
	FROM chain c
	WHERE c.state <> CASE WHEN c.last = 'close' THEN 'closed' WHEN c.overdue_since IS NULL THEN 'active'
		ELSE coalesce(billing._overdue_state(c.rule, c.step), '') END
	UNION ALL
	SELECT 'account history', c.account_id, format('since %s and step %s, history says %s, since %s and step %s', c.overdue_since, c.step, coalesce(c.last, 'nothing'), c.since, c.steps_taken)
	FROM chain c
	WHERE (c.overdue_since IS NOT NULL) <> coalesce(c.last = 'overdue', false) OR c.overdue_since <> c.since OR c.overdue_since IS NOT NULL AND c.step <> c.steps_taken
	UNION ALL
	SELECT 'next step', c.account_id, format('at %s, its policy says %s', c.next_at, n.due_at)
	FROM chain c
	LEFT JOIN LATERAL billing.lifecycle_next(c.rule, c.overdue_since, c.step, c.applied_at, c.time_zone) n ON true
	WHERE c.next_at IS DISTINCT FROM n.due_at
		AND NOT EXISTS (SELECT FROM billing.lifecycle_override o WHERE o.account_id = c.account_id AND o.subject = 'account' AND o.until = c.next_at AND o.until > n.due_at)
	UNION ALL
	SELECT 'step before its instant', h.account_id, format('%s %s: %s due %s, in effect %s, applied %s', h.subject, h.subject_id, h.action, h.due_at, h.at, h.applied_at)
	FROM billing.lifecycle_step h WHERE h.at < h.due_at OR h.step > 0 AND h.applied_at <= h.due_at
	UNION ALL
	SELECT 'suspension', c.account_id, format('state %s, %s suspensions that have not ended', c.state, coalesce(p.open, 0))
	FROM chain c
	LEFT JOIN (SELECT p.account_id, count(*) AS open FROM billing.suspension p WHERE p.suspended_until IS NULL GROUP BY p.account_id) p USING (account_id)
	WHERE CASE WHEN c.state IN ('suspended', 'released') THEN 1 ELSE 0 END <> coalesce(p.open, 0)
	UNION ALL
	SELECT 'late invoices', i.account_id, format('account says %s is not due, its invoices %s', i.not_due, i.sum)
	FROM (SELECT s.account_id, s.not_due, sum(greatest(i.total, 0)) FILTER (WHERE i.due_at > p.due_at OR i.due_at IS NULL) AS sum, p.due_at
		FROM billing.account_state s
		LEFT JOIN (SELECT i.account_id, max(i.due_at) AS due_at FROM billing.invoice i JOIN billing.account a USING (account_id)
			WHERE a.payment_terms IS NOT NULL AND i.total > 0 AND NOT i.awaits_due GROUP BY i.account_id) p USING (account_id)
		LEFT JOIN billing.invoice i USING (account_id)
		GROUP BY s.account_id, s.not_due, p.due_at) i
	WHERE i.not_due IS DISTINCT FROM CASE WHEN i.due_at IS NOT NULL THEN coalesce(i.sum, 0) END
	UNION ALL
	SELECT 'low balance', s.account_id, format('balance %s, threshold %s, low since %s', s.balance, s.low_balance_at, s.low_since)
	FROM billing.account_state s WHERE coalesce(s.balance < s.low_balance_at, false) <> (s.low_since IS NOT NULL) AND s.state <> 'closed'
	UNION ALL
	SELECT 'resource', r.account_id, format('"%s" is %s, held by %s', r.resource, r.state, r.held_by)
	FROM billing.resource r WHERE (r.state IN ('restricted', 'suspended')) <> (r.held_by IS NOT NULL)
	UNION ALL
	SELECT 'resource', r.account_id, format('"%s" is %s, the account is %s', r.resource, r.state, s.state)
	FROM billing.resource r JOIN billing.account_state s USING (account_id) WHERE s.state IN ('released', 'closed') AND r.state <> 'released'
$fn$;
COMMENT ON FUNCTION billing._verify_lifecycle() IS 'part of billing.verify(): states and chains of steps against history and ledger';
