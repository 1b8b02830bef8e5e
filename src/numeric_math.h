/*
 * numeric_math.h
 *		numeric's own arithmetic, as C calls it.
 *
 * Arguments are finite.  Results are new, in the current memory context.
 */
#ifndef BILLING_NUMERIC_MATH_H
#define BILLING_NUMERIC_MATH_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

static inline Numeric
num_call2(PGFunction function, Numeric a, Numeric b)
{
	return DatumGetNumeric(DirectFunctionCall2(function, NumericGetDatum(a), NumericGetDatum(b)));
}

static inline Numeric
num_add(Numeric a, Numeric b)
{
	return num_call2(numeric_add, a, b);
}

static inline Numeric
num_subtract(Numeric a, Numeric b)
{
	return num_call2(numeric_sub, a, b);
}

static inline Numeric
num_multiply(Numeric a, Numeric b)
{
	return num_call2(numeric_mul, a, b);
}

/* num_quotient gives the integer part of a / b. */
static inline Numeric
num_quotient(Numeric a, Numeric b)
{
	return num_call2(numeric_div_trunc, a, b);
}

static inline Numeric
num_floor(Numeric a)
{
	return DatumGetNumeric(DirectFunctionCall1(numeric_floor, NumericGetDatum(a)));
}

static inline Numeric
num_ceil(Numeric a)
{
	return DatumGetNumeric(DirectFunctionCall1(numeric_ceil, NumericGetDatum(a)));
}

/* num_trim takes the zeros at the end of the fraction away. */
static inline Numeric
num_trim(Numeric a)
{
	return DatumGetNumeric(DirectFunctionCall1(numeric_trim_scale, NumericGetDatum(a)));
}

/* num_power10 gives 10^power. */
static inline Numeric
num_power10(int power)
{
	char text[16];

	snprintf(text, sizeof(text), "1e%d", power);
	return DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text),
											   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

static inline int
num_compare(Numeric a, Numeric b)
{
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(a), NumericGetDatum(b)));
}

#endif /* BILLING_NUMERIC_MATH_H */
