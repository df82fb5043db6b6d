//===----------------------------------------------------------------------===//
// Quartermaster: exclusive wake-ups, on the epoll instance that libevent made
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#include "internal.h"
#include <sys/epoll.h>

int cposix_is_epoll(int fd) {
    int socket_of_ours = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket_of_ours == -1)
        return -errno;
    // ENOENT: an epoll instance that does not know this socket. EINVAL: no epoll instance.
    int result = epoll_ctl(fd, EPOLL_CTL_DEL, socket_of_ours, NULL) == -1 && errno == ENOENT;
    close(socket_of_ours);
    return result;
}

int cposix_epoll_delete(int epoll, int fd) { return CPOSIX_RESULT(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL)); }

int cposix_epoll_add(int epoll, int fd, int exclusively) {
    struct epoll_event event = {.events = EPOLLIN | (exclusively ? EPOLLEXCLUSIVE : 0), .data.fd = fd};
    return CPOSIX_RESULT(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}
