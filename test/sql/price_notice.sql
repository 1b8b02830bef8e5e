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
-- a block that comes first: the price falls at a whole block, not at the bound
INSERT INTO billing.price (meter, region, currency, tariff) VALUES ('notice', 'first', 'USD', 'volume block 10 first: 2 up to 25, 1 beyond');
INSERT INTO billing.price (meter, region, currency, tariff) VALUES ('notice', 'down', 'USD', 'volume free 5 block 10 first round down bounds lower: 2 up to 25, 1 beyond');
INSERT INTO billing.price (meter, region, currency, tariff) VALUES ('notice', 'at once', 'USD', 'volume zero flat block 10 first: flat 5 up to 4, 0.1 beyond');
-- prices that are hardly any, tiers that are, and a first band that is the dearest
INSERT INTO billing.price (meter, region, currency, tariff) VALUES ('notice', 'small', 'USD', 'volume: 0.00000002 up to 0.0000001, 0.00000001 beyond');
INSERT INTO billing.price (meter, region, currency, tariff) VALUES ('notice', 'narrow', 'USD', 'volume: 2 up to 10, 1 up to 10.000000001');
INSERT INTO billing.price (meter, region, currency, tariff) VALUES ('notice', 'large', 'USD', 'volume: 2 up to 1000000000000000000000000000000, 1 beyond');
INSERT INTO billing.price (meter, region, currency, tariff) VALUES ('notice', 'band', 'USD', 'volume: flat 11280 up to 10, flat 2500 up to 20, flat 3000 beyond');
-- the end of a hard last tier is no fall, also where the next block is behind it
INSERT INTO billing.price (meter, region, currency, tariff) VALUES ('notice', 'end', 'USD', 'volume block 10 first: 1 up to 25, 1 up to 28');
ROLLBACK;
