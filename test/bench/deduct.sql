-- What it adds to settling a cycle that every account has a plan's allowance and three packages: the same usage is
-- settled for accounts that have none, in one hour, and for as many that have, in the next.  Of one account in a hundred
-- the allowance runs out in that hour.
\set QUIET on
SET synchronous_commit = off;
SELECT date_trunc('hour', now()) - interval '2 hours' AS hour \gset
SELECT billing.install(start => :'hour');
INSERT INTO billing.meter (meter, unit, aggregation) VALUES ('traffic', 'byte', 'sum'), ('requests', 'request', 'count');
INSERT INTO billing.price (meter, currency, tariff) VALUES
	('traffic', 'USD', 'graduated per GB: 0.0756 up to 2 GB, 0.0634 up to 10 GB, 0.0560 up to 50 GB, 0.0486 up to 100 GB, 0.0412 beyond'),
	('requests', 'USD', 'graduated per 1000: 0.02 up to 2, 0.01 up to 1000, 0.005 beyond');
INSERT INTO billing.plan (plan, currency, fee, term) VALUES ('basic', 'USD', 10, '1 month');
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency) VALUES ('T', 'traffic', 1e12, '12 months', 5, 'USD'), ('R', 'requests', 1e6, '12 months', 5, 'USD');

INSERT INTO billing.account (account_id, name, currency, time_zone, policy, opened_at)
SELECT n, 'account ' || n, 'USD', 'UTC', 'account', :'hour' FROM generate_series(1, 2 * :accounts) n;
INSERT INTO billing.account_state (account_id, state_since, credit_limit, invoice_period, next_invoice_at)
SELECT n, :'hour', 1e9, p.period_start, p.period_end
FROM billing.period_of('month', :'hour', 'UTC') p CROSS JOIN generate_series(1, 2 * :accounts) n;

-- What subscribe() and purchase_package() would write, in a few statements: buying is not what is timed here.
INSERT INTO billing.purchase (account_id, kind, subject, product, quantity, list_price, discount, tax, voucher_amount, money, automatic, at)
SELECT n, 'purchase', 'package', 'T', 1, 0, 0, 0, 0, 0, false, :'hour' FROM generate_series(:accounts + 1, 2 * :accounts) n;
INSERT INTO billing.subscription (account_id, plan, region, quantity, options, fee, state, since, anchor, paid_terms, paid_until, auto_renew, created_at)
SELECT o.account_id, 'basic', '', 1, '{}', 10, 'active', o.at, o.at, 1, billing._after_terms(o.at, 1, '1 month', 'UTC', 'clamp'), false, o.at FROM billing.purchase o;
INSERT INTO billing.subscription_term (account_id, subscription_id, term, plan, term_start, term_end, fee, list_price, money, voucher_amount, order_id)
SELECT s.account_id, s.subscription_id, 1, 'basic', s.anchor, s.paid_until, 10, 0, 0, 0, o.order_id FROM billing.subscription s JOIN billing.purchase o USING (account_id);
INSERT INTO billing.subscription_options (account_id, subscription_id, options, valid_from, valid_until, decided_at)
SELECT s.account_id, s.subscription_id, '{}', '-infinity', 'infinity', s.created_at FROM billing.subscription s;
INSERT INTO billing.subscription_payment (account_id, subscription_id, term, order_id, list_price, money, voucher_amount, paid_from)
SELECT t.account_id, t.subscription_id, t.term, t.order_id, 0, 0, 0, t.term_start FROM billing.subscription_term t;
INSERT INTO billing.allowance (account_id, subscription_id, term, meter, region, size, valid_from, valid_until)
SELECT s.account_id, s.subscription_id, 1, 'traffic', '', CASE WHEN s.account_id % 100 = 0 THEN 1 ELSE 1e13 END, s.anchor, s.paid_until FROM billing.subscription s;
INSERT INTO billing.package (account_id, offer, meter, region, size, term, month_end, valid_from, valid_until, state, auto_renew, auto_renew_on, price_paid, voucher_paid, order_id, requires_plan,
	cut_off, priority, bought_at)
SELECT o.account_id, k.offer, k.meter, '', k.size, k.months * interval '1 month', 'clamp', o.at, o.at + k.months * interval '1 month', 'active', k.months = 12, 'exhaustion', 0, 0, o.order_id, '{basic}', false, 0, o.at
FROM billing.purchase o CROSS JOIN (VALUES ('T', 'traffic', 1e12, 12), ('T', 'traffic', 1e12, 11), ('R', 'requests', 1e6, 12)) k(offer, meter, size, months);

INSERT INTO billing.usage (account_id, meter, region, resource, event_time, event_key, quantity)
SELECT 1 + n / 2 % :accounts + h * :accounts, CASE n % 2 WHEN 0 THEN 'traffic' ELSE 'requests' END, 'EU', 'www',
	:'hour'::timestamptz + h * interval '1 hour' + n % 3600 * interval '1 second', 'event-' || n, n::bigint * 7919 % 1000000007
FROM generate_series(0, 1) h, generate_series(1, :usage) n;
VACUUM ANALYZE;

SELECT clock_timestamp() AS begun \gset
CALL billing.settle(through => :'hour'::timestamptz + interval '1 hour');
SELECT extract(epoch FROM clock_timestamp() - :'begun') * 1000 AS floor \gset
CHECKPOINT;
SELECT clock_timestamp() AS begun \gset
CALL billing.settle(through => :'hour'::timestamptz + interval '2 hours');
SELECT extract(epoch FROM clock_timestamp() - :'begun') * 1000 AS ours \gset

SELECT format('%s: %s charges', c.source, count(*)) FROM billing.charge c GROUP BY c.source;
SELECT format('BENCH|deduct, beside settling without packages|%s|%s|%s|<= 1.4', round(:floor), round(:ours), round(:ours / :floor, 2));
-- the orders were not placed, so they have no charges
SELECT format('BROKEN: %s', v) FROM billing.verify() v WHERE v.problem NOT IN ('package and order', 'order and charge', 'terms and orders', 'payments and order') LIMIT 5;
