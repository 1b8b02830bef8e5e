-- What is deducted in grace and while a subscription is suspended alone: nothing, neither from its allowance nor from packages
-- that ask for its plan, judged by the time of each event; and what ends when its account is released.
\ir setup.psql
SELECT billing.install(start => '2026-01-01');
INSERT INTO billing.meter VALUES ('m', 'unit', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('m', 'USD', 'graduated: 1 beyond');
INSERT INTO billing.lifecycle (policy, rule) VALUES ('lenient', 'notice immediately, release after 90 days'),
	('strict', 'suspend after 1 hour, release after 60 days'), ('back', 'suspend after 1 hour, release after 60 days, resume auto'),
	('elastic back', 'restrict elastic immediately, suspend protection after 1 hour, release after 60 days, resume auto');
INSERT INTO billing.plan (plan, currency, fee, term, expiry_policy, overdue_policy) VALUES ('p', 'USD', 10, '1 month', 'plan', NULL), ('own', 'USD', 0, '1 month', 'plan', 'strict'),
	('own back', 'USD', 0, '1 month', 'plan', 'back'), ('kinds', 'USD', 0, '1 month', 'plan', 'elastic back'), ('gratis', 'USD', 0, NULL, NULL, NULL);
INSERT INTO billing.plan_allowance (plan, meter, quantity) SELECT p, 'm', 100 FROM unnest(ARRAY['p', 'own', 'own back', 'gratis']) p;
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, requires_plan, priority) VALUES ('P', 'm', 100, '1 year', 0, 'USD', '{p,own}', 1),
	('F', 'm', 100, '1 year', 0, 'USD', NULL, 0);
CREATE FUNCTION t.sub(account_id bigint) RETURNS bigint LANGUAGE sql AS $$ SELECT min(subscription_id) FROM billing.subscriptions s WHERE s.account_id = sub.account_id $$;
CREATE FUNCTION t.state(account_id bigint) RETURNS text LANGUAGE sql AS $$ SELECT string_agg(state, ' ' ORDER BY subscription_id) FROM billing.subscriptions s WHERE s.account_id = state.account_id $$;
CREATE FUNCTION t.resource(account_id bigint, resource text) RETURNS text LANGUAGE sql AS
$$ SELECT state FROM billing.resources r WHERE r.account_id = resource.account_id AND r.resource = resource.resource $$;
-- what is deducted, and what is left for the tariff
CREATE FUNCTION t.taken(account_id bigint) RETURNS text LANGUAGE sql AS
$$ SELECT format('allowance %s, package %s, tariff %s', coalesce(sum(quantity) FILTER (WHERE source = 'allowance'), 0), coalesce(sum(quantity) FILTER (WHERE source = 'package'), 0),
	coalesce(sum(quantity) FILTER (WHERE source = 'tariff'), 0)) FROM billing.charges c WHERE c.account_id = taken.account_id $$;
CREATE FUNCTION t.open(ids bigint[], policy text DEFAULT 'lenient', balance numeric DEFAULT 20) RETURNS void LANGUAGE sql AS
$$ SELECT billing.open_account(name => 'a', account_id => n, policy => open.policy, at => '2026-01-01'), billing.adjust(n, balance, 'x', at => '2026-01-01') FROM unnest(ids) n $$;

-- grace: judged by the time of the event, whenever it arrives and whenever the renewal does
SELECT t.open(ARRAY[1, 2]);
SELECT billing.subscribe(n, 'p', at => '2026-01-05 10:00') FROM generate_series(1, 2) n;
SELECT billing.purchase_package(n, 'P', at => '2026-01-05 10:00') FROM generate_series(1, 2) n;
CALL billing.run('2026-02-05 12:00');
SELECT t.use(n, 'm', 1, '2026-02-05 09:59:59'), t.use(n, 'm', 2, '2026-02-05 10:00'), t.use(n, 'm', 4, '2026-02-05 12:30') FROM generate_series(1, 2) n;
SELECT billing.renew_subscription(2, t.sub(2), at => '2026-02-05 12:40');
SELECT t.use(n, 'm', 8, '2026-02-05 12:40'), t.use(n, 'm', 16, '2026-02-05 12:39:59') FROM generate_series(1, 2) n;
CALL billing.run('2026-02-05 13:00');
SELECT is(t.taken(1), 'allowance 1, package 0, tariff 30', 'B1.6-55 in grace neither the allowance nor a package that asks for the plan is deducted from, judged by event_time');
SELECT is(t.taken(2), 'allowance 9, package 0, tariff 22', 'B1.6-55 nor, after a late renewal, for what was used before it: also in its hour, and what arrives afterwards');
SELECT t.use(2, 'm', 32, '2026-02-05 11:00'), t.use(2, 'm', 64, '2026-02-05 13:00');
CALL billing.run('2026-02-05 14:00');
SELECT is(t.taken(2), 'allowance 73, package 0, tariff 54', 'B1.6-55 nor hours later');
SELECT t.same('SELECT account_id, paused_from, paused_until FROM billing.subscription_pause', $$VALUES (2::bigint, '2026-02-05 10:00+00'::timestamptz, '2026-02-05 12:40+00'::timestamptz)$$, 'the time between is noted');
SELECT t.verify_is_empty();

-- suspended alone, within what is paid: the account is overdue and goes on
SELECT t.open(ARRAY[11, 12], balance => 5);
SELECT billing.subscribe(11, 'own', at => '2026-02-06'), billing.subscribe(12, 'own back', at => '2026-02-06');
SELECT billing.purchase_package(11, offer, at => '2026-02-06') FROM unnest(ARRAY['P', 'F']) offer;
SELECT billing.adjust(n, -10, 'debt', at => '2026-02-10 10:30') FROM unnest(ARRAY[11, 12]) n;
SELECT t.use(n, 'm', 1, '2026-02-10 11:29:59'), t.use(n, 'm', 2, '2026-02-10 11:30') FROM unnest(ARRAY[11, 12]) n;
SELECT t.use(12, 'm', 1, '2026-02-10 13:30');
CALL billing.run('2026-02-10 14:00');
SELECT is(t.state(11) || ', the account ' || (SELECT state FROM billing.accounts WHERE account_id = 11), 'suspended, the account overdue', 'a subscription is suspended alone');
SELECT is(t.taken(11), 'allowance 1, package 2, tariff 0', 'nothing is deducted from its allowance, and of packages only from those that do not ask for its plan');
SELECT is((SELECT used FROM billing.packages WHERE account_id = 11 AND offer = 'P'), 0::numeric, 'not from the one that asks for it, though it comes first');
SELECT is(t.taken(12), 'allowance 1, package 0, tariff 3', 'without a package it is out of plan');
SELECT ok(EXISTS (SELECT FROM billing.charges c CROSS JOIN billing.explain_charge(12, c.charge_id) e WHERE c.account_id = 12 AND c.source = 'tariff' AND e.detail ~ 'suspended'), 'explain_charge() says why');
SELECT t.refuses($$SELECT billing.purchase_package(11, 'P', at => '2026-02-10 14:00')$$, 'UB053', 'P', 'nor is a package sold that asks for it');
SELECT billing.top_up(n, 50, at => '2026-02-10 15:30') FROM unnest(ARRAY[11, 12]) n;
SELECT t.use(n, 'm', 4, '2026-02-10 15:29:59'), t.use(n, 'm', 8, '2026-02-10 15:30') FROM unnest(ARRAY[11, 12]) n;
CALL billing.run('2026-02-10 17:00');
SELECT is(t.taken(11) || '; ' || t.taken(12), 'allowance 9, package 6, tariff 0; allowance 9, package 0, tariff 7', 'from the payment on it is again');
SELECT t.verify_is_empty();

-- cleared and in debt again at one instant, in any order: nothing comes back, also not by itself
SELECT t.open(ARRAY[21, 22], balance => 1);
SELECT billing.add_resource(21, 'shield', 'elastic', at => '2026-02-11'), billing.activate_resource(21, 'shield', at => '2026-02-11'),
	billing.add_resource(21, 'wall', 'protection', at => '2026-02-11'), billing.activate_resource(21, 'wall', at => '2026-02-11'), billing.subscribe(21, 'kinds', at => '2026-02-11'),
	billing.add_resource(22, 'www', 'domain', at => '2026-02-11'), billing.activate_resource(22, 'www', at => '2026-02-11'), billing.subscribe(22, 'own back', 'www', at => '2026-02-11');
SELECT billing.adjust(n, -6, 'debt', at => '2026-02-12') FROM unnest(ARRAY[21, 22]) n;
CALL billing.run('2026-02-13');
SELECT is(t.resource(21, 'shield') || ' ' || t.resource(21, 'wall') || ' ' || t.resource(22, 'www'), 'restricted suspended suspended', 'held by the subscriptions'' own steps');
CREATE TABLE t.before AS SELECT account_id, resource, state, since, held_by FROM billing.resource WHERE account_id IN (21, 22);
SELECT billing.top_up(n, 10, at => '2026-02-13 10:00'), billing.adjust(n, -10, 'debt', at => '2026-02-13 10:00') FROM unnest(ARRAY[21, 22]) n;
SELECT t.same('SELECT account_id, resource, state, since, held_by FROM billing.resource WHERE account_id IN (21, 22) ORDER BY 1, 2', 'SELECT * FROM t.before ORDER BY 1, 2', 'paid and in debt again at one instant: held as before');
SELECT is(t.state(21) || ' ' || t.state(22), 'suspended suspended', 'and suspended');
SELECT is((SELECT array_agg(paused_until) FROM billing.subscription_pause WHERE account_id IN (21, 22)), ARRAY[NULL, NULL]::timestamptz[], 'without a gap');
SELECT billing.top_up(n, 10, at => '2026-02-13 11:00') FROM unnest(ARRAY[21, 22]) n;
SELECT is(t.resource(21, 'shield') || ' ' || t.resource(21, 'wall') || ' ' || t.resource(22, 'www') || ' ' || t.state(21), 'active active active active', 'resume auto: a payment that stays brings all of it back');
SELECT t.verify_is_empty();

-- an account that is released takes its subscriptions with it, but for those that look after themselves
INSERT INTO billing.lifecycle (policy, rule) VALUES ('quick', 'notice immediately, suspend after 1 hour, release after 10 days');
SELECT t.open(ARRAY[31], 'quick');
SELECT billing.subscribe(31, 'p', auto_renew => true, at => '2026-03-01'), billing.subscribe(31, 'gratis', at => '2026-03-01'), billing.subscribe(31, 'own', at => '2026-03-01');
SELECT billing.adjust(31, -20, 'debt', at => '2026-03-02');
CALL billing.run('2026-03-12 01:00');
SELECT is(t.state(31), 'active active suspended', 'while the account is suspended its subscriptions keep their state');
CALL billing.run('2026-03-12 01:01');
SELECT is(t.state(31), 'released released suspended', 'B1.6-58 released with the account, the free one as well; one with its own policy by that');
SELECT t.same($$SELECT action, due_at, at, reason FROM billing.lifecycle_steps WHERE account_id = 31 AND subject = 'subscription' AND reason = 'with the account' AND action = 'release'$$,
	$$SELECT 'release', '2026-03-12 01:00+00'::timestamptz, '2026-03-12 01:00+00'::timestamptz, 'with the account' FROM generate_series(1, 2)$$, 'history says so');
SELECT billing.top_up(31, 50, at => '2026-03-13');
SELECT t.use(31, 'm', 3, '2026-03-13 01:00');
CALL billing.run('2026-03-13 02:00');
SELECT is(t.taken(31), 'allowance 3, package 0, tariff 0', 'after it is paid, the one that was kept gives something');
SELECT is_empty($$SELECT * FROM billing.allowances WHERE account_id = 31 AND plan <> 'own' AND valid_until > '2026-03-12 01:00'$$, 'allowances of the others are no more');
SELECT t.refuses($$SELECT billing.renew_subscription(31, t.sub(31), at => '2026-03-13')$$, 'UB044', t.sub(31)::text, 'nor are they renewed');
CALL billing.run('2026-04-10');
SELECT is((SELECT count(*) FROM billing.orders WHERE account_id = 31 AND kind = 'renewal'), 0::bigint, 'nor do they renew themselves');
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
SELECT t.sees(change) FROM unnest(ARRAY['DELETE FROM billing.subscription_pause WHERE account_id = 2', 'UPDATE billing.subscription_pause SET paused_until = NULL WHERE account_id = 2',
	$$UPDATE billing.subscription SET state = 'active' WHERE account_id = 31 AND plan = 'gratis'$$,
	$$DELETE FROM billing.lifecycle_step WHERE account_id = 31 AND reason = 'with the account'$$]) change;
SELECT * FROM finish();
