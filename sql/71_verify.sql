-- billing.verify() recomputes everything from nothing: an empty answer means that books, charges, positions,
-- usage and invoices say the same.  It reads all there is, so nested loops, which fresh statistics may suggest, never pay.

CREATE FUNCTION billing._verify_ledger() RETURNS TABLE (problem text, account_id bigint, detail text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $fn$
	SELECT 'balance', s.account_id, format('wallet says %s, its transfers %s', s.balance, coalesce(t.balance, 0))
	FROM billing.account_state s
	LEFT JOIN (SELECT t.account_id, sum(CASE 'wallet' WHEN t.credit THEN t.amount WHEN t.debit THEN -t.amount ELSE 0 END) AS balance
		FROM billing.transfer t GROUP BY t.account_id) t USING (account_id)
	WHERE s.balance <> coalesce(t.balance, 0)
	UNION ALL
	SELECT 'running balance', t.account_id, format('transfer %s says %s after %s', t.transfer_id, t.balance_after, t.expected)
	FROM (SELECT t.account_id, t.transfer_id, t.balance_after,
			sum(CASE 'wallet' WHEN t.credit THEN t.amount WHEN t.debit THEN -t.amount ELSE 0 END)
				OVER (PARTITION BY t.account_id ORDER BY t.transfer_id) AS expected
		FROM billing.transfer t) t
	WHERE t.balance_after <> t.expected
	UNION ALL
	SELECT 'overdue', a.account_id, format('balance %s, credit limit %s, overdue since %s', s.balance, s.credit_limit, s.overdue_since)
	FROM billing.account a JOIN billing.account_state s USING (account_id)
	WHERE billing._is_overdue(s.balance, s.credit_limit, s.unbilled, s.not_due) <> (s.overdue_since IS NOT NULL) AND s.state <> 'closed'
	UNION ALL
	SELECT 'event', t.account_id, format('transfer %s: %s from %s to %s', t.transfer_id, t.kind, t.debit, t.credit)
	FROM billing.transfer t
	WHERE (t.kind, t.debit, t.credit) NOT IN (('top_up', 'cash', 'wallet'), ('pay_out', 'wallet', 'cash'), ('write_off', 'bad_debt', 'wallet'),
		('usage', 'wallet', 'revenue'), ('usage', 'revenue', 'wallet'), ('adjustment', 'wallet', 'revenue'), ('adjustment', 'revenue', 'wallet'),
		('voucher', 'promotion', 'voucher'), ('voucher', 'voucher', 'promotion'), ('refund', 'deferred', 'wallet'), ('refund', 'deferred', 'promotion'))
		AND (t.kind NOT IN ('purchase', 'renewal', 'upgrade', 'change') OR t.debit NOT IN ('wallet', 'voucher') OR t.credit <> 'deferred')
	UNION ALL
	SELECT 'account without state', a.account_id, 'no row in account_state'
	FROM billing.account a WHERE NOT EXISTS (SELECT FROM billing.account_state s WHERE s.account_id = a.account_id)
	UNION ALL
	SELECT 'charges and ledger', coalesce(c.account_id, t.account_id),
		format('cycle %s: charges %s, transfers %s', coalesce(c.cycle, t.cycle), coalesce(c.amount, 0), coalesce(t.amount, 0))
	FROM (SELECT c.account_id, c.cycle, sum(c.amount) AS amount FROM billing.charge c WHERE c.source = 'tariff' GROUP BY 1, 2) c
	FULL JOIN (SELECT t.account_id, t.source_id::integer AS cycle, sum(CASE t.debit WHEN 'wallet' THEN t.amount ELSE -t.amount END) AS amount
		FROM billing.transfer t WHERE t.source = 'cycle' GROUP BY 1, 2) t ON t.account_id = c.account_id AND t.cycle = c.cycle
	WHERE coalesce(c.amount, 0) <> coalesce(t.amount, 0)
	UNION ALL
	SELECT 'adjustment and ledger', coalesce(c.account_id, t.account_id), format('charge %s: %s, transfer %s', coalesce(c.charge_id, t.source_id), c.amount, t.amount)
	FROM (SELECT * FROM billing.charge c WHERE c.source = 'adjustment') c
	FULL JOIN (SELECT t.account_id, t.source_id, sum(CASE t.debit WHEN 'wallet' THEN t.amount ELSE -t.amount END) AS amount
		FROM billing.transfer t WHERE t.source = 'charge' GROUP BY 1, 2) t ON t.account_id = c.account_id AND t.source_id = c.charge_id
	WHERE c.amount IS DISTINCT FROM t.amount
$fn$;
COMMENT ON FUNCTION billing._verify_ledger() IS 'part of billing.verify(): balances, running balances, charges against transfers';

CREATE FUNCTION billing._verify_positions() RETURNS TABLE (problem text, account_id bigint, detail text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $fn$
	SELECT 'position and charges', coalesce(o.account_id, c.account_id),
		format('price %s, period %s, resource "%s": position (%s, %s), charges (%s, %s)', coalesce(o.price_id, c.price_id),
			coalesce(o.period_start, c.period_start), coalesce(o.resource, c.resource), o.quantity, o.exact_amount,
			c.quantity, c.exact_amount)
	FROM billing.position o
	FULL JOIN (SELECT c.account_id, c.source_id AS price_id, c.period_start, CASE p.scope WHEN 'resource' THEN c.resource ELSE '' END AS resource,
			sum(c.quantity) AS quantity, sum(c.exact_amount) AS exact_amount
		FROM billing.charge c JOIN billing.price p ON p.price_id = c.source_id WHERE c.source = 'tariff' GROUP BY 1, 2, 3, 4) c
		ON c.account_id = o.account_id AND c.price_id = o.price_id AND c.period_start = o.period_start AND c.resource = o.resource
	WHERE (coalesce(o.quantity, 0), coalesce(o.exact_amount, 0)) <> (coalesce(c.quantity, 0), coalesce(c.exact_amount, 0))
	UNION ALL
	SELECT 'posting and charges', coalesce(o.account_id, c.account_id),
		format('line %s, period %s, resource "%s": position %s, charges %s', coalesce(o.line_id, c.line_id),
			coalesce(o.period_start, c.period_start), coalesce(o.resource, c.resource), o.amount, c.amount)
	FROM (SELECT o.account_id, o.line_id, o.period_start, o.resource, sum(o.posted_amount) AS amount FROM billing.position o GROUP BY 1, 2, 3, 4) o
	FULL JOIN (SELECT c.account_id, p.line_id, c.period_start, CASE p.scope WHEN 'resource' THEN c.resource ELSE '' END AS resource, sum(c.amount) AS amount
		FROM billing.charge c JOIN billing.price p ON p.price_id = c.source_id WHERE c.source = 'tariff' GROUP BY 1, 2, 3, 4) c
		ON c.account_id = o.account_id AND c.line_id = o.line_id AND c.period_start = o.period_start AND c.resource = o.resource
	WHERE coalesce(o.amount, 0) <> coalesce(c.amount, 0)
	UNION ALL
	SELECT 'position and tariff', o.account_id, format('price %s, period %s: %s for %s%s', o.price_id, o.period_start, o.exact_amount, o.quantity,
		CASE WHEN o.base IS NOT NULL THEN format(' on top of %s', o.base) ELSE '' END)
	FROM (SELECT r.*, sum(r.quantity) OVER (PARTITION BY r.account_id, r.line_id, r.period_start, r.resource, r.run
			ORDER BY r.valid_from, r.price_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS base
		FROM (SELECT o.*, p.tariff, p.tier_basis, p.valid_from, count(*) FILTER (WHERE p.counter_on_change = 'restart') OVER (
				PARTITION BY o.account_id, o.line_id, o.period_start, o.resource ORDER BY p.valid_from, p.price_id) AS run
			FROM billing.position o JOIN billing.price p USING (price_id)) r) o
	-- what prices each event can not be told from the sum of their quantities
	WHERE NOT billing.tariff_each(o.tariff)
		AND o.exact_amount <> CASE WHEN o.is_over THEN 0 WHEN o.base IS NULL AND o.tier_basis = 'whole' THEN billing._rate_uncovered(o.tariff, o.covered, o.quantity)
			WHEN o.base IS NULL THEN billing.rate(o.tariff, o.quantity) ELSE billing.rate_between(o.tariff, o.base, o.quantity) END
		AND NOT (o.closes_at = o.period_end AND o.exact_amount = 0 AND o.quantity = 0)
		-- levels may have left it again, and valid days take a share: see 'window'
		AND NOT (o.exact_amount = 0 AND o.quantity = 0 AND o.price_id IN (SELECT p.price_id FROM billing.price p JOIN billing.meter m USING (meter) WHERE m.aggregation = 'time_weighted'))
		AND o.price_id NOT IN (SELECT p.price_id FROM billing.price p JOIN billing.meter m USING (meter) WHERE m.by_valid_days)
	UNION ALL
	SELECT 'position and posting', o.account_id, format('line %s, period %s: %s posted of %s', o.line_id, o.period_start, o.posted, o.exact)
	FROM (SELECT o.account_id, o.line_id, o.period_start, o.resource, c.decimals, sum(o.posted_amount) AS posted, sum(o.exact_amount) AS exact,
			bool_or(o.closes_at IS NOT NULL) AS is_open, bool_or(o.closes_at = o.period_end) AS is_new,
			l.greatest_of <> '' AND row_number() OVER (PARTITION BY o.account_id, l.greatest_of, o.period_start, o.period_end, o.resource
				ORDER BY sum(o.exact_amount) DESC, o.line_id) > 1 AS is_lower
		FROM billing.position o JOIN billing.price_line l USING (line_id) JOIN billing.account a USING (account_id) JOIN billing.currency c ON c.currency = a.currency
		GROUP BY o.account_id, o.line_id, o.period_start, o.period_end, o.resource, c.decimals, l.greatest_of) o
	-- what was opened again, for what came late, stands where it stood until its cycle is through
	WHERE o.posted <> CASE WHEN o.is_new OR o.is_lower THEN 0 WHEN o.is_open THEN o.posted ELSE round(o.exact, o.decimals) END
	UNION ALL
	SELECT 'position not closed', o.account_id, format('line %s, period %s: due at %s', o.line_id, o.period_start, o.closes_at)
	FROM billing.position o JOIN billing.shard h ON o.account_id >= h.account_from AND o.account_id < h.account_to
	WHERE o.closes_at <= billing.cycle_start(h.timers_through)
		AND NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = o.account_id)
	UNION ALL
	SELECT 'price not kept', o.account_id, format('price %s has rated and is not in rated_price', o.price_id)
	FROM billing.position o WHERE NOT EXISTS (SELECT FROM billing.rated_price r WHERE r.price_id = o.price_id)
$fn$;
COMMENT ON FUNCTION billing._verify_positions() IS 'part of billing.verify(): positions against tariffs, charges and postings';

CREATE FUNCTION billing._verify_usage() RETURNS TABLE (problem text, account_id bigint, detail text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $fn$
	-- Settled usage is what charges and positions were made of; what could not be rated is in unrated; nothing is in neither.
	WITH settled AS MATERIALIZED (
		SELECT u.account_id, u.meter, u.region, u.resource, u.event_time, u.event_key, u.quantity, m.aggregation, m.settled_by,
			coalesce(m.settled_by = 'day' AND u.event_time >= h.days_through, false) AS is_waiting,
			a.account_id IS NOT NULL AS has_account, CASE m.aggregation WHEN 'count' THEN 1 ELSE u.quantity END - coalesce(w.quantity, 0) AS counted
		FROM billing.usage u
		LEFT JOIN billing.unrated w USING (account_id, meter, event_key, event_time)
		JOIN billing.shard h ON u.account_id >= h.account_from AND u.account_id < h.account_to AND billing.cycle_of(u.arrived, u.event_time) < h.settled_through
		LEFT JOIN billing.account a ON a.account_id = u.account_id
		LEFT JOIN billing.meter m ON m.meter = u.meter
		-- of one that was deducted in part and has no price for the rest, that part
		WHERE (w.account_id IS NULL OR w.quantity IS NOT NULL) AND billing._is_billed(u.properties, m.leaves_out)
			AND NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = u.account_id AND billing.cycle_of(u.arrived, u.event_time) >= q.from_cycle)
	), peak AS MATERIALIZED ( -- billing._verify_peaks() looks at those with a base
		SELECT DISTINCT r.account_id, r.meter FROM billing._peak_rules(-9223372036854775808, 9223372036854775807) r
	)
	SELECT 'usage and charges', coalesce(u.account_id, c.account_id),
		format('%s in "%s" by "%s": usage %s, charges %s', coalesce(u.meter, c.meter), coalesce(u.region, c.region),
			coalesce(u.resource, c.resource), u.quantity, c.quantity)
	FROM (SELECT s.account_id, s.meter, s.region, s.resource, sum(s.counted) AS quantity
		FROM settled s WHERE s.aggregation IN ('sum', 'count') GROUP BY s.account_id, s.meter, s.region, s.resource, s.aggregation) u
	FULL JOIN (SELECT c.account_id, c.meter, c.region, c.resource, sum(c.quantity) AS quantity
		FROM billing.charge c JOIN billing.meter m USING (meter)
		WHERE c.source IN ('allowance', 'package', 'tariff') AND m.aggregation IN ('sum', 'count') GROUP BY c.account_id, c.meter, c.region, c.resource) c
		ON c.account_id = u.account_id AND c.meter = u.meter AND c.region = u.region AND c.resource = u.resource
	WHERE coalesce(u.quantity, 0) <> coalesce(c.quantity, 0)
	UNION ALL
	-- of what waits for the end of its day, some may have been read: a price came, or an account left quarantine
	SELECT 'usage and positions', coalesce(u.account_id, o.account_id),
		format('%s: usage (%s, %s), positions (%s, %s)', coalesce(u.meter, o.meter), u.peak, u.last_at, o.peak, o.last_at)
	FROM (SELECT s.account_id, s.meter, CASE s.aggregation WHEN 'max' THEN max(s.quantity) FILTER (WHERE NOT s.is_waiting) END AS peak, max(s.quantity) FILTER (WHERE s.settled_by = 'day') AS highest,
			CASE s.aggregation WHEN 'last' THEN max(s.event_time) END AS last_at
		FROM settled s WHERE s.aggregation IN ('max', 'last') AND (s.account_id, s.meter) NOT IN (SELECT * FROM peak) GROUP BY s.account_id, s.meter, s.aggregation) u
	FULL JOIN (SELECT o.account_id, l.meter, CASE m.aggregation WHEN 'max' THEN max(o.quantity) END AS peak,
			CASE m.aggregation WHEN 'last' THEN max(o.last_event_time) END AS last_at
		FROM billing.position o JOIN billing.price_line l USING (line_id) JOIN billing.meter m USING (meter)
		WHERE m.aggregation IN ('max', 'last') AND (o.account_id, l.meter) NOT IN (SELECT * FROM peak) GROUP BY o.account_id, l.meter, m.aggregation) o
		ON o.account_id = u.account_id AND o.meter = u.meter
	WHERE (u.peak, u.last_at) IS DISTINCT FROM (o.peak, o.last_at) AND (o.peak BETWEEN coalesce(u.peak, o.peak) AND u.highest) IS NOT TRUE
	UNION ALL
	SELECT 'window', w.account_id, format('line %s, period %s, price %s: position (%s, %s), usage says %s', w.line_id, w.period_start, w.price_id, o.quantity, o.exact_amount,
		CASE WHEN w.is_empty THEN 'nothing' ELSE w.quantity::text END)
	FROM billing.shard h
	CROSS JOIN LATERAL billing._window_quantities(h.account_from, h.account_to, NULL, h.timers_through) w
	JOIN billing.position o USING (account_id, line_id, period_start, resource, price_id)
	JOIN billing.price p USING (price_id)
	WHERE o.quantity <> w.quantity OR o.exact_amount <> CASE WHEN w.is_empty THEN 0 ELSE billing.prorate(billing.rate(p.tariff, o.quantity), w.part, w.whole) END
	UNION ALL
	SELECT 'usage without window', w.account_id, format('line %s, period %s, price %s, resource "%s": usage of %s', w.line_id, w.period_start, w.price_id, w.resource, w.meter)
	FROM billing.shard h
	CROSS JOIN LATERAL billing._missing_windows(h.account_from, h.account_to, NULL, h.timers_through) w
	UNION ALL
	SELECT 'level without position', w.account_id, format('line %s, period %s, price %s, resource "%s": a level of %s holds', w.line_id, w.period_start, w.price_id, w.resource, w.meter)
	FROM billing.shard h
	CROSS JOIN LATERAL billing._level_positions(h.account_from, h.account_to, NULL, h.timers_through, billing.cycle_start(h.timers_through)) w
	LEFT JOIN billing.position o USING (account_id, line_id, period_start, resource, price_id)
	LEFT JOIN (SELECT o.account_id, l.meter, min(o.period_start) AS period_start
		FROM billing.position o JOIN billing.price_line l USING (line_id) WHERE o.closes_at IS NOT NULL GROUP BY o.account_id, l.meter) k
		ON k.account_id = w.account_id AND k.meter = w.meter
	-- what follows from a position opens when it closes
	WHERE o.account_id IS NULL AND (k.account_id IS NULL OR w.period_start < k.period_start)
	UNION ALL
	SELECT 'level', coalesce(s.account_id, l.account_id), format('%s in "%s" by "%s", last of %s before %s: kept %s of %s, usage says %s of %s', coalesce(s.meter, l.meter),
		coalesce(s.region, l.region), coalesce(s.resource, l.resource), coalesce(s.day, l.day), coalesce(s.next_day, l.next_day), l.quantity, l.event_time, s.quantity, s.event_time)
	FROM (SELECT d.*, lead(d.day, 1, 'infinity') OVER (PARTITION BY d.account_id, d.meter, d.region, d.resource ORDER BY d.day) AS next_day
		FROM (SELECT DISTINCT ON (s.account_id, s.meter, s.region, s.resource, date_trunc('day', s.event_time, 'UTC'))
				s.account_id, s.meter, s.region, s.resource, date_trunc('day', s.event_time, 'UTC') AS day, s.event_time, s.event_key, s.quantity
			FROM settled s WHERE s.aggregation = 'time_weighted'
			ORDER BY s.account_id, s.meter, s.region, s.resource, 5, s.event_time DESC, s.event_key DESC) d) s
	FULL JOIN billing.level l ON (l.account_id, l.meter, l.region, l.resource, l.day) = (s.account_id, s.meter, s.region, s.resource, s.day)
	WHERE (l.event_time, l.event_key, l.quantity, l.next_day) IS DISTINCT FROM (s.event_time, s.event_key, s.quantity, s.next_day)
	UNION ALL
	SELECT 'last value', o.account_id, format('line %s, period %s: no usage row of %s says %s', o.line_id, o.period_start, o.last_event_time, o.quantity)
	FROM billing.position o JOIN billing.price_line l USING (line_id) JOIN billing.meter m USING (meter)
	WHERE m.aggregation = 'last' AND NOT EXISTS (SELECT FROM billing.usage u WHERE u.account_id = o.account_id AND u.meter = l.meter
		AND u.event_key = o.last_event_key AND u.event_time = o.last_event_time AND u.quantity = o.quantity)
	UNION ALL
	SELECT 'usage lost', s.account_id, format('%s %s of %s was passed over', s.meter, s.event_key, s.event_time)
	FROM settled s WHERE s.aggregation IS NULL OR NOT s.has_account AND NOT s.is_waiting
	UNION ALL
	SELECT 'usage lost', u.account_id, format('%s %s of %s waits for the cycle of %s', u.meter, u.event_key, u.event_time, billing.cycle_start(u.arrived))
	FROM billing.usage u WHERE u.arrived > (SELECT b.cycle FROM billing.barrier b WHERE b.mark = 'watermark')
	UNION ALL
	SELECT 'unrated', r.account_id, format('%s %s of %s is not usage that was settled', r.meter, r.event_key, r.event_time)
	FROM billing.unrated r
	WHERE NOT EXISTS (SELECT FROM billing.usage u WHERE (u.account_id, u.meter, u.event_key, u.event_time)
		= (r.account_id, r.meter, r.event_key, r.event_time))
	UNION ALL
	SELECT 'unrated', r.account_id, format('%s %s of %s is left out by its meter', r.meter, r.event_key, r.event_time)
	FROM billing.unrated r
	JOIN billing.usage u USING (account_id, meter, event_key, event_time)
	JOIN billing.meter m USING (meter)
	JOIN billing.shard h ON r.account_id >= h.account_from AND r.account_id < h.account_to
	-- until the next cycle it may not have been heard of
	WHERE NOT billing._is_billed(u.properties, m.leaves_out) AND NOT h.retry AND NOT EXISTS (SELECT FROM billing.catalogue_change)
		AND NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = r.account_id)
$fn$;
COMMENT ON FUNCTION billing._verify_usage() IS 'part of billing.verify(): usage against charges and positions';

CREATE FUNCTION billing._verify_invoices() RETURNS TABLE (problem text, account_id bigint, detail text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $fn$
	SELECT 'invoice and lines', i.account_id, format('invoice %s: subtotal %s, lines %s', i.invoice_id, i.subtotal, coalesce(sum(l.amount), 0))
	FROM billing.invoice i LEFT JOIN billing.invoice_line l USING (account_id, invoice_id)
	GROUP BY i.account_id, i.invoice_id, i.subtotal HAVING i.subtotal <> coalesce(sum(l.amount), 0)
	UNION ALL
	SELECT 'invoice and charges', coalesce(i.account_id, c.account_id),
		format('month %s: invoices %s, charges %s', coalesce(i.period_start, c.invoice_period), i.subtotal, c.amount)
	FROM (SELECT i.account_id, i.period_start, sum(i.subtotal) AS subtotal FROM billing.invoice i GROUP BY 1, 2) i
	FULL JOIN (SELECT c.account_id, c.invoice_period, sum(c.amount) AS amount
		FROM billing.charge c JOIN billing.account_state s USING (account_id)
		WHERE c.invoice_period < s.invoice_period GROUP BY 1, 2) c ON c.account_id = i.account_id AND c.invoice_period = i.period_start
	WHERE i.subtotal IS DISTINCT FROM c.amount
	UNION ALL
	SELECT 'invoice lines and charges', coalesce(l.account_id, c.account_id),
		format('month %s, %s "%s": lines (%s, %s, %s), charges (%s, %s, %s)', coalesce(l.month, c.month), coalesce(l.meter, c.meter),
			coalesce(l.resource, c.resource), l.quantity, l.exact_amount, l.amount, c.quantity, c.exact_amount, c.amount)
	FROM (SELECT l.account_id, i.period_start AS month, coalesce(l.meter, '') AS meter, coalesce(l.line_id, 0) AS line_id, l.resource,
			sum(l.quantity) AS quantity, sum(l.exact_amount) AS exact_amount, sum(l.amount) AS amount
		FROM billing.invoice_line l JOIN billing.invoice i USING (account_id, invoice_id) GROUP BY 1, 2, 3, 4, 5) l
	FULL JOIN (SELECT c.account_id, c.invoice_period AS month, coalesce(c.meter, '') AS meter, coalesce(p.line_id, 0) AS line_id,
			CASE p.scope WHEN 'resource' THEN c.resource ELSE '' END AS resource,
			sum(c.quantity) AS quantity, sum(c.exact_amount) AS exact_amount, sum(c.amount) AS amount
		FROM billing.charge c JOIN billing.account_state s USING (account_id)
		LEFT JOIN billing.price p ON c.source = 'tariff' AND p.price_id = c.source_id
		WHERE c.invoice_period < s.invoice_period GROUP BY 1, 2, 3, 4, 5) c
		ON c.account_id = l.account_id AND c.month = l.month AND c.meter = l.meter AND c.line_id = l.line_id AND c.resource = l.resource
	WHERE (l.quantity, l.exact_amount, l.amount) IS DISTINCT FROM (c.quantity, c.exact_amount, c.amount)
	UNION ALL
	SELECT 'invoice', i.account_id, format('invoice %s: %s, number %s, issued %s, due %s', i.invoice_id, i.currency, i.number, i.issued_at, i.due_at)
	FROM billing.invoice i JOIN billing.account a USING (account_id)
	WHERE i.currency <> a.currency OR num_nulls(i.number, i.issued_at, i.due_at) NOT IN (0, 3) OR i.due_at < i.issued_at
	UNION ALL
	SELECT 'invoice month', s.account_id, format('gathers %s to %s, charges up to %s are invoiced', s.invoice_period, s.next_invoice_at, s.invoiced_charge_id)
	FROM billing.account_state s
	JOIN billing.account a USING (account_id)
	JOIN billing.shard h ON s.account_id >= h.account_from AND s.account_id < h.account_to
	JOIN billing.barrier w ON w.mark = 'watermark'
	WHERE s.invoice_period > billing.cycle_start(w.cycle)
		OR s.next_invoice_at <= billing.cycle_start(h.timers_through)
			AND NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = s.account_id)
		OR s.next_invoice_at > s.invoice_period + interval '32 days'
		OR EXISTS (SELECT FROM billing.charge c WHERE c.account_id = s.account_id AND c.charge_id <= s.invoiced_charge_id
			AND c.invoice_period >= s.invoice_period)
		OR s.invoiced_charge_id > 0 AND NOT EXISTS (SELECT FROM billing.charge c WHERE c.account_id = s.account_id
			AND c.charge_id >= s.invoiced_charge_id)
	UNION ALL
	SELECT 'unbilled', s.account_id, format('account says %s, its charges %s', s.unbilled, coalesce(c.amount, 0))
	FROM billing.account_state s
	LEFT JOIN (SELECT c.account_id, sum(c.amount) AS amount FROM billing.charge c JOIN billing.account_state s USING (account_id)
		WHERE c.invoice_period >= s.invoice_period GROUP BY c.account_id) c USING (account_id)
	WHERE s.unbilled <> coalesce(c.amount, 0)
	UNION ALL
	SELECT 'invoice numbers', NULL, format('%s numbers from %s to %s, the series is at %s', n.found, n.first, n.last, r.last_number)
	FROM billing.number_series r
	CROSS JOIN (SELECT count(i.number) AS found, coalesce(min(i.number), 1) AS first, coalesce(max(i.number), 0) AS last,
		count(DISTINCT i.number) AS different FROM billing.invoice i) n
	WHERE r.series = 'invoice' AND NOT (n.first = 1 AND n.last = r.last_number AND n.found = n.last AND n.different = n.found)
$fn$;
COMMENT ON FUNCTION billing._verify_invoices() IS 'part of billing.verify(): invoices against lines and charges, gapless numbers';

CREATE FUNCTION billing._verify_clock() RETURNS TABLE (problem text, account_id bigint, detail text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
	SELECT 'barrier', NULL::bigint, format('watermark %s, drained %s, shard %s settled through %s, timers through %s', w.cycle, d.cycle, h.shard, h.settled_through, h.timers_through)
	FROM billing.shard h
	JOIN billing.barrier w ON w.mark = 'watermark' JOIN billing.barrier d ON d.mark = 'drained'
	WHERE NOT (h.timers_through <= h.settled_through AND h.settled_through <= d.cycle AND d.cycle <= w.cycle)
	UNION ALL
	SELECT 'settled twice', NULL, format('shard %s is settled through %s, its last charge is of %s', h.shard, h.settled_through, max(c.cycle))
	FROM billing.shard h JOIN billing.charge c ON c.account_id >= h.account_from AND c.account_id < h.account_to AND c.source = 'tariff'
	GROUP BY h.shard, h.settled_through HAVING max(c.cycle) >= h.settled_through
	UNION ALL
	SELECT 'shards', NULL, format('shard %s begins at %s, the one before ends at %s', h.shard, h.account_from, h.before)
	FROM (SELECT h.*, lag(h.account_to, 1, -9223372036854775808) OVER (ORDER BY h.account_from) AS before,
			lead(h.account_from) OVER (ORDER BY h.account_from) IS NULL AS last
		FROM billing.shard h) h
	WHERE h.before <> h.account_from OR h.last AND h.account_to <> 9223372036854775807
	UNION ALL
	SELECT 'installation', NULL, 'billing.installation or billing.barrier does not hold its rows'
	WHERE (SELECT count(*) FROM billing.installation) <> 1 OR (SELECT count(*) FROM billing.barrier) <> 2
$fn$;
COMMENT ON FUNCTION billing._verify_clock() IS 'part of billing.verify(): marks and shards';

CREATE FUNCTION billing.verify() RETURNS TABLE (problem text, account_id bigint, detail text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	PERFORM billing._check_installed();
	RETURN QUERY SELECT * FROM billing._verify_clock()
		UNION ALL SELECT * FROM billing._verify_ledger()
		UNION ALL SELECT * FROM billing._verify_positions()
		UNION ALL SELECT * FROM billing._verify_usage()
		UNION ALL SELECT * FROM billing._verify_peaks()
		UNION ALL SELECT * FROM billing._verify_invoices()
		UNION ALL SELECT * FROM billing._verify_caps()
		UNION ALL SELECT * FROM billing._verify_packages()
		UNION ALL SELECT * FROM billing._verify_lifecycle()
		UNION ALL SELECT * FROM billing._verify_subscription_chains()
		UNION ALL SELECT * FROM billing._verify_package_chains()
		UNION ALL SELECT * FROM billing._verify_orders()
		UNION ALL SELECT * FROM billing._verify_deferred()
		UNION ALL SELECT * FROM billing._verify_subscriptions();
END
$fn$;
COMMENT ON FUNCTION billing.verify() IS 'recomputes balances, positions, charges, invoices, orders, plans, packages and states from nothing; a row for each thing that is wrong: none, always';
