/*
 * listener.h - accepts connections, has them served, and keeps the ticker going.
 */
#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include "inherit.h"
#include "options.h"

/*
 * Be the listener until a signal says otherwise, on the sockets that were given
 * or else on those that the options want.  Returns an exit code.
 */
int listener_run(const struct options *options, const struct inherit *given);

#endif
