// SPDX-License-Identifier: MIT
// SOURCES: kernel/lib/radix.c
// Random operations against a sorted array; nodes come from the host's heap through a stand-in for
// the cache.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernel/lib/radix.h"
#include "kernel/log.h"
#include "mm/slab.h"

static size_t node_size;
static int nodes_out;
static int fail_after = -1; /* allocations that still succeed; -1: all */

struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align)
{
	(void)name;
	(void)align;
	node_size = size;
	return (struct kmem_cache *)&node_size;
}

void kmem_cache_destroy(struct kmem_cache *c)
{
	(void)c;
	fail();
}

void *kmem_cache_alloc(struct kmem_cache *c, unsigned flags)
{
	assert_ptr_equal(c, &node_size);
	assert_true(flags & ALLOC_ZERO);
	if (fail_after == 0)
		return NULL;
	if (fail_after > 0)
		fail_after--;
	nodes_out++;
	return calloc(1, node_size);
}

void kmem_cache_free(struct kmem_cache *c, void *p)
{
	assert_ptr_equal(c, &node_size);
	nodes_out--;
	free(p);
}

void panic(const char *fmt, ...)
{
	print_error("panic: %s\n", fmt);
	abort();
}

void assert_failed(const char *what, int line)
{
	panic("assertion failed: %s:%d", what, line);
}

static uintptr_t set(struct radix *r, uint32_t index, uintptr_t word)
{
	struct radix_reserve res;
	uintptr_t old;

	assert_int_equal(radix_prepare(&res), 0);
	old = radix_set(r, index, word, &res);
	radix_unprepare(&res);
	return old;
}

#define WORDS 500

static struct {
	uint32_t index;
	uintptr_t word;
} model[WORDS];
static unsigned model_count;

static int model_find(uint32_t index)
{
	for (unsigned i = 0; i < model_count; i++)
		if (model[i].index == index)
			return (int)i;
	return -1;
}

static int by_index(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void compare_walk(const struct radix *r)
{
	uint32_t index = 0;
	uintptr_t word;

	qsort(model, model_count, sizeof(model[0]), by_index);
	for (unsigned i = 0; i < model_count; i++) {
		assert_true(radix_next(r, &index, &word));
		assert_int_equal(index, model[i].index);
		assert_int_equal(word, model[i].word);
		if (index == UINT32_MAX)
			return;
		index++;
	}
	assert_false(radix_next(r, &index, &word));
}

/* The first present index at or after a random one. */
static void compare_next(const struct radix *r, uint32_t from)
{
	uint64_t best = UINT64_MAX;
	uint32_t index = from;
	uintptr_t word;

	for (unsigned i = 0; i < model_count; i++)
		if (model[i].index >= from && model[i].index < best)
			best = model[i].index;
	assert_int_equal(radix_next(r, &index, &word), best != UINT64_MAX);
	if (best != UINT64_MAX)
		assert_int_equal(index, best);
}

/* Small indices, clusters, and anything. */
static uint32_t random_index(void)
{
	uint32_t any = (uint32_t)rand() << 16 ^ (uint32_t)rand();

	switch (rand() % 4) {
	case 0: return any % 100;
	case 1: return (any % 4) * 0x40000000u + any % 50;
	case 2: return UINT32_MAX - any % 70;
	default: return any;
	}
}

static void step(struct radix *r)
{
	uint32_t index = random_index();
	int i = model_find(index);
	uintptr_t old = i >= 0 ? model[i].word : 0, word = (uintptr_t)rand() + 1;

	assert_int_equal(radix_get(r, index), old);
	compare_next(r, index);
	if (rand() % 2 == 0) {
		assert_int_equal(radix_remove(r, index), old);
		if (i >= 0)
			model[i] = model[--model_count];
	} else if (i >= 0) {
		assert_int_equal(rand() % 2 ? set(r, index, word) : radix_replace(r, index, word),
				 old);
		model[i].word = word;
	} else if (model_count < WORDS) {
		assert_int_equal(set(r, index, word), 0);
		model[model_count].index = index;
		model[model_count++].word = word;
	}
}

static void test_random(void **state)
{
	struct radix r;

	(void)state;
	radix_init(&r);
	for (unsigned seed = 1; seed <= 5; seed++) {
		srand(seed);
		for (int i = 0; i < 5000; i++) {
			step(&r);
			if (i % 250 == 0)
				compare_walk(&r);
		}
		for (; model_count > 0; model_count--)
			assert_int_equal(radix_remove(&r, model[model_count - 1].index),
					 model[model_count - 1].word);
		assert_null(r.root);
		assert_int_equal(nodes_out, 0);
	}
}

static void test_one_page_costs_one_node(void **state)
{
	struct radix r;

	(void)state;
	radix_init(&r);
	set(&r, 0xdeadbeef, 7);
	assert_int_equal(nodes_out, 1);
	set(&r, 0, 8);
	assert_int_equal(nodes_out, 3); /* another leaf, and the fork above both */
	radix_remove(&r, 0xdeadbeef);
	assert_int_equal(nodes_out, 1);
	radix_remove(&r, 0);
	assert_int_equal(nodes_out, 0);
}

static void test_no_memory(void **state)
{
	struct radix_reserve res;

	(void)state;
	for (int n = 0; n < RADIX_RESERVE_NODES; n++) {
		fail_after = n;
		assert_int_equal(radix_prepare(&res), -12 /* ENOMEM */);
		assert_int_equal(nodes_out, 0);
	}
	fail_after = -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_one_page_costs_one_node),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
