/*
 * atomic.h - the orders that this program uses, by name.
 *
 * Shared memory is read and written by processes that may be killed between
 * any two instructions, so each access states its order.  Those below are all
 * there are:
 *
 *	load_relaxed	a counter, or a word that the same process wrote
 *	load_acquire	what the writer stored before it is visible after
 *	store_release	what was stored before is visible to who acquires this
 *	fence_full	one total order over everybody's fences; the two sides
 *			of a doorbell and of a pin each need one
 *	fence_release	who sees a store that comes after it (and then has a
 *	fence_acquire	fence_acquire) sees the stores that came before it: the
 *			two sides of text that may be read while it is written
 *
 * A store_release lets later stores overtake it.  Where a word is stored to say
 * that others are about to change, a fence_release has to come between.
 */
#ifndef SHM_ATOMIC_H
#define SHM_ATOMIC_H

#include <stdatomic.h>

#define load_relaxed(p) atomic_load_explicit((p), memory_order_relaxed)
#define load_acquire(p) atomic_load_explicit((p), memory_order_acquire)
#define store_relaxed(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define store_release(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define fence_full() atomic_thread_fence(memory_order_seq_cst)
#define fence_release() atomic_thread_fence(memory_order_release)
#define fence_acquire() atomic_thread_fence(memory_order_acquire)

/* A counter with one writer: no locked instruction is needed to add to it. */
#define count_add(p, n) store_relaxed((p), load_relaxed(p) + (n))

#endif
