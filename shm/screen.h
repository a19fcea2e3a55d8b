/*
 * screen.h - what `rosterd-dump watch` shows, as lines of text.
 */
#ifndef SHM_SCREEN_H
#define SHM_SCREEN_H

#include "sample.h"

/*
 * Append at most rows lines about now, with rates since before (all zero if there
 * is no sample before).  Lines may be longer than the screen is wide.
 */
void screen_write(const struct dump *d, const struct sample *now, const struct sample *before,
    unsigned rows, struct text *out);

/* The same for programs: one JSON object on a line, with the rates of all counters. */
void screen_json(const struct dump *d, const struct sample *now, const struct sample *before,
    struct text *out);

#endif
