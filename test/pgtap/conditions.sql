-- Prices with conditions: properties of the usage, weekdays, hours of the day in the account's zone.
\ir setup.psql
SELECT billing.install(start => '2020-01-01');
SELECT billing.open_account(name => 'a', account_id => 1, at => '2020-01-01'), billing.open_account(name => 'b', account_id => 2, time_zone => 'Asia/Kolkata', at => '2020-01-01'),
	billing.open_account(name => 'c', account_id => 3, time_zone => 'Europe/Berlin', at => '2020-01-01');
INSERT INTO billing.meter VALUES ('tokens', 'token', 'sum'), ('power', 'kWh', 'sum'), ('peak', 'bps', 'max'), ('plain', 'x', 'sum');
CREATE FUNCTION t.use_with(account_id bigint, meter text, quantity numeric, at timestamptz, properties jsonb) RETURNS SETOF void LANGUAGE plpgsql AS
$$ BEGIN PERFORM billing.record_usage(account_id, meter, quantity, 'event ' || nextval('t.event'), at, properties => properties); END $$;

-- properties: the one that asks for most wins, none asks for nothing
INSERT INTO billing.price (meter, currency, properties, tariff) VALUES
	('tokens', 'USD', '{}', 'graduated: 1 beyond'), ('tokens', 'USD', '{"model": "large"}', 'graduated: 10 up to 2, 5 beyond'),
	('tokens', 'USD', '{"model": "large", "cached": true}', 'graduated: 3 beyond'), ('tokens', 'USD', '{"model": "small"}', 'graduated: 0.5 beyond');
SELECT t.use_with(1, 'tokens', 1, '2020-01-01 00:10', p::jsonb) FROM unnest(ARRAY[NULL, '{}', '{"model": "other"}', '{"model": "large"}', '{"model": "large", "cached": false, "x": [1]}',
	'{"model": "large"}', '{"cached": true, "model": "large"}', '{"model": "small", "cached": true}']) p;
CALL billing.run('2020-01-01 01:00');
SELECT t.same($$SELECT p.properties, c.quantity, c.amount FROM billing.charges c JOIN billing.price p ON p.price_id = c.source_id ORDER BY 2, 1, 3$$,
	$$VALUES ('{"model": "small"}'::jsonb, 1, 0.50), ('{"model": "large", "cached": true}', 1, 3), ('{}', 3, 3), ('{"model": "large"}', 3, 25)$$,
	'the price with more properties wins; each has tiers of its own');
SELECT t.same($$SELECT sum(amount) FROM billing.quote(1, 'tokens', 1, properties => '{"model": "large"}', at => '2020-01-01 01:00')$$, 'VALUES (5)', 'a quote asks with properties');
SELECT t.same($$SELECT sum(amount) FROM billing.explain_charge(1, (SELECT charge_id FROM billing.charges WHERE amount = 25)) WHERE what LIKE 'tier%'$$, 'VALUES (25)', 'and its charge is explained');
SELECT matches((SELECT detail FROM billing.explain_charge(1, (SELECT charge_id FROM billing.charges WHERE amount = 25)) WHERE step = 1), '^3 events ', 'by the events that found that price');

-- an account's own price goes before what asks for more
INSERT INTO billing.price (meter, currency, account_id, tariff) VALUES ('tokens', 'USD', 2, 'graduated: 7 beyond');
SELECT t.use_with(2, 'tokens', 1, '2020-01-01 01:10', '{"model": "large"}');

-- hours and weekdays by the account's clock: night 22 to 6, working days 8 to 20
INSERT INTO billing.price (meter, currency, weekdays, time_from, time_to, tariff) VALUES
	('power', 'USD', '{1,2,3,4,5,6,7}', '00:00', '24:00', 'graduated: 1 beyond'),
	('power', 'USD', '{1,2,3,4,5,6,7}', '22:00', '06:00', 'graduated: 0.1 beyond'),
	('power', 'USD', '{5,4,3,2,1}', '08:00', '20:00', 'graduated: 10 beyond');
-- Wednesday in Berlin (UTC+1): 05:59:59.999999, 06:00, 07:59, 08:00, 19:59, 20:00, 21:59, 22:00; then Saturday 10:00
SELECT t.use(3, 'power', 1, at) FROM unnest(ARRAY['2020-01-08 05:59:59.999999+01', '2020-01-08 06:00+01', '2020-01-08 07:59:59+01', '2020-01-08 08:00+01',
	'2020-01-08 19:59:59+01', '2020-01-08 20:00+01', '2020-01-08 21:59+01', '2020-01-08 22:00+01', '2020-01-11 10:00+01']::timestamptz[]) at;
-- in Kolkata (UTC+5:30) 08:00 lies in the middle of an UTC hour
SELECT t.use(2, 'power', 1, '2020-01-08 02:29:59+00'), t.use(2, 'power', 1, '2020-01-08 02:30+00');
CALL billing.run('2020-01-12');
SELECT t.same($$SELECT c.account_id, p.weekdays[1] = 1 AND cardinality(p.weekdays) = 5, p.time_from, sum(c.quantity), sum(c.amount) FROM billing.charges c JOIN billing.price p ON p.price_id = c.source_id
	WHERE c.meter = 'power' GROUP BY 1, 2, 3 ORDER BY 1, 4, 3$$,
	$$VALUES (2, false, '00:00'::time, 1, 1), (2, true, '08:00', 1, 10), (3, true, '08:00', 2, 20), (3, false, '22:00', 2, 0.2), (3, false, '00:00', 5, 5)$$,
	'every event has the price of its own hour and day');
SELECT t.same($$SELECT amount FROM billing.charges WHERE account_id = 2 AND meter = 'tokens'$$, 'VALUES (7)', 'own account before more properties');

-- a maximum with conditions, late and in any order
INSERT INTO billing.price (meter, currency, properties, tariff) VALUES ('peak', 'USD', '{"link": "a"}', 'graduated: 1 beyond'), ('peak', 'USD', '{"link": "b"}', 'graduated: 2 beyond');
SELECT t.use_with(1, 'peak', 5, '2020-01-20 00:10', '{"link": "a"}'), t.use_with(1, 'peak', 3, '2020-01-20 00:20', '{"link": "b"}'), t.use_with(1, 'peak', 9, '2020-01-20 00:20', '{"link": "c"}');
CALL billing.run('2020-01-21');
SELECT t.use_with(1, 'peak', 4, '2020-01-02 00:10', '{"link": "b"}'), t.use_with(1, 'peak', 4, '2020-01-02 00:10', '{"link": "a"}');
CALL billing.run('2020-02-01 01:00');
SELECT is(t.charged(1, 'peak'), 13.00, 'peaks of two links: 5 and 4');
SELECT t.same('SELECT reason FROM billing.unrated_usage', $$VALUES ('no price in USD')$$, 'what meets no price is kept and shown');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('peak', 'USD', 'graduated: 1 beyond');
CALL billing.run('2020-02-01 02:00');
SELECT is(t.charged(1, 'peak'), 22.00, 'and rated when one without conditions comes');
SELECT t.same($$SELECT count(*), count(DISTINCT properties) FROM billing.invoice_lines WHERE meter = 'tokens' AND account_id = 1$$, 'VALUES (4, 4)', 'an invoice has a line for each');

-- a new row takes over from the one with the same conditions, and from no other
INSERT INTO billing.price (meter, currency, properties, valid_from, tariff) VALUES ('tokens', 'USD', '{"model": "small"}', '2020-02-10', 'graduated: 0.25 beyond'),
	('tokens', 'USD', '{}', '2020-02-10', 'graduated: 2 beyond');
SELECT t.use_with(1, 'tokens', 1, '2020-02-11', '{"model": "small"}'), t.use_with(1, 'tokens', 1, '2020-02-11', '{"model": "large"}'), t.use_with(1, 'tokens', 1, '2020-02-11', NULL);
CALL billing.run('2020-02-12');
SELECT t.same($$SELECT amount FROM billing.charges WHERE meter = 'tokens' AND period_start = '2020-02-01' ORDER BY 1$$, 'VALUES (0.25), (2), (10)', 'each condition has its own history');

-- ties, refused when they are inserted
SELECT t.refuses($$INSERT INTO billing.price (meter, currency, properties, tariff) VALUES ('tokens', 'USD', '{"cached": true}', 'graduated: 1 beyond')$$, 'UB014', 'tokens', 'one property each, and an event can have both');
SELECT lives_ok($$INSERT INTO billing.price (meter, currency, properties, tariff) VALUES ('tokens', 'USD', '{"model": "tiny"}', 'graduated: 1 beyond')$$, 'two values of one property never meet');
SELECT lives_ok($$INSERT INTO billing.price (meter, currency, region, properties, tariff) VALUES ('tokens', 'USD', 'EU', '{"cached": true}', 'graduated: 1 beyond')$$, 'a region is another list');
SELECT t.refuses($$INSERT INTO billing.price (meter, currency, time_from, time_to, tariff) VALUES ('power', 'USD', '02:00', '10:00', 'graduated: 1 beyond')$$, 'UB014', 'power', 'eight hours that cross the eight hours of the night');
SELECT lives_ok($$INSERT INTO billing.price (meter, currency, time_from, time_to, tariff) VALUES ('power', 'USD', '06:00', '14:00', 'graduated: 1 beyond')$$, 'eight hours that begin where those end');
SELECT t.refuses($$INSERT INTO billing.price (meter, currency, weekdays, time_from, time_to, tariff) VALUES ('power', 'USD', '{5,6,7,1,2}', '19:00', '07:00', 'graduated: 1 beyond')$$, 'UB014', 'power', 'as many days and hours that meet on a Friday evening');
SELECT t.refuses($$INSERT INTO billing.price (meter, currency, properties, tariff) VALUES ('tokens', 'USD', '{"model": ["a"]}', 'graduated: 1 beyond')$$, '22023', '["a"]', 'properties are plain values');
SELECT t.refuses($$INSERT INTO billing.price (meter, currency, properties, tariff) VALUES ('tokens', 'USD', '[]', 'graduated: 1 beyond')$$, '22023', '[]', 'in an object');
SELECT t.refuses($$INSERT INTO billing.price (meter, currency, weekdays, tariff) VALUES ('tokens', 'USD', '{8}', 'graduated: 1 beyond')$$, '22023', '{8}', 'no such day');
SELECT t.refuses($$INSERT INTO billing.price (meter, currency, weekdays, tariff) VALUES ('tokens', 'USD', '{}', 'graduated: 1 beyond')$$, '22023', '{}', 'no day');
SELECT t.refuses($$INSERT INTO billing.price (meter, currency, time_from, time_to, tariff) VALUES ('tokens', 'USD', '05:00', '05:00', 'graduated: 1 beyond')$$, '22023', '05:00', 'no hours');

-- cgr-022: a call over the change of the evening, recorded in its two parts, with one fee to connect
INSERT INTO billing.meter VALUES ('seconds', 'second', 'sum');
INSERT INTO billing.price (meter, currency, counter, time_from, time_to, tariff) VALUES ('seconds', 'USD', 'day', '00:00', '18:00', 'graduated: flat 1 + 1 beyond'), ('seconds', 'USD', 'day', '18:00', '24:00', 'graduated: 0.5 beyond');
SELECT t.use(1, 'seconds', 1800, '2020-02-12 17:30'), t.use(1, 'seconds', 1800, '2020-02-12 18:00');
CALL billing.run('2020-02-13');
SELECT is(t.charged(1, 'seconds'), 2701::numeric, 'cgr-022: half at the price of the day, half at that of the evening');

-- more usage that costs less is told
SELECT lives_ok($$INSERT INTO billing.price (meter, currency, tariff) VALUES ('plain', 'USD', 'volume: 2 up to 10, 1 beyond')$$, 'a volume price may fall');
SELECT t.verify_is_empty();
SELECT * FROM finish();
