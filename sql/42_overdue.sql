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

CREATE FUNCTION billing._check_policy(policy text, rule billing.lifecycle_policy) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	target text;
	known boolean;
BEGIN
	SELECT s.argument INTO target FROM billing.lifecycle_steps(rule) s WHERE s.action = 'downgrade';
	IF NOT FOUND OR to_regclass('billing.plan') IS NULL THEN
		RETURN;
	END IF;
	EXECUTE 'SELECT EXISTS (SELECT FROM billing.plan p WHERE p.plan = $1)' INTO known USING target;
	IF NOT known THEN
		RAISE EXCEPTION 'plan "%" does not exist', target USING
			ERRCODE = 'foreign_key_violation',
			DETAIL = format('Lifecycle policy "%s" downgrades to it.', policy),
			HINT = 'INSERT INTO billing.plan ... first.';
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._check_policy(text, billing.lifecycle_policy) IS 'raises 23503 for a downgrade to a plan that the catalogue does not have';

CREATE FUNCTION billing._lifecycle_is_used(lifecycle_id bigint, policy text) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	RETURN EXISTS (SELECT FROM billing.account_state s WHERE s.lifecycle_id = _lifecycle_is_used.lifecycle_id)
		OR EXISTS (SELECT FROM billing.account a WHERE a.policy = _lifecycle_is_used.policy);
END
$fn$;
COMMENT ON FUNCTION billing._lifecycle_is_used(bigint, text) IS 'does a chain follow this version, or does an account name this policy?';

CREATE FUNCTION billing._guard_lifecycle() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	IF billing._lifecycle_is_used(OLD.lifecycle_id, OLD.policy) THEN
		RAISE EXCEPTION 'lifecycle policy "%" can not be changed', OLD.policy USING
			ERRCODE = 'UB007',
			DETAIL = 'Accounts have it, and customers rely on its delays.',
			HINT = 'Insert a new row of that policy with a later valid_from: chains of steps that begin from then on follow it.';
	END IF;
	RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$fn$;
COMMENT ON FUNCTION billing._guard_lifecycle() IS 'trigger: a policy that is used is immutable';
