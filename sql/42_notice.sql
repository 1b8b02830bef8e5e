-- Notices: the outbox that any mailer reads.

CREATE FUNCTION billing._facts(VARIADIC "any") RETURNS jsonb
AS 'MODULE_PATHNAME', 'billing_facts' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION billing._facts("any") IS 'jsonb_build_object() of text, numbers, booleans and instants, faster where many rows have the same facts';

CREATE FUNCTION billing._notify(account_id bigint, kind text, subject text, subject_id text, cause text, facts jsonb, at timestamptz)
	RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
	INSERT INTO billing.notice (account_id, kind, subject, subject_id, cause, facts, at)
	VALUES (_notify.account_id, _notify.kind, _notify.subject, _notify.subject_id, _notify.cause, _notify.facts, _notify.at)
	ON CONFLICT DO NOTHING
$fn$;
COMMENT ON FUNCTION billing._notify(bigint, text, text, text, text, jsonb, timestamptz)
	IS 'writes a notice, once for each account, kind, subject and cause';

CREATE FUNCTION billing._notice_text(kind text, language text, facts jsonb) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	told text;
	fact record;
BEGIN
	SELECT t.text INTO told FROM billing.notice_template t
	WHERE t.kind = _notice_text.kind AND t.language IN (_notice_text.language, '') ORDER BY t.language <> '' DESC LIMIT 1;
	-- A value may look like a placeholder, but none is read twice: the text is cut at placeholders first.
	RETURN (SELECT string_agg(CASE WHEN p.name IS NULL THEN p.part ELSE coalesce(facts ->> p.name, '') END, '' ORDER BY p.n)
		FROM (SELECT m.part[1] AS part, m.part[2] AS name, m.n
			FROM regexp_matches(told, '(\{(\w+)\}|[^{]+|\{)', 'g') WITH ORDINALITY m(part, n)) p);
END
$fn$;
COMMENT ON FUNCTION billing._notice_text(text, text, jsonb) IS 'the template''s text with its facts; NULL: there is no template';

CREATE FUNCTION billing.claim_notices(max_rows integer DEFAULT 100, language text DEFAULT '', at timestamptz DEFAULT now())
	RETURNS TABLE (account_id bigint, notice_id bigint, kind text, subject text, subject_id text, text text, facts jsonb, noticed_at timestamptz)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
#variable_conflict use_column
BEGIN
	PERFORM billing._check_installed();
	IF coalesce(max_rows, 0) < 1 OR at IS NULL OR NOT isfinite(at) THEN
		RAISE EXCEPTION '% notices at % can not be claimed', coalesce(max_rows::text, 'NULL'), coalesce(claim_notices.at::text, 'NULL') USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'The number of notices is above 0, the instant finite.',
			HINT = 'SELECT * FROM billing.claim_notices(100);';
	END IF;
	RETURN QUERY WITH taken AS (
		SELECT n.account_id, n.notice_id FROM billing.notice n
		WHERE n.acknowledged_at IS NULL AND (n.claimed_at IS NULL OR n.claimed_at <= claim_notices.at - interval '1 hour')
		ORDER BY n.notice_id LIMIT max_rows FOR UPDATE SKIP LOCKED
	), claimed AS (
		UPDATE billing.notice n
		SET claimed_at = claim_notices.at, text = billing._notice_text(n.kind, coalesce(claim_notices.language, ''), n.facts)
		FROM taken t WHERE n.account_id = t.account_id AND n.notice_id = t.notice_id
		RETURNING n.*
	)
	SELECT c.account_id, c.notice_id, c.kind::text, c.subject, c.subject_id::text, c.text, c.facts, c.at FROM claimed c ORDER BY c.notice_id;
END
$fn$;
COMMENT ON FUNCTION billing.claim_notices(integer, text, timestamptz)
	IS 'gives out the oldest notices that nobody has claimed within the hour, with their text; deliver them, then acknowledge each';

CREATE FUNCTION billing.acknowledge_notice(account_id bigint, notice_id bigint, at timestamptz DEFAULT now()) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	before timestamptz;
BEGIN
	PERFORM billing._check_instant('acknowledge_notice', coalesce(at, now()));
	SELECT n.acknowledged_at INTO before FROM billing.notice n
	WHERE n.account_id = acknowledge_notice.account_id AND n.notice_id = acknowledge_notice.notice_id FOR UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'account % has no notice %', coalesce(account_id::text, 'NULL'), coalesce(notice_id::text, 'NULL') USING
			ERRCODE = 'no_data_found',
			DETAIL = 'A notice is named by its account and its number.',
			HINT = 'Take both from billing.claim_notices().';
	END IF;
	UPDATE billing.notice n SET acknowledged_at = coalesce(acknowledge_notice.at, now())
	WHERE n.account_id = acknowledge_notice.account_id AND n.notice_id = acknowledge_notice.notice_id AND n.acknowledged_at IS NULL;
	RETURN before IS NULL;
END
$fn$;
COMMENT ON FUNCTION billing.acknowledge_notice(bigint, bigint, timestamptz)
	IS 'says that a notice was delivered, so that it is not given out again; false: it was acknowledged before';

CREATE FUNCTION billing._announce_notices() RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_bitmapscan = off	-- for one row of many
AS $fn$
BEGIN
	IF EXISTS (SELECT FROM billing.notice n WHERE n.acknowledged_at IS NULL AND n.claimed_at IS NULL) THEN
		NOTIFY billing_notice;
	END IF;
	RETURN false;
END
$fn$;
COMMENT ON FUNCTION billing._announce_notices() IS 'NOTIFY billing_notice while there are notices that nobody has claimed; called by tick only';
