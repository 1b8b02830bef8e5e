-- Every aggregation with every counter: hour, day, month in the account's zone, and term of a plan.  (Levels: levels.sql.)
\ir setup.psql
SELECT billing.install(start => '2020-01-01');
INSERT INTO billing.plan (plan, currency, fee, term) VALUES ('std', 'USD', 0, '1 month');
SELECT billing.open_account(name => 'a', account_id => n, at => '2020-01-01', time_zone => 'Asia/Kolkata') FROM generate_series(1, 2) n;
SELECT billing.subscribe(1, 'std', terms => 3, at => '2020-01-10 10:20');
INSERT INTO billing.meter (meter, unit, aggregation, unique_property)
SELECT a || ' by ' || c, 'x', a, 'user' FROM unnest(ARRAY['sum', 'count', 'max', 'last', 'percentile', 'peak_mean', 'unique']) a, unnest(ARRAY['hour', 'day', 'month', 'term']) c;
INSERT INTO billing.price (meter, plan, currency, counter, tariff)
SELECT m.meter, CASE c WHEN 'term' THEN 'std' ELSE '' END, 'USD', c,
	CASE WHEN m.aggregation IN ('sum', 'count') THEN 'graduated: 1 up to 3, 0.5 beyond' ELSE 'volume: 1 up to 3, flat 5 + 0.5 beyond' END::billing.tariff
FROM billing.meter m, LATERAL split_part(m.meter, ' by ', 2) c;
INSERT INTO billing.price (meter, currency, tariff) SELECT m.meter, 'USD', 'graduated: 0.01 beyond' FROM billing.meter m WHERE m.meter LIKE '% term';
-- 1 to 5 on 20 January from 9:57 on, every seven minutes, the second one after 10; 6 to 9 on 10 February from 10:42 on, the last one after 11: in another term
SELECT DISTINCT billing.record_usage(a, m.meter, n, n::text, CASE WHEN n < 6 THEN '2020-01-20 09:50'::timestamptz ELSE '2020-02-10 10:00' END + n * interval '7 min', properties => jsonb_build_object('user', n % 3))
FROM generate_series(1, 2) a, billing.meter m, generate_series(1, 9) n;
CALL billing.run('2020-02-10 12:00');
SELECT t.same($$SELECT DISTINCT counter, post, quantity FROM (SELECT split_part(u.meter, ' by ', 2) AS counter, l.post, u.quantity FROM billing.usage_by_period u JOIN billing.price_line l USING (line_id)
		WHERE u.account_id = 1 AND u.meter ~ '^(sum|max|percentile) by (month|term)' AND u.closes_at IS NOT NULL) x ORDER BY 1, 2, 3$$,
	$$VALUES ('month', 'counter', 9), ('term', 'counter', 9)$$, 'what posts at the end shows what it stands at meanwhile');
CALL billing.run('2020-03-11');
SELECT t.same($$SELECT split_part(c.meter, ' by ', 1), split_part(c.meter, ' by ', 2), sum(c.amount) FROM billing.charges c WHERE c.account_id = 1 AND c.source = 'tariff' GROUP BY 1, 2 ORDER BY 1, 2$$,
	$$SELECT a, c, CASE c WHEN 'hour' THEN h ELSE d END FROM unnest(ARRAY['hour', 'day', 'month', 'term']) c, (VALUES
		-- hours: {1}, {2, 3, 4, 5}, {6, 7, 8}, {9}; days, months and terms: {1 to 5}, {6 to 9}
		('sum', 1 + (3 + 5.5) + (3 + 9) + (3 + 3), (3 + 6) + (3 + 13.5)), ('count', 1 + (3 + 0.5) + 3 + 1, (3 + 1) + (3 + 0.5)), ('unique', 1 + 3 + 3 + 1, 3 + 3),
		('max', 1 + 7.5 + 9 + 9.5, 7.5 + 9.5), ('last', 1 + 7.5 + 9 + 9.5, 7.5 + 9.5), ('percentile', 1 + 7.5 + 9 + 9.5, 7.5 + 9.5), ('peak_mean', 1 + 7.5 + 9 + 9.5, 7.5 + 9.5)) v(a, h, d)
	ORDER BY 1, 2$$, 'each by its own counter');
SELECT t.same($$SELECT DISTINCT c.meter LIKE '% term', c.amount FROM billing.charges c WHERE c.account_id = 2 AND c.amount <> 0 AND c.meter ~ 'unique' AND c.meter ~ 'term|month' ORDER BY 1, 2$$,
	$$VALUES (false, 3), (true, 0.03)$$, 'without the plan: everyone''s price');
SELECT is_empty('SELECT * FROM billing.usage_by_period WHERE closes_at IS NOT NULL', 'all have closed');
SELECT t.verify_is_empty();
SELECT * FROM finish();
