/*
 * register.h - what is said on the ticker's socket.
 *
 * The ticker listens on a Unix socket of type SOCK_SEQPACKET in the abstract
 * namespace (unix(7)): @rosterd/UID/NAME, UID being the one that the instance
 * runs as.  Each message is one of the structs below, whole; anything else is
 * garbage and closes the connection.  The kernel vouches for the sender
 * (SO_PEERCRED): only processes of the same user and root are heard.
 *
 * A child's connection is its life line: it closes when the child dies,
 * however it dies, and that is how the ticker knows.  If the ticker dies, the
 * child sees it close, connects again and says RETURN.
 *
 * Descriptors travel with SCM_RIGHTS, and only from the ticker: WELCOME carries
 * its own doorbell and one for the child (eventfds), READY the listening socket
 * and its own doorbell, so that the listener can hand both to the next ticker.
 * From children the ticker takes none: it would have to write to it, and a
 * descriptor may be of a kind where writing blocks for ever.  (And those that
 * are on their way count against RLIMIT_NOFILE of who sends them, for all
 * processes of a user together; children have little of that.)
 */
#ifndef SHM_REGISTER_H
#define SHM_REGISTER_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "layout.h"

enum register_kind {
	REGISTER_CHILD = 0x526f0001, /* a child wants a slot */
	REGISTER_RETURN,             /* a child shows the slot that it has */
	REGISTER_OPEN,               /* its handshake is done */
	REGISTER_CLOSE,              /* its client is leaving; last words are on their way */
	REGISTER_LISTENER,           /* a listener wants to know the ticker */
	REGISTER_DRAIN,              /* from the listener: send all clients away and end */
	REGISTER_WELCOME,            /* from the ticker: slot, generation, token */
	REGISTER_FULL,               /* from the ticker: no slot is free */
	REGISTER_REFUSED,            /* from the ticker: draining, or not one of ours */
	REGISTER_READY,              /* from the ticker to the listener: serve */
};

struct register_message {
	uint32_t kind;
	uint32_t slot;
	uint64_t segment; /* header.id of the segment that it is about */
	uint64_t generation;
	char token[TOKEN_LENGTH];
	char peer[PEER_LENGTH]; /* CHILD: the client's address, NUL-terminated */
};

/* The address of an instance's socket; the return is its length. */
socklen_t register_address(struct sockaddr_un *address, uid_t uid, const char *name);

/*
 * Send a message with count descriptors (at most 2), without blocking unless
 * the socket does.  0, or -1 and errno.
 */
int register_send(int fd, const struct register_message *m, const int *fds, int count);

/*
 * Receive one with up to count descriptors; *got is how many came (the caller
 * closes them).  1: a message.  0: the other side is gone.  -1: errno; EPROTO
 * if it was not a message of ours.
 */
int register_receive(int fd, struct register_message *m, int *fds, int count, int *got);

#endif
