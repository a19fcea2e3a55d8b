#include "server.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "secure.h"

#define ARGUMENTS_MAX 40

long long
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* How many times slower everything is, sanitizers being what they are. */
static int
slowness(void)
{
	const char *slow = getenv("ROSTERD_SLOW");
	int times = slow != NULL ? atoi(slow) : 1;

	return times > 0 ? times : 1;
}

int
patience(int ms)
{
	return ms * slowness();
}

int
crowd(int count)
{
	return count / slowness();
}

static const char *
program(const char *variable, const char *usual)
{
	const char *path = getenv(variable);

	return path != NULL && *path != '\0' ? path : usual;
}

/* A pause between two looks at something that another process changes. */
static void
pause_ms(int ms)
{
	poll(NULL, 0, ms);
}

static void
run_server(const struct server *s, const char *const *options, int ready)
{
	char address[32], number[16], cert[128], key[128];
	const char *arguments[ARGUMENTS_MAX] = {
	    "rosterd", "--name", s->name, "--listen", address, "--ready-fd"};
	int count = 6, log;

	snprintf(address, sizeof(address), "127.0.0.1:%d", s->port);
	snprintf(number, sizeof(number), "%d", ready);
	arguments[count++] = number;
	if (s->cert[0] != '\0') {
		snprintf(cert, sizeof(cert), "%s.pem", s->cert);
		snprintf(key, sizeof(key), "%s.key", s->cert);
		for (int i = 0; i < 6; i++)
			arguments[count++] = (const char *const[]){
			    "--listen-tls", "127.0.0.1:0", "--cert", cert, "--key", key}[i];
	}
	for (; options != NULL && *options != NULL && count < ARGUMENTS_MAX - 1; options++)
		arguments[count++] = *options;
	log = open(s->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(log, STDERR_FILENO);
	dup2(log, STDOUT_FILENO);
	setpgid(0, 0);
	execv(program("ROSTERD", "build/rosterd"), (char *const *)(uintptr_t)arguments);
	_exit(127);
}

static char *
read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;

	if (file == NULL)
		return strdup("");
	if (getdelim(&text, &size, '\0', file) < 0) {
		free(text);
		text = strdup("");
	}
	fclose(file);
	return text;
}

static void
read_port(struct server *s)
{
	char *log = read_file(s->log), *at = strstr(log, "address=127.0.0.1:");

	CHECK(at != NULL, "the log names no address: %s", log);
	s->port = atoi(at + strlen("address=127.0.0.1:"));
	s->tls_port = 0;
	for (at = log; (at = strstr(at, "address=127.0.0.1:")) != NULL;) {
		int length = 0, port = 0;

		at += strlen("address=127.0.0.1:");
		if (sscanf(at, "%d tls=on%n", &port, &length) == 1 && length > 0)
			s->tls_port = port;
	}
	free(log);
}

void
server_kill(const struct server *s)
{
	pid_t pids[4096];
	int count;

	/* Until nobody is left: who sees another one die may start a successor. */
	while ((count = server_processes(s, "", pids, 4096)) > 0) {
		for (int i = 0; i < count && i < 4096; i++)
			kill(pids[i], SIGKILL);
		while (waitpid(s->pid, NULL, WNOHANG) > 0)
			continue;
		pause_ms(5);
	}
}

/* And away with what that leaves. */
static void
kill_all(const struct server *s)
{
	char name[96];

	server_kill(s);
	snprintf(name, sizeof(name), "/rosterd.%s", s->name);
	shm_unlink(name);
	snprintf(name, sizeof(name), "/rosterd-lock.%s", s->name);
	shm_unlink(name);
}

/*
 * A test that fails is gone without a word.  Then its server goes, too, with children
 * that spin, and with those that outlived their listener: a process that waits for the
 * end of the test sees to that.  It is nobody's child, for tests that wait for theirs.
 */
static void
post_guard(struct server *s)
{
	int ends[2];
	pid_t pid;
	char none;

	CHECK(pipe2(ends, O_CLOEXEC) == 0, "pipe: %s", strerror(errno));
	s->guard = ends[1];
	if ((pid = fork()) != 0) {
		close(ends[0]);
		waitpid(pid, NULL, 0);
		return;
	}
	if (fork() != 0)
		_exit(0);
	setsid();
	dup2(ends[0], 0);
	close_range(1, UINT_MAX, 0);
	while (read(0, &none, 1) > 0)
		continue;
	kill_all(s);
	_exit(0);
}

/* The test is over, and has looked after all itself. */
static void
dismiss_guard(struct server *s)
{
	close(s->guard);
	s->guard = -1;
}

/* false: it ended before it was ready. */
static bool
start_listener(struct server *s, const char *const *options)
{
	int ready[2];
	struct pollfd p;
	ssize_t got;
	char byte;

	CHECK(pipe(ready) == 0, "pipe: %s", strerror(errno));
	if ((s->pid = fork()) == 0) {
		close(ready[0]);
		run_server(s, options, ready[1]);
	}
	close(ready[1]);
	p = (struct pollfd){.fd = ready[0], .events = POLLIN};
	CHECK(poll(&p, 1, 20000) == 1, "the server does not get ready: %s", read_file(s->log));
	got = read(ready[0], &byte, 1);
	close(ready[0]);
	return got == 1;
}

/* kind: of its private key, if it shall have one. */
static void
start(struct server *s, const char *kind, const char *const *options)
{
	static int serial;

	snprintf(s->name, sizeof(s->name), "test-%d-%d", (int)getpid(), serial++);
	snprintf(s->log, sizeof(s->log), "/tmp/rosterd-%s.log", s->name);
	unlink(s->log);
	post_guard(s);
	s->port = 0;
	s->cert[0] = '\0';
	if (kind != NULL) {
		snprintf(s->cert, sizeof(s->cert), "/tmp/rosterd-%s", s->name);
		secure_certify(s->cert, kind, "localhost");
	}
	CHECK(start_listener(s, options), "the server ended: %s", read_file(s->log));
	read_port(s);
}

bool
server_again(struct server *s, const char *const *options)
{
	return start_listener(s, options);
}

void
server_start_tls(struct server *s, const char *kind, const char *const *options)
{
	start(s, kind, options);
	secure_speak(true);
}

void
server_start(struct server *s, const char *const *options)
{
	if (!secure_everywhere()) {
		start(s, NULL, options);
		return;
	}
	server_start_tls(s, "ec", options);
	s->port = s->tls_port;
}

static void
remove_files(const struct server *s)
{
	char path[128];

	unlink(s->log);
	for (int i = 0; i < 2 && s->cert[0] != '\0'; i++) {
		snprintf(path, sizeof(path), "%s.%s", s->cert, i == 0 ? "pem" : "key");
		unlink(path);
	}
}

/* The name of the instance stands nowhere in a title, but all its processes have its log open. */
static bool
has_log_open(const struct server *s, pid_t pid)
{
	char path[64], target[128];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/fd/2", (int)pid);
	if ((length = readlink(path, target, sizeof(target) - 1)) < 0)
		return false;
	target[length] = '\0';
	return strcmp(target, s->log) == 0;
}

static bool
has_title(pid_t pid, const char *title)
{
	char path[64], line[256] = "", wanted[128];
	int fd;
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	snprintf(wanted, sizeof(wanted), "rosterd: %s", title);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return false;
	length = read(fd, line, sizeof(line) - 1);
	close(fd);
	return length > 0 && strncmp(line, wanted, strlen(wanted)) == 0;
}

int
server_processes(const struct server *s, const char *title, pid_t *pids, int max)
{
	DIR *directory = opendir("/proc");
	struct dirent *entry;
	int count = 0;

	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		pid_t pid = (pid_t)atoi(entry->d_name);

		if (pid <= 0 || !has_log_open(s, pid) || !has_title(pid, title))
			continue;
		if (pids != NULL && count < max)
			pids[count] = pid;
		count++;
	}
	closedir(directory);
	return count;
}

bool
server_await_processes(const struct server *s, const char *title, int count, int timeout_ms)
{
	long long until = now_ms() + timeout_ms;

	while (server_processes(s, title, NULL, 0) != count) {
		if (now_ms() >= until)
			return false;
		pause_ms(10);
	}
	return true;
}

/* Names of the members of stats.KIND.GROUP that are not 0, a line each. */
static void
add_moved(char *out, size_t size, const json_t *stats, const char *kind, const char *group)
{
	json_t *members = json_object_get(json_object_get(stats, kind), group), *value;
	const char *name;

	json_object_foreach(members, name, value)
	{
		json_t *count = json_is_object(value) ? json_object_get(value, "count") : value;
		size_t used = strlen(out);

		if (json_integer_value(count) != 0)
			snprintf(out + used, size - used, "%s.%s\n", group, name);
	}
}

/*
 * Which counters have moved in this instance goes to the file $ROSTERD_MOVED; when
 * all suites have run, tests/moved looks for those that never did.
 */
static void
note_moved(const struct server *s)
{
	const char *path = getenv("ROSTERD_MOVED");
	char line[256], names[8192] = "";
	json_t *stats;
	FILE *pipe;
	int fd;

	snprintf(line, sizeof(line), "%s --name %s --json stats 2>/dev/null",
	    program("ROSTERD_DUMP", "build/rosterd-dump"), s->name);
	if (path == NULL || *path == '\0' || (pipe = popen(line, "r")) == NULL)
		return;
	stats = json_loadf(pipe, 0, NULL);
	pclose(pipe);
	add_moved(names, sizeof(names), stats, "counters", "clients");
	add_moved(names, sizeof(names), stats, "counters", "ticker");
	add_moved(names, sizeof(names), stats, "counters", "listener");
	add_moved(names, sizeof(names), stats, "histograms", "clients");
	add_moved(names, sizeof(names), stats, "histograms", "ticker");
	json_decref(stats);
	/* One write at the end of the file: tests that run side by side do not mix. */
	if ((fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) < 0)
		return;
	CHECK(write(fd, names, strlen(names)) >= 0, "%s: %s", path, strerror(errno));
	close(fd);
}

void
server_stop(struct server *s)
{
	char segment[96];
	struct stat status;
	int result = 0;

	note_moved(s);
	kill(s->pid, SIGTERM);
	CHECK(waitpid(s->pid, &result, 0) == s->pid, "waitpid: %s", strerror(errno));
	CHECK(WIFEXITED(result) && WEXITSTATUS(result) == 0, "the server ended with %x: %s",
	    result, read_file(s->log));
	snprintf(segment, sizeof(segment), "/dev/shm/rosterd.%s", s->name);
	CHECK(server_await_processes(s, "", 0, 5000), "processes are left behind: %s",
	    read_file(s->log));
	CHECK(stat(segment, &status) < 0, "the segment is left behind");
	if (strstr(read_file(s->log), "ERROR: AddressSanitizer") != NULL ||
	    strstr(read_file(s->log), "runtime error:") != NULL)
		CHECK(false, "a sanitizer complained: %s", read_file(s->log));
	dismiss_guard(s);
	remove_files(s);
}

void
server_destroy(struct server *s)
{
	note_moved(s);
	kill_all(s);
	dismiss_guard(s);
	remove_files(s);
}

int
server_logged(const struct server *s, const char *text)
{
	char *log = read_file(s->log);
	int count = 0;

	for (const char *at = log; (at = strstr(at, text)) != NULL; at += strlen(text))
		count++;
	free(log);
	return count;
}

bool
server_await_log(const struct server *s, const char *text, int times, int timeout_ms)
{
	long long until = now_ms() + timeout_ms;

	while (server_logged(s, text) < times) {
		if (now_ms() >= until)
			return false;
		pause_ms(10);
	}
	return true;
}

json_t *
server_dump(const struct server *s, const char *command)
{
	char line[256];
	json_error_t error;
	json_t *value;
	FILE *pipe;

	snprintf(line, sizeof(line), "%s --name %s --json %s",
	    program("ROSTERD_DUMP", "build/rosterd-dump"), s->name, command);
	pipe = popen(line, "r");
	CHECK(pipe != NULL, "popen: %s", strerror(errno));
	value = json_loadf(pipe, 0, &error);
	CHECK(pclose(pipe) == 0, "\"%s\" failed", line);
	CHECK(value != NULL, "\"%s\" is no JSON: %s", line, error.text);
	return value;
}

long long
server_counter(const struct server *s, const char *group, const char *name)
{
	json_t *stats = server_dump(s, "stats");
	json_t *counters = json_object_get(stats, "counters");
	json_t *counter = json_object_get(json_object_get(counters, group), name);
	long long value;

	CHECK(counter != NULL, "there is no counter %s.%s", group, name);
	value = json_integer_value(counter);
	json_decref(stats);
	return value;
}

bool
server_await_counter(const struct server *s, const char *group, const char *name,
    long long least, int timeout_ms)
{
	long long until = now_ms() + timeout_ms;

	while (server_counter(s, group, name) < least) {
		if (now_ms() >= until)
			return false;
		pause_ms(10);
	}
	return true;
}

bool
server_await_clients(const struct server *s, int count, int timeout_ms)
{
	long long until = now_ms() + timeout_ms;

	for (;;) {
		json_t *clients = server_dump(s, "clients");
		int there = (int)json_array_size(clients);

		json_decref(clients);
		if (there == count)
			return true;
		if (now_ms() >= until)
			return false;
		pause_ms(10);
	}
}

int
server_descriptors(pid_t pid)
{
	char path[64];
	DIR *directory;
	int count = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	if ((directory = opendir(path)) == NULL)
		return -1;
	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count - 2;
}
