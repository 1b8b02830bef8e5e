CREATE TABLE billing.subscription (
	account_id bigint NOT NULL REFERENCES billing.account,
	subscription_id bigint GENERATED ALWAYS AS IDENTITY,
	plan text COLLATE "C" NOT NULL REFERENCES billing.plan,
	region text COLLATE "C" NOT NULL,
	resource text COLLATE "C",
	quantity integer NOT NULL CHECK (quantity >= 1),
	options jsonb NOT NULL,
	fee numeric NOT NULL CHECK (fee >= 0 AND fee < 'Infinity'),
	state text NOT NULL CHECK (state IN ('provisioning', 'active', 'grace', 'suspended', 'released', 'cancelled')),
	since timestamptz NOT NULL,
	anchor timestamptz NOT NULL,
	paid_terms integer NOT NULL CHECK (paid_terms >= 0),
	paid_until timestamptz NOT NULL,
	ended_at timestamptz NOT NULL DEFAULT 'infinity',
	auto_renew boolean NOT NULL,
	renew_at timestamptz,
	renewal_failed_at timestamptz,
	next_plan text COLLATE "C" REFERENCES billing.plan,
	created_at timestamptz NOT NULL,
	PRIMARY KEY (account_id, subscription_id)
);
CREATE INDEX subscription_renews ON billing.subscription (renew_at, account_id) WHERE renew_at IS NOT NULL;
CREATE INDEX subscription_ends ON billing.subscription (paid_until, account_id) WHERE state = 'active' AND paid_until < 'infinity';
COMMENT ON TABLE billing.subscription IS 'plans that accounts hold or have held';
COMMENT ON COLUMN billing.subscription.account_id IS 'the account';
COMMENT ON COLUMN billing.subscription.subscription_id IS 'number of the subscription';
COMMENT ON COLUMN billing.subscription.plan IS 'the plan of the last paid term; that of each term stands in billing.subscription_term';
COMMENT ON COLUMN billing.subscription.region IS 'region that its fee was chosen by';
COMMENT ON COLUMN billing.subscription.resource IS 'the resource whose usage its allowances cover; NULL: all of the account''s';
COMMENT ON COLUMN billing.subscription.quantity IS 'how many pieces';
COMMENT ON COLUMN billing.subscription.options IS 'options as they were chosen last; from when on each holds stands in billing.subscription_options';
COMMENT ON COLUMN billing.subscription.fee IS 'list price of one term of all pieces, by its last order';
COMMENT ON COLUMN billing.subscription.state IS 'provisioning, active, grace, suspended, released or cancelled';
COMMENT ON COLUMN billing.subscription.since IS 'since when it is in that state';
COMMENT ON COLUMN billing.subscription.anchor IS 'start of its first term; every end is counted from it';
COMMENT ON COLUMN billing.subscription.paid_terms IS 'terms that are paid, from the anchor on';
COMMENT ON COLUMN billing.subscription.paid_until IS 'end of the last paid term; infinity: the plan has no end';
COMMENT ON COLUMN billing.subscription.ended_at IS 'from when on it gives nothing any more, whatever is paid: a refund, a cancellation; infinity: it was not ended';
COMMENT ON COLUMN billing.subscription.auto_renew IS 'is a term added the day before its end?';
COMMENT ON COLUMN billing.subscription.renew_at IS 'when it will be renewed; NULL: not by itself';
COMMENT ON COLUMN billing.subscription.renewal_failed_at IS 'when an automatic renewal lacked money; every top-up tries it again; NULL: none waits';
COMMENT ON COLUMN billing.subscription.next_plan IS 'the plan that takes over with the next term; NULL: none';
COMMENT ON COLUMN billing.subscription.created_at IS 'when it was subscribed to';

CREATE TABLE billing.subscription_term (
	account_id bigint NOT NULL,
	subscription_id bigint NOT NULL,
	term integer NOT NULL CHECK (term >= 1),
	plan text COLLATE "C" NOT NULL REFERENCES billing.plan,
	term_start timestamptz NOT NULL,
	term_end timestamptz NOT NULL,
	fee numeric NOT NULL,
	list_price numeric NOT NULL,
	money numeric NOT NULL,
	voucher_amount numeric NOT NULL,
	order_id bigint NOT NULL,
	PRIMARY KEY (account_id, subscription_id, term),
	FOREIGN KEY (account_id, subscription_id) REFERENCES billing.subscription,
	FOREIGN KEY (account_id, order_id) REFERENCES billing.purchase,
	CHECK (term_start < term_end)
);
COMMENT ON TABLE billing.subscription_term IS 'terms that were paid, [term_start, term_end), one following the other from the anchor on';
COMMENT ON COLUMN billing.subscription_term.account_id IS 'the account';
COMMENT ON COLUMN billing.subscription_term.subscription_id IS 'the subscription';
COMMENT ON COLUMN billing.subscription_term.term IS 'number of the term, from 1';
COMMENT ON COLUMN billing.subscription_term.plan IS 'its plan, after upgrades';
COMMENT ON COLUMN billing.subscription_term.term_start IS 'its start';
COMMENT ON COLUMN billing.subscription_term.term_end IS 'its end, exclusive';
COMMENT ON COLUMN billing.subscription_term.fee IS 'list price of a whole term of its plan, all pieces: what the next upgrade is counted from';
COMMENT ON COLUMN billing.subscription_term.list_price IS 'its share of the list price of its orders, with upgrades';
COMMENT ON COLUMN billing.subscription_term.money IS 'what the wallet paid for it, with upgrades';
COMMENT ON COLUMN billing.subscription_term.voucher_amount IS 'what vouchers paid for it, with upgrades';
COMMENT ON COLUMN billing.subscription_term.order_id IS 'the order that paid it first';

CREATE TABLE billing.subscription_options (
	account_id bigint NOT NULL,
	subscription_id bigint NOT NULL,
	valid_from timestamptz NOT NULL,
	valid_until timestamptz NOT NULL,
	options jsonb NOT NULL CHECK (jsonb_typeof(options) = 'object'),
	plan text COLLATE "C" REFERENCES billing.plan,
	decided_at timestamptz NOT NULL,
	PRIMARY KEY (account_id, subscription_id, valid_from),
	FOREIGN KEY (account_id, subscription_id) REFERENCES billing.subscription,
	CHECK (valid_from < valid_until)
);
COMMENT ON TABLE billing.subscription_options IS 'which options a subscription has from when to when, [valid_from, valid_until), one following the other; what is over never changes';
COMMENT ON COLUMN billing.subscription_options.account_id IS 'the account';
COMMENT ON COLUMN billing.subscription_options.subscription_id IS 'the subscription';
COMMENT ON COLUMN billing.subscription_options.valid_from IS 'from when on, by event_time; -infinity: those that it was bought with';
COMMENT ON COLUMN billing.subscription_options.valid_until IS 'to before when; infinity: until they are changed';
COMMENT ON COLUMN billing.subscription_options.options IS 'the options';
COMMENT ON COLUMN billing.subscription_options.plan IS 'the plan of then, where an upgrade has given the term another one since; NULL: that of the term';
COMMENT ON COLUMN billing.subscription_options.decided_at IS 'when they were chosen; those that it was bought with: when it started';

CREATE TABLE billing.allowance (
	account_id bigint NOT NULL,
	allowance_id bigint GENERATED ALWAYS AS IDENTITY,
	subscription_id bigint NOT NULL,
	term integer NOT NULL,
	meter text COLLATE "C" NOT NULL REFERENCES billing.meter,
	region text COLLATE "C" NOT NULL,
	resource text COLLATE "C",
	size numeric NOT NULL CHECK (size >= 0 AND size < 'Infinity'),
	used numeric NOT NULL DEFAULT 0 CHECK (used BETWEEN 0 AND size),
	valid_from timestamptz NOT NULL,
	valid_until timestamptz NOT NULL,
	PRIMARY KEY (account_id, allowance_id),
	UNIQUE (account_id, subscription_id, term, meter, region),
	FOREIGN KEY (account_id, subscription_id, term) REFERENCES billing.subscription_term
) WITH (fillfactor = 50);	-- every hour updates every row that is open
CREATE INDEX allowance_open ON billing.allowance (account_id, valid_until);
COMMENT ON TABLE billing.allowance IS 'what a term includes of a sum or count meter, and how much of it is used; nothing is carried over';
COMMENT ON COLUMN billing.allowance.account_id IS 'the account';
COMMENT ON COLUMN billing.allowance.allowance_id IS 'number of the allowance';
COMMENT ON COLUMN billing.allowance.subscription_id IS 'the subscription';
COMMENT ON COLUMN billing.allowance.term IS 'its term';
COMMENT ON COLUMN billing.allowance.meter IS 'the meter';
COMMENT ON COLUMN billing.allowance.region IS 'region of the usage that it covers; '''' any';
COMMENT ON COLUMN billing.allowance.resource IS 'the resource whose usage it covers; NULL: all of the account''s';
COMMENT ON COLUMN billing.allowance.size IS 'how much the term includes, with what upgrades added';
COMMENT ON COLUMN billing.allowance.used IS 'how much was deducted from it';
COMMENT ON COLUMN billing.allowance.valid_from IS 'start of the term';
COMMENT ON COLUMN billing.allowance.valid_until IS 'end of the term, or when the subscription was ended before; exclusive';
