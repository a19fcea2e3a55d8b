#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "roster.h"
#include "server.h"
#include "ws.h"

#define CLIENTS 5
#define LARGE 3000

static const json_t *
client_of(const json_t *clients, const char *token)
{
	json_t *client;
	size_t i;

	json_array_foreach(clients, i,
	    client) if (strcmp(json_string_value(json_object_get(client, "token")), token) ==
			0) return client;
	CHECK(false, "%s is not among the clients", token);
}

static int
number_of(const struct server *s, const char *token, const char *key)
{
	json_t *clients = server_dump(s, "clients");
	int n = (int)json_integer_value(json_object_get(client_of(clients, token), key));

	json_decref(clients);
	return n;
}

/* Send a packet and wait until it stands where it is to stand. */
static void
post(const struct server *s, struct ws *from, const char *to, const char *counter,
    const char *group)
{
	long long before = server_counter(s, group, counter);

	ws_text(from, "{\"to\":\"%s\",\"packet\":{\"type\":\"m\",\"m\":[1,2,3]}}", to);
	CHECK(server_await_counter(s, group, counter, before + 1, 5000), "%s.%s does not move",
	    group, counter);
}

static void
stop_all(const struct server *s)
{
	pid_t pids[16];
	int count = server_processes(s, "", pids, 16);

	for (int i = 0; i < count && i < 16; i++)
		kill(pids[i], SIGSTOP);
}

static void
fill(struct image *i, struct server *s)
{
	struct roster r[CLIENTS];
	struct ws w[CLIENTS];
	char large[LARGE + 1];
	pid_t ticker;

	for (int n = 0; n < CLIENTS; n++)
		roster_open(&r[n], &w[n], s->port);
	roster_set(&w[0], "{\"name\":\"Ada\",\"n\":1.10}");
	memset(large, 'x', LARGE);
	large[LARGE] = '\0';
	ws_text(&w[2],
	    "{\"to\":\"server\",\"packet\":{\"type\":\"properties\",\"properties\":{\"a\":\"%"
	    "s\"}}}",
	    large);
	roster_await_property(&r[0], &w[0], r[0].me, "name", "\"Ada\"", 5000);
	while (json_object_size(roster_properties(&r[0], r[2].me)) == 0)
		CHECK(roster_next(&r[0], &w[0], 5000), "no large properties");
	ws_close(&w[4]);
	roster_await(&r[0], &w[0], r[4].me, false, 5000);
	i->sender = (uint32_t)number_of(s, r[0].me, "slot");
	i->receiver = (uint32_t)number_of(s, r[1].me, "slot");
	i->large = (uint32_t)number_of(s, r[2].me, "slot");

	kill((pid_t)number_of(s, r[1].me, "pid"), SIGSTOP);
	post(s, &w[0], "*", "mail_broadcast", "ticker");
	post(s, &w[0], r[1].me, "mail_unicast", "ticker");
	CHECK(server_processes(s, "ticker", &ticker, 1) == 1, "there is no ticker");
	kill(ticker, SIGSTOP);
	post(s, &w[0], r[1].me, "relayed", "clients");
	post(s, &w[0], "*", "relayed", "clients");
	stop_all(s);
}

/* As `cp --sparse=always` does it. */
static void
copy(struct image *i, const struct server *s)
{
	char command[256];
	struct stat status;
	int fd;

	snprintf(i->path, sizeof(i->path), "/tmp/%s.image", s->name);
	snprintf(command, sizeof(command), "cp --sparse=always /dev/shm/rosterd.%s %s", s->name,
	    i->path);
	CHECK(system(command) == 0, "%s failed", command);
	CHECK((fd = open(i->path, O_RDWR | O_CLOEXEC)) >= 0 && fstat(fd, &status) == 0,
	    "%s: %s", i->path, strerror(errno));
	i->size = (size_t)status.st_size;
	i->header = mmap(NULL, i->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(i->header != MAP_FAILED, "mmap: %s", strerror(errno));
	close(fd);
	CHECK((i->before = malloc(i->size)) != NULL, "no memory");
	memcpy(i->before, i->header, i->size);
}

void
image_make(struct image *i)
{
	struct server s;

	server_start(&s, (const char *const[]){"--tick", "50", "--max-clients", "16",
			     "--max-packet", "4096", "--max-properties", "4096", NULL});
	fill(i, &s);
	copy(i, &s);
	server_destroy(&s);
}

void
image_restore(struct image *i)
{
	CHECK(truncate(i->path, (off_t)i->size) == 0, "truncate: %s", strerror(errno));
	memcpy(i->header, i->before, i->size);
}

void
image_remove(struct image *i)
{
	munmap(i->header, i->size);
	free(i->before);
	unlink(i->path);
}
