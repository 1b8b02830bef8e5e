/*
 * term.c
 *		term_end, term_of, term_start, days_between, last_second and prorate.
 *
 * What a calendar says is decided by term_core.c; here instants become wall
 * times and wall times become instants, with the functions behind AT TIME ZONE.
 * So a name of a zone means here what it means everywhere else in a query.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "numeric_bridge.h"
#include "numeric_math.h"
#include "term_core.h"

PG_FUNCTION_INFO_V1(billing_term_end);
PG_FUNCTION_INFO_V1(billing_term_of);
PG_FUNCTION_INFO_V1(billing_term_start);
PG_FUNCTION_INFO_V1(billing_last_second);
PG_FUNCTION_INFO_V1(billing_days_between);
PG_FUNCTION_INFO_V1(billing_prorate);
PG_FUNCTION_INFO_V1(billing_test_share_path);

#define MAX_DECIMALS 1000

/* on either side of the point; three such numbers fit a numeric however they are multiplied */
#define MAX_DIGITS 1000

/* What the terms of a subscription or a package have in common. */
typedef struct Terms
{
	TimestampTz anchor;
	Timestamp wall; /* the anchor on the zone's clocks */
	Datum zone; /* text */
	TermUnit unit;
	TermMonthEnd month_end;
} Terms;

/* off in tests that ask for the unlimited path */
static bool fast_path = true;

/*
 * ---- instants and wall times ----
 */

static char *
instant_text(TimestampTz at)
{
	return DatumGetCString(DirectFunctionCall1(timestamptz_out, TimestampTzGetDatum(at)));
}

/* check_finite refuses an instant that is none. */
static void
check_finite(const char *name, TimestampTz at)
{
	if (unlikely(TIMESTAMP_NOT_FINITE(at)))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("%s must be a finite instant, not %s", name, instant_text(at)),
				 errdetail("Terms are counted on a calendar, and days between two dates of it."),
				 errhint("Leave out what has no end, or give a finite instant.")));
}

/* wall_time gives what the zone's clocks show at an instant. */
static Timestamp
wall_time(TimestampTz at, Datum zone)
{
	return DatumGetTimestamp(DirectFunctionCall2(timestamptz_zone, zone, TimestampTzGetDatum(at)));
}

/* zone_hint says more about an error of PostgreSQL's own: that there is no such zone. */
static void
zone_hint(void *ignored)
{
	if (geterrcode() != ERRCODE_INVALID_PARAMETER_VALUE)
		return;
	errdetail("Terms are counted on the calendar and the clocks of a time zone.");
	errhint("Give a name from pg_timezone_names.");
}

/* checked_wall_time is wall_time() for a zone that a caller has given. */
static Timestamp
checked_wall_time(TimestampTz at, Datum zone)
{
	ErrorContextCallback callback;
	Timestamp wall;

	callback.callback = zone_hint;
	callback.arg = NULL;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	wall = wall_time(at, zone);
	error_context_stack = callback.previous;
	return wall;
}

/*
 * first_instant gives the first instant at which the zone's clocks show a wall
 * time, as billing._instant() does in SQL.
 *
 * Where clocks are set forward PostgreSQL moves a wall time that is left out by
 * what is left out, which is what we want.  Where they are set back it takes
 * the second coming of a wall time.  The first one is then read with the offset
 * that was in force a day earlier, however far the clocks were set.
 */
static TimestampTz
first_instant(Timestamp wall, Datum zone)
{
	TimestampTz found =
		DatumGetTimestampTz(DirectFunctionCall2(timestamp_zone, zone, TimestampGetDatum(wall)));
	TimestampTz day_before = found - USECS_PER_DAY;
	TimestampTz first;

	if (!IS_VALID_TIMESTAMP(day_before))
		return found;
	first = wall - (wall_time(day_before, zone) - day_before);
	return first < found && wall_time(first, zone) == wall ? first : found;
}

/*
 * ---- terms ----
 */

/* unit_of reads a unit's name. */
static TermUnit
unit_of(text *name)
{
	TermUnit unit;

	if (!term_read_unit(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), &unit))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("unit \"%s\" does not exist", text_to_cstring(name)),
						errdetail("Terms are counted in months, years, days or hours."),
						errhint("Give month, year, day or hour; a week is 7 days.")));
	return unit;
}

/* month_end_of reads a month-end rule's name. */
static TermMonthEnd
month_end_of(text *name)
{
	TermMonthEnd rule;

	if (!term_read_month_end(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), &rule))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("month-end rule \"%s\" does not exist", text_to_cstring(name)),
				 errdetail("It says where a term ends in a month that lacks the anchor's day."),
				 errhint("Give clamp (its last day), spill (missing days run into the next month) "
						 "or days 30 (a month is 30 days).")));
	return rule;
}

/* terms_from gathers what all terms have in common. */
static Terms
terms_from(TimestampTz anchor, text *unit, Datum zone, text *month_end)
{
	Terms terms;

	check_finite("anchor", anchor);
	terms.anchor = anchor;
	terms.zone = zone;
	terms.unit = unit_of(unit);
	terms.month_end = month_end_of(month_end);
	/* also where hours are counted, so that a zone which does not exist is never accepted */
	terms.wall = checked_wall_time(anchor, zone);
	return terms;
}

/* end_after gives the end of the term of so many units. */
static TimestampTz
end_after(const Terms *terms, int64 count)
{
	bool elapsed = terms->unit == TERM_UNIT_HOUR;
	int64 end;

	/* a wall time would be read as its first coming, and the anchor may be the second */
	if (count == 0)
		return terms->anchor;
	if (!term_end(elapsed ? terms->anchor : terms->wall, count, terms->unit, terms->month_end,
				  &end) ||
		!IS_VALID_TIMESTAMP(end))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("a term from %s ends out of range", instant_text(terms->anchor)),
						errdetail("It is " INT64_FORMAT " units long.", count),
						errhint("Give a shorter term; what has no end is infinity.")));
	return elapsed ? end : first_instant(end, terms->zone);
}

/*
 * billing_term_end(anchor, n, unit, time_zone, month_end) gives the instant n
 * units after the anchor.
 */
Datum
billing_term_end(PG_FUNCTION_ARGS)
{
	int32 n = PG_GETARG_INT32(1);
	Terms terms = terms_from(PG_GETARG_TIMESTAMPTZ(0), PG_GETARG_TEXT_PP(2), PG_GETARG_DATUM(3),
							 PG_GETARG_TEXT_PP(4));

	if (n < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("n must not be negative: %d", n),
				 errdetail("Terms are counted forward from the anchor, whose own n is 0."),
				 errhint("Give the anchor that was first.")));
	PG_RETURN_TIMESTAMPTZ(end_after(&terms, n));
}

/*
 * terms_before counts the terms that are over at an instant: those whose end is
 * not after it.  The calendar gives a number that may be one off, and an hour's
 * shift of the clocks may make it so too.
 */
static int64
terms_before(const Terms *terms, TimestampTz at, int32 every)
{
	bool elapsed = terms->unit == TERM_UNIT_HOUR;
	int64 count = term_units_between(elapsed ? terms->anchor : terms->wall,
									 elapsed ? at : wall_time(at, terms->zone), terms->unit,
									 terms->month_end) /
				  every;

	count = Max(count, 0);
	while (count > 0 && end_after(terms, count * every) > at)
		count--;
	while (end_after(terms, (count + 1) * every) <= at)
		count++;
	return count;
}

/* check_term_of refuses what no term can answer. */
static void
check_term_of(TimestampTz anchor, TimestampTz at, int32 every)
{
	check_finite("at", at);
	if (every <= 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("every must be above 0, not %d", every),
						errdetail("It is the length of a term in units."),
						errhint("Give 1 for terms of one unit, 3 with unit month for quarters.")));
	if (at < anchor)
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("%s lies in no term", instant_text(at)),
						errdetail("The first term starts at %s.", instant_text(anchor)),
						errhint("Leave out what came before it.")));
}

/*
 * billing_term_of(anchor, at, unit, every, time_zone, month_end) gives the term
 * that holds an instant.
 */
Datum
billing_term_of(PG_FUNCTION_ARGS)
{
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(1);
	int32 every = PG_GETARG_INT32(3);
	Terms terms = terms_from(PG_GETARG_TIMESTAMPTZ(0), PG_GETARG_TEXT_PP(2), PG_GETARG_DATUM(4),
							 PG_GETARG_TEXT_PP(5));
	TupleDesc descriptor;
	Datum values[3];
	bool nulls[3] = {false, false, false};
	int64 before;

	check_term_of(terms.anchor, at, every);
	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "term_of was called where no row is expected");
	before = terms_before(&terms, at, every);
	if (before >= PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("the number of the term that holds %s is out of range", instant_text(at)),
				 errdetail("It is the term " INT64_FORMAT ".", before + 1),
				 errhint("Give longer terms, or an anchor that is nearer.")));
	values[0] = Int32GetDatum((int32) before + 1);
	values[1] = TimestampTzGetDatum(end_after(&terms, before * every));
	values[2] = TimestampTzGetDatum(end_after(&terms, (before + 1) * every));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}

/*
 * billing_term_start(at, start_rule, time_zone) gives the instant at which a
 * term starts that is bought at an instant.
 */
Datum
billing_term_start(PG_FUNCTION_ARGS)
{
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(0);
	char *rule = text_to_cstring(PG_GETARG_TEXT_PP(1));
	Datum zone = PG_GETARG_DATUM(2);
	Timestamp wall;

	check_finite("at", at);
	wall = checked_wall_time(at, zone);
	if (strcmp(rule, "now") == 0)
		/* on the instant: a wall time may come twice */
		PG_RETURN_TIMESTAMPTZ(term_floor(at, TERM_SECOND));
	if (strcmp(rule, "day") == 0)
		PG_RETURN_TIMESTAMPTZ(first_instant(term_floor(wall, TERM_DAY), zone));
	if (strcmp(rule, "month") == 0)
		PG_RETURN_TIMESTAMPTZ(first_instant(term_month_start(wall), zone));
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("start rule \"%s\" does not exist", rule),
					errdetail("It says where a term starts that is bought at an instant."),
					errhint("Give now (that second), day (00:00 of that day) or month (00:00 of "
							"the first of that month).")));
}

/*
 * billing_last_second(until) gives an end as people read it.
 */
Datum
billing_last_second(PG_FUNCTION_ARGS)
{
	TimestampTz until = PG_GETARG_TIMESTAMPTZ(0);

	if (TIMESTAMP_NOT_FINITE(until))
		PG_RETURN_TIMESTAMPTZ(until);
	if (!IS_VALID_TIMESTAMP(until - USECS_PER_SEC))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("the second before %s is out of range", instant_text(until)),
						errdetail("It is the first second there is."),
						errhint("Give an end that comes after a start.")));
	PG_RETURN_TIMESTAMPTZ(until - USECS_PER_SEC);
}

/*
 * billing_days_between(since, until, time_zone) counts calendar days.
 */
Datum
billing_days_between(PG_FUNCTION_ARGS)
{
	TimestampTz since = PG_GETARG_TIMESTAMPTZ(0);
	TimestampTz until = PG_GETARG_TIMESTAMPTZ(1);
	Datum zone = PG_GETARG_DATUM(2);

	check_finite("since", since);
	check_finite("until", until);
	PG_RETURN_INT32(
		(int32) term_days_between(checked_wall_time(since, zone), wall_time(until, zone)));
}

/*
 * ---- shares of an amount ----
 */

static Numeric
num_abs(Numeric a)
{
	return DatumGetNumeric(DirectFunctionCall1(numeric_abs, NumericGetDatum(a)));
}

static int
num_scale(Numeric a)
{
	return DatumGetInt32(DirectFunctionCall1(numeric_min_scale, NumericGetDatum(a)));
}

static char *
num_text(Numeric a)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(a)));
}

static Numeric
num_zero(void)
{
	return billing_numeric_from_decimal(decimal_of(0));
}

/* read_number reads an argument: true if it fits a Decimal.  What is not finite is refused. */
static bool
read_number(const char *name, Numeric number, Decimal *value)
{
	NumericKind kind = billing_decimal_from_numeric(NumericGetDatum(number), value);

	if (likely(kind == NUMERIC_KIND_FITS && value->scale <= MAX_DIGITS))
		return true;
	if (kind != NUMERIC_KIND_FITS && kind != NUMERIC_KIND_WIDE)
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						errmsg("%s must be a finite number, not %s", name, num_text(number)),
						errdetail("A share of it would not be a number either."),
						errhint("Give a finite number.")));
	if (num_scale(number) > MAX_DIGITS ||
		num_compare(num_abs(number), num_power10(MAX_DIGITS)) >= 0)
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						errmsg("%s must have at most %d digits on either side of the point", name,
							   MAX_DIGITS),
						errdetail("Shares are exact, and their digits have to fit a numeric."),
						errhint("Round it.")));
	return false;
}

/* check_fraction refuses a part below 0 and a whole that can not be divided by. */
static void
check_fraction(Numeric part, Numeric whole)
{
	if (num_compare(part, num_zero()) < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("part must not be negative: %s", num_text(part)),
						errdetail("It is how much of the whole counts: days, seconds, months."),
						errhint("Give greatest(part, 0); what is given back has a negative "
								"amount.")));
	if (num_compare(whole, num_zero()) <= 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("whole must be above 0, not %s", num_text(whole)),
						errdetail("The amount is the price of the whole."),
						errhint("Give the length of the term in the unit of the part.")));
}

/* wide_rounded is term_share_rounded() without a limit, for a product that is not negative. */
static Numeric
wide_rounded(Numeric product, Numeric whole, int decimals)
{
	Numeric two = billing_numeric_from_decimal(decimal_of(2));
	Numeric doubled = num_multiply(num_multiply(product, two), num_power10(decimals));

	/* trunc(product * 10^decimals / whole + half) */
	doubled = num_quotient(num_add(doubled, whole), num_multiply(whole, two));
	return num_multiply(doubled, num_power10(-decimals));
}

/*
 * wide_exact is term_share() without a limit, for a product that is not
 * negative.  In lowest terms the quotient has a last digit if its denominator
 * divides a power of ten; as that may have as many factors of two as it has
 * bits, no more than ten thirds of its digits are worth a try.
 */
static Numeric
wide_exact(Numeric product, Numeric whole)
{
	/* of decimals too, and both are whole multiples of it */
	Numeric factor = num_call2(numeric_gcd, product, whole);
	Numeric over = num_quotient(product, factor);
	Numeric under = num_quotient(whole, factor);
	Numeric power;
	int decimals;

	decimals = (int) strlen(num_text(under)) * 10 / 3 + 1;
	power = num_power10(decimals);
	if (num_compare(num_call2(numeric_mod, power, under), num_zero()) != 0)
		return num_trim(wide_rounded(product, whole, TERM_SHARE_DECIMALS));
	over = num_multiply(over, num_quotient(power, under));
	return num_trim(num_multiply(over, num_power10(-decimals)));
}

/* wide_share does without 128 bits; decimals is negative where none are asked for. */
static Numeric
wide_share(Numeric amount, Numeric part, Numeric whole, int decimals)
{
	Numeric product = num_multiply(num_trim(num_abs(amount)), num_trim(part));
	Numeric share;

	whole = num_trim(whole);
	share = decimals < 0 ? wide_exact(product, whole) : wide_rounded(product, whole, decimals);
	return num_compare(amount, num_zero()) < 0 ? num_subtract(num_zero(), share) : share;
}

/*
 * billing_prorate(amount, part, whole, decimals) gives amount * part / whole.
 */
Datum
billing_prorate(PG_FUNCTION_ARGS)
{
	bool rounded = !PG_ARGISNULL(3);
	int32 decimals = rounded ? PG_GETARG_INT32(3) : -1;
	Numeric number[3];
	Decimal value[3];
	Decimal share;
	bool fit = fast_path;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	for (int i = 0; i < 3; i++)
	{
		static const char *const name[] = {"amount", "part", "whole"};

		number[i] = PG_GETARG_NUMERIC(i);
		fit = read_number(name[i], number[i], &value[i]) && fit;
	}
	check_fraction(number[1], number[2]);
	if (rounded && (decimals < 0 || decimals > MAX_DECIMALS))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("decimals must be between 0 and %d, not %d", MAX_DECIMALS, decimals),
						errdetail("A share is rounded to so many digits after the point."),
						errhint("Give the decimals of the currency, or leave it out.")));
	if (fit && (rounded ? term_share_rounded(value[0], value[1], value[2], decimals, &share)
						: term_share(value[0], value[1], value[2], &share)))
		PG_RETURN_NUMERIC(rounded ? billing_numeric_from_rounded(share, decimals)
								  : billing_numeric_from_decimal(share));
	PG_RETURN_NUMERIC(wide_share(number[0], number[1], number[2], decimals));
}

/*
 * billing_test_share_path(fast) switches the 128-bit path on or off in this
 * session.  The extension has no SQL function for it; tests make one.
 */
Datum
billing_test_share_path(PG_FUNCTION_ARGS)
{
	fast_path = PG_GETARG_BOOL(0);
	PG_RETURN_VOID();
}
