/*
 * secure.h - TLS for the client of ws.h, and certificates, by OpenSSL.
 *
 * $TESTS_TLS set (rosterd itself reads names that begin with ROSTERD_): every server of server.h speaks TLS, and every client, so that
 * suites that know nothing of it can be run over it.
 */
#ifndef TESTS_SECURE_H
#define TESTS_SECURE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct ssl_st;

/* Clients that connect from now on speak TLS, or do not. */
void secure_speak(bool yes);
bool secure_is_spoken(void);

/*
 * Make a certificate for this name with a key of this kind, "ec" or "rsa":
 * PATH.pem and PATH.key, in the place of what may be there.
 */
void secure_certify(const char *path, const char *kind, const char *name);

/* Is a server to have a certificate though its test does not say so? */
bool secure_everywhere(void);

/* Do the handshake on a connected socket, or fail the test. */
struct ssl_st *secure_connect(int fd);

/* The same with one version alone (0x0303, 0x0304); NULL if there is no handshake. */
struct ssl_st *secure_try(int fd, int version);

/* As recv(2) and send(2) with MSG_DONTWAIT; *cut: the end came without close_notify. */
ssize_t secure_receive(struct ssl_st *ssl, void *out, size_t size, bool *cut);
ssize_t secure_send(struct ssl_st *ssl, const void *bytes, size_t length);

/* More was received than was handed out. */
bool secure_is_waiting(const struct ssl_st *ssl);

/* The name in the certificate of the other side. */
void secure_peer(const struct ssl_st *ssl, char name[64]);

#endif
