CREATE TABLE billing.meter (
	meter text COLLATE "C" PRIMARY KEY CONSTRAINT meter_has_a_name CHECK (meter <> ''),
	unit text NOT NULL,
	aggregation text NOT NULL CONSTRAINT meter_aggregation_is_known CHECK (aggregation IN ('sum', 'count', 'max', 'last',
		'percentile', 'peak_mean', 'unique', 'time_weighted')),
	sample_window interval NOT NULL DEFAULT '5 minutes'
		CONSTRAINT meter_sample_window_is_up_to_a_day CHECK (sample_window BETWEEN interval '1 second' AND interval '24 hours'),
	percent numeric NOT NULL DEFAULT 95 CONSTRAINT meter_percent_is_above_0_up_to_100 CHECK (percent > 0 AND percent <= 100),
	top_days integer CONSTRAINT meter_top_days_are_1_or_more CHECK (top_days >= 1),
	by_valid_days boolean NOT NULL DEFAULT false,
	valid_above numeric NOT NULL DEFAULT 0 CONSTRAINT meter_valid_above_is_finite_and_not_negative CHECK (valid_above >= 0 AND valid_above < 'Infinity'),
	day_peak integer NOT NULL DEFAULT 1 CONSTRAINT meter_day_peak_is_1_or_more CHECK (day_peak >= 1),
	unique_property text,
	time_unit text NOT NULL DEFAULT 'hour'
		CONSTRAINT meter_time_unit_is_known CHECK (time_unit IN ('second', 'minute', 'hour', 'day', 'period', 'highest')),
	settled_by text NOT NULL DEFAULT 'hour' CONSTRAINT meter_settled_by_is_hour_or_day CHECK (settled_by IN ('hour', 'day')),
	leaves_out jsonb CONSTRAINT meter_leaves_out_is_an_object_that_names_something CHECK (jsonb_typeof(leaves_out) = 'object' AND leaves_out <> '{}'),
	CONSTRAINT meter_by_valid_days_is_a_percentile_or_a_peak_mean CHECK (NOT by_valid_days OR aggregation IN ('percentile', 'peak_mean')),
	CONSTRAINT meter_settled_by_the_day_is_a_max CHECK (settled_by = 'hour' OR aggregation = 'max')
);
COMMENT ON TABLE billing.meter IS 'catalogue: what is measured';
COMMENT ON COLUMN billing.meter.meter IS 'name of the meter';
COMMENT ON COLUMN billing.meter.unit IS 'unit of its quantities, shown to people';
COMMENT ON COLUMN billing.meter.aggregation
	IS 'how the usage of a counter period becomes one quantity: sum of quantities, count of rows, max (the highest), last (that of the latest event_time, then event_key); read once, when the period closes: percentile (of its samples), peak_mean (mean of the days'' highest samples), unique (different resources, or values of a property), time_weighted (a level that holds until the next event of its region and resource, times time)';
COMMENT ON COLUMN billing.meter.sample_window IS 'of percentile and peak_mean: quantities within one such window of time are added up to one sample';
COMMENT ON COLUMN billing.meter.percent IS 'of percentile: 95 drops floor(n * 5 %) samples from the top and takes the next';
COMMENT ON COLUMN billing.meter.top_days IS 'of peak_mean: so many highest days; NULL: all valid days';
COMMENT ON COLUMN billing.meter.by_valid_days IS 'of percentile and peak_mean: what it costs is multiplied by the valid days and divided by the days of the period';
COMMENT ON COLUMN billing.meter.valid_above IS 'of percentile and peak_mean: a day is valid whose highest sample is above this';
COMMENT ON COLUMN billing.meter.day_peak IS 'of peak_mean: which of its samples is a day''s peak, counted from the highest; 0 on a day that has fewer';
COMMENT ON COLUMN billing.meter.unique_property IS 'of unique: the property whose different values are counted; NULL: the different resources';
COMMENT ON COLUMN billing.meter.time_unit IS 'of time_weighted: the quantity is level times seconds, divided by one of these, a day being 24 hours; period: by the counter period, so that it is the mean level; highest: no time at all, but the highest level of each region and resource that holds in the period, added up';
COMMENT ON COLUMN billing.meter.settled_by
	IS 'hour: its usage is settled with the hour in which it happened; day, for max: once, when a day ends, so that a day of samples costs no more than to read it; until then billing.usage_by_day shows it. Its prices post when their counter of a day, a month or a term closes';
COMMENT ON COLUMN billing.meter.leaves_out
	IS 'usage whose properties hold all of these is never billed, such as {"attack": true}: it is kept, and shown by billing.unbilled_usage; NULL: nothing is left out';

CREATE TRIGGER meter_guard BEFORE UPDATE OR DELETE ON billing.meter
	FOR EACH ROW EXECUTE FUNCTION billing._guard_catalogue();
CREATE TRIGGER meter_change AFTER INSERT OR UPDATE ON billing.meter
	FOR EACH STATEMENT EXECUTE FUNCTION billing._note_catalogue_change();
