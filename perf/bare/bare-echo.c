//===----------------------------------------------------------------------===//
// Quartermaster: the reads and writes of echo, and nothing else
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// bare-echo unix:PATH | tcp:ADDRESS:PORT
//
// Writes back what it has read. It leaves out waiting for a slow reader (a client that does not take its bytes at once
// is dropped) and all that bare.c lists.

#include "../../Benchmarks/CPeers/loop.h"

#include <stdio.h>

static const char *answer(const char *bytes, size_t length, size_t *answer_length)
{
    *answer_length = length;
    return bytes;
}

int main(int count, char **arguments)
{
    if (count != 2) {
        fprintf(stderr, "usage: bare-echo unix:PATH | tcp:ADDRESS:PORT\n");
        return 1;
    }
    const struct bare_stream echo = {.greeting = "", .answer = answer};
    bare_serve(bare_base(), bare_listen(arguments[1]), &echo);
    return 0;
}
