-- Worked examples of others about plans and packages, named by their ids in the shared vectors; the numbers are theirs.
\ir setup.psql
SELECT billing.install(start => '2021-08-01');
INSERT INTO billing.meter VALUES ('calls', 'call', 'sum'), ('std_cn', 'GB', 'sum'), ('std_overseas', 'GB', 'sum'), ('fast_cn', 'GB', 'sum'), ('hd', 'minute', 'sum'), ('requests', 'million', 'sum'),
	('cpu', 'million ms', 'sum'), ('egress', 'GB', 'sum'), ('cached', 'GB', 'sum'), ('credit', 'credit', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('calls', 'USD', 'graduated: 0.18 beyond'), ('calls', 'CNY', 'graduated: 0.21 beyond'), ('std_overseas', 'CNY', 'graduated: 0.45 beyond'),
	('requests', 'USD', 'graduated: 0.30 beyond'), ('cpu', 'USD', 'graduated: 0.02 beyond'), ('egress', 'USD', 'graduated: 0.09 beyond'), ('cached', 'USD', 'graduated: 0.03 beyond'), ('credit', 'USD', 'graduated: 1 beyond');
INSERT INTO billing.plan (plan, currency, fee, term) SELECT v.* FROM (VALUES ('free 1', 'USD', 0, interval '1 month'), ('free half', 'USD', 0, interval '1 month'), ('workers', 'USD', 5, interval '1 month'), ('pro', 'USD', 25, interval '1 month')) v;
INSERT INTO billing.plan_allowance (plan, meter, quantity) VALUES ('free 1', 'calls', 1), ('free half', 'calls', 0.5), ('workers', 'requests', 10), ('workers', 'cpu', 30), ('pro', 'egress', 250), ('pro', 'cached', 250);
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency) VALUES ('100', 'calls', 100, '1 month', 0, 'CNY'), ('5', 'calls', 5, '25 days', 0, 'CNY'), ('live', 'std_cn', 1000, '1 month', 0, 'CNY'),
	('vod', 'hd', 300, '1 month', 0, 'CNY'), ('30 days', 'credit', 100, '720 hours', 0, 'USD'), ('29 days', 'credit', 100, '696 hours', 0, 'USD');
INSERT INTO billing.package_coverage (offer, meter, factor) VALUES ('live', 'std_cn', 1), ('live', 'std_overseas', 1.8), ('live', 'fast_cn', 2), ('vod', 'hd', 2);
SELECT billing.open_account(name => 'a', account_id => n, currency => CASE WHEN n < 10 THEN 'USD' ELSE 'CNY' END, at => '2021-09-01'), billing.top_up(n, 1000, at => '2021-09-01') FROM generate_series(1, 19) n;

-- free, then packages, then money
SELECT billing.subscribe(1, 'free 1', at => '2021-09-01'), billing.subscribe(2, 'free half', at => '2021-09-01');
SELECT billing.purchase_package(10, '100', at => '2021-09-01');
SELECT billing.purchase_package(11, o, at => '2021-09-01') FROM unnest(ARRAY['100', '5']) o;
SELECT t.use(1, 'calls', 1, '2021-09-05'), t.use(2, 'calls', 1, '2021-09-05'), t.use(10, 'calls', 10, '2021-09-05'), t.use(11, 'calls', 10, '2021-09-05');
-- one package, several meters, in the order fast_cn, std_cn, std_overseas
SELECT billing.purchase_package(12, 'live', at => '2021-09-01');
SELECT t.use(12, 'fast_cn', 300, '2021-09-05 01:00'), t.use(12, 'std_cn', 100, '2021-09-05 02:00'), t.use(12, 'std_overseas', 200, '2021-09-05 03:00');
SELECT billing.purchase_package(13, 'vod', at => '2021-09-01');
SELECT t.use(13, 'hd', 100, '2021-09-05');
-- grants with their hours
SELECT billing.purchase_package(3, '30 days', at => '2021-09-01'), billing.purchase_package(4, '30 days', at => '2021-09-11');
SELECT billing.purchase_package(5, '30 days', 2, at => '2021-09-01');
SELECT billing.purchase_package(6, o, at => '2021-09-01') FROM unnest(ARRAY['29 days', '30 days', '30 days']) o;
SELECT t.use(3, 'credit', 50, '2021-09-01 01:00'), t.use(4, 'credit', 50, '2021-09-01 01:00'), t.use(5, 'credit', 200, '2021-09-01 01:00'), t.use(6, 'credit', 99, '2021-09-01 01:00');
-- plan and overage
SELECT billing.subscribe(7, 'workers', at => '2021-09-01'), billing.subscribe(8, 'workers', at => '2021-09-01'), billing.subscribe(9, 'pro', at => '2021-09-01');
SELECT t.use(7, 'requests', 3, '2021-09-05'), t.use(7, 'cpu', 21, '2021-09-05'), t.use(8, 'requests', 0.00072, '2021-09-05'), t.use(8, 'cpu', 129.6, '2021-09-05'),
	t.use(9, 'egress', 300, '2021-09-05'), t.use(9, 'cached', 800, '2021-09-05');
CALL billing.run('2021-09-06');

SELECT t.same('SELECT t.charged(1), (SELECT size - used FROM billing.allowance WHERE account_id = 1)', 'VALUES (0, 0)', 'PK-02: free covers it');
SELECT t.same('SELECT t.charged(2), (SELECT size - used FROM billing.allowance WHERE account_id = 2)', 'VALUES (0.09, 0)', 'PK-03: free covers a half');
SELECT t.same('SELECT t.charged(10), array_agg(remaining) FROM billing.packages WHERE account_id = 10', 'VALUES (0, ARRAY[90])', 'PK-04: a package');
SELECT t.same('SELECT t.charged(11), array_agg(remaining ORDER BY offer DESC), array_agg(state ORDER BY offer DESC) FROM billing.packages WHERE account_id = 11',
	$$VALUES (0, ARRAY[0, 95], ARRAY['exhausted', 'active'])$$, 'PK-06: the nearest end first, then the other');
-- the source bills the 60 GB of the package that are missing at the price of 1 GB overseas: 27; they are 33.33 GB overseas
SELECT t.same('SELECT quantity, units FROM billing.charges WHERE account_id = 12 AND source = ''package'' ORDER BY charge_id', 'VALUES (300, 600), (100, 100), (166.66666666666666666666, 300)',
	'LIVE-14: 600 for fast, 100 for standard, the other 300 for 166.67 overseas');
SELECT is(t.charged(12), 15.00, 'LIVE-14: the rest by its own quantity');
SELECT t.same('SELECT units, (SELECT remaining FROM billing.packages WHERE account_id = 13) FROM billing.charges WHERE account_id = 13 AND source = ''package''', 'VALUES (200, 100)', 'VOD-10: one minute takes two');
SELECT is((SELECT remaining FROM billing.packages WHERE account_id = 3), 50::numeric, 'om-137: a grant');
SELECT t.same('SELECT t.charged(4), remaining FROM billing.packages WHERE account_id = 4', 'VALUES (50, 100)', 'om-138: usage before a grant is overage');
SELECT t.same('SELECT t.charged(5), array_agg(remaining) FROM billing.packages WHERE account_id = 5', 'VALUES (0, ARRAY[0, 0])', 'om-143: two grants used up');
SELECT t.same('SELECT t.charged(6), array_agg(remaining ORDER BY package_id) FROM billing.packages WHERE account_id = 6', 'VALUES (0, ARRAY[1, 100, 100])', 'om-146: the first to expire among many');
SELECT is(t.charged(7), 5.00, 'CF-02: within the plan');
SELECT is(t.charged(8), 6.99, 'CF-03: 99.6 million ms beyond it');
SELECT t.same('SELECT t.charged(9, ''egress''), t.charged(9, ''cached''), t.charged(9)', 'VALUES (4.5, 16.5, 46)', 'SB-07: two quotas of their own; compute and credits are other charges');
SELECT t.verify_is_empty();
SELECT * FROM finish();
