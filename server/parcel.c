#include "parcel.h"

#include <string.h>

#include "../shm/rules.h"
#include "../shm/scan.h"
#include "../shm/snapshot.h"
#include "../shm/span.h"

#define FROM "{\"from\":\""
#define BEHIND_FROM "\","

/* Exactly {"from":F,"type":T,T:VALUE}, and T none of the reserved ones. */
static bool
well_formed(const char *text, size_t length)
{
	struct scan_error error;
	struct span rest = {text, length}, key, value, type;

	if (scan_check(text, length, &error) < 0 || text[0] != '{' || text[length - 1] != '}')
		return false;
	if (!span_next_member(&rest, &key, &value) || !span_is(key, "from") ||
	    !span_next_member(&rest, &key, &type) || !span_is(key, "type") || *type.at != '"' ||
	    type.length > RULES_TYPE_MAX || !span_next_member(&rest, &key, &value) ||
	    !span_equal(key, type))
		return false;
	return rules_reserved(type) == NULL && !span_next_member(&rest, &key, &value);
}

bool
parcel_take(struct ticker *t, uint32_t sender, const struct mail_item *item, struct parcel *d)
{
	char *text = t->frame + 10, *at = text;
	uint64_t tokens = (uint64_t)item->count * MAIL_TOKEN;
	unsigned char header[10];
	size_t size, length;

	if (item->count > t->targets_max || tokens + item->length > item->size ||
	    item->length > t->header->limits.max_packet + MAIL_TEXT_EXTRA ||
	    (item->kind != MAIL_UNICAST && item->kind != MAIL_BROADCAST))
		return false;
	memcpy(at, FROM, sizeof(FROM) - 1);
	at += sizeof(FROM) - 1;
	memcpy(at, segment_entry(t->header, sender)->token, TOKEN_LENGTH);
	at += TOKEN_LENGTH;
	memcpy(at, BEHIND_FROM, sizeof(BEHIND_FROM) - 1);
	at += sizeof(BEHIND_FROM) - 1;
	memcpy(at, item->bytes + tokens, item->length);
	memcpy(t->targets, item->bytes, tokens);
	length = (size_t)(at - text) + item->length;
	if (!well_formed(text, length))
		return false;
	size = snapshot_frame(length, header);
	memcpy(text - size, header, size);
	d->sender = sender;
	d->frame = text - size;
	d->length = (uint32_t)(size + length);
	d->targets = item->count;
	d->broadcast = item->kind == MAIL_BROADCAST;
	d->strangers = item->stamp < t->targets_max ? (uint32_t)item->stamp : 0;
	return true;
}
