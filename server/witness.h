/*
 * witness.h - who has touched a page: the kernel knows.
 *
 * Pages of a file that were given back (segment_release()) are in nobody's page
 * tables.  A process that reads or writes one afterwards has it there again, and
 * /proc/PID/pagemap says so (Documentation/admin-guide/mm/pagemap.rst in Linux).
 * No process can do that to another.
 */
#ifndef SERVER_WITNESS_H
#define SERVER_WITNESS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Has the process touched any page of bytes [at, at + size) of the file behind fd
 * since they were given back, through a mapping that it may write?  False, too, if
 * the kernel does not tell: it is no process of ours, or one that may not be looked
 * into (--user makes them so; see PR_SET_DUMPABLE in prctl(2)).
 */
bool witness_touched(uint32_t pid, int fd, uint64_t at, uint64_t size);

#endif
