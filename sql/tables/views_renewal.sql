-- What is to come: what renews itself, and everything that falls due.

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
		CROSS JOIN LATERAL (SELECT CASE WHEN p.state <> 'exhausted' OR p.auto_renew_on = 'expiry' THEN p.valid_until END AS renew_at,
			coalesce((SELECT h.at FROM billing.heartbeat h), p.bought_at) AS present) t
		CROSS JOIN LATERAL (SELECT billing._package_renewal_price(p.offer, a.currency, coalesce(t.renew_at, t.present)) AS price) o
		WHERE p.auto_renew AND p.state IN ('pending', 'active', 'exhausted')
			-- one that was ordered takes the place of a renewal
			AND NOT EXISTS (SELECT FROM billing.package x WHERE x.account_id = p.account_id AND x.renews = p.package_id AND x.state = 'pending')
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

CREATE OR REPLACE VIEW billing.upcoming WITH (security_invoker = true) AS
SELECT s.account_id, 'account'::text AS subject, s.account_id::text AS subject_id, t.action || coalesce(' ' || t.argument, '') AS what,
	greatest(s.next_at, (SELECT max(billing._held_until(l.rule, s.overdue_since, s.step, s.applied_at, a.time_zone, o.until)) FROM billing.lifecycle_override o
		WHERE o.account_id = s.account_id AND o.subject = 'account' AND o.until > s.next_at)) AS due_at,
	format('overdue since %s, balance %s; paid by then it does not happen', s.overdue_since, s.balance) AS detail
FROM billing.account_state s
JOIN billing.account a USING (account_id)
JOIN billing.lifecycle l USING (lifecycle_id)
CROSS JOIN LATERAL billing.lifecycle_steps(l.rule) t
WHERE s.next_at IS NOT NULL AND t.step = s.step + 1
UNION ALL
SELECT c.account_id, 'subscription', c.subscription_id::text, t.action || coalesce(' ' || t.argument, ''),
	greatest(c.next_at, (SELECT max(billing._held_until(l.rule, coalesce(c.since, s.paid_until), c.step, c.applied_at, a.time_zone, o.until)) FROM billing.lifecycle_override o
		WHERE o.account_id = c.account_id AND o.subject = 'subscription' AND o.subject_id = c.subscription_id::text AND o.until > c.next_at)),
	CASE WHEN c.cause = 'overdue' THEN format('plan "%s": the account is overdue since %s; paid by then it does not happen', s.plan, c.since)
		ELSE format('plan "%s" is paid until %s; renewed by then it does not happen', s.plan, s.paid_until) END
FROM billing.subscription_chain c
JOIN billing.subscription s USING (account_id, subscription_id)
JOIN billing.account a USING (account_id)
JOIN billing.lifecycle l USING (lifecycle_id)
CROSS JOIN LATERAL billing.lifecycle_steps(l.rule) t
WHERE c.next_at IS NOT NULL AND t.step = c.step + 1
UNION ALL
SELECT c.account_id, 'package', c.package_id::text, t.action,
	greatest(c.next_at, (SELECT max(o.until) FROM billing.lifecycle_override o
		WHERE o.account_id = c.account_id AND o.subject = 'package' AND o.subject_id = c.package_id::text AND o.until > c.next_at)),
	format('"%s" is valid until %s; %s of %s left', p.offer, p.valid_until, p.size - p.used, p.size)
FROM billing.package_chain c
JOIN billing.package p USING (account_id, package_id)
JOIN billing.lifecycle l USING (lifecycle_id)
CROSS JOIN LATERAL billing.lifecycle_steps(l.rule) t
WHERE c.next_at IS NOT NULL AND t.step = c.step + 1 AND p.state NOT IN ('exhausted', 'refunded')
UNION ALL
SELECT i.account_id, 'account', i.account_id::text, 'invoice due', i.due_at,
	format('invoice %s of %s; unpaid then, the account is overdue', i.number, i.total)
FROM billing.invoice i WHERE i.awaits_due
UNION ALL
SELECT r.account_id, r.subject, r.subject_id::text, 'renew', r.renew_at,
	format('"%s" for %s %s; %s there%s: %s', r.product, r.price, r.currency, r.available, CASE WHEN r.due_before > 0 THEN format(', %s due before', r.due_before) ELSE '' END,
		CASE WHEN r.will_renew THEN 'the money will do' WHEN r.subject = 'subscription' THEN r.obstacle || ', a top-up tries it again'
			ELSE r.obstacle || ', and the flag goes off' END)
FROM billing.renewals r
UNION ALL
SELECT s.account_id, 'subscription', s.subscription_id::text, 'end', least(s.paid_until, s.ended_at),
	format('plan "%s": %s', s.plan, CASE WHEN s.ended_at < 'infinity' THEN 'it was cancelled' WHEN s.renewal_failed_at IS NOT NULL
			THEN format('its renewal at %s lacked money, a top-up tries it again', s.renewal_failed_at)
		WHEN s.auto_renew THEN 'its renewal will fail' ELSE 'it does not renew itself' END)
FROM billing.subscription s
WHERE s.state = 'active' AND least(s.paid_until, s.ended_at) < 'infinity' AND NOT EXISTS (SELECT FROM billing.renewals r
	WHERE r.account_id = s.account_id AND r.subject = 'subscription' AND r.subject_id = s.subscription_id AND r.will_renew)
UNION ALL
SELECT p.account_id, 'package', p.package_id::text, 'end', p.valid_until,
	format('"%s", %s of %s left: %s%s', p.offer, p.size - p.used, p.size, CASE WHEN n.package_id IS NOT NULL THEN format('package %s takes over', n.package_id)
			WHEN p.auto_renew THEN 'its renewal will fail' ELSE 'it does not renew itself' END,
		CASE WHEN p.cut_off AND n.package_id IS NULL THEN '; its resources are restricted then' ELSE '' END)
FROM billing.package p
LEFT JOIN billing.package n ON n.account_id = p.account_id AND n.renews = p.package_id AND n.state = 'pending'
WHERE p.state = 'active' AND NOT EXISTS (SELECT FROM billing.renewals r
	WHERE r.account_id = p.account_id AND r.subject = 'package' AND r.subject_id = p.package_id AND r.will_renew)
UNION ALL
SELECT v.account_id, 'voucher', v.voucher_id::text, 'expire', v.expires_at, format('%s of %s left', v.remaining, v.amount)
FROM billing.voucher v WHERE v.expired_at IS NULL AND v.expires_at < 'infinity' AND v.remaining > 0;
COMMENT ON VIEW billing.upcoming IS 'who will be warned, restricted, suspended or released, and when, if nothing is paid until then; what renews itself or ends';
COMMENT ON COLUMN billing.upcoming.account_id IS 'the account';
COMMENT ON COLUMN billing.upcoming.subject IS 'account, subscription, package or voucher';
COMMENT ON COLUMN billing.upcoming.subject_id IS 'which one';
COMMENT ON COLUMN billing.upcoming.what IS 'what will happen';
COMMENT ON COLUMN billing.upcoming.due_at IS 'the last instant to prevent it; an override counted in; NULL: with the next usage that nothing covers';
COMMENT ON COLUMN billing.upcoming.detail IS 'why, at which price';
