#include "lifetime.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "../shm/clock.h"
#include "../shm/log.h"
#include "handover.h"
#include "latch.h"
#include "proxied.h"

#define DRAIN_MS 10000      /* for the last clients to go */
#define LEAVE_MS 2000       /* for the ticker to end */
#define AGAIN_MS 1000       /* before it is tried again to leave */
#define RESTART_MIN_MS 50   /* before a ticker is started again ... */
#define RESTART_MAX_MS 1000 /* ... at most, when it dies again and again */
#define STEADY_MS 1000      /* one that lives so long is none that dies again and again */

int
lifetime_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static const struct header *
header_of(const struct listener *l)
{
	return l->keeper.segment.header;
}

/* One that lived for a while is started again at once, more or less. */
static void
schedule_restart(struct listener *l)
{
	uint64_t now = clock_ms();

	if (l->restart_wait_ms == 0 || now - l->started_ms > STEADY_MS)
		l->restart_wait_ms = RESTART_MIN_MS;
	if (l->replacing) {
		l->replacing = false;
		l->restart_ms = now;
		return;
	}
	l->restart_ms = now + l->restart_wait_ms;
	l->restart_wait_ms *= 2;
	if (l->restart_wait_ms > RESTART_MAX_MS)
		l->restart_wait_ms = RESTART_MAX_MS;
}

void
lifetime_ticker(struct listener *l)
{
	struct register_message m;

	if (l->keeper.line < 0)
		return;
	switch (keeper_hear(&l->keeper, &m)) {
	case KEEPER_QUIET:
	case KEEPER_BAD: break;
	case KEEPER_TOLD: proxied_admit(l, &m); break;
	case KEEPER_READY:
		l->restart_ms = 0; /* it may be one that another listener started */
		if (!instance_goes_by(header_of(l), l->options))
			log_error("not-serving",
			    "why=\"another listener of this name has another --on-connect or "
			    "--reserved\"");
		listening_map_front(l);
		listening_follow_hooks(l);
		spawn_limit(&l->settings, header_of(l));
		/* The one before may not have heard it. */
		if (l->phase == PHASE_DRAINING)
			keeper_drain(&l->keeper, 0);
		break;
	case KEEPER_LOST: schedule_restart(l); break;
	}
}

void
lifetime_spawner(struct listener *l)
{
	if (l->hooks.line >= 0)
		hooks_lost(&l->hooks, clock_ms());
}

/* Is no slot in use? */
static bool
is_empty(const struct listener *l)
{
	return load_acquire(&header_of(l)->empty_boot_ms) != 0;
}

/* Clients that are sent away need one to the last. */
static bool
wants_ticker(const struct listener *l)
{
	return l->phase == PHASE_SERVING || (l->phase == PHASE_DRAINING && !is_empty(l));
}

static void
restart_ticker(struct listener *l, uint64_t now)
{
	if (l->restart_ms == 0 || now < l->restart_ms || !wants_ticker(l))
		return;
	l->started_ms = now;
	if (keeper_restart(&l->keeper) == 0) {
		l->restart_ms = 0;
		listening_watch(l, l->keeper.line, SOURCE_TICKER, 0);
		listening_show_counts(l);
	} else {
		l->restart_ms = now + RESTART_MAX_MS;
	}
}

static void
drain(struct listener *l)
{
	uint32_t spread_ms = l->options->drain_s * 1000;

	if (l->phase != PHASE_SERVING)
		return;
	log_info(
	    "draining", "children=%u seconds=%u", l->children.running, l->options->drain_s);
	announce_stopping(&l->announce);
	l->phase = PHASE_DRAINING;
	l->over_ms = clock_ms() + spread_ms + DRAIN_MS;
	keeper_drain(&l->keeper, spread_ms);
}

/* Nobody is there, and nobody may come before the ticker has heard that we go. */
static void
leave(struct listener *l, uint64_t now)
{
	int latch = latch_take(l->options->name, LATCH_ALONE, 0);

	if ((latch < 0 && errno == EAGAIN) || !is_empty(l)) {
		if (latch >= 0)
			close(latch);
		l->idle_ms = now + AGAIN_MS;
		return;
	}
	log_info("leaving", "idle_seconds=%llu", (unsigned long long)l->idle_for_ms / 1000);
	announce_stopping(&l->announce);
	l->latch = latch;
	l->idle_ms = 0;
	l->phase = PHASE_LEAVING;
	l->over_ms = now + LEAVE_MS;
	keeper_leave(&l->keeper);
}

/* Looked at once in a while: for how long has nobody been there? */
static void
look_for_clients(struct listener *l, uint64_t now)
{
	uint64_t empty, boot = clock_boot_ms(), idle = 0;

	if (l->idle_ms == 0 || now < l->idle_ms || l->phase != PHASE_SERVING)
		return;
	empty = load_acquire(&header_of(l)->empty_boot_ms);
	if (l->keeper.ready && l->children.running == 0 && empty != 0 && empty <= boot)
		idle = boot - empty;
	if (idle >= l->idle_for_ms)
		leave(l, now);
	else
		l->idle_ms = now + l->idle_for_ms - idle;
}

static void
tell_state(struct listener *l)
{
	const struct header *h = header_of(l);
	unsigned long long tick_age = clock_boot_ms() - load_relaxed(&h->tick_boot_ms);

	log_info("state",
	    "name=%s children=%u clients=%u ticker=%s ticker_pid=%u tickers=%u "
	    "tick_age_ms=%llu "
	    "snapshot=%llu ended=%llu killed=%llu sockets=%u",
	    l->options->name, l->children.running, load_relaxed(&h->clients),
	    l->keeper.ready ? "ready" : "none", load_relaxed(&h->ticker_pid),
	    load_relaxed(&h->tickers), tick_age,
	    (unsigned long long)load_relaxed(&h->current) >> 8,
	    (unsigned long long)l->children.ended, (unsigned long long)l->children.killed,
	    l->ports.count);
	announce_status(&l->announce, "%u clients", load_relaxed(&h->clients));
}

static void
try_upgrade(struct listener *l)
{
	if (l->phase != PHASE_SERVING || l->upgrade.trial >= 0)
		return;
	log_info("upgrade-tried", "name=%s", l->options->name);
	announce_reloading(&l->announce);
	if (upgrade_try(&l->upgrade) == 0) {
		listening_watch(l, l->upgrade.trial, SOURCE_UPGRADE, 0);
		return;
	}
	log_error("upgrade-refused", "errno=\"%s\"", strerror(errno));
	announce_ready(&l->announce, true);
}

/* It becomes the other binary; whatever comes meanwhile waits in queues. */
static void
hand_over(struct listener *l)
{
	const struct keeper *k = &l->keeper;
	struct handover h = {
	    .bequest = {k->registration, k->bell, k->parts, k->line, k->pid, k->started},
	    .ports = l->ports,
	    .children = l->children,
	    .hooks = l->hooks.socket,
	    .spawner = l->hooks.line,
	    .host = l->host,
	    .inetd = l->inetd,
	    .syslog = log_descriptor() != STDERR_FILENO,
	};

	if (handover_leave(&h) == 0)
		upgrade_execute();
	handover_undo(&h);
	log_error("upgrade-refused", "errno=\"%s\"", strerror(errno));
	announce_ready(&l->announce, true);
}

void
lifetime_upgrade(struct listener *l)
{
	int code;

	if (l->upgrade.trial < 0)
		return;
	code = upgrade_result(&l->upgrade);
	if (l->phase != PHASE_SERVING)
		return;
	if (code == EXIT_FINE) {
		hand_over(l);
		return;
	}
	log_error("upgrade-refused", "check=%d", code);
	announce_ready(&l->announce, true);
}

void
lifetime_signal(struct listener *l)
{
	struct signalfd_siginfo info;
	int status;

	while (read(l->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			if (spawn_reap(&l->children, &l->admission, l->keeper.pid, &status) &&
			    keeper_ended(&l->keeper, status))
				schedule_restart(l);
			break;
		case SIGTERM:
		case SIGINT: drain(l); break;
		case SIGHUP: try_upgrade(l); break;
		case SIGUSR1: tell_state(l); break;
		default: break;
		}
	}
	listening_show_counts(l);
}

/* Neither is there a ticker any more, nor will there be one. */
static bool
is_deserted(const struct listener *l)
{
	return l->phase != PHASE_SERVING && l->keeper.line < 0 && !wants_ticker(l);
}

void
lifetime_turn(struct listener *l, uint64_t now)
{
	restart_ticker(l, now);
	if (is_deserted(l))
		hooks_end(&l->hooks);
	else if (hooks_turn(&l->hooks, header_of(l), now))
		listening_watch_hooks(l);
	if (signing_turn(&l->signing, now))
		listening_watch_signer(l);
	look_for_clients(l, now);
	announce_alive(&l->announce, now, load_relaxed(&header_of(l)->clients));
}

static uint64_t
earliest(uint64_t a, uint64_t b)
{
	return b != 0 && b < a ? b : a;
}

int
lifetime_until(const struct listener *l, uint64_t now)
{
	uint64_t due = earliest(l->announce.next_ms, l->over_ms);

	due = earliest(due, l->hooks.restart_ms);
	due = earliest(due, l->signing.restart_ms);
	if (wants_ticker(l))
		due = earliest(due, l->restart_ms);
	if (l->phase == PHASE_SERVING)
		due = earliest(due, l->idle_ms);
	if (due == UINT64_MAX)
		return -1;
	return due > now ? (int)(due - now) : 0;
}

/*
 * Draining and leaving are over when the ticker has ended, and the spawner with
 * what there was to do for it; or when that takes too long.
 */
bool
lifetime_is_over(const struct listener *l, uint64_t now)
{
	return (is_deserted(l) && l->hooks.line < 0) ||
	       (l->phase != PHASE_SERVING && now >= l->over_ms);
}

/* It may have been killed just now: then it has not tidied up. */
static bool
ticker_died(struct listener *l)
{
	uint32_t pid = load_relaxed(&header_of(l)->ticker_pid);
	int status;

	(void)spawn_reap(&l->children, &l->admission, l->keeper.pid, &status);
	return l->keeper.line < 0 && pid != 0 && kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

void
lifetime_end(struct listener *l)
{
	ports_close(&l->ports);
	signing_close(&l->signing);
	announce_over(&l->announce);
	if (is_empty(l) && ticker_died(l) &&
	    !segment_is_replaced(l->keeper.parts, l->options->name))
		segment_unlink(l->options->name);
	if (l->latch >= 0)
		latch_remove(l->latch, l->options->name);
	else
		latch_clear(l->options->name);
	log_info("over", "children=%u", l->children.running);
}
