// SPDX-License-Identifier: MIT
// SOURCES: mm/dma.c mm/buddy.c mm/pcp.c mm/zeropool.c mm/page.c tests/mock/machine.c tests/mock/kernel.c
// DEFINES: CONFIG_DEBUG=1
// Memory for devices that reach a part of RAM: found wherever it lies, and nothing else is kept.
#include "mm/dma.h"
#include "mm/frames.h"
#include "mm/memblock.h"
#include "tests/mock/mock.h"
#include "tests/unit/mm/no_reclaim.h"

static int setup(void **state)
{
	mock_setup(state);
	buddy_forget();
	buddy_add_range(mock_first_pfn(), mock_end_pfn());
	buddy_init();
	return 0;
}

bool memblock_ram(unsigned i, struct memblock_range *r)
{
	*r = (struct memblock_range){ MOCK_RAM_BASE + i * (mock_options.ram / 2),
				      mock_options.ram / 2 };
	return i < 2;
}

static void test_addresses(void **state)
{
	struct dma_reach r = { .base = MOCK_RAM_BASE + 4096, .size = 8192, .bus = 0xc0000000 };

	(void)state;
	assert_false(dma_reaches(&r, mock_ram + 4095, 1));
	assert_true(dma_reaches(&r, mock_ram + 4096, 8192));
	assert_false(dma_reaches(&r, mock_ram + 4097, 8192));
	assert_false(dma_reaches(&r, mock_ram + 12288, 1));
	assert_true(dma_address(&r, mock_ram + 5000) == 0xc0000000 + 904);
	assert_false(dma_reaches_all(&r));
	r = (struct dma_reach){ .base = MOCK_RAM_BASE, .size = mock_options.ram };
	assert_true(dma_reaches_all(&r));
	r.size--;
	assert_false(dma_reaches_all(&r));
	r = (struct dma_reach){ .size = UINT64_MAX };
	assert_true(dma_reaches_all(&r));
}

/* Every place of the reach, every order: within, and all but it is free again. */
static void test_alloc(void **state)
{
	(void)state;
	for (size_t at = 0; at < mock_options.ram; at += mock_options.ram / 4)
		for (unsigned order = 0; order < 8; order++) {
			struct dma_reach r = { .base = MOCK_RAM_BASE + at,
					       .size = mock_options.ram / 4 };
			uint32_t before = frames_free();
			struct page *p = dma_alloc(&r, order);

			assert_non_null(p);
			assert_true(dma_reaches(&r, page_to_virt(p), PAGE_SIZE << order));
			assert_int_equal(frames_free(), before - (1u << order));
			page_free(p, order);
			assert_int_equal(frames_free(), before);
			pcp_drain_all();
			buddy_check();
		}
}

static void test_none(void **state)
{
	struct dma_reach r = { .base = MOCK_RAM_BASE + MOCK_RAM_MAX, .size = 1 << 30 };
	uint32_t before = frames_free();

	(void)state;
	assert_null(dma_alloc(&r, 3));
	assert_int_equal(frames_free(), before);
	mock_fail_allocation(1);
	assert_null(dma_alloc(&r, 3));
	assert_int_equal(frames_free(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_addresses, mock_setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_alloc, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_none, setup, mock_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
