//===----------------------------------------------------------------------===//
// Quartermaster: the duty of counting clients
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// An open-addressed index over records in an array, and a queue of the records nobody is connected under, in the order
// in which they expire. The hash has a secret key, because clients choose what is hashed. Connections are counted and
// their rate; the other four rates of anvil are left out, and the peaks it reports to the log.

#include "../../Benchmarks/CPeers/loop.h"
#include "duties.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { SHORT_IDENT = 64, FIRST_RECORDS = 256 };

struct record {
    char ident[SHORT_IDENT];
    uint32_t length, hash;
    struct figures figures;
    int64_t began, expires;
    uint32_t earlier, later; // in the queue; `later` also of free records
};

static struct record *records;
static uint32_t *places; // of the index: a record, or NO_RECORD
static uint32_t capacity, mask, free_list, queue_head = NO_RECORD, queue_tail = NO_RECORD;
static int64_t time_unit;
static uint64_t key[2];

static void round_of_hash(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = (v[1] << 13 | v[1] >> 51) ^ v[0];
    v[0] = v[0] << 32 | v[0] >> 32;
    v[2] += v[3];
    v[3] = (v[3] << 16 | v[3] >> 48) ^ v[2];
    v[0] += v[3];
    v[3] = (v[3] << 21 | v[3] >> 43) ^ v[0];
    v[2] += v[1];
    v[1] = (v[1] << 17 | v[1] >> 47) ^ v[2];
    v[2] = v[2] << 32 | v[2] >> 32;
}

/// SipHash with one round a word and three at the end.
static uint32_t hash_of(struct ident ident)
{
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261,
                     key[1] ^ 0x7465646279746573};
    size_t place = 0;
    for (;;) {
        uint64_t word = 0;
        size_t left = ident.length - place;
        memcpy(&word, ident.bytes + place, left < 8 ? left : 8);
        if (left < 8)
            word |= (uint64_t)ident.length << 56;
        v[3] ^= word;
        round_of_hash(v);
        v[0] ^= word;
        if (left < 8)
            break;
        place += 8;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        round_of_hash(v);
    return (uint32_t)(v[0] ^ v[1] ^ v[2] ^ v[3]);
}

/// Clients that differ only after that are one.
static struct ident shortened(struct ident ident)
{
    if (ident.length > SHORT_IDENT)
        ident.length = SHORT_IDENT;
    return ident;
}

static void put_into_index(uint32_t record)
{
    uint32_t place = records[record].hash & mask;
    while (places[place] != NO_RECORD)
        place = (place + 1) & mask;
    places[place] = record;
}

/// Twice as many records; the index is at most half full.
static void grow(void)
{
    uint32_t old = capacity;
    capacity = old ? 2 * old : FIRST_RECORDS;
    mask = 2 * capacity - 1;
    records = realloc(records, capacity * sizeof *records);
    free(places);
    places = malloc((mask + 1) * sizeof *places);
    if (records == NULL || places == NULL)
        loop_fail("table");
    memset(places, 0xff, (mask + 1) * sizeof *places);
    for (uint32_t i = 0; i < old; i++)
        put_into_index(i);
    for (uint32_t i = old; i < capacity; i++)
        records[i].later = i + 1 < capacity ? i + 1 : NO_RECORD;
    free_list = old;
}

void table_start(int64_t unit)
{
    time_unit = unit;
    if (getrandom(key, sizeof key, 0) != (ssize_t)sizeof key)
        loop_fail("getrandom");
    grow();
}

static uint32_t find(struct ident ident, uint32_t hash)
{
    for (uint32_t place = hash & mask; places[place] != NO_RECORD; place = (place + 1) & mask) {
        const struct record *record = &records[places[place]];
        if (record->hash == hash && record->length == ident.length
            && memcmp(record->ident, ident.bytes, ident.length) == 0)
            return places[place];
    }
    return NO_RECORD;
}

uint32_t table_find(struct ident ident)
{
    ident = shortened(ident);
    return find(ident, hash_of(ident));
}

static void remove_from_index(uint32_t record)
{
    uint32_t gap = records[record].hash & mask;
    while (places[gap] != record)
        gap = (gap + 1) & mask;
    // Those that were pushed past the gap move up, so that no search ends too early.
    for (uint32_t probe = (gap + 1) & mask; places[probe] != NO_RECORD; probe = (probe + 1) & mask) {
        uint32_t home = records[places[probe]].hash & mask;
        if (((probe - home) & mask) >= ((probe - gap) & mask)) {
            places[gap] = places[probe];
            gap = probe;
        }
    }
    places[gap] = NO_RECORD;
}

static void dequeue(uint32_t number)
{
    struct record *record = &records[number];
    if (record->earlier == NO_RECORD)
        queue_head = record->later;
    else
        records[record->earlier].later = record->later;
    if (record->later == NO_RECORD)
        queue_tail = record->earlier;
    else
        records[record->later].earlier = record->earlier;
}

static void enqueue(uint32_t number, int64_t now)
{
    struct record *record = &records[number];
    record->expires = now + time_unit;
    record->earlier = queue_tail;
    record->later = NO_RECORD;
    if (queue_tail == NO_RECORD)
        queue_head = number;
    else
        records[queue_tail].later = number;
    queue_tail = number;
}

static uint32_t insert(struct ident ident, uint32_t hash, int64_t now)
{
    if (free_list == NO_RECORD)
        grow();
    uint32_t number = free_list;
    struct record *record = &records[number];
    free_list = record->later;
    memcpy(record->ident, ident.bytes, ident.length);
    record->length = (uint32_t)ident.length;
    record->hash = hash;
    record->figures = (struct figures){0};
    record->began = now;
    put_into_index(number);
    return number;
}

uint32_t table_connect(struct ident ident, int64_t now, struct figures *figures)
{
    ident = shortened(ident);
    uint32_t hash = hash_of(ident);
    uint32_t number = find(ident, hash);
    if (number == NO_RECORD)
        number = insert(ident, hash, now);
    else if (records[number].figures.count == 0)
        dequeue(number);
    struct record *record = &records[number];
    if (record->began + time_unit < now) {
        record->figures.rate = 0;
        record->began = now;
    }
    if (record->figures.rate < INT32_MAX)
        record->figures.rate++;
    if (record->figures.count < INT32_MAX)
        record->figures.count++;
    *figures = record->figures;
    return number;
}

void table_disconnect(uint32_t number, int64_t now)
{
    if (records[number].figures.count > 0 && --records[number].figures.count == 0)
        enqueue(number, now);
}

void table_expire(int64_t now)
{
    while (queue_head != NO_RECORD && records[queue_head].expires <= now) {
        uint32_t number = queue_head;
        dequeue(number);
        remove_from_index(number);
        records[number].later = free_list;
        free_list = number;
    }
}
