-- What is to come: renewals with their price and whether the money will do, ends, vouchers that expire; and that it comes so.
\ir setup.psql
SELECT billing.install(start => '2023-01-01');
INSERT INTO billing.meter VALUES ('traffic', 'GB', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('traffic', 'USD', 'graduated: 0.1 beyond');
INSERT INTO billing.plan (plan, product, currency, fee, term, rank, downgrade) VALUES ('basic', 'edge', 'USD', 57, '1 month', 1, 'refuse'), ('big', 'edge', 'USD', 570, '1 month', 2, 'next term');
INSERT INTO billing.plan_discount VALUES ('basic', 1, 0.1);
INSERT INTO billing.plan_price (plan, currency, valid_from, fee) VALUES ('basic', 'USD', '2023-03-01', 60);
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, requires_plan, auto_renew_discount, auto_renew_scope) VALUES
	('p50', 'traffic', 50, '20 days', 10, 'USD', ARRAY['basic'], 0.05, 'package'), ('p10', 'traffic', 10, '20 days', 3, 'USD', NULL, 0, 'package');
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, valid_from, auto_renew_discount, auto_renew_scope) VALUES
	('p50', 'traffic', 50, '20 days', 20, 'USD', '2023-03-01', 0.05, 'package');
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, max_resources, cut_off) VALUES ('dev', 'traffic', 50, '1 month', 10, 'USD', 2, true);
SELECT billing.open_account(name => 'a', account_id => n, at => '2023-01-01') FROM generate_series(1, 5) n;
SELECT billing.top_up(n, 120, at => '2023-01-01') FROM generate_series(1, 4) n;
CREATE VIEW t.coming AS SELECT account_id, what || ' ' || subject || ' ' || subject_id AS what, due_at, detail FROM billing.upcoming_until('2023-12-31');

-- the money does for the plan, which comes first, and not for the package
SELECT billing.subscribe(1, 'basic', auto_renew => true, at => '2023-01-05 10:00');
SELECT billing.purchase_package(1, 'p50', auto_renew => true, at => '2023-01-15 10:00');
SELECT t.same('SELECT subject, subject_id, product, renew_at, price, available, due_before, will_renew, obstacle FROM billing.renewals WHERE account_id = 1 ORDER BY renew_at',
	$$VALUES ('subscription', 1, 'basic', '2023-02-04 10:00+00'::timestamptz, 51.3, 59.2, 0, true, NULL::text),
		('package', 1, 'p50', '2023-02-04 10:00+00', 9.5, 59.2, 51.3, false, '1.60 USD is missing')$$, 'renewals: price with discount, what is due before, what is missing');
SELECT t.same('SELECT what, due_at, detail FROM t.coming WHERE account_id = 1', $$VALUES
	('end package 1', '2023-02-04 10:00+00'::timestamptz, '"p50", 50 of 50 left: its renewal will fail'),
	('renew package 1', '2023-02-04 10:00+00', '"p50" for 9.50 USD; 59.20 there, 51.30 due before: 1.60 USD is missing, and the flag goes off'),
	('renew subscription 1', '2023-02-04 10:00+00', '"basic" for 51.30 USD; 59.20 there: the money will do')$$, 'upcoming says the same in words');
-- no renewal, cancelled, a voucher, cut off, a successor
SELECT billing.subscribe(2, 'basic', at => '2023-01-05 10:00'), billing.grant_voucher(2, 5, '2023-06-01', at => '2023-01-01'), billing.grant_voucher(2, 5, 'infinity', at => '2023-01-01');
SELECT billing.add_resource(2, 'd1', 'device', at => '2023-01-01');
SELECT billing.purchase_package(2, 'dev', resources => ARRAY['d1'], at => '2023-01-05 10:00');
SELECT t.same('SELECT what, due_at, detail FROM t.coming WHERE account_id = 2', $$VALUES
	('end package 2', '2023-02-05 10:00+00'::timestamptz, '"dev", 50 of 50 left: it does not renew itself; its resources are restricted then'),
	('end subscription 2', '2023-02-05 10:00+00', 'plan "basic": it does not renew itself'), ('expire voucher 1', '2023-06-01 00:00+00', '5.00 of 5.00 left')$$, 'ends, a voucher that expires');
SELECT billing.cancel_subscription(2, 2, at => '2023-01-06'), billing.change_package(2, 2, 'dev', at => '2023-01-06');
SELECT t.same('SELECT what, detail FROM t.coming WHERE account_id = 2 AND what ~ ''end''', $$VALUES
	('end package 2', '"dev", 50 of 50 left: package 3 takes over'), ('end subscription 2', 'plan "basic": it was cancelled')$$, 'cancelled; a successor that is paid');
-- used up: with the next usage
SELECT billing.purchase_package(3, 'p10', auto_renew => true, at => '2023-01-05 10:00');
SELECT t.use(3, 'traffic', 10, '2023-01-05 11:00');
CALL billing.run('2023-01-05 12:00');
SELECT t.same('SELECT what, due_at, detail FROM t.coming WHERE account_id = 3', $$VALUES ('renew package 4', NULL::timestamptz, '"p10" for 3.00 USD; 117.00 there: the money will do')$$,
	'used up, it renews itself with the next usage');
-- it comes so
CALL billing.run('2023-02-05 12:00');
SELECT t.same($$SELECT account_id, package_id, state, auto_renew FROM billing.packages WHERE package_id IN (1, 2, 3, 4) ORDER BY 2$$,
	$$VALUES (1, 1, 'expired', false), (2, 2, 'expired', false), (2, 3, 'active', false), (3, 4, 'exhausted', true)$$, 'the package was not renewed, for want of money');
SELECT t.same($$SELECT paid_terms, state FROM billing.subscriptions WHERE account_id < 3 ORDER BY account_id$$, $$VALUES (2, 'active'), (1, 'cancelled')$$, 'the plan was');
SELECT is(t.balance(1), 7.9, 'at that price');
-- later: the catalogue's price of that day; no money; no plan; not sold
SELECT t.same('SELECT what, detail FROM t.coming WHERE account_id = 1 ORDER BY what DESC', $$VALUES
	('renew subscription 1', '"basic" for 54.00 USD; 7.90 there: 46.10 USD is missing, a top-up tries it again'), ('end subscription 1', 'plan "basic": its renewal will fail')$$,
	'in March the plan costs more, and the money does not do');
CALL billing.run('2023-03-04 12:00');
SELECT is((SELECT detail FROM t.coming WHERE account_id = 1), 'plan "basic": its renewal at 2023-03-04 10:00:00+00 lacked money, a top-up tries it again', 'it failed');
SELECT billing.top_up(1, 200, at => '2023-03-04 13:00');
SELECT is((SELECT paid_terms FROM billing.subscriptions WHERE account_id = 1), 3, 'a top-up tried it again');
SELECT billing.purchase_package(1, 'p50', auto_renew => true, at => '2023-03-04 13:00');
UPDATE billing.package SET requires_plan = ARRAY['big'] WHERE account_id = 1 AND state = 'active';
SELECT is((SELECT obstacle FROM billing.renewals WHERE account_id = 1 AND subject = 'package'), 'no plan that it needs is paid until then: big', 'a plan that will not be there');
UPDATE billing.package SET requires_plan = ARRAY['basic'] WHERE account_id = 1 AND state = 'active';
SELECT ok((SELECT will_renew FROM billing.renewals WHERE account_id = 1 AND subject = 'package'), 'one that renews itself counts');
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, valid_from, withdrawn) VALUES ('p50', 'traffic', 50, '20 days', 20, 'USD', '2023-03-20', true);
SELECT is((SELECT obstacle FROM billing.renewals WHERE account_id = 1 AND subject = 'package'), 'the offer is not sold any more', 'withdrawn before it ends');
CALL billing.run('2023-03-25');
SELECT is((SELECT count(*) FROM billing.notices WHERE account_id = 1 AND kind = 'renewal_failed' AND subject = 'package'), 2::bigint, 'and so it was');
SELECT t.refuses('SELECT * FROM billing.upcoming_until(NULL)', '22004', 'NULL', 'until NULL');
SELECT t.verify_is_empty();
SELECT * FROM finish();
