-- Money that was paid in advance: what of it is earned, lost and open, at any instant, to the cent.
\ir packages.psql
INSERT INTO billing.plan (plan, product, currency, fee, term, rank, refund) VALUES ('low', 'p', 'USD', 31, '1 month', 1, 'prorated'), ('high', 'p', 'USD', 62, '1 month', 2, 'prorated'),
	('cents', '', 'USD', 0.10, '1 month', 0, 'none'), ('whole', '', 'USD', 31, '1 month', 0, 'full');
INSERT INTO billing.plan (plan, product, currency, fee, term, provisioned, refund) VALUES ('waits', '', 'USD', 31, '1 month', true, 'prorated');
CREATE FUNCTION t.sub(account_id bigint) RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT max(s.subscription_id) FROM billing.subscription s WHERE s.account_id = sub.account_id $$;
CREATE FUNCTION t.earned(account_id bigint, at timestamptz) RETURNS numeric[] LANGUAGE sql STABLE AS
$$ SELECT ARRAY[trim_scale(paid - refunded), trim_scale(recognised), trim_scale(breakage), trim_scale(deferred)] FROM billing.deferred_revenue_at(earned.at) d WHERE d.account_id = earned.account_id $$;
SELECT t.open(n) FROM generate_series(1, 40) n;
SELECT billing.add_resource(a, 'r', 'domain', at => '2023-01-01') FROM generate_series(1, 40) a;

-- a plan by time
SELECT billing.subscribe(1, 'low', terms => 2, at => '2023-01-01');
SELECT is(t.earned(1, at::timestamptz), e::numeric[], 'a plan is earned by time: ' || at) FROM (VALUES ('2023-01-01 00:00', '{62,0,0,62}'), ('2023-01-11 00:00', '{62,10,0,52}'),
	('2023-01-16 12:00', '{62,15.5,0,46.5}'), ('2023-02-01 00:00', '{62,31,0,31}'), ('2023-02-15 00:00', '{62,46.5,0,15.5}'), ('2023-03-01 00:00', '{62,62,0,0}'), ('2024-01-01 00:00', '{62,62,0,0}')) v(at, e);
SELECT is(t.earned(1, '2022-12-31 23:59:59'), NULL, 'before its order there is nothing');
-- an upgrade, from its own instant on; then a refund
SELECT billing.subscribe(a, 'low', at => '2023-01-01') FROM generate_series(2, 4) a;
SELECT billing.change_plan(2, t.sub(2), 'high', at => '2023-01-21');
SELECT is(t.earned(2, at::timestamptz), e::numeric[], 'an upgrade by the time that it was paid for: ' || at) FROM (VALUES ('2023-01-20 23:00', '{31,19.96,0,11.04}'), ('2023-01-21 00:00', '{42,20,0,22}'),
	('2023-01-26 00:00', '{42,30,0,12}'), ('2023-02-01 00:00', '{42,42,0,0}')) v(at, e);
SELECT billing.refund_subscription(3, t.sub(3), at => '2023-01-11 18:00');
SELECT is(t.earned(3, at::timestamptz), e::numeric[], 'a refund: what was kept is earned: ' || at) FROM (VALUES ('2023-01-11 17:00', '{31,10.71,0,20.29}'), ('2023-01-11 18:00', '{10,10,0,0}'), ('2023-03-01 00:00', '{10,10,0,0}')) v(at, e);
SELECT billing.subscribe(5, 'whole', at => '2023-01-01');
SELECT billing.refund_subscription(5, t.sub(5), at => '2023-01-11 18:00');
SELECT is(t.earned(5, at::timestamptz), e::numeric[], 'all of it back: nothing is: ' || at) FROM (VALUES ('2023-01-11 17:00', '{31,10.71,0,20.29}'), ('2023-01-11 18:00', '{0,0,0,0}')) v(at, e);
-- cancelled at once, without a refund
SELECT billing.cancel_subscription(4, t.sub(4), false, at => '2023-01-11');
SELECT is(t.earned(4, at::timestamptz), e::numeric[], 'what is left of a plan that is cancelled at once is breakage: ' || at) FROM (VALUES ('2023-01-10 00:00', '{31,9,0,22}'), ('2023-01-11 00:00', '{31,10,21,0}'),
	('2023-03-01 00:00', '{31,10,21,0}')) v(at, e);
SELECT billing.subscribe(6, 'low', at => '2023-01-01');
SELECT billing.cancel_subscription(6, t.sub(6), at => '2023-01-11');
SELECT is(t.earned(6, '2023-01-12'), '{31,11,0,20}', 'cancelled for its end it goes on');
-- that waits for its resource
SELECT billing.subscribe(a, 'waits', 'r', at => '2023-01-01') FROM generate_series(7, 9) a;
SELECT billing.activate_resource(7, 'r', at => '2023-01-11');
SELECT billing.cancel_subscription(8, t.sub(8), at => '2023-01-11');
SELECT billing.refund_subscription(9, t.sub(9), at => '2023-01-11');
SELECT is(t.earned(a, '2023-01-12'), e::numeric[], 'a plan that waits is not earned, ' || d)
FROM (VALUES (7, '{31,1,0,30}', 'until it begins'), (8, '{31,0,31,0}', 'if it is cancelled it is lost'), (9, '{0,0,0,0}', 'if it is refunded it is back')) v(a, e, d);
SELECT is(t.earned(7, '2023-01-10'), '{31,0,0,31}', 'before it begins');
-- with a voucher
SELECT billing.grant_voucher(10, 10, '2024-01-01', at => '2023-01-01');
SELECT billing.subscribe(10, 'low', voucher => 'auto', at => '2023-01-01');
SELECT is(t.earned(10, '2023-01-11'), '{31,10,0,21}', 'what a voucher has paid is earned like money');
SELECT billing.refund_subscription(10, t.sub(10), at => '2023-01-11');
SELECT is(t.earned(10, '2023-01-12'), '{10,10,0,0}', 'and refunded like it');
-- without end; to the cent
SELECT billing.subscribe(11, 'free', at => '2023-01-01');
SELECT is(t.earned(11, '2023-01-11'), '{0,0,0,0}', 'what costs nothing earns nothing');
SELECT billing.subscribe(12, 'cents', terms => 3, at => '2023-01-01');
SELECT is((SELECT sum(e[2] - before) FROM (SELECT e, lag(e[2], 1, 0.0) OVER (ORDER BY d) AS before FROM generate_series('2023-01-01'::timestamptz, '2023-05-01', '1 hour') d CROSS JOIN LATERAL t.earned(12, d) e) x), 0.30,
	'hour by hour it adds up to what was paid');
SELECT is_empty($$SELECT FROM (SELECT e, lag(e[2], 1, 0.0) OVER (ORDER BY d) AS before FROM generate_series('2023-01-01'::timestamptz, '2023-05-01', '7 hours') d CROSS JOIN LATERAL t.earned(12, d) e) x
	WHERE e[2] < before OR e[1] <> e[2] + e[3] + e[4]$$, 'and never falls');

-- a package by use; as things stood then
CALL billing.run('2023-07-01');
SELECT billing.purchase_package(20, 'T100', at => '2023-07-01');
SELECT billing.purchase_package(21, 'T10', 3, at => '2023-07-01');
SELECT billing.purchase_package(22, 'T10', at => '2023-07-01');
SELECT billing.purchase_package(23, 'T100', auto_renew => true, at => '2023-07-01');
SELECT billing.refund_package(22, t.package(22, 1), at => '2023-07-02');
SELECT t.use(20, 'traffic', 40, '2023-07-05 10:10'), t.use(23, 'traffic', 130, '2023-07-05 10:10');
CALL billing.run('2023-07-05 11:00');
SELECT t.same('SELECT paid, refunded, recognised, breakage, deferred, at FROM billing.deferred_revenue WHERE account_id = 20', $$VALUES (5, 0, 2, 0, 3, '2023-07-05 11:00+00'::timestamptz)$$,
	'a package is earned by what is used of it');
SELECT t.same('SELECT d.recognised, d.deferred FROM billing.deferred_revenue d WHERE account_id = 23 ORDER BY subject_id', 'VALUES (4.75, 0), (1.43, 3.32)', 'used up all of it is, and of its renewal a share');
CREATE TABLE t.then AS SELECT * FROM billing.deferred_revenue;
SELECT is(t.earned(22, '2023-07-01 12:00'), '{1,0,0,1}', 'one that is refunded was deferred');
SELECT is(t.earned(22, '2023-07-03'), '{0,0,0,0}', 'and is nothing');
SELECT t.use(20, 'traffic', 20, '2023-07-31 10:10'), t.use(21, 'traffic', 10, '2023-07-31 10:10');
SELECT billing.pay_out(24, 95, at => '2023-07-31') FROM billing.purchase_package(24, 'T100', at => '2023-07-31');
CALL billing.run('2023-07-31 23:00');
SELECT is(t.earned(20, '2023-07-31 23:00'), '{5,3,0,2}', 'the hour before its end');
SELECT billing.close_account(24, at => '2023-07-31 23:30');
CALL billing.run('2023-08-01');
SELECT is(t.earned(20, '2023-08-01'), '{5,3,2,0}', 'over: what was not used of it is breakage');
SELECT t.same($$SELECT paid, recognised, breakage FROM billing.deferred_revenue_at('2023-08-01') WHERE account_id = 21 ORDER BY 2$$, 'VALUES (1, 0, 1), (1, 0, 1), (1, 1, 0)', 'each of several for itself');
SELECT is(t.earned(24, '2023-08-01'), '{5,0,5,0}', 'of an account that is closed, too');
-- late usage of its time
SELECT t.use(20, 'traffic', 10, '2023-07-30 10:10');
CALL billing.run('2023-08-02');
SELECT is(t.earned(20, '2023-08-02'), '{5,3.5,1.5,0}', 'late usage earns what was lost');
SELECT is(t.earned(20, '2023-08-01'), '{5,3,2,0}', 'and what was reported stays as it was');
SELECT is_empty($$SELECT w.account_id, w.subject_id FROM t.then w LEFT JOIN billing.deferred_revenue_at('2023-07-05 11:00') d USING (account_id, subject, subject_id)
	WHERE (w.paid, w.refunded, w.recognised, w.breakage, w.deferred) IS DISTINCT FROM (d.paid, d.refunded, d.recognised, d.breakage, d.deferred)$$, 'as of then, it is today what it was then');

-- the ledger
SELECT is_empty($$SELECT FROM (SELECT account_id, sum(recognised + breakage + deferred) AS amount FROM billing.deferred_revenue GROUP BY 1) d
	FULL JOIN (SELECT account_id, balance FROM billing.trial_balance WHERE sub_ledger = 'deferred') t USING (account_id) WHERE d.amount IS DISTINCT FROM t.balance AND coalesce(d.amount, t.balance) <> 0$$,
	'earned, lost and open are the sub-ledger deferred');
SELECT is_empty($$SELECT account_id, subject, subject_id FROM billing.deferred_revenue_at('2030-01-01') WHERE deferred <> 0 OR recognised + breakage <> paid - refunded$$, 'in the end nothing is deferred');
SELECT t.refuses($$SELECT * FROM billing.deferred_revenue_at(NULL)$$, '22023', 'NULL', 'an instant is given');
SELECT t.refuses($$SELECT * FROM billing.deferred_revenue_at('infinity')$$, '22023', 'infinity', 'a possible one');
SELECT t.verify_is_empty();
SELECT t.finds('UPDATE billing.package SET price_paid = price_paid + 1 WHERE account_id = 20', p) FROM unnest(ARRAY['deferred and ledger', 'package and order']) p;
SELECT t.finds('UPDATE billing.subscription_payment SET paid_from = paid_from - interval ''40 days'' WHERE account_id = 12 AND term = 1', 'payment');
SELECT * FROM finish();
