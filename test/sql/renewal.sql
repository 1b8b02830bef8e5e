-- decide_renewal: every combination of its facts, beside the rule in words.
SELECT (d).action, coalesce((d).reason, '-') AS reason, count(*), bool_and((d).action = CASE WHEN s THEN 'successor' WHEN NOT a THEN 'nothing'
		WHEN NOT c AND o AND p AND (price <= 5 OR price = 0) THEN 'renew' ELSE 'switch off' END) AS as_told
FROM (SELECT *, billing.decide_renewal(s, a, c, o, p, price, 5) AS d
	FROM unnest(ARRAY[true, false]) s, unnest(ARRAY[true, false]) a, unnest(ARRAY[true, false]) c, unnest(ARRAY[true, false]) o, unnest(ARRAY[true, false]) p,
		unnest(ARRAY[0, 4.99, 5, 5.01, 'Infinity'::numeric]) price) x
GROUP BY 1, 2 ORDER BY 1, 2;
SELECT * FROM billing.decide_renewal(false, true, false, true, true, 0, -100);	-- what costs nothing
SELECT * FROM billing.decide_renewal(false, true, false, true, true, NULL, 100);	-- what has no price
SELECT * FROM billing.decide_renewal(false, true, false, true, true, 5.000000000000000000000000000001, 5);
SELECT * FROM billing.decide_renewal(NULL, true, false, true, true, 5, 5);
SELECT * FROM billing.decide_renewal(false, true, false, true, true, 'NaN', 5);
