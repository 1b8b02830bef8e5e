-- Domains of the functions' signatures.  Stored columns are plain numeric with CHECKs of their own, so that
-- dropping the extension never drops a column of money.  The checks are functions that raise, because a
-- domain's own message names neither the value nor the next step.

CREATE FUNCTION billing._finite(value numeric) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	IF value IN ('NaN', 'Infinity', '-Infinity') THEN
		RAISE EXCEPTION 'amount % is not a number that can be paid', value USING
			ERRCODE = 'numeric_value_out_of_range',
			DETAIL = 'NaN and infinite values are refused at every edge.',
			HINT = 'Give a finite amount.';
	END IF;
	RETURN true;
END
$fn$;
COMMENT ON FUNCTION billing._finite(numeric) IS 'raises 22003 unless the value is finite; the check of domain billing.amount';

CREATE FUNCTION billing._finite_not_negative(value numeric) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	IF value < 0 OR value IN ('NaN', 'Infinity') THEN
		RAISE EXCEPTION 'quantity % is out of range', value USING
			ERRCODE = 'numeric_value_out_of_range',
			DETAIL = 'A quantity is a finite number that is not negative.',
			HINT = 'Give a quantity of 0 or more.';
	END IF;
	RETURN true;
END
$fn$;
COMMENT ON FUNCTION billing._finite_not_negative(numeric)
	IS 'raises 22003 unless the value is finite and not negative; the check of domain billing.quantity';

CREATE DOMAIN billing.amount AS numeric CONSTRAINT amount_is_finite CHECK (billing._finite(VALUE));
COMMENT ON DOMAIN billing.amount IS 'an amount of money, exact; NaN and infinite values are refused';

CREATE DOMAIN billing.quantity AS numeric
	CONSTRAINT quantity_is_finite_and_not_negative CHECK (billing._finite_not_negative(VALUE));
COMMENT ON DOMAIN billing.quantity IS 'a quantity of a meter''s unit, exact; negative, NaN and infinite values are refused';
