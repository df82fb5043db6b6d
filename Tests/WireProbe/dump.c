//===----------------------------------------------------------------------===//
// Quartermaster: the wire probe's dump of what a child inherits
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#define _GNU_SOURCE
#include "probe.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

extern char **environ;

static int compare_texts(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void dump_command(FILE *out, int argc, char **argv) {
    for (int i = 0; i < argc; i++) fprintf(out, "argv[%d]: %s\n", i, argv[i]);
    size_t count = 0;
    while (environ[count]) count++;
    char **sorted = calloc(count + 1, sizeof *sorted);
    memcpy(sorted, environ, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_texts);
    for (size_t i = 0; i < count; i++) fprintf(out, "environment: %s\n", sorted[i]);
    free(sorted);
}

static const char *whose(pid_t id) {
    return id == getppid() ? "master's" : id == getpid() ? "its own" : "somebody else's";
}

static void dump_identity(FILE *out) {
    char path[4096];
    if (getcwd(path, sizeof path)) fprintf(out, "working directory: %s\n", path);
    mode_t mask = umask(0);
    umask(mask);
    fprintf(out, "umask: %03o\n", (unsigned)mask);
    fprintf(out, "process group: %s\nsession: %s\n", whose(getpgrp()), whose(getsid(0)));
    uid_t real, effective, saved;
    getresuid(&real, &effective, &saved);
    fprintf(out, "user: real %u effective %u saved %u\n", real, effective, saved);
    gid_t group, effective_group, saved_group, groups[64];
    getresgid(&group, &effective_group, &saved_group);
    fprintf(out, "group: real %u effective %u saved %u\ngroups:", group, effective_group, saved_group);
    int count = getgroups(64, groups);
    for (int i = 0; i < count; i++) fprintf(out, " %u", groups[i]);
    fprintf(out, "\nnice: %d\n", getpriority(PRIO_PROCESS, 0));
    int death_signal = 0;
    prctl(PR_GET_PDEATHSIG, &death_signal);
    struct itimerval timer;
    getitimer(ITIMER_REAL, &timer);
    fprintf(out, "parent death signal: %d\n", death_signal);
    fprintf(out, "no new privileges: %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    fprintf(out, "dumpable: %d\n", prctl(PR_GET_DUMPABLE));
    fprintf(out, "alarm: %s\n", timer.it_value.tv_sec || timer.it_value.tv_usec ? "armed" : "none");
}

/// Signal masks and capabilities, as the kernel prints them.
static void dump_kernel_view(FILE *out) {
    static const char *const keys[] = {"SigPnd:", "ShdPnd:", "SigBlk:", "SigIgn:", "SigCgt:", "CapInh:",
                                       "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "Seccomp:", "Threads:"};
    FILE *status = fopen("/proc/self/status", "re");
    char line[512];
    while (status && fgets(line, sizeof line, status)) {
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
            if (strncmp(line, keys[i], strlen(keys[i])) == 0) fprintf(out, "kernel: %s", line);
        }
    }
    if (status) fclose(status);
}

static void dump_limits(FILE *out) {
    for (int resource = 0; resource < RLIM_NLIMITS; resource++) {
        struct rlimit limit;
        if (getrlimit(resource, &limit) < 0) continue;
        fprintf(out, "limit %d%s: %lld %lld\n", resource, resource == RLIMIT_NOFILE ? " (open files)" : "",
                (long long)limit.rlim_cur, (long long)limit.rlim_max);
    }
}

static int option(int descriptor, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    return getsockopt(descriptor, level, name, &value, &size) < 0 ? -1 : value;
}

static void print_address(FILE *out, const char *label, const struct sockaddr_storage *address, socklen_t size) {
    char host[INET6_ADDRSTRLEN] = "";
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        fprintf(out, "%s %s port %u", label, host, ntohs(in->sin_port));
    } else if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)address;
        inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof host);
        fprintf(out, "%s %s port %u", label, host, ntohs(in->sin6_port));
    } else {
        const char *path = ((const struct sockaddr_un *)address)->sun_path;
        size_t length = size - offsetof(struct sockaddr_un, sun_path);
        fprintf(out, "%s \"%.*s\"", label, (int)strnlen(path, length), path);
        struct stat file;
        if (length > 0 && path[0] && stat(path, &file) == 0)
            fprintf(out, " mode %06o owner %u:%u", file.st_mode, file.st_uid, file.st_gid);
    }
}

static void dump_socket(FILE *out, int fd) {
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    fprintf(out, " domain %d type %d protocol %d listening %d", option(fd, SOL_SOCKET, SO_DOMAIN),
            option(fd, SOL_SOCKET, SO_TYPE), option(fd, SOL_SOCKET, SO_PROTOCOL),
            option(fd, SOL_SOCKET, SO_ACCEPTCONN));
    fprintf(out, " reuseaddr %d reuseport %d keepalive %d linger %d sndbuf %d rcvbuf %d",
            option(fd, SOL_SOCKET, SO_REUSEADDR), option(fd, SOL_SOCKET, SO_REUSEPORT),
            option(fd, SOL_SOCKET, SO_KEEPALIVE), option(fd, SOL_SOCKET, SO_LINGER),
            option(fd, SOL_SOCKET, SO_SNDBUF), option(fd, SOL_SOCKET, SO_RCVBUF));
    fprintf(out, " passcred %d timestamp %d", option(fd, SOL_SOCKET, SO_PASSCRED),
            option(fd, SOL_SOCKET, SO_TIMESTAMP));
    if (getsockname(fd, (struct sockaddr *)&address, &size) == 0) print_address(out, " name", &address, size);
    if (address.ss_family == AF_INET || address.ss_family == AF_INET6) {
        struct tcp_info info;
        socklen_t info_size = sizeof info;
        if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &info_size) == 0)
            fprintf(out, " backlog %u", info.tcpi_sacked);
        fprintf(out, " defer_accept %d nodelay %d", option(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT),
                option(fd, IPPROTO_TCP, TCP_NODELAY));
        if (address.ss_family == AF_INET6) fprintf(out, " v6only %d", option(fd, IPPROTO_IPV6, IPV6_V6ONLY));
    }
    size = sizeof address;
    if (getpeername(fd, (struct sockaddr *)&address, &size) == 0) fprintf(out, " connected");
    struct ucred peer;
    size = sizeof peer;
    if (fd == PROBE_STATUS && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0)
        fprintf(out, " peer %s %u:%u", whose(peer.pid), peer.uid, peer.gid);
}

/// Replaces the inode of a pipe or socket by the first descriptor that has the same one.
static int first_with_inode(int fd, ino_t inode) {
    for (int other = 0; other < fd; other++) {
        struct stat file;
        if (fstat(other, &file) == 0 && file.st_ino == inode && (S_ISFIFO(file.st_mode) || S_ISSOCK(file.st_mode)))
            return other;
    }
    return fd;
}

static void dump_descriptor(FILE *out, int fd) {
    struct stat file;
    char path[64], target[4096];
    if (fstat(fd, &file) < 0) return;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(path, target, sizeof target - 1);
    target[length < 0 ? 0 : length] = 0;
    char *number = strchr(target, '[');
    if (number && target[0] != '/') *number = 0;
    fprintf(out, "descriptor %d: %s", fd, target);
    if (number && target[0] != '/') fprintf(out, "same as %d", first_with_inode(fd, file.st_ino));
    fprintf(out, " flags %o close-on-exec %d", fcntl(fd, F_GETFL), fcntl(fd, F_GETFD) & FD_CLOEXEC);
    fprintf(out, " owner %d signal %d", fcntl(fd, F_GETOWN), fcntl(fd, F_GETSIG));
    if (S_ISFIFO(file.st_mode)) {
        int pending = -1;
        ioctl(fd, FIONREAD, &pending);
        fprintf(out, " mode %06o owner %u:%u size %d pending %d", file.st_mode, file.st_uid, file.st_gid,
                fcntl(fd, F_GETPIPE_SZ), pending);
    }
    if (S_ISSOCK(file.st_mode)) dump_socket(out, fd);
    fprintf(out, "\n");
}

/// All descriptors, found before the dump opened any of its own.
static int open_descriptors(int *list, int room) {
    DIR *directory = opendir("/proc/self/fd");
    if (!directory) return 0;
    int count = 0;
    for (struct dirent *entry; (entry = readdir(directory)) && count < room;) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] != '.' && fd != dirfd(directory)) list[count++] = fd;
    }
    closedir(directory);
    return count;
}

static int compare_numbers(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

void probe_dump(const struct probe_service *service, int argc, char **argv) {
    int descriptors[256];
    int count = open_descriptors(descriptors, 256);
    qsort(descriptors, (size_t)count, sizeof *descriptors, compare_numbers);
    char name[256], draft[320], final[320];
    snprintf(name, sizeof name, "%s", service->name);
    for (char *c = name; *c; c++) if (*c == '/') *c = '_';
    snprintf(draft, sizeof draft, "wire-draft.%s.%d", name, getpid());
    FILE *out = fopen(draft, "we");
    if (!out) return;
    dump_command(out, argc, argv);
    dump_identity(out);
    dump_kernel_view(out);
    dump_limits(out);
    for (int i = 0; i < count; i++) dump_descriptor(out, descriptors[i]);
    fclose(out);
    for (int number = 1; number < 1000; number++) {
        snprintf(final, sizeof final, "wire.%s.%d", name, number);
        if (link(draft, final) == 0) break;
    }
    unlink(draft);
}
