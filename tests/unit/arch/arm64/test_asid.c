// SPDX-License-Identifier: MIT
// ASIDs: no flush on ordinary switches, generations, roll-over with address spaces that run through
// it, 8 and 16 bits.
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/unit/arch/arm64/pmap_test.h"

static void small_asids(void)
{
	mock_options.asid_bits = 8;
	mock_options.loose_frees = true;
	machine_start();
}

static void switch_on(unsigned cpu, struct pmap *pm)
{
	mock_on_cpu(cpu);
	activate(pm);
}

static void test_switch_without_flush(void **state)
{
	struct page *pa = frame(), *pb = frame();
	struct pmap a, b;

	(void)state;
	create(&a);
	create(&b);
	enter(&a, VA, pa, RW);
	enter(&b, VA, pb, RW);
	memset(&mock_counts, 0, sizeof(mock_counts));
	for (unsigned i = 0; i < 20; i++) {
		activate(&a);
		assert_maps(VA, MOCK_READ, pa);
		activate(&b);
		assert_maps(VA, MOCK_READ, pb);
		activate(NULL);
		assert_faults(VA, MOCK_READ, MOCK_FAULT_TRANSLATION);
	}
	assert_int_equal(mock_counts.ttbr_writes, 60);
	/* Each CPU flushes nothing before the first roll-over. */
	assert_int_equal(mock_counts.tlbi_va + mock_counts.tlbi_asid + mock_counts.tlbi_all, 0);
	assert_int_equal(mock_counts.tlbi_local, 0);
	destroy(&a);
	destroy(&b);
}

static void test_same_pmap_again_costs_nothing(void **state)
{
	struct pmap a;

	(void)state;
	create(&a);
	activate(&a);
	memset(&mock_counts, 0, sizeof(mock_counts));
	activate(&a);
	assert_int_equal(mock_counts.ttbr_writes, 0);
	assert_true(pmap_loaded(&a));
	activate(NULL);
	assert_false(pmap_loaded(&a));
	destroy(&a);
}

static void test_asids_are_distinct(void **state)
{
	struct pmap pm[16];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(pm); i++) {
		create(&pm[i]);
		assert_int_equal(asid_of(&pm[i]), 0);
		activate(&pm[i]);
		for (unsigned j = 0; j < i; j++)
			assert_int_not_equal(asid_of(&pm[i]), asid_of(&pm[j]));
	}
	for (unsigned i = 0; i < ARRAY_SIZE(pm); i++)
		destroy(&pm[i]);
}

/* More address spaces than ASIDs, over and over, on all CPUs; two of them run through every
 * roll-over. */
static void test_roll_over(void **state)
{
	struct pmap pm[300], runs[2];
	struct page *p[300], *r[2];
	unsigned cpu = 0;

	(void)state;
	small_asids();
	for (unsigned i = 0; i < 2; i++) {
		create(&runs[i]);
		r[i] = frame();
		enter(&runs[i], VA, r[i], RW);
		switch_on(2 + i, &runs[i]);
		assert_maps(VA, MOCK_READ, r[i]);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(pm); i++) {
		create(&pm[i]);
		p[i] = frame();
		enter(&pm[i], VA, p[i], RW);
	}
	for (unsigned n = 0; n < 2000; n++) {
		unsigned i = n * 7 % ARRAY_SIZE(pm);

		cpu = n % 3 == 0;
		switch_on(cpu, &pm[i]);
		assert_maps(VA, MOCK_WRITE, p[i]);
		if (n % 5 == 0)
			for (unsigned j = 0; j < 2; j++) {
				mock_on_cpu(2 + j);
				assert_maps(VA, MOCK_READ, r[j]);
			}
	}
	/* Invalidation reaches them under the ASID they kept. */
	for (unsigned j = 0; j < 2; j++) {
		mock_on_cpu(0);
		unmap(&runs[j], VA);
		mock_on_cpu(2 + j);
		assert_faults(VA, MOCK_READ, MOCK_FAULT_TRANSLATION);
	}
	for (cpu = 0; cpu < 4; cpu++)
		switch_on(cpu, NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(pm); i++)
		destroy(&pm[i]);
	destroy(&runs[0]);
	destroy(&runs[1]);
}

/* One address space on several CPUs keeps one ASID through a roll-over: a thread must see what
 * another's munmap did. */
static void test_threads_through_roll_over(void **state)
{
	struct pmap threads, pm[260];
	struct page *p;

	(void)state;
	small_asids();
	p = frame();
	create(&threads);
	enter(&threads, VA, p, RW);
	for (unsigned cpu = 1; cpu < 4; cpu++) {
		switch_on(cpu, &threads);
		assert_maps(VA, MOCK_READ, p);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(pm); i++) {
		create(&pm[i]);
		switch_on(0, &pm[i]);
	}
	switch_on(1, &pm[0]);
	switch_on(1, &threads); /* renewed here, still running elsewhere */
	assert_maps(VA, MOCK_READ, p);
	unmap(&threads, VA);
	for (unsigned cpu = 1; cpu < 4; cpu++) {
		mock_on_cpu(cpu);
		assert_faults(VA, MOCK_READ, MOCK_FAULT_TRANSLATION);
	}
	for (unsigned cpu = 0; cpu < 4; cpu++)
		switch_on(cpu, NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(pm); i++)
		destroy(&pm[i]);
	destroy(&threads);
}

static void test_activate_needs_interrupts_off(void **state)
{
	struct pmap a;

	(void)state;
	create(&a);
	mock_expect_panic("hw_irqs_off", pmap_activate(&a));
	destroy(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_switch_without_flush),      TEST(test_same_pmap_again_costs_nothing),
		TEST(test_asids_are_distinct),        TEST(test_roll_over),
		TEST(test_threads_through_roll_over), TEST(test_activate_needs_interrupts_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
