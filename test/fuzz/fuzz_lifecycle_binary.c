/*
 * fuzz_lifecycle_binary.c
 *		libFuzzer's way into the reader of lifecycle policies' binary.
 */
#include "fuzz_lifecycle.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_lifecycle(lifecycle_read_binary, data, size);
}
