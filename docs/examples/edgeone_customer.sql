-- An EdgeOne customer on the test clock: what the plan includes, an extra package that runs out and renews itself, and
-- again, until the money does not do: then the flag goes off, and the price list takes over.  Needs an empty database:
--
--   createdb edgeone && psql -d edgeone -f docs/examples/edgeone_customer.sql
\set ON_ERROR_STOP on
\set QUIET on
\pset footer off
\pset format wrapped
\pset columns 150
SET TimeZone = 'UTC';
CREATE EXTENSION billing;
SELECT billing.install(start => '2026-01-01') \g /dev/null
\ir edgeone.sql

\echo '==== 1 January 2026, 10:00: 75 USD, plan "basic" for 57, and an extra package of 100 GB with automatic renewal for 6 less 5 %'
SELECT billing.open_account(name => 'Aurora Video', account_id => 1001, at => '2026-01-01 10:00') \g /dev/null
SELECT billing.top_up(1001, 75, at => '2026-01-01 10:00') \g /dev/null
SELECT billing.subscribe(1001, 'basic', at => '2026-01-01 10:00') \g /dev/null
SELECT billing.purchase_package(1001, 'traffic-100GB', auto_renew => true, at => '2026-01-01 10:00') \g /dev/null
SELECT at, kind, product, list_price, discount, money FROM billing.orders ORDER BY order_id;
SELECT balance FROM billing.accounts;
SELECT plan, meter, trim_scale(size / 1e9) AS gb, valid_from, last_second FROM billing.allowances WHERE meter = 'edge_traffic';

\echo '==== 2 January: 450 GB are in the plan; of 120 GB the plan has 50 left, the package gives 70'
SELECT billing.record_usage(1001, 'edge_traffic', 450e9, 'a', '2026-01-02 08:15', 'EU'), billing.record_usage(1001, 'edge_traffic', 120e9, 'b', '2026-01-02 09:20', 'EU') \g /dev/null
CALL billing.run('2026-01-02 10:00');
SELECT cycle_start, source, source_id, trim_scale(quantity / 1e9) AS gb, amount FROM billing.charges WHERE meter = 'edge_traffic' ORDER BY charge_id;

\echo '==== 10:30: 80 GB, the package has 30: it renews itself at that event, for 5.70; 11:30: 60 GB, and it does so again'
SELECT billing.record_usage(1001, 'edge_traffic', 80e9, 'c', '2026-01-02 10:30', 'EU'), billing.record_usage(1001, 'edge_traffic', 60e9, 'd', '2026-01-02 11:30', 'EU') \g /dev/null
CALL billing.run('2026-01-02 12:00');
SELECT package_id, trim_scale(size / 1e9) AS gb, trim_scale(used / 1e9) AS used, valid_from, last_second, state, auto_renew, price_paid FROM billing.packages ORDER BY package_id;
SELECT balance FROM billing.accounts;

\echo '==== What is coming: the next renewal of the package would lack money, and it will be tried as soon as it is used up'
SELECT what, subject, subject_id AS id, due_at, detail FROM billing.upcoming_until('2027-02-01');

\echo '==== 12:30: 100 GB; the package has 90, 0.90 USD do not pay another one: the flag goes off, 10 GB cost 0.0756 each; 13:30: 50 GB more'
SELECT billing.record_usage(1001, 'edge_traffic', 100e9, 'e', '2026-01-02 12:30', 'EU'), billing.record_usage(1001, 'edge_traffic', 50e9, 'f', '2026-01-02 13:30', 'EU') \g /dev/null
CALL billing.run('2026-01-02 14:30');
SELECT cycle_start, source, source_id, trim_scale(quantity / 1e9) AS gb, trim_scale(exact_amount) AS exact_amount, amount FROM billing.charges
WHERE meter = 'edge_traffic' AND cycle_start >= '2026-01-02 12:00' ORDER BY source_id, charge_id;
SELECT package_id, trim_scale(used / 1e9) AS used, state, auto_renew FROM billing.packages ORDER BY package_id;
SELECT at, kind, text FROM billing.notices ORDER BY notice_id;

\echo '==== The 0.76 USD explained'
SELECT step, what, quantity, price, amount, detail FROM billing.explain_charge(1001, (SELECT charge_id FROM billing.charges WHERE amount = 0.76));

\echo '==== The end: 75 less 57, three packages at 5.70, and 60 GB at 0.0756'
SELECT balance, 75 - 57 - 3 * 5.70 - round(60 * 0.0756, 2) AS "should be", state, next_step, next_at FROM billing.accounts;
SELECT count(*) AS "what verify() finds wrong" FROM billing.verify();
