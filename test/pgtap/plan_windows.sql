-- Meters that are read when their counter period closes, with prices of plans: an event keeps the plan that it was settled
-- under, whatever goes back behind its own instant later; and no event is left out of every window.
\ir setup.psql
SELECT billing.install(start => '2020-01-01');
INSERT INTO billing.lifecycle (policy, rule) VALUES ('long', 'notice immediately, suspend after 30 days, release after 60 days');
INSERT INTO billing.plan (plan, product, currency, fee, term, expiry_policy, rank, starts) VALUES ('basic', 'p', 'USD', 0, '1 month', 'long', 1, 'now'),
	('pro', 'p', 'USD', 0, '1 month', 'long', 2, 'now'), ('day', 'q', 'USD', 0, '1 month', NULL, 1, 'day');
INSERT INTO billing.meter (meter, unit, aggregation) VALUES ('p95', 'Mbps', 'percentile'), ('sum', 'GB', 'sum'), ('level', 'GB-hour', 'time_weighted');
INSERT INTO billing.price (meter, plan, currency, tariff) SELECT m, p, 'USD', format('graduated: %s beyond', n)::billing.tariff
FROM unnest(ARRAY['p95', 'sum']) m, (VALUES ('', 1), ('basic', 2), ('pro', 3), ('day', 7)) v(p, n);
SELECT billing.open_account(name => 'a', account_id => n, credit_limit => 1000, at => '2020-01-01') FROM generate_series(1, 6) n;
SELECT billing.subscribe(1, 'basic', at => '2020-02-01'), billing.subscribe(2, 'basic', at => '2020-02-01'), billing.subscribe(3, 'basic', at => '2020-01-01');
CREATE FUNCTION t.both(account_id bigint, quantity numeric, at timestamptz) RETURNS SETOF void LANGUAGE plpgsql AS
$$ BEGIN PERFORM t.use(account_id, m, quantity, at) FROM unnest(ARRAY['p95', 'sum']) m; END $$;
CREATE FUNCTION t.lines(account_id bigint) RETURNS TABLE (meter text, quantity numeric, amount numeric) LANGUAGE sql STABLE AS
$$ SELECT c.meter, c.quantity, c.amount FROM billing.charges c WHERE c.account_id = lines.account_id AND c.source = 'tariff' ORDER BY 1, 2, 3 $$;

SELECT t.both(n, 5, '2020-02-10 00:10') FROM generate_series(1, 4) n;
CALL billing.run('2020-02-15 10:20');
-- an upgrade gives the term in progress another plan; a renewal after the end counts on from it; a first term begins with its day
SELECT billing.change_plan(1, 1, 'pro', at => '2020-02-15 10:30'), billing.change_plan(2, 2, 'pro', at => '2020-02-15 10:30'), billing.renew_subscription(3, 3, at => '2020-02-15 10:30');
SELECT t.both(2, 6, '2020-02-20'), t.both(3, 6, '2020-02-20'), t.both(5, 5, '2020-02-20 08:00');
CALL billing.run('2020-02-20 10:20');
SELECT billing.subscribe(5, 'day', at => '2020-02-20 10:30');
-- late: of the time before each of them
SELECT t.both(2, 5, '2020-02-11'), t.both(3, 5, '2020-02-11'), t.both(5, 5, '2020-02-20 09:00');
CALL billing.run('2020-03-01 01:00');
SELECT t.same('SELECT * FROM t.lines(1)', $$VALUES ('p95', 5, 10), ('sum', 5, 10)$$, 'what was used before an upgrade is in the old plan, also where nothing was used since');
SELECT t.same('SELECT * FROM t.lines(2)', $$VALUES ('p95', 5, 10), ('p95', 6, 18), ('sum', 5, 10), ('sum', 5, 10), ('sum', 6, 18)$$, 'and apart from what was');
SELECT t.same('SELECT * FROM t.lines(3)', $$VALUES ('p95', 5, 5), ('p95', 6, 12), ('sum', 5, 5), ('sum', 5, 5), ('sum', 6, 12)$$, 'B1.6-55: what was used after the end is out of plan, though a renewal covers it later');
SELECT t.same('SELECT * FROM t.lines(4)', $$VALUES ('p95', 5, 5), ('sum', 5, 5)$$, 'without a plan');
SELECT t.same('SELECT * FROM t.lines(5)', $$VALUES ('p95', 5, 5), ('sum', 5, 5), ('sum', 5, 5)$$, 'a term that begins before its order has usage from the hour of the order on');
SELECT t.verify_is_empty();

-- the same once the window is closed
SELECT t.both(3, 4, '2020-03-10');
CALL billing.run('2020-04-01 01:00');
SELECT billing.renew_subscription(3, 3, terms => 2, at => '2020-04-01 02:00');
SELECT t.verify_is_empty();

-- an order that bears an instant before what is settled takes what is not closed along, and leaves nothing out
SELECT t.both(6, 5, '2020-04-10');
CALL billing.run('2020-04-15');
SELECT billing.subscribe(6, 'basic', at => '2020-04-05');
SELECT is_empty('SELECT * FROM billing.usage_by_period WHERE account_id = 6 AND quantity <> 0 AND meter = ''p95''', 'its window reads nothing any more');
CALL billing.run('2020-05-01 01:00');
SELECT t.same('SELECT * FROM t.lines(6)', $$VALUES ('p95', 5, 10), ('sum', 5, 5)$$, 'that of the plan is opened before it closes');
SELECT t.verify_is_empty();
SELECT * FROM t.finds($$DELETE FROM billing.position o USING billing.price p WHERE p.price_id = o.price_id AND o.account_id = 6 AND p.plan = 'basic'$$, 'usage without window');

SELECT t.refuses($$INSERT INTO billing.price (meter, plan, currency, tariff) VALUES ('level', 'basic', 'USD', 'graduated: 1 beyond')$$, '22023', 'level', 'a level has no plan');
SELECT * FROM finish();
