/* The ticker's sockets: what is said there by processes that are no children of ours. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../server/books.h"
#include "../../server/reception.h"
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
