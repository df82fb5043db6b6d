//===----------------------------------------------------------------------===//
// Quartermaster: counting instructions with callgrind
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#include "internal.h"

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>

int cpeers_count_is_built(void) { return 1; }

int cpeers_count_is_running(void) { return RUNNING_ON_VALGRIND; }

void cpeers_count_begin(void) {
    // Preparations run faster without instrumentation, hence its start here and --instr-atstart=no.
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
}

void cpeers_count_end(const char *name) {
    CALLGRIND_DUMP_STATS_AT(name);
    CALLGRIND_STOP_INSTRUMENTATION;
}

void cpeers_count_toggle(void) { CALLGRIND_TOGGLE_COLLECT; }

#else

int cpeers_count_is_built(void) { return 0; }

int cpeers_count_is_running(void) { return 0; }

void cpeers_count_begin(void) {}

void cpeers_count_end(const char *name) { (void)name; }

void cpeers_count_toggle(void) {}

#endif
