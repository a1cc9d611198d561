/*
 * rollback: the protocol of a run, with crashes anywhere. docs/model/README.md says what it stands for and how to run it.
 *
 * A run is STEPS steps and a commit. The journal is a sequence of records: a crash keeps all that was made durable and any
 * prefix of the rest. A step changes two things: a file of its own, which passes through a half-written state, and a link
 * that all steps share, which tells undos that come in the wrong order. What a step changed and nobody made durable is
 * anything after a crash: as before, half, or as it was.
 *
 * Some steps work on services, too. A crash of the whole machine ends the services; they start when the first recovery after it has
 * ended, so that one puts files back alone and puts off what needs services.
 *
 * With PROGRAMS, some steps make a program take up the release that the link names. The undo of such a step has a second part, which tells
 * the program again after the first part of every older frame. The second step may fail and be undone alone (allow-failure): its program
 * is told then, and again if older steps are undone later. One undo may fail, too; the second parts run nevertheless, then the failsafe.
 *
 * The macros WRONG_... break the protocol on purpose; the checker must then find a run that ends between old and new.
 */

#ifndef STEPS
#define STEPS 3
#endif
#ifndef CRASHES
#define CRASHES 3
#endif

#define OLD  0
#define HALF 1
#define NEW  2

/* the records of the journal */
#define INTENT    1  /* + step: the frame exists */
#define RESULT    10 /* + step: the step is done, its effects are durable */
#define UNDONE    20 /* + step: the frame is put back, durably */
#define PUT_OFF   30 /* + step: the file is put back, durably; the rest waits for services */
#define BUT_LAST  50 /* + step: the first part of the frame's undo is over, durably; the program is still to be told */
#define UNWIND    40 /* the run turns back */
#define COMMITTED 41 /* the point of no return */
#define ENDED     42
#define RECORDS   16

byte journal[RECORDS];
byte written;       /* records written */
byte durable;       /* records that no crash takes away */

byte file[STEPS];   /* each step's own file, as a reader sees it now */
byte onDisk[STEPS]; /* as it is after a crash, where nothing was lost on the way */
bool dirty[STEPS];  /* changed and not yet made durable */
byte link;          /* what all steps share: the number of the release that it names */
byte linkOnDisk;
byte memo[STEPS];   /* what the intent's record holds: the link as it was. Valid where the intent is in the journal. */
bool kept[STEPS];   /* the old file's content, which the undo needs */

bool serves[STEPS]; /* which steps work on services: any */
bool rested[STEPS]; /* the part of such a frame's undo that needs services has run */
bool up;            /* the services are there */

#ifndef SERVICES
#define SERVICES 1 /* whether steps may work on services */
#endif
#ifndef PROGRAMS
#define PROGRAMS 0
#endif
#define ALONE 1             /* the step that may be undone alone */
byte tells[STEPS];          /* the program that each step makes take up the link: 1 .. PROGRAMS, 0 for none */
byte runs[PROGRAMS + 1];    /* the release that each program runs */
bool told[PROGRAMS + 1];    /* a step has made it take up the link */
bool alone;                 /* that step was undone alone */
bool broken;                /* an undo has failed */
#ifdef REACH_LAST_PUT_OFF
bool waited;                /* a program was to be told, and there were no services */
#endif
bool safe;                  /* the failsafe has run, and no program was told since */
#ifdef WRONG_LAST_NOT_JOURNALED
bool owed[STEPS];           /* what the process knows, and the journal does not */
#endif

byte crashes;
byte undone[STEPS]; /* how often each frame's undo ran, up to 2 */
bool running;       /* a process works on the run */
bool over;          /* the run has ended, and its end is durable */

inline append(record) { /* a record, durable when it returns; all before it are so too */
	journal[written] = record; written++;
	durable = written
}

inline note(record) { /* a record in its order, durable with the next append */
	journal[written] = record; written++
}

inline tell(p) { /* the program takes up what the link names; without services, nothing happens */
	if
	:: p > 0 && up -> runs[p] = link; told[p] = true; safe = false
	:: else
	fi
}

inline sync(i) { onDisk[i] = file[i]; linkOnDisk = link; dirty[i] = false }

/* A crash: the machine forgets what was not durable, by any amount. */
inline crash() {
	atomic {
		crashes++;
		do
		:: written > durable -> written--; journal[written] = 0
		:: break
		od;
		durable = written;
		for (j : 0 .. STEPS - 1) {
			if
			:: dirty[j] -> if
				:: file[j] = onDisk[j]
				:: file[j] = HALF
				:: skip
				fi;
				if
				:: link = linkOnDisk
				:: skip
				fi
			:: else
			fi;
			onDisk[j] = file[j]; dirty[j] = false
		}
		linkOnDisk = link;
		if
		:: up = false /* the whole machine */
		:: skip       /* gwe alone */
		fi;
		running = false
	}
}

/* has: whether the journal holds a record, as a process that reads it finds it */
inline has(record) {
	d_step {
		found = false;
		for (j : 0 .. RECORDS - 1) {
			if
			:: j < written && journal[j] == record -> found = true
			:: else
			fi
		}
	}
}

/* look: what the journal says of a frame */
inline look(i) {
	d_step {
		intended = false; closed = false; butLast = false; off = false; acted = false;
		for (j : 0 .. RECORDS - 1) {
			if
			:: j >= written -> skip
			:: else -> if
				:: journal[j] == INTENT + i -> intended = true
				:: journal[j] == RESULT + i -> acted = true
				:: journal[j] == UNDONE + i -> closed = true
				:: journal[j] == PUT_OFF + i -> off = true
				:: journal[j] == BUT_LAST + i -> butLast = true
				:: else
				fi
			fi
		}
	}
}

/* Everything that a process does between two points where it may die is one turn of this: die here, or continue. */
#define MAY_DIE if :: crashes < CRASHES -> crash(); goto dead :: skip fi

inline perform(i) {
	kept[i] = true; /* prepare: what the undo needs is saved, before the intent */
	memo[i] = link;
	MAY_DIE;
#ifndef WRONG_ACTS_BEFORE_INTENT
#ifdef WRONG_INTENT_NOT_DURABLE
	note(INTENT + i);
#else
	append(INTENT + i);
#endif
	MAY_DIE;
#endif
	file[i] = HALF; dirty[i] = true;
	MAY_DIE;
	file[i] = NEW;
	link = i + 1;
	MAY_DIE;
	tell(tells[i]);
#ifdef WRONG_ACTS_BEFORE_INTENT
	append(INTENT + i);
#endif
#ifndef WRONG_RESULT_BEFORE_SYNC
	sync(i);
	MAY_DIE;
#endif
	note(RESULT + i)
}

inline putBack(i) { /* the first part of a frame's undo, or all of it where there is one part */
	if
	:: off -> skip /* a recovery before the services has done this part */
	:: else ->
		assert(kept[i]); /* what an undo needs is there as long as the undo can be asked for */
		d_step { /* and so is what older steps made: a hook of the new release */
			for (j : 0 .. STEPS - 1) { assert(j >= i || file[j] == NEW || j == ALONE && alone) }
		}
		if
		:: PROGRAMS > 0 && !broken -> broken = true /* it fails, for good: the file and the link stay as they are */
		:: true ->
			file[i] = HALF; dirty[i] = true;
			MAY_DIE;
			file[i] = OLD;
			link = memo[i]
		fi;
		MAY_DIE;
		sync(i);
		undone[i] = (undone[i] < 2 -> undone[i] + 1 : 2);
		MAY_DIE
	fi;
#ifdef WRONG_LAST_TOO_EARLY
	tell(tells[i]);
#endif
#ifdef WRONG_WAITS_FOR_SERVICES
	if
	:: serves[i] -> up /* which start after it: for ever */
	:: else
	fi;
#endif
	if
	:: serves[i] && !up && off -> skip
	:: serves[i] && !up && !off -> append(PUT_OFF + i)
	:: else ->
		rested[i] = true;
		MAY_DIE;
#ifdef WRONG_LAST_NOT_JOURNALED
		owed[i] = tells[i] > 0;
#endif
		if
#if !defined(WRONG_LAST_DROPPED) && !defined(WRONG_LAST_TOO_EARLY) && !defined(WRONG_LAST_NOT_JOURNALED)
		:: tells[i] > 0 ->
#ifdef WRONG_BUT_LAST_NOT_DURABLE
			note(BUT_LAST + i)
#else
			append(BUT_LAST + i)
#endif
#endif
		:: else ->
#ifdef WRONG_UNDONE_NOT_DURABLE
			note(UNDONE + i)
#else
			append(UNDONE + i)
#endif
		fi
	fi
}

inline unwind() { /* newest first; a frame that the journal calls undone, be it but for its second part, is left alone */
	i = STEPS;
	do
	:: i > 0 ->
#ifdef WRONG_OLDEST_FIRST
		k = STEPS - i; i--;
#else
		i--; k = i;
#endif
		look(k);
		if
#ifdef WRONG_SKIPS_INTERRUPTED
		:: intended && !closed && !butLast && acted -> putBack(k)
#else
		:: intended && !closed && !butLast -> putBack(k)
#endif
		:: else
		fi;
		MAY_DIE
	:: else -> break
	od
}

/* The second parts, oldest first. Of frames that tell one program only the newest does. */
inline last() {
	i = 0;
	do
	:: i < STEPS ->
		d_step {
			again = false;
			for (k : i + 1 .. STEPS - 1) {
				look(k);
#ifdef WRONG_ALL_ARE_EQUAL
				again = again || butLast && !closed
#else
				again = again || butLast && !closed && tells[k] == tells[i]
#endif
			}
			look(i)
		}
		if
#ifdef WRONG_LAST_NOT_JOURNALED
		:: owed[i] -> tell(tells[i])
#endif
		:: butLast && !closed && again -> note(UNDONE + i)
		:: butLast && !closed && !again ->
			tell(tells[i]);
			MAY_DIE;
			append(UNDONE + i)
		:: else
		fi;
		MAY_DIE;
		i++
	:: else -> break
	od
}

inline giveUp() { for (j : 0 .. STEPS - 1) { kept[j] = false } }

active proctype Machine() {
	byte i, j, k;
	bool found, intended, acted, off, butLast, closed, again;
	for (j : 0 .. STEPS - 1) {
		if
		:: SERVICES -> serves[j] = true
		:: skip
		:: i < PROGRAMS -> i++; tells[j] = i /* another program */
		:: i > 0 -> tells[j] = 1
		:: i > 1 -> tells[j] = 2
		fi
	}
	up = true;
	running = true;

	/* gwe run */
	k = 0;
	do
	:: k < STEPS ->
		i = k;
		perform(i);
		if
		:: skip
		:: append(UNWIND); goto back /* the step failed, or somebody pressed Ctrl-C */
		:: PROGRAMS > 0 && i == ALONE -> /* it failed, and may: it is undone alone, and the run continues */
			look(i);
			putBack(i);
			tell(tells[i]);
#ifdef WRONG_ALONE_IS_THE_END
			MAY_DIE;
			append(UNDONE + i);
#endif
			if
			:: broken -> append(UNWIND); goto back
			:: else -> alone = true
			fi
		fi;
		k = i + 1
	:: else -> break
	od;
	MAY_DIE;
#ifdef WRONG_GIVES_UP_EARLY
	giveUp();
	MAY_DIE;
#endif
	append(COMMITTED);
	goto closing;

dead:	/* the machine is off, or gwe was killed; at the next start: gwe recover */
	if
	:: over -> goto finished
	:: else
	fi;
	running = true;
#ifdef WRONG_LAST_NOT_JOURNALED
	for (j : 0 .. STEPS - 1) { owed[j] = false }
#endif
	has(COMMITTED);
	if
	:: found -> goto closing
	:: else
	fi;
	has(UNWIND);
	if
	:: !found -> append(UNWIND)
	:: else
	fi;

back:
	MAY_DIE;
#ifdef WRONG_PUTS_OFF_ALL
	if
	:: !up -> goto services
	:: else
	fi;
#endif
	unwind();
#if PROGRAMS > 0
#ifdef WRONG_LAST_AFTER_FAILSAFE
	safe = broken;
#endif
	if
#ifdef WRONG_LAST_WITHOUT_SERVICES
	:: true -> last()
#else
#ifdef WRONG_LAST_ONLY_IF_ALL_IS_UNDONE
	:: up && !broken -> last()
#else
	:: up -> last() /* else the programs start after this recovery */
#endif
#endif
	:: else
	fi;
#endif
#ifndef WRONG_ENDS_EARLY
	if
	:: up -> goto closing
	:: else
	fi;
	for (k : 0 .. STEPS - 1) {
		look(k);
		if
		:: intended && !closed -> goto services
		:: else
		fi
	};
#endif
	goto closing;

services: /* the recovery at boot has ended, and a rest waits: they start, and with them the recovery that does it */
	skip; /* spin jumps into a loop that stands right after a label, past its first value */
	d_step { for (j : 0 .. STEPS - 1) { assert(broken || file[j] == OLD && onDisk[j] == OLD) } } /* none starts on anything but what was before */
#ifdef REACH_LAST_PUT_OFF
	for (i : 0 .. STEPS - 1) {
		look(i);
		waited = waited || butLast && !closed
	}
#endif
	up = true;
	for (j : 1 .. PROGRAMS + 0) {
		if
		:: runs[j] = link /* a program that starts */
		:: skip           /* what outlives the boot: the cache of ldconfig, a configuration that was made of others */
		fi
	}
	MAY_DIE;
	goto back;

closing:
	MAY_DIE;
#if PROGRAMS > 0
	has(COMMITTED);
	if
	:: !found -> /* whatever could be undone: each program runs what is there now */
		for (j : 1 .. PROGRAMS + 0) { assert(!told[j] || runs[j] == link) }
#ifndef WRONG_LAST_AFTER_FAILSAFE
		safe = broken;
#endif
		MAY_DIE
	:: else
	fi;
#endif
	append(ENDED);
	over = true;
	MAY_DIE;

finished:
	skip;
	giveUp();
	has(COMMITTED);
	if
	:: found -> /* the new version */
		for (j : 0 .. STEPS - 1) { assert(file[j] == NEW && onDisk[j] == NEW || j == ALONE && alone) }
		assert(link == STEPS && linkOnDisk == STEPS)
	:: !found && broken -> /* the failsafe */
		assert(safe)
	:: else -> /* the old version */
		for (j : 0 .. STEPS - 1) { assert(file[j] == OLD && onDisk[j] == OLD) }
		assert(link == 0 && linkOnDisk == 0);
		for (j : 1 .. PROGRAMS + 0) { assert(!told[j] || runs[j] == 0) }
		/* each frame's undo ran at least once */
		for (i : 0 .. STEPS - 1) {
			has(INTENT + i);
			assert(!found || undone[i] > 0 && rested[i])
		}
	fi;
#ifdef REACH_TWICE
	/* not a flaw: shows that the model does come to an undo that runs twice */
	assert(undone[0] < 2);
#endif
#ifdef REACH_PUT_OFF
	for (i : 0 .. STEPS - 1) {
		has(PUT_OFF + i);
		assert(!found)
	}
#endif
#ifdef REACH_LAST_PUT_OFF
	assert(!waited);
#endif
#ifdef REACH_TOLD_TWICE
	has(UNDONE + ALONE);
	assert(!alone || tells[ALONE] == 0 || !found);
#endif
#ifdef REACH_FAILSAFE
	assert(!safe);
#endif
#ifdef REACH_COMMIT
	has(COMMITTED);
	assert(!found);
#endif
	skip
}

/* Every run ends: no crash leaves the machine where nothing more happens. */
ltl ends { <> over }
