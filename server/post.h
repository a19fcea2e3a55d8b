/*
 * post.h - mail: from the outbox of one client into the inboxes of others and
 * into the log that all follow.
 *
 * A text from an outbox is copied to private memory, checked to be one packet
 * with exactly the members that it should have, headed with its sender's token,
 * and then delivered.  Receivers that are not connected are skipped and
 * counted.  Where there is no room, the record stays where it is, and with it
 * what its sender posted after it; a receiver that makes others wait for a
 * second is killed (watch.c).
 */
#ifndef SERVER_POST_H
#define SERVER_POST_H

#include "books.h"

/* 0, or -1 and errno. */
int post_make(struct ticker *t);

/* Deliver what lies in this outbox, as far as there is room; one ring full at most. */
void post_drain(struct ticker *t, uint32_t slot);

/*
 * Look at all outboxes that are marked, and deliver some of each, until until_us
 * (clock_us()); what is left stays marked.  False if none was marked.
 */
bool post_scan(struct ticker *t, uint64_t until_us);

/* Look at those that wait for room. */
void post_retry(struct ticker *t);

/*
 * Mark whoever has something in its outbox: the net under lost marks.  False if
 * nobody has.
 */
bool post_mark_all(struct ticker *t);

/*
 * Of the record that a ticker before this one was at: has the target got it that
 * the journal of this slot names?  To be called for every slot before anything is
 * delivered: the answer is whether the target's head has moved on.
 */
void post_settle(struct ticker *t, uint32_t slot);

#endif
