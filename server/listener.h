/*
 * listener.h - accepts connections, has them served, and keeps the ticker going.
 */
#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include "options.h"

/* Be the listener until a signal says otherwise.  Returns an exit code. */
int listener_run(const struct options *options);

#endif
