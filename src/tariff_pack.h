/*
 * tariff_pack.h
 *		The packed form of a tariff: what is on disk and what is priced from.
 */
#ifndef BILLING_TARIFF_PACK_H
#define BILLING_TARIFF_PACK_H

#include <string.h>

#include "tariff_core.h"

/*
 * The packed form is a row of bytes that may start at any address, because a
 * short varlena is not aligned: it is read with memcpy alone.  Numbers are in
 * the machine's own order; a 128-bit integer takes sixteen bytes.
 *
 *		 0	format		32 bits: version, model, flags (below)
 *		 4	tiers		16 bits: how many there are, n
 *		 6	bound scale	 8 bits: of all bounds
 *		 7	per scale	 8 bits
 *		 8	per			128 bits: the tariff's
 *		24	bounds		n times 128 bits, rising; an open end is the largest integer
 *			lines		n times {unit 128, offset 128, six scales, two zeros}
 *			prices		n times 128 bits
 *			flats		n times 128 bits, if TARIFF_HAS_FLATS
 *			pers		n times 128 bits, if TARIFF_HAS_PERS
 *			free		a number, if TARIFF_HAS_FREE
 *			min			a number, if TARIFF_HAS_MIN
 *			max			a number, if TARIFF_HAS_MAX
 *			digits		8 bits, the rounding 8 bits, 6 zeros, if TARIFF_HAS_DIGITS
 *			block		a number, if TARIFF_BLOCK_FIRST; then no tier has one
 *			blocks		n times 128 bits, 0 for none, if TARIFF_HAS_BLOCKS
 *
 * where a number is 128 bits, 8 bits of scale and 7 bytes of zeros.
 *
 * The bounds stand first and side by side, as the search for the tier reads
 * nothing else.  Then one line tells the amount of every quantity q that
 * reaches that tier, in both models, once what is free has come off:
 *
 *		amount(q) = q * unit + offset
 *
 * For volume the offset is the flat.  For graduated it is the sum of what the
 * tiers below cost in full, less what their quantity would cost here:
 *
 *		offset(i) = sum(flat(j), j <= i) + sum(width(j) * unit(j), j < i) - lower(i) * unit(i)
 *
 * which may well be negative.  Where that needs more than 128 bits, the scale
 * of the offset is TARIFF_NO_OFFSET and the unlimited path prices the tier.
 *
 * A tier with a block has a step function in place of the line: the unit is
 * the price of a block, and with the quantity in the tier counted in blocks
 *
 *		amount(q) = blocks(q) * unit + offset
 *		offset(i) = sum(flat(j), j <= i) + sum(full tier(j), j < i)
 *
 * where volume has the flat alone.  A block that comes before the tiers is
 * another matter: the quantity is rounded, and then the lines hold.
 *
 * Prices, flats and pers are only for people, as they were written.  Everything
 * is derived from those, the blocks and the bounds by one function, so equal
 * tariffs have equal bytes, and `=` is a comparison of bytes.
 *
 * Format bits are append-only.  A bit that is not in TARIFF_KNOWN_BITS changes
 * the meaning of the rest, so it is refused, never ignored.  What later bits
 * add is appended behind what is there.
 */
#define TARIFF_VERSION 0x00000001
#define TARIFF_VERSION_MASK 0x000000FF
#define TARIFF_MODEL_SHIFT 8
#define TARIFF_MODEL_MASK 0x00000100
#define TARIFF_HAS_FLATS 0x00001000
#define TARIFF_HAS_PERS 0x00002000
#define TARIFF_OPEN_END 0x00004000 /* the last tier has no bound */
#define TARIFF_HAS_FREE 0x00008000
#define TARIFF_FREE_THRESHOLD 0x00010000
#define TARIFF_BOUNDS_LOWER 0x00020000
#define TARIFF_ZERO_FLAT 0x00040000
#define TARIFF_HAS_BLOCKS 0x00080000
#define TARIFF_BLOCKS_DOWN 0x00100000
#define TARIFF_HAS_MIN 0x00200000
#define TARIFF_HAS_MAX 0x00400000
#define TARIFF_HAS_DIGITS 0x00800000
#define TARIFF_EACH 0x01000000 /* of each usage row; pricing one is the same */
#define TARIFF_BLOCK_FIRST 0x02000000
#define TARIFF_KNOWN_BITS                                                              \
	(TARIFF_VERSION_MASK | TARIFF_MODEL_MASK | TARIFF_HAS_FLATS | TARIFF_HAS_PERS |    \
	 TARIFF_OPEN_END | TARIFF_HAS_FREE | TARIFF_FREE_THRESHOLD | TARIFF_BOUNDS_LOWER | \
	 TARIFF_ZERO_FLAT | TARIFF_STEPPED | TARIFF_BLOCKS_DOWN | TARIFF_EACH | TARIFF_BLOCK_FIRST)

/* bits whose tariffs are more than a line for each tier */
#define TARIFF_STEPPED (TARIFF_HAS_BLOCKS | TARIFF_HAS_MIN | TARIFF_HAS_MAX | TARIFF_HAS_DIGITS)

#define TARIFF_NO_OFFSET 255

#define TARIFF_WIRE_NUMBER_SIZE 17 /* in the binary form, see tariff_binary_core.c */

#define TARIFF_HEAD_SIZE 24
#define TARIFF_INT_SIZE 16
#define TARIFF_LINE_SIZE 40
#define TARIFF_NUMBER_SIZE 24
#define TARIFF_DIGITS_SIZE 8

/* where in a line its parts stand */
#define TARIFF_LINE_OFFSET 16
#define TARIFF_LINE_UNIT_SCALE 32
#define TARIFF_LINE_OFFSET_SCALE 33
#define TARIFF_LINE_PRICE_SCALE 34
#define TARIFF_LINE_FLAT_SCALE 35
#define TARIFF_LINE_PER_SCALE 36
#define TARIFF_LINE_BLOCK_SCALE 37

extern uint32_t tariff_format_of(const TariffSpec *spec);

static inline uint32_t
tariff_packed_format(const char *packed)
{
	uint32_t format;

	memcpy(&format, packed, sizeof(format));
	return format;
}

static inline int
tariff_packed_count(const char *packed)
{
	uint16_t count;

	memcpy(&count, packed + 4, sizeof(count));
	return count;
}

/* tariff_tail_at gives the place behind all that is said tier by tier. */
static inline size_t
tariff_tail_at(uint32_t format, size_t tiers)
{
	size_t numbers = 2; /* bound and price */

	if (format & TARIFF_HAS_FLATS)
		numbers++;
	if (format & TARIFF_HAS_PERS)
		numbers++;
	return TARIFF_HEAD_SIZE + tiers * (numbers * TARIFF_INT_SIZE + TARIFF_LINE_SIZE);
}

/*
 * tariff_part_at gives the place in a packed tariff of one of the parts of its
 * tail, by the part's bit: behind the parts that come before it.
 */
static inline size_t
tariff_part_at(uint32_t format, size_t tiers, uint32_t part)
{
	static const struct
	{
		uint32_t bit;
		size_t size;
	} parts[] = {
		{TARIFF_HAS_FREE, TARIFF_NUMBER_SIZE},    {TARIFF_HAS_MIN, TARIFF_NUMBER_SIZE},
		{TARIFF_HAS_MAX, TARIFF_NUMBER_SIZE},     {TARIFF_HAS_DIGITS, TARIFF_DIGITS_SIZE},
		{TARIFF_BLOCK_FIRST, TARIFF_NUMBER_SIZE},
	};
	size_t at = tariff_tail_at(format, tiers);

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && parts[i].bit != part; i++)
		if (format & parts[i].bit)
			at += parts[i].size;
	return at;
}

/* tariff_size_of gives the size of a packed tariff with this format word. */
static inline size_t
tariff_size_of(uint32_t format, size_t tiers)
{
	return tariff_part_at(format, tiers, TARIFF_HAS_BLOCKS) +
		   ((format & TARIFF_HAS_BLOCKS) ? tiers * TARIFF_INT_SIZE : 0);
}

static inline int
tariff_packed_bound_scale(const char *packed)
{
	return (uint8_t) packed[6];
}

static inline DecimalInt
tariff_packed_int(const char *from)
{
	DecimalInt value;

	memcpy(&value, from, sizeof(value));
	return value;
}

static inline DecimalInt
tariff_packed_bound(const char *packed, int tier)
{
	return tariff_packed_int(packed + TARIFF_HEAD_SIZE + (size_t) tier * TARIFF_INT_SIZE);
}

static inline const char *
tariff_packed_line(const char *packed, int tiers, int tier)
{
	return packed + TARIFF_HEAD_SIZE + (size_t) tiers * TARIFF_INT_SIZE +
		   (size_t) tier * TARIFF_LINE_SIZE;
}

/*
 * tariff_packed_number gives a number of the tail by its bit, one of
 * TARIFF_HAS_FREE, TARIFF_HAS_MIN, TARIFF_HAS_MAX and TARIFF_BLOCK_FIRST, which
 * must be set.
 */
static inline Decimal
tariff_packed_number(const char *packed, uint32_t bit)
{
	const char *at = packed + tariff_part_at(tariff_packed_format(packed),
											 (size_t) tariff_packed_count(packed), bit);
	Decimal number = {tariff_packed_int(at), (uint8_t) at[TARIFF_INT_SIZE]};

	return number;
}

/*
 * tariff_packed_digits gives the digits, TARIFF_NO_DIGITS if there are none,
 * and how to round to them.
 */
static inline int
tariff_packed_digits(const char *packed, DecimalRounding *rounding)
{
	uint32_t format = tariff_packed_format(packed);
	const char *at =
		packed + tariff_part_at(format, (size_t) tariff_packed_count(packed), TARIFF_HAS_DIGITS);

	*rounding = DECIMAL_HALF_UP;
	if (!(format & TARIFF_HAS_DIGITS))
		return TARIFF_NO_DIGITS;
	*rounding = (DecimalRounding) (uint8_t) at[1];
	return (uint8_t) at[0];
}

/* tariff_packed_block gives a tier's block, 0 if it has none. */
static inline Decimal
tariff_packed_block(const char *packed, int tier)
{
	uint32_t format = tariff_packed_format(packed);
	int tiers = tariff_packed_count(packed);
	const char *at;
	Decimal block = {0, 0};

	if (format & TARIFF_HAS_BLOCKS)
	{
		at = packed + tariff_part_at(format, (size_t) tiers, TARIFF_HAS_BLOCKS);
		block.value = tariff_packed_int(at + (size_t) tier * TARIFF_INT_SIZE);
		block.scale = (uint8_t) tariff_packed_line(packed, tiers, tier)[TARIFF_LINE_BLOCK_SCALE];
	}
	return block;
}

/*
 * tariff_put_int writes a number of the packed form.  In two halves where it is short,
 * as these come from registers: 16 bytes at once would wait for them to be in
 * memory.
 */
static inline void
tariff_put_int(char *at, DecimalInt value)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	int64_t low = (int64_t) value;
	int64_t high = (int64_t) (value >> 64);

	memcpy(at, &low, sizeof(low));
	memcpy(at + sizeof(low), &high, sizeof(high));
#else
	memcpy(at, &value, sizeof(value));
#endif
}

/* tariff_store_line writes one line; without an offset the tier needs the unlimited path. */
static inline void
tariff_store_line(char *line, Decimal unit, const Decimal *offset, int price_scale, int flat_scale,
				  int per_scale, int block_scale)
{
	tariff_put_int(line, unit.value);
	tariff_put_int(line + TARIFF_LINE_OFFSET, offset != NULL ? offset->value : 0);
	memset(line + TARIFF_LINE_UNIT_SCALE, 0, TARIFF_LINE_SIZE - TARIFF_LINE_UNIT_SCALE);
	line[TARIFF_LINE_UNIT_SCALE] = (char) unit.scale;
	line[TARIFF_LINE_OFFSET_SCALE] = (char) (offset != NULL ? offset->scale : TARIFF_NO_OFFSET);
	line[TARIFF_LINE_PRICE_SCALE] = (char) price_scale;
	line[TARIFF_LINE_FLAT_SCALE] = (char) flat_scale;
	line[TARIFF_LINE_PER_SCALE] = (char) per_scale;
	line[TARIFF_LINE_BLOCK_SCALE] = (char) block_scale;
}

/*
 * tariff_next_offset computes a graduated tier's offset, where no tier has a
 * block, from that of the tier below: two lines meet at the bound between them,
 * but for the flat.  False when it does not fit.
 */
static inline bool
tariff_next_offset(Decimal unit_below, Decimal bound, Decimal unit, Decimal flat, Decimal *offset)
{
	Decimal step;

	if (!decimal_subtract(unit_below, unit, &step) || !decimal_multiply(bound, step, &step))
		return false;
	decimal_trim_in_place(&step);
	if (!decimal_add(*offset, step, offset) ||
		(flat.value != 0 && !decimal_add(*offset, flat, offset)))
		return false;
	decimal_trim_in_place(offset);
	return offset->scale < TARIFF_NO_OFFSET;
}

#endif /* BILLING_TARIFF_PACK_H */
