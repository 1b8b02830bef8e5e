-- The timers: every step that is due is applied, in the order of the instants, sets at a time.
--
-- A subject (an account; a subscription, a package: the files beside this one) keeps where its chain stands: the version of its policy, its
-- anchor, the last step applied, the effective instant of the last step that does not count back, and the next
-- instant.  Due is what has next_at < at: next_at itself is the last instant to pay.  Rows that others hold are
-- passed over until the next ring; what was locked is looked at again, so a payment that was first wins.

CREATE FUNCTION billing._is_tried_later(account_id bigint, subject text, subject_id text, at timestamptz) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT EXISTS (SELECT FROM billing.lifecycle_quarantine q
		WHERE (q.account_id, q.subject, q.subject_id) = (_is_tried_later.account_id, _is_tried_later.subject, _is_tried_later.subject_id)
			AND q.tried_at > _is_tried_later.at - interval '1 hour')
$fn$;
COMMENT ON FUNCTION billing._is_tried_later(bigint, text, text, timestamptz) IS 'is a subject in quarantine that was tried within the hour?';

CREATE FUNCTION billing._step_rules(ids bigint[])
	RETURNS TABLE (lifecycle_id bigint, rule billing.lifecycle_policy, catch_up text, steps integer, step integer, action text, argument text, direction text)
LANGUAGE plpgsql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
SET jit = off
SET plan_cache_mode = force_generic_plan	-- to plan takes longer than to do it
AS $fn$
#variable_conflict use_column
BEGIN
	RETURN QUERY SELECT l.lifecycle_id, l.rule, billing.lifecycle_catch_up(l.rule), (count(*) OVER (PARTITION BY l.lifecycle_id))::integer,
		s.step, s.action, s.argument, s.direction
	FROM billing.lifecycle l CROSS JOIN LATERAL billing.lifecycle_steps(l.rule) s
	WHERE l.lifecycle_id = ANY (ids);
END
$fn$;
COMMENT ON FUNCTION billing._step_rules(bigint[]) IS 'the steps of these versions of policies; common to all subjects';

CREATE FUNCTION billing._notice_kind(action text, argument text, direction text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT CASE action WHEN 'release' THEN 'released' WHEN 'suspend' THEN CASE WHEN argument IS NULL THEN 'suspended' ELSE 'restricted' END
		WHEN 'restrict' THEN 'restricted' WHEN 'downgrade' THEN NULL
		ELSE CASE direction WHEN 'before release' THEN 'before_release' WHEN 'before' THEN 'expiring' ELSE 'overdue' END END
$fn$;
COMMENT ON FUNCTION billing._notice_kind(text, text, text) IS 'kind of the notice that a step of an account writes; NULL: none';

CREATE FUNCTION billing._held_until(rule billing.lifecycle_policy, anchor timestamptz, step integer, applied_at timestamptz, time_zone text, until timestamptz)
	RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	release_at timestamptz;
BEGIN
	IF (SELECT t.direction FROM billing.lifecycle_steps(rule) t WHERE t.step = _held_until.step + 1) = 'before release' THEN
		release_at := (SELECT n.due_at FROM billing.lifecycle_next(rule, anchor, (SELECT max(t.step) - 1 FROM billing.lifecycle_steps(rule) t), applied_at, time_zone) n);
		IF until > release_at THEN
			RETURN until - (release_at - (SELECT n.due_at FROM billing.lifecycle_next(rule, anchor, _held_until.step, applied_at, time_zone) n));
		END IF;
	END IF;
	RETURN until;
END
$fn$;
COMMENT ON FUNCTION billing._held_until(billing.lifecycle_policy, timestamptz, integer, timestamptz, text, timestamptz)
	IS 'until when an override that ends at an instant holds the step that follows one: until then; one that warns of a release which is held too, until as long before it as the policy says';

CREATE FUNCTION billing._hold_accounts(ids bigint[], at timestamptz) RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
	-- An override moves the step that is due to its end, and says so; when that comes there is nothing to undo.
	WITH found AS MATERIALIZED (
		SELECT s.account_id, s.step, s.next_at, h.until, o.reason
		FROM billing.lifecycle_override o JOIN billing.account_state s USING (account_id) JOIN billing.account a USING (account_id) JOIN billing.lifecycle l USING (lifecycle_id)
		CROSS JOIN LATERAL billing._held_until(l.rule, s.overdue_since, s.step, s.applied_at, a.time_zone, o.until) h(until)
		WHERE o.account_id = ANY (ids) AND o.subject = 'account' AND h.until > s.next_at AND o.at <= _hold_accounts.at
	), last AS (
		SELECT DISTINCT ON (f.account_id) f.* FROM found f ORDER BY f.account_id, f.until DESC
	), moved AS (
		UPDATE billing.account_state s SET next_at = l.until FROM last l WHERE s.account_id = l.account_id
	), noted AS (
		INSERT INTO billing.lifecycle_step (account_id, subject, subject_id, step, action, due_at, at, applied_at, reason)
		SELECT l.account_id, 'account', l.account_id::text, l.step + 1, 'hold', l.next_at, billing._effective(l.next_at, _hold_accounts.at),
			_hold_accounts.at, format('until %s: %s', l.until, l.reason)
		FROM last l
		RETURNING 1
	)
	SELECT count(*) FROM noted
$fn$;
COMMENT ON FUNCTION billing._hold_accounts(bigint[], timestamptz) IS 'of accounts that are locked and have a step due, moves that of those with an override to its end; returns how many';

CREATE FUNCTION billing._step_accounts(at timestamptz, through timestamptz, max_rows integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'	-- instants among the facts and causes
SET datestyle = 'ISO'
SET enable_hashjoin = off	-- some thousand rows, each found by its key, whatever statistics say: also where they say that
SET enable_mergejoin = off	-- there are no notices, as before the first batch, which writes 20,000 and must not scan them
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
SET work_mem = '64MB'
AS $fn$
DECLARE
	versions bigint[];
	quarantined bigint[];
	ids bigint[];
	done bigint;
	suspended_ids bigint[];
	released_ids bigint[];
	released_due timestamptz[];
	released_at timestamptz[];
BEGIN
	quarantined := ARRAY(SELECT q.account_id FROM billing.lifecycle_quarantine q
		WHERE q.subject = 'account' AND q.tried_at > _step_accounts.at - interval '1 hour');
	-- Lock first, read after: a call that held the account has added a resource, a plan or an override, which is then seen.
	ids := ARRAY(SELECT s.account_id FROM billing.account_state s
		WHERE s.next_at < _step_accounts.at AND s.next_at <= through AND s.account_id <> ALL (quarantined)
		ORDER BY s.next_at, s.account_id LIMIT max_rows
		FOR NO KEY UPDATE SKIP LOCKED);
	IF ids = '{}' THEN
		RETURN 0;
	END IF;
	IF EXISTS (SELECT FROM billing.lifecycle_override o WHERE o.subject = 'account') THEN
		done := billing._hold_accounts(ids, at);
		IF done > 0 THEN
			RETURN done;
		END IF;
	END IF;
	versions := ARRAY(SELECT l.lifecycle_id FROM billing.lifecycle l);
	WITH due AS MATERIALIZED (
		SELECT s.account_id, s.overdue_since, s.lifecycle_id, s.step + 1 AS step, s.applied_at, s.next_at, s.state, s.balance,
			s.cleared_at IS NOT NULL AS was_cleared,
			CASE WHEN s.cleared_since = s.overdue_since THEN billing._chain_number(s.account_id, s.overdue_since) ELSE '' END AS chain_number, a.currency, a.time_zone
		FROM unnest(ids) k(account_id) JOIN billing.account_state s USING (account_id) JOIN billing.account a USING (account_id)
	), rule AS MATERIALIZED (
		SELECT r.*, billing._notice_kind(r.action, r.argument, r.direction) AS kind FROM billing._step_rules(versions) r
		WHERE (r.lifecycle_id, r.step) IN (SELECT DISTINCT d.lifecycle_id, d.step FROM due d)
	), taken AS MATERIALIZED (
		SELECT d.account_id, d.overdue_since, d.step, d.next_at AS due_at, d.state AS was, d.balance, d.was_cleared, d.chain_number, d.currency,
			r.action, r.argument, r.kind, e.at AS effective, c.applied_at, n.due_at AS next_at, n.action AS next_action,
			CASE WHEN r.direction = 'before release'
				THEN greatest((SELECT z.due_at FROM billing.lifecycle_next(r.rule, d.overdue_since, r.steps - 1, c.applied_at, d.time_zone) z),
					(SELECT max(o.until) FROM billing.lifecycle_override o
					 WHERE o.account_id = d.account_id AND o.subject = 'account' AND o.at <= _step_accounts.at)) END AS release_at,
			CASE WHEN r.action = 'release' THEN 'released' WHEN r.action = 'suspend' AND r.argument IS NULL THEN 'suspended' ELSE d.state END AS state
		FROM due d
		JOIN rule r ON r.lifecycle_id = d.lifecycle_id AND r.step = d.step
		CROSS JOIN LATERAL (SELECT CASE r.catch_up WHEN 'jump' THEN d.next_at ELSE billing._effective(d.next_at, _step_accounts.at) END AS at) e
		CROSS JOIN LATERAL (SELECT CASE WHEN r.direction IN ('after', 'immediately') THEN e.at ELSE d.applied_at END AS applied_at) c
		LEFT JOIN LATERAL billing.lifecycle_next(r.rule, d.overdue_since, d.step, c.applied_at, d.time_zone) n ON true
		ORDER BY d.next_at, d.account_id	-- history and notices keep the order of the instants
	), moved AS (
		UPDATE billing.account_state s
		SET step = t.step, applied_at = t.applied_at, next_at = t.next_at, state = t.state,
			state_since = CASE WHEN t.state = t.was THEN s.state_since ELSE t.effective END
		FROM taken t WHERE s.account_id = t.account_id
	), suspended AS (
		INSERT INTO billing.suspension (account_id, suspended_from)
		SELECT t.account_id, t.effective FROM taken t WHERE t.state IN ('suspended', 'released') AND t.was = 'overdue'
		ON CONFLICT (account_id, suspended_from) DO UPDATE SET suspended_until = NULL
	), touched AS (
		UPDATE billing.resource r
		SET state = CASE t.action WHEN 'release' THEN 'released' WHEN 'suspend' THEN 'suspended' ELSE 'restricted' END, since = t.effective,
			held_by = CASE t.action WHEN 'release' THEN NULL ELSE 'account' END
		FROM taken t
		WHERE r.account_id = t.account_id
			AND (t.action = 'release' AND r.state <> 'released'
				OR t.action = 'restrict' AND r.state = 'active' AND coalesce(t.argument, r.kind) = r.kind
				OR t.action = 'suspend' AND r.state IN ('active', 'restricted') AND t.argument = r.kind)
			-- a plan with a policy of its own looks after its resource itself
			AND NOT EXISTS (SELECT FROM billing.subscription s JOIN billing.subscription_chain c USING (account_id, subscription_id)
				WHERE s.account_id = r.account_id AND s.resource = r.resource AND c.cause = 'overdue' AND c.since IS NOT NULL
					AND s.state NOT IN ('released', 'cancelled'))
		RETURNING r.account_id, r.resource, t.step, t.action, t.argument, t.due_at, t.effective
	), noted AS (
		INSERT INTO billing.lifecycle_step (account_id, subject, subject_id, step, action, argument, due_at, at, applied_at, reason)
		SELECT t.account_id, 'account', t.account_id::text, t.step, t.action, t.argument, t.due_at, t.effective, _step_accounts.at,
			CASE t.action WHEN 'downgrade' THEN format('skipped: an account does not become plan "%s"', t.argument) END
		FROM taken t
		RETURNING 1	-- read below, so that it comes before its resources'
	), noted_too AS (
		INSERT INTO billing.lifecycle_step (account_id, subject, subject_id, step, action, argument, due_at, at, applied_at)
		SELECT r.account_id, 'resource', r.resource, r.step, r.action, r.argument, r.due_at, r.effective, _step_accounts.at FROM touched r
	), told AS (
		INSERT INTO billing.notice (account_id, kind, subject, subject_id, cause, facts, at)
		SELECT t.account_id, t.kind, 'account', t.account_id::text, 'step ' || t.step || ' since ' || t.overdue_since || t.chain_number,
			billing._facts('account_id', t.account_id, 'balance', t.balance, 'currency', t.currency, 'since', t.overdue_since, 'at', t.effective,
				'next_step', t.next_action, 'next_at', t.next_at, 'kind', t.argument, 'release_at', t.release_at),
			t.effective
		FROM taken t
		-- Not ON CONFLICT, which costs a tenth of all this: nobody else writes notices of an account that is locked.  Only a
		-- chain that was cleared before can have told the same; asked in a subquery, so that all of the key is looked up.
		WHERE t.kind IS NOT NULL AND (NOT t.was_cleared OR (SELECT o.notice_id FROM billing.notice o
			WHERE o.account_id = t.account_id AND o.kind = t.kind AND o.subject = 'account' AND o.subject_id = t.account_id::text
				AND o.cause = 'step ' || t.step || ' since ' || t.overdue_since || t.chain_number LIMIT 1) IS NULL)
	)
	SELECT (SELECT count(*) FROM noted), array_agg(t.account_id) FILTER (WHERE t.state = 'suspended' AND t.was = 'overdue'),
		array_agg(t.account_id) FILTER (WHERE t.action = 'release'), array_agg(t.due_at) FILTER (WHERE t.action = 'release'),
		array_agg(t.effective) FILTER (WHERE t.action = 'release')
	INTO done, suspended_ids, released_ids, released_due, released_at FROM taken t;
	IF released_ids IS NOT NULL THEN
		PERFORM billing._release_subscriptions(released_ids, released_due, released_at, at);
	END IF;
	IF suspended_ids IS NOT NULL AND EXISTS (SELECT FROM billing.plan p WHERE p.overdue_policy IS NOT NULL) THEN
		PERFORM billing._suspend_subscriptions(suspended_ids, at);
	END IF;
	IF done > 0 AND EXISTS (SELECT FROM billing.lifecycle_quarantine) THEN
		DELETE FROM billing.lifecycle_quarantine q USING billing.account_state s
		WHERE q.subject = 'account' AND s.account_id = q.account_id AND NOT coalesce(s.next_at < _step_accounts.at, false);
	END IF;
	RETURN done;
END
$fn$;
COMMENT ON FUNCTION billing._step_accounts(timestamptz, timestamptz, integer)
	IS 'applies the steps that are due of at most so many accounts, up to an instant; returns how many';

CREATE FUNCTION billing._step_invoices(at timestamptz, through timestamptz, max_rows integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
-- Invoices that reach their due instant unpaid make their accounts overdue.  One instant at a time: it is the cause.
DECLARE
	instant timestamptz;
	ids bigint[];
BEGIN
	SELECT min(i.due_at) INTO instant FROM billing.invoice i
	WHERE i.awaits_due AND i.due_at < _step_invoices.at AND i.due_at <= through;
	WITH locked AS MATERIALIZED (
		SELECT s.account_id FROM billing.account_state s
		WHERE s.account_id IN (SELECT i.account_id FROM billing.invoice i WHERE i.awaits_due AND i.due_at = instant ORDER BY i.account_id LIMIT max_rows)
		FOR NO KEY UPDATE SKIP LOCKED
	), passed AS (
		UPDATE billing.invoice i SET awaits_due = false FROM locked k
		WHERE i.account_id = k.account_id AND i.awaits_due AND i.due_at = instant
	)
	SELECT array_agg(k.account_id) INTO ids FROM locked k;
	IF ids IS NULL THEN
		RETURN 0;
	END IF;
	WITH moved AS (
		UPDATE billing.account_state s
		SET not_due = (SELECT coalesce(sum(greatest(i.total, 0)), 0) FROM billing.invoice i
			WHERE i.account_id = s.account_id AND (i.due_at > instant OR i.due_at IS NULL))
		WHERE s.account_id = ANY (ids)
		RETURNING s.account_id, billing._turns(s.balance, s.credit_limit, s.unbilled, s.not_due, s.state, s.overdue_since, s.low_balance_at, s.low_since) AS turns
	)
	SELECT array_agg(m.account_id) INTO ids FROM moved m WHERE m.turns;
	IF ids IS NOT NULL THEN
		PERFORM billing._turn_accounts(ids, instant, at);
	END IF;
	RETURN 1;
END
$fn$;
COMMENT ON FUNCTION billing._step_invoices(timestamptz, timestamptz, integer)
	IS 'invoices whose due instant has passed: accounts that have not paid them are overdue; returns 0 if there were none';

CREATE FUNCTION billing._step_subjects(subject text, at timestamptz, through timestamptz, max_rows integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
-- Which function steps which subject.  A batch that fails is tried with half as many, until the one subject is left
-- that fails: it waits in quarantine, and the others go on.
DECLARE
	culprit record;
BEGIN
	RETURN CASE subject
		WHEN 'account' THEN billing._step_accounts(at, through, max_rows)
		WHEN 'subscription' THEN billing._step_subscriptions(at, through, max_rows)
		WHEN 'package' THEN billing._step_packages(at, through, max_rows)
		WHEN 'invoice' THEN billing._step_invoices(at, through, max_rows) END;
EXCEPTION WHEN OTHERS THEN
	IF left(SQLSTATE, 2) IN ('25', '40', '53', '55', '57', '58') OR subject = 'invoice' THEN
		RAISE;
	ELSIF max_rows > 1 THEN
		RETURN billing._step_subjects(subject, at, through, max_rows / 2);
	END IF;
	IF subject = 'account' THEN
		SELECT s.account_id, s.account_id::text AS subject_id INTO culprit FROM billing.account_state s
		WHERE s.next_at < _step_subjects.at AND s.next_at <= through
			AND NOT billing._is_tried_later(s.account_id, 'account', s.account_id::text, _step_subjects.at)
		ORDER BY s.next_at, s.account_id LIMIT 1 FOR NO KEY UPDATE OF s SKIP LOCKED;
	ELSIF subject = 'package' THEN
		SELECT c.account_id, c.package_id::text AS subject_id INTO culprit
		FROM billing.package_chain c JOIN billing.account_state s USING (account_id)
		WHERE c.next_at < _step_subjects.at AND c.next_at <= through
			AND NOT billing._is_tried_later(c.account_id, 'package', c.package_id::text, _step_subjects.at)
		ORDER BY c.next_at, c.account_id, c.package_id LIMIT 1 FOR NO KEY UPDATE OF s SKIP LOCKED;
	ELSE
		SELECT c.account_id, c.subscription_id::text AS subject_id INTO culprit
		FROM billing.subscription_chain c JOIN billing.account_state s USING (account_id)
		WHERE c.next_at < _step_subjects.at AND c.next_at <= through
			AND NOT billing._is_tried_later(c.account_id, 'subscription', c.subscription_id::text, _step_subjects.at)
		ORDER BY c.next_at, c.account_id, c.subscription_id, c.cause LIMIT 1 FOR NO KEY UPDATE OF s SKIP LOCKED;
	END IF;
	INSERT INTO billing.lifecycle_quarantine AS q (account_id, subject, subject_id, error, error_code, since, tried_at)
	VALUES (culprit.account_id, _step_subjects.subject, culprit.subject_id, SQLERRM, SQLSTATE, _step_subjects.at, _step_subjects.at)
	ON CONFLICT ON CONSTRAINT lifecycle_quarantine_pkey DO UPDATE SET error = excluded.error, error_code = excluded.error_code, tried_at = excluded.tried_at;
	RETURN 1;
END
$fn$;
COMMENT ON FUNCTION billing._step_subjects(text, timestamptz, timestamptz, integer) IS 'steps a batch of one kind of subject; returns how many were due';

CREATE FUNCTION billing._due_subjects(after timestamptz) RETURNS TABLE (subject text, next_at timestamptz)
LANGUAGE plpgsql STABLE ROWS 4
SET search_path = pg_catalog, pg_temp
SET jit = off
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off	-- the first row of each timer's index, as in _next_timer()
SET enable_bitmapscan = off
AS $fn$
BEGIN
	RETURN QUERY SELECT 'invoice', min(i.due_at) FROM billing.invoice i WHERE i.awaits_due AND i.due_at >= after
		UNION ALL SELECT 'account', min(s.next_at) FROM billing.account_state s WHERE s.next_at >= after
		UNION ALL SELECT 'subscription', min(c.next_at) FROM billing.subscription_chain c WHERE c.next_at >= after
		UNION ALL SELECT 'package', min(c.next_at) FROM billing.package_chain c WHERE c.next_at >= after;
END
$fn$;
COMMENT ON FUNCTION billing._due_subjects(timestamptz) IS 'for each kind of subject the first instant, from one on, that something is due; NULL: nothing is';

CREATE FUNCTION billing._apply_timers(at timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	k record;
BEGIN
	-- The kind whose turn it is goes as far as the others are not due before it.  What is held by others steps aside.
	FOR k IN SELECT d.subject, d.next_at, lead(d.next_at, 1, 'infinity') OVER (ORDER BY d.next_at) AS through
		FROM billing._due_subjects('-infinity') d WHERE d.next_at < _apply_timers.at ORDER BY d.next_at
	LOOP
		IF billing._step_subjects(k.subject, at, k.through, 20000) > 0 THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END
$fn$;
COMMENT ON FUNCTION billing._apply_timers(timestamptz)
	IS 'one batch of the timers that are due before an instant, its own transaction; says whether there was something to do';
