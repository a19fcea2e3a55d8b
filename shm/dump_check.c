#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "emit.h"
#include "token.h"

/* Looks at a living segment, and the pause between two of them. */
#define LOOKS 5
#define PAUSE_MS 20

void
check_add(struct check *c, const char *rule, uint64_t where, const char *format, ...)
{
	struct finding *f = &c->findings[c->count];
	char text[sizeof(f->text) / 2];
	va_list arguments;

	c->findings_total++;
	if (c->count == CHECK_FINDINGS_MAX)
		return;
	f->rule = rule;
	f->where = where;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	snprintf(f->text, sizeof(f->text), "%s", dump_plain(text));
	c->count++;
}

bool
check_token(const char *digits)
{
	unsigned char bytes[16];

	return token_decode(digits, bytes);
}

bool
check_in_use(const struct header *h, uint32_t slot)
{
	uint32_t state = load_acquire(&segment_entry(h, slot)->state);

	return state == ENTRY_CLAIMED || state == ENTRY_OPEN;
}

static void
run(struct dump *d, struct check *c)
{
	memset(c, 0, sizeof(*c));
	c->header = d->header;
	c->now_boot_ms = d->now.boot_ms;
	check_header(c);
	check_directory(c);
	check_slots(c);
	check_mail(c);
	check_commons(c);
	check_snapshot(c);
}

static bool
has(const struct check *c, const struct finding *f)
{
	for (unsigned i = 0; i < c->count; i++)
		if (c->findings[i].rule == f->rule && c->findings[i].where == f->where)
			return true;
	return false;
}

/* Keep what the next look finds, too. */
static void
confirm(struct check *c, const struct check *next)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < c->count; i++)
		if (has(next, &c->findings[i]))
			c->findings[kept++] = c->findings[i];
	c->count = kept;
	if (c->findings_total > next->findings_total)
		c->findings_total = next->findings_total;
	if (c->findings_total < kept || kept < CHECK_FINDINGS_MAX)
		c->findings_total = kept;
}

static void
look(struct dump *d, struct check *c, struct check *next)
{
	run(d, c);
	for (int looks = 1; d->live && c->count > 0 && looks < LOOKS; looks++) {
		poll(NULL, 0, PAUSE_MS);
		dump_refresh(d);
		run(d, next);
		confirm(c, next);
	}
}

static void
write_json(const struct check *c, struct text *out)
{
	text_string(out, "{");
	emit_key(out, "sound");
	text_string(out, c->count == 0 ? "true" : "false");
	emit_number(out, "total", c->findings_total);
	emit_key(out, "findings");
	text_string(out, "[");
	for (unsigned i = 0; i < c->count; i++) {
		text_string(out, i > 0 ? ",{" : "{");
		emit_text(out, "rule", c->findings[i].rule);
		emit_number(out, "where", c->findings[i].where);
		emit_text(out, "what", c->findings[i].text);
		text_string(out, "}");
	}
	text_string(out, "]}\n");
}

static void
write_lines(const struct check *c, struct text *out)
{
	for (unsigned i = 0; i < c->count; i++)
		text_format(out, "%-20s %8" PRIu64 "  %s\n", c->findings[i].rule,
		    c->findings[i].where, c->findings[i].text);
	if (c->findings_total > c->count)
		text_format(out, "and %" PRIu64 " more\n", c->findings_total - c->count);
	text_string(
	    out, c->count == 0 ? "all is as it has to be\n" : "the segment is damaged\n");
}

int
dump_check(struct dump *d)
{
	struct check *both = calloc(2, sizeof(*both));
	struct text out = {0};
	int code;

	if (both == NULL)
		return dump_failed();
	look(d, &both[0], &both[1]);
	if (d->json)
		write_json(&both[0], &out);
	else
		write_lines(&both[0], &out);
	code = both[0].count == 0 ? DUMP_FINE : DUMP_DATA;
	free(both);
	return dump_text(&out) == DUMP_FINE ? code : DUMP_SYSTEM;
}
