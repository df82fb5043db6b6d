//===----------------------------------------------------------------------===//
// Quartermaster: the duty of telling a master whether there is work
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// The 12 bytes of master(8)'s status protocol on a socket pair. Whoever reads them keeps count and does nothing else:
// it starts nobody, watches no endpoint and writes no log. As ours does, it lets reports gather for a moment.

#include "../../Benchmarks/CPeers/loop.h"
#include "duties.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REPORTS = 256, GATHERING_MICROSECONDS = 500 };

struct report {
    int32_t pid;
    uint32_t generation;
    int32_t is_available;
};

static int channel = -1;
static struct report own;

/// Until the other side is gone. Returns how many reports left the worker busy, so that nobody can leave the loop out.
static long read_reports(int reports)
{
    static struct report read_ones[REPORTS];
    long busy = 0;
    for (;;) {
        ssize_t size = read(reports, read_ones, sizeof read_ones);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < (ssize_t)sizeof read_ones[0])
            return busy;
        int is_available = 1;
        for (size_t i = 0; i < (size_t)size / sizeof read_ones[0]; i++)
            if (read_ones[i].generation == own.generation)
                is_available = read_ones[i].is_available;
        busy += !is_available;
        usleep(GATHERING_MICROSECONDS);
    }
}

int status_start(void)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        loop_fail("socketpair");
    pid_t worker = fork();
    if (worker < 0)
        loop_fail("fork");
    if (worker > 0) {
        // Here is the reader, the worker's parent. Each ends when the other does.
        close(ends[1]);
        read_reports(ends[0]);
        waitpid(worker, NULL, 0);
        exit(0);
    }
    close(ends[0]);
    channel = ends[1];
    own = (struct report){.pid = (int32_t)getpid(), .generation = 1};
    return channel;
}

bool status_report(bool is_available)
{
    own.is_available = is_available;
    ssize_t sent = send(channel, &own, sizeof own, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent == (ssize_t)sizeof own || (sent < 0 && errno == EAGAIN);
}
