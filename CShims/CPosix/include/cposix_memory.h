//===----------------------------------------------------------------------===//
// Quartermaster: memory that a process needed for its start only
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#ifndef CPOSIX_MEMORY_H
#define CPOSIX_MEMORY_H

/// Gives back what only the start needed: free memory of the heap (malloc_trim(3)), the unused part of
/// the stack, and the pages of programs and
/// libraries that are mapped but not written to (madvise(2) MADV_DONTNEED); those that are used again come back from
/// the page cache.
void cposix_forget_start(void);

#endif
