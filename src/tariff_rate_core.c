/*
 * tariff_rate_core.c
 *		The price of a quantity, straight from the packed form, in 128 bits.
 */
#include "tariff_pack.h"

/* Up to here a search from the first tier on beats halving. */
#define LINEAR_TIERS 8

/*
 * find_tier gives the first tier whose bound is not below the position, or the
 * number of tiers if there is none.
 */
static inline int
find_tier(const char *packed, int tiers, DecimalInt position)
{
	int low = 0;
	int high = tiers;

	if (tiers <= LINEAR_TIERS)
	{
		while (low < tiers && tariff_packed_bound(packed, low) < position)
			low++;
		return low;
	}
	while (low < high)
	{
		int middle = (low + high) / 2;

		if (tariff_packed_bound(packed, middle) < position)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * position_of writes a quantity at the scale of the bounds, as the integer that
 * is above a bound if and only if the quantity is beyond that bound's tier:
 * rounded up where a bound belongs to the tier below it, and to the next higher
 * integer where it belongs to the tier above.  False when it does not fit.
 */
static inline bool
position_of(Decimal quantity, int scale, bool bounds_lower, DecimalInt *position)
{
	int drop = quantity.scale - scale;
	bool rest = false;

	if (drop <= 0)
	{
		if (!decimal_shift(quantity.value, -drop, position))
			return false;
	}
	else if (drop > DECIMAL_MAX_POWER)
	{
		*position = 0; /* far below one unit of the scale */
		rest = quantity.value != 0;
	}
	else if (quantity.value <= INT64_MAX && drop < 19)
	{
		int64_t value = (int64_t) quantity.value;
		int64_t unit = (int64_t) decimal_power10[drop];

		*position = value / unit;
		rest = value % unit != 0;
	}
	else
	{
		*position = quantity.value / decimal_power10[drop];
		rest = quantity.value % decimal_power10[drop] != 0;
	}
	return !(rest || bounds_lower) || decimal_add_int(*position, 1, position);
}

/* what happens to a quantity before it meets the tiers */
#define BEFORE_TIERS (TARIFF_HAS_FREE | TARIFF_BLOCK_FIRST)

/*
 * make_billed takes what is free off a quantity, and rounds the rest to whole
 * blocks where that comes before the tiers; false when it does not fit.
 */
static bool
make_billed(const char *packed, uint32_t format, Decimal *quantity)
{
	if (format & TARIFF_HAS_FREE)
	{
		Decimal free = tariff_packed_number(packed, TARIFF_HAS_FREE);
		bool covered = decimal_compare(*quantity, free) <= 0;

		if (covered)
			*quantity = decimal_of(0);
		else if (!(format & TARIFF_FREE_THRESHOLD) && !decimal_subtract(*quantity, free, quantity))
			return false;
	}
	if (format & TARIFF_BLOCK_FIRST)
	{
		Decimal block = tariff_packed_number(packed, TARIFF_BLOCK_FIRST);

		return decimal_count(*quantity, block, !(format & TARIFF_BLOCKS_DOWN), quantity) &&
			   decimal_multiply(*quantity, block, quantity);
	}
	return true;
}

/*
 * ends_here tells whether a quantity equals the last bound, which belongs to
 * the last tier whatever other bounds do.
 */
static bool
ends_here(const char *packed, int tiers, Decimal quantity)
{
	Decimal end = {tariff_packed_bound(packed, tiers - 1), tariff_packed_bound_scale(packed)};

	return decimal_compare(quantity, end) == 0;
}

/*
 * find_line looks for the tier that prices a quantity, and makes the quantity
 * the billed one.  The tier is -1 where none is entered.
 */
static inline TariffRating
find_line(const char *packed, uint32_t format, Decimal *quantity, int *tier)
{
	int tiers = tariff_packed_count(packed);
	DecimalInt position;

	*tier = 0;
	if (quantity->scale > 1000)
		return TARIFF_RATE_WIDE;
	if ((format & BEFORE_TIERS) && !make_billed(packed, format, quantity))
		return TARIFF_RATE_WIDE;
	if (quantity->value != 0)
	{
		if (!position_of(*quantity, tariff_packed_bound_scale(packed),
						 (format & TARIFF_BOUNDS_LOWER) != 0, &position))
			return TARIFF_RATE_WIDE;
		*tier = find_tier(packed, tiers, position);
		if (*tier == tiers)
		{
			if (!ends_here(packed, tiers, *quantity))
				return TARIFF_RATE_BEYOND;
			(*tier)--;
		}
	}
	else if (!(format & TARIFF_ZERO_FLAT))
		*tier = -1;
	return TARIFF_RATED;
}

/* price_line computes units * unit + offset of a tier. */
static inline TariffRating
price_line(const char *packed, int tier, Decimal units, Decimal *amount)
{
	const char *line = tariff_packed_line(packed, tariff_packed_count(packed), tier);
	Decimal offset;

	offset.scale = (uint8_t) line[TARIFF_LINE_OFFSET_SCALE];
	if (offset.scale == TARIFF_NO_OFFSET ||
		!decimal_multiply_int(units.value, tariff_packed_int(line), &amount->value))
		return TARIFF_RATE_WIDE;
	amount->scale = units.scale + (uint8_t) line[TARIFF_LINE_UNIT_SCALE];

	offset.value = tariff_packed_int(line + TARIFF_LINE_OFFSET);
	if (offset.value != 0 && !decimal_add(*amount, offset, amount))
		return TARIFF_RATE_WIDE;
	return TARIFF_RATED;
}

/*
 * count_blocks turns a quantity into the blocks of its tier, if that has a
 * block; false when it does not fit.
 */
static bool
count_blocks(const char *packed, uint32_t format, int tier, Decimal *quantity)
{
	Decimal block = tariff_packed_block(packed, tier);
	Decimal lower;

	if (block.value == 0)
		return true;
	if (tier > 0 && !(format & TARIFF_MODEL_MASK))
	{
		lower.value = tariff_packed_bound(packed, tier - 1);
		lower.scale = tariff_packed_bound_scale(packed);
		if (!decimal_subtract(*quantity, lower, quantity))
			return false;
	}
	return decimal_count(*quantity, block, !(format & TARIFF_BLOCKS_DOWN), quantity);
}

/*
 * rate_stepped prices with a tariff that has blocks, a minimum, a maximum or
 * digits.
 */
static __attribute__((noinline)) TariffRating
rate_stepped(const char *packed, uint32_t format, Decimal quantity, Decimal *amount)
{
	int tier;
	TariffRating rating = find_line(packed, format, &quantity, &tier);
	DecimalRounding rounding;
	int digits;

	*amount = decimal_of(0);
	if (rating != TARIFF_RATED || tier < 0)
		return rating;
	if (!count_blocks(packed, format, tier, &quantity))
		return TARIFF_RATE_WIDE;
	rating = price_line(packed, tier, quantity, amount);
	if (rating != TARIFF_RATED)
		return rating;

	if (format & TARIFF_HAS_MIN)
	{
		Decimal min = tariff_packed_number(packed, TARIFF_HAS_MIN);

		if (decimal_compare(*amount, min) < 0)
			*amount = min;
	}
	if (format & TARIFF_HAS_MAX)
	{
		Decimal max = tariff_packed_number(packed, TARIFF_HAS_MAX);

		if (decimal_compare(*amount, max) > 0)
			*amount = max;
	}
	digits = tariff_packed_digits(packed, &rounding);
	if (digits != TARIFF_NO_DIGITS && amount->scale > digits &&
		!decimal_round(*amount, digits, rounding, amount))
		return TARIFF_RATE_WIDE;
	return TARIFF_RATED;
}

/*
 * tariff_rate prices a quantity, which must not be negative, with a packed
 * tariff.  The amount is exact and not trimmed.
 *
 * Whatever does not fit 128 bits is answered TARIFF_RATE_WIDE, and the caller
 * takes the unlimited path; so is a quantity of more than 1000 decimals, which
 * would give an amount that numeric can't hold.
 */
TariffRating
tariff_rate(const char *packed, Decimal quantity, Decimal *amount)
{
	uint32_t format = tariff_packed_format(packed);
	TariffRating rating;
	int tier;

	if (format & TARIFF_STEPPED)
		return rate_stepped(packed, format, quantity, amount);
	rating = find_line(packed, format, &quantity, &tier);
	if (rating != TARIFF_RATED)
		return rating;
	if (tier < 0)
	{
		*amount = decimal_of(0);
		return TARIFF_RATED;
	}
	return price_line(packed, tier, quantity, amount);
}
