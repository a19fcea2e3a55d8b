#include "proxy.h"

#include <string.h>

#include "fields.h"

#define V1_MAX 107U
#define V2_HEAD 16U
#define UNIX_SIZE 216U /* two paths of 108 bytes */

static const char v1[6] = "PROXY ";
static const unsigned char v2[12] = {
    '\r', '\n', '\r', '\n', '\0', '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};

static enum proxy_result
bad(const char **why, const char *sentence)
{
	*why = sentence;
	return PROXY_BAD;
}

/* Does it begin like this, as far as it is there? */
static bool
begins(const unsigned char *bytes, size_t there, const void *with, size_t length)
{
	return memcmp(bytes, with, there < length ? there : length) == 0;
}

/* A host alone, and of the family that was said. */
static bool
parse_host(struct span text, bool six, struct address *a)
{
	return memchr(text.at, '[', text.length) == NULL &&
	       (memchr(text.at, ':', text.length) != NULL) == six &&
	       address_parse(text.at, text.length, a) && a->kind == ADDRESS_INET &&
	       !a->has_port;
}

static bool
parse_port(struct span text, struct address *a)
{
	unsigned long port = 0;

	if (text.length == 0 || text.length > 5 || (text.length > 1 && *text.at == '0'))
		return false;
	for (size_t i = 0; i < text.length; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
		port = 10 * port + (unsigned long)(text.at[i] - '0');
	}
	a->has_port = true;
	a->port = (uint16_t)port;
	return port <= UINT16_MAX;
}

/* What stands between "PROXY " and the end of the line. */
static bool
parse_line(struct span line, struct address *client)
{
	struct span family = fields_cut(&line, ' '), parts[3];
	struct address own;
	bool six = family.length == 4 && memcmp(family.at, "TCP6", 4) == 0;

	if (family.length == 7 && memcmp(family.at, "UNKNOWN", 7) == 0)
		return true;
	if (!six && (family.length != 4 || memcmp(family.at, "TCP4", 4) != 0))
		return false;
	for (int i = 0; i < 3; i++)
		parts[i] = fields_cut(&line, ' ');
	return parse_host(parts[0], six, client) && parse_host(parts[1], six, &own) &&
	       parse_port(parts[2], client) && parse_port(line, &own);
}

static enum proxy_result
read_v1(const unsigned char *bytes, size_t there, size_t *length, struct address *client,
    const char **why)
{
	size_t most = there < V1_MAX ? there : V1_MAX;
	const unsigned char *end = memchr(bytes, '\n', most);
	struct span line = {(const char *)bytes + sizeof(v1), 0};

	if (end == NULL)
		return there < V1_MAX ? PROXY_PART
				      : bad(why, "The PROXY line is over 107 bytes.");
	*length = (size_t)(end - bytes) + 1;
	if (*length < sizeof(v1) + 2 || end[-1] != '\r')
		return bad(why, "The PROXY line does not end in CR LF.");
	line.length = *length - sizeof(v1) - 2;
	if (parse_line(line, client))
		return PROXY_WHOLE;
	memset(client, 0, sizeof(*client));
	return bad(why, "The PROXY line is not \"PROXY TCP4 client proxy port port\".");
}

static unsigned
number(const unsigned char *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

/* What the addresses of a family take; 0 for one that says none, -1 for none that there is. */
static int
size_of(unsigned family)
{
	switch (family) {
	case 0x00: return 0;  /* not known */
	case 0x11: return 12; /* TCP over IPv4 */
	case 0x21: return 36; /* over IPv6 */
	case 0x31: return UNIX_SIZE;
	default: return -1; /* datagrams are nothing that a WebSocket comes by */
	}
}

static enum proxy_result
read_v2(const unsigned char *bytes, size_t there, size_t *length, struct address *client,
    const char **why)
{
	const unsigned char *addresses = bytes + V2_HEAD;
	unsigned command, family;
	int size;

	if (there < V2_HEAD)
		return PROXY_PART;
	command = bytes[12];
	family = bytes[13];
	size = size_of(family);
	*length = V2_HEAD + number(bytes + 14);
	if (command != 0x20 && command != 0x21)
		return bad(why, "The PROXY header is neither version 2 LOCAL nor PROXY.");
	/* LOCAL has to be taken whatever else it says (section 2.2). */
	if (command == 0x21 && size < 0)
		return bad(why, "The PROXY header has a family that no stream is of.");
	if (command == 0x21 && *length < V2_HEAD + (size_t)size)
		return bad(why, "The PROXY header is too short for its addresses.");
	if (*length > PROXY_MAX)
		return bad(why, "The PROXY header is over 4096 bytes.");
	if (there < *length)
		return PROXY_PART;
	if (command == 0x20 || size == 0)
		return PROXY_WHOLE;
	if (size == (int)UNIX_SIZE)
		client->kind = ADDRESS_UNIX;
	else if (size == 12)
		*client = address_inet(addresses, 4, (uint16_t)number(addresses + 8));
	else
		*client = address_inet(addresses, 16, (uint16_t)number(addresses + 32));
	return PROXY_WHOLE;
}

enum proxy_result
proxy_read(const unsigned char *bytes, size_t there, size_t *length, struct address *client,
    const char **why)
{
	memset(client, 0, sizeof(*client));
	*length = 0;
	if (there == 0)
		return PROXY_PART;
	if (begins(bytes, there, v2, sizeof(v2)))
		return read_v2(bytes, there, length, client, why);
	if (begins(bytes, there, v1, sizeof(v1)))
		return read_v1(bytes, there, length, client, why);
	return bad(why, "A trusted proxy has to begin with a PROXY header (--proxy-protocol).");
}
