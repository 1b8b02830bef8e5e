-- Automatic renewal of packages.  A package with the flag renews itself when it is used up or when it ends, whichever is
-- first.  Used up, it waits for the first usage that nothing else covers, and the new package starts at that event; its
-- own end in the meantime triggers nothing.  Otherwise the new one starts at its end.  Where that lies inside a cycle with
-- usage, settling renews first, so that the rest of the cycle runs into the new package (_renew_within); else the timer of
-- its end does (_end_packages).

CREATE FUNCTION billing._renewable_packages(account_from bigint, account_to bigint, chosen bigint[])
	RETURNS TABLE (account_id bigint, package_id bigint, valid_from timestamptz, valid_until timestamptz, auto_renew boolean, is_used_up boolean,
		remaining numeric)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
SET enable_nestloop = on	-- settling, which calls it, has it off
SET plan_cache_mode = force_generic_plan
AS $fn$
#variable_conflict use_column
BEGIN
	-- of one that is renewed at its end only, it does not matter what is used
	RETURN QUERY SELECT p.account_id, p.package_id, p.valid_from, p.valid_until, p.auto_renew, p.used = p.size AND p.auto_renew_on <> 'expiry',
		CASE p.auto_renew_on WHEN 'expiry' THEN 'Infinity' ELSE p.size - p.used END
	FROM (SELECT * FROM billing.package x WHERE chosen IS NULL AND x.account_id >= account_from AND x.account_id < account_to
		UNION ALL SELECT * FROM billing.package x WHERE x.account_id = ANY (chosen)) p
	WHERE p.auto_renew AND p.state <> 'refunded'
	UNION
	SELECT p.account_id, p.package_id, p.valid_from, p.valid_until, p.auto_renew, p.used = p.size, p.size - p.used
	FROM (SELECT * FROM billing.package x WHERE chosen IS NULL AND x.account_id >= account_from AND x.account_id < account_to
		UNION ALL SELECT * FROM billing.package x WHERE x.account_id = ANY (chosen)) n
	JOIN billing.package p ON p.account_id = n.account_id AND p.package_id = n.renews
	WHERE n.state = 'pending' AND p.state <> 'refunded';
END
$fn$;
COMMENT ON FUNCTION billing._renewable_packages(bigint, bigint, bigint[])
	IS 'packages of a range of accounts, or those of them that are chosen, from which another one takes over: they renew themselves, or a successor is ordered';

CREATE FUNCTION billing._renewal_triggers(the_cycle integer, accounts bigint[])
	RETURNS TABLE (account_id bigint, package_id bigint, cause text, trigger_at timestamptz)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
SET plan_cache_mode = force_generic_plan
SET enable_nestloop = off
SET enable_mergejoin = off
AS $fn$
#variable_conflict use_column
DECLARE
	first_account bigint := (SELECT min(a) FROM unnest(accounts) a);
	last_account bigint := (SELECT max(a) FROM unnest(accounts) a);
	starts constant timestamptz := billing.cycle_start(the_cycle);
	ends constant timestamptz := billing.cycle_start(the_cycle + 1);
BEGIN
	RETURN QUERY WITH flagged AS MATERIALIZED (
		SELECT r.* FROM billing._renewable_packages(first_account, last_account + 1, accounts) r
	), event AS MATERIALIZED (
		SELECT u.account_id, u.meter COLLATE "C" AS meter, u.region COLLATE "C" AS region, u.resource COLLATE "C" AS resource, u.event_time,
			CASE m.aggregation WHEN 'count' THEN 1 ELSE u.quantity END AS quantity,
			row_number() OVER (ORDER BY u.event_time, u.meter COLLATE "C", u.region COLLATE "C", u.resource COLLATE "C", u.event_key COLLATE "C", u.account_id) AS item
		FROM billing._usage_of(the_cycle, first_account, last_account + 1) u
		JOIN billing.meter m USING (meter)
		WHERE u.account_id IN (SELECT f.account_id FROM flagged f) AND m.aggregation IN ('sum', 'count') AND billing._is_billed(u.properties, m.leaves_out)
	), way AS MATERIALIZED (
		SELECT w.* FROM billing._deduction_ways(first_account, last_account + 1, accounts, (SELECT min(e.event_time) FROM event e), (SELECT max(e.event_time) FROM event e)) w
		WHERE w.account_id IN (SELECT f.account_id FROM flagged f)
	), step AS MATERIALIZED (
		SELECT x.account_id, d.* FROM (
			SELECT e.account_id, billing.waterfall(w.ways, e.item, e.meter, e.region, e.resource, e.event_time, e.event_time, e.quantity, true ORDER BY e.item) AS steps
			FROM event e LEFT JOIN way w USING (account_id) GROUP BY e.account_id) x
		CROSS JOIN LATERAL unnest(x.steps) d
	), used AS (
		-- after which item a package is used up; 0: it was before
		SELECT f.account_id, f.package_id, CASE WHEN f.is_used_up THEN 0 WHEN sum(d.units) = f.remaining THEN max(d.item) END AS used_up_at
		FROM flagged f
		LEFT JOIN step d ON d.account_id = f.account_id AND d.source = 'package' AND d.source_id = f.package_id
		GROUP BY f.account_id, f.package_id, f.is_used_up, f.remaining
	), trigger AS (
		SELECT f.account_id, f.package_id, 'expiry' AS cause, f.valid_until AS at, f.valid_until
		FROM flagged f JOIN used u USING (account_id, package_id)
		WHERE u.used_up_at IS NULL AND f.auto_renew AND f.valid_until > starts AND f.valid_until < ends
		UNION ALL
		SELECT f.account_id, f.package_id, 'exhaustion', greatest(min(e.event_time), starts), f.valid_until
		FROM flagged f
		JOIN used u USING (account_id, package_id)
		JOIN billing._package_scopes(first_account, last_account + 1, accounts) c USING (account_id, package_id)
		JOIN event e ON e.account_id = f.account_id AND e.item >= u.used_up_at AND e.event_time >= f.valid_from
			AND e.meter = c.meter AND e.region = coalesce(c.region, e.region) AND e.resource = coalesce(c.resource, e.resource)
		JOIN step d ON d.account_id = e.account_id AND d.item = e.item AND d.source IS NULL AND d.quantity > 0
		WHERE f.is_used_up OR u.used_up_at IS NOT NULL
		GROUP BY f.account_id, f.package_id, f.valid_until
	)
	SELECT DISTINCT ON (t.account_id) t.account_id, t.package_id, t.cause, t.at
	FROM trigger t ORDER BY t.account_id, t.at, t.valid_until, t.package_id;
END
$fn$;
COMMENT ON FUNCTION billing._renewal_triggers(integer, bigint[])
	IS 'of each account the first package that has to be renewed within a cycle, why and when; none: nothing has to';

CREATE FUNCTION billing._switch_off_renewal(p record, reason text, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	UPDATE billing.package x SET auto_renew = false WHERE x.account_id = p.account_id AND x.package_id = p.package_id;
	PERFORM billing._notify(p.account_id, 'renewal_failed', 'package', p.package_id::text, 'renewal',
		jsonb_build_object('package_id', p.package_id, 'offer', p.offer, 'reason', reason), at);
END
$fn$;
COMMENT ON FUNCTION billing._switch_off_renewal(record, text, timestamptz) IS 'a package that could not be renewed is not tried again; its account is told';

CREATE FUNCTION billing._renew_package(account_id bigint, package_id bigint, cause text, trigger_at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	p billing.package;
	o billing.package_offer;
	a record;
	decided record;
	next bigint;
	bound text[];
	taken record;
	paid_by bigint;
	paid numeric;
	ends timestamptz;
BEGIN
	PERFORM billing._lock_account(_renew_package.account_id);
	SELECT x.currency, x.time_zone, s.state = 'closed' AS is_closed, s.balance + s.credit_limit AS available, c.decimals INTO STRICT a
	FROM billing.account x JOIN billing.account_state s USING (account_id) JOIN billing.currency c USING (currency) WHERE x.account_id = _renew_package.account_id;
	SELECT * INTO STRICT p FROM billing.package x WHERE x.account_id = _renew_package.account_id AND x.package_id = _renew_package.package_id;
	SELECT x.package_id INTO next FROM billing.package x WHERE x.account_id = p.account_id AND x.renews = p.package_id AND x.state = 'pending';
	SELECT * INTO o FROM billing.package_offer x
	WHERE x.offer = p.offer AND x.currency = a.currency AND x.valid_from = billing._offer_in_force(x.offer, x.currency, trigger_at);
	decided := billing.decide_renewal(next IS NOT NULL, p.auto_renew, a.is_closed, o.offer IS NOT NULL,
		p.requires_plan IS NULL OR billing._has_plan(p.account_id, p.requires_plan, trigger_at), round(billing._offer_price(o, true), a.decimals), a.available);
	IF decided.action = 'nothing' THEN
		RETURN;
	ELSIF decided.action = 'switch off' THEN
		PERFORM billing._switch_off_renewal(p, decided.reason, trigger_at);
		RETURN;
	ELSIF decided.action = 'successor' THEN
		-- what was paid takes the place of a renewal, and of the flag if that was set since
		UPDATE billing.package x SET auto_renew = false WHERE x.account_id = p.account_id AND x.package_id = p.package_id AND x.auto_renew;
		PERFORM billing._start_package(p.account_id, next, trigger_at);
		RETURN;
	END IF;
	bound := ARRAY(SELECT r.resource FROM billing.package_resource r WHERE r.account_id = p.account_id AND r.package_id = p.package_id);
	SELECT * INTO taken FROM billing._bound_elsewhere(p.account_id, p.meter, bound, trigger_at, 'infinity', p.package_id);
	IF taken.package_id IS NOT NULL AND NOT billing._is_stackable(p.offer, a.currency, p.bought_at) THEN
		PERFORM billing._switch_off_renewal(p, format('resource "%s" is bound to package %s', taken.resource, taken.package_id), trigger_at);
		RETURN;
	END IF;
	-- the price is today's, the specification stays
	o.meter := p.meter;
	o.size := p.size;
	o.term := p.term;
	o.month_end := p.month_end;
	o.max_resources := p.max_resources;
	o.auto_renew_on := p.auto_renew_on;
	o.refund_price := p.refund_price;
	o.cut_off := p.cut_off;
	o.requires_plan := p.requires_plan;
	o.priority := p.priority;
	o.low_at := p.low_at;
	paid_by := billing._place_order(p.account_id, 'renewal', 'package', p.package_id, p.offer, 1, o.price, o.price - billing._offer_price(o, true),
		NULL, NULL, format('renewal of package %s "%s"', p.package_id, p.offer), true, trigger_at);
	SELECT x.money INTO STRICT paid FROM billing.purchase x WHERE x.account_id = p.account_id AND x.order_id = paid_by;
	ends := billing._after_terms(trigger_at, 1, o.term, a.time_zone, o.month_end);
	next := billing._add_package(p.account_id, o, p.region, bound, trigger_at, ends, true, paid, 0, paid_by, p.package_id, trigger_at);
	UPDATE billing.package x SET auto_renew = false WHERE x.account_id = p.account_id AND x.package_id = p.package_id;
	PERFORM billing._notify(p.account_id, 'package_renewed', 'package', next::text, cause,
		jsonb_build_object('package_id', next, 'offer', p.offer, 'renews', p.package_id, 'cause', cause, 'price', paid,
			'valid_until', billing.last_second(ends)), trigger_at);
END
$fn$;
COMMENT ON FUNCTION billing._renew_package(bigint, bigint, text, timestamptz)
	IS 'the package that takes over from one at an instant: the successor that was ordered, or one that is ordered now; without offer, plan or money the flag goes off and a notice is written';

CREATE FUNCTION billing._place_successor(account_id bigint, package_id bigint, starts timestamptz) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
	-- what waits for its end in turn moves with it
	WITH RECURSIVE moved AS (
		SELECT p.account_id, p.package_id, _place_successor.starts AS starts,
			billing._after_terms(_place_successor.starts, 1, p.term, a.time_zone, p.month_end) AS ends
		FROM billing.package p JOIN billing.account a USING (account_id)
		WHERE p.account_id = _place_successor.account_id AND p.package_id = _place_successor.package_id
		UNION ALL
		SELECT n.account_id, n.package_id, m.ends, billing._after_terms(m.ends, 1, n.term, a.time_zone, n.month_end)
		FROM moved m JOIN billing.package n ON n.account_id = m.account_id AND n.renews = m.package_id AND n.state = 'pending'
		JOIN billing.account a ON a.account_id = n.account_id
	), placed AS (
		UPDATE billing.package p SET valid_from = m.starts, valid_until = m.ends
		FROM moved m WHERE p.account_id = m.account_id AND p.package_id = m.package_id
	)
	UPDATE billing.package_resource r SET bound_at = m.starts FROM moved m WHERE r.account_id = m.account_id AND r.package_id = m.package_id;
	WITH RECURSIVE moved AS (
		SELECT _place_successor.account_id, _place_successor.package_id
		UNION ALL
		SELECT n.account_id, n.package_id FROM moved m JOIN billing.package n ON n.account_id = m.account_id AND n.renews = m.package_id AND n.state = 'pending'
	)
	SELECT billing._set_package_step(m.account_id, m.package_id) FROM moved m
$fn$;
COMMENT ON FUNCTION billing._place_successor(bigint, bigint, timestamptz)
	IS 'moves the validity of a package that was ordered for the end of another one to where that is, with its bindings and what is ordered for its own end';

CREATE FUNCTION billing._start_package(account_id bigint, package_id bigint, starts timestamptz) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT billing._place_successor(_start_package.account_id, _start_package.package_id, _start_package.starts);
	UPDATE billing.package p SET state = 'active' WHERE p.account_id = _start_package.account_id AND p.package_id = _start_package.package_id;
	SELECT billing._end_cut_off(_start_package.account_id, _start_package.package_id, _start_package.starts)
$fn$;
COMMENT ON FUNCTION billing._start_package(bigint, bigint, timestamptz) IS 'lets a package that waits for the end of another one start sooner';

CREATE FUNCTION billing._renewals_since(account_id bigint, package_id bigint, since timestamptz) RETURNS bigint
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	WITH RECURSIVE chain AS (
		SELECT p.account_id, p.renews FROM billing.package p
		WHERE p.account_id = _renewals_since.account_id AND p.package_id = _renewals_since.package_id AND p.valid_from >= _renewals_since.since
		UNION ALL
		SELECT p.account_id, p.renews FROM chain c JOIN billing.package p ON p.account_id = c.account_id AND p.package_id = c.renews
		WHERE p.valid_from >= _renewals_since.since
	)
	SELECT count(*) FROM chain c WHERE c.renews IS NOT NULL
$fn$;
COMMENT ON FUNCTION billing._renewals_since(bigint, bigint, timestamptz) IS 'how many packages have renewed one another since an instant, up to this one';

CREATE FUNCTION billing._renew_within(the_cycle integer, accounts bigint[], at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	t record;
	p billing.package;
	waiting bigint[] := accounts;
BEGIN
	-- each round renews the first package of every account; a large cycle takes several rounds, for the accounts that it is large for
	WHILE waiting <> '{}' LOOP
		accounts := waiting;
		waiting := '{}';
		FOR t IN SELECT * FROM billing._renewal_triggers(the_cycle, accounts) r ORDER BY r.account_id LOOP
			waiting := waiting || t.account_id;
			-- a bound, or one event could keep everybody's settlement waiting for a package of next to nothing
			IF t.cause = 'exhaustion' AND billing._renewals_since(t.account_id, t.package_id, billing.cycle_start(the_cycle)) >= 100 THEN
				SELECT * INTO STRICT p FROM billing.package x WHERE x.account_id = t.account_id AND x.package_id = t.package_id;
				IF p.auto_renew THEN
					PERFORM billing._switch_off_renewal(p, 'it was renewed 100 times within one hour', t.trigger_at);
					CONTINUE;
				END IF;
			END IF;
			PERFORM billing._renew_package(t.account_id, t.package_id, t.cause, t.trigger_at);
		END LOOP;
	END LOOP;
END
$fn$;
COMMENT ON FUNCTION billing._renew_within(integer, bigint[], timestamptz) IS 'renews the packages of these accounts that are used up or end within a cycle, in the order of their instants';

CREATE FUNCTION billing._cut_off(account_id bigint, package_id bigint, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	UPDATE billing.resource r SET state = 'restricted', since = _cut_off.at, held_by = 'package ' || p.package_id
	FROM billing.package p JOIN billing.package_resource b USING (account_id, package_id)
	WHERE p.account_id = _cut_off.account_id AND p.package_id = _cut_off.package_id AND p.cut_off
		AND r.account_id = b.account_id AND r.resource = b.resource AND r.state = 'active'
		-- one that another package of its meter covers goes on
		AND NOT billing._is_covered(p.account_id, p.meter, b.resource, _cut_off.at);
END
$fn$;
COMMENT ON FUNCTION billing._cut_off(bigint, bigint, timestamptz) IS 'restricts the resources of a package that is over, where its offer says so';

CREATE FUNCTION billing._end_cut_off(account_id bigint, package_id bigint, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	PERFORM billing._let_go(_end_cut_off.account_id, ARRAY(SELECT r.held_by
		FROM billing.package p JOIN billing.package_resource b USING (account_id, package_id)
		JOIN billing.resource r ON r.account_id = b.account_id AND r.resource = b.resource AND r.state = 'restricted'
		JOIN billing.package o ON o.account_id = p.account_id AND o.meter = p.meter AND r.held_by = 'package ' || o.package_id
		WHERE p.account_id = _end_cut_off.account_id AND p.package_id = _end_cut_off.package_id AND p.state = 'active'), _end_cut_off.at);
END
$fn$;
COMMENT ON FUNCTION billing._end_cut_off(bigint, bigint, timestamptz) IS 'resources that an earlier package has cut off go on when this one covers them';

CREATE FUNCTION billing._note_exhausted(account_id bigint, package_id bigint, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	-- nothing would be used that could start the package that is ordered
	PERFORM billing._start_package(n.account_id, n.package_id, _note_exhausted.at)
	FROM billing.package p JOIN billing.package n ON n.account_id = p.account_id AND n.renews = p.package_id AND n.state = 'pending'
	WHERE p.account_id = _note_exhausted.account_id AND p.package_id = _note_exhausted.package_id AND p.cut_off AND n.valid_from > _note_exhausted.at;
	PERFORM billing._cut_off(_note_exhausted.account_id, _note_exhausted.package_id, _note_exhausted.at);
	PERFORM billing._notify(_note_exhausted.account_id, 'package_exhausted', 'package', _note_exhausted.package_id::text, 'exhaustion',
		(SELECT jsonb_build_object('package_id', p.package_id, 'offer', p.offer, 'size', p.size) FROM billing.package p
		 WHERE p.account_id = _note_exhausted.account_id AND p.package_id = _note_exhausted.package_id), _note_exhausted.at);
END
$fn$;
COMMENT ON FUNCTION billing._note_exhausted(bigint, bigint, timestamptz) IS 'what happens once a package is used up: its account is told, resources are cut off';

CREATE FUNCTION billing._turn_packages(account_from bigint, account_to bigint, timer timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $fn$
DECLARE
	p record;
	holders bigint[];
	started_ids bigint[];
BEGIN
	-- each kind by its own timer's index
	FOR p IN SELECT x.account_id, x.package_id, x.auto_renew, x.cut_off
		FROM (SELECT * FROM billing.package a WHERE a.state = 'active' AND a.valid_until = timer AND (a.auto_renew OR a.cut_off)
			UNION ALL
			SELECT * FROM billing.package e WHERE e.state = 'exhausted' AND e.auto_renew AND e.auto_renew_on = 'expiry' AND e.valid_until = timer) x
		WHERE x.account_id >= account_from AND x.account_id < account_to
			AND (account_from + 1 = account_to OR NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = x.account_id))
		ORDER BY x.account_id, x.package_id
	LOOP
		IF p.auto_renew THEN
			PERFORM billing._renew_package(p.account_id, p.package_id, 'expiry', timer);
		END IF;
		PERFORM billing._cut_off(p.account_id, p.package_id, timer);
	END LOOP;
	UPDATE billing.package x SET state = 'expired'
	WHERE x.state = 'active' AND x.valid_until = timer AND x.account_id >= account_from AND x.account_id < account_to
		AND (account_from + 1 = account_to OR NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = x.account_id));
	WITH started AS (
		UPDATE billing.package x SET state = 'active'
		WHERE x.state = 'pending' AND x.valid_from = timer AND x.account_id >= account_from AND x.account_id < account_to
			AND (account_from + 1 = account_to OR NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = x.account_id))
		RETURNING x.account_id, x.package_id, x.max_resources
	)
	SELECT array_agg(s.account_id), array_agg(s.package_id) INTO holders, started_ids FROM started s WHERE s.max_resources IS NOT NULL;
	PERFORM billing._end_cut_off(s.account_id, s.package_id, timer) FROM unnest(holders, started_ids) s(account_id, package_id);
END
$fn$;
COMMENT ON FUNCTION billing._turn_packages(bigint, bigint, timestamptz) IS 'packages that end at an instant expire, after those with the flag were renewed; those that wait for it become valid';
