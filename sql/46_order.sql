-- Orders and vouchers: what every purchase, renewal, upgrade and refund has in common.  An order names its price; a voucher
-- pays a part of it, the wallet the rest, and both go to deferred; a refund goes back the same way.

CREATE FUNCTION billing._grant_voucher(account_id bigint, amount numeric, expires_at timestamptz, min_order numeric, products text[], at timestamptz)
	RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
	WITH granted AS (
		INSERT INTO billing.voucher (account_id, amount, remaining, min_order, products, granted_at, expires_at)
		VALUES (_grant_voucher.account_id, _grant_voucher.amount, _grant_voucher.amount, _grant_voucher.min_order, _grant_voucher.products,
			_grant_voucher.at, _grant_voucher.expires_at)
		RETURNING voucher_id
	)
	SELECT g.voucher_id FROM granted g CROSS JOIN LATERAL billing._post(_grant_voucher.account_id, 'promotion', 'voucher', _grant_voucher.amount,
		'voucher', 'voucher', g.voucher_id, NULL, NULL, _grant_voucher.at) p WHERE p IS NOT NULL
$fn$;
COMMENT ON FUNCTION billing._grant_voucher(bigint, numeric, timestamptz, numeric, text[], timestamptz) IS 'writes a voucher and books it; returns the voucher_id';

CREATE FUNCTION billing.grant_voucher(account_id bigint, amount billing.amount, expires_at timestamptz, min_order billing.amount DEFAULT 0,
	products text[] DEFAULT NULL, key text DEFAULT NULL, at timestamptz DEFAULT now()) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'	-- a repeated call is compared with the first as text
AS $fn$
DECLARE
	answer jsonb;
	id bigint;
BEGIN
	amount := billing._check_money(grant_voucher.account_id, grant_voucher.amount, 'grant_voucher', grant_voucher.at);
	IF grant_voucher.expires_at IS NULL OR grant_voucher.expires_at <= grant_voucher.at THEN
		RAISE EXCEPTION 'a voucher that expires at % is worth nothing', coalesce(grant_voucher.expires_at::text, 'NULL') USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = format('It is granted at %s.', grant_voucher.at),
			HINT = 'Give an instant that is later; infinity for one that does not expire.';
	ELSIF grant_voucher.min_order IS NULL OR grant_voucher.min_order < 0 THEN
		RAISE EXCEPTION 'min_order % is out of range', coalesce(grant_voucher.min_order::text, 'NULL') USING
			ERRCODE = 'numeric_value_out_of_range',
			DETAIL = 'Orders of at least that much take the voucher.',
			HINT = 'Give 0 or more.';
	END IF;
	answer := billing._claim_request(grant_voucher.account_id, grant_voucher.key, 'grant_voucher', jsonb_build_object('amount', grant_voucher.amount,
		'expires_at', grant_voucher.expires_at, 'min_order', grant_voucher.min_order, 'products', grant_voucher.products), grant_voucher.at);
	IF answer IS NOT NULL THEN
		RETURN answer::bigint;
	END IF;
	PERFORM billing._lock_account(grant_voucher.account_id);
	-- to one that is suspended it may be given: a renewal can be paid with it
	PERFORM billing._check_may(s.account_id, 'grant_voucher', grant_voucher.at)
	FROM billing.account_state s WHERE s.account_id = grant_voucher.account_id AND s.state = 'closed';
	id := billing._grant_voucher(grant_voucher.account_id, grant_voucher.amount, grant_voucher.expires_at, grant_voucher.min_order,
		grant_voucher.products, grant_voucher.at);
	PERFORM billing._answer_request(grant_voucher.account_id, grant_voucher.key, to_jsonb(id));
	RETURN id;
END
$fn$;
COMMENT ON FUNCTION billing.grant_voucher(bigint, billing.amount, timestamptz, billing.amount, text[], text, timestamptz)
	IS 'gives an account a balance for orders until an instant; returns the voucher_id';

CREATE FUNCTION billing._expire_vouchers(account_from bigint, account_to bigint, timer timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	v billing.voucher;
BEGIN
	FOR v IN SELECT * FROM billing.voucher w
		WHERE w.expired_at IS NULL AND w.expires_at < 'infinity' AND w.expires_at = timer AND w.account_id >= account_from AND w.account_id < account_to
		ORDER BY w.account_id, w.voucher_id
	LOOP
		PERFORM billing._lock_account(v.account_id);
		UPDATE billing.voucher w SET expired_at = timer WHERE w.account_id = v.account_id AND w.voucher_id = v.voucher_id
		RETURNING w.remaining INTO v.remaining;
		IF v.remaining > 0 THEN
			PERFORM billing._post(v.account_id, 'voucher', 'promotion', v.remaining, 'voucher', 'voucher', v.voucher_id, NULL, NULL, timer);
		END IF;
	END LOOP;
END
$fn$;
COMMENT ON FUNCTION billing._expire_vouchers(bigint, bigint, timestamptz) IS 'takes back what is left of the vouchers that expire at an instant';

CREATE FUNCTION billing._refuse_voucher(account_id bigint, voucher text, net numeric, at timestamptz) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	v billing.voucher;
	good constant text := format('SELECT voucher_id FROM billing.voucher WHERE account_id = %s; or let ''auto'' choose.', _refuse_voucher.account_id);
BEGIN
	SELECT * INTO v FROM billing.voucher w WHERE w.account_id = _refuse_voucher.account_id AND w.voucher_id::text = _refuse_voucher.voucher;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'account % has no voucher "%"', _refuse_voucher.account_id, _refuse_voucher.voucher USING
			ERRCODE = 'UB034', DETAIL = 'A voucher is named by its number, and belongs to one account.', HINT = good;
	ELSIF v.expires_at <= _refuse_voucher.at OR v.expired_at IS NOT NULL THEN
		RAISE EXCEPTION 'voucher % has expired', v.voucher_id USING
			ERRCODE = 'UB035', DETAIL = format('It expired at %s.', v.expires_at), HINT = good;
	ELSIF v.granted_at > _refuse_voucher.at THEN
		RAISE EXCEPTION 'account % has no voucher "%"', _refuse_voucher.account_id, _refuse_voucher.voucher USING
			ERRCODE = 'UB034', DETAIL = format('It is granted at %s, after this order.', v.granted_at), HINT = good;
	ELSIF v.remaining = 0 THEN
		RAISE EXCEPTION 'voucher % is used up', v.voucher_id USING
			ERRCODE = 'UB036', DETAIL = format('Of %s nothing is left.', v.amount), HINT = good;
	ELSIF v.min_order > _refuse_voucher.net THEN
		RAISE EXCEPTION 'an order of % is too small for voucher %', _refuse_voucher.net, v.voucher_id USING
			ERRCODE = 'UB037', DETAIL = format('It takes orders of at least %s.', v.min_order), HINT = good;
	ELSE
		RAISE EXCEPTION 'voucher % is not for this product', v.voucher_id USING
			ERRCODE = 'UB038', DETAIL = format('It is for %s.', array_to_string(v.products, ', ')), HINT = good;
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._refuse_voucher(bigint, text, numeric, timestamptz) IS 'raises UB034 to UB038: why a voucher that was named can not pay an order';

CREATE FUNCTION billing._choose_voucher(account_id bigint, voucher text, net numeric, products text[], at timestamptz)
	RETURNS TABLE (voucher_id bigint, usable numeric)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
#variable_conflict use_column
BEGIN
	IF voucher IS NULL OR net <= 0 THEN
		RETURN;
	END IF;
	-- one that covers the whole order, then the one that expires first, pays most, keeps least
	RETURN QUERY SELECT v.voucher_id, least(v.remaining, net) FROM billing.voucher v
	WHERE v.account_id = _choose_voucher.account_id AND (_choose_voucher.voucher = 'auto' OR v.voucher_id::text = _choose_voucher.voucher)
		AND v.expired_at IS NULL AND v.expires_at > _choose_voucher.at AND v.granted_at <= _choose_voucher.at AND v.remaining > 0
		AND v.min_order <= net AND (v.products IS NULL OR v.products && _choose_voucher.products)
	ORDER BY v.remaining >= net DESC, v.expires_at, least(v.remaining, net) DESC, v.remaining, v.voucher_id
	LIMIT 1;
	IF NOT FOUND AND voucher <> 'auto' THEN
		PERFORM billing._refuse_voucher(_choose_voucher.account_id, _choose_voucher.voucher, net, _choose_voucher.at);
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._choose_voucher(bigint, text, numeric, text[], timestamptz)
	IS 'the voucher that pays a part of an order of so much, and how much it can: the one that is named, the best one for auto, none for NULL or for an order that costs nothing; raises UB034 to UB038';

CREATE FUNCTION billing._write_fee(account_id bigint, order_id bigint, quantity numeric, amount numeric, reason text, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	WITH billed AS (
		UPDATE billing.account_state s SET unbilled = s.unbilled + _write_fee.amount
		FROM billing.account a
		WHERE s.account_id = _write_fee.account_id AND a.account_id = _write_fee.account_id
		RETURNING s.account_id, s.invoice_period, a.time_zone
	)
	INSERT INTO billing.charge (account_id, cycle, period_start, source, source_id, quantity, exact_amount, amount, invoice_period, reason)
	SELECT b.account_id, w.cycle, p.period_start, 'fee', _write_fee.order_id, _write_fee.quantity, _write_fee.amount, _write_fee.amount,
		greatest(b.invoice_period, p.period_start), _write_fee.reason
	FROM billed b
	CROSS JOIN billing.barrier w
	CROSS JOIN LATERAL billing.period_of('month', least(_write_fee.at, billing.cycle_start(w.cycle)), b.time_zone) p
	WHERE w.mark = 'watermark';
END
$fn$;
COMMENT ON FUNCTION billing._write_fee(bigint, bigint, numeric, numeric, text, timestamptz) IS 'writes the charge of an order; the account is locked by the caller';

CREATE FUNCTION billing._place_order(account_id bigint, kind text, subject text, subject_id bigint, product text, quantity integer,
	list_price numeric, discount numeric, voucher text, voucher_products text[], reason text, automatic boolean, at timestamptz)
	RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	available numeric := billing._lock_account(_place_order.account_id);
	places integer;
	code text;
	net numeric;
	v record;
	money numeric;
	id bigint;
BEGIN
	SELECT c.decimals, c.currency, available + s.credit_limit INTO STRICT places, code, available
	FROM billing.account a JOIN billing.account_state s USING (account_id) JOIN billing.currency c USING (currency)
	WHERE a.account_id = _place_order.account_id;
	-- each printed figure is rounded, and what is paid is their difference
	list_price := round(_place_order.list_price, places);
	discount := round(_place_order.discount, places);
	net := list_price - discount;
	SELECT * INTO v FROM billing._choose_voucher(_place_order.account_id, _place_order.voucher, net, _place_order.voucher_products, _place_order.at);
	money := net - coalesce(v.usable, 0);
	IF money > 0 AND money > available THEN
		IF automatic THEN
			RETURN NULL;
		END IF;
		RAISE EXCEPTION 'account % has % and can not pay % for "%"', _place_order.account_id, available, money, _place_order.product USING
			ERRCODE = 'UB011',
			DETAIL = format('%s %s is missing; balance and credit limit count.', money - available, code),
			HINT = format('SELECT billing.top_up(%s, %s);', _place_order.account_id, money - available);
	END IF;
	INSERT INTO billing.purchase (account_id, kind, subject, subject_id, product, quantity, list_price, discount, tax, voucher_id, voucher_amount,
		money, automatic, at)
	VALUES (_place_order.account_id, _place_order.kind, _place_order.subject, _place_order.subject_id, _place_order.product, _place_order.quantity,
		list_price, discount, 0, v.voucher_id, coalesce(v.usable, 0), money, _place_order.automatic, _place_order.at)
	RETURNING order_id INTO id;
	IF v.voucher_id IS NOT NULL THEN
		UPDATE billing.voucher w SET remaining = w.remaining - v.usable
		WHERE w.account_id = _place_order.account_id AND w.voucher_id = v.voucher_id;
		PERFORM billing._post(_place_order.account_id, 'voucher', 'deferred', v.usable, _place_order.kind, 'order', id, NULL, NULL, _place_order.at);
	END IF;
	IF money > 0 THEN
		PERFORM billing._post(_place_order.account_id, 'wallet', 'deferred', money, _place_order.kind, 'order', id, NULL, NULL, _place_order.at);
	END IF;
	PERFORM billing._write_fee(_place_order.account_id, id, _place_order.quantity, money, _place_order.reason, _place_order.at);
	RETURN id;
END
$fn$;
COMMENT ON FUNCTION billing._place_order(bigint, text, text, bigint, text, integer, numeric, numeric, text, text[], text, boolean, timestamptz)
	IS 'pays an order by voucher and wallet, writes it and its charge, returns its order_id; raises UB011 without the money, or returns NULL for an automatic one';

CREATE FUNCTION billing._place_refund(account_id bigint, subject text, subject_id bigint, product text, quantity integer, money numeric,
	voucher_amount numeric, reason text, at timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	id bigint;
BEGIN
	PERFORM billing._lock_account(_place_refund.account_id);
	INSERT INTO billing.purchase (account_id, kind, subject, subject_id, product, quantity, list_price, discount, tax, voucher_amount, money, automatic, at)
	VALUES (_place_refund.account_id, 'refund', _place_refund.subject, _place_refund.subject_id, _place_refund.product, _place_refund.quantity,
		-(_place_refund.money + _place_refund.voucher_amount), 0, 0, -_place_refund.voucher_amount, -_place_refund.money, false, _place_refund.at)
	RETURNING order_id INTO id;
	IF _place_refund.voucher_amount > 0 THEN
		PERFORM billing._post(_place_refund.account_id, 'deferred', 'promotion', _place_refund.voucher_amount, 'refund', 'order', id, NULL, NULL, _place_refund.at);
	END IF;
	IF _place_refund.money > 0 THEN
		PERFORM billing._post(_place_refund.account_id, 'deferred', 'wallet', _place_refund.money, 'refund', 'order', id, NULL, NULL, _place_refund.at);
	END IF;
	PERFORM billing._write_fee(_place_refund.account_id, id, -_place_refund.quantity, -_place_refund.money, _place_refund.reason, _place_refund.at);
	RETURN id;
END
$fn$;
COMMENT ON FUNCTION billing._place_refund(bigint, text, bigint, text, integer, numeric, numeric, text, timestamptz)
	IS 'gives money back and lets the voucher''s part go, writes the order and its charge, returns its order_id; amounts are not negative and have the currency''s decimals';
