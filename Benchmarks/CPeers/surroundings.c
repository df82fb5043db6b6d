//===----------------------------------------------------------------------===//
// Quartermaster: descriptors to measure with, the same for both sides
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#include "internal.h"
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int cpeers_eventfd(int is_readable) {
    int descriptor = eventfd(is_readable ? 1 : 0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (descriptor == -1)
        loop_fail("eventfd");
    return descriptor;
}

int cpeers_listener(int backlog) {
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    // A name without bytes makes the kernel choose one (unix(7), autobind): no file is left behind.
    struct sockaddr_un unnamed = {.sun_family = AF_UNIX};
    if (listener == -1 || bind(listener, (struct sockaddr *)&unnamed, sizeof(sa_family_t)) == -1 ||
        listen(listener, backlog) == -1)
        loop_fail("listener");
    return listener;
}

void cpeers_connect(int listener, int *clients, int64_t count) {
    struct sockaddr_un name;
    socklen_t size = sizeof name;
    if (getsockname(listener, (struct sockaddr *)&name, &size) == -1)
        loop_fail("getsockname");
    for (int64_t i = 0; i < count; i++) {
        clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (clients[i] == -1 || connect(clients[i], (struct sockaddr *)&name, size) == -1)
            loop_fail("connect");
    }
}

void cpeers_datagram_pair(int *pair) {
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == -1)
        loop_fail("socketpair");
}

void cpeers_send_datagrams(int socket, int64_t count) {
    char datagram[CPEERS_DATAGRAM_SIZE];
    memset(datagram, 'x', sizeof datagram);
    for (int64_t i = 0; i < count; i++) {
        datagram[0] = (char)('a' + i % 26);
        if (send(socket, datagram, sizeof datagram, 0) != sizeof datagram)
            loop_fail("send");
    }
}

int cpeers_open_sink(void) {
    int sink = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (sink == -1)
        loop_fail("/dev/null");
    return sink;
}

void cpeers_close(int descriptor) {
    if (close(descriptor) == -1)
        loop_fail("close");
}

int64_t cpeers_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
        loop_fail("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
        loop_fail("setrlimit");
    return limit.rlim_cur > INT64_MAX ? INT64_MAX : (int64_t)limit.rlim_cur;
}
