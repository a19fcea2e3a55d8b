/*
 * Deaths while a client's address is told: between its child, the ticker and the
 * listener, who has to know in the end, and count it once.
 */
#include <criterion/criterion.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "../lib/faults.h"
#include "../lib/server.h"
#include "../lib/ws.h"

#define HEADER "PROXY TCP4 203.0.113.7 192.0.2.1 50312 443\r\n"
#define UPGRADE                                                                         \
	"GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

enum { ORDER };

static struct faults faults;
static struct server server;

/* What is answered to a client of the proxy; empty: its child is gone without a word. */
static const char *
come(struct ws *w)
{
	static char text[1024];
	ssize_t got = -1;

	ws_connect(w, server.port);
	ws_raw_text(w, HEADER UPGRADE);
	if (poll(&(struct pollfd){.fd = w->fd, .events = POLLIN}, 1, patience(10000)) == 1)
		got = recv(w->fd, text, sizeof(text) - 1, 0);
	text[got > 0 ? got : 0] = '\0';
	return text;
}

#define EXPECT_STATUS(w, status)                                                        \
	do {                                                                            \
		const char *got_ = come(w);                                             \
		cr_assert_eq(strncmp(got_, "HTTP/1.1 " status " ", 13), 0, "%s", got_); \
	} while (0)

static void
start(void)
{
	faults_make(&faults);
	server_start(&server, (const char *const[]){"--trust", "127.0.0.1", "--proxy-protocol",
				  "on", "--max-per-source", "1", NULL});
}

/* There is no client, and room for one, but not for two. */
static void
check_places(int ended)
{
	struct ws w, more;

	cr_assert(server_await_counter(
	    &server, "listener", "children_ended", ended, patience(10000)));
	cr_assert(server_await_clients(&server, 0, patience(10000)));
	EXPECT_STATUS(&w, "101");
	EXPECT_STATUS(&more, "503");
	ws_drop(&more);
	ws_drop(&w);
	server_stop(&server);
	faults_free(&faults);
}

static void
ticker_dies(const char *point)
{
	struct ws w, more;

	start();
	faults_order(&faults, ORDER, FAULT_KILL, point, FAULT_TICKER, 1);
	EXPECT_STATUS(&w, "101");
	cr_assert_neq(faults_await(&faults, ORDER, 0), 0, "nobody died at %s", point);
	cr_assert(server_await_log(
	    &server, " peer=203.0.113.7:50312 via=127.0.0.1:", 1, patience(5000)));
	EXPECT_STATUS(&more, "503");
	ws_drop(&more);
	ws_drop(&w);
	check_places(2);
}

Test(proxied, the_ticker_dies_before_the_address_counts, .timeout = 60)
{
	ticker_dies("registry.told");
}

Test(proxied, the_ticker_dies_when_the_address_counts, .timeout = 60)
{
	ticker_dies("registry.proxied");
}

Test(proxied, the_ticker_dies_when_it_has_asked, .timeout = 60)
{
	ticker_dies("reception.asked");
}

Test(proxied, the_ticker_dies_when_it_has_passed_on_the_answer, .timeout = 60)
{
	ticker_dies("reception.answered");
}

static void
child_dies(const char *point)
{
	struct ws w;

	start();
	faults_order(&faults, ORDER, FAULT_KILL, point, FAULT_CHILD, 1);
	cr_assert_str_empty(come(&w));
	cr_assert_neq(faults_await(&faults, ORDER, 0), 0, "nobody died at %s", point);
	ws_drop(&w);
	cr_assert(
	    server_await_counter(&server, "listener", "children_killed", 1, patience(10000)));
	check_places(0);
}

Test(proxied, the_child_dies_before_it_tells, .timeout = 60)
{
	child_dies("seat.telling");
}

Test(proxied, the_child_dies_when_it_has_told, .timeout = 60)
{
	child_dies("seat.told");
}
