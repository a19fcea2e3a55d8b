/*
 * group.h - a group by its name in /etc/group or its number.
 */
#ifndef SERVER_GROUP_H
#define SERVER_GROUP_H

#include <stdbool.h>
#include <sys/types.h>

bool group_find(const char *name, gid_t *gid);

#endif
