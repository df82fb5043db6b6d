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

// The last lines of this process, made while all was well.
struct last_line {
    char text[512];
    size_t size;
};
static struct last_line when_stuck, when_crashed;
static int last_words_descriptor = -1;
static char last_words_path[512];

static void keep(struct last_line *line, const char *text, size_t size) {
    line->size = size < sizeof line->text ? size : sizeof line->text;
    memcpy(line->text, text, line->size);
}

void cposix_words_when_stuck(const char *text, size_t size) { keep(&when_stuck, text, size); }
void cposix_words_when_crashed(const char *text, size_t size) { keep(&when_crashed, text, size); }

void cposix_last_words_go_to(int log_fd, const char *path, size_t size) {
    size_t length = size < sizeof last_words_path ? size : 0;
    last_words_descriptor = log_fd;
    memcpy(last_words_path, path, length);
    last_words_path[length] = '\0';
}

// A plain file under its own name, or nothing: no link and no second name is followed in a handler.
static int open_log(void) {
    struct stat facts;
    if (last_words_path[0] == '\0')
        return -1;
    int file = open(last_words_path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (file == -1 || (fstat(file, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_nlink == 1))
        return file;
    close(file);
    return -1;
}

static void say(const struct last_line *line) {
    char text[sizeof line->text + 1];
    int log = open_log();
    if (log == -1)
        log = last_words_descriptor;
    if (log == -1 || line->size == 0)
        return;
    memcpy(text, line->text, line->size);
    text[line->size] = '\n';
    // We may be stuck in a pipe without a reader: then the words are lost, but the exit status is right.
    struct pollfd room = {.fd = log, .events = POLLOUT};
    if (send(log, text, line->size, MSG_DONTWAIT | MSG_NOSIGNAL) == -1 && errno == ENOTSOCK
        && poll(&room, 1, 0) == 1) {
        ssize_t ignored = write(log, text, line->size + 1);
        (void)ignored;
    }
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
    say(&when_stuck);
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

static int crash_takes_group;

// Every signal that is caught here has one or two digits.
static void say_signal(int signal) {
    struct last_line line = when_crashed;
    if (line.size == 0 || line.size > sizeof line.text - 2)
        return;
    if (signal >= 10)
        line.text[line.size++] = (char)('0' + signal / 10);
    line.text[line.size++] = (char)('0' + signal % 10);
    say(&line);
}

static void on_crash(int signal) {
    cposix_self_destruct(5);
    // Before the process that takes our log lines is told to end.
    say_signal(signal);
    if (crash_takes_group) {
        cposix_ignore_signal(SIGTERM);
        kill(getpid() == 1 ? -1 : -getpid(), SIGTERM);
    }
    cposix_default_signal(signal);
    raise(signal);
}

static void on_bus_error(int signal, siginfo_t *info, void *context) {
    (void)context;
    // Told by the kernel, not sent by a process: only then there is an address.
    if (info->si_code > 0 && cposix_replace_mapping(info->si_addr))
        return;
    on_crash(signal);
}

int cposix_catch_bus_errors(void) {
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_NODEFER | SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    return CPOSIX_RESULT(sigaction(SIGBUS, &action, NULL));
}

int cposix_catch_crashes(int whole_group) {
    static const int crashes[] = {SIGILL, SIGSEGV};
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_NODEFER};
    sigemptyset(&action.sa_mask);
    crash_takes_group = whole_group;
    int result = cposix_catch_bus_errors();
    if (result < 0)
        return result;
    for (unsigned i = 0; i < sizeof crashes / sizeof *crashes; i++)
        if (sigaction(crashes[i], &action, NULL) == -1)
            return -errno;
    return 0;
}
