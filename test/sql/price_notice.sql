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
ROLLBACK;
