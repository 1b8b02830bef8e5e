-- The sample catalogue of docs/examples/anti_ddos.sql: bought, attacked, settled, and compared with what the clouds print.
\ir setup.psql
SELECT billing.install(start => '2021-01-01');
\ir ../../docs/examples/anti_ddos.sql
SELECT billing.open_account(name => 'a', account_id => n, currency => CASE WHEN n = 20 THEN 'USD' ELSE 'CNY' END, time_zone => 'Asia/Shanghai', policy => 'elastic_arrears', at => '2021-01-01') FROM generate_series(1, 20) n \g /dev/null
SELECT billing.top_up(n, 10000000, at => '2021-01-01') FROM generate_series(1, 20) n \g /dev/null
SELECT billing.add_resource(n, r, k, at => '2021-01-01') FROM generate_series(1, 20) n, (VALUES ('ip', 'protection'), ('ip-2', 'protection'), ('ip elastic', 'elastic'), ('ip forwarding', 'forwarding')) v(r, k) \g /dev/null
SELECT billing.activate_resource(n, r, at => '2021-01-01') FROM generate_series(1, 20) n, unnest(ARRAY['ip elastic', 'ip forwarding']) r \g /dev/null
CREATE FUNCTION t.sub(account_id bigint, resource text DEFAULT 'ip') RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT max(s.subscription_id) FROM billing.subscription s WHERE s.account_id = sub.account_id AND s.resource = sub.resource $$;
CREATE FUNCTION t.days(account_id bigint, meter text, resource text DEFAULT NULL) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT string_agg(format('%s %s', d.day, d.amount), ', ' ORDER BY d.day) FROM (SELECT to_char(c.period_start AT TIME ZONE 'Asia/Shanghai', 'MM-DD') AS day, trim_scale(sum(c.amount)) AS amount
	FROM billing.charges c WHERE c.account_id = days.account_id AND c.meter = ANY (string_to_array(days.meter, ' ')) AND (days.resource IS NULL OR c.resource = days.resource) GROUP BY 1) d $$;
CREATE FUNCTION t.hit(account_id bigint, quantity numeric, at text, resource text DEFAULT 'ip', meter text DEFAULT 'attack', region text DEFAULT 'mainland', line text DEFAULT NULL) RETURNS SETOF void LANGUAGE plpgsql AS
$$ BEGIN PERFORM billing.record_usage(account_id, meter, quantity, 'event ' || nextval('t.event'), (at || '+08')::timestamptz, region, resource, CASE WHEN line IS NOT NULL THEN jsonb_build_object('line', line) END); END $$;
CREATE FUNCTION t.last_order(account_id bigint) RETURNS numeric LANGUAGE sql STABLE AS
$$ SELECT o.money FROM billing.orders o WHERE o.account_id = last_order.account_id ORDER BY o.order_id DESC LIMIT 1 $$;
-- what one term or more of a plan cost
CREATE FUNCTION t.price(plan text, region text, options jsonb, terms integer DEFAULT 1) RETURNS numeric LANGUAGE sql STABLE AS
$$ SELECT amount FROM billing.quote_plan(CASE WHEN plan ^@ 'dayu' THEN 20 ELSE 19 END, price.plan, region => price.region, options => price.options, terms => price.terms, at => '2021-01-02') WHERE line = 'money' $$;

-- base protection: region, network and capacity
SELECT is(t.price('defense-ip', 'mainland', '{"base": 10, "network": "telecom", "by": "traffic"}'), 6600::numeric, 'C8: telecom, 10 Gbps');
SELECT is(t.price('defense-ip', 'mainland', '{"base": 30, "network": "bgp", "by": "traffic"}'), 25600::numeric, 'C8: BGP, 30 Gbps');
SELECT is(t.price('defense-ip', 'hong_kong', '{"base": 40, "network": "bgp", "by": "traffic"}'), 48600::numeric, 'C8: Hong Kong, 40 Gbps');
SELECT is(t.price('defense-ip', 'mainland', '{"base": 300, "network": "unicom", "by": "bandwidth"}'), 286600::numeric, 'C8: unicom, 300 Gbps');
SELECT is(t.price('defense-ip', 'mainland', '{"base": 20, "network": "telecom", "by": "traffic"}', n), e, format('B3-9: %s months', n))
FROM (VALUES (5, 68000.00), (6, 69360.00), (11, 127160.00), (12, 130560.00)) v(n, e);
SELECT is(t.price('defense-ip', 'mainland', '{"base": 20, "network": "telecom", "by": "traffic", "ports": 75}'), 13600 + 750::numeric, 'B3-11: 15 ports beyond the 60 that are free');
SELECT is(t.price('pro-year', 'mainland', '{"rules": 71}', 12), 328000 + 12 * 1000::numeric, 'B3-11: Pro pays for each ten rules that are begun');
SELECT is(t.price('dayu-bandwidth', '', '{"bandwidth": 51}'), 765::numeric, 'C16: 50 Mbps and one more');
SELECT is(t.price('defense-packet', 'mainland', '{"base": 20, "protects": 1}'), 16600::numeric, 'C10: one address, 20 Gbps');
SELECT is(t.price('defense-packet', 'mainland', '{"base": 20, "protects": 10}'), 44175::numeric, 'C12: ten addresses, 20 Gbps');
SELECT is(t.price('defense-packet', 'overseas', '{"base": 10, "protects": 1}'), 47000::numeric, 'C10: overseas');
SELECT is(t.price('bgp-ip', 'mainland', '{"base": 50}'), 25600::numeric, 'C19: 50 Gbps');
SELECT is(t.price('dayu-ip', 'overseas', '{"base": 60}'), 12000::numeric, 'C15: 60 Gbps, in USD');
SELECT is(t.price('dayu-bandwidth', '', '{"bandwidth": 2000}'), 30000::numeric, 'C16: 2 Gbps of forwarding are 30000 USD, as printed');
-- what is not sold
SELECT t.refuses($$SELECT t.price('defense-ip', 'mainland', '{"base": 300, "network": "mobile", "by": "traffic"}')$$, 'UB042', '300', 'B3-13: mobile ends at 200 Gbps');
SELECT t.refuses($$SELECT t.price('defense-ip', 'mainland', '{"base": 20, "network": "carrier pigeon", "by": "traffic"}')$$, 'UB042', 'pigeon', 'B3-1: an unknown network');
SELECT t.refuses($$SELECT t.price('defense-ip', 'mainland', '{"base": 30, "elastic": 20, "network": "bgp", "by": "traffic"}')$$, 'UB070', '20', 'B3-8: an elastic cap below the base');
SELECT t.refuses($$SELECT t.price('defense-ip', 'mainland', '{"base": 20, "network": "telecom", "by": "traffic", "ports": 501}')$$, 'UB042', '501', 'B3-11: at most 500 ports');
SELECT t.refuses($$SELECT t.price('defense-packet-5', 'mainland', '{}', 2)$$, 'UB041', '2', 'B3-9: a first purchase of 5 Gbps is for 3 months at least');
SELECT t.refuses($$SELECT t.price('defense-packet-5-overseas', 'overseas', '{}', 5)$$, 'UB041', '5', 'B3-9: overseas for 6');
SELECT t.refuses($$SELECT t.price('defense-packet-5-overseas', 'overseas', '{"elastic": 40}', 6)$$, 'UB042', '40', 'B3-9: with an elastic cap of 30 Gbps');
SELECT is(t.price('defense-packet-5', 'mainland', '{}', 3), 1500::numeric, 'B3-9: 3 months of it');
SELECT is(t.price('defense-packet-5-overseas', 'overseas', '{}', 6), 153000::numeric, 'B3-9: 6 months of it, 15 % off');

-- high-defense IP: made, in service, attacked
SELECT billing.subscribe(n, 'defense-ip', 'ip', region => 'mainland', options => '{"base": 20, "elastic": 100, "network": "telecom", "by": "traffic"}', at => '2021-03-01 10:00+08') FROM generate_series(1, 2) n \g /dev/null
SELECT is((SELECT state FROM billing.subscriptions WHERE account_id = 1), 'provisioning', 'an instance is made first');
SELECT billing.activate_resource(n, 'ip', at => '2021-03-01 10:05+08') FROM generate_series(1, 2) n \g /dev/null
SELECT t.same('SELECT state, term_start, term_end FROM billing.subscriptions WHERE account_id = 1',
	$$VALUES ('active', '2021-03-01 10:05+08'::timestamptz, '2021-04-01 10:05+08'::timestamptz)$$, 'and its term starts when it is in service');
SELECT billing.subscribe(1, 'defense-ip', 'ip-2', region => 'mainland', options => '{"base": 10, "elastic": 50, "network": "unicom", "by": "bandwidth"}', at => '2021-03-01 10:00+08'), billing.activate_resource(1, 'ip-2', at => '2021-03-01 10:05+08') \g /dev/null
SELECT billing.subscribe(3, 'defense-ip', 'ip', region => 'hong_kong', options => '{"base": 10, "elastic": 100, "network": "bgp", "by": "traffic"}', at => '2021-03-01 10:00+08'), billing.activate_resource(3, 'ip', at => '2021-03-01 10:05+08') \g /dev/null
SELECT billing.subscribe(4, 'defense-ip', 'ip', region => 'mainland', options => '{"base": 200, "elastic": 900, "network": "mobile", "by": "traffic"}', at => '2021-03-01 10:00+08'), billing.activate_resource(4, 'ip', at => '2021-03-01 10:05+08') \g /dev/null
SELECT billing.subscribe(5, 'defense-ip', 'ip', region => 'mainland', options => '{"base": 10, "network": "bgp", "by": "traffic"}', at => '2021-03-01 10:00+08'), billing.activate_resource(5, 'ip', at => '2021-03-01 10:05+08') \g /dev/null
SELECT t.hit(1, q, at) FROM (VALUES (45, '2021-03-02 03:10'), (32, '2021-03-02 04:00'), (15, '2021-03-03 12:00'), (250, '2021-03-04 12:00'), (40, '2021-03-05 12:00')) v(q, at);
SELECT t.hit(1, 35, '2021-03-02 03:10', 'ip-2');
SELECT t.hit(3, 45, '2021-03-02 12:00', region => 'hong_kong'), t.hit(4, 800, '2021-03-02 12:00'), t.hit(5, 80, '2021-03-02 12:00');
CALL billing.run('2021-03-06 00:00+08');
SELECT is(t.days(1, 'attack', 'ip'), '03-02 3200, 03-04 7600, 03-05 2000',
	'B3-2, B3-4, DD-07: two attacks, one charge, 45 - 20 in the band to 30; B3-3, DD-08: nothing at 15; B3-5: 250 counts as the cap, 100 - 20; B3-18: 20 above the base is in the band to 20 (C9)');
SELECT is(t.days(1, 'attack', 'ip-2'), '03-02 3200', 'B3-4: another instance pays by its own base: 35 - 10');
SELECT is(t.days(3, 'attack'), '03-02 6150', 'C9: Hong Kong');
SELECT is(t.days(4, 'attack'), '03-02 16600', 'B3-13: mobile pays for 200 Gbps at most');
SELECT is(t.days(5, 'attack'), NULL, 'B3-5: without an elastic setting nothing is billed');
-- before the instance was in service: kept, and seen; no sample at all
SELECT t.hit(6, 90, '2021-03-02 20:00');
SELECT t.refuses($$SELECT t.hit(1, -1, '2021-03-02 20:00')$$, '22003', '-1', 'a negative peak');
SELECT t.refuses($$SELECT t.hit(1, 'NaN', '2021-03-02 20:00')$$, '22003', 'NaN', 'an absurd one');
SELECT t.hit(1, 75, '2021-03-02 20:00');
CALL billing.run('2021-03-06 12:00+08');
SELECT is(t.days(1, 'attack', 'ip'), '03-02 6000, 03-04 7600, 03-05 2000', 'B3-4: a higher peak reported late posts the difference: 75 - 20');
SELECT t.verify_is_empty();

-- forwarding: lines apart, and 100 Mbps of each free
SELECT t.hit(1, 100, '2021-03-07 0' || h || ':00', 'ip', 'forward_traffic', line => l) FROM generate_series(1, 3) h, unnest(ARRAY['bgp', 'telecom']) l;
SELECT t.hit(1, 100 * h, '2021-03-07 0' || h || ':00', 'ip-2', 'forward_bandwidth', line => l) FROM generate_series(1, 3) h, unnest(ARRAY['bgp', 'telecom']) l;
SELECT t.hit(1, 90, '2021-03-07 01:00', 'ip-2', 'forward_bandwidth', line => 'unicom'), t.hit(1, 500, '2021-03-07 01:00', 'ip', 'forward_bandwidth', line => 'bgp'),
	t.hit(1, 500, '2021-03-07 01:00', 'ip', 'forward_traffic', line => 'pigeon');
CALL billing.run('2021-03-08 00:00+08');
SELECT t.same($$SELECT c.resource, p.properties ->> 'line', sum(c.amount) FROM billing.charges c JOIN billing.price p ON p.price_id = c.source_id WHERE c.account_id = 1 AND c.meter ^@ 'forward' GROUP BY 1, 2 HAVING sum(c.amount) > 0 ORDER BY 1, 2$$,
	$$VALUES ('ip', 'bgp', 240.00), ('ip', 'telecom', 120.00), ('ip-2', 'bgp', 600.00), ('ip-2', 'telecom', 300.00)$$,
	'B3-10: 300 GB at 0.8 and 0.4; by bandwidth 200 Mbps beyond the first 100 at 3 and 1.5; each line for itself');
SELECT t.same('SELECT account_id, meter, quantity FROM billing.unrated_usage ORDER BY 1', $$VALUES (1, 'forward_traffic', 500), (6, 'attack', 90)$$, 'B3-10: a line without a price is kept, and seen; so is an attack on what is not in service');
-- ports, by the day of the change
SELECT billing.configure_subscription(1, t.sub(1), '{"ports": 62}', at => '2021-03-08 10:00+08') \g /dev/null
SELECT is(t.last_order(1), 78.90, 'B3-11: two ports for 24 days: 100 x 24 / (365/12)');
SELECT billing.configure_subscription(1, t.sub(1), '{"ports": 70}', at => '2021-03-24 10:00+08') \g /dev/null
SELECT is(t.last_order(1), 105.21, 'B3-11: 8 more ports for 8 days');
SELECT is(billing.configure_subscription(1, t.sub(1), '{"ports": null}', at => '2021-03-24 11:00+08'), NULL, 'B3-11: without them nothing comes back');
-- elastic traffic
SELECT billing.purchase_package(1, 'elastic-500GB', at => '2021-03-24 12:00+08') \g /dev/null
SELECT t.hit(1, 300, '2021-03-25 0' || h || ':00', 'ip', 'elastic_traffic') FROM generate_series(1, 2) h;
CALL billing.run('2021-03-26 00:00+08');
SELECT is(t.charged(1, 'elastic_traffic'), 80.00, 'B3-12: the package takes 500 GB, 100 GB at 0.8 are left');
SELECT is((SELECT valid_until FROM billing.packages WHERE account_id = 1), '2024-03-24 12:00+08'::timestamptz, 'B3-12: valid for 3 years');
-- upgrade of the base, and the elastic setting
SELECT billing.configure_subscription(2, t.sub(2), '{"base": 30}', at => '2021-03-26 09:00+08') \g /dev/null
SELECT is(t.last_order(2), 1578.08, 'B3-7: 8000 x 6 / (365/12)');
SELECT billing.configure_subscription(2, t.sub(2), '{"base": 120}', at => '2021-03-26 10:00+08') \g /dev/null
SELECT is((SELECT options FROM billing.subscriptions WHERE account_id = 2), '{"base": 120, "network": "telecom", "by": "traffic"}', 'B3-8: a base above the cap switches it off');
SELECT t.refuses($$SELECT billing.configure_subscription(2, t.sub(2), '{"base": 60}', at => '2021-03-26 11:00+08')$$, 'UB045', '60', 'B3-7: the base goes up only');
SELECT t.verify_is_empty();

-- packets and suites
SELECT billing.subscribe(6, 'defense-packet', 'ip', region => 'mainland', options => '{"base": 20, "protects": 5, "elastic": 300}', at => '2021-03-26 00:00+08') \g /dev/null
SELECT billing.subscribe(7, 'defense-packet-5', 'ip', region => 'mainland', terms => 3, options => '{"elastic": 100}', at => '2021-03-26 00:00+08') \g /dev/null
SELECT billing.subscribe(8, 'defense-packet-5-overseas', 'ip', region => 'overseas', terms => 6, options => '{"elastic": 30}', at => '2021-03-26 00:00+08') \g /dev/null
SELECT billing.subscribe(9, 'defense-suite', 'ip', options => '{"base": 30, "elastic": 1000}', at => '2021-03-26 00:00+08') \g /dev/null
SELECT t.hit(6, 60, '2021-03-26 12:00'), t.hit(6, 60.1, '2021-03-27 12:00'), t.hit(7, 50, '2021-03-26 12:00'), t.hit(8, 300, '2021-03-26 12:00', region => 'overseas'), t.hit(9, 700, '2021-03-26 12:00');
-- Pro, BGP, Dayu, SCDN
SELECT billing.subscribe(10, 'pro-year', 'ip', region => 'mainland', terms => 12, options => '{"elastic": 50}', at => '2021-03-26 00:00+08') \g /dev/null
SELECT is(t.last_order(10), 328000::numeric, 'DD-06: a year of it is 328000');
SELECT billing.renew_subscription(10, t.sub(10), terms => 2, at => '2021-03-26 00:00+08') \g /dev/null
SELECT is(t.last_order(10), 54666.67, 'B3-22, DD-06: renewed for two months: 328000 / 12 x 2, printed as 5.47 wan');
SELECT billing.set_subscription_auto_renew(10, t.sub(10), true, at => '2021-03-26 00:00+08') \g /dev/null
SELECT t.same('SELECT term, paid_terms, paid_until FROM billing.subscriptions WHERE account_id = 10', $$VALUES (1, 14, '2022-05-26 00:00+08'::timestamptz)$$, 'B3-20: a term is a month, and so is its renewal');
SELECT billing.subscribe(11, 'bgp-ip', 'ip', region => 'mainland', options => '{"base": 20, "elastic": 50}', at => '2021-03-26 00:00+08') \g /dev/null
SELECT billing.subscribe(12, p, r, terms => 3, at => '2021-03-26 00:00+08') FROM (VALUES ('scdn-standard', 'ip'), ('scdn-basic', 'ip-2')) v(p, r) \g /dev/null
SELECT billing.subscribe(20, 'dayu-ip', 'ip', region => 'overseas', options => '{"base": 10, "elastic": 100}', at => '2021-03-26 00:00+08') \g /dev/null
SELECT t.hit(n, q, '2021-03-' || d || ' 12:00') FROM generate_series(10, 11) n, (VALUES (45, 26), (40, 27), (20, 28), (15, 29)) v(q, d);
SELECT t.hit(20, 55, '2021-03-26 12:00', region => 'overseas');
SELECT t.hit(12, q, '2021-03-' || d || ' 12:00', r, m) FROM (VALUES (25, 26, 'ip', 'attack'), (140000, 26, 'ip', 'cc'), (45, 27, 'ip', 'attack'), (70000, 27, 'ip', 'cc'), (10, 28, 'ip', 'attack'), (90, 26, 'ip-2', 'attack')) v(q, d, r, m);
CALL billing.run('2021-03-30 00:00+08');
SELECT is(t.days(6, 'attack'), '03-26 4800, 03-27 6600', 'C11: 40 and 40.1 above the base of a packet, bounds belong below');
SELECT is(t.days(7, 'attack'), '03-26 6600', 'C11: 50 - 5');
SELECT is(t.days(8, 'attack'), '03-26 4800', 'B3-9: overseas, cap 30: 30 - 5');
SELECT is(t.days(9, 'attack'), '03-26 72500', 'C13: 700 - 30 of a suite');
SELECT is(t.days(10, 'attack'), '03-26 5700, 03-27 5700', 'DD-04: 45 of base 20, cap 50; DD-05, B3-18: at exactly 40 5700; a peak that is the base costs nothing (C18)');
SELECT is(t.days(11, 'attack'), '03-26 5700, 03-27 5700', 'B3-17: the new one does the same (C17)');
SELECT is(t.days(20, 'attack'), '03-26 600', 'C16: 55 - 10 in the band to 50, in USD');
SELECT is(t.days(12, 'attack cc', 'ip'), '03-26 3980, 03-27 3980, 03-28 0', 'B3-23, C20: the higher band of Gbps and QPS wins');
SELECT is(t.days(12, 'attack cc', 'ip-2'), '03-26 0', 'B3-23: the basic plan has no elastic protection, and is alone');
SELECT is((SELECT string_agg(trim_scale(billing.rate(p.tariff, v.q))::text, ' ' ORDER BY v.q) FROM billing.price p, (VALUES ('attack', 300), ('attack', 300.1), ('attack', 500.1), ('cc', 800000), ('cc', 800001), ('cc', 1500000)) v(meter, q)
	WHERE p.plan = 'scdn-standard' AND p.meter = v.meter), '21680 24680 36680 21680 24680 36680', 'C20: the highest bands of both');
-- packs of domains
SELECT billing.configure_subscription(12, t.sub(12), '{"packs": 2}', at => '2021-03-30 00:00+08') \g /dev/null
SELECT is(t.last_order(12), 5741.94, 'SCDN-01: two packs for 27 of 31 days, and for two months');
SELECT billing.configure_subscription(12, t.sub(12), '{"packs": 0}', at => '2021-03-30 12:00+08') \g /dev/null
SELECT is((SELECT count(*) FROM billing.orders WHERE account_id = 12 AND money < 0), 0::bigint, 'SCDN-02: fewer packs give nothing back');
SELECT t.refuses($$SELECT billing.configure_subscription(12, t.sub(12), '{"packs": 11}', at => '2021-03-30 13:00+08')$$, 'UB042', '11', 'SCDN-01: at most 10 packs');
SELECT t.refuses($$SELECT billing.subscribe(12, 'scdn-basic', 'ip', terms => 37, options => '{"packs": 0}', at => '2021-03-30 13:00+08')$$, 'UB041', '37', 'B3-23: at most 36 months');
-- refunds
SELECT t.refuses('SELECT billing.refund_subscription(11, t.sub(11), at => ''2021-03-30'')', 'UB046', 'subscription', 'B3-21: none at all');
SELECT billing.refund_subscription(10, t.sub(10), at => '2021-03-30 00:00+08') \g /dev/null
SELECT is(t.balance(10), 10000000 - 5700 - 5700.00, 'B3-21, DD-10: in full within 5 days; the days of attack stay charged');
SELECT t.verify_is_empty();

-- CDN traffic of an attack
SELECT billing.record_usage(13, 'cdn_traffic', q, 'cdn ' || q, '2021-03-29 12:00+08', properties => p) FROM (VALUES (200, '{}'::jsonb), (5000, '{"attack": true}')) v(q, p) \g /dev/null
-- arrears and expiry
CREATE FUNCTION t.states(account_id bigint) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT string_agg(r.resource || ' ' || r.state, ', ' ORDER BY r.resource) FROM billing.resources r WHERE r.account_id = states.account_id AND r.resource <> 'ip-2' $$;
SELECT billing.adjust(3, -10000000, 'a debt', at => '2021-03-30 00:00+08') \g /dev/null
CALL billing.run('2021-03-30 01:00+08');
SELECT is(t.charged(13), 42.00, 'B3-24: traffic that an attack has caused is waived; CDN-07: the other 200 GB');
SELECT is(t.states(3), 'ip active, ip elastic restricted, ip forwarding active', 'B3-14: arrears stop elastic protection, at once; base and forwarding go on');
SELECT billing.top_up(3, 10000000, at => '2021-03-30 02:00+08') \g /dev/null
SELECT is(t.states(3), 'ip active, ip elastic active, ip forwarding active', 'B3-14: it comes back by itself');
CALL billing.run('2021-04-01 11:00+08');
SELECT is(t.states(3), 'ip suspended, ip elastic active, ip forwarding active', 'B3-15: protection stops at the expiry instant, forwarding goes on');
SELECT t.hit(3, 90, '2021-04-05 12:00', region => 'hong_kong');
CALL billing.run('2021-04-08 23:59+08');
SELECT is((SELECT state FROM billing.subscriptions WHERE account_id = 3), 'suspended', 'B3-15: renewable for 7 days');
CALL billing.run('2021-04-09 00:01+08');
SELECT is((SELECT state FROM billing.subscriptions WHERE account_id = 3), 'released', 'B3-15: released at 00:00 of day 8');
SELECT is(t.days(3, 'attack'), '03-02 6150', 'B3-15: what comes after the end costs nothing');
SELECT ok((SELECT sum(quantity) FROM billing.unrated_usage WHERE account_id = 3) = 90, 'and is kept, and seen');
SELECT t.verify_is_empty();
SELECT * FROM finish();
