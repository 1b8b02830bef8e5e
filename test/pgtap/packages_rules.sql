-- Packages whose offers say otherwise: renewed at their end only, refunded less what was used of them.
\ir packages.psql
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, month_end, auto_renew_discount, auto_renew_on) VALUES ('C10', 'traffic', 10, '1 month', 2, 'USD', 'spill', 0.05, 'expiry');
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, month_end, refund_price) VALUES ('S1000', 'traffic', 1000, '6 months', 100, 'USD', 'spill', 0.29), ('S10', 'traffic', 10, '6 months', 2, 'USD', 'spill', 0.25);
SELECT t.open(n, 1000) FROM generate_series(1, 20) n;
CALL billing.run('2023-07-01');

-- (b-z) exhausted, CDN: not renewed before its end; B4-6
SELECT billing.purchase_package(a, 'C10', auto_renew => true, at => '2023-07-01 10:20') FROM generate_series(1, 4) a;
SELECT t.use(a, 'traffic', 15, '2023-07-05 10:10') FROM generate_series(1, 3) a;
SELECT t.use(4, 'traffic', 5, '2023-07-05 10:10');
CALL billing.run('2023-07-06');
SELECT t.use(a, 'traffic', 5, '2023-07-06 10:10') FROM generate_series(1, 3) a;
CALL billing.run('2023-07-07');
SELECT is(t.states(1), '{"exhausted, renews"}', 'B4-6, (b-z) exhausted, CDN: it does not renew before its end');
SELECT is(t.charged(1, 'traffic'), 1.0, 'and its usage is charged by the tariff');
SELECT t.same('SELECT subject_id, renew_at, price, will_renew FROM billing.renewals WHERE account_id = 1', $$VALUES (t.package(1, 1), '2023-08-01 10:20+00'::timestamptz, 1.9, true)$$, 'it is known when it will');
SELECT is((SELECT due_at FROM billing.upcoming WHERE account_id = 1 AND what = 'renew'), '2023-08-01 10:20+00'::timestamptz, 'and upcoming');
SELECT t.verify_is_empty();
SELECT billing.set_auto_renew(3, t.package(3, 1), false, at => '2023-07-08');
-- account 2 has usage around the end, 1 and 4 have none
SELECT t.use(2, 'traffic', 1, at::timestamptz) FROM unnest(ARRAY['2023-08-01 10:10', '2023-08-01 10:30']) at;
CALL billing.run('2023-08-02');
SELECT t.same('SELECT account_id, state, auto_renew, used, valid_from FROM billing.packages WHERE account_id <= 4 ORDER BY account_id, package_id', $$VALUES (1, 'exhausted', false, 10, '2023-07-01 10:20+00'::timestamptz),
	(1, 'active', true, 0, '2023-08-01 10:20+00'), (2, 'exhausted', false, 10, '2023-07-01 10:20+00'), (2, 'active', true, 1, '2023-08-01 10:20+00'), (3, 'exhausted', false, 10, '2023-07-01 10:20+00'),
	(4, 'expired', false, 5, '2023-07-01 10:20+00'), (4, 'active', true, 0, '2023-08-01 10:20+00')$$, 'at its end it does, used up or not, with usage around it or without');
SELECT is(t.charged(2, 'traffic'), 1.1, 'what was used before the end is charged, what comes after it is covered');
SELECT t.same('SELECT subject_id, facts ->> $$cause$$ FROM billing.notices WHERE account_id = 2 AND kind = $$package_renewed$$', $$VALUES (t.package(2, 2)::text, 'expiry')$$, 'by its end');
-- without the money
SELECT billing.pay_out(1, t.balance(1), at => '2023-08-02');
SELECT t.use(1, 'traffic', 10, '2023-08-03 10:10');
CALL billing.run('2023-09-02');
SELECT is(t.states(1), '{exhausted,exhausted}', 'B1.4-41: without the money its flag goes off at the end');
SELECT is((SELECT count(*) FROM billing.notices WHERE account_id = 1 AND kind = 'renewal_failed'), 1::bigint, 'and the account is told');
SELECT t.verify_is_empty();

-- TP-01, B4-23: a package that was used, less the list price of what was used
SELECT billing.purchase_package(a, 'S1000', at => '2023-09-02') FROM generate_series(10, 11) a;
SELECT billing.purchase_package(12, 'S10', at => '2023-09-02');
SELECT billing.grant_voucher(13, 40, '2024-01-01', at => '2023-09-02');
SELECT billing.purchase_package(13, 'S1000', voucher => 'auto', at => '2023-09-02');
SELECT billing.purchase_package(14, 'T100', at => '2023-09-02');
SELECT billing.purchase_package(15, 'S10', at => '2023-09-02');
SELECT t.use(a, 'traffic', 200.01, '2023-09-03 10:10') FROM unnest(ARRAY[10, 13]) a;
SELECT t.use(12, 'traffic', 9, '2023-09-03 10:10'), t.use(14, 'traffic', 1, '2023-09-03 10:10'), t.use(15, 'traffic', 10, '2023-09-03 10:10');
CALL billing.run('2023-09-04');
SELECT billing.refund_package(a, t.package(a, 1), at => '2023-09-04') FROM generate_series(10, 13) a;
SELECT t.same('SELECT account_id, voucher_amount, money FROM billing.orders WHERE kind = $$refund$$ ORDER BY account_id', 'VALUES (10, 0, -42.00), (11, 0, -100), (12, 0, 0), (13, -40, -2.00)',
	'TP-01, B4-23: 100 - 200.01 x 0.29; unused all of it; never below 0; of the wallet''s part first');
SELECT t.use(10, 'traffic', 10, '2023-09-03 12:10');
CALL billing.run('2023-09-05');
SELECT t.same('SELECT used, state FROM billing.packages WHERE account_id = 10', $$VALUES (200.01, 'refunded')$$, 'nothing more is deducted from it');
SELECT is(t.charged(10, 'traffic'), 1.0, 'late usage is charged');
SELECT t.refuses_all_of_it(format('SELECT billing.refund_package(14, %s, at => %L)', t.package(14, 1), '2023-09-05'), 'UB060', t.package(14, 1)::text, '(b-z) used partly: no refund where the offer does not say so');
SELECT t.refuses_all_of_it(format('SELECT billing.refund_package(15, %s, at => %L)', t.package(15, 1), '2023-09-05'), 'UB058', t.package(15, 1)::text, 'nor of one that is used up');
SELECT t.same('SELECT recognised, breakage, deferred FROM billing.deferred_revenue WHERE account_id IN (10, 11, 12, 13) ORDER BY account_id', 'VALUES (58, 0, 0), (0, 0, 0), (2, 0, 0), (58, 0, 0)', 'what the refund kept is earned');
SELECT t.verify_is_empty();
SELECT * FROM finish();
