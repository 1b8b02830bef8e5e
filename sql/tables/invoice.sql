CREATE TABLE billing.invoice (
	account_id bigint NOT NULL,
	invoice_id bigint GENERATED ALWAYS AS IDENTITY,
	number bigint,
	period_start timestamptz NOT NULL,
	period_end timestamptz NOT NULL,
	currency text COLLATE "C" NOT NULL,
	subtotal numeric NOT NULL,
	tax numeric NOT NULL,
	total numeric NOT NULL CHECK (total = subtotal + tax),
	issued_at timestamptz,
	due_at timestamptz,
	awaits_due boolean NOT NULL DEFAULT false,
	PRIMARY KEY (account_id, invoice_id)
);
CREATE INDEX invoice_due ON billing.invoice (due_at, account_id) WHERE awaits_due;
CREATE INDEX invoice_unnumbered ON billing.invoice (period_end, account_id) WHERE number IS NULL;
COMMENT ON TABLE billing.invoice IS 'monthly invoices; only number, issued_at and due_at are filled in later, once, and awaits_due goes by';
COMMENT ON COLUMN billing.invoice.account_id IS 'the account';
COMMENT ON COLUMN billing.invoice.invoice_id IS 'identity of the invoice';
COMMENT ON COLUMN billing.invoice.number IS 'gapless number in the installation; NULL until every shard has passed the period';
COMMENT ON COLUMN billing.invoice.period_start IS 'start of the calendar month in the account''s zone';
COMMENT ON COLUMN billing.invoice.period_end IS 'its end';
COMMENT ON COLUMN billing.invoice.currency IS 'the account''s currency';
COMMENT ON COLUMN billing.invoice.subtotal IS 'sum of its lines';
COMMENT ON COLUMN billing.invoice.tax IS 'tax on it; 0 until tax rates exist';
COMMENT ON COLUMN billing.invoice.total IS 'subtotal + tax; posted to the wallet already by its charges';
COMMENT ON COLUMN billing.invoice.issued_at IS 'when it got its number';
COMMENT ON COLUMN billing.invoice.due_at IS 'issued_at + the account''s payment terms';
COMMENT ON COLUMN billing.invoice.awaits_due IS 'of an account with payment terms: its due instant is still to come, and makes the account overdue if it is unpaid then';

CREATE TABLE billing.invoice_line (
	account_id bigint NOT NULL,
	invoice_id bigint NOT NULL,
	line integer NOT NULL,
	source text NOT NULL,
	meter text COLLATE "C",
	region text COLLATE "C" NOT NULL,
	resource text COLLATE "C" NOT NULL,
	line_id bigint,
	period_start timestamptz NOT NULL,
	quantity numeric NOT NULL,
	exact_amount numeric NOT NULL,
	amount numeric NOT NULL,
	reason text,
	PRIMARY KEY (account_id, invoice_id, line),
	FOREIGN KEY (account_id, invoice_id) REFERENCES billing.invoice
);
COMMENT ON TABLE billing.invoice_line IS 'lines of the invoices';
COMMENT ON COLUMN billing.invoice_line.account_id IS 'the account';
COMMENT ON COLUMN billing.invoice_line.invoice_id IS 'the invoice';
COMMENT ON COLUMN billing.invoice_line.line IS 'number of the line, from 1';
COMMENT ON COLUMN billing.invoice_line.source IS 'allowance, package, tariff, fee or adjustment';
COMMENT ON COLUMN billing.invoice_line.meter IS 'the meter; NULL for a fee or an adjustment';
COMMENT ON COLUMN billing.invoice_line.region IS 'region of the price line; '''' any';
COMMENT ON COLUMN billing.invoice_line.resource IS 'the resource, where the price''s scope is resource';
COMMENT ON COLUMN billing.invoice_line.line_id IS 'the price line; NULL for what has none, a fee or an adjustment';
COMMENT ON COLUMN billing.invoice_line.period_start IS 'start of the month that the usage belongs to; before the invoice''s own for late usage';
COMMENT ON COLUMN billing.invoice_line.quantity IS 'by how much the quantities of its positions grew';
COMMENT ON COLUMN billing.invoice_line.exact_amount IS 'sum of its charges'' exact amounts';
COMMENT ON COLUMN billing.invoice_line.amount IS 'sum of its charges';
COMMENT ON COLUMN billing.invoice_line.reason IS 'of an adjustment: why; of a fee: what for';

CREATE TABLE billing.number_series (
	series text PRIMARY KEY,
	last_number bigint NOT NULL
);
COMMENT ON TABLE billing.number_series IS 'last number given in each gapless series';
COMMENT ON COLUMN billing.number_series.series IS 'invoice';
COMMENT ON COLUMN billing.number_series.last_number IS 'last number given';
INSERT INTO billing.number_series (series, last_number) VALUES ('invoice', 0);
