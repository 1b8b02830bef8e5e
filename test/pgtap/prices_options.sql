-- Prices by the options of a plan: by traffic or by bandwidth, switched at the start of a day.
\ir setup.psql
SELECT billing.install(start => '2023-04-01');
INSERT INTO billing.meter VALUES ('traffic', 'GB', 'sum'), ('bandwidth', 'Mbps', 'max'), ('p95', 'Mbps', 'percentile');
INSERT INTO billing.plan (plan, product, currency, fee, term) VALUES ('ip', 'ip', 'CNY', 0, '1 month');
INSERT INTO billing.plan_option (plan, option, choices, required, changes) VALUES ('ip', 'by', '["traffic", "bandwidth"]', true, 'next day'), ('ip', 'line', '["bgp", "mobile"]', true, 'at once');
INSERT INTO billing.price (meter, plan, options, currency, counter, scope, tariff) VALUES
	('traffic', 'ip', '{}', 'CNY', 'day', 'resource', 'graduated: 0 beyond'), ('bandwidth', 'ip', '{}', 'CNY', 'day', 'resource', 'graduated: 0 beyond'),
	('traffic', 'ip', '{"by": "traffic"}', 'CNY', 'day', 'resource', 'graduated: 0.4 beyond'),
	('traffic', 'ip', '{"by": "traffic", "line": "bgp"}', 'CNY', 'day', 'resource', 'graduated: 0.8 beyond'),
	('bandwidth', 'ip', '{"by": "bandwidth"}', 'CNY', 'day', 'resource', 'graduated free 100: 1.5 beyond'),
	('bandwidth', 'ip', '{"by": "bandwidth", "line": "bgp"}', 'CNY', 'day', 'resource', 'graduated free 100: 3 beyond'),
	('p95', 'ip', '{"line": "bgp"}', 'CNY', 'day', 'resource', 'graduated: 2 beyond'), ('p95', 'ip', '{}', 'CNY', 'day', 'resource', 'graduated: 1 beyond');
SELECT billing.open_account(name => 'a', account_id => n, currency => 'CNY', time_zone => 'Asia/Shanghai', at => '2023-04-01'), billing.top_up(n, 100000, at => '2023-04-01') FROM generate_series(1, 3) n;
SELECT billing.add_resource(n, 'ip-' || n, 'ip', at => '2023-04-01') FROM generate_series(1, 3) n;
SELECT billing.subscribe(n, 'ip', resource => 'ip-' || n, options => jsonb_build_object('by', 'traffic', 'line', line), at => '2023-05-01 00:00+08') FROM (VALUES (1, 'bgp'), (2, 'mobile')) v(n, line);
CREATE FUNCTION t.sub(account_id bigint) RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT max(s.subscription_id) FROM billing.subscription s WHERE s.account_id = sub.account_id $$;
CREATE FUNCTION t.days(account_id bigint, meter text) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT string_agg(format('%s %s', d.day, d.amount), ', ' ORDER BY d.day) FROM (SELECT to_char(c.period_start AT TIME ZONE 'Asia/Shanghai', 'MM-DD') AS day, trim_scale(sum(c.amount)) AS amount
	FROM billing.charges c WHERE c.account_id = days.account_id AND c.meter = days.meter GROUP BY 1) d $$;

-- every hour of three days 10 GB, and a bandwidth that grows by 10 with the hour
SELECT t.use(n, m, CASE m WHEN 'traffic' THEN 10 ELSE 10 * extract(hour FROM h AT TIME ZONE 'Asia/Shanghai')::integer END, h, 'ip-' || n)
FROM generate_series(1, 2) n, unnest(ARRAY['traffic', 'bandwidth', 'p95']) m, generate_series('2023-05-01 00:30+08'::timestamptz, '2023-05-04 23:30+08', '1 hour') h;
CALL billing.run('2023-05-02 10:00+08');
SELECT billing.configure_subscription(n, t.sub(n), '{"by": "bandwidth"}', at => '2023-05-02 10:20+08') FROM generate_series(1, 2) n;
CALL billing.run('2023-05-03 15:00+08');
SELECT billing.configure_subscription(n, t.sub(n), '{"by": "traffic"}', at => '2023-05-03 15:20+08') FROM generate_series(1, 2) n;
CALL billing.run('2023-05-05');
SELECT is(t.days(1, 'traffic'), '05-01 192, 05-02 192, 05-03 0, 05-04 192', 'B3-10, CDN-15: the mode in force when a day began is that of the day');
SELECT is(t.days(1, 'bandwidth'), '05-01 0, 05-02 0, 05-03 390, 05-04 0', 'B3-10: 3 for each Mbps beyond 100, on the day by bandwidth');
SELECT is(t.days(2, 'traffic'), '05-01 96, 05-02 96, 05-03 0, 05-04 96', 'B3-10: another line, other rates');
SELECT is(t.days(2, 'bandwidth'), '05-01 0, 05-02 0, 05-03 195, 05-04 0', 'kept apart');
SELECT t.verify_is_empty();
-- late usage goes by its own day
SELECT t.use(1, 'traffic', 100, '2023-05-03 12:00+08', 'ip-1'), t.use(1, 'traffic', 100, '2023-05-02 12:00+08', 'ip-1'), t.use(1, 'bandwidth', 1000, '2023-05-02 12:00+08', 'ip-1'), t.use(1, 'bandwidth', 330, '2023-05-03 12:00+08', 'ip-1');
CALL billing.run('2023-05-06');
SELECT is(t.days(1, 'traffic'), '05-01 192, 05-02 272, 05-03 0, 05-04 192', 'CDN-16: what comes late goes by the mode of its own day');
SELECT is(t.days(1, 'bandwidth'), '05-01 0, 05-02 0, 05-03 690, 05-04 0', 'and so does a peak');
-- inside an hour, inside a day, and for windows
SELECT billing.configure_subscription(2, t.sub(2), '{"line": "bgp"}', at => '2023-05-06 12:30+08');
SELECT t.use(2, m, 5, '2023-05-06 12:00+08'::timestamptz + k * interval '10 minutes', 'ip-2') FROM unnest(ARRAY['traffic', 'p95']) m, generate_series(0, 5) k;
CALL billing.run('2023-05-08');
SELECT t.same($$SELECT source_id, quantity, amount FROM billing.charges WHERE account_id = 2 AND meter = 'traffic' AND period_start = '2023-05-06 00:00+08' ORDER BY 1$$,
	$$VALUES (3, 15, 6.00), (4, 15, 12.00)$$, 'an hour is split where an option changes');
SELECT t.same($$SELECT source_id, sum(quantity), sum(amount) FROM billing.charges WHERE account_id = 2 AND meter = 'p95' AND period_start = '2023-05-06 00:00+08' GROUP BY 1 ORDER BY 1$$,
	$$VALUES (7, 5, 10.00), (8, 5, 5.00)$$, 'so is a window');
SELECT ok(EXISTS (SELECT FROM billing.explain_charge(2, (SELECT charge_id FROM billing.charges WHERE account_id = 2 AND source_id = 4 LIMIT 1)) WHERE what = 'price' AND detail LIKE '%options {"by": "traffic", "line": "bgp"} of plan ip%'),
	'an explanation names the options');
SELECT t.refuses($$SELECT * FROM billing.quote(2, 'traffic', 10, at => '2023-05-08')$$, 'UB005', 'traffic', 'none of its resources: no price');
-- no plan: kept, and seen
SELECT t.use(3, 'traffic', 5, '2023-05-08 12:00+08', 'ip-3');
SELECT billing.remove_resource(1, 'ip-1', at => '2023-05-08 12:30+08');
INSERT INTO billing.usage (account_id, meter, resource, event_time, event_key, quantity) VALUES (1, 'traffic', 'ip-1', '2023-05-08 12:15+08', 'before', 10), (1, 'traffic', 'ip-1', '2023-05-08 12:45+08', 'same hour', 10), (1, 'traffic', 'ip-1', '2023-05-08 13:00+08', 'after', 10);
CALL billing.run('2023-05-08 07:00');
SELECT t.same('SELECT account_id, quantity, reason FROM billing.unrated_usage ORDER BY 1', $$VALUES (1, 10, 'no price in CNY outside a paid term of its plan'), (3, 5, 'no price in CNY outside a paid term of its plan')$$,
	'a resource that is in no plan, or was released');
SELECT is(t.days(1, 'traffic'), '05-01 192, 05-02 272, 05-03 0, 05-04 192, 05-08 16', 'until the end of the hour of its release it is billed');
SELECT t.verify_is_empty();
SELECT * FROM finish();
