-- Who is overdue, suspended or released, and what that forbids.

CREATE FUNCTION billing._check_may(account_id bigint, call text, at timestamptz) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	s record;
BEGIN
	SELECT x.state, x.state_since, x.balance INTO s FROM billing.account_state x WHERE x.account_id = _check_may.account_id;
	IF NOT FOUND THEN
		PERFORM billing._unknown_account(account_id);
	ELSIF s.state = 'closed' THEN
		RAISE EXCEPTION '%: account % is closed', call, account_id USING
			ERRCODE = 'UB006',
			DETAIL = format('It was closed at %s.', s.state_since),
			HINT = 'Open another account with billing.open_account().';
	ELSIF s.state IN ('suspended', 'released') THEN
		RAISE EXCEPTION '%: account % is %', call, account_id, s.state USING
			ERRCODE = 'UB020',
			DETAIL = format('It can only be read since %s; its balance is %s.', s.state_since, s.balance),
			HINT = format('billing.top_up(%s, amount) makes it active again; SELECT * FROM billing.explain_account(%1$s); tells how much.', account_id);
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._check_may(bigint, text, timestamptz)
	IS 'raises UB020 where an account is suspended or released, UB006 where it is closed: only top-up, renewal, refund and reading go on then';

CREATE FUNCTION billing._check_lifecycle() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	IF NEW.rule IS NULL THEN
		RETURN NEW; -- NOT NULL says it
	END IF;
	PERFORM billing._check_policy(NEW.policy, NEW.rule);
	PERFORM billing._check_kinds(NEW.policy, NEW.rule);
	IF NOT EXISTS (SELECT FROM billing.lifecycle_steps(NEW.rule) s WHERE s.action = 'notice') THEN
		RAISE WARNING 'lifecycle policy "%" never warns', NEW.policy USING
			DETAIL = format('Nobody is told before something is done: %s.', NEW.rule),
			HINT = 'Add a step, such as "notice immediately".';
	END IF;
	IF NOT EXISTS (SELECT FROM billing.lifecycle_steps(NEW.rule) s WHERE s.action = 'release') THEN
		RAISE WARNING 'lifecycle policy "%" never releases', NEW.policy USING
			DETAIL = format('What is not paid is kept for ever: %s.', NEW.rule),
			HINT = 'Add a last step, such as "release after 60 days".';
	END IF;
	RETURN NEW;
END
$fn$;
COMMENT ON FUNCTION billing._check_lifecycle() IS 'trigger: checks the names in a policy, and warns where it never warns or never releases';

CREATE FUNCTION billing._check_kinds(policy text, rule billing.lifecycle_policy) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	unknown text;
BEGIN
	-- Kinds are the words that add_resource() was given: while there are no resources, any may be meant.
	SELECT s.argument INTO unknown FROM billing.lifecycle_steps(rule) s
	WHERE s.action IN ('restrict', 'suspend') AND s.argument IS NOT NULL AND EXISTS (SELECT FROM billing.resource)
		AND NOT EXISTS (SELECT FROM billing.resource r WHERE r.kind = s.argument)
	ORDER BY s.step LIMIT 1;
	IF FOUND THEN
		RAISE WARNING 'lifecycle policy "%" names the kind "%", and there is no resource of that kind', policy, unknown USING
			DETAIL = format('The kinds that there are: %s.', (SELECT string_agg(k.kind, ', ' ORDER BY k.kind)
				FROM (SELECT DISTINCT r.kind FROM billing.resource r ORDER BY r.kind LIMIT 20) k)),
			HINT = 'A step of an unknown kind does nothing; a resource has the kind that billing.add_resource() gave it.';
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._check_kinds(text, billing.lifecycle_policy) IS 'warns of a step for a kind that no resource has';

CREATE FUNCTION billing._check_policy(policy text, rule billing.lifecycle_policy) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	target text;
BEGIN
	SELECT s.argument INTO target FROM billing.lifecycle_steps(rule) s WHERE s.action = 'downgrade';
	IF FOUND AND NOT EXISTS (SELECT FROM billing.plan p WHERE p.plan = target) THEN
		RAISE EXCEPTION 'plan "%" does not exist', target USING
			ERRCODE = 'foreign_key_violation',
			DETAIL = format('Lifecycle policy "%s" downgrades to it.', policy),
			HINT = 'INSERT INTO billing.plan ... first.';
	END IF;
	PERFORM billing._check_package_policy(_check_policy.policy, rule, o.offer) FROM billing.package_offer o WHERE o.expiry_policy = _check_policy.policy;
END
$fn$;
COMMENT ON FUNCTION billing._check_policy(text, billing.lifecycle_policy) IS 'raises 23503 for a downgrade to a plan that the catalogue does not have, 23514 for more than notices where an offer of packages has the policy';

CREATE FUNCTION billing._lifecycle_is_used(lifecycle_id bigint, policy text) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	RETURN EXISTS (SELECT FROM billing.account_state s WHERE s.lifecycle_id = _lifecycle_is_used.lifecycle_id)
		OR EXISTS (SELECT FROM billing.account a WHERE a.policy = _lifecycle_is_used.policy)
		OR EXISTS (SELECT FROM billing.subscription_chain c WHERE c.lifecycle_id = _lifecycle_is_used.lifecycle_id)
		OR EXISTS (SELECT FROM billing.plan p WHERE _lifecycle_is_used.policy IN (p.expiry_policy, p.overdue_policy))
		OR EXISTS (SELECT FROM billing.package_chain c WHERE c.lifecycle_id = _lifecycle_is_used.lifecycle_id)
		OR EXISTS (SELECT FROM billing.package_offer o WHERE o.expiry_policy = _lifecycle_is_used.policy);
END
$fn$;
COMMENT ON FUNCTION billing._lifecycle_is_used(bigint, text) IS 'does a chain follow this version, or does an account, a plan or an offer name this policy?';

CREATE FUNCTION billing._guard_lifecycle() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	IF billing._lifecycle_is_used(OLD.lifecycle_id, OLD.policy) THEN
		RAISE EXCEPTION 'lifecycle policy "%" can not be %', OLD.policy, CASE TG_OP WHEN 'DELETE' THEN 'deleted' ELSE 'changed' END USING
			ERRCODE = 'UB007',
			DETAIL = 'Accounts, plans or offers have it, and customers rely on its delays.',
			HINT = 'Insert a new row of that policy with a later valid_from: chains of steps that begin from then on follow it.';
	END IF;
	RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$fn$;
COMMENT ON FUNCTION billing._guard_lifecycle() IS 'trigger: a policy that is used is immutable';

-- not pinned: meant to be inlined; names are bound when it is made
CREATE FUNCTION billing._effective(cause timestamptz, at timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN at <= cause + interval '15 minutes' THEN cause ELSE at END;
COMMENT ON FUNCTION billing._effective(timestamptz, timestamptz)
	IS 'from when something counts that was booked at an instant: from its cause, or from at where that is more than 15 minutes later, so that our delays shorten nobody''s time';

-- not pinned: meant to be inlined; names are bound when it is made
CREATE FUNCTION billing._is_overdue(balance numeric, credit_limit numeric, unbilled numeric, not_due numeric) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN balance < -credit_limit OR coalesce(balance + greatest(unbilled, 0) + not_due < 0, false);
COMMENT ON FUNCTION billing._is_overdue(numeric, numeric, numeric, numeric)
	IS 'is the debt beyond the credit limit, or, where invoices have come due, beyond what is not due yet?';

-- not pinned: meant to be inlined; names are bound when it is made
CREATE FUNCTION billing._turns(balance numeric, credit_limit numeric, unbilled numeric, not_due numeric, state text, overdue_since timestamptz,
	low_balance_at numeric, low_since timestamptz) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN state <> 'closed'
	AND (billing._is_overdue(balance, credit_limit, unbilled, not_due) <> (overdue_since IS NOT NULL)
		OR coalesce(balance < low_balance_at, false) <> (low_since IS NOT NULL));
COMMENT ON FUNCTION billing._turns(numeric, numeric, numeric, numeric, text, timestamptz, numeric, timestamptz)
	IS 'does what was just written of an account make it overdue, or clear it, or its balance low, or no longer so? Then _turn_accounts() goes on';

CREATE FUNCTION billing._lifecycle_at(policy text, at timestamptz) RETURNS bigint
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT l.lifecycle_id FROM billing.lifecycle l WHERE l.policy = _lifecycle_at.policy
	ORDER BY l.valid_from <= _lifecycle_at.at DESC, CASE WHEN l.valid_from <= _lifecycle_at.at THEN l.valid_from END DESC, l.valid_from LIMIT 1
$fn$;
COMMENT ON FUNCTION billing._lifecycle_at(text, timestamptz) IS 'version of a policy in force at an instant; before the first one, that one';

CREATE FUNCTION billing._overdue_state(rule billing.lifecycle_policy, step integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT CASE WHEN _overdue_state.step = 0 THEN 'overdue'
		ELSE (SELECT CASE WHEN bool_or(s.action = 'release') THEN 'released' WHEN bool_or(s.action = 'suspend' AND s.argument IS NULL) THEN 'suspended' ELSE 'overdue' END
			FROM billing.lifecycle_steps(_overdue_state.rule) s WHERE s.step <= _overdue_state.step) END
$fn$;
COMMENT ON FUNCTION billing._overdue_state(billing.lifecycle_policy, integer) IS 'state of an overdue account after so many steps';

CREATE FUNCTION billing._chain_number(account_id bigint, since timestamptz) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	n bigint := (SELECT count(*) FROM billing.lifecycle_step h
		WHERE h.account_id = _chain_number.account_id AND h.subject = 'account' AND h.step = 0 AND h.due_at = _chain_number.since);
BEGIN
	RETURN CASE WHEN n > 1 THEN ', chain ' || n ELSE '' END;
END
$fn$;
COMMENT ON FUNCTION billing._chain_number(bigint, timestamptz)
	IS 'part of the cause of a notice: the number of the chain of steps among those of an account that count from one instant; of the first nothing';

CREATE FUNCTION billing._begin_overdue(ids bigint[], eff timestamptz, at timestamptz) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'	-- instants among the facts and causes
SET datestyle = 'ISO'
AS $fn$
	-- What ended at this very instant goes on: of one instant only the sum counts, whatever came first.
	WITH turned AS MATERIALIZED (
		SELECT s.account_id, s.cleared_since, s.lifecycle_id, s.step, s.applied_at, a.policy, a.time_zone, coalesce(s.cleared_at = eff, false) AS again
		FROM billing.account_state s JOIN billing.account a USING (account_id)
		WHERE s.account_id = ANY (ids) AND s.overdue_since IS NULL AND s.state <> 'closed'
			AND billing._is_overdue(s.balance, s.credit_limit, s.unbilled, s.not_due)
	), version AS MATERIALIZED (
		SELECT p.policy, billing._lifecycle_at(p.policy, eff) AS lifecycle_id FROM (SELECT DISTINCT t.policy FROM turned t WHERE NOT t.again) p
	), chain AS MATERIALIZED (
		SELECT t.account_id, t.again, l.lifecycle_id, l.rule, CASE WHEN t.again THEN t.cleared_since ELSE eff END AS since,
			CASE WHEN t.again THEN t.step ELSE 0 END AS step, CASE WHEN t.again THEN t.applied_at END AS applied_at, t.time_zone
		FROM turned t
		LEFT JOIN version v USING (policy)
		JOIN billing.lifecycle l ON l.lifecycle_id = CASE WHEN t.again THEN t.lifecycle_id ELSE v.lifecycle_id END
	), begun AS (
		UPDATE billing.account_state s
		SET overdue_since = c.since, lifecycle_id = c.lifecycle_id, step = c.step, applied_at = c.applied_at, next_at = n.due_at, state = w.state,
			state_since = CASE WHEN c.again AND w.state <> 'overdue' THEN (SELECT max(h.at) FROM billing.lifecycle_step h
				WHERE h.account_id = c.account_id AND h.subject = 'account' AND h.argument IS NULL AND h.action || CASE h.action WHEN 'suspend' THEN 'ed' ELSE 'd' END = w.state)
				ELSE c.since END
		FROM chain c
		CROSS JOIN LATERAL (SELECT CASE WHEN c.step = 0 THEN 'overdue' ELSE billing._overdue_state(c.rule, c.step) END AS state) w
		LEFT JOIN LATERAL billing.lifecycle_next(c.rule, c.since, c.step, c.applied_at, c.time_zone) n ON true
		WHERE s.account_id = c.account_id
	), suspended AS (
		UPDATE billing.suspension p SET suspended_until = NULL
		FROM chain c
		WHERE c.again AND billing._overdue_state(c.rule, c.step) <> 'overdue' AND p.account_id = c.account_id
			AND p.suspended_from = (SELECT max(x.suspended_from) FROM billing.suspension x WHERE x.account_id = c.account_id
				AND x.suspended_until = greatest(x.suspended_from, eff))
	), held AS (
		UPDATE billing.resource r SET state = x.state, since = x.at, held_by = 'account'
		FROM (SELECT DISTINCT ON (r.account_id, r.resource) r.account_id, r.resource, h.at, CASE h.action WHEN 'suspend' THEN 'suspended' ELSE 'restricted' END AS state
			FROM chain c
			JOIN billing.resource r ON r.account_id = c.account_id AND r.state = 'active' AND r.since = eff
			JOIN billing.lifecycle_step h ON h.account_id = c.account_id AND h.subject = 'account' AND h.at >= c.since AND h.step <= c.step
				AND (h.action = 'restrict' OR h.action = 'suspend' AND h.argument IS NOT NULL) AND coalesce(h.argument, r.kind) = r.kind
			WHERE c.again
				-- a plan with a policy of its own looks after its resource itself
				AND NOT EXISTS (SELECT FROM billing.subscription u JOIN billing.subscription_chain k USING (account_id, subscription_id)
					WHERE u.account_id = r.account_id AND u.resource = r.resource AND k.cause = 'overdue' AND u.state NOT IN ('released', 'cancelled'))
			ORDER BY r.account_id, r.resource, h.action = 'suspend' DESC, h.step_id) x
		WHERE r.account_id = x.account_id AND r.resource = x.resource
	)
	INSERT INTO billing.lifecycle_step (account_id, subject, subject_id, step, action, due_at, at, applied_at, reason)
	SELECT c.account_id, 'account', c.account_id::text, 0, 'overdue', c.since, c.since, _begin_overdue.at,
		CASE WHEN c.again THEN 'goes on: it was cleared and is overdue at one instant' END
	FROM chain c ORDER BY c.account_id;
	-- who was told that it is over is told that it is not
	INSERT INTO billing.notice (account_id, kind, subject, subject_id, cause, facts, at)
	SELECT s.account_id, s.state, 'account', s.account_id::text, 'goes on since ' || s.overdue_since || billing._chain_number(s.account_id, s.overdue_since),
		jsonb_build_object('account_id', s.account_id, 'balance', s.balance, 'currency', a.currency, 'since', s.overdue_since, 'at', eff), eff
	FROM billing.account_state s JOIN billing.account a USING (account_id) JOIN billing.lifecycle l USING (lifecycle_id)
	WHERE s.account_id = ANY (ids) AND s.cleared_at = eff AND s.cleared_since = s.overdue_since AND s.step > 0
		AND (s.state <> 'overdue' OR billing.lifecycle_resume(l.rule) = 'auto')
	ON CONFLICT DO NOTHING
$fn$;
COMMENT ON FUNCTION billing._begin_overdue(bigint[], timestamptz, timestamptz) IS 'part of _turn_accounts(): chains of steps that begin';

CREATE FUNCTION billing._end_overdue(ids bigint[], eff timestamptz, at timestamptz) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'	-- instants among the facts and causes
SET datestyle = 'ISO'
AS $fn$
	WITH ended AS MATERIALIZED (
		SELECT s.account_id, s.overdue_since, s.state, s.balance, a.currency, billing.lifecycle_resume(l.rule) AS resume,
			CASE WHEN s.cleared_since = s.overdue_since THEN billing._chain_number(s.account_id, s.overdue_since) ELSE '' END AS chain_number
		FROM billing.account_state s JOIN billing.account a USING (account_id) JOIN billing.lifecycle l USING (lifecycle_id)
		WHERE s.account_id = ANY (ids) AND s.overdue_since IS NOT NULL AND s.state <> 'closed'
			AND NOT billing._is_overdue(s.balance, s.credit_limit, s.unbilled, s.not_due)
	), cleared AS (
		UPDATE billing.account_state s
		SET state = 'active', state_since = eff, overdue_since = NULL, next_at = NULL, cleared_at = eff, cleared_since = e.overdue_since
		FROM ended e WHERE s.account_id = e.account_id
	), freed AS (
		UPDATE billing.suspension p SET suspended_until = greatest(p.suspended_from, eff)
		FROM ended e WHERE p.account_id = e.account_id AND p.suspended_until IS NULL
		RETURNING p.account_id, p.suspended_from
	), off AS (
		-- That the account was suspended ends here; what it has stays off until it is enabled, and was off since then.
		UPDATE billing.resource r SET state = 'suspended', since = f.suspended_from, held_by = 'account'
		FROM freed f JOIN ended e USING (account_id)
		WHERE e.resume = 'manual' AND r.account_id = f.account_id AND r.state IN ('active', 'restricted')
	), told AS (
		INSERT INTO billing.notice (account_id, kind, subject, subject_id, cause, facts, at)
		SELECT e.account_id, 'resumed', 'account', e.account_id::text, 'overdue since ' || e.overdue_since || e.chain_number,
			jsonb_build_object('account_id', e.account_id, 'at', eff, 'balance', e.balance, 'currency', e.currency, 'resume', e.resume), eff
		FROM ended e WHERE e.state <> 'overdue' OR e.resume = 'auto'
		ON CONFLICT DO NOTHING
	)
	INSERT INTO billing.lifecycle_step (account_id, subject, subject_id, action, due_at, at, applied_at)
	SELECT e.account_id, 'account', e.account_id::text, 'resume', eff, eff, _end_overdue.at FROM ended e ORDER BY e.account_id;
	SELECT billing._let_go(s.account_id, ARRAY['account'], eff)
	FROM billing.account_state s JOIN billing.lifecycle l USING (lifecycle_id)
	WHERE s.account_id = ANY (ids) AND s.overdue_since IS NULL AND s.cleared_at = eff AND s.state <> 'closed' AND billing.lifecycle_resume(l.rule) = 'auto'
		AND EXISTS (SELECT FROM billing.resource r WHERE r.account_id = s.account_id AND r.held_by = 'account')
$fn$;
COMMENT ON FUNCTION billing._end_overdue(bigint[], timestamptz, timestamptz) IS 'part of _turn_accounts(): chains of steps that end because the debt is gone';

CREATE FUNCTION billing._turn_accounts(ids bigint[], cause timestamptz, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'	-- instants among the facts and causes
SET datestyle = 'ISO'
AS $fn$
DECLARE
	eff timestamptz := billing._effective(cause, at);
BEGIN
	PERFORM billing._end_overdue(ids, eff, at);
	PERFORM billing._begin_overdue(ids, eff, at);
	PERFORM billing._turn_subscriptions(ids, eff, at);
	WITH low AS (
		UPDATE billing.account_state s SET low_since = CASE WHEN s.balance < s.low_balance_at THEN eff END
		FROM billing.account a
		WHERE s.account_id = ANY (ids) AND a.account_id = s.account_id
			AND coalesce(s.balance < s.low_balance_at, false) <> (s.low_since IS NOT NULL)
		RETURNING s.account_id, s.balance, s.low_balance_at, s.low_since, a.currency
	)
	INSERT INTO billing.notice (account_id, kind, subject, subject_id, cause, facts, at)
	SELECT l.account_id, 'low_balance', 'account', l.account_id::text, 'below ' || l.low_balance_at || ' since ' || l.low_since,
		jsonb_build_object('account_id', l.account_id, 'balance', l.balance, 'currency', l.currency, 'threshold', l.low_balance_at), eff
	FROM low l WHERE l.low_since IS NOT NULL
	ON CONFLICT DO NOTHING;
END
$fn$;
COMMENT ON FUNCTION billing._turn_accounts(bigint[], timestamptz, timestamptz)
	IS 'after _turns(), in the same transaction: begins and ends the chains of steps of these accounts; cause is the instant that counts, at when it is booked';
