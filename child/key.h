/*
 * key.h - a private key that is elsewhere.
 *
 * To OpenSSL it is a key like any other, of a provider of our own (provider(7)).
 * All it knows is the public half; for a signature it asks the signer
 * (../shm/signing.h) and waits for the answer.
 */
#ifndef CHILD_KEY_H
#define CHILD_KEY_H

#include <openssl/evp.h>

/* Before the fork: make the provider known.  0, or -1. */
int key_prepare(void);

/* The key whose public half is this; NULL if it is neither RSA nor of an elliptic curve. */
EVP_PKEY *key_make(EVP_PKEY *public_half);

/* In the child: where to ask.  The descriptor waits no longer than its SO_RCVTIMEO. */
void key_ask_at(int fd);

#endif
