#include "guest.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../shm/log.h"
#include "guardian.h"
#include "host.h"
#include "instance.h"
#include "latch.h"
#include "signing.h"
#include "sockets.h"
#include "spawn.h"
#include "user.h"

#define PATIENCE_MS 10000 /* for others who begin or end an instance */

/* The instance, if there is one: its segment, and a descriptor to map parts of it. */
static bool
find_instance(struct segment *s, int *parts, const char *name)
{
	const char *why;

	if (segment_open(s, name, false, &why) < 0)
		return false;
	*parts = segment_open_parts(s, name);
	if (*parts >= 0 && host_is_there(s->header, name)) {
		segment_close_fd(s);
		return true;
	}
	if (*parts >= 0)
		close(*parts);
	segment_unmap(s);
	segment_close_fd(s);
	return false;
}

/*
 * Find the instance or begin it.  The latch, which is to be held until the
 * client has its slot, so that nobody ends the instance before; or -1.
 */
static int
enter_instance(struct segment *s, int *parts, const struct options *options)
{
	const char *name = options->name;
	int latch = latch_take(name, LATCH_SHARED, PATIENCE_MS);

	if (latch < 0 || find_instance(s, parts, name))
		return latch;
	close(latch);
	if ((latch = latch_take(name, LATCH_ALONE, PATIENCE_MS)) < 0 ||
	    find_instance(s, parts, name))
		return latch;
	if (host_start(options) == 0 && find_instance(s, parts, name))
		return latch;
	close(latch);
	errno = EAGAIN;
	return -1;
}

/*
 * A signer for this client alone, that ends when it has signed.  False: there can
 * be none.
 */
static bool
start_signer(struct signing *signing, struct child_start *start)
{
	if (signing_start(signing) < 0)
		return false;
	start->signer = signing_admit(signing);
	signing_close(signing);
	return start->signer >= 0;
}

int
guest_run(const struct options *options, const struct inherit *given)
{
	struct child_settings settings;
	struct child_start start = {
	    .settings = &settings, .parts = -1, .client = given->fds[0], .guardian = -1};
	struct segment segment = {.fd = -1};
	struct signing signing;

	options_child(options, &settings);
	memcpy(start.peer, given->peer, PEER_LENGTH);
	sockets_own_name(start.client, start.own);
	start.tls = given->tls[0] || strcmp(options->tls, "on") == 0;
	start.signer = -1;
	signing_prepare(&signing, options);
	if (start.tls && (options->cert == NULL || signing_read(&signing) < 0))
		return EXIT_CONFIG;
	if (user_become(options->user) < 0)
		child_turn_away(start.client, start.tls, "The server is not ready.");
	if (start.tls && !start_signer(&signing, &start))
		return EXIT_CONFIG;
	start.hold = enter_instance(&segment, &start.parts, options);
	if (start.hold < 0) {
		log_error("no-instance", "peer=%s errno=\"%s\"", start.peer, strerror(errno));
		child_turn_away(start.client, start.tls, "The server is not ready.");
	}
	start.header = segment.header;
	if (!instance_goes_by(start.header, options)) {
		log_error("other-rules",
		    "peer=%s why=\"it runs with another --on-connect or "
		    "--reserved\"",
		    start.peer);
		child_turn_away(start.client, start.tls, "The server is not ready.");
	}
	/* Before memory is filled that it has no use for. */
	if ((start.guardian = guardian_start(options, &segment, start.parts)) < 0) {
		log_error("no-guardian", "peer=%s errno=\"%s\"", start.peer, strerror(errno));
		child_turn_away(start.client, start.tls, "The server is not ready.");
	}
	spawn_limit(&settings, start.header);
	if (child_prepare(&settings) < 0)
		return EXIT_SYSTEM;
	spawn_become(&start);
}
