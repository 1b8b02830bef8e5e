-- Plans: what a term costs, and subscribing.  Terms follow one another from the anchor on; every term that is paid is a row with
-- what was paid for it, and opens its allowances.  Renewal and end: sql/47_subscription_renew.sql; what changes a running
-- subscription: sql/47_subscription_change.sql.

CREATE FUNCTION billing._check_holder(account_id bigint, call text, at timestamptz) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	PERFORM billing._check_installed();
	IF NOT EXISTS (SELECT FROM billing.account a WHERE a.account_id = _check_holder.account_id) THEN
		PERFORM billing._unknown_account(_check_holder.account_id);
	ELSIF at IS NULL OR at NOT BETWEEN '1970-01-01' AND '3000-01-01' THEN
		RAISE EXCEPTION '% at % is not possible', call, coalesce(at::text, 'NULL') USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'Orders are placed between the years 1970 and 3000.',
			HINT = 'Leave at out, or give the instant of the order.';
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._check_holder(bigint, text, timestamptz) IS 'raises unless the account exists and the instant is a possible one';

CREATE FUNCTION billing._lock_subscription(account_id bigint, subscription_id bigint) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	-- the account's lock guards all that hangs on it
	PERFORM billing._lock_account(_lock_subscription.account_id);
	IF NOT EXISTS (SELECT FROM billing.subscription s
			WHERE s.account_id = _lock_subscription.account_id AND s.subscription_id = _lock_subscription.subscription_id) THEN
		RAISE EXCEPTION 'account % has no subscription %', account_id, coalesce(subscription_id::text, 'NULL') USING
			ERRCODE = 'UB047',
			DETAIL = 'A subscription is named by its number, and belongs to one account.',
			HINT = format('SELECT subscription_id, plan, state FROM billing.subscriptions WHERE account_id = %s;', account_id);
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._lock_subscription(bigint, bigint) IS 'locks the account; raises UB047 unless the subscription is its own';

CREATE FUNCTION billing._check_subscription(account_id bigint, subscription_id bigint, VARIADIC needs text[]) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	s billing.subscription;
BEGIN
	SELECT * INTO STRICT s FROM billing.subscription w
	WHERE w.account_id = _check_subscription.account_id AND w.subscription_id = _check_subscription.subscription_id;
	IF 'running' = ANY (needs) AND s.state IN ('cancelled', 'released') THEN
		RAISE EXCEPTION 'subscription % has ended', s.subscription_id USING
			ERRCODE = 'UB044',
			DETAIL = format('It is %s since %s.', s.state, s.since),
			HINT = 'Subscribe anew: SELECT billing.subscribe(...).';
	ELSIF 'not cancelled' = ANY (needs) AND s.ended_at < 'infinity' THEN
		RAISE EXCEPTION 'subscription % was cancelled before', s.subscription_id USING
			ERRCODE = 'UB049',
			DETAIL = format('It ends at %s.', s.ended_at),
			HINT = 'Subscribe anew for the time after it: SELECT billing.subscribe(...).';
	ELSIF 'started' = ANY (needs) AND s.state = 'provisioning' THEN
		RAISE EXCEPTION 'subscription % has not started', s.subscription_id USING
			ERRCODE = 'object_not_in_prerequisite_state',
			DETAIL = format('Its first term starts when resource "%s" is activated.', s.resource),
			HINT = format('SELECT billing.activate_resource(%s, %L);', s.account_id, s.resource);
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._check_subscription(bigint, bigint, text[])
	IS 'raises UB044 for a subscription that is not running (cancelled, refunded or released), UB049 for one that was cancelled, at once or for its end, 55000 for one that has not started; needs names what is asked for';

CREATE FUNCTION billing._check_renewable(plan text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	p billing.plan;
BEGIN
	SELECT * INTO STRICT p FROM billing.plan w WHERE w.plan = _check_renewable.plan;
	IF NOT p.renewable OR p.term IS NULL THEN
		RAISE EXCEPTION 'plan "%" can not be renewed', p.plan USING
			ERRCODE = 'UB043',
			DETAIL = CASE WHEN p.term IS NULL THEN 'It has no end.' ELSE 'It is a trial, which ends.' END,
			HINT = CASE WHEN p.term IS NULL THEN 'Leave it as it is.' ELSE 'Subscribe to another plan: SELECT billing.subscribe(...).' END;
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._check_renewable(text) IS 'raises UB043 for a trial and for a plan without end';

CREATE FUNCTION billing._check_terms(plan text, terms integer, least_terms integer) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	most integer;
BEGIN
	SELECT CASE WHEN p.term IS NULL THEN 1 ELSE p.max_terms END INTO STRICT most FROM billing.plan p WHERE p.plan = _check_terms.plan;
	IF terms IS NULL OR terms NOT BETWEEN least_terms AND most THEN
		RAISE EXCEPTION 'plan "%" is not sold for % terms', plan, coalesce(terms::text, 'NULL') USING
			ERRCODE = 'UB041',
			DETAIL = format('Such an order is of %s to %s terms.', least_terms, most),
			HINT = 'Give a number of terms in that range.';
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._check_terms(text, integer, integer) IS 'raises UB041 for too few or too many terms in one order';

CREATE FUNCTION billing._check_options(account_id bigint, plan text, region text, options jsonb, at timestamptz) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	unknown record;
BEGIN
	IF options IS NULL OR jsonb_typeof(options) <> 'object' THEN
		RAISE EXCEPTION 'options % are not possible', coalesce(options::text, 'NULL') USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'Options are an object of names and values.',
			HINT = 'Leave options out for none, or write ''{"name": value}''.';
	END IF;
	PERFORM billing._check_option_values(_check_options.plan, _check_options.options);
	SELECT o.key, o.value INTO unknown FROM jsonb_each(options) o
	-- by a row that can be the price: one of another currency or region, or of later, would leave it for nothing
	WHERE NOT EXISTS (SELECT FROM billing.plan_price r JOIN billing.account a ON a.account_id = _check_options.account_id AND a.currency = r.currency
		WHERE r.plan = _check_options.plan AND r.options @> jsonb_build_object(o.key, o.value) AND r.options <@ _check_options.options
			AND r.region IN (_check_options.region, '') AND r.valid_from <= _check_options.at)
		-- one that the catalogue knows, and that no price of the plan depends on, costs nothing
		AND NOT (EXISTS (SELECT FROM billing.plan_option k WHERE k.plan = _check_options.plan AND k.option = o.key)
			AND NOT EXISTS (SELECT FROM billing.plan_price r WHERE r.plan = _check_options.plan AND r.options ? o.key)
			AND billing._option_is_sold(_check_options.plan, o.key, _check_options.region,
				(SELECT a.currency FROM billing.account a WHERE a.account_id = _check_options.account_id), _check_options.at))
	ORDER BY o.key LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'plan "%" has no option "%" of %', plan, unknown.key, unknown.value USING
			ERRCODE = 'UB042',
			DETAIL = 'No row of billing.plan_price or plan_option_price gives it a price in that currency and region, at that time and with the other options.',
			HINT = format('SELECT region, options, currency, valid_from, fee FROM billing.plan_price WHERE plan = %L;', plan);
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._check_options(bigint, text, text, jsonb, timestamptz)
	IS 'raises UB042 for an option, or a value of it, that the plan does not know, UB070 for one that is less than the option that it has to reach';

CREATE FUNCTION billing._check_plan(account_id bigint, plan text, region text, quantity integer, options jsonb, terms integer, at timestamptz)
	RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	p billing.plan;
BEGIN
	SELECT * INTO p FROM billing.plan w WHERE w.plan = _check_plan.plan;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'plan "%" does not exist', coalesce(plan, 'NULL') USING
			ERRCODE = 'UB039',
			DETAIL = 'The catalogue has no such plan.',
			HINT = 'SELECT plan, fee, currency, term FROM billing.plan;';
	ELSIF quantity IS NULL OR quantity NOT BETWEEN 1 AND 1000000 THEN
		RAISE EXCEPTION 'quantity % of plan "%" is not possible', coalesce(quantity::text, 'NULL'), plan USING
			ERRCODE = 'numeric_value_out_of_range',
			DETAIL = 'A subscription is of 1 to 1000000 pieces.',
			HINT = 'Give how many pieces, or leave quantity out for one.';
	ELSIF region IS NULL THEN
		RAISE EXCEPTION 'region NULL of plan "%" is not possible', plan USING
			ERRCODE = 'null_value_not_allowed',
			DETAIL = 'Any region is the empty text.',
			HINT = 'Leave region out, or name one.';
	END IF;
	PERFORM billing._check_terms(p.plan, _check_plan.terms, p.min_terms);
	PERFORM billing._check_options(_check_plan.account_id, p.plan, _check_plan.region, _check_plan.options, _check_plan.at);
END
$fn$;
COMMENT ON FUNCTION billing._check_plan(bigint, text, text, integer, jsonb, integer, timestamptz)
	IS 'raises UB039, UB041, UB042, 22003 or 22004 unless the plan can be subscribed to in that way';

CREATE FUNCTION billing._check_plan_resource(account_id bigint, plan text, resource text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	IF resource IS NULL AND (SELECT p.provisioned FROM billing.plan p WHERE p.plan = _check_plan_resource.plan) THEN
		RAISE EXCEPTION 'plan "%" needs a resource', plan USING
			ERRCODE = 'UB048',
			DETAIL = 'Its first term starts when the resource is activated.',
			HINT = format('SELECT billing.add_resource(%s, ...), and give its name.', account_id);
	ELSIF resource IS NOT NULL AND NOT EXISTS (SELECT FROM billing.resource r
			WHERE r.account_id = _check_plan_resource.account_id AND r.resource = _check_plan_resource.resource AND r.state <> 'released') THEN
		RAISE EXCEPTION 'account % has no resource "%"', account_id, resource USING
			ERRCODE = 'UB021',
			DETAIL = 'No resource of that name was added to that account, or it was released.',
			HINT = format('SELECT resource FROM billing.resources WHERE account_id = %s;', account_id);
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._check_plan_resource(bigint, text, text)
	IS 'raises UB021 for a resource that the account does not have, UB048 where the plan needs one and none is given';

-- The row with more options wins, then a named region, then the latest; the plan's own fee comes last.  What is priced by the
-- piece comes on top.
CREATE FUNCTION billing._plan_fee(plan text, region text, options jsonb, currency text, at timestamptz) RETURNS numeric
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	RETURN coalesce((SELECT r.fee FROM billing.plan_price r
		WHERE r.plan = _plan_fee.plan AND r.currency = _plan_fee.currency AND r.region IN (_plan_fee.region, '')
			AND r.options <@ _plan_fee.options AND r.valid_from <= _plan_fee.at
		ORDER BY (SELECT count(*) FROM jsonb_object_keys(r.options)) DESC, r.region <> '' DESC, r.valid_from DESC
		LIMIT 1),
		(SELECT p.fee FROM billing.plan p WHERE p.plan = _plan_fee.plan AND p.currency = _plan_fee.currency))
		+ billing._option_fees(_plan_fee.plan, _plan_fee.region, _plan_fee.options, _plan_fee.currency, _plan_fee.at);
END
$fn$;
COMMENT ON FUNCTION billing._plan_fee(text, text, jsonb, text, timestamptz) IS 'list price of one term of one piece; NULL: not sold in that currency and region';

CREATE FUNCTION billing._price_terms(account_id bigint, plan text, region text, options jsonb, quantity integer, terms integer, at timestamptz,
	OUT fee numeric, OUT list_price numeric, OUT discount numeric, OUT product text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	places integer;
	code text;
	share numeric;
BEGIN
	SELECT c.currency, c.decimals INTO STRICT code, places
	FROM billing.account a JOIN billing.currency c USING (currency) WHERE a.account_id = _price_terms.account_id;
	SELECT p.product INTO product FROM billing.plan p WHERE p.plan = _price_terms.plan;
	fee := billing._plan_fee(plan, region, options, code, at) * quantity;
	IF fee IS NULL THEN
		RAISE EXCEPTION 'plan "%" is not sold in % in region "%"', plan, code, region USING
			ERRCODE = 'UB040',
			DETAIL = format('Neither billing.plan_price nor the plan itself has a fee in %s at %s.', code, at),
			HINT = format('SELECT region, options, currency, valid_from, fee FROM billing.plan_price WHERE plan = %L;', plan);
	END IF;
	share := (SELECT d.discount FROM billing.plan_discount d
		WHERE d.plan = _price_terms.plan AND d.min_terms <= terms ORDER BY d.min_terms DESC LIMIT 1);
	list_price := round(fee * terms, places);
	discount := round(fee * terms * coalesce(share, 0), places);
END
$fn$;
COMMENT ON FUNCTION billing._price_terms(bigint, text, text, jsonb, integer, integer, timestamptz)
	IS 'what an order of terms costs before vouchers: fee of a term of all pieces, list price and discount of the order; raises UB040';

-- What an order paid is spread over its terms by running totals, so that they add up to it.
CREATE FUNCTION billing._open_terms(account_id bigint, subscription_id bigint, order_id bigint, plan text, fee numeric) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	s billing.subscription;
	p billing.plan;
	zone text;
	places integer;
BEGIN
	SELECT * INTO STRICT s FROM billing.subscription w
	WHERE w.account_id = _open_terms.account_id AND w.subscription_id = _open_terms.subscription_id;
	SELECT * INTO STRICT p FROM billing.plan w WHERE w.plan = _open_terms.plan;
	SELECT a.time_zone, c.decimals INTO STRICT zone, places
	FROM billing.account a JOIN billing.currency c USING (currency) WHERE a.account_id = s.account_id;

	INSERT INTO billing.subscription_term (account_id, subscription_id, term, plan, term_start, term_end, fee, list_price, money, voucher_amount, order_id)
	SELECT s.account_id, s.subscription_id, n.term, p.plan,
		CASE n.term WHEN 1 THEN s.anchor ELSE billing._after_terms(s.anchor, n.term - 1, p.term, zone, p.month_end) END,
		billing._after_terms(s.anchor, n.term, p.term, zone, p.month_end), _open_terms.fee,
		billing.prorate(o.list_price, k, o.quantity, places) - billing.prorate(o.list_price, k - 1, o.quantity, places),
		billing.prorate(o.money, k, o.quantity, places) - billing.prorate(o.money, k - 1, o.quantity, places),
		billing.prorate(o.voucher_amount, k, o.quantity, places) - billing.prorate(o.voucher_amount, k - 1, o.quantity, places),
		o.order_id
	FROM billing.purchase o
	CROSS JOIN LATERAL generate_series(1, o.quantity) k
	CROSS JOIN LATERAL (SELECT s.paid_terms + k AS term) n
	WHERE o.account_id = s.account_id AND o.order_id = _open_terms.order_id;

	INSERT INTO billing.allowance (account_id, subscription_id, term, meter, region, resource, size, valid_from, valid_until)
	SELECT t.account_id, t.subscription_id, t.term, l.meter, l.region, s.resource, l.quantity * s.quantity, t.term_start, t.term_end
	FROM billing.subscription_term t
	JOIN billing.plan_allowance l ON l.plan = t.plan AND l.mode = 'subtract'
	JOIN billing.meter m ON m.meter = l.meter AND m.aggregation IN ('sum', 'count')
	WHERE t.account_id = s.account_id AND t.subscription_id = s.subscription_id AND t.term > s.paid_terms
	ORDER BY t.term, l.meter, l.region;

	PERFORM billing._keep_payments(s.account_id, s.subscription_id, _open_terms.order_id);
	UPDATE billing.subscription w SET plan = p.plan, fee = _open_terms.fee, paid_terms = t.terms, paid_until = t.paid_until
	FROM (SELECT max(t.term) AS terms, max(t.term_end) AS paid_until FROM billing.subscription_term t
		WHERE t.account_id = s.account_id AND t.subscription_id = s.subscription_id) t
	WHERE w.account_id = s.account_id AND w.subscription_id = s.subscription_id;
END
$fn$;
COMMENT ON FUNCTION billing._open_terms(bigint, bigint, bigint, text, numeric) IS 'adds the terms that an order has paid at a fee, with their allowances';

CREATE FUNCTION billing._start_subscription(account_id bigint, subscription_id bigint, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	s billing.subscription;
	o billing.purchase;
	first_start timestamptz;
BEGIN
	SELECT * INTO STRICT s FROM billing.subscription w
	WHERE w.account_id = _start_subscription.account_id AND w.subscription_id = _start_subscription.subscription_id;
	SELECT * INTO STRICT o FROM billing.purchase w
	WHERE w.account_id = s.account_id AND w.subject = 'subscription' AND w.subject_id = s.subscription_id;
	SELECT billing.term_start(_start_subscription.at, p.starts, a.time_zone) INTO STRICT first_start
	FROM billing.plan p, billing.account a WHERE p.plan = s.plan AND a.account_id = s.account_id;
	UPDATE billing.subscription w SET state = 'active', since = _start_subscription.at, anchor = first_start
	WHERE w.account_id = s.account_id AND w.subscription_id = s.subscription_id;
	UPDATE billing.subscription_options w SET decided_at = _start_subscription.at
	WHERE w.account_id = s.account_id AND w.subscription_id = s.subscription_id AND w.decided_at < _start_subscription.at;
	PERFORM billing._open_terms(s.account_id, s.subscription_id, o.order_id, s.plan, s.fee);
	PERFORM billing._set_renew_at(s.account_id, s.subscription_id, _start_subscription.at);
	PERFORM billing._set_next_steps(ARRAY[s.account_id], ARRAY[s.subscription_id]);
	PERFORM billing._turn_subscriptions(ARRAY[s.account_id], _start_subscription.at, _start_subscription.at);
END
$fn$;
COMMENT ON FUNCTION billing._start_subscription(bigint, bigint, timestamptz) IS 'starts the first term of a subscription that is paid';

CREATE FUNCTION billing.subscribe(account_id bigint, plan text, resource text DEFAULT NULL, terms integer DEFAULT 1, quantity integer DEFAULT 1,
	region text DEFAULT '', options jsonb DEFAULT '{}', auto_renew boolean DEFAULT false, voucher text DEFAULT NULL,
	key text DEFAULT NULL, at timestamptz DEFAULT now()) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	answer jsonb;
	p billing.plan;
	price record;
	id bigint;
BEGIN
	PERFORM billing._check_holder(subscribe.account_id, 'subscribe', subscribe.at);
	answer := billing._claim_request(subscribe.account_id, subscribe.key, 'subscribe', jsonb_build_object('plan', subscribe.plan,
		'resource', subscribe.resource, 'terms', subscribe.terms, 'quantity', subscribe.quantity, 'region', subscribe.region,
		'options', subscribe.options, 'auto_renew', subscribe.auto_renew, 'voucher', subscribe.voucher), subscribe.at);
	IF answer IS NOT NULL THEN
		RETURN answer::bigint;
	END IF;
	PERFORM billing._lock_account(subscribe.account_id);
	PERFORM billing._check_may(subscribe.account_id, 'subscribe', subscribe.at);
	-- nobody changes a plan while it gets its first subscription
	PERFORM 1 FROM billing.plan w WHERE w.plan = subscribe.plan FOR SHARE;
	PERFORM billing._check_plan(subscribe.account_id, subscribe.plan, subscribe.region, subscribe.quantity, subscribe.options, subscribe.terms, subscribe.at);
	SELECT * INTO STRICT p FROM billing.plan w WHERE w.plan = subscribe.plan;
	IF coalesce(subscribe.auto_renew, false) THEN
		PERFORM billing._check_renewable(p.plan);
	END IF;
	PERFORM billing._check_plan_resource(subscribe.account_id, p.plan, subscribe.resource);
	price := billing._price_terms(subscribe.account_id, p.plan, subscribe.region, subscribe.options, subscribe.quantity, subscribe.terms, subscribe.at);

	INSERT INTO billing.subscription (account_id, plan, region, resource, quantity, options, fee, state, since, anchor, paid_terms, paid_until, auto_renew, created_at)
	VALUES (subscribe.account_id, p.plan, subscribe.region, subscribe.resource, subscribe.quantity, subscribe.options,
		price.fee, 'provisioning', subscribe.at, subscribe.at, 0, 'infinity', coalesce(subscribe.auto_renew, false), subscribe.at)
	RETURNING subscription_id INTO id;
	INSERT INTO billing.subscription_options (account_id, subscription_id, valid_from, valid_until, options, decided_at)
	VALUES (subscribe.account_id, id, '-infinity', 'infinity', subscribe.options, subscribe.at);
	PERFORM billing._adopt_policies(subscribe.account_id, id, subscribe.at);
	PERFORM billing._place_order(subscribe.account_id, 'purchase', 'subscription', id, p.plan, subscribe.terms, price.list_price, price.discount,
		subscribe.voucher, ARRAY[p.plan, p.product], format('plan %s', p.plan), false, subscribe.at);
	-- the account's lock keeps activate_resource() out
	IF NOT p.provisioned OR EXISTS (SELECT FROM billing.resource r
		WHERE r.account_id = subscribe.account_id AND r.resource = subscribe.resource AND r.state <> 'provisioning')
	THEN
		PERFORM billing._start_subscription(subscribe.account_id, id, subscribe.at);
	END IF;
	PERFORM billing._answer_request(subscribe.account_id, subscribe.key, to_jsonb(id));
	RETURN id;
END
$fn$;
COMMENT ON FUNCTION billing.subscribe(bigint, text, text, integer, integer, text, jsonb, boolean, text, text, timestamptz)
	IS 'subscribes an account to a plan: charges the fee of its terms and opens their allowances; returns the subscription_id';
