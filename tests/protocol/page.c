/* GET / */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/server.h"
#include "../lib/ws.h"

Test(page, get_answers_the_page)
{
	struct server s;
	char *answer, *body, *length;

	server_start(&s, NULL);
	answer = ws_http(s.port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_eq(strncmp(answer, "HTTP/1.1 200 OK\r\n", 17), 0);
	cr_assert_not_null(strstr(answer, "Content-Type: text/html; charset=utf-8\r\n"));
	cr_assert_not_null(strstr(answer, "Content-Security-Policy: default-src 'none'"));
	cr_assert_null(strstr(answer, "unsafe"));
	cr_assert_not_null(strstr(answer, "X-Content-Type-Options: nosniff\r\n"));
	cr_assert_not_null(strstr(answer, "Referrer-Policy: no-referrer\r\n"));
	cr_assert_not_null(strstr(answer, "Cache-Control: no-cache\r\n"));
	cr_assert_null(strstr(answer, "Access-Control-Allow-Origin"));
	body = strstr(answer, "\r\n\r\n") + 4;
	length = strstr(answer, "Content-Length: ");
	cr_assert_eq(strlen(body), strtoul(length + 16, NULL, 10));
	cr_assert_not_null(strstr(body, "<!doctype html>"));
	/* Works offline: nothing is fetched from anywhere. */
	cr_assert_null(strstr(body, "src=\"http"));
	cr_assert_null(strstr(body, "href=\"http"));
	free(answer);
	server_stop(&s);
}

/* What the client has it is not sent again. */
Test(page, get_with_the_tag_of_the_page_answers_304)
{
	struct server s;
	char *answer, *tag, request[256];

	server_start(&s, NULL);
	answer = ws_http(s.port, "GET /rosterd.js HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_eq(strncmp(answer, "HTTP/1.1 200 OK\r\n", 17), 0);
	cr_assert_not_null(strstr(answer, "Content-Type: text/javascript; charset=utf-8\r\n"));
	cr_assert_not_null(strstr(answer, "Access-Control-Allow-Origin: *\r\n"));
	cr_assert_not_null(strstr(answer, "export function connect("));
	cr_assert_not_null(tag = strstr(answer, "ETag: "));
	snprintf(request, sizeof(request),
	    "GET /rosterd.js HTTP/1.1\r\nHost: x\r\nIf-None-Match: %.18s\r\n\r\n", tag + 6);
	free(answer);
	answer = ws_http(s.port, request);
	cr_assert_eq(strncmp(answer, "HTTP/1.1 304 Not Modified\r\n", 27), 0);
	cr_assert_null(strstr(answer, "\r\nContent-Length"));
	cr_assert_null(strstr(answer, "\r\nContent-Type"));
	cr_assert_str_eq(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
	free(answer);
	server_stop(&s);
}

Test(page, a_query_changes_nothing)
{
	struct server s;
	char *answer;

	server_start(&s, NULL);
	answer = ws_http(s.port, "GET /?a=b HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_eq(strncmp(answer, "HTTP/1.1 200 OK\r\n", 17), 0);
	free(answer);
	server_stop(&s);
}

Test(page, head_answers_without_it)
{
	struct server s;
	char *answer;

	server_start(&s, NULL);
	answer = ws_http(s.port, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_eq(strncmp(answer, "HTTP/1.1 200 OK\r\n", 17), 0);
	cr_assert_str_eq(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
	free(answer);
	server_stop(&s);
}
