-- A price by which more usage costs less is taken, and a NOTICE says where.
SET TimeZone = 'UTC';
BEGIN;
SELECT billing.install(start => '2020-01-01') WHERE to_regclass('billing.installation') IS NULL \g /dev/null
INSERT INTO billing.meter (meter, unit, aggregation) VALUES ('notice', 'GB', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('notice', 'USD', 'volume: 2 up to 10, 1 beyond');
INSERT INTO billing.price (meter, region, currency, tariff) VALUES ('notice', 'EU', 'USD', 'volume free 5 bounds lower: 2 up to 10, 1.5 up to 40, 1.49 up to 50');
-- graduated prices, flats that close the gap, blocks
INSERT INTO billing.price (meter, region, currency, tariff) VALUES ('notice', 'US', 'USD', 'graduated: 2 up to 10, 1 beyond'),
	('notice', 'AP', 'USD', 'volume: 2 up to 10, flat 10 + 1 beyond'), ('notice', 'SA', 'USD', 'volume block 3: 1 up to 10, 1 beyond');
-- blocks that come before the tiers end one below the bound, or begin one above it
INSERT INTO billing.price (meter, region, currency, tariff) VALUES ('notice', 'block first', 'USD', 'volume block 10 first: 1 up to 15, 0.4 beyond');
INSERT INTO billing.price (meter, region, currency, tariff) VALUES ('notice', 'block down first', 'USD', 'volume block 10 first round down: 1 up to 15, 0.4 beyond');
INSERT INTO billing.price (meter, region, currency, tariff) VALUES ('notice', 'block first, lower', 'USD', 'volume free 7 bounds lower block 10 first: 1 up to 20, 0.4 up to 30');
-- where nothing that is more costs as much; a tier that is narrow for its bounds; a minimum that hides a fall
INSERT INTO billing.price (meter, region, currency, tariff) VALUES ('notice', 'for nothing', 'USD', 'volume: flat 180 up to 10, 0 beyond');
INSERT INTO billing.price (meter, region, currency, tariff) VALUES ('notice', 'narrow', 'USD', 'volume: 2 up to 1T, 3 up to 1000000000000.5'), ('notice', 'min', 'USD', 'volume min 20: 2 up to 10, 1 beyond');
INSERT INTO billing.price (meter, region, currency, tariff) VALUES ('notice', 'narrow fall', 'USD', 'volume: 2 up to 1T, 1 up to 1000000000000.5, 3 beyond');
-- a tariff has no holes: each tier begins where the one before it ends
\set VERBOSITY terse
INSERT INTO billing.price (meter, region, currency, tariff) VALUES ('notice', 'hole', 'USD', 'graduated: 2 up to 10, 1 up to 5, 1 beyond');
ROLLBACK;
