-- Options that are priced by the piece, on top of a plan's fee: ports beyond those that are included, packs of domains.  Being a
-- part of the fee they are paid, renewed and changed with the plan, and end with it.

CREATE FUNCTION billing._check_option_price() RETURNS trigger
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	twice text;
BEGIN
	IF TG_TABLE_NAME = 'plan_price' THEN
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
COMMENT ON FUNCTION billing._check_option_price() IS 'trigger: raises 22023 for a price by the piece of an option that is no number, and for an option that would be paid by the piece and by a row of billing.plan_price';

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
