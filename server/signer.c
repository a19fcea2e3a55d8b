#include "signer.h"

#include <bsd/unistd.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../child/child.h"
#include "../shm/clock.h"
#include "../shm/log.h"
#include "../shm/signing.h"
#include "options.h"

#define KEY_MAX 65536 /* bytes of the file */
#define EVENTS 64
#define LAST_MS 10000 /* for handshakes that go on when the owner has left */

static struct {
	EVP_PKEY *key;
	int epoll;
	int owner; /* -1: it has left */
	unsigned lines;
	uint64_t over_ms;
} self;

/* What is signed. */

/* RFC 8446, 4.4.3: never the client's part, nor anything but a handshake. */
static bool
is_tls13(const unsigned char *text, size_t length)
{
	static const char context[] = "TLS 1.3, server CertificateVerify"; /* with its NUL */
	size_t hash = length - 64 - sizeof(context);

	if (length < 64 + sizeof(context) || (hash != 32 && hash != 48))
		return false;
	for (int i = 0; i < 64; i++)
		if (text[i] != ' ')
			return false;
	return memcmp(text + 64, context, sizeof(context)) == 0;
}

/* RFC 8422, 5.4: two randoms, a named curve, a point of the length that is said. */
static bool
is_tls12(const unsigned char *text, size_t length)
{
	return length > 68 && text[64] == 3 && text[65] == 0 && text[66] >= 23 &&
	       text[66] <= 30 && text[67] == length - 68;
}

bool
signer_may_sign(const unsigned char *text, size_t length)
{
	return is_tls13(text, length) || is_tls12(text, length);
}

struct scheme {
	uint16_t code; /* RFC 8446, 4.2.3 */
	const char *kind;
	const char *hash;
	bool pss;
};

static const struct scheme *
find_scheme(uint16_t code)
{
	static const struct scheme all[] = {
	    {0x0403, "EC", "SHA256", false},
	    {0x0503, "EC", "SHA384", false},
	    {0x0603, "EC", "SHA512", false},
	    {0x0401, "RSA", "SHA256", false},
	    {0x0501, "RSA", "SHA384", false},
	    {0x0601, "RSA", "SHA512", false},
	    {0x0804, "RSA", "SHA256", true},
	    {0x0805, "RSA", "SHA384", true},
	    {0x0806, "RSA", "SHA512", true},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].code == code && EVP_PKEY_is_a(self.key, all[i].kind))
			return &all[i];
	return NULL;
}

static bool
sign(const struct signing_request *r, unsigned char *out, size_t *length)
{
	const struct scheme *scheme = find_scheme(r->scheme);
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key;
	bool done;

	done = scheme != NULL && digest != NULL && signer_may_sign(r->text, r->length) &&
	       EVP_DigestSignInit_ex(digest, &key, scheme->hash, NULL, NULL, self.key, NULL) ==
		   1 &&
	       (!scheme->pss ||
		   (EVP_PKEY_CTX_set_rsa_padding(key, RSA_PKCS1_PSS_PADDING) == 1 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(key, RSA_PSS_SALTLEN_DIGEST) == 1)) &&
	       EVP_DigestSign(digest, out, length, r->text, r->length) == 1;
	EVP_MD_CTX_free(digest);
	return done;
}

/* The key. */

static int
no_passphrase(char *out, int size, int writing, void *user)
{
	(void)out;
	(void)size;
	(void)writing;
	(void)user;
	return -1;
}

static const char *
read_key(int fd)
{
	static char text[KEY_MAX];
	ssize_t length = pread(fd, text, sizeof(text), 0);
	BIO *bio = BIO_new_mem_buf(text, length > 0 ? (int)length : 0);

	self.key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	OPENSSL_cleanse(text, sizeof(text));
	if (self.key == NULL)
		return "it holds no private key in PEM that can be read without a passphrase";
	return child_certificate_fits(self.key) ? NULL : "the certificate is of another key";
}

const char *
signer_check(int key)
{
	const char *why = read_key(key);

	EVP_PKEY_free(self.key);
	self.key = NULL;
	return why;
}

/* Its cage. */

static int
enter_cage(void)
{
	static const int allowed[] = {SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
	    SCMP_SYS(epoll_ctl), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(close),
	    SCMP_SYS(write), SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(futex),
	    SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(clock_gettime),
	    SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(restart_syscall),
	    SCMP_SYS(exit_group)};
	const struct scmp_arg_cmp private_memory[] = {
	    SCMP_A2(SCMP_CMP_MASKED_EQ, ~(scmp_datum_t)(PROT_READ | PROT_WRITE), 0),
	    SCMP_A3(SCMP_CMP_EQ, MAP_PRIVATE | MAP_ANONYMOUS, 0)};
	scmp_filter_ctx *filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int result = filter != NULL ? 0 : -1;

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && result == 0; i++)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	if (result == 0)
		result = seccomp_rule_add_array(
		    filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, private_memory);
	if (result == 0)
		result = seccomp_load(filter);
	if (filter != NULL)
		seccomp_release(filter);
	return result;
}

/* Not even others of this user may look into its memory. */
static void
hide(void)
{
	const struct rlimit none = {0, 0};
	struct rlimit files;

	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)setrlimit(RLIMIT_NPROC, &none);
	(void)setrlimit(RLIMIT_FSIZE, &none);
	/* A descriptor for each handshake that goes on. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

/* Its work. */

static bool
watch(int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(self.epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

static void
send_bytes(int fd, const void *bytes, size_t length)
{
	struct iovec piece = {(void *)(uintptr_t)bytes, length};
	struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};

	(void)sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* One question, one answer. */
static void
hear_child(int fd)
{
	static unsigned char signature[SIGNING_MAX];
	struct signing_request request;
	struct iovec piece = {&request, sizeof(request)};
	struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
	size_t length = sizeof(signature);

	if (recvmsg(fd, &message, MSG_DONTWAIT) == (ssize_t)sizeof(request) &&
	    request.length <= sizeof(request.text) && sign(&request, signature, &length))
		send_bytes(fd, signature, length);
	ERR_clear_error();
	close(fd);
	self.lines--;
}

static void
take_line(int fd)
{
	if (watch(fd))
		self.lines++;
	else
		close(fd);
}

static void
hear_owner(void)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec piece = {&byte, 1};
	struct msghdr message = {.msg_iov = &piece,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	ssize_t got = recvmsg(self.owner, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int fd;

	if (got == 0 || (got < 0 && errno != EAGAIN)) {
		close(self.owner);
		self.owner = -1;
		self.over_ms = clock_ms() + LAST_MS;
	} else if (got > 0 && message.msg_controllen >= CMSG_LEN(sizeof(int))) {
		memcpy(&fd, CMSG_DATA(&control.align), sizeof(int));
		take_line(fd);
	}
}

static void
loop(void)
{
	while (self.owner >= 0 || (self.lines > 0 && clock_ms() < self.over_ms)) {
		struct epoll_event ready[EVENTS];
		int count =
		    epoll_wait(self.epoll, ready, EVENTS, self.owner >= 0 ? -1 : LAST_MS / 10);

		for (int i = 0; i < count; i++) {
			if (ready[i].data.fd == self.owner)
				hear_owner();
			else
				hear_child(ready[i].data.fd);
		}
	}
}

static void
be_deaf(void)
{
	static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE};
	sigset_t none;

	/* It ends when its listener does, not by a signal to all. */
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

int
signer_run(const struct signer_start *start)
{
	const char *why;

	setproctitle("signer");
	be_deaf();
	hide();
	self.owner = start->owner;
	self.epoll = epoll_create1(EPOLL_CLOEXEC);
	why = read_key(start->key);
	close(start->key);
	if (why == NULL && (self.epoll < 0 || !watch(self.owner)))
		why = "the signer cannot be set up";
	if (why == NULL && start->caged && enter_cage() != 0)
		why = "there is no cage for the signer";
	send_bytes(self.owner, why != NULL ? why : "", why != NULL ? strlen(why) + 1 : 1);
	if (why != NULL)
		return EXIT_CONFIG;
	loop();
	EVP_PKEY_free(self.key);
	return EXIT_FINE;
}
