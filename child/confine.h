/*
 * confine.h - what a child gives up before it reads the first byte of its client.
 */
#ifndef CHILD_CONFINE_H
#define CHILD_CONFINE_H

/* Close all descriptors from 3 on but these; the list ends with -1. */
void confine_descriptors(const int *keep);

/* Batch scheduling: a child is one of many, woken in great numbers (sched(7)). */
void confine_schedule(void);

#endif
