// SPDX-License-Identifier: MIT
// Folded leaf tables: the hardware sees a block, everybody else the entries; every change of one
// unfolds first.
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/unit/arch/arm64/pmap_test.h"

#define BLOCK ((virt_addr_t)0x40000000)

/* 512 aligned frames, each its own. */
static struct page *block(void)
{
	struct page *p = page_alloc_order(9, ALLOC_ZERO);

	assert_non_null(p);
	for (unsigned i = 0; i < 512; i++) {
		p[i].type = PAGE_ANON;
		p[i].refs = 1;
	}
	return p;
}

static void enable(struct pmap *pm, virt_addr_t va)
{
	while (!pmap_uppers_present(pm, va))
		pmap_table_add(pm, va, frame());
	if (!pmap_blocks_possible(pm, va))
		pmap_blocks_enable(pm, va, frame());
}

/* A new table with 512 entries for p, linked folded. */
static struct page *add_block(struct pmap *pm, virt_addr_t va, struct page *p, unsigned prot)
{
	struct page *leaf = frame();

	enable(pm, va);
	pmap_table_prepare(leaf, va);
	for (unsigned i = 0; i < 512; i++)
		pte_enter(pmap_table_entry(leaf, i), p + i, prot);
	pmap_block_add(pm, va, leaf);
	return leaf;
}

static void drop(struct pmap *pm, virt_addr_t va)
{
	for (unsigned i = 0; i < 512; i++)
		if (view(pm, va + i * PAGE_SIZE).state != PTE_NONE)
			unmap(pm, va + i * PAGE_SIZE);
}

static void test_a_block_is_seen_whole(void **state)
{
	struct page *p = block(), *leaf;
	struct pmap pm;

	(void)state;
	create(&pm);
	activate(&pm);
	leaf = add_block(&pm, BLOCK, p, RW);
	assert_true(table_folded(leaf) && atomic_load(&table_blocks) == 1);
	for (unsigned i = 0; i < 512; i += 73)
		assert_maps(BLOCK + i * PAGE_SIZE, MOCK_WRITE, p + i);
	/* All of it is in one TLB entry for each CPU that runs it: none knows the leaf table. */
	assert_int_equal(mock_tlb_uses(page_to_pfn(leaf)), 0);
	assert_ptr_equal(pmap_leaf(&pm, BLOCK + 5 * PAGE_SIZE), leaf);
	assert_int_equal(pmap_next_leaf(&pm, 0, USER_TOP), BLOCK);
	assert_ptr_equal(view(&pm, BLOCK + 7 * PAGE_SIZE).page, p + 7);
	drop(&pm, BLOCK);
	assert_int_equal(atomic_load(&table_blocks), 0);
	destroy(&pm);
}

/* Each kind of change to one entry: the others translate on as pages, and the model sees
 * break-before-make. */
static void test_every_change_unfolds(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 7; kind++) {
		struct page *p, *leaf, *other = frame();
		struct tlb_batch b;
		struct pmap pm;
		struct pte *e;

		create(&pm);
		activate(&pm);
		p = block();
		leaf = add_block(&pm, BLOCK, p, kind == 3 ? PTE_READ : RW);
		assert_maps(BLOCK, MOCK_READ, p);
		tlb_batch_init(&b, &pm);
		e = pmap_entry_lock(&pm, BLOCK + 100 * PAGE_SIZE);
		switch (kind) {
		case 0: pte_clear(e, &b); break;
		case 1: pte_swap_out(e, 7, &b); break;
		case 2: pte_protect(e, PTE_READ, &b); break;
		case 3: pte_protect(e, RW, &b); break; /* more rights */
		case 4: pte_protect_run(e, 3, PTE_READ, NULL, &b); break;
		case 5: pte_replace(e, other, RW); break;
		default: assert_true(pte_test_clear_young(e)); break;
		}
		assert_false(table_folded(leaf));
		pmap_entry_unlock(e);
		tlb_flush(&b);
		assert_maps(BLOCK + 99 * PAGE_SIZE, MOCK_READ, p + 99);
		assert_maps(BLOCK + 511 * PAGE_SIZE, MOCK_READ, p + 511);
		assert_int_equal(mock_access(BLOCK + 100 * PAGE_SIZE, MOCK_WRITE, NULL),
				 kind < 2                 ? MOCK_FAULT_TRANSLATION
				 : kind == 2 || kind == 4 ? MOCK_FAULT_PERMISSION
							  : MOCK_OK);
		assert_int_equal(pmap_fold(&pm, BLOCK), false);
		if (kind == 5)
			page_free(p + 100, 0);
		else
			page_free(other, 0);
		if (kind < 2)
			page_free(p + 100, 0);
		drop(&pm, BLOCK);
		destroy(&pm);
	}
}

/* Only software looks at the bit for mlock. */
static void test_locking_keeps_the_block(void **state)
{
	struct page *p = block(), *leaf;
	struct tlb_batch b;
	struct pmap pm;
	struct pte *e;

	(void)state;
	create(&pm);
	activate(&pm);
	leaf = add_block(&pm, BLOCK, p, RW);
	tlb_batch_init(&b, &pm);
	e = pmap_entry_lock(&pm, BLOCK);
	pte_protect(e, RW | PTE_LOCKED, &b);
	pmap_entry_unlock(e);
	tlb_flush(&b);
	assert_true(table_folded(leaf));
	assert_true(view(&pm, BLOCK).prot & PTE_LOCKED);
	drop(&pm, BLOCK);
	destroy(&pm);
}

static void test_folding_live_entries(void **state)
{
	struct page *p = block(), *leaf;
	struct pmap pm;

	(void)state;
	create(&pm);
	activate(&pm);
	for (unsigned i = 0; i < 512; i++) {
		assert_false(pmap_fold(&pm, BLOCK)); /* not full */
		enter(&pm, BLOCK + i * PAGE_SIZE, p + i, RW);
		assert_maps(BLOCK + i * PAGE_SIZE, MOCK_WRITE, p + i);
	}
	assert_false(pmap_fold(&pm, BLOCK)); /* no side table */
	enable(&pm, BLOCK);
	assert_true(pmap_fold(&pm, BLOCK));
	leaf = pmap_leaf(&pm, BLOCK);
	assert_true(table_folded(leaf));
	assert_int_equal(mock_tlb_uses(page_to_pfn(leaf)), 0);
	assert_maps(BLOCK + 300 * PAGE_SIZE, MOCK_WRITE, p + 300);
	assert_false(pmap_fold(&pm, BLOCK)); /* it is */
	drop(&pm, BLOCK);
	destroy(&pm);
}

/* One entry that does not fit, anywhere: no block. */
static void test_what_does_not_fit_is_not_folded(void **state)
{
	static const unsigned places[] = { 0, 1, 63, 64, 300, 511 };

	(void)state;
	mock_options.ram = 128 << 20; /* blocks do not grow together again in the model */
	machine_start();
	for (unsigned k = 0; k < ARRAY_SIZE(places) * 3; k++) {
		virt_addr_t at = BLOCK + places[k / 3] * PAGE_SIZE;
		struct page *p = block(), *odd = p + places[k / 3], *other = frame();
		struct tlb_batch b;
		struct pmap pm;
		struct pte *e;

		create(&pm);
		activate(&pm);
		enable(&pm, BLOCK);
		for (unsigned i = 0; i < 512; i++)
			enter(&pm, BLOCK + i * PAGE_SIZE, p + i, RW);
		tlb_batch_init(&b, &pm);
		e = pmap_entry_lock(&pm, at);
		if (k % 3 == 0) {
			pte_replace(e, other, RW);
			other = odd;
		} else if (k % 3 == 1) {
			pte_protect(e, PTE_READ, &b);
		} else {
			pte_test_clear_young(e);
		}
		pmap_entry_unlock(e);
		tlb_flush(&b);
		page_free(other, 0);
		assert_false(pmap_fold(&pm, BLOCK));
		assert_int_equal(pmap_leaf(&pm, BLOCK)->u.table.sharers, 1);
		drop(&pm, BLOCK);
		destroy(&pm);
	}
}

/* Another CPU while the link is broken: the hardware faults, software finds the same table. */
static struct pmap *broken_pm;
static struct page *broken_leaf;
static unsigned looked;

static void look_at_broken_link(void)
{
	mock_on_cpu(1);
	assert_int_equal(mock_access(BLOCK, MOCK_READ, NULL), MOCK_FAULT_TRANSLATION);
	assert_ptr_equal(pmap_leaf(broken_pm, BLOCK), broken_leaf);
	assert_int_equal(pmap_next_leaf(broken_pm, 0, USER_TOP), BLOCK);
	looked++;
	mock_on_cpu(0);
}

static void test_a_broken_link_still_names_its_table(void **state)
{
	struct page *p = block();
	struct tlb_batch b;
	struct pmap pm;
	struct pte *e;

	(void)state;
	create(&pm);
	broken_pm = &pm;
	mock_on_cpu(1);
	activate(&pm);
	mock_on_cpu(0);
	activate(&pm);
	broken_leaf = add_block(&pm, BLOCK, p, RW);
	looked = 0;
	tlb_batch_init(&b, &pm);
	e = pmap_entry_lock(&pm, BLOCK);
	mock_on_dsb = look_at_broken_link;
	pte_protect(e, PTE_READ, &b);
	pmap_entry_unlock(e);
	tlb_flush(&b);
	assert_int_equal(looked, 1);
	e = pmap_entry_lock(&pm, BLOCK);
	pte_protect(e, RW, NULL);
	pmap_entry_unlock(e);
	mock_on_dsb = look_at_broken_link;
	assert_true(pmap_fold(&pm, BLOCK));
	assert_int_equal(looked, 2);
	mock_on_cpu(1);
	assert_maps(BLOCK, MOCK_READ, p);
	activate(NULL);
	mock_on_cpu(0);
	drop(&pm, BLOCK);
	destroy(&pm);
}

/* The child gets the entries; who remains alone may fold again. */
static void test_fork_unfolds_and_the_last_folds_again(void **state)
{
	struct page *p = block(), *leaf;
	struct pmap parent, child;
	struct tlb_batch b;

	(void)state;
	create(&parent);
	create(&child);
	activate(&parent);
	leaf = add_block(&parent, BLOCK, p, RW);
	assert_maps(BLOCK, MOCK_WRITE, p);
	while (!pmap_uppers_present(&child, BLOCK))
		pmap_table_add(&child, BLOCK, frame());
	tlb_batch_init(&b, &parent);
	pmap_share_leaf(&parent, &child, BLOCK, &b);
	tlb_flush(&b);
	assert_false(table_folded(leaf));
	assert_int_equal(table_sharers(leaf), 2);
	assert_false(pmap_fold(&parent, BLOCK));
	assert_int_equal(mock_access(BLOCK, MOCK_WRITE, NULL), MOCK_FAULT_PERMISSION);
	activate(&child);
	assert_maps(BLOCK + PAGE_SIZE, MOCK_READ, p + 1);
	activate(&parent);
	destroy(&child);
	assert_true(pmap_leaf_claim(&parent, BLOCK));
	assert_true(pmap_fold(&parent, BLOCK));
	assert_maps(BLOCK, MOCK_WRITE, p);
	drop(&parent, BLOCK);
	destroy(&parent);
}

/* What nobody runs any more is unfolded without invalidation. */
static void test_retired(void **state)
{
	struct page *p = block();
	struct tlb_batch b;
	struct pmap pm;

	(void)state;
	create(&pm);
	activate(&pm);
	add_block(&pm, BLOCK, p, RW);
	assert_maps(BLOCK, MOCK_WRITE, p);
	pmap_retire(&pm);
	tlb_batch_init(&b, &pm);
	b.retired = true;
	mock_counts = (struct mock_counts){ 0 };
	for (unsigned i = 0; i < 512; i++) {
		struct pte *e = pmap_entry_lock(&pm, BLOCK + i * PAGE_SIZE);

		pte_clear(e, &b);
		pmap_entry_unlock(e);
	}
	tlb_flush(&b);
	assert_int_equal(mock_counts.tlbi_va + mock_counts.tlbi_asid + mock_counts.tlbi_all, 0);
	for (unsigned i = 0; i < 512; i++)
		page_free(p + i, 0);
	destroy(&pm);
}

/* ---- Runs ---- */

static void test_every_change_splits_the_run(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 9; kind++) {
		struct page *p, *other = frame();
		struct tlb_batch b;
		struct pmap pm;
		struct pte *e;

		create(&pm);
		activate(&pm);
		p = page_alloc_order(4, ALLOC_ZERO);
		for (unsigned i = 0; i < 16; i++)
			p[i].refs = 1;
		e = entry(&pm, BLOCK + 32 * PAGE_SIZE);
		pte_enter_joined(e, p, kind == 3 ? PTE_READ : RW);
		pmap_entry_unlock(e);
		assert_maps(BLOCK + 32 * PAGE_SIZE, MOCK_READ, p);
		assert_maps(BLOCK + 47 * PAGE_SIZE, MOCK_READ, p + 15);
		assert_int_equal(pmap_leaf(&pm, BLOCK)->u.table.present, 16);
		tlb_batch_init(&b, &pm);
		pmap_table_lock(pmap_leaf(&pm, BLOCK));
		e += 5;
		switch (kind) {
		case 0: pte_clear(e, &b); break;
		case 1: pte_swap_out(e, 7, &b); break;
		case 2: pte_protect(e, PTE_READ, &b); break;
		case 3: pte_protect(e, RW, &b); break; /* more rights */
		case 4: pte_protect_run(e, 11, PTE_READ, NULL, &b); break;
		case 5: pte_protect_run(e - 13, 16, PTE_READ, NULL, &b); break; /* its lower half */
		case 6: pte_replace(e, other, RW); break;
		case 7: assert_true(pte_test_clear_young(e)); break;
		default: pte_protect(e, RW | PTE_LOCKED, &b); break; /* stays a run */
		}
		pmap_entry_unlock(e);
		tlb_flush(&b);
		assert_int_equal(!!(pte_load(e + 1) & PTE_CONT), kind == 8);
		for (unsigned i = 0; i < 16; i++)
			if (i != 5)
				assert_maps(BLOCK + (32 + i) * PAGE_SIZE, MOCK_READ, p + i);
		if (kind < 2 || kind == 6)
			page_free(p + 5, 0);
		if (kind != 6)
			page_free(other, 0);
		for (unsigned i = 0; i < 16; i++)
			if (view(&pm, BLOCK + (32 + i) * PAGE_SIZE).state != PTE_NONE)
				unmap(&pm, BLOCK + (32 + i) * PAGE_SIZE);
		destroy(&pm);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_block_is_seen_whole),
		TEST(test_every_change_unfolds),
		TEST(test_locking_keeps_the_block),
		TEST(test_folding_live_entries),
		TEST(test_what_does_not_fit_is_not_folded),
		TEST(test_a_broken_link_still_names_its_table),
		TEST(test_fork_unfolds_and_the_last_folds_again),
		TEST(test_retired),
		TEST(test_every_change_splits_the_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
