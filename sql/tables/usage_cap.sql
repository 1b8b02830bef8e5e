CREATE TABLE billing.usage_cap (
	account_id bigint NOT NULL REFERENCES billing.account,
	cap_id bigint GENERATED ALWAYS AS IDENTITY,
	meter text COLLATE "C" NOT NULL REFERENCES billing.meter,
	resource text COLLATE "C",
	quantity numeric NOT NULL CHECK (quantity > 0 AND quantity < 'Infinity'),
	action text NOT NULL CHECK (action IN ('notify', 'suspend')),
	period text NOT NULL CHECK (period IN ('hour', 'day', 'month', '')),
	counts_from timestamptz NOT NULL,
	is_counted boolean NOT NULL DEFAULT false,
	set_at timestamptz NOT NULL,
	removed_at timestamptz CHECK (removed_at >= set_at),
	PRIMARY KEY (account_id, cap_id)
);
CREATE UNIQUE INDEX usage_cap_in_force ON billing.usage_cap (account_id, meter, coalesce(resource, ''), period, action) WHERE removed_at IS NULL;
COMMENT ON TABLE billing.usage_cap IS 'thresholds of usage at which a customer is told or a resource is suspended; billing.set_usage_cap() writes them';
COMMENT ON COLUMN billing.usage_cap.account_id IS 'the account';
COMMENT ON COLUMN billing.usage_cap.cap_id IS 'number of the cap';
COMMENT ON COLUMN billing.usage_cap.meter IS 'what is counted';
COMMENT ON COLUMN billing.usage_cap.resource IS 'whose usage is counted; NULL: that of the whole account, in one counter';
COMMENT ON COLUMN billing.usage_cap.quantity IS 'the threshold, in the meter''s unit; equality reaches it';
COMMENT ON COLUMN billing.usage_cap.action IS 'notify: a notice is written; suspend: the resource, or every active one of the account, is suspended too';
COMMENT ON COLUMN billing.usage_cap.period IS 'the window after which it counts from 0 again: hour, day or month, in the account''s zone; '''': never';
COMMENT ON COLUMN billing.usage_cap.counts_from IS 'start of the window in which it was set: usage before is not counted';
COMMENT ON COLUMN billing.usage_cap.is_counted IS 'has the usage been counted that was settled before it was set? the next settlement does';
COMMENT ON COLUMN billing.usage_cap.set_at IS 'when it was set';
COMMENT ON COLUMN billing.usage_cap.removed_at IS 'when it was removed or replaced; NULL: it is in force';

CREATE TABLE billing.usage_cap_count (
	account_id bigint NOT NULL,
	cap_id bigint NOT NULL,
	period_start timestamptz NOT NULL,
	quantity numeric NOT NULL,
	reached_at timestamptz,
	PRIMARY KEY (account_id, cap_id, period_start),
	FOREIGN KEY (account_id, cap_id) REFERENCES billing.usage_cap
) WITH (fillfactor = 90);
COMMENT ON TABLE billing.usage_cap_count IS 'counters of caps: what was used in each window, by event_time, of the usage that is settled, before anything is deducted';
COMMENT ON COLUMN billing.usage_cap_count.account_id IS 'the account';
COMMENT ON COLUMN billing.usage_cap_count.cap_id IS 'the cap';
COMMENT ON COLUMN billing.usage_cap_count.period_start IS 'start of the window; -infinity for a cap without windows';
COMMENT ON COLUMN billing.usage_cap_count.quantity IS 'what was used, by the meter''s aggregation';
COMMENT ON COLUMN billing.usage_cap_count.reached_at IS 'end of the cycle whose usage reached the cap, from which its action counts; NULL: not reached';
