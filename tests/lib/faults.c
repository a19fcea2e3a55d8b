#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "server.h"

#define LIST "tests/fault/points"

const char *const faults_role_names[FAULT_ROLES] = {"listener", "ticker", "child", "spawner"};

static bool
is_role(const char *word, enum fault_role *role)
{
	for (int i = 0; i < FAULT_ROLES; i++)
		if (strcmp(word, faults_role_names[i]) == 0) {
			*role = (enum fault_role)i;
			return true;
		}
	return false;
}

/* name role... [after what] */
static void
read_line(struct faults *f, char *line)
{
	char *rest = line, *word = strsep(&rest, " \t\n");
	unsigned n = f->file->count;
	enum fault_role role;

	if (*word == '#' || *word == '\0')
		return;
	CHECK(n < FAULT_POINTS_MAX && strlen(word) < FAULT_NAME_MAX, "no room for %s", word);
	snprintf(f->file->points[n].name, FAULT_NAME_MAX, "%s", word);
	f->file->count++;
	while ((word = strsep(&rest, " \t\n")) != NULL) {
		if (is_role(word, &role))
			f->passed[n][role] = true;
		else if (*word != '\0' && strcmp(word, "after") != 0)
			snprintf(f->provoked[n], sizeof(f->provoked[n]), "%s", word);
	}
}

static void
read_list(struct faults *f)
{
	FILE *list = fopen(LIST, "r");
	char line[256];

	CHECK(list != NULL, "%s: %s", LIST, strerror(errno));
	while (fgets(line, sizeof(line), list) != NULL)
		read_line(f, line);
	fclose(list);
}

void
faults_make(struct faults *f)
{
	int fd;

	memset(f, 0, sizeof(*f));
	snprintf(f->path, sizeof(f->path), "/dev/shm/rosterd-faults-%d", (int)getpid());
	fd = open(f->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && ftruncate(fd, sizeof(*f->file)) == 0, "%s: %s", f->path,
	    strerror(errno));
	f->file = mmap(NULL, sizeof(*f->file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(f->file != MAP_FAILED, "%s: %s", f->path, strerror(errno));
	close(fd);
	read_list(f);
	setenv("ROSTERD_FAULTS", f->path, 1);
}

void
faults_free(struct faults *f)
{
	munmap(f->file, sizeof(*f->file));
	unlink(f->path);
	unsetenv("ROSTERD_FAULTS");
}

unsigned
faults_find(const struct faults *f, const char *name)
{
	for (unsigned i = 0; i < f->file->count; i++)
		if (strcmp(f->file->points[i].name, name) == 0)
			return i;
	CHECK(false, "there is no point %s", name);
}

void
faults_withdraw(struct faults *f, unsigned order)
{
	store_release(&f->file->orders[order].action, FAULT_NOTHING);
}

void
faults_order(struct faults *f, unsigned order, enum fault_action action, const char *name,
    enum fault_role role, unsigned nth)
{
	struct fault_order *o = &f->file->orders[order];

	faults_withdraw(f, order);
	store_relaxed(&o->point, faults_find(f, name));
	store_relaxed(&o->role, role);
	store_relaxed(&o->visits, nth);
	store_relaxed(&o->done, 0);
	store_release(&o->action, action);
}

int
faults_await(const struct faults *f, unsigned order, int timeout_ms)
{
	const struct fault_order *o = &f->file->orders[order];
	long long until = now_ms() + timeout_ms;

	while (load_acquire(&o->done) == 0) {
		if (now_ms() >= until)
			return 0;
		poll(NULL, 0, 1);
	}
	return (int)load_relaxed(&o->pid);
}
