// SPDX-License-Identifier: MIT
// The reverse map of objects' pages: a model of everything that changes areas and entries, walks
// that others come in between, orphans.
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

#define PAGES  40u
#define SPACES 4
#define PLACES 3 /* where a space may map the object, 2 MB apart, not aligned to it */

static struct object *o;
static struct aspace *spaces[SPACES];
static uint32_t seed;

static uint32_t pick(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* What other CPUs do when a lock is let go of. */
static void (*in_between)(void);

void preempt_schedule(void)
{
	void (*fn)(void) = in_between;

	if (fn == NULL || !preemptible())
		return;
	in_between = NULL;
	fn();
	in_between = fn;
}

static void let_in(void (*fn)(void))
{
	in_between = fn;
	if (fn != NULL)
		current()->hot.pending |= TASK_NEED_RESCHED;
	else
		current()->hot.pending &= ~(uint32_t)TASK_NEED_RESCHED;
}

static virt_addr_t place(unsigned i)
{
	return BASE + 0x1f0000 + i * 4 * MB;
}

/* Entries of p in the tables of all spaces, each table once. */
static unsigned entries_of(const struct page *p)
{
	struct page *seen[64];
	unsigned nseen = 0, n = 0;

	for (unsigned s = 0; s < SPACES; s++) {
		struct pmap *pm = spaces[s] != NULL ? &spaces[s]->pmap : NULL;
		virt_addr_t va = pm != NULL ? pmap_next_leaf(pm, 0, USER_TOP) : USER_TOP;

		for (; va < USER_TOP; va = pmap_next_leaf(pm, leaf_end(va, USER_TOP), USER_TOP)) {
			struct page *table = pmap_leaf(pm, va);
			bool again = false;

			for (unsigned i = 0; i < nseen; i++)
				again |= seen[i] == table;
			seen[nseen++] = table;
			for (unsigned i = 0; i < 512 && !again; i++) {
				struct pte_view v;

				pte_view(pmap_table_entry(table, i), &v);
				n += v.state == PTE_PRESENT && v.page == p;
			}
		}
	}
	return n;
}

static void check_counts(void)
{
	for (uint32_t i = 0; i < PAGES; i++) {
		struct page *p = object_lookup(o, i);

		if (p == NULL)
			continue;
		assert_int_equal(rmap_count(p), entries_of(p));
		assert_int_equal(p->refs, 2); /* the object's, ours */
		page_put(p);
	}
	for (unsigned s = 0; s < SPACES; s++)
		if (spaces[s] != NULL)
			check(spaces[s]);
}

static void map_some(struct aspace *as)
{
	uint32_t first = pick(PAGES - 1), n = 1 + pick(PAGES - first - 1);
	struct map_request r = { .addr = place(pick(PLACES)) + first * PAGE_SIZE,
				 .length = n * PAGE_SIZE,
				 .flags = AREA_READ | (pick(2) ? AREA_WRITE : 0) | AREA_MAY_WRITE |
					  (pick(2) ? AREA_SHARED : 0),
				 .offset = (pick(4) ? first : 0) * PAGE_SIZE,
				 .fixed = true,
				 .object = o };

	assert_true(aspace_map(as, &r) > 0);
}

static void change_some(struct aspace *as)
{
	virt_addr_t at = place(pick(PLACES)) + pick(PAGES) * PAGE_SIZE;
	uint64_t length = (1 + pick(12)) * PAGE_SIZE;

	switch (pick(8)) {
	case 0:
	case 1: map_some(as); break;
	case 2: assert_int_equal(aspace_unmap(as, at, length), 0); break;
	case 3: (void)!aspace_protect(as, at, length, pick(2) ? AREA_READ : RW); break;
	case 4: (void)!aspace_advise(as, at, length, MADV_DONTNEED); break;
	case 5:
		(void)!aspace_remap(as, at, length, length + pick(3) * PAGE_SIZE, MREMAP_MAYMOVE,
				    0);
		break;
	case 6: (void)!aspace_lock(as, at, length, pick(2) ? AREA_LOCKED : 0); break;
	case 7: (void)!aspace_advise(as, at, length, pick(2) ? MADV_DONTFORK : MADV_DOFORK); break;
	}
}

static void touch_some(struct aspace *as)
{
	run(as);
	for (unsigned i = 0; i < 12; i++) {
		virt_addr_t at = place(pick(PLACES)) + pick(PAGES) * PAGE_SIZE;

		if (pick(3))
			(void)peek(at);
		else
			(void)poke(at, (uint8_t)pick(256));
	}
	run(NULL);
}

static void change_pages(void)
{
	uint32_t index = pick(PAGES);
	struct page *p = object_lookup(o, index);
	bool locked;

	switch (pick(5)) {
	case 0:
		assert_int_equal(object_truncate(o, index * PAGE_SIZE + pick(PAGE_SIZE)), 0);
		if (p != NULL && (uint64_t)index * PAGE_SIZE >= o->size)
			assert_int_equal(rmap_count(p), 0);
		assert_int_equal(object_truncate(o, PAGES * PAGE_SIZE), 0);
		break;
	case 1: object_punch(o, index, index + pick(8)); break;
	case 2:
		if (p != NULL && rmap_unmap_file(o, p, false) == 0)
			assert_int_equal(rmap_count(p), 0);
		break;
	case 3:
		if (p != NULL)
			(void)rmap_test_clear_young(p, &locked);
		break;
	case 4:
		if (p != NULL)
			rmap_clean(o, p);
		break;
	}
	if (p != NULL)
		page_put(p);
}

static void fork_or_end(unsigned s)
{
	unsigned to = pick(SPACES);

	if (to != s && spaces[to] == NULL) {
		spaces[to] = aspace_fork(spaces[s]);
		assert_non_null(spaces[to]);
	} else if (to != s) {
		end(spaces[to]);
		spaces[to] = NULL;
	}
}

static void test_model(void **state)
{
	(void)state;
	seed = 7;
	o = object_create_anon(PAGES * PAGE_SIZE);
	spaces[0] = space();
	map_at(spaces[0], place(0) - 80 * PAGE_SIZE, 80 * PAGE_SIZE,
	       RW); /* so that some tables are shared by forks */
	for (unsigned n = 0; n < 3000; n++) {
		unsigned s = pick(SPACES);

		if (spaces[s] == NULL)
			s = 0;
		if (spaces[s] == NULL)
			spaces[s] = space();
		switch (pick(5)) {
		case 0: change_some(spaces[s]); break;
		case 1:
		case 2: touch_some(spaces[s]); break;
		case 3: change_pages(); break;
		case 4: fork_or_end(s); break;
		}
		check_counts();
	}
	for (unsigned s = 0; s < SPACES; s++)
		if (spaces[s] != NULL)
			end(spaces[s]);
	memset(spaces, 0, sizeof(spaces));
	for (uint32_t i = 0; i < PAGES; i++) {
		struct page *p = object_lookup(o, i);

		assert_true(p == NULL || (rmap_count(p) == 0 && p->refs == 2));
		if (p != NULL)
			page_put(p);
	}
	assert_true(list_empty(&o->areas));
	object_put(o);
}

/* Many areas with page 0 each, and other pages behind it. */
#define AREAS 30

static virt_addr_t area_place(unsigned i)
{
	return BASE + i * 8 * PAGE_SIZE;
}

static void many_areas(void)
{
	o = object_create_anon(PAGES * PAGE_SIZE);
	spaces[0] = space();
	for (unsigned i = 0; i < AREAS; i++)
		map_object(spaces[0], area_place(i), 4 * PAGE_SIZE,
			   RW | AREA_SHARED | AREA_MAY_WRITE, o);
	run(spaces[0]);
	for (unsigned i = 0; i < AREAS; i++) {
		assert_int_equal(poke(area_place(i), 1), 0);
		assert_int_equal(poke(area_place(i) + 2 * PAGE_SIZE, 1), 0);
	}
}

static void areas_end(void)
{
	let_in(NULL);
	run(NULL);
	end(spaces[0]);
	spaces[0] = NULL;
	object_put(o);
}

static void flushed_under_lock(void)
{
	assert_true(spin_held(&pmap_leaf(&spaces[0]->pmap, BASE)->u.table.lock));
	mock_on_dsb = flushed_under_lock;
}

/* The TLBs forget an entry before its table's lock goes: nothing else keeps the page. */
static void test_flushed_under_lock(void **state)
{
	struct page *p;

	(void)state;
	many_areas();
	p = object_lookup(o, 0);
	assert_int_equal(rmap_count(p), AREAS);
	mock_on_dsb = flushed_under_lock;
	rmap_clean(o, p);
	assert_int_equal(rmap_unmap_file(o, p, false), 0);
	mock_on_dsb = NULL;
	assert_int_equal(rmap_count(p), 0);
	page_put(p);
	p = object_lookup(o, 2);
	/* munmap as well, before the page may be taken for free: the model's frames would tell. */
	assert_int_equal(aspace_unmap(spaces[0], BASE, 4 * PAGE_SIZE), 0);
	assert_int_equal(rmap_count(p), AREAS - 1);
	page_put(p);
	areas_end();
}

static void test_locked_entries(void **state)
{
	struct page *p;
	bool locked;

	(void)state;
	many_areas();
	p = object_lookup(o, 2);
	assert_int_equal(rmap_test_clear_young(p, &locked), 21); /* a sample */
	assert_false(locked);
	spaces[0]->cap_ipc_lock = true;
	assert_int_equal(aspace_lock(spaces[0], area_place(0), 4 * PAGE_SIZE, AREA_LOCKED), 0);
	assert_int_equal(rmap_unmap_file(o, p, false), -EAGAIN);
	assert_true(rmap_count(p) > 0);
	assert_int_equal(rmap_unmap_file(o, p, true), 0);
	page_put(p);
	areas_end();
}

static unsigned turn;

/* Splits, merges, moves and new areas while a walk has let go of the list. */
static void rearrange(void)
{
	unsigned i = turn * 7 % AREAS;

	turn++;
	run(NULL);
	switch (turn % 4) {
	case 0:
		(void)!aspace_protect(spaces[0], area_place(i) + PAGE_SIZE, PAGE_SIZE, AREA_READ);
		break;
	case 1: (void)!aspace_protect(spaces[0], area_place(i), 4 * PAGE_SIZE, RW); break;
	case 2:
		(void)!aspace_remap(spaces[0], area_place(i), 4 * PAGE_SIZE, 4 * PAGE_SIZE,
				    MREMAP_MAYMOVE | MREMAP_FIXED,
				    BASE + 16 * MB + turn * 8 * PAGE_SIZE);
		break;
	case 3:
		map_object(spaces[0], BASE + 64 * MB + turn * 8 * PAGE_SIZE, 4 * PAGE_SIZE,
			   RW | AREA_SHARED | AREA_MAY_WRITE, o);
		break;
	}
	run(spaces[0]);
}

static void test_walk_passes_nobody_by(void **state)
{
	struct page *p;

	(void)state;
	for (turn = 0; turn < 40;) {
		unsigned begun = turn;

		many_areas();
		/* Some pieces first, so that there is something to merge. */
		for (unsigned i = 0; i < AREAS; i += 2)
			assert_int_equal(aspace_protect(spaces[0], area_place(i) + PAGE_SIZE,
							PAGE_SIZE, AREA_READ),
					 0);
		p = object_lookup(o, 2);
		let_in(rearrange);
		assert_int_equal(object_truncate(o, PAGE_SIZE), 0);
		let_in(NULL);
		assert_true(turn > begun);
		assert_int_equal(rmap_count(p), 0);
		assert_int_equal(p->refs, 1);
		page_put(p);
		areas_end();
	}
}

static struct page *watched;

static void truncate_now(void)
{
	in_between = NULL;
	current()->hot.pending &= ~(uint32_t)TASK_NEED_RESCHED;
	assert_int_equal(object_truncate(o, PAGE_SIZE), 0);
}

/* The areas have left the list, their entries are not empty yet: page 2 is truncated just then. The
 * last entry has its reference. */
static void test_orphans(void **state)
{
	(void)state;
	many_areas();
	watched = object_lookup(o, 2);
	let_in(truncate_now);
	assert_int_equal(aspace_unmap(spaces[0], BASE, AREAS * 8 * PAGE_SIZE), 0);
	assert_int_equal(o->size, PAGE_SIZE);
	assert_int_equal(watched->rmap, 0);
	assert_int_equal(watched->refs, 1);
	page_put(watched);
	areas_end();
}

static unsigned skip;
static bool fired;

/* At the n-th chance: what has been truncated nobody maps any more, whatever is being done to areas
 * just then. */
static void truncate_later(void)
{
	if (skip-- > 0)
		return;
	truncate_now();
	fired = true;
	assert_int_equal(rmap_count(watched), 0);
}

static void test_truncation_during_changes(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 3; kind++) {
		fired = true;
		for (unsigned n = 0; fired; n++) {
			many_areas();
			if (kind == 1)
				assert_int_equal(aspace_protect(spaces[0], BASE + PAGE_SIZE,
								PAGE_SIZE, AREA_READ),
						 0);
			assert_int_equal(peek(BASE + 2 * PAGE_SIZE), 1);
			watched = object_lookup(o, 2);
			skip = n;
			fired = false;
			let_in(truncate_later);
			if (kind == 2)
				assert_true(aspace_remap(spaces[0], BASE, 4 * PAGE_SIZE,
							 64 * PAGE_SIZE, MREMAP_MAYMOVE, 0) > 0);
			else
				assert_int_equal(aspace_protect(spaces[0], BASE + PAGE_SIZE,
								PAGE_SIZE,
								kind == 0 ? AREA_READ : RW),
						 0);
			let_in(NULL);
			assert_true(n > 3 || fired);
			page_put(watched);
			areas_end();
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_model),          TEST(test_flushed_under_lock),
		TEST(test_locked_entries), TEST(test_walk_passes_nobody_by),
		TEST(test_orphans),        TEST(test_truncation_during_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
