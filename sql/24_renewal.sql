-- What becomes of a package that is used up or ends: the decision.  What it is made of, and what follows, stands in
-- 49_renewal.sql.

CREATE FUNCTION billing.decide_renewal(has_successor boolean, auto_renew boolean, is_closed boolean, is_sold boolean, has_plan boolean,
	price numeric, available numeric, OUT action text, OUT reason text)
AS 'MODULE_PATHNAME', 'billing_decide_renewal' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION billing.decide_renewal(boolean, boolean, boolean, boolean, boolean, numeric, numeric)
	IS 'nothing, successor (the package that was ordered starts), renew, or switch off (the flag goes, for the reason): for a package that is over, whose price is to be paid from what is available';
