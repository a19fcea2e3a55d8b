#include "kick.h"

#include "../shm/log.h"
#include "../shm/token.h"
#include "bells.h"
#include "departure.h"
#include "kill.h"

enum register_kind
kick_client(struct ticker *t, const struct register_message *m, const struct peer *operator)
{
	unsigned char token[MAIL_TOKEN];
	uint32_t slot = ROLL_NOBODY;
	const struct entry *e;

	if (m->segment == t->header->id && token_decode(m->token, token))
		slot = roll_find(&t->roll, token);
	if (slot == ROLL_NOBODY || t->clients[slot].doomed)
		return REGISTER_REFUSED;
	e = books_entry(t, slot);
	log_info("client-kicked", "slot=%u pid=%u token=%.32s peer=%s by_pid=%u by_uid=%u",
	    slot, t->clients[slot].pid, e->token,
	    segment_client(e), operator->pid, operator->uid);
	if (m->kind == REGISTER_KILL) {
		kill_child(t, slot, KILL_KICK, "the operator wants it so");
		return REGISTER_DONE;
	}
	count_add(&t->header->counters.kicked, 1);
	departure_ask(t, slot, STOP_KICK);
	bells_flush(t);
	return REGISTER_DONE;
}
