-- A role without privileges reads nothing and writes nothing, also where it may use the schema.
\ir setup.psql
SELECT billing.install(start => '2020-01-01');
INSERT INTO billing.meter VALUES ('m', 'unit', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('m', 'USD', 'graduated: 1 beyond');
SELECT billing.open_account(name => 'a', account_id => 1, at => '2020-01-01');
SELECT billing.top_up(1, 10, key => 'k');
SELECT t.use(1, 'm', 1, '2020-01-01 00:10');
CALL billing.run('2020-02-01');
SET client_min_messages = error;
DROP ROLE IF EXISTS pgtap_nobody;
SET client_min_messages = warning;
CREATE ROLE pgtap_nobody;
GRANT USAGE ON SCHEMA t TO pgtap_nobody;
CREATE TABLE t.before AS SELECT * FROM t.snapshot();

CREATE FUNCTION t.denied(statement text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	said text;
BEGIN
	SET ROLE pgtap_nobody;
	said := t.error_of(statement);
	RESET ROLE;
	RETURN CASE WHEN said LIKE '42501|%' THEN pass('denied: ' || statement) ELSE fail('denied: ' || statement) || E'\n' || diag(coalesce(said, 'it worked')) END;
END
$$;
CREATE TABLE t.call AS SELECT * FROM unnest(ARRAY[
	$$SELECT billing.install()$$, $$SELECT billing.migrate()$$, $$SELECT billing.open_account('x')$$, $$SELECT billing.set_credit_limit(1, 5)$$,
	$$SELECT billing.top_up(1, 5)$$, $$SELECT billing.top_up(1, 10, key => 'k')$$, $$SELECT billing.pay_out(1, 5)$$, $$SELECT billing.adjust(1, 5, 'x')$$, $$SELECT billing.write_off(1, 5, 'x')$$, $$SELECT billing.set_usage_cap(1, 'm', 5, 'notify', 'day')$$,
	$$SELECT billing.record_usage(1, 'm', 1, event_time => '2020-02-01')$$, $$CALL billing.tick('2020-03-01')$$, $$CALL billing.settle('2020-03-01')$$, $$CALL billing.run('2020-03-01')$$,
	$$SELECT * FROM billing.explain_charge(1, 1)$$, $$SELECT * FROM billing.quote(1, 'm', 1)$$, $$SELECT * FROM billing.verify()$$, $$SELECT * FROM billing.health()$$,
	$$SELECT billing.grant_voucher(1, 5, '2030-01-01')$$, $$SELECT billing.subscribe(1, 'p')$$, $$SELECT billing.renew_subscription(1, 1)$$, $$SELECT billing.change_plan(1, 1, 'q')$$, $$SELECT billing.configure_subscription(1, 1, '{}')$$,
	$$SELECT billing.set_subscription_auto_renew(1, 1, true)$$, $$SELECT billing.cancel_subscription(1, 1)$$, $$SELECT billing.refund_subscription(1, 1)$$,
	$$SELECT billing.purchase_package(1, 'p')$$, $$SELECT billing.set_auto_renew(1, 1, true)$$, $$SELECT billing.bind_resource(1, 1, 'www')$$,
	$$SELECT billing.refund_package(1, 1)$$, $$SELECT billing.change_package(1, 1, 'p')$$, $$SELECT billing.set_low_package(1, 1, 5)$$, $$SELECT * FROM billing.deferred_revenue_at('2030-01-01')$$,
	$$SELECT * FROM billing.quote_plan(1, 'p')$$, $$SELECT billing._start_subscription(1, 1, now())$$,
	$$SELECT billing.add_resource(1, 'www', 'domain')$$, $$SELECT billing.activate_resource(1, 'www')$$, $$SELECT billing.enable_resource(1, 'www')$$, $$SELECT billing.remove_resource(1, 'www')$$,
	$$SELECT billing.set_low_balance(1, 5)$$, $$SELECT billing.close_account(1)$$, $$SELECT billing.override_lifecycle(1, 'account', '1', '2030-01-01', 'x')$$,
	$$SELECT * FROM billing.claim_notices(1)$$, $$SELECT billing.acknowledge_notice(1, 1)$$, $$SELECT * FROM billing.explain_account(1)$$, $$SELECT * FROM billing.upcoming_until('2030-01-01')$$,
	$$SELECT billing._turn_accounts('{1}', now(), now())$$, $$SELECT billing._apply_timers('2030-01-01'::timestamptz)$$,
	$$SELECT billing._advance(500000, true)$$, $$SELECT billing._drain(true)$$,
	$$SELECT billing._post(1, 'cash', 'wallet', 5, 'top_up', 'call', NULL, NULL, NULL, now())$$]) call;
GRANT SELECT ON t.call TO pgtap_nobody;

SELECT t.denied(call) FROM t.call;
GRANT USAGE ON SCHEMA billing TO pgtap_nobody;
SELECT t.denied(call) FROM t.call WHERE call !~ 'billing.install';
SELECT t.denied('SELECT * FROM ' || c.oid::regclass) FROM pg_class c WHERE relnamespace = 'billing'::regnamespace AND relkind IN ('r', 'p', 'v') ORDER BY relname;
SELECT is_empty($$SELECT c.oid::regclass, p FROM pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p
	WHERE relnamespace = 'billing'::regnamespace AND relkind IN ('r', 'p', 'v') AND has_table_privilege('pgtap_nobody', c.oid, p)$$, 'no privilege on any table or view');
SELECT t.same('SELECT * FROM t.snapshot()', 'SELECT * FROM t.before', 'nothing has changed');

-- one who may only insert usage can do that, and no more
GRANT INSERT ON billing.usage TO pgtap_nobody;
SET ROLE pgtap_nobody;
INSERT INTO billing.usage (account_id, meter, event_time, quantity) VALUES (1, 'm', '2020-02-01 00:10', 2);
RESET ROLE;
SELECT t.denied('SELECT * FROM billing.usage');
SELECT t.denied('DELETE FROM billing.usage');
SELECT t.denied($$UPDATE billing.barrier SET cycle = cycle + 1$$);
CALL billing.run('2020-02-02');
SELECT is(t.charged(1), 3::numeric, 'a writer of usage needs no more than INSERT');
SELECT t.verify_is_empty();
DROP OWNED BY pgtap_nobody;
DROP ROLE pgtap_nobody;
SELECT * FROM finish();
