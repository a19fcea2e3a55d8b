#include "fields.h"

#include <string.h>
#include <strings.h>

struct span
fields_of(const char *text)
{
	return (struct span){text, strlen(text)};
}

struct span
fields_trim(struct span s)
{
	while (s.length > 0 && (*s.at == ' ' || *s.at == '\t')) {
		s.at++;
		s.length--;
	}
	while (s.length > 0 && (s.at[s.length - 1] == ' ' || s.at[s.length - 1] == '\t'))
		s.length--;
	return s;
}

struct span
fields_cut(struct span *s, char c)
{
	const char *at = memchr(s->at, c, s->length);
	struct span before = *s;

	if (at == NULL) {
		s->at += s->length;
		s->length = 0;
		return before;
	}
	before.length = (size_t)(at - s->at);
	s->at = at + 1;
	s->length -= before.length + 1;
	return before;
}

bool
fields_next(struct span *list, struct span *element)
{
	if (list->length == 0)
		return false;
	*element = fields_trim(fields_cut(list, ','));
	return true;
}

bool
fields_same(struct span a, struct span b)
{
	return a.length == b.length && strncasecmp(a.at, b.at, a.length) == 0;
}

bool
fields_is(struct span s, const char *text)
{
	return fields_same(s, fields_of(text));
}
