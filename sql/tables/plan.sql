CREATE TABLE billing.plan (
	plan text COLLATE "C" PRIMARY KEY CONSTRAINT plan_has_a_name CHECK (plan <> ''),
	product text COLLATE "C" NOT NULL DEFAULT '',
	currency text COLLATE "C" NOT NULL REFERENCES billing.currency,
	fee numeric NOT NULL CONSTRAINT plan_fee_is_finite_and_not_negative CHECK (fee >= 0 AND fee < 'Infinity'),
	term interval CONSTRAINT plan_term_is_hours_or_days_or_months 
		CHECK (term > interval '0' AND term <= interval '100 years' AND (term = date_trunc('month', term)
			OR extract(epoch FROM date_trunc('month', term)) = 0 AND (term = date_trunc('day', term) OR extract(day FROM term) = 0 AND term = date_trunc('hour', term)))),
	month_end text NOT NULL DEFAULT 'clamp' CONSTRAINT plan_month_end_is_known CHECK (month_end IN ('clamp', 'spill', 'days 30')),
	starts text NOT NULL DEFAULT 'now' CONSTRAINT plan_starts_is_known CHECK (starts IN ('now', 'day', 'month')),
	renewable boolean NOT NULL DEFAULT true,
	rank integer NOT NULL DEFAULT 0,
	downgrade text NOT NULL DEFAULT 'refuse' CONSTRAINT plan_downgrade_is_known CHECK (downgrade IN ('refuse', 'next term')),
	refund text NOT NULL DEFAULT 'none' CONSTRAINT plan_refund_is_known CHECK (refund IN ('none', 'full', 'prorated', 'used value')),
	refund_days integer CONSTRAINT plan_refund_days_are_not_negative CHECK (refund_days >= 0),
	refund_unused boolean NOT NULL DEFAULT false,
	refund_again text CONSTRAINT plan_refund_again_is_known CHECK (refund_again IN ('none', 'prorated', 'used value')),
	min_terms integer NOT NULL DEFAULT 1 CONSTRAINT plan_min_terms_are_1_or_more CHECK (min_terms >= 1),
	max_terms integer NOT NULL DEFAULT 36 CONSTRAINT plan_max_terms_are_up_to_1200 CHECK (max_terms BETWEEN min_terms AND 1200),
	provisioned boolean NOT NULL DEFAULT false,
	change_share text NOT NULL DEFAULT 'term' CONSTRAINT plan_change_share_is_known CHECK (change_share IN ('term', '365/12')),
	change_days text NOT NULL DEFAULT 'one end' CONSTRAINT plan_change_days_are_known CHECK (change_days IN ('one end', 'both ends')),
	change_rounding text NOT NULL DEFAULT 'half up' CONSTRAINT plan_change_rounding_is_known CHECK (change_rounding IN ('half up', 'down')),
	expiry_policy text COLLATE "C",
	overdue_policy text COLLATE "C",
	CONSTRAINT plan_without_end_costs_nothing CHECK (term IS NOT NULL OR fee = 0 AND starts = 'now'),
	CONSTRAINT plan_change_share_of_months_is_for_terms_of_months CHECK (change_share = 'term' OR coalesce(term >= interval '1 month', false))
);
COMMENT ON TABLE billing.plan IS 'catalogue: what can be subscribed to, for a fee a term';
COMMENT ON COLUMN billing.plan.plan IS 'name of the plan';
COMMENT ON COLUMN billing.plan.product IS 'plans of one product can be changed into one another; vouchers may ask for it';
COMMENT ON COLUMN billing.plan.currency IS 'currency of the fee; billing.plan_price may give others';
COMMENT ON COLUMN billing.plan.fee IS 'list price of one term of one piece';
COMMENT ON COLUMN billing.plan.term IS 'length of a term, in hours or days or months: 1 month; NULL: it has no end';
COMMENT ON COLUMN billing.plan.month_end IS 'what a month that lacks the first day''s number does: clamp, spill or days 30; see billing.term_end()';
COMMENT ON COLUMN billing.plan.starts IS 'where the first term starts: now (the second of purchase), day (00:00 of that day) or month (00:00 of its first)';
COMMENT ON COLUMN billing.plan.renewable IS 'false: a trial, which ends';
COMMENT ON COLUMN billing.plan.rank IS 'of two plans of a product, the one with the higher rank is the upgrade';
COMMENT ON COLUMN billing.plan.downgrade IS 'to a plan of lower rank: refuse, or with the next term';
COMMENT ON COLUMN billing.plan.refund IS 'what a refund gives back: none, full, prorated (the days that are left), used value (what was paid less the list price of what was used)';
COMMENT ON COLUMN billing.plan.refund_days IS 'a refund is asked for within so many days of the first term''s start; NULL: at any time';
COMMENT ON COLUMN billing.plan.refund_unused IS 'a refund needs the allowances to be unused, up to plan_allowance.refund_up_to';
COMMENT ON COLUMN billing.plan.refund_again IS 'what further refunds of the plan, or of another of its product, give back to an account that had one: none, prorated, used value; NULL: the same as the first';
COMMENT ON COLUMN billing.plan.min_terms IS 'fewest terms of a first purchase';
COMMENT ON COLUMN billing.plan.max_terms IS 'most terms of one order';
COMMENT ON COLUMN billing.plan.provisioned IS 'true: the subscription waits for billing.activate_resource(), and its first term starts then';
COMMENT ON COLUMN billing.plan.change_share IS 'what an upgrade, or options that cost more, are charged: the share that is left of each term, or the difference of a month times the days that are left / (365/12)';
COMMENT ON COLUMN billing.plan.change_days IS 'which days are left, in the account''s zone: one end (that of the change, not that of the end) or both ends (that of the last second, too)';
COMMENT ON COLUMN billing.plan.change_rounding IS 'how that is rounded to the currency''s decimals: half up or down';
COMMENT ON COLUMN billing.plan.expiry_policy IS 'lifecycle policy of its end; NULL: it just ends';
COMMENT ON COLUMN billing.plan.overdue_policy IS 'lifecycle policy for an overdue account; NULL: the account''s own';

CREATE TABLE billing.plan_option (
	plan text COLLATE "C" NOT NULL REFERENCES billing.plan,
	option text COLLATE "C" NOT NULL CONSTRAINT plan_option_has_a_name CHECK (option <> ''),
	unit text NOT NULL DEFAULT '',
	choices jsonb CONSTRAINT plan_option_choices_are_texts_numbers_or_booleans
		CHECK (jsonb_typeof(choices) = 'array' AND choices <> '[]' AND NOT jsonb_path_exists(choices, 'strict $[*] ? (@.type() == "array" || @.type() == "object" || @.type() == "null")', '{}', true)),
	least numeric NOT NULL DEFAULT 0 CONSTRAINT plan_option_least_is_finite_and_not_negative CHECK (least >= 0 AND least < 'Infinity'),
	most numeric CONSTRAINT plan_option_most_is_finite_and_from_least_on CHECK (most >= least AND most < 'Infinity'),
	step numeric CONSTRAINT plan_option_step_is_finite_and_above_0 CHECK (step > 0 AND step < 'Infinity'),
	required boolean NOT NULL DEFAULT false,
	changes text NOT NULL DEFAULT 'never' CONSTRAINT plan_option_changes_are_known CHECK (changes IN ('never', 'increase', 'at once', 'after charge', 'next day')),
	at_least text COLLATE "C" CONSTRAINT plan_option_is_at_least_another CHECK (at_least <> option),
	PRIMARY KEY (plan, option),
	FOREIGN KEY (plan, at_least) REFERENCES billing.plan_option,
	CONSTRAINT plan_option_that_is_compared_is_a_number CHECK (changes <> 'increase' AND at_least IS NULL OR choices IS NULL
		OR NOT jsonb_path_exists(choices, '$[*] ? (@.type() != "number")')),
	CONSTRAINT plan_option_that_another_switches_off_is_not_required CHECK (at_least IS NULL OR NOT required)
);
COMMENT ON TABLE billing.plan_option IS 'catalogue: which options a plan knows, and how each may be changed while it runs; one that has a fee has rows in billing.plan_price';
COMMENT ON COLUMN billing.plan_option.plan IS 'the plan';
COMMENT ON COLUMN billing.plan_option.option IS 'name of the option';
COMMENT ON COLUMN billing.plan_option.unit IS 'unit of its numbers, shown to people';
COMMENT ON COLUMN billing.plan_option.choices IS 'its values, an array of texts, numbers or booleans; NULL: any number from least to most';
COMMENT ON COLUMN billing.plan_option.least IS 'least number, where there are no choices';
COMMENT ON COLUMN billing.plan_option.most IS 'greatest number; NULL: none';
COMMENT ON COLUMN billing.plan_option.step IS 'numbers go up from least by this; NULL: any';
COMMENT ON COLUMN billing.plan_option.required IS 'false: it may be left out or switched off';
COMMENT ON COLUMN billing.plan_option.changes
	IS 'never; increase (at once, and never down); at once; after charge (at once, or with the next day of the account if usage that it decides about was charged on this one); next day';
COMMENT ON COLUMN billing.plan_option.at_least IS 'another option of the plan, a number: this one is not less, and is switched off when that one is raised above it; NULL: none';

CREATE TABLE billing.plan_price (
	plan text COLLATE "C" NOT NULL REFERENCES billing.plan,
	region text COLLATE "C" NOT NULL DEFAULT '',
	options jsonb NOT NULL DEFAULT '{}' CONSTRAINT plan_price_options_are_an_object CHECK (jsonb_typeof(options) = 'object'),
	currency text COLLATE "C" NOT NULL REFERENCES billing.currency,
	valid_from timestamptz NOT NULL DEFAULT '-infinity',
	fee numeric NOT NULL CONSTRAINT plan_price_fee_is_finite_and_not_negative CHECK (fee >= 0 AND fee < 'Infinity'),
	PRIMARY KEY (plan, region, options, currency, valid_from)
);
COMMENT ON TABLE billing.plan_price IS 'catalogue: a plan''s fee where it depends on region, options, currency or time; the row with more options wins, then a named region, then the latest';
COMMENT ON COLUMN billing.plan_price.plan IS 'the plan';
COMMENT ON COLUMN billing.plan_price.region IS 'region of the subscription; '''' any';
COMMENT ON COLUMN billing.plan_price.options IS 'for subscriptions whose options hold all of these';
COMMENT ON COLUMN billing.plan_price.currency IS 'for accounts of this currency';
COMMENT ON COLUMN billing.plan_price.valid_from IS 'for orders from this instant on';
COMMENT ON COLUMN billing.plan_price.fee IS 'list price of one term of one piece';

CREATE TABLE billing.plan_discount (
	plan text COLLATE "C" NOT NULL REFERENCES billing.plan,
	min_terms integer NOT NULL CONSTRAINT plan_discount_min_terms_are_1_or_more CHECK (min_terms >= 1),
	discount numeric NOT NULL CONSTRAINT plan_discount_is_a_share CHECK (discount >= 0 AND discount <= 1),
	PRIMARY KEY (plan, min_terms)
);
COMMENT ON TABLE billing.plan_discount IS 'catalogue: what an order of many terms is cheaper by; the row with the most min_terms that the order reaches counts';
COMMENT ON COLUMN billing.plan_discount.plan IS 'the plan';
COMMENT ON COLUMN billing.plan_discount.min_terms IS 'for orders of at least so many terms';
COMMENT ON COLUMN billing.plan_discount.discount IS 'share of the list price: 0.15 is 15 % off';

CREATE TABLE billing.plan_allowance (
	plan text COLLATE "C" NOT NULL REFERENCES billing.plan,
	meter text COLLATE "C" NOT NULL REFERENCES billing.meter,
	region text COLLATE "C" NOT NULL DEFAULT '',
	quantity numeric NOT NULL CONSTRAINT plan_allowance_quantity_is_finite_and_not_negative CHECK (quantity >= 0 AND quantity < 'Infinity'),
	mode text NOT NULL DEFAULT 'subtract' CONSTRAINT plan_allowance_mode_is_known CHECK (mode IN ('subtract', 'threshold')),
	base_option text COLLATE "C",
	cap_option text COLLATE "C",
	over_cap text NOT NULL DEFAULT 'clip' CONSTRAINT plan_allowance_over_cap_is_known CHECK (over_cap IN ('clip', 'free')),
	refund_up_to numeric NOT NULL DEFAULT 0 CONSTRAINT plan_allowance_refund_up_to_is_finite_and_not_negative CHECK (refund_up_to >= 0 AND refund_up_to < 'Infinity'),
	PRIMARY KEY (plan, meter, region),
	FOREIGN KEY (plan, base_option) REFERENCES billing.plan_option,
	FOREIGN KEY (plan, cap_option) REFERENCES billing.plan_option,
	CONSTRAINT plan_allowance_has_one_base CHECK (base_option IS NULL OR quantity = 0)
);
COMMENT ON TABLE billing.plan_allowance IS 'catalogue: what a term of a plan includes';
COMMENT ON COLUMN billing.plan_allowance.plan IS 'the plan';
COMMENT ON COLUMN billing.plan_allowance.meter IS 'the meter';
COMMENT ON COLUMN billing.plan_allowance.region IS 'region of the usage; '''' any';
COMMENT ON COLUMN billing.plan_allowance.quantity IS 'how much a term of one piece includes, in the meter''s unit';
COMMENT ON COLUMN billing.plan_allowance.mode
	IS 'subtract: usage is deducted from it; of a max meter, it is the base, and the peak less it is charged. threshold: of a max meter, a peak above the base is charged as a whole';
COMMENT ON COLUMN billing.plan_allowance.base_option IS 'of a max meter: the option whose number in force at a sample''s time is the base, in place of quantity; NULL: quantity is';
COMMENT ON COLUMN billing.plan_allowance.cap_option IS 'of a max meter: the option whose number in force is the cap; while it is switched off nothing is charged; NULL: there is no cap';
COMMENT ON COLUMN billing.plan_allowance.over_cap IS 'a peak above the cap: clip (it counts as the cap) or free (nothing is charged in its counter period)';
COMMENT ON COLUMN billing.plan_allowance.refund_up_to IS 'a plan with no more than this used counts as unused when a refund is asked for';

CREATE TRIGGER plan_check BEFORE INSERT OR UPDATE ON billing.plan
	FOR EACH ROW EXECUTE FUNCTION billing._check_plan_policies();
CREATE TRIGGER plan_guard BEFORE UPDATE OR DELETE ON billing.plan
	FOR EACH ROW EXECUTE FUNCTION billing._guard_plan();
CREATE TRIGGER plan_option_check BEFORE INSERT OR UPDATE ON billing.plan_option
	FOR EACH ROW EXECUTE FUNCTION billing._check_plan_option();
CREATE TRIGGER plan_option_guard BEFORE INSERT OR UPDATE OR DELETE ON billing.plan_option
	FOR EACH ROW EXECUTE FUNCTION billing._guard_plan();
CREATE TRIGGER plan_price_guard BEFORE UPDATE OR DELETE ON billing.plan_price
	FOR EACH ROW EXECUTE FUNCTION billing._guard_plan();
CREATE TRIGGER plan_discount_guard BEFORE UPDATE OR DELETE ON billing.plan_discount
	FOR EACH ROW EXECUTE FUNCTION billing._guard_plan();
CREATE TRIGGER plan_allowance_meter BEFORE INSERT OR UPDATE ON billing.plan_allowance
	FOR EACH ROW EXECUTE FUNCTION billing._check_prepaid_meter();
CREATE TRIGGER plan_allowance_check BEFORE INSERT OR UPDATE ON billing.plan_allowance
	FOR EACH ROW EXECUTE FUNCTION billing._check_plan_allowance();
CREATE TRIGGER plan_allowance_guard BEFORE INSERT OR UPDATE OR DELETE ON billing.plan_allowance
	FOR EACH ROW EXECUTE FUNCTION billing._guard_plan();
