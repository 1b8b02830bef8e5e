-- _next_used() finds the first hour with usage in whatever order rows lie, without reading all of them.
\ir setup.psql
SELECT billing.install(start => '2026-01-01');
INSERT INTO billing.meter VALUES ('m', 'unit', 'sum'), ('z', 'unit', 'sum');
INSERT INTO billing.meter (meter, unit, aggregation, settled_by) VALUES ('peak', 'Gbps', 'max', 'day');
CREATE FUNCTION t.fill(first timestamptz, last timestamptz, number_of integer) RETURNS SETOF void LANGUAGE sql AS $$
	-- in a quarter of the hours; two in three in step, of which a third waits for the end of its day
	INSERT INTO billing.usage (account_id, meter, event_time, event_key, quantity, arrived)
	SELECT n % 100 + 1, CASE WHEN n % 3 = 0 THEN 'peak' WHEN n % 3 = 1 THEN 'm' ELSE 'z' END, h.at + random() * interval '59 minutes', n::text, 1,
		billing.cycle_of(h.at) + CASE WHEN random() < 0.67 THEN -floor(random() * 24)::integer ELSE floor(random() * 50)::integer END
	FROM generate_series(1, number_of) n
	CROSS JOIN LATERAL (SELECT date_trunc('hour', first + random() * (last - first)) AS at WHERE n > 0) h
	WHERE hashint8(billing.cycle_of(h.at)) % 4 = 0
$$;
CREATE FUNCTION t.first_used(from_cycle integer, until_cycle integer) RETURNS integer LANGUAGE sql AS $$
	SELECT min(k.cycle) FROM billing.usage u CROSS JOIN LATERAL billing.cycle_of(u.arrived, u.event_time) k(cycle)
	WHERE k.cycle >= from_cycle AND k.cycle < until_cycle AND (u.meter <> 'peak' OR NOT billing._in_step(u.arrived, u.event_time))
$$;
CREATE VIEW t.wrong AS
SELECT s.from_cycle, s.until_cycle, billing._next_used(s.from_cycle, s.until_cycle) AS found, t.first_used(s.from_cycle, s.until_cycle) AS used
FROM (SELECT c AS from_cycle, c + n AS until_cycle
	FROM generate_series(billing.cycle_of('2025-12-31'), billing.cycle_of('2026-03-05'), 37) c, unnest(ARRAY[-1, 0, 1, 2, 7, 30, 200, 2000]) n) s
WHERE billing._next_used(s.from_cycle, s.until_cycle) IS DISTINCT FROM t.first_used(s.from_cycle, s.until_cycle);
SELECT setseed(0.4);

SELECT is_empty('SELECT * FROM t.wrong', 'without usage');
SELECT t.fill('2026-01-20', '2026-01-21', 40);
SELECT is_empty('SELECT * FROM t.wrong', 'with usage of a day');
SELECT t.fill('2026-01-01', '2026-03-01', 60000);
SELECT cmp_ok(pg_relation_size('billing.usage_202601') / 8192, '>', 64::bigint, 'of more block ranges than one');
SELECT is_empty('SELECT * FROM t.wrong', 'scattered over months, in block ranges that nobody has summarized');
SELECT billing._summarize_usage();
SELECT is_empty('SELECT * FROM t.wrong', 'summarized');
INSERT INTO billing.usage (account_id, meter, event_time, event_key, quantity, arrived)
SELECT 7, 'm', at, 'back ' || at, 1, billing.cycle_of(at) FROM generate_series('2026-02-27'::timestamptz, '2026-02-02', '-3 hours') at;
SELECT is_empty('SELECT * FROM t.wrong', 'from the last hour to the first');
INSERT INTO billing.usage (account_id, meter, event_time, event_key, quantity, arrived)
SELECT 7, 'm', at, 'march ' || at, 1, billing.cycle_of(at) FROM unnest(ARRAY[9, 4, 2, 6]) WITH ORDINALITY h(hour, n)
CROSS JOIN LATERAL (SELECT '2026-03-20'::timestamptz + hour * interval '1 hour') e(at) ORDER BY n;
SELECT is(billing._next_used(billing.cycle_of('2026-03-20'), billing.cycle_of('2026-03-20 20:00')), billing.cycle_of('2026-03-20 02:00'), 'in no order, where halving ends');

-- What a caller has switched off for its own plan must not make it read all there is.
INSERT INTO billing.usage (account_id, meter, event_time, event_key, quantity, arrived)
SELECT n % 100 + 1, 'm', at, 'april ' || n, 1, billing.cycle_of(at)
FROM generate_series(0, 19999) n CROSS JOIN LATERAL (SELECT '2026-04-01'::timestamptz + n * interval '1 minute' + CASE WHEN n < 12000 THEN interval '0' ELSE '1 day' END) e(at);
SELECT brin_summarize_new_values(indexrelid) > 1 FROM pg_index WHERE indrelid = 'billing.usage_202604'::regclass AND indexrelid::regclass::text ~ 'event_time_meter';
ANALYZE billing.usage;
CREATE FUNCTION t.rows_read() RETURNS bigint LANGUAGE sql AS
$$ SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint FROM pg_stat_xact_user_tables WHERE relname = 'usage_202604' $$;
SET enable_bitmapscan = off;
BEGIN;
SELECT t.rows_read() AS before \gset
SELECT is(billing._next_used(billing.cycle_of('2026-04-09 10:00'), billing.cycle_of('2026-04-10 06:00')), NULL, 'a night that nobody used');
SELECT cmp_ok(t.rows_read() - :before, '<', 7000::bigint, 'is known from two of the block ranges');
COMMIT;
RESET enable_bitmapscan;

-- and each row is settled once
INSERT INTO billing.price (meter, currency, tariff) SELECT m, 'USD', 'graduated: 1 beyond' FROM unnest(ARRAY['m', 'z', 'peak']) m;
SELECT billing.open_account(name => 'a', account_id => n, credit_limit => 1e9, at => '2026-01-01') FROM generate_series(1, 100) n;
CALL billing.run('2026-04-20');
SELECT t.same($$SELECT meter, sum(quantity) FROM billing.charge WHERE meter <> 'peak' GROUP BY meter ORDER BY meter$$,
	$$SELECT meter, count(*)::numeric FROM billing.usage WHERE meter <> 'peak' GROUP BY meter ORDER BY meter$$, 'each row is settled once');
SELECT is_empty('SELECT FROM billing.unrated', 'and none is left');
SELECT is(billing._next_due('2026-06-01'), (SELECT '2026-04-21'::timestamptz + settle_delay FROM billing.installation), 'the clock rings next when a day ends');
SELECT t.use(1, 'm', 1, '2026-04-20 05:10');
SELECT is(billing._next_due('2026-06-01'), (SELECT '2026-04-20 06:00'::timestamptz + settle_delay FROM billing.installation), 'but for usage that settles before');
CALL billing.run('2026-05-02');
SELECT is((SELECT c.amount FROM billing.charge c WHERE c.cycle = billing.cycle_of('2026-04-20 05:00') AND c.meter = 'm'), 1::numeric, 'which does');
SELECT t.verify_is_empty();
SELECT * FROM finish();
