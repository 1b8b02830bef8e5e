-- Options of a running subscription: from when each change counts, and what it costs.
\ir setup.psql
SELECT billing.install(start => '2018-01-01');
INSERT INTO billing.plan (plan, product, currency, fee, term, change_share) VALUES ('ip', 'defense', 'CNY', 0, '1 month', '365/12');
INSERT INTO billing.plan (plan, product, currency, fee, term, change_share, change_days, change_rounding, expiry_policy) VALUES
	('old ip', 'defense', 'CNY', 0, '1 month', '365/12', 'both ends', 'down', NULL);
INSERT INTO billing.plan (plan, product, currency, fee, term) VALUES ('share', 'defense', 'CNY', 0, '1 month');
INSERT INTO billing.plan_option (plan, option, unit, choices, required, changes) SELECT p, 'base', 'Gbps', '[10, 20, 30, 60]', true, 'increase' FROM unnest(ARRAY['ip', 'old ip', 'share']) p;
INSERT INTO billing.plan_option (plan, option, unit, least, most, step, changes, at_least) SELECT p, 'elastic', 'Gbps', 10, 500, 10, 'at once', 'base' FROM unnest(ARRAY['ip', 'old ip', 'share']) p;
INSERT INTO billing.plan_option (plan, option, choices, changes) SELECT p, 'by', '["traffic", "bandwidth"]', 'next day' FROM unnest(ARRAY['ip', 'old ip', 'share']) p;
INSERT INTO billing.plan_option (plan, option, least, most, changes) SELECT p, 'ports', 60, 560, 'at once' FROM unnest(ARRAY['share']) p;
INSERT INTO billing.plan_option (plan, option, choices) SELECT p, 'line', '["bgp", "telecom"]' FROM unnest(ARRAY['ip', 'old ip', 'share']) p;
INSERT INTO billing.plan_price (plan, options, currency, fee) SELECT p, jsonb_build_object('base', b), 'CNY', f
	FROM unnest(ARRAY['ip', 'old ip', 'share']) p, (VALUES (10, 6600), (20, 12600), (30, 21600), (60, 69600)) v(b, f);
INSERT INTO billing.plan_price (plan, options, currency, fee) SELECT 'share', jsonb_build_object('base', 10, 'ports', n), 'CNY', 6600 + 50 * (n - 60) FROM generate_series(60, 70) n;
SELECT billing.open_account(name => 'a', account_id => n, currency => 'CNY', time_zone => 'Asia/Shanghai', at => '2018-01-01') FROM generate_series(1, 20) n;
SELECT billing.top_up(n, 1000000, at => '2018-01-01') FROM generate_series(1, 20) n;
CREATE FUNCTION t.sub(account_id bigint) RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT max(s.subscription_id) FROM billing.subscription s WHERE s.account_id = sub.account_id $$;
CREATE FUNCTION t.last_order(account_id bigint) RETURNS numeric LANGUAGE sql STABLE AS
$$ SELECT o.money FROM billing.orders o WHERE o.account_id = last_order.account_id ORDER BY o.order_id DESC LIMIT 1 $$;
CREATE FUNCTION t.spans(account_id bigint) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT string_agg(format('%s %s', CASE WHEN o.valid_from = '-infinity' THEN 'first' ELSE to_char(o.valid_from AT TIME ZONE 'Asia/Shanghai', 'MM-DD HH24:MI') END, o.options), '; ' ORDER BY o.valid_from)
   FROM billing.subscription_options o WHERE o.account_id = spans.account_id AND o.subscription_id = t.sub(spans.account_id) $$;

-- B3-7: the difference of a month times the days that are left / (365/12)
SELECT billing.subscribe(1, 'ip', options => '{"base": 10, "elastic": 50, "line": "bgp"}', at => '2018-12-11 10:00+08');
SELECT is(billing.configure_subscription(1, t.sub(1), '{"base": 20}', at => '2018-12-18 09:00+08') IS NOT NULL, true, 'an upgrade is an order');
SELECT t.same('SELECT kind, product, quantity, list_price, money FROM billing.orders WHERE account_id = 1 ORDER BY order_id DESC LIMIT 1',
	$$VALUES ('change', 'ip', 1, 4734.25, 4734.25)$$, 'DD-02, DD-03: 6000 x 24 / (365/12)');
SELECT t.same('SELECT paid_until, options FROM billing.subscriptions WHERE account_id = 1',
	$$VALUES ('2019-01-11 10:00+08'::timestamptz, '{"base": 20, "elastic": 50, "line": "bgp"}'::jsonb)$$, 'B3-7: its end stays');
SELECT is(t.spans(1), 'first {"base": 10, "line": "bgp", "elastic": 50}; 12-18 09:00 {"base": 20, "line": "bgp", "elastic": 50}', 'from its instant on');
SELECT is((SELECT reason FROM billing.charges WHERE account_id = 1 ORDER BY charge_id DESC LIMIT 1),
	'plan ip, {"base": 10, "line": "bgp", "elastic": 50} to {"base": 20, "line": "bgp", "elastic": 50}', 'the charge says what has changed');
SELECT billing.renew_subscription(1, t.sub(1), at => '2018-12-20');
SELECT is(t.last_order(1), 12600::numeric, 'renewed at the new fee');
SELECT billing.subscribe(2, 'old ip', options => '{"base": 10}', at => '2018-12-11 10:00+08');
SELECT billing.configure_subscription(2, t.sub(2), '{"base": 20}', at => '2018-12-18 09:00+08');
SELECT is(t.last_order(2), 4931.50, 'DD-01: both ends count, rounded down: 6000 x 25 / (365/12) = 4931.5068');
SELECT billing.subscribe(2, 'old ip', options => '{"base": 10}', at => '2018-12-11 00:00+08');
SELECT billing.configure_subscription(2, t.sub(2), '{"base": 20}', at => '2018-12-18 09:00+08');
SELECT is(t.last_order(2), 4734.24, 'an end at midnight is the end of the day before: 24 days, 4734.2465 down');
SELECT billing.subscribe(3, 'share', options => '{"base": 10}', at => '2019-03-01 00:00+08');
SELECT billing.configure_subscription(3, t.sub(3), '{"base": 20}', at => '2019-03-16 09:00+08');
SELECT is(t.last_order(3), 3096.77, 'by the share of the term: 6000 x 16 of 31 days');
-- many terms, and a voucher that pays a part
SELECT billing.grant_voucher(4, 1000, '2030-01-01', at => '2018-01-01');
SELECT billing.subscribe(4, 'ip', terms => 3, options => '{"base": 10}', at => '2018-12-11 10:00+08');
SELECT billing.configure_subscription(4, t.sub(4), '{"base": 20}', voucher => 'auto', at => '2018-12-18 09:00+08');
SELECT t.same('SELECT quantity, list_price, voucher_amount, money FROM billing.orders WHERE account_id = 4 ORDER BY order_id DESC LIMIT 1',
	'VALUES (3, 16372.60, 1000, 15372.60)', 'B3-7: 6000 x (24 + 31 + 28) / (365/12); vouchers pay it, too');
SELECT t.same('SELECT term, fee, list_price, money + voucher_amount, voucher_amount FROM billing.subscription_term WHERE account_id = 4 ORDER BY term',
	'VALUES (1, 12600, 11334.25, 11334.25, 289.16), (2, 12600, 12715.07, 12715.07, 373.49), (3, 12600, 12123.28, 12123.28, 337.35)', 'spread over its terms');
SELECT t.verify_is_empty();
-- an upgrade to another plan goes by the same rule
INSERT INTO billing.plan (plan, product, currency, fee, term, change_share, rank) VALUES ('pro', 'pro', 'CNY', 6600, '1 month', '365/12', 1), ('pro plus', 'pro', 'CNY', 12600, '1 month', '365/12', 2);
SELECT billing.subscribe(5, 'pro', at => '2018-12-11 10:00+08');
SELECT billing.change_plan(5, t.sub(5), 'pro plus', at => '2018-12-18 09:00+08');
SELECT is(t.last_order(5), 4734.25, 'DD-02: from plan to plan');

-- B3-8: a base above the elastic setting switches it off; at it, it stays
SELECT billing.subscribe(6, 'ip', options => '{"base": 10, "elastic": 30}', at => '2019-03-01');
SELECT billing.configure_subscription(6, t.sub(6), '{"base": 30}', at => '2019-03-02');
SELECT is(t.spans(6), 'first {"base": 10, "elastic": 30}; 03-02 08:00 {"base": 30, "elastic": 30}', 'a base as high as the cap');
SELECT billing.configure_subscription(6, t.sub(6), '{"base": 60}', at => '2019-03-03');
SELECT is(t.spans(6), 'first {"base": 10, "elastic": 30}; 03-02 08:00 {"base": 30, "elastic": 30}; 03-03 08:00 {"base": 60}', 'B3-8: a base above the cap switches it off');
SELECT billing.configure_subscription(6, t.sub(6), '{"elastic": 100}', at => '2019-03-04');
SELECT billing.configure_subscription(6, t.sub(6), '{"elastic": null}', at => '2019-03-05');
SELECT is(t.spans(6), 'first {"base": 10, "elastic": 30}; 03-02 08:00 {"base": 30, "elastic": 30}; 03-03 08:00 {"base": 60}; 03-04 08:00 {"base": 60, "elastic": 100}; 03-05 08:00 {"base": 60}',
	'switched on again, and off');
SELECT is((SELECT count(*) FROM billing.orders WHERE account_id = 6), 3::bigint, 'what costs nothing is no order');
SELECT billing.subscribe(7, 'ip', options => '{"base": 10, "elastic": 30}', at => '2019-03-01');
SELECT billing.configure_subscription(7, t.sub(7), '{"base": 60, "elastic": 100}', at => '2019-03-02');
SELECT is(t.spans(7), 'first {"base": 10, "elastic": 30}; 03-02 08:00 {"base": 60, "elastic": 100}', 'both at once');

-- from the next day of the account on
SELECT billing.subscribe(8, 'ip', options => '{"base": 10, "by": "traffic"}', at => '2019-03-01');
SELECT billing.configure_subscription(8, t.sub(8), '{"by": "bandwidth"}', at => '2019-03-02 20:00+08');
SELECT is(t.spans(8), 'first {"by": "traffic", "base": 10}; 03-03 00:00 {"by": "bandwidth", "base": 10}', 'the next day of the account');
SELECT billing.configure_subscription(8, t.sub(8), '{"elastic": 40}', at => '2019-03-02 21:00+08');
SELECT is(t.spans(8), 'first {"by": "traffic", "base": 10}; 03-02 21:00 {"by": "traffic", "base": 10, "elastic": 40}; 03-03 00:00 {"by": "bandwidth", "base": 10, "elastic": 40}',
	'what counts at once counts on, under what was scheduled before');
SELECT billing.configure_subscription(8, t.sub(8), '{"by": "traffic", "base": 60}', at => '2019-03-02 22:00+08');
SELECT is(t.spans(8), 'first {"by": "traffic", "base": 10}; 03-02 21:00 {"by": "traffic", "base": 10, "elastic": 40}; 03-02 22:00 {"by": "traffic", "base": 60}', 'taken back the same day; the base has overtaken the cap');
SELECT billing.configure_subscription(8, t.sub(8), '{"by": null, "elastic": 90}', at => '2019-03-02 22:00+08');
SELECT is(t.spans(8), 'first {"by": "traffic", "base": 10}; 03-02 21:00 {"by": "traffic", "base": 10, "elastic": 40}; 03-02 22:00 {"by": "traffic", "base": 60, "elastic": 90}; 03-03 00:00 {"base": 60, "elastic": 90}',
	'each from its own instant; of the same instant, the last word counts');
SELECT is(billing.configure_subscription(8, t.sub(8), '{"by": null, "elastic": 90}', at => '2019-03-02 23:00+08'), NULL, 'nothing to change');
SELECT is((SELECT count(*) FROM billing.subscription_options WHERE account_id = 8), 4::bigint, 'changes nothing');
SELECT t.verify_is_empty();

-- options that cost something and go down: nothing comes back, nothing is paid twice
SELECT billing.subscribe(9, 'share', options => '{"base": 10, "ports": 60}', at => '2019-03-01 00:00+08');
SELECT billing.configure_subscription(9, t.sub(9), '{"ports": 70}', at => '2019-03-16 00:00+08');
SELECT is(t.last_order(9), 258.06, '500 x 16 of 31 days');
SELECT billing.configure_subscription(9, t.sub(9), '{"ports": 62}', at => '2019-03-17 00:00+08'), billing.configure_subscription(9, t.sub(9), '{"ports": 66}', at => '2019-03-18 00:00+08');
SELECT is((SELECT count(*) FROM billing.orders WHERE account_id = 9), 2::bigint, 'less, and again more: the term is paid already');
SELECT billing.renew_subscription(9, t.sub(9), at => '2019-03-20');
SELECT is(t.last_order(9), 6900::numeric, 'the next term costs what it has then');
SELECT billing.configure_subscription(9, t.sub(9), '{"ports": 70}', at => '2019-03-21 00:00+08');
SELECT is(t.last_order(9), 200::numeric, 'and is charged for more');
SELECT t.verify_is_empty();

-- keys, and pieces
SELECT billing.subscribe(10, 'share', quantity => 3, options => '{"base": 10}', at => '2019-03-01 00:00+08');
SELECT is(billing.configure_subscription(10, t.sub(10), '{"base": 20}', key => 'k', at => '2019-03-01 00:00+08'),
	billing.configure_subscription(10, t.sub(10), '{"base": 20}', key => 'k', at => '2019-03-02 00:00+08'), 'a repeated call gets the first answer');
SELECT is(t.last_order(10), 18000::numeric, 'three pieces cost three times as much');
SELECT is(billing.configure_subscription(10, t.sub(10), '{"elastic": 30}', key => 'l', at => '2019-03-03'), NULL, 'free of charge');
SELECT is(billing.configure_subscription(10, t.sub(10), '{"elastic": 30}', key => 'l', at => '2019-03-03'), NULL, 'the same again');
-- DD-10's way back: a refund gives back what changes have paid, too
INSERT INTO billing.plan (plan, product, currency, fee, term, refund) VALUES ('back', '', 'CNY', 0, '1 month', 'full');
INSERT INTO billing.plan_option (plan, option, required, changes) VALUES ('back', 'base', true, 'increase');
INSERT INTO billing.plan_price (plan, options, currency, fee) VALUES ('back', '{"base": 1}', 'CNY', 100), ('back', '{"base": 2}', 'CNY', 200);
SELECT billing.subscribe(11, 'back', options => '{"base": 1}', at => '2019-03-01');
SELECT billing.configure_subscription(11, t.sub(11), '{"base": 2}', at => '2019-03-01');
SELECT billing.refund_subscription(11, t.sub(11), at => '2019-03-02');
SELECT is(t.balance(11), 1000000::numeric, 'all of it');
-- B3-7: the difference of two options is that of one list of prices; a price that has risen since the purchase is no part of it
INSERT INTO billing.plan (plan, product, currency, fee, term) VALUES ('risen', '', 'CNY', 0, '1 month');
INSERT INTO billing.plan_option (plan, option, required, changes) VALUES ('risen', 'base', true, 'increase'), ('risen', 'cap', false, 'at once');
INSERT INTO billing.plan_price (plan, options, currency, fee) VALUES ('risen', '{"base": 1}', 'CNY', 100), ('risen', '{"base": 2}', 'CNY', 200), ('risen', '{"base": 3}', 'CNY', 300);
INSERT INTO billing.plan_price (plan, options, currency, fee, valid_from) VALUES ('risen', '{"base": 1}', 'CNY', 150, '2019-03-02'), ('risen', '{"base": 2}', 'CNY', 230, '2019-03-02'), ('risen', '{"base": 3}', 'CNY', 220, '2019-03-04');
SELECT billing.subscribe(n, 'risen', terms => 2, options => '{"base": 1}', at => '2019-03-01 00:00+08') FROM generate_series(12, 13) n;
SELECT is(billing.configure_subscription(12, t.sub(12), '{"cap": 5}', at => '2019-03-03 00:00+08'), NULL, 'B3-6: an option that costs nothing costs nothing after a rise of prices');
SELECT is(billing.configure_subscription(12, t.sub(12), '{}', at => '2019-03-03 00:00+08'), NULL, 'nor does no change at all');
SELECT billing.configure_subscription(12, t.sub(12), '{"base": 2}', at => '2019-03-16 00:00+08');
SELECT is(t.last_order(12), 121.29, 'B3-7: 80, of the list of that day, for 16 of 31 days and a month');
SELECT billing.configure_subscription(13, t.sub(13), '{"base": 2}', at => '2019-03-01 00:00+08'), billing.configure_subscription(13, t.sub(13), '{"base": 3}', at => '2019-04-01 00:00+08');
SELECT is((SELECT array_agg(o.money ORDER BY o.order_id) FROM billing.orders o WHERE o.account_id = 13), '{200.00,200.00}', 'a list on which more is cheaper gives nothing back');
SELECT t.verify_is_empty();
-- a plan that takes over with the next term is sold with what is chosen meanwhile, or it would be renewed for its bare fee
INSERT INTO billing.plan (plan, product, currency, fee, term, rank, downgrade) VALUES ('large', 'two', 'CNY', 0, '1 month', 2, 'next term'), ('small', 'two', 'CNY', 0, '1 month', 1, 'next term');
INSERT INTO billing.plan_option (plan, option, required, changes) VALUES ('large', 'base', true, 'increase'), ('small', 'base', true, 'increase');
INSERT INTO billing.plan_price (plan, options, currency, fee) VALUES ('large', '{"base": 1}', 'CNY', 200), ('large', '{"base": 2}', 'CNY', 300), ('large', '{"base": 3}', 'CNY', 400), ('small', '{"base": 1}', 'CNY', 100), ('small', '{"base": 2}', 'CNY', 150);
SELECT billing.subscribe(14, 'large', options => '{"base": 1}', auto_renew => true, at => '2019-03-01');
SELECT billing.change_plan(14, t.sub(14), 'small', at => '2019-03-02');
SELECT t.refuses($$SELECT billing.configure_subscription(14, t.sub(14), '{"base": 3}', at => '2019-03-03')$$, 'UB042', '"small" has no option "base" of 3', 'B3-7: a base that the next plan does not have');
SELECT billing.configure_subscription(14, t.sub(14), '{"base": 2}', at => '2019-03-03');
CALL billing.run('2019-04-02');
SELECT is(t.last_order(14), 150::numeric, 'what it has is renewed at its fee');
CALL billing.run('2019-06-01');
SELECT t.verify_is_empty();
-- verify() sees what does not fit
SELECT t.finds('UPDATE billing.subscription_options SET valid_until = ''2019-04-02'' WHERE account_id = 10 AND valid_until = ''infinity''', 'options');
SELECT * FROM finish();
