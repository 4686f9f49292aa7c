// SPDX-License-Identifier: MIT
// Reading ahead: windows that grow and collapse, what is waited for, what becomes of pages that
// were not read after all.
// SOURCES: mm/object.c mm/object_evict.c mm/object_size.c mm/object_write.c mm/object_io.c mm/readahead.c mm/page.c mm/rmap.c mm/rmap_set.c mm/rmap_file.c mm/commit.c
// SOURCES: kernel/lib/rbtree.c kernel/lib/radix.c kernel/lib/format.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c
// SOURCES: tests/mock/usercopy.c tests/mock/slab.c tests/mock/swap.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/mock/mock.h"

#include <string.h>

#include "kernel/errno.h"
#include "mm/buddy.h"
#include "mm/frames.h"
#include "mm/object_internal.h"
#include "mm/rmap.h"
#include "mm/swap.h"
#include "tests/mock/objects.h"

#define PAGES 200

static struct disk_object disk;
static struct object *file;
static struct readahead ra;
static struct page *under_way[PAGES]; /* by index */
static unsigned alone, ahead;         /* pages read with and without waiting */
static int ahead_error;
static uint32_t frames_at_start;

static void contents(struct page *p)
{
	memset(page_to_virt(p), (int)p->u.file.index + 1, PAGE_SIZE);
}

static int disk_read(struct object *o, struct page *p)
{
	(void)o;
	alone++;
	contents(p);
	return 0;
}

static void disk_read_ahead(struct object *o, struct page **pages, unsigned n)
{
	assert_in_range(n, 1, OBJECT_RUN_MAX);
	for (unsigned i = 0; i < n; i++) {
		assert_ptr_equal(pages[i]->u.file.object, o);
		assert_int_equal(pages[i]->u.file.index, pages[0]->u.file.index + i);
		under_way[pages[i]->u.file.index] = pages[i];
		ahead++;
	}
}

static int disk_write(struct object *o, struct page **pages, unsigned n)
{
	(void)o, (void)pages, (void)n;
	return 0;
}

static const struct object_ops disk_ops = { .read_page = disk_read,
					    .read_pages = disk_read_ahead,
					    .write_pages = disk_write };

/* The device ends what it has. */
static void complete(void)
{
	for (unsigned i = 0; i < PAGES; i++) {
		struct page *p = under_way[i];

		under_way[i] = NULL;
		if (p != NULL && ahead_error == 0)
			contents(p);
		if (p != NULL)
			object_read_ended(file, p, ahead_error);
	}
}

static int setup(void **state)
{
	mock_setup(state);
	mock_reset();
	page_init();
	rmap_init();
	frames_at_start = frames_free();
	alone = ahead = 0;
	ahead_error = 0;
	ra = (struct readahead){ .max = READAHEAD_PAGES };
	disk_object_init(&disk, &disk_ops, PAGES * PAGE_SIZE);
	file = &disk.object;
	mock_on_block = complete;
	return 0;
}

static int teardown(void **state)
{
	mock_on_block = NULL;
	complete();
	object_put(file);
	assert_int_equal(frames_free(), frames_at_start);
	return mock_teardown(state);
}

static void read_page(unsigned i)
{
	uint8_t byte = 0;

	assert_int_equal(object_read_file(file, &ra, (uint64_t)i * PAGE_SIZE, &byte, 1, false), 1);
	assert_int_equal(byte, i + 1);
}

static void test_sequence(void **state)
{
	unsigned begun[PAGES];

	(void)state;
	for (unsigned i = 0; i < PAGES; i++) {
		read_page(i);
		begun[i] = ahead;
	}
	assert_int_equal(begun[0], 4);
	assert_int_equal(begun[1], 12); /* its second page had the marker; and so on */
	assert_int_equal(begun[4], 28);
	assert_int_equal(begun[12], 60);
	assert_int_equal(begun[28], 92);
	/* Never more ahead than two windows, all read once, none by itself. */
	for (unsigned i = 0; i < PAGES; i++)
		assert_true(begun[i] <= i + 1 + 2 * READAHEAD_PAGES);
	assert_int_equal(ahead, PAGES);
	assert_int_equal(alone, 0);
}

static unsigned uses;

void lru_mark_accessed(struct page *p)
{
	(void)p;
	uses++;
}

/* However small the pieces, a page that is read through once is used once. */
static void test_small_pieces(void **state)
{
	uint8_t piece[512];

	(void)state;
	uses = 0;
	for (uint64_t at = 0; at < 8 * PAGE_SIZE; at += sizeof(piece))
		assert_int_equal(object_read_file(file, &ra, at, piece, sizeof(piece), false),
				 sizeof(piece));
	assert_int_equal(uses, 8);
	for (unsigned i = 0; i < 3; i++) /* again and again from its beginning */
		read_page(2);
	assert_int_equal(uses, 11);
}

/* Whoever comes to a marker does not wait for what he begins. */
static void none_waits(void)
{
	fail_msg("a reader waits for pages ahead of him");
}

static void test_nobody_waits_ahead(void **state)
{
	(void)state;
	read_page(0);
	complete();
	mock_on_block = none_waits;
	read_page(1);
	read_page(2);
	read_page(3);
	assert_int_equal(ahead, 12);
	mock_on_block = complete;
}

static void test_at_random(void **state)
{
	static const uint8_t order[] = { 100, 50, 120, 7, 199, 33 };

	(void)state;
	for (unsigned i = 0; i < sizeof(order); i++)
		read_page(order[i]);
	assert_int_equal(ahead, 0);
	assert_int_equal(alone, sizeof(order));
	/* In sequence from somewhere on. */
	read_page(34);
	assert_int_equal(ahead, 4);
	/* And gone again. */
	read_page(150);
	assert_int_equal(ahead, 4);
	assert_int_equal(ra.size, 0);
	/* Never, when that was asked for. */
	ra.max = 0;
	for (unsigned i = 60; i < 70; i++)
		read_page(i);
	assert_int_equal(ahead, 4);
}

/* One large read: what is asked for first, then what follows. */
static void test_large(void **state)
{
	static uint8_t buf[40 * 4096];

	(void)state;
	assert_int_equal(object_read_file(file, &ra, 0, buf, sizeof(buf), false), sizeof(buf));
	for (unsigned i = 0; i < sizeof(buf); i++)
		assert_int_equal(buf[i], i / 4096 + 1);
	assert_int_equal(alone, 0);
	assert_true(ahead >= 40 && ahead <= 40 + 2 * READAHEAD_PAGES);
}

/* What could not be read ahead is read by whoever wants it; truncated pages, and their frames, are
 * gone. */
static void test_what_comes_to_nothing(void **state)
{
	(void)state;
	ahead_error = -EIO;
	for (unsigned i = 0; i < 20; i++)
		read_page(i);
	complete();
	assert_int_equal(alone, 20);
	assert_int_equal(disk.object.nr_pages, 20);
	ahead_error = 0;
	object_read_ahead(file, 30, 40);
	assert_int_equal(disk.object.nr_pages, 60);
	assert_int_equal(object_truncate(file, 50 * PAGE_SIZE), 0);
	complete();
	assert_int_equal(disk.object.nr_pages, 40);
	object_read_ahead(file, 40, UINT32_MAX); /* up to the end */
	complete();
	assert_int_equal(disk.object.nr_pages, 40);
	object_drop(file, 0, 34);
	assert_int_equal(disk.object.nr_pages, 15);
}

static void test_short_of_memory(void **state)
{
	struct page *taken = NULL, *p;

	(void)state;
	watermarks.high = 64;
	while (frames_free() > watermarks.high && (p = page_alloc(ALLOC_NOWAIT)) != NULL) {
		p->u.slab.free = taken;
		taken = p;
	}
	read_page(0);
	read_page(1);
	assert_int_equal(ahead, 0);
	assert_int_equal(alone, 2);
	watermarks.high = 0;
	while ((p = taken) != NULL) {
		taken = p->u.slab.free;
		page_free(p, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sequence, setup, teardown),
		cmocka_unit_test_setup_teardown(test_small_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody_waits_ahead, setup, teardown),
		cmocka_unit_test_setup_teardown(test_at_random, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_comes_to_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_short_of_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
