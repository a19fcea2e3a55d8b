/*
 * request.h - the HTTP request that a connection begins with (RFC 9112), judged.
 *
 * The whole head is read before anything is decided, and what the WebSocket
 * engine gets is not the client's bytes but a request written anew from what
 * was understood (request_upgrade).  Reasons, all measured with libwebsockets
 * 4.1.6: it closes without an answer when a method is unknown, the head too
 * long, the key missing, `Connection` over 127 bytes or a subprotocol is asked
 * for that it does not have; it answers 403 to an `Upgrade` that it does not
 * know, and upgrades to HTTP/2 where nobody asked it to; and it takes any
 * Sec-WebSocket-Version.  Here each of these gets an answer that says why.
 */
#ifndef CHILD_REQUEST_H
#define CHILD_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../shm/span.h"
#include "page.h"

#define REQUEST_HEAD_MAX 8192U /* bytes, with the empty line */
#define REQUEST_HEADERS_MAX 100U
#define REQUEST_UPGRADE_MAX 512U

/*
 * Offsets, not spans, and a quarter of the size: what of the stack a child has once used
 * stays its own memory.
 */
struct request_header {
	uint16_t name, name_length; /* bytes from the start of the head */
	uint16_t value, value_length;
};

struct request {
	const char *head;
	struct span method;
	struct span path;  /* without a query */
	struct span query; /* without the question mark */
	unsigned count;
	struct request_header headers[REQUEST_HEADERS_MAX];
};

enum request_kind {
	REQUEST_UPGRADE, /* to WebSocket, all in order */
	REQUEST_PAGE,    /* GET or HEAD of a page: status 200, or 304: the client has it */
	REQUEST_STATUS,  /* GET or HEAD of a page for operators; status.h has the last word */
	REQUEST_REFUSED, /* status and reason */
};

enum request_status { STATUS_HEALTH, STATUS_METRICS, STATUS_CLIENTS };

struct verdict {
	enum request_kind kind;
	enum request_status page;    /* if it is one for operators */
	const struct page *embedded; /* if it is one of those */
	bool head_only;              /* HEAD: an answer has no body */
	int status;                  /* of the answer */
	uint32_t retry_s;            /* with 503: when to come again; 0: soon */
	char reason[200];            /* a sentence for a developer */
	char challenge[160];         /* 401: how the client may say who it is */
};

/*
 * Bytes of the head at the beginning of what was read, 0 if its end has not
 * been seen yet.  Empty lines before it are part of it.
 */
size_t request_length(const char *bytes, size_t length);

/*
 * Take the head apart; false and *verdict if it is not a request.  It is at most
 * REQUEST_HEAD_MAX long, and has to stay where it is.
 */
bool request_parse(struct request *r, const char *head, size_t length, struct verdict *verdict);

/*
 * Decide.  origins is a list as in origin.h; a request without Origin does not
 * come from a page, and is let in.
 */
void request_judge(const struct request *r, const char *origins, struct verdict *verdict);

/*
 * The request for the engine, from one that was judged REQUEST_UPGRADE;
 * subprotocols are those that the engine has, NULL-terminated.  The return is
 * its length, under REQUEST_UPGRADE_MAX.
 */
size_t request_upgrade(
    const struct request *r, const char *const *subprotocols, char out[REQUEST_UPGRADE_MAX]);

/* tchar of RFC 9110, 5.6.2. */
bool request_token_character(char c);

static inline struct span
request_name(const struct request *r, unsigned number)
{
	const struct request_header *h = &r->headers[number];

	return (struct span){r->head + h->name, h->name_length};
}

static inline struct span
request_value(const struct request *r, unsigned number)
{
	const struct request_header *h = &r->headers[number];

	return (struct span){r->head + h->value, h->value_length};
}

/* The value of a header, the first if there are several; false if there is none. */
bool request_header(const struct request *r, const char *name, struct span *value);

#endif
