/*
 * waterfall_core.h
 *		How one item of usage runs down what an account has prepaid.
 *
 * Pure C: nothing here knows PostgreSQL, allocates memory or raises an error.
 * A source is what is used up: an allowance or a package.  A way is a rule by
 * which usage may be deducted from a source; several ways may lead to one.
 */
#ifndef BILLING_WATERFALL_CORE_H
#define BILLING_WATERFALL_CORE_H

#include "decimal_core.h"

/* to so many decimals the quantity is cut that uses a source up and has no last one */
#define WATERFALL_DECIMALS 20

/* the source of a step that none covers */
#define WATERFALL_NO_SOURCE (-1)

/* A name; without data it is none, which in a way stands for any. */
typedef struct WaterfallName
{
	const char *data;
	int length;
} WaterfallName;

typedef struct WaterfallSource
{
	Decimal remaining;
	bool filled; /* had something before the first item came */
	bool spent; /* has nothing now */
} WaterfallSource;

typedef struct WaterfallWay
{
	int source; /* its place among the sources */
	WaterfallName meter;
	WaterfallName region;
	WaterfallName resource;
	Decimal factor; /* units of the source that one unit of usage takes; above 0 */
	int64_t from; /* usage in [from, until) */
	int64_t until;
} WaterfallWay;

/* Usage: one event, or all events of a group, the first and the last of them at these instants. */
typedef struct WaterfallItem
{
	WaterfallName meter;
	WaterfallName region;
	WaterfallName resource;
	int64_t first;
	int64_t last;
	Decimal quantity; /* not negative */
} WaterfallItem;

/* What happens between an item and a way. */
typedef enum WaterfallMeeting
{
	WATERFALL_PASSES, /* the way is not for this item, or its source never had anything */
	WATERFALL_STRADDLES, /* it is for some events of the item and not for others */
	WATERFALL_FINDS_SPENT, /* others have used the source up */
	WATERFALL_TAKES
} WaterfallMeeting;

typedef struct WaterfallStep
{
	int source;
	Decimal quantity;
	Decimal units; /* of the source */
} WaterfallStep;

/* How an item ran down. */
typedef struct WaterfallRun
{
	WaterfallStep *steps; /* the caller's, with room for one more than there are ways */
	int count;
	bool straddles; /* then the steps mean nothing */
	bool runs_out; /* a source that had something did not cover what was left of the item */
} WaterfallRun;

extern WaterfallMeeting waterfall_meet(const WaterfallWay *way, const WaterfallSource *source,
									   const WaterfallItem *item);
extern bool waterfall_run(const WaterfallWay *ways, int count, WaterfallSource *sources,
						  const WaterfallItem *item, WaterfallRun *run);

#endif /* BILLING_WATERFALL_CORE_H */
