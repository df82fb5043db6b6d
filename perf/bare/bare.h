//===----------------------------------------------------------------------===//
// Quartermaster: what the bare loops share
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// The bare loops are a yardstick, not servers: one process, one libevent base, and only the reads and writes of an
// exchange. What a pre-forked daemon needs beyond that is left out on purpose: no master above it and no status
// protocol, no limits on clients, idle time or use, no watchdog, no privileges, no configuration, no logging.

#ifndef BARE_H
#define BARE_H

#include "../../Benchmarks/CPeers/loop.h"

/// What a stream loop says to a new client, and what it answers to `length` bytes it has read. An answer is always
/// written at once and whole; a client that does not take it is dropped.
struct bare_stream {
    const char *greeting;
    const char *(*answer)(const char *bytes, size_t length, size_t *answer_length);
};

/// A base that SIGTERM and SIGINT end.
struct event_base *bare_base(void);

/// A bound and listening socket, non-blocking and close-on-exec. `where` is `unix:PATH` or `tcp:ADDRESS:PORT`.
int bare_listen(const char *where);

/// Serves `listener` until a signal says stop.
void bare_serve(struct event_base *base, int listener, const struct bare_stream *stream);

#endif
