// SPDX-License-Identifier: MIT
// What the tests of address spaces share: a machine with CPUs that run address spaces, one-line
// user accesses, and checks of every invariant.
#ifndef TESTS_UNIT_MM_ASPACE_TEST_H
#define TESTS_UNIT_MM_ASPACE_TEST_H

#include "tests/mock/mock.h"

#include <asm/mman.h>
#include <linux/mman.h>
#include <string.h>

#include "arch/arm64/asid.h"
#include "mm/aspace_internal.h"
#include "mm/buddy.h"
#include "mm/frames.h"
#include "mm/usercopy.h"
#include "tests/mock/objects.h"

#define TEST(f) cmocka_unit_test_setup_teardown(f, space_setup, space_teardown)
#define BASE    ((virt_addr_t)0x10000000)
#define MB      ((uint64_t)1 << 20)
#define RW      (AREA_READ | AREA_WRITE)

static uint32_t frames_at_start;
static unsigned objects_at_start;
static struct aspace *running; /* on this CPU */
static enum fault_outcome last_outcome;

static int handle_fault(virt_addr_t va, enum mock_access kind, enum mock_result why)
{
	static const unsigned access[] = { FAULT_READ, FAULT_WRITE, FAULT_EXEC };

	if (running == NULL)
		return -1;
	last_outcome =
		aspace_fault(running, va,
			     access[kind] |
				     (why == MOCK_FAULT_ACCESS_FLAG ? FAULT_ACCESS_FLAG : 0));
	return last_outcome == FAULT_RESOLVED ? 0 : -1;
}

/* This CPU runs as from now on (NULL: nobody). */
static inline void run(struct aspace *as)
{
	uint64_t irqs = hw_irq_save();

	pmap_activate(as != NULL ? &as->pmap : NULL);
	hw_irq_restore(irqs);
	running = as;
}

static inline int space_setup(void **state)
{
	struct page *empty;

	mock_setup(state);
	mock_reset();
	mock_swap_reset();
	empty = page_alloc(ALLOC_ZERO);
	asid_init(page_to_phys(empty));
	page_init();
	rmap_init();
	aspace_init();
	mock_fault_handler = handle_fault;
	commit_settings = (struct commit_settings){ .mode = COMMIT_ALWAYS, .ratio = 50 };
	mock_on_swap_in = NULL;
	assert_int_equal(rmap_reserve(), 0);
	frames_at_start = frames_free();
	objects_at_start = mock_objects_out();
	run(NULL);
	return 0;
}

/* Frames that what is being tested keeps for good; NULL: none. */
static uint32_t (*frames_kept)(void);

/* Everything counted back. Chunks in rmap's reserve stay: it is filled again first. */
static inline void assert_nothing_left(void)
{
	mock_fail_allocation(0);
	assert_int_equal(rmap_reserve(), 0);
	assert_int_equal(frames_free() + (frames_kept != NULL ? frames_kept() : 0),
			 frames_at_start);
	assert_int_equal(mock_objects_out(), objects_at_start);
	assert_int_equal(mock_slots_used(), 0);
	assert_int_equal(commit_sum(), 0);
}

static inline int space_teardown(void **state)
{
	run(NULL);
	assert_nothing_left();
	mock_swap_reset();
	return mock_teardown(state);
}

static inline struct aspace *space(void)
{
	struct aspace *as = aspace_create();

	assert_non_null(as);
	return as;
}

/* Maps anonymous private memory exactly there. */
static inline void map_at(struct aspace *as, virt_addr_t at, uint64_t length, unsigned flags)
{
	struct map_request r = { .addr = at, .length = length, .flags = flags, .fixed = true };

	assert_int_equal(aspace_map(as, &r), at);
}

static inline void map_object(struct aspace *as, virt_addr_t at, uint64_t length, unsigned flags,
			      struct object *o)
{
	struct map_request r = {
		.addr = at, .length = length, .flags = flags, .fixed = true, .object = o
	};

	assert_int_equal(aspace_map(as, &r), at);
}

static inline void end(struct aspace *as)
{
	if (running == as)
		run(NULL);
	aspace_unuse(as);
}

static inline int peek(virt_addr_t va)
{
	uint8_t byte = 0;

	return mock_user_read(va, &byte, 1) ? -1 : byte;
}

static inline int poke(virt_addr_t va, uint8_t byte)
{
	return mock_user_write(va, &byte, 1);
}

static inline struct pte_view look(struct aspace *as, virt_addr_t va)
{
	struct pte *e = pmap_entry_lock(&as->pmap, va & PAGE_MASK);
	struct pte_view v = { .state = PTE_NONE };

	if (e != NULL) {
		pte_view(e, &v);
		pmap_entry_unlock(e);
	}
	return v;
}

/* Pages va out; true when its frame went. */
static inline bool evict(struct aspace *as, virt_addr_t va)
{
	struct pte_view v = look(as, va);

	return v.state == PTE_PRESENT && mock_swap_out(v.page);
}

static inline uint32_t rnd(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* ---- Invariants (mm/aspace_internal.h) ---- */

static inline void check_areas(struct aspace *as)
{
	uint64_t total = 0, locked = 0, committed = 0, count = 0;
	struct area *a, *prev = NULL;

	for (a = area_first(as); a != NULL; prev = a, a = area_next(a)) {
		virt_addr_t from = prev != NULL ? prev->end : USER_MIN, top = a->start;
		virt_addr_t max_gap = a->gap;

		assert_true(a->start < a->end && a->start >= from && a->end <= USER_TOP);
		if (prev != NULL && prev->end == a->start)
			assert_false(prev->flags == a->flags && prev->object == a->object &&
				     label_equal(prev->label, a->label) &&
				     (a->object == NULL ||
				      prev->offset + area_pages(prev) == a->offset));
		if (a->flags & AREA_GROWSDOWN)
			top -= MIN(top, STACK_GUARD);
		assert_int_equal(a->gap, top > from ? top - from : 0);
		if (a->node.left != NULL)
			max_gap = MAX(max_gap, rb_entry(a->node.left, struct area, node)->max_gap);
		if (a->node.right != NULL)
			max_gap = MAX(max_gap, rb_entry(a->node.right, struct area, node)->max_gap);
		assert_int_equal(a->max_gap, max_gap);
		total += area_pages(a);
		locked += a->flags & AREA_LOCKED ? area_pages(a) : 0;
		committed += a->flags & AREA_ACCOUNT ? area_pages(a) : 0;
		count++;
	}
	assert_int_equal(as->total_pages, total);
	assert_int_equal(as->locked_pages, locked);
	assert_int_equal(as->committed, committed);
	assert_int_equal(as->charged, committed);
	assert_int_equal(as->area_count, count);
}

/* (5), (7), (8): every entry of every leaf table. */
static inline void check_entries(struct aspace *as)
{
	for (virt_addr_t va = pmap_next_leaf(&as->pmap, 0, USER_TOP); va < USER_TOP;
	     va = pmap_next_leaf(&as->pmap, leaf_end(va, USER_TOP), USER_TOP)) {
		struct page *table = pmap_leaf(&as->pmap, va);
		unsigned present = 0, swapped = 0, special = 0, file = 0;

		for (unsigned i = 0; i < 512; i++) {
			virt_addr_t at = leaf_base(va) + i * PAGE_SIZE;
			struct area *a = area_covering(as, at);
			struct pte_view v;

			pte_view(pmap_table_entry(table, i), &v);
			present += v.state == PTE_PRESENT;
			swapped += v.state == PTE_SWAPPED;
			if (v.state == PTE_NONE)
				continue;
			assert_int_equal(pmap_table_next(table, i, i + 1), i);
			assert_non_null(a);
			if (v.state == PTE_PRESENT && (v.prot & PTE_SPECIAL))
				special++;
			else if (v.state == PTE_PRESENT)
				file += v.page->type == PAGE_FILE;
			if (v.state != PTE_PRESENT || (v.prot & PTE_SPECIAL))
				continue;
			assert_true(rmap_count(v.page) > 0);
			assert_true(v.page->refs >=
				    (v.page->type == PAGE_FILE ? 1 : rmap_count(v.page)));
			assert_false((v.prot & PTE_LOCKED) && table_sharers(table) > 1);
			assert_int_equal(!!(v.prot & PTE_LOCKED), !!(a->flags & AREA_LOCKED));
			if ((v.prot & (PTE_WRITE | PTE_OWN)) && area_is_private(a)) {
				assert_int_equal(v.page->type, PAGE_ANON);
				assert_int_equal(rmap_count(v.page), 1);
				assert_false(page_flag(v.page, PAGE_SWAPCACHE));
				assert_true((v.prot & PTE_OWN) || (a->flags & AREA_WRITE));
			}
			assert_false((v.prot & PTE_OWN) &&
				     ((v.prot & PTE_WRITE) || !area_is_private(a)));
		}
		assert_int_equal(table->u.table.present, present);
		assert_int_equal(table->u.table.swapped, swapped);
		assert_int_equal(table->kinds.special, special);
		assert_int_equal(table->kinds.file, file);
	}
}

static inline void check(struct aspace *as)
{
	check_areas(as);
	check_entries(as);
}

#endif
