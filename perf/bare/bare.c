//===----------------------------------------------------------------------===//
// Quartermaster: listening, accepting and answering for the bare loops
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#define _GNU_SOURCE
#include "bare.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ACCEPTS_A_TURN = 64, READ_SIZE = 4096, DESCRIPTORS = 4096, BACKLOG = 1024 };

static struct event_base *current_base;
static const struct bare_stream *current_stream;
static size_t greeting_length;

/// One event for each descriptor number, so that no connection allocates.
static struct event *connections[DESCRIPTORS];

noreturn void bare_fatal(const char *what)
{
    fprintf(stderr, "fatal: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void stop(evutil_socket_t signal_number, short what, void *context)
{
    (void)signal_number;
    (void)what;
    event_base_loopbreak(context);
}

struct event_base *bare_base(void)
{
    struct event_config *config = event_config_new();
    if (config == NULL)
        bare_fatal("event_config_new");
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    if (base == NULL)
        bare_fatal("event_base_new_with_config");
    signal(SIGPIPE, SIG_IGN);
    event_add(evsignal_new(base, SIGTERM, stop, base), NULL);
    event_add(evsignal_new(base, SIGINT, stop, base), NULL);
    return base;
}

static int listen_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        bare_fatal(path);
    }
    strcpy(address.sun_path, path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0)
        bare_fatal(path);
    return listener;
}

static int listen_tcp(const char *address_and_port)
{
    char host[64];
    const char *colon = strrchr(address_and_port, ':');
    struct sockaddr_in address = {.sin_family = AF_INET};
    if (colon == NULL || (size_t)(colon - address_and_port) >= sizeof host) {
        errno = EINVAL;
        bare_fatal(address_and_port);
    }
    memcpy(host, address_and_port, (size_t)(colon - address_and_port));
    host[colon - address_and_port] = '\0';
    address.sin_port = htons((unsigned short)atoi(colon + 1));
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        errno = EINVAL;
        bare_fatal(address_and_port);
    }
    const int on = 1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0
        || bind(listener, (struct sockaddr *)&address, sizeof address) < 0)
        bare_fatal(address_and_port);
    return listener;
}

int bare_listen(const char *where)
{
    int listener = -1;
    if (strncmp(where, "unix:", 5) == 0) {
        listener = listen_unix(where + 5);
    } else if (strncmp(where, "tcp:", 4) == 0) {
        listener = listen_tcp(where + 4);
    } else {
        errno = EINVAL;
        bare_fatal(where);
    }
    if (listen(listener, BACKLOG) < 0)
        bare_fatal("listen");
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
    if (connection >= DESCRIPTORS) {
        close(connection);
        return;
    }
    if (connections[connection] == NULL) {
        connections[connection] = event_new(current_base, connection, EV_READ | EV_PERSIST, answer_client, NULL);
        if (connections[connection] == NULL)
            bare_fatal("event_new");
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
    for (int taken = 0; taken < ACCEPTS_A_TURN; taken++) {
        int connection = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (connection < 0)
            return;
        take_client(connection);
    }
}

void bare_serve(struct event_base *base, int listener, const struct bare_stream *stream)
{
    current_base = base;
    current_stream = stream;
    greeting_length = strlen(stream->greeting);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    struct event *accepting = event_new(base, listener, EV_READ | EV_PERSIST, accept_clients, NULL);
    if (accepting == NULL || event_add(accepting, NULL) < 0)
        bare_fatal("event_add");
    event_base_dispatch(base);
}
