/*
 * register.h - what is said on the ticker's socket.
 *
 * The ticker listens on a Unix socket of type SOCK_SEQPACKET in the abstract
 * namespace (unix(7)): @rosterd/NAME/DOOR, DOOR being a number that stands in
 * the header of the segment.  So a segment that was left to its clients and
 * the next one of that name do not get in each other's way.  Each message is
 * one of the structs below, whole; anything else is garbage and closes the
 * connection.  The kernel vouches for the sender (SO_PEERCRED): only processes
 * of the same user and root are heard.
 *
 * A child's connection is its life line: it closes when the child dies,
 * however it dies, and that is how the ticker knows.  If the ticker dies, the
 * child sees it close, connects again and says RETURN.
 *
 * Descriptors travel with SCM_RIGHTS, and only from the ticker: WELCOME carries
 * its own doorbell and one for the child (eventfds), READY its own doorbell, the
 * listening socket and the segment, so that the listener can hand them to the
 * next ticker.
 * From children the ticker takes none: it would have to write to it, and a
 * descriptor may be of a kind where writing blocks for ever.  (And those that
 * are on their way count against RLIMIT_NOFILE of who sends them, for all
 * processes of a user together; children have little of that.)
 *
 * A listener may be of a newer build than the ticker (handover.h): numbers of
 * kinds stay, and new ones are added at the end.
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
	REGISTER_DRAIN,   /* from the listener: send all clients away over `slot` ms, and end */
	REGISTER_WELCOME, /* from the ticker: slot, generation, token */
	REGISTER_FULL,    /* from the ticker: no slot is free */
	REGISTER_REFUSED, /* from the ticker: draining, or not one of ours */
	REGISTER_READY,   /* from the ticker to the listener: serve */
	REGISTER_GUEST,   /* CHILD from one that no listener forked (guest.h) */
	REGISTER_LEAVE,   /* from a listener: it goes; end if nobody is left */
	REGISTER_YIELD,   /* from a listener: end, another ticker takes over */
	REGISTER_RETIRE,  /* from a listener: it serves another segment from now on */
	REGISTER_KICK,    /* from rosterd-dump: have the client of that token closed */
	REGISTER_KILL,    /* from rosterd-dump: kill its process */
	REGISTER_DONE, /* from the ticker to rosterd-dump; REFUSED: there is no such client */
	REGISTER_RING, /* from the ticker: wake up (bells.h) */
	/*
	 * From a child of a trusted proxy: `peer` is the client's address, `slot` the pid of
	 * the listener that has forked it.  The ticker hands that on to this listener with
	 * slot and generation; PASS or DENY with these come back, and go on to the child.
	 */
	REGISTER_TOLD,
	REGISTER_PASS, /* go on */
	REGISTER_DENY, /* too many from there: to come again after retry_s */
	/*
	 * From the spawner: the client of slot and generation may come in.  `seal` is that of
	 * the reserved properties that it has, `peer` the prefix of their names.  The answer
	 * is DONE, when it stands in the directory, or REFUSED.
	 */
	REGISTER_PERMIT,
};

struct register_message {
	uint32_t kind;
	uint32_t slot;
	union {
		uint64_t segment; /* header.id of the segment that it is about */
		uint64_t retry_s; /* DENY: seconds */
	};
	uint64_t generation;
	union {
		char token[TOKEN_LENGTH];
		unsigned char seal[SEAL_LENGTH]; /* PERMIT */
	};
	char peer[PEER_LENGTH]; /* CHILD: the client's address, NUL-terminated */
};

#define REGISTER_FDS_MAX 3

/* The address of an instance's socket; the return is its length. */
socklen_t register_address(struct sockaddr_un *address, const char *name, uint64_t door);

/*
 * Connect to that, or to another of its kind, without waiting (EAGAIN: the queue is
 * full).  The descriptor, which does not block, or -1 and errno.
 */
int register_connect(const struct sockaddr_un *address, socklen_t length);

/*
 * Send a message with count descriptors (at most REGISTER_FDS_MAX), without blocking unless
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
