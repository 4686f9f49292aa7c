// SPDX-License-Identifier: MIT
// The MMU model catches what silicon would punish: every rule is broken here on purpose, beside the
// same steps done right.
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c
#include "tests/unit/arch/arm64/pmap_test.h"

#define ROGUE(rule, code)                                                                          \
	do {                                                                                       \
		mock_expect_violation(rule);                                                       \
		code;                                                                              \
		mock_assert_violated(rule);                                                        \
	} while (0)

static struct pmap pm;
static struct page *page;

/* pm on CPUs 0 and 1 with one page that both have used; goes on as CPU 0. */
static struct pte *start(unsigned prot)
{
	create(&pm);
	page = frame();
	for (unsigned cpu = 2; cpu-- > 0;) {
		mock_on_cpu(cpu);
		activate(&pm);
	}
	enter(&pm, VA, page, prot);
	mock_on_cpu(1);
	assert_maps(VA, MOCK_READ, page);
	mock_on_cpu(0);
	assert_maps(VA, MOCK_READ, page);
	return pmap_table_entry(pmap_leaf(&pm, VA), 0);
}

/* Broken tests leave a machine behind that nobody repairs. */
static int abandon(void **state)
{
	(void)state;
	return 0;
}

/* A frame whose contents are ordered before whatever is stored next. */
static struct page *filled_frame(void)
{
	struct page *p = frame();

	hw_wmb();
	return p;
}

static uint64_t by_address(uint64_t asid, virt_addr_t va)
{
	return asid << 48 | va >> PAGE_SHIFT;
}

static void test_bbm_output_address(void **state)
{
	struct pte *e = start(RW);
	uint64_t raw = pte_load(e);

	(void)state;
	ROGUE(MOCK_RULE_BBM, pte_store(e, (raw & ~PTE_ADDR_MASK) | page_to_phys(filled_frame())));
}

/* Another CPU may walk the entry and read what the frame held before. */
static void test_entry_before_contents(void **state)
{
	struct pte *e = start(RW);
	uint64_t raw = pte_load(e);

	(void)state;
	pte_store(e, 0);
	ROGUE(MOCK_RULE_BARRIER, pte_store(e + 1, (raw & ~PTE_ADDR_MASK) | page_to_phys(frame())));
}

static void test_bbm_attributes(void **state)
{
	struct pte *e = start(RW);
	uint64_t raw = pte_load(e);

	(void)state;
	ROGUE(MOCK_RULE_BBM, pte_store(e, raw | PTE_ATTR(ATTR_NOCACHE)));
	ROGUE(MOCK_RULE_BBM, pte_store(e, raw | PTE_CONT));
}

/* Invalid in between, but nobody told the TLB. */
static void test_bbm_without_flush(void **state)
{
	struct pte *e = start(RW);
	uint64_t raw = pte_load(e);

	(void)state;
	pte_store(e, 0);
	dsb_ishst();
	ROGUE(MOCK_RULE_BBM, pte_store(e, (raw & ~PTE_ADDR_MASK) | page_to_phys(filled_frame())));
}

/* ... or told it and did not wait. */
static void test_bbm_without_dsb_after_tlbi(void **state)
{
	struct pte *e = start(RW);
	uint64_t raw = pte_load(e);

	(void)state;
	pte_store(e, 0);
	dsb_ishst();
	tlbi_vaale1is(by_address(0, VA));
	ROGUE(MOCK_RULE_BBM, pte_store(e, (raw & ~PTE_ADDR_MASK) | page_to_phys(filled_frame())));
}

static void test_bbm_done_right(void **state)
{
	struct pte *e = start(RW);
	uint64_t raw = pte_load(e);
	struct page *other = frame();

	(void)state;
	pte_store(e, 0);
	dsb_ishst();
	tlbi_vaale1is(by_address(0, VA));
	dsb_ish();
	pte_store(e, (raw & ~PTE_ADDR_MASK) | page_to_phys(other));
	dsb_ishst();
	assert_maps(VA, MOCK_WRITE, other);
	mock_on_cpu(1);
	assert_maps(VA, MOCK_WRITE, other);
}

static void test_bbm_table_link(void **state)
{
	struct page *other = frame();
	struct pte *link;

	(void)state;
	start(RW);
	pmap_table_prepare(other, VA);
	link = (struct pte *)page_to_virt(pm.root);
	for (unsigned level = 0; level < 2; level++)
		link = (struct pte *)phys_to_virt(pte_pa(pte_load(&link[table_index(VA, level)])));
	link += table_index(VA, 2);
	dsb_ishst();
	ROGUE(MOCK_RULE_BBM, pte_store(link, page_to_phys(other) | PTE_TYPE_TABLE));
}

/* Rights need no break. */
static void test_rights_may_change_in_place(void **state)
{
	struct pte *e = start(RW);

	(void)state;
	pte_store(e, pte_load(e) | PTE_AP_READONLY);
	pte_store(e, pte_load(e) & ~PTE_AF);
}

static void test_tlbi_before_dsb(void **state)
{
	struct pte *e = start(RW);

	(void)state;
	pte_store(e, 0);
	ROGUE(MOCK_RULE_BARRIER, tlbi_vaale1is(by_address(0, VA)));
}

static void test_access_before_dsb(void **state)
{
	struct pte *e = start(RW);

	(void)state;
	pte_store(pte_next(e, 1), pte_load(e));
	ROGUE(MOCK_RULE_BARRIER, mock_access(VA + PAGE_SIZE, MOCK_READ, NULL));
}

static void test_link_before_dsb(void **state)
{
	struct page *table;

	(void)state;
	start(RW);
	table = frame(); /* zeroed just now */
	ROGUE(MOCK_RULE_BARRIER, pte_store((struct pte *)page_to_virt(pm.root) + 5,
					   page_to_phys(table) | PTE_TYPE_TABLE));
}

static void test_access_before_isb(void **state)
{
	struct page *root;

	(void)state;
	start(RW);
	root = frame();
	dsb_ishst();
	hw_irq_disable();
	ttbr0_write(page_to_phys(root) | (uint64_t)77 << 48);
	ROGUE(MOCK_RULE_BARRIER, mock_access(VA, MOCK_READ, NULL));
}

/* Every way to forget part of the invalidation leaves the frame known somewhere. */
static void test_frame_freed_too_early(void **state)
{
	struct pte *e = start(RW);
	uint64_t asid = asid_of(&pm), raw = pte_load(e);
	pfn_t pfn = page_to_pfn(page);

	(void)state;
	ROGUE(MOCK_RULE_STALE_FRAME, mock_frame_freed(pfn)); /* still mapped */
	pte_store(e, 0);
	dsb_ishst();
	ROGUE(MOCK_RULE_STALE_FRAME, mock_frame_freed(pfn)); /* no TLBI */
	tlbi_vale1is(by_address(asid, VA));
	ROGUE(MOCK_RULE_STALE_FRAME, mock_frame_freed(pfn)); /* no DSB after it */
	dsb_ish();
	mock_frame_freed(pfn);

	pte_store(e, raw);
	dsb_ishst();
	pte_store(e, 0);
	dsb_ishst();
	tlbi_vale1is(by_address(asid + 1, VA)); /* another ASID */
	dsb_ish();
	ROGUE(MOCK_RULE_STALE_FRAME, mock_frame_freed(pfn));
	tlbi_vale1is(by_address(asid, VA + PAGE_SIZE)); /* another page */
	dsb_ish();
	ROGUE(MOCK_RULE_STALE_FRAME, mock_frame_freed(pfn));
	tlbi_vae1(by_address(asid, VA)); /* not broadcast */
	dsb_ish();
	ROGUE(MOCK_RULE_STALE_FRAME, mock_frame_freed(pfn));
	tlbi_aside1is(by_address(asid, 0));
	dsb_ish();
	mock_frame_freed(pfn);
}

static void test_frame_reused_too_early(void **state)
{
	(void)state;
	start(RW);
	ROGUE(MOCK_RULE_STALE_FRAME, hw_clear_page(page_to_virt(page)));
	ROGUE(MOCK_RULE_STALE_FRAME, hw_copy_page(page_to_virt(page), page_to_virt(empty_table)));
}

/* Somebody's allocator says the frame is free; nobody told the model. */
static void test_free_frame_is_found(void **state)
{
	(void)state;
	start(RW);
	page->type = PAGE_FREE;
	ROGUE(MOCK_RULE_STALE_FRAME, mock_check());
}

/* A last-level invalidation leaves the walk caches: the table may not go yet. */
static void test_table_freed_too_early(void **state)
{
	struct page *table;
	struct tlb_batch b;

	(void)state;
	start(RW);
	table = pmap_leaf(&pm, VA);
	unmap(&pm, VA);
	tlb_batch_init(&b, &pm);
	assert_ptr_equal(pmap_table_remove(&pm, VA, &b), table);
	b.tables = false; /* flush forgets the walk caches */
	tlb_flush(&b);
	ROGUE(MOCK_RULE_STALE_FRAME, mock_frame_freed(page_to_pfn(table)));
}

static void test_linked_table_freed(void **state)
{
	(void)state;
	mock_options.speculate = false;
	machine_start();
	start(RW);
	ROGUE(MOCK_RULE_STALE_FRAME, mock_frame_freed(page_to_pfn(pmap_leaf(&pm, VA))));
	ROGUE(MOCK_RULE_STALE_FRAME, mock_frame_freed(page_to_pfn(pm.root)));
}

static void test_asid_reused(void **state)
{
	struct page *root = frame();
	uint64_t asid;

	(void)state;
	start(RW);
	asid = asid_of(&pm);
	dsb_ishst();
	hw_irq_disable();
	ROGUE(MOCK_RULE_STALE_ASID, ttbr0_write(page_to_phys(root) | asid << 48));
	/* On a CPU that never knew it: another one runs it still. */
	mock_on_cpu(2);
	hw_irq_disable();
	ROGUE(MOCK_RULE_STALE_ASID, ttbr0_write(page_to_phys(root) | asid << 48));
}

static void test_ttbr_with_interrupts_on(void **state)
{
	(void)state;
	ROGUE(MOCK_RULE_CONTEXT, ttbr0_write(page_to_phys(empty_table)));
}

static void test_code_not_synced(void **state)
{
	struct pte *e = start(PTE_READ);

	(void)state;
	ROGUE(MOCK_RULE_ICACHE, pte_store(e, pte_load(e) & ~PTE_UXN));
	hw_icache_sync(page_to_virt(page), PAGE_SIZE);
	pte_store(e, pte_load(e));
	dsb_ishst();
	tlbi_vaale1is(by_address(0, VA));
	dsb_ish();
	assert_maps(VA, MOCK_EXEC, page);
	memset(page_to_virt(page), 1, 4);
	ROGUE(MOCK_RULE_ICACHE, mock_access(VA, MOCK_EXEC, NULL));
}

static void test_writable_and_executable(void **state)
{
	struct pte *e = start(RW);

	(void)state;
	hw_icache_sync(page_to_virt(page), PAGE_SIZE);
	ROGUE(MOCK_RULE_WX, pte_store(e, pte_load(e) & ~PTE_UXN));
	ROGUE(MOCK_RULE_WX, pte_store(e, (pte_load(e) | PTE_UXN) & ~PTE_PXN));
}

static void test_writable_and_executable_aliases(void **state)
{
	struct pte *e = start(RW);

	(void)state;
	hw_icache_sync(page_to_virt(page), PAGE_SIZE);
	ROGUE(MOCK_RULE_WX, pte_store(e + 1, (pte_load(e) | PTE_AP_READONLY) & ~PTE_UXN));
	pte_store(e + 1, pte_load(e) | PTE_AP_READONLY); /* readable is no harm */
}

static void test_store_behind_the_model(void **state)
{
	struct pte *e = start(RW);

	(void)state;
	e[1].raw = e[0].raw;
	ROGUE(MOCK_RULE_STORE, mock_access(VA + PAGE_SIZE, MOCK_READ, NULL));
}

static void test_store_unaligned(void **state)
{
	struct pte *e = start(RW);

	(void)state;
	ROGUE(MOCK_RULE_STORE, pte_store((struct pte *)((char *)e + 4), 0));
}

static void test_senseless_descriptors(void **state)
{
	struct pte *e = start(RW);
	uint64_t raw = pte_load(e);

	(void)state;
	e++;
	ROGUE(MOCK_RULE_DESCRIPTOR, pte_store(e, raw & ~PTE_TABLE));
	ROGUE(MOCK_RULE_DESCRIPTOR, pte_store(e, raw & ~PTE_SH_MASK));
	ROGUE(MOCK_RULE_DESCRIPTOR, pte_store(e, raw & ~PTE_NG));
	ROGUE(MOCK_RULE_DESCRIPTOR, pte_store(e, (raw & ~PTE_ADDR_MASK) | 0x1000));
}

/* APTable takes writes away whatever the entry says, also for what was cached before, once
 * flushed. */
static void test_hierarchical_read_only(void **state)
{
	struct pte *link;

	(void)state;
	start(RW);
	assert_maps(VA, MOCK_WRITE, page);
	link = (struct pte *)page_to_virt(pm.root);
	pte_store(link, pte_load(link) | TABLE_AP_READONLY);
	dsb_ishst();
	assert_maps(VA, MOCK_WRITE, page); /* stale, as the architecture allows */
	tlbi_vaale1is(by_address(0, VA));
	dsb_ish();
	assert_maps(VA, MOCK_WRITE, page); /* the walk caches still say so */
	tlbi_vaae1is(by_address(0, VA));
	dsb_ish();
	assert_faults(VA, MOCK_WRITE, MOCK_FAULT_PERMISSION);
	assert_maps(VA, MOCK_READ, page);
	pte_store(link, pte_load(link) | TABLE_AP_NOUSER);
	dsb_ishst();
	tlbi_vaae1is(by_address(0, VA));
	dsb_ish();
	assert_faults(VA, MOCK_READ, MOCK_FAULT_PERMISSION);
}

/* Invalid descriptors and entries whose access flag is clear are never cached. */
static void test_no_negative_caching(void **state)
{
	struct pte *e = start(RW);

	(void)state;
	assert_faults(VA + PAGE_SIZE, MOCK_READ, MOCK_FAULT_TRANSLATION);
	pte_store(e + 1, pte_load(e) & ~PTE_AF);
	dsb_ishst();
	assert_faults(VA + PAGE_SIZE, MOCK_READ, MOCK_FAULT_ACCESS_FLAG);
	pte_store(e + 1, pte_load(e));
	dsb_ishst();
	assert_maps(VA + PAGE_SIZE, MOCK_READ, page);
}

/* ---- Blocks and runs ---- */

static struct pte *link_entry(virt_addr_t va)
{
	struct pte *table = page_to_virt(pm.root);

	for (unsigned level = 0; level < 2; level++)
		table = phys_to_virt(pte_pa(pte_load(&table[table_index(va, level)])));
	return &table[table_index(va, 2)];
}

/* 2^order frames with entries from VA's next 2 MB on, all seen by both CPUs; the first entry. */
static struct pte *start_many(unsigned order, struct page **first)
{
	struct pte *e;

	start(RW);
	*first = page_alloc_order(order, ALLOC_ZERO);
	e = pmap_table_entry(entry(&pm, VA + LEAF_SPAN) ? pmap_leaf(&pm, VA + LEAF_SPAN) : NULL, 0);
	for (unsigned i = 0; i < 1u << order; i++)
		pte_enter(e + i, *first + i, RW);
	pmap_entry_unlock(e);
	return e;
}

static uint64_t block_of(struct page *p)
{
	return page_to_phys(p) | PTE_TYPE_BLOCK |
	       (pte_load(pmap_table_entry(pmap_leaf(&pm, VA), 0)) &
		~(PTE_ADDR_MASK | PTE_TYPE_MASK));
}

static void test_block_over_live_pages(void **state)
{
	struct page *p;
	struct pte *link;

	(void)state;
	start_many(9, &p);
	link = link_entry(VA + LEAF_SPAN);
	pte_store(link, 0);
	dsb_ishst();
	tlbi_vae1is(
		by_address(pm.context & 0xffff, VA + LEAF_SPAN)); /* the walk cache and one page */
	dsb_ish();
	ROGUE(MOCK_RULE_BBM, (pte_store(link, block_of(p)), dsb_ishst()));
}

static void test_block_done_right(void **state)
{
	struct page *p;
	struct pte *link;

	(void)state;
	start_many(9, &p);
	link = link_entry(VA + LEAF_SPAN);
	pte_store(link, 0);
	tlb_flush_pmap(&pm);
	pte_store(link, block_of(p));
	dsb_ishst();
	mock_on_cpu(1);
	assert_maps(VA + LEAF_SPAN + 511 * PAGE_SIZE, MOCK_WRITE, p + 511);
	mock_on_cpu(0);
	ROGUE(MOCK_RULE_STALE_FRAME, page_free(p + 37, 0));
	ROGUE(MOCK_RULE_BBM, pte_store(link, block_of(p) + LEAF_SPAN));
	/* Any address of it will do. */
	pte_store(link, 0);
	tlb_flush_page_all(VA + LEAF_SPAN + 300 * PAGE_SIZE);
	pte_store(link, block_of(p));
	ROGUE(MOCK_RULE_DESCRIPTOR, pte_store(link, block_of(p) + PAGE_SIZE));
}

/* Breaks all 16, and makes them as one run. */
static void make_run(struct pte *e, unsigned n, uint64_t bits)
{
	uint64_t raw[16];

	for (unsigned i = 0; i < 16; i++) {
		raw[i] = pte_load(&e[i]);
		pte_store(&e[i], 0);
	}
	tlb_flush_pmap(&pm);
	for (unsigned i = 0; i < 16; i++)
		pte_store(&e[i], i < n ? raw[i] | bits : raw[i]);
	dsb_ishst();
}

static void test_run_done_right(void **state)
{
	struct page *p;
	struct pte *e;

	(void)state;
	e = start_many(4, &p);
	make_run(e, 16, PTE_CONT);
	mock_on_cpu(1);
	assert_maps(VA + LEAF_SPAN + 15 * PAGE_SIZE, MOCK_WRITE, p + 15);
	mock_on_cpu(0);
	/* It is a hint: each page is invalidated. */
	for (unsigned i = 0; i < 16; i++)
		pte_store(&e[i], 0);
	tlb_flush_run_all(VA + LEAF_SPAN, 15);
	ROGUE(MOCK_RULE_STALE_FRAME, page_free(p, 0));
	tlb_flush_page_all(VA + LEAF_SPAN + 15 * PAGE_SIZE);
	for (unsigned i = 1; i < 16; i++)
		page_free(p + i, 0);
}

static void test_run_of_fifteen(void **state)
{
	struct page *p;
	struct pte *e;

	(void)state;
	e = start_many(4, &p);
	ROGUE(MOCK_RULE_DESCRIPTOR, make_run(e, 15, PTE_CONT));
}

static void test_run_not_aligned(void **state)
{
	struct page *p;
	struct pte *e;

	(void)state;
	e = start_many(5, &p);
	for (unsigned i = 0; i < 16; i++)
		pte_store(&e[i], 0);
	tlb_flush_pmap(&pm);
	for (unsigned i = 0; i < 16; i++)
		pte_store(&e[i], pte_load(&e[16]) + i * PAGE_SIZE - 8 * PAGE_SIZE);
	dsb_ishst();
	ROGUE(MOCK_RULE_DESCRIPTOR, make_run(e, 16, PTE_CONT));
}

/* A neighbour of the entry that the TLB read changes. */
static void test_run_changed_in_place(void **state)
{
	struct page *p;
	struct pte *e;

	(void)state;
	e = start_many(4, &p);
	make_run(e, 16, PTE_CONT);
	ROGUE(MOCK_RULE_BBM, pte_store(&e[9], pte_load(&e[9]) & ~PTE_CONT));
	mock_expect_violation(MOCK_RULE_DESCRIPTOR);
	dsb_ishst();
	mock_assert_violated(MOCK_RULE_DESCRIPTOR);
}

#undef TEST
#define TEST(f) cmocka_unit_test_setup_teardown(f, pmap_setup, abandon)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bbm_output_address),
		TEST(test_entry_before_contents),
		TEST(test_bbm_attributes),
		TEST(test_bbm_without_flush),
		TEST(test_bbm_without_dsb_after_tlbi),
		TEST(test_bbm_done_right),
		TEST(test_bbm_table_link),
		TEST(test_rights_may_change_in_place),
		TEST(test_tlbi_before_dsb),
		TEST(test_access_before_dsb),
		TEST(test_link_before_dsb),
		TEST(test_access_before_isb),
		TEST(test_frame_freed_too_early),
		TEST(test_frame_reused_too_early),
		TEST(test_free_frame_is_found),
		TEST(test_table_freed_too_early),
		TEST(test_linked_table_freed),
		TEST(test_asid_reused),
		TEST(test_ttbr_with_interrupts_on),
		TEST(test_code_not_synced),
		TEST(test_writable_and_executable),
		TEST(test_writable_and_executable_aliases),
		TEST(test_store_behind_the_model),
		TEST(test_store_unaligned),
		TEST(test_senseless_descriptors),
		TEST(test_hierarchical_read_only),
		TEST(test_no_negative_caching),
		TEST(test_block_over_live_pages),
		TEST(test_block_done_right),
		TEST(test_run_done_right),
		TEST(test_run_of_fifteen),
		TEST(test_run_not_aligned),
		TEST(test_run_changed_in_place),
	};

	(void)pmap_teardown; /* the shared header's, for tests that end whole */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
