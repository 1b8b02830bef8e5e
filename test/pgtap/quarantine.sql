-- One account that fails is set aside; the others go on; it catches up when its cause is gone.
\ir setup.psql
SELECT billing.install(start => '2020-01-01');
INSERT INTO billing.meter VALUES ('m', 'unit', 'sum'), ('free', 'unit', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('m', 'USD', 'graduated: 1 up to 100'), ('free', 'USD', 'graduated: 0.5 beyond');
SELECT billing.open_account(name => 'a', account_id => n, at => '2020-01-01') FROM generate_series(1, 40) n;
-- account 7 goes beyond the hard end of the tariff in the second hour, 23 at once
SELECT t.use(n, 'm', CASE n WHEN 23 THEN 101 ELSE 100 END, '2020-01-01 00:10'), t.use(n, 'free', 1, '2020-01-01 00:20') FROM generate_series(1, 40) n;
SELECT t.use(n, 'm', CASE n WHEN 7 THEN 0.001 ELSE 0 END, '2020-01-01 01:10'), t.use(n, 'free', 1, '2020-01-01 01:20') FROM generate_series(1, 40) n;
CALL billing.run('2020-01-01 01:00');
SELECT t.same('SELECT account_id, error LIKE ''%101%'', error_code FROM billing.quarantine', $$VALUES (23, true, 'UBT01')$$, 'the account beyond the hard last tier is in quarantine, with the error');
SELECT is((SELECT count(*) FROM billing.accounts WHERE balance = -100.5), 39::bigint, 'all others are settled');
SELECT is(t.balance(23), 0::numeric, 'nothing of that account is, not even its other meter');
CALL billing.run('2020-01-01 02:00');
SELECT t.same('SELECT account_id FROM billing.quarantine ORDER BY 1', 'VALUES (7), (23)', 'a second one in the next hour');
SELECT is(t.balance(7), -100.5, 'its first hour is settled, its second is not');
SELECT is((SELECT count(*) FROM billing.accounts WHERE balance = -101), 38::bigint, 'the others go on');
SELECT t.same($$SELECT ok, value, detail LIKE '%account 7 %' AND detail LIKE '%account 23 %' FROM billing.health('2020-01-01 02:00') WHERE topic = 'quarantine'$$,
	$$VALUES (false, '2 accounts', true)$$, 'health() shows them with the error');
SELECT t.verify_is_empty();

-- while it is there
SELECT lives_ok('SELECT billing.top_up(23, 1000)', 'money comes in all the same');
SELECT t.use(23, 'free', 1, '2020-01-01 02:10'), t.use(1, 'free', 1, '2020-01-01 02:10');
CALL billing.run('2020-02-03');
SELECT is(t.balance(23), 1000::numeric, 'its usage waits');
SELECT is((SELECT count(*) FROM billing.invoices WHERE number IS NOT NULL), 38::bigint, 'the others have their invoices');
SELECT is((SELECT count(*) FROM billing.invoices WHERE account_id IN (7, 23)), 0::bigint, 'these two have none');
SELECT t.verify_is_empty();

-- a price of its own releases it
INSERT INTO billing.price (meter, currency, account_id, tariff) VALUES ('m', 'USD', 23, 'graduated: 1 up to 100, 0.5 beyond');
CALL billing.run('2020-02-03 01:00');
SELECT t.same('SELECT account_id FROM billing.quarantine', 'VALUES (7)', 'the one whose price was mended is out');
SELECT is(t.charged(23), 102::numeric, 'all its hours are settled: 100.50 and 1.50');
SELECT is(t.balance(23), 898::numeric, 'and paid from its money');
CALL billing.run('2020-02-03 02:00');
SELECT t.same('SELECT period_start, total, state FROM billing.invoices WHERE account_id = 23', $$VALUES ('2020-01-01 00:00+00'::timestamptz, 102, 'paid')$$, 'its January invoice is made up for');
SELECT is((SELECT max(number) FROM billing.invoices), 39::bigint, 'with the next number');
SELECT t.verify_is_empty();

-- a price for everyone as well
INSERT INTO billing.price (meter, currency, valid_from, tariff) VALUES ('m', 'USD', '2020-01-01 01:00', 'graduated: 2 up to 1000');
CALL billing.run('2020-02-03 03:00');
SELECT is_empty('SELECT * FROM billing.quarantine', 'nobody is left');
SELECT is(t.charged(7), 101.00, 'the second hour has the new price (0.002), the first keeps its own');
SELECT is((SELECT ok FROM billing.health('2020-02-03 03:00') WHERE topic = 'quarantine'), true, 'health() is well again');
CALL billing.run('2020-03-02');
SELECT is((SELECT sum(total) FROM billing.invoices WHERE account_id = 7), 101.00, 'and its invoices say so');
SELECT t.same('SELECT count(*), max(number) FROM billing.invoices', 'VALUES (40, 40)', 'numbers without a gap');

-- in one of many accounts an hour, and late: only that one
SELECT t.use(n, 'm', CASE n WHEN 40 THEN 5000 ELSE 1 END, '2020-03-01 10:00') FROM generate_series(1, 40) n;
CALL billing.run('2020-03-02 01:00');
SELECT t.same('SELECT account_id FROM billing.quarantine', 'VALUES (40)', 'the last of forty');
SELECT is((SELECT count(*) FROM billing.charges WHERE meter = 'm' AND period_start = '2020-03-01'), 39::bigint, 'the other 39 are settled');
SELECT t.verify_is_empty();
SELECT * FROM finish();
