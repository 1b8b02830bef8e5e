-- Questions about one number: how a charge came about, what a quantity would cost.

CREATE FUNCTION billing._tier_steps(tariff billing.tariff, quantity_from numeric, quantity_to numeric)
	RETURNS TABLE (tier integer, lower numeric, upper numeric, quantity numeric, price numeric, per numeric, flat numeric, amount numeric)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT tier, coalesce(t.lower, f.lower), coalesce(t.upper, f.upper), coalesce(t.quantity, 0) - coalesce(f.quantity, 0),
		coalesce(t.price, f.price), coalesce(t.per, f.per), coalesce(t.flat, 0) - coalesce(f.flat, 0),
		coalesce(t.amount, 0) - coalesce(f.amount, 0)
	FROM billing.rate_lines(_tier_steps.tariff, quantity_to) t
	FULL JOIN billing.rate_lines(_tier_steps.tariff, quantity_from) f USING (tier)
	WHERE (t.quantity, t.amount) IS DISTINCT FROM (f.quantity, f.amount)
	ORDER BY tier
$fn$;
COMMENT ON FUNCTION billing._tier_steps(billing.tariff, numeric, numeric)
	IS 'tier by tier, what it costs that a quantity goes from one value to another; from NULL: the counter is new and was worth nothing, whatever quantity 0 costs';

CREATE FUNCTION billing._explain_tariff(account_id bigint, charge_id bigint)
	RETURNS TABLE (step integer, what text, quantity numeric, price numeric, amount numeric, detail text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
#variable_conflict use_column
DECLARE
	c record;
	l record;
	p record;
	before record;
	base numeric;
	old_base numeric;
	line record;
	seen record;
	closes timestamptz;
	places integer;
	is_over boolean := false;
BEGIN
	SELECT * INTO STRICT c FROM billing.charges x
	WHERE x.account_id = _explain_tariff.account_id AND x.charge_id = _explain_tariff.charge_id;
	SELECT * INTO STRICT p FROM billing.price x WHERE x.price_id = c.source_id;
	SELECT * INTO STRICT l FROM billing.price_line x WHERE x.line_id = p.line_id;
	SELECT k.decimals INTO STRICT places FROM billing.currency k WHERE k.currency = c.currency;
	-- the position as it was before this charge: its own price's counter, and the whole line
	SELECT sum(x.quantity) AS quantity, coalesce(sum(x.exact_amount), 0) AS exact INTO before
	FROM billing.charge x
	WHERE x.account_id = c.account_id AND x.charge_id < c.charge_id AND x.source = 'tariff' AND x.source_id = c.source_id
		AND x.period_start = c.period_start AND (l.scope = 'account' OR x.resource = c.resource);
	SELECT coalesce(sum(x.exact_amount), 0) AS exact, coalesce(sum(x.amount), 0) AS posted INTO line
	FROM billing.charge x JOIN billing.price y ON y.price_id = x.source_id
	WHERE x.account_id = c.account_id AND x.charge_id < c.charge_id AND x.source = 'tariff' AND y.line_id = l.line_id
		AND x.period_start = c.period_start AND (l.scope = 'account' OR x.resource = c.resource);
	base := billing._carried(c.account_id, p.price_id, c.period_start, CASE l.scope WHEN 'resource' THEN c.resource ELSE '' END, c.cycle);
	old_base := billing._carried(c.account_id, p.price_id, c.period_start, CASE l.scope WHEN 'resource' THEN c.resource ELSE '' END, c.cycle - 1);
	SELECT o.closes_at INTO closes FROM billing.position o
	WHERE o.account_id = c.account_id AND o.line_id = l.line_id AND o.price_id = p.price_id
		AND o.period_start = c.period_start AND o.resource = CASE l.scope WHEN 'resource' THEN c.resource ELSE '' END;
	-- of the cycle's rows, those that found this price and period
	SELECT count(*) AS events, min(u.event_time) AS first_at, max(u.event_time) AS last_at, m.aggregation, m.by_valid_days, m.valid_above,
		CASE m.aggregation WHEN 'count' THEN count(*) WHEN 'sum' THEN coalesce(sum(u.quantity), 0) END AS quantity INTO seen
	FROM billing.meter m
	CROSS JOIN billing.account a
	CROSS JOIN LATERAL billing._counter_period(l.counter, c.account_id, c.resource, c.period_start, a.time_zone) t
	LEFT JOIN billing.usage u ON u.account_id = c.account_id AND u.meter = c.meter AND u.region = c.region AND u.resource = c.resource
		AND billing._is_billed(u.properties, m.leaves_out)
		AND (billing.cycle_of(u.arrived, u.event_time) = c.cycle OR m.settled_by = 'day' AND billing.cycle_of(u.arrived, u.event_time) < c.cycle)
		AND u.event_time >= t.period_start AND u.event_time < t.period_end
		AND billing._price_at(u.account_id, u.meter, u.region, u.resource, c.currency, u.properties, u.event_time, a.time_zone) = p.price_id
	WHERE m.meter = c.meter AND a.account_id = c.account_id
	GROUP BY m.aggregation, m.by_valid_days, m.valid_above;

	RETURN QUERY SELECT 1, 'usage', c.quantity, NULL::numeric, NULL::numeric,
		CASE WHEN billing._is_windowed(seen.aggregation)
			THEN format('%s of %s in the counter period, read when it closed or when late events were settled', seen.aggregation, c.meter)
			WHEN c.quantity = 0 AND c.exact_amount <> 0 AND base IS NOT NULL
			THEN format('late usage of an earlier price, settled with the cycle of %s, moves the counter that this one carries on', c.cycle_start)
			WHEN c.quantity = 0 AND c.exact_amount = 0
			THEN format('the counter period of %s closed; its quantities came with earlier charges', l.meter)
			ELSE format('%s events of %s%s%s%s, settled with the cycle of %s%s', CASE WHEN seen.events > 0 THEN seen.events::text ELSE 'earlier' END, c.meter,
				CASE WHEN c.region <> '' THEN ' in ' || c.region ELSE '' END,
				CASE WHEN c.resource <> '' THEN ' by ' || c.resource ELSE '' END,
				CASE WHEN seen.events > 0 THEN format(' from %s to %s', seen.first_at, seen.last_at) ELSE '' END, c.cycle_start,
				CASE WHEN EXISTS (SELECT FROM billing._explain_deductions(c.account_id, c.charge_id)) THEN ', less what was deducted'
					WHEN seen.events = 0 OR seen.quantity <> c.quantity THEN ', with events that could not be rated before' ELSE '' END) END;
	IF seen.aggregation = 'max' THEN
		RETURN QUERY SELECT 1, 'base', k.base, NULL::numeric, NULL::numeric, k.detail FROM billing._explain_peaks(c.account_id, c.charge_id) k;
		is_over := before.exact + c.exact_amount = 0 AND EXISTS (SELECT FROM billing._explain_peaks(c.account_id, c.charge_id) k WHERE k.is_over);
	END IF;
	RETURN QUERY SELECT 2, 'price', NULL::numeric, NULL::numeric, NULL::numeric,
		format('price %s: %s; %s counter of each %s, valid from %s%s', p.price_id, p.tariff, l.counter, l.scope, p.valid_from,
			CASE WHEN billing._is_conditional(p.properties, p.weekdays, p.time_from, p.time_to)
				THEN format(', for properties %s, weekdays %s, %s to %s', p.properties, p.weekdays, p.time_from, p.time_to) ELSE '' END
			|| CASE WHEN p.options <> '{}' THEN format(', for options %s of plan %s', p.options, p.plan) ELSE '' END);
	RETURN QUERY SELECT 3, 'counter before', coalesce(before.quantity, 0), NULL::numeric, before.exact,
		format('in the %s from %s%s', l.counter, c.period_start,
			CASE WHEN base IS NOT NULL THEN format(', on top of %s of the prices before it', base) ELSE '' END);
	IF billing.tariff_each(p.tariff) THEN
		RETURN QUERY SELECT 4, 'events', c.quantity, NULL::numeric, c.exact_amount, 'each priced on its own: billing.rate(tariff, quantity), added up';
	END IF;
	IF c.quantity = 0 AND c.exact_amount <> 0 AND base IS NOT NULL THEN
		RETURN QUERY SELECT 4, 'counter carried on', 0::numeric, NULL::numeric, c.exact_amount,
			format('billing.rate_between(tariff, %s, %s) in place of billing.rate_between(tariff, %s, %s)', base, before.quantity, old_base, before.quantity);
	END IF;
	IF is_over THEN
		RETURN QUERY SELECT 4, 'above the cap', c.quantity, NULL::numeric, c.exact_amount, 'a peak above the cap makes the counter period free';
	END IF;
	-- tier 0 is what a tariff's min, max and digits change
	RETURN QUERY SELECT 4, CASE WHEN t.tier = 0 THEN 'limits' ELSE format('tier %s', t.tier) END, t.quantity, t.price, t.amount,
		CASE WHEN t.tier = 0 THEN 'the tariff''s min, max and digits'
			ELSE format('%s to %s: %s per %s%s', t.lower, coalesce(t.upper::text, 'beyond'), t.price, t.per,
				CASE WHEN t.flat <> 0 THEN format(', flat %s', t.flat) ELSE '' END) END
		FROM billing._tier_steps(p.tariff, CASE WHEN base IS NULL THEN before.quantity ELSE base + coalesce(before.quantity, 0) END,
			coalesce(base, 0) + coalesce(before.quantity, 0) + c.quantity) t
		WHERE NOT billing.tariff_each(p.tariff) AND NOT is_over;
	IF seen.by_valid_days THEN
		RETURN QUERY SELECT 4, 'valid days', NULL::numeric, NULL::numeric, c.exact_amount - coalesce(sum(t.amount), 0),
			format('of it counts the share of the valid days, those with a sample above %s, among the days of the counter period', seen.valid_above)
		FROM billing._tier_steps(p.tariff, before.quantity, coalesce(before.quantity, 0) + c.quantity) t;
	END IF;
	RETURN QUERY SELECT 5, 'counter after', coalesce(before.quantity, 0) + c.quantity, NULL::numeric, before.exact + c.exact_amount,
		format('exact amount of this charge: %s', c.exact_amount);
	RETURN QUERY SELECT 6, 'posted', NULL::numeric, NULL::numeric, c.amount,
		CASE WHEN c.amount = 0 AND closes IS NOT NULL THEN format('money moves when the counter period closes at %s', closes)
			WHEN c.amount = 0 AND l.greatest_of <> '' THEN format('of the prices of group "%s" only the highest is charged', l.greatest_of)
			WHEN c.amount = 0 AND l.post = 'counter' THEN 'money moved when the counter period closed'
			ELSE format('%s %s = round(%s) - %s posted before', c.amount, c.currency, line.exact + c.exact_amount, line.posted) END;
END
$fn$;
COMMENT ON FUNCTION billing._explain_tariff(bigint, bigint)
	IS 'part of billing.explain_charge(): usage, price, tiers, what was posted before';

CREATE FUNCTION billing.explain_charge(account_id bigint, charge_id bigint)
	RETURNS TABLE (step integer, what text, quantity numeric, price numeric, amount numeric, detail text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
#variable_conflict use_column
DECLARE
	c record;
	steps integer := 0;
BEGIN
	PERFORM billing._check_installed();
	SELECT * INTO c FROM billing.charges x
	WHERE x.account_id = explain_charge.account_id AND x.charge_id = explain_charge.charge_id;
	IF NOT FOUND THEN
		PERFORM 1 FROM billing.account a WHERE a.account_id = explain_charge.account_id;
		IF NOT FOUND THEN
			PERFORM billing._unknown_account(explain_charge.account_id);
		END IF;
		RAISE EXCEPTION 'account % has no charge %', explain_charge.account_id, explain_charge.charge_id USING
			ERRCODE = 'no_data_found',
			DETAIL = 'A charge is named by its account and its number.',
			HINT = format('SELECT charge_id FROM billing.charges WHERE account_id = %s;', explain_charge.account_id);
	END IF;
	CASE c.source
		WHEN 'adjustment' THEN
			RETURN QUERY SELECT 1, c.source, c.quantity, NULL::numeric, c.amount, format('%s %s: %s', c.amount, c.currency, c.reason);
		WHEN 'fee' THEN
			RETURN QUERY SELECT * FROM billing._explain_fee(c.account_id, c.charge_id) e ORDER BY e.step;
		WHEN 'tariff' THEN
			IF c.quantity <> 0 THEN
				RETURN QUERY SELECT * FROM billing._explain_waterfall(c.account_id, c.charge_id) e ORDER BY e.step;
				GET DIAGNOSTICS steps = ROW_COUNT;
			END IF;
			RETURN QUERY SELECT steps + e.step, e.what, e.quantity, e.price, e.amount, e.detail FROM billing._explain_tariff(c.account_id, c.charge_id) e;
		ELSE
			RETURN QUERY SELECT * FROM billing._explain_deduction(c.account_id, c.charge_id) e ORDER BY e.step;
	END CASE;
END
$fn$;
COMMENT ON FUNCTION billing.explain_charge(bigint, bigint)
	IS 'how a charge came about: what was deducted before it, and why not more; usage, price, tiers, what was posted before; of an order its price, discount and voucher';

CREATE FUNCTION billing.quote(account_id bigint, meter text, quantity billing.quantity, region text DEFAULT '',
	properties jsonb DEFAULT NULL, at timestamptz DEFAULT now())
	RETURNS TABLE (tier integer, lower numeric, upper numeric, units numeric, price numeric, per numeric, flat numeric,
		amount numeric, currency text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
#variable_conflict use_column
DECLARE
	a record;
	m record;
	p record;
	used numeric;
	base numeric;
BEGIN
	PERFORM billing._check_installed();
	IF num_nulls(quote.quantity, quote.region) > 0 OR NOT coalesce(isfinite(quote.at), false) THEN
		RAISE EXCEPTION 'a quote for % of meter "%" at % is not possible', quote.quantity, quote.meter, coalesce(quote.at::text, 'NULL') USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'Quantity and region are given, and the instant is finite.',
			HINT = 'SELECT * FROM billing.quote(account_id, meter, quantity);';
	END IF;
	SELECT * INTO a FROM billing.account x WHERE x.account_id = quote.account_id;
	IF NOT FOUND THEN
		PERFORM billing._unknown_account(quote.account_id);
	END IF;
	SELECT * INTO m FROM billing.meter x WHERE x.meter = quote.meter;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'meter "%" does not exist', quote.meter USING
			ERRCODE = 'UB002',
			DETAIL = 'The catalogue has no such meter.',
			HINT = 'SELECT meter FROM billing.meter;';
	END IF;
	SELECT * INTO p FROM billing.price x
	WHERE x.price_id = billing._price_at(a.account_id, quote.meter, quote.region, '', a.currency, quote.properties, quote.at, a.time_zone);
	IF NOT FOUND THEN
		RAISE EXCEPTION 'meter "%" has no price in % for account %', quote.meter, a.currency, a.account_id USING
			ERRCODE = 'UB005',
			DETAIL = format('Neither in region "%s" nor in any, at %s.', quote.region, quote.at),
			HINT = 'INSERT INTO billing.price (meter, region, currency, tariff) ... first.';
	END IF;
	-- on top of what the counter period holds; resources with counters of their own start at 0
	SELECT o.quantity INTO used FROM billing.position o, billing._counter_period(p.counter, a.account_id, '', quote.at, a.time_zone) t
	WHERE o.account_id = a.account_id AND o.line_id = p.line_id AND o.price_id = p.price_id
		AND o.period_start = t.period_start AND o.resource = '' AND NOT billing.tariff_each(p.tariff);
	base := billing._carried(a.account_id, p.price_id, (SELECT t.period_start FROM billing._counter_period(p.counter, a.account_id, '', quote.at, a.time_zone) t), '');
	IF base IS NOT NULL THEN
		used := base + coalesce(used, 0);
	END IF;
	RETURN QUERY SELECT t.*, a.currency
	FROM billing._tier_steps(p.tariff, used, CASE WHEN m.aggregation IN ('sum', 'count') THEN coalesce(used, 0) + quote.quantity
		WHEN m.aggregation = 'max' THEN greatest(used, coalesce((SELECT billing._billed_peak(quote.quantity::numeric, r.base, r.cap, r.is_off, r.mode)
			FROM billing._peak_rule(a.account_id, quote.meter, quote.region, '', quote.at) r), quote.quantity)) ELSE quote.quantity END) t;
	IF NOT FOUND THEN -- such as a peak that is none
		RETURN QUERY SELECT NULL::integer, NULL::numeric, NULL::numeric, 0::numeric, NULL::numeric, NULL::numeric, 0::numeric, 0::numeric, a.currency;
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing.quote(bigint, text, billing.quantity, text, jsonb, timestamptz)
	IS 'what a quantity would cost an account on top of what it has used in the counter period, tier by tier';
