//===----------------------------------------------------------------------===//
// Quartermaster: the wire probe as a child of master, and as a client of itself
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { TAKEN = 0, AVAILABLE = 1, PATIENCE_MS = 60000 };

struct probe_service probe_service_from(int argc, char **argv) {
    struct probe_service service = {"unnamed", "unknown", "", 1};
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "-n") == 0) service.name = argv[++i];
        else if (strcmp(argv[i], "-t") == 0) service.transport = argv[++i];
        else if (strcmp(argv[i], "-s") == 0) service.listeners = atoi(argv[++i]);
        else if (strcmp(argv[i], "-o") == 0 && strncmp(argv[++i], "stress=", 7) == 0) service.stress = argv[i] + 7;
    }
    return service;
}

static int report(int available) {
    struct {
        int pid;
        unsigned generation;
        int available;
    } record = {getpid(), 0, available};
    const char *generation = getenv("GENERATION");
    if (generation) record.generation = (unsigned)strtoul(generation, NULL, 8);
    return write(PROBE_STATUS, &record, sizeof record) == sizeof record ? 0 : -1;
}

/// Greets a stream client and waits until it has gone.
static void hold(int client, const struct probe_service *service) {
    dprintf(client, "pid %d stress=%s\n", getpid(), service->stress);
    struct pollfd wait = {client, POLLIN, 0};
    char buffer[512];
    while (poll(&wait, 1, PATIENCE_MS) > 0 && read(client, buffer, sizeof buffer) > 0) {}
    close(client);
}

/// Takes one descriptor out of a connection of a `pass` service and serves it as a client.
static void take_descriptor(int connection, const struct probe_service *service) {
    char byte, room[CMSG_SPACE(sizeof(int))];
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    int passed = -1;
    if (recvmsg(connection, &message, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&message))
        memcpy(&passed, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof passed);
    close(connection);
    if (passed >= 0) hold(passed, service);
}

/// One piece of work from one listening descriptor; nothing when another process was quicker.
static int work(int listener, const struct probe_service *service) {
    char buffer[4096];
    if (strcmp(service->transport, "unix-dgram") == 0 || strcmp(service->transport, "fifo") == 0) {
        if (read(listener, buffer, sizeof buffer) <= 0) return 0;
        report(TAKEN);
        return report(AVAILABLE);
    }
    int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0) return 0;
    report(TAKEN);
    if (strcmp(service->transport, "pass") == 0) take_descriptor(client, service);
    else hold(client, service);
    return report(AVAILABLE);
}

int probe_serve(const struct probe_service *service) {
    struct pollfd polled[64] = {{PROBE_STATUS, POLLIN, 0}};
    int count = service->listeners < 63 ? service->listeners : 63;
    for (int i = 0; i < count; i++) polled[i + 1] = (struct pollfd){PROBE_FIRST_LISTENER + i, POLLIN, 0};
    while (poll(polled, (nfds_t)count + 1, PATIENCE_MS) > 0) {
        if (polled[0].revents) return 0;
        for (int i = 1; i <= count; i++) {
            if (polled[i].revents && work(polled[i].fd, service) < 0) return 0;
        }
    }
    return 0;
}

static int fail(const char *what) {
    perror(what);
    return 1;
}

/// Passes one end of a new connection; the other end is the value.
static int pass_connection(int carrier) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0) return -1;
    char byte = 0, room[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &ends[0], sizeof(int));
    ssize_t sent = sendmsg(carrier, &message, 0);
    close(ends[0]);
    return sent == 1 ? ends[1] : -1;
}

/// Connects to ADDRESS:PORT, to [ADDRESS]:PORT, or to a path.
static int connect_to(const char *type, const char *where) {
    int kind = strcmp(type, "unix-dgram") == 0 ? SOCK_DGRAM : SOCK_STREAM;
    if (strcmp(type, "inet") == 0) {
        char host[64];
        const char *colon = strrchr(where, ':');
        if (!colon || colon - where >= (long)sizeof host) return -1;
        int brackets = where[0] == '[';
        snprintf(host, sizeof host, "%.*s", (int)(colon - where) - 2 * brackets, where + brackets);
        struct addrinfo wanted = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = kind}, *found;
        if (getaddrinfo(host, colon + 1, &wanted, &found) != 0) return -1;
        int descriptor = socket(found->ai_family, kind, 0);
        int result = connect(descriptor, found->ai_addr, found->ai_addrlen);
        freeaddrinfo(found);
        return result < 0 ? -1 : descriptor;
    }
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", where);
    int descriptor = socket(AF_UNIX, kind, 0);
    return connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0 ? -1 : descriptor;
}

int probe_touch(const char *type, const char *where, int stay) {
    alarm(stay ? 60 : 20);
    if (strcmp(type, "fifo") == 0) {
        int fifo = open(where, O_WRONLY | O_NONBLOCK);
        if (fifo < 0 || write(fifo, "W", 1) != 1) return fail(where);
        return 0;
    }
    int connection = connect_to(type, where);
    if (connection < 0) return fail(where);
    if (strcmp(type, "unix-dgram") == 0) return write(connection, "W", 1) == 1 ? 0 : fail(where);
    if (strcmp(type, "pass") == 0) connection = pass_connection(connection);
    if (connection < 0) return fail(where);
    char answer[256];
    ssize_t length = read(connection, answer, sizeof answer);
    if (length <= 0) return fail(where);
    printf("%.*s", (int)length, answer);
    fflush(stdout);
    if (stay) pause();
    return 0;
}
