-- Bad input: each refusal has its own SQLSTATE, a message that names the value, a hint, and changes nothing.
\ir packages.psql
SELECT t.open(n) FROM generate_series(1, 9) n;
SELECT billing.open_account(name => 'e', account_id => 10, currency => 'EUR', at => '2023-01-01');
CALL billing.run('2023-07-01');
SELECT billing.subscribe(1, 'basic', at => '2023-07-01');
SELECT billing.subscribe(2, 'enterprise', at => '2023-07-01');
SELECT billing.purchase_package(1, 'T10', at => '2023-07-01');
SELECT billing.add_resource(a, 'd' || n, 'device', at => '2023-07-01') FROM generate_series(1, 2) a, generate_series(1, 3) n;
SELECT billing.remove_resource(1, 'd3', at => '2023-07-01');
SELECT t.package(1, 1) AS p \gset
CREATE FUNCTION t.no(call text, state text, names text, description text) RETURNS SETOF text LANGUAGE sql AS
$$ SELECT t.refuses_all_of_it(format('SELECT billing.%s, at => %L)', call, '2023-07-02'), state, names, description) $$;

-- purchase
SELECT t.no($$purchase_package(99, 'T10'$$, 'UB001', '99', 'no account');
SELECT t.no($$purchase_package(NULL, 'T10'$$, 'UB001', 'NULL', 'nor NULL');
SELECT t.no($$purchase_package(3, 'nosuch'$$, 'UB059', 'nosuch', 'no offer');
SELECT t.no($$purchase_package(3, NULL$$, 'UB059', 'NULL', 'nor NULL');
SELECT t.no($$purchase_package(10, 'T10'$$, 'UB059', 'T10', 'none in the account''s currency');
SELECT t.no(format($$purchase_package(3, 'T10', %s$$, q), '22003', q, 'a quantity of ' || q) FROM unnest(ARRAY['0', '-1', '1001', '1000000000', 'NULL']) q;
SELECT t.no($$purchase_package(3, 'E100'$$, 'UB053', 'E100', 'B1.3-25, (b-z) without a plan');
SELECT t.no($$purchase_package(2, 'E100'$$, 'UB053', 'E100', 'B1.3-26 under an Enterprise plan');
SELECT t.refuses_all_of_it($$SELECT billing.purchase_package(1, 'E100', at => '2023-08-01')$$, 'UB053', 'E100', 'when the plan has ended');
SELECT t.no($$purchase_package(3, 'M20', region => 'Mars'$$, 'UB052', 'Mars', 'B2-3 a region that is not sold');
SELECT t.no($$purchase_package(3, 'M20'$$, 'UB052', '""', 'B2-3 no region, where one is needed');
SELECT t.no($$purchase_package(3, 'T10', region => 'CN'$$, 'UB052', 'CN', 'a region, where there is none to name');
SELECT t.no($$purchase_package(3, 'T10', region => NULL$$, 'UB052', 'NULL', 'nor NULL');
SELECT t.no($$purchase_package(1, 'M20', region => 'Guangzhou', resources => '{nosuch}'$$, 'UB050', 'nosuch', 'B2-6 an unknown device');
SELECT t.no($$purchase_package(3, 'M20', region => 'Guangzhou', resources => '{d1}'$$, 'UB050', 'd1', 'a device of another account');
SELECT t.no($$purchase_package(1, 'M20', region => 'Guangzhou', resources => '{d3}'$$, 'UB050', 'd3', 'a released device');
SELECT t.no($$purchase_package(1, 'M20', region => 'Guangzhou', resources => '{NULL}'$$, 'UB050', 'NULL', 'no device NULL');
SELECT t.no($$purchase_package(1, 'T10', resources => '{d1}'$$, 'UB054', 'T10', 'a package that is not bound');
SELECT t.no($$purchase_package(3, 'T10', auto_renew => NULL$$, '22004', 'NULL', 'a flag that is NULL');
SELECT t.no($$purchase_package(3, 'T500', 6$$, 'UB011', '120', 'more than the money there');
SELECT ok(t.error_of($$SELECT billing.purchase_package(3, 'T500', 6, at => '2023-07-02')$$) LIKE '%20.00 USD is missing%top_up(3, 20.00)%', 'the error says how much is missing');
SELECT t.refuses_all_of_it(format('SELECT billing.purchase_package(3, %L, at => %s)', 'T10', a), '22023', b, 'at ' || b)
FROM (VALUES ('NULL', 'NULL'), ('''infinity''', 'infinity'), ('''1066-10-14''', '1066')) v(a, b);
SELECT billing.purchase_package(3, 'T10', key => 'k', at => '2023-07-02');
SELECT t.no($$purchase_package(3, 'T100', key => 'k'$$, 'UB004', 'k', 'a key that is reused');
SELECT t.no($$purchase_package(3, 'T10', 2, key => 'k'$$, 'UB004', 'k', 'also for another quantity');

-- vouchers
SELECT t.no($$grant_voucher(99, 5, '2024-01-01'$$, 'UB001', '99', 'no account');
SELECT t.no(format($$grant_voucher(3, %s, '2024-01-01'$$, a), '22003', a, 'a voucher of ' || a) FROM unnest(ARRAY['0', '-1', '0.001', 'NULL']) a;
SELECT t.no($$grant_voucher(3, 'NaN', '2024-01-01'$$, '22003', 'NaN', 'of NaN');
SELECT t.no(format($$grant_voucher(3, 5, %s$$, e), '22023', b, 'that expires at ' || b) FROM (VALUES ('NULL', 'NULL'), ('''2023-07-02''', '2023-07-02')) v(e, b);
SELECT t.no($$grant_voucher(3, 5, '2024-01-01', min_order => -1$$, '22003', '-1', 'of a negative minimum');
SELECT t.no($$grant_voucher(3, 5, '2024-01-01', min_order => NULL$$, '22003', 'NULL', 'nor NULL');
SELECT t.no($$grant_voucher(3, 5, '2024-01-01', min_order => 'NaN'$$, '22003', 'NaN', 'nor NaN');
SELECT billing.grant_voucher(2, 5, '2024-01-01', at => '2023-07-01') AS foreign_one \gset
SELECT billing.grant_voucher(3, 5, '2023-07-01 10:30', at => '2023-07-01') AS expired \gset
SELECT billing.grant_voucher(3, 1, '2024-01-01', key => 'v', at => '2023-07-01') AS used \gset
SELECT billing.grant_voucher(3, 5, '2024-01-01', min_order => 5.01, at => '2023-07-01') AS small \gset
SELECT billing.grant_voucher(3, 5, '2024-01-01', products => '{EdgeOne}', at => '2023-07-01') AS other \gset
SELECT billing.purchase_package(3, 'T10', voucher => :'used', at => '2023-07-02');
SELECT t.no($$grant_voucher(3, 2, '2024-01-01', key => 'v'$$, 'UB004', 'v', 'a key that is reused');
SELECT t.no(format($$purchase_package(3, 'T100', voucher => %L$$, v), s, v, d) FROM (VALUES (:'foreign_one', 'UB034', 'a voucher of another account'), ('0', 'UB034', 'one that is not there'),
	('best', 'UB034', 'one that is no number'), ('', 'UB034', 'an empty one'), (:'expired', 'UB035', 'one that has expired'), (:'used', 'UB036', 'one that is used up'),
	(:'small', 'UB037', 'an order too small for it'), (:'other', 'UB038', 'one for another product')) v(v, s, d);

-- the flag, bindings, refunds, changes
SELECT t.no(format('set_auto_renew(%s, true', x), 'UB057', y, 'no such package: ' || y) FROM (VALUES ('1, 0', '0'), ('1, NULL', 'NULL'), ('2, ' || :'p', :'p')) v(x, y);
SELECT t.no(format('bind_resource(2, %s, %L', :'p', 'd1'), 'UB057', :'p', 'a package of another account is not bound');
SELECT t.no(format('refund_package(2, %s', :'p'), 'UB057', :'p', 'nor refunded');
SELECT t.no(format('change_package(2, %s, %L', :'p', 'T100'), 'UB057', :'p', 'nor changed');
SELECT t.no(format('set_auto_renew(1, %s, NULL', :'p'), '22004', :'p', 'a flag is on or off');
SELECT t.no(format('bind_resource(1, %s, %L', :'p', 'd1'), 'UB054', :'p', 'a package that covers all is not bound');
SELECT billing.purchase_package(1, 'M50', region => 'Guangzhou', at => '2023-07-01') AS m \gset
SELECT t.no(format('bind_resource(1, %s, %s', :'m', r), 'UB050', n, 'an unknown device: ' || n) FROM (VALUES ('''nosuch''', 'nosuch'), ('NULL', 'NULL'), ('''d3''', 'd3')) v(r, n);
SELECT billing.bind_resource(1, :m, 'd1', key => 'b', at => '2023-07-01');
SELECT t.no(format('bind_resource(1, %s, %L', :'m', 'd1'), 'UB051', 'd1', 'a device that is bound');
SELECT t.no(format('bind_resource(1, %s, %L, key => %L', :'m', 'd2', 'b'), 'UB004', 'b', 'a key that is reused');
SELECT billing.set_auto_renew(1, :p, true, key => 's', at => '2023-07-01');
SELECT t.no(format('set_auto_renew(1, %s, false, key => %L', :'p', 's'), 'UB004', 's', 'a key that is reused');
SELECT t.no(format('change_package(1, %s, NULL', :'m'), 'UB061', :'m', 'no change to NULL');
SELECT t.no(format('change_package(1, %s, %L, %L', :'m', 'M20', '{d1,d2}'), 'UB054', 'M20', 'B2-4 nor with more devices than the size allows');
SELECT t.no(format('change_package(1, %s, %L, %L', :'m', 'M20', '{nosuch}'), 'UB050', 'nosuch', 'nor unknown ones');
SELECT t.no(format('change_package(1, %s, %L', :'m', 'M500'), 'UB011', '100', 'nor without the money');
SELECT billing.refund_package(1, :p, key => 'r', at => '2023-07-01');
SELECT t.no(format('refund_package(1, %s, key => %L', :'m', 'r'), 'UB004', 'r', 'a key that is reused');
-- over: refunded, expired, used up
SELECT billing.purchase_package(4, x, at => '2023-07-01') FROM unnest(ARRAY['T10', 'V10']) x;
SELECT t.use(4, 'vau', 10, '2023-07-01 10:10');
CALL billing.run('2023-08-02');
SELECT t.refuses_all_of_it(format('SELECT billing.%s(%s, at => %L)', c, format(a, x.account_id, x.package_id), '2023-08-02'), CASE WHEN c = 'refund_package' AND d = 'used up' THEN 'UB060' ELSE 'UB058' END,
	x.package_id::text, format('%s of a package that is %s', c, d))
FROM (VALUES (1, :p, 'refunded'), (4, t.package(4, 1), 'expired'), (4, t.package(4, 2), 'used up')) x(account_id, package_id, d)
CROSS JOIN (VALUES ('set_auto_renew', '%s, %s, true'), ('bind_resource', '%s, %s, ''d1'''), ('refund_package', '%s, %s'), ('change_package', '%s, %s, ''T100''')) v(c, a);
SELECT lives_ok(format('SELECT billing.set_auto_renew(4, %s, false, at => %L)', t.package(4, 1), '2023-08-02'), 'switching off is never refused');
-- between the end and the settlement of it, too
SELECT billing.purchase_package(5, 'T10', at => '2023-08-02');
SELECT t.refuses_all_of_it(format('SELECT billing.refund_package(5, %s, at => %L)', t.package(5, 1), '2023-09-02'), 'UB058', t.package(5, 1)::text, 'an end is exclusive');
SELECT lives_ok(format('SELECT billing.refund_package(5, %s, at => %L)', t.package(5, 1), '2023-09-01 23:59:59'), 'a second before it is in time');

-- accounts that are suspended or closed
SELECT billing.purchase_package(6, 'T10', at => '2023-08-02');
SELECT t.package(6, 1) AS s \gset
SELECT billing.adjust(6, -150, 'debt', at => '2023-08-02');
CALL billing.run('2023-08-04');
SELECT t.refuses_all_of_it(format('SELECT billing.%s, at => %L)', c, '2023-08-04'), 'UB020', '6', 'suspended: ' || c) FROM unnest(ARRAY[$$purchase_package(6, 'gift'$$, format('set_auto_renew(6, %s, true', :'s'),
	format('bind_resource(6, %s, %L', :'s', 'x'), format('change_package(6, %s, %L', :'s', 'T100')]) c;
SELECT lives_ok(format('SELECT billing.refund_package(6, %s, at => %L)', :'s', '2023-08-04'), 'a refund is given');
-- the catalogue
SELECT alike(t.error_of(format('INSERT INTO billing.package_offer (offer, meter, size, term, price, currency) VALUES (%s)', v)), '23514|%' || names || '%', names || ': ' || v)
FROM (VALUES ($$'x', 'traffic', 0, '1 month', 1, 'USD'$$, 'package_offer_size_is_above_0'), ($$'x', 'traffic', 'NaN', '1 month', 1, 'USD'$$, 'package_offer_size_is_above_0'),
	($$'x', 'traffic', 1, '1 month 3 days', 1, 'USD'$$, 'package_offer_term_is_hours_or_days_or_months'), ($$'x', 'traffic', 1, '-1 month', 1, 'USD'$$, 'package_offer_term_is_hours_or_days_or_months'),
	($$'x', 'traffic', 1, '1 month', -1, 'USD'$$, 'package_offer_price_is_finite_and_not_negative'), ($$'', 'traffic', 1, '1 month', 1, 'USD'$$, 'package_offer_has_a_name')) v(v, names);
-- nothing is deducted from what is no sum of events
INSERT INTO billing.meter (meter, unit, aggregation) SELECT a, 'unit', a FROM unnest(ARRAY['max', 'last', 'unique', 'percentile', 'peak_mean', 'time_weighted']) a;
SELECT t.refuses_all_of_it(format($$INSERT INTO billing.package_offer (offer, meter, size, term, price, currency) VALUES ('x', %L, 1, '1 month', 1, 'USD')$$, m), 'UB067', m,
	'no packages of a meter of ' || m) FROM unnest(ARRAY['max', 'last', 'unique', 'percentile', 'peak_mean', 'time_weighted']) m;
SELECT t.refuses_all_of_it(format($$INSERT INTO billing.package_coverage VALUES ('R3', %L)$$, m), 'UB067', m, 'none that cover it: ' || m)
FROM unnest(ARRAY['max', 'last', 'unique', 'percentile', 'peak_mean', 'time_weighted']) m;
SELECT t.refuses_all_of_it(format($$INSERT INTO billing.plan_allowance (plan, meter, quantity) VALUES ('free', %L, 1)$$, m), 'UB067', m, 'no allowance of it: ' || m)
FROM unnest(ARRAY['last', 'unique', 'percentile', 'peak_mean', 'time_weighted']) m;
SELECT t.refuses_all_of_it($$INSERT INTO billing.package_coverage VALUES ('nosuch', 'traffic')$$, '23503', 'nosuch', 'what an unknown offer covers');
SELECT lives_ok($$INSERT INTO billing.plan_allowance (plan, meter, quantity) VALUES ('personal', 'max', 1)$$, 'of a max meter, an allowance is a base');
SELECT t.refuses($$UPDATE billing.package_offer SET meter = 'peak' WHERE offer = 'first'$$, 'UB067', 'peak', 'nor by an UPDATE');

-- a voucher is a gift, also to who is suspended; an account that is closed buys nothing any more
SELECT billing.grant_voucher(8, 5, '2024-01-01', key => 'g', at => '2023-07-01') AS given \gset
SELECT billing.pay_out(8, 100, at => '2023-07-01');
SELECT billing.close_account(8, at => '2023-07-01');
SELECT t.no($$grant_voucher(8, 5, '2024-01-01'$$, 'UB006', '8', 'a voucher for an account that is closed');
SELECT is(billing.grant_voucher(8, 5, '2024-01-01', key => 'g', at => '2023-07-03'), :given::bigint, 'one that was given before keeps its number');
SELECT lives_ok($$SELECT billing.grant_voucher(6, 5, '2024-01-01', at => '2023-08-04')$$, 'a voucher for one that is suspended');
SELECT t.verify_is_empty();
SELECT * FROM finish();
