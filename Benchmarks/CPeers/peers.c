//===----------------------------------------------------------------------===//
// Quartermaster: finding a peer, and failing
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#include "internal.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cpeers_peer {
    const struct cpeers_kind *kind;
    void *state;
};

static const struct cpeers_kind *const kinds[] = {
    [CPEERS_LOOP_TURN] = &cpeers_loop_turn,
    [CPEERS_TIMER_ADD_CANCEL] = &cpeers_timer_add_cancel,
    [CPEERS_TIMER_FIRE] = &cpeers_timer_fire,
    [CPEERS_ACCEPT] = &cpeers_accept,
    [CPEERS_CONNECTION] = &cpeers_connection,
    [CPEERS_DATAGRAMS] = &cpeers_datagrams,
    [CPEERS_DATAGRAM_LINES] = &cpeers_datagram_lines,
    [CPEERS_STATUS_ENCODE] = &cpeers_status_encode,
    [CPEERS_STATUS_DECODE] = &cpeers_status_decode,
    [CPEERS_STATUS_NET_EFFECT] = &cpeers_status_net_effect,
    [CPEERS_MAIN_CF] = &cpeers_main_cf,
    [CPEERS_MASTER_CF] = &cpeers_master_cf,
    [CPEERS_EXPANSION] = &cpeers_expansion,
    [CPEERS_SLAB_CHURN] = &cpeers_slab_churn,
    [CPEERS_SLAB_LOOKUP] = &cpeers_slab_lookup,
};

struct cpeers_peer *cpeers_make(enum cpeers_operation operation, const void *input, int64_t size) {
    struct cpeers_peer *peer = cpeers_zeroed(1, sizeof *peer);
    peer->kind = kinds[operation];
    peer->state = peer->kind->make(input, size);
    return peer;
}

void cpeers_prepare(struct cpeers_peer *peer) {
    if (peer->kind->prepare != NULL)
        peer->kind->prepare(peer->state);
}

int64_t cpeers_run(struct cpeers_peer *peer, int64_t times) { return peer->kind->run(peer->state, times); }

void cpeers_destroy(struct cpeers_peer *peer) {
    peer->kind->destroy(peer->state);
    free(peer);
}

void cpeers_fail(const char *what) {
    fprintf(stderr, "micro-benchmark: %s: %s\n", what, strerror(errno));
    exit(111);
}

void *cpeers_zeroed(size_t count, size_t size) {
    void *block = calloc(count, size);
    if (block == NULL)
        cpeers_fail("calloc");
    return block;
}

void *cpeers_resized(void *block, size_t size) {
    void *resized = realloc(block, size);
    if (resized == NULL)
        cpeers_fail("realloc");
    return resized;
}

char *cpeers_copied(const char *text, size_t size) {
    char *copy = malloc(size + 1);
    if (copy == NULL)
        cpeers_fail("malloc");
    memcpy(copy, text, size);
    copy[size] = 0;
    return copy;
}
