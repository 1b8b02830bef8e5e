CREATE TABLE billing.voucher (
	account_id bigint NOT NULL REFERENCES billing.account,
	voucher_id bigint GENERATED ALWAYS AS IDENTITY,
	amount numeric NOT NULL CHECK (amount > 0 AND amount < 'Infinity'),
	remaining numeric NOT NULL CHECK (remaining BETWEEN 0 AND amount),
	min_order numeric NOT NULL CHECK (min_order >= 0 AND min_order < 'Infinity'),
	products text[] COLLATE "C",
	granted_at timestamptz NOT NULL,
	expires_at timestamptz NOT NULL,
	expired_at timestamptz,
	PRIMARY KEY (account_id, voucher_id)
);
CREATE INDEX voucher_expires ON billing.voucher (expires_at, account_id) WHERE expired_at IS NULL AND expires_at < 'infinity';
COMMENT ON TABLE billing.voucher IS 'a balance for orders until it expires; pays a part or all of one, is never refunded';
COMMENT ON COLUMN billing.voucher.account_id IS 'whose it is';
COMMENT ON COLUMN billing.voucher.voucher_id IS 'number of the voucher';
COMMENT ON COLUMN billing.voucher.amount IS 'what was granted';
COMMENT ON COLUMN billing.voucher.remaining IS 'what is left';
COMMENT ON COLUMN billing.voucher.min_order IS 'orders below this do not take it';
COMMENT ON COLUMN billing.voucher.products IS 'plans, products or offers that take it; NULL: all';
COMMENT ON COLUMN billing.voucher.granted_at IS 'when it was granted';
COMMENT ON COLUMN billing.voucher.expires_at IS 'first instant at which it pays nothing any more';
COMMENT ON COLUMN billing.voucher.expired_at IS 'when what was left of it was taken back; NULL: not yet';

CREATE TABLE billing.purchase (
	account_id bigint NOT NULL REFERENCES billing.account,
	order_id bigint GENERATED ALWAYS AS IDENTITY,
	kind text NOT NULL CHECK (kind IN ('purchase', 'renewal', 'upgrade', 'change', 'refund')),
	subject text NOT NULL CHECK (subject IN ('subscription', 'package')),
	subject_id bigint,
	product text COLLATE "C" NOT NULL,
	quantity integer NOT NULL,
	list_price numeric NOT NULL,
	discount numeric NOT NULL,
	tax numeric NOT NULL,
	voucher_id bigint,
	voucher_amount numeric NOT NULL,
	money numeric NOT NULL,
	automatic boolean NOT NULL,
	at timestamptz NOT NULL,
	PRIMARY KEY (account_id, order_id),
	FOREIGN KEY (account_id, voucher_id) REFERENCES billing.voucher,
	CHECK (list_price - discount + tax = voucher_amount + money)
);
COMMENT ON TABLE billing.purchase IS 'orders: every purchase, renewal, upgrade and refund of plans and packages; append only';
COMMENT ON COLUMN billing.purchase.account_id IS 'the account';
COMMENT ON COLUMN billing.purchase.order_id IS 'number of the order';
COMMENT ON COLUMN billing.purchase.kind IS 'purchase, renewal, upgrade, change (of options), refund (amounts are negative)';
COMMENT ON COLUMN billing.purchase.subject IS 'subscription or package';
COMMENT ON COLUMN billing.purchase.subject_id IS 'the subscription; or the package that was renewed, refunded; NULL for bought packages, which name their order';
COMMENT ON COLUMN billing.purchase.product IS 'the plan or offer';
COMMENT ON COLUMN billing.purchase.quantity IS 'how many terms or packages';
COMMENT ON COLUMN billing.purchase.list_price IS 'price before discount';
COMMENT ON COLUMN billing.purchase.discount IS 'taken off the list price';
COMMENT ON COLUMN billing.purchase.tax IS 'tax on it; 0 until tax rates exist';
COMMENT ON COLUMN billing.purchase.voucher_id IS 'the voucher that paid a part';
COMMENT ON COLUMN billing.purchase.voucher_amount IS 'the part that the voucher paid; of a refund, the part of it that is lost';
COMMENT ON COLUMN billing.purchase.money IS 'the part that the wallet paid, or got back';
COMMENT ON COLUMN billing.purchase.automatic IS 'placed by settling or tick, not by a call';
COMMENT ON COLUMN billing.purchase.at IS 'instant of the order';
