/*
 * tariff_quantity.c
 *		How much can be had for an amount: the inverse of rate().
 *
 * A tariff need not have an inverse: blocks and flats make its price jump, with
 * model volume a larger quantity may cost less, and a third of a unit is no
 * decimal.  So the question is asked of the quantities with so many decimals,
 * the grid: which is the largest whose price is not above the amount?  That has
 * one exact answer.
 *
 * Within one tier the price never falls, whatever the tariff's words.  So the
 * tiers are looked at from the last to the first, and in the first of them with
 * a quantity that is cheap enough the grid is halved, asking rate() itself:
 * nothing here repeats how a price is computed.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "numeric_bridge.h"
#include "numeric_math.h"
#include "tariff.h"

#define MAX_DECIMALS 1000

PG_FUNCTION_INFO_V1(billing_quantity_for);

/* A search; numbers of the grid are integers, counted in steps. */
typedef struct Search
{
	const char *packed;
	TariffSpec spec;
	Numeric amount;
	Numeric step; /* 10^-decimals */
	Numeric steps; /* of one unit: 10^decimals */
	Numeric one;
} Search;

/* is_cheap tells whether so many steps cost no more than the amount. */
static bool
is_cheap(const Search *search, Numeric count)
{
	Numeric quantity = num_multiply(count, search->step);

	CHECK_FOR_INTERRUPTS();
	return num_compare(billing_tariff_rate(search->packed, quantity), search->amount) <= 0;
}

/*
 * on_grid gives the position of a billed quantity on the grid, in steps; it
 * need not be whole.
 */
static Numeric
on_grid(const Search *search, Decimal billed)
{
	Numeric quantity = billing_numeric_from_decimal(billed);

	if (!search->spec.free_threshold)
		quantity = num_add(quantity, billing_numeric_from_decimal(search->spec.free));
	return num_multiply(quantity, search->steps);
}

/* last_free gives the last point of the grid at which nothing is billed. */
static Numeric
last_free(const Search *search)
{
	return num_floor(num_multiply(billing_numeric_from_decimal(search->spec.free), search->steps));
}

/*
 * find_ends gives the first and the last point of the grid that belong to a
 * tier; last is NULL if the tier has no end.  There may be none between them.
 */
static void
find_ends(const Search *search, int tier, Numeric *first, Numeric *last)
{
	const TariffSpec *spec = &search->spec;
	const TariffTier *here = &spec->tiers[tier];
	Decimal lower = tier == 0 ? decimal_of(0) : here[-1].bound;
	Numeric after_free = num_add(last_free(search), search->one);

	*first = on_grid(search, lower);
	*first =
		tier > 0 && spec->bounds_lower ? num_ceil(*first) : num_add(num_floor(*first), search->one);
	if (num_compare(*first, after_free) < 0)
		*first = after_free;
	*last = NULL;
	if (here->has_bound)
	{
		*last = on_grid(search, here->bound);
		*last = spec->bounds_lower && tier < spec->tier_count - 1
				  ? num_subtract(num_ceil(*last), search->one)
				  : num_floor(*last);
	}
}

/*
 * is_endless tells whether the price stays within the amount however much it
 * is, given that some quantity of the last tier, which has no end, does.
 */
static bool
is_endless(const Search *search)
{
	const TariffSpec *spec = &search->spec;
	Decimal max = spec->max;

	if (spec->tiers[spec->tier_count - 1].unit.value == 0)
		return true;
	if (max.value == 0)
		return false;
	if (spec->digits != TARIFF_NO_DIGITS && max.scale > spec->digits)
		(void) decimal_round(max, spec->digits, spec->digits_rounding, &max);
	return num_compare(billing_numeric_from_decimal(max), search->amount) <= 0;
}

/*
 * find_last gives the last point of the grid in [low, high] that is cheap; low
 * is, and no high means that sooner or later one is not.
 */
static Numeric
find_last(const Search *search, Numeric low, Numeric high)
{
	Numeric two = billing_numeric_from_decimal(decimal_of(2));
	Numeric width = search->steps;

	if (high != NULL && is_cheap(search, high))
		return high;
	while (high == NULL)
	{
		Numeric next = num_add(low, width);

		if (is_cheap(search, next))
			low = next;
		else
			high = next;
		width = num_multiply(width, two);
	}
	for (;;)
	{
		Numeric middle = num_quotient(num_add(low, high), two);

		if (num_compare(middle, low) == 0)
			return low;
		if (is_cheap(search, middle))
			low = middle;
		else
			high = middle;
	}
}

/*
 * find_quantity gives the answer in steps, or NULL if there is no limit.
 */
static Numeric
find_quantity(const Search *search)
{
	Numeric zero = billing_numeric_from_decimal(decimal_of(0));
	Numeric first;
	Numeric last;

	for (int tier = search->spec.tier_count - 1; tier >= 0; tier--)
	{
		find_ends(search, tier, &first, &last);
		if ((last != NULL && num_compare(first, last) > 0) || !is_cheap(search, first))
			continue;
		if (last == NULL && is_endless(search))
			return NULL;
		return find_last(search, first, last);
	}
	return is_cheap(search, zero) ? last_free(search) : zero;
}

/* check_arguments refuses an amount or a number of decimals that makes no sense. */
static void
check_arguments(Numeric amount, int32 decimals)
{
	if (numeric_is_nan(amount) || numeric_is_inf(amount))
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						errmsg("amount must be a finite number")));
	if (num_compare(amount, billing_numeric_from_decimal(decimal_of(0))) < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("amount must not be negative: %s", numeric_normalize(amount))));
	if (decimals < 0 || decimals > MAX_DECIMALS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("decimals must be between 0 and %d, not %d", MAX_DECIMALS, decimals)));
}

/*
 * billing_quantity_for(tariff, amount, decimals) is the largest quantity of at
 * most so many decimals whose price is not above the amount; NULL if there is
 * no limit, and 0 also when not even that is cheap enough.
 */
Datum
billing_quantity_for(PG_FUNCTION_ARGS)
{
	MemoryContext before = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(before, "quantity_for", ALLOCSET_DEFAULT_SIZES);
	int32 decimals = PG_GETARG_INT32(2);
	Decimal step = {1, decimals};
	Search search;
	Numeric count;
	Numeric quantity = NULL;

	MemoryContextSwitchTo(scratch);
	search.packed = PG_GETARG_TARIFF(0);
	search.amount = PG_GETARG_NUMERIC(1);
	check_arguments(search.amount, decimals);
	billing_tariff_unpack(search.packed, &search.spec);
	search.one = billing_numeric_from_decimal(decimal_of(1));
	search.step = billing_numeric_from_decimal(step);
	search.steps = num_quotient(search.one, search.step);

	count = find_quantity(&search);
	MemoryContextSwitchTo(before);
	if (count != NULL)
		quantity = num_trim(num_multiply(count, search.step));
	MemoryContextDelete(scratch);
	if (quantity == NULL)
		PG_RETURN_NULL();
	PG_RETURN_NUMERIC(quantity);
}
