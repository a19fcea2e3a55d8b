/*
 * token.h - a client's token: 128 random bits, as 32 lower-case hex digits.
 */
#ifndef SHM_TOKEN_H
#define SHM_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "layout.h"

/* A new one from the kernel's generator.  0, or -1 and errno. */
int token_make(char digits[TOKEN_LENGTH]);

/* Into 16 bytes; false if these are not TOKEN_LENGTH lower-case hex digits. */
bool token_decode(const char *digits, unsigned char bytes[16]);

#endif
