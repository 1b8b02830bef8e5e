-- The binary form of a lifecycle policy, and the form on disk.
SET search_path = billing;

CREATE TEMP TABLE lifecycle_out (id int, p lifecycle_policy);
INSERT INTO lifecycle_out VALUES
	(1, 'notice immediately, suspend after 24 hours, release after 60 days'),
	(2, 'notice 7 days before, suspend "a ""b é" immediately, notice 1 week before release, release after 1 month at 23:59, resume auto, jump'),
	(3, NULL);
INSERT INTO lifecycle_out
SELECT 4, string_agg('restrict "' || repeat('"', 118) || lpad(i::text, 4, '0') || '" after 9999 minutes at 23:59', ', ' ORDER BY i)::lifecycle_policy FROM generate_series(1, 32) i;
SELECT id, encode(lifecycle_policy_send(p), 'escape') FROM lifecycle_out WHERE id <> 4 ORDER BY id;

-- A round trip through COPY, also in a client's encoding that is not the server's.
CREATE TEMP TABLE lifecycle_in (id int, p lifecycle_policy);
SELECT current_setting('data_directory') || '/lifecycle_binary.tmp' AS file \gset
COPY lifecycle_out TO :'file' (FORMAT binary);
COPY lifecycle_in FROM :'file' (FORMAT binary);
SELECT o.id, i.p = o.p AS same, i.p::text = o.p::text AS same_text, lifecycle_policy_send(i.p) = lifecycle_policy_send(o.p) AS same_bytes
FROM lifecycle_out o JOIN lifecycle_in i USING (id) ORDER BY id;
TRUNCATE lifecycle_in;
SET client_encoding = 'latin1';
SELECT encode(lifecycle_policy_send(p), 'escape') LIKE '%b \\351"%' AS in_latin1 FROM lifecycle_out WHERE id = 2;
COPY lifecycle_out TO :'file' (FORMAT binary);
COPY lifecycle_in FROM :'file' (FORMAT binary);
SET client_encoding = 'utf8';
SELECT o.id, i.p = o.p AS same FROM lifecycle_out o JOIN lifecycle_in i USING (id) ORDER BY id;
COPY lifecycle_in FROM :'file' (FORMAT binary);

-- What is refused.  COPY sends a bytea as it is, so any bytes can be offered as a policy.
CREATE FUNCTION pg_temp.offer(data bytea, file text, OUT state text, OUT message text, OUT detail text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('COPY (SELECT %L::bytea) TO %L (FORMAT binary)', data, file);
	EXECUTE format('COPY lifecycle_in (p) FROM %L (FORMAT binary)', file);
	message := 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
END $$;
SELECT what, r.*
FROM (VALUES
	(1, 'as it was sent', '\x00000001'::bytea || 'notice immediately, suspend after 24 hours, resume auto'),
	(2, 'nothing', ''), (3, 'half of the head', '\x0000'), (4, 'no text', '\x00000001'),
	(5, 'version 2', '\x00000002'::bytea || 'notice immediately'), (6, 'an unknown bit', '\x80000001'::bytea || 'notice immediately'),
	(7, 'no policy', '\x00000001'::bytea || 'notice'), (8, 'a byte too few', '\x00000001'::bytea || 'notice immediatel'),
	(9, 'a byte too many', '\x00000001'::bytea || 'notice immediately '), (10, 'a NUL', '\x00000001'::bytea || 'notice immediately' || '\x00'),
	(11, 'a NUL in a name', '\x00000001'::bytea || 'suspend "a' || '\x00'::bytea || '" immediately'),
	(12, 'a name of no characters', '\x00000001'::bytea || 'suspend "' || '\xff'::bytea || '" immediately'),
	(13, 'not canonical: case', '\x00000001'::bytea || 'Notice immediately'), (14, 'quotes', '\x00000001'::bytea || 'suspend "a" immediately'),
	(15, 'plural', '\x00000001'::bytea || 'suspend after 1 days'), (16, 'a default', '\x00000001'::bytea || 'notice immediately, walk'),
	(17, 'no comma', '\x00000001'::bytea || 'notice immediately resume auto'), (18, 'order', '\x00000001'::bytea || 'notice immediately, jump, resume auto'),
	(19, 'a zero in front', '\x00000001'::bytea || 'suspend after 01 day'), (20, 'an hour of one digit', '\x00000001'::bytea || 'suspend after 1 day at 8:00'),
	(21, 'steps out of order', '\x00000001'::bytea || 'notice immediately, notice 7 days before'),
	(22, 'too many steps', '\x00000001'::bytea || (SELECT string_agg('notice after ' || i || ' minutes', ', ') FROM generate_series(2, 34) i)::bytea)
) v(n, what, data), pg_temp.offer(data, :'file') r
ORDER BY n;

-- No single byte of what is sent can be changed into something that is accepted and then sent in another way.
CREATE FUNCTION pg_temp.mutants(good bytea, file text, OUT accepted int, OUT refused int, OUT wrong int) LANGUAGE plpgsql AS $$
DECLARE
	data bytea;
	sent bytea;
BEGIN
	accepted := 0; refused := 0; wrong := 0;
	FOR i IN 0..length(good) - 1 LOOP
		FOREACH sent IN ARRAY ARRAY['\x00', '\x01', '\x20', '\x22', '\x2c', '\x31', '\x35', '\x41', '\x61', '\xff']::bytea[] LOOP
			data := overlay(good placing sent from i + 1);
			BEGIN
				DELETE FROM lifecycle_in;
				EXECUTE format('COPY (SELECT %L::bytea) TO %L (FORMAT binary)', data, file);
				EXECUTE format('COPY lifecycle_in (p) FROM %L (FORMAT binary)', file);
				SELECT billing.lifecycle_policy_send(p) INTO sent FROM lifecycle_in;
				accepted := accepted + 1;
				wrong := wrong + (sent <> data)::int;
			EXCEPTION WHEN invalid_binary_representation OR feature_not_supported OR character_not_in_repertoire THEN
				refused := refused + 1;
			END;
		END LOOP;
	END LOOP;
END $$;
SELECT m.accepted > 5 AS some_accepted, m.refused > 50 AS some_refused, m.wrong
FROM pg_temp.mutants((SELECT lifecycle_policy_send(p) FROM lifecycle_out WHERE id = 2), :'file') m;

-- A stored policy of another format, or damaged, is refused, not misread.  (Only a superuser can make one, by a lie.)
CREATE FUNCTION pg_temp.lie(bytea) RETURNS lifecycle_policy AS 'int8up' LANGUAGE internal;
CREATE FUNCTION pg_temp.stored(data bytea, OUT state text, OUT message text) LANGUAGE plpgsql AS $$
BEGIN
	message := pg_temp.lie(data)::text;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
END $$;
SELECT what, r.* FROM (VALUES
	(1, 'notice immediately, suspend "a" after 24 hours at 08:00', '\x0103000002000000000200000000ffff020302011800e00161'::bytea),
	(2, 'nothing', ''), (3, 'half a head', '\x01030000'), (4, 'version 2', '\x0203000002000000000200000000ffff020302011800e00161'),
	(5, 'an unknown bit', '\x0107000002000000000200000000ffff020302011800e00161'), (6, 'another unknown bit', '\x0103008002000000000200000000ffff020302011800e00161'),
	(7, 'no steps', '\x0103000000000000'), (8, 'too many steps', '\x0103000021000000' || decode(repeat('000200000000ffff', 33), 'hex')),
	(9, 'what is zero is not', '\x0103000002000100000200000000ffff020302011800e00161'), (10, 'fewer steps than told', '\x0103000003000000000200000000ffff020302011800e00161'),
	(11, 'an unknown action', '\x0103000002000000050200000000ffff020302011800e00161'), (12, 'an unknown direction', '\x0103000002000000000400000000ffff020302011800e00161'),
	(13, 'an unknown unit', '\x0103000002000000000206000000ffff020302011800e00161'), (14, 'a longer name than there is', '\x0103000002000000000200000000ffff020302021800e00161'),
	(15, 'a name too long', '\x0103000001000000020200400000ffff' || decode(repeat('61', 64), 'hex')), (16, 'immediately with a delay', '\x0103000002000000000200000100ffff020302011800e00161'),
	(17, 'no delay', '\x0103000002000000000200000000ffff020302010000e00161'), (18, 'too long a delay', '\x0103000002000000000200000000ffff020302011127e00161'),
	(19, 'a time of day of 24 hours', '\x0103000002000000000200000000ffff020302011800a00561'), (20, 'a time of day before the anchor', '\x0103000002000000000200000000ffff020002011800e00161'),
	(21, 'a byte too many', '\x0103000002000000000200000000ffff020302011800e0016161')) v(n, what, data), pg_temp.stored(data) r ORDER BY n;
SELECT pg_temp.lie('\x02')::text;
SELECT lifecycle_resume(pg_temp.lie('\x0200000001000000000200000000ffff'));

SELECT 'rm ' || :'file' AS remove \gset
COPY (SELECT 1) TO PROGRAM :'remove';
