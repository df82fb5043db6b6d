//===----------------------------------------------------------------------===//
// Quartermaster: what all our loops in plain C begin with
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// The yardsticks in perf/ and the peers in Benchmarks/CPeers share this: a base with the flags that ours has,
// listeners, and accepting in batches. Whatever the system refuses ends the program with a message. What only the
// yardsticks share, and perf/bare/bare.c does, stands at the end.

#ifndef LOOP_H
#define LOOP_H

// Of accept4(2); so this header comes first.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { LOOP_ACCEPTS_A_TURN = 64, LOOP_DESCRIPTORS = 4096 };

static inline _Noreturn void loop_fail(const char *what) {
    fprintf(stderr, "fatal: %s: %s\n", what, strerror(errno));
    exit(1);
}

/// A base without locks and without a look at the environment.
static inline struct event_base *loop_new_base(void) {
    struct event_config *config = event_config_new();
    if (config == NULL)
        loop_fail("event_config_new");
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    if (base == NULL)
        loop_fail("event_base_new_with_config");
    return base;
}

/// Reports each time that there is something to read.
static inline struct event *loop_watch(struct event_base *base, int descriptor, event_callback_fn handler,
                                       void *context) {
    struct event *event = event_new(base, descriptor, EV_READ | EV_PERSIST, handler, context);
    if (event == NULL || event_add(event, NULL) < 0)
        loop_fail("event_add");
    return event;
}

/// A bound UNIX socket, non-blocking; of datagrams it is ready, of streams it does not listen yet.
static inline int loop_bind_unix(const char *path, int type) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        loop_fail(path);
    }
    strcpy(address.sun_path, path);
    int made = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (made < 0 || bind(made, (struct sockaddr *)&address, sizeof address) < 0)
        loop_fail(path);
    return made;
}

/// A bound TCP socket, non-blocking, at `ADDRESS:PORT`; `option` is SO_REUSEADDR, or SO_REUSEPORT for one of several.
static inline int loop_bind_tcp(const char *where, int option) {
    char host[64];
    const char *colon = strrchr(where, ':');
    struct sockaddr_in address = {.sin_family = AF_INET};
    if (colon == NULL || (size_t)(colon - where) >= sizeof host) {
        errno = EINVAL;
        loop_fail(where);
    }
    memcpy(host, where, (size_t)(colon - where));
    host[colon - where] = '\0';
    address.sin_port = htons((unsigned short)atoi(colon + 1));
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        errno = EINVAL;
        loop_fail(where);
    }
    const int on = 1;
    int made = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (made < 0 || setsockopt(made, SOL_SOCKET, option, &on, sizeof on) < 0
        || bind(made, (struct sockaddr *)&address, sizeof address) < 0)
        loop_fail(where);
    return made;
}

/// Hands the clients that wait to `take`, as many as a turn may accept.
static inline void loop_accept(int listener, void (*take)(int client)) {
    for (int taken = 0; taken < LOOP_ACCEPTS_A_TURN; taken++) {
        int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client < 0)
            return;
        take(client);
    }
}

static inline void loop_raise_descriptor_limit(void) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

/// What a stream loop says to a new client, and what it answers to `length` bytes it has read. An answer is always
/// written at once and whole; a client that does not take it is dropped.
struct bare_stream {
    const char *greeting;
    const char *(*answer)(const char *bytes, size_t length, size_t *answer_length);
};

/// A base that SIGTERM and SIGINT end.
struct event_base *bare_base(void);

/// A bound and listening socket, non-blocking and close-on-exec. `where` is `unix:PATH` or `tcp:ADDRESS:PORT`.
int bare_listen(const char *where);

/// Serves `listener` until a signal says stop.
void bare_serve(struct event_base *base, int listener, const struct bare_stream *stream);

#endif
