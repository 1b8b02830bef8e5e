-- What stands around rate(): many quantities at once, long price lists, lines, reading a text, binary COPY.
--     psql -v rows=1000000 -f test/bench/rate_forms.sql
-- Of nine runs of each, one after the other, the fastest counts.  Where the goal is a time, the ratio is one
-- too: what ours takes more than its floor, for each line or text.
\set QUIET on
\if :{?rows} \else \set rows 1000000 \endif
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
SET jit = off;
CREATE SCHEMA bench;
SET search_path = bench, billing;

-- A price list of so many tiers up to 2,000,000.
CREATE FUNCTION price_list(tiers int, step numeric) RETURNS text LANGUAGE sql AS $$
	SELECT 'graduated: ' || string_agg(format(CASE WHEN i = tiers THEN '%s beyond' ELSE '%s up to %s' END,
		(2000 - i) * step, i * 2000000 / tiers), ', ' ORDER BY i)
	FROM generate_series(1, tiers) i $$;
CREATE TABLE usage AS SELECT (n::numeric * 7919 % 2000003) AS quantity FROM generate_series(1, :rows) n;
CREATE TABLE few AS SELECT * FROM usage LIMIT :rows / 10;
CREATE TABLE texts AS SELECT price_list(10, n * 0.0001) AS text FROM generate_series(1, :rows / 10) n;
CREATE TABLE tariffs AS SELECT text::tariff AS tariff FROM texts;
CREATE TABLE lists AS SELECT tiers, price_list(tiers, 0.0001)::tariff AS tariff FROM unnest(ARRAY[5, 50]) tiers;
-- Bytes as many as the tariffs of ten tiers have on disk.
CREATE TABLE bytes AS
SELECT decode(rpad(md5(text), 2 * (SELECT pg_column_size(tariff) - 4 FROM tariffs LIMIT 1), md5(text)), 'hex') AS bytes
FROM texts;
CREATE TABLE tariffs_in (tariff tariff);
CREATE TABLE bytes_in (bytes bytea);
VACUUM ANALYZE usage, few, texts, tariffs, lists, bytes;

CREATE TABLE result (place int GENERATED ALWAYS AS IDENTITY, name text, floor_ms numeric, ours_ms numeric, per_row numeric, goal text);
CREATE FUNCTION milliseconds(query text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
	start timestamptz := clock_timestamp();
BEGIN
	EXECUTE query;
	RETURN extract(epoch FROM clock_timestamp() - start) * 1000;
END $$;
-- per_row: of how many rows each one's time is told, in place of a ratio.
CREATE PROCEDURE measure(name text, floor_query text, our_query text, goal text, per_row numeric DEFAULT NULL) LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..9 LOOP
		INSERT INTO result (name, floor_ms, ours_ms, per_row, goal)
		VALUES (name, milliseconds(floor_query), milliseconds(our_query), per_row, goal);
	END LOOP;
END $$;

SELECT tariff AS five FROM lists WHERE tiers = 5 \gset
CALL measure('rate_sum() beside sum(rate()), 5 tiers', format('SELECT sum(rate(%L, quantity)) FROM usage', :'five'),
	format('SELECT rate_sum(%L, quantity) FROM usage', :'five'), '<= 0.9');
CALL measure('rate() from a table, 50 tiers beside 5', 'SELECT sum(rate(tariff, quantity)) FROM usage, lists WHERE tiers = 5',
	'SELECT sum(rate(tariff, quantity)) FROM usage, lists WHERE tiers = 50', '<= 1.5');
SELECT count(*) AS lines FROM few, rate_lines(:'five', quantity) \gset
CALL measure('rate_lines() beside rate(), of a line', format('SELECT sum(rate(%L, quantity)) FROM few', :'five'),
	format('SELECT sum(amount) FROM few, rate_lines(%L, quantity)', :'five'), '<= 2 us', :lines);
CALL measure('reading a text of 10 tiers', 'SELECT count(text) FROM texts', 'SELECT count(text::tariff) FROM texts',
	'<= 5 us', :rows / 10);
SELECT current_setting('data_directory') || '/bench_' AS file \gset
CALL measure('COPY BINARY out beside bytea, 10 tiers', format('COPY bytes TO %L (FORMAT binary)', :'file' || 'bytes'),
	format('COPY tariffs TO %L (FORMAT binary)', :'file' || 'tariffs'), '<= 1.1');
CALL measure('COPY BINARY in beside bytea, 10 tiers',
	format('TRUNCATE bytes_in; COPY bytes_in FROM %L (FORMAT binary)', :'file' || 'bytes'),
	format('TRUNCATE tariffs_in; COPY tariffs_in FROM %L (FORMAT binary)', :'file' || 'tariffs'), '<= 1.1');

-- What is fast has to be right.
SELECT 'BROKEN: rate_sum() is not sum(rate())'
WHERE (SELECT rate_sum(:'five', quantity) FROM usage) <> (SELECT sum(rate(:'five', quantity)) FROM usage);
SELECT 'BROKEN: rate_lines() do not add up'
WHERE (SELECT sum(amount) FROM few, rate_lines(:'five', quantity)) <> (SELECT sum(rate(:'five', quantity)) FROM few);
SELECT 'BROKEN: COPY brings other tariffs back' WHERE EXISTS (SELECT tariff::text FROM tariffs EXCEPT SELECT tariff::text FROM tariffs_in);

SELECT format('BENCH|%s|%s|%s|%s|%s', name, round(min(floor_ms)), round(min(ours_ms)),
	CASE WHEN per_row IS NULL THEN round(min(ours_ms) / min(floor_ms), 2)::text
	ELSE round((min(ours_ms) - min(floor_ms)) * 1000 / per_row, 1) || ' us' END, goal)
FROM result GROUP BY name, per_row, goal ORDER BY min(place);
DROP SCHEMA bench CASCADE;
