#include "utf8.h"

/*
 * The state between pieces: bytes still to come in the low byte, and the
 * bounds of the next one (low, high) above it; zero between characters.
 */
size_t
utf8_check(uint32_t *state, const char *text, size_t length)
{
	const unsigned char *p = (const unsigned char *)text;
	uint32_t left = *state & 0xff;
	uint32_t low = *state >> 8 & 0xff, high = *state >> 16 & 0xff;
	size_t i;

	for (i = 0; i < length; i++) {
		unsigned c = p[i];

		if (left > 0) {
			if (c < low || c > high)
				return i;
			left--;
			low = 0x80;
			high = 0xbf;
			continue;
		}
		if (c < 0x80)
			continue;
		low = 0x80;
		high = 0xbf;
		if (c >= 0xc2 && c <= 0xdf)
			left = 1;
		else if (c >= 0xe0 && c <= 0xef)
			left = 2;
		else if (c >= 0xf0 && c <= 0xf4)
			left = 3;
		else
			return i;
		if (c == 0xe0)
			low = 0xa0;
		else if (c == 0xed)
			high = 0x9f;
		else if (c == 0xf0)
			low = 0x90;
		else if (c == 0xf4)
			high = 0x8f;
	}
	*state = left > 0 ? left | low << 8 | high << 16 : 0;
	return length;
}

size_t
utf8_whole(const char *text, size_t length)
{
	uint32_t state = 0;
	size_t last = length;

	while (last > 0 && (text[last - 1] & 0xc0) == 0x80)
		last--;
	if (last > 0)
		last--; /* the first byte of the last character */
	utf8_check(&state, text + last, length - last);
	return state == 0 ? length : last;
}

size_t
utf8_column(const char *text, size_t offset)
{
	size_t column = 1;

	for (size_t i = 0; i < offset; i++)
		column += (text[i] & 0xc0) != 0x80;
	return column;
}
