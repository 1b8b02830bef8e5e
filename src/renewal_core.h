/*
 * renewal_core.h
 *		What becomes of a package that is used up or ends.
 *
 * Pure C: nothing here knows PostgreSQL, allocates memory or raises an error.
 */
#ifndef BILLING_RENEWAL_CORE_H
#define BILLING_RENEWAL_CORE_H

#include <stdbool.h>

/* What is known at the instant at which a package is over. */
typedef struct RenewalFacts
{
	bool has_successor; /* another package was ordered to take over */
	bool auto_renew; /* the package has the flag */
	bool is_closed; /* its account is closed */
	bool is_sold; /* its offer is in force and not withdrawn */
	bool has_plan; /* a plan that it needs is active, or it needs none */
	bool can_pay; /* balance and credit limit reach its price */
} RenewalFacts;

typedef enum RenewalAction
{
	RENEWAL_NOTHING, /* it is over, and that is all */
	RENEWAL_SUCCESSOR, /* the package that was ordered starts now */
	RENEWAL_RENEW, /* the same is ordered again, and starts now */
	RENEWAL_SWITCH_OFF /* the flag goes off, and is not tried again */
} RenewalAction;

/* Why a flag goes off: the first of these that holds. */
typedef enum RenewalObstacle
{
	RENEWAL_NO_OBSTACLE,
	RENEWAL_CLOSED,
	RENEWAL_NOT_SOLD,
	RENEWAL_NO_PLAN,
	RENEWAL_NO_MONEY
} RenewalObstacle;

extern RenewalAction renewal_decide(const RenewalFacts *facts, RenewalObstacle *obstacle);

#endif /* BILLING_RENEWAL_CORE_H */
