-- Levels that hold: meters of aggregation time_weighted.
\ir setup.psql
SELECT billing.install(start => '2020-01-01');
SELECT billing.open_account(name => 'a', account_id => n, at => '2020-01-01') FROM generate_series(1, 12) n;
SELECT billing.open_account(name => 'ny', account_id => 20, time_zone => 'America/New_York', at => '2020-01-01'), billing.open_account(name => 'k', account_id => 21, time_zone => 'Asia/Kolkata', at => '2020-01-01');
INSERT INTO billing.meter (meter, unit, aggregation, time_unit) VALUES ('storage', 'GB-hour', 'time_weighted', 'hour'), ('mean', 'GB-month', 'time_weighted', 'period'), ('days', 'GB-day', 'time_weighted', 'day'),
	('disk', 'GB-hour', 'time_weighted', 'hour'), ('mixed', 'GB-hour', 'time_weighted', 'hour'), ('ticks', 'GB-second', 'time_weighted', 'second'), ('minutes', 'GB-minute', 'time_weighted', 'minute');
INSERT INTO billing.price (meter, currency, tariff) SELECT m, 'USD', 'graduated: 1 beyond' FROM unnest(ARRAY['storage', 'mean', 'ticks', 'minutes']) m;
INSERT INTO billing.price (meter, currency, scope, tariff) VALUES ('disk', 'USD', 'resource', 'graduated: 1 beyond');
SELECT t.same($$SELECT DISTINCT post FROM billing.price$$, $$VALUES ('counter')$$, 'money moves when the period closes');

-- said once, charged for three months, and no more once it is 0
SELECT t.use(1, 'storage', 2, '2020-01-31 22:00'), t.use(1, 'mean', 31, '2020-01-31');
CALL billing.run('2020-04-10');
SELECT t.same('SELECT meter, period_start, quantity, amount FROM billing.charges WHERE account_id = 1 ORDER BY 1, 2',
	$$VALUES ('mean', '2020-01-01'::timestamptz, 1, 1), ('mean', '2020-02-01', 31, 31), ('mean', '2020-03-01', 31, 31),
		('storage', '2020-01-01', 4, 4), ('storage', '2020-02-01', 29 * 48, 29 * 48), ('storage', '2020-03-01', 31 * 48, 31 * 48)$$, 'a level that nobody repeats is charged month by month');
SELECT t.verify_is_empty();
SELECT t.use(1, 'storage', 0, '2020-04-20 06:30'), t.use(1, 'mean', 0, '2020-04-16');
CALL billing.run('2020-08-01 01:00');
SELECT t.same($$SELECT meter, quantity FROM billing.charges WHERE account_id = 1 AND period_start >= '2020-04-01' ORDER BY 1, 2$$,
	$$VALUES ('mean', 15.5), ('storage', (19 * 24 + 6.5) * 2)$$, 'until it is 0');
SELECT is_empty('SELECT * FROM billing.position WHERE account_id = 1 AND closes_at IS NOT NULL', 'then nothing waits any more');
SELECT t.verify_is_empty();

-- a late event ripples forward: March was 5 from the 11th on; then that is taken back on the 15th
SELECT t.use(1, 'storage', 5, '2020-03-11');
CALL billing.run('2020-08-01 02:00');
SELECT t.same($$SELECT period_start, sum(quantity) FROM billing.charges WHERE account_id = 1 AND meter = 'storage' GROUP BY 1 ORDER BY 1$$,
	$$VALUES ('2020-01-01'::timestamptz, 4), ('2020-02-01', 29 * 48), ('2020-03-01', 10 * 48 + 21 * 120), ('2020-04-01', (19 * 24 + 6.5) * 5)$$, 'in its own month and in those behind it');
SELECT t.verify_is_empty();
SELECT t.use(1, 'storage', 0, '2020-02-15'), t.use(1, 'storage', 7, '2020-04-30 23:00');
CALL billing.run('2020-08-01 03:00');
SELECT t.same($$SELECT period_start, sum(quantity), sum(amount) FROM billing.charges WHERE account_id = 1 AND meter = 'storage' GROUP BY 1 ORDER BY 1$$,
	$$VALUES ('2020-01-01'::timestamptz, 4, 4), ('2020-02-01', 14 * 48, 14 * 48), ('2020-03-01', 21 * 120, 21 * 120), ('2020-04-01', (19 * 24 + 6.5) * 5 + 7, (19 * 24 + 6.5) * 5 + 7),
		('2020-05-01', 31 * 24 * 7, 31 * 24 * 7), ('2020-06-01', 30 * 24 * 7, 30 * 24 * 7), ('2020-07-01', 31 * 24 * 7, 31 * 24 * 7)$$, 'what goes on is charged for the months that nobody had opened');
SELECT is((SELECT closes_at FROM billing.position WHERE account_id = 1 AND closes_at IS NOT NULL), '2020-09-01'::timestamptz, 'and waits for the end of this one');
SELECT t.verify_is_empty();

-- two resources in two regions: one counter, or one each; of one instant the greater key counts
SELECT t.use(2, m, 1, '2020-08-10', 'x', 'EU'), t.use(2, m, 2, '2020-08-11', 'y', 'US'), t.use(2, m, 0, '2020-08-12', 'x', 'EU'), t.use(2, m, 0, '2020-08-12', 'y', 'US') FROM unnest(ARRAY['storage', 'disk']) m;
SELECT billing.record_usage(3, 'storage', 5, 'a', '2020-08-10'), billing.record_usage(3, 'storage', 3, 'b', '2020-08-10'), t.use(3, 'storage', 0, '2020-08-10 01:00');
SELECT t.use(3, 'ticks', 2, '2020-08-10'), t.use(3, 'ticks', 0, '2020-08-10 00:00:01.5'), t.use(3, 'minutes', 1, '2020-08-10'), t.use(3, 'minutes', 0, '2020-08-10 00:00:20');
-- a day in New York with 25 hours, a month with 721; a month that begins at half past
INSERT INTO billing.price (meter, currency, account_id, counter, tariff) VALUES ('days', 'USD', 20, 'day', 'graduated: 24 beyond'), ('days', 'USD', 21, 'month', 'graduated: 1 beyond');
CALL billing.run('2020-09-01 01:00');
SELECT t.same('SELECT account_id, meter, resource, quantity FROM billing.charges WHERE account_id IN (2, 3) ORDER BY 1, 2, 3',
	$$VALUES (2, 'disk', 'x', 48), (2, 'disk', 'y', 48), (2, 'storage', '', 96), (3, 'minutes', '', 0.33333333333333333333), (3, 'storage', '', 3), (3, 'ticks', '', 3)$$, 'the levels of all resources, or of each');
SELECT t.use(20, 'days', 1, '2020-10-31 04:00'), t.use(20, 'days', 0, '2020-11-03 05:00'), t.use(20, 'mean', 721, '2020-11-02 05:00'), t.use(20, 'storage', 1, '2020-10-31'), t.use(21, 'days', 4, '2020-09-30 12:30');
CALL billing.run('2020-12-01 12:00');
SELECT t.same($$SELECT meter, quantity FROM billing.charges WHERE account_id = 20 ORDER BY meter, period_start$$,
	$$VALUES ('days', 1), ('days', 1.04166666666666666667), ('days', 1), ('mean', 29.0 * 24), ('storage', 28), ('storage', 721)$$, 'hours are elapsed time, also where a day has 25');
SELECT t.same($$SELECT period_start, quantity FROM billing.charges WHERE account_id = 21 ORDER BY 1$$,
	$$VALUES ('2020-08-31 18:30'::timestamptz, 1), ('2020-09-30 18:30', 31 * 4), ('2020-10-31 18:30', 30 * 4)$$, 'months of an account that end inside a cycle');
SELECT t.verify_is_empty();

-- a price that changes inside a period, in its line and in another one with a shorter counter; a region of its own
INSERT INTO billing.price (meter, currency, region, valid_from, counter, tariff) VALUES ('mixed', 'USD', '', '-infinity', 'month', 'graduated: 1 beyond'), ('mixed', 'USD', '', '2020-12-11', 'month', 'graduated: 2 beyond'),
	('mixed', 'USD', '', '2020-12-31', 'hour', 'graduated: 3 beyond'), ('mixed', 'USD', 'EU', '2020-12-21', 'day', 'graduated: 4 beyond');
SELECT t.use(a, 'mixed', 1, '2020-12-10', 'x', 'US'), t.use(a, 'mixed', 10, '2020-12-20', 'x', 'EU') FROM unnest(ARRAY[4, 5]) a;
CALL billing.run('2020-12-31 12:00');
SELECT t.verify_is_empty();
SELECT t.use(5, 'mixed', 2, '2020-12-30 12:00', 'x', 'US'), t.use(5, 'mixed', 0, '2020-12-21 12:00', 'x', 'EU');
CALL billing.run('2021-01-01 01:00');
SELECT t.verify_is_empty();
SELECT is((SELECT sum(exact_amount) FROM billing.charges WHERE account_id = 4 AND period_start < '2021-01-01'), 24 * (1 + 20 * 2 + 3) + 240 * (2 + 11 * 4.0), 'each price has its part of the time');
SELECT is((SELECT sum(exact_amount) FROM billing.charges WHERE account_id = 5 AND period_start < '2021-01-01'), 24 * (1 + 19.5 * 2 + 2 * 0.5 * 2 + 2 * 3) + 240 * (2 + 0.5 * 4), 'also where a late event changes it all');

-- in whatever order and pieces it comes
CREATE TABLE t.piece AS SELECT n, (n * 37 % 11)::numeric AS quantity, '2021-01-01'::timestamptz + n * n * 7 * interval '1 hour' AS at, 'r' || n % 3 AS resource FROM generate_series(1, 14) n;
CALL billing.run('2021-03-10');
SELECT billing.record_usage(6, 'storage', quantity, 'piece ' || n, at, resource => resource) FROM t.piece;
SELECT format('SELECT billing.record_usage(7, %L, quantity, %L || n, at, resource => resource) FROM t.piece WHERE n * 5 %% 14 = %s; CALL billing.run(%L)', 'storage', 'piece ', n,
	'2021-03-10'::timestamptz + n * interval '1 hour') FROM generate_series(0, 13) n \gexec
CALL billing.run('2021-04-01 01:00');
SELECT is(t.charged(7), t.charged(6), 'in pieces, late and out of order');
SELECT is((SELECT sum(quantity) FROM billing.charges WHERE account_id = 6 AND period_start < '2021-04-01'),
	(SELECT sum(quantity * extract(epoch FROM until - at)) / 3600 FROM (SELECT *, lead(at, 1, '2021-04-01') OVER (PARTITION BY resource ORDER BY at) AS until FROM t.piece) p), 'every level for as long as it held');
SELECT t.same($$SELECT meter, sum(quantity) FROM billing.invoice_lines WHERE account_id = 1 AND meter = 'storage' GROUP BY 1$$, $$SELECT 'storage', sum(quantity) FROM billing.charges WHERE account_id = 1 AND meter = 'storage' AND period_start < '2021-04-01'$$, 'and on the invoices');

-- worked examples of the clouds: 1 GB for 5 days and 3 for 25 (R2); 10 GB for 16 days of 31 (COS); 4 GiB a month and 5 GiB for 16 days of it, in hours (S3)
SELECT t.use(8, 'mean', 1, '2021-04-01'), t.use(8, 'mean', 3, '2021-04-06'), t.use(8, 'mean', 0, '2021-05-01'), t.use(9, 'mean', 10, '2021-05-01'), t.use(9, 'mean', 0, '2021-05-17'),
	t.use(10, 'storage', 4294967296, '2021-05-01', 'a'), t.use(10, 'storage', 5368709120, '2021-05-16', 'b'), t.use(10, 'storage', 0, '2021-06-01', r) FROM unnest(ARRAY['a', 'b']) r;
CALL billing.run('2021-06-01 01:00');
SELECT t.same('SELECT account_id, quantity FROM billing.charges WHERE account_id IN (8, 9, 10) AND quantity <> 0 ORDER BY 1',
	'VALUES (8, 2.66666666666666666667), (9, 5.16129032258064516129), (10, 5257039970304)', 'CF-10, COS-17, S3-06');

INSERT INTO billing.plan (plan, product, currency, fee, term) VALUES ('disk', 'disk', 'USD', 0, '1 month');
SELECT t.refuses($$INSERT INTO billing.price (meter, plan, currency, tariff) VALUES ('storage', 'disk', 'USD', 'graduated: 1 beyond')$$, '22023', 'storage', 'a level has no plan');
SELECT t.refuses($$INSERT INTO billing.price (meter, plan, currency, counter, tariff) VALUES ('storage', 'disk', 'USD', 'term', 'graduated: 1 beyond')$$, '22023', 'storage', 'and so no term');
SELECT t.refuses($$INSERT INTO billing.price (meter, region, currency, weekdays, tariff) VALUES ('storage', 'EU', 'USD', '{6,7}', 'graduated: 1 beyond')$$, '22023', 'storage', 'a level has no weekdays');
SELECT t.refuses($$INSERT INTO billing.price (meter, currency, valid_from, tariff) VALUES ('storage', 'USD', '2020-03-02', 'graduated: 1 beyond')$$, 'UB007', 'storage', 'no price goes back behind what is settled');
SELECT throws_ok($$INSERT INTO billing.meter (meter, unit, aggregation, time_unit) VALUES ('bad', 'x', 'time_weighted', 'year')$$, '23514', NULL, 'no other unit');
SELECT t.verify_is_empty();

-- nothing that goes on by the hour any more
SELECT t.use(a, 'mixed', 0, '2021-06-01 00:30', 'x', r) FROM unnest(ARRAY[4, 5]) a, unnest(ARRAY['US', 'EU']) r;
-- money at quantity 0: a period that another level had opened, and that an event that comes late empties, is as if it had never been opened
INSERT INTO billing.price (meter, currency, valid_from, tariff) VALUES ('days', 'USD', '2021-06-02', 'graduated min 7 zero flat: flat 2 + 1 beyond');
SELECT t.use(n, 'days', 3, '2021-06-29') FROM generate_series(4, 7) n;
SELECT t.use(4, 'days', 0, '2021-06-30'), t.use(7, 'days', 0, '2021-07-10');	-- in time
CALL billing.run('2021-07-20');
SELECT t.use(5, 'days', 0, '2021-06-30'), t.use(7, 'days', 0, '2021-06-30');	-- June has closed, July is open
SELECT is((SELECT sum(exact_amount) FROM billing.usage_by_period WHERE account_id = 5 AND meter = 'days' AND closes_at IS NOT NULL), 3 * 19.0 + 2, 'as long as nobody has said so');
CALL billing.run('2021-07-20 02:00');
SELECT is((SELECT sum(exact_amount) FROM billing.usage_by_period WHERE account_id = 5 AND meter = 'days' AND closes_at IS NOT NULL), 0::numeric, 'nothing is expected of it');
CALL billing.run('2021-08-10');
SELECT t.use(6, 'days', 0, '2021-06-30');	-- so has July
CALL billing.run('2021-09-01 01:00');
SELECT t.same($$SELECT account_id, sum(quantity), sum(exact_amount), sum(amount) FROM billing.charges WHERE meter = 'days' AND account_id BETWEEN 4 AND 7 GROUP BY 1 ORDER BY 1$$,
	'VALUES (4, 3, 7, 7), (5, 3, 7, 7), (6, 3, 7, 7), (7, 3, 14, 14)', 'where an event of 0 is, the minimum is due; where none is, nothing');
SELECT t.verify_is_empty();

-- usage that waits for a price is a level from its own time on, as soon as there is one
SELECT t.use(n, 'later', 2, '2021-09-01 12:00') FROM generate_series(8, 9) n;
SELECT t.use(8, 'later', 1, '2021-09-03 12:00');
INSERT INTO billing.meter (meter, unit, aggregation, time_unit) VALUES ('later', 'GB-hour', 'time_weighted', 'hour');
CALL billing.run('2021-09-05');
SELECT is_empty($$SELECT * FROM billing.level WHERE meter = 'later'$$, 'what waits says nothing');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('later', 'USD', 'graduated: 1 beyond');
CALL billing.run('2021-11-01 01:00');
SELECT t.same($$SELECT account_id, period_start, quantity FROM billing.charges WHERE meter = 'later' ORDER BY 1, 2$$, $$VALUES (8, '2021-09-01'::timestamptz, 48 * 2 + 27.5 * 24), (8, '2021-10-01', 744),
	(9, '2021-09-01', 29.5 * 48), (9, '2021-10-01', 1488)$$, 'later than all of it');
SELECT t.verify_is_empty();

-- what is kept of the days before a window
SELECT t.use(11, 'disk', n, '2021-11-01'::timestamptz + n * interval '36 hours', 'x') FROM generate_series(1, 4) n;
CALL billing.run('2021-11-10');
SELECT t.use(11, 'disk', 9, '2021-11-03', 'x'), t.use(11, 'disk', 8, '2021-11-05', 'x'), t.use(11, 'disk', 7, '2021-11-07 01:00', 'x');
CALL billing.run('2021-11-10 01:00');
SELECT t.same($$SELECT day, quantity, next_day FROM billing.level WHERE account_id = 11 ORDER BY 1$$, $$VALUES ('2021-11-02'::timestamptz, 1, '2021-11-03'::timestamptz), ('2021-11-03', 9, '2021-11-04'), ('2021-11-04', 2, '2021-11-05'),
	('2021-11-05', 3, '2021-11-07'), ('2021-11-07', 7, 'infinity')$$, 'the last level of each day, whenever it came');
CALL billing.run('2021-12-01 01:00');
SELECT t.same($$SELECT quantity FROM billing.charges WHERE account_id = 11$$, 'VALUES (12 * 1 + 24 * 9 + 24 * 2 + 12 * 8 + 36 * 3 + 1 * 4 + 575 * 7)', 'each for as long as it held');
SELECT t.verify_is_empty();
UPDATE billing.level SET next_day = 'infinity' WHERE account_id = 11 AND day = '2021-11-05';
SELECT is((SELECT count(*) FROM billing.verify() WHERE problem = 'level'), 1::bigint, 'verify() finds a level that is kept for too long');
UPDATE billing.level SET next_day = '2021-11-07', quantity = 30 WHERE account_id = 11 AND day = '2021-11-05';
SELECT is((SELECT count(*) FROM billing.verify() WHERE problem = 'level'), 1::bigint, 'and one that nobody has said');
DELETE FROM billing.level WHERE account_id = 11;
SELECT is((SELECT count(*) FROM billing.verify() WHERE problem = 'level'), 5::bigint, 'and those that are not kept');
DELETE FROM billing.position WHERE account_id = 20 AND period_start = '2020-11-01 04:00' AND closes_at IS NULL;
SELECT ok(EXISTS (SELECT FROM billing.verify() WHERE problem = 'level without position'), 'verify() finds a position that was not opened');
SELECT * FROM finish();
