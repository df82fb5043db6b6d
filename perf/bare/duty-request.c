//===----------------------------------------------------------------------===//
// Quartermaster: the duty of understanding a request
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// The requests of a storm are understood, the others are told apart from them. Nothing is logged.

#include "duties.h"

#include <string.h>

static bool starts_with(const char *bytes, size_t length, const char *text, size_t text_length)
{
    return length >= text_length && memcmp(bytes, text, text_length) == 0;
}

static bool is(const char *bytes, size_t length, const char *text)
{
    return length == strlen(text) && memcmp(bytes, text, length) == 0;
}

enum verdict request_parse(const char *bytes, size_t length, struct request *request)
{
    const char *end = bytes + length;
    const char *name_end = memchr(bytes, '\n', length);
    if (name_end == NULL)
        return REQUEST_INCOMPLETE;
    if (!starts_with(bytes, (size_t)(name_end - bytes), "request=", 8))
        return REQUEST_MALFORMED;
    const char *ident = name_end + 1;
    const char *ident_end = memchr(ident, '\n', (size_t)(end - ident));
    if (ident_end == NULL)
        return REQUEST_INCOMPLETE;
    if (!starts_with(ident, (size_t)(ident_end - ident), "ident=", 6))
        return REQUEST_MALFORMED;
    if (ident_end + 1 == end)
        return REQUEST_INCOMPLETE;
    if (ident_end[1] != '\n')
        return REQUEST_MALFORMED;
    const char *name = bytes + 8;
    size_t name_length = (size_t)(name_end - name);
    request->kind = REQUEST_UNKNOWN;
    if (is(name, name_length, "connect"))
        request->kind = REQUEST_CONNECT;
    else if (is(name, name_length, "disconnect"))
        request->kind = REQUEST_DISCONNECT;
    request->ident = (struct ident){.bytes = ident + 6, .length = (size_t)(ident_end - ident) - 6};
    request->size = (size_t)(ident_end + 2 - bytes);
    return REQUEST_WHOLE;
}
