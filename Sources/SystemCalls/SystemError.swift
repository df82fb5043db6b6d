//===----------------------------------------------------------------------===//
// Quartermaster: SystemCalls, typed and owned one-to-one system calls
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// What failed: which call, with which error number. Two trivial fields; text is made only when it is logged.
package struct SystemError: Error, Equatable, Sendable {
    package let call: SystemCall
    package let code: Errno

    package init(_ call: SystemCall, _ code: Errno) {
        self.call = call
        self.code = code
    }

    /// strerror(3) of the code, as `%m` prints it.
    package var reason: String { errorText(code.rawValue) }

    /// Whether descriptors or memory are short, which passes: the same call may succeed next time.
    package var isShortage: Bool {
        switch code {
        case .tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory, .noBufferSpace, .resourceTemporarilyUnavailable:
            true
        default: false
        }
    }
}

extension SystemError: CustomStringConvertible {
    package var description: String { "\(call.rawValue): \(reason)" }
}

/// The calls that an error can be about, by the name of their manual page: those of this room, of libevent's functions
/// and, at the end, of the load generator.
package enum SystemCall: String, Sendable {
    case accept4, bind, chdir, chmod, chroot, close, closeRange = "close_range", connect, dup2
    case epollControl = "epoll_ctl", epollWait = "epoll_wait", eventAdd = "event_add", eventBase = "event_base_new"
    case execve, execveat, memfdCreate = "memfd_create"
    case fallocate = "posix_fallocate", fchmod, fchown, fcntl, flock, fork, fstat, ftruncate, getgrnam = "getgrnam_r",
        getgrgid = "getgrgid_r", getifaddrs, getpeername, getpwnam = "getpwnam_r"
    case getpwuid = "getpwuid_r", getsockname, getsockopt, initgroups, ioctl, kill, listen, lseek, lstat, mkfifo, mmap,
        open, pidfdOpen =
        "pidfd_open", pipe,
        poll, prctl, pread, read, recv
    case recvmmsg, recvmsg, rename, send, sendmmsg, sendmsg, setegid, seteuid, setgid, setgroups, setitimer, setrlimit
    case setsid, setsockopt, setuid, shutdown, sigaction, sigprocmask, sockDiag = "sock_diag", socket, socketpair
    case readlink, spawn = "fork and exec", stat, tcsetattr, unlink, waitpid, write, writev
    case reserve = "fallocate", openat, fstatat, renameat, unlinkat, pwrite, fdatasync, fsync, syncFileRange =
        "sync_file_range"
    case timerfdCreate = "timerfd_create", timerfdSettime = "timerfd_settime", pthreadCreate = "pthread_create"
}

/// What a read or write came to. Would-block is an answer, not an error.
package enum Transfer: Equatable, Sendable {
    case bytes(Int)
    case endOfFile
    case wouldBlock
}
