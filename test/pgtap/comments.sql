-- Every object has a comment, so that psql's \d+, \df+ and \dT+ document it; and some habits that all functions share.
\ir setup.psql
SELECT billing.install(start => '2020-01-01');

SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE pronamespace = 'billing'::regnamespace AND obj_description(oid, 'pg_proc') IS NULL$$, 'functions and procedures');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class c WHERE relnamespace = 'billing'::regnamespace AND relkind IN ('r', 'p', 'v')
	AND (NOT relispartition OR relname = 'usage_refused') AND obj_description(oid, 'pg_class') IS NULL$$, 'tables and views');
SELECT is_empty($$SELECT c.oid::regclass, attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE relnamespace = 'billing'::regnamespace AND relkind IN ('r', 'p', 'v')
	AND attnum > 0 AND NOT attisdropped AND col_description(c.oid, attnum) IS NULL$$, 'columns, also those of partitions');
SELECT is_empty($$SELECT t.oid::regtype FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid WHERE typnamespace = 'billing'::regnamespace
	AND typtype <> 'c' AND typcategory <> 'A' AND obj_description(t.oid, 'pg_type') IS NULL$$, 'types and domains');
SELECT is_empty($$SELECT o.oid::regoperator FROM pg_operator o WHERE oprnamespace = 'billing'::regnamespace AND obj_description(oid, 'pg_operator') IS NULL$$, 'operators');
SELECT is_empty($$SELECT pg_describe_object(classid, objid, 0) FROM pg_depend d WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'billing') AND objsubid = 0
	AND NOT EXISTS (SELECT FROM pg_description x WHERE x.classoid = d.classid AND x.objoid = d.objid AND x.objsubid = 0)
	AND NOT (classid = 'pg_type'::regclass AND (SELECT typcategory = 'A' FROM pg_type WHERE oid = objid))$$,	-- arrays are members from 17 on
	'casts and whatever else is a member');
SELECT isnt(obj_description((SELECT oid FROM pg_extension WHERE extname = 'billing'), 'pg_extension'), NULL, 'the extension itself');

SELECT is_empty($$SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'billing'::regnamespace AND prosecdef$$, 'no function runs with its owner''s rights');
SELECT set_eq($$SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_language l ON l.oid = prolang WHERE pronamespace = 'billing'::regnamespace AND lanname IN ('sql', 'plpgsql')
	AND NOT coalesce(array_to_string(proconfig, ' '), '') ~ 'search_path=pg_catalog, pg_temp'$$,
	$$VALUES ('billing._usage_in(integer,timestamptz,timestamptz,timestamptz)'::regprocedure), ('billing._usage_of(integer,bigint,bigint)'), ('billing._usage_due(integer,timestamptz,timestamptz,timestamptz,text[],timestamptz,timestamptz)'), ('billing._is_conditional(jsonb,smallint[],time without time zone,time without time zone)'), ('billing._is_windowed(text)'), ('billing._windows(bigint,bigint,timestamptz)'), ('billing._package_scopes(bigint,bigint,bigint[])'), ('billing._priced_term(bigint,text,timestamptz,timestamptz)'),
	('billing._is_billed(jsonb,jsonb)'), ('billing._peak_rules(bigint,bigint)'), ('billing._billed_peak(numeric,numeric,numeric,boolean,text)'), ('billing._effective(timestamptz,timestamptz)'), ('billing._is_overdue(numeric,numeric,numeric,numeric)'),
	('billing._turns(numeric,numeric,numeric,numeric,text,timestamptz,numeric,timestamptz)')$$, 'SQL and PL/pgSQL functions pin their search_path, but for what is inlined');
SELECT is_empty($$SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'billing'::regnamespace AND proname !~ '^_' AND prokind <> 'a'
	AND 'key' = ANY (proargnames) AND NOT proargnames @> ARRAY['at'] AND proargnames[array_length(proargnames, 1)] <> 'at'$$, 'a call with a key ends in key, at');
SELECT is_empty($$SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'billing'::regnamespace AND 'account_id' = ANY (proargnames) AND proname NOT IN ('open_account')
	AND proname !~ '^_' AND proargnames[1] <> 'account_id' AND prorettype <> 'record'::regtype AND NOT proretset$$, 'account_id comes first');
SELECT * FROM finish();
