-- Aggregations: how the usage of a counter period becomes one quantity.
\ir setup.psql
SELECT billing.install(start => '2020-01-01');
INSERT INTO billing.meter VALUES ('s', 'unit', 'sum'), ('c', 'event', 'count'), ('x', 'unit', 'max'), ('l', 'seat', 'last');
INSERT INTO billing.price (meter, currency, tariff, post) SELECT m, 'USD', 'graduated: 1 beyond', 'cycle' FROM unnest(ARRAY['s', 'c', 'x', 'l']) m;
SELECT billing.open_account(name => 'a', account_id => n, at => '2020-01-01') FROM generate_series(1, 4) n;

-- 3, 5 and 0 in one hour, 4 in the next, by three resources
SELECT t.use(1, m, q, at::timestamptz, r) FROM unnest(ARRAY['s', 'c', 'x', 'l']) m,
	(VALUES (3, '2020-01-01 00:10', 'A'), (5, '2020-01-01 00:20', 'B'), (0, '2020-01-01 00:30', 'A'), (4, '2020-01-01 01:10', 'C')) u(q, at, r);
CALL billing.run('2020-01-01 01:00');
SELECT t.same('SELECT meter, sum(quantity), sum(amount) FROM billing.charges GROUP BY 1 ORDER BY 1',
	$$VALUES ('c', 3, 3), ('l', 0, 0), ('s', 8, 8), ('x', 5, 5)$$, 'after one hour') ;
CALL billing.run('2020-01-01 02:00');
SELECT t.same('SELECT meter, sum(quantity), sum(amount) FROM billing.charges GROUP BY 1 ORDER BY 1',
	$$VALUES ('c', 4, 4), ('l', 4, 4), ('s', 12, 12), ('x', 5, 5)$$, 'after two: sum, count, the highest, the last');

-- last goes by event_time, then event_key, whenever a row arrives
INSERT INTO billing.usage (account_id, meter, event_time, event_key, quantity) VALUES
	(1, 'l', '2020-01-01 01:05', 'late', 99), (1, 'x', '2020-01-01 00:00', 'late', 7);
CALL billing.run('2020-01-01 03:00');
SELECT t.same('SELECT meter, sum(quantity), sum(amount) FROM billing.charges WHERE meter IN (''l'', ''x'') GROUP BY 1 ORDER BY 1',
	$$VALUES ('l', 4, 4), ('x', 7, 7)$$, 'a late event is not the last one; a late peak is the peak');
INSERT INTO billing.usage (account_id, meter, event_time, event_key, quantity) VALUES
	(1, 'l', '2020-01-01 03:05', 'b', 2), (1, 'l', '2020-01-01 03:05', 'a', 50), (1, 'l', '2020-01-01 03:05', 'c', 1);
CALL billing.run('2020-01-01 04:00');
SELECT is(t.charged(1, 'l'), 1::numeric, 'of events at one instant the greatest key is the last; what was charged too much comes back');
INSERT INTO billing.usage (account_id, meter, event_time, event_key, quantity) VALUES (1, 'l', '2020-01-01 03:05', 'bb', 70);
CALL billing.run('2020-01-01 05:00');
SELECT is(t.charged(1, 'l'), 1::numeric, 'also when a smaller key comes later');
SELECT is(t.balance(1), -(12 + 4 + 7 + 1)::numeric, 'the balance owes just that');

-- each month starts anew
SELECT t.use(1, m, 2, '2020-02-01 00:00') FROM unnest(ARRAY['s', 'c', 'x', 'l']) m;
CALL billing.run('2020-02-01 01:00');
SELECT t.same($$SELECT meter, sum(quantity) FROM billing.charges WHERE period_start = '2020-02-01' GROUP BY 1 ORDER BY 1$$,
	$$VALUES ('c', 1), ('l', 2), ('s', 2), ('x', 2)$$, 'a new counter period starts from 0');

-- by default a peak and a last value are posted when the month is over
INSERT INTO billing.price (meter, region, currency, tariff) VALUES ('x', 'end', 'USD', 'graduated: 1 beyond'), ('l', 'end', 'USD', 'graduated: 1 beyond');
SELECT t.use(2, m, q, at::timestamptz, '', 'end') FROM unnest(ARRAY['x', 'l']) m, (VALUES (9, '2020-02-01 01:10'), (6, '2020-02-20 01:10')) u(q, at);
CALL billing.run('2020-02-21');
SELECT is(t.charged(2), 0::numeric, 'nothing yet');
SELECT t.same('SELECT meter, sum(exact_amount) FROM billing.charges WHERE account_id = 2 GROUP BY 1 ORDER BY 1', $$VALUES ('l', 6), ('x', 9)$$, 'but the exact amounts are there');
CALL billing.run('2020-03-01');
SELECT is(t.charged(2), 15::numeric, 'the peak and the last value, at the end of the month');
SELECT t.same('SELECT total FROM billing.invoices WHERE account_id = 2', 'VALUES (15)', 'on the invoice of that month');

-- fractions, zero and large numbers are exact
SELECT t.use(3, 's', q, '2020-03-01 00:10') FROM unnest(ARRAY[0, 0.000000000000000001, 123456789012345678901234567890, 0.1]) q;
CALL billing.run('2020-03-01 01:00');
SELECT t.same('SELECT quantity, exact_amount, amount FROM billing.charges WHERE account_id = 3',
	'VALUES (123456789012345678901234567890.100000000000000001, 123456789012345678901234567890.100000000000000001, 123456789012345678901234567890.10)', 'no digit is lost');
SELECT t.use(4, m, 0, '2020-03-01 01:10') FROM unnest(ARRAY['s', 'c', 'x', 'l']) m;
CALL billing.run('2020-03-01 02:00');
SELECT t.same('SELECT meter, quantity, amount FROM billing.charges WHERE account_id = 4', $$VALUES ('c', 1, 1)$$, 'events of quantity 0 count, and cost nothing else');

-- refused
SELECT t.refuses(format('SELECT billing.record_usage(1, ''s'', %L)', q), '22003', q, 'a quantity of ' || q) FROM unnest(ARRAY['-1', 'NaN', 'Infinity', '-Infinity']) q;
SELECT throws_like(format($$INSERT INTO billing.usage (account_id, meter, event_time, quantity) VALUES (1, 's', '2020-03-01', %L)$$, q),
	'%usage_quantity_is_finite_and_not_negative%', 'the same by INSERT: ' || q) FROM unnest(ARRAY['-1', 'NaN', 'Infinity', '-Infinity']) q;
SELECT is(billing.record_usage(1, 's', 1, 'key', '2020-03-02'), true, 'an event');
SELECT is(billing.record_usage(1, 's', 1, 'key', '2020-03-02'), false, 'the same event was seen before');
SELECT t.refuses($$SELECT billing.record_usage(1, 's', 2, 'key', '2020-03-02')$$, 'UB004', 'key', 'with another quantity it is an error');
SELECT is(billing.record_usage(1, 's', 1, 'key', '2020-03-02 00:00:01'), true, 'another time is another event');
CALL billing.run('2020-03-03');
SELECT t.same($$SELECT sum(quantity) FROM billing.charges WHERE account_id = 1 AND meter = 's' AND period_start = '2020-03-01'$$, 'VALUES (2)', 'they are billed once');
SELECT t.verify_is_empty();
SELECT * FROM finish();
