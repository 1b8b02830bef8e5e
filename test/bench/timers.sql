-- Timers of as many accounts as there are rows: none due, 1,000 due, all due.  The floor of those due is a bare UPDATE
-- of as many states, and bare INSERTs of as many rows of history and notices, and of suspensions where the step is one,
-- into tables with the same columns, indexes and keys, foreign ones too.  Each floor is measured just before what stands
-- beside it, so that both find tables that were updated and filled as often.  It reads accounts as they lie; what is due
-- is found, locked and ordered by ours alone.  Of four accounts one was overdue before: what it was told is looked up.
\set QUIET on
SET synchronous_commit = off;
SELECT billing.install(start => '2026-01-01');
-- As open_account() and adjust() would, but in a few statements: what is timed is the steps.
INSERT INTO billing.account (account_id, name, currency, time_zone, policy, opened_at)
SELECT n, 'account ' || n, 'USD', 'UTC', 'account', '2026-01-01' FROM generate_series(1, :rows) n;
INSERT INTO billing.account_state (account_id, balance, state, state_since, overdue_since, lifecycle_id, next_at, cleared_at, cleared_since, invoice_period, next_invoice_at)
SELECT n, -5, 'overdue', t.at, t.at, l.lifecycle_id, t.at, CASE WHEN n % 4 = 0 THEN timestamptz '2026-01-03' END, CASE WHEN n % 4 = 0 THEN timestamptz '2026-01-02' END,
	'2026-01-01', '2026-02-01'
FROM generate_series(1, :rows) n
CROSS JOIN LATERAL (SELECT CASE WHEN n <= 1000 THEN timestamptz '2026-01-05' ELSE timestamptz '2026-01-06' + n * interval '1 microsecond' END AS at) t
JOIN billing.lifecycle l ON l.policy = 'account';
INSERT INTO billing.transfer (account_id, at, debit, credit, amount, balance_after, kind, source)
SELECT s.account_id, s.overdue_since, 'wallet', 'cash', 5, -5, 'pay_out', 'call' FROM billing.account_state s;
INSERT INTO billing.lifecycle_step (account_id, subject, subject_id, step, action, due_at, at, applied_at)
SELECT s.account_id, 'account', s.account_id::text, 0, 'overdue', s.overdue_since, s.overdue_since, s.overdue_since FROM billing.account_state s;
CREATE TABLE bare_state (LIKE billing.account_state INCLUDING ALL) WITH (fillfactor = 70);
ALTER TABLE bare_state ADD FOREIGN KEY (account_id) REFERENCES billing.account;
INSERT INTO bare_state SELECT * FROM billing.account_state;
CREATE TABLE bare_history (LIKE billing.lifecycle_step INCLUDING ALL);
CREATE TABLE bare_notice (LIKE billing.notice INCLUDING ALL);
CREATE TABLE bare_suspension (LIKE billing.suspension INCLUDING ALL);
CALL billing.tick('2026-01-04');
VACUUM ANALYZE;

-- at rest; the first two bring what any session reads once
CALL billing.tick('2026-01-04 01:00');
CALL billing.tick('2026-01-04 01:01');
SELECT clock_timestamp() AS begun \gset
CALL billing.tick('2026-01-04 01:02');
SELECT extract(epoch FROM clock_timestamp() - :'begun') * 1000 AS rest \gset
SELECT clock_timestamp() AS begun \gset
SELECT 1;
SELECT extract(epoch FROM clock_timestamp() - :'begun') * 1000 AS floor \gset
SELECT format('BENCH|tick, %s timers, none due|%s|%s||< 5 ms', to_char(:rows, 'FM999,999,999'), round(:floor, 2), round(:rest, 2));

\set bare_update 'UPDATE bare_state s SET step = 1, applied_at = s.next_at, next_at = s.next_at + interval ''1 day'''
\set bare_history 'INSERT INTO bare_history (account_id, subject, subject_id, step, action, due_at, at, applied_at) SELECT s.account_id, ''account'', s.account_id::text, 1, ''notice'', s.overdue_since, s.overdue_since, now() FROM billing.account_state s'
\set bare_notice 'INSERT INTO bare_notice (account_id, kind, subject, subject_id, cause, facts, at) SELECT s.account_id, ''overdue'', ''account'', s.account_id::text, ''step '' || s.step + 1 || '' since '' || s.overdue_since, jsonb_build_object(''account_id'', s.account_id, ''balance'', s.balance, ''currency'', ''USD'', ''since'', s.overdue_since, ''at'', s.overdue_since, ''next_step'', ''suspend'', ''next_at'', s.overdue_since, ''kind'', NULL, ''release_at'', NULL), s.overdue_since FROM billing.account_state s'

SELECT clock_timestamp() AS begun \gset
:bare_update WHERE s.account_id <= 1000;
:bare_history WHERE s.account_id <= 1000;
:bare_notice WHERE s.account_id <= 1000;
SELECT extract(epoch FROM clock_timestamp() - :'begun') * 1000 AS floor \gset
SELECT clock_timestamp() AS begun \gset
CALL billing.tick('2026-01-05 00:01');
SELECT extract(epoch FROM clock_timestamp() - :'begun') * 1000 AS ours \gset
SELECT format('BENCH|tick, %s timers, 1,000 due|%s|%s|%s|in proportion', to_char(:rows, 'FM999,999,999'), round(:floor), round(:ours), round(:ours / :floor, 2));
SELECT 'BROKEN: not 1000 notices' WHERE (SELECT count(*) FROM billing.notice) <> 1000;

TRUNCATE bare_history, bare_notice;
CHECKPOINT;
SELECT clock_timestamp() AS begun \gset
:bare_update WHERE s.account_id > 1000;
:bare_history WHERE s.account_id > 1000;
:bare_notice WHERE s.account_id > 1000;
SELECT extract(epoch FROM clock_timestamp() - :'begun') * 1000 AS floor \gset
CHECKPOINT;
CALL billing.tick('2026-01-06');
SELECT clock_timestamp() AS begun \gset
CALL billing.tick('2026-01-06 00:01');
SELECT extract(epoch FROM clock_timestamp() - :'begun') * 1000 AS ours \gset
SELECT format('BENCH|tick, %s timers, all due: notices|%s|%s|%s|<= 1.5', to_char(:rows, 'FM999,999,999'), round(:floor), round(:ours), round(:ours / :floor, 2));
SELECT format('BROKEN: %s notices', count(*)) FROM billing.notice WHERE kind = 'overdue' HAVING count(*) <> :rows;

CHECKPOINT;
SELECT clock_timestamp() AS begun \gset
:bare_update;
:bare_history;
:bare_notice;
INSERT INTO bare_suspension (account_id, suspended_from) SELECT s.account_id, s.overdue_since FROM billing.account_state s;
SELECT extract(epoch FROM clock_timestamp() - :'begun') * 1000 AS floor \gset
CHECKPOINT;
CALL billing.tick('2026-01-07');
SELECT clock_timestamp() AS begun \gset
CALL billing.tick('2026-01-07 00:01');
SELECT extract(epoch FROM clock_timestamp() - :'begun') * 1000 AS ours \gset
SELECT format('BENCH|tick, %s timers, all due: suspensions|%s|%s|%s|<= 1.5', to_char(:rows, 'FM999,999,999'), round(:floor), round(:ours), round(:ours / :floor, 2));
SELECT format('BROKEN: %s suspensions', count(*)) FROM billing.suspension HAVING count(*) <> :rows;
SELECT format('BROKEN: %s', v) FROM billing.verify() v LIMIT 10;
