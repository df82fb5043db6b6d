//===----------------------------------------------------------------------===//
// Quartermaster: CLoad, the system calls that only a load generator makes
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//
//
// By the rule of CPosix: >= 0 or -errno, no retry, no policy. None of these calls waits.

#ifndef CLOAD_H
#define CLOAD_H

#include <stddef.h>
#include <stdint.h>

enum cload_family { CLOAD_UNIX, CLOAD_IPV4, CLOAD_IPV6 };

/// socket(2), close-on-exec and non-blocking from birth.
int cload_socket(enum cload_family family, int is_stream);
/// IP_BIND_ADDRESS_NO_PORT: bind(2) leaves the choice of a port to connect(2).
int cload_choose_port_late(int fd);
/// SO_LINGER with no time: close(2) resets.
int cload_reset_on_close(int fd);
/// bind(2) with a family only: a UNIX socket gets an abstract name that nobody else has.
int cload_take_any_name(int fd);
/// recv(2) with MSG_DONTWAIT.
long cload_receive(int fd, void *_Nonnull buffer, size_t size);
/// send(2) with MSG_DONTWAIT and MSG_NOSIGNAL.
long cload_send(int fd, const void *_Nonnull buffer, size_t size);
/// write(2).
long cload_write(int fd, const void *_Nonnull buffer, size_t size);
/// recvfrom(2) with MSG_DONTWAIT; with `back`, sendto(2) of the same bytes to the sender. The size of the datagram.
long cload_receive_and_return(int fd, void *_Nonnull buffer, size_t size, int back);
/// timerfd_create(2) on the monotonic clock, non-blocking; timerfd_settime(2) to one absolute moment.
int cload_alarm(void);
int cload_set_alarm(int fd, int64_t nanoseconds);
/// getrusage(2) of the calling thread, in nanoseconds.
void cload_thread_time(int64_t *_Nonnull user, int64_t *_Nonnull system);

#endif
