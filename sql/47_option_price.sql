-- Options that are priced by the piece, on top of a plan's fee: ports beyond those that are included, packs of domains.  Being a
-- part of the fee they are paid, renewed and changed with the plan, and end with it.

CREATE FUNCTION billing._is_option_value(choices jsonb, lowest numeric, highest numeric, step numeric, value jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT jsonb_typeof(value) NOT IN ('null', 'object', 'array') AND CASE WHEN choices IS NOT NULL THEN choices @> value
		WHEN jsonb_typeof(value) = 'number' THEN n BETWEEN lowest AND coalesce(highest, 'Infinity') AND coalesce((n - lowest) % step = 0, true) ELSE false END
	FROM (SELECT CASE jsonb_typeof(value) WHEN 'number' THEN (value #>> '{}')::numeric END) v(n)
$fn$;
COMMENT ON FUNCTION billing._is_option_value(jsonb, numeric, numeric, numeric, jsonb) IS 'is it one of the choices, or a number that an option can be?';

CREATE FUNCTION billing._check_priced_options(plan text, options jsonb) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	never record;
BEGIN
	SELECT e.key AS option, e.value INTO never FROM jsonb_each(options) e
	JOIN billing.plan_option o ON o.plan = _check_priced_options.plan AND o.option = e.key
	WHERE NOT billing._is_option_value(o.choices, o.least, o.most, o.step, e.value) ORDER BY e.key LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'plan "%" has no option "%" of %', plan, never.option, never.value USING
			ERRCODE = 'UB042',
			DETAIL = 'No subscription would ever meet that price.',
			HINT = format('SELECT option, choices, least, most, step FROM billing.plan_option WHERE plan = %L;', plan);
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._check_priced_options(text, jsonb) IS 'raises UB042 for a price that asks for a value that an option of its plan never has';

CREATE FUNCTION billing._check_plan_option() RETURNS trigger
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	no_number text;
BEGIN
	SELECT NEW.option INTO no_number
	WHERE jsonb_path_exists(NEW.choices, '$[*] ? (@.type() != "number")')
		AND (EXISTS (SELECT FROM billing.plan_option o WHERE o.plan = NEW.plan AND o.at_least = NEW.option)
			OR EXISTS (SELECT FROM billing.plan_option_price r WHERE r.plan = NEW.plan AND r.option = NEW.option)
			OR EXISTS (SELECT FROM billing.plan_allowance a WHERE a.plan = NEW.plan AND NEW.option IN (a.base_option, a.cap_option)))
	UNION ALL SELECT o.option FROM billing.plan_option o
	WHERE o.plan = NEW.plan AND o.option = NEW.at_least AND jsonb_path_exists(o.choices, '$[*] ? (@.type() != "number")') LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'option "%" of plan "%" is no number', no_number, NEW.plan USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'What another option has to reach, a base, a cap, and what is priced by the piece are numbers.',
			HINT = 'Give it choices that are numbers, or none.';
	END IF;
	RETURN NEW;
END
$fn$;
COMMENT ON FUNCTION billing._check_plan_option() IS 'trigger: raises 22023 for an option that is no number, where one is counted on';

CREATE FUNCTION billing._check_option_price() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	twice text;
	other jsonb;
BEGIN
	IF TG_TABLE_NAME = 'plan_price' THEN
		PERFORM billing._check_priced_options(NEW.plan, NEW.options);
		-- locked, so that two rows that are inserted at once see one another
		PERFORM 1 FROM billing.plan p WHERE p.plan = NEW.plan FOR NO KEY UPDATE;
		SELECT r.options INTO other FROM billing.plan_price r
		WHERE r.plan = NEW.plan AND r.region = NEW.region AND r.currency = NEW.currency AND r.options <> NEW.options
			AND (SELECT count(*) FROM jsonb_object_keys(r.options)) = (SELECT count(*) FROM jsonb_object_keys(NEW.options))
			-- one subscription can have the options of both unless they want different values of one
			AND NOT EXISTS (SELECT FROM jsonb_each(r.options) e WHERE NEW.options ? e.key AND NEW.options -> e.key <> e.value)
		LIMIT 1;
		IF FOUND THEN
			RAISE EXCEPTION 'a fee of plan "%" by options % ties with that by %', NEW.plan, NEW.options, other USING
				ERRCODE = 'UB014',
				DETAIL = 'One subscription can have the options of both, and neither asks for more.',
				HINT = 'Give rows that name both options, or price one of them by the piece in billing.plan_option_price.';
		END IF;
		SELECT r.option INTO twice FROM billing.plan_option_price r WHERE r.plan = NEW.plan AND NEW.options ? r.option LIMIT 1;
	ELSIF EXISTS (SELECT FROM billing.plan_option o WHERE o.plan = NEW.plan AND o.option = NEW.option
			AND jsonb_path_exists(o.choices, '$[*] ? (@.type() != "number")')) THEN
		RAISE EXCEPTION 'option "%" of plan "%" is no number', NEW.option, NEW.plan USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'What is priced by the piece is a number.',
			HINT = 'Give each of its values a row in billing.plan_price.';
	ELSE
		SELECT NEW.option INTO twice FROM billing.plan_price r WHERE r.plan = NEW.plan AND r.options ? NEW.option LIMIT 1;
	END IF;
	IF twice IS NOT NULL THEN
		RAISE EXCEPTION 'option "%" of plan "%" would be paid twice', twice, NEW.plan USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'Rows of billing.plan_price ask for it, and billing.plan_option_price prices it by the piece.',
			HINT = 'Have it in one of the two.';
	END IF;
	RETURN NEW;
END
$fn$;
COMMENT ON FUNCTION billing._check_option_price() IS 'trigger: raises 22023 for a price by the piece of an option that is no number, and for an option that would be paid by the piece and by a row of billing.plan_price; UB014 and UB042 for a row of that table that ties with another, or that nobody would ever meet';

CREATE FUNCTION billing._option_fees(plan text, region text, options jsonb, currency text, at timestamptz) RETURNS numeric
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	RETURN (
	SELECT coalesce(sum(ceil(greatest(billing._number_of(_option_fees.options, p.option) - p.included, 0) / p.block) * p.fee), 0)
	FROM (SELECT DISTINCT ON (r.option) r.option, r.included, r.block, r.fee FROM billing.plan_option_price r
		WHERE r.plan = _option_fees.plan AND r.currency = _option_fees.currency AND r.region IN (_option_fees.region, '')
			AND _option_fees.options ? r.option AND r.valid_from <= _option_fees.at
		ORDER BY r.option, r.region <> '' DESC, r.valid_from DESC) p);
END
$fn$;
COMMENT ON FUNCTION billing._option_fees(text, text, jsonb, text, timestamptz) IS 'what options that are priced by the piece add to the fee of one term of one piece';

CREATE FUNCTION billing._option_is_sold(plan text, option text, region text, currency text, at timestamptz) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT NOT EXISTS (SELECT FROM billing.plan_option_price r WHERE r.plan = _option_is_sold.plan AND r.option = _option_is_sold.option)
		OR EXISTS (SELECT FROM billing.plan_option_price r WHERE r.plan = _option_is_sold.plan AND r.option = _option_is_sold.option
			AND r.currency = _option_is_sold.currency AND r.region IN (_option_is_sold.region, '') AND r.valid_from <= _option_is_sold.at)
$fn$;
COMMENT ON FUNCTION billing._option_is_sold(text, text, text, text, timestamptz)
	IS 'may an option be bought in that region and currency? One that is priced by the piece somewhere has a price there; any other costs nothing';
