/*
 * log.h - one line per event.
 *
 *	2026-11-23T04:45:01.123Z info client-open slot=3 token=b2470fc4 ...
 *
 * A line is written with one write(2), so lines of many processes do not mix.
 * No property value and no packet is ever logged; what a client chose (a
 * header, a type) goes through log_escape().
 */
#ifndef SHM_LOG_H
#define SHM_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* Lines above this level are not written; LOG_LEVEL_INFO at first. */
void log_set_level(enum log_level level);

/* event is a name for grep; format gives key=value pairs. */
void
log_error(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3)));
void
log_warning(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_info(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3)));
void
log_debug(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Make text safe to stand between quotes in a line: control characters, quotes,
 * backslashes and what is not ASCII become \xNN.  out gets at most size bytes
 * with its NUL and is returned; what does not fit is cut.
 */
const char *log_escape(char *out, size_t size, const char *text, size_t length);

#endif
