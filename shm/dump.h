/*
 * dump.h - the inspection tool, rosterd-dump.
 *
 * It maps a segment to be read, takes no lock, writes no byte, and believes
 * nothing: all numbers are checked before they lead anywhere, and what will not
 * hold still is left out.  So it works on a living instance, on one that was
 * killed, and on a copy of its memory.
 */
#ifndef SHM_DUMP_H
#define SHM_DUMP_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "segment.h"

struct dump {
	struct segment segment;
	const struct header *header;
	bool live;            /* its ticker is running: time goes on */
	bool json;            /* for programs, not for people */
	bool prometheus;      /* the same, for one program */
	uint64_t now_boot_ms; /* the instant that is shown */
};

/* Each writes to standard output; 0, or -1 if there was no memory. */
int dump_clients(const struct dump *d);
int dump_changes(const struct dump *d);
int dump_stats(const struct dump *d);

/* Write a JSON value and a newline; it is freed.  0, or -1 if it is NULL. */
int dump_json(json_t *value);

/* A text that may be any bytes as a JSON string (what is not UTF-8 as \xNN). */
json_t *dump_string(const char *text, size_t length);

#endif
