CREATE TABLE billing.price_line (
	line_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	meter text COLLATE "C" NOT NULL REFERENCES billing.meter,
	region text COLLATE "C" NOT NULL,
	plan text COLLATE "C" NOT NULL,
	currency text COLLATE "C" NOT NULL REFERENCES billing.currency,
	counter text NOT NULL,
	post text NOT NULL,
	scope text NOT NULL,
	properties jsonb NOT NULL,
	weekdays smallint[] NOT NULL,
	time_from time NOT NULL,
	time_to time NOT NULL,
	greatest_of text COLLATE "C" NOT NULL,
	options jsonb NOT NULL,
	UNIQUE (meter, region, plan, options, currency, counter, post, scope, properties, weekdays, time_from, time_to, greatest_of)
);
COMMENT ON TABLE billing.price_line
	IS 'price rows that take over from one another share a line: what one line of an invoice shows; made when a price is inserted';
COMMENT ON COLUMN billing.price_line.line_id IS 'number of the line';
COMMENT ON COLUMN billing.price_line.meter IS 'what it prices';
COMMENT ON COLUMN billing.price_line.region IS 'region of its price rows; '''' any, all regions without a price of their own in one counter';
COMMENT ON COLUMN billing.price_line.plan IS 'plan of its price rows; '''' any, or none';
COMMENT ON COLUMN billing.price_line.currency IS 'currency of its prices';
COMMENT ON COLUMN billing.price_line.counter IS 'hour, day, month or term: when the tiers start anew';
COMMENT ON COLUMN billing.price_line.post IS 'cycle or counter: when money moves';
COMMENT ON COLUMN billing.price_line.scope IS 'account or resource: what has a counter of its own';
COMMENT ON COLUMN billing.price_line.properties IS 'the properties that its price rows ask for';
COMMENT ON COLUMN billing.price_line.weekdays IS 'the weekdays of its price rows';
COMMENT ON COLUMN billing.price_line.time_from IS 'where the hours of its price rows begin';
COMMENT ON COLUMN billing.price_line.time_to IS 'where they end';
COMMENT ON COLUMN billing.price_line.greatest_of IS 'the group of which only the highest is charged; '''' none';
COMMENT ON COLUMN billing.price_line.options IS 'the options of the plan that its price rows ask for';

CREATE TABLE billing.price (
	price_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	meter text COLLATE "C" NOT NULL REFERENCES billing.meter,
	region text COLLATE "C" NOT NULL DEFAULT '',
	plan text COLLATE "C" NOT NULL DEFAULT '',
	currency text COLLATE "C" NOT NULL REFERENCES billing.currency,
	account_id bigint NOT NULL DEFAULT 0 CONSTRAINT price_account_is_0_or_one_that_there_is CHECK (account_id >= 0),
	valid_from timestamptz NOT NULL DEFAULT '-infinity' CONSTRAINT price_takes_over_at_some_instant CHECK (valid_from < 'infinity'),
	tariff billing.tariff NOT NULL,
	counter text NOT NULL DEFAULT 'month' CONSTRAINT price_counter_is_known CHECK (counter IN ('hour', 'day', 'month', 'term')),
	post text NOT NULL CONSTRAINT price_post_is_known CHECK (post IN ('cycle', 'counter')),
	scope text NOT NULL DEFAULT 'account' CONSTRAINT price_scope_is_known CHECK (scope IN ('account', 'resource')),
	properties jsonb NOT NULL DEFAULT '{}',
	weekdays smallint[] NOT NULL DEFAULT '{1,2,3,4,5,6,7}',
	time_from time NOT NULL DEFAULT '00:00',
	time_to time NOT NULL DEFAULT '24:00',
	greatest_of text COLLATE "C" NOT NULL DEFAULT '',
	tier_basis text NOT NULL DEFAULT 'uncovered' CONSTRAINT price_tier_basis_is_known CHECK (tier_basis IN ('uncovered', 'whole')),
	counter_on_change text NOT NULL DEFAULT 'restart'
		CONSTRAINT price_counter_on_change_is_known CHECK (counter_on_change IN ('restart', 'carry')),
	options jsonb NOT NULL DEFAULT '{}' CONSTRAINT price_options_are_an_object CHECK (jsonb_typeof(options) = 'object'),
	line_id bigint NOT NULL REFERENCES billing.price_line,
	UNIQUE (meter, region, plan, options, currency, account_id, valid_from, properties, weekdays, time_from, time_to)
);
COMMENT ON TABLE billing.price
	IS 'catalogue: a tariff valid from an instant; the most specific row in force wins: own account before everyone, named plan before any, more options of it, named region before any, then more properties, fewer weekdays, fewer hours';
COMMENT ON COLUMN billing.price.price_id IS 'number of the price, also the source_id of its charges';
COMMENT ON COLUMN billing.price.meter IS 'what it prices';
COMMENT ON COLUMN billing.price.region IS 'region of the usage; '''' any';
COMMENT ON COLUMN billing.price.plan IS 'for usage in a paid term of this plan: of the plans with prices that cover its resource, the one that is for this resource alone, then that of the highest rank; '''' any, or none';
COMMENT ON COLUMN billing.price.currency IS 'for accounts of this currency';
COMMENT ON COLUMN billing.price.account_id IS 'an account''s own price; 0: everyone';
COMMENT ON COLUMN billing.price.valid_from IS 'instant from which it takes over, by event_time; -infinity: from ever';
COMMENT ON COLUMN billing.price.tariff IS 'the tariff, see type billing.tariff; immutable, as the whole row';
COMMENT ON COLUMN billing.price.counter IS 'hour, day or month in the account''s zone, or term of the plan: when the tiers start anew';
COMMENT ON COLUMN billing.price.post
	IS 'cycle: every settlement posts the difference; counter: money moves once, when the counter period closes; default: cycle for graduated prices of sums and counts without a min, and for each; counter for all others';
COMMENT ON COLUMN billing.price.scope IS 'account: one counter for all resources; resource: one for each';
COMMENT ON COLUMN billing.price.properties IS 'for usage whose properties hold all of these, an object of plain values: {"model": "large"}; {} any';
COMMENT ON COLUMN billing.price.weekdays IS 'for usage on these days of the week in the account''s zone, 1 Monday to 7 Sunday';
COMMENT ON COLUMN billing.price.time_from IS 'for usage from this time of the day in the account''s zone';
COMMENT ON COLUMN billing.price.time_to IS 'to before this one; at or before time_from: it runs over midnight';
COMMENT ON COLUMN billing.price.greatest_of IS 'name of a group of prices of which, in one counter period of one account (one resource, where the scope says so), only the highest is charged; '''' none';
COMMENT ON COLUMN billing.price.tier_basis IS 'what decides the tier of usage that no allowance or package covers: uncovered, that usage alone; whole, all usage of the counter period, what is covered first';
COMMENT ON COLUMN billing.price.counter_on_change
	IS 'where it takes over inside a counter period: restart begins a counter of its own, carry goes on from where those of its line before it stand, in the order of valid_from, back to the last that restarted; for meters of aggregation sum and count';
COMMENT ON COLUMN billing.price.options IS 'for usage at a time when the options of that term''s subscription hold all of these: {"by": "traffic"}; {} any';
COMMENT ON COLUMN billing.price.line_id IS 'its line, set when it is inserted';

CREATE TABLE billing.rated_price (
	price_id bigint PRIMARY KEY REFERENCES billing.price
);
COMMENT ON TABLE billing.rated_price IS 'prices that have rated something: they can not be deleted any more';
COMMENT ON COLUMN billing.rated_price.price_id IS 'the price';

CREATE TRIGGER price_fill BEFORE INSERT ON billing.price
	FOR EACH ROW EXECUTE FUNCTION billing._fill_price();
CREATE TRIGGER price_guard BEFORE UPDATE OR DELETE ON billing.price
	FOR EACH ROW EXECUTE FUNCTION billing._guard_catalogue();
CREATE TRIGGER price_change AFTER INSERT ON billing.price
	FOR EACH STATEMENT EXECUTE FUNCTION billing._note_catalogue_change();
