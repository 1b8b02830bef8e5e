-- Calendar terms, counted from the instant at which something was bought, and shares of an amount.
-- An end is exclusive: the next term starts at it.  IMMUTABLE as PostgreSQL's own AT TIME ZONE is.

CREATE FUNCTION billing.term_end(anchor timestamptz, n integer, unit text, time_zone text, month_end text DEFAULT 'clamp')
RETURNS timestamptz
AS 'MODULE_PATHNAME', 'billing_term_end' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.term_end(timestamptz, integer, text, text, text)
	IS 'the instant n hours, days, months or years after the anchor, at the anchor''s wall time in the zone; month_end: clamp, spill or days 30';

CREATE FUNCTION billing.term_of(anchor timestamptz, at timestamptz, unit text, every integer, time_zone text, month_end text DEFAULT 'clamp',
	OUT n integer, OUT term_start timestamptz, OUT term_end timestamptz)
AS 'MODULE_PATHNAME', 'billing_term_of' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.term_of(timestamptz, timestamptz, text, integer, text, text)
	IS 'the term that holds an instant, [term_start, term_end), and its number from 1, where each term is `every` units long';

CREATE FUNCTION billing.term_start(at timestamptz, start_rule text, time_zone text) RETURNS timestamptz
AS 'MODULE_PATHNAME', 'billing_term_start' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.term_start(timestamptz, text, text)
	IS 'where a term starts that is bought at an instant: now (that second), day (00:00 of that day) or month (00:00 of the first)';

CREATE FUNCTION billing.last_second(until timestamptz) RETURNS timestamptz
AS 'MODULE_PATHNAME', 'billing_last_second' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.last_second(timestamptz) IS 'an end as people read it: one second earlier; infinity stays';

CREATE FUNCTION billing.days_between(since timestamptz, until timestamptz, time_zone text) RETURNS integer
AS 'MODULE_PATHNAME', 'billing_days_between' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.days_between(timestamptz, timestamptz, text)
	IS 'calendar days from one instant''s date to the other''s in the zone: the first day counts, the last does not';

-- Not STRICT: decimals may be NULL.  The others may not, and the answer is NULL then.
CREATE FUNCTION billing.prorate(amount numeric, part numeric, whole numeric, decimals integer DEFAULT NULL) RETURNS numeric
AS 'MODULE_PATHNAME', 'billing_prorate' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION billing.prorate(numeric, numeric, numeric, integer)
	IS 'amount * part / whole: exact where it has a last decimal, else to 20 decimals; or rounded to so many, half away from zero';

-- Terms as the catalogue writes them: an interval of one unit, 12 months or 30 days or 6 hours.
CREATE FUNCTION billing._after_terms(anchor timestamptz, terms integer, term interval, time_zone text, month_end text) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	months integer := extract(year FROM term) * 12 + extract(month FROM term);
BEGIN
	RETURN CASE WHEN term IS NULL THEN 'infinity'
		WHEN months > 0 THEN billing.term_end(anchor, terms * months, 'month', time_zone, month_end)
		WHEN extract(day FROM term) > 0 THEN billing.term_end(anchor, terms * extract(day FROM term)::integer, 'day', time_zone, month_end)
		ELSE billing.term_end(anchor, terms * extract(hour FROM term)::integer, 'hour', time_zone, month_end) END;
END
$fn$;
COMMENT ON FUNCTION billing._after_terms(timestamptz, integer, interval, text, text) IS 'where so many terms from an anchor end; infinity for terms without end';
