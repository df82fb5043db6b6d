//===----------------------------------------------------------------------===//
// Quartermaster: a terminal that is drawn on, and given back whatever happens
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//
//
// The state is static because the signal handler has no other memory: a process draws on one terminal.

#include "internal.h"
#include <termios.h>

static struct termios before, raw;
static int terminal = -1, screen = -1;

/// The other screen, without a cursor; and back.
static const char enter_text[] = "\033[?1049h\033[?25l", leave_text[] = "\033[0m\033[?25h\033[?1049l";

static void put(const char *text, size_t size) {
    ssize_t ignored = write(screen, text, size);
    (void)ignored;
}

static void leave(void) {
    if (terminal == -1)
        return;
    put(leave_text, sizeof leave_text - 1);
    tcsetattr(terminal, TCSADRAIN, &before);
}

static void on_end(int signal) {
    leave();
    cposix_default_signal(signal);
    raise(signal);
}

static void handle_stops(void);

/// Stopped by somebody else: Control-Z is a key here.
static void on_stop(int signal) {
    int saved = errno;
    leave();
    cposix_default_signal(signal);
    // Stops here, and goes on in on_continue.
    raise(signal);
    handle_stops();
    errno = saved;
}

static void handle_stops(void) {
    struct sigaction stop = {.sa_handler = on_stop, .sa_flags = SA_NODEFER};
    sigemptyset(&stop.sa_mask);
    sigaction(SIGTSTP, &stop, NULL);
}

static void on_continue(int signal) {
    int saved = errno;
    (void)signal;
    // Not in the background: that would stop us again.
    if (terminal != -1 && tcgetpgrp(terminal) == getpgrp()) {
        tcsetattr(terminal, TCSADRAIN, &raw);
        put(enter_text, sizeof enter_text - 1);
    }
    errno = saved;
}

int cposix_terminal_enter(int input, int output) {
    static const int ends[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGABRT, SIGSEGV, SIGBUS, SIGILL};
    struct sigaction end = {.sa_handler = on_end, .sa_flags = SA_NODEFER}, again = {.sa_handler = on_continue};
    if (tcgetattr(input, &before) == -1)
        return -errno;
    raw = before;
    // Keys come at once and are not shown; Control-C and Control-Z are keys like others.
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
    raw.c_iflag &= ~(tcflag_t)(IXON | ICRNL);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    sigemptyset(&end.sa_mask);
    sigemptyset(&again.sa_mask);
    terminal = input;
    screen = output;
    for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++)
        sigaction(ends[i], &end, NULL);
    sigaction(SIGCONT, &again, NULL);
    handle_stops();
    if (tcsetattr(input, TCSADRAIN, &raw) == -1) {
        int error = errno;
        terminal = -1;
        return -error;
    }
    put(enter_text, sizeof enter_text - 1);
    return 0;
}

void cposix_terminal_leave(void) {
    leave();
    terminal = -1;
}

void cposix_terminal_suspend(void) {
    raise(SIGTSTP);
}

int cposix_terminal_size(int fd, int *columns, int *rows) {
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) == -1)
        return -errno;
    *columns = size.ws_col;
    *rows = size.ws_row;
    return 0;
}
