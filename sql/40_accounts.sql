-- Accounts, and the keys that make a repeated call harmless.

CREATE FUNCTION billing._unknown_account(account_id bigint) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	RAISE EXCEPTION 'account % does not exist', coalesce(account_id::text, 'NULL') USING
		ERRCODE = 'UB001',
		DETAIL = 'No account has that number.',
		HINT = 'Open it with billing.open_account(), or look it up in billing.accounts.';
END
$fn$;
COMMENT ON FUNCTION billing._unknown_account(bigint) IS 'raises UB001';

CREATE FUNCTION billing._claim_request(account_id bigint, key text, call text, arguments jsonb, at timestamptz)
	RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	r billing.request;
BEGIN
	IF key IS NULL THEN
		RETURN NULL;
	ELSIF octet_length(key) > 255 THEN
		RAISE EXCEPTION 'key "%..." has % bytes', left(key, 20), octet_length(key) USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'A key has at most 255 bytes.',
			HINT = 'Take the identifier of the payment or of your own row as the key.';
	END IF;
	INSERT INTO billing.request (account_id, key, call, arguments, at)
	VALUES (_claim_request.account_id, _claim_request.key, _claim_request.call, _claim_request.arguments, _claim_request.at)
	ON CONFLICT DO NOTHING;
	IF FOUND THEN
		RETURN NULL;
	END IF;
	SELECT * INTO STRICT r FROM billing.request q
	WHERE q.account_id = _claim_request.account_id AND q.key = _claim_request.key;
	IF r.call <> call OR r.arguments <> arguments THEN
		RAISE EXCEPTION 'key "%" was used before with other arguments', key USING
			ERRCODE = 'UB004',
			DETAIL = format('It belongs to %s with %s.', r.call, r.arguments),
			HINT = 'Repeat that call exactly to get its first answer, or take a new key.';
	END IF;
	RETURN r.result;
END
$fn$;
COMMENT ON FUNCTION billing._claim_request(bigint, text, text, jsonb, timestamptz)
	IS 'writes a call''s key down; NULL: go on, else the answer that the same call got the first time; raises UB004 for a key of another call';

CREATE FUNCTION billing._answer_request(account_id bigint, key text, result jsonb) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
	UPDATE billing.request q SET result = _answer_request.result
	WHERE q.account_id = _answer_request.account_id AND q.key = _answer_request.key
$fn$;
COMMENT ON FUNCTION billing._answer_request(bigint, text, jsonb) IS 'keeps the answer of a call that bore a key';

CREATE FUNCTION billing._check_credit_limit(credit_limit numeric, currency text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	places integer;
BEGIN
	SELECT c.decimals INTO STRICT places FROM billing.currency c WHERE c.currency = _check_credit_limit.currency;
	IF credit_limit IS NULL OR credit_limit < 0 OR credit_limit <> round(credit_limit, places) THEN
		RAISE EXCEPTION 'credit limit % is out of range', coalesce(credit_limit::text, 'NULL') USING
			ERRCODE = 'numeric_value_out_of_range',
			DETAIL = format('A credit limit is 0 or more, with at most the %s decimals of %s.', places, currency),
			HINT = 'Give 0 for an account that must pay first.';
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._check_credit_limit(numeric, text) IS 'raises 22003 for a credit limit that is negative or finer than its currency';

CREATE FUNCTION billing.open_account(name text, currency text DEFAULT 'USD', account_id bigint DEFAULT NULL,
	time_zone text DEFAULT 'UTC', credit_limit billing.amount DEFAULT 0, parent_id bigint DEFAULT NULL,
	policy text DEFAULT 'account', payment_terms interval DEFAULT NULL,
	key text DEFAULT NULL, at timestamptz DEFAULT now()) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET intervalstyle = 'postgres'	-- a repeated call is compared with the first as text
AS $fn$
#variable_conflict use_column
DECLARE
	arguments jsonb := jsonb_build_object('name', name, 'currency', currency, 'account_id', account_id,
		'time_zone', time_zone, 'credit_limit', credit_limit, 'parent_id', parent_id, 'policy', policy,
		'payment_terms', payment_terms);
	answer jsonb;
	new_id bigint := account_id;
	present timestamptz;
	wrong text;
BEGIN
	PERFORM billing._check_ready();
	wrong := CASE WHEN name IS NULL THEN 'name NULL; an account has a name'
		WHEN new_id NOT BETWEEN 1 AND 9223372036854775806 THEN format('account_id %s; numbers are above 0', new_id)
		WHEN payment_terms NOT BETWEEN interval '0' AND interval '10 years' THEN format('payment_terms %s; they are 0 to 10 years', payment_terms)
		WHEN at IS NULL OR at NOT BETWEEN '1970-01-01' AND '3000-01-01' THEN format('at %s; accounts open between the years 1970 and 3000', coalesce(at::text, 'NULL')) END;
	IF wrong IS NOT NULL THEN
		RAISE EXCEPTION '% can not be opened with %', coalesce('account ' || coalesce(new_id::text, '"' || name || '"'), 'an account'), split_part(wrong, '; ', 1) USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = format('%s.', initcap(left(split_part(wrong, '; ', 2), 1)) || substr(split_part(wrong, '; ', 2), 2)),
			HINT = 'Correct the argument and call again.';
	END IF;
	answer := billing._claim_request(coalesce(new_id, 0), key, 'open_account', arguments, at);
	IF answer IS NOT NULL THEN
		RETURN answer::bigint;
	END IF;
	PERFORM 1 FROM billing.currency c WHERE c.currency = open_account.currency FOR SHARE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'currency "%" does not exist', currency USING
			ERRCODE = 'UB003',
			DETAIL = 'The catalogue has no such currency.',
			HINT = 'INSERT INTO billing.currency (currency, decimals) ... first.';
	END IF;
	PERFORM billing._check_credit_limit(credit_limit, currency);
	-- asking for the zone reads some 600 files, so first whether an account has it already
	IF NOT EXISTS (SELECT FROM billing.account a WHERE a.time_zone = open_account.time_zone)
		AND NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = open_account.time_zone)
	THEN
		RAISE EXCEPTION 'time zone "%" does not exist', time_zone USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'An account''s zone is a full name, so that its changes of clocks are known.',
			HINT = 'SELECT name FROM pg_timezone_names;';
	END IF;
	-- locked: the policy that an account names does not change any more
	PERFORM 1 FROM billing.lifecycle l WHERE l.policy = open_account.policy FOR SHARE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'lifecycle policy "%" does not exist', coalesce(policy, 'NULL') USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'The catalogue has no such policy.',
			HINT = 'SELECT policy FROM billing.lifecycle; leave policy out for "account".';
	END IF;
	IF parent_id IS NOT NULL THEN
		PERFORM 1 FROM billing.account a WHERE a.account_id = open_account.parent_id;
		IF NOT FOUND THEN
			PERFORM billing._unknown_account(parent_id);
		END IF;
	END IF;

	IF new_id IS NULL THEN
		-- a number that somebody gave by hand is passed over
		LOOP
			new_id := nextval(pg_get_serial_sequence('billing.account', 'account_id'));
			EXIT WHEN NOT EXISTS (SELECT FROM billing.account a WHERE a.account_id = new_id);
		END LOOP;
	END IF;
	INSERT INTO billing.account (account_id, name, currency, time_zone, parent_id, policy, payment_terms, opened_at)
	VALUES (new_id, open_account.name, open_account.currency, open_account.time_zone,
		open_account.parent_id, open_account.policy, open_account.payment_terms, open_account.at)
	ON CONFLICT DO NOTHING;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'account % exists already', new_id USING
			ERRCODE = 'unique_violation',
			DETAIL = 'Numbers of accounts are never used twice.',
			HINT = 'Leave account_id out to get the next free number.';
	END IF;
	-- The first invoice is that of the month that is being billed, which is not the clock's where billing catches up.
	SELECT billing.cycle_start(b.cycle) INTO present FROM billing.barrier b WHERE b.mark = 'watermark';
	INSERT INTO billing.account_state (account_id, credit_limit, state_since, invoice_period, next_invoice_at)
	SELECT new_id, open_account.credit_limit, open_account.at, p.period_start, p.period_end FROM billing.period_of('month', present, open_account.time_zone) p;
	INSERT INTO billing.catalogue_change DEFAULT VALUES;
	PERFORM billing._answer_request(coalesce(open_account.account_id, 0), key, to_jsonb(new_id));
	RETURN new_id;
END
$fn$;
COMMENT ON FUNCTION billing.open_account(text, text, bigint, text, billing.amount, bigint, text, interval, text, timestamptz)
	IS 'opens an account and returns its number';

CREATE FUNCTION billing.set_credit_limit(account_id bigint, credit_limit billing.amount,
	key text DEFAULT NULL, at timestamptz DEFAULT now()) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
#variable_conflict use_column
DECLARE
	turns boolean;
BEGIN
	PERFORM billing._check_instant('set_credit_limit', at);
	-- the account first: an unknown one leaves no key behind
	PERFORM 1 FROM billing.account_state s WHERE s.account_id = set_credit_limit.account_id FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM billing._unknown_account(account_id);
	END IF;
	PERFORM billing._check_credit_limit(credit_limit, a.currency) FROM billing.account a WHERE a.account_id = set_credit_limit.account_id;
	IF billing._claim_request(account_id, key, 'set_credit_limit', jsonb_build_object('credit_limit', credit_limit), at) IS NOT NULL THEN
		RETURN;
	END IF;
	UPDATE billing.account_state s
	SET credit_limit = set_credit_limit.credit_limit
	WHERE s.account_id = set_credit_limit.account_id
	RETURNING billing._turns(s.balance, s.credit_limit, s.unbilled, s.not_due, s.state, s.overdue_since, s.low_balance_at, s.low_since) INTO turns;
	IF turns THEN
		PERFORM billing._turn_accounts(ARRAY[account_id], at, at);
	END IF;
	PERFORM billing._answer_request(account_id, key, 'true');
END
$fn$;
COMMENT ON FUNCTION billing.set_credit_limit(bigint, billing.amount, text, timestamptz)
	IS 'sets how far the balance may go below 0 before the account is overdue';
