// SPDX-License-Identifier: MIT
// TIMEOUT: 120
// SOURCES: mm/swap/store.c mm/swap/store_log.c mm/swap/store_clean.c mm/swap/store_segment.c mm/swap/store_mount.c mm/swap/store_budget.c mm/swap/store_figures.c mm/swap/codec.c kernel/random.c kernel/lib/chacha20.c tests/mock/chacha20.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/slab.c tests/mock/nor.c
// DEFINES: CONFIG_DEBUG=1
// The swap store over a strict NOR bank: contents against a reference, progress when full, every
// kind of bad block, damaged records, memory that runs out.
#define _GNU_SOURCE
#include "tests/unit/mm/swap/store_test.h"

static void test_random(void **state)
{
	(void)state;
	open_store();
	for (unsigned i = 0; i < 6000; i++) {
		assert_int_equal(step((unsigned)rand() % 12), 0);
		if (i % 500 == 0)
			check_accounts();
	}
	verify_all();
	check_accounts();
}

static void test_full_churn(void **state)
{
	struct store_stats st;

	(void)state;
	open_store();
	fill();
	/* Half of the slots never change: their blocks must take their share of the wear all the
	 * same. */
	for (uint32_t i = 0; i < 20 * slots; i++) {
		assert_int_equal(append(1 + (uint32_t)rand() % (slots / 2)), 0);
		if (i % 32 == 0)
			assert_int_equal(store_commit(store, lost, NULL), 0);
		while (i % 16 == 0 && store_clean(store))
			;
	}
	verify_all();
	check_accounts();
	store_stats(store, &st);
	print_message("%u slots, erases %u..%u, write amplification %.2f\n", slots, st.erase_min,
		      st.erase_max, (double)st.bytes_programmed / (double)st.bytes_in);
	assert_true(st.erase_max - st.erase_min <= 2 * WEAR_SPREAD);
	assert_true(st.bytes_programmed < 5 * st.bytes_in);
	assert_int_equal(st.live_records, slots);
	assert_true(st.free_segments >= 1 && st.retired_segments == 0);
	assert_string_equal(st.medium, nor.medium.name);
	assert_int_equal(st.segment_size, BLOCK);
	assert_int_equal(st.bytes_in, 21ull * slots * RECORD_PAYLOAD);
	assert_true(st.records_moved > 0 && st.bytes_cleaned <= st.records_moved * RECORD_SIZE);
	assert_true(mixed == (st.bytes_cleaned < st.records_moved * RECORD_SIZE));
	assert_true(mixed == (st.records_packed > 0));
	assert_int_equal(st.bytes_ever, st.bytes_programmed); /* the medium was new */
}

static void test_read_from_ring(void **state)
{
	struct store_stats st;

	(void)state;
	open_store();
	assert_int_equal(append(1), 0);
	verify(1);
	store_stats(store, &st);
	assert_int_equal(st.live_records, 1);
	/* A part of the record, or nothing, is on the medium: all of it still comes from the
	 * ring. */
	assert_true(store->head.fill - store->head.programmed > 0);
	nor.dead = true;
	verify(1);
	nor.dead = false;
	assert_int_equal(store_commit(store, lost, NULL), 0);
	verify(1);
	nor.dead = true;
	assert_int_equal(store_read(store, 1, (void *)(uintptr_t)contents(0, 0)), -ENODEV);
	nor.dead = false;
}

static void test_arguments(void **state)
{
	char page[4096];

	(void)state;
	open_store();
	assert_int_equal(store_append(store, 0, page), -EINVAL);
	assert_int_equal(store_append(store, slots + 1, page), -EINVAL);
	assert_int_equal(store_read(store, 0, page), -EINVAL);
	assert_int_equal(store_read(store, slots + 1, page), -EINVAL);
	assert_int_equal(store_read(store, 1, page), -ENOENT);
	assert_int_equal(store_commit(store, NULL, NULL), 0);
}

/* ---- Mounting ---- */

static void test_remount(void **state)
{
	struct store_stats before, after;

	(void)state;
	open_store();
	for (unsigned i = 0; i < 2000; i++)
		assert_int_equal(append(any_slot()), 0);
	store_stats(store, &before);
	close_store();
	open_store();
	store_stats(store, &after);
	assert_int_equal(after.erase_sum, before.erase_sum);
	assert_int_equal(after.erase_max, before.erase_max);
	assert_int_equal(after.live_records, 0);
	memset(version, 0, sizeof(version));
	verify_all();
	fill();
	verify_all();
}

static void test_foreign(void **state)
{
	(void)state;
	memset(nor.cells + 5 * BLOCK + 40, 0x5a, 100);
	assert_int_equal(store_open(&nor.medium, false, &store, &slots), -EMEDIUMTYPE);
	store = NULL;
	assert_non_null(strstr(mock_log(), "swap.format=1"));
	assert_int_equal(nor.operations, 0);
	assert_int_equal(store_open(&nor.medium, true, &store, &slots), 0);
	fill();
	verify_all();
	close_store();
	open_store();
}

static void test_all_zeros_is_blank(void **state)
{
	(void)state;
	memset(nor.cells, 0, nor.size);
	memset(nor.programmed, 1, nor.size / 4);
	open_store();
	fill();
	verify_all();
}

static void test_too_small(void **state)
{
	(void)state;
	for (unsigned blocks = 0;; blocks++) {
		nor.medium.size = (uint64_t)blocks * BLOCK;
		if (store_open(&nor.medium, false, &store, &slots) == 0)
			break;
		store = NULL;
		assert_non_null(strstr(mock_log(), "too small"));
	}
	/* The smallest that is taken works when full. */
	for (unsigned i = 0; i < 10 * slots; i++)
		assert_int_equal(append(1 + i % slots), 0);
	verify_all();
}

static int read_blank(struct medium *m, uint64_t offset, void *buf, size_t n)
{
	assert_true(offset + n <= m->size);
	memset(buf, 0xff, n);
	return 0;
}

/* What lies there is whole, but not what was written there last: a write was lost. Of an earlier
 * use of the segment; of another slot. */
static void test_lost_write(void **state)
{
	char page[4096];
	uint32_t *sequence;
	loc_t one;

	(void)state;
	open_store();
	fill();
	one = *map_entry(store, 1);
	assert_int_equal(location_segment(store, one),
			 location_segment(store, *map_entry(store, 2)));
	sequence = &store->segments[location_segment(store, one)].sequence;
	verify(1);
	++*sequence;
	assert_int_equal(store_read(store, 1, page), -EIO);
	--*sequence;
	*map_entry(store, 1) = *map_entry(store, 2);
	*map_entry(store, 2) = one;
	assert_int_equal(store_read(store, 1, page), -EIO);
	assert_int_equal(store_read(store, 2, page), -EIO);
	store_close(store);
	store = NULL;
}

/* Of a medium that is larger than what can be said of it the beginning is used. */
static void test_too_large(void **state)
{
	struct medium_ops ops = *nor.medium.ops;

	(void)state;
	ops.read = read_blank;
	nor.medium.ops = &ops;
	nor.medium.erase_size = 1u << 30;
	nor.medium.size = (uint64_t)100 << 30;
	assert_int_equal(store_open(&nor.medium, false, &store, &slots), 0);
	assert_int_equal(store->nsegments, 64);
	assert_non_null(strstr(mock_log(), "of 102400 MB the first 65536 are used"));
	assert_true(location_offset(location(store, 63, (1u << 30) - RECORD_SIZE, RECORD_SIZE)) ==
		    ((uint64_t)64 << 30) - RECORD_SIZE);
	store_close(store);
	store = NULL;
}

static void test_bad_geometry(void **state)
{
	const struct medium good = nor.medium;

	(void)state;
	nor.medium.program_unit = 12;
	assert_int_equal(store_open(&nor.medium, false, &store, &slots), -EINVAL);
	nor.medium = good;
	nor.medium.program_best = 100;
	assert_int_equal(store_open(&nor.medium, false, &store, &slots), -EINVAL);
	nor.medium = good;
	nor.medium.size -= 8;
	assert_int_equal(store_open(&nor.medium, false, &store, &slots), -EINVAL);
	nor.medium = good;
	nor.medium.erase_size = 0;
	assert_int_equal(store_open(&nor.medium, false, &store, &slots), -EINVAL);
	store = NULL;
}

static void test_no_memory(void **state)
{
	(void)state;
	for (unsigned n = 1;; n++) {
		int err;

		mock_fail_allocation(n);
		err = store_open(&nor.medium, false, &store, &slots);
		if (!mock_failed_allocation()) {
			assert_int_equal(err, 0);
			break;
		}
		assert_int_equal(err, -ENOMEM);
		store = NULL;
		assert_int_equal(mock_objects_out(), 1); /* the packer */
	}
	mock_fail_allocation(0);
}

/* ---- Bad blocks ---- */

static void churn_with_bad_blocks(void)
{
	unsigned refused = 0;

	for (unsigned i = 0; i < 4000; i++) {
		int err = step((unsigned)rand() % 12);

		if (err == -ENOSPC)
			refused++;
		else
			assert_int_equal(err, 0);
	}
	verify_all();
	check_accounts();
	assert_true(refused < 2000);
}

static void bad_from_start(enum nor_bad bad)
{
	struct store_stats st;

	open_store();
	nor.bad[3] = nor.bad[11] = bad;
	nor.endurance[3] = 2;
	nor.endurance[11] = 5;
	churn_with_bad_blocks();
	store_stats(store, &st);
	assert_int_equal(st.retired_segments, 2);
	assert_int_equal(store->segments[3].state, SEGMENT_RETIRED);
	assert_int_equal(store->segments[11].state, SEGMENT_RETIRED);
}

static void test_program_fails(void **state)
{
	(void)state;
	bad_from_start(NOR_PROGRAM_FAILS);
	assert_true(store->stats.program_failures >= 2);
}

static void test_erase_fails(void **state)
{
	(void)state;
	bad_from_start(NOR_ERASE_FAILS);
	assert_true(store->stats.erase_failures >= 2);
}

static void test_stuck_bits(void **state)
{
	(void)state;
	bad_from_start(NOR_STUCK);
}

static void test_dies_later(void **state)
{
	(void)state;
	bad_from_start(NOR_DIES);
}

/* The head's own block goes bad between two programs, again and again: what was acknowledged
 * stays. */
static void test_head_goes_bad(void **state)
{
	struct store_stats st;

	(void)state;
	open_store();
	for (unsigned round = 0; round < 4; round++) {
		for (unsigned i = 0; i < 40; i++) {
			assert_int_equal(append(any_slot()), 0);
			if (i == 20)
				nor.bad[store->head.segment] = NOR_PROGRAM_FAILS;
		}
		assert_int_equal(store_commit(store, lost, NULL), 0);
		verify_all();
		check_accounts();
	}
	while (store_clean(store))
		;
	store_stats(store, &st);
	assert_int_equal(st.retired_segments, 4);
	assert_true(st.program_failures >= 4);
	verify_all();
}

static void test_everything_fails(void **state)
{
	unsigned cleaned = 0;
	int err = 0;

	(void)state;
	open_store();
	for (unsigned i = 0; i < 60; i++)
		assert_int_equal(append(any_slot()), 0);
	assert_int_equal(store_commit(store, lost, NULL), 0);
	for (unsigned i = 0; i < BLOCKS; i++)
		nor.bad[i] = NOR_PROGRAM_FAILS;
	for (unsigned i = 0; i < 100 && !err; i++)
		err = append(any_slot());
	assert_true(err == -EIO || err == -ENOSPC);
	assert_true(store_commit(store, lost, NULL) != 0 || store->head.segment == NO_SEGMENT);
	verify_all();
	check_accounts();
	for (unsigned i = 0; i < 100; i++) {
		assert_true(append(any_slot()) != 0);
		cleaned += store_clean(store);
	}
	assert_in_range(cleaned, 0, BLOCKS); /* each is retired once */
	verify_all();
}

static struct {
	const struct medium_ops *ops;
	unsigned left; /* programs and erases until each gives: */
	int error;
} stops;

static int program_or_stop(struct medium *m, uint64_t offset, const void *buf, size_t n)
{
	return stops.left == 0 ? stops.error
			       : (stops.left--, stops.ops->program(m, offset, buf, n));
}

static int erase_or_stop(struct medium *m, uint64_t offset)
{
	return stops.left == 0 ? stops.error : (stops.left--, stops.ops->erase(m, offset));
}

/* The medium's operations, which fail with `error` from the moment that stops.left is 0. */
static struct medium_ops ops_that_stop(int error)
{
	struct medium_ops ops = *nor.medium.ops;

	stops.ops = nor.medium.ops;
	stops.error = error;
	ops.program = program_or_stop;
	ops.erase = erase_or_stop;
	return ops;
}

/* Full, and being cleaned; from the k-th operation on all fail. What was committed is where it was,
 * and readable. */
static void stop_while_cleaning(int error, unsigned k)
{
	struct medium_ops ops = ops_that_stop(error);

	stops.left = UINT32_MAX;
	nor.medium.ops = &ops;
	open_store();
	fill();
	for (uint32_t slot = 1; slot <= slots; slot += 3)
		discard(slot);
	stops.left = k;
	for (unsigned i = 0; i < 2000 && stops.left > 0; i++) {
		(void)append(1 + 3 * ((uint32_t)rand() % (slots / 3)));
		(void)store_clean(store);
	}
	assert_int_equal(stops.left, 0);
	for (unsigned i = 0; i < 2 * BLOCKS; i++)
		(void)store_clean(store);
	check_accounts();
	(void)!store_commit(store, lost, NULL);
	for (unsigned i = 0; i < 12; i++) {
		(void)append(1 + 3 * ((uint32_t)rand() % (slots / 3)));
		(void)store_clean(store);
	}
	(void)!store_commit(store, lost, NULL);
	verify_all();
	check_accounts();
	assert_int_equal(store->stats.crc_errors, 0);
	assert_true(error == -EIO || store->stats.retired_segments == 0);
	close_store();
	nor.medium.ops = stops.ops;
}

static void test_stops_while_cleaning(void **state)
{
	static const int errors[] = { -EIO, -EROFS, -ENODEV };

	for (unsigned i = 0; i < 3; i++)
		for (unsigned k = 1; k < 30; k++) {
			teardown(state);
			setup(state);
			stop_while_cleaning(errors[i], k);
		}
}

static int read_or_stop(struct medium *m, uint64_t offset, void *buf, size_t n)
{
	return stops.left == 0 ? stops.error : stops.ops->read(m, offset, buf, n);
}

/* The medium goes between an erase and its header, or while it is looked whether all is erased:
 * back, the segment is not erased a second time, and has one erase more. */
static void test_erased_once(void **state)
{
	struct medium_ops stopping = ops_that_stop(-ENODEV);
	const struct medium_ops *ops = stops.ops;

	(void)state;
	open_store();
	for (unsigned way = 0; way < 2; way++) {
		uint32_t segment, was;

		fill();
		for (uint32_t slot = 1; slot <= slots; slot++)
			discard(slot);
		while (clean_one(store, true))
			;
		segment = segment_least_worn(store, SEGMENT_FREE);
		assert_int_equal(store->segments[segment].flags, 0);
		was = nor.erases[segment];
		stopping.read = way ? read_or_stop : ops->read;
		nor.medium.ops = &stopping;
		stops.left = 1;
		assert_int_equal(segment_prepare(store, segment), -ENODEV);
		assert_int_equal(stats().erase_sum, store->stats.erases);
		nor.medium.ops = ops;
		assert_int_equal(segment_prepare(store, segment), 0);
		assert_int_equal(nor.erases[segment], was + 1);
		assert_int_equal(store->segments[segment].erase_count, was + 1);
		assert_int_equal(stats().erase_sum, store->stats.erases);
	}
}

/* A victim that the medium went away under is the next one, although there are better ones by
 * then. */
static void test_victim_is_finished(void **state)
{
	struct medium_ops stopping = ops_that_stop(-ENODEV);
	const struct medium_ops *ops = stops.ops;
	uint32_t victim;

	(void)state;
	open_store();
	fill();
	for (uint32_t slot = 1; slot <= slots; slot += 3)
		discard(slot);
	nor.medium.ops = &stopping;
	stops.left = 3;
	while (clean_one(store, true))
		;
	victim = store->victim;
	assert_int_not_equal(victim, NO_SEGMENT);
	nor.medium.ops = ops;
	for (uint32_t slot = 1; slot <= slots; slot++)
		if (location_segment(store, *map_entry(store, slot)) != victim)
			discard(slot);
	assert_true(clean_one(store, true));
	assert_int_not_equal(store->segments[victim].state, SEGMENT_SEALED);
	assert_int_equal(store->victim, NO_SEGMENT);
	verify_all();
	check_accounts();
}

static struct {
	const struct medium_ops *ops;
	unsigned period, calls; /* the medium is away in half of each period, 0: never */
} flaps;

static bool away(void)
{
	return flaps.period && ++flaps.calls % flaps.period < flaps.period / 2;
}

#define CELL 32u /* programmed or not; the flash driver says -EIO of a part */

/* Some of it may be on the medium when that goes. */
static int program_or_away(struct medium *m, uint64_t offset, const void *buf, size_t n)
{
	size_t part = n > CELL ? (size_t)rand() % (n / CELL) * CELL : 0;

	if (!away())
		return flaps.ops->program(m, offset, buf, n);
	if (part > 0)
		assert_int_equal(flaps.ops->program(m, offset, buf, part), 0);
	return -EROFS;
}

static int erase_or_away(struct medium *m, uint64_t offset)
{
	return away() ? -EROFS : flaps.ops->erase(m, offset);
}

static int read_or_away(struct medium *m, uint64_t offset, void *buf, size_t n)
{
	return away() ? -ENODEV : flaps.ops->read(m, offset, buf, n);
}

/* Full to the promise, while the medium comes and goes beneath the cleaner, and beneath commits:
 * what is written while it is there finds room. */
static void come_and_go(unsigned period)
{
	struct medium_ops ops = *nor.medium.ops;

	flaps.ops = nor.medium.ops;
	flaps.period = 0;
	ops.program = program_or_away;
	ops.erase = erase_or_away;
	ops.read = read_or_away;
	nor.medium.ops = &ops;
	open_store();
	fill();
	for (unsigned i = 0; i < 120; i++) {
		flaps.period = 0;
		assert_int_equal(append(1 + (uint32_t)rand() % slots), 0);
		assert_int_equal(store_commit(store, lost, NULL), 0);
		flaps.period = period;
		for (unsigned k = 0; k < 1 + i % 5; k++)
			(void)clean_one(store, i % 3 == 0);
		(void)append(1 + (uint32_t)rand() % slots);
		(void)!store_commit(store, lost, NULL);
		flaps.period = 0;
		if (i % 100 == 0)
			verify_all();
	}
	for (uint32_t slot = 1; slot <= slots; slot++)
		assert_int_equal(append(slot), 0);
	assert_int_equal(store_commit(store, lost, NULL), 0);
	verify_all();
	check_accounts();
	assert_int_equal(store->stats.retired_segments, 0);
	close_store();
	nor.medium.ops = flaps.ops;
}

static void test_comes_and_goes(void **state)
{
	static const unsigned periods[] = { 3, 7, 29 };

	for (unsigned i = 0; i < ARRAY_SIZE(periods); i++) {
		teardown(state);
		setup(state);
		come_and_go(periods[i]);
	}
}

/* All that a segment holds is in the ring, and cannot be written, while somebody waits for a
 * commit: the segment stays. */
static void test_original_stays(void **state)
{
	uint32_t from, slot = 0;

	(void)state;
	open_store();
	do {
		assert_int_equal(append(++slot), 0);
		from = location_segment(store, *map_entry(store, 1));
	} while (store->head.segment == from);
	assert_int_equal(store_commit(store, lost, NULL), 0);
	for (uint32_t i = 2; i <= slot; i++)
		if (location_segment(store, *map_entry(store, i)) == from)
			discard(i);
	assert_int_equal(append(slot), 0);
	for (unsigned i = 0; i < BLOCKS; i++)
		nor.bad[i] = NOR_PROGRAM_FAILS;
	store->segments[from].flags |= SEGMENT_SUSPECT;
	for (unsigned i = 0; i < 2 * BLOCKS; i++)
		(void)store_clean(store);
	assert_true(head_unsettled(store));
	assert_int_equal(store->segments[from].live, 0);
	verify_all();
	assert_true(store_commit(store, lost, NULL) != 0);
	assert_int_equal(location_segment(store, *map_entry(store, 1)), from);
	verify_all();
	check_accounts();
}

static void test_retired_is_remembered(void **state)
{
	(void)state;
	open_store();
	fill();
	nor.bad[7] = NOR_READ_FLIPS;
	for (uint32_t slot = 1; slot <= slots; slot++) {
		gone[slot] = location_segment(store, *map_entry(store, slot)) == 7;
		verify(slot);
	}
	for (unsigned i = 0; i < 3000 && store->segments[7].state != SEGMENT_RETIRED; i++) {
		assert_int_equal(append(any_slot()), 0);
		(void)store_clean(store);
	}
	assert_int_equal(store->segments[7].state, SEGMENT_RETIRED);
	nor.bad[7] = NOR_GOOD;
	close_store();
	open_store();
	assert_int_equal(store->segments[7].state, SEGMENT_RETIRED);
}

/* ---- Damage ---- */

static void test_flip_hits_one_slot(void **state)
{
	struct store_stats st;
	char page[4096];

	(void)state;
	open_store();
	for (uint32_t slot = 1; slot <= 40; slot++)
		assert_int_equal(append(slot), 0);
	assert_int_equal(store_commit(store, lost, NULL), 0);
	for (uint32_t i = 0; i < 20; i++) {
		/* Header and payload, each in turn. */
		uint32_t slot = 2 * i + 1;
		loc_t loc = *map_entry(store, slot);

		nor_flip(&nor, location_offset(loc) + i * 201 % (location_size(loc) - RECORD_ALIGN),
			 i % 8);
	}
	for (uint32_t slot = 1; slot <= 40; slot++) {
		if (slot % 2 == 0) {
			verify(slot);
			continue;
		}
		assert_int_equal(store_read(store, slot, page), -EIO);
		assert_int_equal(store_read(store, slot, page), -EIO);
	}
	store_stats(store, &st);
	assert_int_equal(st.crc_errors, 20);
	assert_int_equal(st.live_records, 20);
	/* A new page in the slot is as good as any. */
	assert_int_equal(append(1), 0);
	verify(1);
	discard(3);
	verify(3);
	check_accounts();
}

static void test_cleaner_finds_damage(void **state)
{
	char page[4096];
	loc_t loc;

	(void)state;
	open_store();
	fill();
	loc = *map_entry(store, 1);
	nor_flip(&nor, location_offset(loc) + location_size(loc) / 4, 3);
	/* All else in slot 1's segment dies or moves: the cleaner comes by. */
	for (unsigned i = 0; i < 8000 && *map_entry(store, 1) == loc; i++)
		assert_int_equal(append(2 + (uint32_t)rand() % (slots - 1)), 0);
	assert_int_equal(*map_entry(store, 1), LOC_POISON);
	assert_int_equal(store_read(store, 1, page), -EIO);
	version[1] = 0;
	discard(1);
	verify_all();
}

/* ---- Packed records ---- */

/* Bytes that the checksum vouches for and that are no packed page: the slot's contents are lost,
 * nobody else's. */
static void test_not_packed(void **state)
{
	static uint8_t junk[PACKED_MAX], page[PAGE_SIZE + 64];

	(void)state;
	open_store();
	memset(page, 0xa5, sizeof(page));
	for (unsigned round = 0; round < 200; round++) {
		uint16_t n = (uint16_t)(1 + (unsigned)rand() % PACKED_MAX);

		for (unsigned i = 0; i < n; i++)
			junk[i] = (uint8_t)rand();
		assert_int_equal(store_append_packed(store, 1, junk, n), 0);
		if (round & 1)
			assert_int_equal(store_commit(store, lost, NULL), 0);
		assert_int_equal(store_read(store, 1, page), -EIO);
		assert_int_equal(store_read(store, 1, page), -EIO);
	}
	for (unsigned i = PAGE_SIZE; i < sizeof(page); i++)
		assert_int_equal(page[i], 0xa5);
	assert_int_equal(store_append_packed(store, 1, junk, 0), -EINVAL);
	assert_int_equal(store_append_packed(store, 1, junk, PACKED_MAX + 1), -EINVAL);
	store_discard(store, 1);
	check_accounts();
}

/* Many small records in the ring when its segment fails: every one is readable all the time. */
static void test_rescue_of_many(void **state)
{
	static uint32_t page[1024];
	uint32_t word;

	(void)state;
	open_store();
	for (uint32_t slot = 1; slot <= slots; slot++) {
		const void *data;
		uint16_t n;

		memset(page, 0, sizeof(page));
		page[0] = slot;
		n = page_pack(packer, page, &data);
		assert_in_range(n, 1, 64);
		assert_int_equal(store_append_packed(store, slot, data, n), 0);
		if (slot == slots / 2)
			nor.bad[store->head.segment] = NOR_PROGRAM_FAILS;
	}
	assert_int_equal(store_commit(store, lost, NULL), 0);
	for (uint32_t slot = 1; slot <= slots; slot++) {
		assert_int_equal(store_read(store, slot, page), 0);
		assert_int_equal(page[0], slot);
		page[0] = 0;
		assert_true(page_is_filled(page, &word) && word == 0);
	}
	assert_int_equal(store->rescued.segment, NO_SEGMENT);
	check_accounts();
}

/* A packed record is read without memory, too. */
static void test_unpack_without_memory(void **state)
{
	(void)state;
	open_store();
	for (uint32_t slot = 1; slot <= 20; slot++)
		assert_int_equal(append(slot), 0);
	for (uint32_t slot = 1; slot <= 20; slot++) {
		mock_fail_allocation(1);
		verify(slot);
		assert_true(mixed || !mock_failed_allocation());
		mock_fail_allocation(0);
	}
}

/* ---- Readers ---- */

static uint32_t read_segment;
static unsigned blocked;

static void reader_leaves(void)
{
	uint64_t irq = spin_lock_irq(&store->lock);

	blocked++;
	assert_int_equal(nor.erases[read_segment], 0);
	store->segments[read_segment].readers--;
	spin_unlock_irq(&store->lock, irq);
	waitq_wake_all(&store->drained);
}

static void test_erase_waits_for_readers(void **state)
{
	(void)state;
	blocked = 0;
	open_store();
	assert_int_equal(append(1), 0);
	assert_int_equal(store_commit(store, lost, NULL), 0);
	read_segment = location_segment(store, *map_entry(store, 1));
	store->segments[read_segment].readers++;
	mock_on_block = reader_leaves;
	for (unsigned i = 0; i < 5000 && nor.erases[read_segment] == 0; i++)
		assert_int_equal(append(any_slot()), 0);
	assert_int_equal(blocked, 1);
	assert_int_equal(nor.erases[read_segment], 1);
	verify_all();
}

static unsigned racing_reads;

/* Reads fail once, and meanwhile the slot gets a new record. */
static int read_that_races(struct medium *m, uint64_t offset, void *buf, size_t n)
{
	(void)m;
	(void)offset;
	memset(buf, 0, n);
	if (racing_reads++ == 0)
		assert_int_equal(append(1), 0);
	return -EIO;
}

/* A failing read of a place that the record has left meanwhile is no error of the record. */
static void test_read_across_a_move(void **state)
{
	const struct medium_ops *ops = nor.medium.ops;
	struct medium_ops racing = *ops;

	(void)state;
	racing_reads = 0;
	racing.read = read_that_races;
	open_store();
	assert_int_equal(append(1), 0);
	assert_int_equal(store_commit(store, lost, NULL), 0);
	nor.medium.ops = &racing;
	verify(1);
	nor.medium.ops = ops;
	assert_int_equal(store_commit(store, lost, NULL), 0);
	verify(1);
	assert_int_equal(store->stats.crc_errors, 0);
}

/* ---- Encryption ---- */

static bool on_medium(const void *text, size_t n)
{
	return memmem(nor.cells, nor.size, text, n) != NULL;
}

/* What was stored can be seen on the medium exactly when it is not encrypted. */
static void test_readable(void **state)
{
	struct store_stats st;

	(void)state;
	open_store();
	for (uint32_t slot = 1; slot <= slots; slot++)
		assert_int_equal(store_append(store, slot, contents(slot, 1)), 0);
	assert_int_equal(store_commit(store, lost, NULL), 0);
	for (uint32_t slot = 1; slot <= slots; slot++)
		assert_true(on_medium(contents(slot, 1), 16) != store->encrypted);
	store_stats(store, &st);
	assert_true(st.encrypted == (swap_encrypt == SWAP_ENCRYPT_ALWAYS));
	assert_true(!st.encrypted == (strstr(mock_log(), "key can be guessed") == NULL));
}

static struct {
	const struct medium_ops *ops;
	uint64_t *chunks; /* a hash of each 16 bytes that were programmed */
	size_t count, room;
} programmed;

static int program_noting(struct medium *m, uint64_t offset, const void *buf, size_t n)
{
	for (size_t i = 0; i < n; i += 16) {
		uint64_t half[2];

		memcpy(half, (const uint8_t *)buf + i, 16);
		if ((offset + i) % BLOCK < store->header_area || (half[0] & half[1]) == UINT64_MAX)
			continue; /* a segment's header, padding */
		assert_true(programmed.count < programmed.room);
		programmed.chunks[programmed.count++] = half[0] * 0x9e3779b97f4a7c15ull ^ half[1];
	}
	return programmed.ops->program(m, offset, buf, n);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Every page is the same sixteen bytes over and over, so what is programmed twice was encrypted by
 * the same part of a key stream. New segments, the cleaner, rescues and a second opening never make
 * one. */
static void test_key_stream_is_used_once(void **state)
{
	struct medium_ops noting = *nor.medium.ops;
	uint8_t page[PAGE_SIZE];

	(void)state;
	if (swap_encrypt != SWAP_ENCRYPT_ALWAYS)
		return;
	for (unsigned i = 0; i < sizeof(page); i++)
		page[i] = (uint8_t)(i % 16 * 17);
	programmed.ops = nor.medium.ops;
	programmed.count = 0;
	programmed.room = 4u << 20;
	programmed.chunks = malloc(programmed.room * sizeof(*programmed.chunks));
	noting.program = program_noting;
	nor.medium.ops = &noting;
	for (unsigned life = 0; life < 2; life++) {
		open_store();
		for (unsigned i = 0; i < 4000; i++) {
			assert_int_equal(store_append(store, 1 + (uint32_t)rand() % (slots / 2),
						      page),
					 0);
			if (i % 1000 == 500)
				nor.bad[store->head.segment] = NOR_PROGRAM_FAILS;
			if (i % 50 == 0)
				assert_int_equal(store_commit(store, lost, NULL), 0);
			while (i % 32 == 0 && store_clean(store))
				;
		}
		assert_true(store->stats.records_moved > 0 && store->stats.program_failures > 2);
		close_store();
	}
	nor.medium.ops = programmed.ops;
	qsort(programmed.chunks, programmed.count, sizeof(*programmed.chunks), by_value);
	for (size_t i = 1; i < programmed.count; i++)
		assert_true(programmed.chunks[i] != programmed.chunks[i - 1]);
	free(programmed.chunks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_random),
		TEST(test_full_churn),
		TEST(test_read_from_ring),
		TEST(test_arguments),
		TEST(test_remount),
		TEST(test_foreign),
		TEST(test_all_zeros_is_blank),
		TEST(test_too_small),
		TEST(test_lost_write),
		TEST(test_too_large),
		TEST(test_bad_geometry),
		TEST(test_no_memory),
		TEST(test_program_fails),
		TEST(test_erase_fails),
		TEST(test_stuck_bits),
		TEST(test_dies_later),
		TEST(test_head_goes_bad),
		TEST(test_everything_fails),
		TEST(test_stops_while_cleaning),
		TEST(test_erased_once),
		TEST(test_victim_is_finished),
		TEST(test_comes_and_goes),
		TEST(test_original_stays),
		TEST(test_retired_is_remembered),
		TEST(test_flip_hits_one_slot),
		TEST(test_cleaner_finds_damage),
		TEST(test_not_packed),
		TEST(test_rescue_of_many),
		TEST(test_unpack_without_memory),
		TEST(test_erase_waits_for_readers),
		TEST(test_read_across_a_move),
		TEST(test_readable),
		TEST(test_key_stream_is_used_once),
	};

	int failed;

	failed = cmocka_run_group_tests_name("plain", tests, NULL, NULL);
	mixed = true;
	failed += cmocka_run_group_tests_name("mixed", tests, NULL, NULL);
	swap_encrypt = SWAP_ENCRYPT_ALWAYS;
	failed += cmocka_run_group_tests_name("encrypted", tests, NULL, NULL);
	return failed;
}
