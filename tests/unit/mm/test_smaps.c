// SPDX-License-Identifier: MIT
// Measuring areas: what is resident, shared by a fork, shared by objects, paged out; and single
// entries.
// SOURCES: mm/smaps.c mm/aspace.c mm/area.c mm/label.c mm/zap.c mm/copies.c mm/huge.c mm/hugetlb.c mm/huge_pool.c mm/huge_object.c mm/share.c mm/fork.c mm/rmap.c mm/rmap_set.c mm/rmap_file.c mm/fault.c mm/parallel.c
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

#include "mm/smaps.h"

#define KB4(n) ((uint64_t)(n)*PAGE_SIZE)

static struct area_usage measure(struct aspace *as, virt_addr_t at)
{
	struct area_usage u = { 0 };

	mutex_lock(&as->mutex);
	area_measure(area_find(as, at), &u);
	mutex_unlock(&as->mutex);
	u.pss >>= PSS_SHIFT;
	u.swap_pss >>= PSS_SHIFT;
	return u;
}

static struct page_place place(struct aspace *as, virt_addr_t va)
{
	struct page_place p;

	mutex_lock(&as->mutex);
	aspace_places(as, va, 1, &p);
	mutex_unlock(&as->mutex);
	return p;
}

/* More than one leaf table, tables missing in the middle, neighbours that are not the area's. */
static void test_private(void **state)
{
	struct aspace *as = space();
	struct area_usage u;

	(void)state;
	map_at(as, BASE, PAGE_SIZE, RW);
	map_at(as, BASE + 2 * PAGE_SIZE, 8 * MB, RW);
	run(as);
	poke(BASE, 1);
	u = measure(as, BASE + 2 * PAGE_SIZE);
	assert_int_equal(u.rss + u.pss + u.swap, 0);
	for (unsigned i = 2; i < 13; i++)
		poke(BASE + i * PAGE_SIZE, 1);
	poke(BASE + 2 * PAGE_SIZE + 8 * MB - 1, 1);
	assert_int_equal(peek(BASE + 6 * MB), 0); /* the frame of zeroes */
	u = measure(as, BASE + 2 * PAGE_SIZE);
	assert_int_equal(u.rss, KB4(12));
	assert_int_equal(u.pss, KB4(12));
	assert_int_equal(u.private_dirty, KB4(12));
	assert_int_equal(u.anonymous, KB4(12));
	assert_int_equal(u.shared_clean + u.shared_dirty + u.private_clean, 0);
	assert_true(place(as, BASE).present && place(as, BASE).exclusive && !place(as, BASE).file);
	assert_false(place(as, BASE + PAGE_SIZE).present || place(as, BASE + PAGE_SIZE).swapped);
	end(as);
}

/* Parts are rounded down in their last place. */
static void assert_about(uint64_t have, uint64_t want)
{
	assert_in_range(have, want - 2, want + 2);
}

static void test_fork(void **state)
{
	struct aspace *as = space(), *child, *grandchild;

	(void)state;
	map_at(as, BASE, 12 * PAGE_SIZE, RW);
	run(as);
	for (unsigned i = 0; i < 12; i++)
		poke(BASE + i * PAGE_SIZE, 1);
	child = aspace_fork(as);
	grandchild = aspace_fork(as);
	assert_about(measure(as, BASE).pss, KB4(4));
	assert_int_equal(measure(grandchild, BASE).shared_dirty, KB4(12));
	assert_false(place(child, BASE).exclusive);
	/* A table of its own, a page of its own: eleven pages by three, the twelfth by two. */
	run(child);
	poke(BASE, 2);
	assert_about(measure(child, BASE).pss, KB4(1) + KB4(11) / 3);
	assert_about(measure(as, BASE).pss, KB4(1) / 2 + KB4(11) / 3);
	assert_true(place(child, BASE).exclusive);
	end(grandchild);
	end(child);
	run(as);
	assert_about(measure(as, BASE).pss, KB4(12));
	end(as);
}

static void test_objects(void **state)
{
	struct object *o = object_create_anon(4 * PAGE_SIZE);
	struct aspace *as = space();
	struct area_usage u;

	(void)state;
	map_object(as, BASE, 4 * PAGE_SIZE, RW | AREA_SHARED, o);
	map_object(as, BASE + MB, 4 * PAGE_SIZE, RW | AREA_SHARED, o);
	run(as);
	for (unsigned i = 0; i < 4; i++)
		poke(BASE + i * PAGE_SIZE, 1);
	assert_int_equal(measure(as, BASE).pss, KB4(4));
	assert_true(place(as, BASE).file && place(as, BASE).exclusive);
	for (unsigned i = 0; i < 4; i++)
		peek(BASE + MB + i * PAGE_SIZE);
	u = measure(as, BASE);
	assert_int_equal(u.rss, KB4(4));
	assert_int_equal(u.pss, KB4(2));
	assert_int_equal(u.shared_dirty, KB4(4));
	assert_int_equal(u.pss_shmem >> PSS_SHIFT, KB4(2));
	assert_int_equal(u.anonymous + u.pss_file, 0);
	end(as);
	object_put(o);
}

static void test_paged_out(void **state)
{
	struct aspace *as = space(), *child;
	struct area_usage u;

	(void)state;
	map_at(as, BASE, 4 * PAGE_SIZE, RW);
	run(as);
	poke(BASE, 1);
	poke(BASE + PAGE_SIZE, 1);
	assert_true(evict(as, BASE));
	u = measure(as, BASE);
	assert_int_equal(u.rss, KB4(1));
	assert_int_equal(u.swap, KB4(1));
	assert_int_equal(u.swap_pss, KB4(1));
	assert_true(place(as, BASE).swapped && !place(as, BASE).present);
	child = aspace_fork(as);
	assert_int_equal(measure(child, BASE).swap_pss, KB4(1) / 2);
	end(child);
	run(as);
	end(as);
}

/* What shared memory has in swap no entry tells; a page that an area has a copy of is not its own
 * to count. */
static void test_shared_in_swap(void **state)
{
	struct object *o = object_create_anon(4 * PAGE_SIZE);
	struct aspace *as = space();

	(void)state;
	map_object(as, BASE, 4 * PAGE_SIZE, RW | AREA_SHARED | AREA_MAY_WRITE, o);
	map_object(as, BASE + MB, 2 * PAGE_SIZE, RW | AREA_MAY_WRITE, o);
	run(as);
	for (unsigned i = 0; i < 4; i++)
		poke(BASE + i * PAGE_SIZE, 1);
	poke(BASE + MB, 2);
	assert_true(evict(as, BASE) && evict(as, BASE + PAGE_SIZE) &&
		    evict(as, BASE + 3 * PAGE_SIZE));
	assert_int_equal(measure(as, BASE).rss, KB4(1));
	assert_int_equal(measure(as, BASE).swap, KB4(3));
	assert_int_equal(measure(as, BASE + MB).swap, KB4(1));
	assert_int_equal(measure(as, BASE + MB).rss, KB4(1));
	end(as);
	object_put(o);
}

static int disk_read(struct object *o, struct page *p)
{
	(void)o;
	memset(page_to_virt(p), 1, PAGE_SIZE);
	return 0;
}

static int disk_write(struct object *o, struct page **pages, unsigned n)
{
	(void)o, (void)pages, (void)n;
	return 0;
}

static uint64_t shmem(struct aspace *as)
{
	uint64_t n;

	mutex_lock(&as->mutex);
	n = aspace_shmem(as);
	mutex_unlock(&as->mutex);
	return n;
}

/* Pages of files in memory and of files on disks, copies of neither. */
static void test_kinds(void **state)
{
	static const struct object_ops ops = { .read_page = disk_read, .write_pages = disk_write };
	struct object *o = object_create_anon(8 * PAGE_SIZE);
	struct aspace *as = space();
	struct disk_object disk;

	(void)state;
	disk_object_init(&disk, &ops, 8 * PAGE_SIZE);
	map_object(as, BASE, 8 * PAGE_SIZE, RW | AREA_SHARED | AREA_MAY_WRITE, o);
	run(as);
	for (unsigned i = 0; i < 5; i++)
		poke(BASE + i * PAGE_SIZE, 1);
	assert_int_equal(shmem(as), 5);
	map_object(as, BASE + MB, 8 * PAGE_SIZE, RW | AREA_MAY_WRITE, &disk.object);
	assert_int_equal(peek(BASE + MB), 1);
	poke(BASE + MB + PAGE_SIZE, 2);
	map_object(as, BASE + 4 * MB, 8 * PAGE_SIZE, RW | AREA_MAY_WRITE, o);
	poke(BASE + 4 * MB, 2);
	assert_int_equal(shmem(as), 5);
	assert_int_equal(measure(as, BASE + MB).pss_file >> PSS_SHIFT, KB4(1));
	assert_int_equal(measure(as, BASE + MB).anonymous, KB4(1));
	assert_int_equal(aspace_rss(as), 8);
	end(as);
	object_put(o);
	object_put(&disk.object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_private, space_setup, space_teardown),
		cmocka_unit_test_setup_teardown(test_fork, space_setup, space_teardown),
		cmocka_unit_test_setup_teardown(test_objects, space_setup, space_teardown),
		cmocka_unit_test_setup_teardown(test_paged_out, space_setup, space_teardown),
		cmocka_unit_test_setup_teardown(test_shared_in_swap, space_setup, space_teardown),
		cmocka_unit_test_setup_teardown(test_kinds, space_setup, space_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
