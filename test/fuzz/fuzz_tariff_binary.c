/*
 * fuzz_tariff_binary.c
 *		libFuzzer's way into the reader of tariff binary.
 */
#include "fuzz_tariff.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_tariff(tariff_read_binary, data, size);
}
