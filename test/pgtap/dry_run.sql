-- The dry run of a month's end: BEGIN; CALL ...; ROLLBACK.  And the other places a CALL may come from.
\ir setup.psql
SELECT billing.install(start => '2020-01-01');
INSERT INTO billing.meter VALUES ('m', 'unit', 'sum'), ('v', 'unit', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('m', 'USD', 'graduated: 0.125 beyond'), ('v', 'USD', 'volume: 1 beyond');
SELECT billing.open_account(name => 'a', account_id => n, at => '2020-01-01') FROM generate_series(1, 5) n;
SELECT t.use(n, m, n, at::timestamptz) FROM generate_series(1, 5) n, unnest(ARRAY['m', 'v']) m, unnest(ARRAY['2020-01-01 00:10', '2020-01-01 00:20', '2020-01-15 00:10']) at;
CREATE TABLE t.before AS SELECT * FROM t.snapshot();

BEGIN;
CALL billing.tick('2020-02-01');
CREATE TEMP TABLE dry ON COMMIT PRESERVE ROWS AS SELECT account_id, total FROM billing.invoices;
SELECT is((SELECT sum(total) FROM billing.invoices), 50.64, 'a dry run shows the invoices');
SELECT is((SELECT count(*) FROM billing.invoices WHERE number IS NULL), 0::bigint, 'with their numbers');
SELECT t.verify_is_empty();
ROLLBACK;
SELECT t.same('SELECT * FROM t.snapshot()', 'SELECT * FROM t.before', 'and leaves nothing');

BEGIN;
CALL billing.run('2020-02-01');
SELECT is((SELECT sum(total) FROM billing.invoices), 50.64, 'run in a block as well');
SELECT t.verify_is_empty();
ROLLBACK;
BEGIN;
CALL billing.settle('2020-02-01');
SELECT is((SELECT sum(total) FROM billing.invoices), 50.64, 'and settle');
SELECT t.verify_is_empty();
ROLLBACK;
SELECT t.same('SELECT * FROM t.snapshot()', 'SELECT * FROM t.before', 'and leave nothing');

BEGIN;
SAVEPOINT s;
CALL billing.tick('2020-01-10');
ROLLBACK TO s;
SELECT is((SELECT count(*) FROM billing.charges), 0::bigint, 'back to a savepoint');
CALL billing.tick('2020-01-10');
SELECT is((SELECT count(*) FROM billing.charges), 10::bigint, 'and again');
ROLLBACK;

-- what a dry run said is what comes
CALL billing.tick('2020-02-01');
SELECT is((SELECT sum(total) FROM billing.invoices), 50.64, 'the real thing gives the same');

-- from DO, from a function, from a procedure, from a block with EXCEPTION
DO $$ BEGIN CALL billing.tick('2020-02-01 01:00'); END $$;
SELECT is((SELECT at FROM billing.heartbeat), '2020-02-01 01:00+00'::timestamptz, 'from DO');
CREATE FUNCTION t.ring(at timestamptz) RETURNS void LANGUAGE plpgsql AS $$ BEGIN CALL billing.tick(at); END $$;
SELECT t.ring('2020-02-01 02:00');
SELECT is((SELECT at FROM billing.heartbeat), '2020-02-01 02:00+00'::timestamptz, 'from a function');
CREATE PROCEDURE t.ring_twice(at timestamptz) LANGUAGE plpgsql AS $$ BEGIN CALL billing.tick(at - interval '1 hour'); COMMIT; CALL billing.tick(at); END $$;
CALL t.ring_twice('2020-02-01 04:00');
SELECT is((SELECT at FROM billing.heartbeat), '2020-02-01 04:00+00'::timestamptz, 'from a procedure that commits itself');
DO $$ BEGIN CALL billing.run('2020-02-01 05:00'); EXCEPTION WHEN division_by_zero THEN NULL; END $$;
SELECT is((SELECT at FROM billing.heartbeat), '2020-02-01 05:00+00'::timestamptz, 'from a block with EXCEPTION');
PREPARE ring(timestamptz) AS SELECT t.ring($1);
EXECUTE ring('2020-02-01 06:00');
SELECT is((SELECT at FROM billing.heartbeat), '2020-02-01 06:00+00'::timestamptz, 'from a prepared statement');

-- a DO that is rolled back by its end
CREATE TABLE t.after AS SELECT * FROM t.snapshot();
SELECT t.use(1, 'm', 1, '2020-02-02');
SELECT throws_ok($$DO $d$ BEGIN PERFORM t.ring('2020-02-03'); RAISE division_by_zero; END $d$ $$, '22012', NULL, 'an error after it');
SELECT t.same($$SELECT s FROM t.snapshot() s WHERE s NOT LIKE '%usage%'$$, $$SELECT s FROM t.after s(s) WHERE s NOT LIKE '%usage%'$$, 'takes it back');
SELECT t.verify_is_empty();
SELECT * FROM finish();
