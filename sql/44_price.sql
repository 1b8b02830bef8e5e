-- Prices: what guards them, and which one is in force.

CREATE FUNCTION billing._note_catalogue_change() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	-- always: whether something waits for it can not be seen from here, a settlement may be in flight
	INSERT INTO billing.catalogue_change DEFAULT VALUES;
	RETURN NULL;
END
$fn$;
COMMENT ON FUNCTION billing._note_catalogue_change() IS 'trigger: the catalogue has changed, unrated usage may be tried again';

CREATE FUNCTION billing._fill_price() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	how text;
	own text;
BEGIN
	IF num_nulls(NEW.meter, NEW.region, NEW.plan, NEW.tier_basis, NEW.currency, NEW.counter, NEW.scope, NEW.tariff, NEW.properties, NEW.weekdays, NEW.time_from, NEW.time_to,
			NEW.greatest_of, NEW.counter_on_change, NEW.options) > 0 THEN
		RAISE EXCEPTION 'a price of meter "%" is not complete', NEW.meter USING
			ERRCODE = 'null_value_not_allowed',
			DETAIL = 'Meter, region, currency, counter, scope, tariff and the conditions are not NULL.',
			HINT = 'Leave out what has a default; any region is the empty text.';
	END IF;
	-- Locked: a meter that is being changed is waited for, none changes while it gets its first price, and two prices
	-- of one meter that are inserted at once see one another.
	SELECT m.aggregation INTO how FROM billing.meter m WHERE m.meter = NEW.meter FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'meter "%" does not exist', NEW.meter USING
			ERRCODE = 'UB002',
			DETAIL = 'A price needs a meter of the catalogue.',
			HINT = 'INSERT INTO billing.meter (meter, unit, aggregation) ... first.';
	END IF;
	PERFORM 1 FROM billing.currency c WHERE c.currency = NEW.currency;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'currency "%" does not exist', NEW.currency USING
			ERRCODE = 'UB003',
			DETAIL = 'A price needs a currency of the catalogue.',
			HINT = 'INSERT INTO billing.currency (currency, decimals) ... first.';
	END IF;
	IF NEW.account_id <> 0 THEN
		SELECT a.currency INTO own FROM billing.account a WHERE a.account_id = NEW.account_id;
		IF NOT FOUND THEN
			PERFORM billing._unknown_account(NEW.account_id);
		ELSIF own <> NEW.currency THEN
			RAISE EXCEPTION 'account % has no price in %', NEW.account_id, NEW.currency USING
				ERRCODE = 'UB003',
				DETAIL = format('All money of that account is in %s.', own),
				HINT = format('Give the price in %s.', own);
		END IF;
	END IF;
	IF NEW.plan <> '' AND NOT EXISTS (SELECT FROM billing.plan p WHERE p.plan = NEW.plan) THEN
		RAISE EXCEPTION 'plan "%" does not exist', NEW.plan USING
			ERRCODE = 'UB039',
			DETAIL = 'A price for the holders of a plan needs a plan of the catalogue.',
			HINT = 'INSERT INTO billing.plan (plan, currency, fee, term) ... first.';
	ELSIF NEW.options <> '{}' AND NOT EXISTS (SELECT FROM billing.plan_option k WHERE k.plan = NEW.plan
		HAVING count(*) FILTER (WHERE NEW.options ? k.option) = (SELECT count(*) FROM jsonb_object_keys(NEW.options))) THEN
		RAISE EXCEPTION 'a price of meter "%" asks for options % that plan "%" does not know', NEW.meter, NEW.options, NEW.plan USING
			ERRCODE = 'UB042',
			DETAIL = 'A price by options is for the holders of one plan, and every option is a row of billing.plan_option.',
			HINT = format('SELECT option, choices, least, most FROM billing.plan_option WHERE plan = %L;', NEW.plan);
	END IF;
	PERFORM billing._check_priced_options(NEW.plan, NEW.options);
	IF NEW.counter = 'term' AND (NEW.plan = '' OR how = 'time_weighted') THEN
		RAISE EXCEPTION 'a price of meter "%" has no terms to count in', NEW.meter USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'Terms are those of the plan that the price is for; a level that holds is billed by hour, day or month.',
			HINT = 'Name the plan, or count by month.';
	END IF;
	IF billing.tariff_each(NEW.tariff) AND how <> 'sum' THEN
		RAISE EXCEPTION 'meter "%" has no amounts of events to price', NEW.meter USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = format('A tariff with "each" prices the quantity of every event, and the meter''s aggregation is %s.', how),
			HINT = 'Leave "each" out, or take a meter of aggregation sum.';
	END IF;
	IF NEW.counter_on_change = 'carry' AND (how NOT IN ('sum', 'count') OR billing.tariff_each(NEW.tariff)) THEN
		RAISE EXCEPTION 'a price of meter "%" can not carry a counter on', NEW.meter USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = CASE WHEN how IN ('sum', 'count') THEN 'A tariff with "each" has no counter.'
				ELSE format('Only a sum or a count goes on where another price has left it; the meter''s aggregation is %s.', how) END,
			HINT = 'Leave counter_on_change out, or say restart.';
	END IF;
	IF NEW.tier_basis = 'whole' AND (how NOT IN ('sum', 'count') OR billing.tariff_each(NEW.tariff) OR NEW.counter_on_change = 'carry'
		OR billing.tariff_model(NEW.tariff) = 'volume' AND NEW.tariff::jsonb ?| ARRAY['free', 'block', 'min', 'max', 'digits'])
	THEN
		RAISE EXCEPTION 'a price of meter "%" can not go by the whole usage', NEW.meter USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'It is for sums and counts whose counter restarts; a volume tariff has prices and flat fees alone then, and none is by each event.',
			HINT = 'Leave tier_basis out, or say uncovered.';
	END IF;
	IF billing._is_windowed(how) THEN
		PERFORM billing._check_windowed_price(NEW);
	END IF;
	-- Money that might come back moves once: a volume price may fall when usage grows, a peak is known at the end; and
	-- nobody is charged a period's minimum for its first event.
	NEW.post := coalesce(NEW.post,
		CASE WHEN billing.tariff_each(NEW.tariff) AND NEW.greatest_of = '' OR billing.tariff_model(NEW.tariff) = 'graduated' AND how IN ('sum', 'count')
			AND (NEW.tariff::jsonb ->> 'min') IS NULL AND NEW.greatest_of = '' THEN 'cycle' ELSE 'counter' END);
	IF (NEW.post <> 'counter' OR NEW.counter = 'hour') AND (SELECT m.settled_by FROM billing.meter m WHERE m.meter = NEW.meter) = 'day' THEN
		RAISE EXCEPTION 'a price of meter "%" can not post by the %', NEW.meter, CASE NEW.counter WHEN 'hour' THEN NEW.counter ELSE NEW.post END USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'The meter is settled by the day, when what it measured is read.',
			HINT = 'Leave post out and count by day, month or term; or take a meter that is settled by the hour.';
	END IF;
	IF NEW.greatest_of <> '' AND NEW.post <> 'counter' THEN
		RAISE EXCEPTION 'a price of group "%" can not post with every cycle', NEW.greatest_of USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'Which price of a group is the highest is known when the counter period closes.',
			HINT = 'Leave post out, or say counter.';
	END IF;
	NEW.weekdays := billing._check_conditions(NEW);
	PERFORM billing._check_ties(NEW);
	PERFORM billing._warn_of_cheaper_usage(NEW.meter, NEW.tariff);
	INSERT INTO billing.price_line (meter, region, plan, currency, counter, post, scope, properties, weekdays, time_from, time_to, greatest_of, options)
	VALUES (NEW.meter, NEW.region, NEW.plan, NEW.currency, NEW.counter, NEW.post, NEW.scope, NEW.properties, NEW.weekdays, NEW.time_from, NEW.time_to,
		NEW.greatest_of, NEW.options)
	ON CONFLICT DO NOTHING;
	SELECT l.line_id INTO STRICT NEW.line_id FROM billing.price_line l
	WHERE (l.meter, l.region, l.plan, l.currency, l.counter, l.post, l.scope, l.properties, l.weekdays, l.time_from, l.time_to, l.greatest_of, l.options)
		= (NEW.meter, NEW.region, NEW.plan, NEW.currency, NEW.counter, NEW.post, NEW.scope, NEW.properties, NEW.weekdays, NEW.time_from, NEW.time_to,
			NEW.greatest_of, NEW.options);
	RETURN NEW;
END
$fn$;
COMMENT ON FUNCTION billing._fill_price() IS 'trigger: checks a new price, fills in post and its line';

CREATE FUNCTION billing._guard_catalogue() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	what text;
	rated boolean;
BEGIN
	CASE TG_TABLE_NAME
		WHEN 'price' THEN
			what := format('price %s', OLD.price_id);
			-- a price is replaced, never changed: settling would have to look twice at what it has read
			rated := TG_OP = 'UPDATE' OR EXISTS (SELECT FROM billing.rated_price r WHERE r.price_id = OLD.price_id);
		WHEN 'meter' THEN
			what := format('meter "%s"', OLD.meter);
			rated := EXISTS (SELECT FROM billing.price p WHERE p.meter = OLD.meter)
				OR EXISTS (SELECT FROM billing.package_offer o WHERE o.meter = OLD.meter)
				OR EXISTS (SELECT FROM billing.package_coverage o WHERE o.meter = OLD.meter)
				OR EXISTS (SELECT FROM billing.plan_allowance o WHERE o.meter = OLD.meter)
				OR EXISTS (SELECT FROM billing.usage_cap c WHERE c.meter = OLD.meter)
				-- its usage of today waits for it
				OR OLD.settled_by = 'day' AND (TG_OP = 'DELETE' OR NEW.meter <> OLD.meter OR NEW.settled_by <> 'day');
		WHEN 'currency' THEN
			what := format('currency "%s"', OLD.currency);
			rated := EXISTS (SELECT FROM billing.account a WHERE a.currency = OLD.currency);
	END CASE;
	IF rated THEN
		RAISE EXCEPTION '% can not be %', what, CASE TG_OP WHEN 'DELETE' THEN 'deleted' ELSE 'changed' END USING
			ERRCODE = 'UB007',
			DETAIL = CASE TG_TABLE_NAME WHEN 'price' THEN 'A price never changes; one that has rated usage can not be deleted either.'
				WHEN 'meter' THEN 'It has prices, packages, allowances or caps, or is settled by the day, and usage may wait for it.' ELSE 'Accounts have money in it.' END,
			HINT = CASE TG_TABLE_NAME WHEN 'price' THEN 'Insert a new price with a later valid_from: it takes over from that instant. One that has rated nothing may be deleted.'
				ELSE 'Insert a new row under another name.' END;
	END IF;
	RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$fn$;
COMMENT ON FUNCTION billing._guard_catalogue() IS 'trigger: what has rated something is immutable';

CREATE FUNCTION billing._rate_uncovered(tariff billing.tariff, covered numeric, quantity numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	RETURN CASE WHEN covered = 0 THEN billing.rate(tariff, quantity)
		WHEN quantity = 0 THEN 0
		WHEN billing.tariff_model(tariff) = 'graduated' THEN billing.rate_between(tariff, covered, quantity)
		ELSE (SELECT l.amount - billing.prorate(covered * l.price, 1, l.per) FROM billing.rate_lines(tariff, covered + quantity) l) END;
END
$fn$;
COMMENT ON FUNCTION billing._rate_uncovered(billing.tariff, numeric, numeric)
	IS 'what a quantity costs in the tiers that it reaches with a quantity that is covered: graduated tiers are filled by what is covered first, a volume tier is reached by both together';

-- not pinned: meant to be inlined
CREATE FUNCTION billing._priced_term(account_id bigint, resource text, first_at timestamptz, last_at timestamptz)
	RETURNS TABLE (plan text, term_start timestamptz, term_end timestamptz, is_whole boolean, subscription_id bigint)
LANGUAGE sql STABLE
AS $fn$
	SELECT p.plan, t.term_start, t.term_end, greatest(t.term_start, o.valid_from, billing.cycle_start(billing.cycle_of(b.decided_at)), u.at) <= $3
		AND least(t.term_end, o.valid_until, s.ended_at, billing.cycle_start(billing.cycle_of(g.since) + 1)) > $4, s.subscription_id
	FROM billing.subscription s
	JOIN billing.subscription_term t ON t.account_id = s.account_id AND t.subscription_id = s.subscription_id
	-- An event has its price when its hour is settled, and a window is read long after.  So what goes back behind its own instant
	-- leaves the plan of earlier usage as it was: an upgrade (o), a first term from the day's or month's start (b), a late renewal (u).
	JOIN billing.subscription_options o ON o.account_id = s.account_id AND o.subscription_id = s.subscription_id
		AND o.valid_from <= $4 AND o.valid_until > $3
	JOIN billing.subscription_options b ON b.account_id = s.account_id AND b.subscription_id = s.subscription_id AND b.valid_from = '-infinity'
	LEFT JOIN billing.purchase u ON u.account_id = t.account_id AND u.order_id = t.order_id AND u.kind = 'renewal'
	JOIN billing.plan p ON p.plan = coalesce(o.plan, t.plan)
	-- what is given up is in no plan's service from the next hour on, however long it is paid
	LEFT JOIN billing.resource g ON g.account_id = s.account_id AND g.resource = s.resource AND g.state = 'released'
	WHERE s.account_id = $1 AND (s.resource IS NULL OR s.resource = $2) AND s.state <> 'provisioning'
		AND greatest(t.term_start, o.valid_from, billing.cycle_start(billing.cycle_of(b.decided_at)), u.at) <= $4
		AND least(t.term_end, o.valid_until, s.ended_at, billing.cycle_start(billing.cycle_of(g.since) + 1)) > $3
		AND EXISTS (SELECT FROM billing.price x WHERE x.plan = p.plan)
	ORDER BY s.resource IS NULL, p.rank DESC, s.subscription_id, t.term, o.valid_from
	LIMIT 1
$fn$;
COMMENT ON FUNCTION billing._priced_term(bigint, text, timestamptz, timestamptz)
	IS 'the paid term whose plan''s prices usage of a resource between two instants has, the first by rank that any of it lies in, and whether all of it does, with its plan of that time; none: it has the prices of no plan';

CREATE FUNCTION billing._counter_period(counter text, account_id bigint, resource text, at timestamptz, time_zone text,
	OUT period_start timestamptz, OUT period_end timestamptz)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	IF counter = 'term' THEN
		SELECT t.term_start, t.term_end INTO period_start, period_end
		FROM billing._priced_term(_counter_period.account_id, _counter_period.resource, _counter_period.at, _counter_period.at) t;
	ELSIF counter IS NOT NULL THEN
		SELECT t.* INTO period_start, period_end FROM billing.period_of(counter, at, time_zone) t;
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._counter_period(text, bigint, text, timestamptz, text)
	IS 'the counter period that an event lies in: hour, day or month of its account''s zone, or the term of its plan';

CREATE FUNCTION billing._price_spans(owner bigint, meter text, region text, currency text, plan text)
	RETURNS TABLE (valid_from timestamptz, valid_until timestamptz, price_id bigint, line_id bigint, tariff billing.tariff,
		counter text, post text, scope text)
LANGUAGE plpgsql STABLE ROWS 2
SET search_path = pg_catalog, pg_temp
AS $fn$
#variable_conflict use_column
BEGIN
	-- At every instant from which some price is valid the most specific one in force wins: the account's own
	-- before everyone's, a named region's before any's.
	RETURN QUERY WITH candidate AS (
		SELECT p.* FROM billing.price p
		WHERE p.meter = _price_spans.meter AND p.currency = _price_spans.currency
			AND p.region IN (_price_spans.region, '') AND p.account_id IN (_price_spans.owner, 0)
			AND (p.plan IN (_price_spans.plan, '') OR _price_spans.plan IS NULL)
	), by_event AS (
		SELECT FROM candidate p WHERE billing._is_conditional(p.properties, p.weekdays, p.time_from, p.time_to) OR billing.tariff_each(p.tariff)
			OR _price_spans.plan IS NULL AND p.plan <> '' OR p.options <> '{}'
	), winner AS (
		SELECT DISTINCT ON (e.valid_from) e.valid_from AS starts, p.*
		FROM candidate e JOIN candidate p ON p.valid_from <= e.valid_from
		WHERE NOT EXISTS (SELECT FROM by_event)
		ORDER BY e.valid_from, p.account_id <> 0 DESC, p.plan <> '' DESC, p.region <> '' DESC, p.valid_from DESC
	)
	SELECT w.starts, coalesce(lead(w.starts) OVER (ORDER BY w.starts), 'infinity'), w.price_id, w.line_id, w.tariff,
		w.counter, w.post, w.scope
	FROM winner w;
END
$fn$;
COMMENT ON FUNCTION billing._price_spans(bigint, text, text, text, text)
	IS 'which price is in force from when to when, in a plan (NULL: in one that is not known), for an account with prices of its own (owner) or everyone (0); nothing where a price has conditions, asks for options, prices each event, or is for a plan that is not known, so that events are looked at one by one';

CREATE FUNCTION billing._price_at(account_id bigint, meter text, region text, resource text, currency text, properties jsonb, at timestamptz, time_zone text)
	RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	held text;
	chosen jsonb;
BEGIN
	IF EXISTS (SELECT FROM billing.price p WHERE p.meter = _price_at.meter AND p.plan <> '') THEN
		SELECT t.plan, o.options INTO held, chosen
		FROM billing._priced_term(_price_at.account_id, _price_at.resource, _price_at.at, _price_at.at) t
		LEFT JOIN billing.subscription_options o ON o.account_id = _price_at.account_id AND o.subscription_id = t.subscription_id
			AND o.valid_from <= _price_at.at AND o.valid_until > _price_at.at;
	END IF;
	RETURN (SELECT p.price_id FROM billing.price p
	WHERE p.meter = _price_at.meter AND p.currency = _price_at.currency AND p.region IN (_price_at.region, '')
		AND p.account_id IN (_price_at.account_id, 0) AND p.valid_from <= _price_at.at
		AND p.plan IN (held, '') AND (p.options = '{}' OR p.options <@ chosen)
		AND (NOT billing._is_conditional(p.properties, p.weekdays, p.time_from, p.time_to)
			OR billing._meets(p.properties, p.weekdays, p.time_from, p.time_to, _price_at.properties, _price_at.at AT TIME ZONE _price_at.time_zone))
	ORDER BY p.account_id <> 0 DESC, p.plan <> '' DESC, (SELECT count(*) FROM jsonb_object_keys(p.options)) DESC, p.region <> '' DESC,
		billing._specificity(p.properties, p.weekdays, p.time_from, p.time_to) DESC, p.valid_from DESC
	LIMIT 1);
END
$fn$;
COMMENT ON FUNCTION billing._price_at(bigint, text, text, text, text, jsonb, timestamptz, text) IS 'the price in force for one event; NULL: none';

CREATE FUNCTION billing._carried(account_id bigint, price_id bigint, period_start timestamptz, resource text, through integer DEFAULT NULL) RETURNS numeric
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	p billing.price;
BEGIN
	SELECT * INTO STRICT p FROM billing.price x WHERE x.price_id = _carried.price_id;
	IF p.counter_on_change = 'restart' THEN
		RETURN NULL;
	END IF;
	RETURN (WITH earlier AS (
		SELECT o.quantity, x.price_id, x.valid_from, x.counter_on_change
		FROM billing.position o JOIN billing.price x USING (price_id)
		WHERE o.account_id = _carried.account_id AND o.line_id = p.line_id AND o.period_start = _carried.period_start AND o.resource = _carried.resource
			AND (x.valid_from, x.price_id) < (p.valid_from, p.price_id)
	)
	SELECT sum(CASE WHEN through IS NULL THEN e.quantity ELSE coalesce((SELECT sum(c.quantity) FROM billing.charge c
		WHERE c.account_id = _carried.account_id AND c.source = 'tariff' AND c.source_id = e.price_id AND c.period_start = _carried.period_start
			AND c.cycle <= through AND (p.scope = 'account' OR c.resource = _carried.resource)), 0) END)
	FROM earlier e
	WHERE NOT EXISTS (SELECT FROM earlier r WHERE r.counter_on_change = 'restart' AND (r.valid_from, r.price_id) > (e.valid_from, e.price_id)));
END
$fn$;
COMMENT ON FUNCTION billing._carried(bigint, bigint, timestamptz, text, integer)
	IS 'what a price''s counter began at in a position, once a cycle was settled (NULL: now); NULL: it is a counter of its own';
