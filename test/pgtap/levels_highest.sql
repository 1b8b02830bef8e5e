-- Configured bandwidth: the highest that holds in an hour, or in a day, stands for all of it.
\ir setup.psql
SELECT billing.install(start => '2023-04-01');
INSERT INTO billing.meter (meter, unit, aggregation, time_unit) VALUES ('eip', 'Mbps', 'time_weighted', 'highest'), ('cbwp', 'Mbps', 'time_weighted', 'highest'), ('seconds', 'Mbps', 'time_weighted', 'hour');
INSERT INTO billing.price (meter, currency, counter, scope, tariff) VALUES ('eip', 'CNY', 'hour', 'resource', 'graduated: 0.063 up to 5, 0.25 beyond'), ('cbwp', 'CNY', 'day', 'account', 'graduated: 1 beyond'),
	('seconds', 'CNY', 'hour', 'account', 'graduated: 1 beyond');
SELECT billing.open_account(name => 'a', account_id => n, currency => 'CNY', time_zone => 'Asia/Shanghai', at => '2023-04-01') FROM generate_series(1, 4) n;
-- up and down within an hour, and a level that nobody says anything about
SELECT t.use(1, m, q, '2023-05-01 00:00+08'::timestamptz + at, 'ip-1') FROM unnest(ARRAY['eip', 'seconds']) m,
	(VALUES (10, interval '10:00'), (20, '11:15'), (5, '11:30'), (8, '13:00'), (0, '14:20')) v(q, at);
SELECT t.use(1, 'eip', 3, '2023-05-01 11:10+08', 'ip-2');
CALL billing.run('2023-05-02');
SELECT t.same($$SELECT period_start, resource, quantity, amount FROM billing.charges WHERE meter = 'eip' AND resource = 'ip-1' AND quantity > 0 ORDER BY 1$$,
	$$VALUES ('2023-05-01 10:00+08'::timestamptz, 'ip-1', 10, 1.57), ('2023-05-01 11:00+08', 'ip-1', 20, 4.07), ('2023-05-01 12:00+08', 'ip-1', 5, 0.32), ('2023-05-01 13:00+08', 'ip-1', 8, 1.07), ('2023-05-01 14:00+08', 'ip-1', 8, 1.07)$$,
	'UP-19, UP-24: the highest configuration in an hour bills the whole hour; a level holds on through an hour without events');
SELECT is((SELECT sum(quantity) FROM billing.charges WHERE meter = 'seconds' AND period_start = '2023-05-01 11:00+08'), 10 * 0.25 + 20 * 0.25 + 5 * 0.5, 'by the second it is another matter');
SELECT is((SELECT count(*) FROM billing.charges WHERE resource = 'ip-2' AND quantity = 3), 21::bigint, 'another address has hours of its own');
-- a day: of each resource the highest, together
SELECT t.use(2, 'cbwp', q, at, r) FROM (VALUES (100, '2023-05-01 09:00+08'::timestamptz, 'a'), (40, '2023-05-01 10:00+08', 'b'), (300, '2023-05-01 12:00+08', 'a'), (100, '2023-05-01 12:05+08', 'a'), (10, '2023-05-02 00:00+08', 'b')) v(q, at, r);
SELECT t.use(2, 'cbwp', 7, '2023-05-01 09:00+08', 'b', 'EU');
CALL billing.run('2023-05-03 00:00+08');
SELECT t.same($$SELECT period_start, quantity, amount FROM billing.charges WHERE account_id = 2 AND quantity > 0 ORDER BY 1$$,
	$$VALUES ('2023-05-01 00:00+08'::timestamptz, 347, 347.00), ('2023-05-02 00:00+08', 117, 117.00)$$, 'ALI-09: the highest in a day bills the whole day; what was set at midnight is of the new day alone');
-- late, and taken back
SELECT t.use(2, 'cbwp', 500, '2023-05-02 23:00+08', 'a');
CALL billing.run('2023-05-03 12:00+08');
SELECT t.same($$SELECT period_start, sum(quantity), sum(amount) FROM billing.charges WHERE account_id = 2 GROUP BY 1 HAVING sum(quantity) > 0 ORDER BY 1$$,
	$$VALUES ('2023-05-01 00:00+08'::timestamptz, 347, 347.00), ('2023-05-02 00:00+08', 517, 517.00)$$, 'a later report posts the difference');
SELECT is((SELECT quantity FROM billing.usage_by_period WHERE account_id = 2 AND closes_at IS NOT NULL), 517::numeric, 'the running value is visible');
SELECT t.verify_is_empty();
SELECT * FROM finish();
