/*
 * decimal_core.h
 *		Exact fixed-point decimals in 128 bits.
 *
 * Pure C: nothing here knows PostgreSQL, allocates memory or raises an error.
 * Every operation that may not fit says so by returning false, and leaves its
 * result undefined; the caller then takes the unlimited path (numeric).
 */
#ifndef BILLING_DECIMAL_CORE_H
#define BILLING_DECIMAL_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A 128-bit integer that may live at any address that is a multiple of eight:
 * palloc promises no more, and with the natural alignment of sixteen the
 * compiler would use instructions that fault on such memory.
 */
typedef __int128 DecimalInt __attribute__((aligned(8)));
typedef unsigned __int128 DecimalUInt __attribute__((aligned(8)));

/*
 * Decimal: the number value / 10^scale.
 *
 * The scale is never negative: 10^9 is {1000000000, 0}.  One number has many
 * representations ({5, 1} and {50, 2}); decimal_trim() gives the only one
 * without trailing zeros after the point, and zero is then {0, 0}.  Whoever
 * stores or prints a Decimal trims it first, so equal numbers have equal bytes.
 *
 * value takes the whole range of a signed 128-bit integer but its minimum, so
 * that negation is always safe.  That is every number of 38 digits, and some
 * of 39.  The scale may be far beyond 38 (a quantity of 10^-100 is {1, 100}):
 * operations look at it before they use the table of powers.
 */
typedef struct Decimal
{
	DecimalInt value;
	int32_t scale;
} Decimal;

/* What happens to the digits that rounding takes away. */
typedef enum DecimalRounding
{
	DECIMAL_HALF_UP = 0, /* to the nearest, a half away from zero */
	DECIMAL_HALF_EVEN = 1, /* to the nearest, a half to the even digit */
	DECIMAL_UP = 2, /* away from zero */
	DECIMAL_DOWN = 3 /* towards zero */
} DecimalRounding;

typedef enum DecimalScan
{
	DECIMAL_SCAN_OK,
	DECIMAL_SCAN_NONE, /* no number stands here */
	DECIMAL_SCAN_RANGE /* more digits than a tariff may hold */
} DecimalScan;

typedef enum DecimalDivision
{
	DECIMAL_DIVIDED,
	DECIMAL_ENDLESS, /* the quotient has no last digit */
	DECIMAL_TOO_WIDE /* it has one, but not within 128 bits */
} DecimalDivision;

#define DECIMAL_MAX_DIGITS 38 /* of a number that is read or stored */
#define DECIMAL_MAX_POWER 38 /* highest power of ten in the table */
#define DECIMAL_TEXT_SIZE 192 /* room for any printed number with scale <= 128 */
#define DECIMAL_VALUE_MAX ((DecimalInt) ((((DecimalUInt) 1) << 127) - 1))

extern const DecimalInt decimal_power10[DECIMAL_MAX_POWER + 1];

/*
 * decimal_multiply_int multiplies two integers and returns false when the
 * product does not fit.  It works on magnitudes, because the checked signed
 * multiplication of 128 bits calls a routine that not every compiler's runtime
 * library has.
 */
static inline bool
decimal_multiply_int(DecimalInt a, DecimalInt b, DecimalInt *product)
{
	DecimalUInt magnitude;
	bool negative;

	if (a == (int64_t) a && b == (int64_t) b)
	{
		*product = (DecimalInt) (int64_t) a * (int64_t) b;
		return true;
	}
	negative = (a < 0) != (b < 0);
	if (__builtin_mul_overflow(a < 0 ? -(DecimalUInt) a : (DecimalUInt) a,
							   b < 0 ? -(DecimalUInt) b : (DecimalUInt) b, &magnitude) ||
		magnitude > (DecimalUInt) DECIMAL_VALUE_MAX)
		return false;
	*product = negative ? -(DecimalInt) magnitude : (DecimalInt) magnitude;
	return true;
}

/*
 * decimal_shift multiplies an integer by 10^power; false when the result does
 * not fit.  A zero survives any power.
 */
static inline bool
decimal_shift(DecimalInt value, int power, DecimalInt *shifted)
{
	if (power == 0 || value == 0)
	{
		*shifted = value;
		return true;
	}
	if (power < 0 || power > DECIMAL_MAX_POWER)
		return false;
	return decimal_multiply_int(value, decimal_power10[power], shifted);
}

/* decimal_add_int adds two integers; false when the sum does not fit. */
static inline bool
decimal_add_int(DecimalInt a, DecimalInt b, DecimalInt *sum)
{
	return !__builtin_add_overflow(a, b, sum) && *sum != -DECIMAL_VALUE_MAX - 1;
}

/* decimal_of makes the Decimal of a small integer. */
static inline Decimal
decimal_of(int64_t value)
{
	Decimal result = {value, 0};

	return result;
}

extern bool decimal_add(Decimal a, Decimal b, Decimal *sum);
extern bool decimal_subtract(Decimal a, Decimal b, Decimal *difference);
extern bool decimal_multiply(Decimal a, Decimal b, Decimal *product);
extern void decimal_cancel(Decimal *a, Decimal *b);
extern DecimalDivision decimal_divide(Decimal a, Decimal b, Decimal *quotient);
extern bool decimal_count(Decimal a, Decimal b, bool started, Decimal *count);
extern bool decimal_rescale(Decimal a, int scale, Decimal *result);
extern bool decimal_round(Decimal a, int scale, DecimalRounding mode, Decimal *result);
extern int decimal_compare(Decimal a, Decimal b);
extern Decimal decimal_trim_zeros(Decimal a);
extern DecimalScan decimal_scan(const char *text, const char *end, Decimal *number,
								const char **next);
extern int decimal_print(Decimal a, char *text);

/* decimal_is_trimmed tells of most numbers at once that they are; false is not sure. */
static inline bool
decimal_is_trimmed(const Decimal *a)
{
	return a->scale == 0 || (a->value == (int64_t) a->value && (int64_t) a->value % 10 != 0);
}

/* decimal_trim takes the zeros at the end of the fraction away. */
static inline Decimal
decimal_trim(Decimal a)
{
	return decimal_is_trimmed(&a) ? a : decimal_trim_zeros(a);
}

/* decimal_trim_in_place does it where the number stands. */
static inline void
decimal_trim_in_place(Decimal *a)
{
	if (!decimal_is_trimmed(a))
		*a = decimal_trim_zeros(*a);
}

#endif /* BILLING_DECIMAL_CORE_H */
