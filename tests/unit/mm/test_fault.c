// SPDX-License-Identifier: MIT
// Faults: demand-zero, copy-on-write, swap, objects, rights, stacks; through the MMU model and the real pmap.
// SOURCES: mm/aspace.c mm/area.c mm/zap.c mm/share.c mm/fork.c mm/rmap.c mm/fault.c mm/fault_file.c mm/stack.c mm/map.c
// SOURCES: mm/protect.c mm/remap.c mm/mlock.c mm/advise.c mm/object.c mm/object_evict.c mm/object_io.c mm/page.c
// SOURCES: kernel/lib/rbtree.c kernel/lib/radix.c kernel/lib/format.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pte.c arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/usercopy.c tests/mock/slab.c tests/mock/swap.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/unit/mm/aspace_test.h"

static void test_demand_zero(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, 4 * PAGE_SIZE, RW);
	run(as);
	assert_int_equal(peek(BASE), 0);
	assert_ptr_equal(look(as, BASE).page, zero_page);
	assert_int_equal(poke(BASE, 7), 0);
	assert_ptr_not_equal(look(as, BASE).page, zero_page);
	assert_int_equal(peek(BASE), 7);
	assert_int_equal(poke(BASE + PAGE_SIZE, 9), 0);
	assert_int_equal(peek(BASE + PAGE_SIZE), 9);
	assert_int_equal(peek(BASE + 2 * PAGE_SIZE - 1), 0);
	assert_int_equal(as->minflt, 3);
	assert_int_equal(as->majflt, 0);
	check(as);
	end(as);
}

static void test_bad_access(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, PAGE_SIZE, AREA_READ);
	map_at(as, BASE + 2 * PAGE_SIZE, PAGE_SIZE, 0);
	run(as);
	assert_int_equal(poke(BASE, 1), -EFAULT);
	assert_int_equal(last_outcome, FAULT_PROTECTION);
	assert_int_equal(peek(BASE + PAGE_SIZE), -1);
	assert_int_equal(last_outcome, FAULT_NOT_MAPPED);
	assert_int_equal(peek(BASE + 2 * PAGE_SIZE), -1);
	assert_int_equal(last_outcome, FAULT_PROTECTION);
	assert_int_equal(aspace_fault(as, 0, FAULT_READ), FAULT_NOT_MAPPED);
	assert_int_equal(aspace_fault(as, USER_TOP, FAULT_READ), FAULT_NOT_MAPPED);
	assert_int_equal(aspace_fault(as, UINTPTR_MAX, FAULT_READ), FAULT_NOT_MAPPED);
	assert_int_equal(aspace_fault(as, BASE, FAULT_EXEC), FAULT_PROTECTION);
	end(as);
}

static void test_swap_round_trip(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, 2 * PAGE_SIZE, RW);
	run(as);
	assert_int_equal(poke(BASE, 5), 0);
	assert_true(evict(as, BASE));
	assert_int_equal(look(as, BASE).state, PTE_SWAPPED);
	assert_int_equal(peek(BASE), 5);
	assert_int_equal(as->majflt, 1);
	/* Read: stays in the swap cache, clean, so that it can be dropped without writing. */
	assert_true(page_flag(look(as, BASE).page, PAGE_SWAPCACHE));
	assert_false(look(as, BASE).prot & PTE_WRITE);
	assert_true(evict(as, BASE));
	assert_int_equal(peek(BASE), 5);
	/* Written: the slot is given up, the page is not copied. */
	assert_int_equal(poke(BASE, 6), 0);
	assert_int_equal(mock_slots_used(), 0);
	assert_int_equal(vm_events(VM_COW), 0);
	assert_true(evict(as, BASE));
	assert_int_equal(poke(BASE, 8), 0);
	assert_int_equal(peek(BASE), 8);
	assert_int_equal(mock_slots_used(), 0);
	assert_true(evict(as, BASE));
	check(as);
	end(as);
}

static void test_swap_unreadable(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, PAGE_SIZE, RW);
	run(as);
	assert_int_equal(poke(BASE, 5), 0);
	assert_true(evict(as, BASE));
	mock_swap_unreadable = true;
	assert_int_equal(peek(BASE), -1);
	assert_int_equal(last_outcome, FAULT_IO_ERROR);
	end(as);
}

static struct aspace *other_space;

static void unmap_meanwhile(void)
{
	assert_int_equal(aspace_unmap(other_space, BASE, PAGE_SIZE), 0);
	map_at(other_space, BASE, PAGE_SIZE, RW);
}

/* The mutex is free while a page is read: what changes meanwhile is seen. */
static void test_unmapped_while_reading(void **state)
{
	struct aspace *as = other_space = space();

	(void)state;
	map_at(as, BASE, PAGE_SIZE, RW);
	run(as);
	assert_int_equal(poke(BASE, 5), 0);
	assert_true(evict(as, BASE));
	mock_on_swap_in = unmap_meanwhile;
	assert_int_equal(peek(BASE), 0);
	mock_on_swap_in = NULL;
	assert_int_equal(mock_slots_used(), 0);
	check(as);
	end(as);
}

static void fault_in_meanwhile(void)
{
	mock_on_swap_in = NULL;
	assert_int_equal(aspace_fault(other_space, BASE, FAULT_WRITE), FAULT_RESOLVED);
}

static void test_read_twice_at_once(void **state)
{
	struct aspace *as = other_space = space();

	(void)state;
	map_at(as, BASE, PAGE_SIZE, RW);
	run(as);
	assert_int_equal(poke(BASE, 5), 0);
	assert_true(evict(as, BASE));
	mock_on_swap_in = fault_in_meanwhile;
	assert_int_equal(peek(BASE), 5);
	check(as);
	end(as);
}

static void test_stack(void **state)
{
	virt_addr_t top = BASE + 64 * MB;
	struct aspace *as = space();

	(void)state;
	as->limit.stack = 8 * MB;
	map_at(as, top - PAGE_SIZE, PAGE_SIZE, RW | AREA_GROWSDOWN | AREA_STACK);
	run(as);
	assert_int_equal(poke(top - 5 * PAGE_SIZE, 1), 0);
	assert_int_equal(area_first(as)->start, top - 5 * PAGE_SIZE);
	assert_int_equal(poke(top - 8 * MB, 1), 0);
	assert_int_equal(poke(top - 8 * MB - 1, 1), -EFAULT);
	assert_int_equal(last_outcome, FAULT_NOT_MAPPED);
	check(as);
	end(as);
}

static void test_stack_guard(void **state)
{
	virt_addr_t top = BASE + 64 * MB;
	struct aspace *as = space();

	(void)state;
	map_at(as, top - PAGE_SIZE, PAGE_SIZE, RW | AREA_GROWSDOWN | AREA_STACK);
	map_at(as, top - 2 * MB, PAGE_SIZE, RW);
	run(as);
	assert_int_equal(poke(top - 2 * MB + PAGE_SIZE + STACK_GUARD, 1), 0);
	assert_int_equal(poke(top - 2 * MB + PAGE_SIZE + STACK_GUARD - 1, 1), -EFAULT);
	check(as);
	end(as);
}

static void test_file_mappings(void **state)
{
	struct object *o = object_create_anon(8 * PAGE_SIZE + 100);
	struct aspace *as = space();
	uint8_t byte = 3;

	(void)state;
	assert_int_equal(object_write(o, 0, &byte, 1, false), 1);
	assert_int_equal(object_write(o, PAGE_SIZE, &byte, 1, false), 1);
	map_object(as, BASE, 16 * PAGE_SIZE, RW | AREA_SHARED | AREA_MAY_WRITE, o);
	map_object(as, BASE + MB, 16 * PAGE_SIZE, RW, o);
	run(as);
	/* Reading maps the neighbours that are cached. */
	assert_int_equal(peek(BASE), 3);
	assert_int_equal(look(as, BASE + PAGE_SIZE).state, PTE_PRESENT);
	assert_int_equal(look(as, BASE + 2 * PAGE_SIZE).state, PTE_NONE);
	/* Private: sees the file until written, then has its own. */
	assert_int_equal(peek(BASE + MB), 3);
	assert_int_equal(poke(BASE + MB, 4), 0);
	assert_int_equal(peek(BASE), 3);
	assert_int_equal(poke(BASE, 5), 0);
	assert_int_equal(peek(BASE + MB), 4);
	assert_int_equal(object_read(o, 0, &byte, 1, false), 1);
	assert_int_equal(byte, 5);
	/* Write straight to a private page that was never read. */
	assert_int_equal(poke(BASE + MB + PAGE_SIZE + 1, 6), 0);
	assert_int_equal(peek(BASE + MB + PAGE_SIZE), 3);
	/* Up to the end of the last page, not beyond. */
	assert_int_equal(poke(BASE + 9 * PAGE_SIZE - 1, 1), 0);
	assert_int_equal(peek(BASE + 9 * PAGE_SIZE), -1);
	assert_int_equal(last_outcome, FAULT_BEYOND_FILE);
	check(as);
	end(as);
	object_put(o);
}

static void test_truncation_under_a_mapping(void **state)
{
	struct object *o = object_create_anon(8 * PAGE_SIZE);
	struct aspace *as = space(), *child;

	(void)state;
	map_object(as, BASE, 8 * PAGE_SIZE, RW | AREA_SHARED | AREA_MAY_WRITE, o);
	run(as);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(poke(BASE + i * PAGE_SIZE + 50, 1), 0);
	child = aspace_fork(as);
	assert_non_null(child);
	assert_int_equal(object_truncate(o, 2 * PAGE_SIZE + 10), 0);
	assert_int_equal(peek(BASE + PAGE_SIZE + 50), 1);
	assert_int_equal(peek(BASE + 2 * PAGE_SIZE + 50), 0);
	assert_int_equal(peek(BASE + 3 * PAGE_SIZE), -1);
	assert_int_equal(last_outcome, FAULT_BEYOND_FILE);
	assert_int_equal(object_truncate(o, 8 * PAGE_SIZE), 0);
	assert_int_equal(peek(BASE + 3 * PAGE_SIZE + 50), 0);
	check(as);
	check(child);
	end(as);
	end(child);
	object_put(o);
}

static void test_shared_pages_swap(void **state)
{
	struct object *o = object_create_anon(4 * PAGE_SIZE);
	struct aspace *as = space();

	(void)state;
	map_object(as, BASE, 4 * PAGE_SIZE, RW | AREA_SHARED | AREA_MAY_WRITE, o);
	map_object(as, BASE + MB, 4 * PAGE_SIZE, AREA_READ | AREA_SHARED, o);
	run(as);
	assert_int_equal(poke(BASE + 1, 77), 0);
	assert_int_equal(peek(BASE + MB + 1), 77);
	assert_true(evict(as, BASE));
	assert_int_equal(look(as, BASE).state, PTE_NONE);
	assert_int_equal(look(as, BASE + MB).state, PTE_NONE);
	assert_int_equal(o->nr_swapped, 1);
	assert_int_equal(peek(BASE + MB + 1), 77);
	assert_int_equal(o->nr_swapped, 0);
	assert_true(evict(as, BASE + MB));
	end(as);
	object_put(o);
}

static void test_protect(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, 8 * PAGE_SIZE, RW);
	run(as);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(poke(BASE + i * PAGE_SIZE, (uint8_t)i), 0);
	assert_int_equal(aspace_protect(as, BASE + 2 * PAGE_SIZE, 2 * PAGE_SIZE, AREA_READ), 0);
	assert_int_equal(as->area_count, 3);
	assert_int_equal(poke(BASE + 2 * PAGE_SIZE, 9), -EFAULT);
	assert_int_equal(peek(BASE + 2 * PAGE_SIZE), 2);
	assert_int_equal(aspace_protect(as, BASE + 2 * PAGE_SIZE, 2 * PAGE_SIZE, 0), 0);
	assert_int_equal(peek(BASE + 2 * PAGE_SIZE), -1);
	assert_int_equal(aspace_protect(as, BASE, 8 * PAGE_SIZE, RW), 0);
	assert_int_equal(as->area_count, 1);
	assert_int_equal(peek(BASE + 2 * PAGE_SIZE), 2);
	assert_int_equal(poke(BASE + 2 * PAGE_SIZE, 9), 0);
	assert_int_equal(aspace_protect(as, BASE + 7 * PAGE_SIZE, 2 * PAGE_SIZE, AREA_READ), -ENOMEM);
	check(as);
	end(as);
}

static void test_lock(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, 8 * PAGE_SIZE, RW);
	run(as);
	assert_int_equal(poke(BASE, 1), 0);
	assert_int_equal(peek(BASE + PAGE_SIZE), 0);
	assert_int_equal(aspace_lock(as, BASE, 4 * PAGE_SIZE, AREA_LOCKED), 0);
	assert_int_equal(as->locked_pages, 4);
	for (unsigned i = 0; i < 4; i++) {
		struct pte_view v = look(as, BASE + i * PAGE_SIZE);

		assert_int_equal(v.prot & (PTE_LOCKED | PTE_WRITE | PTE_SPECIAL), PTE_LOCKED | PTE_WRITE);
		assert_true(page_flag(v.page, PAGE_UNEVICTABLE));
		assert_false(evict(as, BASE + i * PAGE_SIZE));
	}
	check(as);
	assert_int_equal(aspace_lock(as, BASE, 4 * PAGE_SIZE, 0), 0);
	assert_int_equal(as->area_count, 1);
	assert_true(evict(as, BASE));
	as->limit.memlock = 2 * PAGE_SIZE;
	assert_int_equal(aspace_lock(as, BASE, 4 * PAGE_SIZE, AREA_LOCKED), -ENOMEM);
	as->limit.memlock = 0;
	assert_int_equal(aspace_lock(as, BASE, 4 * PAGE_SIZE, AREA_LOCKED), -EPERM);
	check(as);
	end(as);
}

/* mlockall, then no fault ever again: also for what is mapped later, and after a fork. */
static void test_lock_all(void **state)
{
	struct aspace *as = space(), *child;
	uint64_t faults;

	(void)state;
	map_at(as, BASE, 4 * PAGE_SIZE, RW);
	map_at(as, BASE + 64 * MB, PAGE_SIZE, RW | AREA_GROWSDOWN | AREA_STACK);
	run(as);
	assert_int_equal(aspace_lock_all(as, AREA_LOCKED, AREA_LOCKED), 0);
	map_at(as, BASE + 8 * MB, 4 * PAGE_SIZE, RW);
	child = aspace_fork(as);
	assert_non_null(child);
	faults = as->minflt;
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(poke(BASE + i * PAGE_SIZE, 1), 0);
		assert_int_equal(poke(BASE + 8 * MB + i * PAGE_SIZE, 1), 0);
		assert_int_equal(poke(BASE + 64 * MB - (i + 1) * PAGE_SIZE, 1), 0);
	}
	assert_int_equal(as->minflt, faults);
	assert_int_equal(child->locked_pages, 0);
	run(child);
	assert_int_equal(peek(BASE), 0);
	assert_int_equal(poke(BASE, 2), 0);
	check(as);
	check(child);
	end(child);
	end(as);
}

static void test_advice(void **state)
{
	struct aspace *as = space(), *child;

	(void)state;
	map_at(as, BASE, 4 * MB, RW);
	run(as);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(poke(BASE + i * MB, 9), 0);
	assert_int_equal(aspace_advise(as, BASE + MB, MB, MADV_DONTFORK), 0);
	assert_int_equal(aspace_advise(as, BASE + 2 * MB, MB, MADV_WIPEONFORK), 0);
	child = aspace_fork(as);
	assert_non_null(child);
	run(child);
	assert_int_equal(peek(BASE), 9);
	assert_int_equal(peek(BASE + MB), -1);
	assert_int_equal(peek(BASE + 2 * MB), 0);
	assert_int_equal(peek(BASE + 3 * MB), 9);
	check(as);
	check(child);
	end(child);
	run(as);
	assert_int_equal(aspace_advise(as, BASE, 4 * MB, MADV_DONTNEED), 0);
	assert_int_equal(peek(BASE), 0);
	assert_int_equal(aspace_rss(as), 1);
	assert_int_equal(aspace_advise(as, BASE, 4 * MB, MADV_DOFORK), 0);
	assert_int_equal(aspace_advise(as, BASE, 4 * MB, MADV_KEEPONFORK), 0);
	assert_int_equal(as->area_count, 1);
	assert_int_equal(aspace_advise(as, BASE, 4 * MB, 12345), -EINVAL);
	assert_int_equal(aspace_advise(as, BASE, 5 * MB, MADV_NORMAL), -ENOMEM);
	assert_int_equal(aspace_advise(as, BASE + 1, MB, MADV_NORMAL), -EINVAL);
	end(as);
}

static void test_remap(void **state)
{
	struct aspace *as = space();
	int64_t at;

	(void)state;
	map_at(as, BASE, 4 * PAGE_SIZE, RW);
	run(as);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(poke(BASE + i * PAGE_SIZE, (uint8_t)(i + 1)), 0);
	assert_true(evict(as, BASE + PAGE_SIZE));
	/* In place, then blocked and moved. */
	assert_int_equal(aspace_remap(as, BASE, 4 * PAGE_SIZE, 6 * PAGE_SIZE, 0, 0), BASE);
	map_at(as, BASE + 6 * PAGE_SIZE, PAGE_SIZE, AREA_READ);
	assert_int_equal(aspace_remap(as, BASE, 6 * PAGE_SIZE, 8 * PAGE_SIZE, 0, 0), -ENOMEM);
	at = aspace_remap(as, BASE, 6 * PAGE_SIZE, 8 * PAGE_SIZE, MREMAP_MAYMOVE, 0);
	assert_true(at > 0 && at != (int64_t)BASE);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(peek((virt_addr_t)at + i * PAGE_SIZE), i + 1);
	assert_int_equal(peek((virt_addr_t)at + 7 * PAGE_SIZE), 0);
	assert_int_equal(peek(BASE), -1);
	assert_int_equal(aspace_remap(as, (virt_addr_t)at, 8 * PAGE_SIZE, 2 * PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, BASE + 3 * MB - PAGE_SIZE),
			 BASE + 3 * MB - PAGE_SIZE);
	assert_int_equal(peek(BASE + 3 * MB - PAGE_SIZE), 1);
	assert_int_equal(peek(BASE + 3 * MB), 2);
	at = aspace_remap(as, BASE + 3 * MB - PAGE_SIZE, 2 * PAGE_SIZE, 2 * PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
	assert_true(at > 0);
	assert_int_equal(peek((virt_addr_t)at), 1);
	assert_int_equal(peek(BASE + 3 * MB - PAGE_SIZE), 0);
	assert_int_equal(aspace_remap(as, BASE + 32 * MB, PAGE_SIZE, PAGE_SIZE, 0, 0), -EFAULT);
	assert_int_equal(aspace_remap(as, BASE + 1, PAGE_SIZE, PAGE_SIZE, 0, 0), -EINVAL);
	assert_int_equal(aspace_remap(as, BASE, PAGE_SIZE, 0, 0, 0), -EINVAL);
	check(as);
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

static void test_access(void **state)
{
	struct aspace *as = space();
	uint8_t buf[3 * 4096], back[3 * 4096];

	(void)state;
	memset(buf, 0x5a, sizeof(buf));
	map_at(as, BASE, 2 * PAGE_SIZE, RW);
	map_at(as, BASE + 2 * PAGE_SIZE, PAGE_SIZE, AREA_READ);
	assert_int_equal(aspace_access(as, BASE + 100, buf, sizeof(buf), true), 2 * PAGE_SIZE - 100);
	assert_int_equal(aspace_access(as, BASE + 100, back, sizeof(back), false), 3 * PAGE_SIZE - 100);
	assert_memory_equal(buf, back, 2 * PAGE_SIZE - 100);
	assert_int_equal(aspace_access(as, BASE + 3 * PAGE_SIZE, back, 1, false), -EFAULT);
	assert_int_equal(aspace_access(as, UINTPTR_MAX, back, 1, false), -EFAULT);
	end(as);
}

static void test_incore_and_sync(void **state)
{
	struct aspace *as = space();
	uint8_t vec[4];

	(void)state;
	map_at(as, BASE, 4 * PAGE_SIZE, RW);
	map_at(as, BASE + MB, PAGE_SIZE, RW);
	run(as);
	assert_int_equal(poke(BASE + PAGE_SIZE, 1), 0);
	assert_int_equal(poke(BASE + 3 * PAGE_SIZE, 1), 0);
	assert_true(evict(as, BASE + 3 * PAGE_SIZE));
	assert_int_equal(aspace_incore(as, BASE, 4 * PAGE_SIZE, BASE + MB), 0);
	assert_int_equal(mock_user_read(BASE + MB, vec, 4), 0);
	assert_memory_equal(vec, "\0\1\0\0", 4);
	assert_int_equal(aspace_incore(as, BASE, 5 * PAGE_SIZE, BASE + MB), -ENOMEM);
	assert_int_equal(aspace_incore(as, BASE, PAGE_SIZE, BASE + 2 * MB), -EFAULT);
	assert_int_equal(aspace_sync(as, BASE, PAGE_SIZE, MS_SYNC), 0);
	assert_int_equal(aspace_sync(as, BASE, 5 * PAGE_SIZE, MS_SYNC), -ENOMEM);
	assert_int_equal(aspace_sync(as, BASE, PAGE_SIZE, MS_SYNC | MS_ASYNC), -EINVAL);
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
	assert_int_equal(aspace_reap(as), 64);
	assert_int_equal(aspace_rss(as), 0);
	check(as);
	end(as);
}

/* One life of an address space with everything in it; errors are expected and all of it must unwind. */
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
		r = (struct map_request){ .length = 4 * PAGE_SIZE, .flags = RW | AREA_SHARED | AREA_MAY_WRITE, .object = o };
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
		TEST(test_demand_zero),
		TEST(test_bad_access),
		TEST(test_swap_round_trip),
		TEST(test_swap_unreadable),
		TEST(test_unmapped_while_reading),
		TEST(test_read_twice_at_once),
		TEST(test_stack),
		TEST(test_stack_guard),
		TEST(test_file_mappings),
		TEST(test_truncation_under_a_mapping),
		TEST(test_shared_pages_swap),
		TEST(test_protect),
		TEST(test_lock),
		TEST(test_lock_all),
		TEST(test_advice),
		TEST(test_remap),
		TEST(test_brk),
		TEST(test_access),
		TEST(test_incore_and_sync),
		TEST(test_reap),
		TEST(test_every_allocation_fails_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
