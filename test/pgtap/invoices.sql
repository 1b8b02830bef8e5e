-- Invoices: a calendar month of the account's zone, gapless numbers, late usage and adjustments as lines of their own.
\ir setup.psql
SELECT billing.install(start => '2020-01-01');
INSERT INTO billing.meter VALUES ('m', 'GB', 'sum'), ('n', 'call', 'count');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('m', 'USD', 'graduated: 10 up to 1, 1 beyond'), ('n', 'USD', 'graduated: 0.01 beyond');
INSERT INTO billing.price (meter, region, currency, tariff) VALUES ('m', 'EU', 'USD', 'graduated: 2 beyond');
SELECT billing.open_account(name => z, account_id => n, time_zone => z, at => '2020-01-01', payment_terms => CASE n WHEN 1 THEN '14 days'::interval END)
FROM unnest(ARRAY['UTC', 'Asia/Kolkata', 'America/New_York', 'Pacific/Auckland']) WITH ORDINALITY u(z, n);

-- lines
SELECT t.use(1, 'm', 1, '2020-01-10 00:10'), t.use(1, 'm', 1, '2020-01-31 23:59:59.999999'), t.use(1, 'm', 3, '2020-01-10 00:10', '', 'EU'),
	t.use(1, 'n', 1, '2020-01-10 00:10', 'A'), t.use(1, 'n', 1, '2020-01-11 00:10', 'B');
CALL billing.run('2020-01-31 23:00');
SELECT is_empty('SELECT * FROM billing.invoices', 'no invoice before the month is over');
SELECT is((SELECT unbilled FROM billing.accounts WHERE account_id = 1), 16.02, 'what is charged is unbilled');
SELECT billing.adjust(1, 5, 'sorry', at => '2020-01-31 23:30');
CALL billing.run('2020-02-01');
SELECT t.same('SELECT number, period_start, period_end, currency, subtotal, tax, total, state, issued_at, due_at FROM billing.invoices WHERE account_id = 1',
	$$VALUES (1, '2020-01-01 00:00+00'::timestamptz, '2020-02-01 00:00+00'::timestamptz, 'USD', 12.02, 0, 12.02, 'open',
		'2020-02-01 00:00+00'::timestamptz, '2020-02-15 00:00+00'::timestamptz)$$, 'the invoice of January, due by the terms');
SELECT t.same('SELECT line, source, meter, region, unit, quantity, exact_amount, amount, late, reason FROM billing.invoice_lines WHERE account_id = 1 ORDER BY line',
	$$VALUES (1, 'tariff', 'm', '', 'GB', 2, 11, 11, false, NULL), (2, 'tariff', 'm', 'EU', 'GB', 3, 6, 6, false, NULL),
		(3, 'tariff', 'n', '', 'call', 2, 0.02, 0.02, false, NULL), (4, 'adjustment', NULL, '', NULL, 1, -5, -5, false, 'sorry')$$,
	'a line for each price line, and one for each adjustment');
SELECT is((SELECT unbilled FROM billing.accounts WHERE account_id = 1), 0.00, 'nothing is unbilled');
SELECT is(t.balance(1), -12.02, 'an invoice moves no money');
CALL billing.tick('2020-02-01 00:30');
SELECT is((SELECT count(*) FROM billing.invoices), 1::bigint, 'and is made once; who used nothing gets none');

-- state follows the money, oldest first
SELECT billing.top_up(1, 12);
SELECT t.same('SELECT state, outstanding FROM billing.invoices WHERE account_id = 1', $$VALUES ('partly paid', 0.02)$$, 'partly paid');
SELECT billing.top_up(1, 0.02);
SELECT t.same('SELECT state, outstanding FROM billing.invoices WHERE account_id = 1', $$VALUES ('paid', 0)$$, 'paid');
SELECT t.use(1, 'n', 1, '2020-02-10 00:10');
CALL billing.run('2020-02-11');
SELECT is((SELECT state FROM billing.invoices WHERE account_id = 1), 'paid', 'usage of the running month does not open it again');
SELECT is(t.balance(1), -0.01, 'though the balance owes it');

-- late usage: the next invoice shows it with its own month
SELECT t.use(1, 'm', 1, '2020-01-05 00:10'), t.use(1, 'm', 1, '2020-02-10 00:10');
CALL billing.run('2020-03-01');
SELECT t.same('SELECT source, meter, period_start, quantity, amount, late FROM billing.invoice_lines WHERE account_id = 1 AND number = 2 ORDER BY line',
	$$VALUES ('tariff', 'm', '2020-01-01 00:00+00'::timestamptz, 1, 1, true), ('tariff', 'm', '2020-02-01 00:00+00', 1, 10, false),
		('tariff', 'n', '2020-02-01 00:00+00', 1, 0.01, false)$$, 'January''s usage in January''s tier, February''s in its own');
SELECT t.same('SELECT number, total, state FROM billing.invoices WHERE account_id = 1 ORDER BY 1', $$VALUES (1, 12.02, 'paid'), (2, 11.01, 'open')$$, 'money covered the oldest');
SELECT billing.top_up(1, 1);
SELECT t.same('SELECT number, state, outstanding FROM billing.invoices WHERE account_id = 1 ORDER BY 1', $$VALUES (1, 'paid', 0), (2, 'partly paid', 10.01)$$, 'and covers the next');

-- each zone its own month: 29 February 2020, 24 hours either side of the end of February
INSERT INTO billing.usage (account_id, meter, event_time, event_key, quantity)
SELECT a, 'n', h, h::text, 1 FROM generate_series(2, 4) a, generate_series('2020-03-30 23:40'::timestamptz, '2020-04-02 00:00', '1 hour') h;
CALL billing.run('2020-05-02');
SELECT t.same($$SELECT account_id, period_start, quantity FROM billing.invoice_lines WHERE account_id > 1 ORDER BY 1, 2$$,
	$$SELECT a.account_id, billing._instant(date_trunc('month', h AT TIME ZONE a.time_zone), a.time_zone), count(*)
	FROM billing.account a, generate_series('2020-03-30 23:40'::timestamptz, '2020-04-02 00:00', '1 hour') h WHERE account_id > 1 GROUP BY 1, 2 ORDER BY 1, 2$$,
	'March and April of three zones');
SELECT t.same('SELECT account_id, period_start, period_end FROM billing.invoices WHERE account_id > 1 AND period_start < ''2020-03-15'' ORDER BY 1',
	$$VALUES (2, '2020-02-29 18:30+00'::timestamptz, '2020-03-31 18:30+00'::timestamptz), (3, '2020-03-01 05:00+00', '2020-04-01 04:00+00'),
		(4, '2020-02-29 11:00+00', '2020-03-31 11:00+00')$$, 'from midnight to midnight there');
SELECT is((SELECT count(*) = max(number) AND min(number) = 1 FROM billing.invoices), true, 'numbers without a gap');
SELECT is((SELECT bool_and(o) FROM (SELECT period_end >= lag(period_end) OVER (ORDER BY number) AS o FROM billing.invoices) x), true, 'in the order of their months'' ends');

-- an adjustment alone makes an invoice; one for a month that is invoiced stands on the next
SELECT billing.adjust(3, -7, 'set-up', at => '2020-05-02'), billing.adjust(3, 2, 'for March', at => '2020-03-15');
CALL billing.run('2020-06-02');
SELECT t.same('SELECT amount, reason FROM billing.invoice_lines WHERE account_id = 3 AND source = ''adjustment'' ORDER BY line', $$VALUES (-2, 'for March'), (7, 'set-up')$$,
	'adjustments are lines');
SELECT is((SELECT total FROM billing.invoices WHERE account_id = 3 ORDER BY number DESC LIMIT 1), 5::numeric, 'of an invoice of their own');

-- more given than used: a negative invoice is paid, and gives nothing twice
SELECT t.use(4, 'n', 100, '2020-06-10');
SELECT billing.adjust(4, 3, 'credit', at => '2020-06-10');
CALL billing.run('2020-07-02');
SELECT t.same('SELECT total, state FROM billing.invoices WHERE account_id = 4 ORDER BY number DESC LIMIT 1', $$VALUES (-2.99, 'paid')$$, 'a negative total');

-- charges of 0.00 only: the account used something, and its invoice says so
SELECT t.use(2, 'n', 0, '2020-07-10');
CALL billing.run('2020-08-02');
SELECT is((SELECT total FROM billing.invoices WHERE account_id = 2 AND period_start > '2020-06-15'), 0.01, 'a call of quantity 0 is a call');
SELECT t.verify_is_empty();
SELECT * FROM finish();
