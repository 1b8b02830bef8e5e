-- Tariffs that price every event on its own: card fees.
\ir setup.psql
SELECT billing.install(start => '2020-01-01');
SELECT billing.open_account(name => 'shop', account_id => n, at => '2020-01-01') FROM generate_series(1, 2) n;
INSERT INTO billing.meter VALUES ('card', 'USD', 'sum'), ('seats', 'seat', 'max');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('card', 'USD', 'graduated each min 0.35 max 25: flat 0.30 + 2.9% beyond');
SELECT is((SELECT post FROM billing.price WHERE meter = 'card'), 'cycle', 'a minimum for each event is no minimum of the month: money moves with every cycle');
SELECT t.refuses($$INSERT INTO billing.price (meter, currency, tariff) VALUES ('seats', 'USD', 'graduated each: 1 beyond')$$, '22023', 'seats', 'a maximum has no events to price');

SELECT t.use(1, 'card', q, '2020-01-01 00:10') FROM unnest(ARRAY[100, 1, 2000, 10.005]) q;
CALL billing.run('2020-01-01 01:00');
SELECT t.same('SELECT quantity, exact_amount, amount FROM billing.charges', 'VALUES (2111.005, 3.20 + 0.35 + 25 + 0.590145, 29.14)', 'the prices of four payments, each with its own fee, minimum and maximum');
SELECT t.same($$SELECT quantity, amount FROM billing.explain_charge(1, 1) WHERE what = 'events'$$, 'VALUES (2111.005, 29.140145)', 'explained');
SELECT t.same($$SELECT sum(amount) FROM billing.quote(1, 'card', 100, at => '2020-01-01 01:00')$$, 'VALUES (3.20)', 'a quote is for one event');

-- in any order, late, in pieces, across a change of the price: the sum of all
INSERT INTO billing.price (meter, currency, valid_from, tariff) VALUES ('card', 'USD', '2020-01-10 00:30', 'graduated each: 1% beyond');
SELECT t.use(1, 'card', 10.005, '2020-01-10 00:10'), t.use(1, 'card', 100, '2020-01-10 00:30');
SELECT t.use(2, 'card', 10.005, '2020-01-02 00:10') FROM generate_series(1, 7);
CALL billing.run('2020-01-11');
SELECT t.use(2, 'card', 10.005, '2020-01-02 00:10') FROM generate_series(1, 3);
SELECT t.use(1, 'card', 10.005, '2020-01-03 00:10');
CALL billing.run('2020-02-01 01:00');
SELECT is(t.charged(1), round(29.140145 + 2 * 0.590145 + 1, 2), 'one position: the rounded sum of the exact prices');
SELECT is(t.charged(2), 5.90, 'ten payments of 0.590145 in two cycles');
SELECT t.same('SELECT account_id, total FROM billing.invoices ORDER BY 1', 'VALUES (1, 31.32), (2, 5.90)', 'and so say the invoices');
SELECT t.verify_is_empty();
SELECT * FROM finish();
