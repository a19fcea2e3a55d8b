#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* A test is a process of its own: to end it is to fail it. */
void
check_failed(const char *file, int line, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "%s:%d: ", file, line);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	fflush(NULL);
	abort();
}
