// SPDX-License-Identifier: MIT
// Overcommit: random calls against a model that knows for every page whether it counts; the three
// modes; what fork, shared memory and failing calls take and give back.
// SOURCES: mm/aspace.c mm/area.c mm/label.c mm/zap.c mm/copies.c mm/huge.c mm/hugetlb.c mm/huge_pool.c mm/huge_object.c mm/share.c mm/fork.c mm/rmap.c mm/rmap_set.c mm/rmap_file.c mm/fault.c mm/parallel.c mm/commit.c
// SOURCES: mm/fault_file.c mm/stack.c mm/map.c mm/protect.c mm/remap.c mm/mlock.c mm/advise.c mm/advise_pages.c
// SOURCES: mm/object.c mm/object_evict.c mm/object_size.c mm/object_write.c mm/object_io.c mm/readahead.c mm/page.c
// SOURCES: kernel/lib/rbtree.c kernel/lib/radix.c kernel/lib/format.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c
// SOURCES: arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c
// SOURCES: tests/mock/usercopy.c tests/mock/slab.c tests/mock/swap.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/unit/mm/aspace_test.h"

#define PAGES  64
#define SPACES 4

/* ---- The model: per page mapped, accounted, writable, for each address space ---- */

enum { MAPPED = 1, COUNTS = 2, WRITABLE = 4, NORESERVE = 8, SHARED = 16 };

struct model {
	struct aspace *as;
	uint8_t page[PAGES];
	unsigned brk; /* pages */
};

static struct model models[SPACES];

static virt_addr_t page_at(unsigned i)
{
	return BASE + i * PAGE_SIZE;
}

static uint64_t model_sum(void)
{
	uint64_t n = 0;

	for (unsigned s = 0; s < SPACES; s++) {
		for (unsigned i = 0; models[s].as != NULL && i < PAGES; i++)
			n += (models[s].page[i] & COUNTS) != 0;
		n += models[s].as != NULL ? models[s].brk : 0;
	}
	return n;
}

static bool all_mapped(const struct model *m, unsigned first, unsigned count)
{
	for (unsigned i = first; i < first + count; i++)
		if (!(m->page[i] & MAPPED))
			return false;
	return true;
}

static uint8_t counted(unsigned flags)
{
	bool counts = (flags & (AREA_WRITE | AREA_SHARED | AREA_NORESERVE)) == AREA_WRITE;

	return MAPPED | (counts ? COUNTS : 0) | (flags & AREA_WRITE ? WRITABLE : 0) |
	       (flags & AREA_NORESERVE ? NORESERVE : 0) | (flags & AREA_SHARED ? SHARED : 0);
}

static struct object
	*file; /* a file's cache: mappings of it count only when private and writable */

static void step_map(struct model *m, unsigned first, unsigned count, uint32_t r)
{
	unsigned flags = AREA_READ | AREA_MAY_WRITE | (r & 1 ? AREA_WRITE : 0) |
			 (r & 6 ? 0 : AREA_NORESERVE) | (r & 8 ? AREA_SHARED : 0);

	map_object(m->as, page_at(first), count * PAGE_SIZE, flags, r & (8 | 16) ? file : NULL);
	for (unsigned i = first; i < first + count; i++)
		m->page[i] = counted(flags);
}

static void step_unmap(struct model *m, unsigned first, unsigned count)
{
	assert_int_equal(aspace_unmap(m->as, page_at(first), count * PAGE_SIZE), 0);
	memset(m->page + first, 0, count);
}

static void step_protect(struct model *m, unsigned first, unsigned count, bool write)
{
	unsigned i;
	int err = aspace_protect(m->as, page_at(first), count * PAGE_SIZE,
				 AREA_READ | (write ? AREA_WRITE : 0));

	for (i = first; i < first + count && (m->page[i] & MAPPED); i++) {
		if (write && !(m->page[i] & (WRITABLE | NORESERVE | SHARED)))
			m->page[i] |= COUNTS;
		m->page[i] = write ? m->page[i] | WRITABLE : m->page[i] & ~WRITABLE;
	}
	assert_int_equal(err, i < first + count ? -ENOMEM : 0);
}

/* Moves a run of equal pages, growing it when there is room in the window. */
static void step_remap(struct model *m, unsigned first, unsigned count, unsigned to, bool grow)
{
	unsigned more = grow ? count + 1 : count;
	uint8_t kind = m->page[first];
	int64_t at;

	if (to + more > PAGES || (to < first + count && first < to + more) ||
	    !all_mapped(m, first, count))
		return;
	at = aspace_remap(m->as, page_at(first), count * PAGE_SIZE, more * PAGE_SIZE,
			  MREMAP_MAYMOVE | MREMAP_FIXED, page_at(to));
	if (at < 0) { /* more than one area; what lay at the target has gone already */
		assert_int_equal(at, -EFAULT);
		memset(m->page + to, 0, more);
		return;
	}
	for (unsigned i = 0; i < more; i++)
		m->page[to + i] = i < count ? m->page[first + i] : kind;
	memset(m->page + first, 0, count);
}

static void step_brk(struct model *m, unsigned pages)
{
	assert_int_equal(aspace_brk(m->as, m->as->brk_start + pages * PAGE_SIZE),
			 m->as->brk_start + pages * PAGE_SIZE);
	m->brk = pages;
}

static void step_fork(struct model *from, struct model *to)
{
	if (to == from)
		return;
	if (to->as != NULL)
		end(to->as);
	*to = *from;
	to->as = aspace_fork(from->as);
	assert_non_null(to->as);
}

static void step(uint32_t *seed)
{
	struct model *m = &models[rnd(seed) % SPACES];
	unsigned first = rnd(seed) % PAGES, count = 1 + rnd(seed) % MIN(PAGES - first, 12u);
	uint32_t r = rnd(seed) >> 8;

	if (m->as == NULL)
		m = &models[0];
	switch (rnd(seed) % 8) {
	case 0:
	case 1: step_map(m, first, count, r); break;
	case 2: step_unmap(m, first, count); break;
	case 3:
	case 4: step_protect(m, first, count, r & 1); break;
	case 5: step_remap(m, first, count, r % PAGES, r & 1024); break;
	case 6: step_brk(m, r % 20); break;
	default: step_fork(m, &models[r % SPACES]); break;
	}
}

static void model_start(void)
{
	memset(models, 0, sizeof(models));
	models[0].as = space();
	models[0].as->brk_start = models[0].as->brk = BASE * 4;
	file = object_create_anon(4 * MB);
}

static void model_end(void)
{
	for (unsigned s = 0; s < SPACES; s++)
		if (models[s].as != NULL)
			end(models[s].as);
	object_put(file);
}

static void test_random(void **state)
{
	uint32_t seed = 7;

	(void)state;
	for (unsigned run = 0; run < 8; run++) {
		model_start();
		for (unsigned n = 0; n < 500; n++) {
			step(&seed);
			assert_int_equal(commit_sum(), model_sum());
			for (unsigned s = 0; s < SPACES && n % 16 == 0; s++)
				if (models[s].as != NULL)
					check_areas(models[s].as);
		}
		model_end();
		assert_int_equal(commit_sum(), 0);
	}
}

/* ---- Modes ---- */

static int64_t try_map(struct aspace *as, uint64_t pages, unsigned flags)
{
	struct map_request r = { .length = pages * PAGE_SIZE, .flags = flags };

	return aspace_map(as, &r);
}

static uint64_t everything(void)
{
	return frames_total() + 100; /* of tests/mock/swap.c */
}

static void test_heuristic(void **state)
{
	struct aspace *as = space();

	(void)state;
	commit_settings.mode = COMMIT_HEURISTIC;
	assert_int_equal(try_map(as, everything() + 1, RW), -ENOMEM);
	assert_int_equal(try_map(as, everything() + 1, RW | AREA_SHARED), -ENOMEM);
	assert_int_equal(commit_sum(), 0);
	assert_true(try_map(as, everything() + 1, RW | AREA_NORESERVE) > 0);
	assert_true(try_map(as, everything() + 1, AREA_READ) > 0);
	/* Twice what there is, in two requests; and fork does not ask again. */
	assert_true(try_map(as, everything(), RW) > 0);
	assert_true(try_map(as, everything(), RW) > 0);
	assert_int_equal(commit_sum(), 2 * everything());
	end(aspace_fork(as));
	check_areas(as);
	end(as);
}

static void test_never(void **state)
{
	uint64_t limit = commit_limit();
	struct aspace *as = space(), *child;
	int64_t at;

	(void)state;
	commit_settings.mode = COMMIT_NEVER;
	assert_int_equal(limit, frames_total() / 2 + 100);
	at = try_map(as, limit - 10, RW);
	assert_true(at > 0);
	assert_int_equal(try_map(as, 11, RW), -ENOMEM);
	assert_int_equal(try_map(as, 11, RW | AREA_NORESERVE), -ENOMEM);
	assert_int_equal(try_map(as, 11, RW | AREA_SHARED), -ENOMEM);
	assert_int_equal(commit_sum(), limit - 10);
	assert_null(aspace_fork(as));
	assert_int_equal(commit_sum(), limit - 10);
	/* What is replaced counts once. */
	map_at(as, (virt_addr_t)at, (limit - 10) * PAGE_SIZE, RW);
	assert_int_equal(commit_sum(), limit - 10);
	/* Growing and becoming writable are asked about too. */
	assert_int_equal(aspace_remap(as, (virt_addr_t)at, (limit - 10) * PAGE_SIZE,
				      (limit + 1) * PAGE_SIZE, MREMAP_MAYMOVE, 0),
			 -ENOMEM);
	map_at(as, BASE, 11 * PAGE_SIZE, AREA_READ | AREA_MAY_WRITE);
	assert_int_equal(aspace_protect(as, BASE, 11 * PAGE_SIZE, RW), -ENOMEM);
	assert_int_equal(aspace_protect(as, BASE, 10 * PAGE_SIZE, RW), 0);
	assert_int_equal(commit_sum(), limit);
	assert_int_equal(try_map(as, 1, RW), -ENOMEM); /* not a page more */
	check_areas(as);
	assert_int_equal(aspace_unmap(as, (virt_addr_t)at, (limit - 10) * PAGE_SIZE), 0);
	child = aspace_fork(as);
	assert_non_null(child);
	assert_int_equal(commit_sum(), 20);
	end(child);
	end(as);
	commit_settings.kbytes = 400;
	assert_int_equal(commit_limit(), 100 + 100);
}

/* Mode 2: what is kept for who mends things. The larger a program is, the less it gets;
 * administrators get what others do not. */
static void test_reserves(void **state)
{
	struct task *self = current();
	struct aspace *as = space();
	uint64_t limit, share;
	int64_t at;

	(void)state;
	commit_init();
	share = (uint64_t)frames_free() / 32;
	assert_int_equal(commit_settings.admin_reserve, MIN(share * 4, (uint64_t)8192));
	assert_int_equal(commit_settings.user_reserve, MIN(share * 4, (uint64_t)131072));
	commit_settings = (struct commit_settings){
		.mode = COMMIT_NEVER, .ratio = 50, .admin_reserve = 5 * 4, .user_reserve = 3 * 4
	};
	limit = commit_limit();
	mock_set_current(mock_task("asks"));
	current()->aspace = as;
	assert_int_equal(try_map(as, limit - 4, RW), -ENOMEM);
	at = try_map(as, limit - 5, RW);
	assert_true(at > 0);
	assert_int_equal(try_map(as, 1, RW), -ENOMEM);
	/* A 32nd of what it has, when that is less than 3: now 1, then 3. */
	as->cap_sys_admin = true;
	assert_int_equal(aspace_unmap(as, (virt_addr_t)at, (limit - 5) * PAGE_SIZE), 0);
	at = try_map(as, 63, RW);
	assert_true(at > 0);
	assert_int_equal(try_map(as, limit - 63, RW), -ENOMEM);
	assert_true(try_map(as, limit - 63 - 1, RW) > 0);
	commit_settings.user_reserve = 0;
	assert_true(try_map(as, 1, RW) > 0);
	assert_int_equal(try_map(as, 1, RW), -ENOMEM);
	/* More than there is leaves nothing. */
	commit_settings.admin_reserve = UINT64_MAX;
	commit_settings.kbytes = limit * 8;
	assert_true(try_map(as, 1, RW) > 0);
	as->cap_sys_admin = false;
	assert_int_equal(try_map(as, 1, RW), -ENOMEM);
	commit_settings.mode = COMMIT_HEURISTIC;
	assert_true(try_map(as, 1, RW) > 0);
	current()->aspace = NULL;
	mock_set_current(self);
	end(as);
}

/* Written pages may be there still: read-only memory goes on counting. */
static void test_sticky(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, BASE, 8 * PAGE_SIZE, RW);
	assert_int_equal(aspace_protect(as, BASE, 8 * PAGE_SIZE, AREA_READ), 0);
	assert_int_equal(commit_sum(), 8);
	assert_int_equal(aspace_protect(as, BASE, 8 * PAGE_SIZE, RW), 0);
	assert_int_equal(commit_sum(), 8);
	end(as);
}

/* Shared anonymous memory counts once, however many map it, until the last one leaves. */
static void test_shared(void **state)
{
	struct aspace *as = space(), *child;
	int64_t at = try_map(as, 30, RW | AREA_SHARED);

	(void)state;
	assert_true(at > 0);
	assert_int_equal(commit_sum(), 30);
	child = aspace_fork(as);
	assert_int_equal(commit_sum(), 30);
	assert_int_equal(aspace_unmap(as, (virt_addr_t)at, 30 * PAGE_SIZE), 0);
	assert_int_equal(commit_sum(), 30);
	end(child);
	assert_int_equal(commit_sum(), 0);
	end(as);
}

/* Without reserve it counts by the page, as each comes, and where mode 2 has no room for one the
 * store fails. */
static void test_shared_without_reserve(void **state)
{
	struct aspace *as = space();
	int64_t at = try_map(as, 30, RW | AREA_SHARED | AREA_NORESERVE);
	virt_addr_t v = (virt_addr_t)at;

	(void)state;
	assert_true(at > 0);
	assert_int_equal(commit_sum(), 0);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(aspace_fault(as, v + i * PAGE_SIZE, FAULT_WRITE), FAULT_RESOLVED);
	assert_int_equal(commit_sum(), 5);
	commit_settings = (struct commit_settings){ .mode = COMMIT_NEVER, .kbytes = 4 };
	assert_int_equal(commit_take(commit_limit() - 6, 0), 0);
	assert_int_equal(aspace_fault(as, v + 5 * PAGE_SIZE, FAULT_WRITE), FAULT_RESOLVED);
	assert_int_equal(aspace_fault(as, v + 6 * PAGE_SIZE, FAULT_WRITE), FAULT_BEYOND_FILE);
	commit_give(commit_limit() - 6);
	assert_int_equal(commit_sum(), 6);
	commit_settings = (struct commit_settings){ .mode = COMMIT_HEURISTIC, .ratio = 50 };
	assert_int_equal(aspace_unmap(as, v, 30 * PAGE_SIZE), 0);
	assert_int_equal(commit_sum(), 0);
	end(as);
}

/* The stack counts as it grows; a child does not get what it does not inherit. */
static void test_stack_and_dontfork(void **state)
{
	struct aspace *as = space(), *child;

	(void)state;
	as->limit.stack = 1 * MB;
	map_at(as, BASE + MB, PAGE_SIZE, RW | AREA_GROWSDOWN | AREA_STACK);
	map_at(as, BASE * 2, 20 * PAGE_SIZE, RW);
	run(as);
	assert_int_equal(poke(BASE + MB - 4 * PAGE_SIZE, 1), 0);
	assert_int_equal(commit_sum(), 25);
	assert_int_equal(aspace_advise(as, BASE * 2, 20 * PAGE_SIZE, MADV_DONTFORK), 0);
	child = aspace_fork(as);
	assert_int_equal(commit_sum(), 30);
	end(child);
	end(as);
}

/* Every allocation of these calls fails once: nothing stays taken. */
static void test_failures(void **state)
{
	struct aspace *as = space();
	int64_t at;

	(void)state;
	map_at(as, BASE, 40 * PAGE_SIZE, AREA_READ | AREA_MAY_WRITE);
	for (unsigned n = 1;; n++) {
		int err;

		mock_fail_allocation(n);
		err = aspace_protect(as, BASE + 4 * PAGE_SIZE, 8 * PAGE_SIZE, RW);
		mock_fail_allocation(0);
		if (err == 0)
			break;
		assert_int_equal(commit_sum(), 0);
		check_areas(as);
	}
	assert_int_equal(commit_sum(), 8);
	for (unsigned n = 1;; n++) {
		mock_fail_allocation(n);
		at = try_map(as, 5, RW | (n & 1 ? AREA_SHARED : 0));
		mock_fail_allocation(0);
		if (at > 0)
			break;
		assert_int_equal(commit_sum(), 8);
	}
	assert_int_equal(aspace_unmap(as, (virt_addr_t)at, 5 * PAGE_SIZE), 0);
	for (unsigned n = 1;; n++) {
		struct aspace *child;

		mock_fail_allocation(n);
		child = aspace_fork(as);
		mock_fail_allocation(0);
		if (child != NULL) {
			end(child);
			break;
		}
		assert_int_equal(commit_sum(), 8);
	}
	end(as);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_random),
		TEST(test_heuristic),
		TEST(test_never),
		TEST(test_reserves),
		TEST(test_sticky),
		TEST(test_shared),
		TEST(test_shared_without_reserve),
		TEST(test_stack_and_dontfork),
		TEST(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
