//===----------------------------------------------------------------------===//
// Quartermaster: memory that a process needed for its start only
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPosix

/// malloc_trim(3), and madvise(2) of pages that are only mapped: a process that is about to wait for work looks as
/// small as it is. What it needs again comes back from the page cache.
package func forgetStart() { cposix_forget_start() }
