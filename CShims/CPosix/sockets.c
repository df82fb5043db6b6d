//===----------------------------------------------------------------------===//
// Quartermaster: control messages and message vectors, macros that only C can expand
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#include "internal.h"

union one_descriptor {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
};

int cposix_send_descriptor(int socket, int descriptor) {
    char byte = 0;
    struct iovec vector = {.iov_base = &byte, .iov_len = 1};
    union one_descriptor control;
    memset(&control, 0, sizeof control);
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.space};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    return sendmsg(socket, &message, MSG_NOSIGNAL) == -1 ? -errno : 0;
}

int cposix_receive_descriptor(int socket) {
    char byte;
    struct iovec vector = {.iov_base = &byte, .iov_len = 1};
    union one_descriptor control;
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.space};
    ssize_t count = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (count == -1)
        return -errno;
    if (count == 0)
        return -EPIPE;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header == NULL)
        return message.msg_flags & MSG_CTRUNC ? -EMFILE : -EBADMSG;
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
        return -EBADMSG;
    // Alignment leaves room for more than we ask for; what was not asked for must not stay open.
    int descriptors[sizeof control.space / sizeof(int)];
    size_t passed = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(descriptors, CMSG_DATA(header), passed * sizeof(int));
    if (passed == 1)
        return descriptors[0];
    for (size_t i = 0; i < passed; i++)
        close(descriptors[i]);
    return -EBADMSG;
}

size_t cposix_message_record_size(void) { return sizeof(struct mmsghdr); }

void cposix_wire_messages(void *messages, void *vectors, unsigned count) {
    struct mmsghdr *records = messages;
    struct iovec *each = vectors;
    memset(records, 0, count * sizeof *records);
    for (unsigned i = 0; i < count; i++) {
        records[i].msg_hdr.msg_iov = &each[i];
        records[i].msg_hdr.msg_iovlen = 1;
    }
}

int cposix_receive_many(int socket, void *messages, unsigned count) {
    int received = recvmmsg(socket, messages, count, MSG_DONTWAIT, NULL);
    return received == -1 ? -errno : received;
}

int cposix_send_many(int socket, void *messages, unsigned first, unsigned count) {
    int sent = sendmmsg(socket, (struct mmsghdr *)messages + first, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent == -1 ? -errno : sent;
}

union asked {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

size_t cposix_message_name_size(void) { return sizeof(struct sockaddr_storage); }
size_t cposix_message_control_size(void) { return sizeof(union asked); }

void cposix_wire_names(void *messages, void *names, void *controls, unsigned count) {
    struct mmsghdr *records = messages;
    for (unsigned i = 0; i < count; i++) {
        records[i].msg_hdr.msg_name = (struct sockaddr_storage *)names + i;
        records[i].msg_hdr.msg_control = controls ? (union asked *)controls + i : NULL;
    }
    cposix_rearm_messages(messages, count);
}

void cposix_rearm_messages(void *messages, unsigned count) {
    struct mmsghdr *records = messages;
    for (unsigned i = 0; i < count; i++) {
        records[i].msg_hdr.msg_namelen = sizeof(struct sockaddr_storage);
        records[i].msg_hdr.msg_controllen = records[i].msg_hdr.msg_control ? sizeof(union asked) : 0;
    }
}

unsigned cposix_message_name_length(const void *messages, unsigned index) {
    return ((const struct mmsghdr *)messages + index)->msg_hdr.msg_namelen;
}

static unsigned write_asked(union asked *control, int level, int type, const void *data, size_t size) {
    control->header.cmsg_level = level;
    control->header.cmsg_type = type;
    control->header.cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(&control->header), data, size);
    return (unsigned)CMSG_SPACE(size);
}

// The kernel says which address of ours is meant where a datagram was broadcast; of those that were queued before it
// was asked to it knows the destination only. The way back is the routing table's affair, so no interface is named, but
// for an address that means nothing without one.
static unsigned answer_ipv4(const struct in_pktinfo *info, union asked *control) {
    struct in_pktinfo answer = {.ipi_spec_dst = info->ipi_spec_dst.s_addr ? info->ipi_spec_dst : info->ipi_addr};
    in_addr_t address = ntohl(answer.ipi_spec_dst.s_addr);
    if (address == INADDR_ANY || address == INADDR_BROADCAST || IN_MULTICAST(address))
        return 0;
    return write_asked(control, IPPROTO_IP, IP_PKTINFO, &answer, sizeof answer);
}

static unsigned answer_ipv6(const struct in6_pktinfo *info, union asked *control) {
    struct in6_pktinfo answer = {.ipi6_addr = info->ipi6_addr};
    if (IN6_IS_ADDR_MULTICAST(&answer.ipi6_addr) || IN6_IS_ADDR_UNSPECIFIED(&answer.ipi6_addr))
        return 0;
    if (IN6_IS_ADDR_LINKLOCAL(&answer.ipi6_addr))
        answer.ipi6_ifindex = info->ipi6_ifindex;
    return write_asked(control, IPPROTO_IPV6, IPV6_PKTINFO, &answer, sizeof answer);
}

unsigned cposix_message_asked(const void *messages, unsigned index, void *control) {
    struct msghdr *message = &((struct mmsghdr *)(uintptr_t)messages + index)->msg_hdr;
    memset(control, 0, sizeof(union asked));
    for (struct cmsghdr *each = CMSG_FIRSTHDR(message); each; each = CMSG_NXTHDR(message, each)) {
        if (each->cmsg_level == IPPROTO_IP && each->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(each), sizeof info);
            return answer_ipv4(&info, control);
        }
        if (each->cmsg_level == IPPROTO_IPV6 && each->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(each), sizeof info);
            return answer_ipv6(&info, control);
        }
    }
    return 0;
}

void cposix_set_message(
    void *messages,
    unsigned index,
    void *vector,
    const void *name,
    unsigned name_length,
    const void *control,
    unsigned control_length) {
    struct msghdr *message = &((struct mmsghdr *)messages + index)->msg_hdr;
    *message = (struct msghdr){
        .msg_name = (void *)(uintptr_t)name,
        .msg_namelen = name_length,
        .msg_iov = vector,
        .msg_iovlen = 1,
        .msg_control = control_length ? (void *)(uintptr_t)control : NULL,
        .msg_controllen = control_length};
}

int cposix_tell_destinations(int fd, int is_ipv6) {
    int on = 1;
    int level = is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP;
    return CPOSIX_RESULT(setsockopt(fd, level, is_ipv6 ? IPV6_RECVPKTINFO : IP_PKTINFO, &on, sizeof on));
}

int cposix_disconnect(int fd) {
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    return CPOSIX_RESULT(connect(fd, &none, sizeof none));
}

unsigned cposix_message_length(const void *messages, unsigned index, int *truncated) {
    const struct mmsghdr *record = (const struct mmsghdr *)messages + index;
    *truncated = (record->msg_hdr.msg_flags & MSG_TRUNC) != 0;
    return record->msg_len;
}

int cposix_peer(int fd, int32_t *pid, uint32_t *uid) {
    struct ucred credentials;
    socklen_t size = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == -1)
        return -errno;
    *pid = credentials.pid;
    *uid = credentials.uid;
    return 0;
}
