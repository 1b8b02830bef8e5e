/*
 * numeric_bridge.c
 *		From numeric to Decimal and back, without numeric's own functions.
 *
 * What is read and written here is numeric's form on disk, which pg_upgrade
 * keeps from release to release but which no header promises.  So the whole
 * knowledge of it stands in this file, and billing_numeric_bridge_init()
 * compares what we read and write with what numeric_in() makes.  If they ever
 * differ, the bridge goes through text instead: slower, and never wrong.
 *
 * The form.  Behind the length word (of one or four bytes; hence the byte
 * pointers, nothing need be aligned) stands a 16-bit header, then digits of
 * base 10000, the most significant first, each in 16 bits:
 *
 *		short	1 0 s dddddd wwwwwww	sign, display scale, weight
 *		long	0 s dddddddddddddd		sign, display scale; the weight
 *										is 16 bits of its own
 *		special	1 1 k k ...				00 NaN, 01 Infinity, 11 -Infinity
 *
 * The weight is the power of 10000 of the first digit.  No digit of zero
 * stands at either end; the number zero has no digits at all.  The display
 * scale is the count of decimals to print: it may be above the count of
 * decimals stored, but never leaves one out that is not zero.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "numeric_bridge.h"

#define HEADER_SIZE ((int) sizeof(uint16))
#define DIGIT_SIZE ((int) sizeof(uint16))
#define GROUP 4 /* decimal digits in a digit of base 10000 */
#define BASE 10000

#define KIND_MASK 0xC000
#define KIND_LONG_NEGATIVE 0x4000
#define KIND_SHORT 0x8000
#define KIND_SPECIAL 0xC000
#define SPECIAL_MASK 0xF000
#define SPECIAL_NAN 0xC000
#define SPECIAL_INFINITY 0xD000
#define LONG_SCALE_MASK 0x3FFF
#define SHORT_NEGATIVE 0x2000
#define SHORT_SCALE_MASK 0x1F80
#define SHORT_SCALE_SHIFT 7
#define SHORT_SCALE_MAX (SHORT_SCALE_MASK >> SHORT_SCALE_SHIFT)
#define SHORT_WEIGHT_SIGN 0x0040
#define SHORT_WEIGHT_MASK 0x003F
#define SHORT_WEIGHT_MAX 63
#define SHORT_WEIGHT_MIN (-64)

/* 128 bits hold 39 digits: at most 11 groups, as the first may be of one digit */
#define MAX_GROUPS 11

/* off if the server's numeric is not the one this file knows */
static bool fast_bridge = true;

static inline uint16
load16(const char *p)
{
	uint16 value;

	memcpy(&value, p, sizeof(value));
	return value;
}

static inline void
store16(char *p, uint16 value)
{
	memcpy(p, &value, sizeof(value));
}

/*
 * collect_digits gives the number whose base-10000 digits are given, times
 * 10^scale; false when that does not fit.  Fraction digits beyond the scale
 * are zeros by the rules of the form.
 */
static bool
collect_digits(const char *digits, int count, int weight, int scale, DecimalInt *result)
{
	int whole = weight + 1; /* groups before the point */
	int full; /* groups taken whole */
	int shift;
	uint16 last;
	DecimalInt value;
	uint64 small = 0;
	int i;

	/* the last group of the fraction may reach beyond the scale */
	full = (count - whole) * GROUP > scale ? count - 1 : count;

	/* four groups fit 64 bits, where arithmetic is cheap */
	for (i = 0; i < full && i < 4; i++)
		small = small * BASE + load16(digits + i * DIGIT_SIZE);
	value = small;
	for (; i < full; i++)
	{
		if (!decimal_multiply_int(value, BASE, &value) ||
			!decimal_add_int(value, load16(digits + i * DIGIT_SIZE), &value))
			return false;
	}
	if (full == count)
	{
		/* zeros up to the scale: whole groups that are not stored, or none */
		shift = scale - (count - whole) * GROUP;
		return decimal_shift(value, shift, result);
	}

	shift = (count - whole) * GROUP - scale;
	last = load16(digits + full * DIGIT_SIZE);
	for (i = 0; i < shift; i++)
		last /= 10;
	return decimal_shift(value, GROUP - shift, &value) && decimal_add_int(value, last, result);
}

/*
 * read_numeric reads numeric's form.  `scale` of the result is the smaller of
 * the display scale and the decimals stored.
 */
static NumericKind
read_numeric(const struct varlena *number, Decimal *result)
{
	const char *data = VARDATA_ANY(number);
	int size = (int) VARSIZE_ANY_EXHDR(number);
	uint16 header = load16(data);
	const char *digits;
	int scale;
	int weight;
	int count;
	bool negative;

	if ((header & KIND_MASK) == KIND_SPECIAL)
	{
		if ((header & SPECIAL_MASK) == SPECIAL_NAN)
			return NUMERIC_KIND_NAN;
		return (header & SPECIAL_MASK) == SPECIAL_INFINITY ? NUMERIC_KIND_INFINITY
														   : NUMERIC_KIND_MINUS_INFINITY;
	}
	if ((header & KIND_MASK) == KIND_SHORT)
	{
		negative = (header & SHORT_NEGATIVE) != 0;
		scale = (header & SHORT_SCALE_MASK) >> SHORT_SCALE_SHIFT;
		weight = (header & SHORT_WEIGHT_SIGN) ? (int) (header | ~SHORT_WEIGHT_MASK)
											  : (int) (header & SHORT_WEIGHT_MASK);
		digits = data + HEADER_SIZE;
	}
	else
	{
		negative = (header & KIND_MASK) == KIND_LONG_NEGATIVE;
		scale = header & LONG_SCALE_MASK;
		weight = (int16) load16(data + HEADER_SIZE);
		digits = data + HEADER_SIZE + sizeof(int16);
	}
	count = (size - (int) (digits - data)) / DIGIT_SIZE;

	result->value = 0;
	result->scale = 0;
	if (count == 0)
		return NUMERIC_KIND_FITS;
	if (count > MAX_GROUPS)
		return NUMERIC_KIND_WIDE;
	result->scale = Min(scale, Max(count - weight - 1, 0) * GROUP);
	if (!collect_digits(digits, count, weight, result->scale, &result->value))
		return NUMERIC_KIND_WIDE;
	if (negative)
		result->value = -result->value;
	return NUMERIC_KIND_FITS;
}

/*
 * read_numeric_text does the same through numeric's printed form.
 */
static NumericKind
read_numeric_text(Datum number, Decimal *result)
{
	char *text = DatumGetCString(DirectFunctionCall1(numeric_out, number));
	const char *p = text;
	const char *end = text + strlen(text);
	const char *point = strchr(text, '.');
	DecimalInt value = 0;
	bool negative = *p == '-';

	if (negative)
		p++;
	if (*p == 'N')
		return NUMERIC_KIND_NAN;
	if (*p == 'I')
		return negative ? NUMERIC_KIND_MINUS_INFINITY : NUMERIC_KIND_INFINITY;
	if (point != NULL)
		while (end > point + 1 && end[-1] == '0')
			end--;
	result->scale = point == NULL ? 0 : (int) (end - point - 1);
	for (; p < end; p++)
	{
		if (p == point)
			continue;
		if (!decimal_shift(value, 1, &value) || !decimal_add_int(value, *p - '0', &value))
		{
			pfree(text);
			return NUMERIC_KIND_WIDE;
		}
	}
	pfree(text);
	result->value = negative ? -value : value;
	return NUMERIC_KIND_FITS;
}

/*
 * billing_decimal_from_numeric reads any numeric datum: toasted or not, with a
 * short or a long length word, aligned or not.  The scale of the result is at
 * most the numeric's display scale; it is not trimmed.
 */
NumericKind
billing_decimal_from_numeric(Datum number, Decimal *result)
{
	struct varlena *packed;
	NumericKind kind;

	if (unlikely(!fast_bridge))
		return read_numeric_text(number, result);
	packed = PG_DETOAST_DATUM_PACKED(number);
	kind = read_numeric(packed, result);
	if (unlikely((Pointer) packed != DatumGetPointer(number)))
		pfree(packed);
	return kind;
}

/*
 * split_groups writes the base-10000 digits of magnitude / 10^scale so that
 * they end at `end`, and returns how many there are.  The first group written
 * is the last of the fraction, filled up with zeros to four decimals.
 */
static int
split_groups(DecimalUInt magnitude, int scale, uint16 *end)
{
	uint16 *p = end;
	int odd = scale % GROUP;
	uint64 rest;

	if (odd != 0)
	{
		static const uint16 power[GROUP] = {1, 10, 100, 1000};

		if (magnitude <= PG_UINT64_MAX)
		{
			uint64 small = (uint64) magnitude;

			*--p = (uint16) (small % power[odd] * power[GROUP - odd]);
			magnitude = small / power[odd];
		}
		else
		{
			*--p = (uint16) ((int) (magnitude % power[odd]) * power[GROUP - odd]);
			magnitude /= power[odd];
		}
	}
	while (magnitude > PG_UINT64_MAX)
	{
		/* one wide division for four groups */
		DecimalUInt quotient = magnitude / UINT64CONST(10000000000000000);

		rest = (uint64) (magnitude - quotient * UINT64CONST(10000000000000000));
		for (int i = 0; i < 4; i++, rest /= BASE)
			*--p = (uint16) (rest % BASE);
		magnitude = quotient;
	}
	for (rest = (uint64) magnitude; rest != 0; rest /= BASE)
		*--p = (uint16) (rest % BASE);
	return (int) (end - p);
}

/*
 * store_numeric builds numeric's form from digits without zeros at either end.
 */
static Numeric
store_numeric(const uint16 *digits, int count, int weight, bool negative, int scale)
{
	bool is_short =
		scale <= SHORT_SCALE_MAX && weight <= SHORT_WEIGHT_MAX && weight >= SHORT_WEIGHT_MIN;
	int head = is_short ? HEADER_SIZE : HEADER_SIZE + (int) sizeof(int16);
	int size = VARHDRSZ + head + count * DIGIT_SIZE;
	char *number = palloc(size);
	char *data = VARDATA(number);

	SET_VARSIZE(number, size);
	if (is_short)
		store16(
			data,
			(uint16) (KIND_SHORT | (negative ? SHORT_NEGATIVE : 0) | (scale << SHORT_SCALE_SHIFT) |
					  (weight < 0 ? SHORT_WEIGHT_SIGN : 0) | (weight & SHORT_WEIGHT_MASK)));
	else
	{
		store16(data, (uint16) ((negative ? KIND_LONG_NEGATIVE : 0) | scale));
		store16(data + HEADER_SIZE, (uint16) (int16) weight);
	}
	for (int i = 0; i < count; i++)
		store16(data + head + i * DIGIT_SIZE, digits[i]);
	return (Numeric) number;
}

/*
 * write_numeric builds a numeric that displays `display` decimals, or, if that
 * is negative, as few as the number has.
 */
static Numeric
write_numeric(Decimal number, int display)
{
	uint16 buffer[MAX_GROUPS + 2];
	uint16 *end = buffer + lengthof(buffer);
	uint16 *first;
	int count;
	int fraction = (number.scale + GROUP - 1) / GROUP;
	int weight;
	int scale = number.scale;
	bool negative = number.value < 0;

	if (number.value == 0)
		return store_numeric(NULL, 0, 0, false, Max(display, 0));

	count = split_groups(negative ? -(DecimalUInt) number.value : (DecimalUInt) number.value,
						 number.scale, end);
	first = end - count;
	weight = count - fraction - 1;
	while (*first == 0)
	{
		first++;
		count--;
		weight--;
	}
	while (first[count - 1] == 0)
		count--;

	/* decimals stored, of which the last group may hold some zeros */
	fraction = count - weight - 1;
	if (fraction <= 0)
		scale = 0;
	else
	{
		uint16 last = first[count - 1];

		scale = fraction * GROUP;
		for (; last % 10 == 0; last /= 10)
			scale--;
	}
	return store_numeric(first, count, weight, negative, display < 0 ? scale : display);
}

/*
 * write_numeric_text does the same through numeric_in and numeric's functions.
 */
static Numeric
write_numeric_text(Decimal number, int display)
{
	char text[64];
	char *p = text + sizeof(text);
	DecimalUInt rest = number.value < 0 ? -(DecimalUInt) number.value : (DecimalUInt) number.value;
	Datum result;

	/* numeric_in takes an exponent, so that no scale is too large for text[] */
	p -= 16;
	snprintf(p, 16, "e-%d", number.scale);
	do
		*--p = (char) ('0' + (int) (rest % 10));
	while ((rest /= 10) != 0);
	if (number.value < 0)
		*--p = '-';
	result = DirectFunctionCall3(numeric_in, CStringGetDatum(p), ObjectIdGetDatum(InvalidOid),
								 Int32GetDatum(-1));
	result = DirectFunctionCall1(numeric_trim_scale, result);
	if (display >= 0)
		result = DirectFunctionCall2(numeric_round, result, Int32GetDatum(display));
	return DatumGetNumeric(result);
}

/*
 * billing_numeric_from_decimal makes a numeric, in the current memory context,
 * with no zeros at the end of its fraction.
 */
Numeric
billing_numeric_from_decimal(Decimal number)
{
	return likely(fast_bridge) ? write_numeric(number, -1) : write_numeric_text(number, -1);
}

/*
 * billing_numeric_from_rounded makes a numeric that shows exactly `scale`
 * decimals; the number must not have more.
 */
Numeric
billing_numeric_from_rounded(Decimal number, int scale)
{
	return likely(fast_bridge) ? write_numeric(number, scale) : write_numeric_text(number, scale);
}

/*
 * same_both_ways tells whether the direct way reads and writes the number just
 * as numeric_in and numeric_out do.
 */
static bool
same_both_ways(const char *text, NumericKind expected_kind)
{
	Datum number = DirectFunctionCall3(numeric_in, CStringGetDatum(text),
									   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	Decimal direct = {0, 0};
	Decimal printed = {0, 0};
	Numeric built;
	Datum trimmed;

	if (read_numeric((struct varlena *) DatumGetPointer(number), &direct) != expected_kind ||
		read_numeric_text(number, &printed) != expected_kind)
		return false;
	if (expected_kind != NUMERIC_KIND_FITS)
		return true;
	if (decimal_compare(direct, printed) != 0)
		return false;

	built = write_numeric(direct, -1);
	trimmed = DirectFunctionCall1(numeric_trim_scale, number);
	return VARSIZE_ANY(built) == VARSIZE_ANY(DatumGetPointer(trimmed)) &&
		   memcmp(built, DatumGetPointer(trimmed), VARSIZE_ANY(built)) == 0;
}

/*
 * billing_numeric_bridge_init tries the direct way on numbers of every form
 * and switches it off if one of them fails.  It is called once, when the
 * library is loaded.
 */
void
billing_numeric_bridge_init(void)
{
	static const struct
	{
		const char *text;
		NumericKind kind;
	} samples[] = {
		{"0", NUMERIC_KIND_FITS},
		{"0.000", NUMERIC_KIND_FITS},
		{"1", NUMERIC_KIND_FITS},
		{"-1", NUMERIC_KIND_FITS},
		{"9999", NUMERIC_KIND_FITS},
		{"10000", NUMERIC_KIND_FITS},
		{"123456789.0123", NUMERIC_KIND_FITS},
		{"-123456789.01230", NUMERIC_KIND_FITS},
		{"0.00005", NUMERIC_KIND_FITS},
		{"0.1000000000000000000000000000000000000", NUMERIC_KIND_FITS},
		{"170141183460469231731687303715884105727", NUMERIC_KIND_FITS},
		{"-170141183460469231731687303715884105727", NUMERIC_KIND_FITS},
		{"170141183460469231731687303715884105728", NUMERIC_KIND_WIDE},
		{"1.70141183460469231731687303715884105727", NUMERIC_KIND_FITS},
		{"100000000000000000000000000000000000000", NUMERIC_KIND_FITS},
		{"1000000000000000000000000000000000000000", NUMERIC_KIND_WIDE},
		{"7e-70", NUMERIC_KIND_FITS},
		{"7e-300", NUMERIC_KIND_FITS},
		{"1e300", NUMERIC_KIND_WIDE},
		{"NaN", NUMERIC_KIND_NAN},
		{"Infinity", NUMERIC_KIND_INFINITY},
		{"-Infinity", NUMERIC_KIND_MINUS_INFINITY},
	};

	for (int i = 0; i < lengthof(samples) && fast_bridge; i++)
		fast_bridge = same_both_ways(samples[i].text, samples[i].kind);
	if (!fast_bridge)
		elog(DEBUG1, "billing reads numeric through text: its form is not the expected one");
}

/* billing_numeric_bridge_is_fast tells whether numeric is read directly. */
bool
billing_numeric_bridge_is_fast(void)
{
	return fast_bridge;
}

/*
 * billing_numeric_bridge_set_fast switches the direct way off, or on again, so
 * that tests can compare the two; it returns what was in force before.
 */
bool
billing_numeric_bridge_set_fast(bool fast)
{
	bool before = fast_bridge;

	fast_bridge = fast;
	return before;
}
