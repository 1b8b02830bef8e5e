-- Loading usage by COPY, beside a bare table with the same columns and the same unique index.  Three rounds, the
-- best of each; the file is written once and read from the server's cache.  Rows that arrive in their own hour, as
-- usage does; then the same rows a day and more later, which cost an index more.
\set QUIET on
SELECT date_trunc('hour', now()) - interval '2 days' AS hour \gset
SELECT billing.install(start => :'hour');
SET synchronous_commit = off;

SELECT current_setting('data_directory') || '/usage.copy' AS file \gset
SELECT format('COPY (SELECT 1 + n %% %s, CASE n %% 2 WHEN 0 THEN ''traffic'' ELSE ''requests'' END, ''EU'', '
	'''www'' || n %% 3, %L::timestamptz + n %% 3600 * interval ''1 second'', ''event-'' || n, n::bigint * 7919 %% 1000000007 '
	'FROM generate_series(1, %s) n) TO %L', :accounts, timestamptz :'hour', :usage, :'file') \gexec

CREATE TABLE bare (
	account_id bigint NOT NULL,
	meter text COLLATE "C" NOT NULL,
	region text COLLATE "C" NOT NULL DEFAULT '',
	resource text COLLATE "C" NOT NULL DEFAULT '',
	event_time timestamptz NOT NULL,
	event_key text COLLATE "C" NOT NULL,
	quantity numeric NOT NULL,
	properties jsonb,
	arrived integer NOT NULL DEFAULT 0,
	PRIMARY KEY (account_id, meter, event_key, event_time)
);
CREATE TEMP TABLE took (what text, ms numeric);
SELECT set_config('bench.file', :'file', false);

CREATE PROCEDURE pg_temp.time_copies(label text, target text) LANGUAGE plpgsql AS $do$
DECLARE
	begun timestamptz;
BEGIN
	FOR round IN 1..3 LOOP
		EXECUTE 'TRUNCATE ' || target;
		COMMIT;
		begun := clock_timestamp();
		EXECUTE format('COPY %s (account_id, meter, region, resource, event_time, event_key, quantity) FROM %L',
			target, current_setting('bench.file'));
		COMMIT;
		INSERT INTO took VALUES (label, extract(epoch FROM clock_timestamp() - begun) * 1000);
	END LOOP;
END
$do$;
CALL pg_temp.time_copies('bare', 'bare');
CALL pg_temp.time_copies('in its own hour', 'billing.usage');
CALL pg_temp.time_copies('bare', 'bare');
SELECT billing._advance(billing.cycle_of(timestamptz :'hour') + 25, false);
CALL pg_temp.time_copies('a day late', 'billing.usage');

SELECT format('BENCH|COPY of %s usage rows, %s|%s|%s|%s|%s', to_char(:usage, 'FM999,999,999'), o.what,
	round(b.ms), round(o.ms), round(o.ms / b.ms, 2), CASE o.what WHEN 'a day late' THEN 'none' ELSE '<= 1.3' END)
FROM (SELECT min(ms) AS ms FROM took WHERE what = 'bare') b,
	(SELECT what, min(ms) AS ms FROM took WHERE what <> 'bare' GROUP BY what) o
ORDER BY o.what DESC;
