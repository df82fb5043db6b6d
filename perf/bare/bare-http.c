//===----------------------------------------------------------------------===//
// Quartermaster: the reads and writes of a small HTTP answer, and nothing else
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// bare-http unix:PATH | tcp:ADDRESS:PORT
//
// Answers each read with one HTTP response that keeps the connection, of about the length of nginx's for `return`.
// It leaves out all of HTTP: it does not parse the request (one read counts as one request), knows no time of day and
// closes only when the client does; and it leaves out all that bare.c lists.

#include "../../Benchmarks/CPeers/loop.h"

#include <stdio.h>

static const char response[] =
    "HTTP/1.1 200 OK\r\n"
    "Server: bare-http/1.0.0\r\n"
    "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
    "Content-Type: text/plain\r\n"
    "Content-Length: 3\r\n"
    "Connection: keep-alive\r\n"
    "\r\n"
    "ok\n";

static const char *answer(const char *bytes, size_t length, size_t *answer_length)
{
    (void)bytes;
    (void)length;
    *answer_length = sizeof response - 1;
    return response;
}

int main(int count, char **arguments)
{
    if (count != 2) {
        fprintf(stderr, "usage: bare-http unix:PATH | tcp:ADDRESS:PORT\n");
        return 1;
    }
    const struct bare_stream http = {.greeting = "", .answer = answer};
    bare_serve(bare_base(), bare_listen(arguments[1]), &http);
    return 0;
}
