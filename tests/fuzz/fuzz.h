/*
 * fuzz.h - what the fuzz targets share.
 *
 * A target is one file here: it gets bytes from libFuzzer, feeds them to the
 * room that it is named for, and checks with FUZZ_CHECK what has to hold for
 * every input.  Its seeds are in corpus/NAME, its words in NAME.dict.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold does not: libFuzzer keeps the input and shows the stack. */
#define FUZZ_CHECK(condition, ...)                                      \
	do {                                                            \
		if (!(condition)) {                                     \
			fprintf(stderr, "%s:%d: ", __FILE__, __LINE__); \
			fprintf(stderr, __VA_ARGS__);                   \
			fprintf(stderr, " (%s)\n", #condition);         \
			abort();                                        \
		}                                                       \
	} while (0)

/* The input, eaten from the front; what is missing at its end is zero. */
struct input {
	const uint8_t *at;
	size_t left;
};

static inline uint8_t
input_byte(struct input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->at++;
}

static inline uint32_t
input_number(struct input *in, unsigned bytes)
{
	uint32_t number = 0;

	while (bytes-- > 0)
		number = number << 8 | input_byte(in);
	return number;
}

/* Up to max bytes where they lie; *length is how many. */
static inline const uint8_t *
input_bytes(struct input *in, size_t max, size_t *length)
{
	const uint8_t *at = in->at;

	*length = max < in->left ? max : in->left;
	in->at += *length;
	in->left -= *length;
	return at;
}

/* A copy on the heap, exactly as long, so that a read past its end is found. */
static inline char *
input_copy(const void *bytes, size_t length)
{
	char *copy = malloc(length > 0 ? length : 1);

	FUZZ_CHECK(copy != NULL, "no memory");
	for (size_t i = 0; i < length; i++)
		copy[i] = ((const char *)bytes)[i];
	return copy;
}

#endif
