-- Aggregates for meters that SQL lacks.  All of them gather the samples of a group as 128-bit integers (numeric where
-- that is too narrow) and compute at its end.  SSPACE tells the planner, and the hash table that looks at its own size,
-- how much a month's group will need: with many groups they are sorted first, or spilled, instead of filling memory.

CREATE FUNCTION billing._samples_combine(internal, internal) RETURNS internal
AS 'MODULE_PATHNAME', 'billing_samples_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION billing._samples_combine(internal, internal) IS 'joins the samples that two workers have gathered';

CREATE FUNCTION billing._samples_serialize(internal) RETURNS bytea
AS 'MODULE_PATHNAME', 'billing_samples_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing._samples_serialize(internal) IS 'packs gathered samples for another process';

CREATE FUNCTION billing._samples_deserialize(bytea, internal) RETURNS internal
AS 'MODULE_PATHNAME', 'billing_samples_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing._samples_deserialize(bytea, internal) IS 'unpacks gathered samples';

CREATE FUNCTION billing._percentile_peak_add(internal, value numeric, percent numeric) RETURNS internal
AS 'MODULE_PATHNAME', 'billing_percentile_peak_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION billing._percentile_peak_add(internal, numeric, numeric) IS 'takes a row of percentile_peak';

CREATE FUNCTION billing._percentile_peak_final(internal) RETURNS numeric
AS 'MODULE_PATHNAME', 'billing_percentile_peak_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION billing._percentile_peak_final(internal) IS 'the answer of percentile_peak';

CREATE AGGREGATE billing.percentile_peak(value numeric, percent numeric) (
	SFUNC = billing._percentile_peak_add, STYPE = internal, SSPACE = 262144,
	FINALFUNC = billing._percentile_peak_final,
	COMBINEFUNC = billing._samples_combine,
	SERIALFUNC = billing._samples_serialize, DESERIALFUNC = billing._samples_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE billing.percentile_peak(numeric, numeric)
	IS 'the highest sample once floor(n * (100 - percent) / 100) of the n samples are dropped from the top; percent 95: the clouds'' 95th percentile, 100: the maximum';

CREATE FUNCTION billing._mean_top_add(internal, value numeric, days integer) RETURNS internal
AS 'MODULE_PATHNAME', 'billing_mean_top_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION billing._mean_top_add(internal, numeric, integer) IS 'takes a row of mean_top';

CREATE FUNCTION billing._mean_top_final(internal) RETURNS numeric
AS 'MODULE_PATHNAME', 'billing_mean_top_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION billing._mean_top_final(internal) IS 'the answer of mean_top';

CREATE AGGREGATE billing.mean_top(value numeric, days integer) (
	SFUNC = billing._mean_top_add, STYPE = internal, SSPACE = 1024,
	FINALFUNC = billing._mean_top_final,
	COMBINEFUNC = billing._samples_combine,
	SERIALFUNC = billing._samples_serialize, DESERIALFUNC = billing._samples_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE billing.mean_top(numeric, integer)
	IS 'mean of the highest values, as many as days says or fewer if there are fewer: exact where it has a last decimal, else to 20 decimals';

CREATE FUNCTION billing._time_weighted_sum_add(internal, value numeric, at timestamptz, until timestamptz) RETURNS internal
AS 'MODULE_PATHNAME', 'billing_time_weighted_sum_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION billing._time_weighted_sum_add(internal, numeric, timestamptz, timestamptz) IS 'takes a row of time_weighted_sum';

CREATE FUNCTION billing._time_weighted_sum_final(internal) RETURNS numeric
AS 'MODULE_PATHNAME', 'billing_time_weighted_sum_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION billing._time_weighted_sum_final(internal) IS 'the answer of time_weighted_sum';

CREATE AGGREGATE billing.time_weighted_sum(value numeric, at timestamptz, until timestamptz) (
	SFUNC = billing._time_weighted_sum_add, STYPE = internal, SSPACE = 32768,
	FINALFUNC = billing._time_weighted_sum_final,
	COMBINEFUNC = billing._samples_combine,
	SERIALFUNC = billing._samples_serialize, DESERIALFUNC = billing._samples_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE billing.time_weighted_sum(numeric, timestamptz, timestamptz)
	IS 'integral of a gauge in value times seconds: each value holds from its at to the next sample''s, the last one until the end; divide by 3600 for hours';
