-- Resources, and the calls that an operator has about the lifecycle of an account.

CREATE FUNCTION billing._note_step(account_id bigint, subject text, subject_id text, action text, reason text, at timestamptz) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
	INSERT INTO billing.lifecycle_step (account_id, subject, subject_id, action, due_at, at, applied_at, reason)
	VALUES (_note_step.account_id, _note_step.subject, _note_step.subject_id, _note_step.action, _note_step.at, _note_step.at, _note_step.at, _note_step.reason)
$fn$;
COMMENT ON FUNCTION billing._note_step(bigint, text, text, text, text, timestamptz) IS 'writes what a call did into the history';

CREATE FUNCTION billing._check_instant(call text, at timestamptz) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	PERFORM billing._check_installed();
	IF at IS NULL OR at NOT BETWEEN '1970-01-01' AND '3000-01-01' THEN
		RAISE EXCEPTION '% at % is not possible', call, coalesce(at::text, 'NULL') USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'It happens between the years 1970 and 3000.',
			HINT = 'Leave at out, or give the instant.';
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._check_instant(text, timestamptz) IS 'raises UB008 without tables, 22023 for an instant that is none';

CREATE FUNCTION billing._check_not_awaited(account_id bigint, resource text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	s record;
BEGIN
	SELECT x.subscription_id, x.plan, p.refund INTO s FROM billing.subscription x JOIN billing.plan p USING (plan)
	WHERE x.account_id = _check_not_awaited.account_id AND x.resource = _check_not_awaited.resource AND x.state = 'provisioning'
	ORDER BY x.subscription_id LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'subscription % waits for resource "%"', s.subscription_id, resource USING
			ERRCODE = 'UB068',
			DETAIL = format('Plan "%s" is paid, and its first term starts when the resource is activated.', s.plan),
			HINT = format('SELECT billing.%s(%s, %s); first.', CASE s.refund WHEN 'none' THEN 'cancel_subscription' ELSE 'refund_subscription' END, account_id, s.subscription_id);
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._check_not_awaited(bigint, text) IS 'raises UB068 for a resource that a paid plan waits for';

CREATE FUNCTION billing._is_covered(account_id bigint, meter text, resource text, at timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	RETURN EXISTS (SELECT FROM billing.package p JOIN billing.package_resource b USING (account_id, package_id)
		WHERE p.account_id = _is_covered.account_id AND p.meter = _is_covered.meter AND b.resource = _is_covered.resource
			AND p.state IN ('pending', 'active') AND p.valid_from <= _is_covered.at AND p.valid_until > _is_covered.at);
END
$fn$;
COMMENT ON FUNCTION billing._is_covered(bigint, text, text, timestamptz) IS 'does a package of a meter, bound to a resource, go on at an instant?';

CREATE FUNCTION billing._hold_of(account_id bigint, resource text, kind text, at timestamptz, OUT state text, OUT held_by text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
#variable_conflict use_column
-- A resource bears the name of one that holds it; there may be others, who come to light when that one lets go.  That the whole
-- account is suspended is read from the account, and a cap holds nothing back: it acts once in each of its windows.
BEGIN
	SELECT h.state, h.held_by INTO state, held_by FROM (
		SELECT 1 AS rank, CASE t.action WHEN 'suspend' THEN 'suspended' ELSE 'restricted' END AS state, 'account' AS held_by
		FROM billing.account_state s JOIN billing.lifecycle l USING (lifecycle_id) CROSS JOIN LATERAL billing.lifecycle_steps(l.rule) t
		WHERE s.account_id = _hold_of.account_id AND s.overdue_since IS NOT NULL AND t.step <= s.step
			AND (t.action = 'restrict' AND coalesce(t.argument, _hold_of.kind) = _hold_of.kind OR t.action = 'suspend' AND t.argument = _hold_of.kind)
			-- a plan with a policy of its own looks after its resource itself
			AND NOT EXISTS (SELECT FROM billing.subscription u JOIN billing.subscription_chain c USING (account_id, subscription_id)
				WHERE u.account_id = s.account_id AND u.resource = _hold_of.resource AND c.cause = 'overdue' AND u.state NOT IN ('released', 'cancelled'))
		UNION ALL
		SELECT 2, CASE t.action WHEN 'suspend' THEN 'suspended' ELSE 'restricted' END, 'subscription ' || u.subscription_id
		FROM billing.subscription u
		JOIN billing.subscription_chain c USING (account_id, subscription_id)
		JOIN billing.lifecycle l USING (lifecycle_id)
		CROSS JOIN LATERAL billing.lifecycle_steps(l.rule) t
		WHERE u.account_id = _hold_of.account_id AND u.state NOT IN ('released', 'cancelled') AND c.since IS NOT NULL AND t.step <= c.step
			AND t.action IN ('restrict', 'suspend')
			AND (u.resource = _hold_of.resource AND coalesce(t.argument, _hold_of.kind) = _hold_of.kind OR u.resource IS NULL AND t.argument = _hold_of.kind)
		UNION ALL
		-- of each meter the package that was bought last, where it cuts off, is over, and none that came before goes on
		SELECT 3, 'restricted', 'package ' || p.package_id
		FROM (SELECT DISTINCT ON (x.meter) x.* FROM billing.package x JOIN billing.package_resource b USING (account_id, package_id)
			WHERE x.account_id = _hold_of.account_id AND b.resource = _hold_of.resource AND x.state <> 'refunded' AND x.valid_from <= _hold_of.at
			ORDER BY x.meter, x.package_id DESC) p
		WHERE p.cut_off AND p.state IN ('exhausted', 'expired')
			AND NOT billing._is_covered(p.account_id, p.meter, _hold_of.resource, _hold_of.at)) h
	ORDER BY h.state = 'suspended' DESC, h.rank, h.held_by LIMIT 1;
END
$fn$;
COMMENT ON FUNCTION billing._hold_of(bigint, text, text, timestamptz)
	IS 'the strongest of what holds a resource as things stand: the account''s debt, the end of a plan, a package that is over; and the state that it puts the resource in; NULL: nothing';

CREATE FUNCTION billing._let_go(account_id bigint, holders text[], at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	IF holders = '{}' THEN
		RETURN;
	END IF;
	UPDATE billing.resource r
	SET state = coalesce(h.state, 'active'), since = CASE WHEN coalesce(h.state, 'active') = r.state THEN r.since ELSE _let_go.at END, held_by = h.held_by
	FROM (SELECT x.resource, o.state, o.held_by
		FROM billing.resource x CROSS JOIN LATERAL billing._hold_of(x.account_id, x.resource, x.kind, _let_go.at) o
		WHERE x.account_id = _let_go.account_id AND x.held_by = ANY (holders) AND x.state IN ('restricted', 'suspended')) h
	WHERE r.account_id = _let_go.account_id AND r.resource = h.resource;
END
$fn$;
COMMENT ON FUNCTION billing._let_go(bigint, text[], timestamptz)
	IS 'resources that come back by themselves, as those that are named hold them no more: active, or held by whoever else holds them';

CREATE FUNCTION billing._resource_call(account_id bigint, resource text, call text, kind text, key text, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	r billing.resource;
	found_it boolean;
	holder text;
	to_state text := CASE call WHEN 'add_resource' THEN 'provisioning' WHEN 'remove_resource' THEN 'released' ELSE 'active' END;
BEGIN
	PERFORM billing._check_instant(call, at);
	-- the account first: a suspension in flight is waited for, and then seen
	PERFORM billing._lock_account(account_id);
	IF billing._claim_request(account_id, key, call, jsonb_strip_nulls(jsonb_build_object('resource', resource, 'kind', kind)), at) IS NOT NULL THEN
		RETURN;
	END IF;
	PERFORM billing._check_may(account_id, call, at);
	IF coalesce(resource, '') = '' OR (call = 'add_resource' AND coalesce(kind, '') = '') THEN
		RAISE EXCEPTION '% "%" of kind "%" is not possible', call, coalesce(resource, 'NULL'), coalesce(kind, 'NULL') USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'A resource has a name, and when it is added a kind.',
			HINT = format('SELECT billing.add_resource(%s, ''www.example.com'', ''domain'');', account_id);
	ELSIF call = 'add_resource' AND greatest(octet_length(resource), octet_length(kind)) > 1000 THEN
		RAISE EXCEPTION 'resource "%..." has a name or kind that is too long', left(resource, 20) USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'Each has at most 1000 bytes, as the resource that usage bears.',
			HINT = 'Take a shorter name, such as a hash of it.';
	END IF;
	SELECT * INTO r FROM billing.resource x WHERE x.account_id = _resource_call.account_id AND x.resource = _resource_call.resource FOR UPDATE;
	found_it := FOUND;
	IF call = 'enable_resource' AND r.state IN ('restricted', 'suspended') THEN
		holder := (billing._hold_of(r.account_id, r.resource, r.kind, at)).held_by;
	END IF;
	IF found_it AND r.state = 'released' THEN
		RAISE EXCEPTION 'resource "%" of account % was released', resource, account_id USING
			ERRCODE = 'UB022',
			DETAIL = format('It was given up with its configuration at %s and does not come back.', r.since),
			HINT = 'Add a resource of another name.';
	ELSIF found_it AND call = 'add_resource' THEN
		RAISE EXCEPTION 'account % has resource "%" already', account_id, resource USING
			ERRCODE = 'unique_violation',
			DETAIL = format('It is a %s, %s since %s.', r.kind, r.state, r.since),
			HINT = 'Names of resources are unique within an account.';
	ELSIF NOT found_it AND call <> 'add_resource' THEN
		RAISE EXCEPTION 'account % has no resource "%"', account_id, resource USING
			ERRCODE = 'UB048',
			DETAIL = 'No resource of that name was added to that account.',
			HINT = format('SELECT resource FROM billing.resources WHERE account_id = %s;', account_id);
	ELSIF call = 'activate_resource' AND r.state NOT IN ('provisioning', 'active') OR call = 'enable_resource' AND r.state = 'provisioning' THEN
		RAISE EXCEPTION '%: resource "%" of account % is %', call, resource, account_id, r.state USING
			ERRCODE = 'UB023',
			DETAIL = format('It is so since %s.', r.since),
			HINT = CASE call WHEN 'enable_resource' THEN format('billing.activate_resource(%s, %L) begins its service.', account_id, resource)
				ELSE format('billing.enable_resource(%s, %L) brings it back.', account_id, resource) END;
	ELSIF holder IS NOT NULL THEN
		RAISE EXCEPTION 'resource "%" of account % is held by %', resource, account_id, holder USING
			ERRCODE = 'UB023',
			DETAIL = format('It is %s since %s, and what holds it is still there.', r.state, r.since),
			HINT = format('SELECT * FROM billing.explain_account(%s); tells what would clear it.', account_id);
	END IF;
	IF call = 'remove_resource' THEN
		PERFORM billing._check_not_awaited(account_id, resource);
	END IF;
	IF NOT found_it THEN
		INSERT INTO billing.resource (account_id, resource, kind, state, since, added_at)
		VALUES (_resource_call.account_id, _resource_call.resource, _resource_call.kind, to_state, _resource_call.at, _resource_call.at);
	ELSIF r.state <> to_state THEN
		UPDATE billing.resource x SET state = to_state, since = _resource_call.at, held_by = NULL
		WHERE x.account_id = _resource_call.account_id AND x.resource = _resource_call.resource;
	END IF;
	IF r.state IS DISTINCT FROM to_state THEN
		PERFORM billing._note_step(account_id, 'resource', resource,
			CASE call WHEN 'add_resource' THEN 'provision' ELSE split_part(call, '_', 1) END, NULL, at);
	END IF;
	IF call = 'activate_resource' THEN
		-- plans that waited for it
		PERFORM billing._start_subscription(s.account_id, s.subscription_id, greatest(at, s.created_at)) FROM billing.subscription s
		WHERE s.account_id = _resource_call.account_id AND s.resource = _resource_call.resource AND s.state = 'provisioning'
		ORDER BY s.subscription_id;
	END IF;
	PERFORM billing._answer_request(account_id, key, 'true');
END
$fn$;
COMMENT ON FUNCTION billing._resource_call(bigint, text, text, text, text, timestamptz) IS 'what the four calls about a resource have in common';

CREATE FUNCTION billing.add_resource(account_id bigint, resource text, kind text, key text DEFAULT NULL, at timestamptz DEFAULT now()) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT billing._resource_call(account_id, resource, 'add_resource', kind, key, at) $fn$;
COMMENT ON FUNCTION billing.add_resource(bigint, text, text, text, timestamptz) IS 'a resource that the account is about to have: provisioning';

CREATE FUNCTION billing.activate_resource(account_id bigint, resource text, key text DEFAULT NULL, at timestamptz DEFAULT now()) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT billing._resource_call(account_id, resource, 'activate_resource', NULL, key, at) $fn$;
COMMENT ON FUNCTION billing.activate_resource(bigint, text, text, timestamptz) IS 'a resource that was added is in service from now on: active; the plans that wait for it begin';

CREATE FUNCTION billing.enable_resource(account_id bigint, resource text, key text DEFAULT NULL, at timestamptz DEFAULT now()) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT billing._resource_call(account_id, resource, 'enable_resource', NULL, key, at) $fn$;
COMMENT ON FUNCTION billing.enable_resource(bigint, text, text, timestamptz)
	IS 'brings back a resource that was restricted or suspended, once the account''s debt is gone; a released one does not come back';

CREATE FUNCTION billing.remove_resource(account_id bigint, resource text, key text DEFAULT NULL, at timestamptz DEFAULT now()) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT billing._resource_call(account_id, resource, 'remove_resource', NULL, key, at) $fn$;
COMMENT ON FUNCTION billing.remove_resource(bigint, text, text, timestamptz) IS 'gives a resource up, for good: released';

CREATE FUNCTION billing.set_low_balance(account_id bigint, amount billing.amount, key text DEFAULT NULL, at timestamptz DEFAULT now()) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	turns boolean;
BEGIN
	PERFORM billing._check_instant('set_low_balance', at);
	PERFORM billing._lock_account(account_id);
	IF billing._claim_request(account_id, key, 'set_low_balance', jsonb_build_object('amount', amount), at) IS NOT NULL THEN
		RETURN;
	END IF;
	IF amount IN ('NaN', 'Infinity', '-Infinity') THEN
		RAISE EXCEPTION 'threshold % is out of range', amount USING
			ERRCODE = 'numeric_value_out_of_range',
			DETAIL = 'A threshold is a finite amount; below it a notice is written.',
			HINT = 'Give NULL for no threshold.';
	ELSIF amount <> (SELECT round(set_low_balance.amount, c.decimals) FROM billing.account a JOIN billing.currency c USING (currency)
		WHERE a.account_id = set_low_balance.account_id)
	THEN
		RAISE EXCEPTION 'threshold % has more decimals than the account''s currency', amount USING
			ERRCODE = 'numeric_value_out_of_range',
			DETAIL = format('The balance is kept in %s.', (SELECT a.currency FROM billing.account a WHERE a.account_id = set_low_balance.account_id)),
			HINT = 'Round it before you call.';
	END IF;
	-- a new threshold is a new cause
	UPDATE billing.account_state s SET low_balance_at = set_low_balance.amount, low_since = NULL
	WHERE s.account_id = set_low_balance.account_id
	RETURNING billing._turns(s.balance, s.credit_limit, s.unbilled, s.not_due, s.state, s.overdue_since, s.low_balance_at, s.low_since) INTO turns;
	IF turns THEN
		PERFORM billing._turn_accounts(ARRAY[account_id], at, at);
	END IF;
	PERFORM billing._answer_request(account_id, key, 'true');
END
$fn$;
COMMENT ON FUNCTION billing.set_low_balance(bigint, billing.amount, text, timestamptz)
	IS 'from now on a notice is written each time the balance falls below an amount; NULL: no more';

CREATE FUNCTION billing.close_account(account_id bigint, key text DEFAULT NULL, at timestamptz DEFAULT now()) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
#variable_conflict use_column
DECLARE
	money numeric;
	was text;
BEGIN
	PERFORM billing._check_instant('close_account', at);
	money := billing._lock_account(account_id);
	IF billing._claim_request(account_id, key, 'close_account', '{}', at) IS NOT NULL THEN
		RETURN;
	END IF;
	SELECT s.state INTO was FROM billing.account_state s WHERE s.account_id = close_account.account_id;
	IF was = 'closed' THEN
		PERFORM billing._check_may(account_id, 'close_account', at);
	ELSIF money <> 0 THEN
		RAISE EXCEPTION 'account % has a balance of % and can not be closed', account_id, money USING
			ERRCODE = 'UB024',
			DETAIL = 'An account is closed once nobody owes anybody anything.',
			HINT = CASE WHEN money > 0 THEN format('SELECT billing.pay_out(%s, %s); first.', account_id, money)
				ELSE format('SELECT billing.top_up(%s, %s); or billing.write_off() first.', account_id, -money) END;
	ELSIF EXISTS (SELECT FROM billing.position p WHERE p.account_id = close_account.account_id AND p.closes_at IS NOT NULL) THEN
		RAISE EXCEPTION 'account % has usage whose money moves later', account_id USING
			ERRCODE = 'UB024',
			DETAIL = format('Its last counter period closes at %s.', (SELECT max(p.closes_at) FROM billing.position p WHERE p.account_id = close_account.account_id)),
			HINT = 'Close the account after that, when the balance is 0.';
	END IF;
	WITH gone AS (
		UPDATE billing.resource r SET state = 'released', since = close_account.at, held_by = NULL
		WHERE r.account_id = close_account.account_id AND r.state <> 'released'
		RETURNING r.account_id, r.resource
	)
	INSERT INTO billing.lifecycle_step (account_id, subject, subject_id, action, due_at, at, applied_at, reason)
	SELECT g.account_id, 'resource', g.resource, 'remove', close_account.at, close_account.at, close_account.at, 'the account was closed' FROM gone g;
	UPDATE billing.account_state s
	SET state = 'closed', state_since = close_account.at, overdue_since = NULL, next_at = NULL, low_since = NULL, low_balance_at = NULL
	WHERE s.account_id = close_account.account_id;
	UPDATE billing.subscription_chain c SET next_at = NULL WHERE c.account_id = close_account.account_id;
	UPDATE billing.package_chain c SET next_at = NULL WHERE c.account_id = close_account.account_id;
	PERFORM billing._note_step(account_id, 'account', account_id::text, 'close', NULL, at);
	PERFORM billing._answer_request(account_id, key, 'true');
END
$fn$;
COMMENT ON FUNCTION billing.close_account(bigint, text, timestamptz)
	IS 'ends an account whose balance is 0, and releases its resources; usage that still arrives is charged, but no timer runs any more';

CREATE FUNCTION billing.override_lifecycle(account_id bigint, subject text, subject_id text, until timestamptz, reason text,
	key text DEFAULT NULL, at timestamptz DEFAULT now()) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	answer jsonb;
	id bigint;
	wrong text;
BEGIN
	PERFORM billing._check_instant('override_lifecycle', at);
	PERFORM billing._lock_account(account_id);
	IF subject = 'account' THEN
		subject_id := coalesce(subject_id, account_id::text);
	END IF;
	answer := billing._claim_request(account_id, key, 'override_lifecycle',
		jsonb_build_object('subject', subject, 'subject_id', subject_id, 'until', extract(epoch FROM until), 'reason', reason), at);
	IF answer IS NOT NULL THEN
		RETURN answer::bigint;
	END IF;
	IF (SELECT s.state FROM billing.account_state s WHERE s.account_id = override_lifecycle.account_id) = 'closed' THEN
		PERFORM billing._check_may(account_id, 'override_lifecycle', at);
	END IF;
	wrong := CASE WHEN subject IS NULL OR subject NOT IN ('account', 'subscription', 'package')
			THEN format('subject %s; it is account, subscription or package: a resource has no steps of its own', coalesce('"' || subject || '"', 'NULL'))
		WHEN subject_id IS NULL OR NOT CASE subject WHEN 'account' THEN subject_id = account_id::text
				WHEN 'subscription' THEN EXISTS (SELECT FROM billing.subscription s
					WHERE s.account_id = override_lifecycle.account_id AND s.subscription_id::text = override_lifecycle.subject_id)
				ELSE EXISTS (SELECT FROM billing.package p WHERE p.account_id = override_lifecycle.account_id AND p.package_id::text = override_lifecycle.subject_id) END
			THEN format('subject_id %s; it names one of the account''s own', coalesce('"' || subject_id || '"', 'NULL'))
		WHEN until IS NULL OR NOT isfinite(until) THEN format('until %s; an override ends by itself, at a finite instant', coalesce(until::text, 'NULL'))
		WHEN until <= at THEN format('until %s; it ends after it begins', until)
		WHEN coalesce(btrim(reason), '') = '' THEN format('reason %s; it is shown in the history', coalesce('"' || reason || '"', 'NULL')) END;
	IF wrong IS NOT NULL THEN
		RAISE EXCEPTION 'account % can not have an override with %', account_id, split_part(wrong, '; ', 1) USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = format('%s.', initcap(left(split_part(wrong, '; ', 2), 1)) || substr(split_part(wrong, '; ', 2), 2)),
			HINT = format('SELECT billing.override_lifecycle(%s, ''account'', %L, until => now() + interval ''7 days'', reason => ''...'');', account_id, account_id::text);
	END IF;
	INSERT INTO billing.lifecycle_override (account_id, subject, subject_id, until, reason, at)
	VALUES (override_lifecycle.account_id, override_lifecycle.subject, override_lifecycle.subject_id, override_lifecycle.until,
		override_lifecycle.reason, override_lifecycle.at)
	RETURNING override_id INTO id;
	PERFORM billing._answer_request(account_id, key, to_jsonb(id));
	RETURN id;
END
$fn$;
COMMENT ON FUNCTION billing.override_lifecycle(bigint, text, text, timestamptz, text, text, timestamptz)
	IS 'holds the steps of a subject back until an instant, and returns the override_id; each step held back is in the history';
