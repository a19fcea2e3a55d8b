#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024
#define SYSLOG_WAIT_US 100000 /* for a syslogd that is busy */
#define SYSLOG_DAEMON 24      /* the facility, as in RFC 5424, 6.2.1 */
#define DESCRIPTOR_MIN 10     /* lower numbers have a meaning in children */

enum form {
	FORM_PLAIN,   /* 2026-11-23T04:45:01.123Z info event ... */
	FORM_JOURNAL, /* <6>info event ... */
	FORM_SYSLOG,  /* <30>Nov 23 04:45:01 rosterd[123]: info event ... */
};

static const char *const names[] = {"error", "warning", "info", "debug"};
static const int priorities[] = {3, 4, 6, 7}; /* of syslog(3) */

static struct {
	enum log_level threshold;
	enum form form;
	int fd; /* -1: there is no syslogd */
	bool sealed;
	pid_t pid; /* ours, once it is sealed */
	time_t
	    stuck; /* the second in which syslogd took too long; it is left alone for that long */
	unsigned long lost; /* lines, since the last one that was written */
	struct sockaddr_un syslog;
} self = {.threshold = LOG_LEVEL_INFO, .fd = STDERR_FILENO};

void
log_set_level(enum log_level level)
{
	self.threshold = level;
}

bool
log_level_named(const char *name, enum log_level *level)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0) {
			*level = (enum log_level)i;
			return true;
		}
	}
	return false;
}

/* Does stderr lead where JOURNAL_STREAM, "device:inode", says? */
static bool
is_journal(void)
{
	const char *text = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat status;

	return text != NULL && sscanf(text, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device &&
	       status.st_ino == inode;
}

void
log_open(void)
{
	signal(SIGPIPE, SIG_IGN);
	/*
	 * Or the first line with a time would read the zone's file.  A child may open
	 * none, and would write a page more of its memory.
	 */
	tzset();
	if (self.fd == STDERR_FILENO && is_journal())
		self.form = FORM_JOURNAL;
}

/*
 * A socket of our own, and not syslog(3): that one opens it again by itself, at
 * a time when a caged child may not.
 */
static int
connect_syslog(void)
{
	struct timeval limit = {.tv_usec = SYSLOG_WAIT_US};
	int any = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), fd;

	if (any < 0)
		return -1;
	fd = fcntl(any, F_DUPFD_CLOEXEC, DESCRIPTOR_MIN);
	close(any);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (const struct sockaddr *)&self.syslog, sizeof(self.syslog)) == 0)
		return fd;
	close(fd);
	return -1;
}

void
log_to_syslog(const char *path)
{
	self.form = FORM_SYSLOG;
	self.syslog.sun_family = AF_UNIX;
	snprintf(self.syslog.sun_path, sizeof(self.syslog.sun_path), "%s", path);
	self.fd = connect_syslog();
}

int
log_descriptor(void)
{
	return self.fd;
}

void
log_seal(void)
{
	self.sealed = true;
	self.pid = getpid();
}

static size_t
add(char *line, size_t length, const char *format, ...) __attribute__((format(printf, 3, 4)));

static size_t
add(char *line, size_t length, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(line + length, LINE_MAX_BYTES - length, format, arguments);
	va_end(arguments);
	length += n > 0 ? (size_t)n : 0;
	return length < LINE_MAX_BYTES ? length : LINE_MAX_BYTES - 1;
}

static size_t
add_time(char *line)
{
	struct timespec now;
	struct tm utc;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	return add(line, 0, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ ", utc.tm_year + 1900,
	    utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
	    (int)(now.tv_nsec / 1000000));
}

/* As a local syslogd expects it (RFC 3164, 4.1): the months are English in any locale. */
static size_t
add_syslog_head(char *line, enum log_level level)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t now = time(NULL);
	struct tm local;

	localtime_r(&now, &local);
	return add(line, 0,
	    "<%d>%.3s %2d %02d:%02d:%02d rosterd[%d]: ", SYSLOG_DAEMON + priorities[level],
	    months + 3 * local.tm_mon, local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec,
	    (int)(self.sealed ? self.pid : getpid()));
}

static size_t
add_head(char *line, enum log_level level)
{
	switch (self.form) {
	case FORM_PLAIN: return add_time(line);
	case FORM_JOURNAL: return add(line, 0, "<%d>", priorities[level]);
	case FORM_SYSLOG: return add_syslog_head(line, level);
	}
	return 0;
}

/* Whatever was forgotten to be escaped cannot begin a line of its own, or move the cursor. */
static void
clean(char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (bytes[i] < 0x20 || bytes[i] > 0x7e)
			bytes[i] = '?';
}

/* A syslogd that was started anew has a new socket. */
static void
find_syslog(void)
{
	if (self.sealed)
		return;
	if (self.fd >= 0)
		close(self.fd);
	self.fd = connect_syslog();
}

static bool
put_syslog(const char *line, size_t length)
{
	time_t now = time(NULL);

	if (now == self.stuck)
		return false;
	if (self.fd >= 0 && write(self.fd, line, length) >= 0)
		return true;
	if (self.fd >= 0 && errno == EAGAIN) {
		self.stuck = now;
		return false;
	}
	find_syslog();
	return self.fd >= 0 && write(self.fd, line, length) >= 0;
}

static bool
put_stderr(const char *line, size_t length)
{
	struct pollfd p = {.fd = self.fd, .events = POLLOUT};

	/* A pipe says that there is room if it has PIPE_BUF bytes, more than a line. */
	return (self.sealed || poll(&p, 1, 0) == 1) && write(self.fd, line, length) >= 0;
}

/* There is nobody to tell if the log cannot be written but the next line. */
static void
put_line(const char *line, size_t length)
{
	bool written =
	    self.form == FORM_SYSLOG ? put_syslog(line, length) : put_stderr(line, length);

	self.lost = written ? 0 : self.lost + 1;
}

static void write_line(enum log_level level, const char *event, const char *format,
    va_list arguments) __attribute__((format(printf, 3, 0)));

static void
write_line(enum log_level level, const char *event, const char *format, va_list arguments)
{
	char line[LINE_MAX_BYTES + 1];
	size_t length, head;
	int error = errno, n;

	if (level > self.threshold)
		return;
	length = head = add_head(line, level);
	length = add(line, length, "%s %s ", names[level], event);
	if (self.lost > 0)
		length = add(line, length, "lost_lines=%lu ", self.lost);
	n = vsnprintf(line + length, LINE_MAX_BYTES - length, format, arguments);
	length += n > 0 ? (size_t)n : 0;
	if (length > LINE_MAX_BYTES - 1)
		length = LINE_MAX_BYTES - 1;
	clean(line + head, length - head);
	if (self.form != FORM_SYSLOG)
		line[length++] = '\n';
	put_line(line, length);
	errno = error;
}

#define LOG_FUNCTION(name, level)                             \
	void name(const char *event, const char *format, ...) \
	{                                                     \
		va_list arguments;                            \
                                                              \
		va_start(arguments, format);                  \
		write_line(level, event, format, arguments);  \
		va_end(arguments);                            \
	}

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warning, LOG_LEVEL_WARNING)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)

const char *
log_escape(char *out, size_t size, const char *text, size_t length)
{
	static const char hex[] = "0123456789abcdef";
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
			if (used + 1 >= size)
				break;
			out[used++] = (char)c;
		} else {
			if (used + 4 >= size)
				break;
			out[used++] = '\\';
			out[used++] = 'x';
			out[used++] = hex[c >> 4];
			out[used++] = hex[c & 15];
		}
	}
	out[used] = '\0';
	return out;
}
