/*
 * tls.h - TLS between a child and its client.
 *
 * Everything that is the same for all is made before the fork (tls_certify); in
 * a child there is at most one connection, and what its functions do is what
 * recv(2) and sendmsg(2) do.  The handshake happens in the first of them.
 *
 * No child has the private key (key.h), nor any other secret than that of its
 * own connection: so there are neither tickets nor a cache for sessions to be
 * resumed.  Their keys would have to be the same in all children, and one that
 * was taken over could read with them what others say.
 */
#ifndef CHILD_TLS_H
#define CHILD_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "../shm/counters.h"

struct tls;

/* In the child, before the cage.  The signer is asked on that descriptor.  NULL: no memory. */
struct tls *tls_start(int client, int signer, int wait_ms);

/* Bytes on the wire, and what else happens, is counted there. */
void tls_count(struct tls *t, struct client_counters *counters);

/*
 * As recv(2) and sendmsg(2), never blocking: -1 and EAGAIN if the socket is not
 * ready.  EPROTO: tls_why().  A call of tls_send() that returned that has to be
 * repeated with the same bytes, wherever they lie then, before anything else is sent.
 */
ssize_t tls_receive(struct tls *t, void *out, size_t size);
ssize_t tls_send(struct tls *t, const struct iovec *pieces, int count);

/* Something was received and not handed out yet: the socket will not say so. */
bool tls_is_waiting(const struct tls *t);

/* tls_receive() goes on when the socket can be written to. */
bool tls_wants_write(const struct tls *t);

/* The handshake is done. */
bool tls_is_up(const struct tls *t);

/* What is wrong with the connection, for people; or NULL. */
const char *tls_why(const struct tls *t);

/* The client does not speak TLS, but HTTP. */
bool tls_is_http(const struct tls *t);

/* No more will be sent (close_notify). */
void tls_end(struct tls *t);

#endif
