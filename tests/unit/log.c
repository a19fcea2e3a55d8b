/* The log: forms, levels, a log that is stuck, and what may stand in a line. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../shm/clock.h"
#include "../../shm/log.h"

/* Put a pipe in the place of stderr; the return is its other end. */
static int
stderr_pipe(void)
{
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	return ends[0];
}

/* What has been written since the last look, as a string. */
static const char *
taken(int fd)
{
	static char text[1 << 17];
	ssize_t length = read(fd, text, sizeof(text) - 1);

	text[length > 0 ? length : 0] = '\0';
	return text;
}

static void
name_journal(int fd)
{
	char text[64];
	struct stat status;

	fstat(fd, &status);
	snprintf(text, sizeof(text), "%llu:%llu", (unsigned long long)status.st_dev,
	    (unsigned long long)status.st_ino);
	setenv("JOURNAL_STREAM", text, 1);
}

Test(log, a_line_has_its_time_level_event_and_pairs)
{
	int fd = stderr_pipe();
	const char *line;
	int year, month, day, hour, minute, second, milli, used = 0;

	unsetenv("JOURNAL_STREAM");
	log_open();
	log_info("client-open", "slot=%d peer=%s", 3, "127.0.0.1:5");
	line = taken(fd);
	cr_assert_eq(sscanf(line, "%d-%d-%dT%d:%d:%d.%dZ %n", &year, &month, &day, &hour,
			 &minute, &second, &milli, &used),
	    7, "%s", line);
	cr_assert_str_eq(line + used, "info client-open slot=3 peer=127.0.0.1:5\n");
}

Test(log, lines_above_the_level_are_not_written)
{
	int fd = stderr_pipe();
	enum log_level level;

	log_debug("quiet", "a=1");
	cr_assert_str_empty(taken(fd));
	cr_assert(log_level_named("debug", &level));
	log_set_level(level);
	log_debug("loud", "a=1");
	cr_assert_not_null(strstr(taken(fd), "debug loud a=1\n"));
	cr_assert(log_level_named("error", &level));
	log_set_level(level);
	log_warning("quiet", "a=1");
	cr_assert_str_empty(taken(fd));
	log_error("loud", "a=1");
	cr_assert_not_null(strstr(taken(fd), "error loud a=1\n"));
	cr_assert_not(log_level_named("Info", &level));
}

Test(log, systemd_gets_a_priority_and_no_time)
{
	int fd = stderr_pipe();

	name_journal(STDERR_FILENO);
	log_open();
	log_error("bad", "a=1");
	cr_assert_str_eq(taken(fd), "<3>error bad a=1\n");
	log_warning("odd", "a=1");
	cr_assert_str_eq(taken(fd), "<4>warning odd a=1\n");
	log_info("well", "a=1");
	cr_assert_str_eq(taken(fd), "<6>info well a=1\n");
}

/* The variable is inherited by whatever a service starts, with another stderr or not. */
Test(log, systemd_gets_no_priority_if_its_stream_is_another)
{
	int fd = stderr_pipe();

	name_journal(STDIN_FILENO);
	log_open();
	log_error("bad", "a=1");
	cr_assert_eq(taken(fd)[0], '2');
	setenv("JOURNAL_STREAM", "nonsense", 1);
	log_open();
	log_error("bad", "a=1");
	cr_assert_eq(taken(fd)[0], '2');
}

Test(log, nothing_in_a_line_begins_another_one)
{
	int fd = stderr_pipe();
	const char *line;

	log_info("x", "peer=a\nb\rc\033[2Jd\xc3\xa4");
	line = taken(fd);
	cr_assert_not_null(strstr(line, "info x peer=a?b?c?[2Jd??\n"), "%s", line);
	cr_assert_null(strpbrk(line, "\r\033"));
	cr_assert_eq(strchr(line, '\n')[1], '\0');
}

Test(log, a_long_line_is_cut_and_ends)
{
	static char text[5000];
	int fd = stderr_pipe();
	const char *line;

	memset(text, 'x', sizeof(text) - 1);
	log_info("long", "text=%s", text);
	line = taken(fd);
	cr_assert_leq(strlen(line), 1024);
	cr_assert_eq(line[strlen(line) - 1], '\n');
}

/* The reader of the log has stopped reading: nobody waits for it, and it is told later. */
Test(log, a_stuck_log_stops_nobody, .timeout = 20)
{
	int fd = stderr_pipe();

	for (int i = 0; i < 5000; i++)
		log_info("many", "number=%d padding=%080d", i, 0);
	cr_assert_not_null(strstr(taken(fd), "number=0 "));
	while (*taken(fd) != '\0')
		continue;
	log_info("after", "a=1");
	cr_assert_not_null(strstr(taken(fd), "info after lost_lines="));
	log_info("after", "a=1");
	cr_assert_not_null(strstr(taken(fd), "info after a=1"));
}

Test(log, a_log_without_a_reader_is_not_deadly)
{
	int fd = stderr_pipe();

	log_open();
	close(fd);
	log_info("alone", "a=1");
	log_seal();
	log_info("alone", "a=1");
}

/* syslog */

static int
syslogd(struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	address->sun_family = AF_UNIX;
	snprintf(address->sun_path, sizeof(address->sun_path), "/tmp/rosterd-unit-log-%d",
	    (int)getpid());
	unlink(address->sun_path);
	cr_assert_eq(bind(fd, (struct sockaddr *)address, sizeof(*address)), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

/* Where stderr is the client not a byte may go there, whatever becomes of syslog. */
Test(log, syslog_takes_all_and_stderr_gets_nothing)
{
	struct sockaddr_un address;
	int client = stderr_pipe(), fd = syslogd(&address);
	const char *line;
	char expected[64];

	log_to_syslog(address.sun_path);
	log_info("client-open", "slot=%d", 3);
	line = taken(fd);
	snprintf(
	    expected, sizeof(expected), " rosterd[%d]: info client-open slot=3", (int)getpid());
	cr_assert_eq(strncmp(line, "<30>", 4), 0, "%s", line);
	cr_assert_str_eq(line + 4 + strlen("Nov 23 04:45:01"), expected);
	log_error("bad", "a=1");
	cr_assert_eq(strncmp(taken(fd), "<27>", 4), 0);

	/* A new syslogd is found. */
	close(fd);
	fd = syslogd(&address);
	log_info("again", "a=1");
	cr_assert_not_null(strstr(taken(fd), "info again a=1"));

	/* None, and then one: what was lost is told. */
	close(fd);
	unlink(address.sun_path);
	log_info("lost", "a=1");
	log_info("lost", "a=1");
	fd = syslogd(&address);
	log_info("found", "a=1");
	cr_assert_not_null(strstr(taken(fd), "info found lost_lines=2 a=1"));
	unlink(address.sun_path);
	cr_assert_str_empty(taken(client));
}

/* A syslogd that is stopped costs a tenth of a second, and not for each line. */
Test(log, a_stuck_syslogd_stops_nobody, .timeout = 20)
{
	struct sockaddr_un address;
	int fd = syslogd(&address);
	uint64_t start = clock_ms();

	log_to_syslog(address.sun_path);
	for (int i = 0; i < 2000; i++)
		log_info("many", "number=%d", i);
	cr_assert_lt(clock_ms() - start, 3000);
	close(fd);
	unlink(address.sun_path);
}

Test(log, a_sealed_log_writes_to_the_descriptor_it_named)
{
	int fd = stderr_pipe();

	cr_assert_eq(log_descriptor(), STDERR_FILENO);
	log_seal();
	log_info("child", "a=1");
	cr_assert_not_null(strstr(taken(fd), "info child a=1"));
	log_to_syslog("/nonexistent/log");
	cr_assert_eq(log_descriptor(), -1);
	log_info("nowhere", "a=1");
	cr_assert_str_empty(taken(fd));
}

Test(log, escaped_text_stays_between_its_quotes)
{
	char out[64], small[10];

	cr_assert_str_eq(
	    log_escape(out, sizeof(out), "a\"b\\c\nd\xff", 8), "a\\x22b\\x5cc\\x0ad\\xff");
	cr_assert_str_eq(log_escape(small, sizeof(small), "abc\"\"\"", 6), "abc\\x22");
}
