-- Packages as subjects of the timers: the notices of their offer's policy, and that their end suspends nothing.
\ir setup.psql
SELECT billing.install(start => '2026-01-01');
INSERT INTO billing.meter VALUES ('m', 'unit', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('m', 'USD', 'graduated: 1 beyond');
INSERT INTO billing.lifecycle (policy, rule) VALUES ('told', 'notice 7 days before, notice 1 day before, notice immediately, notice after 3 days');
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, expiry_policy) VALUES ('P', 'm', 10, '30 days', 1, 'USD', 'package'), ('Q', 'm', 10, '30 days', 1, 'USD', 'told'),
	('silent', 'm', 10, '30 days', 1, 'USD', NULL);
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, expiry_policy, max_resources, stackable, auto_renew_scope) VALUES ('D', 'm', 10, '30 days', 1, 'USD', 'told', 1, false, 'package');
SELECT billing.open_account(name => 'a', account_id => n, at => '2026-01-01'), billing.top_up(n, 100, at => '2026-01-01'),
	billing.add_resource(n, 'www', 'domain', at => '2026-01-01'), billing.activate_resource(n, 'www', at => '2026-01-01') FROM generate_series(1, 20) n;
CREATE FUNCTION t.told(account_id bigint) RETURNS text LANGUAGE sql AS
$$ SELECT coalesce(string_agg(kind || ' ' || to_char(at, 'MM-DD HH24:MI'), ', ' ORDER BY notice_id), '') FROM billing.notices n WHERE n.account_id = told.account_id AND subject = 'package' $$;
CREATE FUNCTION t.package(account_id bigint) RETURNS bigint LANGUAGE sql AS $$ SELECT min(package_id) FROM billing.packages p WHERE p.account_id = package.account_id $$;

-- what an offer may name
SELECT t.refuses($$INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, expiry_policy) VALUES ('x', 'm', 1, '1 day', 1, 'USD', 'nosuch')$$, '23503', 'nosuch', 'a policy that does not exist');
SELECT t.refuses($$INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, expiry_policy) VALUES ('x', 'm', 1, '1 day', 1, 'USD', 'plan')$$, '23514', 'plan', 'a policy that takes something away');
SELECT t.refuses($$INSERT INTO billing.lifecycle (policy, valid_from, rule) VALUES ('told', '2026-02-01', 'notice 1 day before, suspend after 1 day, release after 1 day')$$, '23514', 'told', 'a version of it that does');
SELECT t.refuses($$DELETE FROM billing.lifecycle WHERE policy = 'told'$$, 'UB007', 'told', 'a policy that an offer names stays');

-- notices by their dates
SELECT billing.purchase_package(n, o, at => '2026-01-05 10:20') FROM (VALUES (1, 'P'), (2, 'Q'), (3, 'silent'), (4, 'Q'), (5, 'Q'), (6, 'Q')) v(n, o);
SELECT t.same('SELECT account_id, state, since, next_step, next_at FROM billing.packages WHERE account_id <= 3 ORDER BY 1',
	$$VALUES (1::bigint, 'active', '2026-01-05 10:20+00'::timestamptz, 'notice', '2026-01-28 10:20+00'::timestamptz), (2, 'active', '2026-01-05 10:20+00', 'notice', '2026-01-28 10:20+00'),
		(3, 'active', '2026-01-05 10:20+00', NULL, NULL)$$, 'state, since, next step and when');
SELECT is((SELECT due_at FROM billing.upcoming WHERE account_id = 1 AND what = 'notice'), '2026-01-28 10:20+00'::timestamptz, 'upcoming shows it');
SELECT t.same($$SELECT value, detail FROM billing.explain_account(1, '2026-01-06') WHERE topic ^@ 'package'$$,
	$$VALUES ('active, next: notice', '"P" since 2026-01-05 10:20:00+00, valid until 2026-02-04 10:20:00+00, 10 of 10 left; policy package, due at 2026-01-28 10:20:00+00')$$, 'explain_account() as well');
SELECT is_empty($$SELECT FROM billing.explain_account(3, '2026-01-06') WHERE topic ^@ 'package'$$, 'of one without a policy there is nothing to say');
CALL billing.run('2026-01-28 10:20');
SELECT is(t.told(1), '', 'seven days before to the microsecond nobody is told');
SELECT t.use(4, 'm', 10, '2026-01-29 00:10');
SELECT billing.refund_package(5, t.package(5), at => '2026-01-29');
SELECT billing.override_lifecycle(6, 'package', t.package(6)::text, '2026-01-30', 'asked not to be told', at => '2026-01-20');
CALL billing.run('2026-01-28 10:21');
SELECT is(t.told(1), 'package_expires 01-28 10:20', 'B1.6-52 expiry notice 7 days before a package ends');
SELECT is(t.told(6), '', 'an override holds it back');
SELECT is((SELECT facts ->> 'valid_until' FROM billing.notices WHERE account_id = 1), '2026-02-04T10:19:59+00:00', 'it tells the last second');
SELECT matches((SELECT billing._notice_text(kind, '', facts) FROM billing.notices WHERE account_id = 1), '"P".*10 of 10', 'in words');
CALL billing.run('2026-02-10');
SELECT is(t.told(1) || '; ' || t.told(3), 'package_expires 01-28 10:20; ', 'told once; without a policy never');
SELECT is(t.told(2), 'package_expires 01-28 10:20, package_expires 02-03 10:20, package_expired 02-04 10:20, package_expired 02-07 10:20', 'each at its date');
SELECT is(t.told(4), 'package_expires 01-28 10:20, package_exhausted 01-29 01:00', 'what is used up needs no notice of its end');
SELECT is(t.told(5), '', 'nor what was given back');
SELECT is(t.told(6), 'package_expires 01-30 00:00, package_expires 02-03 10:20, package_expired 02-04 10:20, package_expired 02-07 10:20', 'an override ends by itself');
SELECT is((SELECT string_agg(action || coalesce(' ' || reason, ''), ', ' ORDER BY step_id) FROM billing.lifecycle_steps WHERE account_id = 4 AND subject = 'package'),
	'notice, notice skipped: it is exhausted, notice skipped: it is exhausted, notice skipped: it is exhausted', 'history says why');
SELECT t.same('SELECT account_id, state, since FROM billing.packages WHERE account_id IN (2, 4, 5) ORDER BY 1',
	$$VALUES (2::bigint, 'expired', '2026-02-04 10:20+00'::timestamptz), (4, 'exhausted', '2026-01-29 01:00+00'), (5, 'refunded', '2026-01-29 00:00+00')$$, 'since when each is what it is');
SELECT is((SELECT string_agg(DISTINCT r.state || ' ' || a.state, ',') FROM billing.resources r JOIN billing.accounts a USING (account_id)), 'active active', 'the end of a package suspends nothing');
SELECT t.verify_is_empty();

-- renewals
SELECT billing.purchase_package(7, 'Q', auto_renew => true, at => '2026-02-10');
SELECT billing.purchase_package(8, 'D', resources => '{www}', at => '2026-02-10');
SELECT billing.change_package(8, t.package(8), 'D', '{www}', at => '2026-02-11');
SELECT is((SELECT next_at FROM billing.packages WHERE account_id = 8 AND state = 'pending'), '2026-04-04 00:00+00'::timestamptz, 'one that is to take over counts from its own end');
CALL billing.run('2026-02-20');
SELECT t.use(8, 'm', 15, '2026-02-20 05:30', 'www');
CALL billing.run('2026-02-20 07:00');
SELECT is((SELECT next_at - valid_until FROM billing.packages WHERE account_id = 8 AND state = 'active'), interval '-7 days', 'it starts sooner: the notice moves with its end, in the same transaction');
CALL billing.run('2026-03-20');
SELECT is(t.told(7), 'package_expires 03-05 00:00, package_expires 03-11 00:00, package_renewed 03-12 00:00', 'nobody is told that something has ended that was renewed');
SELECT matches((SELECT string_agg(reason, ', ') FROM billing.lifecycle_steps WHERE account_id = 7 AND subject = 'package'), 'renew', 'history says so');
SELECT t.verify_is_empty();

-- an outage; a version; a timer that fails; closing
SELECT billing.purchase_package(n, 'Q', at => '2026-03-20') FROM generate_series(9, 12) n;
CALL billing.tick('2026-04-30');
SELECT is(t.told(9), 'package_expires 04-30 00:00, package_expires 04-30 00:00, package_expired 04-30 00:00', 'missed in an outage, they are sent late');
CALL billing.run('2026-05-03 00:01');
SELECT matches(t.told(9), ', package_expired 05-03 00:00$', 'and what comes after counts from then');
INSERT INTO billing.lifecycle (policy, valid_from, rule) VALUES ('told', '2026-05-05', 'notice 2 days before');
SELECT billing.purchase_package(13, 'Q', at => '2026-05-04');
SELECT billing.purchase_package(14, 'Q', at => '2026-05-05');
SELECT is((SELECT array_agg(valid_until - next_at ORDER BY account_id) FROM billing.packages WHERE account_id IN (13, 14)), ARRAY['7 days', '2 days']::interval[], 'a package keeps the version that it was bought with');
ALTER TABLE billing.notice ADD CONSTRAINT broken CHECK (account_id <> 13);
CALL billing.run('2026-06-02 00:01');
SELECT t.same('SELECT account_id, subject, subject_id FROM billing.lifecycle_quarantine', $$SELECT 13::bigint, 'package', t.package(13)::text$$, 'one that fails waits in quarantine');
SELECT is(t.told(14), 'package_expires 06-02 00:00', 'the others go on');
ALTER TABLE billing.notice DROP CONSTRAINT broken;
CALL billing.run('2026-06-02 02:00');
SELECT matches(t.told(13), '^package_expires', 'it is tried again');
SELECT is_empty('SELECT * FROM billing.lifecycle_quarantine', 'and is free');
SELECT billing.purchase_package(15, 'P', at => '2026-06-03');
SELECT billing.pay_out(15, 99, at => '2026-06-03'), billing.close_account(15, at => '2026-06-03');
CALL billing.run('2026-07-10');
SELECT is(t.told(15), '', 'of a closed account nobody is told');
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
SELECT billing.purchase_package(16, 'P', at => '2026-07-10');
SELECT t.sees(change) FROM unnest(ARRAY['UPDATE billing.package_chain SET step = 0 WHERE account_id = 2', $$UPDATE billing.package_chain SET next_at = next_at + interval '1 second' WHERE account_id = 16$$,
	'UPDATE billing.package_chain SET next_at = NULL WHERE account_id = 16', $$UPDATE billing.package_chain SET lifecycle_id = (SELECT min(lifecycle_id) FROM billing.lifecycle) WHERE account_id = 16$$,
	$$UPDATE billing.package SET valid_until = valid_until + interval '1 day' WHERE account_id = 16$$]) change;

SELECT * FROM finish();
