//===----------------------------------------------------------------------===//
// Quartermaster: text that the C library makes of times and error numbers
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#include "internal.h"

size_t cposix_format_time(char *buffer, size_t size, const char *format, int64_t seconds) {
    time_t when = (time_t)seconds;
    struct tm parts;
    localtime_r(&when, &parts);
    return strftime(buffer, size, format, &parts);
}

char *const *cposix_environment(void) { return environ; }

size_t cposix_error_text(int error, char *buffer, size_t size) {
    const char *text = strerror_r(error, buffer, size);
    size_t length = strnlen(text, size - 1);
    if (text != buffer)
        memcpy(buffer, text, length);
    return length;
}
