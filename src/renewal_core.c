/*
 * renewal_core.c
 *		What becomes of a package that is used up or ends.
 *
 * What was ordered and paid comes first, whatever the flag says.  A flag that can not be honoured
 * goes off once and for all, so that nobody is surprised by a package that is bought long after the
 * money came back; its owner is told why, by the obstacle that no other could have got around.
 */
#include "renewal_core.h"

/* renewal_decide tells what to do, and in *obstacle why a flag goes off. */
RenewalAction
renewal_decide(const RenewalFacts *facts, RenewalObstacle *obstacle)
{
	*obstacle = RENEWAL_NO_OBSTACLE;
	if (facts->has_successor)
		return RENEWAL_SUCCESSOR;
	if (!facts->auto_renew)
		return RENEWAL_NOTHING;
	if (facts->is_closed)
		*obstacle = RENEWAL_CLOSED;
	else if (!facts->is_sold)
		*obstacle = RENEWAL_NOT_SOLD;
	else if (!facts->has_plan)
		*obstacle = RENEWAL_NO_PLAN;
	else if (!facts->can_pay)
		*obstacle = RENEWAL_NO_MONEY;
	return *obstacle == RENEWAL_NO_OBSTACLE ? RENEWAL_RENEW : RENEWAL_SWITCH_OFF;
}
