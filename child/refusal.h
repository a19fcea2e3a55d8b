/*
 * refusal.h - a line on the log for each call that the filter refuses.
 *
 * For --sandbox=report: the call fails with EPERM and the child goes on, so one
 * run finds most of what a new version of a library needs.
 */
#ifndef CHILD_REFUSAL_H
#define CHILD_REFUSAL_H

#include "filter.h"

/* From here on SIGSYS is reported; names stay where they are. */
int refusal_report(const filter_names *names);

#endif
