-- explain_charge: orders, what was deducted, and why not more.
\ir setup.psql
SELECT billing.install(start => '2023-01-01');
INSERT INTO billing.meter VALUES ('traffic', 'GB', 'sum'), ('requests', 'request', 'count'), ('peak', 'Gbps', 'max');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('traffic', 'USD', 'graduated: 0.1 up to 100, 0.05 beyond'), ('requests', 'USD', 'graduated: 1 beyond'),
	('peak', 'USD', 'graduated: 1 beyond');
INSERT INTO billing.plan (plan, product, currency, fee, term, rank) VALUES ('basic', 'edge', 'USD', 57, '1 month', 1), ('big', 'edge', 'USD', 570, '1 month', 2), ('other', 'o', 'USD', 1, '1 month', 1);
INSERT INTO billing.plan_discount VALUES ('basic', 2, 0.1);
INSERT INTO billing.plan_allowance (plan, meter, quantity) VALUES ('basic', 'traffic', 100), ('big', 'traffic', 1000);
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, requires_plan, auto_renew_discount) VALUES
	('p50', 'traffic', 50, '12 months', 10, 'USD', ARRAY['basic', 'other'], 0.05), ('free', 'traffic', 10, '1 month', 0, 'USD', NULL, 0), ('hits', 'requests', 5, '1 month', 1, 'USD', NULL, 0);
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, max_resources, regions) VALUES ('dev', 'traffic', 50, '1 month', 10, 'USD', 2, ARRAY['CN', 'AP']);
INSERT INTO billing.package_coverage VALUES ('p50', 'traffic', '', 1), ('p50', 'traffic', 'AP', 1.8);
SELECT billing.open_account(name => 'a', account_id => n, at => '2023-01-01') FROM generate_series(1, 9) n;
SELECT billing.top_up(n, 1000, at => '2023-01-01') FROM generate_series(1, 8) n;
SELECT billing.add_resource(n, r, 'device', at => '2023-01-01') FROM generate_series(1, 8) n, unnest(ARRAY['d1', 'd2']) r;
-- the charge of an account for a cycle from a source
CREATE FUNCTION t.charge(account_id bigint, source text, cycle_start timestamptz) RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT c.charge_id FROM billing.charges c WHERE c.account_id = charge.account_id AND c.source = charge.source AND c.cycle_start = charge.cycle_start ORDER BY 1 LIMIT 1 $$;
CREATE FUNCTION t.explained(account_id bigint, charge_id bigint) RETURNS TABLE (step integer, what text, quantity numeric, price numeric, amount numeric, detail text) LANGUAGE sql STABLE AS
$$ SELECT * FROM billing.explain_charge(explained.account_id, explained.charge_id) $$;

-- orders
SELECT billing.grant_voucher(1, 5, '2023-06-01', at => '2023-01-01');
SELECT billing.subscribe(1, 'basic', terms => 2, voucher => 'auto', at => '2023-01-01 10:00');
SELECT billing.purchase_package(1, 'p50', quantity => 2, auto_renew => true, at => '2023-01-01 10:00');
SELECT t.same($$SELECT step, what, quantity, amount FROM t.explained(1, (SELECT min(charge_id) FROM billing.charges))$$,
	$$VALUES (1, 'list price', 2, 114), (2, 'discount', NULL, -11.4), (3, 'voucher', NULL, -5), (4, 'term 1', NULL, NULL), (5, 'term 2', NULL, NULL), (6, 'posted', NULL, 97.6)$$,
	'an order: list price, discount, voucher, money');
SELECT matches((SELECT detail FROM t.explained(1, (SELECT min(charge_id) FROM billing.charges)) WHERE what = 'discount'), '^10 % off', 'how much was taken off');
SELECT matches((SELECT detail FROM t.explained(1, (SELECT min(charge_id) FROM billing.charges)) WHERE what = 'term 2'), 'from 2023-02-01 10:00:00\+00 to 2023-03-01 09:59:59\+00', 'what it bought');
SELECT t.same($$SELECT step, what, quantity, amount FROM t.explained(1, (SELECT max(charge_id) FROM billing.charges))$$,
	$$VALUES (1, 'list price', 2, 20), (2, 'discount', NULL, -1), (3, 'package 1', 50, NULL), (4, 'package 2', 50, NULL), (5, 'posted', NULL, 19)$$, 'an order of packages');
SELECT billing.purchase_package(2, 'free', at => '2023-01-01 10:00'), billing.purchase_package(2, 'dev', region => 'CN', at => '2023-01-01 10:00');
SELECT billing.refund_package(2, 4, at => '2023-01-01 11:00');
SELECT t.same($$SELECT step, what, quantity, amount FROM t.explained(2, (SELECT max(charge_id) FROM billing.charges WHERE account_id = 2))$$,
	$$VALUES (1, 'list price', -1, -10), (2, 'posted', NULL, -10)$$, 'a refund');
SELECT matches((SELECT detail FROM t.explained(2, (SELECT max(charge_id) FROM billing.charges WHERE account_id = 2)) WHERE step = 2), '^10.00 USD back to', 'goes back');
SELECT t.same($$SELECT step, what, quantity, amount FROM t.explained(2, (SELECT min(charge_id) FROM billing.charges WHERE account_id = 2))$$,
	$$VALUES (1, 'list price', 1, 0), (2, 'package 3', 10, NULL), (3, 'posted', NULL, 0)$$, 'an order that costs nothing');
SELECT is_empty($$SELECT c.charge_id FROM billing.charges c, LATERAL (SELECT e.amount FROM billing.explain_charge(c.account_id, c.charge_id) e ORDER BY step DESC LIMIT 1) e
	WHERE c.amount <> e.amount$$, 'the last step is what was posted');

-- B1.3-28: allowance, then packages, then tariff; overseas takes 1.8
SELECT t.use(1, 'traffic', 120, '2023-01-01 11:00', 'd1', 'AP'), t.use(1, 'traffic', 45, '2023-01-01 12:00', 'd1', 'AP'), t.use(1, 'peak', 3, '2023-01-01 12:00', 'd1', 'AP');
SELECT billing.set_auto_renew(1, 2, false, at => '2023-01-01 10:00');
CALL billing.run('2023-01-01 13:00');
SELECT t.same($$SELECT step, what, quantity, price, amount FROM t.explained(1, t.charge(1, 'allowance', '2023-01-01 11:00'))$$,
	$$VALUES (1, 'cycle', 120, NULL::numeric, NULL::numeric), (2, 'allowance 1', 100, NULL, NULL), (3, 'before', 100, NULL, NULL), (4, 'taken', 100, 1, NULL), (5, 'after', 0, NULL, NULL),
		(6, 'package 1', 20, NULL, NULL), (7, 'posted', NULL, NULL, 0)$$, 'a deduction from an allowance, and where the rest went');
SELECT t.same($$SELECT step, what, quantity, price, amount FROM t.explained(1, t.charge(1, 'package', '2023-01-01 11:00'))$$,
	$$VALUES (1, 'cycle', 120, NULL::numeric, NULL::numeric), (2, 'package 1', 20, NULL, NULL), (3, 'before', 50, NULL, NULL), (4, 'taken', 36, 1.8, NULL), (5, 'after', 14, NULL, NULL),
		(6, 'allowance 1', 100, NULL, NULL), (7, 'posted', NULL, NULL, 0)$$, 'a deduction from a package, with its factor');
SELECT matches((SELECT detail FROM t.explained(1, t.charge(1, 'package', '2023-01-01 11:00')) WHERE what = 'package 1'),
	'^"p50", valid from 2023-01-01 10:00:00\+00 to 2024-01-01 09:59:59\+00$', 'which one, and its validity');
SELECT t.same($$SELECT what, detail FROM t.explained(1, t.charge(1, 'tariff', '2023-01-01 12:00')) WHERE step IN (2, 3)$$,
	$$VALUES ('package 1', 'takes 14 of it, 14 before, 0 after: "p50", valid from 2023-01-01 10:00:00+00 to 2024-01-01 09:59:59+00'),
		('package 2', 'takes 50 of it, 50 before, 0 after: "p50", valid from 2023-01-01 10:00:00+00 to 2024-01-01 09:59:59+00')$$, 'a tariff charge begins with what was deducted');
SELECT t.same($$SELECT what, quantity, detail FROM t.explained(1, t.charge(1, 'tariff', '2023-01-01 12:00')) WHERE detail LIKE 'took nothing%' ORDER BY step$$,
	$$VALUES ('allowance 1', 0, 'took nothing: it was used up (plan "basic", subscription 1, term 1)'),
		('allowance 2', 0, 'took nothing: it is valid from 2023-02-01 10:00:00+00 to 2023-03-01 09:59:59+00, not at that time (plan "basic", subscription 1, term 2)')$$,
	'used up; not valid at that time');
SELECT t.same($$SELECT array_agg(what ORDER BY step), array_agg(DISTINCT step ORDER BY step) = array_agg(DISTINCT g) FROM t.explained(1, t.charge(1, 'tariff', '2023-01-01 12:00')), generate_series(1, 11) g
	WHERE g = step$$, $$VALUES (ARRAY['cycle', 'package 1', 'package 2', 'allowance 1', 'allowance 2', 'usage', 'price', 'counter before', 'tier 1', 'counter after', 'posted'], true)$$, 'then the tariff');
SELECT is((SELECT sum(quantity) FROM t.explained(1, t.charge(1, 'tariff', '2023-01-01 12:00')) WHERE what ~ '^(package|usage)'), 45::numeric, 'the steps add up to the cycle''s quantity');
SELECT matches((SELECT detail FROM t.explained(1, t.charge(1, 'tariff', '2023-01-01 12:00')) WHERE what = 'usage'), ', less what was deducted$', 'the usage that is left');
SELECT is((SELECT count(*) FROM billing.charges c, t.explained(1, c.charge_id) e WHERE c.account_id = 1 AND c.meter = 'peak' AND e.what ~ 'cycle|package|allowance'), 0::bigint, 'nothing of it for another meter');

-- mismatches: B2-3 region, B2-5 resource, B1.3-25 plan, validity, bought later; of one offer and reason the last
SELECT billing.purchase_package(3, 'dev', region => 'CN', resources => ARRAY['d1'], at => '2023-01-01 10:00'), billing.purchase_package(3, 'dev', region => 'AP', at => '2023-01-01 10:00');
SELECT billing.purchase_package(3, 'hits', at => '2023-01-01 10:00');
SELECT billing.subscribe(3, 'other', at => '2023-01-01 10:00');
SELECT billing.purchase_package(3, 'p50', quantity => 3, at => '2023-01-01 10:00');
SELECT billing.cancel_subscription(3, (SELECT max(subscription_id) FROM billing.subscription), at_term_end => false, at => '2023-01-01 12:00');
SELECT t.use(3, 'traffic', 7, '2023-01-01 13:30', 'd1', 'AP');
CALL billing.run('2023-01-01 14:00');
SELECT billing.bind_resource(3, 6, 'd1', at => '2023-01-01 14:00');
SELECT billing.purchase_package(3, 'free', at => '2023-01-01 13:00');
SELECT t.same($$SELECT what, detail FROM t.explained(3, t.charge(3, 'tariff', '2023-01-01 13:00')) WHERE detail LIKE 'took nothing%' ORDER BY step$$,
	$$VALUES ('package 5', 'took nothing: it is not for region "AP" ("dev")'),
		('package 6', 'took nothing: resource "d1" was bound to it later, at 2023-01-01 14:00:00+00 ("dev")'),
		('package 11', 'took nothing: it was bought after the cycle was settled ("free")'),
		('package 10', 'took nothing: none of the plans that it needs was active: basic, other ("p50"; 2 more of these as well)')$$, 'region, resource, plan, later; not those of another meter');
SELECT t.use(3, 'traffic', 7, '2023-01-01 14:30', 'd2', 'AP');
CALL billing.run('2023-01-01 15:00');
SELECT is((SELECT array_agg(detail ORDER BY step) FROM t.explained(3, t.charge(3, 'package', '2023-01-01 14:00')) WHERE what LIKE 'package%'), ARRAY['"free", valid from 2023-01-01 13:00:00+00 to 2023-02-01 12:59:59+00'],
	'of another device nothing but the package that needs no binding');
SELECT t.use(3, 'traffic', 7, '2023-01-01 15:30', 'd2', 'AP');
CALL billing.run('2023-01-01 16:00');
SELECT is((SELECT detail FROM t.explained(3, t.charge(3, 'tariff', '2023-01-01 15:00')) WHERE what = 'package 6'), 'took nothing: it is not for resource "d2" ("dev")', 'not bound');
-- B1.6-61: suspended; a refunded one
SELECT billing.purchase_package(9, 'free', at => '2023-01-01 16:00');
SELECT billing.purchase_package(9, 'free', at => '2023-01-01 16:00');
SELECT billing.refund_package(9, 12, at => '2023-01-01 16:00');
SELECT t.use(9, 'traffic', 20, '2023-01-01 16:10');
CALL billing.run('2023-01-02 18:30');
SELECT is((SELECT state FROM billing.accounts WHERE account_id = 9), 'suspended', 'an account is suspended');
SELECT t.use(9, 'traffic', 1, '2023-01-02 18:40');
CALL billing.run('2023-01-02 19:00');
SELECT t.same($$SELECT what, detail FROM t.explained(9, t.charge(9, 'tariff', '2023-01-02 18:00')) WHERE detail LIKE 'took nothing%' ORDER BY step$$,
	$$VALUES ('package 12', 'took nothing: it was refunded ("free")'), ('package 13', 'took nothing: the account was suspended ("free")')$$, 'refunded; suspended');
-- an upgrade later on
SELECT billing.subscribe(4, 'basic', at => '2023-01-02 19:00');
SELECT t.use(4, 'traffic', 30, '2023-01-02 19:10');
CALL billing.run('2023-01-02 20:00');
SELECT billing.change_plan(4, (SELECT max(subscription_id) FROM billing.subscription), 'big', at => '2023-01-02 20:00');
SELECT matches((SELECT detail FROM t.explained(4, t.charge(4, 'allowance', '2023-01-02 19:00')) WHERE step = 2), 'with what an upgrade added after this charge$', 'an upgrade made it larger since');
SELECT matches((SELECT detail FROM t.explained(4, (SELECT max(charge_id) FROM billing.charges WHERE account_id = 4)) WHERE step = 1), 'upgrade', 'an upgrade');
SELECT is_empty($$SELECT c.charge_id FROM billing.charges c, LATERAL (SELECT e.amount FROM billing.explain_charge(c.account_id, c.charge_id) e ORDER BY step DESC LIMIT 1) e
	WHERE c.amount <> e.amount$$, 'the last step is what was posted, of every charge');
SELECT t.verify_is_empty();
SELECT * FROM finish();
