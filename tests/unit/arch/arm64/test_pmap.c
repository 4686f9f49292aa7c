// SPDX-License-Identifier: MIT
// pmap: entries, rights and tables of single address spaces, as the model's MMU sees them.
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/unit/arch/arm64/pmap_test.h"

static void test_enter_and_access(void **state)
{
	struct page *p = frame();
	struct pmap pm;

	(void)state;
	create(&pm);
	activate(&pm);
	assert_faults(VA, MOCK_READ, MOCK_FAULT_TRANSLATION);
	enter(&pm, VA, p, RW);
	assert_maps(VA, MOCK_READ, p);
	assert_maps(VA + 4095, MOCK_WRITE, p);
	assert_faults(VA, MOCK_EXEC, MOCK_FAULT_PERMISSION);
	assert_faults(VA + PAGE_SIZE, MOCK_READ, MOCK_FAULT_TRANSLATION);
	assert_int_equal(pmap_leaf(&pm, VA)->u.table.present, 1);
	unmap(&pm, VA);
	assert_faults(VA, MOCK_READ, MOCK_FAULT_TRANSLATION);
	destroy(&pm);
}

/* pte_view gives back what pte_enter was given, and the MMU grants exactly that. */
static void test_rights(void **state)
{
	static const unsigned prots[] = { 0, PTE_READ, RW, RX, PTE_EXEC, RW | PTE_EXEC };
	struct pmap pm;

	(void)state;
	mock_options.allow_wx = true;
	create(&pm);
	activate(&pm);
	for (unsigned i = 0; i < ARRAY_SIZE(prots); i++)
		for (unsigned soft = 0; soft < 4; soft++) {
			unsigned prot = prots[i] | (soft & 1 ? PTE_LOCKED : 0) |
					(soft & 2 ? PTE_SPECIAL : 0);
			struct page *p = frame();
			struct pte_view v;

			enter(&pm, VA, p, prot);
			v = view(&pm, VA);
			assert_int_equal(v.state, PTE_PRESENT);
			assert_int_equal(v.prot, prot);
			assert_true(v.young);
			assert_ptr_equal(v.page, p);
			assert_faults(VA, MOCK_READ,
				      prot & PTE_READ ? MOCK_OK : MOCK_FAULT_PERMISSION);
			assert_faults(VA, MOCK_WRITE,
				      prot & PTE_WRITE ? MOCK_OK : MOCK_FAULT_PERMISSION);
			assert_faults(VA, MOCK_EXEC,
				      prot & PTE_EXEC ? MOCK_OK : MOCK_FAULT_PERMISSION);
			unmap(&pm, VA);
		}
	destroy(&pm);
}

static void test_swapped_entries(void **state)
{
	struct page *p = frame();
	struct tlb_batch b;
	struct pmap pm;
	struct pte *e;

	(void)state;
	create(&pm);
	activate(&pm);
	enter(&pm, VA, p, RW);
	tlb_batch_init(&b, NULL);
	e = pmap_entry_lock(&pm, VA);
	pte_swap_out(e, 0xfffffffe, &b);
	pmap_entry_unlock(e);
	tlb_batch_page(&b, p);
	tlb_flush(&b);
	assert_int_equal(view(&pm, VA).state, PTE_SWAPPED);
	assert_int_equal(view(&pm, VA).slot, 0xfffffffe);
	assert_faults(VA, MOCK_READ, MOCK_FAULT_TRANSLATION);
	assert_int_equal(pmap_leaf(&pm, VA)->u.table.present, 0);
	assert_int_equal(pmap_leaf(&pm, VA)->u.table.swapped, 1);
	p = frame();
	enter(&pm, VA, p, PTE_READ);
	assert_maps(VA, MOCK_READ, p);
	assert_int_equal(pmap_leaf(&pm, VA)->u.table.swapped, 0);
	e = entry(&pm, VA + PAGE_SIZE);
	pte_enter_slot(e, 1);
	pmap_entry_unlock(e);
	unmap(&pm, VA + PAGE_SIZE);
	assert_int_equal(pmap_leaf(&pm, VA)->u.table.swapped, 0);
	destroy(&pm);
}

static void protect(struct pmap *pm, virt_addr_t va, unsigned prot, bool expect_flush)
{
	struct tlb_batch b;
	struct pte *e = pmap_entry_lock(pm, va);

	tlb_batch_init(&b, pm);
	pte_protect(e, prot, &b);
	pmap_entry_unlock(e);
	assert_int_equal(b.naddresses != 0, expect_flush);
	tlb_flush(&b);
}

static void test_protect(void **state)
{
	struct page *p = frame();
	struct pmap pm;

	(void)state;
	create(&pm);
	activate(&pm);
	enter(&pm, VA, p, RW);
	assert_maps(VA, MOCK_WRITE, p);
	protect(&pm, VA, PTE_READ, true);
	assert_faults(VA, MOCK_WRITE, MOCK_FAULT_PERMISSION);
	assert_maps(VA, MOCK_READ, p);
	/* More rights: the TLB may still hold the old ones, until the fault handler finds the fault
	 * spurious. */
	protect(&pm, VA, RW, false);
	assert_faults(VA, MOCK_WRITE, MOCK_FAULT_PERMISSION);
	assert_true(pmap_fault_spurious(&pm, VA, PTE_WRITE));
	assert_maps(VA, MOCK_WRITE, p);
	protect(&pm, VA, RW | PTE_LOCKED, false);
	assert_int_equal(view(&pm, VA).prot, RW | PTE_LOCKED);
	protect(&pm, VA, 0, true);
	assert_faults(VA, MOCK_READ, MOCK_FAULT_PERMISSION);
	assert_false(pmap_fault_spurious(&pm, VA, PTE_READ));
	destroy(&pm);
}

static void test_fault_not_spurious(void **state)
{
	struct pmap pm;

	(void)state;
	create(&pm);
	assert_false(pmap_fault_spurious(&pm, VA, PTE_READ));
	enter(&pm, VA, frame(), PTE_READ);
	assert_true(pmap_fault_spurious(&pm, VA, PTE_READ));
	assert_false(pmap_fault_spurious(&pm, VA, PTE_WRITE));
	assert_false(pmap_fault_spurious(&pm, VA + PAGE_SIZE, PTE_READ));
	destroy(&pm);
}

static void test_replace(void **state)
{
	struct page *old = frame(), *copy = frame();
	struct pmap pm;
	struct pte *e;

	(void)state;
	create(&pm);
	for (unsigned cpu = 0; cpu < 4; cpu++) {
		mock_on_cpu(cpu);
		activate(&pm);
	}
	enter(&pm, VA, old, PTE_READ);
	assert_maps(VA, MOCK_READ, old);
	e = pmap_entry_lock(&pm, VA);
	pte_replace(e, copy, RW);
	pmap_entry_unlock(e);
	page_put(old);
	for (unsigned cpu = 0; cpu < 4; cpu++) {
		mock_on_cpu(cpu);
		assert_maps(VA, MOCK_WRITE, copy);
		activate(NULL);
	}
	assert_int_equal(pmap_leaf(&pm, VA)->u.table.present, 1);
	destroy(&pm);
}

static bool test_clear_young(struct pmap *pm, virt_addr_t va)
{
	struct pte *e = pmap_entry_lock(pm, va);
	bool young = pte_test_clear_young(e);

	pmap_entry_unlock(e);
	return young;
}

static void test_access_flag_by_software(void **state)
{
	struct page *p = frame();
	struct tlb_batch b;
	struct pmap pm;
	struct pte *e;

	(void)state;
	create(&pm);
	activate(&pm);
	enter(&pm, VA, p, RW);
	assert_true(test_clear_young(&pm, VA));
	assert_false(test_clear_young(&pm, VA));
	assert_maps(VA, MOCK_READ, p); /* no flush: the TLB entry still serves */
	assert_false(view(&pm, VA).young);
	protect(&pm, VA, PTE_READ, true);
	assert_false(view(&pm, VA).young);
	tlb_batch_init(&b, &pm);
	tlb_batch_add(&b, VA);
	tlb_flush(&b);
	assert_faults(VA, MOCK_READ, MOCK_FAULT_ACCESS_FLAG);
	assert_false(pmap_fault_spurious(&pm, VA, PTE_READ));
	e = pmap_entry_lock(&pm, VA);
	pte_set_young(e);
	pmap_entry_unlock(e);
	assert_maps(VA, MOCK_READ, p);
	destroy(&pm);
}

static void test_access_flag_by_hardware(void **state)
{
	struct page *p;
	struct tlb_batch b;
	struct pmap pm;

	(void)state;
	mock_options.hw_access_flag = true;
	machine_start();
	p = frame();
	create(&pm);
	activate(&pm);
	enter(&pm, VA, p, PTE_READ);
	assert_true(test_clear_young(&pm, VA));
	tlb_batch_init(&b, &pm);
	tlb_batch_add(&b, VA);
	tlb_flush(&b);
	assert_maps(VA, MOCK_READ, p);
	assert_true(view(&pm, VA).young);
	assert_faults(VA, MOCK_WRITE, MOCK_FAULT_PERMISSION); /* no dirty state by hardware */
	assert_true(test_clear_young(&pm, VA));
	destroy(&pm);
}

static void test_next_leaf_and_usage(void **state)
{
	static const virt_addr_t at[] = { USER_MIN, VA, (virt_addr_t)5 << 30, (virt_addr_t)7 << 39,
					  USER_TOP - PAGE_SIZE };
	struct pmap_usage u;
	struct pmap pm;
	virt_addr_t va = 0;

	(void)state;
	create(&pm);
	assert_int_equal(pmap_next_leaf(&pm, 0, USER_TOP), USER_TOP);
	for (unsigned i = 0; i < ARRAY_SIZE(at); i++)
		enter(&pm, at[i], frame(), PTE_READ);
	for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
		va = pmap_next_leaf(&pm, va, USER_TOP);
		assert_int_equal(va, i == 0 ? 0 : ALIGN_DOWN(at[i], LEAF_SPAN));
		assert_int_equal(pmap_next_leaf(&pm, at[i], USER_TOP), at[i]);
		va += LEAF_SPAN;
	}
	assert_int_equal(pmap_next_leaf(&pm, va, USER_TOP), USER_TOP);
	assert_int_equal(pmap_next_leaf(&pm, VA + LEAF_SPAN, (virt_addr_t)1 << 30),
			 (virt_addr_t)1 << 30);
	pmap_usage(&pm, &u);
	assert_int_equal(u.present, ARRAY_SIZE(at));
	assert_int_equal(u.tables, ARRAY_SIZE(at));
	assert_int_equal(u.swapped, 0);
	destroy(&pm);
}

static void test_entry_addresses(void **state)
{
	virt_addr_t va = ((virt_addr_t)0x123 << 39) + 0x7fe00000 + 17 * PAGE_SIZE;
	struct pmap pm;
	struct pte *e;

	(void)state;
	create(&pm);
	assert_null(pmap_entry_lock(&pm, va));
	assert_false(pmap_uppers_present(&pm, va));
	e = entry(&pm, va);
	assert_int_equal(pte_address(e), va);
	assert_int_equal(pte_address(pte_next(e, 3)), va + 3 * PAGE_SIZE);
	assert_ptr_equal(pte_table(e), pmap_leaf(&pm, va));
	assert_ptr_equal(pmap_table_entry(pte_table(e), 17), e);
	mock_expect_panic("assertion", pte_next(e, -18));
	mock_expect_panic("assertion", pte_next(e, 512 - 17));
	pmap_entry_unlock(e);
	assert_true(pmap_uppers_present(&pm, va));
	destroy(&pm);
}

static void test_table_remove_only_when_empty(void **state)
{
	struct tlb_batch b;
	struct page *table;
	struct pmap pm;

	(void)state;
	create(&pm);
	activate(&pm);
	enter(&pm, VA, frame(), RW);
	tlb_batch_init(&b, &pm);
	assert_null(pmap_table_remove(&pm, VA, &b));
	unmap(&pm, VA);
	table = pmap_leaf(&pm, VA);
	assert_ptr_equal(pmap_table_remove(&pm, VA, &b), table);
	tlb_batch_page(&b, table);
	tlb_flush(&b);
	assert_null(pmap_leaf(&pm, VA));
	assert_null(pmap_table_remove(&pm, VA, &b));
	/* The place can be used again at once. */
	enter(&pm, VA, frame(), RW);
	assert_int_equal(mock_access(VA, MOCK_WRITE, NULL), MOCK_OK);
	destroy(&pm);
}

static void test_destroy_needs_other_cpus_gone(void **state)
{
	struct pmap pm;

	(void)state;
	create(&pm);
	mock_on_cpu(1);
	activate(&pm);
	mock_on_cpu(0);
	mock_expect_panic("pmap_loaded", pmap_destroy(&pm, table_gone));
	mock_on_cpu(1);
	activate(NULL);
	mock_on_cpu(0);
	destroy(&pm);
}

static void test_states_are_asserted(void **state)
{
	struct tlb_batch b;
	struct page *p = frame();
	struct pmap pm;
	struct pte *e;

	(void)state;
	create(&pm);
	tlb_batch_init(&b, &pm);
	e = entry(&pm, VA);
	mock_expect_panic("assertion", pte_clear(e, &b));
	mock_expect_panic("assertion", pte_enter_slot(e, 0));
	mock_expect_panic("assertion", pte_swap_out(e, 3, &b));
	mock_expect_panic("assertion", pte_replace(e, p, RW));
	pte_enter(e, p, RW);
	mock_expect_panic("assertion", pte_enter(e, p, RW));
	mock_expect_panic("assertion", pte_enter_slot(e, 3));
	pmap_entry_unlock(e);
	destroy(&pm);
}

/* ---- Code pages ---- */

static void test_code_is_synced_once(void **state)
{
	struct page *p = frame();
	struct pmap a, b;
	unsigned syncs;

	(void)state;
	create(&a);
	create(&b);
	memset(page_to_virt(p), 0x1f, PAGE_SIZE);
	page_get(p);
	enter(&a, VA, p, RX);
	syncs = mock_counts.icache_syncs;
	assert_int_equal(syncs, 1);
	enter(&b, VA, p, RX);
	assert_int_equal(mock_counts.icache_syncs, syncs);
	activate(&b);
	assert_maps(VA, MOCK_EXEC, p);
	unmap(&b, VA);
	/* The kernel writes to the cached page. */
	((char *)page_to_virt(p))[5]++;
	page_changed(p);
	page_get(p);
	enter(&b, VA, p, RX);
	assert_int_equal(mock_counts.icache_syncs, syncs + 1);
	assert_maps(VA, MOCK_EXEC, p);
	destroy(&a);
	destroy(&b);
}

/* A user writes code, then makes it executable (mprotect). */
static void test_code_written_by_user(void **state)
{
	struct page *p = frame();
	struct pmap pm;

	(void)state;
	create(&pm);
	activate(&pm);
	for (unsigned i = 0; i < 3; i++) {
		if (i == 0)
			enter(&pm, VA, p, RW);
		else
			protect(&pm, VA, RW, true); /* loses EXEC */
		assert_true(i == 0 || pmap_fault_spurious(&pm, VA, PTE_WRITE));
		assert_maps(VA, MOCK_WRITE, p);
		((char *)page_to_virt(p))[i]++;
		protect(&pm, VA, RX, true);
		assert_true(pmap_fault_spurious(&pm, VA, PTE_EXEC));
		assert_maps(VA, MOCK_EXEC, p);
	}
	destroy(&pm);
}

/* ---- Batches ---- */

static void test_batch_takes_the_cheapest_form(void **state)
{
	struct tlb_batch b;
	struct pmap pm;

	(void)state;
	create(&pm);
	activate(&pm);
	tlb_batch_init(&b, &pm);
	memset(&mock_counts, 0, sizeof(mock_counts));
	tlb_flush(&b);
	assert_int_equal(mock_counts.dsb, 0); /* nothing noted, nothing done */

	for (unsigned i = 0; i < 10; i++) /* scattered */
		tlb_batch_add(&b, VA + i * LEAF_SPAN);
	tlb_flush(&b);
	assert_int_equal(mock_counts.tlbi_va, 10);

	for (unsigned i = 0; i < 60; i++) /* dense */
		tlb_batch_add(&b, VA + i * PAGE_SIZE);
	tlb_flush(&b);
	assert_int_equal(mock_counts.tlbi_va, 70);
	assert_int_equal(mock_counts.tlbi_asid, 0);

	for (unsigned i = 0; i < 60; i++) /* neither */
		tlb_batch_add(&b, VA + i * 5 * PAGE_SIZE);
	tlb_flush(&b);
	assert_int_equal(mock_counts.tlbi_va, 70);
	assert_int_equal(mock_counts.tlbi_asid, 1);
	assert_int_equal(mock_counts.tlbi_all, 0);
	destroy(&pm);
}

static void test_never_run_needs_no_tlbi(void **state)
{
	struct pmap pm;

	(void)state;
	create(&pm);
	enter(&pm, VA, frame(), RW);
	memset(&mock_counts, 0, sizeof(mock_counts));
	unmap(&pm, VA);
	assert_int_equal(mock_counts.tlbi_va + mock_counts.tlbi_asid + mock_counts.tlbi_all, 0);
	destroy(&pm);
}

/* How many of `n` entries of p, then of entries of q, the first run takes. */
static unsigned run_length(struct page *p, unsigned n, struct page *q, unsigned prot)
{
	struct pte_taken taken;
	struct tlb_batch b;
	struct page *table;
	struct pmap pm;
	unsigned length;

	create(&pm);
	for (unsigned i = 0; i < 100; i++)
		enter(&pm, VA + i * PAGE_SIZE, i < n ? p : q, i < n ? RW : prot);
	table = pmap_leaf(&pm, VA);
	tlb_batch_init(&b, &pm);
	pmap_table_lock(table);
	length = pte_take_run(table, 0, 100, &taken, &b);
	assert_int_equal(table->u.table.present, 100 - length);
	for (unsigned i = length; i < 100; i++)
		pte_clear(pmap_table_entry(table, i), &b);
	pmap_table_unlock(table);
	assert_int_equal(taken.n, prot & PTE_SPECIAL ? n : length);
	assert_int_equal(taken.n > 0 ? taken.at[taken.n - 1].pte - taken.at[0].pte : -1,
			 (int)taken.n - 1);
	tlb_flush(&b);
	destroy(&pm);
	return length;
}

/* What one hold of a table's lock bears is a matter of what its entries map: frames that others may
 * have cost most. */
static void test_runs_end_by_cost(void **state)
{
	struct page *p = frame(), *q = frame();

	(void)state;
	p->type = q->type = PAGE_ANON;
	assert_int_equal(run_length(p, 0, q, RW), PTE_TAKE_MAX);
	assert_int_equal(run_length(p, 0, q, PTE_READ | PTE_SPECIAL), 4 * PTE_TAKE_MAX);
	assert_int_equal(run_length(p, 12, q, PTE_READ | PTE_SPECIAL), 12 + 16);
	assert_int_equal(run_length(p, 0, q, PTE_READ | PTE_OWN), PTE_TAKE_MAX);
	assert_int_equal(run_length(p, 0, q, PTE_READ), 2);
	assert_int_equal(run_length(p, 8, q, PTE_READ), 9);
	assert_int_equal(run_length(p, 10, q, PTE_READ), 10);
	assert_int_equal(run_length(p, 9, q, PTE_READ), 9);
	q->type = PAGE_FILE; /* which are only counted */
	assert_int_equal(run_length(p, 0, q, PTE_READ), PTE_TAKE_MAX);
	q->refs = 1;
	page_put(p);
	page_put(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_enter_and_access),
		TEST(test_rights),
		TEST(test_swapped_entries),
		TEST(test_protect),
		TEST(test_fault_not_spurious),
		TEST(test_replace),
		TEST(test_access_flag_by_software),
		TEST(test_access_flag_by_hardware),
		TEST(test_next_leaf_and_usage),
		TEST(test_entry_addresses),
		TEST(test_table_remove_only_when_empty),
		TEST(test_destroy_needs_other_cpus_gone),
		TEST(test_states_are_asserted),
		TEST(test_code_is_synced_once),
		TEST(test_code_written_by_user),
		TEST(test_batch_takes_the_cheapest_form),
		TEST(test_never_run_needs_no_tlbi),
		TEST(test_runs_end_by_cost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
