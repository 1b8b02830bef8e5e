-- B2-13: alarms of packages that run low.
\ir packages.psql
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, month_end, low_at, auto_renew_discount) VALUES ('L100', 'traffic', 100, '1 month', 5, 'USD', 'spill', 20, 0.05);
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, low_at) VALUES ('L3', 'requests', 3, '1 month', 1, 'USD', 1);
SELECT t.open(n) FROM generate_series(1, 20) n;
CALL billing.run('2023-07-01');
CREATE VIEW t.low AS SELECT account_id, subject_id::bigint AS package_id, noticed_at, facts FROM
	(SELECT account_id, subject_id, at AS noticed_at, facts FROM billing.notice WHERE kind = 'package_low') n;

SELECT billing.purchase_package(1, 'L100', at => '2023-07-01');
SELECT t.use(1, 'traffic', 79, '2023-07-01 10:10');
CALL billing.run('2023-07-01 11:00');
SELECT is_empty('SELECT * FROM t.low', 'more than the threshold is left');
SELECT t.use(1, 'traffic', 1, '2023-07-01 11:10');
CALL billing.run('2023-07-01 12:00');
SELECT t.same($$SELECT account_id, package_id, noticed_at, facts ->> 'remaining', facts ->> 'size', facts ->> 'threshold', facts ->> 'valid_until' FROM t.low$$,
	$$VALUES (1, t.package(1, 1), '2023-07-01 12:00+00'::timestamptz, '20', '100', '20', '2023-07-31T23:59:59+00:00')$$, 'B2-13: the threshold itself is low enough');
SELECT t.use(1, 'traffic', 5, '2023-07-01 12:10');
CALL billing.run('2023-07-01 14:00');
SELECT is((SELECT count(*) FROM t.low), 1::bigint, 'it is told once');
SELECT is((SELECT text FROM billing.claim_notices(10, at => '2023-07-01 14:00') WHERE kind = 'package_low'),
	'Of package ' || t.package(1, 1) || ' of "L100" 20 of 100 GB are left, no more than 20. It is valid to 2023-07-31T23:59:59+00:00.', 'in words');
SELECT t.verify_is_empty();

-- by the cycle that uses it up, only that is told
SELECT billing.purchase_package(2, 'L100', at => '2023-07-01 14:00');
SELECT t.use(2, 'traffic', 100, '2023-07-01 14:10');
-- what counts is what is used of it, not of one of its meters
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, low_at) VALUES ('both', 'traffic', 100, '1 month', 5, 'USD', 50);
INSERT INTO billing.package_coverage VALUES ('both', 'traffic', '', 1), ('both', 'l4', '', 2);
SELECT billing.purchase_package(3, 'both', at => '2023-07-01 14:00');
SELECT t.use(3, 'traffic', 20, '2023-07-01 14:10'), t.use(3, 'l4', 15, '2023-07-01 14:10');
-- count meters likewise
SELECT billing.purchase_package(4, 'L3', at => '2023-07-01 14:00');
SELECT t.use(4, 'requests', 1, '2023-07-01 14:10') FROM generate_series(1, 2);
CALL billing.run('2023-07-01 15:00');
SELECT t.same('SELECT kind FROM billing.notices WHERE account_id = 2', $$VALUES ('package_exhausted')$$, 'used up at once: one notice');
SELECT is((SELECT facts ->> 'remaining' FROM t.low WHERE account_id = 3), '50', 'by all that it covers, at its factors');
SELECT is((SELECT facts ->> 'remaining' FROM t.low WHERE account_id = 4), '1', 'by the number of events');

-- for one package, at any time; a package that renews it has it too
SELECT billing.purchase_package(5, 'T100', auto_renew => true, at => '2023-07-01 15:00');
SELECT billing.set_low_package(5, t.package(5, 1), 50, key => 'k', at => '2023-07-01 15:00') FROM generate_series(1, 2);
SELECT is((SELECT low_at FROM billing.packages WHERE account_id = 5), 50::numeric, 'set for one package');
SELECT t.use(5, 'traffic', 160, '2023-07-01 15:10');
CALL billing.run('2023-07-01 16:00');
SELECT t.same('SELECT package_id, facts ->> $$remaining$$ FROM t.low WHERE account_id = 5', $$VALUES (t.package(5, 2), '40')$$, 'and for the one that renews it');
SELECT billing.set_low_package(5, t.package(5, 2), 10, at => '2023-07-01 16:00');
SELECT is((SELECT count(*) FROM t.low WHERE account_id = 5), 1::bigint, 'another threshold is another cause');
SELECT billing.set_low_package(5, t.package(5, 2), 45, at => '2023-07-01 16:30');
SELECT t.same('SELECT package_id, noticed_at FROM t.low WHERE account_id = 5 ORDER BY noticed_at', $$VALUES (t.package(5, 2), '2023-07-01 16:00+00'::timestamptz), (t.package(5, 2), '2023-07-01 16:30+00')$$,
	'one that is reached already is told of at once');
SELECT billing.set_low_package(5, t.package(5, 2), 50, at => '2023-07-01 16:40');
SELECT is((SELECT count(*) FROM t.low WHERE account_id = 5), 2::bigint, 'never twice for one');
SELECT billing.set_low_package(5, t.package(5, 2), NULL, at => '2023-07-01 16:50');
SELECT billing.set_low_package(1, t.package(1, 1), 10, at => '2023-07-01 16:50');
SELECT t.use(1, 'traffic', 6, '2023-07-01 17:10');
CALL billing.run('2023-07-01 18:00');
SELECT is((SELECT count(*) FROM t.low WHERE account_id = 1), 2::bigint, 'a lower one comes with later usage');
SELECT is((SELECT low_at FROM billing.packages WHERE package_id = t.package(5, 2)), NULL, 'NULL: none');
SELECT t.verify_is_empty();

-- bad input
SELECT t.refuses_all_of_it(format('SELECT billing.set_low_package(1, %s, %s, at => %L)', t.package(1, 1), q, '2023-07-01 18:00'), '22003', n, 'a threshold of ' || q)
FROM (VALUES ('0', '0'), ('-1', '-1'), ('100', '100'), ('''NaN''', 'NaN'), ('''Infinity''', 'Infinity')) v(q, n);
SELECT t.refuses_all_of_it($$SELECT billing.set_low_package(1, 0, 5, at => '2023-07-01 18:00')$$, 'UB057', '0', 'no such package');
SELECT t.refuses_all_of_it(format('SELECT billing.set_low_package(2, %s, 5, at => %L)', t.package(1, 1), '2023-07-01 18:00'), 'UB057', t.package(1, 1)::text, 'one of another account');
SELECT t.refuses_all_of_it(format('SELECT billing.set_low_package(2, %s, 5, at => %L)', t.package(2, 1), '2023-07-01 18:00'), 'UB058', t.package(2, 1)::text, 'one that is over');
SELECT t.refuses_all_of_it(format('SELECT billing.set_low_package(5, %s, 5, key => %L, at => %L)', t.package(5, 2), 'k', '2023-07-01 18:00'), 'UB004', 'k', 'a key reused');
SELECT alike(t.error_of(format($$INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, low_at) VALUES ('x', 'traffic', 10, '1 month', 1, 'USD', %s)$$, q)),
	'23514|%package_offer_low_at_is_below_its_size%', 'nor in the catalogue: ' || q) FROM unnest(ARRAY['0', '10', '''NaN''']) q;
SELECT t.finds('DELETE FROM billing.notice WHERE kind = ''package_low'' AND account_id = 3', 'package low');
SELECT * FROM finish();
