/*
 * fuzz_lifecycle.h
 *		What must hold of every lifecycle policy that a reader has accepted.
 */
#ifndef FUZZ_LIFECYCLE_H
#define FUZZ_LIFECYCLE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lifecycle_core.h"

typedef TariffStatus (*FuzzReader)(const char *, size_t, LifecyclePolicy *, TariffError *);

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

/* fuzz_read reads from memory that ends where the input ends, so that reading on is seen. */
static TariffStatus
fuzz_read(FuzzReader reader, const char *data, size_t size, LifecyclePolicy *policy)
{
	TariffError error;
	TariffStatus status;
	char *copy = malloc(size > 0 ? size : 1);

	memset(&error, 0, sizeof(error));
	/* what was there before must not show */
	memset(policy, 0xA5, sizeof(*policy));
	memcpy(copy, data, size);
	status = reader(copy, size, policy, &error);
	free(copy);
	if (status != TARIFF_OK)
	{
		CHECK(error.detail[0] != '\0' && memchr(error.detail, '\0', sizeof(error.detail)) != NULL);
		CHECK(memchr(error.hint, '\0', sizeof(error.hint)) != NULL);
		CHECK(memchr(error.path, '\0', sizeof(error.path)) != NULL);
		CHECK(error.at >= -1 && error.at <= (int) size);
		if (reader == lifecycle_read_text)
			CHECK(error.at >= 0);
		if (reader == lifecycle_read_json)
			CHECK(error.path[0] == '$');
	}
	return status;
}

/* fuzz_pack packs into memory of just the right size, which the caller frees. */
static char *
fuzz_pack(const LifecyclePolicy *policy)
{
	size_t size = lifecycle_packed_size(policy);
	char *packed = malloc(size);

	lifecycle_pack(policy, packed);
	CHECK(lifecycle_check_packed(packed, size) == TARIFF_OK);
	CHECK(lifecycle_check_packed(packed, size - 1) != TARIFF_OK);
	return packed;
}

/* fuzz_reread reads what was printed and compares the packed form. */
static void
fuzz_reread(FuzzReader reader, const char *printed, size_t size, const char *packed,
			size_t packed_size)
{
	LifecyclePolicy again;
	char *packed_again;

	CHECK(fuzz_read(reader, printed, size, &again) == TARIFF_OK);
	CHECK(lifecycle_packed_size(&again) == packed_size);
	packed_again = fuzz_pack(&again);
	CHECK(memcmp(packed, packed_again, packed_size) == 0);
	free(packed_again);
}

/* fuzz_next walks the chain: it ends, and leans only on what has been applied or is a delay. */
static void
fuzz_next(const LifecyclePolicy *policy)
{
	bool from_anchor = true;

	for (int applied = 0; applied < policy->step_count; applied++)
	{
		const LifecycleStep *step = &policy->steps[applied];
		LifecycleNext next;

		CHECK(lifecycle_next(policy, applied, &next));
		CHECK(next.step == applied);
		CHECK(step->direction == LIFECYCLE_BEFORE ? next.from_anchor
												  : next.from_anchor == from_anchor);
		if (next.forward >= 0)
			CHECK(policy->steps[next.forward].direction == LIFECYCLE_AFTER);
		if (next.back >= 0)
			CHECK(next.back == applied && step->count > 0);
		if (step->action == LIFECYCLE_RELEASE)
			CHECK(applied == policy->step_count - 1 && next.back < 0);
		if (step->direction == LIFECYCLE_AFTER || step->direction == LIFECYCLE_IMMEDIATELY)
			from_anchor = false;
	}
	CHECK(!lifecycle_next(policy, policy->step_count, &(LifecycleNext){0, false, 0, 0}));
}

/* fuzz_printers prints in every form, and reads each again. */
static void
fuzz_printers(const LifecyclePolicy *policy, const char *packed)
{
	size_t packed_size = lifecycle_packed_size(policy);
	size_t room = LIFECYCLE_WIRE_HEAD + lifecycle_text_size(policy);
	char *text = malloc(room);
	char *json = malloc(lifecycle_json_size(policy));
	size_t length = lifecycle_print_text(policy, text);

	CHECK(length < lifecycle_text_size(policy) && text[length] == '\0');
	fuzz_reread(lifecycle_read_text, text, length, packed, packed_size);
	length = lifecycle_print_binary(policy, text);
	CHECK(length < room);
	fuzz_reread(lifecycle_read_binary, text, length, packed, packed_size);
	length = lifecycle_print_json(policy, json);
	CHECK(length < lifecycle_json_size(policy) && json[length] == '\0');
	fuzz_reread(lifecycle_read_json, json, length, packed, packed_size);
	free(json);
	free(text);
}

/*
 * fuzz_packed takes the input for bytes from disk: whatever is found well can
 * be unpacked and packed again, with the same bytes.
 */
static void
fuzz_packed(const char *data, size_t size)
{
	LifecyclePolicy policy;
	char *copy = malloc(size > 0 ? size : 1);

	memcpy(copy, data, size);
	if (lifecycle_check_packed(copy, size) == TARIFF_OK)
	{
		char *packed;

		lifecycle_unpack(copy, &policy);
		CHECK(lifecycle_packed_size(&policy) == size);
		packed = malloc(size);
		lifecycle_pack(&policy, packed);
		CHECK(memcmp(packed, copy, size) == 0);
		free(packed);
	}
	free(copy);
}

/*
 * fuzz_lifecycle reads with one reader; what it accepts must come out of every
 * printer and go into every reader again, with the same bytes.
 */
static int
fuzz_lifecycle(FuzzReader reader, const uint8_t *data, size_t size)
{
	LifecyclePolicy policy;
	LifecyclePolicy unpacked;
	char *packed;

	fuzz_packed((const char *) data, size);
	if (fuzz_read(reader, (const char *) data, size, &policy) != TARIFF_OK)
		return 0;
	packed = fuzz_pack(&policy);
	fuzz_printers(&policy, packed);
	lifecycle_unpack(packed, &unpacked);
	fuzz_printers(&unpacked, packed);
	if (reader == lifecycle_read_binary)
	{
		char *binary = malloc(LIFECYCLE_WIRE_HEAD + lifecycle_text_size(&policy));

		CHECK(lifecycle_print_binary(&policy, binary) == size && memcmp(binary, data, size) == 0);
		free(binary);
	}
	fuzz_next(&policy);
	free(packed);
	return 0;
}

#endif /* FUZZ_LIFECYCLE_H */
