-- The binary form of a tariff.
SET search_path = billing;

CREATE TEMP TABLE tariff_out (id int, t tariff);
INSERT INTO tariff_out VALUES
	(1, 'graduated per GB: 0.0756 up to 2 TB, 0.0634 up to 10 TB, 0.0560 beyond'),
	(2, 'volume: flat 10 up to 20, flat 30 + 0.5 per 1000 up to 40'),
	(3, 'graduated free 5 threshold bounds lower zero flat: flat 7 beyond'), (4, NULL),
	(7, 'graduated free 1 block 10 first round down each min 2 digits 4: flat 3 + 1 up to 5, 2 beyond'),
	(6, 'volume free 1 block 10 round down min 2 max 30 digits 4 half even: 1 up to 5, 2 block 3 beyond');
INSERT INTO tariff_out
SELECT 5, ('graduated: ' || string_agg('1.5 up to ' || i, ', ' ORDER BY i))::tariff FROM generate_series(1, 1000) i;
SELECT id, tariff_send(t) FROM tariff_out WHERE id <> 5 ORDER BY id;

-- A round trip through COPY.
CREATE TEMP TABLE tariff_in (id int, t tariff);
SELECT current_setting('data_directory') || '/tariff_binary.tmp' AS file \gset
COPY tariff_out TO :'file' (FORMAT binary);
COPY tariff_in FROM :'file' (FORMAT binary);
SELECT o.id, i.t = o.t AS same, i.t::text = o.t::text AS same_text, tariff_send(i.t) = tariff_send(o.t) AS same_bytes
FROM tariff_out o JOIN tariff_in i USING (id) ORDER BY id;

-- What is refused.  COPY sends a bytea as it is, so any bytes can be offered as a tariff.
CREATE FUNCTION pg_temp.offer(data bytea, file text, OUT state text, OUT message text, OUT detail text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('COPY (SELECT %L::bytea) TO %L (FORMAT binary)', data, file);
	EXECUTE format('COPY tariff_in (t) FROM %L (FORMAT binary)', file);
	message := 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
END $$;
CREATE TEMP TABLE image AS
SELECT tariff_send('graduated per 10: 0.5 up to 20, flat 3 + 0.4 per 100 up to 30, 0.3 beyond') AS good,
	   tariff_send('graduated per 10 block 10 min 2 max 30 digits 4 up: 0.5 beyond') AS good2,
	   tariff_send('graduated block 10 first each: 0.5 up to 25') AS good3;
SELECT what, r.*
FROM image, LATERAL (VALUES
	(1, 'as it was sent', good),
	(2, 'nothing', ''),
	(3, 'half of the head', substr(good, 1, 10)),
	(4, 'a byte too few', substr(good, 1, length(good) - 1)),
	(5, 'a byte too many', good || '\x00'),
	(6, 'version 2', set_byte(good, 3, 2)),
	(7, 'an unknown bit', set_byte(good, 0, 128)),
	(8, 'another unknown bit', set_byte(good, 2, get_byte(good, 2) | 2)),
	(24, 'a free part that is not there', set_byte(good, 2, get_byte(good, 2) | 128)),
	(25, 'a threshold without a free part', set_byte(good, 1, 1)),
	(26, 'zero flat without a flat in the first tier', set_byte(good, 1, 4)),
	(27, 'bounds lower', set_byte(good, 1, 2)),
	(30, 'all the limits', good2),
	(31, 'digits 39', set_byte(good2, 57, 39)),
	(32, 'no rounding of digits that is known', set_byte(good2, 58, 4)),
	(33, 'another rounding', set_byte(good2, 58, 1)),
	(34, 'digits that end too early', substr(good2, 1, 58)),
	(35, 'a minimum of 0', set_byte(good2, 39, 0)),
	(36, 'a minimum above the maximum', set_byte(good2, 39, 31)),
	(37, 'a maximum of 0', set_byte(good2, 56, 0)),
	(38, 'a block of 0', set_byte(good2, 92, 0)),
	(39, 'a negative block', set_byte(good2, 77, 128)),
	(40, 'blocks rounded down', set_byte(good2, 1, get_byte(good2, 1) | 16)),
	(41, 'rounded down without a block', set_byte(good, 1, get_byte(good, 1) | 16)),
	(42, 'a block that comes first', good3),
	(43, 'and is 0', set_byte(good3, 39, 0)),
	(44, 'and changes nothing', set_byte(good3, 39, 5)),
	(45, 'and is not trimmed', set_byte(set_byte(good3, 23, 1), 39, 100)),
	(46, 'blocks first and inside', set_byte(good3, 1, 8)),
	(47, 'without each', set_byte(good3, 0, 2)),
	(48, 'a bit above each', set_byte(good3, 0, 7)),
	(9, 'the other model', set_byte(good, 2, get_byte(good, 2) | 1)),
	(10, 'no tiers', substr(set_byte(set_byte(good, 4, 0), 5, 0), 1, 23)),
	(11, 'more tiers than there are', set_byte(good, 5, 4)),
	(12, 'fewer tiers than there are', set_byte(good, 5, 2)),
	(13, 'far too many tiers', set_byte(good, 4, 255)),
	(14, 'per 0', set_byte(good, 22, 0)),
	(15, 'per negative', set_byte(good, 7, 255)),
	(16, 'per not trimmed', set_byte(set_byte(good, 6, 1), 22, 100)),
	(17, 'per not that of the first price', set_byte(good, 22, 100)),
	(18, 'scale too large', set_byte(good, 6, 200)),
	(19, 'bound 0', set_byte(good, 39, 0)),
	(20, 'bounds not rising', set_byte(good, 39, 30)),
	(21, 'price negative', set_byte(good, 41, 128)),
	(22, 'price of 39 digits', overlay(good placing '\x7fffffffffffffffffffffffffffffff' from 42)),
	(23, 'said to have no flats', set_byte(good, 2, get_byte(good, 2) & 239))
) v(n, what, data), pg_temp.offer(data, :'file') r
ORDER BY n;

-- No single byte of a tariff can be changed into something that is accepted and then sent in another way.
CREATE FUNCTION pg_temp.mutants(good bytea, file text, OUT accepted int, OUT refused int, OUT wrong int) LANGUAGE plpgsql AS $$
DECLARE
	data bytea;
	sent bytea;
BEGIN
	accepted := 0; refused := 0; wrong := 0;
	FOR i IN 0..length(good) - 1 LOOP
		FOREACH sent IN ARRAY ARRAY['\x00', '\x01', '\xff']::bytea[] LOOP
			data := overlay(good placing sent from i + 1);
			BEGIN
				DELETE FROM tariff_in;
				EXECUTE format('COPY (SELECT %L::bytea) TO %L (FORMAT binary)', data, file);
				EXECUTE format('COPY tariff_in (t) FROM %L (FORMAT binary)', file);
				SELECT billing.tariff_send(t) INTO sent FROM tariff_in;
				accepted := accepted + 1;
				wrong := wrong + (sent <> data)::int;
			EXCEPTION WHEN invalid_binary_representation OR numeric_value_out_of_range OR feature_not_supported
				OR program_limit_exceeded THEN
				refused := refused + 1;
			END;
		END LOOP;
	END LOOP;
END $$;
SELECT m.accepted > 50 AS some_accepted, m.refused > 50 AS some_refused, m.wrong
FROM image, unnest(ARRAY[good, good2, good3]) image_, pg_temp.mutants(image_, :'file') m;

-- A stored tariff of another format is refused, not misread.  (Only a superuser can make one, by a lie.)
CREATE FUNCTION pg_temp.lie(bytea) RETURNS tariff AS 'int8up' LANGUAGE internal;
SELECT rate(pg_temp.lie('\x02000000'), 1);
SELECT pg_temp.lie('\x0100008001000000000000000000000000000000000000000000000000000000');
SELECT pg_temp.lie('\x0100000001000000000000000000000000000000000000000000000000000000');
SELECT pg_temp.lie('\x')::text;
SELECT rate(pg_temp.lie('\x01000004'::bytea || decode(repeat('00', 28), 'hex')), 1) AS unknown_bit;
SELECT rate(pg_temp.lie('\x01000802010000000000000000000000'::bytea || decode(repeat('00', 160), 'hex')), 1) AS blocks_twice;

-- A tariff as it was stored before there were blocks and limits reads as it did.
SELECT t, t = 'graduated per 1000 free 5: 2 up to 10, flat 1 + 1 beyond' AS same, rate(t, 20)
FROM (SELECT pg_temp.lie('\x01d0000002000000e80300000000000000000000000000000a000000000000000000000000000000ffffffffffffffffffffffffffffff7f020000000000000000000000000000000000000000000000000000000000000003000000000000000100000000000000000000000000000065000000000000000000000000000000030200000000000002000000000000000000000000000000010000000000000000000000000000000000000000000000000000000000000001000000000000000000000000000000050000000000000000000000000000000000000000000000') AS t) s;

SELECT 'rm ' || :'file' AS remove \gset
COPY (SELECT 1) TO PROGRAM :'remove';
