-- Accounts: opening them, and what is refused.
\ir setup.psql
SELECT billing.install(start => '2020-01-01');

SELECT is(billing.open_account(name => 'first'), 1::bigint, 'the first number is 1');
SELECT is(billing.open_account(name => 'chosen', account_id => 3), 3::bigint, 'a number may be chosen');
SELECT is(billing.open_account(name => 'second'), 2::bigint, 'the next number is 2');
SELECT is(billing.open_account(name => 'third'), 4::bigint, 'a number that was chosen is passed over');
SELECT t.same(
	'SELECT name, currency, balance, available, state, credit_limit, time_zone FROM billing.accounts WHERE account_id = 1',
	$$VALUES ('first', 'USD', 0::numeric, 0::numeric, 'active', 0::numeric, 'UTC')$$, 'the defaults');
SELECT is(billing.open_account(name => 'all', currency => 'JPY', account_id => 10, time_zone => 'Asia/Tokyo',
	credit_limit => 5000, parent_id => 3, payment_terms => '14 days', at => '2020-01-05'), 10::bigint, 'every argument');
SELECT t.same(
	'SELECT name, currency, available, credit_limit, time_zone, parent_id, opened_at FROM billing.accounts WHERE account_id = 10',
	$$VALUES ('all', 'JPY', 5000::numeric, 5000::numeric, 'Asia/Tokyo', 3::bigint, '2020-01-05 00:00+00'::timestamptz)$$,
	'every argument is kept');

-- keys
SELECT is(billing.open_account(name => 'keyed', key => 'k1'), 5::bigint, 'with a key');
SELECT is(billing.open_account(name => 'keyed', key => 'k1'), 5::bigint, 'the same key again is the same account');
SELECT is(billing.open_account(name => 'keyed', key => 'k1', at => '2020-02-02'), 5::bigint, 'at does not count as an argument');
SELECT t.refuses($$SELECT billing.open_account(name => 'other', key => 'k1')$$, 'UB004', 'k1', 'the key with another name is refused');
SELECT is(billing.open_account(name => 'numbered', account_id => 20, key => 'k1'), 20::bigint, 'keys are the account''s own');
SELECT is(billing.open_account(name => 'numbered', account_id => 20, key => 'k1'), 20::bigint, 'and that one repeats as well');
SELECT is((SELECT count(*) FROM billing.account), 7::bigint, 'a repeated call opens nothing');

-- refused
CREATE TABLE t.before AS SELECT * FROM t.snapshot() s WHERE s !~ '^billing.(catalogue_change)';
SELECT t.refuses($$SELECT billing.open_account(name => 'x', currency => 'XXX')$$, 'UB003', 'XXX', 'unknown currency');
SELECT t.refuses($$SELECT billing.open_account(name => 'x', currency => NULL)$$, 'UB003', '', 'no currency');
SELECT t.refuses($$SELECT billing.open_account(name => 'x', time_zone => 'Mars/Olympus')$$, '22023', 'Mars/Olympus', 'unknown zone');
SELECT t.refuses($$SELECT billing.open_account(name => 'x', time_zone => '+05:30')$$, '22023', '+05:30', 'an offset is not a zone');
SELECT t.refuses($$SELECT billing.open_account(name => 'x', time_zone => NULL)$$, '22023', '', 'no zone');
SELECT t.refuses($$SELECT billing.open_account(name => 'x', credit_limit => -1)$$, '22003', '-1', 'negative credit limit');
SELECT t.refuses($$SELECT billing.open_account(name => 'x', credit_limit => 0.001)$$, '22003', '0.001', 'a credit limit finer than the currency');
SELECT t.refuses($$SELECT billing.open_account(name => 'x', at => 'infinity')$$, '22023', 'infinity', 'an account that opens never');
SELECT t.refuses($$SELECT billing.open_account(name => 'x', credit_limit => 'NaN')$$, '22003', 'NaN', 'NaN as credit limit');
SELECT t.refuses($$SELECT billing.open_account(name => 'x', credit_limit => 'Infinity')$$, '22003', 'Infinity', 'infinite credit limit');
SELECT t.refuses($$SELECT billing.open_account(name => 'x', account_id => 0)$$, '22023', '0', 'number 0 stands for everyone');
SELECT t.refuses($$SELECT billing.open_account(name => 'x', account_id => -5)$$, '22023', '-5', 'negative number');
SELECT t.refuses($$SELECT billing.open_account(name => 'x', account_id => 3)$$, '23505', '3', 'a number twice');
SELECT t.refuses($$SELECT billing.open_account(name => NULL)$$, '22023', 'an account can not be opened with name NULL', 'no name');
SELECT t.refuses($$SELECT billing.open_account(name => 'x', parent_id => 999)$$, 'UB001', '999', 'unknown parent');
SELECT t.refuses($$SELECT billing.open_account(name => 'x', policy => 'nosuch')$$, '22023', 'nosuch', 'unknown policy');
SELECT t.refuses($$SELECT billing.open_account(name => 'x', payment_terms => '-1 day')$$, '22023', 'x', 'negative payment terms');
SELECT t.refuses($$SELECT billing.open_account(name => 'x', at => 'infinity')$$, '22023', 'x', 'infinite time');
SELECT t.same($$SELECT * FROM t.snapshot() s WHERE s !~ '^billing.(catalogue_change)'$$, 'SELECT * FROM t.before', 'what is refused changes nothing');

-- credit limit
SELECT lives_ok($$SELECT billing.set_credit_limit(1, 50)$$, 'set_credit_limit');
SELECT is((SELECT available FROM billing.accounts WHERE account_id = 1), 50::numeric, 'it is available at once');
SELECT lives_ok($$SELECT billing.set_credit_limit(1, 60, key => 'limit')$$, 'with a key');
SELECT lives_ok($$SELECT billing.set_credit_limit(1, 70)$$, 'and another');
SELECT lives_ok($$SELECT billing.set_credit_limit(1, 60, key => 'limit')$$, 'the same key again');
SELECT is((SELECT credit_limit FROM billing.accounts WHERE account_id = 1), 70::numeric, 'does not set it again');
SELECT t.refuses($$SELECT billing.set_credit_limit(1, 61, key => 'limit')$$, 'UB004', 'limit', 'the key with another limit');
SELECT t.refuses($$SELECT billing.set_credit_limit(999, 1)$$, 'UB001', '999', 'unknown account');
SELECT t.refuses($$SELECT billing.set_credit_limit(1, -1)$$, '22003', '-1', 'negative limit');
SELECT t.refuses($$SELECT billing.set_credit_limit(1, 'NaN')$$, '22003', 'NaN', 'NaN');
SELECT t.refuses($$SELECT billing.set_credit_limit(1, NULL)$$, '22003', '', 'no limit');

SELECT lives_ok($$SELECT billing.adjust(1, -70, 'to the limit', at => '2020-01-03')$$, 'a debit down to the limit');
SELECT is((SELECT state FROM billing.accounts WHERE account_id = 1), 'active', 'the limit itself is not overdue');
SELECT lives_ok($$SELECT billing.adjust(1, -0.01, 'beyond', at => '2020-01-04')$$, 'a cent more');
SELECT t.same('SELECT state, overdue_since FROM billing.accounts WHERE account_id = 1',
	$$VALUES ('overdue', '2020-01-04 00:00+00'::timestamptz)$$, 'is overdue since that debit');
SELECT lives_ok($$SELECT billing.adjust(1, -1, 'and more', at => '2020-01-05')$$, 'a later debit');
SELECT is((SELECT overdue_since FROM billing.accounts WHERE account_id = 1), '2020-01-04 00:00+00'::timestamptz, 'does not move that instant');
SELECT lives_ok($$SELECT billing.set_credit_limit(1, 100)$$, 'a higher limit');
SELECT t.same('SELECT state, overdue_since FROM billing.accounts WHERE account_id = 1',
	$$VALUES ('active', NULL::timestamptz)$$, 'ends it');
SELECT lives_ok($$SELECT billing.set_credit_limit(1, 10, at => '2020-01-06')$$, 'a lower one');
SELECT is((SELECT overdue_since FROM billing.accounts WHERE account_id = 1), '2020-01-06 00:00+00'::timestamptz, 'begins it');
SELECT lives_ok($$SELECT billing.top_up(1, 61.01)$$, 'paid up to the limit');
SELECT is((SELECT state FROM billing.accounts WHERE account_id = 1), 'active', 'ends it as well');

-- usage down to the limit itself, and a cent beyond; as it is settled, and when a counter closes
INSERT INTO billing.meter VALUES ('m', 'unit', 'sum');
INSERT INTO billing.price (meter, region, currency, tariff) VALUES ('m', '', 'USD', 'graduated: 1 beyond'), ('m', 'end', 'USD', 'volume: 1 beyond');
SELECT billing.open_account(name => 'limit', account_id => n, credit_limit => 5, at => '2020-01-01') FROM generate_series(31, 34) n;
SELECT t.use(31, 'm', 5, '2020-01-10 00:10'), t.use(32, 'm', 5.01, '2020-01-10 00:10'),
	t.use(33, 'm', 5, '2020-01-10 00:10', '', 'end'), t.use(34, 'm', 5.01, '2020-01-10 00:10', '', 'end');
CALL billing.run('2020-01-11');
SELECT t.same('SELECT state FROM billing.accounts WHERE account_id > 30 ORDER BY account_id', $$VALUES ('active'), ('overdue'), ('active'), ('active')$$, 'usage beyond the limit makes overdue, the limit itself does not');
CALL billing.run('2020-02-01');
SELECT t.same('SELECT state FROM billing.accounts WHERE account_id > 30 ORDER BY account_id', $$VALUES ('active'), ('suspended'), ('active'), ('overdue')$$, 'nor when money moves at the month''s end');
SELECT isnt((SELECT overdue_since FROM billing.accounts WHERE account_id = 34), NULL, 'and it is known since when');

SELECT t.verify_is_empty();
SELECT * FROM finish();
