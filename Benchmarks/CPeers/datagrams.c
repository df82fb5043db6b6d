//===----------------------------------------------------------------------===//
// Quartermaster: batches of datagrams on plain libc
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#include "internal.h"
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BATCH = 12 };

// Buffers and vectors are wired once. The shorter operation receives a batch and looks at each datagram; the longer
// one writes it out, a line each, from the memory it was received in.

struct datagrams {
    int pair[2], sink;
    int64_t count;
    struct mmsghdr records[BATCH];
    struct iovec vectors[BATCH], lines[BATCH];
    char buffers[BATCH][CPEERS_DATAGRAM_ROOM + 16];
};

static void *make_datagrams(const void *input, int64_t count) {
    struct datagrams *datagrams = cpeers_zeroed(1, sizeof *datagrams);
    (void)input;
    cpeers_datagram_pair(datagrams->pair);
    datagrams->sink = cpeers_open_sink();
    datagrams->count = count;
    for (int i = 0; i < BATCH; i++) {
        datagrams->vectors[i] = (struct iovec){datagrams->buffers[i], CPEERS_DATAGRAM_ROOM};
        datagrams->records[i].msg_hdr.msg_iov = &datagrams->vectors[i];
        datagrams->records[i].msg_hdr.msg_iovlen = 1;
    }
    return datagrams;
}

static void prepare_datagrams(void *state) {
    struct datagrams *datagrams = state;
    cpeers_send_datagrams(datagrams->pair[1], datagrams->count);
}

static int receive(struct datagrams *datagrams) {
    int received = recvmmsg(datagrams->pair[0], datagrams->records, BATCH, MSG_DONTWAIT, NULL);
    if (received == -1)
        loop_fail("recvmmsg");
    return received;
}

static int64_t look_at_datagrams(void *state, int64_t times) {
    struct datagrams *datagrams = state;
    int64_t sum = 0;
    for (int64_t i = 0; i < times; i++) {
        int received = receive(datagrams);
        for (int each = 0; each < received; each++)
            sum += datagrams->records[each].msg_len + (unsigned char)datagrams->buffers[each][0];
    }
    return sum;
}

static int64_t write_datagrams(void *state, int64_t times) {
    struct datagrams *datagrams = state;
    int64_t sum = 0;
    for (int64_t i = 0; i < times; i++) {
        int received = receive(datagrams);
        for (int each = 0; each < received; each++) {
            unsigned length = datagrams->records[each].msg_len;
            datagrams->buffers[each][length] = '\n';
            datagrams->lines[each] = (struct iovec){datagrams->buffers[each], length + 1};
        }
        ssize_t written = writev(datagrams->sink, datagrams->lines, received);
        if (written == -1)
            loop_fail("writev");
        sum += received;
    }
    return sum;
}

static void destroy_datagrams(void *state) {
    struct datagrams *datagrams = state;
    cpeers_close(datagrams->pair[0]);
    cpeers_close(datagrams->pair[1]);
    cpeers_close(datagrams->sink);
    free(datagrams);
}

const struct cpeers_kind cpeers_datagrams = {make_datagrams, prepare_datagrams, look_at_datagrams, destroy_datagrams};
const struct cpeers_kind cpeers_datagram_lines = {
    make_datagrams, prepare_datagrams, write_datagrams, destroy_datagrams};
