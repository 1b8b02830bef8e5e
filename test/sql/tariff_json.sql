-- Tariffs to JSON and back.
SET search_path = billing;
\pset format unaligned
\pset tuples_only on

SELECT t::tariff::jsonb, t::tariff::jsonb::tariff = t::tariff AS same
FROM (VALUES
	('graduated per GB: 0.0756 up to 2 TB, 0.0634 up to 10 TB, 0.0560 beyond'),
	('volume: flat 10 up to 20, flat 30 + 0.5 up to 40'),
	('graduated: 0.05 up to 10, 0.04 per 1000 beyond'),
	('graduated: 0 beyond'),
	('volume free 5 threshold bounds lower zero flat: flat 3 + 1 up to 10, 2 beyond'),
	('volume block 60 round down min 5 max 100 digits 2 half even: 1 up to 10, 2 block 5 beyond'),
	('graduated digits 0: 1 up to 10, 5% block 5 beyond')
) v(t);

-- Numbers may be numbers, keys may come in any order or be left out.
SELECT j::jsonb::tariff
FROM (VALUES
	('{"tiers": [{"price": 0.05, "up_to": 10.50}, {"flat": 3}], "model": "graduated", "per": 1000}'),
	('{"model": "volume", "tiers": [{"price": "1", "per": "4", "up_to": null}]}'),
	('{"model": "volume", "tiers": [{}]}'),
	('{"model": "volume", "free": 5.0, "threshold": false, "bounds": "upper", "zero_flat": false, "tiers": [{}]}'),
	('{"model":"graduated","per":"1000000000","free":"0","threshold":false,"block":"1","round":"up","bounds":"upper","zero_flat":false,
	"each":false,"min":null,"max":null,"digits":null,
	"tiers":[{"up_to":"10","price":"0.05","flat":"0","per":"1","block":"1"},{"up_to":null,"price":"0.04"}]}'),
	('{"model": "volume", "block": null, "round": "down", "min": 1.50, "max": "2", "digits": 3, "digits_round": "down", "tiers": [{"price": 1, "block": 5}]}'),
	('{"model": "volume", "free": "5", "threshold": true, "bounds": "lower", "zero_flat": true, "tiers": [{"flat": 1}]}')
) v(j);

-- What is refused, and where.
\pset format aligned
\pset tuples_only off
\pset expanded on
CREATE FUNCTION pg_temp.refusal(j jsonb, OUT state text, OUT detail text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM j::billing.tariff;
	detail := 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END $$;
SELECT j AS json, r.* FROM unnest(ARRAY[
	'null', '[]', '5', '"graduated"', '{}',
	'{"model": "graduated"}', '{"tiers": [{}]}', '{"model": "steps", "tiers": [{}]}', '{"model": null, "tiers": [{}]}',
	'{"model": "graduated", "tiers": []}', '{"model": "graduated", "tiers": {}}', '{"model": "graduated", "tiers": [5]}',
	'{"model": "graduated", "tiers": [{}], "currency": "USD"}',
	'{"model": "graduated", "tiers": [{"price": 1, "colour": "red"}]}',
	'{"model": "graduated", "tiers": [{"price": "1 GB"}]}', '{"model": "graduated", "tiers": [{"price": "1e3"}]}',
	'{"model": "graduated", "tiers": [{"price": -1}]}', '{"model": "graduated", "tiers": [{"flat": "-0.5"}]}',
	'{"model": "graduated", "tiers": [{"price": true}]}', '{"model": "graduated", "tiers": [{"price": null}]}',
	'{"model": "graduated", "tiers": [{"price": [1]}]}', '{"model": "graduated", "tiers": [{"price": "NaN"}]}',
	'{"model": "graduated", "tiers": [{"price": ""}]}', '{"model": "graduated", "per": "0", "tiers": [{"price": 1}]}',
	'{"model": "graduated", "per": 3, "tiers": [{"price": 1}]}',
	'{"model": "graduated", "tiers": [{"price": 1, "per": 0}]}',
	'{"model": "graduated", "tiers": [{"price": 1}, {"price": 2}]}',
	'{"model": "graduated", "tiers": [{"up_to": 10}, {"up_to": 5}]}', '{"model": "graduated", "tiers": [{"up_to": 0}]}',
	'{"model": "graduated", "tiers": [{"price": 1e40}]}', '{"model": "graduated", "tiers": [{"price": 0.0000000000000000000000000000000000000001}]}',
	'{"model": "graduated", "free": -1, "tiers": [{}]}', '{"model": "graduated", "free": null, "tiers": [{}]}',
	'{"model": "graduated", "threshold": "true", "tiers": [{}]}', '{"model": "graduated", "bounds": "middle", "tiers": [{}]}',
	'{"model": "graduated", "zero_flat": 1, "tiers": [{}]}', '{"model": "graduated", "block": 0, "tiers": [{}]}',
	'{"model": "graduated", "block": "1 GB", "tiers": [{}]}', '{"model": "graduated", "tiers": [{"block": null}]}',
	'{"model": "graduated", "tiers": [{"block": 0}]}', '{"model": "graduated", "round": "half", "tiers": [{}]}',
	'{"model": "graduated", "each": 1, "tiers": [{}]}', '{"model": "graduated", "block_first": "yes", "tiers": [{}]}',
	'{"model": "graduated", "block": 5, "block_first": true, "tiers": [{"up_to": 12}, {"block": 5}]}', '{"model": "graduated", "min": "-1", "tiers": [{}]}',
	'{"model": "graduated", "min": 3, "max": 2, "tiers": [{}]}', '{"model": "graduated", "max": 0, "tiers": [{}]}',
	'{"model": "graduated", "max": "none", "tiers": [{}]}', '{"model": "graduated", "digits": 2.5, "tiers": [{}]}',
	'{"model": "graduated", "digits": 39, "tiers": [{}]}', '{"model": "graduated", "digits_round": "even", "tiers": [{}]}',
	'{"model": "graduated", "tiers": [{"price": "5%"}]}', '{"model": "graduated", "tiers": [{"round": "up"}]}',
	'{"model": "graduated", "tiers": [{"pri\u0063e": 1}], "caf\u00e9 \"\\": 1}'
]::jsonb[]) j, pg_temp.refusal(j) r;

-- As a user sees it.
\pset expanded off
SELECT '{"model": "graduated", "tiers": [{"price": 1}], "discount": 5}'::jsonb::tariff;

-- Neither cast happens by itself, but both when a row is stored.
CREATE TEMP TABLE tariff_store (t tariff, j jsonb);
INSERT INTO tariff_store VALUES ('{"model": "volume", "tiers": [{"price": 1}]}'::jsonb, 'volume: 2 beyond'::tariff);
SELECT * FROM tariff_store;
SELECT 'volume: 1 beyond'::tariff || '{}'::jsonb;
