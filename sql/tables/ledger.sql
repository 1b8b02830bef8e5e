CREATE TABLE billing.transfer (
	account_id bigint NOT NULL,
	transfer_id bigint GENERATED ALWAYS AS IDENTITY,
	at timestamptz NOT NULL,
	booked_at timestamptz NOT NULL DEFAULT now(),
	booked_by text NOT NULL DEFAULT current_user,
	debit text NOT NULL CHECK (debit IN ('cash', 'wallet', 'voucher', 'deferred', 'tax', 'revenue', 'breakage', 'promotion', 'bad_debt')),
	credit text NOT NULL CHECK (credit IN ('cash', 'wallet', 'voucher', 'deferred', 'tax', 'revenue', 'breakage', 'promotion', 'bad_debt')),
	amount numeric NOT NULL CHECK (amount > 0 AND amount < 'Infinity'),
	balance_after numeric NOT NULL,
	kind text NOT NULL,
	source text NOT NULL,
	source_id bigint,
	key text,
	reason text,
	PRIMARY KEY (account_id, transfer_id),
	CHECK (debit <> credit)
);
COMMENT ON TABLE billing.transfer IS 'the ledger: a positive amount from one sub-ledger to another of the same account; append only';
COMMENT ON COLUMN billing.transfer.account_id IS 'the account';
COMMENT ON COLUMN billing.transfer.transfer_id IS 'number of the transfer, growing within an account';
COMMENT ON COLUMN billing.transfer.at IS 'the instant it counts for: the call''s at, or the end of the settled cycle';
COMMENT ON COLUMN billing.transfer.booked_at IS 'what the clock said';
COMMENT ON COLUMN billing.transfer.booked_by IS 'the role that booked it';
COMMENT ON COLUMN billing.transfer.debit IS 'sub-ledger that is debited';
COMMENT ON COLUMN billing.transfer.credit IS 'sub-ledger that is credited';
COMMENT ON COLUMN billing.transfer.amount IS 'how much, positive';
COMMENT ON COLUMN billing.transfer.balance_after IS 'the wallet''s balance after it';
COMMENT ON COLUMN billing.transfer.kind IS 'top_up, pay_out, adjustment, write_off, usage, voucher, or an order''s: purchase, renewal, upgrade, change, refund';
COMMENT ON COLUMN billing.transfer.source IS 'call, cycle (source_id: the cycle), charge, voucher or order (source_id: its number)';
COMMENT ON COLUMN billing.transfer.source_id IS 'what the source''s rows are found by';
COMMENT ON COLUMN billing.transfer.key IS 'the caller''s key';
COMMENT ON COLUMN billing.transfer.reason IS 'the caller''s reason';
