-- DROP EXTENSION: refused while data is there; CASCADE keeps the data.
\ir setup.psql
SELECT billing.install(start => '2020-01-01');
INSERT INTO billing.meter VALUES ('m', 'unit', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('m', 'USD', 'graduated: 1 beyond');
SELECT billing.open_account(name => 'a', account_id => n, at => '2020-01-01') FROM generate_series(1, 3) n;
SELECT billing.top_up(1, 10, key => 'k');
SELECT t.use(n, 'm', 1, '2020-01-01 00:10') FROM generate_series(1, 3) n;
CALL billing.run('2020-02-01');
SELECT throws_ok('DROP EXTENSION billing', '2BP01', NULL, 'refused while its tables are there');
SELECT is((SELECT count(*) FROM billing.charges), 3::bigint, 'and nothing is lost');

CREATE TABLE t.columns AS SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
	WHERE relnamespace = 'billing'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND attnum > 0 AND NOT attisdropped;
CREATE TABLE t.before AS SELECT 'account' AS what, x::text FROM billing.account x UNION ALL SELECT 'state', x::text FROM billing.account_state x
	UNION ALL SELECT 'charge', x::text FROM billing.charge x UNION ALL SELECT 'transfer', x::text FROM billing.transfer x
	UNION ALL SELECT 'invoice', x::text FROM billing.invoice x UNION ALL SELECT 'line', x::text FROM billing.invoice_line x
	UNION ALL SELECT 'position', x::text FROM billing.position x UNION ALL SELECT 'request', x::text FROM billing.request x
	UNION ALL SELECT 'usage', format('%s %s %s %s %s', account_id, meter, event_time, event_key, quantity) FROM billing.usage x;
SET client_min_messages = error;
DROP EXTENSION billing CASCADE;
SET client_min_messages = warning;
SELECT t.same($$SELECT 'account' AS what, x::text FROM billing.account x UNION ALL SELECT 'state', x::text FROM billing.account_state x
	UNION ALL SELECT 'charge', x::text FROM billing.charge x UNION ALL SELECT 'transfer', x::text FROM billing.transfer x
	UNION ALL SELECT 'invoice', x::text FROM billing.invoice x UNION ALL SELECT 'line', x::text FROM billing.invoice_line x
	UNION ALL SELECT 'position', x::text FROM billing.position x UNION ALL SELECT 'request', x::text FROM billing.request x
	UNION ALL SELECT 'usage', format('%s %s %s %s %s', account_id, meter, event_time, event_key, quantity) FROM billing.usage x ORDER BY 1, 2$$,
	'SELECT * FROM t.before ORDER BY 1, 2', 'CASCADE keeps accounts, usage, charges, ledger and invoices');
SELECT t.same($$SELECT relname, attname FROM t.columns k WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass('billing.' || quote_ident(k.relname)) AND a.attname = k.attname) ORDER BY 1$$,
	$$VALUES ('lifecycle', 'rule'), ('price', 'tariff')$$, 'the columns of tariffs and policies go, and no other');
SELECT throws_ok('CREATE EXTENSION billing', 'UB012', NULL, 'it is not made over the old tables');
ALTER SCHEMA billing RENAME TO billing_old;
SELECT lives_ok('CREATE EXTENSION billing', 'but is beside them');
SELECT lives_ok('SELECT billing.install(start => ''2020-01-01'')', 'and installs');
SELECT is((SELECT count(*) FROM billing_old.charge), 3::bigint, 'the old books are still there to read');
SELECT * FROM finish();
