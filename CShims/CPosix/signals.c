//===----------------------------------------------------------------------===//
// Quartermaster: signals and what they tell of children
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#include "internal.h"
#include <sys/prctl.h>
#include <sys/syscall.h>

static int set_action(int signal, void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler};
    sigemptyset(&action.sa_mask);
    return CPOSIX_RESULT(sigaction(signal, &action, NULL));
}

int cposix_ignore_signal(int signal) { return set_action(signal, SIG_IGN); }
int cposix_default_signal(int signal) { return set_action(signal, SIG_DFL); }

_Static_assert(sizeof(struct cposix_signal_action) >= sizeof(struct sigaction), "no room for a struct sigaction");

int cposix_take_default_action(int signal, struct cposix_signal_action *saved) {
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigemptyset(&action.sa_mask);
    return CPOSIX_RESULT(sigaction(signal, &action, (struct sigaction *)(void *)saved->bytes));
}

int cposix_restore_action(int signal, const struct cposix_signal_action *saved) {
    return CPOSIX_RESULT(sigaction(signal, (const struct sigaction *)(const void *)saved->bytes, NULL));
}

int cposix_unblock_signals(void) {
    sigset_t none;
    sigemptyset(&none);
    return CPOSIX_RESULT(sigprocmask(SIG_SETMASK, &none, NULL));
}

int cposix_block_signals(void) {
    sigset_t all;
    sigfillset(&all);
    return CPOSIX_RESULT(sigprocmask(SIG_SETMASK, &all, NULL));
}

static int decode(int pid, int status, int *kind, int *value) {
    if (pid <= 0)
        return pid;
    if (WIFEXITED(status)) {
        *kind = 0;
        *value = WEXITSTATUS(status);
    } else if (WIFSIGNALED(status)) {
        *kind = 1;
        *value = WTERMSIG(status);
    } else {
        *kind = 2;
        *value = WSTOPSIG(status);
    }
    return pid;
}

int cposix_open_process(int pid) { CPOSIX_VALUE(int, syscall(SYS_pidfd_open, pid, 0)); }

int cposix_signal_process(int process, int signal) {
    CPOSIX_VALUE(int, syscall(SYS_pidfd_send_signal, process, signal, NULL, 0));
}

int cposix_adopt_orphans(void) { CPOSIX_VALUE(int, prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)); }

int cposix_reap(int *kind, int *value) {
    int status = 0;
    int pid = waitpid(-1, &status, WNOHANG);
    return pid == -1 ? -errno : decode(pid, status, kind, value);
}

int cposix_wait_for(int child, int *kind, int *value) {
    int status = 0;
    int pid = waitpid(child, &status, 0);
    return pid == -1 ? -errno : decode(pid, status, kind, value);
}
