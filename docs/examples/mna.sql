-- Device-bound packages on the test clock, as Tencent Cloud MNA sells them: a size covers so many devices, of one region,
-- for a month.  A customer with three devices in one package; a device that is cut off in place of being billed; a larger
-- package ordered for later.  Sizes and devices are printed ones, prices are made up.  Needs an empty database:
--
--   createdb mna && psql -d mna -f docs/examples/mna.sql
\set ON_ERROR_STOP on
\set QUIET on
\pset footer off
\pset format wrapped
\pset columns 150
SET TimeZone = 'UTC';
CREATE EXTENSION billing;
SELECT billing.install(start => '2026-01-01') \g /dev/null

INSERT INTO billing.meter (meter, unit, aggregation) VALUES ('flow', 'GB', 'sum');
-- What no package covers is charged at the month's end.
INSERT INTO billing.price (meter, region, currency, post, tariff) VALUES
	('flow', 'overseas', 'USD', 'counter', 'graduated: 0.50 beyond'), ('flow', 'mainland', 'USD', 'counter', 'graduated: 0.30 beyond');
-- stackable false: a device has one package at a time; auto_renew_scope package: each package may renew itself
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, regions, max_resources, stackable, auto_renew_scope, month_end, cut_off) VALUES
	('DEVICE_1_FLOW_20G', 'flow', 20, '1 month', 8, 'USD', '{mainland,overseas}', 1, false, 'package', 'spill', false),
	('DEVICE_2_FLOW_50G', 'flow', 50, '1 month', 18, 'USD', '{mainland,overseas}', 2, false, 'package', 'spill', false),
	('DEVICE_3_FLOW_100G', 'flow', 100, '1 month', 30, 'USD', '{mainland,overseas}', 3, false, 'package', 'spill', false),
	('DEVICE_5_FLOW_500G', 'flow', 500, '1 month', 120, 'USD', '{mainland,overseas}', 5, false, 'package', 'spill', false),
	('DEVICE_1_FLOW_20G_CUT', 'flow', 20, '1 month', 6, 'USD', '{mainland,overseas}', 1, false, 'package', 'spill', true);

\echo '==== 10 January 2026, 09:00: five devices; 100 GB for three of them, 20 GB for one that is to be cut off'
SELECT billing.open_account(name => 'Cobalt Courier', account_id => 2001, at => '2026-01-10') \g /dev/null
SELECT billing.top_up(2001, 200, at => '2026-01-10') \g /dev/null
SELECT billing.add_resource(2001, 'van-' || n, 'device', at => '2026-01-10'), billing.activate_resource(2001, 'van-' || n, at => '2026-01-10') FROM generate_series(1, 5) n \g /dev/null
SELECT billing.purchase_package(2001, 'DEVICE_3_FLOW_100G', region => 'overseas', resources => '{van-1,van-2,van-3}', at => '2026-01-10 09:00') \g /dev/null
SELECT billing.purchase_package(2001, 'DEVICE_1_FLOW_20G_CUT', region => 'overseas', resources => '{van-5}', at => '2026-01-10 09:00') \g /dev/null
SELECT package_id, offer, size, region, resources, last_second, price_paid FROM billing.packages ORDER BY package_id;

\echo '==== 11 January: three devices use 75 GB of it; van-4 has no package; van-1 drives where the package is not for'
SELECT billing.record_usage(2001, 'flow', v.gb, 'jan11', v.at::timestamptz, v.region, v.device) FROM (VALUES
	('van-1', 30, '2026-01-11 10:10', 'overseas'), ('van-2', 25, '2026-01-11 11:20', 'overseas'), ('van-3', 20, '2026-01-11 12:30', 'overseas'),
	('van-4', 5, '2026-01-11 13:40', 'overseas'), ('van-1', 2, '2026-01-11 14:50', 'mainland')) v(device, gb, at, region) \g /dev/null
CALL billing.run('2026-01-11 16:00');
SELECT cycle_start, resource, region, source, source_id, quantity, exact_amount, amount FROM billing.charges WHERE meter = 'flow' ORDER BY charge_id;
\echo '==== ... and why the last two were not deducted'
SELECT c.resource, c.region, e.what, e.detail FROM billing.charges c CROSS JOIN billing.explain_charge(c.account_id, c.charge_id) e
WHERE c.source = 'tariff' AND e.detail LIKE 'took nothing%' ORDER BY c.charge_id, e.step;

\echo '==== 12 January, 10:15: van-5 has used its 20 GB: it is cut off with the end of the hour'
SELECT billing.record_usage(2001, 'flow', 20, 'jan12', '2026-01-12 10:15', 'overseas', 'van-5') \g /dev/null
CALL billing.run('2026-01-12 11:00');
SELECT resource, state, since, held_by FROM billing.resources ORDER BY resource;

\echo '==== 20 January: a larger package with four devices, from when the running one is used up or ends'
SELECT billing.change_package(2001, 1, 'DEVICE_5_FLOW_500G', resources => '{van-1,van-2,van-3,van-4}', at => '2026-01-20') \g /dev/null
SELECT package_id, offer, used, size, valid_from, last_second, state, resources FROM billing.packages ORDER BY package_id;
SELECT what, subject, subject_id AS id, due_at, detail FROM billing.upcoming_until('2026-06-01');

\echo '==== 25 January, 12:05: van-2 uses 40 GB: 25 are left of the old package, the new one starts there'
SELECT billing.record_usage(2001, 'flow', 40, 'jan25', '2026-01-25 12:05', 'overseas', 'van-2') \g /dev/null
CALL billing.run('2026-01-25 13:00');
SELECT package_id, offer, used, size, valid_from, last_second, state FROM billing.packages ORDER BY package_id;

\echo '==== 1 February: what no package covered is charged: 5 GB at 0.50 and 2 GB at 0.30'
CALL billing.run('2026-02-01 02:00');
SELECT number, period_start, period_end, total FROM billing.invoices;
SELECT meter, region, quantity, amount FROM billing.invoice_lines WHERE amount <> 0 ORDER BY line;
SELECT balance, 200 - 30 - 6 - 120 - 5 * 0.50 - 2 * 0.30 AS "should be" FROM billing.accounts;
SELECT count(*) AS "what verify() finds wrong" FROM billing.verify();
