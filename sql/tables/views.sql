-- Views: what people and reports read.  They run with the reader's own rights.

CREATE OR REPLACE VIEW billing.accounts WITH (security_invoker = true) AS
SELECT a.account_id, a.name, a.currency, s.balance, s.balance + s.credit_limit AS available,
	s.state, s.overdue_since,
	(SELECT t.action || coalesce(' ' || t.argument, '') FROM billing.lifecycle l CROSS JOIN LATERAL billing.lifecycle_steps(l.rule) t
		WHERE l.lifecycle_id = s.lifecycle_id AND t.step = s.step + 1 AND s.next_at IS NOT NULL) AS next_step, s.next_at,
	s.credit_limit, s.unbilled, a.time_zone, s.next_invoice_at, a.parent_id, a.opened_at, s.state_since, a.policy, s.low_balance_at
FROM billing.account a JOIN billing.account_state s USING (account_id);
COMMENT ON VIEW billing.accounts IS 'accounts with their money and state';
COMMENT ON COLUMN billing.accounts.account_id IS 'the account';
COMMENT ON COLUMN billing.accounts.name IS 'its name';
COMMENT ON COLUMN billing.accounts.currency IS 'currency of its money';
COMMENT ON COLUMN billing.accounts.balance IS 'money in its wallet; negative: it owes us';
COMMENT ON COLUMN billing.accounts.available IS 'balance + credit limit';
COMMENT ON COLUMN billing.accounts.state IS 'active, overdue (balance below minus the credit limit, or an invoice late), suspended, released or closed';
COMMENT ON COLUMN billing.accounts.overdue_since IS 'effective instant of the debit, or of the due invoice, that made it overdue; its steps count from then';
COMMENT ON COLUMN billing.accounts.next_step IS 'what its policy does next';
COMMENT ON COLUMN billing.accounts.next_at IS 'the last instant to pay before that';
COMMENT ON COLUMN billing.accounts.state_since IS 'since when it is in its state';
COMMENT ON COLUMN billing.accounts.policy IS 'its lifecycle policy';
COMMENT ON COLUMN billing.accounts.low_balance_at IS 'a notice is written when the balance falls below this';
COMMENT ON COLUMN billing.accounts.credit_limit IS 'how far the balance may go below 0';
COMMENT ON COLUMN billing.accounts.unbilled IS 'charges that are not on an invoice yet';
COMMENT ON COLUMN billing.accounts.time_zone IS 'zone of its days and months';
COMMENT ON COLUMN billing.accounts.next_invoice_at IS 'end of the month that the next invoice gathers';
COMMENT ON COLUMN billing.accounts.parent_id IS 'the account above it';
COMMENT ON COLUMN billing.accounts.opened_at IS 'when it was opened';

CREATE OR REPLACE VIEW billing.usage_by_hour WITH (security_invoker = true) AS
SELECT u.account_id, u.meter, u.region, u.resource, date_trunc('hour', u.event_time, 'UTC') AS hour,
	CASE m.aggregation
		WHEN 'count' THEN count(*)
		WHEN 'max' THEN max(u.quantity)
		WHEN 'percentile' THEN max(u.quantity)
		WHEN 'peak_mean' THEN max(u.quantity)
		WHEN 'time_weighted' THEN (array_agg(u.quantity ORDER BY u.event_time DESC, u.event_key DESC))[1]
		WHEN 'last' THEN (array_agg(u.quantity ORDER BY u.event_time DESC, u.event_key DESC))[1]
		WHEN 'unique' THEN count(DISTINCT CASE WHEN m.unique_property IS NULL THEN u.resource ELSE u.properties ->> m.unique_property END)
		ELSE sum(u.quantity) END AS quantity,
	count(*) AS events,
	CASE m.aggregation
		WHEN 'count' THEN count(*) FILTER (WHERE b.is_billed)
		WHEN 'max' THEN coalesce(max(u.quantity) FILTER (WHERE b.is_billed), 0)
		WHEN 'percentile' THEN coalesce(max(u.quantity) FILTER (WHERE b.is_billed), 0)
		WHEN 'peak_mean' THEN coalesce(max(u.quantity) FILTER (WHERE b.is_billed), 0)
		WHEN 'time_weighted' THEN (array_agg(u.quantity ORDER BY u.event_time DESC, u.event_key DESC) FILTER (WHERE b.is_billed))[1]
		WHEN 'last' THEN (array_agg(u.quantity ORDER BY u.event_time DESC, u.event_key DESC) FILTER (WHERE b.is_billed))[1]
		WHEN 'unique' THEN count(DISTINCT CASE WHEN m.unique_property IS NULL THEN u.resource ELSE u.properties ->> m.unique_property END) FILTER (WHERE b.is_billed)
		ELSE coalesce(sum(u.quantity) FILTER (WHERE b.is_billed), 0) END AS clean_quantity,
	count(*) FILTER (WHERE NOT b.is_billed) AS left_out_events
FROM billing.usage u LEFT JOIN billing.meter m USING (meter)
CROSS JOIN LATERAL (SELECT billing._is_billed(u.properties, m.leaves_out) AS is_billed) b
GROUP BY u.account_id, u.meter, u.region, u.resource, 5, m.aggregation, m.unique_property;
COMMENT ON VIEW billing.usage_by_hour IS 'usage by UTC hour of its event_time, settled or not';
COMMENT ON COLUMN billing.usage_by_hour.account_id IS 'who used it';
COMMENT ON COLUMN billing.usage_by_hour.meter IS 'what was used';
COMMENT ON COLUMN billing.usage_by_hour.region IS 'where';
COMMENT ON COLUMN billing.usage_by_hour.resource IS 'by which resource';
COMMENT ON COLUMN billing.usage_by_hour.hour IS 'start of the hour';
COMMENT ON COLUMN billing.usage_by_hour.quantity IS 'by the meter''s aggregation; the highest for percentile and peak_mean, the last level for time_weighted; the sum while the meter is unknown';
COMMENT ON COLUMN billing.usage_by_hour.events IS 'number of rows';
COMMENT ON COLUMN billing.usage_by_hour.clean_quantity IS 'the same of the rows that the meter does not leave out: what is billed';
COMMENT ON COLUMN billing.usage_by_hour.left_out_events IS 'number of rows that it leaves out; billing.unbilled_usage shows them';

CREATE OR REPLACE VIEW billing.usage_by_day WITH (security_invoker = true) AS
SELECT u.account_id, u.meter, u.region, u.resource,
	(u.event_time AT TIME ZONE coalesce(a.time_zone, 'UTC'))::date AS day,
	CASE m.aggregation
		WHEN 'count' THEN count(*)
		WHEN 'max' THEN max(u.quantity)
		WHEN 'percentile' THEN max(u.quantity)
		WHEN 'peak_mean' THEN max(u.quantity)
		WHEN 'time_weighted' THEN (array_agg(u.quantity ORDER BY u.event_time DESC, u.event_key DESC))[1]
		WHEN 'last' THEN (array_agg(u.quantity ORDER BY u.event_time DESC, u.event_key DESC))[1]
		WHEN 'unique' THEN count(DISTINCT CASE WHEN m.unique_property IS NULL THEN u.resource ELSE u.properties ->> m.unique_property END)
		ELSE sum(u.quantity) END AS quantity,
	count(*) AS events,
	CASE m.aggregation
		WHEN 'count' THEN count(*) FILTER (WHERE b.is_billed)
		WHEN 'max' THEN coalesce(max(u.quantity) FILTER (WHERE b.is_billed), 0)
		WHEN 'percentile' THEN coalesce(max(u.quantity) FILTER (WHERE b.is_billed), 0)
		WHEN 'peak_mean' THEN coalesce(max(u.quantity) FILTER (WHERE b.is_billed), 0)
		WHEN 'time_weighted' THEN (array_agg(u.quantity ORDER BY u.event_time DESC, u.event_key DESC) FILTER (WHERE b.is_billed))[1]
		WHEN 'last' THEN (array_agg(u.quantity ORDER BY u.event_time DESC, u.event_key DESC) FILTER (WHERE b.is_billed))[1]
		WHEN 'unique' THEN count(DISTINCT CASE WHEN m.unique_property IS NULL THEN u.resource ELSE u.properties ->> m.unique_property END) FILTER (WHERE b.is_billed)
		ELSE coalesce(sum(u.quantity) FILTER (WHERE b.is_billed), 0) END AS clean_quantity,
	count(*) FILTER (WHERE NOT b.is_billed) AS left_out_events
FROM billing.usage u LEFT JOIN billing.meter m USING (meter) LEFT JOIN billing.account a USING (account_id)
CROSS JOIN LATERAL (SELECT billing._is_billed(u.properties, m.leaves_out) AS is_billed) b
GROUP BY u.account_id, u.meter, u.region, u.resource, 5, m.aggregation, m.unique_property;
COMMENT ON VIEW billing.usage_by_day IS 'usage by day in the account''s zone, settled or not';
COMMENT ON COLUMN billing.usage_by_day.account_id IS 'who used it';
COMMENT ON COLUMN billing.usage_by_day.meter IS 'what was used';
COMMENT ON COLUMN billing.usage_by_day.region IS 'where';
COMMENT ON COLUMN billing.usage_by_day.resource IS 'by which resource';
COMMENT ON COLUMN billing.usage_by_day.day IS 'the day';
COMMENT ON COLUMN billing.usage_by_day.quantity IS 'by the meter''s aggregation; the highest for percentile and peak_mean, the last level for time_weighted; the sum while the meter is unknown';
COMMENT ON COLUMN billing.usage_by_day.events IS 'number of rows';
COMMENT ON COLUMN billing.usage_by_day.clean_quantity IS 'the same of the rows that the meter does not leave out: what is billed';
COMMENT ON COLUMN billing.usage_by_day.left_out_events IS 'number of rows that it leaves out; billing.unbilled_usage shows them';

CREATE OR REPLACE VIEW billing.usage_by_period WITH (security_invoker = true) AS
SELECT o.account_id, l.meter, l.region, o.resource, o.period_start, o.period_end, o.line_id, o.price_id, coalesce(w.quantity, o.quantity) AS quantity, m.unit,
	CASE WHEN w.quantity IS NULL THEN o.exact_amount WHEN w.is_empty THEN 0 ELSE billing.prorate(billing._rate_or_null(p.tariff, w.quantity), w.part, w.whole) END AS exact_amount,
	o.posted_amount, a.currency, o.closes_at
FROM billing.position o
JOIN billing.price_line l ON l.line_id = o.line_id
JOIN billing.price p ON p.price_id = o.price_id
JOIN billing.meter m ON m.meter = l.meter
JOIN billing.account a ON a.account_id = o.account_id
-- a window that is open has no running total: it is read now, once for each account
LEFT JOIN (SELECT k.account_id, k.closes_at, q.line_id, q.period_start, q.resource, q.price_id, q.quantity, q.part, q.whole, q.is_empty
	FROM (SELECT DISTINCT w.account_id, w.closes_at
		FROM billing.position w JOIN billing.price_line x ON x.line_id = w.line_id JOIN billing.meter y ON y.meter = x.meter
		WHERE w.closes_at IS NOT NULL AND billing._is_windowed(y.aggregation)) k
	JOIN billing.shard h ON k.account_id >= h.account_from AND k.account_id < h.account_to
	CROSS JOIN LATERAL billing._window_quantities(k.account_id, k.account_id + 1, k.closes_at, h.settled_through) q) w
	ON w.account_id = o.account_id AND w.line_id = o.line_id AND w.period_start = o.period_start AND w.resource = o.resource AND w.price_id = o.price_id
		AND w.closes_at = o.closes_at;
COMMENT ON VIEW billing.usage_by_period IS 'what each position says now, of the usage that is settled: counter periods that run, and those that have closed; a row for each price that was in force';
COMMENT ON COLUMN billing.usage_by_period.account_id IS 'the account';
COMMENT ON COLUMN billing.usage_by_period.meter IS 'what was used';
COMMENT ON COLUMN billing.usage_by_period.region IS 'region of the price; '''' any';
COMMENT ON COLUMN billing.usage_by_period.resource IS 'the resource, where each has a counter of its own, else ''''';
COMMENT ON COLUMN billing.usage_by_period.period_start IS 'start of the counter period';
COMMENT ON COLUMN billing.usage_by_period.period_end IS 'its end';
COMMENT ON COLUMN billing.usage_by_period.line_id IS 'the price line';
COMMENT ON COLUMN billing.usage_by_period.price_id IS 'the price that is, or was, in force';
COMMENT ON COLUMN billing.usage_by_period.quantity IS 'quantity so far, by the meter''s aggregation; of a meter that is read at the end: as if the usage ended here, a level holding up to the last settled hour';
COMMENT ON COLUMN billing.usage_by_period.unit IS 'unit of the meter';
COMMENT ON COLUMN billing.usage_by_period.exact_amount IS 'what that costs so far, exact; of a group of which only the highest is charged each has its own; NULL: a window that stands beyond the hard end of its tariff';
COMMENT ON COLUMN billing.usage_by_period.posted_amount IS 'what was posted of it';
COMMENT ON COLUMN billing.usage_by_period.currency IS 'the account''s currency';
COMMENT ON COLUMN billing.usage_by_period.closes_at IS 'when its money moves, for post counter; NULL once it has, and for post cycle';

CREATE OR REPLACE VIEW billing.charges WITH (security_invoker = true) AS
SELECT c.account_id, c.charge_id, c.cycle, c.period_start, c.meter, c.region, c.resource, c.source, c.source_id,
	c.quantity, c.exact_amount, c.amount, a.currency, billing.cycle_start(c.cycle) AS cycle_start, c.invoice_period, c.reason, c.units
FROM billing.charge c JOIN billing.account a USING (account_id);
COMMENT ON VIEW billing.charges IS 'every step by which usage became money';
COMMENT ON COLUMN billing.charges.account_id IS 'the account';
COMMENT ON COLUMN billing.charges.charge_id IS 'number of the charge, for billing.explain_charge()';
COMMENT ON COLUMN billing.charges.cycle IS 'the cycle that was settled';
COMMENT ON COLUMN billing.charges.period_start IS 'start of the counter period that the usage belongs to';
COMMENT ON COLUMN billing.charges.meter IS 'the meter; NULL for a fee or an adjustment';
COMMENT ON COLUMN billing.charges.region IS 'region of the usage';
COMMENT ON COLUMN billing.charges.resource IS 'resource of the usage';
COMMENT ON COLUMN billing.charges.source IS 'allowance, package, tariff, fee or adjustment';
COMMENT ON COLUMN billing.charges.source_id IS 'the allowance_id, package_id, price_id (of a tariff charge) or order_id (of a fee)';
COMMENT ON COLUMN billing.charges.quantity IS 'by how much the position''s quantity grew; of a deduction, the usage that it covered; of a fee, terms or packages';
COMMENT ON COLUMN billing.charges.exact_amount IS 'by how much the position''s exact amount grew';
COMMENT ON COLUMN billing.charges.amount IS 'what was posted';
COMMENT ON COLUMN billing.charges.currency IS 'the account''s currency';
COMMENT ON COLUMN billing.charges.cycle_start IS 'when the cycle began';
COMMENT ON COLUMN billing.charges.invoice_period IS 'start of the month whose invoice shows it';
COMMENT ON COLUMN billing.charges.reason IS 'of an adjustment: why; of a fee: what for';
COMMENT ON COLUMN billing.charges.units IS 'of a deduction: how much it took of the allowance or package';

CREATE OR REPLACE VIEW billing.ledger WITH (security_invoker = true) AS
SELECT t.account_id, t.transfer_id, t.at, t.booked_at, t.debit, t.credit, t.amount, t.balance_after, t.source,
	t.source_id, t.kind, t.key, t.booked_by, t.reason
FROM billing.transfer t;
COMMENT ON VIEW billing.ledger IS 'every movement of money, with the wallet''s running balance';
COMMENT ON COLUMN billing.ledger.account_id IS 'the account';
COMMENT ON COLUMN billing.ledger.transfer_id IS 'number of the transfer, growing within an account';
COMMENT ON COLUMN billing.ledger.at IS 'the instant it counts for';
COMMENT ON COLUMN billing.ledger.booked_at IS 'what the clock said';
COMMENT ON COLUMN billing.ledger.debit IS 'sub-ledger that is debited';
COMMENT ON COLUMN billing.ledger.credit IS 'sub-ledger that is credited';
COMMENT ON COLUMN billing.ledger.amount IS 'how much, positive';
COMMENT ON COLUMN billing.ledger.balance_after IS 'the wallet''s balance after it';
COMMENT ON COLUMN billing.ledger.source IS 'call, cycle, charge, voucher or order';
COMMENT ON COLUMN billing.ledger.source_id IS 'its number';
COMMENT ON COLUMN billing.ledger.kind IS 'top_up, pay_out, adjustment, write_off, usage, voucher, or an order''s: purchase, renewal, upgrade, change, refund';
COMMENT ON COLUMN billing.ledger.key IS 'the caller''s key';
COMMENT ON COLUMN billing.ledger.booked_by IS 'the role that booked it';
COMMENT ON COLUMN billing.ledger.reason IS 'the caller''s reason';

CREATE OR REPLACE VIEW billing.trial_balance WITH (security_invoker = true) AS
SELECT t.account_id, l.sub_ledger, sum(l.debit) AS debit, sum(l.credit) AS credit, sum(l.credit) - sum(l.debit) AS balance
FROM billing.transfer t
CROSS JOIN LATERAL (VALUES (t.debit, t.amount, 0::numeric), (t.credit, 0::numeric, t.amount)) l(sub_ledger, debit, credit)
GROUP BY t.account_id, l.sub_ledger;
COMMENT ON VIEW billing.trial_balance IS 'sums of each sub-ledger of each account; the balances of one account add up to 0';
COMMENT ON COLUMN billing.trial_balance.account_id IS 'the account';
COMMENT ON COLUMN billing.trial_balance.sub_ledger IS 'the sub-ledger';
COMMENT ON COLUMN billing.trial_balance.debit IS 'sum of its debits';
COMMENT ON COLUMN billing.trial_balance.credit IS 'sum of its credits';
COMMENT ON COLUMN billing.trial_balance.balance IS 'credit - debit; of the wallet: the balance';

CREATE OR REPLACE VIEW billing.invoices WITH (security_invoker = true) AS
SELECT i.account_id, i.invoice_id, i.number, i.period_start, i.period_end, i.currency, i.subtotal, i.tax, i.total,
	CASE WHEN i.number IS NULL THEN 'draft' WHEN i.outstanding <= 0 THEN 'paid'
		WHEN i.outstanding < i.total THEN 'partly paid' ELSE 'open' END AS state,
	i.issued_at, i.due_at, i.outstanding
FROM (
	-- Money covers the oldest invoice first, so what is owed lies on the newest ones.
	-- An invoice below 0, and a correction that is not on an invoice yet, are money like any other.
	SELECT v.*, greatest(0, least(v.total, -(s.balance + greatest(s.unbilled, 0))
		- coalesce(sum(greatest(v.total, 0)) OVER (PARTITION BY v.account_id ORDER BY v.period_end DESC, v.invoice_id DESC
			ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0))) AS outstanding
	FROM billing.invoice v JOIN billing.account_state s USING (account_id)) i;
COMMENT ON VIEW billing.invoices IS 'invoices with their state; their charges were posted already, an invoice moves no money';
COMMENT ON COLUMN billing.invoices.account_id IS 'the account';
COMMENT ON COLUMN billing.invoices.invoice_id IS 'identity of the invoice';
COMMENT ON COLUMN billing.invoices.number IS 'its gapless number; NULL while it is a draft';
COMMENT ON COLUMN billing.invoices.period_start IS 'start of the month';
COMMENT ON COLUMN billing.invoices.period_end IS 'end of the month';
COMMENT ON COLUMN billing.invoices.currency IS 'the account''s currency';
COMMENT ON COLUMN billing.invoices.subtotal IS 'sum of its lines';
COMMENT ON COLUMN billing.invoices.tax IS 'tax on it';
COMMENT ON COLUMN billing.invoices.total IS 'subtotal + tax';
COMMENT ON COLUMN billing.invoices.state IS 'draft, open, partly paid or paid, from the balance: money covers the oldest invoice first';
COMMENT ON COLUMN billing.invoices.issued_at IS 'when it got its number';
COMMENT ON COLUMN billing.invoices.due_at IS 'when it is due';
COMMENT ON COLUMN billing.invoices.outstanding IS 'what the balance does not cover of it';

CREATE OR REPLACE VIEW billing.invoice_lines WITH (security_invoker = true) AS
SELECT l.account_id, l.invoice_id, i.number, l.line, l.source, l.meter, l.region, l.resource, l.period_start,
	l.quantity, m.unit, l.exact_amount, l.amount, i.currency, l.period_start < i.period_start AS late, l.reason,
	k.properties, k.weekdays, k.time_from, k.time_to
FROM billing.invoice_line l
JOIN billing.invoice i USING (account_id, invoice_id)
LEFT JOIN billing.price_line k USING (line_id)
LEFT JOIN billing.meter m ON m.meter = l.meter;
COMMENT ON VIEW billing.invoice_lines IS 'lines of the invoices';
COMMENT ON COLUMN billing.invoice_lines.account_id IS 'the account';
COMMENT ON COLUMN billing.invoice_lines.invoice_id IS 'the invoice';
COMMENT ON COLUMN billing.invoice_lines.number IS 'the invoice''s number';
COMMENT ON COLUMN billing.invoice_lines.line IS 'number of the line';
COMMENT ON COLUMN billing.invoice_lines.source IS 'allowance, package, tariff, fee or adjustment';
COMMENT ON COLUMN billing.invoice_lines.meter IS 'the meter';
COMMENT ON COLUMN billing.invoice_lines.region IS 'region of the price';
COMMENT ON COLUMN billing.invoice_lines.resource IS 'the resource, where each has a counter of its own';
COMMENT ON COLUMN billing.invoice_lines.period_start IS 'start of the month that the usage belongs to';
COMMENT ON COLUMN billing.invoice_lines.quantity IS 'quantity';
COMMENT ON COLUMN billing.invoice_lines.unit IS 'unit of the meter';
COMMENT ON COLUMN billing.invoice_lines.exact_amount IS 'exact amount';
COMMENT ON COLUMN billing.invoice_lines.amount IS 'amount';
COMMENT ON COLUMN billing.invoice_lines.currency IS 'currency';
COMMENT ON COLUMN billing.invoice_lines.late IS 'usage of an earlier month that came after its invoice';
COMMENT ON COLUMN billing.invoice_lines.reason IS 'of an adjustment: why';
COMMENT ON COLUMN billing.invoice_lines.properties IS 'the properties that its prices ask for';
COMMENT ON COLUMN billing.invoice_lines.weekdays IS 'the weekdays of its prices';
COMMENT ON COLUMN billing.invoice_lines.time_from IS 'where the hours of its prices begin';
COMMENT ON COLUMN billing.invoice_lines.time_to IS 'where they end';

CREATE OR REPLACE VIEW billing.unrated_usage WITH (security_invoker = true) AS
SELECT u.account_id, u.meter, u.region, u.resource, u.event_time, u.event_key, coalesce(r.quantity, u.quantity) AS quantity, r.cycle,
	CASE WHEN a.account_id IS NULL THEN 'unknown account'
		WHEN m.meter IS NULL THEN 'unknown meter'
		WHEN billing._price_at(u.account_id, u.meter, u.region, u.resource, a.currency, u.properties, u.event_time, a.time_zone) IS NULL
			THEN 'no price in ' || a.currency || CASE WHEN EXISTS (SELECT FROM billing.price p WHERE p.meter = u.meter AND p.currency = a.currency AND p.plan <> '')
				THEN ' outside a paid term of its plan' ELSE '' END
		ELSE 'will be rated with the next cycle' END AS reason
FROM billing.unrated r
JOIN billing.usage u USING (account_id, meter, event_key, event_time)
LEFT JOIN billing.account a USING (account_id)
LEFT JOIN billing.meter m USING (meter);
COMMENT ON VIEW billing.unrated_usage IS 'usage of settled cycles that could not be rated; it is settled once the catalogue knows it';
COMMENT ON COLUMN billing.unrated_usage.account_id IS 'who used it';
COMMENT ON COLUMN billing.unrated_usage.meter IS 'what was used';
COMMENT ON COLUMN billing.unrated_usage.region IS 'where';
COMMENT ON COLUMN billing.unrated_usage.resource IS 'by which resource';
COMMENT ON COLUMN billing.unrated_usage.event_time IS 'when';
COMMENT ON COLUMN billing.unrated_usage.event_key IS 'the event''s key';
COMMENT ON COLUMN billing.unrated_usage.quantity IS 'how much, less what a plan or package has covered';
COMMENT ON COLUMN billing.unrated_usage.cycle IS 'the cycle that could not rate it';
COMMENT ON COLUMN billing.unrated_usage.reason IS 'what the catalogue lacks now';

CREATE OR REPLACE VIEW billing.unbilled_usage WITH (security_invoker = true) AS
SELECT u.account_id, u.meter, u.region, u.resource, u.event_time, u.event_key, u.quantity, u.properties,
	format('meter "%s" leaves out %s', m.meter, m.leaves_out) AS reason
FROM billing.usage u JOIN billing.meter m USING (meter)
WHERE u.properties @> m.leaves_out;
COMMENT ON VIEW billing.unbilled_usage IS 'usage that is never billed, because its meter leaves it out';
COMMENT ON COLUMN billing.unbilled_usage.account_id IS 'who used it';
COMMENT ON COLUMN billing.unbilled_usage.meter IS 'what was used';
COMMENT ON COLUMN billing.unbilled_usage.region IS 'where';
COMMENT ON COLUMN billing.unbilled_usage.resource IS 'by which resource';
COMMENT ON COLUMN billing.unbilled_usage.event_time IS 'when';
COMMENT ON COLUMN billing.unbilled_usage.event_key IS 'the event''s key';
COMMENT ON COLUMN billing.unbilled_usage.quantity IS 'how much';
COMMENT ON COLUMN billing.unbilled_usage.properties IS 'what the event carries';
COMMENT ON COLUMN billing.unbilled_usage.reason IS 'what the meter leaves out';

CREATE OR REPLACE VIEW billing.settlements WITH (security_invoker = true) AS
SELECT s.cycle, billing.cycle_start(s.cycle) AS cycle_start, count(*) AS parts, sum(s.accounts)::bigint AS accounts,
	sum(s.charges)::bigint AS charges, max(s.settled_at + s.took) AS settled_at, sum(s.took) AS took
FROM billing.settlement s GROUP BY s.cycle;
COMMENT ON VIEW billing.settlements IS 'cycles that were settled and wrote something';
COMMENT ON COLUMN billing.settlements.cycle IS 'the cycle';
COMMENT ON COLUMN billing.settlements.cycle_start IS 'when it began';
COMMENT ON COLUMN billing.settlements.parts IS 'number of account ranges';
COMMENT ON COLUMN billing.settlements.accounts IS 'accounts whose balance moved';
COMMENT ON COLUMN billing.settlements.charges IS 'charges written';
COMMENT ON COLUMN billing.settlements.settled_at IS 'what the clock said when its last part was through';
COMMENT ON COLUMN billing.settlements.took IS 'time that its parts took together';

CREATE OR REPLACE VIEW billing.resources WITH (security_invoker = true) AS
SELECT r.account_id, r.resource, r.kind,
	CASE WHEN r.state <> 'released' AND s.state IN ('suspended', 'released') THEN 'suspended' ELSE r.state END AS state,
	CASE WHEN r.state NOT IN ('released', 'suspended') AND s.state IN ('suspended', 'released') THEN s.state_since ELSE r.since END AS since,
	CASE WHEN r.state NOT IN ('released', 'suspended') AND s.state IN ('suspended', 'released') THEN 'account' ELSE r.held_by END AS held_by, r.added_at,
	n.action || coalesce(' ' || n.argument, '') AS next_step, n.next_at
FROM billing.resource r JOIN billing.account_state s USING (account_id)
-- a resource has no timer of its own: it follows its account, its subscription, its package, whichever is due first
LEFT JOIN LATERAL (
	SELECT x.action, x.argument, x.next_at
	FROM (SELECT t.action, t.argument, s.next_at
		FROM billing.lifecycle l CROSS JOIN LATERAL billing.lifecycle_steps(l.rule) t
		WHERE l.lifecycle_id = s.lifecycle_id AND s.next_at IS NOT NULL AND t.step = s.step + 1 AND coalesce(t.argument, r.kind) = r.kind
		UNION ALL
		SELECT t.action, t.argument, c.next_at
		FROM billing.subscription u
		JOIN billing.subscription_chain c ON c.account_id = u.account_id AND c.subscription_id = u.subscription_id
		JOIN billing.lifecycle l ON l.lifecycle_id = c.lifecycle_id
		CROSS JOIN LATERAL billing.lifecycle_steps(l.rule) t
		WHERE u.account_id = r.account_id AND c.next_at IS NOT NULL AND t.step = c.step + 1
			AND (u.resource = r.resource AND (t.action NOT IN ('restrict', 'suspend') OR coalesce(t.argument, r.kind) = r.kind)
				OR u.resource IS NULL AND t.action IN ('restrict', 'suspend') AND t.argument = r.kind
				OR r.held_by = 'subscription ' || u.subscription_id)
		UNION ALL
		SELECT 'restrict', NULL, p.valid_until
		FROM billing.package_resource b JOIN billing.package p ON p.account_id = b.account_id AND p.package_id = b.package_id
		WHERE b.account_id = r.account_id AND b.resource = r.resource AND p.cut_off AND p.state = 'active'
			AND NOT EXISTS (SELECT FROM billing.package f WHERE f.account_id = p.account_id AND f.renews = p.package_id AND f.state = 'pending')) x
	WHERE r.state <> 'released' ORDER BY x.next_at LIMIT 1) n ON true;
COMMENT ON VIEW billing.resources IS 'what accounts run, and in which state; while an account is suspended, so is all that it has';
COMMENT ON COLUMN billing.resources.account_id IS 'the account';
COMMENT ON COLUMN billing.resources.resource IS 'its name, as usage bears it';
COMMENT ON COLUMN billing.resources.kind IS 'what it is';
COMMENT ON COLUMN billing.resources.state IS 'provisioning, active, restricted, suspended or released';
COMMENT ON COLUMN billing.resources.since IS 'since when';
COMMENT ON COLUMN billing.resources.held_by IS 'what restricted or suspended it';
COMMENT ON COLUMN billing.resources.added_at IS 'when it was added';
COMMENT ON COLUMN billing.resources.next_step IS 'what its account, its subscription or the end of its package does next, if nothing is paid until then; NULL: nothing. One that a cap has suspended stays so until billing.enable_resource()';
COMMENT ON COLUMN billing.resources.next_at IS 'when that is due';

CREATE OR REPLACE VIEW billing.lifecycle_steps WITH (security_invoker = true) AS
SELECT h.account_id, h.subject, h.subject_id, h.action, h.due_at, h.at, h.reason, h.argument, h.step, h.applied_at, h.step_id, h.cause
FROM billing.lifecycle_step h;
COMMENT ON VIEW billing.lifecycle_steps IS 'history of states: what was done to whom, when it was due, and from when it counts';
COMMENT ON COLUMN billing.lifecycle_steps.account_id IS 'the account';
COMMENT ON COLUMN billing.lifecycle_steps.subject IS 'account, subscription, package or resource';
COMMENT ON COLUMN billing.lifecycle_steps.subject_id IS 'which one';
COMMENT ON COLUMN billing.lifecycle_steps.action IS 'notice, restrict, suspend, downgrade, release; overdue, end, resume; hold; provision, activate, enable, remove, close';
COMMENT ON COLUMN billing.lifecycle_steps.due_at IS 'when it was due';
COMMENT ON COLUMN billing.lifecycle_steps.at IS 'from when it counts';
COMMENT ON COLUMN billing.lifecycle_steps.reason IS 'why, where there is more to say';
COMMENT ON COLUMN billing.lifecycle_steps.argument IS 'kind of resources, or plan';
COMMENT ON COLUMN billing.lifecycle_steps.step IS 'step of the policy; NULL: a call';
COMMENT ON COLUMN billing.lifecycle_steps.applied_at IS 'the ring or call that did it';
COMMENT ON COLUMN billing.lifecycle_steps.step_id IS 'number of the row';
COMMENT ON COLUMN billing.lifecycle_steps.cause IS 'of a subscription: which chain, expiry or overdue';

CREATE OR REPLACE VIEW billing.notices WITH (security_invoker = true) AS
SELECT n.account_id, n.notice_id, n.kind, n.subject, n.at, n.facts, n.subject_id, n.cause,
	coalesce(n.text, billing._notice_text(n.kind, '', n.facts)) AS text, n.claimed_at, n.acknowledged_at
FROM billing.notice n;
COMMENT ON VIEW billing.notices IS 'what customers are or were told';
COMMENT ON COLUMN billing.notices.account_id IS 'the account';
COMMENT ON COLUMN billing.notices.notice_id IS 'number of the notice';
COMMENT ON COLUMN billing.notices.kind IS 'what it tells';
COMMENT ON COLUMN billing.notices.subject IS 'account, subscription, package or resource';
COMMENT ON COLUMN billing.notices.at IS 'when it happened';
COMMENT ON COLUMN billing.notices.facts IS 'its numbers and dates';
COMMENT ON COLUMN billing.notices.subject_id IS 'which one';
COMMENT ON COLUMN billing.notices.cause IS 'what it was written for; never twice for one';
COMMENT ON COLUMN billing.notices.text IS 'the text that was given to the mailer, or would be now';
COMMENT ON COLUMN billing.notices.claimed_at IS 'when a mailer took it';
COMMENT ON COLUMN billing.notices.acknowledged_at IS 'when it was delivered';
