/*
 * base_lws.c - the same protocol in one process, with libwebsockets' own loop.
 *
 * As one who knows the library would write it: a tick's text is made once, the one
 * part of the metadata that differs is put into the shared buffer just before each
 * lws_write() (which has taken or copied the text when it returns), packets to all
 * are made once and shared, and a writable socket is written until it is choked.
 *
 *	base_lws [tick in ms]
 */
#include <jansson.h>
#include <libwebsockets.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>

#define TOKEN 32
#define PLACES 65536 /* of the table of tokens */
#define RX 65536

/* A text that several clients may have to be sent; bytes stand behind LWS_PRE. */
struct message {
	unsigned references;
	size_t length;
	unsigned char bytes[];
};

struct client {
	struct lws *wsi;
	struct client *next, *previous; /* in order of connection */
	struct client *chain;           /* in the table */
	char token[TOKEN + 1];
	json_t *properties;
	char *text; /* of them */
	bool opened, changed;
	bool first; /* its first metadata is to be sent */
	bool tick;  /* changes and metadata are to be sent */
	struct message **queue;
	size_t begin, end, room;
	char *received; /* fragments of a message */
	size_t received_length;
};

static struct lws_context *context;
static struct client *oldest, *newest, *table[PLACES];
static char (*closed)[TOKEN + 1];
static size_t closed_count, closed_room;
static bool dirty;
static struct message *changes, *metadata; /* of the newest tick */
static char *names, *people;
static lws_sorted_usec_list_t timer;
static lws_usec_t period;

/* ---- Text. */

struct text {
	char *bytes;
	size_t length, room;
};

static void
add(struct text *t, const char *bytes, size_t length)
{
	if (t->length + length + 1 > t->room) {
		t->room = 2 * (t->length + length + 1);
		if ((t->bytes = realloc(t->bytes, t->room)) == NULL)
			abort();
	}
	memcpy(t->bytes + t->length, bytes, length);
	t->length += length;
	t->bytes[t->length] = '\0';
}

static void
add_string(struct text *t, const char *s)
{
	add(t, s, strlen(s));
}

static void
add_name(struct text *t, const char *token, bool *any)
{
	add(t, *any ? ",\"" : "\"", *any ? 2 : 1);
	add(t, token, TOKEN);
	add(t, "\"", 1);
	*any = true;
}

static struct message *
make_message(const char *text, size_t length)
{
	struct message *m = malloc(sizeof(*m) + LWS_PRE + length);

	if (m == NULL)
		abort();
	m->references = 1;
	m->length = length;
	memcpy(m->bytes + LWS_PRE, text, length);
	return m;
}

static void
drop(struct message *m)
{
	if (m != NULL && --m->references == 0)
		free(m);
}

/* ---- Clients. */

static struct client **
place(const char *token)
{
	unsigned n;

	sscanf(token, "%4x", &n);
	return &table[n % PLACES];
}

static struct client *
find(const char *token)
{
	for (struct client *c = *place(token); c != NULL; c = c->chain)
		if (memcmp(c->token, token, TOKEN) == 0)
			return c;
	return NULL;
}

static void
queue(struct client *c, struct message *m)
{
	if (c->end == c->room) {
		memmove(c->queue, c->queue + c->begin,
		    (c->end - c->begin) * sizeof(struct message *));
		c->end -= c->begin;
		c->begin = 0;
		if (2 * c->end >= c->room) {
			c->room = c->room > 0 ? 2 * c->room : 16;
			c->queue = realloc(c->queue, c->room * sizeof(struct message *));
			if (c->queue == NULL)
				abort();
		}
	}
	m->references++;
	c->queue[c->end++] = m;
	lws_callback_on_writable(c->wsi);
}

static void
join(struct client *c, struct lws *wsi)
{
	unsigned char random[TOKEN / 2];
	struct client **at;

	memset(c, 0, sizeof(*c));
	c->wsi = wsi;
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		abort();
	for (size_t i = 0; i < sizeof(random); i++)
		sprintf(c->token + 2 * i, "%02x", random[i]);
	c->properties = json_object();
	c->text = strdup("{}");
	c->opened = c->first = dirty = true;
	at = place(c->token);
	c->chain = *at;
	*at = c;
	c->previous = newest;
	if (newest != NULL)
		newest->next = c;
	else
		oldest = c;
	newest = c;
	lws_callback_on_writable(wsi);
}

static void
leave(struct client *c)
{
	struct client **at = place(c->token);

	while (*at != c)
		at = &(*at)->chain;
	*at = c->chain;
	*(c->previous != NULL ? &c->previous->next : &oldest) = c->next;
	*(c->next != NULL ? &c->next->previous : &newest) = c->previous;
	while (c->begin < c->end)
		drop(c->queue[c->begin++]);
	free(c->queue);
	free(c->received);
	free(c->text);
	json_decref(c->properties);
	dirty = true;
	if (c->opened)
		return;
	if (closed_count == closed_room) {
		closed_room = closed_room > 0 ? 2 * closed_room : 64;
		closed = realloc(closed, closed_room * sizeof(*closed));
	}
	memcpy(closed[closed_count++], c->token, TOKEN);
}

/* ---- Ticks. */

#define HEAD "{\"from\":\"server\",\"type\":\"metadata\",\"metadata\":{\"index\":\""

static struct message *
make_metadata(const char *token, const char *more_names, const char *more_people)
{
	struct text t = {0};
	struct message *m;

	add_string(&t, HEAD);
	add(&t, token, TOKEN);
	add_string(&t, "\",\"indexes\":[");
	add_string(&t, names != NULL ? names : "");
	add_string(&t, more_names);
	add_string(&t, "],\"properties\":{");
	add_string(&t, people != NULL ? people : "");
	add_string(&t, more_people);
	add_string(&t, "},\"version\":\"DEV\"}}");
	m = make_message(t.bytes, t.length);
	free(t.bytes);
	return m;
}

static struct message *
make_changes(void)
{
	struct text t = {0};
	struct message *m;
	bool any = false;

	add_string(&t, "{\"from\":\"server\",\"type\":\"changes\",\"changes\":{\"opened\":[");
	for (struct client *c = oldest; c != NULL; c = c->next)
		if (c->opened)
			add_name(&t, c->token, &any);
	add_string(&t, "],\"closed\":[");
	any = false;
	for (size_t i = 0; i < closed_count; i++)
		add_name(&t, closed[i], &any);
	add_string(&t, "],\"properties\":[");
	any = false;
	for (struct client *c = oldest; c != NULL; c = c->next)
		if (c->changed)
			add_name(&t, c->token, &any);
	add_string(&t, "]}}");
	m = make_message(t.bytes, t.length);
	free(t.bytes);
	return m;
}

static void
render(void)
{
	struct text n = {0}, p = {0};
	bool any_names = false, any_people = false;

	add_string(&n, "");
	add_string(&p, "");
	for (struct client *c = oldest; c != NULL; c = c->next) {
		add_name(&n, c->token, &any_names);
		add_name(&p, c->token, &any_people);
		add(&p, ":", 1);
		add_string(&p, c->text);
	}
	free(names);
	free(people);
	names = n.bytes;
	people = p.bytes;
}

static void
on_tick(lws_sorted_usec_list_t *sul)
{
	char nobody[TOKEN] = {0};

	lws_sul_schedule(context, 0, sul, on_tick, period);
	if (!dirty)
		return;
	dirty = false;
	drop(changes);
	drop(metadata);
	changes = make_changes();
	render();
	metadata = make_metadata(nobody, "", "");
	closed_count = 0;
	for (struct client *c = oldest; c != NULL; c = c->next) {
		c->opened = c->changed = false;
		c->tick = true;
		c->first = false;
		lws_callback_on_writable(c->wsi);
	}
}

static int
write_message(struct client *c, struct message *m)
{
	return lws_write(c->wsi, m->bytes + LWS_PRE, m->length, LWS_WRITE_TEXT) < 0 ? -1 : 0;
}

static int
write_first(struct client *c)
{
	char name[TOKEN + 8], person[TOKEN + 16];
	const char *comma = names != NULL && *names != '\0' ? "," : "";
	struct message *m;
	int result;

	snprintf(name, sizeof(name), "%s\"%s\"", comma, c->token);
	snprintf(person, sizeof(person), "%s\"%s\":{}", comma, c->token);
	m = make_metadata(c->token, name, person);
	result = write_message(c, m);
	drop(m);
	c->first = false;
	return result;
}

static int
on_writable(struct client *c)
{
	if (c->first && write_first(c) < 0)
		return -1;
	if (c->tick) {
		c->tick = false;
		memcpy(metadata->bytes + LWS_PRE + sizeof(HEAD) - 1, c->token, TOKEN);
		if (write_message(c, changes) < 0 || write_message(c, metadata) < 0)
			return -1;
	}
	while (c->begin < c->end && !lws_send_pipe_choked(c->wsi)) {
		int result = write_message(c, c->queue[c->begin]);

		drop(c->queue[c->begin++]);
		if (result < 0)
			return -1;
	}
	if (c->begin == c->end)
		c->begin = c->end = 0;
	else
		lws_callback_on_writable(c->wsi);
	return 0;
}

/* ---- Packets. */

static void
set_properties(struct client *c, json_t *value)
{
	const char *key;
	json_t *one;
	char *text;

	json_object_foreach(value, key, one)
	{
		if (json_is_null(one))
			json_object_del(c->properties, key);
		else
			json_object_set(c->properties, key, one);
	}
	text = json_dumps(c->properties, JSON_COMPACT);
	if (strcmp(text, c->text) == 0) {
		free(text);
		return;
	}
	free(c->text);
	c->text = text;
	c->changed = dirty = true;
}

static void
deliver(struct client *from, json_t *to, struct message *m)
{
	const char *name = json_string_value(to);
	struct client *c;
	size_t i;
	json_t *one;

	if (json_is_array(to)) {
		json_array_foreach(to, i, one) deliver(from, one, m);
	} else if (name != NULL && strcmp(name, "*") == 0) {
		for (c = oldest; c != NULL; c = c->next)
			queue(c, m);
	} else if (name != NULL && strlen(name) == TOKEN && (c = find(name)) != NULL) {
		queue(c, m);
	}
}

static int
on_packet(struct client *c, const char *text, size_t length)
{
	json_t *whole = json_loadb(text, length, 0, NULL), *packet, *out;
	json_t *to = json_object_get(whole, "to"), *value;
	const char *type, *name;
	struct message *m;
	char *dump;

	packet = json_object_get(whole, "packet");
	type = json_string_value(json_object_get(packet, "type"));
	if (type == NULL || to == NULL) {
		json_decref(whole);
		return -1;
	}
	value = json_object_get(packet, type);
	name = json_string_value(to);
	if (name != NULL && strcmp(name, "server") == 0) {
		if (strcmp(type, "properties") == 0)
			set_properties(c, value);
	} else {
		out = json_pack("{s:s,s:s,s:O?}", "from", c->token, "type", type, type, value);
		dump = json_dumps(out, JSON_COMPACT);
		m = make_message(dump, strlen(dump));
		deliver(c, to, m);
		drop(m);
		free(dump);
		json_decref(out);
	}
	json_decref(whole);
	return 0;
}

static int
on_receive(struct client *c, const char *in, size_t length)
{
	int result;

	if (c->received == NULL && lws_is_first_fragment(c->wsi) &&
	    lws_is_final_fragment(c->wsi))
		return on_packet(c, in, length);
	c->received = realloc(c->received, c->received_length + length);
	memcpy(c->received + c->received_length, in, length);
	c->received_length += length;
	if (!lws_is_final_fragment(c->wsi))
		return 0;
	result = on_packet(c, c->received, c->received_length);
	free(c->received);
	c->received = NULL;
	c->received_length = 0;
	return result;
}

static int
on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED: join(user, wsi); return 0;
	case LWS_CALLBACK_CLOSED: leave(user); return 0;
	case LWS_CALLBACK_RECEIVE: return on_receive(user, in, length);
	case LWS_CALLBACK_SERVER_WRITEABLE: return on_writable(user);
	default: return 0;
	}
}

static const struct lws_protocols protocols[] = {
    {"base", on_event, sizeof(struct client), RX, 0, NULL, 1 << 30},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};

static void
no_log(int level, const char *line)
{
	(void)level;
	(void)line;
}

int
main(int argc, char **argv)
{
	struct lws_context_creation_info info = {
	    .port = 0,
	    .iface = "127.0.0.1",
	    .protocols = protocols,
	    .gid = -1,
	    .uid = -1,
	    .options = LWS_SERVER_OPTION_DISABLE_IPV6 | LWS_SERVER_OPTION_VALIDATE_UTF8,
	    .pt_serv_buf_size = RX,
	    .max_http_header_pool = 1024,
	    .max_http_header_data = 2048,
	};
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	period = (argc > 1 ? atoll(argv[1]) : 500) * 1000;
	lws_set_log_level(LLL_ERR, no_log);
	if ((context = lws_create_context(&info)) == NULL)
		return 71;
	fprintf(stderr, "listening address=127.0.0.1:%d\n",
	    lws_get_vhost_listen_port(lws_get_vhost_by_name(context, "default")));
	lws_sul_schedule(context, 0, &timer, on_tick, period);
	while (lws_service(context, 0) >= 0)
		continue;
	lws_context_destroy(context);
	return 0;
}
