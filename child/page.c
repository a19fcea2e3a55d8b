#include "page.h"

/* The assembler reads the file; the Makefile names it as a prerequisite. */
__asm__(".section .rodata\n"
	".balign 16\n"
	"page_begin:\n"
	".incbin \"etc/www/index.html\"\n"
	"page_end:\n"
	".byte 0\n"
	".previous\n");

extern const char page_begin[] __attribute__((visibility("hidden")));
extern const char page_end[] __attribute__((visibility("hidden")));

const char *
page_bytes(void)
{
	return page_begin;
}

size_t
page_length(void)
{
	return (size_t)(page_end - page_begin);
}
