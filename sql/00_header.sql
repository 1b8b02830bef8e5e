\echo Use "CREATE EXTENSION billing" to load this file. \quit

-- The script runs with a superuser's rights in a schema that its caller may have filled before: nothing there may be
-- looked at, least of all an operator that fits better than the one of pg_catalog.
SET LOCAL search_path TO pg_catalog, pg_temp;

-- The schema must be empty: an object that somebody put there beforehand could take the place of one of ours.
DO $do$
DECLARE
	found text;
BEGIN
	SELECT string_agg(o.name, ', ') INTO found
	FROM (SELECT pg_describe_object(d.classid, d.objid, 0) FROM pg_depend d
		  WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = 'billing'::regnamespace AND d.classid <> 'pg_extension'::regclass
		  ORDER BY 1 LIMIT 5) o(name);
	IF found IS NOT NULL THEN
		RAISE EXCEPTION 'schema "billing" is not empty' USING
			ERRCODE = 'UB012',
			DETAIL = format('It already holds %s.', found),
			HINT = 'Rename that schema (ALTER SCHEMA billing RENAME TO ...) and create the extension again.';
	END IF;
END
$do$;
