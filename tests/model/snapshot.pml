/*
 * snapshot.pml - snapshots, and who has them pinned (../../shm/snapshot.h,
 * ../../server/render.c).
 *
 * Checked: what a child reads under its pin is the snapshot that it pinned, whole,
 * until it lets go; there is always a generation to fill.
 * Any process dies between any two steps, KILLS times; a dead ticker has a successor.
 *
 * Mutants, each of which has to be found out:
 *	MUTANT_NO_RECHECK	a child does not look again after it has pinned
 *	MUTANT_NO_FENCE		its pin is seen by others only after it has looked again
 *	MUTANT_LATE_CURRENT	the ticker looks at the pins before it publishes, not after
 */
#ifndef KILLS
#define KILLS 1
#endif
#define READERS 2
#define TICKER READERS
#define GENERATIONS 4 /* one current, one that is filled, one a reader */
#define SNAPSHOTS 3
#define READS(id) (2 - (id)) /* child 0 twice, child 1 once */

byte current_number, current_place; /* one word: always written and read as one */
byte number[GENERATIONS];  /* of a generation; 0: it is being filled */
byte content[GENERATIONS]; /* stands for its text; 0: torn */
byte pinned[READERS];
bool alive[3] = true;
bool died; /* some ticker */
byte kills = KILLS;
byte finished;

inline load_current(n, place)
{
	atomic { n = current_number; place = current_place }
}

/* snapshot_pin() */
inline snapshot_pin(id)
{
	load_current(n, place);
	do
#ifdef MUTANT_NO_FENCE
	:: true ->
		load_current(again, next);
		atomic {
			pinned[id] = n;
#else
	:: pinned[id] = n ->
#ifdef MUTANT_NO_RECHECK
		break;
#endif
		atomic {
			load_current(again, next);
#endif
			if
			:: again == n -> break
			:: else -> n = again; place = next
			fi
		}
	od
}

proctype Child(byte id)
{
	byte reads, n, place, again, next;

	{
		do
		:: atomic { reads < READS(id) -> reads++ }
			snapshot_pin(id);
			/* It sends the text piece by piece. */
			assert(content[place] == n);
			assert(content[place] == n && number[place] == n);
			pinned[id] = 0 /* snapshot_unpin() */
		:: else -> break
		od
	} unless { !alive[id] };
	finished++
}

/* choose_generation() of render.c: those that rest, then any other */
inline choose()
{
	atomic {
		rest[0] = false; rest[1] = false; rest[2] = false; rest[3] = false;
		rest[current_place] = true;
		r = 0
	}
	do
	:: atomic { r < READERS ->
			pin = pinned[r];
			g = 0;
			do
			:: g < GENERATIONS ->
				if
				:: pin != 0 && pin != mine && number[g] == pin -> rest[g] = true
				:: else
				fi;
				g++
			:: else -> break
			od;
			r++
		}
	:: else -> break
	od
}

inline fill(place)
{
	number[place] = 0;
	content[place] = 0;
	content[place] = mine + 1;
	number[place] = mine + 1
}

/* Slots of the dead are freed, their pins with them (departure.c). */
inline bury()
{
	atomic {
		r = 0;
		do
		:: r < READERS ->
			if
			:: !alive[r] -> pinned[r] = 0
			:: else ->
			fi;
			r++
		:: else -> break
		od
	}
}

proctype Ticker()
{
	byte mine, r, pin, g;
	bool rest[GENERATIONS];

again:
	{
		mine = current_number;
		do
		:: mine < SNAPSHOTS ->
			bury();
#ifdef MUTANT_LATE_CURRENT
			/* What the one before was: its pins are looked at, and it is filled, too. */
			choose();
			rest[current_place] = (mine == 1);
#else
			choose();
#endif
			if
			:: !rest[0] -> g = 0
			:: !rest[1] -> g = 1
			:: !rest[2] -> g = 2
			:: !rest[3] -> g = 3
			:: else -> g = GENERATIONS
			fi;
			if
			:: g < GENERATIONS ->
				fill(g);
				atomic { mine++; current_number = mine; current_place = g }
			:: else ->
				/*
				 * No room, so the next tick tries again.  That is seen only
				 * after a death: the number that the dead one had written is
				 * given once more, and a pin on it holds both.
				 */
				assert(died)
			fi
		:: else -> break
		od
	} unless { !alive[TICKER] };
	if
	:: !alive[TICKER] -> alive[TICKER] = true; goto again
	:: else
	fi
}

proctype World()
{
end:	do
	:: atomic { kills > 0 && alive[0] -> kills--; alive[0] = false }
	:: atomic { kills > 0 && alive[1] -> kills--; alive[1] = false }
	:: atomic { kills > 0 && alive[TICKER] -> kills--; alive[TICKER] = false; died = true }
	od
}

init
{
	atomic {
		/* tick_first(): there is one before there are children. */
		current_number = 1;
		number[0] = 1;
		content[0] = 1;
		run Child(0); run Child(1); run Ticker(); run World()
	}
}
