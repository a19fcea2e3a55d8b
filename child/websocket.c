#include "websocket.h"

#include <errno.h>
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine.h"

#define READ_SIZE 4096   /* bytes that the engine takes at a time */
#define HEADER_SIZE 1024 /* for the request that request_upgrade() writes */
#define ROOM_SIZE 16384  /* bytes that the engine needs for one client who is well-behaved */
#define NOOK_SIZE 256    /* of these, for what is small ... */
#define SMALL 64         /* ... as this */

static struct {
	struct lws_context *context;
	struct lws *connection;
	int fd;
	bool echo;
	const struct websocket_events *events;
	void *user;
	const char *extension; /* for the answer; or NULL */

	const char *input; /* what recv() will hand out */
	size_t input_length;

	bool serving; /* inside lws_service_fd() */
	bool closing; /* a close was asked for, or has begun */
	bool ended;
	uint16_t close_code;
	char close_reason[124];

	_Alignas(16) char nook[NOOK_SIZE];
} engine = {.fd = -1};

/*
 * The engine's memory lies together, in the order in which it asks for it: of the heap,
 * where the listener's lies in between, a child would write three pages more, each of
 * which has to be copied then.  Nothing is taken back: it needs it all for as long as
 * it has its only connection.  What does not fit comes from the heap.
 */
struct room {
	size_t used, size;
	char *bytes;
};

static _Alignas(16) char room_bytes[ROOM_SIZE];
static struct room room = {.size = ROOM_SIZE, .bytes = room_bytes};

/*
 * The list of descriptors is written at each ping, and would be between large things that
 * are not: it is where `engine` is.
 */
static struct room nook = {.size = NOOK_SIZE, .bytes = engine.nook};

static bool
in_room(const struct room *r, const void *memory)
{
	return (const char *)memory >= r->bytes && (const char *)memory < r->bytes + r->size;
}

static const struct room *
room_of(const void *memory)
{
	if (in_room(&room, memory))
		return &room;
	return in_room(&nook, memory) ? &nook : NULL;
}

static void *
take_room(struct room *r, size_t size)
{
	void *memory = r->bytes + r->used;

	size = (size + 15) & ~(size_t)15;
	if (size > r->size - r->used)
		return NULL;
	r->used += size;
	return memory;
}

/* realloc(3) for the engine; a size of 0 gives back. */
static void *
allocate(void *old, size_t size, const char *what)
{
	const struct room *was = room_of(old);
	void *memory = NULL;

	(void)what;
	if (size == 0) {
		if (was == NULL)
			free(old);
		return NULL;
	}
	if (old != NULL && was == NULL)
		return realloc(old, size);
	if (size <= SMALL)
		memory = take_room(&nook, size);
	if (memory == NULL && size <= ROOM_SIZE)
		memory = take_room(&room, size);
	if (memory == NULL)
		memory = malloc(size);
	if (memory != NULL && was != NULL) {
		/* How much there was nobody knows; it ended with the room at the latest. */
		size_t most = (size_t)(was->bytes + was->size - (const char *)old);

		memcpy(memory, old, size < most ? size : most);
	}
	return memory;
}

/* All three are the C library's but for the engine's own descriptor. */

ssize_t
recv(int fd, void *out, size_t size, int flags)
{
	if (fd != engine.fd || fd < 0)
		return recvfrom(fd, out, size, flags, NULL, NULL);
	if (engine.input_length == 0) {
		errno = EAGAIN;
		return -1;
	}
	if (size > engine.input_length)
		size = engine.input_length;
	memcpy(out, engine.input, size);
	engine.input += size;
	engine.input_length -= size;
	return (ssize_t)size;
}

ssize_t
send(int fd, const void *bytes, size_t size, int flags)
{
	if (fd != engine.fd || fd < 0)
		return sendto(fd, bytes, size, flags, NULL, 0);
	if (engine.events != NULL)
		engine.events->output(engine.user, bytes, size);
	return (ssize_t)size;
}

/* The engine shuts its own, which leads nowhere, and which the cage would not let it. */
int
shutdown(int fd, int how)
{
	return fd == engine.fd && fd >= 0 ? 0 : (int)syscall(SYS_shutdown, fd, how);
}

static void
report_close(const unsigned char *payload, size_t length)
{
	uint16_t code = 0;

	if (length >= 2) {
		code = (uint16_t)(payload[0] << 8 | payload[1]);
		payload += 2;
		length -= 2;
	}
	engine.events->closing(engine.user, code, (const char *)payload, length);
}

/* Tell the engine why; its return value then tells it to begin. */
static int
begin_close(struct lws *connection)
{
	lws_close_reason(connection, (enum lws_close_status)engine.close_code,
	    (unsigned char *)engine.close_reason, strlen(engine.close_reason));
	return -1;
}

/* One more line in the answer to the handshake, behind the engine's own. */
static int
answer_extension(struct lws_process_html_args *answer)
{
	int length;

	if (engine.extension == NULL)
		return 0;
	length = snprintf(answer->p, (size_t)answer->max_len,
	    "Sec-WebSocket-Extensions: %s\r\n", engine.extension);
	if (length >= answer->max_len)
		return -1;
	answer->p += length;
	return 0;
}

static int
on_event(struct lws *connection, enum lws_callback_reasons reason, void *user, void *in,
    size_t length)
{
	(void)user;
	if (engine.events == NULL)
		return 0;
	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		engine.echo = strcmp(lws_get_protocol(connection)->name, "echo") == 0;
		engine.events->opened(engine.user);
		return 0;
	case LWS_CALLBACK_ADD_HEADERS: return answer_extension(in);
	case LWS_CALLBACK_RECEIVE:
		if (engine.closing)
			return 0;
		engine.events->data(engine.user, in, length,
		    lws_is_first_fragment(connection) != 0,
		    lws_is_final_fragment(connection) != 0);
		return engine.closing ? begin_close(connection) : 0;
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		report_close(in, length);
		if (engine.closing)
			return begin_close(connection);
		engine.closing = true;
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE: return engine.closing ? begin_close(connection) : 0;
	case LWS_CALLBACK_WSI_DESTROY:
		engine.ended = true;
		engine.events->ended(engine.user);
		return 0;
	default: return 0;
	}
}

/* A piece is at most READ_SIZE, a message as long as its sender's packet may be. */
static const struct lws_protocols protocols[] = {
    {"rosterd", on_event, 0, READ_SIZE, 0, NULL, 1 << 30},
#ifdef ROSTERD_ECHO
    {"echo", on_event, 0, READ_SIZE, 0, NULL, 1 << 30},
#endif
    {NULL, NULL, 0, 0, 0, NULL, 0},
};

const char *const websocket_subprotocols[] = {
    "rosterd",
#ifdef ROSTERD_ECHO
    "echo",
#endif
    NULL,
};

static void
no_log(int level, const char *line)
{
	/* What goes wrong is said by us, with our names for it. */
	(void)level;
	(void)line;
}

int
websocket_prepare(void)
{
	static const lws_retry_bo_t no_pings = {.secs_since_valid_ping = 0};
	struct lws_context_creation_info info = {
	    .port = CONTEXT_PORT_NO_LISTEN_SERVER,
	    .protocols = protocols,
	    .vhost_name = "rosterd",
	    .gid = -1,
	    .uid = -1,
	    .options = LWS_SERVER_OPTION_DISABLE_IPV6,
	    .fd_limit_per_thread = 4,
	    .max_http_header_pool = 1,
	    .max_http_header_data = HEADER_SIZE,
	    .pt_serv_buf_size = READ_SIZE + LWS_PRE,
	    .retry_and_idle_policy = &no_pings,
	};
	struct lws_vhost *vhost;

	lws_set_log_level(LLL_ERR, no_log);
	lws_set_allocator(allocate);
	if ((engine.context = lws_create_context(&info)) == NULL)
		return -1;
	/* What it wants to do at first it may do now, and not in each child. */
	for (int i = 0; i < 3; i++)
		lws_service(engine.context, -1);
	vhost = lws_get_vhost_by_name(engine.context, "rosterd");
	engine.fd = confine_aside(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (vhost == NULL || engine.fd < 0)
		return -1;
	engine.connection = lws_adopt_socket_vhost(vhost, engine.fd);
	return engine.connection != NULL ? 0 : -1;
}

int
websocket_descriptor(void)
{
	return engine.fd;
}

bool
websocket_is_echo(void)
{
	return engine.echo;
}

void
websocket_start(const struct websocket_events *events, void *user)
{
	engine.user = user;
	engine.events = events;
}

void
websocket_extend(const char *extension)
{
	engine.extension = extension;
}

static void
service(short event)
{
	struct lws_pollfd turn = {.fd = engine.fd, .events = event, .revents = event};

	if (engine.ended)
		return;
	engine.serving = true;
	lws_service_fd(engine.context, &turn);
	engine.serving = false;
}

void
websocket_feed(const void *bytes, size_t length)
{
	engine.input = bytes;
	engine.input_length = length;
	while (engine.input_length > 0 && !engine.ended) {
		size_t before = engine.input_length;

		service(POLLIN);
		if (engine.input_length == before)
			break;
	}
	engine.input_length = 0;
	if (engine.closing)
		websocket_let_write();
}

/* A close has two such turns: one to decide, one to write. */
void
websocket_let_write(void)
{
	service(POLLOUT);
	if (engine.closing)
		service(POLLOUT);
}

void
websocket_close(uint16_t code, const char *reason)
{
	if (engine.closing || engine.ended)
		return;
	engine.closing = true;
	engine.close_code = code;
	memcpy(
	    engine.close_reason, reason, strnlen(reason, sizeof(engine.close_reason) - 1) + 1);
	if (!engine.serving)
		websocket_let_write();
}
