CREATE OR REPLACE VIEW billing.deferred_revenue WITH (security_invoker = true) AS
SELECT d.account_id, d.subject, d.subject_id, d.product, d.currency, d.paid, d.refunded, d.recognised, d.breakage, d.deferred,
	billing.cycle_start(b.cycle) AS at
FROM billing.barrier b
CROSS JOIN LATERAL billing._deferred_revenue(billing.cycle_start(b.cycle), 'infinity') d
WHERE b.mark = 'watermark';
COMMENT ON VIEW billing.deferred_revenue
	IS 'of what was paid in advance for each plan and package: what is earned, what was lost unused, and what is still deferred, at the beginning of the open hour; together they are the sub-ledger deferred';
COMMENT ON COLUMN billing.deferred_revenue.account_id IS 'the account';
COMMENT ON COLUMN billing.deferred_revenue.subject IS 'subscription or package';
COMMENT ON COLUMN billing.deferred_revenue.subject_id IS 'which one';
COMMENT ON COLUMN billing.deferred_revenue.product IS 'its plan or offer';
COMMENT ON COLUMN billing.deferred_revenue.currency IS 'currency of the money';
COMMENT ON COLUMN billing.deferred_revenue.paid IS 'what the wallet and vouchers have paid for it, by all of its orders';
COMMENT ON COLUMN billing.deferred_revenue.refunded IS 'what was given back, with the part of vouchers that was lost by it';
COMMENT ON COLUMN billing.deferred_revenue.recognised IS 'earned: of a plan by the time that is over, of a package by what is used of it';
COMMENT ON COLUMN billing.deferred_revenue.breakage IS 'neither earned nor given back when it was over';
COMMENT ON COLUMN billing.deferred_revenue.deferred IS 'paid, and not earned yet';
COMMENT ON COLUMN billing.deferred_revenue.at IS 'the instant of which this is so';
