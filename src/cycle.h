/*
 * cycle.h
 *		The barrier between writers of usage and the closing of cycles.
 */
#ifndef BILLING_CYCLE_H
#define BILLING_CYCLE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "executor/spi.h"

/* Where the barrier stands.  Cycles are UTC hours since 1970-01-01 00:00 UTC. */
typedef struct BarrierMarks
{
	int32 watermark; /* the open cycle */
	int32 drained; /* every cycle below it may be settled */
	bool uncommitted; /* this transaction itself wrote that watermark */
} BarrierMarks;

extern void billing_barrier_init(void);
extern BarrierMarks billing_barrier_read(void);
extern int32 billing_cycle_of(TimestampTz at);
extern TimestampTz billing_cycle_start(int32 cycle);
extern void billing_forbid_commit(void);
extern void billing_prepare(SPIPlanPtr *plan, const char *statement, int nargs, Oid *types);
extern void billing_require_closer(const char *what);

#endif /* BILLING_CYCLE_H */
