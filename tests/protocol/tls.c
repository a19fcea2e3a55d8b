/* TLS: what is agreed on, what is not, and where the private key is. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <openssl/pem.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/roster.h"
#include "../lib/secure.h"
#include "../lib/server.h"
#include "../lib/ws.h"

#define PLAIN_REQUEST "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

static struct server s;

static void
tear_down(void)
{
	server_destroy(&s);
}

TestSuite(tls, .fini = tear_down, .timeout = 60);

/* Connect to the port of TLS without speaking it. */
static void
connect_plainly_from(struct ws *w, const char *source)
{
	secure_speak(false);
	ws_connect_from(w, s.tls_port, source);
	secure_speak(true);
}

static void
connect_plainly(struct ws *w)
{
	connect_plainly_from(w, "127.0.0.1");
}

static bool
speaks(int version)
{
	struct ws w;
	bool agreed;

	connect_plainly(&w);
	w.tls = secure_try(w.fd, version);
	agreed = w.tls != NULL;
	ws_drop(&w);
	return agreed;
}

/* Output of a command; to be freed. */
static char *
run(const char *format, ...)
{
	char command[1024], *text = NULL;
	va_list arguments;
	size_t size = 0;
	FILE *pipe;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	cr_assert_not_null(pipe = popen(command, "r"));
	if (getdelim(&text, &size, '\0', pipe) < 0)
		text = strdup("");
	pclose(pipe);
	return text;
}

static void
check_all_versions(const char *kind)
{
	struct roster r[2];
	struct ws w[2];

	server_start_tls(&s, kind, NULL);
	for (int i = 0; i < 2; i++)
		roster_open(&r[i], &w[i], s.tls_port);
	roster_set(&w[0], "{\"name\":\"Ada\"}");
	roster_await_property(&r[1], &w[1], r[0].me, "name", "\"Ada\"", 5000);
	cr_assert(speaks(TLS1_3_VERSION));
	cr_assert(speaks(TLS1_2_VERSION));
	cr_assert_not(speaks(TLS1_1_VERSION));
	cr_assert_gt(server_counter(&s, "clients", "tls_handshakes"), 3);
	cr_assert_eq(server_counter(&s, "clients", "tls_failed"), 1);
	cr_assert(server_await_log(&s, "tls-failed", 1, 3000));
	ws_close(&w[0]);
	ws_close(&w[1]);
	server_stop(&s);
}

Test(tls, serves_with_a_key_of_an_elliptic_curve)
{
	check_all_versions("ec");
}

Test(tls, serves_with_an_rsa_key)
{
	check_all_versions("rsa");
}

Test(tls, openssl_sees_no_ticket_no_renegotiation_no_compression_and_its_protocol)
{
	char *text;

	server_start_tls(&s, "rsa", NULL);
	text = run("printf '%%s' '" PLAIN_REQUEST "' | timeout 10 openssl s_client -tls1_2 "
		   "-connect 127.0.0.1:%d -alpn h2,http/1.1 -ign_eof 2>&1",
	    s.tls_port);
	cr_assert_not_null(strstr(text, "status=ok"), "%s", text);
	cr_assert_not_null(strstr(text, "ALPN protocol: http/1.1"), "%s", text);
	cr_assert_not_null(strstr(text, "Compression: NONE"), "%s", text);
	cr_assert_not_null(strstr(text, "ECDHE-RSA-"), "%s", text);
	cr_assert_null(strstr(text, "session ticket:"), "%s", text);
	cr_assert_not_null(strstr(text, "Session-ID: \n"), "%s", text);
	cr_assert_not_null(strstr(text, "closed"), "no close_notify: %s", text);
	free(text);
	text = run("timeout 10 openssl s_client -connect 127.0.0.1:%d -alpn h2 </dev/null 2>&1",
	    s.tls_port);
	cr_assert_not_null(strstr(text, "no application protocol"), "%s", text);
	free(text);
	/* s_client asks for it with a line "R". */
	text = run("printf 'R\\n' | timeout 10 openssl s_client -tls1_2 -connect "
		   "127.0.0.1:%d 2>&1",
	    s.tls_port);
	cr_assert_not_null(strstr(text, "no renegotiation"), "%s", text);
	free(text);
}

/* A whole session, by another's hand: the request, and a close frame with a mask of zeros. */
#define SESSION                                                                         \
	"GET / HTTP/1.1\\r\\nHost: localhost\\r\\nUpgrade: websocket\\r\\nConnection: " \
	"Upgrade\\r\\n"                                                                 \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\nSec-WebSocket-Version: "      \
	"13\\r\\n\\r\\n"                                                                \
	"\\210\\200\\000\\000\\000\\000"

static void
check_session(const char *version, const char *said)
{
	char path[128], *cert, *text;

	snprintf(path, sizeof(path), "%s.pem", s.cert);
	cert = run("cat %s", path);
	text = run("printf '" SESSION "' | timeout 10 openssl s_client %s -ign_eof "
		   "-connect 127.0.0.1:%d -servername localhost -CAfile %s "
		   "-verify_hostname localhost -verify_return_error 2>&1 | tr -d '\\000'",
	    version, s.tls_port, path);
	cr_assert_not_null(strstr(text, cert), "another certificate: %s", text);
	cr_assert_not_null(strstr(text, "Verify return code: 0 (ok)"), "%s", text);
	cr_assert_not_null(strstr(text, said), "%s", text);
	cr_assert_not_null(strstr(text, "HTTP/1.1 101 "), "%s", text);
	cr_assert_not_null(strstr(text, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "%s", text);
	cr_assert_not_null(strstr(text, "\"type\":\"metadata\""), "%s", text);
	cr_assert_not_null(strstr(text, "closed\n"), "no end: %s", text);
	free(cert);
	free(text);
}

Test(tls, openssl_speaks_a_websocket_by_both_versions_and_is_refused_by_an_older_one)
{
	char *text;

	server_start_tls(&s, "ec", NULL);
	check_session("-tls1_2", "New, TLSv1.2,");
	check_session("-tls1_3", "New, TLSv1.3,");
	cr_assert_eq(server_counter(&s, "clients", "tls_handshakes"), 2);
	/* That it offers the old one at all takes a word; the alert is the server's. */
	text = run("timeout 10 openssl s_client -tls1_1 -cipher DEFAULT@SECLEVEL=0 "
		   "-connect 127.0.0.1:%d </dev/null 2>&1",
	    s.tls_port);
	cr_assert_not_null(strstr(text, "alert protocol version"), "%s", text);
	cr_assert_eq(server_counter(&s, "clients", "tls_failed"), 1);
	free(text);
}

Test(tls, ends_with_close_notify)
{
	struct ws w;

	server_start_tls(&s, "ec", NULL);
	ws_open(&w, s.tls_port);
	ws_frame(&w, WS_FIN | WS_CLOSE, "\x03\xe8", 2);
	cr_assert(ws_await_end(&w, patience(5000)));
	cr_assert_not(w.cut, "the end is one that anybody could have made");
	ws_drop(&w);
}

Test(tls, a_handshake_that_is_not_finished_ends_at_the_deadline)
{
	struct ws silent, begun;

	server_start_tls(&s, "ec", (const char *const[]){"--handshake", "300", NULL});
	connect_plainly(&silent);
	connect_plainly(&begun);
	ws_raw(&begun, "\x16\x03\x01\x02\x00\x01\x00", 7);
	cr_assert(ws_await_end(&silent, patience(5000)));
	cr_assert(ws_await_end(&begun, patience(5000)));
	cr_assert(server_await_log(&s, "not finished in time", 2, 3000));
	cr_assert_eq(server_counter(&s, "clients", "tls_failed"), 2);
	ws_drop(&silent);
	ws_drop(&begun);
}

static bool
is_shut_out(const char *source)
{
	struct ws w;
	bool in;

	connect_plainly_from(&w, source);
	w.tls = secure_try(w.fd, 0);
	in = w.tls != NULL;
	ws_drop(&w);
	return !in;
}

/* Over 15 s that it owes an address is shut out: after two of 10 s, or eight of 2 s. */
Test(tls, what_is_owed_for_a_handshake_that_fails)
{
	static const char begun[] = "\x16\x03\x01\x02\x00\x01\x00";
	struct ws w[16];
	int n = 0;

	server_start_tls(&s, "ec",
	    (const char *const[]){
		"--penalty-exempt", "10.0.0.0/8", "--handshake", "500", NULL});
	/* Begun, and not finished in time, or left. */
	for (int i = 0; i < 4; i++) {
		connect_plainly_from(&w[n], i < 2 ? "127.0.0.2" : "127.0.0.3");
		ws_raw(&w[n], begun, sizeof(begun) - 1);
		if (i >= 2)
			ws_drop(&w[n]);
		else
			n++;
	}
	/* Not agreed on. */
	for (int i = 0; i < 5; i++) {
		connect_plainly_from(&w[n], "127.0.0.4");
		ws_raw(&w[n++], "\x00garbage", 8);
	}
	/* Done, and then nothing is said: a browser's spare connection. */
	for (int i = 0; i < 5; i++)
		ws_connect_from(&w[n++], s.tls_port, "127.0.0.5");
	/* Done and left, as those do who look whether we are there; and told the right port. */
	for (int i = 0; i < 5; i++) {
		struct ws look;

		ws_connect_from(&look, s.tls_port, "127.0.0.6");
		ws_drop(&look);
		connect_plainly_from(&look, "127.0.0.6");
		ws_raw_text(&look, PLAIN_REQUEST);
		free(ws_rest(&look, patience(5000)));
		ws_drop(&look);
	}
	cr_assert(server_await_counter(&s, "listener", "penalties", 14, patience(15000)));
	cr_assert(is_shut_out("127.0.0.2"));
	cr_assert(is_shut_out("127.0.0.3"));
	cr_assert_not(is_shut_out("127.0.0.4"));
	cr_assert_not(is_shut_out("127.0.0.5"));
	cr_assert_not(is_shut_out("127.0.0.6"));
	cr_assert_eq(server_counter(&s, "listener", "penalties"), 14);
	while (n > 0)
		ws_drop(&w[--n]);
}

Test(tls, garbage_is_the_end_at_once)
{
	struct ws w;
	char *answer;

	server_start_tls(&s, "ec", (const char *const[]){"--handshake", "60000", NULL});
	connect_plainly(&w);
	ws_raw(&w, "\x00garbage garbage garbage", 24);
	answer = ws_rest(&w, patience(10000));
	cr_assert_str_eq(answer, "");
	cr_assert(server_await_log(&s, "tls-failed", 1, 3000));
	cr_assert_eq(server_counter(&s, "clients", "tls_failed"), 1);
	free(answer);
	ws_drop(&w);
}

Test(tls, plain_http_is_told_that_the_port_speaks_tls_and_tls_that_it_does_not)
{
	char *answer;
	struct ws w;

	server_start_tls(&s, "ec", NULL);
	connect_plainly(&w);
	ws_raw_text(&w, PLAIN_REQUEST);
	answer = ws_rest(&w, patience(5000));
	cr_assert_eq(strncmp(answer, "HTTP/1.1 400 ", 13), 0, "%s", answer);
	cr_assert_not_null(strstr(answer, "wss:"), "%s", answer);
	free(answer);
	ws_drop(&w);
	secure_speak(false);
	ws_connect(&w, s.port);
	ws_raw(&w, "\x16\x03\x01\x02\x00\x01\x00", 7);
	answer = ws_rest(&w, patience(5000));
	cr_assert_eq(strncmp(answer, "HTTP/1.1 400 ", 13), 0, "%s", answer);
	cr_assert_not_null(strstr(answer, "does not speak TLS"), "%s", answer);
	free(answer);
	ws_drop(&w);
	cr_assert_eq(server_counter(&s, "clients", "tls_failed"), 1);
}

/* Where TLS is spoken even the listener's own refusals are something that a client knows. */
Test(tls, who_is_turned_away_gets_an_alert)
{
	struct ws inside, w;
	char *answer;

	server_start_tls(&s, "ec", (const char *const[]){"--max-clients", "1", NULL});
	ws_open(&inside, s.tls_port);
	connect_plainly(&w);
	answer = ws_rest(&w, patience(5000));
	cr_assert_eq(memcmp(answer, "\x15\x03\x03", 4), 0, "%s", answer);
	free(answer);
	ws_drop(&w);
	ws_drop(&inside);
}

/*
 * A record may bring more than there is room for, and then the socket does not say
 * that there is more: here a close frame, whose 8 bytes are the last of the record.
 */
Test(tls, what_is_left_of_a_record_is_not_forgotten)
{
	static const char request[] =
	    "TP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
	static const char packet[] = "{\"to\":\"server\",\"packet\":{\"type\":\"a\",\"a\":1}}";
	static char record[SSL3_RT_MAX_PLAIN_LENGTH], text[sizeof(record)];
	size_t used = sizeof(request) - 1, left = sizeof(record) - used - 8;
	struct ws w;
	char *answer;

	server_start_tls(&s, "ec", NULL);
	memcpy(record, request, used);
	memset(text, ' ', sizeof(text));
	memcpy(text, packet, sizeof(packet) - 1);
	cr_assert_eq(ws_make(record + used, WS_FIN | WS_TEXT, text, left - 8), left);
	cr_assert_eq(ws_make(record + used + left, WS_FIN | WS_CLOSE, "\x03\xe8", 2), 8);
	ws_connect(&w, s.tls_port);
	ws_raw_text(&w, "GET / HT");
	cr_assert_eq(SSL_write(w.tls, record, sizeof(record)), (int)sizeof(record));
	answer = ws_rest(&w, patience(5000));
	cr_assert_eq(strncmp(answer, "HTTP/1.1 101 ", 13), 0, "%s", answer);
	cr_assert_eq(server_counter(&s, "clients", "ignored"), 1);
	free(answer);
	ws_drop(&w);
}

/* More than the socket takes, from a client that reads nothing for a while. */
Test(tls, what_a_slow_reader_gets_in_the_end_is_whole)
{
	enum { MESSAGES = 60, LENGTH = 60000 };
	static char text[LENGTH + 1];
	struct ws sender, slow;
	struct roster a, b;
	json_t *packet;
	int got = 0;

	server_start_tls(&s, "ec", (const char *const[]){"--backlog", "8m", NULL});
	roster_open(&a, &sender, s.tls_port);
	roster_open(&b, &slow, s.tls_port);
	memset(text, 'x', LENGTH);
	for (int i = 0; i < MESSAGES; i++)
		ws_text(&sender, "{\"to\":\"%s\",\"packet\":{\"type\":\"n%d\",\"n%d\":\"%s\"}}",
		    b.me, i, i, text);
	cr_assert(server_await_counter(&s, "clients", "delivered", MESSAGES, patience(20000)));
	while (got < MESSAGES && (packet = ws_packet(&slow, patience(10000))) != NULL) {
		const char *type = json_string_value(json_object_get(packet, "type"));
		char wanted[16];

		snprintf(wanted, sizeof(wanted), "n%d", got);
		if (strcmp(type, "changes") != 0 && strcmp(type, "metadata") != 0) {
			cr_assert_str_eq(type, wanted);
			cr_assert_str_eq(
			    json_string_value(json_object_get(packet, type)), text);
			got++;
		}
		json_decref(packet);
	}
	cr_assert_eq(got, MESSAGES);
	ws_drop(&sender);
	ws_drop(&slow);
}

/* Who serves new clients now? */
static void
name_of_server(char name[64])
{
	struct ws w;

	ws_open(&w, s.tls_port);
	secure_peer(w.tls, name);
	ws_close(&w);
}

Test(tls, a_hangup_brings_the_new_certificate_and_old_clients_stay)
{
	struct ws old, new;
	struct roster r, n;
	char name[64], path[128];
	FILE *file;

	server_start_tls(&s, "ec", NULL);
	roster_open(&r, &old, s.tls_port);
	secure_certify(s.cert, "rsa", "renewed");
	kill(s.pid, SIGHUP);
	cr_assert(server_await_log(&s, "tls=on", 2, patience(10000)));
	name_of_server(name);
	cr_assert_str_eq(name, "renewed");
	roster_open(&n, &new, s.tls_port);
	roster_await(&r, &old, n.me, true, 5000);

	/* One that is of no use changes nothing. */
	snprintf(path, sizeof(path), "%s.pem", s.cert);
	cr_assert_not_null(file = fopen(path, "w"));
	fputs("nonsense\n", file);
	fclose(file);
	kill(s.pid, SIGHUP);
	cr_assert(server_await_log(&s, "upgrade-refused", 1, patience(10000)));
	cr_assert(server_await_log(&s, path, 1, 1000), "it is not said which file is wrong");
	name_of_server(name);
	cr_assert_str_eq(name, "renewed");
	roster_set(&new, "{\"x\":1}");
	roster_await_property(&r, &old, n.me, "x", "1", 5000);
	cr_assert_eq(server_processes(&s, "signer", NULL, 0), 1);
	ws_close(&old);
	ws_close(&new);
	server_stop(&s);
}

Test(tls, a_signer_that_dies_has_a_successor_with_the_same_key)
{
	struct ws old, w;
	struct roster r, n;
	char path[128];
	pid_t signer;

	server_start_tls(&s, "ec", NULL);
	roster_open(&r, &old, s.tls_port);
	/* Not even from the file: that may be of the next certificate already. */
	snprintf(path, sizeof(path), "%s.key", s.cert);
	unlink(path);
	for (int i = 1; i <= 3; i++) {
		cr_assert(server_await_processes(&s, "signer", 1, patience(5000)));
		cr_assert_eq(server_processes(&s, "signer", &signer, 1), 1);
		kill(signer, SIGKILL);
		cr_assert(server_await_log(&s, "signer-started", i + 1, patience(5000)));
	}
	roster_open(&n, &w, s.tls_port);
	roster_await(&r, &old, n.me, true, 5000);
	cr_assert_eq(server_counter(&s, "listener", "signers"), 4);
	ws_close(&old);
	ws_close(&w);
	server_stop(&s);
}

Test(tls, while_there_is_no_signer_clients_wait)
{
	struct ws w, old;
	pid_t signer;

	server_start_tls(&s, "ec", (const char *const[]){"--handshake", "10000", NULL});
	ws_open(&old, s.tls_port);
	cr_assert_eq(server_processes(&s, "signer", &signer, 1), 1);
	kill(signer, SIGSTOP);
	connect_plainly(&w);
	cr_assert(server_await_processes(&s, "client", 2, patience(5000)));
	kill(signer, SIGCONT);
	w.tls = secure_connect(w.fd);
	ws_drop(&w);
	ws_drop(&old);
}

/* So many handshakes that even the way to the signer is full: they are turned away. */
Test(tls, who_is_too_much_for_a_signer_that_is_stuck_is_turned_away)
{
	enum { MANY = 400 };
	static struct ws w[MANY];
	struct ws good;
	pid_t signer;
	int count = 0;

	server_start_tls(&s, "ec",
	    (const char *const[]){
		"--max-startups", "2000:1:2000", "--handshake", "60000", NULL});
	cr_assert_eq(server_processes(&s, "signer", &signer, 1), 1);
	kill(signer, SIGSTOP);
	while (count < MANY && server_logged(&s, "no-signer") == 0)
		connect_plainly(&w[count++]);
	/* The listener shows its counts after the turn in which it has logged. */
	cr_assert(server_await_counter(&s, "listener", "tls_refused", 1, patience(5000)));
	kill(signer, SIGCONT);
	while (count > 0)
		ws_drop(&w[--count]);
	ws_open(&good, s.tls_port);
	ws_close(&good);
}

/* The private key. */

/* Is this anywhere in that process's memory? */
static bool
has_in_memory(pid_t pid, const unsigned char *bytes, size_t length)
{
	char path[64], line[512], mode[5];
	unsigned long long from, to;
	bool found = false;
	FILE *maps;
	int memory;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	cr_assert_not_null(maps = fopen(path, "r"), "%s", strerror(errno));
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	cr_assert_geq(memory = open(path, O_RDONLY), 0, "%s", strerror(errno));
	while (fgets(line, sizeof(line), maps) != NULL && !found) {
		size_t size;
		ssize_t got;
		char *copy;

		/* The segment is large and mostly holes; no key is written there by anybody. */
		if (sscanf(line, "%llx-%llx %4s", &from, &to, mode) != 3 || mode[0] != 'r' ||
		    mode[3] == 's' || strstr(line, "[v") != NULL)
			continue;
		size = (size_t)(to - from);
		cr_assert_not_null(copy = malloc(size));
		if ((got = pread(memory, copy, size, (off_t)from)) > 0)
			found = memmem(copy, (size_t)got, bytes, length) != NULL;
		free(copy);
	}
	fclose(maps);
	close(memory);
	return found;
}

struct secret {
	unsigned char bytes[32]; /* a part of the number that nobody may know ... */
	unsigned char words[32]; /* ... and as it lies in the memory of who reckons with it */
	char text[41];           /* a line of the file */
};

static void
read_secret(struct secret *secret, const char *parameter)
{
	char path[128], line[128];
	BIGNUM *number = NULL;
	unsigned char all[1024];
	EVP_PKEY *key;
	FILE *file;
	int length;

	snprintf(path, sizeof(path), "%s.key", s.cert);
	cr_assert_not_null(file = fopen(path, "r"));
	cr_assert_not_null(key = PEM_read_PrivateKey(file, NULL, NULL, NULL));
	cr_assert_eq(EVP_PKEY_get_bn_param(key, parameter, &number), 1);
	length = BN_bn2bin(number, all);
	cr_assert_geq(length, 31);
	/* The lower half is never shortened. */
	memset(secret, 0, sizeof(*secret));
	memcpy(secret->bytes, all + length - 24, 24);
	for (int i = 0; i < 24; i++)
		secret->words[i] = secret->bytes[23 - i];
	rewind(file);
	cr_assert_not_null(fgets(line, sizeof(line), file));
	cr_assert_not_null(fgets(line, sizeof(line), file));
	/* Its beginning says of what kind it is, and is the same for all. */
	memcpy(secret->text, line + 24, 40);
	fclose(file);
	EVP_PKEY_free(key);
	BN_free(number);
}

static bool
knows(pid_t pid, const struct secret *secret)
{
	return has_in_memory(pid, secret->bytes, 24) || has_in_memory(pid, secret->words, 24) ||
	       has_in_memory(pid, (const unsigned char *)secret->text, 40);
}

static void
check_who_knows(const char *kind, const char *parameter)
{
	struct secret secret;
	struct ws w, half;
	pid_t pids[2];

	server_start_tls(&s, kind, NULL);
	read_secret(&secret, parameter);
	ws_open(&w, s.tls_port);
	connect_plainly(&half);
	cr_assert(server_await_processes(&s, "client", 2, patience(5000)));
	cr_assert_eq(server_processes(&s, "client", pids, 2), 2);
	cr_assert_not(knows(pids[0], &secret), "a child has the key");
	cr_assert_not(knows(pids[1], &secret), "a child has the key");
	cr_assert_not(knows(s.pid, &secret), "the listener has the key");
	cr_assert_eq(server_processes(&s, "ticker", pids, 1), 1);
	cr_assert_not(knows(pids[0], &secret), "the ticker has the key");
	/* And this is where it would have been found. */
	cr_assert_eq(server_processes(&s, "signer", pids, 1), 1);
	cr_assert(knows(pids[0], &secret), "the signer does not have it either?");
	ws_drop(&w);
	ws_drop(&half);
}

Test(tls, only_the_signer_has_the_key_of_an_elliptic_curve_in_memory)
{
	if (getenv("ROSTERD_SANDBOX") != NULL)
		cr_skip_test("a sanitizer has mappings too large to search");
	check_who_knows("ec", "priv");
}

Test(tls, only_the_signer_has_the_rsa_key_in_memory)
{
	if (getenv("ROSTERD_SANDBOX") != NULL)
		cr_skip_test("a sanitizer has mappings too large to search");
	check_who_knows("rsa", "rsa-factor1");
}

Test(tls, no_child_has_a_descriptor_of_the_key_or_of_the_signer_once_it_serves)
{
	struct ws w;
	pid_t pid;
	char *text;

	server_start_tls(&s, "ec", NULL);
	ws_open(&w, s.tls_port);
	cr_assert_eq(server_processes(&s, "client", &pid, 1), 1);
	text = run("ls -l /proc/%d/fd", (int)pid);
	cr_assert_null(strstr(text, "rosterd-key"), "%s", text);
	free(text);
	cr_assert_eq(server_processes(&s, "signer", &pid, 1), 1);
	/* 0, 1, 2, the owner, its epoll; perhaps a moment later. */
	for (long long until = now_ms() + patience(3000);
	     server_descriptors(pid) > 5 && now_ms() < until;)
		continue;
	text = run("ls -l /proc/%d/fd", (int)pid);
	cr_assert_leq(server_descriptors(pid), 5, "%s", text);
	free(text);
	ws_drop(&w);
}

Test(tls, the_signer_is_the_user_that_is_served_though_root_alone_may_read_the_key)
{
	struct ws w;
	pid_t pid;
	char *text;

	if (geteuid() != 0)
		return;
	server_start_tls(&s, "ec", (const char *const[]){"--user", "nobody", NULL});
	ws_open(&w, s.tls_port);
	cr_assert_eq(server_processes(&s, "signer", &pid, 1), 1);
	text = run("grep -h ^Uid: /proc/%d/status", (int)pid);
	cr_assert_null(strstr(text, "\t0\t"), "%s", text);
	free(text);
	ws_drop(&w);
}

/* Certificates that are of no use. */

static int
checked(const char *cert, const char *key, char **said)
{
	const char *program = getenv("ROSTERD");
	char *at;

	*said = run("%s --check --listen-tls 127.0.0.1:0 --cert %s --key %s 2>&1 >/dev/null; "
		    "echo \" $?\"",
	    program != NULL ? program : "build/rosterd", cert, key);
	cr_assert_not_null(at = strrchr(*said, ' '));
	return atoi(at + 1);
}

Test(tls, bad_certificates_and_keys_are_told_at_start)
{
	char path[64], pem[128], key[128], other[128], *said;

	snprintf(path, sizeof(path), "/tmp/rosterd-tls-%d", (int)getpid());
	snprintf(pem, sizeof(pem), "%s.pem", path);
	snprintf(key, sizeof(key), "%s.key", path);
	snprintf(other, sizeof(other), "%s.other", path);
	secure_certify(path, "rsa", "localhost");
	cr_assert_eq(rename(key, other), 0);
	secure_certify(path, "ec", "localhost");
	cr_assert_eq(checked(pem, key, &said), 0, "%s", said);
	cr_assert_eq(checked(pem, other, &said), 78, "%s", said);
	cr_assert_not_null(strstr(said, "the certificate is of another key"), "%s", said);
	cr_assert_eq(checked(pem, "/nowhere", &said), 78, "%s", said);
	cr_assert_not_null(strstr(said, "--key /nowhere: No such file"), "%s", said);
	cr_assert_eq(checked("/nowhere", key, &said), 78, "%s", said);
	cr_assert_not_null(strstr(said, "--cert /nowhere: No such file"), "%s", said);
	cr_assert_eq(checked(key, key, &said), 78, "%s", said);
	cr_assert_eq(checked(pem, pem, &said), 78, "%s", said);
	cr_assert_not_null(strstr(said, "holds no private key"), "%s", said);
	/* And without --check nothing is begun either. */
	said = run("%s --name none-%d --listen-tls 127.0.0.1:0 --cert %s --key %s 2>&1; "
		   "echo \" $?\"",
	    getenv("ROSTERD") != NULL ? getenv("ROSTERD") : "build/rosterd", (int)getpid(), pem,
	    other);
	cr_assert_not_null(strstr(said, " 78"), "%s", said);
	cr_assert_null(strstr(said, "ticker-started"), "%s", said);
	unlink(pem);
	unlink(key);
	unlink(other);
}
