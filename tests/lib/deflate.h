/*
 * deflate.h - payloads of compressed messages (RFC 7692, 7.2), made and read.
 *
 * Each is a stream of its own: nobody here keeps a window between messages.
 * What is handed out is to be freed.
 */
#ifndef TESTS_DEFLATE_H
#define TESTS_DEFLATE_H

#include <stddef.h>

/* What a client sends for this text. */
char *deflate_payload(const void *text, size_t length, size_t *size);

/* The text of what the server sent, NUL-terminated; fails the test if it is not one. */
char *inflate_payload(const void *payload, size_t size, size_t *length);

/* A payload of about a thousandth of count MB, which comes to count MB of the letter a. */
char *deflate_bomb(unsigned count, size_t *size);

#endif
