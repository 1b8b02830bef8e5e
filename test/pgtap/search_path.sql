-- Everything works with an empty search_path, and with a hostile one: a schema in front that holds functions,
-- aggregates, operators, types and tables named like those of pg_catalog and of billing, each a trap.
\ir setup.psql
CREATE SCHEMA evil;
DO $do$
DECLARE
	f record;
BEGIN
	-- a function that raises for each function and aggregate of pg_catalog whose arguments one can name
	FOR f IN SELECT proname, array_to_string(ARRAY(SELECT format_type(a, NULL) FROM unnest(proargtypes) a), ', ') AS args
		FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind IN ('f', 'a', 'w') AND provariadic = 0
			AND NOT EXISTS (SELECT FROM unnest(proargtypes) a JOIN pg_type t ON t.oid = a WHERE typtype = 'p' AND typname NOT IN ('any', 'anyelement', 'anyarray', 'record'))
			AND proname !~ '^(pg_|ri_|RI_|has_|binary_upgrade|ts_|tsq|gin|gist|spg|brin|inet|cidr|mac|bit|path|poly|point|box|circle|line|lseg|xml|lo)'
	LOOP
		BEGIN
			EXECUTE format('CREATE FUNCTION evil.%I(%s) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION ''trap: %%'', %L; END$$', f.proname, replace(f.args, '"any"', 'anyelement'), f.proname);
		EXCEPTION WHEN OTHERS THEN NULL;
		END;
	END LOOP;
	FOR f IN SELECT o.oprname, format_type(oprleft, NULL) AS l, format_type(oprright, NULL) AS r FROM pg_operator o
		WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprleft <> 0 AND format_type(oprleft, NULL) ~ '^(numeric|integer|bigint|smallint|text|timestamp|interval|boolean|jsonb|anyarray|anyelement|name|oid|date|"char"|record|xid)'
	LOOP
		BEGIN
			EXECUTE format('CREATE FUNCTION evil.trap(%s, %s) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION ''trap: operator''; END$$', f.l, f.r);
		EXCEPTION WHEN OTHERS THEN NULL;
		END;
		BEGIN
			EXECUTE format('CREATE OPERATOR evil.%s (FUNCTION = evil.trap, LEFTARG = %s, RIGHTARG = %s)', f.oprname, f.l, f.r);
		EXCEPTION WHEN OTHERS THEN NULL;
		END;
	END LOOP;
END
$do$;
CREATE DOMAIN evil.amount AS text;
CREATE DOMAIN evil.numeric AS text;
CREATE DOMAIN evil.timestamptz AS text;
CREATE DOMAIN evil.tariff AS text;
SELECT cmp_ok((SELECT count(*) FROM pg_proc WHERE pronamespace = 'evil'::regnamespace), '>', 800::bigint, 'many traps');
SELECT cmp_ok((SELECT count(*) FROM pg_operator WHERE oprnamespace = 'evil'::regnamespace), '>', 150::bigint, 'of operators as well');
CREATE FUNCTION t.trapped(statement text) RETURNS boolean LANGUAGE plpgsql SET search_path = evil, pg_catalog AS
$$ BEGIN EXECUTE statement; RETURN false; EXCEPTION WHEN raise_exception THEN RETURN true; END $$;
SELECT ok(t.trapped(s), 'a trap: ' || s) FROM unnest(ARRAY['SELECT round(1.5, 0)', 'SELECT 1 = 1', 'SELECT now()', 'SELECT sum(1.0)', 'SELECT date_trunc(''hour'', pg_catalog.now())']) s;

-- One life of an installation, made with a search_path, told as its books.
CREATE PROCEDURE t.forget() LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL client_min_messages = error;
	DROP EXTENSION IF EXISTS billing CASCADE;
	DROP SCHEMA IF EXISTS billing CASCADE;
END
$$;
\set books '(SELECT pg_catalog.jsonb_agg(x ORDER BY x) FROM (SELECT to_jsonb(v) - ''event_key'' FROM (SELECT account_id, meter, region, resource, period_start, quantity, exact_amount, amount, reason FROM billing.charge) v UNION ALL SELECT to_jsonb(v) FROM (SELECT account_id, debit, credit, amount, balance_after, at, kind, key FROM billing.transfer) v UNION ALL SELECT to_jsonb(v) FROM (SELECT account_id, number, period_start, total, state, due_at FROM billing.invoices) v UNION ALL SELECT to_jsonb(v) FROM (SELECT account_id, meter, quantity, reason FROM billing.unrated_usage) v UNION ALL SELECT to_jsonb(v) FROM (SELECT account_id, balance, state, unbilled FROM billing.accounts) v UNION ALL SELECT to_jsonb(v) FROM (SELECT account_id, subject, subject_id, action, due_at, at, reason FROM billing.lifecycle_steps) v UNION ALL SELECT to_jsonb(v) FROM (SELECT account_id, kind, cause, facts, text FROM billing.notices) v UNION ALL SELECT to_jsonb(v) FROM (SELECT account_id, resource, state, since FROM billing.resources) v UNION ALL SELECT to_jsonb(v) FROM (SELECT account_id, package_id, offer, used, valid_from, valid_until, state, auto_renew, price_paid, resources, renews, not_deducting FROM billing.packages) v UNION ALL SELECT to_jsonb(v) FROM (SELECT account_id, kind, product, list_price, discount, voucher_amount, money, at FROM billing.orders) v) y(x))'

CALL t.forget();
\ir life.psql
SELECT :books AS normal \gset
SELECT t.verify_is_empty();
CALL t.forget();
SET search_path = '';
\ir life.psql
SELECT billing.health(), billing.quote(1, 'm', 1) \g /dev/null
RESET search_path;
SELECT is(:books, :'normal'::jsonb, 'with an empty search_path the books are the same');
SELECT t.verify_is_empty();
CALL t.forget();
SET search_path = evil, pg_catalog, public, billing;
\ir life.psql
SELECT * FROM billing.verify() \g /dev/null
SELECT * FROM billing.health() \g /dev/null
SELECT * FROM billing.quote(1, 'm', 1) \g /dev/null
SELECT * FROM billing.invoices \g /dev/null
SELECT * FROM billing.unrated_usage \g /dev/null
SELECT * FROM billing.usage_by_day \g /dev/null
SELECT * FROM billing.usage_by_period \g /dev/null
SELECT * FROM billing.packages \g /dev/null
SELECT * FROM billing.allowances \g /dev/null
SELECT * FROM billing.orders \g /dev/null
SELECT * FROM billing.trial_balance \g /dev/null
RESET search_path;
SELECT is(:books, :'normal'::jsonb, 'with a hostile search_path they are the same');
SELECT cmp_ok(jsonb_array_length(:'normal'::jsonb), '>', 20, 'and they are not empty');
SELECT t.verify_is_empty();
SELECT * FROM finish();
