/* Who is let in: addresses, debts, children by pid, and chance. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../child/child.h"
#include "../../server/admission.h"
#include "../../shm/clock.h"
#include "../../shm/segment.h"

static struct source
from(const char *text)
{
	struct sockaddr_storage address = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)&address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address;
	struct source source;

	address.ss_family = AF_UNIX;
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1)
		address.ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1)
		address.ss_family = AF_INET6;
	source_of(&address, &source);
	return source;
}

/* Addresses. */

Test(source, an_address_of_ipv4_and_a_64_prefix_of_ipv6_count_as_one)
{
	cr_assert_eq(from("192.0.2.1").key, from("192.0.2.1").key);
	cr_assert_neq(from("192.0.2.1").key, from("192.0.2.2").key);
	cr_assert_eq(from("::ffff:192.0.2.1").key, from("192.0.2.1").key);
	cr_assert_eq(from("2001:db8:1:2::1").key, from("2001:db8:1:2:ffff::9").key);
	cr_assert_neq(from("2001:db8:1:2::1").key, from("2001:db8:1:3::1").key);
	cr_assert_neq(from("::1").key, from("0.0.0.1").key);
	cr_assert_not(from("a unix socket").known);
}

/* Debts. */

Test(penalty, one_handshake_that_was_left_unfinished_is_forgiven_two_are_not)
{
	struct penalty p = {0};

	penalty_add(&p, PENALTY_UNFINISHED_MS, 1000);
	cr_assert_eq(penalty_wait(&p, 0, 1000), 0);
	penalty_add(&p, PENALTY_UNFINISHED_MS, 2000);
	cr_assert_eq(penalty_wait(&p, 0, 2000), 19000);
	cr_assert_gt(penalty_wait(&p, 0, 20999), 0, "until all is paid");
	cr_assert_eq(penalty_wait(&p, 0, 21000), 0);
	cr_assert_eq(penalty_debt(&p, 21000), 0);
}

Test(penalty, a_crash_shuts_out_for_90_seconds_and_nothing_for_more_than_ten_minutes)
{
	struct penalty p = {0};

	penalty_add(&p, PENALTY_CRASH_MS, 5);
	cr_assert_eq(penalty_wait(&p, 0, 5), 90000);
	for (int i = 0; i < 100; i++)
		penalty_add(&p, PENALTY_CRASH_MS, 5);
	cr_assert_eq(penalty_wait(&p, 0, 5), PENALTY_MOST_MS);
}

Test(penalty, an_address_with_clients_that_are_served_is_given_more_patience)
{
	struct penalty p = {0};

	penalty_add(&p, PENALTY_CRASH_MS, 0);
	cr_assert_eq(penalty_wait(&p, 5, 0), 0);
	cr_assert_eq(penalty_wait(&p, 4, 0), 30000);
	for (int i = 0; i < 100; i++)
		penalty_add(&p, PENALTY_CRASH_MS, 0);
	cr_assert_eq(penalty_wait(&p, 40, 0), 0);
}

/* Children and where they come from. */

Test(census, counts_are_taken_back_whatever_the_order)
{
	enum { CHILDREN = 3000, SOURCES = 500 };
	static pid_t pids[CHILDREN];
	static unsigned of[CHILDREN], counts[SOURCES];
	struct census c;
	char text[32];

	srand(1);
	cr_assert_eq(census_make(&c, CHILDREN), 0);
	for (int i = 0; i < CHILDREN; i++) {
		struct source source;

		pids[i] = 100 + 7 * i;
		of[i] = (unsigned)rand() % SOURCES;
		snprintf(text, sizeof(text), "10.0.%u.%u", of[i] / 200, of[i] % 200);
		source = from(text);
		census_enter(&c, &source, pids[i]);
		counts[of[i]]++;
	}
	cr_assert_eq(c.running, CHILDREN);
	for (int left = CHILDREN; left > 0; left--) {
		int i = rand() % left;
		struct source source;
		const struct census_place *place;

		snprintf(text, sizeof(text), "10.0.%u.%u", of[i] / 200, of[i] % 200);
		source = from(text);
		place = census_find(&c, &source);
		cr_assert_not_null(place);
		cr_assert_eq(place->children, counts[of[i]]);
		cr_assert(census_leave(&c, pids[i], 0, 1000));
		cr_assert_not(census_leave(&c, pids[i], 0, 1000), "it has left already");
		counts[of[i]]--;
		pids[i] = pids[left - 1];
		of[i] = of[left - 1];
	}
	cr_assert_eq(c.running, 0);
	for (uint32_t i = 0; i <= c.places_mask; i++)
		cr_assert_not(c.places[i].used);
	for (uint32_t i = 0; i <= c.children_mask; i++)
		cr_assert_eq(c.children[i].pid, 0);
}

Test(census, debtors_are_kept_while_they_owe_and_not_more_than_there_is_room_for)
{
	struct census c;
	uint64_t now = 100000;
	struct source last = {.known = true};
	uint32_t used = 0;

	cr_assert_eq(census_make(&c, 4), 0);
	for (unsigned i = 0; i < 3 * CENSUS_DEBTORS; i++) {
		struct source source = {.known = true, .key = i};

		census_enter(&c, &source, 77);
		cr_assert(census_leave(&c, 77, 10000, now));
	}
	cr_assert_eq(c.debtors, CENSUS_DEBTORS);
	/* All have paid: there is room again. */
	now += 20000;
	last.key = 1ULL << 40;
	census_enter(&c, &last, 77);
	cr_assert(census_leave(&c, 77, 10000, now));
	cr_assert_not_null(census_find(&c, &last));
	for (uint32_t i = 0; i <= c.places_mask; i++)
		used += c.places[i].used;
	cr_assert_eq(used, 1);
	cr_assert_eq(c.debtors, 1);
	/* A debtor comes again, and pays. */
	census_enter(&c, &last, 78);
	cr_assert_eq(c.debtors, 0);
	cr_assert(census_leave(&c, 78, 0, now + 20000));
	cr_assert_null(census_find(&c, &last));
}

/* The ruling. */

static struct options options;
static struct admission a;
static struct segment segment;

static void
set_up(void)
{
	static const struct limits small = {8, 1024, 1024};
	char name[32];

	snprintf(name, sizeof(name), "unit-%d", (int)getpid());
	cr_assert_eq(segment_create(&segment, name, &small, 0600), 0);
	segment_unlink(name);
	memset(&options, 0, sizeof(options));
	options.max_clients = 8;
}

static enum admission_verdict
ask(const char *address)
{
	struct source source = from(address);

	return admission_ask(&a, &source, segment.header).verdict;
}

static void
enter(const char *address, pid_t pid)
{
	struct source source = from(address);

	admission_enter(&a, &source, pid);
}

TestSuite(admission, .init = set_up);

Test(admission, places_are_limited_in_all_and_per_address_but_not_for_unix_sockets)
{
	options.max_per_source = 2;
	cr_assert_eq(admission_make(&a, &options), 0);
	enter("192.0.2.1", 1);
	enter("192.0.2.1", 2);
	cr_assert_eq(ask("192.0.2.1"), ADMISSION_SOURCE);
	cr_assert_eq(ask("192.0.2.2"), ADMISSION_WELCOME);
	for (pid_t pid = 3; pid <= 7; pid++)
		enter("a unix socket", pid);
	cr_assert_eq(ask("a unix socket"), ADMISSION_WELCOME);
	enter("a unix socket", 8);
	cr_assert_eq(ask("a unix socket"), ADMISSION_FULL);
	cr_assert_eq(admission_leave(&a, 1, 0), 0);
	cr_assert_eq(ask("192.0.2.1"), ADMISSION_WELCOME);
}

#define EXITED(code) ((code) << 8)

Test(admission, ends_of_children_are_held_against_their_addresses)
{
	cr_assert_eq(admission_make(&a, &options), 0);
	for (pid_t pid = 1; pid <= 6; pid++)
		enter("192.0.2.1", pid);
	cr_assert_eq(admission_leave(&a, 1, EXITED(CHILD_DONE)), 0);
	cr_assert_eq(admission_leave(&a, 2, EXITED(CHILD_NO_PLACE)), 0);
	cr_assert_eq(admission_leave(&a, 3, SIGKILL), 0);
	cr_assert_eq(admission_leave(&a, 4, EXITED(CHILD_SILENT)), PENALTY_SILENT_MS);
	cr_assert_eq(admission_leave(&a, 5, EXITED(CHILD_UNFINISHED)), PENALTY_UNFINISHED_MS);
	cr_assert_eq(ask("192.0.2.1"), ADMISSION_WELCOME);
	cr_assert_eq(admission_leave(&a, 6, SIGSEGV), PENALTY_CRASH_MS);
	cr_assert_eq(ask("192.0.2.1"), ADMISSION_PENALTY);
	cr_assert_eq(ask("192.0.2.2"), ADMISSION_WELCOME);
	cr_assert_eq(admission_leave(&a, 99, SIGSEGV), 0, "no child of ours");
}

Test(admission, exempt_addresses_are_not_shut_out)
{
	options.penalty_exempt = (struct options_list){{"192.0.2.0/24"}, 1};
	cr_assert_eq(admission_make(&a, &options), 0);
	enter("192.0.2.1", 1);
	enter("127.0.0.1", 2);
	admission_leave(&a, 1, SIGSEGV);
	admission_leave(&a, 2, SIGSEGV);
	cr_assert_eq(ask("192.0.2.1"), ADMISSION_WELCOME);
	cr_assert_eq(ask("127.0.0.1"), ADMISSION_PENALTY, "a list replaces the usual one");
	options.penalty_exempt.count = 0;
	cr_assert_eq(admission_make(&a, &options), 0);
	enter("127.0.0.1", 2);
	admission_leave(&a, 2, SIGSEGV);
	cr_assert_eq(ask("127.0.0.1"), ADMISSION_WELCOME);
}

/* Six clients of one address are in the roster: one that crashes shuts them out of nothing. */
Test(admission, clients_that_are_served_speak_for_their_address)
{
	cr_assert_eq(admission_make(&a, &options), 0);
	for (pid_t pid = 1; pid <= 7; pid++)
		enter("192.0.2.1", pid);
	for (uint32_t slot = 0; slot < 6; slot++) {
		struct entry *e = segment_entry(segment.header, slot);

		store_relaxed(&e->pid, slot + 1);
		store_relaxed(&e->state, ENTRY_OPEN);
	}
	store_relaxed(&segment.header->seated, 6);
	admission_leave(&a, 7, SIGSEGV);
	cr_assert_eq(ask("192.0.2.1"), ADMISSION_WELCOME);
	for (pid_t pid = 1; pid <= 6; pid++)
		admission_leave(&a, pid, 0);
	cr_assert_eq(ask("192.0.2.1"), ADMISSION_PENALTY);
}

static enum admission_verdict
tell(const char *address, pid_t pid)
{
	struct source source = from(address);

	return admission_tell(&a, &source, pid, segment.header).verdict;
}

/* Children of a proxy: they count for nobody, and then for whom the proxy names. */
Test(admission, an_address_that_is_told_later_counts_like_one_that_was_known)
{
	options.max_per_source = 2;
	cr_assert_eq(admission_make(&a, &options), 0);
	for (pid_t pid = 1; pid <= 4; pid++)
		enter("not known", pid);
	enter("192.0.2.1", 5);
	cr_assert_eq(tell("192.0.2.1", 1), ADMISSION_WELCOME);
	cr_assert_eq(tell("192.0.2.1", 1), ADMISSION_WELCOME, "asked again");
	cr_assert_eq(ask("192.0.2.1"), ADMISSION_SOURCE, "one came by itself, one by a proxy");
	cr_assert_eq(tell("192.0.2.1", 2), ADMISSION_SOURCE);
	cr_assert_eq(tell("192.0.2.1", 99), ADMISSION_WELCOME, "no child of ours");
	cr_assert_eq(tell("192.0.2.2", 3), ADMISSION_WELCOME);
	cr_assert_eq(tell("192.0.2.1", 3), ADMISSION_WELCOME, "it is known already ...");
	cr_assert_eq(admission_leave(&a, 3, SIGSEGV), PENALTY_CRASH_MS);
	cr_assert_eq(ask("192.0.2.2"), ADMISSION_PENALTY, "... as that of another");
	cr_assert_eq(tell("192.0.2.2", 4), ADMISSION_PENALTY);
	cr_assert_eq(admission_leave(&a, 2, 0), 0);
	cr_assert_eq(admission_leave(&a, 1, 0), 0);
	cr_assert_eq(ask("192.0.2.1"), ADMISSION_WELCOME);
}

Test(startups, connections_are_dropped_by_chance_as_in_sshd)
{
	struct startups s;

	cr_assert(startups_parse(&s, "10:30:100", 1));
	cr_assert_eq(startups_odds(&s, 9), 0);
	cr_assert_eq(startups_odds(&s, 10), 30);
	cr_assert_eq(startups_odds(&s, 55), 65);
	cr_assert_eq(startups_odds(&s, 99), 99);
	cr_assert_eq(startups_odds(&s, 100), 100);
	cr_assert_eq(startups_odds(&s, 5000), 100);
	cr_assert(startups_parse(&s, NULL, 4096));
	cr_assert(s.start == 512 && s.rate == 30 && s.full == 2048);
	cr_assert(startups_parse(&s, NULL, 60));
	cr_assert_geq(s.start, 60, "a small house may be filled at once");
	cr_assert(startups_parse(&s, "5:100:5", 1));
	cr_assert_eq(startups_odds(&s, 5), 100);
	for (const char *const *bad = (const char *const[]){"", "10", "10:30", "10:30:5",
		 "0:30:5", "10:0:20", "10:101:20", "10:30:20x", "10:30:-1", " 1:2:3", NULL};
	     *bad != NULL; bad++)
		cr_assert_not(startups_parse(&s, *bad, 1), "\"%s\"", *bad);
}

/* Those that the ticker knows of, and children that did not come to it yet. */
Test(admission, handshakes_that_are_going_on_are_counted)
{
	options.max_startups = "4:100:4";
	cr_assert_eq(admission_make(&a, &options), 0);
	store_relaxed(&segment.header->seated, 2);
	store_relaxed(&segment.header->claimed, 1);
	for (pid_t pid = 1; pid <= 4; pid++)
		enter("192.0.2.1", pid);
	cr_assert_eq(ask("192.0.2.1"), ADMISSION_WELCOME, "1 claimed, 2 on their way");
	enter("192.0.2.1", 5);
	cr_assert_eq(ask("192.0.2.1"), ADMISSION_EARLY);
	store_relaxed(&segment.header->seated, 5);
	cr_assert_eq(ask("192.0.2.1"), ADMISSION_WELCOME, "4 of them are done");
}
