-- Named so that each comes before the other triggers of its table, which may take for granted what the table's own rules say.
CREATE TRIGGER currency_allows BEFORE INSERT OR UPDATE ON billing.currency FOR EACH ROW EXECUTE FUNCTION billing._check_row();
CREATE TRIGGER lifecycle_allows BEFORE INSERT OR UPDATE ON billing.lifecycle FOR EACH ROW EXECUTE FUNCTION billing._check_row();
CREATE TRIGGER meter_allows BEFORE INSERT OR UPDATE ON billing.meter FOR EACH ROW EXECUTE FUNCTION billing._check_row();
CREATE TRIGGER package_coverage_allows BEFORE INSERT OR UPDATE ON billing.package_coverage FOR EACH ROW EXECUTE FUNCTION billing._check_row();
CREATE TRIGGER package_offer_allows BEFORE INSERT OR UPDATE ON billing.package_offer FOR EACH ROW EXECUTE FUNCTION billing._check_row();
CREATE TRIGGER plan_allows BEFORE INSERT OR UPDATE ON billing.plan FOR EACH ROW EXECUTE FUNCTION billing._check_row();
CREATE TRIGGER plan_allowance_allows BEFORE INSERT OR UPDATE ON billing.plan_allowance FOR EACH ROW EXECUTE FUNCTION billing._check_row();
CREATE TRIGGER plan_discount_allows BEFORE INSERT OR UPDATE ON billing.plan_discount FOR EACH ROW EXECUTE FUNCTION billing._check_row();
CREATE TRIGGER plan_option_allows BEFORE INSERT OR UPDATE ON billing.plan_option FOR EACH ROW EXECUTE FUNCTION billing._check_row();
CREATE TRIGGER plan_option_price_allows BEFORE INSERT OR UPDATE ON billing.plan_option_price FOR EACH ROW EXECUTE FUNCTION billing._check_row();
CREATE TRIGGER plan_price_allows BEFORE INSERT OR UPDATE ON billing.plan_price FOR EACH ROW EXECUTE FUNCTION billing._check_row();
-- what is NULL in a price is said by price_fill, which also fills some of it
CREATE TRIGGER price_allows BEFORE INSERT ON billing.price FOR EACH ROW EXECUTE FUNCTION billing._check_row('meter', 'region', 'plan', 'tier_basis',
	'currency', 'counter', 'scope', 'tariff', 'properties', 'weekdays', 'time_from', 'time_to', 'greatest_of', 'counter_on_change', 'options', 'post', 'line_id');
