// SPDX-License-Identifier: MIT
// mmap, munmap and brk: what they refuse and what they do; random sequences are in test_area.c.
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

static void test_requests_refused(void **state)
{
	struct map_request r = { .length = PAGE_SIZE, .flags = RW, .fixed = true };
	struct aspace *as = space();

	(void)state;
	assert_int_equal(aspace_map(as, &r), -EPERM); /* the null page */
	r.addr = BASE + 1;
	assert_int_equal(aspace_map(as, &r), -EINVAL);
	r.addr = USER_TOP - PAGE_SIZE;
	r.length = 2 * PAGE_SIZE;
	assert_int_equal(aspace_map(as, &r), -ENOMEM);
	r.length = UINT64_MAX;
	assert_int_equal(aspace_map(as, &r), -ENOMEM);
	r.length = 0;
	assert_int_equal(aspace_map(as, &r), -EINVAL);
	r = (struct map_request){
		.addr = BASE, .length = PAGE_SIZE, .flags = RW, .fixed = true, .noreplace = true
	};
	assert_int_equal(aspace_map(as, &r), BASE);
	assert_int_equal(aspace_map(as, &r), -EEXIST);
	assert_int_equal(aspace_unmap(as, BASE + 1, PAGE_SIZE), -EINVAL);
	assert_int_equal(aspace_unmap(as, BASE, 0), -EINVAL);
	assert_int_equal(aspace_unmap(as, BASE, UINT64_MAX), -EINVAL);
	assert_int_equal(aspace_unmap(as, BASE + MB, PAGE_SIZE), 0);
	as->limit.as = 3 * PAGE_SIZE;
	r = (struct map_request){ .length = 3 * PAGE_SIZE, .flags = AREA_READ };
	assert_int_equal(aspace_map(as, &r), -ENOMEM);
	as->limit.as = UINT64_MAX;
	as->limit.data = 3 * PAGE_SIZE;
	assert_true(aspace_map(as, &r) > 0);
	r.flags = RW;
	assert_int_equal(aspace_map(as, &r), -ENOMEM);
	end(as);
}

static void test_brk(void **state)
{
	struct aspace *as = space();

	(void)state;
	as->brk_start = as->brk = BASE + 100;
	run(as);
	assert_int_equal(aspace_brk(as, 0), BASE + 100);
	assert_int_equal(aspace_brk(as, BASE + 3 * PAGE_SIZE), BASE + 3 * PAGE_SIZE);
	assert_int_equal(poke(BASE + 3 * PAGE_SIZE - 1, 1), 0);
	assert_int_equal(aspace_brk(as, BASE + 5 * PAGE_SIZE), BASE + 5 * PAGE_SIZE);
	assert_int_equal(as->area_count, 1);
	map_at(as, BASE + 6 * PAGE_SIZE, PAGE_SIZE, RW);
	assert_int_equal(aspace_brk(as, BASE + 7 * PAGE_SIZE), BASE + 5 * PAGE_SIZE);
	assert_int_equal(aspace_brk(as, BASE + PAGE_SIZE), BASE + PAGE_SIZE);
	assert_int_equal(peek(BASE + 3 * PAGE_SIZE - 1), -1);
	as->limit.data = 3 * PAGE_SIZE;
	assert_int_equal(aspace_brk(as, BASE + 4 * PAGE_SIZE), BASE + PAGE_SIZE);
	check(as);
	end(as);
}

/* remap_file_pages(2): other pages of the same object, over as many areas as show it; all or
 * nothing. */
static void test_remap_file(void **state)
{
	struct object *o = object_create_anon(4 * PAGE_SIZE);
	struct aspace *as = space();
	struct map_request private = {
		.addr = BASE + MB, .length = PAGE_SIZE, .flags = RW, .fixed = true
	};

	(void)state;
	map_object(as, BASE, 4 * PAGE_SIZE, RW | AREA_SHARED, o);
	object_put(o);
	assert_int_equal(aspace_map(as, &private), private.addr);
	run(as);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(poke(BASE + i * PAGE_SIZE, (uint8_t)(10 + i)), 0);
	assert_int_equal(aspace_remap_file(as, BASE + PAGE_SIZE, PAGE_SIZE, 3, true), 0);
	assert_int_equal(peek(BASE + PAGE_SIZE), 13);
	assert_int_equal(poke(BASE + PAGE_SIZE, 99), 0);
	assert_int_equal(peek(BASE + 3 * PAGE_SIZE), 99);
	assert_int_equal(as->area_count, 4);
	check(as);
	assert_int_equal(aspace_remap_file(as, BASE + MB, PAGE_SIZE, 0, true), -EINVAL);
	assert_int_equal(aspace_remap_file(as, BASE, 5 * PAGE_SIZE, 0, true), -EINVAL);
	assert_int_equal(aspace_remap_file(as, BASE, PAGE_SIZE, UINT32_MAX, true), -EINVAL);
	assert_int_equal(aspace_remap_file(as, BASE, 4 * PAGE_SIZE, 0, false), 0);
	assert_int_equal(as->area_count, 2);
	assert_int_equal(peek(BASE + PAGE_SIZE), 11);
	check(as);
	end(as);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_requests_refused),
		TEST(test_brk),
		TEST(test_remap_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
