#include "answer.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define RETRY_S 2 /* if nothing better is known */

/*
 * A page may use what came with it and talk to where it came from, and nothing
 * else; no text becomes markup.
 */
#define PAGE_POLICY                                                                     \
	"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " \
	"img-src data:; base-uri 'none'; form-action 'none'; "                          \
	"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

static const char *
phrase(int status)
{
	switch (status) {
	case 200: return "OK";
	case 304: return "Not Modified";
	case 400: return "Bad Request";
	case 401: return "Unauthorized";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 408: return "Request Timeout";
	case 426: return "Upgrade Required";
	case 431: return "Request Header Fields Too Large";
	case 503: return "Service Unavailable";
	case 505: return "HTTP Version Not Supported";
	default: return "Error";
	}
}

/* What a status demands beside the answer (RFC 9110, 15.5.6, 15.5.22, 15.6.4). */
static const char *
demanded(int status)
{
	switch (status) {
	case 405: return "Allow: GET, HEAD\r\n";
	case 426: return "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
	default: return "";
	}
}

/* The head up to what is particular to the answer. */
static void
begin_head(struct text *out, int status, uint32_t retry_s)
{
	char date[64];
	time_t now = time(NULL);
	struct tm utc;

	gmtime_r(&now, &utc);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &utc);
	text_format(out,
	    "HTTP/1.1 %d %s\r\n"
	    "Date: %s\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    "Referrer-Policy: no-referrer\r\n"
	    "Connection: %s\r\n"
	    "%s",
	    status, phrase(status), date, status == 426 ? "Upgrade, close" : "close",
	    demanded(status));
	if (status == 503)
		text_format(out, "Retry-After: %u\r\n", retry_s != 0 ? retry_s : RETRY_S);
}

static void
end_head(struct text *out, const char *type, size_t length)
{
	text_format(out,
	    "Content-Type: %s; charset=utf-8\r\n"
	    "Content-Length: %zu\r\n\r\n",
	    type, length);
}

static void
write_text(struct text *out, const struct verdict *v, const char *type, const struct text *body)
{
	begin_head(out, v->status, v->retry_s);
	if (v->status == 401)
		text_format(out, "WWW-Authenticate: %s\r\n", v->challenge);
	text_string(out, "Cache-Control: no-store\r\n");
	end_head(out, type, body->length);
	if (!v->head_only)
		text_add(out, body->bytes, body->length);
}

void
answer_text(
    struct text *out, int status, const char *type, const struct text *body, bool head_only)
{
	struct verdict v = {.status = status, .head_only = head_only};

	write_text(out, &v, type, body);
}

static void
write_refusal(struct text *out, const struct verdict *v, const char *reason)
{
	struct text body = {0};

	text_format(&body, "%d %s\n%s\n", v->status, phrase(v->status), reason);
	write_text(out, v, "text/plain", &body);
	text_clear(&body, 0);
}

/* A page may be kept, but is asked for each time: the server may have been replaced. */
static void
write_page(struct text *out, const struct verdict *v)
{
	char tag[PAGE_TAG_SIZE];

	page_tag(v->embedded, tag);
	begin_head(out, v->status, 0);
	text_format(out,
	    "Cache-Control: no-cache\r\n"
	    "ETag: %s\r\n"
	    "Content-Security-Policy: " PAGE_POLICY "\r\n"
	    "%s",
	    tag, v->embedded->shared ? "Access-Control-Allow-Origin: *\r\n" : "");
	if (v->status == 304) {
		text_string(out, "\r\n");
		return;
	}
	end_head(out, v->embedded->type, page_length(v->embedded));
	if (!v->head_only)
		text_add(out, v->embedded->begin, page_length(v->embedded));
}

void
answer_write(struct text *out, const struct verdict *v)
{
	if (v->kind == REQUEST_PAGE)
		write_page(out, v);
	else
		write_refusal(out, v, v->reason);
}

void
answer_refuse(struct text *out, int status, const char *reason)
{
	struct verdict v = {.status = status};

	write_refusal(out, &v, reason);
}
