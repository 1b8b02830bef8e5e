-- tick, settle and run: the clock goes forward only, and nothing else than READ COMMITTED will do.
\ir setup.psql
SELECT billing.install(start => '2020-01-01 00:20', settle_delay => '90 minutes');
SELECT is((SELECT start_at FROM billing.installation), '2020-01-01 00:00+00'::timestamptz, 'the start is a full UTC hour');
INSERT INTO billing.meter VALUES ('m', 'unit', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('m', 'USD', 'graduated: 1 beyond');
SELECT billing.open_account(name => 'a', account_id => 1, at => '2020-01-01');
SELECT t.use(1, 'm', 1, '2020-01-01 00:10'), t.use(1, 'm', 1, '2020-01-01 00:59:59.999999');

-- the watermark trails the clock by settle_delay
CALL billing.tick('2020-01-01 02:29:59');
SELECT is(t.charged(1), 0::numeric, 'an hour is not settled before settle_delay is over');
CALL billing.tick('2020-01-01 02:30');
SELECT is(t.charged(1), 2::numeric, 'and is when it is');
SELECT t.same('SELECT at FROM billing.heartbeat', $$VALUES ('2020-01-01 02:30+00'::timestamptz)$$, 'each ring leaves a heartbeat');
SELECT t.use(1, 'm', 1, '2020-01-01 01:30');
CALL billing.settle('2020-01-01 02:00');
SELECT is(t.charged(1), 3::numeric, 'settle does not wait for settle_delay');
SELECT is((SELECT cycle FROM billing.charges ORDER BY charge_id DESC LIMIT 1), billing.cycle_of('2020-01-01 01:00'), 'and that hour is settled in its own cycle');

-- back in time: tick and settle do nothing, run refuses
CREATE TABLE t.before AS SELECT * FROM t.snapshot() s WHERE s !~ '^billing.heartbeat';
CALL billing.tick('2020-01-01 00:00');
CALL billing.tick('2019-01-01');
CALL billing.settle('2020-01-01 00:00');
SELECT t.same($$SELECT s FROM t.snapshot() s WHERE s !~ '^billing.heartbeat'$$, 'SELECT * FROM t.before', 'an earlier instant has nothing to do');
SELECT is((SELECT at FROM billing.heartbeat), '2020-01-01 02:30+00'::timestamptz, 'nor does the heartbeat go back');
SELECT t.refuses($$CALL billing.run('2020-01-01 00:30')$$, 'UB010', '2020-01-01 00:30', 'run does not go back');
SELECT t.refuses($$CALL billing.run('infinity')$$, 'UB010', 'infinity', 'run to infinity')
WHERE t.error_of($$CALL billing.run('infinity')$$) LIKE 'UB010%';
SELECT isnt(t.error_of(format('CALL billing.%s(%L)', c, i)), NULL, format('%s at %s is refused', c, i))
FROM unnest(ARRAY['tick', 'settle', 'run']) c, unnest(ARRAY['infinity', '-infinity', '294276-12-31']) i;
SELECT isnt(t.error_of(format('CALL billing.%s(NULL)', c)), NULL, format('%s at NULL is refused', c)) FROM unnest(ARRAY['tick', 'settle', 'run']) c;

-- isolation levels
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT matches(t.error_of($$CALL billing.tick('2020-01-02')$$), '^25', 'tick refuses REPEATABLE READ');
SELECT matches(t.error_of($$CALL billing.settle('2020-01-02')$$), '^25', 'settle does');
SELECT matches(t.error_of($$CALL billing.run('2020-01-02')$$), '^25', 'run does');
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT matches(t.error_of($$CALL billing.tick('2020-01-02')$$), '^25', 'and SERIALIZABLE');
ROLLBACK;
SELECT t.same($$SELECT s FROM t.snapshot() s WHERE s !~ '^billing.heartbeat'$$, 'SELECT * FROM t.before', 'nothing has changed');

-- run rings where something is due, and at its end
SELECT t.use(1, 'm', 1, '2020-01-10 00:10'), t.use(1, 'm', 1, '2020-03-10 00:10');
CALL billing.run('2020-03-20');
SELECT t.same('SELECT cycle_start, amount FROM billing.charges ORDER BY charge_id OFFSET 2',
	$$VALUES ('2020-01-10 00:00+00'::timestamptz, 1), ('2020-03-10 00:00+00', 1)$$, 'each cycle in its order');
SELECT t.same('SELECT period_start, issued_at FROM billing.invoices ORDER BY number',
	$$VALUES ('2020-01-01 00:00+00'::timestamptz, '2020-02-01 01:30+00'::timestamptz)$$, 'the invoice is issued when the month is over and settle_delay with it');
SELECT is((SELECT at FROM billing.heartbeat), '2020-03-20 00:00+00'::timestamptz, 'the last ring is at its end');
CALL billing.run('2020-03-20');
SELECT pass('the same instant again is no step back');

-- one tick after a long silence does the same as many
SELECT t.use(1, 'm', 10, at) FROM generate_series('2020-03-25 00:10'::timestamptz, '2020-06-20', '5 days 7 hours') at;
CALL billing.tick('2020-07-02');
SELECT t.same('SELECT period_start, subtotal FROM billing.invoices ORDER BY number',
	$$VALUES ('2020-01-01 00:00+00'::timestamptz, 4), ('2020-03-01', 21), ('2020-04-01', 50), ('2020-05-01', 60), ('2020-06-01', 40)$$,
	'three months that nobody rang for end in the same invoices');
SELECT is((SELECT count(*) FROM billing.unrated_usage), 0::bigint, 'and nothing is left');

-- more partitions as the clock goes on
SELECT is((SELECT usage_until FROM billing.installation), '2020-11-01 00:00+00'::timestamptz, 'usage is taken three months beyond the month of the watermark');
SELECT is((SELECT count(*) FROM pg_inherits WHERE inhparent = 'billing.usage'::regclass), 11::bigint, 'in a partition for each month');

-- tick without an argument is now
SELECT lives_ok('CALL billing.tick()', 'tick by the real clock');
SELECT cmp_ok((SELECT billing.cycle_start(cycle) FROM billing.barrier WHERE mark = 'watermark'), '>', now() - interval '3 hours', 'the watermark is there');
SELECT t.same($$SELECT bool_and(ok) FROM billing.health() WHERE topic NOT LIKE 'cron%'$$, 'VALUES (true)', 'health() says that all is well');
SELECT t.verify_is_empty();
SELECT * FROM finish();
