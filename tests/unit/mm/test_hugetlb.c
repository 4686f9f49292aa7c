// SPDX-License-Identifier: MIT
/*
 * MAP_HUGETLB: the pool and its promises, units mapped and copied whole, borders; each allocation
 * refused once; and random calls against a plain copy, with the pool's sums checked after each.
 */
// TIMEOUT: 180
// SOURCES: mm/aspace.c mm/area.c mm/label.c mm/zap.c mm/copies.c mm/huge.c mm/hugetlb.c mm/huge_pool.c mm/huge_object.c mm/share.c mm/fork.c mm/rmap.c mm/rmap_set.c mm/rmap_file.c mm/fault.c mm/parallel.c
// SOURCES: mm/fault_file.c mm/stack.c mm/map.c mm/protect.c mm/remap.c mm/mlock.c mm/advise.c mm/advise_pages.c
// SOURCES: mm/commit.c
// SOURCES: mm/object.c mm/object_evict.c mm/object_size.c mm/object_write.c mm/object_io.c mm/readahead.c mm/page.c
// SOURCES: kernel/lib/rbtree.c kernel/lib/radix.c kernel/lib/format.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c
// SOURCES: arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c
// SOURCES: tests/mock/usercopy.c tests/mock/slab.c tests/mock/swap.c
#include "tests/unit/mm/huge_test.h"

#include <stdlib.h>

#define FLAGS (RW | AREA_MAY_WRITE | AREA_HUGETLB)

static int64_t map_huge(struct aspace *as, virt_addr_t at, uint64_t units, unsigned more)
{
	struct map_request r = {
		.addr = at, .length = units * UNIT, .flags = FLAGS | more, .fixed = at != 0
	};

	return aspace_map(as, &r);
}

static struct aspace *with_units(uint64_t units)
{
	struct aspace *as = space();

	assert_int_equal(map_huge(as, BASE, units, 0), BASE);
	run(as);
	return as;
}

static void test_promises(void **state)
{
	struct aspace *as;

	(void)state;
	huge_pool_resize(4);
	assert_pool(4, 4, 0, 0);
	as = with_units(3);
	assert_pool(4, 4, 3, 0);
	assert_int_equal(map_huge(as, 0, 2, 0), -ENOMEM);
	assert_pool(4, 4, 3, 0);
	assert_int_equal(poke(BASE + UNIT + 5 * PAGE_SIZE, 7), 0);
	assert_pool(4, 3, 2, 0);
	assert_true(table_folded(pmap_leaf(&as->pmap, BASE + UNIT)));
	assert_int_equal(aspace_rss(as), 0);
	assert_int_equal(atomic_load(&table_blocks), 0);
	assert_int_equal(aspace_unmap(as, BASE, UNIT), 0);
	assert_pool(4, 3, 1, 0);
	assert_int_equal(peek(BASE + UNIT + 5 * PAGE_SIZE), 7);
	check(as);
	end(as);
	assert_pool(4, 4, 0, 0);
}

/* What has no promise gets what nobody was promised, or SIGBUS. */
static void test_without_promise(void **state)
{
	struct aspace *as;
	int64_t at;

	(void)state;
	huge_pool_resize(2);
	as = with_units(1);
	at = map_huge(as, 0, 2, AREA_NORESERVE);
	assert_true(at > 0 && IS_ALIGNED(at, UNIT));
	assert_int_equal(poke((virt_addr_t)at, 1), 0);
	assert_int_not_equal(poke((virt_addr_t)at + UNIT, 1), 0);
	assert_int_equal(last_outcome, FAULT_BEYOND_FILE);
	assert_pool(2, 1, 1, 0);
	assert_int_equal(poke(BASE, 1), 0);
	assert_int_equal(aspace_advise(as, BASE, UNIT, MADV_DONTNEED), 0);
	assert_pool(2, 1, 0, 0);
	assert_int_equal(peek(BASE), 0); /* a new one, not promised */
	check(as);
	end(as);
}

static void test_surplus(void **state)
{
	struct aspace *as;

	(void)state;
	huge_set_overcommit(2);
	as = with_units(2);
	assert_pool(2, 2, 2, 2);
	assert_int_equal(map_huge(as, 0, 1, 0), -ENOMEM);
	assert_int_equal(poke(BASE, 1), 0);
	huge_pool_resize(1);
	assert_pool(2, 1, 1, 1);
	huge_pool_resize(0);
	assert_pool(2, 1, 1, 2);
	end(as);
	assert_pool(0, 0, 0, 0);
}

static void test_copies(void **state)
{
	struct aspace *parent, *child;

	(void)state;
	huge_pool_resize(3);
	parent = with_units(2);
	assert_int_equal(poke(BASE, 1), 0);
	assert_int_equal(poke(BASE + UNIT, 2), 0);
	child = aspace_fork(parent);
	assert_non_null(child);
	run(child);
	assert_int_equal(poke(BASE + PAGE_SIZE, 3), 0);
	assert_int_equal(peek(BASE), 1);
	assert_true(table_folded(pmap_leaf(&child->pmap, BASE)));
	assert_pool(3, 0, 0, 0);
	assert_int_not_equal(poke(BASE + UNIT, 3), 0); /* none left for the second */
	assert_int_equal(last_outcome, FAULT_BEYOND_FILE);
	assert_int_equal(aspace_protect(child, BASE + UNIT, UNIT, AREA_READ), -ENOMEM);
	check(child);
	run(parent);
	assert_int_equal(peek(BASE + PAGE_SIZE), 0);
	end(child);
	assert_int_equal(poke(BASE + UNIT, 4), 0); /* alone again */
	assert_true(table_folded(pmap_leaf(&parent->pmap, BASE + UNIT)));
	assert_pool(3, 1, 0, 0);
	check(parent);
	end(parent);
}

/* A reference to one frame keeps the unit from the pool, no longer. */
static void test_a_held_frame(void **state)
{
	struct aspace *as;
	struct page *p;

	(void)state;
	huge_pool_resize(1);
	as = with_units(1);
	assert_int_equal(poke(BASE + 9 * PAGE_SIZE, 1), 0);
	p = look(as, BASE + 9 * PAGE_SIZE).page;
	page_get(p);
	end(as);
	assert_pool(1, 0, 0, 0);
	page_put(p);
	assert_pool(1, 1, 0, 0);
}

static void test_borders(void **state)
{
	struct aspace *as;
	struct map_request r = { .addr = BASE + PAGE_SIZE, .length = PAGE_SIZE, .flags = RW };

	(void)state;
	huge_pool_resize(3);
	as = with_units(2);
	assert_int_equal(poke(BASE, 5), 0);
	assert_int_equal(aspace_unmap(as, BASE, PAGE_SIZE), -EINVAL);
	assert_int_equal(aspace_unmap(as, BASE - PAGE_SIZE, 3 * UNIT / 2), -EINVAL);
	assert_int_equal(aspace_protect(as, BASE + PAGE_SIZE, UNIT, AREA_READ), -EINVAL);
	assert_int_equal(aspace_advise(as, BASE + PAGE_SIZE, UNIT, MADV_DONTNEED), -EINVAL);
	assert_int_equal(aspace_advise(as, BASE, PAGE_SIZE, MADV_DONTNEED), 0);
	assert_int_equal(aspace_advise(as, BASE, UNIT, MADV_FREE), -EINVAL);
	assert_int_equal(aspace_advise(as, BASE, UNIT, MADV_PAGEOUT), -EINVAL);
	assert_int_equal(aspace_remap(as, BASE, UNIT, 2 * UNIT, MREMAP_MAYMOVE, 0), -EINVAL);
	assert_int_equal(map_huge(as, BASE + PAGE_SIZE, 1, 0), -EINVAL);
	r.fixed = true;
	assert_int_equal(aspace_map(as, &r), -EINVAL);
	assert_int_equal(peek(BASE), 5);
	assert_pool(3, 2, 1, 0);
	assert_int_equal(aspace_lock(as, BASE, PAGE_SIZE, AREA_LOCKED), 0);
	assert_int_equal(aspace_protect(as, BASE, UNIT, AREA_READ), 0);
	assert_true(table_folded(pmap_leaf(&as->pmap, BASE)));
	assert_int_equal(aspace_remap(as, BASE, UNIT, UNIT, MREMAP_MAYMOVE | MREMAP_FIXED,
				      BASE + 8 * UNIT),
			 BASE + 8 * UNIT);
	assert_int_equal(peek(BASE + 8 * UNIT), 5);
	assert_true(table_folded(pmap_leaf(&as->pmap, BASE + 8 * UNIT)));
	assert_pool(3, 2, 1, 0);
	check(as);
	end(as);
}

/* Whichever allocation fails, nothing is lost: the call or the fault says so. */
static void test_allocation_failures(void **state)
{
	bool failed;

	(void)state;
	huge_pool_resize(2);
	for (unsigned n = 1;; n++) {
		struct aspace *as = space(), *child = NULL;
		int64_t at;

		mock_fail_allocation(n);
		at = map_huge(as, BASE, 1, 0);
		run(as);
		if (at > 0 && poke(BASE, 1) == 0)
			child = aspace_fork(as);
		if (child != NULL) {
			run(child);
			if (poke(BASE, 2) == 0)
				assert_int_equal(peek(BASE), 2);
			end(child);
			run(as);
			assert_int_equal(peek(BASE), 1);
		}
		failed = mock_failed_allocation();
		check(as);
		end(as);
		assert_pool(2, 2, 0, 0);
		if (!failed)
			break;
	}
}

/* ---- Random calls ---- */

#define UNITS 8
#define STEPS 400

struct copy {
	bool mapped[UNITS];
	uint8_t byte[UNITS];
};

static void step(struct aspace *as, struct copy *c, uint32_t *seed)
{
	unsigned i = rnd(seed) % UNITS, n = 1 + rnd(seed) % 3;
	virt_addr_t at = BASE + i * UNIT;
	uint8_t byte = (uint8_t)(1 + rnd(seed) % 255);

	n = MIN(n, UNITS - i);
	switch (rnd(seed) % 8) {
	case 0:
		if (map_huge(as, at, n, rnd(seed) % 2 ? AREA_NORESERVE : 0) < 0)
			break;
		memset(&c->mapped[i], 1, n);
		memset(&c->byte[i], 0, n);
		break;
	case 1:
		assert_int_equal(aspace_unmap(as, at, n * UNIT), 0);
		memset(&c->mapped[i], 0, n);
		break;
	case 2:
		(void)!aspace_advise(as, at, n * UNIT, MADV_DONTNEED);
		memset(&c->byte[i], 0, n);
		break;
	case 3: (void)!aspace_protect(as, at, n * UNIT, RW); break;
	case 4: huge_pool_resize(rnd(seed) % 10); break;
	case 5: huge_set_overcommit(rnd(seed) % 4); break;
	default:
		for (unsigned k = i; k < i + n; k++)
			if (poke(BASE + k * UNIT, byte) == 0) {
				assert_true(c->mapped[k]);
				c->byte[k] = byte;
			} else if (c->mapped[k]) {
				assert_int_equal(last_outcome, FAULT_BEYOND_FILE);
			}
	}
}

/* Where no unit is to be had reading fails too, but what was written is there. */
static void compare(struct aspace *as, const struct copy *c)
{
	for (unsigned k = 0; k < UNITS; k++) {
		int byte = peek(BASE + k * UNIT);

		if (!c->mapped[k])
			assert_int_equal(byte, -1);
		else if (byte >= 0 || c->byte[k] != 0)
			assert_int_equal(byte, c->byte[k]);
	}
	check(as);
}

static void test_random_calls(void **state)
{
	struct aspace *as[2] = { space(), NULL };
	uint32_t seed = 88172645;
	struct copy c[2];

	(void)state;
	memset(c, 0, sizeof(c));
	huge_pool_resize(6);
	for (unsigned i = 0; i < STEPS; i++) {
		unsigned k = as[1] != NULL ? rnd(&seed) % 2 : 0;
		struct huge_stats n;

		run(as[k]);
		step(as[k], &c[k], &seed);
		huge_stats(&n);
		assert_true(n.reserved <= n.free && n.free <= n.total && n.surplus <= n.total);
		assert_int_equal(n.reserved,
				 hugetlb_promised(as[0], USER_MIN, USER_TOP) +
					 (as[1] != NULL
						  ? hugetlb_promised(as[1], USER_MIN, USER_TOP)
						  : 0));
		if (i % 6 == 0)
			compare(as[k], &c[k]);
		if (i % 40 == 20) {
			as[1] = aspace_fork(as[0]);
			assert_non_null(as[1]);
			c[1] = c[0];
		} else if (i % 40 == 0 && as[1] != NULL) {
			run(as[1]);
			end(as[1]);
			as[1] = NULL;
		}
	}
	if (as[1] != NULL)
		end(as[1]);
	end(as[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_promises),
		TEST(test_without_promise),
		TEST(test_surplus),
		TEST(test_copies),
		TEST(test_a_held_frame),
		TEST(test_borders),
		TEST(test_allocation_failures),
		TEST(test_random_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
