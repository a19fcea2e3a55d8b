#include "secure.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "server.h"

static bool spoken;

bool
secure_everywhere(void)
{
	const char *wanted = getenv("TESTS_TLS");

	return wanted != NULL && *wanted != '\0';
}

void
secure_speak(bool yes)
{
	spoken = yes;
}

bool
secure_is_spoken(void)
{
	return spoken;
}

void
secure_certify(const char *path, const char *kind, const char *name)
{
	char command[512];

	snprintf(command, sizeof(command),
	    "openssl req -x509 -nodes -days 2 -subj /CN=%s -newkey %s -keyout %s.new.key -out "
	    "%s.new.pem 2>/dev/null && mv %s.new.key %s.key && mv %s.new.pem %s.pem",
	    name, kind[0] == 'e' ? "ec -pkeyopt ec_paramgen_curve:P-256" : "rsa:2048", path,
	    path, path, path, path, path);
	CHECK(system(command) == 0, "no certificate: %s", command);
}

struct ssl_st *
secure_try(int fd, int version)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl;

	signal(SIGPIPE, SIG_IGN);
	/* So that what is refused is the server's decision. */
	SSL_CTX_set_security_level(context, 0);
	SSL_CTX_set_mode(
	    context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (version != 0) {
		SSL_CTX_set_min_proto_version(context, version);
		SSL_CTX_set_max_proto_version(context, version);
	}
	ssl = SSL_new(context);
	SSL_CTX_free(context);
	CHECK(ssl != NULL, "no memory");
	SSL_set_fd(ssl, fd);
	if (SSL_connect(ssl) == 1)
		return ssl;
	SSL_free(ssl);
	return NULL;
}

struct ssl_st *
secure_connect(int fd)
{
	SSL *ssl = secure_try(fd, 0);

	CHECK(ssl != NULL, "no TLS: %s", ERR_reason_error_string(ERR_peek_last_error()));
	return ssl;
}

/* The socket blocks, but where it would, nothing is there to be had at once. */
static bool
is_ready(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, 0) == 1;
}

ssize_t
secure_receive(struct ssl_st *ssl, void *out, size_t size, bool *cut)
{
	size_t got;
	int error;

	if (!secure_is_waiting(ssl) && !is_ready(SSL_get_fd(ssl), POLLIN)) {
		errno = EAGAIN;
		return -1;
	}
	ERR_clear_error();
	errno = 0;
	if (SSL_read_ex(ssl, out, size, &got) == 1)
		return (ssize_t)got;
	error = SSL_get_error(ssl, 0);
	if (error == SSL_ERROR_ZERO_RETURN)
		return 0;
	*cut = true;
	return errno == ECONNRESET ? -1 : 0;
}

ssize_t
secure_send(struct ssl_st *ssl, const void *bytes, size_t length)
{
	size_t sent;

	if (!is_ready(SSL_get_fd(ssl), POLLOUT)) {
		errno = EAGAIN;
		return -1;
	}
	/* A record that has begun is sent to its end. */
	errno = 0;
	if (SSL_write_ex(ssl, bytes, length < 1024 ? length : 1024, &sent) == 1)
		return (ssize_t)sent;
	if (errno == 0)
		errno = EPIPE;
	return -1;
}

bool
secure_is_waiting(const struct ssl_st *ssl)
{
	return SSL_pending(ssl) > 0;
}

void
secure_peer(const struct ssl_st *ssl, char name[64])
{
	X509 *certificate = SSL_get1_peer_certificate(ssl);

	CHECK(certificate != NULL, "no certificate");
	X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, 64);
	X509_free(certificate);
}
