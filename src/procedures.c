/*
 * procedures.c
 *		CALL billing.tick(at), billing.settle(through), billing.run(until).
 *
 * The work is done by SQL functions that do one step each and return whether there is more
 * (sql/50_settle.sql, sql/53_invoice.sql, ...).  What is here puts them in order and commits
 * between them, so that locks are short and what is done stays done when a later step fails.
 *
 * Where the caller's transaction can not be committed (inside BEGIN, in a function, in a PL/pgSQL
 * block with EXCEPTION) the same steps run in the one transaction there is.  Closing a cycle then
 * makes writers wait until it ends; see cycle.c.  PostgreSQL tells which of the two it is with
 * each CALL, but only to a procedure without SET clause: hence C, and names that are qualified
 * throughout.
 *
 * Each step is a statement of its own with a snapshot of its own, and so sees what the steps
 * before it, and other sessions meanwhile, have done.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "cycle.h"

/* One CALL. */
typedef struct Call
{
	const char *name; /* for billing._check_clock */
	const char *title; /* for messages */
	bool atomic; /* the caller's transaction has to stay one */
} Call;

PG_FUNCTION_INFO_V1(billing_tick);
PG_FUNCTION_INFO_V1(billing_settle);
PG_FUNCTION_INFO_V1(billing_run);

/*
 * begin_call does what the three have in common: it looks whether this session can close cycles at
 * all, whether commits are possible, and reads the argument into *at.  Raises 25000, 25006, 22004,
 * 22008.
 */
static Call
begin_call(FunctionCallInfo fcinfo, const char *name, const char *title, TimestampTz *at)
{
	Call call = {name, title, true};

	billing_require_closer(title);
	if (PG_ARGISNULL(0))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("%s needs an instant, not NULL", title),
				errdetail("Everything that is due up to that instant is done."),
				errhint("Give a timestamptz, such as now()."));
	*at = PG_GETARG_TIMESTAMPTZ(0);
	billing_cycle_of(*at); /* raises if there is no such cycle */

	/* In a subtransaction SPI_commit can not work, whatever the context says. */
	if (fcinfo->context && IsA(fcinfo->context, CallContext) && !IsSubTransaction())
		call.atomic = castNode(CallContext, fcinfo->context)->atomic;
	SPI_connect_ext(call.atomic ? 0 : SPI_OPT_NONATOMIC);
	return call;
}

static Datum
end_call(void)
{
	SPI_finish();
	return (Datum) 0;
}

/*
 * commit_step makes what was done so far final, where that is possible.  The new transaction takes
 * the session's default isolation level, which need not be that of the one before.
 */
static void
commit_step(const Call *call)
{
	if (call->atomic)
		return;
	SPI_commit();
	billing_require_closer(call->title);
}

/* A statement of a step, planned once a session: a clock that runs on repeats each a thousand times. */
typedef struct Prepared
{
	const char *statement;
	SPIPlanPtr plan;
} Prepared;

/*
 * prepare returns the plan of a step's statement, which is a literal of this file.  The plan belongs
 * to the session.
 */
static SPIPlanPtr
prepare(const char *statement)
{
	static Prepared known[32];
	Oid types[] = {TIMESTAMPTZOID, BOOLOID, TEXTOID};
	int n = 0;

	while (n < lengthof(known) && known[n].plan)
	{
		if (known[n].statement == statement)
			return known[n].plan;
		n++;
	}
	if (n == lengthof(known))
		elog(ERROR, "there are more than %d statements", n);
	billing_prepare(&known[n].plan, statement, lengthof(types), types);
	known[n].statement = statement;
	return known[n].plan;
}

/*
 * step runs one statement of one row and one column, and returns that: a type passed by value, or
 * void.  The statement finds the instant in $1, in $2 whether the transaction stays one, in $3 the
 * name of the call.
 */
static Datum
step(const Call *call, const char *statement, TimestampTz at, bool *isnull)
{
	Datum name = CStringGetTextDatum(call->name);
	Datum values[] = {TimestampTzGetDatum(at), BoolGetDatum(call->atomic), name};
	Datum result;
	int status;

	CHECK_FOR_INTERRUPTS();
	status = SPI_execute_plan(prepare(statement), values, NULL, false, 0);
	if (status != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "\"%s\" returned %s and " UINT64_FORMAT " rows", statement,
			 SPI_result_code_string(status), SPI_processed);
	result = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, isnull);
	SPI_freetuptable(SPI_tuptable);
	pfree(DatumGetPointer(name));
	return result;
}

/* do_once runs a step and commits. */
static void
do_once(const Call *call, const char *statement, TimestampTz at)
{
	bool isnull;

	step(call, statement, at, &isnull);
	commit_step(call);
}

/* do_all runs a step and commits, until it returns that there is no more to do. */
static void
do_all(const Call *call, const char *statement, TimestampTz at)
{
	bool isnull;
	bool more;

	do
	{
		more = DatumGetBool(step(call, statement, at, &isnull)) && !isnull;
		commit_step(call);
	} while (more);
}

/*
 * check raises whatever stands against the call: no tables (UB008), tables of another version
 * (UB008), an instant that the test clock may not go to (UB010).
 */
static void
check(const Call *call, TimestampTz at, bool is_clock)
{
	bool isnull;

	step(call, "SELECT billing._check_ready()", at, &isnull);
	if (is_clock)
		step(call, "SELECT billing._check_clock($1, $3)", at, &isnull);
}

/* settle_all does what there is to do once the watermark stands where it shall stand. */
static void
settle_all(const Call *call, TimestampTz at)
{
	bool isnull;
	bool moved = DatumGetBool(step(call, "SELECT billing._drain($2)", at, &isnull)) && !isnull;

	commit_step(call);
	if (moved && !call->atomic)
		do_once(call, "SELECT billing._summarize_usage()", at);
	do_all(call, "SELECT billing._settle_step($1)", at);
	do_all(call, "SELECT billing._number_invoices($1)", at);
}

/*
 * ring does all of tick's work at one instant.  is_settled: this call has settled before what was
 * closed before, so that there is nothing to settle where no cycle closes.
 */
static void
ring(const Call *call, TimestampTz at, bool is_settled)
{
	int32 watermark = billing_barrier_read().watermark;
	BarrierMarks marks;

	do_once(call, "SELECT billing._advance_to($1, $2)", at);
	marks = billing_barrier_read();
	if (!is_settled || marks.watermark != watermark || marks.drained != watermark)
	{
		settle_all(call, at);
		do_all(call, "SELECT billing._make_partitions($2)", at);
	}
	do_all(call, "SELECT billing._apply_timers($1)", at);
	do_all(call, "SELECT billing._announce_notices()", at);
	do_once(call, "SELECT billing._heartbeat($1)", at);
}

/*
 * CALL billing.tick(at): closes and settles every cycle that is over at that instant (settle_delay
 * counted in), applies the timers that are due, numbers invoices, makes partitions, and leaves a
 * heartbeat.
 *
 * Harmless at any frequency and from any number of sessions.  It waits for nobody: what another
 * session is busy with, or a writer holds open, is left to the next ring.
 */
Datum
billing_tick(PG_FUNCTION_ARGS)
{
	TimestampTz at;
	Call call = begin_call(fcinfo, "tick", "billing.tick()", &at);

	bool isnull;

	check(&call, at, !call.atomic);
	/* A dry run may look ahead of a clock that rings, as nothing of it stays. */
	if (call.atomic &&
		DatumGetBool(step(&call, "SELECT billing._job_ahead($1) IS NOT NULL", at, &isnull)))
		billing_forbid_commit();
	ring(&call, at, false);
	return end_call();
}

/*
 * tell_what_is_left says which cycles were to be settled and are not, because of other sessions.
 */
static void
tell_what_is_left(int32 cycle)
{
	BarrierMarks marks = billing_barrier_read();

	if (marks.drained < cycle)
		ereport(NOTICE,
				errmsg("usage from %s on is not settled yet",
					   timestamptz_to_str(billing_cycle_start(marks.drained))),
				errdetail("A transaction that writes usage of that hour is still open, or another "
						  "session is closing it."),
				errhint("SELECT * FROM billing._writers() shows the writers; the next "
						"billing.settle() or billing.tick() goes on from there."));
}

/*
 * CALL billing.settle(through): closes and settles every cycle that ends at or before that
 * instant, whatever the clock and settle_delay say.
 */
Datum
billing_settle(PG_FUNCTION_ARGS)
{
	TimestampTz through;
	Call call = begin_call(fcinfo, "settle", "billing.settle()", &through);
	int32 watermark;

	check(&call, through, true);
	watermark = billing_barrier_read().watermark;
	do_once(&call, "SELECT billing._advance(billing.cycle_of($1), $2)", through);
	settle_all(&call, through);
	if (billing_barrier_read().watermark != watermark)
		do_all(&call, "SELECT billing._make_partitions($2)", through);
	tell_what_is_left(billing_cycle_of(through));
	return end_call();
}

/*
 * CALL billing.run(until): the test clock.  Rings at every instant up to `until` at which
 * something is due, in order, and at `until` itself.  Every ring moves the watermark past its
 * instant, so that none comes twice.
 */
Datum
billing_run(PG_FUNCTION_ARGS)
{
	TimestampTz until;
	Call call = begin_call(fcinfo, "run", "billing.run()", &until);
	TimestampTz last = DT_NOBEGIN;
	bool is_settled = false;
	bool none;
	TimestampTz next;

	check(&call, until, true);
	next = DatumGetTimestampTz(step(&call, "SELECT billing._left_undone($1)", until, &none));
	if (!none)
	{
		ring(&call, last = next, false);
		is_settled = true;
	}
	for (;;)
	{
		next = DatumGetTimestampTz(step(&call, "SELECT billing._next_due($1)", until, &none));
		if (none || next > until)
			break;
		if (next <= last)
			elog(ERROR, "the clock does not get past %s", timestamptz_to_str(next));
		last = next;
		ring(&call, next, is_settled);
		is_settled = true;
	}
	ring(&call, until, false);
	tell_what_is_left(billing_barrier_read().watermark);
	return end_call();
}
