-- MNA's packages: bound to devices, of one region, not stacked; what happens when they are over; another size.  Named by the rules replayed.
\ir packages.psql
SELECT t.open(n, 1000) FROM generate_series(1, 40) n;
CALL billing.run('2023-05-01');
SELECT billing.add_resource(a, d, 'device', at => '2023-05-01') FROM generate_series(1, 40) a, unnest(ARRAY['d1', 'd2', 'd3', 'd4', 'd5', 'd6']) d;
SELECT billing.activate_resource(a, d, at => '2023-05-01') FROM generate_series(1, 40) a, unnest(ARRAY['d1', 'd2', 'd3', 'd4', 'd5', 'd6']) d;
CREATE FUNCTION t.buy(account_id bigint, offer text, resources text[], at timestamptz, region text DEFAULT 'Guangzhou', auto_renew boolean DEFAULT false) RETURNS bigint LANGUAGE sql AS
$$ SELECT billing.purchase_package(buy.account_id, buy.offer, region => buy.region, resources => buy.resources, auto_renew => buy.auto_renew, at => buy.at) $$;

-- sizes and devices
SELECT t.refuses_all_of_it(format('SELECT t.buy(1, %L, %L, %L)', 'M' || size, d, '2023-05-02'), 'UB054', 'M' || size, format('B2-4, MNA-0%s, (b-z): %s GB and one device too many', n, size))
FROM (VALUES (1, 20, '{d1,d2}'), (2, 50, '{d1,d2,d3}'), (3, 100, '{d1,d2,d3,d4}'), (4, 500, '{d1,d2,d3,d4,d5,d6}')) v(n, size, d);
SELECT t.buy(a, 'M' || size, d::text[], '2023-05-02') FROM (VALUES (1, 20, '{d1}'), (2, 50, '{d1,d2}'), (3, 100, '{d1,d2,d3}'), (4, 500, '{d1,d2,d3,d4,d5}')) v(a, size, d);
SELECT t.same('SELECT size, cardinality(resources), valid_until FROM billing.packages ORDER BY account_id', $$VALUES (20, 1, '2023-06-02 00:00+00'::timestamptz), (50, 2, '2023-06-02 00:00+00'),
	(100, 3, '2023-06-02 00:00+00'), (500, 5, '2023-06-02 00:00+00')$$, 'B2-2, B2-4, MNA-01 to MNA-04: sizes, devices, to the same day of the next month');
SELECT t.buy(5, 'M20', NULL, '2023-05-31');
SELECT is((SELECT valid_until FROM billing.packages WHERE account_id = 5), '2023-07-01'::timestamptz, 'B2-2, B1.1-3: 31 May to 1 July');

-- deduction: bound devices, of the package's region
SELECT t.use(4, 'mna', 1, '2023-05-31 10:10', resource => d, region => 'Guangzhou') FROM unnest(ARRAY['d1', 'd5', 'd6', 'd7', '']) d;
SELECT t.use(4, 'mna', 10, '2023-05-31 10:10', resource => 'd1', region => 'Silicon Valley');
SELECT t.use(5, 'mna', 1, '2023-05-31 10:10', resource => 'd1', region => 'Guangzhou');
CALL billing.run('2023-06-01');
SELECT is(t.used(4), '{2}', 'B2-5, B2-3, (b-z): only bound devices, only in its region');
SELECT is(t.charged(4, 'mna'), 13.0, 'the rest is pay-as-you-go');
SELECT is(t.used(5), '{0}', 'B2-5, (b-z) not bound: never deducted');
SELECT is((SELECT not_deducting FROM billing.packages WHERE account_id = 5), 'it is bound to no resource', 'and the view says so');
CALL billing.run('2023-07-02');
SELECT is(t.states(5), '{expired}', 'B2-5, (b-z) it simply expires');

-- free places are bound later, and deduct from then on
SELECT t.buy(6, 'M50', '{d1}', '2023-07-02');
SELECT billing.bind_resource(6, t.package(6, 1), 'd2', key => 'k', at => '2023-07-02 10:20') FROM generate_series(1, 2);
SELECT t.use(6, 'mna', 1, at::timestamptz, resource => 'd2', region => 'Guangzhou') FROM unnest(ARRAY['2023-07-02 10:10', '2023-07-02 10:20', '2023-07-02 10:30']) at;
CALL billing.run('2023-07-02 11:00');
SELECT is(t.used(6), '{2}', 'a free place may be bound later, and covers from then on');
SELECT t.refuses_all_of_it(format('SELECT billing.bind_resource(6, %s, %L, at => %L)', t.package(6, 1), 'd3', '2023-07-03'), 'UB054', 'd3', 'B2-6, (b-z) bound devices stay to the end');
SELECT t.refuses_all_of_it(format('SELECT billing.bind_resource(4, %s, %L, at => %L)', t.package(4, 1), 'd6', '2023-07-03'), 'UB058', t.package(4, 1)::text, 'one that is over is bound to nothing');
SELECT t.buy(6, 'M100', '{d3}', '2023-07-03');
SELECT t.refuses_all_of_it(format('SELECT billing.bind_resource(6, %s, %L, at => %L)', t.package(6, 2), d, '2023-07-03'), 'UB051', d, 'B2-6, B2-7, (b-y) 5: a device has one package at a time')
FROM unnest(ARRAY['d1', 'd3']) d;
SELECT t.refuses_all_of_it($$SELECT t.buy(6, 'M20', '{d3}', '2023-07-03')$$, 'UB051', 'd3', 'B2-7: no stacking at purchase');
SELECT t.refuses_all_of_it($$SELECT t.buy(6, 'M50', '{d4,d4}', '2023-07-03')$$, 'UB051', 'd4', 'nor a device twice');
SELECT t.refuses_all_of_it($$SELECT billing.purchase_package(6, 'M50', 2, region => 'Guangzhou', resources => '{d4}', at => '2023-07-03')$$, 'UB051', 'd4', 'nor two packages for it in one order');
SELECT lives_ok($$SELECT t.buy(7, 'M20', '{d1}', '2023-07-03', 'Silicon Valley')$$, 'a device of the same name of another account is another device');

-- over: used up or ended, then postpaid; and then free for another package
SELECT t.buy(8, 'M20', '{d1}', '2023-07-03');
SELECT t.use(8, 'mna', 25, '2023-07-03 10:10', resource => 'd1', region => 'Guangzhou');
CALL billing.run('2023-07-04');
SELECT is(t.charged(8, 'mna'), 5.0, 'B2-8: exhausted, further traffic is postpaid');
SELECT is(t.states(8), '{exhausted}', 'B2-8: the package is invalid');
SELECT is((SELECT state FROM billing.resources WHERE account_id = 8 AND resource = 'd1'), 'active', 'and the device goes on');
SELECT lives_ok($$SELECT t.buy(8, 'M50', '{d1,d2}', '2023-07-04')$$, 'its device may have another one');
SELECT t.use(8, 'mna', 3, '2023-08-04 00:10', resource => 'd2', region => 'Guangzhou');
CALL billing.run('2023-08-05');
SELECT t.same('SELECT t.states(8), t.used(8), t.charged(8, $$mna$$)', $$VALUES ('{exhausted,expired}'::text[], '{20,0}'::numeric[], 8)$$, 'B2-8: validity over, the same');

-- cut off: the device is restricted in place of being billed; no automatic renewal
SELECT t.refuses_all_of_it($$SELECT t.buy(9, 'M20 cut off', '{d1}', '2023-08-05', 'Guangzhou', true)$$, 'UB055', 'M20 cut off', 'B2-9, (b-z): cut off and automatic renewal exclude each other');
SELECT t.buy(9, 'M20 cut off', '{d1}', '2023-08-05');
SELECT t.refuses_all_of_it(format('SELECT billing.set_auto_renew(9, %s, true, at => %L)', t.package(9, 1), '2023-08-05'), 'UB055', 'M20 cut off', 'B2-9: nor later');
SELECT t.use(9, 'mna', 20, '2023-08-05 10:10', resource => 'd1', region => 'Guangzhou');
SELECT t.buy(10, 'M20 cut off', '{d1}', '2023-08-05 10:20');
SELECT t.buy(11, 'M20 cut off', '{d1}', '2023-08-05 10:20');
CALL billing.run('2023-08-06');
SELECT t.same($$SELECT resource, state, held_by = 'package ' || t.package(9, 1), since FROM billing.resources WHERE account_id = 9 AND state <> 'active'$$,
	$$VALUES ('d1', 'restricted', true, '2023-08-05 11:00+00'::timestamptz)$$, 'B2-9, (b-z) exhausted: its device is restricted');
CALL billing.run('2023-09-01');
SELECT billing.change_package(11, t.package(11, 1), 'M50', '{d1,d2}', at => '2023-09-01');
CALL billing.run('2023-09-06');
SELECT t.same($$SELECT account_id, state, since FROM billing.resources WHERE account_id IN (10, 11) AND resource = 'd1' ORDER BY 1$$, $$VALUES (10, 'restricted', '2023-09-05 10:20+00'::timestamptz),
	(11, 'active', '2023-05-01 00:00+00')$$, 'B2-9: ended, likewise; but not one that its next package covers');

-- renewal carries the bindings over, or goes off
SELECT t.buy(12, 'M50', '{d1,d2}', '2023-09-06', 'Guangzhou', true);
SELECT t.buy(12, 'M20', '{d3}', '2023-09-06', 'Silicon Valley', true);
SELECT is(t.states(12), '{"active, renews","active, renews"}', '(b-x) flags per package: MNA''s are independent');
SELECT t.use(12, 'mna', 45, '2023-09-06 10:10', resource => 'd1', region => 'Guangzhou');
SELECT t.use(12, 'mna', 15, '2023-09-06 10:20', resource => 'd2', region => 'Guangzhou');
SELECT t.use(12, 'mna', 15, '2023-09-06 10:30', resource => 'd1', region => 'Guangzhou');
CALL billing.run('2023-09-07');
SELECT t.same('SELECT resources, region, used, valid_from, auto_renew FROM billing.packages WHERE account_id = 12 ORDER BY package_id', $$VALUES ('{d1,d2}'::text[], 'Guangzhou', 50, '2023-09-06 00:00+00'::timestamptz, false),
	('{d3}', 'Silicon Valley', 0, '2023-09-06 00:00+00', true), ('{d1,d2}', 'Guangzhou', 25, '2023-09-06 10:20+00', true)$$, 'B2-10: the same specification, bound to the same devices');
SELECT billing.pay_out(12, t.balance(12), at => '2023-09-07');
CALL billing.run('2023-10-07');
SELECT is(t.states(12), '{exhausted,expired,expired}', 'B2-10: without the money it goes off');

-- another size: with bindings of its own, when the running one ends, or is used up
SELECT t.buy(13, 'M20', '{d1}', '2023-10-07 10:20');
SELECT billing.change_package(13, t.package(13, 1), 'M100', '{d1,d2,d3}', key => 'k', at => '2023-10-08') = billing.change_package(13, t.package(13, 1), 'M100', '{d1,d2,d3}', key => 'k', at => '2023-10-09') AS once;
SELECT t.same('SELECT state, size, valid_from, valid_until, renews IS NOT NULL, not_deducting FROM billing.packages WHERE account_id = 13', $$VALUES ('active', 20, '2023-10-07 10:20+00'::timestamptz, '2023-11-07 10:20+00'::timestamptz, false, NULL),
	('pending', 100, '2023-11-07 10:20+00', '2023-12-07 10:20+00', true, 'it is not valid yet')$$, 'B2-11: another size needs a binding of its own, and takes over at the end');
SELECT is(t.balance(13), 1000 - 10 - 30.0, 'and is paid when it is ordered');
SELECT t.refuses_all_of_it(format('SELECT billing.change_package(13, %s, %L, at => %L)', t.package(13, 1), 'M50', '2023-10-08'), 'UB061', 'M50', 'one successor at a time');
SELECT t.refuses_all_of_it(format('SELECT billing.change_package(13, %s, %L, at => %L)', t.package(13, 1), x, '2023-10-08'), 'UB061', x, 'a successor is of the same type, and sold') FROM unnest(ARRAY['T10', 'nosuch']) x;
SELECT t.use(13, 'mna', 1, '2023-11-07 10:10', resource => d, region => 'Guangzhou') FROM unnest(ARRAY['d1', 'd2']) d;
SELECT t.use(13, 'mna', 100, '2023-11-07 10:20', resource => 'd2', region => 'Guangzhou');
CALL billing.run('2023-11-08');
SELECT t.same('SELECT t.used(13), t.states(13), t.charged(13, $$mna$$)', $$VALUES ('{1,100}'::numeric[], '{expired,exhausted}'::text[], 1)$$, 'B2-11: from the end of the first on, to the second; a cycle may start it and use it up');
SELECT t.verify_is_empty();
SELECT t.buy(14, 'M20', '{d1}', '2023-11-08', auto_renew => true);
SELECT billing.change_package(14, t.package(14, 1), 'M50', '{d1}', at => '2023-11-08');
SELECT is(t.states(14), '{active,"pending, renews"}', 'the flag goes to the one that takes over');
SELECT t.use(14, 'mna', 25, '2023-11-08 10:10', resource => 'd1', region => 'Guangzhou');
CALL billing.run('2023-11-09');
SELECT t.same('SELECT used, valid_from, valid_until, state FROM billing.packages WHERE account_id = 14', $$VALUES (20, '2023-11-08 00:00+00'::timestamptz, '2023-12-08 00:00+00'::timestamptz, 'exhausted'),
	(5, '2023-11-08 10:10+00', '2023-12-08 10:10+00', 'active')$$, 'used up before its end: the successor starts at that event');
SELECT is((SELECT count(*) FROM billing.orders WHERE account_id = 14), 2::bigint, 'and nothing more is ordered');
SELECT t.buy(15, 'M20', '{d1}', '2023-11-09');
SELECT billing.change_package(15, t.package(15, 1), 'M50', '{d1}', at => '2023-11-09');
SELECT billing.refund_package(15, t.package(15, 2), at => '2023-11-10');
SELECT is(t.balance(15), 990.0, 'RF-06, (b-z) one that has not started yet is refunded in full');
-- a flag beside a successor that is ordered: one takes over
SELECT t.buy(16, 'M20', '{d1}', '2023-11-10');
SELECT billing.change_package(16, t.package(16, 1), 'M50', '{d1}', at => '2023-11-10');
SELECT t.refuses_all_of_it(format('SELECT billing.set_auto_renew(16, %s, true, at => %L)', t.package(16, 1), '2023-11-10'), 'UB055', t.package(16, 1)::text, 'one that another takes over from does not renew itself');
-- what was cut off goes on when it is covered again
SELECT billing.purchase_package(9, 'M50', region => 'Guangzhou', at => '2023-11-10 10:00');
SELECT billing.bind_resource(9, t.package(9, 2), 'd1', at => '2023-11-10 10:20');
SELECT t.buy(10, 'M20 cut off', '{d1}', '2023-11-10 10:10');
SELECT t.same($$SELECT account_id, state, since, held_by FROM billing.resources WHERE account_id IN (9, 10) AND resource = 'd1' ORDER BY 1$$,
	$$VALUES (9, 'active', '2023-11-10 10:20+00'::timestamptz, NULL::text), (10, 'active', '2023-11-10 10:10+00', NULL)$$, 'a device that was cut off goes on when a package covers it again');
SELECT billing.change_package(10, t.package(10, 2), 'M20 cut off', '{d1}', at => '2023-11-10 11:00');
SELECT t.use(10, 'mna', 20, '2023-11-10 11:10', resource => 'd1', region => 'Guangzhou');
CALL billing.run('2023-11-11');
SELECT t.same($$SELECT state, valid_from, (SELECT state FROM billing.resources WHERE account_id = 10 AND resource = 'd1') FROM billing.packages WHERE account_id = 10 ORDER BY package_id OFFSET 1$$,
	$$VALUES ('exhausted', '2023-11-10 10:10+00'::timestamptz, 'active'), ('active', '2023-11-10 12:00+00', 'active')$$, 'nor is it cut off where the next package is ordered: that starts at once');
SELECT t.verify_is_empty();
SELECT * FROM finish();
