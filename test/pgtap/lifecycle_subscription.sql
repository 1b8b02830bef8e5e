-- What happens to subscriptions at the end of what is paid, and where the account is overdue, by the dates of the policies
-- that are shipped.  Named by the rules of the clouds (docs/coverage.md).
\ir setup.psql
SELECT billing.install(start => '2026-01-01');
INSERT INTO billing.meter VALUES ('m', 'unit', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('m', 'USD', 'graduated: 1 beyond');
INSERT INTO billing.lifecycle (policy, rule) VALUES ('defender_expiry', 'suspend immediately, notice 1 day before release, release after 7 days'),
	('back', 'notice 1 day before, suspend immediately, release after 5 days, resume auto'), ('narrow', 'notice 1 day before, restrict domain immediately, release after 3 days');
INSERT INTO billing.plan (plan, product, currency, fee, term, expiry_policy, overdue_policy) VALUES ('personal', 'EdgeOne', 'USD', 10, '1 month', 'plan', NULL),
	('defender', 'DDoS', 'USD', 10, '1 month', 'defender_expiry', 'defender'), ('aegis', 'Aegis', 'USD', 10, '1 month', 'elastic_expiry', NULL),
	('back', 'x', 'USD', 10, '1 month', 'back', NULL), ('narrow', 'x', 'USD', 10, '1 month', 'narrow', NULL);
INSERT INTO billing.plan (plan, product, currency, fee, term) VALUES ('free', 'EdgeOne', 'USD', 0, NULL);
INSERT INTO billing.plan (plan, currency, fee, term, provisioned, expiry_policy) VALUES ('made', 'USD', 10, '1 month', true, 'plan');
INSERT INTO billing.plan_allowance (plan, meter, quantity) VALUES ('personal', 'm', 50);
CREATE FUNCTION t.open(ids bigint[], kind text DEFAULT 'domain', zone text DEFAULT 'UTC', money numeric DEFAULT 10, at timestamptz DEFAULT '2026-01-01') RETURNS void LANGUAGE sql AS
$$ SELECT billing.open_account(name => 'a', account_id => n, time_zone => zone, at => open.at),
	billing.add_resource(n, 'www', open.kind, at => open.at), billing.activate_resource(n, 'www', at => open.at),
	billing.add_resource(n, 'other', 'forwarding', at => open.at), billing.activate_resource(n, 'other', at => open.at), billing.top_up(n, money, at => open.at)
   FROM unnest(ids) n $$;
CREATE FUNCTION t.sub(account_id bigint) RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT min(subscription_id) FROM billing.subscription s WHERE s.account_id = sub.account_id $$;
CREATE FUNCTION t.state(account_id bigint) RETURNS text LANGUAGE sql AS
$$ SELECT s.state FROM billing.subscriptions s WHERE s.account_id = state.account_id AND s.subscription_id = t.sub(s.account_id) $$;
CREATE FUNCTION t.resource(account_id bigint, resource text DEFAULT 'www') RETURNS text LANGUAGE sql AS
$$ SELECT r.state FROM billing.resource r WHERE r.account_id = resource.account_id AND r.resource = resource.resource $$;
-- the history of an account's subscriptions: action and effective instant
CREATE FUNCTION t.steps(account_id bigint) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(action || ' ' || to_char(at AT TIME ZONE a.time_zone, 'MM-DD HH24:MI'), ', ' ORDER BY step_id) FROM billing.lifecycle_steps s JOIN billing.account a USING (account_id)
   WHERE s.account_id = steps.account_id AND s.subject = 'subscription' $$;
CREATE FUNCTION t.told(account_id bigint) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(kind || ' ' || to_char(at, 'MM-DD'), ', ' ORDER BY notice_id) FROM billing.notices n WHERE n.account_id = told.account_id AND n.subject = 'subscription' $$;

-- names
SELECT t.refuses($$INSERT INTO billing.plan (plan, currency, fee, term, expiry_policy) VALUES ('x', 'USD', 1, '1 month', 'nosuch')$$, '23503', 'nosuch', 'an expiry policy that does not exist');
SELECT t.refuses($$INSERT INTO billing.plan (plan, currency, fee, term, overdue_policy) VALUES ('x', 'USD', 1, '1 month', 'nosuch')$$, '23503', 'nosuch', 'an overdue policy that does not exist');
SELECT t.refuses($$INSERT INTO billing.lifecycle (policy, rule) VALUES ('x', 'notice 1 day before, downgrade gold after 1 day, release after 1 day')$$, '23503', 'gold', 'a downgrade to a plan that does not exist');
SELECT lives_ok($$INSERT INTO billing.lifecycle (policy, rule) VALUES ('x', 'notice 1 day before, downgrade free after 1 day, release after 1 day')$$, 'to one that does');
SELECT t.refuses($$DELETE FROM billing.lifecycle WHERE policy = 'elastic_expiry'$$, 'UB007', 'elastic_expiry', 'a policy that a plan names stays');

-- EdgeOne: notice 7 days before, 7 days of grace, suspended, released after 60 days
SELECT t.open(ARRAY[1, 2, 3, 4, 5]);
SELECT billing.subscribe(n, 'personal', 'www', at => '2026-01-10 12:20') FROM generate_series(1, 5) n;
SELECT billing.subscribe(2, 'free', at => '2026-01-11');
SELECT is((SELECT next_at FROM billing.subscription_chain WHERE account_id = 1), '2026-02-03 12:20+00'::timestamptz, 'the first step is the notice, counted back from the end');
SELECT t.same($$SELECT what, due_at FROM billing.upcoming WHERE account_id = 1 ORDER BY due_at$$, $$VALUES ('notice', '2026-02-03 12:20+00'::timestamptz), ('end', '2026-02-10 12:20+00')$$, 'upcoming shows it');
CALL billing.run('2026-02-03 12:20');
SELECT is(t.told(1), NULL, 'B1.6-52 seven days before to the microsecond nobody is told');
CALL billing.run('2026-02-03 12:21');
SELECT is(t.told(1), 'plan_expires 02-03', 'B1.6-52 expiry notice 7 days before a plan ends');
SELECT is((SELECT facts ->> 'term_end' FROM billing.notices WHERE account_id = 1), '2026-02-10T12:20:00+00:00', 'it tells the end');
SELECT billing.top_up(4, 10, at => '2026-02-04'), billing.renew_subscription(4, t.sub(4), at => '2026-02-04');
SELECT is((SELECT next_at FROM billing.subscription_chain WHERE account_id = 4), '2026-03-03 12:20+00'::timestamptz, 'a renewal moves the notice with the end');
SELECT t.use(1, 'm', 3, '2026-02-10 12:10', 'www'), t.use(1, 'm', 4, '2026-02-10 12:30', 'www');
CALL billing.run('2026-02-10 14:00');
SELECT is(t.state(1) || ' ' || t.resource(1), 'grace active', 'B1.6-55 in the grace after the end service goes on');
SELECT is(t.charged(1, 'm'), 4::numeric, 'B1.6-55 but the allowance is not deducted: all usage is out of plan');
SELECT billing.top_up(1, 4, at => '2026-02-10 14:00');
SELECT is((SELECT used FROM billing.allowances WHERE account_id = 1), 3::numeric, 'B1.6-55 what was used before the end is deducted');
SELECT is(t.told(1), 'plan_expires 02-03, subscription_ended 02-10', 'who has ended is told');
SELECT is((SELECT value FROM billing.explain_account(1, '2026-02-11') WHERE topic LIKE 'subscription%'), 'grace, next: downgrade free', 'explain_account() tells what comes next');
CALL billing.run('2026-02-17 12:20');
SELECT is(t.state(1), 'grace', 'B1.6-56 the last instant to renew');
CALL billing.run('2026-02-17 12:21');
SELECT is(t.state(1) || ' ' || t.resource(1) || ' ' || t.resource(1, 'other'), 'suspended suspended active', 'B1.6-56 the grace is over: suspended, with its resource');
SELECT is((SELECT held_by FROM billing.resource WHERE account_id = 1 AND resource = 'www'), 'subscription ' || t.sub(1), 'which says what holds it');
SELECT is((SELECT state FROM billing.accounts WHERE account_id = 1), 'active', 'the account is not');
SELECT matches((SELECT reason FROM billing.lifecycle_steps WHERE account_id = 1 AND action = 'downgrade'), 'skipped.*free', 'B1.6-57 without a free plan the downgrade is skipped, and history says so');
SELECT is(t.state(2) || ' ' || t.resource(2), 'cancelled active', 'B1.6-57 who holds a free plan is not suspended: the paid one ends in favour of it');
SELECT matches((SELECT reason FROM billing.lifecycle_steps WHERE account_id = 2 AND action = 'downgrade'), 'goes on', 'B1.6-57 and history says so');
SELECT is((SELECT state FROM billing.subscriptions WHERE account_id = 2 AND plan = 'free'), 'active', 'B1.6-57 the free one goes on');
SELECT t.refuses($$SELECT billing.enable_resource(1, 'www', at => '2026-02-18')$$, 'UB023', 'www', 'it can not be enabled before it is renewed');
SELECT t.verify_is_empty();
SELECT billing.top_up(3, 20, at => '2026-02-20'), billing.renew_subscription(3, t.sub(3), at => '2026-02-20');
SELECT is(t.state(3) || ' ' || t.resource(3), 'active suspended', 'B1.6-56 renewal recovers; the resource stays off');
SELECT is((SELECT paid_until FROM billing.subscriptions WHERE account_id = 3), '2026-03-10 12:20+00'::timestamptz, 'B1.6-56 from the old end');
SELECT billing.enable_resource(3, 'www', at => '2026-02-20');
SELECT is(t.resource(3), 'active', 'until it is enabled');
SELECT is((SELECT next_at FROM billing.subscription_chain WHERE account_id = 3), '2026-03-03 12:20+00'::timestamptz, 'its chain starts anew');
CALL billing.run('2026-04-18 12:20');
SELECT is(t.state(1), 'suspended', 'B1.6-58 kept for 60 days');
SELECT billing.top_up(5, 30, at => '2026-04-18 12:20'), billing.renew_subscription(5, t.sub(5), 3, at => '2026-04-18 12:20');
CALL billing.run('2026-04-18 12:21');
SELECT is(t.state(1) || ' ' || t.resource(1) || ' ' || t.resource(1, 'other'), 'released released active', 'B1.6-58 and then released with its resource');
SELECT is(t.state(5), 'active', 'B1.6-58 who renews at the last instant keeps it');
SELECT is(t.steps(1), 'notice 02-03 12:20, end 02-10 12:20, downgrade 02-17 12:20, suspend 02-17 12:20, notice 04-11 12:20, notice 04-17 12:20, release 04-18 12:20', 'each step at its date');
SELECT is(t.told(1), 'plan_expires 02-03, subscription_ended 02-10, subscription_suspended 02-17, subscription_before_release 04-11, subscription_before_release 04-17, subscription_released 04-18', 'and each is told once');
SELECT t.refuses($$SELECT billing.renew_subscription(1, t.sub(1), at => '2026-04-19')$$, 'UB044', t.sub(1)::text, 'a released one can not be renewed');
SELECT t.refuses($$SELECT billing.enable_resource(1, 'www', at => '2026-04-19')$$, 'UB022', 'www', 'nor its resource enabled');
SELECT t.verify_is_empty();

-- resume auto; restrict; a kind of resources where the subscription has none of its own
SELECT t.open(ARRAY[11, 12], at => '2026-05-01');
SELECT billing.subscribe(11, 'back', 'www', at => '2026-05-01'), billing.subscribe(12, 'narrow', at => '2026-05-01');
CALL billing.run('2026-06-01 00:01');
SELECT is(t.state(11) || ' ' || t.resource(11), 'suspended suspended', 'at once where the policy says so, not when its hour is settled');
SELECT is(t.state(12) || ' ' || t.resource(12) || ' ' || t.resource(12, 'other'), 'grace restricted active', 'restrict KIND takes all of that kind, and the subscription goes on');
SELECT billing.top_up(11, 10, at => '2026-06-02'), billing.renew_subscription(11, t.sub(11), at => '2026-06-02');
SELECT is(t.state(11) || ' ' || t.resource(11), 'active active', 'resume auto: the renewal brings the resource back');
CALL billing.run('2026-06-05');
SELECT is(t.state(12) || ' ' || t.resource(12) || ' ' || t.resource(12, 'other'), 'released released active', 'released with what it held');

-- Aegis: protection stops at the end, forwarding goes on, released at 00:00 of day 8
SELECT t.open(ARRAY[21, 22, 23], 'protection', 'Asia/Shanghai', at => '2026-06-10');
SELECT billing.subscribe(n, 'aegis', 'www', auto_renew => n = 22, at => '2026-06-10 15:20+08') FROM generate_series(21, 23) n;
SELECT billing.top_up(22, 10, at => '2026-06-11');
CALL billing.run('2026-07-10 16:00+08');
SELECT is(t.state(21) || ' ' || t.resource(21) || ' ' || t.resource(21, 'other'), 'suspended suspended active', 'B3-15 protection stops at the expiry instant, forwarding goes on');
SELECT is(t.state(22) || ' ' || t.told(22), 'active plan_expires 07-03', 'B3-16 reminded 7 days before, renewed by itself where there is money');
CALL billing.run('2026-07-17 23:59+08');
SELECT is(t.state(21), 'suspended', 'B3-15 renewable for 7 days');
SELECT billing.top_up(23, 10, at => '2026-07-17 23:59+08'), billing.renew_subscription(23, t.sub(23), at => '2026-07-17 23:59+08');
CALL billing.run('2026-07-18 00:01+08');
SELECT is(t.state(21) || ' ' || t.state(23), 'released active', 'B3-15 released at 00:00 of day 8');
SELECT is(t.steps(21), 'notice 07-03 15:20, end 07-10 15:20, suspend 07-10 15:20, notice 07-17 00:00, release 07-18 00:00', 'B3-15 by its dates');
SELECT t.verify_is_empty();

-- DDoS defender: 24 hours overdue or at the end, kept for 7 days although the account's other resources are kept for 60
SELECT t.open(ARRAY[31, 32, 33, 34], at => '2026-07-20');
SELECT billing.subscribe(n, 'defender', 'www', at => '2026-07-20') FROM generate_series(31, 34) n;
SELECT billing.adjust(n, -5, 'debt', at => '2026-07-21 10:00') FROM unnest(ARRAY[31, 32, 34]) n;
SELECT is((SELECT value FROM billing.explain_account(31, '2026-07-21 11:00') WHERE topic LIKE 'subscription%' LIMIT 1), 'active, next: suspend', 'explain_account() knows its own chain');
CALL billing.run('2026-07-22 10:00');
SELECT billing.top_up(34, 5, at => '2026-07-22 10:00');
CALL billing.run('2026-07-22 10:01');
SELECT is(t.state(31) || ' ' || t.resource(31), 'suspended suspended', 'B1.6-60 overdue for 24 hours: suspended, though paid');
SELECT is(t.state(34), 'active', 'B1.6-62 paid at exactly 24 hours');
SELECT billing.top_up(32, 5, at => '2026-07-25');
SELECT is(t.state(32) || ' ' || t.resource(32), 'active suspended', 'clearing the debt stops it; the resource stays off');
SELECT billing.enable_resource(32, 'www', at => '2026-07-25');
CALL billing.run('2026-07-29 10:01');
SELECT is(t.state(31) || ' ' || t.resource(31) || ' ' || t.resource(31, 'other'), 'released released active', 'B1.6-60 kept for 7 days, then deleted; the account''s others are kept for 60');
SELECT is(t.steps(31), 'overdue 07-21 10:00, suspend 07-22 10:00, notice 07-28 10:00, release 07-29 10:00', 'B1.6-60 by its dates');
CALL billing.run('2026-08-20 00:01');
SELECT is(t.state(33) || ' ' || t.resource(33), 'suspended suspended', 'B1.6-60 suspended at the end of what is paid');
CALL billing.run('2026-08-27 00:01');
SELECT is(t.state(33) || ' ' || t.resource(33), 'released released', 'B1.6-60 and deleted 7 days later');
SELECT t.verify_is_empty();

-- an account that is suspended at once: the subscription's own steps count from then
SELECT billing.open_account(name => 'r', account_id => 41, policy => 'reseller', at => '2026-09-01'), billing.top_up(41, 10, at => '2026-09-01');
SELECT billing.subscribe(41, 'defender', at => '2026-09-01'), billing.adjust(41, -5, 'debt', at => '2026-09-02');
CALL billing.run('2026-09-02 00:01');
SELECT is(t.state(41), 'suspended', 'B1.6-59 with the account');
CALL billing.run('2026-09-09 00:01');
SELECT is(t.state(41) || ' ' || (SELECT state FROM billing.accounts WHERE account_id = 41), 'released suspended', 'B1.6-60 its 7 days count from there, the account is kept for 15');

SELECT t.open(ARRAY[53], at => '2026-09-10');

-- plans that wait for their resource
SELECT billing.add_resource(53, 'new', 'domain', at => '2026-10-17'), billing.subscribe(53, 'made', 'new', at => '2026-10-17');
CALL billing.run('2026-10-18');
SELECT is(t.state(53), 'provisioning', 'it waits');
SELECT billing.activate_resource(53, 'new', at => '2026-10-18 09:00');
SELECT t.same($$SELECT state, paid_until FROM billing.subscriptions WHERE account_id = 53$$, $$VALUES ('active', '2026-11-18 09:00+00'::timestamptz)$$, 'activate_resource() starts its first term');

-- money that is missing, an override, an outage
SELECT t.open(ARRAY[61, 62, 63, 64], at => '2026-11-20');
SELECT billing.subscribe(n, 'personal', 'www', auto_renew => n = 61, at => '2026-11-20') FROM generate_series(61, 63) n;
SELECT billing.override_lifecycle(62, 'subscription', t.sub(62)::text, '2026-12-30', 'promised', at => '2026-12-21');
CALL billing.run('2026-12-27 00:01');
SELECT is(t.told(61), 'plan_expires 12-13, renewal_failed 12-19, subscription_ended 12-20, subscription_suspended 12-27', 'a renewal that fails is told');
SELECT is(t.state(62), 'grace', 'an override holds a step back');
SELECT matches((SELECT reason FROM billing.lifecycle_steps WHERE account_id = 62 AND action = 'hold'), 'promised', 'which history says');
CALL billing.run('2026-12-30 00:01');
SELECT is(t.state(62), 'suspended', 'and ends by itself');
SELECT t.verify_is_empty();
SELECT billing.subscribe(64, 'personal', 'www', at => '2026-12-31');
CALL billing.tick('2027-02-10');
SELECT is(t.state(64), 'grace', 'an outage of ours takes nobody''s grace');
CALL billing.tick('2027-02-17 00:01');
SELECT is(t.state(64), 'suspended', 'which counts from when it was over');

-- the end of a package suspends nothing
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency) VALUES ('P', 'm', 10, '5 days', 1, 'USD');
SELECT t.open(ARRAY[71], at => '2027-02-20');
SELECT billing.purchase_package(71, 'P', at => '2027-02-20');
CALL billing.run('2027-04-01');
SELECT is((SELECT count(*) FROM billing.lifecycle_steps WHERE account_id = 71 AND action IN ('suspend', 'restrict', 'release')), 0::bigint, 'the end of a package suspends nothing');
SELECT is(t.resource(71), 'active', 'and its account goes on');
SELECT t.verify_is_empty();

-- what began with a version keeps it
SELECT t.open(ARRAY[51, 52], at => '2027-04-10');
SELECT billing.subscribe(51, 'personal', at => '2027-04-10');
INSERT INTO billing.lifecycle (policy, valid_from, rule) VALUES ('plan', '2027-04-15', 'notice 7 days before, suspend immediately, release after 60 days');
SELECT billing.subscribe(52, 'personal', at => '2027-04-16');
CALL billing.run('2027-05-16 00:01');
SELECT is(t.state(51), 'grace', 'B1.6-60 one that began before a version follows the old one');
SELECT is(t.state(52), 'suspended', 'B1.6-60 one that began later the new one');
SELECT billing.top_up(51, 20, at => '2027-05-16 00:01'), billing.renew_subscription(51, t.sub(51), at => '2027-05-16 00:01');
CALL billing.run('2027-06-10 00:01');
SELECT is(t.state(51), 'grace', 'B1.6-60 also after a renewal');
SELECT t.verify_is_empty();

-- verify() sees what does not belong
CREATE FUNCTION t.sees(change text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE n bigint;
BEGIN
	BEGIN
		EXECUTE change;
		SELECT count(*) INTO n FROM billing.verify();
		RAISE EXCEPTION 'undo' USING ERRCODE = 'ZZ000';
	EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
	END;
	RETURN ok(n > 0, 'verify() sees: ' || change);
END
$$;
SELECT t.sees(change) FROM unnest(ARRAY[$$UPDATE billing.subscription SET state = 'active' WHERE account_id = 52 AND state <> 'active'$$,
	$$UPDATE billing.subscription_chain SET next_at = next_at + interval '1 second' WHERE account_id = 51$$, $$UPDATE billing.subscription_chain SET step = 2 WHERE account_id = 5$$,
	$$UPDATE billing.subscription_chain SET since = now() WHERE account_id = 5$$, $$UPDATE billing.subscription_chain SET lifecycle_id = (SELECT lifecycle_id FROM billing.lifecycle WHERE policy = 'x') WHERE account_id = 11$$,
	$$UPDATE billing.subscription_chain SET since = NULL WHERE account_id = 31 AND cause = 'overdue'$$]) change;
SELECT * FROM finish();
