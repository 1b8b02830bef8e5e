-- Base and cap of peaks, with the figures that the clouds print: one charge for each instance and day, for the highest.
\ir setup.psql
SELECT billing.install(start => '2019-01-01');
INSERT INTO billing.meter VALUES ('attack', 'Gbps', 'max'), ('cc', 'QPS', 'max'), ('elastic_traffic', 'GB', 'sum');
-- Aegis: the band of what is above the base; Anti-DDoS Pro: the band of the peak; Alibaba: nothing above the cap
INSERT INTO billing.plan (plan, product, currency, fee, term) SELECT p, 'defense', 'CNY', 0, '1 month' FROM unnest(ARRAY['aegis', 'pro', 'ali', 'fixed', 'scdn']) p;
INSERT INTO billing.plan_option (plan, option, unit, required, changes, at_least) SELECT p, o, 'Gbps', o = 'base', CASE o WHEN 'base' THEN 'increase' ELSE 'after charge' END, CASE o WHEN 'elastic' THEN 'base' END
	FROM unnest(ARRAY['aegis', 'pro', 'ali']) p, unnest(ARRAY['base', 'elastic']) o;
INSERT INTO billing.plan_price (plan, options, currency, fee) SELECT p, jsonb_build_object('base', b), 'CNY', 0 FROM unnest(ARRAY['aegis', 'pro', 'ali']) p, unnest(ARRAY[10, 20, 30, 40, 50, 60]) b;
INSERT INTO billing.plan_allowance (plan, meter, quantity, mode, base_option, cap_option, over_cap) VALUES ('aegis', 'attack', 0, 'subtract', 'base', 'elastic', 'clip'),
	('pro', 'attack', 0, 'threshold', 'base', 'elastic', 'clip'), ('ali', 'attack', 0, 'threshold', 'base', 'elastic', 'free'), ('fixed', 'attack', 20, 'subtract', NULL, NULL, 'clip'),
	('scdn', 'attack', 10, 'threshold', NULL, NULL, 'clip'), ('scdn', 'cc', 20000, 'threshold', NULL, NULL, 'clip');
INSERT INTO billing.price (meter, plan, currency, counter, scope, tariff) SELECT 'attack', p, 'CNY', 'day', 'resource', tariff::billing.tariff FROM (VALUES
	('aegis', 'volume: flat 900 up to 10, flat 2000 up to 20, flat 3200 up to 30, flat 4300 up to 40, flat 5200 up to 50, flat 6000 up to 60, flat 6800 up to 70, flat 7600 up to 80'),
	('fixed', 'volume: flat 900 up to 10, flat 2000 up to 20, flat 3200 up to 30, flat 4300 beyond'),
	('pro', 'volume bounds lower: 0 up to 20, flat 3500 up to 30, flat 4800 up to 40, flat 5700 up to 50, flat 6600 up to 60, flat 8350 beyond'),
	('ali', 'volume: 0 up to 20, flat 3500 up to 30, flat 4800 up to 40, flat 5700 up to 50, flat 6600 up to 60, flat 8350 beyond')) v(p, tariff);
INSERT INTO billing.price (meter, plan, currency, counter, scope, greatest_of, tariff) VALUES ('attack', 'scdn', 'CNY', 'day', 'resource', 'elastic', 'volume: flat 1000 up to 20, flat 3000 beyond'),
	('cc', 'scdn', 'CNY', 'day', 'resource', 'elastic', 'volume: flat 1000 up to 40000, flat 2500 up to 70000, flat 9000 beyond');
SELECT billing.open_account(name => 'a', account_id => n, currency => 'CNY', time_zone => 'Asia/Shanghai', credit_limit => 1000000, at => '2019-01-01') FROM generate_series(1, 30) n;
SELECT billing.add_resource(n, r, 'ip', at => '2019-01-01') FROM generate_series(1, 30) n, unnest(ARRAY['ip', 'ip-2']) r;
CREATE FUNCTION t.sub(account_id bigint, resource text DEFAULT 'ip') RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT max(s.subscription_id) FROM billing.subscription s WHERE s.account_id = sub.account_id AND coalesce(s.resource, 'ip') = sub.resource $$;
-- charges by day of the account
CREATE FUNCTION t.days(account_id bigint, resource text DEFAULT NULL) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT string_agg(format('%s %s', d.day, d.amount), ', ' ORDER BY d.day) FROM (SELECT to_char(c.period_start AT TIME ZONE 'Asia/Shanghai', 'DD') AS day, trim_scale(sum(c.amount)) AS amount
	FROM billing.charges c WHERE c.account_id = days.account_id AND c.meter IN ('attack', 'cc') AND (days.resource IS NULL OR c.resource = days.resource) GROUP BY 1) d $$;
CREATE FUNCTION t.hit(account_id bigint, quantity numeric, at text, resource text DEFAULT 'ip', meter text DEFAULT 'attack') RETURNS SETOF void LANGUAGE sql AS
$$ SELECT t.use(account_id, meter, quantity, (at || '+08')::timestamptz, resource) $$;

SELECT billing.subscribe(n, 'aegis', 'ip', options => '{"base": 20, "elastic": 100}', at => '2019-01-01') FROM generate_series(1, 3) n;
SELECT billing.subscribe(n, 'pro', 'ip', options => '{"base": 20, "elastic": 50}', at => '2019-01-01') FROM generate_series(4, 5) n;
SELECT billing.subscribe(6, 'ali', 'ip', options => '{"base": 20, "elastic": 50}', at => '2019-01-01'), billing.subscribe(7, 'fixed', at => '2019-01-01'), billing.subscribe(8, 'scdn', 'ip', at => '2019-01-01');
SELECT billing.subscribe(1, 'aegis', 'ip-2', options => '{"base": 10, "elastic": 100}', at => '2019-01-01');

-- B3-2 to B3-4: several attacks a day, below and above
SELECT t.hit(1, q, at) FROM (VALUES (5, '2019-01-02 01:00'), (45, '2019-01-02 03:10'), (32, '2019-01-02 03:50'), (45, '2019-01-02 23:59:59'), (20, '2019-01-03 00:00'), (30, '2019-01-04 12:00'), (40, '2019-01-05 12:00')) v(q, at);
SELECT t.hit(1, q, at, 'ip-2') FROM (VALUES (45, '2019-01-02 05:00'), (8, '2019-01-03 05:00')) v(q, at);
CALL billing.run('2019-01-02 15:00');
SELECT t.same('SELECT resource, quantity, exact_amount, posted_amount, closes_at FROM billing.usage_by_period WHERE account_id = 1 ORDER BY 1',
	$$VALUES ('ip', 25, 3200, 0, '2019-01-03 00:00+08'::timestamptz), ('ip-2', 35, 4300, 0, '2019-01-03 00:00+08'::timestamptz)$$, 'B3-3: charged when the day closes, the running value is visible');
SELECT is(t.balance(1), 0::numeric, 'no money has moved');
CALL billing.run('2019-01-06');
SELECT is(t.days(1, 'ip'), '02 3200, 04 900, 05 2000', 'B3-2, B3-4: one charge for the highest of the day, by what is above the base; nothing below it; bounds belong below');
SELECT is(t.days(1, 'ip-2'), '02 4300', 'B3-4: two instances pay separately');
SELECT is((SELECT count(*) FROM billing.charges WHERE account_id = 1 AND amount <> 0), 4::bigint, 'one charge with money each');
-- a higher peak that is reported later posts the difference, a lower one nothing, the same one is the same
SELECT t.hit(1, 75, '2019-01-02 10:00'), t.hit(1, 21, '2019-01-03 10:00'), t.hit(1, 29, '2019-01-04 10:00');
CALL billing.run('2019-01-06 12:00');
SELECT is(t.days(1, 'ip'), '02 6000, 03 900, 04 900, 05 2000', 'B3-4: late peaks post the difference');
SELECT t.same($$SELECT quantity, amount FROM billing.charges WHERE account_id = 1 AND resource = 'ip' AND period_start = '2019-01-02 00:00+08' ORDER BY charge_id DESC LIMIT 1$$, 'VALUES (30, 2800)', 'for their own day');
SELECT t.verify_is_empty();

-- B3-17, B3-18: the band of the peak, once it is above the base and up to the cap
SELECT t.hit(4, q, at) FROM (VALUES (45, '2019-01-07 01:00'), (40, '2019-01-08 01:00'), (20, '2019-01-09 01:00'), (20.001, '2019-01-10 01:00'), (39.999, '2019-01-11 01:00')) v(q, at);
SELECT t.hit(6, q, at) FROM (VALUES (45, '2019-01-07 01:00'), (40, '2019-01-08 01:00'), (60, '2019-01-09 01:00'), (50, '2019-01-10 01:00'), (45, '2019-01-11 01:00'), (51, '2019-01-11 02:00'), (45, '2019-01-11 03:00'), (60, '2019-01-12 01:00'), (30, '2019-01-12 02:00')) v(q, at);
CALL billing.run('2019-01-13');
SELECT is(t.days(4), '07 5700, 08 5700, 10 3500, 11 4800', 'DD-04: 45 of base 20, cap 50 is 5700; DD-05: at exactly 40 5700; at the base nothing');
SELECT is(t.days(6), '07 5700, 08 4800, 09 0, 10 5700, 11 0, 12 0', 'B3-18: at exactly 40 4800 by the older tables; DD-09: a peak above the cap makes the day free, first or last');
SELECT is((SELECT count(*) FROM billing.usage_by_period WHERE account_id = 6 AND exact_amount = 0), 3::bigint, 'three days are free');
-- above the cap, reported late: the day becomes free, and stays so
SELECT t.hit(6, 55, '2019-01-07 12:00'), t.hit(4, 70, '2019-01-07 12:00');
CALL billing.run('2019-01-13 12:00');
SELECT t.hit(6, 48, '2019-01-07 13:00');
CALL billing.run('2019-01-14');
SELECT is(t.days(6), '07 0, 08 4800, 09 0, 10 5700, 11 0, 12 0', 'DD-09: what was charged comes back');
SELECT is(t.days(4), '07 6600, 08 5700, 10 3500, 11 4800', 'B3-5: elsewhere what is above the cap counts as the cap, where bounds are lower ones the band that begins with it');
SELECT t.verify_is_empty();

-- a base that is the plan's, of all resources of the account, each with its own day
SELECT t.hit(7, q, at, r) FROM (VALUES (45, '2019-01-14 12:00', 'ip'), (35, '2019-01-14 12:00', 'ip-2'), (20, '2019-01-15 12:00', 'ip')) v(q, at, r);
-- B3-23: of two metrics the one with the higher band
SELECT t.hit(8, q, at, 'ip', m) FROM (VALUES ('attack', 15, '2019-01-14 12:00'), ('cc', 60000, '2019-01-14 13:00'), ('attack', 25, '2019-01-15 12:00'), ('cc', 60000, '2019-01-15 13:00'), ('attack', 9, '2019-01-16 12:00'), ('cc', 15000, '2019-01-16 13:00')) v(m, q, at);
CALL billing.run('2019-01-17');
SELECT is(t.days(7), '14 5200', 'a base of the plan: 3200 and 2000');
SELECT is(t.days(8), '14 2500, 15 3000', 'B3-23: the higher band of two metrics wins');
SELECT t.verify_is_empty();

-- B3-6: the cap is raised and lowered; once the day has a charge, from the next day on
SELECT t.hit(2, 15, '2019-01-17 09:00');
CALL billing.run('2019-01-17 10:30+08');
SELECT billing.configure_subscription(2, t.sub(2), '{"elastic": 30}', at => '2019-01-17 10:40+08');
SELECT t.hit(2, 80, '2019-01-17 10:45');
SELECT billing.configure_subscription(2, t.sub(2), '{"elastic": 90}', at => '2019-01-17 10:50+08');
SELECT t.hit(2, 70, '2019-01-17 23:00'), t.hit(2, 70, '2019-01-18 00:00');
CALL billing.run('2019-01-17 11:00+08');
SELECT is((SELECT string_agg(to_char(valid_from AT TIME ZONE 'Asia/Shanghai', 'DD HH24:MI') || ' ' || (options ->> 'elastic'), ', ' ORDER BY valid_from) FROM billing.subscription_options WHERE account_id = 2 AND valid_from > '-infinity'),
	'17 10:40 30, 18 00:00 90', 'B3-6: at once while the day has no charge, then from the next day on');
CALL billing.run('2019-01-19');
SELECT is(t.days(2), '17 900, 18 5200', 'B3-5: 30 - 20 on that day, 70 - 20 on the next');
-- switched off, and on again
SELECT billing.configure_subscription(2, t.sub(2), '{"elastic": null}', at => '2019-01-19 08:10+08');
SELECT t.hit(2, 60, '2019-01-19 09:00'), t.hit(2, 60, '2019-01-20 09:00');
CALL billing.run('2019-01-21');
SELECT is(t.days(2), '17 900, 18 5200', 'elastic protection that is switched off costs nothing');
-- B3-7, B3-8: the base goes up inside a day
SELECT t.hit(3, 45, '2019-01-21 09:00'), t.hit(3, 55, '2019-01-21 08:30');
CALL billing.run('2019-01-21 08:20+08');
SELECT billing.configure_subscription(3, t.sub(3), '{"base": 40}', at => '2019-01-21 08:45+08');
CALL billing.run('2019-01-22');
SELECT is(t.days(3), '21 4300', 'each by the base of its own time: 55 - 20, and 45 - 40; the highest of them');
SELECT t.hit(3, 58, '2019-01-21 08:40'), t.hit(3, 90, '2019-01-21 08:50');
CALL billing.run('2019-01-22 12:00');
SELECT is(t.days(3), '21 5200', 'also late ones: 58 - 20 = 38, 90 - 40 = 50');
SELECT t.hit(3, 95, '2019-01-21 08:50');
CALL billing.run('2019-01-22 13:00');
SELECT is(t.days(3), '21 6000', '95 - 40 = 55');
SELECT t.verify_is_empty();

-- an explanation shows base, cap and what was billed
SELECT t.same($$SELECT what, quantity, amount, detail FROM billing.explain_charge(3, (SELECT max(charge_id) FROM billing.charges WHERE account_id = 3 AND amount <> 0)) WHERE what IN ('base', 'tier 6', 'posted')$$,
	format($$VALUES ('base', 20, NULL, 'base 20 (option "base"), cap 100 (option "elastic"), of subscription %1$s from 2019-01-01 00:00:00+00: the highest peak was 58 at 2019-01-21 00:40:00+00, 58 - 20 = 38 is charged'),
		('base', 40, NULL, 'base 40 (option "base"), cap 100 (option "elastic"), of subscription %1$s from 2019-01-21 00:45:00+00: the highest peak was 95 at 2019-01-21 00:50:00+00, 95 - 40 = 55 is charged'),
		('tier 6', 55, 6000, '50 to 60: 0 per 1, flat 6000'), ('posted', NULL, 800.00, '800.00 CNY = round(6000) - 5200.00 posted before')$$, t.sub(3)), 'an explanation shows base, cap and what was charged');
SELECT t.same($$SELECT what, quantity, amount FROM billing.explain_charge(6, (SELECT charge_id FROM billing.charges WHERE account_id = 6 AND amount < 0)) WHERE what IN ('above the cap', 'posted')$$,
	'VALUES (''above the cap'', 5, -5700), (''posted'', NULL, -5700.00)', 'also why a day is free');
SELECT is((SELECT sum(e.amount) FROM billing.quote(7, 'attack', 45, at => '2019-01-23') e), 3200::numeric, 'a quote knows the base');

-- B3-12: what lies in the elastic band is a meter of its own; its package takes it first, for three years
INSERT INTO billing.price (meter, currency, tariff) VALUES ('elastic_traffic', 'CNY', 'graduated: 2 beyond');
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency) VALUES ('elastic 100 GB', 'elastic_traffic', 100, '3 years', 500, 'CNY');
SELECT billing.purchase_package(1, 'elastic 100 GB', at => '2019-01-22 21:10');
SELECT t.use(1, 'elastic_traffic', 70, at) FROM unnest(ARRAY['2019-01-22 22:00', '2019-01-22 23:00']::timestamptz[]) at;
CALL billing.run('2019-01-23 12:00');
SELECT t.same($$SELECT source, quantity, amount FROM billing.charges WHERE account_id = 1 AND meter = 'elastic_traffic' ORDER BY charge_id$$,
	$$VALUES ('package', 70, 0), ('package', 30, 0), ('tariff', 40, 80.00)$$, 'B3-12: the package before the tariff');
SELECT is((SELECT valid_until FROM billing.packages WHERE account_id = 1), '2022-01-22 21:10+00'::timestamptz, 'for three years');
SELECT t.verify_is_empty();
-- an upgrade to another plan inside a term: what was before it keeps the base of then, also if it comes late
INSERT INTO billing.plan (plan, product, currency, fee, term, rank) VALUES ('small', 'size', 'CNY', 0, '1 month', 1), ('big', 'size', 'CNY', 0, '1 month', 2);
INSERT INTO billing.meter VALUES ('flood', 'Gbps', 'max');
INSERT INTO billing.plan_allowance (plan, meter, quantity) VALUES ('small', 'flood', 10), ('big', 'flood', 50);
INSERT INTO billing.price (meter, currency, counter, scope, tariff) VALUES ('flood', 'CNY', 'hour', 'resource', 'volume: 1 beyond');
SELECT billing.subscribe(9, 'small', 'ip', terms => 2, at => '2019-01-23 12:30');
SELECT t.hit(9, 30, '2019-01-23 21:00', 'ip', 'flood');
CALL billing.run('2019-01-24 10:00');
SELECT billing.change_plan(9, t.sub(9), 'big', at => '2019-01-24 10:20');
SELECT t.hit(9, q, at, 'ip', 'flood') FROM (VALUES (70, '2019-01-24 18:10'), (68, '2019-01-24 18:30'), (45, '2019-01-23 22:10'), (60, '2019-03-01 12:00')) v(q, at);
CALL billing.run('2019-01-24 12:00');
SELECT t.same($$SELECT period_start, sum(quantity) FROM billing.charges WHERE account_id = 9 AND meter = 'flood' GROUP BY 1 ORDER BY 1$$,
	$$VALUES ('2019-01-23 13:00+00'::timestamptz, 20), ('2019-01-23 14:00+00', 35), ('2019-01-24 10:00+00', 60)$$, 'each by the base of the plan that it had');
SELECT t.same('SELECT plan, valid_from FROM billing.subscription_options WHERE account_id = 9 ORDER BY valid_from',
	$$VALUES (NULL, '-infinity'::timestamptz), ('small', '2019-01-23 12:30+00'), (NULL, '2019-01-24 10:20+00')$$, 'the plan of then is kept');
SELECT t.verify_is_empty();
-- verify() sees what does not fit
SELECT t.finds('UPDATE billing.subscription_options SET options = options || ''{"base": 30}'' WHERE account_id = 2', 'peak');
SELECT t.finds('UPDATE billing.position SET is_over = true WHERE account_id = 4 AND exact_amount = 4800', 'peak');
SELECT * FROM finish();
