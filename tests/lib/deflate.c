#include "deflate.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "check.h"

#define TAIL "\x00\x00\xff\xff"
#define MEGABYTE (1U << 20)

/* A raw stream up to a flush of this kind. */
static char *
compress_text(const void *text, size_t length, int flush, size_t *size)
{
	z_stream z = {0};
	size_t room = length + length / 100 + 256;
	char *out = malloc(room);

	CHECK(
	    out != NULL && deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) == Z_OK,
	    "no memory");
	z.next_in = (unsigned char *)text;
	z.avail_in = (unsigned)length;
	z.next_out = (unsigned char *)out;
	z.avail_out = (unsigned)room;
	CHECK(deflate(&z, flush) == Z_OK && z.avail_in == 0 && z.avail_out > 0, "deflate");
	*size = room - z.avail_out;
	deflateEnd(&z);
	return out;
}

char *
deflate_payload(const void *text, size_t length, size_t *size)
{
	char *out;

	/* Nothing to flush makes no block: the empty one is said in one byte (7.2.3.6). */
	if (length == 0) {
		*size = 1;
		return calloc(1, 1);
	}
	out = compress_text(text, length, Z_SYNC_FLUSH, size);
	CHECK(memcmp(out + *size - 4, TAIL, 4) == 0, "a flush without its tail");
	*size -= 4;
	return out;
}

char *
inflate_payload(const void *payload, size_t size, size_t *length)
{
	z_stream z = {0};
	size_t room = 65536;
	char *out = malloc(room), *in = malloc(size + 4);
	int result;

	CHECK(in != NULL && inflateInit2(&z, -15) == Z_OK, "no memory");
	memcpy(in, payload, size);
	memcpy(in + size, TAIL, 4);
	z.next_in = (unsigned char *)in;
	z.avail_in = (unsigned)size + 4;
	do {
		if (room - z.total_out < 2)
			out = realloc(out, room *= 2);
		CHECK(out != NULL, "no memory");
		z.next_out = (unsigned char *)out + z.total_out;
		z.avail_out = (unsigned)(room - z.total_out - 1);
		result = inflate(&z, Z_BLOCK);
		CHECK(result == Z_OK || result == Z_BUF_ERROR,
		    "a compressed message does not inflate: %s",
		    z.msg != NULL ? z.msg : "a final block");
	} while (z.avail_in > 0);
	CHECK((z.data_type & 128) != 0, "a compressed message ends inside a block");
	*length = z.total_out;
	out[z.total_out] = '\0';
	inflateEnd(&z);
	free(in);
	return out;
}

char *
deflate_bomb(unsigned count, size_t *size)
{
	char *text = malloc(MEGABYTE), *one, *out;
	size_t length;

	CHECK(text != NULL, "no memory");
	memset(text, 'a', MEGABYTE);
	/* Each on its own, so that they can be put one behind the other. */
	one = compress_text(text, MEGABYTE, Z_FULL_FLUSH, &length);
	out = malloc(count * length);
	CHECK(out != NULL, "no memory");
	for (unsigned i = 0; i < count; i++)
		memcpy(out + i * length, one, length);
	*size = count * length - 4;
	free(text);
	free(one);
	return out;
}
