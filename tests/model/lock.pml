/*
 * lock.pml - the lock over the commons (../../shm/lock.h), with the deaths of its
 * users and what the ticker does about them (../../server/departure.c, adopt.c), and about
 * names that a child has forged (../../server/commons.c).  What bears a function's name
 * stands for it; use() is what child/session.c and server/tick.c do with the lock.
 *
 * Checked: no two living processes are inside at once; nobody waits for ever; in
 * the end the lock is free.  Any process dies between any two steps, KILLS times.  A name is
 * written into the lock at any time, FORGERIES times: then two may be inside, but nobody
 * is killed for it, no honest name is taken for a forgery, and once the ticker has closed
 * the commons and seen all badges down, nobody touches them until it opens them, and then
 * no two are inside again.
 *
 * With neither a sleep has no time limit: no wake-up is lost.  Else it has one, at any
 * time, and who waits may give up: both as in wait_and_take().
 *
 * Mutants, each of which has to be found out:
 *	MUTANT_NO_CAS		the owner is looked at, then set
 *	MUTANT_BREAK_ALIVE	a lock that is held too long is broken, its holder not killed
 *	MUTANT_LATE_COUNT	a waiter looks before it is counted
 *	MUTANT_LATE_BADGE	the badge goes up when the lock is taken, not before
 *	MUTANT_EARLY_LEAVE	the badge goes down before the lock is released
 *	MUTANT_BLIND_KILL	who is named in the lock is killed, whatever its badge says
 *	MUTANT_EARLY_LOOK	a child looks whether it is closed before its badge is up
 *	MUTANT_EARLY_OPEN	the commons are opened before they are made anew
 */
#ifndef KILLS
#define KILLS 2
#endif
#ifndef FORGERIES
#define FORGERIES 0
#endif
#define CHILDREN 2
#define TICKER CHILDREN
#define USERS 3
#define TAKINGS(id) (2 - (id)) /* child 0 twice, child 1 once */
#define SERIALS 4 /* of a process until its names come again */
#define POSTS 1   /* spurious ones */
#define LIMITED (KILLS + FORGERIES > 0)

byte owner;    /* 0: free; else a name */
byte waiters;  /* how many sleep, or a little more */
bit room;      /* 1: a post is left */
byte serial[USERS];
byte badge[CHILDREN]; /* in its slot; the ticker's is read by nobody */
bit closed;           /* header.closed */

bool alive[USERS] = true;
bool sleeping[USERS]; /* in the kernel's queue on room */
bool in[USERS];
byte inside; /* living processes inside */
byte kills = KILLS;
byte finished; /* children that are through, or dead */

/* What only the checks know. */
byte using[USERS];       /* the name under which it is at the lock, or 0 */
bool touching[USERS];    /* it has come in, and not left; of children */
bool spoilt;             /* somebody has written into the lock; two may be inside */
bool quiet;              /* closed, and all are out */

#define NAME(id) (1 + (id) * SERIALS + serial[id])
#define HOLDER(name) (((name) - 1) / SERIALS)

#ifdef MUTANT_NO_CAS
#define AT_ONCE
#else
#define AT_ONCE atomic
#endif

inline swap(from, to, done)
{
	AT_ONCE {
		if
		:: owner == from -> owner = to; done = true
		:: else -> done = false
		fi
	}
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

inline nap(id)
{
	if
	:: atomic { room == 1 -> room = 0 }
	:: else ->
		if
		:: room == 1 /* FUTEX_WAIT does not begin */
		:: atomic { room == 0 -> sleeping[id] = true }
			if
			:: !sleeping[id]
#if LIMITED
			:: sleeping[id] = false /* LOCK_NAP_MS */
#endif
			fi
		fi;
		room = 0
	fi
}

inline wait_and_take(id, name, done)
{
	do
#ifdef MUTANT_LATE_COUNT
	:: true ->
		if
		:: owner != 0 -> waiters++; nap(id); waiters--
		:: else
		fi;
#else
	:: waiters++ ->
		if
		:: owner != 0 -> nap(id)
		:: else
		fi;
		waiters--;
#endif
		AT_ONCE {
			swap(0, name, done);
			if
			:: done -> break
			:: else
			fi
		}
#if LIMITED
	:: true -> goto leave
#endif
	od
}

/* What only a child does: the badge, and the look at closed. */
inline raise(id, name)
{
	if
	:: id != TICKER -> badge[id] = name
	:: else
	fi
}

inline look(id)
{
	if
	:: id != TICKER && closed -> goto leave
	:: id != TICKER && !closed -> assert(!quiet); touching[id] = true
	:: else
	fi
}

inline lock_enter(id, name)
{
	atomic {
		serial[id] = (serial[id] + 1) % SERIALS;
		name = NAME(id);
		using[id] = name;
#ifdef MUTANT_EARLY_LOOK
		look(id)
	}
	raise(id, name)
#elif defined(MUTANT_LATE_BADGE)
		look(id)
	}
#else
		raise(id, name)
	}
	atomic { look(id) }
#endif
}

inline lock_take(id, name, done)
{
	lock_enter(id, name);
	AT_ONCE {
		swap(0, name, done);
		if
		:: done -> goto taken
		:: else
		fi
	}
	wait_and_take(id, name, done);
taken:
#ifdef MUTANT_LATE_BADGE
	raise(id, name)
#endif
	skip
}

inline lock_leave(id)
{
	atomic { raise(id, 0); using[id] = 0; touching[id] = false }
}

/* lock_take(), what the lock is for, lock_release() */
inline use(id, name, done)
{
	lock_take(id, name, done);
	atomic { in[id] = true; inside++; assert(inside == 1 || spoilt) }
	atomic { in[id] = false; inside-- }
#ifdef MUTANT_EARLY_LEAVE
	lock_leave(id);
#endif
	lock_break(name, done);
leave:
	lock_leave(id)
}

/* SIGKILL: it does nothing more, sleeps on nothing, and is in nobody's way. */
inline die(id)
{
	alive[id] = false;
	sleeping[id] = false;
	inside = inside - in[id];
	in[id] = false;
	touching[id] = false
}

proctype Child(byte id)
{
	byte n, name;
	bool done;

	{
		do
		:: atomic { n < TAKINGS(id) -> n++ } use(id, name, done)
		:: else -> break
		od
	} unless { !alive[id] };
	finished++
}

/* make_anew(): the pages are given back, whoever is inside or asleep */
inline make_anew()
{
	atomic { owner = 0; waiters = 0; room = 0 }
}

/* holder() */
#ifdef MUTANT_BLIND_KILL
#define IS_REAL(name) (HOLDER(name) != TICKER)
#else
#define IS_REAL(name) (HOLDER(name) != TICKER && badge[HOLDER(name)] == name)
#endif

/*
 * break_its_lock() of departure.c; or owner_is_real(), and if that says no, commons_watch():
 * the second time it closes them.
 */
inline watch()
{
	if
	:: HOLDER(seen) != TICKER && !alive[HOLDER(seen)] ->
		lock_break(seen, done)
	:: atomic { IS_REAL(seen) && alive[HOLDER(seen)] -> assert(using[HOLDER(seen)] == seen) }
		/* If it has held it too long it is killed: World does that at any time. */
#ifdef MUTANT_BREAK_ALIVE
		lock_break(seen, done)
#endif
	:: else ->
		lock_break(seen, done);
		if
		:: done ->
			/* A name that nobody admits. */
			assert(spoilt);
			if
			:: true
			:: closed = 1 /* close_all() */
			fi;
			make_anew()
		:: else
		fi
	fi
}

/* bar(), of those who are seated: who is dead is not */
#define IS_OUT(id) (!alive[id] || badge[id] == 0)

/* watch_closed(), again and again until all were out at its last look; open_all() */
inline watch_closed()
{
	if
	:: IS_OUT(0) -> barred[0] = true
	:: else
	fi;
	if
	:: IS_OUT(1) -> barred[1] = true
	:: else
	fi;
	if
	:: barred[0] && barred[1] ->
		atomic { assert(!touching[0] && !touching[1]); quiet = true }
		barred[0] = false;
		barred[1] = false;
#ifdef MUTANT_EARLY_OPEN
		atomic { spoilt = false; quiet = false; closed = 0 }
		make_anew()
#else
		make_anew();
		atomic { spoilt = false; quiet = false; closed = 0 }
#endif
	:: else
	fi
}

proctype Ticker()
{
	byte ticks, name, seen;
	bool done;
	bool barred[CHILDREN];
again:
	{
		do
		:: atomic { ticks < 1 -> ticks++ } use(TICKER, name, done)
		:: atomic { !closed && owner != 0 -> seen = owner } watch()
#if FORGERIES > 0
		:: closed -> watch_closed()
#endif
		:: finished == CHILDREN && owner == 0 && !closed -> break
		od
	} unless { !alive[TICKER] };
	if
	:: !alive[TICKER] ->
		/* Its successor: take_its_lock() of adopt.c. */
		alive[TICKER] = true;
		barred[0] = false;
		barred[1] = false;
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

/* kill(1), and a child that scribbles over the waiting room, or the lock. */
proctype World()
{
	byte posts, forgeries;

end:	do
	:: atomic { kills > 0 && alive[0] -> kills--; die(0) }
	:: atomic { kills > 0 && alive[1] -> kills--; die(1) }
	:: atomic { kills > 0 && alive[TICKER] -> kills--; die(TICKER) }
#if KILLS > 0
	:: posts < POSTS -> posts++; room = 1
	:: posts < POSTS -> posts++; room = 0
#endif
#if FORGERIES > 0
	/* The next name of a child, or the ticker's. */
	:: atomic { forgeries < FORGERIES && finished < CHILDREN && !quiet -> forgeries++; spoilt = true;
		if
		:: owner = NAME(TICKER)
		:: owner = 1 + (serial[0] + 1) % SERIALS
		:: owner = 1 + SERIALS + (serial[1] + 1) % SERIALS
		fi }
#endif
	od
}

init
{
	atomic { run Child(0); run Child(1); run Ticker(); run World() }
}
