CREATE TABLE billing.charge (
	account_id bigint NOT NULL,
	charge_id bigint GENERATED ALWAYS AS IDENTITY,
	cycle integer NOT NULL,
	period_start timestamptz NOT NULL,
	meter text COLLATE "C",
	region text COLLATE "C" NOT NULL DEFAULT '',
	resource text COLLATE "C" NOT NULL DEFAULT '',
	source text NOT NULL CHECK (source IN ('allowance', 'package', 'tariff', 'fee', 'adjustment')),
	source_id bigint,
	quantity numeric NOT NULL,
	units numeric,
	exact_amount numeric NOT NULL,
	amount numeric NOT NULL,
	invoice_period timestamptz NOT NULL,
	reason text,
	PRIMARY KEY (account_id, charge_id)
);
COMMENT ON TABLE billing.charge IS 'every step by which usage became money; append only';
COMMENT ON COLUMN billing.charge.account_id IS 'the account';
COMMENT ON COLUMN billing.charge.charge_id IS 'number of the charge';
COMMENT ON COLUMN billing.charge.cycle IS 'the cycle that was settled: hours since 1970-01-01 00:00 UTC';
COMMENT ON COLUMN billing.charge.period_start IS 'start of the counter period that the usage belongs to; of a deduction, of what it was deducted from; of a fee or adjustment, of its month';
COMMENT ON COLUMN billing.charge.meter IS 'the meter; NULL for a fee or an adjustment';
COMMENT ON COLUMN billing.charge.region IS 'region of the usage';
COMMENT ON COLUMN billing.charge.resource IS 'resource of the usage';
COMMENT ON COLUMN billing.charge.source IS 'allowance or package (deducted, no money), tariff, fee (an order) or adjustment';
COMMENT ON COLUMN billing.charge.source_id IS 'the allowance_id, package_id, price_id (of a tariff charge) or order_id (of a fee)';
COMMENT ON COLUMN billing.charge.quantity IS 'by how much the position''s quantity grew; of a deduction, the usage that it covered; of a fee, terms or packages';
COMMENT ON COLUMN billing.charge.units IS 'of a deduction: how much it took of the allowance or package; another number than the quantity where the package converts';
COMMENT ON COLUMN billing.charge.exact_amount IS 'by how much the position''s exact amount grew';
COMMENT ON COLUMN billing.charge.amount IS 'what was posted: this one''s share of the rounded total; negative gives money back';
COMMENT ON COLUMN billing.charge.invoice_period IS 'start of the month whose invoice shows it';
COMMENT ON COLUMN billing.charge.reason IS 'of an adjustment: why; of a fee: what for';
