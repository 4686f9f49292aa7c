// SPDX-License-Identifier: MIT
// Areas: random calls against an array with one entry per page; placement against a linear search;
// split, merge, limits.
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

#define PAGES 256
#define FREE  0xffffffffu

/* The reference: flags per page. Backing: the object's page for each page, or -1. */
struct model {
	unsigned flags[PAGES];
	int64_t index[PAGES];
};

static virt_addr_t page_at(unsigned i)
{
	return BASE + i * PAGE_SIZE;
}

static void compare(struct aspace *as, const struct model *m)
{
	for (unsigned i = 0; i < PAGES; i++) {
		struct area *a = area_covering(as, page_at(i));

		if (m->flags[i] == FREE) {
			assert_null(a);
			continue;
		}
		assert_non_null(a);
		assert_int_equal(a->flags, m->flags[i]);
		assert_int_equal(a->object != NULL ? (int64_t)area_index(a, page_at(i)) : -1,
				 m->index[i]);
	}
	check_areas(as);
}

struct step {
	unsigned first, count, flags;
	bool object;
	uint32_t offset;
};

static void do_map(struct aspace *as, struct model *m, const struct step *s, struct object *o)
{
	struct map_request r = { .addr = page_at(s->first),
				 .length = s->count * PAGE_SIZE,
				 .flags = s->flags,
				 .fixed = true,
				 .object = s->object ? o : NULL,
				 .offset = (uint64_t)s->offset << PAGE_SHIFT };

	assert_int_equal(aspace_map(as, &r), page_at(s->first));
	for (unsigned i = s->first; i < s->first + s->count; i++) {
		m->flags[i] = commit_flags(s->flags);
		m->index[i] = s->object ? (int64_t)s->offset + i - s->first : -1;
	}
}

static void do_unmap(struct aspace *as, struct model *m, const struct step *s)
{
	assert_int_equal(aspace_unmap(as, page_at(s->first), s->count * PAGE_SIZE), 0);
	for (unsigned i = s->first; i < s->first + s->count; i++)
		m->flags[i] = FREE;
}

static void do_protect(struct aspace *as, struct model *m, const struct step *s)
{
	unsigned prot = s->flags & AREA_RIGHTS, i;
	int err = aspace_protect(as, page_at(s->first), s->count * PAGE_SIZE, prot);

	for (i = s->first; i < s->first + s->count && m->flags[i] != FREE; i++)
		m->flags[i] = commit_flags((m->flags[i] & ~(unsigned)AREA_RIGHTS) | prot);
	assert_int_equal(err, i < s->first + s->count ? -ENOMEM : 0);
}

static void do_advise(struct aspace *as, struct model *m, const struct step *s)
{
	bool hole = false;
	int err = aspace_advise(as, page_at(s->first), s->count * PAGE_SIZE, MADV_DONTFORK);

	for (unsigned i = s->first; i < s->first + s->count; i++) {
		hole |= m->flags[i] == FREE;
		if (m->flags[i] != FREE)
			m->flags[i] |= AREA_DONTFORK;
	}
	assert_int_equal(err, hole ? -ENOMEM : 0);
}

static void random_run(uint32_t seed, unsigned steps)
{
	static const unsigned rights[] = { 0, AREA_READ, RW, AREA_READ | AREA_EXEC };
	struct object *o = object_create_anon(4 * MB);
	struct aspace *as = space();
	static struct model m;

	for (unsigned i = 0; i < PAGES; i++)
		m.flags[i] = FREE;
	for (unsigned n = 0; n < steps; n++) {
		struct step s = { .first = rnd(&seed) % PAGES, .flags = rights[rnd(&seed) % 4] };

		unsigned most = rnd(&seed) % 8 ? 16 : PAGES;

		s.count = 1 + rnd(&seed) % MIN(PAGES - s.first, most);
		s.object = rnd(&seed) % 3 == 0;
		s.offset = rnd(&seed) % 2 ? s.first : rnd(&seed) % 64;
		switch (rnd(&seed) % 7) {
		case 0:
		case 1:
		case 2: do_map(as, &m, &s, o); break;
		case 3:
		case 4: do_unmap(as, &m, &s); break;
		case 5: do_protect(as, &m, &s); break;
		default: do_advise(as, &m, &s); break;
		}
		compare(as, &m);
	}
	end(as);
	object_put(o);
}

static void test_random(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 6; seed++)
		random_run(seed * 7919, 700);
}

/* The highest free range by trying every page. */
static virt_addr_t highest_free(struct aspace *as, uint64_t pages)
{
	unsigned run_length = 0;

	for (unsigned i = PAGES; i-- > 0;) {
		struct area *a = area_find(as, page_at(i));
		bool free = a == NULL || a->start > page_at(i);

		if (free && a != NULL && (a->flags & AREA_GROWSDOWN) &&
		    a->start - page_at(i) <= STACK_GUARD)
			free = false;
		run_length = free ? run_length + 1 : 0;
		if (run_length == pages)
			return page_at(i);
	}
	return 0;
}

/* The area that was found last answers for the free space below it too, as long as that is free. */
static void test_found_from_below(void **state)
{
	struct aspace *as = space();

	(void)state;
	map_at(as, page_at(0), PAGE_SIZE, RW);
	map_at(as, page_at(20), PAGE_SIZE, AREA_READ);
	assert_int_equal(area_find(as, page_at(5))->start, page_at(20));
	assert_int_equal(area_find(as, page_at(1))->start, page_at(20));
	assert_int_equal(area_find(as, page_at(0))->start, page_at(0));
	assert_int_equal(area_find(as, page_at(5))->start, page_at(20));
	map_at(as, page_at(10), PAGE_SIZE, AREA_EXEC);
	assert_int_equal(area_find(as, page_at(15))->start, page_at(20));
	assert_int_equal(area_find(as, page_at(5))->start, page_at(10));
	assert_int_equal(aspace_unmap(as, page_at(10), PAGE_SIZE), 0);
	assert_int_equal(area_find(as, page_at(10))->start, page_at(20));
	assert_null(area_find(as, page_at(21)));
	end(as);
}

static void test_placement(void **state)
{
	struct aspace *as = space();
	uint32_t seed = 12345;

	(void)state;
	as->mmap_base = page_at(PAGES);
	/* Nothing fits below the window, nor above it: placement shows all of its answers. */
	map_at(as, USER_MIN, BASE - USER_MIN, 0);
	map_at(as, page_at(PAGES), USER_TOP - page_at(PAGES), 0);
	for (unsigned n = 0; n < 3000; n++) {
		struct map_request r = { .length = (1 + rnd(&seed) % 12) * PAGE_SIZE,
					 .flags = n % 2 ? RW : AREA_READ };
		virt_addr_t expected = highest_free(as, r.length >> PAGE_SHIFT);
		int64_t at = aspace_map(as, &r);

		assert_int_equal(at, expected != 0 ? (int64_t)expected : -ENOMEM);
		if (expected == 0 || rnd(&seed) % 3 == 0)
			assert_int_equal(aspace_unmap(as, page_at(rnd(&seed) % (PAGES - 20)),
						      (1 + rnd(&seed) % 20) * PAGE_SIZE),
					 0);
		check_areas(as);
	}
	end(as);
}

static void test_placement_keeps_the_stack_guard(void **state)
{
	struct map_request r = { .length = PAGE_SIZE, .flags = RW };
	struct aspace *as = space();

	(void)state;
	as->mmap_base = BASE + 64 * MB;
	map_at(as, BASE + 64 * MB - 4 * PAGE_SIZE, 4 * PAGE_SIZE, RW | AREA_GROWSDOWN);
	assert_int_equal(aspace_map(as, &r),
			 BASE + 64 * MB - 4 * PAGE_SIZE - STACK_GUARD - PAGE_SIZE);
	/* A hint inside of the guard is not followed. */
	r.addr = BASE + 64 * MB - 10 * PAGE_SIZE;
	assert_int_not_equal(aspace_map(as, &r), (int64_t)r.addr);
	r.addr = BASE;
	assert_int_equal(aspace_map(as, &r), BASE);
	check_areas(as);
	end(as);
}

/* A limit on areas, and no call that costs time by their number. */
static void test_many_areas(void **state)
{
	struct aspace *as = space();
	struct map_request r = { .length = PAGE_SIZE, .flags = AREA_READ };
	unsigned i;

	(void)state;
	map_at(as, BASE, (uint64_t)2 * area_limit * PAGE_SIZE, 0);
	for (i = 0; aspace_protect(as, BASE + 2 * i * PAGE_SIZE, PAGE_SIZE, AREA_READ) == 0; i++)
		;
	assert_in_range(as->area_count, area_limit - 1, area_limit);
	assert_in_range(i, area_limit / 2 - 2, area_limit / 2);
	check_areas(as);
	assert_int_equal(aspace_protect(as, BASE, (uint64_t)2 * area_limit * PAGE_SIZE, 0), 0);
	assert_int_equal(as->area_count, 1);
	assert_true(aspace_map(as, &r) > 0);
	end(as);
}

/* Files are held once per area, by the hooks. */
static int file_refs;

static void file_get_hook(void *file)
{
	(*(int *)file)++;
}

static void file_put_hook(void *file)
{
	(*(int *)file)--;
}

static int file_path_hook(void *file, char *buf, size_t size)
{
	(void)file;
	return snprintf(buf, size, "/bin/true");
}

static void test_files(void **state)
{
	static const struct area_file_ops ops = { file_get_hook, file_put_hook, file_path_hook,
						  NULL, NULL };
	struct object *o = object_create_anon(MB);
	struct map_request r = {
		.length = 8 * PAGE_SIZE, .flags = AREA_READ, .object = o, .file = &file_refs
	};
	struct aspace *as = space(), *child;
	char name[32];
	int64_t at;

	(void)state;
	aspace_set_file_ops(&ops);
	file_refs = 0;
	at = aspace_map(as, &r);
	assert_int_equal(file_refs, 1);
	assert_int_equal(aspace_unmap(as, (virt_addr_t)at + PAGE_SIZE, PAGE_SIZE), 0);
	assert_int_equal(file_refs, 2);
	child = aspace_fork(as);
	assert_int_equal(file_refs, 4);
	assert_int_equal(area_name(area_first(as), name, sizeof(name)), 9);
	assert_string_equal(name, "/bin/true");
	end(child);
	end(as);
	assert_int_equal(file_refs, 0);
	assert_int_equal(o->refs, 1);
	object_put(o);
	aspace_set_file_ops(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_random),     TEST(test_found_from_below),
		TEST(test_placement),  TEST(test_placement_keeps_the_stack_guard),
		TEST(test_many_areas), TEST(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
