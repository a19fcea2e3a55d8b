#include "ticker.h"

#include <bsd/unistd.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "../shm/clock.h"
#include "../shm/fault.h"
#include "../shm/log.h"
#include "adopt.h"
#include "bells.h"
#include "deflate.h"
#include "departure.h"
#include "drain.h"
#include "events.h"
#include "group.h"
#include "latch.h"
#include "options.h"
#include "post.h"
#include "reception.h"
#include "tell.h"
#include "tick.h"

/*
 * While there is mail it is looked for without a system call in between, but
 * events are not left waiting for longer than this.
 */
#define MAIL_US 4000
#define EVENTS 64

/* An epoll loop may hold a descriptor for each client's life line and doorbell. */
static void
raise_descriptors(struct ticker *t)
{
	struct rlimit limit;

	t->bells_below = INT_MAX;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < INT_MAX)
		t->bells_below = (int)(limit.rlim_max / 2);
}

/*
 * In the place of one that cannot be used.  One that was left to its clients
 * (handover.h) has lost its name to another, whose it is.
 */
static int
make_segment(struct ticker *t, bool nameless)
{
	if (nameless) {
		log_error("no-segment", "why=\"the name is another one's by now\"");
		return -1;
	}
	if (segment_create(&t->segment, t->start.name, &t->start.limits, 0600) < 0) {
		log_error("no-segment", "errno=\"%s\"", strerror(errno));
		return -1;
	}
	t->segment.header->door = t->start.door;
	return 0;
}

/* Members of --group may read it, too. */
static void
share_segment(const struct ticker *t)
{
	gid_t gid;

	if (t->start.group == NULL || !group_find(t->start.group, &gid))
		return;
	if (segment_share(&t->segment, gid) < 0)
		log_warning(
		    "cannot-share", "group=%s errno=\"%s\"", t->start.group, strerror(errno));
}

/* The segment that was there before, or a new one. */
static int
open_segment(struct ticker *t, bool *adopted)
{
	int given = t->start.segment;
	bool nameless = given >= 0 && segment_is_replaced(given, t->start.name);
	const char *why;

	*adopted = given >= 0 && segment_open_fd(&t->segment, given, &why) == 0;
	if (given >= 0 && !*adopted)
		log_warning(
		    "segment-replaced", "why=\"%s\"", why != NULL ? why : strerror(errno));
	if (!*adopted && make_segment(t, nameless) < 0)
		return -1;
	FAULT("ticker.segment");
	share_segment(t);
	t->header = t->segment.header;
	t->commons = segment_commons(t->header);
	t->max_clients = t->header->limits.max_clients;
	return 0;
}

/*
 * One ticker for a segment.  Two listeners may both find that it died, and each
 * starts the next: the kernel gives this name to one of them, and takes it back
 * when that ends, however it does.
 */
static int
take_office(struct ticker *t)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int length = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1,
	    "rosterd/%u/%s/%016llx", (unsigned)geteuid(), t->start.name,
	    (unsigned long long)t->header->id);

	t->office = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (t->office < 0)
		return -1;
	return bind(t->office, (struct sockaddr *)&address,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length));
}

static int
encode_version(struct ticker *t)
{
	json_t *string = json_string(t->start.version);
	size_t most = 6 * strlen(t->start.version) + 3;

	if (string == NULL || !text_reserve(&t->version, most))
		return -1;
	t->version.length = json_dumpb(string, t->version.bytes, most, JSON_ENCODE_ANY);
	json_decref(string);
	return 0;
}

static struct timespec
in_ms(uint64_t ms)
{
	return (struct timespec){
	    .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
}

/* Until the first tick: it is due a period after the last one of the ticker before us. */
static uint64_t
until_tick(const struct ticker *t)
{
	uint64_t last = load_relaxed(&t->header->tick_boot_ms), now = clock_boot_ms();
	uint64_t period = t->start.tick_ms;

	if (last == 0 || last > now)
		return period;
	return now - last < period ? last + period - now : 1;
}

static int
start_timer(struct ticker *t)
{
	struct itimerspec timer = {
	    .it_interval = in_ms(t->start.tick_ms), .it_value = in_ms(until_tick(t))};

	t->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return t->timer < 0 ? -1 : timerfd_settime(t->timer, 0, &timer, NULL);
}

/* An exit code. */
static int
set_up(struct ticker *t, const struct ticker_start *start)
{
	struct epoll_event bell = {
	    .events = EPOLLIN | EPOLLET, .data.u64 = (uint64_t)TAG_BELL << 56};
	bool adopted;

	/* The process may be a fork of a ticker (guard.h): nothing of that one counts. */
	memset(t, 0, sizeof(*t));
	t->start = *start;
	t->spawner = -1;
	raise_descriptors(t);
	if (open_segment(t, &adopted) < 0)
		return EXIT_SYSTEM;
	if (take_office(t) < 0) {
		log_info("ticker-not-needed", "errno=\"%s\"", strerror(errno));
		return EXIT_TRY_AGAIN;
	}
	t->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (t->epoll < 0 || books_make(t) < 0 || tick_make(t) < 0 || post_make(t) < 0 ||
	    deflate_make(t) < 0 || encode_version(t) < 0 || start_timer(t) < 0 ||
	    events_watch(t, t->start.registration, TAG_REGISTRATION, 0, 0) < 0 ||
	    events_watch(t, t->timer, TAG_TIMER, 0, 0) < 0 ||
	    epoll_ctl(t->epoll, EPOLL_CTL_ADD, t->start.bell, &bell) < 0) {
		log_error("ticker-setup", "errno=\"%s\"", strerror(errno));
		return EXIT_SYSTEM;
	}
	if (!adopted)
		lock_make(&t->commons->lock);
	lock_introduce(
	    &t->user, &t->commons->lock, LOCK_TICKER, load_relaxed(&t->header->tickers) + 1);
	lock_register(&t->user, &t->badge, &t->header->closed);
	store_relaxed(&t->header->tickers, load_relaxed(&t->header->tickers) + 1);
	FAULT("ticker.counted");
	store_relaxed(&t->header->ticker_pid, (uint32_t)getpid());
	store_relaxed(&t->header->tick_ms, t->start.tick_ms);
	store_relaxed(&t->header->tick_boot_ms, clock_boot_ms());
	if (adopted)
		adopt_segment(t);
	else
		adopt_nothing(t);
	FAULT("ticker.adopted");
	snprintf(t->header->reserved, sizeof(t->header->reserved), "%s", books_reserved(t));
	if (t->seated_count == 0 && load_relaxed(&t->header->empty_boot_ms) == 0)
		store_relaxed(&t->header->empty_boot_ms, clock_boot_ms());
	store_release(&t->header->ready, 1);
	FAULT("ticker.ready");
	return EXIT_FINE;
}

static void
on_timer(struct ticker *t)
{
	uint64_t times;

	if (read(t->timer, &times, sizeof(times)) != (ssize_t)sizeof(times))
		return;
	if (times > 1)
		count_add(&t->header->counters.ticks_late, times - 1);
	tick_run(t, clock_ms());
	if (t->yielding && (t->telling == 0 || clock_ms() >= t->yield_ms))
		t->over = true;
}

/*
 * It woke us: that is all, but a counter that is full lets nobody else ring, and
 * any child can fill it.
 */
static void
on_bell(struct ticker *t)
{
	uint64_t rings;

	if (read(t->start.bell, &rings, sizeof(rings)) == (ssize_t)sizeof(rings))
		t->rung = true;
}

static void
dispatch(struct ticker *t, struct event e)
{
	switch (e.tag) {
	case TAG_REGISTRATION: reception_accept(t); break;
	case TAG_TIMER: on_timer(t); break;
	case TAG_DRAIN: drain_step(t); break;
	case TAG_BELL: on_bell(t); break;
	case TAG_STRANGER: reception_stranger(t, (int)e.number); break;
	case TAG_LISTENER: reception_listener(t, e.number); break;
	case TAG_LINE: reception_line(t, e.number, e.generation); break;
	case TAG_DEATH: departure_death(t, e.number, e.generation); break;
	case TAG_SPAWNER:
		tell_hear(t);
		if (t->telling == 0)
			departure_retry(t);
		break;
	}
}

/* Milliseconds until all outboxes may be looked at again: the more there are, the less often. */
static int
until_look(const struct ticker *t)
{
	uint64_t due = t->marked_ms + 1 + t->seated_count / 100, now = clock_ms();

	return due > now ? (int)(due - now) : 0;
}

/*
 * Somebody rang, but there is no mark.  As a rule there was one, and it is dealt
 * with; but any child can erase marks.
 */
static bool
look_behind_marks(struct ticker *t)
{
	if (!t->rung || until_look(t) > 0)
		return false;
	t->rung = false;
	t->marked_ms = clock_ms();
	return post_mark_all(t);
}

static bool
carry_mail(struct ticker *t, uint64_t until_us)
{
	bool any = post_scan(t, until_us);

	if (any)
		t->rung = false;
	else if (look_behind_marks(t))
		any = post_scan(t, until_us);
	if (t->blocked_count > 0) {
		post_retry(t);
		departure_retry(t);
	}
	bells_flush(t);
	return any;
}

/* Mail until there is none; then doze, and look once more (mail.h). */
static int
mail_or_doze(struct ticker *t)
{
	uint64_t until = clock_us() + MAIL_US;

	do {
		if (carry_mail(t, until))
			continue;
		bell_doze(&t->header->asleep);
		if (!carry_mail(t, until))
			return t->rung ? until_look(t) : -1;
		bell_rise(&t->header->asleep);
	} while (clock_us() < until);
	return 0;
}

static void
loop(struct ticker *t)
{
	struct epoll_event ready[EVENTS];

	while (!t->over) {
		int timeout = mail_or_doze(t);
		int count = epoll_wait(t->epoll, ready, EVENTS, timeout);

		bell_rise(&t->header->asleep);
		for (int i = 0; i < count; i++)
			dispatch(t, events_decode(ready[i].data.u64));
	}
}

static void
end(struct ticker *t)
{
	const char *name = t->start.name;

	if (t->yielding) {
		log_info("ticker-yields", "name=%s", name);
		return;
	}
	if (!segment_is_replaced(t->segment.fd, name))
		segment_unlink(name);
	if (t->latch >= 0)
		latch_remove(t->latch, name);
	else
		latch_clear(name);
	store_release(&t->header->ticker_pid, 0);
	log_info("ticker-over", "name=%s", name);
}

int
ticker_run(const struct ticker_start *start)
{
	static struct ticker ticker;
	const struct sched_param none = {0};
	int code;

	FAULT_ROLE(FAULT_TICKER);
	setproctitle("ticker");
	/* It ends when the listener says so or when nobody is left, not by a signal to all. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	(void)sched_setscheduler(0, SCHED_BATCH, &none);
	if ((code = set_up(&ticker, start)) != EXIT_FINE)
		return code;
	log_info("ticker-ready", "name=%s max_clients=%u segment_mib=%llu", start->name,
	    ticker.max_clients, (unsigned long long)(ticker.header->layout.size >> 20));
	loop(&ticker);
	end(&ticker);
	FAULT("ticker.over");
	return EXIT_FINE;
}
