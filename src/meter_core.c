/*
 * meter_core.c
 *		What the aggregates of meters compute: a percentile by the clouds' rule,
 *		the mean of the highest values, and the integral of a gauge over time.
 *
 * See meter_core.h for what the arrays hold.
 */
#include "meter_core.h"

static inline void
swap_values(DecimalInt *a, DecimalInt *b)
{
	DecimalInt value = *a;

	*a = *b;
	*b = value;
}

/*
 * meter_rescale multiplies all values by 10^power; false, with none of them
 * changed, when one would not fit.
 */
bool
meter_rescale(DecimalInt *values, int64_t count, int power)
{
	DecimalInt farthest = 0;
	DecimalInt ignored;

	for (int64_t i = 0; i < count; i++)
	{
		DecimalInt magnitude = values[i] < 0 ? -values[i] : values[i];

		farthest = magnitude > farthest ? magnitude : farthest;
	}
	if (!decimal_shift(farthest, power, &ignored))
		return false;
	/* zeros survive any power, also one that the table does not have */
	for (int64_t i = 0; farthest != 0 && i < count; i++)
		values[i] *= decimal_power10[power];
	return true;
}

/*
 * meter_dropped tells how many of the highest samples a percentile leaves out:
 * floor(count * (100 - percent) / 100).  As percent is above 0, that is always
 * less than count.
 */
bool
meter_dropped(int64_t count, Decimal percent, int64_t *dropped)
{
	Decimal part;

	if (!decimal_subtract(decimal_of(100), percent, &part) ||
		!decimal_multiply(part, decimal_of(count), &part) ||
		!decimal_count(part, decimal_of(100), false, &part))
		return false;
	*dropped = (int64_t) part.value;
	return true;
}

/*
 * pick_pivot gives the median of three values at random places between low and
 * high.  Random ones, because no order in which samples usually come (sorted,
 * or rising and falling with the day) may be the slow one; from a generator
 * with a fixed start, because the same call should always do the same.
 */
static DecimalInt
pick_pivot(const DecimalInt *values, int64_t low, int64_t high, uint64_t *state)
{
	DecimalInt sample[3];

	for (int i = 0; i < 3; i++)
	{
		/* Knuth's linear congruential generator; its upper bits are the good ones */
		*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		sample[i] = values[low + (int64_t) ((*state >> 24) % (uint64_t) (high - low + 1))];
	}
	if (sample[0] > sample[1])
		swap_values(&sample[0], &sample[1]);
	if (sample[1] <= sample[2])
		return sample[1];
	return sample[0] > sample[2] ? sample[0] : sample[2];
}

/*
 * meter_select gives the value that has `place` others before it in falling
 * order (0: the highest), by Hoare's quickselect.  It only moves values: after
 * it, those before `place` are the highest ones, in any order.
 */
DecimalInt
meter_select(DecimalInt *values, int64_t count, int64_t place)
{
	int64_t low = 0;
	int64_t high = count - 1;
	uint64_t state = 0;

	while (low < high)
	{
		DecimalInt pivot = pick_pivot(values, low, high, &state);
		int64_t left = low;
		int64_t right = high;

		/* both sides stop at values equal to the pivot, so ties are shared out evenly */
		while (left <= right)
		{
			while (values[left] > pivot)
				left++;
			while (values[right] < pivot)
				right--;
			if (left <= right)
				swap_values(&values[left++], &values[right--]);
		}
		if (place <= right)
			high = right;
		else if (place >= left)
			low = left;
		else
			break; /* between the sides stands what equals the pivot */
	}
	return values[place];
}

/* meter_sum adds values up; false when the sum does not fit. */
bool
meter_sum(const DecimalInt *values, int64_t count, DecimalInt *sum)
{
	*sum = 0;
	for (int64_t i = 0; i < count; i++)
		if (!decimal_add_int(*sum, values[i], sum))
			return false;
	return true;
}

/*
 * round_quotient divides a number that is not negative by a count, to
 * METER_MEAN_DECIMALS.  The quotient has no last digit, so there are no ties.
 */
static bool
round_quotient(Decimal a, int64_t count, Decimal *quotient)
{
	DecimalInt divisor = count;
	DecimalInt rest;
	int shift = METER_MEAN_DECIMALS - a.scale;

	if (shift >= 0 ? !decimal_shift(a.value, shift, &a.value)
				   : !decimal_shift(divisor, -shift, &divisor))
		return false;
	rest = a.value % divisor;
	quotient->value = a.value / divisor + (rest > divisor - rest);
	quotient->scale = METER_MEAN_DECIMALS;
	return true;
}

/*
 * meter_mean divides a sum by a count (positive): exactly where the quotient
 * has a last digit, else to METER_MEAN_DECIMALS; false when that does not fit.
 */
bool
meter_mean(Decimal sum, int64_t count, Decimal *mean)
{
	bool negative = sum.value < 0;

	if (negative)
		sum.value = -sum.value;
	switch (decimal_divide(sum, decimal_of(count), mean))
	{
		case DECIMAL_DIVIDED:
			break;
		case DECIMAL_ENDLESS:
			if (!round_quotient(sum, count, mean))
				return false;
			break;
		default:
			return false;
	}
	if (negative)
		mean->value = -mean->value;
	return true;
}

/* comes_before tells whether sample a comes before sample b by time, then by value. */
static inline bool
comes_before(const int64_t *times, const DecimalInt *values, int64_t a, int64_t b)
{
	return times[a] < times[b] || (times[a] == times[b] && values[a] < values[b]);
}

static inline void
swap_samples(int64_t *times, DecimalInt *values, int64_t a, int64_t b)
{
	int64_t time = times[a];

	times[a] = times[b];
	times[b] = time;
	swap_values(&values[a], &values[b]);
}

/* sift_down lets the sample at `top` sink to its place in the heap. */
static void
sift_down(int64_t *times, DecimalInt *values, int64_t top, int64_t count)
{
	int64_t child;

	while ((child = 2 * top + 1) < count)
	{
		if (child + 1 < count && comes_before(times, values, child, child + 1))
			child++;
		if (!comes_before(times, values, top, child))
			return;
		swap_samples(times, values, top, child);
		top = child;
	}
}

/*
 * meter_sort sorts samples by time, then by value, with the heap sort: it needs
 * no memory and has no slow case.  Samples that come in order, as they mostly
 * do, are left alone.
 */
void
meter_sort(int64_t *times, DecimalInt *values, int64_t count)
{
	int64_t sorted = 1;

	while (sorted < count && !comes_before(times, values, sorted, sorted - 1))
		sorted++;
	if (sorted >= count)
		return;
	for (int64_t top = count / 2 - 1; top >= 0; top--)
		sift_down(times, values, top, count);
	for (int64_t end = count - 1; end > 0; end--)
	{
		swap_samples(times, values, 0, end);
		sift_down(times, values, 0, end);
	}
}

/*
 * meter_integral adds up value times microseconds: each value holds from its
 * time to that of the next sample, the last one until `until`.  The samples
 * are sorted and before `until`; false when the sum does not fit.
 *
 * Of the samples of one instant all but the last hold for no time at all, so
 * the greatest value counts.
 */
bool
meter_integral(const int64_t *times, const DecimalInt *values, int64_t count, int64_t until,
			   DecimalInt *sum)
{
	DecimalInt area;

	*sum = 0;
	for (int64_t i = 0; i < count; i++)
	{
		DecimalInt end = i + 1 < count ? times[i + 1] : until;

		if (!decimal_multiply_int(values[i], end - times[i], &area) ||
			!decimal_add_int(*sum, area, sum))
			return false;
	}
	return true;
}
