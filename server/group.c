#include "group.h"

#include <ctype.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The file is read as it is: getgrnam(3) would load libraries of name services,
 * which a program that is linked statically has to do without.
 */
bool
group_find(const char *name, gid_t *gid)
{
	FILE *file;
	struct group *g;
	char *end;

	if (isdigit((unsigned char)*name)) {
		unsigned long number = strtoul(name, &end, 10);

		*gid = (gid_t)number;
		return *end == '\0' && number < UINT32_MAX;
	}
	if ((file = fopen("/etc/group", "re")) == NULL)
		return false;
	while ((g = fgetgrent(file)) != NULL && strcmp(g->gr_name, name) != 0)
		continue;
	if (g != NULL)
		*gid = g->gr_gid;
	fclose(file);
	return g != NULL;
}
