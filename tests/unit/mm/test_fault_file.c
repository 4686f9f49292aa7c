// SPDX-License-Identifier: MIT
// Faults on objects' pages: shared, private, map-around, the end of the file, paging out.
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

static void test_file_mappings(void **state)
{
	struct object *o = object_create_anon(8 * PAGE_SIZE + 100);
	struct aspace *as = space();
	uint8_t byte = 3;

	(void)state;
	assert_int_equal(object_write(o, 0, &byte, 1, false), 1);
	assert_int_equal(object_write(o, PAGE_SIZE, &byte, 1, false), 1);
	map_object(as, BASE, 16 * PAGE_SIZE, RW | AREA_SHARED | AREA_MAY_WRITE, o);
	map_object(as, BASE + MB, 16 * PAGE_SIZE, RW, o);
	run(as);
	/* Reading maps the neighbours that are cached. */
	assert_int_equal(peek(BASE), 3);
	assert_int_equal(look(as, BASE + PAGE_SIZE).state, PTE_PRESENT);
	assert_int_equal(look(as, BASE + 2 * PAGE_SIZE).state, PTE_NONE);
	/* Private: sees the file until written, then has its own. */
	assert_int_equal(peek(BASE + MB), 3);
	assert_int_equal(poke(BASE + MB, 4), 0);
	assert_int_equal(peek(BASE), 3);
	assert_int_equal(poke(BASE, 5), 0);
	assert_int_equal(peek(BASE + MB), 4);
	assert_int_equal(object_read(o, 0, &byte, 1, false), 1);
	assert_int_equal(byte, 5);
	/* Write straight to a private page that was never read. */
	assert_int_equal(poke(BASE + MB + PAGE_SIZE + 1, 6), 0);
	assert_int_equal(peek(BASE + MB + PAGE_SIZE), 3);
	/* Up to the end of the last page, not beyond. */
	assert_int_equal(poke(BASE + 9 * PAGE_SIZE - 1, 1), 0);
	assert_int_equal(peek(BASE + 9 * PAGE_SIZE), -1);
	assert_int_equal(last_outcome, FAULT_BEYOND_FILE);
	check(as);
	end(as);
	object_put(o);
}

static unsigned mapped_from(struct aspace *as, unsigned first)
{
	unsigned n = 0;

	while (look(as, BASE + (first + n) * PAGE_SIZE).state == PTE_PRESENT)
		n++;
	return n;
}

/* How many neighbours come along: eight, twice that for who reads on, two for a fork's copy at
 * first. */
static void test_windows(void **state)
{
	struct object *o = object_create_anon(64 * PAGE_SIZE);
	struct aspace *as = space(), *child;
	uint8_t byte = 3;

	(void)state;
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(object_write(o, i * PAGE_SIZE, &byte, 1, false), 1);
	map_object(as, BASE, 64 * PAGE_SIZE, AREA_READ, o);
	run(as);
	assert_int_equal(peek(BASE + 3 * PAGE_SIZE), 3);
	assert_int_equal(mapped_from(as, 0), 8);
	assert_int_equal(peek(BASE + 8 * PAGE_SIZE), 3);
	assert_int_equal(mapped_from(as, 0), 24);
	assert_int_equal(peek(BASE + 63 * PAGE_SIZE), 3);
	assert_int_equal(mapped_from(as, 56), 8);
	check(as);
	child = aspace_fork(as);
	assert_non_null(child);
	run(child);
	assert_int_equal(peek(BASE + 33 * PAGE_SIZE), 3);
	assert_int_equal(mapped_from(child, 32), 2);
	check(child);
	end(child);
	end(as);
	object_put(o);
}

static void test_truncation_under_a_mapping(void **state)
{
	struct object *o = object_create_anon(8 * PAGE_SIZE);
	struct aspace *as = space(), *child;

	(void)state;
	map_object(as, BASE, 8 * PAGE_SIZE, RW | AREA_SHARED | AREA_MAY_WRITE, o);
	run(as);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(poke(BASE + i * PAGE_SIZE + 50, 1), 0);
	child = aspace_fork(as);
	assert_non_null(child);
	assert_int_equal(object_truncate(o, 2 * PAGE_SIZE + 10), 0);
	assert_int_equal(peek(BASE + PAGE_SIZE + 50), 1);
	assert_int_equal(peek(BASE + 2 * PAGE_SIZE + 50), 0);
	assert_int_equal(peek(BASE + 3 * PAGE_SIZE), -1);
	assert_int_equal(last_outcome, FAULT_BEYOND_FILE);
	assert_int_equal(object_truncate(o, 8 * PAGE_SIZE), 0);
	assert_int_equal(peek(BASE + 3 * PAGE_SIZE + 50), 0);
	check(as);
	check(child);
	end(as);
	end(child);
	object_put(o);
}

static void test_shared_pages_swap(void **state)
{
	struct object *o = object_create_anon(4 * PAGE_SIZE);
	struct aspace *as = space();

	(void)state;
	map_object(as, BASE, 4 * PAGE_SIZE, RW | AREA_SHARED | AREA_MAY_WRITE, o);
	map_object(as, BASE + MB, 4 * PAGE_SIZE, AREA_READ | AREA_SHARED, o);
	run(as);
	assert_int_equal(poke(BASE + 1, 77), 0);
	assert_int_equal(peek(BASE + MB + 1), 77);
	assert_true(evict(as, BASE));
	assert_int_equal(look(as, BASE).state, PTE_NONE);
	assert_int_equal(look(as, BASE + MB).state, PTE_NONE);
	assert_int_equal(o->nr_swapped, 1);
	assert_int_equal(peek(BASE + MB + 1), 77);
	assert_int_equal(o->nr_swapped, 0);
	assert_true(evict(as, BASE + MB));
	end(as);
	object_put(o);
}

/* ---- A disk, of which each page is read once ---- */

#define ON_DISK 128

static struct disk_object disk;
static unsigned alone, ahead,
	runs; /* pages that somebody waited for, pages read ahead, in how many rows */
static struct page *under_way[ON_DISK];

static int disk_read(struct object *o, struct page *p)
{
	(void)o;
	alone++;
	memset(page_to_virt(p), 1, PAGE_SIZE);
	return 0;
}

static void disk_read_ahead(struct object *o, struct page **pages, unsigned n)
{
	(void)o;
	runs++;
	ahead += n;
	for (unsigned i = 0; i < n; i++)
		under_way[pages[i]->u.file.index] = pages[i];
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
	for (unsigned i = 0; i < ON_DISK; i++) {
		struct page *p = under_way[i];

		under_way[i] = NULL;
		if (p == NULL)
			continue;
		memset(page_to_virt(p), 1, PAGE_SIZE);
		object_read_ended(&disk.object, p, 0);
	}
}

static struct aspace *disk_begin(void)
{
	struct aspace *as = space();

	alone = ahead = runs = 0;
	disk_object_init(&disk, &disk_ops, ON_DISK * PAGE_SIZE);
	map_object(as, BASE, ON_DISK * PAGE_SIZE, AREA_READ, &disk.object);
	run(as);
	mock_on_block = complete;
	return as;
}

static void disk_end(struct aspace *as)
{
	mock_on_block = NULL;
	complete();
	check(as);
	end(as);
	object_put(&disk.object);
}

static void touch(unsigned page)
{
	assert_int_equal(peek(BASE + page * PAGE_SIZE), 1);
}

/* Around a fault 16 pages; from the second 16 on windows, which are begun before they are
 * wanted. */
static void test_read_in_sequence(void **state)
{
	struct aspace *as = disk_begin();
	unsigned begun[ON_DISK];

	(void)state;
	for (unsigned i = 0; i < ON_DISK; i++) {
		touch(i);
		begun[i] = ahead;
		if (i == 30)
			complete();
	}
	assert_int_equal(begun[0], 16);
	assert_int_equal(begun[15], 16);
	assert_int_equal(begun[16], 48);
	assert_int_equal(begun[31], 48);
	assert_int_equal(begun[32], 80); /* its mark */
	assert_int_equal(begun[64], 112);
	assert_int_equal(ahead, ON_DISK);
	assert_int_equal(alone, 0);
	assert_int_equal(runs, 8); /* of 16 pages at most each */
	disk_end(as);
}

static void none_waits(void)
{
	fail_msg("a fault waits for pages ahead of it");
}

static void test_nobody_waits_for_the_next_window(void **state)
{
	struct aspace *as = disk_begin();

	(void)state;
	touch(0);
	touch(16);
	complete();
	mock_on_block = none_waits;
	for (unsigned i = 17; i < 48; i++)
		touch(i);
	assert_int_equal(ahead, 80);
	mock_on_block = complete;
	disk_end(as);
}

static void test_read_at_random(void **state)
{
	struct aspace *as = disk_begin();

	(void)state;
	touch(40);
	touch(100);
	assert_int_equal(ahead, 32);
	disk_end(as);
	as = disk_begin();
	assert_int_equal(aspace_advise(as, BASE, ON_DISK * PAGE_SIZE, MADV_RANDOM), 0);
	touch(40);
	touch(41);
	touch(7);
	assert_int_equal(ahead, 0);
	assert_int_equal(alone, 3);
	disk_end(as);
}

/* Told that it will be read in sequence: a window at once, nothing before it. */
static void test_sequential(void **state)
{
	struct aspace *as = disk_begin();

	(void)state;
	assert_int_equal(aspace_advise(as, BASE, ON_DISK * PAGE_SIZE, MADV_SEQUENTIAL), 0);
	touch(5);
	assert_int_equal(ahead, 32);
	assert_int_equal(mapped_from(as, 4), 0);
	for (unsigned i = 6; i < ON_DISK; i++)
		touch(i);
	assert_int_equal(ahead, ON_DISK - 5);
	assert_int_equal(alone, 0);
	/* No farther than the area goes. */
	disk_end(as);
	as = disk_begin();
	assert_int_equal(aspace_unmap(as, BASE + 8 * PAGE_SIZE, 64 * PAGE_SIZE), 0);
	touch(0);
	assert_int_equal(ahead, 8);
	disk_end(as);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_file_mappings),
		TEST(test_windows),
		TEST(test_truncation_under_a_mapping),
		TEST(test_shared_pages_swap),
		TEST(test_read_in_sequence),
		TEST(test_nobody_waits_for_the_next_window),
		TEST(test_read_at_random),
		TEST(test_sequential),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
