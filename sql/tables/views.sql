-- Views: what people and reports read.  They run with the reader's own rights.

CREATE OR REPLACE VIEW billing.accounts WITH (security_invoker = true) AS
SELECT a.account_id, a.name, a.currency, s.balance, s.balance + s.credit_limit AS available,
	CASE WHEN s.overdue_since IS NOT NULL THEN 'overdue' ELSE 'active' END AS state,
	s.overdue_since, s.credit_limit, s.unbilled, a.time_zone, s.next_invoice_at, a.parent_id, a.opened_at
FROM billing.account a JOIN billing.account_state s USING (account_id);
COMMENT ON VIEW billing.accounts IS 'accounts with their money and state';
COMMENT ON COLUMN billing.accounts.account_id IS 'the account';
COMMENT ON COLUMN billing.accounts.name IS 'its name';
COMMENT ON COLUMN billing.accounts.currency IS 'currency of its money';
COMMENT ON COLUMN billing.accounts.balance IS 'money in its wallet; negative: it owes us';
COMMENT ON COLUMN billing.accounts.available IS 'balance + credit limit';
COMMENT ON COLUMN billing.accounts.state IS 'active or overdue (balance below minus the credit limit)';
COMMENT ON COLUMN billing.accounts.overdue_since IS 'when the debit was booked that made it overdue';
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
		WHEN 'last' THEN (array_agg(u.quantity ORDER BY u.event_time DESC, u.event_key DESC))[1]
		WHEN 'unique' THEN count(DISTINCT CASE WHEN m.unique_property IS NULL THEN u.resource ELSE u.properties ->> m.unique_property END)
		ELSE sum(u.quantity) END AS quantity,
	count(*) AS events,
	CASE m.aggregation
		WHEN 'count' THEN count(*) FILTER (WHERE b.is_billed)
		WHEN 'max' THEN coalesce(max(u.quantity) FILTER (WHERE b.is_billed), 0)
		WHEN 'percentile' THEN coalesce(max(u.quantity) FILTER (WHERE b.is_billed), 0)
		WHEN 'peak_mean' THEN coalesce(max(u.quantity) FILTER (WHERE b.is_billed), 0)
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
COMMENT ON COLUMN billing.usage_by_hour.quantity IS 'by the meter''s aggregation; the highest for percentile and peak_mean; the sum while the meter is unknown';
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
		WHEN 'last' THEN (array_agg(u.quantity ORDER BY u.event_time DESC, u.event_key DESC))[1]
		WHEN 'unique' THEN count(DISTINCT CASE WHEN m.unique_property IS NULL THEN u.resource ELSE u.properties ->> m.unique_property END)
		ELSE sum(u.quantity) END AS quantity,
	count(*) AS events,
	CASE m.aggregation
		WHEN 'count' THEN count(*) FILTER (WHERE b.is_billed)
		WHEN 'max' THEN coalesce(max(u.quantity) FILTER (WHERE b.is_billed), 0)
		WHEN 'percentile' THEN coalesce(max(u.quantity) FILTER (WHERE b.is_billed), 0)
		WHEN 'peak_mean' THEN coalesce(max(u.quantity) FILTER (WHERE b.is_billed), 0)
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
COMMENT ON COLUMN billing.usage_by_day.quantity IS 'by the meter''s aggregation; the highest for percentile and peak_mean; the sum while the meter is unknown';
COMMENT ON COLUMN billing.usage_by_day.events IS 'number of rows';
COMMENT ON COLUMN billing.usage_by_day.clean_quantity IS 'the same of the rows that the meter does not leave out: what is billed';
COMMENT ON COLUMN billing.usage_by_day.left_out_events IS 'number of rows that it leaves out; billing.unbilled_usage shows them';

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
SELECT u.account_id, u.meter, u.region, u.resource, u.event_time, u.event_key, u.quantity, r.cycle,
	CASE WHEN a.account_id IS NULL THEN 'unknown account'
		WHEN m.meter IS NULL THEN 'unknown meter'
		WHEN billing._price_at(u.account_id, u.meter, u.region, a.currency, u.properties, u.event_time, a.time_zone) IS NULL
			THEN 'no price in ' || a.currency
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
COMMENT ON COLUMN billing.unrated_usage.quantity IS 'how much';
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
