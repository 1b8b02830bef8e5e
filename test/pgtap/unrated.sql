-- Usage that the catalogue does not know is kept, shown, and rated once it does.
\ir setup.psql
SELECT billing.install(start => '2020-01-01');
INSERT INTO billing.meter VALUES ('m', 'unit', 'sum'), ('late', 'unit', 'sum'), ('eu', 'unit', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('m', 'USD', 'graduated: 10 up to 1, 1 beyond');
INSERT INTO billing.price (meter, region, currency, tariff) VALUES ('eu', 'EU', 'USD', 'graduated: 1 beyond');
SELECT billing.open_account(name => 'a', account_id => 1, at => '2020-01-01');
SELECT billing.open_account(name => 'e', account_id => 2, currency => 'EUR', at => '2020-01-01');
SELECT t.use(1, 'm', 1, '2020-01-01 00:10'), t.use(1, 'nosuch', 3, '2020-01-01 00:10'), t.use(1, 'late', 1, '2020-01-01 00:10'),
	t.use(9, 'm', 5, '2020-01-01 00:10'), t.use(2, 'm', 1, '2020-01-01 00:10'), t.use(1, 'eu', 1, '2020-01-01 00:10', '', 'US'),
	t.use(1, 'eu', 1, '2020-01-01 00:10', '', 'EU');
SELECT is_empty('SELECT * FROM billing.unrated_usage', 'nothing is unrated before its cycle is settled');
CALL billing.run('2020-01-01 01:00');
SELECT t.same('SELECT account_id, meter, region, quantity, event_time, reason FROM billing.unrated_usage ORDER BY 1, 2',
	$$VALUES (1, 'eu', 'US', 1, '2020-01-01 00:10+00'::timestamptz, 'no price in USD'), (1, 'late', '', 1, '2020-01-01 00:10+00', 'no price in USD'),
		(1, 'nosuch', '', 3, '2020-01-01 00:10+00', 'unknown meter'), (2, 'm', '', 1, '2020-01-01 00:10+00', 'no price in EUR'),
		(9, 'm', '', 5, '2020-01-01 00:10+00', 'unknown account')$$, 'what could not be rated is shown with its reason');
SELECT is((SELECT value FROM billing.health('2020-01-01 01:00') WHERE topic = 'unrated usage' AND NOT ok), '5 rows', 'health() shows it');
SELECT is(t.charged(1), 11::numeric, 'the rest is billed');
SELECT t.verify_is_empty();

SELECT billing.open_account(name => 'new', account_id => 9, at => '2020-01-01');
SELECT is((SELECT reason FROM billing.unrated_usage WHERE account_id = 9), 'will be rated with the next cycle', 'the account is there now');
CALL billing.run('2020-01-01 02:00');
SELECT is(t.charged(9), 14::numeric, 'an account that is opened later pays for its usage');
CALL billing.tick('2020-01-01 02:00');
SELECT is(t.charged(9), 14::numeric, 'once');

INSERT INTO billing.meter VALUES ('nosuch', 'unit', 'sum');
CALL billing.run('2020-01-01 03:00');
SELECT is((SELECT reason FROM billing.unrated_usage WHERE meter = 'nosuch'), 'no price in USD', 'a meter that is known still needs a price');
INSERT INTO billing.price (meter, currency, valid_from, tariff) VALUES ('nosuch', 'USD', '2020-01-01 00:10:00.000001', 'graduated: 1 beyond');
CALL billing.run('2020-01-01 04:00');
SELECT is(t.charged(1, 'nosuch'), 0::numeric, 'a price that begins after the event does not rate it');
INSERT INTO billing.price (meter, currency, valid_from, tariff) VALUES ('nosuch', 'USD', '2020-01-01 00:10', 'graduated: 2 beyond');
CALL billing.run('2020-01-01 05:00');
SELECT is(t.charged(1, 'nosuch'), 6::numeric, 'one that begins with it does');
INSERT INTO billing.price (meter, currency, account_id, tariff) VALUES ('eu', 'USD', 1, 'graduated: 7 beyond');
CALL billing.run('2020-01-01 06:00');
SELECT is(t.charged(1, 'eu'), 8::numeric, 'an account''s own price rates what waited, not what was rated');

-- weeks later, when the month is invoiced
CALL billing.run('2020-02-01');
SELECT is((SELECT total FROM billing.invoices WHERE account_id = 1), 24::numeric, 'January has what was rated then');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('late', 'USD', 'graduated: 3 beyond');
CALL billing.run('2020-02-01 01:00');
SELECT is(t.charged(1, 'late'), 3::numeric, 'a price that comes a month later rates it');
CALL billing.run('2020-03-01');
SELECT t.same($$SELECT meter, period_start, amount, late FROM billing.invoice_lines WHERE account_id = 1 AND number = (SELECT max(number) FROM billing.invoices WHERE account_id = 1)$$,
	$$VALUES ('late', '2020-01-01 00:00+00'::timestamptz, 3, true)$$, 'and the next invoice shows it with its own month');
SELECT t.same('SELECT account_id, meter FROM billing.unrated_usage', $$VALUES (2, 'm')$$, 'what still has no price still waits');
SELECT t.verify_is_empty();

-- many rows with many reasons, rated in one go, cost what they would have cost in time
INSERT INTO billing.usage (account_id, meter, event_time, event_key, quantity)
SELECT 100 + n % 50, 'm', '2020-03-01 00:10', n::text, n FROM generate_series(1, 500) n;
CALL billing.run('2020-03-01 01:00');
SELECT billing.open_account(name => 'n', account_id => n, at => '2020-03-01') FROM generate_series(100, 149) n;
CALL billing.run('2020-03-01 02:00');
SELECT is((SELECT sum(amount) FROM billing.charges WHERE account_id >= 100), (500 * 501 / 2 + 50 * 9)::numeric, 'fifty accounts at once');
SELECT t.verify_is_empty();
SELECT * FROM finish();
