-- percentile_peak: the highest sample once floor(n * (100 - percent) / 100) of them are dropped from the top.
SET search_path = billing;

-- A month of 5-minute samples: 432 of 8640 are dropped and the next one is billed; 8352 and 8928 round down.
SELECT n AS samples, percentile_peak(v, 95) AS p95, n - percentile_peak(v, 95) AS dropped, percentile_peak(v, 100) AS highest,
	   percentile_peak(v, 0.0001) AS lowest
FROM unnest(ARRAY[1, 2, 19, 20, 21, 39, 40, 100, 288, 8352, 8640, 8928]) n, generate_series(1, n) v GROUP BY n ORDER BY n;

-- The order of samples does not matter, and ties are samples like any other.
SELECT percentile_peak(v, 95 ORDER BY v) AS rising, percentile_peak(v, 95 ORDER BY -v) AS falling, percentile_peak(v, 95 ORDER BY md5(v::text)) AS mixed
FROM generate_series(1, 999) v;
SELECT percentile_peak(7, 95) AS all_the_same, percentile_peak(v % 2, 50) AS lower_half, percentile_peak(v % 2, 50.1) AS upper_half
FROM generate_series(1, 1000) v;

-- A percent may have decimals; the product is exact, so that it never drops one sample too many or too few.
SELECT p, percentile_peak(v, p) FROM unnest(ARRAY[100, 99.9, 99.90000000000000000001, 99.89999999999999999999, 95.0, 0.1, 0.00000000000000000001]) p,
	   generate_series(1, 1000) v GROUP BY p ORDER BY p;

-- Values are exact, whatever their size; zeros at the end of a fraction are not kept.
SELECT percentile_peak(v, 100) AS highest, percentile_peak(v, 50) AS middle, percentile_peak(v, 1) AS lowest
FROM unnest(ARRAY[1.50, 1e30 + 0.00000000000000000001, -1e30]) v;
SELECT percentile_peak(v, 100) AS highest, percentile_peak(v, 1) AS lowest FROM unnest(ARRAY[7e-120, 1e45, 170141183460469231731687303715884105727]) v;
SELECT percentile_peak(v, 50) AS of_wide_ones_alone FROM unnest(ARRAY[2e50, 1e50, 3e50, 4e50]) v;
SELECT percentile_peak(v, 100), percentile_peak(v::int, 100) AS of_integers FROM unnest(ARRAY[0.00, -0.0]) v;

-- NULL is no sample; no sample has no answer.
SELECT percentile_peak(v, 50) FROM unnest(ARRAY[NULL, 3, NULL, 1, 2]) v;
SELECT percentile_peak(v, 50) IS NULL AS only_nulls FROM unnest(ARRAY[NULL, NULL]::numeric[]) v;
SELECT percentile_peak(v, 50) IS NULL AS nothing FROM generate_series(1, 0) v;
SELECT percentile_peak(v, NULL) IS NULL AS no_value_no_question FROM unnest(ARRAY[NULL]::numeric[]) v;

-- The day's peak as the fifth highest of 288 samples, and the month's as the mean of the five highest days.
SELECT mean_top(peak, 5) FROM (SELECT percentile_peak(d * 1000 + s, 98.5) AS peak FROM generate_series(1, 30) d, generate_series(1, 288) s GROUP BY d) x;

-- As a window function: the answer so far, then over a frame that moves.
SELECT v, percentile_peak(v, 50) OVER (ORDER BY v) AS so_far, percentile_peak(v, 50) OVER (ORDER BY v ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS around,
	   mean_top(v, 2) OVER (ORDER BY v) AS top FROM unnest(ARRAY[5, 1, 4, 1e40, 2, 3]) v;

-- What is refused.
\pset format unaligned
\pset tuples_only on
CREATE FUNCTION pg_temp.refused(question text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	d text;
	h text;
BEGIN
	EXECUTE question;
	RETURN 'not refused: ' || question;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n  ', SQLSTATE || ': ' || SQLERRM, d, h);
END
$$;
SELECT pg_temp.refused(format('SELECT billing.percentile_peak(1, %s)', p))
FROM unnest(ARRAY['0', '-1', '100.00000000000000000001', '''NaN''', '''Infinity''', '1e45', '95.000000000000000000001', 'NULL']) p;
SELECT pg_temp.refused(format('SELECT billing.percentile_peak(v, 95) FROM unnest(ARRAY[1, %L]::numeric[]) v', v))
FROM unnest(ARRAY['NaN', 'Infinity', '-Infinity']) v;
SELECT pg_temp.refused('SELECT billing.percentile_peak(v, 94 + v) FROM generate_series(1, 2) v');
SELECT billing.percentile_peak(v, 95.00 + 0 * v) AS the_same_percent FROM generate_series(1, 2) v;
