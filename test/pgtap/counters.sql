-- Counter periods: hours are elapsed time, days and months calendar time in the account's zone.
\ir setup.psql
SELECT billing.install(start => '2020-01-01');
INSERT INTO billing.meter VALUES ('hourly', 'unit', 'sum'), ('daily', 'unit', 'sum'), ('monthly', 'unit', 'sum');
-- the first unit of each period costs 10
INSERT INTO billing.price (meter, currency, counter, tariff) VALUES
	('hourly', 'USD', 'hour', 'graduated: 10 up to 1, 1 beyond'),
	('daily', 'USD', 'day', 'graduated: 10 up to 1, 1 beyond'),
	('monthly', 'USD', 'month', 'graduated: 10 up to 1, 1 beyond');
SELECT billing.open_account(name => z, account_id => n, time_zone => z, at => '2020-01-01')
FROM unnest(ARRAY['UTC', 'Asia/Kolkata', 'America/New_York', 'America/Havana', 'Australia/Lord_Howe', 'Asia/Beirut']) WITH ORDINALITY u(z, n);

-- hours
SELECT t.use(1, 'hourly', 1, at::timestamptz) FROM unnest(ARRAY['2020-01-01 00:00', '2020-01-01 00:59:59.999999', '2020-01-01 01:00', '2020-01-01 02:30']) at;
SELECT t.use(2, 'hourly', 1, at::timestamptz) FROM unnest(ARRAY['2020-01-01 00:10', '2020-01-01 00:50']) at;
CALL billing.run('2020-01-02');
SELECT is(t.charged(1, 'hourly'), 31::numeric, 'an hour is [start, end): two units, one, one');
SELECT is(t.charged(2, 'hourly'), 11::numeric, 'in a zone that is half an hour off an hour is a UTC hour too');

-- a month that starts at half past the UTC hour: both its edges lie inside a cycle
SELECT t.use(2, 'monthly', 1, at::timestamptz) FROM unnest(ARRAY['2020-01-31 18:00', '2020-01-31 18:29:59.999999', '2020-01-31 18:30', '2020-01-31 18:59', '2020-02-29 18:29', '2020-02-29 18:30']) at;
SELECT t.use(1, 'monthly', 1, at::timestamptz) FROM unnest(ARRAY['2020-01-31 18:00', '2020-01-31 18:30', '2020-02-01']) at;
CALL billing.run('2020-02-02');
SELECT t.same('SELECT period_start, quantity, amount FROM billing.charges WHERE account_id = 2 AND meter = ''monthly'' ORDER BY 1',
	$$VALUES ('2019-12-31 18:30+00'::timestamptz, 2, 11), ('2020-01-31 18:30+00', 2, 11)$$, 'Asia/Kolkata: one cycle, two months');
SELECT is((SELECT count(DISTINCT cycle) FROM billing.charges WHERE account_id = 2 AND meter = 'monthly'), 1::bigint, 'of one and the same cycle');
SELECT t.same('SELECT period_start, sum(quantity), sum(amount) FROM billing.charges WHERE account_id = 1 AND meter = ''monthly'' GROUP BY 1 ORDER BY 1',
	$$VALUES ('2020-01-01 00:00+00'::timestamptz, 2, 11), ('2020-02-01', 1, 10)$$, 'UTC: the month starts at midnight');

-- days when clocks change: 23 hours, 25 hours, half an hour, at midnight
CREATE TABLE t.edge (account_id bigint, day_start timestamptz, day_end timestamptz, what text);
INSERT INTO t.edge VALUES
	(3, '2020-03-08 05:00', '2020-03-09 04:00', 'New York, 23 hours'),
	(3, '2020-11-01 04:00', '2020-11-02 05:00', 'New York, 25 hours'),
	(4, '2020-03-08 05:00', '2020-03-09 04:00', 'Havana, no midnight'),
	(4, '2020-11-01 04:00', '2020-11-02 05:00', 'Havana, midnight twice'),
	(5, '2020-04-04 13:00', '2020-04-05 13:30', 'Lord Howe, half an hour more'),
	(5, '2020-10-03 13:30', '2020-10-04 13:00', 'Lord Howe, half an hour less'),
	(6, '2020-03-28 22:00', '2020-03-29 21:00', 'Beirut, no midnight');
SELECT t.use(account_id, 'daily', 1, at) FROM t.edge, unnest(ARRAY[day_start, day_start + '3 hours', day_end - interval '1 microsecond', day_end]) at WHERE day_start < '2020-06-01';
CALL billing.run('2020-08-01');	-- partitions reach three months ahead of the clock
SELECT t.use(account_id, 'daily', 1, at) FROM t.edge, unnest(ARRAY[day_start, day_start + '3 hours', day_end - interval '1 microsecond', day_end]) at WHERE day_start > '2020-06-01';
CALL billing.run('2020-12-01');
SELECT t.same(format($$SELECT quantity, amount FROM (SELECT sum(quantity) AS quantity, sum(amount) AS amount, min(period_start) AS at FROM billing.charges
		WHERE account_id = %s AND meter = 'daily' AND period_start = %L) c$$, account_id, day_start), 'VALUES (3::numeric, 12::numeric)', what)
FROM t.edge ORDER BY account_id, day_start;
SELECT t.same('SELECT account_id, period_start, quantity FROM billing.charges WHERE meter = ''daily'' AND quantity = 1 AND amount = 10 AND period_start IN (SELECT day_end FROM t.edge) ORDER BY 1, 2',
	'SELECT account_id, day_end, 1 FROM t.edge ORDER BY 1, 2', 'the end belongs to the next day');

-- period_of: from end to end the periods leave no gap, whatever the clocks do
CREATE FUNCTION t.walk(counter text, zone text, start timestamptz, steps int) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	at timestamptz := start; p record; q record;
BEGIN
	SELECT * INTO p FROM billing.period_of(counter, at, zone);
	FOR i IN 1 .. steps LOOP
		IF NOT (p.period_start <= at AND at < p.period_end) THEN RETURN format('%s is not in %s', at, p); END IF;
		FOR q IN SELECT o.* FROM unnest(ARRAY[p.period_start, p.period_start + (p.period_end - p.period_start) / 2, p.period_end - interval '1 microsecond']) x,
				billing.period_of(counter, x, zone) o LOOP
			IF q IS DISTINCT FROM p THEN RETURN format('%s is not %s', q, p); END IF;
		END LOOP;
		IF date_trunc(counter, p.period_start AT TIME ZONE zone) = date_trunc(counter, (p.period_start - interval '1 microsecond') AT TIME ZONE zone)
			AND counter = 'month' THEN RETURN format('%s is inside a %s', p.period_start, counter); END IF;
		at := p.period_end;
		SELECT * INTO q FROM billing.period_of(counter, at, zone);
		IF q.period_start <> at THEN RETURN format('gap between %s and %s', p, q); END IF;
		p := q;
	END LOOP;
	RETURN NULL;
END
$$;
SELECT is(t.walk(c.counter, z, '2010-06-15 12:34', c.steps), NULL, format('%s in %s', c.counter, z))
FROM (VALUES ('day', 900), ('month', 150)) c(counter, steps),
	unnest(ARRAY['UTC', 'Asia/Kolkata', 'America/New_York', 'America/Sao_Paulo', 'America/Havana', 'Asia/Beirut', 'Asia/Tehran',
		'Australia/Lord_Howe', 'Africa/Casablanca', 'Antarctica/Troll', 'Pacific/Apia', 'Pacific/Chatham', 'Asia/Gaza', 'America/Caracas']) z;
SELECT t.same($$SELECT * FROM billing.period_of('hour', '2020-01-01 05:45', 'Asia/Kolkata')$$,
	$$VALUES ('2020-01-01 05:00+00'::timestamptz, '2020-01-01 06:00+00'::timestamptz)$$, 'an hour is elapsed time');
SELECT t.verify_is_empty();
SELECT * FROM finish();
