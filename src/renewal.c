/*
 * renewal.c
 *		decide_renewal(): the skin of renewal_core.c.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "renewal_core.h"

PG_FUNCTION_INFO_V1(billing_decide_renewal);

static const char *const action_names[] = {"nothing", "successor", "renew", "switch off"};
static const char *const obstacle_names[] = {
	NULL, "the account is closed", "the offer is not sold any more",
	"no plan that it needs is active", "there is not enough money"};

/*
 * billing_decide_renewal(has_successor, auto_renew, is_closed, is_sold, has_plan, price,
 * available) gives the action and, for a flag that goes off, the reason.  price NULL: there is
 * none, as the offer is not sold; the others are not NULL (22004), and no amount is NaN (22003).
 */
Datum
billing_decide_renewal(PG_FUNCTION_ARGS)
{
	enum
	{
		ARG_PRICE = 5,
		ARG_AVAILABLE = 6
	};
	RenewalFacts facts;
	RenewalObstacle obstacle;
	RenewalAction action;
	TupleDesc descriptor;
	Datum values[2];
	bool nulls[2] = {false, false};

	for (int i = 0; i < PG_NARGS(); i++)
	{
		if (PG_ARGISNULL(i) && i != ARG_PRICE)
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("argument %d of decide_renewal is NULL", i + 1),
							errdetail("Only the price may be NULL, where an offer is not sold."),
							errhint("Give every fact.")));
		if (i >= ARG_PRICE && !PG_ARGISNULL(i) && numeric_is_nan(PG_GETARG_NUMERIC(i)))
			ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
							errmsg("argument %d of decide_renewal is NaN", i + 1),
							errdetail("An amount of money is a number."),
							errhint("Give the price, and balance and credit limit together.")));
	}
	facts.has_successor = PG_GETARG_BOOL(0);
	facts.auto_renew = PG_GETARG_BOOL(1);
	facts.is_closed = PG_GETARG_BOOL(2);
	facts.is_sold = PG_GETARG_BOOL(3) && !PG_ARGISNULL(ARG_PRICE);
	facts.has_plan = PG_GETARG_BOOL(4);
	/* nobody lacks money for what costs nothing */
	facts.can_pay =
		facts.is_sold &&
		(DatumGetBool(DirectFunctionCall2(numeric_le, PG_GETARG_DATUM(ARG_PRICE),
										  PG_GETARG_DATUM(ARG_AVAILABLE))) ||
		 DatumGetInt32(DirectFunctionCall1(
			 numeric_int4, DirectFunctionCall1(numeric_sign, PG_GETARG_DATUM(ARG_PRICE)))) == 0);
	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "decide_renewal does not return a row");
	action = renewal_decide(&facts, &obstacle);
	values[0] = CStringGetTextDatum(action_names[action]);
	nulls[1] = obstacle == RENEWAL_NO_OBSTACLE;
	values[1] = nulls[1] ? (Datum) 0 : CStringGetTextDatum(obstacle_names[obstacle]);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}
