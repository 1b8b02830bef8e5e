/*
 * tariff_binary_core.c
 *		Reading and writing the binary form of a tariff, as COPY BINARY sends it.
 *
 *		format	32 bits: the format word of the packed form (tariff_pack.h)
 *		tiers	16 bits
 *		per		number
 *		free	number, if the format says that something is free
 *		min		number, if the format says that there is a minimum
 *		max		number, if the format says that there is a maximum
 *		digits	8 bits, and the rounding 8 bits, if the format says that there are digits
 *		block	number, if the format says that it comes before the tiers
 *		then for each tier
 *			bound	number, but not of the last tier if its end is open
 *			price	number
 *			flat	number, if the format says that there are flats
 *			per		number, if the format says that there are pers
 *			block	number, if the format says that there are blocks; 0 for none
 *
 * A number is a scale of 8 bits and a value of 128 bits.  Everything is in
 * network byte order.
 *
 * Only what writing would give is read: after all that text is checked for,
 * the tariff is written again, and must come out with the same bytes.  So two
 * sessions can't send different bytes for one tariff, nor bytes that mean more
 * than they show.
 *
 * Plain tariffs are read by a shorter way, tariff_receive_core.c, that takes
 * nothing which this one would not.
 */
#include "tariff_pack.h"

#define NUMBER_SIZE TARIFF_WIRE_NUMBER_SIZE
#define DIGITS_SIZE 2
#define BINARY_HEAD_SIZE (4 + 2 + NUMBER_SIZE)

typedef struct Cursor
{
	const unsigned char *p;
	const unsigned char *end;
} Cursor;

/* Where bytes go: into memory, or to be compared with what stands there. */
typedef struct Sink
{
	unsigned char *p;
	bool compare;
	bool same; /* all that was compared */
} Sink;

/* put_byte writes or compares one byte. */
static inline void
put_byte(Sink *sink, unsigned int byte)
{
	if (!sink->compare)
		*sink->p = (unsigned char) byte;
	else if (*sink->p != (unsigned char) byte)
		sink->same = false;
	sink->p++;
}

/*
 * put_word writes or compares eight bytes; written like this, compilers make
 * one instruction of turning them round.
 */
static inline void
put_word(Sink *sink, uint64_t word)
{
	const unsigned char bytes[8] = {(unsigned char) (word >> 56), (unsigned char) (word >> 48),
									(unsigned char) (word >> 40), (unsigned char) (word >> 32),
									(unsigned char) (word >> 24), (unsigned char) (word >> 16),
									(unsigned char) (word >> 8),  (unsigned char) word};

	if (!sink->compare)
		memcpy(sink->p, bytes, sizeof(bytes));
	else if (memcmp(sink->p, bytes, sizeof(bytes)) != 0)
		sink->same = false;
	sink->p += sizeof(bytes);
}

/* put_number writes or compares a number. */
static inline void
put_number(Sink *sink, Decimal number)
{
	put_byte(sink, (unsigned int) number.scale);
	put_word(sink, (uint64_t) ((DecimalUInt) number.value >> 64));
	put_word(sink, (uint64_t) number.value);
}

/* get_word reads eight bytes. */
static inline uint64_t
get_word(const unsigned char *p)
{
	return (uint64_t) p[0] << 56 | (uint64_t) p[1] << 48 | (uint64_t) p[2] << 40 |
		   (uint64_t) p[3] << 32 | (uint64_t) p[4] << 24 | (uint64_t) p[5] << 16 |
		   (uint64_t) p[6] << 8 | (uint64_t) p[7];
}

/* get_number takes a number; false when the data end before it does. */
static inline bool
get_number(Cursor *cursor, Decimal *number)
{
	if (cursor->end - cursor->p < NUMBER_SIZE)
		return false;
	number->scale = cursor->p[0];
	number->value =
		(DecimalInt) ((DecimalUInt) get_word(cursor->p + 1) << 64 | get_word(cursor->p + 9));
	cursor->p += NUMBER_SIZE;
	return true;
}

/* tariff_binary_size gives the size of the binary form of a finished tariff. */
size_t
tariff_binary_size(const TariffSpec *spec)
{
	uint32_t format = tariff_format_of(spec);
	size_t in_tier = 2; /* bound and price */
	size_t in_head = 0;

	in_tier += (format & TARIFF_HAS_FLATS) != 0;
	in_tier += (format & TARIFF_HAS_PERS) != 0;
	in_tier += (format & TARIFF_HAS_BLOCKS) != 0;
	in_head += (format & TARIFF_HAS_FREE) != 0;
	in_head += (format & TARIFF_HAS_MIN) != 0;
	in_head += (format & TARIFF_HAS_MAX) != 0;
	in_head += (format & TARIFF_BLOCK_FIRST) != 0;
	return BINARY_HEAD_SIZE + in_head * NUMBER_SIZE +
		   ((format & TARIFF_HAS_DIGITS) ? DIGITS_SIZE : 0) +
		   in_tier * NUMBER_SIZE * (size_t) spec->tier_count -
		   ((format & TARIFF_OPEN_END) ? NUMBER_SIZE : 0);
}

/* put_tariff writes or compares a finished tariff. */
static void
put_tariff(Sink *sink, const TariffSpec *spec)
{
	uint32_t format = tariff_format_of(spec);

	for (int shift = 24; shift >= 0; shift -= 8)
		put_byte(sink, format >> shift & 0xFF);
	put_byte(sink, (unsigned int) spec->tier_count >> 8);
	put_byte(sink, (unsigned int) spec->tier_count & 0xFF);
	put_number(sink, spec->per);
	if (format & TARIFF_HAS_FREE)
		put_number(sink, spec->free);
	if (format & TARIFF_HAS_MIN)
		put_number(sink, spec->min);
	if (format & TARIFF_HAS_MAX)
		put_number(sink, spec->max);
	if (format & TARIFF_HAS_DIGITS)
	{
		put_byte(sink, (unsigned int) spec->digits);
		put_byte(sink, (unsigned int) spec->digits_rounding);
	}
	if (format & TARIFF_BLOCK_FIRST)
		put_number(sink, spec->block);
	for (int i = 0; i < spec->tier_count; i++)
	{
		const TariffTier *tier = &spec->tiers[i];

		if (tier->has_bound)
			put_number(sink, tier->bound);
		put_number(sink, tier->price);
		if (format & TARIFF_HAS_FLATS)
			put_number(sink, tier->flat);
		if (format & TARIFF_HAS_PERS)
			put_number(sink, tier->per);
		if (format & TARIFF_HAS_BLOCKS)
			put_number(sink, tier->block);
	}
}

/*
 * tariff_print_binary writes a finished tariff into tariff_binary_size() bytes
 * and returns their number.
 */
size_t
tariff_print_binary(const TariffSpec *spec, char *data)
{
	Sink sink = {(unsigned char *) data, false, true};

	put_tariff(&sink, spec);
	return (size_t) ((char *) sink.p - data);
}

/*
 * is_canonical compares a finished tariff with the data it was read from.
 */
static bool
is_canonical(const TariffSpec *spec, const char *data, size_t length)
{
	/* comparing never writes */
	Sink sink = {(unsigned char *) data, true, true};

	if (length != tariff_binary_size(spec))
		return false;
	put_tariff(&sink, spec);
	return sink.same;
}

/* read_tier takes one tier; false when the data end before it does. */
static bool
read_tier(Cursor *cursor, uint32_t format, bool last, TariffTier *tier)
{
	tier->has_bound = !(last && (format & TARIFF_OPEN_END));
	tier->has_per = (format & TARIFF_HAS_PERS) != 0;
	return (!tier->has_bound || get_number(cursor, &tier->bound)) &&
		   get_number(cursor, &tier->price) &&
		   (!(format & TARIFF_HAS_FLATS) || get_number(cursor, &tier->flat)) &&
		   (!tier->has_per || get_number(cursor, &tier->per)) &&
		   (!(format & TARIFF_HAS_BLOCKS) || get_number(cursor, &tier->block));
}

/* read_head takes what stands for all tiers; false when the data end before it does. */
static bool
read_head(Cursor *cursor, uint32_t format, TariffSpec *spec)
{
	spec->model = (TariffModel) ((format & TARIFF_MODEL_MASK) >> TARIFF_MODEL_SHIFT);
	spec->free_threshold = (format & TARIFF_FREE_THRESHOLD) != 0;
	spec->bounds_lower = (format & TARIFF_BOUNDS_LOWER) != 0;
	spec->zero_flat = (format & TARIFF_ZERO_FLAT) != 0;
	spec->block_first = (format & TARIFF_BLOCK_FIRST) != 0;
	spec->block_down = (format & TARIFF_BLOCKS_DOWN) != 0;
	spec->each = (format & TARIFF_EACH) != 0;
	if (!get_number(cursor, &spec->per) ||
		((format & TARIFF_HAS_FREE) && !get_number(cursor, &spec->free)) ||
		((format & TARIFF_HAS_MIN) && !get_number(cursor, &spec->min)) ||
		((format & TARIFF_HAS_MAX) && !get_number(cursor, &spec->max)))
		return false;
	if (format & TARIFF_HAS_DIGITS)
	{
		if (cursor->end - cursor->p < DIGITS_SIZE)
			return false;
		spec->digits = *cursor->p++;
		/* an unknown rounding becomes one that the comparison refuses */
		spec->digits_rounding =
			*cursor->p <= DECIMAL_DOWN ? (DecimalRounding) *cursor->p : DECIMAL_HALF_UP;
		cursor->p++;
	}
	return !spec->block_first || get_number(cursor, &spec->block);
}

/*
 * tariff_read_binary reads what tariff_print_binary has written.  On success
 * the spec is finished.
 */
TariffStatus
tariff_read_binary(const char *data, size_t length, TariffSpec *spec, TariffError *error)
{
	const unsigned char *head = (const unsigned char *) data;
	Cursor cursor = {head + 6, head + length};
	uint32_t format = 0;
	int tiers;
	TariffStatus status;

	if (length < BINARY_HEAD_SIZE)
		return tariff_fail(error, TARIFF_MALFORMED, -1, "they end too early.");
	for (int i = 0; i < 4; i++)
		format = format << 8 | head[i];
	if ((format & TARIFF_VERSION_MASK) != TARIFF_VERSION || (format & ~TARIFF_KNOWN_BITS) != 0)
		return tariff_fail(
			error, TARIFF_UNKNOWN_FORMAT, -1,
			"the format is %08X, and this version knows the bits %08X of version %d.", format,
			TARIFF_KNOWN_BITS & ~TARIFF_VERSION_MASK, TARIFF_VERSION);
	tiers = head[4] << 8 | head[5];
	if (tiers > TARIFF_MAX_TIERS)
		return tariff_fail(error, TARIFF_TOO_MANY, -1, "a tariff may have %d tiers.",
						   TARIFF_MAX_TIERS);
	if (!read_head(&cursor, format, spec))
		return tariff_fail(error, TARIFF_MALFORMED, -1, "they end too early.");
	for (int i = 0; i < tiers; i++)
	{
		TariffTier *tier = tariff_add_tier(spec);

		if (tier == NULL || !read_tier(&cursor, format, i == tiers - 1, tier))
			return tariff_fail(error, TARIFF_MALFORMED, -1, "they end too early.");
	}
	status = tariff_finish(spec, error);
	if (status == TARIFF_OK && !is_canonical(spec, data, length))
		return tariff_fail(error, TARIFF_MALFORMED, -1, "no tariff is sent with these bytes.");
	return status;
}
