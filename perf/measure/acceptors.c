//===----------------------------------------------------------------------===//
// Quartermaster: many processes that accept, three ways to share the work
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// acceptors shared|exclusive|shards PORT PROCESSES
//
// Each process waits with epoll, accepts one client, reads once, writes that back, hangs up; for ever.
//   shared     one listener, plain registration: every connection may wake everybody
//   exclusive  one listener, EPOLLEXCLUSIVE: the kernel wakes one
//   shards     a listener for each process with SO_REUSEPORT, made by the parent: the kernel deals the connections out

#include "../../Benchmarks/CPeers/loop.h"

#include <sys/epoll.h>

enum { MOST = 1024 };

static int listener(const char *port, int option)
{
    char where[32];
    snprintf(where, sizeof where, "127.0.0.1:%s", port);
    const int made = loop_bind_tcp(where, option);
    if (listen(made, 4096) < 0)
        loop_fail("listen");
    return made;
}

static void serve(int client)
{
    char bytes[4096];
    const ssize_t size = read(client, bytes, sizeof bytes);
    if (size > 0 && write(client, bytes, (size_t)size) != size)
        perror("write");
    close(client);
}

static void work(int door, uint32_t how)
{
    const int waiting = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN | how};
    if (waiting < 0 || epoll_ctl(waiting, EPOLL_CTL_ADD, door, &event) < 0)
        loop_fail("epoll");
    while (epoll_wait(waiting, &event, 1, -1) >= 0) {
        const int client = accept4(door, NULL, NULL, SOCK_CLOEXEC);
        if (client >= 0)
            serve(client);
    }
    loop_fail("epoll_wait");
}

int main(int count, char **arguments)
{
    const int processes = count == 4 ? atoi(arguments[3]) : 0;
    if (processes < 1 || processes > MOST) {
        fprintf(stderr, "usage: acceptors shared|exclusive|shards PORT PROCESSES\n");
        return 1;
    }
    const int shards = !strcmp(arguments[1], "shards");
    const uint32_t how = !strcmp(arguments[1], "exclusive") ? EPOLLEXCLUSIVE : 0;
    int door = -1;
    for (int index = 0; index < processes; index++) {
        if (shards || index == 0)
            door = listener(arguments[2], shards ? SO_REUSEPORT : SO_REUSEADDR);
        const pid_t child = fork();
        if (child < 0)
            loop_fail("fork");
        if (child == 0)
            work(door, how);
    }
    // The parent keeps the shards open. Whoever started us ends us all.
    pause();
    return 0;
}
