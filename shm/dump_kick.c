#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dump.h"
#include "emit.h"
#include "register.h"

#define ANSWER_MS 5000
#define BEGINNING_MIN 4 /* digits that tell one client from all others */

/*
 * The client whose token begins so, if there is just one.  DUMP_FINE, and its
 * entry; else it was said why not.
 */
static int
find(const struct dump *d, const char *beginning, struct entry_seen *found)
{
	size_t length = strlen(beginning);
	unsigned count = 0;

	if (length < BEGINNING_MIN) {
		fprintf(stderr, "rosterd-dump: kick: %d digits of the token are needed\n",
		    BEGINNING_MIN);
		return DUMP_USAGE;
	}
	for (uint32_t slot = 0; slot < d->header->limits.max_clients; slot++) {
		struct entry_seen entry;

		if (!segment_look(d->header, slot, &entry) ||
		    (entry.state != ENTRY_OPEN && entry.state != ENTRY_CLAIMED) ||
		    strncmp(entry.token, beginning, length) != 0)
			continue;
		*found = entry;
		count++;
	}
	if (count == 1)
		return DUMP_FINE;
	fprintf(stderr, "rosterd-dump: kick: %s has a token that begins so\n",
	    count == 0 ? "nobody" : "more than one client");
	return count == 0 ? DUMP_NO_INPUT : DUMP_USAGE;
}

static int
connect_ticker(const struct dump *d)
{
	struct sockaddr_un address;
	socklen_t length = register_address(&address, d->name, d->header->door);
	int fd;

	if ((fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, length) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Say it and take the answer: its kind, or 0 if none came. */
static uint32_t
ask(int fd, const struct register_message *m)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct register_message answer = {0};
	int none, got, result = register_send(fd, m, NULL, 0);

	if (result == 0 && poll(&p, 1, ANSWER_MS) != 1) {
		errno = ETIMEDOUT;
		return 0;
	}
	if (result == 0)
		result = register_receive(fd, &answer, &none, 0, &got);
	if (result == 1)
		return answer.kind;
	/* A ticker that does not listen to this user closes without a word, read or unread. */
	if (result == 0 || errno == EPIPE || errno == ECONNRESET)
		errno = EPERM;
	return 0;
}

static int
judge(const struct dump *d, const struct entry_seen *entry, uint32_t kind)
{
	struct text out = {0};

	if (kind != REGISTER_DONE) {
		fprintf(stderr, "rosterd-dump: kick: %s\n",
		    kind == REGISTER_REFUSED ? "it has just left" : strerror(errno));
		return kind == REGISTER_REFUSED ? DUMP_NO_INPUT
		       : errno == EPERM         ? DUMP_REFUSED
						: DUMP_TRY_AGAIN;
	}
	if (!d->json) {
		printf("%s pid %u, token %s, peer %s\n", d->kill ? "killed" : "closing",
		    entry->pid, dump_plain(entry->token), dump_plain(entry->peer));
		return DUMP_FINE;
	}
	text_string(&out, "{");
	emit_text(&out, d->kill ? "killed" : "closing", entry->token);
	emit_number(&out, "pid", entry->pid);
	emit_text(&out, "peer", entry->peer);
	text_string(&out, "}\n");
	return dump_text(&out);
}

int
dump_kick(struct dump *d)
{
	struct register_message m = {.kind = d->kill ? REGISTER_KILL : REGISTER_KICK};
	struct entry_seen entry = {0};
	uint32_t kind;
	int code, fd;

	if (d->file) {
		fprintf(stderr, "rosterd-dump: kick: nobody lives in a copy\n");
		return DUMP_USAGE;
	}
	if ((code = find(d, d->argument, &entry)) != DUMP_FINE)
		return code;
	m.segment = d->header->id;
	memcpy(m.token, entry.token, TOKEN_LENGTH);
	if ((fd = connect_ticker(d)) < 0) {
		fprintf(stderr, "rosterd-dump: kick: no ticker: %s\n", strerror(errno));
		return DUMP_TRY_AGAIN;
	}
	kind = ask(fd, &m);
	close(fd);
	return judge(d, &entry, kind);
}
