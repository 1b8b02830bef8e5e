/*
 * fuzz_tariff_text.c
 *		libFuzzer's way into the reader of tariff text.
 */
#include "fuzz_tariff.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_tariff(tariff_read_text, data, size);
}
