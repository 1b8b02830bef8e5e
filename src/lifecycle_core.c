/*
 * lifecycle_core.c
 *		What a valid lifecycle policy is, and which of its steps is next.
 *
 * Steps come in the order in which they stand, whatever the anchor, the month
 * and the zone.  So delays in different units are compared by what they are at
 * least and at most: clocks change by an hour, a month has 28 to 31 days.
 */
#include "lifecycle_core.h"

#include <stdio.h>
#include <string.h>

const char *const lifecycle_action_names[LIFECYCLE_ACTIONS] = {"notice", "restrict", "suspend",
															   "downgrade", "release"};
const char *const lifecycle_direction_names[LIFECYCLE_DIRECTIONS] = {"before", "before release",
																	 "immediately", "after"};
const char *const lifecycle_unit_names[LIFECYCLE_UNITS] = {"second", "minute", "hour",
														   "day",    "week",   "month"};
const char *const lifecycle_field_names[LIFECYCLE_FIELDS] = {"action", "argument", "when", "delay",
															 "at"};
const char *const lifecycle_resume_names[2] = {"manual", "auto"};
const char *const lifecycle_catch_up_names[2] = {"walk", "jump"};

#define HOUR INT64_C(3600)

/* lifecycle_init makes a policy without steps. */
void
lifecycle_init(LifecyclePolicy *policy)
{
	policy->resume_auto = false;
	policy->jump = false;
	policy->step_count = 0;
}

/* lifecycle_add_step gives an empty step behind the others, or NULL if there is no more room. */
LifecycleStep *
lifecycle_add_step(LifecyclePolicy *policy)
{
	LifecycleStep *step;

	if (policy->step_count == LIFECYCLE_MAX_STEPS)
		return NULL;
	step = &policy->steps[policy->step_count++];
	memset(step, 0, sizeof(*step));
	step->direction = LIFECYCLE_IMMEDIATELY;
	step->minute = LIFECYCLE_NO_TIME;
	for (int i = 0; i < LIFECYCLE_FIELDS; i++)
		step->at[i] = -1;
	return step;
}

/* lifecycle_takes_argument tells whether an action has an argument. */
bool
lifecycle_takes_argument(LifecycleAction action)
{
	return action == LIFECYCLE_RESTRICT || action == LIFECYCLE_SUSPEND ||
		   action == LIFECYCLE_DOWNGRADE;
}

/* refuse tells which part of which step is wrong. */
static TariffStatus
refuse(const LifecyclePolicy *policy, const LifecycleStep *step, LifecycleField field,
	   TariffError *error, const char *detail, const char *hint)
{
	tariff_fail(error, TARIFF_MALFORMED, step->at[field], "%s", detail);
	if (hint != NULL)
		tariff_hint(error, "%s", hint);
	snprintf(error->path, sizeof(error->path), "$.steps[%d].%s", (int) (step - policy->steps),
			 lifecycle_field_names[field]);
	return TARIFF_MALFORMED;
}

/* check_name looks at an argument's presence and its characters. */
static TariffStatus
check_name(const LifecyclePolicy *policy, const LifecycleStep *step, TariffError *error)
{
	if (step->name_length > 0 && !lifecycle_takes_argument(step->action))
		return refuse(policy, step, LIFECYCLE_FIELD_ARGUMENT, error,
					  "this action takes no argument.",
					  "restrict and suspend take the kind of resources, downgrade the plan.");
	if (step->name_length == 0 && step->action == LIFECYCLE_DOWNGRADE)
		return refuse(policy, step, LIFECYCLE_FIELD_ARGUMENT, error,
					  "a downgrade names the plan to fall back to.",
					  "For example: downgrade free after 7 days");
	for (int i = 0; i < step->name_length; i++)
		if ((unsigned char) step->name[i] < ' ' || step->name[i] == '\x7F')
			return refuse(policy, step, LIFECYCLE_FIELD_ARGUMENT, error,
						  "a name holds no control characters.", NULL);
	return TARIFF_OK;
}

/* is_elapsed tells whether a step's delay is elapsed time, and not the calendar's. */
static bool
is_elapsed(const LifecycleStep *step)
{
	return step->unit <= LIFECYCLE_HOUR;
}

/* seconds_of gives the length of an elapsed delay. */
static int64_t
seconds_of(const LifecycleStep *step)
{
	static const int64_t seconds[] = {1, 60, HOUR};

	return step->count * seconds[step->unit];
}

/* days_of gives the days of a calendar delay whose months have so many days. */
static int64_t
days_of(const LifecycleStep *step, int month)
{
	return (int64_t) step->count * (step->unit == LIFECYCLE_MONTH  ? month
									: step->unit == LIFECYCLE_WEEK ? 7
																   : 1);
}

/*
 * covers tells whether delay a is never shorter than delay b.  Counted in the
 * same direction from one instant, as many months are as long; but a month
 * forward and then a month back may end before the beginning (31 January).
 */
static bool
covers(const LifecycleStep *a, const LifecycleStep *b, bool same_direction)
{
	if (is_elapsed(a) && is_elapsed(b))
		return seconds_of(a) >= seconds_of(b);
	if (is_elapsed(a))
		return seconds_of(a) >= days_of(b, 31) * 24 * HOUR + HOUR;
	if (is_elapsed(b))
		return days_of(a, 28) * 24 * HOUR - HOUR >= seconds_of(b);
	if (same_direction && a->unit == LIFECYCLE_MONTH && b->unit == LIFECYCLE_MONTH)
		return a->count >= b->count;
	return days_of(a, 28) >= days_of(b, 31);
}

/* same_deed tells whether two steps do the same. */
static bool
same_deed(const LifecycleStep *a, const LifecycleStep *b)
{
	return a->action == b->action && a->name_length == b->name_length &&
		   memcmp(a->name, b->name, (size_t) a->name_length) == 0;
}

/*
 * same_instant tells whether a later step is due at the same instant as an
 * earlier one; between them stand only the steps given.
 */
static bool
same_instant(const LifecycleStep *a, const LifecycleStep *b)
{
	if (b->direction == LIFECYCLE_IMMEDIATELY)
	{
		/* everything between is of the chain, too, as is what stands before it */
		for (const LifecycleStep *step = b; step > a; step--)
			if (step->direction != LIFECYCLE_IMMEDIATELY)
				return false;
		return a->direction == LIFECYCLE_IMMEDIATELY || a->direction == LIFECYCLE_AFTER;
	}
	return b->direction != LIFECYCLE_AFTER && a->direction == b->direction && covers(a, b, true) &&
		   covers(b, a, true);
}

/*
 * check_twice looks for the same step further up.  Notices may be repeated, but
 * not at one instant; for all else the second time would change nothing, and
 * of downgrades the first to succeed ends the chain.
 */
static TariffStatus
check_twice(const LifecyclePolicy *policy, const LifecycleStep *step, TariffError *error)
{
	for (const LifecycleStep *other = policy->steps; other < step; other++)
	{
		if (step->action == LIFECYCLE_DOWNGRADE && other->action == LIFECYCLE_DOWNGRADE)
			return refuse(policy, step, LIFECYCLE_FIELD_ACTION, error,
						  "a policy has one downgrade at most.", NULL);
		if (!same_deed(other, step))
			continue;
		if (step->action != LIFECYCLE_NOTICE)
			return refuse(policy, step, LIFECYCLE_FIELD_ACTION, error,
						  "the policy has this step already.",
						  "Only notices may be repeated, each at an instant of its own.");
		if (same_instant(other, step))
			return refuse(policy, step, LIFECYCLE_FIELD_ACTION, error,
						  "the policy has a notice at this instant already.", NULL);
	}
	return TARIFF_OK;
}

/* check_back looks at where a step stands that counts back. */
static TariffStatus
check_back(const LifecyclePolicy *policy, const LifecycleStep *step, TariffError *error)
{
	const LifecycleStep *before = step > policy->steps ? step - 1 : NULL;
	const LifecycleStep *last = &policy->steps[policy->step_count - 1];

	if (step->action == LIFECYCLE_RELEASE)
		return refuse(policy, step, LIFECYCLE_FIELD_WHEN, error,
					  "a release does not count back from anything.",
					  "Write: release immediately, or release after 60 days");
	if (step->direction == LIFECYCLE_BEFORE)
	{
		if (before != NULL && before->direction != LIFECYCLE_BEFORE)
			return refuse(policy, step, LIFECYCLE_FIELD_WHEN, error,
						  "steps that count back from the anchor come first.",
						  "Move this step to the front; what counts back from the release says so: "
						  "7 days before release");
	}
	else if (last->action != LIFECYCLE_RELEASE)
		return refuse(policy, step, LIFECYCLE_FIELD_WHEN, error,
					  "the policy has no release that this step could come before.",
					  "End the policy with a release, such as: release after 60 days");
	else if (last->direction != LIFECYCLE_AFTER || !covers(last, step, false))
		return refuse(policy, step, LIFECYCLE_FIELD_DELAY, error,
					  "this step could be due before the step that the release counts from.",
					  "Let the release come later, or this step; a month may have 28 days.");
	if (before != NULL && before->direction == step->direction && !covers(before, step, true))
		return refuse(policy, step, LIFECYCLE_FIELD_DELAY, error,
					  "this step could be due before the one that stands before it.",
					  "Steps that count back come in falling order: 7 days before, 1 day before");
	return TARIFF_OK;
}

/* check_order looks at where a step stands. */
static TariffStatus
check_order(const LifecyclePolicy *policy, const LifecycleStep *step, TariffError *error)
{
	const LifecycleStep *before = step > policy->steps ? step - 1 : NULL;

	if (before != NULL && before->action == LIFECYCLE_RELEASE)
		return refuse(policy, step, LIFECYCLE_FIELD_ACTION, error, "nothing comes after a release.",
					  "What is released is gone; let the release be the last step.");
	if (step->direction == LIFECYCLE_BEFORE || step->direction == LIFECYCLE_BEFORE_RELEASE)
		return check_back(policy, step, error);
	if (before != NULL && before->direction == LIFECYCLE_BEFORE_RELEASE &&
		step->action != LIFECYCLE_RELEASE)
		return refuse(policy, before, LIFECYCLE_FIELD_WHEN, error,
					  "steps that count back from the release stand just before it.", NULL);
	return TARIFF_OK;
}

/* lifecycle_finish tells whether what a reader has read is a policy. */
TariffStatus
lifecycle_finish(const LifecyclePolicy *policy, TariffError *error)
{
	for (int i = 0; i < policy->step_count; i++)
	{
		const LifecycleStep *step = &policy->steps[i];
		TariffStatus status = check_name(policy, step, error);

		if (status == TARIFF_OK)
			status = check_order(policy, step, error);
		if (status == TARIFF_OK)
			status = check_twice(policy, step, error);
		if (status != TARIFF_OK)
			return status;
	}
	return TARIFF_OK;
}

/*
 * lifecycle_next finds the step that follows so many applied ones; false when
 * the chain is over.
 *
 * The chain counts from the anchor until its first step has been applied, and
 * then from the last one, "immediately" or "after": who is told late has all of
 * the time that follows.  What counts back moves nothing: a notice before the
 * release that an outage held up must not hold up the release.
 */
bool
lifecycle_next(const LifecyclePolicy *policy, int applied, LifecycleNext *next)
{
	const LifecycleStep *step;

	if (applied >= policy->step_count)
		return false;
	step = &policy->steps[applied];
	next->step = applied;
	next->from_anchor = true;
	next->forward = -1;
	next->back = -1;
	if (step->direction == LIFECYCLE_BEFORE || step->direction == LIFECYCLE_BEFORE_RELEASE)
		next->back = applied;
	if (step->direction == LIFECYCLE_BEFORE)
		return true;
	if (step->direction == LIFECYCLE_BEFORE_RELEASE)
		next->forward = policy->step_count - 1;
	else if (step->direction == LIFECYCLE_AFTER)
		next->forward = applied;
	for (int i = 0; i < applied; i++)
		if (policy->steps[i].direction == LIFECYCLE_AFTER ||
			policy->steps[i].direction == LIFECYCLE_IMMEDIATELY)
			next->from_anchor = false;
	return true;
}
