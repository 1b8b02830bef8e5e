-- Subscriptions as subjects of the timers.  Each has a chain of steps for the end of what is paid (plan.expiry_policy), and
-- one for an overdue account where its plan has a policy of its own (plan.overdue_policy).  Both keep the version that the
-- subscription began with.  Its state is the worst that either says.  A step locks the account first, as every call does.

CREATE FUNCTION billing._check_plan_policies() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY array_remove(ARRAY[NEW.expiry_policy, NEW.overdue_policy], NULL) LOOP
		-- locked: a DELETE in flight is waited for, and a later one sees the plan
		PERFORM 1 FROM billing.lifecycle l WHERE l.policy = name FOR KEY SHARE;
		IF NOT FOUND THEN
			RAISE EXCEPTION 'lifecycle policy "%" does not exist', name USING
				ERRCODE = 'foreign_key_violation',
				DETAIL = format('Plan "%s" names it.', NEW.plan),
				HINT = 'SELECT DISTINCT policy FROM billing.lifecycle; or insert it there first.';
		END IF;
	END LOOP;
	RETURN NEW;
END
$fn$;
COMMENT ON FUNCTION billing._check_plan_policies() IS 'trigger: raises 23503 for a plan whose expiry_policy or overdue_policy does not exist';

CREATE FUNCTION billing._adopt_policies(account_id bigint, subscription_id bigint, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
#variable_conflict use_column
DECLARE
	w record;
	old record;
BEGIN
	FOR w IN SELECT v.cause, v.policy
		FROM billing.subscription s JOIN billing.plan p USING (plan)
		CROSS JOIN LATERAL (VALUES ('expiry', CASE WHEN p.renewable THEN p.expiry_policy END), ('overdue', p.overdue_policy)) v(cause, policy)
		WHERE s.account_id = _adopt_policies.account_id AND s.subscription_id = _adopt_policies.subscription_id
	LOOP
		SELECT l.policy, c.step, c.since INTO old FROM billing.subscription_chain c JOIN billing.lifecycle l USING (lifecycle_id)
		WHERE c.account_id = _adopt_policies.account_id AND c.subscription_id = _adopt_policies.subscription_id AND c.cause = w.cause;
		CONTINUE WHEN old.policy IS NOT DISTINCT FROM w.policy;
		DELETE FROM billing.subscription_chain c
		WHERE c.account_id = _adopt_policies.account_id AND c.subscription_id = _adopt_policies.subscription_id AND c.cause = w.cause;
		IF old.step > 0 OR old.since IS NOT NULL THEN
			INSERT INTO billing.lifecycle_step (account_id, subject, subject_id, action, due_at, at, applied_at, reason, cause)
			VALUES (_adopt_policies.account_id, 'subscription', _adopt_policies.subscription_id::text, 'resume', _adopt_policies.at, _adopt_policies.at,
				_adopt_policies.at, format('its new plan has another policy: %s', coalesce(w.policy, 'none')), w.cause);
		END IF;
		INSERT INTO billing.subscription_chain (account_id, subscription_id, cause, lifecycle_id)
		SELECT _adopt_policies.account_id, _adopt_policies.subscription_id, w.cause, billing._lifecycle_at(w.policy, _adopt_policies.at)
		WHERE w.policy IS NOT NULL;
	END LOOP;
	PERFORM billing._turn_subscriptions(ARRAY[_adopt_policies.account_id], _adopt_policies.at, _adopt_policies.at),
		billing._refresh_subscription(_adopt_policies.account_id, _adopt_policies.subscription_id, 'manual', _adopt_policies.at);
END
$fn$;
COMMENT ON FUNCTION billing._adopt_policies(bigint, bigint, timestamptz)
	IS 'gives a subscription the chains of its plan''s policies; a policy that it has already stays in the version that it has';

CREATE FUNCTION billing._next_chain_step(account_id bigint, subscription_id bigint, cause text) RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	-- What counts from the end waits while a renewal is to come: it may be placed after its instant.
	RETURN (SELECT n.due_at
	FROM billing.subscription_chain c
	JOIN billing.subscription s USING (account_id, subscription_id)
	JOIN billing.account a USING (account_id)
	JOIN billing.account_state t USING (account_id)
	JOIN billing.lifecycle l ON l.lifecycle_id = c.lifecycle_id
	CROSS JOIN LATERAL billing.lifecycle_next(l.rule, coalesce(c.since, nullif(s.paid_until, 'infinity')), c.step, c.applied_at, a.time_zone) n
	WHERE c.account_id = _next_chain_step.account_id AND c.subscription_id = _next_chain_step.subscription_id AND c.cause = _next_chain_step.cause
		AND t.state <> 'closed' AND s.state NOT IN ('provisioning', 'released', 'cancelled')
		AND (c.since IS NOT NULL OR c.cause = 'expiry' AND s.paid_until < 'infinity' AND s.ended_at = 'infinity'
			AND (s.renew_at IS NULL OR n.due_at < s.paid_until)));
END
$fn$;
COMMENT ON FUNCTION billing._next_chain_step(bigint, bigint, text) IS 'when the next step of a subscription''s chain is due; NULL: none is to come as things stand';

CREATE FUNCTION billing._set_next_steps(holders bigint[], ids bigint[]) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off
SET plan_cache_mode = force_generic_plan	-- to plan takes longer than to do it
SET enable_seqscan = off
AS $fn$
BEGIN
	UPDATE billing.subscription_chain c SET next_at = n.due_at
	FROM unnest(holders, ids) u(account_id, subscription_id), billing.subscription_chain o
	CROSS JOIN LATERAL (SELECT billing._next_chain_step(o.account_id, o.subscription_id, o.cause) AS due_at) n
	WHERE c.account_id = u.account_id AND c.subscription_id = u.subscription_id
		AND o.account_id = c.account_id AND o.subscription_id = c.subscription_id AND o.cause = c.cause AND c.next_at IS DISTINCT FROM n.due_at;
END
$fn$;
COMMENT ON FUNCTION billing._set_next_steps(bigint[], bigint[]) IS 'after what moves the end of these subscriptions, or where their chains stand, in the same transaction: sets next_at';

CREATE FUNCTION billing._subscription_state(account_id bigint, subscription_id bigint) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	RETURN (SELECT CASE WHEN bool_or(t.action = 'release') THEN 'released' WHEN bool_or(t.action = 'suspend') THEN 'suspended'
		WHEN bool_or(c.cause = 'expiry') THEN 'grace' ELSE 'active' END
	FROM billing.subscription_chain c
	JOIN billing.lifecycle l USING (lifecycle_id)
	LEFT JOIN LATERAL billing.lifecycle_steps(l.rule) t ON t.step <= c.step
	WHERE c.account_id = _subscription_state.account_id AND c.subscription_id = _subscription_state.subscription_id AND c.since IS NOT NULL);
END
$fn$;
COMMENT ON FUNCTION billing._subscription_state(bigint, bigint) IS 'state of a subscription that has started and was not cancelled, from where its chains stand';

CREATE FUNCTION billing._pause_subscription(account_id bigint, subscription_id bigint, pause boolean, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	IF NOT pause THEN
		UPDATE billing.subscription_pause p SET paused_until = greatest(p.paused_from, _pause_subscription.at)
		WHERE p.account_id = _pause_subscription.account_id AND p.subscription_id = _pause_subscription.subscription_id AND p.paused_until IS NULL;
		RETURN;
	END IF;
	-- what ended at this very instant goes on, as an account's suspension does
	UPDATE billing.subscription_pause p SET paused_until = NULL
	WHERE p.account_id = _pause_subscription.account_id AND p.subscription_id = _pause_subscription.subscription_id
		AND p.paused_from = (SELECT max(x.paused_from) FROM billing.subscription_pause x WHERE x.account_id = _pause_subscription.account_id
			AND x.subscription_id = _pause_subscription.subscription_id AND x.paused_until = greatest(x.paused_from, _pause_subscription.at));
	IF NOT FOUND THEN
		INSERT INTO billing.subscription_pause (account_id, subscription_id, paused_from)
		VALUES (_pause_subscription.account_id, _pause_subscription.subscription_id, _pause_subscription.at)
		ON CONFLICT ON CONSTRAINT subscription_pause_pkey DO UPDATE SET paused_until = NULL;
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._pause_subscription(bigint, bigint, boolean, timestamptz) IS 'notes that a subscription is suspended from an instant on, or not any more';

CREATE FUNCTION billing._refresh_subscription(account_id bigint, subscription_id bigint, resume text, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
#variable_conflict use_column
DECLARE
	s billing.subscription;
	now_is text;
BEGIN
	SELECT * INTO STRICT s FROM billing.subscription w
	WHERE w.account_id = _refresh_subscription.account_id AND w.subscription_id = _refresh_subscription.subscription_id;
	IF s.state IN ('provisioning', 'released', 'cancelled') THEN
		RETURN;
	END IF;
	now_is := billing._subscription_state(s.account_id, s.subscription_id);
	-- its end came while it was suspended for the account's debt
	IF s.state = 'suspended' AND now_is = 'active' AND s.paid_until <= _refresh_subscription.at AND s.ended_at = 'infinity' THEN
		WITH begun AS (
			UPDATE billing.subscription_chain c SET since = _refresh_subscription.at
			WHERE c.account_id = s.account_id AND c.subscription_id = s.subscription_id AND c.cause = 'expiry'
			RETURNING 1
		)
		INSERT INTO billing.lifecycle_step (account_id, subject, subject_id, step, action, due_at, at, applied_at, cause)
		SELECT s.account_id, 'subscription', s.subscription_id::text, 0, 'end', s.paid_until, _refresh_subscription.at, _refresh_subscription.at, 'expiry' FROM begun;
		now_is := billing._subscription_state(s.account_id, s.subscription_id);
	END IF;
	UPDATE billing.subscription w SET state = now_is, since = _refresh_subscription.at
	WHERE w.account_id = s.account_id AND w.subscription_id = s.subscription_id AND w.state <> now_is;
	IF (now_is = 'suspended') <> (s.state = 'suspended') THEN
		PERFORM billing._pause_subscription(s.account_id, s.subscription_id, now_is = 'suspended', _refresh_subscription.at);
	END IF;
	IF now_is IN ('active', 'grace') AND s.auto_renew AND s.renew_at IS NULL AND s.renewal_failed_at IS NULL THEN
		PERFORM billing._set_renew_at(s.account_id, s.subscription_id, _refresh_subscription.at);
	END IF;
	PERFORM billing._set_next_steps(ARRAY[s.account_id], ARRAY[s.subscription_id]);
	IF resume = 'auto' THEN
		PERFORM billing._let_go(s.account_id, ARRAY['subscription ' || s.subscription_id], _refresh_subscription.at);
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._refresh_subscription(bigint, bigint, text, timestamptz)
	IS 'after a chain has begun or ended: state, next steps, and with resume auto the resources that it held; the account is locked by the caller';

CREATE FUNCTION billing._end_expiry(account_id bigint, subscription_id bigint, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
#variable_conflict use_column
DECLARE
	c record;
BEGIN
	SELECT x.step, x.since, billing.lifecycle_resume(l.rule) AS resume INTO c
	FROM billing.subscription_chain x JOIN billing.lifecycle l USING (lifecycle_id)
	WHERE x.account_id = _end_expiry.account_id AND x.subscription_id = _end_expiry.subscription_id AND x.cause = 'expiry';
	IF c.since IS NOT NULL OR c.step > 0 THEN
		UPDATE billing.subscription_chain x SET since = NULL, step = 0, applied_at = NULL
		WHERE x.account_id = _end_expiry.account_id AND x.subscription_id = _end_expiry.subscription_id AND x.cause = 'expiry';
		INSERT INTO billing.lifecycle_step (account_id, subject, subject_id, action, due_at, at, applied_at, reason, cause)
		VALUES (_end_expiry.account_id, 'subscription', _end_expiry.subscription_id::text, 'resume', _end_expiry.at, _end_expiry.at, _end_expiry.at,
			'it was renewed', 'expiry');
	END IF;
	IF c.since IS NULL AND (SELECT s.state FROM billing.subscription s
		WHERE s.account_id = _end_expiry.account_id AND s.subscription_id = _end_expiry.subscription_id) = 'active'
	THEN
		-- renewed in time, as most are: no state changes, and nothing was held
		PERFORM billing._set_next_steps(ARRAY[_end_expiry.account_id], ARRAY[_end_expiry.subscription_id]);
	ELSE
		PERFORM billing._refresh_subscription(_end_expiry.account_id, _end_expiry.subscription_id, coalesce(c.resume, 'manual'), _end_expiry.at);
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._end_expiry(bigint, bigint, timestamptz) IS 'a renewal has brought the end beyond now: its chain of steps starts anew';

CREATE FUNCTION billing._turn_subscriptions(ids bigint[], eff timestamptz, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
#variable_conflict use_column
DECLARE
	c record;
	again boolean;
BEGIN
	IF NOT EXISTS (SELECT FROM billing.plan p WHERE p.overdue_policy IS NOT NULL) THEN
		RETURN;
	END IF;
	FOR c IN SELECT x.account_id, x.subscription_id, x.step, s.resource, a.overdue_since, billing.lifecycle_resume(l.rule) AS resume
		FROM billing.subscription_chain x
		JOIN billing.subscription s USING (account_id, subscription_id)
		JOIN billing.account_state a USING (account_id)
		JOIN billing.lifecycle l ON l.lifecycle_id = x.lifecycle_id
		WHERE x.account_id = ANY (ids) AND x.cause = 'overdue' AND s.state NOT IN ('provisioning', 'released', 'cancelled') AND a.state <> 'closed'
			AND (x.since IS NULL) = (a.overdue_since IS NOT NULL)
		ORDER BY x.account_id, x.subscription_id
	LOOP
		-- as the account's: cleared and overdue at one instant, it goes on where it was
		again := c.step > 0 AND c.overdue_since < eff;
		UPDATE billing.subscription_chain x
		SET since = c.overdue_since, step = CASE WHEN c.overdue_since IS NULL OR again THEN x.step ELSE 0 END,
			applied_at = CASE WHEN c.overdue_since IS NULL OR again THEN x.applied_at END
		WHERE x.account_id = c.account_id AND x.subscription_id = c.subscription_id AND x.cause = 'overdue';
		INSERT INTO billing.lifecycle_step (account_id, subject, subject_id, step, action, due_at, at, applied_at, reason, cause)
		VALUES (c.account_id, 'subscription', c.subscription_id::text, CASE WHEN c.overdue_since IS NOT NULL THEN 0 END,
			CASE WHEN c.overdue_since IS NULL THEN 'resume' ELSE 'overdue' END, coalesce(c.overdue_since, eff), coalesce(c.overdue_since, eff), _turn_subscriptions.at,
			CASE WHEN again THEN 'goes on: it was cleared and is overdue at one instant' END, 'overdue');
		PERFORM billing._refresh_subscription(c.account_id, c.subscription_id, c.resume, eff);
		IF again THEN
			-- resources that came back by themselves at this instant do not
			UPDATE billing.resource r SET state = x.state, since = x.at, held_by = 'subscription ' || c.subscription_id
			FROM (SELECT DISTINCT ON (w.resource) w.resource, h.at, CASE h.action WHEN 'suspend' THEN 'suspended' ELSE 'restricted' END AS state
				FROM billing.lifecycle_step h
				JOIN billing.resource w ON w.account_id = h.account_id AND w.state = 'active' AND w.since = eff
					AND (w.resource = c.resource AND coalesce(h.argument, w.kind) = w.kind OR c.resource IS NULL AND w.kind = h.argument)
				WHERE h.account_id = c.account_id AND h.subject = 'subscription' AND h.subject_id = c.subscription_id::text AND h.cause = 'overdue'
					AND h.action IN ('restrict', 'suspend') AND h.step <= c.step AND h.at >= c.overdue_since
				ORDER BY w.resource, h.action = 'suspend' DESC, h.step_id) x
			WHERE r.account_id = c.account_id AND r.resource = x.resource;
		END IF;
	END LOOP;
END
$fn$;
COMMENT ON FUNCTION billing._turn_subscriptions(bigint[], timestamptz, timestamptz)
	IS 'part of _turn_accounts(): begins and ends the chains of subscriptions whose plan has an overdue policy of its own';

CREATE FUNCTION billing._suspend_subscriptions(ids bigint[], at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
#variable_conflict use_column
DECLARE
	c record;
BEGIN
	FOR c IN SELECT x.account_id, x.subscription_id, s.resource, a.state_since, t.step, t.argument,
			(SELECT max(h.due_at) FROM billing.lifecycle_step h WHERE h.account_id = x.account_id AND h.subject = 'account' AND h.action = 'suspend') AS due_at
		FROM billing.subscription_chain x
		JOIN billing.subscription s USING (account_id, subscription_id)
		JOIN billing.account_state a USING (account_id)
		JOIN billing.lifecycle l ON l.lifecycle_id = x.lifecycle_id
		CROSS JOIN LATERAL (SELECT w.step, w.argument FROM billing.lifecycle_steps(l.rule) w WHERE w.action = 'suspend' ORDER BY w.step LIMIT 1) t
		WHERE x.account_id = ANY (ids) AND x.cause = 'overdue' AND x.since IS NOT NULL AND x.step < t.step
			AND s.state NOT IN ('released', 'cancelled')
	LOOP
		UPDATE billing.subscription_chain x SET step = c.step, applied_at = c.state_since
		WHERE x.account_id = c.account_id AND x.subscription_id = c.subscription_id AND x.cause = 'overdue';
		UPDATE billing.resource r SET state = 'suspended', since = c.state_since, held_by = 'subscription ' || c.subscription_id
		WHERE r.account_id = c.account_id AND r.state IN ('active', 'restricted')
			AND (r.resource = c.resource AND coalesce(c.argument, r.kind) = r.kind OR c.resource IS NULL AND r.kind = c.argument);
		INSERT INTO billing.lifecycle_step (account_id, subject, subject_id, step, action, argument, due_at, at, applied_at, reason, cause)
		VALUES (c.account_id, 'subscription', c.subscription_id::text, c.step, 'suspend', c.argument, c.due_at, c.state_since, _suspend_subscriptions.at,
			'with the account', 'overdue');
		PERFORM billing._refresh_subscription(c.account_id, c.subscription_id, 'manual', c.state_since);
	END LOOP;
END
$fn$;
COMMENT ON FUNCTION billing._suspend_subscriptions(bigint[], timestamptz)
	IS 'accounts that were suspended before a subscription''s own policy says so: its further steps count from then';

CREATE FUNCTION billing._release_subscriptions(ids bigint[], due timestamptz[], eff timestamptz[], at timestamptz) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
	-- a plan with an overdue policy of its own has its own release
	WITH gone AS (
		UPDATE billing.subscription s
		SET state = 'released', since = u.eff, ended_at = least(s.ended_at, u.eff), auto_renew = false, renew_at = NULL, renewal_failed_at = NULL, next_plan = NULL
		FROM unnest(ids, due, eff) u(account_id, due_at, eff)
		WHERE s.account_id = u.account_id AND s.state NOT IN ('released', 'cancelled') AND NOT EXISTS (SELECT FROM billing.subscription_chain c
			WHERE c.account_id = s.account_id AND c.subscription_id = s.subscription_id AND c.cause = 'overdue' AND c.since IS NOT NULL)
		RETURNING s.account_id, s.subscription_id, u.due_at, u.eff
	), closed AS (
		UPDATE billing.allowance w SET valid_until = greatest(w.valid_from, g.eff)
		FROM gone g WHERE w.account_id = g.account_id AND w.subscription_id = g.subscription_id AND w.valid_until > g.eff
	), stopped AS (
		UPDATE billing.subscription_chain c SET next_at = NULL FROM gone g WHERE c.account_id = g.account_id AND c.subscription_id = g.subscription_id
	)
	INSERT INTO billing.lifecycle_step (account_id, subject, subject_id, action, due_at, at, applied_at, reason)
	SELECT g.account_id, 'subscription', g.subscription_id::text, 'release', g.due_at, g.eff, _release_subscriptions.at, 'with the account' FROM gone g
	ORDER BY g.account_id, g.subscription_id
$fn$;
COMMENT ON FUNCTION billing._release_subscriptions(bigint[], timestamptz[], timestamptz[], timestamptz)
	IS 'subscriptions of accounts that are released end with them, with their allowances';

CREATE FUNCTION billing._hold_subscriptions(holders bigint[], ids bigint[], causes text[], at timestamptz) RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
	WITH found AS MATERIALIZED (
		SELECT c.account_id, c.subscription_id, c.cause, c.step, c.next_at, h.until, o.reason
		FROM unnest(holders, ids, causes) k(account_id, subscription_id, cause)
		JOIN billing.subscription_chain c USING (account_id, subscription_id, cause)
		JOIN billing.subscription s USING (account_id, subscription_id)
		JOIN billing.account a USING (account_id)
		JOIN billing.lifecycle l USING (lifecycle_id)
		JOIN billing.lifecycle_override o ON o.account_id = c.account_id AND o.subject = 'subscription' AND o.subject_id = c.subscription_id::text
		CROSS JOIN LATERAL billing._held_until(l.rule, coalesce(c.since, s.paid_until), c.step, c.applied_at, a.time_zone, o.until) h(until)
		WHERE h.until > c.next_at AND o.at <= _hold_subscriptions.at
	), last AS (
		SELECT DISTINCT ON (f.account_id, f.subscription_id, f.cause) f.* FROM found f ORDER BY f.account_id, f.subscription_id, f.cause, f.until DESC
	), moved AS (
		UPDATE billing.subscription_chain c SET next_at = l.until FROM last l
		WHERE c.account_id = l.account_id AND c.subscription_id = l.subscription_id AND c.cause = l.cause
	), noted AS (
		INSERT INTO billing.lifecycle_step (account_id, subject, subject_id, step, action, due_at, at, applied_at, reason, cause)
		SELECT l.account_id, 'subscription', l.subscription_id::text, l.step + 1, 'hold', l.next_at, billing._effective(l.next_at, _hold_subscriptions.at),
			_hold_subscriptions.at, format('until %s: %s', l.until, l.reason), l.cause
		FROM last l
		RETURNING 1
	)
	SELECT count(*) FROM noted
$fn$;
COMMENT ON FUNCTION billing._hold_subscriptions(bigint[], bigint[], text[], timestamptz)
	IS 'of chains that are locked and have a step due, moves that of subscriptions with an override to its end; returns how many';

CREATE FUNCTION billing._begin_late(holders bigint[], ids bigint[], at timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'	-- instants among the facts and causes
SET datestyle = 'ISO'
AS $fn$
-- The end of what is paid waits for its cycle to be settled, which another account or a writer may hold up.  Its steps count from
-- it where that was not for long; else from now, as where _end_subscriptions() is late: our delays shorten nobody's grace.
DECLARE
	begun_of bigint[];
	begun bigint[];
BEGIN
	WITH late AS (
		SELECT c.account_id, c.subscription_id, s.state, s.plan, s.paid_until
		FROM (SELECT DISTINCT u.account_id, u.subscription_id FROM unnest(holders, ids) u(account_id, subscription_id)) k
		JOIN billing.subscription_chain c USING (account_id, subscription_id)
		JOIN billing.subscription s USING (account_id, subscription_id)
		JOIN billing.lifecycle l USING (lifecycle_id)
		CROSS JOIN billing.installation i
		WHERE c.cause = 'expiry' AND c.since IS NULL AND c.next_at >= s.paid_until AND billing.lifecycle_catch_up(l.rule) <> 'jump'
			AND _begin_late.at > billing.cycle_start(billing.cycle_of(s.paid_until) + 1) + i.settle_delay + interval '15 minutes'
	), begun AS (
		UPDATE billing.subscription_chain c SET since = _begin_late.at FROM late e
		WHERE c.account_id = e.account_id AND c.subscription_id = e.subscription_id AND c.cause = 'expiry'
	), ended AS (
		UPDATE billing.subscription s SET state = 'grace', since = s.paid_until FROM late e
		WHERE s.account_id = e.account_id AND s.subscription_id = e.subscription_id AND e.state = 'active'
	), noted AS (
		INSERT INTO billing.lifecycle_step (account_id, subject, subject_id, step, action, due_at, at, applied_at, cause)
		SELECT e.account_id, 'subscription', e.subscription_id::text, 0, 'end', e.paid_until, _begin_late.at, _begin_late.at, 'expiry' FROM late e
	), told AS (
		INSERT INTO billing.notice (account_id, kind, subject, subject_id, cause, facts, at)
		SELECT e.account_id, 'subscription_ended', 'subscription', e.subscription_id::text, 'end ' || e.paid_until,
			jsonb_build_object('account_id', e.account_id, 'subscription_id', e.subscription_id, 'plan', e.plan, 'term_end', e.paid_until, 'state', 'grace'), e.paid_until
		FROM late e WHERE e.state = 'active'
		ON CONFLICT DO NOTHING
	)
	SELECT array_agg(e.account_id), array_agg(e.subscription_id) INTO begun_of, begun FROM late e;
	PERFORM billing._set_next_steps(begun_of, begun);
	RETURN coalesce(cardinality(begun), 0);
END
$fn$;
COMMENT ON FUNCTION billing._begin_late(bigint[], bigint[], timestamptz)
	IS 'of subscriptions that are locked, begins the grace of those whose end was noticed late; returns how many';

CREATE FUNCTION billing._subscription_notice(action text, argument text, direction text, ends boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT CASE action WHEN 'release' THEN 'subscription_released' WHEN 'suspend' THEN 'subscription_suspended' WHEN 'restrict' THEN 'subscription_restricted'
		WHEN 'downgrade' THEN CASE WHEN ends THEN 'subscription_ended' END
		ELSE CASE direction WHEN 'before release' THEN 'subscription_before_release' WHEN 'before' THEN 'plan_expires' ELSE 'subscription_notice' END END
$fn$;
COMMENT ON FUNCTION billing._subscription_notice(text, text, text, boolean) IS 'kind of the notice that a step of a subscription writes; NULL: none';

CREATE FUNCTION billing._step_subscriptions(at timestamptz, through timestamptz, max_rows integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'	-- instants among the facts and causes
SET datestyle = 'ISO'
SET enable_hashjoin = off	-- as _step_accounts()
SET enable_mergejoin = off
SET jit = off
AS $fn$
DECLARE
	done bigint;
	holders bigint[];
	ids bigint[];
	causes text[];
	some_late boolean;
BEGIN
	-- lock first, read after, as _step_accounts() does
	SELECT array_agg(k.account_id), array_agg(k.subscription_id), array_agg(k.cause), bool_or(k.is_late) INTO holders, ids, causes, some_late FROM (
		SELECT c.account_id, c.subscription_id, c.cause,
			c.since IS NULL AND c.next_at >= s.paid_until AND s.paid_until < _step_subscriptions.at - interval '15 minutes' AS is_late
		FROM billing.subscription_chain c
		JOIN billing.subscription s USING (account_id, subscription_id)
		JOIN billing.account_state a USING (account_id)
		WHERE c.next_at < _step_subscriptions.at AND c.next_at <= through
			AND NOT EXISTS (SELECT FROM billing.lifecycle_quarantine q WHERE q.account_id = c.account_id AND q.subject = 'subscription'
				AND q.subject_id = c.subscription_id::text AND q.tried_at > _step_subscriptions.at - interval '1 hour')
		ORDER BY c.next_at, c.account_id, c.subscription_id, c.cause LIMIT max_rows
		FOR NO KEY UPDATE OF a, s, c SKIP LOCKED) k;
	IF ids IS NULL THEN
		RETURN 0;
	END IF;
	IF EXISTS (SELECT FROM billing.lifecycle_override o WHERE o.subject = 'subscription') THEN
		done := billing._hold_subscriptions(holders, ids, causes, at);
		IF done > 0 THEN
			RETURN done;
		END IF;
	END IF;
	IF some_late THEN
		done := billing._begin_late(holders, ids, at);
		IF done > 0 THEN
			RETURN done;
		END IF;
	END IF;
	WITH due AS MATERIALIZED (
		SELECT c.account_id, c.subscription_id, c.cause, c.lifecycle_id, c.since AS begun, c.step + 1 AS step, c.applied_at, c.next_at,
			s.state AS was, s.plan, s.resource, s.paid_until
		FROM unnest(holders, ids, causes) k(account_id, subscription_id, cause)
		JOIN billing.subscription_chain c USING (account_id, subscription_id, cause)
		JOIN billing.subscription s USING (account_id, subscription_id)
	), first AS (
		-- one step of a subscription at a time
		SELECT DISTINCT ON (d.account_id, d.subscription_id) d.* FROM due d ORDER BY d.account_id, d.subscription_id, d.next_at, d.cause
	), rule AS MATERIALIZED (
		SELECT r.* FROM billing._step_rules(ARRAY(SELECT DISTINCT d.lifecycle_id FROM due d)) r
	), taken AS MATERIALIZED (
		SELECT d.*, d.next_at AS due_at, r.rule, r.steps, r.action, r.argument, r.direction, a.time_zone, e.at AS effective, b.begins, b.since,
			CASE WHEN r.direction IN ('after', 'immediately') THEN e.at ELSE d.applied_at END AS now_applied_at, g.target, n.state,
			'subscription ' || d.subscription_id AS holder, billing._subscription_notice(r.action, r.argument, r.direction, g.target IS NOT NULL) AS kind
		FROM first d
		JOIN billing.account a USING (account_id)
		JOIN rule r ON r.lifecycle_id = d.lifecycle_id AND r.step = d.step
		CROSS JOIN LATERAL (SELECT CASE r.catch_up WHEN 'jump' THEN d.next_at ELSE billing._effective(d.next_at, _step_subscriptions.at) END AS at) e
		-- the end itself may wait for its cycle to be settled; the first step after it does not
		CROSS JOIN LATERAL (SELECT d.begun IS NULL AND d.next_at >= d.paid_until AS begins,
			CASE WHEN d.begun IS NULL AND d.next_at >= d.paid_until THEN d.paid_until ELSE d.begun END AS since) b
		LEFT JOIN LATERAL (SELECT min(x.subscription_id) AS target FROM billing.subscription x
			WHERE r.action = 'downgrade' AND x.account_id = d.account_id AND x.plan = r.argument AND x.subscription_id <> d.subscription_id
				AND x.state = 'active' AND x.paid_until > e.at) g ON true
		CROSS JOIN LATERAL (SELECT CASE WHEN r.action = 'release' THEN 'released' WHEN g.target IS NOT NULL THEN 'cancelled' WHEN r.action = 'suspend' THEN 'suspended'
			WHEN b.begins AND d.was = 'active' THEN 'grace' ELSE d.was END AS state) n
	), moved AS (
		UPDATE billing.subscription_chain c SET step = t.step, since = t.since, applied_at = t.now_applied_at
		FROM taken t WHERE c.account_id = t.account_id AND c.subscription_id = t.subscription_id AND c.cause = t.cause
	), changed AS (
		UPDATE billing.subscription s
		SET state = t.state, since = CASE WHEN t.state = t.was THEN s.since ELSE t.effective END,
			ended_at = CASE WHEN t.state IN ('released', 'cancelled') THEN least(s.ended_at, t.effective) ELSE s.ended_at END,
			auto_renew = s.auto_renew AND t.state NOT IN ('released', 'cancelled'),
			renew_at = CASE WHEN t.state NOT IN ('released', 'cancelled') THEN s.renew_at END,
			renewal_failed_at = CASE WHEN t.state NOT IN ('released', 'cancelled') THEN s.renewal_failed_at END,
			next_plan = CASE WHEN t.state NOT IN ('released', 'cancelled') THEN s.next_plan END
		FROM taken t WHERE s.account_id = t.account_id AND s.subscription_id = t.subscription_id AND t.state <> t.was
	), paused AS (
		INSERT INTO billing.subscription_pause (account_id, subscription_id, paused_from)
		SELECT t.account_id, t.subscription_id, t.effective FROM taken t WHERE t.state = 'suspended' AND t.was <> 'suspended'
		ON CONFLICT ON CONSTRAINT subscription_pause_pkey DO UPDATE SET paused_until = NULL
	), closed AS (
		UPDATE billing.allowance w SET valid_until = greatest(w.valid_from, t.effective)
		FROM taken t WHERE t.state IN ('released', 'cancelled') AND w.account_id = t.account_id AND w.subscription_id = t.subscription_id
			AND w.valid_until > t.effective
	), touched AS (
		UPDATE billing.resource r
		SET state = CASE t.action WHEN 'release' THEN 'released' WHEN 'suspend' THEN 'suspended' ELSE 'restricted' END, since = t.effective,
			held_by = CASE t.action WHEN 'release' THEN NULL ELSE t.holder END
		FROM taken t
		WHERE r.account_id = t.account_id
			AND (t.action = 'release' AND r.state <> 'released' AND (r.resource = t.resource OR r.held_by = t.holder
					-- what its steps have taken, whoever took it after them
					OR t.resource IS NULL AND r.state IN ('restricted', 'suspended') AND EXISTS (SELECT FROM billing.lifecycle_steps(t.rule) p
						WHERE p.step < t.step AND p.action IN ('restrict', 'suspend') AND p.argument = r.kind))
				OR (t.action = 'restrict' AND r.state = 'active' OR t.action = 'suspend' AND r.state IN ('active', 'restricted'))
					AND (r.resource = t.resource AND coalesce(t.argument, r.kind) = r.kind OR t.resource IS NULL AND t.argument = r.kind))
		RETURNING r.account_id, r.resource, t.step, t.action, t.argument, t.due_at, t.effective, t.holder
	), noted AS (
		INSERT INTO billing.lifecycle_step (account_id, subject, subject_id, step, action, argument, due_at, at, applied_at, reason, cause)
		SELECT t.account_id, 'subscription', t.subscription_id::text, x.step, x.action, x.argument, x.due_at, x.at, _step_subscriptions.at, x.reason, t.cause
		FROM taken t
		CROSS JOIN LATERAL (
			SELECT 0 AS step, 'end' AS action, NULL AS argument, t.paid_until AS due_at, t.paid_until AS at, NULL AS reason WHERE t.begins
			UNION ALL SELECT t.step, t.action, t.argument, t.due_at, t.effective, CASE WHEN t.target IS NOT NULL
					THEN format('cancelled: subscription %s to plan "%s" goes on', t.target, t.argument)
				WHEN t.action = 'downgrade' THEN format('skipped: the account has no active subscription to plan "%s"', t.argument) END) x
		ORDER BY t.due_at, t.account_id, t.subscription_id, x.step
		RETURNING 1
	), noted_too AS (
		INSERT INTO billing.lifecycle_step (account_id, subject, subject_id, step, action, argument, due_at, at, applied_at, reason)
		SELECT r.account_id, 'resource', r.resource, r.step, r.action, r.argument, r.due_at, r.effective, _step_subscriptions.at, r.holder FROM touched r
	), told AS (
		INSERT INTO billing.notice (account_id, kind, subject, subject_id, cause, facts, at)
		SELECT t.account_id, x.kind, 'subscription', t.subscription_id::text, x.cause,
			jsonb_build_object('account_id', t.account_id, 'subscription_id', t.subscription_id, 'plan', t.plan, 'resource', t.resource, 'state', t.state,
				'cause', CASE t.cause WHEN 'expiry' THEN 'over' ELSE 'overdue' END, 'since', coalesce(t.since, t.paid_until), 'term_end', t.paid_until, 'at', t.effective,
				'next_step', n.action, 'next_at', n.due_at, 'release_at', CASE WHEN t.direction = 'before release' THEN greatest((SELECT z.due_at
					FROM billing.lifecycle_next(t.rule, coalesce(t.since, t.paid_until), t.steps - 1, t.now_applied_at, t.time_zone) z),
					(SELECT max(o.until) FROM billing.lifecycle_override o WHERE o.account_id = t.account_id AND o.subject = 'subscription'
						AND o.subject_id = t.subscription_id::text AND o.at <= _step_subscriptions.at)) END),
			t.effective
		FROM taken t
		CROSS JOIN LATERAL (VALUES (t.kind, t.cause || ' step ' || t.step || ' of ' || coalesce(t.since, t.paid_until)),
			(CASE WHEN t.begins AND t.was = 'active' THEN 'subscription_ended' END, 'end ' || t.paid_until)) x(kind, cause)
		LEFT JOIN LATERAL billing.lifecycle_next(t.rule, coalesce(t.since, t.paid_until), t.step, t.now_applied_at, t.time_zone) n
			ON t.state NOT IN ('released', 'cancelled')
		WHERE x.kind IS NOT NULL
		ON CONFLICT DO NOTHING
	)
	SELECT (SELECT count(*) FROM noted), array_agg(t.account_id), array_agg(t.subscription_id) INTO done, holders, ids FROM taken t;
	IF done > 0 THEN
		PERFORM billing._set_next_steps(holders, ids);
	END IF;
	IF done > 0 AND EXISTS (SELECT FROM billing.lifecycle_quarantine) THEN
		DELETE FROM billing.lifecycle_quarantine q
		WHERE q.subject = 'subscription' AND NOT EXISTS (SELECT FROM billing.subscription_chain c
			WHERE c.account_id = q.account_id AND c.subscription_id::text = q.subject_id AND c.next_at < _step_subscriptions.at);
	END IF;
	RETURN done;
END
$fn$;
COMMENT ON FUNCTION billing._step_subscriptions(timestamptz, timestamptz, integer)
	IS 'applies the steps that are due of at most so many chains of subscriptions, up to an instant; returns how many';
