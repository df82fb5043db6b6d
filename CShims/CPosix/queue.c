//===----------------------------------------------------------------------===//
// Quartermaster: how many clients wait at a listening socket
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//
//
// Linux tells it of TCP in TCP_INFO, and of UNIX-domain sockets through sock_diag(7) only. Whom it had no room for, it
// counts at TCP and UDP sockets: SO_MEMINFO has the number. Of UDP it tells bytes; nobody counts the datagrams.

#include "internal.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

int cposix_tcp_queue(int fd, int *room) {
    struct tcp_info info;
    socklen_t size = sizeof info;
    memset(&info, 0, sizeof info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == -1)
        return -errno;
    // Of a listener this is the queue of accept(2), and its limit.
    *room = (int)info.tcpi_sacked;
    return info.tcpi_state == TCP_LISTEN ? (int)info.tcpi_unacked : -EINVAL;
}

struct unix_question {
    struct nlmsghdr header;
    struct unix_diag_req body;
};

static int ask(int netlink, uint32_t inode) {
    struct unix_question question = {
        .header = {.nlmsg_len = sizeof question, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST},
        .body = {
            .sdiag_family = AF_UNIX,
            .udiag_states = ~0U,
            .udiag_ino = inode,
            .udiag_show = UDIAG_SHOW_RQLEN,
            .udiag_cookie = {~0U, ~0U},
        }};
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t sent = sendto(netlink, &question, sizeof question, 0, (struct sockaddr *)&kernel, sizeof kernel);
    return sent == -1 ? -errno : 0;
}

/// The answer to one question is one message: an error, or the socket with one attribute.
static int read_answer(int netlink, int *room) {
    union {
        struct nlmsghdr header;
        char space[512];
    } answer;
    ssize_t count = recv(netlink, &answer, sizeof answer, MSG_DONTWAIT);
    if (count == -1)
        return -errno;
    struct nlmsghdr *header = &answer.header;
    if (!NLMSG_OK(header, count))
        return -EBADMSG;
    if (header->nlmsg_type == NLMSG_ERROR) {
        int size = header->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr));
        int error = size ? ((struct nlmsgerr *)NLMSG_DATA(header))->error : 0;
        return error < 0 ? error : -EBADMSG;
    }
    if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY || header->nlmsg_len < NLMSG_LENGTH(sizeof(struct unix_diag_msg)))
        return -EBADMSG;
    struct unix_diag_msg *socket = NLMSG_DATA(header);
    int left = (int)(header->nlmsg_len - NLMSG_LENGTH(sizeof *socket));
    for (struct rtattr *each = (struct rtattr *)(socket + 1); RTA_OK(each, left); each = RTA_NEXT(each, left))
        if (each->rta_type == UNIX_DIAG_RQLEN && RTA_PAYLOAD(each) >= sizeof(struct unix_diag_rqlen)) {
            struct unix_diag_rqlen *lengths = RTA_DATA(each);
            *room = (int)lengths->udiag_wqueue;
            return (int)lengths->udiag_rqueue;
        }
    return -EBADMSG;
}

int cposix_unix_queue(int fd, int *room) {
    struct stat facts;
    if (fstat(fd, &facts) == -1)
        return -errno;
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (netlink == -1)
        return -errno;
    int result = ask(netlink, (uint32_t)facts.st_ino);
    if (result == 0)
        result = read_answer(netlink, room);
    close(netlink);
    return result;
}

int cposix_pipe_queue(int fd, int *room) {
    int count = 0;
    if (ioctl(fd, FIONREAD, &count) == -1)
        return -errno;
    int size = fcntl(fd, F_GETPIPE_SZ);
    if (size == -1)
        return -errno;
    *room = size;
    return count;
}

static int ask_memory(int fd, uint32_t *info, unsigned last) {
    socklen_t size = SK_MEMINFO_VARS * sizeof info[0];
    memset(info, 0, size);
    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size) == -1)
        return -errno;
    // A kernel that is older than a field leaves it out.
    return size < (last + 1) * sizeof info[0] ? -ENOPROTOOPT : 0;
}

int cposix_datagram_queue(int fd, int *room) {
    uint32_t info[SK_MEMINFO_VARS];
    int result = ask_memory(fd, info, SK_MEMINFO_RCVBUF);
    if (result)
        return result;
    *room = (int)info[SK_MEMINFO_RCVBUF];
    return (int)info[SK_MEMINFO_RMEM_ALLOC];
}

int cposix_dropped(int fd, uint32_t *count) {
    uint32_t info[SK_MEMINFO_VARS];
    int result = ask_memory(fd, info, SK_MEMINFO_DROPS);
    if (result)
        return result;
    *count = info[SK_MEMINFO_DROPS];
    return 0;
}
