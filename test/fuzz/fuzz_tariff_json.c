/*
 * fuzz_tariff_json.c
 *		libFuzzer's way into the reader of tariff json.
 */
#include "fuzz_tariff.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_tariff(tariff_read_json, data, size);
}
