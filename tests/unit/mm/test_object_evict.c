// SPDX-License-Identifier: MIT
// How pages leave objects: truncation, also while they are read, eviction, write-back.
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

static int reads, writes, read_error;
static uint64_t truncate_to;

static int store_read(struct object *o, struct page *p)
{
	reads++;
	if (truncate_to != 0)
		assert_int_equal(object_truncate(o, truncate_to), 0);
	memset(page_to_virt(p), (int)p->u.file.index + 1, PAGE_SIZE);
	return read_error;
}

static int store_write(struct object *o, struct page *p)
{
	(void)o;
	(void)p;
	return ++writes == 3 ? -EIO : 0;
}

static int store_write_run(struct object *o, struct page **pages, unsigned n)
{
	int err = 0;

	for (unsigned i = 0; i < n && err == 0; i++)
		err = store_write(o, pages[i]);
	return err;
}

static const struct object_ops store_ops = { .read_page = store_read,
					     .write_pages = store_write_run };
static struct disk_object disk;
#define store disk.object

static void store_start(uint64_t size)
{
	reads = writes = read_error = 0;
	truncate_to = 0;
	disk_object_init(&disk, &store_ops, size);
}

static void test_backing_store(void **state)
{
	uint8_t buf[2 * 4096];
	struct page *p;

	(void)state;
	store_start(4 * PAGE_SIZE);
	assert_int_equal(object_read(&store, 0, buf, sizeof(buf), false), sizeof(buf));
	assert_int_equal(buf[0], 1);
	assert_int_equal(buf[4096], 2);
	assert_int_equal(object_read(&store, 0, buf, sizeof(buf), false), sizeof(buf));
	assert_int_equal(reads, 2);
	/* Clean pages can be dropped and come back; used or dirty ones cannot. */
	p = object_lookup(&store, 0);
	assert_true(object_drop_clean(&store, 0, p));
	page_put(p);
	assert_int_equal(object_read(&store, 0, buf, 1, false), 1);
	assert_int_equal(reads, 3);
	assert_int_equal(object_write(&store, 10, "x", 1, false), 1);
	p = object_lookup(&store, 0);
	assert_false(object_drop_clean(&store, 0, p));
	assert_int_equal(object_write_page(&store, p), 0);
	page_get(p);
	assert_false(object_drop_clean(&store, 0, p));
	page_put(p);
	page_dirty(p);
	page_put(p);
	assert_int_equal(object_write(&store, PAGE_SIZE, "y", 1, false), 1);
	assert_int_equal(object_sync(&store, 0, UINT32_MAX), -EIO);
	assert_int_equal(object_sync(&store, 0, UINT32_MAX), 0);
	assert_int_equal(writes, 5);
	object_put(&store);
}

/* The object shrinks while the page of a fault is being read: nothing of it may be mapped. */
static void test_truncated_while_reading(void **state)
{
	struct map_request r = { .addr = BASE,
				 .length = 4 * PAGE_SIZE,
				 .flags = AREA_READ,
				 .fixed = true,
				 .object = &store };
	struct aspace *as = space();

	(void)state;
	store_start(4 * PAGE_SIZE);
	assert_int_equal(aspace_map(as, &r), BASE);
	run(as);
	truncate_to = PAGE_SIZE;
	assert_int_equal(peek(BASE + 2 * PAGE_SIZE), -1);
	assert_int_equal(last_outcome, FAULT_BEYOND_FILE);
	assert_int_equal(look(as, BASE + 2 * PAGE_SIZE).state, PTE_NONE);
	assert_int_equal(store.nr_pages, 0);
	end(as);
	object_put(&store);
}

/* A page that was found before the truncation is not mapped after it. */
static void test_page_orphaned_by_truncation(void **state)
{
	struct object *o = object_create_anon(4 * PAGE_SIZE);
	bool major;
	int err;
	struct page *p = object_get_page(o, 2, OBJECT_WRITE, &err, &major);

	(void)state;
	assert_non_null(p);
	assert_ptr_equal(p->u.file.object, o);
	assert_int_equal(object_truncate(o, PAGE_SIZE), 0);
	assert_null(p->u.file.object);
	assert_null(object_pin(p));
	assert_int_equal(p->refs, 1);
	page_put(p);
	object_put(o);
}

/* An object that nobody uses any more is on its way out: pinning does not bring it back. */
static void test_dying_objects_are_not_pinned(void **state)
{
	struct object *o = object_create_anon(PAGE_SIZE);
	bool major;
	int err;
	struct page *p = object_get_page(o, 0, OBJECT_WRITE, &err, &major);

	(void)state;
	assert_ptr_equal(object_pin(p), o);
	assert_int_equal(o->refs, 2);
	o->refs = 0;
	assert_null(object_pin(p));
	assert_int_equal(o->refs, 0);
	o->refs = 2;
	object_put(o);
	page_put(p);
	object_put(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_backing_store),
		TEST(test_truncated_while_reading),
		TEST(test_page_orphaned_by_truncation),
		TEST(test_dying_objects_are_not_pinned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
