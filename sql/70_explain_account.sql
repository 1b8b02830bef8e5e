-- Questions about one account, and about what is to come.

CREATE FUNCTION billing.explain_account(account_id bigint, at timestamptz DEFAULT now()) RETURNS TABLE (topic text, value text, detail text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
#variable_conflict use_column
DECLARE
	s record;
	n record;
	beyond numeric;
	late numeric;
BEGIN
	PERFORM billing._check_installed();
	SELECT x.*, a.name, a.currency, a.policy, a.time_zone, l.rule, l.valid_from, billing.lifecycle_resume(l.rule) AS resume INTO s
	FROM billing.account_state x JOIN billing.account a USING (account_id)
	LEFT JOIN billing.lifecycle l ON l.lifecycle_id = coalesce(CASE WHEN x.overdue_since IS NOT NULL THEN x.lifecycle_id END, billing._lifecycle_at(a.policy, explain_account.at))
	WHERE x.account_id = explain_account.account_id;
	IF NOT FOUND THEN
		PERFORM billing._unknown_account(explain_account.account_id);
	END IF;
	RETURN QUERY SELECT 'state', s.state, format('account %s "%s", since %s', s.account_id, s.name, s.state_since);
	RETURN QUERY SELECT 'balance', format('%s %s', s.balance, s.currency),
		format('credit limit %s; %s is charged and on no invoice yet', s.credit_limit, s.unbilled);
	beyond := -s.balance - s.credit_limit;
	late := -(s.balance + greatest(s.unbilled, 0) + s.not_due);
	IF s.overdue_since IS NOT NULL THEN
		RETURN QUERY SELECT 'why', CASE WHEN beyond > 0 THEN format('%s %s beyond the credit limit', beyond, s.currency) ELSE format('%s %s of invoices are late', late, s.currency) END,
			concat_ws('; ', CASE WHEN beyond > 0 THEN format('the balance is below -%s', s.credit_limit) END,
				CASE WHEN late > 0 THEN format('of invoices whose due instant has passed %s is not paid', late) END);
		RETURN QUERY SELECT 'overdue since', s.overdue_since::text, 'steps count from then';
		RETURN QUERY SELECT 'what would clear it', format('%s %s', greatest(beyond, late), s.currency),
			format('SELECT billing.top_up(%s, %s); resources %s', s.account_id, greatest(beyond, late),
				CASE s.resume WHEN 'auto' THEN 'come back by themselves' ELSE 'that are off are then brought back with billing.enable_resource()' END);
	END IF;
	RETURN QUERY SELECT 'policy', s.policy, format('%s (version valid from %s)', s.rule, s.valid_from);
	RETURN QUERY SELECT 'last step', h.action || coalesce(' ' || h.argument, ''), format('due %s, in effect from %s, applied %s%s', h.due_at, h.at, h.applied_at, coalesce('; ' || h.reason, ''))
		FROM billing.lifecycle_step h WHERE h.account_id = s.account_id AND h.subject = 'account' ORDER BY h.step_id DESC LIMIT 1;
	IF s.next_at IS NOT NULL THEN
		SELECT * INTO n FROM billing.lifecycle_next(s.rule, s.overdue_since, s.step, s.applied_at, s.time_zone);
		RETURN QUERY SELECT 'next step', n.action || coalesce(' ' || n.argument, ''), format('unless it is paid by %s', s.next_at);
	END IF;
	RETURN QUERY SELECT format('subscription %s', u.subscription_id), u.state || CASE WHEN c.next_at IS NOT NULL THEN ', next: ' || t.action || coalesce(' ' || t.argument, '') ELSE '' END,
			concat_ws('; ', format('plan "%s" since %s, paid until %s', u.plan, u.since, u.paid_until), format('%s policy %s', c.cause, l.policy),
				CASE WHEN c.next_at IS NOT NULL THEN format('unless it is %s by %s', CASE c.cause WHEN 'expiry' THEN 'renewed' ELSE 'paid' END, c.next_at) END)
		FROM billing.subscription u
		JOIN billing.subscription_chain c USING (account_id, subscription_id)
		JOIN billing.lifecycle l USING (lifecycle_id)
		LEFT JOIN LATERAL billing.lifecycle_steps(l.rule) t ON t.step = c.step + 1
		WHERE u.account_id = s.account_id AND (c.next_at IS NOT NULL OR u.state IN ('grace', 'suspended') AND c.since IS NOT NULL)
		ORDER BY u.subscription_id, c.next_at;
	RETURN QUERY SELECT format('package %s', p.package_id), format('%s, next: %s', p.state, t.action),
			format('"%s" since %s, valid until %s, %s of %s left; policy %s, due at %s', p.offer, p.valid_from, p.valid_until, p.size - p.used, p.size, l.policy, c.next_at)
		FROM billing.package_chain c
		JOIN billing.package p USING (account_id, package_id)
		JOIN billing.lifecycle l USING (lifecycle_id)
		CROSS JOIN LATERAL billing.lifecycle_steps(l.rule) t
		WHERE c.account_id = s.account_id AND c.next_at IS NOT NULL AND t.step = c.step + 1 AND p.state NOT IN ('exhausted', 'refunded')
		ORDER BY c.next_at, p.package_id;
	RETURN QUERY SELECT 'override', format('until %s', o.until), format('of %s %s by %s at %s: %s', o.subject, o.subject_id, o.created_by, o.at, o.reason)
		FROM billing.lifecycle_override o
		WHERE o.account_id = s.account_id AND o.until > explain_account.at ORDER BY o.until, o.override_id;
	RETURN QUERY SELECT 'off', format('%s of kind %s', count(*), r.kind), format('%s since %s, held by %s', r.state, min(r.since), r.held_by)
		FROM billing.resource r WHERE r.account_id = s.account_id AND r.state IN ('restricted', 'suspended') GROUP BY r.kind, r.state, r.held_by ORDER BY r.kind, r.state;
	RETURN QUERY SELECT 'quarantine', q.error_code, format('the step of %s %s fails since %s, and was tried at %s: %s', q.subject, q.subject_id, q.since, q.tried_at, q.error)
		FROM billing.lifecycle_quarantine q WHERE q.account_id = s.account_id ORDER BY q.subject, q.subject_id;
END
$fn$;
COMMENT ON FUNCTION billing.explain_account(bigint, timestamptz)
	IS 'why an account is in its state: the debt and since when, the policy, the last and the next step, what would clear it';

CREATE FUNCTION billing.upcoming_until(until timestamptz)
	RETURNS TABLE (account_id bigint, subject text, subject_id text, what text, due_at timestamptz, detail text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $fn$
BEGIN
	PERFORM billing._check_installed();
	IF until IS NULL THEN
		RAISE EXCEPTION 'what is upcoming until NULL is not known' USING
			ERRCODE = 'null_value_not_allowed',
			DETAIL = 'The answer lists what falls due before that instant.',
			HINT = 'SELECT * FROM billing.upcoming_until(now() + interval ''7 days'');';
	END IF;
	RETURN QUERY SELECT u.account_id, u.subject, u.subject_id, u.what, u.due_at, u.detail
		FROM billing.upcoming u WHERE u.due_at < until OR u.due_at IS NULL ORDER BY u.due_at NULLS FIRST, u.account_id, u.subject, u.subject_id, u.what;
END
$fn$;
COMMENT ON FUNCTION billing.upcoming_until(timestamptz) IS 'what falls due before an instant, or with the next usage, if nothing is paid or renewed until then; in order';
