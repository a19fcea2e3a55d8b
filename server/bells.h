/*
 * bells.h - who is woken, when something was published for them.
 *
 * Rings are collected while mail is carried and given all at once: one fence,
 * and a system call only for those who sleep (mail.h).
 */
#ifndef SERVER_BELLS_H
#define SERVER_BELLS_H

#include "books.h"

/* Something was published for this client, or for all. */
void bells_touch(struct ticker *t, uint32_t slot);
void bells_touch_all(struct ticker *t);

/* Is there anybody to be rung? */
bool bells_pending(const struct ticker *t);

/* Ring whoever was touched and sleeps. */
void bells_flush(struct ticker *t);

/* Ring one at once; what is to be seen was published before (with its fence). */
void bells_ring(struct ticker *t, uint32_t slot);

#endif
