-- B2-1, B2-12: licences of devices.  A monthly one is a meter of different devices, which the calendar month's end charges; a permanent one is
-- a plan for a very long term.
\ir setup.psql
SELECT billing.install(start => '2023-01-01');
INSERT INTO billing.meter (meter, unit, aggregation) VALUES ('licence', 'device', 'unique'), ('mna', 'GB', 'sum');
INSERT INTO billing.price (meter, currency, tariff, post) VALUES ('licence', 'USD', 'graduated: 15 beyond', 'counter'), ('mna', 'USD', 'graduated: 1 beyond', 'counter');
INSERT INTO billing.plan (plan, currency, fee, term, provisioned) VALUES ('licence for good', 'USD', 200, '100 years', true);
SELECT billing.open_account(name => 'a', account_id => n, at => '2023-01-01') FROM generate_series(1, 2) n;
SELECT billing.top_up(n, 1000, at => '2023-01-01') FROM generate_series(1, 2) n;
CALL billing.run('2023-05-01');
SELECT billing.add_resource(a, d, 'device', at => '2023-05-01') FROM generate_series(1, 2) a, unnest(ARRAY['d1', 'd2', 'd3']) d;

-- by the month: activation is the event that counts, d3 is never activated
SELECT billing.activate_resource(1, d, at => '2023-05-10') FROM unnest(ARRAY['d1', 'd2']) d;
SELECT t.use(1, 'licence', 1, at::timestamptz, resource => d) FROM unnest(ARRAY['2023-05-10 10:10', '2023-05-20 10:10', '2023-05-31 23:59:59']) at, unnest(ARRAY['d1', 'd2']) d;
SELECT t.use(1, 'mna', 10, '2023-05-10 10:10', resource => 'd1');
CALL billing.run('2023-05-31 23:00');
SELECT is(t.charged(1), 0.0, 'B2-12: nothing is charged within the month');
CALL billing.run('2023-06-01 01:00');
SELECT is(t.charged(1, 'licence'), 30.0, 'B2-12, MNA-05: May is charged in the settlement of June, each device once, none that is not activated');
SELECT is(t.charged(1, 'mna'), 10.0, 'B2-12: postpaid traffic likewise');
SELECT t.use(1, 'licence', 1, '2023-06-10 10:10', resource => 'd1');
CALL billing.run('2023-07-01 01:00');
SELECT is(t.charged(1, 'licence'), 45.0, 'a device that is not active in June costs nothing for it');
CALL billing.run('2023-08-01 01:00');
SELECT is(t.charged(1, 'licence'), 45.0, 'and without devices a month costs nothing');

-- for good: paid in advance, and begins with its device
SELECT billing.subscribe(2, 'licence for good', d, at => '2023-08-01') FROM unnest(ARRAY['d1', 'd2']) d;
SELECT billing.activate_resource(2, 'd1', at => '2023-08-02');
SELECT t.same('SELECT resource, state, paid_until FROM billing.subscriptions WHERE account_id = 2 ORDER BY resource', $$VALUES ('d1', 'active', '2123-08-02 00:00+00'::timestamptz), ('d2', 'provisioning', 'infinity')$$,
	'B2-1: a permanent licence is paid once, and begins with the activation of its device');
SELECT is(t.balance(2), 600.0, 'each for itself');
CALL billing.run('2024-09-01');
SELECT is(t.balance(2), 600.0, 'and never again');
SELECT t.verify_is_empty();
SELECT * FROM finish();
