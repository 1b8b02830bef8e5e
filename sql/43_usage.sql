CREATE FUNCTION billing.record_usage(account_id bigint, meter text, quantity billing.quantity,
	event_key text DEFAULT NULL, event_time timestamptz DEFAULT now(), region text DEFAULT '',
	resource text DEFAULT '', properties jsonb DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
#variable_conflict use_column
DECLARE
	earlier timestamptz;
BEGIN
	PERFORM billing._check_installed();
	IF num_nulls(record_usage.account_id, record_usage.meter, record_usage.quantity, record_usage.region, record_usage.resource) > 0 THEN
		RAISE EXCEPTION 'usage % of meter "%" for account % is not complete', record_usage.quantity, record_usage.meter, record_usage.account_id USING
			ERRCODE = 'null_value_not_allowed',
			DETAIL = 'Account, meter, quantity, region and resource are not NULL.',
			HINT = 'A region or resource that there is not is the empty text.';
	ELSIF octet_length(record_usage.event_key) > 1000 OR greatest(octet_length(record_usage.meter), octet_length(record_usage.resource), octet_length(record_usage.region)) > 1000 THEN
		RAISE EXCEPTION 'usage of meter "%..." has names or keys that are too long', left(record_usage.meter, 20) USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'A key, and the name of a meter, region or resource, has at most 1000 bytes.',
			HINT = 'Take a shorter key, such as a hash of it.';
	END IF;
	PERFORM 1 FROM billing.installation i
	WHERE record_usage.event_time >= i.start_at AND record_usage.event_time < i.usage_until;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'usage of % can not be taken', coalesce(event_time::text, 'NULL') USING
			ERRCODE = 'UB013',
			DETAIL = (SELECT format('Usage is kept from %s to before %s.', i.start_at, i.usage_until) FROM billing.installation i),
			HINT = 'Check the event''s time; partitions reach three months beyond the watermark, and billing.tick() makes them.';
	END IF;
	IF record_usage.event_key IS NOT NULL AND record_usage.event_time = now() THEN
		-- a time that was left out is none of the event: a repeated call has the key alone, and waits for one that runs beside it
		PERFORM pg_advisory_xact_lock(hashtextextended(format('billing usage %s %s %s', record_usage.account_id, record_usage.meter, record_usage.event_key), 0));
		SELECT u.event_time INTO earlier FROM billing.usage u
		WHERE u.account_id = record_usage.account_id AND u.meter = record_usage.meter AND u.event_key = record_usage.event_key
		ORDER BY u.event_time DESC LIMIT 1;
		record_usage.event_time := coalesce(earlier, record_usage.event_time);
	END IF;
	INSERT INTO billing.usage (account_id, meter, region, resource, event_time, event_key, quantity, properties)
	VALUES (record_usage.account_id, record_usage.meter, record_usage.region, record_usage.resource,
		record_usage.event_time, coalesce(record_usage.event_key, gen_random_uuid()::text),
		record_usage.quantity, record_usage.properties)
	ON CONFLICT DO NOTHING;
	IF FOUND THEN
		RETURN true;
	END IF;
	PERFORM 1 FROM billing.usage u
	WHERE u.account_id = record_usage.account_id AND u.meter = record_usage.meter AND u.event_key = record_usage.event_key
		AND u.event_time = record_usage.event_time AND u.quantity = record_usage.quantity
		AND u.region = record_usage.region AND u.resource = record_usage.resource;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'event "%" of meter "%" was recorded before with other values', record_usage.event_key, record_usage.meter USING
			ERRCODE = 'UB004',
			DETAIL = (SELECT format('It says %s in region "%s" by resource "%s".', u.quantity, u.region, u.resource) FROM billing.usage u
				WHERE u.account_id = record_usage.account_id AND u.meter = record_usage.meter
					AND u.event_key = record_usage.event_key AND u.event_time = record_usage.event_time),
			HINT = 'Repeat the event exactly, or give a new event a key of its own.';
	END IF;
	RETURN false;
END
$fn$;
COMMENT ON FUNCTION billing.record_usage(bigint, text, billing.quantity, text, timestamptz, text, text, jsonb)
	IS 'writes one event; false: it was there before, and nothing was done; raises UB004 if it was there with other values';

-- not pinned: meant to be inlined
CREATE FUNCTION billing._is_billed(properties jsonb, leaves_out jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $fn$ SELECT (properties OPERATOR(pg_catalog.@>) leaves_out) IS NOT TRUE $fn$;
COMMENT ON FUNCTION billing._is_billed(jsonb, jsonb) IS 'is usage with these properties billed by a meter that leaves those out (NULL: none)?';

-- not pinned: meant to be inlined
CREATE FUNCTION billing._usage_in(the_cycle integer, starts timestamptz, ends timestamptz, late_since timestamptz)
	RETURNS TABLE (account_id bigint, meter text, region text, resource text, event_time timestamptz, event_key text, quantity numeric,
		properties jsonb)
LANGUAGE sql STABLE
AS $fn$
	SELECT u.account_id, u.meter, u.region, u.resource, u.event_time, u.event_key, u.quantity, u.properties
	FROM billing.usage u
	WHERE billing._in_step(u.arrived, u.event_time)
		AND u.event_time >= starts AND u.event_time < ends
	UNION ALL
	SELECT u.account_id, u.meter, u.region, u.resource, u.event_time, u.event_key, u.quantity, u.properties
	FROM billing.usage u
	WHERE NOT billing._in_step(u.arrived, u.event_time) AND billing.cycle_of(u.arrived, u.event_time) = the_cycle
		AND u.event_time >= late_since AND u.event_time < ends
$fn$;
COMMENT ON FUNCTION billing._usage_in(integer, timestamptz, timestamptz, timestamptz)
	IS 'the usage that settles with a cycle, which starts and ends when its caller says, who does not ask for each row; what of it came out of step is looked for in the months from an instant on (billing._late_since())';

CREATE FUNCTION billing._late_since(the_cycle integer) RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
SET plan_cache_mode = force_generic_plan	-- to plan for all months takes longer than to look
SET enable_seqscan = off
AS $fn$
BEGIN
	RETURN coalesce((SELECT min(u.event_time) FROM billing.usage u
		WHERE NOT billing._in_step(u.arrived, u.event_time) AND billing.cycle_of(u.arrived, u.event_time) = the_cycle), 'infinity');
END
$fn$;
COMMENT ON FUNCTION billing._late_since(integer)
	IS 'the first event that settles with a cycle and came out of step, so that of years of months only some are looked into; infinity: none did';

-- not pinned: meant to be inlined
CREATE FUNCTION billing._usage_of(the_cycle integer, account_from bigint, account_to bigint)
	RETURNS TABLE (account_id bigint, meter text, region text, resource text, event_time timestamptz, event_key text, quantity numeric,
		properties jsonb)
LANGUAGE sql STABLE
AS $fn$ SELECT u.* FROM billing._usage_in(the_cycle, billing.cycle_start(the_cycle), billing.cycle_start(the_cycle + 1), '-infinity') u WHERE u.account_id >= account_from AND u.account_id < account_to $fn$;
COMMENT ON FUNCTION billing._usage_of(integer, bigint, bigint) IS 'the usage that settles with a cycle, of the accounts from account_from to before account_to';

CREATE FUNCTION billing._next_used(from_cycle integer, until_cycle integer) RETURNS integer
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
-- Out of step, the index knows.  In step, rows lie about in the order of their hours, so the one that is come upon is mostly
-- of the first hour, which takes one more look to know.  Where they do not, halving gets there.
DECLARE
	low integer := from_cycle;
	middle integer;
	used integer;
	first_used integer;
	is_scattered boolean := false;
BEGIN
	IF from_cycle >= until_cycle THEN
		RETURN NULL;
	END IF;
	SELECT min(billing.cycle_of(u.arrived, u.event_time)) INTO first_used FROM billing.usage u
	WHERE NOT billing._in_step(u.arrived, u.event_time)
		AND billing.cycle_of(u.arrived, u.event_time) >= from_cycle AND billing.cycle_of(u.arrived, u.event_time) < until_cycle;
	LOOP
		used := billing._used_cycle(low, coalesce(first_used, until_cycle));
		IF used IS NULL THEN
			RETURN first_used;
		END IF;
		first_used := used;
		IF is_scattered THEN
			middle := low + (first_used - low) / 2;
			used := billing._used_cycle(low, middle);
			IF used IS NULL THEN
				low := middle;
			ELSE
				first_used := used;
			END IF;
		END IF;
		is_scattered := true;
	END LOOP;
END
$fn$;
COMMENT ON FUNCTION billing._next_used(integer, integer)
	IS 'the first cycle from one to before another that usage settles with, but for what waits for the end of its day; NULL: none';

CREATE FUNCTION billing._used_cycle(from_cycle integer, until_cycle integer) RETURNS integer
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
SET enable_seqscan = off	-- what there is may lie at a table's end
SET enable_indexscan = off	-- by block ranges, whatever the caller has switched off
SET enable_bitmapscan = on
SET plan_cache_mode = force_custom_plan	-- of the months that are asked for
AS $fn$
DECLARE
	-- once, not for each row that a block range is looked through for
	since constant timestamptz := billing.cycle_start(from_cycle);
	until constant timestamptz := billing.cycle_start(until_cycle);
	-- the names that lie before, between and behind those of meters that are settled by the day, whose usage waits
	waiting constant text[] := billing._day_meters();
	name_from text COLLATE "C" := '';
	used timestamptz;
BEGIN
	IF from_cycle >= until_cycle THEN
		RETURN NULL;
	END IF;
	FOR i IN 1 .. coalesce(cardinality(waiting), 0) LOOP
		used := (SELECT u.event_time FROM billing.usage u WHERE billing._in_step(u.arrived, u.event_time) AND u.event_time >= since AND u.event_time < until
			AND u.meter >= name_from AND u.meter < waiting[i] LIMIT 1);
		IF used IS NOT NULL THEN
			RETURN billing.cycle_of(used);
		END IF;
		name_from := waiting[i] || chr(1); -- the next there can be
	END LOOP;
	RETURN billing.cycle_of((SELECT u.event_time FROM billing.usage u
		WHERE billing._in_step(u.arrived, u.event_time) AND u.event_time >= since AND u.event_time < until AND u.meter >= name_from LIMIT 1));
END
$fn$;
COMMENT ON FUNCTION billing._used_cycle(integer, integer)
	IS 'a cycle, from one to before another, in which usage happened that arrived in step and does not wait for the end of its day: the one that is come upon; NULL: none';

CREATE FUNCTION billing._summarize_usage() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $fn$
-- New blocks belong to no block range until somebody says so, and are read by every search till then.
DECLARE
	watermark constant integer := (SELECT b.cycle FROM billing.barrier b WHERE b.mark = 'watermark');
	months constant oid[] := ARRAY[to_regclass('billing.' || billing._partition_of(billing.cycle_start(watermark - 1))),
		to_regclass('billing.' || billing._partition_of(billing.cycle_start(watermark + 24)))];
	found oid;
BEGIN
	FOR found IN SELECT x.indexrelid FROM pg_index x
		WHERE x.indrelid = ANY (months) AND EXISTS (SELECT FROM pg_inherits i
			WHERE i.inhrelid = x.indexrelid AND i.inhparent = 'billing.usage_event_time'::regclass)
	LOOP
		PERFORM brin_summarize_new_values(found);
	END LOOP;
EXCEPTION WHEN lock_not_available THEN
	NULL; -- a VACUUM is at it, which does the same
END
$fn$;
COMMENT ON FUNCTION billing._summarize_usage() IS 'brings the block ranges of the last usage up to date';
