/*
 * page.h - the page at /, embedded from etc/www/index.html when it is built.
 */
#ifndef CHILD_PAGE_H
#define CHILD_PAGE_H

#include <stddef.h>

const char *page_bytes(void);
size_t page_length(void);

#endif
