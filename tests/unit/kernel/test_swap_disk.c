// SPDX-License-Identifier: MIT
// SOURCES: kernel/swap_disk.c kernel/swap_medium.c kernel/swap_return.c kernel/lib/format.c
// SOURCES: mm/swap/store.c mm/swap/store_log.c mm/swap/store_clean.c mm/swap/store_segment.c mm/swap/store_mount.c mm/swap/store_budget.c mm/swap/store_figures.c mm/swap/codec.c kernel/random.c kernel/lib/chacha20.c tests/mock/chacha20.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/slab.c tests/mock/block.c kernel/block_return.c
// DEFINES: CONFIG_DEBUG=1
// TIMEOUT: 180
/*
 * Swap on a disk: what is taken and what is left alone, then the swap store over the strict disk:
 * contents against a reference, power that fails in each write, errors, a disk that goes away,
 * devices with large blocks. Whatever happens, mkswap's page stays as it is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/swap_budget.h"
#include "kernel/swap_disk.h"
#include "mm/buddy.h"
#include "mm/reclaim.h"
#include "mm/swap/store_internal.h"
#include "tests/mock/block.h"
#include "tests/mock/mock.h"
#include "tests/mock/objects.h"

#define SIZE  (3ul << 20)
#define SLOTS 2048

static struct mock_disk disk;
static uint8_t header[4096]; /* mkswap's page */
static struct medium *medium;
static struct store *store;
static uint32_t slots, frames;
static uint32_t version[SLOTS + 1]; /* 0: nothing */
static uint32_t segment_asked;      /* not 0: no store is opened, the medium's segments are told */
static uint32_t segment_shown;      /* not 0: how large segments are, whatever the medium says */
static bool late; /* whether the disk is slow in writing: each test runs in both ways */

static void disk_turn(void)
{
	mock_disk_turn(&disk);
}

static const struct medium *budgeted; /* whose write budget was looked up last */

void swap_budget_attach(struct medium *m)
{
	budgeted = m;
}

/* mm/swap/areas.c, for one store. */
int swap_attach(struct medium *m, bool format, int prio)
{
	int err;

	(void)prio;
	assert_ptr_equal(m, budgeted);
	if (segment_asked) {
		segment_asked = m->erase_size;
		return -EIO;
	}
	if (segment_shown) {
		m->erase_size = segment_shown;
		m->size = ALIGN_DOWN(m->size, (uint64_t)segment_shown);
	}
	err = store_open(m, format, &store, &slots);
	assert_true(err || slots <= SLOTS);
	medium = err ? NULL : m;
	return err;
}

int swap_detach(struct medium *m)
{
	if (m != medium)
		return -EINVAL;
	store_close(store);
	store = NULL;
	medium = NULL;
	return 0;
}

static void le32_put(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* As mkswap -L test does. */
static void sign(uint64_t bytes)
{
	memset(header, 0, sizeof(header));
	le32_put(header + 1024, 1);
	le32_put(header + 1028, (uint32_t)(bytes / 4096 - 1));
	memset(header + 1036, 0xcd, 16);
	strcpy((char *)header + 1052, "test");
	memcpy(header + 4086, "SWAPSPACE2", 10);
	memcpy(disk.now, header, sizeof(header));
	memcpy(disk.medium, header, sizeof(header));
}

static int setup(void **state)
{
	mock_setup(state);
	srand(1);
	mock_disk_init(&disk, "vda", SIZE);
	disk.device.can_discard = true;
	disk.device.max_discard = 1u << 20;
	disk.late = late;
	mock_on_block = disk_turn;
	memset(version, 0, sizeof(version));
	frames = frames_free();
	sign(SIZE);
	return 0;
}

static int teardown(void **state)
{
	if (medium)
		assert_int_equal(swap_disk_off(&disk.device), 0);
	assert_null(disk.device.claimed);
	assert_int_equal(mock_objects_out(), 0);
	assert_int_equal(frames_free(), frames);
	mock_disk_free(&disk);
	return mock_teardown(state);
}

static void on(void)
{
	assert_int_equal(swap_disk_on(&disk.device, -1, false), 0);
}

static const void *contents(uint32_t slot, uint32_t v)
{
	static uint32_t page[1024];

	for (uint32_t i = 0; i < 1024; i++)
		page[i] = slot * 2654435761u + v * 40503u + i;
	return page;
}

static int append(uint32_t slot)
{
	static uint32_t next;
	int err = store_append(store, slot, contents(slot, ++next));

	version[slot] = err ? 0 : next;
	return err;
}

static void lost(uint32_t slot, void *arg)
{
	(void)arg;
	version[slot] = 0;
}

static int commit(void)
{
	return store_commit(store, lost, NULL);
}

static void verify(uint32_t slot)
{
	uint32_t page[1024];
	int err = store_read(store, slot, page);

	assert_int_equal(err, version[slot] ? 0 : -ENOENT);
	if (version[slot])
		assert_memory_equal(page, contents(slot, version[slot]), 4096);
}

static void verify_all(void)
{
	for (uint32_t slot = 1; slot <= slots; slot++)
		verify(slot);
	assert_memory_equal(disk.now, header, sizeof(header));
}

static uint32_t any(void)
{
	return 1 + (uint32_t)rand() % slots;
}

static void churn(unsigned steps)
{
	for (unsigned i = 0; i < steps; i++) {
		uint32_t slot = any();

		switch (rand() % 9) {
		case 0:
			store_discard(store, slot);
			version[slot] = 0;
			break;
		case 1: verify(slot); break;
		case 2: assert_int_equal(commit(), 0); break;
		case 3: (void)store_clean(store); break;
		case 4: store_read_ahead(store, slot, 8); break;
		default: assert_int_equal(append(slot), 0);
		}
	}
}

/* ---- What is taken ---- */

static void test_taken(void **state)
{
	(void)state;
	on();
	assert_string_equal(medium->name, "/dev/vda");
	assert_false(medium->card);
	assert_int_equal(swap_disk_on(&disk.device, -1, false), -EBUSY);
	churn(2000);
	verify_all();
	assert_int_equal(swap_disk_off(&disk.device), 0);
	assert_int_equal(swap_disk_off(&disk.device), -EINVAL);
	/* Other things behind the signature are no reason. */
	memset(disk.now + 4096, 0x77, SIZE - 4096);
	memset(version, 0, sizeof(version));
	disk.device.card = true;
	on();
	assert_true(medium->card);
	churn(100);
	verify_all();
}

static void expect_refused(int err, const char *why)
{
	uint64_t writes = disk.writes, discards = disk.discards;

	assert_int_equal(swap_disk_on(&disk.device, -1, false), err);
	assert_true(disk.writes == writes && disk.discards == discards);
	assert_null(disk.device.claimed);
	if (why)
		assert_non_null(strstr(mock_log(), why));
	mock_log_clear();
}

static void test_left_alone(void **state)
{
	(void)state;
	/* Neither signed nor marked, blank or not. */
	disk.now[4090] ^= 1;
	expect_refused(-EINVAL, "vda has no swap signature: left alone");
	memset(disk.now, 0, SIZE);
	expect_refused(-EINVAL, "no swap signature");
	/* Marked: when it is blank. */
	disk.device.swap = true;
	disk.now[2000000] = 1;
	on();
	assert_int_equal(swap_disk_off(&disk.device), 0);
	memset(disk.now, 0, SIZE);
	disk.now[1080] = 0x53; /* such as a superblock */
	expect_refused(-EINVAL, "but something else");
	memset(disk.now, 0, SIZE);
	for (unsigned at = 4096; at < SIZE; at += 4096)
		disk.now[at + 20] = 1;
	expect_refused(-EMEDIUMTYPE, "holds something else");
	assert_int_equal(swap_disk_on(&disk.device, -1, true), 0);
	churn(50);
	assert_int_equal(swap_disk_off(&disk.device), 0);
	/* And it knows itself again. */
	on();
}

static void test_bad_headers(void **state)
{
	(void)state;
	sign(SIZE + 4096);
	expect_refused(-EINVAL, "shorter than its header says");
	sign(SIZE);
	le32_put(disk.now + 1024, 0);
	expect_refused(-EINVAL, "not known (version 0");
	le32_put(disk.now + 1024, 1);
	le32_put(disk.now + 1032, 1);
	expect_refused(-EINVAL, "1 bad pages");
	sign(SIZE);
	disk.fail_read = disk.reads + 1;
	expect_refused(-EIO, NULL);
	disk.device.read_only = true;
	expect_refused(-EROFS, NULL);
	disk.device.read_only = false;
	for (uint64_t size = 4096; size < 384 << 10; size += 28 << 10) {
		sign(size);
		expect_refused(-EINVAL, "too small");
	}
	for (unsigned n = 1;; n++) {
		sign(SIZE);
		mock_fail_allocation(n);
		if (swap_disk_on(&disk.device, -1, false) == 0)
			break;
		assert_int_equal(frames_free(), frames);
	}
	mock_fail_allocation(0);
}

/* What the header leaves out is not touched. */
static void test_shorter_than_the_device(void **state)
{
	(void)state;
	sign(SIZE / 2);
	memset(disk.now + SIZE / 2, 0xa5, SIZE / 2);
	on();
	churn(1500);
	verify_all();
	for (uint64_t at = SIZE / 2; at < SIZE; at++)
		assert_int_equal(disk.now[at], 0xa5);
}

/* ---- The store over it ---- */

static void test_full(void **state)
{
	struct store_stats st;

	(void)state;
	on();
	for (uint32_t slot = 1; slot <= slots; slot++)
		assert_int_equal(append(slot), 0);
	for (unsigned i = 0; i < 10 * slots; i++) {
		assert_int_equal(append(1 + (uint32_t)rand() % (slots / 2)), 0);
		if (i % 32 == 0)
			assert_int_equal(commit(), 0);
		while (i % 16 == 0 && store_clean(store))
			;
	}
	verify_all();
	store_stats(store, &st);
	print_message("%u slots in %u KB, erases %u..%u, write amplification %.2f\n", slots,
		      (unsigned)(SIZE / 1024), st.erase_min, st.erase_max,
		      (double)st.bytes_programmed / (double)st.bytes_in);
	assert_true(st.erase_max - st.erase_min <= 2 * WEAR_SPREAD);
	assert_true(disk.discards >= st.erases && st.retired_segments == 0);
	/* A page-in is one transfer. */
	assert_int_equal(commit(), 0);
	disk.reads = 0;
	verify_all(); /* the last one's end may be in the ring */
	assert_in_range(disk.reads, st.live_records - 1, st.live_records);
}

/* What README.md says of 8 MB is there, with large blocks as with small ones, even when each page
 * is committed by itself. */
static void test_promise(void **state)
{
	uint64_t size = 8ul << 20;

	(void)state;
	for (uint32_t block = 512; block <= 4096; block *= 8) {
		mock_disk_free(&disk);
		mock_disk_init(&disk, "vda", size);
		disk.device.block_size = block;
		disk.late = late;
		sign(size);
		memset(version, 0, sizeof(version));
		on();
		print_message("blocks of %u: %u of %u pages\n", block, slots,
			      (unsigned)(size / 4096));
		assert_true(slots * 4096ul * 100 >= size * (block == 512 ? 81 : 76));
		for (uint32_t i = 0; i < slots + slots / 4; i++) {
			assert_int_equal(append(i < slots ? i + 1 : any()), 0);
			assert_int_equal(commit(), 0);
			while (store_clean(store))
				;
		}
		verify_all();
		assert_int_equal(store->live_records, slots);
		assert_int_equal(swap_disk_off(&disk.device), 0);
	}
}

static void damage(struct mock_disk *m, const struct block_request *r)
{
	if (r->op == BLOCK_WRITE && m->writes + 1 == m->fail_write)
		memset(m->now + r->sector * SECTOR_SIZE, 0x33, r->sectors * SECTOR_SIZE);
}

static unsigned told;

static void count_lost(uint32_t slot, void *arg)
{
	(void)arg;
	assert_int_equal(slot, 2);
	told++;
}

/* The last block of a commit is written again by the next one, with what that adds. When this
 * fails, what was committed in it is nobody's else. */
static void test_block_written_again(void **state)
{
	uint32_t page[1024];
	uint64_t writes;

	(void)state;
	disk.device.block_size = 4096;
	disk.device.can_discard = false;
	disk.on_request = damage;
	on();
	assert_int_equal(append(1), 0);
	assert_int_equal(commit(), 0);
	assert_int_equal(commit(), 0);
	writes = disk.writes;
	assert_int_equal(commit(), 0);
	assert_int_equal(disk.writes, writes); /* but not for nothing */
	assert_true(store->head.programmed < store->head.fill);
	disk.fail_write = writes + 1;
	assert_int_equal(append(2), 0);
	assert_int_equal(commit(), 0);
	assert_int_equal(store->stats.program_failures, 1);
	for (uint32_t slot = 3; slot <= 6; slot++)
		assert_int_equal(append(slot), 0);
	assert_int_equal(commit(), 0);
	verify_all();
	/* Nothing can be written any more: the page that was committed is not told to be lost, and
	 * it is not. */
	assert_int_equal(swap_disk_off(&disk.device), 0);
	memset(version, 0, sizeof(version));
	on();
	assert_int_equal(append(1), 0);
	assert_int_equal(commit(), 0);
	assert_int_equal(append(2), 0);
	disk.device.read_only = true;
	assert_int_equal(store_commit(store, count_lost, NULL), -EROFS);
	version[2] = 0;
	assert_int_equal(told, late ? 2 : 1);
	verify(1);
	verify(2);
	assert_int_equal(store_read(store, 1, page), 0);
	disk.device.read_only = false;
}

static void test_blocks(void **state)
{
	(void)state;
	for (uint32_t size = 512; size <= 4096; size *= 2) {
		disk.device.block_size = size;
		disk.device.can_discard = size != 1024;
		memset(version, 0, sizeof(version));
		on();
		churn(800);
		assert_int_equal(commit(), 0);
		verify_all();
		assert_int_equal(swap_disk_off(&disk.device), 0);
	}
	on();
}

/* Power fails in each write of a run; wear records of all segments but those being erased survive,
 * contents do not matter. */
static void test_power(void **state)
{
	struct store_stats before, after;
	uint64_t cuts = 0;

	(void)state;
	on();
	churn(1500);
	for (uint64_t seed = 0; cuts < 200; cuts++, seed += 0x9e3779b97f4a7c15ull) {
		store_stats(store, &before);
		disk.cut_at = disk.writes + disk.flushes + 1 + cuts % 40;
		for (unsigned i = 0; i < 2000 && !disk.dead; i++) {
			uint32_t slot = any();

			if (append(slot) || (i % 16 == 0 && commit()))
				break;
		}
		assert_true(disk.dead);
		assert_int_equal(swap_disk_off(&disk.device), 0);
		mock_disk_power(&disk, cuts % 8 ? seed : cuts % 16 ? UINT64_MAX : 0);
		disk.cut_at = 0;
		memcpy(disk.now, disk.medium, SIZE);
		assert_memory_equal(disk.now, header, sizeof(header));
		memset(version, 0, sizeof(version));
		on();
		store_stats(store, &after);
		assert_int_equal(after.retired_segments, 0);
		churn(20);
	}
	verify_all();
}

/* Single errors: nothing is lost, and the segment is not used again. */
static void test_write_errors(void **state)
{
	struct store_stats st;

	(void)state;
	on();
	for (unsigned i = 0; i < 4; i++) {
		disk.fail_write = disk.writes + 3 + 5 * i;
		for (unsigned k = 0; k < 40; k++)
			assert_int_equal(append(any()), 0);
		assert_int_equal(commit(), 0);
		verify_all();
	}
	while (store_clean(store))
		;
	store_stats(store, &st);
	assert_in_range(st.program_failures, 3, 4); /* a mark that fails counts for nothing */
	assert_true(st.retired_segments >= 1 && st.retired_segments <= 4);
	verify_all();
	assert_int_equal(swap_disk_off(&disk.device), 0);
	memset(version, 0, sizeof(version));
	on();
	store_stats(store, &st);
	assert_true(st.retired_segments >= 1);
}

static void test_read_errors(void **state)
{
	uint32_t page[1024];

	(void)state;
	on();
	assert_int_equal(append(1), 0);
	assert_int_equal(append(2), 0);
	assert_int_equal(append(3), 0);
	assert_int_equal(commit(), 0);
	disk.fail_read = disk.reads + 1; /* once: it is tried again */
	verify(1);
	disk.bad_sector =
		(segment_base(store, store->head.segment) + 4096 + 1024 + 2048) / SECTOR_SIZE;
	assert_int_equal(store_read(store, 1, page), -EIO);
	disk.bad_sector = UINT64_MAX;
	assert_int_equal(store_read(store, 1, page), -EIO); /* poisoned */
	verify(2);
	/* A bit that flipped. */
	disk.now[segment_base(store, store->head.segment) + 4096 + 1024 + 4112 + 1000] ^= 4;
	assert_int_equal(store_read(store, 2, page), -EIO);
	assert_int_equal(store->stats.crc_errors, 2);
}

static uint32_t segment_of(uint64_t bytes)
{
	sign(bytes);
	disk.device.sectors = bytes / SECTOR_SIZE;
	segment_asked = 1;
	assert_int_equal(swap_disk_on(&disk.device, -1, false), -EIO);
	disk.device.sectors = SIZE / SECTOR_SIZE;
	return segment_asked;
}

/* Neither few segments nor very many. */
static void test_segment_size(void **state)
{
	uint64_t gb = 1u << 30;

	(void)state;
	assert_int_equal(segment_of(SIZE), 64 << 10);
	assert_int_equal(segment_of(64 << 20), 1 << 20);
	assert_int_equal(segment_of(20 * gb), 1 << 20);
	assert_int_equal(segment_of(20 * gb + (1 << 20)), 2 << 20);
	assert_int_equal(segment_of(40 * gb), 2 << 20);
	assert_int_equal(segment_of(64 * gb), 4 << 20);
	assert_int_equal(segment_of(1024 * gb), 4 << 20);
	segment_asked = 0;
}

/* A partition that was smaller, or larger, and is swap by its type alone: our headers of then are
 * nobody else's, nor is what lies between them. */
static void test_other_size(void **state)
{
	struct store_stats st;

	(void)state;
	disk.device.swap = true;
	for (unsigned larger = 0; larger < 2; larger++) {
		memset(disk.now, 0, SIZE);
		segment_shown = larger ? 64 << 10 : 128 << 10;
		on();
		for (uint32_t i = 1; i < 300; i++)
			assert_int_equal(append(i), 0);
		assert_int_equal(store_commit(store, lost, NULL), 0);
		assert_int_equal(swap_disk_off(&disk.device), 0);
		segment_shown = larger ? 128 << 10 : 64 << 10;
		/* Unless somebody else has the beginning. */
		disk.now[4096] ^= 1;
		if (!larger)
			expect_refused(-EMEDIUMTYPE, "holds something else");
		disk.now[4096] ^= 1;
		on();
		store_stats(store, &st);
		assert_int_equal(st.erase_max, 0);
		assert_int_equal(swap_disk_off(&disk.device), 0);
	}
	segment_shown = 0;
	memset(version, 0, sizeof(version));
}

/* A segment that dies whole is discarded then, once, and not by itself when it is used again. How
 * worn it is is known after a reboot. */
static void test_dead_segments(void **state)
{
	struct store_stats st, after;
	uint64_t discards;

	(void)state;
	on();
	for (uint32_t slot = 1; slot <= slots; slot++)
		assert_int_equal(append(slot), 0);
	assert_int_equal(commit(), 0);
	while (store_clean(store))
		;
	disk_turn();
	discards = disk.discards;
	for (uint32_t slot = 1; slot <= slots; slot++) {
		store_discard(store, slot);
		version[slot] = 0;
	}
	assert_true(store_dead(store) == disk.device.can_discard);
	while (store_clean(store))
		;
	assert_false(store_dead(store));
	disk_turn(); /* the last */
	store_stats(store, &st);
	assert_true(st.discards > 10 && disk.discards - discards >= st.discards);
	assert_int_equal(st.free_segments, st.segments - 1); /* but the head */
	discards = disk.discards;
	for (uint32_t slot = 1; slot <= slots / 2; slot++)
		assert_int_equal(append(slot), 0);
	assert_int_equal(commit(), 0);
	assert_true(disk.discards - discards <= st.segments - st.discards);
	verify_all();
	churn(2000);
	for (uint32_t slot = 1; slot <= slots; slot++)
		store_discard(store, slot);
	while (store_clean(store))
		;
	store_stats(store, &st);
	assert_true(st.erase_min > 1 && st.erase_max > st.erase_min);
	assert_int_equal(swap_disk_off(&disk.device), 0);
	memset(version, 0, sizeof(version));
	on();
	store_stats(store, &after);
	assert_int_equal(after.erase_sum, st.erase_sum);
	assert_int_equal(after.erase_min, st.erase_min);
	assert_int_equal(after.erase_max, st.erase_max);
}

static uint64_t discarded_sectors(void)
{
	uint64_t n = 0;

	for (uint64_t at = 0; at < SIZE; at += SECTOR_SIZE) {
		unsigned same = 0;

		while (same < SECTOR_SIZE && disk.now[at + same] == 0x5a)
			same++;
		n += same == SECTOR_SIZE;
	}
	return n;
}

/* A disk that takes less at once than a segment is: the whole of it goes all the same. */
static void test_short_discards(void **state)
{
	struct store_stats st;
	uint64_t before;

	(void)state;
	disk.device.max_discard = 96;
	on();
	for (uint32_t slot = 1; slot <= slots; slot++)
		assert_int_equal(append(slot), 0);
	assert_int_equal(commit(), 0);
	disk_turn();
	before = discarded_sectors();
	for (uint32_t slot = 1; slot <= slots; slot++) {
		store_discard(store, slot);
		version[slot] = 0;
	}
	while (store_clean(store))
		;
	disk_turn();
	store_stats(store, &st);
	assert_true(st.discards > 10);
	assert_true(discarded_sectors() - before >=
		    st.discards * (medium->erase_size - store->header_area) / SECTOR_SIZE);
}

/* A row of records comes in one transfer; what of it is damaged is read again by itself. */
static void test_read_ahead(void **state)
{
	uint64_t third;

	(void)state;
	on();
	for (uint32_t slot = 1; slot <= 9; slot++)
		assert_int_equal(append(slot), 0);
	assert_int_equal(append(11), 0);
	assert_int_equal(commit(), 0);
	third = segment_base(store, store->head.segment) + 4096 + 1024 + 2 * 4112 + 500;
	disk.now[third] ^= 4;
	disk.reads = 0;
	store_read_ahead(store, 1, 9);
	assert_int_equal(disk.reads, 1);
	disk.now[third] ^= 4;
	for (uint32_t slot = 1; slot <= 7; slot++)
		verify(slot);
	assert_int_equal(disk.reads, 2);
	verify(8); /* this is as much as is kept */
	assert_int_equal(disk.reads, 3);
	/* Nothing to read: free slots, those still in the ring, a disk that fails. */
	store_read_ahead(store, 100, 4);
	assert_int_equal(append(10), 0);
	store_read_ahead(store, 10, 1);
	assert_int_equal(disk.reads, 3);
	disk.fail_read = 4;
	store_read_ahead(store, 1, 4);
	assert_int_equal(disk.reads, 4);
	verify(1);
	assert_int_equal(disk.reads, 5);
	assert_int_equal(store->segments[store->head.segment].readers, 0);
}

static void read_both(uint64_t at, uint8_t *to)
{
	const struct medium_piece pieces[] = { { to, 16 }, { to + 16, 2032 } };

	assert_int_equal(medium->ops->read_both(medium, at, pieces), 0);
}

/* What was read ahead of a place is not given after that was written or erased. */
static void test_ahead_is_forgotten(void **state)
{
	struct page *p = page_alloc(0);
	uint8_t *is = page_to_virt(p), *old = is + 2048;
	uint64_t at = 70 << 10;

	(void)state;
	on();
	for (unsigned way = 0; way < 3; way++) {
		memset(is, 0x60 + (int)way, 2048);
		medium->ops->read_ahead(medium, at, 2048);
		disk.reads = 0;
		if (way == 0) {
			assert_int_equal(medium->ops->program(medium, at, is, 2048), 0);
		} else if (way == 1) {
			medium->ops->program_begin(medium, at, is, 2048);
			assert_int_equal(medium->ops->program_end(medium), 0);
		} else {
			assert_int_equal(medium->ops->erase(medium, 64 << 10), 0);
			disk_turn();
		}
		read_both(at, old);
		assert_int_equal(disk.reads, 1);
		if (way < 2)
			assert_memory_equal(old, is, 2048);
		/* And of what is elsewhere it stays. */
		medium->ops->read_ahead(medium, at, 2048);
		assert_int_equal(medium->ops->program(medium, at + 2048, is, 2048), 0);
		read_both(at, old);
		assert_int_equal(disk.reads, 2);
	}
	page_free(p, 0);
}

/* The disk is gone: nothing pretends, and what was in RAM is told to be lost on the medium. */
static void test_gone(void **state)
{
	unsigned failed = 0;

	(void)state;
	on();
	churn(300);
	disk.dead = true;
	for (unsigned i = 0; i < 50; i++)
		failed += append(any()) != 0;
	failed += commit() != 0;
	assert_true(failed > 0);
	for (unsigned i = 0; i < 50; i++)
		(void)store_clean(store);
}

static unsigned said(const char *what)
{
	unsigned n = 0;

	for (const char *p = mock_log(); (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

/* Full, with much to clean; then the k-th write from here and all that follow it fail. What was
 * committed stays readable, whatever was under way. */
static void stop(int error, unsigned k)
{
	on();
	for (uint32_t slot = 1; slot <= slots; slot++)
		assert_int_equal(append(slot), 0);
	assert_int_equal(commit(), 0);
	for (uint32_t slot = 1; slot <= slots; slot += 3) {
		store_discard(store, slot);
		version[slot] = 0;
	}
	disk.stop_error = error;
	disk.stop_at = disk.writes + k;
	for (unsigned i = 0; i < 60; i++) {
		(void)append(1 + 3 * ((uint32_t)rand() % (slots / 3)));
		if (i % 7 == 0)
			(void)commit();
		if (i % 2 == 0)
			(void)store_clean(store);
	}
	assert_true(disk.writes >= disk.stop_at);
	(void)commit();
	for (unsigned i = 0; i < 8; i++)
		(void)store_clean(store);
	verify_all();
	assert_int_equal(store->stats.crc_errors, 0);
}

/* A disk at the end of its life: each write fails, reads do not. */
static void test_stops_taking_writes(void **state)
{
	(void)state;
	for (unsigned k = 1; k < 40; k += 3) {
		stop(-EIO, k);
		disk.stop_at = 0;
		assert_int_equal(swap_disk_off(&disk.device), 0);
		memset(version, 0, sizeof(version));
		memset(disk.now + 4096, 0, SIZE - 4096); /* nothing is retired */
	}
	on();
}

/* One that says so of itself: no segment is to blame, it is said once, and the cleaner leaves it
 * alone until writes succeed again. */
static void test_says_it_is_gone(void **state)
{
	static const int errors[] = { -EROFS, -ENODEV };
	unsigned times = 0;

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		for (unsigned k = 1; k < 40; k += 3) {
			uint64_t writes, erases, programmed;

			stop(errors[i], k);
			assert_int_equal(store->gone, errors[i]);
			assert_int_equal(store->stats.retired_segments, 0);
			for (uint32_t s = 0; s < store->nsegments; s++)
				assert_false(segment_suspect(&store->segments[s]));
			assert_int_equal(said(": the medium "), ++times);
			writes = disk.requests;
			assert_false(store_clean(store));
			assert_int_equal(disk.requests, writes);
			/* Each try finds it gone: nothing was erased or written. */
			erases = store->stats.erases;
			programmed = store->stats.bytes_programmed;
			for (unsigned n = 0; n < 20; n++)
				(void)append(1 + 3 * n);
			assert_int_equal(store->stats.erases, erases);
			assert_int_equal(store->stats.bytes_programmed, programmed);
			disk.stop_at = 0;
			for (unsigned n = 0; n < 40; n++)
				assert_int_equal(append(1 + 3 * n), 0);
			assert_int_equal(commit(), 0);
			while (store_clean(store))
				;
			verify_all();
			disk.stop_at = disk.writes + 1; /* once more: not a word */
			assert_int_equal(append(1), 0);
			assert_int_equal(commit(), errors[i]);
			assert_int_equal(said(": the medium "), times);
			disk.stop_at = 0;
			assert_int_equal(swap_disk_off(&disk.device), 0);
			memset(version, 0, sizeof(version));
		}
	on();
}

/* It is the look that finds the card. */
static void found_by_the_look(struct mock_disk *m, const struct block_request *r)
{
	if (!r->anew)
		return;
	m->device.returns++;
	m->on_request = NULL;
}

/* A card comes back; `same`: as it was left. */
static void away(bool same)
{
	static uint8_t was[SIZE];
	uint32_t page[1024], slot = 1;

	memcpy(was, disk.now, SIZE);
	disk.device.returns++;
	if (same) {
		verify_all();
		disk.device.returns++;
		churn(100);
		disk.device.returns++;
		assert_int_equal(append(slots), 0);
		assert_int_equal(commit(), 0);
		disk.device.returns++;
		disk.on_request = found_by_the_look;
		verify_all();
		assert_null(disk.on_request);
		return;
	}
	for (unsigned i = 0; i < 2; i++, disk.device.returns++) {
		for (unsigned n = 0; n < 20; n++)
			(void)append(slots - n);
		(void)commit();
		for (unsigned n = 0; n < 20; n++)
			assert_int_equal(version[slots - n], 0);
		assert_int_equal(store->gone, -ENODEV);
		assert_true(medium->lost);
		for (; slot <= slots / 2; slot++)
			if (version[slot])
				assert_int_equal(store_read(store, slot, page), -EIO);
		(void)store_clean(store);
		disk_turn();
		assert_memory_equal(disk.now, was, SIZE);
		assert_int_equal(said("was away and is not what it was"), 1);
		slot = 1;
	}
	mock_log_clear();
	assert_int_equal(swap_disk_off(&disk.device), 0);
	memset(version, 0, sizeof(version));
}

static void on_and_used(void)
{
	on();
	for (uint32_t slot = 1; slot <= slots / 2; slot++)
		assert_int_equal(append(slot), 0);
	assert_int_equal(commit(), 0);
}

/* What came back is written to when it is known again by its first page and a header of ours, and
 * by nothing less. */
static void test_away(void **state)
{
	uint64_t at;

	(void)state;
	on();
	disk.device.returns++; /* nothing written yet: signed is enough */
	churn(100);
	assert_int_equal(commit(), 0);
	away(true);
	disk.device.returns++; /* but not what somebody signed anew */
	disk.now[1040] ^= 1;
	away(false);
	sign(SIZE);
	/* Swap of somebody else, or another use of a partition without a signature. */
	for (unsigned is_signed = 0; is_signed < 2; is_signed++) {
		memset(disk.now, 0, SIZE);
		disk.device.swap = true;
		if (is_signed)
			sign(SIZE);
		else
			memset(header, 0, sizeof(header));
		on_and_used();
		away(true);
		for (at = 4096; at < SIZE; at += 64 << 10)
			memset(disk.now + at, 0x42, 16);
		away(false);
		memset(disk.now, 0, SIZE);
	}
	/* A blank first page and no header of ours tell nothing. */
	memset(header, 0, sizeof(header));
	on();
	away(false);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_taken),
		TEST(test_left_alone),
		TEST(test_bad_headers),
		TEST(test_shorter_than_the_device),
		TEST(test_full),
		TEST(test_blocks),
		TEST(test_power),
		TEST(test_write_errors),
		TEST(test_read_errors),
		TEST(test_gone),
		TEST(test_read_ahead),
		TEST(test_segment_size),
		TEST(test_other_size),
		TEST(test_dead_segments),
		TEST(test_short_discards),
		TEST(test_ahead_is_forgotten),
		TEST(test_promise),
		TEST(test_block_written_again),
		TEST(test_stops_taking_writes),
		TEST(test_says_it_is_gone),
		TEST(test_away),
	};

	int failed = cmocka_run_group_tests_name("at once", tests, NULL, NULL);

	late = true;
	return failed + cmocka_run_group_tests_name("late", tests, NULL, NULL);
}
