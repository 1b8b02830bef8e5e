/*
 * tariff_exact.c
 *		The price of a quantity without limits, with numeric's own arithmetic.
 *
 * This is the path for what does not fit 128 bits, and the one that says line
 * by line where an amount comes from.  It follows the definition of a tariff
 * word for word and uses none of what packing has computed but the unit price,
 * so comparing it with tariff_rate() tests both.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "errors.h"
#include "numeric_bridge.h"
#include "numeric_math.h"
#include "tariff.h"

/* decimals that a numeric can hold */
#define NUMERIC_DECIMALS 16383

/*
 * billing_quantity_beyond raises the error for a quantity that a hard last
 * tier does not allow.
 */
void
billing_quantity_beyond(const TariffSpec *spec, Numeric quantity)
{
	Numeric end = billing_numeric_from_decimal(spec->tiers[spec->tier_count - 1].bound);
	Numeric allowed = end;
	Numeric block = billing_numeric_from_decimal(spec->block);

	/* started blocks may lie beyond the end although the quantity does not */
	if (spec->block_first && !spec->block_down)
		allowed = num_multiply(num_quotient(end, block), block);
	if (!spec->free_threshold)
	{
		end = num_add(end, billing_numeric_from_decimal(spec->free));
		allowed = num_add(allowed, billing_numeric_from_decimal(spec->free));
	}
	ereport(ERROR,
			(errcode(ERRCODE_BILLING_TARIFF_LIMIT),
			 errmsg("quantity %s is beyond the last tier of the tariff, which ends at %s",
					numeric_normalize(quantity), numeric_normalize(end)),
			 !spec->block_first
				 ? errdetail(
					   "The last tier of this tariff has a bound, so it prices no more than that.")
				 : errdetail("The last tier of this tariff has a bound, and the quantity is first "
							 "rounded %s to blocks of %s.",
							 spec->block_down ? "down" : "up", numeric_normalize(block)),
			 errhint("End the tariff with a tier \"beyond\", or price at most %s.",
					 numeric_normalize(allowed))));
}

/* take_free takes what is free off a quantity. */
static Numeric
take_free(const TariffSpec *spec, Numeric quantity)
{
	Numeric free = billing_numeric_from_decimal(spec->free);

	if (num_compare(quantity, free) <= 0)
		return billing_numeric_from_decimal(decimal_of(0));
	return spec->free_threshold ? quantity : num_trim(num_subtract(quantity, free));
}

/* count_blocks gives the blocks of a quantity, whose last may be a started one. */
static Numeric
count_blocks(const TariffSpec *spec, Numeric quantity, Numeric block)
{
	Numeric count = num_quotient(quantity, block);

	if (!spec->block_down && num_compare(num_multiply(count, block), quantity) < 0)
		count = num_add(count, billing_numeric_from_decimal(decimal_of(1)));
	return count;
}

/*
 * make_billed takes what is free off a quantity, and rounds the rest to whole
 * blocks where that comes before the tiers.
 */
static Numeric
make_billed(const TariffSpec *spec, Numeric quantity)
{
	Numeric billed = take_free(spec, quantity);
	Numeric block;

	if (!spec->block_first)
		return billed;
	block = billing_numeric_from_decimal(spec->block);
	return num_trim(num_multiply(count_blocks(spec, billed, block), block));
}

/* is_entered tells whether a billed quantity reaches a tier. */
static bool
is_entered(const TariffSpec *spec, int tier, Numeric billed)
{
	Decimal lower = tier == 0 ? decimal_of(0) : spec->tiers[tier - 1].bound;
	int order = num_compare(billed, billing_numeric_from_decimal(lower));

	return order > 0 || (order == 0 && (tier == 0 ? spec->zero_flat : spec->bounds_lower));
}

/*
 * billing_exact_start prepares the lines of a quantity, which is finite and
 * not negative.  It refuses what the tariff does not price, or what would need
 * more decimals than numeric has.
 */
void
billing_exact_start(const TariffSpec *spec, Numeric quantity, BillingRateLines *lines)
{
	const TariffTier *last = &spec->tiers[spec->tier_count - 1];
	int decimals;

	quantity = num_trim(quantity);
	lines->billed = make_billed(spec, quantity);
	if (last->has_bound &&
		num_compare(lines->billed, billing_numeric_from_decimal(last->bound)) > 0)
		billing_quantity_beyond(spec, quantity);
	decimals = DatumGetInt32(DirectFunctionCall1(numeric_scale, NumericGetDatum(quantity)));
	for (int i = 0; i < spec->tier_count; i++)
		if (decimals + spec->tiers[i].unit.scale > NUMERIC_DECIMALS)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("a quantity of %d decimals is out of range for this tariff", decimals),
					 errdetail("Its exact price has more than the %d decimals of numeric.",
							   NUMERIC_DECIMALS),
					 errhint("Round the quantity first.")));

	lines->adjustment = NULL;
	lines->end = 0;
	while (lines->end < spec->tier_count && is_entered(spec, lines->end, lines->billed))
		lines->end++;
	lines->next = spec->model == TARIFF_VOLUME ? Max(lines->end - 1, 0) : 0;
}

/*
 * price_part prices the quantity of a line, which it first rounds to whole
 * blocks if the tier has a block.
 */
static void
price_part(const TariffSpec *spec, const TariffTier *tier, BillingRateLine *line)
{
	Numeric units = line->quantity;

	if (tier->block.value != 0)
	{
		Numeric block = billing_numeric_from_decimal(tier->block);

		units = count_blocks(spec, line->quantity, block);
		line->quantity = num_trim(num_multiply(units, block));
	}
	line->amount = num_multiply(units, billing_numeric_from_decimal(tier->unit));
	line->amount = num_trim(num_add(line->amount, billing_numeric_from_decimal(tier->flat)));
}

/*
 * billing_exact_next computes the line of the next tier; false if there is
 * none left.  Everything is allocated in the current memory context.
 */
bool
billing_exact_next(const TariffSpec *spec, BillingRateLines *lines, BillingRateLine *line)
{
	const TariffTier *here;

	if (lines->next >= lines->end)
		return false;
	here = &spec->tiers[lines->next];
	line->lower = billing_numeric_from_decimal(lines->next == 0 ? decimal_of(0) : here[-1].bound);
	line->upper = here->has_bound ? billing_numeric_from_decimal(here->bound) : NULL;

	if (spec->model == TARIFF_VOLUME)
		line->quantity = lines->billed;
	else if (line->upper != NULL && num_compare(lines->billed, line->upper) > 0)
		line->quantity = num_trim(num_subtract(line->upper, line->lower));
	else
		line->quantity = num_trim(num_subtract(lines->billed, line->lower));

	price_part(spec, here, line);
	lines->next++;
	return true;
}

/*
 * round_amount rounds an amount, which is not negative, to the tariff's digits.
 */
static Numeric
round_amount(const TariffSpec *spec, Numeric amount)
{
	Decimal unit = {1, spec->digits};
	Decimal half = {5, spec->digits + 1};
	Numeric down;
	int order;
	bool odd;

	if (spec->digits_rounding == DECIMAL_HALF_UP)
		return DatumGetNumeric(DirectFunctionCall2(numeric_round, NumericGetDatum(amount),
												   Int32GetDatum(spec->digits)));
	down = DatumGetNumeric(
		DirectFunctionCall2(numeric_trunc, NumericGetDatum(amount), Int32GetDatum(spec->digits)));
	if (spec->digits_rounding == DECIMAL_DOWN || num_compare(down, amount) == 0)
		return down;
	if (spec->digits_rounding == DECIMAL_HALF_EVEN)
	{
		/* the last digit is odd if the number is no multiple of two units */
		Decimal two = {2, spec->digits};
		Numeric rest = DatumGetNumeric(
			DirectFunctionCall2(numeric_mod, NumericGetDatum(down),
								NumericGetDatum(billing_numeric_from_decimal(two))));

		odd = num_compare(rest, billing_numeric_from_decimal(decimal_of(0))) != 0;
		order = num_compare(num_subtract(amount, down), billing_numeric_from_decimal(half));
		if (order < 0 || (order == 0 && !odd))
			return down;
	}
	return num_add(down, billing_numeric_from_decimal(unit));
}

/*
 * limit_amount raises the sum of all tiers to the minimum, lowers it to the
 * maximum and rounds it; only where a tier was entered.
 */
static Numeric
limit_amount(const TariffSpec *spec, Numeric amount)
{
	Numeric min = billing_numeric_from_decimal(spec->min);
	Numeric max = billing_numeric_from_decimal(spec->max);

	if (num_compare(amount, min) < 0)
		amount = min;
	if (spec->max.value != 0 && num_compare(amount, max) > 0)
		amount = max;
	return spec->digits == TARIFF_NO_DIGITS ? amount : round_amount(spec, amount);
}

/*
 * billing_exact_adjust computes what minimum, maximum and digits change, as
 * lines->adjustment; it stays NULL if that is nothing.  To be called between
 * billing_exact_start() and the first billing_exact_next().
 */
void
billing_exact_adjust(const TariffSpec *spec, BillingRateLines *lines)
{
	BillingRateLines copy = *lines;
	BillingRateLine line;
	Numeric sum = billing_numeric_from_decimal(decimal_of(0));
	Numeric limited;

	if (lines->end == 0)
		return;
	while (billing_exact_next(spec, &copy, &line))
		sum = num_add(sum, line.amount);
	limited = limit_amount(spec, sum);
	if (num_compare(limited, sum) != 0)
		lines->adjustment = num_trim(num_subtract(limited, sum));
}

/*
 * billing_exact_rate prices a quantity, which is finite and not negative.  The
 * result has no zeros at the end of its fraction.
 */
Numeric
billing_exact_rate(const char *packed, Numeric quantity)
{
	TariffSpec spec;
	BillingRateLines lines;
	BillingRateLine line;
	Numeric amount = billing_numeric_from_decimal(decimal_of(0));

	billing_tariff_unpack(packed, &spec);
	billing_exact_start(&spec, quantity, &lines);
	while (billing_exact_next(&spec, &lines, &line))
		amount = num_add(amount, line.amount);
	if (lines.end > 0)
		amount = limit_amount(&spec, amount);
	pfree(spec.tiers);
	return num_trim(amount);
}
