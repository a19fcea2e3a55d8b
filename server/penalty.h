/*
 * penalty.h - what an address owes for the ends that its children came to.
 *
 *	the child crashed				90 s
 *	the handshake was begun and never finished	10 s
 *	not one byte came in the time for it		 2 s
 *	TLS was not agreed on				 2 s
 *
 * A handshake of TLS that is begun and left is one that is unfinished; after one
 * that was done, no byte has come before the request's first.
 *
 * A debt is paid by waiting.  Over PENALTY_PATIENCE_MS an address is shut out
 * until it is paid.  Browsers open connections that they then do not use, and
 * many people may share an address, so every client that is being served at an
 * address makes us that much more patient with it: one who misbehaves behind a
 * proxy shuts out nobody else.
 */
#ifndef SERVER_PENALTY_H
#define SERVER_PENALTY_H

#include <stdbool.h>
#include <stdint.h>

#define PENALTY_CRASH_MS 90000U
#define PENALTY_UNFINISHED_MS 10000U
#define PENALTY_SILENT_MS 2000U
#define PENALTY_PATIENCE_MS 15000U
#define PENALTY_MOST_MS 600000U /* nobody is shut out for longer */

struct penalty {
	uint64_t
	    free_ms; /* on clock_ms(): when all is paid; the debt is what is left until then */
	bool shut;   /* shut out until then */
};

/* ms that are still owed. */
uint32_t penalty_debt(const struct penalty *p, uint64_t now_ms);

void penalty_add(struct penalty *p, uint32_t ms, uint64_t now_ms);

/*
 * For how many ms is an address shut out at which so many clients are being
 * served?  0: it is not.
 */
uint32_t penalty_wait(struct penalty *p, uint32_t served, uint64_t now_ms);

#endif
