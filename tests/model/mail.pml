/*
 * mail.pml - packets on their way: outbox, journal, inboxes, doorbells (the mailbox in
 * ../../shm/layout.h, ../../shm/mail.h, ../../server/post.c, ../../child/outbox.c,
 * ../../child/mailbag.c).
 *
 * One child posts MESSAGES records, each for two receivers; the ticker dies between any
 * two steps, KILLS times, and has successors.  Nobody's sleep has a time limit.
 *
 * Checked: each receiver gets each message once and in order, and nobody sleeps for
 * ever with something there for it.
 *
 * Mutants, each of which has to be found out:
 *	MUTANT_LATE_DOZE	who goes to sleep looks before it says so, not after
 *	MUTANT_NO_JOURNAL	a successor begins the record anew
 *	MUTANT_EARLY_TAIL	a record is taken from the outbox before it is delivered
 *	MUTANT_NO_LINE		children do not wake when their life line closes: who died may
 *				have taken a flag, and owed the write that follows
 *	MUTANT_NO_SETTLE	a successor takes a target that was begun for not done
 */
#ifndef KILLS
#define KILLS 2
#endif
#define MESSAGES 2
#define RECEIVERS 2
#define NOBODY 9
#define NOWHERE 99

/* Outbox and mailbox of the sender; record n has the number n in it. */
byte outbox_head, outbox_tail;
byte work_at = NOWHERE;
byte work_done, work_receiver = NOBODY; /* one word */
byte receiver_head;

typedef Inbox {
	byte head;
	byte tail;
	byte frame[MESSAGES];
	bit asleep;
	bit bell /* an eventfd */
}
Inbox box[RECEIVERS];

bit asleep, bell; /* the ticker's; they outlive it */
bool alive = true;
byte kills = KILLS;

proctype Sender()
{
	byte n;

	do
	:: n < MESSAGES ->
		n++;
		outbox_head = n;
		if
		:: asleep == 1 -> bell = 1 /* bell_wanted(), seat_ring_ticker() */
		:: else
		fi
	:: else -> break
	od
}

proctype Receiver(byte id)
{
	do
	:: box[id].tail == MESSAGES -> break
	:: else ->
#ifdef MUTANT_LATE_DOZE
		if
		:: box[id].tail == box[id].head ->
			box[id].asleep = 1; (box[id].bell == 1); box[id].bell = 0
		:: else
		fi;
#else
		box[id].asleep = 1; /* bell_doze() */
		if
		:: box[id].tail == box[id].head -> (box[id].bell == 1); box[id].bell = 0
		:: else
		fi;
#endif
		box[id].asleep = 0; /* bell_rise() */
		do
		:: box[id].tail < box[id].head ->
			assert(box[id].frame[box[id].tail] == box[id].tail);
			box[id].tail++
		:: else -> break
		od
	od
}

/* bells_flush() with bell_take() */
inline ring(id)
{
	atomic {
		if
		:: box[id].asleep == 1 -> box[id].asleep = 0; took = true
		:: else -> took = false
		fi
	}
	if
	:: took -> box[id].bell = 1
	:: else
	fi
}

/* What the journal says of the record at the tail. */
inline settle()
{
	if
	:: work_at == outbox_tail && work_receiver != NOBODY ->
#ifdef MUTANT_NO_SETTLE
		atomic { work_receiver = NOBODY }
#else
		if
		:: box[work_receiver].head != receiver_head ->
			atomic { work_done++; work_receiver = NOBODY }
		:: else -> work_receiver = NOBODY
		fi
#endif
	:: else
	fi
}

/* One record of the outbox. */
inline deliver()
{
#ifdef MUTANT_NO_JOURNAL
	atomic { work_done = 0; work_receiver = NOBODY }
#endif
	if
	:: work_at != outbox_tail ->
		atomic { work_done = 0; work_receiver = NOBODY }
		work_at = outbox_tail
	:: else
	fi;
#ifdef MUTANT_EARLY_TAIL
	outbox_tail = work_at + 1;
#endif
	do
	:: work_done < RECEIVERS ->
		r = work_done;
		receiver_head = box[r].head;
		work_receiver = r;
		assert(box[r].head < MESSAGES); /* more than there were: doubled */
		box[r].frame[box[r].head] = work_at;
		box[r].head = box[r].head + 1;
		atomic { work_done++; work_receiver = NOBODY }
	:: else -> break
	od;
	outbox_tail = work_at + 1;
	ring(0);
	ring(1)
}

proctype Ticker()
{
	byte r;
	bool took;

again:
	{
		settle();
		do
		:: outbox_tail == MESSAGES -> break
		:: outbox_tail < outbox_head -> deliver()
		:: else ->
			asleep = 1;
			if
			:: outbox_tail == outbox_head -> (bell == 1); bell = 0
			:: else
			fi;
			asleep = 0
		od
	} unless { !alive };
	if
	:: !alive -> alive = true; goto again
	:: else
	fi
}

/* kill(1) */
proctype World()
{
end:	do
	:: atomic { kills > 0 && alive -> kills--; alive = false;
#ifndef MUTANT_NO_LINE
		/* Its life lines close, which wakes all children. */
		box[0].bell = 1; box[1].bell = 1
#endif
	   }
	od
}

init
{
	atomic { run Sender(); run Receiver(0); run Receiver(1); run Ticker(); run World() }
}
