/*
 * tariff_receive_core.c
 *		The short way from the binary form of a tariff into the packed one.
 *
 * Most price lists are plain: tiers with a bound, a price and perhaps a flat,
 * one per for all, every number within 64 bits.  Their binary form goes into
 * the packed form in one pass, each number looked at once.  Whatever is not
 * plain, or not in order, takes the long way (tariff_binary_core.c), which
 * reads everything and says what is wrong; so here a refusal needs no reason,
 * and all that must hold is: what is taken here is taken there, and packs to
 * the same bytes.  The fuzz target of the binary reader compares them.
 */
#include <string.h>

#include "tariff_pack.h"

#define HEAD_SIZE (4 + 2 + TARIFF_WIRE_NUMBER_SIZE)
#define PLAIN_BITS (TARIFF_VERSION_MASK | TARIFF_MODEL_MASK | TARIFF_HAS_FLATS | TARIFF_OPEN_END)

static inline uint64_t
get_word(const unsigned char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

/* take_number reads a number and moves on; false if it is not trimmed, or long. */
static inline bool
take_number(const unsigned char **p, Decimal *number)
{
	uint64_t low = get_word(*p + 9);
	int scale = (*p)[0];

	if (get_word(*p + 1) != 0 || low > INT64_MAX ||
		(scale != 0 && (scale > DECIMAL_MAX_DIGITS || low % 10 == 0)))
		return false;
	number->scale = scale;
	number->value = (DecimalInt) low;
	*p += TARIFF_WIRE_NUMBER_SIZE;
	return true;
}

static inline uint32_t
wire_format(const unsigned char *head)
{
	return (uint32_t) head[0] << 24 | (uint32_t) head[1] << 16 | (uint32_t) head[2] << 8 | head[3];
}

/*
 * tariff_receive_size gives the size of the packed form of data that may be a
 * plain tariff; 0 for all others.
 */
size_t
tariff_receive_size(const char *data, size_t length)
{
	const unsigned char *head = (const unsigned char *) data;
	uint32_t format;
	size_t tiers;
	size_t numbers;

	if (length < HEAD_SIZE)
		return 0;
	format = wire_format(head);
	tiers = (size_t) head[4] << 8 | head[5];
	numbers = tiers * ((format & TARIFF_HAS_FLATS) ? 3 : 2) - ((format & TARIFF_OPEN_END) ? 1 : 0);
	if ((format & TARIFF_VERSION_MASK) != TARIFF_VERSION ||
		(format & ~(uint32_t) PLAIN_BITS) != 0 || tiers == 0 || tiers > TARIFF_MAX_TIERS ||
		length != HEAD_SIZE + numbers * TARIFF_WIRE_NUMBER_SIZE)
		return 0;
	return tariff_size_of(format, tiers);
}

/* widest_bound gives the scale that all bounds of plain data can be written with. */
static int
widest_bound(const unsigned char *p, size_t bounds, size_t stride)
{
	int scale = 0;

	for (size_t i = 0; i < bounds; i++, p += stride)
		if (*p > scale)
			scale = *p;
	return scale;
}

/* raise_short multiplies a value by a power of ten within 64 bits; false when it does not fit. */
static inline bool
raise_short(int64_t *value, int digits)
{
	static const int64_t power[] = {
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
		10000000000,
		100000000000,
		1000000000000,
		10000000000000,
		100000000000000,
		1000000000000000,
		10000000000000000,
		100000000000000000,
		1000000000000000000,
	};

	return digits < (int) (sizeof(power) / sizeof(power[0])) &&
		   !__builtin_mul_overflow(*value, power[digits], value);
}

/* add_short adds two numbers within 64 bits; false, with nothing changed, when it does not fit. */
static inline bool
add_short(int64_t *sum, int *sum_scale, int64_t value, int scale)
{
	int64_t total = *sum;

	if (scale > *sum_scale ? !raise_short(&total, scale - *sum_scale)
						   : scale < *sum_scale && !raise_short(&value, *sum_scale - scale))
		return false;
	if (__builtin_add_overflow(total, value, &total))
		return false;
	*sum = total;
	if (scale > *sum_scale)
		*sum_scale = scale;
	return true;
}

/*
 * next_line moves from one tier's line to the next tier's: what a unit costs
 * here, and the offset of a graduated tier.  The two lines meet at the bound
 * between them, but for the flat.  Mostly all of it is short; the sum is
 * trimmed once, as tariff_next_offset() leaves it.
 */
static inline bool
next_line(Decimal *unit, Decimal *offset, Decimal bound, const Decimal *here, const Decimal *flat)
{
	int64_t step = (int64_t) unit->value;
	int step_scale = unit->scale;
	int64_t sum = (int64_t) offset->value;
	int scale = offset->scale;

	if (step == unit->value && (int64_t) here->value == here->value && sum == offset->value &&
		flat->value == 0 && add_short(&step, &step_scale, -(int64_t) here->value, here->scale) &&
		!__builtin_mul_overflow(step, (int64_t) bound.value, &step) &&
		add_short(&sum, &scale, step, step_scale + bound.scale))
	{
		for (; scale > 0 && sum % 10 == 0; scale--)
			sum /= 10;
		offset->value = sum;
		offset->scale = scale;
	}
	else if (!tariff_next_offset(*unit, bound, *here, *flat, offset))
		return false;
	*unit = *here;
	return true;
}

/*
 * tariff_receive packs plain data, into tariff_receive_size() bytes; false if
 * they have to take the long way.
 */
bool
tariff_receive(const char *data, char *packed)
{
	const unsigned char *p = (const unsigned char *) data;
	uint32_t format = wire_format(p);
	uint16_t count = (uint16_t) (p[4] << 8 | p[5]);
	size_t stride = ((format & TARIFF_HAS_FLATS) ? 3 : 2) * TARIFF_WIRE_NUMBER_SIZE;
	bool volume = (format & TARIFF_MODEL_MASK) != 0;
	bool priced = false;
	bool flats = false;
	char *bounds = packed + TARIFF_HEAD_SIZE;
	char *line = bounds + (size_t) count * TARIFF_INT_SIZE;
	char *prices = line + (size_t) count * TARIFF_LINE_SIZE;
	char *flat_at = prices + (size_t) count * TARIFF_INT_SIZE;
	DecimalInt before = 0;
	Decimal per;
	Decimal bound = {0, 0};
	Decimal unit = {0, 0};
	Decimal offset = {0, 0};
	int scale;

	p += 6;
	if (!take_number(&p, &per) || per.value == 0)
		return false;
	scale = widest_bound(p, count - ((format & TARIFF_OPEN_END) ? 1u : 0u), stride);
	memcpy(packed, &format, sizeof(format));
	memcpy(packed + 4, &count, sizeof(count));
	packed[6] = (char) scale;
	packed[7] = (char) per.scale;
	memcpy(packed + 8, &per.value, TARIFF_INT_SIZE);

	for (int i = 0; i < count; i++)
	{
		Decimal lower = bound;
		Decimal wide = {DECIMAL_VALUE_MAX, scale};
		Decimal price;
		Decimal here;
		Decimal flat = {0, 0};

		if (i < count - 1 || !(format & TARIFF_OPEN_END))
		{
			if (!take_number(&p, &bound))
				return false;
			wide = bound;
			if (bound.scale != scale && !decimal_rescale(bound, scale, &wide))
				return false;
			if (wide.value <= before)
				return false;
			before = wide.value;
		}
		if (!take_number(&p, &price) || ((format & TARIFF_HAS_FLATS) && !take_number(&p, &flat)))
			return false;
		here = price;
		if ((per.value != 1 || per.scale != 0) &&
			decimal_divide(price, per, &here) != DECIMAL_DIVIDED)
			return false;
		if (volume || i == 0)
		{
			unit = here;
			offset = flat;
		}
		else if (!next_line(&unit, &offset, lower, &here, &flat) ||
				 offset.scale >= TARIFF_NO_OFFSET)
			return false;

		tariff_put_int(bounds, wide.value);
		tariff_store_line(line, here, &offset, price.scale, flat.scale, per.scale, 0);
		tariff_put_int(prices, price.value);
		if (format & TARIFF_HAS_FLATS)
			tariff_put_int(flat_at, flat.value);
		bounds += TARIFF_INT_SIZE;
		line += TARIFF_LINE_SIZE;
		prices += TARIFF_INT_SIZE;
		flat_at += TARIFF_INT_SIZE;
		priced = priced || price.value != 0;
		flats = flats || flat.value != 0;
	}
	/* canonical: flats are sent if there are any, and a per if it divides something */
	return flats == ((format & TARIFF_HAS_FLATS) != 0) &&
		   (priced || (per.value == 1 && per.scale == 0));
}
