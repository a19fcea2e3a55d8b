/*
 * judge.h - what a hook's end and its output mean.
 *
 *	exit 0	 admitted; what it printed is a JSON object, or nothing.  Each of
 *		 its names begins with the reserved prefix.  A name that comes again
 *		 counts as it comes last, and null is as if it was not there
 *	exit 1	 forbidden (403); the first line is the reason
 *	exit 77	 not authorized (401); a line "WWW-Authenticate: ..." is passed on
 *	else	 a fault of the hook's
 *
 * 77 and not 2, which is what shells and interpreters end with when the program
 * itself is wrong.
 */
#ifndef SERVER_JUDGE_H
#define SERVER_JUDGE_H

#include "../shm/hook.h"
#include "../shm/text.h"

#define JUDGE_UNAUTHORIZED 77

/*
 * status is what waitpid(2) says.  The text of the answer goes to *answer; if the
 * verdict is HOOK_FAULT, *why gets a word for the log.
 */
enum hook_verdict judge_end(int status, const struct text *output, const char *reserved,
    struct text *answer, const char **why);

#endif
