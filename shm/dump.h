/*
 * dump.h - the inspection tool, rosterd-dump.
 *
 * It maps a segment to be read, takes no lock, writes no byte, and believes
 * nothing: all numbers are checked before they lead anywhere, and what will not
 * hold still is left out.  So it works on a living instance, on one that was
 * killed, and on a copy of its memory.  (kick is no exception: it asks the
 * ticker.)
 *
 *	dump.c		its options, and the segment that is shown
 *	dump_*.c	a command each
 *	choose.c	--sort and --filter
 *	check*.c	what has to hold in a segment
 */
#ifndef SHM_DUMP_H
#define SHM_DUMP_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "choose.h"
#include "segment.h"
#include "text.h"
#include "view.h"

/* sysexits(3), as far as they are used. */
enum dump_exit {
	DUMP_FINE = 0,
	DUMP_USAGE = 64,
	DUMP_DATA = 65,      /* not a segment of this build, or a damaged one */
	DUMP_NO_INPUT = 66,  /* there is no such instance, file or client */
	DUMP_SYSTEM = 71,    /* no memory, or the output cannot be written */
	DUMP_TRY_AGAIN = 75, /* the ticker does not answer */
	DUMP_REFUSED = 77,   /* this user may not */
};

struct dump {
	struct segment segment;
	const struct header *header;
	const char *name;     /* of the instance, or of the file */
	bool file;            /* it is a copy */
	bool live;            /* its ticker is running: time goes on */
	bool json;            /* for programs, not for people */
	bool prometheus;      /* the same, for one program */
	bool once;            /* watch: one look */
	bool full;            /* clients: all counters */
	bool kill;            /* kick: with SIGKILL */
	uint32_t interval;    /* ms between looks, or 0 for the command's own */
	const char *argument; /* of the command, or NULL */
	struct choice choice;
	struct view_instant now; /* the instant that is shown */
};

/* Each writes to standard output and returns an exit code; what is wrong it says on stderr. */
int dump_clients(struct dump *d);
int dump_changes(struct dump *d);
int dump_follow(struct dump *d);
int dump_snapshot(struct dump *d);
int dump_stats(struct dump *d);
int dump_locks(struct dump *d);
int dump_layout(struct dump *d);
int dump_check(struct dump *d);
int dump_watch(struct dump *d);
int dump_kick(struct dump *d);

/* Look again whether its ticker is there, and what time it is. */
void dump_refresh(struct dump *d);

/* Was the segment that is mapped unlinked or replaced?  Then nothing new will come. */
bool dump_is_over(const struct dump *d);

/* errno in words on stderr; DUMP_SYSTEM. */
int dump_failed(void);

/* Write a text, or a JSON value and a newline, and free it.  An exit code. */
int dump_text(struct text *text);
int dump_json(json_t *value);

/* A text that may be any bytes as a JSON string (what is not UTF-8 as \xNN). */
json_t *dump_string(const char *text, size_t length);

/* The same for people: escaped, in one of a few buffers that are used again. */
const char *dump_plain(const char *text);

#endif
