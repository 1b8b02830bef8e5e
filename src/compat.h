/*
 * compat.h
 *		Every difference between server versions that this extension knows about.
 */
#ifndef BILLING_COMPAT_H
#define BILLING_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM < 150000
#error "billing needs PostgreSQL 15 or later"
#endif

/* input functions report softly from 16 on; before, an error is an error */
#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#else
#define ereturn(context, dummy_value, ...) \
	do                                     \
	{                                      \
		(void) (context);                  \
		ereport(ERROR, __VA_ARGS__);       \
		return dummy_value;                \
	} while (0)
#endif

#endif /* BILLING_COMPAT_H */
