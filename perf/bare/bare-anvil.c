//===----------------------------------------------------------------------===//
// Quartermaster: the reads and writes of anvil, and nothing else
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// bare-anvil unix:PATH | tcp:ADDRESS:PORT
//
// Greets a client with anvil's announcement and answers each read with a reply of the shape a `connect` request gets.
// It leaves out what anvil is for: it does not parse the request (one read counts as one request), keeps no table of
// clients, counts nothing, expires nothing and reports no peaks; and it leaves out all that bare.c lists.

#include "../../Benchmarks/CPeers/loop.h"

#include <stdio.h>

static const char reply[] = "status=0\ncount=1\nrate=1\n\n";

static const char *answer(const char *bytes, size_t length, size_t *answer_length)
{
    (void)bytes;
    (void)length;
    *answer_length = sizeof reply - 1;
    return reply;
}

int main(int count, char **arguments)
{
    if (count != 2) {
        fprintf(stderr, "usage: bare-anvil unix:PATH | tcp:ADDRESS:PORT\n");
        return 1;
    }
    const struct bare_stream anvil = {.greeting = "protocol=anvil_protocol\n\n", .answer = answer};
    bare_serve(bare_base(), bare_listen(arguments[1]), &anvil);
    return 0;
}
