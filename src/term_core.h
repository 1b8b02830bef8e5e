/*
 * term_core.h
 *		Calendar terms counted from an anchor, and shares of an amount.
 *
 * Pure C: nothing here knows PostgreSQL, allocates memory or raises an error.
 * Nothing knows time zones either: a wall time is what the clocks of a place
 * show, in microseconds since 2000-01-01 00:00 on these clocks, as if each day
 * had 24 hours.  The calendar is the Gregorian one for all years, as everywhere
 * in PostgreSQL.
 */
#ifndef BILLING_TERM_CORE_H
#define BILLING_TERM_CORE_H

#include "decimal_core.h"

#define TERM_SECOND INT64_C(1000000)
#define TERM_DAY (86400 * TERM_SECOND)

/* to so many decimals a share is rounded that has no last one */
#define TERM_SHARE_DECIMALS 20

/* What a term is counted in. */
typedef enum TermUnit
{
	TERM_UNIT_HOUR,
	TERM_UNIT_DAY,
	TERM_UNIT_MONTH,
	TERM_UNIT_YEAR
} TermUnit;

/* What happens to a month that lacks the anchor's day. */
typedef enum TermMonthEnd
{
	TERM_MONTH_END_CLAMP, /* its last day stands in */
	TERM_MONTH_END_SPILL, /* the days that are missing run into the next month */
	TERM_MONTH_END_DAYS_30 /* it can not happen: a month is 30 days */
} TermMonthEnd;

typedef struct TermDate
{
	int64_t year; /* 0 is 1 BC */
	int month; /* 1 to 12 */
	int day;
} TermDate;

extern bool term_read_unit(const char *text, size_t length, TermUnit *unit);
extern bool term_read_month_end(const char *text, size_t length, TermMonthEnd *rule);

extern int64_t term_floor(int64_t value, int64_t step);
extern int64_t term_day_number(TermDate date);
extern TermDate term_date(int64_t day);
extern int term_days_in_month(int64_t year, int month);
extern int64_t term_month_start(int64_t wall);
extern int64_t term_days_between(int64_t from, int64_t to);

extern bool term_end(int64_t anchor, int64_t count, TermUnit unit, TermMonthEnd rule, int64_t *end);
extern int64_t term_units_between(int64_t from, int64_t to, TermUnit unit, TermMonthEnd rule);

extern bool term_share(Decimal amount, Decimal part, Decimal whole, Decimal *share);
extern bool term_share_rounded(Decimal amount, Decimal part, Decimal whole, int decimals,
							   Decimal *share);

#endif /* BILLING_TERM_CORE_H */
