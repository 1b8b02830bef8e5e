-- The type of lifecycle policies: who is warned, restricted, suspended, downgraded and released, and when.

CREATE TYPE billing.lifecycle_policy;

CREATE FUNCTION billing.lifecycle_policy_in(cstring) RETURNS billing.lifecycle_policy
AS 'MODULE_PATHNAME', 'billing_lifecycle_policy_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.lifecycle_policy_in(cstring) IS 'reads the text of a lifecycle policy';

CREATE FUNCTION billing.lifecycle_policy_out(billing.lifecycle_policy) RETURNS cstring
AS 'MODULE_PATHNAME', 'billing_lifecycle_policy_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.lifecycle_policy_out(billing.lifecycle_policy) IS 'prints the canonical text of a lifecycle policy';

CREATE FUNCTION billing.lifecycle_policy_recv(internal) RETURNS billing.lifecycle_policy
AS 'MODULE_PATHNAME', 'billing_lifecycle_policy_recv' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.lifecycle_policy_recv(internal) IS 'reads the binary form of a lifecycle policy';

CREATE FUNCTION billing.lifecycle_policy_send(billing.lifecycle_policy) RETURNS bytea
AS 'MODULE_PATHNAME', 'billing_lifecycle_policy_send' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.lifecycle_policy_send(billing.lifecycle_policy)
	IS 'writes the binary form of a lifecycle policy; names are in the client''s encoding, as those of text are';

CREATE TYPE billing.lifecycle_policy (
	INPUT = billing.lifecycle_policy_in,
	OUTPUT = billing.lifecycle_policy_out,
	RECEIVE = billing.lifecycle_policy_recv,
	SEND = billing.lifecycle_policy_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = int4,
	STORAGE = extended
);
COMMENT ON TYPE billing.lifecycle_policy
	IS 'what happens when an account is overdue or a term ends: notice immediately, suspend after 24 hours, release after 60 days';

-- Casts.  As of tariffs, neither loses anything, and neither is implicit.

CREATE FUNCTION billing.lifecycle_policy_to_jsonb(billing.lifecycle_policy) RETURNS jsonb
AS 'MODULE_PATHNAME', 'billing_lifecycle_policy_to_jsonb' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.lifecycle_policy_to_jsonb(billing.lifecycle_policy)
	IS 'the JSON of a lifecycle policy; the cast to jsonb';

CREATE FUNCTION billing.lifecycle_policy_from_jsonb(jsonb) RETURNS billing.lifecycle_policy
AS 'MODULE_PATHNAME', 'billing_lifecycle_policy_from_jsonb' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.lifecycle_policy_from_jsonb(jsonb)
	IS 'the lifecycle policy that a JSON object describes; the cast from jsonb';

CREATE CAST (billing.lifecycle_policy AS jsonb) WITH FUNCTION billing.lifecycle_policy_to_jsonb(billing.lifecycle_policy) AS ASSIGNMENT;
COMMENT ON CAST (billing.lifecycle_policy AS jsonb) IS 'the JSON of a lifecycle policy';

CREATE CAST (jsonb AS billing.lifecycle_policy) WITH FUNCTION billing.lifecycle_policy_from_jsonb(jsonb) AS ASSIGNMENT;
COMMENT ON CAST (jsonb AS billing.lifecycle_policy) IS 'the lifecycle policy that a JSON object describes';

-- Equality, of the canonical text.

CREATE FUNCTION billing.lifecycle_policy_eq(billing.lifecycle_policy, billing.lifecycle_policy) RETURNS boolean
AS 'MODULE_PATHNAME', 'billing_lifecycle_policy_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.lifecycle_policy_eq(billing.lifecycle_policy, billing.lifecycle_policy) IS 'implementation of = operator';

CREATE FUNCTION billing.lifecycle_policy_ne(billing.lifecycle_policy, billing.lifecycle_policy) RETURNS boolean
AS 'MODULE_PATHNAME', 'billing_lifecycle_policy_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.lifecycle_policy_ne(billing.lifecycle_policy, billing.lifecycle_policy) IS 'implementation of <> operator';

CREATE FUNCTION billing.lifecycle_policy_hash(billing.lifecycle_policy) RETURNS integer
AS 'MODULE_PATHNAME', 'billing_lifecycle_policy_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.lifecycle_policy_hash(billing.lifecycle_policy) IS 'hash of a lifecycle policy';

CREATE FUNCTION billing.lifecycle_policy_hash_extended(billing.lifecycle_policy, bigint) RETURNS bigint
AS 'MODULE_PATHNAME', 'billing_lifecycle_policy_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.lifecycle_policy_hash_extended(billing.lifecycle_policy, bigint) IS 'hash of a lifecycle policy, with a seed';

CREATE OPERATOR billing.= (
	LEFTARG = billing.lifecycle_policy, RIGHTARG = billing.lifecycle_policy, FUNCTION = billing.lifecycle_policy_eq,
	COMMUTATOR = OPERATOR(billing.=), NEGATOR = OPERATOR(billing.<>),
	RESTRICT = eqsel, JOIN = eqjoinsel, HASHES
);
COMMENT ON OPERATOR billing.= (billing.lifecycle_policy, billing.lifecycle_policy) IS 'the same canonical text';

CREATE OPERATOR billing.<> (
	LEFTARG = billing.lifecycle_policy, RIGHTARG = billing.lifecycle_policy, FUNCTION = billing.lifecycle_policy_ne,
	COMMUTATOR = OPERATOR(billing.<>), NEGATOR = OPERATOR(billing.=),
	RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR billing.<> (billing.lifecycle_policy, billing.lifecycle_policy) IS 'not the same canonical text';

CREATE OPERATOR CLASS billing.lifecycle_policy_ops DEFAULT FOR TYPE billing.lifecycle_policy USING hash AS
	OPERATOR 1 billing.=,
	FUNCTION 1 billing.lifecycle_policy_hash(billing.lifecycle_policy),
	FUNCTION 2 billing.lifecycle_policy_hash_extended(billing.lifecycle_policy, bigint);
COMMENT ON OPERATOR CLASS billing.lifecycle_policy_ops USING hash IS 'equality of lifecycle policies';
COMMENT ON OPERATOR FAMILY billing.lifecycle_policy_ops USING hash IS 'equality of lifecycle policies';

-- What a policy says of itself.

CREATE FUNCTION billing.lifecycle_steps(
	policy billing.lifecycle_policy,
	OUT step integer, OUT action text, OUT argument text, OUT direction text, OUT delay interval, OUT at_time time)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'billing_lifecycle_steps' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10 ROWS 5;
COMMENT ON FUNCTION billing.lifecycle_steps(billing.lifecycle_policy)
	IS 'the steps of a lifecycle policy as rows; direction is before, before release, immediately (delay is NULL) or after; argument and at_time are NULL where there is none';

CREATE FUNCTION billing.lifecycle_resume(policy billing.lifecycle_policy) RETURNS text
AS 'MODULE_PATHNAME', 'billing_lifecycle_resume' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.lifecycle_resume(billing.lifecycle_policy)
	IS 'how resources come back once the cause is gone: manual or auto';

CREATE FUNCTION billing.lifecycle_catch_up(policy billing.lifecycle_policy) RETURNS text
AS 'MODULE_PATHNAME', 'billing_lifecycle_catch_up' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION billing.lifecycle_catch_up(billing.lifecycle_policy)
	IS 'from when delays count after an outage: walk, from when the step before was applied, or jump, from when it was due';

-- The chain.  Not strict: before the first step there is no applied_at.  Immutable as timezone(text, timestamptz)
-- is: it depends on the zone's rules, and not on the session's time zone.

CREATE FUNCTION billing.lifecycle_next(
	policy billing.lifecycle_policy, anchor timestamptz, applied_step integer, applied_at timestamptz, time_zone text,
	OUT step integer, OUT action text, OUT argument text, OUT due_at timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'billing_lifecycle_next' LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 10 ROWS 1;
COMMENT ON FUNCTION billing.lifecycle_next(billing.lifecycle_policy, timestamptz, integer, timestamptz, text)
	IS 'the step after applied_step (0 or NULL: none yet) and when it is due; applied_at is the effective instant of the last after or immediately step applied; no row: the chain is over, or policy, anchor or time_zone is NULL';
