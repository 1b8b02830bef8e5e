-- How one account's usage runs down what it has prepaid: plan allowances, then packages.

CREATE TYPE billing.deduction_way AS (source text, source_id bigint, remaining numeric, meter text, region text, resource text, factor numeric,
	valid_from timestamptz, valid_until timestamptz);
COMMENT ON TYPE billing.deduction_way IS 'one way by which usage may be deducted from an allowance or a package; the order of an array of them is the order of deduction';
COMMENT ON COLUMN billing.deduction_way.source IS 'allowance or package';
COMMENT ON COLUMN billing.deduction_way.source_id IS 'which one; several ways may lead to one source';
COMMENT ON COLUMN billing.deduction_way.remaining IS 'what is left of the source, in its own units; all ways of a source state the same';
COMMENT ON COLUMN billing.deduction_way.meter IS 'the meter whose usage is deducted';
COMMENT ON COLUMN billing.deduction_way.region IS 'the region whose usage is deducted; NULL: any';
COMMENT ON COLUMN billing.deduction_way.resource IS 'the resource whose usage is deducted; NULL: any';
COMMENT ON COLUMN billing.deduction_way.factor IS 'units of the source that one unit of usage takes';
COMMENT ON COLUMN billing.deduction_way.valid_from IS 'usage from this instant on is deducted; may be -infinity';
COMMENT ON COLUMN billing.deduction_way.valid_until IS 'usage before this instant is deducted; may be infinity';

CREATE TYPE billing.deduction AS (item bigint, source text, source_id bigint, quantity numeric, units numeric);
COMMENT ON TYPE billing.deduction IS 'one step of an item of usage down its sources; the quantities of an item''s steps add up to its own';
COMMENT ON COLUMN billing.deduction.item IS 'the item, by the number that the caller gave it';
COMMENT ON COLUMN billing.deduction.source IS 'allowance or package; NULL: what no source covers';
COMMENT ON COLUMN billing.deduction.source_id IS 'which one';
COMMENT ON COLUMN billing.deduction.quantity IS 'what was taken from it, in the unit of the meter';
COMMENT ON COLUMN billing.deduction.units IS 'the same in units of the source; NULL without a source';

CREATE FUNCTION billing._waterfall_add(internal, ways billing.deduction_way[], item bigint, meter text, region text, resource text,
	first_at timestamptz, last_at timestamptz, quantity numeric, by_event boolean) RETURNS internal
AS 'MODULE_PATHNAME', 'billing_waterfall_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION billing._waterfall_add(internal, billing.deduction_way[], bigint, text, text, text, timestamptz, timestamptz, numeric, boolean)
	IS 'takes a row of waterfall';

CREATE FUNCTION billing._waterfall_final(internal) RETURNS billing.deduction[]
AS 'MODULE_PATHNAME', 'billing_waterfall_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION billing._waterfall_final(internal) IS 'the answer of waterfall';

-- No combine function: each item finds what those before it have left.
CREATE AGGREGATE billing.waterfall(ways billing.deduction_way[], item bigint, meter text, region text, resource text,
	first_at timestamptz, last_at timestamptz, quantity numeric, by_event boolean) (
	SFUNC = billing._waterfall_add, STYPE = internal, SSPACE = 2048,
	FINALFUNC = billing._waterfall_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE billing.waterfall(billing.deduction_way[], bigint, text, text, text, timestamptz, timestamptz, numeric, boolean)
	IS 'the steps in which one account''s items of usage run down its ways of deduction, in the order of the rows; NULL, unless by_event: the order of the events matters, so give them one by one';
