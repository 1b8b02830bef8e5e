-- Settling: one cycle of one range of accounts is one transaction, a handful of set-based statements.
--
-- First of all usage runs down what is prepaid (sql/49_deduction.sql); what is left of it is rated.
--
-- Usage of a meter that is settled by the day waits for the end of a day (sql/49_day.sql).
--
-- What a meter leaves out comes into no group.  Where no meter does, the properties of a row are not looked at.
--
-- Groups of usage (account, meter, region, resource) that lie in one price and one counter period, from their
-- first event to their last, are final as they are: the fast path.  All others, and those whose prices have
-- conditions or price each event, are read again row by row, each row finds its own price and period, and what has none goes to billing.unrated: the slow path.  Both end in
-- the same place, where running totals become charges:
--
--   quantity_to   the position's quantity after this group, by the meter's aggregation
--   exact_to      the tariff of quantity_to; or what it was and added_exact, where each event is priced on its own, and
--                 where nothing comes to it until the period closes and its window is read (sql/52_window.sql)
--   base          what a counter stood at that this price carries on: the quantities of the line's prices before it.
--                 When they grow, it is rated anew by a row of its own, which adds nothing (branch 0)
--   line_exact    exact amount of the whole position after this group, all prices of its line together
--   amount        round(line_exact) - what was posted so far: so that charges add up to the rounded total

CREATE FUNCTION billing._settle_pass(the_cycle integer, account_from bigint, account_to bigint, with_unrated boolean, chosen bigint[],
	days billing.day_span,
	OUT accounts bigint, OUT charges bigint, OUT renewing bigint[], OUT turned bigint[], OUT capped billing.usage_group[],
	OUT used_sources text[], OUT used_of bigint[], OUT used_ids bigint[], OUT used_units numeric[])
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off
SET work_mem = '64MB'
SET plan_cache_mode = force_custom_plan	-- a plan for any range takes ranges for small; but see below
-- Nobody can guess how many rows a part will have, and a hash join is never far off.  What is looked up row by row is LATERAL.
SET enable_nestloop = off
SET enable_mergejoin = off
SET enable_seqscan = on
SET enable_sort = on
AS $fn$
DECLARE
	has_caps boolean := EXISTS (SELECT FROM billing.usage_cap c
		WHERE c.account_id >= account_from AND c.account_id < account_to AND c.removed_at IS NULL AND c.is_counted);
	-- prices of plans make it look up in whose terms usage lies
	by_plan boolean := EXISTS (SELECT FROM billing.price p WHERE p.plan <> '');
	-- prices by the whole usage want to know what was covered
	by_whole boolean := EXISTS (SELECT FROM billing.price p WHERE p.tier_basis = 'whole');
	-- a range of one account is how one in quarantine is tried again
	leave_out boolean := account_from + 1 < account_to AND EXISTS (SELECT FROM billing.quarantine);
	-- a constant to the planner: where no price carries, what is there for it is not even planned
	carries boolean := EXISTS (SELECT FROM billing.price p WHERE p.counter_on_change = 'carry');
	-- and so where no plan includes a base of a peak
	by_base boolean := EXISTS (SELECT FROM billing.plan_allowance l JOIN billing.meter m USING (meter) WHERE m.aggregation = 'max');
	-- scalars, which a plan takes as they are
	day_meters text[] := (days).meters;
	days_since timestamptz := (days).since;
	days_until timestamptz := (days).until;
	starts timestamptz := billing.cycle_start(the_cycle);
	ends timestamptz := billing.cycle_start(the_cycle + 1);
	late_since timestamptz := billing._late_since(the_cycle);
	-- so that of years of months only some are looked into; mostly none
	unrated_since timestamptz := coalesce((SELECT min(r.event_time) FROM billing.unrated r
		WHERE with_unrated AND r.account_id >= account_from AND r.account_id < account_to), 'infinity');
BEGIN
	-- where one range holds all there is, most cycles hold less work than a plan costs
	IF account_from = -9223372036854775808 AND account_to = 9223372036854775807 THEN
		PERFORM set_config('plan_cache_mode', 'force_generic_plan', true);
		-- it outlives the day on which the tables were empty, so it goes by indexes, and hashes what it groups
		PERFORM set_config('enable_seqscan', 'off', true);
		PERFORM set_config('enable_sort', 'off', true);
	END IF;
	WITH own_price AS MATERIALIZED (
		SELECT DISTINCT p.account_id, p.meter FROM billing.price p
		WHERE p.account_id > 0 AND p.account_id >= account_from AND p.account_id < account_to
	), clean AS MATERIALIZED (
		-- NULL, mostly; in this statement, since a meter and its price may have come since the last one
		SELECT jsonb_object_agg(m.meter, m.leaves_out) AS rules FROM billing.meter m WHERE m.leaves_out IS NOT NULL
	), found AS MATERIALIZED (
		SELECT u.account_id, u.meter COLLATE "C" AS meter, u.region COLLATE "C" AS region, u.resource COLLATE "C" AS resource,
			sum(u.quantity) AS total, count(*) AS events,
			max(u.quantity) AS peak, min(u.event_time) AS first_at, max(u.event_time) AS last_at
		-- IS NULL: a plan for any range does not look for a range of accounts, which is all of them then, but for an hour
		FROM billing._usage_in(the_cycle, starts, ends, late_since) u
		WHERE (day_meters IS NULL OR u.meter <> ALL (day_meters) OR u.event_time < days_since)
			AND (u.account_id >= account_from OR account_from IS NULL) AND (u.account_id < account_to OR account_to IS NULL)
			AND (chosen IS NULL OR u.account_id = ANY (chosen))
			AND ((SELECT c.rules FROM clean c) IS NULL OR billing._is_billed(u.properties, (SELECT c.rules FROM clean c) -> u.meter))
		GROUP BY 1, 2, 3, 4
		UNION ALL
		SELECT u.account_id, u.meter COLLATE "C", u.region COLLATE "C", u.resource COLLATE "C", NULL, NULL, u.peak, u.first_at, u.last_at
		FROM billing._day_groups(the_cycle, account_from, account_to, chosen, day_meters, days_since, days_until) u
		WHERE days_until IS NOT NULL
	), bound AS MATERIALIZED (
		-- who has usage, while they are few; else, and where others may have what is unrated, between which numbers they lie
		SELECT CASE WHEN NOT with_unrated AND (SELECT count(*) FROM (SELECT FROM found LIMIT 1001) f) <= 1000
				THEN ARRAY(SELECT DISTINCT f.account_id FROM found f) END AS few,
			CASE WHEN with_unrated THEN account_from ELSE (SELECT min(f.account_id) FROM found f) END AS lowest,
			CASE WHEN with_unrated THEN account_to - 1 ELSE (SELECT max(f.account_id) FROM found f) END AS highest
	), holder AS MATERIALIZED (
		SELECT a.account_id, a.currency, a.time_zone, c.decimals, s.invoice_period, s.next_invoice_at
		FROM (SELECT * FROM billing.account a
			WHERE (SELECT b.few FROM bound b) IS NULL AND a.account_id BETWEEN (SELECT b.lowest FROM bound b) AND (SELECT b.highest FROM bound b)
			UNION ALL
			SELECT * FROM billing.account a WHERE a.account_id = ANY ((SELECT b.few FROM bound b)::bigint[])) a
		JOIN (SELECT * FROM billing.account_state s
			WHERE (SELECT b.few FROM bound b) IS NULL AND s.account_id BETWEEN (SELECT b.lowest FROM bound b) AND (SELECT b.highest FROM bound b)
			UNION ALL
			SELECT * FROM billing.account_state s WHERE s.account_id = ANY ((SELECT b.few FROM bound b)::bigint[])) s USING (account_id)
		JOIN billing.currency c USING (currency)
	), usable AS MATERIALIZED (
		SELECT f.*, h.currency, h.time_zone, h.decimals, h.invoice_period, h.next_invoice_at, m.aggregation,
			coalesce(o.account_id, 0) AS owner, billing.cycle_of(f.first_at) AS first_cycle, row_number() OVER () AS item,
			CASE m.aggregation WHEN 'count' THEN f.events WHEN 'sum' THEN f.total END AS deductible
		FROM found f
		LEFT JOIN holder h USING (account_id)
		LEFT JOIN billing.meter m USING (meter)
		LEFT JOIN own_price o USING (account_id, meter)
		WHERE NOT leave_out OR NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = f.account_id)
	), way AS MATERIALIZED (
		SELECT w.account_id, w.ways FROM billing._deduction_ways(account_from, account_to, coalesce((SELECT b.few FROM bound b), chosen),
			CASE WHEN with_unrated THEN '-infinity' ELSE (SELECT min(k.first_at) FROM usable k) END,
			CASE WHEN with_unrated THEN 'infinity' ELSE (SELECT max(k.last_at) FROM usable k) END) w
	), eased AS MATERIALIZED (
		SELECT k.account_id, billing.waterfall(w.ways, k.item, k.meter, k.region, k.resource, k.first_at, k.last_at, k.deductible, false
			ORDER BY k.first_at, k.meter, k.region, k.resource) AS steps
		FROM usable k JOIN way w USING (account_id)
		WHERE k.deductible IS NOT NULL
		GROUP BY k.account_id
	), flagged AS MATERIALIZED (
		SELECT f.* FROM billing._renewable_packages(account_from, account_to, (SELECT b.few FROM bound b)) f WHERE chosen IS NULL
	), doubted AS MATERIALIZED (
		-- those of accounts in which something runs out or is uncovered
		SELECT f.account_id, f.package_id, e.steps FROM flagged f LEFT JOIN eased e USING (account_id) WHERE e.steps IS NULL OR f.is_used_up
	), asked AS MATERIALIZED (
		-- what is asked of them at most
		SELECT f.account_id, f.package_id, sum(k.deductible * c.factor) AS units, bool_or(d.is_uncovered) AS is_uncovered
		FROM doubted f
		JOIN LATERAL billing._package_scopes(f.account_id, f.account_id + 1, NULL) c ON c.package_id = f.package_id
		JOIN usable k ON k.account_id = f.account_id AND k.meter = c.meter AND coalesce(c.region, k.region) = k.region
			AND coalesce(c.resource, k.resource) = k.resource
		CROSS JOIN LATERAL (SELECT f.steps IS NULL OR EXISTS (SELECT FROM unnest(f.steps) d
			WHERE d.item = k.item AND d.source IS NULL AND d.quantity > 0)) d(is_uncovered)
		GROUP BY f.account_id, f.package_id
	), put_off AS MATERIALIZED (
		-- accounts in which a package may have to renew itself first: theirs is another pass
		SELECT f.account_id
		FROM flagged f
		LEFT JOIN asked d USING (account_id, package_id)
		WHERE f.account_id IN (SELECT k.account_id FROM usable k) AND f.valid_until > starts AND f.valid_until < ends
			OR f.is_used_up AND d.is_uncovered
			OR NOT f.is_used_up AND d.units > f.remaining
	), known AS NOT MATERIALIZED (
		SELECT k.* FROM usable k WHERE k.account_id NOT IN (SELECT p.account_id FROM put_off p)
	), waiting AS MATERIALIZED (
		SELECT u.account_id, u.meter, u.region, u.resource, u.event_time, u.event_key,
			coalesce(r.quantity, CASE m.aggregation WHEN 'count' THEN 1 ELSE u.quantity END) AS quantity, u.properties, r.quantity AS rest,
			m.aggregation IN ('sum', 'count') AND u.account_id IN (SELECT w.account_id FROM way w) AS is_deductible
		FROM billing.unrated r
		CROSS JOIN LATERAL (SELECT * FROM billing.usage x WHERE x.event_time >= unrated_since AND (x.account_id, x.meter, x.event_key, x.event_time) =
			(r.account_id, r.meter, r.event_key, r.event_time) OFFSET 0) u
		LEFT JOIN billing.meter m ON m.meter = r.meter
		WHERE with_unrated AND r.account_id >= account_from AND r.account_id < account_to
			AND (NOT leave_out OR NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = r.account_id))
			AND (chosen IS NULL AND r.account_id NOT IN (SELECT p.account_id FROM put_off p) OR r.account_id = ANY (chosen))
			AND billing._is_billed(u.properties, m.leaves_out)
	), left_out AS MATERIALIZED (
		-- what waited for a meter that leaves it out waits no more
		SELECT r.account_id, r.meter, r.event_key, r.event_time
		FROM billing.unrated r
		CROSS JOIN LATERAL (SELECT * FROM billing.usage x WHERE x.event_time >= unrated_since AND (x.account_id, x.meter, x.event_key, x.event_time) =
			(r.account_id, r.meter, r.event_key, r.event_time) OFFSET 0) u
		JOIN billing.meter m ON m.meter = r.meter
		WHERE with_unrated AND chosen IS NULL AND r.account_id >= account_from AND r.account_id < account_to
			AND (NOT leave_out OR NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = r.account_id))
			AND NOT billing._is_billed(u.properties, m.leaves_out)
	), hard AS MATERIALIZED (
		-- accounts whose events run down their ways one by one, because something begins, ends or runs out among them
		SELECT e.account_id FROM eased e WHERE e.steps IS NULL AND e.account_id NOT IN (SELECT p.account_id FROM put_off p)
		UNION
		SELECT w.account_id FROM waiting w WHERE w.is_deductible
	), event AS MATERIALIZED (
		SELECT e.*, row_number() OVER (ORDER BY e.event_time, e.meter, e.region, e.resource, e.event_key, e.account_id) AS item
		FROM (SELECT u.account_id, u.meter COLLATE "C" AS meter, u.region COLLATE "C" AS region, u.resource COLLATE "C" AS resource,
				u.event_time, u.event_key COLLATE "C" AS event_key, CASE k.aggregation WHEN 'count' THEN 1 ELSE u.quantity END AS quantity,
				u.properties, false AS waited
			FROM billing._usage_in(the_cycle, starts, ends, late_since) u
			JOIN known k USING (account_id, meter, region, resource)
			WHERE EXISTS (SELECT FROM hard) AND (u.account_id >= account_from OR account_from IS NULL) AND (u.account_id < account_to OR account_to IS NULL)
				AND u.account_id IN (SELECT h.account_id FROM hard h) AND k.deductible IS NOT NULL
				AND billing._is_billed(u.properties, (SELECT c.rules FROM clean c) -> u.meter)
			UNION ALL
			SELECT w.account_id, w.meter, w.region, w.resource, w.event_time, w.event_key, w.quantity, w.properties, true
			FROM waiting w WHERE w.is_deductible) e
	), run AS MATERIALIZED (
		SELECT e.account_id, d.item, d.source, d.source_id, d.quantity, d.units, false AS by_event
		FROM eased e CROSS JOIN LATERAL unnest(e.steps) d
		WHERE e.account_id NOT IN (SELECT h.account_id FROM hard h) AND e.account_id NOT IN (SELECT p.account_id FROM put_off p)
		UNION ALL
		SELECT e.account_id, d.item, d.source, d.source_id, d.quantity, d.units, true
		FROM (SELECT v.account_id, billing.waterfall(w.ways, v.item, v.meter, v.region, v.resource, v.event_time, v.event_time, v.quantity, true
				ORDER BY v.item) AS steps
			FROM event v JOIN way w USING (account_id) GROUP BY v.account_id) e
		CROSS JOIN LATERAL unnest(e.steps) d
	), rule AS MATERIALIZED (
		SELECT r.* FROM billing._peak_rules_within(account_from, account_to, (SELECT min(k.first_at) FROM usable k), (SELECT max(k.last_at) FROM usable k)) r
		WHERE by_base
	), based AS MATERIALIZED (
		-- the base that a group of a max meter has, and whether all of it has
		SELECT DISTINCT ON (b.item) b.*
		FROM (SELECT k.item, r.base, r.cap, r.is_off, r.mode, r.over_cap, r.precedence, r.valid_from, r.valid_from <= k.first_at AND r.valid_until > k.last_at AS is_whole
			FROM known k JOIN rule r ON r.account_id = k.account_id AND r.meter = k.meter AND r.resource = k.resource
			WHERE by_base AND r.region IN (k.region, '') AND r.valid_from <= k.last_at AND r.valid_until > k.first_at
			UNION ALL
			SELECT k.item, r.base, r.cap, r.is_off, r.mode, r.over_cap, r.precedence, r.valid_from, r.valid_from <= k.first_at AND r.valid_until > k.last_at
			FROM known k JOIN rule r ON r.account_id = k.account_id AND r.meter = k.meter
			WHERE by_base AND r.resource IS NULL AND r.region IN (k.region, '') AND r.valid_from <= k.last_at AND r.valid_until > k.first_at) b
		ORDER BY b.item, b.precedence, b.valid_from
	), grouped AS MATERIALIZED (
		-- What was not deducted: whole groups, as an account of which one runs out is read event by event.  What was comes along
		-- where it counts for the tier of the rest (is_covered).
		SELECT k.*, CASE WHEN NOT b.is_whole THEN NULL WHEN NOT by_plan OR t.plan IS NULL THEN '' WHEN t.is_whole THEN t.plan END AS plan, t.term_start, t.term_end,
			billing._billed_peak(k.peak, b.base, b.cap, b.is_off, b.mode) AS billed, b.over_cap = 'free' AND k.peak > b.cap AS is_over,
			k.item IN (SELECT d.item FROM run d WHERE NOT d.by_event AND d.source IS NOT NULL) AS is_covered
		FROM known k
		LEFT JOIN based b ON by_base AND b.item = k.item
		LEFT JOIN LATERAL (SELECT x.* FROM billing._priced_term(k.account_id, k.resource, k.first_at, k.last_at) x WHERE by_plan) t ON true
		WHERE k.deductible IS NULL OR k.account_id NOT IN (SELECT w.account_id FROM way w)
			OR k.account_id NOT IN (SELECT h.account_id FROM hard h) AND (by_whole OR k.item IN (SELECT d.item FROM run d WHERE NOT d.by_event AND d.source IS NULL))
	), span AS MATERIALIZED (
		SELECT k.owner, k.meter, k.region, k.currency, k.plan, s.*
		FROM (SELECT DISTINCT g.owner, g.meter, g.region, g.currency, g.plan FROM grouped g WHERE g.aggregation IS NOT NULL AND g.plan IS NOT NULL) k
		CROSS JOIN LATERAL billing._price_spans(k.owner, k.meter, k.region, k.currency, k.plan) s
	), period AS MATERIALIZED (
		SELECT k.time_zone, k.first_cycle, c.counter, p.period_start, p.period_end
		FROM (SELECT DISTINCT g.time_zone, g.first_cycle FROM grouped g WHERE g.time_zone IS NOT NULL) k
		CROSS JOIN (SELECT DISTINCT s.counter FROM span s WHERE s.counter <> 'term') c
		CROSS JOIN LATERAL billing.period_of(c.counter, billing.cycle_start(k.first_cycle), k.time_zone) p
	), placed AS MATERIALIZED (
		-- at most one price and period hold a whole group: spans of prices do not overlap, nor do periods
		SELECT g.*, coalesce(s.price_id, n.price_id) AS price_id, coalesce(s.line_id, n.line_id) AS line_id, coalesce(s.post, n.post) AS post,
			coalesce(s.scope, n.scope) AS scope, CASE WHEN n.price_id IS NULL THEN s.period_start ELSE g.term_start END AS period_start,
			CASE WHEN n.price_id IS NULL THEN s.period_end ELSE g.term_end END AS period_end
		FROM grouped g
		LEFT JOIN (SELECT * FROM span JOIN period USING (counter)) s
			ON s.owner = g.owner AND s.meter = g.meter AND s.region = g.region AND s.currency = g.currency AND s.plan = g.plan
			AND s.time_zone = g.time_zone AND s.first_cycle = g.first_cycle
			AND g.first_at >= s.valid_from AND g.last_at < s.valid_until
			AND g.first_at >= s.period_start AND g.last_at < s.period_end
			AND g.aggregation <> 'last'
		LEFT JOIN span n
			ON n.counter = 'term' AND n.owner = g.owner AND n.meter = g.meter AND n.region = g.region AND n.currency = g.currency AND n.plan = g.plan
			AND g.first_at >= n.valid_from AND g.last_at < n.valid_until AND g.aggregation <> 'last'
	), slow_group AS MATERIALIZED (
		-- a day's late usage may be one group, and this day's another
		SELECT DISTINCT p.account_id, p.meter, p.region, p.resource, p.is_covered FROM placed p WHERE p.price_id IS NULL
	), slow_row AS MATERIALIZED (
		SELECT u.account_id, u.meter COLLATE "C" AS meter, u.region COLLATE "C" AS region, u.resource COLLATE "C" AS resource,
			u.event_time, u.event_key COLLATE "C" AS event_key,
			CASE WHEN s.is_covered THEN 0 WHEN m.aggregation = 'count' THEN 1 ELSE u.quantity END AS quantity,
			u.properties, false AS waited, NULL::numeric AS rest,
			CASE WHEN NOT s.is_covered THEN 0 WHEN m.aggregation = 'count' THEN 1 ELSE u.quantity END AS covered
		FROM billing._usage_due(the_cycle, starts, ends, late_since, day_meters, days_since, days_until) u
		JOIN slow_group s USING (account_id, meter, region, resource)
		LEFT JOIN billing.meter m USING (meter)
		WHERE EXISTS (SELECT FROM slow_group) AND (u.account_id >= account_from OR account_from IS NULL) AND (u.account_id < account_to OR account_to IS NULL)
			AND billing._is_billed(u.properties, m.leaves_out)
		UNION ALL
		SELECT w.account_id, w.meter, w.region, w.resource, w.event_time, w.event_key, w.quantity, w.properties, true, w.rest, 0
		FROM waiting w WHERE NOT coalesce(w.is_deductible, false)
		UNION ALL
		SELECT v.account_id, v.meter, v.region, v.resource, v.event_time, v.event_key, d.quantity, v.properties, v.waited, d.quantity, 0
		FROM run d JOIN event v USING (item) WHERE d.by_event AND d.source IS NULL
		UNION ALL
		SELECT v.account_id, v.meter, v.region, v.resource, v.event_time, v.event_key, 0, v.properties, v.waited, NULL, d.quantity
		FROM run d JOIN event v USING (item) WHERE by_whole AND d.by_event AND d.source IS NOT NULL
	), priced_row AS MATERIALIZED (
		SELECT w.*, m.aggregation, p.price_id, t.period_start, t.period_end,
			CASE WHEN billing.tariff_each(p.tariff) THEN p.tariff END AS each_tariff,
			billing._billed_peak(w.quantity, b.base, b.cap, b.is_off, b.mode) AS billed, b.over_cap = 'free' AND w.quantity > b.cap AS is_over
		FROM slow_row w
		LEFT JOIN billing.account a USING (account_id)
		LEFT JOIN billing.meter m USING (meter)
		LEFT JOIN billing.price p ON p.price_id = billing._price_at(w.account_id, w.meter, w.region, w.resource, a.currency, w.properties,
				w.event_time, a.time_zone)
			AND m.aggregation IS NOT NULL
		LEFT JOIN LATERAL billing._counter_period(p.counter, w.account_id, w.resource, w.event_time, a.time_zone) t ON true
		LEFT JOIN LATERAL (SELECT r.* FROM billing._peak_rule(w.account_id, w.meter, w.region, w.resource, w.event_time) r
			WHERE by_base AND m.aggregation = 'max') b ON true
	), kept_back AS (
		INSERT INTO billing.unrated (account_id, meter, event_key, event_time, cycle, quantity)
		SELECT w.account_id, w.meter, w.event_key, w.event_time, the_cycle, w.rest FROM priced_row w
		WHERE w.price_id IS NULL AND NOT w.waited AND w.covered = 0
		ON CONFLICT DO NOTHING -- of a day: before it was read, its meter may have been unknown
		RETURNING 1
	), let_go AS (
		DELETE FROM billing.unrated r
		USING (SELECT w.account_id, w.meter, w.event_key, w.event_time FROM priced_row w WHERE w.waited AND w.price_id IS NOT NULL AND w.covered = 0
			UNION ALL
			SELECT v.account_id, v.meter, v.event_key, v.event_time FROM event v
			WHERE v.waited AND NOT EXISTS (SELECT FROM run d WHERE d.by_event AND d.item = v.item AND d.source IS NULL)
			UNION ALL
			SELECT l.* FROM left_out l) w
		WHERE r.account_id >= account_from AND r.account_id < account_to
			AND (r.account_id, r.meter, r.event_key, r.event_time) = (w.account_id, w.meter, w.event_key, w.event_time)
	), left_over AS (
		UPDATE billing.unrated r SET quantity = w.rest
		FROM priced_row w
		WHERE w.waited AND w.price_id IS NULL AND w.rest IS NOT NULL AND r.account_id >= account_from AND r.account_id < account_to
			AND (r.account_id, r.meter, r.event_key, r.event_time) = (w.account_id, w.meter, w.event_key, w.event_time)
	), part AS MATERIALIZED (
		SELECT f.account_id, f.line_id, f.period_start, CASE f.scope WHEN 'resource' THEN f.resource ELSE '' END AS counter_resource,
			f.price_id, 1 AS branch, NULL::timestamptz AS last_time, NULL::text COLLATE "C" AS last_key,
			CASE f.aggregation WHEN 'max' THEN f.billed END AS peak, f.region, f.resource, f.meter, f.aggregation,
			CASE WHEN billing._is_windowed(f.aggregation) THEN 0 WHEN f.is_covered THEN 0 ELSE coalesce(f.deductible, f.total) END AS added,
			NULL::numeric AS last_value, CASE WHEN billing._is_windowed(f.aggregation) THEN 0::numeric END AS added_exact, f.post, f.period_end,
			f.time_zone, f.decimals, f.invoice_period, f.next_invoice_at, CASE WHEN f.is_covered THEN f.deductible ELSE 0 END AS covered, f.is_over
		FROM placed f
		-- a peak that is no higher than what its counter has seen changes nothing
		LEFT JOIN LATERAL (SELECT true AS stands FROM billing.position o
			WHERE o.account_id = f.account_id AND o.line_id = f.line_id AND o.period_start = f.period_start
				AND o.resource = CASE f.scope WHEN 'resource' THEN f.resource ELSE '' END AND o.price_id = f.price_id
				AND o.quantity >= f.billed AND (o.is_over OR NOT coalesce(f.is_over, false)) LIMIT 1) x ON f.aggregation = 'max' AND NOT carries
		WHERE x.stands IS NULL AND f.price_id IS NOT NULL AND (NOT f.is_covered OR f.price_id IN (SELECT x.price_id FROM billing.price x WHERE x.tier_basis = 'whole'))
		UNION ALL
		SELECT w.account_id, p.line_id, w.period_start, CASE p.scope WHEN 'resource' THEN w.resource ELSE '' END,
			w.price_id, 2, CASE w.aggregation WHEN 'last' THEN w.last_time END, CASE w.aggregation WHEN 'last' THEN w.last_key END,
			CASE w.aggregation WHEN 'max' THEN w.peak END, w.region, w.resource, w.meter, w.aggregation,
			CASE WHEN billing._is_windowed(w.aggregation) THEN 0 ELSE w.total END, w.last_value,
			CASE WHEN billing._is_windowed(w.aggregation) THEN 0 ELSE w.each_added END, p.post, w.period_end,
			h.time_zone, h.decimals, h.invoice_period, h.next_invoice_at, CASE p.tier_basis WHEN 'whole' THEN w.covered ELSE 0 END, w.is_over
		FROM (SELECT r.account_id, r.meter, r.region, r.resource, r.aggregation, r.price_id, r.period_start, r.period_end,
				sum(r.quantity) AS total, sum(r.covered) AS covered, bool_and(r.covered > 0) AS is_covered, max(r.billed) AS peak, bool_or(r.is_over) AS is_over, max(r.event_time) AS last_time,
				(array_agg(r.event_key ORDER BY r.event_time DESC, r.event_key DESC))[1] AS last_key,
				(array_agg(r.quantity ORDER BY r.event_time DESC, r.event_key DESC))[1] AS last_value,
				billing.rate_sum(r.each_tariff, r.quantity) AS each_added
			FROM priced_row r WHERE r.price_id IS NOT NULL
			GROUP BY r.account_id, r.meter, r.region, r.resource, r.aggregation, r.price_id, r.period_start, r.period_end) w
		JOIN billing.price p USING (price_id)
		JOIN holder h ON h.account_id = w.account_id
		WHERE NOT w.is_covered OR p.tier_basis = 'whole'
	), chain AS MATERIALIZED (
		-- the prices of each position of a line with one that carries, in their order; a run begins with one that restarts
		SELECT r.*, sum(r.quantity) OVER run AS base, bool_or(r.moved) OVER (PARTITION BY r.account_id, r.line_id, r.period_start, r.counter_resource
				ORDER BY r.valid_from, r.price_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS base_moved
		FROM (SELECT k.*, x.valid_from, x.counter_on_change, count(*) FILTER (WHERE x.counter_on_change = 'restart') OVER (
				PARTITION BY k.account_id, k.line_id, k.period_start, k.counter_resource ORDER BY x.valid_from, x.price_id) AS run
			FROM (SELECT q.account_id, q.line_id, q.period_start, q.counter_resource, q.price_id, sum(q.quantity) AS quantity, bool_or(q.moved) AS moved,
					max(q.period_end) AS period_end
				FROM (SELECT p.account_id, p.line_id, p.period_start, p.counter_resource, p.price_id, p.added AS quantity, true AS moved, p.period_end FROM part p
					UNION ALL
					SELECT o.account_id, o.line_id, o.period_start, o.resource, o.price_id, o.quantity, false, o.period_end
					FROM (SELECT DISTINCT p.account_id, p.line_id, p.period_start, p.counter_resource FROM part p) k
					CROSS JOIN LATERAL (SELECT * FROM billing.position x WHERE (x.account_id, x.line_id, x.period_start, x.resource) =
						(k.account_id, k.line_id, k.period_start, k.counter_resource) OFFSET 0) o) q
				WHERE carries AND q.line_id IN (SELECT x.line_id FROM billing.price x WHERE x.counter_on_change = 'carry')
				GROUP BY 1, 2, 3, 4, 5) k
			JOIN billing.price x USING (price_id)) r
		WINDOW run AS (PARTITION BY r.account_id, r.line_id, r.period_start, r.counter_resource, r.run
			ORDER BY r.valid_from, r.price_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
	), step AS (
		SELECT * FROM part
		UNION ALL
		SELECT c.account_id, c.line_id, c.period_start, c.counter_resource, c.price_id, 0, NULL, NULL, NULL, l.region, c.counter_resource, l.meter,
			m.aggregation, 0, NULL, NULL, l.post, c.period_end, h.time_zone, h.decimals, h.invoice_period, h.next_invoice_at, 0, false
		FROM chain c
		JOIN billing.price_line l USING (line_id)
		JOIN billing.meter m USING (meter)
		JOIN holder h ON h.account_id = c.account_id
		WHERE carries AND c.base_moved AND c.counter_on_change = 'carry'
	), counted AS (
		-- What shares a counter follows one another in a fixed order: peaks from low to high, last values by time,
		-- so that the row before holds all that came before.  The order is total: both windows agree on the last row.
		SELECT p.*, b.base, coalesce(o.exact_amount, 0) AS old_exact, row_number() OVER counter = 1 AS first_of_counter, coalesce(o.line_exact, 0) AS old_line_exact,
			coalesce(o.line_posted, 0) AS old_line_posted,
			coalesce(o.exact_amount, 0) + sum(p.added_exact) OVER counter AS added_to,
			coalesce(o.covered, 0) + sum(p.covered) OVER counter AS covered_to,
			-- from the first peak above a cap on that makes the period free
			by_base AND (coalesce(o.is_over, false) OR count(*) FILTER (WHERE p.is_over) OVER counter > 0) AS is_free,
			by_base AND (coalesce(o.is_over, false) OR count(*) FILTER (WHERE p.is_over) OVER counter > CASE WHEN p.is_over THEN 1 ELSE 0 END) AS was_free,
			o.quantity IS NULL AS is_new,
			lead(p.price_id) OVER counter IS NULL AS last_of_counter,
			CASE WHEN p.aggregation IN ('sum', 'count') OR billing._is_windowed(p.aggregation)
					THEN coalesce(o.quantity, 0) + sum(p.added) OVER counter
				WHEN p.aggregation = 'max' THEN greatest(o.quantity, p.peak)
				WHEN (p.last_time, p.last_key) > (o.last_event_time, o.last_event_key) OR o.last_event_time IS NULL
					THEN p.last_value
				ELSE o.quantity END AS quantity_to,
			CASE WHEN p.aggregation = 'max' THEN coalesce(greatest(o.quantity, lag(p.peak) OVER counter), 0)
				WHEN p.aggregation = 'last' AND lag(p.last_time) OVER counter IS NOT NULL
					AND ((lag(p.last_time) OVER counter, lag(p.last_key) OVER counter) > (o.last_event_time, o.last_event_key)
						OR o.last_event_time IS NULL)
					THEN lag(p.last_value) OVER counter
				WHEN p.aggregation = 'last' THEN coalesce(o.quantity, 0) END AS stepped_from,
			CASE WHEN (p.last_time, p.last_key) > (o.last_event_time, o.last_event_key) OR o.last_event_time IS NULL
				THEN p.last_time ELSE o.last_event_time END AS kept_time,
			CASE WHEN (p.last_time, p.last_key) > (o.last_event_time, o.last_event_key) OR o.last_event_time IS NULL
				THEN p.last_key ELSE o.last_event_key END AS kept_key
		FROM step p
		LEFT JOIN chain b ON carries AND b.account_id = p.account_id AND b.line_id = p.line_id AND b.period_start = p.period_start
			AND b.counter_resource = p.counter_resource AND b.price_id = p.price_id
		CROSS JOIN LATERAL (
			SELECT sum(o.quantity) FILTER (WHERE o.price_id = p.price_id) AS quantity,
				sum(o.exact_amount) FILTER (WHERE o.price_id = p.price_id) AS exact_amount,
				max(o.covered) FILTER (WHERE o.price_id = p.price_id) AS covered, bool_or(o.is_over) FILTER (WHERE o.price_id = p.price_id) AS is_over,
				max(o.last_event_time) FILTER (WHERE o.price_id = p.price_id) AS last_event_time,
				max(o.last_event_key) FILTER (WHERE o.price_id = p.price_id) AS last_event_key,
				sum(o.exact_amount) AS line_exact, sum(o.posted_amount) AS line_posted
			FROM billing.position o
			WHERE o.account_id = p.account_id AND o.line_id = p.line_id AND o.period_start = p.period_start
				AND o.resource = p.counter_resource
		) o
		WINDOW counter AS (PARTITION BY p.account_id, p.line_id, p.period_start, p.counter_resource, p.price_id
			ORDER BY p.branch > 0, p.last_time, p.last_key, p.peak, p.region, p.resource, p.branch ROWS UNBOUNDED PRECEDING)
	), rated AS (
		-- a counter that is new was worth nothing before, even where its tariff asks for money at quantity 0
		SELECT c.*, q.quantity_from, p.greatest_of,
			CASE WHEN c.added_exact IS NOT NULL THEN c.added_to
				WHEN c.is_free THEN 0
				WHEN c.base IS NOT NULL THEN billing.rate_between(p.tariff, c.base, c.quantity_to)
				WHEN by_whole AND p.tier_basis = 'whole' THEN billing._rate_uncovered(p.tariff, c.covered_to, c.quantity_to)
				ELSE billing.rate(p.tariff, c.quantity_to) END AS exact_to,
			CASE WHEN c.added_exact IS NOT NULL THEN c.added_to - c.added_exact
				WHEN c.first_of_counter THEN c.old_exact
				WHEN c.was_free THEN 0
				WHEN c.base IS NOT NULL THEN billing.rate_between(p.tariff, c.base, q.quantity_from)
				WHEN by_whole AND p.tier_basis = 'whole' THEN billing._rate_uncovered(p.tariff, c.covered_to - c.covered, q.quantity_from)
				ELSE billing.rate(p.tariff, q.quantity_from) END AS exact_from
		FROM counted c
		JOIN billing.price p USING (price_id)
		CROSS JOIN LATERAL (SELECT coalesce(c.stepped_from, c.quantity_to - c.added) AS quantity_from) q
	), summed AS (
		-- A counter that closes with the cycle is posted with it, in front of the timers of that instant; but an invoice that ends
		-- inside of the cycle comes before.
		SELECT r.*, r.post = 'counter' AND (r.period_end > starts AND (r.period_end <> ends OR r.next_invoice_at < ends)
				OR billing._is_windowed(r.aggregation) OR r.greatest_of <> '') AS deferred,
			r.old_line_exact + sum(r.exact_to - r.exact_from) OVER line AS line_exact,
			row_number() OVER line = 1 AS first_of_line, lead(r.line_id) OVER line IS NULL AS last_of_line
		FROM rated r
		WINDOW line AS (PARTITION BY r.account_id, r.line_id, r.period_start, r.counter_resource
			ORDER BY r.price_id, r.branch > 0, r.last_time, r.last_key, r.peak, r.region, r.resource, r.branch ROWS UNBOUNDED PRECEDING)
	), result AS MATERIALIZED (
		SELECT m.account_id, m.line_id, m.period_start, m.counter_resource, m.price_id, m.region, m.resource, m.meter, m.period_end,
			m.time_zone, m.invoice_period, m.next_invoice_at, m.quantity_to, m.quantity_to - m.quantity_from AS quantity,
			m.exact_to, m.exact_to - m.exact_from AS exact_amount, m.covered_to, m.is_free, m.kept_time, m.kept_key, m.last_of_counter, m.deferred, m.is_new,
			-- a window that had closed is read again, a group compared again, as soon as this cycle is settled, before any other timer
			CASE WHEN m.deferred THEN CASE WHEN m.period_end > starts THEN m.period_end
				ELSE starts + interval '1 microsecond' END END AS closes_at,
			CASE WHEN m.deferred THEN 0
				ELSE round(m.line_exact, m.decimals) - CASE WHEN m.first_of_line THEN m.old_line_posted
					ELSE round(m.line_exact - (m.exact_to - m.exact_from), m.decimals) END END AS amount,
			CASE WHEN m.last_of_line AND NOT m.deferred THEN round(m.line_exact, m.decimals) - m.old_line_posted ELSE 0 END AS line_amount
		FROM summed m
	), deducted AS MATERIALIZED (
		SELECT d.account_id, k.meter, k.region, k.resource, k.time_zone, k.invoice_period, d.source, d.source_id, d.units, d.quantity, k.first_at AS at
		FROM run d JOIN known k USING (item) WHERE NOT d.by_event AND d.source IS NOT NULL
		UNION ALL
		SELECT d.account_id, v.meter, v.region, v.resource, h.time_zone, h.invoice_period, d.source, d.source_id, d.units, d.quantity, v.event_time
		FROM run d JOIN event v USING (item) JOIN holder h ON h.account_id = d.account_id WHERE d.by_event AND d.source IS NOT NULL
	), month AS MATERIALIZED (
		SELECT k.time_zone, k.hour, p.period_start, p.period_end
		FROM (SELECT DISTINCT x.time_zone, billing.cycle_of(x.at) AS hour FROM deducted x) k
		CROSS JOIN LATERAL billing.period_of('month', billing.cycle_start(k.hour), k.time_zone) p
	), deduction AS MATERIALIZED (
		SELECT d.account_id, d.meter, d.region, d.resource, d.time_zone, d.invoice_period, d.source, d.source_id,
			CASE WHEN d.at >= m.period_end THEN m.period_end ELSE m.period_start END AS month, sum(d.units) AS units, sum(d.quantity) AS quantity
		FROM deducted d JOIN month m ON m.time_zone = d.time_zone AND m.hour = billing.cycle_of(d.at)
		GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
	), new_position AS (
		INSERT INTO billing.position (account_id, line_id, period_start, resource, price_id, period_end, quantity,
			covered, last_event_time, last_event_key, exact_amount, posted_amount, closes_at, is_over)
		SELECT r.account_id, r.line_id, r.period_start, r.counter_resource, r.price_id, r.period_end, r.quantity_to,
			r.covered_to, r.kept_time, r.kept_key, r.exact_to, r.line_amount, r.closes_at, r.is_free
		FROM result r
		WHERE r.last_of_counter AND r.is_new
	), grown_position AS (
		-- an UPDATE would have to join, and join badly once history is long
		INSERT INTO billing.position (account_id, line_id, period_start, resource, price_id, period_end, quantity,
			covered, last_event_time, last_event_key, exact_amount, posted_amount, closes_at, is_over)
		SELECT r.account_id, r.line_id, r.period_start, r.counter_resource, r.price_id, r.period_end, r.quantity_to,
			r.covered_to, r.kept_time, r.kept_key, r.exact_to, r.line_amount, r.closes_at, r.is_free
		FROM result r
		WHERE r.last_of_counter AND NOT r.is_new
		ON CONFLICT (account_id, line_id, period_start, resource, price_id) DO UPDATE
		SET quantity = excluded.quantity, covered = excluded.covered, last_event_time = excluded.last_event_time, last_event_key = excluded.last_event_key,
			exact_amount = excluded.exact_amount, posted_amount = position.posted_amount + excluded.posted_amount,
			closes_at = excluded.closes_at, is_over = excluded.is_over
	), charged AS (
		INSERT INTO billing.charge (account_id, cycle, period_start, meter, region, resource, source, source_id,
			quantity, units, exact_amount, amount, invoice_period)
		SELECT d.account_id, the_cycle, d.month, d.meter, d.region, d.resource, d.source, d.source_id, d.quantity, d.units, 0, 0,
			greatest(d.invoice_period, d.month)
		FROM deduction d
		UNION ALL
		SELECT r.account_id, the_cycle, r.period_start, r.meter, r.region, r.resource, 'tariff', r.price_id,
			r.quantity, NULL, r.exact_amount, r.amount,
			greatest(r.invoice_period, CASE WHEN r.period_start >= r.next_invoice_at
				THEN (billing.period_of('month', r.period_start, r.time_zone)).period_start END)
		FROM result r
		WHERE r.quantity <> 0 OR r.exact_amount <> 0 OR r.amount <> 0
		RETURNING 1
	), moved AS (
		SELECT r.account_id, sum(r.amount) AS amount FROM result r GROUP BY r.account_id HAVING sum(r.amount) <> 0
	), wallet AS (
		UPDATE billing.account_state s
		SET balance = s.balance - m.amount, unbilled = s.unbilled + m.amount
		FROM moved m
		WHERE s.account_id = m.account_id AND s.account_id >= (SELECT min(m.account_id) FROM moved m) AND s.account_id <= (SELECT max(m.account_id) FROM moved m)
		RETURNING s.account_id, s.balance, m.amount,
			billing._turns(s.balance, s.credit_limit, s.unbilled, s.not_due, s.state, s.overdue_since, s.low_balance_at, s.low_since) AS turns
	), booked AS (
		INSERT INTO billing.transfer (account_id, at, debit, credit, amount, balance_after, kind, source, source_id)
		SELECT w.account_id, ends, CASE WHEN w.amount > 0 THEN 'wallet' ELSE 'revenue' END,
			CASE WHEN w.amount > 0 THEN 'revenue' ELSE 'wallet' END, abs(w.amount), w.balance, 'usage', 'cycle', the_cycle
		FROM wallet w
		RETURNING 1
	), used AS (
		INSERT INTO billing.rated_price (price_id)
		SELECT n.price_id FROM (SELECT DISTINCT r.price_id FROM result r) n
		WHERE NOT EXISTS (SELECT FROM billing.rated_price k WHERE k.price_id = n.price_id)
		ON CONFLICT DO NOTHING
	)
	SELECT (SELECT count(*) FROM booked), (SELECT count(*) FROM charged),
		u.sources, u.accounts, u.ids, u.units,
		(SELECT array_agg(DISTINCT p.account_id) FROM put_off p), (SELECT array_agg(w.account_id) FROM wallet w WHERE w.turns),
		(SELECT array_agg(ROW(k.account_id, k.meter, k.region, k.resource, k.total, k.events, k.peak, k.first_at, k.last_at)::billing.usage_group)
		 FROM known k
		 WHERE has_caps AND (k.account_id, k.meter) IN (SELECT c.account_id, c.meter FROM billing.usage_cap c
			WHERE c.account_id >= account_from AND c.account_id < account_to AND c.removed_at IS NULL AND c.is_counted))
	FROM (SELECT array_agg(d.source) AS sources, array_agg(d.account_id) AS accounts, array_agg(d.source_id) AS ids, array_agg(d.units) AS units
		FROM (SELECT x.source, x.account_id, x.source_id, sum(x.units) AS units FROM deduction x GROUP BY 1, 2, 3) d) u
	INTO accounts, charges, used_sources, used_of, used_ids, used_units, renewing, turned, capped;
END
$fn$;
COMMENT ON FUNCTION billing._settle_pass(integer, bigint, bigint, boolean, bigint[], billing.day_span)
	IS 'rates and books one cycle for the accounts from account_from to before account_to, or those of them that are chosen; unless they are, it leaves out and returns those in which a package may have to renew itself first (renewing). What follows from it is _settle_chosen()''s: accounts that turned, groups that caps count, units to take from what is prepaid';

CREATE FUNCTION billing._settle_chosen(the_cycle integer, account_from bigint, account_to bigint, with_unrated boolean, chosen bigint[],
	days billing.day_span, at timestamptz, OUT accounts bigint, OUT charges bigint, OUT renewing bigint[])
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	done record;
BEGIN
	PERFORM billing._reopen_levels(the_cycle, account_from, account_to, with_unrated);
	done := billing._settle_pass(the_cycle, account_from, account_to, with_unrated, chosen, days);
	accounts := done.accounts;
	charges := done.charges;
	renewing := done.renewing;
	IF done.used_of IS NOT NULL THEN
		PERFORM billing._use_prepaid(done.used_sources, done.used_of, done.used_ids, done.used_units, billing.cycle_start(the_cycle + 1));
	END IF;
	IF done.turned IS NOT NULL THEN
		PERFORM billing._turn_accounts(done.turned, billing.cycle_start(the_cycle + 1), at);
	END IF;
	IF done.capped IS NOT NULL THEN
		PERFORM billing._count_caps(the_cycle, done.capped, at);
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._settle_chosen(integer, bigint, bigint, boolean, bigint[], billing.day_span, timestamptz)
	IS 'settles one cycle for the accounts from account_from to before account_to, or those of them that are chosen, and does what follows; returns those that have to renew first';

CREATE FUNCTION billing._settle_accounts(the_cycle integer, account_from bigint, account_to bigint, with_unrated boolean, days billing.day_span, at timestamptz,
	OUT accounts bigint, OUT charges bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	first record;
	second record;
	waited bigint[] := CASE WHEN with_unrated THEN billing._waiting_for_levels(account_from, account_to) END;
BEGIN
	-- renewals take the money that is there before the cycle's charges do, plans before packages
	PERFORM billing._renew_subscriptions(account_from, account_to, billing.cycle_start(the_cycle + 1) - interval '1 microsecond', at);
	first := billing._settle_chosen(the_cycle, account_from, account_to, with_unrated, NULL, days, at);
	accounts := first.accounts;
	charges := first.charges;
	IF first.renewing IS NOT NULL THEN
		PERFORM billing._renew_within(the_cycle, first.renewing, at);
		second := billing._settle_chosen(the_cycle, account_from, account_to, with_unrated, first.renewing, days, at);
		accounts := accounts + second.accounts;
		charges := charges + second.charges;
	END IF;
	PERFORM billing._keep_levels(the_cycle, account_from, account_to, waited);
	PERFORM billing._count_new_caps(the_cycle, account_from, account_to, at);
END
$fn$;
COMMENT ON FUNCTION billing._settle_accounts(integer, bigint, bigint, boolean, billing.day_span, timestamptz)
	IS 'settles one cycle for the accounts from account_from to before account_to; with_unrated tries what could not be rated before';

CREATE FUNCTION billing._settle_range(the_cycle integer, account_from bigint, account_to bigint, with_unrated boolean, days billing.day_span, at timestamptz)
	RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
-- Halves the range on an error until the one account is left that fails; the subtransactions undo its part only.
DECLARE
	began timestamptz := clock_timestamp();
	done record;
	middle bigint;
	waiting bigint[];
	broken text;
BEGIN
	BEGIN
		done := billing._settle_accounts(the_cycle, account_from, account_to, with_unrated, days, at);
		IF done.accounts > 0 OR done.charges > 0 THEN
			INSERT INTO billing.settlement (cycle, account_from, account_to, accounts, charges, settled_at, took)
			VALUES (the_cycle, _settle_range.account_from, _settle_range.account_to, done.accounts, done.charges,
				began, clock_timestamp() - began);
		END IF;
		RETURN;
	EXCEPTION WHEN OTHERS THEN
		-- nobody's account is at fault for a deadlock, a full disk, a shutdown
		IF left(SQLSTATE, 2) IN ('25', '40', '53', '55', '57', '58') THEN
			RAISE;
		END IF;
		GET STACKED DIAGNOSTICS broken = CONSTRAINT_NAME;
		-- A price that was deleted while it rated its first usage is gone now, and so is a package that was refunded
		-- while it was deducted from: the range is tried without it.
		IF broken NOT IN ('rated_price_price_id_fkey', 'package_refunded_is_unused') THEN
			waiting := ARRAY(SELECT w.account_id
				FROM billing._waiting_accounts(the_cycle, account_from, account_to, with_unrated, days) w LIMIT 2);
		END IF;
		IF cardinality(waiting) = 0 THEN
			RAISE;
		ELSIF cardinality(waiting) = 1 THEN
			INSERT INTO billing.quarantine (account_id, from_cycle, error, error_code, tried_through)
			SELECT waiting[1], the_cycle, SQLERRM, SQLSTATE, b.cycle FROM billing.barrier b WHERE b.mark = 'drained';
			RETURN;
		END IF;
	END;
	IF waiting IS NULL THEN
		PERFORM billing._settle_range(the_cycle, account_from, account_to, with_unrated, days, at);
		RETURN;
	END IF;
	SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY u.account_id) INTO middle
	FROM billing._waiting_accounts(the_cycle, account_from, account_to, with_unrated, days) u;
	PERFORM billing._settle_range(the_cycle, account_from, middle + 1, with_unrated, days, at);
	PERFORM billing._settle_range(the_cycle, middle + 1, account_to, with_unrated, days, at);
END
$fn$;
COMMENT ON FUNCTION billing._settle_range(integer, bigint, bigint, boolean, billing.day_span, timestamptz)
	IS 'settles one cycle of a range and puts the accounts that fail into quarantine';

CREATE FUNCTION billing._waiting_accounts(the_cycle integer, account_from bigint, account_to bigint, with_unrated boolean, days billing.day_span)
	RETURNS TABLE (account_id bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT w.account_id FROM (
		SELECT u.account_id FROM billing._usage_due(the_cycle, billing.cycle_start(the_cycle), billing.cycle_start(the_cycle + 1), '-infinity',
			(days).meters, (days).since, (days).until) u
		WHERE u.account_id >= account_from AND u.account_id < account_to
		UNION
		SELECT r.account_id FROM billing.unrated r
		WHERE with_unrated AND r.account_id >= account_from AND r.account_id < account_to) w
	WHERE NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = w.account_id)
$fn$;
COMMENT ON FUNCTION billing._waiting_accounts(integer, bigint, bigint, boolean, billing.day_span) IS 'accounts of a range with something to settle in a cycle';

CREATE FUNCTION billing._next_cycle(from_cycle integer, drained integer, account_from bigint, account_to bigint) RETURNS integer
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $fn$
-- Cycles without usage of these accounts are passed over: first to the next cycle that anybody used, then asking
-- whether it was one of ours.
DECLARE
	c integer := from_cycle;
BEGIN
	LOOP
		c := billing._next_used(c, drained);
		EXIT WHEN c IS NULL OR account_from = -9223372036854775808 AND account_to = 9223372036854775807
			OR EXISTS (SELECT FROM billing._usage_of(c, account_from, account_to));
		c := c + 1;
	END LOOP;
	RETURN coalesce(c, drained);
END
$fn$;
COMMENT ON FUNCTION billing._next_cycle(integer, integer, bigint, bigint) IS 'the first cycle from one on with usage of these accounts; the drained mark if there is none';
