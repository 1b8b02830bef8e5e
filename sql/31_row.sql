-- What a catalogue table refuses.  Its rules are CHECK constraints, which print the row and a name; whoever fills a catalogue needs the
-- value, the rule and what the column means, and all of that stands in the table's own definition.  What is missing from another table
-- (23503) and what is there already (23505) is said by PostgreSQL itself: before the statement is over nobody can know either.

CREATE FUNCTION billing._check_row() RETURNS trigger
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	asked text;
	broken name;
	rule text;
	read smallint[];
	said text;
	help text;
BEGIN
	SELECT c.attname, ARRAY[c.attnum] INTO broken, read FROM pg_attribute c
	WHERE c.attrelid = TG_RELID AND c.attnum > 0 AND c.attnotnull AND c.attname <> ALL (coalesce(TG_ARGV, '{}')) AND to_jsonb(NEW) -> c.attname = 'null'
	ORDER BY c.attnum LIMIT 1;
	IF NOT FOUND THEN
		SELECT string_agg(format('WHEN NOT (%s) THEN %L', pg_get_expr(c.conbin, c.conrelid), c.conname), ' ' ORDER BY c.conname) INTO asked
		FROM pg_constraint c WHERE c.conrelid = TG_RELID AND c.contype = 'c';
		EXECUTE format('SELECT CASE %s END FROM (SELECT ($1).*) r', asked) INTO broken USING NEW;
		IF broken IS NULL THEN
			RETURN NEW;
		END IF;
		SELECT replace(pg_get_expr(c.conbin, c.conrelid), '::text', ''), c.conkey INTO rule, read
		FROM pg_constraint c WHERE c.conrelid = TG_RELID AND c.conname = broken;
	END IF;
	SELECT string_agg(format('%s %s', c.attname, to_jsonb(NEW) -> c.attname), ', ' ORDER BY c.attnum),
		string_agg(format('%s: %s.', c.attname, col_description(TG_RELID, c.attnum)), ' ' ORDER BY c.attnum) INTO said, help
	FROM pg_attribute c WHERE c.attrelid = TG_RELID AND c.attnum = ANY (read);
	RAISE EXCEPTION '% is not possible in billing.%', said, TG_TABLE_NAME USING
		ERRCODE = CASE WHEN rule IS NULL THEN 'not_null_violation' ELSE 'check_violation' END,
		CONSTRAINT = broken,
		DETAIL = CASE WHEN rule IS NULL THEN 'It has to be said.' ELSE format('%s: %s.', replace(broken, '_', ' '), rule) END
			|| format(' The row is %s.', jsonb_strip_nulls(to_jsonb(NEW))),
		HINT = help;
END
$fn$;
COMMENT ON FUNCTION billing._check_row()
	IS 'trigger: raises 23514 for a row that breaks a CHECK of its table, 23502 for a column without a value, with the rule and what the columns mean; its arguments are columns that a later trigger fills';
