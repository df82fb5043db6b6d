//===----------------------------------------------------------------------===//
// Quartermaster: counts allocations of a process from the outside (LD_PRELOAD)
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//
//
// Every call of malloc(3) and its relatives bumps a number in the file that MALLOC_COUNT_FILE names: 8 bytes, native
// order, mapped shared, so that a test reads it at any moment without disturbing the process.
// Build: cc -shared -fPIC -O2 -o malloc_count.so malloc_count.c

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static uint64_t before_main;
static volatile uint64_t *count = &before_main;

__attribute__((constructor)) static void map_counter(void) {
    const char *path = getenv("MALLOC_COUNT_FILE");
    if (path == NULL)
        return;
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file == -1 || ftruncate(file, sizeof *count) == -1)
        return;
    void *memory = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (memory != MAP_FAILED)
        count = memory;
}

void *malloc(size_t size) {
    ++*count;
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    ++*count;
    return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size) {
    ++*count;
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
    ++*count;
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **result, size_t alignment, size_t size) {
    *result = memalign(alignment, size);
    return *result == NULL ? 12 : 0;
}
