//===----------------------------------------------------------------------===//
// Quartermaster: status records in plain C
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#include "internal.h"
#include <stdlib.h>
#include <string.h>

struct record {
    int32_t pid;
    uint32_t generation;
    int32_t availability;
};

enum { CHILDREN = 100, TABLE = 256 };

// A table of children by pid, as a master would keep it, and one service with its number of idle children.
// Left out: out-of-step channels, retired children, counters, notes.

struct child {
    int32_t pid;
    uint32_t generation;
    int32_t service, is_idle;
};
struct status {
    const unsigned char *records;
    int64_t size;
    unsigned char encoded[sizeof(struct record)];
    struct child children[TABLE];
    int32_t idle;
    int is_watching;
    int64_t applied, watch_changes;
};

static unsigned home_of(int32_t pid) { return ((uint32_t)pid * 0x9E3779B1u >> 8) & (TABLE - 1); }

static struct child *find(struct status *status, int32_t pid) {
    for (unsigned slot = home_of(pid); status->children[slot].pid != 0; slot = (slot + 1) & (TABLE - 1))
        if (status->children[slot].pid == pid)
            return &status->children[slot];
    return NULL;
}

static void *make_status(const void *input, int64_t size) {
    struct status *status = cpeers_zeroed(1, sizeof *status);
    status->records = input;
    status->size = size;
    for (int32_t i = 0; i < CHILDREN; i++) {
        unsigned slot = home_of(1000 + i);
        while (status->children[slot].pid != 0)
            slot = (slot + 1) & (TABLE - 1);
        status->children[slot] = (struct child){1000 + i, (uint32_t)i + 1, 0, 1};
    }
    status->idle = CHILDREN;
    return status;
}

static int64_t encode(void *state, int64_t times) {
    struct status *status = state;
    int64_t sum = 0;
    for (int64_t i = 0; i < times; i++) {
        struct record record = {1000, (uint32_t)i, (int32_t)(i & 1)};
        memcpy(status->encoded, &record, sizeof record);
        // Keeps the compiler from leaving out bytes that are not read.
        __asm__ volatile("" : : "r"(status->encoded) : "memory");
        sum += status->encoded[8];
    }
    return sum;
}

static int64_t decode(void *state, int64_t times) {
    struct status *status = state;
    int64_t sum = 0;
    for (int64_t i = 0; i < times; i++) {
        for (int64_t offset = 0; offset + (int64_t)sizeof(struct record) <= status->size;
             offset += sizeof(struct record)) {
            struct record record;
            memcpy(&record, status->records + offset, sizeof record);
            if (record.availability == 0 || record.availability == 1)
                sum += record.pid + record.availability;
        }
        __asm__ volatile("" : : "r"(status->records) : "memory");
    }
    return sum;
}

static void apply(struct status *status, const struct record *record) {
    struct child *child = find(status, record->pid);
    if (child == NULL || child->generation != record->generation || child->service != 0)
        return;
    if (record->availability != 0 && record->availability != 1)
        return;
    if (child->is_idle == record->availability)
        return;
    child->is_idle = record->availability;
    status->idle += record->availability ? 1 : -1;
    status->applied += 1;
}

static int64_t net_effect(void *state, int64_t times) {
    struct status *status = state;
    status->applied = 0;
    for (int64_t i = 0; i < times; i++) {
        for (int64_t offset = 0; offset + (int64_t)sizeof(struct record) <= status->size;
             offset += sizeof(struct record)) {
            struct record record;
            memcpy(&record, status->records + offset, sizeof record);
            apply(status, &record);
        }
        int is_uncovered = status->idle == 0;
        if (is_uncovered != status->is_watching) {
            status->is_watching = is_uncovered;
            status->watch_changes += 1;
        }
    }
    return status->applied;
}

static void destroy_status(void *state) { free(state); }

const struct cpeers_kind cpeers_status_encode = {make_status, NULL, encode, destroy_status};
const struct cpeers_kind cpeers_status_decode = {make_status, NULL, decode, destroy_status};
const struct cpeers_kind cpeers_status_net_effect = {make_status, NULL, net_effect, destroy_status};
