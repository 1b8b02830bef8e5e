-- B1.1-2, B1.1-5, B1.1-6: a plan that is paid afterwards is a meter of the time that it is held: its fee is charged on the 1st, by the time used.
\ir setup.psql
SELECT billing.install(start => '2023-03-31');
INSERT INTO billing.meter (meter, unit, aggregation, time_unit) VALUES ('enterprise', 'plan-month', 'time_weighted', 'period'), ('ddos', 'instance-month', 'time_weighted', 'period');
INSERT INTO billing.meter (meter, unit, aggregation) VALUES ('traffic', 'GB', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('enterprise', 'USD', 'graduated: 6200 beyond'), ('ddos', 'USD', 'graduated: 3100 beyond');
INSERT INTO billing.price (meter, currency, tariff, post) VALUES ('traffic', 'USD', 'volume: 0.1 up to 100, 0.05 beyond', 'counter');
SELECT billing.open_account(name => 'a', account_id => n, credit_limit => 100000, time_zone => 'Asia/Shanghai', at => '2023-03-31') FROM generate_series(1, 2) n;
-- account 1 stops within May, account 2 begins in it
SELECT t.use(1, m, 1, '2023-04-01 00:00+08') FROM unnest(ARRAY['enterprise', 'ddos']) m;
SELECT t.use(1, m, 0, '2023-05-11 00:00+08') FROM unnest(ARRAY['enterprise', 'ddos']) m;
SELECT t.use(2, 'enterprise', 1, '2023-05-16 12:00+08');
SELECT t.use(1, 'traffic', 200, '2023-05-10 12:00+08');
CALL billing.run('2023-05-31 15:00+00');
SELECT is(t.charged(1, 'enterprise'), 6200.0, 'April is charged, May is not yet');
CALL billing.run('2023-05-31 17:00+00');
SELECT is(t.charged(1, 'enterprise'), 6200 + 2000.0, 'B1.1-6: stopped within the month, the fee is that of 10 of 31 days, on the 1st of the next');
SELECT is(t.charged(1, 'ddos'), 3100 + 1000.0, 'B1.1-6: so is the DDoS instance''s');
SELECT is(t.charged(1, 'traffic'), 10.0, 'B1.1-6, B1.2-13: everything else by use, at the tier that the month attains');
SELECT is(t.charged(2, 'enterprise'), 3100.0, 'begun within it, likewise: 15.5 of 31 days');
CALL billing.run('2023-06-30 17:00+00');
SELECT is(t.charged(1, 'enterprise'), 8200.0, 'and nothing more');
SELECT is(t.charged(2, 'enterprise'), 3100 + 6200.0, 'a whole month, the whole fee');
SELECT t.same($$SELECT period_start, sum(total) FROM billing.invoices WHERE account_id = 1 GROUP BY 1 ORDER BY 1$$, $$VALUES ('2023-03-31 16:00+00'::timestamptz, 9300.0), ('2023-04-30 16:00+00', 3010)$$, 'each on its month''s invoice');
SELECT t.verify_is_empty();
SELECT * FROM finish();
