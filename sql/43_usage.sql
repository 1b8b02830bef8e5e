CREATE FUNCTION billing.record_usage(account_id bigint, meter text, quantity billing.quantity,
	event_key text DEFAULT NULL, event_time timestamptz DEFAULT now(), region text DEFAULT '',
	resource text DEFAULT '', properties jsonb DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
#variable_conflict use_column
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
