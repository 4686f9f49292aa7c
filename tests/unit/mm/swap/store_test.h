// SPDX-License-Identifier: MIT
// What the tests of the swap store share: a store over a strict NOR bank, slots whose contents are
// known, and checks of its accounts.
#ifndef TESTS_UNIT_MM_SWAP_STORE_TEST_H
#define TESTS_UNIT_MM_SWAP_STORE_TEST_H

#include "tests/mock/mock.h"

#include <stdlib.h>
#include <string.h>

#include "mm/swap.h"
#include "mm/swap/codec.h"
#include "mm/swap/store_internal.h"
#include "tests/mock/nor.h"
#include "tests/mock/objects.h"

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define BLOCK   (32u << 10)
#define BLOCKS  24

static struct nor nor;
static struct store *store;
/* Tests run with plain pages, and with a mixture of plain ones and packed ones of all sizes. */
static bool mixed;
static struct packer *packer;
static uint32_t slots;
static uint32_t version[4096]; /* 0: nothing; what each slot should hold */
static bool gone[4096];        /* a slot that may, or must, read -EIO */

static inline int setup(void **state)
{
	mock_setup(state);
	srand(1);
	packer = packer_create(0);
	assert_non_null(packer);
	nor_init(&nor, BLOCK, BLOCKS);
	memset(version, 0, sizeof(version));
	memset(gone, 0, sizeof(gone));
	store = NULL;
	return 0;
}

static inline int teardown(void **state)
{
	if (store)
		store_close(store);
	packer_destroy(packer);
	assert_int_equal(mock_objects_out(), 0);
	nor_free(&nor);
	return mock_teardown(state);
}

static inline void open_store(void)
{
	assert_int_equal(store_open(&nor.medium, false, &store, &slots), 0);
	assert_true(slots > 0 && slots < ARRAY_SIZE(version));
}

static inline void close_store(void)
{
	store_close(store);
	store = NULL;
}

static inline const void *contents(uint32_t slot, uint32_t v)
{
	static uint32_t page[1024];
	uint32_t distinct = mixed ? (slot * 7 + v * 131) % 1024 : 1023;

	for (uint32_t i = 0; i < 1024; i++)
		page[i] = slot * 2654435761u + v * 40503u + MIN(i, distinct) * 0x01010101u;
	return page;
}

static inline int append_page(uint32_t slot, const void *page)
{
	const void *data;
	uint16_t n = mixed ? page_pack(packer, page, &data) : 0;

	return n > 0 ? store_append_packed(store, slot, data, n) : store_append(store, slot, page);
}

static inline int append(uint32_t slot)
{
	static uint32_t next;
	int err = append_page(slot, contents(slot, ++next));

	version[slot] = err ? 0 : next;
	return err;
}

static inline void discard(uint32_t slot)
{
	store_discard(store, slot);
	version[slot] = 0;
	gone[slot] = false;
}

static inline void lost(uint32_t slot, void *arg)
{
	(void)arg;
	version[slot] = 0;
}

static inline void verify(uint32_t slot)
{
	uint32_t page[1024];
	int err = store_read(store, slot, page);

	if (version[slot] == 0) {
		assert_int_equal(err, -ENOENT);
	} else if (gone[slot]) {
		assert_true(err == 0 || err == -EIO);
	} else {
		assert_int_equal(err, 0);
		assert_memory_equal(page, contents(slot, version[slot]), 4096);
	}
}

static inline void verify_all(void)
{
	for (uint32_t slot = 1; slot <= slots; slot++)
		verify(slot);
}

/* Invariant (1) of store_internal.h, and that free segments hold nothing. */
static inline void check_accounts(void)
{
	uint32_t live[NOR_BLOCKS_MAX] = { 0 }, records = 0;

	for (uint32_t slot = 1; slot <= slots; slot++) {
		loc_t loc = *map_entry(store, slot);

		if (!location_valid(loc))
			continue;
		live[location_segment(store, loc)] += location_size(loc);
		records++;
	}
	for (unsigned i = 0; i < store->nsegments; i++) {
		assert_int_equal(store->segments[i].live, live[i]);
		assert_int_equal(store->segments[i].readers, 0);
		if (store->segments[i].state != SEGMENT_SEALED &&
		    store->segments[i].state != SEGMENT_HEAD)
			assert_int_equal(live[i], 0);
	}
	assert_int_equal(store->live_records, records);
}

static inline uint32_t any_slot(void)
{
	return 1 + (uint32_t)rand() % slots;
}

/* One step of life as the page daemon and others lead it. Errors are the caller's to judge. */
static inline int step(unsigned dice)
{
	switch (dice) {
	case 0:
	case 1: discard(any_slot()); return 0;
	case 2:
	case 3: verify(any_slot()); return 0;
	case 4: return store_commit(store, lost, NULL);
	case 5: (void)store_clean(store); return 0;
	default: return append(any_slot());
	}
}

static inline void fill(void)
{
	for (uint32_t slot = 1; slot <= slots; slot++)
		assert_int_equal(append(slot), 0);
	assert_int_equal(store_commit(store, lost, NULL), 0);
}

static inline struct store_stats stats(void)
{
	struct store_stats st;

	store_stats(store, &st);
	return st;
}

/* The map of the segments says what is so, and agrees with the sums. */
static inline void check_map(void)
{
	struct store_segment map[NOR_BLOCKS_MAX];
	struct store_stats st = stats();
	uint32_t n = store_segments(store, 0, map, NOR_BLOCKS_MAX), retired = 0, free = 0;
	uint64_t sum = 0;

	assert_int_equal(n, st.segments);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(map[i].number, i);
		assert_int_equal(map[i].live, store->segments[i].live);
		if (strcmp(map[i].state, "retired") == 0)
			retired++;
		else
			sum += map[i].erases;
		free += strcmp(map[i].state, "free") == 0 || strcmp(map[i].state, "ready") == 0;
	}
	assert_int_equal(sum, st.erase_sum);
	assert_int_equal(retired, st.retired_segments);
	assert_int_equal(free, st.free_segments);
	/* A part of it. */
	assert_int_equal(store_segments(store, 3, map, 2), n);
	assert_int_equal(map[0].number, 3);
	assert_int_equal(map[1].number, 4);
	assert_int_equal(store_segments(store, n, map, 2), n);
}

#endif
