#include "choose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { KIND_32, KIND_64, KIND_MS, KIND_TOKEN, KIND_PEER, KIND_VIA, KIND_STATE };

struct choose_field {
	const char *name;
	enum kind kind;
	size_t offset; /* in struct view, of a number */
};

static const struct choose_field fields[] = {
    {"slot", KIND_32, offsetof(struct view, slot)},
    {"pid", KIND_32, offsetof(struct view, entry.pid)},
    {"token", KIND_TOKEN, 0},
    {"peer", KIND_PEER, 0},
    {"via", KIND_VIA, 0},
    {"state", KIND_STATE, 0},
    {"age", KIND_MS, offsetof(struct view, age_ms)},
    {"pong", KIND_MS, offsetof(struct view, pong_ms)},
    {"tick", KIND_32, offsetof(struct view, taken)},
    {"behind", KIND_32, offsetof(struct view, behind)},
    {"pinned", KIND_32, offsetof(struct view, pinned)},
    {"backlog", KIND_32, offsetof(struct view, backlog)},
    {"properties", KIND_32, offsetof(struct view, length)},
#define COUNTER_C(name, unit, help) {#name, KIND_64, offsetof(struct view, counters.name)},
#include "counters.def"
};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))

const char *
choose_keys(void)
{
	static char list[2048];
	size_t used = 0;

	for (size_t i = 0; i < FIELDS && used < sizeof(list); i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
		    i > 0 ? ", " : "", fields[i].name);
	return list;
}

static const struct choose_field *
find(const char *name, size_t length)
{
	for (size_t i = 0; i < FIELDS; i++)
		if (strlen(fields[i].name) == length &&
		    strncmp(fields[i].name, name, length) == 0)
			return &fields[i];
	fprintf(
	    stderr, "rosterd-dump: \"%.*s\" is none of %s\n", (int)length, name, choose_keys());
	return NULL;
}

static const char *
text_of(const struct choose_field *f, const struct view *v)
{
	switch (f->kind) {
	case KIND_TOKEN: return v->entry.token;
	case KIND_PEER: return v->entry.peer;
	case KIND_VIA: return v->entry.via;
	case KIND_STATE: return view_state(v);
	default: return NULL;
	}
}

/* Times in seconds; a client that never answered a ping is the one that answered longest ago. */
static double
number_of(const struct choose_field *f, const struct view *v)
{
	const char *at = (const char *)v + f->offset;

	switch (f->kind) {
	case KIND_32: return *(const uint32_t *)(const void *)at;
	case KIND_64: return (double)*(const uint64_t *)(const void *)at;
	case KIND_MS: return (double)*(const uint64_t *)(const void *)at / 1000;
	default: return 0;
	}
}

static bool
is_text(const struct choose_field *f)
{
	return f->kind == KIND_TOKEN || f->kind == KIND_PEER || f->kind == KIND_VIA ||
	       f->kind == KIND_STATE;
}

bool
choose_sort(struct choice *c, const char *text)
{
	c->descending = *text == '-';
	text += c->descending;
	c->sort = find(text, strlen(text));
	return c->sort != NULL;
}

/* The operation behind a key; *text goes behind it.  '\0': there is none. */
static char
operation(const char **text)
{
	static const struct {
		const char *sign;
		char operation;
	} signs[] = {{"<=", '{'}, {">=", '}'}, {"!=", '!'}, {"=", '='}, {"<", '<'}, {">", '>'},
	    {"~", '~'}};

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		if (strncmp(*text, signs[i].sign, strlen(signs[i].sign)) != 0)
			continue;
		*text += strlen(signs[i].sign);
		return signs[i].operation;
	}
	return '\0';
}

static bool
complain(const char *text, const char *what)
{
	fprintf(stderr, "rosterd-dump: --filter \"%s\": %s\n", text, what);
	return false;
}

bool
choose_filter(struct choice *c, const char *text)
{
	struct choose_filter *f = &c->filters[c->filter_count];
	size_t length = strcspn(text, "=!<>~");
	const char *rest = text + length;
	char *end;

	if (c->filter_count == CHOOSE_FILTERS_MAX)
		return complain(text, "too many of them");
	if ((f->field = find(text, length)) == NULL)
		return false;
	if ((f->operation = operation(&rest)) == '\0')
		return complain(text, "there is no =, !=, <, <=, >, >= or ~ in it");
	f->text = rest;
	f->number = strtod(rest, &end);
	if (!is_text(f->field) && (f->operation == '~' || end == rest || *end != '\0'))
		return complain(text, "this key needs a number");
	if (is_text(f->field) && strchr("=!~", f->operation) == NULL)
		return complain(text, "this key is no number: use =, != or ~");
	c->filter_count++;
	return true;
}

static bool
fits(const struct choose_filter *f, const struct view *v)
{
	const char *text = text_of(f->field, v);
	double number = number_of(f->field, v);

	switch (f->operation) {
	case '~': return text != NULL && strstr(text, f->text) != NULL;
	case '=': return text != NULL ? strcmp(text, f->text) == 0 : number == f->number;
	case '!': return text != NULL ? strcmp(text, f->text) != 0 : number != f->number;
	case '<': return number < f->number;
	case '>': return number > f->number;
	case '{': return number <= f->number;
	case '}': return number >= f->number;
	default: return false;
	}
}

bool
choose_fits(const struct choice *c, const struct view *v)
{
	for (unsigned i = 0; i < c->filter_count; i++)
		if (!fits(&c->filters[i], v))
			return false;
	return true;
}

int
choose_compare(const void *a, const void *b, void *choice)
{
	const struct view *x = *(const struct view *const *)a;
	const struct view *y = *(const struct view *const *)b;
	const struct choice *c = choice;
	int order;

	if (c->sort == NULL || is_text(c->sort)) {
		order = c->sort == NULL ? 0 : strcmp(text_of(c->sort, x), text_of(c->sort, y));
	} else {
		double p = number_of(c->sort, x), q = number_of(c->sort, y);

		order = (p > q) - (p < q);
	}
	if (order == 0)
		return (x->slot > y->slot) - (x->slot < y->slot);
	return c->descending ? -order : order;
}
