//===----------------------------------------------------------------------===//
// Quartermaster: CEvent, libevent_core's face for Swift
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//
//
// libevent calls C functions; our rooms handle values. The one callback here notes who became ready in
// a list that the Swift owner gave, and the owner works through the list after the turn: no Swift code
// runs inside libevent, so nothing can re-enter the loop, and no callback context outlives its owner.

#ifndef CEVENT_H
#define CEVENT_H

#include <stddef.h>
#include <stdint.h>

// libevent's own header stays out: it brings system headers that other modules see under other feature macros.
struct event_base;

/// What to watch for: libevent's EV_READ, EV_WRITE, EV_SIGNAL and EV_PERSIST.
enum cevent_interest { CEVENT_READ = 0x02, CEVENT_WRITE = 0x04, CEVENT_SIGNAL = 0x08, CEVENT_PERSIST = 0x10 };

/// One watcher that fired. `watcher` is the owner's number, `life` tells a reused slot from its predecessor.
struct cevent_occurrence {
    uint32_t watcher;
    uint32_t life;
    int16_t what;
};
/// What fired this turn. Fixed memory of the owner; `capacity` is at least the number of watchers.
struct cevent_ready {
    struct cevent_occurrence *_Nullable items;
    uint32_t count, capacity;
};
/// The context of one watcher, followed in memory by libevent's own event record.
struct cevent_watcher {
    struct cevent_ready *_Nullable ready;
    uint32_t watcher, life;
};

struct event_base *_Nullable cevent_new_base(void);
void cevent_free_base(struct event_base *_Nonnull base);
/// Bytes of one cevent_watcher with its event record, rounded up to 16.
size_t cevent_watcher_size(void);
/// event_assign(3) of the record behind `watcher`; `fd` is -1 for timers, a signal number for signals.
int cevent_assign(
    struct event_base *_Nonnull base, struct cevent_watcher *_Nonnull watcher, int fd, short events);
int cevent_add(struct cevent_watcher *_Nonnull watcher, int64_t microseconds);  // < 0: no time limit
int cevent_delete(struct cevent_watcher *_Nonnull watcher);
/// One turn: waits at most `microseconds` (< 0: for ever), and at least until something happened or the time is up.
int cevent_turn(struct event_base *_Nonnull base, struct cevent_watcher *_Nonnull limit, int64_t microseconds);

#endif
