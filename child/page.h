/*
 * page.h - the files that are served: the page, its parts and the client.
 *
 * They are embedded when the program is built (pages.def lists them), so that
 * nothing has to be installed beside it and a caged child opens no file.
 */
#ifndef CHILD_PAGE_H
#define CHILD_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "../shm/span.h"

#define PAGE_TAG_SIZE 19U /* 16 hex digits in quotes, and the NUL */

struct page {
	const char *path;
	const char *type; /* media type; all is UTF-8 */
	const char *begin, *end;
	bool shared; /* pages of other origins may read it */
};

/* The file at that path, or NULL. */
const struct page *page_find(struct span path);

size_t page_length(const struct page *page);

/* Its entity tag (RFC 9110, 8.8.3): the same as long as its bytes are. */
void page_tag(const struct page *page, char tag[PAGE_TAG_SIZE]);

#endif
