// SPDX-License-Identifier: MIT
// SOURCES: mm/page.c tests/mock/machine.c tests/mock/kernel.c
// References to a frame: who frees it, what is asked of the LRU and the swap cache; waiting for
// contents.
#include <pthread.h>
#include <string.h>

#include "kernel/errno.h"
#include "mm/buddy.h"
#include "mm/frames.h"
#include "mm/lru.h"
#include "mm/swap.h"
#include "tests/mock/mock.h"

static struct page *freed, *lru_removed, *trimmed;
static unsigned frees;

struct page *page_alloc(unsigned flags)
{
	struct page *p = pfn_to_page(mock_first_pfn());

	assert_true(flags & ALLOC_ZERO);
	p->refs = 1;
	return p;
}

void page_free(struct page *p, unsigned order)
{
	assert_int_equal(order, 0);
	freed = p;
	frees++;
}

static unsigned zeroed;

void page_free_zeroed(struct page *p)
{
	zeroed++;
	page_free(p, 0);
}

void lru_remove(struct page *p)
{
	assert_ptr_not_equal(freed, p); /* off its list first */
	lru_removed = p;
	page_clear_flag(p, PAGE_LRU);
}

void lru_remove_batch(struct page **pages, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (page_flag(pages[i], PAGE_LRU))
			lru_remove(pages[i]);
}

void page_free_batch(struct page **pages, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		page_free(pages[i], 0);
}

void swap_cache_trim(struct page *p)
{
	trimmed = p;
}

static int setup(void **state)
{
	mock_setup(state);
	page_init();
	freed = lru_removed = trimmed = NULL;
	frees = 0;
	return 0;
}

static struct page *page_new(enum page_type type, unsigned flags, uint32_t refs)
{
	struct page *p = pfn_to_page(mock_first_pfn() + 5);

	*p = (struct page){ .type = (uint8_t)type, .flags = (uint16_t)flags, .refs = refs };
	return p;
}

static void test_put(void **state)
{
	struct page *p = page_new(PAGE_ANON, 0, 1);

	(void)state;
	page_get(p);
	page_put(p);
	assert_null(freed);
	assert_true(page_get_live(p));
	page_put(p);
	page_put(p);
	assert_ptr_equal(freed, p);
	assert_null(lru_removed);
	assert_false(page_get_live(p));
	mock_expect_panic("assertion failed", page_put(p));
}

/* Tables are counted, and tell whether they hold zeroes. */
static void test_put_tables(void **state)
{
	struct page *p[2];

	(void)state;
	for (unsigned batch = 0; batch < 2; batch++) {
		p[0] = page_new(PAGE_TABLE, PAGE_ZEROED, 1);
		p[1] = p[0] + 1;
		*p[1] = *p[0];
		p[1]->flags = 0;
		table_frames = 2;
		zeroed = frees = 0;
		if (batch)
			page_put_batch(p, 2);
		for (unsigned i = 0; i < 2 && !batch; i++)
			page_put(p[i]);
		assert_int_equal(zeroed, 1);
		assert_int_equal(frees, 2);
		assert_int_equal(table_frames, 0);
	}
}

static void test_put_from_lru(void **state)
{
	struct page *p = page_new(PAGE_FILE, PAGE_LRU | PAGE_ACTIVE, 1);

	(void)state;
	page_put(p);
	assert_ptr_equal(lru_removed, p);
	assert_ptr_equal(freed, p);
}

/* The swap cache is told when its own reference is the only one left, once. */
static void test_put_swap_cached(void **state)
{
	struct page *p = page_new(PAGE_ANON, PAGE_SWAPCACHE, 3);

	(void)state;
	page_put(p);
	assert_null(trimmed);
	page_put(p);
	assert_ptr_equal(trimmed, p);
	assert_null(freed);
}

/* Several at once: those whose last reference goes are freed, the others are not. */
static void test_put_batch(void **state)
{
	struct page *base = pfn_to_page(mock_first_pfn() + 5), *pages[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		pages[i] = base + i;
		base[i] = (struct page){ .type = PAGE_ANON, .refs = i == 1 ? 2 : 1 };
	}
	base[2].flags = PAGE_SWAPCACHE;
	base[2].refs = 2;
	base[3].flags = PAGE_LRU;
	page_put_batch(pages, 4);
	assert_int_equal(frees, 2);
	assert_ptr_equal(freed, base + 3);
	assert_ptr_equal(trimmed, base + 2);
	assert_int_equal(base[1].refs, 1);
	base[1].rmap = 8;
	pages[0] = base + 1;
	mock_expect_panic("assertion failed", page_put_batch(pages, 1));
}

/* A page whose only user has claimed it is nobody's to get, and goes with a batch. */
static void test_claim_last(void **state)
{
	struct page *base = pfn_to_page(mock_first_pfn() + 5), *pages[2] = { base, base + 1 };

	(void)state;
	base[0] = (struct page){ .type = PAGE_ANON, .refs = 1 };
	base[1] = (struct page){ .type = PAGE_ANON, .refs = 2 };
	assert_true(page_claim_last(&base[0]));
	assert_false(page_get_live(&base[0]));
	assert_false(page_claim_last(&base[1]));
	assert_int_equal(base[1].refs, 2);
	page_put_batch(pages, 2);
	assert_int_equal(frees, 1);
	assert_ptr_equal(freed, base);
	assert_int_equal(base[1].refs, 1);
}

static void test_put_mapped(void **state)
{
	struct page *p = page_new(PAGE_ANON, 0, 1);

	(void)state;
	p->rmap = 8; /* an entry still maps it */
	mock_expect_panic("assertion failed", page_put(p));
}

static void *get_and_put(void *arg)
{
	for (unsigned i = 0; i < 50000; i++)
		if (page_get_live(arg))
			page_put(arg);
	return NULL;
}

/* However the last put and others' page_get_live fall together, the frame is freed once. */
static void test_live_race(void **state)
{
	pthread_t threads[2];
	struct page *p = page_new(PAGE_ANON, 0, 1);

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, get_and_put, p);
	page_put(p);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(frees, 1);
	assert_int_equal(p->refs, 0);
}

/* ---- Waiting ---- */

static struct page *reading;
static bool reading_fails;

static void reader(void)
{
	page_end_reading(reading, reading_fails);
}

static void test_wait(void **state)
{
	struct page *p = reading = page_new(PAGE_ANON, PAGE_READING, 1);

	(void)state;
	mock_on_block = reader;
	reading_fails = false;
	assert_int_equal(page_wait_reading(p, p), 0);
	assert_int_equal(p->flags, 0);
	assert_int_equal(page_wait_reading(p, p), 0); /* nothing to wait for */
	page_set_flag(p, PAGE_READING);
	reading_fails = true;
	assert_int_equal(page_wait_reading(p, p), 0);
	assert_int_equal(p->flags, PAGE_ERROR);
	mock_expect_panic("assertion failed", page_end_reading(p, false));
}

static struct task *waiting;

static void kill_waiter(void)
{
	waiting->hot.pending |= TASK_KILLED;
}

static void test_wait_killed(void **state)
{
	struct page *p = page_new(PAGE_ANON, PAGE_READING, 1);

	(void)state;
	waiting = current();
	mock_on_block = kill_waiter;
	assert_int_equal(page_wait_reading(p, p), -EINTR);
	assert_int_equal(p->flags, PAGE_READING);
	current()->hot.pending = 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, mock_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_put),          TEST(test_put_tables),
		TEST(test_put_from_lru), TEST(test_put_swap_cached),
		TEST(test_put_batch),    TEST(test_put_mapped),
		TEST(test_claim_last),   TEST(test_live_race),
		TEST(test_wait),         TEST(test_wait_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
