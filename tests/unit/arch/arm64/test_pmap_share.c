// SPDX-License-Identifier: MIT
// Leaf tables shared by fork: rights through APTable, claiming, copying, leaving, with several
// CPUs.
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/unit/arch/arm64/pmap_test.h"

static struct pmap parent, child;

static void share(struct pmap *from, struct pmap *to, virt_addr_t va)
{
	struct tlb_batch b;

	tlb_batch_init(&b, from);
	while (!pmap_uppers_present(to, va))
		pmap_table_add(to, va, frame());
	pmap_share_leaf(from, to, va, &b);
	tlb_flush(&b);
}

/* parent runs on CPU 0, child on CPU 1, p is mapped writable and has been written. */
static struct page *fork_one_page(void)
{
	struct page *p = frame();

	create(&parent);
	create(&child);
	mock_on_cpu(0);
	activate(&parent);
	enter(&parent, VA, p, RW);
	assert_maps(VA, MOCK_WRITE, p);
	share(&parent, &child, VA);
	mock_on_cpu(1);
	activate(&child);
	return p;
}

static void end(void)
{
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		mock_on_cpu(cpu);
		activate(NULL);
	}
	destroy(&child);
	destroy(&parent);
}

static void test_shared_is_read_only_for_both(void **state)
{
	struct page *p = fork_one_page();

	(void)state;
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		mock_on_cpu(cpu);
		assert_maps(VA, MOCK_READ, p);
		assert_faults(VA, MOCK_WRITE, MOCK_FAULT_PERMISSION);
	}
	assert_true(pmap_leaf_shared(&parent, VA) && pmap_leaf_shared(&child, VA));
	assert_ptr_equal(pmap_leaf(&parent, VA), pmap_leaf(&child, VA));
	assert_int_equal(pmap_leaf(&child, VA)->u.table.sharers, 2);
	assert_false(pmap_fault_spurious(&parent, VA, PTE_WRITE));
	assert_false(pmap_leaf_claim(&parent, VA));
	end();
}

/* What one sharer pages in the other sees, without a fault of its own. */
static void test_entering_serves_all_sharers(void **state)
{
	struct page *p;

	(void)state;
	fork_one_page();
	p = frame();
	mock_on_cpu(0);
	enter(&parent, VA + PAGE_SIZE, p, PTE_READ);
	assert_maps(VA + PAGE_SIZE, MOCK_READ, p);
	mock_on_cpu(1);
	assert_maps(VA + PAGE_SIZE, MOCK_READ, p);
	end();
}

/* The page daemon takes a page out of a shared table: gone for every sharer. */
static void test_swap_out_reaches_all_sharers(void **state)
{
	struct page *p = fork_one_page();
	struct pmap *noted[2] = { NULL, &child };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct pte *e = pmap_entry_lock(&parent, VA);
		struct tlb_batch b;

		for (unsigned cpu = 0; cpu < 2; cpu++) {
			mock_on_cpu(cpu);
			assert_maps(VA, MOCK_READ, p);
		}
		tlb_batch_init(&b, noted[i]); /* also when the caller thinks it is alone */
		pte_swap_out(e, 7, &b);
		pmap_entry_unlock(e);
		tlb_batch_page(&b, p);
		tlb_flush(&b);
		for (unsigned cpu = 0; cpu < 2; cpu++) {
			mock_on_cpu(cpu);
			assert_faults(VA, MOCK_READ, MOCK_FAULT_TRANSLATION);
		}
		p = frame();
		enter(&parent, VA, p, PTE_READ);
	}
	end();
}

static void test_last_sharer_claims(void **state)
{
	struct page *p = fork_one_page();
	struct tlb_batch b;

	(void)state;
	mock_on_cpu(1);
	assert_maps(VA, MOCK_READ, p);
	tlb_batch_init(&b, &child);
	assert_null(pmap_table_remove(&child, VA, &b));
	assert_null(pmap_leaf(&child, VA));
	assert_faults(VA, MOCK_READ,
		      MOCK_FAULT_TRANSLATION); /* flushed although the batch was not */
	mock_on_cpu(0);
	assert_faults(VA, MOCK_WRITE, MOCK_FAULT_PERMISSION);
	assert_true(pmap_leaf_claim(&parent, VA));
	assert_false(pmap_leaf_shared(&parent, VA));
	if (mock_access(VA, MOCK_WRITE, NULL) != MOCK_OK)
		assert_true(pmap_fault_spurious(&parent, VA, PTE_WRITE));
	assert_maps(VA, MOCK_WRITE, p);
	/* Alone now: invalidating by the parent's ASID is enough before the frame goes. */
	unmap(&parent, VA);
	end();
}

static void parent_leaves(void)
{
	struct tlb_batch b;

	mock_on_cpu(0);
	tlb_batch_init(&b, &parent);
	assert_null(pmap_table_remove(&parent, VA, &b));
	assert_null(pmap_leaf(&parent, VA));
	mock_on_cpu(1);
}

/* Both sharers leave at once: one of them ends as the owner, link and entries intact. */
static void test_both_leave_at_once(void **state)
{
	struct page *p = fork_one_page();
	struct tlb_batch b;

	(void)state;
	mock_on_cpu(1);
	assert_maps(VA, MOCK_READ, p);
	tlb_batch_init(&b, &child);
	mock_on_dsb = parent_leaves;
	assert_null(pmap_table_remove(&child, VA, &b));
	assert_non_null(pmap_leaf(&child, VA));
	assert_int_equal(pmap_leaf(&child, VA)->u.table.sharers, 1);
	assert_maps(VA, MOCK_READ, p);
	assert_true(pmap_leaf_claim(&child, VA));
	assert_int_equal(pmap_next_leaf(&child, 0, USER_TOP), VA);
	end();
}

/* ... or one leaves while the other replaces its link. */
static void test_other_leaves_while_replacing(void **state)
{
	struct page *p = fork_one_page(), *copy = frame(), *old;
	struct tlb_batch b;

	(void)state;
	mock_on_cpu(1);
	old = pmap_leaf(&child, VA);
	pmap_table_prepare(copy, VA);
	mock_on_dsb = parent_leaves;
	assert_ptr_equal(pmap_leaf_replace(&child, VA, copy), old);
	tlb_batch_init(&b, &child);
	pmap_table_lock(old);
	pte_clear(pmap_table_entry(old, 0), &b);
	pmap_table_unlock(old);
	tlb_batch_page(&b, p);
	tlb_batch_page(&b, old);
	tlb_flush(&b);
	end();
}

/* The child copies the table: its entries and the parent's are read-only, then each goes its
 * way. */
static void test_replace_by_copy(void **state)
{
	struct page *p = fork_one_page(), *copy = frame(), *own = frame();
	struct tlb_batch b;
	struct pte *e;

	(void)state;
	mock_on_cpu(1);
	assert_maps(VA, MOCK_READ, p);
	pmap_table_prepare(copy, VA);
	e = pmap_entry_lock(&child, VA);
	tlb_batch_init(&b, NULL);
	pte_protect(e, PTE_READ, &b);
	page_get(p);
	pte_enter(pmap_table_entry(copy, 0), p, PTE_READ);
	pmap_entry_unlock(e);
	tlb_flush(&b);
	assert_null(pmap_leaf_replace(&child, VA, copy));
	assert_ptr_equal(pmap_leaf(&child, VA), copy);
	assert_false(pmap_leaf_shared(&child, VA));
	assert_maps(VA, MOCK_READ, p);
	assert_faults(VA, MOCK_WRITE, MOCK_FAULT_PERMISSION);
	e = pmap_entry_lock(&child, VA);
	pte_replace(e, own, RW);
	pmap_entry_unlock(e);
	page_put(p);
	assert_maps(VA, MOCK_WRITE, own);
	mock_on_cpu(0);
	assert_true(pmap_leaf_claim(&parent, VA));
	assert_maps(VA, MOCK_READ, p);
	assert_faults(VA, MOCK_WRITE, MOCK_FAULT_PERMISSION); /* copy-on-write */
	end();
}

/* The other sharer left while we copied: the old table comes back to be emptied and freed. */
static void test_replace_when_alone_returns_the_table(void **state)
{
	struct page *p = fork_one_page(), *copy = frame(), *old;
	struct tlb_batch b;

	(void)state;
	old = pmap_leaf(&child, VA);
	tlb_batch_init(&b, &parent);
	assert_null(pmap_table_remove(&parent, VA, &b));
	pmap_table_prepare(copy, VA);
	assert_ptr_equal(pmap_leaf_replace(&child, VA, copy), old);
	pmap_table_lock(old);
	pte_clear(pmap_table_entry(old, 0), &b);
	pmap_table_unlock(old);
	tlb_batch_page(&b, p);
	tlb_batch_page(&b, old);
	tlb_flush(&b);
	mock_on_cpu(1);
	assert_faults(VA, MOCK_READ, MOCK_FAULT_TRANSLATION);
	end();
}

/* A table handed down three generations; all but the last leave by ending. */
static void test_three_generations(void **state)
{
	struct pmap pm[4];
	struct page *p = frame();
	struct pte *e;

	(void)state;
	create(&pm[0]);
	activate(&pm[0]);
	enter(&pm[0], VA, p, RW);
	for (unsigned i = 1; i < 4; i++) {
		create(&pm[i]);
		share(&pm[i - 1], &pm[i], VA);
	}
	assert_int_equal(pmap_leaf(&pm[3], VA)->u.table.sharers, 4);
	for (unsigned i = 0; i < 3; i++) {
		assert_false(pmap_leaf_claim(&pm[3], VA));
		pmap_destroy(&pm[i], table_gone);
	}
	activate(&pm[3]);
	assert_maps(VA, MOCK_READ, p);
	assert_true(pmap_leaf_claim(&pm[3], VA));
	e = pmap_entry_lock(&pm[3], VA);
	assert_int_equal(pte_table(e)->u.table.sharers, 1);
	pmap_entry_unlock(e);
	destroy(&pm[3]);
}

static void test_second_fork_needs_no_flush(void **state)
{
	struct pmap third;
	struct tlb_batch b;

	(void)state;
	fork_one_page();
	create(&third);
	while (!pmap_uppers_present(&third, VA))
		pmap_table_add(&third, VA, frame());
	tlb_batch_init(&b, &parent);
	pmap_share_leaf(&parent, &third, VA, &b);
	assert_false(b.all);
	tlb_flush(&b);
	destroy(&third);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_shared_is_read_only_for_both),
		TEST(test_entering_serves_all_sharers),
		TEST(test_swap_out_reaches_all_sharers),
		TEST(test_last_sharer_claims),
		TEST(test_both_leave_at_once),
		TEST(test_other_leaves_while_replacing),
		TEST(test_replace_by_copy),
		TEST(test_replace_when_alone_returns_the_table),
		TEST(test_three_generations),
		TEST(test_second_fork_needs_no_flush),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
