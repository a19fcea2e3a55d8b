#include "signing.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../child/child.h"
#include "../shm/clock.h"
#include "../shm/log.h"
#include "signer.h"

#define KEY_MAX 65536
#define READY_MS 10000 /* for a signer to read its key */
#define STEADY_MS 1000 /* one that lived so long has a successor at once */
#define AGAIN_MS 200   /* ... others later */

void
signing_prepare(struct signing *s, const struct options *options)
{
	memset(s, 0, sizeof(*s));
	s->options = options;
	s->key = s->line = -1;
}

/* The descriptor of a copy without a name, or -1 and errno. */
static int
copy_key(const char *path)
{
	int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int to = memfd_create("rosterd-key", MFD_CLOEXEC);
	int error = 0;

	if (from < 0 || to < 0 || sendfile(to, from, NULL, KEY_MAX) < 0) {
		error = errno;
		if (to >= 0)
			close(to);
		to = -1;
	}
	if (from >= 0)
		close(from);
	errno = error;
	return to;
}

static void
complain(const char *option, const char *path, const char *why)
{
	options_complain("--%s %s: %s", option, path, why);
}

static int
open_files(const struct options *o)
{
	const char *why = child_certify(o->cert);
	int key;

	if (why != NULL) {
		complain("cert", o->cert, why);
		return -1;
	}
	if ((key = copy_key(o->key)) < 0)
		complain("key", o->key, strerror(errno));
	return key;
}

bool
signing_check(const struct options *options)
{
	const char *why;
	int key;

	if (options->cert == NULL)
		return true;
	if ((key = open_files(options)) < 0)
		return false;
	if ((why = signer_check(key)) != NULL)
		complain("key", options->key, why);
	close(key);
	return why == NULL;
}

_Noreturn static void
become_signer(const struct signing *s, int owner)
{
	struct signer_start start = {
	    .key = s->key, .owner = owner, .caged = strcmp(s->options->sandbox, "off") != 0};
	int keep[] = {s->key, owner, -1, -1};

	if (log_descriptor() >= 0)
		keep[2] = log_descriptor();
	child_close_others(keep);
	_exit(signer_run(&start));
}

static void
close_line(struct signing *s)
{
	if (s->line >= 0)
		close(s->line);
	s->line = -1;
}

static bool
start(struct signing *s)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return false;
	if ((s->pid = fork()) == 0)
		become_signer(s, ends[1]);
	close(ends[1]);
	s->line = ends[0];
	s->started_ms = clock_ms();
	s->restart_ms = 0;
	if (s->pid < 0) {
		close_line(s);
		return false;
	}
	s->started++;
	return true;
}

/* NULL, or what the signer does not like. */
static const char *
await(const struct signing *s)
{
	static char why[256];
	struct pollfd p = {.fd = s->line, .events = POLLIN};
	ssize_t got;

	if (poll(&p, 1, READY_MS) != 1 || (got = recv(s->line, why, sizeof(why) - 1, 0)) <= 0)
		return "the signer has died";
	why[got] = '\0';
	return why[0] != '\0' ? why : NULL;
}

static void
tell_started(const struct signing *s)
{
	log_info("signer-started", "pid=%d number=%u", (int)s->pid, s->started);
}

int
signing_read(struct signing *s)
{
	s->key = open_files(s->options);
	return s->key < 0 ? -1 : 0;
}

int
signing_start(struct signing *s)
{
	const char *why = "no process could be started";

	if (start(s) && (why = await(s)) == NULL) {
		tell_started(s);
		return 0;
	}
	complain("key", s->options->key, why);
	signing_close(s);
	return -1;
}

void
signing_lost(struct signing *s, uint64_t now_ms)
{
	char byte;

	/* A successor says that it is ready. */
	if (s->line < 0 || recv(s->line, &byte, 1, MSG_DONTWAIT) > 0)
		return;
	close_line(s);
	s->restart_ms = now_ms + (now_ms - s->started_ms > STEADY_MS ? 0 : AGAIN_MS);
	log_warning("signer-ended", "pid=%d number=%u", (int)s->pid, s->started);
}

bool
signing_turn(struct signing *s, uint64_t now_ms)
{
	if (s->restart_ms == 0 || now_ms < s->restart_ms)
		return false;
	if (start(s)) {
		tell_started(s);
		return true;
	}
	log_error("no-signer", "errno=\"%s\"", strerror(errno));
	s->restart_ms = now_ms + AGAIN_MS;
	return false;
}

int
signing_admit(struct signing *s)
{
	int ends[2], error;
	char byte = 0;
	struct iovec piece = {&byte, 1};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	struct msghdr message = {.msg_iov = &piece,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control)};

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -1;
	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.align), &ends[1], sizeof(int));
	if (sendmsg(s->line, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == 1) {
		close(ends[1]);
		return ends[0];
	}
	error = errno;
	close(ends[0]);
	close(ends[1]);
	errno = error;
	return -1;
}

void
signing_close(struct signing *s)
{
	close_line(s);
	if (s->key >= 0)
		close(s->key);
	s->key = -1;
}
