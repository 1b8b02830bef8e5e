-- What several hold at once: a resource comes back when the last of them lets go.  And who is told when a chain begins again.
\ir setup.psql
SELECT billing.install(start => '2026-01-01');
INSERT INTO billing.meter (meter, unit, aggregation) VALUES ('traffic', 'GB', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('traffic', 'USD', 'graduated: 0.10 beyond');
INSERT INTO billing.lifecycle (policy, rule) VALUES
	('domain', 'notice immediately, restrict domain immediately, release after 300 days'),
	('domain auto', 'notice immediately, restrict domain immediately, suspend domain after 1 day, release after 300 days, resume auto'),
	('off auto', 'notice 1 day before, suspend immediately, release after 300 days, resume auto'),
	('less auto', 'notice 1 day before, restrict immediately, release after 300 days, resume auto'),
	('kind', 'notice 1 day before, restrict protection immediately, release after 20 days'),
	('week', 'notice 7 days before, suspend after 7 days, notice 1 day before release, release after 30 days'),
	('own', 'notice immediately, restrict immediately, release after 100 days, resume auto');
INSERT INTO billing.plan (plan, currency, fee, term, expiry_policy, overdue_policy) VALUES ('off', 'USD', 5, '1 month', 'off auto', NULL),
	('less', 'USD', 5, '1 month', 'less auto', NULL), ('kind', 'USD', 5, '1 month', 'kind', NULL), ('week', 'USD', 5, '1 month', 'week', NULL), ('own', 'USD', 5, '1 month', 'week', 'own');
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, max_resources, cut_off) VALUES ('pk', 'traffic', 10, '12 months', 2, 'USD', 1, true);
SELECT billing.open_account(name => 'a', account_id => n, policy => p, at => '2026-01-01'), billing.top_up(n, 5, at => '2026-01-01'),
	billing.add_resource(n, 'd', 'domain', at => '2026-01-01'), billing.activate_resource(n, 'd', at => '2026-01-01')
FROM (VALUES (1, 'domain'), (2, 'domain auto'), (3, 'account'), (4, 'account'), (5, 'account'), (6, 'account'), (7, 'domain'), (8, 'domain auto'), (9, 'account'), (10, 'account')) a(n, p);
CREATE FUNCTION t.is_now(account_id bigint, resource text DEFAULT 'd') RETURNS text LANGUAGE sql AS
$$ SELECT concat_ws(' by ', r.state, coalesce((SELECT s.plan FROM billing.subscription s WHERE s.account_id = r.account_id AND r.held_by = 'subscription ' || s.subscription_id),
		split_part(r.held_by, ' ', 1))) FROM billing.resource r WHERE (r.account_id, r.resource) = (is_now.account_id, is_now.resource) $$;
CREATE FUNCTION t.sub(account_id bigint, plan text) RETURNS bigint LANGUAGE sql AS
$$ SELECT s.subscription_id FROM billing.subscription s WHERE (s.account_id, s.plan) = (sub.account_id, sub.plan) $$;

-- the debt and the end of a plan
SELECT billing.subscribe(1, 'off', resource => 'd', at => '2026-01-01'), billing.subscribe(2, 'less', resource => 'd', at => '2026-01-01');
-- two plans of one resource; a plan that takes all of a kind
SELECT billing.top_up(3, 5, at => '2026-01-01');
SELECT billing.subscribe(3, 'off', resource => 'd', at => '2026-01-01'), billing.subscribe(3, 'less', resource => 'd', at => '2026-01-01');
SELECT billing.add_resource(4, 'ip', 'protection', at => '2026-01-01'), billing.activate_resource(4, 'ip', at => '2026-01-01'), billing.subscribe(4, 'kind', at => '2026-01-01');
-- packages that cut off
SELECT billing.purchase_package(n, 'pk', resources => ARRAY['d'], at => '2026-01-01 00:00:01') FROM generate_series(5, 7) n;
SELECT billing.set_usage_cap(6, 'traffic', 9, 'suspend', 'day', resource => 'd', at => '2026-01-01 00:00:01');
SELECT t.use(5, 'traffic', 10, '2026-01-02 10:10', 'd'), t.use(6, 'traffic', 9, '2026-01-02 10:10', 'd'), t.use(6, 'traffic', 1, '2026-01-02 12:10', 'd'), t.use(7, 'traffic', 10, '2026-01-02 10:10', 'd');
-- a plan with an overdue policy of its own
SELECT billing.subscribe(8, 'own', resource => 'd', at => '2026-01-05');
CALL billing.run('2026-01-05 12:00');
SELECT billing.adjust(8, -1, 'x', at => '2026-01-05 12:00');
SELECT is(ARRAY[t.is_now(5), t.is_now(6), t.is_now(7)], ARRAY['restricted by package', 'suspended by cap', 'restricted by package'], 'packages are used up');
SELECT t.refuses($$SELECT billing.enable_resource(6, 'd', at => '2026-01-05 12:00')$$, 'UB023', 'held by package', 'a cap has acted, and the package holds it still');
SELECT billing.adjust(7, -10, 'x', at => '2026-01-05 12:00');
CALL billing.run('2026-01-08 12:00');
SELECT billing.grant_voucher(7, 100, '2027-01-01', at => '2026-01-08 12:00');
SELECT billing.purchase_package(7, 'pk', resources => ARRAY['d'], voucher => 'auto', at => '2026-01-08 12:00');
SELECT is(t.is_now(7), 'restricted by account', 'a new package does not lift what the debt says');

-- cleared and overdue at one instant
SELECT is(t.is_now(8), 'restricted by own', 'its own policy');
SELECT billing.top_up(8, 1, at => '2026-01-08 12:00'), billing.adjust(8, -1, 'same', at => '2026-01-08 12:00');
SELECT is(t.is_now(8), 'restricted by own', 'is that of the resource also where the chain goes on');

SELECT billing.adjust(1, -10, 'x', at => '2026-01-10');
CALL billing.run('2026-02-02');
SELECT is(ARRAY[t.is_now(1), t.is_now(2), t.is_now(3)], ARRAY['suspended by off', 'restricted by less', 'suspended by off'], 'plans have ended');
SELECT billing.grant_voucher(1, 100, '2027-01-01', at => '2026-02-03');
SELECT billing.renew_subscription(1, 1, voucher => 'auto', at => '2026-02-03');
SELECT is(t.is_now(1), 'restricted by account', 'a renewal does not lift what the debt says');
SELECT t.refuses($$SELECT billing.enable_resource(1, 'd', at => '2026-02-03')$$, 'UB023', 'held by account', 'nor can it be enabled');

SELECT billing.adjust(n, -30, 'x', at => '2026-02-03') FROM unnest(ARRAY[2, 4, 5]) n;
CALL billing.run('2026-02-05 12:00');
SELECT is(t.is_now(2), 'suspended by account', 'the debt takes it further');
SELECT billing.top_up(n, 30, at => '2026-02-05 12:00') FROM unnest(ARRAY[2, 4, 5]) n;
SELECT is(t.is_now(2), 'restricted by less', 'the payment does not lift what the end of the plan says');
SELECT is(t.is_now(5), 'suspended by account', 'what was suspended with the account stays off');
SELECT t.refuses($$SELECT billing.enable_resource(5, 'd', at => '2026-02-05 12:00')$$, 'UB023', 'held by package', 'and is not enabled without a package');

SELECT billing.top_up(3, 20, at => '2026-02-05 12:00');
SELECT billing.renew_subscription(3, t.sub(3, 'off'), at => '2026-02-05 12:00');
SELECT is(t.is_now(3), 'restricted by less', 'the other plan holds it still');
SELECT billing.renew_subscription(3, t.sub(3, 'less'), at => '2026-02-05 12:00');
SELECT is(t.is_now(3), 'active', 'and it is back when the last lets go');

SELECT is(t.is_now(4, 'ip'), 'suspended by account', 'the account was suspended after the plan had taken it');
CALL billing.run('2026-02-23');
SELECT is(t.is_now(4, 'ip'), 'released', 'the release of the plan takes what its steps have taken');
SELECT t.verify_is_empty();

-- the end of what is paid was noticed late, as the account waited in quarantine: grace counts from then
INSERT INTO billing.meter (meter, unit, aggregation) VALUES ('h', 'GB', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('h', 'USD', 'graduated: 0.10 up to 100');
SELECT billing.subscribe(9, 'week', at => '2026-02-23'), t.use(9, 'h', 200, '2026-02-23 10:00');
CALL billing.run('2026-02-25');
CALL billing.tick('2026-04-20 12:00');
SELECT is((SELECT s.state FROM billing.subscription s WHERE s.account_id = 9), 'grace', 'in grace');
SELECT is((SELECT c.next_at FROM billing.subscription_chain c WHERE c.account_id = 9), '2026-04-27 12:00+00'::timestamptz, 'of 7 days');
SELECT is((SELECT count(*) FROM billing.quarantine), 1::bigint, 'beside settlement');
INSERT INTO billing.price (meter, currency, tariff, valid_from) VALUES ('h', 'USD', 'graduated: 0.10 beyond', '2026-02-23 11:00');
DELETE FROM billing.usage u WHERE u.account_id = 9;
CALL billing.run('2026-04-28');
SELECT is((SELECT s.state FROM billing.subscription s WHERE s.account_id = 9), 'suspended', 'and then suspended');

-- told again: a chain that counts from the same instant, a payment that another call of its instant undoes
SELECT billing.adjust(10, -15, 'x', at => '2026-05-02');
CALL billing.run('2026-05-05');
SELECT billing.top_up(10, 10, at => '2026-05-05');
CALL billing.run('2026-05-10');
SELECT billing.adjust(10, -10, 'counts for 2 May', at => '2026-05-02');
CALL billing.run('2026-05-15');
SELECT billing.top_up(10, 10, at => '2026-05-15'), billing.adjust(10, -3, 'y', at => '2026-05-15');
CALL billing.run('2026-05-18');
SELECT billing.top_up(10, 3, at => '2026-05-18');
SELECT t.same($$SELECT n.kind, n.at FROM billing.notice n WHERE n.account_id = 10 ORDER BY n.notice_id$$, $$VALUES ('overdue', '2026-05-02'::timestamptz), ('suspended', '2026-05-03'), ('resumed', '2026-05-05'),
	('overdue', '2026-05-10'), ('suspended', '2026-05-11'), ('resumed', '2026-05-15'), ('suspended', '2026-05-15'), ('resumed', '2026-05-18')$$, 'each chain, and each turn');

-- under an override that holds the release, the warnings come before that
SELECT billing.open_account(name => 'a', account_id => 11, at => '2026-05-18'), billing.adjust(11, -10, 'x', at => '2026-05-18');
SELECT billing.override_lifecycle(11, 'account', NULL, '2026-09-20', 'promised', at => '2026-06-01');
CALL billing.run('2026-09-12');
SELECT is((SELECT u.due_at FROM billing.upcoming u WHERE u.account_id = 11 AND u.subject = 'account'), '2026-09-13'::timestamptz, 'what is next, as the override leaves it');
CALL billing.run('2026-09-21');
SELECT t.same($$SELECT n.kind, n.at, n.facts->>'release_at' FROM billing.notice n WHERE n.account_id = 11 AND n.at > '2026-06-01' ORDER BY n.notice_id$$,
	$$VALUES ('before_release', '2026-09-13'::timestamptz, '2026-09-20T00:00:00+00:00'), ('before_release', '2026-09-19', '2026-09-20T00:00:00+00:00'), ('released', '2026-09-20', NULL)$$, 'warned in time');
SELECT billing.subscribe(9, 'week', voucher => 'auto', at => '2026-09-21') FROM billing.grant_voucher(9, 100, '2027-01-01', at => '2026-09-21');
SELECT billing.override_lifecycle(9, 'subscription', max(s.subscription_id)::text, '2027-03-10', 'promised', at => '2026-11-04') FROM billing.subscription s WHERE s.account_id = 9;
SELECT t.same($$SELECT count(*) FROM billing.explain_account(9, '2026-11-05') e WHERE e.topic = 'override' AND e.detail LIKE 'of subscription %: promised'$$, 'VALUES (1::bigint)', 'explain_account() tells of it');
CALL billing.run('2027-03-11');
SELECT t.same($$SELECT n.kind, n.at, n.facts->>'release_at' FROM billing.notice n WHERE n.account_id = 9 AND n.at > '2026-11-04' ORDER BY n.notice_id$$,
	$$VALUES ('subscription_before_release', '2027-03-09'::timestamptz, '2027-03-10T00:00:00+00:00'), ('subscription_released', '2027-03-10', NULL)$$, 'of a subscription too');
SELECT t.verify_is_empty();

-- refused
SELECT t.refuses($$SELECT billing.override_lifecycle(1, 'subscription', '999', '2027-01-01', 'x', at => '2027-03-11')$$, '22023', '999', 'an override of a plan that the account does not have');
SELECT t.refuses($$SELECT billing.override_lifecycle(1, 'package', '', '2027-01-01', 'x', at => '2027-03-11')$$, '22023', 'subject_id', 'of a package without a number');
SELECT t.refuses($$SELECT billing.override_lifecycle(1, 'resource', 'd', '2027-01-01', 'x', at => '2027-03-11')$$, '22023', 'resource', 'of a resource, which has no steps');
SELECT billing.open_account(name => 'a', account_id => 12, at => '2027-03-11'), billing.close_account(12, at => '2027-03-11');
SELECT t.refuses($$SELECT billing.override_lifecycle(12, 'account', NULL, '2027-04-01', 'x', at => '2027-03-11')$$, 'UB006', '12', 'of a closed account');
SELECT t.refuses($$SELECT billing.set_credit_limit(1, 5, at => '4000-01-01 BC')$$, '22023', '4000', 'a limit long ago');
SELECT t.refuses($$SELECT billing.add_resource(10, repeat('x', 1001), 'domain', at => '2027-03-11')$$, '22023', 'xxx', 'a name of 1001 bytes');
SELECT t.refuses($$SELECT billing.set_low_balance(1, 5.001, at => '2027-03-11')$$, '22003', '5.001', 'a threshold finer than the currency');
SELECT t.refuses($$SELECT billing.acknowledge_notice(10, 1, at => 'infinity')$$, '22023', 'infinity', 'acknowledged never');
SELECT billing.set_low_balance(10, 5, at => '2027-03-11'), billing.top_up(10, 10, at => '2027-03-11'), billing.adjust(10, -6, 'x', at => '2027-03-11'), billing.top_up(10, 6, at => '2027-03-11');
SET DateStyle = 'SQL, DMY';
SELECT billing.adjust(10, -6, 'x', at => '2027-03-11');
SET DateStyle = 'ISO';
SELECT is((SELECT count(*) FROM billing.notice n WHERE n.account_id = 10 AND n.kind = 'low_balance'), 1::bigint, 'one cause, however a session writes its dates');
SELECT t.verify_is_empty();
SELECT * FROM finish();
