/* What the signer signs, what it does not, and how often. */
#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../child/child.h"
#include "../../server/signer.h"
#include "../../shm/signing.h"
#include "../lib/secure.h"

static unsigned char text[SIGNING_TEXT_MAX];

/* RFC 8446, 4.4.3; its length. */
static size_t
tls13(const char *who, size_t hash)
{
	memset(text, ' ', 64);
	memset(text + 64, 7, sizeof(text) - 64);
	return 64 +
	       (size_t)snprintf(
		   (char *)text + 64, sizeof(text) - 64, "TLS 1.3, %s CertificateVerify", who) +
	       1 + hash;
}

/* RFC 8422, 5.4, with X25519. */
static size_t
tls12(void)
{
	memset(text, 9, sizeof(text));
	memcpy(text + 64, "\x03\x00\x1d\x20", 4);
	return 68 + 32;
}

Test(signer, signs_a_servers_part_of_handshakes_and_nothing_else)
{
	size_t length;

	length = tls13("server", 32);
	cr_assert(signer_may_sign(text, length));
	cr_assert(signer_may_sign(text, tls13("server", 48)));
	cr_assert_not(signer_may_sign(text, length - 1));
	cr_assert_not(signer_may_sign(text, length + 1));
	text[63] = '!';
	cr_assert_not(signer_may_sign(text, length));
	cr_assert_not(signer_may_sign(text, tls13("client", 32)));
	length = tls12();
	cr_assert(signer_may_sign(text, length));
	cr_assert_not(signer_may_sign(text, length + 1));
	text[64] = 1; /* a curve of the client's own making */
	cr_assert_not(signer_may_sign(text, length));
	for (length = 0; length < 68; length++)
		cr_assert_not(signer_may_sign(text, length));
	cr_assert_not(
	    signer_may_sign((const unsigned char *)"any hash of 32 bytes is too short", 32));
}

static int owner;

static void
start_signer(void)
{
	char path[64], pem[80];
	int ends[2], key;
	FILE *file;

	snprintf(path, sizeof(path), "/tmp/rosterd-unit-%d", (int)getpid());
	secure_certify(path, "ec", "localhost");
	snprintf(pem, sizeof(pem), "%s.pem", path);
	cr_assert_null(child_certify(pem));
	unlink(pem);
	snprintf(pem, sizeof(pem), "%s.key", path);
	cr_assert_not_null(file = fopen(pem, "r"));
	unlink(pem);
	key = dup(fileno(file));
	fclose(file);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	if (fork() == 0) {
		struct signer_start start = {
		    .key = key, .owner = ends[1], .caged = getenv("ROSTERD_SANDBOX") == NULL};

		close(ends[0]);
		_exit(signer_run(&start));
	}
	close(ends[1]);
	close(key);
	owner = ends[0];
	cr_assert_eq(recv(owner, pem, sizeof(pem), 0), 1);
}

/* A descriptor to ask on. */
static int
line(void)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.align = {.cmsg_level = SOL_SOCKET,
			 .cmsg_type = SCM_RIGHTS,
			 .cmsg_len = CMSG_LEN(sizeof(int))}};
	char byte = 0;
	struct iovec piece = {&byte, 1};
	struct msghdr message = {.msg_iov = &piece,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	int ends[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	memcpy(CMSG_DATA(&control.align), &ends[1], sizeof(int));
	cr_assert_eq(sendmsg(owner, &message, 0), 1);
	close(ends[1]);
	return ends[0];
}

/* Bytes of the answer; 0: there is none. */
static ssize_t
ask(int fd, uint16_t scheme, size_t length)
{
	struct signing_request request = {.scheme = scheme, .length = (uint16_t)length};
	char signature[SIGNING_MAX];
	ssize_t got;

	memcpy(request.text, text, sizeof(text));
	(void)send(fd, &request, sizeof(request), MSG_NOSIGNAL);
	got = recv(fd, signature, sizeof(signature), 0);
	return got > 0 ? got : 0;
}

Test(signer, answers_once_on_a_descriptor_and_goes_on_after_nonsense, .timeout = 20)
{
	int fd;

	start_signer();
	fd = line();
	cr_assert_gt(ask(fd, 0x0403, tls13("server", 32)), 60);
	cr_assert_eq(ask(fd, 0x0403, tls13("server", 32)), 0, "it signs twice");
	cr_assert_eq(ask(line(), 0x0403, tls13("client", 32)), 0);
	cr_assert_eq(ask(line(), 0x0804, tls13("server", 32)), 0, "RSA with another key");
	cr_assert_eq(ask(line(), 0x0000, tls12()), 0);
	cr_assert_eq(ask(line(), 0x0403, 60000), 0);
	fd = line();
	cr_assert_eq(send(fd, "short", 5, 0), 5);
	cr_assert_eq(recv(fd, text, sizeof(text), 0), 0);
	cr_assert_eq(send(owner, "no descriptor", 13, 0), 13);
	close(line());
	cr_assert_gt(ask(line(), 0x0403, tls12()), 60);
}

Test(signer, ends_with_its_owner_when_those_who_may_ask_have_asked, .timeout = 20)
{
	int fd, status;

	start_signer();
	fd = line();
	close(owner);
	cr_assert_gt(ask(fd, 0x0403, tls13("server", 48)), 60);
	cr_assert_gt(wait(&status), 0);
	cr_assert_eq(status, 0);
}
