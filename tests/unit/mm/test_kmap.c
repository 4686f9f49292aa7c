// SPDX-License-Identifier: MIT
// SOURCES: mm/kmap.c tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c
// Kernel stacks and windows over a kernel map that is a table of pages: alignment, guards, re-use,
// every frame refused in turn.
#include <stdlib.h>
#include <string.h>

#include "kernel/errno.h"
#include "mm/buddy.h"
#include "mm/kmap.h"
#include "mm/pmap.h"
#include "tests/mock/mock.h"

#define MAPPINGS 4096

static struct mapping {
	virt_addr_t va;
	phys_addr_t pa;
	enum kernel_prot prot;
} mappings[MAPPINGS];
static unsigned nmappings, tables;

static struct mapping *mapping_find(virt_addr_t va)
{
	for (unsigned i = 0; i < nmappings; i++)
		if (mappings[i].va == va)
			return &mappings[i];
	return NULL;
}

/* Takes a table now and then, as the real one does when it enters a new 2 MB. */
int pmap_kernel_map(virt_addr_t va, phys_addr_t pa, size_t size, enum kernel_prot prot,
		    phys_addr_t (*table_alloc)(void))
{
	if (tables <= (va - KERNEL_MAP_BASE) >> 21 && tables < 4) {
		phys_addr_t table = table_alloc();

		if (table == 0)
			return -ENOMEM;
		assert_int_equal(phys_to_page(table)->type, PAGE_TABLE);
		tables++;
	}
	for (size_t i = 0; i < size; i += PAGE_SIZE) {
		assert_null(mapping_find(va + i));
		assert_true(nmappings < MAPPINGS);
		mappings[nmappings++] = (struct mapping){ va + i, pa + i, prot };
	}
	return 0;
}

void pmap_kernel_unmap(virt_addr_t va, size_t size)
{
	for (size_t i = 0; i < size; i += PAGE_SIZE) {
		struct mapping *m = mapping_find(va + i);

		assert_non_null(m);
		assert_int_equal(phys_to_page(m->pa)->type,
				 PAGE_KERNEL); /* not freed before it is unmapped */
		*m = mappings[--nmappings];
	}
}

bool pmap_kernel_lookup(virt_addr_t va, phys_addr_t *pa)
{
	struct mapping *m = mapping_find(va);

	if (m != NULL)
		*pa = m->pa;
	return m != NULL;
}

static int setup(void **state)
{
	mock_setup(state);
	nmappings = tables = 0;
	kmap_init();
	return 0;
}

static void check_stack(virt_addr_t stack)
{
	assert_int_equal(stack % (2 * KSTACK_SIZE), KSTACK_SIZE);
	for (size_t i = 0; i < KSTACK_SIZE; i += PAGE_SIZE) {
		struct mapping *m = mapping_find(stack + i);

		assert_non_null(m);
		assert_int_equal(m->prot, KERNEL_RW);
		assert_null(mapping_find(stack - KSTACK_SIZE + i));
	}
}

static void test_stacks(void **state)
{
	virt_addr_t stacks[100];
	uint32_t before = frames_free();

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 100; i++) {
			stacks[i] = kstack_alloc();
			assert_true(stacks[i] != 0);
			check_stack(stacks[i]);
			/* Slots are used again, lowest first. */
			assert_true(stacks[i] < KERNEL_MAP_BASE + 100 * 2 * KSTACK_SIZE);
			for (unsigned j = 0; j < i; j++)
				assert_true(stacks[i] != stacks[j]);
		}
		assert_int_equal(kstack_frames(), 400);
		assert_int_equal(before - frames_free(), 400 + tables);
		for (unsigned i = 0; i < 100; i++)
			kstack_free(stacks[i]);
		assert_int_equal(kstack_frames(), 0);
		assert_int_equal(before - frames_free(), tables);
	}
}

static void test_no_memory(void **state)
{
	virt_addr_t stacks[20];
	bool failed;

	(void)state;
	do {
		static unsigned n;
		uint32_t before = frames_free() + tables + kstack_frames();
		unsigned got = 0;

		mock_fail_allocation(++n);
		for (unsigned i = 0; i < 20; i++)
			if ((stacks[got] = kstack_alloc()) != 0)
				check_stack(stacks[got++]);
		for (unsigned i = 0; i < got; i++)
			assert_true(stacks[i] < KERNEL_MAP_BASE + 20 * 2 * KSTACK_SIZE);
		failed = mock_failed_allocation();
		assert_true(got == 20 || (failed && got == 19));
		assert_int_equal(before, frames_free() + tables + kstack_frames());
		assert_int_equal(kstack_frames(), got * 4);
		while (got > 0)
			kstack_free(stacks[--got]);
	} while (failed);
	mock_fail_allocation(0);
}

static void test_windows(void **state)
{
	virt_addr_t a = kmap_device(0x09000010, 0x18), b = kmap_device(0x09000ffc, 8);
	virt_addr_t c;

	(void)state;
	assert_int_equal(a % PAGE_SIZE, 0x10);
	assert_int_equal(mapping_find(a & PAGE_MASK)->pa, 0x09000000);
	assert_int_equal(mapping_find(a & PAGE_MASK)->prot, KERNEL_DEVICE);
	assert_int_equal(b % PAGE_SIZE, 0xffc);
	assert_int_equal(mapping_find((b & PAGE_MASK) + PAGE_SIZE)->pa, 0x09001000);
	assert_null(mapping_find((a & PAGE_MASK) + PAGE_SIZE)); /* the guard */
	assert_true((b & PAGE_MASK) >= (a & PAGE_MASK) + 2 * PAGE_SIZE);
	c = kmap_reserve(3 * PAGE_SIZE, 1 << 21);
	assert_true(c != 0 && IS_ALIGNED(c, (virt_addr_t)1 << 21));
	assert_int_equal(kmap_reserve(KERNEL_MAP_SIZE, PAGE_SIZE), 0);
	assert_int_equal(kmap_reserve(SIZE_MAX, PAGE_SIZE), 0);
	assert_int_equal(kmap_device(UINT64_MAX - 10, 20), 0);
	assert_int_equal(kmap_device(0x1000, 0), 0);
	assert_true(kmap_reserve(KERNEL_MAP_SIZE / 2, PAGE_SIZE) != 0);
	assert_int_equal(kmap_reserve(KERNEL_MAP_SIZE / 2, PAGE_SIZE), 0);
}

static void test_bad_free(void **state)
{
	virt_addr_t stack = kstack_alloc();

	(void)state;
	mock_expect_panic("assertion failed", kstack_free(stack + 16));
	mock_expect_panic("assertion failed", kstack_free(0));
	kstack_free(stack);
	kstack_free(KERNEL_MAP_BASE + KERNEL_MAP_SIZE + KSTACK_SIZE); /* the boot stack stays */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, mock_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_stacks),
		TEST(test_no_memory),
		TEST(test_windows),
		TEST(test_bad_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
