//===----------------------------------------------------------------------===//
// Quartermaster: CPosix, what Swift cannot say to the operating system
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//
//
// Wrappers around system calls: no retry, no policy, no allocation, and one call each but for the files below.
// Every function returns >= 0 on success or -errno, so that no code between the call and its
// check can disturb errno, and Swift never reads that variable.
//
// Longer, because Swift cannot say it: `sockets.c` (the macros of ancillary data), `queue.c` (one question to the
// kernel's sock_diag(7): its records, too, are read with macros), `epoll.c` (what a number is, told by two calls),
// `memory.c` (dl_iterate_phdr(3) calls back).
// With state, because a signal handler or a forked child needs it: `watchdog.c`, `mapping.c`, `terminal.c` and
// `spawn.c`.

#ifndef CPOSIX_H
#define CPOSIX_H

#include <stddef.h>
#include <stdint.h>

// MARK: descriptors (open(2), fcntl(2): variadic)

int cposix_open(const char *_Nonnull path, int flags, uint32_t mode);
int cposix_close(int fd);
int cposix_duplicate(int fd, int lowest);
int cposix_dup2(int from, int to);
int cposix_status_flags(int fd);
int cposix_set_status_flags(int fd, int flags);
int cposix_set_descriptor_flags(int fd, int flags);
int cposix_close_range(unsigned first, unsigned last);
/// FIONREAD: bytes that a read would find.
int cposix_unread_bytes(int fd);

// MARK: bytes

long cposix_read(int fd, void *_Nonnull buffer, size_t size);
long cposix_write(int fd, const void *_Nonnull buffer, size_t size);
long cposix_writev(int fd, const void *_Nonnull vectors, int count);
long cposix_send(int fd, const void *_Nonnull buffer, size_t size, int flags);
long cposix_receive(int fd, void *_Nonnull buffer, size_t size, int flags);
int cposix_poll(int fd, short events, int milliseconds);
/// poll(2) of `count` records of <poll.h>: how many have something to say.
int cposix_poll_many(void *_Nonnull records, unsigned count, int milliseconds);
/// Whether shutdown(2) has ended a socket that listens or takes datagrams.
int cposix_is_shut_down(int fd);

// MARK: files

/// The fields of stat(2) that a careful open and the hot-file rule look at.
struct cposix_file_facts {
    uint64_t device, inode, links, size;
    uint32_t mode, uid, gid;
    int64_t modified_seconds;
};
int cposix_facts_of_descriptor(int fd, struct cposix_file_facts *_Nonnull facts);
int cposix_facts_of_path(const char *_Nonnull path, int follow, struct cposix_file_facts *_Nonnull facts);
// The same by names in an open directory, which may be out of reach by now (openat(2) and its like). The last part of a
// name is never a symbolic link that is followed.
int cposix_open_in(int directory, const char *_Nonnull name, int flags, uint32_t mode);
int cposix_facts_in(int directory, const char *_Nonnull name, struct cposix_file_facts *_Nonnull facts);
int cposix_rename_in(int directory, const char *_Nonnull from, const char *_Nonnull to);
int cposix_unlink_in(int directory, const char *_Nonnull name);
int cposix_flock(int fd, int operation);
int cposix_rename(const char *_Nonnull from, const char *_Nonnull to);
int cposix_unlink(const char *_Nonnull path);
/// The length of the text, which ends without a NUL.
long cposix_readlink(const char *_Nonnull path, char *_Nonnull text, size_t size);
int cposix_mkfifo(const char *_Nonnull path, uint32_t mode);
int cposix_chmod(const char *_Nonnull path, uint32_t mode);
int cposix_fchmod(int fd, uint32_t mode);
int cposix_fchown(int fd, uint32_t uid, uint32_t gid);
int cposix_chdir(const char *_Nonnull path);
int cposix_chroot(const char *_Nonnull path);
int cposix_access(const char *_Nonnull path, int mode);
int cposix_seek(int fd, int64_t offset);
long cposix_read_at(int fd, void *_Nonnull buffer, size_t size, int64_t offset);
long cposix_write_at(int fd, const void *_Nonnull buffer, size_t size, int64_t offset);
/// fdatasync(2), or fsync(2) for a directory.
int cposix_synchronize(int fd, int data_only);
/// lseek(2) SEEK_DATA; the size of the file when there is nothing but a hole.
int64_t cposix_next_data(int fd, int64_t offset);
/// fallocate(2) FALLOC_FL_KEEP_SIZE from the start; 0 where the file system does not have it.
int cposix_reserve(int fd, int64_t size);
/// sync_file_range(2) with SYNC_FILE_RANGE_WRITE.
int cposix_begin_writing(int fd, int64_t offset, int64_t size);
/// posix_fallocate(3).
int cposix_allocate_file(int fd, int64_t offset, int64_t size);
/// ftruncate(2).
int cposix_set_file_size(int fd, int64_t size);

// MARK: a file as memory that others read (mapping.c)

/// mmap(2) MAP_SHARED, to read and write: the address, or -errno.
long cposix_map_shared(int fd, size_t size, int64_t offset);
int cposix_unmap(void *_Nonnull base, size_t size);
/// From now on, where the file behind this range is cut off or its disk has no room, memory of our own takes the place
/// of the whole range. The number of the guard, or -ENOSPC when there are 32 already. Works from cposix_catch_crashes
/// or cposix_catch_bus_errors on.
int cposix_guard(void *_Nonnull base, size_t size);
int cposix_guard_was_needed(int guard);
/// Puts memory of our own, with zeros, in the place of the guarded range that the address is in: for the handler of
/// SIGBUS, and for a child that must not write into the file any more. Whether there was one, and it was replaced.
int cposix_replace_mapping(void *_Nonnull address);
/// How many guards were needed so far, of all there were.
extern volatile int cposix_guards_needed;
static inline int cposix_guard_losses(void) { return cposix_guards_needed; }
void cposix_end_guard(int guard);
/// Stores `count` words where others read them at any moment: `sequence` is odd meanwhile, and `ticket`, an even
/// number, afterwards.
void cposix_publish(uint64_t *_Nonnull sequence, uint64_t ticket, uint64_t *_Nonnull target,
                    const uint64_t *_Nonnull words, size_t count);
/// The same by hand: begin, stores into the record, end.
static inline void cposix_begin_record(uint64_t *_Nonnull sequence, uint64_t ticket) {
    __atomic_store_n(sequence, ticket - 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}
static inline void cposix_store_word(uint64_t *_Nonnull target, uint64_t word) {
    __atomic_store_n(target, word, __ATOMIC_RELAXED);
}
static inline void cposix_end_record(uint64_t *_Nonnull sequence, uint64_t ticket) {
    __atomic_store_n(sequence, ticket, __ATOMIC_RELEASE);
}
/// One word that stands for itself.
void cposix_publish_word(uint64_t *_Nonnull target, uint64_t word);
/// Adds to a word that others read, and only we write.
static inline void cposix_count(uint64_t *_Nonnull counter, uint64_t number) {
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + number, __ATOMIC_RELAXED);
}
static inline uint64_t cposix_word(const uint64_t *_Nonnull word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
/// Adds to a word that others add to as well.
static inline void cposix_count_together(uint64_t *_Nonnull counter, uint64_t number) {
    __atomic_fetch_add(counter, number, __ATOMIC_ACQ_REL);
}
/// Whether the word was `expected`, and is `wanted` now.
static inline int cposix_replace_word(uint64_t *_Nonnull word, uint64_t expected, uint64_t wanted) {
    return __atomic_compare_exchange_n(word, &expected, wanted, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

// MARK: sockets and pipes

int cposix_pipe(int *_Nonnull pair, int flags);
int cposix_socketpair(int type, int *_Nonnull pair);
int cposix_socket(int domain, int type);
/// SO_LINGER without time: close(2) resets a TCP connection.
int cposix_reset_when_closed(int fd);
/// shutdown(2) of what we send.
int cposix_shutdown_writing(int fd);
/// shutdown(2) of both directions, for all who share the socket.
int cposix_shutdown(int fd);
int cposix_bind(int fd, const void *_Nonnull address, unsigned size);
int cposix_connect(int fd, const void *_Nonnull address, unsigned size);
int cposix_listen(int fd, int backlog);
/// accept4(2) without the peer's address, non-blocking unless `blocking`; close-on-exec.
int cposix_accept(int fd, int blocking);
int cposix_set_option(int fd, int level, int name, int value);
int cposix_get_option(int fd, int level, int name);
int cposix_socket_name(int fd, int peer, void *_Nonnull address, unsigned *_Nonnull size);
/// Connections that wait for accept(2) at a listening socket, and how many may (queue.c).
int cposix_tcp_queue(int fd, int *_Nonnull room);
int cposix_unix_queue(int fd, int *_Nonnull room);
/// Bytes in a pipe, and how many fit.
int cposix_pipe_queue(int fd, int *_Nonnull room);
/// SO_MEMINFO: connections that a listening TCP socket had no room for since it was made.
int cposix_dropped(int fd, uint32_t *_Nonnull count);
/// SO_PEERCRED of unix(7): who connected.
int cposix_peer(int fd, int32_t *_Nonnull pid, uint32_t *_Nonnull uid);
/// sendmsg(2) of one NUL byte with one descriptor (SCM_RIGHTS; the CMSG macros are C's).
int cposix_send_descriptor(int socket, int descriptor);
/// recvmsg(2) of one byte with one descriptor: the descriptor (close-on-exec), -EBADMSG when the
/// byte came without one, -EPIPE at end of file, or -errno.
int cposix_receive_descriptor(int socket);
/// recvmmsg(2) with MSG_DONTWAIT: datagrams received, or -errno. `messages` points at `count`
/// records laid out by cposix_wire_messages.
int cposix_receive_many(int socket, void *_Nonnull messages, unsigned count);
/// sendmmsg(2) with MSG_DONTWAIT of `count` records from `first` on: how many were sent, at least one, or -errno.
int cposix_send_many(int socket, void *_Nonnull messages, unsigned first, unsigned count);
size_t cposix_message_record_size(void);
/// Wires record i to the iovec vectors[i], which must outlive it.
void cposix_wire_messages(void *_Nonnull messages, void *_Nonnull vectors, unsigned count);
/// Room that each record has for its sender's address, and for what else the kernel says about it.
size_t cposix_message_name_size(void);
size_t cposix_message_control_size(void);
/// Has record i keep its sender's address at names + i * name size and, unless `controls` is null, control messages
/// at controls + i * control size.
void cposix_wire_names(void *_Nonnull messages, void *_Nonnull names, void *_Nullable controls, unsigned count);
/// Before the next cposix_receive_many: the room of these records is whole again.
void cposix_rearm_messages(void *_Nonnull messages, unsigned count);
/// Bytes of the address that datagram `index` came from; 0 when the sender has none.
unsigned cposix_message_name_length(const void *_Nonnull messages, unsigned index);
/// Writes the control message that has an answer leave from the address that datagram `index` was sent to; its bytes,
/// 0 where the kernel has not told, or nothing can be sent from there.
unsigned cposix_message_asked(const void *_Nonnull messages, unsigned index, void *_Nonnull control);
/// Wires record `index` for cposix_send_many.
void cposix_set_message(
    void *_Nonnull messages,
    unsigned index,
    void *_Nonnull vector,
    const void *_Nonnull name,
    unsigned name_length,
    const void *_Nonnull control,
    unsigned control_length);
/// IP_PKTINFO, or IPV6_RECVPKTINFO: the kernel says of each datagram which address it was sent to.
int cposix_tell_destinations(int fd, int is_ipv6);
/// connect(2) to no address: datagrams of everybody are received again.
int cposix_disconnect(int fd);
/// Bytes that wait at a datagram socket, as the kernel counts them; `room` gets how many may.
int cposix_datagram_queue(int fd, int *_Nonnull room);
/// Bytes of datagram `index` after cposix_receive_many, and whether it was cut off.
unsigned cposix_message_length(const void *_Nonnull messages, unsigned index, int *_Nonnull truncated);

// MARK: who we are

int cposix_setgroups(size_t count, const uint32_t *_Nonnull groups);
int cposix_initgroups(const char *_Nonnull user, uint32_t group);
int cposix_setuid(uint32_t uid);
int cposix_setgid(uint32_t gid);
int cposix_seteuid(uint32_t uid);
int cposix_setegid(uint32_t gid);
/// Sets soft := hard for RLIMIT_NOFILE.
int cposix_raise_descriptor_limit(void);

// MARK: processes and signals

/// Processors that this process may run on (sched_getaffinity(2)), at least 1.
int cposix_processors(void);
int cposix_kill(int pid, int signal);
int cposix_setsid(void);
int cposix_fork(void);
/// Whether the process has, or may have, other threads than the caller: 1 or 0.
int cposix_has_other_threads(void);
/// fork(2) for a process that goes on in our program with a task of its own: 0 in the child, which has no handler and
/// no blocked signal, no descriptor above 2 but `keep`, and is killed when its parent ends.
int cposix_fork_helper(int keep);
/// pidfd_open(2), close-on-exec: readable when the child has ended.
int cposix_open_process(int pid);
int cposix_signal_process(int process, int signal);
/// prctl(2) PR_SET_CHILD_SUBREAPER: this process, and not init, gets those of its descendants whose parent ends.
int cposix_adopt_orphans(void);
/// waitpid(-1, WNOHANG). `kind`: 0 exited (value = status), 1 killed, 2 stopped (value = signal).
int cposix_reap(int *_Nonnull kind, int *_Nonnull value);
int cposix_wait_for(int pid, int *_Nonnull kind, int *_Nonnull value);
int cposix_ignore_signal(int signal);
int cposix_default_signal(int signal);

/// A struct sigaction, to be put back.
struct cposix_signal_action {
    _Alignas(8) unsigned char bytes[160];
};
/// sigaction(2): the default action from now on; `saved` is what it was.
int cposix_take_default_action(int signal, struct cposix_signal_action *_Nonnull saved);
int cposix_restore_action(int signal, const struct cposix_signal_action *_Nonnull saved);
int cposix_unblock_signals(void);
/// Every signal waits from now on; execve(2) keeps it so.
int cposix_block_signals(void);

/// One move of a descriptor in a child: dup2(from, to), the copy without close-on-exec.
struct cposix_move {
    int from, to;
};
/// Everything between fork and exec, as data. The child half allocates nothing and calls only
/// async-signal-safe functions; see spawn.c.
struct cposix_child_image {
    const char *_Nonnull path;
    char *_Nullable const *_Nonnull arguments;
    /// /bin/sh, the path, and the arguments behind the first.
    char *_Nullable const *_Nonnull shell_arguments;
    char *_Nullable const *_Nonnull environment;
    const struct cposix_move *_Nullable moves;
    unsigned move_count;
    /// For a program of others: a session of its own, and no descriptor from this number on; 0 for neither.
    unsigned close_from;
    /// Whether it runs as this user and group, and with no other group; never 0.
    int changes_identity;
    uint32_t uid, gid;
};
/// What stopped the child before exec.
enum cposix_spawn_stage { CPOSIX_STAGE_FORK, CPOSIX_STAGE_MOVE, CPOSIX_STAGE_IDENTITY, CPOSIX_STAGE_EXEC };
struct cposix_spawn_failure {
    int stage, error, descriptor;
};
/// The child's pid (it may already be gone: then failure->error is set, and it exits with 1), or
/// -errno when there is no child.
int cposix_spawn(const struct cposix_child_image *_Nonnull image, struct cposix_spawn_failure *_Nonnull failure);

// MARK: another program in this process

/// memfd_create(2), close-on-exec; may be sealed.
int cposix_memory_file(const char *_Nonnull name);
/// fcntl(2) F_ADD_SEALS: neither size nor bytes change any more.
int cposix_seal(int fd);
/// 1 if `fd` has all these seals, 0 if it has not or cannot have any.
int cposix_is_sealed(int fd);
/// readlink(2) of /proc/self/exe: bytes written.
long cposix_own_path(char *_Nonnull buffer, size_t size);
/// execve(2): returns only when it failed.
int cposix_execute(const char *_Nonnull path, char *_Nullable const *_Nonnull arguments,
                   char *_Nullable const *_Nonnull environment);
/// execveat(2) of an open program, whatever has become of its name.
int cposix_execute_open(int program, char *_Nullable const *_Nonnull arguments,
                        char *_Nullable const *_Nonnull environment);

// MARK: the last resorts (watchdog.c)

/// Catches SIGILL, SIGBUS, SIGSEGV: leaves a last line, terminates the process group like any fatal signal, then dies
/// of it.
int cposix_catch_crashes(int whole_group);
/// Of these SIGBUS alone: for a process that wants its guards to work, and otherwise to die as usual.
int cposix_catch_bus_errors(void);
/// Where standard error is /dev/null, it becomes a file of fixed size in memory, whose last lines are logged when
/// SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS or SIGFPE ends the process. Programs that cposix_spawn starts get
/// /dev/null. 0 also where somebody looks at standard error, and nothing was done.
int cposix_keep_errors(void);
/// How such a line begins, up to the text.
void cposix_words_before_errors(const char *_Nonnull text, size_t size);
/// Arms the watchdog: SIGALRM every `seconds`/3. After three periods in which cposix_watchdog_pat was
/// not called and the loop was not waiting, leaves a last line and exits 1.
int cposix_watchdog_start(unsigned seconds);
/// Where last lines go: to the plain file of a path that is not empty, or else to `log_fd` (send with MSG_DONTWAIT, or
/// write).
void cposix_last_words_go_to(int log_fd, const char *_Nonnull path, size_t size);
/// What is said when the watchdog bites, and when the process crashes: there the signal's number is put behind it.
void cposix_words_when_stuck(const char *_Nonnull text, size_t size);
void cposix_words_when_crashed(const char *_Nonnull text, size_t size);
extern volatile unsigned cposix_watchdog_turns;
extern volatile int cposix_watchdog_waiting;
static inline void cposix_watchdog_pat(void) { cposix_watchdog_turns = cposix_watchdog_turns + 1; }
static inline void cposix_watchdog_wait(int waiting) { cposix_watchdog_waiting = waiting; }
/// A fatal signal was seen: SIGALRM kills us in `seconds`, whatever happens next.
void cposix_self_destruct(unsigned seconds);

// MARK: clocks and names

int64_t cposix_monotonic_nanoseconds(void);
/// CLOCK_REALTIME, in milliseconds since 1970.
int64_t cposix_real_milliseconds(void);
/// strftime(3) of local time into `buffer`: bytes written.
size_t cposix_format_time(char *_Nonnull buffer, size_t size, const char *_Nonnull format, int64_t seconds);
/// Message of strerror(3) for a positive error number: bytes written.
size_t cposix_error_text(int error, char *_Nonnull buffer, size_t size);
/// getaddrinfo's own error text.
const char *_Nonnull cposix_resolver_error(int code);

/// environ(7); NULL after clearenv(3).
char *_Nullable const *_Nullable cposix_environment(void);

// MARK: exclusive wake-ups (epoll.c)

/// 1 if `fd` is an epoll instance; needs no /proc, which a chroot may lack.
int cposix_is_epoll(int fd);
/// epoll_ctl(2): EPOLLIN, with EPOLLEXCLUSIVE where wanted, and the descriptor as data, as libevent 2.1 stores it.
int cposix_epoll_add(int epoll, int fd, int exclusively);
int cposix_epoll_delete(int epoll, int fd);

// MARK: memory (memory.c)

/// Gives back what only the start needed: free memory of the heap (malloc_trim(3)), the unused part of the stack, and
/// the pages of programs and libraries that are mapped but not written to (madvise(2) MADV_DONTNEED); those that are
/// used again come back from the page cache.
void cposix_forget_start(void);

// MARK: a terminal to draw on (terminal.c)

/// Keys from `input` come at once and unseen, and `output` shows another screen, until cposix_terminal_leave or a
/// signal that ends the process.
int cposix_terminal_enter(int input, int output);
void cposix_terminal_leave(void);
/// What Control-Z does: stops the process, with the terminal as it was before; it comes back with SIGCONT.
void cposix_terminal_suspend(void);
int cposix_terminal_size(int fd, int *_Nonnull columns, int *_Nonnull rows);

#endif
