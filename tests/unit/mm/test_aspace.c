// SPDX-License-Identifier: MIT
// Life of an address space: access from outside, the reaper, and every allocation failing once.
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

static void test_access(void **state)
{
	struct aspace *as = space();
	uint8_t buf[3 * 4096], back[3 * 4096];

	(void)state;
	memset(buf, 0x5a, sizeof(buf));
	map_at(as, BASE, 2 * PAGE_SIZE, RW);
	map_at(as, BASE + 2 * PAGE_SIZE, PAGE_SIZE, AREA_READ);
	assert_int_equal(aspace_access(as, BASE + 100, buf, sizeof(buf), true),
			 2 * PAGE_SIZE - 100);
	assert_int_equal(aspace_access(as, BASE + 100, back, sizeof(back), false),
			 3 * PAGE_SIZE - 100);
	assert_memory_equal(buf, back, 2 * PAGE_SIZE - 100);
	assert_int_equal(aspace_access(as, BASE + 3 * PAGE_SIZE, back, 1, false), -EFAULT);
	assert_int_equal(aspace_access(as, UINTPTR_MAX, back, 1, false), -EFAULT);
	end(as);
}

static void test_reap(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, 64 * PAGE_SIZE, RW);
	run(as);
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(poke(BASE + i * PAGE_SIZE, 1), 0);
	aspace_reap(as, NULL);
	assert_int_equal(as->reaped_pages, 64);
	assert_int_equal(aspace_rss(as), 0);
	check(as);
	end(as);
}

/* One life of an address space with everything in it; errors are expected and all of it must
 * unwind. */
static void life(void)
{
	struct map_request r = { .length = 3 * MB, .flags = RW };
	struct object *o = object_create_anon(4 * PAGE_SIZE);
	struct aspace *as = aspace_create(), *child;
	int64_t at;

	if (o != NULL && as != NULL) {
		run(as);
		at = aspace_map(as, &r);
		if (at > 0) {
			(void)!poke((virt_addr_t)at, 1);
			(void)!poke((virt_addr_t)at + 2 * MB, 1);
			(void)!peek((virt_addr_t)at + PAGE_SIZE);
			(void)!evict(as, (virt_addr_t)at);
			(void)!aspace_protect(as, (virt_addr_t)at + MB, MB, AREA_READ);
			child = aspace_fork(as);
			(void)!poke((virt_addr_t)at + PAGE_SIZE, 1);
			(void)!poke((virt_addr_t)at, 1);
			(void)!aspace_lock(as, (virt_addr_t)at, 2 * PAGE_SIZE, AREA_LOCKED);
			if (child != NULL) {
				struct aspace *grandchild = aspace_fork(as);

				run(child);
				(void)!poke((virt_addr_t)at + 2 * MB, 2);
				(void)!aspace_unmap(child, (virt_addr_t)at + PAGE_SIZE, PAGE_SIZE);
				check(child);
				end(child);
				if (grandchild != NULL)
					end(grandchild);
				run(as);
			}
			at = aspace_remap(as, (virt_addr_t)at, MB, 2 * MB, MREMAP_MAYMOVE, 0);
		}
		r = (struct map_request){ .length = 4 * PAGE_SIZE,
					  .flags = RW | AREA_SHARED | AREA_MAY_WRITE,
					  .object = o };
		at = aspace_map(as, &r);
		if (at > 0) {
			(void)!poke((virt_addr_t)at, 1);
			(void)!evict(as, (virt_addr_t)at);
			(void)!peek((virt_addr_t)at);
		}
		check(as);
	}
	if (as != NULL)
		end(as);
	if (o != NULL)
		object_put(o);
}

static void test_every_allocation_fails_once(void **state)
{
	unsigned n;

	(void)state;
	for (n = 1;; n++) {
		mock_fail_allocation(n);
		life();
		if (!mock_failed_allocation())
			break;
		assert_nothing_left();
	}
	assert_true(n > 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_access),
		TEST(test_reap),
		TEST(test_every_allocation_fails_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
