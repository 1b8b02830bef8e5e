-- The two-legged ledger.  A transfer moves a positive amount from one sub-ledger of an account to another, so
-- books balance by construction; the wallet's balance moves in the same statement.

CREATE FUNCTION billing._check_money(account_id bigint, amount numeric, call text, at timestamptz) RETURNS numeric
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	places integer;
	code text;
BEGIN
	PERFORM billing._check_installed();
	SELECT c.decimals, c.currency INTO places, code
	FROM billing.account a JOIN billing.currency c USING (currency) WHERE a.account_id = _check_money.account_id;
	IF NOT FOUND THEN
		PERFORM billing._unknown_account(account_id);
	END IF;
	IF at IS NULL OR at NOT BETWEEN '1970-01-01' AND '3000-01-01' THEN
		RAISE EXCEPTION '% at % is not possible', call, coalesce(at::text, 'NULL') USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'Money moves between the years 1970 and 3000.',
			HINT = 'Leave at out, or give the instant of the payment.';
	END IF;
	IF amount IS NULL OR amount = 0 OR (amount < 0 AND call <> 'adjust') THEN
		RAISE EXCEPTION '% of % is not possible', call, coalesce(amount::text, 'NULL') USING
			ERRCODE = 'numeric_value_out_of_range',
			DETAIL = CASE call WHEN 'adjust' THEN 'The amount is not 0.' ELSE 'The amount is above 0.' END,
			HINT = CASE call WHEN 'adjust' THEN 'A positive amount gives money, a negative one takes it.'
				ELSE 'The direction is in the name of the function.' END;
	END IF;
	IF amount <> round(amount, places) THEN
		RAISE EXCEPTION 'amount % has more decimals than %', amount, code USING
			ERRCODE = 'numeric_value_out_of_range',
			DETAIL = format('%s is kept to %s decimals.', code, places),
			HINT = format('Round it before you call, such as %s.', round(amount, places));
	END IF;
	RETURN round(amount, places);
END
$fn$;
COMMENT ON FUNCTION billing._check_money(bigint, numeric, text, timestamptz)
	IS 'raises unless the account exists and the amount can be booked in its currency; returns it with the currency''s decimals';

CREATE FUNCTION billing._post(account_id bigint, debit text, credit text, amount numeric, kind text, source text,
	source_id bigint, key text, reason text, at timestamptz, ring timestamptz DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	id bigint;
	turns boolean;
BEGIN
	WITH wallet AS (
		UPDATE billing.account_state s
		SET balance = s.balance + CASE 'wallet' WHEN _post.credit THEN _post.amount WHEN _post.debit THEN -_post.amount ELSE 0 END
		WHERE s.account_id = _post.account_id
		RETURNING s.balance, billing._turns(s.balance, s.credit_limit, s.unbilled, s.not_due, s.state, s.overdue_since, s.low_balance_at, s.low_since) AS turns
	), booked AS (
		INSERT INTO billing.transfer (account_id, at, debit, credit, amount, balance_after, kind, source, source_id, key, reason)
		SELECT _post.account_id, _post.at, _post.debit, _post.credit, _post.amount, wallet.balance, _post.kind,
			_post.source, _post.source_id, _post.key, _post.reason
		FROM wallet
		RETURNING transfer_id
	)
	SELECT b.transfer_id, w.turns INTO id, turns FROM booked b CROSS JOIN wallet w;
	IF turns THEN
		PERFORM billing._turn_accounts(ARRAY[account_id], at, coalesce(ring, at));
	END IF;
	RETURN id;
END
$fn$;
COMMENT ON FUNCTION billing._post(bigint, text, text, numeric, text, text, bigint, text, text, timestamptz, timestamptz)
	IS 'books one transfer, moves the wallet''s balance and with it the account''s state, returns the transfer_id; ring is the instant of the tick that books what counts for at';

CREATE FUNCTION billing._lock_account(account_id bigint) RETURNS billing.amount
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	money numeric;
BEGIN
	SELECT s.balance INTO money FROM billing.account_state s WHERE s.account_id = _lock_account.account_id
	FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM billing._unknown_account(account_id);
	END IF;
	RETURN money;
END
$fn$;
COMMENT ON FUNCTION billing._lock_account(bigint) IS 'locks an account''s postings to the end of the transaction and returns its balance';

CREATE FUNCTION billing._correct(account_id bigint, amount numeric, reason text, at timestamptz) RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
	WITH corrected AS (
		UPDATE billing.account_state s SET unbilled = s.unbilled - _correct.amount
		FROM billing.account a
		WHERE s.account_id = _correct.account_id AND a.account_id = _correct.account_id
		RETURNING s.account_id, s.invoice_period, a.time_zone
	)
	INSERT INTO billing.charge (account_id, cycle, period_start, source, quantity, exact_amount, amount, invoice_period, reason)
	SELECT c.account_id, b.cycle, p.period_start, 'adjustment', 1, -_correct.amount, -_correct.amount,
		greatest(c.invoice_period, p.period_start), _correct.reason
	FROM corrected c
	CROSS JOIN billing.barrier b
	CROSS JOIN LATERAL billing.period_of('month', least(_correct.at, billing.cycle_start(b.cycle)), c.time_zone) p
	WHERE b.mark = 'watermark'
	RETURNING charge_id
$fn$;
COMMENT ON FUNCTION billing._correct(bigint, numeric, text, timestamptz)
	IS 'writes the charge of an adjustment and returns its charge_id; the account is locked by the caller';

CREATE FUNCTION billing._move_money(account_id bigint, call text, amount numeric, reason text, key text, at timestamptz)
	RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	answer jsonb;
	balance numeric;
	id bigint;
	charge bigint;
BEGIN
	amount := billing._check_money(account_id, amount, call, at);
	IF call IN ('adjust', 'write_off') AND coalesce(btrim(reason), '') = '' THEN
		RAISE EXCEPTION '% of % has no reason', call, amount USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'A correction and a debt that is given up say why.',
			HINT = 'Give a reason; that of a correction is shown on the invoice.';
	END IF;
	answer := billing._claim_request(account_id, key, call,
		jsonb_strip_nulls(jsonb_build_object('amount', amount, 'reason', reason)), at);
	IF answer IS NOT NULL THEN
		RETURN answer::bigint;
	END IF;
	-- The lock comes before any number is taken, so that numbers grow in the order of balances, and an invoice
	-- in the making sees a correction or comes before it.
	balance := billing._lock_account(account_id);
	IF call = 'pay_out' AND balance < amount THEN
		RAISE EXCEPTION 'account % has % and can not be paid out %', account_id, balance, amount USING
			ERRCODE = 'UB011',
			DETAIL = format('%s is missing; credit is not paid out.', amount - balance),
			HINT = 'Pay out at most the balance.';
	ELSIF call = 'write_off' AND -balance < amount THEN
		RAISE EXCEPTION 'account % owes % and can not have % written off', account_id, greatest(-balance, 0), amount USING
			ERRCODE = 'UB011',
			DETAIL = 'Only a debt can be written off.',
			HINT = 'Write off at most what the account owes; to give money use billing.adjust().';
	ELSIF call = 'adjust' THEN
		charge := billing._correct(account_id, amount, reason, at);
	END IF;
	id := billing._post(account_id, l.debit, l.credit, abs(amount), l.kind, CASE call WHEN 'adjust' THEN 'charge' ELSE 'call' END,
			charge, key, reason, at)
		FROM (VALUES ('top_up', 'cash', 'wallet', 'top_up'), ('pay_out', 'wallet', 'cash', 'pay_out'),
			('adjust', CASE WHEN amount > 0 THEN 'revenue' ELSE 'wallet' END, CASE WHEN amount > 0 THEN 'wallet' ELSE 'revenue' END, 'adjustment'),
			('write_off', 'bad_debt', 'wallet', 'write_off')) l(name, debit, credit, kind)
		WHERE l.name = call;
	IF call = 'top_up' THEN
		PERFORM billing._retry_renewals(account_id, at);
	END IF;
	PERFORM billing._answer_request(account_id, key, to_jsonb(id));
	RETURN id;
END
$fn$;
COMMENT ON FUNCTION billing._move_money(bigint, text, numeric, text, text, timestamptz)
	IS 'what top_up, pay_out, adjust and write_off have in common; the legs of each stand here';

CREATE FUNCTION billing.top_up(account_id bigint, amount billing.amount,
	key text DEFAULT NULL, at timestamptz DEFAULT now()) RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT billing._move_money(account_id, 'top_up', amount, NULL, key, at) $fn$;
COMMENT ON FUNCTION billing.top_up(bigint, billing.amount, text, timestamptz) IS 'money came in: cash to wallet; returns the transfer_id';

CREATE FUNCTION billing.pay_out(account_id bigint, amount billing.amount,
	key text DEFAULT NULL, at timestamptz DEFAULT now()) RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT billing._move_money(account_id, 'pay_out', amount, NULL, key, at) $fn$;
COMMENT ON FUNCTION billing.pay_out(bigint, billing.amount, text, timestamptz)
	IS 'money went out, a refund of the balance or a chargeback: wallet to cash; returns the transfer_id';

CREATE FUNCTION billing.adjust(account_id bigint, amount billing.amount, reason text,
	key text DEFAULT NULL, at timestamptz DEFAULT now()) RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT billing._move_money(account_id, 'adjust', amount, reason, key, at) $fn$;
COMMENT ON FUNCTION billing.adjust(bigint, billing.amount, text, text, timestamptz)
	IS 'corrects a balance: a positive amount gives money, a negative one takes it; it stands on the next invoice with its reason; returns the transfer_id';

CREATE FUNCTION billing.write_off(account_id bigint, amount billing.amount, reason text,
	key text DEFAULT NULL, at timestamptz DEFAULT now()) RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT billing._move_money(account_id, 'write_off', amount, reason, key, at) $fn$;
COMMENT ON FUNCTION billing.write_off(bigint, billing.amount, text, text, timestamptz)
	IS 'gives up a debt: bad_debt to wallet; returns the transfer_id';
