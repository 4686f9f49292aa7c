// SPDX-License-Identifier: MIT
// SOURCES: mm/memcg.c mm/memcg_frames.c mm/slab.c mm/slab_cache.c mm/slab_debug.c mm/magazine.c mm/kmalloc.c mm/buddy.c mm/pcp.c mm/zeropool.c mm/page.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c
// DEFINES: CONFIG_DEBUG=1 FRAME_HOOKS=<mock_frame_hooks.h>
// Who pays for frames, over the real allocator: random sequences of charges, moves and removals
// against the sums that must hold; limits, protection, numbers of groups.
#include "tests/unit/mm/memcg_test.h"

#include "mm/memcg_internal.h"
#include "mm/reclaim.h"

/* ---- Exact sums ---- */

#define HELD 64

struct model {
	struct page *pages[HELD];
	void *objects[HELD], *blocks[HELD];
	int tasks[GROUPS];
};

static struct kmem_cache *cache;

static void step(struct model *m)
{
	unsigned at = (unsigned)rand() % HELD, g = (unsigned)rand() % GROUPS;

	switch (rand() % 7) {
	case 0:
	case 1:
		if (m->pages[at] != NULL) {
			page_put(m->pages[at]);
			m->pages[at] = NULL;
		} else {
			m->pages[at] = page_alloc(ALLOC_USER | ALLOC_ZERO);
		}
		break;
	case 2:
		if (m->objects[at] != NULL)
			kmem_cache_free(cache, m->objects[at]);
		m->objects[at] = m->objects[at] != NULL ? NULL : kmem_cache_alloc(cache, 0);
		break;
	case 6:
		if (at % 8 != 0)
			break;
		kfree(m->blocks[at]);
		m->blocks[at] =
			m->blocks[at] != NULL ? NULL : kmalloc(3 * PAGE_SIZE << rand() % 3, 0);
		break;
	case 3:
		if (groups[g].id != 0) {
			memcg_tasks_add(&groups[g], m->tasks[g] > 0 ? -1 : 1);
			m->tasks[g] += m->tasks[g] > 0 ? -1 : 1;
		}
		break;
	case 4: pay(rand() % 4 == 0 ? NULL : &groups[g]); break;
	default:
		if (groups[g].id != 0)
			memcg_set_limit(&groups[g], rand() & 1 ? &groups[g].min : &groups[g].low,
					(uint32_t)rand() % 8);
	}
}

static void drop_all(struct model *m)
{
	for (unsigned i = 0; i < HELD; i++) {
		if (m->pages[i] != NULL)
			page_put(m->pages[i]);
		if (m->objects[i] != NULL)
			kmem_cache_free(cache, m->objects[i]);
		kfree(m->blocks[i]);
	}
	for (unsigned g = 0; g < GROUPS; g++)
		memcg_tasks_add(&groups[g], -m->tasks[g]);
}

/* Whatever happens in whatever order, numbers and frames agree, and removing groups leaf by leaf
 * moves the rest upwards. */
static void test_exact(void **state)
{
	struct model m = { 0 };

	(void)state;
	srand(5);
	cache = kmem_cache_create("some", 1000, 8);
	for (unsigned i = 0; i < 4000; i++) {
		step(&m);
		if (i % 16 == 0)
			assert_true(memcg_check());
	}
	for (unsigned g = 0; g < GROUPS; g++) {
		memcg_tasks_add(&groups[g], -m.tasks[g]);
		m.tasks[g] = 0;
	}
	pay(NULL);
	groups[2].oom_group = 1;
	memcg_close(&groups[2]);
	assert_int_equal(groups[2].oom_group, 0); /* nobody could take that back */
	assert_true(memcg_check());
	memcg_close(&groups[3]);
	assert_int_equal(groups[0].usage, groups[0].own + groups[1].usage);
	memcg_close(&groups[4]);
	assert_true(memcg_check());
	drop_all(&m);
	for (unsigned g = 0; g < GROUPS; g++)
		groups[g].tasks = 0;
	slab_reap();
	assert_true(memcg_check());
	kmem_cache_destroy(cache);
}

/* What the kernel needs for a task in blocks is its group's, though no limit refuses it; what is
 * the machine's is nobody's. */
static void test_block(void **state)
{
	void *block, *machines;

	(void)state;
	memcg_set_limit(&groups[0], &groups[0].max, 4);
	pay(&groups[2]);
	block = kmalloc(5 * PAGE_SIZE, ALLOC_ZERO);
	assert_int_equal(groups[0].usage, 8);
	assert_int_equal(groups[2].own, 8);
	assert_int_equal(current()->memory_over, 8); /* for the way to user mode */
	current()->memory_over = 0;
	machines = kmalloc(5 * PAGE_SIZE, ALLOC_PAID);
	assert_int_equal(groups[2].own, 8);
	assert_true(memcg_check());
	memcg_close(&groups[2]);
	assert_int_equal(groups[1].own, 8);
	kfree(machines);
	kfree(block);
	assert_int_equal(groups[0].usage, 0);
	assert_true(memcg_check());
}

/* A run of frames is charged as a whole or not at all. */
static void test_run(void **state)
{
	struct page *p;

	(void)state;
	memcg_set_limit(&groups[4], &groups[4].max, 20);
	pay(&groups[4]);
	p = page_alloc_spare(4);
	assert_non_null(p);
	assert_int_equal(groups[4].usage, 16);
	assert_null(page_alloc_spare(4));
	assert_int_equal(groups[4].usage, 16);
	for (unsigned i = 0; i < 16; i++)
		page_put(p + i);
	assert_int_equal(groups[4].usage, 0);
	assert_int_equal(groups[4].peak, 16);
}

/* ---- Limits ---- */

static void test_max(void **state)
{
	struct page *a, *b;

	(void)state;
	memcg_set_limit(&groups[0], &groups[0].max, 1);
	pay(&groups[2]);
	a = page_alloc(ALLOC_USER);
	assert_int_equal(groups[0].usage, 1);
	assert_null(page_alloc(ALLOC_USER | ALLOC_NOWAIT));
	assert_int_equal(rooms_asked, 0);
	assert_null(page_alloc(ALLOC_USER));
	assert_int_equal(rooms_asked, 1);
	room_frees = a; /* somebody's end */
	b = page_alloc(ALLOC_USER);
	assert_non_null(b);
	assert_int_equal(rooms_asked, 2);
	assert_int_equal(groups[0].usage, 1);
	/* The kernel's own is not refused, but remembered. */
	memcg_tasks_add(&groups[2], 1);
	assert_int_equal(groups[0].usage, 1 + MEMCG_TASK_FRAMES);
	memcg_tasks_add(&groups[2], -1);
	page_put(b);
	assert_int_equal(groups[0].usage, 0);
}

/* Who asks for a page that its group may not have was the last to grow; a group with next to
 * nothing left, or one above it, knows. */
static void test_tight(void **state)
{
	(void)state;
	pay(NULL);
	assert_false(memcg_tight());
	pay(&groups[2]);
	memcg_set_limit(&groups[0], &groups[0].max, 2000);
	assert_false(memcg_tight());
	memcg_set_limit(&groups[0], &groups[0].max, 100);
	assert_true(memcg_tight());
	memcg_set_limit(&groups[0], &groups[0].max, MEMCG_NO_LIMIT);
	memcg_set_limit(&groups[2], &groups[2].high, 0);
	assert_true(memcg_tight());
	current()->grew = 0;
	memcg_set_limit(&groups[2], &groups[2].max, 0);
	mock_time_advance(NSEC_PER_SEC);
	assert_null(page_alloc(ALLOC_USER));
	assert_int_equal(current()->grew, 0);
	assert_null(page_alloc(ALLOC_USER | ALLOC_GROWS));
	assert_true(current()->grew >= NSEC_PER_SEC);
}

/* Who must not wait exceeds max, and its group hears of it on the way to user mode. */
static void test_exceed(void **state)
{
	struct page *p;

	(void)state;
	memcg_set_limit(&groups[4], &groups[4].max, 0);
	pay(&groups[4]);
	current()->sched.prio = PRIO_RT_MIN;
	p = page_alloc(ALLOC_USER);
	assert_non_null(p);
	assert_int_equal(rooms_asked, 0);
	assert_int_equal(groups[4].usage, 1);
	assert_true(current()->memory_over);
	assert_true(current()->hot.pending & TASK_WORK);
	current()->memory_over = false;
	current()->hot.pending = 0;
	current()->sched.prio = PRIO_FAIR;
	page_put(p);
}

static void test_high(void **state)
{
	struct page *p, *q;

	(void)state;
	memcg_set_limit(&groups[0], &groups[0].high, 1);
	pay(&groups[1]);
	p = page_alloc(ALLOC_USER);
	assert_false(current()->memory_over);
	q = page_alloc(ALLOC_USER);
	assert_true(current()->memory_over);
	current()->memory_over = false;
	current()->hot.pending = 0;
	page_put(p);
	page_put(q);
}

/* A call that takes much beyond high does not get all of it first; but who must not wait does. */
static void test_high_in_a_call(void **state)
{
	static struct page *pages[4 * 128];
	const unsigned n = sizeof(pages) / sizeof(pages[0]);

	(void)state;
	memcg_set_limit(&groups[0], &groups[0].high, 1);
	pay(&groups[1]);
	for (unsigned i = 0; i < n; i++) {
		current()->sched.prio = i < 3 * 128 ? PRIO_FAIR : PRIO_RT_MIN;
		/* What was got without waiting counts with the next that may wait. */
		pages[i] = page_alloc(ALLOC_USER | (i / 128 == 1 ? ALLOC_NOWAIT : 0));
		assert_non_null(pages[i]);
		assert_int_equal(relieved, i < 2 * 128 ? 0 : 1);
	}
	current()->sched.prio = PRIO_FAIR;
	current()->memory_over = current()->memory_relieved = 0;
	current()->hot.pending = 0;
	for (unsigned i = 0; i < n; i++)
		page_put(pages[i]);
}

/* An allocation that fails gives its charge back. */
static void test_no_frame(void **state)
{
	(void)state;
	pay(&groups[4]);
	mock_fail_allocation(1);
	assert_null(page_alloc(ALLOC_USER | ALLOC_NOWAIT));
	mock_fail_allocation(0);
	assert_int_equal(groups[4].usage, 0);
	assert_int_equal(groups[4].own, 0);
}

/* ---- Protection ---- */

static unsigned woken;

static void count_wakes(struct watcher *w)
{
	(void)w;
	woken++;
}

static void test_protection(void **state)
{
	struct watcher watcher = { .notify = count_wakes };
	struct page *pages[40];

	(void)state;
	reclaim_rounds = 1;
	waitq_watch(&memcg_event_wait, &watcher);
	charged(&groups[2], 10, pages);
	charged(&groups[3], 10, pages + 10);
	charged(&groups[4], 10, pages + 20);
	assert_false(memcg_spares(groups[4].id, NULL, false));
	memcg_set_limit(&groups[4], &groups[4].low, 10);
	assert_true(memcg_spares(groups[4].id, NULL, false));
	assert_false(memcg_spares(groups[4].id, NULL, true));
	assert_int_equal(groups[4].events[MEMCG_LOW], 1);
	/* Once in a round, however many pages, and who polls is told. */
	woken = 0;
	assert_false(memcg_spares(groups[4].id, NULL, true));
	assert_int_equal(groups[4].events[MEMCG_LOW], 1);
	assert_int_equal(woken, 0);
	reclaim_rounds++;
	assert_true(memcg_spares(groups[4].id, NULL, false));
	assert_int_equal(woken, 0);
	assert_false(memcg_spares(groups[4].id, NULL, true));
	assert_int_equal(groups[4].events[MEMCG_LOW], 2);
	assert_int_equal(groups[4].own_events[MEMCG_LOW], 2);
	assert_int_equal(woken, 1);
	waitq_unwatch(&memcg_event_wait, &watcher);
	memcg_set_limit(&groups[4], &groups[4].min, 9);
	assert_false(memcg_spares(groups[4].id, NULL, true));
	page_put(pages[29]);
	assert_true(memcg_spares(groups[4].id, NULL, true));
	assert_false(memcg_spares(groups[4].id, &groups[4], true)); /* its own limit */

	/* 1 and 3 ask for all they have, 20, of the 12 that 0 has: neither can be spared, each may
	 * shrink to 6. */
	memcg_set_limit(&groups[0], &groups[0].min, 12);
	memcg_set_limit(&groups[1], &groups[1].min, 10);
	memcg_set_limit(&groups[3], &groups[3].min, 10);
	assert_false(memcg_spares(groups[3].id, NULL, true));
	assert_true(memcg_spares(groups[3].id, &groups[0], true));
	for (unsigned i = 10; i < 18; i++)
		page_put(pages[i]);
	assert_true(memcg_spares(groups[3].id, NULL, true)); /* 10 and 2 are 12 */
	memcg_set_limit(&groups[2], &groups[2].min, 10);
	assert_true(memcg_spares(groups[2].id, NULL, true));
	memcg_set_limit(&groups[1], &groups[1].min, 9);
	assert_false(memcg_spares(groups[2].id, NULL, true));
	assert_true(memcg_check());
	for (unsigned i = 0; i < 29; i++)
		if (i < 10 || i >= 18)
			page_put(pages[i]);
}

/* ---- Numbers ---- */

#define MANY 5000

static void test_numbers(void **state)
{
	struct memcg *many = calloc(MANY, sizeof(*many));
	unsigned n = 0;
	int err;

	(void)state;
	while ((err = memcg_open(&many[n], NULL, NULL)) == 0)
		n++;
	assert_int_equal(err, -ENOSPC);
	assert_int_equal(n, 4095 - GROUPS);
	memcg_close(&many[7]);
	assert_int_equal(memcg_open(&many[7], NULL, NULL), 0);
	while (n-- > 0)
		memcg_close(&many[n]);
	free(many);
}

static void test_swap(void **state)
{
	(void)state;
	memcg_set_limit(&groups[0], &groups[0].swap_max, 1);
	assert_true(memcg_swap_has_room(groups[2].id));
	assert_true(memcg_swap_charge(groups[2].id));
	assert_false(memcg_swap_has_room(groups[3].id));
	assert_true(memcg_swap_has_room(groups[4].id));
	assert_int_equal(groups[0].events[MEMCG_SWAP_MAX], 1);
	assert_int_equal(groups[0].own_events[MEMCG_SWAP_MAX], 1);
	assert_int_equal(groups[3].own_events[MEMCG_SWAP_FAIL], 1);
	assert_true(memcg_check());
	memcg_close(&groups[2]);
	assert_int_equal(groups[1].own_swap, 1);
	assert_true(memcg_check());
	memcg_swap_uncharge(groups[1].id);
	assert_int_equal(groups[0].swap, 0);
	assert_int_equal(groups[0].swap_peak, 1);
	assert_false(memcg_swap_charge(4000)); /* nobody's */
}

/* What swapoff brings back is the slot's group's, however little that may have; not what somebody
 * pays for already. */
static void test_brought_back(void **state)
{
	struct page *p;

	(void)state;
	memcg_set_limit(&groups[1], &groups[1].max, 0);
	pay(NULL);
	p = page_alloc(ALLOC_USER);
	memcg_charge_to(p, groups[2].id);
	assert_int_equal(page_group(p), groups[2].id);
	assert_int_equal(groups[1].usage, 1);
	memcg_charge_to(p, groups[3].id);
	assert_int_equal(groups[3].usage, 0);
	assert_true(memcg_check());
	page_free(p, 0);
	assert_int_equal(groups[1].usage, 0);
	p = page_alloc(ALLOC_USER);
	memcg_charge_to(p, 4000); /* gone */
	assert_int_equal(page_group(p), 0);
	page_free(p, 0);
	assert_true(memcg_check());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_exact),        TEST(test_block),          TEST(test_run),
		TEST(test_max),          TEST(test_exceed),         TEST(test_tight),
		TEST(test_high),         TEST(test_high_in_a_call), TEST(test_no_frame),
		TEST(test_protection),   TEST(test_numbers),        TEST(test_swap),
		TEST(test_brought_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
