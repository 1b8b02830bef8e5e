-- What options are refused, at subscribe and at configure_subscription, and that nothing has changed then.
\ir setup.psql
SELECT billing.install(start => '2019-01-01');
INSERT INTO billing.meter VALUES ('attack', 'Gbps', 'max'), ('traffic', 'GB', 'sum'), ('config', 'Mbps', 'time_weighted');
INSERT INTO billing.plan (plan, product, currency, fee, term, min_terms, provisioned) VALUES ('ip', 'p', 'CNY', 0, '1 month', 1, false), ('packet', 'p', 'CNY', 0, '1 month', 3, false), ('slow', 'p', 'CNY', 0, '1 month', 1, true);
INSERT INTO billing.plan_option (plan, option, unit, choices, least, most, step, required, changes, at_least) VALUES
	('ip', 'base', 'Gbps', '[10, 20, 30]', 0, NULL, NULL, true, 'increase', NULL), ('ip', 'elastic', 'Gbps', NULL, 10, 500, 10, false, 'at once', 'base'),
	('ip', 'line', '', '["bgp", "telecom"]', 0, NULL, NULL, false, 'never', NULL), ('ip', 'by', '', '["traffic", "bandwidth"]', 0, NULL, NULL, true, 'next day', NULL),
	('slow', 'elastic', '', NULL, 0, NULL, NULL, false, 'at once', NULL);
INSERT INTO billing.plan_price (plan, options, currency, fee) SELECT 'ip', jsonb_build_object('base', b), 'CNY', 660 * b FROM unnest(ARRAY[10, 20]) b;
SELECT billing.open_account(name => 'a', account_id => n, currency => 'CNY', at => '2019-01-01') FROM generate_series(1, 5) n;
SELECT billing.top_up(n, 20000, at => '2019-01-01') FROM generate_series(1, 4) n;
CREATE FUNCTION t.sub(account_id bigint) RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT max(s.subscription_id) FROM billing.subscription s WHERE s.account_id = sub.account_id $$;
SELECT billing.subscribe(1, 'ip', options => '{"base": 10, "elastic": 50, "line": "bgp", "by": "traffic"}', at => '2019-01-05');
SELECT billing.add_resource(2, 'box', 'box', at => '2019-01-05');
SELECT billing.subscribe(2, 'slow', resource => 'box', at => '2019-01-05');
SELECT billing.subscribe(3, 'ip', options => '{"base": 10, "by": "traffic"}', at => '2019-01-05');
SELECT billing.subscribe(4, 'ip', options => '{"base": 10, "by": "traffic"}', at => '2019-01-05');
SELECT billing.cancel_subscription(4, t.sub(4), at_term_end => false, at => '2019-01-06');
CALL billing.run('2019-01-10');
CREATE TABLE t.before AS SELECT * FROM t.snapshot();

-- at the door
CREATE FUNCTION t.buys(options text, state text, names text, what text) RETURNS text LANGUAGE sql AS
$$ SELECT t.refuses(format('SELECT billing.subscribe(1, ''ip'', options => %L, at => ''2019-01-10'')', options), state, names, what) $$;
SELECT t.buys('{"base": 10, "by": "traffic", "colour": "red"}', 'UB042', '"colour" of "red"', 'an option that the plan does not know');
SELECT t.buys('{"base": 15, "by": "traffic"}', 'UB042', '"base" of 15', 'a value that is none of its choices');
SELECT t.buys('{"base": "10", "by": "traffic"}', 'UB042', '"base" of "10"', 'a text is no number');
SELECT t.buys('{"base": 30, "by": "traffic"}', 'UB042', '"base" of 30', 'a choice that has no price here');
SELECT t.buys('{"base": 10}', 'UB042', 'needs option "by"', 'one that is needed');
SELECT t.buys('{"base": 10, "by": null}', 'UB042', '"by" of null', 'null is no value');
SELECT t.buys('{"base": 10, "by": ["traffic"]}', 'UB042', '"by" of ["traffic"]', 'nor is an array of one');
SELECT t.buys('{"base": 10, "by": "traffic", "elastic": 5}', 'UB042', '"elastic" of 5', 'too small a number');
SELECT t.buys('{"base": 10, "by": "traffic", "elastic": 510}', 'UB042', '"elastic" of 510', 'too great a number');
SELECT t.buys('{"base": 10, "by": "traffic", "elastic": 55}', 'UB042', '"elastic" of 55', 'a number between the steps');
SELECT t.buys('{"base": 10, "by": "traffic", "elastic": "50"}', 'UB042', '"elastic" of "50"', 'a text where a number is asked for');
SELECT t.buys('{"base": 20, "by": "traffic", "elastic": 10}', 'UB070', '"elastic" of 10', 'an elastic cap below the base');
SELECT t.refuses($$SELECT * FROM billing.quote_plan(1, 'ip', options => '{"base": 20, "by": "traffic", "elastic": 10}', at => '2019-01-10')$$, 'UB070', '"base" of 20', 'a quote says so, too');
SELECT t.refuses($$SELECT billing.subscribe(1, 'packet', terms => 2, at => '2019-01-10')$$, 'UB041', 'for 2 terms', 'B3-9: fewer terms than the first purchase has');
-- while it runs
CREATE FUNCTION t.sets(account_id bigint, options text, state text, names text, what text, at timestamptz DEFAULT '2019-01-10') RETURNS text LANGUAGE sql AS
$$ SELECT t.refuses(format('SELECT billing.configure_subscription(%s, %s, %L, at => %L)', account_id, t.sub(account_id), options, at), state, names, what) $$;
SELECT t.sets(1, '{"base": 5}', 'UB045', '"base"', 'B3-7: a base does not go down');
SELECT t.sets(1, '{"base": null}', 'UB045', '"base"', 'nor away');
SELECT t.sets(1, '{"base": 30}', 'UB042', '"base" of 30', 'nor up to what has no price');
SELECT t.sets(1, '{"base": "20"}', 'UB042', '"base" of "20"', 'or is no number');
SELECT t.sets(1, '{"elastic": 5}', 'UB042', '"elastic" of 5', 'a value that the plan does not know');
SELECT t.sets(1, '{"base": 20, "elastic": 10}', 'UB070', '"elastic" of 10', 'a cap below the base that comes with it');
SELECT t.sets(1, '{"line": "telecom"}', 'UB045', '"line"', 'what never changes');
SELECT t.sets(1, '{"colour": "red"}', 'UB042', '"colour"', 'an option that the plan does not know');
SELECT t.sets(1, '{"colour": null}', 'UB042', '"colour"', 'also to switch it off');
SELECT t.sets(1, '[]', '22023', '[]', 'what is no object');
SELECT t.refuses(format('SELECT billing.configure_subscription(1, %s, NULL)', t.sub(1)), '22023', 'NULL', 'NULL is no options');
SELECT t.sets(2, '{"elastic": 5}', '55000', 'has not started', 'one that waits for its resource');
SELECT t.sets(3, '{"elastic": 50}', 'UB044', 'has ended', 'one whose paid time is over', '2019-02-06');
SELECT t.sets(4, '{"elastic": 50}', 'UB044', 'has ended', 'one that was cancelled');
SELECT t.refuses('SELECT billing.configure_subscription(1, 999, ''{}'')', 'UB047', '999', 'one that there is not');
SELECT t.refuses('SELECT billing.configure_subscription(99, 1, ''{}'')', 'UB001', '99', 'of an account that there is not');
SELECT t.refuses('SELECT billing.configure_subscription(1, NULL, ''{}'')', 'UB047', 'NULL', 'NULL is none');
SELECT t.sets(1, '{"elastic": 60}', '22023', 'infinity', 'an instant that is none', 'infinity');
SELECT t.sets(1, '{"elastic": 60}', 'UB007', '2019-01-09 23:44:59', 'an instant whose usage may be settled', '2019-01-09 23:44:59');
SELECT t.same('SELECT * FROM t.snapshot()', 'SELECT * FROM t.before', 'nothing has changed');
SELECT billing.pay_out(1, 13000, at => '2019-01-10');
SELECT t.sets(1, '{"base": 20}', 'UB011', 'account 1', 'without the money');
SELECT is((SELECT options FROM billing.subscription WHERE account_id = 1), '{"base": 10, "elastic": 50, "line": "bgp", "by": "traffic"}'::jsonb, 'it stays as it is');
-- a quarter of an hour is what a call may wait
SELECT lives_ok(format('SELECT billing.configure_subscription(1, %s, ''{"elastic": 60}'', at => ''2019-01-09 23:50'')', t.sub(1)), 'a call that has waited behind the hour');
SELECT is((SELECT max(valid_from) FROM billing.subscription_options WHERE account_id = 1), '2019-01-10 00:00+00'::timestamptz, 'counts from the open hour on');

-- the catalogue
SELECT t.refuses($$INSERT INTO billing.plan_option (plan, option) VALUES ('ip', 'more')$$, 'UB007', '"ip"', 'no option is added to a plan that has subscriptions');
SELECT t.refuses($$INSERT INTO billing.plan_allowance (plan, meter, quantity, mode) VALUES ('packet', 'traffic', 5, 'threshold')$$, '22023', '"traffic"', 'no threshold of a sum');
INSERT INTO billing.plan_option (plan, option, choices) VALUES ('packet', 'line', '["bgp"]'), ('packet', 'base', '[5]');
SELECT t.refuses($$INSERT INTO billing.plan_allowance (plan, meter, quantity, base_option) VALUES ('packet', 'traffic', 0, 'base')$$, '22023', '"traffic"', 'no base of a sum');
SELECT t.refuses($$INSERT INTO billing.plan_allowance (plan, meter, quantity, base_option) VALUES ('packet', 'attack', 0, 'line')$$, '22023', '"line"', 'a base is a number');
SELECT t.refuses($$INSERT INTO billing.plan_allowance (plan, meter, quantity, over_cap) VALUES ('packet', 'attack', 5, 'free')$$, '22023', '"attack"', 'free above a cap that there is not');
SELECT throws_ok($$INSERT INTO billing.plan_allowance (plan, meter, quantity, base_option) VALUES ('packet', 'attack', 5, 'base')$$, '23514', NULL, 'two bases');
SELECT throws_ok($$INSERT INTO billing.plan_allowance (plan, meter, quantity, base_option) VALUES ('packet', 'attack', 0, 'speed')$$, '23503', NULL, 'an option that there is not');
SELECT throws_ok($$INSERT INTO billing.plan_option (plan, option, choices, changes) VALUES ('packet', 'size', '["big"]', 'increase')$$, '23514', NULL, 'a text does not increase');
SELECT t.refuses($$INSERT INTO billing.price (meter, plan, options, currency, tariff) VALUES ('traffic', 'ip', '{"colour": "red"}', 'CNY', 'graduated: 1 beyond')$$, 'UB042', '"red"', 'a price by an option that there is not');
SELECT t.refuses($$INSERT INTO billing.price (meter, options, currency, tariff) VALUES ('traffic', '{"by": "traffic"}', 'CNY', 'graduated: 1 beyond')$$, 'UB042', '"traffic"', 'a price by options of no plan');
INSERT INTO billing.price (meter, plan, options, currency, tariff) VALUES ('traffic', 'ip', '{"by": "traffic"}', 'CNY', 'graduated: 1 beyond'), ('traffic', 'ip', '{"by": "bandwidth"}', 'CNY', 'graduated: 0 beyond');
SELECT t.refuses($$INSERT INTO billing.price (meter, plan, options, currency, tariff) VALUES ('traffic', 'ip', '{"line": "bgp"}', 'CNY', 'graduated: 1 beyond')$$, 'UB014', '"traffic"', 'prices by options that one subscription can have');
SELECT t.refuses($$INSERT INTO billing.price (meter, plan, options, currency, tariff) VALUES ('config', 'ip', '{"by": "traffic"}', 'CNY', 'graduated: 1 beyond')$$, '22023', '"config"', 'a level that holds knows no options');
SELECT t.verify_is_empty();
SELECT * FROM finish();
