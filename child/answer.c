#include "answer.h"

#include <string.h>
#include <time.h>

#include "page.h"

/* The page may use what it brings and talk to where it came from, and nothing else. */
#define PAGE_POLICY                                                                   \
	"default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; " \
	"connect-src 'self' ws: wss:; img-src data:; base-uri 'none'; form-action "   \
	"'none'; "                                                                    \
	"frame-ancestors 'none'"

static const char *
phrase(int status)
{
	switch (status) {
	case 200: return "OK";
	case 400: return "Bad Request";
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
	case 503: return "Retry-After: 2\r\n";
	default: return "";
	}
}

static void
write_head(struct text *out, int status, const char *type, size_t length, const char *more)
{
	char date[64];
	time_t now = time(NULL);
	struct tm utc;

	gmtime_r(&now, &utc);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &utc);
	text_format(out,
	    "HTTP/1.1 %d %s\r\n"
	    "Date: %s\r\n"
	    "Content-Type: %s; charset=utf-8\r\n"
	    "Content-Length: %zu\r\n"
	    "Cache-Control: no-store\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    "%s%s"
	    "Connection: %s\r\n\r\n",
	    status, phrase(status), date, type, length, demanded(status), more,
	    status == 426 ? "Upgrade, close" : "close");
}

void
answer_text(
    struct text *out, int status, const char *type, const struct text *body, bool head_only)
{
	write_head(out, status, type, body->length, "");
	if (!head_only)
		text_add(out, body->bytes, body->length);
}

static void
write_refusal(struct text *out, int status, const char *reason, bool head_only)
{
	struct text body = {0};

	text_format(&body, "%d %s\n%s\n", status, phrase(status), reason);
	answer_text(out, status, "text/plain", &body, head_only);
	text_clear(&body, 0);
}

void
answer_write(struct text *out, const struct verdict *v)
{
	if (v->kind != REQUEST_PAGE) {
		write_refusal(out, v->status, v->reason, v->head_only);
		return;
	}
	write_head(out, 200, "text/html", page_length(),
	    "Content-Security-Policy: " PAGE_POLICY "\r\nReferrer-Policy: no-referrer\r\n");
	if (!v->head_only)
		text_add(out, page_bytes(), page_length());
}

void
answer_refuse(struct text *out, int status, const char *reason)
{
	write_refusal(out, status, reason, false);
}
