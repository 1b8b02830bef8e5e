-- Positions: exact amounts beside posted ones, and telescoping: any order, any batching, one total.
\ir setup.psql
SELECT billing.install(start => '2020-01-01');
INSERT INTO billing.meter VALUES ('m', 'unit', 'sum'), ('v', 'unit', 'sum'), ('own', 'unit', 'sum');
INSERT INTO billing.price (meter, currency, tariff, scope) VALUES
	('m', 'USD', 'graduated: 0.004 up to 10000, 0.0011 up to 20000, 0.0007 beyond', 'account'),
	('v', 'USD', 'volume: 1 up to 100, 0.5 beyond', 'account'),
	('own', 'USD', 'graduated: 10 up to 1, 0.004 beyond', 'resource');
SELECT billing.open_account(name => 'a', account_id => n, at => '2020-01-01') FROM generate_series(1, 30) n;

-- 10,000 resources of 0.004 cost 40.00, in one hour and in ten
INSERT INTO billing.usage (account_id, meter, quantity, event_time, resource) SELECT 1, 'm', 1, '2020-01-01 00:10', 'r' || n FROM generate_series(1, 10000) n;
INSERT INTO billing.usage (account_id, meter, quantity, event_time, resource) SELECT 2, 'm', 1, '2020-01-01 00:10'::timestamptz + n % 10 * interval '1 hour', 'r' || n FROM generate_series(1, 10000) n;
CALL billing.run('2020-01-01 01:00');
SELECT is(t.charged(1), 40.00, '10,000 resources of 0.004 cost 40.00');
SELECT is((SELECT count(*) FROM billing.charges WHERE account_id = 1), 10000::bigint, 'a charge for each');
SELECT t.same('SELECT min(amount), max(amount), sum(exact_amount) FROM billing.charges WHERE account_id = 1', 'VALUES (0.00, 0.01, 40.000)', 'they share the cents');
SELECT is((SELECT max(abs(x.a - x.e)) <= 0.005 FROM (SELECT sum(amount) OVER w AS a, sum(exact_amount) OVER w AS e FROM billing.charges
	WHERE account_id = 1 WINDOW w AS (ORDER BY resource COLLATE "C")) x), true, 'no running total is off by more than half a cent');
CALL billing.run('2020-01-01 10:00');
SELECT is(t.charged(2), 40.00, 'so do they in ten settlements');
SELECT is(t.balance(2), -40.00, 'and the balance says so');

-- a counter of its own for each resource
SELECT t.use(3, 'own', 2, '2020-01-01 10:10', r) FROM unnest(ARRAY['A', 'B', 'C']) r;
CALL billing.run('2020-01-01 11:00');
SELECT is(t.charged(3), 30.00, 'scope resource: every resource has its own tiers, and rounds by itself (3 x 10.004)');

-- the same events in any order and any batching: 20 accounts, 20 orders
CREATE TABLE t.events AS
SELECT n, '2020-01-02'::timestamptz + (n * 7919 % 86400) * interval '1 second' AS at, round((n * 31 % 97)::numeric / 7, 3) AS quantity,
	(ARRAY['', 'A', 'B', 'C'])[1 + n % 4] AS resource
FROM generate_series(1, 400) n;
CREATE PROCEDURE t.in_batches(batches int) LANGUAGE plpgsql AS
$$
BEGIN
	FOR b IN 0 .. batches LOOP
		-- account 10 + a gets its events in an order of its own, in `a` batches
		INSERT INTO billing.usage (account_id, meter, event_time, event_key, quantity, resource)
		SELECT 10 + a, 'm', e.at, e.n::text, e.quantity * 100, e.resource
		FROM generate_series(1, 20) a, LATERAL (SELECT e.*, ntile(a) OVER (ORDER BY md5(a || ' ' || n)) AS batch FROM t.events e) e
		WHERE e.batch = b;
		COMMIT;
		CALL billing.settle('2020-01-02'::timestamptz + b * interval '3 hours 20 minutes');
		COMMIT;
	END LOOP;
END
$$;
CALL t.in_batches(20);
CALL billing.run('2020-01-10');
SELECT is((SELECT count(DISTINCT cycle) FROM billing.charges WHERE account_id = 30) > 15, true, 'they were settled in many batches');
SELECT t.same('SELECT DISTINCT t.charged(a) FROM generate_series(11, 30) a',
	'SELECT round(10000 * 0.004 + 10000 * 0.0011 + (sum(quantity) * 100 - 20000) * 0.0007, 2) FROM t.events', 'and all cost the same');
SELECT t.same('SELECT DISTINCT sum(exact_amount) FROM billing.charges WHERE account_id BETWEEN 11 AND 30 GROUP BY account_id',
	'SELECT 10000 * 0.004 + 10000 * 0.0011 + (sum(quantity) * 100 - 20000) * 0.0007 FROM t.events', 'to the last digit');

-- money that may come back moves once: at the end
SELECT t.use(4, 'v', 60, '2020-01-10 00:10'), t.use(4, 'v', 60, '2020-01-20 00:10');
CALL billing.run('2020-01-31 23:00');
SELECT is(t.charged(4), 0::numeric, 'a volume price posts nothing while its month runs');
SELECT is((SELECT sum(exact_amount) FROM billing.charges WHERE account_id = 4), 60.0, 'its exact amount went up and down meanwhile');
CALL billing.run('2020-02-01');
SELECT is(t.charged(4), 60.00, 'and its rounded total at the end');
SELECT is((SELECT count(*) FROM billing.ledger WHERE account_id = 4), 1::bigint, 'in one transfer');
SELECT t.use(4, 'v', 0.01, '2020-01-15 00:10');
CALL billing.run('2020-02-01 01:00');
SELECT is(t.charged(4), 60.01, 'late usage after the close posts the difference (60.005 is 60.01)');
SELECT t.use(5, 'v', 100, '2020-01-31 23:59:59');
CALL billing.run('2020-02-01 02:00');
SELECT is(t.charged(5), 100::numeric, 'a first event that is late posts all of it');
SELECT t.use(5, 'v', 1, '2020-01-31 23:59:59');
CALL billing.run('2020-02-01 03:00');
SELECT is(t.charged(5), 50.50, 'and a second one gives back what is too much');
SELECT t.same('SELECT debit, credit, amount FROM billing.ledger WHERE account_id = 5 ORDER BY transfer_id',
	$$VALUES ('wallet', 'revenue', 100), ('revenue', 'wallet', 49.5)$$, 'a negative difference goes from revenue to the wallet');

-- rounding is half away from zero, by the currency's decimals
SELECT billing.open_account(name => 'yen', account_id => 40, currency => 'JPY', at => '2020-02-01');
SELECT billing.open_account(name => 'dinar', account_id => 41, currency => 'KWD', at => '2020-02-01');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('m', 'JPY', 'graduated: 0.5 beyond'), ('m', 'KWD', 'graduated: 0.0005 beyond');
SELECT t.use(40, 'm', 1, '2020-02-01 03:10'), t.use(41, 'm', 1, '2020-02-01 03:10');
CALL billing.run('2020-02-01 04:00');
SELECT is(t.charged(40), 1::numeric, 'half a yen is a yen');
SELECT is(t.charged(41), 0.001, 'half a fils is a fils');
SELECT t.use(40, 'm', 1, '2020-02-01 04:10'), t.use(41, 'm', 1, '2020-02-01 04:10');
CALL billing.run('2020-02-01 05:00');
SELECT is(t.charged(40), 1::numeric, 'and two halves are one');
SELECT t.verify_is_empty();
SELECT * FROM finish();
