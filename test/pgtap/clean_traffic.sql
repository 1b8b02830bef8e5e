-- B1.2-20: clean traffic.  What a security feature has intercepted is not metered: a meter leaves it out.
\ir setup.psql
SELECT billing.install(start => '2023-01-01');
INSERT INTO billing.meter (meter, unit, aggregation, leaves_out) VALUES ('traffic', 'GB', 'sum', '{"attack": true}'), ('requests', 'request', 'count', '{"attack": true}'),
	('peak', 'Gbps', 'max', '{"attack": true}'), ('seats', 'seat', 'last', '{"attack": true}'), ('p95', 'Mbps', 'percentile', '{"attack": true}'),
	('unique', 'address', 'unique', '{"attack": true}'), ('each', 'payment', 'sum', '{"by": {"rule": "bot"}}'), ('model', 'token', 'sum', '{"attack": true}'),
	('unpriced', 'GB', 'sum', '{"attack": true}'), ('level', 'GB-hours', 'time_weighted', '{"attack": true}'), ('all', 'GB', 'sum', NULL);
INSERT INTO billing.price (meter, currency, tariff, post) SELECT m, 'USD', 'graduated: 1 beyond', CASE WHEN m IN ('p95', 'unique', 'level') THEN 'counter' ELSE 'cycle' END
FROM unnest(ARRAY['traffic', 'requests', 'peak', 'seats', 'p95', 'unique', 'level', 'all']) m;
INSERT INTO billing.price (meter, currency, tariff) VALUES ('each', 'USD', 'graduated each: flat 0.5 + 1 beyond');
INSERT INTO billing.price (meter, currency, tariff, properties) VALUES ('model', 'USD', 'graduated: 1 beyond', '{"size": "s"}'), ('model', 'USD', 'graduated: 2 beyond', '{"size": "l"}');
SELECT billing.open_account(name => 'a', account_id => n, at => '2023-01-01') FROM generate_series(1, 9) n;
SELECT billing.top_up(n, 1000, at => '2023-01-01') FROM generate_series(1, 9) n;

CREATE FUNCTION t.flagged(account_id bigint, meter text, quantity numeric, at timestamptz, properties jsonb, resource text DEFAULT '') RETURNS SETOF void LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM billing.record_usage(account_id, meter, quantity, 'event ' || nextval('t.event'), at, '', resource, properties);
END
$$;

-- 3 clean, 5 flagged, 2 with another value, 1 with something else: 6 are clean.  The flagged ones are the highest and the last
SELECT t.flagged(1, m, q, '2023-01-01 00:10'::timestamptz + n * interval '6 minutes', p::jsonb, 'r' || n)
FROM unnest(ARRAY['traffic', 'requests', 'peak', 'seats', 'p95', 'unique', 'all']) m,
	(VALUES (1, 3, NULL), (2, 2, '{"attack": false}'), (3, 1, '{"size": "s"}'), (4, 5, '{"attack": true, "size": "s"}')) u(n, q, p);
CALL billing.run('2023-01-01 01:00');
SELECT t.same($$SELECT meter, sum(quantity), sum(amount) FROM billing.charges WHERE account_id = 1 GROUP BY 1 HAVING sum(quantity) > 0 ORDER BY 1$$,
	$$VALUES ('all', 11, 11), ('peak', 3, 3), ('requests', 3, 3), ('seats', 1, 1), ('traffic', 6, 6)$$,
	'B1.2-20: sum, count, peak and last value are of clean usage; a meter without a rule bills it all');
SELECT is_empty($$SELECT FROM billing.charges WHERE resource = 'r4' AND meter <> 'all'$$, 'a resource with nothing else has no charge');
SELECT t.same($$SELECT meter, region, resource, event_time, quantity, properties, reason FROM billing.unbilled_usage WHERE meter = 'traffic'$$,
	$$VALUES ('traffic', '', 'r4', '2023-01-01 00:34+00'::timestamptz, 5, '{"attack": true, "size": "s"}'::jsonb, 'meter "traffic" leaves out {"attack": true}')$$, 'it stays visible, with the reason');
SELECT is((SELECT count(*) FROM billing.unbilled_usage), 6::bigint, 'one row of each meter with a rule');
SELECT t.same($$SELECT meter, sum(quantity), sum(events), sum(clean_quantity), sum(left_out_events) FROM billing.usage_by_hour WHERE meter IN ('traffic', 'requests', 'all') GROUP BY 1 ORDER BY 1$$,
	$$VALUES ('all', 11, 4, 11, 0), ('requests', 4, 4, 3, 1), ('traffic', 11, 4, 6, 1)$$, 'views of usage tell both');
SELECT t.same($$SELECT meter, max(quantity), max(clean_quantity), sum(left_out_events) FROM billing.usage_by_day WHERE meter IN ('peak', 'p95') GROUP BY 1 ORDER BY 1$$,
	$$VALUES ('p95', 5, 3, 1), ('peak', 5, 3, 1)$$, 'of peaks too');
SELECT t.flagged(2, 'traffic', q, '2023-01-01 01:10', p) FROM (VALUES (3, NULL), (4, '{"attack": true}'::jsonb)) u(q, p);
CALL billing.run('2023-01-01 02:00');
SELECT matches((SELECT e.detail FROM billing.charges c CROSS JOIN LATERAL billing.explain_charge(c.account_id, c.charge_id) e WHERE c.account_id = 2 AND e.what = 'usage'),
	'^1 events of traffic', 'explain_charge counts clean events');

-- the slow way: prices that begin inside the hour, prices with conditions, prices of each event
INSERT INTO billing.price (meter, currency, tariff, post, valid_from) VALUES ('traffic', 'USD', 'graduated: 10 beyond', 'cycle', '2023-01-02 00:30');
SELECT t.flagged(3, 'traffic', 1, at::timestamptz, p::jsonb) FROM (VALUES ('2023-01-02 00:10', NULL), ('2023-01-02 00:20', '{"attack": true}'), ('2023-01-02 00:40', NULL), ('2023-01-02 00:50', '{"attack": true}')) u(at, p);
SELECT t.flagged(3, 'model', 1, '2023-01-02 00:10', p) FROM unnest('{"{\"size\": \"s\"}","{\"size\": \"l\"}","{\"size\": \"l\", \"attack\": true}"}'::jsonb[]) p;
SELECT t.flagged(3, 'each', 1, '2023-01-02 00:10', p) FROM unnest('{"{\"by\": {\"rule\": \"bot\", \"id\": 7}}","{\"by\": {\"rule\": \"none\"}}","{\"by\": \"bot\"}"}'::jsonb[]) p;
CALL billing.run('2023-01-02 01:00');
SELECT t.same($$SELECT meter, sum(quantity), sum(amount) FROM billing.charges WHERE account_id = 3 GROUP BY 1 ORDER BY 1$$,
	$$VALUES ('each', 2, 3), ('model', 2, 3), ('traffic', 2, 11)$$, 'events that are priced one by one are looked at too; a rule may reach into an object');

-- deducted from nothing: neither as a group, nor event by event, nor does it renew a package
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, auto_renew_discount) VALUES ('T10', 'traffic', 10, '12 months', 5, 'USD', 0);
SELECT billing.purchase_package(n, 'T10', auto_renew => n = 5, at => '2023-01-03 00:00') FROM generate_series(4, 5) n;
SELECT t.flagged(n, 'traffic', q, at::timestamptz, p::jsonb) FROM generate_series(4, 5) n,
	(VALUES (4, '2023-01-03 00:10', NULL), (100, '2023-01-03 00:20', '{"attack": true}'), (1, '2023-01-03 00:30', NULL)) u(q, at, p);
CALL billing.run('2023-01-03 01:00');
SELECT t.same('SELECT account_id, used, state FROM billing.package ORDER BY 1', $$VALUES (4, 5, 'active'), (5, 5, 'active')$$, 'flagged usage takes nothing from a package');
SELECT t.flagged(n, 'traffic', q, at::timestamptz, p::jsonb) FROM generate_series(4, 5) n,
	(VALUES (100, '2023-01-03 01:05', '{"attack": true}'), (4, '2023-01-03 01:10', NULL), (100, '2023-01-03 01:20', '{"attack": true}'), (1, '2023-01-03 01:30', NULL),
		(100, '2023-01-03 01:40', '{"attack": true}')) u(q, at, p);
CALL billing.run('2023-01-03 02:00');
SELECT t.same('SELECT account_id, used, state, renews FROM billing.package ORDER BY 1', $$VALUES (4, 10, 'exhausted', NULL), (5, 10, 'exhausted', NULL)$$, 'used up to the last unit, and not renewed by what is flagged');
SELECT t.flagged(n, 'traffic', q, at::timestamptz, p::jsonb) FROM generate_series(4, 5) n,
	(VALUES (100, '2023-01-03 02:05', '{"attack": true}'), (3, '2023-01-03 02:10', NULL), (100, '2023-01-03 02:20', '{"attack": true}'), (8, '2023-01-03 02:30', NULL)) u(q, at, p);
CALL billing.run('2023-01-03 03:00');
SELECT t.same('SELECT account_id, package_id, used, renews, valid_from FROM billing.package WHERE account_id = 5 AND package_id > 2 ORDER BY 1, 2',
	$$VALUES (5, 3, 10, 2, '2023-01-03 02:10+00'::timestamptz), (5, 4, 1, 3, '2023-01-03 02:30+00')$$, 'clean usage renews it, at its own instant, twice');
SELECT is(t.charged(4, 'traffic'), 110::numeric, 'clean usage beyond the package is charged');

-- never unrated; what waited for its meter is let go
SELECT t.flagged(6, m, 1, '2023-01-04 00:10', p) FROM unnest(ARRAY['unpriced', 'new']) m, (VALUES (NULL), ('{"attack": true}'::jsonb)) u(p);
CALL billing.run('2023-01-04 01:00');
SELECT t.same($$SELECT r.meter, u.properties FROM billing.unrated r JOIN billing.usage u USING (account_id, meter, event_key, event_time) ORDER BY 1, 2$$,
	$$VALUES ('new', '{"attack": true}'::jsonb), ('new', NULL), ('unpriced', NULL)$$, 'usage that is left out waits for no price; that of an unknown meter waits');
INSERT INTO billing.meter (meter, unit, aggregation, leaves_out) VALUES ('new', 'GB', 'sum', '{"attack": true}');
SELECT t.verify_is_empty();
CALL billing.run('2023-01-04 02:00');
SELECT t.flagged(6, 'all', 1, '2023-01-04 02:10', NULL);
CALL billing.run('2023-01-04 03:00');
SELECT t.same($$SELECT meter, count(*) FROM billing.unrated GROUP BY 1 ORDER BY 1$$, $$VALUES ('new', 1), ('unpriced', 1)$$, 'a meter that leaves it out lets it go, without a price');
INSERT INTO billing.price (meter, currency, tariff, post) VALUES ('new', 'USD', 'graduated: 1 beyond', 'cycle');
SELECT t.flagged(6, 'all', 1, '2023-01-04 03:10', NULL);
CALL billing.run('2023-01-04 04:00');
SELECT is(t.charged(6, 'new'), 1::numeric, 'its price rates the rest');

-- late, and read when the period closes
SELECT t.flagged(8, 'level', q, at::timestamptz, p::jsonb) FROM (VALUES (2, '2023-01-05 00:00', NULL), (50, '2023-01-05 01:00', '{"attack": true}'), (0, '2023-01-05 03:00', NULL)) u(q, at, p);
SELECT t.flagged(1, 'p95', 900, '2023-01-01 00:10', '{"attack": true}');
SELECT t.flagged(1, 'traffic', 900, '2023-01-01 00:10', '{"attack": true}');
CALL billing.run('2023-02-01 01:00');
SELECT t.same($$SELECT meter, sum(quantity), sum(amount) FROM billing.charges WHERE account_id = 1 AND meter IN ('p95', 'unique', 'traffic') GROUP BY 1 ORDER BY 1$$,
	$$VALUES ('p95', 3, 3), ('traffic', 6, 6), ('unique', 3, 3)$$, 'windows are read without it; late flagged usage changes nothing');
SELECT is(t.charged(8), 6::numeric, 'a level that is left out is no level');
SELECT t.flagged(8, 'level', 50, '2023-01-05 02:00', '{"attack": true}');
SELECT t.flagged(7, 'p95', 5, '2023-02-01 00:10', '{"attack": true}');
CALL billing.run('2023-03-02');
SELECT is(t.charged(8), 6::numeric, 'nor is a late one');
SELECT is_empty('SELECT FROM billing.position WHERE account_id = 7', 'an account with nothing else has no position');

-- the rule does not change once something depends on it
SELECT t.refuses($$UPDATE billing.meter SET leaves_out = NULL WHERE meter = 'traffic'$$, 'UB007', 'traffic', 'a meter with prices keeps its rule');
INSERT INTO billing.meter (meter, unit, aggregation) VALUES ('sold', 'GB', 'sum'), ('capped', 'GB', 'sum'), ('free', 'GB', 'sum');
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency) VALUES ('S10', 'sold', 10, '12 months', 5, 'USD');
SELECT billing.set_usage_cap(8, 'capped', 5, 'notify', 'day', at => '2023-03-02');
SELECT t.refuses(format($$UPDATE billing.meter SET leaves_out = '{"attack": true}' WHERE meter = %L$$, m), 'UB007', m, 'so does one that is ' || m) FROM unnest(ARRAY['sold', 'capped']) m;
SELECT lives_ok($$UPDATE billing.meter SET leaves_out = '{"attack": true}' WHERE meter = 'free'$$, 'one that nothing depends on may change');
SELECT throws_ok(format($$INSERT INTO billing.meter (meter, unit, aggregation, leaves_out) VALUES ('bad', 'GB', 'sum', %L)$$, v), '23514', NULL, 'a rule names something: ' || v)
FROM unnest(ARRAY['{}', '[]', '"attack"', 'true', 'null']) v;

SELECT t.verify_is_empty();
-- and verify() would know
ALTER TABLE billing.meter DISABLE TRIGGER meter_guard;
UPDATE billing.meter SET leaves_out = NULL WHERE meter = 'requests';
SELECT is_empty($$SELECT FROM billing.verify() WHERE problem <> 'usage and charges'$$, 'a rule that is gone shows as usage that was not charged,');
SELECT isnt_empty('SELECT FROM billing.verify()', 'at once');
UPDATE billing.meter SET leaves_out = '{"attack": true}' WHERE meter = 'requests';
SELECT t.flagged(1, 'all', 1, '2023-03-02 00:10', NULL);
CALL billing.run('2023-03-02 02:00');
INSERT INTO billing.unrated (account_id, meter, event_key, event_time, cycle)
SELECT account_id, meter, event_key, event_time, billing.cycle_of(event_time) FROM billing.unbilled_usage WHERE meter = 'requests';
SELECT results_eq('SELECT DISTINCT problem FROM billing.verify()', $$VALUES ('unrated')$$, 'and so does usage that is left out and waits');
SELECT * FROM finish();
