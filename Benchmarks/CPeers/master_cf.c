//===----------------------------------------------------------------------===//
// Quartermaster: master.cf in plain C
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#include "internal.h"
#include <stdlib.h>
#include <string.h>

// Each entry is checked field by field and kept in an array. Left out: messages, disabled services, braces around
// arguments, and the checks of host names.

enum type { INET, UNIX, UNIX_DGRAM, FIFO, PASS, TYPES };
static const char *const type_names[TYPES] = {"inet", "unix", "unix-dgram", "fifo", "pass"};

struct service {
    char *name, *host, *port, *command, *path;
    char **arguments;
    size_t argument_count;
    enum type type;
    int is_private, is_unprivileged, wants_chroot, wakeup, wakeup_is_conditional, limit, line;
};
struct field {
    const char *bytes;
    size_t size;
};

static int is_blank(char byte) { return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r'; }

static int next_field(struct field *field, const char **rest, const char *end) {
    const char *byte = *rest;
    while (byte < end && is_blank(*byte))
        byte += 1;
    field->bytes = byte;
    while (byte < end && !is_blank(*byte))
        byte += 1;
    field->size = (size_t)(byte - field->bytes);
    *rest = byte;
    return field->size > 0;
}

static int is(const struct field *field, char byte) { return field->size == 1 && field->bytes[0] == byte; }

/// 0 or 1; -1 for what is neither.
static int boolean(const struct field *field, int otherwise) {
    return is(field, '-') ? otherwise : is(field, 'y') ? 1 : is(field, 'n') ? 0 : -1;
}

static int number(const struct field *field, int otherwise) {
    if (is(field, '-'))
        return otherwise;
    if (field->bytes[0] < '0' || field->bytes[0] > '9')
        return -1;
    int value = 0;
    for (size_t i = 0; i < field->size && field->bytes[i] >= '0' && field->bytes[i] <= '9'; i++) {
        if (value > 100000000)
            return -1;
        value = value * 10 + field->bytes[i] - '0';
    }
    return value;
}

static enum type type_of(const struct field *field) {
    enum type type = 0;
    while (type < TYPES &&
           (strlen(type_names[type]) != field->size || memcmp(type_names[type], field->bytes, field->size) != 0))
        type += 1;
    return type;
}

static void split_inet_name(struct service *service) {
    const char *colon = strrchr(service->name, ':');
    const char *port = colon == NULL ? service->name : colon + 1;
    if (colon != NULL && colon > service->name)
        service->host = cpeers_copied(service->name, (size_t)(colon - service->name));
    service->port = cpeers_copied(port, strlen(port));
}

static void take_command(struct service *service, const struct field *command, const char *directory) {
    size_t directory_size = strlen(directory);
    service->command = cpeers_copied(command->bytes, command->size);
    service->path = cpeers_resized(NULL, directory_size + command->size + 2);
    memcpy(service->path, directory, directory_size);
    service->path[directory_size] = '/';
    memcpy(service->path + directory_size + 1, service->command, command->size + 1);
}

static void take_arguments(struct service *service, const char *rest, const char *end) {
    struct field argument;
    size_t capacity = 0;
    while (next_field(&argument, &rest, end)) {
        if (service->argument_count == capacity) {
            capacity = capacity == 0 ? 4 : capacity * 2;
            service->arguments = cpeers_resized(service->arguments, capacity * sizeof *service->arguments);
        }
        service->arguments[service->argument_count++] = cpeers_copied(argument.bytes, argument.size);
    }
}

static int parse_entry(struct service *service, const struct cpeers_line *line, const char *directory) {
    const char *rest = line->bytes, *end = line->bytes + line->size;
    struct field fields[8];
    for (int i = 0; i < 8; i++)
        if (!next_field(&fields[i], &rest, end))
            return 0;
    *service = (struct service){
        .type = type_of(&fields[1]),
        .is_private = boolean(&fields[2], 1),
        .is_unprivileged = boolean(&fields[3], 1),
        .wants_chroot = boolean(&fields[4], 0),
        .wakeup = number(&fields[5], 0),
        .wakeup_is_conditional = fields[5].bytes[fields[5].size - 1] == '?',
        .limit = number(&fields[6], 100),
        .line = line->first_number};
    if (service->type == TYPES || service->is_private < 0 || service->is_unprivileged < 0 ||
        service->wants_chroot < 0 || service->wakeup < 0 || service->limit < 0 || is(&fields[7], '-') ||
        (service->type == INET && service->is_private))
        return 0;
    service->name = cpeers_copied(fields[0].bytes, fields[0].size);
    if (service->type == INET)
        split_inet_name(service);
    take_command(service, &fields[7], directory);
    take_arguments(service, rest, end);
    return 1;
}

static void forget(struct service *service) {
    free(service->name);
    free(service->host);
    free(service->port);
    free(service->command);
    free(service->path);
    for (size_t i = 0; i < service->argument_count; i++)
        free(service->arguments[i]);
    free(service->arguments);
}

static int64_t parse_file(const char *text, size_t size) {
    struct service *services = NULL;
    size_t count = 0, capacity = 0, position = 0;
    struct cpeers_line line = {0};
    int number = 0;
    while (cpeers_next_line(&line, text, size, &position, &number)) {
        if (count == capacity) {
            capacity = capacity == 0 ? 16 : capacity * 2;
            services = cpeers_resized(services, capacity * sizeof *services);
        }
        count += (size_t)parse_entry(&services[count], &line, "/usr/lib/postfix/sbin");
    }
    for (size_t i = 0; i < count; i++)
        forget(&services[i]);
    free(services);
    free(line.bytes);
    return (int64_t)count;
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
    for (int64_t i = 0; i < times; i++)
        sum += parse_file(file->text, file->size);
    return sum;
}

static void destroy_file(void *state) { free(state); }

const struct cpeers_kind cpeers_master_cf = {make_file, NULL, parse, destroy_file};
