/*
 * lifecycle_pack_core.c
 *		The binary form of a lifecycle policy, as COPY BINARY sends it, and its
 *		packed form, which is what is on disk.
 *
 * The binary form is a version of 32 bits in network byte order, then the
 * canonical text, and no other: two sessions can't send different bytes for one
 * policy.  It is text because names are, and a client may have another encoding
 * than the server.
 *
 * The packed form is a row of bytes that may start at any address, because a
 * short varlena is not aligned: it is read with memcpy alone.  Numbers are in
 * the machine's own order.
 *
 *		 0	format	32 bits: version and flags (below)
 *		 4	steps	16 bits: how many there are, n
 *		 6	zeros	16 bits
 *		 8	heads	n times {action 8, direction 8, unit 8, name length 8, count 16, minute 16}
 *			names	back to back
 *
 * where minute is 65535 for none, and unit and count are 0 with "immediately".
 * Equal policies have equal bytes, and `=` is a comparison of bytes.
 *
 * Format bits are append-only.  A bit that is not in KNOWN_BITS changes the
 * meaning of the rest, so it is refused, never ignored.
 */
#include "lifecycle_core.h"

#include <string.h>

#define VERSION 0x00000001
#define VERSION_MASK 0x000000FF
#define RESUME_AUTO 0x00000100
#define JUMP 0x00000200
#define KNOWN_BITS (VERSION_MASK | RESUME_AUTO | JUMP)

#define HEAD_SIZE 8
#define STEP_SIZE 8
#define NO_TIME 0xFFFF
#define DAY_MINUTES 1440

/* PackedStep: the head of a step, just as it is on disk. */
typedef struct PackedStep
{
	uint8_t action;
	uint8_t direction;
	uint8_t unit;
	uint8_t name_length;
	uint16_t count;
	uint16_t minute;
} PackedStep;

/* get_step copies the head of a packed step. */
static inline PackedStep
get_step(const char *packed, int i)
{
	PackedStep step;

	memcpy(&step, packed + HEAD_SIZE + (size_t) i * STEP_SIZE, sizeof(step));
	return step;
}

/* lifecycle_packed_size gives the size of the packed form. */
size_t
lifecycle_packed_size(const LifecyclePolicy *policy)
{
	size_t size = HEAD_SIZE + (size_t) policy->step_count * STEP_SIZE;

	for (int i = 0; i < policy->step_count; i++)
		size += (size_t) policy->steps[i].name_length;
	return size;
}

/* lifecycle_pack writes lifecycle_packed_size() bytes. */
void
lifecycle_pack(const LifecyclePolicy *policy, char *packed)
{
	uint32_t format =
		VERSION | (policy->resume_auto ? RESUME_AUTO : 0u) | (policy->jump ? JUMP : 0u);
	uint16_t counts[2] = {(uint16_t) policy->step_count, 0};
	char *name = packed + HEAD_SIZE + (size_t) policy->step_count * STEP_SIZE;

	memcpy(packed, &format, sizeof(format));
	memcpy(packed + sizeof(format), counts, sizeof(counts));
	for (int i = 0; i < policy->step_count; i++)
	{
		const LifecycleStep *step = &policy->steps[i];
		PackedStep head = {(uint8_t) step->action,
						   (uint8_t) step->direction,
						   (uint8_t) step->unit,
						   (uint8_t) step->name_length,
						   (uint16_t) step->count,
						   step->minute == LIFECYCLE_NO_TIME ? NO_TIME : (uint16_t) step->minute};

		memcpy(packed + HEAD_SIZE + (size_t) i * STEP_SIZE, &head, sizeof(head));
		memcpy(name, step->name, (size_t) step->name_length);
		name += step->name_length;
	}
}

/* check_step tells whether the head of a packed step can have been written by lifecycle_pack(). */
static bool
check_step(PackedStep step)
{
	bool immediately = step.direction == LIFECYCLE_IMMEDIATELY;

	return step.action < LIFECYCLE_ACTIONS && step.direction < LIFECYCLE_DIRECTIONS &&
		   step.unit < LIFECYCLE_UNITS && step.name_length <= LIFECYCLE_MAX_NAME &&
		   step.count <= LIFECYCLE_MAX_COUNT && (step.count == 0) == immediately &&
		   (step.minute == NO_TIME ||
			(step.minute < DAY_MINUTES && step.direction == LIFECYCLE_AFTER));
}

/*
 * lifecycle_check_packed tells whether bytes may be unpacked: damage on disk
 * must not become a read outside of them.
 */
TariffStatus
lifecycle_check_packed(const char *packed, size_t length)
{
	uint32_t format;
	uint16_t counts[2];
	size_t size;

	if (length < HEAD_SIZE)
		return TARIFF_MALFORMED;
	memcpy(&format, packed, sizeof(format));
	memcpy(counts, packed + sizeof(format), sizeof(counts));
	if ((format & VERSION_MASK) != VERSION || (format & ~(uint32_t) KNOWN_BITS) != 0)
		return TARIFF_UNKNOWN_FORMAT;
	size = HEAD_SIZE + (size_t) counts[0] * STEP_SIZE;
	if (counts[0] < 1 || counts[0] > LIFECYCLE_MAX_STEPS || counts[1] != 0 || length < size)
		return TARIFF_MALFORMED;
	for (int i = 0; i < counts[0]; i++)
	{
		PackedStep step = get_step(packed, i);

		if (!check_step(step))
			return TARIFF_MALFORMED;
		size += step.name_length;
	}
	return size == length ? TARIFF_OK : TARIFF_MALFORMED;
}

/* lifecycle_unpack reads what lifecycle_check_packed() has found well. */
void
lifecycle_unpack(const char *packed, LifecyclePolicy *policy)
{
	uint32_t format;
	uint16_t steps;
	const char *name;

	memcpy(&format, packed, sizeof(format));
	memcpy(&steps, packed + sizeof(format), sizeof(steps));
	lifecycle_init(policy);
	policy->resume_auto = (format & RESUME_AUTO) != 0;
	policy->jump = (format & JUMP) != 0;
	name = packed + HEAD_SIZE + (size_t) steps * STEP_SIZE;
	for (int i = 0; i < steps; i++)
	{
		PackedStep head = get_step(packed, i);
		LifecycleStep *step = lifecycle_add_step(policy);

		step->action = (LifecycleAction) head.action;
		step->direction = (LifecycleDirection) head.direction;
		step->unit = (LifecycleUnit) head.unit;
		step->count = head.count;
		if (head.minute != NO_TIME)
			step->minute = head.minute;
		step->name_length = head.name_length;
		memcpy(step->name, name, head.name_length);
		name += head.name_length;
	}
}

/*
 * lifecycle_print_binary writes the binary form, and a NUL, into
 * LIFECYCLE_WIRE_HEAD + lifecycle_text_size() bytes; it returns the length
 * without the NUL.
 */
size_t
lifecycle_print_binary(const LifecyclePolicy *policy, char *data)
{
	static const char head[LIFECYCLE_WIRE_HEAD] = {0, 0, 0, VERSION};

	memcpy(data, head, sizeof(head));
	return sizeof(head) + lifecycle_print_text(policy, data + sizeof(head));
}

/* lifecycle_read_binary reads what lifecycle_print_binary() has written, and nothing else. */
TariffStatus
lifecycle_read_binary(const char *data, size_t length, LifecyclePolicy *policy, TariffError *error)
{
	const unsigned char *head = (const unsigned char *) data;
	const char *text = data + LIFECYCLE_WIRE_HEAD;
	uint32_t version = 0;
	char again[LIFECYCLE_TEXT_SIZE(LIFECYCLE_MAX_STEPS)];
	TariffStatus status;

	if (length < LIFECYCLE_WIRE_HEAD)
		return tariff_fail(error, TARIFF_MALFORMED, -1, "they end too early.");
	for (int i = 0; i < LIFECYCLE_WIRE_HEAD; i++)
		version = version << 8 | head[i];
	if (version != VERSION)
		return tariff_fail(error, TARIFF_UNKNOWN_FORMAT, -1,
						   "the format is %08X, and this version knows %08X.", version, VERSION);
	length -= LIFECYCLE_WIRE_HEAD;
	status = lifecycle_read_text(text, length, policy, error);
	if (status != TARIFF_OK)
		return status;
	if (lifecycle_print_text(policy, again) != length || memcmp(again, text, length) != 0)
		return tariff_fail(error, TARIFF_MALFORMED, -1, "no policy is sent with these bytes.");
	return TARIFF_OK;
}
