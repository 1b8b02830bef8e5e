-- A day of five-minute samples of a meter of peaks, each instance charged once by the band of its highest, beside the least
-- that any program would have to do: one GROUP BY over the day, and bare INSERTs of as many charges, transfers and positions.
-- Then one late sample, higher than the day's peak.   USAGE=28800000: 100,000 instances
\set QUIET on
SET synchronous_commit = off;
SELECT billing.install(start => '2026-01-01');
INSERT INTO billing.meter (meter, unit, aggregation, settled_by) VALUES ('peak', 'Gbps', 'max', 'day');
INSERT INTO billing.price (meter, currency, tariff, counter, post, scope) VALUES
	('peak', 'USD', 'volume: flat 800 up to 10, flat 1200 up to 20, flat 2200 up to 30, flat 5000 beyond', 'day', 'counter', 'resource');
SELECT :usage / 288 AS instances, greatest(1, :usage / 2880) AS accounts \gset
INSERT INTO billing.account (account_id, name, currency, time_zone, policy, opened_at)
SELECT n, 'account ' || n, 'USD', 'UTC', 'account', '2026-01-01' FROM generate_series(1, :accounts) n;
INSERT INTO billing.account_state (account_id, credit_limit, invoice_period, next_invoice_at)
SELECT n, 1e9, '2026-01-01', '2026-02-01' FROM generate_series(1, :accounts) n;
INSERT INTO billing.usage (account_id, meter, resource, event_time, event_key, quantity)
SELECT 1 + i % :accounts, 'peak', 'instance ' || i, timestamptz '2026-01-01' + s * interval '5 minutes', i || '/' || s, (i * 7919 + s * 104729) % 40009 / 1000.0
FROM generate_series(0, 287) s, generate_series(1, :instances) i;
CREATE TABLE bare_usage AS SELECT * FROM billing.usage;
VACUUM ANALYZE;

SELECT clock_timestamp() AS begun \gset
CALL billing.run('2026-01-02 01:00');
SELECT extract(epoch FROM clock_timestamp() - :'begun') * 1000 AS ours \gset

CREATE TABLE bare_charge (LIKE billing.charge INCLUDING IDENTITY INCLUDING DEFAULTS, PRIMARY KEY (account_id, charge_id));
CREATE TABLE bare_transfer (LIKE billing.transfer INCLUDING IDENTITY INCLUDING DEFAULTS, PRIMARY KEY (account_id, transfer_id));
CREATE TABLE bare_position (LIKE billing.position INCLUDING DEFAULTS, PRIMARY KEY (account_id, line_id, period_start, resource, price_id));
SELECT (SELECT count(*) FROM billing.charge) AS charges, (SELECT count(*) FROM billing.transfer) AS transfers, (SELECT count(*) FROM billing.position) AS positions \gset
CHECKPOINT;
SELECT clock_timestamp() AS begun \gset
BEGIN;
CREATE TEMP TABLE grouped ON COMMIT DROP AS
SELECT account_id, meter, region, resource, max(quantity) AS quantity, min(event_time) AS first_at, max(event_time) AS last_at
FROM bare_usage GROUP BY account_id, meter, region, resource;
INSERT INTO bare_charge (account_id, cycle, period_start, meter, region, resource, source, source_id, quantity, exact_amount, amount, invoice_period)
SELECT account_id, 0, first_at, meter, region, resource, 'tariff', 1, quantity, quantity, 1, first_at FROM grouped LIMIT :charges;
INSERT INTO bare_transfer (account_id, at, debit, credit, amount, balance_after, kind, source, source_id)
SELECT account_id, last_at, 'wallet', 'revenue', 1, quantity, 'usage', 'charge', 1 FROM grouped LIMIT :transfers;
INSERT INTO bare_position (account_id, line_id, period_start, resource, price_id, period_end, quantity, exact_amount, posted_amount)
SELECT account_id, 1, first_at, resource, 1, last_at, quantity, quantity, 1 FROM grouped LIMIT :positions;
COMMIT;
SELECT extract(epoch FROM clock_timestamp() - :'begun') * 1000 AS floor \gset
SELECT format('%s charges, %s transfers, %s positions', :charges, :transfers, :positions);
SELECT format('BENCH|a day of %s samples of %s instances|%s|%s|%s|<= 1.5', to_char(:usage, 'FM999,999,999'), to_char(:instances, 'FM999,999,999'),
	round(:floor), round(:ours), round(:ours / :floor, 2));
-- The same hour by hour, as usage is settled: what is left of the difference is ours.
CREATE TABLE bare_peak (account_id bigint, meter text COLLATE "C", region text COLLATE "C", resource text COLLATE "C", quantity numeric, first_at timestamptz, last_at timestamptz,
	PRIMARY KEY (account_id, meter, region, resource)) WITH (fillfactor = 70);
CHECKPOINT;
SELECT clock_timestamp() AS begun \gset
DO $$
DECLARE
	hour timestamptz;
BEGIN
	FOR hour IN SELECT timestamptz '2026-01-01' + n * interval '1 hour' FROM generate_series(0, 23) n LOOP
		INSERT INTO bare_peak AS p
		SELECT account_id, meter, region, resource, max(quantity), min(event_time), max(event_time)
		FROM billing.usage WHERE event_time >= hour AND event_time < hour + interval '1 hour' GROUP BY account_id, meter, region, resource
		ON CONFLICT (account_id, meter, region, resource) DO UPDATE SET quantity = excluded.quantity, last_at = excluded.last_at
		WHERE excluded.quantity > p.quantity;
		COMMIT;
	END LOOP;
END $$;
SELECT extract(epoch FROM clock_timestamp() - :'begun') * 1000 AS hourly \gset
SELECT format('BENCH|beside 24 bare hours: GROUP BY and upsert|%s|%s|%s|', round(:hourly), round(:ours), round(:ours / :hourly, 2));
SELECT 'BROKEN: not one charge for each instance' WHERE (SELECT sum(amount) FROM billing.charge)
	<> (SELECT sum(billing.rate(p.tariff, m.quantity)) FROM billing.price p, (SELECT max(quantity) AS quantity FROM bare_usage GROUP BY resource) m);

-- Two hours without usage, with and without one late sample of yesterday, and how many pages of billing's tables and indexes
-- that looks at: no more for a hundred times as many instances.
CREATE FUNCTION pg_temp.pages() RETURNS bigint LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM pg_stat_clear_snapshot();
	RETURN (SELECT sum(heap_blks_read + heap_blks_hit + coalesce(idx_blks_read + idx_blks_hit, 0)) FROM pg_statio_user_tables WHERE schemaname = 'billing');
END
$$;
SELECT pg_stat_force_next_flush();
SELECT pg_temp.pages() AS pages, clock_timestamp() AS begun \gset
CALL billing.run('2026-01-02 03:00');
SELECT extract(epoch FROM clock_timestamp() - :'begun') * 1000 AS floor, pg_stat_force_next_flush() \gset
SELECT pg_temp.pages() - :pages AS floor_pages \gset
INSERT INTO billing.usage (account_id, meter, resource, event_time, event_key, quantity) VALUES (2, 'peak', 'instance 1', '2026-01-01 12:02', 'late', 100);
SELECT pg_stat_force_next_flush();
SELECT pg_temp.pages() AS pages, clock_timestamp() AS begun \gset
CALL billing.run('2026-01-02 05:00');
SELECT extract(epoch FROM clock_timestamp() - :'begun') * 1000 AS ours, pg_stat_force_next_flush() \gset
SELECT pg_temp.pages() - :pages AS ours_pages \gset
SELECT format('BENCH|one late sample of a settled day|%s|%s||work of its own instance', round(:floor), round(:ours));
SELECT format('BENCH|the same in pages, of %s of usage|%s|%s||', to_char(pg_total_relation_size('bare_usage') / 8192, 'FM999,999,999'), :floor_pages, :ours_pages);
SELECT 'BROKEN: the late peak is not charged' WHERE NOT EXISTS (SELECT FROM billing.charge WHERE account_id = 2 AND resource = 'instance 1' GROUP BY account_id HAVING sum(amount) = 5000);
SELECT format('BROKEN: %s', v) FROM billing.verify() v;
