-- A counter that closes with its cycle is posted by it, unless an invoice ends inside of the cycle.
\ir setup.psql
SELECT billing.install(start => '2020-01-01');
-- an hour in which a month ends is charged at its own end, when that month's invoice is made
INSERT INTO billing.meter VALUES ('peak', 'Gbps', 'max');
INSERT INTO billing.price (meter, currency, counter, tariff) VALUES ('peak', 'USD', 'hour', 'volume: 1 beyond');
SELECT billing.open_account(name => 'c', account_id => n, time_zone => z, at => '2020-01-01') FROM (VALUES (901, 'Pacific/Chatham'), (902, 'Asia/Tokyo')) a(n, z);
SELECT t.use(n, 'peak', q, at) FROM (VALUES (901, 1, '2020-01-31 09:30+00'::timestamptz), (901, 5, '2020-01-31 10:05+00'), (901, 3, '2020-01-31 10:30+00'), (902, 7, '2020-01-31 14:30+00')) u(n, q, at);
CALL billing.run('2020-03-02');
SELECT t.same('SELECT account_id, period_end, total FROM billing.invoices WHERE account_id > 900 AND total <> 0 ORDER BY 1, 2',
	$$VALUES (901, '2020-01-31 10:15+00'::timestamptz, 1), (901, '2020-02-29 10:15+00', 5), (902, '2020-01-31 15:00+00', 7)$$, 'the next one has it; where both end together it is on the first');
SELECT t.verify_is_empty();
SELECT * FROM finish();
