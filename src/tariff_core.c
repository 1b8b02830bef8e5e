/*
 * tariff_core.c
 *		What a valid tariff is, and which of its writings is the canonical one.
 */
#include "tariff_core.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *const tariff_field_names[TARIFF_FIELDS] = {"up_to", "price", "flat", "per", "block"};

/* in the order of DecimalRounding */
const char *const tariff_rounding_names[DECIMAL_DOWN + 1] = {"half up", "half even", "up", "down"};

/* tariff_model_name gives the word of a model. */
const char *
tariff_model_name(TariffModel model)
{
	return model == TARIFF_VOLUME ? "volume" : "graduated";
}

/*
 * tariff_fail fills in an error, without a hint, and returns the status that
 * it was given, so that a refusal is one statement.
 */
TariffStatus
tariff_fail(TariffError *error, TariffStatus status, int at, const char *format, ...)
{
	va_list args;

	error->at = at;
	error->path[0] = '\0';
	error->hint[0] = '\0';
	va_start(args, format);
	vsnprintf(error->detail, sizeof(error->detail), format, args);
	va_end(args);
	return status;
}

/* tariff_hint adds the hint to an error. */
void
tariff_hint(TariffError *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->hint, sizeof(error->hint), format, args);
	va_end(args);
}

/* tariff_spec_init makes an empty tariff with room for max_tiers tiers. */
void
tariff_spec_init(TariffSpec *spec, TariffTier *tiers, int max_tiers)
{
	spec->model = TARIFF_GRADUATED;
	spec->per = decimal_of(1);
	spec->free = decimal_of(0);
	spec->free_threshold = false;
	spec->bounds_lower = false;
	spec->zero_flat = false;
	spec->block = decimal_of(0);
	spec->block_first = false;
	spec->block_down = false;
	spec->each = false;
	spec->min = decimal_of(0);
	spec->max = decimal_of(0);
	spec->digits = TARIFF_NO_DIGITS;
	spec->digits_rounding = DECIMAL_HALF_UP;
	spec->tier_count = 0;
	spec->max_tiers = max_tiers;
	spec->tiers = tiers;
}

/* tariff_add_tier appends a tier of zeros; NULL when there is no room. */
TariffTier *
tariff_add_tier(TariffSpec *spec)
{
	TariffTier *tier;

	if (spec->tier_count >= spec->max_tiers || spec->tier_count >= TARIFF_MAX_TIERS)
		return NULL;
	tier = &spec->tiers[spec->tier_count++];
	memset(tier, 0, sizeof(*tier));
	for (int i = 0; i < TARIFF_FIELDS; i++)
		tier->at[i] = -1;
	return tier;
}

/*
 * fail_in_tier refuses a tariff because of one number of one tier: it names
 * the place in whichever way the reader that made the tier can.
 */
static TariffStatus
fail_in_tier(const TariffSpec *spec, int index, TariffField field, TariffStatus status,
			 TariffError *error)
{
	error->at = spec->tiers[index].at[field];
	snprintf(error->path, sizeof(error->path), "$.tiers[%d].%s", index, tariff_field_names[field]);
	return status;
}

/* check_number refuses numbers that no reader but the binary one can give. */
static inline bool
check_number(const Decimal *number)
{
	return number->value >= 0 && number->value < decimal_power10[DECIMAL_MAX_DIGITS] &&
		   number->scale >= 0 && number->scale <= DECIMAL_MAX_DIGITS;
}

/* check_numbers looks at the numbers of a tier one by one. */
static TariffStatus
check_numbers(const TariffSpec *spec, int index, TariffError *error)
{
	const TariffTier *tier = &spec->tiers[index];
	const Decimal *const numbers[TARIFF_FIELDS] = {&tier->bound, &tier->price, &tier->flat,
												   &tier->per, &tier->block};

	for (int i = 0; i < TARIFF_FIELDS; i++)
	{
		if (check_number(numbers[i]))
			continue;
		tariff_fail(error, TARIFF_MALFORMED, -1, "%s of tier %d is negative or too long.",
					tariff_field_names[i], index + 1);
		return fail_in_tier(spec, index, (TariffField) i, TARIFF_MALFORMED, error);
	}
	return TARIFF_OK;
}

/* check_bound compares a tier's bound with the one before it. */
static TariffStatus
check_bound(const TariffSpec *spec, int index, TariffError *error)
{
	const TariffTier *tier = &spec->tiers[index];
	Decimal before = index == 0 ? decimal_of(0) : spec->tiers[index - 1].bound;
	char text[DECIMAL_TEXT_SIZE];
	char text_before[DECIMAL_TEXT_SIZE];

	if (!tier->has_bound)
	{
		if (index == spec->tier_count - 1)
			return TARIFF_OK;
		tariff_fail(error, TARIFF_MALFORMED, -1,
					"tier %d has no bound, and only the last may be without.", index + 1);
		return fail_in_tier(spec, index, TARIFF_FIELD_UP_TO, TARIFF_MALFORMED, error);
	}
	if (decimal_compare(tier->bound, before) > 0)
		return TARIFF_OK;
	decimal_print(tier->bound, text);
	decimal_print(before, text_before);
	if (index == 0)
		tariff_fail(error, TARIFF_MALFORMED, -1, "a bound must be above 0.");
	else
		tariff_fail(error, TARIFF_MALFORMED, -1,
					"the bound %s is not above the bound before it, %s.", text, text_before);
	tariff_hint(error,
				"Each tier begins where the one before it ends; write them in rising order.");
	return fail_in_tier(spec, index, TARIFF_FIELD_UP_TO, TARIFF_MALFORMED, error);
}

/*
 * make_unit computes the price of one unit of a tier, or of one block: the
 * price divided by the per, times the block.
 */
static TariffStatus
make_unit(TariffSpec *spec, int index, TariffError *error)
{
	TariffTier *tier = &spec->tiers[index];
	TariffField field = tier->has_per ? TARIFF_FIELD_PER : TARIFF_FIELD_PRICE;
	Decimal price = tier->price;
	Decimal block = tier->block;
	Decimal per = tier->per;
	char price_text[DECIMAL_TEXT_SIZE];
	char per_text[DECIMAL_TEXT_SIZE];
	DecimalDivision outcome = DECIMAL_TOO_WIDE;

	if (tier->per.value <= 0)
	{
		tariff_fail(error, TARIFF_MALFORMED, -1, "per must be above 0.");
		return fail_in_tier(spec, index, TARIFF_FIELD_PER, TARIFF_MALFORMED, error);
	}
	if (tier->block.value == 0)
		outcome = decimal_divide(decimal_trim(price), per, &tier->unit);
	else
	{
		/* price * block may be wide where the price of a block is not */
		decimal_cancel(&price, &per);
		decimal_cancel(&block, &per);
		if (decimal_multiply(decimal_trim(price), block, &price))
			outcome = decimal_divide(decimal_trim(price), per, &tier->unit);
	}
	if (outcome == DECIMAL_DIVIDED)
		return TARIFF_OK;

	decimal_print(tier->price, price_text);
	decimal_print(tier->per, per_text);
	if (outcome == DECIMAL_TOO_WIDE)
	{
		tariff_fail(error, TARIFF_OUT_OF_RANGE, -1,
					"the price of one %s, %s per %s, has too many digits.",
					tier->block.value == 0 ? "unit" : "block", price_text, per_text);
		return fail_in_tier(spec, index, field, TARIFF_OUT_OF_RANGE, error);
	}
	tariff_fail(error, TARIFF_MALFORMED, -1,
				"%s per %s is not a finite decimal, so the tariff could not be exact.", price_text,
				per_text);
	tariff_hint(error,
				"Choose a per made of twos and fives alone, such as 1000 or 1024, or a price "
				"that cancels the rest of it: 0.36 per 3600 is exact.");
	return fail_in_tier(spec, index, field, TARIFF_MALFORMED, error);
}

/*
 * first_priced gives the first tier that has a price, or the number of tiers.
 */
static int
first_priced(const TariffSpec *spec)
{
	int i;

	for (i = 0; i < spec->tier_count && spec->tiers[i].price.value == 0; i++)
		;
	return i;
}

/*
 * tariff_spread_blocks gives the tariff the block of its first tier that has a
 * price, if all that have one have a block, and no block otherwise; tiers
 * without a price get the tariff's.  Of all ways to spread the same blocks over
 * a tariff this is the canonical one.  A tier of the tariff's block has no word
 * of its own.  A block that comes before the tiers is no matter of theirs.
 */
void
tariff_spread_blocks(TariffSpec *spec)
{
	int first = first_priced(spec);
	bool everywhere = first < spec->tier_count;

	if (spec->block_first)
		return;
	for (int i = first; i < spec->tier_count; i++)
		if (spec->tiers[i].price.value != 0 && spec->tiers[i].block.value == 0)
			everywhere = false;
	spec->block = everywhere ? spec->tiers[first].block : decimal_of(0);
	for (int i = 0; i < spec->tier_count; i++)
		if (spec->tiers[i].price.value == 0)
			spec->tiers[i].block = spec->block;
}

/* check_bounds_fit makes sure that all bounds can be written with one scale. */
static TariffStatus
check_bounds_fit(const TariffSpec *spec, TariffError *error)
{
	int scale = 0;
	int last = spec->tier_count - 1;
	Decimal ignored;

	for (int i = 0; i <= last; i++)
		if (spec->tiers[i].bound.scale > scale)
			scale = spec->tiers[i].bound.scale;
	if (!spec->tiers[last].has_bound)
		last--;
	/* the last bound is the largest */
	if (last < 0 || decimal_rescale(spec->tiers[last].bound, scale, &ignored))
		return TARIFF_OK;
	tariff_fail(error, TARIFF_OUT_OF_RANGE, -1,
				"the bounds need more than %d digits to be compared with each other.",
				DECIMAL_MAX_DIGITS);
	return fail_in_tier(spec, last, TARIFF_FIELD_UP_TO, TARIFF_OUT_OF_RANGE, error);
}

/*
 * make_canonical gives the tariff the per of its first tier that has a price,
 * and takes a tier's own per away where it says the same or says nothing.  So
 * of all the ways to spread the same pers over a tariff one is left; blocks
 * likewise.  It also takes away the words that change nothing: a threshold at
 * 0, "zero flat" where quantity 0 would cost nothing, "round" without a block,
 * and "bounds lower" where no tier has a neighbour.
 */
static void
make_canonical(TariffSpec *spec)
{
	int first = first_priced(spec);
	bool blocks = spec->block_first;

	spec->per = first < spec->tier_count ? spec->tiers[first].per : decimal_of(1);
	tariff_spread_blocks(spec);

	for (int i = 0; i < spec->tier_count; i++)
	{
		TariffTier *tier = &spec->tiers[i];

		if (tier->price.value == 0)
			tier->per = spec->per;
		tier->has_per = decimal_compare(tier->per, spec->per) != 0;
		blocks = blocks || tier->block.value != 0;
	}

	if (spec->free.value == 0)
		spec->free_threshold = false;
	if (spec->tiers[0].flat.value == 0 && spec->min.value == 0)
		spec->zero_flat = false;
	if (!blocks)
		spec->block_down = false;
	if (spec->tier_count == 1)
		spec->bounds_lower = false;
	if (spec->digits == TARIFF_NO_DIGITS)
		spec->digits_rounding = DECIMAL_HALF_UP;
}

/* fail_in_head refuses a tariff because of a number that stands for all tiers. */
static TariffStatus
fail_in_head(const char *key, const char *what, TariffError *error)
{
	tariff_fail(error, TARIFF_MALFORMED, -1, "%s %s.", key, what);
	snprintf(error->path, sizeof(error->path), "$.%s", key);
	return TARIFF_MALFORMED;
}

/* check_head looks at the numbers that stand for all tiers, and trims them. */
static TariffStatus
check_head(TariffSpec *spec, TariffError *error)
{
	if (!check_number(&spec->per) || spec->per.value == 0)
		return fail_in_head("per", "must be above 0, and not too long", error);
	if (!check_number(&spec->free))
		return fail_in_head("free", "is negative or too long", error);
	if (!check_number(&spec->block))
		return fail_in_head("block", "is negative or too long", error);
	if (!check_number(&spec->min))
		return fail_in_head("min", "is negative or too long", error);
	if (!check_number(&spec->max))
		return fail_in_head("max", "is negative or too long", error);
	if (spec->max.value != 0 && decimal_compare(spec->min, spec->max) > 0)
		return fail_in_head("min", "is above max", error);
	if (spec->digits < TARIFF_NO_DIGITS || spec->digits > TARIFF_MAX_DIGITS)
		return fail_in_head("digits", "is out of range", error);
	decimal_trim_in_place(&spec->per);
	decimal_trim_in_place(&spec->free);
	decimal_trim_in_place(&spec->block);
	decimal_trim_in_place(&spec->min);
	decimal_trim_in_place(&spec->max);
	return TARIFF_OK;
}

/* check_tier looks at the numbers of a tier as they were read, and trims them. */
static TariffStatus
check_tier(TariffSpec *spec, int index, TariffError *error)
{
	TariffTier *tier = &spec->tiers[index];
	TariffStatus status;

	if (!tier->has_per)
		tier->per = spec->per;
	if ((status = check_numbers(spec, index, error)) != TARIFF_OK ||
		(status = check_bound(spec, index, error)) != TARIFF_OK)
		return status;
	if (spec->block_first && tier->block.value != 0)
	{
		tariff_fail(error, TARIFF_MALFORMED, -1,
					"a tier can not have a block where the quantity is rounded to blocks first.");
		tariff_hint(error, "Keep one of them: \"first\", or a block at each tier.");
		return fail_in_tier(spec, index, TARIFF_FIELD_BLOCK, TARIFF_MALFORMED, error);
	}
	decimal_trim_in_place(&tier->bound);
	decimal_trim_in_place(&tier->price);
	decimal_trim_in_place(&tier->flat);
	decimal_trim_in_place(&tier->per);
	decimal_trim_in_place(&tier->block);
	return TARIFF_OK;
}

/* is_multiple tells whether a bound is surely a number of whole blocks. */
static bool
is_multiple(Decimal bound, Decimal block)
{
	Decimal count;

	return decimal_count(bound, block, false, &count) && decimal_multiply(count, block, &count) &&
		   decimal_compare(count, bound) == 0;
}

/*
 * settle_first takes "first" away where it changes nothing: where no block is,
 * and where a block that is rounded up never reaches over a bound, so that
 * rounding before the tiers and inside them is the same.
 */
static void
settle_first(TariffSpec *spec)
{
	bool reaches = spec->block_down || (spec->bounds_lower && spec->tier_count > 1);

	for (int i = 0; i < spec->tier_count && spec->block.value != 0 && !reaches; i++)
		reaches = spec->tiers[i].has_bound && !is_multiple(spec->tiers[i].bound, spec->block);
	spec->block_first = spec->block_first && spec->block.value != 0 && reaches;
}

/*
 * tariff_finish checks what a reader has read, makes it canonical and computes
 * the unit prices.  On refusal the error names the tier's number that is wrong.
 */
TariffStatus
tariff_finish(TariffSpec *spec, TariffError *error)
{
	TariffStatus status;

	if (spec->tier_count == 0)
	{
		tariff_fail(error, TARIFF_MALFORMED, -1, "a tariff needs at least one tier.");
		snprintf(error->path, sizeof(error->path), "$.tiers");
		return TARIFF_MALFORMED;
	}
	if ((status = check_head(spec, error)) != TARIFF_OK)
		return status;
	for (int i = 0; i < spec->tier_count; i++)
		if ((status = check_tier(spec, i, error)) != TARIFF_OK)
			return status;
	settle_first(spec);
	for (int i = 0; i < spec->tier_count; i++)
	{
		TariffTier *tier = &spec->tiers[i];

		if (tier->block.value == 0 && !spec->block_first)
			tier->block = spec->block;
		if ((status = make_unit(spec, i, error)) != TARIFF_OK)
			return status;
	}
	if ((status = check_bounds_fit(spec, error)) != TARIFF_OK)
		return status;
	make_canonical(spec);
	return TARIFF_OK;
}
