-- B1.5-51: usage caps.  Thresholds on usage, not on bills: the first that is reached stops the service, with a delay whose usage is billed.
\ir setup.psql
SELECT billing.install(start => '2023-01-01');
INSERT INTO billing.meter (meter, unit, aggregation, leaves_out) VALUES ('traffic', 'GB', 'sum', '{"attack": true}'), ('requests', 'request', 'count', NULL),
	('peak', 'Gbps', 'max', NULL), ('unpriced', 'GB', 'sum', NULL), ('seats', 'seat', 'last', NULL), ('p95', 'Mbps', 'percentile', NULL);
INSERT INTO billing.price (meter, currency, tariff, post) SELECT m, 'USD', 'graduated: 1 beyond', 'cycle' FROM unnest(ARRAY['traffic', 'requests', 'peak']) m;
SELECT billing.open_account(name => 'a', account_id => n, at => '2023-01-01', credit_limit => 100000, time_zone => CASE WHEN n = 2 OR n > 20 THEN 'Asia/Kolkata' ELSE 'UTC' END)
FROM generate_series(1, 30) n;
INSERT INTO billing.resource (account_id, resource, kind, state, since, added_at)
SELECT n, r, 'domain', 'active', '2023-01-01', '2023-01-01' FROM generate_series(1, 30) n, unnest(ARRAY['www', 'api']) r;

CREATE FUNCTION t.counts(account_id bigint) RETURNS TABLE (cap_id bigint, period_start timestamptz, quantity numeric, reached_at timestamptz) LANGUAGE sql STABLE AS
$$ SELECT n.cap_id, n.period_start, n.quantity, n.reached_at FROM billing.usage_cap_count n WHERE n.account_id = counts.account_id ORDER BY 1, 2 $$;
CREATE FUNCTION t.states(account_id bigint) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT string_agg(concat_ws(' ', r.resource, r.state, r.held_by), ', ' ORDER BY r.resource) FROM billing.resource r WHERE r.account_id = states.account_id $$;
CREATE FUNCTION t.enable(account_id bigint, at timestamptz) RETURNS SETOF void LANGUAGE sql AS
$$ SELECT billing.enable_resource(r.account_id, r.resource, at => enable.at) FROM billing.resource r WHERE r.account_id = enable.account_id AND r.state = 'suspended' $$;

-- equality reaches it; the resource is suspended from the cycle's end; what it uses then is billed as usual
SELECT is(billing.set_usage_cap(1, 'traffic', 10, 'suspend', 'day', 'www', at => '2023-01-01 00:00'), 1::bigint, 'a cap has a number');
SELECT t.use(1, 'traffic', q, at::timestamptz, r) FROM (VALUES (4, '2023-01-01 00:10', 'www'), (50, '2023-01-01 00:10', 'api'), (5.999, '2023-01-01 01:10', 'www')) u(q, at, r);
CALL billing.run('2023-01-01 02:00');
SELECT is(t.states(1), 'api active, www active', 'B1.5-51: nothing happens below it, and another resource does not count');
SELECT t.use(1, 'traffic', 0.001, '2023-01-01 02:10', 'www');
CALL billing.run('2023-01-01 03:00');
SELECT is(t.states(1), 'api active, www suspended cap 1', 'B1.5-51: equality reaches it, and the resource is suspended');
SELECT t.same('SELECT since FROM billing.resource WHERE held_by IS NOT NULL', $$VALUES ('2023-01-01 03:00+00'::timestamptz)$$, 'from the end of the settled cycle');
SELECT t.same($$SELECT kind, subject, subject_id, cause, facts ->> 'used', facts ->> 'cap', at FROM billing.notice$$,
	$$VALUES ('cap_reached', 'resource', 'www', 'cap 1, window 2023-01-01 00:00:00+00', '10.000', '10', '2023-01-01 03:00+00'::timestamptz)$$, 'the customer is told');
SELECT is((SELECT text FROM billing.claim_notices(at => '2023-01-01 03:00')), 'Usage of traffic has reached the cap of 10 GB: it was 10.000 GB at 2023-01-01T03:00:00+00:00.', 'in words');
SELECT t.same($$SELECT subject, subject_id, step, action, at, reason FROM billing.lifecycle_step$$,
	$$VALUES ('resource', 'www', NULL::integer, 'suspend', '2023-01-01 03:00+00'::timestamptz, 'cap 1 of meter "traffic" is reached')$$, 'and history knows');
SELECT t.use(1, 'traffic', 7, '2023-01-01 03:10', 'www');
CALL billing.run('2023-01-01 04:00');
SELECT is(t.charged(1), 67::numeric, 'B1.5-51: usage until it takes effect, and after, is billed');
SELECT t.same('SELECT * FROM t.counts(1)', $$VALUES (1, '2023-01-01 00:00+00'::timestamptz, 17, '2023-01-01 03:00+00'::timestamptz)$$, 'and counted');
SELECT t.same('SELECT cap_id, used, remaining, unit, period_start, reached_at FROM billing.usage_caps',
	$$VALUES (1, 17, 0, 'GB', '2023-01-01 00:00+00'::timestamptz, '2023-01-01 03:00+00'::timestamptz)$$, 'as the view shows');
SELECT t.enable(1, '2023-01-01 04:30');
SELECT t.use(1, 'traffic', 20, '2023-01-01 05:10', 'www');
CALL billing.run('2023-01-01 06:00');
SELECT is(t.states(1), 'api active, www active', 'once a window: a resource that is brought back stays');
SELECT is((SELECT count(*) FROM billing.notice), 1::bigint, 'and nobody is told twice');
SELECT t.use(1, 'traffic', 10, '2023-01-02 05:10', 'www');
CALL billing.run('2023-01-02 06:00');
SELECT is(t.states(1), 'api active, www suspended cap 1', 'the next window counts from 0, and is reached again');
CALL billing.run('2023-01-04');
SELECT is(t.states(1), 'api active, www suspended cap 1', 'a new window brings nothing back');
SELECT is((SELECT count(*) FROM billing.notice WHERE account_id = 1), 2::bigint, 'two windows, two notices');

-- windows are those of the account's zone, by event_time, also where their end cuts a cycle; an hour is a UTC hour
SELECT billing.set_usage_cap(2, 'traffic', 100, 'notify', p, r, at => '2023-01-04 00:00') FROM (VALUES ('day', 'www'), ('month', NULL), ('hour', 'www'), ('', 'www')) v(p, r);
SELECT t.use(2, 'traffic', 1, '2023-01-04 00:10', 'www');
CALL billing.run('2023-01-04 01:00');
SELECT t.use(2, 'traffic', q, at::timestamptz, 'www') FROM (VALUES (60, '2023-01-04 18:29:59.999999'), (20, '2023-01-04 18:30'), (100, '2023-01-04 19:10')) u(q, at);
CALL billing.run('2023-01-04 20:00');
SELECT t.same('SELECT c.period, n.period_start, n.quantity, n.reached_at FROM t.counts(2) n JOIN billing.usage_cap c USING (cap_id) ORDER BY 1, 2', $$VALUES
	('', '-infinity'::timestamptz, 181, '2023-01-04 20:00+00'::timestamptz), ('day', '2023-01-03 18:30+00', 61, NULL), ('day', '2023-01-04 18:30+00', 120, '2023-01-04 20:00+00'),
	('hour', '2023-01-04 00:00+00', 1, NULL), ('hour', '2023-01-04 18:00+00', 80, NULL), ('hour', '2023-01-04 19:00+00', 100, '2023-01-04 20:00+00'),
	('month', '2022-12-31 18:30+00', 181, '2023-01-04 20:00+00')$$, 'hour, day, month and for ever');

-- late usage counts in its own window
SELECT t.use(2, 'traffic', 39, '2023-01-04 18:20', 'www');
SELECT t.use(2, 'traffic', 2, '2023-01-02 18:20', 'www');
CALL billing.run('2023-01-05 01:00');
SELECT t.same($$SELECT n.period_start, n.quantity, n.reached_at FROM t.counts(2) n JOIN billing.usage_cap c USING (cap_id) WHERE c.period = 'day' ORDER BY 1$$, $$VALUES
	('2023-01-03 18:30+00'::timestamptz, 100, (SELECT max(at) FROM billing.notice)), ('2023-01-04 18:30+00', 120, '2023-01-04 20:00+00')$$, 'its own window is reached, and one before the cap was set is not counted');
SELECT is((SELECT count(*) FROM billing.notice WHERE account_id = 2), 6::bigint, 'each cap and window has its notice');

-- the whole account: one counter for all resources and regions; all of its active resources are suspended
UPDATE billing.resource SET state = 'provisioning' WHERE account_id = 3 AND resource = 'api';
INSERT INTO billing.resource (account_id, resource, kind, state, since, held_by, added_at) VALUES (3, 'dns', 'domain', 'active', '2023-01-01', NULL, '2023-01-01'),
	(3, 'old', 'domain', 'released', '2023-01-01', NULL, '2023-01-01'), (3, 'res', 'domain', 'restricted', '2023-01-01', 'account', '2023-01-01');
SELECT billing.set_usage_cap(3, 'traffic', 10, 'suspend', 'month', at => '2023-01-05 01:00');
SELECT billing.set_usage_cap(3, 'requests', 3, 'notify', 'month', at => '2023-01-05 01:00');
SELECT billing.set_usage_cap(3, 'peak', 8, 'notify', 'month', at => '2023-01-05 01:00');
SELECT t.use(3, m, q, '2023-01-05 02:10', r, region) FROM unnest(ARRAY['traffic', 'requests', 'peak']) m, (VALUES (4, 'www', 'EU'), (5, 'api', 'US')) u(q, r, region);
CALL billing.run('2023-01-05 03:00');
SELECT is((SELECT count(*) FROM billing.notice WHERE account_id = 3), 0::bigint, 'below, all of them');
SELECT t.use(3, m, q, '2023-01-05 03:10', 'www', 'US') FROM (VALUES ('traffic', 1), ('requests', 0), ('peak', 8)) u(m, q);
CALL billing.run('2023-01-05 04:00');
SELECT t.same('SELECT c.meter, n.quantity, n.reached_at FROM t.counts(3) n JOIN billing.usage_cap c USING (cap_id) ORDER BY 1', $$VALUES ('peak', 8, '2023-01-05 04:00+00'::timestamptz),
	('requests', 3, '2023-01-05 04:00+00'), ('traffic', 10, '2023-01-05 04:00+00')$$, 'B1.5-51: traffic, requests and bandwidth; regions and resources share one counter');
SELECT is(t.states(3), format('api provisioning, dns suspended %1$s, old released, res restricted account, www suspended %1$s',
	(SELECT 'cap ' || cap_id FROM billing.usage_cap WHERE account_id = 3 AND meter = 'traffic')), 'every active resource, and no other');
SELECT t.same($$SELECT DISTINCT subject, subject_id FROM billing.notice WHERE account_id = 3$$, $$VALUES ('account', '3')$$, 'the notice is about the account');

-- monitoring data: covered and unpriced usage counts, what a meter leaves out does not; a package that renews itself counts once
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, auto_renew_discount) VALUES ('T10', 'traffic', 10, '12 months', 5, 'USD', 0);
SELECT billing.purchase_package(n, 'T10', auto_renew => n = 5, at => '2023-01-05 04:00') FROM generate_series(4, 5) n;
SELECT billing.set_usage_cap(n, m, 1000, 'notify', 'month', at => '2023-01-05 04:00') FROM generate_series(4, 5) n, unnest(ARRAY['traffic', 'unpriced']) m;
SELECT t.use(n, m, 1, '2023-01-05 04:10', 'www') FROM generate_series(4, 5) n, unnest(ARRAY['traffic', 'unpriced']) m;
CALL billing.run('2023-01-05 05:00');
SELECT t.use(n, m, 13, '2023-01-05 05:10', 'www') FROM generate_series(4, 5) n, unnest(ARRAY['traffic', 'unpriced']) m;
SELECT billing.record_usage(n, 'traffic', 500, 'attack', '2023-01-05 05:10', '', 'www', '{"attack": true}') FROM generate_series(4, 5) n;
CALL billing.run('2023-01-05 06:00');
SELECT t.same('SELECT account_id, count(*) FROM billing.package GROUP BY 1 ORDER BY 1', 'VALUES (4, 1), (5, 2)', '(one of them has renewed its package)');
SELECT t.same('SELECT account_id, meter, used FROM billing.usage_caps WHERE account_id IN (4, 5) ORDER BY 1, 2', $$VALUES (4, 'traffic', 14), (4, 'unpriced', 14), (5, 'traffic', 14), (5, 'unpriced', 14)$$,
	'B1.5-51: monitoring data, not bills');
SELECT lives_ok($$INSERT INTO billing.price (meter, currency, tariff) VALUES ('unpriced', 'USD', 'graduated: 1 beyond')$$);
SELECT t.use(5, 'unpriced', 1, '2023-01-05 06:10', 'www');
CALL billing.run('2023-01-05 07:00');
SELECT is((SELECT used FROM billing.usage_caps WHERE account_id = 5 AND meter = 'unpriced'), 15::numeric, 'what is rated later is not counted again');
SELECT is((SELECT count(*) FROM billing.unrated), 0::bigint, '(it was rated)');

-- a cap counts all of the window in which it was set; a new one of its key takes its place
SELECT t.use(6, 'traffic', 50, '2023-01-05 07:10', 'www');
CALL billing.run('2023-01-05 08:00');
SELECT billing.set_usage_cap(6, 'traffic', 100, 'suspend', 'day', 'www', at => '2023-01-05 08:30') AS first \gset
SELECT is(billing.set_usage_cap(6, 'traffic', 100.0, 'suspend', 'day', 'www', at => '2023-01-05 08:31'), :first::bigint, 'the same cap again is the same cap');
SELECT t.verify_is_empty();
SELECT t.use(6, 'traffic', 25, '2023-01-05 08:10', 'www');
CALL billing.run('2023-01-05 09:00');
SELECT t.same('SELECT quantity, reached_at FROM t.counts(6)', 'VALUES (75, NULL::timestamptz)', 'what was used before it was set counts');
SELECT billing.set_usage_cap(6, 'traffic', 60, 'suspend', 'day', 'www', at => '2023-01-05 09:30') AS second \gset
SELECT isnt(:second::bigint, :first::bigint, 'another quantity is another cap');
SELECT t.same('SELECT cap_id, removed_at FROM billing.usage_cap WHERE account_id = 6 ORDER BY 1', format('VALUES (%s, %L::timestamptz), (%s, NULL)', :first, '2023-01-05 09:30+00', :second), 'in place of the old one');
SELECT t.use(6, 'traffic', 1, '2023-01-05 09:40', 'api');
CALL billing.run('2023-01-05 10:00');
SELECT is(t.states(6), 'api active, www suspended cap ' || :second, 'one that is below what was used is reached at the next settlement');
SELECT t.enable(6, '2023-01-05 10:10');
SELECT billing.set_usage_cap(6, 'traffic', 200, 'suspend', 'day', 'www', at => '2023-01-05 10:20') AS third \gset
SELECT t.use(6, 'traffic', 100, '2023-01-05 10:30', 'www');
CALL billing.run('2023-01-05 11:00');
SELECT t.same('SELECT * FROM t.counts(6)', format($$VALUES (%s, '2023-01-05 00:00+00'::timestamptz, 75, NULL::timestamptz), (%s, '2023-01-05 00:00+00', 75, '2023-01-05 10:00+00'), (%s, '2023-01-05 00:00+00', 175, NULL)$$, :first, :second, :third),
	'a higher one goes on where the window stands; the counters of the old ones stay');
SELECT is(billing.set_usage_cap(6, 'traffic', 5, 'notify', 'day', 'www', at => '2023-01-05 11:10') > :third, true, 'a cap that only tells stands beside one that suspends');
SELECT is(billing.set_usage_cap(6, 'traffic', NULL, 'suspend', 'day', 'www', at => '2023-01-05 11:20'), :third::bigint, 'NULL removes a cap, and says which');
SELECT t.use(6, 'traffic', 100, '2023-01-05 11:30', 'www');
CALL billing.run('2023-01-05 12:00');
SELECT is(t.states(6), 'api active, www active', 'one that was removed does nothing');
SELECT is((SELECT quantity FROM t.counts(6) WHERE cap_id = :third), 175::numeric, 'and counts nothing');
SELECT is(billing.set_usage_cap(6, 'traffic', 300, 'suspend', 'day', 'www', key => 'k', at => '2023-01-05 12:10'), billing.set_usage_cap(6, 'traffic', 300, 'suspend', 'day', 'www', key => 'k', at => '2023-01-05 12:20'),
	'a repeated call gets the first answer');

-- what became active after the instant is left alone, however late the cycle is settled
SELECT billing.set_usage_cap(7, 'traffic', 10, 'suspend', 'day', at => '2023-01-05 12:00');
SELECT t.use(7, 'traffic', 10, '2023-01-05 12:10', 'www');
UPDATE billing.resource SET since = '2023-01-05 13:00:00.000001' WHERE account_id = 7 AND resource = 'api';
CALL billing.run('2023-01-05 14:00');
SELECT matches(t.states(7), '^api active, www suspended cap', 'late settling suspends what punctual settling would have');

-- an account in quarantine is counted when it is settled
INSERT INTO billing.meter (meter, unit, aggregation) VALUES ('hard', 'GB', 'sum');
INSERT INTO billing.price (meter, currency, tariff, account_id) VALUES ('hard', 'USD', 'graduated: 1 up to 5', 8);
SELECT billing.set_usage_cap(n, 'traffic', 10, 'suspend', 'day', at => '2023-01-05 14:00') FROM generate_series(8, 9) n;
SELECT t.use(n, 'traffic', 4, '2023-01-05 14:10', 'www') FROM generate_series(8, 9) n;
CALL billing.run('2023-01-05 15:00');
SELECT t.use(8, 'hard', 6, '2023-01-05 15:10', 'www');
SELECT t.use(n, 'traffic', 5, '2023-01-05 15:10', 'www') FROM generate_series(8, 9) n;
CALL billing.run('2023-01-05 16:00');
SELECT billing.set_usage_cap(n, 'requests', 10, 'notify', 'day', at => '2023-01-05 16:00') FROM generate_series(8, 9) n;
SELECT t.use(n, m, 1, '2023-01-05 16:10', 'www') FROM generate_series(8, 9) n, unnest(ARRAY['traffic', 'requests']) m;
CALL billing.run('2023-01-05 17:00');
SELECT t.same('SELECT account_id, meter, used, reached_at IS NOT NULL FROM billing.usage_caps WHERE account_id IN (8, 9) ORDER BY 1, 2',
	$$VALUES (8, 'requests', 0, false), (8, 'traffic', 4, false), (9, 'requests', 1, false), (9, 'traffic', 10, true)$$, 'not while it is there');
SELECT t.verify_is_empty();
INSERT INTO billing.price (meter, currency, tariff, account_id, valid_from) VALUES ('hard', 'USD', 'graduated: 1 beyond', 8, '2023-01-05 15:00');
SELECT t.use(9, 'requests', 1, '2023-01-05 17:10', 'www');
CALL billing.run('2023-01-05 18:00');
SELECT t.same('SELECT account_id, meter, used, reached_at FROM billing.usage_caps WHERE account_id IN (8, 9) ORDER BY 1, 2',
	$$VALUES (8, 'requests', 1, NULL::timestamptz), (8, 'traffic', 10, '2023-01-05 17:00+00'), (9, 'requests', 2, NULL), (9, 'traffic', 10, '2023-01-05 17:00+00')$$, 'and then as if it never had been');
SELECT t.same('SELECT state, since FROM billing.resource WHERE account_id = 8', 'SELECT state, since FROM billing.resource WHERE account_id = 9', 'at the same instant');

-- bad input changes nothing
CREATE TABLE t.before AS SELECT * FROM t.snapshot();
SELECT t.refuses($$SELECT billing.set_usage_cap(99, 'traffic', 1, 'notify', 'day')$$, 'UB001', '99', 'an unknown account');
SELECT t.refuses($$SELECT billing.set_usage_cap(10, 'nosuch', 1, 'notify', 'day')$$, 'UB002', 'nosuch', 'an unknown meter');
SELECT t.refuses($$SELECT billing.set_usage_cap(10, 'traffic', 1, 'stop', 'day')$$, 'UB062', 'stop', 'an unknown action');
SELECT t.refuses($$SELECT billing.set_usage_cap(10, 'traffic', 1, NULL, 'day')$$, 'UB062', 'NULL', 'no action');
SELECT t.refuses($$SELECT billing.set_usage_cap(10, 'traffic', 1, 'notify', 'week')$$, 'UB063', 'week', 'an unknown period');
SELECT t.refuses($$SELECT billing.set_usage_cap(10, 'traffic', 1, 'notify', NULL)$$, 'UB063', 'NULL', 'no period');
SELECT t.refuses(format($$SELECT billing.set_usage_cap(10, 'traffic', %L, 'notify', 'day')$$, q), 'UB064', q, 'a quantity of ' || q) FROM unnest(ARRAY['0', '-1', 'NaN', 'Infinity']) q;
SELECT t.refuses(format($$SELECT billing.set_usage_cap(10, %L, 1, 'notify', 'day')$$, m), 'UB065', m, m || ' can not be counted') FROM unnest(ARRAY['seats', 'p95']) m;
SELECT t.refuses(format($$SELECT billing.set_usage_cap(%s, 'traffic', 1, 'notify', 'day', %L)$$, n, r), 'UB050', r, 'unknown, nobody''s or released') FROM (VALUES (10, 'dns'), (3, 'old'), (10, '')) u(n, r);
SELECT t.refuses($$SELECT billing.set_usage_cap(10, 'traffic', NULL, 'notify', 'day')$$, 'UB066', 'traffic', 'there is no such cap');
SELECT t.refuses($$SELECT billing.set_usage_cap(6, 'traffic', NULL, 'suspend', 'day')$$, 'UB066', 'traffic', 'that of a resource is not that of the account');
SELECT t.refuses($$SELECT billing.set_usage_cap(6, 'traffic', 301, 'suspend', 'day', 'www', key => 'k')$$, 'UB004', 'k', 'a key of another call');
SELECT t.refuses($$SELECT billing.set_usage_cap(10, 'traffic', 1, 'notify', 'day', at => 'infinity')$$, '22023', 'infinity', 'no instant');
SELECT t.same('SELECT * FROM t.snapshot()', 'SELECT * FROM t.before', 'nothing has changed');

-- many caps, in two zones, counted cycle by cycle, with usage of all windows that comes late; told in one query
SELECT t.use(11 + n % 20, m, n % 7, '2023-01-06'::timestamptz + n * interval '7 minutes', CASE n % 3 WHEN 0 THEN 'www' WHEN 1 THEN 'api' ELSE '' END, CASE n % 2 WHEN 0 THEN 'EU' ELSE '' END)
FROM generate_series(0, 600) n, unnest(ARRAY['traffic', 'requests', 'peak']) m;
SELECT billing.set_usage_cap(n, m, 25, 'notify', p, r, at => '2023-01-06') FROM generate_series(11, 30) n, unnest(ARRAY['traffic', 'requests', 'peak']) m, unnest(ARRAY['hour', 'day', 'month', '']) p, unnest(ARRAY['www', NULL]) r;
CALL billing.run('2023-01-07 12:00');
SELECT t.use(11 + n % 20, m, n % 5 + 20, '2023-01-06'::timestamptz + n * interval '11 minutes', 'www') FROM generate_series(0, 200) n, unnest(ARRAY['traffic', 'requests', 'peak']) m;
CALL billing.run('2023-01-10');
CREATE VIEW t.counted AS SELECT c.account_id, c.meter, c.resource, c.period, c.action, n.period_start, n.quantity FROM billing.usage_cap_count n JOIN billing.usage_cap c USING (account_id, cap_id) WHERE account_id > 10;
SELECT t.same('SELECT * FROM t.counted ORDER BY 1, 2, 3, 4, 5, 6',
	$$SELECT c.account_id, c.meter, c.resource, c.period, c.action,
		CASE c.period WHEN '' THEN '-infinity' ELSE date_trunc(c.period, u.event_time AT TIME ZONE CASE c.period WHEN 'hour' THEN 'UTC' ELSE a.time_zone END)
			AT TIME ZONE CASE c.period WHEN 'hour' THEN 'UTC' ELSE a.time_zone END END,
		CASE c.meter WHEN 'traffic' THEN sum(u.quantity) WHEN 'requests' THEN count(*) ELSE max(u.quantity) END
	FROM billing.usage_cap c JOIN billing.account a USING (account_id) JOIN billing.usage u USING (account_id, meter)
	WHERE c.account_id > 10 AND (c.resource IS NULL OR c.resource = u.resource) GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6$$, 'counters are what the usage says');
SELECT cmp_ok((SELECT count(*) FROM t.counted), '>', 1000::bigint, '(of many windows)');
SELECT t.same($$SELECT count(*) FROM billing.notice WHERE account_id > 10$$, $$SELECT count(*) FROM billing.usage_cap_count WHERE account_id > 10 AND quantity >= 25$$, 'a notice for each that is reached');
SELECT isnt((SELECT count(*) FROM billing.notice WHERE account_id > 10), 0::bigint, '(some are)');

SELECT t.verify_is_empty();
-- and verify() would know
UPDATE billing.usage_cap_count SET quantity = quantity + 0.5 WHERE account_id = 1 AND period_start = '2023-01-01';
SELECT t.same('SELECT problem, account_id FROM billing.verify()', $$VALUES ('cap and usage', 1)$$, 'a wrong counter');
UPDATE billing.usage_cap_count SET quantity = quantity - 0.5, reached_at = NULL WHERE account_id = 1 AND period_start = '2023-01-01';
SELECT t.same('SELECT problem, account_id FROM billing.verify()', $$VALUES ('cap and action', 1)$$, 'one that was reached without effect');
UPDATE billing.usage_cap_count SET reached_at = '2023-01-01 03:00' WHERE account_id = 1 AND period_start = '2023-01-01';
UPDATE billing.resource SET held_by = 'cap 2' WHERE account_id = 1 AND resource = 'www';
SELECT t.same('SELECT problem, account_id FROM billing.verify()', $$VALUES ('cap and resource', 1)$$, 'a resource that is held by no cap of its own');
SELECT * FROM finish();
