// SPDX-License-Identifier: MIT
// What a real-time task takes when the reserve has ended: clean pages at once and nothing that
// would have to be written, then a victim's.
// SOURCES: mm/aspace.c mm/area.c mm/label.c mm/zap.c mm/copies.c mm/huge.c mm/hugetlb.c mm/huge_pool.c mm/huge_object.c mm/share.c mm/fork.c mm/rmap.c mm/rmap_set.c mm/rmap_file.c mm/fault.c mm/parallel.c mm/fault_file.c mm/stack.c mm/map.c
// SOURCES: mm/commit.c
// SOURCES: mm/protect.c mm/remap.c mm/mlock.c mm/advise.c mm/advise_pages.c mm/object.c mm/object_evict.c mm/object_size.c mm/object_write.c mm/object_io.c mm/readahead.c mm/page.c
// SOURCES: mm/lru.c mm/evict.c mm/claim.c mm/reclaim.c mm/scan.c mm/workingset.c mm/replace/replace.c mm/replace/refault.c mm/replace/clock.c mm/replace/fifo.c mm/replace/lfu.c mm/swap/slots.c mm/swap/swap.c mm/swap/ahead.c mm/swap/areas.c mm/swap/tiers.c mm/swap/pool.c mm/swap/codec.c mm/vmevent.c tests/mock/store.c
// SOURCES: kernel/lib/rbtree.c kernel/lib/radix.c kernel/lib/format.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/usercopy.c tests/mock/slab.c tests/mock/swap.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/unit/mm/reclaim_test.h"

#include <linux/mman.h>

#include "mm/buddy.h"

#define PAGES 8

static int clean_read(struct object *o, struct page *p)
{
	(void)o;
	memset(page_to_virt(p), 7, PAGE_SIZE);
	return 0;
}

static int no_write(struct object *o, struct page **pages, unsigned n)
{
	(void)o, (void)pages, (void)n;
	fail_msg("written for a real-time task");
	return 0;
}

static const struct object_ops file_ops = { .read_page = clean_read, .write_pages = no_write };

/* Claims as long as something is clean; nothing is written and nobody ended. Returns frames. */
static uint32_t claim_all(void)
{
	uint32_t before = frames_free();
	unsigned appends = mock_store.appends;
	uint64_t stolen = vm_events(VM_PGSTEAL_DIRECT);

	while (reclaim_claim(ALLOC_USER))
		;
	assert_int_equal(mock_store.appends, appends);
	assert_int_equal(vm_events(VM_PGSTEAL_DIRECT) - stolen, frames_free() - before);
	check_slots();
	return frames_free() - before;
}

static void test_files(void **state)
{
	static struct disk_object disk;
	struct aspace *as = space();

	(void)state;
	disk_object_init(&disk, &file_ops, PAGES * PAGE_SIZE);
	map_object(as, BASE, PAGES * PAGE_SIZE, RW | AREA_SHARED, &disk.object);
	map_at(as, BASE + MB, PAGES * PAGE_SIZE, RW);
	run(as);
	fill(BASE + MB, PAGES, 1);
	for (unsigned i = 0; i < PAGES; i++)
		assert_int_equal(peek(BASE + i * PAGE_SIZE), 7);
	assert_int_equal(poke(BASE, 5), 0);
	assert_int_equal(claim_all(), PAGES - 1);
	assert_int_equal(look(as, BASE).state, PTE_PRESENT); /* dirty: not even unmapped */
	assert_int_equal(aspace_rss(as), PAGES + 1);
	assert_int_equal(peek(BASE + PAGE_SIZE), 7);
	assert_filled(BASE + MB, PAGES, 1);
	check(as);
	page_clear_flag(look(as, BASE).page, PAGE_DIRTY);
	end(as);
	object_put(&disk.object);
}

static void test_swapped_before(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, PAGES * PAGE_SIZE, RW);
	run(as);
	fill(BASE, PAGES, 1);
	assert_int_equal(claim_all(), 0);
	assert_int_equal(evict_all(), PAGES);
	assert_filled(BASE, PAGES, 1); /* back, and their slots kept */
	assert_int_equal(poke(BASE, 9), 0);
	assert_int_equal(claim_all(), PAGES - 1);
	assert_int_equal(peek(BASE), 9);
	assert_filled(BASE + PAGE_SIZE, PAGES - 1, 2);
	check(as);
	end(as);
}

/* Each list's 16 pages, in the order in which they are worth least: those of files, used or not,
 * before any that a program would have to bring back from swap. */
static void test_order(void **state)
{
	static const char sizes[][4] = { { 16, 16, 16, 16 },
					 { 0, 16, 16, 16 },
					 { 0, 0, 16, 16 },
					 { 0, 0, 0, 16 },
					 { 0, 0, 0, 0 } };
	static struct disk_object disk;
	struct aspace *as = space();

	(void)state;
	disk_object_init(&disk, &file_ops, 32 * PAGE_SIZE);
	map_object(as, BASE, 32 * PAGE_SIZE, RW | AREA_SHARED, &disk.object);
	map_at(as, BASE + MB, 32 * PAGE_SIZE, RW);
	run(as);
	fill(BASE + MB, 32, 1);
	assert_int_equal(evict_all(), 32);
	assert_filled(BASE + MB, 32, 1);
	for (unsigned i = 0; i < 32; i++) {
		assert_int_equal(peek(BASE + i * PAGE_SIZE), 7);
		for (unsigned kind = 0; kind < 2; kind++) {
			struct page *p = look(as, BASE + kind * MB + i * PAGE_SIZE).page;

			lru_deactivate(p, false);
			for (unsigned used = 0; i < 16 && used < 2; used++)
				lru_mark_accessed(p);
		}
	}
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		assert_int_equal(lru_size(LRU_INACTIVE_FILE), sizes[i][0]);
		assert_int_equal(lru_size(LRU_ACTIVE_FILE), sizes[i][1]);
		assert_int_equal(lru_size(LRU_INACTIVE_ANON), sizes[i][2]);
		assert_int_equal(lru_size(LRU_ACTIVE_ANON), sizes[i][3]);
		assert_int_equal(reclaim_claim(ALLOC_USER), i < 4);
	}
	end(as);
	object_put(&disk.object);
}

/* What is being read or written stays where it is mapped. */
static void test_under_way(void **state)
{
	static const unsigned flags[] = { PAGE_READING, PAGE_WRITEBACK };
	static struct disk_object disk;
	struct aspace *as = space();

	(void)state;
	disk_object_init(&disk, &file_ops, PAGES * PAGE_SIZE);
	map_object(as, BASE, PAGES * PAGE_SIZE, RW | AREA_SHARED, &disk.object);
	run(as);
	for (unsigned i = 0; i < PAGES; i++)
		assert_int_equal(peek(BASE + i * PAGE_SIZE), 7);
	for (unsigned i = 0; i < 2; i++)
		page_set_flag(look(as, BASE + i * PAGE_SIZE).page, flags[i]);
	assert_int_equal(claim_all(), PAGES - 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(look(as, BASE + i * PAGE_SIZE).state, PTE_PRESENT);
		page_clear_flag(look(as, BASE + i * PAGE_SIZE).page, flags[i]);
	}
	end(as);
	object_put(&disk.object);
}

/* A victim is waited for, of the machine or of a group: nobody waits with it beside clean pages,
 * nor looks again and again where there are none. */
static void test_beside_a_victim(void **state)
{
	struct aspace *as = space();
	uint64_t scanned;

	(void)state;
	mock_time_set(NSEC_PER_SEC);
	map_at(as, BASE, PAGES * PAGE_SIZE, RW);
	run(as);
	fill(BASE, PAGES, 1);
	assert_int_equal(evict_all(), PAGES);
	assert_filled(BASE, PAGES, 1);
	oom_busy = true;
	assert_int_equal(claim_all(), PAGES);
	assert_filled(BASE, PAGES, 1);
	scanned = vm_events(VM_PGSCAN_DIRECT);
	mock_time_advance(9 * NSEC_PER_MSEC);
	assert_int_equal(claim_all(), 0);
	assert_int_equal(vm_events(VM_PGSCAN_DIRECT), scanned);
	mock_time_advance(2 * NSEC_PER_MSEC);
	assert_int_equal(claim_all(), PAGES);
	assert_filled(BASE, PAGES, 1);
	oom_busy = false; /* nobody's memory is on its way */
	assert_int_equal(claim_all(), PAGES);
	end(as);
}

/* Locked pages are nobody's but their owner's; what MADV_FREE gave up goes. */
static void test_lazy_and_locked(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, 2 * PAGES * PAGE_SIZE, RW);
	run(as);
	fill(BASE, 2 * PAGES, 1);
	assert_int_equal(evict_all(), 2 * PAGES);
	assert_int_equal(aspace_lock(as, BASE, PAGES * PAGE_SIZE, AREA_LOCKED), 0);
	fill(BASE + PAGES * PAGE_SIZE, PAGES, 1);
	assert_int_equal(aspace_advise(as, BASE + PAGES * PAGE_SIZE, PAGES * PAGE_SIZE, MADV_FREE),
			 0);
	assert_int_equal(claim_all(), PAGES);
	assert_int_equal(aspace_rss(as), PAGES);
	assert_int_equal(peek(BASE + PAGES * PAGE_SIZE), 0);
	assert_filled(BASE, PAGES, 1);
	end(as);
}

/* A clean page behind more that is not than one look takes in is found by the next. */
static void test_looks_are_bounded(void **state)
{
	struct aspace *as = space();
	unsigned scanned;

	(void)state;
	map_at(as, BASE, 2700 * PAGE_SIZE, RW);
	run(as);
	fill(BASE, 2700, 1);
	page_clear_flag(look(as, BASE + 2690 * PAGE_SIZE).page,
			PAGE_DIRTY);           /* as by MADV_FREE, at the new end */
	for (unsigned i = 0; i < 2 * 100; i++) /* in use: on another list */
		lru_mark_accessed(look(as, BASE + i / 2 * PAGE_SIZE).page);
	scanned = (unsigned)vm_events(VM_PGSCAN_DIRECT);
	assert_false(reclaim_claim(0));
	assert_int_equal(vm_events(VM_PGSCAN_DIRECT) - scanned, 2048);
	assert_true(reclaim_claim(0));
	assert_int_equal(aspace_rss(as), 2699);
	end(as);
}

/* Nothing is clean: the OOM policy is asked, for user processes that live; what it says is the
 * answer. */
static void test_victims(void **state)
{
	static char a_process;
	struct task *t = current();

	(void)state;
	t->process = NULL;
	assert_false(reclaim_claim(0));
	assert_int_equal(oom_kills, 0);
	t->process = (struct process *)&a_process;
	assert_false(reclaim_claim(0));
	assert_int_equal(oom_kills, 1);
	oom_answer_is = true;
	assert_true(reclaim_claim(ALLOC_USER));
	assert_int_equal(oom_kills, 2);
	t->oom_victim = true;
	assert_false(reclaim_claim(ALLOC_USER));
	t->oom_victim = false;
	atomic_fetch_or(&t->hot.pending, TASK_KILLED);
	assert_false(reclaim_claim(ALLOC_USER));
	atomic_fetch_and(&t->hot.pending, ~(uint32_t)TASK_KILLED);
	assert_int_equal(oom_kills, 2);
	t->process = NULL;
}

/* ---- What groups are protected from ---- */

static unsigned protected_looks;

bool memcg_spares(unsigned id, const struct memcg *root, bool force)
{
	assert_int_equal(id, 7);
	assert_null(root);
	assert_true(force);
	protected_looks++;
	return true;
}

/* memory.min keeps other tasks away, not a real-time one: what is clean goes, and the group is
 * asked, to be told. */
static void test_protected(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, PAGES * PAGE_SIZE, RW);
	run(as);
	fill(BASE, PAGES, 1);
	assert_int_equal(evict_all(), PAGES);
	assert_filled(BASE, PAGES, 1);
	for (unsigned i = 0; i < PAGES; i++)
		look(as, BASE + i * PAGE_SIZE).page->u.lru.group = i % 2 == 0 ? 7 : 0;
	assert_int_equal(claim_all(), PAGES);
	assert_int_equal(protected_looks, PAGES / 2);
	end(as);
}

/* A block of several frames: clean pages, but nobody is ended for it while there are frames. */
static void test_block(void **state)
{
	static char a_process;
	unsigned block = ALLOC_USER | 2 << ALLOC_ORDER_SHIFT, kills = oom_kills;
	struct aspace *as = space();

	(void)state;
	current()->process = (struct process *)&a_process;
	map_at(as, BASE, 3 * PAGE_SIZE, RW);
	run(as);
	fill(BASE, 3, 1);
	assert_int_equal(evict_all(), 3);
	assert_filled(BASE, 3, 1);
	watermarks.min = frames_free() - 1;
	oom_answer_is = true;
	for (unsigned claims = 0; reclaim_claim(block); claims++)
		assert_true(claims < 3);
	assert_int_equal(aspace_rss(as), 0);
	assert_int_equal(oom_kills, kills);
	watermarks.min = frames_free();
	assert_true(reclaim_claim(block));
	assert_int_equal(oom_kills, kills + 1);
	watermarks = (struct watermarks){ 0 };
	current()->process = NULL;
	end(as);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_files),
		TEST(test_swapped_before),
		TEST(test_order),
		TEST(test_under_way),
		TEST(test_beside_a_victim),
		TEST(test_lazy_and_locked),
		TEST(test_looks_are_bounded),
		TEST(test_victims),
		TEST(test_protected),
		TEST(test_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
