#include "user.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../shm/log.h"

#define GROUPS_MAX 64

static bool
is_named(const struct passwd *p, const char *name)
{
	char *end;

	if (!isdigit((unsigned char)*name))
		return strcmp(p->pw_name, name) == 0;
	return strtoul(name, &end, 10) == p->pw_uid && *end == '\0';
}

/* The files are read as they are, for the reason that group.c has; NULL: nobody. */
static struct passwd *
find(const char *name)
{
	FILE *file = fopen("/etc/passwd", "re");
	struct passwd *p = NULL;

	while (file != NULL && (p = fgetpwent(file)) != NULL && !is_named(p, name))
		continue;
	if (file != NULL)
		fclose(file);
	return p;
}

static bool
is_member(const struct group *g, const char *name)
{
	for (char **member = g->gr_mem; *member != NULL; member++)
		if (strcmp(*member, name) == 0)
			return true;
	return false;
}

static size_t
find_groups(const struct passwd *p, gid_t groups[GROUPS_MAX])
{
	FILE *file = fopen("/etc/group", "re");
	struct group *g;
	size_t count = 0;

	groups[count++] = p->pw_gid;
	while (file != NULL && count < GROUPS_MAX && (g = fgetgrent(file)) != NULL)
		if (g->gr_gid != p->pw_gid && is_member(g, p->pw_name))
			groups[count++] = g->gr_gid;
	if (file != NULL)
		fclose(file);
	return count;
}

bool
user_known(const char *name)
{
	return find(name) != NULL;
}

static int
become(const struct passwd *p)
{
	gid_t groups[GROUPS_MAX];
	size_t count = find_groups(p, groups);

	if (setgroups(count, groups) < 0 || setresgid(p->pw_gid, p->pw_gid, p->pw_gid) < 0 ||
	    setresuid(p->pw_uid, p->pw_uid, p->pw_uid) < 0)
		return -1;
	/* There must be no way back. */
	if (p->pw_uid != 0 && setuid(0) == 0) {
		errno = EPERM;
		return -1;
	}
	/*
	 * As if that user had started it: the ticker may look into children (witness.h),
	 * and the user's debugger into all.
	 */
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

int
user_become(const char *name)
{
	struct passwd *p;

	if (name == NULL)
		return 0;
	if ((p = find(name)) == NULL) {
		log_error("no-user", "user=%s why=\"not in /etc/passwd\"", name);
		return -1;
	}
	if (geteuid() == p->pw_uid && getuid() == p->pw_uid)
		return 0;
	if (become(p) == 0)
		return 0;
	log_error("no-user", "user=%s errno=\"%s\"", name, strerror(errno));
	return -1;
}
