#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 256

void
text_lend(struct text *text, char *bytes, size_t room)
{
	*text = (struct text){.bytes = bytes, .room = room, .lent = true};
}

/* Memory for so much text, with what is there. */
static char *
grow(const struct text *text, size_t room)
{
	char *bytes;

	if (!text->lent)
		return realloc(text->bytes, room);
	if ((bytes = malloc(room)) != NULL)
		memcpy(bytes, text->bytes, text->length);
	return bytes;
}

bool
text_reserve(struct text *text, size_t more)
{
	size_t room = text->room != 0 ? text->room : FIRST_ROOM;
	char *bytes;

	if (text->room - text->length >= more)
		return true;
	while (room - text->length < more)
		room *= 2;
	if ((bytes = grow(text, room)) == NULL) {
		text->failed = true;
		return false;
	}
	text->lent = false;
	text->bytes = bytes;
	text->room = room;
	return true;
}

void
text_add(struct text *text, const void *bytes, size_t length)
{
	if (length == 0 || !text_reserve(text, length))
		return;
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
}

void
text_string(struct text *text, const char *string)
{
	text_add(text, string, strlen(string));
}

void
text_format(struct text *text, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length < 0 || !text_reserve(text, (size_t)length + 1))
		return;
	va_start(arguments, format);
	vsnprintf(text->bytes + text->length, (size_t)length + 1, format, arguments);
	va_end(arguments);
	text->length += (size_t)length;
}

void
text_drop(struct text *text, size_t length)
{
	text->length -= length;
	memmove(text->bytes, text->bytes + length, text->length);
}

void
text_clear(struct text *text, size_t keep)
{
	text->length = 0;
	text->failed = false;
	if (text->room > keep && !text->lent) {
		free(text->bytes);
		text->bytes = NULL;
		text->room = 0;
	}
}
