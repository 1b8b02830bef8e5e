CREATE TABLE billing.currency (
	currency text COLLATE "C" PRIMARY KEY CONSTRAINT currency_is_3_to_12_capitals_and_digits CHECK (currency ~ '^[A-Z][A-Z0-9]{2,11}$'),
	decimals smallint NOT NULL CONSTRAINT currency_has_0_to_12_decimals CHECK (decimals BETWEEN 0 AND 12)
);
COMMENT ON TABLE billing.currency IS 'catalogue: currencies, with the decimals to which amounts are posted';
COMMENT ON COLUMN billing.currency.currency IS 'code, such as USD';
COMMENT ON COLUMN billing.currency.decimals IS 'decimals of a posted amount; immutable once something was posted in it';

-- ISO 4217 minor units
INSERT INTO billing.currency (currency, decimals) VALUES
	('AUD', 2), ('BRL', 2), ('CAD', 2), ('CHF', 2), ('CNY', 2), ('EUR', 2), ('GBP', 2), ('HKD', 2), ('IDR', 2),
	('INR', 2), ('JPY', 0), ('KRW', 0), ('KWD', 3), ('MXN', 2), ('NZD', 2), ('SGD', 2), ('TWD', 2), ('USD', 2),
	('ZAR', 2);

CREATE TRIGGER currency_guard BEFORE UPDATE OR DELETE ON billing.currency
	FOR EACH ROW EXECUTE FUNCTION billing._guard_catalogue();
