-- What changes a subscription: another plan, its flag, its end, a refund; what an order would cost; and what guards the catalogue of plans.

CREATE FUNCTION billing._guard_plan() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	-- both, or a row could be moved into a plan
	names text[] := ARRAY[CASE WHEN TG_OP <> 'INSERT' THEN OLD.plan END, CASE WHEN TG_OP <> 'DELETE' THEN NEW.plan END];
	name text;
BEGIN
	-- locked: a first subscription in flight is waited for, and then seen
	PERFORM 1 FROM billing.plan p WHERE p.plan = ANY (names) ORDER BY p.plan FOR NO KEY UPDATE;
	SELECT p.plan INTO name FROM billing.plan p
	WHERE p.plan = ANY (names) AND (EXISTS (SELECT FROM billing.subscription s WHERE s.plan = p.plan)
		OR EXISTS (SELECT FROM billing.subscription s WHERE s.next_plan = p.plan)
		OR EXISTS (SELECT FROM billing.subscription_term t WHERE t.plan = p.plan))
	LIMIT 1;
	IF FOUND
	THEN
		RAISE EXCEPTION 'plan "%" can not be %', name, CASE WHEN TG_OP = 'DELETE' AND TG_TABLE_NAME = 'plan' THEN 'deleted' ELSE 'changed' END USING
			ERRCODE = 'UB007',
			DETAIL = format('It has subscriptions, and this would change a row of billing.%s.', TG_TABLE_NAME),
			HINT = CASE WHEN TG_TABLE_NAME IN ('plan_price', 'plan_option_price') THEN 'Insert a new price with a later valid_from: it takes over from that instant.'
				ELSE 'Insert a new plan under another name.' END;
	END IF;
	RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$fn$;
COMMENT ON FUNCTION billing._guard_plan() IS 'trigger: a plan that has subscriptions is immutable, with its options, prices, discounts and allowances';

CREATE FUNCTION billing.quote_plan(account_id bigint, plan text, region text DEFAULT '', quantity integer DEFAULT 1, options jsonb DEFAULT '{}',
	terms integer DEFAULT 1, voucher text DEFAULT NULL, at timestamptz DEFAULT now())
	RETURNS TABLE (line text, quantity_charged numeric, price numeric, amount numeric)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	p record;
	v record;
BEGIN
	PERFORM billing._check_holder(quote_plan.account_id, 'quote_plan', quote_plan.at);
	PERFORM billing._check_plan(quote_plan.account_id, quote_plan.plan, quote_plan.region, quote_plan.quantity, quote_plan.options, quote_plan.terms,
		quote_plan.at);
	p := billing._price_terms(quote_plan.account_id, quote_plan.plan, quote_plan.region, quote_plan.options, quote_plan.quantity, quote_plan.terms,
		quote_plan.at);
	SELECT * INTO v FROM billing._choose_voucher(quote_plan.account_id, quote_plan.voucher, p.list_price - p.discount,
		ARRAY[quote_plan.plan, p.product], quote_plan.at);
	RETURN QUERY VALUES
		('list price', quote_plan.terms::numeric, p.fee, p.list_price),
		('discount', NULL, NULL, -p.discount),
		('voucher', NULL, NULL, -coalesce(v.usable, 0)),
		('money', NULL, NULL, p.list_price - p.discount - coalesce(v.usable, 0));
END
$fn$;
COMMENT ON FUNCTION billing.quote_plan(bigint, text, text, integer, jsonb, integer, text, timestamptz)
	IS 'the lines of the order that billing.subscribe() would place: list price, discount, voucher, and the money that it takes';

-- Money is counted by days in the account's zone, the day of the change as one that remains; terms of hours by seconds.
CREATE FUNCTION billing._remaining(term_start timestamptz, term_end timestamptz, term interval, time_zone text, at timestamptz,
	OUT part numeric, OUT whole numeric)
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	since constant timestamptz := least(greatest(at, term_start), term_end);
BEGIN
	IF term_end = 'infinity' THEN
		part := 0;
		whole := 1;
	ELSIF extract(day FROM term) = 0 AND date_trunc('month', term) = interval '0' THEN
		part := extract(epoch FROM term_end - since);
		whole := extract(epoch FROM term_end - term_start);
	ELSE
		part := billing.days_between(since, term_end, time_zone);
		whole := billing.days_between(term_start, term_end, time_zone);
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._remaining(timestamptz, timestamptz, interval, text, timestamptz)
	IS 'the part of a term that remains at an instant, of its whole: all of one that has not begun, nothing of one that is over or has no end';

CREATE FUNCTION billing._change_share(plan text, term_start timestamptz, term_end timestamptz, is_last boolean, time_zone text, at timestamptz,
	OUT part numeric, OUT whole numeric)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	p billing.plan;
	since constant timestamptz := least(greatest(at, term_start), term_end);
	one_more integer := 0;
BEGIN
	SELECT * INTO STRICT p FROM billing.plan w WHERE w.plan = _change_share.plan;
	IF p.change_days = 'both ends' AND is_last AND since < term_end THEN
		-- the last second's day is that of the end, unless the end is a midnight
		one_more := billing.days_between(since, billing.last_second(term_end), time_zone) + 1 - billing.days_between(since, term_end, time_zone);
	END IF;
	IF p.change_share = '365/12' THEN
		part := 12 * (billing.days_between(since, term_end, time_zone) + one_more);
		whole := 365 * (extract(year FROM p.term) * 12 + extract(month FROM p.term));
	ELSE
		SELECT * INTO part, whole FROM billing._remaining(term_start, term_end, p.term, time_zone, at);
		IF p.term >= interval '1 day' THEN
			part := least(part + one_more, whole);
		END IF;
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._change_share(text, timestamptz, timestamptz, boolean, text, timestamptz)
	IS 'the share of a difference of fees that a change at an instant is charged for a term, by its plan; is_last: of the last paid term, whose end is that of the subscription';

CREATE FUNCTION billing._round_change(amount numeric, decimals integer, rounding text) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
-- shares have 20 decimals: what is whole but for their rounding is whole
AS $fn$ SELECT CASE rounding WHEN 'down' THEN trunc(round(amount, 15), decimals) ELSE round(amount, decimals) END $fn$;
COMMENT ON FUNCTION billing._round_change(numeric, integer, text) IS 'what a change costs, to the currency''s decimals as its plan says: half up, or down';

CREATE FUNCTION billing._upgraded_terms(account_id bigint, subscription_id bigint, plan text, fee numeric, at timestamptz)
	RETURNS TABLE (term integer, old_plan text, term_start timestamptz, term_end timestamptz, exact numeric)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT t.term, t.plan, t.term_start, t.term_end, billing.prorate(greatest(_upgraded_terms.fee - t.fee, 0), r.part, r.whole)
	FROM billing.subscription_term t
	JOIN billing.subscription s USING (account_id, subscription_id)
	JOIN billing.account a USING (account_id)
	JOIN billing.plan o ON o.plan = t.plan
	JOIN billing.plan n ON n.plan = _upgraded_terms.plan
	CROSS JOIN LATERAL billing._change_share(t.plan, t.term_start, t.term_end, t.term = s.paid_terms, a.time_zone, _upgraded_terms.at) r
	WHERE t.account_id = _upgraded_terms.account_id AND t.subscription_id = _upgraded_terms.subscription_id
		AND t.term_end > _upgraded_terms.at AND n.rank > o.rank
$fn$;
COMMENT ON FUNCTION billing._upgraded_terms(bigint, bigint, text, numeric, timestamptz)
	IS 'the paid terms that an upgrade changes, and what each costs: those that are not over, of plans of lower rank; fee: of a term of the new plan';

CREATE FUNCTION billing._upgrade(account_id bigint, subscription_id bigint, plan text, at timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
#variable_conflict use_column
DECLARE
	s billing.subscription;
	p billing.plan;
	places integer;
	rounding text;
	new_fee numeric;
	terms integer;
	total numeric;
	id bigint;
BEGIN
	SELECT * INTO STRICT s FROM billing.subscription w WHERE w.account_id = _upgrade.account_id AND w.subscription_id = _upgrade.subscription_id;
	SELECT * INTO STRICT p FROM billing.plan w WHERE w.plan = _upgrade.plan;
	SELECT c.decimals INTO STRICT places FROM billing.account a JOIN billing.currency c USING (currency) WHERE a.account_id = s.account_id;
	SELECT o.change_rounding INTO STRICT rounding FROM billing.plan o WHERE o.plan = s.plan;
	new_fee := (billing._price_terms(s.account_id, p.plan, s.region, s.options, s.quantity, 1, _upgrade.at)).fee;
	SELECT count(*), billing._round_change(sum(u.exact), places, rounding) INTO terms, total
	FROM billing._upgraded_terms(s.account_id, s.subscription_id, p.plan, new_fee, _upgrade.at) u;
	IF terms = 0 THEN
		RAISE EXCEPTION 'subscription % has ended', s.subscription_id USING
			ERRCODE = 'UB044',
			DETAIL = format('It is paid until %s; only paid terms can be upgraded.', s.paid_until),
			HINT = format('SELECT billing.renew_subscription(%s, %s); first.', s.account_id, s.subscription_id);
	END IF;
	id := billing._place_order(s.account_id, 'upgrade', 'subscription', s.subscription_id, p.plan, terms, total, 0, NULL,
		ARRAY[p.plan, p.product], format('plan %s to %s', s.plan, p.plan), false, _upgrade.at);

	PERFORM billing._keep_plan(s.account_id, s.subscription_id, u.old_plan, u.term_start, _upgrade.at)
	FROM billing._upgraded_terms(s.account_id, s.subscription_id, p.plan, new_fee, _upgrade.at) u WHERE u.term_start < _upgrade.at;

	-- what a term includes grows by seconds, other than its price
	INSERT INTO billing.allowance AS a (account_id, subscription_id, term, meter, region, resource, size, valid_from, valid_until)
	SELECT s.account_id, s.subscription_id, u.term, l.meter, l.region, s.resource,
		billing.prorate(greatest(l.quantity - coalesce(o.quantity, 0), 0) * s.quantity,
			extract(epoch FROM u.term_end - greatest(_upgrade.at, u.term_start)), extract(epoch FROM u.term_end - u.term_start)),
		u.term_start, u.term_end
	FROM billing._upgraded_terms(s.account_id, s.subscription_id, p.plan, new_fee, _upgrade.at) u
	JOIN billing.plan_allowance l ON l.plan = p.plan AND l.mode = 'subtract'
	JOIN billing.meter m ON m.meter = l.meter AND m.aggregation IN ('sum', 'count')
	LEFT JOIN billing.plan_allowance o ON o.plan = u.old_plan AND o.meter = l.meter AND o.region = l.region AND o.mode = 'subtract'
	ORDER BY u.term, l.meter, l.region
	ON CONFLICT (account_id, subscription_id, term, meter, region) DO UPDATE SET size = a.size + excluded.size;

	-- the order's money by running totals, as with any order
	UPDATE billing.subscription_term t
	SET plan = p.plan, fee = new_fee, list_price = t.list_price + u.paid, money = t.money + u.paid
	FROM (SELECT w.term, billing._round_change(w.up_to, places, rounding) - billing._round_change(w.up_to - w.exact, places, rounding) AS paid
		FROM (SELECT x.term, x.exact, sum(x.exact) OVER (ORDER BY x.term) AS up_to
			FROM billing._upgraded_terms(s.account_id, s.subscription_id, p.plan, new_fee, _upgrade.at) x) w) u
	WHERE t.account_id = s.account_id AND t.subscription_id = s.subscription_id AND t.term = u.term;
	PERFORM billing._keep_payments(s.account_id, s.subscription_id, id);
	UPDATE billing.subscription w SET plan = p.plan, fee = new_fee, next_plan = NULL
	WHERE w.account_id = s.account_id AND w.subscription_id = s.subscription_id;
	PERFORM billing._adopt_policies(s.account_id, s.subscription_id, _upgrade.at);
	RETURN id;
END
$fn$;
COMMENT ON FUNCTION billing._upgrade(bigint, bigint, text, timestamptz)
	IS 'places the order of an upgrade of all paid terms that are not over, and adds to what they include; the account is locked by the caller';

CREATE FUNCTION billing.change_plan(account_id bigint, subscription_id bigint, plan text, key text DEFAULT NULL, at timestamptz DEFAULT now())
	RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	answer jsonb;
	s billing.subscription;
	old billing.plan;
	new_plan billing.plan;
	why text;
	id bigint;
BEGIN
	PERFORM billing._check_holder(change_plan.account_id, 'change_plan', change_plan.at);
	answer := billing._claim_request(change_plan.account_id, change_plan.key, 'change_plan',
		jsonb_build_object('subscription_id', change_plan.subscription_id, 'plan', change_plan.plan), change_plan.at);
	IF answer IS NOT NULL THEN
		RETURN (answer #>> '{}')::bigint;
	END IF;
	PERFORM billing._lock_subscription(change_plan.account_id, change_plan.subscription_id);
	PERFORM billing._check_may(change_plan.account_id, 'change_plan', change_plan.at);
	PERFORM billing._check_subscription(change_plan.account_id, change_plan.subscription_id, 'running', 'not cancelled', 'started');
	SELECT * INTO STRICT s FROM billing.subscription w
	WHERE w.account_id = change_plan.account_id AND w.subscription_id = change_plan.subscription_id;
	PERFORM 1 FROM billing.plan w WHERE w.plan = change_plan.plan FOR SHARE;
	PERFORM billing._check_plan(s.account_id, change_plan.plan, s.region, s.quantity, s.options,
		(SELECT w.min_terms FROM billing.plan w WHERE w.plan = change_plan.plan), change_plan.at);
	SELECT * INTO STRICT old FROM billing.plan w WHERE w.plan = s.plan;
	SELECT * INTO STRICT new_plan FROM billing.plan w WHERE w.plan = change_plan.plan;

	IF new_plan.plan = old.plan AND s.next_plan IS NOT NULL THEN
		-- what was scheduled is taken back
		UPDATE billing.subscription w SET next_plan = NULL WHERE w.account_id = s.account_id AND w.subscription_id = s.subscription_id;
	ELSE
		why := CASE WHEN new_plan.plan = old.plan THEN 'It is on that plan.'
			WHEN new_plan.product <> old.product THEN format('A plan of product "%s" is not changed into one of "%s".', old.product, new_plan.product)
			WHEN (new_plan.term, new_plan.month_end) IS DISTINCT FROM (old.term, old.month_end) OR old.term IS NULL
				THEN 'Their terms have different lengths, or no end.'
			WHEN new_plan.rank <= old.rank AND old.downgrade = 'refuse' THEN 'Its rank is not higher, and the plan refuses a downgrade.'
			WHEN new_plan.rank <= old.rank AND NOT new_plan.renewable THEN 'It can not be renewed, so it is no next term.' END;
		IF why IS NOT NULL THEN
			RAISE EXCEPTION 'subscription % can not be changed from plan "%" to "%"', s.subscription_id, old.plan, new_plan.plan USING
				ERRCODE = 'UB045',
				DETAIL = why,
				HINT = format('SELECT plan, rank, term FROM billing.plan WHERE product = %L; or cancel it and subscribe anew.', old.product);
		ELSIF new_plan.rank > old.rank THEN
			id := billing._upgrade(s.account_id, s.subscription_id, new_plan.plan, change_plan.at);
		ELSE
			-- is it sold here at all?
			PERFORM billing._price_terms(s.account_id, new_plan.plan, s.region, s.options, s.quantity, 1, change_plan.at);
			UPDATE billing.subscription w SET next_plan = new_plan.plan WHERE w.account_id = s.account_id AND w.subscription_id = s.subscription_id;
		END IF;
	END IF;
	PERFORM billing._answer_request(change_plan.account_id, change_plan.key, coalesce(to_jsonb(id), 'null'));
	RETURN id;
END
$fn$;
COMMENT ON FUNCTION billing.change_plan(bigint, bigint, text, text, timestamptz)
	IS 'upgrades all paid terms to a plan of higher rank and returns the order_id; a lower one takes over with the next term that is bought (NULL), or is refused';

CREATE FUNCTION billing.set_subscription_auto_renew(account_id bigint, subscription_id bigint, enabled boolean,
	key text DEFAULT NULL, at timestamptz DEFAULT now()) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	answer jsonb;
	next_plan text;
BEGIN
	PERFORM billing._check_holder(set_subscription_auto_renew.account_id, 'set_subscription_auto_renew', set_subscription_auto_renew.at);
	IF enabled IS NULL THEN
		RAISE EXCEPTION 'auto-renewal of subscription % can not be NULL', subscription_id USING
			ERRCODE = 'null_value_not_allowed',
			DETAIL = 'It is on or off.',
			HINT = 'Give true or false.';
	END IF;
	answer := billing._claim_request(set_subscription_auto_renew.account_id, set_subscription_auto_renew.key, 'set_subscription_auto_renew',
		jsonb_build_object('subscription_id', set_subscription_auto_renew.subscription_id, 'enabled', enabled), set_subscription_auto_renew.at);
	IF answer IS NOT NULL THEN
		RETURN answer::boolean;
	END IF;
	PERFORM billing._lock_subscription(set_subscription_auto_renew.account_id, set_subscription_auto_renew.subscription_id);
	PERFORM billing._check_may(set_subscription_auto_renew.account_id, 'set_subscription_auto_renew', set_subscription_auto_renew.at);
	PERFORM billing._check_subscription(set_subscription_auto_renew.account_id, set_subscription_auto_renew.subscription_id, 'running');
	IF enabled THEN
		PERFORM billing._check_subscription(set_subscription_auto_renew.account_id, set_subscription_auto_renew.subscription_id, 'not cancelled');
		SELECT coalesce(s.next_plan, s.plan) INTO next_plan FROM billing.subscription s
		WHERE s.account_id = set_subscription_auto_renew.account_id AND s.subscription_id = set_subscription_auto_renew.subscription_id;
		PERFORM billing._check_renewable(next_plan);
	END IF;
	-- what is on stays as it is: a renewal that waits for money goes on waiting
	UPDATE billing.subscription s SET auto_renew = enabled
	WHERE s.account_id = set_subscription_auto_renew.account_id AND s.subscription_id = set_subscription_auto_renew.subscription_id
		AND s.auto_renew <> enabled;
	IF FOUND THEN
		PERFORM billing._set_renew_at(set_subscription_auto_renew.account_id, set_subscription_auto_renew.subscription_id, set_subscription_auto_renew.at);
		PERFORM billing._set_next_steps(ARRAY[set_subscription_auto_renew.account_id], ARRAY[set_subscription_auto_renew.subscription_id]);
	END IF;
	PERFORM billing._answer_request(set_subscription_auto_renew.account_id, set_subscription_auto_renew.key, to_jsonb(enabled));
	RETURN enabled;
END
$fn$;
COMMENT ON FUNCTION billing.set_subscription_auto_renew(bigint, bigint, boolean, text, timestamptz)
	IS 'switches the automatic renewal of a subscription on or off';

CREATE FUNCTION billing._close_subscription(account_id bigint, subscription_id bigint, at timestamptz) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
	UPDATE billing.allowance a SET valid_until = greatest(a.valid_from, least(a.valid_until, _close_subscription.at))
	WHERE a.account_id = _close_subscription.account_id AND a.subscription_id = _close_subscription.subscription_id
		AND a.valid_until > _close_subscription.at;
	UPDATE billing.subscription s
	SET state = 'cancelled', since = _close_subscription.at, ended_at = _close_subscription.at, auto_renew = false, renew_at = NULL,
		renewal_failed_at = NULL, next_plan = NULL
	WHERE s.account_id = _close_subscription.account_id AND s.subscription_id = _close_subscription.subscription_id;
	UPDATE billing.subscription_chain c SET next_at = NULL
	WHERE c.account_id = _close_subscription.account_id AND c.subscription_id = _close_subscription.subscription_id
$fn$;
COMMENT ON FUNCTION billing._close_subscription(bigint, bigint, timestamptz) IS 'ends a subscription and its allowances at an instant';

CREATE FUNCTION billing.cancel_subscription(account_id bigint, subscription_id bigint, at_term_end boolean DEFAULT true,
	key text DEFAULT NULL, at timestamptz DEFAULT now()) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	answer jsonb;
	s billing.subscription;
	ends timestamptz := at;
BEGIN
	PERFORM billing._check_holder(cancel_subscription.account_id, 'cancel_subscription', cancel_subscription.at);
	answer := billing._claim_request(cancel_subscription.account_id, cancel_subscription.key, 'cancel_subscription',
		jsonb_build_object('subscription_id', cancel_subscription.subscription_id, 'at_term_end', at_term_end), cancel_subscription.at);
	IF answer IS NOT NULL THEN
		RETURN (answer #>> '{}')::timestamptz;
	END IF;
	PERFORM billing._lock_subscription(cancel_subscription.account_id, cancel_subscription.subscription_id);
	SELECT * INTO STRICT s FROM billing.subscription w
	WHERE w.account_id = cancel_subscription.account_id AND w.subscription_id = cancel_subscription.subscription_id;
	PERFORM billing._check_subscription(s.account_id, s.subscription_id, 'running');
	-- one that was cancelled for its end may still be cancelled at once
	IF coalesce(at_term_end, true) OR s.ended_at <= cancel_subscription.at THEN
		PERFORM billing._check_subscription(s.account_id, s.subscription_id, 'not cancelled');
	END IF;
	-- no end, or one that is past, is no end to wait for
	IF coalesce(at_term_end, true) AND s.paid_until > cancel_subscription.at AND s.paid_until < 'infinity' THEN
		ends := s.paid_until;
		UPDATE billing.subscription w SET ended_at = ends, auto_renew = false, renew_at = NULL, renewal_failed_at = NULL, next_plan = NULL
		WHERE w.account_id = s.account_id AND w.subscription_id = s.subscription_id;
		PERFORM billing._set_next_steps(ARRAY[s.account_id], ARRAY[s.subscription_id]);
	ELSE
		PERFORM billing._close_subscription(s.account_id, s.subscription_id, ends);
	END IF;
	PERFORM billing._answer_request(cancel_subscription.account_id, cancel_subscription.key, to_jsonb(ends));
	RETURN ends;
END
$fn$;
COMMENT ON FUNCTION billing.cancel_subscription(bigint, bigint, boolean, text, timestamptz)
	IS 'ends a subscription with its last paid term, or at once; gives no money back; returns the instant of its end';

CREATE FUNCTION billing._refund_due(account_id bigint, subscription_id bigint, rule text, at timestamptz,
	OUT terms integer, OUT money numeric, OUT voucher_amount numeric)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	places integer;
BEGIN
	SELECT c.decimals INTO STRICT places
	FROM billing.account a JOIN billing.currency c USING (currency) WHERE a.account_id = _refund_due.account_id;
	-- What has not begun comes back in full; an upgrade by the days that it was paid for.  A used value is set off against what the wallet paid for the same order: against that first,
	-- the voucher's part last; never below 0.
	WITH paid AS (
		SELECT l.order_id, l.term, l.is_left, l.money, l.voucher_amount,
			billing.prorate(l.list_price, l.whole - l.part, l.whole) AS used,
			CASE rule WHEN 'full' THEN l.money ELSE billing.prorate(l.money, l.part, l.whole) END AS money_left,
			CASE rule WHEN 'full' THEN l.voucher_amount ELSE billing.prorate(l.voucher_amount, l.part, l.whole) END AS voucher_left
		FROM billing._payments_left(_refund_due.account_id, _refund_due.subscription_id, _refund_due.at) l
	), by_order AS (
		SELECT bool_or(p.is_left) AS is_left,
			CASE rule WHEN 'used value' THEN greatest(sum(p.money) - sum(p.used), 0)
				ELSE coalesce(sum(p.money_left) FILTER (WHERE p.is_left), 0) END AS money,
			CASE rule WHEN 'used value' THEN greatest(sum(p.money) + sum(p.voucher_amount) - sum(p.used), 0) - greatest(sum(p.money) - sum(p.used), 0)
				ELSE coalesce(sum(p.voucher_left) FILTER (WHERE p.is_left), 0) END AS voucher_amount
		FROM paid p GROUP BY p.order_id
	)
	SELECT (SELECT count(DISTINCT p.term) FILTER (WHERE p.is_left) FROM paid p),
		round(sum(b.money) FILTER (WHERE b.is_left), places), round(sum(b.voucher_amount) FILTER (WHERE b.is_left), places)
	INTO terms, money, voucher_amount FROM by_order b;
END
$fn$;
COMMENT ON FUNCTION billing._refund_due(bigint, bigint, text, timestamptz)
	IS 'what a refund gives back at an instant: terms that are not over, money for the wallet, and the part of vouchers that is lost';

CREATE FUNCTION billing._refund_rule(account_id bigint, plan text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT CASE WHEN p.refund_again IS NOT NULL AND EXISTS (SELECT FROM billing.purchase o JOIN billing.plan q ON q.plan = o.product
		WHERE o.account_id = _refund_rule.account_id AND o.kind = 'refund' AND o.subject = 'subscription'
			AND (q.plan = p.plan OR q.product = p.product AND p.product <> '')) THEN p.refund_again ELSE p.refund END
	FROM billing.plan p WHERE p.plan = _refund_rule.plan
$fn$;
COMMENT ON FUNCTION billing._refund_rule(bigint, text) IS 'what a refund of a plan gives back to an account: the plan''s refund, or its refund_again where the account had one';

CREATE FUNCTION billing._check_refundable(account_id bigint, subscription_id bigint, at timestamptz) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	s billing.subscription;
	p billing.plan;
	why text;
BEGIN
	SELECT * INTO STRICT s FROM billing.subscription w
	WHERE w.account_id = _check_refundable.account_id AND w.subscription_id = _check_refundable.subscription_id;
	SELECT * INTO STRICT p FROM billing.plan w WHERE w.plan = s.plan;
	IF p.refund = 'none' THEN
		why := 'Its plan gives nothing back.';
	ELSIF billing._refund_rule(s.account_id, s.plan) = 'none' THEN
		why := 'Its plan gives nothing back to an account that had a refund of it.';
	ELSIF s.state <> 'provisioning' AND p.refund_days IS NOT NULL THEN
		SELECT format('It could be asked for until %s.', billing.last_second(x.until)) INTO why
		FROM billing.account a CROSS JOIN LATERAL billing.term_end(s.anchor, p.refund_days, 'day', a.time_zone) x(until)
		WHERE a.account_id = s.account_id AND x.until <= _check_refundable.at;
	END IF;
	IF why IS NULL AND p.refund_unused THEN
		SELECT format('%s of meter "%s" are used.', a.used, a.meter) INTO why
		FROM billing.allowance a
		JOIN billing.subscription_term t USING (account_id, subscription_id, term)
		LEFT JOIN billing.plan_allowance l ON l.plan = t.plan AND l.meter = a.meter AND l.region = a.region
		WHERE a.account_id = s.account_id AND a.subscription_id = s.subscription_id AND a.used > coalesce(l.refund_up_to, 0)
		ORDER BY a.meter, a.region LIMIT 1;
	END IF;
	IF why IS NOT NULL THEN
		RAISE EXCEPTION 'subscription % can not be refunded', s.subscription_id USING
			ERRCODE = 'UB046',
			DETAIL = why,
			HINT = format('SELECT billing.cancel_subscription(%s, %s); ends it without a refund.', s.account_id, s.subscription_id);
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._check_refundable(bigint, bigint, timestamptz) IS 'raises UB046 where the plan gives no refund, not so late, or not for what is used';

CREATE FUNCTION billing.refund_subscription(account_id bigint, subscription_id bigint, key text DEFAULT NULL, at timestamptz DEFAULT now())
	RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	answer jsonb;
	s billing.subscription;
	due record;
	id bigint;
BEGIN
	PERFORM billing._check_holder(refund_subscription.account_id, 'refund_subscription', refund_subscription.at);
	answer := billing._claim_request(refund_subscription.account_id, refund_subscription.key, 'refund_subscription',
		jsonb_build_object('subscription_id', refund_subscription.subscription_id), refund_subscription.at);
	IF answer IS NOT NULL THEN
		RETURN answer::bigint;
	END IF;
	PERFORM billing._await_settling(refund_subscription.account_id);
	PERFORM billing._lock_subscription(refund_subscription.account_id, refund_subscription.subscription_id);
	SELECT * INTO STRICT s FROM billing.subscription w
	WHERE w.account_id = refund_subscription.account_id AND w.subscription_id = refund_subscription.subscription_id;
	PERFORM billing._check_subscription(s.account_id, s.subscription_id, 'running');
	PERFORM billing._check_refundable(s.account_id, s.subscription_id, refund_subscription.at);
	IF s.paid_until <= refund_subscription.at THEN
		RAISE EXCEPTION 'subscription % has ended', s.subscription_id USING
			ERRCODE = 'UB044',
			DETAIL = format('It was paid until %s, and nothing of it is left.', s.paid_until),
			HINT = format('SELECT billing.cancel_subscription(%s, %s); ends it without a refund.', s.account_id, s.subscription_id);
	END IF;
	due := billing._refund_due(s.account_id, s.subscription_id, billing._refund_rule(s.account_id, s.plan), refund_subscription.at);
	id := billing._place_refund(s.account_id, 'subscription', s.subscription_id, s.plan, due.terms, due.money, due.voucher_amount,
		format('plan %s, refund', s.plan), refund_subscription.at);
	PERFORM billing._close_subscription(s.account_id, s.subscription_id, refund_subscription.at);
	PERFORM billing._answer_request(refund_subscription.account_id, refund_subscription.key, to_jsonb(id));
	RETURN id;
END
$fn$;
COMMENT ON FUNCTION billing.refund_subscription(bigint, bigint, text, timestamptz)
	IS 'ends a subscription and gives back what its plan says; the part that vouchers paid is lost; returns the order_id';
