// SPDX-License-Identifier: MIT
// The lists: order, which list a page is on, isolation, and pages whose last reference has gone.
// SOURCES: mm/lru.c tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c arch/arm64/tlb.c arch/arm64/asid.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/mock/mock.h"

#include "mm/buddy.h"
#include "mm/replace/replace.h"
#include "mm/swap.h"

#define TEST(f) cmocka_unit_test_setup_teardown(f, mock_setup, mock_teardown)

static struct replacement policy = { .promotes = true };

const struct replacement *replacement(void)
{
	return &policy;
}

void vm_count(enum vm_event e, unsigned n)
{
	(void)e, (void)n;
}

static struct page *page_on_list(enum page_type type, unsigned flags)
{
	struct page *p = page_alloc(0);

	assert_non_null(p);
	p->type = (uint8_t)type;
	page_set_flag(p, flags);
	lru_add(p);
	return p;
}

static void page_gone(struct page *p)
{
	lru_remove(p);
	page_put(p);
}

static void assert_sizes(uint32_t ia, uint32_t aa, uint32_t in, uint32_t af, uint32_t un)
{
	struct lru_stats s;

	lru_stats(&s);
	assert_int_equal(s.inactive_anon, ia);
	assert_int_equal(s.active_anon, aa);
	assert_int_equal(s.inactive_file, in);
	assert_int_equal(s.active_file, af);
	assert_int_equal(s.unevictable, un);
}

static void test_which_list(void **state)
{
	struct page *p[5] = { page_on_list(PAGE_ANON, 0), page_on_list(PAGE_FILE, PAGE_ACTIVE),
			      page_on_list(PAGE_FILE, PAGE_DISK),
			      page_on_list(PAGE_FILE, PAGE_DISK | PAGE_ACTIVE),
			      page_on_list(PAGE_ANON, PAGE_UNEVICTABLE) };

	(void)state;
	assert_sizes(1, 1, 1, 1, 1);
	lru_set_unevictable(p[4], false);
	lru_set_unevictable(p[3], true);
	assert_sizes(2, 1, 1, 0, 1);
	lru_mark_accessed(p[2]);
	assert_sizes(2, 1, 1, 0, 1);
	policy.promotes = false;
	lru_mark_accessed(p[2]);
	assert_sizes(2, 1, 1, 0, 1);
	policy.promotes = true;
	lru_mark_accessed(p[2]);
	assert_sizes(2, 1, 0, 1, 1);
	for (unsigned i = 0; i < 5; i++)
		page_gone(p[i]);
	assert_sizes(0, 0, 0, 0, 0);
}

/* The oldest leave first; those put back are the youngest. */
static void test_order(void **state)
{
	struct page *p[40], *got[EVICT_BATCH];

	(void)state;
	for (unsigned i = 0; i < 40; i++)
		p[i] = page_on_list(PAGE_ANON, 0);
	assert_int_equal(lru_isolate(LRU_INACTIVE_ANON, got, EVICT_BATCH), EVICT_BATCH);
	for (unsigned i = 0; i < EVICT_BATCH; i++) {
		assert_ptr_equal(got[i], p[i]);
		assert_int_equal(got[i]->refs, 2);
		assert_false(page_flag(got[i], PAGE_LRU));
	}
	assert_sizes(40 - EVICT_BATCH, 0, 0, 0, 0);
	lru_set_unevictable(got[0], true); /* while isolated: where it returns to */
	lru_put_back(got, EVICT_BATCH);
	assert_sizes(39, 0, 0, 0, 1);
	assert_int_equal(lru_isolate(LRU_INACTIVE_ANON, got, EVICT_BATCH), EVICT_BATCH);
	assert_ptr_equal(got[0], p[32]);
	assert_ptr_equal(got[8], p[1]);
	lru_put_back(got, EVICT_BATCH);
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(p[i]->refs, 1);
		page_gone(p[i]);
	}
}

/* A page in the middle of page_put's last steps is left alone. */
static void test_dying_page(void **state)
{
	struct page *p = page_on_list(PAGE_ANON, 0), *q = page_on_list(PAGE_ANON, 0), *got[2];

	(void)state;
	p->refs = 0;
	assert_int_equal(lru_isolate(LRU_INACTIVE_ANON, got, 2), 1);
	assert_ptr_equal(got[0], q);
	assert_sizes(1, 0, 0, 0, 0);
	lru_remove(p);
	lru_remove(p); /* harmless */
	page_free(p, 0);
	lru_put_back(got, 1);
	page_gone(q);
}

/* Pages that leave together, some of them neighbours on a list, others not, or on none: what stays
 * is in order. */
static void test_batch(void **state)
{
	struct page *p[24], *gone[24], *left[24];
	unsigned n = 0, stay = 0;

	(void)state;
	for (unsigned i = 0; i < 24; i++)
		p[i] = page_on_list(PAGE_ANON, i == 7 ? PAGE_ACTIVE : 0);
	lru_remove(p[20]);
	for (unsigned i = 0; i < 24; i++)
		if (i != 3 && i != 12)
			gone[n++] = p[i];
	gone[0] = p[1]; /* out of order */
	gone[1] = p[0];
	for (unsigned i = 0; i < n; i++)
		gone[i]->refs = 0;
	lru_remove_batch(gone, n);
	assert_sizes(2, 0, 0, 0, 0);
	for (unsigned i = 0; i < n; i++)
		assert_false(page_flag(gone[i], PAGE_LRU));
	assert_true(page_flag(p[7], PAGE_ACTIVE));
	stay = lru_isolate(LRU_INACTIVE_ANON, left, 24);
	assert_int_equal(stay, 2);
	assert_ptr_equal(left[0], p[3]);
	assert_ptr_equal(left[1], p[12]);
	for (unsigned i = 0; i < stay; i++) {
		page_put(left[i]);
		page_put(left[i]);
	}
	for (unsigned i = 0; i < n; i++)
		page_free(gone[i], 0);
}

static void test_one_page(void **state)
{
	struct page *p = page_on_list(PAGE_ANON, 0), *q = page_on_list(PAGE_ANON, PAGE_UNEVICTABLE);

	(void)state;
	assert_true(lru_isolate_page(p));
	assert_int_equal(p->refs, 2);
	assert_false(lru_isolate_page(p));
	assert_false(lru_isolate_page(q));
	assert_sizes(0, 0, 0, 0, 1);
	lru_put_back(&p, 1);
	assert_sizes(1, 0, 0, 0, 1);
	page_gone(p);
	page_gone(q);
}

static void test_random(void **state)
{
	struct page *p[64];
	uint32_t seed = 7;

	(void)state;
	for (unsigned i = 0; i < 64; i++)
		p[i] = page_on_list(PAGE_FILE, i % 2 ? 0 : PAGE_DISK);
	for (unsigned i = 0; i < 5000; i++) {
		struct page *got[EVICT_BATCH], *one = p[(seed >> 8) % 64];
		unsigned n;

		seed = seed * 1664525 + 1013904223;
		switch ((seed >> 24) % 4) {
		case 0: lru_mark_accessed(one); break;
		case 1: lru_set_unevictable(one, seed >> 20 & 1); break;
		case 2:
			lru_remove(one);
			lru_add(one);
			break;
		default:
			n = lru_isolate((enum lru_list)((seed >> 16) % LRU_LISTS), got,
					1 + (seed >> 12) % EVICT_BATCH);
			for (unsigned j = 0; j < n; j++)
				page_clear_flag(got[j],
						seed >> 10 & 1 ? PAGE_ACTIVE : PAGE_REFERENCED);
			lru_put_back(got, n);
		}
	}
	for (unsigned i = 0; i < 64; i++) {
		assert_int_equal(p[i]->refs, 1);
		page_gone(p[i]);
	}
	assert_sizes(0, 0, 0, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_which_list), TEST(test_order),    TEST(test_dying_page),
		TEST(test_batch),      TEST(test_one_page), TEST(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
