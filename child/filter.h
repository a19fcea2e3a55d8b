/*
 * filter.h - the system calls of a caged child.
 */
#ifndef CHILD_FILTER_H
#define CHILD_FILTER_H

#include <stdbool.h>

/*
 * Names of system calls by number, for those who tell which one was refused.
 * An empty name: there is none.
 */
#define FILTER_CALLS 512
#define FILTER_NAME_MAX 32
typedef char filter_names[FILTER_CALLS][FILTER_NAME_MAX];

/*
 * Write the filter as a program for the kernel (struct sock_filter, seccomp(2))
 * to fd.  What is not in the list kills the process or, if told, makes SIGSYS.
 * 0, or -1 and errno.
 *
 * It allocates memory all over the heap, so it is for a process that ends soon:
 * in the listener it would cost each child 44 KiB of private memory.
 */
int filter_write(int fd, bool signal);

/* Fill in the names; for the same process. */
void filter_name_calls(filter_names names);

#endif
