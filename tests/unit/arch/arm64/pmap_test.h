// SPDX-License-Identifier: MIT
// What the pmap tests share: address spaces on the model, one-line ways to enter and look at pages.
#ifndef TESTS_UNIT_ARCH_ARM64_PMAP_TEST_H
#define TESTS_UNIT_ARCH_ARM64_PMAP_TEST_H

#include "tests/mock/mock.h"

#include <arch_mmu.h>
#include <string.h>

#include "arch/arm64/asid.h"
#include "arch/arm64/tlb.h"
#include "mm/buddy.h"
#include "mm/pmap.h"

#define TEST(f) cmocka_unit_test_setup_teardown(f, pmap_setup, pmap_teardown)
#define VA      ((virt_addr_t)0x400000)
#define RW      (PTE_READ | PTE_WRITE)
#define RX      (PTE_READ | PTE_EXEC)

static uint32_t frames_at_start;
static struct page *empty_table;

static inline void machine_start(void)
{
	mock_reset();
	empty_table = page_alloc(ALLOC_ZERO);
	dsb_ishst();
	asid_init(page_to_phys(empty_table));
	frames_at_start = frames_free();
}

static inline int pmap_setup(void **state)
{
	mock_setup(state);
	machine_start();
	return 0;
}

/* Every frame is back. */
static inline int pmap_teardown(void **state)
{
	assert_int_equal(frames_free(), frames_at_start);
	return mock_teardown(state);
}

static inline struct page *frame(void)
{
	struct page *p = page_alloc(ALLOC_ZERO);

	assert_non_null(p);
	return p;
}

static inline void activate(struct pmap *pm)
{
	uint64_t irqs = hw_irq_save();

	pmap_activate(pm);
	hw_irq_restore(irqs);
}

static inline struct pte *entry(struct pmap *pm, virt_addr_t va)
{
	struct pte *e;

	while (!(e = pmap_entry_lock(pm, va)))
		pmap_table_add(pm, va, frame());
	return e;
}

static inline void enter(struct pmap *pm, virt_addr_t va, struct page *p, unsigned prot)
{
	struct pte *e = entry(pm, va);

	pte_enter(e, p, prot);
	pmap_entry_unlock(e);
}

static inline struct pte_view view(struct pmap *pm, virt_addr_t va)
{
	struct pte *e = pmap_entry_lock(pm, va);
	struct pte_view v = { .state = PTE_NONE };

	if (e) {
		pte_view(e, &v);
		pmap_entry_unlock(e);
	}
	return v;
}

/* Clears va, flushes, frees the frame. */
static inline void unmap(struct pmap *pm, virt_addr_t va)
{
	struct pte *e = pmap_entry_lock(pm, va);
	struct tlb_batch b;
	struct pte_view v;

	assert_non_null(e);
	tlb_batch_init(&b, pm);
	pte_view(e, &v);
	pte_clear(e, &b);
	if (v.state == PTE_PRESENT)
		tlb_batch_page(&b, v.page);
	pmap_entry_unlock(e);
	tlb_flush(&b);
}

/* Unmaps everything and frees the tables, leaf tables that others share aside. */
static inline void table_gone(struct page *table)
{
	static const uint8_t zeroes[PAGE_SIZE];

	assert_true(!page_flag(table, PAGE_ZEROED) ||
		    memcmp(page_to_virt(table), zeroes, PAGE_SIZE) == 0);
	page_free(table, 0);
}

static inline void destroy(struct pmap *pm)
{
	struct page *p;

	for (virt_addr_t va = pmap_next_leaf(pm, 0, USER_TOP); va < USER_TOP;
	     va = pmap_next_leaf(pm, ALIGN_DOWN(va, LEAF_SPAN) + LEAF_SPAN, USER_TOP)) {
		struct tlb_batch b;

		tlb_batch_init(&b, pm);
		p = pmap_table_remove(pm, va, &b);
		if (!p && pmap_leaf(pm, va)) {
			for (virt_addr_t a = ALIGN_DOWN(va, LEAF_SPAN),
					 end = MIN(a + LEAF_SPAN, USER_TOP);
			     a < end; a += PAGE_SIZE)
				if (view(pm, a).state != PTE_NONE)
					unmap(pm, a);
			p = pmap_table_remove(pm, va, &b);
			assert_non_null(p);
		}
		if (p)
			tlb_batch_page(&b, p);
		tlb_flush(&b);
	}
	pmap_destroy(pm, table_gone);
}

static inline void create(struct pmap *pm)
{
	pmap_init(pm, frame());
}

/* The access on this CPU hits frame p. */
static inline void assert_maps(virt_addr_t va, enum mock_access kind, struct page *p)
{
	phys_addr_t pa = 0;

	assert_int_equal(mock_access(va, kind, &pa), MOCK_OK);
	assert_int_equal(pa & PAGE_MASK, page_to_phys(p));
}

#define assert_faults(va, kind, why) assert_int_equal(mock_access(va, kind, NULL), why)

#endif
