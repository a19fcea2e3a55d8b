#include "trial.h"

#include <stdio.h>
#include <string.h>

#include "../lib/check.h"

#define CROWD 8
#define SOON_MS 3000
#define SHOW_MS 300  /* of life after the order was obeyed */
#define TICK_MS 1000 /* the protocol's promise */

void
stage_open(struct stage *s, const char *const *options)
{
	const char *all[20] = {"--sandbox", "on"};
	int count = 2;

	for (; options != NULL && *options != NULL && count < 19; options++)
		all[count++] = *options;
	server_start(&s->server, all);
	crowd_open(&s->crowd, s->server.port, CROWD);
	crowd_run(&s->crowd, 200);
}

/* An answer to the order, or NULL; other packets are skipped. */
static const char *
answer_of(struct ws *w, char answer[256])
{
	json_t *packet;

	while ((packet = ws_packet(w, 0)) != NULL) {
		const char *text = json_string_value(json_object_get(packet, "misbehave"));

		if (text != NULL)
			snprintf(answer, 256, "%s", text);
		json_decref(packet);
		if (text != NULL)
			return answer;
	}
	return NULL;
}

/* Let the crowd live until the order has had its effect. */
static const char *
await(struct stage *s, struct ws *w, const struct trial *t, char answer[256])
{
	long long until = now_ms() + patience(t->within_ms != 0 ? t->within_ms : SOON_MS);
	const char *got;

	while ((got = answer_of(w, answer)) == NULL && !w->ended) {
		CHECK(now_ms() < until, "%s: nothing happens", t->order);
		crowd_run(&s->crowd, 10);
	}
	return got;
}

static void
check_fate(struct stage *s, const struct trial *t, const char *answer, int logged)
{
	if (t->fate == FATE_LIVES) {
		CHECK(answer != NULL, "%s: it did not live", t->order);
		CHECK(t->says == NULL || strstr(answer, t->says) != NULL, "%s: it said %s",
		    t->order, answer);
		return;
	}
	CHECK(answer == NULL, "%s: it said %s", t->order, answer);
	CHECK(t->says == NULL || server_await_log(&s->server, t->says, logged + 1, SOON_MS),
	    "%s: the log does not say %s", t->order, t->says);
}

static void
check_others(struct stage *s, const struct trial *t)
{
	long long until = now_ms() + SOON_MS;

	crowd_settle(&s->crowd);
	while (!crowd_alone(&s->crowd)) {
		CHECK(now_ms() < until, "%s: it is still in the roster", t->order);
		crowd_run(&s->crowd, 20);
	}
	CHECK(server_await_processes(&s->server, "client", CROWD, SOON_MS),
	    "%s: there are not as many processes as clients", t->order);
	CHECK(server_processes(&s->server, "ticker", NULL, 0) == 1, "%s: no ticker", t->order);
	CHECK(s->crowd.worst_tick_ms <= patience(TICK_MS), "%s: a tick came after %lld ms",
	    t->order, s->crowd.worst_tick_ms);
}

/* A new client, which gives its child the order. */
static void
give_order(struct stage *s, struct ws *w, const struct trial *t)
{
	char target[200] = "/";

	if (t->query != NULL)
		snprintf(target, sizeof(target), "/?%s%s%s", t->query, t->early ? "!" : "",
		    t->early ? t->order : "");
	if (t->early)
		ws_knock(w, s->server.port, target, "");
	else
		ws_open_at(w, s->server.port, target);
	crowd_measure(&s->crowd);
	if (!t->early)
		ws_text(w,
		    "{\"to\":\"server\",\"packet\":{\"type\":\"misbehave\","
		    "\"misbehave\":\"%s\"}}",
		    t->order);
}

void
stage_try(struct stage *s, const struct trial *t)
{
	int logged = t->says != NULL ? server_logged(&s->server, t->says) : 0;
	char answer[256];
	const char *got;
	struct ws w;

	give_order(s, &w, t);
	got = await(s, &w, t, answer);
	crowd_run(&s->crowd, SHOW_MS);
	check_fate(s, t, got, logged);
	ws_drop(&w);
	check_others(s, t);
	fprintf(stderr, "%-32s %-24s others: worst tick %4lld ms, worst packet %4lld ms\n",
	    t->order, got != NULL ? got : "dies", s->crowd.worst_tick_ms,
	    s->crowd.worst_packet_ms);
}

void
stage_try_all(struct stage *s, const struct trial *list)
{
	for (; list->order != NULL; list++)
		stage_try(s, list);
}

void
stage_close(struct stage *s)
{
	CHECK(server_logged(&s->server, "ticker-ended") == 0, "the ticker has died");
	server_stop(&s->server);
}
