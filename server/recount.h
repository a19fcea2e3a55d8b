/*
 * recount.h - who is served, for a listener that does not remember.
 *
 * The binary that takes over (upgrade.h) has its process's children, but has
 * forgotten whom they serve.  The kernel knows the children, and the directory
 * whom they serve.
 */
#ifndef SERVER_RECOUNT_H
#define SERVER_RECOUNT_H

#include "admission.h"

/*
 * Enter all children of this process that have a slot.  Those of a moment ago
 * that have none yet are not counted, and not missed when they end.
 */
void recount_children(struct admission *a, const struct trust *trust, const struct header *h);

#endif
