/*
 * guest.h - a client whose connection came with the process: inetd's `nowait`,
 * tcpserver, systemd's Accept=yes.
 *
 * This process is the child of that client.  But there has to be an instance:
 * the first guest starts one (host.h) before anything is read, and all share
 * it, with each other and with the clients of listeners of that --name.  What
 * becomes of that while this process is in its cage is for a second process to see
 * to (guardian.h).
 */
#ifndef SERVER_GUEST_H
#define SERVER_GUEST_H

#include "inherit.h"
#include "options.h"

/* Serve it.  Returns, with an exit code, only if that cannot be begun. */
int guest_run(const struct options *options, const struct inherit *given);

#endif
