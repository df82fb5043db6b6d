//===----------------------------------------------------------------------===//
// Quartermaster: logical lines and main.cf in plain C
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#include "internal.h"
#include <stdlib.h>
#include <string.h>

// Left out: messages, NUL bytes, and the check of the encoding.

static int is_blank(char byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

static void gather(struct cpeers_line *line, const char *bytes, size_t size) {
    if (line->size + size > line->capacity) {
        line->capacity = (line->size + size) * 2;
        line->bytes = cpeers_resized(line->bytes, line->capacity);
    }
    memcpy(line->bytes + line->size, bytes, size);
    line->size += size;
}

int cpeers_next_line(struct cpeers_line *line, const char *text, size_t size, size_t *position, int *number) {
    line->size = 0;
    while (*position < size) {
        const char *start = text + *position;
        const char *end = memchr(start, '\n', size - *position);
        size_t length = end == NULL ? size - *position : (size_t)(end - start);
        *position += length + (end != NULL);
        *number += 1;
        size_t first = 0;
        while (first < length && is_blank(start[first]))
            first += 1;
        if (first < length && start[first] != '#') {
            if (line->size == 0)
                line->first_number = *number;
            gather(line, start, length);
        }
        if (line->size > 0 && *position < size && text[*position] != '#' && !is_blank(text[*position]))
            break;
    }
    return line->size > 0;
}

static size_t hash(const char *name, size_t size) {
    uint64_t sum = 14695981039346656037u;
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ (unsigned char)name[i]) * 1099511628211u;
    return (size_t)(sum ^ sum >> 32);
}

static struct cpeers_entry *find(const struct cpeers_dictionary *dictionary, const char *name, size_t size) {
    if (dictionary->bucket_count == 0)
        return NULL;
    struct cpeers_entry *entry = dictionary->buckets[hash(name, size) & (dictionary->bucket_count - 1)];
    while (entry != NULL && (strncmp(entry->name, name, size) != 0 || entry->name[size] != 0))
        entry = entry->next;
    return entry;
}

const char *cpeers_look_up(const struct cpeers_dictionary *dictionary, const char *name, size_t size) {
    struct cpeers_entry *entry = find(dictionary, name, size);
    return entry == NULL ? NULL : entry->value;
}

static void grow(struct cpeers_dictionary *dictionary) {
    size_t count = dictionary->bucket_count == 0 ? 16 : dictionary->bucket_count * 2;
    struct cpeers_entry **buckets = cpeers_zeroed(count, sizeof *buckets);
    for (size_t i = 0; i < dictionary->bucket_count; i++) {
        for (struct cpeers_entry *entry = dictionary->buckets[i], *next; entry != NULL; entry = next) {
            next = entry->next;
            struct cpeers_entry **bucket = &buckets[hash(entry->name, strlen(entry->name)) & (count - 1)];
            entry->next = *bucket;
            *bucket = entry;
        }
    }
    free(dictionary->buckets);
    dictionary->buckets = buckets;
    dictionary->bucket_count = count;
}

static void set(
    struct cpeers_dictionary *dictionary, const char *name, size_t name_size, const char *value, size_t value_size,
    int line) {
    struct cpeers_entry *entry = find(dictionary, name, name_size);
    if (entry != NULL) {
        free(entry->value);
    } else {
        if (dictionary->count * 4 >= dictionary->bucket_count * 3)
            grow(dictionary);
        struct cpeers_entry **bucket = &dictionary->buckets[hash(name, name_size) & (dictionary->bucket_count - 1)];
        entry = cpeers_zeroed(1, sizeof *entry);
        entry->name = cpeers_copied(name, name_size);
        entry->next = *bucket;
        *bucket = entry;
        dictionary->count += 1;
    }
    entry->value = cpeers_copied(value, value_size);
    entry->line = line;
}

static void take_line(struct cpeers_dictionary *dictionary, const struct cpeers_line *line) {
    const char *byte = line->bytes, *end = line->bytes + line->size;
    while (end > byte && is_blank(end[-1]))
        end -= 1;
    const char *name = byte;
    while (byte < end && !is_blank(*byte) && *byte != '=')
        byte += 1;
    size_t name_size = (size_t)(byte - name);
    while (byte < end && is_blank(*byte))
        byte += 1;
    if (name_size == 0 || byte == end || *byte != '=')
        return;
    byte += 1;
    while (byte < end && is_blank(*byte))
        byte += 1;
    set(dictionary, name, name_size, byte, (size_t)(end - byte), line->first_number);
}

void cpeers_parse_main_cf(struct cpeers_dictionary *dictionary, const char *text, size_t size) {
    struct cpeers_line line = {0};
    size_t position = 0;
    int number = 0;
    while (cpeers_next_line(&line, text, size, &position, &number))
        if (!is_blank(line.bytes[0]))
            take_line(dictionary, &line);
    free(line.bytes);
}

void cpeers_free_dictionary(struct cpeers_dictionary *dictionary) {
    for (size_t i = 0; i < dictionary->bucket_count; i++) {
        for (struct cpeers_entry *entry = dictionary->buckets[i], *next; entry != NULL; entry = next) {
            next = entry->next;
            free(entry->name);
            free(entry->value);
            free(entry);
        }
    }
    free(dictionary->buckets);
    *dictionary = (struct cpeers_dictionary){0};
}

struct file {
    const char *text;
    size_t size;
};

static void *make_file(const void *input, int64_t size) {
    struct file *file = cpeers_zeroed(1, sizeof *file);
    *file = (struct file){input, (size_t)size};
    return file;
}

static int64_t parse(void *state, int64_t times) {
    struct file *file = state;
    int64_t sum = 0;
    for (int64_t i = 0; i < times; i++) {
        struct cpeers_dictionary dictionary = {0};
        cpeers_parse_main_cf(&dictionary, file->text, file->size);
        sum += (int64_t)dictionary.count;
        cpeers_free_dictionary(&dictionary);
    }
    return sum;
}

static void destroy_file(void *state) { free(state); }

const struct cpeers_kind cpeers_main_cf = {make_file, NULL, parse, destroy_file};
