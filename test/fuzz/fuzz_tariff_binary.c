/*
 * fuzz_tariff_binary.c
 *		libFuzzer's way into the reader of tariff binary.
 */
#include "fuzz_tariff.h"

/*
 * check_short_way makes sure that what goes the short way is taken by the long
 * one too, and packs to the same bytes.
 */
static void
check_short_way(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1);
	size_t plain;

	memcpy(copy, data, size);
	copy = realloc(copy, size > 0 ? size : 1);
	plain = tariff_receive_size(copy, size);
	if (plain > 0)
	{
		char *packed = malloc(plain);

		if (tariff_receive(copy, packed))
			fuzz_reread(tariff_read_binary, copy, size, packed, plain);
		free(packed);
	}
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_short_way(data, size);
	return fuzz_tariff(tariff_read_binary, data, size);
}
