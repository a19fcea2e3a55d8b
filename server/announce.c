#include "announce.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../shm/clock.h"
#include "../shm/log.h"

#define PATH_BYTES 4096

/* The address may be a path or, with an @, abstract (sd_notify(3)). */
static void
find_notify(struct announce *a)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t length = path != NULL ? strlen(path) : 0;

	if (length < 2 || (path[0] != '/' && path[0] != '@') ||
	    length >= sizeof(a->notify.sun_path))
		return;
	a->notify.sun_family = AF_UNIX;
	memcpy(a->notify.sun_path, path, length);
	if (path[0] == '@')
		a->notify.sun_path[0] = '\0';
	a->notify_length =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (path[0] == '/'));
}

/* Half of what is allowed, as sd_watchdog_enabled(3) recommends. */
static void
find_watchdog(struct announce *a)
{
	const char *us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	unsigned long long period = us != NULL ? strtoull(us, NULL, 10) : 0;

	a->next_ms = UINT64_MAX;
	if (period == 0 || (pid != NULL && atol(pid) != (long)getpid()))
		return;
	a->watchdog_ms = period / 2000 > 0 ? period / 2000 : 1;
	a->next_ms = clock_ms() + a->watchdog_ms;
}

void
announce_open(struct announce *a, const struct options *options)
{
	memset(a, 0, sizeof(*a));
	a->options = options;
	find_notify(a);
	find_watchdog(a);
}

static void
notify(struct announce *a, const char *text)
{
	int fd;

	if (a->notify.sun_family == 0)
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
			  (const struct sockaddr *)&a->notify, a->notify_length) < 0)
		log_warning("not-notified", "errno=\"%s\"", strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* Written beside and moved into its place: who reads it reads all of it. */
static void
write_pidfile(const char *path)
{
	char beside[PATH_BYTES];
	FILE *file;

	snprintf(beside, sizeof(beside), "%s.new", path);
	file = fopen(beside, "we");
	if (file == NULL || fprintf(file, "%d\n", (int)getpid()) < 0) {
		log_warning("no-pidfile", "errno=\"%s\"", strerror(errno));
		if (file != NULL)
			fclose(file);
		return;
	}
	if (fclose(file) != 0 || rename(beside, path) < 0)
		log_warning("no-pidfile", "errno=\"%s\"", strerror(errno));
}

static void
tell_descriptor(int fd)
{
	if (fd == 0)
		return;
	if (write(fd, "\n", 1) < 0)
		log_warning("ready-fd", "fd=%d errno=\"%s\"", fd, strerror(errno));
	close(fd);
}

void
announce_ready(struct announce *a, bool again)
{
	if (a->options->pidfile != NULL)
		write_pidfile(a->options->pidfile);
	if (!again)
		tell_descriptor((int)a->options->ready_fd);
	notify(a, "READY=1");
}

/* Since when is what systemd 253 and later compare with their own time. */
void
announce_reloading(struct announce *a)
{
	char text[64];

	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu",
	    (unsigned long long)clock_us());
	notify(a, text);
}

void
announce_stopping(struct announce *a)
{
	notify(a, "STOPPING=1");
}

void
announce_status(struct announce *a, const char *format, ...)
{
	char text[256] = "STATUS=";
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text + strlen(text), sizeof(text) - strlen(text), format, arguments);
	va_end(arguments);
	notify(a, text);
}

void
announce_alive(struct announce *a, uint64_t now_ms, uint32_t clients)
{
	char text[64];

	if (now_ms < a->next_ms)
		return;
	a->next_ms = now_ms + a->watchdog_ms;
	snprintf(text, sizeof(text), "WATCHDOG=1\nSTATUS=%u clients", clients);
	notify(a, text);
}

/* By then it may be another listener's. */
void
announce_over(struct announce *a)
{
	const char *path = a->options->pidfile;
	FILE *file = path != NULL ? fopen(path, "re") : NULL;
	int pid = 0;

	if (file == NULL)
		return;
	if (fscanf(file, "%d", &pid) == 1 && pid == (int)getpid())
		unlink(path);
	fclose(file);
}
