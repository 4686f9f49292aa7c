// SPDX-License-Identifier: MIT
// SOURCES: mm/buddy.c mm/pcp.c mm/zeropool.c mm/page.c tests/mock/machine.c tests/mock/kernel.c
// DEFINES: CONFIG_DEBUG=1 FRAME_HOOKS=<mock_frame_hooks.h>
// Blocks, per-CPU lists, zero pool, watermarks and the slow path: random sequences against an owner
// per frame; the reserve; what happens when memory ends; two threads at once.
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/errno.h"
#include "mm/frames.h"
#include "tests/mock/mock.h"
#include "tests/unit/mm/no_lists.h"

static unsigned wakes, waits, freed_calls;
static int (*on_wait)(void);

void reclaim_wake(void)
{
	atomic_inc(&wakes);
}

int reclaim_wait_block(unsigned order, unsigned flags)
{
	(void)flags;
	assert_true(order > 0 && preemptible());
	return 0;
}

int reclaim_wait(unsigned flags)
{
	(void)flags;
	assert_true(preemptible());
	waits++;
	return on_wait ? on_wait() : -ENOMEM;
}

static unsigned claims, claimed_order;
static bool (*on_claim)(void);

bool reclaim_claim(unsigned flags)
{
	claimed_order = flags >> ALLOC_ORDER_SHIFT;
	assert_true(preemptible());
	claims++;
	return on_claim ? on_claim() : false;
}

void reclaim_frames_freed(void)
{
	atomic_inc(&freed_calls);
}

static uint32_t kept; /* while others wait */

uint32_t reclaim_kept_for_others(void)
{
	return kept;
}

/* RAM with a hole, ends that are not aligned, and a lone frame. */
static int setup(void **state)
{
	pfn_t first = mock_first_pfn();

	mock_setup(state);
	first = mock_first_pfn();
	buddy_forget();
	buddy_add_range(first + 3, first + 5000);
	buddy_add_range(first + 5003, first + 5004);
	buddy_add_range(first + 6000, mock_end_pfn());
	buddy_init();
	wakes = waits = freed_calls = 0;
	on_wait = NULL;
	on_claim = NULL;
	return 0;
}

/* Nothing leaked: everything but the zero page comes back, and merges into the largest blocks
 * again. */
static int teardown(void **state)
{
	uint32_t blocks[MAX_ORDER + 1];

	mock_on_cpu(0);
	pcp_drain_all();
	zeropool_drain();
	buddy_check();
	assert_int_equal(frames_free(), frames_total() - 1);
	page_free(zero_page, 0);
	pcp_drain_all();
	buddy_check();
	buddy_count(blocks);
	assert_int_equal(blocks[MAX_ORDER], 3 + 10); /* whole: 1024..4095 and 6144..16383 */
	return mock_teardown(state) ? -1 : 0;
}

/* Frames freed together, upwards, downwards and mixed, are blocks again as they were. */
static void test_batch(void **state)
{
	uint32_t before[MAX_ORDER + 1], after[MAX_ORDER + 1];
	struct page *pages[64];

	(void)state;
	pcp_drain_all();
	for (unsigned way = 0; way < 4; way++) {
		struct page *block;

		buddy_count(before);
		block = page_alloc_order(6, 0);
		assert_non_null(block);
		for (unsigned i = 0; i < 64; i++) {
			const unsigned at[] = { i, 63 - i, i ^ 5, (i + 21) % 64 };

			block[i].order = 0;
			pages[i] = block + at[way];
		}
		page_free_batch(pages, 64);
		buddy_count(after);
		buddy_check();
		assert_memory_equal(after, before, sizeof(after));
		assert_int_equal(pcp_count(), 0);
	}
}

/* What a CPU's list is refilled with comes off in order, so that it is freed in order. */
static void test_refill_order(void **state)
{
	struct page *odd[256], *p[BUDDY_BATCH];
	unsigned n = 0;

	(void)state;
	pcp_drain_all();
	while (n < 128 || pcp_count() > 0) { /* the small blocks go first */
		assert_true(n < ARRAY_SIZE(odd));
		odd[n++] = page_alloc(0);
	}
	for (unsigned i = 0; i < BUDDY_BATCH; i++) {
		p[i] = page_alloc(0);
		assert_ptr_equal(p[i], p[0] + i);
	}
	page_free_batch(p, BUDDY_BATCH);
	assert_int_equal(pcp_count(), BUDDY_BATCH); /* few enough to be kept */
	page_free_batch(odd, n);
}

static void test_watermarks(void **state)
{
	(void)state;
	assert_int_equal(frames_total(), 4997 + 1 + 10384);
	assert_int_equal(watermarks.min, 124); /* the root of 15382 */
	assert_true(watermarks.min < watermarks.low && watermarks.low < watermarks.high);
}

/* ---- Random sequences ---- */

struct held {
	struct page *page;
	unsigned order;
	uint64_t mark;
};

#define HELD_MAX 4000

static struct held held[HELD_MAX];
static unsigned nheld;
static uint8_t owned[1 << 15]; /* by frame, from the first on */

static void own(const struct page *p, unsigned order, bool take)
{
	pfn_t at = page_to_pfn(p) - mock_first_pfn();

	for (pfn_t i = at; i < at + (1u << order); i++) {
		assert_int_equal(owned[i], !take);
		owned[i] = take;
	}
}

static void check_zero(const struct page *p, unsigned order)
{
	const uint64_t *words = page_to_virt(p);

	for (size_t i = 0; i < (PAGE_SIZE << order) / 8; i += 61)
		assert_int_equal(words[i], 0);
}

static void take_one(unsigned order, unsigned flags)
{
	struct page *p = page_alloc_order(order, flags);

	if (p == NULL)
		return;
	assert_int_equal(p->type, PAGE_KERNEL);
	assert_int_equal(p->refs, 1);
	assert_int_equal(p->flags, 0);
	assert_int_equal(p->rmap, 0);
	assert_int_equal(p->order, order);
	assert_true(IS_ALIGNED(page_to_pfn(p), 1u << order));
	own(p, order, true);
	if (flags & ALLOC_ZERO)
		check_zero(p, order);
	memset(page_to_virt(p), 0x77, PAGE_SIZE << order);
	held[nheld] = (struct held){ p, order, (uint64_t)rand() };
	*(uint64_t *)page_to_virt(p) = held[nheld++].mark;
}

static void give_one(unsigned i)
{
	struct held h = held[i];

	held[i] = held[--nheld];
	assert_int_equal(*(uint64_t *)page_to_virt(h.page), h.mark);
	own(h.page, h.order, false);
	if (h.order == 0 && rand() % 2)
		page_put(h.page);
	else
		page_free(h.page, h.order);
}

static void give_batch(void)
{
	struct page *pages[20];
	unsigned n = 0;

	for (unsigned i = 0; i < nheld && n < 20; i++) {
		if (held[i].order != 0)
			continue;
		own(held[i].page, 0, false);
		pages[n++] = held[i].page;
		held[i--] = held[--nheld];
	}
	page_free_batch(pages, n);
}

static void random_step(unsigned greed)
{
	unsigned what = (unsigned)rand() % 100;

	mock_on_cpu((unsigned)rand() % 4);
	if (what < greed && nheld < HELD_MAX)
		take_one(rand() % 3 ? 0 : (unsigned)rand() % (MAX_ORDER + 1),
			 (rand() % 2 ? ALLOC_ZERO : 0) | (rand() % 2 ? ALLOC_NOWAIT : 0));
	else if (what == 98)
		buddy_zero_some();
	else if (what == 99)
		give_batch();
	else if (nheld > 0)
		give_one((unsigned)rand() % nheld);
}

static void test_random(void **state)
{
	uint32_t used = 0;

	(void)state;
	nheld = 0;
	memset(owned, 0, sizeof(owned));
	for (unsigned round = 0; round < 12; round++) {
		srand(round);
		for (unsigned i = 0; i < 1500; i++)
			random_step(round % 3 == 2 ? 30 : 75);
		buddy_check();
		used = 0;
		for (unsigned i = 0; i < nheld; i++)
			used += 1u << held[i].order;
		assert_int_equal(frames_free(), frames_total() - 1 - used);
	}
	while (nheld > 0)
		give_one(nheld - 1);
}

/* ---- Zero pool ---- */

static void test_zero_pool(void **state)
{
	struct page *p[40];
	uint32_t before = frames_free();

	(void)state;
	while (buddy_zero_some())
		;
	assert_int_equal(zeropool_count(), frames_total() / 64);
	assert_int_equal(frames_free(), before);
	for (unsigned i = 0; i < 40; i++) {
		p[i] = page_alloc(ALLOC_ZERO);
		assert_non_null(p[i]);
		check_zero(p[i], 0);
		assert_int_equal(p[i]->flags, 0);
	}
	assert_int_equal(zeropool_count(), frames_total() / 64 - 40);
	/* A dirty frame is not taken from the pool, and a freed one is not believed to be clean. */
	for (unsigned i = 0; i < 40; i++) {
		memset(page_to_virt(p[i]), 1, PAGE_SIZE);
		page_free(p[i], 0);
	}
	p[0] = page_alloc(0);
	assert_int_equal(zeropool_count(), frames_total() / 64 - 40);
	page_free(p[0], 0);
	zeropool_drain();
	for (unsigned i = 0; i < 40; i++) {
		p[i] = page_alloc(ALLOC_ZERO);
		check_zero(p[i], 0);
	}
	for (unsigned i = 0; i < 40; i++)
		page_free(p[i], 0);
	pcp_drain_all();
	buddy_check();
}

/* A frame that is freed full of zeroes is not cleared again, wherever it went meanwhile; nor are
 * others taken for it. */
static void test_freed_zeroed(void **state)
{
	struct page *p[60];

	(void)state;
	for (unsigned i = 0; i < 60; i++)
		p[i] = page_alloc(ALLOC_ZERO);
	for (unsigned i = 0; i < 60; i++)
		if (i % 3 == 0)
			memset(page_to_virt(p[i]), 1, PAGE_SIZE);
	for (unsigned i = 0; i < 60; i++)
		if (i % 3 == 0)
			page_free(p[i], 0);
		else
			page_free_zeroed(p[i]);
	assert_ptr_equal(p[0] = page_alloc(ALLOC_ZERO),
			 p[23]); /* the last of those that were kept */
	check_zero(p[0], 0);
	for (unsigned i = 1; i < 60; i++) {
		p[i] = page_alloc(ALLOC_ZERO);
		check_zero(p[i], 0);
		assert_int_equal(p[i]->flags, 0);
	}
	for (unsigned i = 0; i < 60; i++)
		page_free(p[i], 0);
	pcp_drain_all();
	buddy_check();
}

/* A block may have to be put together from pool frames; what was cleared is not cleared again, but
 * is clear. */
static void test_order_from_pool(void **state)
{
	struct chain rest[1024];
	unsigned n = 0;
	struct page *p;

	(void)state;
	pcp_drain_all();
	while (buddy_zero_some())
		;
	while ((rest[n] = buddy_take(BUDDY_BATCH, 0)).count > 0)
		n++;
	assert_int_equal(frames_free(), frames_total() / 64);
	p = page_alloc_order(3, ALLOC_ZERO | ALLOC_RESERVE);
	assert_non_null(p);
	check_zero(p, 3);
	memset(page_to_virt(p), 1, PAGE_SIZE << 3);
	page_free(p, 3);
	p = page_alloc_order(3, ALLOC_ZERO | ALLOC_RESERVE);
	check_zero(p, 3);
	page_free(p, 3);
	while (n > 0)
		buddy_give(&rest[--n]);
}

/* ---- The end of memory ---- */

static struct page *chain; /* linked through next: everything a test took */

static unsigned take_all(unsigned flags)
{
	unsigned n = 0;
	struct page *p;

	while ((p = page_alloc(flags)) != NULL) {
		p->rmap = (uintptr_t)chain;
		chain = p;
		n++;
	}
	return n;
}

static void give_n(unsigned n)
{
	while (n-- > 0 && chain != NULL) {
		struct page *p = chain;

		chain = (struct page *)p->rmap;
		p->rmap = 0;
		page_free(p, 0);
	}
}

/* Ordinary tasks leave `min`; each of the four privileges gets more, even what lies on other CPUs'
 * lists: all for the page daemon and by flag, all but the daemon's part for real-time tasks, and
 * victims leave what is real-time tasks' alone. */
static void reserve_is_for(uint32_t rt)
{
	struct task *t = current();
	uint32_t total, half, part;

	assert_int_equal(frames_reserve_rt(rt * 4), 0);
	total = frames_free();
	half = (watermarks.min - rt) / 2;
	part = (watermarks.min - rt) / 8;
	freed_calls = waits = wakes = 0;
	mock_on_cpu(1);
	page_free(page_alloc(0), 0); /* strands a batch there */
	mock_on_cpu(0);
	assert_int_equal(take_all(0), total - watermarks.min);
	assert_int_equal(frames_free(), watermarks.min);
	assert_true(waits == 1 && wakes > 0);
	give_n(30);
	kept = 20; /* ordinary tasks alone leave frames to who waits */
	assert_int_equal(take_all(0), 10);
	kept = 0;
	t->frame_due = true;
	assert_int_equal(take_all(0), 20);
	assert_true(t->frame_due); /* none came by waiting */
	t->oom_victim = true;
	assert_int_equal(take_all(0), watermarks.min - rt - half);
	t->oom_victim = false;
	t->sched.prio = PRIO_RT_MIN;
	assert_int_equal(take_all(0), rt + half - part);
	give_n(watermarks.min - part);
	assert_int_equal(take_all(0), watermarks.min - part);
	t->sched.prio = PRIO_FAIR;
	give_n(watermarks.min - part);
	assert_true(freed_calls >= watermarks.min - part);
	assert_null(page_alloc(ALLOC_NOWAIT));
	assert_int_equal(take_all(ALLOC_RESERVE | ALLOC_NOWAIT), watermarks.min);
	give_n(watermarks.min);
	t->memory_reserve = true;
	assert_int_equal(take_all(0), watermarks.min);
	t->memory_reserve = false;
	give_n(UINT32_MAX);
}

static void test_reserve(void **state)
{
	uint32_t min = watermarks.min;

	(void)state;
	reserve_is_for(0);
	reserve_is_for(300);
	assert_int_equal(watermarks.min, min + 300);
	assert_int_equal(watermarks.low, 2 * min + 300);
	assert_int_equal(frames_reserve_rt(frames_total() / 8 * 4 + 4), -EINVAL);
	assert_int_equal(frames_reserve_rt(UINT64_MAX), -EINVAL);
	assert_int_equal(watermarks.rt, 300);
	reserve_is_for(100);
	reserve_is_for(0);
	assert_int_equal(watermarks.min, min);
}

static bool others_give(void)
{
	give_n(1);
	return true;
}

static bool nothing_fits(void)
{
	return true;
}

/* A real-time task whose part has ended takes what others have, a frame at a time or some for a
 * block, and NULL when they have nothing. */
static void test_claims(void **state)
{
	struct task *t = current();
	struct page *p, *block;

	(void)state;
	take_all(ALLOC_RESERVE | ALLOC_NOWAIT);
	give_n((watermarks.min - watermarks.rt) / 8);
	t->sched.prio = PRIO_RT_MIN;
	on_claim = others_give;
	claims = 0;
	p = page_alloc(ALLOC_USER);
	assert_non_null(p);
	assert_int_equal(claims, 1);
	on_claim = NULL;
	assert_null(page_alloc(ALLOC_USER));
	assert_int_equal(claims, 2);
	assert_null(page_alloc(ALLOC_NOWAIT));
	assert_int_equal(claimed_order, 0);
	assert_null(page_alloc_order(1, ALLOC_NOWAIT));
	assert_int_equal(claims, 2);
	assert_null(page_alloc_order(2, 0));
	assert_int_equal(claims, 3);
	assert_int_equal(claimed_order, 2);
	/* What comes may lie apart: it takes more, but not for ever. */
	on_claim = nothing_fits;
	assert_null(page_alloc_order(1, 0));
	assert_in_range(claims, 3 + 8, 3 + 32);
	claims = 0;
	on_claim = others_give;
	block = page_alloc_order(1, 0);
	assert_non_null(block);
	assert_in_range(claims, 1, 32);
	page_free(block, 1);
	assert_int_equal(waits, 0);
	t->sched.prio = PRIO_FAIR;
	page_free(p, 0);
	give_n(UINT32_MAX);
}

/* A real-time task and the page daemon never wait; NOWAIT neither. */
static void test_no_waiting(void **state)
{
	struct task *t = current();

	(void)state;
	take_all(ALLOC_RESERVE | ALLOC_NOWAIT);
	assert_int_equal(waits, 0);
	t->sched.prio = PRIO_RT_MAX;
	assert_null(page_alloc(ALLOC_USER));
	t->sched.prio = PRIO_FAIR;
	t->memory_reserve = true;
	assert_null(page_alloc(0));
	t->memory_reserve = false;
	assert_null(page_alloc(ALLOC_NOWAIT));
	assert_null(page_alloc_order(3, ALLOC_NOWAIT));
	assert_int_equal(waits, 0);
	give_n(UINT32_MAX);
}

static int give_some(void)
{
	if (waits < 3)
		return 0; /* nothing yet: the allocator asks again */
	give_n(watermarks.low);
	return 0;
}

static void test_waits_for_reclaim(void **state)
{
	struct page *p;

	(void)state;
	take_all(0);
	waits = 0;
	on_wait = give_some;
	current()->frame_due = true;
	p = page_alloc(ALLOC_ZERO);
	assert_non_null(p);
	assert_int_equal(waits, 3);
	assert_false(current()->frame_due); /* it has it: the next it waits for like others */
	page_free(p, 0);
	give_n(UINT32_MAX);
}

/* Larger blocks give up after a bounded number of rounds, though reclaim always says "again". */
static int always_again(void)
{
	return 0;
}

static void test_order_gives_up(void **state)
{
	(void)state;
	take_all(0);
	waits = 0;
	on_wait = always_again;
	assert_null(page_alloc_order(2, 0));
	assert_true(waits > 0 && waits < 10);
	on_wait = NULL;
	give_n(UINT32_MAX);
	assert_null(page_alloc_order(MAX_ORDER + 1, 0));
}

/* A block is put together from frames that lay on the lists of other CPUs and in the pool. */
static void test_order_from_lists(void **state)
{
	struct page *p;

	(void)state;
	take_all(ALLOC_RESERVE | ALLOC_NOWAIT);
	for (unsigned cpu = 0; cpu < 4; cpu++) {
		mock_on_cpu(cpu);
		give_n(watermarks.high / 4 + 40);
	}
	mock_on_cpu(0);
	p = page_alloc_order(4, ALLOC_RESERVE);
	assert_non_null(p);
	page_free(p, 4);
	give_n(UINT32_MAX);
}

static void test_failure_on_request(void **state)
{
	(void)state;
	mock_fail_allocation(2);
	give_n(0);
	chain = page_alloc(0);
	assert_non_null(chain);
	assert_null(page_alloc_order(1, 0));
	assert_true(mock_failed_allocation());
	page_free(chain, 0);
	chain = NULL;
}

/* The boot files' frames: adopted as they are, later freed like any other. */
static void test_claim(void **state)
{
	pfn_t pfn = mock_first_pfn() + 5500;
	uint32_t total = frames_total(), before = frames_free();
	struct page *p = buddy_claim(pfn);

	(void)state;
	assert_int_equal(frames_total(), total + 1);
	assert_int_equal(frames_free(), before);
	assert_int_equal(p->refs, 1);
	page_put(p);
	assert_int_equal(frames_free(), before + 1);
	pcp_drain_all();
	buddy_check();
	mock_expect_panic("assertion failed", buddy_claim(pfn));
}

/* ---- Mistakes ---- */

static void test_double_free(void **state)
{
	struct page *p = page_alloc(0);

	(void)state;
	page_free(p, 0);
	mock_expect_panic("assertion failed", page_free(p, 0));
	mock_expect_panic("assertion failed", page_free(pfn_to_page(mock_first_pfn()), 0));
	mock_expect_panic("assertion failed", page_put(zero_page));
	zero_page->refs = 1;
}

/* ---- Several CPUs at once ---- */

/* While a frame goes to or from a CPU's list, which takes no lock of the buddy's, another CPU may
 * see its type and order in any mixture. Its buddy is freed in that moment: they must not merge. */
static void test_frame_on_its_way(void **state)
{
	struct page *pair = page_alloc_order(1, ALLOC_NOWAIT), *moving = pair + 1;
	static const uint8_t types[] = { PAGE_KERNEL, PAGE_FREE };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		moving->type = types[i];
		moving->order = 0;
		pair->type = PAGE_FREE;
		buddy_give_block(pair, 0);
		buddy_check();
		assert_int_equal(pair->type, PAGE_BUDDY);
		assert_int_equal(pair->order, 0);
		assert_ptr_equal(buddy_take_block(0, 0), pair);
	}
	pair->type = moving->type = PAGE_KERNEL;
	page_free(pair, 1);
}

static pthread_barrier_t start;
static unsigned running;

static void *worker(void *arg)
{
	struct page *mine[64] = { NULL };
	unsigned cpu = (unsigned)(uintptr_t)arg, seed = cpu;

	mock_on_cpu(cpu);
	pthread_barrier_wait(&start);
	for (unsigned i = 0; i < 150000; i++) {
		unsigned slot = (unsigned)rand_r(&seed) % 64;

		if (mine[slot] != NULL) {
			if (*(unsigned *)page_to_virt(mine[slot]) != cpu)
				abort(); /* given to two CPUs */
			page_free(mine[slot], 0);
			mine[slot] = NULL;
		} else if ((mine[slot] = page_alloc(ALLOC_NOWAIT)) != NULL) {
			*(unsigned *)page_to_virt(mine[slot]) = cpu;
		}
	}
	for (unsigned i = 0; i < 64; i++)
		if (mine[i] != NULL)
			page_free(mine[i], 0);
	atomic_fetch_add(&running, (unsigned)-1);
	return NULL;
}

static void yield_host(void)
{
	sched_yield();
}

static void test_threads(void **state)
{
	pthread_t threads[2];

	(void)state;
	pthread_barrier_init(&start, NULL, 3);
	running = 2;
	mock_on_relax = yield_host; /* there may be fewer host CPUs than threads */
	for (uintptr_t i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, worker, (void *)(i + 1));
	pthread_barrier_wait(&start);
	while (READ_ONCE(running) > 0)
		pcp_drain_all(); /* takes from lists that are being used */
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&start);
	buddy_check();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_batch),
		TEST(test_refill_order),
		TEST(test_watermarks),
		TEST(test_random),
		TEST(test_zero_pool),
		TEST(test_freed_zeroed),
		TEST(test_order_from_pool),
		TEST(test_reserve),
		TEST(test_claims),
		TEST(test_no_waiting),
		TEST(test_waits_for_reclaim),
		TEST(test_order_gives_up),
		TEST(test_order_from_lists),
		TEST(test_failure_on_request),
		TEST(test_double_free),
		TEST(test_frame_on_its_way),
		TEST(test_threads),
		TEST(test_claim),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
