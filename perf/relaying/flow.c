//===----------------------------------------------------------------------===//
// Quartermaster: both ends of a forwarder: clients before it, a server behind it, and a ledger of every byte
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// usage: flow TARGET-PORT SERVER-PORT MODE CONNECTIONS SECONDS [SIZE [SLOW]]
//
// Listens on SERVER-PORT of 127.0.0.1, connects to TARGET-PORT, where a forwarder leads from one to the other (or to
// SERVER-PORT itself), and prints one line of JSON. MODE:
//
//   up, down, both  bulk: clients send, the server sends, or both, in writes of SIZE bytes, for SECONDS; then each
//                   sender half-closes, and what is on its way is waited for.
//   pingpong        each client sends SIZE bytes and gets them back, again and again.
//   storm           as pingpong, with a new connection for each exchange, closed by both sides.
//   slow            as down, but SLOW of the clients read nothing while the server sends to them as fast as it can.
//                   After SECONDS it prints a line "held" and waits for one on standard input; then all is read.
//
// A connection begins with its number in eight bytes, so that both ends know which is which. What follows is a pattern
// that depends on connection, direction and place: every byte is compared as it comes. The ledger: bytes sent and
// received of each direction, and the sum of them, added up by the sender as they are written and by the receiver as
// they are read. Exit status 1: something was lost, changed, or took a minute longer than SECONDS.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PATTERN = 1 << 20, MOST_AT_ONCE = 1 << 18, EVENTS = 512, HELLO = 8 };
enum mode { UP, DOWN, BOTH, PINGPONG, STORM, SLOW };

struct end {
    struct end *next, *previous;
    int fd;
    uint32_t number;
    bool is_client, is_known, is_slow, ended, finished, wants_room, is_watched;
    uint64_t sent, received;
    int64_t began;
};

struct sums {
    uint64_t bytes, sum;
};

static unsigned char pattern[PATTERN + MOST_AT_ONCE];
static struct sums sent[2], received[2]; // by direction: 0 from clients, 1 from the server
static uint64_t exchanges, connections_done, mismatches, failures;
static enum mode mode;
static size_t size = 65536;
static int poller, open_ends, target_port;
static bool is_over;
static struct end *ends;
static uint32_t next_number;
static uint32_t latencies[1 << 22];
static size_t latency_count;

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void die(const char *what) {
    fprintf(stderr, "flow: %s: %s\n", what, strerror(errno));
    exit(1);
}

/// Where in the pattern byte `place` of a direction of a connection is.
static size_t start(const struct end *end, bool from_client, uint64_t place) {
    return (size_t)((place + end->number * 7919u + (from_client ? 0 : 4099u)) % PATTERN);
}

/// A sum that does not depend on how the bytes were cut into pieces.
static uint64_t sum(const unsigned char *bytes, size_t count) {
    uint64_t total = 0;
    for (size_t index = 0; index < count; index++) total += bytes[index];
    return total;
}

static void watch(struct end *end) {
    uint32_t wanted = 0;
    if (!end->ended && !(end->is_slow && !is_over)) wanted |= EPOLLIN;
    if (end->wants_room) wanted |= EPOLLOUT;
    struct epoll_event event = {.events = wanted, .data.ptr = end};
    if (epoll_ctl(poller, end->is_watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, end->fd, &event) < 0) die("epoll_ctl");
    end->is_watched = true;
}

/// Thousands of ends that wait would fill the kernel's memory for TCP, and it resets connections then.
static void limit_buffers(int fd) {
    int bytes = 65536;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

static struct end *add(int fd) {
    struct end *end = calloc(1, sizeof *end);
    if (!end) die("calloc");
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (mode == SLOW) limit_buffers(fd);
    end->fd = fd;
    end->next = ends;
    if (ends) ends->previous = end;
    ends = end;
    open_ends++;
    return end;
}

static void connect_one(bool is_slow) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)target_port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS) die("connect");
    struct end *end = add(fd);
    end->is_client = end->is_known = end->wants_room = true;
    end->is_slow = is_slow;
    end->number = next_number++;
    end->began = now();
    watch(end);
}

/// What an end has sent may be on its way still: it is closed when all is over, so that the kernel never has a reason
/// to give up on it. Ends of short connections have nothing on its way.
static void forget(struct end *end) {
    open_ends--;
    if (mode != STORM) {
        epoll_ctl(poller, EPOLL_CTL_DEL, end->fd, NULL);
    } else {
        close(end->fd);
    }
    if (end->next) end->next->previous = end->previous;
    if (end->previous) end->previous->next = end->next;
    if (ends == end) ends = end->next;
    if (end->is_client) {
        connections_done++;
        if (mode == STORM && !is_over) connect_one(false);
    }
    free(end);
}

static void fail(struct end *end, const char *what) {
    fprintf(stderr, "flow: %s of connection %u: %s: %s\n", end->is_client ? "client" : "server", end->number, what,
            strerror(errno));
    failures++;
    // No new one, or a forwarder that is down would be called for ever.
    if (mode == STORM) is_over = true;
    forget(end);
}

static bool sends(const struct end *end) {
    return end->is_client ? mode == UP || mode == BOTH : mode == DOWN || mode == BOTH || mode == SLOW;
}

static void finish(struct end *end) {
    if (end->finished) return;
    end->finished = true;
    if (shutdown(end->fd, SHUT_WR) < 0 && errno != ENOTCONN) die("shutdown");
}

/// How many bytes of its direction an end may have sent by now.
static uint64_t allowed(const struct end *end) {
    if (mode != PINGPONG && mode != STORM) return is_over || !sends(end) ? 0 : UINT64_MAX;
    if (!end->is_client) return end->received;
    // One message; the next when the former has come back, and none that is not to be waited for.
    if (mode == STORM) return size;
    return is_over ? (end->sent - HELLO + size - 1) / size * size : end->received + size;
}

/// Returns false when the end is gone.
static bool push(struct end *end) {
    if (end->is_client && end->sent < HELLO) {
        uint64_t number = end->number;
        ssize_t count = send(end->fd, &number, HELLO, MSG_NOSIGNAL);
        if (count < 0 && errno == EAGAIN) return true;
        if (count != HELLO) return fail(end, "connect"), false;
        end->sent = HELLO;
    }
    uint64_t base = end->is_client ? HELLO : 0;
    bool wants_room = false;
    for (int turns = 0; end->is_known && !end->finished && turns < 4; turns++) {
        uint64_t place = end->sent - base, most = allowed(end);
        if (place >= most) break;
        size_t length = most - place < size ? (size_t)(most - place) : size;
        const unsigned char *bytes = pattern + start(end, end->is_client, place);
        ssize_t count = send(end->fd, bytes, length, MSG_NOSIGNAL);
        if (count < 0 && errno == EAGAIN) {
            wants_room = true;
            break;
        }
        if (count < 0) return fail(end, "send"), false;
        end->sent += (uint64_t)count;
        sent[!end->is_client].bytes += (uint64_t)count;
        sent[!end->is_client].sum += sum(bytes, (size_t)count);
        wants_room = mode != PINGPONG && mode != STORM;
    }
    bool bulk = mode != PINGPONG && mode != STORM;
    if (end->is_known && ((bulk && (is_over || !sends(end))) || (!bulk && !end->is_client && end->ended))) finish(end);
    if (end->is_client && mode == PINGPONG && is_over && end->received == end->sent - base) finish(end);
    if (end->is_client && mode == STORM && end->received == size) finish(end);
    if (wants_room != end->wants_room) {
        end->wants_room = wants_room;
        watch(end);
    }
    if (end->ended && end->finished) return forget(end), false;
    return true;
}

static unsigned char buffer[MOST_AT_ONCE];

/// Returns false when the end is gone.
static bool pull(struct end *end) {
    for (int turns = 0; turns < 4; turns++) {
        if (!end->is_known) {
            uint64_t number;
            ssize_t count = recv(end->fd, &number, HELLO, MSG_PEEK);
            if (count < 0 && errno == EAGAIN) return true;
            if (count == 0) {
                // A forwarder that was turned away, or a probe of its own.
                end->ended = end->finished = true;
                return forget(end), false;
            }
            if (count < 0) return fail(end, "receive"), false;
            if (count < HELLO) return true;
            if (recv(end->fd, &number, HELLO, 0) != HELLO) return fail(end, "receive"), false;
            end->number = (uint32_t)number;
            end->is_known = true;
        }
        ssize_t count = recv(end->fd, buffer, size < sizeof buffer ? size : sizeof buffer, 0);
        if (count < 0 && errno == EAGAIN) break;
        if (count < 0) return fail(end, "receive"), false;
        if (count == 0) {
            end->ended = true;
            if (end->is_client && (mode == PINGPONG || mode == STORM) && !end->finished) {
                errno = 0;
                return fail(end, "end of file in the middle of an exchange"), false;
            }
            watch(end);
            break;
        }
        const unsigned char *wanted = pattern + start(end, !end->is_client, end->received);
        if (memcmp(buffer, wanted, (size_t)count) != 0) mismatches++;
        received[end->is_client].bytes += (uint64_t)count;
        received[end->is_client].sum += sum(buffer, (size_t)count);
        end->received += (uint64_t)count;
        if (end->is_client && (mode == PINGPONG || mode == STORM) && end->received % size == 0) {
            exchanges++;
            int64_t time = now();
            if (latency_count < sizeof latencies / sizeof *latencies) {
                latencies[latency_count++] = (uint32_t)((time - end->began) / 1000);
            }
            end->began = time;
            break;
        }
    }
    return push(end);
}

static int listen_on(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 4096) < 0) die("listen");
    return fd;
}

static void accept_all(int listener) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        watch(add(fd));
    }
}

static int by_size(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

static uint32_t percentile(double part) {
    return latency_count ? latencies[(size_t)(part * (double)(latency_count - 1))] : 0;
}

static enum mode mode_named(const char *name) {
    const char *names[] = {"up", "down", "both", "pingpong", "storm", "slow"};
    for (int index = 0; index < 6; index++) {
        if (strcmp(name, names[index]) == 0) return (enum mode)index;
    }
    fprintf(stderr, "flow: unknown mode %s\n", name);
    exit(2);
}

/// One look at everybody; at most a tenth of a second.
static void turn(int listener) {
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(poller, events, EVENTS, 100);
    for (int index = 0; index < ready; index++) {
        struct end *end = events[index].data.ptr;
        if (!end) {
            accept_all(listener);
            continue;
        }
        bool lives = true;
        bool reads = !end->ended && !(end->is_slow && !is_over);
        if (reads && events[index].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) lives = pull(end);
        if (lives && events[index].events & EPOLLOUT) push(end);
    }
}

/// The load is over: everybody is asked to look, and to half-close.
static void finish_all(void) {
    is_over = true;
    for (struct end *end = ends, *next; end; end = next) {
        next = end->next;
        watch(end);
        push(end);
    }
}

static void hold(void) {
    char line[8];
    printf("held\n");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin)) exit(1);
}

static int report(double seconds, uint64_t bytes) {
    qsort(latencies, latency_count, sizeof *latencies, by_size);
    bool is_whole = sent[0].bytes == received[0].bytes && sent[1].bytes == received[1].bytes
        && sent[0].sum == received[0].sum && sent[1].sum == received[1].sum;
    printf("{\"seconds\": %.3f, \"bytes\": %llu, \"exchanges\": %llu, \"connections\": %llu, \"p50_us\": %u,"
           " \"p99_us\": %u, \"sent\": [%llu, %llu], \"received\": [%llu, %llu], \"sums_sent\": [%llu, %llu],"
           " \"sums_received\": [%llu, %llu], \"changed\": %llu, \"failures\": %llu, \"unfinished\": %d}\n",
           seconds, (unsigned long long)bytes, (unsigned long long)exchanges, (unsigned long long)connections_done,
           percentile(0.5), percentile(0.99), (unsigned long long)sent[0].bytes, (unsigned long long)sent[1].bytes,
           (unsigned long long)received[0].bytes, (unsigned long long)received[1].bytes,
           (unsigned long long)sent[0].sum, (unsigned long long)sent[1].sum, (unsigned long long)received[0].sum,
           (unsigned long long)received[1].sum, (unsigned long long)mismatches, (unsigned long long)failures,
           open_ends);
    return is_whole && mismatches == 0 && failures == 0 && open_ends == 0 ? 0 : 1;
}

static void make_pattern(void) {
    uint64_t state = 88172645463325252u;
    for (size_t index = 0; index < sizeof pattern; index++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        pattern[index] = index < PATTERN ? (unsigned char)state : pattern[index - PATTERN];
    }
}

int main(int argc, char **argv) {
    if (argc < 6) {
        fprintf(stderr, "usage: flow TARGET-PORT SERVER-PORT MODE CONNECTIONS SECONDS [SIZE [SLOW]]\n");
        return 2;
    }
    target_port = atoi(argv[1]);
    mode = mode_named(argv[3]);
    int count = atoi(argv[4]), slow = argc > 7 ? atoi(argv[7]) : 0, begun = 0;
    double seconds = atof(argv[5]);
    if (argc > 6) size = (size_t)atol(argv[6]);
    if (size < 1 || size > MOST_AT_ONCE || count < 1 || seconds <= 0) {
        fprintf(stderr, "flow: a number is out of range\n");
        return 2;
    }
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    make_pattern();
    poller = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_on(atoi(argv[2]));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event) < 0) die("epoll_ctl");

    // Connections come a few at a time, so that no queue overflows; the time counts from when all are there.
    while (begun < count && !is_over) {
        for (int step = 0; step < 64 && begun < count; step++, begun++) connect_one(begun < slow);
        turn(listener);
    }
    uint64_t before = received[0].bytes + received[1].bytes;
    uint64_t exchanges_before = exchanges, done_before = connections_done;
    latency_count = 0;
    int64_t began = now(), end_of_load = began + (int64_t)(seconds * 1e9);
    while (now() < end_of_load && open_ends > 0) turn(listener);
    double took = (double)(now() - began) / 1e9;
    uint64_t bytes = received[0].bytes + received[1].bytes - before;
    exchanges -= exchanges_before;
    connections_done -= done_before;
    if (mode == SLOW) hold();
    uint64_t exchanges_in_time = exchanges, done_in_time = connections_done;
    size_t latencies_in_time = latency_count;
    finish_all();
    int64_t patience = now() + 60000000000;
    while (open_ends > 0 && now() < patience) turn(listener);
    exchanges = exchanges_in_time;
    connections_done = done_in_time;
    latency_count = latencies_in_time;
    return report(took, bytes);
}
