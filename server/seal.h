/*
 * seal.h - the reserved members of a client's properties, as a digest.
 *
 * Names with the reserved prefix (--reserved) are the operator's program's to set
 * (--on-connect).  The spawner makes a seal of what the program has printed and
 * tells it to the ticker, which makes one of whatever a child publishes: both are
 * the same if and only if the same reserved members stand there with the same
 * values, in the same order.
 *
 * It is SHA-256 over each name, decoded, and each value as it is written, with a
 * byte behind each that UTF-8 does not have; and all zeros if there is none.  There
 * is no key: no child is on the way from the spawner to the ticker.
 */
#ifndef SERVER_SEAL_H
#define SERVER_SEAL_H

#include "../shm/layout.h"
#include "../shm/span.h"

/* object is a JSON object that has passed scan_check(). */
void seal_make(struct span object, const char *prefix, unsigned char seal[SEAL_LENGTH]);

#endif
