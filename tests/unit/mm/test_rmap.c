// SPDX-License-Identifier: MIT
// The reverse map: chains against a set, unmapping from the page's side, busy tables and locked
// entries.
// SOURCES: mm/commit.c
// SOURCES: mm/rmap.c mm/rmap_set.c mm/rmap_file.c mm/page.c mm/object.c mm/object_evict.c mm/object_size.c mm/object_write.c kernel/lib/radix.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c
// SOURCES: arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c
// SOURCES: tests/mock/slab.c tests/mock/swap.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/mock/mock.h"

#include "arch/arm64/asid.h"
#include "kernel/errno.h"
#include "mm/buddy.h"
#include "mm/frames.h"
#include "mm/object.h"
#include "mm/rmap.h"
#include "mm/slab.h"
#include "mm/swap.h"
#include "tests/mock/objects.h"

#define ENTRIES 100

static struct pmap pm;
static struct page *page, *table;

/* A table full of entries for one page. */
static int setup(void **state)
{
	mock_setup(state);
	mock_reset();
	asid_init(page_to_phys(page_alloc(ALLOC_ZERO)));
	page_init();
	rmap_init();
	assert_int_equal(rmap_reserve(), 0);
	pmap_init(&pm, page_alloc(ALLOC_ZERO));
	for (unsigned i = 0; i < 3; i++)
		pmap_table_add(&pm, 0x400000, page_alloc(ALLOC_ZERO));
	table = pmap_leaf(&pm, 0x400000);
	page = page_alloc(ALLOC_ZERO);
	page->type = PAGE_ANON;
	return 0;
}

static void map_entry(unsigned i, unsigned prot)
{
	struct pte *pte = pmap_table_entry(table, i);

	pmap_table_lock(table);
	assert_int_equal(rmap_add(page, pte), 0);
	page_get(page);
	pte_enter(pte, page, prot);
	pmap_table_unlock(table);
}

static void unmap_entry(unsigned i)
{
	struct pte *pte = pmap_table_entry(table, i);
	struct tlb_batch b;

	tlb_batch_init(&b, &pm);
	pmap_table_lock(table);
	rmap_remove(page, pte);
	pte_clear(pte, &b);
	tlb_batch_page(&b, page);
	pmap_table_unlock(table);
	tlb_flush(&b);
}

static void test_chain(void **state)
{
	bool mapped[ENTRIES] = { false };
	unsigned objects = mock_objects_out(), count = 0;
	uint32_t seed = 1;

	(void)state;
	for (unsigned n = 0; n < 5000; n++) {
		unsigned i = (seed = seed * 1664525 + 1013904223) >> 8;

		i %= n % 1000 < 500 ? ENTRIES : 10;
		if (mapped[i])
			unmap_entry(i);
		else
			map_entry(i, PTE_READ);
		count += mapped[i] ? -1u : 1u;
		mapped[i] = !mapped[i];
		assert_int_equal(rmap_count(page), count);
		assert_int_equal(page->refs, count + 1);
	}
	/* Every entry that it names is one of ours, and all of ours are named. */
	for (unsigned i = 0; i < ENTRIES; i += 3)
		if (!mapped[i]) {
			map_entry(i, PTE_READ);
			mapped[i] = true;
		}
	assert_int_equal(rmap_unmap_to_slot(page, 7), 0);
	for (unsigned i = 0; i < ENTRIES; i++) {
		struct pte_view v;

		pte_view(pmap_table_entry(table, i), &v);
		assert_int_equal(v.state, mapped[i] ? PTE_SWAPPED : PTE_NONE);
	}
	assert_int_equal(page->rmap, 0);
	assert_int_equal(mock_objects_out(), objects);
}

static void test_unmap_to_slot(void **state)
{
	struct pte_view v;

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		map_entry(i, PTE_READ);
	assert_int_equal(rmap_unmap_to_slot(page, 5), 0);
	assert_int_equal(page->refs, 1);
	assert_int_equal(page->rmap, 0);
	assert_int_equal(slot_entries(5), 20);
	for (unsigned i = 0; i < 20; i++) {
		pte_view(pmap_table_entry(table, i), &v);
		assert_int_equal(v.state, PTE_SWAPPED);
		assert_int_equal(v.slot, 5);
	}
	assert_int_equal(table->u.table.swapped, 20);
}

/* Whoever gets the table's lock after the daemon finds no TLB that still has the entry: else he
 * could copy a page to which another thread is writing. */
static unsigned flushes;

static void flushed_under_lock(void)
{
	assert_true(spin_held(&table->u.table.lock));
	flushes++;
	mock_on_dsb = flushed_under_lock;
}

static void test_unmap_flushes_under_lock(void **state)
{
	(void)state;
	flushes = 0;
	map_entry(0, PTE_READ | PTE_WRITE);
	map_entry(7, PTE_READ);
	mock_on_dsb = flushed_under_lock;
	assert_int_equal(rmap_unmap_to_slot(page, 5), 0);
	assert_int_equal(flushes, 2);
	mock_on_dsb = NULL;
}

static void test_unmap_stops_at_locked_and_busy(void **state)
{
	(void)state;
	map_entry(0, PTE_READ | PTE_LOCKED);
	assert_int_equal(rmap_unmap_to_slot(page, 5), -EAGAIN);
	assert_int_equal(rmap_count(page), 1);
	unmap_entry(0);
	map_entry(1, PTE_READ | PTE_WRITE);
	pmap_table_lock(table);
	assert_int_equal(rmap_unmap_to_slot(page, 5), -EAGAIN);
	pmap_table_unlock(table);
	assert_int_equal(rmap_unmap_to_slot(page, 5), 0);
	assert_int_equal(page->refs, 1);
}

static void test_young(void **state)
{
	bool locked;

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		map_entry(i, PTE_READ);
	assert_int_equal(rmap_test_clear_young(page, &locked), 10);
	assert_int_equal(rmap_test_clear_young(page, &locked), 0);
	assert_false(locked);
	pmap_table_lock(table);
	pte_set_young(pmap_table_entry(table, 3));
	assert_int_equal(rmap_test_clear_young(page, &locked), -EAGAIN);
	pmap_table_unlock(table);
	map_entry(20, PTE_READ | PTE_LOCKED);
	assert_int_equal(rmap_test_clear_young(page, &locked), 2);
	assert_true(locked);
	for (unsigned i = 0; i < 10; i++)
		unmap_entry(i);
	unmap_entry(20);
}

static void test_move(void **state)
{
	struct tlb_batch b;

	(void)state;
	for (unsigned i = 0; i < 9; i++) {
		map_entry(i, PTE_READ);
		tlb_batch_init(&b, &pm);
		pmap_table_lock(table);
		pte_clear(pmap_table_entry(table, i), &b);
		assert_int_equal(rmap_move(page, pmap_table_entry(table, i),
					   pmap_table_entry(table, 100 + i)),
				 0);
		pte_enter(pmap_table_entry(table, 100 + i), page, PTE_READ);
		pmap_table_unlock(table);
		tlb_flush(&b);
	}
	for (unsigned i = 0; i < 9; i++)
		unmap_entry(100 + i);
	assert_int_equal(page->rmap, 0);
}

static void test_file_page_of_another_object(void **state)
{
	struct object o, other;

	(void)state;
	page->type = PAGE_FILE;
	page->u.file.object = &o;
	assert_int_equal(rmap_add_file(page, &other), -ESTALE);
	page->u.file.object = NULL;
	assert_int_equal(rmap_add_file(page, &o), -ESTALE);
	page->u.file.object = &o;
	assert_int_equal(rmap_add_file(page, &o), 0);
	assert_int_equal(rmap_count(page), 1);
	assert_false(rmap_file_remove(page));
	assert_int_equal(page->rmap, 0);
}

/* Who gets the object's reference of a page that leaves it: the one who takes it out, or the last
 * entry. */
static void test_orphan(void **state)
{
	struct object o;

	(void)state;
	page->type = PAGE_FILE;
	page->u.file.object = &o;
	assert_true(rmap_file_orphan(page));
	rmap_file_add(page);
	rmap_file_add(page);
	assert_false(rmap_file_orphan(page));
	assert_int_equal(rmap_count(page), 2);
	assert_false(rmap_file_remove(page));
	assert_true(rmap_file_remove(page));
	assert_int_equal(page->rmap, 0);
}

/* The cache has nothing: the reserve serves, and says so when it is empty. */
static void test_reserve(void **state)
{
	unsigned got = 0;
	int err;

	(void)state;
	map_entry(0, PTE_READ);
	pmap_table_lock(table);
	for (unsigned i = 1; i < 60; i++) {
		/* Every chunk that the cache is asked for is refused. */
		mock_fail_allocation(1);
		err = rmap_add(page, pmap_table_entry(table, i));
		mock_fail_allocation(0);
		if (err)
			break;
		got = i;
		page_get(page);
		pte_enter(pmap_table_entry(table, i), page, PTE_READ);
	}
	pmap_table_unlock(table);
	assert_int_equal(err, -ENOMEM);
	assert_int_equal(got, 4 * 7 - 1);
	assert_int_equal(rmap_count(page), got + 1);
	mock_fail_allocation(1);
	assert_int_equal(rmap_reserve(), -ENOMEM);
	mock_fail_allocation(0);
	assert_int_equal(rmap_reserve(), 0);
	map_entry(got + 1, PTE_READ);
	for (unsigned i = 0; i <= got + 1; i++)
		unmap_entry(i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_chain, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_unmap_to_slot, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_unmap_flushes_under_lock, setup,
						mock_teardown),
		cmocka_unit_test_setup_teardown(test_unmap_stops_at_locked_and_busy, setup,
						mock_teardown),
		cmocka_unit_test_setup_teardown(test_young, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_move, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_file_page_of_another_object, setup,
						mock_teardown),
		cmocka_unit_test_setup_teardown(test_orphan, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_reserve, setup, mock_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
