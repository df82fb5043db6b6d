//===----------------------------------------------------------------------===//
// Quartermaster: what the files of the peers share
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#ifndef CPEERS_INTERNAL_H
#define CPEERS_INTERNAL_H

#define _GNU_SOURCE
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
    cpeers_status_net_effect, cpeers_main_cf, cpeers_master_cf, cpeers_expansion, cpeers_slab_churn,
    cpeers_slab_lookup;

/// Says what failed and why, and ends the process.
_Noreturn void cpeers_fail(const char *what);
/// calloc(3) and realloc(3) that do not fail.
void *cpeers_zeroed(size_t count, size_t size);
void *cpeers_resized(void *block, size_t size);
char *cpeers_copied(const char *text, size_t size);

/// A base with the flags that ours has.
struct event_base *cpeers_new_base(void);

// The dictionary of main.cf: names and values, and the line of each.

struct cpeers_entry {
    char *name, *value;
    struct cpeers_entry *next;
    int line;
};
struct cpeers_dictionary {
    struct cpeers_entry **buckets;
    size_t bucket_count, count;
};

/// Returns NULL when there is no such name.
const char *cpeers_look_up(const struct cpeers_dictionary *dictionary, const char *name, size_t size);
void cpeers_parse_main_cf(struct cpeers_dictionary *dictionary, const char *text, size_t size);
void cpeers_free_dictionary(struct cpeers_dictionary *dictionary);

/// The next logical line of `text` from `*position` on, gathered in `*line` (reused; grows). Returns its length,
/// 0 at the end, and moves `*number`, the physical lines read so far.
struct cpeers_line {
    char *bytes;
    size_t size, capacity;
    int first_number;
};
int cpeers_next_line(struct cpeers_line *line, const char *text, size_t size, size_t *position, int *number);

#endif
