// SPDX-License-Identifier: MIT
// Names of areas: what they split and join, whom they outlive, each allocation that fails.
// SOURCES: mm/aspace.c mm/area.c mm/label.c mm/zap.c mm/copies.c mm/huge.c mm/hugetlb.c mm/huge_pool.c mm/huge_object.c mm/share.c mm/fork.c mm/rmap.c mm/rmap_set.c mm/rmap_file.c mm/fault.c mm/parallel.c
// SOURCES: mm/fault_file.c mm/stack.c mm/map.c mm/protect.c mm/remap.c mm/mlock.c mm/advise.c mm/advise_pages.c
// SOURCES: mm/commit.c
// SOURCES: mm/object.c mm/object_evict.c mm/object_size.c mm/object_write.c mm/object_io.c mm/readahead.c mm/page.c
// SOURCES: kernel/lib/rbtree.c kernel/lib/radix.c kernel/lib/format.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c
// SOURCES: arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c
// SOURCES: tests/mock/usercopy.c tests/mock/slab.c tests/mock/swap.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/unit/mm/aspace_test.h"

static virt_addr_t at(unsigned page)
{
	return BASE + page * PAGE_SIZE;
}

static int set(struct aspace *as, unsigned page, unsigned pages, const char *name)
{
	int err = aspace_set_name(as, at(page), pages * PAGE_SIZE, name);

	check_areas(as);
	return err;
}

static void expect_name(struct aspace *as, unsigned page, const char *want)
{
	char name[100];
	struct area *a;

	mutex_lock(&as->mutex);
	a = area_covering(as, at(page));
	assert_non_null(a);
	(void)area_name(a, name, sizeof(name));
	mutex_unlock(&as->mutex);
	assert_string_equal(name, want);
}

static void splits_and_joins(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, at(0), 8 * PAGE_SIZE, RW);
	assert_int_equal(set(as, 2, 2, "one"), 0);
	assert_int_equal(as->area_count, 3);
	assert_int_equal(set(as, 4, 2, "one"), 0); /* another copy of the same text */
	assert_int_equal(as->area_count, 3);
	assert_int_equal(set(as, 6, 2, "two"), 0);
	assert_int_equal(as->area_count, 3);
	expect_name(as, 1, "");
	expect_name(as, 5, "[anon:one]");
	expect_name(as, 6, "[anon:two]");
	map_at(as, at(8), PAGE_SIZE, RW); /* has no name, so it does not join */
	assert_int_equal(as->area_count, 4);
	assert_int_equal(set(as, 0, 9, NULL), 0);
	assert_int_equal(as->area_count, 1);
	aspace_unuse(as);
}

static void outlives_its_giver(void **state)
{
	struct aspace *as = space(), *child;

	(void)state;
	map_at(as, at(0), 4 * PAGE_SIZE, RW);
	assert_int_equal(set(as, 0, 4, "kept"), 0);
	child = aspace_fork(as);
	assert_non_null(child);
	assert_int_equal(set(as, 1, 1, "other"), 0);
	expect_name(child, 1, "[anon:kept]");
	aspace_unuse(as);
	expect_name(child, 3, "[anon:kept]");
	aspace_unuse(child);
}

static void refusals(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, at(0), PAGE_SIZE, RW);
	map_at(as, at(2), PAGE_SIZE, RW);
	assert_int_equal(set(as, 0, 3, "hole"), -ENOMEM);
	expect_name(as, 2, "[anon:hole]");
	assert_int_equal(set(as, 4, 1, "nothing"), -ENOMEM);
	assert_int_equal(aspace_set_name(as, at(0) + 1, PAGE_SIZE, "x"), -EINVAL);
	assert_int_equal(aspace_set_name(as, at(0), (uint64_t)-PAGE_SIZE + 1, "x"), -EINVAL);
	assert_int_equal(aspace_set_name(as, at(0), (uint64_t)-PAGE_SIZE, "x"), -EINVAL);
	assert_int_equal(aspace_set_name(as, at(0), 0, "x"), 0);
	expect_name(as, 0, "[anon:hole]");
	aspace_unuse(as);
}

static void without_memory(void **state)
{
	struct aspace *as = space();
	int err = 0;

	(void)state;
	map_at(as, at(0), 4 * PAGE_SIZE, RW);
	for (unsigned n = 1; n <= 3; n++) {
		mock_fail_allocation(n);
		err = set(as, 1, 2, "name");
		mock_fail_allocation(0);
		assert_int_equal(err, n == 1 ? -ENOMEM : -EAGAIN);
		assert_int_equal(as->area_count, 1);
		expect_name(as, 1, "");
	}
	assert_int_equal(set(as, 1, 2, "name"), 0);
	aspace_unuse(as);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(splits_and_joins),
		TEST(outlives_its_giver),
		TEST(refusals),
		TEST(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
