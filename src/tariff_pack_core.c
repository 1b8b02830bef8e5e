/*
 * tariff_pack_core.c
 *		Tariffs into the packed form and out of it; see tariff_pack.h.
 */
#include "tariff_pack.h"

/* tariff_format_of computes the format word of a finished tariff. */
uint32_t
tariff_format_of(const TariffSpec *spec)
{
	uint32_t format = TARIFF_VERSION | ((uint32_t) spec->model << TARIFF_MODEL_SHIFT);

	for (int i = 0; i < spec->tier_count; i++)
	{
		if (spec->tiers[i].flat.value != 0)
			format |= TARIFF_HAS_FLATS;
		if (spec->tiers[i].has_per)
			format |= TARIFF_HAS_PERS;
		if (spec->tiers[i].block.value != 0)
			format |= TARIFF_HAS_BLOCKS;
	}
	if (!spec->tiers[spec->tier_count - 1].has_bound)
		format |= TARIFF_OPEN_END;
	if (spec->free.value != 0)
		format |= TARIFF_HAS_FREE;
	if (spec->free_threshold)
		format |= TARIFF_FREE_THRESHOLD;
	if (spec->bounds_lower)
		format |= TARIFF_BOUNDS_LOWER;
	if (spec->zero_flat)
		format |= TARIFF_ZERO_FLAT;
	if (spec->block_down)
		format |= TARIFF_BLOCKS_DOWN;
	if (spec->min.value != 0)
		format |= TARIFF_HAS_MIN;
	if (spec->max.value != 0)
		format |= TARIFF_HAS_MAX;
	if (spec->digits != TARIFF_NO_DIGITS)
		format |= TARIFF_HAS_DIGITS;
	if (spec->each)
		format |= TARIFF_EACH;
	if (spec->block_first)
		format |= TARIFF_BLOCK_FIRST;
	return format;
}

/* tariff_packed_size gives the size of a finished tariff once it is packed. */
size_t
tariff_packed_size(const TariffSpec *spec)
{
	return tariff_size_of(tariff_format_of(spec), (size_t) spec->tier_count);
}

/* tariff_packed_tiers gives the number of tiers of a packed tariff. */
int
tariff_packed_tiers(const char *packed)
{
	return tariff_packed_count(packed);
}

/* tariff_packed_each tells whether a packed tariff prices each usage row on its own. */
bool
tariff_packed_each(const char *packed)
{
	return (tariff_packed_format(packed) & TARIFF_EACH) != 0;
}

/*
 * tariff_check_packed refuses what this version can't read.  It does not look
 * at the numbers: those have been checked when the tariff was made.
 */
TariffStatus
tariff_check_packed(const char *packed, size_t length)
{
	uint32_t format;

	if (length < TARIFF_HEAD_SIZE)
		return TARIFF_MALFORMED;
	format = tariff_packed_format(packed);
	if ((format & TARIFF_VERSION_MASK) != TARIFF_VERSION || (format & ~TARIFF_KNOWN_BITS) != 0)
		return TARIFF_UNKNOWN_FORMAT;
	if (tariff_packed_count(packed) == 0 ||
		((format & TARIFF_BLOCK_FIRST) && (format & TARIFF_HAS_BLOCKS)) ||
		length != tariff_size_of(format, (size_t) tariff_packed_count(packed)))
		return TARIFF_MALFORMED;
	return TARIFF_OK;
}

/*
 * add_full_tier adds what the tier below `tier` costs in full to the running
 * sum; false when that does not fit.
 */
static bool
add_full_tier(const TariffSpec *spec, int tier, Decimal *sum)
{
	const TariffTier *below = &spec->tiers[tier - 1];
	Decimal lower = tier > 1 ? spec->tiers[tier - 2].bound : decimal_of(0);
	Decimal amount;

	if (!decimal_subtract(below->bound, lower, &amount))
		return false;
	if (below->block.value != 0 && !decimal_count(amount, below->block, !spec->block_down, &amount))
		return false;
	return decimal_multiply(amount, below->unit, &amount) &&
		   decimal_add(*sum, decimal_trim(amount), sum);
}

/*
 * offset_of computes the offset of one graduated tier from the running sum of
 * the tiers below it and all flats up to it; false when it does not fit.
 */
static bool
offset_of(const TariffSpec *spec, int tier, Decimal sum, Decimal *offset)
{
	Decimal lower = tier > 0 ? spec->tiers[tier - 1].bound : decimal_of(0);
	Decimal here = decimal_of(0);

	/* blocks are counted from the lower end, a line from zero */
	if (spec->tiers[tier].block.value == 0 &&
		!decimal_multiply(lower, spec->tiers[tier].unit, &here))
		return false;
	if (!decimal_subtract(sum, decimal_trim(here), offset))
		return false;
	*offset = decimal_trim(*offset);
	return offset->scale < TARIFF_NO_OFFSET;
}

/* store_line writes one line of the packed form. */
static void
store_line(char *line, const TariffTier *tier, const Decimal *offset)
{
	tariff_store_line(line, tier->unit, offset, tier->price.scale, tier->flat.scale,
					  tier->per.scale, tier->block.scale);
}

/* pack_plain_lines writes the lines of a graduated tariff without blocks. */
static void
pack_plain_lines(const TariffSpec *spec, char *packed)
{
	Decimal offset = spec->tiers[0].flat;
	bool fits = true;

	for (int i = 0; i < spec->tier_count; i++, packed += TARIFF_LINE_SIZE)
	{
		const TariffTier *here = &spec->tiers[i];

		fits = fits && (i == 0 || tariff_next_offset(here[-1].unit, here[-1].bound, here->unit,
													 here->flat, &offset));
		store_line(packed, &spec->tiers[i], fits ? &offset : NULL);
	}
}

/* pack_lines writes the lines of any other tariff. */
static void
pack_lines(const TariffSpec *spec, char *packed)
{
	Decimal sum = decimal_of(0);
	bool fits = true;

	for (int i = 0; i < spec->tier_count; i++)
	{
		const TariffTier *tier = &spec->tiers[i];
		Decimal offset = tier->flat;
		bool here = true;

		if (spec->model == TARIFF_GRADUATED)
		{
			fits = fits && (i == 0 || add_full_tier(spec, i, &sum)) &&
				   decimal_add(sum, tier->flat, &sum);
			here = fits && offset_of(spec, i, sum, &offset);
		}
		store_line(packed + (size_t) i * TARIFF_LINE_SIZE, tier, here ? &offset : NULL);
	}
}

/* bound_scale_of gives the scale at which all bounds are written. */
static int
bound_scale_of(const TariffSpec *spec)
{
	int scale = 0;

	for (int i = 0; i < spec->tier_count; i++)
		if (spec->tiers[i].bound.scale > scale)
			scale = spec->tiers[i].bound.scale;
	return scale;
}

/* pack_number writes a number of the tail and returns the place behind it. */
static char *
pack_number(char *p, Decimal number)
{
	memset(p, 0, TARIFF_NUMBER_SIZE);
	memcpy(p, &number.value, TARIFF_INT_SIZE);
	p[TARIFF_INT_SIZE] = (char) number.scale;
	return p + TARIFF_NUMBER_SIZE;
}

/* pack_tail writes what stands behind the tiers. */
static void
pack_tail(const TariffSpec *spec, uint32_t format, char *p)
{
	if (format & TARIFF_HAS_FREE)
		p = pack_number(p, spec->free);
	if (format & TARIFF_HAS_MIN)
		p = pack_number(p, spec->min);
	if (format & TARIFF_HAS_MAX)
		p = pack_number(p, spec->max);
	if (format & TARIFF_HAS_DIGITS)
	{
		memset(p, 0, TARIFF_DIGITS_SIZE);
		p[0] = (char) spec->digits;
		p[1] = (char) spec->digits_rounding;
		p += TARIFF_DIGITS_SIZE;
	}
	if (format & TARIFF_BLOCK_FIRST)
		p = pack_number(p, spec->block);
	if (format & TARIFF_HAS_BLOCKS)
		for (int i = 0; i < spec->tier_count; i++, p += TARIFF_INT_SIZE)
			memcpy(p, &spec->tiers[i].block.value, TARIFF_INT_SIZE);
}

/*
 * tariff_pack writes a finished tariff into tariff_packed_size() bytes.
 */
void
tariff_pack(const TariffSpec *spec, char *packed)
{
	uint32_t format = tariff_format_of(spec);
	uint16_t count = (uint16_t) spec->tier_count;
	int scale = bound_scale_of(spec);
	char *p = packed;

	memcpy(p, &format, sizeof(format));
	memcpy(p + 4, &count, sizeof(count));
	p[6] = (char) scale;
	p[7] = (char) spec->per.scale;
	memcpy(p + 8, &spec->per.value, TARIFF_INT_SIZE);
	p += TARIFF_HEAD_SIZE;

	for (int i = 0; i < count; i++, p += TARIFF_INT_SIZE)
	{
		Decimal bound = {DECIMAL_VALUE_MAX, scale};

		/* finishing made sure that it fits */
		if (spec->tiers[i].has_bound)
			(void) decimal_rescale(spec->tiers[i].bound, scale, &bound);
		memcpy(p, &bound.value, TARIFF_INT_SIZE);
	}
	if (spec->model == TARIFF_GRADUATED && !(format & TARIFF_HAS_BLOCKS))
		pack_plain_lines(spec, p);
	else
		pack_lines(spec, p);
	p += (size_t) count * TARIFF_LINE_SIZE;

	for (int i = 0; i < count; i++, p += TARIFF_INT_SIZE)
		memcpy(p, &spec->tiers[i].price.value, TARIFF_INT_SIZE);
	if (format & TARIFF_HAS_FLATS)
		for (int i = 0; i < count; i++, p += TARIFF_INT_SIZE)
			memcpy(p, &spec->tiers[i].flat.value, TARIFF_INT_SIZE);
	if (format & TARIFF_HAS_PERS)
		for (int i = 0; i < count; i++, p += TARIFF_INT_SIZE)
			memcpy(p, &spec->tiers[i].per.value, TARIFF_INT_SIZE);
	pack_tail(spec, format, p);
}

/* unpack_number reads a number whose value and scale stand apart. */
static Decimal
unpack_number(const char *value, char scale)
{
	Decimal number = {tariff_packed_int(value), (uint8_t) scale};

	return number;
}

/* unpack_head reads what stands for all tiers. */
static void
unpack_head(const char *packed, TariffSpec *spec)
{
	uint32_t format = tariff_packed_format(packed);

	spec->model = (TariffModel) ((format & TARIFF_MODEL_MASK) >> TARIFF_MODEL_SHIFT);
	spec->per = unpack_number(packed + 8, packed[7]);
	if (format & TARIFF_HAS_FREE)
		spec->free = tariff_packed_number(packed, TARIFF_HAS_FREE);
	spec->free_threshold = (format & TARIFF_FREE_THRESHOLD) != 0;
	spec->bounds_lower = (format & TARIFF_BOUNDS_LOWER) != 0;
	spec->zero_flat = (format & TARIFF_ZERO_FLAT) != 0;
	spec->block_first = (format & TARIFF_BLOCK_FIRST) != 0;
	if (spec->block_first)
		spec->block = tariff_packed_number(packed, TARIFF_BLOCK_FIRST);
	spec->block_down = (format & TARIFF_BLOCKS_DOWN) != 0;
	spec->each = (format & TARIFF_EACH) != 0;
	if (format & TARIFF_HAS_MIN)
		spec->min = tariff_packed_number(packed, TARIFF_HAS_MIN);
	if (format & TARIFF_HAS_MAX)
		spec->max = tariff_packed_number(packed, TARIFF_HAS_MAX);
	spec->digits = tariff_packed_digits(packed, &spec->digits_rounding);
}

/*
 * tariff_unpack turns a packed tariff into a finished one.  The caller gives a
 * TariffSpec made by tariff_spec_init() with room for all tiers.
 */
void
tariff_unpack(const char *packed, TariffSpec *spec)
{
	uint32_t format = tariff_packed_format(packed);
	int count = tariff_packed_count(packed);
	const char *prices = tariff_packed_line(packed, count, count);
	const char *flats = prices + (size_t) count * TARIFF_INT_SIZE;
	const char *pers = flats;

	if (format & TARIFF_HAS_FLATS)
		pers += (size_t) count * TARIFF_INT_SIZE;
	unpack_head(packed, spec);

	for (int i = 0; i < count; i++)
	{
		TariffTier *tier = tariff_add_tier(spec);
		const char *line = tariff_packed_line(packed, count, i);
		size_t at = (size_t) i * TARIFF_INT_SIZE;

		tier->has_bound = i < count - 1 || (format & TARIFF_OPEN_END) == 0;
		if (tier->has_bound)
		{
			tier->bound.value = tariff_packed_bound(packed, i);
			tier->bound.scale = tariff_packed_bound_scale(packed);
			tier->bound = decimal_trim(tier->bound);
		}
		tier->unit = unpack_number(line, line[TARIFF_LINE_UNIT_SCALE]);
		tier->price = unpack_number(prices + at, line[TARIFF_LINE_PRICE_SCALE]);
		if (format & TARIFF_HAS_FLATS)
			tier->flat = unpack_number(flats + at, line[TARIFF_LINE_FLAT_SCALE]);
		tier->per = spec->per;
		if (format & TARIFF_HAS_PERS)
			tier->per = unpack_number(pers + at, line[TARIFF_LINE_PER_SCALE]);
		tier->has_per = decimal_compare(tier->per, spec->per) != 0;
		tier->block = tariff_packed_block(packed, i);
	}
	if (format & TARIFF_HAS_BLOCKS)
		tariff_spread_blocks(spec);
}
