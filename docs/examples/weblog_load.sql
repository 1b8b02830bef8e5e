-- Loads what weblog.py made of a log:  psql -f docs/examples/weblog_load.sql < hits.csv
-- Called by `make demo LOG=...`.
\set ON_ERROR_STOP on
CREATE TEMP TABLE hit (line bigint, client text, event_time timestamptz, bytes numeric);
\copy hit FROM pstdin (FORMAT csv)

SELECT date_trunc('month', min(event_time)) AS start FROM hit \gset
SELECT billing.install(start => :'start') \g /dev/null
\i docs/examples/weblog.sql

-- One account for each client, in the order in which they came.
CREATE TEMP TABLE client AS
SELECT client, billing.open_account(name => client) AS account_id
FROM (SELECT client FROM hit GROUP BY client ORDER BY min(line)) c;
SELECT count(*) AS "accounts opened" FROM client;

-- The line's number is the event's key, so that loading the log again would change nothing.
INSERT INTO billing.usage (account_id, meter, event_time, event_key, quantity)
SELECT c.account_id, m.meter, h.event_time, 'line-' || h.line, CASE m.meter WHEN 'bytes' THEN h.bytes ELSE 1 END
FROM hit h JOIN client c USING (client) CROSS JOIN (VALUES ('requests'), ('bytes')) m(meter)
WHERE h.event_time < (SELECT usage_until FROM billing.installation)
ON CONFLICT DO NOTHING;

SELECT count(*) AS "usage rows", min(event_time) AS first, max(event_time) AS last FROM billing.usage;
-- Partitions reach three months beyond the watermark; a longer log is loaded in pieces.
SELECT count(*) > 0 AS is_late, count(*) AS late, min(event_time) AS since FROM hit
WHERE event_time >= (SELECT usage_until FROM billing.installation) \gset
\if :is_late
\echo :late 'requests from' :since 'on are left out: a log of more than four months is loaded in pieces.'
\endif
