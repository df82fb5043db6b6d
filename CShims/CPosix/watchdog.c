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

// MARK: what others have said about the crash

// Text that the runtime of a language, or a library, writes before it aborts goes to standard error. Where nobody looks
// at that, it is a file in memory instead, which is read when the process crashes.
enum { ERRORS_SIZE = 256 * 1024, ERRORS_SHOWN = 2000, ERROR_LINES = 4 };

int cposix_errors_for_children = -1;
static struct last_line before_errors;

void cposix_words_before_errors(const char *text, size_t size) { keep(&before_errors, text, size); }

// One line of the text, behind the beginning of a log line. Bytes that would steer a terminal are replaced.
static void say_error(const char *text, size_t size) {
    struct last_line line = before_errors;
    for (size_t i = 0; i < size && line.size < sizeof line.text; i++) {
        unsigned char byte = (unsigned char)text[i];
        line.text[line.size++] = byte < ' ' || byte == 0x7f ? '?' : (char)byte;
    }
    say(&line);
}

static size_t line_end(const char *text, size_t start, size_t size) {
    while (start < size && text[start] != '\n')
        start++;
    return start;
}

static int begins_with(const char *text, size_t left, const char *words) {
    while (*words && left > 0 && *text == *words)
        words++, text++, left--;
    return *words == '\0';
}

// Where the line begins that tells of the crash: the last one that Swift marks so, or else the last one.
static size_t first_error(const char *text, size_t size) {
    size_t begin = 0, last = 0, marked = size;
    for (size_t i = 0; i < size; i++) {
        if (begin == i && text[i] != '\n')
            last = begin;
        if (begins_with(text + i, size - i, "Fatal error"))
            marked = begin;
        if (text[i] == '\n')
            begin = i + 1;
    }
    return marked < size ? marked : last;
}

static void say_errors(void) {
    char text[ERRORS_SHOWN];
    off_t end = cposix_errors_for_children == -1 ? 0 : lseek(STDERR_FILENO, 0, SEEK_CUR);
    // Full: what was said last is not there.
    if (end <= 0 || end >= ERRORS_SIZE || before_errors.size == 0)
        return;
    off_t start = end > ERRORS_SHOWN ? end - ERRORS_SHOWN : 0;
    ssize_t count = pread(STDERR_FILENO, text, (size_t)(end - start), start);
    if (count <= 0)
        return;
    size_t size = (size_t)count, place = first_error(text, size);
    for (int line = 0; line < ERROR_LINES && place < size; line++) {
        size_t line_size = line_end(text, place, size) - place;
        // Addresses, which say little without the program.
        if (begins_with(text + place, size - place, "Current stack trace"))
            break;
        if (line_size > 0)
            say_error(text + place, line_size);
        place += line_size + 1;
    }
}

static const int told_crashes[] = {SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGFPE};
enum { TOLD_CRASHES = sizeof told_crashes / sizeof *told_crashes };
static struct sigaction before_told[TOLD_CRASHES];

// Whoever would have had the signal gets it afterwards, such as Swift's runtime, which looks where it happened.
static void on_told_crash(int signal, siginfo_t *info, void *context) {
    struct sigaction next = {.sa_handler = SIG_DFL};
    say_errors();
    for (int i = 0; i < TOLD_CRASHES; i++)
        if (told_crashes[i] == signal)
            next = before_told[i];
    sigaction(signal, &next, NULL);
    if (next.sa_flags & SA_SIGINFO)
        next.sa_sigaction(signal, info, context);
    else
        raise(signal);
}

static int is_nobody_looking(void) {
    struct stat errors, null;
    return fstat(STDERR_FILENO, &errors) == 0 && S_ISCHR(errors.st_mode) && stat("/dev/null", &null) == 0
        && S_ISCHR(null.st_mode) && errors.st_rdev == null.st_rdev;
}

static int open_errors(void) {
    int file = memfd_create("standard error", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file == -1)
        return -1;
    if (ftruncate(file, ERRORS_SIZE) == 0 && fcntl(file, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0)
        return file;
    close(file);
    return -1;
}

static int catch_told_crashes(void) {
    struct sigaction action = {.sa_sigaction = on_told_crash, .sa_flags = SA_NODEFER | SA_ONSTACK | SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < TOLD_CRASHES; i++)
        if (sigaction(told_crashes[i], &action, &before_told[i]) == -1)
            return -errno;
    return 0;
}

int cposix_keep_errors(void) {
    if (cposix_errors_for_children != -1 || !is_nobody_looking())
        return 0;
    int original = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 16);
    int file = original == -1 ? -1 : open_errors();
    // Programs that we start have a standard error like any other: it is not closed when they do.
    int result = file == -1 || dup2(file, STDERR_FILENO) == -1 ? -errno : catch_told_crashes();
    if (result == 0)
        cposix_errors_for_children = original;
    else if (original != -1) {
        dup2(original, STDERR_FILENO);
        close(original);
    }
    if (file != -1)
        close(file);
    return result;
}

// MARK: crashes

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
    say_errors();
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
