-- rate() and rate_sum() over a large table: the planner knows that they are safe in parallel and what they cost.
SET search_path = billing;
-- All that prices is IMMUTABLE STRICT PARALLEL SAFE, and costs what it says; what gathers rows can't be STRICT.
SELECT p.oid::regprocedure AS call, p.procost AS cost, p.prorows AS rows, p.provolatile = 'i' AND p.proisstrict = (p.prokind = 'f') AND p.proparallel = 's' AS as_marked
FROM pg_proc p WHERE p.pronamespace = 'billing'::regnamespace AND p.proname ~ '^(rate|rate_.*|quantity_for|tariff_tiers|percentile_peak|mean_top|time_weighted_sum)$' ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT count(*) AS of_the_type, bool_and(p.provolatile = 'i' AND p.proisstrict AND p.proparallel = 's') AS as_marked
FROM pg_proc p WHERE p.pronamespace = 'billing'::regnamespace AND p.proname ~ '^tariff_';

CREATE TABLE public.rated_usage AS SELECT n % 100 AS customer, n * 0.37 AS quantity FROM generate_series(1, 500000) n;
ANALYZE public.rated_usage;
CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
		IF line ~ 'Gather|Partial|Workers|Seq Scan' THEN
			-- what stands before a worker's share depends on the major
			RETURN NEXT substring(line FROM '(Gather|Partial|Workers|(?:Parallel )?Seq Scan)');
		END IF;
	END LOOP;
END
$$;
\set list '''graduated: 0.9 up to 1000, 0.5 up to 20000, 0.1 beyond'''
SET max_parallel_workers_per_gather = 2;
SHOW parallel_setup_cost;
SELECT pg_temp.plan(format('SELECT sum(rate(%L, quantity)) FROM public.rated_usage', :list));
SELECT pg_temp.plan(format('SELECT rate_sum(%L, quantity) FROM public.rated_usage', :list));
SELECT pg_temp.plan(format('SELECT customer, rate_sum(%L, quantity) FROM public.rated_usage GROUP BY customer', :list));
SELECT pg_temp.plan(format('SELECT count(*) FROM public.rated_usage WHERE rate(%L, quantity) > 20000', :list));

-- Whoever computes, it is the same.
SELECT sum(rate(:list, quantity)) AS total, rate_sum(:list, quantity) AS at_once FROM public.rated_usage \gset together_
SELECT md5(string_agg(customer || ' ' || amount, ',' ORDER BY customer)) AS hash
FROM (SELECT customer, rate_sum(:list, quantity) AS amount FROM public.rated_usage GROUP BY customer) g \gset together_
SET max_parallel_workers_per_gather = 0;
SELECT pg_temp.plan(format('SELECT rate_sum(%L, quantity) FROM public.rated_usage', :list));
SELECT sum(rate(:list, quantity)) = :together_total AS sum_rate, rate_sum(:list, quantity) = :together_at_once AS rate_sum, :together_total = :together_at_once AS both
FROM public.rated_usage;
SELECT md5(string_agg(customer || ' ' || amount, ',' ORDER BY customer)) = :'together_hash' AS by_customer
FROM (SELECT customer, rate_sum(:list, quantity) AS amount FROM public.rated_usage GROUP BY customer) g;
DROP TABLE public.rated_usage;
