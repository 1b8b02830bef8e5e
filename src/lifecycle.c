/*
 * lifecycle.c
 *		The type billing.lifecycle_policy: in and out, send and receive, jsonb,
 *		equality, what a policy says of itself, and when its next step is due.
 *
 * What a policy is and means stands in lifecycle_core.h and the files it names;
 * here is only what PostgreSQL calls, and the calendar.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "errors.h"
#include "lifecycle_core.h"

PG_FUNCTION_INFO_V1(billing_lifecycle_policy_in);
PG_FUNCTION_INFO_V1(billing_lifecycle_policy_out);
PG_FUNCTION_INFO_V1(billing_lifecycle_policy_recv);
PG_FUNCTION_INFO_V1(billing_lifecycle_policy_send);
PG_FUNCTION_INFO_V1(billing_lifecycle_policy_from_jsonb);
PG_FUNCTION_INFO_V1(billing_lifecycle_policy_to_jsonb);
PG_FUNCTION_INFO_V1(billing_lifecycle_policy_eq);
PG_FUNCTION_INFO_V1(billing_lifecycle_policy_ne);
PG_FUNCTION_INFO_V1(billing_lifecycle_policy_hash);
PG_FUNCTION_INFO_V1(billing_lifecycle_policy_hash_extended);
PG_FUNCTION_INFO_V1(billing_lifecycle_steps);
PG_FUNCTION_INFO_V1(billing_lifecycle_resume);
PG_FUNCTION_INFO_V1(billing_lifecycle_catch_up);
PG_FUNCTION_INFO_V1(billing_lifecycle_next);

/* get_policy unpacks a policy datum, and refuses a form that this version does not know. */
static void
get_policy(Datum datum, LifecyclePolicy *policy)
{
	struct varlena *value = PG_DETOAST_DATUM_PACKED(datum);
	const char *packed = VARDATA_ANY(value);

	switch (lifecycle_check_packed(packed, VARSIZE_ANY_EXHDR(value)))
	{
		case TARIFF_OK:
			break;
		case TARIFF_UNKNOWN_FORMAT:
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("this lifecycle policy was stored by a newer version of billing"),
					 errhint("Install that version of the extension's library.")));
			break;
		default:
			ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
							errmsg("stored lifecycle policy is damaged")));
	}
	lifecycle_unpack(packed, policy);
	if ((Pointer) value != DatumGetPointer(datum))
		pfree(value);
}

/* make_datum packs a valid policy into a new datum. */
static Datum
make_datum(const LifecyclePolicy *policy)
{
	size_t size = VARHDRSZ + lifecycle_packed_size(policy);
	struct varlena *result = palloc(size); /* packing writes every byte */

	SET_VARSIZE(result, size);
	lifecycle_pack(policy, VARDATA(result));
	return PointerGetDatum(result);
}

/* sqlstate_of gives the SQLSTATE of a refusal. */
static int
sqlstate_of(TariffStatus status, int malformed)
{
	switch (status)
	{
		case TARIFF_TOO_MANY:
			return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		case TARIFF_UNKNOWN_FORMAT:
			return ERRCODE_FEATURE_NOT_SUPPORTED;
		default:
			return malformed;
	}
}

/*
 * billing_lifecycle_policy_in reads the text of a policy.  Errors are soft if
 * the caller asks for that, and tell the place in characters, counted from 1.
 */
Datum
billing_lifecycle_policy_in(PG_FUNCTION_ARGS)
{
	char *text = PG_GETARG_CSTRING(0);
	LifecyclePolicy policy;
	TariffError error;
	TariffStatus status = lifecycle_read_text(text, strlen(text), &policy, &error);

	if (status != TARIFF_OK)
		ereturn(
			fcinfo->context, (Datum) 0,
			(errcode(sqlstate_of(status, ERRCODE_INVALID_TEXT_REPRESENTATION)),
			 errmsg("invalid input syntax for type %s: \"%s\"", "billing.lifecycle_policy", text),
			 errdetail("At character %d: %s", pg_mbstrlen_with_len(text, Max(error.at, 0)) + 1,
					   error.detail),
			 error.hint[0] ? errhint("%s", error.hint)
						   : errhint("A policy reads like this: notice immediately, suspend "
									 "after 24 hours, release after 60 days")));
	PG_RETURN_DATUM(make_datum(&policy));
}

/*
 * billing_lifecycle_policy_out prints the canonical text.
 */
Datum
billing_lifecycle_policy_out(PG_FUNCTION_ARGS)
{
	LifecyclePolicy policy;
	char *text;

	get_policy(PG_GETARG_DATUM(0), &policy);
	text = palloc(lifecycle_text_size(&policy));
	lifecycle_print_text(&policy, text);
	PG_RETURN_CSTRING(text);
}

/*
 * in_our_encoding gives the message's bytes with its text turned into the
 * server's encoding, and checks it, as names of any bytes would spoil a dump.
 */
static const char *
in_our_encoding(const char *data, size_t *length)
{
	const char *text = data + LIFECYCLE_WIRE_HEAD;
	char *ours;
	char *copy;

	if (*length <= LIFECYCLE_WIRE_HEAD)
		return data;
	ours = pg_client_to_server(text, (int) (*length - LIFECYCLE_WIRE_HEAD));
	if (ours == text)
		return data;
	*length = LIFECYCLE_WIRE_HEAD + strlen(ours);
	copy = palloc(*length);
	memcpy(copy, data, LIFECYCLE_WIRE_HEAD);
	memcpy(copy + LIFECYCLE_WIRE_HEAD, ours, *length - LIFECYCLE_WIRE_HEAD);
	return copy;
}

/*
 * billing_lifecycle_policy_recv reads the binary form.
 */
Datum
billing_lifecycle_policy_recv(PG_FUNCTION_ARGS)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
	size_t length = (size_t) (message->len - message->cursor);
	const char *data = in_our_encoding(message->data + message->cursor, &length);
	LifecyclePolicy policy;
	TariffError error;
	TariffStatus status = lifecycle_read_binary(data, length, &policy, &error);

	if (status != TARIFF_OK)
		ereport(ERROR, (errcode(sqlstate_of(status, ERRCODE_INVALID_BINARY_REPRESENTATION)),
						errmsg("invalid binary data for type %s", "billing.lifecycle_policy"),
						errdetail("The data do not hold a lifecycle policy: %s", error.detail),
						error.hint[0] ? errhint("%s", error.hint) : 0));
	message->cursor = message->len;
	PG_RETURN_DATUM(make_datum(&policy));
}

/*
 * billing_lifecycle_policy_send writes the binary form.
 */
Datum
billing_lifecycle_policy_send(PG_FUNCTION_ARGS)
{
	LifecyclePolicy policy;
	StringInfoData message;
	size_t length;
	char *data;

	get_policy(PG_GETARG_DATUM(0), &policy);
	data = palloc(LIFECYCLE_WIRE_HEAD + lifecycle_text_size(&policy));
	length = lifecycle_print_binary(&policy, data);
	pq_begintypsend(&message);
	pq_sendbytes(&message, data, LIFECYCLE_WIRE_HEAD);
	pq_sendtext(&message, data + LIFECYCLE_WIRE_HEAD, (int) length - LIFECYCLE_WIRE_HEAD);
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/*
 * billing_lifecycle_policy_from_jsonb is the cast from jsonb.
 */
Datum
billing_lifecycle_policy_from_jsonb(PG_FUNCTION_ARGS)
{
	Jsonb *json = PG_GETARG_JSONB_P(0);
	char *text = JsonbToCString(NULL, &json->root, VARSIZE(json));
	LifecyclePolicy policy;
	TariffError error;
	TariffStatus status = lifecycle_read_json(text, strlen(text), &policy, &error);

	if (status != TARIFF_OK)
		ereport(ERROR,
				(errcode(sqlstate_of(status, ERRCODE_INVALID_PARAMETER_VALUE)),
				 errmsg("invalid JSON for type %s", "billing.lifecycle_policy"),
				 errdetail("At %s: %s", error.path, error.detail),
				 error.hint[0]
					 ? errhint("%s", error.hint)
					 : errhint("A policy reads like this: {\"steps\": [{\"action\": \"suspend\", "
							   "\"when\": \"after\", \"delay\": \"24 hours\"}, {\"action\": "
							   "\"release\", \"when\": \"after\", \"delay\": \"60 days\"}]}")));
	pfree(text);
	PG_RETURN_DATUM(make_datum(&policy));
}

/*
 * billing_lifecycle_policy_to_jsonb is the cast to jsonb.
 */
Datum
billing_lifecycle_policy_to_jsonb(PG_FUNCTION_ARGS)
{
	LifecyclePolicy policy;
	char *text;

	get_policy(PG_GETARG_DATUM(0), &policy);
	text = palloc(lifecycle_json_size(&policy));
	lifecycle_print_json(&policy, text);
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

/* equal_bytes compares two policies by their packed forms, which are canonical. */
static bool
equal_bytes(FunctionCallInfo fcinfo)
{
	struct varlena *a = PG_GETARG_VARLENA_PP(0);
	struct varlena *b = PG_GETARG_VARLENA_PP(1);
	bool equal = VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
				 memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return equal;
}

/*
 * billing_lifecycle_policy_eq tells whether two policies have the same canonical text.
 */
Datum
billing_lifecycle_policy_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(equal_bytes(fcinfo));
}

/*
 * billing_lifecycle_policy_ne is the opposite.
 */
Datum
billing_lifecycle_policy_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!equal_bytes(fcinfo));
}

/*
 * billing_lifecycle_policy_hash hashes the canonical form into 32 bits.
 */
Datum
billing_lifecycle_policy_hash(PG_FUNCTION_ARGS)
{
	struct varlena *value = PG_GETARG_VARLENA_PP(0);
	Datum hash = hash_any((unsigned char *) VARDATA_ANY(value), (int) VARSIZE_ANY_EXHDR(value));

	PG_FREE_IF_COPY(value, 0);
	PG_RETURN_DATUM(hash);
}

/*
 * billing_lifecycle_policy_hash_extended hashes it into 64 bits, with a seed.
 */
Datum
billing_lifecycle_policy_hash_extended(PG_FUNCTION_ARGS)
{
	struct varlena *value = PG_GETARG_VARLENA_PP(0);
	Datum hash = hash_any_extended((unsigned char *) VARDATA_ANY(value),
								   (int) VARSIZE_ANY_EXHDR(value), (uint64) PG_GETARG_INT64(1));

	PG_FREE_IF_COPY(value, 0);
	PG_RETURN_DATUM(hash);
}

/*
 * billing_lifecycle_resume gives the word for how it comes back: manual or auto.
 */
Datum
billing_lifecycle_resume(PG_FUNCTION_ARGS)
{
	LifecyclePolicy policy;

	get_policy(PG_GETARG_DATUM(0), &policy);
	PG_RETURN_TEXT_P(cstring_to_text(lifecycle_resume_names[policy.resume_auto]));
}

/*
 * billing_lifecycle_catch_up gives the word for what happens after an outage: walk or jump.
 */
Datum
billing_lifecycle_catch_up(PG_FUNCTION_ARGS)
{
	LifecyclePolicy policy;

	get_policy(PG_GETARG_DATUM(0), &policy);
	PG_RETURN_TEXT_P(cstring_to_text(lifecycle_catch_up_names[policy.jump]));
}

/* interval_of gives a step's delay, forward (1) or back (-1). */
static Interval
interval_of(const LifecycleStep *step, int sign)
{
	static const int64 microseconds[] = {USECS_PER_SEC, USECS_PER_MINUTE, USECS_PER_HOUR};
	Interval delay = {0};

	switch (step->unit)
	{
		case LIFECYCLE_DAY:
			delay.day = sign * step->count;
			break;
		case LIFECYCLE_WEEK:
			delay.day = sign * step->count * 7;
			break;
		case LIFECYCLE_MONTH:
			delay.month = sign * step->count;
			break;
		default:
			delay.time = sign * step->count * microseconds[step->unit];
	}
	return delay;
}

/* name_datum gives an argument as text. */
static Datum
name_datum(const LifecycleStep *step)
{
	return PointerGetDatum(cstring_to_text_with_len(step->name, step->name_length));
}

/*
 * billing_lifecycle_steps gives the steps as rows: step, action, argument,
 * direction, delay, at_time (NULL where there is none).
 */
Datum
billing_lifecycle_steps(PG_FUNCTION_ARGS)
{
	enum
	{
		STEP,
		ACTION,
		ARGUMENT,
		DIRECTION,
		DELAY,
		AT_TIME,
		COLUMNS
	};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	LifecyclePolicy policy;

	InitMaterializedSRF(fcinfo, 0);
	get_policy(PG_GETARG_DATUM(0), &policy);
	for (int i = 0; i < policy.step_count; i++)
	{
		const LifecycleStep *step = &policy.steps[i];
		Interval delay = interval_of(step, 1);
		Datum values[COLUMNS];
		bool nulls[COLUMNS] = {false};

		values[STEP] = Int32GetDatum(i + 1);
		values[ACTION] = CStringGetTextDatum(lifecycle_action_names[step->action]);
		values[ARGUMENT] = name_datum(step);
		nulls[ARGUMENT] = step->name_length == 0;
		values[DIRECTION] = CStringGetTextDatum(lifecycle_direction_names[step->direction]);
		values[DELAY] = IntervalPGetDatum(&delay);
		nulls[DELAY] = step->direction == LIFECYCLE_IMMEDIATELY;
		values[AT_TIME] = TimeADTGetDatum(step->minute * USECS_PER_MINUTE);
		nulls[AT_TIME] = step->minute == LIFECYCLE_NO_TIME;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* ---- the calendar ---- */

/* wall_of gives what clocks of a zone show at an instant. */
static Timestamp
wall_of(TimestampTz at, Datum zone)
{
	return DatumGetTimestamp(DirectFunctionCall2(timestamptz_zone, zone, TimestampTzGetDatum(at)));
}

/*
 * instants_of finds when clocks of a zone show a time: where they are set back
 * there are two such instants, and else the first is the second.  A time that
 * clocks skip is read with the offset from before, as PostgreSQL does: 02:30
 * is then 03:30.
 */
static TimestampTz
instants_of(Timestamp wall, Datum zone, TimestampTz *second)
{
	TimestampTz day_before;
	TimestampTz first;

	*second =
		DatumGetTimestampTz(DirectFunctionCall2(timestamp_zone, zone, TimestampGetDatum(wall)));
	/* PostgreSQL gives the later of two; the earlier has the offset of the day before */
	day_before = *second - USECS_PER_DAY;
	if (!IS_VALID_TIMESTAMP(day_before))
		return *second;
	first = wall - (wall_of(day_before, zone) - day_before);
	return first < *second && wall_of(first, zone) == wall ? first : *second;
}

/* add_delay adds a step's delay to an instant, or takes it off (sign -1). */
static TimestampTz
add_delay(TimestampTz at, const LifecycleStep *step, int sign, Datum zone)
{
	Interval delay = interval_of(step, sign);
	TimestampTz second;
	Timestamp wall;

	/* elapsed time needs no zone: an instant takes it as a wall time does */
	if (delay.time != 0)
		return DatumGetTimestampTz(DirectFunctionCall2(timestamp_pl_interval, TimestampGetDatum(at),
													   IntervalPGetDatum(&delay)));
	wall = DatumGetTimestamp(DirectFunctionCall2(
		timestamp_pl_interval, TimestampGetDatum(wall_of(at, zone)), IntervalPGetDatum(&delay)));
	return instants_of(wall, zone, &second);
}

/* await_time gives the first instant from one on at which clocks show a time of day. */
static TimestampTz
await_time(TimestampTz from, int minute, Datum zone)
{
	Timestamp wall = wall_of(from, zone);
	Timestamp midnight = wall - ((wall % USECS_PER_DAY) + USECS_PER_DAY) % USECS_PER_DAY;

	/* shortly after midnight clocks may be set back into the day before, so that is tried, too */
	for (midnight -= USECS_PER_DAY;; midnight += USECS_PER_DAY)
	{
		TimestampTz second;
		TimestampTz first = instants_of(midnight + minute * USECS_PER_MINUTE, zone, &second);

		if (first >= from)
			return first;
		if (second >= from)
			return second;
	}
}

/* check_finite refuses an instant from which nothing can be counted. */
static void
check_finite(TimestampTz at, const char *name)
{
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("no step can be counted from %s", timestamptz_to_str(at)),
						errdetail("Argument %s is an instant that never comes.", name),
						errhint("Give a finite instant; without an anchor, NULL.")));
}

/* base_of gives the instant from which the next step is counted. */
static TimestampTz
base_of(FunctionCallInfo fcinfo, const LifecycleNext *next)
{
	TimestampTz anchor = PG_GETARG_TIMESTAMPTZ(1);
	TimestampTz applied_at;

	check_finite(anchor, "anchor");
	if (next->from_anchor)
		return anchor;
	if (PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("applied_at is missing"),
				 errdetail("Step %d counts from the step before it, not from the anchor.",
						   next->step + 1),
				 errhint("Give the effective instant of the last step applied whose direction is "
						 "\"after\" or \"immediately\".")));
	applied_at = PG_GETARG_TIMESTAMPTZ(3);
	check_finite(applied_at, "applied_at");
	return applied_at;
}

/*
 * due_of gives the instant at which the next step is due.  One that counts back
 * from the release waits for the step that the release counts from.
 */
static TimestampTz
due_of(const LifecyclePolicy *policy, const LifecycleNext *next, TimestampTz base, Datum zone)
{
	TimestampTz due = base;

	if (next->forward >= 0)
	{
		const LifecycleStep *step = &policy->steps[next->forward];

		due = add_delay(due, step, 1, zone);
		if (step->minute != LIFECYCLE_NO_TIME)
			due = await_time(due, step->minute, zone);
	}
	if (next->back >= 0)
		due = add_delay(due, &policy->steps[next->back], -1, zone);
	return next->forward >= 0 ? Max(due, base) : due;
}

/* find_next finds the step that follows; false when the chain is over. */
static bool
find_next(FunctionCallInfo fcinfo, const LifecyclePolicy *policy, LifecycleNext *next)
{
	int applied = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT32(2);

	if (applied < 0 || applied > policy->step_count)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("step %d does not exist", applied),
						errdetail_plural("The policy has %d step.", "The policy has %d steps.",
										 policy->step_count, policy->step_count),
						errhint("Give the number of the step last applied; 0 before the first.")));
	return lifecycle_next(policy, applied, next);
}

/*
 * billing_lifecycle_next gives the next step of a chain and the instant at which
 * it is due, or no row.  It answers value by value, as a set of at most one row
 * is not worth a tuplestore where it is asked for a million subjects.
 */
Datum
billing_lifecycle_next(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	TupleDesc columns = fcinfo->flinfo->fn_extra;
	LifecyclePolicy policy;
	LifecycleNext next;
	const LifecycleStep *step;
	Datum values[4];
	bool nulls[4] = {false};

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("set-valued function called in context that cannot accept a set")));
	rsinfo->returnMode = SFRM_ValuePerCall;
	rsinfo->isDone = ExprEndResult;
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(4))
		PG_RETURN_NULL();
	get_policy(PG_GETARG_DATUM(0), &policy);
	if (!find_next(fcinfo, &policy, &next))
		PG_RETURN_NULL();
	if (columns == NULL)
	{
		MemoryContext before = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		if (get_call_result_type(fcinfo, NULL, &columns) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "lifecycle_next must return rows");
		columns = BlessTupleDesc(CreateTupleDescCopy(columns));
		fcinfo->flinfo->fn_extra = columns;
		MemoryContextSwitchTo(before);
	}
	step = &policy.steps[next.step];
	values[0] = Int32GetDatum(next.step + 1);
	values[1] = CStringGetTextDatum(lifecycle_action_names[step->action]);
	values[2] = name_datum(step);
	nulls[2] = step->name_length == 0;
	values[3] =
		TimestampTzGetDatum(due_of(&policy, &next, base_of(fcinfo, &next), PG_GETARG_DATUM(4)));
	rsinfo->isDone = ExprSingleResult;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(columns, values, nulls)));
}
