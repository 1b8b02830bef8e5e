-- A package that was ordered for the end of another one (change_package), where one of the two is refunded or used up; and devices, of
-- which each has one package at a time whatever renews itself or starts sooner.
\ir packages.psql
SELECT t.open(n, 1000) FROM generate_series(1, 30) n;
CALL billing.run('2023-05-01');
SELECT billing.add_resource(a, d, 'device', at => '2023-05-01') FROM generate_series(1, 30) a, unnest(ARRAY['d1', 'd2', 'd3']) d;
SELECT billing.activate_resource(a, d, at => '2023-05-01') FROM generate_series(1, 30) a, unnest(ARRAY['d1', 'd2', 'd3']) d;
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, month_end, cut_off) VALUES ('T20 cut off', 'traffic', 20, '1 month', 1, 'USD', 'spill', true);
-- and with notices before their ends, which move with them
UPDATE billing.package_offer SET expiry_policy = 'package' WHERE offer IN ('T10', 'T100', 'M20', 'M50');
CREATE FUNCTION t.mna(account_id bigint, offer text, resources text[], at timestamptz, auto_renew boolean DEFAULT false) RETURNS bigint LANGUAGE sql AS
$$ SELECT billing.purchase_package(mna.account_id, mna.offer, region => 'Guangzhou', resources => mna.resources, auto_renew => mna.auto_renew, at => mna.at) $$;
CREATE FUNCTION t.spans(account_id bigint) RETURNS text[] LANGUAGE sql STABLE AS
$$ SELECT array_agg(to_char(valid_from, 'MM-DD HH24') || ' to ' || to_char(valid_until, 'MM-DD HH24') ORDER BY package_id) FROM billing.packages p
   WHERE p.account_id = spans.account_id AND state <> 'refunded' $$;

-- the running package is refunded: what was ordered for its end takes over then
SELECT t.mna(1, 'M20', '{d1}', '2023-05-02');
SELECT billing.change_package(1, t.package(1, 1), 'M50', '{d1,d2}', at => '2023-05-03');
SELECT is(t.spans(1), '{05-02 00 to 06-02 00,06-02 00 to 07-02 00}', 'B2-11: another size is ordered for the end');
SELECT billing.refund_package(1, t.package(1, 1), at => '2023-05-10 10:20');
SELECT t.same('SELECT t.states(1), t.spans(1)', $$VALUES ('{refunded,active}'::text[], '{05-10 10 to 06-10 10}'::text[])$$,
	'B1.3-32, B2-11: refunded before, it does not leave a gap: the other one starts at once');
SELECT t.use(1, 'mna', 1, at::timestamptz, resource => d, region => 'Guangzhou')
FROM unnest(ARRAY['2023-05-10 10:19:59', '2023-05-10 10:20', '2023-05-10 10:50']) at, unnest(ARRAY['d1', 'd2']) d;
CALL billing.run('2023-05-11');
SELECT is(t.used(1), '{0,4}', 'and deducts from that second on');
SELECT is(t.charged(1, 'mna'), 2.0, 'usage before is of no package: it was refunded');
SELECT t.same('SELECT t.balance(1)', 'SELECT 1000 - 20.0 - 2', 'the money of the refunded one is back');

-- the flag goes with the order, and comes back with its refund
SELECT billing.purchase_package(2, 'T10', auto_renew => true, at => '2023-05-11');
SELECT billing.change_package(2, t.package(2, 1), 'T100', at => '2023-05-12');
SELECT is(t.states(2), '{active,"pending, renews"}', 'B2-11: the flag goes over');
SELECT billing.refund_package(2, t.package(2, 2), at => '2023-05-13');
SELECT is(t.states(2), '{"active, renews",refunded}', 'refunded before it starts, the flag is back');
SELECT t.verify_is_empty();
CALL billing.run('2023-06-12');
SELECT is(t.states(2), '{expired,refunded,"active, renews"}', 'and renews');
-- only if it came from there, and is not switched off or elsewhere meanwhile
SELECT billing.purchase_package(a, 'T10', auto_renew => a <> 3, at => '2023-06-12') FROM unnest(ARRAY[3, 4, 5, 6]) a;
SELECT billing.change_package(a, t.package(a, 1), CASE a WHEN 6 THEN 'T20 cut off' ELSE 'T100' END, at => '2023-06-13') FROM unnest(ARRAY[3, 4, 5, 6]) a;
SELECT billing.set_auto_renew(3, t.package(3, 2), true, at => '2023-06-13');
SELECT billing.set_auto_renew(4, t.package(4, 2), false, at => '2023-06-13');
SELECT billing.purchase_package(5, 'T500', at => '2023-06-13');
SELECT billing.set_auto_renew(5, t.package(5, 3), true, at => '2023-06-13');
SELECT billing.refund_package(a, t.package(a, 2), at => '2023-06-14') FROM unnest(ARRAY[3, 4, 5, 6]) a;
SELECT is(t.states(3), '{active,refunded}', 'a flag that was set on the order alone is gone with it');
SELECT is(t.states(4), '{active,refunded}', 'one that was switched off does not come back');
SELECT is(t.states(5), '{active,refunded,"active, renews"}', 'B1.4-42: nor one that another package has now');
SELECT is(t.states(6), '{"active, renews",refunded}', 'one that the order could not carry comes back');

-- orders for the end of an order
SELECT billing.purchase_package(7, 'T10', auto_renew => true, at => '2023-06-14');
SELECT billing.change_package(7, t.package(7, 1), 'T100', at => '2023-06-14');
SELECT billing.change_package(7, t.package(7, 2), 'T10', at => '2023-06-14');
SELECT billing.purchase_package(8, 'T10', at => '2023-06-14');
SELECT billing.change_package(8, t.package(8, 1), 'T100', at => '2023-06-14');
SELECT billing.change_package(8, t.package(8, 2), 'T10', at => '2023-06-14');
SELECT billing.refund_package(7, t.package(7, 2), at => '2023-06-15');
SELECT t.same('SELECT t.states(7), t.spans(7), (SELECT renews = t.package(7, 1) FROM billing.packages WHERE package_id = t.package(7, 3))',
	$$VALUES ('{active,refunded,"pending, renews"}'::text[], '{06-14 00 to 07-14 00,07-14 00 to 08-14 00}'::text[], true)$$, 'the one in the middle is refunded: the last takes its place');
SELECT t.verify_is_empty();
SELECT billing.refund_package(7, t.package(7, 3), at => '2023-06-15');
SELECT is(t.states(7), '{"active, renews",refunded,refunded}', 'and the flag comes back all the way');
SELECT t.use(8, 'traffic', 11, '2023-06-20 12:10');
CALL billing.run('2023-06-21');
SELECT is(t.spans(8), '{06-14 00 to 07-14 00,06-20 12 to 07-20 12,07-20 12 to 08-20 12}', 'used up: the second starts sooner, and so will the third');
SELECT t.same('SELECT next_at FROM billing.packages WHERE account_id = 8 AND next_at IS NOT NULL ORDER BY package_id', $$VALUES ('2023-07-13 12:10+00'::timestamptz), ('2023-08-13 12:10+00')$$,
	'and the notices before their ends');
SELECT t.verify_is_empty();
CALL billing.run('2023-07-21');
SELECT is(t.states(8), '{exhausted,expired,active}', 'each when the one before ends');
SELECT t.use(7, 'traffic', 1, '2023-07-21 12:10');

-- B2-7, (b-y) 5: one package for each device, whatever starts sooner or comes back
SELECT t.mna(10, 'M20', '{d1}', '2023-07-21', true);
SELECT t.mna(11, 'M20', '{d1}', '2023-07-21');
SELECT t.use(a, 'mna', 20, '2023-07-21 10:10', resource => 'd1', region => 'Guangzhou') FROM unnest(ARRAY[10, 11]) a;
CALL billing.run('2023-07-22');
SELECT is(t.states(10), '{"exhausted, renews"}', 'used up, it renews itself with the next usage');
SELECT t.refuses_all_of_it($$SELECT t.mna(10, 'M50', '{d1,d2}', '2023-07-22')$$, 'UB051', 'd1', 'B2-7: until then its device is taken');
SELECT lives_ok($$SELECT t.mna(11, 'M50', '{d1,d2}', '2023-07-22')$$, 'without the flag it is not');
SELECT billing.set_auto_renew(10, t.package(10, 1), false, at => '2023-07-22');
SELECT lives_ok($$SELECT t.mna(10, 'M50', '{d1,d2}', '2023-07-22')$$, 'nor once the flag is off');
-- ordered for the end of a package, it may start before it
SELECT t.mna(12, 'M20', '{d1}', '2023-07-22');
SELECT t.mna(12, 'M50', '{d2}', '2023-07-10');
SELECT t.refuses_all_of_it(format('SELECT billing.change_package(12, %s, %L, %L, at => %L)', t.package(12, 1), 'M50', '{d1,d2}', '2023-07-22'), 'UB051', 'd2',
	'B2-7: an order for the end of a package may start sooner, so it takes no device that has one now');
SELECT billing.change_package(12, t.package(12, 1), 'M50', '{d1,d3}', at => '2023-07-22');
SELECT t.refuses_all_of_it($$SELECT t.mna(12, 'M20', '{d3}', '2023-07-22')$$, 'UB051', 'd3', 'and what it takes is taken from its order on');
-- what verify() sees
SELECT t.finds('UPDATE billing.package SET valid_from = valid_from + interval ''1 day'' WHERE account_id = 12 AND state = ''pending''', 'package successor');
-- a flag that would bring a device's package back beside another one
SELECT t.mna(13, 'M20', '{d1}', '2023-07-22');
SELECT t.mna(13, 'M50', '{d1}', '2023-08-30');
SELECT t.mna(14, 'M20', '{d1}', '2023-07-22');
SELECT t.mna(14, 'M50', '{d1}', '2023-08-30');
SELECT t.refuses_all_of_it(format('SELECT billing.set_auto_renew(13, %s, true, at => %L)', t.package(13, 1), '2023-07-22'), 'UB051', 'd1',
	'B2-7, B2-10: no renewal of a package whose device will have another one');
UPDATE billing.package SET auto_renew = true WHERE account_id = 14 AND offer = 'M20';	-- by hand
CALL billing.run('2023-08-23');
SELECT is(t.states(14), '{expired,active}', 'B2-7: were it to be, the flag goes off');
SELECT t.same('SELECT kind, facts ->> $$reason$$ FROM billing.notices WHERE account_id = 14 AND kind = $$renewal_failed$$', $$VALUES ('renewal_failed', format('resource "d1" is bound to package %s', t.package(14, 2)))$$,
	'and the account is told');
SELECT t.verify_is_empty();
SELECT * FROM finish();
