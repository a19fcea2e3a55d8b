/*
 * render.h - the roster as text: rendered once, into a free snapshot generation.
 */
#ifndef SERVER_RENDER_H
#define SERVER_RENDER_H

#include <stdbool.h>

#include "books.h"

/*
 * Render what the lists of the ticker say as snapshot number t->number + 1 and
 * make it current.  False if there was no room for it: everybody's pins are in
 * the way; the next tick tries again, and nothing is lost.
 */
bool render_publish(struct ticker *t);

#endif
