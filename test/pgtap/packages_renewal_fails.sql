-- Automatic renewal that can not be, or not as before: offers that change or go, plans that end; the order of renewals of one account.
\ir packages.psql
SELECT t.open(n) FROM generate_series(1, 60) n;
CALL billing.run('2023-07-01');

-- the price is the offer's at renewal; size and validity are those of the package
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, auto_renew_discount, valid_from) VALUES ('T10', 'traffic', 20, '2 months', 3, 'USD', 0.5, '2023-07-15');
SELECT billing.purchase_package(1, 'T10', auto_renew => true, at => '2023-07-01');
SELECT t.use(1, 'traffic', 11, '2023-07-20 10:10');
CALL billing.run('2023-07-21');
SELECT is((SELECT money FROM billing.orders WHERE account_id = 1 AND automatic), 1.5, 'the price is the offer''s at renewal');
SELECT t.same('SELECT size, valid_until FROM billing.packages WHERE account_id = 1 ORDER BY package_id', $$VALUES (10, '2023-08-01 00:00+00'::timestamptz), (10, '2023-08-20 10:10+00')$$,
	'B1.4-36: specification and validity are those of the package whose flag was on');
CALL billing.run('2023-08-21');
SELECT t.same('SELECT size, valid_until FROM billing.packages WHERE account_id = 1 ORDER BY package_id OFFSET 2', $$VALUES (10, '2023-09-20 10:10+00'::timestamptz)$$, 'B1.4-36: time after time');
-- a printed price that follows no rule, with more decimals than the currency
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, auto_renew_price) VALUES ('odd', 'traffic', 10, '1 month', 3.333, 'USD', 3.005);
SELECT billing.purchase_package(2, 'odd', auto_renew => true, at => '2023-08-21');
SELECT t.use(2, 'traffic', 11, '2023-08-21 10:10');
CALL billing.run('2023-08-22');
SELECT t.same('SELECT o.money, p.price_paid FROM billing.packages p JOIN billing.orders o USING (account_id, order_id) WHERE account_id = 2 ORDER BY order_id', 'VALUES (3.00, 3.00), (3.00, 3.00)',
	'what was paid is stored with the package');
SELECT is((SELECT facts ->> 'price' FROM billing.notices WHERE account_id = 2 AND kind = 'package_renewed'), '3.00', 'and told');
SELECT t.verify_is_empty();

-- the offer is withdrawn: at exhaustion, and at expiry
SELECT billing.purchase_package(n, 'V10', auto_renew => true, at => '2023-08-22') FROM generate_series(3, 4) n;
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, valid_from, withdrawn) VALUES ('V10', 'vau', 10, '1 month', 1, 'USD', '2023-09-01', true);
SELECT t.use(3, 'vau', 11, '2023-09-02 10:10');
CALL billing.run('2023-09-23');
SELECT t.same($$SELECT account_id, facts ->> 'reason', at FROM billing.notices WHERE account_id IN (3, 4) AND kind = 'renewal_failed' ORDER BY account_id$$,
	$$VALUES (3, 'the offer is not sold any more', '2023-09-02 10:10+00'::timestamptz), (4, 'the offer is not sold any more', '2023-09-22 00:00+00')$$,
	'the offer withdrawn: the flag goes off, a notice');
SELECT is(ARRAY[t.states(3), t.states(4)], '{{exhausted},{expired}}', 'neither has the flag');
SELECT is(t.charged(3, 'vau'), 1.0, 'the uncovered rest is billed');
SELECT t.refuses_all_of_it($$SELECT billing.purchase_package(3, 'V10', at => '2023-09-23')$$, 'UB059', 'V10', 'an offer that is withdrawn is not sold');

-- the plan is not active
SELECT billing.subscribe(n, 'personal', at => '2023-09-23') FROM generate_series(5, 6) n;
SELECT billing.purchase_package(n, 'E100', auto_renew => true, at => '2023-09-23') FROM generate_series(5, 6) n;
SELECT t.use(5, 'traffic', 100, '2023-09-23 10:10');
CALL billing.run('2023-10-23 12:00');
SELECT t.use(5, 'traffic', 10, '2023-10-23 12:10');
CALL billing.run('2023-10-23 13:00');
SELECT t.same($$SELECT facts ->> 'reason', t.states(5), t.charged(5, 'traffic') FROM billing.notices WHERE account_id = 5 AND kind = 'renewal_failed'$$,
	$$VALUES ('no plan that it needs is active', '{exhausted}'::text[], 1.0)$$, 'the plan not active: the flag goes off, a notice, the tariff');
SELECT is(t.states(6), '{"active, renews"}', 'a package that is neither used up nor over keeps its flag');
SELECT billing.adjust(6, -93, 'x', at => '2023-10-23 13:00');
CALL billing.run('2024-09-24');
SELECT t.same($$SELECT facts ->> 'reason', t.states(6) FROM billing.notices WHERE account_id = 6 AND kind = 'renewal_failed'$$,
	$$VALUES ('no plan that it needs is active', '{expired}'::text[])$$, 'the same at its end');
SELECT is(t.balance(6), 1.25, 'and nothing was paid: 100 - 1 - 4.75 - 93');
-- a due plan renewal before packages, with the money there
SELECT t.open(70, 12, '2024-09-24');
SELECT billing.subscribe(70, 'personal', auto_renew => true, at => '2024-09-25 10:40');
SELECT billing.purchase_package(70, 'E100', auto_renew => true, at => '2024-09-25 10:40');
SELECT billing.adjust(70, -1, 'x', at => '2024-09-25 10:40');	-- 5.25 are left: 0.5 too few for both
SELECT t.use(70, 'traffic', 101, '2024-10-24 10:10');
CALL billing.run('2024-10-24 11:00');
SELECT t.same($$SELECT subject, product, at FROM billing.orders WHERE account_id = 70 AND automatic$$, $$VALUES ('subscription', 'personal', '2024-10-24 10:40+00'::timestamptz)$$,
	'a due plan renewal goes before packages');
SELECT is(t.states(70), '{exhausted}', 'and leaves the package what is there');

-- renewals of one account by instant, then nearest expiry, then number: money for one only
SELECT t.open(n, 2, '2024-10-24') FROM generate_series(71, 73) n;
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, valid_from) VALUES ('L1', 'l4', 1, '1 month', 1, 'USD', '-infinity'), ('S1', 'smart', 1, '1 month', 1, 'USD', '-infinity');
SELECT billing.purchase_package(71, x, auto_renew => true, at => '2024-10-24 11:20') FROM unnest(ARRAY['L1', 'S1']) x;
SELECT billing.top_up(71, 1.9, at => '2024-10-24 11:20');
SELECT t.use(71, 'smart', 2, '2024-10-24 11:30');
SELECT t.use(71, 'l4', 2, '2024-10-24 11:40');
SELECT billing.purchase_package(72, 'L1', auto_renew => true, at => '2024-10-24 11:30');
SELECT billing.purchase_package(72, 'S1', auto_renew => true, at => '2024-10-24 11:20');
SELECT billing.top_up(72, 1.9, at => '2024-10-24 11:20');
SELECT t.use(72, m, 2, '2024-10-24 11:40') FROM unnest(ARRAY['l4', 'smart']) m;
SELECT billing.purchase_package(73, x, auto_renew => true, at => '2024-10-24 11:20') FROM unnest(ARRAY['S1', 'L1']) x;
SELECT billing.top_up(73, 1.9, at => '2024-10-24 11:20');
SELECT t.use(73, m, 2, '2024-10-24 11:40') FROM unnest(ARRAY['l4', 'smart']) m;
CALL billing.run('2024-10-24 12:00');
SELECT t.same('SELECT account_id, product FROM billing.orders WHERE account_id IN (71, 72, 73) AND automatic ORDER BY account_id', $$VALUES (71, 'S1'), (72, 'S1'), (73, 'S1')$$,
	'money for one: the earlier instant, then the nearest expiry, then the smaller number');
SELECT is((SELECT count(*) FROM billing.notices WHERE account_id IN (71, 72, 73) AND kind = 'renewal_failed'), 3::bigint, 'the other one of each goes off');

-- renewals use no voucher
SELECT billing.grant_voucher(14, 50, 'infinity', at => '2024-10-24');
SELECT billing.purchase_package(14, 'T100', auto_renew => true, voucher => 'auto', at => '2024-10-24 12:00');
SELECT t.use(14, 'traffic', 101, '2024-10-24 12:10');
CALL billing.run('2024-10-24 13:00');
SELECT t.same($$SELECT kind, voucher_amount, money FROM billing.orders WHERE account_id = 14 ORDER BY order_id$$, $$VALUES ('purchase', 4.75, 0), ('renewal', 0, 4.75)$$, 'renewals use no voucher');
-- a flag that went on later, and off before the end
SELECT billing.purchase_package(n, 'T100', auto_renew => n = 16, at => '2024-10-24 13:00') FROM generate_series(15, 16) n;
SELECT billing.set_auto_renew(n, t.package(n, 1), n = 15, at => '2024-10-24 13:10') FROM generate_series(15, 16) n;
CALL billing.run('2024-11-25');
SELECT is(ARRAY[(SELECT count(*) FROM billing.packages WHERE account_id = 15), (SELECT count(*) FROM billing.packages WHERE account_id = 16)], '{2,1}', 'the flag at the end counts');
SELECT is((SELECT money FROM billing.orders WHERE account_id = 15 AND automatic), 4.75, 'a renewal has the discount, also where the purchase had none');
SELECT is((SELECT count(*) FROM billing.notices WHERE account_id = 16 AND kind LIKE 'renewal%'), 0::bigint, 'nobody is told of what was not asked for');
-- an account that is closed, although it has credit
SELECT billing.purchase_package(n, 'T100', auto_renew => true, at => '2024-11-25') FROM generate_series(17, 18) n;
SELECT billing.subscribe(17, 'personal', auto_renew => true, at => '2024-11-25');
SELECT billing.set_credit_limit(n, 50, at => '2024-11-25'), billing.pay_out(n, t.balance(n), at => '2024-11-25') FROM generate_series(17, 18) n;
SELECT billing.close_account(n, at => '2024-11-25 10:00') FROM generate_series(17, 18) n;
SELECT t.use(17, 'traffic', 101, '2024-11-25 10:10');
CALL billing.run('2024-12-26');
SELECT is(ARRAY[t.states(17), t.states(18)], '{{exhausted},{expired}}', 'packages of a closed account do not renew themselves');
SELECT is(t.balance(17), -0.1, 'what it still uses is billed, and its plan not renewed either');
SELECT t.verify_is_empty();
SELECT * FROM finish();
