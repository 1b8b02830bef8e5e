-- explain_charge() of what was deducted, and of what was not: which mismatch it was.
\ir packages.psql
SELECT t.open(n) FROM generate_series(1, 9) n;
SELECT billing.add_resource(n, d, 'device', at => '2023-01-01') FROM generate_series(1, 9) n, unnest(ARRAY['d1', 'd2']) d;
INSERT INTO billing.package_coverage (offer, meter, region, factor) VALUES ('V10', 'vau', '', 1), ('V10', 'vau', 'far', 1.8);
CREATE FUNCTION t.explain(account_id bigint, source text) RETURNS SETOF text LANGUAGE sql STABLE AS
$$ SELECT concat_ws('|', e.step, e.what, trim_scale(e.quantity), trim_scale(e.price), trim_scale(e.amount), e.detail)
   FROM billing.charges c CROSS JOIN LATERAL billing.explain_charge(c.account_id, c.charge_id) WITH ORDINALITY e(step, what, quantity, price, amount, detail, n)
   WHERE c.account_id = explain.account_id AND c.source = explain.source ORDER BY c.charge_id, e.n $$;
CREATE FUNCTION t.why(account_id bigint) RETURNS SETOF text LANGUAGE sql STABLE AS
$$ SELECT regexp_replace(x, '^1\|not deducted\|package \d+ ', '') FROM t.explain(account_id, 'tariff') x WHERE x LIKE '1|not deducted|%' $$;

SELECT billing.subscribe(1, 'basic', at => '2023-01-02');
SELECT billing.purchase_package(1, 'T10', at => '2023-01-02');
SELECT t.use(1, 'traffic', 70, '2023-01-02 10:10');
SELECT billing.purchase_package(2, 'V10', at => '2023-01-02');
SELECT t.use(2, 'vau', 3, '2023-01-02 10:10');
SELECT t.use(2, 'vau', 2, '2023-01-02 11:10', region => 'far');
-- each mismatch
SELECT billing.purchase_package(3, 'T10', at => '2023-01-02 10:30');
SELECT billing.purchase_package(3, 'V10', at => '2023-01-02 10:05');
SELECT t.use(3, 'traffic', 1, '2023-01-02 10:10');
SELECT billing.purchase_package(4, 'M20', region => 'Guangzhou', at => '2023-01-02');
SELECT billing.purchase_package(4, 'M20', region => 'Silicon Valley', resources => '{d1}', at => '2023-01-02');
SELECT billing.purchase_package(4, 'M20', region => 'Guangzhou', resources => '{d2}', at => '2023-01-02');
SELECT t.use(4, 'mna', 1, '2023-01-02 10:10', resource => 'd1', region => 'Guangzhou');
SELECT billing.purchase_package(5, 'M50', region => 'Guangzhou', at => '2023-01-02');
SELECT billing.bind_resource(5, t.package(5, 1), 'd1', at => '2023-01-02 10:20');
SELECT t.use(5, 'mna', 1, '2023-01-02 10:10', resource => 'd1', region => 'Guangzhou');
SELECT billing.subscribe(6, 'personal', at => '2023-01-02');
SELECT billing.purchase_package(6, 'E100', at => '2023-01-02');
SELECT billing.cancel_subscription(6, (SELECT subscription_id FROM billing.subscriptions WHERE account_id = 6), at_term_end => false, at => '2023-01-02 10:05');
SELECT t.use(6, 'traffic', 1, '2023-01-02 10:10');
SELECT billing.purchase_package(7, 'T10', at => '2023-01-01');
SELECT billing.adjust(7, -200, 'debt', at => '2023-01-01');
CALL billing.run('2023-01-02 01:00');
SELECT t.use(7, 'traffic', 1, '2023-01-02 10:10');
CALL billing.run('2023-01-03');

SELECT t.same($$SELECT * FROM t.explain(1, 'package')$$, format($$VALUES ('1|usage|10|traffic, settled with the cycle of 2023-01-02 10:00:00+00'),
	('2|package|10|package %1$s "T10", valid from 2023-01-02 00:00:00+00 to 2023-02-02 00:00:00+00'), ('3|left before|10'), ('4|deducted|10'), ('5|left after|0'),
	('6|posted|0|what is deducted costs nothing')$$, t.package(1, 1)), 'a package');
SELECT t.same($$SELECT * FROM t.explain(1, 'allowance') OFFSET 2$$, $$VALUES ('3|left before|50'), ('4|deducted|50'), ('5|left after|0'), ('6|posted|0|what is deducted costs nothing')$$, 'an allowance');
SELECT t.same($$SELECT regexp_replace(x, '\d+, from (\w+) \d+', 'N, from \1') FROM t.explain(1, 'tariff') x WHERE x LIKE '1|%' OFFSET 1$$, $$VALUES ('1|deducted|50|by charge N, from allowance'), ('1|deducted|10|by charge N, from package'),
	(format('1|not deducted|package %s "T10": it was used up', t.package(1, 1)))$$, 'the rest, with the whole waterfall');
SELECT t.same($$SELECT x FROM t.explain(2, 'package') x WHERE x ~ '^[345]'$$, $$VALUES ('3|left before|10'), ('4|deducted|3'), ('5|left after|7'),
	('3|left before|7'), ('4|deducted|3.6|2 units of usage, by the factor of its offer'), ('5|left after|3.4')$$, 'one deduction after the other');
SELECT t.same('SELECT * FROM t.why(3)', $$VALUES ('"T10": it is valid from 2023-01-02 10:30:00+00 to 2023-02-02 10:30:00+00'), ('"V10": it does not cover "traffic"')$$, 'mismatch: validity, type');
SELECT t.same('SELECT * FROM t.why(4)', $$VALUES ('"M20": it is bound to no resource'), ('"M20": it does not cover region "Guangzhou"'), ('"M20": it is not bound to resource "d1"')$$, 'mismatch: binding, region');
SELECT t.same('SELECT * FROM t.why(5)', $$VALUES ('"M50": its resource was bound later')$$, 'mismatch: bound later');
SELECT t.same('SELECT * FROM t.why(6)', $$VALUES ('"E100": none of the plans that it needs was active: personal, basic')$$, 'mismatch: plan');
SELECT t.same('SELECT * FROM t.why(7)', $$VALUES ('"T10": the account was suspended')$$, 'mismatch: suspended');
SELECT t.verify_is_empty();
SELECT * FROM finish();
