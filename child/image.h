/*
 * image.h - what children run, as one large page.
 *
 * A child faults in the program's text 64 KiB at a time, and each time the kernel enters 16
 * pages into a page table that is this child's alone.  A page of 2 MiB is one fault and no
 * table, and whatever wakes up later finds less to read before its first instruction.  The
 * kernel makes such pages of shared memory, not of the text of a file; so the text is
 * copied, and the copy is put in its place.
 *
 * pages.ld sees to it that what a child runs is within 2 MiB, and nothing that it writes.
 * /proc/PID/maps shows the copy as `memfd:rosterd-text`.  It is sealed: nobody can write it.
 */
#ifndef CHILD_IMAGE_H
#define CHILD_IMAGE_H

/*
 * Before the first of many forks.  Where it cannot be done everything stays as it was, and
 * only costs more: a program that is linked dynamically, a kernel before 6.1.
 */
void image_enlarge(void);

#endif
