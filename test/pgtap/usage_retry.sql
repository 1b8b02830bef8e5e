-- A call that is repeated with its key bills once, also where the time is left out.
\ir setup.psql
SELECT billing.install(start => date_trunc('hour', now()));
INSERT INTO billing.meter VALUES ('traffic', 'GB', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('traffic', 'USD', 'graduated: 1 beyond');
SELECT billing.open_account('a', account_id => 1, at => date_trunc('hour', now()));
SELECT ok(billing.record_usage(1, 'traffic', 5, 'key'), 'recorded');
SELECT ok(NOT billing.record_usage(1, 'traffic', 5, 'key'), 'repeated: nothing is done');
SELECT t.refuses($$SELECT billing.record_usage(1, 'traffic', 6, 'key')$$, 'UB004', 'key', 'other values');
SELECT ok(billing.record_usage(1, 'traffic', 5, 'key', date_trunc('hour', now())), 'with a time of its own it is another event');
SELECT ok(billing.record_usage(1, 'traffic', 5), 'without a key');
SELECT ok(billing.record_usage(1, 'traffic', 5), 'each call is another event');
SELECT is((SELECT sum(quantity) FROM billing.usage), 20::numeric, 'four events');
SELECT t.verify_is_empty();
SELECT * FROM finish();
