//===----------------------------------------------------------------------===//
// Quartermaster: elements in slots, in plain C
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#include "internal.h"
#include <stdlib.h>

// An array of elements with a free list and a generation for each slot.

struct element {
    int64_t uses;
    int64_t rest[5];
};
struct slot {
    struct element element;
    uint32_t generation, next_free;
    int is_taken;
};
struct name {
    uint32_t index, generation;
};
struct slab {
    struct slot *slots;
    struct name *names;
    uint32_t first_free;
    int64_t count;
    uint64_t seed;
};

static struct name insert(struct slab *slab, const struct element *element) {
    uint32_t index = slab->first_free;
    struct slot *slot = &slab->slots[index];
    slab->first_free = slot->next_free;
    slot->is_taken = 1;
    slot->element = *element;
    return (struct name){index, slot->generation};
}

static struct element *look_up(struct slab *slab, struct name name) {
    struct slot *slot = &slab->slots[name.index];
    return slot->is_taken && slot->generation == name.generation ? &slot->element : NULL;
}

static void discard(struct slab *slab, struct name name) {
    if (look_up(slab, name) == NULL)
        return;
    struct slot *slot = &slab->slots[name.index];
    slot->is_taken = 0;
    slot->generation += 1;
    slot->next_free = slab->first_free;
    slab->first_free = name.index;
}

static void *make_slab(const void *input, int64_t count) {
    struct slab *slab = cpeers_zeroed(1, sizeof *slab);
    (void)input;
    slab->count = count;
    slab->slots = cpeers_zeroed((size_t)count + 1, sizeof *slab->slots);
    slab->names = cpeers_zeroed((size_t)count, sizeof *slab->names);
    for (uint32_t i = 0; i <= count; i++)
        slab->slots[i].next_free = i + 1;
    for (int64_t i = 0; i < count; i++)
        slab->names[i] = insert(slab, &(struct element){0});
    return slab;
}

static int64_t churn(void *state, int64_t times) {
    struct slab *slab = state;
    int64_t sum = 0;
    for (int64_t i = 0; i < times; i++) {
        struct element element = {.uses = i};
        struct name name = insert(slab, &element);
        __asm__ volatile("" : : "r"(slab->slots) : "memory");
        sum += look_up(slab, name)->uses;
        discard(slab, name);
    }
    return sum;
}

static int64_t look_up_many(void *state, int64_t times) {
    struct slab *slab = state;
    int64_t found = 0;
    for (int64_t i = 0; i < times; i++) {
        slab->seed = cpeers_next_random(slab->seed);
        struct element *element = look_up(slab, slab->names[(slab->seed >> 33) % (uint64_t)slab->count]);
        if (element != NULL) {
            element->uses += 1;
            found += 1;
        }
    }
    return found;
}

static void destroy_slab(void *state) {
    struct slab *slab = state;
    free(slab->slots);
    free(slab->names);
    free(slab);
}

const struct cpeers_kind cpeers_slab_churn = {make_slab, NULL, churn, destroy_slab};
const struct cpeers_kind cpeers_slab_lookup = {make_slab, NULL, look_up_many, destroy_slab};
