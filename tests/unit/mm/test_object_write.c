// SPDX-License-Identifier: MIT
// Dirty pages of disk files: what tables say of them, what reaches the disk, who hears of errors.
// SOURCES: mm/aspace.c mm/area.c mm/zap.c mm/copies.c mm/huge.c mm/hugetlb.c mm/huge_pool.c mm/huge_object.c mm/share.c mm/fork.c mm/rmap.c mm/rmap_set.c mm/rmap_file.c mm/fault.c mm/parallel.c
// SOURCES: mm/fault_file.c mm/stack.c mm/map.c mm/protect.c mm/remap.c mm/mlock.c mm/advise.c mm/advise_pages.c
// SOURCES: mm/commit.c mm/label.c
// SOURCES: mm/object.c mm/object_evict.c mm/object_size.c mm/object_write.c mm/object_io.c mm/readahead.c mm/page.c
// SOURCES: kernel/lib/rbtree.c kernel/lib/radix.c kernel/lib/format.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c
// SOURCES: arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c
// SOURCES: tests/mock/usercopy.c tests/mock/slab.c tests/mock/swap.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/unit/mm/aspace_test.h"

#include "mm/rmap.h"

#define PAGES  8
#define SHARED (RW | AREA_SHARED | AREA_MAY_WRITE)

/* A disk with one file on it: the first byte of each page. */
static struct disk_object disk;
static struct object *file;
static uint8_t medium[PAGES];
static unsigned reads, writes, runs; /* pages, pages, calls */
static int fail;                     /* what writing gives */
static void (*while_writing)(
	void); /* when the page is clean, and its contents are not handed over yet; or after */
static bool handed_over;

static int disk_read(struct object *o, struct page *p)
{
	(void)o;
	reads++;
	memset(page_to_virt(p), medium[p->u.file.index], PAGE_SIZE);
	return 0;
}

static int disk_write(struct object *o, struct page *p)
{
	(void)o;
	writes++;
	assert_true(page_flag(p, PAGE_WRITEBACK));
	if (!handed_over && while_writing != NULL)
		while_writing();
	if (fail == 0)
		medium[p->u.file.index] = *(uint8_t *)page_to_virt(p);
	if (handed_over && while_writing != NULL)
		while_writing();
	return fail;
}

static int disk_write_run(struct object *o, struct page **pages, unsigned n)
{
	int err = 0;

	runs++;
	for (unsigned i = 0; i < n && err == 0; i++)
		err = disk_write(o, pages[i]);
	return err;
}

static const struct object_ops disk_ops = { .read_page = disk_read, .write_pages = disk_write_run };

static unsigned dirty_pages(void)
{
	struct object_stats s;

	object_stats(&s);
	return s.dirty;
}

static unsigned writing_pages(void)
{
	struct object_stats s;

	object_stats(&s);
	return s.writing;
}

static struct aspace *begin(void)
{
	struct aspace *as = space();

	reads = writes = runs = 0;
	fail = 0;
	while_writing = NULL;
	handed_over = false;
	memset(medium, 1, sizeof(medium));
	disk_object_init(&disk, &disk_ops, PAGES * PAGE_SIZE);
	file = &disk.object;
	map_object(as, BASE, PAGES * PAGE_SIZE, SHARED, file);
	run(as);
	return as;
}

static void finish(struct aspace *as)
{
	check(as);
	end(as);
	object_put(file);
	assert_int_equal(dirty_pages(), 0);
	assert_int_equal(writing_pages(), 0);
}

static void sync_all(void)
{
	assert_int_equal(object_sync(file, 0, UINT32_MAX), 0);
	assert_int_equal(disk.nr_dirty + disk.nr_writing, 0);
}

static bool writable(struct aspace *as, virt_addr_t va)
{
	return look(as, va).prot & PTE_WRITE;
}

/* Store, sync, store, unmap: the second store must not be lost. */
static void test_stores_after_a_sync(void **state)
{
	struct aspace *as = begin();

	(void)state;
	assert_int_equal(poke(BASE, 2), 0);
	sync_all();
	assert_int_equal(medium[0], 2);
	assert_false(writable(as, BASE));
	assert_int_equal(poke(BASE, 3), 0);
	assert_int_equal(disk.nr_dirty, 1);
	assert_int_equal(aspace_unmap(as, BASE, PAGES * PAGE_SIZE), 0);
	assert_int_equal(disk.nr_dirty, 1);
	sync_all();
	assert_int_equal(medium[0], 3);
	assert_int_equal(writes, 2);
	sync_all();
	assert_int_equal(writes, 2);
	finish(as);
}

/* ---- Two who write ---- */

static struct page *contended;

/* Another CPU, which has the page's lock, begins to write it. */
static void other_begins(void)
{
	mock_on_relax = NULL;
	page_set_flag(contended, PAGE_WRITEBACK);
	page_clear_flag(contended, PAGE_DIRTY);
	disk.nr_dirty--;
	disk.nr_writing++;
	page_unlock_raw(contended);
}

static void other_fails(void)
{
	page_set_flag(contended, PAGE_DIRTY);
	disk.nr_dirty++;
	disk.nr_writing--;
	page_end_writing(contended);
}

/* Somebody begins to write a page between our look at it and our attempt: he is waited for, and as
 * he fails, we do it. */
static void test_sync_beside_another(void **state)
{
	struct aspace *as = begin();

	(void)state;
	assert_int_equal(poke(BASE, 2), 0);
	contended = object_lookup(file, 0);
	page_lock_raw(contended);
	mock_on_relax = other_begins;
	mock_on_block = other_fails;
	sync_all();
	assert_null(mock_on_relax);
	mock_on_block = NULL;
	assert_int_equal(medium[0], 2);
	assert_true(object_is_clean(file));
	page_put(contended);
	finish(as);
}

/* A mapping is read-only until the first store, and mprotect gives nothing ahead of it. */
static void test_first_store_tells(void **state)
{
	struct aspace *as = begin();

	(void)state;
	assert_int_equal(peek(BASE), 1);
	assert_false(writable(as, BASE));
	assert_int_equal(aspace_protect(as, BASE, PAGE_SIZE, AREA_READ), 0);
	assert_int_equal(aspace_protect(as, BASE, PAGE_SIZE, RW), 0);
	assert_false(writable(as, BASE));
	assert_int_equal(dirty_pages(), 0);
	assert_int_equal(poke(BASE, 2), 0);
	assert_int_equal(dirty_pages(), 1);
	/* Taken away and given back while it is dirty, or after. */
	assert_int_equal(aspace_protect(as, BASE, PAGE_SIZE, AREA_READ), 0);
	sync_all();
	assert_int_equal(aspace_protect(as, BASE, PAGE_SIZE, RW), 0);
	assert_false(writable(as, BASE));
	assert_int_equal(poke(BASE, 3), 0);
	assert_int_equal(disk.nr_dirty, 1);
	finish(as);
}

/* Locking makes nothing dirty: the first store has to fault again after each sync anyway. */
static void test_locking_writes_nothing(void **state)
{
	struct aspace *as = begin();

	(void)state;
	as->cap_ipc_lock = true;
	assert_int_equal(aspace_lock(as, BASE, 2 * PAGE_SIZE, AREA_LOCKED), 0);
	assert_int_equal(look(as, BASE + PAGE_SIZE).state, PTE_PRESENT);
	assert_int_equal(disk.nr_dirty, 0);
	assert_int_equal(poke(BASE, 3), 0);
	assert_int_equal(disk.nr_dirty, 1);
	finish(as);
}

/* Every entry loses the right: another mapping, a child's, one that was moved, a locked one. */
static void test_all_entries_are_cleaned(void **state)
{
	struct aspace *as = begin(), *child;

	(void)state;
	as->cap_ipc_lock = true;
	map_object(as, BASE + 4 * MB, PAGES * PAGE_SIZE, SHARED, file);
	map_object(as, BASE + 8 * MB, PAGES * PAGE_SIZE, RW, file);
	map_at(as, BASE + 8 * MB + 64 * PAGE_SIZE, MB, RW);
	assert_int_equal(peek(BASE + 8 * MB), 1);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(poke(BASE + i * PAGE_SIZE, 2), 0);
		assert_int_equal(poke(BASE + 4 * MB + i * PAGE_SIZE, 3), 0);
	}
	assert_int_equal(aspace_lock(as, BASE + PAGE_SIZE, PAGE_SIZE, AREA_LOCKED), 0);
	assert_int_equal(aspace_remap(as, BASE + 4 * MB, PAGES * PAGE_SIZE, PAGES * PAGE_SIZE,
				      MREMAP_MAYMOVE | MREMAP_FIXED, BASE + 6 * MB),
			 BASE + 6 * MB);
	child = aspace_fork(as);
	assert_non_null(child);
	run(child);
	assert_int_equal(poke(BASE + 2 * PAGE_SIZE, 4), 0);
	sync_all();
	for (unsigned i = 0; i < 4; i++) {
		assert_false(writable(as, BASE + i * PAGE_SIZE));
		assert_false(writable(as, BASE + 6 * MB + i * PAGE_SIZE));
		assert_false(writable(child, BASE + i * PAGE_SIZE));
		assert_int_equal(medium[i], i == 2 ? 4 : 3);
	}
	assert_int_equal(poke(BASE + 3 * PAGE_SIZE, 5), 0);
	end(child);
	run(as);
	assert_int_equal(poke(BASE + 6 * MB, 6), 0);
	assert_int_equal(disk.nr_dirty, 2);
	sync_all();
	assert_int_equal(medium[0], 6);
	assert_int_equal(medium[3], 5);
	/* The private mapping has what it copied. */
	assert_int_equal(poke(BASE + 8 * MB, 7), 0);
	assert_int_equal(disk.nr_dirty, 0);
	assert_int_equal(peek(BASE), 6);
	finish(as);
}

/* A writable entry that is copied when tables part, or moved, makes its page dirty again, as the
 * walk that cleans may have missed it. */
static struct aspace *meanwhile;

static void move_meanwhile(void)
{
	while_writing = NULL;
	assert_int_equal(aspace_remap(meanwhile, BASE, PAGES * PAGE_SIZE, PAGES * PAGE_SIZE,
				      MREMAP_MAYMOVE | MREMAP_FIXED, BASE + 6 * MB),
			 BASE + 6 * MB);
	assert_int_equal(poke(BASE + 6 * MB, 9), 0);
}

static void test_moved_while_written(void **state)
{
	struct aspace *as = meanwhile = begin();

	(void)state;
	for (int after = 0; after < 2; after++) {
		virt_addr_t at = after ? BASE + 6 * MB : BASE;

		if (after)
			assert_int_equal(aspace_remap(as, at, PAGES * PAGE_SIZE, PAGES * PAGE_SIZE,
						      MREMAP_MAYMOVE | MREMAP_FIXED, BASE),
					 BASE);
		assert_int_equal(poke(BASE, 2), 0);
		handed_over = after;
		while_writing = move_meanwhile;
		assert_int_equal(object_sync(file, 0, UINT32_MAX), 0);
		assert_int_equal(disk.nr_dirty, 1);
		sync_all();
		assert_int_equal(medium[0], 9);
	}
	finish(as);
}

static void test_writable_copies_tell(void **state)
{
	struct aspace *as = begin(), *child;
	struct page *p;

	(void)state;
	/* Enough private pages beside it that the leaf table is shared. */
	map_at(as, BASE + 64 * PAGE_SIZE, MB, RW);
	assert_int_equal(poke(BASE + 64 * PAGE_SIZE, 1), 0);
	assert_int_equal(poke(BASE, 2), 0);
	child = aspace_fork(as);
	assert_non_null(child);
	p = look(as, BASE).page;
	assert_true(writable(as, BASE));
	page_get(p);
	run(child);
	assert_int_equal(poke(BASE + 64 * PAGE_SIZE, 2), 0);
	assert_int_equal(look(child, BASE).state, PTE_NONE); /* copies begin without such entries */
	assert_int_equal(poke(BASE, 3), 0);
	assert_true(writable(child, BASE));
	/* As if between the two steps of cleaning. */
	page_forget(file, p);
	p->u.file.object = file;
	assert_int_equal(aspace_remap(child, BASE, PAGE_SIZE, PAGE_SIZE,
				      MREMAP_MAYMOVE | MREMAP_FIXED, BASE + 6 * MB),
			 BASE + 6 * MB);
	assert_int_equal(disk.nr_dirty, 1);
	page_put(p);
	sync_all();
	assert_false(writable(child, BASE + 6 * MB));
	end(child);
	finish(as);
}

/* The translation is out of the TLBs before the reverse map forgets the entry. */
static struct page *unmapped;
static unsigned flushes;

static void count_entries(void)
{
	flushes++;
	assert_int_equal(rmap_count(unmapped), 1);
	mock_on_dsb = NULL;
}

static void test_unmapping_flushes_first(void **state)
{
	struct aspace *as = begin();

	(void)state;
	assert_int_equal(poke(BASE, 2), 0);
	unmapped = look(as, BASE).page;
	flushes = 0;
	mock_on_dsb = count_entries;
	assert_int_equal(aspace_unmap(as, BASE, PAGES * PAGE_SIZE), 0);
	mock_on_dsb = NULL;
	assert_int_equal(flushes, 1);
	finish(as);
}

/* Who writes while the page is written gets through, and is not lost. */
static void store_meanwhile(void)
{
	while_writing = NULL;
	assert_int_equal(poke(BASE, 9), 0);
}

static void write_meanwhile(void)
{
	while_writing = NULL;
	assert_int_equal(object_write(file, 0, "\x09", 1, false), 1);
}

static void sync_meanwhile(void)
{
	struct page *p = object_lookup(file, 0);

	while_writing = NULL;
	assert_int_equal(poke(BASE, 9), 0);
	/* Once at a time: nothing is begun. */
	assert_int_equal(object_write_page(file, p), 0);
	assert_int_equal(writes, 1);
	page_put(p);
}

static void test_written_to_meanwhile(void **state)
{
	static void (*const what[])(void) = { store_meanwhile, write_meanwhile, sync_meanwhile };

	(void)state;
	for (unsigned i = 0; i < 2 * ARRAY_SIZE(what); i++) {
		struct aspace *as = begin();

		assert_int_equal(poke(BASE, 2), 0);
		handed_over = i & 1;
		while_writing = what[i / 2];
		assert_int_equal(object_sync(file, 0, UINT32_MAX), 0);
		assert_int_equal(disk.nr_dirty, 1);
		sync_all();
		assert_int_equal(medium[0], 9);
		assert_int_equal(writes, 2);
		finish(as);
	}
}

/* What lies together goes together, in order; clean pages end a run. */
static void test_runs(void **state)
{
	struct aspace *as = begin();

	(void)state;
	for (unsigned i = 0; i < PAGES; i++)
		if (i != 3)
			assert_int_equal(poke(BASE + i * PAGE_SIZE, 2), 0);
	assert_int_equal(object_sync(file, 0, 5), 0);
	assert_int_equal(runs, 2);
	assert_int_equal(writes, 5);
	assert_int_equal(dirty_pages(), 2);
	sync_all();
	assert_int_equal(runs, 3);
	for (unsigned i = 0; i < PAGES; i++)
		assert_int_equal(medium[i], i == 3 ? 1 : 2);
	/* None of a run that failed is clean. */
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(poke(BASE + i * PAGE_SIZE, 3), 0);
	fail = -EIO;
	assert_int_equal(object_sync(file, 0, UINT32_MAX), -EIO);
	assert_int_equal(dirty_pages(), 3);
	finish(as);
}

/* Somebody stores on and on: each page is written once, not once for each page before it. */
static void store_to_all(void)
{
	for (unsigned i = 0; i < PAGES; i++)
		assert_int_equal(poke(BASE + i * PAGE_SIZE, 9), 0);
}

static void test_redirtied_on_and_on(void **state)
{
	struct aspace *as = begin();

	(void)state;
	store_to_all();
	handed_over = true;
	while_writing = store_to_all;
	assert_int_equal(object_sync(file, 0, UINT32_MAX), 0);
	assert_int_equal(writes, PAGES);
	while_writing = NULL;
	sync_all();
	finish(as);
}

/* Truncated, or gone with its object, a page is not counted any more; while it is written, until
 * that has ended. */
static void truncate_meanwhile(void)
{
	while_writing = NULL;
	assert_int_equal(object_truncate(file, 0), 0);
	assert_int_equal(disk.nr_dirty, 0);
	assert_int_equal(disk.nr_writing, 4);
}

static void test_pages_that_leave(void **state)
{
	struct aspace *as = begin();

	(void)state;
	for (unsigned i = 0; i < PAGES; i++)
		assert_int_equal(poke(BASE + i * PAGE_SIZE, 2), 0);
	assert_int_equal(dirty_pages(), PAGES);
	assert_int_equal(object_truncate(file, 5 * PAGE_SIZE), 0);
	assert_int_equal(dirty_pages(), 5);
	object_punch(file, 0, 0);
	assert_int_equal(dirty_pages(), 4);
	fail = -EIO;
	while_writing = truncate_meanwhile;
	assert_int_equal(object_sync(file, 0, UINT32_MAX), -EIO);
	assert_int_equal(dirty_pages() + writing_pages(), 0);
	assert_int_equal(object_truncate(file, PAGES * PAGE_SIZE), 0);
	assert_int_equal(poke(BASE, 2), 0);
	finish(as); /* dirty */
}

/* Each open file hears of an error once; one opened later if nobody has heard of it. */
static void test_errors_are_told_once(void **state)
{
	struct aspace *as = begin();
	uint32_t one = object_error_open(file), two = object_error_open(file), three;

	(void)state;
	assert_int_equal(object_error_tell(file, &one), 0);
	assert_int_equal(poke(BASE, 2), 0);
	fail = -EIO;
	assert_int_equal(object_sync(file, 0, UINT32_MAX), -EIO);
	assert_int_equal(disk.nr_dirty, 1);
	three = object_error_open(file);
	assert_int_equal(object_error_tell(file, &one), -EIO);
	assert_int_equal(object_error_tell(file, &one), 0);
	assert_int_equal(object_error_tell(file, &three), -EIO);
	three = object_error_open(file);
	assert_int_equal(object_error_tell(file, &three), 0);
	fail = -ENOSPC;
	assert_int_equal(object_sync(file, 0, UINT32_MAX), -ENOSPC);
	assert_int_equal(object_error_tell(file, &one), -ENOSPC);
	assert_int_equal(object_error_tell(file, &two), -ENOSPC);
	assert_int_equal(object_error_tell(file, &two), 0);
	assert_int_equal(object_error_tell(file, &three), -ENOSPC);
	/* To be tried again: nobody's error. */
	fail = -EAGAIN;
	assert_int_equal(object_sync(file, 0, UINT32_MAX), -EAGAIN);
	assert_int_equal(object_error_tell(file, &one), 0);
	fail = 0;
	sync_all();
	assert_int_equal(object_error_tell(file, &one), 0);
	assert_int_equal(medium[0], 2);
	finish(as);
}

/* The file system hears of all its files' errors: each who asks it, once. */
static void test_errors_of_the_file_system(void **state)
{
	struct aspace *as = begin();
	uint32_t word = 0, one = write_error_open(&word), two = one;

	(void)state;
	disk.all_errors = &word;
	assert_int_equal(poke(BASE, 2), 0);
	fail = -EAGAIN;
	assert_int_equal(object_sync(file, 0, UINT32_MAX), -EAGAIN);
	assert_int_equal(write_error_tell(&word, &one), 0);
	fail = -EIO;
	assert_int_equal(object_sync(file, 0, UINT32_MAX), -EIO);
	assert_int_equal(write_error_tell(&word, &one), -EIO);
	assert_int_equal(write_error_tell(&word, &one), 0);
	assert_int_equal(write_error_tell(&word, &two), -EIO);
	fail = 0;
	sync_all();
	two = write_error_open(&word);
	assert_int_equal(write_error_tell(&word, &two), 0);
	finish(as);
}

/* msync without a file behind: the errors of the manual. */
static void test_msync(void **state)
{
	struct aspace *as = begin();

	(void)state;
	as->cap_ipc_lock = true;
	assert_int_equal(poke(BASE, 2), 0);
	assert_int_equal(poke(BASE + PAGE_SIZE, 3), 0);
	assert_int_equal(aspace_sync(as, BASE, PAGE_SIZE, MS_ASYNC), 0);
	assert_int_equal(writes, 0);
	assert_int_equal(aspace_sync(as, BASE, PAGE_SIZE, MS_SYNC), 0);
	assert_int_equal(writes, 1);
	assert_int_equal(medium[0], 2);
	assert_int_equal(aspace_lock(as, BASE, PAGE_SIZE, AREA_LOCKED), 0);
	assert_int_equal(aspace_sync(as, BASE, PAGE_SIZE, MS_INVALIDATE), -EBUSY);
	fail = -EIO;
	assert_int_equal(aspace_sync(as, BASE, PAGES * PAGE_SIZE, MS_SYNC), -EIO);
	finish(as);
}

/* What is written whole is not read first, be the source memory of the program or of the kernel;
 * what is written in part is, as is a page whose source ends too soon; nothing is lost. */
static void test_whole_pages(void **state)
{
	struct aspace *as = begin();
	static uint8_t bytes[3 * PAGE_SIZE];

	(void)state;
	memset(bytes, 7, sizeof(bytes));
	assert_int_equal(object_write(file, 0, bytes, 2 * PAGE_SIZE + 100, false),
			 2 * PAGE_SIZE + 100);
	assert_int_equal(reads, 1); /* the third, which goes on with what it had */
	assert_int_equal(dirty_pages(), 3);
	assert_int_equal(object_read(file, 0, bytes, sizeof(bytes), false), sizeof(bytes));
	for (unsigned i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], i < 2 * PAGE_SIZE + 100 ? 7 : 1);
	/* From a mapping of itself, and into a page that is there. */
	assert_int_equal(object_write(file, 3 * PAGE_SIZE, (void *)BASE, 3 * PAGE_SIZE, true),
			 3 * PAGE_SIZE);
	assert_int_equal(reads, 1);
	assert_int_equal(object_write(file, 0, (void *)(BASE + 5 * PAGE_SIZE), PAGE_SIZE, true),
			 PAGE_SIZE);
	assert_int_equal(reads, 1);
	/* The source ends in the middle of the page. */
	assert_int_equal(object_write(file, 6 * PAGE_SIZE, (void *)(BASE + 7 * PAGE_SIZE + 8),
				      PAGE_SIZE, true),
			 PAGE_SIZE - 8);
	assert_int_equal(reads, 3); /* the source, and what is behind its end */
	assert_int_equal(object_read(file, 6 * PAGE_SIZE, bytes, PAGE_SIZE, false), PAGE_SIZE);
	assert_int_equal(bytes[PAGE_SIZE - 8], 1);
	sync_all();
	assert_int_equal(writes, 7);
	assert_int_equal(medium[4], 7);
	/* Nor where the file grows. */
	assert_int_equal(object_write(file, PAGES * PAGE_SIZE, bytes, PAGE_SIZE, false), PAGE_SIZE);
	assert_int_equal(reads, 3);
	finish(as);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_stores_after_a_sync),
		TEST(test_sync_beside_another),
		TEST(test_first_store_tells),
		TEST(test_locking_writes_nothing),
		TEST(test_all_entries_are_cleaned),
		TEST(test_moved_while_written),
		TEST(test_writable_copies_tell),
		TEST(test_unmapping_flushes_first),
		TEST(test_written_to_meanwhile),
		TEST(test_pages_that_leave),
		TEST(test_runs),
		TEST(test_redirtied_on_and_on),
		TEST(test_errors_are_told_once),
		TEST(test_errors_of_the_file_system),
		TEST(test_msync),
		TEST(test_whole_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
