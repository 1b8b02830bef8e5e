-- Types refuse a text softly where the server can ask for that, from PostgreSQL 16 on; soft_errors_1.out is of a server before.
\set SHOW_CONTEXT never
SELECT current_setting('server_version_num')::integer < 160000 AS hard_errors_only \gset
\if :hard_errors_only
\quit
\endif

SELECT type, text, pg_input_is_valid(text, type) AS valid FROM (VALUES
	('billing.tariff', 'graduated: 1 beyond'), ('billing.tariff', 'graduated: x beyond'), ('billing.tariff', ''),
	('billing.tariff[]', '{graduated: 1 beyond,volume: 2 beyond}'), ('billing.tariff[]', '{graduated: 1 beyond,flat}'),
	('billing.lifecycle_policy', 'notice immediately, release after 60 days'), ('billing.lifecycle_policy', 'notice sometime'),
	('billing.lifecycle_policy', ''), ('billing.lifecycle_policy[]', '{notice immediately,suspend}'),
	('billing.amount', '-1.005'), ('billing.amount', 'x'), ('billing.quantity', '7'), ('billing.quantity', 'x')) x(type, text);
-- The checks of the domains raise errors of their own, and those are never soft.
SELECT pg_input_is_valid('NaN', 'billing.amount');
SELECT pg_input_is_valid('-1', 'billing.quantity');
\x on
SELECT * FROM pg_input_error_info('graduated: x beyond', 'billing.tariff');
SELECT * FROM pg_input_error_info('notice sometime', 'billing.lifecycle_policy');
SELECT * FROM pg_input_error_info('graduated: 1 beyond', 'billing.tariff');
\x off

-- Softly or not, what is refused and what is said are the same: texts cut off after each of their characters, and some with one too many.
CREATE FUNCTION pg_temp.hard(text text, type regtype, OUT message text, OUT detail text, OUT hint text, OUT sql_error_code text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SELECT %L::%s', text, type);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, sql_error_code = RETURNED_SQLSTATE;
END $$;
SELECT x.type, s.sql_error_code, count(*), count(*) FILTER (WHERE (s.message, s.detail, s.hint, s.sql_error_code)
	IS DISTINCT FROM (h.message, h.detail, h.hint, h.sql_error_code)) AS differ
FROM (VALUES
	('billing.tariff', 'graduated bounds lower free 5 per GB block 10 min 5 max 50 digits 2: 0.05 up to 10 TB, flat 3 + 2.9% up to 20 TB, 0.04 beyond'),
	('billing.tariff', 'größe: 1 beyond'), ('billing.tariff', 'graduated: 1e9999999999 beyond'),
	('billing.tariff', 'graduated: ' || (SELECT string_agg('1 up to ' || n, ', ') FROM generate_series(1, 5000) n) || ', 1 beyond'),
	('billing.lifecycle_policy', 'notice 7 days before, suspend "größe" immediately, downgrade free after 7 days, release after 60 days at 08:00, resume auto, walk'),
	('billing.lifecycle_policy', 'notice after 99999999999999999999 days'),
	('billing.lifecycle_policy', (SELECT string_agg('notice after 1 day', ', ') FROM generate_series(1, 5000)))) x(type, whole),
	LATERAL (SELECT left(whole, n) AS text FROM generate_series(0, least(length(whole), 200)) n UNION SELECT whole) cut,
	pg_input_error_info(cut.text, x.type) s, pg_temp.hard(cut.text, x.type::regtype) h
GROUP BY 1, 2 ORDER BY 1, 2;
