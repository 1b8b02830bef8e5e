-- prorate, days_between: shares of an amount, exact, rounded once.
SET search_path = billing;
SET TimeZone = 'UTC';

-- An upgrade by the three divisors: days of the month, 365/12, seconds of the cycle.
SELECT prorate(6000, 24, 31, 2) AS days_of_month, prorate(12 * 6000, 24, 365, 2) AS year_twelfth, prorate(6000, 24, 30, 2) AS days_30,
	   prorate(100e9, extract(epoch FROM timestamptz '2026-03-01' - timestamptz '2026-02-10 07:30'), 28 * 86400) AS quota;

-- Exact where it is finite, 20 decimals where it is not; negative amounts the same way; more than the whole is no error.
SELECT prorate(10, 1, 8) AS finite, prorate(10, 1, 3) AS endless, prorate(20, 1, 3) AS up, prorate(-20, 1, 3) AS below, prorate(31, 7, 31) AS cancels, prorate(10, 45, 30) AS more, prorate(10, 0, 30) AS none, prorate(0, 3, 7) AS of_nothing;
SELECT prorate(0.1, 0.2, 0.4) AS decimals, prorate(1, 1, 0.0003) AS small_whole, prorate(1.10, 1, 1) AS trimmed, prorate(1, 1, 1e20) AS beyond_20, prorate(1, 1, 3e5) AS endless_small;
-- A half goes away from zero, and only once: 0.4949... is no half, though its 20 decimals round to one.
SELECT prorate(0.5, 1, 1, 0) AS half, prorate(-0.5, 1, 1, 0) AS minus_half, prorate(1, 1, 8, 2) AS eighth, prorate(-1, 1, 8, 2) AS minus_eighth, prorate(5, 1, 1, 2) AS padded, prorate(100, 15, 31, 2) AS cents, prorate(0, 1, 3, 2) AS zero;
SELECT prorate(3 * 0.495 - 1e-25, 1, 3, 2) AS below_half, prorate(3 * 0.495, 1, 3, 2) AS at_half, prorate(3 * 0.495 + 1e-25, 1, 3, 2) AS above;
-- The parts of a whole add up to the amount where they are finite, and within a unit of the last decimal where not.
SELECT whole, sum(prorate(100, 1, whole)) FROM (VALUES (30), (32)) x(whole), generate_series(1, whole) GROUP BY whole ORDER BY whole;

-- Beyond 128 bits, and both ways give the same.
CREATE FUNCTION pg_temp.share_path(boolean) RETURNS void AS '$libdir/billing', 'billing_test_share_path' LANGUAGE C;
SELECT prorate(1e40, 1, 3) AS large, prorate(1e-40, 1, 7, 45) AS small, prorate(-1e50, 2, 3, 0) AS rounded, prorate(1e999, 1e999, 1e999) = 1e999 AS largest, prorate(1e-1000, 1e-1000, 1e-1000) = 1e-1000 AS smallest,
	   prorate(1, 1, 2::numeric ^ 200) * trim_scale(2::numeric ^ 200) AS many_decimals, prorate(1e-1000, 1e-1000, 1e999) = ('1e-2999')::numeric AS tiny, prorate(123.456000, 7, 1e30) AS trailing;
CREATE TEMP TABLE share AS SELECT a, p, w, d FROM unnest(ARRAY[0, 0.01, -0.01, 100, 99.99, -1234567.89, 1e18, 0.00000000000000000001]) a, unnest(ARRAY[0, 1, 7, 24.5, 86400, 2592000, 1e15]) p, unnest(ARRAY[1, 3, 28, 30.4166, 365, 2678400, 1e-10, 12345678901234567]) w, unnest(ARRAY[NULL, 0, 2, 9, 25]) d;
CREATE TEMP TABLE narrow AS SELECT *, prorate(a, p, w, d)::text AS share FROM share;
SELECT pg_temp.share_path(false);
SELECT count(*) AS cases, count(*) FILTER (WHERE share IS DISTINCT FROM prorate(a, p, w, d)::text) AS differ FROM narrow;
SELECT prorate(10, 1, 8) AS finite, prorate(-20, 1, 3) AS endless, prorate(-0.5, 1, 1, 0) AS half, prorate(5, 1, 1, 2) AS padded, prorate(0, 1, 3, 2) AS zero, prorate(0, 3, 7) AS of_nothing;
SELECT pg_temp.share_path(true);

-- NULL in, NULL out, but for decimals.
SELECT prorate(NULL, 1, 2) IS NULL AND prorate(1, NULL, 2) IS NULL AND prorate(1, 1, NULL) IS NULL AS null_in, prorate(1, 1, 2, NULL) AS exact;

-- Days: the first counts, the last does not; by the zone's dates, whether or not a day has 24 hours.
SELECT days_between('2024-05-01', '2024-05-05', 'UTC') AS days, days_between('2024-05-01 23:59', '2024-05-02 00:00', 'UTC') AS midnight, days_between('2024-05-01', '2024-05-01 23:59:59', 'UTC') AS none, days_between('2024-05-05', '2024-05-01', 'UTC') AS back;
SELECT days_between('2026-03-28 23:00Z', '2026-03-29 22:00Z', 'Europe/Berlin') AS of_23_hours, days_between('2026-10-24 22:00Z', '2026-10-25 22:59:59Z', 'Europe/Berlin') AS in_25_hours,
	   days_between('2026-02-28 20:00Z', '2026-03-31 20:00Z', 'Asia/Shanghai') AS shanghai, days_between('1999-12-31', '2000-01-01', 'UTC') AS around_2000, days_between('4000-01-01 BC', '200000-01-01', 'UTC') AS long;

-- What is refused.
CREATE FUNCTION pg_temp.refused(call text, OUT state text, OUT message text, OUT detail text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'SELECT ' || call;
	message := 'NOT REFUSED';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END $$;
\x on
SELECT call, r.* FROM (VALUES
	($$prorate(1, 1, 0)$$),
	($$prorate(1, 1, -30)$$),
	($$prorate(1, -1, 30)$$),
	($$prorate(1, -1e50, 30)$$),
	($$prorate('NaN', 1, 30)$$),
	($$prorate(1, 'Infinity', 30)$$),
	($$prorate(1, 1, '-Infinity')$$),
	($$prorate(1, 1, 30, -1)$$),
	($$prorate(1, 1, 30, 1001)$$),
	($$prorate(1e1000, 1, 1)$$),
	($$prorate(1, 1e-1001, 1)$$),
	($$days_between('infinity', '2026-01-01', 'UTC')$$),
	($$days_between('2026-01-01', '-infinity', 'UTC')$$)) x(call), pg_temp.refused(call) r;
