-- The type of price lists, and what prices a quantity with one.

CREATE TYPE billing.tariff;

CREATE FUNCTION billing.tariff_in(cstring) RETURNS billing.tariff
AS 'MODULE_PATHNAME', 'billing_tariff_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.tariff_in(cstring) IS 'reads the text of a tariff';

CREATE FUNCTION billing.tariff_out(billing.tariff) RETURNS cstring
AS 'MODULE_PATHNAME', 'billing_tariff_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.tariff_out(billing.tariff) IS 'prints the canonical text of a tariff';

CREATE FUNCTION billing.tariff_recv(internal) RETURNS billing.tariff
AS 'MODULE_PATHNAME', 'billing_tariff_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.tariff_recv(internal) IS 'reads the binary form of a tariff';

CREATE FUNCTION billing.tariff_send(billing.tariff) RETURNS bytea
AS 'MODULE_PATHNAME', 'billing_tariff_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.tariff_send(billing.tariff) IS 'writes the binary form of a tariff';

CREATE TYPE billing.tariff (
	INPUT = billing.tariff_in,
	OUTPUT = billing.tariff_out,
	RECEIVE = billing.tariff_recv,
	SEND = billing.tariff_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = int4,
	STORAGE = extended
);
COMMENT ON TYPE billing.tariff IS 'a price list: graduated per GB: 0.05 up to 10 TB, 0.04 beyond';

-- Casts.  Neither loses anything, and neither is implicit: a tariff is not a document, and most documents
-- are no tariffs.

CREATE FUNCTION billing.tariff_to_jsonb(billing.tariff) RETURNS jsonb
AS 'MODULE_PATHNAME', 'billing_tariff_to_jsonb' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.tariff_to_jsonb(billing.tariff) IS 'the JSON of a tariff; the cast to jsonb';

CREATE FUNCTION billing.tariff_from_jsonb(jsonb) RETURNS billing.tariff
AS 'MODULE_PATHNAME', 'billing_tariff_from_jsonb' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.tariff_from_jsonb(jsonb) IS 'the tariff that a JSON object describes; the cast from jsonb';

CREATE CAST (billing.tariff AS jsonb) WITH FUNCTION billing.tariff_to_jsonb(billing.tariff) AS ASSIGNMENT;
COMMENT ON CAST (billing.tariff AS jsonb) IS 'the JSON of a tariff';

CREATE CAST (jsonb AS billing.tariff) WITH FUNCTION billing.tariff_from_jsonb(jsonb) AS ASSIGNMENT;
COMMENT ON CAST (jsonb AS billing.tariff) IS 'the tariff that a JSON object describes';

-- Equality, of the canonical text.  There is no order: of two price lists neither is less.

CREATE FUNCTION billing.tariff_eq(billing.tariff, billing.tariff) RETURNS boolean
AS 'MODULE_PATHNAME', 'billing_tariff_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.tariff_eq(billing.tariff, billing.tariff) IS 'implementation of = operator';

CREATE FUNCTION billing.tariff_ne(billing.tariff, billing.tariff) RETURNS boolean
AS 'MODULE_PATHNAME', 'billing_tariff_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.tariff_ne(billing.tariff, billing.tariff) IS 'implementation of <> operator';

CREATE FUNCTION billing.tariff_hash(billing.tariff) RETURNS integer
AS 'MODULE_PATHNAME', 'billing_tariff_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.tariff_hash(billing.tariff) IS 'hash of a tariff';

CREATE FUNCTION billing.tariff_hash_extended(billing.tariff, bigint) RETURNS bigint
AS 'MODULE_PATHNAME', 'billing_tariff_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.tariff_hash_extended(billing.tariff, bigint) IS 'hash of a tariff, with a seed';

CREATE OPERATOR billing.= (
	LEFTARG = billing.tariff, RIGHTARG = billing.tariff, FUNCTION = billing.tariff_eq,
	COMMUTATOR = OPERATOR(billing.=), NEGATOR = OPERATOR(billing.<>),
	RESTRICT = eqsel, JOIN = eqjoinsel, HASHES
);
COMMENT ON OPERATOR billing.= (billing.tariff, billing.tariff) IS 'the same canonical text';

CREATE OPERATOR billing.<> (
	LEFTARG = billing.tariff, RIGHTARG = billing.tariff, FUNCTION = billing.tariff_ne,
	COMMUTATOR = OPERATOR(billing.<>), NEGATOR = OPERATOR(billing.=),
	RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR billing.<> (billing.tariff, billing.tariff) IS 'not the same canonical text';

CREATE OPERATOR CLASS billing.tariff_ops DEFAULT FOR TYPE billing.tariff USING hash AS
	OPERATOR 1 billing.=,
	FUNCTION 1 billing.tariff_hash(billing.tariff),
	FUNCTION 2 billing.tariff_hash_extended(billing.tariff, bigint);
COMMENT ON OPERATOR CLASS billing.tariff_ops USING hash IS 'equality of tariffs';
COMMENT ON OPERATOR FAMILY billing.tariff_ops USING hash IS 'equality of tariffs';

-- What a tariff says of itself.

CREATE FUNCTION billing.tariff_model(tariff billing.tariff) RETURNS text
AS 'MODULE_PATHNAME', 'billing_tariff_model' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.tariff_model(billing.tariff) IS 'the model of a tariff: graduated or volume';

CREATE FUNCTION billing.tariff_each(tariff billing.tariff) RETURNS boolean
AS 'MODULE_PATHNAME', 'billing_tariff_each' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.tariff_each(billing.tariff)
	IS 'whether a tariff prices every usage row on its own and adds the prices up, in place of pricing their sum';

CREATE FUNCTION billing.tariff_tiers(
	tariff billing.tariff,
	OUT tier integer, OUT lower numeric, OUT upper numeric, OUT price numeric, OUT per numeric, OUT flat numeric,
	OUT block numeric)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'billing_tariff_tiers' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10 ROWS 5;
COMMENT ON FUNCTION billing.tariff_tiers(billing.tariff)
	IS 'the tiers of a tariff as rows; a quantity belongs to the tier if lower < quantity <= upper; block is NULL where there is none';

-- Pricing.  Parameters are plain numeric, as checking a domain costs more than the price itself: NaN, Infinity
-- and negative quantities are refused inside.  COST and ROWS say what the planner can know: a support function could
-- count the tiers of a constant alone, and most tariffs are a column.

CREATE FUNCTION billing.rate(tariff billing.tariff, quantity numeric) RETURNS numeric
AS 'MODULE_PATHNAME', 'billing_rate' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION billing.rate(billing.tariff, numeric) IS 'the exact price of a quantity';

CREATE FUNCTION billing.rate(tariff billing.tariff, quantity numeric, decimals integer) RETURNS numeric
AS 'MODULE_PATHNAME', 'billing_rate_rounded' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION billing.rate(billing.tariff, numeric, integer)
	IS 'the price of a quantity, rounded to so many decimals, half away from zero';

CREATE FUNCTION billing._rate_sum_add(internal, billing.tariff, numeric) RETURNS internal
AS 'MODULE_PATHNAME', 'billing_rate_sum_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION billing._rate_sum_add(internal, billing.tariff, numeric) IS 'implementation of rate_sum aggregate';

CREATE FUNCTION billing._rate_sum_combine(internal, internal) RETURNS internal
AS 'MODULE_PATHNAME', 'billing_rate_sum_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION billing._rate_sum_combine(internal, internal) IS 'implementation of rate_sum aggregate';

CREATE FUNCTION billing._rate_sum_serialize(internal) RETURNS bytea
AS 'MODULE_PATHNAME', 'billing_rate_sum_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing._rate_sum_serialize(internal) IS 'implementation of rate_sum aggregate';

CREATE FUNCTION billing._rate_sum_deserialize(bytea, internal) RETURNS internal
AS 'MODULE_PATHNAME', 'billing_rate_sum_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing._rate_sum_deserialize(bytea, internal) IS 'implementation of rate_sum aggregate';

CREATE FUNCTION billing._rate_sum_final(internal) RETURNS numeric
AS 'MODULE_PATHNAME', 'billing_rate_sum_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION billing._rate_sum_final(internal) IS 'implementation of rate_sum aggregate';

CREATE AGGREGATE billing.rate_sum(tariff billing.tariff, quantity numeric) (
	SFUNC = billing._rate_sum_add, STYPE = internal, SSPACE = 64,
	FINALFUNC = billing._rate_sum_final,
	COMBINEFUNC = billing._rate_sum_combine,
	SERIALFUNC = billing._rate_sum_serialize, DESERIALFUNC = billing._rate_sum_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE billing.rate_sum(billing.tariff, numeric)
	IS 'the prices of many quantities, each on its own, added up: sum(rate(tariff, quantity)), faster';

CREATE FUNCTION billing.rate_between(tariff billing.tariff, already numeric, added numeric) RETURNS numeric
AS 'MODULE_PATHNAME', 'billing_rate_between' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION billing.rate_between(billing.tariff, numeric, numeric)
	IS 'the exact price of what is added to a quantity: rate(already + added) - rate(already); not of a tariff with "each"';

CREATE FUNCTION billing.rate_lines(
	tariff billing.tariff, quantity numeric,
	OUT tier integer, OUT lower numeric, OUT upper numeric, OUT quantity numeric,
	OUT price numeric, OUT per numeric, OUT flat numeric, OUT amount numeric)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'billing_rate_lines' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 ROWS 5;
COMMENT ON FUNCTION billing.rate_lines(billing.tariff, numeric)
	IS 'where the price of a quantity comes from: a row for each tier with a part in it, and one of tier 0 for what min, max and digits change, adding up to rate()';

CREATE FUNCTION billing.quantity_for(tariff billing.tariff, amount numeric, decimals integer DEFAULT 12) RETURNS numeric
AS 'MODULE_PATHNAME', 'billing_quantity_for' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION billing.quantity_for(billing.tariff, numeric, integer)
	IS 'the largest quantity of at most so many decimals whose price is not above the amount; NULL: there is no limit';
