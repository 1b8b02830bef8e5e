-- Renewal of plans: by hand before and after the end, by itself, without money, with another plan; and their end.
\ir setup.psql
SELECT billing.install(start => '2023-01-01');
INSERT INTO billing.meter VALUES ('traffic', 'GB', 'sum');
INSERT INTO billing.plan (plan, product, currency, fee, term, month_end, rank, expiry_policy, downgrade) VALUES
	('personal', 'EdgeOne', 'USD', 10, '1 month', 'spill', 1, 'plan', 'refuse'), ('basic', 'EdgeOne', 'USD', 50, '1 month', 'spill', 2, 'plan', 'next term'),
	('just ends', 'EdgeOne', 'USD', 5, '1 month', 'spill', 0, NULL, 'refuse');
INSERT INTO billing.plan (plan, product, currency, fee, term) VALUES ('hourly', '', 'USD', 1, '6 hours');
INSERT INTO billing.plan_allowance (plan, meter, quantity) VALUES ('personal', 'traffic', 50), ('basic', 'traffic', 500);
SELECT billing.open_account(name => 'a', account_id => n, at => '2023-01-01') FROM generate_series(1, 12) n;
SELECT billing.top_up(n, 100, at => '2023-01-01') FROM generate_series(1, 12) n;
CREATE FUNCTION t.sub(account_id bigint) RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT max(s.subscription_id) FROM billing.subscription s WHERE s.account_id = sub.account_id $$;

-- B5-4: a renewal in the grace period counts from the old end
SELECT billing.subscribe(1, 'personal', at => '2023-01-10 12:00');
CALL billing.run('2023-02-10 12:00');
SELECT is((SELECT state FROM billing.subscriptions WHERE account_id = 1), 'grace', 'B1.6-55: at its end it goes into grace');
SELECT billing.renew_subscription(1, t.sub(1), at => '2023-02-13');
SELECT t.same($$SELECT state, since, paid_until FROM billing.subscriptions WHERE account_id = 1$$,
	$$VALUES ('active', '2023-02-13 00:00+00'::timestamptz, '2023-03-10 12:00+00'::timestamptz)$$, '(b-z) renewal during grace: the new term starts at the old expiry');
SELECT is((SELECT size FROM billing.allowances WHERE account_id = 1 AND term = 2), 50::numeric, 'with a new allowance');
CALL billing.run('2023-03-11');
SELECT billing.renew_subscription(1, t.sub(1), at => '2023-04-11');
SELECT is((SELECT state FROM billing.subscriptions WHERE account_id = 1), 'grace', 'a term that is over already leaves it where it is');
SELECT billing.renew_subscription(1, t.sub(1), terms => 2, at => '2023-04-11');
SELECT is((SELECT state FROM billing.subscriptions WHERE account_id = 1), 'active', 'the next one does not');

-- B1.1-11: by itself, the day before, one term, also in a day of 23 hours
SELECT billing.open_account(name => 'berlin', account_id => 20, time_zone => 'Europe/Berlin', at => '2023-01-01'), billing.top_up(20, 30, at => '2023-01-01');
SELECT billing.subscribe(20, 'personal', auto_renew => true, at => '2023-04-27 02:30 Europe/Berlin');
SELECT is((SELECT renew_at FROM billing.subscription WHERE account_id = 20), '2023-05-26 02:30 Europe/Berlin'::timestamptz, 'B1.1-11: the day before expiry');
CALL billing.run('2023-07-01');
SELECT t.same($$SELECT kind, automatic, at, money FROM billing.orders WHERE account_id = 20 ORDER BY order_id$$,
	$$VALUES ('purchase', false, '2023-04-27 00:30+00'::timestamptz, 10), ('renewal', true, '2023-05-26 00:30+00', 10), ('renewal', true, '2023-06-26 00:30+00', 10)$$,
	'each at its instant');
-- without money: it keeps its flag and waits for a top-up
CALL billing.run('2023-07-26 01:00');
SELECT t.same($$SELECT auto_renew, renew_at, renewal_failed_at, state FROM billing.subscriptions WHERE account_id = 20$$,
	$$VALUES (true, NULL, '2023-07-26 00:30+00'::timestamptz, 'active')$$, 'without money the flag stays');
SELECT t.verify_is_empty();
SELECT billing.top_up(20, 9.99, at => '2023-07-26 12:00');
SELECT is((SELECT paid_terms FROM billing.subscriptions WHERE account_id = 20), 3, 'a cent is missing');
CALL billing.run('2023-07-28');
SELECT is((SELECT state FROM billing.subscriptions WHERE account_id = 20), 'grace', 'so it ends');
SELECT billing.top_up(20, 0.01, at => '2023-07-29');
SELECT t.same($$SELECT state, paid_until AT TIME ZONE 'Europe/Berlin', renew_at AT TIME ZONE 'Europe/Berlin', renewal_failed_at FROM billing.subscriptions WHERE account_id = 20$$,
	$$VALUES ('active', '2023-08-27 02:30'::timestamp, '2023-08-26 02:30'::timestamp, NULL::timestamptz)$$, 'the top-up in the grace period renews it from its old end');
SELECT is(t.balance(20), 0::numeric, 'with the last cent');

-- two that wait: the nearer end first, and the money does for one
SELECT billing.pay_out(2, 70, at => '2023-08-01');
SELECT billing.subscribe(2, 'personal', auto_renew => true, at => '2023-08-02'), billing.subscribe(2, 'personal', auto_renew => true, at => '2023-08-01');
SELECT billing.pay_out(2, 10, at => '2023-08-02');
CALL billing.run('2023-09-01');
SELECT is((SELECT count(*) FROM billing.subscription WHERE account_id = 2 AND renewal_failed_at IS NOT NULL), 2::bigint, 'both lack money');
SELECT billing.top_up(2, 15, at => '2023-09-01 12:00');
SELECT t.same($$SELECT anchor::date, paid_terms FROM billing.subscription WHERE account_id = 2 ORDER BY anchor$$, $$VALUES ('2023-08-01'::date, 2), ('2023-08-02', 1)$$, 'the nearer end goes first');
SELECT t.verify_is_empty();

-- due renewals share what there is by instant, end and number
SELECT billing.pay_out(3, 70, at => '2023-08-01');
SELECT billing.subscribe(3, 'personal', auto_renew => true, at => '2023-09-02') FROM generate_series(1, 2);
CALL billing.run('2023-10-02');
SELECT t.same($$SELECT paid_terms, renewal_failed_at IS NULL FROM billing.subscription WHERE account_id = 3 ORDER BY subscription_id$$, 'VALUES (2, true), (1, false)', 'of equals the smaller number is first');

-- the flag
SELECT billing.subscribe(4, 'personal', at => '2023-10-02');
SELECT is(billing.set_subscription_auto_renew(4, t.sub(4), true, at => '2023-10-03'), true, 'on');
SELECT is((SELECT renew_at FROM billing.subscription WHERE account_id = 4), '2023-11-01'::timestamptz, 'it will be renewed');
SELECT is(billing.set_subscription_auto_renew(4, t.sub(4), false, at => '2023-10-04'), false, 'off');
SELECT is((SELECT renew_at FROM billing.subscription WHERE account_id = 4), NULL, 'it will not');
SELECT billing.set_subscription_auto_renew(4, t.sub(4), true, at => '2023-11-01 18:00');
CALL billing.run('2023-11-01 20:00');
SELECT is((SELECT paid_terms FROM billing.subscription WHERE account_id = 4), 2, 'switched on in the last hours it renews at once');

-- a plan of hours renews again and again
SELECT billing.subscribe(5, 'hourly', auto_renew => true, at => '2023-11-02 00:00');
CALL billing.run('2023-11-03');
SELECT is((SELECT paid_until FROM billing.subscription WHERE account_id = 5), '2023-11-03 12:00'::timestamptz, 'when its last term begins, not before');
SELECT billing.set_subscription_auto_renew(5, t.sub(5), false, at => '2023-11-03');

-- the scheduled plan takes over with the next term
SELECT billing.subscribe(6, 'basic', auto_renew => true, at => '2023-11-03');
SELECT is(billing.change_plan(6, t.sub(6), 'personal', at => '2023-11-10'), NULL, 'B1.5-45 does not hold for plans that schedule a downgrade: no order yet');
SELECT is((SELECT next_plan FROM billing.subscriptions WHERE account_id = 6), 'personal', 'the next plan');
CALL billing.run('2023-12-02 12:00');
SELECT t.same($$SELECT plan, next_plan, paid_terms FROM billing.subscriptions WHERE account_id = 6$$, $$VALUES ('basic', 'personal', 2)$$, 'the day before, the next term is of the lower plan');
CALL billing.run('2023-12-04');
SELECT t.same($$SELECT plan, next_plan FROM billing.subscriptions WHERE account_id = 6$$, $$VALUES ('personal', NULL::text)$$, 'and then it is the present one');
SELECT t.same($$SELECT plan, size FROM billing.allowances WHERE account_id = 6 ORDER BY term$$, $$VALUES ('basic', 500), ('personal', 50)$$, 'with the lower allowance');
SELECT is(t.balance(6), 40::numeric, 'at the lower price');
SELECT billing.set_subscription_auto_renew(6, t.sub(6), false, at => '2023-12-04');
SELECT billing.subscribe(7, 'basic', at => '2023-12-04');
SELECT billing.change_plan(7, t.sub(7), 'personal', at => '2023-12-05'), billing.change_plan(7, t.sub(7), 'basic', at => '2023-12-06');
SELECT is((SELECT next_plan FROM billing.subscriptions WHERE account_id = 7), NULL, 'the plan that it has takes the schedule back');

-- ends
SELECT billing.subscribe(8, 'just ends', at => '2023-12-06'), billing.subscribe(9, 'personal', auto_renew => true, at => '2023-12-06'), billing.subscribe(10, 'personal', at => '2023-12-06');
SELECT is(billing.cancel_subscription(9, t.sub(9), at => '2023-12-10'), '2024-01-06'::timestamptz, 'cancelled for its end');
SELECT t.same($$SELECT state, auto_renew, renew_at, ended_at FROM billing.subscriptions WHERE account_id = 9$$, $$VALUES ('active', false, NULL::timestamptz, '2024-01-06 00:00+00'::timestamptz)$$, 'it runs on till then');
SELECT is(billing.cancel_subscription(10, t.sub(10), false, at => '2023-12-10'), '2023-12-10'::timestamptz, 'cancelled at once');
SELECT t.same($$SELECT state, valid_until FROM billing.subscriptions JOIN billing.allowances USING (account_id) WHERE account_id = 10$$, $$VALUES ('cancelled', '2023-12-10 00:00+00'::timestamptz)$$, 'its allowance ends too');
SELECT is(t.balance(10), 90::numeric, 'no money comes back');
CALL billing.run('2024-01-06 01:00');
SELECT t.same($$SELECT account_id, state, since FROM billing.subscriptions WHERE account_id IN (8, 9) ORDER BY 1$$,
	$$VALUES (8, 'cancelled', '2024-01-06 00:00+00'::timestamptz), (9, 'cancelled', '2024-01-06 00:00+00')$$, 'without a policy, or cancelled, an end is final');
-- an outage of the clock changes no instant
SELECT billing.subscribe(11, 'personal', auto_renew => true, at => '2024-01-06 02:00');
CALL billing.tick('2024-06-01');
SELECT t.same($$SELECT at FROM billing.orders WHERE account_id = 11 AND automatic ORDER BY order_id$$,
	$$VALUES ('2024-02-05 02:00+00'::timestamptz), ('2024-03-05 02:00+00'), ('2024-04-05 02:00+00'), ('2024-05-05 02:00+00')$$, 'late renewals are placed for their instants');
SELECT is((SELECT state FROM billing.subscriptions WHERE account_id = 11), 'active', 'and it has not ended in between');
-- vouchers expire by the same clock
SELECT billing.grant_voucher(12, 20, '2024-06-10 10:30', at => '2024-06-01');
CALL billing.run('2024-06-11');
SELECT t.same($$SELECT at, debit, credit, amount FROM billing.ledger WHERE account_id = 12 AND kind = 'voucher' ORDER BY transfer_id$$,
	$$VALUES ('2024-06-01 00:00+00'::timestamptz, 'promotion', 'voucher', 20), ('2024-06-10 10:30+00', 'voucher', 'promotion', 20)$$, 'an unused voucher goes back at its instant');
SELECT t.verify_is_empty();
SELECT * FROM finish();
