/* The log of a real instance: what its lines say, and what they never say. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../lib/roster.h"
#include "../lib/server.h"
#include "../lib/ws.h"

/* The last line of its log that holds text, or NULL; to be freed. */
static char *
last_line(const struct server *s, const char *text)
{
	FILE *file = fopen(s->log, "r");
	char *line = NULL, *found = NULL;
	size_t size = 0;

	while (file != NULL && getline(&line, &size, file) > 0) {
		if (strstr(line, text) == NULL)
			continue;
		free(found);
		found = strdup(line);
	}
	free(line);
	fclose(file);
	return found;
}

/* The value of KEY=VALUE in a line (without quotes), in a buffer that is used again. */
static const char *
value_of(const char *line, const char *key)
{
	static char value[512];
	char pattern[64];
	const char *at;

	snprintf(pattern, sizeof(pattern), " %s=", key);
	cr_assert_not_null(at = strstr(line, pattern), "no %s in: %s", key, line);
	at += strlen(pattern);
	if (*at == '"')
		snprintf(value, sizeof(value), "%.*s", (int)strcspn(at + 1, "\""), at + 1);
	else
		snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, " \n"), at);
	return value;
}

static void
own_address(const struct ws *w, char out[64])
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	getsockname(w->fd, (struct sockaddr *)&address, &length);
	snprintf(out, 64, "127.0.0.1:%u", ntohs(address.sin_port));
}

Test(logs, lines_of_a_session_say_who_where_how_long_how_much_and_why)
{
	static const char payload[] = "\x10\xe1"
				      "bye \"x\"\n"; /* 4321 */
	struct server s;
	struct roster r;
	struct ws w;
	char peer[64], *opened, *closed;

	server_start(&s, NULL);
	roster_open(&r, &w, s.port);
	own_address(&w, peer);
	roster_set(&w, "{\"a\":1}");
	roster_await_property(&r, &w, r.me, "a", "1", 3000);
	ws_text(&w, "{\"to\":\"%s\",\"packet\":{\"type\":\"x\",\"x\":1}}", r.me);
	json_decref(ws_packet(&w, 3000));
	ws_frame(&w, WS_CLOSE | WS_FIN, payload, sizeof(payload) - 1);
	cr_assert(server_await_log(&s, "client-close", 1, 3000));

	opened = last_line(&s, " info client-open ");
	cr_assert_str_eq(value_of(opened, "slot"), "0");
	cr_assert_str_eq(value_of(opened, "token"), r.me);
	cr_assert_str_eq(value_of(opened, "peer"), peer);
	closed = last_line(&s, " info client-close ");
	cr_assert_str_eq(value_of(closed, "slot"), "0");
	cr_assert_str_eq(value_of(closed, "token"), r.me);
	cr_assert_str_eq(value_of(closed, "peer"), peer);
	cr_assert_str_eq(value_of(closed, "pid"), value_of(opened, "pid"));
	cr_assert_gt(atof(value_of(closed, "seconds")), 0);
	cr_assert_lt(atof(value_of(closed, "seconds")), 30);
	cr_assert_gt(atoi(value_of(closed, "received_bytes")), 100);
	cr_assert_gt(atoi(value_of(closed, "sent_bytes")), 200);
	cr_assert_str_eq(value_of(closed, "packets"), "2");
	cr_assert_str_eq(value_of(closed, "delivered"), "1");
	cr_assert_str_eq(value_of(closed, "code"), "4321");
	cr_assert_str_eq(value_of(closed, "reason"), "bye \\x22x\\x22\\x0a");
	free(opened);
	free(closed);
	server_stop(&s);
}

/* The server closes, the client just goes, the child is killed: each has its line, once. */
Test(logs, every_session_has_one_end)
{
	struct server s;
	struct roster r[4];
	struct ws w[4];
	pid_t pid;
	char *line;

	server_start(&s, NULL);
	for (int i = 0; i < 4; i++)
		roster_open(&r[i], &w[i], s.port);
	cr_assert(server_await_log(&s, "client-open", 4, 5000));
	line = last_line(&s, r[3].me);
	pid = (pid_t)atoi(value_of(line, "pid"));
	free(line);
	ws_text(&w[0], "nonsense");
	ws_drop(&w[1]);
	ws_reset(&w[2]);
	kill(pid, SIGKILL);
	cr_assert(server_await_log(&s, "client-close", 4, 5000));
	for (int i = 0; i < 4; i++) {
		static const char *const codes[] = {"1007", "1006", "1006", "1006"};

		cr_assert_eq(server_logged(&s, r[i].me), 2, "client %d", i);
		line = last_line(&s, r[i].me);
		cr_assert_not_null(strstr(line, " client-close "));
		cr_assert_str_eq(value_of(line, "code"), codes[i]);
		if (i == 3)
			cr_assert_str_eq(value_of(line, "reason"), "its process died");
		free(line);
	}
	cr_assert_eq(server_logged(&s, "client-close"), 4);
	server_stop(&s);
}

/* Whatever a client sends, and wherever it goes wrong, none of it is written down. */
Test(logs, no_secret_and_no_value_is_ever_logged)
{
	static const char *const wrong[] = {
	    "{\"to\":\"server\",\"packet\":{\"type\":\"properties\",\"properties\":\"HUSH\"}}",
	    "{\"to\":\"server\",\"packet\":{\"type\":\"HUSH\"}}",
	    "{\"to\":\"HUSH\",\"packet\":{\"type\":\"HUSH\",\"HUSH\":\"HUSH\"}}",
	    "{\"to\":\"*\",\"packet\":{\"type\":\"metadata\",\"metadata\":\"HUSH\"}}",
	    "{\"HUSH\":HUSH}",
	    "HUSH",
	    "{\"to\":\"*\",\"packet\":{\"HUSH\":\"type\"}}",
	    "{\"to\":\"*\",\"packet\":\"HUSH\"}",
	};
	struct server s;
	struct roster r;
	struct ws w;

	server_start(&s, (const char *const[]){"--log-level", "debug", NULL});
	ws_open_with(&w, s.port,
	    "Cookie: session=HUSH\r\nAuthorization: Bearer HUSH\r\nUser-Agent: HUSH\r\n");
	ws_close(&w);
	free(ws_http(s.port, "GET /?token=HUSH HTTP/1.1\r\nHost: HUSH\r\n\r\n"));
	free(ws_http(s.port, "GET /HUSH HTTP/1.1\r\nHost: x\r\nCookie: HUSH\r\n\r\n"));
	free(ws_http(s.port, "HUSH / HTTP/1.1\r\nHost: x\r\nHUSH\r\n\r\n"));
	free(ws_http(s.port, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: HUSH\r\n\r\n"));
	roster_open(&r, &w, s.port);
	roster_set(&w, "{\"password\":\"HUSH\",\"HUSH\":1}");
	roster_await_property(&r, &w, r.me, "HUSH", "1", 3000);
	ws_close(&w);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ws_open(&w, s.port);
		ws_text(&w, "%s", wrong[i]);
		ws_close(&w);
	}
	cr_assert(server_await_log(&s, "client-close", 10, 5000));
	kill(s.pid, SIGUSR1);
	cr_assert(server_await_log(&s, " state ", 1, 3000));
	cr_assert_eq(server_logged(&s, "HUSH"), 0);
	cr_assert_geq(server_logged(&s, "request-refused"), 3);
	server_stop(&s);
}

/* Each line by itself: time, level, event, and pairs. */
Test(logs, every_line_has_the_form_that_is_promised)
{
	struct server s;
	struct ws w;
	FILE *file;
	char *line = NULL;
	size_t size = 0;
	int lines = 0;

	server_start(&s, NULL);
	ws_open(&w, s.port);
	ws_text(&w, "\x01\xff");
	ws_close(&w);
	cr_assert(server_await_log(&s, "client-close", 1, 5000));
	file = fopen(s.log, "r");
	for (; getline(&line, &size, file) > 0; lines++) {
		char level[16], event[32];
		int used = 0;

		cr_assert_eq(sscanf(line, "%*d-%*d-%*dT%*d:%*d:%*fZ %15[a-z] %31[a-z-] %n",
				 level, event, &used),
		    2, "%s", line);
		for (const char *at = line + used; *at != '\n' && *at != '\0';) {
			at += strspn(at, "abcdefghijklmnopqrstuvwxyz_");
			cr_assert_eq(*at, '=', "%s", line);
			at += at[1] == '"' ? 2 + strcspn(at + 2, "\"") + 1 : strcspn(at, " \n");
			at += *at == ' ';
		}
	}
	cr_assert_geq(lines, 5);
	free(line);
	fclose(file);
	server_stop(&s);
}
