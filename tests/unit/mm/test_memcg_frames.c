// SPDX-License-Identifier: MIT
// SOURCES: mm/memcg.c mm/memcg_frames.c mm/slab.c mm/slab_cache.c mm/slab_debug.c mm/magazine.c mm/kmalloc.c mm/buddy.c mm/pcp.c mm/zeropool.c mm/page.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c
// DEFINES: CONFIG_DEBUG=1 FRAME_HOOKS=<mock_frame_hooks.h>
// Frames by group: which are evicted for one, what memory.stat says of one. That none is lost when
// groups go, test_memcg.c shows.
#include "tests/unit/mm/memcg_test.h"

static void test_isolate(void **state)
{
	struct page *pages[40], *found[EVICT_BATCH];
	uint32_t left = memcg_span();
	unsigned n;

	(void)state;
	charged(&groups[1], 20, pages);
	charged(&groups[4], 20, pages + 20);
	for (unsigned i = 0; i < 40; i++) {
		pages[i]->type = PAGE_ANON;
		pages[i]->flags = PAGE_LRU;
	}
	n = memcg_isolate(&groups[0], found, EVICT_BATCH, &left);
	assert_int_equal(n, 20);
	assert_int_equal(left, 0);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(found[i]->u.lru.group, groups[1].id);
	left = memcg_span();
	assert_int_equal(memcg_isolate(&groups[0], found, EVICT_BATCH, &left), 0);
	for (unsigned i = 0; i < 40; i++) {
		pages[i]->flags = 0;
		page_put(pages[i]);
	}
}

/* The figures of memory.stat are of the group and those below alone. */
static void test_stat(void **state)
{
	struct page *pages[8];
	struct memcg_stat st;

	(void)state;
	charged(&groups[2], 3, pages);
	charged(&groups[0], 2, pages + 3);
	charged(&groups[5], 3, pages + 5);
	for (unsigned i = 0; i < 8; i++)
		pages[i]->type = PAGE_ANON;
	pages[3]->type = PAGE_TABLE;
	pages[4]->type = PAGE_FILE;
	memcg_tasks_add(&groups[1], 2);
	memcg_stat(&groups[0], &st);
	assert_int_equal(st.anon, 3);
	assert_int_equal(st.pagetables, 1);
	assert_int_equal(st.file, 1);
	assert_int_equal(st.shmem, 1);
	assert_int_equal(st.kernel_stack, 2 * MEMCG_TASK_FRAMES);
	memcg_tasks_add(&groups[1], -2);
	pages[3]->type = PAGE_KERNEL;
	for (unsigned i = 0; i < 8; i++)
		page_put(pages[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_isolate), TEST(test_stat) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
