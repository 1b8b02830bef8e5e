/*
 * lifecycle_core.h
 *		Lifecycle policies: reading, printing, checking, packing, and which step is next.
 *
 * Pure C: nothing here knows PostgreSQL, allocates memory or raises an error.
 * The way of a policy is
 *
 *		text, JSON or binary --read--> LifecyclePolicy --pack--> packed form
 *		packed form --unpack--> LifecyclePolicy --print--> text, JSON or binary
 *		LifecyclePolicy, step last applied --next--> what the next step is counted from
 *
 * Readers give only what lifecycle_finish() has found valid.  Instants are not
 * known here: days and months need a calendar and a time zone, which the skin has.
 *
 * Refusals are told as those of tariffs are, by TariffStatus and TariffError.
 */
#ifndef BILLING_LIFECYCLE_CORE_H
#define BILLING_LIFECYCLE_CORE_H

#include "tariff_core.h"

#define LIFECYCLE_MAX_STEPS 32
#define LIFECYCLE_MAX_COUNT 10000 /* of units in a delay */
#define LIFECYCLE_MAX_NAME 63 /* bytes; as long as PostgreSQL's own names */
#define LIFECYCLE_NO_TIME (-1)

/* room for a text and its NUL: words, and names of which every character comes twice */
#define LIFECYCLE_TEXT_SIZE(steps) (64 + (size_t) (steps) * (2 * LIFECYCLE_MAX_NAME + 66))

/* Numbers on disk: append, never change. */
typedef enum LifecycleAction
{
	LIFECYCLE_NOTICE,
	LIFECYCLE_RESTRICT,
	LIFECYCLE_SUSPEND,
	LIFECYCLE_DOWNGRADE,
	LIFECYCLE_RELEASE,
	LIFECYCLE_ACTIONS
} LifecycleAction;

/* When a step is due; numbers on disk: append, never change. */
typedef enum LifecycleDirection
{
	LIFECYCLE_BEFORE, /* so long before the anchor */
	LIFECYCLE_BEFORE_RELEASE, /* so long before the coming release */
	LIFECYCLE_IMMEDIATELY, /* with what it counts from */
	LIFECYCLE_AFTER, /* so long after what it counts from */
	LIFECYCLE_DIRECTIONS
} LifecycleDirection;

/* Numbers on disk: append, never change.  Up to the hour it is elapsed time, from the day on the
 * calendar's. */
typedef enum LifecycleUnit
{
	LIFECYCLE_SECOND,
	LIFECYCLE_MINUTE,
	LIFECYCLE_HOUR,
	LIFECYCLE_DAY,
	LIFECYCLE_WEEK,
	LIFECYCLE_MONTH,
	LIFECYCLE_UNITS
} LifecycleUnit;

/* The parts of a step that can be wrong, in the order of lifecycle_field_names. */
typedef enum LifecycleField
{
	LIFECYCLE_FIELD_ACTION,
	LIFECYCLE_FIELD_ARGUMENT,
	LIFECYCLE_FIELD_WHEN,
	LIFECYCLE_FIELD_DELAY,
	LIFECYCLE_FIELD_AT,
	LIFECYCLE_FIELDS
} LifecycleField;

/* LifecycleStep: what happens, to what, and when. */
typedef struct LifecycleStep
{
	LifecycleAction action;
	LifecycleDirection direction;
	LifecycleUnit unit;
	int count; /* of units; 0 with "immediately" */
	int minute; /* of the local day, or LIFECYCLE_NO_TIME */
	int name_length; /* 0: no argument */
	char name[LIFECYCLE_MAX_NAME + 1]; /* the argument, NUL-terminated */
	int at[LIFECYCLE_FIELDS]; /* where in the text each part stood, or -1 */
} LifecycleStep;

/*
 * LifecyclePolicy: the chain of steps for one anchor (the account became
 * overdue, the term ends).
 *
 * Steps stand in the order in which they are applied: first what counts back
 * from the anchor, then the chain, each step of which counts from the one
 * before; what counts back from the release stands between the step that the
 * release counts from and the release, which is the last.
 */
typedef struct LifecyclePolicy
{
	bool resume_auto; /* comes back by itself once the cause is gone */
	bool jump; /* delays count from when a step was due, not from when it was applied */
	int step_count;
	LifecycleStep steps[LIFECYCLE_MAX_STEPS];
} LifecyclePolicy;

/*
 * LifecycleNext: how the instant of the next step is found.  It begins at the
 * anchor or at the instant of the chain's last applied step, then the delay of
 * step `forward` is added and its time of day awaited, and then the delay of
 * step `back` is taken off; -1 is no such step.
 */
typedef struct LifecycleNext
{
	int step;
	bool from_anchor;
	int forward;
	int back;
} LifecycleNext;

extern const char *const lifecycle_action_names[LIFECYCLE_ACTIONS];
extern const char *const lifecycle_direction_names[LIFECYCLE_DIRECTIONS];
extern const char *const lifecycle_unit_names[LIFECYCLE_UNITS];
extern const char *const lifecycle_field_names[LIFECYCLE_FIELDS];
extern const char *const lifecycle_resume_names[2];
extern const char *const lifecycle_catch_up_names[2];

/* lifecycle_core.c: what a valid policy is, and which step is next */
extern void lifecycle_init(LifecyclePolicy *policy);
extern LifecycleStep *lifecycle_add_step(LifecyclePolicy *policy);
extern TariffStatus lifecycle_finish(const LifecyclePolicy *policy, TariffError *error);
extern bool lifecycle_takes_argument(LifecycleAction action);
extern bool lifecycle_next(const LifecyclePolicy *policy, int applied, LifecycleNext *next);

/* lifecycle_text_core.c, lifecycle_json_core.c: the outside */
extern TariffStatus lifecycle_read_text(const char *text, size_t length, LifecyclePolicy *policy,
										TariffError *error);
extern TariffStatus lifecycle_read_json(const char *text, size_t length, LifecyclePolicy *policy,
										TariffError *error);
extern TariffStatus lifecycle_read_delay(const char *text, size_t length, LifecycleStep *step,
										 TariffError *error);
extern TariffStatus lifecycle_read_time(const char *text, size_t length, LifecycleStep *step,
										TariffError *error);
extern size_t lifecycle_text_size(const LifecyclePolicy *policy);
extern size_t lifecycle_json_size(const LifecyclePolicy *policy);
extern size_t lifecycle_print_text(const LifecyclePolicy *policy, char *text);
extern size_t lifecycle_print_json(const LifecyclePolicy *policy, char *text);
extern char *lifecycle_print_delay(char *p, const LifecycleStep *step);
extern char *lifecycle_print_time(char *p, const LifecycleStep *step);

/* lifecycle_pack_core.c: the forms on the wire and on disk */
#define LIFECYCLE_WIRE_HEAD 4 /* bytes before the text */

extern TariffStatus lifecycle_read_binary(const char *data, size_t length, LifecyclePolicy *policy,
										  TariffError *error);
extern size_t lifecycle_print_binary(const LifecyclePolicy *policy, char *data);
extern size_t lifecycle_packed_size(const LifecyclePolicy *policy);
extern void lifecycle_pack(const LifecyclePolicy *policy, char *packed);
extern TariffStatus lifecycle_check_packed(const char *packed, size_t length);
extern void lifecycle_unpack(const char *packed, LifecyclePolicy *policy);

#endif /* BILLING_LIFECYCLE_CORE_H */
