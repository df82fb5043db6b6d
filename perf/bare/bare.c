//===----------------------------------------------------------------------===//
// Quartermaster: listening, accepting and answering for the bare loops
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// The bare loops are a yardstick, not servers: one process, one libevent base, and only the reads and writes of an
// exchange. What a pre-forked daemon needs beyond that is left out on purpose: no master above it and no status
// protocol, no limits on clients, idle time or use, no watchdog, no privileges, no configuration, no logging.

#include "../../Benchmarks/CPeers/loop.h"

#include <signal.h>

enum { READ_SIZE = 4096, BACKLOG = 1024 };

static struct event_base *current_base;
static const struct bare_stream *current_stream;
static size_t greeting_length;

/// One event for each descriptor number, so that no connection allocates.
static struct event *connections[LOOP_DESCRIPTORS];

static void stop(evutil_socket_t signal_number, short what, void *context)
{
    (void)signal_number;
    (void)what;
    event_base_loopbreak(context);
}

struct event_base *bare_base(void)
{
    struct event_base *base = loop_new_base();
    signal(SIGPIPE, SIG_IGN);
    event_add(evsignal_new(base, SIGTERM, stop, base), NULL);
    event_add(evsignal_new(base, SIGINT, stop, base), NULL);
    return base;
}

int bare_listen(const char *where)
{
    int listener = -1;
    if (strncmp(where, "unix:", 5) == 0) {
        listener = loop_bind_unix(where + 5, SOCK_STREAM);
    } else if (strncmp(where, "tcp:", 4) == 0) {
        listener = loop_bind_tcp(where + 4, SO_REUSEADDR);
    } else {
        errno = EINVAL;
        loop_fail(where);
    }
    if (listen(listener, BACKLOG) < 0)
        loop_fail("listen");
    return listener;
}

static void drop(int connection)
{
    event_del(connections[connection]);
    close(connection);
}

static void answer_client(evutil_socket_t connection, short what, void *context)
{
    (void)what;
    (void)context;
    char bytes[READ_SIZE];
    ssize_t length = read(connection, bytes, sizeof bytes);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length <= 0) {
        drop(connection);
        return;
    }
    size_t answer_length = 0;
    const char *answer = current_stream->answer(bytes, (size_t)length, &answer_length);
    if (write(connection, answer, answer_length) != (ssize_t)answer_length)
        drop(connection);
}

static void take_client(int connection)
{
    if (connection >= LOOP_DESCRIPTORS) {
        close(connection);
        return;
    }
    if (connections[connection] == NULL) {
        connections[connection] = event_new(current_base, connection, EV_READ | EV_PERSIST, answer_client, NULL);
        if (connections[connection] == NULL)
            loop_fail("event_new");
    }
    if (greeting_length > 0
        && write(connection, current_stream->greeting, greeting_length) != (ssize_t)greeting_length) {
        close(connection);
        return;
    }
    event_add(connections[connection], NULL);
}

static void accept_clients(evutil_socket_t listener, short what, void *context)
{
    (void)what;
    (void)context;
    loop_accept(listener, take_client);
}

void bare_serve(struct event_base *base, int listener, const struct bare_stream *stream)
{
    current_base = base;
    current_stream = stream;
    greeting_length = strlen(stream->greeting);
    loop_raise_descriptor_limit();
    loop_watch(base, listener, accept_clients, NULL);
    event_base_dispatch(base);
}
