-- The text of a tariff: what is read, how it is printed, what is refused and why.
SET search_path = billing;
\pset format unaligned
\pset tuples_only on

-- Canonical text: reading it back gives the same bytes.
SELECT t::tariff, (t::tariff)::text::tariff::text = t::tariff::text AS same
FROM (VALUES
	('graduated per GB: 0.0756 up to 2 TB, 0.0634 up to 10 TB, 0.0560 beyond'),
	('volume: 5 up to 10, 3 up to 15, 1 beyond'),
	('graduated per GB: 0.05 beyond'),
	('graduated: .50 up to 00100.00'),
	('GRADUATED	per	1 gigs : 1 beyond'),
	('  Graduated
Per 1000.0:0.5 Up To 10k,0.25 Beyond  '),
	('graduated per 3600: 0.36 beyond'),
	('graduated per GiB: 0.02 up to 1 TiB, 0.01 up to 1.5 TiB, 0.005 beyond'),
	('graduated per 1 Mbps: 3 up to 30 Gbps, 2.5 beyond'),
	('volume: flat 10 up to 20, flat 30 + 0.5 up to 40, flat 60 + beyond'),
	('graduated: flat 0 + 1 beyond'),
	('graduated per 10000 requests: 0.20 up to 50M requests, 0.18 beyond'),
	('graduated: 0 up to 10, 1 beyond'),
	('graduated per minute: 0.1 up to 60 minutes, 0.05 beyond'),
	('graduated per 0.001: 5 up to 0.25, 4 up to 1000, 3 up to 1500, 2 up to 1000000000000000000000000, 1 beyond'),
	('volume: 1 up to 1024, 2 up to 1025, 3 up to 2048k, 4 up to 5000 Ki, 5 up to 1 Yi'),
	('graduated per GB free 10 GB: 0.05 beyond'),
	('volume zero flat bounds lower free 5k threshold per 1000: flat 3 + 1 up to 10k, 2 beyond'),
	('volume bounds upper free 0 threshold zero flat: 1 up to 10, flat 1 beyond'),
	('graduated: 2.90% up to 1000, 100% beyond'),
	('graduated: flat 0.30 + 2.9 % per 1k beyond'),
	('graduated per 10 block 10 round up: 1 beyond'),
	('volume digits 2 half up max 100 min 5 round down block 60 s: 0.5 up to 1k, 0.4 block 1 beyond'),
	('graduated zero flat min 5 digits 0 half even: 1 beyond'),
	('graduated digits 3 up: 1 beyond'), ('graduated digits 38 down: 1 beyond'),
	('graduated min 0 round down: 1 beyond'),
	('graduated per 7 block 7: 1 beyond')
) v(t);

-- Of the ways to spread the same pers over a tariff one is canonical.
SELECT t::tariff
FROM (VALUES
	('graduated: 0.05 per GB up to 1 TB, 0.04 per GB beyond'),
	('graduated per GB: 0.05 up to 1 TB, 0.04 per TB beyond'),
	('graduated per TB: 0.05 per GB up to 1 TB, 0.04 beyond'),
	('graduated per TB: 0 up to 1 GB, 0.05 per GB up to 1 TB, 0 per 7 beyond'),
	('graduated per GB: flat 5 beyond')
) v(t);

-- Of blocks likewise: the tariff's is that of the first tier with a price, if all such tiers have one.
SELECT t::tariff
FROM (VALUES
	('graduated: 1 block 10 up to 100, 2 block 10 up to 200, flat 5 block 7 beyond'),
	('graduated block 10: 1 up to 100, 2 block 5 beyond'),
	('graduated block 10: flat 1 up to 100, 2 block 5 beyond'),
	('graduated: 1 block 10 up to 100, 2 beyond'),
	('graduated round down: 1 up to 100, flat 2 + block 10 up to 200, 2 block 5 beyond'),
	('graduated round down block 10: flat 1 beyond')
) v(t);

-- Prefixes multiply, letters do not.
SELECT q, (SELECT upper FROM tariff_tiers(('graduated: 1 up to ' || q)::tariff))
FROM unnest(ARRAY['1', '1 B', '1k', '1 K', '1 kB', '1 KB', '1 kbps', '1 Ki', '1 KiB', '1M', '1 Mi', '1.5 MB', '1 Mbps',
	'1 G', '1 GiB', '1 Gbit', '1 T', '1 TiB', '1 PB', '1 PiB', '1 EB', '1 EiB', '1 ZB', '1 ZiB', '1 YB', '1 YiB',
	'0.5 KiB', '2 requests', '3 IP', '4 ms', '5 bps', '6 Mreq', '7 VAU', '8M requests', '9 Ki b']) q;

\pset format aligned
\pset tuples_only off
\pset expanded on

-- What is refused, where, and what was expected.
CREATE FUNCTION pg_temp.refusal(t text, OUT state text, OUT detail text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM t::billing.tariff;
	detail := 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END $$;
SELECT t AS text, r.* FROM unnest(ARRAY[
	'', 'gradual: 1 beyond', 'graduated 1 beyond', 'graduated', 'graduated:', 'graduated per: 1 beyond',
	'graduated per 0 GB: 1 beyond', 'graduated per -1: 1 beyond', 'graduated per GB per GB: 1 beyond',
	'graduated: 1', 'graduated: 1 up', 'graduated: 1 up to', 'graduated: 1 up to GB', 'graduated: up to 10', 'graduated: beyond',
	'graduated: 1 to 10', 'graduated: 1 up to 10,', 'graduated: 1 up to 10;', 'graduated: 1 up to 10 2 beyond',
	'graduated: 1 beyond, 2 up to 10', 'graduated: 1 beyond 2', 'graduated: 1 beyond.', 'graduated: 1 up to 10, , 2 beyond',
	'graduated: 2 up to 10, 1 up to 10', 'graduated: 2 up to 10, 1 up to 5, 3 beyond', 'graduated: 2 up to 0, 1 beyond',
	'graduated: -1 beyond', 'graduated: flat -1 beyond', 'graduated: 1 up to -5', 'graduated: +1 beyond',
	'graduated: NaN beyond', 'graduated: Infinity beyond', 'graduated: 1e3 beyond', 'graduated: 1 up to 1e3', 'graduated: 1. beyond',
	'graduated: 1,5 beyond', 'graduated: flat beyond', 'graduated: flat 1 2 beyond', 'graduated: flat 1 + 2 3 beyond',
	'graduated per GB: 1 per 2 per 3 beyond', 'graduated: 1 per GB GB beyond',
	'graduated: 1 up to 10 gb', 'graduated: 1 up to 10 mb', 'graduated: 1 up to 1m', 'graduated: 1 up to 10 GBs',
	'graduated: 1 up to 10 gib', 'graduated: 1 up to 2 million', 'graduated: 1 up to 2 Million', 'graduated: 1 up to 2 gigabyte',
	'graduated per GPU: 1 beyond', 'graduated per min: 1 beyond', 'graduated: 1 up to 10 GB/s', 'graduated: 1 up to 1 k kB', 'graduated: 1 up to 1 GB B', 'graduated: 1 up to 10 µs',
	'graduated: 1 up to 10, é beyond',
	'graduated per 3: 0.1 beyond', 'graduated: 1 up to 5, 0.1 per 3600 beyond', 'graduated per 7: 0.7 up to 10, 0.5 beyond',
	'graduated: 100000000000000000000000000000000000000 beyond',
	'graduated: 0.000000000000000000000000000000000000001 beyond',
	'graduated: 1 up to 999999999999999 YB', 'graduated per YiB: 1.1 beyond',
	'graduated: 1 up to 0.000000000000000000000000000001, 2 up to 1000000000000',
	'volume free: 1 beyond', 'volume free -1: 1 beyond', 'volume free 5 free 6: 1 beyond', 'volume threshold: 1 beyond',
	'volume bounds: 1 beyond', 'volume bounds middle: 1 beyond', 'volume zero: 1 beyond', 'volume zero flat flat: 1 beyond',
	'volume each each: 1 beyond', 'volume each: 1 first beyond', 'volume first: 1 beyond', 'volume block first 5: 1 beyond',
	'volume block 5 first: 1 block 5 up to 7', 'volume block 5: 1 block 3 first up to 7', 'volume block 3600 first: 0.1 per 3600 up to 5000', 'volume block: 1 beyond', 'volume block 0: 1 beyond', 'volume block GB: 1 beyond', 'volume block 5 block 6: 1 beyond',
	'volume block 5: 1 block 0 beyond', 'volume block 5: 1 block beyond', 'volume: 1 block 5 per 5 beyond', 'volume block 3: 1 per 7 beyond',
	'volume round: 1 beyond', 'volume round half: 1 beyond', 'volume min: 1 beyond', 'volume min -1: 1 beyond', 'volume max 0: 1 beyond',
	'volume min 5 max 4: 1 beyond', 'volume max 4 min 5: 1 beyond', 'volume min 5%: 1 beyond', 'volume digits: 1 beyond',
	'volume digits 1.5: 1 beyond', 'volume digits 39: 1 beyond', 'volume digits 2 half: 1 beyond', 'volume digits 2 even: 1 beyond',
	'volume: flat 5% beyond', 'volume: % beyond', 'volume: 5%% beyond', 'volume: 0.0000000000000000000000000000000000001% beyond'
]) t, pg_temp.refusal(t) r;
\pset expanded off
\t on
SELECT state, detail, hint
FROM pg_temp.refusal('graduated: ' || (SELECT string_agg('1 up to ' || i, ', ' ORDER BY i) FROM generate_series(1, 1001) i));
\t off

-- A thousand tiers are fine.
SELECT (SELECT count(*) FROM tariff_tiers(t)), length(t::text), rate(t, 500.5)
FROM (SELECT ('graduated: ' || string_agg('1 up to ' || i, ', ' ORDER BY i))::tariff AS t FROM generate_series(1, 1000) i) s;

-- As a user sees it.
SELECT 'graduated per GB: 0.05 up to 10 TB, 0.04'::tariff;
SELECT 'volume: 2 up to 10, 1 up to 9 beyond'::tariff;

-- What a tariff says of itself.
SELECT tariff_model('volume: 1 beyond');
SELECT * FROM tariff_tiers('graduated per GB: 0.05 up to 2 TB, flat 5 + 0.04 per TB up to 10 TB, flat 9 beyond');
SELECT * FROM tariff_tiers('volume: 0.05 up to 100, 4% block 10 beyond');

-- Equality is that of the canonical text.
SELECT a = b AS eq, a <> b AS ne, tariff_hash(a) = tariff_hash(b) AS hash,
	   tariff_hash_extended(a, 7) = tariff_hash_extended(b, 7) AS hash_extended
FROM (VALUES
	('graduated per GB: 0.050 up to 1 TB, 0.04 beyond'::tariff, 'graduated: 0.05 per 1000 MB up to 1000G, 0.04 per 1G beyond'::tariff),
	('graduated: 1 beyond', 'volume: 1 beyond'),
	('graduated: 1 up to 10', 'graduated: 1 up to 11'),
	('graduated: 1 beyond', 'graduated: flat 1 + 1 beyond'),
	('graduated free 5: 1 beyond', 'graduated free 5 threshold: 1 beyond'),
	('graduated bounds lower: 1 beyond', 'graduated: 1 beyond'),
	('graduated: 5% beyond', 'graduated: 0.05 beyond'),
	('graduated block 5: 1 beyond', 'graduated round up: 1 block 5.0 beyond'),
	('graduated digits 2: 1 beyond', 'graduated digits 2 half even: 1 beyond'),
	('graduated each: 1 beyond', 'graduated: 1 beyond'),
	('graduated block 5 first: 1 up to 10, 2 beyond', 'graduated block 5: 1 up to 10, 2 beyond'),
	('graduated block 5 first: 1 up to 12, 2 beyond', 'graduated block 5: 1 up to 12, 2 beyond')) v(a, b);
SELECT t, count(*) FROM unnest(ARRAY['volume: 1 beyond', 'volume: 1.0 beyond', 'volume: 2 beyond']::tariff[]) t
GROUP BY t ORDER BY t::text;
SELECT opcname, amvalidate(oid) FROM pg_opclass WHERE opcname = 'tariff_ops';

-- Every object of the type has a comment.
SELECT p.oid::regprocedure FROM pg_proc p
WHERE pronamespace = 'billing'::regnamespace AND prosrc LIKE 'billing_%' AND (proname LIKE 'tariff%' OR proname LIKE 'rate%' OR proname = 'quantity_for')
  AND obj_description(oid, 'pg_proc') IS NULL;
