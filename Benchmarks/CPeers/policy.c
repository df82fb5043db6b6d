//===----------------------------------------------------------------------===//
// Quartermaster: answers to smtpd, in plain C
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#define _GNU_SOURCE

#include "internal.h"
#include <stdlib.h>
#include <string.h>

// Left out: the key of the hashes (FNV-1a here: whoever knows it can choose names that collide), networks of clients in
// a list, IPv6, several kinds of entries in one table, and that a removed entry is taken out of the index in place:
// here each entry is in a list of its home.

enum { LIST = 1000, MOST = 65536 };

struct policy_entry {
    uint64_t key, value;
    uint32_t time, count;
    struct policy_entry *earlier, *later, *next;
};
struct policy_table {
    struct policy_entry *entries, **homes, *oldest, *youngest, *unused;
    int64_t count, capacity, homes_mask;
    uint32_t lifetime;
};
struct policy_text {
    const char *start;
    size_t size;
};
struct policy_request {
    struct policy_text client, sender, recipient, instance, user;
    int is_question, is_recipient;
};
struct policy_change {
    uint64_t key, value;
    uint32_t time, count;
};
struct policy {
    char *text, *digits;
    size_t size;
    struct policy_request request;
    struct policy_table greylist, rates, counted;
    uint64_t list[LIST];
    struct policy_change changes[4];
    int change_count;
    uint32_t now, number;
};

static uint64_t add_byte(uint64_t hash, unsigned char byte) { return (hash ^ byte) * 0x100000001b3u; }

static uint64_t add_text(uint64_t hash, struct policy_text text) {
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = text.start[i];
        hash = add_byte(hash, byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
    }
    return add_byte(hash, 0);
}

static uint64_t add_client(uint64_t hash, struct policy_text text, int bits) {
    uint32_t address = 0, part = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.start[i] == '.') {
            address = address << 8 | part;
            part = 0;
        } else {
            part = part * 10 + (text.start[i] - '0');
        }
    }
    address = (address << 8 | part) & ~0u << (32 - bits);
    for (int i = 0; i < 4; i++)
        hash = add_byte(hash, address >> (8 * i));
    return hash;
}

// MARK: tables

static void make_table(struct policy_table *table, int64_t capacity, uint32_t lifetime) {
    int64_t homes = 16;
    while (homes < 2 * capacity)
        homes *= 2;
    *table = (struct policy_table){.capacity = capacity, .homes_mask = homes - 1, .lifetime = lifetime};
    table->entries = cpeers_zeroed(capacity, sizeof *table->entries);
    table->homes = cpeers_zeroed(homes, sizeof *table->homes);
    for (int64_t i = 0; i < capacity; i++) {
        table->entries[i].next = table->unused;
        table->unused = &table->entries[i];
    }
}

static struct policy_entry *find(struct policy_table *table, uint64_t key) {
    struct policy_entry *entry = table->homes[key & table->homes_mask];
    while (entry != NULL && entry->key != key)
        entry = entry->next;
    return entry;
}

static void append(struct policy_table *table, struct policy_entry *entry) {
    entry->earlier = table->youngest;
    entry->later = NULL;
    if (table->youngest != NULL)
        table->youngest->later = entry;
    else
        table->oldest = entry;
    table->youngest = entry;
}

static void unlink_entry(struct policy_table *table, struct policy_entry *entry) {
    if (entry->earlier != NULL)
        entry->earlier->later = entry->later;
    else
        table->oldest = entry->later;
    if (entry->later != NULL)
        entry->later->earlier = entry->earlier;
    else
        table->youngest = entry->earlier;
}

static void remove_entry(struct policy_table *table, struct policy_entry *entry) {
    struct policy_entry **place = &table->homes[entry->key & table->homes_mask];
    while (*place != entry)
        place = &(*place)->next;
    *place = entry->next;
    unlink_entry(table, entry);
    entry->next = table->unused;
    table->unused = entry;
    table->count--;
}

static struct policy_entry *insert(struct policy_table *table, uint64_t key, uint32_t now) {
    if (table->count == table->capacity)
        remove_entry(table, table->oldest);
    struct policy_entry *entry = table->unused;
    table->unused = entry->next;
    *entry = (struct policy_entry){.key = key, .time = now, .next = table->homes[key & table->homes_mask]};
    table->homes[key & table->homes_mask] = entry;
    append(table, entry);
    table->count++;
    return entry;
}

static void expire(struct policy_table *table, uint32_t now) {
    for (int i = 0; i < 8 && table->oldest != NULL && now - table->oldest->time > table->lifetime; i++)
        remove_entry(table, table->oldest);
}

static void note(struct policy *policy, const struct policy_entry *entry) {
    policy->changes[policy->change_count++] =
        (struct policy_change){entry->key, entry->value, entry->time, entry->count};
}

// MARK: requests

static int is(const char *text, size_t size, const char *word) {
    return size == strlen(word) && memcmp(text, word, size) == 0;
}

/// Bytes of the question, or 0.
static size_t parse(struct policy_request *request, const char *text, size_t size) {
    const char *line = text, *end = text + size;
    memset(request, 0, sizeof *request);
    for (;;) {
        const char *newline = memchr(line, '\n', end - line);
        if (newline == NULL)
            return 0;
        if (newline == line)
            return request->is_question && request->client.size > 0 ? newline + 1 - text : 0;
        const char *equals = memchr(line, '=', newline - line);
        if (equals == NULL)
            return 0;
        size_t name = equals - line;
        struct policy_text value = {equals + 1, newline - equals - 1};
        switch (*line) {
        case 'c':
            if (is(line, name, "client_address"))
                request->client = value;
            break;
        case 'i':
            if (is(line, name, "instance"))
                request->instance = value;
            break;
        case 'p':
            if (is(line, name, "protocol_state"))
                request->is_recipient = is(value.start, value.size, "RCPT");
            break;
        case 'r':
            if (is(line, name, "request"))
                request->is_question = is(value.start, value.size, "smtpd_access_policy");
            else if (is(line, name, "recipient"))
                request->recipient = value;
            break;
        case 's':
            if (is(line, name, "sender"))
                request->sender = value;
            else if (is(line, name, "sasl_username"))
                request->user = value;
            break;
        }
        line = newline + 1;
    }
}

// MARK: operations

static void *make_policy(const void *input, int64_t size, int64_t capacity) {
    struct policy *policy = cpeers_zeroed(1, sizeof *policy);
    policy->text = cpeers_zeroed(size, 1);
    memcpy(policy->text, input, size);
    policy->size = size;
    policy->now = 1000000;
    parse(&policy->request, policy->text, size);
    policy->digits = memmem(policy->text, size, "00000000", 8);
    make_table(&policy->greylist, capacity, 1 << 30);
    make_table(&policy->rates, capacity, 3600);
    make_table(&policy->counted, 4096, 1 << 30);
    return policy;
}

static void *make_large(const void *input, int64_t size) { return make_policy(input, size, MOST); }
static void *make_small(const void *input, int64_t size) { return make_policy(input, size, 100); }

static int compare_keys(const void *one, const void *other) {
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return a < b ? -1 : a > b;
}

static void *make_listed(const void *input, int64_t size) {
    struct policy *policy = make_policy(input, size, 100);
    for (int i = 0; i < LIST - 1; i++)
        policy->list[i] = add_byte(add_byte(14695981039346656037u, i), i >> 8);
    policy->list[LIST - 1] = add_text(14695981039346656037u, policy->request.sender);
    qsort(policy->list, LIST, sizeof policy->list[0], compare_keys);
    return policy;
}

static void destroy_policy(void *state) {
    struct policy *policy = state;
    struct policy_table *tables[] = {&policy->greylist, &policy->rates, &policy->counted};
    for (int i = 0; i < 3; i++) {
        free(tables[i]->entries);
        free(tables[i]->homes);
    }
    free(policy->text);
    free(policy);
}

static void count_up(struct policy *policy) {
    uint32_t number = ++policy->number;
    for (int i = 7; i >= 0; i--) {
        policy->digits[i] = '0' + number % 10;
        number /= 10;
    }
}

static int64_t run_parse(void *state, int64_t times) {
    struct policy *policy = state;
    int64_t sum = 0;
    for (int64_t i = 0; i < times; i++)
        sum += parse(&policy->request, policy->text, policy->size);
    return sum;
}

static int64_t run_list(void *state, int64_t times) {
    struct policy *policy = state;
    int64_t sum = 0;
    for (int64_t i = 0; i < times; i++) {
        uint64_t key = add_text(14695981039346656037u, policy->request.sender);
        sum += bsearch(&key, policy->list, LIST, sizeof key, compare_keys) != NULL;
    }
    return sum;
}

/// Whether the triplet may pass.
static int64_t greylist(struct policy *policy) {
    struct policy_request *request = &policy->request;
    struct policy_table *table = &policy->greylist;
    uint64_t key = add_client(14695981039346656037u, request->client, 24);
    policy->change_count = 0;
    key = add_text(add_text(key, request->sender), request->recipient);
    expire(table, policy->now);
    struct policy_entry *entry = find(table, key);
    if (entry == NULL) {
        note(policy, insert(table, key, policy->now));
        return 0;
    }
    if (entry->count == 0 && policy->now - entry->time < 60)
        return 0;
    if (entry->count == 0 || policy->now - entry->time > table->lifetime / 64) {
        entry->count = 1;
        entry->time = policy->now;
        unlink_entry(table, entry);
        append(table, entry);
        note(policy, entry);
    }
    return 1;
}

static int64_t run_strangers(void *state, int64_t times) {
    struct policy *policy = state;
    int64_t sum = 0;
    for (int64_t i = 0; i < times; i++) {
        count_up(policy);
        greylist(policy);
        sum += policy->change_count;
    }
    return sum;
}

static int64_t run_known(void *state, int64_t times) {
    struct policy *policy = state;
    int64_t sum = 0;
    for (int64_t i = 0; i < times; i++)
        sum += greylist(policy);
    return sum;
}

static void meet(void *state) {
    struct policy *policy = state;
    greylist(policy);
    policy->now += 60;
    greylist(policy);
}

/// One message of a sender: counted once, in its bucket.
static int64_t run_rate(void *state, int64_t times) {
    struct policy *policy = state;
    int64_t sum = 0, interval = 3600000000 / 1000000, now = policy->now * INT64_C(1000000);
    for (int64_t i = 0; i < times; i++) {
        policy->change_count = 0;
        count_up(policy);
        uint64_t message = add_text(7, policy->request.instance);
        if (find(&policy->counted, message) != NULL)
            continue;
        uint64_t key = add_text(5, policy->request.sender);
        struct policy_entry *entry = find(&policy->rates, key);
        int64_t full = entry == NULL || (int64_t)entry->value < now ? now : (int64_t)entry->value;
        if (full + interval > now + 3600000000)
            continue;
        expire(&policy->rates, policy->now);
        if (entry == NULL)
            entry = insert(&policy->rates, key, policy->now);
        entry->value = full + interval;
        entry->time = policy->now;
        unlink_entry(&policy->rates, entry);
        append(&policy->rates, entry);
        note(policy, entry);
        insert(&policy->counted, message, policy->now);
        sum += policy->change_count;
    }
    return sum;
}

const struct cpeers_kind cpeers_policy_parse = {make_small, NULL, run_parse, destroy_policy};
const struct cpeers_kind cpeers_policy_list = {make_listed, NULL, run_list, destroy_policy};
const struct cpeers_kind cpeers_policy_stranger = {make_large, NULL, run_strangers, destroy_policy};
const struct cpeers_kind cpeers_policy_evicting = {make_small, NULL, run_strangers, destroy_policy};
const struct cpeers_kind cpeers_policy_known = {make_small, meet, run_known, destroy_policy};
const struct cpeers_kind cpeers_policy_rate = {make_small, NULL, run_rate, destroy_policy};
