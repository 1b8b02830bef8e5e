/*
 * decimal_core.c
 *		Exact fixed-point decimals in 128 bits: arithmetic, rounding, text.
 *
 * See decimal_core.h for what a Decimal is.  No function here allocates,
 * raises or depends on the machine's locale.
 */
#include "decimal_core.h"

#include <string.h>

#define E10 ((DecimalInt) 10000000000)

/* Every power of ten that fits a signed 128-bit integer. */
const DecimalInt decimal_power10[DECIMAL_MAX_POWER + 1] = {
	1,
	10,
	100,
	1000,
	10000,
	100000,
	1000000,
	10000000,
	100000000,
	1000000000,
	E10,
	E10 * 10,
	E10 * 100,
	E10 * 1000,
	E10 * 10000,
	E10 * 100000,
	E10 * 1000000,
	E10 * 10000000,
	E10 * 100000000,
	E10 * 1000000000,
	E10 *E10,
	E10 *E10 * 10,
	E10 *E10 * 100,
	E10 *E10 * 1000,
	E10 *E10 * 10000,
	E10 *E10 * 100000,
	E10 *E10 * 1000000,
	E10 *E10 * 10000000,
	E10 *E10 * 100000000,
	E10 *E10 * 1000000000,
	E10 *E10 *E10,
	E10 *E10 *E10 * 10,
	E10 *E10 *E10 * 100,
	E10 *E10 *E10 * 1000,
	E10 *E10 *E10 * 10000,
	E10 *E10 *E10 * 100000,
	E10 *E10 *E10 * 1000000,
	E10 *E10 *E10 * 10000000,
	E10 *E10 *E10 * 100000000,
};

/*
 * decimal_align brings two numbers to the larger of their scales; false when
 * one of them does not fit there.
 */
static bool
decimal_align(Decimal *a, Decimal *b)
{
	if (a->scale < b->scale)
	{
		if (!decimal_shift(a->value, b->scale - a->scale, &a->value))
			return false;
		a->scale = b->scale;
	}
	else if (b->scale < a->scale)
	{
		if (!decimal_shift(b->value, a->scale - b->scale, &b->value))
			return false;
		b->scale = a->scale;
	}
	return true;
}

/* decimal_add gives a + b at the larger of the two scales. */
bool
decimal_add(Decimal a, Decimal b, Decimal *sum)
{
	if (!decimal_align(&a, &b))
		return false;
	sum->scale = a.scale;
	return decimal_add_int(a.value, b.value, &sum->value);
}

/* decimal_subtract gives a - b at the larger of the two scales. */
bool
decimal_subtract(Decimal a, Decimal b, Decimal *difference)
{
	b.value = -b.value;
	return decimal_add(a, b, difference);
}

/* decimal_multiply gives a * b at the sum of the two scales. */
bool
decimal_multiply(Decimal a, Decimal b, Decimal *product)
{
	product->scale = a.scale + b.scale;
	return decimal_multiply_int(a.value, b.value, &product->value);
}

/* greatest_common_divisor of two positive integers, by Euclid. */
static DecimalInt
greatest_common_divisor(DecimalInt a, DecimalInt b)
{
	while (b != 0)
	{
		DecimalInt rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* decimal_cancel divides two numbers by what they have in common: their quotient stays what it is. */
void
decimal_cancel(Decimal *a, Decimal *b)
{
	DecimalInt factor = greatest_common_divisor(a->value, b->value);

	if (factor > 1)
	{
		a->value /= factor;
		b->value /= factor;
	}
}

/*
 * decimal_divide gives the exact quotient of a (not negative) by b (positive),
 * trimmed.  A quotient of decimals has a last digit if, in lowest terms, its
 * denominator is made of twos and fives alone; else the answer is
 * DECIMAL_ENDLESS.
 */
DecimalDivision
decimal_divide(Decimal a, Decimal b, Decimal *quotient)
{
	DecimalInt factor;
	int twos = 0;
	int fives = 0;
	int scale;

	if (b.value == 1 && b.scale == 0)
	{
		*quotient = decimal_trim(a);
		return DECIMAL_DIVIDED;
	}
	b = decimal_trim(b);
	scale = a.scale - b.scale;
	while (b.value % 10 == 0)
	{
		b.value /= 10;
		scale++;
	}
	if (a.value == 0)
	{
		*quotient = decimal_of(0);
		return DECIMAL_DIVIDED;
	}

	if (b.value != 1)
	{
		factor = greatest_common_divisor(a.value, b.value);
		a.value /= factor;
		b.value /= factor;
		for (; b.value % 2 == 0; b.value /= 2)
			twos++;
		for (; b.value % 5 == 0; b.value /= 5)
			fives++;
		if (b.value != 1)
			return DECIMAL_ENDLESS;
	}

	/* 1 / 2^n is 5^n / 10^n, and the other way round */
	scale += twos > fives ? twos : fives;
	for (; twos > fives; fives++)
		if (!decimal_multiply_int(a.value, 5, &a.value))
			return DECIMAL_TOO_WIDE;
	for (; fives > twos; twos++)
		if (!decimal_multiply_int(a.value, 2, &a.value))
			return DECIMAL_TOO_WIDE;
	if (scale < 0)
	{
		if (!decimal_shift(a.value, -scale, &a.value))
			return DECIMAL_TOO_WIDE;
		scale = 0;
	}
	a.scale = scale;
	*quotient = decimal_trim(a);
	return DECIMAL_DIVIDED;
}

/*
 * decimal_count tells how many times b (positive) goes into a (not negative);
 * with `started`, a part of b that is left over counts as a whole one.  False
 * when the two do not fit one scale.
 */
bool
decimal_count(Decimal a, Decimal b, bool started, Decimal *count)
{
	DecimalInt rest;

	if (!decimal_align(&a, &b))
		return false;
	count->scale = 0;
	if (a.value == (int64_t) a.value && b.value == (int64_t) b.value)
	{
		count->value = (int64_t) a.value / (int64_t) b.value;
		rest = (int64_t) a.value % (int64_t) b.value;
	}
	else
	{
		count->value = a.value / b.value;
		rest = a.value % b.value;
	}
	return !(started && rest != 0) || decimal_add_int(count->value, 1, &count->value);
}

/*
 * decimal_rescale writes the same number with another scale; false when it
 * does not fit, or when digits other than zero would be lost.
 */
bool
decimal_rescale(Decimal a, int scale, Decimal *result)
{
	result->scale = scale;
	if (scale >= a.scale)
		return decimal_shift(a.value, scale - a.scale, &result->value);
	a = decimal_trim(a);
	return a.scale <= scale && decimal_shift(a.value, scale - a.scale, &result->value);
}

/*
 * decimal_round rounds to `scale` digits after the point.  A number that has
 * fewer digits is padded with zeros; false when it does not fit then.
 */
bool
decimal_round(Decimal a, int scale, DecimalRounding mode, Decimal *result)
{
	int drop = a.scale - scale;
	DecimalInt rest;
	DecimalInt quotient;
	int half; /* the rest beside a half: -1, 0, 1 */

	if (drop <= 0)
		return decimal_rescale(a, scale, result);

	if (drop > DECIMAL_MAX_POWER)
	{
		/* no value reaches half of 10^39 */
		quotient = 0;
		rest = a.value;
		half = -1;
	}
	else
	{
		DecimalInt unit = decimal_power10[drop];
		DecimalInt magnitude;

		quotient = a.value / unit;
		rest = a.value % unit;
		magnitude = rest < 0 ? -rest : rest;
		half = magnitude < unit - magnitude ? -1 : magnitude > unit - magnitude;
	}

	if (rest != 0 && (mode == DECIMAL_UP || (mode != DECIMAL_DOWN && half > 0) ||
					  (mode == DECIMAL_HALF_UP && half == 0) ||
					  (mode == DECIMAL_HALF_EVEN && half == 0 && quotient % 2 != 0)))
		quotient += a.value < 0 ? -1 : 1;
	result->value = quotient;
	result->scale = scale;
	return true;
}

/*
 * decimal_compare orders two numbers: negative, zero or positive as a is less
 * than, equal to or greater than b.  It never fails: a number that does not
 * fit at the other's scale is the one farther from zero.
 */
int
decimal_compare(Decimal a, Decimal b)
{
	DecimalInt shifted;

	if (a.scale < b.scale)
	{
		if (!decimal_shift(a.value, b.scale - a.scale, &shifted))
			return a.value < 0 ? -1 : 1;
		a.value = shifted;
	}
	else if (a.scale > b.scale)
	{
		if (!decimal_shift(b.value, a.scale - b.scale, &shifted))
			return b.value < 0 ? 1 : -1;
		b.value = shifted;
	}
	return a.value < b.value ? -1 : a.value > b.value;
}

/* decimal_trim_zeros is decimal_trim() where there may be zeros. */
Decimal
decimal_trim_zeros(Decimal a)
{
	if (a.value == 0)
		a.scale = 0;
	/* most numbers fit 64 bits, where a division is many times cheaper */
	if (a.value == (int64_t) a.value)
	{
		int64_t value = (int64_t) a.value;

		for (; a.scale > 0 && value % 10 == 0; a.scale--)
			value /= 10;
		a.value = value;
		return a;
	}
	for (; a.scale > 0 && a.value % 10 == 0; a.scale--)
		a.value /= 10;
	return a;
}

/*
 * decimal_scan reads digits[.digits] or .digits at the start of [text, end)
 * and points *next behind them.  No sign, no exponent: what stands there is
 * the caller's to judge.  The result is trimmed and has at most
 * DECIMAL_MAX_DIGITS digits, before and after the point together, leading
 * zeros not counted; a longer one is still read to its end.
 */
DecimalScan
decimal_scan(const char *text, const char *end, Decimal *number, const char **next)
{
	const char *p;
	bool digits = false;
	bool point = false;
	bool fits = true;
	int zeros = 0; /* of the fraction, not yet known to matter */

	*number = decimal_of(0);
	*next = text;
	for (p = text; p < end; p++)
	{
		if (*p == '.' && !point)
		{
			/* a point without a digit behind it is not ours */
			if (p + 1 == end || p[1] < '0' || p[1] > '9')
				break;
			point = true;
			continue;
		}
		if (*p < '0' || *p > '9')
			break;
		digits = true;
		if (point && *p == '0')
		{
			zeros++;
			continue;
		}
		fits = fits && decimal_shift(number->value, zeros + 1, &number->value) &&
			   decimal_add_int(number->value, *p - '0', &number->value) &&
			   number->value < decimal_power10[DECIMAL_MAX_DIGITS];
		if (point)
			number->scale += zeros + 1;
		zeros = 0;
		fits = fits && number->scale <= DECIMAL_MAX_DIGITS;
	}
	if (!digits)
		return DECIMAL_SCAN_NONE;
	*next = p;
	return fits ? DECIMAL_SCAN_OK : DECIMAL_SCAN_RANGE;
}

/*
 * decimal_print writes the number, its trailing zeros trimmed, and a NUL into
 * text (DECIMAL_TEXT_SIZE bytes) and returns the length.  The scale must not
 * be above 128.
 */
int
decimal_print(Decimal a, char *text)
{
	char digits[DECIMAL_TEXT_SIZE];
	int count = 0;
	char *p = text;
	DecimalUInt rest;

	a = decimal_trim(a);
	rest = a.value < 0 ? -(DecimalUInt) a.value : (DecimalUInt) a.value;
	while (rest > UINT64_MAX)
	{
		digits[count++] = (char) ('0' + (int) (rest % 10));
		rest /= 10;
	}
	for (uint64_t low = (uint64_t) rest; low != 0; low /= 10)
		digits[count++] = (char) ('0' + (int) (low % 10));
	while (count <= a.scale)
		digits[count++] = '0';

	if (a.value < 0)
		*p++ = '-';
	while (count > 0)
	{
		if (count == a.scale)
			*p++ = '.';
		*p++ = digits[--count];
	}
	*p = '\0';
	return (int) (p - text);
}
