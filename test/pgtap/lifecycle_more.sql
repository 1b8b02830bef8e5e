-- Payment terms, overrides, closing, timers that fail, and what verify() sees.
\ir setup.psql
SELECT billing.install(start => '2026-01-01');
INSERT INTO billing.meter VALUES ('m', 'unit', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('m', 'USD', 'graduated: 1 beyond');
CREATE FUNCTION t.state(account_id bigint) RETURNS text LANGUAGE sql AS $$ SELECT state FROM billing.accounts a WHERE a.account_id = state.account_id $$;

-- with payment terms an invoice that is unpaid at its due instant starts it
SELECT billing.open_account(name => 'terms', account_id => n, credit_limit => 1000, payment_terms => '10 days', at => '2026-01-01') FROM generate_series(1, 4) n;
SELECT billing.open_account(name => 'no terms', account_id => 5, credit_limit => 1000, at => '2026-01-01');
SELECT t.use(n, 'm', 50, '2026-01-10 09:30') FROM generate_series(1, 5) n;
CALL billing.run('2026-02-02');
SELECT is((SELECT due_at FROM billing.invoices WHERE account_id = 1), '2026-02-11 00:00+00'::timestamptz, 'due 10 days after its issue');
SELECT is((SELECT what || ' ' || due_at FROM billing.upcoming_until('2026-02-12') WHERE account_id = 1), 'invoice due 2026-02-11 00:00:00+00', 'which is upcoming');
SELECT t.use(n, 'm', 30, '2026-02-05 09:30') FROM generate_series(1, 5) n;
SELECT billing.top_up(1, 50, at => '2026-02-10'), billing.top_up(2, 49.99, at => '2026-02-11');
CALL billing.run('2026-02-11');
SELECT is(t.state(2), 'active', 'at the due instant nothing is done yet');
SELECT billing.top_up(3, 50, at => '2026-02-11');
CALL billing.run('2026-02-11 00:01');
SELECT is(ARRAY(SELECT t.state(n) FROM generate_series(1, 5) n), ARRAY['active', 'overdue', 'active', 'overdue', 'active'], 'whoever has paid the invoice by then, whatever came after it, is not overdue');
SELECT is((SELECT overdue_since FROM billing.accounts WHERE account_id = 2), '2026-02-11 00:00+00'::timestamptz, 'overdue since the due instant');
SELECT billing.top_up(2, 0.01, at => '2026-02-11 12:00');
SELECT is(t.state(2), 'active', 'the rest of the invoice clears it, though newer charges are owed');
CALL billing.run('2026-02-12 00:01');
SELECT is(t.state(4), 'suspended', 'the others are suspended a day later');
CALL billing.run('2026-03-11 00:01');
SELECT is(ARRAY(SELECT t.state(n) FROM generate_series(1, 5) n), ARRAY['overdue', 'overdue', 'overdue', 'suspended', 'active'], 'and so with the next invoice');
SELECT t.verify_is_empty();

-- overrides
SELECT billing.open_account(name => 'spared', account_id => n, at => '2026-03-01') FROM generate_series(11, 12) n;
SELECT billing.adjust(n, -5, 'x', at => '2026-03-20') FROM generate_series(11, 12) n;
SELECT is(billing.override_lifecycle(11, 'account', NULL, '2026-03-25', 'promised to pay', key => 'o', at => '2026-03-20 01:00'),
	billing.override_lifecycle(11, 'account', '11', '2026-03-25', 'promised to pay', key => 'o', at => '2026-03-20 02:00'), 'an override, once for its key');
CALL billing.run('2026-03-20 02:00');
SELECT is((SELECT due_at FROM billing.upcoming WHERE account_id = 11 AND subject = 'account'), '2026-03-25 00:00+00'::timestamptz, 'upcoming counts it in');
CALL billing.run('2026-03-24');
SELECT is(t.state(11) || ' ' || t.state(12), 'overdue suspended', 'it holds the steps back');
SELECT is((SELECT detail FROM billing.explain_account(11, '2026-03-24') WHERE topic = 'override'), 'of account 11 by ' || current_user || ' at 2026-03-20 01:00:00+00: promised to pay', 'explain_account() tells of it');
CALL billing.run('2026-03-25 00:00:01');
SELECT is(t.state(11), 'suspended', 'and ends by itself');
SELECT t.same($$SELECT action, due_at, at, reason FROM billing.lifecycle_steps WHERE account_id = 11 AND action IN ('hold', 'suspend') ORDER BY step_id$$,
	$$VALUES ('hold', '2026-03-21 00:00+00'::timestamptz, '2026-03-21 00:00+00'::timestamptz, 'until 2026-03-25 00:00:00+00: promised to pay'),
		('suspend', '2026-03-25 00:00+00', '2026-03-25 00:00+00', NULL)$$, 'each use is in the history, and what comes after counts from its end');
SELECT t.refuses($$SELECT billing.override_lifecycle(11, 'account', NULL, NULL, 'x')$$, '22023', 'NULL', 'an override without an end');
SELECT t.refuses($$SELECT billing.override_lifecycle(11, 'account', NULL, 'infinity', 'x')$$, '22023', 'infinity', 'or with one that never comes');
SELECT t.refuses($$SELECT billing.override_lifecycle(11, 'account', NULL, '2026-01-01', 'x', at => '2026-02-01')$$, '22023', '2026-01-01', 'or that ends before it begins');
SELECT t.refuses($$SELECT billing.override_lifecycle(11, 'account', '12', '2027-01-01', 'x', at => '2026-02-01')$$, '22023', '12', 'of another account');
SELECT t.refuses($$SELECT billing.override_lifecycle(11, 'moon', '12', '2027-01-01', 'x', at => '2026-02-01')$$, '22023', 'moon', 'of something else');
SELECT t.refuses($$SELECT billing.override_lifecycle(11, 'account', NULL, '2027-01-01', ' ', at => '2026-02-01')$$, '22023', 'reason', 'without a reason');
SELECT t.refuses($$SELECT billing.override_lifecycle(99, 'account', NULL, '2027-01-01', 'x')$$, 'UB001', '99', 'of nobody');

-- closing
SELECT billing.open_account(name => 'closing', account_id => 21, at => '2026-03-01'), billing.add_resource(21, 'www', 'domain', at => '2026-03-01');
SELECT billing.top_up(21, 5, at => '2026-03-26');
SELECT t.refuses('SELECT billing.close_account(21)', 'UB024', '5', 'an account with money is not closed');
SELECT billing.pay_out(21, 5, at => '2026-03-26');
SELECT billing.close_account(21, key => 'c', at => '2026-03-27');
SELECT lives_ok($$SELECT billing.close_account(21, key => 'c', at => '2026-03-27')$$, 'closed, once for its key');
SELECT is(t.state(21) || ' ' || (SELECT state FROM billing.resources WHERE account_id = 21), 'closed released', 'closed, with what it had');
SELECT t.refuses('SELECT billing.close_account(21)', 'UB006', '21', 'not twice');
SELECT t.refuses($$SELECT billing.add_resource(21, 'x', 'domain')$$, 'UB006', '21', 'and nothing comes to it');
SELECT t.use(21, 'm', 3, '2026-03-27 10:30');
CALL billing.run('2026-05-01');
SELECT is(t.charged(21) || ' ' || t.state(21), '3.00 closed', 'late usage is charged, and no timer runs');
SELECT t.verify_is_empty();

-- resources
SELECT billing.open_account(name => 'r', account_id => n, at => '2026-05-01') FROM generate_series(31, 32) n;
SELECT billing.add_resource(31, 'www', 'domain', key => 'a', at => '2026-05-01'), billing.add_resource(31, 'www', 'domain', key => 'a', at => '2026-05-02');
SELECT t.refuses($$SELECT billing.add_resource(31, 'www', 'device', key => 'a')$$, 'UB004', 'a', 'the key with another kind');
SELECT t.refuses($$SELECT billing.add_resource(31, 'www', 'domain')$$, '23505', 'www', 'a name twice');
SELECT t.refuses($$SELECT billing.enable_resource(31, 'www')$$, 'UB023', 'www', 'what is provisioning is activated, not enabled');
SELECT t.refuses($$SELECT billing.enable_resource(32, 'www')$$, 'UB048', 'www', 'a resource of another account');
SELECT t.refuses($$SELECT billing.add_resource(31, '', 'domain')$$, '22023', '""', 'without a name');
SELECT t.refuses($$SELECT billing.add_resource(31, 'x', NULL)$$, '22023', 'NULL', 'without a kind');
SELECT t.refuses($$SELECT billing.remove_resource(99, 'www')$$, 'UB001', '99', 'of nobody');
SELECT billing.activate_resource(31, 'www', at => '2026-05-02'), billing.activate_resource(31, 'www', at => '2026-05-03');
SELECT is((SELECT state || ' ' || since FROM billing.resources WHERE account_id = 31), 'active 2026-05-02 00:00:00+00', 'active since it was first activated');
SELECT billing.remove_resource(31, 'www', at => '2026-05-04');
SELECT t.refuses($$SELECT billing.activate_resource(31, 'www')$$, 'UB022', 'www', 'what was removed does not come back');
SELECT is((SELECT string_agg(action, ' ' ORDER BY step_id) FROM billing.lifecycle_steps WHERE account_id = 31), 'provision activate remove', 'the history of a resource');

-- one timer that fails does not hold up the others
SELECT billing.open_account(name => 'q', account_id => n, at => '2026-05-01') FROM generate_series(41, 50) n;
SELECT billing.adjust(n, -5, 'x', at => '2026-05-10') FROM generate_series(41, 50) n;
ALTER TABLE billing.notice ADD CONSTRAINT broken CHECK (account_id <> 44);
CALL billing.run('2026-05-10 00:10');
SELECT is((SELECT count(*) FROM billing.notices WHERE account_id BETWEEN 41 AND 50), 9::bigint, 'the others are told');
SELECT t.same('SELECT account_id, subject, error_code FROM billing.lifecycle_quarantine', $$VALUES (44::bigint, 'account', '23514')$$, 'the one is in quarantine');
SELECT is((SELECT ok FROM billing.health('2026-05-10 00:10') WHERE topic = 'timers in quarantine'), false, 'health() tells of it');
SELECT is((SELECT count(*) FROM billing.explain_account(44) WHERE topic = 'quarantine'), 1::bigint, 'explain_account() as well');
SELECT is((SELECT ok FROM billing.health('2026-05-10 02:00') WHERE topic = 'timers'), false, 'and that it is due for long');
ALTER TABLE billing.notice DROP CONSTRAINT broken;
CALL billing.tick('2026-05-10 00:30');
SELECT is((SELECT count(*) FROM billing.notices WHERE account_id = 44), 0::bigint, 'it is not tried at once');
CALL billing.tick('2026-05-10 01:30');
SELECT is((SELECT count(*) FROM billing.notices WHERE account_id = 44), 1::bigint, 'but after an hour');
SELECT is_empty('SELECT * FROM billing.lifecycle_quarantine', 'and is free again');
CALL billing.run('2026-05-20');
SELECT t.verify_is_empty();

-- verify() sees what is changed behind its back
CREATE FUNCTION t.sees(statement text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	found bigint := 0;
BEGIN
	BEGIN
		EXECUTE statement;
		SELECT count(*) INTO found FROM billing.verify();
		RAISE EXCEPTION 'undo';
	EXCEPTION WHEN raise_exception THEN
		RETURN ok(found > 0, 'verify() sees: ' || statement);
	END;
END
$$;
SELECT t.sees(s) FROM unnest(ARRAY[
	$$UPDATE billing.account_state SET state = 'overdue' WHERE account_id = 42$$, $$UPDATE billing.account_state SET state = 'suspended' WHERE account_id = 31$$,
	$$UPDATE billing.account_state SET step = 1 WHERE account_id = 42$$, $$UPDATE billing.account_state SET next_at = next_at + interval '1 second' WHERE account_id = 42$$,
	$$UPDATE billing.account_state SET next_at = NULL WHERE account_id = 42$$, $$UPDATE billing.account_state SET overdue_since = overdue_since + interval '1 second' WHERE account_id = 42$$,
	$$UPDATE billing.account_state SET applied_at = applied_at + interval '1 second' WHERE account_id = 42$$, $$UPDATE billing.account_state SET not_due = not_due + 1 WHERE account_id = 1$$,
	$$UPDATE billing.account_state SET low_since = now() WHERE account_id = 31$$, $$UPDATE billing.account_state SET lifecycle_id = 2 WHERE account_id = 42$$,
	$$DELETE FROM billing.suspension WHERE account_id = 42$$, $$INSERT INTO billing.suspension (account_id, suspended_from) VALUES (31, now())$$,
	$$DELETE FROM billing.lifecycle_step WHERE account_id = 42 AND action = 'suspend'$$, $$DELETE FROM billing.lifecycle_step WHERE account_id = 42 AND action = 'overdue'$$,
	$$UPDATE billing.lifecycle_step SET at = due_at - interval '1 second' WHERE account_id = 42$$, $$UPDATE billing.lifecycle_step SET applied_at = due_at WHERE account_id = 42$$,
	$$UPDATE billing.resource SET state = 'active' WHERE account_id = 21$$, $$UPDATE billing.resource SET state = 'suspended' WHERE account_id = 31$$,
	$$UPDATE billing.invoice SET awaits_due = true WHERE account_id = 1$$]) s;
SELECT * FROM finish();
