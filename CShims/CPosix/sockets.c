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
