-- What the tables of the catalogue refuse: each with its SQLSTATE, the value, the rule and what the column means; and nothing has changed.
\ir setup.psql
SELECT billing.install(start => '2020-01-01');
INSERT INTO billing.meter (meter, unit, aggregation) VALUES ('attack', 'Gbps', 'max'), ('traffic', 'GB', 'sum');
INSERT INTO billing.plan (plan, currency, fee, term) VALUES ('ip', 'CNY', 0, '1 month');
INSERT INTO billing.plan_option (plan, option, choices) VALUES ('ip', 'base', '[10, 20]'), ('ip', 'line', '["bgp", "telecom"]'), ('ip', 'size', '["small", "big"]');
INSERT INTO billing.plan_option (plan, option, least, most, step) VALUES ('ip', 'ports', 60, 500, 1), ('ip', 'cap', 10, 500, 10), ('ip', 'plain', 0, NULL, NULL);
INSERT INTO billing.plan_option (plan, option, at_least) VALUES ('ip', 'more', 'plain');
INSERT INTO billing.plan_option_price (plan, option, currency, included, fee) VALUES ('ip', 'ports', 'CNY', 60, 50);
INSERT INTO billing.plan_price (plan, options, currency, fee) VALUES ('ip', '{"base": 10}', 'CNY', 100), ('ip', '{"base": 20}', 'CNY', 200), ('ip', '{"base": 20, "line": "bgp"}', 'CNY', 250);
INSERT INTO billing.plan_discount VALUES ('ip', 6, 0.15);
INSERT INTO billing.plan_allowance (plan, meter, quantity, cap_option) VALUES ('ip', 'attack', 5, 'cap');
CREATE TABLE t.before AS SELECT * FROM t.snapshot();

-- a rule of the table: the value in the message, the rule in DETAIL, what the column means in HINT
CREATE FUNCTION t.breaks(what text, columns text, "values" text, names text) RETURNS text LANGUAGE sql AS
$$ SELECT t.refuses(format('INSERT INTO billing.%s (%s) VALUES (%s)', what, columns, "values"), '23514', names || ' is not possible in billing.' || what, what || ': ' || names) $$;
SELECT t.breaks('currency', 'currency, decimals', $$'eur', 2$$, 'currency "eur"');
SELECT t.breaks('currency', 'currency, decimals', $$'ABC', 13$$, 'decimals 13');
SELECT t.breaks('meter', 'meter, unit, aggregation', $$'', 'x', 'sum'$$, 'meter ""');
SELECT t.breaks('meter', 'meter, unit, aggregation', $$'m', 'x', 'average'$$, 'aggregation "average"');
SELECT t.breaks('meter', 'meter, unit, aggregation, percent', $$'m', 'x', 'percentile', 'NaN'$$, 'percent "NaN"');
SELECT t.breaks('plan', 'plan, currency, fee, term', $$'', 'CNY', 1, '1 month'$$, 'plan ""');
SELECT t.breaks('plan', 'plan, currency, fee, term', $$'p', 'CNY', -1, '1 month'$$, 'fee -1');
SELECT t.breaks('plan', 'plan, currency, fee, term', $$'p', 'CNY', 'Infinity', '1 month'$$, 'fee "Infinity"');
SELECT t.breaks('plan', 'plan, currency, fee, term', $$'p', 'CNY', 1, '1 month 3 days'$$, 'term "1 mon 3 days"');
SELECT t.breaks('plan', 'plan, currency, fee, term, min_terms, max_terms', $$'p', 'CNY', 1, '1 month', 48, 36$$, 'min_terms 48, max_terms 36');
SELECT t.breaks('plan', 'plan, currency, fee, term, change_share', $$'p', 'CNY', 1, '1 day', '365/12'$$, 'term "1 day", change_share "365/12"');
SELECT t.breaks('plan_option', 'plan, option', $$'ip', ''$$, 'option ""');
SELECT t.breaks('plan_option', 'plan, option, choices', $$'ip', 'x', '[[1]]'$$, 'choices [[1]]');
SELECT t.breaks('plan_option', 'plan, option, least, most', $$'ip', 'x', 5, 4$$, 'least 5, most 4');
SELECT t.breaks('plan_option', 'plan, option, changes', $$'ip', 'x', 'whenever'$$, 'changes "whenever"');
SELECT t.breaks('plan_price', 'plan, currency, fee', $$'ip', 'CNY', -2$$, 'fee -2');
SELECT t.breaks('plan_price', 'plan, options, currency, fee', $$'ip', '[1]', 'CNY', 2$$, 'options [1]');
SELECT t.breaks('plan_option_price', 'plan, option, currency, fee, block', $$'ip', 'plain', 'CNY', 1, 0$$, 'block 0');
SELECT t.breaks('plan_discount', 'plan, min_terms, discount', $$'ip', 12, 15$$, 'discount 15');
SELECT t.breaks('plan_allowance', 'plan, meter, quantity', $$'ip', 'traffic', 'NaN'$$, 'quantity "NaN"');
SELECT t.breaks('plan_allowance', 'plan, meter, region, quantity, base_option', $$'ip', 'attack', 'x', 5, 'base'$$, 'quantity 5, base_option "base"');
SELECT t.breaks('package_offer', 'offer, meter, size, term, price, currency', $$'o', 'traffic', 0, '1 month', 1, 'CNY'$$, 'size 0');
SELECT t.breaks('package_coverage', 'offer, meter, factor', $$'o', 'traffic', 0$$, 'factor 0');
SELECT t.breaks('lifecycle', 'policy, rule', $$'', 'notice immediately'$$, 'policy ""');
SELECT t.breaks('price', 'meter, currency, tariff, counter', $$'traffic', 'CNY', 'graduated: 1 beyond', 'week'$$, 'counter "week"');
SELECT t.breaks('price', 'meter, currency, tariff, options', $$'traffic', 'CNY', 'graduated: 1 beyond', '[1]'$$, 'options [1]');
SELECT t.breaks('price', 'meter, currency, tariff, account_id', $$'traffic', 'CNY', 'graduated: 1 beyond', -1$$, 'account_id -1');
SELECT is(t.error_of($$INSERT INTO billing.plan_discount VALUES ('ip', 12, 15)$$),
	'23514|discount 15 is not possible in billing.plan_discount|plan discount is a share: ((discount >= (0)::numeric) AND (discount <= (1)::numeric)). The row is {"plan": "ip", "discount": 15, "min_terms": 12}.|discount: share of the list price: 0.15 is 15 % off.',
	'the rule, the row, and what the column means');
SELECT t.refuses($$UPDATE billing.plan SET fee = -1$$, '23514', 'fee -1', 'a change, too');
SELECT t.refuses($$INSERT INTO billing.plan (plan, currency, term) VALUES ('p', 'CNY', '1 month')$$, '23502', 'fee null', 'what has no value');
SELECT t.refuses($$INSERT INTO billing.plan_price (plan, region, currency, fee) VALUES ('ip', NULL, 'CNY', 1)$$, '23502', 'region null', 'any region is the empty text');
-- what the rows of another table say
SELECT t.refuses($$INSERT INTO billing.plan_price (plan, options, currency, fee) VALUES ('ip', '{"base": 15}', 'CNY', 1)$$, 'UB042', '"base" of 15', 'a fee for a value that the option never has');
SELECT t.refuses($$INSERT INTO billing.plan_price (plan, options, currency, fee) VALUES ('ip', '{"line": null}', 'CNY', 1)$$, 'UB042', '"line" of null', 'or for none');
SELECT t.refuses($$INSERT INTO billing.price (meter, plan, options, currency, tariff) VALUES ('traffic', 'ip', '{"line": "pigeon"}', 'CNY', 'graduated: 1 beyond')$$, 'UB042', '"pigeon"', 'B3-10: a price for a carrier that there is not');
SELECT t.refuses($$INSERT INTO billing.plan_price (plan, options, currency, fee) VALUES ('ip', '{"size": "big"}', 'CNY', 1)$$, 'UB014', '{"size": "big"}', 'fees that one subscription could have both, of which it would pay one');
SELECT t.refuses($$UPDATE billing.plan_option SET choices = '["few", "many"]' WHERE option = 'ports'$$, '22023', '"ports"', 'what is priced by the piece stays a number');
SELECT t.refuses($$UPDATE billing.plan_option SET choices = '["low", "high"]' WHERE option = 'cap'$$, '22023', '"cap"', 'so does a cap');
SELECT t.refuses($$UPDATE billing.plan_option SET choices = '["low", "high"]' WHERE option = 'plain'$$, '22023', '"plain"', 'and what another option has to reach');
SELECT t.refuses($$INSERT INTO billing.plan_option (plan, option, at_least) VALUES ('ip', 'x', 'line')$$, '22023', '"line"', 'nothing reaches a text');
SELECT t.same('SELECT * FROM t.snapshot()', 'SELECT * FROM t.before', 'nothing has changed');
-- what is fine
SELECT lives_ok($$INSERT INTO billing.plan_price (plan, region, options, currency, fee) VALUES ('ip', 'overseas', '{"line": "bgp"}', 'CNY', 1), ('ip', '', '{"base": 20, "line": "telecom"}', 'CNY', 1)$$, 'by region, and by other values of one option');
SELECT lives_ok($$INSERT INTO billing.plan_discount VALUES ('ip', 6, 0.15) ON CONFLICT DO NOTHING$$, 'what is there already may be left alone');
SELECT lives_ok($$INSERT INTO billing.plan (plan, currency, fee, term) VALUES ('twelfth', 'CNY', 27333.333333333333, '1 month')$$, 'B3-22: a fee has more decimals than its currency; the order is rounded');
SELECT t.verify_is_empty();
SELECT * FROM finish();
