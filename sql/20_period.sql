-- Counter periods: hours are elapsed time, days and months calendar time in the account's zone.
-- PL/pgSQL keeps its plans from call to call, which SQL functions that pin their path do not.

CREATE FUNCTION billing._instant(wall timestamp, time_zone text) RETURNS timestamptz
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $fn$
-- A wall time that comes twice (clocks set back) means its first coming; AT TIME ZONE takes the second.
DECLARE
	found timestamptz := wall AT TIME ZONE time_zone;
BEGIN
	IF (found - interval '1 hour') AT TIME ZONE time_zone = wall THEN
		RETURN found - interval '1 hour';
	ELSIF (found - interval '30 minutes') AT TIME ZONE time_zone = wall THEN
		RETURN found - interval '30 minutes';
	END IF;
	RETURN found;
END
$fn$;
COMMENT ON FUNCTION billing._instant(timestamp, text) IS 'first instant at which clocks of that zone show that wall time';

CREATE FUNCTION billing.period_of(counter text, at timestamptz, time_zone text,
	OUT period_start timestamptz, OUT period_end timestamptz)
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	wall timestamp;
BEGIN
	IF NOT isfinite(at) THEN
		RAISE EXCEPTION '% lies in no period', at USING
			ERRCODE = 'datetime_field_overflow',
			DETAIL = 'A period has a beginning and an end.',
			HINT = 'Give a finite instant.';
	END IF;
	CASE counter
		WHEN 'hour' THEN
			period_start := date_trunc('hour', at, 'UTC');
			period_end := period_start + interval '1 hour';
		WHEN 'day', 'month' THEN
			wall := date_trunc(counter, at AT TIME ZONE time_zone);
			period_start := billing._instant(wall, time_zone);
			period_end := billing._instant(wall + CASE counter WHEN 'day' THEN interval '1 day' ELSE interval '1 month' END, time_zone);
		ELSE
			RAISE EXCEPTION 'counter "%" does not exist', counter USING
				ERRCODE = 'invalid_parameter_value',
				DETAIL = 'A counter period is an hour, a day or a month.',
				HINT = 'Give hour, day or month.';
	END CASE;
END
$fn$;
COMMENT ON FUNCTION billing.period_of(text, timestamptz, text)
	IS 'the counter period (hour, day or month) that holds an instant, [period_start, period_end), in a time zone';
