//===----------------------------------------------------------------------===//
// Quartermaster: starting a program for a test, the part Swift cannot say
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#ifndef CSPAWN_H
#define CSPAWN_H

#include <sys/syscall.h>
#include <sys/types.h>

/// Starts a program with exactly three descriptors, default signal actions and an empty signal mask.
/// `directory` may be null. With `new_session` it leads a session of its own, otherwise a process group.
/// Returns the pid, or a negated errno.
pid_t cspawn_start(char *const argv[], char *const envp[], const char *directory, int input, int output,
                   int new_session);

/// A pipe that no program started later inherits. Returns 0, or a negated errno.
int cspawn_pipe(int ends[2]);

/* epoll(7) of its own on `endpoint`, EPOLLEXCLUSIVE; -1 on failure. */
int cspawn_watch_exclusively(int endpoint);

/* epoll_wait(2): how many events there were. */
int cspawn_wait_exclusively(int epoll, int milliseconds);

/// A pseudo-terminal: its master's end, which does not wait, and the path of the other one in `name`. Returns -1 on
/// failure.
int cspawn_terminal(char *name, size_t size);

/// Mounts a tmpfs of that size, in a mount namespace that begins with this call. Returns -1 on failure.
int cspawn_mount_small_disk(const char *path, int kilobytes);

/* gettid(2). */
int cspawn_thread(void);

/* Numbers of system calls, as /proc/PID/syscall has them. */
enum cspawn_call {
    cspawn_accept4 = SYS_accept4,
    cspawn_recvmmsg = SYS_recvmmsg,
    cspawn_sendto = SYS_sendto,
#ifdef SYS_epoll_wait
    cspawn_epoll_wait = SYS_epoll_wait,
#else
    cspawn_epoll_wait = SYS_epoll_pwait,
#endif
};

#endif
