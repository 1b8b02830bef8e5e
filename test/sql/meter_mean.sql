-- mean_top: the mean of the highest values, exact where it has a last decimal, else to 20 decimals.
SET search_path = billing;

SELECT mean_top(v, 5) AS top_5, mean_top(v, 1) AS highest, mean_top(v, 6) AS all_of_them, mean_top(v, 2147483647) AS no_more_than_there_are
FROM unnest(ARRAY[80, 100, 95, 85, 90, 7]) v;

-- Exact: halves, fifths, and thirds that come out even.  32 values have five decimals more, 1024 have ten.
SELECT mean_top(v, 2) AS halves, mean_top(v, 5) AS fifths, mean_top(v, 3) AS even_thirds FROM unnest(ARRAY[4, 3, 2, 1, 1]) v;
SELECT mean_top(v, 32) AS of_32, mean_top(v, 1024) AS of_1024 FROM (SELECT (v = 1)::int + 0.01 AS v FROM generate_series(1, 1024) v) x;
SELECT mean_top(v, 2) AS half_of_the_last_decimal FROM unnest(ARRAY[0.0000000000000000000000000000000000000001, 0]) v;

-- To 20 decimals: thirds, sixths, sevenths; the sign makes no difference.
SELECT mean_top(v, 3) AS thirds, mean_top(-v, 3) AS below_zero, mean_top(v * 1e30, 3) AS large, mean_top(v * 1e-19, 3) AS small, mean_top(v * 1e-30, 3) AS none_left
FROM unnest(ARRAY[1, 1, 0]) v;
SELECT n, mean_top((v = 1)::int, n) AS one_of_them, mean_top(-(v = 1)::int, n) AS minus_one_of_them FROM unnest(ARRAY[3, 6, 7, 28, 29, 30, 31]) n, generate_series(1, n) v GROUP BY n ORDER BY n;

-- numeric's own avg() keeps 16 significant digits or a little more, and so many depend on the values.
SELECT avg(v) AS avg, mean_top(v, 31) AS mean_top, avg(v) = mean_top(v, 31) AS same FROM unnest(ARRAY[1e20 + 0.01, 1e20 + 0.02, 1e20, 1e20]) v;

-- A sum beyond 128 bits, of values within.
SELECT mean_top(v, 3) AS large, mean_top(-v, 3) AS below_zero, mean_top(v, 2) AS halves
FROM unnest(ARRAY[170141183460469231731687303715884105727, 170141183460469231731687303715884105726, 170141183460469231731687303715884105725]) v;
SELECT mean_top(v, 3) AS wide_thirds, mean_top(v, 2) AS wide_halves FROM unnest(ARRAY[1e40, 2e-40, 1e-40]) v;

SELECT mean_top(v, 2) FROM unnest(ARRAY[NULL, 3, NULL, 1]) v;
SELECT mean_top(v, 2) IS NULL AS only_nulls FROM unnest(ARRAY[NULL]::numeric[]) v;

-- What is refused.
SELECT mean_top(1, 0);
SELECT mean_top(1, -5);
SELECT mean_top(1, NULL);
SELECT mean_top(v, v) FROM generate_series(1, 2) v;
SELECT mean_top('NaN', 5);
