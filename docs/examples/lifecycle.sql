-- Two customers who do not pay in time, on the test clock.  The policy is the one that accounts have by default: told at
-- once, suspended after 24 hours, released 60 days later.  One pays after a day and a half and is back; the other never
-- does.  Needs an empty database:
--
--   createdb lifecycle && psql -d lifecycle -f docs/examples/lifecycle.sql
\set ON_ERROR_STOP on
\set QUIET on
\pset footer off
\pset format wrapped
\pset columns 150
SET TimeZone = 'UTC';
CREATE EXTENSION billing;
SELECT billing.install(start => '2026-01-01') \g /dev/null
INSERT INTO billing.meter (meter, unit, aggregation) VALUES ('traffic', 'GB', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('traffic', 'USD', 'graduated: 0.10 beyond');
SELECT policy, rule FROM billing.lifecycle WHERE policy = 'account';

\echo '==== 5 January 2026: two customers with 10 USD each, who want to be warned below 5'
SELECT billing.open_account(name => name, account_id => id, at => '2026-01-05') FROM (VALUES ('Birch News', 3001), ('Delta Maps', 3002)) c(name, id) \g /dev/null
SELECT billing.top_up(id, 10, at => '2026-01-05'), billing.set_low_balance(id, 5, at => '2026-01-05'), billing.add_resource(id, 'www', 'domain', at => '2026-01-05'),
	billing.activate_resource(id, 'www', at => '2026-01-05') FROM (VALUES (3001), (3002)) c(id) \g /dev/null

\echo '==== They use 60 GB at 10:30, and 80 GB at 14:30'
SELECT billing.record_usage(id, 'traffic', gb, at, at::timestamptz, resource => 'www')
FROM (VALUES (3001), (3002)) c(id), (VALUES (60, '2026-01-05 10:30'), (80, '2026-01-05 14:30')) u(gb, at) \g /dev/null
CALL billing.run('2026-01-05 12:00');
SELECT account_id, balance, state FROM billing.accounts ORDER BY 1;
CALL billing.run('2026-01-05 16:00');
SELECT account_id, balance, state, overdue_since, next_step, next_at FROM billing.accounts ORDER BY 1;
SELECT topic, value, detail FROM billing.explain_account(3001, at => '2026-01-05 16:00');
\echo '==== What is coming'
SELECT account_id, what, due_at, detail FROM billing.upcoming_until('2026-02-01');

\echo '==== 6 January, 15:00: 24 hours are over'
CALL billing.run('2026-01-07 09:00');
SELECT account_id, balance, state, state_since, next_step, next_at FROM billing.accounts ORDER BY 1;

\echo '==== 7 January, 09:00: the first pays and is active at once; its domain stays off until it is enabled'
SELECT billing.top_up(3001, 20, at => '2026-01-07 09:00') \g /dev/null
SELECT a.account_id, a.balance, a.state, a.state_since, r.resource, r.state AS resource_state FROM billing.accounts a JOIN billing.resources r USING (account_id) ORDER BY 1;
SELECT billing.enable_resource(3001, 'www', at => '2026-01-07 09:05') \g /dev/null

\echo '==== 8 March: the second has not paid'
CALL billing.run('2026-03-08');
SELECT a.account_id, a.balance, a.state, a.state_since, r.resource, r.state AS resource_state, r.since FROM billing.accounts a JOIN billing.resources r USING (account_id) ORDER BY 1;
\echo '==== What was done'
SELECT account_id, subject, action, due_at, at FROM billing.lifecycle_steps WHERE at > '2026-01-05' ORDER BY account_id, at, step_id;
\echo '==== What they were told'
SELECT account_id, at, kind, text FROM billing.notices ORDER BY account_id, at, notice_id;
SELECT count(*) AS "what verify() finds wrong" FROM billing.verify();
