//===----------------------------------------------------------------------===//
// Quartermaster: turns and timers on plain libevent
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#include "internal.h"
#include <event2/event_struct.h>

// One turn: many descriptors are watched, the one in the middle is readable and stays so.

struct turn {
    struct event_base *base;
    struct event *events;
    int64_t count, seen;
};

static void note_readable(evutil_socket_t fd, short what, void *context) {
    struct turn *turn = context;
    (void)fd;
    (void)what;
    turn->seen += 1;
}

static void *make_turn(const void *input, int64_t count) {
    struct turn *turn = cpeers_zeroed(1, sizeof *turn);
    (void)input;
    turn->base = loop_new_base();
    turn->count = count;
    turn->events = cpeers_zeroed((size_t)count, sizeof *turn->events);
    for (int64_t i = 0; i < count; i++) {
        int descriptor = cpeers_eventfd(i == count / 2);
        event_assign(&turn->events[i], turn->base, descriptor, EV_READ | EV_PERSIST, note_readable, turn);
        if (event_add(&turn->events[i], NULL) == -1)
            loop_fail("event_add");
    }
    return turn;
}

static int64_t run_turn(void *state, int64_t times) {
    struct turn *turn = state;
    turn->seen = 0;
    for (int64_t i = 0; i < times; i++)
        event_base_loop(turn->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    return turn->seen;
}

static void destroy_turn(void *state) {
    struct turn *turn = state;
    for (int64_t i = 0; i < turn->count; i++) {
        event_del(&turn->events[i]);
        cpeers_close(event_get_fd(&turn->events[i]));
    }
    event_base_free(turn->base);
    free(turn->events);
    free(turn);
}

const struct cpeers_kind cpeers_loop_turn = {make_turn, NULL, run_turn, destroy_turn};

// Timers: many run, for 1000 to 2000 seconds; one more is added and cancelled, or fires.

struct timers {
    struct event_base *base;
    struct event *others;
    struct event one;
    uint64_t seed;
    int64_t count, fired;
};

static void note_time(evutil_socket_t fd, short what, void *context) {
    struct timers *timers = context;
    (void)fd;
    (void)what;
    timers->fired += 1;
}

static int64_t next_delay(struct timers *timers) {
    timers->seed = cpeers_next_random(timers->seed);
    return 1000000 + (int64_t)((timers->seed >> 33) % 1000000);
}

static void start_timer(struct event *timer, int64_t milliseconds) {
    struct timeval limit = {.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};
    if (event_add(timer, &limit) == -1)
        loop_fail("event_add");
}

static void *make_timers(const void *input, int64_t count) {
    struct timers *timers = cpeers_zeroed(1, sizeof *timers);
    (void)input;
    timers->base = loop_new_base();
    timers->count = count;
    timers->others = cpeers_zeroed((size_t)count, sizeof *timers->others);
    for (int64_t i = 0; i < count; i++) {
        event_assign(&timers->others[i], timers->base, -1, 0, note_time, timers);
        start_timer(&timers->others[i], next_delay(timers));
    }
    event_assign(&timers->one, timers->base, -1, 0, note_time, timers);
    return timers;
}

static int64_t add_and_cancel(void *state, int64_t times) {
    struct timers *timers = state;
    int64_t sum = 0;
    for (int64_t i = 0; i < times; i++) {
        int64_t delay = next_delay(timers);
        start_timer(&timers->one, delay);
        event_del(&timers->one);
        sum += delay;
    }
    return sum;
}

static int64_t fire(void *state, int64_t times) {
    struct timers *timers = state;
    timers->fired = 0;
    for (int64_t i = 0; i < times; i++) {
        start_timer(&timers->one, 0);
        event_base_loop(timers->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    }
    return timers->fired;
}

static void destroy_timers(void *state) {
    struct timers *timers = state;
    event_base_free(timers->base);
    free(timers->others);
    free(timers);
}

const struct cpeers_kind cpeers_timer_add_cancel = {make_timers, NULL, add_and_cancel, destroy_timers};
const struct cpeers_kind cpeers_timer_fire = {make_timers, NULL, fire, destroy_timers};
