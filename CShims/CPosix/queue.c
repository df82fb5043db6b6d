//===----------------------------------------------------------------------===//
// Quartermaster: how many clients wait at a listening socket
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//
//
// Linux tells it of TCP in TCP_INFO, and of UNIX-domain sockets through sock_diag(7) only.

#include "internal.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>

int cposix_tcp_queue(int fd) {
    struct tcp_info info;
    socklen_t size = sizeof info;
    memset(&info, 0, sizeof info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == -1)
        return -errno;
    // Of a listener this is the queue of accept(2).
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
static int read_answer(int netlink) {
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
        if (each->rta_type == UNIX_DIAG_RQLEN && RTA_PAYLOAD(each) >= sizeof(struct unix_diag_rqlen))
            return (int)((struct unix_diag_rqlen *)RTA_DATA(each))->udiag_rqueue;
    return -EBADMSG;
}

int cposix_unix_queue(int fd) {
    struct stat facts;
    if (fstat(fd, &facts) == -1)
        return -errno;
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (netlink == -1)
        return -errno;
    int result = ask(netlink, (uint32_t)facts.st_ino);
    if (result == 0)
        result = read_answer(netlink);
    close(netlink);
    return result;
}
