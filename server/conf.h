/*
 * conf.h - a file of options.
 *
 *	# a comment
 *	listen = 0.0.0.0:13372
 *	listen = unix:/run/rosterd/socket   ; another one
 *	max-clients = 1000
 *
 * The format is that of inih, without sections: what stands behind the equals
 * sign, without spaces around it, is the value, and there are no quotes.
 */
#ifndef SERVER_CONF_H
#define SERVER_CONF_H

#include <stdbool.h>

/* Called for each line; false if it is wrong, after it was said why. */
typedef bool conf_apply(void *context, const char *key, const char *value);

/* 0; or -1 after it was said what is wrong, and where. */
int conf_read(const char *path, conf_apply *apply, void *context);

#endif
