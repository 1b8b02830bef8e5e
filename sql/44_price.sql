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
	IF num_nulls(NEW.meter, NEW.region, NEW.currency, NEW.counter, NEW.scope, NEW.tariff, NEW.properties, NEW.weekdays, NEW.time_from, NEW.time_to,
			NEW.greatest_of, NEW.counter_on_change) > 0 THEN
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
	IF billing._is_windowed(how) THEN
		PERFORM billing._check_windowed_price(NEW);
	END IF;
	-- Money that might come back moves once: a volume price may fall when usage grows, a peak is known at the end; and
	-- nobody is charged a period's minimum for its first event.
	NEW.post := coalesce(NEW.post,
		CASE WHEN billing.tariff_each(NEW.tariff) AND NEW.greatest_of = '' OR billing.tariff_model(NEW.tariff) = 'graduated' AND how IN ('sum', 'count')
			AND (NEW.tariff::jsonb ->> 'min') IS NULL AND NEW.greatest_of = '' THEN 'cycle' ELSE 'counter' END);
	IF NEW.greatest_of <> '' AND NEW.post <> 'counter' THEN
		RAISE EXCEPTION 'a price of group "%" can not post with every cycle', NEW.greatest_of USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'Which price of a group is the highest is known when the counter period closes.',
			HINT = 'Leave post out, or say counter.';
	END IF;
	NEW.weekdays := billing._check_conditions(NEW);
	PERFORM billing._check_ties(NEW);
	PERFORM billing._warn_of_cheaper_usage(NEW.meter, NEW.tariff);
	INSERT INTO billing.price_line (meter, region, currency, counter, post, scope, properties, weekdays, time_from, time_to, greatest_of)
	VALUES (NEW.meter, NEW.region, NEW.currency, NEW.counter, NEW.post, NEW.scope, NEW.properties, NEW.weekdays, NEW.time_from, NEW.time_to,
		NEW.greatest_of)
	ON CONFLICT DO NOTHING;
	SELECT l.line_id INTO STRICT NEW.line_id FROM billing.price_line l
	WHERE (l.meter, l.region, l.currency, l.counter, l.post, l.scope, l.properties, l.weekdays, l.time_from, l.time_to, l.greatest_of)
		= (NEW.meter, NEW.region, NEW.currency, NEW.counter, NEW.post, NEW.scope, NEW.properties, NEW.weekdays, NEW.time_from, NEW.time_to,
			NEW.greatest_of);
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
			rated := EXISTS (SELECT FROM billing.price p WHERE p.meter = OLD.meter);
		WHEN 'currency' THEN
			what := format('currency "%s"', OLD.currency);
			rated := EXISTS (SELECT FROM billing.account a WHERE a.currency = OLD.currency);
	END CASE;
	IF rated THEN
		RAISE EXCEPTION '% can not be changed', what USING
			ERRCODE = 'UB007',
			DETAIL = CASE TG_TABLE_NAME WHEN 'price' THEN 'A price never changes; one that has rated usage can not be deleted either.'
				WHEN 'meter' THEN 'It has prices.' ELSE 'Accounts have money in it.' END,
			HINT = CASE TG_TABLE_NAME WHEN 'price' THEN 'Insert a new price with a later valid_from: it takes over from that instant. One that has rated nothing may be deleted.'
				ELSE 'Insert a new row under another name.' END;
	END IF;
	RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$fn$;
COMMENT ON FUNCTION billing._guard_catalogue() IS 'trigger: what has rated something is immutable';

CREATE FUNCTION billing._price_spans(owner bigint, meter text, region text, currency text)
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
	), by_event AS (
		SELECT FROM candidate p WHERE billing._is_conditional(p.properties, p.weekdays, p.time_from, p.time_to) OR billing.tariff_each(p.tariff)
	), winner AS (
		SELECT DISTINCT ON (e.valid_from) e.valid_from AS starts, p.*
		FROM candidate e JOIN candidate p ON p.valid_from <= e.valid_from
		WHERE NOT EXISTS (SELECT FROM by_event)
		ORDER BY e.valid_from, p.account_id <> 0 DESC, p.region <> '' DESC, p.valid_from DESC
	)
	SELECT w.starts, coalesce(lead(w.starts) OVER (ORDER BY w.starts), 'infinity'), w.price_id, w.line_id, w.tariff,
		w.counter, w.post, w.scope
	FROM winner w;
END
$fn$;
COMMENT ON FUNCTION billing._price_spans(bigint, text, text, text)
	IS 'which price is in force from when to when, for an account with prices of its own (owner) or everyone (0); nothing where a price has conditions or prices each event, so that events are looked at one by one';

CREATE FUNCTION billing._price_at(account_id bigint, meter text, region text, currency text, properties jsonb, at timestamptz, time_zone text)
	RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	RETURN (SELECT p.price_id FROM billing.price p
	WHERE p.meter = _price_at.meter AND p.currency = _price_at.currency AND p.region IN (_price_at.region, '')
		AND p.account_id IN (_price_at.account_id, 0) AND p.valid_from <= _price_at.at
		AND (NOT billing._is_conditional(p.properties, p.weekdays, p.time_from, p.time_to)
			OR billing._meets(p.properties, p.weekdays, p.time_from, p.time_to, _price_at.properties, _price_at.at AT TIME ZONE _price_at.time_zone))
	ORDER BY p.account_id <> 0 DESC, p.region <> '' DESC,
		billing._specificity(p.properties, p.weekdays, p.time_from, p.time_to) DESC, p.valid_from DESC
	LIMIT 1);
END
$fn$;
COMMENT ON FUNCTION billing._price_at(bigint, text, text, text, jsonb, timestamptz, text) IS 'the price in force for one event; NULL: none';

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
