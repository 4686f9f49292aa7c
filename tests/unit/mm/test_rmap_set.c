// SPDX-License-Identifier: MIT
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/slab.c
// DEFINES: CONFIG_DEBUG=1
// The set of entries behind a frame's word: against an array under random changes, its bounds at
// 60,000 entries, and what it does when memory is refused. The file itself is included, so that its
// chains can be looked at.
#include "mm/rmap_set.c"

#include <string.h>

#include "tests/mock/mock.h"
#include "tests/mock/objects.h"

#define MANY 60000u

static uintptr_t word, gone;
static bool in[MANY];
static unsigned count;

static int setup(void **state)
{
	mock_setup(state);
	mock_reset();
	if (chunk_cache == NULL)
		rmap_set_init();
	word = gone = 0;
	count = 0;
	memset(in, 0, sizeof(in));
	return 0;
}

/* Entries as they lie in leaf tables: the same index in many tables, or runs in one. */
static struct pte *pte_of(unsigned i)
{
	uintptr_t table = 0xffff000040000000 + (uintptr_t)(i % 240) * PAGE_SIZE;

	return (struct pte *)(table + i / 240 * 8);
}

static void add(unsigned i)
{
	assert_int_equal(rmap_set_add(&word, pte_of(i)), 0);
	in[i] = true;
	count++;
}

/* What sets gave up is freed for several at once, as the zap does. */
static void forget(void)
{
	rmap_set_free(gone);
	gone = 0;
}

static void take_out(struct pte *pte)
{
	static unsigned calls;

	rmap_set_remove(&word, pte, &gone);
	if (++calls % 16 == 0)
		forget();
}

static void assert_empty(void)
{
	forget();
	assert_int_equal(word, 0);
	assert_int_equal(rmap_lone_chunks, 0);
}

static void drop(unsigned i)
{
	take_out(pte_of(i));
	in[i] = false;
	count--;
}

/* Chunks in the longest chain, and tables on the longest way. */
static void measure(uintptr_t w, unsigned depth, unsigned *chunks, unsigned *tables)
{
	const struct rmap_table *t = table_of(w);
	unsigned n = 0;

	*tables = MAX(*tables, depth);
	if (t == NULL) {
		for (const struct rmap_chunk *c = chunk_of(w); c != NULL; c = chunk_next(c))
			n++;
		*chunks = MAX(*chunks, n);
		return;
	}
	assert_true(t->count > 0);
	measure(t->stray, depth + 1, chunks, tables);
	for (unsigned i = 0; i < TABLE_BUCKETS; i++)
		measure(t->bucket[i], depth + 1, chunks, tables);
}

static void assert_bounded(void)
{
	unsigned chunks = 0, tables = 0;

	measure(word, 0, &chunks, &tables);
	assert_in_range(chunks, 0, BEHIND_MAX + 1);
	assert_in_range(tables, 0, 3);
}

static void test_random(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (unsigned n = 0; n < 60000; n++) {
		unsigned i = (seed = seed * 1664525 + 1013904223) >> 8, range;

		range = n % 20000 < 12000 ? 2000 : 40; /* grow, and shrink */
		i %= range;
		if (in[i])
			drop(i);
		else
			add(i);
		assert_int_equal(rmap_set_count(word), count);
		assert_true((rmap_set_any(word) != NULL) == (count > 0));
		if (n % 20000 == 19999)
			for (unsigned k = 0; k < 2000; k++)
				if (in[k])
					drop(k);
	}
	assert_empty();
	assert_int_equal(mock_objects_out(), 0);
}

static void test_many(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		add(i);
	assert_int_equal(rmap_set_count(word), MANY);
	assert_bounded();
	for (unsigned i = 0; i < MANY / 2; i++) /* the oldest first */
		drop(i);
	assert_bounded();
	while (count > 0) {
		struct pte *pte = rmap_set_any(word);

		assert_non_null(pte);
		take_out(pte);
		count--;
	}
	assert_empty();
	assert_int_equal(mock_objects_out(), 0);
}

/* Small sets whole; of large ones, nearly all come up in the course of time (of an old chain, its
 * newest). */
static void test_sample(void **state)
{
	struct pte *ptes[21];
	unsigned seen = 0, n;

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		add(i);
	assert_int_equal(rmap_set_sample(word, ptes, 21), 20);
	for (unsigned i = 20; i < 500; i++)
		add(i);
	for (unsigned round = 0; round < 200; round++) {
		n = rmap_set_sample(word, ptes, 21);
		assert_in_range(n, 1, 21);
		for (unsigned k = 0; k < n; k++)
			for (unsigned i = 0; i < 500; i++)
				if (pte_of(i) == ptes[k] && in[i]) {
					in[i] = false;
					seen++;
				}
	}
	assert_true(seen > 400);
	for (unsigned i = 0; i < 500; i++)
		drop(i);
	assert_empty();
}

static void test_move(void **state)
{
	(void)state;
	for (unsigned size = 1; size <= 300; size += size < 10 ? 1 : 58) {
		for (unsigned i = 0; i < size; i++)
			add(i);
		for (unsigned i = 0; i < size; i++)
			assert_int_equal(rmap_set_move(&word, pte_of(i), pte_of(1000 + i)), 0);
		assert_int_equal(rmap_set_count(word), size);
		for (unsigned i = 0; i < size; i++)
			take_out(pte_of(1000 + i));
		assert_empty();
		count = 0;
	}
}

/* Every allocation refused once, and all of them: an addition happens or leaves no trace. */
static void test_no_memory(void **state)
{
	unsigned refused = 0;

	(void)state;
	for (unsigned i = 0; i < 400; i++) {
		mock_fail_allocation(1);
		if (rmap_set_add(&word, pte_of(i)) == 0) {
			in[i] = true;
			count++;
		} else {
			refused++;
			mock_fail_allocation(0);
			assert_int_equal(rmap_set_count(word), count);
			add(i);
		}
		mock_fail_allocation(0);
	}
	assert_true(refused > 0);
	assert_int_equal(rmap_set_count(word), 400);
	for (unsigned i = 0; i < 400; i++)
		drop(i);
	assert_empty();
	assert_int_equal(mock_objects_out(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_random, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_sample, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_move, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_no_memory, setup, mock_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
