CREATE TABLE billing.shard (
	shard integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	account_from bigint NOT NULL,
	account_to bigint NOT NULL,
	settled_through integer NOT NULL,
	timers_through integer NOT NULL,
	days_through timestamptz NOT NULL,
	retry boolean NOT NULL DEFAULT false,
	CHECK (account_from < account_to)
);
COMMENT ON TABLE billing.shard IS 'account ranges that settle together; a settler locks the row of the one that it settles';
COMMENT ON COLUMN billing.shard.shard IS 'number of the shard';
COMMENT ON COLUMN billing.shard.account_from IS 'first account of the range';
COMMENT ON COLUMN billing.shard.account_to IS 'first account behind the range';
COMMENT ON COLUMN billing.shard.settled_through IS 'every cycle below this one is settled';
COMMENT ON COLUMN billing.shard.timers_through IS 'every closing of a counter and every invoice that was due up to the start of this cycle is done';
COMMENT ON COLUMN billing.shard.days_through IS 'usage of before that is settled also of meters that are settled by the day';
COMMENT ON COLUMN billing.shard.retry IS 'the catalogue has changed: the next settlement tries the unrated usage again';

CREATE TABLE billing.quarantine (
	account_id bigint PRIMARY KEY,
	from_cycle integer NOT NULL,
	error text NOT NULL,
	error_code text NOT NULL,
	since timestamptz NOT NULL DEFAULT now(),
	tried_through integer NOT NULL
);
COMMENT ON TABLE billing.quarantine IS 'accounts whose settlement fails; the others go on, these are tried again with every cycle';
COMMENT ON COLUMN billing.quarantine.account_id IS 'the account';
COMMENT ON COLUMN billing.quarantine.from_cycle IS 'first cycle that is not settled for it';
COMMENT ON COLUMN billing.quarantine.error IS 'message of the error';
COMMENT ON COLUMN billing.quarantine.error_code IS 'its SQLSTATE';
COMMENT ON COLUMN billing.quarantine.since IS 'when it first failed';
COMMENT ON COLUMN billing.quarantine.tried_through IS 'the drained mark at the last try';

CREATE TABLE billing.settlement (
	settlement_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	cycle integer NOT NULL,
	account_from bigint NOT NULL,
	account_to bigint NOT NULL,
	accounts bigint NOT NULL,
	charges bigint NOT NULL,
	settled_at timestamptz NOT NULL,
	took interval NOT NULL
);
COMMENT ON TABLE billing.settlement IS 'one row for each cycle settled for a range of accounts';
COMMENT ON COLUMN billing.settlement.settlement_id IS 'number of the settlement';
COMMENT ON COLUMN billing.settlement.cycle IS 'the cycle';
COMMENT ON COLUMN billing.settlement.account_from IS 'first account of the range';
COMMENT ON COLUMN billing.settlement.account_to IS 'first account behind the range';
COMMENT ON COLUMN billing.settlement.accounts IS 'accounts whose balance moved';
COMMENT ON COLUMN billing.settlement.charges IS 'charges written';
COMMENT ON COLUMN billing.settlement.settled_at IS 'what the clock said when it began';
COMMENT ON COLUMN billing.settlement.took IS 'how long it took';

CREATE TABLE billing.position (
	account_id bigint NOT NULL,
	line_id bigint NOT NULL,
	period_start timestamptz NOT NULL,
	resource text COLLATE "C" NOT NULL,
	price_id bigint NOT NULL,
	period_end timestamptz NOT NULL,
	quantity numeric NOT NULL,
	covered numeric NOT NULL DEFAULT 0,
	is_over boolean NOT NULL DEFAULT false,
	last_event_time timestamptz,
	last_event_key text COLLATE "C",
	exact_amount numeric NOT NULL,
	posted_amount numeric NOT NULL,
	closes_at timestamptz,
	PRIMARY KEY (account_id, line_id, period_start, resource, price_id)
) WITH (fillfactor = 70);
CREATE INDEX position_closes ON billing.position (closes_at, account_id) WHERE closes_at IS NOT NULL;
COMMENT ON TABLE billing.position
	IS 'running totals of a position (account, price line, counter period and, where the price''s scope says so, resource), one row for each price that was in force in it';
COMMENT ON COLUMN billing.position.account_id IS 'the account';
COMMENT ON COLUMN billing.position.line_id IS 'the price line';
COMMENT ON COLUMN billing.position.period_start IS 'start of the counter period';
COMMENT ON COLUMN billing.position.resource IS 'the resource where the scope is resource, else ''''';
COMMENT ON COLUMN billing.position.price_id IS 'the price that was in force';
COMMENT ON COLUMN billing.position.period_end IS 'end of the counter period';
COMMENT ON COLUMN billing.position.quantity IS 'quantity so far, by the meter''s aggregation';
COMMENT ON COLUMN billing.position.covered IS 'of a price by the whole usage: what allowances and packages have covered, which counts for its tier';
COMMENT ON COLUMN billing.position.is_over IS 'a peak was above a cap that makes the counter period free: it costs nothing, whatever the quantity';
COMMENT ON COLUMN billing.position.last_event_time IS 'of a last meter: the event that gave the quantity';
COMMENT ON COLUMN billing.position.last_event_key IS 'of a last meter: the event that gave the quantity';
COMMENT ON COLUMN billing.position.exact_amount IS 'the tariff of the quantity, exact';
COMMENT ON COLUMN billing.position.posted_amount IS 'what this row''s settlements posted; a position''s rows add up to the rounded sum of their exact amounts once it is posted';
COMMENT ON COLUMN billing.position.closes_at IS 'when its money moves, for post counter; NULL once it has, and for post cycle';
