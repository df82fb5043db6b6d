//===----------------------------------------------------------------------===//
// Quartermaster: the duties of anvil, in plain C
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#ifndef DUTIES_H
#define DUTIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// The text after `ident=`, in the memory it was read into.
struct ident {
    const char *bytes;
    size_t length;
};

enum verdict { REQUEST_INCOMPLETE, REQUEST_MALFORMED, REQUEST_WHOLE };

/// What a request says. `size` bytes of the input are dealt with.
struct request {
    enum { REQUEST_CONNECT, REQUEST_DISCONNECT, REQUEST_UNKNOWN } kind;
    struct ident ident;
    size_t size;
};

/// Finds one request, `request=<name> LF ident=<text> LF LF`, at the front of the input.
enum verdict request_parse(const char *bytes, size_t length, struct request *request);

/// No record.
enum { NO_RECORD = UINT32_MAX };

struct figures {
    uint32_t count, rate;
};

/// An empty table of clients; rates are counted over `unit` seconds.
void table_start(int64_t unit);

/// Counts a connection of this client; returns its record.
uint32_t table_connect(struct ident ident, int64_t now, struct figures *figures);

/// NO_RECORD when the client is not known.
uint32_t table_find(struct ident ident);

/// Gives one connection back. A record without connections stays for one more unit of time.
void table_disconnect(uint32_t record, int64_t now);

/// Forgets the records whose time is over.
void table_expire(int64_t now);

/// Puts the channel to a process that reads reports, as master(8) would, in place; the caller goes on in its child.
/// Returns the channel, which becomes readable when that process is gone.
int status_start(void);

/// One report: busy, or idle again. False: nobody listens any more.
bool status_report(bool is_available);

#endif
