/*
 * fuzz_tariff.h
 *		What must hold of every tariff that a reader has accepted.
 */
#ifndef FUZZ_TARIFF_H
#define FUZZ_TARIFF_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tariff_core.h"

typedef TariffStatus (*FuzzReader)(const char *, size_t, TariffSpec *, TariffError *);

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                              \
	do                                                                                \
	{                                                                                 \
		if (!(condition))                                                             \
		{                                                                             \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                  \
		}                                                                             \
	} while (0)

/* fuzz_read reads into fresh tiers, which the caller frees. */
static TariffStatus
fuzz_read(FuzzReader reader, const char *data, size_t size, TariffSpec *spec)
{
	TariffError error = {0};
	TariffStatus status;

	tariff_spec_init(spec, malloc(TARIFF_MAX_TIERS * sizeof(TariffTier)), TARIFF_MAX_TIERS);
	status = reader(data, size, spec, &error);
	if (status != TARIFF_OK)
	{
		CHECK(error.detail[0] != '\0' && memchr(error.detail, '\0', sizeof(error.detail)) != NULL);
		CHECK(memchr(error.hint, '\0', sizeof(error.hint)) != NULL);
		CHECK(memchr(error.path, '\0', sizeof(error.path)) != NULL);
		CHECK(error.at >= -1 && error.at <= (int) size);
	}
	return status;
}

/* fuzz_pack packs into memory of just the right size, which the caller frees. */
static char *
fuzz_pack(const TariffSpec *spec)
{
	char *packed = malloc(tariff_packed_size(spec));

	tariff_pack(spec, packed);
	CHECK(tariff_check_packed(packed, tariff_packed_size(spec)) == TARIFF_OK);
	return packed;
}

/* fuzz_reread reads what was printed and compares the packed form. */
static void
fuzz_reread(FuzzReader reader, const char *printed, size_t size, const char *packed,
			size_t packed_size)
{
	TariffSpec again;
	char *packed_again;

	CHECK(fuzz_read(reader, printed, size, &again) == TARIFF_OK);
	CHECK(tariff_packed_size(&again) == packed_size);
	packed_again = fuzz_pack(&again);
	CHECK(memcmp(packed, packed_again, packed_size) == 0);
	free(packed_again);
	free(again.tiers);
}

/*
 * fuzz_limits checks an amount against minimum, maximum and digits; a quantity
 * that is free may cost nothing.
 */
static void
fuzz_limits(const TariffSpec *spec, Decimal amount)
{
	if (spec->digits != TARIFF_NO_DIGITS)
	{
		CHECK(decimal_trim(amount).scale <= spec->digits);
		return;
	}
	if (amount.value != 0)
		CHECK(decimal_compare(amount, spec->min) >= 0);
	if (spec->max.value != 0)
		CHECK(decimal_compare(amount, spec->max) <= 0);
}

/*
 * fuzz_rate prices around the bounds: no amount is negative, and with a
 * graduated tariff more never costs less.
 */
static void
fuzz_rate(const TariffSpec *spec, const char *packed)
{
	Decimal before = {0, 0};

	for (int i = 0; i < spec->tier_count && spec->tiers[i].has_bound; i++)
	{
		Decimal quantities[] = {spec->tiers[i].bound, spec->tiers[i].bound};

		quantities[1].value++;
		for (int j = 0; j < 2; j++)
		{
			Decimal amount;
			TariffRating rating = tariff_rate(packed, quantities[j], &amount);

			/* the unit added may pass the last bound as well, and so may a block that comes first */
			if (rating == TARIFF_RATE_BEYOND)
				CHECK(j == 1 || (spec->block_first && !spec->block_down));
			if (rating != TARIFF_RATED)
				continue;
			CHECK(amount.value >= 0);
			fuzz_limits(spec, amount);
			/* the unit added to a bound may pass the next one */
			if (spec->model == TARIFF_GRADUATED && j == 0)
			{
				CHECK(decimal_compare(amount, before) >= 0);
				before = amount;
			}
		}
	}
}

/*
 * fuzz_tariff reads with one reader; what it accepts must come out of every
 * printer and go into every reader again, with the same bytes.
 */
static int
fuzz_tariff(FuzzReader reader, const uint8_t *data, size_t size)
{
	TariffSpec spec;
	TariffSpec unpacked;
	char *copy = malloc(size + 1);
	char *packed;
	char *text;
	char *text_again;
	char *json;
	char *binary;
	size_t length;

	/* memory that ends where the input ends, so that reading on is seen */
	memcpy(copy, data, size);
	copy = realloc(copy, size > 0 ? size : 1);
	if (fuzz_read(reader, copy, size, &spec) != TARIFF_OK)
	{
		free(spec.tiers);
		free(copy);
		return 0;
	}
	packed = fuzz_pack(&spec);
	text = malloc(tariff_text_size(&spec));
	length = tariff_print_text(&spec, text);
	CHECK(length < tariff_text_size(&spec));
	fuzz_reread(tariff_read_text, text, length, packed, tariff_packed_size(&spec));

	tariff_spec_init(&unpacked, malloc(spec.tier_count * sizeof(TariffTier)), spec.tier_count);
	tariff_unpack(packed, &unpacked);
	text_again = malloc(tariff_text_size(&unpacked));
	CHECK(tariff_print_text(&unpacked, text_again) == length && strcmp(text, text_again) == 0);

	json = malloc(tariff_json_size(&unpacked));
	length = tariff_print_json(&unpacked, json);
	CHECK(length < tariff_json_size(&unpacked));
	fuzz_reread(tariff_read_json, json, length, packed, tariff_packed_size(&spec));

	binary = malloc(tariff_binary_size(&unpacked));
	length = tariff_print_binary(&unpacked, binary);
	CHECK(length == tariff_binary_size(&unpacked));
	fuzz_reread(tariff_read_binary, binary, length, packed, tariff_packed_size(&spec));
	if (reader == tariff_read_binary)
		CHECK(length == size && memcmp(binary, data, size) == 0);

	fuzz_rate(&spec, packed);
	free(binary);
	free(json);
	free(text_again);
	free(unpacked.tiers);
	free(text);
	free(packed);
	free(spec.tiers);
	free(copy);
	return 0;
}

#endif /* FUZZ_TARIFF_H */
