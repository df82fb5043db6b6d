//===----------------------------------------------------------------------===//
// Quartermaster: the one-to-one wrappers, in the order of cposix.h
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#include "internal.h"

int cposix_open(const char *_Nonnull path, int flags, uint32_t mode) {
    CPOSIX_VALUE(int, open(path, flags | O_CLOEXEC | O_NOCTTY, mode));
}
int cposix_close(int fd) { return CPOSIX_RESULT(close(fd)); }
int cposix_duplicate(int fd, int lowest) { CPOSIX_VALUE(int, fcntl(fd, F_DUPFD_CLOEXEC, lowest)); }
int cposix_dup2(int from, int to) { CPOSIX_VALUE(int, dup2(from, to)); }
int cposix_status_flags(int fd) { CPOSIX_VALUE(int, fcntl(fd, F_GETFL)); }
int cposix_set_status_flags(int fd, int flags) { return CPOSIX_RESULT(fcntl(fd, F_SETFL, flags)); }
int cposix_set_descriptor_flags(int fd, int flags) { return CPOSIX_RESULT(fcntl(fd, F_SETFD, flags)); }
int cposix_close_range(unsigned first, unsigned last) { return CPOSIX_RESULT(close_range(first, last, 0)); }
int cposix_unread_bytes(int fd) {
    int count = 0;
    return ioctl(fd, FIONREAD, &count) == -1 ? -errno : count;
}
long cposix_read(int fd, void *_Nonnull buffer, size_t size) {
    CPOSIX_VALUE(long, read(fd, buffer, size));
}
long cposix_write(int fd, const void *_Nonnull buffer, size_t size) {
    CPOSIX_VALUE(long, write(fd, buffer, size));
}
long cposix_writev(int fd, const void *_Nonnull vectors, int count) {
    CPOSIX_VALUE(long, writev(fd, vectors, count));
}
long cposix_send(int fd, const void *_Nonnull buffer, size_t size, int flags) {
    CPOSIX_VALUE(long, send(fd, buffer, size, flags));
}
long cposix_receive(int fd, void *_Nonnull buffer, size_t size, int flags) {
    CPOSIX_VALUE(long, recv(fd, buffer, size, flags));
}
int cposix_poll(int fd, short events, int milliseconds) {
    struct pollfd one = {.fd = fd, .events = events};
    int count = poll(&one, 1, milliseconds);
    return count == -1 ? -errno : count == 0 ? 0 : one.revents;
}
int cposix_poll_many(void *_Nonnull records, unsigned count, int milliseconds) {
    CPOSIX_VALUE(int, poll((struct pollfd *)records, count, milliseconds));
}
int cposix_is_shut_down(int fd) {
    // TCP then is as if it had never listened, which poll(2) calls a hang-up.
    struct pollfd record = {.fd = fd, .events = POLLRDHUP};
    int count = poll(&record, 1, 0);
    return count < 0 ? -errno : count > 0 && (record.revents & (POLLHUP | POLLRDHUP)) != 0;
}
static void copy_facts(const struct stat *_Nonnull from, struct cposix_file_facts *_Nonnull to) {
    to->device = from->st_dev;
    to->inode = from->st_ino;
    to->links = from->st_nlink;
    to->size = (uint64_t)from->st_size;
    to->mode = from->st_mode;
    to->uid = from->st_uid;
    to->gid = from->st_gid;
    to->modified_seconds = from->st_mtim.tv_sec;
}
int cposix_facts_of_descriptor(int fd, struct cposix_file_facts *_Nonnull facts) {
    struct stat st;
    if (fstat(fd, &st) == -1)
        return -errno;
    copy_facts(&st, facts);
    return 0;
}
int cposix_facts_of_path(const char *_Nonnull path, int follow, struct cposix_file_facts *_Nonnull facts) {
    struct stat st;
    if ((follow ? stat(path, &st) : lstat(path, &st)) == -1)
        return -errno;
    copy_facts(&st, facts);
    return 0;
}
int cposix_open_in(int directory, const char *_Nonnull name, int flags, uint32_t mode) {
    CPOSIX_VALUE(int, openat(directory, name, flags | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, mode));
}
int cposix_facts_in(int directory, const char *_Nonnull name, struct cposix_file_facts *_Nonnull facts) {
    struct stat st;
    if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
        return -errno;
    copy_facts(&st, facts);
    return 0;
}
int cposix_rename_in(int directory, const char *_Nonnull from, const char *_Nonnull to) {
    return CPOSIX_RESULT(renameat(directory, from, directory, to));
}
int cposix_unlink_in(int directory, const char *_Nonnull name) { return CPOSIX_RESULT(unlinkat(directory, name, 0)); }
int cposix_flock(int fd, int operation) { return CPOSIX_RESULT(flock(fd, operation)); }
int cposix_rename(const char *_Nonnull from, const char *_Nonnull to) { return CPOSIX_RESULT(rename(from, to)); }
int cposix_unlink(const char *_Nonnull path) { return CPOSIX_RESULT(unlink(path)); }
long cposix_readlink(const char *_Nonnull path, char *_Nonnull text, size_t size) {
    CPOSIX_VALUE(long, readlink(path, text, size));
}
int cposix_mkfifo(const char *_Nonnull path, uint32_t mode) { return CPOSIX_RESULT(mkfifo(path, mode)); }
int cposix_chmod(const char *_Nonnull path, uint32_t mode) { return CPOSIX_RESULT(chmod(path, mode)); }
int cposix_fchmod(int fd, uint32_t mode) { return CPOSIX_RESULT(fchmod(fd, mode)); }
int cposix_fchown(int fd, uint32_t uid, uint32_t gid) { return CPOSIX_RESULT(fchown(fd, uid, gid)); }
int cposix_chdir(const char *_Nonnull path) { return CPOSIX_RESULT(chdir(path)); }
int cposix_chroot(const char *_Nonnull path) { return CPOSIX_RESULT(chroot(path)); }
int cposix_access(const char *_Nonnull path, int mode) { return CPOSIX_RESULT(access(path, mode)); }
int cposix_seek(int fd, int64_t offset) { return lseek(fd, offset, SEEK_SET) == -1 ? -errno : 0; }
long cposix_read_at(int fd, void *_Nonnull buffer, size_t size, int64_t offset) {
    CPOSIX_VALUE(long, pread(fd, buffer, size, offset));
}
long cposix_write_at(int fd, const void *_Nonnull buffer, size_t size, int64_t offset) {
    CPOSIX_VALUE(long, pwrite(fd, buffer, size, offset));
}
int cposix_synchronize(int fd, int data_only) { return CPOSIX_RESULT(data_only ? fdatasync(fd) : fsync(fd)); }
int64_t cposix_next_data(int fd, int64_t offset) {
    off_t place = lseek(fd, offset, SEEK_DATA);
    if (place == -1 && errno == ENXIO)
        place = lseek(fd, 0, SEEK_END);
    else if (place == -1 && (errno == EINVAL || errno == EOPNOTSUPP))
        place = offset;
    return place == -1 ? -errno : place;
}
int cposix_reserve(int fd, int64_t size) {
    int error = CPOSIX_RESULT(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, size));
    return error == -EOPNOTSUPP || error == -ENOSYS ? 0 : error;
}
int cposix_begin_writing(int fd, int64_t offset, int64_t size) {
    return CPOSIX_RESULT(sync_file_range(fd, offset, size, SYNC_FILE_RANGE_WRITE));
}
int cposix_allocate_file(int fd, int64_t offset, int64_t size) { return -posix_fallocate(fd, offset, size); }
int cposix_set_file_size(int fd, int64_t size) { return CPOSIX_RESULT(ftruncate(fd, size)); }

int cposix_pipe(int *_Nonnull pair, int flags) { return CPOSIX_RESULT(pipe2(pair, flags)); }
int cposix_socketpair(int type, int *_Nonnull pair) {
    return CPOSIX_RESULT(socketpair(AF_UNIX, type, 0, pair));
}
int cposix_socket(int domain, int type) { CPOSIX_VALUE(int, socket(domain, type | SOCK_CLOEXEC, 0)); }
int cposix_shutdown_writing(int fd) { CPOSIX_VALUE(int, shutdown(fd, SHUT_WR)); }
int cposix_shutdown(int fd) { CPOSIX_VALUE(int, shutdown(fd, SHUT_RDWR)); }
int cposix_bind(int fd, const void *_Nonnull address, unsigned size) {
    return CPOSIX_RESULT(bind(fd, (const struct sockaddr *)address, size));
}
int cposix_connect(int fd, const void *_Nonnull address, unsigned size) {
    return CPOSIX_RESULT(connect(fd, (const struct sockaddr *)address, size));
}
int cposix_listen(int fd, int backlog) { return CPOSIX_RESULT(listen(fd, backlog)); }
int cposix_accept(int fd, int blocking) {
    CPOSIX_VALUE(int, accept4(fd, NULL, NULL, SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK)));
}
int cposix_set_option(int fd, int level, int name, int value) {
    return CPOSIX_RESULT(setsockopt(fd, level, name, &value, sizeof value));
}
int cposix_reset_when_closed(int fd) {
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    return CPOSIX_RESULT(setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none));
}
int cposix_get_option(int fd, int level, int name) {
    int value = 0;
    unsigned size = sizeof value;
    return getsockopt(fd, level, name, &value, &size) == -1 ? -errno : value;
}
int cposix_socket_name(int fd, int peer, void *_Nonnull address, unsigned *_Nonnull size) {
    struct sockaddr *to = (struct sockaddr *)address;
    return CPOSIX_RESULT(peer ? getpeername(fd, to, size) : getsockname(fd, to, size));
}
int cposix_setgroups(size_t count, const uint32_t *_Nonnull groups) {
    return CPOSIX_RESULT(setgroups(count, groups));
}
int cposix_initgroups(const char *_Nonnull user, uint32_t group) {
    return CPOSIX_RESULT(initgroups(user, group));
}
int cposix_setuid(uint32_t uid) { return CPOSIX_RESULT(setuid(uid)); }
int cposix_setgid(uint32_t gid) { return CPOSIX_RESULT(setgid(gid)); }
int cposix_seteuid(uint32_t uid) { return CPOSIX_RESULT(seteuid(uid)); }
int cposix_setegid(uint32_t gid) { return CPOSIX_RESULT(setegid(gid)); }
int cposix_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
        return -errno;
    limit.rlim_cur = limit.rlim_max;
    return CPOSIX_RESULT(setrlimit(RLIMIT_NOFILE, &limit));
}
int cposix_processors(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == -1 || CPU_COUNT(&set) < 1 ? 1 : CPU_COUNT(&set);
}
int cposix_kill(int pid, int signal) { return CPOSIX_RESULT(kill(pid, signal)); }
int cposix_setsid(void) { return CPOSIX_RESULT(setsid()); }
int cposix_fork(void) { CPOSIX_VALUE(int, fork()); }
int cposix_has_other_threads(void) {
    // Does nothing for a process of one thread, and is refused to one of several; /proc is not there in every chroot.
    if (unshare(CLONE_THREAD) == 0)
        return 0;
    if (errno == EINVAL)
        return 1;
    // A filter of system calls forbids it. The directory has two links of its own, and one for each thread. Where it is
    // not there either, nobody knows.
    struct stat facts;
    return stat("/proc/self/task", &facts) == -1 || facts.st_nlink > 3;
}
int64_t cposix_real_milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
int64_t cposix_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
const char *_Nonnull cposix_resolver_error(int code) { return gai_strerror(code); }

enum { whole = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };
int cposix_memory_file(const char *_Nonnull name) {
    CPOSIX_VALUE(int, memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
}
int cposix_seal(int fd) { return CPOSIX_RESULT(fcntl(fd, F_ADD_SEALS, whole)); }
int cposix_is_sealed(int fd) {
    int seals = fcntl(fd, F_GET_SEALS);
    return seals != -1 && (seals & whole) == whole;
}
long cposix_own_path(char *_Nonnull buffer, size_t size) {
    CPOSIX_VALUE(long, readlink("/proc/self/exe", buffer, size));
}
int cposix_execute(const char *_Nonnull path, char *_Nullable const *_Nonnull arguments,
                   char *_Nullable const *_Nonnull environment) {
    return CPOSIX_RESULT(execve(path, arguments, environment));
}
int cposix_execute_open(int program, char *_Nullable const *_Nonnull arguments,
                        char *_Nullable const *_Nonnull environment) {
    return CPOSIX_RESULT(execveat(program, "", arguments, environment, AT_EMPTY_PATH));
}
