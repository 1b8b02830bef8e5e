-- Settling one cycle, beside the least that any program would have to do for the same result: one GROUP BY over the
-- rows, bare INSERTs of as many charges, transfers and positions, and an UPDATE of as many balances.
\set QUIET on
SET synchronous_commit = off;
SELECT date_trunc('hour', now()) - interval '1 hour' AS hour \gset
SELECT billing.install(start => :'hour');
INSERT INTO billing.meter (meter, unit, aggregation) VALUES ('traffic', 'byte', 'sum'), ('requests', 'request', 'count');
INSERT INTO billing.price (meter, currency, tariff) VALUES
	('traffic', 'USD', 'graduated per GB: 0.0756 up to 2 GB, 0.0634 up to 10 GB, 0.0560 up to 50 GB, 0.0486 up to 100 GB, 0.0412 beyond'),
	('requests', 'USD', 'graduated per 1000: 0.02 up to 2, 0.01 up to 1000, 0.005 beyond');

-- As open_account() would, but in two statements: opening is not what is timed here.
INSERT INTO billing.account (account_id, name, currency, time_zone, policy, opened_at)
SELECT n, 'account ' || n, 'USD', 'UTC', 'account', :'hour' FROM generate_series(1, :accounts) n;
-- With a credit limit: that all become overdue in one hour is what timers.sql is for.
INSERT INTO billing.account_state (account_id, credit_limit, invoice_period, next_invoice_at)
SELECT n, 1000000, p.period_start, p.period_end
FROM billing.period_of('month', :'hour', 'UTC') p CROSS JOIN generate_series(1, :accounts) n;

INSERT INTO billing.usage (account_id, meter, region, resource, event_time, event_key, quantity)
SELECT 1 + n / 2 % :accounts, CASE n % 2 WHEN 0 THEN 'traffic' ELSE 'requests' END, 'EU', 'www',
	:'hour'::timestamptz + n % 3600 * interval '1 second', 'event-' || n, n::bigint * 7919 % 1000000007
FROM generate_series(1, :usage) n;
CREATE TABLE bare_usage AS SELECT * FROM billing.usage;
CREATE TABLE bare_balance (account_id bigint PRIMARY KEY, balance numeric NOT NULL) WITH (fillfactor = 70);
INSERT INTO bare_balance SELECT n, 0 FROM generate_series(1, :accounts) n;
VACUUM ANALYZE;

SELECT clock_timestamp() AS begun \gset
CALL billing.settle(through => :'hour'::timestamptz + interval '1 hour');
SELECT extract(epoch FROM clock_timestamp() - :'begun') * 1000 AS ours \gset

-- as many rows as ours has written, with the same columns and the same primary keys
CREATE TABLE bare_charge (LIKE billing.charge INCLUDING IDENTITY INCLUDING DEFAULTS, PRIMARY KEY (account_id, charge_id));
CREATE TABLE bare_transfer (LIKE billing.transfer INCLUDING IDENTITY INCLUDING DEFAULTS, PRIMARY KEY (account_id, transfer_id));
CREATE TABLE bare_position (LIKE billing.position INCLUDING DEFAULTS, PRIMARY KEY (account_id, line_id, period_start, resource, price_id));
SELECT (SELECT count(*) FROM billing.charge) AS charges, (SELECT count(*) FROM billing.transfer) AS transfers,
	(SELECT count(*) FROM billing.position) AS positions,
	(SELECT count(*) FROM billing.account_state WHERE balance <> 0) AS balances \gset
CHECKPOINT;

SELECT clock_timestamp() AS begun \gset
BEGIN;
CREATE TEMP TABLE grouped ON COMMIT DROP AS
SELECT account_id, meter, region, resource, sum(quantity) AS quantity, count(*) AS events,
	min(event_time) AS first_at, max(event_time) AS last_at
FROM bare_usage GROUP BY account_id, meter, region, resource;
INSERT INTO bare_charge (account_id, cycle, period_start, meter, region, resource, source, source_id, quantity, exact_amount, amount, invoice_period)
SELECT account_id, 0, first_at, meter, region, resource, 'tariff', 1, quantity, quantity, 1, first_at FROM grouped LIMIT :charges;
INSERT INTO bare_transfer (account_id, at, debit, credit, amount, balance_after, kind, source, source_id)
SELECT account_id, last_at, 'wallet', 'revenue', 1, quantity, 'usage', 'charge', events FROM grouped LIMIT :transfers;
INSERT INTO bare_position (account_id, line_id, period_start, resource, price_id, period_end, quantity, exact_amount, posted_amount)
SELECT account_id, CASE meter WHEN 'traffic' THEN 1 ELSE 2 END, date_trunc('month', first_at), '', 1, last_at, quantity, quantity, 1
FROM grouped LIMIT :positions;
UPDATE bare_balance SET balance = balance - 1 WHERE account_id <= :balances;
COMMIT;
SELECT extract(epoch FROM clock_timestamp() - :'begun') * 1000 AS floor \gset

SELECT format('%s charges, %s transfers, %s positions, %s balances', :charges, :transfers, :positions, :balances);
SELECT format('BENCH|settle %s usage rows of %s accounts|%s|%s|%s|<= 2', to_char(:usage, 'FM999,999,999'),
	to_char(:accounts, 'FM999,999,999'), round(:floor), round(:ours), round(:ours / :floor, 2));
SELECT format('BROKEN: %s', v) FROM billing.verify() v;
