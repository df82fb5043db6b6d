//===----------------------------------------------------------------------===//
// Quartermaster: CPeers, what our operations are measured beside: the same in plain C
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//
//
// Each peer does the work that our code does for the same operation, on plain libevent or libc, as a
// careful C programmer would write it; where it leaves something out, its file says so. A run returns
// what it came to (events seen, bytes received, entries found), and ours must come to the same.

#ifndef CPEERS_H
#define CPEERS_H

#include <stddef.h>
#include <stdint.h>

enum cpeers_operation {
    CPEERS_LOOP_TURN,
    CPEERS_TIMER_ADD_CANCEL,
    CPEERS_TIMER_FIRE,
    CPEERS_ACCEPT,
    CPEERS_CONNECTION,
    CPEERS_DATAGRAMS,
    CPEERS_DATAGRAM_LINES,
    CPEERS_STATUS_ENCODE,
    CPEERS_STATUS_DECODE,
    CPEERS_STATUS_NET_EFFECT,
    CPEERS_SLAB_CHURN,
    CPEERS_SLAB_LOOKUP,
    CPEERS_POLICY_PARSE,
    CPEERS_POLICY_LIST,
    CPEERS_POLICY_STRANGER,
    CPEERS_POLICY_EVICTING,
    CPEERS_POLICY_KNOWN,
    CPEERS_POLICY_RATE,
};

struct cpeers_peer;

/// `input` is records for the status peers, a question for those of policies, and stays the caller's. `size` is its
/// length in bytes, and for all others the number of watchers, timers, clients, datagrams or elements.
struct cpeers_peer *_Nonnull cpeers_make(enum cpeers_operation operation, const void *_Nullable input, int64_t size);
/// What has to be there before each single run (clients that wait, datagrams); not a part of what is measured.
void cpeers_prepare(struct cpeers_peer *_Nonnull peer);
int64_t cpeers_run(struct cpeers_peer *_Nonnull peer, int64_t times);
void cpeers_destroy(struct cpeers_peer *_Nonnull peer);

// The surroundings, the same for ours and for the peers. All of them end the process when the system says no.

/// An eventfd that is readable for ever, or never.
int cpeers_eventfd(int is_readable);
/// A UNIX stream listener with a name that the kernel chose.
int cpeers_listener(int backlog);
/// Connects `count` clients to `listener`.
void cpeers_connect(int listener, int *_Nonnull clients, int64_t count);
/// A pair of UNIX datagram sockets, both non-blocking.
void cpeers_datagram_pair(int *_Nonnull pair);
/// Sends `count` datagrams of `CPEERS_DATAGRAM_SIZE` bytes.
void cpeers_send_datagrams(int socket, int64_t count);
int cpeers_open_sink(void);
void cpeers_close(int descriptor);
/// Soft limit := hard limit for descriptors; returns it.
int64_t cpeers_raise_descriptor_limit(void);

enum { CPEERS_DATAGRAM_SIZE = 120, CPEERS_DATAGRAM_ROOM = 2048, CPEERS_ACCEPT_BUDGET = 64 };

/// The same pseudo-random numbers on both sides, so that both do the same work.
static inline uint64_t cpeers_next_random(uint64_t seed) { return seed * 6364136223846793005u + 1442695040888963407u; }

// Valgrind's callgrind counts the instructions between `begin` and `end`; elsewhere these do nothing.

/// Whether this build can talk to callgrind, and whether it runs below valgrind.
int cpeers_count_is_built(void);
int cpeers_count_is_running(void);
void cpeers_count_begin(void);
/// Writes a dump of what was counted, with `name` in it.
void cpeers_count_end(const char *_Nonnull name);
/// Between the two: counting goes on, or pauses.
void cpeers_count_toggle(void);

#endif
