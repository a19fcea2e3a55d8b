/* What whoever has started the listener is told: sd_notify(3), and a pid file. */
#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/server.h"
#include "../lib/ws.h"

static struct server s;
static int notified; /* the socket of the supervisor */
static char place[64];

static void
set_up(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(place, sizeof(place), "/tmp/test-announce-XXXXXX");
	cr_assert_not_null(mkdtemp(place));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", place);
	notified = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(notified, (struct sockaddr *)&address, sizeof(address)), 0);
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
}

static void
tear_down(void)
{
	char command[96];

	server_destroy(&s);
	snprintf(command, sizeof(command), "rm -r %s", place);
	(void)!system(command);
}

TestSuite(announce, .init = set_up, .fini = tear_down, .timeout = 60);

/* The next message. */
static const char *
next(void)
{
	static char text[512];
	struct pollfd p = {.fd = notified, .events = POLLIN};
	ssize_t length;

	cr_assert_eq(poll(&p, 1, patience(5000)), 1, "no message");
	length = recv(notified, text, sizeof(text) - 1, 0);
	cr_assert_gt(length, 0);
	text[length] = '\0';
	return text;
}

Test(announce, ready_and_stopping)
{
	server_start(&s, NULL);
	cr_assert_str_eq(next(), "READY=1");
	kill(s.pid, SIGTERM);
	cr_assert_str_eq(next(), "STOPPING=1");
	waitpid(s.pid, NULL, 0);
	cr_assert_eq(recv(notified, place, 1, MSG_DONTWAIT), -1, "and no other word");
}

Test(announce, reloading_until_ready_again)
{
	server_start(&s, NULL);
	cr_assert_str_eq(next(), "READY=1");
	kill(s.pid, SIGHUP);
	cr_assert_eq(strncmp(next(), "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
	cr_assert_str_eq(next(), "READY=1");
}

Test(announce, signs_of_life_with_the_state)
{
	struct ws w;

	setenv("WATCHDOG_USEC", "200000", 1);
	server_start(&s, NULL);
	cr_assert_str_eq(next(), "READY=1");
	cr_assert_str_eq(next(), "WATCHDOG=1\nSTATUS=0 clients");
	ws_open(&w, s.port);
	while (strcmp(next(), "WATCHDOG=1\nSTATUS=1 clients") != 0)
		continue;
	/* After a change of programs, too. */
	kill(s.pid, SIGHUP);
	while (strcmp(next(), "READY=1") != 0)
		continue;
	cr_assert_str_eq(next(), "WATCHDOG=1\nSTATUS=1 clients");
}

Test(announce, no_signs_of_life_meant_for_another_process)
{
	setenv("WATCHDOG_USEC", "1000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	server_start(&s, NULL);
	cr_assert_str_eq(next(), "READY=1");
	kill(s.pid, SIGUSR1);
	cr_assert_str_eq(next(), "STATUS=0 clients");
}

Test(announce, pid_file)
{
	char path[96];
	struct stat status;
	FILE *file;
	int pid = 0;

	snprintf(path, sizeof(path), "%s/pid", place);
	server_start(&s, (const char *const[]){"--pidfile", path, NULL});
	cr_assert_not_null(file = fopen(path, "r"));
	cr_assert_eq(fscanf(file, "%d", &pid), 1);
	fclose(file);
	cr_assert_eq(pid, s.pid);
	kill(s.pid, SIGTERM);
	waitpid(s.pid, NULL, 0);
	cr_assert_lt(stat(path, &status), 0, "it is gone with the listener");
}
