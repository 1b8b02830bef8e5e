/*
 * tariff_sum.c
 *		The aggregate rate_sum(tariff, quantity): many quantities, each priced on
 *		its own, and the prices added up.
 *
 * It is sum(rate(tariff, quantity)) without making a numeric of every price.
 * The sum is kept in 128 bits.  What does not fit, a price or the sum itself,
 * goes into a numeric beside it, so the result is exact whatever comes, and in
 * whatever order parallel workers bring it.
 */
#include "postgres.h"

#include "fmgr.h"
#include "libpq/pqformat.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "numeric_bridge.h"
#include "numeric_math.h"
#include "tariff.h"

PG_FUNCTION_INFO_V1(billing_rate_sum_add);
PG_FUNCTION_INFO_V1(billing_rate_sum_combine);
PG_FUNCTION_INFO_V1(billing_rate_sum_serialize);
PG_FUNCTION_INFO_V1(billing_rate_sum_deserialize);
PG_FUNCTION_INFO_V1(billing_rate_sum_final);

/* What has been added up: the sum of both. */
typedef struct RateSum
{
	Decimal sum;
	Numeric wide; /* NULL is none */
} RateSum;

/* aggregate_memory gives the context that lives as long as the aggregate's state. */
static MemoryContext
aggregate_memory(FunctionCallInfo fcinfo)
{
	MemoryContext memory;

	if (!AggCheckCallContext(fcinfo, &memory))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("a part of the aggregate rate_sum was called outside of it"),
						errhint("Call rate_sum(tariff, quantity).")));
	return memory;
}

/* make_sum makes an empty state. */
static RateSum *
make_sum(MemoryContext memory)
{
	RateSum *state = MemoryContextAllocZero(memory, sizeof(RateSum));

	state->sum = decimal_of(0);
	return state;
}

/* add_wide adds a numeric to a state that lives in the context given. */
static void
add_wide(RateSum *state, MemoryContext memory, Numeric amount)
{
	MemoryContext before = MemoryContextSwitchTo(memory);
	Numeric old = state->wide;

	state->wide = old == NULL ? DatumGetNumericCopy(NumericGetDatum(amount)) : num_add(old, amount);
	if (old != NULL)
		pfree(old);
	MemoryContextSwitchTo(before);
}

/*
 * add_amount adds an amount of 128 bits.  Where the sum does not fit, it is the
 * old sum that leaves: then one price that is out of the ordinary does not send
 * all that come after it the slow way.
 */
static inline void
add_amount(RateSum *state, MemoryContext memory, Decimal amount)
{
	Decimal sum;

	if (unlikely(!decimal_add(state->sum, amount, &sum)))
	{
		add_wide(state, memory, billing_numeric_from_decimal(state->sum));
		sum = amount;
	}
	state->sum = sum;
}

/*
 * billing_rate_sum_add adds the price of one quantity; NULLs are passed over.
 */
Datum
billing_rate_sum_add(PG_FUNCTION_ARGS)
{
	MemoryContext memory = aggregate_memory(fcinfo);
	RateSum *state = PG_ARGISNULL(0) ? NULL : (RateSum *) PG_GETARG_POINTER(0);
	const char *packed;
	Decimal amount;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	if (state == NULL)
		state = make_sum(memory);
	packed = PG_GETARG_TARIFF_CACHED(1);
	if (likely(billing_rate_in_128_bits(packed, PG_GETARG_DATUM(2), &amount)))
		add_amount(state, memory, amount);
	else
		add_wide(state, memory, billing_exact_rate(packed, PG_GETARG_NUMERIC(2)));
	PG_RETURN_POINTER(state);
}

/*
 * billing_rate_sum_combine adds what another worker has added up.
 */
Datum
billing_rate_sum_combine(PG_FUNCTION_ARGS)
{
	MemoryContext memory = aggregate_memory(fcinfo);
	RateSum *state = PG_ARGISNULL(0) ? NULL : (RateSum *) PG_GETARG_POINTER(0);
	const RateSum *other = PG_ARGISNULL(1) ? NULL : (RateSum *) PG_GETARG_POINTER(1);

	if (other == NULL)
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	/* the other one need not live as long, so it is never taken over */
	if (state == NULL)
		state = make_sum(memory);
	add_amount(state, memory, other->sum);
	if (other->wide != NULL)
		add_wide(state, memory, other->wide);
	PG_RETURN_POINTER(state);
}

/* total_of gives the sum of both parts of a state. */
static Numeric
total_of(const RateSum *state)
{
	Numeric sum = billing_numeric_from_decimal(state->sum);

	return state->wide == NULL ? sum : num_trim(num_add(sum, state->wide));
}

/*
 * billing_rate_sum_serialize writes a state for another process: its total, as
 * numeric_send() does.
 */
Datum
billing_rate_sum_serialize(PG_FUNCTION_ARGS)
{
	(void) aggregate_memory(fcinfo);
	PG_RETURN_DATUM(DirectFunctionCall1(
		numeric_send, NumericGetDatum(total_of((RateSum *) PG_GETARG_POINTER(0)))));
}

/*
 * billing_rate_sum_deserialize reads it.
 */
Datum
billing_rate_sum_deserialize(PG_FUNCTION_ARGS)
{
	bytea *bytes = PG_GETARG_BYTEA_PP(0);
	RateSum *state;
	StringInfoData message;
	Datum total;

	(void) aggregate_memory(fcinfo);
	initStringInfo(&message);
	appendBinaryStringInfo(&message, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	total = DirectFunctionCall3(numeric_recv, PointerGetDatum(&message),
								ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	pq_getmsgend(&message);
	pfree(message.data);

	state = make_sum(CurrentMemoryContext);
	if (billing_decimal_from_numeric(total, &state->sum) != NUMERIC_KIND_FITS)
	{
		state->sum = decimal_of(0);
		state->wide = DatumGetNumeric(total);
	}
	PG_RETURN_POINTER(state);
}

/*
 * billing_rate_sum_final gives the total, without zeros at the end; NULL if
 * there was nothing to add up.
 */
Datum
billing_rate_sum_final(PG_FUNCTION_ARGS)
{
	(void) aggregate_memory(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_NUMERIC(total_of((RateSum *) PG_GETARG_POINTER(0)));
}
