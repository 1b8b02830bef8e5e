CREATE TABLE billing.meter (
	meter text COLLATE "C" PRIMARY KEY CONSTRAINT meter_has_a_name CHECK (meter <> ''),
	unit text NOT NULL,
	aggregation text NOT NULL CONSTRAINT meter_aggregation_is_known CHECK (aggregation IN ('sum', 'count', 'max', 'last'))
);
COMMENT ON TABLE billing.meter IS 'catalogue: what is measured';
COMMENT ON COLUMN billing.meter.meter IS 'name of the meter';
COMMENT ON COLUMN billing.meter.unit IS 'unit of its quantities, shown to people';
COMMENT ON COLUMN billing.meter.aggregation
	IS 'how the usage of a counter period becomes one quantity: sum of quantities, count of rows, max (the highest), last (that of the latest event_time, then event_key)';

CREATE TRIGGER meter_guard BEFORE UPDATE OR DELETE ON billing.meter
	FOR EACH ROW EXECUTE FUNCTION billing._guard_catalogue();
CREATE TRIGGER meter_change AFTER INSERT OR UPDATE ON billing.meter
	FOR EACH STATEMENT EXECUTE FUNCTION billing._note_catalogue_change();
