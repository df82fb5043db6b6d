//===----------------------------------------------------------------------===//
// Quartermaster: what the files of the peers share
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#ifndef CPEERS_INTERNAL_H
#define CPEERS_INTERNAL_H

#include "loop.h"

#include "cpeers.h"

/// One kind of peer. `prepare` may be NULL.
struct cpeers_kind {
    void *(*make)(const void *input, int64_t size);
    void (*prepare)(void *state);
    int64_t (*run)(void *state, int64_t times);
    void (*destroy)(void *state);
};

extern const struct cpeers_kind cpeers_loop_turn, cpeers_timer_add_cancel, cpeers_timer_fire, cpeers_accept,
    cpeers_connection, cpeers_datagrams, cpeers_datagram_lines, cpeers_status_encode, cpeers_status_decode,
    cpeers_status_net_effect, cpeers_slab_churn,
    cpeers_slab_lookup, cpeers_policy_parse, cpeers_policy_list, cpeers_policy_stranger, cpeers_policy_evicting,
    cpeers_policy_known, cpeers_policy_rate;

/// calloc(3) that does not fail.
void *cpeers_zeroed(size_t count, size_t size);

#endif
