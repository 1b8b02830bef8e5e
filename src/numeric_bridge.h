/*
 * numeric_bridge.h
 *		From numeric to Decimal and back, without numeric's own functions.
 */
#ifndef BILLING_NUMERIC_BRIDGE_H
#define BILLING_NUMERIC_BRIDGE_H

#include "postgres.h"

#include "utils/numeric.h"

/* what looks into a varlena has a header of its own from 16 on */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "decimal_core.h"

typedef enum NumericKind
{
	NUMERIC_KIND_FITS, /* the Decimal is the number */
	NUMERIC_KIND_WIDE, /* finite, but beyond 128 bits */
	NUMERIC_KIND_NAN,
	NUMERIC_KIND_INFINITY,
	NUMERIC_KIND_MINUS_INFINITY
} NumericKind;

extern void billing_numeric_bridge_init(void);
extern bool billing_numeric_bridge_is_fast(void);
extern bool billing_numeric_bridge_set_fast(bool fast);

extern NumericKind billing_decimal_from_numeric(Datum number, Decimal *result);
extern Numeric billing_numeric_from_decimal(Decimal number);
extern Numeric billing_numeric_from_rounded(Decimal number, int scale);

#endif /* BILLING_NUMERIC_BRIDGE_H */
