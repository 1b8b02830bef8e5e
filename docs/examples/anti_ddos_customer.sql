-- A customer who is attacked, on the test clock: protection that is bought in advance, a day of attacks above it, forwarded
-- traffic, a late report, a larger base.  The products are those of docs/examples/anti_ddos.sql.  Needs an empty database:
--
--   createdb defense && psql -d defense -f docs/examples/anti_ddos_customer.sql
\set ON_ERROR_STOP on
\set QUIET on
\pset footer off
\pset format wrapped
\pset columns 150
SET TimeZone = 'Asia/Shanghai';
CREATE EXTENSION billing;
SELECT billing.install(start => '2021-03-01') \g /dev/null
\ir anti_ddos.sql

\echo '==== 1 March 2021, 10:00: six months of 20 Gbps on Telecom lines, and elastic protection up to 100 Gbps: a quote, and the order'
SELECT billing.open_account(name => 'Ember Games', account_id => 5001, currency => 'CNY', time_zone => 'Asia/Shanghai', policy => 'elastic_arrears', at => '2021-03-01 09:00') \g /dev/null
SELECT billing.top_up(5001, 150000, at => '2021-03-01 09:00'), billing.add_resource(5001, 'ip-1', 'protection', at => '2021-03-01 10:00') \g /dev/null
SELECT line, quantity_charged, price, amount FROM billing.quote_plan(5001, 'defense-ip', region => 'mainland', terms => 6, options => '{"base": 20, "elastic": 100, "network": "telecom", "by": "traffic"}', at => '2021-03-01 10:00');
SELECT billing.subscribe(5001, 'defense-ip', 'ip-1', region => 'mainland', terms => 6, options => '{"base": 20, "elastic": 100, "network": "telecom", "by": "traffic"}', at => '2021-03-01 10:00') AS id \gset
SELECT billing.activate_resource(5001, 'ip-1', at => '2021-03-01 10:07') \g /dev/null
SELECT plan, resource, state, term_start, paid_until FROM billing.subscriptions;

\echo '==== 5 March: attacks of 15, 45 and 32 Gbps, and 500 GB of business traffic over two lines; the day is still running'
SELECT billing.record_usage(5001, 'attack', gbps, at, at::timestamptz, 'mainland', 'ip-1') FROM (VALUES (15, '2021-03-05 03:10'), (45, '2021-03-05 14:20'), (32, '2021-03-05 14:55')) a(gbps, at) \g /dev/null
SELECT billing.record_usage(5001, 'forward_traffic', gb, line, '2021-03-05 12:00', 'mainland', 'ip-1', jsonb_build_object('line', line)) FROM (VALUES ('bgp', 200), ('telecom', 300)) f(line, gb) \g /dev/null
CALL billing.run('2021-03-05 16:00');
SELECT meter, trim_scale(quantity) AS quantity, unit, exact_amount, posted_amount, closes_at FROM billing.usage_by_period WHERE exact_amount <> 0 ORDER BY meter, exact_amount;

\echo '==== 6 March, 00:00: the day has closed. One charge, for 45 - 20 = 25 Gbps; each line of traffic has its own rate'
CALL billing.run('2021-03-06 01:00');
SELECT period_start, meter, sum(amount) AS charged FROM billing.charges WHERE meter IS NOT NULL GROUP BY 1, 2, source_id HAVING sum(amount) <> 0 ORDER BY 2, 3;

\echo '==== 6 March, 09:00: a peak of 75 Gbps of the day before is reported: the difference is posted, for its own day'
SELECT billing.record_usage(5001, 'attack', 75, 'late', '2021-03-05 14:21', 'mainland', 'ip-1') \g /dev/null
CALL billing.run('2021-03-06 10:00');
SELECT period_start, meter, amount FROM billing.charges WHERE amount <> 0 AND meter = 'attack' ORDER BY charge_id;
SELECT what, quantity, amount, detail FROM billing.explain_charge(5001, (SELECT max(charge_id) FROM billing.charges WHERE meter = 'attack' AND amount <> 0)) WHERE what IN ('base', 'posted') OR what ^@ 'tier';

\echo '==== 7 March, 11:00: the base is raised to 30 Gbps: 8000 a month more, for the days that are left / (365/12), the end stays'
SELECT billing.configure_subscription(5001, :id, '{"base": 30}', at => '2021-03-07 11:00') \g /dev/null
SELECT at, kind, product, list_price, discount, money FROM billing.orders ORDER BY order_id;
SELECT valid_from, options FROM billing.subscription_options ORDER BY valid_from;

\echo '==== 8 March: the same attack once more; of 45 Gbps 15 are above the new base'
SELECT billing.record_usage(5001, 'attack', 45, 'again', '2021-03-08 14:20', 'mainland', 'ip-1') \g /dev/null
CALL billing.run('2021-03-09 01:00');
SELECT period_start, sum(amount) AS amount FROM billing.charges WHERE meter = 'attack' GROUP BY 1 HAVING sum(amount) <> 0 ORDER BY 1;
SELECT balance, state FROM billing.accounts;
SELECT count(*) AS "what verify() finds wrong" FROM billing.verify();
