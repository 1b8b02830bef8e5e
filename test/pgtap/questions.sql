-- Questions: explain_charge, quote, health and the views say what happened.
\ir setup.psql
SELECT billing.install(start => '2020-01-01');
INSERT INTO billing.meter VALUES ('m', 'GB', 'sum'), ('v', 'GB', 'sum'), ('x', 'seat', 'max');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('m', 'USD', 'graduated: 0.5 up to 10, 0.255 up to 20, 0.1 beyond'),
	('v', 'USD', 'volume: 2 up to 10, 1 beyond'), ('x', 'USD', 'graduated: 3 beyond');
SELECT billing.open_account(name => 'a', account_id => n, at => '2020-01-01', time_zone => 'Asia/Kolkata') FROM generate_series(1, 2) n;

-- a tariff that asks for money at quantity 0: a new counter was worth nothing before
INSERT INTO billing.meter VALUES ('z', 'x', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('z', 'USD', 'graduated min 3 zero flat: flat 2 + 0.1 beyond');
SELECT t.same($$SELECT sum(amount), sum(flat) FROM billing.quote(2, 'z', 10, at => '2020-01-01')$$, 'VALUES (3, 2)', 'a quote has the flat and the minimum in it');
SELECT t.use(2, 'z', 10, '2020-01-01 00:10'), t.use(2, 'z', 10, '2020-01-01 01:10');

-- quote
SELECT t.same($$SELECT sum(amount), min(currency) FROM billing.quote(1, 'm', 15, at => '2020-01-01 00:10')$$, $$VALUES (6.275, 'USD')$$, 'what 15 would cost');
SELECT t.same($$SELECT tier, lower, upper, units, price, amount FROM billing.quote(1, 'm', 25, at => '2020-01-01 00:10')$$,
	$$VALUES (1, 0, 10, 10, 0.5, 5), (2, 10, 20, 10, 0.255, 2.55), (3, 20, NULL, 5, 0.1, 0.5)$$, 'tier by tier');
SELECT t.use(1, 'm', 8, '2020-01-01 00:10', 'A'), t.use(1, 'm', 4, '2020-01-01 00:20', 'B'), t.use(1, 'v', 8, '2020-01-01 00:20'), t.use(1, 'x', 4, '2020-01-01 00:20');
CALL billing.run('2020-01-01 01:00');
SELECT t.same($$SELECT sum(amount) FROM billing.quote(1, 'm', 10, at => '2020-01-01 01:10')$$, 'VALUES (8 * 0.255 + 2 * 0.1)', 'on top of what was used this month');
SELECT t.same($$SELECT sum(amount) FROM billing.quote(1, 'm', 10, at => '2020-02-01')$$, 'VALUES (5.0)', 'next month it begins anew');
SELECT t.same($$SELECT sum(amount) FROM billing.quote(1, 'v', 4, at => '2020-01-01 01:10')$$, 'VALUES (-4)', 'a volume price may fall');
SELECT t.same($$SELECT sum(amount) FROM billing.quote(1, 'x', 4, at => '2020-01-01 01:10')$$, 'VALUES (0)', 'no new peak costs nothing');
SELECT t.same($$SELECT sum(amount) FROM billing.quote(1, 'x', 6, at => '2020-01-01 01:10')$$, 'VALUES (6)', 'a new one its difference');
SELECT t.refuses($$SELECT * FROM billing.quote(9, 'm', 1)$$, 'UB001', '9', 'unknown account');
SELECT t.refuses($$SELECT * FROM billing.quote(1, 'nosuch', 1)$$, 'UB002', 'nosuch', 'unknown meter');
INSERT INTO billing.meter VALUES ('free', 'GB', 'sum');
SELECT t.refuses($$SELECT * FROM billing.quote(1, 'free', 1)$$, 'UB005', 'free', 'no price');
SELECT t.refuses($$SELECT * FROM billing.quote(1, 'm', -1)$$, '22003', '-1', 'negative quantity');
SELECT t.refuses($$SELECT * FROM billing.quote(1, 'm', 'NaN')$$, '22003', 'NaN', 'NaN');

-- explain_charge: the tiers of every charge add up to its exact amount, and the last step is what was posted
SELECT t.use(1, 'm', 100, '2020-01-02 00:10'), t.use(1, 'v', 7, '2020-01-02 00:20'), t.use(1, 'm', 1, '2020-01-01 00:15'), t.use(2, 'x', 2, '2020-01-03');
CALL billing.run('2020-02-02');
SELECT billing.adjust(1, 1, 'sorry');
SELECT cmp_ok((SELECT count(*) FROM billing.charges), '>', 7::bigint, 'there are charges of all kinds');
SELECT is_empty($$SELECT c.charge_id, c.exact_amount, e.amount FROM billing.charges c,
	LATERAL (SELECT coalesce(sum(e.amount), 0) AS amount FROM billing.explain_charge(c.account_id, c.charge_id) e WHERE e.what LIKE 'tier%') e
	WHERE c.source = 'tariff' AND c.exact_amount <> e.amount$$, 'tiers add up to the exact amount');
SELECT is_empty($$SELECT c.charge_id, c.amount, e.amount FROM billing.charges c,
	LATERAL (SELECT e.amount FROM billing.explain_charge(c.account_id, c.charge_id) e ORDER BY step DESC LIMIT 1) e WHERE c.amount <> e.amount$$, 'the last step is what was posted');
SELECT t.same($$SELECT what, quantity, amount FROM billing.explain_charge(1, (SELECT charge_id FROM billing.charges WHERE resource = 'B'))$$,
	$$VALUES ('usage', 4, NULL::numeric), ('price', NULL, NULL), ('counter before', 8, 4.0), ('tier 1', 2, 1.0), ('tier 2', 2, 0.51), ('counter after', 12, 5.51), ('posted', NULL, 1.51)$$,
	'a charge that crosses a tier bound');
SELECT matches((SELECT detail FROM billing.explain_charge(1, (SELECT charge_id FROM billing.charges WHERE resource = 'B')) WHERE what = 'usage'), '^1 events of m by B', 'it names its usage');
SELECT matches((SELECT detail FROM billing.explain_charge(1, (SELECT charge_id FROM billing.charges WHERE source = 'adjustment'))), 'sorry', 'an adjustment explains itself');
SELECT t.refuses('SELECT * FROM billing.explain_charge(9, 1)', 'UB001', '9', 'unknown account');
SELECT t.refuses('SELECT * FROM billing.explain_charge(1, 999999)', 'P0002', '999999', 'unknown charge');

-- views
SELECT t.same($$SELECT hour, quantity, events FROM billing.usage_by_hour WHERE account_id = 1 AND meter = 'm' AND resource IN ('A', '') ORDER BY 1, 2$$,
	$$VALUES ('2020-01-01 00:00+00'::timestamptz, 1, 1), ('2020-01-01 00:00+00', 8, 1), ('2020-01-02 00:00+00', 100, 1)$$, 'usage_by_hour');
SELECT t.use(1, 'x', 5, '2020-02-01 18:29'), t.use(1, 'x', 1, '2020-02-01 18:30'), t.use(1, 'x', 3, '2020-02-01 18:31');
SELECT t.same($$SELECT day, quantity, events FROM billing.usage_by_day WHERE account_id = 1 AND meter = 'x' AND day > '2020-01-15' ORDER BY 1$$,
	$$VALUES ('2020-02-01'::date, 5, 1), ('2020-02-02', 3, 2)$$, 'usage_by_day goes by the account''s zone and the meter''s aggregation');
SELECT t.same('SELECT sum(charges), count(*) FROM billing.settlements', $$SELECT count(*), count(DISTINCT cycle) FROM billing.charges WHERE source = 'tariff' AND (quantity, exact_amount) <> (0, 0)$$, 'settlements');
SELECT t.same('SELECT sum(balance) FROM billing.trial_balance', 'VALUES (0)', 'trial_balance');
SELECT is_empty($$SELECT relname FROM pg_class WHERE relnamespace = 'billing'::regnamespace AND relkind = 'v' AND NOT coalesce(reloptions @> ARRAY['security_invoker=true'], false)$$,
	'every view runs with its reader''s rights');

-- health
SELECT is_empty($$SELECT * FROM billing.health('2020-02-02') WHERE NOT ok AND topic NOT LIKE 'cron%'$$, 'all is well right after a ring');
SELECT t.same($$SELECT ok FROM billing.health('2020-02-02 02:00') WHERE topic IN ('heartbeat', 'watermark')$$, 'VALUES (false), (false)', 'two hours without one are not');
SELECT is((SELECT count(DISTINCT topic) FROM billing.health()) >= 9, true, 'a row for each thing to watch');
SELECT t.verify_is_empty();

-- verify() can see: break each kind of book and look
CREATE FUNCTION t.breaks(statement text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	found bigint; done bigint;
BEGIN
	BEGIN
		EXECUTE statement;
		GET DIAGNOSTICS done = ROW_COUNT;
		SELECT count(*) INTO found FROM billing.verify();
		RAISE EXCEPTION 'back' USING ERRCODE = 'ZZ999';
	EXCEPTION WHEN SQLSTATE 'ZZ999' THEN
		RETURN ok(done > 0 AND found > 0, 'verify() sees: ' || statement);
	END;
END
$$;
SELECT t.breaks(s) FROM unnest(ARRAY[
	'UPDATE billing.account_state SET balance = balance + 0.01 WHERE account_id = 1',
	'UPDATE billing.account_state SET unbilled = unbilled + 1 WHERE account_id = 1',
	'UPDATE billing.account_state SET overdue_since = NULL WHERE account_id = 1',
	'DELETE FROM billing.account_state WHERE account_id = 2',
	'UPDATE billing.transfer SET amount = amount + 1 WHERE transfer_id = (SELECT min(transfer_id) FROM billing.transfer)',
	'UPDATE billing.transfer SET balance_after = 5 WHERE transfer_id = (SELECT min(transfer_id) FROM billing.transfer)',
	'DELETE FROM billing.transfer WHERE transfer_id = (SELECT max(transfer_id) FROM billing.transfer)',
	'UPDATE billing.charge SET amount = amount + 0.01 WHERE charge_id = (SELECT min(charge_id) FROM billing.charge)',
	'UPDATE billing.charge SET exact_amount = exact_amount + 0.001 WHERE charge_id = (SELECT min(charge_id) FROM billing.charge)',
	'UPDATE billing.charge SET quantity = quantity + 1 WHERE charge_id = (SELECT min(charge_id) FROM billing.charge)',
	'DELETE FROM billing.charge WHERE charge_id = (SELECT min(charge_id) FROM billing.charge)',
	'UPDATE billing.position SET quantity = quantity + 1 WHERE account_id = 1',
	'UPDATE billing.position SET exact_amount = exact_amount + 0.001 WHERE account_id = 1',
	'UPDATE billing.position SET posted_amount = posted_amount + 0.01 WHERE account_id = 1',
	'DELETE FROM billing.position WHERE account_id = 2',
	'DELETE FROM billing.usage WHERE account_id = 2',
	'UPDATE billing.usage SET quantity = quantity + 1 WHERE account_id = 1 AND meter = ''m''',
	'UPDATE billing.invoice_line SET amount = amount + 1 WHERE line = 1',
	'UPDATE billing.invoice SET subtotal = subtotal + 1, total = total + 1',
	'UPDATE billing.invoice SET number = number + 10',
	'UPDATE billing.number_series SET last_number = last_number + 1',
	'DELETE FROM billing.invoice_line',
	'UPDATE billing.shard SET settled_through = settled_through + 1',
	'UPDATE billing.barrier SET cycle = cycle + 1 WHERE mark = ''drained''',
	'UPDATE billing.shard SET account_to = 1000',
	'DELETE FROM billing.barrier WHERE mark = ''drained''']) s;
-- every charge: its tiers add up to its exact amount, and its events are those of its price and period
SELECT is_empty($$SELECT c.account_id, c.charge_id, c.exact_amount, e.amount FROM billing.charges c
	CROSS JOIN LATERAL (SELECT coalesce(sum(amount), 0) AS amount FROM billing.explain_charge(c.account_id, c.charge_id) WHERE what ~ '^tier|limits') e
	WHERE c.source = 'tariff' AND e.amount <> c.exact_amount$$, 'the tiers of each charge add up to its exact amount');
SELECT t.verify_is_empty();
SELECT * FROM finish();
