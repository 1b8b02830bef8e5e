-- Partitioned by month of event_time (UTC).  The default partition takes nothing: its two constraints say by
-- their names why a row is refused, which is all that COPY can show.  The time constraints are added by
-- billing.install(), which knows the start.
CREATE TABLE billing.usage (
	-- the last number of all lies in no shard's range
	account_id bigint NOT NULL CONSTRAINT usage_account_id_is_in_range CHECK (account_id < 9223372036854775807),
	meter text COLLATE "C" NOT NULL,
	region text COLLATE "C" NOT NULL DEFAULT '',
	resource text COLLATE "C" NOT NULL DEFAULT '',
	event_time timestamptz NOT NULL DEFAULT now(),
	event_key text COLLATE "C" NOT NULL DEFAULT gen_random_uuid()::text
		CONSTRAINT usage_event_key_has_at_most_1000_bytes CHECK (octet_length(event_key) <= 1000),
	quantity numeric NOT NULL CONSTRAINT usage_quantity_is_finite_and_not_negative CHECK (quantity >= 0 AND quantity < 'Infinity')
		CONSTRAINT usage_quantity_has_at_most_1000_decimals CHECK (scale(quantity) <= 1000),
	properties jsonb,
	arrived integer NOT NULL DEFAULT billing.open_cycle(),
	PRIMARY KEY (account_id, meter, event_key, event_time)
) PARTITION BY RANGE (event_time);
-- Two ways to the rows of a cycle, because one B-tree over all of them costs COPY half as much again: what streams
-- in lies in the order of its hours, so block ranges do; what is late, or far ahead, has an index of its own.  The meter
-- is there for _used_cycle(): hours in which all that happened waits for the end of its day.
CREATE INDEX usage_event_time ON billing.usage USING brin (event_time, meter) WITH (pages_per_range = 32);
CREATE INDEX usage_out_of_step ON billing.usage (billing.cycle_of(arrived, event_time), account_id)
	WHERE NOT billing._in_step(arrived, event_time);
COMMENT ON TABLE billing.usage IS 'what was used, a row for each event; written by INSERT, COPY or billing.record_usage()';
COMMENT ON COLUMN billing.usage.account_id IS 'who used it; an unknown account''s usage is kept until the account exists';
COMMENT ON COLUMN billing.usage.meter IS 'what was used; an unknown meter''s usage is kept until the meter exists';
COMMENT ON COLUMN billing.usage.region IS 'where it was used, for prices by region; '''' none';
COMMENT ON COLUMN billing.usage.resource IS 'the device, domain or address that used it; '''' none';
COMMENT ON COLUMN billing.usage.event_time IS 'when it happened; prices and periods go by it';
COMMENT ON COLUMN billing.usage.event_key IS 'the event''s own key: the same (account_id, meter, event_key, event_time) can not come twice';
COMMENT ON COLUMN billing.usage.quantity IS 'how much, in the meter''s unit; exact';
COMMENT ON COLUMN billing.usage.properties IS 'anything else that the event carries';
COMMENT ON COLUMN billing.usage.arrived
	IS 'the open cycle when it arrived, never set it yourself; the row settles with billing.cycle_of(arrived, event_time): its own hour, or this one if that is later';

CREATE TABLE billing.unrated (
	account_id bigint NOT NULL,
	meter text COLLATE "C" NOT NULL,
	event_key text COLLATE "C" NOT NULL,
	event_time timestamptz NOT NULL,
	cycle integer NOT NULL,
	quantity numeric,
	PRIMARY KEY (account_id, meter, event_key, event_time)
);
COMMENT ON TABLE billing.unrated IS 'settled cycles'' usage that had no account, meter or price; rated once the catalogue knows it';
COMMENT ON COLUMN billing.unrated.account_id IS 'key of the usage row';
COMMENT ON COLUMN billing.unrated.meter IS 'key of the usage row';
COMMENT ON COLUMN billing.unrated.event_key IS 'key of the usage row';
COMMENT ON COLUMN billing.unrated.event_time IS 'key of the usage row';
COMMENT ON COLUMN billing.unrated.cycle IS 'the cycle whose settlement could not rate it';
COMMENT ON COLUMN billing.unrated.quantity IS 'what of it is left to be rated, where a part was deducted; NULL: all of it';

CREATE TABLE billing.level (
	account_id bigint NOT NULL,
	meter text COLLATE "C" NOT NULL,
	region text COLLATE "C" NOT NULL,
	resource text COLLATE "C" NOT NULL,
	day timestamptz NOT NULL,
	event_time timestamptz NOT NULL,
	event_key text COLLATE "C" NOT NULL,
	quantity numeric NOT NULL,
	next_day timestamptz NOT NULL,
	PRIMARY KEY (account_id, meter, region, resource, day)
);
CREATE INDEX level_holds ON billing.level (account_id, meter, next_day) WHERE quantity <> 0;
COMMENT ON TABLE billing.level IS 'of time_weighted meters: the last settled level of each day, so that a window is read from its first day on, not from the beginning';
COMMENT ON COLUMN billing.level.account_id IS 'whose it is';
COMMENT ON COLUMN billing.level.meter IS 'of what';
COMMENT ON COLUMN billing.level.region IS 'where';
COMMENT ON COLUMN billing.level.resource IS 'of which resource';
COMMENT ON COLUMN billing.level.day IS '00:00 UTC of the day';
COMMENT ON COLUMN billing.level.event_time IS 'key of the last usage row of that day; of one instant, the greater event_key';
COMMENT ON COLUMN billing.level.event_key IS 'key of the usage row';
COMMENT ON COLUMN billing.level.quantity IS 'the level that it says';
COMMENT ON COLUMN billing.level.next_day IS 'the next day that has a row; infinity: none, the level holds on';
