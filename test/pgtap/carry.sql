-- A price that takes over inside a counter period, and goes on where the one before it has left the counter.
\ir setup.psql
SELECT billing.install(start => '2020-01-01');
SELECT billing.open_account(name => 'a', account_id => n, at => '2020-01-01') FROM generate_series(1, 9) n;
INSERT INTO billing.meter VALUES ('m', 'GB', 'sum'), ('n', 'call', 'count'), ('r', 'GB', 'sum'), ('v', 'GB', 'sum'), ('peak', 'x', 'max'), ('three', 'GB', 'sum');
INSERT INTO billing.price (meter, currency, valid_from, scope, counter_on_change, tariff) VALUES
	('m', 'USD', '-infinity', 'account', 'restart', 'graduated: 1 up to 100, 0.5 beyond'), ('m', 'USD', '2020-01-10 10:17', 'account', 'carry', 'graduated: 2 up to 100, 0.1 beyond'),
	('n', 'USD', '-infinity', 'account', 'carry', 'graduated: 10 up to 2, 1 beyond'), ('n', 'USD', '2020-01-10', 'account', 'restart', 'graduated: 20 up to 2, 2 beyond'),
	('r', 'USD', '-infinity', 'resource', 'restart', 'graduated: 1 up to 10, 0 beyond'), ('r', 'USD', '2020-01-10', 'resource', 'carry', 'graduated: 2 up to 10, 0 beyond'),
	('v', 'USD', '-infinity', 'account', 'restart', 'volume: 2 up to 10, 1 beyond'), ('v', 'USD', '2020-01-10', 'account', 'carry', 'volume: 3 up to 10, 1.5 beyond'),
	('three', 'USD', '-infinity', 'account', 'restart', 'graduated: 1 up to 10, 0.5 beyond'), ('three', 'USD', '2020-01-10', 'account', 'carry', 'graduated: 2 up to 10, 0.2 beyond'),
	('three', 'USD', '2020-01-20', 'account', 'carry', 'graduated: 3 up to 10, 0.3 up to 20, 0 beyond'), ('three', 'USD', '2020-01-25', 'account', 'restart', 'graduated: 4 up to 10, 0.4 beyond');

-- 90 before, 30 after: 10 of them are still below 100; within one hour, and in hours of their own
SELECT t.use(1, 'm', 90, '2020-01-10 10:00'), t.use(1, 'm', 30, '2020-01-10 10:17');
SELECT t.use(2, 'm', 90, '2020-01-05'), t.use(2, 'm', 30, '2020-01-15');
SELECT t.use(1, 'n', 1, at::timestamptz) FROM unnest(ARRAY['2020-01-09', '2020-01-09', '2020-01-09', '2020-01-10', '2020-01-11']) at;
SELECT t.use(1, 'r', 8, '2020-01-09', 'x'), t.use(1, 'r', 1, '2020-01-09', 'y'), t.use(1, 'r', 8, '2020-01-11', 'x'), t.use(1, 'r', 8, '2020-01-11', 'y');
SELECT t.use(1, 'v', 8, '2020-01-09'), t.use(1, 'v', 4, '2020-01-11');
CALL billing.run('2020-01-16');
SELECT is(t.charged(1, 'm'), 112.0, 'before and after in one hour: 90 + 10 * 2 + 20 * 0.1');
SELECT is(t.charged(2, 'm'), 112.0, 'and in two');
SELECT is(t.charged(1, 'n'), 61.00, 'one that restarts after one that carries, which had nothing to carry: 10 + 10 + 1, 20 + 20');
SELECT is(t.charged(1, 'r'), 29.00, 'each resource has a counter of its own: 8 + 2 * 2, 1 + 8 * 2');
SELECT t.same($$SELECT step, what, quantity, amount FROM billing.explain_charge(2, (SELECT max(charge_id) FROM billing.charges WHERE account_id = 2)) WHERE step BETWEEN 3 AND 5$$,
	$$VALUES (3, 'counter before', 0, 0), (4, 'tier 1', 10, 20), (4, 'tier 2', 20, 2), (5, 'counter after', 30, 22)$$, 'explained from where the counter stood');
SELECT matches((SELECT detail FROM billing.explain_charge(2, (SELECT max(charge_id) FROM billing.charges WHERE account_id = 2)) WHERE step = 3), 'on top of 90 of the prices before it', 'which it names');
SELECT t.same($$SELECT sum(amount) FROM billing.quote(2, 'm', 10, at => '2020-01-16')$$, 'VALUES (1)', 'a quote goes on from there');
SELECT t.same($$SELECT sum(amount) FROM billing.quote(3, 'm', 10, at => '2020-01-16')$$, 'VALUES (20)', 'or from nothing');
SELECT t.same($$SELECT sum(amount) FROM billing.quote(2, 'm', 110, at => '2020-02-16')$$, 'VALUES (201)', 'the next period begins anew');
SELECT t.verify_is_empty();

-- what comes late for the old price moves the counter of the new one
SELECT t.use(2, 'm', 5, '2020-01-09');
CALL billing.run('2020-01-16 02:00');
SELECT is(t.charged(2, 'm'), 107.5, '95 + 5 * 2 + 25 * 0.1');
SELECT t.same($$SELECT source_id, quantity, exact_amount, region FROM billing.charges WHERE account_id = 2 AND cycle_start = '2020-01-16' ORDER BY 1$$,
	$$SELECT price_id, q, x, '' FROM billing.price JOIN (VALUES ('-infinity'::timestamptz, 5, 5.0), ('2020-01-10 10:17', 0, -9.5)) w(valid_from, q, x) USING (valid_from) WHERE meter = 'm' ORDER BY 1$$, 'by a charge of its own');
SELECT t.same($$SELECT step, what, amount FROM billing.explain_charge(2, (SELECT charge_id FROM billing.charges WHERE account_id = 2 AND quantity = 0)) WHERE step IN (4, 5)$$,
	$$VALUES (4, 'counter carried on', -9.5), (5, 'counter after', 12.5)$$, 'which is explained');
SELECT is((SELECT detail FROM billing.explain_charge(2, (SELECT charge_id FROM billing.charges WHERE account_id = 2 AND quantity = 0)) WHERE step = 4),
	'billing.rate_between(tariff, 95, 30) in place of billing.rate_between(tariff, 90, 30)', 'with both counters');
SELECT t.verify_is_empty();

-- three in a chain, and one that restarts: any order of events, any pieces
CREATE TABLE t.piece (n int, quantity numeric, at timestamptz);
INSERT INTO t.piece VALUES (1, 6, '2020-01-05'), (2, 3, '2020-01-12'), (3, 12, '2020-01-22'), (4, 15, '2020-01-27'), (5, 4, '2020-01-06'), (6, 0.004, '2020-01-13'), (7, 5, '2020-01-23');
CALL billing.run('2020-01-28');
SELECT t.use(3, 'three', quantity, at) FROM t.piece;
CREATE FUNCTION t.in_pieces(account_id bigint, down boolean) RETURNS void LANGUAGE sql AS
$$ SELECT billing.record_usage(account_id, 'three', p.quantity, 'piece ' || p.n, p.at, resource => 'r' || p.n % 2) FROM t.piece p
   WHERE p.n = (SELECT count(*) + 1 FROM billing.usage u WHERE u.account_id = in_pieces.account_id) AND NOT down
	OR p.n = 7 - (SELECT count(*) FROM billing.usage u WHERE u.account_id = in_pieces.account_id) AND down $$;
SELECT format('SELECT t.in_pieces(4, false); SELECT t.in_pieces(5, true); CALL billing.run(%L)', '2020-01-28'::timestamptz + n * interval '1 hour') FROM generate_series(1, 7) n \gexec
-- 10 at 1; 0 below 10 of 3.004, 3.004 at 0.2; from 13.004: 6.996 at 0.3; 10 at 4, 5 at 0.4
SELECT is(t.charged(3, 'three'), round(10 + 3.004 * 0.2 + 6.996 * 0.3 + 40 + 2, 2), 'three prices, one counter; the fourth restarts');
SELECT is(t.charged(4, 'three'), t.charged(3, 'three'), 'in pieces');
SELECT is(t.charged(5, 'three'), t.charged(3, 'three'), 'backwards');
SELECT t.verify_is_empty();
CALL billing.run('2020-02-01 01:00');
SELECT is(t.charged(1, 'v'), 10.00, 'a volume price posts at the end: 8 * 2, then 12 * 1.5 less 8 * 3');
SELECT t.verify_is_empty();

-- a position that says something else is found
UPDATE billing.position o SET exact_amount = exact_amount + 1 FROM billing.price p WHERE p.price_id = o.price_id AND p.counter_on_change = 'carry' AND o.account_id = 2;
SELECT matches((SELECT string_agg(detail, '; ') FROM billing.verify() WHERE problem = 'position and tariff'), 'for 30 on top of 95', 'verify() knows what the counter stood at');
UPDATE billing.position o SET exact_amount = exact_amount - 1 FROM billing.price p WHERE p.price_id = o.price_id AND p.counter_on_change = 'carry' AND o.account_id = 2;

SELECT t.refuses($$INSERT INTO billing.price (meter, currency, counter_on_change, tariff) VALUES ('peak', 'USD', 'carry', 'graduated: 1 beyond')$$, '22023', 'peak', 'a peak is not carried');
SELECT t.refuses($$INSERT INTO billing.price (meter, region, currency, counter_on_change, tariff) VALUES ('m', 'EU', 'USD', 'carry', 'graduated each: 1 beyond')$$, '22023', 'm', 'nor is what prices each event');
SELECT t.refuses($$INSERT INTO billing.price (meter, region, currency, counter_on_change, tariff) VALUES ('m', 'EU', 'USD', 'go on', 'graduated: 1 beyond')$$, '23514', 'counter_on_change "go on"', 'nothing else is known');
SELECT t.verify_is_empty();
SELECT * FROM finish();
