-- Options that are priced by the piece: included, in blocks, by region and currency; paid, renewed and changed with the plan.
\ir setup.psql
SELECT billing.install(start => '2022-01-01');
INSERT INTO billing.plan (plan, product, currency, fee, term) VALUES ('ip', 'p', 'CNY', 1000, '1 month'), ('free', 'p', 'CNY', 0, '1 month');
INSERT INTO billing.plan_option (plan, option, choices, least, most, step, required, changes) VALUES ('ip', 'ports', NULL, 60, 500, 1, true, 'at once'), ('ip', 'rules', NULL, 0, 100, NULL, false, 'at once'),
	('ip', 'base', '[10, 20]', 0, NULL, NULL, false, 'increase'), ('ip', 'line', '["bgp"]', 0, NULL, NULL, false, 'never'), ('ip', 'note', NULL, 0, NULL, NULL, false, 'at once');
INSERT INTO billing.plan_price (plan, region, options, currency, fee) VALUES ('ip', '', '{"base": 20}', 'CNY', 3000), ('ip', '', '{}', 'USD', 150);
INSERT INTO billing.plan_option_price (plan, option, region, currency, valid_from, included, block, fee) VALUES ('ip', 'ports', '', 'CNY', '-infinity', 60, 1, 50), ('ip', 'ports', 'overseas', 'CNY', '-infinity', 100, 1, 70),
	('ip', 'rules', '', 'CNY', '-infinity', 0, 10, 500), ('ip', 'rules', '', 'CNY', '2022-06-01', 0, 10, 600), ('ip', 'ports', '', 'USD', '-infinity', 60, 1, 7.5);
SELECT billing.open_account(name => 'a', account_id => n, currency => 'CNY', at => '2022-01-01'), billing.top_up(n, 100000, at => '2022-01-01') FROM generate_series(1, 5) n;
SELECT billing.open_account(name => 'a', account_id => 6, currency => 'USD', at => '2022-01-01'), billing.top_up(6, 1000, at => '2022-01-01');
CREATE FUNCTION t.sub(account_id bigint) RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT max(s.subscription_id) FROM billing.subscription s WHERE s.account_id = sub.account_id $$;
CREATE FUNCTION t.price(options text, region text DEFAULT '', account_id bigint DEFAULT 1, terms integer DEFAULT 1, at timestamptz DEFAULT '2022-01-01') RETURNS numeric LANGUAGE sql AS
$$ SELECT trim_scale(amount) FROM billing.quote_plan(account_id, 'ip', region => region, options => options::jsonb, terms => terms, at => at) q(line, n, p, amount) WHERE line = 'money' $$;
CREATE FUNCTION t.last_order(account_id bigint) RETURNS numeric LANGUAGE sql STABLE AS
$$ SELECT o.money FROM billing.orders o WHERE o.account_id = last_order.account_id ORDER BY o.order_id DESC LIMIT 1 $$;

SELECT is(t.price('{"ports": 60}'), 1000::numeric, 'what is included costs nothing');
SELECT is(t.price('{"ports": 61}'), 1050::numeric, 'each one more costs its fee');
SELECT is(t.price('{"ports": 500, "base": 20}'), 3000 + 440 * 50::numeric, 'on top of the price of the other options');
SELECT is(t.price('{"ports": 101}', 'overseas'), 1070::numeric, 'a region may have its own');
SELECT is(t.price('{"ports": 101}', 'mars'), 1000 + 41 * 50::numeric, 'or that of any');
SELECT is(t.price('{"ports": 60, "rules": 0}'), 1000::numeric, 'none is no block');
SELECT is(t.price('{"ports": 60, "rules": 11}', terms => 3), 3 * 2000::numeric, 'a started block is a whole one, in each term');
SELECT is(t.price('{"ports": 60, "rules": 10.5}', at => '2022-06-01'), 2200::numeric, 'a later price is for orders from its instant on');
SELECT is(t.price('{"ports": 62}', account_id => 6), 165::numeric, 'a price in another currency');
SELECT is(t.price('{"ports": 60, "note": 7}'), 1000::numeric, 'an option without any price costs nothing');
SELECT t.refuses($$SELECT billing.subscribe(6, 'ip', options => '{"ports": 60, "rules": 1}', at => '2022-01-01')$$, 'UB042', '"rules"', 'one that is priced elsewhere, and not here, is not sold');
SELECT t.refuses($$SELECT billing.subscribe(1, 'ip', options => '{"ports": 501}', at => '2022-01-01')$$, 'UB042', '"ports" of 501', 'B3-11: at most 500');
SELECT t.refuses($$INSERT INTO billing.plan_option_price (plan, option, currency, fee) VALUES ('ip', 'line', 'CNY', 1)$$, '22023', '"line"', 'a text has no pieces');
SELECT t.refuses($$INSERT INTO billing.plan_option_price (plan, option, currency, fee) VALUES ('ip', 'base', 'CNY', 1)$$, '22023', '"base"', 'nothing is paid twice');
SELECT t.refuses($$INSERT INTO billing.plan_price (plan, options, currency, fee) VALUES ('ip', '{"base": 20, "ports": 70}', 'CNY', 1)$$, '22023', '"ports"', 'also not by a row that comes later');
SELECT throws_ok($$INSERT INTO billing.plan_option_price (plan, option, currency, fee) VALUES ('ip', 'speed', 'CNY', 1)$$, '23503', NULL, 'an option that there is not');
SELECT throws_ok($$INSERT INTO billing.plan_option_price (plan, option, currency, block, fee) VALUES ('ip', 'note', 'CNY', 0, 1)$$, '23514', NULL, 'no blocks of nothing');

-- more in the middle of a term, fewer, and the renewal
SELECT billing.subscribe(1, 'ip', options => '{"ports": 60, "rules": 10}', auto_renew => true, at => '2022-03-01');
SELECT is(t.last_order(1), 1500::numeric, 'paid with the plan');
SELECT billing.configure_subscription(1, t.sub(1), '{"ports": 80}', at => '2022-03-17');
SELECT is(t.last_order(1), 483.87, '1000 x 15 of 31 days');
SELECT billing.configure_subscription(1, t.sub(1), '{"ports": 70, "rules": null}', at => '2022-03-18');
SELECT is((SELECT count(*) FROM billing.orders WHERE account_id = 1), 2::bigint, 'for fewer nothing comes back');
CALL billing.run('2022-04-02');
SELECT t.same('SELECT kind, list_price FROM billing.orders WHERE account_id = 1 ORDER BY order_id', $$VALUES ('purchase', 1500), ('change', 483.87), ('renewal', 1500)$$,
	'renewed with what it has then: 1000 and ten ports');
SELECT billing.cancel_subscription(1, t.sub(1), at => '2022-04-10');
CALL billing.run('2022-05-02');
SELECT t.same('SELECT state, paid_until FROM billing.subscriptions WHERE account_id = 1', $$VALUES ('cancelled', '2022-05-01'::timestamptz)$$, 'and they end together');
SELECT billing.subscribe(2, 'ip', options => '{"ports": 70}', quantity => 2, terms => 2, at => '2022-03-01');
SELECT is(t.last_order(2), 6000::numeric, 'of each piece and term');
SELECT t.refuses($$UPDATE billing.plan_option_price SET fee = 1$$, 'UB007', '"ip"', 'a plan that has subscriptions keeps its prices');
SELECT t.refuses($$DELETE FROM billing.plan_option_price$$, 'UB007', '"ip"', 'all of them');
SELECT lives_ok($$INSERT INTO billing.plan_option_price (plan, option, currency, valid_from, included, fee) VALUES ('ip', 'ports', 'CNY', '2022-05-01', 60, 40)$$, 'a later one may come');
SELECT is(t.price('{"ports": 61}', at => '2022-05-01'), 1040::numeric, 'and counts from then on');
SELECT t.verify_is_empty();
SELECT * FROM finish();
