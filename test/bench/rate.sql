-- What rate() costs beside one multiplication of the same column.
--     psql -v rows=1000000 -f test/bench/rate.sql
-- Prints, for quantities without and with three decimals and for 1, 5 and 50 tiers: the floor
-- sum(quantity * price), sum(rate(tariff, quantity)) and their ratio.  Of five runs of each, one after the
-- other, the fastest counts.
\set QUIET on
\if :{?rows} \else \set rows 1000000 \endif
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
SET jit = off;

CREATE TEMP TABLE bench_usage AS
SELECT (n::numeric * 7919 % 2000003) AS whole, (n::numeric * 7919 % 2000003 + n % 1000 * 0.001) AS decimals3
FROM generate_series(1, :rows) n;
VACUUM ANALYZE bench_usage;

CREATE TEMP TABLE bench_tariff AS
SELECT tiers, format('graduated: %s', string_agg(
		CASE WHEN i = tiers THEN format('%s beyond', (2000 - i) * 0.0001)
		ELSE format('%s up to %s', (2000 - i) * 0.0001, i * 2000000 / tiers) END, ', ' ORDER BY i)) AS tariff
FROM (VALUES (1), (5), (50)) v(tiers), generate_series(1, tiers) i
GROUP BY tiers;

CREATE TEMP TABLE bench_result (quantities text, tiers int, floor_ms numeric, rate_ms numeric);
CREATE FUNCTION pg_temp.milliseconds(query text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
	start timestamptz := clock_timestamp();
	ignored numeric;
BEGIN
	EXECUTE query INTO ignored;
	RETURN extract(epoch FROM clock_timestamp() - start) * 1000;
END $$;

DO $$
DECLARE
	t record;
	c text;
BEGIN
	FOR t IN SELECT * FROM bench_tariff ORDER BY tiers LOOP
		FOREACH c IN ARRAY ARRAY['whole', 'decimals3'] LOOP
			FOR i IN 1..5 LOOP
				INSERT INTO bench_result VALUES (c, t.tiers,
					pg_temp.milliseconds(format('SELECT sum(%I * 0.0567) FROM bench_usage', c)),
					pg_temp.milliseconds(format('SELECT sum(billing.rate(%L::billing.tariff, %I)) FROM bench_usage',
												t.tariff, c)));
			END LOOP;
		END LOOP;
	END LOOP;
END $$;

SELECT quantities, tiers, round(min(floor_ms), 1) AS floor_ms, round(min(rate_ms), 1) AS rate_ms,
	   round(min(rate_ms) / min(floor_ms), 2) AS ratio
FROM bench_result GROUP BY quantities, tiers ORDER BY tiers, quantities;

SELECT format('BENCH|rate() with %s tiers, %s|%s|%s|%s|%s', tiers, quantities, round(min(floor_ms)), round(min(rate_ms)),
	round(min(rate_ms) / min(floor_ms), 2), CASE tiers WHEN 50 THEN '<= 1.5' ELSE '<= 1.2' END)
FROM bench_result GROUP BY quantities, tiers ORDER BY tiers, quantities;
