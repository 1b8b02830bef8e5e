-- Options of a running subscription.  Which there are, and how each may change, is the catalogue's (billing.plan_option); which
-- a subscription has from when to when stands in billing.subscription_options, and everything that goes by options looks there
-- by the event's own time.  A change counts from the open cycle on at the earliest, whose usage nobody settles before the change
-- is committed (billing.open_cycle()): what was rated is never rated by other options.

CREATE FUNCTION billing._number_of(options jsonb, option text) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT CASE jsonb_typeof(options -> option) WHEN 'number' THEN (options ->> option)::numeric END $fn$;
COMMENT ON FUNCTION billing._number_of(jsonb, text) IS 'the number that an option is; NULL: it is none, or is not there';

CREATE FUNCTION billing._check_option_values(plan text, options jsonb) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	o billing.plan_option;
	has jsonb;
	as_number numeric;
	other numeric;
BEGIN
	FOR o IN SELECT * FROM billing.plan_option k WHERE k.plan = _check_option_values.plan ORDER BY k.option LOOP
		has := options -> o.option;
		as_number := billing._number_of(options, o.option);
		other := billing._number_of(options, o.at_least);
		IF has IS NULL AND o.required THEN
			RAISE EXCEPTION 'plan "%" needs option "%"', plan, o.option USING
				ERRCODE = 'UB042',
				DETAIL = 'It can not be left out or switched off.',
				HINT = format('SELECT option, choices, least, most, step FROM billing.plan_option WHERE plan = %L;', plan);
		ELSIF has IS NOT NULL AND NOT billing._is_option_value(o.choices, o.least, o.most, o.step, has) THEN
			RAISE EXCEPTION 'plan "%" has no option "%" of %', plan, o.option, has USING
				ERRCODE = 'UB042',
				DETAIL = CASE WHEN o.choices IS NOT NULL THEN format('It is one of %s.', o.choices)
					ELSE format('It is a number from %s%s%s.', o.least, coalesce(' to ' || o.most, ' on'), coalesce(' by steps of ' || o.step, '')) END,
				HINT = format('SELECT option, choices, least, most, step FROM billing.plan_option WHERE plan = %L;', plan);
		ELSIF as_number < other THEN
			RAISE EXCEPTION 'option "%" of % is below option "%" of %', o.option, as_number, o.at_least, other USING
				ERRCODE = 'UB070',
				DETAIL = format('In plan "%s" it is at least that.', plan),
				HINT = format('Give %s or more, or leave "%s" out.', other, o.option);
		END IF;
	END LOOP;
END
$fn$;
COMMENT ON FUNCTION billing._check_option_values(text, jsonb)
	IS 'raises UB042 for an option that the plan needs, or a value that it does not know, UB070 for one that is less than the option that it has to reach';

CREATE FUNCTION billing._fit_options(plan text, options jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	o text;
BEGIN
	LOOP
		SELECT k.option INTO o FROM billing.plan_option k
		WHERE k.plan = _fit_options.plan AND billing._number_of(options, k.option) < billing._number_of(options, k.at_least)
		LIMIT 1;
		EXIT WHEN NOT FOUND;
		options := options - o;
	END LOOP;
	RETURN options;
END
$fn$;
COMMENT ON FUNCTION billing._fit_options(text, jsonb) IS 'options without those that are less than the one that they have to reach: switched off';

CREATE FUNCTION billing._check_option_change(account_id bigint, subscription_id bigint, plan text, option text, before jsonb, after jsonb) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	o billing.plan_option;
	why text;
BEGIN
	SELECT * INTO o FROM billing.plan_option k WHERE k.plan = _check_option_change.plan AND k.option = _check_option_change.option;
	IF NOT FOUND AND before IS NULL THEN
		RAISE EXCEPTION 'plan "%" has no option "%"', plan, option USING
			ERRCODE = 'UB042',
			DETAIL = 'The catalogue has no such option of that plan.',
			HINT = format('SELECT option, choices, least, most, changes FROM billing.plan_option WHERE plan = %L;', plan);
	ELSIF o.required AND after = 'null' THEN
		why := 'The plan needs it.';
	ELSIF o.plan IS NULL OR o.changes = 'never' THEN
		why := 'It stays as it was bought.';
	ELSIF o.changes = 'increase' AND (after = 'null' OR jsonb_typeof(after) = 'number' AND (after #>> '{}')::numeric < (before #>> '{}')::numeric) THEN
		why := 'It only goes up.';
	END IF;
	IF why IS NOT NULL THEN
		RAISE EXCEPTION 'option "%" of subscription % can not be changed from % to %', option, subscription_id, coalesce(before::text, 'nothing'), after USING
			ERRCODE = 'UB045',
			DETAIL = why,
			HINT = format('SELECT option, changes FROM billing.plan_option WHERE plan = %L; or cancel it and subscribe anew.', plan);
	END IF;
	RETURN o.changes;
END
$fn$;
COMMENT ON FUNCTION billing._check_option_change(bigint, bigint, text, text, jsonb, jsonb)
	IS 'raises UB042 for an option that the plan does not know, UB045 for a change of it that the plan refuses; returns when it may change';

CREATE FUNCTION billing._set_options(account_id bigint, subscription_id bigint, plan text, now_changes jsonb, from_at timestamptz, later_changes jsonb,
	later_at timestamptz, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	spans billing.subscription_options[];
	last billing.subscription_options;
	n billing.subscription_options;
BEGIN
	-- what is in force or scheduled from from_at on, cut where something begins, with the changes laid over it
	SELECT array_agg(ROW(o.account_id, o.subscription_id, i.starts, i.starts, billing._fit_options(_set_options.plan, jsonb_strip_nulls(o.options || now_changes
			|| CASE WHEN i.starts >= later_at THEN later_changes ELSE '{}' END)), o.plan, _set_options.at)::billing.subscription_options ORDER BY i.starts)
	INTO spans
	FROM billing.subscription_options o
	CROSS JOIN LATERAL (SELECT greatest(o.valid_from, from_at) UNION SELECT later_at WHERE later_changes <> '{}' AND later_at >= o.valid_from AND later_at < o.valid_until) i(starts)
	WHERE o.account_id = _set_options.account_id AND o.subscription_id = _set_options.subscription_id AND o.valid_until > from_at;
	DELETE FROM billing.subscription_options o
	WHERE o.account_id = _set_options.account_id AND o.subscription_id = _set_options.subscription_id AND o.valid_from >= from_at;
	UPDATE billing.subscription_options o SET valid_until = 'infinity'
	WHERE o.account_id = _set_options.account_id AND o.subscription_id = _set_options.subscription_id AND o.valid_until >= from_at
	RETURNING o.* INTO last;
	FOREACH n IN ARRAY spans LOOP
		CONTINUE WHEN n.options = last.options AND n.plan IS NOT DISTINCT FROM last.plan;
		UPDATE billing.subscription_options o SET valid_until = n.valid_from
		WHERE o.account_id = n.account_id AND o.subscription_id = n.subscription_id AND o.valid_until = 'infinity';
		INSERT INTO billing.subscription_options (account_id, subscription_id, valid_from, valid_until, options, plan, decided_at)
		VALUES (n.account_id, n.subscription_id, n.valid_from, 'infinity', n.options, n.plan, n.decided_at);
		last := n;
	END LOOP;
	UPDATE billing.subscription s SET options = last.options
	WHERE s.account_id = _set_options.account_id AND s.subscription_id = _set_options.subscription_id;
END
$fn$;
COMMENT ON FUNCTION billing._set_options(bigint, bigint, text, jsonb, timestamptz, jsonb, timestamptz, timestamptz)
	IS 'lays changes over the options of a subscription, some from one instant and some from a later one on; the account is locked by the caller';

CREATE FUNCTION billing._keep_plan(account_id bigint, subscription_id bigint, plan text, since timestamptz, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	until constant timestamptz := greatest(at, billing.cycle_start(billing.open_cycle()));
	cut timestamptz;
BEGIN
	FOREACH cut IN ARRAY ARRAY[since, until] LOOP
		INSERT INTO billing.subscription_options (account_id, subscription_id, valid_from, valid_until, options, plan, decided_at)
		SELECT o.account_id, o.subscription_id, cut, o.valid_until, o.options, o.plan, o.decided_at
		FROM billing.subscription_options o
		WHERE o.account_id = _keep_plan.account_id AND o.subscription_id = _keep_plan.subscription_id AND o.valid_from < cut AND o.valid_until > cut;
		UPDATE billing.subscription_options o SET valid_until = cut
		WHERE o.account_id = _keep_plan.account_id AND o.subscription_id = _keep_plan.subscription_id AND o.valid_from < cut AND o.valid_until > cut;
	END LOOP;
	UPDATE billing.subscription_options o SET plan = _keep_plan.plan
	WHERE o.account_id = _keep_plan.account_id AND o.subscription_id = _keep_plan.subscription_id AND o.valid_from >= since AND o.valid_until <= until
		AND o.plan IS NULL;
END
$fn$;
COMMENT ON FUNCTION billing._keep_plan(bigint, bigint, text, timestamptz, timestamptz)
	IS 'an upgrade gives the term in progress another plan: keeps which one it had from since until then; the account is locked by the caller';

CREATE FUNCTION billing._charge_options(account_id bigint, subscription_id bigint, options jsonb, voucher text, at timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
#variable_conflict use_column
DECLARE
	s billing.subscription;
	p billing.plan;
	places integer;
	zone text;
	code text;
	new_fee numeric;
	changed record;
	id bigint;
BEGIN
	SELECT * INTO STRICT s FROM billing.subscription w
	WHERE w.account_id = _charge_options.account_id AND w.subscription_id = _charge_options.subscription_id;
	SELECT * INTO STRICT p FROM billing.plan w WHERE w.plan = s.plan;
	SELECT c.decimals, a.time_zone, c.currency INTO STRICT places, zone, code
	FROM billing.account a JOIN billing.currency c USING (currency) WHERE a.account_id = s.account_id;
	new_fee := (billing._price_terms(s.account_id, s.plan, s.region, _charge_options.options, s.quantity, 1, _charge_options.at)).fee;
	-- Terms that are not over and cost more by these options than by those of before.  A price that has risen since is no reason to pay;
	-- one that was paid at more stays so: nothing comes back, and nothing is paid twice.
	SELECT array_agg(t.term ORDER BY t.term) AS terms, array_agg(e.exact ORDER BY t.term) AS exact,
		billing._round_change(sum(e.exact), places, p.change_rounding) AS total INTO changed
	FROM billing.subscription_term t
	CROSS JOIN LATERAL (SELECT coalesce(billing._plan_fee(t.plan, s.region, _charge_options.options, code, _charge_options.at) * s.quantity, t.fee),
		greatest(t.fee, billing._plan_fee(t.plan, s.region, s.options, code, _charge_options.at) * s.quantity)) f(fee, before)
	CROSS JOIN LATERAL billing._change_share(t.plan, t.term_start, t.term_end, t.term = s.paid_terms, zone, _charge_options.at) r
	CROSS JOIN LATERAL (SELECT billing.prorate(f.fee - f.before, r.part, r.whole) AS exact) e
	WHERE t.account_id = s.account_id AND t.subscription_id = s.subscription_id AND t.term_end > _charge_options.at AND f.fee > f.before;
	IF changed.total > 0 THEN
		id := billing._place_order(s.account_id, 'change', 'subscription', s.subscription_id, s.plan, cardinality(changed.terms), changed.total, 0,
			_charge_options.voucher, ARRAY[p.plan, p.product], format('plan %s, %s to %s', s.plan, s.options, _charge_options.options), false, _charge_options.at);
	END IF;
	-- what was paid, spread over the terms by running totals
	UPDATE billing.subscription_term t
	SET fee = u.fee, list_price = t.list_price + u.up_to - u.before,
		money = t.money + coalesce(billing.prorate(o.money, u.up_to, changed.total, places) - billing.prorate(o.money, u.before, changed.total, places), 0),
		voucher_amount = t.voucher_amount
			+ coalesce(billing.prorate(o.voucher_amount, u.up_to, changed.total, places) - billing.prorate(o.voucher_amount, u.before, changed.total, places), 0)
	FROM (SELECT w.term, f.fee, billing._round_change(w.up_to, places, p.change_rounding) AS up_to,
			billing._round_change(w.up_to - w.exact, places, p.change_rounding) AS before
		FROM (SELECT x.term, x.exact, sum(x.exact) OVER (ORDER BY x.term) AS up_to FROM unnest(changed.terms, changed.exact) x(term, exact)) w
		JOIN billing.subscription_term y ON y.account_id = s.account_id AND y.subscription_id = s.subscription_id AND y.term = w.term
		CROSS JOIN LATERAL (SELECT billing._plan_fee(y.plan, s.region, _charge_options.options, code, _charge_options.at) * s.quantity) f(fee)) u
	LEFT JOIN billing.purchase o ON o.account_id = _charge_options.account_id AND o.order_id = id
	WHERE t.account_id = s.account_id AND t.subscription_id = s.subscription_id AND t.term = u.term;
	IF id IS NOT NULL THEN
		PERFORM billing._keep_payments(s.account_id, s.subscription_id, id);
	END IF;
	UPDATE billing.subscription w SET fee = new_fee WHERE w.account_id = s.account_id AND w.subscription_id = s.subscription_id;
	RETURN id;
END
$fn$;
COMMENT ON FUNCTION billing._charge_options(bigint, bigint, jsonb, text, timestamptz)
	IS 'charges what other options cost more for the paid terms that are not over; returns the order_id, NULL where nothing is to be paid; the account is locked by the caller';

CREATE FUNCTION billing.configure_subscription(account_id bigint, subscription_id bigint, options jsonb, voucher text DEFAULT NULL,
	key text DEFAULT NULL, at timestamptz DEFAULT now()) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	answer jsonb;
	s billing.subscription;
	-- kept open until this transaction ends; before the account is locked, as by all who write usage
	from_at timestamptz;
	next_day timestamptz;
	one record;
	now_changes jsonb := '{}';
	later_changes jsonb := '{}';
	merged jsonb;
	id bigint;
BEGIN
	PERFORM billing._check_holder(configure_subscription.account_id, 'configure_subscription', configure_subscription.at);
	IF options IS NULL OR jsonb_typeof(options) <> 'object' THEN
		RAISE EXCEPTION 'options % are not possible', coalesce(options::text, 'NULL') USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'Options are an object of names and values; those that are not named stay as they are.',
			HINT = 'Write ''{"name": value}''; null switches one off.';
	END IF;
	from_at := billing.cycle_start(billing.open_cycle());
	answer := billing._claim_request(configure_subscription.account_id, configure_subscription.key, 'configure_subscription',
		jsonb_build_object('subscription_id', configure_subscription.subscription_id, 'options', configure_subscription.options,
			'voucher', configure_subscription.voucher), configure_subscription.at);
	IF answer IS NOT NULL THEN
		RETURN (answer #>> '{}')::bigint;
	END IF;
	PERFORM billing._lock_subscription(configure_subscription.account_id, configure_subscription.subscription_id);
	PERFORM billing._check_may(configure_subscription.account_id, 'configure_subscription', configure_subscription.at);
	PERFORM billing._check_subscription(configure_subscription.account_id, configure_subscription.subscription_id, 'running', 'started');
	SELECT * INTO STRICT s FROM billing.subscription w
	WHERE w.account_id = configure_subscription.account_id AND w.subscription_id = configure_subscription.subscription_id;
	IF least(s.paid_until, s.ended_at) <= configure_subscription.at THEN
		RAISE EXCEPTION 'subscription % has ended', s.subscription_id USING
			ERRCODE = 'UB044',
			DETAIL = format('It was paid until %s, and ends at %s.', s.paid_until, s.ended_at),
			HINT = format('SELECT billing.renew_subscription(%s, %s); first.', s.account_id, s.subscription_id);
	ELSIF configure_subscription.at < from_at - interval '15 minutes' THEN
		RAISE EXCEPTION 'subscription % can not be configured at %', s.subscription_id, configure_subscription.at USING
			ERRCODE = 'UB007',
			DETAIL = format('Usage up to %s may be settled, and is never rated again.', from_at),
			HINT = 'Leave at out, or give an instant from then on.';
	END IF;
	from_at := greatest(from_at, configure_subscription.at);
	SELECT p.period_end INTO STRICT next_day FROM billing.account a CROSS JOIN LATERAL billing.period_of('day', from_at, a.time_zone) p WHERE a.account_id = s.account_id;

	FOR one IN SELECT e.key AS option, e.value, billing._check_option_change(s.account_id, s.subscription_id, s.plan, e.key, s.options -> e.key, e.value) AS changes
		FROM jsonb_each(options) e
		WHERE e.value IS DISTINCT FROM coalesce(s.options -> e.key, 'null')
			OR s.options -> e.key IS NULL AND NOT EXISTS (SELECT FROM billing.plan_option k WHERE k.plan = s.plan AND k.option = e.key)
		ORDER BY e.key
	LOOP
		IF one.changes = 'next day' OR one.changes = 'after charge' AND billing._has_charged(s.account_id, s.subscription_id, one.option, from_at) THEN
			later_changes := later_changes || jsonb_build_object(one.option, one.value);
		ELSE
			now_changes := now_changes || jsonb_build_object(one.option, one.value);
		END IF;
	END LOOP;
	merged := jsonb_strip_nulls(s.options || now_changes || later_changes);
	-- what is raised switches off what would have to reach it; what is set to less than that is an error
	IF billing._fit_options(s.plan, merged) @> jsonb_strip_nulls(now_changes || later_changes) THEN
		merged := billing._fit_options(s.plan, merged);
	END IF;
	PERFORM billing._check_options(s.account_id, s.plan, s.region, merged, configure_subscription.at);
	-- the plan of the next terms is sold with these options, or they would cost what it costs without
	PERFORM billing._check_options(s.account_id, s.next_plan, s.region, merged, configure_subscription.at) WHERE s.next_plan IS NOT NULL;
	id := billing._charge_options(s.account_id, s.subscription_id, merged, voucher, configure_subscription.at);
	PERFORM billing._set_options(s.account_id, s.subscription_id, s.plan, now_changes, from_at, later_changes, next_day, configure_subscription.at);
	PERFORM billing._answer_request(configure_subscription.account_id, configure_subscription.key, coalesce(to_jsonb(id), 'null'));
	RETURN id;
END
$fn$;
COMMENT ON FUNCTION billing.configure_subscription(bigint, bigint, jsonb, text, text, timestamptz)
	IS 'changes options of a running subscription, each from when its plan says; null switches one off, what is not named stays; charges what they cost more for the rest of the paid terms, and returns the order_id (NULL: nothing)';
