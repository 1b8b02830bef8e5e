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
		AND NOT EXISTS (SELECT FROM billing.lifecycle_override o WHERE o.account_id = c.account_id AND o.subject = 'account' AND o.until > n.due_at
			AND billing._held_until(c.rule, c.overdue_since, c.step, c.applied_at, c.time_zone, o.until) = c.next_at)
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
		AND (s.state = 'closed' OR NOT EXISTS (SELECT FROM billing.subscription u JOIN billing.subscription_chain c USING (account_id, subscription_id)
			WHERE u.account_id = r.account_id AND u.resource = r.resource AND c.cause = 'overdue' AND u.state <> 'cancelled'))
$fn$;
COMMENT ON FUNCTION billing._verify_lifecycle() IS 'part of billing.verify(): states and chains of steps against history and ledger';

CREATE FUNCTION billing._verify_subscription_chains() RETURNS TABLE (problem text, account_id bigint, detail text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $fn$
	-- What history says of each chain, without looking at it.
	WITH mark AS MATERIALIZED (
		SELECT h.account_id, h.subject_id, h.cause, (array_agg(h.action ORDER BY h.step_id DESC))[1] AS last, (array_agg(h.at ORDER BY h.step_id DESC))[1] AS since,
			-- steps of an expiry count from the last renewal, of a debt from its begin
			coalesce(max(h.step_id) FILTER (WHERE CASE h.cause WHEN 'expiry' THEN h.action = 'resume' ELSE h.action = 'overdue' AND h.reason IS NULL END), 0) AS step_id
		FROM billing.lifecycle_step h
		WHERE h.subject = 'subscription' AND h.cause IS NOT NULL AND h.action IN ('end', 'overdue', 'resume')
		GROUP BY h.account_id, h.subject_id, h.cause
	), chain AS MATERIALIZED (
		SELECT c.*, s.state, s.paid_until, p.expiry_policy, p.overdue_policy, p.renewable, l.policy, l.rule, x.time_zone, a.overdue_since, a.state AS account_state,
			m.last, m.since AS told_since,
			(SELECT coalesce(max(h.step), 0) FROM billing.lifecycle_step h
			 WHERE h.account_id = c.account_id AND h.subject = 'subscription' AND h.subject_id = c.subscription_id::text AND h.cause = c.cause
				AND h.step > 0 AND h.action <> 'hold' AND h.step_id > coalesce(m.step_id, 0)) AS steps_taken
		FROM billing.subscription_chain c
		JOIN billing.subscription s USING (account_id, subscription_id)
		JOIN billing.plan p USING (plan)
		JOIN billing.account x USING (account_id)
		JOIN billing.account_state a USING (account_id)
		JOIN billing.lifecycle l ON l.lifecycle_id = c.lifecycle_id
		LEFT JOIN mark m ON m.account_id = c.account_id AND m.subject_id = c.subscription_id::text AND m.cause = c.cause
	)
	SELECT 'subscription state', s.account_id, format('subscription %s is %s, its chains say %s', s.subscription_id, s.state, w.state)
	FROM billing.subscription s
	LEFT JOIN (SELECT DISTINCT h.account_id, h.subject_id FROM billing.lifecycle_step h WHERE h.subject = 'subscription' AND h.action = 'release' AND h.cause IS NULL) h
		ON h.account_id = s.account_id AND h.subject_id = s.subscription_id::text
	CROSS JOIN LATERAL (SELECT CASE WHEN h.account_id IS NOT NULL THEN 'released' ELSE billing._subscription_state(s.account_id, s.subscription_id) END AS state) w
	WHERE s.state NOT IN ('provisioning', 'cancelled') AND s.state <> w.state
	UNION ALL
	SELECT 'subscription and account', s.account_id, format('subscription %s is %s, the account is released', s.subscription_id, s.state)
	FROM billing.subscription s JOIN billing.account_state a USING (account_id)
	WHERE a.state = 'released' AND s.state NOT IN ('released', 'cancelled') AND NOT EXISTS (SELECT FROM chain c
		WHERE c.account_id = s.account_id AND c.subscription_id = s.subscription_id AND c.cause = 'overdue')
	UNION ALL
	SELECT 'pause', s.account_id, format('subscription %s is %s, %s pauses that have not ended', s.subscription_id, s.state, coalesce(p.open, 0))
	FROM billing.subscription s
	LEFT JOIN (SELECT p.account_id, p.subscription_id, count(*) AS open FROM billing.subscription_pause p WHERE p.paused_until IS NULL GROUP BY 1, 2) p
		USING (account_id, subscription_id)
	WHERE s.state IN ('provisioning', 'active', 'grace', 'suspended') AND coalesce(p.open, 0) <> CASE s.state WHEN 'suspended' THEN 1 ELSE 0 END
	UNION ALL
	-- a term that was paid after its start, by a renewal
	SELECT 'late renewal', t.account_id, format('subscription %s: renewed at %s, its term %s starts at %s, and no pause says so', t.subscription_id, o.at, t.term, t.term_start)
	FROM billing.subscription_term t JOIN billing.purchase o USING (account_id, order_id)
	WHERE o.kind = 'renewal' AND o.at > t.term_start
		AND NOT billing._paused_times(t.account_id, t.subscription_id) @> tstzrange(t.term_start, least(o.at, t.term_end))
	UNION ALL
	SELECT 'subscription chain', c.account_id, format('subscription %s, %s: since %s and step %s, history says %s, since %s and step %s', c.subscription_id, c.cause,
		c.since, c.step, coalesce(c.last, 'nothing'), c.told_since, c.steps_taken)
	FROM chain c
	WHERE (c.since IS NOT NULL) <> coalesce(c.last IN ('end', 'overdue'), false) OR c.since <> c.told_since OR c.step <> c.steps_taken
	UNION ALL
	SELECT 'subscription next step', c.account_id, format('subscription %s, %s: at %s, its policy says %s', c.subscription_id, c.cause, c.next_at, n.due_at)
	FROM chain c
	CROSS JOIN LATERAL (SELECT billing._next_chain_step(c.account_id, c.subscription_id, c.cause) AS due_at) n
	WHERE c.next_at IS DISTINCT FROM n.due_at
		AND NOT EXISTS (SELECT FROM billing.lifecycle_override o
			WHERE o.account_id = c.account_id AND o.subject = 'subscription' AND o.subject_id = c.subscription_id::text AND o.until > n.due_at
				AND billing._held_until(c.rule, coalesce(c.since, c.paid_until), c.step, c.applied_at, c.time_zone, o.until) = c.next_at)
	UNION ALL
	SELECT 'subscription policy', c.account_id, format('subscription %s, %s: it follows "%s", its plan has "%s"', c.subscription_id, c.cause, c.policy,
		CASE c.cause WHEN 'expiry' THEN c.expiry_policy ELSE c.overdue_policy END)
	FROM chain c
	WHERE c.policy IS DISTINCT FROM CASE c.cause WHEN 'expiry' THEN c.expiry_policy ELSE c.overdue_policy END
	UNION ALL
	SELECT 'subscription and debt', c.account_id, format('subscription %s is overdue since %s, the account since %s', c.subscription_id, c.since, c.overdue_since)
	FROM chain c
	WHERE c.cause = 'overdue' AND c.state NOT IN ('provisioning', 'released', 'cancelled') AND c.account_state <> 'closed' AND c.since IS DISTINCT FROM c.overdue_since
$fn$;
COMMENT ON FUNCTION billing._verify_subscription_chains() IS 'part of billing.verify(): states and chains of steps of subscriptions against history, policies and debt';

CREATE FUNCTION billing._verify_package_chains() RETURNS TABLE (problem text, account_id bigint, detail text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $fn$
	WITH chain AS MATERIALIZED (
		SELECT c.*, p.offer, p.valid_until, p.bought_at, a.currency, l.policy, l.rule,
			(SELECT coalesce(max(h.step), 0) FROM billing.lifecycle_step h WHERE h.account_id = c.account_id AND h.subject = 'package' AND h.subject_id = c.package_id::text
				AND h.action <> 'hold') AS steps_taken,
			billing._next_package_step(c.account_id, c.package_id) AS due_at
		FROM billing.package_chain c
		JOIN billing.package p USING (account_id, package_id)
		JOIN billing.account a USING (account_id)
		JOIN billing.lifecycle l USING (lifecycle_id)
	)
	SELECT 'package chain', c.account_id, format('package %s stands at step %s, history says %s', c.package_id, c.step, c.steps_taken)
	FROM chain c WHERE c.step <> c.steps_taken
	UNION ALL
	SELECT 'package next step', c.account_id, format('package %s: at %s, its policy says %s', c.package_id, c.next_at, c.due_at)
	FROM chain c
	WHERE c.next_at IS DISTINCT FROM c.due_at
		AND NOT EXISTS (SELECT FROM billing.lifecycle_override o
			WHERE o.account_id = c.account_id AND o.subject = 'package' AND o.subject_id = c.package_id::text AND o.until = c.next_at AND o.until > c.due_at)
	UNION ALL
	SELECT 'package policy', c.account_id, format('package %s follows "%s", which its offer "%s" does not name', c.package_id, c.policy, c.offer)
	FROM chain c
	WHERE NOT EXISTS (SELECT FROM billing.package_offer o WHERE o.offer = c.offer AND o.currency = c.currency AND o.valid_from <= c.bought_at AND o.expiry_policy = c.policy)
$fn$;
COMMENT ON FUNCTION billing._verify_package_chains() IS 'part of billing.verify(): chains of steps of packages against history and policies';
