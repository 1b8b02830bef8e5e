-- What happens when a period is over: counters close, invoices are made and numbered.

CREATE FUNCTION billing._close_positions(account_from bigint, account_to bigint, timer timestamptz, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off
SET plan_cache_mode = force_custom_plan	-- so that the length of an array is known: old statistics take what is due for nothing
AS $fn$
DECLARE
	due_accounts bigint[];
	turned bigint[];
	has_windows boolean;
BEGIN
	has_windows := EXISTS (SELECT FROM billing.position o JOIN billing.price_line l USING (line_id) JOIN billing.meter m USING (meter)
		WHERE o.closes_at = timer AND o.account_id >= account_from AND o.account_id < account_to AND billing._is_windowed(m.aggregation));
	IF has_windows THEN
		PERFORM billing._carry_levels(account_from, account_to, timer);
		PERFORM billing._open_windows(account_from, account_to, timer);
	END IF;
	SELECT array_agg(DISTINCT o.account_id) INTO due_accounts FROM billing.position o
	WHERE o.closes_at = timer AND o.account_id >= account_from AND o.account_id < account_to
		AND (account_from + 1 = account_to OR NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = o.account_id));
	IF due_accounts IS NULL THEN
		RETURN;
	END IF;
	-- One charge for each position: its rounded total.  The charges that carried its quantities had no amount.  A window is
	-- read now, and its charge carries what it says as well.
	WITH measured AS MATERIALIZED (
		-- the share comes last: which tier is reached, and a minimum, are about what was measured
		SELECT w.*, CASE WHEN w.is_empty THEN 0 ELSE billing.prorate(billing.rate(p.tariff, w.quantity), w.part, w.whole) END AS exact_amount
		FROM billing._window_quantities(account_from, account_to, timer,
			billing.cycle_of(timer - interval '1 microsecond') + 1) w JOIN billing.price p USING (price_id)
		WHERE has_windows
	), closing AS MATERIALIZED (
		SELECT DISTINCT o.account_id, o.line_id, o.period_start, o.period_end, o.resource, l.greatest_of
		FROM unnest(due_accounts) k(account_id)
		JOIN billing.position o ON o.account_id = k.account_id AND o.closes_at = timer
		JOIN billing.price_line l USING (line_id)
	), due AS MATERIALIZED (
		SELECT c.account_id, c.line_id, c.period_start, c.resource FROM closing c
		UNION -- and what they are compared with
		SELECT o.account_id, o.line_id, o.period_start, o.resource
		FROM closing c
		JOIN billing.position o ON o.account_id = c.account_id AND o.period_start = c.period_start AND o.period_end = c.period_end
			AND o.resource = c.resource
		JOIN billing.price_line l ON l.line_id = o.line_id AND l.greatest_of = c.greatest_of
		WHERE c.greatest_of <> ''
	), part AS MATERIALIZED (
		-- put together, not joined: both are as long as many accounts close at one instant, and the planner takes them for short
		SELECT q.account_id, q.line_id, q.period_start, max(q.period_end) AS period_end, q.resource, q.price_id, max(q.posted_amount) AS posted_amount,
			coalesce(max(q.measured), max(q.quantity)) AS quantity, coalesce(max(q.measured_exact), max(q.exact_amount)) AS exact_amount,
			coalesce(max(q.measured) - max(q.quantity), 0) AS added, coalesce(max(q.measured_exact) - max(q.exact_amount), 0) AS added_exact
		FROM (SELECT d.account_id, d.line_id, d.period_start, d.period_end, d.resource, d.price_id, d.posted_amount, d.quantity, d.exact_amount,
				NULL::numeric AS measured, NULL::numeric AS measured_exact
			FROM due k JOIN billing.position d USING (account_id, line_id, period_start, resource)
			UNION ALL
			SELECT w.account_id, w.line_id, w.period_start, NULL, w.resource, w.price_id, NULL, NULL, NULL, w.quantity, w.exact_amount FROM measured w) q
		GROUP BY q.account_id, q.line_id, q.period_start, q.resource, q.price_id HAVING max(q.posted_amount) IS NOT NULL
	), line AS (
		SELECT d.*, sum(d.exact_amount) OVER line AS line_exact, sum(d.posted_amount) OVER line AS line_posted, max(d.price_id) OVER line AS last_price
		FROM part d WINDOW line AS (PARTITION BY d.account_id, d.line_id, d.period_start, d.resource)
	), step AS MATERIALIZED (
		SELECT d.account_id, d.line_id, d.period_start, d.resource, d.price_id, l.meter, l.region, s.invoice_period, s.next_invoice_at, a.time_zone,
			d.quantity, d.exact_amount, d.added, d.added_exact,
			-- of a group the highest of one period is charged; of equal ones the first.  Late hours and days may close at one instant
			CASE WHEN d.price_id <> d.last_price THEN 0
				ELSE CASE WHEN l.greatest_of = '' OR rank() OVER (PARTITION BY d.account_id, l.greatest_of, d.period_start, d.period_end, d.resource
						ORDER BY d.line_exact DESC, d.line_id) = 1
					THEN round(d.line_exact, c.decimals) ELSE 0 END - d.line_posted END AS amount
		FROM line d
		JOIN billing.price_line l USING (line_id)
		JOIN billing.account a USING (account_id)
		JOIN billing.account_state s USING (account_id)
		JOIN billing.currency c ON c.currency = a.currency
	), closed AS (
		UPDATE billing.position p
		SET closes_at = NULL, quantity = t.quantity, exact_amount = t.exact_amount, posted_amount = p.posted_amount + t.amount
		FROM step t
		WHERE p.account_id = t.account_id AND p.line_id = t.line_id AND p.period_start = t.period_start AND p.resource = t.resource
			AND p.price_id = t.price_id
	), charged AS (
		INSERT INTO billing.charge (account_id, cycle, period_start, meter, region, resource, source, source_id,
			quantity, exact_amount, amount, invoice_period)
		SELECT t.account_id, billing.cycle_of(timer - interval '1 microsecond'), t.period_start, t.meter, t.region,
			t.resource, 'tariff', t.price_id, t.added, t.added_exact, t.amount,
			greatest(t.invoice_period, CASE WHEN t.period_start >= t.next_invoice_at THEN (billing.period_of('month', t.period_start, t.time_zone)).period_start END)
		FROM step t WHERE t.amount <> 0 OR t.added <> 0 OR t.added_exact <> 0
	), wallet AS (
		UPDATE billing.account_state s
		SET balance = s.balance - m.amount, unbilled = s.unbilled + m.amount
		FROM (SELECT t.account_id, sum(t.amount) AS amount FROM step t GROUP BY t.account_id HAVING sum(t.amount) <> 0) m
		WHERE s.account_id = m.account_id
		RETURNING s.account_id, s.balance, m.amount,
			billing._turns(s.balance, s.credit_limit, s.unbilled, s.not_due, s.state, s.overdue_since, s.low_balance_at, s.low_since) AS turns
	), booked AS (
		INSERT INTO billing.transfer (account_id, at, debit, credit, amount, balance_after, kind, source, source_id)
		SELECT w.account_id, timer, CASE WHEN w.amount > 0 THEN 'wallet' ELSE 'revenue' END,
			CASE WHEN w.amount > 0 THEN 'revenue' ELSE 'wallet' END, abs(w.amount), w.balance, 'usage', 'cycle',
			billing.cycle_of(timer - interval '1 microsecond')
		FROM wallet w
	)
	SELECT array_agg(w.account_id) INTO turned FROM wallet w WHERE w.turns;
	IF turned IS NOT NULL THEN
		PERFORM billing._turn_accounts(turned, timer, at);
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._close_positions(bigint, bigint, timestamptz, timestamptz)
	IS 'posts the positions whose counter period closes at an instant, where money moves at its end';

CREATE FUNCTION billing._make_invoices(account_from bigint, account_to bigint, timer timestamptz, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off
SET plan_cache_mode = force_custom_plan	-- as above
AS $fn$
DECLARE
	due_accounts bigint[];
	turned bigint[];
BEGIN
	-- Lock first, read after: a correction in flight is waited for, and then seen.
	SELECT array_agg(k.account_id) INTO due_accounts FROM (SELECT s.account_id FROM billing.account_state s
		WHERE s.next_invoice_at = timer AND s.account_id >= account_from AND s.account_id < account_to
			AND (account_from + 1 = account_to OR NOT EXISTS (SELECT FROM billing.quarantine q WHERE q.account_id = s.account_id))
		ORDER BY s.account_id FOR NO KEY UPDATE) k;
	IF due_accounts IS NULL THEN
		RETURN;
	END IF;

	WITH due AS MATERIALIZED (
		SELECT s.account_id, s.invoice_period, s.next_invoice_at, s.invoiced_charge_id, a.currency, a.time_zone
		FROM unnest(due_accounts) k(account_id) JOIN billing.account_state s USING (account_id) JOIN billing.account a USING (account_id)
	), gathered AS MATERIALIZED (
		SELECT d.account_id, c.charge_id, c.source, c.meter, coalesce(l.region, '') AS region,
			CASE l.scope WHEN 'resource' THEN c.resource ELSE '' END AS resource, l.line_id, c.quantity, c.exact_amount,
			c.amount, c.reason, c.invoice_period = d.invoice_period AS billed, c.invoice_period > d.invoice_period AS later,
			CASE WHEN c.period_start >= d.invoice_period OR l.counter = 'term' THEN d.invoice_period
				ELSE (billing.period_of('month', c.period_start, d.time_zone)).period_start END AS month
		FROM due d
		-- LATERAL: account by account, however long history is
		CROSS JOIN LATERAL (SELECT * FROM billing.charge c WHERE c.account_id = d.account_id AND c.charge_id > d.invoiced_charge_id OFFSET 0) c
		LEFT JOIN billing.price p ON c.source = 'tariff' AND p.price_id = c.source_id
		LEFT JOIN billing.price_line l ON l.line_id = p.line_id
	), line AS MATERIALIZED (
		-- a fee or adjustment is a line of its own, the charges of a price line and month are one
		SELECT g.account_id, g.source, g.meter, g.region, coalesce(g.resource, '') AS resource, g.line_id, g.month, g.reason,
			sum(g.quantity) AS quantity, sum(g.exact_amount) AS exact_amount, sum(g.amount) AS amount,
			row_number() OVER (PARTITION BY g.account_id ORDER BY g.source DESC, g.month, g.meter, g.region, g.resource, min(g.charge_id)) AS line
		FROM gathered g WHERE g.billed
		GROUP BY g.account_id, g.source, g.meter, g.region, g.resource, g.line_id, g.month, g.reason,
			CASE WHEN g.source IN ('fee', 'adjustment') THEN g.charge_id END
	), made AS (
		INSERT INTO billing.invoice (account_id, period_start, period_end, currency, subtotal, tax, total)
		SELECT d.account_id, d.invoice_period, d.next_invoice_at, d.currency, sum(l.amount), 0, sum(l.amount)
		FROM due d JOIN line l USING (account_id)
		GROUP BY d.account_id, d.invoice_period, d.next_invoice_at, d.currency
		RETURNING account_id, invoice_id, total
	), lines AS (
		INSERT INTO billing.invoice_line (account_id, invoice_id, line, source, meter, region, resource, line_id,
			period_start, quantity, exact_amount, amount, reason)
		SELECT l.account_id, m.invoice_id, l.line, l.source, l.meter, l.region, l.resource, l.line_id, l.month,
			l.quantity, l.exact_amount, l.amount, l.reason
		FROM line l JOIN made m USING (account_id)
	), mark AS (
		SELECT g.account_id, coalesce(min(g.charge_id) FILTER (WHERE g.later) - 1, max(g.charge_id)) AS charge_id
		FROM gathered g GROUP BY g.account_id
	), moved AS (
		UPDATE billing.account_state s
		SET invoice_period = p.period_start, next_invoice_at = p.period_end, unbilled = s.unbilled - coalesce(m.total, 0),
			not_due = s.not_due + greatest(coalesce(m.total, 0), 0), invoiced_charge_id = coalesce(k.charge_id, s.invoiced_charge_id)
		FROM due d
		LEFT JOIN made m USING (account_id)
		LEFT JOIN mark k USING (account_id)
		CROSS JOIN LATERAL billing.period_of('month', d.next_invoice_at, d.time_zone) p
		WHERE s.account_id = d.account_id AND s.account_id >= account_from AND s.account_id < account_to
		RETURNING s.account_id, billing._turns(s.balance, s.credit_limit, s.unbilled, s.not_due, s.state, s.overdue_since, s.low_balance_at, s.low_since) AS turns
	)
	SELECT array_agg(m.account_id) INTO turned FROM moved m WHERE m.turns;
	IF turned IS NOT NULL THEN
		PERFORM billing._turn_accounts(turned, timer, at);
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._make_invoices(bigint, bigint, timestamptz, timestamptz)
	IS 'makes the unnumbered invoices of the accounts whose month ends at an instant; an account without charges gets none';

CREATE FUNCTION billing._number_invoices(at timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	passed timestamptz;
	last bigint;
	given bigint;
BEGIN
	-- the least of an index: EXISTS may read all invoices that have their number
	IF (SELECT min(i.period_end) FROM billing.invoice i WHERE i.number IS NULL) IS NULL THEN
		RETURN false;
	END IF;
	SELECT n.last_number INTO last FROM billing.number_series n WHERE n.series = 'invoice' FOR UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	-- Only months that every shard has behind it: then their order does not depend on who was first.
	SELECT billing.cycle_start(min(h.timers_through)) INTO passed FROM billing.shard h;
	WITH next AS (
		SELECT i.account_id, i.invoice_id, i.total, a.payment_terms,
			row_number() OVER (ORDER BY i.period_end, i.account_id) AS n
		FROM billing.invoice i JOIN billing.account a USING (account_id)
		WHERE i.number IS NULL AND i.period_end <= passed
	)
	UPDATE billing.invoice i
	SET number = last + x.n, issued_at = _number_invoices.at, due_at = _number_invoices.at + coalesce(x.payment_terms, interval '0'),
		awaits_due = x.payment_terms IS NOT NULL AND x.total > 0
	FROM next x WHERE i.account_id = x.account_id AND i.invoice_id = x.invoice_id;
	GET DIAGNOSTICS given = ROW_COUNT;
	UPDATE billing.number_series n SET last_number = last + given WHERE n.series = 'invoice' AND given > 0;
	RETURN false;
END
$fn$;
COMMENT ON FUNCTION billing._number_invoices(timestamptz)
	IS 'issues the invoices that every shard has behind it: gives them the next numbers, in one short transaction';
