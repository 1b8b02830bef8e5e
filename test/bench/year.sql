-- A year on the test clock: ACCOUNTS accounts (1,000 unless told otherwise), each with a plan that renews itself at an hour and
-- second of its own and a row of usage a day; one in three has packages that renew themselves.  Most have paid for the year, one
-- in ten pays late, one in fifty never again.  Usage comes after midnight; year_hourly.sql spreads it over the day, so
-- that no hour of the year is without.
\if :{?year_hours}
\else
\set year_hours 1
\endif
\set QUIET on
SET synchronous_commit = off;
SELECT billing.install(start => '2026-01-01');
INSERT INTO billing.meter VALUES ('traffic', 'GB', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('traffic', 'USD', 'graduated: 0.05 up to 100, 0.04 beyond');
INSERT INTO billing.plan (plan, currency, fee, term, expiry_policy) VALUES ('basic', 'USD', 5, '1 month', 'plan');
INSERT INTO billing.plan_allowance (plan, meter, quantity) VALUES ('basic', 'traffic', 50);
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency) VALUES ('P100', 'traffic', 100, '12 months', 4, 'USD');
SELECT billing.open_account(name => 'account ' || n, account_id => n, at => '2026-01-01') FROM generate_series(1, :year_accounts) n;
SELECT billing.top_up(n, CASE WHEN n % 50 = 0 THEN 20 WHEN n % 10 = 0 THEN 60 ELSE 500 END, at => '2026-01-01') FROM generate_series(1, :year_accounts) n;
SELECT billing.subscribe(n, 'basic', auto_renew => true, at => timestamptz '2026-01-01' + n % 720 * interval '1 hour 1 second')
FROM generate_series(1, :year_accounts) n;
SELECT billing.purchase_package(n, 'P100', auto_renew => true, at => '2026-01-01 00:00:01') FROM generate_series(1, :year_accounts, 3) n;
CREATE TABLE timed (run text, ms numeric);
ANALYZE;

-- Each month's usage and payments are there before its clock runs, and what autovacuum does in a month is done.  What is timed is
-- the clock.
SELECT format('INSERT INTO billing.usage (account_id, meter, event_time, event_key, quantity)
		SELECT n, ''traffic'', d + n %% %s * interval ''1 hour'' + n * interval ''1 second'', d::date || ''/'' || n, 1 + n %% 7
		FROM generate_series(1, %s) n, generate_series(%L::timestamptz, %L::timestamptz - interval ''1 day'', ''1 day'') d ORDER BY 3', :year_hours, :year_accounts, m, m + interval '1 month'),
	format('SELECT billing.top_up(s.account_id, 40 - s.balance, at => %L) FROM billing.account_state s WHERE s.state <> ''active'' AND s.account_id %% 50 <> 0', m),
	'VACUUM ANALYZE',
	format('INSERT INTO timed SELECT %L, -extract(epoch FROM clock_timestamp()) * 1000', m),
	format('CALL billing.run(%L)', m + interval '1 month'),
	format('UPDATE timed SET ms = ms + extract(epoch FROM clock_timestamp()) * 1000 WHERE run = %L', m)
FROM generate_series('2026-01-01'::timestamptz, '2026-12-01', '1 month') m \gexec
SELECT format('%s: %s s', to_char(run::timestamptz, 'YYYY-MM'), round(ms / 1000, 1)) FROM timed ORDER BY run;
SELECT format('%s hours settled, %s charges, %s steps, %s notices, %s invoices', (SELECT count(DISTINCT cycle) FROM billing.settlement), (SELECT count(*) FROM billing.charge),
	(SELECT count(*) FROM billing.lifecycle_step), (SELECT count(*) FROM billing.notice), (SELECT count(*) FROM billing.invoice));
SELECT format('BENCH|a year of %s accounts, usage in %s||%s||%s', to_char(:year_accounts, 'FM999,999,999'), CASE :year_hours WHEN 1 THEN 'one hour a day' ELSE 'each hour' END, round(sum(ms)),
	CASE WHEN :year_accounts = 1000 AND :year_hours = 1 THEN '< 60,000' END) FROM timed;
SELECT format('BROKEN: %s', v) FROM billing.verify() v LIMIT 10;
