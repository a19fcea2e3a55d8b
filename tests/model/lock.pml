/*
 * lock.pml - the lock over the commons (../../shm/lock.h), with the deaths of its
 * users and what the ticker does about them (../../server/departure.c, watch.c, adopt.c).
 *
 * Checked: no two living processes are inside at once; nobody waits for ever; in
 * the end the lock is free.  Any process dies between any two steps, KILLS times.
 *
 * With KILLS == 0 a sleep has no time limit: no wake-up is lost.  With deaths it has
 * one, at any time, and who waits may give up: both as in wait_and_take().
 *
 * Mutants, each of which has to be found out:
 *	MUTANT_NO_CAS		the owner is looked at, then set
 *	MUTANT_BREAK_ALIVE	a lock that is held too long is broken, its holder not killed
 *	MUTANT_LATE_COUNT	a waiter looks before it is counted
 */
#ifndef KILLS
#define KILLS 2
#endif
#define CHILDREN 2
#define TICKER CHILDREN
#define USERS 3
#define TAKINGS(id) (2 - (id)) /* child 0 twice, child 1 once */
#define SERIALS 4 /* of a process until its names come again */
#define POSTS 1   /* spurious ones */

byte owner;    /* 0: free; else a name */
byte waiters;  /* how many sleep, or a little more */
bit room;      /* 1: a post is left */
byte serial[USERS];

bool alive[USERS] = true;
bool sleeping[USERS]; /* in the kernel's queue on room */
bool in[USERS];
byte inside; /* living processes inside */
byte kills = KILLS;
byte finished; /* children that are through, or dead */

#define NAME(id) (1 + (id) * SERIALS + serial[id])
#define HOLDER(name) (((name) - 1) / SERIALS)

inline swap(from, to, done)
{
	atomic {
		if
		:: owner == from -> owner = to; done = true
		:: else -> done = false
		fi
	}
}

inline take(name, done)
{
#ifdef MUTANT_NO_CAS
	done = (owner == 0);
	if
	:: done -> owner = name
	:: else
	fi
#else
	swap(0, name, done)
#endif
}

/* call_next(): wakes one of those who sleep */
inline call_next()
{
	if
	:: waiters == 0
	:: else ->
		room = 1;
		atomic {
			if
			:: sleeping[0] -> sleeping[0] = false
			:: sleeping[1] -> sleeping[1] = false
			:: sleeping[2] -> sleeping[2] = false
			:: else
			fi
		}
	fi
}

inline lock_break(name, done)
{
	swap(name, 0, done);
	if
	:: done -> call_next()
	:: else
	fi
}

/* nap() */
inline nap(id)
{
	atomic {
		if
		:: room == 1 -> room = 0; done = true
		:: else -> done = false
		fi
	}
	if
	:: done
	:: else ->
		atomic { sleeping[id] = (room == 0) } /* FUTEX_WAIT */
		if
		:: !sleeping[id]
#if KILLS > 0
		:: sleeping[id] = false /* LOCK_NAP_MS */
#endif
		fi;
		room = 0
	fi
}

/* wait_and_take() */
inline wait_and_take(id, name)
{
	do
	:: true ->
#ifdef MUTANT_LATE_COUNT
		if
		:: owner != 0 -> waiters++; nap(id); waiters--
		:: else
		fi;
#else
		waiters++;
		if
		:: owner != 0 -> nap(id)
		:: else
		fi;
		waiters--;
#endif
		take(name, done);
		if
		:: done -> break
		:: else
		fi
#if KILLS > 0
	:: done = false; break
#endif
	od
}

/* lock_take(), what the lock is for, lock_release() */
inline use(id, name)
{
	atomic { serial[id] = (serial[id] + 1) % SERIALS; name = NAME(id) }
	take(name, done);
	if
	:: done
	:: else -> wait_and_take(id, name)
	fi;
	if
	:: done ->
		atomic { in[id] = true; inside++; assert(inside == 1) }
		atomic { in[id] = false; inside-- }
		lock_break(name, done)
	:: else
	fi
}

/* SIGKILL: it does nothing more, sleeps on nothing, and is in nobody's way. */
inline die(id)
{
	alive[id] = false;
	sleeping[id] = false;
	inside = inside - in[id];
	in[id] = false
}

proctype Child(byte id)
{
	byte n, name;
	bool done;

	{
		do
		:: n < TAKINGS(id) -> n++; use(id, name)
		:: else -> break
		od
	} unless { !alive[id] };
	finished++
}

/* watch_lock(), break_its_lock() */
inline watch()
{
	seen = owner;
	if
	:: seen == 0 || HOLDER(seen) == TICKER
	:: else ->
		if
		:: !alive[HOLDER(seen)] -> lock_break(seen, done)
		:: else ->
			/* Perhaps it has held it too long. */
			if
			:: true
#ifdef MUTANT_BREAK_ALIVE
			:: lock_break(seen, done)
#else
			:: atomic { kills > 0 -> kills--; die(HOLDER(seen)) }
#endif
			fi
		fi
	fi
}

proctype Ticker()
{
	byte ticks, name, seen;
	bool done;
again:
	{
		do
		:: ticks < 1 -> ticks++; use(TICKER, name)
		:: watch()
		:: finished == CHILDREN && owner == 0 -> break
		od
	} unless { !alive[TICKER] };
	if
	:: !alive[TICKER] ->
		/* Its successor: take_its_lock() of adopt.c. */
		alive[TICKER] = true;
		seen = owner;
		if
		:: seen != 0 && HOLDER(seen) == TICKER -> lock_break(seen, done)
		:: else
		fi;
		goto again
	:: else
	fi;
	assert(owner == 0 && inside == 0)
}

/* kill(1), and a child that scribbles over the waiting room. */
proctype World()
{
	byte posts;

end:	do
	:: atomic { kills > 0 && alive[0] -> kills--; die(0) }
	:: atomic { kills > 0 && alive[1] -> kills--; die(1) }
	:: atomic { kills > 0 && alive[TICKER] -> kills--; die(TICKER) }
#if KILLS > 0
	:: posts < POSTS -> posts++; room = 1
	:: posts < POSTS -> posts++; room = 0
#endif
	od
}

init
{
	atomic { run Child(0); run Child(1); run Ticker(); run World() }
}
