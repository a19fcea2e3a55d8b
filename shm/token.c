#include "token.h"

#include <errno.h>
#include <sys/random.h>

int
token_make(char digits[TOKEN_LENGTH])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char bytes[TOKEN_LENGTH / 2];

	while (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		if (errno != EINTR)
			return -1;
	for (unsigned i = 0; i < sizeof(bytes); i++) {
		digits[2 * i] = hex[bytes[i] >> 4];
		digits[2 * i + 1] = hex[bytes[i] & 15];
	}
	return 0;
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool
token_decode(const char *digits, unsigned char bytes[16])
{
	for (unsigned i = 0; i < 16; i++) {
		int high = digit(digits[2 * i]), low = digit(digits[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}
