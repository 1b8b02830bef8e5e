/*
 * cycle.c
 *		The gap-free barrier between writers of usage and the closing of cycles.
 *
 * Usage is settled in cycles, UTC hours.  Every row of usage carries the cycle with which it
 * settles, and once a cycle is settled no row of it may appear any more: it would never be billed.
 * A row appears when its transaction commits, which may be hours after it took its cycle, so
 * closing a cycle has to know about every transaction that still has a row of it in its pocket.
 * Table billing.barrier holds two marks:
 *
 *		watermark	the open cycle: what arrives now settles with it or later
 *		drained		every cycle below it has no writer in flight and may be settled
 *
 * Writers and closers meet in a heavyweight lock for each cycle, in a namespace of its own.  A
 * writer holds the shared lock of the watermark that it read, to the end of its transaction.
 * Three steps close a cycle:
 *
 *		advance		move the watermark on, and COMMIT.  Nobody waits: who comes now takes the next
 *					cycle.
 *		drain		for cycle `drained`, try the exclusive lock, release it, drained += 1.  A busy
 *					lock ends that for now: a slow writer delays the settling of its cycle and the
 *					later ones, and keeps nobody from writing.
 *		settle		cycles below `drained`, under a snapshot taken after the drain.
 *
 * Why no row is lost.  A writer reads the watermark w, locks w, and reads again.  If it still
 * reads w, then the advance beyond w was not visible yet when the lock was held already.  Who
 * drains w has seen that advance, so it asks for the lock later than that: it finds the lock busy,
 * or the writer is gone and its rows are visible to every later snapshot (PostgreSQL makes a
 * commit visible before it releases locks).  If the writer reads something else, its lock may have
 * come after the drain, and it starts over with the new watermark.  A row whose event lies in the
 * future takes a later cycle than the lock's; since cycles are drained in order, it is covered as
 * well.
 *
 * Each of the following looks like a simplification, and each loses rows:
 *
 * - No second read: between reading w and locking w others advance, drain and settle w.
 * - Reading under the active snapshot: in REPEATABLE READ it is as old as the transaction.  The
 *	 second read agrees with the first one for ever, however far the others are.  Hence
 *	 GetLatestSnapshot().
 * - The lock in the current resource owner: a ROLLBACK TO, or a PL/pgSQL block with EXCEPTION,
 *	 gives back what the subtransaction took, while the cycle stays known to the rest of the
 *	 transaction, or rows inserted outside the subtransaction rely on the lock.  Hence
 *	 TopTransactionResourceOwner.
 * - Forgetting the cycle at a subtransaction's abort, in place of that: rows that stay have no
 *	 lock then.
 * - A cycle kept beyond PREPARE TRANSACTION: the lock has gone with the prepared transaction,
 *	 and the session goes on without one.
 * - A transaction id or snapshot stored in place of locks: what is restored or copied elsewhere
 *	 has other ids.
 *
 * Inside a transaction block (a dry run, a settlement inside a function) the advance can not be
 * committed before draining, so new writers would keep taking w.  There the closer takes the
 * exclusive lock of w first, blocking, and keeps it to the end: writers that come meanwhile wait,
 * and go on with w after a ROLLBACK, with the new watermark after a COMMIT.  A watermark that the
 * transaction itself has written is unknown to everybody else; moving on from it needs no lock, so
 * a dry run of a year holds one lock and not 8,760.  Who waits, and for whom, the server's deadlock
 * detector sees; not so a session that has prepared a transaction with usage in it and writes more
 * before it commits that: it waits behind the closer, who waits for the prepared transaction.
 *
 * A transaction that writes usage and closes cycles in turn has one more trap: the cycle that it
 * remembers may be closed, by itself, and its own locks never stand in its own way.  Hence every
 * closing step forgets it.
 *
 * The watermark is read by scanning the table, two rows, instead of by a query: it runs once in
 * each writing transaction, and so needs neither plan nor privilege; a watermark is no secret.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "cycle.h"
#include "errors.h"

/*
 * The lock's namespace.  LOCKTAG_USERLOCK has been free since contrib/userlock was removed, so it
 * can not meet anybody's advisory locks; the two magic numbers keep it apart from other extensions
 * with the same idea. billing._writers() in sql/30_barrier.sql reads them from pg_locks.
 */
#define BARRIER_MAGIC 0x62696c6c /* "bill" */
#define BARRIER_SUBMAGIC 0x6379 /* "cy" */

#define MICROS_PER_CYCLE USECS_PER_HOUR

/* cycle of 2000-01-01 00:00 UTC, where PostgreSQL's timestamps begin */
#define EPOCH_CYCLE ((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * HOURS_PER_DAY)

/*
 * What this transaction knows.  Cleared at its end, and earlier where the essay says so.
 */
static bool cycle_known = false; /* its cycle is known, and locked */
static int32 known_cycle;
static bool cycle_uncommitted; /* the cycle is a watermark of this transaction's own making */
static bool has_advanced = false; /* it has moved the watermark on from one that others see, */
static int32 advanced_from; /* which is this */
static bool must_not_commit = false; /* it looks ahead of a clock that rings */

PG_FUNCTION_INFO_V1(billing_cycle_of_timestamp);
PG_FUNCTION_INFO_V1(billing_cycle_of_usage);
PG_FUNCTION_INFO_V1(billing_arrived_in_step);
PG_FUNCTION_INFO_V1(billing_cycle_start_of);
PG_FUNCTION_INFO_V1(billing_open_cycle);
PG_FUNCTION_INFO_V1(billing_advance);
PG_FUNCTION_INFO_V1(billing_drain);

/* ---- cycles and instants ---- */

/*
 * billing_cycle_of is the UTC hour that holds an instant, counted from 1970-01-01 00:00 UTC,
 * negative before. Raises 22008 for infinity, and for instants beyond the year 246,000, which an
 * int can not count.
 */
int32
billing_cycle_of(TimestampTz at)
{
	int64 cycle;

	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR, errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				errmsg("%s is in no cycle", timestamptz_to_str(at)),
				errdetail("A cycle is one hour of UTC."), errhint("Give a finite instant."));

	cycle = at / MICROS_PER_CYCLE;
	if (at % MICROS_PER_CYCLE < 0)
		cycle--;
	cycle += EPOCH_CYCLE;
	if (cycle > PG_INT32_MAX)
		ereport(ERROR, errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				errmsg("%s is beyond the last cycle", timestamptz_to_str(at)),
				errdetail("The last cycle is number %d.", PG_INT32_MAX),
				errhint("Give an earlier instant."));
	return (int32) cycle;
}

/*
 * billing_cycle_start is the first instant of a cycle; the inverse of billing_cycle_of.  Raises
 * 22008 for cycles that begin before PostgreSQL's first timestamp.
 */
TimestampTz
billing_cycle_start(int32 cycle)
{
	TimestampTz start = ((int64) cycle - EPOCH_CYCLE) * MICROS_PER_CYCLE;

	if (!IS_VALID_TIMESTAMP(start))
		ereport(
			ERROR, errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
			errmsg("cycle %d begins at no instant", cycle),
			errdetail(
				"Cycles are hours since 1970-01-01 00:00 UTC, and timestamps begin in 4714 BC."),
			errhint("Give a later cycle."));
	return start;
}

Datum
billing_cycle_of_timestamp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(billing_cycle_of(PG_GETARG_TIMESTAMPTZ(0)));
}

/* An event settles with its own hour, a late one with the hour that was open when it arrived. */
Datum
billing_cycle_of_usage(PG_FUNCTION_ARGS)
{
	int32 own = billing_cycle_of(PG_GETARG_TIMESTAMPTZ(1));

	PG_RETURN_INT32(Max(PG_GETARG_INT32(0), own));
}

/*
 * Usage is in step if it arrived in its own hour or in the 24 hours before: rows that stream in are,
 * and so lie in the table nearly in the order of their hours.  Indexes of billing.usage are made
 * with this answer, so it never changes.
 */
Datum
billing_arrived_in_step(PG_FUNCTION_ARGS)
{
	int64 ahead = (int64) billing_cycle_of(PG_GETARG_TIMESTAMPTZ(1)) - PG_GETARG_INT32(0);

	PG_RETURN_BOOL(ahead >= 0 && ahead <= HOURS_PER_DAY);
}

Datum
billing_cycle_start_of(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(billing_cycle_start(PG_GETARG_INT32(0)));
}

/* ---- reading the marks ---- */

/*
 * refuse_uninstalled raises UB008: install() has not been called, or its table is not as it made
 * it.
 */
static void
refuse_uninstalled(const char *reason)
{
	ereport(ERROR, errcode(ERRCODE_BILLING_NOT_INSTALLED),
			errmsg("billing is not installed in database \"%s\"", get_database_name(MyDatabaseId)),
			errdetail("%s", reason), errhint("Call SELECT billing.install();"));
}

/*
 * barrier_open opens billing.barrier.  The lock on it stays to the end of the transaction, as with
 * any table that a statement reads.
 */
static Relation
barrier_open(void)
{
	Oid namespace = get_namespace_oid("billing", true);
	Oid table = InvalidOid;

	if (OidIsValid(namespace))
		table = get_relname_relid("barrier", namespace);
	if (!OidIsValid(table) || get_rel_relkind(table) != RELKIND_RELATION)
		refuse_uninstalled("There is no table billing.barrier.");
	return table_open(table, AccessShareLock);
}

/*
 * barrier_column finds a column by name, so that one which somebody adds or drops does no harm.
 */
static AttrNumber
barrier_column(Relation barrier, const char *name, Oid type)
{
	AttrNumber column = get_attnum(RelationGetRelid(barrier), name);

	if (column == InvalidAttrNumber ||
		TupleDescAttr(RelationGetDescr(barrier), column - 1)->atttypid != type)
		refuse_uninstalled("Table billing.barrier is not the one that billing.install() makes.");
	return column;
}

/*
 * barrier_take_row notes one row of billing.barrier in *marks, and returns which one it was: 1
 * watermark, 2 drained, 0 neither.
 */
static int
barrier_take_row(TupleTableSlot *slot, AttrNumber mark_column, AttrNumber cycle_column,
				 BarrierMarks *marks)
{
	bool no_mark;
	bool no_cycle;
	Datum mark = slot_getattr(slot, mark_column, &no_mark);
	Datum cycle = slot_getattr(slot, cycle_column, &no_cycle);
	char *name;

	if (no_mark || no_cycle)
		return 0;
	name = TextDatumGetCString(mark);
	if (strcmp(name, "drained") == 0)
	{
		marks->drained = DatumGetInt32(cycle);
		return 2;
	}
	if (strcmp(name, "watermark") == 0)
	{
		bool copied;
		HeapTuple row = ExecFetchSlotHeapTuple(slot, false, &copied);

		marks->watermark = DatumGetInt32(cycle);
		marks->uncommitted =
			TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(row->t_data));
		if (copied)
			heap_freetuple(row);
		return 1;
	}
	return 0;
}

/*
 * billing_barrier_read returns the two marks as committed at this moment, or as this transaction
 * has written them; the transaction's own snapshot plays no part.  Raises UB008 where there is no
 * barrier.
 */
BarrierMarks
billing_barrier_read(void)
{
	BarrierMarks marks = {0, 0, false};
	Relation barrier = barrier_open();
	AttrNumber mark_column = barrier_column(barrier, "mark", TEXTOID);
	AttrNumber cycle_column = barrier_column(barrier, "cycle", INT4OID);
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = table_beginscan(barrier, snapshot, 0, NULL);
	TupleTableSlot *slot = table_slot_create(barrier, NULL);
	int found = 0;

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
		found |= barrier_take_row(slot, mark_column, cycle_column, &marks);
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(barrier, NoLock);

	if (found != (1 | 2))
		refuse_uninstalled("Table billing.barrier lacks a row, watermark or drained.");
	return marks;
}

/* ---- the lock of a cycle ---- */

static LOCKTAG
cycle_tag(int32 cycle)
{
	LOCKTAG tag;

	tag.locktag_field1 = MyDatabaseId;
	tag.locktag_field2 = (uint32) cycle;
	tag.locktag_field3 = BARRIER_MAGIC;
	tag.locktag_field4 = BARRIER_SUBMAGIC;
	tag.locktag_type = LOCKTAG_USERLOCK;
	tag.locktag_lockmethodid = USER_LOCKMETHOD;
	return tag;
}

/*
 * cycle_lock takes the lock of a cycle, ShareLock for writers and ExclusiveLock for closers, and
 * returns whether it was to be had; with `wait` it always is.
 *
 * The lock belongs to the top transaction, whatever subtransaction is running: see the essay.
 */
static bool
cycle_lock(int32 cycle, LOCKMODE mode, bool wait)
{
	ResourceOwner owner = CurrentResourceOwner;
	volatile LockAcquireResult result = LOCKACQUIRE_NOT_AVAIL;
	LOCKTAG tag = cycle_tag(cycle);

	PG_TRY();
	{
		CurrentResourceOwner = TopTransactionResourceOwner;
		result = LockAcquire(&tag, mode, false, !wait);
	}
	PG_FINALLY();
	{
		CurrentResourceOwner = owner;
	}
	PG_END_TRY();
	return result != LOCKACQUIRE_NOT_AVAIL;
}

/*
 * cycle_unlock gives back one cycle_lock of the same cycle and mode.
 */
static void
cycle_unlock(int32 cycle, LOCKMODE mode)
{
	ResourceOwner owner = CurrentResourceOwner;
	LOCKTAG tag = cycle_tag(cycle);

	PG_TRY();
	{
		CurrentResourceOwner = TopTransactionResourceOwner;
		LockRelease(&tag, mode, false);
	}
	PG_FINALLY();
	{
		CurrentResourceOwner = owner;
	}
	PG_END_TRY();
}

/* ---- writers ---- */

/*
 * join_open_cycle locks the open cycle for this transaction and returns it.  Reading first without
 * waiting spares the lock queue of a cycle that closed in between.
 */
static BarrierMarks
join_open_cycle(void)
{
	BarrierMarks before = billing_barrier_read();

	for (;;)
	{
		BarrierMarks after;

		CHECK_FOR_INTERRUPTS();
		if (!cycle_lock(before.watermark, ShareLock, false))
		{
			after = billing_barrier_read();
			if (after.watermark != before.watermark)
			{
				before = after;
				continue;
			}
			/* a closer inside a transaction block holds it, or waits for it */
			cycle_lock(before.watermark, ShareLock, true);
		}
		after = billing_barrier_read();
		if (after.watermark == before.watermark)
			return after;
		cycle_unlock(before.watermark, ShareLock);
		before = after;
	}
}

/*
 * open_cycle() -> int: the cycle with which usage that arrives in this transaction settles at the
 * earliest. The column default of usage.arrived.
 *
 * The first call in a transaction joins the barrier; all others return the same from memory.
 * Raises 25006 on a standby, UB008 where billing is not installed.
 */
Datum
billing_open_cycle(PG_FUNCTION_ARGS)
{
	if (!cycle_known)
	{
		BarrierMarks marks;

		if (RecoveryInProgress())
			ereport(
				ERROR, errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				errmsg("no usage can arrive on a standby"),
				errdetail("The open cycle is locked for the writer, which a standby can not do."),
				errhint("Write usage on the primary."));
		marks = join_open_cycle();
		known_cycle = marks.watermark;
		cycle_uncommitted = marks.uncommitted;
		cycle_known = true;
	}
	PG_RETURN_INT32(known_cycle);
}

/* ---- closers ---- */

/*
 * billing_require_closer refuses to close cycles where that can not work: 25006 on a standby or in
 * a read-only transaction, 25000 in an isolation level whose snapshot would not see what others
 * commit.
 */
void
billing_require_closer(const char *what)
{
	if (RecoveryInProgress())
		ereport(ERROR, errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				errmsg("%s can not run on a standby", what),
				errdetail("This server replays the changes of its primary."),
				errhint("Call it on the primary."));
	if (IsolationUsesXactSnapshot())
		ereport(ERROR, errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				errmsg("%s can not run in isolation level %s", what,
					   XactIsoLevel == XACT_SERIALIZABLE ? "SERIALIZABLE" : "REPEATABLE READ"),
				errdetail("Closing a cycle has to see what other sessions have committed since."),
				errhint("Use READ COMMITTED: BEGIN ISOLATION LEVEL READ COMMITTED, or SET "
						"default_transaction_isolation."));
	PreventCommandIfReadOnly(what);
}

/*
 * billing_prepare fills *plan, which belongs to the session, if it is still empty: each statement is
 * planned once, for any values.  There is an SPI connection.
 */
void
billing_prepare(SPIPlanPtr *plan, const char *statement, int nargs, Oid *types)
{
	if (*plan)
		return;
	*plan = SPI_prepare_cursor(statement, nargs, types, CURSOR_OPT_GENERIC_PLAN);
	if (!*plan || SPI_keepplan(*plan))
		elog(ERROR, "\"%s\" was not prepared: %s", statement, SPI_result_code_string(SPI_result));
}

/*
 * set_mark moves a mark from one cycle to another, through SPI so that the caller's privileges
 * count, and returns whether it still stood there.  Each caller has a plan of its own, as one that
 * is used under two search_paths is made anew each time.
 */
static bool
set_mark(SPIPlanPtr *plan, const char *mark, int32 from, int32 to)
{
	Oid types[] = {TEXTOID, INT4OID, INT4OID};
	Datum values[] = {CStringGetTextDatum(mark), Int32GetDatum(from), Int32GetDatum(to)};
	int status;

	billing_prepare(plan,
					"UPDATE billing.barrier SET cycle = $3 "
					"WHERE mark OPERATOR(pg_catalog.=) $1 AND cycle OPERATOR(pg_catalog.=) $2",
					lengthof(types), types);
	status = SPI_execute_plan(*plan, values, NULL, false, 0);
	if (status != SPI_OK_UPDATE)
		elog(ERROR, "moving a mark returned %s", SPI_result_code_string(status));
	return SPI_processed == 1;
}

/*
 * move_watermark does one try at moving the watermark on from where *marks saw it, and returns
 * whether it did; false: another closer was there first.  In a transaction block it takes the
 * exclusive lock of that cycle before, and keeps it if it succeeds.
 */
static bool
move_watermark(const BarrierMarks *marks, int32 to, bool in_block)
{
	static SPIPlanPtr plan;
	bool lock = in_block && !marks->uncommitted;

	if (lock)
		cycle_lock(marks->watermark, ExclusiveLock, true);
	if (set_mark(&plan, "watermark", marks->watermark, to))
	{
		if (!marks->uncommitted)
		{
			has_advanced = true;
			advanced_from = marks->watermark;
		}
		return true;
	}
	if (lock)
		cycle_unlock(marks->watermark, ExclusiveLock);
	return false;
}

/*
 * _advance(to_cycle int, in_block bool) -> int: moves the watermark forward to to_cycle, never
 * back, and returns where it stands now.  in_block: the caller does not commit before it drains.
 */
Datum
billing_advance(PG_FUNCTION_ARGS)
{
	int32 to = PG_GETARG_INT32(0);
	bool in_block = PG_GETARG_BOOL(1);
	BarrierMarks marks;

	billing_require_closer("billing._advance()");
	cycle_known = false;
	SPI_connect();
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		marks = billing_barrier_read();
		if (marks.watermark >= to)
			break;
		if (move_watermark(&marks, to, in_block))
		{
			marks.watermark = to;
			break;
		}
	}
	SPI_finish();
	PG_RETURN_INT32(marks.watermark);
}

/*
 * claim_drained locks the row of the drained mark to the end of the transaction, and returns it in
 * *cycle; false: another closer has it.
 */
static bool
claim_drained(int32 *cycle)
{
	static SPIPlanPtr plan;
	bool isnull;
	int status;

	billing_prepare(&plan,
					"SELECT cycle FROM billing.barrier WHERE mark OPERATOR(pg_catalog.=) 'drained' "
					"FOR UPDATE SKIP LOCKED",
					0, NULL);
	status = SPI_execute_plan(plan, NULL, NULL, false, 0);
	if (status != SPI_OK_SELECT)
		elog(ERROR, "claiming the drained mark returned %s", SPI_result_code_string(status));
	if (SPI_processed == 0)
		return false;
	*cycle = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	return true;
}

/*
 * drain_from returns the first cycle, at or after `cycle`, that is open or has a writer in flight.
 *
 * Most cycles of a long gap never were the watermark and have no lock at all, so that one costs
 * less than a microsecond.  The watermark that this transaction has moved on from is the one that
 * others still take: it is passed only in_block, and then its lock is kept.
 */
static int32
drain_from(int32 cycle, bool in_block)
{
	BarrierMarks marks = billing_barrier_read();
	bool guarded = marks.uncommitted && has_advanced;

	for (; cycle < marks.watermark; cycle++)
	{
		bool guard = guarded && cycle == advanced_from;

		CHECK_FOR_INTERRUPTS();
		if (guard && !in_block)
			break;
		if (!cycle_lock(cycle, ExclusiveLock, false))
			break;
		if (!guard)
			cycle_unlock(cycle, ExclusiveLock);
	}
	return cycle;
}

/*
 * _drain(in_block bool) -> bool: moves the drained mark over every cycle that is closed and has no
 * writer in flight, and returns whether it moved.  It never waits: neither for a writer nor for
 * another closer.
 */
Datum
billing_drain(PG_FUNCTION_ARGS)
{
	static SPIPlanPtr plan;
	bool in_block = PG_GETARG_BOOL(0);
	bool moved = false;
	int32 from;
	int32 to;

	billing_require_closer("billing._drain()");
	cycle_known = false;
	billing_barrier_read(); /* raises where there is none, which looks like a claimed one below */
	SPI_connect();
	if (claim_drained(&from))
	{
		to = drain_from(from, in_block);
		if (to > from)
			moved = set_mark(&plan, "drained", from, to);
	}
	SPI_finish();
	PG_RETURN_BOOL(moved);
}

/* ---- the end of transactions ---- */

/*
 * billing_forbid_commit is for a dry run ahead of the clock: what this transaction does to the
 * watermark from now on may be rolled back, and nothing else.
 */
void
billing_forbid_commit(void)
{
	must_not_commit = true;
}

/*
 * refuse_commit raises UB010 where a dry run is about to stay.  A watermark of its own making is
 * what tells: one that was undone by ROLLBACK TO is not there any more.
 */
static void
refuse_commit(void)
{
	BarrierMarks marks = billing_barrier_read();

	if (marks.uncommitted)
		ereport(ERROR, errcode(ERRCODE_BILLING_CLOCK_REFUSED),
				errmsg("a dry run can not be committed"),
				errdetail("It closed every hour before %s, which are not over yet, and a cron job "
						  "rings in this database.",
						  timestamptz_to_str(billing_cycle_start(marks.watermark))),
				errhint("End a transaction in which billing.tick() looks ahead with ROLLBACK."));
}

/*
 * forget_transaction clears what belongs to a transaction when it ends, and lets no dry run stay.
 * PREPARE counts: the locks
 * have gone with the prepared transaction.
 */
static void
forget_transaction(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			if (must_not_commit)
				refuse_commit();
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PARALLEL_ABORT:
			cycle_known = false;
			has_advanced = false;
			must_not_commit = false;
			break;
		default:
			break;
	}
}

/*
 * forget_subtransaction forgets a cycle that may have been undone: a watermark that this
 * transaction wrote. Any other cycle is kept, as is its lock.
 */
static void
forget_subtransaction(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB && cycle_uncommitted)
		cycle_known = false;
}

/*
 * billing_barrier_init is called once in each process, when the module is loaded.
 */
void
billing_barrier_init(void)
{
	RegisterXactCallback(forget_transaction, NULL);
	RegisterSubXactCallback(forget_subtransaction, NULL);
}
