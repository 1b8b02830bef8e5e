-- Packages as subjects of the timers.  The end of a package suspends nothing, so the policy that an offer may name
-- (package_offer.expiry_policy) holds notices only.  A package keeps the version that it was bought with.

CREATE FUNCTION billing._check_package_policy(policy text, rule billing.lifecycle_policy, offer text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	wrong text;
BEGIN
	SELECT s.action INTO wrong FROM billing.lifecycle_steps(rule) s WHERE s.action <> 'notice' ORDER BY s.step LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'lifecycle policy "%" can not be that of offer "%": it has a step to %', policy, offer, wrong USING
			ERRCODE = 'check_violation',
			DETAIL = format('The end of a package takes nothing away, so there is only notice to give: %s.', rule),
			HINT = 'Name one such as "notice 7 days before"; package_offer.cut_off restricts the resources of a package that is over.';
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._check_package_policy(text, billing.lifecycle_policy, text) IS 'raises 23514 for a policy of packages that does more than give notice';

CREATE FUNCTION billing._check_offer() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	IF NEW.expiry_policy IS NULL THEN
		RETURN NEW;
	END IF;
	-- locked: a DELETE in flight is waited for, and a later one sees the offer
	PERFORM 1 FROM billing.lifecycle l WHERE l.policy = NEW.expiry_policy FOR KEY SHARE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'lifecycle policy "%" does not exist', NEW.expiry_policy USING
			ERRCODE = 'foreign_key_violation',
			DETAIL = format('Offer "%s" names it.', NEW.offer),
			HINT = 'SELECT DISTINCT policy FROM billing.lifecycle; or insert it there first.';
	END IF;
	PERFORM billing._check_package_policy(l.policy, l.rule, NEW.offer) FROM billing.lifecycle l WHERE l.policy = NEW.expiry_policy;
	RETURN NEW;
END
$fn$;
COMMENT ON FUNCTION billing._check_offer() IS 'trigger: raises 23503 or 23514 for an offer whose expiry_policy does not exist or does more than give notice';

CREATE FUNCTION billing._next_package_step(account_id bigint, package_id bigint) RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	RETURN (SELECT n.due_at
	FROM billing.package_chain c
	JOIN billing.package p USING (account_id, package_id)
	JOIN billing.account a USING (account_id)
	JOIN billing.account_state t USING (account_id)
	JOIN billing.lifecycle l ON l.lifecycle_id = c.lifecycle_id
	CROSS JOIN LATERAL billing.lifecycle_next(l.rule, p.valid_until, c.step, c.applied_at, a.time_zone) n
	WHERE c.account_id = _next_package_step.account_id AND c.package_id = _next_package_step.package_id AND t.state <> 'closed');
END
$fn$;
COMMENT ON FUNCTION billing._next_package_step(bigint, bigint) IS 'when the next step of a package''s chain is due, whether or not there will be a reason to tell; NULL: none is to come';

CREATE FUNCTION billing._adopt_offer_policy(account_id bigint, package_id bigint, policy text, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	IF policy IS NOT NULL THEN
		INSERT INTO billing.package_chain (account_id, package_id, lifecycle_id)
		VALUES (_adopt_offer_policy.account_id, _adopt_offer_policy.package_id, billing._lifecycle_at(_adopt_offer_policy.policy, _adopt_offer_policy.at));
		PERFORM billing._set_package_step(_adopt_offer_policy.account_id, _adopt_offer_policy.package_id);
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._adopt_offer_policy(bigint, bigint, text, timestamptz) IS 'gives a package that was bought the chain of its offer''s policy';

CREATE FUNCTION billing._set_package_step(account_id bigint, package_id bigint) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	UPDATE billing.package_chain c SET next_at = billing._next_package_step(c.account_id, c.package_id)
	WHERE c.account_id = _set_package_step.account_id AND c.package_id = _set_package_step.package_id;
END
$fn$;
COMMENT ON FUNCTION billing._set_package_step(bigint, bigint) IS 'after what moves the end of a package, in the same transaction: sets next_at';

CREATE FUNCTION billing._hold_packages(holders bigint[], ids bigint[], at timestamptz) RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
	WITH found AS MATERIALIZED (
		SELECT c.account_id, c.package_id, c.step, c.next_at, o.until, o.reason
		FROM unnest(holders, ids) k(account_id, package_id)
		JOIN billing.package_chain c USING (account_id, package_id)
		JOIN billing.lifecycle_override o ON o.account_id = c.account_id AND o.subject = 'package' AND o.subject_id = c.package_id::text
		WHERE o.until > c.next_at AND o.at <= _hold_packages.at
	), last AS (
		SELECT DISTINCT ON (f.account_id, f.package_id) f.* FROM found f ORDER BY f.account_id, f.package_id, f.until DESC
	), moved AS (
		UPDATE billing.package_chain c SET next_at = l.until FROM last l WHERE c.account_id = l.account_id AND c.package_id = l.package_id
	), noted AS (
		INSERT INTO billing.lifecycle_step (account_id, subject, subject_id, step, action, due_at, at, applied_at, reason)
		SELECT l.account_id, 'package', l.package_id::text, l.step + 1, 'hold', l.next_at, billing._effective(l.next_at, _hold_packages.at),
			_hold_packages.at, format('until %s: %s', l.until, l.reason)
		FROM last l
		RETURNING 1
	)
	SELECT count(*) FROM noted
$fn$;
COMMENT ON FUNCTION billing._hold_packages(bigint[], bigint[], timestamptz)
	IS 'of chains that are locked and have a step due, moves that of packages with an override to its end; returns how many';

CREATE FUNCTION billing._step_packages(at timestamptz, through timestamptz, max_rows integer) RETURNS bigint
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
BEGIN
	-- lock first, read after, as _step_accounts() does
	SELECT array_agg(k.account_id), array_agg(k.package_id) INTO holders, ids FROM (
		SELECT c.account_id, c.package_id
		FROM billing.package_chain c
		JOIN billing.account_state a USING (account_id)
		WHERE c.next_at < _step_packages.at AND c.next_at <= through
			AND NOT EXISTS (SELECT FROM billing.lifecycle_quarantine q WHERE q.account_id = c.account_id AND q.subject = 'package'
				AND q.subject_id = c.package_id::text AND q.tried_at > _step_packages.at - interval '1 hour')
		ORDER BY c.next_at, c.account_id, c.package_id LIMIT max_rows
		FOR NO KEY UPDATE OF a, c SKIP LOCKED) k;
	IF ids IS NULL THEN
		RETURN 0;
	END IF;
	IF EXISTS (SELECT FROM billing.lifecycle_override o WHERE o.subject = 'package') THEN
		done := billing._hold_packages(holders, ids, at);
		IF done > 0 THEN
			RETURN done;
		END IF;
	END IF;
	WITH due AS MATERIALIZED (
		SELECT c.account_id, c.package_id, c.lifecycle_id, c.step + 1 AS step, c.applied_at, c.next_at, p.offer, p.meter, p.size, p.used, p.valid_until,
			p.auto_renew, p.state
		FROM unnest(holders, ids) k(account_id, package_id)
		JOIN billing.package_chain c USING (account_id, package_id)
		JOIN billing.package p USING (account_id, package_id)
	), rule AS MATERIALIZED (
		SELECT r.* FROM billing._step_rules(ARRAY(SELECT DISTINCT d.lifecycle_id FROM due d)) r
	), taken AS MATERIALIZED (
		SELECT d.*, r.action, e.at AS effective, v.applied_at AS now_applied_at, n.due_at AS then_at,
			CASE r.direction WHEN 'before' THEN 'package_expires' ELSE 'package_expired' END AS kind,
			-- nobody is told of the end of what is used up, given back, or goes on in another package
			CASE WHEN d.state IN ('exhausted', 'refunded') THEN 'it is ' || d.state
				WHEN d.next_at >= d.valid_until AND (d.auto_renew OR EXISTS (SELECT FROM billing.package x WHERE x.account_id = d.account_id AND x.renews = d.package_id))
				THEN 'it renews itself, or was renewed' END AS skipped
		FROM due d
		JOIN billing.account a USING (account_id)
		JOIN rule r ON r.lifecycle_id = d.lifecycle_id AND r.step = d.step
		CROSS JOIN LATERAL (SELECT CASE r.catch_up WHEN 'jump' THEN d.next_at ELSE billing._effective(d.next_at, _step_packages.at) END AS at) e
		CROSS JOIN LATERAL (SELECT CASE WHEN r.direction IN ('after', 'immediately') THEN e.at ELSE d.applied_at END AS applied_at) v
		LEFT JOIN LATERAL billing.lifecycle_next(r.rule, d.valid_until, d.step, v.applied_at, a.time_zone) n ON true
	), moved AS (
		UPDATE billing.package_chain c SET step = t.step, applied_at = t.now_applied_at, next_at = t.then_at
		FROM taken t WHERE c.account_id = t.account_id AND c.package_id = t.package_id
	), noted AS (
		INSERT INTO billing.lifecycle_step (account_id, subject, subject_id, step, action, due_at, at, applied_at, reason)
		SELECT t.account_id, 'package', t.package_id::text, t.step, t.action, t.next_at, t.effective, _step_packages.at, 'skipped: ' || t.skipped
		FROM taken t ORDER BY t.next_at, t.account_id, t.package_id
		RETURNING 1
	), told AS (
		INSERT INTO billing.notice (account_id, kind, subject, subject_id, cause, facts, at)
		SELECT t.account_id, t.kind, 'package', t.package_id::text, 'step ' || t.step || ' of ' || t.valid_until,
			jsonb_build_object('account_id', t.account_id, 'package_id', t.package_id, 'offer', t.offer, 'meter', t.meter, 'size', t.size, 'remaining', t.size - t.used,
				'valid_until', billing.last_second(t.valid_until), 'auto_renew', t.auto_renew, 'at', t.effective),
			t.effective
		FROM taken t WHERE t.skipped IS NULL
		ON CONFLICT DO NOTHING
	)
	SELECT count(*) INTO done FROM noted;
	IF done > 0 THEN
		DELETE FROM billing.lifecycle_quarantine q
		WHERE q.subject = 'package' AND NOT EXISTS (SELECT FROM billing.package_chain c
			WHERE c.account_id = q.account_id AND c.package_id::text = q.subject_id AND c.next_at < _step_packages.at);
	END IF;
	RETURN done;
END
$fn$;
COMMENT ON FUNCTION billing._step_packages(timestamptz, timestamptz, integer)
	IS 'applies the steps that are due of at most so many packages, up to an instant; returns how many';
