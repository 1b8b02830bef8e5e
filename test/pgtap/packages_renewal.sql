-- Automatic renewal: when, from when on, at which price, and when not.  Named by the rules that are replayed.
\ir packages.psql
SELECT t.open(n) FROM generate_series(1, 60) n;
SELECT t.open(n, 6) FROM generate_series(61, 69) n;	-- enough for one T100, or one and nearly two
CALL billing.run('2023-07-01');
-- An account's packages: number of the one that each renews, size, used, validity, state, flag.
CREATE FUNCTION t.chain(account_id bigint) RETURNS TABLE (n bigint, renews bigint, used numeric, valid_from timestamptz, valid_until timestamptz, state text, auto_renew boolean)
	LANGUAGE sql STABLE AS
$$ SELECT row_number() OVER w, (SELECT count(*) FROM billing.packages o WHERE o.account_id = p.account_id AND o.package_id <= p.renews), p.used, p.valid_from, p.valid_until,
	p.state, p.auto_renew
   FROM billing.packages p WHERE p.account_id = chain.account_id WINDOW w AS (ORDER BY package_id) $$;

-- used up, none left: at once, at the event that crossed, and the rest runs over
SELECT billing.purchase_package(1, 'T100', auto_renew => true, at => '2023-07-02 10:20');
SELECT t.use(1, 'traffic', 60, '2023-07-02 10:25');
SELECT t.use(1, 'traffic', 60, '2023-07-02 10:30');
SELECT t.use(1, 'traffic', 70, '2023-07-02 10:40');
CALL billing.run('2023-07-02 11:00');
SELECT t.same('SELECT * FROM t.chain(1)', $$VALUES (1, 0, 100, '2023-07-02 10:20+00'::timestamptz, '2023-08-02 10:20+00'::timestamptz, 'exhausted', false),
	(2, 1, 90, '2023-07-02 10:30+00', '2023-08-02 10:30+00', 'active', true)$$, 'B1.4-34, B1.4-44, (b-z) exhausted, none left: renewed at the event that crossed; same specification and validity (B1.4-36)');
SELECT t.same($$SELECT kind, product, list_price, discount, money, automatic, at FROM billing.orders WHERE account_id = 1 AND automatic$$,
	$$VALUES ('renewal', 'T100', 5, 0.25, 4.75, true, '2023-07-02 10:30+00'::timestamptz)$$, 'B1.4-35: 5 % off every renewal');
SELECT is(t.charged(1, 'traffic'), 0::numeric, 'nothing is billed');
SELECT t.same($$SELECT kind, cause, facts ->> 'price', facts ->> 'valid_until' FROM billing.notices WHERE account_id = 1 AND kind = 'package_renewed'$$,
	$$VALUES ('package_renewed', 'exhaustion', '4.75', '2023-08-02T10:29:59+00:00')$$, 'its account is told');
-- several renewals in one cycle, until it is covered; one event alone may do it
SELECT t.use(1, 'traffic', 250, '2023-07-02 11:10');
CALL billing.run('2023-07-02 12:00');
SELECT t.same('SELECT n, renews, used, valid_from, auto_renew FROM t.chain(1) OFFSET 1', $$VALUES (2, 1, 100, '2023-07-02 10:30+00'::timestamptz, false),
	(3, 2, 100, '2023-07-02 11:10+00', false), (4, 3, 100, '2023-07-02 11:10+00', false), (5, 4, 40, '2023-07-02 11:10+00', true)$$, 'a very large cycle renews several times');
SELECT is(t.balance(1), 100 - 5 * 4.75, 'each is paid');
-- or until the money ends
SELECT billing.purchase_package(61, 'T10', auto_renew => true, at => '2023-07-02 12:00');
SELECT t.use(61, 'traffic', 100, '2023-07-02 12:10');
CALL billing.run('2023-07-02 13:00');
SELECT t.same($$SELECT count(*), sum(size), sum(used), bool_or(auto_renew) FROM billing.packages WHERE account_id = 61$$, 'VALUES (6, 60, 60, false)', 'as long as there is money');
SELECT t.same($$SELECT money, t.charged(61, 'traffic'), t.balance(61) FROM (SELECT sum(money) AS money FROM billing.orders WHERE account_id = 61) o$$, 'VALUES (5.70, 4.00, -3.70)',
	'B1.4-41: the rest of the cycle goes to the tariff');
SELECT t.same($$SELECT facts ->> 'reason' FROM billing.notices WHERE account_id = 61 AND kind = 'renewal_failed'$$, $$VALUES ('there is not enough money')$$, 'B1.4-41, (b-z) balance too small: the flag goes off, a notice');
SELECT billing.top_up(61, 50, at => '2023-07-02 13:10');
SELECT t.use(61, 'traffic', 10, '2023-07-02 13:20', region => 'CN');
CALL billing.run('2023-07-02 14:00');
SELECT is(t.charged(61, 'traffic'), 6.0, 'B1.4-41: no retry after a top-up; billed by the tiers of its region');
-- the credit limit counts as money
SELECT billing.purchase_package(62, 'T100', auto_renew => true, at => '2023-07-02 14:00');
SELECT billing.set_credit_limit(62, 3.5, at => '2023-07-02 14:00');
SELECT t.use(62, 'traffic', 110, '2023-07-02 14:10');
CALL billing.run('2023-07-02 15:00');
SELECT is(t.states(62), '{exhausted,"active, renews"}', 'available money is balance and credit limit: 1.25 + 3.50');
-- renewals take the money before the cycle's charges do
SELECT billing.purchase_package(63, 'T10', auto_renew => true, at => '2023-07-02 15:00');
SELECT t.use(63, 'l4', 100, '2023-07-02 15:10');
SELECT t.use(63, 'traffic', 11, '2023-07-02 15:20');
CALL billing.run('2023-07-02 16:00');
SELECT is(t.states(63), '{exhausted,"active, renews"}', 'renewed with the money there at settlement, before the charges of 30.00');

-- exhausted, others left: wait until all of them are used up or ended
SELECT billing.purchase_package(2, 'T10', auto_renew => true, at => '2023-07-02');
SELECT billing.purchase_package(2, 'T100', 2, at => '2023-07-02 16:30');
SELECT t.use(2, 'traffic', 50, '2023-07-02 16:40');
CALL billing.run('2023-07-02 17:00');
SELECT is(t.states(2), '{"exhausted, renews",active,active}', 'B1.4-37, (b-z) exhausted, other packages left: it waits');
CALL billing.run('2023-08-02 12:00');
SELECT is(t.states(2), '{"exhausted, renews",active,active}', 'its own end in the meantime triggers nothing');
SELECT t.use(2, 'traffic', 61, '2023-08-02 12:10');
CALL billing.run('2023-08-02 16:30');
SELECT is(t.states(2), '{"exhausted, renews",exhausted,active}', 'nor does the end of another one, as long as nothing is uncovered');
SELECT t.use(2, 'traffic', 3, '2023-08-02 16:35');
SELECT t.use(2, 'traffic', 4, '2023-08-02 16:45');
CALL billing.run('2023-08-02 17:00');
SELECT t.same('SELECT n, renews, used, valid_from, valid_until, auto_renew FROM t.chain(2) OFFSET 3', $$VALUES (4, 1, 7, '2023-08-02 16:35+00'::timestamptz, '2023-09-02 16:35+00'::timestamptz, true)$$,
	'when they are used up or ended, it renews at the first event that nothing covers');
SELECT is(t.charged(2, 'traffic'), 0::numeric, 'so that nothing is billed');

-- expiry: inside an hour, at its edge, without usage
SELECT billing.purchase_package(3, 'T100', auto_renew => true, at => '2023-08-02 17:20');
SELECT billing.purchase_package(4, 'T100', auto_renew => true, at => '2023-08-02 23:00');
SELECT billing.purchase_package(5, 'T100', auto_renew => true, at => '2023-08-02 17:20');
CALL billing.run('2023-09-02 17:00');
SELECT t.use(3, 'traffic', 30, '2023-09-02 17:10');
SELECT t.use(3, 'traffic', 80, '2023-09-02 17:40');
SELECT t.use(3, 'traffic', 0.5, '2023-09-02 17:20');
CALL billing.run('2023-09-02 17:59:59');
SELECT is(t.states(3), '{"active, renews"}', 'B1.4-38, EO-02: nothing happens before the cycle is over');
CALL billing.run('2023-09-02 18:00');
SELECT t.same('SELECT * FROM t.chain(3)', $$VALUES (1, 0, 30, '2023-08-02 17:20+00'::timestamptz, '2023-09-02 17:20+00'::timestamptz, 'expired', false),
	(2, 1, 80.5, '2023-09-02 17:20+00', '2023-10-02 17:20+00', 'active', true)$$, 'B1.4-38, B1.4-40, EO-02: the hour is settled, then renewed from the end on, and the rest of the hour is covered');
SELECT t.same('SELECT n, valid_from, valid_until, state, auto_renew FROM t.chain(5)', $$VALUES (1, '2023-08-02 17:20+00'::timestamptz, '2023-09-02 17:20+00'::timestamptz, 'expired', false),
	(2, '2023-09-02 17:20+00', '2023-10-02 17:20+00', 'active', true)$$, 'and the same without any usage');
CALL billing.run('2023-09-03');
SELECT t.same('SELECT n, valid_from, valid_until, state, auto_renew FROM t.chain(4)', $$VALUES (1, '2023-08-02 23:00+00'::timestamptz, '2023-09-02 23:00+00'::timestamptz, 'expired', false),
	(2, '2023-09-02 23:00+00', '2023-10-02 23:00+00', 'active', true)$$, 'B1.4-39, EO-01: the successor starts at 23:00:00');
SELECT is((SELECT cause FROM billing.notices WHERE account_id = 4), 'expiry', 'the notice tells the cause');
SELECT billing.purchase_package(64, 'T100', auto_renew => true, at => '2023-09-03');
CALL billing.run('2023-10-03 01:00');
SELECT is(t.states(64), '{expired}', 'B1.4-41: without the money the flag goes off at expiry, too');
-- renewed by exhaustion: the end of the old one renews nothing
CALL billing.run('2023-10-04');
SELECT is((SELECT count(*) FROM billing.packages WHERE account_id = 2), 6::bigint, 'B1.4-43, (b-z): two renewals for the ends of the new ones, none for that of the first');
SELECT t.same('SELECT n, renews, valid_from FROM t.chain(2) OFFSET 4', $$VALUES (5, 4, '2023-09-02 16:35+00'::timestamptz), (6, 5, '2023-10-02 16:35+00')$$, 'B1.4-43: each from the end of the one before');
-- used up exactly: nothing has crossed yet
SELECT billing.purchase_package(6, 'T10', auto_renew => true, at => '2023-10-04');
SELECT t.use(6, 'traffic', 10, '2023-10-04 10:10');
CALL billing.run('2023-10-04 12:00');
SELECT is(t.states(6), '{"exhausted, renews"}', 'what is used up to the last unit waits for the next event');
SELECT t.use(6, 'traffic', 1, '2023-10-04 09:10');
CALL billing.run('2023-10-04 13:00');
SELECT t.same('SELECT n, used, valid_from FROM t.chain(6) OFFSET 1', $$VALUES (2, 0, '2023-10-04 12:00+00'::timestamptz)$$, 'a late row: the new one never starts before the cycle that is settled');
SELECT is(t.charged(6, 'traffic'), 0.1, 'and the row itself is billed');
SELECT t.use(6, 'traffic', 40, '2023-10-04 09:10');
CALL billing.run('2023-10-04 14:00');
SELECT is((SELECT count(*) FROM billing.packages WHERE account_id = 6), 2::bigint, 'late rows start no chain of renewals');
-- usage that the package would not take triggers nothing
SELECT billing.purchase_package(7, 'T10', auto_renew => true, at => '2023-10-04');
SELECT t.use(7, 'traffic', 10, '2023-10-04 14:10');
SELECT t.use(7, 'l4', 10, '2023-10-04 14:20');
CALL billing.run('2023-10-04 15:00');
SELECT t.use(7, 'l4', 10, '2023-10-04 15:20');
CALL billing.run('2023-10-04 16:00');
SELECT is(t.states(7), '{"exhausted, renews"}', 'uncovered usage of another type renews nothing');

-- one flag per type and account
SELECT billing.purchase_package(8, 'T10', auto_renew => true, at => '2023-10-04 16:00');
SELECT t.refuses_all_of_it($$SELECT billing.purchase_package(8, 'T100', auto_renew => true, at => '2023-10-04 16:00')$$, 'UB056', t.package(8, 1)::text,
	'B1.3-31, (b-y) 4: a second flag of the same type is refused at purchase');
SELECT billing.purchase_package(8, x, auto_renew => true, at => '2023-10-04 16:00') FROM unnest(ARRAY['R3', 'V10']) x;
SELECT is(t.states(8), '{"active, renews","active, renews","active, renews"}', 'B1.4-42: the same separately for other types');
SELECT billing.purchase_package(8, 'T100', at => '2023-10-04 16:00');
SELECT is(billing.set_auto_renew(8, t.package(8, 4), true, key => 'k', at => '2023-10-04 16:00'), t.package(8, 1), 'B1.4-42, (b-y) 4: set_auto_renew replaces the first and says which');
SELECT is(billing.set_auto_renew(8, t.package(8, 4), true, key => 'k', at => '2023-10-04 16:30'), t.package(8, 1), 'and says it again to the same key');
SELECT is(t.states(8), '{active,"active, renews","active, renews","active, renews"}', 'one per type');
SELECT is(billing.set_auto_renew(8, t.package(8, 4), false, at => '2023-10-04 16:00'), NULL, 'it can be switched off');
SELECT is(billing.set_auto_renew(8, t.package(8, 1), true, at => '2023-10-04 16:00'), NULL, 'and on, where no other has it');
SELECT t.use(8, m, 1, '2023-10-04 16:20') FROM unnest(ARRAY['requests', 'requests', 'requests', 'requests']) m;
SELECT t.use(8, 'vau', 11, '2023-10-04 16:10');
CALL billing.run('2023-10-04 17:00');
SELECT is(t.states(8), '{"active, renews",exhausted,exhausted,active,"active, renews","active, renews"}', 'packages of two types renew in one cycle');
SELECT is((SELECT array_agg(product ORDER BY order_id) FROM billing.orders WHERE account_id = 8 AND automatic), '{V10,R3}', 'in the order of their instants');
-- both triggers in one cycle: what comes first counts
SELECT billing.purchase_package(n, 'T10', auto_renew => true, at => '2023-10-04 17:30') FROM generate_series(9, 11) n;
CALL billing.run('2023-11-04 17:00');
SELECT t.use(9, 'traffic', 11, '2023-11-04 17:10');
SELECT t.use(10, 'traffic', 10, '2023-11-04 17:10');
SELECT t.use(10, 'traffic', 1, '2023-11-04 17:40');
SELECT t.use(11, 'traffic', 9, '2023-11-04 17:10');
SELECT t.use(11, 'traffic', 12, '2023-11-04 17:40');
CALL billing.run('2023-11-04 18:00');
SELECT t.same($$SELECT account_id, used, valid_from, state, auto_renew FROM billing.packages WHERE account_id IN (9, 10, 11) ORDER BY account_id, package_id$$,
	$$VALUES (9, 10, '2023-10-04 17:30+00'::timestamptz, 'exhausted', false), (9, 1, '2023-11-04 17:10+00', 'active', true),
		(10, 10, '2023-10-04 17:30+00', 'exhausted', false), (10, 1, '2023-11-04 17:40+00', 'active', true),
		(11, 9, '2023-10-04 17:30+00', 'expired', false), (11, 10, '2023-11-04 17:30+00', 'exhausted', false), (11, 2, '2023-11-04 17:40+00', 'active', true)$$,
	'B1.4-34: whichever comes first, end and exhaustion in one cycle; one that ended renews at its end and then by exhaustion');
SELECT is((SELECT array_agg(cause ORDER BY notice_id) FROM billing.notices WHERE account_id = 11 AND kind = 'package_renewed'), '{expiry,exhaustion}', 'as the notices tell');
SELECT t.verify_is_empty();
SELECT * FROM finish();
