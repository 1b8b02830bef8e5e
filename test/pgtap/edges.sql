-- Settings and values at the edge, each of which once made a bill wrong or stopped the billing of others.
\ir setup.psql
SET DateStyle = 'SQL, DMY';
SET TimeZone = 'Asia/Kolkata';
SELECT billing.install(start => '2026-01-01 00:00+00');
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SELECT is((SELECT start_at FROM billing.installation), '2026-01-01 00:00+00'::timestamptz, 'the start does not depend on DateStyle and TimeZone');
SELECT lives_ok($$INSERT INTO billing.usage (account_id, meter, event_time, quantity) VALUES (9, 'none', '2026-01-01 00:00+00', 0)$$, 'neither do constraints and partitions');
CALL billing.tick('2026-01-01 05:00+00');

-- numbers
SELECT t.refuses($$SELECT billing.open_account(name => 'last', account_id => 9223372036854775807)$$, '22023', '9223372036854775807', 'the last number of all lies in no shard');
SELECT throws_ok($$INSERT INTO billing.usage (account_id, meter, event_time, quantity) VALUES (9223372036854775807, 'v', '2026-01-01', 1)$$,
	'23514', NULL, 'nor does its usage go in');
SELECT t.refuses($$SELECT billing.open_account(name => 'x', payment_terms => '170000000 years')$$, '22023', 'x', 'payment terms beyond all calendars would stop the numbering of all invoices');
SELECT t.refuses($$SELECT billing.open_account(name => 'x', key => repeat('k', 256))$$, '22023', '256', 'a key that no index holds');
SELECT billing.open_account(name => 'old', account_id => 2, at => '1971-01-01');
SELECT is((SELECT invoice_period FROM billing.account_state WHERE account_id = 2), '2026-01-01'::timestamptz, 'an account of long ago has its first invoice in the first month of all');
SET intervalstyle = 'postgres';
SELECT billing.open_account(name => 'terms', account_id => 3, payment_terms => '14 days', key => 'open', at => '2026-01-01');
SET intervalstyle = 'iso_8601';
SELECT is(billing.open_account(name => 'terms', account_id => 3, payment_terms => '14 days', key => 'open', at => '2026-01-01'), 3::bigint, 'a repeated call does not depend on IntervalStyle');

-- Two prices of one line, money at the counter's end, an account that waits in quarantine across the month's end.
INSERT INTO billing.meter (meter, unit, aggregation) VALUES ('v', 'x', 'sum'), ('hard', 'x', 'sum'), ('late', 'x', 'sum');
INSERT INTO billing.price (meter, currency, tariff, valid_from, post) VALUES
	('v', 'USD', 'graduated: 1 beyond', '-infinity', 'counter'), ('v', 'USD', 'graduated: 2 beyond', '2026-01-15', 'counter');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('hard', 'USD', 'graduated: 1 up to 100');
SELECT billing.open_account(name => 'A', account_id => 1, at => '2026-01-01');
SELECT t.use(1, 'v', 10, '2026-01-05'), t.use(1, 'v', 10, '2026-01-16');
CALL billing.tick('2026-01-18');
SELECT t.use(1, 'hard', 500, '2026-01-19');
CALL billing.tick('2026-02-02');
SELECT t.use(1, 'v', 1, '2026-01-20');
CALL billing.tick('2026-02-03');
INSERT INTO billing.price (meter, account_id, currency, tariff) VALUES ('hard', 1, 'USD', 'graduated: 1 beyond');
CALL billing.tick('2026-02-04');
SELECT is((SELECT count(*) FROM billing.quarantine), 0::bigint, 'it is out again');
SELECT is((SELECT total FROM billing.invoices WHERE account_id = 1), 530::numeric, 'its timers ran in their places: 10 + 20 + 500 in January');
SELECT is(t.charged(1), 532::numeric, 'and the late unit is for February');
SELECT t.verify_is_empty();

-- unrated usage that fails when it is tried again stays in quarantine until its cause is gone
SELECT t.use(1, 'late', 500, '2026-02-05 01:00');
CALL billing.tick('2026-02-06');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('late', 'USD', 'graduated: 1 up to 100');
CALL billing.tick('2026-02-07');
CALL billing.tick('2026-02-08');
SELECT is((SELECT count(*) FROM billing.quarantine WHERE account_id = 1), 1::bigint, 'it is not forgotten');
INSERT INTO billing.price (meter, account_id, currency, tariff) VALUES ('late', 1, 'USD', 'graduated: 1 beyond');
CALL billing.tick('2026-02-09');
SELECT is((SELECT count(*) FROM billing.quarantine), 0::bigint, 'until it can be settled');
SELECT is(t.charged(1, 'late'), 500::numeric, 'and then it is');
SELECT t.verify_is_empty();

-- what else a hostile tester found
SELECT t.refuses($$UPDATE billing.meter SET aggregation = 'max' WHERE meter = 'v'$$, 'UB007', 'v', 'a meter with prices does not change');
SELECT t.refuses(format('SELECT billing.record_usage(1, %L, 2, %L, %L)', 'v', u.event_key, u.event_time), 'UB004', u.event_key, 'an event''s key with another quantity')
FROM billing.usage u WHERE meter = 'v' LIMIT 1;
SELECT is(billing.record_usage(1, 'v', u.quantity, u.event_key, u.event_time), false, 'the same event again is no error')
FROM billing.usage u WHERE meter = 'v' LIMIT 1;
CALL billing.tick('2026-03-05');
SELECT billing.open_account(name => 'late', account_id => 8, at => '2026-02-10');
SELECT t.verify_is_empty();
-- an invoice below 0 is money like any other
SELECT billing.open_account(name => 'credit', account_id => 5, at => '2026-03-05');
SELECT billing.adjust(5, -50, 'set-up', at => '2026-03-05');
CALL billing.tick('2026-04-02');
SELECT billing.adjust(5, 15, 'sorry', at => '2026-04-02');
SELECT is((SELECT outstanding FROM billing.invoices WHERE account_id = 5), 35::numeric, 'a credit that is not on an invoice yet');
CALL billing.tick('2026-05-02');
SELECT t.same('SELECT total, outstanding FROM billing.invoices WHERE account_id = 5 ORDER BY number', 'VALUES (50, 35), (-15, 0)', 'and on one');
SELECT billing.top_up(5, 35);
SELECT t.same('SELECT state FROM billing.invoices WHERE account_id = 5 ORDER BY number', $$VALUES ('paid'), ('paid')$$, 'paid is paid');
SELECT t.verify_is_empty();
SELECT * FROM finish();
