-- What happens to an account that is overdue, by the dates of the policies that are shipped.  Named by the rules of
-- the clouds (docs/coverage.md): B1.6-53 is rule 53 of section B1.6.
\ir setup.psql
SELECT billing.install(start => '2026-01-01');
INSERT INTO billing.meter VALUES ('m', 'unit', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('m', 'USD', 'graduated: 1 beyond');
CREATE FUNCTION t.open(ids bigint[], policy text DEFAULT 'account', terms interval DEFAULT NULL, credit_limit numeric DEFAULT 0) RETURNS void LANGUAGE sql AS
$$ SELECT billing.open_account(name => 'a', account_id => n, policy => open.policy, payment_terms => terms, credit_limit => open.credit_limit, at => '2026-01-01'),
	billing.add_resource(n, 'www', 'domain', at => '2026-01-01'), billing.activate_resource(n, 'www', at => '2026-01-01'),
	billing.add_resource(n, 'shield', 'elastic', at => '2026-01-01'), billing.activate_resource(n, 'shield', at => '2026-01-01')
   FROM unnest(ids) n $$;
CREATE FUNCTION t.state(account_id bigint) RETURNS text LANGUAGE sql AS $$ SELECT state FROM billing.accounts a WHERE a.account_id = state.account_id $$;
CREATE FUNCTION t.resource(account_id bigint, resource text) RETURNS text LANGUAGE sql AS
$$ SELECT state FROM billing.resources r WHERE r.account_id = resource.account_id AND r.resource = resource.resource $$;
-- the history of an account's own steps: action and effective instant
CREATE FUNCTION t.steps(account_id bigint) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(action || ' ' || to_char(at, 'MM-DD HH24:MI'), ', ' ORDER BY step_id) FROM billing.lifecycle_steps s WHERE s.account_id = steps.account_id AND s.subject = 'account' $$;

-- account: notice at once, 24 hours, 60 days
SELECT t.open(ARRAY[1, 2, 3, 4]);
SELECT t.use(n, 'm', 5, '2026-01-10 09:30') FROM generate_series(1, 4) n;
CALL billing.run('2026-01-10 12:00');
SELECT is((SELECT array_agg(kind ORDER BY account_id) FROM billing.notices), ARRAY['overdue', 'overdue', 'overdue', 'overdue'], 'B1.6-52 an overdue notice when the balance can not pay');
SELECT is((SELECT overdue_since FROM billing.accounts WHERE account_id = 1), '2026-01-10 10:00+00'::timestamptz, 'overdue since the end of the cycle that was settled');
SELECT is((SELECT facts ->> 'next_at' FROM billing.notices WHERE account_id = 1), '2026-01-11T10:00:00+00:00', 'the notice tells until when to pay');
CALL billing.run('2026-01-11 10:00');
SELECT billing.top_up(1, 5, at => '2026-01-11 10:00');
SELECT is(t.state(2), 'overdue', 'B1.6-62 at 24 hours to the microsecond nothing is done yet');
CALL billing.run('2026-01-11 10:00:00.000001');
SELECT is(t.state(1), 'active', 'B1.6-62 who pays at exactly 24 hours is in time');
SELECT is(t.state(2), 'suspended', 'B1.6-53 overdue for more than 24 hours: suspended');
SELECT is(t.resource(2, 'www') || ' ' || t.resource(2, 'shield'), 'suspended suspended', 'B1.6-53 with everything that it has');
SELECT is((SELECT state FROM billing.resource WHERE account_id = 2 AND resource = 'www'), 'active', 'which is read from the account, not copied');
SELECT t.same('SELECT suspended_from, suspended_until FROM billing.suspension WHERE account_id = 2', $$VALUES ('2026-01-11 10:00+00'::timestamptz, NULL::timestamptz)$$, 'the suspension counts from its instant');

-- view only
SELECT t.refuses(call, 'UB020', '2', 'B1.6-61 while suspended: ' || call) FROM unnest(ARRAY[$$SELECT billing.add_resource(2, 'new', 'domain')$$,
	$$SELECT billing.activate_resource(2, 'www')$$, $$SELECT billing.enable_resource(2, 'www')$$, $$SELECT billing.remove_resource(2, 'www')$$]) call;
SELECT ok(billing.record_usage(2, 'm', 1, 'while', '2026-01-11 11:00'), 'B1.6-61 usage that still arrives is taken');
SELECT lives_ok('SELECT * FROM billing.explain_account(2)', 'and reading goes on');
SELECT is((SELECT value FROM billing.explain_account(2, '2026-01-11 11:00') WHERE topic = 'what would clear it'), '5.00 USD', 'explain_account() tells what would clear it');
SELECT is((SELECT value || ' ' || detail FROM billing.explain_account(2, '2026-01-11 11:00') WHERE topic = 'next step'), 'notice unless it is paid by 2026-03-05 10:00:00+00', 'and what comes next');
CALL billing.run('2026-01-12');
SELECT is(t.charged(2), 6::numeric, 'and is charged');

-- coming back, by hand
SELECT billing.top_up(2, 6, at => '2026-01-13 08:00');
SELECT is(t.state(2), 'active', 'B1.6-54 a top-up clears the account in its own transaction');
SELECT is(t.resource(2, 'www') || ' ' || t.resource(2, 'shield'), 'suspended suspended', 'B1.6-54 and resources stay off');
SELECT billing.enable_resource(2, 'www', at => '2026-01-13 08:05');
SELECT is(t.resource(2, 'www') || ' ' || t.resource(2, 'shield'), 'active suspended', 'B1.6-54 until each is enabled by hand');
SELECT is((SELECT suspended_until FROM billing.suspension WHERE account_id = 2), '2026-01-13 08:00+00'::timestamptz, 'the suspension has ended with the payment');
SELECT t.use(2, 'm', 1, '2026-01-14 00:30');
CALL billing.run('2026-01-15 00:59:59');
SELECT is(t.state(2), 'overdue', 'B1.6-62 the clock starts anew the next time');
SELECT is((SELECT next_at FROM billing.accounts WHERE account_id = 2), '2026-01-15 01:00+00'::timestamptz, 'with all of its 24 hours');

-- 60 days
CALL billing.run('2026-03-12 09:00');
SELECT is(t.state(3), 'suspended', 'B1.6-58 kept for 60 days');
SELECT billing.top_up(4, 5, at => '2026-03-12 10:00');
CALL billing.run('2026-03-12 11:00');
SELECT is(t.state(3), 'released', 'B1.6-58 and then released');
SELECT is(t.resource(3, 'www'), 'released', 'B1.6-58 with all that it had');
SELECT is(t.steps(3), 'overdue 01-10 10:00, notice 01-10 10:00, suspend 01-11 10:00, notice 03-05 10:00, notice 03-11 10:00, release 03-12 10:00', 'each at its date, with notices 7 days and 1 day before');
SELECT is(t.steps(4), 'overdue 01-10 10:00, notice 01-10 10:00, suspend 01-11 10:00, notice 03-05 10:00, notice 03-11 10:00, resume 03-12 10:00', 'who pays at the last instant keeps everything');
SELECT billing.top_up(3, 5, at => '2026-03-13');
SELECT is(t.state(3), 'active', 'an account that clears its debt is active again');
SELECT t.refuses($$SELECT billing.enable_resource(3, 'www', at => '2026-03-13')$$, 'UB022', 'www', 'but what was released does not come back');
SELECT t.refuses($$SELECT billing.add_resource(3, 'www', 'domain', at => '2026-03-13')$$, 'UB022', 'www', 'not under its old name either');
SELECT lives_ok($$SELECT billing.add_resource(3, 'www2', 'domain', at => '2026-03-13')$$, 'it may have others');

-- the other policies
SELECT t.open(ARRAY[11], 'reseller'), t.open(ARRAY[12], 'defender'), t.open(ARRAY[13], 'elastic_arrears'), t.open(ARRAY[14], 'elastic_expiry');
SELECT t.use(n, 'm', 5, '2026-03-20 09:30') FROM generate_series(11, 14) n;
CALL billing.run('2026-03-20 10:00');
SELECT is(t.state(11), 'overdue', 'B1.6-59 a reseller''s account at the instant itself');
CALL billing.run('2026-03-20 10:01');
SELECT is(t.state(11), 'suspended', 'B1.6-59 is suspended at once');
SELECT is(t.state(13) || ' ' || t.resource(13, 'shield') || ' ' || t.resource(13, 'www'), 'overdue restricted active', 'B3-14 arrears: only elastic stops, at once');
SELECT t.refuses($$SELECT billing.enable_resource(13, 'shield', at => '2026-03-20 11:00')$$, 'UB023', 'shield', 'B3-14 and is not enabled while the debt is there');
SELECT lives_ok($$SELECT billing.add_resource(13, 'more', 'domain', at => '2026-03-20 11:00')$$, 'B3-14 the account is not view-only');
SELECT billing.top_up(13, 5, at => '2026-03-21');
SELECT is(t.resource(13, 'shield'), 'active', 'B3-14 it comes back by itself');
CALL billing.run('2026-04-30');
SELECT is(t.steps(11), 'overdue 03-20 10:00, suspend 03-20 10:00, notice 03-28 10:00, notice 04-03 10:00, release 04-04 10:00', 'B1.6-59 kept for 15 days');
SELECT is(t.steps(12), 'overdue 03-20 10:00, suspend 03-21 10:00, notice 03-27 10:00, release 03-28 10:00', 'B1.6-60 24 hours, and kept for 7 days');
SELECT is((SELECT at FROM billing.lifecycle_steps WHERE account_id = 14 AND action = 'release' AND subject = 'account'), '2026-03-28 00:00+00'::timestamptz,
	'B3-15 7 days, and released at the next 00:00, that of day 8');

-- resume manual keeps what a policy suspended by kind; a resource of one's own
INSERT INTO billing.lifecycle (policy, rule) VALUES ('by kind', 'notice immediately, suspend elastic after 1 hour, release after 90 days');
SELECT t.open(ARRAY[15], 'by kind');
SELECT billing.adjust(15, -1, 'x', at => '2026-05-01');
CALL billing.run('2026-05-01 02:00');
SELECT is(t.state(15) || ' ' || t.resource(15, 'shield') || ' ' || t.resource(15, 'www'), 'overdue suspended active', 'suspend KIND leaves the account and other kinds alone');
SELECT billing.top_up(15, 1, at => '2026-05-01 03:00');
SELECT is(t.resource(15, 'shield'), 'suspended', 'with resume manual it stays off');
SELECT billing.enable_resource(15, 'shield', at => '2026-05-01 03:01');
SELECT is(t.resource(15, 'shield'), 'active', 'until it is enabled');

-- policies are immutable once an account has them, and a chain keeps its version
SELECT t.refuses($$UPDATE billing.lifecycle SET rule = 'suspend immediately' WHERE policy = 'account'$$, 'UB007', 'account', 'a policy that accounts have does not change');
SELECT t.refuses($$DELETE FROM billing.lifecycle WHERE policy = 'account'$$, 'UB007', 'account', 'nor go');
SELECT lives_ok($$DELETE FROM billing.lifecycle WHERE policy = 'plan'$$, 'one that nobody has may');
SELECT t.open(ARRAY[16]);
SELECT billing.adjust(16, -1, 'x', at => '2026-05-02');
CALL billing.run('2026-05-02 01:00');
INSERT INTO billing.lifecycle (policy, valid_from, rule) VALUES ('account', '2026-05-02 00:30', 'notice immediately, suspend after 1 hour, release after 1 day');
CALL billing.run('2026-05-02 12:00');
SELECT is(t.state(16), 'overdue', 'a chain keeps the version that it began with');
SELECT billing.top_up(16, 1, at => '2026-05-02 13:00'), billing.adjust(16, -1, 'x', at => '2026-05-02 14:00');
CALL billing.run('2026-05-02 15:00:01');
SELECT is(t.state(16), 'suspended', 'the next one follows the version in force');
SELECT t.refuses($$INSERT INTO billing.lifecycle (policy, rule) VALUES ('x', 'vanish immediately')$$, '22P02', 'vanish', 'an unknown action');
SELECT t.refuses($$INSERT INTO billing.lifecycle (policy, rule) VALUES ('x', 'suspend after -1 hours')$$, '22P02', '-1', 'a negative delay');

-- the credit limit begins and ends it as money does
SELECT t.open(ARRAY[17], credit_limit => 10);
SELECT billing.adjust(17, -10, 'x', at => '2026-06-01');
SELECT is(t.state(17), 'active', 'at the limit it is not overdue');
SELECT billing.set_credit_limit(17, 9, at => '2026-06-02');
SELECT t.same('SELECT state, overdue_since, next_step, next_at FROM billing.accounts WHERE account_id = 17',
	$$VALUES ('overdue', '2026-06-02 00:00+00'::timestamptz, 'notice', '2026-06-02 00:00+00'::timestamptz)$$, 'a lower limit begins it');
SELECT billing.set_credit_limit(17, 10, at => '2026-06-02 01:00');
SELECT t.same('SELECT state, overdue_since, next_step, next_at FROM billing.accounts WHERE account_id = 17', $$VALUES ('active', NULL::timestamptz, NULL, NULL::timestamptz)$$, 'a higher one ends it');

SELECT t.verify_is_empty();
SELECT * FROM finish();
