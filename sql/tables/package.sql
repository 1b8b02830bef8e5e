CREATE TABLE billing.package_offer (
	offer text COLLATE "C" NOT NULL CONSTRAINT package_offer_has_a_name CHECK (offer <> ''),
	meter text COLLATE "C" NOT NULL REFERENCES billing.meter,
	size numeric NOT NULL CONSTRAINT package_offer_size_is_above_0 CHECK (size > 0 AND size < 'Infinity'),
	term interval NOT NULL CONSTRAINT package_offer_term_is_hours_or_days_or_months 
		CHECK (term > interval '0' AND term <= interval '100 years' AND (term = date_trunc('month', term)
			OR extract(epoch FROM date_trunc('month', term)) = 0 AND (term = date_trunc('day', term) OR extract(day FROM term) = 0 AND term = date_trunc('hour', term)))),
	price numeric NOT NULL CONSTRAINT package_offer_price_is_finite_and_not_negative CHECK (price >= 0 AND price < 'Infinity'),
	currency text COLLATE "C" NOT NULL REFERENCES billing.currency,
	valid_from timestamptz NOT NULL DEFAULT '-infinity',
	withdrawn boolean NOT NULL DEFAULT false,
	product text COLLATE "C" NOT NULL DEFAULT '',
	regions text[] COLLATE "C",
	max_resources integer CONSTRAINT package_offer_max_resources_are_1_or_more CHECK (max_resources >= 1),
	stackable boolean NOT NULL DEFAULT true,
	requires_plan text[] COLLATE "C",
	auto_renew_discount numeric NOT NULL DEFAULT 0 CONSTRAINT package_offer_auto_renew_discount_is_a_share CHECK (auto_renew_discount >= 0 AND auto_renew_discount <= 1),
	auto_renew_price numeric CONSTRAINT package_offer_auto_renew_price_is_finite_and_not_negative CHECK (auto_renew_price >= 0 AND auto_renew_price < 'Infinity'),
	auto_renew_scope text NOT NULL DEFAULT 'type' CONSTRAINT package_offer_auto_renew_scope_is_known CHECK (auto_renew_scope IN ('type', 'package')),
	auto_renew_on text NOT NULL DEFAULT 'exhaustion' CONSTRAINT package_offer_auto_renew_on_is_known CHECK (auto_renew_on IN ('exhaustion', 'expiry')),
	cut_off boolean NOT NULL DEFAULT false,
	refund_price numeric CONSTRAINT package_offer_refund_price_is_finite_and_not_negative CHECK (refund_price >= 0 AND refund_price < 'Infinity'),
	month_end text NOT NULL DEFAULT 'clamp' CONSTRAINT package_offer_month_end_is_known CHECK (month_end IN ('clamp', 'spill', 'days 30')),
	starts text NOT NULL DEFAULT 'now' CONSTRAINT package_offer_starts_is_known CHECK (starts IN ('now', 'day', 'month')),
	priority integer NOT NULL DEFAULT 0,
	low_at numeric,
	expiry_policy text COLLATE "C",
	CONSTRAINT package_offer_low_at_is_below_its_size CHECK (low_at > 0 AND low_at < size),
	PRIMARY KEY (offer, currency, valid_from)
);
COMMENT ON TABLE billing.package_offer IS 'catalogue: prepaid packages that can be bought; of one offer and currency the latest row in force counts';
COMMENT ON COLUMN billing.package_offer.offer IS 'name of the offer';
COMMENT ON COLUMN billing.package_offer.meter IS 'its type: the meter whose usage it takes, and whose unit its size is in';
COMMENT ON COLUMN billing.package_offer.size IS 'how much a package holds';
COMMENT ON COLUMN billing.package_offer.term IS 'how long it is valid, in hours or days or months: 12 months';
COMMENT ON COLUMN billing.package_offer.price IS 'list price of one';
COMMENT ON COLUMN billing.package_offer.currency IS 'currency of the price: it is sold to accounts of this currency';
COMMENT ON COLUMN billing.package_offer.valid_from IS 'for orders from this instant on';
COMMENT ON COLUMN billing.package_offer.withdrawn IS 'true: from valid_from on it is not sold any more, nor renewed';
COMMENT ON COLUMN billing.package_offer.product IS 'vouchers may ask for it';
COMMENT ON COLUMN billing.package_offer.regions IS 'regions that a package of it may be bought for; NULL: it covers any region, and names none';
COMMENT ON COLUMN billing.package_offer.max_resources IS 'it covers bound resources only, at most so many; NULL: it needs no binding';
COMMENT ON COLUMN billing.package_offer.stackable IS 'false: a resource has one such package at a time';
COMMENT ON COLUMN billing.package_offer.requires_plan IS 'plans of which the account needs an active one, to buy it and to use it; NULL: none';
COMMENT ON COLUMN billing.package_offer.auto_renew_discount IS 'share off the price, of the purchase with automatic renewal and of each renewal: 0.05 is 5 %';
COMMENT ON COLUMN billing.package_offer.auto_renew_price IS 'the price in place of the discounted one, where printed prices follow no rule; NULL: the discounted one';
COMMENT ON COLUMN billing.package_offer.auto_renew_scope IS 'type: of the packages of one meter one renews itself; package: each may';
COMMENT ON COLUMN billing.package_offer.auto_renew_on IS 'exhaustion: when it is used up or at its end, whichever is first; expiry: at its end only';
COMMENT ON COLUMN billing.package_offer.refund_price IS 'a package that was used is refunded less this for each unit used; NULL: only unused ones are refunded';
COMMENT ON COLUMN billing.package_offer.cut_off IS 'true: when it is over its resources are restricted, in place of being billed; it can not renew itself';
COMMENT ON COLUMN billing.package_offer.month_end IS 'what a month that lacks the first day''s number does: clamp, spill or days 30';
COMMENT ON COLUMN billing.package_offer.starts IS 'where its validity starts: now (the second of purchase), day (00:00 of that day) or month (00:00 of its first)';
COMMENT ON COLUMN billing.package_offer.priority IS 'higher is deducted from first, before the nearest end';
COMMENT ON COLUMN billing.package_offer.low_at IS 'a notice is written once no more than this is left of a package; billing.set_low_package() sets it for one; NULL: none is';
COMMENT ON COLUMN billing.package_offer.expiry_policy IS 'lifecycle policy of the end of its packages, of notices only, such as package; NULL: nobody is told';

CREATE TABLE billing.package_coverage (
	offer text COLLATE "C" NOT NULL,
	meter text COLLATE "C" NOT NULL REFERENCES billing.meter,
	region text COLLATE "C" NOT NULL DEFAULT '',
	factor numeric NOT NULL DEFAULT 1 CONSTRAINT package_coverage_factor_is_above_0 CHECK (factor > 0 AND factor < 'Infinity'),
	PRIMARY KEY (offer, meter, region)
);
COMMENT ON TABLE billing.package_coverage IS 'catalogue: what packages of an offer cover, where that is more than their own meter one to one; a named region wins over any';
COMMENT ON COLUMN billing.package_coverage.offer IS 'the offer';
COMMENT ON COLUMN billing.package_coverage.meter IS 'a meter that it covers';
COMMENT ON COLUMN billing.package_coverage.region IS 'region of the usage; '''' any';
COMMENT ON COLUMN billing.package_coverage.factor IS 'how much of the package one unit of usage takes: 1.8';

CREATE TRIGGER package_offer_meter BEFORE INSERT OR UPDATE ON billing.package_offer
	FOR EACH ROW EXECUTE FUNCTION billing._check_prepaid_meter();
CREATE TRIGGER package_coverage_meter BEFORE INSERT OR UPDATE ON billing.package_coverage
	FOR EACH ROW EXECUTE FUNCTION billing._check_prepaid_meter();
CREATE TRIGGER package_offer_check BEFORE INSERT OR UPDATE ON billing.package_offer
	FOR EACH ROW EXECUTE FUNCTION billing._check_offer();
CREATE TRIGGER package_offer_guard BEFORE UPDATE OR DELETE ON billing.package_offer
	FOR EACH ROW EXECUTE FUNCTION billing._guard_offer();
CREATE TRIGGER package_coverage_guard BEFORE INSERT OR UPDATE OR DELETE ON billing.package_coverage
	FOR EACH ROW EXECUTE FUNCTION billing._guard_offer();

CREATE TABLE billing.package (
	account_id bigint NOT NULL REFERENCES billing.account,
	package_id bigint GENERATED ALWAYS AS IDENTITY,
	offer text COLLATE "C" NOT NULL,
	meter text COLLATE "C" NOT NULL REFERENCES billing.meter,
	region text COLLATE "C" NOT NULL,
	size numeric NOT NULL CHECK (size > 0 AND size < 'Infinity'),
	used numeric NOT NULL DEFAULT 0 CHECK (used BETWEEN 0 AND size),
	term interval NOT NULL,
	month_end text NOT NULL,
	valid_from timestamptz NOT NULL,
	valid_until timestamptz NOT NULL,
	state text NOT NULL CHECK (state IN ('pending', 'active', 'exhausted', 'expired', 'refunded')),
	auto_renew boolean NOT NULL,
	price_paid numeric NOT NULL,
	voucher_paid numeric NOT NULL,
	order_id bigint NOT NULL,
	renews bigint,
	took_flag boolean NOT NULL DEFAULT false,
	requires_plan text[] COLLATE "C",
	max_resources integer,
	auto_renew_on text NOT NULL,
	cut_off boolean NOT NULL,
	refund_price numeric,
	refunded_used numeric,
	priority integer NOT NULL,
	low_at numeric CHECK (low_at > 0 AND low_at < size),
	bought_at timestamptz NOT NULL,
	PRIMARY KEY (account_id, package_id),
	FOREIGN KEY (account_id, order_id) REFERENCES billing.purchase,
	FOREIGN KEY (account_id, renews) REFERENCES billing.package,
	CHECK (valid_from < valid_until),
	CHECK (renews IS NOT NULL OR NOT took_flag),
	-- settling knows it by name: it tries again without a package that was refunded meanwhile
	CONSTRAINT package_refunded_is_unused CHECK (state <> 'refunded' OR used = refunded_used),
	CHECK ((state = 'refunded') = (refunded_used IS NOT NULL))
) WITH (fillfactor = 70);
-- not for unused ones alone: an index that knows `used` would make every deduction rewrite all indexes
CREATE INDEX package_valid ON billing.package (account_id, valid_until);
CREATE INDEX package_ends ON billing.package (valid_until, account_id) WHERE state = 'active';
CREATE INDEX package_renews_at_end ON billing.package (valid_until, account_id) WHERE state = 'exhausted' AND auto_renew AND auto_renew_on = 'expiry';
CREATE INDEX package_starts ON billing.package (valid_from, account_id) WHERE state = 'pending';
CREATE INDEX package_renews ON billing.package (account_id) WHERE auto_renew;
CREATE INDEX package_low ON billing.package (account_id) WHERE low_at IS NOT NULL AND state IN ('pending', 'active');
COMMENT ON TABLE billing.package IS 'prepaid packages that accounts hold or have held';
COMMENT ON COLUMN billing.package.account_id IS 'the account';
COMMENT ON COLUMN billing.package.package_id IS 'number of the package';
COMMENT ON COLUMN billing.package.offer IS 'its offer';
COMMENT ON COLUMN billing.package.meter IS 'its type: the meter whose unit its size is in';
COMMENT ON COLUMN billing.package.region IS 'the region whose usage it covers; '''' any';
COMMENT ON COLUMN billing.package.size IS 'how much it held';
COMMENT ON COLUMN billing.package.used IS 'how much was deducted from it';
COMMENT ON COLUMN billing.package.term IS 'how long it is valid; one that renews it is valid as long';
COMMENT ON COLUMN billing.package.month_end IS 'what a month that lacks the first day''s number does';
COMMENT ON COLUMN billing.package.valid_from IS 'start of its validity: usage from then on is deducted';
COMMENT ON COLUMN billing.package.valid_until IS 'end of its validity, exclusive';
COMMENT ON COLUMN billing.package.state IS 'pending (not valid yet), active, exhausted, expired or refunded';
COMMENT ON COLUMN billing.package.auto_renew IS 'is it renewed when it is used up, or ends?';
COMMENT ON COLUMN billing.package.price_paid IS 'what the wallet paid for it';
COMMENT ON COLUMN billing.package.voucher_paid IS 'what a voucher paid for it';
COMMENT ON COLUMN billing.package.order_id IS 'the order that it was bought by';
COMMENT ON COLUMN billing.package.renews IS 'the package that it takes over from, when that is used up or ends; NULL: none';
COMMENT ON COLUMN billing.package.took_flag IS 'did that package give it its automatic renewal? it gets it back if this one is refunded before it starts';
COMMENT ON COLUMN billing.package.requires_plan IS 'plans of which one must be active for it to be deducted from; NULL: none';
COMMENT ON COLUMN billing.package.max_resources IS 'it covers bound resources only, at most so many; NULL: it needs no binding';
COMMENT ON COLUMN billing.package.auto_renew_on IS 'exhaustion: it is renewed when it is used up or at its end; expiry: at its end only';
COMMENT ON COLUMN billing.package.refund_price IS 'what a refund keeps for each unit used; NULL: it is refunded only while it is unused';
COMMENT ON COLUMN billing.package.refunded_used IS 'how much was used of it when it was refunded, since when nothing is deducted from it; NULL: it was not refunded';
COMMENT ON COLUMN billing.package.cut_off IS 'when it is over its resources are restricted, in place of being billed';
COMMENT ON COLUMN billing.package.priority IS 'higher is deducted from first';
COMMENT ON COLUMN billing.package.low_at IS 'a notice is written once no more than this is left of it; NULL: none is';
COMMENT ON COLUMN billing.package.bought_at IS 'when it was bought';

CREATE TABLE billing.package_resource (
	account_id bigint NOT NULL,
	package_id bigint NOT NULL,
	resource text COLLATE "C" NOT NULL,
	bound_at timestamptz NOT NULL,
	PRIMARY KEY (account_id, package_id, resource),
	FOREIGN KEY (account_id, package_id) REFERENCES billing.package
);
COMMENT ON TABLE billing.package_resource IS 'resources that a package is bound to; they stay to its end';
COMMENT ON COLUMN billing.package_resource.account_id IS 'the account';
COMMENT ON COLUMN billing.package_resource.package_id IS 'the package';
COMMENT ON COLUMN billing.package_resource.resource IS 'the resource';
COMMENT ON COLUMN billing.package_resource.bound_at IS 'from when on its usage is deducted';
