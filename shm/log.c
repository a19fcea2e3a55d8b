#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

static enum log_level threshold = LOG_LEVEL_INFO;

void
log_set_level(enum log_level level)
{
	threshold = level;
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

static void write_line(enum log_level level, const char *event, const char *format,
    va_list arguments) __attribute__((format(printf, 3, 0)));

static void
write_line(enum log_level level, const char *event, const char *format, va_list arguments)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};
	char line[LINE_MAX_BYTES + 1];
	size_t length;
	int error = errno, n;

	if (level > threshold)
		return;
	length = add_time(line);
	length = add(line, length, "%s %s ", names[level], event);
	n = vsnprintf(line + length, LINE_MAX_BYTES - length, format, arguments);
	length += n > 0 ? (size_t)n : 0;
	if (length > LINE_MAX_BYTES - 1)
		length = LINE_MAX_BYTES - 1;
	line[length++] = '\n';
	/* There is nobody to tell if the log cannot be written. */
	if (write(STDERR_FILENO, line, length) < 0)
		errno = 0;
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
