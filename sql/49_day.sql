-- Meters that are settled by the day (billing.meter.settled_by).  A meter of peaks whose money moves when a day, a month or a
-- term closes gains nothing from being read every hour: its usage waits, and is read once for each day.
--
-- It waits for the first end of a day in any time zone that an account has, so that what is read together lies in one day of each
-- account, and each row is read once, however many zones there are.  How far that has come is kept by the shard (days_through):
-- what happened before is settled, and what comes late to it settles with the cycle of its arrival, as any other usage does.
--
-- A row may be read twice, as when an account in quarantine is tried again: a peak is no higher for it.

CREATE TYPE billing.day_span AS (
	meters text[],
	since timestamptz,
	until timestamptz
);
COMMENT ON TYPE billing.day_span IS 'what one settling of a cycle reads of meters that are settled by the day';
COMMENT ON COLUMN billing.day_span.meters IS 'those meters; NULL: there are none';
COMMENT ON COLUMN billing.day_span.since IS 'their usage of before is settled as any other, with its cycle';
COMMENT ON COLUMN billing.day_span.until IS 'their usage from since to before this is settled with the cycle; NULL: no day ends in it, and theirs waits';

CREATE FUNCTION billing._day_meters() RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off	-- whoever asks may have no use for sequential scans, which makes it look dear
AS $fn$
BEGIN
	RETURN (SELECT array_agg(m.meter ORDER BY m.meter COLLATE "C") FROM billing.meter m WHERE m.settled_by = 'day');
END
$fn$;
COMMENT ON FUNCTION billing._day_meters() IS 'the meters that are settled by the day; NULL: none';

CREATE FUNCTION billing._next_day_end(after timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $fn$
	WITH RECURSIVE zone AS (
		-- from one to the next by the index: many accounts have few zones
		SELECT (SELECT min(a.time_zone) FROM billing.account a) AS time_zone
		UNION ALL
		SELECT (SELECT min(a.time_zone) FROM billing.account a WHERE a.time_zone > z.time_zone) FROM zone z WHERE z.time_zone IS NOT NULL
	)
	SELECT min(d.period_end) FROM zone z CROSS JOIN LATERAL billing.period_of('day', after, z.time_zone) d WHERE z.time_zone IS NOT NULL
$fn$;
COMMENT ON FUNCTION billing._next_day_end(timestamptz) IS 'the first end of a day after an instant in any time zone that an account has; NULL: there are no accounts';

CREATE FUNCTION billing._day_span(the_cycle integer, meters text[], days_through timestamptz) RETURNS billing.day_span
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	span billing.day_span := ROW(meters, days_through, NULL);
	day_end timestamptz;
BEGIN
	IF meters IS NOT NULL THEN
		LOOP
			day_end := billing._next_day_end(coalesce(day_end, billing.cycle_start(the_cycle)));
			EXIT WHEN day_end > billing.cycle_start(the_cycle + 1) IS NOT FALSE;
			span.until := day_end;
		END LOOP;
	END IF;
	RETURN span;
END
$fn$;
COMMENT ON FUNCTION billing._day_span(integer, text[], timestamptz)
	IS 'what settling a cycle reads of meters that are settled by the day, where they are settled up to an instant: all up to the last day that ends in it';

-- not pinned: meant to be inlined
CREATE FUNCTION billing._usage_due(the_cycle integer, starts timestamptz, ends timestamptz, late_since timestamptz, meters text[], since timestamptz, until timestamptz)
	RETURNS TABLE (account_id bigint, meter text, region text, resource text, event_time timestamptz, event_key text, quantity numeric,
		properties jsonb)
LANGUAGE sql STABLE
AS $fn$
	SELECT u.account_id, u.meter, u.region, u.resource, u.event_time, u.event_key, u.quantity, u.properties
	FROM billing._usage_in(the_cycle, starts, ends, late_since) u
	WHERE meters IS NULL OR u.meter <> ALL (meters) OR u.event_time < since
	UNION ALL
	SELECT u.account_id, u.meter, u.region, u.resource, u.event_time, u.event_key, u.quantity, u.properties
	FROM billing.usage u
	WHERE u.event_time >= since AND u.event_time < until AND u.meter = ANY (meters) AND u.arrived <= the_cycle
$fn$;
COMMENT ON FUNCTION billing._usage_due(integer, timestamptz, timestamptz, timestamptz, text[], timestamptz, timestamptz)
	IS 'the usage that settles with a cycle: that of the cycle itself, but for meters that are settled by the day, and theirs from one instant to another (billing.day_span)';

CREATE FUNCTION billing._day_groups(the_cycle integer, account_from bigint, account_to bigint, chosen bigint[], meters text[], since timestamptz, until timestamptz)
	RETURNS TABLE (account_id bigint, meter text, region text, resource text, peak numeric, first_at timestamptz, last_at timestamptz)
LANGUAGE plpgsql STABLE ROWS 10000
SET search_path = pg_catalog, pg_temp
SET jit = off
SET work_mem = '64MB'
SET enable_sort = off
SET enable_seqscan = on	-- most of what is there since the last day's end is what is asked for
SET plan_cache_mode = force_custom_plan
SET parallel_tuple_cost = 0	-- many samples make few groups, which no statistics tell
AS $fn$
#variable_conflict use_column
DECLARE
	leaves_out jsonb := (SELECT jsonb_object_agg(m.meter, m.leaves_out) FROM billing.meter m WHERE m.leaves_out IS NOT NULL AND m.meter = ANY (meters));
BEGIN
	IF until IS NULL THEN
		RETURN;
	END IF;
	-- everything that may be left out of a condition is: there are as many rows as samples in a day
	account_from := nullif(account_from, -9223372036854775808);
	account_to := nullif(account_to, 9223372036854775807);
	RETURN QUERY SELECT u.account_id, u.meter, u.region, u.resource, max(u.quantity), min(u.event_time), max(u.event_time)
	FROM billing.usage u
	-- what happened before until, and had arrived in the cycle
	WHERE u.event_time >= since AND u.event_time < until AND u.meter = ANY (meters) AND u.arrived <= the_cycle
		AND (account_from IS NULL OR u.account_id >= account_from) AND (account_to IS NULL OR u.account_id < account_to)
		AND (chosen IS NULL OR u.account_id = ANY (chosen)) AND (leaves_out IS NULL OR billing._is_billed(u.properties, leaves_out -> u.meter))
	GROUP BY u.account_id, u.meter, u.region, u.resource;
END
$fn$;
COMMENT ON FUNCTION billing._day_groups(integer, bigint, bigint, bigint[], text[], timestamptz, timestamptz)
	IS 'of meters that are settled by the day, and of the accounts from account_from to before account_to, or those of them that are chosen, the groups of usage from one instant to another that settle with a cycle (billing.day_span)';
