//===----------------------------------------------------------------------===//
// Quartermaster: the reads and writes of anvil, and what anvil is for, in plain C
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// bare-duties [--duties LIST] unix:PATH | tcp:ADDRESS:PORT ...
//
// bare-anvil with anvil's duties, so that each can be priced. LIST has those that are done, in this order; the default
// is all of them. A duty needs those before it.
//
//   parse     find the requests in what was read, several in one read too, and refuse what is none
//   table     look the client up by its name, count connections and their rate, forget clients after a unit of time
//   reply     write the figures into the reply
//   state     remember what a connection has counted, to give it back, and the part of a request that came early
//   status    TAKEN before the first request of a turn and AVAIL after the last, read by a process above this one
//   limits    count clients and idle time against limits, a watchdog, and keep-alive on TCP
//
// It leaves out: the other requests of anvil and its report of peaks, waiting for a client that does not read (it is
// dropped), requests before new clients within a turn, a bound on the requests of a turn, log, configuration,
// privileges, and everything that master(8) does but reading the reports.

#include "../../Benchmarks/CPeers/loop.h"
#include "duties.h"

#include <signal.h>
#include <sys/time.h>
#include <time.h>

enum { PARSE = 1, TABLE = 2, REPLY = 4, STATE = 8, STATUS = 16, LIMITS = 32, ALL = 63 };
enum { READ_SIZE = 16384, REQUEST_SIZE = 4096, REPLY_SIZE = 256 };
enum { TIME_UNIT = 60, IDLE_SECONDS = 3600, STUCK_SECONDS = 1000, USE_LIMIT = 2000000000 };

static const char *const duty_names[] = {"parse", "table", "reply", "state", "status", "limits"};
static const char greeting[] = "protocol=anvil_protocol\n\n";
static const char fixed_reply[] = "status=0\ncount=1\nrate=1\n\n";

struct connection {
    struct event *reading; // stays for the next client with this descriptor
    uint32_t record;
    uint32_t kept_length;
    char *kept;
};

static struct connection connections[LOOP_DESCRIPTORS];
static struct event_base *base;
static int duties = ALL;
static char input[REQUEST_SIZE + READ_SIZE];
static char replies[READ_SIZE];
static size_t replies_length;

// Of the turn.
static bool has_time, is_taken;
static int64_t now;

// Of the limits.
static volatile sig_atomic_t turns, turns_seen;
static unsigned clients, uses;
static int64_t idle_since;
static bool is_over;

static void begin_turn(void)
{
    if (has_time)
        return;
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    now = time.tv_sec;
    has_time = true;
}

static void end_turn(void)
{
    if (is_taken && !status_report(true))
        is_over = true;
    is_taken = false;
    if (has_time && (duties & TABLE))
        table_expire(now);
    has_time = false;
    turns++;
}

static void look_for_stuck(int number)
{
    (void)number;
    if (turns == turns_seen)
        _exit(1);
    turns_seen = turns;
}

static void look_at_idle_time(evutil_socket_t none, short what, void *context)
{
    (void)none;
    (void)what;
    (void)context;
    begin_turn();
    if (clients == 0 && now - idle_since >= IDLE_SECONDS)
        is_over = true;
}

static void drop(int number)
{
    struct connection *connection = &connections[number];
    if (connection->record != NO_RECORD)
        table_disconnect(connection->record, now);
    free(connection->kept);
    connection->kept = NULL;
    connection->record = NO_RECORD;
    event_del(connection->reading);
    close(number);
    uses++;
    if (--clients == 0)
        idle_since = now;
    if ((duties & LIMITS) && uses >= USE_LIMIT && clients == 0)
        is_over = true;
}

static void append(const char *text, size_t length)
{
    memcpy(replies + replies_length, text, length);
    replies_length += length;
}

static void append_number(uint32_t number)
{
    char digits[10];
    size_t start = sizeof digits;
    do {
        digits[--start] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    append(digits + start, sizeof digits - start);
}

static struct figures count_connection(struct connection *connection, struct ident ident)
{
    struct figures figures;
    uint32_t record = table_connect(ident, now, &figures);
    if (!(duties & STATE))
        return figures;
    // A connection holds one client at a time: counting another gives the earlier one back.
    if (connection->record != NO_RECORD) {
        table_disconnect(connection->record, now);
        figures.count -= connection->record == record;
    }
    connection->record = record;
    return figures;
}

static void answer(struct connection *connection, const struct request *request)
{
    struct figures figures = {1, 1};
    if (request->kind == REQUEST_DISCONNECT) {
        if (connection->record != NO_RECORD && table_find(request->ident) == connection->record) {
            table_disconnect(connection->record, now);
            connection->record = NO_RECORD;
        }
        append("status=0\n\n", 10);
        return;
    }
    if (request->kind == REQUEST_UNKNOWN) {
        append("status=4294967295\n\n", 19);
        return;
    }
    if (duties & TABLE)
        figures = count_connection(connection, request->ident);
    if (!(duties & REPLY)) {
        append(fixed_reply, sizeof fixed_reply - 1);
        return;
    }
    append("status=0\ncount=", 15);
    append_number(figures.count);
    append("\nrate=", 6);
    append_number(figures.rate);
    append("\n\n", 2);
}

/// Answers all whole requests; returns how many bytes are dealt with, -1 when the client is to leave.
static ssize_t answer_all(struct connection *connection, size_t length)
{
    size_t done = 0;
    while (done < length && replies_length + REPLY_SIZE <= sizeof replies) {
        struct request request;
        switch (request_parse(input + done, length - done, &request)) {
        case REQUEST_INCOMPLETE:
            return length - done < REQUEST_SIZE ? (ssize_t)done : -1;
        case REQUEST_MALFORMED:
            return -1;
        case REQUEST_WHOLE:
            answer(connection, &request);
            done += request.size;
        }
    }
    return done == length ? (ssize_t)done : -1;
}

/// False: there is no memory for what is left.
static bool keep(struct connection *connection, size_t from, size_t length)
{
    connection->kept_length = (uint32_t)(length - from);
    if (from == length)
        return true;
    connection->kept = malloc(length - from);
    if (connection->kept != NULL)
        memcpy(connection->kept, input + from, length - from);
    return connection->kept != NULL;
}

static size_t take_kept(struct connection *connection)
{
    if (connection->kept == NULL)
        return 0;
    memcpy(input, connection->kept, connection->kept_length);
    free(connection->kept);
    connection->kept = NULL;
    return connection->kept_length;
}

static void work(evutil_socket_t number, short what, void *context)
{
    (void)what;
    struct connection *connection = context;
    begin_turn();
    size_t length = take_kept(connection);
    ssize_t size = read(number, input + length, READ_SIZE);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        if (!keep(connection, 0, length))
            drop(number);
        return;
    }
    if (size <= 0) {
        drop(number);
        return;
    }
    if ((duties & STATUS) && !is_taken) {
        status_report(false);
        is_taken = true;
    }
    length += (size_t)size;
    replies_length = 0;
    ssize_t done = (ssize_t)length;
    if (duties & PARSE)
        done = answer_all(connection, length);
    else
        append(fixed_reply, sizeof fixed_reply - 1);
    if (replies_length > 0 && write(number, replies, replies_length) != (ssize_t)replies_length)
        done = -1;
    bool stays = done == (ssize_t)length || (done >= 0 && (duties & STATE));
    if (!stays || !keep(connection, (size_t)done, length))
        drop(number);
}

static void take_client(int number)
{
    if (number >= LOOP_DESCRIPTORS || write(number, greeting, sizeof greeting - 1) != (ssize_t)sizeof greeting - 1) {
        close(number);
        return;
    }
    struct connection *connection = &connections[number];
    if (connection->reading == NULL)
        connection->reading = event_new(base, number, EV_READ | EV_PERSIST, work, connection);
    if (connection->reading == NULL || event_add(connection->reading, NULL) < 0)
        loop_fail("event_add");
    connection->record = NO_RECORD;
    clients++;
}

static void accept_clients(evutil_socket_t listener, short what, void *context)
{
    (void)what;
    (void)context;
    loop_accept(listener, take_client);
}

static void start_limits(void)
{
    begin_turn();
    idle_since = now;
    struct event *timer = event_new(base, -1, EV_PERSIST, look_at_idle_time, NULL);
    const struct timeval idle = {.tv_sec = IDLE_SECONDS};
    if (timer == NULL || event_add(timer, &idle) < 0)
        loop_fail("event_add");
    signal(SIGALRM, look_for_stuck);
    // Far longer than the idle limit's timer lets the loop wait, so that an idle process is not taken for a stuck one.
    const struct itimerval period = {{4 * IDLE_SECONDS + STUCK_SECONDS, 0}, {4 * IDLE_SECONDS + STUCK_SECONDS, 0}};
    setitimer(ITIMER_REAL, &period, NULL);
}

static void leave(evutil_socket_t channel, short what, void *context)
{
    (void)channel;
    (void)what;
    (void)context;
    is_over = true;
}

static void listen_at(const char *where)
{
    int listener = bare_listen(where);
    const int on = 1;
    // Accepted sockets inherit it.
    if ((duties & LIMITS) && strncmp(where, "tcp:", 4) == 0
        && setsockopt(listener, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) < 0)
        loop_fail("setsockopt");
    loop_watch(base, listener, accept_clients, NULL);
}

/// 0 for a list that is none: duties are given in their order, and none before the last is left out.
static int duties_named(const char *list)
{
    int found = 0;
    char words[128];
    if (strlen(list) >= sizeof words)
        return 0;
    strcpy(words, list);
    int next = 0;
    for (char *word = strtok(words, ","); word != NULL; word = strtok(NULL, ",")) {
        if (next == (int)(sizeof duty_names / sizeof *duty_names) || strcmp(word, duty_names[next]) != 0)
            return 0;
        found |= 1 << next++;
    }
    return found;
}

int main(int count, char **arguments)
{
    int first = 1;
    if (count > 2 && strcmp(arguments[1], "--duties") == 0) {
        duties = duties_named(arguments[2]);
        first = 3;
    }
    if (first >= count || duties == 0) {
        fprintf(stderr, "usage: bare-duties [--duties parse,table,reply,state,status,limits] "
                        "unix:PATH | tcp:ADDRESS:PORT ...\n");
        return 1;
    }
    int channel = duties & STATUS ? status_start() : -1;
    base = bare_base();
    if (channel >= 0)
        // Readable, it is at its end: its reader does not write.
        loop_watch(base, channel, leave, NULL);
    loop_raise_descriptor_limit();
    table_start(TIME_UNIT);
    for (int i = first; i < count; i++)
        listen_at(arguments[i]);
    if (duties & LIMITS)
        start_limits();
    while (!is_over && !event_base_got_break(base) && event_base_loop(base, EVLOOP_ONCE) == 0)
        end_turn();
    return 0;
}
