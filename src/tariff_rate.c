/*
 * tariff_rate.c
 *		Pricing a quantity with a tariff: what SQL calls.
 *
 * Each function takes the fast path, 128 bits straight from the packed tariff
 * and the numeric's own bytes, and where that is too narrow the unlimited one.
 * Both are exact, so nobody can tell which one ran.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "errors.h"
#include "numeric_bridge.h"
#include "tariff.h"

#define MAX_DECIMALS 1000

PG_FUNCTION_INFO_V1(billing_rate);
PG_FUNCTION_INFO_V1(billing_rate_rounded);
PG_FUNCTION_INFO_V1(billing_rate_between);
PG_FUNCTION_INFO_V1(billing_rate_lines);
PG_FUNCTION_INFO_V1(billing_test_paths);

/* off in tests that ask for the unlimited path */
static bool fast_path = true;

/*
 * refuse_quantity raises the error for a quantity that is not a finite number,
 * or is negative.
 */
static void __attribute__((noreturn))
refuse_quantity(const char *name, Numeric quantity, NumericKind kind)
{
	if (kind == NUMERIC_KIND_FITS || kind == NUMERIC_KIND_WIDE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be negative: %s", name, numeric_normalize(quantity)),
				 strcmp(name, "quantity") == 0
					 ? errhint("Take usage back with rate_between(tariff, already, -quantity).")
					 : errhint("No more can be taken back than was there already.")));
	ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					errmsg("%s must be a finite number, not %s", name,
						   kind == NUMERIC_KIND_NAN        ? "NaN"
						   : kind == NUMERIC_KIND_INFINITY ? "Infinity"
														   : "-Infinity"),
					errhint("Leave such rows out.")));
}

/* is_negative tells whether a finite numeric is below zero. */
static bool
is_negative(Numeric number)
{
	Numeric zero = billing_numeric_from_decimal(decimal_of(0));

	return DatumGetBool(
		DirectFunctionCall2(numeric_lt, NumericGetDatum(number), NumericGetDatum(zero)));
}

/*
 * read_number reads an argument into a Decimal and refuses what is not finite;
 * false when it is too wide, or when the fast path is off.
 */
static inline bool
read_number(const char *name, Datum argument, Decimal *number)
{
	NumericKind kind = billing_decimal_from_numeric(argument, number);

	if (likely(kind == NUMERIC_KIND_FITS))
		return likely(fast_path);
	if (kind != NUMERIC_KIND_WIDE)
		refuse_quantity(name, DatumGetNumeric(argument), kind);
	return false;
}

/* read_quantity does the same for a number that must not be negative. */
static inline bool
read_quantity(const char *name, Datum argument, Decimal *quantity)
{
	bool fits = read_number(name, argument, quantity);

	if (fits ? quantity->value < 0 : is_negative(DatumGetNumeric(argument)))
		refuse_quantity(name, DatumGetNumeric(argument), NUMERIC_KIND_FITS);
	return fits;
}

/*
 * refuse_beyond raises the error for a quantity beyond a hard last tier.
 */
static void __attribute__((noreturn)) refuse_beyond(const char *packed, Decimal quantity)
{
	TariffSpec spec;

	billing_tariff_unpack(packed, &spec);
	billing_quantity_beyond(&spec, billing_numeric_from_decimal(quantity));
}

/* rate_fast prices within 128 bits; false when they do not suffice. */
static inline bool
rate_fast(const char *packed, Decimal quantity, Decimal *amount)
{
	TariffRating rating = tariff_rate(packed, quantity, amount);

	if (unlikely(rating == TARIFF_RATE_BEYOND))
		refuse_beyond(packed, quantity);
	return rating == TARIFF_RATED;
}

/*
 * billing_rate_in_128_bits prices a quantity for other C code, after checking
 * it; false when billing_exact_rate() is needed.
 */
bool
billing_rate_in_128_bits(const char *packed, Datum quantity, Decimal *amount)
{
	Decimal given;

	return read_quantity("quantity", quantity, &given) && rate_fast(packed, given, amount);
}

/*
 * billing_tariff_rate prices a quantity for other C code: exact, and without
 * zeros at the end.  The result is in the current memory context.
 */
Numeric
billing_tariff_rate(const char *packed, Numeric quantity)
{
	Decimal amount;

	if (billing_rate_in_128_bits(packed, NumericGetDatum(quantity), &amount))
		return billing_numeric_from_decimal(amount);
	return billing_exact_rate(packed, DatumGetNumericCopy(NumericGetDatum(quantity)));
}

/*
 * billing_rate(tariff, quantity) is the exact price of a quantity.
 */
Datum
billing_rate(PG_FUNCTION_ARGS)
{
	const char *packed = PG_GETARG_TARIFF_CACHED(0);
	Decimal quantity;
	Decimal amount;

	if (read_quantity("quantity", PG_GETARG_DATUM(1), &quantity) &&
		rate_fast(packed, quantity, &amount))
		PG_RETURN_NUMERIC(billing_numeric_from_decimal(amount));
	PG_RETURN_NUMERIC(billing_exact_rate(packed, PG_GETARG_NUMERIC(1)));
}

/*
 * billing_rate_rounded(tariff, quantity, decimals) is the same, rounded half
 * away from zero and padded, as round() does it.
 */
Datum
billing_rate_rounded(PG_FUNCTION_ARGS)
{
	const char *packed = PG_GETARG_TARIFF_CACHED(0);
	int32 decimals = PG_GETARG_INT32(2);
	Decimal quantity;
	Decimal amount;
	Datum exact;

	if (decimals < 0 || decimals > MAX_DECIMALS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("decimals must be between 0 and %d, not %d", MAX_DECIMALS, decimals),
						errhint("Round rate(tariff, quantity) for anything else.")));
	if (read_quantity("quantity", PG_GETARG_DATUM(1), &quantity) &&
		rate_fast(packed, quantity, &amount) &&
		(amount.scale <= decimals || decimal_round(amount, decimals, DECIMAL_HALF_UP, &amount)))
		PG_RETURN_NUMERIC(billing_numeric_from_rounded(amount, decimals));

	exact = NumericGetDatum(billing_exact_rate(packed, PG_GETARG_NUMERIC(1)));
	PG_RETURN_DATUM(DirectFunctionCall2(numeric_round, exact, Int32GetDatum(decimals)));
}

/*
 * rate_between_exact is rate_between on the unlimited path.
 */
static Datum
rate_between_exact(const char *packed, Numeric already, Numeric added)
{
	Numeric total = DatumGetNumeric(
		DirectFunctionCall2(numeric_add, NumericGetDatum(already), NumericGetDatum(added)));
	Datum difference;

	if (is_negative(total))
		refuse_quantity("already + added", total, NUMERIC_KIND_FITS);
	difference =
		DirectFunctionCall2(numeric_sub, NumericGetDatum(billing_exact_rate(packed, total)),
							NumericGetDatum(billing_exact_rate(packed, already)));
	return DirectFunctionCall1(numeric_trim_scale, difference);
}

/*
 * refuse_each raises the error for what was there already, which has no part
 * in the price of a usage row that is priced on its own.
 */
static void __attribute__((noreturn)) refuse_each(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("rate_between can not be asked of a tariff with \"each\""),
			 errdetail("Such a tariff prices every usage row on its own, whatever came before it."),
			 errhint("Add the rows up with rate_sum(tariff, quantity).")));
}

/*
 * billing_rate_between(tariff, already, added) is what the added quantity costs
 * after what was there already: rate(already + added) - rate(already).  It may
 * be negative.
 */
Datum
billing_rate_between(PG_FUNCTION_ARGS)
{
	const char *packed = PG_GETARG_TARIFF_CACHED(0);
	Decimal already;
	Decimal added;
	Decimal total;
	Decimal before;
	Decimal after;
	bool fits;

	if (tariff_packed_each(packed))
		refuse_each();
	fits = read_quantity("already", PG_GETARG_DATUM(1), &already);
	fits = read_number("added", PG_GETARG_DATUM(2), &added) && fits;
	if (fits && decimal_add(already, added, &total))
	{
		if (total.value < 0)
			refuse_quantity("already + added", billing_numeric_from_decimal(total),
							NUMERIC_KIND_FITS);
		if (rate_fast(packed, total, &after) && rate_fast(packed, already, &before) &&
			decimal_subtract(after, before, &after))
			PG_RETURN_NUMERIC(billing_numeric_from_decimal(after));
	}
	PG_RETURN_DATUM(rate_between_exact(packed, PG_GETARG_NUMERIC(1), PG_GETARG_NUMERIC(2)));
}

/* What billing_rate_lines() keeps from one line to the next. */
typedef struct LinesState
{
	TariffSpec spec;
	BillingRateLines lines;
} LinesState;

/* start_lines sets the state up, in memory that lives as long as the call. */
static void
start_lines(FunctionCallInfo fcinfo, FuncCallContext *context)
{
	MemoryContext before = MemoryContextSwitchTo(context->multi_call_memory_ctx);
	LinesState *state = palloc0(sizeof(LinesState));
	Decimal ignored;

	if (get_call_result_type(fcinfo, NULL, &context->tuple_desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	(void) read_quantity("quantity", PG_GETARG_DATUM(1), &ignored);
	billing_tariff_unpack(PG_GETARG_TARIFF(0), &state->spec);
	billing_exact_start(&state->spec, PG_GETARG_NUMERIC(1), &state->lines);
	billing_exact_adjust(&state->spec, &state->lines);
	context->user_fctx = state;
	MemoryContextSwitchTo(before);
}

/*
 * billing_rate_lines(tariff, quantity) shows where the amount comes from, one
 * row for each tier that has a part in it.  Where minimum, maximum or digits
 * change the sum of those, a last row with tier 0 holds the difference.
 */
Datum
billing_rate_lines(PG_FUNCTION_ARGS)
{
	enum
	{
		TIER,
		LOWER,
		UPPER,
		QUANTITY,
		PRICE,
		PER,
		FLAT,
		AMOUNT,
		COLUMNS
	};
	FuncCallContext *context;
	LinesState *state;
	BillingRateLine line;
	const TariffTier *tier;
	Datum values[COLUMNS];
	bool nulls[COLUMNS] = {false};

	if (SRF_IS_FIRSTCALL())
	{
		context = SRF_FIRSTCALL_INIT();
		start_lines(fcinfo, context);
	}
	context = SRF_PERCALL_SETUP();
	state = context->user_fctx;
	if (!billing_exact_next(&state->spec, &state->lines, &line))
	{
		if (state->lines.adjustment == NULL)
			SRF_RETURN_DONE(context);
		memset(nulls, true, sizeof(nulls));
		nulls[TIER] = nulls[QUANTITY] = nulls[AMOUNT] = false;
		values[TIER] = Int32GetDatum(0);
		values[QUANTITY] = NumericGetDatum(billing_numeric_from_decimal(decimal_of(0)));
		values[AMOUNT] = NumericGetDatum(state->lines.adjustment);
		state->lines.adjustment = NULL;
		SRF_RETURN_NEXT(context,
						HeapTupleGetDatum(heap_form_tuple(context->tuple_desc, values, nulls)));
	}

	tier = &state->spec.tiers[state->lines.next - 1];
	values[TIER] = Int32GetDatum(state->lines.next);
	values[LOWER] = NumericGetDatum(line.lower);
	values[UPPER] = NumericGetDatum(line.upper);
	nulls[UPPER] = line.upper == NULL;
	values[QUANTITY] = NumericGetDatum(line.quantity);
	values[PRICE] = NumericGetDatum(billing_numeric_from_decimal(tier->price));
	values[PER] = NumericGetDatum(billing_numeric_from_decimal(tier->per));
	values[FLAT] = NumericGetDatum(billing_numeric_from_decimal(tier->flat));
	values[AMOUNT] = NumericGetDatum(line.amount);
	SRF_RETURN_NEXT(context,
					HeapTupleGetDatum(heap_form_tuple(context->tuple_desc, values, nulls)));
}

/*
 * billing_test_paths(bridge, rate) switches the direct reading of numeric and
 * the 128-bit path on or off in this session.  The extension has no SQL
 * function for it; tests make one.
 */
Datum
billing_test_paths(PG_FUNCTION_ARGS)
{
	billing_numeric_bridge_set_fast(PG_GETARG_BOOL(0));
	fast_path = PG_GETARG_BOOL(1);
	PG_RETURN_VOID();
}
