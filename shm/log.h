/*
 * log.h - one line per event, key=value, for people and for grep(1).
 *
 *	2026-11-23T04:45:01.123Z info client-open slot=3 token=b2470fc4... peer=...
 *
 * A line goes out by one write(2), so lines of many processes do not mix.  It
 * goes to stderr; under systemd, which says so in JOURNAL_STREAM
 * (systemd.exec(5)), without the time and with a priority that the journal
 * takes off again (sd-daemon(3)); and where stderr is the client (inetd's
 * nowait), to syslog.
 *
 * A log that is stuck stops nobody: what cannot be written now is dropped and
 * counted, and the next line says so (lost_lines=N).  Only a child, which may
 * not call poll(2), waits for stderr: that holds up its own client alone.
 *
 * No property value and no packet is ever logged.  What a client chose (a
 * header, a type) is put between quotes by the caller, through log_escape();
 * in whatever else stands in a line, bytes that are not printable ASCII become
 * question marks.
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

#define LOG_SYSLOG "/dev/log" /* where syslog(3) sends */

/*
 * Find out what stderr is; first of all, before a line is written.  From here
 * on SIGPIPE is ignored: a log that nobody reads any more is no reason to die.
 */
void log_open(void);

/*
 * From here on lines go to the datagram socket of that name (LOG_SYSLOG), and
 * never again to stderr, whether or not anybody listens there.
 */
void log_to_syslog(const char *path);

/* Where lines go, for whoever closes all descriptors but some; -1: nowhere. */
int log_descriptor(void);

/*
 * For a child, before it cages itself: from here on a line is one write(2) to
 * that descriptor and no other system call.
 */
void log_seal(void);

/* Lines above this level are not written; LOG_LEVEL_INFO at first. */
void log_set_level(enum log_level level);

/* The level of that name: error, warning, info, debug.  False if there is none. */
bool log_level_named(const char *name, enum log_level *level);

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
