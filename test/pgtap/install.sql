-- install(), migrate(), and what usage the tables take.
\ir setup.psql

-- before install(): each call says what to do
SELECT t.refuses(call, 'UB008', 'not installed', call) FROM unnest(ARRAY[
	$$SELECT billing.open_account('a')$$, $$SELECT billing.top_up(1, 1)$$, $$SELECT billing.pay_out(1, 1)$$, $$SELECT billing.adjust(1, 1, 'x')$$,
	$$SELECT billing.write_off(1, 1, 'x')$$, $$SELECT billing.set_credit_limit(1, 1)$$, $$SELECT billing.record_usage(1, 'm', 1)$$,
	$$CALL billing.tick()$$, $$CALL billing.settle(now())$$, $$CALL billing.run(now())$$, $$SELECT billing.schedule()$$, $$SELECT billing.migrate()$$,
	$$SELECT * FROM billing.explain_charge(1, 1)$$, $$SELECT * FROM billing.quote(1, 'm', 1)$$, $$SELECT * FROM billing.verify()$$, $$SELECT * FROM billing.health()$$]) call;
SELECT t.refuses($$SELECT billing.install(start => 'infinity')$$, '22023', 'infinity', 'no infinite start');
SELECT t.refuses($$SELECT billing.install(start => NULL)$$, '22023', '', 'no start');
SELECT t.refuses($$SELECT billing.install(settle_delay => '-1 hour')$$, '22023', '-01:00', 'no negative delay');
SELECT is_empty($$SELECT relname FROM pg_class WHERE relnamespace = 'billing'::regnamespace AND relkind IN ('r', 'p', 'v')$$, 'what is refused makes no table');

-- as an ordinary role that owns nothing but its database's right to make schemas
SET client_min_messages = error;
DROP EXTENSION billing;
DROP SCHEMA billing;
DROP ROLE IF EXISTS pgtap_engineer;
SET client_min_messages = warning;
CREATE ROLE pgtap_engineer;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO pgtap_engineer', current_database()); END $$;
GRANT USAGE ON SCHEMA t TO pgtap_engineer;
GRANT USAGE ON SEQUENCE t.event TO pgtap_engineer;
SET ROLE pgtap_engineer;
-- the script has a superuser's rights: what lies in its schema beforehand may not lead it astray
CREATE SCHEMA billing;
CREATE SCHEMA trap;
CREATE FUNCTION trap.equal(oid, regnamespace) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped as %', current_user; END $$;
CREATE OPERATOR billing.= (LEFTARG = oid, RIGHTARG = regnamespace, FUNCTION = trap.equal);
SELECT t.refuses('CREATE EXTENSION billing', 'UB012', 'not empty', 'an operator in the schema is found, not used');
DROP OPERATOR billing.= (oid, regnamespace);
CREATE COLLATION billing.x FROM "C";
SELECT t.refuses('CREATE EXTENSION billing', 'UB012', 'not empty', 'a collation in the schema');
DROP SCHEMA trap CASCADE;
DROP SCHEMA billing CASCADE;
CREATE EXTENSION billing;
SELECT billing.install(start => '2020-01-15 10:30', settle_delay => '5 minutes');
RESET ROLE;
SELECT is((SELECT rolname FROM pg_roles r JOIN pg_class c ON c.relowner = r.oid WHERE c.oid = 'billing.account'::regclass), 'pgtap_engineer'::name, 'the caller owns the tables');
SELECT is_empty($$SELECT relname FROM pg_class c WHERE relnamespace = 'billing'::regnamespace AND relkind <> 'c' AND relowner <> 'pgtap_engineer'::regrole$$, 'all of them; row types are the extension''s');
CALL billing.tick('2020-02-01 01:00');
SELECT is_empty($$SELECT relname FROM pg_class c WHERE relnamespace = 'billing'::regnamespace AND relkind <> 'c' AND relowner <> 'pgtap_engineer'::regrole$$, 'also what a ring of another role makes');
SELECT is_empty($$SELECT objid::regclass FROM pg_depend WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_extension'::regclass AND deptype = 'e'
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'billing')$$, 'and the extension owns none');
SET ROLE pgtap_engineer;
SELECT billing.open_account(name => 'a', account_id => 1, at => '2020-01-15 10:30');
INSERT INTO billing.meter VALUES ('m', 'unit', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('m', 'USD', 'graduated: 1 beyond');
SELECT t.use(1, 'm', 3, '2020-01-15 10:00');
CALL billing.run('2020-03-02');
RESET ROLE;
SELECT is((SELECT total FROM billing.invoices), 3::numeric, 'and bills with them');

-- twice
SELECT t.refuses('SELECT billing.install()', '42P07', 'installed', 'a second install is refused');
SELECT t.same('SELECT version = (SELECT extversion FROM pg_extension WHERE extname = ''billing''), start_at, settle_delay FROM billing.installation',
	$$VALUES (true, '2020-01-15 10:00+00'::timestamptz, '5 minutes'::interval)$$, 'and the first one stays: full hour, delay');
CREATE TABLE t.before AS SELECT * FROM t.snapshot();
SELECT matches(billing.migrate(), ' to ', 'migrate() is harmless when there is nothing to do');
SELECT t.same('SELECT * FROM t.snapshot()', 'SELECT * FROM t.before', 'it changes no row');
SELECT t.verify_is_empty();

-- tables of another version
UPDATE billing.installation SET version = '0.0';
SELECT t.refuses(call, 'UB008', '0.0', 'tables of an older version: ' || call) FROM unnest(ARRAY[
	$$SELECT billing.open_account('a')$$, $$CALL billing.tick()$$, $$CALL billing.run(now())$$]) call;
SELECT is((SELECT ok FROM billing.health() WHERE topic = 'version'), false, 'health() says so');
SELECT lives_ok('SELECT billing.migrate()', 'migrate() brings them up');
SELECT is((SELECT ok FROM billing.health() WHERE topic = 'version'), true, 'and all is well');

-- usage outside of what is kept
SELECT t.refuses($$SELECT billing.record_usage(1, 'm', 1, event_time => '2020-01-15 09:59:59')$$, 'UB013', '2020-01-15 09:59:59', 'an event from before the start');
SELECT t.refuses($$SELECT billing.record_usage(1, 'm', 1, event_time => '2020-07-01')$$, 'UB013', '2020-07-01', 'one beyond the last partition');
SELECT t.refuses($$SELECT billing.record_usage(1, 'm', 1, event_time => 'infinity')$$, 'UB013', 'infinity', 'one at infinity');
SELECT t.refuses($$SELECT billing.record_usage(1, 'm', 1, event_time => NULL)$$, 'UB013', 'NULL', 'one without a time');
SELECT throws_ok($$INSERT INTO billing.usage (account_id, meter, event_time, quantity) VALUES (1, 'm', '2020-01-15 09:59:59', 1)$$, '23514',
	'new row for relation "usage_202001" violates check constraint "usage_event_time_is_before_the_start"', 'INSERT: before the start, in the first month');
SELECT throws_like($$INSERT INTO billing.usage (account_id, meter, event_time, quantity) VALUES (1, 'm', '2019-12-15', 1)$$,
	'%usage_event_time_is_before_the_start%', 'before the first month');
SELECT throws_like($$INSERT INTO billing.usage (account_id, meter, event_time, quantity) VALUES (1, 'm', '2020-07-01', 1)$$,
	'%usage_event_time_is_beyond_the_last_partition%', 'beyond the last partition');
SELECT throws_like($$INSERT INTO billing.usage (account_id, meter, event_time, quantity) VALUES (1, 'm', '-infinity', 1)$$, '%usage_event_time_is_before_the_start%', '-infinity');
SELECT throws_like($$INSERT INTO billing.usage (account_id, meter, event_time, quantity) VALUES (1, 'm', 'infinity', 1)$$, '%usage_event_time_is_beyond_the_last_partition%', 'infinity');
SELECT t.use(1, 'm', 1, '2020-01-15 10:00'), t.use(1, 'm', 1, '2020-06-30 23:59:59.999999');
SELECT is((SELECT count(*) FROM billing.usage_refused), 0::bigint, 'the default partition stays empty');
SELECT is((SELECT count(*) FROM billing.usage), 3::bigint, 'both ends of what is kept are taken');
CALL billing.run('2020-07-01');
SELECT t.verify_is_empty();

REASSIGN OWNED BY pgtap_engineer TO CURRENT_USER;
DROP OWNED BY pgtap_engineer;
DROP ROLE pgtap_engineer;
SELECT * FROM finish();
