-- waterfall: one account's usage down its prepaid sources.
SET search_path = billing;
SET TimeZone = 'UTC';

-- A way in short: (source, id, remaining, meter, factor), of January.
CREATE FUNCTION pg_temp.way(source text, id bigint, remaining numeric, meter text, factor numeric DEFAULT 1, region text DEFAULT NULL, resource text DEFAULT NULL,
	since timestamptz DEFAULT '2026-01-01', until timestamptz DEFAULT '2026-02-01') RETURNS deduction_way LANGUAGE sql AS $$SELECT ROW(source, id, remaining, meter, region, resource, factor, since, until)::billing.deduction_way$$;
-- Items (number, meter, quantity, first, last, region, resource) run down the ways; one line tells all steps.
CREATE TYPE pg_temp.item AS (n bigint, meter text, quantity numeric, first_at timestamptz, last_at timestamptz, region text, resource text);
CREATE FUNCTION pg_temp.item(n bigint, meter text, quantity numeric, first_at timestamptz DEFAULT '2026-01-10', last_at timestamptz DEFAULT NULL, region text DEFAULT 'eu', resource text DEFAULT 'vm-1')
	RETURNS pg_temp.item LANGUAGE sql AS $$SELECT ROW(n, meter, quantity, first_at, coalesce(last_at, first_at), region, resource)::pg_temp.item$$;
CREATE FUNCTION pg_temp.run(ways deduction_way[], by_event boolean, VARIADIC items pg_temp.item[]) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN w IS NULL THEN 'one by one' ELSE (SELECT string_agg(format('%s: %s', d.item, CASE WHEN d.source IS NULL THEN d.quantity || ' rest' ELSE format('%s (%s) %s %s', d.quantity, d.units, d.source, d.source_id) END), ', ' ORDER BY nr) FROM unnest(w) WITH ORDINALITY d(item, source, source_id, quantity, units, nr)) END
	FROM (SELECT billing.waterfall(ways, i.n, i.meter, i.region, i.resource, i.first_at, i.last_at, i.quantity, by_event ORDER BY nr) w
		FROM unnest(items) WITH ORDINALITY i(n, meter, quantity, first_at, last_at, region, resource, nr)) x $$;

-- The order of the array, running over, and the rest.
SELECT pg_temp.run(ARRAY[pg_temp.way('allowance', 1, 100, 'gb'), pg_temp.way('package', 7, 50, 'gb')], true, pg_temp.item(1, 'gb', 120)) AS over,
	pg_temp.run(ARRAY[pg_temp.way('package', 7, 50, 'gb'), pg_temp.way('allowance', 1, 100, 'gb')], true, pg_temp.item(1, 'gb', 120)) AS other_order,
	pg_temp.run(ARRAY[pg_temp.way('allowance', 1, 100, 'gb'), pg_temp.way('package', 1, 50, 'gb')], true, pg_temp.item(9, 'gb', 160.5)) AS same_id_and_rest \gx
-- Exactly used up: no rest, and nothing of zero; the next one finds a spent source.
SELECT pg_temp.run(ARRAY[pg_temp.way('allowance', 1, 100, 'gb')], false, pg_temp.item(1, 'gb', 60, '2026-01-02', '2026-01-03'), pg_temp.item(2, 'gb', 40)) AS used_up,
	pg_temp.run(ARRAY[pg_temp.way('allowance', 1, 100, 'gb'), pg_temp.way('package', 2, 5, 'gb')], true, pg_temp.item(1, 'gb', 60), pg_temp.item(2, 'gb', 40), pg_temp.item(3, 'gb', 1)) AS next,
	pg_temp.run(ARRAY[pg_temp.way('allowance', 1, 0, 'gb'), pg_temp.way('package', 2, 5, 'gb')], false, pg_temp.item(1, 'gb', 1, '2026-01-02', '2026-01-03'), pg_temp.item(2, 'gb', 1)) AS none_from_the_start,
	pg_temp.run(ARRAY[pg_temp.way('allowance', 1, 0, 'gb')], false, pg_temp.item(1, 'gb', 1, '2025-12-31', '2026-01-03'), pg_temp.item(2, 'gb', 1)) AS empty_straddles_nothing \gx
-- Two meters share a source, by factors 1 and 1.8; two ways of one source for one meter.
SELECT pg_temp.run(ARRAY[pg_temp.way('package', 3, 100, 'gb'), pg_temp.way('package', 3, 100, 'gb-night', 1.8)], false, pg_temp.item(1, 'gb', 10), pg_temp.item(2, 'gb-night', 50)) AS shared,
	pg_temp.run(ARRAY[pg_temp.way('package', 3, 100, 'gb'), pg_temp.way('package', 3, 100.00, 'gb-night', 1.8)], true, pg_temp.item(1, 'gb', 10), pg_temp.item(2, 'gb-night', 51), pg_temp.item(3, 'gb', 1)) AS shared_over,
	pg_temp.run(ARRAY[pg_temp.way('package', 3, 100, 'gb', 2, 'us'), pg_temp.way('package', 3, 100, 'gb', 1), pg_temp.way('package', 3, 100, 'gb', 5)], false, pg_temp.item(1, 'gb', 10, region => 'us'), pg_temp.item(2, 'gb', 80)) AS first_fit \gx

-- Windows are half open at both ends, may be infinite, and may be empty.
SELECT at, pg_temp.run(ARRAY[pg_temp.way('package', 1, 9, 'gb')], false, pg_temp.item(1, 'gb', 1, at)) AS event
	FROM unnest(ARRAY['2025-12-31 23:59:59.999999', '2026-01-01', '2026-01-31 23:59:59.999999', '2026-02-01', 'infinity', '-infinity']::timestamptz[]) at;
SELECT x.first, x.last, pg_temp.run(ARRAY[pg_temp.way('package', 1, 9, 'gb')], false, pg_temp.item(1, 'gb', 1, x.first, x.last)) AS "group"
	FROM (VALUES ('2026-01-01'::timestamptz, '2026-01-31 23:59:59.999999'::timestamptz), ('2025-12-31 23:59:59.999999', '2026-01-01'), ('2026-01-31 23:59:59.999999', '2026-02-01'),
		('2025-12-01', '2025-12-31 23:59:59.999999'), ('2026-02-01', '2026-03-01'), ('2025-12-01', '2026-03-01')) x(first, last);
SELECT pg_temp.run(ARRAY[pg_temp.way('package', 1, 9, 'gb', since => '-infinity', until => 'infinity')], false, pg_temp.item(1, 'gb', 1, '1999-01-01', '2999-01-01')) AS always,
	pg_temp.run(ARRAY[pg_temp.way('package', 1, 9, 'gb', since => '2026-01-10', until => '2026-01-10')], false, pg_temp.item(1, 'gb', 1, '2026-01-09', '2026-01-11')) AS never,
	pg_temp.run(ARRAY[pg_temp.way('package', 1, 9, 'gb', since => '2026-01-20', until => '2026-01-02')], false, pg_temp.item(1, 'gb', 1, '2026-01-01', '2026-01-31')) AS backwards;

-- Meter, region, resource: exact, and NULL in a way is any; NULL in an item is only any's.
SELECT region, resource, pg_temp.run(ARRAY[pg_temp.way('package', 1, 9, 'gb', 1, 'eu', 'vm-1'), pg_temp.way('package', 2, 9, 'gb', 1, 'eu'), pg_temp.way('package', 3, 9, 'gb', 1, NULL, 'vm-1'), pg_temp.way('package', 4, 9, 'gb')], true,
		pg_temp.item(1, 'gb', 1, region => region, resource => resource)) AS by_place
	FROM unnest(ARRAY['eu', 'us', NULL]) WITH ORDINALITY r(region, a), unnest(ARRAY['vm-1', 'vm-10', 'vm-', NULL]) WITH ORDINALITY s(resource, b) ORDER BY a, b;
SELECT pg_temp.run(ARRAY[pg_temp.way('package', 1, 9, 'gb')], false, pg_temp.item(1, 'GB', 1), pg_temp.item(2, 'gb ', 1), pg_temp.item(3, '', 1)) AS meters,
	pg_temp.run(ARRAY[pg_temp.way('package', 1, 9, '', 1, '', '')], false, pg_temp.item(1, '', 1, region => '', resource => ''), pg_temp.item(2, '', 1, region => NULL, resource => '')) AS empty_is_not_null;

-- No last decimal: the source is used up, the quantity cut to 20 decimals, and both still add up.
SELECT pg_temp.run(ARRAY[pg_temp.way('package', 1, 10, 'gb', 1.8)], true, pg_temp.item(1, 'gb', 6)) AS cut,
	pg_temp.run(ARRAY[pg_temp.way('package', 1, 10, 'gb', 1.6)], true, pg_temp.item(1, 'gb', 7)) AS finite,
	pg_temp.run(ARRAY[pg_temp.way('package', 1, 1, 'gb', 1267650600228229401496703205376)], true, pg_temp.item(1, 'gb', 7)) AS finite_and_long,
	pg_temp.run(ARRAY[pg_temp.way('package', 1, 20, 'gb', 3)], true, pg_temp.item(1, 'gb', 6.66666666666666666666), pg_temp.item(2, 'gb', 1)) AS units_left,
	pg_temp.run(ARRAY[pg_temp.way('package', 1, 20, 'gb', 3)], true, pg_temp.item(1, 'gb', 6.66666666666666666667)) AS a_bit_more,
	pg_temp.run(ARRAY[pg_temp.way('package', 1, 1e-25, 'gb', 3)], true, pg_temp.item(1, 'gb', 1)) AS cut_to_nothing,
	pg_temp.run(ARRAY[pg_temp.way('package', 1, 0.00000000000000000001, 'gb', 0.5)], true, pg_temp.item(1, 'gb', 0.00000000000000000003)) AS small,
	pg_temp.run(ARRAY[pg_temp.way('package', 1, 1e30, 'gb', 7)], true, pg_temp.item(1, 'gb', 1e30)) AS wide_cut,
	pg_temp.run(ARRAY[pg_temp.way('package', 1, 1e-30, 'gb', 0.7e30)], true, pg_temp.item(1, 'gb', 1)) AS wide_cut_to_nothing,
	pg_temp.run(ARRAY[pg_temp.way('package', 1, 1e30, 'gb', 1.8)], true, pg_temp.item(1, 'gb', 1e29 + 1e-20)) AS large \gx
SELECT d.source_id, d.quantity, d.units = (d.quantity::text || 'e-1000')::numeric AS exact FROM unnest((SELECT waterfall(ARRAY[pg_temp.way('package', 1, 1e999, 'gb', 1e-1000)], n, 'gb', NULL, NULL, '2026-01-10', '2026-01-10', n * 1.50, true) FROM generate_series(1, 2) n)) d;

-- Nothing: items of quantity 0, no ways, no items.
SELECT pg_temp.run(ARRAY[pg_temp.way('package', 1, 10, 'gb')], false, pg_temp.item(1, 'gb', 0.00), pg_temp.item(2, 'gb', 0, '2025-12-01', '2026-01-05'), pg_temp.item(3, 'gb', 1.0)) AS zero,
	pg_temp.run(NULL, false, pg_temp.item(1, 'gb', 5.10), pg_temp.item(2, 'gb', 0)) AS null_ways, pg_temp.run('{}', false, pg_temp.item(1, 'gb', 5, '2025-12-01', '2026-01-05')) AS no_ways;
SELECT waterfall(NULL::deduction_way[], 1, 'gb', NULL, NULL, now(), now(), 1, false) FROM generate_series(1, 0);

-- The order of events matters, so each answer is asked for one by one, and by events it is given.
SELECT name, pg_temp.run(ways, false, VARIADIC items) AS grouped, pg_temp.run(ways, true, VARIADIC (SELECT array_agg(pg_temp.item(i.n, i.meter, i.quantity, i.first_at, region => i.region) ORDER BY nr) FROM unnest(items) WITH ORDINALITY i(n, meter, quantity, first_at, last_at, region, resource, nr))) AS by_event
FROM (VALUES
	('straddles the start', ARRAY[pg_temp.way('package', 1, 9, 'gb')], ARRAY[pg_temp.item(1, 'gb', 1, '2025-12-31', '2026-01-05')]),
	('straddles the end', ARRAY[pg_temp.way('package', 1, 9, 'gb')], ARRAY[pg_temp.item(1, 'gb', 1, '2026-01-31', '2026-02-01')]),
	('straddles a way of another region', ARRAY[pg_temp.way('package', 1, 9, 'gb', 1, 'us')], ARRAY[pg_temp.item(1, 'gb', 1, '2025-12-31', '2026-01-05')]),
	('straddles a way behind the one that covers it', ARRAY[pg_temp.way('allowance', 1, 9, 'gb', until => 'infinity'), pg_temp.way('package', 1, 9, 'gb')], ARRAY[pg_temp.item(1, 'gb', 1, '2026-01-31', '2026-02-01')]),
	('straddles a way whose source others have spent', ARRAY[pg_temp.way('package', 1, 9, 'gb')], ARRAY[pg_temp.item(1, 'gb', 9), pg_temp.item(2, 'gb', 1, '2026-01-31', '2026-02-01')]),
	('one event runs out', ARRAY[pg_temp.way('package', 1, 9, 'gb')], ARRAY[pg_temp.item(1, 'gb', 10)]),
	('one event runs out beside an item of zero', ARRAY[pg_temp.way('package', 1, 9, 'gb')], ARRAY[pg_temp.item(1, 'gb', 10), pg_temp.item(2, 'gb', 0)]),
	('one group runs out', ARRAY[pg_temp.way('package', 1, 9, 'gb')], ARRAY[pg_temp.item(1, 'gb', 10, '2026-01-01', '2026-01-02')]),
	('runs out beside another item', ARRAY[pg_temp.way('package', 1, 9, 'gb')], ARRAY[pg_temp.item(1, 'gb', 10), pg_temp.item(2, 'cpu', 1)]),
	('runs out behind another item', ARRAY[pg_temp.way('package', 1, 9, 'gb')], ARRAY[pg_temp.item(1, 'gb', 8), pg_temp.item(2, 'gb', 2)]),
	('is covered to the last', ARRAY[pg_temp.way('package', 1, 9, 'gb')], ARRAY[pg_temp.item(1, 'gb', 8), pg_temp.item(2, 'gb', 1)]),
	('finds a spent source', ARRAY[pg_temp.way('package', 1, 9, 'gb')], ARRAY[pg_temp.item(1, 'gb', 9), pg_temp.item(2, 'gb', 1)]),
	('runs over', ARRAY[pg_temp.way('package', 1, 9, 'gb'), pg_temp.way('package', 2, 9, 'gb')], ARRAY[pg_temp.item(1, 'gb', 10), pg_temp.item(2, 'gb', 1)])) x(name, ways, items);

-- Beyond 128 bits from some item on, and both ways give the same.
CREATE FUNCTION pg_temp.path(boolean) RETURNS void AS '$libdir/billing', 'billing_test_waterfall_path' LANGUAGE C;
SELECT pg_temp.run(ARRAY[pg_temp.way('package', 1, 100, 'gb', 1.8), pg_temp.way('package', 2, 100, 'gb', 7), pg_temp.way('package', 3, 5e30, 'gb', 0.30)], true, pg_temp.item(1, 'gb', 1), pg_temp.item(2, 'gb', 1e30), pg_temp.item(3, 'gb', 1e50), pg_temp.item(4, 'gb', 2)) AS later \gx
CREATE TEMP TABLE cases AS SELECT r1, f1, r2, f2, q FROM unnest(ARRAY[0, 0.01, 10, 99.99, 1e18, 1e30, 1e-20]) r1, unnest(ARRAY[1, 1.8, 0.7, 1e-10, 3e20]) f1, unnest(ARRAY[0, 7, 1e20]) r2, unnest(ARRAY[1, 3, 0.25]) f2, unnest(ARRAY[0, 0.01, 5, 123.456, 1e20, 1e-20, 1e30]) q;
CREATE TEMP VIEW answer AS SELECT r1, f1, r2, f2, q, pg_temp.run(ARRAY[pg_temp.way('allowance', 1, r1, 'gb', f1), pg_temp.way('package', 2, r2, 'gb', f2)], true, pg_temp.item(1, 'gb', q), pg_temp.item(2, 'gb', 3)) AS steps FROM cases;
CREATE TEMP TABLE narrow AS SELECT * FROM answer;
SELECT pg_temp.path(false);
SELECT count(*) AS cases, count(*) FILTER (WHERE n.steps IS DISTINCT FROM a.steps) AS differ FROM narrow n JOIN answer a USING (r1, f1, r2, f2, q);
SELECT pg_temp.path(true);

-- In many groups of one query, by a window, and from a table whose array is toasted.
CREATE TEMP TABLE stored AS SELECT array_agg(pg_temp.way('package', n, 1, 'gb', 1, 'eu', repeat('x', n)) ORDER BY n) || pg_temp.way('package', 0, 50, 'gb') AS ways FROM generate_series(1, 2000) n;
ALTER TABLE stored ALTER ways SET STORAGE EXTERNAL;
INSERT INTO stored SELECT ways FROM stored;
SELECT count(*) AS groups, count(DISTINCT w) AS answers, min(w::text) AS answer FROM (SELECT waterfall(ways, n, 'gb', 'eu', NULL, '2026-01-10', '2026-01-10', n, false ORDER BY n) w FROM stored, generate_series(1, 8) n, generate_series(1, 20) g WHERE cardinality(ways) = 2001 GROUP BY stored.ctid, g) x;
SELECT n, waterfall(ARRAY[pg_temp.way('package', 1, 5, 'gb')], n, 'gb', NULL, NULL, '2026-01-10', '2026-01-10', n, true) OVER (ORDER BY n) FROM generate_series(1, 3) n;

-- What is refused.
CREATE FUNCTION pg_temp.refused(call text, OUT state text, OUT message text, OUT detail text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'SELECT ' || call;
	message := 'NOT REFUSED';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END $$;
\x on
SELECT call, r.* FROM (VALUES
	($$pg_temp.run('{}', false, pg_temp.item(1, 'gb', -1))$$),
	($$pg_temp.run('{}', false, pg_temp.item(1, 'gb', -1e60))$$),
	($$pg_temp.run('{}', false, pg_temp.item(1, 'gb', 'NaN'))$$),
	($$pg_temp.run('{}', false, pg_temp.item(1, 'gb', 'Infinity'))$$),
	($$pg_temp.run('{}', false, pg_temp.item(1, 'gb', '-Infinity'))$$),
	($$pg_temp.run('{}', false, pg_temp.item(1, 'gb', 1e-1001))$$),
	($$pg_temp.run(ARRAY[pg_temp.way('package', 1, -0.5, 'gb')], true, pg_temp.item(1, 'gb', 1))$$),
	($$pg_temp.run(ARRAY[pg_temp.way('package', 1, 'Infinity', 'gb')], true, pg_temp.item(1, 'gb', 1))$$),
	($$pg_temp.run(ARRAY[pg_temp.way('package', 1, 1, 'gb', 0)], true, pg_temp.item(1, 'gb', 1))$$),
	($$pg_temp.run(ARRAY[pg_temp.way('package', 1, 1, 'gb', -1.8)], true, pg_temp.item(1, 'gb', 1))$$),
	($$pg_temp.run(ARRAY[pg_temp.way('package', 1, 1, 'gb', 'NaN')], true, pg_temp.item(1, 'gb', 1))$$),
	($$pg_temp.run(ARRAY[pg_temp.way('package', 1, 1, 'gb'), pg_temp.way('package', 1, 2, 'cpu')], true, pg_temp.item(1, 'gb', 1))$$),
	($$pg_temp.run(ARRAY[pg_temp.way('bundle', 1, 1, 'gb')], true, pg_temp.item(1, 'gb', 1))$$),
	($$pg_temp.run(ARRAY[pg_temp.way('package', 1, NULL, 'gb')], true, pg_temp.item(1, 'gb', 1))$$),
	($$pg_temp.run(ARRAY[pg_temp.way('package', 1, 1, 'gb'), NULL], true, pg_temp.item(1, 'gb', 1))$$),
	($$pg_temp.run('{}', false, pg_temp.item(1, 'gb', NULL))$$),
	($$pg_temp.run('{}', NULL, pg_temp.item(1, 'gb', 1))$$),
	($$pg_temp.run('{}', false, pg_temp.item(1, 'gb', 1, '2026-01-02', '2026-01-01'))$$),
	($$pg_temp.run('{}', true, pg_temp.item(1, 'gb', 1, '2026-01-01', '2026-01-02'))$$),
	($$waterfall('{}', n, 'gb', NULL, NULL, now(), now(), 1, n = 1 ORDER BY n) FROM generate_series(1, 2) n$$)) x(call), pg_temp.refused(call) r;
