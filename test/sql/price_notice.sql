-- A price by which more usage costs less is taken, and a NOTICE says where.
SET TimeZone = 'UTC';
SELECT billing.install(start => '2020-01-01');
INSERT INTO billing.meter (meter, unit, aggregation) VALUES ('m', 'GB', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('m', 'USD', 'volume: 2 up to 10, 1 beyond');
INSERT INTO billing.price (meter, region, currency, tariff) VALUES ('m', 'EU', 'USD', 'volume free 5 bounds lower: 2 up to 10, 1.5 up to 40, 1.49 up to 50');
-- graduated prices, flats that close the gap, blocks
INSERT INTO billing.price (meter, region, currency, tariff) VALUES ('m', 'US', 'USD', 'graduated: 2 up to 10, 1 beyond'),
	('m', 'AP', 'USD', 'volume: 2 up to 10, flat 10 + 1 beyond'), ('m', 'SA', 'USD', 'volume block 3: 1 up to 10, 1 beyond');
SET client_min_messages = warning;
DROP SCHEMA billing CASCADE;
