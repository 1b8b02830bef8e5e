CREATE TABLE billing.plan_option_price (
	plan text COLLATE "C" NOT NULL,
	option text COLLATE "C" NOT NULL,
	region text COLLATE "C" NOT NULL DEFAULT '',
	currency text COLLATE "C" NOT NULL REFERENCES billing.currency,
	valid_from timestamptz NOT NULL DEFAULT '-infinity',
	included numeric NOT NULL DEFAULT 0 CONSTRAINT plan_option_price_included_is_finite_and_not_negative CHECK (included >= 0 AND included < 'Infinity'),
	block numeric NOT NULL DEFAULT 1 CONSTRAINT plan_option_price_block_is_finite_and_above_0 CHECK (block > 0 AND block < 'Infinity'),
	fee numeric NOT NULL CONSTRAINT plan_option_price_fee_is_finite_and_not_negative CHECK (fee >= 0 AND fee < 'Infinity'),
	PRIMARY KEY (plan, option, region, currency, valid_from),
	FOREIGN KEY (plan, option) REFERENCES billing.plan_option
);
COMMENT ON TABLE billing.plan_option_price IS 'catalogue: what the number of an option adds to a plan''s fee; a named region wins, then the latest';
COMMENT ON COLUMN billing.plan_option_price.plan IS 'the plan';
COMMENT ON COLUMN billing.plan_option_price.option IS 'the option, whose choices, if it has any, are numbers';
COMMENT ON COLUMN billing.plan_option_price.region IS 'region of the subscription; '''' any';
COMMENT ON COLUMN billing.plan_option_price.currency IS 'for accounts of this currency';
COMMENT ON COLUMN billing.plan_option_price.valid_from IS 'for orders from this instant on';
COMMENT ON COLUMN billing.plan_option_price.included IS 'so much of it costs nothing';
COMMENT ON COLUMN billing.plan_option_price.block IS 'of the rest so much costs the fee, a started block all of it';
COMMENT ON COLUMN billing.plan_option_price.fee IS 'list price of a block, for one term of one piece';

CREATE TRIGGER plan_option_price_check BEFORE INSERT OR UPDATE ON billing.plan_option_price
	FOR EACH ROW EXECUTE FUNCTION billing._check_option_price();
CREATE TRIGGER plan_price_check BEFORE INSERT OR UPDATE ON billing.plan_price
	FOR EACH ROW EXECUTE FUNCTION billing._check_option_price();
CREATE TRIGGER plan_option_price_guard BEFORE UPDATE OR DELETE ON billing.plan_option_price
	FOR EACH ROW EXECUTE FUNCTION billing._guard_plan();
