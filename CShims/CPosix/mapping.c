//===----------------------------------------------------------------------===//
// Quartermaster: a file as memory that other processes read
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//
//
// A store into a mapped file fails with SIGBUS where the file was cut off or its disk is full. Whoever only tells
// others what it does must not die of that: the handler puts memory of our own in the place of the file, and the store
// is made again. The state is static because a handler has no other memory.

#include "internal.h"
#include <stdatomic.h>
#include <sys/mman.h>

static struct guard {
    int taken;
    char *volatile base;
    /// 0 until the rest is right.
    volatile size_t size;
    volatile int needed;
} guards[32];

volatile int cposix_guards_needed;

long cposix_map_shared(int fd, size_t size, int64_t offset) {
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
    return base == MAP_FAILED ? -errno : (long)base;
}

int cposix_unmap(void *base, size_t size) { return CPOSIX_RESULT(munmap(base, size)); }

int cposix_guard(void *base, size_t size) {
    for (int i = 0; i < (int)(sizeof guards / sizeof *guards); i++) {
        // Tests have several threads.
        if (__atomic_exchange_n(&guards[i].taken, 1, __ATOMIC_ACQ_REL) != 0)
            continue;
        guards[i].base = base;
        guards[i].needed = 0;
        guards[i].size = size;
        return i;
    }
    return -ENOSPC;
}

int cposix_guard_was_needed(int guard) { return guards[guard].needed; }

void cposix_end_guard(int guard) {
    guards[guard].size = 0;
    __atomic_store_n(&guards[guard].taken, 0, __ATOMIC_RELEASE);
}

int cposix_replace_mapping(void *address) {
    int saved = errno;
    char *place = address;
    for (int i = 0; i < (int)(sizeof guards / sizeof *guards); i++) {
        char *base = guards[i].base;
        size_t size = guards[i].size;
        if (size == 0 || place < base || (size_t)(place - base) >= size)
            continue;
        void *memory = mmap(base, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        errno = saved;
        guards[i].needed = memory != MAP_FAILED;
        if (memory != MAP_FAILED)
            cposix_guards_needed = cposix_guards_needed + 1;
        return memory != MAP_FAILED;
    }
    return 0;
}

void cposix_publish(uint64_t *sequence, uint64_t ticket, uint64_t *target, const uint64_t *words, size_t count) {
    cposix_begin_record(sequence, ticket);
    for (size_t i = 0; i < count; i++)
        cposix_store_word(&target[i], words[i]);
    cposix_end_record(sequence, ticket);
}

void cposix_publish_word(uint64_t *target, uint64_t word) { __atomic_store_n(target, word, __ATOMIC_RELEASE); }
