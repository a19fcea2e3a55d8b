#include "listener.h"

#include <bsd/unistd.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../shm/clock.h"
#include "../shm/fault.h"
#include "../shm/log.h"
#include "fit.h"
#include "handover.h"
#include "lifetime.h"
#include "listening.h"
#include "recount.h"
#include "sockets.h"
#include "user.h"

#define IDLE_USUAL_S 60 /* without --idle-exit, where somebody starts us again at need */
#define ACCEPT_BATCH 64 /* connections before other events get their turn */

/* While no ticker is ready, or no signer, connections wait in the kernel's queue. */
static void
accept_or_not(struct listener *l)
{
	bool ready = l->keeper.ready && l->phase == PHASE_SERVING &&
		     instance_goes_by(l->keeper.segment.header, l->options);

	for (unsigned i = 0; i < l->ports.count; i++) {
		struct port *port = &l->ports.all[i];
		bool want = ready && (!port->tls || l->signing.line >= 0);

		if (want == port->watched)
			continue;
		if (want)
			listening_watch(l, port->fd, SOURCE_SOCKET, i);
		else
			epoll_ctl(l->epoll, EPOLL_CTL_DEL, port->fd, NULL);
		port->watched = want;
	}
}

/* Answered by the listener itself: no process for a client that cannot be served. */
static void
turn_away(int client, bool tls, uint32_t retry_s, const char *reason)
{
	char answer[320];
	int length = snprintf(answer, sizeof(answer),
	    "HTTP/1.1 503 Service Unavailable\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Length: %zu\r\n"
	    "Retry-After: %u\r\n"
	    "Connection: close\r\n\r\n%s",
	    strlen(reason), retry_s, reason);

	/* What it has sent already is read, or closing would reset the connection. */
	char rest[2048];

	if (tls) {
		memcpy(answer, CHILD_ALERT, CHILD_ALERT_LENGTH);
		length = CHILD_ALERT_LENGTH;
	}
	(void)recv(client, rest, sizeof(rest), MSG_DONTWAIT);
	(void)send(client, answer, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(client, SHUT_WR);
	(void)recv(client, rest, sizeof(rest), MSG_DONTWAIT);
	close(client);
}

/* May this one come in?  If not, it was answered. */
static bool
admit(struct listener *l, int client, bool tls, const struct source *source)
{
	struct admission_ruling ruling =
	    admission_ask(&l->admission, source, l->keeper.segment.header);
	const char *reason = NULL;

	switch (ruling.verdict) {
	case ADMISSION_WELCOME: return true;
	case ADMISSION_FULL:
		LISTENING_COUNT(l, refused_full);
		reason = "All places are taken.\n";
		break;
	case ADMISSION_SOURCE:
		LISTENING_COUNT(l, refused_source);
		reason = "There are too many connections from your address.\n";
		break;
	case ADMISSION_PENALTY:
		LISTENING_COUNT(l, refused_penalty);
		reason = "Too many connections from your address were left unfinished.\n";
		break;
	case ADMISSION_EARLY:
		LISTENING_COUNT(l, refused_early);
		reason = "Too many are coming in at once.\n";
		break;
	}
	turn_away(client, tls, ruling.retry_s, reason);
	return false;
}

/* No signature, no TLS. */
static bool
admit_to_signer(struct listener *l, struct child_start *start)
{
	if (!start->tls || (start->signer = signing_admit(&l->signing)) >= 0)
		return true;
	LISTENING_COUNT(l, tls_refused);
	log_error("no-signer", "peer=%s errno=\"%s\"", start->peer, strerror(errno));
	turn_away(start->client, true, 0, "");
	return false;
}

static void
serve_connection(struct listener *l, int client, bool tls,
    const struct sockaddr_storage *address, socklen_t length)
{
	struct child_start start = {
	    .settings = &l->settings,
	    .header = l->keeper.segment.header,
	    .parts = l->keeper.parts,
	    .client = client,
	    .hold = -1,
	    .guardian = -1,
	    .tls = tls,
	    .signer = -1,
	};
	struct source source;
	pid_t pid;

	FAULT("listener.accepted");
	LISTENING_COUNT(l, accepted);
	sockets_name(address, length, start.peer);
	source_of(address, &source);
	/* It stands for all who are behind it: who that is is told later (proxied.h). */
	if (trust_peer(&l->settings.trust, start.peer))
		source.known = false;
	if (!admit(l, client, tls, &source) || !admit_to_signer(l, &start))
		return;
	if (l->settings.hook_ms != 0)
		sockets_own_name(client, start.own);
	pid = spawn_child(&l->children, &start);
	if (start.signer >= 0)
		close(start.signer);
	if (pid < 0) {
		LISTENING_COUNT(l, fork_failed);
		log_error("fork-failed", "peer=%s errno=\"%s\"", start.peer, strerror(errno));
		turn_away(client, tls, 2, "No process could be started.\n");
		return;
	}
	FAULT("listener.spawned");
	admission_enter(&l->admission, &source, pid);
	close(client);
	FAULT("listener.handed");
}

static void
on_socket(struct listener *l, unsigned number)
{
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		struct sockaddr_storage address = {0};
		socklen_t length = sizeof(address);
		int client = accept4(l->ports.all[number].fd, (struct sockaddr *)&address,
		    &length, SOCK_CLOEXEC);

		if (client < 0) {
			if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
				log_warning("accept-failed", "errno=\"%s\"", strerror(errno));
			return;
		}
		serve_connection(l, client, l->ports.all[number].tls, &address, length);
	}
}

static void
set_title(const struct listener *l)
{
	char title[256], name[PEER_LENGTH];

	for (unsigned i = 0; i < l->ports.count; i++) {
		sockets_own_name(l->ports.all[i].fd, name);
		log_info(
		    "listening", "address=%s%s", name, l->ports.all[i].tls ? " tls=on" : "");
	}
	ports_title(&l->ports, title, sizeof(title));
	setproctitle("listener%s", l->host ? " for guests" : title);
}

/* Its own, those of the listener before, or none. */
static int
open_ports(struct listener *l, const struct listener_start *start)
{
	if (start->handover != NULL)
		l->ports = start->handover->ports;
	return l->host ? 0 : ports_open(&l->ports, l->options, start->given);
}

/* In the place of another: this process was it, or it has died. */
static int
take_over(struct listener *l, const struct listener_start *start)
{
	struct instance_bequest bequest =
	    start->handover != NULL ? start->handover->bequest : *start->bequest;
	bool retired;
	int status;

	/* Children that ended while nobody could hear of it. */
	if (start->handover != NULL &&
	    spawn_reap(&l->children, &l->admission, bequest.pid, &status))
		bequest.pid = 0;
	if (instance_take_over(&l->keeper, &bequest, &retired) < 0)
		return -1;
	if (retired)
		hooks_leave(&l->hooks);
	if (retired)
		l->children.running += bequest.pid != 0; /* its ticker is one of many now */
	else if (start->handover != NULL)
		l->replacing = true;
	return 0;
}

static int
open_instance(struct listener *l, const struct listener_start *start)
{
	int result;

	keeper_prepare(&l->keeper, l->options, start->revive);
	if (start->handover != NULL || start->bequest != NULL)
		result = take_over(l, start);
	else
		result = instance_find(&l->keeper, start->latched);
	if (result < 0)
		return -1;
	spawn_limit(&l->settings, l->keeper.segment.header);
	if (!instance_goes_by(l->keeper.segment.header, l->options))
		l->replacing = true;
	if (l->replacing)
		keeper_replace(&l->keeper);
	return 0;
}

static void
prepare(struct listener *l, const struct listener_start *start)
{
	uint32_t idle_s = start->options->idle_exit_s;

	memset(l, 0, sizeof(*l));
	l->options = start->options;
	l->host = start->host;
	l->inetd = start->given->inetd;
	hooks_prepare(&l->hooks, l->options,
	    start->handover != NULL ? start->handover->hooks : -1,
	    start->handover != NULL ? start->handover->spawner : -1);
	signing_prepare(&l->signing, l->options);
	if (start->handover != NULL) {
		l->host = start->handover->host;
		l->inetd = start->handover->inetd;
		l->children = start->handover->children;
	}
	l->latch = -1;
	l->started_ms = clock_ms();
	if (idle_s == 0 && (l->host || l->inetd))
		idle_s = IDLE_USUAL_S;
	l->idle_for_ms = (uint64_t)idle_s * 1000;
	l->idle_ms = idle_s > 0 ? l->started_ms + l->idle_for_ms : 0;
	options_child(l->options, &l->settings);
	upgrade_prepare(&l->upgrade);
	announce_open(&l->announce, l->options);
}

/* What only root may read is read before. */
static int
become_user(struct listener *l)
{
	bool tls = ports_have_tls(&l->ports);

	if (tls && l->options->cert == NULL) {
		options_complain("a socket that is called tls needs --cert and --key");
		return -1;
	}
	if ((tls && signing_read(&l->signing) < 0) || user_become(l->options->user) < 0 ||
	    (tls && signing_start(&l->signing) < 0))
		return -1;
	if (tls)
		listening_watch_signer(l);
	return 0;
}

static int
set_up(struct listener *l, const struct listener_start *start)
{
	prepare(l, start);
	if ((l->signals = lifetime_signals()) < 0 ||
	    (l->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0 ||
	    admission_make(&l->admission, l->options) < 0) {
		log_error("setup", "errno=\"%s\"", strerror(errno));
		return EXIT_SYSTEM;
	}
	if (open_ports(l, start) < 0)
		return EXIT_CONFIG;
	if (become_user(l) < 0)
		return EXIT_CONFIG;
	if (open_instance(l, start) < 0)
		return EXIT_TRY_AGAIN;
	if (child_prepare(&l->settings) < 0)
		return EXIT_SYSTEM;
	if (!l->host)
		child_enlarge();
	if (start->handover != NULL)
		recount_children(&l->admission, &l->settings.trust, l->keeper.segment.header);
	fit_log(l->options, load_relaxed(&l->keeper.segment.header->clients),
	    l->host ? FIT_GUEST : FIT_CHILD);
	listening_map_front(l);
	listening_show_counts(l);
	listening_watch(l, l->signals, SOURCE_SIGNAL, 0);
	listening_watch(l, l->keeper.line, SOURCE_TICKER, 0);
	listening_follow_hooks(l);
	accept_or_not(l);
	set_title(l);
	return EXIT_FINE;
}

static void
dispatch(struct listener *l, enum listening_source source, unsigned number)
{
	switch (source) {
	case SOURCE_SIGNAL: lifetime_signal(l); break;
	case SOURCE_TICKER: lifetime_ticker(l); break;
	case SOURCE_SOCKET: on_socket(l, number); break;
	case SOURCE_UPGRADE: lifetime_upgrade(l); break;
	case SOURCE_SPAWNER: lifetime_spawner(l); break;
	case SOURCE_SIGNER: signing_lost(&l->signing, clock_ms()); break;
	}
}

int
listener_run(const struct listener_start *start)
{
	static struct listener listener;
	struct listener *l = &listener;
	int code = set_up(l, start);

	if (code != EXIT_FINE)
		return code;
	announce_ready(&l->announce, start->handover != NULL);
	while (!lifetime_is_over(l, clock_ms())) {
		struct epoll_event ready[8];
		int count = epoll_wait(l->epoll, ready, 8, lifetime_until(l, clock_ms()));

		for (int i = 0; i < count; i++)
			dispatch(l, (enum listening_source)(ready[i].data.u64 >> 32),
			    (unsigned)ready[i].data.u64);
		lifetime_turn(l, clock_ms());
		accept_or_not(l);
	}
	lifetime_end(l);
	return EXIT_FINE;
}
