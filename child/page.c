#include "page.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The assembler reads the files; the Makefile names them as prerequisites. */
#define PAGE(name, path, file, type, shared)                                           \
	__asm__(".section .rodata\n"                                                   \
		".balign 16\n"                                                         \
		"page_" #name "_begin:\n"                                              \
		".incbin \"etc/www/" file "\"\n"                                       \
		"page_" #name "_end:\n"                                                \
		".byte 0\n"                                                            \
		".previous\n");                                                        \
	extern const char page_##name##_begin[] __attribute__((visibility("hidden"))); \
	extern const char page_##name##_end[] __attribute__((visibility("hidden")));
#include "pages.def"

static const struct page pages[] = {
#define PAGE(name, path, file, type, shared) \
	{path, type, page_##name##_begin, page_##name##_end, shared},
#include "pages.def"
};

const struct page *
page_find(struct span path)
{
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (strlen(pages[i].path) == path.length &&
		    memcmp(pages[i].path, path.at, path.length) == 0)
			return &pages[i];
	return NULL;
}

size_t
page_length(const struct page *page)
{
	return (size_t)(page->end - page->begin);
}

/* FNV-1a: it tells versions of one file apart, nothing more. */
void
page_tag(const struct page *page, char tag[PAGE_TAG_SIZE])
{
	uint64_t hash = 0xcbf29ce484222325;

	for (const char *c = page->begin; c < page->end; c++)
		hash = (hash ^ (unsigned char)*c) * 0x100000001b3;
	snprintf(tag, PAGE_TAG_SIZE, "\"%016" PRIx64 "\"", hash);
}
