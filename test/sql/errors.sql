-- Errors as a user sees them: the message names the value, DETAIL says what stands against it, HINT what to do.
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
CALL billing.tick('2020-01-01');
SELECT billing.install(start => '2020-01-01');
SELECT billing.install();
INSERT INTO billing.meter VALUES ('traffic', 'byte', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('traffic', 'USD', 'graduated: 1 up to 100');
SELECT billing.open_account(name => 'Acme', account_id => 42, at => '2020-01-01');
SELECT billing.open_account(name => 'Tokyo', account_id => 43, currency => 'JPY', at => '2020-01-01');

-- unknown account, meter, currency
SELECT billing.top_up(7, 1);
SELECT billing.top_up(NULL, 1);
SELECT * FROM billing.quote(42, 'trafic', 1);
SELECT * FROM billing.quote(43, 'traffic', 1, at => '2020-01-01');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('trafic', 'USD', 'graduated: 1 beyond');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('traffic', 'DOLLAR', 'graduated: 1 beyond');
INSERT INTO billing.price (meter, currency, account_id, tariff) VALUES ('traffic', 'USD', 43, 'graduated: 1 beyond');
SELECT billing.open_account(name => 'x', currency => 'DOLLAR');
SELECT billing.open_account(name => 'x', time_zone => 'Tokyo');
SELECT billing.open_account(name => 'x', account_id => 42);
SELECT * FROM billing.explain_charge(42, 4711);

-- amounts and quantities
SELECT billing.top_up(42, 'NaN');
SELECT billing.top_up(42, 'Infinity');
SELECT billing.top_up(42, -1);
SELECT billing.top_up(42, 0);
SELECT billing.top_up(42, 1.005);
SELECT billing.top_up(43, 1.5);
SELECT billing.pay_out(42, 1);
SELECT billing.write_off(42, 1, 'why not');
SELECT billing.adjust(42, 1, '');
SELECT billing.adjust(42, 0, 'nothing');
SELECT billing.record_usage(42, 'traffic', -1);
SELECT billing.record_usage(42, 'traffic', 'NaN');
SELECT billing.set_credit_limit(42, -1);

-- a malformed tariff, with the position in the text
INSERT INTO billing.price (meter, currency, valid_from, tariff) VALUES ('traffic', 'USD', '2020-02-01', 'graduated: 1 up to 10, 2 up 20, 1 beyond');
INSERT INTO billing.price (meter, currency, valid_from, tariff) VALUES ('traffic', 'USD', '2020-02-01', 'graduated: 1 up to 10, 2 up to 5, 1 beyond');
INSERT INTO billing.price (meter, currency, valid_from, tariff) VALUES ('traffic', 'USD', '2020-02-01', 'graduated:');
SELECT billing.rate('graduated: 1 up to 100', 101);

-- keys
SELECT billing.top_up(42, 1, key => 'bank-1') IS NOT NULL AS ok;
SELECT billing.top_up(42, 2, key => 'bank-1');
SELECT billing.adjust(42, 1, 'x', key => 'bank-1');

-- what has rated is immutable
SELECT billing.record_usage(42, 'traffic', 1, 'one', '2020-01-01 00:30');
CALL billing.run('2020-01-01 01:00');
UPDATE billing.price SET tariff = 'graduated: 2 beyond';
DELETE FROM billing.price;
UPDATE billing.meter SET aggregation = 'max';
UPDATE billing.currency SET decimals = 4 WHERE currency = 'USD';

-- usage out of range, in each way to write it
SELECT billing.record_usage(42, 'traffic', 1, 'x', '2019-12-31 23:59:59');
SELECT billing.record_usage(42, 'traffic', 1, 'x', '2021-01-01');
INSERT INTO billing.usage (account_id, meter, event_time, event_key, quantity) VALUES (42, 'traffic', '2019-12-31', 'x', 1);
\set VERBOSITY terse
COPY billing.usage (account_id, meter, event_time, event_key, quantity) FROM STDIN;
42	traffic	2019-12-31 23:59:59	x	1
\.
COPY billing.usage (account_id, meter, event_time, event_key, quantity) FROM STDIN;
42	traffic	2021-01-01 00:00:00	x	1
\.
COPY billing.usage (account_id, meter, event_time, event_key, quantity) FROM STDIN;
42	traffic	2020-01-01 00:00:00	x	NaN
\.
COPY billing.usage (account_id, meter, event_time, event_key, quantity) FROM STDIN;
42	traffic	2020-01-01 00:30:00	one	1
\.
\set VERBOSITY default

-- the clock
CALL billing.run('2020-01-01 00:30');
CALL billing.run('infinity');
CALL billing.tick(NULL);
BEGIN ISOLATION LEVEL REPEATABLE READ;
CALL billing.tick('2020-02-01');
ROLLBACK;

-- pg_cron lives in another database of this server, or is not there
DO $$
BEGIN
	PERFORM billing.schedule();
EXCEPTION WHEN SQLSTATE 'UB009' THEN
	RAISE NOTICE '% says what to do', SQLSTATE;
END
$$;
\set VERBOSITY terse
DROP EXTENSION billing;
\set VERBOSITY default

-- nothing of all that was kept
SELECT count(*) AS accounts FROM billing.accounts;
SELECT count(*) AS usage FROM billing.usage;
SELECT count(*) AS prices FROM billing.price;
SELECT account_id, kind, amount FROM billing.ledger ORDER BY transfer_id;
SELECT * FROM billing.verify();
