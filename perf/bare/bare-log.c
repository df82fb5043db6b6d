//===----------------------------------------------------------------------===//
// Quartermaster: the reads and writes of postlogd, and nothing else
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// bare-log SOCKET FILE
//
// Takes what waits in a UNIX datagram socket with one recvmmsg(2) and appends it, a line for a datagram, with one
// writev(2) from the same memory, until nothing waits or it has done so 16 times. It leaves out the careful open of
// the log file, the way to syslog when no file is configured, any recovery from a short write, and all that bare.c
// lists.

#include "../../Benchmarks/CPeers/loop.h"

#include <fcntl.h>
#include <sys/uio.h>

enum { BATCHES_A_TURN = 16, BATCH = 64, DATAGRAM_SIZE = 4096 };

static char lines[BATCH][DATAGRAM_SIZE + 1];
static struct iovec spaces[BATCH];
static struct mmsghdr messages[BATCH];
static int log_file;

static int append_batch(int socket_number)
{
    int count = recvmmsg(socket_number, messages, BATCH, MSG_DONTWAIT, NULL);
    if (count <= 0)
        return 0;
    struct iovec written[BATCH];
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        lines[i][messages[i].msg_len] = '\n';
        written[i] = (struct iovec){.iov_base = lines[i], .iov_len = messages[i].msg_len + 1};
        total += (ssize_t)written[i].iov_len;
    }
    if (writev(log_file, written, count) != total)
        loop_fail("writev");
    return 1;
}

static void append_all(evutil_socket_t socket_number, short what, void *context)
{
    (void)what;
    (void)context;
    for (int batches = 0; batches < BATCHES_A_TURN && append_batch(socket_number); batches++) {
    }
}

int main(int count, char **arguments)
{
    if (count != 3) {
        fprintf(stderr, "usage: bare-log SOCKET FILE\n");
        return 1;
    }
    log_file = open(arguments[2], O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    if (log_file < 0)
        loop_fail(arguments[2]);
    for (int i = 0; i < BATCH; i++) {
        spaces[i] = (struct iovec){.iov_base = lines[i], .iov_len = DATAGRAM_SIZE};
        messages[i].msg_hdr.msg_iov = &spaces[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    struct event_base *base = bare_base();
    loop_watch(base, loop_bind_unix(arguments[1], SOCK_DGRAM), append_all, NULL);
    event_base_dispatch(base);
    return 0;
}
