-- Prices: which one is in force, and that one which has rated stays as it is.
\ir setup.psql
SELECT billing.install(start => '2020-01-01');
SELECT billing.open_account(name => 'a', account_id => n, at => '2020-01-01') FROM generate_series(1, 9) n;
SELECT billing.open_account(name => 'euro', account_id => 10, currency => 'EUR', at => '2020-01-01');
INSERT INTO billing.meter VALUES ('m', 'unit', 'sum'), ('n', 'unit', 'count'), ('peak', 'unit', 'max'), ('seats', 'unit', 'last');

-- the most specific row wins
INSERT INTO billing.price (meter, region, currency, account_id, tariff) VALUES
	('m', '', 'USD', 0, 'graduated: 1 beyond'), ('m', 'EU', 'USD', 0, 'graduated: 2 beyond'),
	('m', '', 'USD', 2, 'graduated: 3 beyond'), ('m', 'EU', 'USD', 2, 'graduated: 4 beyond'),
	('m', '', 'USD', 3, 'graduated: 5 beyond');
SELECT t.use(a, 'm', 1, '2020-01-01 00:10', '', r) FROM generate_series(1, 3) a, unnest(ARRAY['', 'EU', 'US']) r;
CALL billing.run('2020-01-01 01:00');
SELECT t.same('SELECT account_id, region, amount FROM billing.charges ORDER BY 1, 2',
	$$VALUES (1, '', 1::numeric), (1, 'EU', 2), (1, 'US', 1), (2, '', 3), (2, 'EU', 4), (2, 'US', 3), (3, '', 5), (3, 'EU', 5), (3, 'US', 5)$$,
	'own account before everyone, named region before any');

-- '' pools all regions without a price of their own in one counter
INSERT INTO billing.price (meter, region, currency, tariff) VALUES
	('n', '', 'USD', 'graduated: 10 up to 2, 1 beyond'), ('n', 'EU', 'USD', 'graduated: 10 up to 2, 1 beyond');
SELECT t.use(1, 'n', 1, '2020-01-01 01:10', '', r) FROM unnest(ARRAY['US', 'CN', 'SA', 'EU', 'EU', '']) r;
CALL billing.run('2020-01-01 02:00');
SELECT t.same($$SELECT region = 'EU', sum(quantity), sum(amount) FROM billing.charges WHERE meter = 'n' GROUP BY 1 ORDER BY 1$$,
	'VALUES (false, 4, 22::numeric), (true, 2, 20)', 'regions without a price share the tiers of ''''; EU has tiers of its own');

-- a price that changes at 10:17, inside an hour
INSERT INTO billing.meter VALUES ('c', 'unit', 'sum');
INSERT INTO billing.price (meter, currency, valid_from, tariff) VALUES
	('c', 'USD', '-infinity', 'graduated: 1 beyond'), ('c', 'USD', '2020-01-02 10:17', 'graduated: 0.1 up to 10, 0.01 beyond');
SELECT t.use(1, 'c', 100, '2020-01-02 10:16:59.999999'), t.use(1, 'c', 10, '2020-01-02 10:17'), t.use(1, 'c', 10, '2020-01-02 10:30');
SELECT t.use(4, 'c', 100, '2020-01-02 10:10'), t.use(4, 'c', 10, '2020-01-02 10:17'), t.use(5, 'c', 10, '2020-01-02 10:17');
CALL billing.run('2020-01-02 11:00');
SELECT t.same($$SELECT account_id, amount FROM billing.charges WHERE meter = 'c' AND account_id > 1 ORDER BY 1, source_id$$,
	'VALUES (4, 100), (4, 1.00), (5, 1.00)', 'an event at the very instant has the new price, alone or at the end of others');
SELECT t.same($$SELECT quantity, exact_amount FROM billing.charges WHERE meter = 'c' AND account_id = 1 ORDER BY source_id$$,
	'VALUES (100, 100.0), (20, 1.1)', 'events before 10:17 have the old price, from 10:17 on the new one with tiers from 0');
SELECT is((SELECT count(*) FROM billing.price_line WHERE meter = 'c'), 1::bigint, 'both are one line of the invoice');

-- cents are shared by the whole line: half a cent of each price is one cent
INSERT INTO billing.meter VALUES ('half', 'unit', 'sum');
INSERT INTO billing.price (meter, currency, valid_from, tariff) VALUES
	('half', 'USD', '-infinity', 'graduated: 0.002 beyond'), ('half', 'USD', '2020-01-02 12:30', 'graduated: 0.003 beyond');
SELECT t.use(1, 'half', 1, '2020-01-02 12:10'), t.use(1, 'half', 1, '2020-01-02 12:40');
CALL billing.run('2020-01-02 13:00');
SELECT is(t.charged(1, 'half'), 0.01, 'the rounded sum of a line''s prices, not the sum of rounded prices');

-- immutable
SELECT t.refuses($$UPDATE billing.price SET tariff = 'graduated: 7 beyond' WHERE meter = 'c'$$, 'UB007', 'price', 'a price is not changed');
SELECT t.refuses($$UPDATE billing.price SET valid_from = '2021-01-01' WHERE meter = 'c'$$, 'UB007', 'price', 'nor moved');
SELECT t.refuses($$DELETE FROM billing.price WHERE meter = 'c'$$, 'UB007', 'price', 'nor deleted once it has rated');
INSERT INTO billing.price (meter, currency, valid_from, tariff) VALUES ('c', 'USD', '2030-01-01', 'graduated: 9 beyond');
SELECT lives_ok($$DELETE FROM billing.price WHERE meter = 'c' AND valid_from = '2030-01-01'$$, 'one that has rated nothing may go');
SELECT t.refuses($$UPDATE billing.meter SET aggregation = 'max' WHERE meter = 'c'$$, 'UB007', 'c', 'a meter that has rated keeps its aggregation');
SELECT t.refuses($$UPDATE billing.currency SET decimals = 3 WHERE currency = 'USD'$$, 'UB007', 'USD', 'a currency in use keeps its decimals');
SELECT lives_ok($$UPDATE billing.currency SET decimals = 3 WHERE currency = 'BRL'$$, 'one that nobody uses may change');

-- a back-dated price rates unrated usage only
CREATE TABLE t.before AS SELECT * FROM billing.charge WHERE meter IN ('c', 'm');
INSERT INTO billing.meter VALUES ('b', 'unit', 'sum');
INSERT INTO billing.price (meter, currency, valid_from, tariff) VALUES ('b', 'USD', '2020-01-03 00:30', 'graduated: 1 beyond');
SELECT t.use(1, 'b', 1, '2020-01-03 00:10'), t.use(1, 'b', 1, '2020-01-03 00:40');
CALL billing.run('2020-01-03 01:00');
SELECT is(t.charged(1, 'b'), 1::numeric, 'usage from before the first price waits');
INSERT INTO billing.price (meter, currency, valid_from, tariff) VALUES ('b', 'USD', '2020-01-01', 'graduated: 5 beyond'),
	('c', 'USD', '2020-01-02 10:20', 'graduated: 1000 beyond'), ('m', 'USD', '2020-01-01', 'graduated: 1000 beyond');
CALL billing.run('2020-01-03 02:00');
SELECT is(t.charged(1, 'b'), 6::numeric, 'a back-dated price rates what waited, and only that');
SELECT t.same($$SELECT * FROM billing.charge WHERE meter IN ('c', 'm') ORDER BY charge_id$$, 'SELECT * FROM t.before ORDER BY charge_id',
	'what was rated before it came keeps its charges');
SELECT t.use(1, 'm', 1, '2020-01-03 02:10');
CALL billing.run('2020-01-03 03:00');
SELECT is((SELECT amount FROM billing.charges WHERE meter = 'm' ORDER BY charge_id DESC LIMIT 1), 1000::numeric, 'later usage has the newer price');

-- refused
SELECT t.refuses($$INSERT INTO billing.price (meter, currency, tariff) VALUES ('nosuch', 'USD', 'graduated: 1 beyond')$$, 'UB002', 'nosuch', 'unknown meter');
SELECT t.refuses($$INSERT INTO billing.price (meter, currency, tariff) VALUES ('m', 'XXX', 'graduated: 1 beyond')$$, 'UB003', 'XXX', 'unknown currency');
SELECT t.refuses($$INSERT INTO billing.price (meter, currency, account_id, tariff) VALUES ('m', 'USD', 999, 'graduated: 1 beyond')$$, 'UB001', '999', 'unknown account');
SELECT t.refuses($$INSERT INTO billing.price (meter, currency, account_id, tariff) VALUES ('m', 'EUR', 1, 'graduated: 1 beyond')$$, 'UB003', 'EUR',
	'a price for a currency that the account does not have');
SELECT t.refuses($$INSERT INTO billing.price (meter, currency, tariff, counter) VALUES ('m', 'EUR', 'graduated: 1 beyond', 'week')$$, '23514', 'counter "week"', 'unknown counter');
SELECT t.refuses($$INSERT INTO billing.price (meter, currency, tariff, post) VALUES ('m', 'EUR', 'graduated: 1 beyond', 'never')$$, '23514', 'post "never"', 'unknown post');
SELECT t.refuses($$INSERT INTO billing.price (meter, currency, tariff, scope) VALUES ('m', 'EUR', 'graduated: 1 beyond', 'planet')$$, '23514', 'scope "planet"', 'unknown scope');
SELECT t.refuses($$INSERT INTO billing.meter VALUES ('x', 'unit', 'average')$$, '23514', 'aggregation "average"', 'unknown aggregation');
SELECT is((SELECT count(*) FROM billing.price WHERE currency <> 'USD'), 0::bigint, 'and nothing of it stays');

-- when money moves
INSERT INTO billing.price (meter, currency, tariff) VALUES ('m', 'EUR', 'graduated: 1 beyond'), ('n', 'EUR', 'volume: 2 up to 10, 1 beyond'),
	('peak', 'EUR', 'graduated: 1 beyond'), ('seats', 'EUR', 'graduated: 1 beyond');
INSERT INTO billing.price (meter, currency, region, post, tariff) VALUES ('m', 'EUR', 'late', 'counter', 'graduated: 1 beyond');
SELECT t.same($$SELECT meter, region, post FROM billing.price WHERE currency = 'EUR' ORDER BY 1, 2$$,
	$$VALUES ('m', '', 'cycle'), ('m', 'late', 'counter'), ('n', '', 'counter'), ('peak', '', 'counter'), ('seats', '', 'counter')$$,
	'graduated sums and counts post with each cycle; volume, max and last when the counter closes; a given post stays');
SELECT t.verify_is_empty();
SELECT * FROM finish();
