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
SELECT * FROM finish();
