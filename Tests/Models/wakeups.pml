/*===----------------------------------------------------------------------===
 * Quartermaster: who holds the wake-up of a client, checked by spin(1)
 * SPDX-License-Identifier: Apache-2.0
 *===----------------------------------------------------------------------===
 *
 * Two places for processes of one service, master, and the kernel, which wakes one registered process for a client
 * (EPOLLEXCLUSIVE). Every interleaving is tried, with clients, deaths, retirements, pauses and one process that hangs
 * at every step, as many as CLIENTS and TROUBLES say. When nothing can happen any more, no client may be left in the
 * queue.
 *
 * The steps are those of Sources/MasterPolicy/QueueLooks.swift and Policy+Looks.swift on master's side, and of the
 * table in Sources/ServerSkeleton/Life/ChildLife.swift on the other. scripts/check-models also leaves single rules out
 * (the names that begin with NO_), and then there must be a client who is left.
 */

#ifndef CLIENTS
#define CLIENTS 3
#endif
#ifndef TROUBLES
#define TROUBLES 3
#endif
#define LIMIT 2

mtype = { gone, starting, idle, busy, paused, lastLook, stuck };
mtype = { TAKEN, AVAIL };

byte waiting = 0;               /* clients in the queue */
byte troubles = TROUBLES;       /* deaths, retirements, pauses and hang-ups to come */
bool hasHung = false;           /* one process at most: without any, nobody can be served */

/* The processes, as they are. */
mtype state[LIMIT] = gone;
bool registered[LIMIT], woken[LIMIT], nudged[LIMIT];
bit life[LIMIT];                /* the generation, as far as it matters */

/* What master knows. */
mtype told[LIMIT] = gone;       /* gone, idle or busy */
bool watching = true;
bool lookDue, isActive, answered;
byte standing;

chan reports = [4] of { byte, bit, mtype };
chan ends = [LIMIT] of { byte };

#define IDLE ((told[0] == idle) + (told[1] == idle))
#define TOTAL ((told[0] != gone) + (told[1] != gone))
/* Master watches beside idle processes. */
#ifndef NO_STANDBY
#define STANDS_BY (IDLE > 0 && !lookDue && !isActive)
#else
#define STANDS_BY false
#endif

/* Who begins to wait at the listener sees the clients that are there already. */
inline register(me) {
    registered[me] = true;
    woken[me] = waiting > 0
}

inline unregister(me) {
    registered[me] = false;
    woken[me] = false
}

active proctype Clients() {
    byte left = CLIENTS;
end:
    do
    :: left > 0 ->
        atomic {
            left--;
            waiting++;
            if
            :: registered[0] -> woken[0] = true
            :: registered[1] -> woken[1] = true
            :: !registered[0] && !registered[1]
            fi
        }
    od
}

proctype Worker(byte me) {
end:
    do
    :: atomic { state[me] == starting -> state[me] = idle; register(me) }

    /* Whoever is woken accepts: a client that will speak first, or one that it is busy with. */
    :: atomic {
        state[me] == idle && woken[me] ->
        if
        :: waiting > 0 ->
            waiting--;
            /* It is told again as long as there is more: level triggering. */
            woken[me] = waiting > 0;
            if
            :: skip
            :: state[me] = busy; reports!me, life[me], TAKEN
            fi
        :: waiting == 0 -> woken[me] = false
        fi
    }
    :: atomic { state[me] == busy -> state[me] = idle; reports!me, life[me], AVAIL }

    /* SIGURG: look, and answer. */
    :: atomic {
        nudged[me] && state[me] == idle && registered[me] ->
        nudged[me] = false;
        woken[me] = waiting > 0;
        reports!me, life[me], AVAIL
    }

    /* It hangs for ever when it was woken; one that hangs before that is the same. */
    :: atomic {
        troubles > 0 && !hasHung && state[me] == idle && woken[me] ->
        troubles--; hasHung = true; state[me] = stuck
    }

    /* Killed. */
    :: atomic {
        troubles > 0 && state[me] != gone && state[me] != lastLook ->
        troubles--; unregister(me); state[me] = gone; ends!me
    }
    /* No descriptors for a client; and another try. */
    :: atomic {
        troubles > 0 && state[me] == idle ->
        troubles--; unregister(me); state[me] = paused; reports!me, life[me], TAKEN
    }
    :: atomic { state[me] == paused -> state[me] = idle; register(me); reports!me, life[me], AVAIL }
    /* The service wants a fresh process, which takes the client. */
    :: atomic { troubles > 0 && state[me] == idle -> troubles--; unregister(me); state[me] = gone; ends!me }
    /* Used up or idle for too long: registration off, then one more look. */
    :: atomic { troubles > 0 && state[me] == idle -> troubles--; unregister(me); state[me] = lastLook }
    :: atomic {
        state[me] == lastLook ->
        waiting = 0;
        state[me] = gone; ends!me
    }
    od
}

inline settle() { watching = (IDLE == 0 && TOTAL < LIMIT) }

inline start() {
    if
    :: told[0] == gone -> told[0] = idle; life[0] = 1 - life[0]; nudged[0] = false; state[0] = starting
    :: told[0] != gone && told[1] == gone ->
        told[1] = idle; life[1] = 1 - life[1]; nudged[1] = false; state[1] = starting
    fi;
    settle()
}

inline planLook() {
#ifndef NO_LOOKS
    lookDue = true
#else
    skip
#endif
}

inline look() {
    if
    :: waiting == 0 ->
        standing = 0;
        if
        :: isActive -> isActive = false; planLook()
        :: !isActive
        fi
    :: waiting > 0 ->
        isActive = false;
        if
        :: standing == 2 && answered -> standing = 0
        :: else
        fi;
        if
        :: standing == 0 -> standing = 1
        :: standing > 0 ->
            if
            :: standing == 2 && TOTAL < LIMIT -> start()
            :: else
            fi;
            standing = 2; answered = false;
            nudged[0] = nudged[0] || told[0] == idle;
            nudged[1] = nudged[1] || told[1] == idle
        fi;
        planLook()
    fi
}

/* A process was heard of or started, or a client came. */
inline activity() {
    isActive = true;
    if
    :: !lookDue -> planLook()
    :: else
    fi
}

active proctype Master() {
    byte who;
    bit generation;
    mtype said;
    run Worker(0);
    run Worker(1);
end:
    do
    :: atomic {
        reports?who, generation, said ->
        if
        :: told[who] == gone || generation != life[who]
        :: else ->
            answered = true;
            if
            :: said == TAKEN -> told[who] = busy
            :: said == AVAIL -> told[who] = idle
            fi;
            activity();
            settle()
        fi
    }
    :: atomic {
        ends?who ->
        told[who] = gone;
        settle();
        isActive = true;
        if
        :: !lookDue && IDLE > 0 -> look()
        :: else
        fi
    }
    :: atomic { watching && waiting > 0 -> start(); activity() }
    :: atomic { STANDS_BY && waiting > 0 -> activity() }
    :: atomic {
        lookDue ->
        lookDue = false;
        if
        :: IDLE > 0 -> look()
        :: IDLE == 0 -> standing = 0; isActive = false; answered = false
        fi
    }
    od
}

/* Nothing can happen any more: everybody was served. */
active proctype Judge() {
    timeout -> assert(waiting == 0)
}
