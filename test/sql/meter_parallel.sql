-- The same answers from several processes, and what the planner is told of these aggregates.
SET search_path = billing;

SET TimeZone = 'UTC';
SET client_min_messages = warning;
CREATE TABLE public.meter_sample AS
SELECT g, n, CASE g % 4 WHEN 0 THEN n % 100 WHEN 1 THEN n * 0.01 WHEN 2 THEN n * 1e28 + 0.00000000000000000001 ELSE -n END AS v
FROM generate_series(0, 19) g, generate_series(1, 1000) n;
ANALYZE public.meter_sample;
CREATE TEMP VIEW question AS
SELECT g, percentile_peak(v, 95) AS p, mean_top(v, 7) AS m, time_weighted_sum(v, timestamptz '2026-01-01' + n * interval '1 second', '2026-01-02') AS t
FROM public.meter_sample GROUP BY g;

SET max_parallel_workers_per_gather = 0;
CREATE TEMP TABLE alone AS SELECT * FROM question;
SELECT g, p, m, t FROM alone WHERE g < 4 ORDER BY g;

SET max_parallel_workers_per_gather = 3;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
CREATE TEMP TABLE plan (line text);
DO $$
DECLARE
	l text;
BEGIN
	FOR l IN EXECUTE 'EXPLAIN SELECT * FROM question' LOOP
		INSERT INTO plan VALUES (l);
	END LOOP;
END
$$;
SELECT bool_or(line ~ 'Partial') AS partial, bool_or(line ~ 'Finalize') AS finalize, bool_or(line ~ 'Gather') AS gather FROM plan;
CREATE TEMP TABLE together AS SELECT * FROM question;
SELECT count(*) AS different FROM alone a FULL JOIN together b USING (g) WHERE (a.p, a.m, a.t)::text IS DISTINCT FROM (b.p, b.m, b.t)::text;

-- A whole table is one group; groups without a sample join those that have some.
SELECT percentile_peak(v, 95) AS p, mean_top(v, 7) AS m, percentile_peak(v, 1) FILTER (WHERE n = 500 AND g = 1) AS a_single_one, percentile_peak(v, 1) FILTER (WHERE n < 0) AS none
FROM public.meter_sample;
-- A parameter that changes is found wherever the rows went.
\set VERBOSITY sqlstate
SELECT percentile_peak(v, 95 + n % 2) FROM public.meter_sample;
\set VERBOSITY default
DROP TABLE public.meter_sample CASCADE;

-- Everything is immutable and safe in parallel.
SELECT p.oid::regprocedure, provolatile, proparallel, aggcombinefn <> 0 AS combines, aggserialfn <> 0 AS packs, aggtransspace
FROM pg_proc p LEFT JOIN pg_aggregate ON aggfnoid = p.oid WHERE prosrc ~ '^billing_(samples|percentile|mean_top|time_weighted)' OR proname IN ('percentile_peak', 'mean_top', 'time_weighted_sum')
ORDER BY p.proname;
