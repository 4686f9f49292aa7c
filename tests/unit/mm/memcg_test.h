// SPDX-License-Identifier: MIT
// Six groups in two trees over the real allocator, for the tests of mm/memcg*.c: who pays is chosen
// by pay(), room is made by giving back one page.
#ifndef TESTS_UNIT_MM_MEMCG_TEST_H
#define TESTS_UNIT_MM_MEMCG_TEST_H

#include <stdlib.h>
#include <string.h>

#include "kernel/errno.h"
#include "mm/memblock.h"
#include "mm/memcg_internal.h"
#include "mm/reclaim_internal.h"
#include "tests/unit/mm/slab_test.h"

#define GROUPS 6

static struct memcg groups[GROUPS];
static uint16_t payer;
static unsigned rooms_asked;
static unsigned relieved;
static struct page *room_frees; /* given back by the first who needs room */

bool lru_isolate_page(struct page *p)
{
	page_clear_flag(p, PAGE_LRU);
	return true;
}

void swap_owner_hand_over(struct memcg *m, struct memcg *heir)
{
	spin_lock(&memcg_lock);
	memcg_moved_locked(m, heir, 0, m->own_swap);
	spin_unlock(&memcg_lock);
}

int memcg_make_room(struct memcg *over, unsigned flags, unsigned *tries)
{
	(void)flags;
	assert_true(over->pins > 0);
	rooms_asked++;
	if (room_frees == NULL || ++*tries > 1)
		return -ENOMEM;
	page_put(room_frees);
	room_frees = NULL;
	return 0;
}

void memcg_relieve(void)
{
	relieved++;
	current()->memory_relieved = current()->memory_over;
}

bool memblock_ram(unsigned i, struct memblock_range *r)
{
	*r = (struct memblock_range){ (phys_addr_t)mock_first_pfn() << PAGE_SHIFT,
				      (uint64_t)(mock_end_pfn() - mock_first_pfn()) << PAGE_SHIFT };
	return i == 0;
}

uint64_t memblock_ram_total(void)
{
	struct memblock_range r;

	(void)memblock_ram(0, &r);
	return r.size;
}

static void pay(struct memcg *m)
{
	payer = m == NULL ? 0 : m->id;
	current()->memory_group = &payer;
}

static void open_all(void)
{
	/* 0 - 1 - 2, 0 - 3; 4; 5 */
	static const int parents[GROUPS] = { -1, 0, 1, 0, -1, -1 };

	memset(groups, 0, sizeof(groups));
	for (unsigned i = 0; i < GROUPS; i++)
		assert_int_equal(memcg_open(&groups[i], parents[i] < 0 ? NULL : &groups[parents[i]],
					    NULL),
				 0);
}

static void close_all(void)
{
	pay(NULL);
	for (unsigned i = GROUPS; i-- > 0;)
		if (groups[i].id != 0)
			memcg_close(&groups[i]);
	assert_true(memcg_check());
}

static int setup(void **state)
{
	slab_setup(state);
	rooms_asked = relieved = 0;
	room_frees = NULL;
	open_all();
	return 0;
}

static int teardown(void **state)
{
	close_all();
	assert_false(current()->memory_over);
	memcg_forget();
	return slab_teardown(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* n frames for which m pays. */
static inline void charged(struct memcg *m, unsigned n, struct page **pages)
{
	pay(m);
	for (unsigned i = 0; i < n; i++)
		pages[i] = page_alloc(ALLOC_USER);
}

#endif
