//===----------------------------------------------------------------------===//
// Quartermaster: a daemon that writes down everything master gave it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//
//
// Started by a master as the program of a service, it first writes a dump of what it inherited to
// `wire.<service>.<number>` in its working directory, one fact a line, pid-like values replaced by words.
// Then it is a minimal well-behaved child: it answers each client with its pid and its stress state, holds the
// client until it goes away, reports TAKEN and AVAIL, and leaves at the end of the status channel.
//
// `wire-probe --touch TYPE PATH-OR-ADDRESS:PORT` is the client side: it makes a service of that type do its work
// once and prints what the service says first. `--hold` does the same and keeps the connection until it is ended.

#define _GNU_SOURCE
#include "probe.h"

#include <string.h>

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "--touch") == 0) return probe_touch(argv[2], argv[3], 0);
    if (argc == 4 && strcmp(argv[1], "--hold") == 0) return probe_touch(argv[2], argv[3], 1);
    struct probe_service service = probe_service_from(argc, argv);
    probe_dump(&service, argc, argv);
    return probe_serve(&service);
}
