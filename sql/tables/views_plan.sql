-- Views of plans and orders.  A term is in progress as of the last ring of the clock; before the first, it is the first term.

CREATE OR REPLACE VIEW billing.subscriptions WITH (security_invoker = true) AS
SELECT s.account_id, s.subscription_id, coalesce(t.plan, s.plan) AS plan, s.resource, t.term_start, t.term_end, s.auto_renew, s.state,
	billing.last_second(t.term_end) AS last_second, t.term, s.paid_terms, s.paid_until, s.renew_at, s.renewal_failed_at,
	CASE WHEN s.next_plan IS NOT NULL THEN s.next_plan WHEN s.plan <> t.plan THEN s.plan END AS next_plan,
	s.ended_at, s.since, s.region, s.quantity, s.options, s.created_at
FROM billing.subscription s
LEFT JOIN LATERAL (SELECT t.* FROM billing.subscription_term t
	WHERE t.account_id = s.account_id AND t.subscription_id = s.subscription_id
		AND (t.term = 1 OR t.term_start <= (SELECT h.at FROM billing.heartbeat h))
	ORDER BY t.term DESC LIMIT 1) t ON true;
COMMENT ON VIEW billing.subscriptions IS 'plans that accounts hold or have held, with the term in progress, or the last one';
COMMENT ON COLUMN billing.subscriptions.account_id IS 'the account';
COMMENT ON COLUMN billing.subscriptions.subscription_id IS 'number of the subscription';
COMMENT ON COLUMN billing.subscriptions.plan IS 'plan of the term in progress';
COMMENT ON COLUMN billing.subscriptions.resource IS 'the resource that it is for; NULL: all of the account''s';
COMMENT ON COLUMN billing.subscriptions.term_start IS 'start of the term in progress';
COMMENT ON COLUMN billing.subscriptions.term_end IS 'end of the term in progress, exclusive';
COMMENT ON COLUMN billing.subscriptions.auto_renew IS 'is a term added the day before its end?';
COMMENT ON COLUMN billing.subscriptions.state IS 'provisioning, active, grace, suspended, released or cancelled';
COMMENT ON COLUMN billing.subscriptions.last_second IS 'end of the term in progress, as people read it';
COMMENT ON COLUMN billing.subscriptions.term IS 'number of the term in progress, from 1; NULL: none has started';
COMMENT ON COLUMN billing.subscriptions.paid_terms IS 'terms that are paid';
COMMENT ON COLUMN billing.subscriptions.paid_until IS 'end of the last paid term; infinity: no end';
COMMENT ON COLUMN billing.subscriptions.renew_at IS 'when it renews itself; NULL: not by itself';
COMMENT ON COLUMN billing.subscriptions.renewal_failed_at IS 'when an automatic renewal lacked money; the next top-up tries it again';
COMMENT ON COLUMN billing.subscriptions.next_plan IS 'plan that takes over after the term in progress; NULL: the same';
COMMENT ON COLUMN billing.subscriptions.ended_at IS 'from when on it gives nothing any more; infinity: it was not ended';
COMMENT ON COLUMN billing.subscriptions.since IS 'since when it is in its state';
COMMENT ON COLUMN billing.subscriptions.region IS 'region that its fee was chosen by';
COMMENT ON COLUMN billing.subscriptions.quantity IS 'how many pieces';
COMMENT ON COLUMN billing.subscriptions.options IS 'options that its fee was chosen by';
COMMENT ON COLUMN billing.subscriptions.created_at IS 'when it was subscribed to';

CREATE OR REPLACE VIEW billing.allowances WITH (security_invoker = true) AS
SELECT a.account_id, a.allowance_id, a.subscription_id, t.plan, a.term, a.meter, m.unit, a.region, a.resource, a.size, a.used,
	a.size - a.used AS remaining, a.valid_from, a.valid_until, billing.last_second(a.valid_until) AS last_second
FROM billing.allowance a
JOIN billing.subscription_term t USING (account_id, subscription_id, term)
JOIN billing.meter m USING (meter);
COMMENT ON VIEW billing.allowances IS 'what the terms of plans include, and how much of it is used';
COMMENT ON COLUMN billing.allowances.account_id IS 'the account';
COMMENT ON COLUMN billing.allowances.allowance_id IS 'number of the allowance';
COMMENT ON COLUMN billing.allowances.subscription_id IS 'the subscription';
COMMENT ON COLUMN billing.allowances.plan IS 'plan of the term';
COMMENT ON COLUMN billing.allowances.term IS 'number of the term';
COMMENT ON COLUMN billing.allowances.meter IS 'the meter';
COMMENT ON COLUMN billing.allowances.unit IS 'unit of the meter';
COMMENT ON COLUMN billing.allowances.region IS 'region of the usage that it covers; '''' any';
COMMENT ON COLUMN billing.allowances.resource IS 'the resource whose usage it covers; NULL: all of the account''s';
COMMENT ON COLUMN billing.allowances.size IS 'how much the term includes';
COMMENT ON COLUMN billing.allowances.used IS 'how much of it is used';
COMMENT ON COLUMN billing.allowances.remaining IS 'how much is left';
COMMENT ON COLUMN billing.allowances.valid_from IS 'start of the term';
COMMENT ON COLUMN billing.allowances.valid_until IS 'end of the term, or of the subscription, exclusive';
COMMENT ON COLUMN billing.allowances.last_second IS 'the end as people read it';

CREATE OR REPLACE VIEW billing.orders WITH (security_invoker = true) AS
SELECT o.account_id, o.order_id, o.at, o.kind, o.subject, o.subject_id, o.product, o.quantity, o.list_price, o.discount, o.tax,
	o.voucher_id, o.voucher_amount, o.money, a.currency, o.automatic
FROM billing.purchase o JOIN billing.account a USING (account_id);
COMMENT ON VIEW billing.orders IS 'purchases, renewals, upgrades and refunds of plans and packages';
COMMENT ON COLUMN billing.orders.account_id IS 'the account';
COMMENT ON COLUMN billing.orders.order_id IS 'number of the order';
COMMENT ON COLUMN billing.orders.at IS 'instant of the order';
COMMENT ON COLUMN billing.orders.kind IS 'purchase, renewal, upgrade, change or refund (amounts are negative)';
COMMENT ON COLUMN billing.orders.subject IS 'subscription or package';
COMMENT ON COLUMN billing.orders.subject_id IS 'the subscription; or the package that was renewed or refunded';
COMMENT ON COLUMN billing.orders.product IS 'the plan or offer';
COMMENT ON COLUMN billing.orders.quantity IS 'how many terms or packages';
COMMENT ON COLUMN billing.orders.list_price IS 'price before discount';
COMMENT ON COLUMN billing.orders.discount IS 'taken off the list price';
COMMENT ON COLUMN billing.orders.tax IS 'tax on it';
COMMENT ON COLUMN billing.orders.voucher_id IS 'the voucher that paid a part';
COMMENT ON COLUMN billing.orders.voucher_amount IS 'the part that the voucher paid; of a refund, the part of it that is lost';
COMMENT ON COLUMN billing.orders.money IS 'the part that the wallet paid, or got back';
COMMENT ON COLUMN billing.orders.currency IS 'currency of its money';
COMMENT ON COLUMN billing.orders.automatic IS 'placed by settling or tick, not by a call';
