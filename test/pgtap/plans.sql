-- Plans: subscribing and renewing.  Tests are named by the rules of the clouds that they replay.
\ir setup.psql
SELECT billing.install(start => '2023-01-01');
INSERT INTO billing.meter VALUES ('traffic', 'GB', 'sum'), ('requests', 'request', 'count'), ('peak', 'Gbps', 'max');
INSERT INTO billing.plan (plan, product, currency, fee, term, month_end, rank, expiry_policy, max_terms) VALUES
	('personal', 'EdgeOne', 'USD', 4.2, '1 month', 'spill', 1, 'plan', 36), ('basic', 'EdgeOne', 'USD', 57, '1 month', 'spill', 2, 'plan', 36),
	('standard', 'EdgeOne', 'USD', 590, '1 month', 'spill', 3, 'plan', 36);
INSERT INTO billing.plan (plan, product, currency, fee, term) VALUES ('free', 'EdgeOne', 'USD', 0, NULL);
INSERT INTO billing.plan (plan, product, currency, fee, term, renewable) VALUES ('trial', 'EdgeOne', 'USD', 0, '14 days', false);
INSERT INTO billing.plan_allowance (plan, meter, quantity, mode) VALUES ('personal', 'traffic', 50, 'subtract'), ('personal', 'requests', 3000000, 'subtract'),
	('basic', 'traffic', 500, 'subtract'), ('basic', 'requests', 20000000, 'subtract'), ('basic', 'peak', 10, 'threshold'), ('standard', 'traffic', 3000, 'subtract');
SELECT billing.open_account(name => 'a', account_id => n, at => '2023-01-01') FROM generate_series(1, 9) n;
SELECT billing.top_up(n, 1000, at => '2023-01-01') FROM generate_series(1, 9) n;

-- B1.1-3, EO-04: from day T to day T, spilling over
SELECT billing.subscribe(1, 'basic', at => '2023-03-31');
SELECT t.same($$SELECT term_start, term_end, money, voucher_amount FROM billing.subscription_term WHERE account_id = 1$$,
	$$VALUES ('2023-03-31 00:00+00'::timestamptz, '2023-05-01 00:00+00'::timestamptz, 57, 0)$$, 'B1.1-3, EO-04: 31 March to 1 May');
SELECT is(t.balance(1), 943::numeric, 'the fee is charged at subscription');
SELECT t.same($$SELECT meter, size, used, valid_from, valid_until FROM billing.allowance WHERE account_id = 1 ORDER BY meter$$,
	$$VALUES ('requests', 20000000, 0, '2023-03-31 00:00+00'::timestamptz, '2023-05-01 00:00+00'::timestamptz),
		('traffic', 500, 0, '2023-03-31 00:00+00', '2023-05-01 00:00+00')$$, 'and opens allowances of its sum and count meters');
SELECT billing.renew_subscription(1, 1, at => '2023-04-10');
SELECT is((SELECT paid_until FROM billing.subscription WHERE account_id = 1), '2023-05-31'::timestamptz, 'a renewal counts from the anchor');
-- automatic
SELECT billing.subscribe(2, 'personal', auto_renew => true, at => '2023-03-10 12:00');
SELECT is((SELECT renew_at FROM billing.subscription WHERE account_id = 2), '2023-04-09 12:00'::timestamptz, 'B1.1-11: the day before expiry');
CALL billing.run('2023-06-05');
SELECT t.same($$SELECT term, term_end, order_id IN (SELECT order_id FROM billing.purchase WHERE automatic) FROM billing.subscription_term WHERE account_id = 2 ORDER BY 1$$,
	$$VALUES (1, '2023-04-10 12:00+00'::timestamptz, false), (2, '2023-05-10 12:00+00', true), (3, '2023-06-10 12:00+00', true)$$, 'B1.1-11: one term each time');
SELECT t.same($$SELECT state, since FROM billing.subscription WHERE account_id = 1$$, $$VALUES ('grace', '2023-05-31 00:00+00'::timestamptz)$$, 'one that is not renewed ends');
SELECT t.verify_is_empty();

-- terms
SELECT billing.subscribe(3, 'personal', terms => 2, at => '2023-05-09 15:20:00');
SELECT is((SELECT billing.last_second(paid_until) FROM billing.subscriptions WHERE account_id = 3), '2023-07-09 15:19:59'::timestamptz, 'B1.1-4, EO-05: an end is inclusive at the second');
SELECT t.same($$SELECT term, valid_from, last_second, size FROM billing.allowances WHERE account_id = 3 AND meter = 'traffic' ORDER BY 1$$,
	$$VALUES (1, '2023-05-09 15:20+00'::timestamptz, '2023-06-09 15:19:59+00'::timestamptz, 50), (2, '2023-06-09 15:20+00', '2023-07-09 15:19:59+00', 50)$$,
	'B1.1-7: quotas are issued per plan month, not carried over');
SELECT billing.subscribe(3, 'free', at => '2023-05-09 15:20:00');
SELECT t.same($$SELECT s.state, s.term_end, s.paid_until, o.money, o.list_price FROM billing.subscriptions s JOIN billing.orders o ON o.account_id = s.account_id AND subject_id = subscription_id
	WHERE s.account_id = 3 AND s.plan = 'free'$$, $$VALUES ('active', 'infinity'::timestamptz, 'infinity'::timestamptz, 0, 0)$$, 'B1.1-8: a free plan is an order at price 0, without end');
SELECT billing.subscribe(3, 'trial', at => '2023-06-01');
CALL billing.run('2023-06-15 01:00');
SELECT t.same($$SELECT state, since, ended_at FROM billing.subscriptions WHERE account_id = 3 AND plan = 'trial'$$,
	$$VALUES ('cancelled', '2023-06-15 00:00+00'::timestamptz, '2023-06-15 00:00+00'::timestamptz)$$, 'B1.1-1: a trial of 14 days ends');
SELECT is((SELECT count(*) FROM billing.allowance JOIN billing.subscription USING (account_id, subscription_id) WHERE plan = 'trial'), 0::bigint, 'and issues nothing anew');

-- where a term starts
INSERT INTO billing.plan (plan, currency, fee, term, starts) VALUES ('day', 'USD', 1, '1 month', 'day'), ('month', 'USD', 1, '1 month', 'month');
SELECT billing.open_account(name => 'kolkata', account_id => 20, time_zone => 'Asia/Kolkata', at => '2023-01-01'), billing.top_up(20, 100, at => '2023-01-01');
SELECT billing.subscribe(20, 'day', at => '2023-06-20 20:00+00'), billing.subscribe(20, 'month', at => '2023-06-20 20:00+00');
SELECT t.same($$SELECT term_start, term_end FROM billing.subscriptions WHERE account_id = 20 ORDER BY subscription_id$$,
	$$VALUES ('2023-06-21 00:00+05:30'::timestamptz, '2023-07-21 00:00+05:30'::timestamptz), ('2023-06-01 00:00+05:30', '2023-07-01 00:00+05:30')$$, 'day and month start at midnight of the zone');

-- month ends and clocks
INSERT INTO billing.plan (plan, currency, fee, term, month_end) VALUES ('clamp', 'USD', 1, '1 month', 'clamp'), ('spill', 'USD', 1, '1 month', 'spill'), ('days 30', 'USD', 1, '1 month', 'days 30'),
	('week', 'USD', 1, '7 days', 'clamp'), ('hours', 'USD', 1, '6 hours', 'clamp'), ('year', 'USD', 1, '1 year', 'clamp');
SELECT billing.subscribe(4, p, terms => 3, at => '2024-01-31') FROM unnest(ARRAY['clamp', 'spill', 'days 30', 'week', 'hours', 'year']) p;
SELECT t.same($$SELECT s.plan, array_agg(t.term_end::date ORDER BY t.term) FROM billing.subscription s JOIN billing.subscription_term t USING (account_id, subscription_id)
	WHERE account_id = 4 AND s.plan IN ('clamp', 'spill', 'days 30') GROUP BY s.subscription_id, s.plan ORDER BY s.subscription_id$$,
	$$VALUES ('clamp', '{2024-02-29,2024-03-31,2024-04-30}'::date[]), ('spill', '{2024-03-02,2024-03-31,2024-05-01}'), ('days 30', '{2024-03-01,2024-03-31,2024-04-30}')$$,
	'(b-x) month end: clamp, spill, 30 days, each from the anchor');
SELECT is((SELECT array_agg(paid_until ORDER BY subscription_id) FROM billing.subscription WHERE account_id = 4 AND plan IN ('week', 'hours', 'year')),
	ARRAY['2024-02-21', '2024-01-31 18:00', '2027-01-31']::timestamptz[], 'terms of days, hours and years');
SELECT billing.open_account(name => 'lord howe', account_id => 21, time_zone => 'Australia/Lord_Howe', at => '2023-01-01'), billing.top_up(21, 100, at => '2023-01-01');
SELECT billing.subscribe(21, 'week', auto_renew => true, at => '2023-09-25 12:00 Australia/Lord_Howe');
SELECT t.same($$SELECT renew_at AT TIME ZONE 'Australia/Lord_Howe', renew_at < paid_until FROM billing.subscription WHERE account_id = 21$$,
	$$VALUES ('2023-10-01 12:00'::timestamp, true)$$, 'the day before by the wall clock, after clocks went forward by half an hour');
SELECT is((SELECT paid_until - anchor FROM billing.subscription WHERE account_id = 21), interval '7 days' - interval '30 minutes', 'and the term is half an hour shorter');

-- fees
INSERT INTO billing.plan (plan, product, currency, fee, term, min_terms, max_terms) VALUES ('cvm', 'CVM', 'USD', 51, '1 month', 1, 36), ('vpn', 'VPN', 'USD', 4880, '1 month', 2, 3),
	('tpns', 'TPNS', 'USD', 300, '1 month', 1, 12), ('euro', 'CVM', 'EUR', 9, '1 month', 1, 36);
INSERT INTO billing.plan_discount VALUES ('cvm', 6, 0.12), ('cvm', 12, 0.17), ('tpns', 12, 0.35);
SELECT billing.top_up(5, 1000000, at => '2023-07-01');
SELECT t.same($$SELECT * FROM billing.quote_plan(5, 'cvm', terms => 12, at => '2023-07-01')$$,
	$$VALUES ('list price', 12, 51, 612), ('discount', NULL, NULL, -104.04), ('voucher', NULL, NULL, 0), ('money', NULL, NULL, 507.96)$$, 'RF-01: 12 months at 83 %');
SELECT billing.subscribe(5, 'cvm', terms => n, at => '2023-07-01') FROM unnest(ARRAY[5, 6, 11, 12]) n;
SELECT t.same($$SELECT quantity, list_price, discount, money FROM billing.orders WHERE account_id = 5 ORDER BY order_id$$,
	$$VALUES (5, 255, 0, 255), (6, 306, 36.72, 269.28), (11, 561, 67.32, 493.68), (12, 612, 104.04, 507.96)$$, 'the row with the most terms that the order reaches');
SELECT is((SELECT money FROM billing.quote_plan(5, 'tpns', quantity => 60, terms => 12, at => '2023-07-01') q(line, n, p, money) WHERE line = 'money'), 140400::numeric, 'TPNS-01: 60 pieces, 12 months, 65 %');
SELECT is((SELECT money FROM billing.quote_plan(5, 'vpn', terms => 2, at => '2023-07-01') q(line, n, p, money) WHERE line = 'money'), 9760::numeric, 'NET-23: two months');

-- regions, options, currencies, times
INSERT INTO billing.plan_price (plan, region, options, currency, valid_from, fee) VALUES
	('cvm', 'EU', '{}', 'USD', '-infinity', 60), ('cvm', '', '{"disk": "ssd"}', 'USD', '-infinity', 70), ('cvm', 'EU', '{"disk": "ssd"}', 'USD', '-infinity', 80),
	('cvm', '', '{"disk": "ssd", "gpu": 1}', 'USD', '-infinity', 500), ('cvm', 'EU', '{}', 'USD', '2023-08-01', 65), ('cvm', '', '{}', 'JPY', '-infinity', 7000);
SELECT t.same($$SELECT q.region, q.options, (SELECT price FROM billing.quote_plan(5, 'cvm', q.region, options => q.options::jsonb, at => q.at) WHERE line = 'list price')
	FROM (VALUES ('', '{}', '2023-07-01'::timestamptz), ('EU', '{}', '2023-07-31 23:59:59'), ('EU', '{}', '2023-08-01'), ('', '{"disk": "ssd"}', '2023-07-01'),
		('EU', '{"disk": "ssd"}', '2023-08-01'), ('EU', '{"disk": "ssd", "gpu": 1}', '2023-08-01'), ('US', '{"disk": "ssd"}', '2023-08-01')) q(region, options, at)$$,
	$$VALUES ('', '{}', 51), ('EU', '{}', 60), ('EU', '{}', 65), ('', '{"disk": "ssd"}', 70), ('EU', '{"disk": "ssd"}', 80), ('EU', '{"disk": "ssd", "gpu": 1}', 500), ('US', '{"disk": "ssd"}', 70)$$,
	'more options win, then a named region, then the latest; the plan''s own fee is last');
SELECT billing.open_account(name => 'yen', account_id => 22, currency => 'JPY', at => '2023-01-01'), billing.top_up(22, 9000, at => '2023-01-01');
SELECT billing.subscribe(22, 'cvm', at => '2023-07-01');
SELECT is(t.balance(22), 2000::numeric, 'another currency has its own fee');

-- what an order paid is spread over its terms to the cent, and the voucher's part too
INSERT INTO billing.plan (plan, product, currency, fee, term) VALUES ('third', 'third', 'USD', 33.335, '1 month');
SELECT billing.grant_voucher(6, 10, '2024-01-01', at => '2023-07-01');
SELECT billing.subscribe(6, 'third', terms => 3, voucher => 'auto', at => '2023-07-01');
SELECT t.same($$SELECT term, fee, list_price, money, voucher_amount FROM billing.subscription_term WHERE account_id = 6 ORDER BY 1$$,
	$$VALUES (1, 33.335, 33.34, 30.00, 3.33), (2, 33.335, 33.33, 30.01, 3.34), (3, 33.335, 33.34, 30.00, 3.33)$$, 'running totals: 90.01 and 10.00');
SELECT t.same($$SELECT list_price, discount, voucher_amount, money FROM billing.orders WHERE account_id = 6$$, 'VALUES (100.01, 0, 10, 90.01)', 'as the order says');
SELECT is(t.balance(6), 909.99, 'and the wallet');

-- keys
SELECT is(billing.subscribe(7, 'basic', key => 'k', at => '2023-07-01'), billing.subscribe(7, 'basic', key => 'k', at => '2023-07-02'), 'the same call again gives the same answer');
SELECT is(t.balance(7), 943::numeric, 'and takes no money twice');
SELECT is(billing.renew_subscription(7, (SELECT subscription_id FROM billing.subscription WHERE account_id = 7), key => 'r', at => '2023-07-01'),
	billing.renew_subscription(7, (SELECT subscription_id FROM billing.subscription WHERE account_id = 7), key => 'r', at => '2023-07-02'), 'nor does a renewal');
SELECT is((SELECT paid_terms FROM billing.subscription WHERE account_id = 7), 2, 'it has two terms');
CALL billing.run('2023-07-02');
SELECT t.verify_is_empty();
SELECT * FROM finish();
