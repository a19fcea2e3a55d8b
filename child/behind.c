#include "behind.h"

#include <bsd/unistd.h>
#include <stdio.h>
#include <string.h>

#include "farewell.h"
#include "forwarded.h"
#include "greet.h"
#include "proxy.h"
#include "state.h"

void
behind_start(struct child *c)
{
	const struct child_settings *s = c->settings;

	memset(&c->behind, 0, sizeof(c->behind));
	c->via = "";
	if (!trust_peer(&s->trust, c->peer))
		return;
	if (s->proxy_protocol)
		c->behind.step = BEHIND_PROXY;
	else if (s->client_header != HEADER_NONE)
		c->behind.step = BEHIND_REQUEST;
}

static void
tell(struct child *c)
{
	if (c->behind.client.kind == ADDRESS_NONE) {
		c->behind.step = BEHIND_DONE;
		return;
	}
	address_write(&c->behind.client, c->behind.text);
	c->via = c->peer;
	c->peer = c->behind.text;
	c->behind.step = BEHIND_ASKED;
	setproctitle("client %.8s %s", c->seat.token, c->peer);
	seat_tell(&c->seat, c->peer);
}

/* Headers count only where a trusted one was at the other end: it wrote them. */
static void
take_header(struct child *c)
{
	struct behind *b = &c->behind;

	if (trust_holds(&c->settings->trust, &b->client) &&
	    c->settings->client_header != HEADER_NONE)
		b->step = BEHIND_REQUEST;
	else
		tell(c);
}

void
behind_read(struct child *c)
{
	struct verdict bad = {.kind = REQUEST_REFUSED, .status = 400};
	const char *bytes, *why;
	size_t there = inbound_peek(&c->in, &bytes), length;

	switch (
	    proxy_read((const unsigned char *)bytes, there, &length, &c->behind.client, &why)) {
	case PROXY_PART: inbound_take(&c->in, there); break;
	case PROXY_WHOLE:
		inbound_take(&c->in, length);
		inbound_forget(&c->in);
		take_header(c);
		break;
	case PROXY_BAD:
		inbound_take(&c->in, there);
		snprintf(bad.reason, sizeof(bad.reason), "%s", why);
		farewell_answer(c, &bad);
		break;
	}
}

bool
behind_judge(struct child *c, const struct request *r, struct verdict *v)
{
	const struct child_settings *s = c->settings;
	struct address found;

	if (c->behind.step == BEHIND_DONE)
		return true;
	if (!forwarded_find(r, s->client_header, &s->trust, &found)) {
		*v = (struct verdict){.kind = REQUEST_REFUSED,
		    .status = 400,
		    .reason = "The header Forwarded is not one (RFC 7239, 4)."};
		return false;
	}
	if (found.kind != ADDRESS_NONE)
		c->behind.client = found;
	*v = (struct verdict){.kind = REQUEST_UPGRADE};
	tell(c);
	return c->behind.step == BEHIND_DONE;
}

void
behind_passed(struct child *c)
{
	if (c->behind.step != BEHIND_ASKED || c->phase != PHASE_HANDSHAKE)
		return;
	c->behind.step = BEHIND_DONE;
	greet_request(c);
}

void
behind_denied(struct child *c, uint32_t retry_s)
{
	struct verdict full = {.kind = REQUEST_REFUSED,
	    .status = 503,
	    .retry_s = retry_s,
	    .reason = "There are too many connections from your address, or too many were "
		      "left unfinished."};

	if (c->behind.step != BEHIND_ASKED || c->phase != PHASE_HANDSHAKE)
		return;
	c->behind.step = BEHIND_DONE;
	farewell_answer(c, &full);
}
