-- The barrier between writers of usage and the closing of cycles: src/cycle.c, whose head explains it.
-- Tables call open_cycle(), cycle_of() and _in_step(), so their signatures stay for ever.

CREATE FUNCTION billing.cycle_of(at timestamptz) RETURNS integer
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'billing_cycle_of_timestamp';
COMMENT ON FUNCTION billing.cycle_of(timestamptz)
	IS 'the cycle that holds an instant: UTC hours since 1970-01-01 00:00 UTC, negative before';

CREATE FUNCTION billing.cycle_of(arrived integer, event_time timestamptz) RETURNS integer
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'billing_cycle_of_usage';
COMMENT ON FUNCTION billing.cycle_of(integer, timestamptz)
	IS 'the cycle with which a row of billing.usage settles: its own hour, or the one that was open when it arrived if that is later';

CREATE FUNCTION billing._in_step(arrived integer, event_time timestamptz) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'billing_arrived_in_step';
COMMENT ON FUNCTION billing._in_step(integer, timestamptz)
	IS 'did a row of billing.usage arrive in its own hour or in the 24 hours before? Then it is found by its event_time, all others by an index';

CREATE FUNCTION billing.cycle_start(cycle integer) RETURNS timestamptz
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'billing_cycle_start_of';
COMMENT ON FUNCTION billing.cycle_start(integer) IS 'the first instant of a cycle; the cycle ends where the next one starts';

-- STABLE keeps the batching of COPY and INSERT.  It takes a lock, which parallel workers can not share with a
-- later statement; INSERT is never parallel, so UNSAFE costs nothing.
CREATE FUNCTION billing.open_cycle() RETURNS integer
LANGUAGE c STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'billing_open_cycle';
COMMENT ON FUNCTION billing.open_cycle()
	IS 'the cycle with which usage that arrives in this transaction settles at the earliest; keeps that cycle from being settled until the transaction ends';

CREATE FUNCTION billing._advance(to_cycle integer, in_block boolean) RETURNS integer
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'billing_advance';
COMMENT ON FUNCTION billing._advance(integer, boolean)
	IS 'moves the watermark forward to a cycle, never back, and returns it; in_block: no commit before draining, so writers are kept out until the transaction ends';

CREATE FUNCTION billing._drain(in_block boolean) RETURNS boolean
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'billing_drain';
COMMENT ON FUNCTION billing._drain(boolean)
	IS 'moves the drained mark over every closed cycle without a writer in flight, without waiting, and says whether it moved';

CREATE FUNCTION billing._writers(OUT cycle integer, OUT pid integer) RETURNS SETOF record
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
	-- the lock's namespace is that of src/cycle.c; a negative cycle shows as its unsigned twin
	SELECT (CASE WHEN l.classid::bigint > 2147483647 THEN l.classid::bigint - 4294967296 ELSE l.classid::bigint END)::integer,
		l.pid
	FROM pg_locks l
	WHERE l.locktype = 'userlock' AND l.objid = x'62696c6c'::integer::oid AND l.objsubid = x'6379'::integer
		AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
		AND l.mode = 'ShareLock' AND l.granted
	ORDER BY 1, 2
$fn$;
COMMENT ON FUNCTION billing._writers()
	IS 'transactions that have taken a cycle and not ended, by backend; pid is NULL for a prepared transaction';
