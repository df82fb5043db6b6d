//===----------------------------------------------------------------------===//
// Quartermaster: the few lines between libevent and Swift
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#include "cevent.h"
#include <errno.h>
#include <event2/event.h>
#include <sys/time.h>

_Static_assert(CEVENT_READ == EV_READ && CEVENT_WRITE == EV_WRITE, "libevent's numbers");
_Static_assert(CEVENT_SIGNAL == EV_SIGNAL && CEVENT_PERSIST == EV_PERSIST, "libevent's numbers");

static struct event *record_of(struct cevent_watcher *watcher) { return (struct event *)(watcher + 1); }

// libevent answers -1 and leaves the reason in errno: epoll_ctl(2)'s, or that of an allocation. Callers set errno to 0
// before. Where nothing set it, only memory can have been short.
static int outcome(int result) {
    if (result >= 0)
        return 0;
    return errno > 0 ? -errno : -ENOMEM;
}

void cevent_report(struct cevent_watcher *watcher) {
    struct cevent_ready *ready = watcher->ready;
    // A signal that came many times calls many times in a row; once is enough, and then the list cannot overflow.
    if (ready->count > 0) {
        struct cevent_occurrence *last = &ready->items[ready->count - 1];
        if (last->watcher == watcher->watcher && last->life == watcher->life)
            return;
    }
    // Readiness that does not fit is reported again next turn; the owner sizes the list so that timers fit.
    if (ready->count < ready->capacity) {
        ready->items[ready->count] = (struct cevent_occurrence){watcher->watcher, watcher->life, watcher->arming};
        ready->count += 1;
    }
}

static void note(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    cevent_report(context);
}

// The turn's time is up. The timer goes back at once, far off: the place that it had in libevent's memory is still
// free, and while it has one, no later turn needs memory to be limited.
static void wake(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    cevent_arm(context, (int64_t)1000000 * 86400 * 365);
}

static void say_nothing(int severity, const char *text) {
    (void)severity;
    (void)text;
}

struct event_base *cevent_new_base(void) {
    // Errors come back to the caller, whose log is where they are expected; standard error may be anything.
    event_set_log_callback(say_nothing);
    struct event_config *config = event_config_new();
    if (config == NULL)
        return NULL;
    // One thread; the environment is not the administrator's; never the change list: listeners are
    // shared with other processes, and a cached registration of a closed copy would go astray.
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

void cevent_free_base(struct event_base *base) { event_base_free(base); }

int cevent_base_after_fork(struct event_base *base) {
    errno = 0;
    return outcome(event_reinit(base));
}

size_t cevent_watcher_size(void) { return sizeof(struct cevent_watcher) + event_get_struct_event_size(); }

int cevent_assign(struct event_base *base, struct cevent_watcher *watcher, int fd, short events) {
    event_callback_fn called = watcher->ready ? note : wake;
    return event_assign(record_of(watcher), base, fd, events, called, watcher) == -1 ? -EINVAL : 0;
}

int cevent_add(struct cevent_watcher *watcher) {
    errno = 0;
    return outcome(event_add(record_of(watcher), NULL));
}

int cevent_arm(struct cevent_watcher *watcher, int64_t microseconds) {
    struct timeval limit = {.tv_sec = microseconds / 1000000, .tv_usec = microseconds % 1000000};
    return event_add(record_of(watcher), &limit) == -1 ? -ENOMEM : 0;
}

void cevent_delete(struct cevent_watcher *watcher) { event_del(record_of(watcher)); }

int cevent_turn(struct event_base *base, struct cevent_watcher *limit, int64_t microseconds) {
    // A limit that there is no memory for: better a turn that does not wait than one that waits too long.
    int waits = microseconds < 0 || (microseconds > 0 && cevent_arm(limit, microseconds) == 0);
    errno = 0;
    return outcome(event_base_loop(base, EVLOOP_ONCE | (waits ? EVLOOP_NO_EXIT_ON_EMPTY : EVLOOP_NONBLOCK)));
}
