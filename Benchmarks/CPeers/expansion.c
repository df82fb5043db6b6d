//===----------------------------------------------------------------------===//
// Quartermaster: the expansion of $ in plain C
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#include "internal.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

// $name, ${name}, ${name?{yes}:{no}}, $$, nested. Left out: parentheses, comparisons, messages; depth is bounded.

struct expansion {
    struct cpeers_dictionary dictionary;
    const char *subject;
};
struct output {
    char *bytes;
    size_t size, capacity;
};

static void append(struct output *output, const char *bytes, size_t size) {
    if (output->size + size > output->capacity) {
        output->capacity = (output->size + size) * 2;
        output->bytes = cpeers_resized(output->bytes, output->capacity);
    }
    memcpy(output->bytes + output->size, bytes, size);
    output->size += size;
}

/// The end of the group that begins at `open`, behind its brace; NULL when it is not closed.
static const char *group_end(const char *open, const char *end) {
    int depth = 0;
    for (const char *byte = open; byte < end; byte++) {
        depth += (*byte == '{') - (*byte == '}');
        if (depth == 0)
            return byte + 1;
    }
    return NULL;
}

static int is_name_byte(char byte) { return isalnum((unsigned char)byte) || byte == '_'; }

static void expand(
    const struct cpeers_dictionary *dictionary, struct output *output, const char *text, const char *end, int depth);

static void take_branch(
    const struct cpeers_dictionary *dictionary, struct output *output, const char *rest, const char *end, int holds,
    int depth) {
    const char *yes_end = group_end(rest + 1, end);
    if (yes_end == NULL)
        return;
    if (holds)
        return expand(dictionary, output, rest + 2, yes_end - 1, depth + 1);
    if (yes_end + 1 < end && yes_end[0] == ':' && yes_end[1] == '{')
        expand(dictionary, output, yes_end + 2, end - 1, depth + 1);
}

static void evaluate(
    const struct cpeers_dictionary *dictionary, struct output *output, const char *name, const char *end, int depth) {
    const char *name_end = name;
    while (name_end < end && is_name_byte(*name_end))
        name_end += 1;
    const char *value = cpeers_look_up(dictionary, name, (size_t)(name_end - name));
    if (name_end + 1 < end && name_end[0] == '?' && name_end[1] == '{')
        return take_branch(dictionary, output, name_end, end, value != NULL && *value != 0, depth);
    if (value != NULL)
        expand(dictionary, output, value, value + strlen(value), depth + 1);
}

static void expand(
    const struct cpeers_dictionary *dictionary, struct output *output, const char *text, const char *end, int depth) {
    if (depth > 100)
        return;
    while (text < end) {
        const char *dollar = memchr(text, '$', (size_t)(end - text));
        if (dollar == NULL)
            return append(output, text, (size_t)(end - text));
        append(output, text, (size_t)(dollar - text));
        text = dollar + 1;
        if (text == end)
            return;
        const char *next;
        if (*text == '$') {
            append(output, text, 1);
            next = text + 1;
        } else if (*text == '{') {
            next = group_end(text, end);
            if (next == NULL)
                return;
            evaluate(dictionary, output, text + 1, next - 1, depth);
        } else {
            next = text;
            while (next < end && is_name_byte(*next))
                next += 1;
            evaluate(dictionary, output, text, next, depth);
        }
        text = next;
    }
}

/// `input` is a main.cf; its parameter `subject` is what is expanded.
static void *make_expansion(const void *input, int64_t size) {
    struct expansion *expansion = cpeers_zeroed(1, sizeof *expansion);
    cpeers_parse_main_cf(&expansion->dictionary, input, (size_t)size);
    expansion->subject = cpeers_look_up(&expansion->dictionary, "subject", 7);
    if (expansion->subject == NULL)
        cpeers_fail("no parameter \"subject\"");
    return expansion;
}

static int64_t run_expansion(void *state, int64_t times) {
    struct expansion *expansion = state;
    int64_t sum = 0;
    for (int64_t i = 0; i < times; i++) {
        struct output output = {0};
        const char *text = expansion->subject;
        expand(&expansion->dictionary, &output, text, text + strlen(text), 0);
        sum += (int64_t)output.size;
        free(output.bytes);
    }
    return sum;
}

static void destroy_expansion(void *state) {
    struct expansion *expansion = state;
    cpeers_free_dictionary(&expansion->dictionary);
    free(expansion);
}

const struct cpeers_kind cpeers_expansion = {make_expansion, NULL, run_expansion, destroy_expansion};
