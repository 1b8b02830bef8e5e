/*
 * billing.c
 *		The module: its magic block and what has to happen once when it is loaded.
 */
#include "postgres.h"

#include "fmgr.h"

#include "compat.h"
#include "cycle.h"
#include "numeric_bridge.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

/*
 * Runs once in every process that loads the module.
 */
void
_PG_init(void)
{
	billing_numeric_bridge_init();
	billing_barrier_init();
}
