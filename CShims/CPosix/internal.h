//===----------------------------------------------------------------------===//
// Quartermaster: what the C files of CPosix share and Swift does not see
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//
//
// The system headers stay out of cposix.h: other modules import them too, under other feature macros.

#ifndef CPOSIX_INTERNAL_H
#define CPOSIX_INTERNAL_H

#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cposix.h"

/// What standard error was before this process kept it in memory, for programs that it starts; -1 when it does not.
extern int cposix_errors_for_children;

#define CPOSIX_RESULT(call) ((call) == -1 ? -errno : 0)
#define CPOSIX_VALUE(type, call) \
    type value = (type)(call);   \
    return value == -1 ? -(type)errno : value

#endif
