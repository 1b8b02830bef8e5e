-- Prices for a web server's log: a meter that counts requests and one that adds up bytes.
INSERT INTO billing.meter (meter, unit, aggregation) VALUES
	('requests', 'request', 'count'),
	('bytes', 'byte', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES
	('requests', 'USD', 'graduated per 1000: 10.00 up to 100, 8.00 up to 10000, 5.00 beyond'),
	('bytes', 'USD', 'graduated per GB: 9.00 up to 10 MB, 5.00 up to 1 GB, 2.00 beyond');
