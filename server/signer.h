/*
 * signer.h - the process that has the private key.
 *
 * It is started by the listener (signing.h), reads the key, and goes into a cage
 * in which there is nothing but to receive, to sign and to send: no file, no
 * network, no other process.  Children hold only the certificate.  For each of
 * their clients it signs once, and only what a server signs in a handshake of
 * TLS 1.2 or 1.3: so a child that was taken over can finish the one handshake
 * that it has, for whomever, and neither take the key along nor have anything
 * else signed with it.
 */
#ifndef SERVER_SIGNER_H
#define SERVER_SIGNER_H

#include <stdbool.h>
#include <stddef.h>

struct signer_start {
	int key;    /* a file with the key (PEM), to be read from its beginning */
	int owner;  /* SOCK_SEQPACKET: says whether the key is good, takes descriptors */
	bool caged; /* --sandbox is not off */
};

/*
 * Be the signer: first word to the owner is "", or what is wrong with the key.
 * From then on each message of the owner brings a descriptor on which one
 * request comes (../shm/signing.h).  Ends when the owner is gone, and all who
 * may still ask.  Returns an exit code.
 */
int signer_run(const struct signer_start *start);

/* For --check: NULL, or what is wrong with the key in that file.  It is in our memory then. */
const char *signer_check(int key);

/* May a server sign this in a handshake? */
bool signer_may_sign(const unsigned char *text, size_t length);

#endif
