-- Pricing a quantity.
SET search_path = billing;

-- A quantity equal to a bound belongs to the tier below it; flats are due once their tier is entered.
WITH tariffs(name, t) AS (VALUES
	('graduated', 'graduated: 5 up to 10, 3 up to 15, 1 beyond'::tariff),
	('volume', 'volume: 5 up to 10, 3 up to 15, 1 beyond'),
	('graduated flat', 'graduated: flat 100 up to 10, flat 20 + 3 up to 15, flat 3 + 1 beyond'),
	('volume flat', 'volume: flat 100 up to 10, flat 20 + 3 up to 15, flat 3 + 1 beyond'))
SELECT q, max(rate(t, q)) FILTER (WHERE name = 'graduated') AS graduated, max(rate(t, q)) FILTER (WHERE name = 'volume') AS volume,
	   max(rate(t, q)) FILTER (WHERE name = 'graduated flat') AS graduated_flat,
	   max(rate(t, q)) FILTER (WHERE name = 'volume flat') AS volume_flat
FROM tariffs, unnest(ARRAY[0, 0.000, 0.0000001, 1, 9.999, 10, 10.00, 10.001, 11, 14, 15, 15.5, 16, 1000, 1e40]) q
GROUP BY q ORDER BY q;

-- bounds lower: a quantity equal to a bound belongs to the tier above, but a hard end stays inclusive.
WITH tariffs(name, t) AS (VALUES
	('graduated', 'graduated bounds lower: flat 100 up to 10, flat 20 + 3 up to 15'::tariff),
	('volume', 'volume bounds lower: 5 up to 10, 3 up to 15'))
SELECT q, max(rate(t, q)) FILTER (WHERE name = 'graduated') AS graduated, max(rate(t, q)) FILTER (WHERE name = 'volume') AS volume
FROM tariffs, unnest(ARRAY[0, 9.999, 10, 10.001, 14.999, 15]) q
GROUP BY q ORDER BY q;
SELECT tier, quantity, flat, amount FROM rate_lines('graduated bounds lower: flat 100 up to 10, flat 20 + 3 up to 15', 10);
SELECT rate('volume bounds lower: 5 up to 10, 3 up to 15', 15.001);

-- zero flat: the first flat is due at quantity 0.  free: comes off first, and the bounds count from there.
SELECT q, rate('graduated zero flat: flat 7 + 1 up to 10, flat 3 + 2 beyond', q) AS zero_flat,
	   rate('graduated free 5: 1 up to 10, 2 beyond', q) AS free,
	   rate('graduated free 5 threshold: 1 up to 10, 2 beyond', q) AS threshold,
	   rate('volume free 5 zero flat bounds lower: flat 7 + 1 up to 10, 2 beyond', q) AS everything
FROM unnest(ARRAY[0, 1, 5, 5.5, 10, 15, 16]) q;
SELECT 'free' AS knob, * FROM rate_lines('graduated free 5: 1 up to 10, 2 beyond', 16)
UNION ALL SELECT 'threshold', * FROM rate_lines('graduated free 5 threshold: 1 up to 10, 2 beyond', 16)
UNION ALL SELECT 'zero flat', * FROM rate_lines('graduated zero flat: flat 7 + 1 up to 10, 2 beyond', 0)
UNION ALL SELECT 'nothing left', * FROM rate_lines('graduated free 5: 1 up to 10, 2 beyond', 5);
SELECT rate_between('graduated free 5: 1 up to 10, 2 beyond', 3, 4), rate('graduated free 5: 1 up to 10', 15),
	   rate('graduated free 5 threshold: 1 up to 10', 10);
SELECT rate('graduated free 5: 1 up to 10', 15.5);
SELECT rate('graduated free 5 threshold: 1 up to 10', 1e50);

-- Worked examples of price lists that clouds print.
SELECT rate('graduated per GB: 0.0443 up to 2 TB, 0.0422 up to 10 TB, 0.0399 up to 50 TB, 0.0375 beyond', 15e12) AS progressive,
	   rate('volume per GB: 0.0443 up to 2 TB, 0.0422 up to 10 TB, 0.0399 up to 50 TB, 0.0375 beyond', 15e12) AS attained,
	   rate('graduated per GB: 0.21 up to 2 TB, 0.20 up to 10 TB, 0.18 beyond', 200e9) AS first_tier,
	   rate_between('graduated per GB: 0.34 up to 2 TB, 0.32 up to 10 TB, 0.3 beyond', 6e12, 7e12) AS incremental,
	   rate('volume: 5 up to 10, 3 up to 15, 1 up to 20', 16) AS cheaper_than_15;

-- Exact, whatever the digits.
SELECT rate('graduated per 1000000000: 0.0756 beyond', 1) AS a_byte,
	   rate('graduated per GiB: 0.0235 beyond', 1) AS a_byte_of_gib,
	   rate('graduated per 3600: 0.36 beyond', 12345.678) AS seconds,
	   rate('graduated: 0.05 beyond', 12345678901234567890.12345678901234567890) AS forty_digits,
	   rate('graduated: 0.05 up to 10, 0.0000000001 beyond', 1e30 + 1e-30) AS wide,
	   rate('graduated: 3 beyond', 1e-1000) = 3e-1000 AS tiny,
	   length(rate('graduated: 3 beyond', 1e1000)::text) AS huge;
SELECT rate('graduated: 0.05 beyond', ('1e-16383')::numeric);
-- around 2^127, where the short way ends
SELECT rate('graduated: 9223372036854775808 beyond', 18446744073709551615) AS below, rate('graduated: 9223372036854775808 beyond', 18446744073709551616) AS at,
	   rate('graduated: 13000000000000000000 beyond', 18446744073709551616) AS beyond, rate('graduated: 13000000000000000000 beyond', 36893488147419103232) AS above,
	   rate('graduated: flat 1 + 170141183460469231731 beyond', 1000000000000000000) AS sum;

-- Rounding is half away from zero and pads.
SELECT q, rate('graduated: 0.005 beyond', q, 2) AS d2, rate('graduated: 0.005 beyond', q, 0) AS d0,
	   rate('graduated: 0.005 beyond', q, 5) AS d5, rate('graduated: 0.005 beyond', q, 50) AS d50
FROM unnest(ARRAY[0, 1, 3, 99, 100, 101, 100.2, 1e35 + 1]) q;
SELECT rate('graduated: 1 beyond', 5, -1);
SELECT rate('graduated: 1 beyond', 5, 1001);

-- What is added to what was there; usage taken back costs what it did.
SELECT already, added, rate_between(t, already, added), rate_between(t, already + added, -added) AS back
FROM (VALUES ('graduated: 5 up to 10, flat 7 + 3 up to 15, 1 beyond'::tariff)) v(t),
	 (VALUES (0, 0), (0, 10), (10, 0.5), (9.5, 1), (0, 20), (3, -3), (1e30, 1e-5), (1e40, 1)) w(already, added);

-- Lines add up to the rate.
SELECT * FROM rate_lines('graduated per GB: 0.05 up to 2 TB, flat 5 + 0.04 up to 10 TB, 0.03 per TB beyond', 12.5e12);
SELECT * FROM rate_lines('volume per GB: 0.05 up to 2 TB, flat 5 + 0.04 up to 10 TB, 0.03 per TB beyond', 3e12);
SELECT * FROM rate_lines('graduated: 0.05 up to 10, 0.04 up to 20', 10);
SELECT * FROM rate_lines('graduated: 0.05 up to 10, 0.04 up to 20', 0);
SELECT tier, (rate_lines('graduated: 0.05 up to 10, 0.04 beyond', q)).amount, q
FROM (VALUES (1, 5.0), (2, 15)) v(tier, q);

-- A hard last tier includes its bound and ends there.
SELECT rate(t, 20) AS at_the_end, rate_between(t, 0, 20) AS between_at_the_end
FROM (VALUES ('graduated: 0.05 up to 10, 0.04 up to 20'::tariff)) v(t);
SELECT rate('graduated: 0.05 up to 10, 0.04 up to 20', 20.000000000000000000000000000000001);
SELECT rate('volume: 0.05 up to 20k', 1e50, 2);
SELECT rate_between('graduated: 0.05 up to 20', 15, 6);
SELECT * FROM rate_lines('graduated: 0.05 up to 20', 21);
DO $$
BEGIN
	PERFORM billing.rate('graduated: 1 up to 10', 11);
EXCEPTION WHEN SQLSTATE 'UBT01' THEN
	RAISE NOTICE 'state %', SQLSTATE;
END $$;

-- What is not a quantity.
CREATE FUNCTION pg_temp.refusal(query text, OUT state text, OUT message text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE query;
	message := 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
END $$;
SELECT r.* FROM unnest(ARRAY[
	$$SELECT billing.rate('volume: 1 beyond', -1)$$,
	$$SELECT billing.rate('volume: 1 beyond', -1e50)$$,
	$$SELECT billing.rate('volume: 1 beyond', 'NaN')$$,
	$$SELECT billing.rate('volume: 1 beyond', 'Infinity')$$,
	$$SELECT billing.rate('volume: 1 beyond', '-Infinity')$$,
	$$SELECT billing.rate('volume: 1 beyond', 'NaN', 2)$$,
	$$SELECT billing.rate_between('volume: 1 beyond', -1, 1)$$,
	$$SELECT billing.rate_between('volume: 1 beyond', 'NaN', 1)$$,
	$$SELECT billing.rate_between('volume: 1 beyond', 1, 'Infinity')$$,
	$$SELECT billing.rate_between('volume: 1 beyond', 1, -1.5)$$,
	$$SELECT billing.rate_between('volume: 1 beyond', 1e40, -2e40)$$,
	$$SELECT * FROM billing.rate_lines('volume: 1 beyond', 'NaN')$$,
	$$SELECT * FROM billing.rate_lines('volume: 1 beyond', -5)$$
]) q, pg_temp.refusal(q) r;

-- NULL in, NULL out.
SELECT rate(NULL, 1) IS NULL AS a, rate('volume: 1 beyond', NULL) IS NULL AS b, rate_between('volume: 1 beyond', 1, NULL) IS NULL AS c,
	   (SELECT count(*) FROM rate_lines('volume: 1 beyond', NULL)) AS d;

-- The same from a column: short values, long ones, compressed ones.
CREATE TEMP TABLE tariff_column (id int, t tariff, q numeric);
INSERT INTO tariff_column VALUES (1, 'graduated: 1 beyond', 5), (2, 'graduated: 1 up to 10, 2 up to 20, 3 up to 30, 4 beyond', 25);
INSERT INTO tariff_column
SELECT 3, ('graduated: ' || string_agg('1.5 up to ' || i, ', ' ORDER BY i))::tariff, 999.5 FROM generate_series(1, 1000) i;
INSERT INTO tariff_column SELECT 4, t, 1 FROM tariff_column WHERE id = 3;
SELECT id, rate(t, q), (SELECT sum(amount) FROM rate_lines(t, q)) = rate(t, q) AS adds_up, pg_column_size(t) < 10000 AS compressed
FROM tariff_column ORDER BY id;

-- All of it is immutable, strict, and safe in parallel; but an aggregate's own parts see NULLs.
SELECT count(*), bool_and(provolatile = 'i' AND proparallel = 's') AS marked, string_agg(proname, ', ' ORDER BY proname) FILTER (WHERE NOT proisstrict) AS not_strict
FROM pg_proc WHERE pronamespace = 'billing'::regnamespace AND prosrc ~ '^billing_(tariff|rate|quantity_for)';

-- Each way through the code gives the same: numeric read directly or as text, 128 bits or unlimited.
CREATE FUNCTION pg_temp.paths(bridge bool, rate bool) RETURNS void AS '$libdir/billing', 'billing_test_paths' LANGUAGE C;
CREATE TEMP TABLE tariff_answers AS
SELECT 0 AS path, t, q, ''::text AS rate, ''::text AS rounded, ''::text AS between_rate
FROM unnest(ARRAY['graduated per GB: 0.0756 up to 2 TB, flat 3 + 0.0634 up to 10 TB, 0.0560 beyond',
				  'volume per GiB: 0.05 up to 0.125, flat 1.5 + 0.00000000000000000001 up to 1e, 3 beyond'::text]) x(x),
	 LATERAL (SELECT replace(x, '1e,', '1000000,')::tariff) y(t),
	 unnest(ARRAY[0, 0.1, 0.125, 0.12500000000000000001, 1, 12345.678, 1e6, 2e12, 2e12 + 0.0000000001, 123e11, 1e30, 7e-120]) q;
SELECT pg_temp.paths(b, r), b AS bridge, r AS bits FROM (VALUES (true, true)) v(b, r);
INSERT INTO tariff_answers SELECT 1, t, q, rate(t, q), rate(t, q, 2), rate_between(t, q / 4, q) FROM tariff_answers WHERE path = 0;
SELECT FROM pg_temp.paths(false, true);
INSERT INTO tariff_answers SELECT 2, t, q, rate(t, q), rate(t, q, 2), rate_between(t, q / 4, q) FROM tariff_answers WHERE path = 0;
SELECT FROM pg_temp.paths(true, false);
INSERT INTO tariff_answers SELECT 3, t, q, rate(t, q), rate(t, q, 2), rate_between(t, q / 4, q) FROM tariff_answers WHERE path = 0;
SELECT FROM pg_temp.paths(true, true);
SELECT count(*) AS answers, count(DISTINCT (t::text, q)) AS cases, count(DISTINCT (t::text, q, rate, rounded, between_rate)) AS different
FROM tariff_answers WHERE path > 0;
