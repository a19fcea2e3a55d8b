#include "key.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "../shm/signing.h"

/* Nobody else has a signature of that name, so OpenSSL comes here for it. */
#define SIGNATURE "rosterd-signer"
#define PARAM_PUBLIC "rosterd-public"

static int signer = -1;

void
key_ask_at(int fd)
{
	signer = fd;
}

/* Keys. */

struct key {
	EVP_PKEY *public_half;
};

static void *
key_new(void *provider)
{
	(void)provider;
	return OPENSSL_zalloc(sizeof(struct key));
}

static void
key_free(void *data)
{
	struct key *k = data;

	EVP_PKEY_free(k->public_half);
	OPENSSL_free(k);
}

static int
key_has(const void *data, int selection)
{
	(void)selection;
	return data != NULL;
}

static int
key_import(void *data, int selection, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, PARAM_PUBLIC);
	struct key *k = data;
	const void *at;
	size_t length;

	(void)selection;
	if (p == NULL || !OSSL_PARAM_get_octet_ptr(p, &at, &length))
		return 0;
	k->public_half = (EVP_PKEY *)(uintptr_t)at;
	return EVP_PKEY_up_ref(k->public_half);
}

/* Only its public half can be had: to compare it with a certificate's. */
static int
key_export(void *data, int selection, OSSL_CALLBACK *give, void *argument)
{
	const struct key *k = data;
	OSSL_PARAM *params;
	int result;

	(void)selection;
	if (!EVP_PKEY_todata(k->public_half, EVP_PKEY_PUBLIC_KEY, &params))
		return 0;
	result = give(params, argument);
	OSSL_PARAM_free(params);
	return result;
}

static int
key_match(const void *a, const void *b, int selection)
{
	(void)selection;
	return EVP_PKEY_eq(((const struct key *)a)->public_half,
		   ((const struct key *)b)->public_half) == 1;
}

static const OSSL_PARAM *
key_import_types(int selection)
{
	static const OSSL_PARAM types[] = {
	    OSSL_PARAM_DEFN(PARAM_PUBLIC, OSSL_PARAM_OCTET_PTR, NULL, 0), OSSL_PARAM_END};

	(void)selection;
	return types;
}

static const OSSL_PARAM *
key_export_types(int selection)
{
	static const OSSL_PARAM none[] = {OSSL_PARAM_END};

	(void)selection;
	return none;
}

static int
key_get(void *data, OSSL_PARAM params[])
{
	return EVP_PKEY_get_params(((struct key *)data)->public_half, params);
}

static const OSSL_PARAM *
key_gettable(void *provider)
{
	static const OSSL_PARAM all[] = {OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
	    OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
	    OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
	    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0), OSSL_PARAM_END};

	(void)provider;
	return all;
}

static const char *
key_operation(int operation)
{
	(void)operation;
	return SIGNATURE;
}

/* Signatures. */

struct signature {
	const struct key *key;
	uint16_t hash; /* high byte of TLS 1.2's algorithms: 4, 5, 6 for SHA-256, -384, -512 */
	bool pss;
};

static void *
signature_new(void *provider, const char *properties)
{
	(void)provider;
	(void)properties;
	return OPENSSL_zalloc(sizeof(struct signature));
}

static void
signature_free(void *data)
{
	OPENSSL_free(data);
}

static void *
signature_copy(void *data)
{
	return OPENSSL_memdup(data, sizeof(struct signature));
}

static int
set_hash(struct signature *s, const char *name)
{
	static const struct {
		const char *name;
		uint16_t hash;
	} all[] = {{"SHA256", 4}, {"SHA2-256", 4}, {"SHA384", 5}, {"SHA2-384", 5},
	    {"SHA512", 6}, {"SHA2-512", 6}};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (name != NULL && OPENSSL_strcasecmp(name, all[i].name) == 0)
			s->hash = all[i].hash;
	return s->hash != 0;
}

static int
signature_set(void *data, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	struct signature *s = data;
	const char *name;
	int mode;

	if (p == NULL)
		return 1; /* the length of PSS's salt: TLS knows only one */
	if (p->data_type == OSSL_PARAM_UTF8_STRING && OSSL_PARAM_get_utf8_string_ptr(p, &name))
		s->pss = strcmp(name, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0;
	else if (OSSL_PARAM_get_int(p, &mode))
		s->pss = mode == RSA_PKCS1_PSS_PADDING;
	else
		return 0;
	return 1;
}

static const OSSL_PARAM *
signature_settable(void *data, void *provider)
{
	static const OSSL_PARAM all[] = {
	    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
	    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0), OSSL_PARAM_END};

	(void)data;
	(void)provider;
	return all;
}

static int
signature_begin(void *data, const char *hash, void *key, const OSSL_PARAM params[])
{
	struct signature *s = data;

	s->key = key;
	s->pss = false;
	return set_hash(s, hash) && (params == NULL || signature_set(s, params));
}

static uint16_t
scheme(const struct signature *s)
{
	if (EVP_PKEY_is_a(s->key->public_half, "EC"))
		return (uint16_t)(s->hash << 8 | 3);
	return (uint16_t)(s->pss ? 0x0800 | s->hash : s->hash << 8 | 1);
}

/* Blocks, as nothing else is to be done for the client meanwhile, up to SO_RCVTIMEO. */
static int
signature_sign(void *data, unsigned char *out, size_t *length, size_t room,
    const unsigned char *text, size_t text_length)
{
	struct signature *s = data;
	struct signing_request request = {.scheme = scheme(s), .length = (uint16_t)text_length};
	struct iovec piece = {&request, sizeof(request)};
	struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
	ssize_t got;

	if (out == NULL) {
		*length = (size_t)EVP_PKEY_get_size(s->key->public_half);
		return 1;
	}
	if (text_length > sizeof(request.text) || signer < 0)
		return 0;
	memcpy(request.text, text, text_length);
	if (sendmsg(signer, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ||
	    (got = recvfrom(signer, out, room, 0, NULL, NULL)) <= 0)
		return 0;
	*length = (size_t)got;
	return 1;
}

/* OpenSSL wants to see them; TLS has all in one piece. */
static int
signature_update(void *data, const unsigned char *text, size_t length)
{
	(void)data;
	(void)text;
	(void)length;
	return 0;
}

static int
signature_final(void *data, unsigned char *out, size_t *length, size_t room)
{
	(void)data;
	(void)out;
	(void)length;
	(void)room;
	return 0;
}

/* The provider. */

#define FUNCTION(number, function)                 \
	{                                          \
		number, (void (*)(void))(function) \
	}

static const OSSL_DISPATCH key_functions[] = {
    FUNCTION(OSSL_FUNC_KEYMGMT_NEW, key_new),
    FUNCTION(OSSL_FUNC_KEYMGMT_FREE, key_free),
    FUNCTION(OSSL_FUNC_KEYMGMT_HAS, key_has),
    FUNCTION(OSSL_FUNC_KEYMGMT_MATCH, key_match),
    FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT, key_import),
    FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_import_types),
    FUNCTION(OSSL_FUNC_KEYMGMT_EXPORT, key_export),
    FUNCTION(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, key_export_types),
    FUNCTION(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get),
    FUNCTION(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable),
    FUNCTION(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, key_operation),
    {0, NULL},
};

static const OSSL_DISPATCH signature_functions[] = {
    FUNCTION(OSSL_FUNC_SIGNATURE_NEWCTX, signature_new),
    FUNCTION(OSSL_FUNC_SIGNATURE_FREECTX, signature_free),
    FUNCTION(OSSL_FUNC_SIGNATURE_DUPCTX, signature_copy),
    FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, signature_begin),
    FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, signature_update),
    FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, signature_final),
    FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, signature_sign),
    FUNCTION(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, signature_set),
    FUNCTION(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, signature_settable),
    {0, NULL},
};

static const OSSL_ALGORITHM *
query(void *provider, int operation, int *no_cache)
{
	static const char own[] = "provider=rosterd";
	static const OSSL_ALGORITHM keys[] = {{"RSA", own, key_functions, NULL},
	    {"EC", own, key_functions, NULL}, {NULL, NULL, NULL, NULL}};
	static const OSSL_ALGORITHM signatures[] = {
	    {SIGNATURE, own, signature_functions, NULL}, {NULL, NULL, NULL, NULL}};

	(void)provider;
	*no_cache = 0;
	if (operation == OSSL_OP_KEYMGMT)
		return keys;
	return operation == OSSL_OP_SIGNATURE ? signatures : NULL;
}

static int
open_provider(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
    void **context)
{
	static const OSSL_DISPATCH functions[] = {
	    FUNCTION(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query), {0, NULL}};

	(void)in;
	*out = functions;
	*context = (void *)(uintptr_t)core;
	return 1;
}

int
key_prepare(void)
{
	/* Keys of others stay with those who can do more with them. */
	return OSSL_PROVIDER_add_builtin(NULL, "rosterd", open_provider) == 1 &&
		       OSSL_PROVIDER_load(NULL, "default") != NULL &&
		       OSSL_PROVIDER_load(NULL, "rosterd") != NULL &&
		       EVP_set_default_properties(NULL, "?provider=default") == 1
		   ? 0
		   : -1;
}

EVP_PKEY *
key_make(EVP_PKEY *public_half)
{
	const char *kind = EVP_PKEY_is_a(public_half, "RSA")  ? "RSA"
			   : EVP_PKEY_is_a(public_half, "EC") ? "EC"
							      : NULL;
	void *at = public_half;
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_octet_ptr(PARAM_PUBLIC, &at, sizeof(at)), OSSL_PARAM_END};
	EVP_PKEY_CTX *context =
	    kind == NULL ? NULL : EVP_PKEY_CTX_new_from_name(NULL, kind, "provider=rosterd");
	EVP_PKEY *made = NULL;

	if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
	    EVP_PKEY_fromdata(context, &made, EVP_PKEY_KEYPAIR, params) != 1)
		made = NULL;
	EVP_PKEY_CTX_free(context);
	return made;
}
