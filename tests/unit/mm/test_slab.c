// SPDX-License-Identifier: MIT
// SOURCES: mm/slab.c mm/slab_cache.c mm/slab_debug.c mm/magazine.c mm/kmalloc.c mm/buddy.c mm/pcp.c mm/zeropool.c mm/page.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c
// DEFINES: CONFIG_DEBUG=1 FRAME_HOOKS=<mock_frame_hooks.h>
// Caches and kmalloc over the real buddy: random sequences with contents checked, every allocation
// failing in turn, all frames back at the end; and each mistake that the debug checks are there
// for.
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "mm/slab_impl.h"
#include "tests/unit/mm/slab_test.h"

static int teardown(void **state)
{
	slab_set_debug(false);
	mock_on_cpu(0);
	return slab_teardown(state);
}

struct object {
	void *p;
	size_t size;
	uint8_t fill;
	bool from_cache;
};

#define OBJECTS 600

static struct object objects[OBJECTS];
static unsigned count;
static struct kmem_cache *cache;

static size_t random_size(void)
{
	switch (rand() % 8) {
	case 0: return (size_t)rand() % 20000;
	case 1: return (size_t)rand() % 8193;
	default: return (size_t)rand() % 600;
	}
}

static void check_fill(const struct object *o)
{
	const uint8_t *b = o->p;

	for (size_t i = 0; i < o->size; i++)
		if (b[i] != o->fill)
			fail_msg("byte %zu of an object of %zu was overwritten", i, o->size);
}

static void take(bool from_cache, unsigned flags)
{
	struct object o = { .size = from_cache ? 200 : random_size(), .from_cache = from_cache };

	o.p = from_cache ? kmem_cache_alloc(cache, flags) : kmalloc(o.size, flags);
	if (o.p == NULL)
		return;
	assert_true(IS_ALIGNED((uintptr_t)o.p, from_cache ? 64 : 16));
	if (flags & ALLOC_ZERO)
		check_fill(&o);
	o.fill = (uint8_t)rand();
	memset(o.p, o.fill, o.size);
	objects[count++] = o;
}

static void give(unsigned i)
{
	struct object o = objects[i];

	objects[i] = objects[--count];
	check_fill(&o);
	if (o.from_cache)
		kmem_cache_free(cache, o.p);
	else
		kfree(o.p);
}

static void random_steps(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		mock_on_cpu((unsigned)rand() % 4);
		if (rand() % 100 < 52 && count < OBJECTS)
			take(rand() % 2,
			     (rand() % 2 ? ALLOC_ZERO : 0) | (rand() % 2 ? ALLOC_NOWAIT : 0));
		else if (count > 0)
			give((unsigned)rand() % count);
		if (i % 1000 == 0)
			slab_reap();
	}
	while (count > 0)
		give(count - 1);
}

static void random_run(bool debug)
{
	slab_set_debug(debug);
	slab_init(); /* the classes once more, with or without the checks */
	cache = kmem_cache_create("test", 200, 64);
	assert_non_null(cache);
	srand(debug);
	random_steps(debug ? 6000 : 20000);
	slab_reap();
	mock_on_cpu(0);
	kmem_cache_destroy(cache);
}

static void test_random(void **state)
{
	(void)state;
	random_run(false);
}

static void test_random_debug(void **state)
{
	(void)state;
	/* slab_init() anew forgets the caches made in slab_setup(), which hold no frames yet. */
	random_run(true);
}

/* Whoever forks under pressure gets single frames: no cache below 1.5 KB asks for more. */
static void test_single_frames(void **state)
{
	(void)state;
	for (size_t size = 8; size <= 1536; size += 8) {
		struct kmem_cache c;

		slab_cache_init(&c, "size", size, 0);
		assert_int_equal(c.order > 0, PAGE_SIZE % size > PAGE_SIZE / 4);
		assert_true(size > 1024 || c.order == 0);
	}
}

static void test_stats(void **state)
{
	struct kmem_cache *c = kmem_cache_create("stats", 1000, 0);
	void *p[9];
	struct slab_stats s;
	unsigned i = 0;

	(void)state;
	for (unsigned j = 0; j < 9; j++)
		p[j] = kmem_cache_alloc(c, 0);
	while (slab_stats(i, &s) && strcmp(s.name, "stats") != 0)
		i++;
	assert_string_equal(s.name, "stats");
	assert_int_equal(s.object_size, 1000);
	assert_int_equal(s.active, 9);
	assert_int_equal(s.frames_per_slab, 1);
	assert_int_equal(s.slabs, 3);
	assert_int_equal(s.total, 12);
	for (unsigned j = 0; j < 9; j++)
		kmem_cache_free(c, p[j]);
	assert_true(slab_stats(i, &s));
	assert_int_equal(s.active, 0);
	assert_false(slab_stats(1000, &s));
	slab_reap();
	assert_true(slab_stats(i, &s));
	assert_int_equal(s.slabs, 0);
	kmem_cache_destroy(c);
}

/* Sizes that fit frames badly get larger slabs, never more than an eighth of waste below the top
 * order. */
static void test_layout(void **state)
{
	(void)state;
	for (size_t size = 1; size <= 8192; size += 37) {
		struct kmem_cache *c = kmem_cache_create("layout", size, 0);
		size_t bytes = PAGE_SIZE << c->order;

		assert_true(c->per_slab > 0 && c->per_slab * c->stride <= bytes);
		if (c->order < SLAB_ORDER_MAX)
			assert_true(bytes - c->per_slab * c->stride <= bytes / 4);
		kmem_cache_destroy(c);
	}
}

/* The n-th frame refused, for every n: an error or success, never a leak (teardown counts). */
static void test_no_memory(void **state)
{
	(void)state;
	for (unsigned n = 1;; n++) {
		void *p[30];
		unsigned got = 0;

		slab_reap();
		mock_fail_allocation(n);
		struct kmem_cache *c = kmem_cache_create("failing", 700, 0);

		for (unsigned i = 0; c != NULL && i < 30; i++)
			if ((p[got] = kmem_cache_alloc(c, 0)) != NULL)
				got++;
		for (unsigned i = 0; i < got; i++)
			kmem_cache_free(c, p[i]);
		if (c != NULL)
			kmem_cache_destroy(c);
		kfree(kmalloc(100, 0));
		kfree(kmalloc(30000, 0));
		if (!mock_failed_allocation())
			break;
	}
	mock_fail_allocation(0);
	assert_null(kmalloc((size_t)64 << 20, 0)); /* larger than any block */
	assert_null(kmalloc(SIZE_MAX, 0));
}

static void test_kmalloc_edges(void **state)
{
	(void)state;
	slab_set_debug(true); /* whose red zones notice an object that is too small */
	slab_init();
	kfree(NULL);
	for (size_t size = 0; size < 9000; size++) {
		void *p = kmalloc(size, 0);

		assert_non_null(p);
		memset(p, 0xff, size);
		kfree(p);
	}
}

/* ---- Mistakes ---- */

static struct kmem_cache *debug_cache(size_t size)
{
	struct kmem_cache *c;

	slab_set_debug(true);
	c = kmem_cache_create("guarded", size, 0);
	slab_set_debug(false);
	assert_non_null(c);
	return c;
}

static void test_double_free(void **state)
{
	struct kmem_cache *c = debug_cache(40);
	void *p = kmem_cache_alloc(c, 0);

	(void)state;
	kmem_cache_free(c, p);
	mock_expect_panic("slab guarded: double free", kmem_cache_free(c, p));
	kmem_cache_destroy(c);
}

static void test_overrun(void **state)
{
	struct kmem_cache *c = debug_cache(41);
	char *p = kmem_cache_alloc(c, 0), saved;

	(void)state;
	saved = p[41];
	p[41] = 0; /* one byte, within the rounding */
	mock_expect_panic("slab guarded: overrun", kmem_cache_free(c, p));
	p[41] = saved;
	saved = p[-1];
	p[-1] = 0;
	mock_expect_panic("slab guarded: underrun", kmem_cache_free(c, p));
	p[-1] = saved;
	kmem_cache_free(c, p);
	kmem_cache_destroy(c);
}

static void test_write_after_free(void **state)
{
	struct kmem_cache *c = debug_cache(64);
	char *p = kmem_cache_alloc(c, 0);

	(void)state;
	kmem_cache_free(c, p);
	p[10] ^= 1;
	mock_expect_panic("slab guarded: write after free", (void)!kmem_cache_alloc(c, 0));
}

static void test_wrong_address(void **state)
{
	struct kmem_cache *c = debug_cache(64), *other = debug_cache(64);
	char *p = kmem_cache_alloc(c, 0);

	(void)state;
	mock_expect_panic("no object of it", kmem_cache_free(c, p + 8));
	mock_expect_panic("no object of it", kmem_cache_free(other, p));
	kmem_cache_free(c, p);
	mock_expect_panic("assertion failed", kfree((char *)page_to_virt(zero_page) + 8));
	kmem_cache_destroy(c);
	kmem_cache_destroy(other);
}

static void test_destroy_in_use(void **state)
{
	struct kmem_cache *c = kmem_cache_create("busy", 64, 0);

	(void)state;
	(void)!kmem_cache_alloc(c, 0);
	mock_expect_panic("slab busy: destroyed with", kmem_cache_destroy(c));
}

/* For tests that end in the middle of a panic: their object stays out. */
static int teardown_none(void **state)
{
	(void)state;
	return 0;
}

/* ---- Two CPUs at once ---- */

static unsigned running;

static void *worker(void *arg)
{
	unsigned cpu = (unsigned)(uintptr_t)arg, seed = cpu;
	uint32_t *mine[100] = { NULL };

	mock_on_cpu(cpu);
	for (unsigned i = 0; i < 200000; i++) {
		unsigned slot = (unsigned)rand_r(&seed) % 100;

		if (mine[slot] != NULL) {
			if (*mine[slot] != cpu * 1000 + slot)
				abort(); /* given to two owners */
			kmem_cache_free(cache, mine[slot]);
			mine[slot] = NULL;
		} else if ((mine[slot] = kmem_cache_alloc(cache, ALLOC_NOWAIT)) != NULL) {
			*mine[slot] = cpu * 1000 + slot;
		}
	}
	for (unsigned i = 0; i < 100; i++)
		if (mine[i] != NULL)
			kmem_cache_free(cache, mine[i]);
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
	cache = kmem_cache_create("threads", 96, 0);
	running = 2;
	mock_on_relax = yield_host; /* there may be fewer host CPUs than threads */
	for (uintptr_t i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, worker, (void *)(i + 1));
	while (READ_ONCE(running) > 0)
		slab_reap(); /* takes from magazines that are being used */
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	kmem_cache_destroy(cache);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, slab_setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_random),
		TEST(test_random_debug),
		TEST(test_single_frames),
		TEST(test_stats),
		TEST(test_layout),
		TEST(test_no_memory),
		TEST(test_kmalloc_edges),
		TEST(test_double_free),
		TEST(test_overrun),
		cmocka_unit_test_setup_teardown(test_write_after_free, slab_setup, teardown_none),
		TEST(test_wrong_address),
		cmocka_unit_test_setup_teardown(test_destroy_in_use, slab_setup, teardown_none),
		TEST(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
