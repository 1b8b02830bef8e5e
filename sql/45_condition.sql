-- Conditions of prices: properties of the usage, weekdays, hours of the day.  Of two prices that an event meets, the one
-- with more properties wins, then the one with fewer weekdays, then the one with fewer hours; two that could both win
-- are refused when the second is inserted, so that no event ever has two prices.

-- not pinned: meant to be inlined
CREATE FUNCTION billing._is_conditional(properties jsonb, weekdays smallint[], time_from time, time_to time) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $fn$
	SELECT properties <> '{}' OR cardinality(weekdays) < 7 OR time_from <> '00:00' OR time_to <> '24:00'
$fn$;
COMMENT ON FUNCTION billing._is_conditional(jsonb, smallint[], time, time) IS 'does a price ask for more than meter, region, currency and account?';

CREATE FUNCTION billing._meets(properties jsonb, weekdays smallint[], time_from time, time_to time, event_properties jsonb, event_local timestamp)
	RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	RETURN coalesce(event_properties, '{}') @> properties
		AND extract(isodow FROM event_local) = ANY (weekdays)
		AND CASE WHEN time_from < time_to THEN event_local::time >= time_from AND event_local::time < time_to
			ELSE event_local::time >= time_from OR event_local::time < time_to END;
END
$fn$;
COMMENT ON FUNCTION billing._meets(jsonb, smallint[], time, time, jsonb, timestamp) IS 'does an event, at a wall time in its account''s zone, meet a price''s conditions?';

CREATE FUNCTION billing._specificity(properties jsonb, weekdays smallint[], time_from time, time_to time) RETURNS numeric[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	-- over midnight, the length is what is left of the day
	seconds numeric := extract(epoch FROM time_to - time_from) + CASE WHEN time_from < time_to THEN 0 ELSE 86400 END;
BEGIN
	RETURN ARRAY[(SELECT count(*) FROM jsonb_object_keys(properties)), -cardinality(weekdays), -seconds];
END
$fn$;
COMMENT ON FUNCTION billing._specificity(jsonb, smallint[], time, time) IS 'how much a price asks for: of two that an event meets, the greater wins';

CREATE FUNCTION billing._check_conditions(price record) RETURNS smallint[]
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	days smallint[] := ARRAY(SELECT DISTINCT d FROM unnest(price.weekdays) d ORDER BY d);
BEGIN
	IF jsonb_typeof(price.properties) <> 'object' OR EXISTS (SELECT FROM jsonb_each(price.properties) e WHERE jsonb_typeof(e.value) IN ('object', 'array', 'null')) THEN
		RAISE EXCEPTION 'properties % of a price of meter "%" are no conditions', price.properties, price.meter USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'They are one object of names with a text, number or boolean each.',
			HINT = 'Such as {"model": "large", "cached": false}.';
	ELSIF days = '{}' OR NOT days <@ '{1,2,3,4,5,6,7}'::smallint[] OR cardinality(days) < cardinality(price.weekdays) THEN
		RAISE EXCEPTION 'weekdays % of a price of meter "%" are no days', price.weekdays, price.meter USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'They are different numbers from 1 (Monday) to 7 (Sunday), at least one.',
			HINT = 'Monday to Friday is {1,2,3,4,5}.';
	ELSIF price.time_from = price.time_to OR price.time_from = '24:00' OR price.time_to = '00:00' THEN
		RAISE EXCEPTION 'a price of meter "%" from % to % has no hours', price.meter, price.time_from, price.time_to USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'A day is from 00:00 to 24:00, and hours may run over midnight.',
			HINT = 'The night is from 22:00 to 06:00; the end of the day is 24:00.';
	END IF;
	RETURN days;
END
$fn$;
COMMENT ON FUNCTION billing._check_conditions(record) IS 'raises 22023 for conditions that no event could meet; returns the weekdays in their order';

CREATE FUNCTION billing._check_ties(price record) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	other record;
BEGIN
	SELECT p.* INTO other FROM billing.price p
	WHERE (p.meter, p.region, p.plan, p.currency, p.account_id) = (price.meter, price.region, price.plan, price.currency, price.account_id)
		AND (p.options, p.properties, p.weekdays, p.time_from, p.time_to)
			IS DISTINCT FROM (price.options, price.properties, price.weekdays, price.time_from, price.time_to)
		AND (SELECT count(*) FROM jsonb_object_keys(p.options)) = (SELECT count(*) FROM jsonb_object_keys(price.options))
		AND NOT EXISTS (SELECT FROM jsonb_each(p.options) e WHERE price.options ? e.key AND price.options -> e.key <> e.value)
		AND billing._specificity(p.properties, p.weekdays, p.time_from, p.time_to)
			= billing._specificity(price.properties, price.weekdays, price.time_from, price.time_to)
		AND p.weekdays && price.weekdays
		-- one event can have the properties of both unless they want different values of one name
		AND NOT EXISTS (SELECT FROM jsonb_each(p.properties) e WHERE price.properties ? e.key AND price.properties -> e.key <> e.value)
		-- two spans of a day meet where one of them holds the beginning of the other
		AND (billing._meets('{}', '{1,2,3,4,5,6,7}', p.time_from, p.time_to, NULL, '2000-01-01'::date + price.time_from)
			OR billing._meets('{}', '{1,2,3,4,5,6,7}', price.time_from, price.time_to, NULL, '2000-01-01'::date + p.time_from))
	LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'a price of meter "%" ties with price %', price.meter, other.price_id USING
			ERRCODE = 'UB014',
			DETAIL = format('One event can meet both, and neither asks for more: properties %s, weekdays %s, %s to %s.', other.properties, other.weekdays,
				other.time_from, other.time_to) || CASE WHEN other.options <> '{}' THEN format(' Its options are %s.', other.options) ELSE '' END,
			HINT = 'Make one of them more specific: more properties, fewer weekdays, or fewer hours.';
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._check_ties(record) IS 'raises UB014 where an event could meet a new price and another one of equal rank';

CREATE FUNCTION billing._warn_of_cheaper_usage(meter text, tariff billing.tariff) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	said jsonb := tariff::jsonb;
	-- what is free comes before the first tier, but for a threshold
	free numeric := CASE WHEN said @> '{"threshold": true}' THEN 0 ELSE coalesce((said ->> 'free')::numeric, 0) END;
	first numeric := CASE WHEN said @> '{"block_first": true}' THEN (said ->> 'block')::numeric END;
	here numeric;
	width numeric;
	step numeric;
	costs numeric;
	beyond numeric;
	most numeric;
BEGIN
	-- A price falls nowhere but where a tier ends, or at a whole block beside that where the quantity is rounded first.
	FOR here, width IN SELECT DISTINCT p.here + free, p.reach
		FROM billing.tariff_tiers(tariff) t
		JOIN billing.tariff_tiers(tariff) n ON n.tier = t.tier + 1
		CROSS JOIN LATERAL (SELECT t.upper AS here, least(t.upper - t.lower, n.upper - n.lower) AS reach WHERE first IS NULL
			UNION ALL
			SELECT (div(t.upper, first) + k) * first, first FROM generate_series(-1, 1) k WHERE first IS NOT NULL) p
		WHERE p.here >= 0
		ORDER BY 1
	LOOP
		step := width * 1e-90;
		costs := greatest(billing._rate_or_null(tariff, greatest(here - step, 0)), billing._rate_or_null(tariff, here));
		-- NULL, which is no less, beyond a hard end
		beyond := billing._rate_or_null(tariff, here + step);
		IF beyond < costs THEN
			most := billing.quantity_for(tariff, costs, greatest(6, scale(here), scale(width)));
			RAISE NOTICE 'more usage of meter "%" costs less: a little more than % costs % in place of %', meter, trim_scale(here), trim_scale(round(beyond, 30)), trim_scale(round(costs, 30)) USING
				DETAIL = CASE WHEN most IS NULL THEN 'No quantity costs more than ' || trim_scale(here) || ' does.'
					ELSE format('Up to %s costs no more than %s does.', trim_scale(most), trim_scale(here)) END,
				HINT = 'Volume prices are printed like this on purpose at times; a flat fee in the higher tier closes the gap.';
		END IF;
	END LOOP;
END
$fn$;
COMMENT ON FUNCTION billing._warn_of_cheaper_usage(text, billing.tariff) IS 'a NOTICE for each tier bound behind which a quantity costs less than at the bound';
