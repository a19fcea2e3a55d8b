/*
 * user.h - whom to be, once what only root may do is done.
 */
#ifndef SERVER_USER_H
#define SERVER_USER_H

#include <stdbool.h>

/* Is there such a user in /etc/passwd, by name or number? */
bool user_known(const char *name);

/*
 * Be that user for good, with its groups and without any capability; nothing is done
 * for NULL, or if this process is that user already.  -1 after the log was told why
 * that cannot be: then nobody may be served.
 */
int user_become(const char *name);

#endif
