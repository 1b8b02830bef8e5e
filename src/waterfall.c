/*
 * waterfall.c
 *		The aggregate waterfall(): one account's items of usage run down its
 *		prepaid sources, in the order of the rows.
 *
 * The ways are read once, at the first row of a group; each row then runs down
 * at once, and leaves its steps behind.  All is computed in 128 bits
 * (waterfall_core.c) until a number does not fit; from there on numeric's own
 * arithmetic follows the same rules for the rest of the group.  Both are exact,
 * so nobody can tell which one ran.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "numeric_bridge.h"
#include "numeric_math.h"
#include "waterfall_core.h"

PG_FUNCTION_INFO_V1(billing_waterfall_add);
PG_FUNCTION_INFO_V1(billing_waterfall_final);
PG_FUNCTION_INFO_V1(billing_test_waterfall_path);

/* so many digits a number may have on either side of its point */
#define MAX_DIGITS 1000
/* so many decimals numeric holds; beyond, it would round */
#define MAX_SCALE 16383

#define FIRST_STEPS 8

/* The attributes of billing.deduction_way. */
enum
{
	WAY_SOURCE,
	WAY_SOURCE_ID,
	WAY_REMAINING,
	WAY_METER,
	WAY_REGION,
	WAY_RESOURCE,
	WAY_FACTOR,
	WAY_VALID_FROM,
	WAY_VALID_UNTIL,
	WAY_ATTRIBUTES
};

static const char *const way_attribute[] = {"source", "source_id",  "remaining",
											"meter",  "region",     "resource",
											"factor", "valid_from", "valid_until"};

/* The arguments of the function that takes a row. */
enum
{
	ARG_STATE,
	ARG_WAYS,
	ARG_ITEM,
	ARG_METER,
	ARG_REGION,
	ARG_RESOURCE,
	ARG_FIRST_AT,
	ARG_LAST_AT,
	ARG_QUANTITY,
	ARG_BY_EVENT
};

/* What a source is beside its WaterfallSource. */
typedef struct Source
{
	Datum name;
	int64 id;
	Datum stated; /* its remaining, as the ways state it */
	Numeric remaining; /* what it has, once numbers are beyond 128 bits */
} Source;

typedef struct Step
{
	int64 item;
	int source;
	Numeric quantity;
	Numeric units;
} Step;

/* The state of a group. */
typedef struct Waterfall
{
	MemoryContext memory; /* all of it lives here */
	bool by_event;
	bool wide; /* beyond 128 bits: Numerics count, not Decimals */
	bool straddles;
	bool runs_out;

	int way_count;
	WaterfallWay *ways;
	Datum *factors; /* as the ways state them */
	Numeric *wide_factors;
	int source_count;
	WaterfallSource *core_sources;
	Source *sources;
	WaterfallRun run; /* of the last item */

	int64 step_count;
	int64 step_capacity;
	Step *steps;
} Waterfall;

/* off in tests that ask for the unlimited path */
static bool fast_path = true;

/* aggregate_memory gives the context that lives as long as the group. */
static MemoryContext
aggregate_memory(FunctionCallInfo fcinfo)
{
	MemoryContext memory;

	if (!AggCheckCallContext(fcinfo, &memory))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("a part of the aggregate waterfall was called outside of it"),
						errhint("Call waterfall(ways, item, ...).")));
	return memory;
}

/*
 * row_type_of gives the descriptor of a composite type, looked up once for all
 * calls of a query.
 */
static TupleDesc
row_type_of(FunctionCallInfo fcinfo, Oid type, int attributes)
{
	TupleDesc cached = fcinfo->flinfo->fn_extra;
	TupleDesc descriptor;
	MemoryContext before;

	if (likely(cached != NULL && cached->tdtypeid == type))
		return cached;
	descriptor = lookup_rowtype_tupdesc(type, -1);
	if (descriptor->natts != attributes)
		elog(ERROR, "type %s has %d attributes, not %d", format_type_be(type), descriptor->natts,
			 attributes);
	before = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	cached = CreateTupleDescCopy(descriptor);
	MemoryContextSwitchTo(before);
	ReleaseTupleDesc(descriptor);
	fcinfo->flinfo->fn_extra = cached;
	return cached;
}

/*
 * ---- numbers ----
 */

static Numeric
num_zero(void)
{
	return billing_numeric_from_decimal(decimal_of(0));
}

static bool
num_is_zero(Numeric a)
{
	return num_compare(a, num_zero()) == 0;
}

static int
num_scale(Numeric a)
{
	return DatumGetInt32(DirectFunctionCall1(numeric_min_scale, NumericGetDatum(a)));
}

static char *
number_text(Datum number)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out, number));
}

/* refuse_decimals raises the error for a result that numeric would round. */
static void __attribute__((noreturn)) refuse_decimals(Numeric factor)
{
	ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					errmsg("a deduction by the factor %s has more than %d decimals",
						   number_text(NumericGetDatum(factor)), MAX_SCALE),
					errdetail("Deductions are exact."),
					errhint("Give factors and quantities of fewer digits.")));
}

/* check_digits refuses a number so long that exact results would be out of numeric's range. */
static void
check_digits(const char *name, Datum number)
{
	Numeric magnitude = DatumGetNumeric(DirectFunctionCall1(numeric_abs, number));

	if (num_scale(magnitude) > MAX_DIGITS || num_compare(magnitude, num_power10(MAX_DIGITS)) >= 0)
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						errmsg("%s must have at most %d digits on either side of the point", name,
							   MAX_DIGITS),
						errdetail("Deductions are exact, and their digits have to fit a numeric."),
						errhint("Round it.")));
}

/*
 * read_number reads a number, and tells whether it fits a Decimal.  It refuses
 * what is not finite, and what is negative, or zero where that may not be.
 */
static bool
read_number(const char *name, Datum number, bool above_zero, Decimal *value)
{
	NumericKind kind = billing_decimal_from_numeric(number, value);
	bool fits = kind == NUMERIC_KIND_FITS && value->scale <= MAX_DIGITS;
	int sign;

	if (unlikely(kind != NUMERIC_KIND_FITS && kind != NUMERIC_KIND_WIDE))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%s must be a finite number, not %s", name, number_text(number)),
				 errdetail("What is deducted is added up, and would not be a number either."),
				 errhint("Give a finite number.")));
	if (likely(fits))
		sign = (value->value > 0) - (value->value < 0);
	else
		sign = num_compare(DatumGetNumeric(number), num_zero());
	if (unlikely(sign < 0 || (sign == 0 && above_zero)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg(above_zero ? "%s must be above 0, not %s" : "%s must not be negative: %s",
						name, number_text(number)),
				 errdetail("Usage uses sources up, and never fills them."),
				 above_zero ? errhint("Give 1 where one unit of usage takes one unit.")
							: errhint("Give 0 or more; a correction is an adjustment.")));
	if (unlikely(!fits))
		check_digits(name, number);
	return fits;
}

/*
 * ---- the first row: what there is to run down ----
 */

/* refuse_null raises the error for what may not be missing. */
static void __attribute__((noreturn)) refuse_null(const char *name)
{
	ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be NULL", name),
					errdetail("Only ways, region and resource may be missing."),
					errhint("Leave rows that are no usage out with FILTER.")));
}

static WaterfallName
name_of(Datum text_datum)
{
	text *string = DatumGetTextPP(text_datum);
	WaterfallName name = {VARDATA_ANY(string), (int) VARSIZE_ANY_EXHDR(string)};

	return name;
}

/* check_source_name refuses what is no kind of source. */
static void
check_source_name(Datum datum)
{
	WaterfallName name = name_of(datum);

	if ((name.length == 9 && memcmp(name.data, "allowance", 9) == 0) ||
		(name.length == 7 && memcmp(name.data, "package", 7) == 0))
		return;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("a source must be allowance or package, not \"%s\"",
						   TextDatumGetCString(datum)),
					errdetail("It is what a way of deduction leads to."),
					errhint("Give one of these two words in lower case.")));
}

/*
 * source_of gives the place of a way's source among the sources; a new one if
 * no way before has led to it.
 */
static int
source_of(Waterfall *state, const Datum *values)
{
	WaterfallName name = name_of(values[WAY_SOURCE]);
	int64 id = DatumGetInt64(values[WAY_SOURCE_ID]);
	Decimal remaining;
	bool fits;
	int place;

	for (place = 0; place < state->source_count; place++)
	{
		const Source *source = &state->sources[place];
		WaterfallName other = name_of(source->name);

		if (source->id != id || other.length != name.length ||
			memcmp(other.data, name.data, name.length) != 0)
			continue;
		if (num_compare(DatumGetNumeric(source->stated), DatumGetNumeric(values[WAY_REMAINING])) !=
			0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the ways of %s " INT64_FORMAT " state two remainders: %s and %s",
							TextDatumGetCString(source->name), id, number_text(source->stated),
							number_text(values[WAY_REMAINING])),
					 errdetail("All ways that lead to a source share what remains of it."),
					 errhint("Take the remainder from one place.")));
		return place;
	}

	fits = read_number("remaining", values[WAY_REMAINING], false, &remaining);
	state->wide = state->wide || !fits;
	state->sources[place].name = values[WAY_SOURCE];
	state->sources[place].id = id;
	state->sources[place].stated = values[WAY_REMAINING];
	state->core_sources[place].filled = !fits || remaining.value > 0;
	state->core_sources[place].spent = !state->core_sources[place].filled;
	if (fits)
		state->core_sources[place].remaining = decimal_trim(remaining);
	return state->source_count++;
}

/* read_way reads one way, whose memory lives as long as the group. */
static void
read_way(Waterfall *state, int place, const Datum *values, const bool *nulls)
{
	WaterfallWay *way = &state->ways[place];

	for (int i = 0; i < WAY_ATTRIBUTES; i++)
		if (unlikely(nulls[i]) && i != WAY_REGION && i != WAY_RESOURCE)
			refuse_null(way_attribute[i]);
	check_source_name(values[WAY_SOURCE]);
	way->source = source_of(state, values);
	way->meter = name_of(values[WAY_METER]);
	if (!nulls[WAY_REGION])
		way->region = name_of(values[WAY_REGION]);
	if (!nulls[WAY_RESOURCE])
		way->resource = name_of(values[WAY_RESOURCE]);
	way->from = DatumGetTimestampTz(values[WAY_VALID_FROM]);
	way->until = DatumGetTimestampTz(values[WAY_VALID_UNTIL]);
	state->factors[place] = values[WAY_FACTOR];
	if (read_number("factor", values[WAY_FACTOR], true, &way->factor))
		decimal_trim_in_place(&way->factor);
	else
		state->wide = true;
}

/* allocate gives zeroed memory that lives as long as the group. */
static void *
allocate(const Waterfall *state, size_t count, size_t size)
{
	return MemoryContextAllocZero(state->memory, Max(count, 1) * size);
}

/*
 * read_ways reads the array of ways.  It is copied once, and all names and
 * numbers of the ways point into the copy.
 */
static void
read_ways(Waterfall *state, FunctionCallInfo fcinfo)
{
	ArrayType *array = PG_GETARG_ARRAYTYPE_P_COPY(ARG_WAYS);
	TupleDesc descriptor = row_type_of(fcinfo, ARR_ELEMTYPE(array), WAY_ATTRIBUTES);
	Datum *elements;
	bool *missing;

	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_DOUBLE, &elements, &missing,
					  &state->way_count);
	state->ways = allocate(state, state->way_count, sizeof(WaterfallWay));
	state->factors = allocate(state, state->way_count, sizeof(Datum));
	state->sources = allocate(state, state->way_count, sizeof(Source));
	state->core_sources = allocate(state, state->way_count, sizeof(WaterfallSource));
	for (int i = 0; i < state->way_count; i++)
	{
		HeapTupleHeader row = missing[i] ? NULL : DatumGetHeapTupleHeader(elements[i]);
		HeapTupleData tuple = {.t_data = row};
		Datum values[WAY_ATTRIBUTES];
		bool nulls[WAY_ATTRIBUTES];

		if (row == NULL)
			refuse_null("a way");
		tuple.t_len = HeapTupleHeaderGetDatumLength(row);
		heap_deform_tuple(&tuple, descriptor, values, nulls);
		read_way(state, i, values, nulls);
	}
	pfree(elements);
	pfree(missing);
}

/*
 * make_wide leaves 128 bits: what the sources have and the factors become
 * numerics.
 */
static void
make_wide(Waterfall *state, bool from_decimals)
{
	MemoryContext before = MemoryContextSwitchTo(state->memory);

	state->wide = true;
	state->wide_factors = allocate(state, state->way_count, sizeof(Numeric));
	for (int i = 0; i < state->way_count; i++)
		state->wide_factors[i] = num_trim(DatumGetNumeric(state->factors[i]));
	for (int i = 0; i < state->source_count; i++)
		state->sources[i].remaining =
			from_decimals ? billing_numeric_from_decimal(state->core_sources[i].remaining)
						  : num_trim(DatumGetNumeric(state->sources[i].stated));
	MemoryContextSwitchTo(before);
}

/* new_waterfall makes the state of a group from its first row. */
static Waterfall *
new_waterfall(FunctionCallInfo fcinfo, MemoryContext memory)
{
	MemoryContext before = MemoryContextSwitchTo(memory);
	Waterfall *state = palloc0(sizeof(Waterfall));

	state->memory = memory;
	state->by_event = PG_GETARG_BOOL(ARG_BY_EVENT);
	if (!PG_ARGISNULL(ARG_WAYS))
		read_ways(state, fcinfo);
	state->run.steps = allocate(state, state->way_count + 1, sizeof(WaterfallStep));
	state->step_capacity = FIRST_STEPS;
	state->steps = allocate(state, FIRST_STEPS, sizeof(Step));
	MemoryContextSwitchTo(before);
	if (state->wide || !fast_path)
		make_wide(state, false);
	return state;
}

/*
 * ---- each row ----
 */

/* add_step appends a step; its numbers live as long as the group. */
static void
add_step(Waterfall *state, int64 item, int source, Numeric quantity, Numeric units)
{
	Step *step;

	if (state->step_count == state->step_capacity)
	{
		state->step_capacity *= 2;
		state->steps = repalloc_huge(state->steps, state->step_capacity * sizeof(Step));
	}
	step = &state->steps[state->step_count++];
	step->item = item;
	step->source = source;
	step->quantity = quantity;
	step->units = units;
}

/* add_steps appends the steps of a run in 128 bits. */
static void
add_steps(Waterfall *state, int64 item)
{
	MemoryContext before = MemoryContextSwitchTo(state->memory);

	for (int i = 0; i < state->run.count; i++)
	{
		const WaterfallStep *step = &state->run.steps[i];

		add_step(state, item, step->source, billing_numeric_from_decimal(step->quantity),
				 billing_numeric_from_decimal(step->units));
	}
	MemoryContextSwitchTo(before);
}

static void
add_wide_step(Waterfall *state, int64 item, int source, Numeric quantity, Numeric units)
{
	MemoryContext before = MemoryContextSwitchTo(state->memory);

	add_step(state, item, source, num_trim(quantity), num_trim(units));
	MemoryContextSwitchTo(before);
}

/*
 * wide_covered_by is covered_by() of the core without a limit.  In lowest terms
 * the quotient has a last digit if its denominator divides a power of ten; as
 * that may have as many factors of two as it has bits, no more than ten thirds
 * of its digits are worth a try.
 */
static Numeric
wide_covered_by(Numeric remaining, Numeric factor)
{
	/* of decimals too, and both are whole multiples of it */
	Numeric divisor = num_call2(numeric_gcd, remaining, factor);
	Numeric over = num_quotient(remaining, divisor);
	Numeric under = num_quotient(factor, divisor);
	int decimals = (int) strlen(number_text(NumericGetDatum(under))) * 10 / 3 + 1;
	Numeric power;

	if (decimals > MAX_SCALE)
		refuse_decimals(factor);
	power = num_power10(decimals);
	if (num_is_zero(num_call2(numeric_mod, power, under)))
	{
		over = num_multiply(over, num_quotient(power, under));
		return num_trim(num_multiply(over, num_power10(-decimals)));
	}
	over = num_quotient(num_multiply(remaining, num_power10(WATERFALL_DECIMALS)), factor);
	return num_trim(num_multiply(over, num_power10(-WATERFALL_DECIMALS)));
}

/* keep_remaining notes what a source has, in memory that lives as long as the group. */
static void
keep_remaining(Waterfall *state, int place, Numeric remaining)
{
	MemoryContext before;

	state->core_sources[place].spent = num_is_zero(remaining);
	before = MemoryContextSwitchTo(state->memory);
	pfree(state->sources[place].remaining);
	state->sources[place].remaining = num_trim(remaining);
	MemoryContextSwitchTo(before);
}

/* Left of the core without a limit */
typedef struct WideLeft
{
	Numeric quantity;
	Numeric units;
	Numeric factor;
} WideLeft;

/* take_wide is take_from() of the core without a limit. */
static void
take_wide(Waterfall *state, int way, WideLeft *left, int64 item)
{
	int source = state->ways[way].source;
	Numeric factor = state->wide_factors[way];
	Numeric remaining = state->sources[source].remaining;
	Numeric units;
	Numeric quantity;

	if (num_compare(left->factor, factor) == 0)
		units = left->units;
	else
	{
		if (num_scale(left->quantity) + num_scale(factor) > MAX_SCALE)
			refuse_decimals(factor);
		units = num_multiply(left->quantity, factor);
	}
	if (num_compare(units, remaining) <= 0)
	{
		add_wide_step(state, item, source, left->quantity, units);
		keep_remaining(state, source, num_subtract(remaining, units));
		left->quantity = num_zero();
		return;
	}
	quantity = wide_covered_by(remaining, factor);
	left->units = num_trim(num_subtract(units, remaining));
	left->factor = factor;
	left->quantity = num_trim(num_subtract(left->quantity, quantity));
	add_wide_step(state, item, source, quantity, remaining);
	keep_remaining(state, source, num_zero());
}

/*
 * run_wide is waterfall_run() of the core without a limit; it appends the steps
 * itself.
 */
static void
run_wide(Waterfall *state, const WaterfallItem *item, Numeric quantity, int64 number)
{
	WaterfallRun *run = &state->run;
	WideLeft left = {num_trim(quantity), num_trim(quantity),
					 billing_numeric_from_decimal(decimal_of(1))};
	bool is_left = !num_is_zero(left.quantity);
	bool taken = false;

	run->straddles = false;
	run->runs_out = false;
	for (int i = 0; i < state->way_count && is_left; i++)
	{
		WaterfallMeeting meeting =
			waterfall_meet(&state->ways[i], &state->core_sources[state->ways[i].source], item);

		if (meeting == WATERFALL_PASSES)
			continue;
		if (meeting == WATERFALL_STRADDLES)
		{
			run->straddles = true;
			return;
		}
		if (meeting == WATERFALL_TAKES)
		{
			take_wide(state, i, &left, number);
			is_left = !num_is_zero(left.quantity);
			taken = true;
		}
		run->runs_out = run->runs_out || is_left;
	}
	if (is_left || !taken)
		add_wide_step(state, number, WATERFALL_NO_SOURCE, left.quantity, num_zero());
}

static char *
instant_text(TimestampTz instant)
{
	return pstrdup(timestamptz_to_str(instant));
}

/* check_instants refuses instants that are none of an item. */
static void
check_instants(const Waterfall *state, const WaterfallItem *item)
{
	if (likely(item->first == item->last || (item->first < item->last && !state->by_event)))
		return;
	if (item->first > item->last)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("last_at %s is before first_at %s", instant_text(item->last),
							   instant_text(item->first)),
						errdetail("They are the instants of the last and the first event."),
						errhint("Give max(event_time) as last_at, min(event_time) as first_at.")));
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("by_event is true, and an item lasts from %s to %s",
						   instant_text(item->first), instant_text(item->last)),
					errdetail("What a group of events takes may depend on their order."),
					errhint("Give each event as an item of its own, or by_event false.")));
}

/* is_unknown tells whether the events have to be looked at one by one. */
static bool
is_unknown(const Waterfall *state)
{
	return !state->by_event && (state->straddles || state->runs_out);
}

/* run_item lets an item run down, or, once there will be no answer, does nothing. */
static void
run_item(Waterfall *state, WaterfallItem *item, Datum quantity, int64 number)
{
	bool fits = read_number("quantity", quantity, false, &item->quantity);

	if (is_unknown(state))
		return;
	if (!state->wide && !(fits && waterfall_run(state->ways, state->way_count, state->core_sources,
												item, &state->run)))
		make_wide(state, true);
	if (state->wide)
		run_wide(state, item, DatumGetNumeric(quantity), number);
	else
		add_steps(state, number);
	state->straddles = state->straddles || state->run.straddles;
	state->runs_out = state->runs_out || state->run.runs_out;
}

/*
 * billing_waterfall_add(state, ways, item, meter, region, resource, first_at,
 * last_at, quantity, by_event) takes a row: one item of usage.
 */
Datum
billing_waterfall_add(PG_FUNCTION_ARGS)
{
	static const char *const name[] = {"",         "ways",     "item",    "meter",    "region",
									   "resource", "first_at", "last_at", "quantity", "by_event"};
	MemoryContext memory = aggregate_memory(fcinfo);
	Waterfall *state;
	WaterfallItem item = {{NULL, 0}};

	for (int i = ARG_ITEM; i <= ARG_BY_EVENT; i++)
		if (unlikely(PG_ARGISNULL(i)) && i != ARG_REGION && i != ARG_RESOURCE)
			refuse_null(name[i]);
	state = PG_ARGISNULL(ARG_STATE) ? new_waterfall(fcinfo, memory)
									: (Waterfall *) PG_GETARG_POINTER(ARG_STATE);
	if (unlikely(state->by_event != PG_GETARG_BOOL(ARG_BY_EVENT)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("by_event must not change within a group: %s and %s",
						state->by_event ? "true" : "false", state->by_event ? "false" : "true"),
				 errdetail("All items of an account are answered together."),
				 errhint("Group by by_event as well, or give a constant.")));

	item.meter = name_of(PG_GETARG_DATUM(ARG_METER));
	if (!PG_ARGISNULL(ARG_REGION))
		item.region = name_of(PG_GETARG_DATUM(ARG_REGION));
	if (!PG_ARGISNULL(ARG_RESOURCE))
		item.resource = name_of(PG_GETARG_DATUM(ARG_RESOURCE));
	item.first = PG_GETARG_TIMESTAMPTZ(ARG_FIRST_AT);
	item.last = PG_GETARG_TIMESTAMPTZ(ARG_LAST_AT);
	check_instants(state, &item);
	run_item(state, &item, PG_GETARG_DATUM(ARG_QUANTITY), PG_GETARG_INT64(ARG_ITEM));
	PG_RETURN_POINTER(state);
}

/*
 * ---- the answer ----
 */

/* row_of gives a step as a billing.deduction. */
static Datum
row_of(const Waterfall *state, const Step *step, TupleDesc descriptor)
{
	bool covered = step->source != WATERFALL_NO_SOURCE;
	Datum values[5] = {Int64GetDatum(step->item), (Datum) 0, (Datum) 0,
					   NumericGetDatum(step->quantity), (Datum) 0};
	bool nulls[5] = {false, !covered, !covered, false, !covered};

	if (covered)
	{
		values[1] = state->sources[step->source].name;
		values[2] = Int64GetDatum(state->sources[step->source].id);
		values[4] = NumericGetDatum(step->units);
	}
	return HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls));
}

/*
 * billing_waterfall_final(state) gives the steps of all items; none where there
 * are no items, and NULL where the order of events would change them.
 */
Datum
billing_waterfall_final(PG_FUNCTION_ARGS)
{
	const Waterfall *state;
	TupleDesc descriptor = fcinfo->flinfo->fn_extra;
	Datum *rows;

	(void) aggregate_memory(fcinfo);
	if (descriptor == NULL)
		descriptor =
			row_type_of(fcinfo, get_element_type(get_func_rettype(fcinfo->flinfo->fn_oid)), 5);
	if (PG_ARGISNULL(0))
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(descriptor->tdtypeid));
	state = (const Waterfall *) PG_GETARG_POINTER(0);
	if (is_unknown(state))
		PG_RETURN_NULL();
	/* palloc refuses more than an array could hold */
	rows = palloc(state->step_count * sizeof(Datum));
	for (int64 i = 0; i < state->step_count; i++)
		rows[i] = row_of(state, &state->steps[i], descriptor);
	PG_RETURN_ARRAYTYPE_P(construct_array(rows, (int) state->step_count, descriptor->tdtypeid, -1,
										  false, TYPALIGN_DOUBLE));
}

/*
 * billing_test_waterfall_path(fast) switches the 128-bit path on or off in this
 * session.  The extension has no SQL function for it; tests make one.
 */
Datum
billing_test_waterfall_path(PG_FUNCTION_ARGS)
{
	fast_path = PG_GETARG_BOOL(0);
	PG_RETURN_VOID();
}
