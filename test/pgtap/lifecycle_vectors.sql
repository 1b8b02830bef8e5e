-- Worked examples of another billing system (Kill Bill's overdue states), in the numbers of its own tests: a ladder of
-- days since the oldest unpaid invoice is a chain of steps, and the state is the last one due.  What is asked there by
-- day is asked here at noon of it.
\ir setup.psql
CREATE FUNCTION t.ladder(state text, rule billing.lifecycle_policy, anchor date, today date) RETURNS text LANGUAGE sql AS
$$
	WITH RECURSIVE chain AS (
		SELECT n.* FROM billing.lifecycle_next(rule, anchor::timestamptz, 0, NULL, 'UTC') n
		UNION ALL SELECT n.* FROM chain c CROSS JOIN LATERAL billing.lifecycle_next(rule, anchor::timestamptz, c.step, c.due_at, 'UTC') n
	)
	SELECT coalesce((SELECT c.argument FROM chain c WHERE c.due_at < today + interval '12 hours' ORDER BY c.step DESC LIMIT 1), 'CLEAR')
$$;
SELECT is(t.ladder(v.state, v.rule::billing.lifecycle_policy, '2012-05-31', v.today::date), v.state, v.id) FROM (VALUES
	('KB-OD-02', 'restrict OD1 after 30 days, restrict OD2 after 10 days, restrict OD3 after 10 days', '2012-06-08', 'CLEAR'),
	('KB-OD-07', 'restrict OD1 after 30 days, restrict OD2 after 10 days, restrict OD3 after 10 days', '2012-07-02', 'OD1'),
	('KB-OD-08', 'restrict OD1 after 30 days, restrict OD2 after 10 days, restrict OD3 after 10 days', '2012-07-08', 'OD1'),
	('KB-OD-11', 'restrict OD1 after 30 days, restrict OD2 after 10 days, restrict OD3 after 10 days', '2012-07-16', 'OD2'),
	('KB-OD-14', 'restrict OD1 after 30 days, restrict OD2 after 10 days, restrict OD3 after 10 days', '2012-07-20', 'OD3'),
	('KB-OD-17', 'restrict OD1 after 10 days, restrict OD2 after 8 days, restrict OD3 after 8 days', '2012-06-09', 'CLEAR'),
	('KB-OD-20', 'restrict OD1 after 10 days, restrict OD2 after 8 days, restrict OD3 after 8 days', '2012-06-26', 'OD3')) v(id, rule, today, state);
SELECT is(t.ladder(v.state, 'restrict WARNING after 5 days, restrict BLOCKED after 2 days, restrict CANCELLATION after 4 days', '2012-06-02', v.today::date), v.state, 'BX-ODT-02 ' || v.today)
FROM (VALUES ('2012-06-06', 'CLEAR'), ('2012-06-07', 'WARNING'), ('2012-06-09', 'BLOCKED'), ('2012-06-13', 'CANCELLATION')) v(today, state);

-- KB-ODT-06: enforcement that is off, and on again
SELECT billing.install(start => '2012-05-01');
INSERT INTO billing.lifecycle (policy, rule) VALUES ('ladder', 'notice immediately, restrict OD1 after 30 days, release after 90 days');
SELECT billing.open_account(name => 'a', account_id => 1, policy => 'ladder', at => '2012-05-01'), billing.add_resource(1, 'www', 'OD1', at => '2012-05-01'),
	billing.activate_resource(1, 'www', at => '2012-05-01'), billing.adjust(1, -5, 'x', at => '2012-05-31'),
	billing.override_lifecycle(1, 'account', NULL, '2012-07-10', 'enforcement off', at => '2012-06-01');
CALL billing.run('2012-07-09');
SELECT is((SELECT state FROM billing.resources), 'active', 'KB-ODT-06 while it is off');
CALL billing.run('2012-07-11');
SELECT is((SELECT state FROM billing.resources), 'restricted', 'KB-ODT-06 after it is removed');
SELECT t.verify_is_empty();
SELECT * FROM finish();
