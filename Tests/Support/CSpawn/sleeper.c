/*===----------------------------------------------------------------------===*
 * Quartermaster: a sibling that the kernel wakes and that takes nothing
 * SPDX-License-Identifier: Apache-2.0
 *===----------------------------------------------------------------------===*/

#define _GNU_SOURCE
#include "CSpawn.h"

#include <sys/epoll.h>
#include <unistd.h>

int cspawn_watch_exclusively(int endpoint)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE};
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    if (epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, endpoint, &event) != 0) {
        close(epoll);
        return -1;
    }
    return epoll;
}

int cspawn_wait_exclusively(int epoll, int milliseconds)
{
    struct epoll_event event;

    return epoll_wait(epoll, &event, 1, milliseconds);
}

int cspawn_thread(void) { return (int)gettid(); }
