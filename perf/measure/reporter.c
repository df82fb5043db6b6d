//===----------------------------------------------------------------------===//
// Quartermaster: a child of master that reports as often as it is told to
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// One client at a time, like a single-client Postfix daemon. It says "h" to a client, and is busy until the client
// leaves. For each byte "p" it reports idle and busy once, for each "b" PAIRS times in one write; then it sends the
// byte back. Everything else of a daemon is left out, so that what master spends can be told from what children spend.

#define _GNU_SOURCE
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STATUS = 5, LISTENER = 6, BUSY = 0, IDLE = 1, PAIRS = 500 };

struct report {
    int32_t pid;
    uint32_t generation;
    int32_t available;
};

static struct report reports[2 * PAIRS];

static void prepare(void)
{
    const char *generation = getenv("GENERATION");
    for (int index = 0; index < 2 * PAIRS; index++) {
        reports[index].pid = getpid();
        reports[index].generation = generation ? (uint32_t)strtoul(generation, NULL, 8) : 0;
        reports[index].available = index % 2 ? BUSY : IDLE;
    }
}

/// `count` records from `first` on: even ones say idle, odd ones busy.
static void say(int first, int count)
{
    const char *bytes = (const char *)(reports + first);
    size_t left = sizeof reports[0] * (size_t)count;
    while (left > 0) {
        const ssize_t written = write(STATUS, bytes, left);
        if (written <= 0)
            exit(1);
        bytes += written;
        left -= (size_t)written;
    }
}

static void obey(char order)
{
    if (order == 'p') {
        say(0, 1);
        say(1, 1);
    } else if (order == 'b') {
        say(0, 2 * PAIRS);
    }
}

static void serve(int client)
{
    char order = 'h';
    say(1, 1);
    while (write(client, &order, 1) == 1 && read(client, &order, 1) == 1)
        obey(order);
    close(client);
    say(0, 1);
}

int main(void)
{
    prepare();
    struct pollfd watched[] = {{.fd = STATUS, .events = POLLIN}, {.fd = LISTENER, .events = POLLIN}};
    while (poll(watched, 2, -1) > 0 && !watched[0].revents) {
        // The listener does not block: somebody else may have been faster.
        const int client = accept4(LISTENER, NULL, NULL, SOCK_CLOEXEC);
        if (client >= 0)
            serve(client);
    }
    return 0;
}
