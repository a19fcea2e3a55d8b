/*
 * race threads|processes MILLISECONDS [HUNT...] - each hunt, or those named.
 */
#include "race.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct hunt *const hunts[] = {&hunt_slot, &hunt_directory, &hunt_snapshot,
    &hunt_lock, &hunt_closed, &hunt_mail, &hunt_log, &hunt_bells};

/* What the workers share with who started them. */
struct tally {
	_Atomic uint32_t over;
	struct {
		_Atomic uint64_t done, vain;
	} of[RACE_WORKERS_MAX];
};

struct start {
	const struct role *role;
	struct worker worker;
	unsigned place; /* among all of the hunt */
	pthread_t thread;
	pid_t pid;
};

enum { INTERRUPT_US = 300, PAUSE_US = 50 };

static struct tally *tally;

void *
race_memory(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(at != MAP_FAILED, "no memory");
	return at;
}

bool
race_is_over(void)
{
	return load_relaxed(&tally->over) != 0;
}

void
race_fill(char *text, size_t length, uint64_t key)
{
	size_t i = 0;

	for (; i + sizeof(key) <= length; i += sizeof(key)) {
		uint64_t word = key ^ i << 40;

		memcpy(text + i, &word, sizeof(word));
	}
	memset(text + i, (int)(key & 0xff), length - i);
}

bool
race_whole(const char *text, size_t length, uint64_t key)
{
	size_t i = 0;
	uint64_t word;

	for (; i + sizeof(key) <= length; i += sizeof(key)) {
		memcpy(&word, text + i, sizeof(word));
		if (word != (key ^ i << 40))
			return false;
	}
	for (; i < length; i++)
		if (text[i] != (char)key)
			return false;
	return true;
}

static void *
work(void *given)
{
	struct start *s = given;

	while (!race_is_over()) {
		bool done = s->role->turn(&s->worker);

		s->worker.turns++;
		if (done)
			count_add(&tally->of[s->place].done, 1);
		else
			count_add(&tally->of[s->place].vain, 1);
	}
	return NULL;
}

static void
pause_worker(int signal)
{
	(void)signal;
	usleep(PAUSE_US);
}

/* From now on it is stopped again and again, anywhere: what it looked at is old when it goes on. */
static void
interrupt(void)
{
	struct sigaction a = {.sa_handler = pause_worker, .sa_flags = SA_RESTART};
	struct itimerval every = {{0, INTERRUPT_US}, {0, INTERRUPT_US}};

	CHECK(sigaction(SIGALRM, &a, NULL) == 0, "sigaction");
	CHECK(setitimer(ITIMER_REAL, &every, NULL) == 0, "setitimer");
}

static void
begin(struct start *s, bool threads)
{
	if (threads) {
		CHECK(pthread_create(&s->thread, NULL, work, s) == 0, "no thread");
		return;
	}
	CHECK((s->pid = fork()) >= 0, "no process");
	if (s->pid > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (s->place % 2 == 0)
		interrupt();
	work(s);
	_exit(0);
}

static void
end(struct start *s, bool threads, const char *hunt)
{
	int status = 0;

	if (threads)
		CHECK(pthread_join(s->thread, NULL) == 0, "no end");
	else
		CHECK(waitpid(s->pid, &status, 0) == s->pid && status == 0,
		    "%s: a %s came to a bad end", hunt, s->role->name);
}

static unsigned
line_up(const struct hunt *h, struct start *starts)
{
	unsigned count = 0;

	for (const struct role *r = h->roles; r->name != NULL; r++)
		for (unsigned i = 0; i < r->workers; i++) {
			CHECK(count < RACE_WORKERS_MAX, "too many workers");
			starts[count] = (struct start){.role = r, .place = count};
			starts[count].worker = (struct worker){.number = i, .seed = count + 1};
			count++;
		}
	return count;
}

static void
run(const struct hunt *h, bool threads, unsigned ms)
{
	struct start starts[RACE_WORKERS_MAX];
	unsigned count = line_up(h, starts);

	memset(tally, 0, sizeof(*tally));
	h->set_up();
	for (unsigned i = 0; i < count; i++)
		begin(&starts[i], threads);
	usleep(ms * 1000);
	store_relaxed(&tally->over, 1);
	for (unsigned i = 0; i < count; i++)
		end(&starts[i], threads, h->name);
	printf("race: %-10s", h->name);
	for (unsigned i = 0; i < count; i++) {
		uint64_t done = load_relaxed(&tally->of[i].done);

		printf("  %s %llu/%llu", starts[i].role->name, (unsigned long long)done,
		    (unsigned long long)load_relaxed(&tally->of[i].vain));
		CHECK(done > 0, "%s: a %s did nothing", h->name, starts[i].role->name);
	}
	printf("\n");
}

int
main(int argc, char **argv)
{
	CHECK(argc >= 3, "usage: race threads|processes MILLISECONDS [HUNT...]");
	setvbuf(stdout, NULL, _IOLBF, 0);
	tally = race_memory(sizeof(*tally));
	for (size_t i = 0; i < sizeof(hunts) / sizeof(*hunts); i++) {
		bool chosen = argc == 3;

		for (int k = 3; k < argc; k++)
			chosen |= strcmp(argv[k], hunts[i]->name) == 0;
		if (chosen)
			run(hunts[i], strcmp(argv[1], "threads") == 0, (unsigned)atoi(argv[2]));
	}
	return 0;
}
