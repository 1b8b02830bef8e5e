/*
 * tariff.h
 *		The type billing.tariff for the rest of the extension's C code.
 */
#ifndef BILLING_TARIFF_H
#define BILLING_TARIFF_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/numeric.h"

#include "tariff_core.h"

/*
 * A tariff datum is a varlena whose payload is the packed form of
 * tariff_pack.h.  The payload may stand at any address.
 */
#define PG_GETARG_TARIFF(n) billing_tariff_packed(PG_GETARG_DATUM(n))

/* for functions called row by row, which keep nothing else in fn_extra */
#define PG_GETARG_TARIFF_CACHED(n) billing_tariff_cached(fcinfo->flinfo, PG_GETARG_DATUM(n))

/* The lines of a priced quantity that are still to come. */
typedef struct BillingRateLines
{
	Numeric billed; /* the quantity less what is free, perhaps in whole blocks */
	int next; /* the tier of the next line */
	int end; /* the tier behind the last one */
	Numeric adjustment; /* what min, max and digits change, or NULL */
} BillingRateLines;

/*
 * One line of a priced quantity; upper is NULL where the tier has no end.  The
 * quantity is rounded to whole blocks where the tier has a block.
 */
typedef struct BillingRateLine
{
	Numeric lower;
	Numeric upper;
	Numeric quantity;
	Numeric amount;
} BillingRateLine;

/* tariff.c */
extern const char *billing_tariff_packed(Datum tariff);
extern const char *billing_tariff_cached(FmgrInfo *flinfo, Datum tariff);
extern void billing_tariff_unpack(const char *packed, TariffSpec *spec);

/* tariff_rate.c */
extern bool billing_rate_in_128_bits(const char *packed, Datum quantity, Decimal *amount);
extern Numeric billing_tariff_rate(const char *packed, Numeric quantity);

/* tariff_exact.c */
extern Numeric billing_exact_rate(const char *packed, Numeric quantity);
extern void billing_exact_start(const TariffSpec *spec, Numeric quantity, BillingRateLines *lines);
extern void billing_exact_adjust(const TariffSpec *spec, BillingRateLines *lines);
extern bool billing_exact_next(const TariffSpec *spec, BillingRateLines *lines,
							   BillingRateLine *line);
extern void billing_quantity_beyond(const TariffSpec *spec, Numeric quantity)
	__attribute__((noreturn));

#endif /* BILLING_TARIFF_H */
