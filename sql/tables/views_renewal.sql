-- What renews itself.  Before the other views: billing.upcoming reads it.

CREATE OR REPLACE VIEW billing.renewals WITH (security_invoker = true) AS
SELECT n.account_id, n.subject, n.subject_id, n.product, n.renew_at, n.price, n.currency, n.available, n.due_before,
	n.obstacle IS NULL AND (n.price = 0 OR n.due_before + n.price <= n.available) AS will_renew,
	coalesce(n.obstacle, CASE WHEN n.price > 0 AND n.due_before + n.price > n.available THEN format('%s %s is missing', n.due_before + n.price - n.available, n.currency) END)
		AS obstacle
FROM (
	SELECT r.*, a.currency, s.balance + s.credit_limit AS available,
		coalesce(sum(r.price) FILTER (WHERE r.obstacle IS NULL) OVER (PARTITION BY r.account_id
			ORDER BY r.renew_at NULLS FIRST, r.subject DESC, r.ends, r.subject_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS due_before
	FROM (
		SELECT s.account_id, 'subscription'::text AS subject, s.subscription_id AS subject_id, coalesce(s.next_plan, s.plan) AS product, s.renew_at,
			p.price, s.paid_until AS ends, CASE WHEN p.price IS NULL THEN 'the plan is not sold any more' END AS obstacle
		FROM billing.subscription s
		CROSS JOIN LATERAL (SELECT billing._plan_renewal_price(s.account_id, s.subscription_id, s.renew_at) AS price) p
		WHERE s.renew_at IS NOT NULL
		UNION ALL
		SELECT p.account_id, 'package', p.package_id, p.offer, t.renew_at, o.price, p.valid_until,
			CASE WHEN o.price IS NULL THEN 'the offer is not sold any more'
				WHEN p.requires_plan IS NOT NULL AND NOT billing._will_have_plan(p.account_id, p.requires_plan, coalesce(t.renew_at, t.present))
				THEN format('no plan that it needs is paid until then: %s', array_to_string(p.requires_plan, ', ')) END
		FROM billing.package p
		JOIN billing.account a USING (account_id)
		CROSS JOIN LATERAL (SELECT CASE WHEN p.state <> 'exhausted' THEN p.valid_until END AS renew_at,
			coalesce((SELECT h.at FROM billing.heartbeat h), p.bought_at) AS present) t
		CROSS JOIN LATERAL (SELECT billing._package_renewal_price(p.offer, a.currency, coalesce(t.renew_at, t.present)) AS price) o
		WHERE p.auto_renew AND p.state IN ('pending', 'active', 'exhausted')
	) r
	JOIN billing.account a USING (account_id)
	JOIN billing.account_state s USING (account_id)
) n;
COMMENT ON VIEW billing.renewals IS 'what renews itself: when, at which price, and whether the money that is there now will do; usage in the meantime is not foreseen';
COMMENT ON COLUMN billing.renewals.account_id IS 'the account';
COMMENT ON COLUMN billing.renewals.subject IS 'subscription or package';
COMMENT ON COLUMN billing.renewals.subject_id IS 'which one';
COMMENT ON COLUMN billing.renewals.product IS 'the plan or offer that it is renewed with';
COMMENT ON COLUMN billing.renewals.renew_at IS 'when; a package may be used up sooner; NULL: it is used up, and renews itself with the next usage that nothing else covers';
COMMENT ON COLUMN billing.renewals.price IS 'what that will cost, discounts taken off, as the catalogue stands now; NULL: it is not sold then';
COMMENT ON COLUMN billing.renewals.currency IS 'currency of the money';
COMMENT ON COLUMN billing.renewals.available IS 'balance + credit limit, now';
COMMENT ON COLUMN billing.renewals.due_before IS 'what the account''s renewals before this one will cost';
COMMENT ON COLUMN billing.renewals.will_renew IS 'is nothing in its way, as things stand?';
COMMENT ON COLUMN billing.renewals.obstacle IS 'what is in its way; NULL: nothing';
