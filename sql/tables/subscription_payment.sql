CREATE TABLE billing.subscription_payment (
	account_id bigint NOT NULL,
	subscription_id bigint NOT NULL,
	term integer NOT NULL,
	order_id bigint NOT NULL,
	list_price numeric NOT NULL,
	money numeric NOT NULL,
	voucher_amount numeric NOT NULL,
	paid_from timestamptz NOT NULL,
	PRIMARY KEY (account_id, subscription_id, term, order_id),
	FOREIGN KEY (account_id, subscription_id, term) REFERENCES billing.subscription_term,
	FOREIGN KEY (account_id, order_id) REFERENCES billing.purchase
);
COMMENT ON TABLE billing.subscription_payment IS 'what each order paid for a term: the order that bought it for all of it, an upgrade for what was left of it; append only';
COMMENT ON COLUMN billing.subscription_payment.account_id IS 'the account';
COMMENT ON COLUMN billing.subscription_payment.subscription_id IS 'the subscription';
COMMENT ON COLUMN billing.subscription_payment.term IS 'number of the term';
COMMENT ON COLUMN billing.subscription_payment.order_id IS 'the order';
COMMENT ON COLUMN billing.subscription_payment.list_price IS 'its share of the order''s list price';
COMMENT ON COLUMN billing.subscription_payment.money IS 'what the wallet paid for it';
COMMENT ON COLUMN billing.subscription_payment.voucher_amount IS 'what vouchers paid for it';
COMMENT ON COLUMN billing.subscription_payment.paid_from IS 'it pays for the time from here to the end of the term';
