#include "status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../shm/prometheus.h"
#include "../shm/totals.h"
#include "../shm/view.h"
#include "answer.h"

/* What proxies write into requests that they pass on. */
static bool
came_by_proxy(const struct request *r)
{
	static const char *const headers[] = {
	    "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via"};
	struct span value;

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		if (request_header(r, headers[i], &value))
			return true;
	return false;
}

/* What a proxy calls its own machine, or a Unix socket, need not be one of ours. */
static bool
is_allowed(const struct child_settings *settings, const char *peer, bool told)
{
	struct cidr address;

	if (!told && strncmp(peer, "unix", 4) == 0)
		return true;
	if (!cidr_of_peer(peer, &address))
		return false;
	if (!told && cidr_is_loopback(&address))
		return true;
	for (unsigned i = 0; i < settings->status_from_count; i++)
		if (cidr_holds(&settings->status_from[i], &address))
			return true;
	return false;
}

void
status_judge(const struct request *r, const struct child_settings *settings, const char *peer,
    const char *via, struct verdict *v)
{
	bool told = via[0] != '\0', hidden = !told && came_by_proxy(r);

	if (is_allowed(settings, peer, told) && !hidden)
		return;
	v->kind = REQUEST_REFUSED;
	v->status = 403;
	snprintf(v->reason, sizeof(v->reason),
	    "This page is for the operator, on this machine%s.",
	    hidden ? " and not through a proxy" : " or from --status-from");
}

/* The life line says whether a ticker is there: the kernel closes it with the ticker. */
static bool
is_live(const struct seat *s)
{
	return s->line >= 0 && s->welcome;
}

static const char *
find_fault(const struct seat *s, uint64_t now)
{
	if (!is_live(s))
		return "no-ticker";
	if (!totals_on_time(s->header, now))
		return "late";
	if (load_relaxed(&s->header->draining) != 0)
		return "draining";
	return NULL;
}

static int
write_health(struct text *out, const struct seat *s)
{
	struct view_instant now = view_now(s->header, true);
	uint64_t last = load_relaxed(&s->header->tick_boot_ms);
	const char *fault = find_fault(s, now.boot_ms);

	text_format(out,
	    "status=%s tick_age_ms=%" PRIu64 " tick_ms=%u clients=%u max_clients=%u\n",
	    fault != NULL ? fault : "ok", now.boot_ms > last ? now.boot_ms - last : 0,
	    load_relaxed(&s->header->tick_ms), load_relaxed(&s->header->clients),
	    s->header->limits.max_clients);
	return fault != NULL ? 503 : 200;
}

static int
write_metrics(struct text *out, struct seat *s)
{
	struct view_instant now = view_now(s->header, true);
	struct totals t;

	/* One of the gauges looks at the ring; if the commons are closed, it does not. */
	(void)lock_enter(&s->user);
	totals_take(s->header, is_live(s), now.boot_ms, &t);
	lock_leave(&s->user);
	prometheus_write(&t, out);
	return 200;
}

static int
write_clients(struct text *out, const struct seat *s)
{
	struct view_instant now = view_now(s->header, true);

	return view_json_all(s->header, &now, out) ? 200 : 503;
}

void
status_write(struct text *out, struct seat *s, const struct verdict *v)
{
	const char *type = "text/plain";
	struct text body = {0};
	int status = 503;

	switch (v->page) {
	case STATUS_HEALTH: status = write_health(&body, s); break;
	case STATUS_METRICS:
		status = write_metrics(&body, s);
		type = PROMETHEUS_TYPE;
		break;
	case STATUS_CLIENTS:
		status = write_clients(&body, s);
		type = "application/json";
		break;
	}
	if (body.failed)
		answer_refuse(out, 503, "There is no memory for this answer.");
	else
		answer_text(out, status, type, &body, v->head_only);
	text_clear(&body, 0);
}
