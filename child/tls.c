#include "tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "../shm/log.h"
#include "child.h"
#include "confine.h"
#include "key.h"

#define RECORD SSL3_RT_MAX_PLAIN_LENGTH

/*
 * Renegotiation and compression are doors that nobody needs; without RSA key
 * exchange a key that is stolen one day opens nothing that was said before.
 */
#define OPTIONS                                                               \
	(SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET | \
	    SSL_OP_IGNORE_UNEXPECTED_EOF)
#define MODE                                                        \
	(SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS | \
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER)
#define CIPHERS "DEFAULT:!kRSA:!PSK:!SRP:!DSS"

struct tls {
	SSL *ssl;
	int client;
	int signer;
	bool ended; /* the client's end of the socket */
	bool up;
	bool wants_write;
	unsigned long error;
	struct client_counters *counters;
	char record[RECORD]; /* last: what one record is made of, if it lies in pieces */
};

static struct {
	SSL_CTX *context;
	BIO_METHOD *wire;
} common;

/* The wire: a socket that is read and written by the calls that the cage allows. */

static int
wire_read(BIO *bio, char *out, int size)
{
	struct tls *t = BIO_get_data(bio);
	ssize_t got;

	BIO_clear_retry_flags(bio);
	do
		got = recvfrom(t->client, out, (size_t)size, MSG_DONTWAIT, NULL, NULL);
	while (got < 0 && errno == EINTR);
	t->ended = got == 0;
	if (got < 0 && errno == EAGAIN)
		BIO_set_retry_read(bio);
	if (got > 0 && t->counters != NULL)
		count_add(&t->counters->received_bytes, (uint64_t)got);
	return (int)got;
}

static int
wire_write(BIO *bio, const char *bytes, int size)
{
	struct tls *t = BIO_get_data(bio);
	struct iovec piece = {(void *)(uintptr_t)bytes, (size_t)size};
	struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
	ssize_t sent;

	BIO_clear_retry_flags(bio);
	do
		sent = sendmsg(t->client, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS))
		BIO_set_retry_write(bio);
	if (t->counters != NULL) {
		count_add(&t->counters->sends, 1);
		count_add(&t->counters->sent_bytes, sent > 0 ? (uint64_t)sent : 0);
	}
	return (int)sent;
}

static long
wire_control(BIO *bio, int what, long number, void *at)
{
	const struct tls *t = BIO_get_data(bio);

	(void)number;
	(void)at;
	if (what == BIO_CTRL_EOF)
		return t->ended;
	return what == BIO_CTRL_FLUSH;
}

static int
make_wire(void)
{
	if ((common.wire = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "rosterd")) == NULL)
		return -1;
	BIO_meth_set_read(common.wire, wire_read);
	BIO_meth_set_write(common.wire, wire_write);
	BIO_meth_set_ctrl(common.wire, wire_control);
	return 0;
}

/* Before the fork. */

static int
choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *length,
    const unsigned char *in, unsigned in_length, void *user)
{
	static const unsigned char http[] = "\x08http/1.1";
	unsigned char *chosen;

	(void)ssl;
	(void)user;
	if (SSL_select_next_proto(&chosen, length, http, sizeof(http) - 1, in, in_length) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static int
make_context(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	if (context == NULL)
		return -1;
	SSL_CTX_set_options(context, OPTIONS);
	SSL_CTX_set_mode(context, MODE);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
	SSL_CTX_set_security_level(context, 2);
	common.context = context;
	return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
		       SSL_CTX_set_num_tickets(context, 0) == 1 &&
		       SSL_CTX_set_cipher_list(context, CIPHERS) == 1
		   ? 0
		   : -1;
}

static const char *
last_error(void)
{
	const char *why = ERR_reason_error_string(ERR_peek_last_error());

	return why != NULL ? why : "it cannot be read";
}

const char *
child_certify(const char *path)
{
	EVP_PKEY *public_half, *key;
	X509 *certificate;
	bool fits;

	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) != 1 ||
	    key_prepare() < 0 || make_wire() < 0 || make_context() < 0)
		return "OpenSSL could not be made ready";
	if (access(path, R_OK) < 0)
		return strerror(errno);
	if (SSL_CTX_use_certificate_chain_file(common.context, path) != 1)
		return last_error();
	certificate = SSL_CTX_get0_certificate(common.context);
	if ((public_half = X509_get0_pubkey(certificate)) == NULL)
		return last_error();
	if ((key = key_make(public_half)) == NULL)
		return "its key is neither RSA nor of an elliptic curve";
	fits = SSL_CTX_use_PrivateKey(common.context, key) == 1;
	EVP_PKEY_free(key);
	return fits ? NULL : last_error();
}

bool
child_certificate_fits(EVP_PKEY *key)
{
	return X509_check_private_key(SSL_CTX_get0_certificate(common.context), key) == 1;
}

/* In the child. */

struct tls *
tls_start(int client, int signer, int wait_ms)
{
	static struct tls connection;
	struct tls *t = &connection;
	struct timeval wait = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
	BIO *bio = BIO_new(common.wire);

	if (bio == NULL || (t->ssl = SSL_new(common.context)) == NULL)
		return NULL;
	t->client = client;
	t->signer = signer;
	(void)setsockopt(signer, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	key_ask_at(signer);
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
	SSL_set_accept_state(t->ssl);
	return t;
}

void
tls_count(struct tls *t, struct client_counters *counters)
{
	t->counters = counters;
}

/* Nobody needs the signer any more. */
static void
note_up(struct tls *t)
{
	if (t->up || !SSL_is_init_finished(t->ssl))
		return;
	t->up = true;
	close(t->signer);
	key_ask_at(-1);
	if (t->counters != NULL)
		count_add(&t->counters->tls_handshakes, 1);
}

/* A call has not done what it should: 0 or -1 and errno, as from recv(2). */
static ssize_t
judge(struct tls *t)
{
	int error = SSL_get_error(t->ssl, 0);

	note_up(t);
	t->wants_write = error == SSL_ERROR_WANT_WRITE;
	switch (error) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE: errno = EAGAIN; return -1;
	case SSL_ERROR_ZERO_RETURN: return 0;
	case SSL_ERROR_SYSCALL:
		if (ERR_peek_error() == 0)
			return -1;
		/* fall through */
	default:
		t->error = ERR_peek_error();
		errno = EPROTO;
		return -1;
	}
}

ssize_t
tls_receive(struct tls *t, void *out, size_t size)
{
	size_t got;

	ERR_clear_error();
	if (SSL_read_ex(t->ssl, out, size, &got) != 1)
		return judge(t);
	note_up(t);
	t->wants_write = false;
	return (ssize_t)got;
}

/* As much as goes into a record, in one piece. */
static struct iovec
gather(struct tls *t, const struct iovec *pieces, int count)
{
	struct iovec whole = {t->record, 0};

	if (count == 1 || pieces[0].iov_len >= RECORD)
		return pieces[0];
	for (int i = 0; i < count; i++) {
		size_t room = RECORD - whole.iov_len;
		size_t length = pieces[i].iov_len < room ? pieces[i].iov_len : room;

		memcpy(t->record + whole.iov_len, pieces[i].iov_base, length);
		whole.iov_len += length;
	}
	return whole;
}

ssize_t
tls_send(struct tls *t, const struct iovec *pieces, int count)
{
	struct iovec whole = gather(t, pieces, count);
	size_t sent;

	ERR_clear_error();
	if (SSL_write_ex(t->ssl, whole.iov_base, whole.iov_len, &sent) != 1)
		return judge(t);
	return (ssize_t)sent;
}

bool
tls_is_waiting(const struct tls *t)
{
	return SSL_pending(t->ssl) > 0;
}

bool
tls_wants_write(const struct tls *t)
{
	return t->wants_write;
}

bool
tls_is_up(const struct tls *t)
{
	return t->up;
}

const char *
tls_why(const struct tls *t)
{
	return t->error != 0 ? ERR_reason_error_string(t->error) : NULL;
}

bool
tls_is_http(const struct tls *t)
{
	return ERR_GET_REASON(t->error) == SSL_R_HTTP_REQUEST;
}

void
tls_end(struct tls *t)
{
	if (t->up && t->error == 0)
		(void)SSL_shutdown(t->ssl);
}
