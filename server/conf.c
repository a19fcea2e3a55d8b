#include "conf.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "options.h"

struct file {
	FILE *stream;
	const char *path;
	unsigned line;
	bool bad;
	conf_apply *apply;
	void *context;
};

static void
say_where(struct file *f)
{
	options_complain("%s:%u: this line", f->path, f->line);
	f->bad = true;
}

/* As fgets(3); inih takes what does not fit into its buffer for a line of its own. */
static char *
read_line(char *line, int size, void *user)
{
	struct file *f = user;
	char *got = f->bad ? NULL : fgets(line, size, f->stream);

	if (got == NULL)
		return NULL;
	f->line++;
	if (strchr(line, '\n') == NULL && !feof(f->stream)) {
		options_complain("a line is longer than %d bytes", size - 3);
		say_where(f);
		return NULL;
	}
	return got;
}

static int
take_value(void *user, const char *section, const char *key, const char *value)
{
	struct file *f = user;

	if (*section != '\0') {
		options_complain("there are no sections: [%s]", section);
		say_where(f);
	} else if (!f->apply(f->context, key, value)) {
		say_where(f);
	}
	return !f->bad;
}

int
conf_read(const char *path, conf_apply *apply, void *context)
{
	struct file f = {.path = path, .apply = apply, .context = context};
	int bad_line;

	ini_allow_multiline = false; /* an indented line is a line */
	if ((f.stream = fopen(path, "re")) == NULL) {
		options_complain("%s: %s", path, strerror(errno));
		return -1;
	}
	bad_line = ini_parse_stream(read_line, &f, take_value, &f);
	if (bad_line != 0 && !f.bad)
		options_complain("%s:%d: this line is not `key = value`", path, bad_line);
	if (ferror(f.stream))
		options_complain("%s: %s", path, strerror(errno));
	if (ferror(f.stream))
		f.bad = true;
	fclose(f.stream);
	return bad_line != 0 || f.bad ? -1 : 0;
}
