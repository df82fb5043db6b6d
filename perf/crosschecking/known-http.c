//===----------------------------------------------------------------------===//
// Quartermaster: an HTTP server whose rate is known before it is measured
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// known-http INTERVAL COUNTS tcp:ADDRESS:PORT
//
// Answers one request every INTERVAL microseconds, in the order in which they came. As long as requests wait that is
// its rate, whatever the load program costs; and N clients that ask again at once each wait N intervals, from one
// answer to the next. With 0 it answers at once and is a bare loop. It closes the connection behind an answer when the
// request wants that (`Connection: close`, or HTTP/1.0 without keep-alive), and says so. What it has seen it counts in
// the file COUNTS, four numbers of 64 bits that can be read at any time: connections, requests, answers, and reads that
// were not one whole request.

#include "../../Benchmarks/CPeers/loop.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>

enum { READ_SIZE = 4096 };

static const char kept_answer[] =
    "HTTP/1.1 200 OK\r\nServer: known-http\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nok\n";
static const char last_answer[] =
    "HTTP/1.1 200 OK\r\nServer: known-http\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";

static struct {
    uint64_t connections, requests, answers, odd;
} *counts;

/// A request that waits for its answer; the first to come is the first to go.
struct waiting {
    int connection;
    uint32_t life;
    int is_last;
    int64_t due;
};

static struct event *connections[LOOP_DESCRIPTORS];
/// How often the descriptor number has been closed: an answer is for the connection that asked.
static uint32_t lives[LOOP_DESCRIPTORS];
static struct waiting queue[LOOP_DESCRIPTORS];
static unsigned first, count;
static struct event_base *base;
static int alarm_descriptor;
static int64_t interval;
/// When the last request of the queue is answered, or was.
static int64_t last_due;

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void drop(int connection)
{
    event_del(connections[connection]);
    lives[connection]++;
    close(connection);
}

static void answer(int connection, int is_last)
{
    const char *text = is_last ? last_answer : kept_answer;
    size_t length = (is_last ? sizeof last_answer : sizeof kept_answer) - 1;
    if (send(connection, text, length, MSG_NOSIGNAL) == (ssize_t)length)
        counts->answers++;
    else
        is_last = 1;
    if (is_last)
        drop(connection);
}

static void set_alarm(void)
{
    const int64_t due = queue[first].due;
    const struct itimerspec at = {.it_value = {.tv_sec = due / 1000000000, .tv_nsec = due % 1000000000}};
    if (timerfd_settime(alarm_descriptor, TFD_TIMER_ABSTIME, &at, NULL) < 0)
        loop_fail("timerfd_settime");
}

static void answer_due(evutil_socket_t descriptor, short what, void *context)
{
    (void)what;
    (void)context;
    uint64_t expirations;
    if (read(descriptor, &expirations, sizeof expirations) < 0)
        return;
    const int64_t time = now();
    while (count > 0 && queue[first].due <= time) {
        const struct waiting *next = &queue[first];
        first = (first + 1) % LOOP_DESCRIPTORS;
        count--;
        if (lives[next->connection] == next->life)
            answer(next->connection, next->is_last);
    }
    if (count > 0)
        set_alarm();
}

static void queue_answer(int connection, int is_last)
{
    if (count == LOOP_DESCRIPTORS) {
        drop(connection);
        return;
    }
    // On schedule, not an interval after what was late: the rate is exact over any time.
    const int64_t earliest = now();
    last_due = last_due + interval > earliest ? last_due + interval : earliest;
    queue[(first + count) % LOOP_DESCRIPTORS] = (struct waiting){connection, lives[connection], is_last, last_due};
    if (count++ == 0)
        set_alarm();
}

static int wants_close(const char *request, size_t length)
{
    if (memmem(request, length, "Connection: close", 17))
        return 1;
    return memmem(request, length, "HTTP/1.0\r\n", 10) && !memmem(request, length, "Keep-Alive", 10);
}

static void read_request(evutil_socket_t connection, short what, void *context)
{
    (void)what;
    (void)context;
    char bytes[READ_SIZE];
    const ssize_t length = read(connection, bytes, sizeof bytes);
    if (length <= 0) {
        drop(connection);
        return;
    }
    // Small requests come whole, each in one read; anything else would make the counts wrong, and is seen in them.
    if (length < 4 || memcmp(bytes + length - 4, "\r\n\r\n", 4) != 0) {
        counts->odd++;
        return;
    }
    counts->requests++;
    const int is_last = wants_close(bytes, (size_t)length);
    if (interval > 0)
        queue_answer(connection, is_last);
    else
        answer(connection, is_last);
}

static void take_client(int client)
{
    counts->connections++;
    if (client >= LOOP_DESCRIPTORS) {
        close(client);
        return;
    }
    if (connections[client] == NULL)
        connections[client] = event_new(base, client, EV_READ | EV_PERSIST, read_request, NULL);
    if (connections[client] == NULL || event_add(connections[client], NULL) < 0)
        loop_fail("event_add");
}

static void accept_clients(evutil_socket_t listener, short what, void *context)
{
    (void)what;
    (void)context;
    loop_accept(listener, take_client);
}

static void share_counts(const char *path)
{
    const int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0 || ftruncate(file, sizeof *counts) < 0)
        loop_fail(path);
    counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (counts == MAP_FAILED)
        loop_fail(path);
}

int main(int argument_count, char **arguments)
{
    if (argument_count != 4) {
        fprintf(stderr, "usage: known-http INTERVAL COUNTS tcp:ADDRESS:PORT\n");
        return 1;
    }
    interval = atoll(arguments[1]) * 1000;
    share_counts(arguments[2]);
    loop_raise_descriptor_limit();
    base = bare_base();
    alarm_descriptor = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (alarm_descriptor < 0)
        loop_fail("timerfd_create");
    loop_watch(base, alarm_descriptor, answer_due, NULL);
    loop_watch(base, bare_listen(arguments[3]), accept_clients, NULL);
    event_base_dispatch(base);
    return 0;
}
