-- Groups of prices of which only the highest is charged: two parallel metrics, Gbps or QPS (SCDN).
\ir setup.psql
SELECT billing.install(start => '2020-01-01');
SELECT billing.open_account(name => 'a', account_id => n, at => '2020-01-01') FROM generate_series(1, 4) n;
INSERT INTO billing.meter VALUES ('gbps', 'Gbps', 'max'), ('qps', 'query/s', 'max'), ('traffic', 'GB', 'sum');
INSERT INTO billing.price (meter, currency, counter, scope, greatest_of, tariff) VALUES
	('gbps', 'USD', 'day', 'resource', 'attack', 'volume: flat 100 up to 10, flat 200 up to 20, flat 400 beyond'),
	('qps', 'USD', 'day', 'resource', 'attack', 'volume: flat 150 up to 1000, flat 300 beyond');
INSERT INTO billing.price (meter, currency, greatest_of, tariff) VALUES ('traffic', 'USD', 'month', 'graduated: 1 beyond');
SELECT t.same($$SELECT DISTINCT post FROM billing.price$$, $$VALUES ('counter')$$, 'which is the highest is known at the end');

SELECT t.use(1, 'gbps', 5, '2020-01-02 10:00', 'x'), t.use(1, 'qps', 10, '2020-01-02 11:00', 'x'),	-- 100 or 150
	t.use(1, 'gbps', 15, '2020-01-02 10:00', 'y'), t.use(1, 'qps', 10, '2020-01-02 11:00', 'y'),	-- 200 or 150
	t.use(1, 'gbps', 15, '2020-01-03 10:00', 'x'),													-- 200 alone
	t.use(2, 'qps', 5000, '2020-01-02 10:00', 'x'), t.use(1, 'traffic', 7, '2020-01-02');
CALL billing.run('2020-01-03');
SELECT t.same('SELECT account_id, resource, meter, amount FROM billing.charges WHERE amount <> 0 ORDER BY 1, 2',
	$$VALUES (1, 'x', 'qps', 150), (1, 'y', 'gbps', 200), (2, 'x', 'qps', 300)$$, 'the highest of each resource and day');
SELECT is((SELECT detail FROM billing.explain_charge(1, (SELECT min(charge_id) FROM billing.charges WHERE meter = 'gbps' AND resource = 'x')) WHERE step = 6),
	'of the prices of group "attack" only the highest is charged', 'and the other says why it is not');
SELECT t.verify_is_empty();

-- late: the other one becomes the highest, then the first one again
SELECT t.use(1, 'gbps', 12, '2020-01-02 20:00', 'x');
CALL billing.run('2020-01-03 01:00');
SELECT t.same($$SELECT meter, sum(amount) FROM billing.charges WHERE resource = 'x' AND account_id = 1 AND period_start = '2020-01-02' GROUP BY 1 ORDER BY 1$$,
	$$VALUES ('gbps', 200), ('qps', 0)$$, 'the charge moves to the one that is higher now');
SELECT t.verify_is_empty();
SELECT t.use(1, 'qps', 2000, '2020-01-02 20:00', 'x');
CALL billing.run('2020-02-01 01:00');
SELECT t.same($$SELECT meter, sum(amount) FROM billing.charges WHERE resource = 'x' AND account_id = 1 AND period_start = '2020-01-02' GROUP BY 1 ORDER BY 1$$,
	$$VALUES ('gbps', 0), ('qps', 300)$$, 'and back');
SELECT is(t.charged(1), 300.00 + 200 + 200 + 7, 'each resource and day once');
SELECT t.same('SELECT account_id, total FROM billing.invoices ORDER BY 1', 'VALUES (1, 707), (2, 300)', 'and so the invoices');

-- the order in which they come does not matter
SELECT t.use(3, 'gbps', q, '2020-02-02 10:00') FROM unnest(ARRAY[5, 12, 25]) q;
SELECT t.use(3, 'qps', 2000, '2020-02-02 10:00');
CALL billing.run('2020-02-10');
SELECT t.use(4, 'qps', 2000, '2020-02-02 10:00');
CALL billing.run('2020-02-10 01:00');
SELECT t.use(4, 'gbps', 5, '2020-02-02 10:00');
CALL billing.run('2020-02-10 02:00');
SELECT t.use(4, 'gbps', 25, '2020-02-02 10:00'), t.use(4, 'gbps', 12, '2020-02-02 10:00');
CALL billing.run('2020-03-01 01:00');
SELECT is(t.charged(4), t.charged(3), 'late and in pieces as at once');
SELECT is(t.charged(3), 400.00, 'the band of 25 Gbps');

-- an hour and a day that begin together are not compared, also where both come late and close at one instant
INSERT INTO billing.meter VALUES ('by hour', 'Gbps', 'max'), ('by day', 'Gbps', 'max');
INSERT INTO billing.price (meter, currency, counter, greatest_of, tariff) VALUES ('by hour', 'USD', 'hour', 'mixed', 'volume: 1 beyond'), ('by day', 'USD', 'day', 'mixed', 'volume: 2 beyond');
SELECT billing.open_account(name => 'late', account_id => 5, at => '2020-03-01');
SELECT t.use(5, 'by hour', 3, '2020-02-20 00:10'), t.use(5, 'by day', 5, '2020-02-20 00:10');
CALL billing.run('2020-03-02');
SELECT t.same('SELECT meter, sum(amount) FROM billing.charges WHERE account_id = 5 GROUP BY 1 ORDER BY 1', $$VALUES ('by day', 10.00), ('by hour', 3.00)$$, 'each is the highest of its own period');
SELECT t.refuses($$INSERT INTO billing.price (meter, region, currency, greatest_of, post, tariff) VALUES ('traffic', 'EU', 'USD', 'month', 'cycle', 'graduated: 1 beyond')$$, '22023', 'month', 'a group posts at the end');
SELECT t.verify_is_empty();
SELECT * FROM finish();
