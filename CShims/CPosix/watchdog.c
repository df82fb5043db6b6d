//===----------------------------------------------------------------------===//
// Quartermaster: the last resorts, which must work when the event loop does not
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//
//
// These handlers run in signal context, so they are C and use async-signal-safe calls only. Their
// state is static because a handler has no other memory: one watchdog a process, as alarm(2) has it.
// The loop pays no system call a turn: it bumps a counter, and the handler looks whether it moved.

#include "internal.h"
#include <sys/time.h>

volatile unsigned cposix_watchdog_turns;
volatile int cposix_watchdog_waiting;

static unsigned turns_seen;
static int strikes;
static int last_words_descriptor = -1;
static char last_words[512];
static size_t last_words_size;

void cposix_watchdog_last_words(int log_fd, const char *message, size_t size) {
    last_words_size = size < sizeof last_words ? size : sizeof last_words;
    memcpy(last_words, message, last_words_size);
    last_words_descriptor = log_fd;
}

static void quit_now(int signal) {
    (void)signal;
    _exit(1);
}

void cposix_self_destruct(unsigned seconds) {
    struct itimerval in = {.it_value.tv_sec = seconds};
    struct sigaction quit = {.sa_handler = quit_now};
    sigset_t alarm_only;
    // The kernel protects process 1 from signals that it does not handle itself.
    sigemptyset(&quit.sa_mask);
    if (getpid() == 1)
        sigaction(SIGALRM, &quit, NULL);
    else
        cposix_default_signal(SIGALRM);
    setitimer(ITIMER_REAL, &in, NULL);
    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &alarm_only, NULL);
}

static void watchdog_bites(void) {
    cposix_self_destruct(5);
    if (last_words_descriptor >= 0 && send(last_words_descriptor, last_words, last_words_size, MSG_DONTWAIT) == -1
        && errno == ENOTSOCK) {
        ssize_t ignored = write(last_words_descriptor, last_words, last_words_size);
        ignored = write(last_words_descriptor, "\n", 1);
        (void)ignored;
    }
    _exit(1);
}

static void on_alarm(int signal) {
    (void)signal;
    int saved = errno;
    unsigned turns = cposix_watchdog_turns;
    if (cposix_watchdog_waiting || turns != turns_seen)
        strikes = 0;
    else if (++strikes >= 3)
        watchdog_bites();
    turns_seen = turns;
    errno = saved;
}

int cposix_watchdog_start(unsigned seconds) {
    unsigned period = seconds / 3;
    if (period == 0)
        return -EINVAL;
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    struct itimerval every = {.it_value.tv_sec = period, .it_interval.tv_sec = period};
    sigemptyset(&action.sa_mask);
    strikes = 0;
    turns_seen = cposix_watchdog_turns;
    if (sigaction(SIGALRM, &action, NULL) == -1)
        return -errno;
    return CPOSIX_RESULT(setitimer(ITIMER_REAL, &every, NULL));
}

void cposix_watchdog_stop(void) {
    struct itimerval never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &never, NULL);
}

static int crash_takes_group;

static void on_crash(int signal) {
    cposix_self_destruct(5);
    if (crash_takes_group) {
        cposix_ignore_signal(SIGTERM);
        kill(getpid() == 1 ? -1 : -getpid(), SIGTERM);
    }
    cposix_default_signal(signal);
    raise(signal);
}

int cposix_catch_crashes(int whole_group) {
    static const int crashes[] = {SIGILL, SIGBUS, SIGSEGV};
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_NODEFER};
    sigemptyset(&action.sa_mask);
    crash_takes_group = whole_group;
    for (unsigned i = 0; i < sizeof crashes / sizeof *crashes; i++)
        if (sigaction(crashes[i], &action, NULL) == -1)
            return -errno;
    return 0;
}
