\echo Use "CREATE EXTENSION billing" to load this file. \quit

-- The schema must be empty: an object that somebody put there beforehand could take the place of one of ours.
DO $do$
DECLARE
	found text;
BEGIN
	SELECT pg_catalog.string_agg(o.name, ', ') INTO found
	FROM (SELECT relname::text FROM pg_catalog.pg_class WHERE relnamespace = 'billing'::regnamespace
		  UNION ALL
		  SELECT proname::text FROM pg_catalog.pg_proc WHERE pronamespace = 'billing'::regnamespace
		  UNION ALL
		  SELECT typname::text FROM pg_catalog.pg_type WHERE typnamespace = 'billing'::regnamespace
		  ORDER BY 1 LIMIT 5) o(name);
	IF found IS NOT NULL THEN
		RAISE EXCEPTION 'schema "billing" is not empty' USING
			ERRCODE = 'UB012',
			DETAIL = pg_catalog.format('It already holds %s.', found),
			HINT = 'Rename that schema (ALTER SCHEMA billing RENAME TO ...) and create the extension again.';
	END IF;
END
$do$;
