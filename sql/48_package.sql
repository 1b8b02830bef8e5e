-- Prepaid packages: how they are bought, bound, flagged, given back.  How usage is deducted from them stands in
-- 49_deduction.sql, how they renew themselves in 49_renewal.sql.

CREATE FUNCTION billing._guard_offer() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	names text[] := ARRAY[CASE WHEN TG_OP <> 'INSERT' THEN OLD.offer END, CASE WHEN TG_OP <> 'DELETE' THEN NEW.offer END];
	used text;
BEGIN
	-- locked: a first purchase in flight is waited for, and then seen
	PERFORM 1 FROM billing.package_offer o WHERE o.offer = ANY (names) FOR NO KEY UPDATE;
	SELECT p.offer INTO used FROM billing.package p WHERE p.offer = ANY (names) LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'offer "%" can not be %', used, CASE WHEN TG_OP = 'DELETE' AND TG_TABLE_NAME = 'package_offer' THEN 'deleted' ELSE 'changed' END USING
			ERRCODE = 'UB007',
			DETAIL = format('It has packages, and this would change a row of billing.%s.', TG_TABLE_NAME),
			HINT = CASE TG_TABLE_NAME WHEN 'package_offer' THEN 'Insert a row with a later valid_from: it says another price, or withdraws the offer, from that instant on.'
				ELSE 'Insert a new offer under another name.' END;
	END IF;
	RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$fn$;
COMMENT ON FUNCTION billing._guard_offer() IS 'trigger: an offer that has packages is immutable, with what they cover';

CREATE FUNCTION billing._check_prepaid_meter() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	may text[] := CASE TG_TABLE_NAME WHEN 'plan_allowance' THEN '{sum,count,max}' ELSE '{sum,count}' END;
	how text;
BEGIN
	-- locked: a meter that is being changed is waited for, and one that is covered does not change
	SELECT m.aggregation INTO how FROM billing.meter m WHERE m.meter = NEW.meter FOR SHARE;
	IF how <> ALL (may) THEN
		RAISE EXCEPTION 'meter "%" can not be in billing.%', NEW.meter, TG_TABLE_NAME USING
			ERRCODE = 'UB067',
			DETAIL = format('Its aggregation is %s, whose quantity is not a sum of events from which something could be deducted.', how),
			HINT = format('SELECT meter FROM billing.meter WHERE aggregation IN (''%s'');', array_to_string(may, ''', '''));
	ELSIF TG_TABLE_NAME = 'package_coverage' AND NOT EXISTS (SELECT FROM billing.package_offer o WHERE o.offer = to_jsonb(NEW) ->> 'offer') THEN
		RAISE EXCEPTION 'offer "%" does not exist', to_jsonb(NEW) ->> 'offer' USING
			ERRCODE = 'foreign_key_violation',
			DETAIL = 'What it covers is said once it is there.',
			HINT = 'INSERT INTO billing.package_offer ... first.';
	END IF;
	RETURN NEW;
END
$fn$;
COMMENT ON FUNCTION billing._check_prepaid_meter()
	IS 'trigger: raises UB067 for a package or an allowance of a meter that nothing is deducted from, 23503 for what an unknown offer covers';

CREATE FUNCTION billing._offer_in_force(offer text, currency text, at timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT CASE WHEN NOT o.withdrawn THEN o.valid_from END
	FROM (SELECT p.withdrawn, p.valid_from FROM billing.package_offer p
		WHERE p.offer = _offer_in_force.offer AND p.currency = _offer_in_force.currency AND p.valid_from <= _offer_in_force.at
		ORDER BY p.valid_from DESC LIMIT 1) o
$fn$;
COMMENT ON FUNCTION billing._offer_in_force(text, text, timestamptz)
	IS 'valid_from of the row of an offer that is in force for a currency at an instant; NULL: it is not sold';

CREATE FUNCTION billing._offer_price(o record, auto_renew boolean) RETURNS numeric
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	RETURN CASE WHEN NOT _offer_price.auto_renew THEN o.price
		ELSE coalesce(o.auto_renew_price, (SELECT round(o.price * (1 - o.auto_renew_discount), c.decimals) FROM billing.currency c
			WHERE c.currency = o.currency)) END;
END
$fn$;
COMMENT ON FUNCTION billing._offer_price(record, boolean) IS 'what one package of an offer costs, with or without automatic renewal';

CREATE FUNCTION billing._has_plan(account_id bigint, plans text[], at timestamptz) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT EXISTS (SELECT FROM billing.subscription s JOIN billing.subscription_term t USING (account_id, subscription_id)
		WHERE s.account_id = _has_plan.account_id AND t.plan = ANY (_has_plan.plans)
			AND _has_plan.at >= t.term_start AND _has_plan.at < least(t.term_end, s.ended_at)
			AND NOT billing._paused_times(s.account_id, s.subscription_id) @> _has_plan.at)
$fn$;
COMMENT ON FUNCTION billing._has_plan(bigint, text[], timestamptz) IS 'does an account have one of these plans in a paid term, and not paused, at an instant?';

-- A package that waits for the end of another one may start before it, when that is used up or refunded; one that is used up or has
-- ended, and renews itself, will be there again.
CREATE FUNCTION billing._bound_elsewhere(account_id bigint, meter text, resources text[], from_at timestamptz, until_at timestamptz, besides bigint,
	OUT resource text, OUT package_id bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	SELECT r.resource, p.package_id INTO _bound_elsewhere.resource, _bound_elsewhere.package_id
	FROM billing.package p JOIN billing.package_resource r USING (account_id, package_id)
	WHERE p.account_id = _bound_elsewhere.account_id AND p.meter = _bound_elsewhere.meter AND r.resource = ANY (_bound_elsewhere.resources)
		AND p.package_id IS DISTINCT FROM _bound_elsewhere.besides
		AND (p.state IN ('pending', 'active') OR p.state = 'exhausted' AND p.auto_renew)
		AND (p.valid_until > _bound_elsewhere.from_at OR p.auto_renew)
		AND (p.valid_from < _bound_elsewhere.until_at OR p.state = 'pending' AND p.renews IS NOT NULL)
	ORDER BY r.resource, p.package_id LIMIT 1;
END
$fn$;
COMMENT ON FUNCTION billing._bound_elsewhere(bigint, text, text[], timestamptz, timestamptz, bigint)
	IS 'the first of some resources that is bound to a package of a meter in a span of time, and to which one, besides a package; NULL: none is';

CREATE FUNCTION billing._check_bindable(account_id bigint, meter text, stackable boolean, resources text[], from_at timestamptz, until_at timestamptz,
	besides bigint) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	wrong text;
	taken record;
BEGIN
	SELECT r INTO wrong FROM unnest(resources) r
	WHERE NOT EXISTS (SELECT FROM billing.resource x WHERE x.account_id = _check_bindable.account_id AND x.resource = r AND x.state <> 'released') LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'account % has no resource "%"', _check_bindable.account_id, coalesce(wrong, 'NULL') USING
			ERRCODE = 'UB050',
			DETAIL = 'A package is bound to resources of its own account that are not released.',
			HINT = format('SELECT billing.add_resource(%s, %L, kind); first, or see billing.resources.', _check_bindable.account_id, wrong);
	END IF;
	SELECT * INTO taken FROM billing._bound_elsewhere(_check_bindable.account_id, _check_bindable.meter, resources, from_at, until_at, besides);
	IF NOT stackable AND taken.package_id IS NOT NULL THEN
		RAISE EXCEPTION 'resource "%" is bound to package % already', taken.resource, taken.package_id USING
			ERRCODE = 'UB051',
			DETAIL = 'A resource has one such package at a time; one that renews itself keeps it.',
			HINT = format('Bind it when that package is over and SELECT billing.set_auto_renew(%s, %s, false); was called, or use billing.change_package().',
				_check_bindable.account_id, taken.package_id);
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._check_bindable(bigint, text, boolean, text[], timestamptz, timestamptz, bigint)
	IS 'raises UB050 for a resource that the account does not have, UB051 for one that has a package of that meter in that time, besides one package';

CREATE FUNCTION billing._is_stackable(offer text, currency text, bought_at timestamptz) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT o.stackable FROM billing.package_offer o
	WHERE o.offer = _is_stackable.offer AND o.currency = _is_stackable.currency AND o.valid_from <= _is_stackable.bought_at
	ORDER BY o.valid_from DESC LIMIT 1
$fn$;
COMMENT ON FUNCTION billing._is_stackable(text, text, timestamptz) IS 'may a resource have several packages of that offer, bought then, at a time?';

CREATE FUNCTION billing._renews_by_type(offer text, currency text, bought_at timestamptz) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT o.auto_renew_scope = 'type' FROM billing.package_offer o
	WHERE o.offer = _renews_by_type.offer AND o.currency = _renews_by_type.currency AND o.valid_from <= _renews_by_type.bought_at
	ORDER BY o.valid_from DESC LIMIT 1
$fn$;
COMMENT ON FUNCTION billing._renews_by_type(text, text, timestamptz) IS 'is a package of that offer, bought then, one of those of its type of which one renews itself?';

CREATE FUNCTION billing._check_purchase(account_id bigint, o record, quantity integer, region text, resources text[],
	auto_renew boolean, at timestamptz) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	other bigint;
BEGIN
	IF quantity IS NULL OR quantity NOT BETWEEN 1 AND 1000 THEN
		RAISE EXCEPTION '% packages can not be bought', coalesce(quantity::text, 'NULL') USING
			ERRCODE = 'numeric_value_out_of_range', DETAIL = 'An order is of 1 to 1000 packages.', HINT = 'Place several orders.';
	ELSIF region IS NULL OR NOT (CASE WHEN o.regions IS NULL THEN region = '' ELSE region = ANY (o.regions) END) THEN
		RAISE EXCEPTION 'offer "%" is not sold for region "%"', o.offer, coalesce(region, 'NULL') USING
			ERRCODE = 'UB052',
			DETAIL = CASE WHEN o.regions IS NULL THEN 'It covers every region, and names none.' ELSE format('Its regions are %s.', array_to_string(o.regions, ', ')) END,
			HINT = CASE WHEN o.regions IS NULL THEN 'Leave region out.' ELSE 'Name one of them.' END;
	ELSIF o.requires_plan IS NOT NULL AND NOT billing._has_plan(account_id, o.requires_plan, at) THEN
		RAISE EXCEPTION 'account % has no plan that offer "%" needs', account_id, o.offer USING
			ERRCODE = 'UB053',
			DETAIL = format('It needs one of %s.', array_to_string(o.requires_plan, ', ')),
			HINT = format('SELECT billing.subscribe(%s, %L); first.', account_id, o.requires_plan[1]);
	ELSIF cardinality(resources) > coalesce(o.max_resources, 0) THEN
		RAISE EXCEPTION '% resources are too many for offer "%"', cardinality(resources), o.offer USING
			ERRCODE = 'UB054',
			DETAIL = CASE WHEN o.max_resources IS NULL THEN 'Its packages cover all resources and are bound to none.'
				ELSE format('A package is bound to at most %s.', o.max_resources) END,
			HINT = 'Name fewer, or take another offer.';
	ELSIF (SELECT count(r) > count(DISTINCT r) FROM unnest(resources) r)
		OR quantity > 1 AND cardinality(resources) > 0 AND NOT o.stackable
	THEN
		RAISE EXCEPTION 'resource "%" can not be bound twice', (SELECT r FROM unnest(resources) r GROUP BY r ORDER BY count(*) DESC, r LIMIT 1) USING
			ERRCODE = 'UB051', DETAIL = 'A resource has one such package at a time.', HINT = 'Buy one package for it.';
	ELSIF auto_renew IS NULL THEN
		RAISE EXCEPTION 'automatic renewal can not be NULL' USING
			ERRCODE = 'null_value_not_allowed', DETAIL = 'It is on or off.', HINT = 'Give true or false.';
	ELSIF auto_renew AND o.cut_off THEN
		RAISE EXCEPTION 'packages of offer "%" can not renew themselves', o.offer USING
			ERRCODE = 'UB055',
			DETAIL = 'Its resources are cut off when it is over; the two exclude each other.',
			HINT = 'Leave auto_renew out, or take another offer.';
	END IF;
	SELECT p.package_id INTO other FROM billing.package p
	WHERE p.account_id = _check_purchase.account_id AND p.meter = o.meter AND p.auto_renew AND _check_purchase.auto_renew AND o.auto_renew_scope = 'type'
		AND billing._renews_by_type(p.offer, o.currency, p.bought_at) LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'package % of account % renews itself already', other, account_id USING
			ERRCODE = 'UB056',
			DETAIL = format('Of packages of "%s" one can.', o.meter),
			HINT = format('Buy without auto_renew, then SELECT billing.set_auto_renew(%s, package_id, true); which replaces the other.', account_id);
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._check_purchase(bigint, record, integer, text, text[], boolean, timestamptz)
	IS 'raises 22003, 22004, UB051 to UB056 for an order of packages that does not fit its offer';

CREATE FUNCTION billing._add_package(account_id bigint, o record, region text, resources text[], valid_from timestamptz,
	valid_until timestamptz, auto_renew boolean, price_paid numeric, voucher_paid numeric, order_id bigint, renews bigint, at timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	id bigint;
BEGIN
	INSERT INTO billing.package (account_id, offer, meter, region, size, term, month_end, valid_from, valid_until, state, auto_renew, price_paid,
		voucher_paid, order_id, renews, requires_plan, max_resources, auto_renew_on, cut_off, refund_price,
		priority, low_at, bought_at)
	VALUES (_add_package.account_id, o.offer, o.meter, _add_package.region, o.size, o.term, o.month_end, _add_package.valid_from, _add_package.valid_until,
		CASE WHEN _add_package.valid_from > _add_package.at THEN 'pending' ELSE 'active' END, _add_package.auto_renew, _add_package.price_paid,
		_add_package.voucher_paid, _add_package.order_id, _add_package.renews, o.requires_plan, o.max_resources, o.auto_renew_on, o.cut_off,
		o.refund_price, o.priority, o.low_at, _add_package.at)
	RETURNING package_id INTO id;
	INSERT INTO billing.package_resource (account_id, package_id, resource, bound_at)
	SELECT _add_package.account_id, id, r, _add_package.valid_from FROM unnest(_add_package.resources) r;
	PERFORM billing._end_cut_off(_add_package.account_id, id, _add_package.at),
		billing._adopt_offer_policy(_add_package.account_id, id, o.expiry_policy, _add_package.at);
	RETURN id;
END
$fn$;
COMMENT ON FUNCTION billing._add_package(bigint, record, text, text[], timestamptz, timestamptz, boolean, numeric, numeric, bigint, bigint, timestamptz)
	IS 'writes a package that was paid, and its bindings; returns the package_id';

CREATE FUNCTION billing._begin_package_call(account_id bigint, call text, at timestamptz, OUT currency text, OUT time_zone text)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
#variable_conflict use_column
BEGIN
	PERFORM billing._check_holder(_begin_package_call.account_id, call, at);
	SELECT x.currency, x.time_zone INTO STRICT currency, time_zone FROM billing.account x WHERE x.account_id = _begin_package_call.account_id;
	-- of two orders at once the second sees the first, and what money it left
	PERFORM billing._lock_account(_begin_package_call.account_id);
END
$fn$;
COMMENT ON FUNCTION billing._begin_package_call(bigint, text, timestamptz)
	IS 'what the calls about packages begin with: the account is there and locked, the instant possible; returns its currency and zone';

CREATE FUNCTION billing._check_package(account_id bigint, package_id bigint) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	IF NOT EXISTS (SELECT FROM billing.package x WHERE x.account_id = _check_package.account_id AND x.package_id = _check_package.package_id) THEN
		RAISE EXCEPTION 'account % has no package %', _check_package.account_id, coalesce(_check_package.package_id::text, 'NULL') USING
			ERRCODE = 'UB057',
			DETAIL = 'A package is named by its account and its number.',
			HINT = format('SELECT package_id, offer, state FROM billing.packages WHERE account_id = %s;', _check_package.account_id);
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._check_package(bigint, bigint) IS 'raises UB057 where an account has no package of that number';

CREATE FUNCTION billing._require_live(p record, call text, at timestamptz) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	IF p.state NOT IN ('pending', 'active') OR p.valid_until <= at THEN
		RAISE EXCEPTION 'package % is over and can not have %', p.package_id, call USING
			ERRCODE = 'UB058',
			DETAIL = format('It is %s, its validity ends at %s.', p.state, billing.last_second(p.valid_until)),
			HINT = 'Buy another one with billing.purchase_package().';
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._require_live(record, text, timestamptz) IS 'raises UB058 for a package that is exhausted, expired or refunded';

CREATE FUNCTION billing.purchase_package(account_id bigint, offer text, quantity integer DEFAULT 1, region text DEFAULT '',
	resources text[] DEFAULT NULL, auto_renew boolean DEFAULT false, voucher text DEFAULT NULL, key text DEFAULT NULL, at timestamptz DEFAULT now())
	RETURNS SETOF bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	a record;
	answer jsonb;
	o billing.package_offer;
	paid_by bigint;
	paid billing.purchase;
	places integer;
	starts timestamptz;
	ends timestamptz;
	ids bigint[] := '{}';
BEGIN
	a := billing._begin_package_call(purchase_package.account_id, 'purchase_package', purchase_package.at);
	answer := billing._claim_request(purchase_package.account_id, purchase_package.key, 'purchase_package', jsonb_build_object('offer', purchase_package.offer, 'quantity',
		purchase_package.quantity, 'region', purchase_package.region, 'resources', purchase_package.resources, 'auto_renew', purchase_package.auto_renew,
		'voucher', purchase_package.voucher), purchase_package.at);
	IF answer IS NOT NULL THEN
		RETURN QUERY SELECT x::bigint FROM jsonb_array_elements_text(answer) x;
		RETURN;
	END IF;
	PERFORM billing._check_may(purchase_package.account_id, 'purchase_package', purchase_package.at);
	SELECT * INTO o FROM billing.package_offer x
	WHERE x.offer = purchase_package.offer AND x.currency = a.currency AND x.valid_from = billing._offer_in_force(x.offer, x.currency, purchase_package.at)
	FOR SHARE;	-- nobody changes an offer while it gets its first package
	IF o.offer IS NULL THEN
		RAISE EXCEPTION 'offer "%" is not sold', coalesce(purchase_package.offer, 'NULL') USING
			ERRCODE = 'UB059',
			DETAIL = format('The catalogue has none of that name in %s at %s that is not withdrawn.', a.currency, purchase_package.at),
			HINT = 'SELECT offer, currency, valid_from, withdrawn FROM billing.package_offer;';
	END IF;
	PERFORM billing._check_purchase(purchase_package.account_id, o, purchase_package.quantity, purchase_package.region, purchase_package.resources,
		purchase_package.auto_renew, purchase_package.at);
	starts := billing.term_start(purchase_package.at, o.starts, a.time_zone);
	ends := billing._after_terms(starts, 1, o.term, a.time_zone, o.month_end);
	IF ends <= purchase_package.at THEN
		RAISE EXCEPTION 'a package of offer "%" would be over when it is bought', o.offer USING
			ERRCODE = 'UB059',
			DETAIL = format('Its validity starts at %s and ends at %s.', starts, billing.last_second(ends)),
			HINT = 'Buy it earlier in the day or month.';
	END IF;
	PERFORM billing._check_bindable(purchase_package.account_id, o.meter, o.stackable, purchase_package.resources, starts, ends, NULL);
	paid_by := billing._place_order(purchase_package.account_id, 'purchase', 'package', NULL, o.offer, purchase_package.quantity, o.price * purchase_package.quantity,
		(o.price - billing._offer_price(o, purchase_package.auto_renew)) * purchase_package.quantity, purchase_package.voucher, ARRAY[o.offer, o.product],
		format('%s package%s "%s"', purchase_package.quantity, CASE WHEN purchase_package.quantity > 1 THEN 's' ELSE '' END, o.offer), false, purchase_package.at);
	SELECT p.* INTO STRICT paid FROM billing.purchase p WHERE p.account_id = purchase_package.account_id AND p.order_id = paid_by;
	SELECT c.decimals INTO STRICT places FROM billing.currency c WHERE c.currency = a.currency;
	FOR n IN 1 .. purchase_package.quantity LOOP
		-- shares by running totals add up to what was paid; the flag is on the last one
		ids := ids || billing._add_package(purchase_package.account_id, o, purchase_package.region, purchase_package.resources, starts, ends,
			purchase_package.auto_renew AND n = purchase_package.quantity,
			round(paid.money * n / purchase_package.quantity, places) - round(paid.money * (n - 1) / purchase_package.quantity, places),
			round(paid.voucher_amount * n / purchase_package.quantity, places) - round(paid.voucher_amount * (n - 1) / purchase_package.quantity, places),
			paid.order_id, NULL, purchase_package.at);
	END LOOP;
	PERFORM billing._answer_request(purchase_package.account_id, purchase_package.key, to_jsonb(ids));
	RETURN QUERY SELECT unnest(ids);
END
$fn$;
COMMENT ON FUNCTION billing.purchase_package(bigint, text, integer, text, text[], boolean, text, text, timestamptz)
	IS 'buys prepaid packages of an offer and returns their numbers';

CREATE FUNCTION billing.set_auto_renew(account_id bigint, package_id bigint, enabled boolean, key text DEFAULT NULL, at timestamptz DEFAULT now())
	RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	a record;
	p billing.package;
	answer jsonb;
	o billing.package_offer;
	other bigint;
BEGIN
	a := billing._begin_package_call(set_auto_renew.account_id, 'set_auto_renew', set_auto_renew.at);
	PERFORM billing._check_package(set_auto_renew.account_id, set_auto_renew.package_id);
	SELECT * INTO STRICT p FROM billing.package x WHERE x.account_id = set_auto_renew.account_id AND x.package_id = set_auto_renew.package_id;
	answer := billing._claim_request(set_auto_renew.account_id, set_auto_renew.key, 'set_auto_renew', jsonb_build_object('package_id', set_auto_renew.package_id,
		'enabled', set_auto_renew.enabled), set_auto_renew.at);
	IF answer IS NOT NULL THEN
		RETURN nullif(answer, 'false')::bigint;
	END IF;
	PERFORM billing._check_may(set_auto_renew.account_id, 'set_auto_renew', set_auto_renew.at);
	IF set_auto_renew.enabled IS NULL THEN
		RAISE EXCEPTION 'automatic renewal of package % can not be NULL', p.package_id USING
			ERRCODE = 'null_value_not_allowed', DETAIL = 'It is on or off.', HINT = 'Give true or false.';
	ELSIF set_auto_renew.enabled THEN
		PERFORM billing._require_live(p, 'automatic renewal', set_auto_renew.at);
		SELECT * INTO o FROM billing.package_offer x
		WHERE x.offer = p.offer AND x.currency = a.currency AND x.valid_from = billing._offer_in_force(x.offer, x.currency, set_auto_renew.at);
		SELECT x.package_id INTO other FROM billing.package x
		WHERE x.account_id = set_auto_renew.account_id AND x.renews = p.package_id AND x.state = 'pending';
		IF o.offer IS NULL OR p.cut_off OR other IS NOT NULL THEN
			RAISE EXCEPTION 'package % of offer "%" can not renew itself', p.package_id, p.offer USING
				ERRCODE = 'UB055',
				DETAIL = CASE WHEN other IS NOT NULL THEN format('Package %s is ordered, and takes over from it.', other)
					WHEN p.cut_off THEN 'Its resources are cut off when it is over; the two exclude each other.' ELSE 'The offer is not sold any more.' END,
				HINT = CASE WHEN other IS NOT NULL THEN format('SELECT billing.set_auto_renew(%s, %s, true);', p.account_id, other)
					ELSE 'Buy a package of another offer.' END;
		END IF;
		PERFORM billing._check_bindable(set_auto_renew.account_id, p.meter, billing._is_stackable(p.offer, a.currency, p.bought_at),
			ARRAY(SELECT r.resource FROM billing.package_resource r JOIN billing.resource x USING (account_id, resource)
				WHERE r.account_id = p.account_id AND r.package_id = p.package_id AND x.state <> 'released'),
			greatest(p.valid_from, set_auto_renew.at), 'infinity', p.package_id);
		IF o.auto_renew_scope = 'type' THEN
			UPDATE billing.package x SET auto_renew = false
			WHERE x.account_id = set_auto_renew.account_id AND x.meter = p.meter AND x.auto_renew AND x.package_id <> p.package_id
				AND billing._renews_by_type(x.offer, a.currency, x.bought_at)
			RETURNING x.package_id INTO other;
		END IF;
	END IF;
	UPDATE billing.package x SET auto_renew = set_auto_renew.enabled WHERE x.account_id = set_auto_renew.account_id AND x.package_id = p.package_id;
	PERFORM billing._answer_request(set_auto_renew.account_id, set_auto_renew.key, coalesce(to_jsonb(other), 'false'));
	RETURN other;
END
$fn$;
COMMENT ON FUNCTION billing.set_auto_renew(bigint, bigint, boolean, text, timestamptz)
	IS 'switches the automatic renewal of a package on or off; returns the package that lost it to this one, or NULL';

CREATE FUNCTION billing._note_low_packages(account_from bigint, account_to bigint, at timestamptz) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'	-- instants among the facts and causes
SET datestyle = 'ISO'
AS $fn$
	-- once for a package and threshold; one that is used up has a notice of its own
	INSERT INTO billing.notice (account_id, kind, subject, subject_id, cause, facts, at)
	SELECT p.account_id, 'package_low', 'package', p.package_id::text, 'below ' || trim_scale(p.low_at),
		jsonb_build_object('account_id', p.account_id, 'package_id', p.package_id, 'offer', p.offer, 'meter', p.meter, 'unit', m.unit, 'size', p.size,
			'remaining', p.size - p.used, 'threshold', p.low_at, 'valid_until', billing.last_second(p.valid_until)), _note_low_packages.at
	FROM billing.package p JOIN billing.meter m USING (meter)
	WHERE p.account_id >= account_from AND p.account_id < account_to AND p.low_at IS NOT NULL AND p.state IN ('pending', 'active')
		AND p.used < p.size AND p.size - p.used <= p.low_at
		AND NOT EXISTS (SELECT FROM billing.notice n WHERE n.account_id = p.account_id AND n.kind = 'package_low' AND n.subject = 'package'
			AND n.subject_id = p.package_id::text AND n.cause = 'below ' || trim_scale(p.low_at))
	ORDER BY p.account_id, p.package_id
	ON CONFLICT DO NOTHING
$fn$;
COMMENT ON FUNCTION billing._note_low_packages(bigint, bigint, timestamptz)
	IS 'tells the accounts of a range of whose packages no more is left than the threshold that was set';

CREATE FUNCTION billing.set_low_package(account_id bigint, package_id bigint, quantity numeric, key text DEFAULT NULL, at timestamptz DEFAULT now())
	RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	p billing.package;
BEGIN
	PERFORM billing._begin_package_call(set_low_package.account_id, 'set_low_package', set_low_package.at);
	PERFORM billing._check_package(set_low_package.account_id, set_low_package.package_id);
	IF billing._claim_request(set_low_package.account_id, set_low_package.key, 'set_low_package', jsonb_build_object('package_id', set_low_package.package_id,
		'quantity', set_low_package.quantity), set_low_package.at) IS NOT NULL
	THEN
		RETURN;
	END IF;
	PERFORM billing._check_may(set_low_package.account_id, 'set_low_package', set_low_package.at);
	SELECT * INTO STRICT p FROM billing.package x WHERE x.account_id = set_low_package.account_id AND x.package_id = set_low_package.package_id;
	PERFORM billing._require_live(p, 'a threshold', set_low_package.at);
	IF NOT (quantity > 0 AND quantity < p.size) THEN
		RAISE EXCEPTION 'threshold % of package % is out of range', quantity, p.package_id USING
			ERRCODE = 'numeric_value_out_of_range',
			DETAIL = format('It lies above 0 and below the package''s size, %s.', p.size),
			HINT = 'Give such a quantity, or NULL for no threshold; that a package is used up is told in any case.';
	END IF;
	UPDATE billing.package x SET low_at = set_low_package.quantity WHERE x.account_id = p.account_id AND x.package_id = p.package_id;
	PERFORM billing._note_low_packages(p.account_id, p.account_id + 1, set_low_package.at);
	PERFORM billing._answer_request(set_low_package.account_id, set_low_package.key, 'true');
END
$fn$;
COMMENT ON FUNCTION billing.set_low_package(bigint, bigint, numeric, text, timestamptz)
	IS 'a notice is written once no more is left of a package than a quantity, for this package and those that renew it; NULL: none';

CREATE FUNCTION billing.bind_resource(account_id bigint, package_id bigint, resource text, key text DEFAULT NULL, at timestamptz DEFAULT now())
	RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	a record;
	p billing.package;
BEGIN
	a := billing._begin_package_call(bind_resource.account_id, 'bind_resource', bind_resource.at);
	PERFORM billing._check_package(bind_resource.account_id, bind_resource.package_id);
	SELECT * INTO STRICT p FROM billing.package x WHERE x.account_id = bind_resource.account_id AND x.package_id = bind_resource.package_id;
	IF billing._claim_request(bind_resource.account_id, bind_resource.key, 'bind_resource', jsonb_build_object('package_id', bind_resource.package_id,
		'resource', bind_resource.resource), bind_resource.at) IS NOT NULL
	THEN
		RETURN;
	END IF;
	PERFORM billing._check_may(bind_resource.account_id, 'bind_resource', bind_resource.at);
	PERFORM billing._require_live(p, 'a resource', bind_resource.at);
	IF p.max_resources IS NULL OR (SELECT count(*) FROM billing.package_resource r WHERE r.account_id = bind_resource.account_id AND r.package_id = p.package_id)
		>= p.max_resources
	THEN
		RAISE EXCEPTION 'package % has no place for resource "%"', p.package_id, bind_resource.resource USING
			ERRCODE = 'UB054',
			DETAIL = CASE WHEN p.max_resources IS NULL THEN 'It covers all resources and is bound to none.'
				ELSE format('It is bound to %s, and they stay to its end.', p.max_resources) END,
			HINT = 'Buy another package for it.';
	END IF;
	PERFORM billing._check_bindable(bind_resource.account_id, p.meter, billing._is_stackable(p.offer, a.currency, p.bought_at), ARRAY[bind_resource.resource],
		greatest(p.valid_from, bind_resource.at), p.valid_until, p.package_id);
	INSERT INTO billing.package_resource (account_id, package_id, resource, bound_at)
	VALUES (bind_resource.account_id, p.package_id, bind_resource.resource, greatest(p.valid_from, bind_resource.at));
	PERFORM billing._end_cut_off(bind_resource.account_id, p.package_id, bind_resource.at);
	PERFORM billing._answer_request(bind_resource.account_id, bind_resource.key, 'true');
EXCEPTION WHEN unique_violation THEN
	RAISE EXCEPTION 'resource "%" is bound to package % already', bind_resource.resource, p.package_id USING
		ERRCODE = 'UB051', DETAIL = 'A resource is bound to a package once, and stays to its end.', HINT = 'SELECT * FROM billing.packages;';
END
$fn$;
COMMENT ON FUNCTION billing.bind_resource(bigint, bigint, text, text, timestamptz)
	IS 'binds a resource to a free place of a package: its usage is deducted from now on, to the end of the package';

-- A package that was ordered for the end of another one does not wait for it once that is refunded.
CREATE FUNCTION billing._close_gap(account_id bigint, package_id bigint, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	p billing.package;
	next bigint;
BEGIN
	SELECT * INTO STRICT p FROM billing.package x WHERE x.account_id = _close_gap.account_id AND x.package_id = _close_gap.package_id;
	SELECT x.package_id INTO next FROM billing.package x WHERE x.account_id = p.account_id AND x.renews = p.package_id AND x.state = 'pending';
	IF p.valid_from <= _close_gap.at THEN
		PERFORM billing._start_package(p.account_id, next, _close_gap.at) WHERE next IS NOT NULL;
	ELSIF next IS NOT NULL THEN
		-- it takes the place of the one that had not begun
		UPDATE billing.package x SET renews = p.renews, took_flag = x.took_flag AND p.took_flag
		WHERE x.account_id = p.account_id AND x.package_id = next;
		PERFORM billing._place_successor(p.account_id, next, p.valid_from);
	ELSIF p.took_flag AND (p.auto_renew OR p.cut_off) THEN
		UPDATE billing.package x SET auto_renew = true
		FROM billing.account a
		WHERE a.account_id = p.account_id AND x.account_id = p.account_id AND x.package_id = p.renews AND x.state IN ('pending', 'active', 'exhausted')
			-- unless another one has got it meanwhile
			AND NOT (billing._renews_by_type(x.offer, a.currency, x.bought_at) AND EXISTS (SELECT FROM billing.package o
				WHERE o.account_id = x.account_id AND o.meter = x.meter AND o.auto_renew AND o.package_id <> p.package_id
					AND billing._renews_by_type(o.offer, a.currency, o.bought_at)));
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._close_gap(bigint, bigint, timestamptz)
	IS 'a package is refunded: what was ordered for its end starts now, or takes its place; without such, the package that gave it its automatic renewal gets it back';

CREATE FUNCTION billing.refund_package(account_id bigint, package_id bigint, key text DEFAULT NULL, at timestamptz DEFAULT now()) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	a record;
	p billing.package;
	answer jsonb;
	places integer;
	kept numeric;
	money numeric;
	id bigint;
BEGIN
	a := billing._begin_package_call(refund_package.account_id, 'refund_package', refund_package.at);
	PERFORM billing._check_package(refund_package.account_id, refund_package.package_id);
	-- settling, which may deduct from it, does not always lock the account
	SELECT * INTO STRICT p FROM billing.package x WHERE x.account_id = refund_package.account_id AND x.package_id = refund_package.package_id FOR UPDATE;
	answer := billing._claim_request(refund_package.account_id, refund_package.key, 'refund_package', jsonb_build_object('package_id', refund_package.package_id),
		refund_package.at);
	IF answer IS NOT NULL THEN
		RETURN answer::bigint;
	END IF;
	IF p.used > 0 AND p.refund_price IS NULL THEN
		RAISE EXCEPTION 'package % was used and can not be refunded', p.package_id USING
			ERRCODE = 'UB060',
			DETAIL = format('%s of %s are used; only unused packages are refunded.', p.used, p.size),
			HINT = 'To give money nevertheless use billing.adjust().';
	END IF;
	PERFORM billing._require_live(p, 'a refund', refund_package.at);
	-- what was used is taken from the wallet's part first, as of a plan; never below 0
	SELECT c.decimals INTO STRICT places FROM billing.currency c WHERE c.currency = a.currency;
	kept := round(p.used * coalesce(p.refund_price, 0), places);
	money := greatest(p.price_paid - kept, 0);
	id := billing._place_refund(refund_package.account_id, 'package', p.package_id, p.offer, 1, money, greatest(p.price_paid + p.voucher_paid - kept, 0) - money,
		format('refund of package %s "%s"', p.package_id, p.offer), refund_package.at);
	PERFORM billing._close_gap(refund_package.account_id, p.package_id, refund_package.at);
	UPDATE billing.package x SET state = 'refunded', auto_renew = false, refunded_used = x.used WHERE x.account_id = refund_package.account_id AND x.package_id = p.package_id;
	PERFORM billing._answer_request(refund_package.account_id, refund_package.key, to_jsonb(id));
	RETURN id;
END
$fn$;
COMMENT ON FUNCTION billing.refund_package(bigint, bigint, text, timestamptz)
	IS 'gives back what the wallet paid for a package that is unused, or less what was used of it where its offer says so; a voucher''s part is lost; what was ordered for its end starts now; returns the order_id';

CREATE FUNCTION billing.change_package(account_id bigint, package_id bigint, offer text, resources text[] DEFAULT NULL,
	key text DEFAULT NULL, at timestamptz DEFAULT now()) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	a record;
	p billing.package;
	answer jsonb;
	o billing.package_offer;
	paid_by bigint;
	paid billing.purchase;
	id bigint;
BEGIN
	a := billing._begin_package_call(change_package.account_id, 'change_package', change_package.at);
	PERFORM billing._check_package(change_package.account_id, change_package.package_id);
	SELECT * INTO STRICT p FROM billing.package x WHERE x.account_id = change_package.account_id AND x.package_id = change_package.package_id;
	answer := billing._claim_request(change_package.account_id, change_package.key, 'change_package', jsonb_build_object('package_id', change_package.package_id,
		'offer', change_package.offer, 'resources', change_package.resources), change_package.at);
	IF answer IS NOT NULL THEN
		RETURN answer::bigint;
	END IF;
	PERFORM billing._check_may(change_package.account_id, 'change_package', change_package.at);
	PERFORM billing._require_live(p, 'a change', change_package.at);
	SELECT * INTO o FROM billing.package_offer x
	WHERE x.offer = change_package.offer AND x.currency = a.currency AND x.valid_from = billing._offer_in_force(x.offer, x.currency, change_package.at)
	FOR SHARE;
	IF o.offer IS NULL OR o.meter <> p.meter OR EXISTS (SELECT FROM billing.package x WHERE x.account_id = change_package.account_id AND x.renews = p.package_id
		AND x.state = 'pending')
	THEN
		RAISE EXCEPTION 'package % can not change to offer "%"', p.package_id, coalesce(change_package.offer, 'NULL') USING
			ERRCODE = 'UB061',
			DETAIL = CASE WHEN o.offer IS NULL THEN 'It is not sold.' WHEN o.meter <> p.meter THEN format('It is for "%s", the package for "%s".', o.meter, p.meter)
				ELSE 'Another one takes over from it already.' END,
			HINT = 'SELECT offer, meter FROM billing.package_offer; an order for later that is unused can be refunded.';
	END IF;
	-- the flag goes over to the new one, so that the old one is not in its way
	UPDATE billing.package x SET auto_renew = false WHERE x.account_id = change_package.account_id AND x.package_id = p.package_id;
	PERFORM billing._check_purchase(change_package.account_id, o, 1, p.region, change_package.resources, p.auto_renew AND NOT o.cut_off, change_package.at);
	PERFORM billing._check_bindable(change_package.account_id, o.meter, o.stackable, change_package.resources, change_package.at, 'infinity', p.package_id);
	paid_by := billing._place_order(change_package.account_id, 'purchase', 'package', p.package_id, o.offer, 1, o.price, o.price - billing._offer_price(o, p.auto_renew AND NOT o.cut_off), NULL, NULL,
		format('package "%s", from the end of package %s on', o.offer, p.package_id), false, change_package.at);
	SELECT x.* INTO STRICT paid FROM billing.purchase x WHERE x.account_id = change_package.account_id AND x.order_id = paid_by;
	id := billing._add_package(change_package.account_id, o, p.region, change_package.resources, p.valid_until,
		billing._after_terms(p.valid_until, 1, o.term, a.time_zone, o.month_end), p.auto_renew AND NOT o.cut_off, paid.money, paid.voucher_amount,
		paid.order_id, p.package_id, change_package.at);
	UPDATE billing.package x SET took_flag = p.auto_renew WHERE x.account_id = change_package.account_id AND x.package_id = id;
	PERFORM billing._answer_request(change_package.account_id, change_package.key, to_jsonb(id));
	RETURN id;
END
$fn$;
COMMENT ON FUNCTION billing.change_package(bigint, bigint, text, text[], text, timestamptz)
	IS 'orders the package that takes over when this one is used up or ends, with bindings of its own; returns its package_id';
