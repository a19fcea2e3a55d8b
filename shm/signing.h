/*
 * signing.h - what a child and the signer say to each other (server/signer.h).
 *
 * One SOCK_SEQPACKET pair for each client that speaks TLS, made by the listener:
 * one REQUEST goes in, one signature comes out, and then the signer closes it.
 * What is to be signed is sent whole, not as a digest, so that the signer sees
 * that it is part of a handshake.  No answer but the end: it was refused.
 */
#ifndef SHM_SIGNING_H
#define SHM_SIGNING_H

#include <stdint.h>

/* 64 spaces, a context and a hash (RFC 8446, 4.4.3), or two randoms and a key (RFC 8422, 5.4). */
#define SIGNING_TEXT_MAX 256U
/* Of a signature: RSA with 16384 bits. */
#define SIGNING_MAX 2048U

struct signing_request {
	uint16_t scheme; /* SignatureScheme of RFC 8446, 4.2.3, of those in signer.c */
	uint16_t length; /* bytes of text */
	unsigned char text[SIGNING_TEXT_MAX];
};

#endif
