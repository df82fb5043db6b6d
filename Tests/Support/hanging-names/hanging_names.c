//===----------------------------------------------------------------------===//
// Quartermaster: a resolver that hangs or is slow, to be preloaded
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//
//
// Hosts whose name begins with "hangs." never get an answer; those that begin with "slow." are 127.0.0.1 after a
// while. All others are asked for as ever.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

typedef int lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **list) {
    lookup *real = (lookup *)dlsym(RTLD_NEXT, "getaddrinfo");
    int is_numeric = hints && (hints->ai_flags & AI_NUMERICHOST);
    if (host && !is_numeric && strncmp(host, "hangs.", 6) == 0)
        for (;;)
            pause();
    if (host && !is_numeric && strncmp(host, "slow.", 5) == 0) {
        usleep(300 * 1000);
        host = "127.0.0.1";
    }
    return real(host, service, hints, list);
}
