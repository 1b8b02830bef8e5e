-- billing.install() makes the tables and views as ordinary objects of the caller, so that dump, restore and
-- DROP EXTENSION treat them as the caller's own data.  Their definitions stand in sql/tables/.

CREATE FUNCTION billing._create_tables() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $install$
BEGIN
@TABLES@
END
$install$;
COMMENT ON FUNCTION billing._create_tables() IS 'makes the tables; called by billing.install()';

CREATE FUNCTION billing._create_views() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $install$
BEGIN
@VIEWS@
END
$install$;
COMMENT ON FUNCTION billing._create_views() IS 'makes or replaces the views; called by billing.install() and billing.migrate()';

CREATE FUNCTION billing._extension_version() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT extversion FROM pg_extension WHERE extname = 'billing' $fn$;
COMMENT ON FUNCTION billing._extension_version() IS 'version of the extension in this database';

CREATE FUNCTION billing._check_ready() RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	installed text;
BEGIN
	IF to_regclass('billing.installation') IS NOT NULL THEN
		SELECT version INTO installed FROM billing.installation;
	END IF;
	IF installed IS NULL THEN
		RAISE EXCEPTION 'billing is not installed in database "%"', current_database() USING
			ERRCODE = 'UB008',
			DETAIL = 'The extension is here, its tables are not.',
			HINT = 'Call SELECT billing.install();';
	ELSIF installed <> billing._extension_version() THEN
		RAISE EXCEPTION 'the tables of billing are at version %, the extension at %',
				installed, billing._extension_version() USING
			ERRCODE = 'UB008',
			DETAIL = 'The extension was updated and its tables were not.',
			HINT = 'Call SELECT billing.migrate();';
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._check_ready() IS 'raises UB008 unless tables and extension are at one version';

CREATE FUNCTION billing._check_installed() RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	-- cheap enough for every call; the versions are compared where it matters, by the procedures
	IF to_regclass('billing.installation') IS NULL THEN
		PERFORM billing._check_ready();
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._check_installed() IS 'raises UB008 unless there are tables';

CREATE FUNCTION billing.install(start timestamptz DEFAULT now(), settle_delay interval DEFAULT '0') RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD'	-- instants are written into definitions
SET timezone = 'UTC'
AS $fn$
DECLARE
	start_cycle integer;
	start_at timestamptz;
	first_month timestamptz;
BEGIN
	-- of two at once, the second waits and is told
	PERFORM pg_advisory_xact_lock(x'62696c6c'::integer, x'696e7374'::integer);
	IF to_regclass('billing.installation') IS NOT NULL THEN
		RAISE EXCEPTION 'billing is installed in database "%" already', current_database() USING
			ERRCODE = 'duplicate_table',
			DETAIL = format('Its start is %s.', (SELECT i.start_at FROM billing.installation i)),
			HINT = 'After ALTER EXTENSION billing UPDATE call SELECT billing.migrate();';
	END IF;
	IF start IS NULL OR settle_delay IS NULL OR NOT isfinite(start) OR settle_delay NOT BETWEEN interval '0' AND interval '366 days' THEN
		RAISE EXCEPTION 'billing can not start at % with a delay of %', start, settle_delay USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'The start is a finite instant, and the delay is from 0 to 366 days.',
			HINT = 'Call SELECT billing.install(start => date_trunc(''month'', now()));';
	END IF;
	start_cycle := billing.cycle_of(start);
	start_at := billing.cycle_start(start_cycle);
	first_month := date_trunc('month', start_at, 'UTC');

	PERFORM billing._create_tables();
	-- Constraints of one name: a table's own is what every row is tested against, the default partition's
	-- are what the rows that fit no other partition run into.
	EXECUTE format('ALTER TABLE billing.usage ADD CONSTRAINT usage_event_time_is_before_the_start CHECK (event_time >= %L)',
		start_at);
	CREATE TABLE billing.usage_refused (LIKE billing.usage INCLUDING ALL);
	EXECUTE format('ALTER TABLE billing.usage_refused ADD CONSTRAINT usage_event_time_is_beyond_the_last_partition CHECK (event_time < %L)',
		start_at);
	ALTER TABLE billing.usage ATTACH PARTITION billing.usage_refused DEFAULT;
	COMMENT ON TABLE billing.usage_refused IS 'takes no row; its constraints say why a row is refused';

	INSERT INTO billing.installation (version, start_at, settle_delay, usage_until)
	VALUES (billing._extension_version(), start_at, settle_delay, first_month);
	INSERT INTO billing.barrier (mark, cycle) VALUES ('watermark', start_cycle), ('drained', start_cycle);
	INSERT INTO billing.shard (account_from, account_to, settled_through, timers_through, days_through)
	VALUES (-9223372036854775808, 9223372036854775807, start_cycle, start_cycle, billing.cycle_start(start_cycle));
	WHILE billing._make_partitions(false) LOOP
	END LOOP;
	PERFORM billing._create_views();
END
$fn$;
COMMENT ON FUNCTION billing.install(timestamptz, interval)
	IS 'makes the tables and views of billing, owned by the caller; usage from the hour of start on is billed, and the watermark trails the clock by settle_delay';

CREATE FUNCTION billing.migrate() RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	installed text;
BEGIN
	PERFORM billing._check_installed();
	SELECT version INTO installed FROM billing.installation FOR UPDATE;
	-- Steps between released versions go here, each guarded by the version it starts from.
	PERFORM billing._create_views();
	UPDATE billing.installation SET version = billing._extension_version();
	RETURN format('%s to %s', installed, billing._extension_version());
END
$fn$;
COMMENT ON FUNCTION billing.migrate() IS 'brings tables and views to the extension''s version, after ALTER EXTENSION billing UPDATE; harmless when they are';

CREATE FUNCTION billing._partition_of(at timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT 'usage_' || to_char(at AT TIME ZONE 'UTC', 'YYYYMM') $fn$;
COMMENT ON FUNCTION billing._partition_of(timestamptz) IS 'name of the partition of billing.usage that holds an instant';

CREATE FUNCTION billing._make_partitions(in_block boolean) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD'	-- instants are written into definitions
SET timezone = 'UTC'
SET lock_timeout = '2s'
AS $fn$
-- CREATE ... LIKE and ATTACH: CREATE ... PARTITION OF would wait for open writers, and others behind it.
DECLARE
	month timestamptz;
	wanted timestamptz;
	name text;
BEGIN
	SELECT date_trunc('month', billing.cycle_start(b.cycle), 'UTC') INTO wanted
	FROM billing.barrier b WHERE b.mark = 'watermark';
	wanted := ((wanted AT TIME ZONE 'UTC') + CASE WHEN in_block THEN interval '2 months' ELSE interval '4 months' END) AT TIME ZONE 'UTC';
	PERFORM 1 FROM billing.installation WHERE usage_until < wanted;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	SELECT usage_until INTO month FROM billing.installation WHERE usage_until < wanted FOR UPDATE;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	name := billing._partition_of(month);
	EXECUTE format('CREATE TABLE billing.%I (LIKE billing.usage INCLUDING ALL)', name);
	-- whoever rings, what is made belongs to whom the table belongs to
	EXECUTE format('ALTER TABLE billing.%I OWNER TO %I', name,
		(SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = 'billing.usage'::regclass));
	EXECUTE format('ALTER TABLE billing.usage ATTACH PARTITION billing.%I FOR VALUES FROM (%L) TO (%L)',
		name, month, ((month AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC');
	UPDATE billing.installation
	SET usage_until = ((month AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC';
	RETURN true;
EXCEPTION WHEN lock_not_available THEN
	-- a long query holds the partitions; the next ring tries again, and health() shows how many are ahead
	RETURN false;
END
$fn$;
COMMENT ON FUNCTION billing._make_partitions(boolean)
	IS 'makes one missing month of usage, up to three beyond the watermark, and says whether it made one; in_block: only the next month, because readers of usage wait until the transaction ends';
