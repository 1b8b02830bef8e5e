-- Meters that are settled by the day: their usage is read once, when a day ends, and costs what it costs when it is read by the hour.
\ir setup.psql
SELECT billing.install(start => '2026-02-26');
INSERT INTO billing.meter (meter, unit, aggregation, settled_by) VALUES ('peak', 'Gbps', 'max', 'day'), ('high', 'Gbps', 'max', 'day');
INSERT INTO billing.meter (meter, unit, aggregation) VALUES ('hourly', 'Gbps', 'max'), ('traffic', 'GB', 'sum');
INSERT INTO billing.price (meter, currency, counter, scope, tariff) SELECT m, 'USD', 'day', 'resource', 'volume: flat 10 up to 10, flat 20 up to 20, flat 50 up to 1000' FROM unnest(ARRAY['peak', 'hourly']) m;
INSERT INTO billing.price (meter, currency, counter, tariff) VALUES ('high', 'USD', 'month', 'volume: 1 beyond'), ('traffic', 'USD', 'month', 'volume: 1 beyond');
SELECT billing.open_account(name => 'a', account_id => n, time_zone => z, credit_limit => 1e9, at => '2026-02-26')
FROM (VALUES (1, 'UTC'), (2, 'Asia/Kolkata'), (3, 'America/New_York'), (4, 'UTC')) a(n, z);
CREATE FUNCTION t.both(account_id bigint, quantity numeric, at timestamptz, resource text) RETURNS SETOF void LANGUAGE sql AS
$$ SELECT t.use(account_id, 'peak', quantity, at, resource) UNION ALL SELECT t.use(account_id, 'hourly', quantity, at, resource) $$;
CREATE FUNCTION t.sides(OUT by_day text, OUT by_hour text) LANGUAGE sql AS $$
	SELECT string_agg(format('%s %s %s', account_id, period_start, amount), E'\n' ORDER BY account_id, period_start, resource, amount) FILTER (WHERE meter = 'peak'),
		string_agg(format('%s %s %s', account_id, period_start, amount), E'\n' ORDER BY account_id, period_start, resource, amount) FILTER (WHERE meter = 'hourly')
	FROM (SELECT account_id, meter, period_start, resource, sum(amount) AS amount FROM billing.charges GROUP BY 1, 2, 3, 4) c
$$;

-- every 2 hours and 7 minutes, two days of two instances of each
SELECT t.both(a, (a * 7 + h * 13 + i * 5) % 30, '2026-02-27 00:00+00'::timestamptz + h * interval '127 minutes', 'ip-' || i)
FROM generate_series(1, 3) a, generate_series(0, 21) h, generate_series(1, 2) i;
SELECT t.use(1, 'high', h, '2026-02-27'::timestamptz + h * interval '1 hour') FROM generate_series(0, 23) h;
CALL billing.run('2026-02-27 04:59+00');
SELECT is_empty($$SELECT FROM billing.position o JOIN billing.price_line l USING (line_id) WHERE l.meter IN ('peak', 'high')$$, 'nothing is read before a day ends');
SELECT is((SELECT max(quantity) FROM billing.usage_by_day WHERE account_id = 1 AND meter = 'peak'), 28::numeric, 'and usage_by_day shows it');
SELECT t.verify_is_empty();
CALL billing.run('2026-02-27 18:00+00');
SELECT is(t.charged(2), 0.00, 'the day of Kolkata ends at half past');
CALL billing.run('2026-02-27 19:00+00');
SELECT cmp_ok(t.charged(2), '>', 0.00, 'and is charged');
SELECT is((SELECT at FROM billing.transfer WHERE account_id = 2 AND kind = 'usage'), '2026-02-27 18:30+00', 'at its very end');
SELECT is(t.charged(1), 0.00, 'while the others'' go on');
SELECT t.verify_is_empty();

-- late for an hour of today, and for yesterday; and early, for tomorrow
SELECT t.both(1, 700, '2026-02-27 03:00+00', 'ip-1'), t.both(2, 700, '2026-02-27 10:00+00', 'ip-1'), t.both(3, 700, '2026-03-01 10:00+00', 'ip-1');
CALL billing.run('2026-02-27 20:00+00');
SELECT t.same($$SELECT account_id, resource, sum(amount) FROM billing.charges WHERE meter = 'peak' AND account_id < 3 AND resource = 'ip-1' AND amount <> 0 GROUP BY 1, 2$$,
	$$VALUES (2, 'ip-1', 50.00)$$, 'the difference of a day that was charged is posted with the hour of its arrival; today''s waits');
SELECT t.verify_is_empty();
CALL billing.run('2026-02-28 00:00+00');
SELECT is((SELECT sum(amount) FROM billing.charges WHERE account_id = 1 AND meter = 'peak' AND resource = 'ip-1'), 50.00, 'and then counts');
SELECT t.same($$SELECT quantity, exact_amount, posted_amount FROM billing.usage_by_period WHERE meter = 'high'$$, 'VALUES (23, 23, 0)', 'a counter of a month stands where its days have brought it');
CALL billing.run('2026-03-01 06:00+00');
SELECT is(s.by_day, s.by_hour, 'to the cent what an hour by hour reading charges') FROM t.sides() s;
SELECT is((SELECT amount FROM billing.charges WHERE meter = 'high' AND amount <> 0), 23.00, 'the month is charged when it closes');
SELECT is((SELECT count(DISTINCT cycle) FROM billing.charges WHERE meter = 'peak' AND account_id = 1 AND quantity <> 0), 6::bigint, 'with the three cycles a day in which one ends somewhere');
SELECT t.same($$SELECT detail FROM billing.explain_charge(1, (SELECT min(charge_id) FROM billing.charges WHERE account_id = 1 AND meter = 'peak' AND resource = 'ip-2' AND quantity <> 0)) WHERE what = 'usage'$$,
	$$SELECT '3 events of peak by ip-2 from 2026-02-27 00:00:00+00 to 2026-02-27 04:14:00+00, settled with the cycle of 2026-02-27 04:00:00+00'$$, 'an explanation counts the day''s events');
SELECT t.verify_is_empty();

-- a price that changes at noon; a catalogue that comes late; an account that does
INSERT INTO billing.price (meter, currency, counter, scope, tariff, valid_from) SELECT m, 'USD', 'day', 'resource', 'volume: flat 1 up to 1000', '2026-03-02 12:00+00' FROM unnest(ARRAY['peak', 'hourly']) m;
SELECT t.both(1, 15, '2026-03-02 10:00+00', 'ip-1'), t.both(1, 5, '2026-03-02 14:00+00', 'ip-1'), t.both(1, 5, '2026-03-02 15:00+00', 'ip-2');
SELECT t.use(1, 'new', 3, '2026-03-02 10:00+00');
SELECT t.both(9, 15, '2026-03-02 10:00+00', 'ip-1');
CALL billing.run('2026-03-02 13:00+00');
INSERT INTO billing.meter (meter, unit, aggregation, settled_by) VALUES ('new', 'Gbps', 'max', 'day');
SELECT t.use(1, 'new', 4, '2026-03-02 14:00+00'), t.use(1, 'new', 2, '2026-03-02 20:00+00');
CALL billing.run('2026-03-03 06:00+00');
SELECT is(s.by_day, s.by_hour, 'two prices of one day, and nothing of an account that is not there') FROM t.sides() s;
SELECT t.same($$SELECT account_id, meter, count(*) FROM billing.unrated_usage GROUP BY 1, 2 ORDER BY 1, 2$$, $$VALUES (1, 'new', 3), (9, 'hourly', 1), (9, 'peak', 1)$$, 'what has no price or account waits for it');
SELECT t.verify_is_empty();
INSERT INTO billing.price (meter, currency, counter, tariff) VALUES ('new', 'USD', 'day', 'volume: 7 beyond');
SELECT billing.open_account(name => 'late', account_id => 9, time_zone => 'Asia/Kathmandu', credit_limit => 1e9, at => '2026-02-26');
CALL billing.run('2026-03-04 06:00+00');
SELECT is((SELECT sum(amount) FROM billing.charges WHERE meter = 'new'), 28.00, 'once');
SELECT is(s.by_day, s.by_hour, 'and the account') FROM t.sides() s;
SELECT is_empty('SELECT FROM billing.unrated', 'nothing waits');
SELECT t.verify_is_empty();

-- an account that can not be rated, and is tried again when it has a price of its own
SELECT t.both(4, 5000, '2026-03-05 10:00+00', 'ip-1'), t.both(4, 5, '2026-03-05 22:00+00', 'ip-2'), t.both(1, 5, '2026-03-05 11:00+00', 'ip-1');
SELECT t.use(4, 'traffic', 1, '2026-03-06 05:30+00');
CALL billing.run('2026-03-06 04:00+00');
SELECT t.both(4, 6, '2026-03-06 02:00+00', 'ip-2'), t.both(4, 7, '2026-03-06 10:00+00', 'ip-3');
CALL billing.run('2026-03-06 12:00+00');
SELECT is((SELECT count(*) FROM billing.quarantine WHERE account_id = 4), 1::bigint, 'beyond the hard end of a tariff');
SELECT t.verify_is_empty();
INSERT INTO billing.price (meter, currency, counter, scope, tariff, account_id) SELECT m, 'USD', 'day', 'resource', 'volume: flat 3 beyond', 4 FROM unnest(ARRAY['peak', 'hourly']) m;
CALL billing.run('2026-03-06 15:00+00');
SELECT is((SELECT count(*) FROM billing.quarantine), 0::bigint, 'it leaves quarantine');
SELECT t.verify_is_empty();
CALL billing.run('2026-03-07 06:00+00');
SELECT is(s.by_day, s.by_hour, 'and has paid for each day once') FROM t.sides() s;
SELECT is((SELECT sum(amount) FROM billing.charges WHERE account_id = 4 AND meter = 'peak'), 12.00, 'two instances, and two of the next day');
SELECT t.verify_is_empty();

-- what can not be
SELECT t.refuses($$INSERT INTO billing.price (meter, currency, counter, post, tariff) VALUES ('peak', 'USD', 'day', 'cycle', 'volume: 1 beyond')$$, '22023', '"peak" can not post by the cycle', 'a price of meter "peak" can not post by the cycle');
SELECT t.refuses($$INSERT INTO billing.price (meter, currency, counter, tariff) VALUES ('peak', 'USD', 'hour', 'volume: 1 beyond')$$, '22023', '"peak" can not post by the hour', 'a price of meter "peak" can not post by the hour');
SELECT t.refuses($$SELECT billing.set_usage_cap(1, 'peak', 10, 'notify', 'day')$$, 'UB065', 'meter "peak" can not be capped', 'usage of meter "peak" can not be capped');
SELECT throws_ok($$INSERT INTO billing.meter (meter, unit, aggregation, settled_by) VALUES ('bad', 'GB', 'sum', 'day')$$, '23514', NULL, 'it is for peaks');
INSERT INTO billing.meter (meter, unit, aggregation, settled_by) VALUES ('unpriced', 'Gbps', 'max', 'day');
SELECT t.refuses($$UPDATE billing.meter SET settled_by = 'hour' WHERE meter = 'unpriced'$$, 'UB007', '"unpriced" can not be changed', 'meter "unpriced" can not be changed');
SELECT t.refuses($$DELETE FROM billing.meter WHERE meter = 'unpriced'$$, 'UB007', '"unpriced" can not be deleted', 'meter "unpriced" can not be deleted');
SELECT t.verify_is_empty();
SELECT * FROM finish();
