/*
 * term_core.c
 *		Calendar terms counted from an anchor, and shares of an amount.
 *
 * Every end of a term is computed from the anchor itself, never from the end
 * before it: so 31 January, 28 February, 31 March, and not 28 March.
 */
#include <string.h>

#include "term_core.h"

/* 400 years are always as many days */
#define ERA_YEARS 400
#define ERA_DAYS 146097

/* days from 2000-01-01, where our count begins, to 2000-03-01, where an era does */
#define ERA_START 60

/* under the rule of 30 days */
#define SHORT_MONTH 30

#define YEAR_MONTHS 12

/* more hours than 64 bits of microseconds hold, and few enough that no number of days overflows */
#define MAX_COUNT INT64_C(6000000000)

/* is_word tells whether the text, which no zero byte ends, is that word. */
static bool
is_word(const char *text, size_t length, const char *word)
{
	return strlen(word) == length && memcmp(text, word, length) == 0;
}

/* term_read_unit reads the name of a unit; false when it is none. */
bool
term_read_unit(const char *text, size_t length, TermUnit *unit)
{
	if (is_word(text, length, "month"))
		*unit = TERM_UNIT_MONTH;
	else if (is_word(text, length, "year"))
		*unit = TERM_UNIT_YEAR;
	else if (is_word(text, length, "day"))
		*unit = TERM_UNIT_DAY;
	else if (is_word(text, length, "hour"))
		*unit = TERM_UNIT_HOUR;
	else
		return false;
	return true;
}

/* term_read_month_end reads the name of a month-end rule; false when it is none. */
bool
term_read_month_end(const char *text, size_t length, TermMonthEnd *rule)
{
	if (is_word(text, length, "clamp"))
		*rule = TERM_MONTH_END_CLAMP;
	else if (is_word(text, length, "spill"))
		*rule = TERM_MONTH_END_SPILL;
	else if (is_word(text, length, "days 30"))
		*rule = TERM_MONTH_END_DAYS_30;
	else
		return false;
	return true;
}

/* floor_divide rounds down where C rounds towards zero. */
static inline int64_t
floor_divide(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* term_floor gives the last multiple of a step (positive) that is not above the value. */
int64_t
term_floor(int64_t value, int64_t step)
{
	int64_t rest = value % step;

	/* in this order, because the value may be the least there is */
	return rest < 0 ? value - rest - step : value - rest;
}

/*
 * ---- dates and days ----
 *
 * Years are counted from 1 March here, so that a leap day is the last of its
 * year.  The months from March on have 31 30 31 30 31 31 30 31 30 31 31 days:
 * m months are (153 * m + 2) / 5 of them.
 */

/* term_day_number counts the days from 2000-01-01 to a date. */
int64_t
term_day_number(TermDate date)
{
	int64_t year = date.year - (date.month <= 2) - 2000;
	int64_t era = floor_divide(year, ERA_YEARS);
	int64_t year_of_era = year - era * ERA_YEARS;
	int month = (date.month + 9) % YEAR_MONTHS; /* March is 0 */

	return era * ERA_DAYS + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
		   (153 * month + 2) / 5 + date.day - 1 + ERA_START;
}

/* term_date gives the date of a day. */
TermDate
term_date(int64_t day)
{
	int64_t era = floor_divide(day - ERA_START, ERA_DAYS);
	int64_t day_of_era = day - ERA_START - era * ERA_DAYS;
	/* less its leap days, each of which is the last day of 4 years, and so on */
	int64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / (ERA_DAYS - 1)) / 365;
	int day_of_year =
		(int) (day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100));
	int month = (5 * day_of_year + 2) / 153;
	TermDate date;

	date.day = day_of_year - (153 * month + 2) / 5 + 1;
	date.month = month < 10 ? month + 3 : month - 9;
	date.year = year_of_era + era * ERA_YEARS + 2000 + (date.month <= 2);
	return date;
}

/* term_days_in_month tells how many days a month has. */
int
term_days_in_month(int64_t year, int month)
{
	static const int days[YEAR_MONTHS] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

/* term_month_start gives 00:00 of the first day of a wall time's month. */
int64_t
term_month_start(int64_t wall)
{
	TermDate date = term_date(floor_divide(wall, TERM_DAY));

	date.day = 1;
	return term_day_number(date) * TERM_DAY;
}

/* term_days_between counts the midnights after one wall time, up to and with another. */
int64_t
term_days_between(int64_t from, int64_t to)
{
	return floor_divide(to, TERM_DAY) - floor_divide(from, TERM_DAY);
}

/*
 * ---- terms ----
 */

/* month_index numbers the months through all years. */
static inline int64_t
month_index(TermDate date)
{
	return date.year * YEAR_MONTHS + date.month - 1;
}

/* day_after_months gives the day so many months after another. */
static int64_t
day_after_months(int64_t day, int64_t months, TermMonthEnd rule)
{
	TermDate date = term_date(day);
	int64_t index = month_index(date) + months;
	int missing;

	if (rule == TERM_MONTH_END_DAYS_30)
		return day + months * SHORT_MONTH;
	date.year = floor_divide(index, YEAR_MONTHS);
	date.month = (int) (index - date.year * YEAR_MONTHS) + 1;
	missing = date.day - term_days_in_month(date.year, date.month);
	if (missing <= 0)
		return term_day_number(date);
	date.day -= missing;
	return term_day_number(date) + (rule == TERM_MONTH_END_SPILL ? missing : 0);
}

/*
 * term_end gives the wall time so many units after the anchor's; false when 64
 * bits do not hold it.  A year is twelve months under every rule.  Hours are no
 * matter of wall time where clocks are set, so whoever knows the zone adds them
 * to the instant instead; here they are hours of an undisturbed clock.
 */
bool
term_end(int64_t anchor, int64_t count, TermUnit unit, TermMonthEnd rule, int64_t *end)
{
	int64_t day = floor_divide(anchor, TERM_DAY);
	int64_t time_of_day = anchor - day * TERM_DAY;
	DecimalInt wide = 0;

	if (count < 0 || count > MAX_COUNT)
		return false;
	switch (unit)
	{
		case TERM_UNIT_HOUR:
			wide = anchor + (DecimalInt) count * (TERM_DAY / 24);
			break;
		case TERM_UNIT_DAY:
			wide = (DecimalInt) (day + count) * TERM_DAY + time_of_day;
			break;
		case TERM_UNIT_YEAR:
			count *= YEAR_MONTHS;
			/* FALLTHROUGH */
		case TERM_UNIT_MONTH:
			wide = (DecimalInt) day_after_months(day, count, rule) * TERM_DAY + time_of_day;
			break;
	}
	*end = (int64_t) wide;
	return *end == wide;
}

/*
 * term_units_between tells about how many units lie between two wall times: the
 * exact number is at most one less or more, since neither the time of day nor
 * the day of the month is looked at.
 */
int64_t
term_units_between(int64_t from, int64_t to, TermUnit unit, TermMonthEnd rule)
{
	int64_t days = term_days_between(from, to);
	int64_t months;

	if (unit == TERM_UNIT_HOUR)
		return floor_divide(to, TERM_DAY / 24) - floor_divide(from, TERM_DAY / 24);
	if (unit == TERM_UNIT_DAY)
		return days;
	if (rule == TERM_MONTH_END_DAYS_30)
		months = floor_divide(days, SHORT_MONTH);
	else
		months = month_index(term_date(floor_divide(to, TERM_DAY))) -
				 month_index(term_date(floor_divide(from, TERM_DAY)));
	return unit == TERM_UNIT_MONTH ? months : floor_divide(months, YEAR_MONTHS);
}

/*
 * ---- shares ----
 */

/*
 * round_quotient divides a (not negative) by b (positive) and rounds to so many
 * decimals, a half up; false when that does not fit.
 */
static bool
round_quotient(Decimal a, Decimal b, int decimals, Decimal *quotient)
{
	int shift = decimals - a.scale + b.scale;
	DecimalInt rest;

	if (shift >= 0 ? !decimal_shift(a.value, shift, &a.value)
				   : !decimal_shift(b.value, -shift, &b.value))
		return false;
	rest = a.value % b.value;
	quotient->value = a.value / b.value + (rest >= b.value - rest);
	quotient->scale = decimals;
	return true;
}

/*
 * term_share_rounded gives amount * part / whole, rounded once to so many
 * decimals, a half away from zero; false when 128 bits do not hold what it
 * takes.  part is not negative, whole is positive.
 */
bool
term_share_rounded(Decimal amount, Decimal part, Decimal whole, int decimals, Decimal *share)
{
	bool negative = amount.value < 0;
	Decimal product;

	if (negative)
		amount.value = -amount.value;
	if (!decimal_multiply(amount, part, &product) ||
		!round_quotient(product, whole, decimals, share))
		return false;
	if (negative)
		share->value = -share->value;
	return true;
}

/*
 * term_share gives amount * part / whole: exactly where that has a last digit,
 * else rounded to TERM_SHARE_DECIMALS; false as above.
 */
bool
term_share(Decimal amount, Decimal part, Decimal whole, Decimal *share)
{
	bool negative = amount.value < 0;
	Decimal product;

	if (negative)
		amount.value = -amount.value;
	if (!decimal_multiply(amount, part, &product))
		return false;
	switch (decimal_divide(product, whole, share))
	{
		case DECIMAL_DIVIDED:
			break;
		case DECIMAL_ENDLESS:
			if (!round_quotient(product, whole, TERM_SHARE_DECIMALS, share))
				return false;
			break;
		default:
			return false;
	}
	if (negative)
		share->value = -share->value;
	return true;
}
