-- A hundred accounts and a month of hourly usage, the same in every run.  Called by `make demo`.
\set ON_ERROR_STOP on
SELECT setseed(0.2015) \g /dev/null

CREATE TEMP TABLE customer AS
SELECT 1000 + n AS account_id,
	format('%s %s', (ARRAY['Aurora', 'Birch', 'Cobalt', 'Delta', 'Ember', 'Fjord', 'Garnet', 'Harbor', 'Iris', 'Juniper'])[1 + n % 10],
		(ARRAY['Video', 'Games', 'News', 'Shop', 'Maps', 'Music', 'Bank', 'Travel', 'School', 'Cloud'])[1 + n / 10 % 10]) AS name,
	(ARRAY['UTC', 'America/New_York', 'Europe/Berlin', 'Asia/Kolkata', 'Asia/Shanghai', 'Pacific/Auckland'])[1 + n % 6] AS time_zone,
	(ARRAY['CN', 'NA', 'EU', 'AP1', 'AP2', 'AP3', 'ME', 'AA', 'SA'])[1 + n % 9] AS region,
	-- from a blog to a streaming service: 100 MB to 100 GB an hour
	power(10, 8 + 3 * random()) AS bytes_an_hour
FROM generate_series(0, 99) n;

SELECT count(billing.open_account(name => name, currency => 'USD', account_id => account_id,
	time_zone => time_zone, credit_limit => 20000)) AS "accounts opened"
FROM customer;

-- Half of them pay in advance.  The key makes a repeated call harmless.
SELECT count(billing.top_up(account_id, round((50 + 950 * random())::numeric, 2), key => 'bank-' || account_id)) AS "top-ups"
FROM customer WHERE account_id % 2 = 0;

-- More by day than by night; one request for every 50 kB or so.
INSERT INTO billing.usage (account_id, meter, region, resource, event_time, event_key, quantity)
SELECT u.account_id, m.meter, u.region, 'www', u.hour + interval '30 minutes',
	to_char(u.hour, 'YYYY-MM-DD"T"HH24'), CASE m.meter WHEN 'edge_traffic' THEN u.bytes ELSE u.bytes / 50000 END
FROM (
	SELECT c.account_id, c.region, h AS hour,
		(c.bytes_an_hour * (0.5 + random()) * (1 + sin(extract(hour FROM h)::int / 24.0 * 2 * pi())) )::bigint AS bytes
	FROM customer c
	CROSS JOIN generate_series(:'start'::timestamptz, :'start'::timestamptz + interval '1 month' - interval '1 hour', interval '1 hour') h
	ORDER BY c.account_id, h
) u
CROSS JOIN (VALUES ('edge_traffic'), ('edge_requests')) m(meter)
ORDER BY u.hour, u.account_id;

SELECT count(*) AS "usage rows", count(DISTINCT account_id) AS accounts, min(event_time), max(event_time) FROM billing.usage;
