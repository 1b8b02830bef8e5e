-- What decides the tier of usage that no package covers: the rest alone, or the whole usage (LIVE-13).
\ir setup.psql
SELECT billing.install(start => '2023-01-01');
INSERT INTO billing.meter VALUES ('rest', 'GB', 'sum'), ('whole', 'GB', 'sum'), ('steps', 'GB', 'sum'), ('night', 'GB', 'sum'), ('calls', 'call', 'count');
INSERT INTO billing.price (meter, currency, counter, tier_basis, properties, tariff) SELECT m, 'USD', 'day', b, p::jsonb, t::billing.tariff FROM (VALUES ('rest', 'uncovered', '{}', 'volume: 1 up to 100, 0.5 beyond'),
	('whole', 'whole', '{}', 'volume: 1 up to 100, 0.5 beyond'), ('steps', 'whole', '{}', 'graduated: 1 up to 100, flat 2 + 0.5 beyond'), ('night', 'whole', '{}', 'volume: 1 up to 100, 0.5 beyond'),
	('night', 'whole', '{"n": 1}', 'graduated: 9 beyond'), ('calls', 'whole', '{}', 'volume: 1 up to 2, 0.5 beyond')) v(m, b, p, t);
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency) SELECT m, m, CASE m WHEN 'calls' THEN 2 ELSE 90 END, '1 month', 0, 'USD' FROM unnest(ARRAY['rest', 'whole', 'steps', 'night', 'calls']) m;
SELECT billing.open_account(name => 'a', account_id => n, at => '2023-01-01'), billing.top_up(n, 1000, at => '2023-01-01') FROM generate_series(1, 3) n;
SELECT billing.purchase_package(n, m, at => '2023-01-01') FROM generate_series(1, 3) n, unnest(ARRAY['rest', 'whole', 'steps', 'night', 'calls']) m;
SELECT t.use(1, m, 120, '2023-01-02 10:00') FROM unnest(ARRAY['rest', 'whole', 'steps', 'night']) m;
SELECT t.use(1, 'calls', 7, '2023-01-02 10:00'::timestamptz + n * interval '1 minute') FROM generate_series(1, 3) n;
-- the same in pieces, late and early, covered last
SELECT t.use(2, m, q, at) FROM unnest(ARRAY['rest', 'whole', 'steps', 'night']) m, (VALUES (30, '2023-01-02 09:00'::timestamptz), (30, '2023-01-02 10:00'), (30, '2023-01-02 10:30'), (30, '2023-01-02 11:00')) v(q, at);
CALL billing.run('2023-01-02 12:00');
SELECT t.verify_is_empty();
CALL billing.run('2023-01-03 01:00');
SELECT t.same($$SELECT meter, sum(amount) FROM billing.charges WHERE account_id = 1 AND source = 'tariff' GROUP BY 1 ORDER BY 1$$,
	$$VALUES ('calls', 0.5), ('night', 15), ('rest', 30), ('steps', 22), ('whole', 15)$$, 'LIVE-13: 120 of which 90 are covered: 30 in the tier of 30, or in that of 120; tiers are filled by what is covered first');
SELECT t.same($$SELECT meter, sum(amount) FROM billing.charges WHERE account_id = 2 AND source = 'tariff' GROUP BY 1 ORDER BY 1$$,
	$$VALUES ('night', 15), ('rest', 30), ('steps', 22), ('whole', 15)$$, 'in pieces');
-- what is covered all the same moves the tier of what was not
SELECT t.use(3, 'whole', 95, '2023-01-05 10:00');
CALL billing.run('2023-01-06 01:00');
SELECT is(t.charged(3, 'whole'), 5::numeric, 'below the bound');
SELECT billing.purchase_package(3, 'whole', at => '2023-01-01');
SELECT t.use(3, 'whole', 20, '2023-01-05 11:00');
CALL billing.run('2023-01-06 03:00');
SELECT is(t.charged(3, 'whole'), 2.5, 'late usage that a package covers takes the rest into the cheaper tier');
SELECT t.refuses($$INSERT INTO billing.price (meter, currency, tier_basis, tariff) VALUES ('rest', 'USD', 'whole', 'volume free 5: 1 beyond')$$, '22023', 'rest', 'not with a free part');
SELECT t.verify_is_empty();
SELECT * FROM finish();
