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

/// One watcher that fired. `watcher` is the owner's number, `life` tells a reused slot from its predecessor, `arming`
/// is what the watcher's own field of that name was at that moment.
struct cevent_occurrence {
    uint32_t watcher, life, arming;
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
    /// The owner counts here how often the watcher was started or armed.
    uint32_t arming;
};

struct event_base *_Nullable cevent_new_base(void);
void cevent_free_base(struct event_base *_Nonnull base);
/// In a child of fork(2): gives it a kernel's part of its own, in which all is registered anew. 0 or -errno; where the
/// kernel has no such part for it, the process ends.
int cevent_base_after_fork(struct event_base *_Nonnull base);
/// Bytes of one cevent_watcher with its event record.
size_t cevent_watcher_size(void);
/// event_assign(3) of the record behind `watcher`; `fd` is -1 for timers, a signal number for signals.
/// 0, or -EINVAL for what libevent cannot watch.
int cevent_assign(
    struct event_base *_Nonnull base, struct cevent_watcher *_Nonnull watcher, int fd, short events);
/// event_add(3) of a descriptor or a signal. 0 or -errno: epoll_ctl(2)'s reason, or -ENOMEM.
int cevent_add(struct cevent_watcher *_Nonnull watcher);
/// event_add(3) of a timer, `microseconds` >= 0 from now. 0 or -ENOMEM.
int cevent_arm(struct cevent_watcher *_Nonnull watcher, int64_t microseconds);
/// event_del(3). Nothing is noted for the watcher from now on, whatever the kernel says.
void cevent_delete(struct cevent_watcher *_Nonnull watcher);
/// Notes the watcher in the list of its owner, as if libevent had called.
void cevent_report(struct cevent_watcher *_Nonnull watcher);
/// One turn: waits at most `microseconds` (< 0: for ever) until something happens; not at all where memory for the
/// limit is short. 0 or -errno of epoll_wait(2).
int cevent_turn(struct event_base *_Nonnull base, struct cevent_watcher *_Nonnull limit, int64_t microseconds);

#endif
