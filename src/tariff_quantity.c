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

/* first_billed gives the first point of the grid that is not all free. */
static Numeric
first_billed(const Search *search)
{
	Numeric free = billing_numeric_from_decimal(search->spec.free);

	return num_add(num_floor(num_multiply(free, search->steps)), search->one);
}

/*
 * start_of gives the billed quantity from which on, in whole blocks, it is
 * above a bound, or, with `at`, not below it; *included tells whether that
 * quantity itself is.
 */
static Numeric
start_of(const TariffSpec *spec, Numeric bound, bool at, bool *included)
{
	Numeric block = billing_numeric_from_decimal(spec->block);
	Numeric one = billing_numeric_from_decimal(decimal_of(1));
	Numeric count = num_quotient(bound, block);
	bool whole = num_compare(num_multiply(count, block), bound) == 0;

	/* the first number of blocks that is far enough */
	if (!at || !whole)
		count = num_add(count, one);
	*included = spec->block_down;
	return num_multiply(spec->block_down ? count : num_subtract(count, one), block);
}

/*
 * first_beyond gives the first point of the grid whose billed quantity is above
 * a bound, or, with `at`, not below it.
 */
static Numeric
first_beyond(const Search *search, Decimal bound, bool at)
{
	const TariffSpec *spec = &search->spec;
	Numeric start = billing_numeric_from_decimal(bound);
	Numeric least = first_billed(search);
	bool included = at;

	if (spec->block_first)
		start = start_of(spec, start, at, &included);
	if (!spec->free_threshold)
		start = num_add(start, billing_numeric_from_decimal(spec->free));
	start = num_multiply(start, search->steps);
	start = included ? num_ceil(start) : num_add(num_floor(start), search->one);
	return num_compare(start, least) < 0 ? least : start;
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
	bool at = spec->bounds_lower;

	*first = first_beyond(search, lower, tier > 0 && at);
	*last = NULL;
	if (here->has_bound)
		*last = num_subtract(first_beyond(search, here->bound, tier < spec->tier_count - 1 && at),
							 search->one);
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
	/* what comes before the first tier costs as much as nothing */
	return is_cheap(search, zero)
			 ? num_subtract(first_beyond(search, decimal_of(0), false), search->one)
			 : zero;
}

/* check_arguments refuses an amount or a number of decimals that makes no sense. */
static void
check_arguments(Numeric amount, int32 decimals)
{
	if (numeric_is_nan(amount) || numeric_is_inf(amount))
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						errmsg("amount must be a finite number, not %s",
							   numeric_is_nan(amount) ? "NaN" : numeric_normalize(amount)),
						errhint("Leave such rows out.")));
	if (num_compare(amount, billing_numeric_from_decimal(decimal_of(0))) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("amount must not be negative: %s", numeric_normalize(amount)),
				 errhint("Where nothing is left, ask for 0: free quantities are had for it.")));
	if (decimals < 0 || decimals > MAX_DECIMALS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("decimals must be between 0 and %d, not %d", MAX_DECIMALS, decimals),
						errhint("Give 0 for what is counted.")));
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
