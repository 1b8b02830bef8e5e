CREATE OR REPLACE VIEW billing.packages WITH (security_invoker = true) AS
SELECT p.account_id, p.package_id, p.offer, p.meter, p.size, p.used, p.size - p.used AS remaining, p.region, p.valid_from, p.valid_until,
	billing.last_second(p.valid_until) AS last_second, p.auto_renew, p.state, p.price_paid,
	ARRAY(SELECT r.resource FROM billing.package_resource r WHERE r.account_id = p.account_id AND r.package_id = p.package_id ORDER BY r.resource) AS resources,
	CASE WHEN p.state = 'pending' THEN 'it is not valid yet'
		WHEN p.state IN ('exhausted', 'expired', 'refunded') THEN 'it is ' || p.state
		WHEN EXISTS (SELECT FROM billing.suspension s WHERE s.account_id = p.account_id AND s.suspended_until IS NULL) THEN 'the account is suspended'
		WHEN p.max_resources IS NOT NULL AND NOT EXISTS (SELECT FROM billing.package_resource r WHERE r.account_id = p.account_id AND r.package_id = p.package_id)
			THEN 'it is bound to no resource'
		WHEN p.requires_plan IS NOT NULL AND NOT EXISTS (SELECT FROM billing.subscription s JOIN billing.subscription_term t USING (account_id, subscription_id)
				WHERE s.account_id = p.account_id AND t.plan = ANY (p.requires_plan) AND s.state = 'active'
					AND t.term_end > billing.cycle_start(b.cycle) AND t.term_start < billing.cycle_start(b.cycle + 1))
			THEN 'no plan that it needs is active' END AS not_deducting,
	p.renews, p.order_id, p.bought_at,
	CASE p.state WHEN 'pending' THEN p.bought_at WHEN 'active' THEN p.valid_from WHEN 'expired' THEN p.valid_until
		WHEN 'exhausted' THEN (SELECT n.at FROM billing.notice n WHERE n.account_id = p.account_id AND n.kind = 'package_exhausted' AND n.subject = 'package'
			AND n.subject_id = p.package_id::text)
		ELSE (SELECT max(o.at) FROM billing.purchase o WHERE o.account_id = p.account_id AND o.kind = 'refund' AND o.subject = 'package' AND o.subject_id = p.package_id)
		END AS since,
	CASE WHEN n.next_at IS NOT NULL THEN (SELECT t.action FROM billing.lifecycle l CROSS JOIN LATERAL billing.lifecycle_steps(l.rule) t
		WHERE l.lifecycle_id = n.lifecycle_id AND t.step = n.step + 1) END AS next_step, n.next_at, p.low_at
FROM billing.package p CROSS JOIN billing.barrier b
LEFT JOIN billing.package_chain n ON n.account_id = p.account_id AND n.package_id = p.package_id AND p.state NOT IN ('exhausted', 'refunded')
WHERE b.mark = 'watermark';
COMMENT ON VIEW billing.packages IS 'prepaid packages: what is left of them, to when, and why nothing is deducted';
COMMENT ON COLUMN billing.packages.account_id IS 'the account';
COMMENT ON COLUMN billing.packages.package_id IS 'number of the package';
COMMENT ON COLUMN billing.packages.offer IS 'its offer';
COMMENT ON COLUMN billing.packages.meter IS 'its type: the meter whose unit its size is in';
COMMENT ON COLUMN billing.packages.size IS 'how much it held';
COMMENT ON COLUMN billing.packages.used IS 'how much was deducted from it, by what is settled';
COMMENT ON COLUMN billing.packages.remaining IS 'size - used';
COMMENT ON COLUMN billing.packages.region IS 'the region whose usage it covers; '''' any';
COMMENT ON COLUMN billing.packages.valid_from IS 'start of its validity';
COMMENT ON COLUMN billing.packages.valid_until IS 'end of its validity, exclusive';
COMMENT ON COLUMN billing.packages.last_second IS 'end of its validity as people read it';
COMMENT ON COLUMN billing.packages.auto_renew IS 'is it renewed when it is used up, or ends?';
COMMENT ON COLUMN billing.packages.state IS 'pending, active, exhausted, expired or refunded';
COMMENT ON COLUMN billing.packages.price_paid IS 'what the wallet paid for it';
COMMENT ON COLUMN billing.packages.resources IS 'the resources that it is bound to';
COMMENT ON COLUMN billing.packages.not_deducting IS 'why usage of the open cycle is not deducted from it; NULL: it is';
COMMENT ON COLUMN billing.packages.renews IS 'the package that it took over from, or will';
COMMENT ON COLUMN billing.packages.order_id IS 'the order that it was bought by';
COMMENT ON COLUMN billing.packages.bought_at IS 'when it was bought';
COMMENT ON COLUMN billing.packages.since IS 'since when it is in its state';
COMMENT ON COLUMN billing.packages.next_step IS 'what the expiry policy of its offer does next';
COMMENT ON COLUMN billing.packages.next_at IS 'when that is due';
COMMENT ON COLUMN billing.packages.low_at IS 'a notice is written once no more than this is left of it; NULL: none is';
