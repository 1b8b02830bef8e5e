/*
 * fuzz_lifecycle_text.c
 *		libFuzzer's way into the reader of lifecycle policies' text.
 */
#include "fuzz_lifecycle.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_lifecycle(lifecycle_read_text, data, size);
}
