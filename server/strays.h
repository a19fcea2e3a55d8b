/*
 * strays.h - processes that a hook has left behind.
 */
#ifndef SERVER_STRAYS_H
#define SERVER_STRAYS_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Kill every child of this process but those that `ours` wants to keep.  Children
 * of the dead become ours, so this is to be called again when one has ended.
 * Where the kernel does not list children (CONFIG_PROC_CHILDREN) nothing is done.
 */
void strays_kill(bool (*ours)(pid_t pid));

#endif
