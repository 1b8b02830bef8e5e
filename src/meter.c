/*
 * meter.c
 *		Aggregates for meters that SQL lacks: percentile_peak, mean_top and
 *		time_weighted_sum.
 *
 * All three gather the samples of a group and compute at its end, because none
 * of them can be had from a running total.  The samples are kept as 128-bit
 * integers at one scale, 16 bytes each, for meter_core.c; as soon as one does
 * not fit beside the others, all of them become numerics and the same rules
 * are followed with numeric's own arithmetic.  Both ways are exact, so nobody
 * can tell which one ran.
 *
 * A final function reorders the samples and changes nothing else, so it may be
 * called again after more of them have come (window frames).
 */
#include "postgres.h"

#include "fmgr.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "meter_core.h"
#include "numeric_bridge.h"
#include "numeric_math.h"

PG_FUNCTION_INFO_V1(billing_percentile_peak_add);
PG_FUNCTION_INFO_V1(billing_percentile_peak_final);
PG_FUNCTION_INFO_V1(billing_mean_top_add);
PG_FUNCTION_INFO_V1(billing_mean_top_final);
PG_FUNCTION_INFO_V1(billing_time_weighted_sum_add);
PG_FUNCTION_INFO_V1(billing_time_weighted_sum_final);
PG_FUNCTION_INFO_V1(billing_samples_combine);
PG_FUNCTION_INFO_V1(billing_samples_serialize);
PG_FUNCTION_INFO_V1(billing_samples_deserialize);
PG_FUNCTION_INFO_V1(billing_test_meter_path);

#define FIRST_CAPACITY 8

/* What a group's parameter is, which has to be one and the same for all rows. */
typedef enum Parameter
{
	PARAMETER_PERCENT,
	PARAMETER_DAYS,
	PARAMETER_UNTIL /* microseconds; the samples have times */
} Parameter;

static const char *const parameter_name[] = {"percent", "days", "until"};

/* The samples of a group. */
typedef struct Samples
{
	MemoryContext context; /* all of it lives here */
	Parameter kind;
	Decimal parameter;
	int scale; /* of the values */
	int64 count;
	int64 capacity;
	DecimalInt *values; /* NULL once a sample did not fit */
	Numeric *wide; /* then they are here */
	int64 *times; /* NULL if the samples have none */
} Samples;

/* A sample beyond 128 bits, for sorting. */
typedef struct WideSample
{
	int64 time;
	Numeric value;
} WideSample;

/* off in tests that ask for the unlimited path */
static bool fast_path = true;

/*
 * ---- gathering ----
 */

/* aggregate_context gives the memory that lives as long as the group. */
static MemoryContext
aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "function of an aggregate was called outside of one");
	return context;
}

static Samples *
new_samples(MemoryContext context, Parameter kind, Decimal parameter)
{
	Samples *samples = MemoryContextAllocZero(context, sizeof(Samples));

	samples->context = context;
	samples->kind = kind;
	samples->parameter = parameter;
	samples->capacity = FIRST_CAPACITY;
	if (fast_path)
		samples->values = MemoryContextAlloc(context, FIRST_CAPACITY * sizeof(DecimalInt));
	else
		samples->wide = MemoryContextAlloc(context, FIRST_CAPACITY * sizeof(Numeric));
	if (kind == PARAMETER_UNTIL)
		samples->times = MemoryContextAlloc(context, FIRST_CAPACITY * sizeof(int64));
	return samples;
}

/* make_room makes room for so many samples more. */
static void
make_room(Samples *samples, int64 more)
{
	if (samples->count + more <= samples->capacity)
		return;
	while (samples->capacity < samples->count + more)
		samples->capacity *= 2;
	if (samples->values != NULL)
		samples->values = repalloc_huge(samples->values, samples->capacity * sizeof(DecimalInt));
	else
		samples->wide = repalloc_huge(samples->wide, samples->capacity * sizeof(Numeric));
	if (samples->times != NULL)
		samples->times = repalloc_huge(samples->times, samples->capacity * sizeof(int64));
}

/* make_wide turns all samples into numerics. */
static void
make_wide(Samples *samples)
{
	MemoryContext before = MemoryContextSwitchTo(samples->context);

	samples->wide = MemoryContextAllocHuge(samples->context, samples->capacity * sizeof(Numeric));
	for (int64 i = 0; i < samples->count; i++)
	{
		Decimal value = {samples->values[i], samples->scale};

		samples->wide[i] = billing_numeric_from_decimal(value);
	}
	pfree(samples->values);
	samples->values = NULL;
	MemoryContextSwitchTo(before);
}

/*
 * take_scale brings the samples to a scale that is at least the given one;
 * false when one of them does not fit there.
 */
static bool
take_scale(Samples *samples, int scale)
{
	if (scale <= samples->scale)
		return true;
	if (!meter_rescale(samples->values, samples->count, scale - samples->scale))
		return false;
	samples->scale = scale;
	return true;
}

/*
 * add_value appends a sample, given as a Decimal or, where that is NULL, as a
 * numeric; `time` is ignored where there are none.
 */
static void
add_value(Samples *samples, const Decimal *value, Datum number, int64 time)
{
	DecimalInt shifted = 0;

	make_room(samples, 1);
	if (samples->values != NULL &&
		!(value != NULL && take_scale(samples, value->scale) &&
		  decimal_shift(value->value, samples->scale - value->scale, &shifted)))
		make_wide(samples);
	if (samples->values != NULL)
		samples->values[samples->count] = shifted;
	else
	{
		MemoryContext before = MemoryContextSwitchTo(samples->context);

		samples->wide[samples->count] =
			value != NULL ? billing_numeric_from_decimal(*value) : DatumGetNumericCopy(number);
		MemoryContextSwitchTo(before);
	}
	if (samples->times != NULL)
		samples->times[samples->count] = time;
	samples->count++;
}

/* parameter_text prints a parameter for a message. */
static char *
parameter_text(Parameter kind, Decimal parameter)
{
	if (kind == PARAMETER_UNTIL)
		return DatumGetCString(DirectFunctionCall1(
			timestamptz_out, TimestampTzGetDatum((TimestampTz) parameter.value)));
	return DatumGetCString(
		DirectFunctionCall1(numeric_out, NumericGetDatum(billing_numeric_from_decimal(parameter))));
}

/* check_same raises the error for a parameter that is not the group's. */
static void
check_same(const Samples *samples, Parameter kind, Decimal parameter)
{
	const char *name = parameter_name[kind];

	if (likely(decimal_compare(samples->parameter, parameter) == 0))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s must not change within a group: %s and %s", name,
					parameter_text(kind, samples->parameter), parameter_text(kind, parameter)),
			 errdetail("All rows of a group are answered together."),
			 errhint("Group by %s as well, or give a constant.", name)));
}

/* refuse_null raises the error for an argument that is missing beside a value. */
static void __attribute__((noreturn)) refuse_null(const char *name)
{
	ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be NULL", name),
					errdetail("Only rows whose value is NULL are left out."),
					errhint("Give %s with every value, or leave rows out with FILTER.", name)));
}

/*
 * read_value reads a sample and refuses what is not finite.  It gives the
 * Decimal, or NULL for a number that does not fit one.
 */
static inline const Decimal *
read_value(Datum number, Decimal *value)
{
	NumericKind kind = billing_decimal_from_numeric(number, value);

	if (likely(kind == NUMERIC_KIND_FITS))
		return value;
	if (kind != NUMERIC_KIND_WIDE)
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						errmsg("value must be a finite number, not %s",
							   kind == NUMERIC_KIND_NAN        ? "NaN"
							   : kind == NUMERIC_KIND_INFINITY ? "Infinity"
															   : "-Infinity"),
						errdetail("The answer would not be a number either."),
						errhint("Leave such rows out with FILTER.")));
	return NULL;
}

/*
 * group_samples gives the state of the group with this parameter, which is made
 * by the first row that has a value.
 */
static inline Samples *
group_samples(FunctionCallInfo fcinfo, MemoryContext context, Parameter kind, Decimal parameter)
{
	Samples *samples;

	if (PG_ARGISNULL(0))
		return new_samples(context, kind, parameter);
	samples = (Samples *) PG_GETARG_POINTER(0);
	check_same(samples, kind, parameter);
	return samples;
}

/* RETURN_STATE hands the state back as it came, perhaps NULL. */
#define RETURN_STATE()                           \
	do                                           \
	{                                            \
		if (PG_ARGISNULL(0))                     \
			PG_RETURN_NULL();                    \
		PG_RETURN_POINTER(PG_GETARG_POINTER(0)); \
	} while (0)

/* read_percent reads a percentage and refuses what is none. */
static Decimal
read_percent(Datum number)
{
	Decimal percent;
	NumericKind kind = billing_decimal_from_numeric(number, &percent);

	if (likely(kind == NUMERIC_KIND_FITS))
	{
		percent = decimal_trim(percent);
		if (percent.value > 0 && decimal_compare(percent, decimal_of(100)) <= 0)
		{
			if (likely(percent.scale <= METER_PERCENT_DECIMALS))
				return percent;
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("percent must have at most %d decimals, not %d",
								   METER_PERCENT_DECIMALS, percent.scale),
							errdetail("The number of samples to drop is computed exactly."),
							errhint("Round it.")));
		}
	}
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("percent must be above 0 and at most 100, not %s",
						   DatumGetCString(DirectFunctionCall1(numeric_out, number))),
					errdetail("It is the share of the samples that is not dropped from the top."),
					errhint("Give 95 for the 95th percentile, 100 for the highest sample.")));
}

/*
 * billing_percentile_peak_add(state, value, percent) takes a row of
 * percentile_peak.
 */
Datum
billing_percentile_peak_add(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	Samples *samples;
	Decimal buffer;
	const Decimal *value;

	if (PG_ARGISNULL(1))
		RETURN_STATE();
	if (PG_ARGISNULL(2))
		refuse_null("percent");
	value = read_value(PG_GETARG_DATUM(1), &buffer);
	samples = group_samples(fcinfo, context, PARAMETER_PERCENT, read_percent(PG_GETARG_DATUM(2)));
	add_value(samples, value, PG_GETARG_DATUM(1), 0);
	PG_RETURN_POINTER(samples);
}

/*
 * billing_mean_top_add(state, value, days) takes a row of mean_top.
 */
Datum
billing_mean_top_add(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	Samples *samples;
	Decimal buffer;
	const Decimal *value;

	if (PG_ARGISNULL(1))
		RETURN_STATE();
	if (PG_ARGISNULL(2))
		refuse_null("days");
	if (PG_GETARG_INT32(2) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("days must be at least 1, not %d", PG_GETARG_INT32(2)),
				 errdetail("It is how many of the highest values the mean is taken of."),
				 errhint("Give 5 for the mean of the five highest days, 31 for all of them.")));
	value = read_value(PG_GETARG_DATUM(1), &buffer);
	samples = group_samples(fcinfo, context, PARAMETER_DAYS, decimal_of(PG_GETARG_INT32(2)));
	add_value(samples, value, PG_GETARG_DATUM(1), 0);
	PG_RETURN_POINTER(samples);
}

/* refuse_instant raises the error for an instant that has no distance to others. */
static void __attribute__((noreturn)) refuse_instant(const char *name, TimestampTz instant)
{
	ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
					errmsg("%s must be a finite instant, not %s", name,
						   instant < 0 ? "-infinity" : "infinity"),
					errdetail("The time between two samples has to have a length."),
					errhint("Give the start or the end of the period.")));
}

/*
 * billing_time_weighted_sum_add(state, value, at, until) takes a row of
 * time_weighted_sum.
 */
Datum
billing_time_weighted_sum_add(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	Samples *samples;
	Decimal buffer;
	const Decimal *value;
	TimestampTz at;
	TimestampTz until;

	if (PG_ARGISNULL(1))
		RETURN_STATE();
	if (PG_ARGISNULL(2) || PG_ARGISNULL(3))
		refuse_null(PG_ARGISNULL(2) ? "at" : "until");
	at = PG_GETARG_TIMESTAMPTZ(2);
	until = PG_GETARG_TIMESTAMPTZ(3);
	if (TIMESTAMP_NOT_FINITE(until))
		refuse_instant("until", until);
	if (TIMESTAMP_NOT_FINITE(at))
		refuse_instant("at", at);
	value = read_value(PG_GETARG_DATUM(1), &buffer);
	samples = group_samples(fcinfo, context, PARAMETER_UNTIL, decimal_of(until));
	/* the period is [.., until) */
	if (at < until)
		add_value(samples, value, PG_GETARG_DATUM(1), at);
	PG_RETURN_POINTER(samples);
}

/*
 * ---- parallel query ----
 */

/* append adds the samples of another worker. */
static void
append(Samples *to, const Samples *from)
{
	make_room(to, from->count);
	for (int64 i = 0; i < from->count; i++)
	{
		int64 time = from->times != NULL ? from->times[i] : 0;

		if (from->values != NULL)
		{
			Decimal value = {from->values[i], from->scale};

			add_value(to, &value, (Datum) 0, time);
		}
		else
			add_value(to, NULL, NumericGetDatum(from->wide[i]), time);
	}
}

/*
 * billing_samples_combine(state, state) joins what two workers have gathered.
 */
Datum
billing_samples_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	Samples *from;
	Samples *to;

	if (PG_ARGISNULL(1))
		RETURN_STATE();
	from = (Samples *) PG_GETARG_POINTER(1);
	to = group_samples(fcinfo, context, from->kind, from->parameter);
	append(to, from);
	PG_RETURN_POINTER(to);
}

/*
 * billing_samples_serialize(state) packs a state for another process of the
 * same server, so everything goes in the machine's own form.  The pointers only
 * tell there which arrays follow.
 */
Datum
billing_samples_serialize(PG_FUNCTION_ARGS)
{
	StringInfoData buffer;
	Samples *samples;
	int64 count;

	(void) aggregate_context(fcinfo);
	samples = (Samples *) PG_GETARG_POINTER(0);
	count = samples->count;
	if (count > MaxAllocSize / (sizeof(DecimalInt) + sizeof(int64)))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("a group has too many samples for a parallel query"),
						errdetail("A worker has gathered " INT64_FORMAT " of one group.", count),
						errhint("SET max_parallel_workers_per_gather = 0 for this query.")));
	pq_begintypsend(&buffer);
	pq_sendbytes(&buffer, (const char *) samples, sizeof(Samples));
	if (samples->values != NULL)
		pq_sendbytes(&buffer, (const char *) samples->values, count * sizeof(DecimalInt));
	else
		for (int64 i = 0; i < count; i++)
			pq_sendbytes(&buffer, (const char *) samples->wide[i], VARSIZE(samples->wide[i]));
	if (samples->times != NULL)
		pq_sendbytes(&buffer, (const char *) samples->times, count * sizeof(int64));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

/* copy_array gives a copy of what stands next in the message. */
static void *
copy_array(StringInfo message, int64 count, size_t size)
{
	void *array = palloc_extended(Max(count, 1) * size, MCXT_ALLOC_HUGE);

	memcpy(array, pq_getmsgbytes(message, (int) (count * size)), count * size);
	return array;
}

/*
 * billing_samples_deserialize(bytes, internal) unpacks what
 * billing_samples_serialize() has packed.
 */
Datum
billing_samples_deserialize(PG_FUNCTION_ARGS)
{
	bytea *packed = PG_GETARG_BYTEA_PP(0);
	StringInfoData message;
	Samples *samples;

	(void) aggregate_context(fcinfo);
	message.data = VARDATA_ANY(packed);
	message.len = message.maxlen = (int) VARSIZE_ANY_EXHDR(packed);
	message.cursor = 0;

	samples = copy_array(&message, 1, sizeof(Samples));
	samples->context = CurrentMemoryContext;
	samples->capacity = Max(samples->count, 1);
	if (samples->values != NULL)
		samples->values = copy_array(&message, samples->count, sizeof(DecimalInt));
	else
	{
		samples->wide = palloc_extended(samples->capacity * sizeof(Numeric), MCXT_ALLOC_HUGE);
		for (int64 i = 0; i < samples->count; i++)
		{
			int32 header;

			/* the length word may lie anywhere in the message */
			memcpy(&header, message.data + message.cursor, sizeof(header));
			samples->wide[i] = copy_array(&message, 1, VARSIZE(&header));
		}
	}
	if (samples->times != NULL)
		samples->times = copy_array(&message, samples->count, sizeof(int64));
	pq_getmsgend(&message);
	PG_RETURN_POINTER(samples);
}

/*
 * ---- the answers ----
 */

/* final_samples gives the group's samples, or NULL when there are none. */
static Samples *
final_samples(FunctionCallInfo fcinfo)
{
	Samples *samples;

	(void) aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		return NULL;
	samples = (Samples *) PG_GETARG_POINTER(0);
	return samples->count > 0 ? samples : NULL;
}

/* compare_falling is for sorting numerics, the highest first. */
static int
compare_falling(const void *a, const void *b)
{
	return num_compare(*(const Numeric *) b, *(const Numeric *) a);
}

/* as_numerics gives all samples as numerics, for what does not fit 128 bits. */
static const Numeric *
as_numerics(const Samples *samples)
{
	Numeric *numbers;

	if (samples->values == NULL)
		return samples->wide;
	numbers = palloc_extended(samples->count * sizeof(Numeric), MCXT_ALLOC_HUGE);
	for (int64 i = 0; i < samples->count; i++)
	{
		Decimal value = {samples->values[i], samples->scale};

		numbers[i] = billing_numeric_from_decimal(value);
	}
	return numbers;
}

/*
 * bring_highest moves the `top` highest samples to the front.
 */
static void
bring_highest(Samples *samples, int64 top)
{
	if (samples->values != NULL)
		(void) meter_select(samples->values, samples->count, top - 1);
	else
		qsort(samples->wide, samples->count, sizeof(Numeric), compare_falling);
}

/*
 * billing_percentile_peak_final(state) gives the highest sample but those that
 * are dropped.
 */
Datum
billing_percentile_peak_final(PG_FUNCTION_ARGS)
{
	Samples *samples = final_samples(fcinfo);
	int64 dropped;

	if (samples == NULL)
		PG_RETURN_NULL();
	/* 128 bits hold the product for 10^16 samples, more than any memory does */
	if (!meter_dropped(samples->count, samples->parameter, &dropped))
		elog(ERROR, "too many samples for a percentage of so many digits");
	bring_highest(samples, dropped + 1);
	if (samples->values != NULL)
	{
		Decimal value = {samples->values[dropped], samples->scale};

		PG_RETURN_NUMERIC(billing_numeric_from_decimal(value));
	}
	PG_RETURN_NUMERIC(num_trim(samples->wide[dropped]));
}

static Numeric
num_of(DecimalInt value)
{
	Decimal number = {value, 0};

	return billing_numeric_from_decimal(number);
}

/*
 * wide_mean is meter_mean() without a limit.  The sum is an integer over
 * 10^scale, and its quotient has a last digit if what remains of the count
 * without its twos and fives divides that integer.
 */
static Numeric
wide_mean(Numeric sum, int64 count)
{
	int scale = DatumGetInt32(DirectFunctionCall1(numeric_min_scale, NumericGetDatum(sum)));
	Numeric whole = num_multiply(sum, num_power10(scale));
	Numeric quotient;
	Numeric half;
	int64 odd = count;
	int decimals = 0;

	for (; odd % 10 == 0; decimals++)
		odd /= 10;
	for (; odd % 2 == 0; decimals++)
		odd /= 2;
	for (; odd % 5 == 0; decimals++)
		odd /= 5;
	if (num_compare(num_call2(numeric_mod, whole, num_of(odd)), num_of(0)) == 0)
	{
		/* count divides odd * 10^decimals, so this division leaves nothing */
		whole = num_multiply(whole, num_power10(decimals));
		quotient = num_quotient(whole, num_of(count));
		return num_trim(num_multiply(quotient, num_power10(-(scale + decimals))));
	}

	/* trunc(sum * 10^20 / count + half), away from zero, with twice the count below */
	half = num_of(num_compare(sum, num_of(0)) < 0 ? -count : count);
	whole = num_multiply(sum, num_power10(METER_MEAN_DECIMALS));
	whole = num_add(num_multiply(whole, num_of(2)), half);
	quotient = num_quotient(whole, num_of(2 * (DecimalInt) count));
	return num_trim(num_multiply(quotient, num_power10(-METER_MEAN_DECIMALS)));
}

/*
 * billing_mean_top_final(state) gives the mean of the highest values.
 */
Datum
billing_mean_top_final(PG_FUNCTION_ARGS)
{
	Samples *samples = final_samples(fcinfo);
	Decimal mean;
	Decimal sum;
	Numeric total;
	const Numeric *numbers;
	int64 top;

	if (samples == NULL)
		PG_RETURN_NULL();
	top = Min((int64) samples->parameter.value, samples->count);
	bring_highest(samples, top);
	sum.scale = samples->scale;
	if (samples->values != NULL && meter_sum(samples->values, top, &sum.value) &&
		meter_mean(sum, top, &mean))
		PG_RETURN_NUMERIC(billing_numeric_from_decimal(mean));

	numbers = as_numerics(samples);
	total = numbers[0];
	for (int64 i = 1; i < top; i++)
		total = num_add(total, numbers[i]);
	PG_RETURN_NUMERIC(wide_mean(total, top));
}

/* compare_wide is for sorting by time, then by value. */
static int
compare_wide(const void *a, const void *b)
{
	const WideSample *left = a;
	const WideSample *right = b;

	if (left->time != right->time)
		return left->time < right->time ? -1 : 1;
	return num_compare(left->value, right->value);
}

/*
 * wide_integral is meter_integral() without a limit, in seconds.
 */
static Numeric
wide_integral(const Samples *samples)
{
	const Numeric *numbers = as_numerics(samples);
	int64 count = samples->count;
	WideSample *sorted = palloc_extended(count * sizeof(WideSample), MCXT_ALLOC_HUGE);
	Numeric sum = num_of(0);

	for (int64 i = 0; i < count; i++)
	{
		sorted[i].time = samples->times[i];
		sorted[i].value = numbers[i];
	}
	qsort(sorted, count, sizeof(WideSample), compare_wide);
	for (int64 i = 0; i < count; i++)
	{
		DecimalInt end = i + 1 < count ? sorted[i + 1].time : samples->parameter.value;
		Decimal seconds = {end - sorted[i].time, METER_TIME_DECIMALS};

		sum = num_add(sum, num_multiply(sorted[i].value, billing_numeric_from_decimal(seconds)));
	}
	return num_trim(sum);
}

/*
 * billing_time_weighted_sum_final(state) gives value times seconds.
 */
Datum
billing_time_weighted_sum_final(PG_FUNCTION_ARGS)
{
	Samples *samples = final_samples(fcinfo);
	Decimal sum;

	if (samples == NULL)
		PG_RETURN_NULL();
	if (samples->values != NULL)
	{
		meter_sort(samples->times, samples->values, samples->count);
		sum.scale = samples->scale + METER_TIME_DECIMALS;
		if (meter_integral(samples->times, samples->values, samples->count,
						   (int64) samples->parameter.value, &sum.value))
			PG_RETURN_NUMERIC(billing_numeric_from_decimal(sum));
	}
	PG_RETURN_NUMERIC(wide_integral(samples));
}

/*
 * billing_test_meter_path(fast) switches the 128-bit path on or off in this
 * session.  The extension has no SQL function for it; tests make one.
 */
Datum
billing_test_meter_path(PG_FUNCTION_ARGS)
{
	fast_path = PG_GETARG_BOOL(0);
	PG_RETURN_VOID();
}
