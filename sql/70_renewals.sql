-- What an automatic renewal that is still to come will cost, and what stands in its way.  The view billing.renewals asks.

CREATE FUNCTION billing._plan_renewal_price(account_id bigint, subscription_id bigint, at timestamptz) RETURNS numeric
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	s record;
	price record;
BEGIN
	SELECT coalesce(w.next_plan, w.plan) AS plan, w.region, w.options, w.quantity, a.currency INTO STRICT s
	FROM billing.subscription w JOIN billing.account a ON a.account_id = w.account_id
	WHERE w.account_id = _plan_renewal_price.account_id AND w.subscription_id = _plan_renewal_price.subscription_id;
	IF billing._plan_fee(s.plan, s.region, s.options, s.currency, at) IS NULL THEN
		RETURN NULL;
	END IF;
	price := billing._price_terms(account_id, s.plan, s.region, s.options, s.quantity, 1, at);
	RETURN price.list_price - price.discount;
END
$fn$;
COMMENT ON FUNCTION billing._plan_renewal_price(bigint, bigint, timestamptz)
	IS 'what the automatic renewal of a subscription costs at an instant, as the catalogue stands; NULL: it is not sold then';

CREATE FUNCTION billing._package_renewal_price(offer text, currency text, at timestamptz) RETURNS numeric
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT billing._offer_price(o, true) FROM billing.package_offer o
	WHERE o.offer = _package_renewal_price.offer AND o.currency = _package_renewal_price.currency
		AND o.valid_from = billing._offer_in_force(o.offer, o.currency, at)
$fn$;
COMMENT ON FUNCTION billing._package_renewal_price(text, text, timestamptz)
	IS 'what the automatic renewal of a package costs at an instant, as the catalogue stands; NULL: it is not sold then';

CREATE FUNCTION billing._will_have_plan(account_id bigint, plans text[], at timestamptz) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT EXISTS (SELECT FROM billing.subscription s
		WHERE s.account_id = _will_have_plan.account_id AND s.plan = ANY (_will_have_plan.plans) AND s.state = 'active'
			AND (least(s.paid_until, s.ended_at) > _will_have_plan.at OR s.auto_renew AND s.ended_at = 'infinity'))
$fn$;
COMMENT ON FUNCTION billing._will_have_plan(bigint, text[], timestamptz) IS 'does an account hold one of these plans that is paid, or renews itself, until an instant?';
