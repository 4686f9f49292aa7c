// SPDX-License-Identifier: MIT
// Changes of size: what was stored behind the end, and what was cut off, never comes back; nothing
// of it reaches a disk.
// SOURCES: mm/aspace.c mm/area.c mm/label.c mm/zap.c mm/copies.c mm/huge.c mm/hugetlb.c mm/huge_pool.c mm/huge_object.c mm/share.c mm/fork.c mm/rmap.c mm/rmap_set.c mm/rmap_file.c mm/fault.c mm/parallel.c
// SOURCES: mm/fault_file.c mm/stack.c mm/map.c mm/protect.c mm/remap.c mm/mlock.c mm/advise.c mm/advise_pages.c
// SOURCES: mm/commit.c
// SOURCES: mm/object.c mm/object_evict.c mm/object_size.c mm/object_write.c mm/object_io.c mm/readahead.c mm/page.c
// SOURCES: kernel/lib/rbtree.c kernel/lib/radix.c kernel/lib/format.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c
// SOURCES: arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c
// SOURCES: tests/mock/usercopy.c tests/mock/slab.c tests/mock/swap.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/unit/mm/aspace_test.h"

#define SHARED (RW | AREA_SHARED | AREA_MAY_WRITE)
#define PAGES  4
#define END    (PAGE_SIZE + 100) /* of the file, as it begins */

/* A disk with one file on it. */
static struct disk_object disk;
static uint8_t medium[PAGES][PAGE_SIZE];
static void (*while_writing)(void);

static int disk_read(struct object *o, struct page *p)
{
	(void)o;
	memcpy(page_to_virt(p), medium[p->u.file.index], PAGE_SIZE);
	return 0;
}

static int disk_write(struct object *o, struct page **pages, unsigned n)
{
	(void)o;
	for (unsigned i = 0; i < n; i++) {
		memcpy(medium[pages[i]->u.file.index], page_to_virt(pages[i]), PAGE_SIZE);
		if (while_writing != NULL)
			while_writing();
	}
	return 0;
}

static const struct object_ops disk_ops = { .read_page = disk_read, .write_pages = disk_write };

/* An object of END bytes, all 7, mapped shared at BASE; the byte behind its end has been stored
 * to. */
static struct object *begin(struct aspace *as, bool on_disk)
{
	static uint8_t bytes[END];
	struct object *o = &disk.object;

	while_writing = NULL;
	memset(medium, 0, sizeof(medium));
	if (on_disk)
		disk_object_init(&disk, &disk_ops, 0);
	else
		o = object_create_anon(0);
	memset(bytes, 7, END);
	assert_int_equal(object_write(o, 0, bytes, END, false), END);
	map_object(as, BASE, PAGES * PAGE_SIZE, SHARED, o);
	run(as);
	assert_int_equal(poke(BASE + END, 9), 0);
	assert_int_equal(poke(BASE + 2 * PAGE_SIZE - 1, 9), 0);
	return o;
}

static void finish(struct aspace *as, struct object *o)
{
	check(as);
	end(as);
	object_put(o);
}

static bool reads(struct object *o, uint64_t from, uint64_t to, uint8_t byte)
{
	uint8_t b;

	for (uint64_t at = from; at < to; at++)
		if (object_read(o, at, &b, 1, false) != 1 || b != byte)
			return false;
	return true;
}

static void test_longer_by_truncation(void **state)
{
	(void)state;
	for (int on_disk = 0; on_disk < 2; on_disk++) {
		struct aspace *as = space();
		struct object *o = begin(as, on_disk);

		assert_int_equal(peek(BASE + END), 9); /* only where it is mapped */
		assert_int_equal(object_truncate(o, 3 * PAGE_SIZE), 0);
		assert_int_equal(peek(BASE + END) | peek(BASE + 2 * PAGE_SIZE - 1), 0);
		assert_true(reads(o, END, 3 * PAGE_SIZE, 0));
		assert_true(reads(o, 0, END, 7));
		finish(as, o);
	}
}

/* By a write behind the end; a write at the end leaves what is behind it alone, for it still is. */
static void test_longer_by_writing(void **state)
{
	(void)state;
	for (int on_disk = 0; on_disk < 2; on_disk++) {
		struct aspace *as = space();
		struct object *o = begin(as, on_disk);

		assert_int_equal(object_write(o, END, "x", 1, false), 1);
		assert_int_equal(peek(BASE + 2 * PAGE_SIZE - 1), 9);
		assert_int_equal(poke(BASE + END + 1, 9), 0);
		assert_int_equal(object_write(o, END + 20, "y", 1, false), 1);
		assert_true(reads(o, END + 1, END + 20, 0));
		assert_int_equal(object_write(o, 3 * PAGE_SIZE, "z", 1, false), 1);
		assert_true(reads(o, END + 21, 3 * PAGE_SIZE, 0));
		finish(as, o);
	}
}

/* Shorter and longer again, over one page and over several. */
static void test_cut_off(void **state)
{
	(void)state;
	for (int on_disk = 0; on_disk < 2; on_disk++) {
		struct aspace *as = space();
		struct object *o = begin(as, on_disk);

		assert_int_equal(object_truncate(o, END - 50), 0);
		assert_int_equal(peek(BASE + END - 50), 0);
		assert_int_equal(poke(BASE + END - 49, 9), 0);
		assert_int_equal(object_truncate(o, END), 0);
		assert_true(reads(o, END - 50, END, 0));
		assert_int_equal(object_truncate(o, 10), 0);
		assert_int_equal(peek(BASE + PAGE_SIZE), -1);
		assert_int_equal(last_outcome, FAULT_BEYOND_FILE);
		assert_int_equal(object_truncate(o, END), 0);
		assert_true(reads(o, 10, END, 0));
		finish(as, o);
	}
}

/* The last page is in swap when the object grows. */
static void test_swapped_tail(void **state)
{
	struct aspace *as = space();
	struct object *o = begin(as, false);

	(void)state;
	assert_true(evict(as, BASE + PAGE_SIZE));
	assert_int_equal(object_truncate(o, 3 * PAGE_SIZE), 0);
	assert_true(reads(o, END, 3 * PAGE_SIZE, 0));
	assert_true(evict(as, BASE + PAGE_SIZE) || true);
	/* Where it cannot be read, nothing changes. */
	assert_int_equal(object_truncate(o, END), 0);
	assert_int_equal(peek(BASE + PAGE_SIZE), 7);
	assert_true(evict(as, BASE + PAGE_SIZE));
	mock_swap_unreadable = true;
	assert_int_equal(object_truncate(o, 2 * PAGE_SIZE), -EIO);
	assert_int_equal(object_write(o, 3 * PAGE_SIZE, "x", 1, false), -EIO);
	assert_int_equal(o->size, END);
	mock_swap_unreadable = false;
	finish(as, o);
}

/* mmap(2): what is stored behind the end is not written to the file. */
static void test_write_back(void **state)
{
	struct aspace *as = space();
	struct object *o = begin(as, true);

	(void)state;
	assert_int_equal(object_sync(o, 0, UINT32_MAX), 0);
	assert_int_equal(medium[1][99], 7);
	assert_int_equal(medium[1][100] | medium[1][PAGE_SIZE - 1], 0);
	/* A clean page, and one that is not here, have nothing to be cleared: they stay so. */
	assert_int_equal(object_truncate(o, 2 * PAGE_SIZE), 0);
	assert_int_equal(disk.nr_dirty, 0);
	finish(as, o);
}

static void store_behind(void)
{
	while_writing = NULL;
	assert_int_equal(poke(BASE + END, 9), 0);
}

/* Stored to while the page is on its way: that counts as before. */
static void test_store_while_writing(void **state)
{
	struct aspace *as = space();
	struct object *o = begin(as, true);

	(void)state;
	while_writing = store_behind;
	assert_int_equal(object_sync(o, PAGES, PAGES), 0);
	assert_int_equal(object_sync(o, 1, 1), 0);
	assert_int_equal(disk.nr_dirty, 2);
	assert_int_equal(object_truncate(o, 3 * PAGE_SIZE), 0);
	assert_true(reads(o, END, 3 * PAGE_SIZE, 0));
	assert_int_equal(object_sync(o, 0, UINT32_MAX), 0);
	assert_int_equal(medium[1][100], 0);
	finish(as, o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_longer_by_truncation),
		TEST(test_longer_by_writing),
		TEST(test_cut_off),
		TEST(test_swapped_tail),
		TEST(test_write_back),
		TEST(test_store_while_writing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
