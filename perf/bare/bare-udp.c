//===----------------------------------------------------------------------===//
// Quartermaster: datagrams that go back, and nothing else
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// bare-udp PORT
//
// Takes what waits in a UDP socket of 127.0.0.1 with one recvmmsg(2) and sends it back with one sendmmsg(2), until
// nothing waits or it has done so 16 times. It leaves out what the kernel has no room to send, the address that a
// datagram was sent to, and all that bare.c lists.

#include "../../Benchmarks/CPeers/loop.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { BATCHES_A_TURN = 16, BATCH = 64, DATAGRAM_SIZE = 4096 };

static char bytes[BATCH][DATAGRAM_SIZE];
static struct iovec spaces[BATCH];
static struct sockaddr_in senders[BATCH];
static struct mmsghdr messages[BATCH];

static int return_batch(int socket_number)
{
    for (int i = 0; i < BATCH; i++) {
        spaces[i].iov_len = DATAGRAM_SIZE;
        messages[i].msg_hdr.msg_namelen = sizeof senders[i];
    }
    int count = recvmmsg(socket_number, messages, BATCH, MSG_DONTWAIT, NULL);
    if (count <= 0)
        return 0;
    for (int i = 0; i < count; i++)
        spaces[i].iov_len = messages[i].msg_len;
    sendmmsg(socket_number, messages, (unsigned)count, MSG_DONTWAIT);
    return 1;
}

static void return_all(evutil_socket_t socket_number, short what, void *context)
{
    (void)what;
    (void)context;
    for (int batches = 0; batches < BATCHES_A_TURN && return_batch(socket_number); batches++) {
    }
}

int main(int count, char **arguments)
{
    if (count != 2) {
        fprintf(stderr, "usage: bare-udp PORT\n");
        return 1;
    }
    for (int i = 0; i < BATCH; i++) {
        spaces[i].iov_base = bytes[i];
        messages[i].msg_hdr.msg_name = &senders[i];
        messages[i].msg_hdr.msg_iov = &spaces[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((unsigned short)atoi(arguments[1])),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int number = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (number < 0 || bind(number, (struct sockaddr *)&address, sizeof address) < 0)
        loop_fail(arguments[1]);
    struct event_base *base = bare_base();
    loop_watch(base, number, return_all, NULL);
    event_base_dispatch(base);
    return 0;
}
