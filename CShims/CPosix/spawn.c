//===----------------------------------------------------------------------===//
// Quartermaster: from fork to exec, and the way back to wait
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//
//
// The child borrows the parent's memory (CLONE_VM) while the parent sleeps (CLONE_VFORK), so a spawn
// costs the same whatever the size of the parent. It runs on a stack of its own, changes nothing but
// that stack and the failure record, and ends in execve or _exit. The parent's signals stay blocked
// until it is gone, and every caught signal gets its default action in the child before the mask is
// emptied: no handler of ours can run on borrowed memory.
// The parent wakes when the child has exec'd or died, which makes the failure record, written to the
// shared memory, complete at that moment: a pipe could say no more, for four system calls.

#include "internal.h"
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

struct birth {
    const struct cposix_child_image *image;
    struct cposix_spawn_failure *failure;
};

static int child_fails(struct birth *birth, int stage, int descriptor) {
    birth->failure->error = errno;
    birth->failure->stage = stage;
    birth->failure->descriptor = descriptor;
    _exit(1);
}

static void forget_handlers(void) {
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) == -1)
            continue;
        if (action.sa_handler == SIG_IGN || action.sa_handler == SIG_DFL)
            continue;
        action.sa_handler = SIG_DFL;
        action.sa_flags = 0;
        sigaction(number, &action, NULL);
    }
}

// The system calls themselves: glibc's functions would have the parent's threads do the same. Who has shed only its
// effective user takes root's back first. What has come of it is looked at, and there must be no way back.
static int become(uint32_t uid, uint32_t gid) {
    uid_t users[3];
    gid_t groups[3];
    if (geteuid() != 0 && syscall(SYS_setresuid, -1, 0, -1) == -1)
        return -1;
    if (syscall(SYS_setgroups, (size_t)1, &gid) == -1 || syscall(SYS_setresgid, gid, gid, gid) == -1 ||
        syscall(SYS_setresuid, uid, uid, uid) == -1)
        return -1;
    if (getresuid(&users[0], &users[1], &users[2]) == -1 || getresgid(&groups[0], &groups[1], &groups[2]) == -1)
        return -1;
    int is_right = uid != 0 && gid != 0 && getgroups(0, NULL) == 1;
    for (int i = 0; i < 3; i++)
        is_right = is_right && users[i] == uid && groups[i] == gid;
    if (is_right && syscall(SYS_setresuid, 0, 0, 0) == -1)
        return 0;
    errno = EPERM;
    return -1;
}

static int child_main(void *argument) {
    struct birth *birth = argument;
    const struct cposix_child_image *image = birth->image;
    if (cposix_errors_for_children != -1)
        dup2(cposix_errors_for_children, STDERR_FILENO);
    for (unsigned i = 0; i < image->move_count; i++) {
        const struct cposix_move *move = &image->moves[i];
        // dup2 to itself would keep close-on-exec; the caller keeps sources and targets apart.
        if (move->from == move->to) {
            errno = EINVAL;
            return child_fails(birth, CPOSIX_STAGE_MOVE, move->to);
        }
        if (dup2(move->from, move->to) == -1)
            return child_fails(birth, CPOSIX_STAGE_MOVE, move->to);
    }
    if (image->close_from != 0) {
        setsid();
        close_range(image->close_from, ~0U, 0);
    }
    forget_handlers();
    // As late as can be: from here on that user may send signals to a process that has the parent's memory.
    if (image->changes_identity && become(image->uid, image->gid) == -1)
        return child_fails(birth, CPOSIX_STAGE_IDENTITY, -1);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(image->path, image->arguments, image->environment);
    if (errno == ENOEXEC) {
        // A script without an interpreter line, which execvp(3) would hand to the shell.
        execve("/bin/sh", image->shell_arguments, image->environment);
        errno = ENOEXEC;
    }
    return child_fails(birth, CPOSIX_STAGE_EXEC, -1);
}

int cposix_spawn(const struct cposix_child_image *image, struct cposix_spawn_failure *failure) {
    // Ours, not static: this thread sleeps until the child needs it no more.
    char stack[32 * 1024] __attribute__((aligned(64)));
    struct birth birth = {.image = image, .failure = failure};
    sigset_t all, before;
    failure->stage = CPOSIX_STAGE_FORK;
    failure->error = 0;
    failure->descriptor = -1;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    int pid = clone(child_main, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &birth);
    int error = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid == -1)
        failure->error = error;
    return pid == -1 ? -error : pid;
}

int cposix_fork_helper(int keep) {
    sigset_t all, none, before;
    int parent = getpid();
    sigfillset(&all);
    // A signal to the child must not run a handler that speaks to the parent's event loop.
    sigprocmask(SIG_SETMASK, &all, &before);
    int pid = fork();
    int error = errno;
    if (pid != 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        return pid == -1 ? -error : pid;
    }
    forget_handlers();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    if (keep > 3)
        close_range(3, (unsigned)keep - 1, 0);
    close_range(keep < 3 ? 3 : (unsigned)keep + 1, ~0U, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    return 0;
}
