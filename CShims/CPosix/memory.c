//===----------------------------------------------------------------------===//
// Quartermaster: memory that a process needed for its start only
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#include "internal.h"
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>

/// Segments that are not writable hold nothing but what is in the file.
static int forget_segments(struct dl_phdr_info *object, size_t size, void *context) {
    const uintptr_t page = 4096;
    (void)size;
    (void)context;
    for (unsigned i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W) != 0)
            continue;
        uintptr_t start = (object->dlpi_addr + segment->p_vaddr + page - 1) & ~(page - 1);
        uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_memsz) & ~(page - 1);
        if (start < end)
            madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 0;
}

/// The stack grew deeper during the start than it will again.
__attribute__((noinline)) static void forget_stack(void) {
    const uintptr_t page = 4096, red_zone = 1024;
    uintptr_t end = ((uintptr_t)__builtin_frame_address(0) - red_zone) & ~(page - 1);
    madvise((void *)(end - 16 * page), 16 * page, MADV_DONTNEED);
}

void cposix_forget_start(void) {
    malloc_trim(0);
    forget_stack();
    dl_iterate_phdr(forget_segments, NULL);
}
