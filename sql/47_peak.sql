-- Base and cap of max meters.  A plan may include a base of a peak, and an option may cap it: what is charged is what a peak has
-- above the base, or the peak itself once it is above it, and of what lies above the cap nothing, or nothing at all.  Base and
-- cap are those in force at the sample's own time.
--
-- All of it grows with the peak, so that the highest of what is charged is what is charged of the highest: settling takes the
-- maximum of a group first, and asks what is charged of that one.  Only groups that lie in more than one span of a rule are
-- read event by event.

CREATE FUNCTION billing._check_plan_allowance() RETURNS trigger
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	how text;
	no_number text;
BEGIN
	SELECT m.aggregation INTO how FROM billing.meter m WHERE m.meter = NEW.meter;
	SELECT o.option INTO no_number FROM billing.plan_option o
	WHERE o.plan = NEW.plan AND o.option IN (NEW.base_option, NEW.cap_option) AND jsonb_path_exists(o.choices, '$[*] ? (@.type() != "number")')
	LIMIT 1;
	IF how <> 'max' AND (NEW.mode = 'threshold' OR num_nonnulls(NEW.base_option, NEW.cap_option) > 0 OR NEW.over_cap <> 'clip')
		OR NEW.over_cap <> 'clip' AND NEW.cap_option IS NULL
	THEN
		RAISE EXCEPTION 'plan "%" can not have such an allowance of meter "%"', NEW.plan, NEW.meter USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = CASE how WHEN 'max' THEN 'What happens above a cap needs a cap_option.'
				ELSE format('A threshold, a base_option and a cap_option are for max meters, and the meter''s aggregation is %s.', how) END,
			HINT = 'Leave out what is not for this meter.';
	ELSIF no_number IS NOT NULL THEN
		RAISE EXCEPTION 'option "%" of plan "%" is no number', no_number, NEW.plan USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'A base and a cap are numbers, in the unit of the meter.',
			HINT = 'Name an option whose choices are numbers, or that has none.';
	END IF;
	RETURN NEW;
END
$fn$;
COMMENT ON FUNCTION billing._check_plan_allowance() IS 'trigger: raises 22023 for an allowance that its meter can not have, or a base or cap that is no number';

-- not pinned: meant to be inlined
CREATE FUNCTION billing._peak_rules(account_from bigint, account_to bigint)
	RETURNS TABLE (account_id bigint, meter text, region text, resource text, valid_from timestamptz, valid_until timestamptz,
		base numeric, cap numeric, is_off boolean, mode text, over_cap text, subscription_id bigint, base_option text, cap_option text, precedence text, known_at timestamptz)
LANGUAGE sql STABLE
AS $fn$
	SELECT s.account_id, l.meter, l.region, s.resource, greatest(t.term_start, o.valid_from), e.ends,
		CASE WHEN l.base_option IS NULL THEN l.quantity ELSE coalesce(billing._number_of(o.options, l.base_option), 0) END * s.quantity,
		billing._number_of(o.options, l.cap_option) * s.quantity, l.cap_option IS NOT NULL AND billing._number_of(o.options, l.cap_option) IS NULL,
		l.mode, l.over_cap, s.subscription_id, l.base_option, l.cap_option,
		-- as text: one key to sort by.  For this resource alone, in this region, of the highest rank, the oldest.
		format('%s %s %s %s', CASE WHEN s.resource IS NULL THEN 1 ELSE 0 END, CASE WHEN l.region = '' THEN 1 ELSE 0 END,
			lpad((2147483647 - p.rank::bigint)::text, 10, '0'), lpad(s.subscription_id::text, 19, '0')),
		greatest(u.at, o.decided_at)
	FROM billing.subscription s
	JOIN billing.subscription_term t ON t.account_id = s.account_id AND t.subscription_id = s.subscription_id
	JOIN billing.subscription_options o ON o.account_id = s.account_id AND o.subscription_id = s.subscription_id
		AND o.valid_from < t.term_end AND o.valid_until > t.term_start
	JOIN billing.purchase u ON u.account_id = t.account_id AND u.order_id = t.order_id
	JOIN billing.plan p ON p.plan = coalesce(o.plan, t.plan)
	JOIN billing.plan_allowance l ON l.plan = p.plan
	JOIN billing.meter m ON m.meter = l.meter AND m.aggregation = 'max'
	LEFT JOIN billing.resource g ON g.account_id = s.account_id AND g.resource = s.resource AND g.state = 'released'
		AND g.account_id >= account_from AND g.account_id < account_to
	CROSS JOIN LATERAL (SELECT least(t.term_end, s.ended_at, billing.cycle_start(billing.cycle_of(g.since) + 1), o.valid_until)) e(ends)
	-- each by its own range: what joins by hash would read all of it otherwise
	WHERE s.account_id >= account_from AND s.account_id < account_to AND t.account_id >= account_from AND t.account_id < account_to
		AND o.account_id >= account_from AND o.account_id < account_to AND u.account_id >= account_from AND u.account_id < account_to
		AND s.state <> 'provisioning'
		AND greatest(t.term_start, o.valid_from) < e.ends
$fn$;
COMMENT ON FUNCTION billing._peak_rules(bigint, bigint)
	IS 'base and cap of the max meters of a range of accounts, from when to when: for usage in a region ('''': any) by a resource (NULL: any); of two that an event meets, the lower precedence counts; known_at: when it came to be, after its beginning at times';

CREATE FUNCTION billing._peak_rules_within(account_from bigint, account_to bigint, since timestamptz, until timestamptz)
	RETURNS TABLE (account_id bigint, meter text, region text, resource text, valid_from timestamptz, valid_until timestamptz,
		base numeric, cap numeric, is_off boolean, mode text, over_cap text, precedence text)
LANGUAGE plpgsql STABLE ROWS 10000
SET search_path = pg_catalog, pg_temp
SET jit = off
SET plan_cache_mode = force_generic_plan	-- planned once a session; each table is read by its range
AS $fn$
BEGIN
	RETURN QUERY SELECT r.account_id, r.meter, r.region, r.resource, r.valid_from, r.valid_until, r.base, r.cap, r.is_off, r.mode, r.over_cap, r.precedence
	FROM billing._peak_rules(account_from, account_to) r
	WHERE r.valid_from <= _peak_rules_within.until AND r.valid_until > since;
END
$fn$;
COMMENT ON FUNCTION billing._peak_rules_within(bigint, bigint, timestamptz, timestamptz)
	IS 'those of billing._peak_rules() that are in force at some time between two instants; apart from the statement that asks, which need not plan it';

CREATE FUNCTION billing._peak_rule(account_id bigint, meter text, region text, resource text, at timestamptz)
	RETURNS TABLE (base numeric, cap numeric, is_off boolean, mode text, over_cap text, subscription_id bigint, base_option text, cap_option text,
		valid_from timestamptz, valid_until timestamptz)
LANGUAGE sql STABLE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT r.base, r.cap, r.is_off, r.mode, r.over_cap, r.subscription_id, r.base_option, r.cap_option, r.valid_from, r.valid_until
	FROM billing._peak_rules(_peak_rule.account_id, _peak_rule.account_id + 1) r
	WHERE r.meter = _peak_rule.meter AND r.region IN (_peak_rule.region, '') AND (r.resource IS NULL OR r.resource = _peak_rule.resource)
		AND r.valid_from <= _peak_rule.at AND r.valid_until > _peak_rule.at
	ORDER BY r.precedence LIMIT 1
$fn$;
COMMENT ON FUNCTION billing._peak_rule(bigint, text, text, text, timestamptz) IS 'base and cap that one event of a max meter meets; no row: it has none, and is charged as it is';

-- not pinned: meant to be inlined
CREATE FUNCTION billing._billed_peak(quantity numeric, base numeric, cap numeric, is_off boolean, mode text) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $fn$
	SELECT CASE WHEN base IS NULL THEN quantity WHEN is_off OR least(quantity, cap) <= base THEN 0
		WHEN mode = 'subtract' THEN least(quantity, cap) - base ELSE least(quantity, cap) END
$fn$;
COMMENT ON FUNCTION billing._billed_peak(numeric, numeric, numeric, boolean, text)
	IS 'what of a peak is charged, over a base (NULL: there is no rule, all of it), up to a cap (NULL: none); nothing where it is switched off';

CREATE FUNCTION billing._has_charged(account_id bigint, subscription_id bigint, option text, at timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	RETURN EXISTS (
		SELECT FROM billing.subscription s
		JOIN billing.account a USING (account_id)
		CROSS JOIN LATERAL billing.period_of('day', _has_charged.at, a.time_zone) d
		JOIN billing.plan_allowance l ON l.plan = s.plan AND _has_charged.option IN (l.base_option, l.cap_option)
		JOIN billing.meter m ON m.meter = l.meter
		JOIN billing.usage u ON u.account_id = s.account_id AND u.meter = l.meter AND u.event_time >= d.period_start AND u.event_time <= _has_charged.at
			AND (s.resource IS NULL OR u.resource = s.resource) AND billing._is_billed(u.properties, m.leaves_out)
		CROSS JOIN LATERAL billing._peak_rule(u.account_id, u.meter, u.region, u.resource, u.event_time) r
		WHERE s.account_id = _has_charged.account_id AND s.subscription_id = _has_charged.subscription_id AND r.subscription_id = s.subscription_id
		GROUP BY u.meter, u.region, u.resource
		HAVING max(billing._billed_peak(u.quantity, r.base, r.cap, r.is_off, r.mode)) > 0
			AND NOT coalesce(bool_or(r.over_cap = 'free' AND u.quantity > r.cap), false));
END
$fn$;
COMMENT ON FUNCTION billing._has_charged(bigint, bigint, text, timestamptz)
	IS 'has usage that an option decides about come to a charge on the day of an instant, up to it and as far as it was recorded?';
