-- A real price table as a catalogue: what Tencent Cloud EdgeOne takes, in USD, for its plans, and for layer 7 traffic
-- and requests outside of them ("Fees for Out-of-plan Resource Usage (Pay-as-You-Go)"; 1 TB = 1000 GB).
-- What a customer does with it: docs/examples/edgeone_customer.sql.
--
--   psql -f docs/examples/edgeone.sql      after CREATE EXTENSION billing and billing.install()

INSERT INTO billing.meter (meter, unit, aggregation) VALUES
	('edge_traffic', 'byte', 'sum'),
	('edge_requests', 'request', 'sum');

-- Regions: mainland China, North America, Europe, Asia Pacific 1 to 3, Middle East, Africa, South America.
-- The tiers count what an account sent in a calendar month of its own time zone; each prices its own part.
INSERT INTO billing.price (meter, region, currency, tariff) VALUES
	('edge_traffic', 'CN', 'USD', 'graduated per GB: 0.0443 up to 2 TB, 0.0422 up to 10 TB, 0.0399 up to 50 TB, 0.0375 up to 100 TB, 0.0352 up to 500 TB, 0.0329 up to 1 PB, 0.0306 beyond'),
	('edge_traffic', 'NA', 'USD', 'graduated per GB: 0.0756 up to 2 TB, 0.0634 up to 10 TB, 0.0560 up to 50 TB, 0.0486 up to 100 TB, 0.0412 up to 500 TB, 0.0339 up to 1 PB, 0.0265 beyond'),
	('edge_traffic', 'EU', 'USD', 'graduated per GB: 0.0756 up to 2 TB, 0.0634 up to 10 TB, 0.0560 up to 50 TB, 0.0486 up to 100 TB, 0.0412 up to 500 TB, 0.0339 up to 1 PB, 0.0265 beyond'),
	('edge_traffic', 'AP1', 'USD', 'graduated per GB: 0.1097 up to 2 TB, 0.0977 up to 10 TB, 0.0930 up to 50 TB, 0.0882 up to 100 TB, 0.0834 up to 500 TB, 0.0787 up to 1 PB, 0.0739 beyond'),
	('edge_traffic', 'AP2', 'USD', 'graduated per GB: 0.1185 up to 2 TB, 0.1098 up to 10 TB, 0.1030 up to 50 TB, 0.0961 up to 100 TB, 0.0892 up to 500 TB, 0.0823 up to 1 PB, 0.0754 beyond'),
	('edge_traffic', 'AP3', 'USD', 'graduated per GB: 0.1229 up to 2 TB, 0.1170 up to 10 TB, 0.1093 up to 50 TB, 0.1017 up to 100 TB, 0.0940 up to 500 TB, 0.0863 up to 1 PB, 0.0786 beyond'),
	('edge_traffic', 'ME', 'USD', 'graduated per GB: 0.1286 up to 2 TB, 0.1183 up to 10 TB, 0.1075 up to 50 TB, 0.0967 up to 100 TB, 0.0859 up to 500 TB, 0.0751 up to 1 PB, 0.0643 beyond'),
	('edge_traffic', 'AA', 'USD', 'graduated per GB: 0.1286 up to 2 TB, 0.1183 up to 10 TB, 0.1075 up to 50 TB, 0.0967 up to 100 TB, 0.0859 up to 500 TB, 0.0751 up to 1 PB, 0.0643 beyond'),
	('edge_traffic', 'SA', 'USD', 'graduated per GB: 0.1286 up to 2 TB, 0.1183 up to 10 TB, 0.1075 up to 50 TB, 0.0967 up to 100 TB, 0.0859 up to 500 TB, 0.0751 up to 1 PB, 0.0643 beyond');

-- Requests cost the same everywhere: region '' (the default) is any region.
INSERT INTO billing.price (meter, currency, tariff) VALUES
	('edge_requests', 'USD', 'graduated per 10000: 0.0071 beyond');

-- Plans last from day T to day T of the next month; what they include is not carried over.  A month that lacks the day
-- spills over: 31 March to 1 May.  The downgrade of the policy "plan" needs the free one.
INSERT INTO billing.plan (plan, product, currency, fee, term, month_end, rank, expiry_policy) VALUES
	('free', 'edgeone', 'USD', 0, NULL, 'clamp', 0, NULL),
	('personal', 'edgeone', 'USD', 4.2, '1 month', 'spill', 1, 'plan'),
	('basic', 'edgeone', 'USD', 57, '1 month', 'spill', 2, 'plan'),
	('standard', 'edgeone', 'USD', 590, '1 month', 'spill', 3, 'plan');
INSERT INTO billing.plan_allowance (plan, meter, quantity) VALUES
	('personal', 'edge_traffic', 50e9), ('personal', 'edge_requests', 3e6),
	('basic', 'edge_traffic', 500e9), ('basic', 'edge_requests', 20e6),
	('standard', 'edge_traffic', 3e12), ('standard', 'edge_requests', 50e6);

-- Extra packages: 12 months, 5 % off for those that renew themselves.  Their prices are not printed; these are made up.
INSERT INTO billing.package_offer (offer, product, meter, size, term, price, currency, requires_plan, auto_renew_discount, month_end) VALUES
	('traffic-100GB', 'edgeone', 'edge_traffic', 100e9, '12 months', 6, 'USD', '{personal,basic,standard}', 0.05, 'spill'),
	('traffic-500GB', 'edgeone', 'edge_traffic', 500e9, '12 months', 28, 'USD', '{personal,basic,standard}', 0.05, 'spill');
