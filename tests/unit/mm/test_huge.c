// SPDX-License-Identifier: MIT
/*
 * Blocks for anonymous memory: where they are made, that every call which touches a part of one
 * gives the same as with pages, and that they come back. Random sequences of calls are compared
 * with a plain copy of the contents.
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
// DEFINES: CONFIG_DEBUG=1
#include "tests/unit/mm/aspace_test.h"

#include <arch_mmu.h>
#include <stdlib.h>

#define SPAN LEAF_SPAN_BYTES

static int huge_setup(void **state)
{
	space_setup(state);
	thp_mode = THP_MADVISE;
	return 0;
}

/* Another machine with more RAM, for the model's allocator does not put freed blocks together. */
static void more_ram(void)
{
	struct page *empty;

	mock_options.ram = 256 * MB;
	mock_reset();
	mock_swap_reset();
	empty = page_alloc(ALLOC_ZERO);
	asid_init(page_to_phys(empty));
	page_init();
	assert_int_equal(rmap_reserve(), 0);
	frames_at_start = frames_free();
}

#undef TEST
#define TEST(f) cmocka_unit_test_setup_teardown(f, huge_setup, space_teardown)

static bool folded(struct aspace *as, virt_addr_t va)
{
	struct page *leaf = pmap_leaf(&as->pmap, va);

	return leaf != NULL && table_folded(leaf);
}

static void advise(struct aspace *as, virt_addr_t at, uint64_t length, int advice)
{
	assert_int_equal(aspace_advise(as, at, length, advice), 0);
}

/* as on this CPU with 4 MB of advised memory at BASE, written: two blocks. */
static struct aspace *two_blocks(void)
{
	struct aspace *as = space();

	map_at(as, BASE, 2 * SPAN, RW | AREA_MAY_WRITE);
	advise(as, BASE, 2 * SPAN, MADV_HUGEPAGE);
	run(as);
	for (virt_addr_t va = BASE; va < BASE + 2 * SPAN; va += 16 * PAGE_SIZE)
		assert_int_equal(poke(va, (uint8_t)(va >> 16)), 0);
	assert_true(folded(as, BASE) && folded(as, BASE + SPAN));
	assert_int_equal(as->minflt, 2);
	assert_int_equal(aspace_rss(as), 1024);
	check(as);
	return as;
}

static void assert_contents(void)
{
	for (virt_addr_t va = BASE; va < BASE + 2 * SPAN; va += 16 * PAGE_SIZE)
		assert_int_equal(peek(va), (uint8_t)(va >> 16));
}

static void test_a_fault_makes_a_block(void **state)
{
	struct aspace *as = two_blocks();

	(void)state;
	assert_contents();
	assert_int_equal(peek(BASE + 5 * PAGE_SIZE), 0);
	end(as);
	assert_int_equal(atomic_load(&table_blocks), 0);
}

/* By mode, advice, and only where 2 MB fit. */
static void test_where_blocks_are_made(void **state)
{
	static const struct {
		unsigned mode;
		int advice;
		virt_addr_t start, end;
		bool block;
	} cases[] = {
		{ THP_MADVISE, MADV_NORMAL, BASE, BASE + SPAN, false },
		{ THP_MADVISE, MADV_HUGEPAGE, BASE, BASE + SPAN, true },
		{ THP_MADVISE, MADV_NOHUGEPAGE, BASE, BASE + SPAN, false },
		{ THP_ALWAYS, MADV_NORMAL, BASE, BASE + SPAN, true },
		{ THP_ALWAYS, MADV_NOHUGEPAGE, BASE, BASE + SPAN, false },
		{ THP_NEVER, MADV_HUGEPAGE, BASE, BASE + SPAN, false },
		{ THP_ALWAYS, MADV_NORMAL, BASE + PAGE_SIZE, BASE + SPAN, false },
		{ THP_ALWAYS, MADV_NORMAL, BASE, BASE + SPAN - PAGE_SIZE, false },
		{ THP_ALWAYS, MADV_NORMAL, BASE - PAGE_SIZE, BASE + SPAN + PAGE_SIZE, true },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct aspace *as = space();

		thp_mode = cases[i].mode;
		map_at(as, cases[i].start, cases[i].end - cases[i].start, RW);
		advise(as, cases[i].start, cases[i].end - cases[i].start, cases[i].advice);
		run(as);
		assert_int_equal(poke(BASE + 7 * PAGE_SIZE, 1), 0);
		assert_int_equal(folded(as, BASE), cases[i].block);
		assert_int_equal(aspace_rss(as), cases[i].block ? 512 : 1);
		check(as);
		end(as);
	}
}

static void test_parts_of_blocks(void **state)
{
	struct aspace *as = two_blocks();
	virt_addr_t middle = BASE + 100 * PAGE_SIZE;

	(void)state;
	assert_int_equal(aspace_unmap(as, middle, PAGE_SIZE), 0);
	assert_false(folded(as, BASE));
	assert_true(folded(as, BASE + SPAN));
	assert_int_equal(peek(middle), -1);
	map_at(as, middle, PAGE_SIZE, RW | AREA_MAY_WRITE);
	assert_int_equal(poke(middle, 0), 0);
	assert_int_equal(aspace_protect(as, BASE + SPAN + PAGE_SIZE, PAGE_SIZE, AREA_READ), 0);
	assert_false(folded(as, BASE + SPAN));
	assert_int_not_equal(poke(BASE + SPAN + PAGE_SIZE, 1), 0);
	assert_int_equal(poke(BASE + SPAN + 2 * PAGE_SIZE, 0), 0);
	assert_contents();
	check(as);
	end(as);
}

static void test_mprotect_of_all_keeps_the_block(void **state)
{
	struct aspace *as = two_blocks();

	(void)state;
	assert_int_equal(aspace_protect(as, BASE, 2 * SPAN, AREA_READ), 0);
	assert_true(folded(as, BASE));
	assert_int_not_equal(poke(BASE, 1), 0);
	assert_contents();
	assert_int_equal(aspace_protect(as, BASE, 2 * SPAN, RW), 0);
	assert_true(folded(as, BASE));
	assert_int_equal(poke(BASE, (uint8_t)(BASE >> 16)), 0);
	check(as);
	end(as);
}

static void test_dontneed_and_again(void **state)
{
	struct aspace *as = two_blocks();

	(void)state;
	advise(as, BASE, SPAN, MADV_DONTNEED);
	assert_null(pmap_leaf(&as->pmap, BASE));
	assert_int_equal(aspace_rss(as), 512);
	assert_int_equal(peek(BASE), 0); /* read first: a block as well */
	assert_true(folded(as, BASE));
	check(as);
	end(as);
}

static void test_eviction_takes_blocks_apart(void **state)
{
	struct aspace *as = two_blocks();
	unsigned splits = atomic_load(&table_unfolds);

	(void)state;
	for (virt_addr_t va = BASE; va < BASE + SPAN; va += 16 * PAGE_SIZE)
		assert_true(evict(as, va));
	assert_false(folded(as, BASE));
	assert_true(folded(as, BASE + SPAN));
	assert_int_equal(atomic_load(&table_unfolds), splits + 1);
	check(as);
	assert_contents();
	check(as);
	end(as);
}

/* The page daemon's question: a block becomes pages that are all young once. */
static void test_aging_takes_blocks_apart(void **state)
{
	struct aspace *as = two_blocks();
	struct page *p = look(as, BASE).page;
	bool locked;

	(void)state;
	assert_int_equal(rmap_test_clear_young(p, &locked), 1);
	assert_int_equal(rmap_test_clear_young(p, &locked), 0);
	assert_int_equal(rmap_test_clear_young(p + 1, &locked), 1);
	assert_false(folded(as, BASE));
	assert_contents();
	end(as);
}

static void test_mlock_keeps_the_block(void **state)
{
	struct aspace *as = two_blocks();

	(void)state;
	assert_int_equal(aspace_lock(as, BASE, SPAN, AREA_LOCKED), 0);
	assert_true(folded(as, BASE));
	check(as);
	assert_false(evict(as, BASE));
	assert_int_equal(aspace_lock(as, BASE, SPAN, 0), 0);
	assert_true(folded(as, BASE));
	check(as);
	end(as);
}

/* Locked from the start: one fault for all. */
static void test_locked_block(void **state)
{
	struct aspace *as = space();

	(void)state;
	as->cap_ipc_lock = true;
	map_at(as, BASE, SPAN, RW | AREA_MAY_WRITE);
	advise(as, BASE, SPAN, MADV_HUGEPAGE);
	assert_int_equal(aspace_lock(as, BASE, SPAN, AREA_LOCKED), 0);
	assert_true(folded(as, BASE));
	assert_true(look(as, BASE + 9 * PAGE_SIZE).prot & PTE_LOCKED);
	assert_true(page_flag(look(as, BASE + 9 * PAGE_SIZE).page, PAGE_UNEVICTABLE));
	check(as);
	end(as);
}

static void test_fork(void **state)
{
	struct aspace *parent = two_blocks(), *child = aspace_fork(parent);

	(void)state;
	assert_non_null(child);
	assert_false(folded(parent, BASE));
	run(child);
	assert_contents();
	assert_int_equal(poke(BASE, 0xcc), 0); /* copies the table, and one page */
	assert_int_equal(peek(BASE), 0xcc);
	check(child);
	check(parent);
	run(parent);
	assert_contents();
	end(child);
	assert_int_equal(poke(BASE + SPAN, (uint8_t)((BASE + SPAN) >> 16)), 0);
	assert_true(folded(parent, BASE + SPAN)); /* alone again */
	assert_int_equal(poke(BASE, (uint8_t)(BASE >> 16)), 0);
	assert_true(folded(parent, BASE)); /* here the child left all entries read-only */
	assert_contents();
	check(parent);
	end(parent);
}

static void test_mremap(void **state)
{
	struct aspace *as = two_blocks();
	virt_addr_t to = BASE + 16 * SPAN;

	(void)state;
	assert_int_equal(aspace_remap(as, BASE + SPAN, SPAN, SPAN, MREMAP_MAYMOVE | MREMAP_FIXED,
				      to),
			 to);
	for (unsigned i = 0; i < 512; i += 16)
		assert_int_equal(peek(to + i * PAGE_SIZE),
				 (uint8_t)((BASE + SPAN + i * PAGE_SIZE) >> 16));
	check(as);
	end(as);
}

static void test_populate(void **state)
{
	struct aspace *as = space();
	struct map_request r = {
		.addr = BASE, .length = 2 * SPAN, .flags = RW, .fixed = true, .populate = true
	};

	(void)state;
	thp_mode = THP_ALWAYS;
	assert_int_equal(aspace_map(as, &r), BASE);
	assert_true(folded(as, BASE) && folded(as, BASE + SPAN));
	assert_int_equal(as->minflt, 0);
	end(as);
}

/* Whichever allocation fails: the byte is written all the same, in a block or a page; or, without
 * any memory for it, not at all. */
static void test_allocation_failures(void **state)
{
	unsigned n;

	(void)state;
	more_ram();
	for (n = 1;; n++) {
		struct aspace *as = space();
		bool failed;
		int err;

		map_at(as, BASE, SPAN, RW);
		advise(as, BASE, SPAN, MADV_HUGEPAGE);
		run(as);
		mock_fail_allocation(n);
		err = poke(BASE + PAGE_SIZE, 1);
		assert_int_equal(err, 0);
		check(as);
		failed = mock_failed_allocation();
		assert_true(failed || folded(as, BASE));
		end(as);
		assert_nothing_left();
		if (!failed)
			break;
	}
	assert_true(n > 4);
}

static bool is_run(struct aspace *as, virt_addr_t va)
{
	struct pte *e = pmap_entry_lock(&as->pmap, va);
	bool run = pte_load(e) & PTE_CONT;

	pmap_entry_unlock(e);
	return run;
}

/* 1 MB has no block in it: runs of 64 KB, but not over the area's borders, nor where a page is
 * already. */
static void test_runs(void **state)
{
	struct aspace *as = space();
	virt_addr_t run_bytes = 16 * PAGE_SIZE;

	(void)state;
	map_at(as, BASE + 4 * PAGE_SIZE, MB, RW | AREA_MAY_WRITE);
	run(as);
	assert_int_equal(poke(BASE + 5 * run_bytes + PAGE_SIZE, 9), 0);
	assert_false(is_run(as, BASE + 5 * run_bytes + PAGE_SIZE));
	advise(as, BASE + 4 * PAGE_SIZE, MB, MADV_HUGEPAGE);
	assert_int_equal(poke(BASE + 5 * run_bytes + 2 * PAGE_SIZE, 9), 0);
	assert_false(is_run(as, BASE + 5 * run_bytes + 2 * PAGE_SIZE));
	assert_int_equal(poke(BASE + 5 * PAGE_SIZE, 9), 0);
	assert_false(is_run(as, BASE + 5 * PAGE_SIZE));
	assert_int_equal(as->minflt, 3);
	assert_int_equal(aspace_rss(as), 3);
	assert_int_equal(poke(BASE + 2 * run_bytes + 7 * PAGE_SIZE, 9), 0);
	assert_true(is_run(as, BASE + 2 * run_bytes));
	assert_int_equal(aspace_rss(as), 19);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(poke(BASE + 2 * run_bytes + i * PAGE_SIZE, (uint8_t)i), 0);
	assert_int_equal(as->minflt, 4);
	check(as);
	assert_true(evict(as, BASE + 2 * run_bytes + 3 * PAGE_SIZE));
	assert_false(is_run(as, BASE + 2 * run_bytes));
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(peek(BASE + 2 * run_bytes + i * PAGE_SIZE), i);
	check(as);
	end(as);
}

/* Locked memory gets them without advice; locked on fault, page by page. */
static void test_locked_runs(void **state)
{
	struct aspace *as = space();

	(void)state;
	as->cap_ipc_lock = true;
	map_at(as, BASE, MB, RW | AREA_MAY_WRITE);
	run(as);
	assert_int_equal(aspace_lock(as, BASE, MB / 2, AREA_LOCKED), 0);
	assert_true(is_run(as, BASE + PAGE_SIZE));
	assert_true(page_flag(look(as, BASE + PAGE_SIZE).page, PAGE_UNEVICTABLE));
	check(as);
	assert_int_equal(aspace_lock(as, BASE, MB / 2, 0), 0);
	assert_true(is_run(as, BASE + PAGE_SIZE)); /* the lock is no business of the hardware's */
	assert_int_equal(aspace_lock(as, BASE + MB / 2, MB / 2, AREA_LOCKED | AREA_LOCK_ON_FAULT),
			 0);
	assert_int_equal(poke(BASE + MB / 2, 1), 0);
	assert_false(is_run(as, BASE + MB / 2));
	check(as);
	end(as);
}

/* ---- Random calls against a plain copy ---- */

#define REGION (4 * SPAN)
#define GRAIN  (32 * PAGE_SIZE)
#define GRAINS (REGION / GRAIN)
#define STEPS  600

struct copy {
	bool mapped[GRAINS], writable[GRAINS];
	uint8_t byte[GRAINS];
};

static void step(struct aspace *as, struct copy *c, uint32_t *seed)
{
	/* Half of the steps on 2 MB borders. */
	unsigned step = rnd(seed) % 2 ? 1 : GRAINS / 4;
	unsigned i = rnd(seed) % GRAINS / step * step,
		 n = (1 + rnd(seed) % (GRAINS / 2)) / step * step;
	virt_addr_t at = BASE + i * GRAIN;
	uint8_t byte = (uint8_t)rnd(seed);

	n = MIN(MAX(n, step), (unsigned)GRAINS - i);
	switch (rnd(seed) % 9) {
	case 0:
	case 1: /* a new mapping */
		map_at(as, at, n * GRAIN, RW | AREA_MAY_WRITE);
		advise(as, at, n * GRAIN, rnd(seed) % 4 ? MADV_HUGEPAGE : MADV_NORMAL);
		for (unsigned k = i; k < i + n; k++) {
			c->mapped[k] = c->writable[k] = true;
			c->byte[k] = 0;
		}
		break;
	case 2:
		if (rnd(seed) % 3 == 0) {
			assert_int_equal(aspace_unmap(as, at, n * GRAIN), 0);
			memset(&c->mapped[i], 0, n);
		}
		break;
	case 3: {
		unsigned prot = rnd(seed) % 2 ? AREA_READ : RW;

		(void)!aspace_protect(as, at, n * GRAIN, prot);
		for (unsigned k = i; k < i + n && c->mapped[k]; k++)
			c->writable[k] = prot & AREA_WRITE;
		break;
	}
	case 4:
		if (aspace_advise(as, at, n * GRAIN, MADV_DONTNEED) == -EINVAL)
			break; /* locked: from there on untouched; not tried here */
		memset(&c->byte[i], 0, n);
		break;
	case 5: (void)evict(as, at); break;
	case 6: {
		struct page *p = look(as, at).page;
		bool locked;

		if (p != NULL && look(as, at).prot & PTE_WRITE)
			(void)rmap_test_clear_young(p, &locked);
		break;
	}
	default:
		for (unsigned k = i; k < i + n; k++) {
			int err = poke(BASE + k * GRAIN, byte);

			assert_int_equal(err == 0, c->mapped[k] && c->writable[k]);
			if (err == 0)
				c->byte[k] = byte;
		}
	}
}

static void compare(struct aspace *as, const struct copy *c)
{
	for (unsigned k = 0; k < GRAINS; k++)
		assert_int_equal(peek(BASE + k * GRAIN), c->mapped[k] ? c->byte[k] : -1);
	check(as);
}

static void test_random_calls(void **state)
{
	unsigned blocks = 0;

	(void)state;
	for (uint32_t seed = 1; seed <= 3; seed++) {
		struct aspace *as[2] = { NULL };
		uint32_t s = seed * 2654435761u;
		struct copy c[2];

		more_ram();
		memset(c, 0, sizeof(c));
		as[0] = space();
		for (unsigned i = 0; i < STEPS; i++) {
			unsigned k = as[1] != NULL ? rnd(&s) % 2 : 0;

			run(as[k]);
			step(as[k], &c[k], &s);
			blocks += atomic_load(&table_blocks);
			if (i % 8 == 0)
				compare(as[k], &c[k]);
			if (i % 50 == 25) {
				as[1] = aspace_fork(as[0]);
				assert_non_null(as[1]);
				c[1] = c[0];
			} else if (i % 50 == 0 && as[1] != NULL) {
				run(as[1]);
				compare(as[1], &c[1]);
				end(as[1]);
				as[1] = NULL;
			}
		}
		run(as[0]);
		compare(as[0], &c[0]);
		if (as[1] != NULL)
			end(as[1]);
		end(as[0]);
		assert_nothing_left();
	}
	assert_true(blocks > STEPS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_fault_makes_a_block),
		TEST(test_where_blocks_are_made),
		TEST(test_parts_of_blocks),
		TEST(test_mprotect_of_all_keeps_the_block),
		TEST(test_dontneed_and_again),
		TEST(test_eviction_takes_blocks_apart),
		TEST(test_aging_takes_blocks_apart),
		TEST(test_mlock_keeps_the_block),
		TEST(test_locked_block),
		TEST(test_fork),
		TEST(test_mremap),
		TEST(test_populate),
		TEST(test_runs),
		TEST(test_locked_runs),
		TEST(test_allocation_failures),
		TEST(test_random_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
