/*
 * copy.h - a copy of bytes that another process may be writing meanwhile.
 *
 * What comes of it may be torn.  The caller looks after it, behind a
 * fence_acquire(), whether a word of the writer's has moved on, and if so throws
 * the copy away; the writer has a fence_release() between its store of that word
 * and its first store to the bytes.
 */
#ifndef SHM_COPY_H
#define SHM_COPY_H

#include <stddef.h>

void copy_unsure(void *to, const void *from, size_t size);

/* Zero atomic fields that another process may be reading; 8-aligned, and size a multiple of 8. */
void copy_zeros(void *to, size_t size);

#endif
