/*
 * rollback: the protocol of a run, with crashes anywhere. docs/model/README.md says what it stands for and how to run it.
 *
 * A run is STEPS steps and a commit. The journal is a sequence of records: a crash keeps all that was made durable and any
 * prefix of the rest. A step changes two things: a file of its own, which passes through a half-written state, and a link
 * that all steps share, which tells undos that come in the wrong order. What a step changed and nobody made durable is
 * anything after a crash: as before, half, or as it was.
 *
 * Some steps work on services, too. A crash of the whole machine ends the services; they start when the first recovery behind it has
 * ended, so that one puts files back alone and puts off what needs services.
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

/* Everything that a process does between two points where it may die is one turn of this: die here, or go on. */
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
#ifdef WRONG_ACTS_BEFORE_INTENT
	append(INTENT + i);
#endif
#ifndef WRONG_RESULT_BEFORE_SYNC
	sync(i);
	MAY_DIE;
#endif
	note(RESULT + i)
}

inline putBack(i) {
	has(PUT_OFF + i);
	if
	:: found -> skip /* a recovery before the services has done this part */
	:: else ->
		assert(kept[i]); /* what an undo needs is there as long as the undo can be asked for */
		for (j : 0 .. STEPS - 1) { assert(j >= i || file[j] == NEW) } /* and so is what older steps made: a hook of the new release */
		file[i] = HALF; dirty[i] = true;
		MAY_DIE;
		file[i] = OLD;
		link = memo[i];
		MAY_DIE;
		sync(i);
		undone[i] = (undone[i] < 2 -> undone[i] + 1 : 2);
		MAY_DIE
	fi;
	has(PUT_OFF + i);
#ifdef WRONG_WAITS_FOR_SERVICES
	if
	:: serves[i] -> up /* which start behind it: for ever */
	:: else
	fi;
#endif
	if
	:: serves[i] && !up && found -> skip
	:: serves[i] && !up && !found -> append(PUT_OFF + i)
	:: else ->
		rested[i] = true;
		MAY_DIE;
#ifdef WRONG_UNDONE_NOT_DURABLE
		note(UNDONE + i)
#else
		append(UNDONE + i)
#endif
	fi
}

inline unwind() { /* newest first; a frame that the journal calls undone is left alone */
	i = STEPS;
	do
	:: i > 0 ->
#ifdef WRONG_OLDEST_FIRST
		k = STEPS - i; i--;
#else
		i--; k = i;
#endif
		has(INTENT + k);
		if
		:: found ->
			has(UNDONE + k);
			if
			:: !found ->
#ifdef WRONG_SKIPS_INTERRUPTED
				has(RESULT + k);
				if
				:: found -> putBack(k)
				:: else
				fi
#else
				putBack(k)
#endif
			:: else
			fi
		:: else
		fi;
		MAY_DIE
	:: else -> break
	od
}

inline giveUp() { for (j : 0 .. STEPS - 1) { kept[j] = false } }

active proctype Machine() {
	byte i, j, k;
	bool found;
	for (j : 0 .. STEPS - 1) {
		if
		:: serves[j] = true
		:: skip
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
		k++;
		if
		:: skip
		:: append(UNWIND); goto back /* the step failed, or somebody pressed Ctrl-C */
		fi
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
#ifndef WRONG_ENDS_EARLY
	if
	:: up -> goto closing
	:: else
	fi;
	for (k : 0 .. STEPS - 1) {
		has(INTENT + k);
		if
		:: found ->
			has(UNDONE + k);
			if
			:: !found -> goto services
			:: else
			fi
		:: else
		fi
	};
#endif
	goto closing;

services: /* the recovery at boot has ended, and a rest waits: they start, and with them the recovery that does it */
	skip; /* spin jumps into a loop that stands right behind a label, past its first value */
	for (j : 0 .. STEPS - 1) { assert(file[j] == OLD && onDisk[j] == OLD) } /* none starts on anything but what was before */
	up = true;
	MAY_DIE;
	goto back;

closing:
	MAY_DIE;
	append(ENDED);
	over = true;
	MAY_DIE;

finished:
	skip;
	giveUp();
	has(COMMITTED);
	if
	:: found -> /* the new version */
		for (j : 0 .. STEPS - 1) { assert(file[j] == NEW && onDisk[j] == NEW) }
		assert(link == STEPS && linkOnDisk == STEPS)
	:: else -> /* the old version */
		for (j : 0 .. STEPS - 1) { assert(file[j] == OLD && onDisk[j] == OLD) }
		assert(link == 0 && linkOnDisk == 0);
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
#ifdef REACH_COMMIT
	has(COMMITTED);
	assert(!found);
#endif
	skip
}

/* Every run ends: no crash leaves the machine where nothing more happens. */
ltl ends { <> over }
