/*
 * fault.h - named points between two stores, where a process may be killed.
 *
 * A fault build (-DROSTERD_FAULTS) calls fault_point(), which counts the visit
 * in a file of its own and, at the chosen point and visit, sends SIGKILL to
 * its own process.  A product build has nothing here at all.
 *
 * The names are "room.step", the step being the one that was just done, so
 * FAULT("lock.owned") stands right after the store that took the lock.
 * tests/fault/points lists them all; a run that never hits one of them fails.
 */
#ifndef SHM_FAULT_H
#define SHM_FAULT_H

#ifdef ROSTERD_FAULTS
void fault_point(const char *name);
#define FAULT(name) fault_point(name)
#else
#define FAULT(name) ((void)0)
#endif

#endif
