/*
 * tariff_core.h
 *		Tariffs: reading, printing, checking, packing and pricing.
 *
 * Pure C: nothing here knows PostgreSQL, allocates memory or raises an error.
 * The way of a tariff is
 *
 *		text, JSON or binary --read--> TariffSpec --finish--> --pack--> packed form
 *		packed form --unpack--> TariffSpec --print--> text, JSON or binary
 *		packed form --rate--> amount
 *
 * Only the readers see anything but the canonical form: finishing is what makes
 * it, and everything behind relies on it.
 */
#ifndef BILLING_TARIFF_CORE_H
#define BILLING_TARIFF_CORE_H

#include "decimal_core.h"

#define TARIFF_MAX_TIERS 1000
#define TARIFF_NO_DIGITS (-1)
#define TARIFF_MAX_DIGITS DECIMAL_MAX_DIGITS /* highest "digits" */

/* Numbers on disk and on the wire: append, never change. */
typedef enum TariffModel
{
	TARIFF_GRADUATED = 0, /* each tier prices its own part */
	TARIFF_VOLUME = 1 /* the tier reached prices everything */
} TariffModel;

/* The numbers of a tier that can be wrong, in the order of TARIFF_FIELD_NAMES. */
typedef enum TariffField
{
	TARIFF_FIELD_NONE = -1,
	TARIFF_FIELD_UP_TO,
	TARIFF_FIELD_PRICE,
	TARIFF_FIELD_FLAT,
	TARIFF_FIELD_PER,
	TARIFF_FIELD_BLOCK,
	TARIFF_FIELDS
} TariffField;

/*
 * TariffTier: one step of a price list.
 *
 * It begins where the tier before it ends (the first at 0) and ends at bound,
 * or never, if it has none.  A quantity equal to the bound belongs to it.  Its
 * amount is flat + quantity * price / per.  Where it has a block, the quantity
 * in it is first rounded to whole blocks.
 */
typedef struct TariffTier
{
	bool has_bound;
	bool has_per; /* per was written; else it is the tariff's */
	Decimal bound;
	Decimal price;
	Decimal flat;
	Decimal per;
	Decimal block; /* 0 is none; while reading, also "the tariff's"; 0 with block_first */
	Decimal unit; /* price of one unit, or of one block; exact; made by finishing */
	int at[TARIFF_FIELDS]; /* where in the text each number stood, or -1 */
} TariffTier;

/*
 * TariffSpec: a tariff that is being read or printed.
 *
 * What is free comes off the quantity first, and the bounds count from there;
 * as a threshold it is all or nothing, and a quantity above it is billed whole.
 * With block_first the rest is then rounded to whole blocks, and it is this
 * quantity that walks through the tiers; else each tier rounds its own part.
 * A tier is entered by a quantity above its lower end, or, with bounds_lower,
 * at it; the first by any quantity above zero, or, with zero_flat, by zero too.
 *
 * Where a tier is entered, the sum of all tiers is raised to min, then lowered
 * to max, and then rounded to digits.  Where none is, the amount is zero.
 *
 * With each, all of this is about one usage row, and the prices of the rows are
 * added up; else it is about their sum.  The price of one quantity is the same.
 *
 * The tiers belong to the caller, who gives room for max_tiers of them.  A
 * reader stops with TARIFF_TOO_MANY when they do not suffice.
 */
typedef struct TariffSpec
{
	TariffModel model;
	Decimal per; /* of the tiers that do not say their own */
	Decimal free; /* 0 is none */
	bool free_threshold;
	bool bounds_lower;
	bool zero_flat;
	Decimal block; /* of the tiers that do not say their own; 0 is none */
	bool block_first; /* rounded before the tiers; then block is above 0 */
	bool block_down; /* a started block is not counted */
	bool each;
	Decimal min; /* 0 is none */
	Decimal max; /* 0 is none */
	int digits; /* behind the point, or TARIFF_NO_DIGITS */
	DecimalRounding digits_rounding;
	int tier_count;
	int max_tiers;
	TariffTier *tiers;
} TariffSpec;

typedef enum TariffStatus
{
	TARIFF_OK,
	TARIFF_MALFORMED, /* not a tariff */
	TARIFF_OUT_OF_RANGE, /* a number does not fit */
	TARIFF_TOO_MANY, /* more than TARIFF_MAX_TIERS tiers */
	TARIFF_UNKNOWN_FORMAT /* made by a newer version */
} TariffStatus;

/*
 * TariffError: why a tariff was refused.
 *
 * detail is a whole sentence without its place, hint another, or empty.  at is
 * the byte where the trouble starts, counted from 0, or -1; path says the same
 * for JSON, as $.tiers[0].price, or is empty.
 */
typedef struct TariffError
{
	int at;
	char path[96];
	char detail[240];
	char hint[240];
} TariffError;

/* tariff_core.c: what a valid tariff is */
extern TariffStatus tariff_finish(TariffSpec *spec, TariffError *error);
extern TariffStatus tariff_fail(TariffError *error, TariffStatus status, int at, const char *format,
								...) __attribute__((format(printf, 4, 5)));
extern void tariff_hint(TariffError *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
extern void tariff_spec_init(TariffSpec *spec, TariffTier *tiers, int max_tiers);
extern TariffTier *tariff_add_tier(TariffSpec *spec);
extern const char *tariff_model_name(TariffModel model);
extern void tariff_spread_blocks(TariffSpec *spec);
extern const char *const tariff_rounding_names[DECIMAL_DOWN + 1];
extern const char *const tariff_field_names[TARIFF_FIELDS];

/* tariff_text_core.c, tariff_json_core.c, tariff_binary_core.c: the outside */
extern TariffStatus tariff_read_text(const char *text, size_t length, TariffSpec *spec,
									 TariffError *error);
extern TariffStatus tariff_read_json(const char *text, size_t length, TariffSpec *spec,
									 TariffError *error);
extern TariffStatus tariff_read_binary(const char *data, size_t length, TariffSpec *spec,
									   TariffError *error);

/* tariff_receive_core.c: from the binary form into the packed one, where it is plain */
extern size_t tariff_receive_size(const char *data, size_t length);
extern bool tariff_receive(const char *data, char *packed);

extern size_t tariff_text_size(const TariffSpec *spec);
extern size_t tariff_json_size(const TariffSpec *spec);
extern size_t tariff_binary_size(const TariffSpec *spec);
extern size_t tariff_print_text(const TariffSpec *spec, char *text);
extern size_t tariff_print_json(const TariffSpec *spec, char *text);
extern size_t tariff_print_binary(const TariffSpec *spec, char *data);

/* tariff_pack_core.c: the form on disk */
extern size_t tariff_packed_size(const TariffSpec *spec);
extern void tariff_pack(const TariffSpec *spec, char *packed);
extern TariffStatus tariff_check_packed(const char *packed, size_t length);
extern int tariff_packed_tiers(const char *packed);
extern bool tariff_packed_each(const char *packed);
extern void tariff_unpack(const char *packed, TariffSpec *spec);

/* tariff_rate_core.c: pricing within 128 bits */
typedef enum TariffRating
{
	TARIFF_RATED,
	TARIFF_RATE_WIDE, /* take the unlimited path */
	TARIFF_RATE_BEYOND /* more than the tariff's last tier allows */
} TariffRating;

extern TariffRating tariff_rate(const char *packed, Decimal quantity, Decimal *amount);

#endif /* BILLING_TARIFF_CORE_H */
