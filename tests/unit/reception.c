/* The ticker's sockets: what is said there by processes that are no children of ours. */
#include <criterion/criterion.h>
#include <sys/wait.h>
#include <sys/resource.h>
#include <sys/prctl.h>
#include <signal.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../server/books.h"
#include "../../server/peer.h"
#include "../../server/reception.h"
#include "../../server/registry.h"
#include "../../shm/clock.h"

static struct ticker t;

static void
start_ticker(void)
{
	static const struct limits small = {4, 1024, 1024};
	char name[32];

	snprintf(name, sizeof(name), "unit-%d", (int)getpid());
	t.start.bell = eventfd(0, EFD_CLOEXEC);
	t.start.registration = dup(t.start.bell);
	cr_assert_eq(segment_create(&t.segment, name, &small, 0600), 0);
	segment_unlink(name);
	t.header = t.segment.header;
	t.commons = segment_commons(t.header);
	t.max_clients = small.max_clients;
	t.epoll = epoll_create1(EPOLL_CLOEXEC);
	cr_assert_eq(books_make(&t), 0);
}

/* A connection that has said nothing yet: ours and the ticker's end. */
static int
come(int *theirs)
{
	int ends[2];

	cr_assert_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	t.strangers[t.stranger_count++] =
	    (struct stranger){.fd = ends[1], .since_ms = clock_ms()};
	*theirs = ends[1];
	return ends[0];
}

static int
lowest_free(void)
{
	int fd = dup(STDIN_FILENO);

	close(fd);
	return fd;
}

static bool
tell(uint32_t slot, const char *client)
{
	char text[PEER_LENGTH] = "";

	snprintf(text, sizeof(text), "%s", client);
	return registry_tell(&t, slot, text);
}

/* A child may tell of its client only behind a proxy that is trusted, once, and only an address. */
Test(reception, of_addresses_that_are_told_only_those_are_taken_that_may_be)
{
	static const char *const bad[] = {"", "203.0.113.7:", "203.0.113.07", "example.org",
	    "::ffff:203.0.113.7", "2001:DB8::1", "[2001:db8::1]", "203.0.113.7 x=y", "unix:/x"};
	char proxy[PEER_LENGTH] = "10.0.0.1:5", other[PEER_LENGTH] = "10.0.1.1:5";
	char behind[PEER_LENGTH] = "203.0.113.7:1";
	uint32_t slot, stranger;

	start_ticker();
	lock_make(&t.commons->lock);
	lock_introduce(&t.user, &t.commons->lock, LOCK_TICKER, 1);
	for (uint32_t free = 0; free < t.max_clients; free++)
		t.free_slots[t.free_count++] = free;
	cr_assert(trust_add(&t.start.trust, "10.0.0.0/24"));
	slot = registry_claim(&t, -1, -1, proxy, 1);
	stranger = registry_claim(&t, -1, -1, other, 2);
	cr_assert_not(tell(stranger, "203.0.113.7:1"), "nobody trusts its peer");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_not(tell(slot, bad[i]), "%s", bad[i]);
	cr_assert_str_eq(segment_client(segment_entry(t.header, slot)), proxy);
	cr_assert_str_eq(segment_via(segment_entry(t.header, slot)), "");
	cr_assert(tell(slot, behind));
	cr_assert_str_eq(segment_client(segment_entry(t.header, slot)), behind);
	cr_assert_str_eq(segment_via(segment_entry(t.header, slot)), proxy);
	cr_assert_not(tell(slot, behind), "it has said so");
	/* To the next ticker it says the same. */
	t.clients[slot].told = false;
	cr_assert_not(tell(slot, "203.0.113.8:1"));
	t.clients[slot].told = false;
	cr_assert(tell(slot, behind));
	registry_open(&t, slot);
	t.clients[slot].told = false;
	cr_assert_not(tell(slot, behind), "too late");
}

/* Found by tests/fuzz/registration. */
Test(reception, a_listener_that_sends_a_doorbell_leaves_no_descriptor_behind)
{
	struct register_message m = {.kind = REGISTER_LISTENER};
	int line, theirs, bell = eventfd(0, EFD_CLOEXEC), received;

	start_ticker();
	line = come(&theirs);
	cr_assert_eq(register_send(line, &m, &bell, 1), 0);
	received = lowest_free(); /* the number that it will have */
	reception_stranger(&t, theirs);
	cr_assert_eq(fcntl(received, F_GETFD), -1, "the doorbell is still open");
}

/* What it said before may be heard when it is dead, and its slot nobody's. */
Test(reception, child_is_told_from_an_operator_dead_or_alive)
{
	const struct rlimit none = {0, 0};
	struct peer child, self = {.pid = (uint32_t)getpid(), .uid = geteuid()};
	int ready[2];
	char byte;

	cr_assert_eq(pipe(ready), 0);
	if ((child.pid = (uint32_t)fork()) == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setrlimit(RLIMIT_NPROC, &none);
		(void)!write(ready[1], "\n", 1);
		pause();
	}
	child.uid = self.uid;
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	cr_assert(peer_is_caged(&child));
	kill((pid_t)child.pid, SIGKILL);
	cr_assert_eq(waitpid((pid_t)child.pid, NULL, 0), (pid_t)child.pid);
	cr_assert(peer_is_caged(&child));
	cr_assert_not(peer_is_caged(&self));
}
