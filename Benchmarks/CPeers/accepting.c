//===----------------------------------------------------------------------===//
// Quartermaster: accepting clients on plain libevent
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#include "internal.h"
#include <event2/event_struct.h>

// A turn finds the listener readable and takes the clients that wait, up to the budget. The shorter operation
// closes each at once; the longer one watches them for input first, and then takes leave of all.

struct clients {
    struct event_base *base;
    struct event listening;
    struct event connections[CPEERS_ACCEPT_BUDGET];
    int ends[CPEERS_ACCEPT_BUDGET];
    int64_t count, accepted;
    int are_watched;
};

static void note_input(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    (void)context;
}

static void watch(struct clients *clients, int64_t index, int client) {
    struct event *event = &clients->connections[index];
    event_assign(event, clients->base, client, EV_READ | EV_PERSIST, note_input, clients);
    if (event_add(event, NULL) == -1)
        loop_fail("event_add");
}

static void accept_clients(evutil_socket_t listener, short what, void *context) {
    struct clients *clients = context;
    int64_t taken = 0;
    (void)what;
    while (taken < CPEERS_ACCEPT_BUDGET && taken < clients->count) {
        int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client == -1)
            break;
        if (clients->are_watched)
            watch(clients, taken, client);
        else
            close(client);
        taken += 1;
    }
    for (int64_t i = 0; clients->are_watched && i < taken; i++) {
        int client = event_get_fd(&clients->connections[i]);
        event_del(&clients->connections[i]);
        close(client);
    }
    clients->accepted += taken;
}

static void *make_clients(const void *input, int64_t count) {
    struct clients *clients = cpeers_zeroed(1, sizeof *clients);
    (void)input;
    clients->base = loop_new_base();
    clients->count = count;
    memset(clients->ends, -1, sizeof clients->ends);
    int listener = cpeers_listener((int)count);
    event_assign(&clients->listening, clients->base, listener, EV_READ | EV_PERSIST, accept_clients, clients);
    if (event_add(&clients->listening, NULL) == -1)
        loop_fail("event_add");
    return clients;
}

static void *make_watched_clients(const void *input, int64_t count) {
    struct clients *clients = make_clients(input, count);
    clients->are_watched = 1;
    return clients;
}

static void hang_up(struct clients *clients) {
    for (int64_t i = 0; i < clients->count; i++)
        if (clients->ends[i] != -1)
            cpeers_close(clients->ends[i]);
}

static void prepare_clients(void *state) {
    struct clients *clients = state;
    hang_up(clients);
    cpeers_connect(event_get_fd(&clients->listening), clients->ends, clients->count);
}

static int64_t take_clients(void *state, int64_t times) {
    struct clients *clients = state;
    clients->accepted = 0;
    for (int64_t i = 0; i < times; i++)
        event_base_loop(clients->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    return clients->accepted;
}

static void destroy_clients(void *state) {
    struct clients *clients = state;
    hang_up(clients);
    int listener = event_get_fd(&clients->listening);
    event_del(&clients->listening);
    cpeers_close(listener);
    event_base_free(clients->base);
    free(clients);
}

const struct cpeers_kind cpeers_accept = {make_clients, prepare_clients, take_clients, destroy_clients};
const struct cpeers_kind cpeers_connection = {make_watched_clients, prepare_clients, take_clients, destroy_clients};
