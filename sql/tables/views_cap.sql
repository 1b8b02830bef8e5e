CREATE OR REPLACE VIEW billing.usage_caps WITH (security_invoker = true) AS
SELECT c.account_id, c.cap_id, c.meter, c.resource, c.quantity, m.unit, c.action, c.period, n.period_start, coalesce(n.quantity, 0) AS used,
	greatest(c.quantity - coalesce(n.quantity, 0), 0) AS remaining, n.reached_at, c.set_at, c.removed_at
FROM billing.usage_cap c
JOIN billing.meter m USING (meter)
LEFT JOIN LATERAL (SELECT x.period_start, x.quantity, x.reached_at FROM billing.usage_cap_count x
	WHERE x.account_id = c.account_id AND x.cap_id = c.cap_id ORDER BY x.period_start DESC LIMIT 1) n ON true;
COMMENT ON VIEW billing.usage_caps IS 'caps with their last window that has usage; older windows are in billing.usage_cap_count';
COMMENT ON COLUMN billing.usage_caps.account_id IS 'the account';
COMMENT ON COLUMN billing.usage_caps.cap_id IS 'number of the cap';
COMMENT ON COLUMN billing.usage_caps.meter IS 'what is counted';
COMMENT ON COLUMN billing.usage_caps.resource IS 'whose usage; NULL: that of the whole account';
COMMENT ON COLUMN billing.usage_caps.quantity IS 'the threshold';
COMMENT ON COLUMN billing.usage_caps.unit IS 'unit of the meter';
COMMENT ON COLUMN billing.usage_caps.action IS 'notify or suspend';
COMMENT ON COLUMN billing.usage_caps.period IS 'hour, day, month or '''' (one window for ever)';
COMMENT ON COLUMN billing.usage_caps.period_start IS 'start of the last window with usage; NULL: none is counted yet';
COMMENT ON COLUMN billing.usage_caps.used IS 'what was used in that window';
COMMENT ON COLUMN billing.usage_caps.remaining IS 'what is left of the cap in that window';
COMMENT ON COLUMN billing.usage_caps.reached_at IS 'since when it is reached';
COMMENT ON COLUMN billing.usage_caps.set_at IS 'when it was set';
COMMENT ON COLUMN billing.usage_caps.removed_at IS 'when it was removed or replaced; NULL: it is in force';
