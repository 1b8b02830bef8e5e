-- Renewal and end of subscriptions: by a call, by themselves, once money has come in.  New terms count on from the old end.

CREATE FUNCTION billing._day_before(until timestamptz, time_zone text) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	RETURN (until AT TIME ZONE time_zone - interval '1 day') AT TIME ZONE time_zone;
END
$fn$;
COMMENT ON FUNCTION billing._day_before(timestamptz, text) IS 'the same wall time a calendar day earlier';

CREATE FUNCTION billing._set_renew_at(account_id bigint, subscription_id bigint, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	-- the day before the end by the account's clock, but not before the last term; what is asked for later is done at once
	UPDATE billing.subscription s
	SET renewal_failed_at = NULL,
		renew_at = CASE WHEN s.auto_renew AND s.state IN ('active', 'grace') AND s.paid_until < 'infinity' AND s.ended_at = 'infinity'
			THEN greatest(billing._day_before(s.paid_until, a.time_zone), t.term_start, _set_renew_at.at) END
	FROM billing.account a, billing.subscription_term t
	WHERE s.account_id = _set_renew_at.account_id AND s.subscription_id = _set_renew_at.subscription_id AND a.account_id = s.account_id
		AND t.account_id = s.account_id AND t.subscription_id = s.subscription_id AND t.term = s.paid_terms;
END
$fn$;
COMMENT ON FUNCTION billing._set_renew_at(bigint, bigint, timestamptz) IS 'sets when a subscription renews itself, from its flag, state and end; the caller sets the next step of its chains, which waits for that';

CREATE FUNCTION billing._renew(account_id bigint, subscription_id bigint, terms integer, voucher text, automatic boolean, at timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	s billing.subscription;
	p billing.plan;
	price record;
	id bigint;
BEGIN
	SELECT * INTO STRICT s FROM billing.subscription w WHERE w.account_id = _renew.account_id AND w.subscription_id = _renew.subscription_id;
	SELECT * INTO STRICT p FROM billing.plan w WHERE w.plan = coalesce(s.next_plan, s.plan);
	IF automatic AND billing._plan_fee(p.plan, s.region, s.options,
			(SELECT a.currency FROM billing.account a WHERE a.account_id = s.account_id), at) IS NULL THEN
		RETURN NULL;
	END IF;
	price := billing._price_terms(s.account_id, p.plan, s.region, s.options, s.quantity, _renew.terms, _renew.at);
	id := billing._place_order(s.account_id, 'renewal', 'subscription', s.subscription_id, p.plan, _renew.terms, price.list_price, price.discount,
		_renew.voucher, ARRAY[p.plan, p.product], format('plan %s, renewal', p.plan), _renew.automatic, _renew.at);
	IF id IS NULL THEN
		RETURN NULL;
	END IF;
	IF s.next_plan IS NOT NULL THEN
		UPDATE billing.subscription w SET next_plan = NULL WHERE w.account_id = s.account_id AND w.subscription_id = s.subscription_id;
	END IF;
	PERFORM billing._open_terms(s.account_id, s.subscription_id, id, p.plan, price.fee);
	IF s.paid_until < _renew.at THEN
		-- it counts on from the old end, but what was used since then was used without a plan
		INSERT INTO billing.subscription_pause AS x (account_id, subscription_id, paused_from, paused_until)
		VALUES (s.account_id, s.subscription_id, s.paid_until, _renew.at)
		ON CONFLICT ON CONSTRAINT subscription_pause_pkey DO UPDATE SET paused_until = excluded.paused_until;
	END IF;
	IF p.plan <> s.plan THEN
		PERFORM billing._adopt_policies(s.account_id, s.subscription_id, _renew.at);
	END IF;
	PERFORM billing._set_renew_at(s.account_id, s.subscription_id, _renew.at);
	-- late, it counts on from the old end, and may be over already
	IF EXISTS (SELECT FROM billing.subscription w
		WHERE w.account_id = s.account_id AND w.subscription_id = s.subscription_id AND w.paid_until > _renew.at)
	THEN
		PERFORM billing._end_expiry(s.account_id, s.subscription_id, _renew.at);
	ELSE
		PERFORM billing._set_next_steps(ARRAY[s.account_id], ARRAY[s.subscription_id]);
	END IF;
	RETURN id;
END
$fn$;
COMMENT ON FUNCTION billing._renew(bigint, bigint, integer, text, boolean, timestamptz)
	IS 'places the order of a renewal and adds its terms at the end; NULL: it was automatic and there was no money; the account is locked by the caller';

CREATE FUNCTION billing.renew_subscription(account_id bigint, subscription_id bigint, terms integer DEFAULT 1, voucher text DEFAULT NULL,
	key text DEFAULT NULL, at timestamptz DEFAULT now()) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	answer jsonb;
	p billing.plan;
	id bigint;
BEGIN
	PERFORM billing._check_holder(renew_subscription.account_id, 'renew_subscription', renew_subscription.at);
	answer := billing._claim_request(renew_subscription.account_id, renew_subscription.key, 'renew_subscription', jsonb_build_object(
		'subscription_id', renew_subscription.subscription_id, 'terms', renew_subscription.terms, 'voucher', renew_subscription.voucher),
		renew_subscription.at);
	IF answer IS NOT NULL THEN
		RETURN answer::bigint;
	END IF;
	PERFORM billing._lock_subscription(renew_subscription.account_id, renew_subscription.subscription_id);
	SELECT w.* INTO STRICT p FROM billing.subscription s JOIN billing.plan w ON w.plan = coalesce(s.next_plan, s.plan)
	WHERE s.account_id = renew_subscription.account_id AND s.subscription_id = renew_subscription.subscription_id;
	PERFORM billing._check_subscription(renew_subscription.account_id, renew_subscription.subscription_id, 'running', 'not cancelled');
	PERFORM billing._check_renewable(p.plan);
	PERFORM billing._check_subscription(renew_subscription.account_id, renew_subscription.subscription_id, 'started');
	PERFORM billing._check_terms(p.plan, renew_subscription.terms, 1);
	id := billing._renew(renew_subscription.account_id, renew_subscription.subscription_id, renew_subscription.terms, renew_subscription.voucher,
		false, renew_subscription.at);
	PERFORM billing._answer_request(renew_subscription.account_id, renew_subscription.key, to_jsonb(id));
	RETURN id;
END
$fn$;
COMMENT ON FUNCTION billing.renew_subscription(bigint, bigint, integer, text, text, timestamptz)
	IS 'pays further terms, which count on from the old end, also after it; returns the order_id';

CREATE FUNCTION billing._renew_subscriptions(account_from bigint, account_to bigint, until timestamptz, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off
SET timezone = 'UTC'	-- instants among the facts and causes
SET datestyle = 'ISO'
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off	-- by the index of timers, as in _next_timer()
SET enable_bitmapscan = off
AS $fn$
DECLARE
	instant timestamptz;
	due billing.subscription;
	s billing.subscription;
BEGIN
	-- Instant by instant, one by one: the money of one may be missing for the next, and what a renewal makes due in turn is found again.
	LOOP
		SELECT min(w.renew_at) INTO instant FROM billing.subscription w
		WHERE w.renew_at <= _renew_subscriptions.until AND int8range(account_from, account_to) @> w.account_id
			AND (account_from + 1 = account_to OR NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = w.account_id));
		EXIT WHEN instant IS NULL;
		FOR due IN SELECT w.* FROM billing.subscription w
			WHERE w.renew_at = instant AND int8range(account_from, account_to) @> w.account_id
				AND (account_from + 1 = account_to OR NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = w.account_id))
			ORDER BY w.account_id, w.paid_until, w.subscription_id
		LOOP
			-- lock first, read after: it may have been switched off meanwhile
			PERFORM billing._lock_account(due.account_id);
			SELECT w.* INTO s FROM billing.subscription w
			WHERE w.account_id = due.account_id AND w.subscription_id = due.subscription_id AND w.renew_at = instant;
			CONTINUE WHEN NOT FOUND;
			IF s.state NOT IN ('active', 'grace') OR EXISTS (SELECT FROM billing.account_state x WHERE x.account_id = s.account_id AND x.state = 'closed') THEN
				UPDATE billing.subscription w SET auto_renew = false, renew_at = NULL WHERE w.account_id = s.account_id AND w.subscription_id = s.subscription_id;
				PERFORM billing._set_next_steps(ARRAY[s.account_id], ARRAY[s.subscription_id]);
			ELSIF billing._renew(s.account_id, s.subscription_id, 1, NULL, true, instant) IS NULL THEN
				UPDATE billing.subscription w SET renew_at = NULL, renewal_failed_at = instant
				WHERE w.account_id = s.account_id AND w.subscription_id = s.subscription_id;
				PERFORM billing._set_next_steps(ARRAY[s.account_id], ARRAY[s.subscription_id]);
				PERFORM billing._notify(s.account_id, 'renewal_failed', 'subscription', s.subscription_id::text, 'renewal of the term that ends ' || s.paid_until,
					jsonb_build_object('account_id', s.account_id, 'subscription_id', s.subscription_id, 'plan', coalesce(s.next_plan, s.plan), 'at', instant,
						'term_end', s.paid_until, 'reason', format('subscription %s to plan "%s" lacks money, and is tried again with every top-up', s.subscription_id,
							coalesce(s.next_plan, s.plan))), instant);
			END IF;
		END LOOP;
	END LOOP;
END
$fn$;
COMMENT ON FUNCTION billing._renew_subscriptions(bigint, bigint, timestamptz, timestamptz)
	IS 'places the automatic renewals that are due up to an instant; one that lacks money keeps its flag and waits for a top-up';

CREATE FUNCTION billing._retry_renewals(account_id bigint, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	s billing.subscription;
BEGIN
	FOR s IN SELECT * FROM billing.subscription w
		WHERE w.account_id = _retry_renewals.account_id AND w.renewal_failed_at IS NOT NULL AND w.auto_renew AND w.state IN ('active', 'grace')
		ORDER BY w.paid_until, w.subscription_id
	LOOP
		PERFORM billing._renew(s.account_id, s.subscription_id, 1, NULL, true, _retry_renewals.at);
	END LOOP;
END
$fn$;
COMMENT ON FUNCTION billing._retry_renewals(bigint, timestamptz) IS 'money came in: tries the renewals again that lacked it; the account is locked by the caller';

CREATE FUNCTION billing._end_subscriptions(account_from bigint, account_to bigint, timer timestamptz, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off	-- the first rows of a timer's index, as in _next_timer()
SET enable_bitmapscan = off
SET timezone = 'UTC'	-- instants among the facts and causes
SET datestyle = 'ISO'
AS $fn$
DECLARE
	accounts constant int8range := int8range(account_from, account_to);
	holders bigint[];
	ids bigint[];
BEGIN
	IF NOT EXISTS (SELECT FROM billing.subscription s WHERE s.state = 'active' AND s.paid_until < 'infinity' AND s.paid_until <= timer
		AND accounts @> s.account_id)
	THEN
		RETURN;
	END IF;
	-- Lock first, read after: a renewal in flight is waited for, and then seen.
	PERFORM 1 FROM billing.account_state a
	WHERE a.account_id >= account_from AND a.account_id < account_to
		AND a.account_id IN (SELECT s.account_id FROM billing.subscription s WHERE s.state = 'active' AND s.paid_until < 'infinity' AND s.paid_until <= timer
			AND accounts @> s.account_id)
		AND (account_from + 1 = account_to OR NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = a.account_id))
	ORDER BY a.account_id FOR NO KEY UPDATE;

	WITH ended AS (
		UPDATE billing.subscription s
		SET state = n.state, since = s.paid_until,
			ended_at = CASE n.state WHEN 'cancelled' THEN s.paid_until ELSE s.ended_at END,
			auto_renew = s.auto_renew AND n.state <> 'cancelled',
			renew_at = CASE n.state WHEN 'cancelled' THEN NULL ELSE s.renew_at END,
			renewal_failed_at = CASE n.state WHEN 'cancelled' THEN NULL ELSE s.renewal_failed_at END,
			next_plan = CASE n.state WHEN 'cancelled' THEN NULL ELSE s.next_plan END
		FROM (VALUES ('cancelled'), ('grace')) n(state)
		WHERE s.state = 'active' AND s.paid_until < 'infinity' AND s.paid_until <= timer AND accounts @> s.account_id
			AND n.state = CASE WHEN s.ended_at = 'infinity' AND EXISTS (SELECT FROM billing.subscription_chain c
				WHERE c.account_id = s.account_id AND c.subscription_id = s.subscription_id AND c.cause = 'expiry') THEN 'grace' ELSE 'cancelled' END
			AND (account_from + 1 = account_to OR NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = s.account_id))
		RETURNING s.account_id, s.subscription_id, s.state, s.plan, s.paid_until
	), begun AS (
		-- late by no more than settling always is, it counts from the end; later, from now: our delays shorten nobody's grace
		UPDATE billing.subscription_chain c
		SET since = CASE WHEN billing.lifecycle_catch_up(l.rule) = 'jump' OR _end_subscriptions.at <= billing.cycle_start(billing.cycle_of(e.paid_until) + 1)
				+ i.settle_delay + interval '15 minutes' THEN e.paid_until ELSE _end_subscriptions.at END
		FROM ended e, billing.lifecycle l, billing.installation i
		WHERE c.account_id = e.account_id AND c.subscription_id = e.subscription_id AND c.cause = 'expiry' AND l.lifecycle_id = c.lifecycle_id AND e.state = 'grace'
		RETURNING c.account_id, c.subscription_id, e.paid_until, c.since
	), noted AS (
		INSERT INTO billing.lifecycle_step (account_id, subject, subject_id, step, action, due_at, at, applied_at, cause)
		SELECT b.account_id, 'subscription', b.subscription_id::text, 0, 'end', b.paid_until, b.since, _end_subscriptions.at, 'expiry' FROM begun b
	), told AS (
		INSERT INTO billing.notice (account_id, kind, subject, subject_id, cause, facts, at)
		SELECT e.account_id, 'subscription_ended', 'subscription', e.subscription_id::text, 'end ' || e.paid_until,
			jsonb_build_object('account_id', e.account_id, 'subscription_id', e.subscription_id, 'plan', e.plan, 'term_end', e.paid_until, 'state', e.state), e.paid_until
		FROM ended e
		ON CONFLICT DO NOTHING
	)
	SELECT array_agg(e.account_id), array_agg(e.subscription_id) INTO holders, ids FROM ended e;
	PERFORM billing._set_next_steps(holders, ids);
END
$fn$;
COMMENT ON FUNCTION billing._end_subscriptions(bigint, bigint, timestamptz, timestamptz)
	IS 'ends the subscriptions that are paid until an instant: into the grace of their expiry policy, or for good';
