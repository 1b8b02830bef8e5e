-- The one cron line.  pg_cron lives in one database of a server; these functions are for that database and
-- say what to do in any other.

CREATE FUNCTION billing._cron_home() RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	RETURN current_setting('cron.database_name', true);
EXCEPTION WHEN insufficient_privilege THEN
	RETURN '';
END
$fn$;
COMMENT ON FUNCTION billing._cron_home() IS 'the database where pg_cron lives; NULL: it is not loaded, empty: this role may not know';

CREATE FUNCTION billing._has_cron() RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'cron' AND c.relname = 'job' AND has_schema_privilege(n.oid, 'USAGE'))
$fn$;
COMMENT ON FUNCTION billing._has_cron() IS 'is pg_cron in this database, for this role?';

CREATE FUNCTION billing._refuse_schedule(statement text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	home text := billing._cron_home();
BEGIN
	IF home = '' THEN
		RAISE EXCEPTION 'pg_cron is not here for role "%"', current_user USING
			ERRCODE = 'UB009',
			DETAIL = 'It is not in this database, or the role has no USAGE on schema cron.',
			HINT = format('As a superuser where pg_cron lives: GRANT USAGE ON SCHEMA cron TO %I; or run there: %s', current_user, statement);
	ELSIF home IS NULL THEN
		RAISE EXCEPTION 'pg_cron is not loaded in this server' USING
			ERRCODE = 'UB009',
			DETAIL = 'The parameter cron.database_name does not exist.',
			HINT = format('Install pg_cron, set shared_preload_libraries = ''pg_cron'' and cron.database_name = ''%s'' in postgresql.conf, restart, CREATE EXTENSION pg_cron, and call this again. Any other scheduler may run CALL billing.tick() each minute as well.', current_database());
	ELSIF home <> current_database() THEN
		RAISE EXCEPTION 'pg_cron lives in database "%"', home USING
			ERRCODE = 'UB009',
			DETAIL = format('It schedules for database "%s" from there.', current_database()),
			HINT = format('In database "%s" run: %s', home, statement);
	END IF;
	RAISE EXCEPTION 'extension pg_cron is not created in database "%"', home USING
		ERRCODE = 'UB009',
		DETAIL = 'The library is loaded, its functions are not there.',
		HINT = 'Run CREATE EXTENSION pg_cron; in this database, then call this again.';
END
$fn$;
COMMENT ON FUNCTION billing._refuse_schedule(text) IS 'raises UB009 with the next step for wherever pg_cron is';

CREATE FUNCTION billing._active_job() RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	found text;
BEGIN
	IF NOT billing._has_cron() THEN
		RETURN NULL;
	END IF;
	EXECUTE $q$SELECT j.command FROM cron.job j
		WHERE j.active AND j.database = current_database() AND j.command ~* 'billing\.(tick|settle|run)\y' LIMIT 1$q$ INTO found;
	RETURN found;
END
$fn$;
COMMENT ON FUNCTION billing._active_job() IS 'command of the active cron job that rings in this database; NULL: none, or none that can be seen from here';

CREATE FUNCTION billing.schedule() RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	job bigint;
BEGIN
	PERFORM billing._check_ready();
	IF NOT billing._has_cron() THEN
		PERFORM billing._refuse_schedule(format('SELECT cron.schedule_in_database(%L, ''* * * * *'', ''CALL billing.tick()'', %L, %L);',
			'billing ' || current_database(), current_database(),
			(SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = 'billing.installation'::regclass)));
	END IF;
	EXECUTE 'SELECT cron.schedule($1, $2, $3)' INTO job
		USING 'billing ' || current_database(), '* * * * *', 'CALL billing.tick()';
	RETURN job;
END
$fn$;
COMMENT ON FUNCTION billing.schedule() IS 'makes the one cron line that rings billing.tick() each minute, and returns its jobid; calling it again changes nothing';

CREATE FUNCTION billing.unschedule() RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	job bigint;
BEGIN
	IF NOT billing._has_cron() THEN
		IF coalesce(billing._cron_home(), current_database()) = current_database() THEN
			RETURN false;
		END IF;
		PERFORM billing._refuse_schedule(format('SELECT cron.unschedule(%L);', 'billing ' || current_database()));
	END IF;
	EXECUTE 'SELECT jobid FROM cron.job WHERE jobname = $1 AND username = current_user' INTO job
		USING 'billing ' || current_database();
	IF job IS NULL THEN
		RETURN false;
	END IF;
	EXECUTE 'SELECT cron.unschedule($1)' USING job;
	RETURN true;
END
$fn$;
COMMENT ON FUNCTION billing.unschedule() IS 'takes the cron line away; false: there was none';
