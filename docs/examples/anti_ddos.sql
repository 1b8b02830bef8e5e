-- A real price table as a catalogue: protection against attacks, as Tencent's Aegis sold it in 2021, and what its relatives
-- (Anti-DDoS Pro, the new Anti-DDoS IP, Dayu, SCDN) do otherwise.  The engine knows none of these words: they are rows.
-- What a customer does with it: docs/examples/anti_ddos_customer.sql; what each row stands for: docs/examples/README.md.
--
--   psql -f docs/examples/anti_ddos.sql      after CREATE EXTENSION billing and billing.install()
--
-- Regions of the plans and of their usage: mainland, hong_kong, overseas.  1 TB = 1000 GB.
INSERT INTO billing.meter (meter, unit, aggregation) VALUES
	('attack', 'Gbps', 'max'),				-- the peak of an attack on an instance
	('cc', 'QPS', 'max'),					-- the peak of requests, for SCDN
	('forward_traffic', 'GB', 'sum'),		-- from the origin to the cloud, with the property "line"
	('forward_bandwidth', 'Mbps', 'max'),	-- the same, as bandwidth
	('elastic_traffic', 'GB', 'sum');		-- what of the traffic lies in the elastic band

-- ==== High-defense IP: base in advance, elastic protection and forwarded traffic by the day ========================
-- Made in a few minutes, in service from then on (provisioned).  An upgrade costs the difference of a month x days / (365/12).
-- At its end the instance, a resource of kind "protection", is suspended and kept for 7 days; forwarding, a resource of another kind,
-- goes on.  Accounts are opened with the policy "elastic_arrears": a debt restricts their resources of kind "elastic" and nothing else.
INSERT INTO billing.plan (plan, product, currency, fee, term, change_share, provisioned, expiry_policy) VALUES
	('defense-ip', 'defense-ip', 'CNY', 0, '1 month', '365/12', true, 'elastic_expiry');
INSERT INTO billing.plan_option (plan, option, unit, choices, required, changes, at_least) VALUES
	('defense-ip', 'base', 'Gbps', '[10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 120, 150, 200, 300]', true, 'increase', NULL),
	('defense-ip', 'network', '', '["bgp", "telecom", "unicom", "mobile"]', true, 'never', NULL),
	('defense-ip', 'by', '', '["traffic", "bandwidth"]', true, 'next day', NULL);
-- The elastic setting is the cap, base and elastic together: a peak above it counts as the cap.  Not below the base; a base
-- raised above it switches it off; on a day with a charge a new setting waits for the next day.
INSERT INTO billing.plan_option (plan, option, unit, least, most, step, changes, at_least) VALUES
	('defense-ip', 'elastic', 'Gbps', 10, 900, 10, 'after charge', 'base');
-- Base by network and capacity (C8).  What has no row is not sold: mobile above 200, BGP above 30 in the mainland.
INSERT INTO billing.plan_price (plan, region, options, currency, fee)
SELECT 'defense-ip', l.region, jsonb_build_object('base', v.base, 'network', l.network), 'CNY', l.fee
FROM (VALUES
	(10, 6600, 6600, 6600, 8600, 15300, 15300),
	(20, 13600, 13600, 13600, 16600, 27000, 27000),
	(30, 21600, 21600, 21600, 25600, 39800, 39800),
	(40, 35600, 35600, 35600, NULL, 48600, 48600),
	(50, 52600, 52600, 52600, NULL, 56000, 56000),
	(60, 69600, 69600, 69600, NULL, NULL, NULL),
	(70, 109600, 109600, 109600, NULL, NULL, NULL),
	(80, 136600, 136600, 136600, NULL, NULL, NULL),
	(90, 146600, 146600, 146600, NULL, NULL, NULL),
	(100, 156600, 156600, 156600, NULL, NULL, NULL),
	(120, 176600, 176600, 176600, NULL, NULL, NULL),
	(150, 196600, 196600, 196600, NULL, NULL, NULL),
	(200, 236600, 236600, 236600, NULL, NULL, NULL),
	(300, 286600, 286600, NULL, NULL, NULL, NULL)) v(base, telecom, unicom, mobile, bgp, hong_kong, overseas),
	LATERAL (VALUES ('mainland', 'telecom', v.telecom), ('mainland', 'unicom', v.unicom), ('mainland', 'mobile', v.mobile), ('mainland', 'bgp', v.bgp),
		('hong_kong', 'bgp', v.hong_kong),
		('overseas', 'bgp', v.overseas), ('overseas', 'telecom', v.overseas), ('overseas', 'unicom', v.overseas), ('overseas', 'mobile', v.overseas)) l(region, network, fee)
WHERE l.fee IS NOT NULL;
-- 6 months or more 15 % off, 12 or more 20 % off.
INSERT INTO billing.plan_discount VALUES ('defense-ip', 6, 0.15), ('defense-ip', 12, 0.20);

-- The band of (highest peak of the day - base), one charge for each instance and day (C9, bounds belong below).
INSERT INTO billing.plan_allowance (plan, meter, quantity, mode, base_option, cap_option, over_cap) VALUES
	('defense-ip', 'attack', 0, 'subtract', 'base', 'elastic', 'clip');
INSERT INTO billing.price (meter, plan, region, options, currency, counter, scope, tariff) VALUES
	('attack', 'defense-ip', 'mainland', '{"network": "telecom"}', 'CNY', 'day', 'resource',
		'volume: flat 900 up to 10, flat 2000 up to 20, flat 3200 up to 30, flat 4300 up to 40, flat 5200 up to 50, flat 6000 up to 60, flat 6800 up to 70, flat 7600 up to 80, flat 9100 up to 100, flat 12900 up to 150, flat 16600 up to 200, flat 20500 up to 250, flat 24500 up to 300, flat 32000 up to 350, flat 39500 up to 400, flat 46000 up to 450, flat 52000 up to 500, flat 59000 beyond'),
	('attack', 'defense-ip', 'mainland', '{"network": "unicom"}', 'CNY', 'day', 'resource',
		'volume: flat 900 up to 10, flat 2000 up to 20, flat 3200 up to 30, flat 4300 up to 40, flat 5200 up to 50, flat 6000 up to 60, flat 6800 up to 70, flat 7600 up to 80, flat 9100 up to 100, flat 12900 up to 150, flat 16600 up to 200, flat 20500 up to 250, flat 24500 up to 300, flat 32000 up to 350, flat 39500 beyond'),
	-- mobile ends at 200 Gbps, whatever is bought
	('attack', 'defense-ip', 'mainland', '{"network": "mobile"}', 'CNY', 'day', 'resource',
		'volume: flat 900 up to 10, flat 2000 up to 20, flat 3200 up to 30, flat 4300 up to 40, flat 5200 up to 50, flat 6000 up to 60, flat 6800 up to 70, flat 7600 up to 80, flat 9100 up to 100, flat 12900 up to 150, flat 16600 beyond'),
	-- the table has no elastic protection for BGP in the mainland: what is above the base is not billed
	('attack', 'defense-ip', 'mainland', '{"network": "bgp"}', 'CNY', 'day', 'resource', 'graduated: 0 beyond'),
	-- printed as 11280 in the first band, which is read as 1280
	('attack', 'defense-ip', 'hong_kong', '{}', 'CNY', 'day', 'resource',
		'volume: flat 1280 up to 10, flat 2500 up to 20, flat 4350 up to 30, flat 6150 up to 40, flat 8200 up to 50, flat 11000 up to 60, flat 13500 up to 70, flat 15200 up to 80, flat 16700 up to 90, flat 18200 beyond'),
	('attack', 'defense-ip', 'overseas', '{}', 'CNY', 'day', 'resource',
		'volume: flat 1280 up to 10, flat 2500 up to 20, flat 4350 up to 30, flat 6150 up to 40, flat 8200 up to 50, flat 11000 up to 60, flat 13500 up to 70, flat 15200 up to 80, flat 16700 up to 90, flat 18200 beyond');

-- Forwarded business traffic, by the day (C14): by traffic, or by the day's highest bandwidth, of which 100 Mbps are free.  A
-- line has rates and counters of its own, so the first 100 Mbps of each are free; what the other way of billing
-- counts costs nothing.  A line that is not here has no price: its usage is kept, and billing.unrated_usage shows it.
INSERT INTO billing.price (meter, plan, options, properties, currency, counter, post, scope, tariff)
SELECT m.meter, 'defense-ip', jsonb_build_object('by', m.by), jsonb_build_object('line', l.line), 'CNY', 'day', 'counter', 'resource',
	(CASE WHEN m.meter <> 'forward_' || m.by THEN 'graduated: 0 beyond' WHEN m.by = 'traffic' THEN 'graduated: ' || l.gb || ' beyond'
		ELSE 'graduated free 100: ' || l.mbps || ' beyond' END)::billing.tariff
FROM (VALUES ('forward_traffic', 'traffic'), ('forward_traffic', 'bandwidth'), ('forward_bandwidth', 'bandwidth'), ('forward_bandwidth', 'traffic')) m(meter, by),
	(VALUES ('bgp', '0.8', '3'), ('telecom', '0.4', '1.5'), ('unicom', '0.4', '1.5'), ('mobile', '0.4', '1.5')) l(line, gb, mbps);

-- Ports beyond the 60 that an instance has, up to 500: 50 for each and month, by the piece.  They are a part of the fee, and so
-- are renewed, get its discount and end with it; fewer of them give nothing back.
INSERT INTO billing.plan_option (plan, option, unit, least, most, step, changes) VALUES ('defense-ip', 'ports', 'port', 60, 500, 1, 'at once');
INSERT INTO billing.plan_option_price (plan, option, currency, included, fee) VALUES ('defense-ip', 'ports', 'CNY', 60, 50);

-- Traffic that falls into the elastic band: packages of 3 years take it first; what they do not take costs what they
-- cost (the table prints no price beside them).
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, product) VALUES
	('elastic-500GB', 'elastic_traffic', 500, '3 years', 400, 'CNY', 'elastic traffic'),
	('elastic-1TB', 'elastic_traffic', 1000, '3 years', 800, 'CNY', 'elastic traffic'),
	('elastic-5TB', 'elastic_traffic', 5000, '3 years', 4000, 'CNY', 'elastic traffic'),
	('elastic-10TB', 'elastic_traffic', 10000, '3 years', 8000, 'CNY', 'elastic traffic'),
	('elastic-20TB', 'elastic_traffic', 20000, '3 years', 16000, 'CNY', 'elastic traffic'),
	('elastic-50TB', 'elastic_traffic', 50000, '3 years', 40000, 'CNY', 'elastic traffic'),
	('elastic-100TB', 'elastic_traffic', 100000, '3 years', 80000, 'CNY', 'elastic traffic');
INSERT INTO billing.price (meter, currency, counter, post, tariff) VALUES ('elastic_traffic', 'CNY', 'day', 'counter', 'graduated: 0.8 beyond');

-- ==== High-defense packet: base and elastic protection for 1 to 100 addresses (C10 to C12) ========================
-- "protects" is the scope: one address, or so many.  5 Gbps are sold apart, since their first purchase has a minimum.
INSERT INTO billing.plan (plan, product, currency, fee, term, change_share, min_terms, expiry_policy) VALUES
	('defense-packet', 'defense-packet', 'CNY', 0, '1 month', '365/12', 1, 'elastic_expiry'),
	('defense-packet-5', 'defense-packet-5', 'CNY', 500, '1 month', '365/12', 3, 'elastic_expiry'),
	('defense-packet-5-overseas', 'defense-packet-5', 'CNY', 30000, '1 month', '365/12', 6, 'elastic_expiry');
INSERT INTO billing.plan_option (plan, option, unit, choices, required, changes) VALUES
	('defense-packet', 'base', 'Gbps', '[10, 20, 30, 40, 50, 60, 70, 80, 90, 100]', true, 'increase'),
	('defense-packet', 'protects', 'IP', '[1, 5, 10, 20, 50, 100]', true, 'increase');
INSERT INTO billing.plan_option (plan, option, unit, least, most, step, changes, at_least) VALUES
	('defense-packet', 'elastic', 'Gbps', 10, 300, 10, 'after charge', 'base'),
	('defense-packet-5', 'elastic', 'Gbps', 10, 205, NULL, 'after charge', NULL),
	('defense-packet-5-overseas', 'elastic', 'Gbps', 10, 30, NULL, 'after charge', NULL);	-- at most 30
INSERT INTO billing.plan_price (plan, region, options, currency, fee)
SELECT 'defense-packet', 'mainland', jsonb_build_object('base', v.base, 'protects', n.protects), 'CNY', n.fee
FROM (VALUES
	(10, 8600, 12000, 22800, 43200, 84000, 144000),
	(20, 16600, 23250, 44175, 83700, 162750, 279000),
	(30, 25600, 45800, 87020, 164880, 320600, 549600),
	(40, 38600, 54000, 102600, 194400, 378000, 648000),
	(50, 56600, 79240, 150556, 285264, 554680, 950880),
	(60, 80600, 112840, 214396, 406224, 789880, 1354080),
	(70, 98000, 137200, 260680, 493920, 960400, 1646400),
	(80, 156600, 203580, 386802, 732888, 1425060, 2442960),
	(90, 164900, 214370, 407303, 771732, 1500590, 2572440),
	(100, 186800, 224160, 425904, 806976, 1569120, 2689920)) v(base, ip1, ip5, ip10, ip20, ip50, ip100),
	LATERAL (VALUES (1, v.ip1), (5, v.ip5), (10, v.ip10), (20, v.ip20), (50, v.ip50), (100, v.ip100)) n(protects, fee);
INSERT INTO billing.plan_price (plan, region, options, currency, fee) VALUES ('defense-packet', 'overseas', '{"base": 10, "protects": 1}', 'CNY', 47000);
INSERT INTO billing.plan_discount SELECT p, n, d FROM unnest(ARRAY['defense-packet', 'defense-packet-5', 'defense-packet-5-overseas']) p, (VALUES (6, 0.15), (12, 0.20)) v(n, d);
INSERT INTO billing.plan_allowance (plan, meter, quantity, mode, base_option, cap_option) VALUES
	('defense-packet', 'attack', 0, 'subtract', 'base', 'elastic'),
	('defense-packet-5', 'attack', 5, 'subtract', NULL, 'elastic'), ('defense-packet-5-overseas', 'attack', 5, 'subtract', NULL, 'elastic');
INSERT INTO billing.price (meter, plan, region, currency, counter, scope, tariff)
SELECT 'attack', p.plan, p.region, 'CNY', 'day', 'resource', p.tariff::billing.tariff
FROM (VALUES ('mainland', 'volume: flat 2200 up to 20, flat 4800 up to 40, flat 6600 up to 60, flat 8350 up to 80, flat 10050 up to 100, flat 13200 up to 120, flat 14300 up to 140, flat 17600 up to 160, flat 21600 up to 180, flat 24000 beyond', '{defense-packet,defense-packet-5}'::text[]),
	('overseas', 'volume: flat 2200 up to 20, flat 4800 up to 40, flat 6600 beyond', '{defense-packet,defense-packet-5-overseas}')) v(region, tariff, plans),
	LATERAL (SELECT plan, v.region, v.tariff FROM unnest(v.plans) plan) p;

-- Suites, several lines and addresses in one: elastic protection of C13; their base is by quotation, a year is 15 % off.
INSERT INTO billing.plan (plan, product, currency, fee, term, change_share, expiry_policy) VALUES
	('defense-suite', 'defense-suite', 'CNY', 0, '1 month', '365/12', 'elastic_expiry');
INSERT INTO billing.plan_option (plan, option, unit, least, most, required, changes) VALUES ('defense-suite', 'base', 'Gbps', 10, 400, true, 'increase');
INSERT INTO billing.plan_option (plan, option, unit, least, most, changes, at_least) VALUES ('defense-suite', 'elastic', 'Gbps', 10, 1200, 'after charge', 'base');
INSERT INTO billing.plan_discount VALUES ('defense-suite', 12, 0.15);
INSERT INTO billing.plan_allowance (plan, meter, quantity, mode, base_option, cap_option) VALUES ('defense-suite', 'attack', 0, 'subtract', 'base', 'elastic');
INSERT INTO billing.price (meter, plan, currency, counter, scope, tariff) VALUES ('attack', 'defense-suite', 'CNY', 'day', 'resource',
	'volume: flat 900 up to 10, flat 2000 up to 20, flat 3200 up to 30, flat 4300 up to 40, flat 5200 up to 50, flat 6000 up to 60, flat 6800 up to 70, flat 7600 up to 80, flat 9100 up to 100, flat 12900 up to 150, flat 16600 up to 200, flat 20500 up to 250, flat 24500 up to 300, flat 32000 up to 350, flat 39500 up to 400, flat 46000 up to 450, flat 52000 up to 500, flat 59000 up to 600, flat 66000 up to 650, flat 72500 up to 700, flat 78000 up to 750, flat 83000 beyond');

-- ==== Anti-DDoS Pro: the band of the peak itself, once it is above the base (C18, bounds belong above) ==============
-- Base 20 Gbps; sold by the year, 328,000, and renewed by the month at a twelfth of it: so the term is a month, and the first
-- purchase is of twelve.  Automatic renewal is by the month for the same reason.  Refunded within 5 days: one
-- instance of an account in full, the others less what they used.
INSERT INTO billing.plan (plan, product, currency, fee, term, min_terms, change_share, refund, refund_days, refund_again) VALUES
	('pro-year', 'pro', 'CNY', 27333.33333333333333333333, '1 month', 12, '365/12', 'full', 5, 'used value');
INSERT INTO billing.plan_option (plan, option, unit, least, most, step, changes) VALUES ('pro-year', 'elastic', 'Gbps', 20, 1700, 10, 'after charge');
-- forwarding rules beyond 60: 500 for each ten that are begun
INSERT INTO billing.plan_option (plan, option, unit, least, most, step, changes) VALUES ('pro-year', 'rules', 'rule', 60, 500, 1, 'at once');
INSERT INTO billing.plan_option_price (plan, option, currency, included, block, fee) VALUES ('pro-year', 'rules', 'CNY', 60, 10, 500);
INSERT INTO billing.plan_allowance (plan, meter, quantity, mode, cap_option, over_cap) VALUES ('pro-year', 'attack', 20, 'threshold', 'elastic', 'clip');
INSERT INTO billing.price (meter, plan, region, currency, counter, scope, tariff) VALUES
	('attack', 'pro-year', 'mainland', 'CNY', 'day', 'resource', 'volume bounds lower: 0 up to 20, flat 3500 up to 30, flat 4800 up to 40, flat 5700 up to 50, flat 6600 up to 60, flat 7500 up to 70, flat 8350 up to 80, flat 9200 up to 90, flat 10500 up to 100, flat 11750 up to 120, flat 14300 up to 150, flat 18550 up to 200, flat 22800 up to 250, flat 26800 up to 300, flat 38000 up to 400, flat 52800 up to 600, flat 88000 up to 900, flat 120000 up to 1200, flat 160000 beyond'),
	('attack', 'pro-year', 'overseas', 'CNY', 'day', 'resource', 'volume bounds lower: 0 up to 20, flat 2800 up to 30, flat 4800 up to 40, flat 5700 up to 50, flat 8000 up to 60, flat 12000 up to 70, flat 15000 up to 80, flat 17000 up to 90, flat 18000 up to 100, flat 20000 up to 120, flat 22000 up to 150, flat 27000 up to 200, flat 36000 up to 250, flat 40000 up to 300, flat 48000 beyond');

-- ==== The new Anti-DDoS IP (BGP, 2021): base C19, elastic C17; no refund ==============================================
INSERT INTO billing.plan (plan, product, currency, fee, term, change_share) VALUES ('bgp-ip', 'bgp-ip', 'CNY', 0, '1 month', '365/12');
INSERT INTO billing.plan_option (plan, option, unit, choices, required, changes) VALUES ('bgp-ip', 'base', 'Gbps', '[10, 20, 30, 40, 50, 60, 80, 100]', true, 'increase');
INSERT INTO billing.plan_option (plan, option, unit, least, most, step, changes, at_least) VALUES ('bgp-ip', 'elastic', 'Gbps', 10, 600, 10, 'after charge', 'base');
INSERT INTO billing.plan_price (plan, region, options, currency, fee)
SELECT 'bgp-ip', r.region, jsonb_build_object('base', v.base), 'CNY', r.fee
FROM (VALUES (10, NULL, 20000), (20, 6000, 30000), (30, 16600, 47000), (40, NULL, 55000), (50, 25600, 67000), (60, NULL, 80000), (80, NULL, 90000), (100, 80600, 96000)) v(base, mainland, overseas),
	LATERAL (VALUES ('mainland', v.mainland), ('overseas', v.overseas)) r(region, fee) WHERE r.fee IS NOT NULL;
INSERT INTO billing.plan_allowance (plan, meter, quantity, mode, base_option, cap_option, over_cap) VALUES ('bgp-ip', 'attack', 0, 'threshold', 'base', 'elastic', 'clip');
INSERT INTO billing.price (meter, plan, region, currency, counter, scope, tariff) VALUES
	('attack', 'bgp-ip', 'mainland', 'CNY', 'day', 'resource', 'volume bounds lower: 0 up to 20, flat 3500 up to 30, flat 4800 up to 40, flat 5700 up to 50, flat 6600 up to 60, flat 7500 up to 70, flat 8350 up to 80, flat 9200 up to 90, flat 10050 up to 100, flat 11750 up to 120, flat 14300 up to 150, flat 18550 up to 200, flat 22800 up to 250, flat 26800 up to 300, flat 38000 up to 400, flat 52800 beyond'),
	('attack', 'bgp-ip', 'overseas', 'CNY', 'day', 'resource', 'volume bounds lower: 0 up to 20, flat 2800 up to 30, flat 4800 up to 40, flat 5700 up to 50, flat 8000 up to 60, flat 12000 up to 70, flat 15000 up to 80, flat 17000 up to 90, flat 18000 up to 100, flat 20000 up to 120, flat 22000 up to 150, flat 27000 up to 200, flat 36000 up to 250, flat 40000 up to 300, flat 48000 beyond');

-- ==== Dayu, in USD: base C15, elastic C16 by what is above the base (bounds belong below) ==============================
INSERT INTO billing.plan (plan, product, currency, fee, term, change_share) VALUES ('dayu-ip', 'dayu-ip', 'USD', 0, '1 month', '365/12'), ('dayu-bandwidth', 'dayu-bandwidth', 'USD', 750, '1 month', '365/12');
INSERT INTO billing.plan_option (plan, option, unit, choices, required, changes) VALUES ('dayu-ip', 'base', 'Gbps', '[10, 20, 30, 40, 50, 60, 80, 100]', true, 'increase');
INSERT INTO billing.plan_option (plan, option, unit, least, most, step, changes, at_least) VALUES ('dayu-ip', 'elastic', 'Gbps', 10, 500, 10, 'after charge', 'base');
INSERT INTO billing.plan_price (plan, region, options, currency, fee)
SELECT 'dayu-ip', r.region, jsonb_build_object('base', v.base), 'USD', r.fee
FROM (VALUES (10, 1300, 2500), (20, 2400, 4800), (30, 3500, 7000), (40, 6500, 8200), (50, 9500, 10500), (60, 12000, 12000), (80, 20000, 15000), (100, 28000, 16500)) v(base, mainland, overseas),
	LATERAL (VALUES ('mainland', v.mainland), ('overseas', v.overseas)) r(region, fee);
INSERT INTO billing.plan_allowance (plan, meter, quantity, mode, base_option, cap_option) VALUES ('dayu-ip', 'attack', 0, 'subtract', 'base', 'elastic');
INSERT INTO billing.price (meter, plan, currency, counter, scope, tariff) VALUES ('attack', 'dayu-ip', 'USD', 'day', 'resource',
	'volume: flat 150 up to 10, flat 200 up to 20, flat 260 up to 30, flat 450 up to 40, flat 600 up to 50, flat 800 up to 60, flat 1200 up to 70, flat 1500 up to 80, flat 1700 up to 90, flat 1900 up to 100, flat 2100 up to 120, flat 2300 up to 150, flat 2700 up to 200, flat 4800 up to 250, flat 5600 up to 300, flat 6600 beyond');
-- Its forwarding is bandwidth in advance: 50 Mbps for 750, then 15 for each Mbps, up to 2 Gbps.
INSERT INTO billing.plan_option (plan, option, unit, least, most, step, required, changes) VALUES ('dayu-bandwidth', 'bandwidth', 'Mbps', 50, 2000, 1, true, 'increase');
INSERT INTO billing.plan_option_price (plan, option, currency, included, fee) VALUES ('dayu-bandwidth', 'bandwidth', 'USD', 50, 15);

-- ==== SCDN: plans of up to 36 months, and two parallel metrics (C20) ===================================================
-- 20 domains are included; up to 10 packs of 10 domains at 1000 a month are an option, and so end and renew with the plan;
-- fewer packs give nothing back.  Of Gbps and QPS the higher band counts; the basic plan has no elastic protection.
INSERT INTO billing.plan (plan, product, currency, fee, term, rank, max_terms) VALUES ('scdn-basic', 'scdn', 'CNY', 3800, '1 month', 1, 36), ('scdn-standard', 'scdn', 'CNY', 19680, '1 month', 2, 36);
INSERT INTO billing.plan_option (plan, option, unit, least, most, step, required, changes) SELECT p, 'packs', '10 domains', 0, 10, 1, false, 'at once' FROM unnest(ARRAY['scdn-basic', 'scdn-standard']) p;
INSERT INTO billing.plan_option_price (plan, option, currency, fee) SELECT p, 'packs', 'CNY', 1000 FROM unnest(ARRAY['scdn-basic', 'scdn-standard']) p;
INSERT INTO billing.price (meter, plan, currency, counter, scope, greatest_of, tariff) VALUES
	('attack', 'scdn-standard', 'CNY', 'day', 'resource', 'scdn elastic', 'volume: 0 up to 20, flat 1580 up to 30, flat 2780 up to 40, flat 3980 up to 50, flat 5180 up to 60, flat 8180 up to 70, flat 10180 up to 80, flat 11680 up to 100, flat 14680 up to 150, flat 16680 up to 200, flat 21680 up to 300, flat 24680 up to 500, flat 36680 beyond'),
	('cc', 'scdn-standard', 'CNY', 'day', 'resource', 'scdn elastic', 'volume: 0 up to 60000, flat 1580 up to 100000, flat 2780 up to 130000, flat 3980 up to 160000, flat 5180 up to 200000, flat 8180 up to 230000, flat 10180 up to 260000, flat 11680 up to 300000, flat 14680 up to 450000, flat 16680 up to 600000, flat 21680 up to 800000, flat 24680 up to 1000000, flat 36680 beyond'),
	('attack', 'scdn-basic', 'CNY', 'day', 'resource', '', 'graduated: 0 beyond'), ('cc', 'scdn-basic', 'CNY', 'day', 'resource', '', 'graduated: 0 beyond');

-- ==== CDN beside it: traffic that an attack of more than 10 Gbps has caused is waived ===================================
-- The service marks it with the property "attack"; it is counted, shown by billing.unbilled_usage, and never billed.
INSERT INTO billing.meter (meter, unit, aggregation, leaves_out) VALUES ('cdn_traffic', 'GB', 'sum', '{"attack": true}');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('cdn_traffic', 'CNY', 'graduated: 0.21 up to 2000, 0.20 up to 10000, 0.18 up to 50000, 0.15 up to 100000, 0.11 beyond');
