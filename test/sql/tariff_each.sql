-- Usage rows that are priced one by one, blocks that come before the tiers, and the sum of many prices.
SET search_path = billing;

-- each: a card processor's fees.  What rate() gives is the price of one row.
SELECT t, t::jsonb AS json, tariff_each(t), t::text::tariff = t AND t::jsonb::tariff = t AS same
FROM unnest(ARRAY['graduated each min 0.10 max 25: flat 0.30 + 2.9% beyond', 'volume max 9 EACH: 1 up to 5, 2 beyond', 'graduated: 1 beyond']::tariff[]) t;
SELECT q, rate('graduated each min 0.50 max 25: flat 0.30 + 2.9% beyond', q), rate('graduated each zero flat min 0.50: flat 0.30 + 2.9% beyond', q) AS zero_flat
FROM unnest(ARRAY[0, 0.01, 5, 100, 5000]) q;
SELECT * FROM rate_lines('graduated each max 25: flat 0.30 + 2.9% beyond', 5000);
SELECT quantity_for('graduated each max 25: flat 0.30 + 2.9% beyond', a, 2) FROM unnest(ARRAY[0.30, 3.2, 25]) a;
SELECT rate_between('graduated each: 1 beyond', 5, 3);

-- rate_sum: exactly sum(rate()), with rows of one tariff or of many, and NULLs passed over.
SELECT rate_sum('graduated each min 1.75 max 12: 2.99% beyond', q), sum(rate('graduated each min 1.75 max 12: 2.99% beyond', q))
FROM unnest(ARRAY[10, 80, NULL, 10000]) q;
SELECT rate_sum(t, q) FROM (VALUES ('graduated: 1 beyond'::tariff, 5), ('volume: 2.50 up to 10', 4), (NULL, 3), ('graduated: 1 beyond', NULL)) v(t, q);
SELECT rate_sum('graduated: 1 beyond', q) AS none, rate_sum('graduated: 1 beyond', q) FILTER (WHERE q > 5) AS one FROM (VALUES (NULL), (6)) v(q) WHERE q > 6;
SELECT rate_sum('graduated: 1 beyond', q) AS wide, sum(rate('graduated: 1 beyond', q)) = rate_sum('graduated: 1 beyond', q) AS same
FROM unnest(ARRAY[1e37, 9e37, 9e37, 1e40, 1e-30, 1e-60, 0, 7, 1e40, 0.5]) q;
SELECT rate_sum('graduated: 0.1 beyond', q ORDER BY q) = rate_sum('graduated: 0.1 beyond', q ORDER BY q DESC) AS any_order
FROM unnest(ARRAY[1e37, 9e37, 9e38, 1e40, 1e-30, 1e-60, 0, 7, 1e40, 0.5]) q;
SELECT rate_sum('graduated: 1 up to 5', q) FROM unnest(ARRAY[1, 6]) q;
SELECT rate_sum('graduated: 1 beyond', -1);
SELECT rate_sum('graduated: 1 beyond', 'NaN');

-- In parallel workers, and as a window.
CREATE TABLE tariff_events AS
SELECT n % 3 AS kind, CASE WHEN n % 1000 = 0 THEN 1e37 + n WHEN n % 777 = 0 THEN 1e-45 ELSE n * 0.01 END AS quantity FROM generate_series(1, 20000) n;
ANALYZE tariff_events;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
ALTER TABLE tariff_events SET (parallel_workers = 2);
EXPLAIN (COSTS OFF) SELECT rate_sum('graduated each max 1000: flat 0.1 + 2.9% beyond', quantity) FROM tariff_events;
CREATE TABLE tariff_sums AS
SELECT kind, rate_sum('graduated: 7 up to 10, 0.31 beyond', quantity) AS parallel FROM tariff_events GROUP BY kind;
SET max_parallel_workers_per_gather = 0;
SELECT kind, parallel = rate_sum('graduated: 7 up to 10, 0.31 beyond', quantity) AS same_alone,
	   parallel = sum(rate('graduated: 7 up to 10, 0.31 beyond', quantity)) AS same_as_sum
FROM tariff_events JOIN tariff_sums USING (kind) GROUP BY kind, parallel ORDER BY kind;
SELECT rate_sum('graduated: 2 beyond', q) OVER (ORDER BY q) FROM unnest(ARRAY[1, 2.5, 4]) q;
DROP TABLE tariff_events, tariff_sums;

-- A price list that is compressed where it is stored: the one of the row before is never taken for this one.
CREATE TEMP TABLE tariff_long AS
SELECT k, ('graduated: ' || string_agg(k || ' up to ' || i, ', ' ORDER BY i))::tariff AS t FROM generate_series(1, 3) k, generate_series(1, 400) i GROUP BY k;
SELECT bool_and(pg_column_size(t) < 10000) AS compressed, sum(rate(t, 10)), rate_sum(t, 10), sum(rate(t, 10, 2)), sum(rate_between(t, 5, 10))
FROM tariff_long, generate_series(1, 5) n;
SELECT string_agg(rate(t, 10)::text, ' ' ORDER BY n, k) FROM tariff_long, generate_series(1, 2) n;

-- block first: the quantity is rounded, and then walks through the tiers.
SELECT t, t::jsonb AS json, t::text::tariff = t AND t::jsonb::tariff = t AS same
FROM unnest(ARRAY['graduated block 10 first: 1 up to 25, 2 beyond', 'volume free 5 threshold block 1k first round down: flat 2 + 1 up to 25k']::tariff[]) t;
SELECT q, rate('graduated block 10 first: 1 up to 25, 2 beyond', q) AS first, rate('graduated block 10: 1 up to 25, 2 beyond', q) AS inside,
	   rate('graduated block 10 first round down: 1 up to 25, 2 beyond', q) AS first_down, rate('volume block 10 first: 1 up to 25, 2 beyond', q) AS volume,
	   rate('volume block 10: 1 up to 25, 2 beyond', q) AS volume_inside,
	   rate('volume block 10 first bounds lower: flat 1 up to 30, flat 2 beyond', q) AS bounds_lower,
	   rate('volume block 10 bounds lower: flat 1 up to 30, flat 2 beyond', q) AS bounds_lower_inside,
	   rate('graduated free 5 block 10 first: 1 up to 25, 2 beyond', q) AS free, rate('graduated free 5 threshold block 10 first: 1 up to 25, 2 beyond', q) AS threshold
FROM unnest(ARRAY[0, 5, 5.1, 9, 10, 15, 20, 20.1, 25, 26, 30, 1e40]) q;
SELECT * FROM rate_lines('graduated block 10 first: 1 up to 25, flat 3 + 2 beyond', 21);
SELECT rate_between('graduated block 10 first: 1 up to 25, 2 beyond', 15, 5) AS same_block, rate_between('graduated block 10 first: 1 up to 25, 2 beyond', 15, 6) AS next_block;
-- Rounded down to nothing, nothing is entered.
SELECT q, rate('graduated block 10 first round down min 2: flat 5 + 1 beyond', q) AS first, rate('graduated block 10 round down min 2: flat 5 + 1 beyond', q) AS inside,
	   rate('graduated block 10 first round down zero flat: flat 5 + 1 beyond', q) AS zero_flat
FROM unnest(ARRAY[0, 9, 10]) q;
-- A hard end is that of the rounded quantity.
SELECT rate('graduated block 10 first: 1 up to 25', 20);
SELECT rate('graduated block 10 first free 2: 1 up to 25', 22.5);
SELECT rate('graduated block 10 first round down: 1 up to 25', 29.9);
SELECT rate('graduated block 10 first round down: 1 up to 25', 30);
SELECT a, quantity_for('graduated block 10 first: 1 up to 25, 2 beyond', a, 2) AS up, quantity_for('graduated block 10 first round down: 1 up to 25, 2 beyond', a, 2) AS down,
	   quantity_for('volume block 10 first bounds lower: 2 up to 30, 1 up to 50', a, 0) AS volume, quantity_for('graduated free 5 block 10 first: 1 up to 25, 2 beyond', a, 2) AS free
FROM unnest(ARRAY[0, 9, 10, 20, 35, 1000]) a;
SELECT tier, lower, upper, price, block FROM tariff_tiers('graduated block 10 first: 1 up to 25, 2 beyond');

-- Of two writings of one tariff, one is printed.
SELECT x AS written, x::tariff AS canonical
FROM unnest(ARRAY['graduated block 10 first: 1 beyond', 'graduated block 10 first: 1 up to 20, 2 up to 40', 'volume block 10 first round up: 1 up to 20, 2 beyond',
	'graduated block 0.5 first: flat 1 up to 2, flat 3 beyond',
	'graduated block 3600 first: 0.1 per 3600 beyond', 'graduated block 10 first round down: 1 beyond', 'graduated block 10 first bounds lower: 1 up to 20, 2 beyond',
	'graduated block 10 first bounds lower: 1 up to 20', 'graduated bounds lower: 1 up to 20', 'graduated bounds lower: 1 up to 20, 1 beyond',
	'graduated digits 2 max 5 min 1 each zero flat bounds lower round down block 3 first free 7 threshold per 10: flat 1 + 1 up to 20, 1 beyond']) x;

SELECT '{"model": "graduated", "block_first": true, "each": false, "tiers": [{"price": 1}]}'::jsonb::tariff;
