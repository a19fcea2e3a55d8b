/*
 * proxied.h - a client behind a trusted proxy, as the listener sees it.
 *
 * When it comes, its address is not known, and so no limit for addresses holds.
 * Its child finds the address and tells the ticker, and the ticker asks us: from
 * here on it is counted, and its end is held against it, like that of anybody else
 * from there, whether they come by a proxy or not.
 *
 * A child that was taken over may lie about its client: once, before its client is
 * in the roster, and only a child of a trusted proxy.  Such a lie takes one place of
 * another address and can owe what one child can owe, no more.
 */
#ifndef SERVER_PROXIED_H
#define SERVER_PROXIED_H

#include "listening.h"

/* The ticker asks: may it stay?  Answers. */
void proxied_admit(struct listener *l, const struct register_message *told);

#endif
