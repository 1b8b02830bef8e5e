-- Loading usage by COPY, beside a bare table with the same columns and the same unique index.  Three rounds, the
-- best of each; the file is written once and read from the server's cache.
\set QUIET on
SELECT billing.install(start => date_trunc('month', now()));
SET synchronous_commit = off;

SELECT current_setting('data_directory') || '/usage.copy' AS file \gset
SELECT format('COPY (SELECT 1 + n %% %s, CASE n %% 2 WHEN 0 THEN ''traffic'' ELSE ''requests'' END, ''EU'', '
	'''www'' || n %% 3, %L::timestamptz + n %% 3600 * interval ''1 second'', ''event-'' || n, n::bigint * 7919 %% 1000000007 '
	'FROM generate_series(1, %s) n) TO %L', :accounts, date_trunc('hour', now()), :usage, :'file') \gexec

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
	cycle integer NOT NULL DEFAULT 0,
	PRIMARY KEY (account_id, meter, event_key, event_time)
);
CREATE TEMP TABLE took (what text, ms numeric);
SELECT set_config('bench.file', :'file', false);

DO $do$
DECLARE
	columns text := '(account_id, meter, region, resource, event_time, event_key, quantity)';
	target text;
	begun timestamptz;
BEGIN
	FOR round IN 1..3 LOOP
		FOREACH target IN ARRAY '{bare,billing.usage}'::text[] LOOP
			EXECUTE 'TRUNCATE ' || target;
			COMMIT;
			begun := clock_timestamp();
			EXECUTE format('COPY %s %s FROM %L', target, columns, current_setting('bench.file'));
			COMMIT;
			INSERT INTO took VALUES (target, extract(epoch FROM clock_timestamp() - begun) * 1000);
		END LOOP;
	END LOOP;
END
$do$;

SELECT format('BENCH|COPY of %s usage rows|%s|%s|%s|<= 1.3', to_char(:usage, 'FM999,999,999'),
	round(b.ms), round(o.ms), round(o.ms / b.ms, 2))
FROM (SELECT min(ms) AS ms FROM took WHERE what = 'bare') b, (SELECT min(ms) AS ms FROM took WHERE what <> 'bare') o;
