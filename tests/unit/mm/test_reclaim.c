// SPDX-License-Identifier: MIT
// Eviction and page-in through the MMU model, the real pmap, reverse map, lists and slots, over a
// store that fails in every way it may.
// SOURCES: mm/aspace.c mm/area.c mm/label.c mm/zap.c mm/copies.c mm/huge.c mm/hugetlb.c mm/huge_pool.c mm/huge_object.c mm/share.c mm/fork.c mm/rmap.c mm/rmap_set.c mm/rmap_file.c mm/fault.c mm/parallel.c mm/fault_file.c mm/stack.c mm/map.c
// SOURCES: mm/commit.c
// SOURCES: mm/protect.c mm/remap.c mm/mlock.c mm/advise.c mm/advise_pages.c mm/object.c mm/object_evict.c mm/object_size.c mm/object_write.c mm/object_io.c mm/readahead.c mm/page.c
// SOURCES: mm/lru.c mm/evict.c mm/reclaim.c mm/scan.c mm/workingset.c mm/replace/replace.c mm/replace/refault.c mm/replace/clock.c mm/replace/fifo.c mm/replace/lfu.c mm/swap/slots.c mm/swap/swap.c mm/swap/ahead.c mm/swap/areas.c mm/swap/tiers.c mm/swap/pool.c mm/swap/codec.c mm/vmevent.c tests/mock/store.c
// SOURCES: kernel/lib/rbtree.c kernel/lib/radix.c kernel/lib/format.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/usercopy.c tests/mock/slab.c tests/mock/swap.c
// DEFINES: CONFIG_DEBUG=1
// TIMEOUT: 180
#include "tests/unit/mm/reclaim_test.h"

#include <linux/mman.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "mm/frames.h"
#include "mm/memcg.h"

static struct aspace *meanwhile_as;

/* ---- Out and in ---- */

static void test_round_trip(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, 40 * PAGE_SIZE, RW);
	run(as);
	fill(BASE, 40, 1);
	assert_int_equal(evict_all(), 40);
	assert_int_equal(look(as, BASE).state, PTE_SWAPPED);
	assert_int_equal(mock_store_records(), 40);
	assert_int_equal(aspace_rss(as), 0);
	assert_filled(BASE, 40, 1);
	assert_int_equal(as->majflt, 40);
	assert_int_equal(mock_store.reads, 40);
	check(as);
	check_slots();
	end(as);
}

/* What was read back and not written goes again without a write; what was written is rewritten. */
static void test_clean_drop(void **state)
{
	uint64_t drops = vm_events(VM_SWAP_CLEAN_DROP);
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, 2 * PAGE_SIZE, RW);
	run(as);
	fill(BASE, 2, 1);
	assert_int_equal(evict_all(), 2);
	assert_filled(BASE, 2, 1);
	assert_int_equal(poke(BASE, 77), 0);
	assert_int_equal(mock_store.appends, 2);
	assert_int_equal(evict_all(), 2);
	assert_int_equal(mock_store.appends, 3);
	assert_int_equal(vm_events(VM_SWAP_CLEAN_DROP) - drops, 1);
	assert_int_equal(peek(BASE), 77);
	assert_int_equal(peek(BASE + PAGE_SIZE), 2);
	check_slots();
	end(as);
}

/* Fresh pages count as used: the first look marks them, the second evicts those that nobody
 * touched meanwhile. */
static void test_unused_pages_go(void **state)
{
	uint64_t scanned = vm_events(VM_PGSCAN);
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, 8 * PAGE_SIZE, RW);
	run(as);
	fill(BASE, 8, 1);
	assert_true(look(as, BASE).young);
	assert_int_equal(reclaim_round(false), 8);
	assert_int_equal(vm_events(VM_PGSCAN) - scanned, 16);
	assert_true(vm_events(VM_PGSCAN_ANON) >= 16);
	assert_filled(BASE, 8, 1);
	end(as);
}

/* A page found in use at its second look becomes active; there it is safe until the inactive list
 * is the shorter one. */
static void test_used_pages_stay(void **state)
{
	uint64_t activated = vm_events(VM_PGACTIVATE);
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, 72 * PAGE_SIZE, RW);
	run(as);
	fill(BASE, 72, 1);
	for (unsigned i = 0; i < 4; i++) /* seen young once, and used again since */
		page_set_flag(look(as, BASE + i * PAGE_SIZE).page, PAGE_REFERENCED);
	assert_true(reclaim_round(false) >= EVICT_BATCH);
	assert_int_equal(vm_events(VM_PGACTIVATE) - activated, 4);
	assert_int_equal(lru_size(LRU_ACTIVE_ANON), 4);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(look(as, BASE + i * PAGE_SIZE).state, PTE_PRESENT);
	assert_filled(BASE, 72, 1);
	end(as);
}

static void look_and_flush(struct aspace *as, virt_addr_t va)
{
	struct pte *pte = pmap_entry_lock(&as->pmap, va);
	struct tlb_batch b;

	tlb_batch_init(&b, &as->pmap);
	assert_true(pte_test_clear_young(pte));
	tlb_batch_add(&b, va);
	pmap_entry_unlock(pte);
	tlb_flush(&b);
}

/* Use is seen by a fault or by the hardware's flag, and saves a page alike. */
static void test_use_is_seen(void **state)
{
	(void)state;
	for (unsigned hardware = 0; hardware < 2; hardware++) {
		struct aspace *as = space();
		uint64_t faults;

		mock_options.hw_access_flag = hardware;
		map_at(as, BASE, 72 * PAGE_SIZE, RW);
		run(as);
		fill(BASE, 72, 1);
		for (unsigned i = 0; i < 72; i++)
			look_and_flush(as, BASE + i * PAGE_SIZE);
		faults = as->minflt;
		assert_filled(BASE, 2, 1);
		assert_int_equal(as->minflt - faults, hardware ? 0 : 2);
		assert_true(look(as, BASE).young && !look(as, BASE + 2 * PAGE_SIZE).young);
		assert_true(reclaim_round(false) >= EVICT_BATCH - 2);
		assert_int_equal(look(as, BASE).state, PTE_PRESENT);
		assert_int_equal(look(as, BASE + PAGE_SIZE).state, PTE_PRESENT);
		assert_int_equal(look(as, BASE + 2 * PAGE_SIZE).state, PTE_SWAPPED);
		end(as);
	}
	mock_options.hw_access_flag = false;
}

static void test_locked_pages_stay(void **state)
{
	struct aspace *as = space();

	(void)state;
	as->cap_ipc_lock = true;
	map_at(as, BASE, 4 * PAGE_SIZE, RW);
	run(as);
	fill(BASE, 4, 1);
	assert_int_equal(aspace_lock(as, BASE, 2 * PAGE_SIZE, AREA_LOCKED), 0);
	assert_int_equal(evict_all(), 2);
	assert_int_equal(lru_size(LRU_UNEVICTABLE), 2);
	assert_int_equal(look(as, BASE + PAGE_SIZE).state, PTE_PRESENT);
	assert_int_equal(aspace_lock(as, BASE, 2 * PAGE_SIZE, 0), 0);
	assert_int_equal(lru_size(LRU_UNEVICTABLE), 0);
	assert_int_equal(evict_all(), 2);
	assert_filled(BASE, 4, 1);
	end(as);
}

/* A page of parent and child goes once, comes back once, and parts on writing. */
static void test_forked_pages(void **state)
{
	struct aspace *as = space(), *child;

	(void)state;
	map_at(as, BASE, 4 * PAGE_SIZE, RW);
	run(as);
	fill(BASE, 4, 1);
	child = aspace_fork(as);
	assert_non_null(child);
	assert_int_equal(poke(BASE + 3 * PAGE_SIZE, 99),
			 0); /* tables part: four pages mapped by both, one copied */
	assert_int_equal(evict_all(), 5);
	assert_int_equal(mock_store.appends, 5);
	assert_filled(BASE, 3, 1);
	assert_int_equal(peek(BASE + 3 * PAGE_SIZE), 99);
	assert_int_equal(mock_store.reads, 4);
	assert_int_equal(poke(BASE, 50), 0);
	run(child);
	assert_filled(BASE, 4, 1);
	assert_int_equal(mock_store.reads, 5);
	check(as);
	check(child);
	end(child);
	run(as);
	assert_int_equal(peek(BASE), 50);
	end(as);
}

/* ---- Advice ---- */

static void serve(void)
{
	reclaim_serve();
}

/* MADV_PAGEOUT has them out when it returns, used or not; not what is locked, or another's too. */
static void test_pageout(void **state)
{
	struct aspace *as = space(), *child;

	(void)state;
	as->cap_ipc_lock = true;
	map_at(as, BASE, 60 * PAGE_SIZE, RW);
	map_at(as, BASE + 2 * MB, 2 * PAGE_SIZE, RW);
	run(as);
	fill(BASE, 60, 1);
	fill(BASE + 2 * MB, 2, 1);
	mock_on_block = serve;
	assert_int_equal(aspace_advise(as, BASE, 50 * PAGE_SIZE, MADV_PAGEOUT), 0);
	for (unsigned i = 0; i < 60; i++)
		assert_int_equal(look(as, BASE + i * PAGE_SIZE).state,
				 i < 50 ? PTE_SWAPPED : PTE_PRESENT);
	assert_filled(BASE, 60, 1);
	mock_store.fail_append = 1;
	mock_store.append_error = -ENOSPC;
	fill(BASE, 60, 2);
	assert_int_equal(aspace_advise(as, BASE, 60 * PAGE_SIZE, MADV_PAGEOUT), 0);
	mock_store.fail_append = 0;
	assert_filled(BASE, 60, 2);
	child = aspace_fork(as);
	assert_non_null(child);
	assert_int_equal(aspace_advise(as, BASE + 2 * MB, 2 * PAGE_SIZE, MADV_PAGEOUT), 0);
	assert_int_equal(look(as, BASE + 2 * MB).state, PTE_PRESENT);
	end(child);
	assert_int_equal(aspace_lock(as, BASE, PAGE_SIZE, AREA_LOCKED), 0);
	assert_int_equal(aspace_advise(as, BASE, PAGE_SIZE, MADV_PAGEOUT), -EINVAL);
	mock_on_block = NULL;
	check(as);
	check_slots();
	end(as);
}

/* Pages of MADV_FREE go without a write, unless somebody stored to them since. */
static void test_lazily_freed(void **state)
{
	uint64_t freed = vm_events(VM_PGLAZYFREED);
	struct aspace *as = space(), *child;

	(void)state;
	map_at(as, BASE, 8 * PAGE_SIZE, RW);
	run(as);
	fill(BASE, 8, 1);
	assert_int_equal(evict_all(), 8);
	assert_filled(BASE, 6, 1);
	assert_int_equal(aspace_advise(as, BASE, 8 * PAGE_SIZE, MADV_FREE), 0);
	assert_int_equal(look(as, BASE + 6 * PAGE_SIZE).state, PTE_NONE); /* was in swap */
	assert_int_equal(swap.used, 0);
	assert_filled(BASE, 6, 1);
	assert_int_equal(poke(BASE + 1, 7), 0);
	child = aspace_fork(as);
	assert_non_null(child);
	assert_int_equal(poke(BASE + PAGE_SIZE + 1, 9), 0); /* a copy: the child keeps the page */
	mock_store.appends = 0;
	(void)evict_all();
	assert_true(vm_events(VM_PGLAZYFREED) - freed >= 4);
	assert_int_equal(peek(BASE), 1);
	assert_int_equal(peek(BASE + 1), 7);
	assert_int_equal(peek(BASE + PAGE_SIZE), 2);
	for (unsigned i = 2; i < 8; i++)
		assert_int_equal(peek(BASE + i * PAGE_SIZE), 0);
	assert_true(mock_store.appends <= 3);
	run(child);
	assert_int_equal(peek(BASE + 1), 7);
	check(child);
	end(child);
	run(as);
	check(as);
	end(as);
}

static struct page *lazy_page;

/* A store between the daemon's look and its turn at the entry's table. */
static void test_lazily_freed_and_stored_to(void **state)
{
	struct victim victims[EVICT_BATCH];
	struct evict_batch b;
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, PAGE_SIZE, RW);
	run(as);
	fill(BASE, 1, 1);
	assert_int_equal(aspace_advise(as, BASE, PAGE_SIZE, MADV_FREE), 0);
	lazy_page = look(as, BASE).page;
	assert_int_equal(poke(BASE, 5), 0);
	assert_int_equal(rmap_unmap_lazy(lazy_page), -EAGAIN);
	assert_int_equal(look(as, BASE).state, PTE_PRESENT);
	assert_int_equal(lru_isolate(LRU_INACTIVE_ANON, &lazy_page, 1), 1);
	evict_begin(&b, victims);
	evict_page(&b, lazy_page);
	assert_int_equal(evict_finish(&b), 1);
	assert_int_equal(peek(BASE), 5);
	check(as);
	end(as);
}

/* ---- Failures ---- */

/* The n-th append and all later ones fail, for every n: those pages stay, all contents are right,
 * and once there is room again all go. */
static void test_append_fails(void **state)
{
	static const int errors[] = { -ENOSPC, -EIO, -ENODEV, -EROFS };

	(void)state;
	for (unsigned n = 1; n <= 20; n++) {
		struct aspace *as = space();
		struct swap_stats s;

		map_at(as, BASE, 20 * PAGE_SIZE, RW);
		map_at(as, BASE + 4 * MB, PAGE_SIZE, RW);
		run(as);
		fill(BASE, 20, (uint8_t)n);
		mock_store.fail_append = n;
		mock_store.append_error = errors[n % 4];
		assert_int_equal(evict_all(), n - 1);
		assert_int_equal(aspace_rss(as), 0); /* unmapped, in the swap cache */
		assert_false(swap_writable());
		swap_stats(&s);
		assert_int_equal(s.cached, 21 - n);
		check_slots();
		mock_store.fail_append = 0;
		assert_int_equal(evict_all(), 0); /* counts as full */
		assert_filled(BASE, 20, (uint8_t)n);
		assert_int_equal(aspace_unmap(as, BASE, PAGE_SIZE), 0); /* a slot is freed */
		assert_true(swap_writable());
		assert_int_equal(evict_all(), 19);
		assert_filled(BASE + PAGE_SIZE, 19, (uint8_t)(n + 1));
		check(as);
		end(as);
		assert_swap_empty();
	}
}

static void test_commit_loses(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 5; n++) {
		struct aspace *as = space();

		map_at(as, BASE, 20 * PAGE_SIZE, RW);
		run(as);
		fill(BASE, 20, 1);
		mock_store.lose = n;
		assert_int_equal(evict_all(), 20 - 20 / n);
		mock_store.lose = 0;
		assert_filled(BASE, 20, 1);
		check(as);
		check_slots();
		end(as);
		assert_swap_empty();
	}
}

/* A record that cannot be read: all owners get the error, at once after the first; the rest
 * lives, and the slot can be used again. */
static void test_read_fails(void **state)
{
	static const int errors[] = { -EIO, -ENOENT };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct aspace *as = space(), *child;
		unsigned reads;

		map_at(as, BASE, 3 * PAGE_SIZE, RW);
		run(as);
		fill(BASE, 3, 1);
		child = aspace_fork(as);
		assert_int_equal(evict_all(), 3);
		mock_store.bad_slot = look(as, BASE + PAGE_SIZE).slot;
		mock_store.read_error = errors[i];
		reads = mock_store.reads;
		assert_int_equal(peek(BASE + PAGE_SIZE), -1);
		assert_int_equal(last_outcome, FAULT_IO_ERROR);
		run(child);
		assert_int_equal(peek(BASE + PAGE_SIZE), -1);
		assert_int_equal(last_outcome, FAULT_IO_ERROR);
		assert_int_equal(mock_store.reads, reads + 1);
		assert_int_equal(peek(BASE), 1);
		assert_int_equal(peek(BASE + 2 * PAGE_SIZE), 3);
		check_slots();
		end(child);
		end(as);
		mock_store.bad_slot = 0;
		assert_swap_empty();
	}
	assert_non_null(strstr(mock_log(), "cannot be read back"));
}

/* ---- Meanwhile ---- */

static unsigned second_reads;

static void fault_too(uint32_t slot)
{
	struct task *self = current();
	bool major = false;
	int err = 0;

	mock_store.on_read = NULL;
	/* While it is being read nobody finds it; who needs it waits, and can be killed. */
	assert_null(swap_cache_lookup(slot));
	atomic_fetch_or(&self->hot.pending, TASK_KILLED);
	assert_null(swap_in(slot, &err, &major));
	assert_int_equal(err, -EINTR);
	assert_true(major);
	atomic_fetch_and(&self->hot.pending, ~(uint32_t)TASK_KILLED);
	second_reads = mock_store.reads;
}

static void test_two_read_once(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, PAGE_SIZE, RW);
	run(as);
	fill(BASE, 1, 9);
	assert_int_equal(evict_all(), 1);
	mock_store.on_read = fault_too;
	assert_filled(BASE, 1, 9);
	assert_int_equal(second_reads, 1);
	assert_int_equal(mock_store.reads, 1);
	check_slots();
	end(as);
}

static struct page *read_first;
static uint32_t slot_wanted;

static void read_meanwhile(void)
{
	bool major = false;
	int err = 0;

	read_first = swap_in(slot_wanted, &err, &major);
	assert_non_null(read_first);
}

/* Two that find nothing read: the one whose frame comes later takes the other's, also when that has
 * been read already. */
static void test_second_reader_takes_the_first_ones_frame(void **state)
{
	struct aspace *as = space();
	struct page *second;
	bool major = false;
	int err = 0;

	(void)state;
	map_at(as, BASE, PAGE_SIZE, RW);
	run(as);
	fill(BASE, 1, 9);
	assert_int_equal(evict_all(), 1);
	slot_wanted = look(as, BASE).slot;
	mock_on_page_alloc = read_meanwhile;
	second = swap_in(slot_wanted, &err, &major);
	assert_non_null(second);
	assert_ptr_equal(second, read_first);
	assert_int_equal(mock_store.reads, 1);
	check_slots();
	page_put(second);
	page_put(read_first);
	assert_filled(BASE, 1, 9);
	end(as);
}

static void write_meanwhile(void)
{
	mock_store.on_commit = NULL;
	fill(BASE, 4, 200);
	assert_int_equal(peek(BASE + 4 * PAGE_SIZE), 5);
	assert_int_equal(aspace_unmap(meanwhile_as, BASE + 5 * PAGE_SIZE, PAGE_SIZE), 0);
}

/* While pages are being written, four are written to, one is read, one is unmapped. */
static void test_used_while_written(void **state)
{
	struct aspace *as = meanwhile_as = space();

	(void)state;
	map_at(as, BASE, 8 * PAGE_SIZE, RW);
	run(as);
	fill(BASE, 8, 1);
	mock_store.on_commit = write_meanwhile;
	(void)reclaim_round(true);
	assert_filled(BASE, 4, 200);
	assert_int_equal(peek(BASE + 4 * PAGE_SIZE), 5);
	assert_filled(BASE + 6 * PAGE_SIZE, 2, 7);
	check(as);
	check_slots();
	(void)evict_all();
	assert_int_equal(aspace_rss(as), 0);
	assert_filled(BASE, 4, 200);
	assert_int_equal(peek(BASE + 4 * PAGE_SIZE), 5);
	end(as);
}

/* The table is busy: the page stays, writable, so it must not stay bound to a slot. */
static void test_busy_table(void **state)
{
	struct victim victims[EVICT_BATCH];
	struct evict_batch b;
	struct aspace *as = space();
	struct page *p;
	struct pte *pte;

	(void)state;
	map_at(as, BASE, PAGE_SIZE, RW);
	run(as);
	fill(BASE, 1, 1);
	assert_int_equal(lru_isolate(LRU_INACTIVE_ANON, &p, 1), 1);
	pte = pmap_entry_lock(&as->pmap, BASE);
	evict_begin(&b, victims);
	evict_page(&b, p);
	pmap_entry_unlock(pte);
	assert_int_equal(evict_finish(&b), 0);
	assert_false(page_flag(p, PAGE_SWAPCACHE));
	assert_int_equal(swap.used, 0);
	check(as);
	fill(BASE, 1, 2);
	assert_int_equal(evict_all(), 1);
	assert_filled(BASE, 1, 2);
	end(as);
}

/* ---- Objects ---- */

static void test_shared_memory(void **state)
{
	struct object *o = object_create_anon(8 * PAGE_SIZE);
	struct aspace *as = space();
	uint8_t byte = 42;

	(void)state;
	map_object(as, BASE, 8 * PAGE_SIZE, RW | AREA_SHARED, o);
	run(as);
	fill(BASE, 4, 1);
	assert_int_equal(object_write(o, 4 * PAGE_SIZE, &byte, 1, false), 1);
	assert_int_equal(peek(BASE + 6 * PAGE_SIZE), 0); /* a hole that was never written */
	assert_int_equal(evict_all(), 6);
	assert_int_equal(mock_store.appends, 5);
	assert_int_equal(o->nr_swapped, 5);
	assert_int_equal(o->nr_pages, 0);
	assert_filled(BASE, 4, 1);
	assert_int_equal(object_read(o, 4 * PAGE_SIZE, &byte, 1, false), 1);
	assert_int_equal(byte, 42);
	assert_int_equal(peek(BASE + 6 * PAGE_SIZE), 0);
	check_slots();
	end(as);
	object_put(o);
}

static struct object *meanwhile_object;

static void object_meanwhile(void)
{
	uint8_t byte = 123;

	mock_store.on_commit = NULL;
	assert_int_equal(object_write(meanwhile_object, 0, &byte, 1, false), 1);
	assert_int_equal(peek(BASE + PAGE_SIZE), 2);
	assert_int_equal(poke(BASE + 2 * PAGE_SIZE, 99), 0);
	assert_int_equal(object_truncate(meanwhile_object, 3 * PAGE_SIZE), 0);
}

static void test_shared_memory_used_while_written(void **state)
{
	struct object *o = meanwhile_object = object_create_anon(4 * PAGE_SIZE);
	struct aspace *as = space();

	(void)state;
	map_object(as, BASE, 4 * PAGE_SIZE, RW | AREA_SHARED, o);
	run(as);
	fill(BASE, 4, 1);
	mock_store.on_commit = object_meanwhile;
	(void)reclaim_round(true);
	assert_int_equal(peek(BASE), 123);
	assert_int_equal(peek(BASE + PAGE_SIZE), 2);
	assert_int_equal(peek(BASE + 2 * PAGE_SIZE), 99);
	(void)evict_all();
	check_slots();
	assert_int_equal(peek(BASE), 123);
	assert_int_equal(peek(BASE + 2 * PAGE_SIZE), 99);
	end(as);
	object_put(o);
}

static struct page *held;

static void write_and_let_go(void)
{
	mock_store.on_commit = NULL;
	*(uint8_t *)page_to_virt(held) = 77;
	page_put(held);
}

/* Somebody got a page for writing before the daemon came, and writes while the batch is on its
 * way. */
static void test_shared_memory_held(void **state)
{
	struct object *o = object_create_anon(2 * PAGE_SIZE);
	uint8_t byte = 1;
	bool major;
	int err;

	(void)state;
	assert_int_equal(object_write(o, 0, &byte, 1, false), 1);
	assert_int_equal(object_write(o, PAGE_SIZE, &byte, 1, false), 1);
	held = object_get_page(o, 0, OBJECT_WRITE, &err, &major);
	mock_store.on_commit = write_and_let_go;
	assert_int_equal(reclaim_round(true),
			 2); /* the other at once, this one when it was let go */
	assert_null(mock_store.on_commit);
	assert_int_equal(object_read(o, 0, &byte, 1, false), 1);
	assert_int_equal(byte, 77);
	object_put(o);
}

/* Locked by two, unlocked by one: found out when it is looked at, and set apart again. */
static void test_locked_by_another(void **state)
{
	struct object *o = object_create_anon(PAGE_SIZE);
	struct aspace *as = space();
	uint64_t culled = vm_events(VM_PGCULLED), rescued = vm_events(VM_PGRESCUED);
	uint64_t mlocked = vm_events(VM_PGMLOCKED), munlocked = vm_events(VM_PGMUNLOCKED);

	(void)state;
	as->cap_ipc_lock = true;
	map_object(as, BASE, PAGE_SIZE, RW | AREA_SHARED, o);
	map_object(as, BASE + MB, PAGE_SIZE, RW | AREA_SHARED, o);
	run(as);
	fill(BASE, 1, 1);
	fill(BASE + MB, 1, 1);
	assert_int_equal(aspace_lock(as, BASE, PAGE_SIZE, AREA_LOCKED), 0);
	assert_int_equal(aspace_lock(as, BASE + MB, PAGE_SIZE, AREA_LOCKED), 0);
	assert_int_equal(aspace_lock(as, BASE, PAGE_SIZE, 0), 0);
	assert_int_equal(lru_size(LRU_UNEVICTABLE), 0);
	assert_int_equal(vm_events(VM_PGCULLED) - culled, 1);
	assert_int_equal(evict_all(), 0);
	assert_int_equal(lru_size(LRU_UNEVICTABLE), 1);
	assert_int_equal(look(as, BASE + MB).state, PTE_PRESENT);
	/* One page was locked, was not when one of two let go, and was found to be. */
	assert_int_equal(vm_events(VM_PGCULLED) - culled, 2);
	assert_int_equal(vm_events(VM_PGMLOCKED) - mlocked, 1);
	assert_int_equal(vm_events(VM_PGMUNLOCKED) - munlocked, 1);
	assert_int_equal(vm_events(VM_PGRESCUED) - rescued, 1);
	end(as);
	object_put(o);
}

static void test_shared_memory_comes_back(void **state)
{
	uint64_t refaults = vm_events(VM_REFAULT_ANON), active = vm_events(VM_ACTIVATE_ANON);
	struct object *o = object_create_anon(8 * PAGE_SIZE);
	struct aspace *as = space();

	(void)state;
	map_object(as, BASE, 8 * PAGE_SIZE, RW | AREA_SHARED, o);
	run(as);
	fill(BASE, 8, 1);
	assert_int_equal(evict_all(), 8);
	map_at(as, BASE + MB, 32 * PAGE_SIZE, RW);
	fill(BASE + MB, 32, 1);
	assert_filled(BASE, 8, 1);
	assert_int_equal(vm_events(VM_REFAULT_ANON) - refaults, 8);
	assert_int_equal(vm_events(VM_ACTIVATE_ANON) - active, 8);
	assert_true(page_flag(look(as, BASE).page, PAGE_ACTIVE));
	end(as);
	object_put(o);
}

static int file_reads, file_writes, file_error;
static uint8_t file_bytes[8];

static int file_read(struct object *o, struct page *p)
{
	(void)o;
	file_reads++;
	memset(page_to_virt(p), file_bytes[p->u.file.index], PAGE_SIZE);
	return 0;
}

static int file_write(struct object *o, struct page *p)
{
	(void)o;
	file_writes++;
	if (file_error == 0)
		file_bytes[p->u.file.index] = *(uint8_t *)page_to_virt(p);
	return file_error;
}

static int file_write_run(struct object *o, struct page **pages, unsigned n)
{
	int err = 0;

	for (unsigned i = 0; i < n && err == 0; i++)
		err = file_write(o, pages[i]);
	return err;
}

static const struct object_ops file_ops = { .read_page = file_read, .write_pages = file_write_run };

/* Clean pages of a file are dropped, written ones go back to it, and stay when that fails. */
static void test_file_pages(void **state)
{
	uint64_t refaults = vm_events(VM_REFAULT_FILE);
	static struct disk_object disk;
	struct object *o = &disk.object;
	struct aspace *as = space();

	(void)state;
	file_reads = file_writes = file_error = 0;
	memset(file_bytes, 7, sizeof(file_bytes));
	disk_object_init(&disk, &file_ops, 4 * PAGE_SIZE);
	map_object(as, BASE, 4 * PAGE_SIZE, RW | AREA_SHARED, o);
	run(as);
	assert_int_equal(peek(BASE), 7);
	assert_int_equal(poke(BASE + PAGE_SIZE, 8), 0);
	file_error = -EIO;
	assert_int_equal(evict_all(), 1);
	assert_int_equal(peek(BASE + PAGE_SIZE), 8);
	file_error = 0;
	assert_int_equal(evict_all(), 1);
	assert_int_equal(o->nr_pages, 0);
	map_at(as, BASE + MB, 32 * PAGE_SIZE, RW);
	fill(BASE + MB, 32, 1);
	assert_int_equal(file_bytes[1], 8);
	assert_int_equal(peek(BASE + PAGE_SIZE), 8);
	assert_int_equal(vm_events(VM_REFAULT_FILE) - refaults, 1);
	assert_int_equal(mock_store.appends, 0);
	end(as);
	object_put(o);
}

/* ---- Room ---- */

/* More pages than slots: what does not fit stays, and swap that is nearly full gives up the
 * slots of pages that came back, so that RAM and swap hold their sum. */
static void test_swap_full(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, 100 * PAGE_SIZE, RW);
	run(as);
	fill(BASE, 100, 1);
	assert_int_equal(evict_all(), SLOTS);
	assert_int_equal(swap.used, SLOTS);
	for (unsigned i = 0; i < 100; i++) {
		virt_addr_t va = BASE + i * PAGE_SIZE;

		if (look(as, va).state != PTE_SWAPPED)
			continue;
		assert_int_equal(peek(va), (uint8_t)(1 + i));
		assert_false(slots_scarce() && page_flag(look(as, va).page, PAGE_SWAPCACHE));
	}
	(void)evict_all();
	assert_filled(BASE, 100, 1);
	check_slots();
	end(as);
}

static void test_without_swap(void **state)
{
	struct aspace *as;
	struct object *o;

	(void)state;
	swap_off();
	as = space();
	o = object_create_anon(4 * PAGE_SIZE);
	map_at(as, BASE, 4 * PAGE_SIZE, RW);
	map_object(as, BASE + MB, 4 * PAGE_SIZE, RW | AREA_SHARED, o);
	run(as);
	fill(BASE, 4, 1);
	fill(BASE + MB, 4, 1);
	assert_int_equal(evict_all(), 0);
	assert_int_equal(look(as, BASE + MB).state, PTE_PRESENT); /* not unmapped in vain */
	end(as);
	object_put(o);
	swap_on(SLOTS);
}

/* ---- Who waits ---- */

static void daemon_turn(void)
{
	static bool force;

	(void)reclaim_step(&force);
}

static struct task *first;
static unsigned waiting, seconds_turns;

/* While the first waits: another finds frames, but fewer than it leaves to the first; then it has
 * waited as well. */
static void second_comes(void)
{
	if (waiting == 1) {
		seconds_turns++;
		daemon_turn();
		return;
	}
	waiting = 1;
	assert_true(first->frame_due); /* there was nobody before it */
	watermarks.min = frames_free() - EVICT_BATCH / 2;
	assert_int_equal(reclaim_kept_for_others(), EVICT_BATCH);
	assert_int_equal(reclaim_wait(ALLOC_USER), 0);
	assert_true(current()->frame_due);
	assert_int_equal(reclaim_kept_for_others(), 0);
	waiting = 0;
}

static void test_turns(void **state)
{
	(void)state;
	first = current();
	first->frame_due = false;
	waiting = seconds_turns = oom_kills = 0;
	assert_int_equal(reclaim_kept_for_others(), 0);
	watermarks = (struct watermarks){ .min = frames_free() - 4 };
	assert_int_equal(reclaim_wait(ALLOC_USER), 0);
	assert_false(first->frame_due);
	watermarks.min = frames_free() + 4;
	mock_on_block = second_comes;
	assert_int_equal(reclaim_wait(ALLOC_USER), 0);
	mock_on_block = NULL;
	assert_true(seconds_turns > 0);
	assert_int_equal(oom_kills, 0);
	first->frame_due = false;
	watermarks = (struct watermarks){ 0 };
}

/* While the first waits another sleeps, too, and is woken, but all that has come above a batch is
 * taken by others again. */
static void woken_for_a_batch(void)
{
	if (waiting == 1) {
		assert_int_equal(seconds_turns++, 0);
		reclaim_let_go();
		return;
	}
	waiting = 1;
	current()->frame_due = false;
	watermarks.min = frames_free() - EVICT_BATCH / 2;
	assert_int_equal(reclaim_wait(ALLOC_USER), 0);
	assert_int_equal(seconds_turns, 1);
	waiting = 0;
}

/* Who has slept takes what is there, though others wait. */
static void test_slept_once(void **state)
{
	(void)state;
	waiting = seconds_turns = 0;
	watermarks = (struct watermarks){ .min = frames_free() + 4 };
	mock_on_block = woken_for_a_batch;
	assert_int_equal(reclaim_wait(ALLOC_USER), 0);
	mock_on_block = NULL;
	assert_int_equal(seconds_turns, 1);
	current()->frame_due = false;
	watermarks = (struct watermarks){ 0 };
}

static void test_waiting(void **state)
{
	struct aspace *as = space();

	(void)state;
	watermarks = (struct watermarks){ .min = 16, .low = 32, .high = 48 };
	assert_int_equal(reclaim_wait(ALLOC_USER), 0); /* frames are there */
	watermarks.min = frames_free() + 100;
	mock_on_block = daemon_turn;
	assert_int_equal(reclaim_wait(ALLOC_USER), -ENOMEM);
	assert_int_equal(oom_kills, 1); /* asked, and nobody could be ended */
	atomic_fetch_or(&current()->hot.pending, TASK_KILLED);
	assert_int_equal(reclaim_wait(ALLOC_USER), -ENOMEM);
	atomic_fetch_and(&current()->hot.pending, ~(uint32_t)TASK_KILLED);
	assert_int_equal(oom_kills, 1);
	current()->oom_victim = true;
	assert_int_equal(reclaim_wait(0), -ENOMEM);
	current()->oom_victim = false;
	current()->sched.prio = PRIO_RT_MIN; /* real-time by inheritance: to the reserve */
	assert_int_equal(reclaim_wait(ALLOC_USER), 0);
	current()->sched.prio = PRIO_FAIR;
	map_at(as, BASE, 8 * PAGE_SIZE, RW);
	run(as);
	fill(BASE, 8, 1);
	watermarks.min = frames_free() + 2;
	assert_int_equal(reclaim_wait(ALLOC_USER), 0); /* the daemon found some */
	assert_int_equal(oom_kills, 1);
	mock_on_block = NULL;
	watermarks = (struct watermarks){ 0 };
	end(as);
}

/* A waiter that gives its one frame back as an empty slab each time, as the second is not to be
 * had. */
static void test_slabs_are_no_progress(void **state)
{
	(void)state;
	watermarks = (struct watermarks){ .min = frames_free() + 100 };
	slabs_reaped = 1;
	oom_kills = 0;
	mock_on_block = daemon_turn;
	assert_int_equal(reclaim_wait(ALLOC_USER), -ENOMEM);
	assert_int_equal(oom_kills, 1);
	mock_on_block = NULL;
	watermarks = (struct watermarks){ 0 };
	slabs_reaped = EVICT_BATCH; /* enough: nothing else goes */
	assert_int_equal(reclaim_round(false), EVICT_BATCH);
	assert_int_equal(reclaim_round(true), 0);
	slabs_reaped = 0;
}

/* ---- Who waits for a group's pages ---- */

static struct memcg group;
static unsigned group_rounds;
static struct task *asker;
static unsigned blocked; /* how often the asker was, with nobody to serve it */

/* An asker that leaves in the middle of the daemon's round: a thread, on a stack that nobody may
 * touch when it has gone. */
#define ASKER_STACK (1u << 18)
static pthread_t thread;
static void *thread_stack;
static sem_t asked, taken;

/* The daemon's look at the group. */
unsigned memcg_isolate(struct memcg *m, struct page **pages, unsigned n, uint32_t *left)
{
	(void)pages, (void)n;
	assert_ptr_equal(m, &group);
	group_rounds++;
	*left = 0;
	if (thread_stack != NULL) {
		sem_post(&taken);
		pthread_join(thread, NULL);
		free(thread_stack);
		thread_stack = NULL;
		assert_int_equal(m->pins, 1); /* by the daemon alone */
	}
	return 0;
}

static uint64_t ask(void)
{
	uint64_t start = time_now();

	asker = current();
	assert_true(memcg_pin(&group));
	assert_int_equal(reclaim_group(&group, 32, false), 0);
	memcg_unpin(&group);
	asker->sched.prio = PRIO_FAIR;
	return time_now() - start;
}

static void asker_becomes_realtime(void)
{
	asker->sched.prio = PRIO_RT_MIN;
	assert_true(++blocked < 10);
}

static void asker_is_ended(void)
{
	asker->oom_victim = true;
	assert_true(++blocked < 10);
}

/* Whoever holds a mutex that a real-time task comes to want does not wait for the medium any
 * longer, nor who is to die; but who is real-time himself and asks does. */
static void test_group_request(void **state)
{
	(void)state;
	group_rounds = blocked = 0;
	mock_on_block = serve;
	(void)ask();
	assert_int_equal(group_rounds, 1);
	current()->sched.prio = PRIO_RT_MIN;
	(void)ask();
	assert_int_equal(group_rounds, 2);
	mock_on_block = asker_becomes_realtime;
	assert_in_range(ask(), 0, 2 * NSEC_PER_MSEC);
	mock_on_block = asker_is_ended;
	assert_in_range(ask(), 0, 2 * NSEC_PER_MSEC);
	current()->oom_victim = false;
	mock_on_block = NULL;
	serve(); /* nothing is asked for any more */
	assert_int_equal(group_rounds, 2);
	assert_int_equal(group.pins, 0);
}

static void serve_later(void)
{
	if (blocked == 0)
		asker_becomes_realtime();
	else
		serve();
}

/* Pages that it asked for go by its own array: it waits until the daemon is done with that,
 * whatever it has become. */
static void test_page_request_is_waited_for(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, 8 * PAGE_SIZE, RW);
	run(as);
	fill(BASE, 8, 1);
	asker = current();
	blocked = 0;
	mock_on_block = serve_later;
	assert_int_equal(aspace_advise(as, BASE, 8 * PAGE_SIZE, MADV_PAGEOUT), 0);
	mock_on_block = NULL;
	current()->sched.prio = PRIO_FAIR;
	assert_int_equal(look(as, BASE).state, PTE_SWAPPED);
	assert_filled(BASE, 8, 1);
	end(as);
}

static void serve_when_short(void)
{
	bool force = true;

	serve();
	assert_int_equal(group_rounds, 0); /* the machine's turn */
	assert_true(reclaim_step(&force)); /* which has nothing to evict */
	serve();
	assert_int_equal(group_rounds, 1);
}

static void serve_after_a_slow_round(void)
{
	bool force = false;

	serve();
	assert_int_equal(group_rounds, 0);
	mock_time_advance(NSEC_PER_SEC / 10);
	serve();
	assert_int_equal(group_rounds, 0); /* the machine had no round yet */
	assert_true(reclaim_step(&force));
	serve();
	assert_int_equal(group_rounds, 1);
}

/* While the machine is short a group's request waits for rounds of the machine's, but not for
 * ever. */
static void test_group_request_when_short(void **state)
{
	uint32_t low = watermarks.low;
	struct aspace *as = space();

	(void)state;
	group_rounds = blocked = 0;
	mock_on_block = serve;
	(void)ask();
	assert_int_equal(group_rounds, 1);
	watermarks.low = frames_free() + 1;
	mock_on_block = serve_when_short;
	group_rounds = 0;
	(void)ask();
	map_at(as, BASE, 64 * PAGE_SIZE, RW);
	run(as);
	fill(BASE, 64, 1);
	group_rounds = 0;
	mock_on_block = serve_after_a_slow_round;
	(void)ask();
	watermarks.low = low;
	mock_on_block = NULL;
	end(as);
	assert_int_equal(group.pins, 0);
}

/* More and more who want pages out. */
static void ask_for_pages(void)
{
	static unsigned depth;

	if (++depth < 20) {
		reclaim_pages(NULL, 0);
		return;
	}
	serve();
	assert_int_equal(group_rounds, 1);
	serve();
	depth = 0;
}

/* A group's request among them has its turn, whoever came before or after. */
static void test_group_request_among_others(void **state)
{
	(void)state;
	group_rounds = 0;
	mock_on_block = ask_for_pages;
	(void)ask();
	assert_int_equal(group_rounds, 1);
	mock_on_block = NULL;
	assert_int_equal(group.pins, 0);
}

static void asker_is_killed(void)
{
	atomic_fetch_or(&asker->hot.pending, TASK_KILLED);
	assert_true(++blocked < 10);
}

static void test_killed_in_a_group_request(void **state)
{
	(void)state;
	group_rounds = blocked = 0;
	mock_on_block = asker_is_killed;
	assert_in_range(ask(), 0, 2 * NSEC_PER_MSEC);
	atomic_fetch_and(&current()->hot.pending, ~(uint32_t)TASK_KILLED);
	assert_int_equal(group_rounds, 0);
	mock_on_block = NULL;
}

static void asker_waits(void)
{
	sem_post(&asked);
	sem_wait(&taken);
	asker_becomes_realtime();
}

static void *asker_main(void *arg)
{
	mock_on_cpu(1);
	(void)ask();
	return arg;
}

static void test_group_request_left(void **state)
{
	pthread_attr_t attr;

	(void)state;
	group_rounds = blocked = 0;
	thread_stack = aligned_alloc(PAGE_SIZE, ASKER_STACK);
	sem_init(&asked, 0, 0);
	sem_init(&taken, 0, 0);
	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, thread_stack, ASKER_STACK);
	mock_on_block = asker_waits;
	assert_int_equal(pthread_create(&thread, &attr, asker_main, NULL), 0);
	sem_wait(&asked);
	serve();
	mock_on_block = NULL;
	assert_int_equal(group_rounds, 1);
	assert_int_equal(group.pins, 0);
	pthread_attr_destroy(&attr);
}

/* The frames here have no buddies: two are neighbours once so many are free. */
static uint32_t block_at;
static unsigned drained;

bool buddy_has_block(unsigned order)
{
	assert_int_equal(order, 1);
	return frames_free() >= block_at;
}

void pcp_drain_all(void)
{
	drained++;
}

static void block_turn(void)
{
	reclaim_make_block();
}

/* Enough is free, and no two frames of it together: the daemon goes on until two are, or it has
 * done its part. */
static void test_waiting_for_a_block(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, 100 * PAGE_SIZE, RW);
	run(as);
	fill(BASE, 100, 1);
	reclaim_make_block(); /* nobody waits */
	assert_int_equal(drained, 0);
	block_at = frames_free() + EVICT_BATCH + 1;
	current()->sched.prio = PRIO_RT_MIN; /* does not wait */
	assert_int_equal(reclaim_wait_block(1, ALLOC_USER), 0);
	assert_false(buddy_has_block(1));
	current()->sched.prio = PRIO_FAIR;
	mock_on_block = block_turn;
	assert_int_equal(reclaim_wait_block(1, ALLOC_USER), 0);
	assert_true(buddy_has_block(1));
	assert_true(frames_free() < block_at + 2 * EVICT_BATCH); /* and no longer than that */
	assert_true(drained > 0);
	block_at = UINT32_MAX; /* not to be had: ends all the same */
	assert_int_equal(reclaim_wait_block(1, ALLOC_USER), 0);
	current()->oom_victim = true;
	assert_int_equal(reclaim_wait_block(1, ALLOC_USER), -ENOMEM);
	current()->oom_victim = false;
	mock_on_block = NULL;
	assert_filled(BASE, 100, 1);
	end(as);
}

static struct task *waits;

/* The daemon at work while an ordinary task waits, which inherits a real-time priority. */
static void daemon_looks(void)
{
	mock_on_block = NULL;
	mock_set_current(daemon_task);
	waits->sched.prio = 30;
	(void)reclaim_round(false);
	assert_int_equal(daemon_task->sched.boost, 30);
}

static void test_priority_is_borrowed(void **state)
{
	uint64_t start = time_now();
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, 60 * PAGE_SIZE, RW);
	run(as);
	fill(BASE, 60, 1);
	watermarks = (struct watermarks){ .min = frames_free() + 100 };
	waits = current();
	mock_on_block = daemon_looks;
	assert_int_equal(reclaim_wait(ALLOC_USER), 0);
	assert_int_equal(time_now(), start); /* woken for the reserve, and at once */
	current()->sched.prio = PRIO_FAIR;
	mock_set_current(daemon_task);
	(void)reclaim_round(false);
	assert_int_equal(daemon_task->sched.boost, PRIO_FAIR);
	mock_set_current(waits);
	watermarks = (struct watermarks){ 0 };
	end(as);
}

/* ---- Everything at random ---- */

#define PAGES  48
#define SPACES 3

static struct model {
	struct aspace *as;
	uint8_t private[PAGES], shared[PAGES];
} models[SPACES];
static struct object *random_object;
static uint8_t shared_bytes[PAGES];

static void random_start(struct model *m)
{
	memset(m, 0, sizeof(*m));
	m->as = space();
	map_at(m->as, BASE, PAGES * PAGE_SIZE, RW);
	map_object(m->as, BASE + 4 * MB, PAGES * PAGE_SIZE, RW | AREA_SHARED, random_object);
}

static void random_fork(struct model *to, struct model *from)
{
	run(NULL);
	aspace_unuse(to->as);
	*to = *from;
	to->as = aspace_fork(from->as);
	assert_non_null(to->as);
}

static void random_step(uint32_t *seed)
{
	struct model *m = &models[rnd(seed) % SPACES];
	unsigned page = rnd(seed) % PAGES;
	uint8_t byte = (uint8_t)rnd(seed);

	run(m->as);
	switch (rnd(seed) % 11) {
	case 10:
		assert_int_equal(aspace_advise(m->as, BASE + page * PAGE_SIZE, PAGE_SIZE,
					       MADV_FREE),
				 0);
		if (byte % 2)
			(void)reclaim_round(true);
		assert_int_equal(poke(BASE + page * PAGE_SIZE, byte), 0);
		m->private[page] = byte;
		break;
	case 0:
	case 1:
		assert_int_equal(poke(BASE + page * PAGE_SIZE, byte), 0);
		m->private[page] = byte;
		break;
	case 2:
	case 3: assert_int_equal(peek(BASE + page * PAGE_SIZE), m->private[page]); break;
	case 4:
		assert_int_equal(poke(BASE + 4 * MB + page * PAGE_SIZE, byte), 0);
		shared_bytes[page] = byte;
		break;
	case 5: assert_int_equal(peek(BASE + 4 * MB + page * PAGE_SIZE), shared_bytes[page]); break;
	case 6: (void)reclaim_round(rnd(seed) % 2); break;
	case 7:
		assert_int_equal(aspace_advise(m->as, BASE + page * PAGE_SIZE, PAGE_SIZE,
					       MADV_DONTNEED),
				 0);
		m->private[page] = 0;
		break;
	case 8:
		if (rnd(seed) % 8 == 0)
			random_fork(&models[(m - models + 1) % SPACES], m);
		break;
	default:
		mock_store.fail_append = rnd(seed) % 40;
		mock_store.append_error = -ENOSPC;
		mock_store.lose = rnd(seed) % 3 == 0 ? 2 + rnd(seed) % 5 : 0;
		break;
	}
}

static void test_random(void **state)
{
	uint32_t seed = 12345;

	(void)state;
	swap_off();
	swap_on(2 * PAGES); /* less than there are pages: full now and then */
	memset(shared_bytes, 0, sizeof(shared_bytes));
	random_object = object_create_anon(PAGES * PAGE_SIZE);
	for (unsigned i = 0; i < SPACES; i++)
		random_start(&models[i]);
	for (unsigned i = 0; i < 12000; i++) {
		random_step(&seed);
		if (i % 64 != 0)
			continue;
		check_slots();
		for (unsigned j = 0; j < SPACES; j++)
			check(models[j].as);
	}
	mock_store.fail_append = mock_store.lose = 0;
	for (unsigned i = 0; i < SPACES; i++)
		end(models[i].as);
	object_put(random_object);
}

/* ---- Allocation failure ---- */

static void life(void)
{
	struct aspace *as = aspace_create();
	struct map_request r = {
		.addr = BASE, .length = 4 * PAGE_SIZE, .flags = RW, .fixed = true
	};

	if (as == NULL)
		return;
	if (aspace_map(as, &r) == (int64_t)BASE) {
		run(as);
		for (unsigned i = 0; i < 4; i++)
			(void)!poke(BASE + i * PAGE_SIZE, 1);
		(void)evict_all();
		for (unsigned i = 0; i < 4; i++)
			(void)!poke(BASE + i * PAGE_SIZE, 2);
	}
	end(as);
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
		page_store_rest();
		assert_nothing_left();
		assert_swap_empty();
	}
	assert_true(n > 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip),
		TEST(test_clean_drop),
		TEST(test_unused_pages_go),
		TEST(test_used_pages_stay),
		TEST(test_use_is_seen),
		TEST(test_locked_pages_stay),
		TEST(test_forked_pages),
		TEST(test_pageout),
		TEST(test_lazily_freed),
		TEST(test_lazily_freed_and_stored_to),
		TEST(test_append_fails),
		TEST(test_commit_loses),
		TEST(test_read_fails),
		TEST(test_two_read_once),
		TEST(test_second_reader_takes_the_first_ones_frame),
		TEST(test_used_while_written),
		TEST(test_busy_table),
		TEST(test_shared_memory),
		TEST(test_shared_memory_comes_back),
		TEST(test_shared_memory_held),
		TEST(test_locked_by_another),
		TEST(test_shared_memory_used_while_written),
		TEST(test_file_pages),
		TEST(test_swap_full),
		TEST(test_without_swap),
		TEST(test_turns),
		TEST(test_slept_once),
		TEST(test_waiting),
		TEST(test_slabs_are_no_progress),
		TEST(test_waiting_for_a_block),
		TEST(test_group_request),
		TEST(test_group_request_among_others),
		TEST(test_killed_in_a_group_request),
		TEST(test_page_request_is_waited_for),
		TEST(test_group_request_when_short),
		TEST(test_group_request_left),
		TEST(test_priority_is_borrowed),
		TEST(test_random),
		TEST(test_every_allocation_fails_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
