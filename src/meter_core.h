/*
 * meter_core.h
 *		What the aggregates of meters compute, on arrays of 128-bit values.
 *
 * Pure C: nothing here knows PostgreSQL, allocates memory or raises an error.
 * The values of an array are decimals with one scale: each stands for
 * value / 10^scale.  What may not fit 128 bits returns false, and the caller
 * then computes with numeric (src/meter.c), which gives the same answer.
 */
#ifndef BILLING_METER_CORE_H
#define BILLING_METER_CORE_H

#include "decimal_core.h"

/* to so many decimals a mean is rounded that has no last one */
#define METER_MEAN_DECIMALS 20

/* a percentage of at most so many decimals is exact for any number of samples in memory */
#define METER_PERCENT_DECIMALS 20

/* instants are in microseconds, and what is integrated over them is in seconds */
#define METER_TIME_DECIMALS 6

extern bool meter_rescale(DecimalInt *values, int64_t count, int power);
extern bool meter_dropped(int64_t count, Decimal percent, int64_t *dropped);
extern DecimalInt meter_select(DecimalInt *values, int64_t count, int64_t place);
extern bool meter_sum(const DecimalInt *values, int64_t count, DecimalInt *sum);
extern bool meter_mean(Decimal sum, int64_t count, Decimal *mean);
extern void meter_sort(int64_t *times, DecimalInt *values, int64_t count);
extern bool meter_integral(const int64_t *times, const DecimalInt *values, int64_t count,
						   int64_t until, DecimalInt *sum);

#endif /* BILLING_METER_CORE_H */
