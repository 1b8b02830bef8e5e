/*
 * waterfall_core.c
 *		How one item of usage runs down what an account has prepaid.
 *
 * See waterfall_core.h for the words.  waterfall_meet() knows no quantities, so
 * that those beyond 128 bits (src/waterfall.c) follow the same rules.
 */
#include "waterfall_core.h"

#include <string.h>

static inline bool
same_name(const WaterfallName *a, const WaterfallName *b)
{
	return b->data != NULL && a->length == b->length && memcmp(a->data, b->data, a->length) == 0;
}

/* covers tells whether the way is for usage like this, whenever it was. */
static inline bool
covers(const WaterfallWay *way, const WaterfallItem *item)
{
	return same_name(&way->meter, &item->meter) &&
		   (way->region.data == NULL || same_name(&way->region, &item->region)) &&
		   (way->resource.data == NULL || same_name(&way->resource, &item->resource));
}

/*
 * waterfall_meet tells what happens between a way and an item that is not yet
 * covered.  A source that never had anything is as if it were not there; one
 * that had, and has no more, is found spent, as another order of the events
 * might have found something in it.
 */
WaterfallMeeting
waterfall_meet(const WaterfallWay *way, const WaterfallSource *source, const WaterfallItem *item)
{
	if (!source->filled || !covers(way, item) || way->from >= way->until ||
		item->last < way->from || item->first >= way->until)
		return WATERFALL_PASSES;
	if (item->first < way->from || item->last >= way->until)
		return WATERFALL_STRADDLES;
	return source->spent ? WATERFALL_FINDS_SPENT : WATERFALL_TAKES;
}

/*
 * covered_by gives the quantity that uses a source up: remaining / factor, cut
 * where it has no last digit.  False when 128 bits do not hold it.
 */
static bool
covered_by(Decimal remaining, Decimal factor, Decimal *quantity)
{
	DecimalDivision division = decimal_divide(remaining, factor, quantity);
	int shift = WATERFALL_DECIMALS + factor.scale - remaining.scale;

	if (division != DECIMAL_ENDLESS)
		return division == DECIMAL_DIVIDED;
	if (shift >= 0 ? !decimal_shift(remaining.value, shift, &remaining.value)
				   : !decimal_shift(factor.value, -shift, &factor.value))
		return false;
	quantity->value = remaining.value / factor.value;
	quantity->scale = WATERFALL_DECIMALS;
	decimal_trim_in_place(quantity);
	return true;
}

/*
 * What is left of an item: as a quantity, which may be too much by what
 * covered_by() cut off, and exactly, in units of which the last source took
 * `factor` for one.  A source with the same factor goes by the units: it is
 * not used up too early, nor the item left with a crumb that nobody used.
 */
typedef struct Left
{
	Decimal quantity;
	Decimal units;
	Decimal factor;
} Left;

/*
 * take_from takes from a source what it has of what is left of an item; false,
 * with nothing changed, when 128 bits do not hold a number on the way.
 */
static bool
take_from(WaterfallSource *source, Decimal factor, Left *left, WaterfallStep *step)
{
	Decimal units = left->units;
	Decimal rest;
	Decimal rest_units;

	if (decimal_compare(left->factor, factor) != 0 &&
		!decimal_multiply(left->quantity, factor, &units))
		return false;
	if (decimal_compare(units, source->remaining) <= 0)
	{
		if (!decimal_subtract(source->remaining, units, &rest))
			return false;
		step->quantity = left->quantity;
		step->units = units;
		source->remaining = decimal_trim(rest);
		left->quantity = decimal_of(0);
	}
	else
	{
		if (!covered_by(source->remaining, factor, &step->quantity) ||
			!decimal_subtract(left->quantity, step->quantity, &rest) ||
			!decimal_subtract(units, source->remaining, &rest_units))
			return false;
		step->units = source->remaining;
		source->remaining = decimal_of(0);
		left->quantity = decimal_trim(rest);
		left->units = decimal_trim(rest_units);
		left->factor = factor;
	}
	source->spent = source->remaining.value == 0;
	return true;
}

/*
 * waterfall_run lets an item run down the ways in their order, and what is left
 * of it, or an item of nothing, stand in a last step without a source.  False,
 * with the sources as they were, when 128 bits do not hold a number on the way.
 */
bool
waterfall_run(const WaterfallWay *ways, int count, WaterfallSource *sources,
			  const WaterfallItem *item, WaterfallRun *run)
{
	Left left = {decimal_trim(item->quantity), decimal_trim(item->quantity), decimal_of(1)};

	run->count = 0;
	run->straddles = false;
	run->runs_out = false;
	for (int i = 0; i < count && left.quantity.value != 0; i++)
	{
		WaterfallSource *source = &sources[ways[i].source];
		WaterfallMeeting meeting = waterfall_meet(&ways[i], source, item);
		WaterfallStep *step = &run->steps[run->count];

		if (meeting == WATERFALL_PASSES)
			continue;
		if (meeting == WATERFALL_STRADDLES)
		{
			run->straddles = true;
			return true;
		}
		if (meeting == WATERFALL_TAKES)
		{
			step->source = ways[i].source;
			if (!take_from(source, ways[i].factor, &left, step))
			{
				/* whoever went on to this way has emptied all sources before it */
				while (run->count-- > 0)
				{
					step--;
					sources[step->source].remaining = step->units;
					sources[step->source].spent = false;
				}
				return false;
			}
			run->count++;
		}
		run->runs_out = run->runs_out || left.quantity.value != 0;
	}
	if (left.quantity.value != 0 || run->count == 0)
	{
		WaterfallStep *step = &run->steps[run->count++];

		step->source = WATERFALL_NO_SOURCE;
		step->quantity = left.quantity;
		step->units = decimal_of(0);
	}
	return true;
}
