//===----------------------------------------------------------------------===//
// Quartermaster: finding a peer
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#include "internal.h"

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
    [CPEERS_SLAB_CHURN] = &cpeers_slab_churn,
    [CPEERS_SLAB_LOOKUP] = &cpeers_slab_lookup,
    [CPEERS_POLICY_PARSE] = &cpeers_policy_parse,
    [CPEERS_POLICY_LIST] = &cpeers_policy_list,
    [CPEERS_POLICY_STRANGER] = &cpeers_policy_stranger,
    [CPEERS_POLICY_EVICTING] = &cpeers_policy_evicting,
    [CPEERS_POLICY_KNOWN] = &cpeers_policy_known,
    [CPEERS_POLICY_RATE] = &cpeers_policy_rate,
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

void *cpeers_zeroed(size_t count, size_t size) {
    void *block = calloc(count, size);
    if (block == NULL)
        loop_fail("calloc");
    return block;
}
