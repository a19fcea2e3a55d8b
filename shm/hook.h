/*
 * hook.h - what is said on the spawner's socket.
 *
 * The spawner (server/spawner.h) runs the operator's programs, which no caged
 * process can.  It listens on a Unix socket of type SOCK_SEQPACKET in the
 * abstract namespace, @rosterd/NAME/DOOR/hooks, beside the ticker's
 * (register.h).  Each message is the struct below, and text behind it.
 *
 *	ASK	from a child, once: may my client come in?  The text is its path,
 *		its query and then name and value of headers, each with a NUL
 *	ANSWER	to that: a verdict, with initial properties or a reason as text;
 *		that somebody is admitted the ticker knows by then (permits.h)
 *	TICKER	from the ticker, first of all: it has ends to tell
 *	CLOSED	from the ticker: a client has left; its properties are the text
 *	TAKEN	to that: it is in the queue.  Until then the ticker keeps it, and
 *		tells it again on the next line (server/tell.h)
 *	SHARE	from a listener that wants to start a spawner, too; not from a cage
 *	SOCKET	to that: with the listening socket (SCM_RIGHTS)
 *
 * The kernel vouches for the sender (SO_PEERCRED), and who a child's client is
 * stands in the directory, which the ticker writes: a child can ask for itself
 * only, says what its client wrote, and nothing else of it is believed.  Nor is it
 * believed what it was answered: the verdict does not go through its hands.
 */
#ifndef SHM_HOOK_H
#define SHM_HOOK_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "layout.h"

enum hook_kind {
	HOOK_ASK = 0x526f4801,
	HOOK_ANSWER,
	HOOK_CLOSED,
	HOOK_SHARE,
	HOOK_SOCKET,
	HOOK_TICKER,
	HOOK_TAKEN,
};

enum hook_verdict {
	HOOK_ADMITTED,     /* the text is a JSON object, or empty */
	HOOK_FORBIDDEN,    /* 403; a reason */
	HOOK_UNAUTHORIZED, /* 401; the challenge, a NUL, a reason */
	HOOK_BUSY,         /* 503: too many wait; no text */
	HOOK_FAULT,        /* 503: the program failed; no text */
};

struct hook_message {
	uint32_t kind;
	uint32_t slot;
	uint64_t segment; /* header.id */
	uint64_t generation;
	uint32_t verdict;         /* ANSWER: enum hook_verdict */
	uint32_t code;            /* CLOSED: of the close frame, or 1006 */
	uint64_t ms;              /* CLOSED: that the client was there */
	char token[TOKEN_LENGTH]; /* CLOSED */
	char peer[PEER_LENGTH];   /* CLOSED: the client's address; ASK: ours */
};

/* Bytes of text at most. */
#define HOOK_ASK_MAX (16U << 10)
#define HOOK_ANSWER_MAX (16U << 10)
#define HOOK_CLOSED_MAX (64U << 10)

#define HOOK_REASON_MAX 160    /* bytes, with a NUL */
#define HOOK_CHALLENGE_MAX 160 /* bytes, with a NUL */

/* How long a question may wait for its turn; its hook has --hook-timeout from then on. */
#define HOOK_QUEUE_MS 30000U

/* The address of the socket of an instance's spawner; the return is its length. */
socklen_t hook_address(struct sockaddr_un *address, const char *name, uint64_t door);

/* Connect to it without waiting; the descriptor, or -1 and errno. */
int hook_connect(const char *name, uint64_t door);

/*
 * Send a message with length bytes of text, and a descriptor if it is not -1;
 * never blocks.  0, or -1 and errno.
 */
int
hook_send(int fd, const struct hook_message *m, const char *text, size_t length, int passed);

/* Answer a question, with length bytes of text; as hook_send(). */
int hook_answer(int fd, const struct hook_message *asked, enum hook_verdict verdict,
    const char *text, size_t length);

/*
 * Receive one without blocking: *length bytes go to text, which has room for
 * size.  passed is NULL, and descriptors are refused, or gets the one that came
 * or -1.  1: a message.  0: the other side is gone.  -1: errno; EPROTO if it was
 * no message of ours, or too long.
 */
int hook_receive(
    int fd, struct hook_message *m, char *text, size_t size, size_t *length, int *passed);

#endif
