//===----------------------------------------------------------------------===//
// Quartermaster: the wrappers, in the order of cload.h
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#define _GNU_SOURCE

#include "cload.h"
#include <errno.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

static long value_of(long result) { return result == -1 ? -errno : result; }

int cload_socket(enum cload_family family, int is_stream) {
    int domain = family == CLOAD_UNIX ? AF_UNIX : family == CLOAD_IPV4 ? AF_INET : AF_INET6;
    int type = (is_stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
    return (int)value_of(socket(domain, type, 0));
}

int cload_choose_port_late(int fd) {
    int on = 1;
    return (int)value_of(setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on));
}

int cload_reset_on_close(int fd) {
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    return (int)value_of(setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none));
}

int cload_take_any_name(int fd) {
    sa_family_t family = AF_UNIX;
    return (int)value_of(bind(fd, (const struct sockaddr *)&family, sizeof family));
}

long cload_receive(int fd, void *buffer, size_t size) { return value_of(recv(fd, buffer, size, MSG_DONTWAIT)); }

long cload_send(int fd, const void *buffer, size_t size) {
    return value_of(send(fd, buffer, size, MSG_DONTWAIT | MSG_NOSIGNAL));
}

long cload_write(int fd, const void *buffer, size_t size) { return value_of(write(fd, buffer, size)); }

long cload_receive_and_return(int fd, void *buffer, size_t size, int back) {
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    ssize_t count = recvfrom(fd, buffer, size, MSG_DONTWAIT, (struct sockaddr *)&from, &length);
    if (count == -1)
        return -errno;
    // A UNIX socket without a name has a family only, and nothing could come back.
    if (back && length > sizeof(sa_family_t))
        sendto(fd, buffer, (size_t)count, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&from, length);
    return count;
}

int cload_alarm(void) { return (int)value_of(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)); }

int cload_set_alarm(int fd, int64_t nanoseconds) {
    struct itimerspec moment = {
        .it_value.tv_sec = nanoseconds / 1000000000, .it_value.tv_nsec = nanoseconds % 1000000000};
    return (int)value_of(timerfd_settime(fd, TFD_TIMER_ABSTIME, &moment, NULL));
}

static int64_t nanoseconds_of(struct timeval time) { return (int64_t)time.tv_sec * 1000000000 + time.tv_usec * 1000; }

void cload_thread_time(int64_t *user, int64_t *system) {
    struct rusage usage = {0};
    getrusage(RUSAGE_THREAD, &usage);
    *user = nanoseconds_of(usage.ru_utime);
    *system = nanoseconds_of(usage.ru_stime);
}
