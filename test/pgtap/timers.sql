-- Batches of timers: what they read, and what they never tell twice.
\ir setup.psql
SELECT billing.install(start => '2026-01-01');

-- the facts of a notice are those that jsonb_build_object() gives
CREATE TABLE t.fact (n integer, id bigint, amount numeric, word text, yes boolean, at timestamptz);
INSERT INTO t.fact VALUES (1, 9223372036854775807, 1.50, 'a "b" \ é', true, '2026-03-29 02:30+02'), (NULL, NULL, NULL, NULL, NULL, NULL), (-1, 0, 'NaN', '', false, 'infinity'),
	(0, -5, '-Infinity', repeat('long ', 1000), true, '0044-03-15 BC'), (7, 8, 1e-20, 'x', false, '2026-01-01 00:00:00.000001');
SELECT is_empty($$SELECT * FROM t.fact f WHERE billing._facts('n', f.n, 'id', f.id, 'word', f.word, 'amount', f.amount, 'yes', f.yes, 'at', f.at, 'literal', 'x', 'none', NULL, 'n', f.id)::text
	IS DISTINCT FROM jsonb_build_object('n', f.n, 'id', f.id, 'word', f.word, 'amount', f.amount, 'yes', f.yes, 'at', f.at, 'literal', 'x', 'none', NULL, 'n', f.id)::text$$,
	'facts are as the server would build them, digits and all');
SET TimeZone = 'Asia/Kolkata';
SELECT is((SELECT string_agg(billing._facts('at', f.at)::text, ' ') FROM t.fact f), (SELECT string_agg(jsonb_build_object('at', f.at)::text, ' ') FROM t.fact f), 'in any zone');
SET TimeZone = 'UTC';
SELECT throws_ok($$SELECT billing._facts('n', 1, 'x')$$, 'XX000', NULL, 'a name without a value');
SELECT throws_ok($$SELECT billing._facts(NULL::text, 1)$$, 'XX000', NULL, 'a value without a name');
SELECT throws_ok($$SELECT billing._facts('n', '1 day'::interval)$$, 'XX000', NULL, 'a type that no notice has');
SELECT throws_ok($$SELECT billing._facts(VARIADIC ARRAY['n', 'x'])$$, 'XX000', NULL, 'an array');

-- 1,000 accounts that were overdue before are told; the table of notices is empty, and was vacuumed
SELECT billing.open_account(name => 'a', account_id => n, at => '2026-01-01') FROM generate_series(1, 1000) n;
SELECT billing.adjust(n, -5, 'x', at => '2026-01-02') FROM generate_series(1, 1000) n;
SELECT billing.top_up(n, 5, at => '2026-01-02 00:00:01') FROM generate_series(1, 1000) n;
SELECT billing.adjust(n, -5, 'x', at => '2026-01-03') FROM generate_series(1, 1000) n;
UPDATE pg_class SET relpages = 0, reltuples = 0 WHERE oid = 'billing.notice'::regclass;
BEGIN;
SET LOCAL track_counts = on;
CALL billing.tick('2026-01-03 00:01');
-- each notice that is written takes a page or two; whoever reads them all for each takes as many as there are, half of the time
SELECT cmp_ok(pg_stat_get_xact_blocks_fetched('billing.notice'::regclass), '<', 4000::bigint, 'a batch looks up what it told before, and does not read what it has just written');
COMMIT;
SELECT is((SELECT count(*) FROM billing.notices WHERE kind = 'overdue'), 1000::bigint, 'all are told');
SELECT results_eq('SELECT account_id FROM billing.notices WHERE kind = ''overdue'' ORDER BY notice_id', 'SELECT generate_series(1, 1000)::bigint', 'in their order');

-- a debit that bears an earlier instant begins a second chain that counts from there: the customer had paid, and is told again
SELECT billing.top_up(1, 5, at => '2026-01-03 02:00'), billing.adjust(1, -5, 'x', at => '2026-01-03');
CALL billing.tick('2026-01-03 03:00');
SELECT t.same($$SELECT state, overdue_since FROM billing.accounts WHERE account_id = 1$$, $$VALUES ('overdue', '2026-01-03 00:00+00'::timestamptz)$$, 'overdue again since the same instant');
SELECT is((SELECT count(*) FROM billing.lifecycle_steps WHERE account_id = 1 AND action = 'notice' AND due_at = '2026-01-03'), 2::bigint, 'its step is done again');
SELECT is((SELECT count(*) FROM billing.notices WHERE account_id = 1 AND kind = 'overdue'), 2::bigint, 'and told');
SELECT is_empty('SELECT * FROM billing.lifecycle_quarantine', 'nothing fails');
SELECT t.verify_is_empty();
SELECT * FROM finish();
