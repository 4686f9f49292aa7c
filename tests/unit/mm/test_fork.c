// SPDX-License-Identifier: MIT
/*
 * Fork: generations of processes that share and part, written, unmapped, remapped, paged out at
 * random, compared byte for byte with a model that copies everything at once. Each process runs on
 * a CPU of its own, whose TLB keeps all it may.
 */
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
// TIMEOUT: 180
#include "tests/unit/mm/aspace_test.h"

#define PROCESSES 4
#define WINDOW    40 /* pages around a border between two leaf tables */
#define PAGES     (2 * WINDOW)

enum kind { FREE, PRIVATE, SHARED };

struct process {
	struct aspace *as; /* NULL: not there */
	enum kind kind[PAGES];
	bool writable[PAGES], locked[PAGES];
	uint8_t byte[PAGES]; /* private contents */
};

static struct process processes[PROCESSES];
static struct object *object;
static uint8_t shared_bytes[PAGES];
static uint32_t seed;

static virt_addr_t page_at(unsigned i)
{
	virt_addr_t border = BASE + (i / WINDOW + 1) * 2 * MB;

	return border - WINDOW / 2 * PAGE_SIZE + i % WINDOW * PAGE_SIZE;
}

static void switch_to(unsigned p)
{
	mock_on_cpu(p);
	running = processes[p].as;
}

static int expected(const struct process *p, unsigned i)
{
	return p->kind[i] == FREE ? -1 : p->kind[i] == SHARED ? shared_bytes[i] : p->byte[i];
}

static void compare(unsigned p, unsigned i)
{
	switch_to(p);
	assert_int_equal(peek(page_at(i) + i), expected(&processes[p], i));
}

/* A range inside one window. */
static void pick(unsigned *first, unsigned *count)
{
	*first = rnd(&seed) % PAGES;
	*count = 1 + rnd(&seed) % (WINDOW - *first % WINDOW);
	if (rnd(&seed) % 2)
		*count = MIN(*count, 4u);
}

static void forget(struct process *p, unsigned i)
{
	p->kind[i] = FREE;
	p->writable[i] = p->locked[i] = false;
	p->byte[i] = 0;
}

static void do_map(struct process *p, bool shared)
{
	struct map_request r = { .flags = RW | AREA_MAY_WRITE, .fixed = true };
	unsigned first, count;

	pick(&first, &count);
	r.addr = page_at(first);
	r.length = count * PAGE_SIZE;
	if (shared) {
		r.flags |= AREA_SHARED;
		r.object = object;
		r.offset = first * PAGE_SIZE;
	}
	assert_int_equal(aspace_map(p->as, &r), r.addr);
	for (unsigned i = first; i < first + count; i++) {
		forget(p, i);
		p->kind[i] = shared ? SHARED : PRIVATE;
		p->writable[i] = true;
	}
}

static void do_unmap(struct process *p)
{
	unsigned first, count;

	pick(&first, &count);
	assert_int_equal(aspace_unmap(p->as, page_at(first), count * PAGE_SIZE), 0);
	for (unsigned i = first; i < first + count; i++)
		forget(p, i);
}

static void do_protect(struct process *p)
{
	bool write = rnd(&seed) % 2;
	unsigned first, count, i;
	int err;

	pick(&first, &count);
	err = aspace_protect(p->as, page_at(first), count * PAGE_SIZE, write ? RW : AREA_READ);
	for (i = first; i < first + count && p->kind[i] != FREE; i++)
		p->writable[i] = write;
	assert_int_equal(err, i == first + count ? 0 : -ENOMEM);
}

static void do_drop(struct process *p)
{
	unsigned first, count;

	pick(&first, &count);
	for (unsigned i = first; i < first + count; i++)
		if (p->kind[i] == FREE || p->locked[i])
			return;
	assert_int_equal(aspace_advise(p->as, page_at(first), count * PAGE_SIZE, MADV_DONTNEED), 0);
	for (unsigned i = first; i < first + count; i++)
		p->byte[i] = 0;
}

static void do_lock(struct process *p)
{
	bool lock = rnd(&seed) % 3 == 0;
	unsigned first, count, i;
	int err;

	pick(&first, &count);
	err = aspace_lock(p->as, page_at(first), count * PAGE_SIZE, lock ? AREA_LOCKED : 0);
	for (i = first; i < first + count && p->kind[i] != FREE; i++)
		p->locked[i] = lock;
	assert_int_equal(err, i == first + count ? 0 : -ENOMEM);
}

/* From one window to the other. */
static void do_remap(struct process *p)
{
	unsigned first, count, to;

	pick(&first, &count);
	for (unsigned i = first; i < first + count; i++)
		if (p->kind[i] != PRIVATE || p->writable[i] != p->writable[first] ||
		    p->locked[i] != p->locked[first])
			return;
	to = (first + WINDOW) % PAGES;
	assert_int_equal(aspace_remap(p->as, page_at(first), count * PAGE_SIZE, count * PAGE_SIZE,
				      MREMAP_MAYMOVE | MREMAP_FIXED, page_at(to)),
			 page_at(to));
	for (unsigned i = 0; i < count; i++) {
		p->kind[to + i] = p->kind[first + i];
		p->writable[to + i] = p->writable[first + i];
		p->locked[to + i] = p->locked[first + i];
		p->byte[to + i] = 0;
	}
	/* The bytes lie at an offset that is the page's number: it changed. */
	for (unsigned i = 0; i < count; i++) {
		if (p->writable[to + i]) {
			assert_int_equal(peek(page_at(to + i) + first + i), p->byte[first + i]);
			assert_int_equal(poke(page_at(to + i) + first + i, 0), 0);
			assert_int_equal(poke(page_at(to + i) + to + i, p->byte[first + i]), 0);
			p->byte[to + i] = p->byte[first + i];
		} else {
			assert_int_equal(aspace_unmap(p->as, page_at(to + i), PAGE_SIZE), 0);
			forget(p, to + i);
		}
		forget(p, first + i);
	}
}

static void do_write(struct process *p)
{
	unsigned i = rnd(&seed) % PAGES;
	uint8_t byte = (uint8_t)rnd(&seed);

	assert_int_equal(poke(page_at(i) + i, byte), p->writable[i] ? 0 : -EFAULT);
	if (!p->writable[i])
		return;
	if (p->kind[i] == SHARED)
		shared_bytes[i] = byte;
	else
		p->byte[i] = byte;
}

static void do_fork(unsigned from)
{
	unsigned to = rnd(&seed) % PROCESSES;

	if (processes[to].as != NULL)
		return;
	processes[to] = processes[from];
	processes[to].as = aspace_fork(processes[from].as);
	assert_non_null(processes[to].as);
	memset(processes[to].locked, 0, sizeof(processes[to].locked));
	mock_on_cpu(to);
	run(processes[to].as);
}

static void do_exit(unsigned p)
{
	unsigned alive = 0;

	for (unsigned i = 0; i < PROCESSES; i++)
		alive += processes[i].as != NULL;
	if (alive > 1) {
		end(processes[p].as);
		processes[p].as = NULL;
	}
}

static void do_evict(struct process *p)
{
	unsigned i = rnd(&seed) % PAGES;

	/* The page may be locked elsewhere: any answer is right, its contents are what counts. */
	if (evict(p->as, page_at(i)))
		assert_int_not_equal(p->kind[i], FREE);
}

static void step(unsigned p)
{
	struct process *process = &processes[p];

	switch (rnd(&seed) % 32) {
	case 0: do_map(process, false); break;
	case 1: do_map(process, rnd(&seed) % 2); break;
	case 2: do_unmap(process); break;
	case 3: do_protect(process); break;
	case 4: do_drop(process); break;
	case 5: do_remap(process); break;
	case 6: do_lock(process); break;
	case 7:
	case 8: do_fork(p); break;
	case 9: do_exit(p); break;
	case 10:
	case 11:
	case 12:
	case 13: do_evict(process); break;
	default: do_write(process); break;
	}
}

static void random_life(uint32_t s, unsigned steps)
{
	seed = s * 2654435761u;
	memset(processes, 0, sizeof(processes));
	memset(shared_bytes, 0, sizeof(shared_bytes));
	object = object_create_anon(PAGES * PAGE_SIZE);
	processes[0].as = space();
	/* With so many pages that may be private, tables are shared; without, they are copied at
	 * once. */
	for (unsigned i = 0; i < 3 && s % 4 != 0; i++)
		map_at(processes[0].as, BASE + 2 * MB * i + MB / 2, MB, RW);
	mock_on_cpu(0);
	run(processes[0].as);
	for (unsigned n = 0; n < steps; n++) {
		unsigned p = rnd(&seed) % PROCESSES;

		if (processes[p].as == NULL)
			continue;
		switch_to(p);
		step(p);
		if (processes[p].as != NULL)
			compare(p, rnd(&seed) % PAGES);
		if (n % 64 == 0)
			for (p = 0; p < PROCESSES; p++)
				if (processes[p].as != NULL)
					check(processes[p].as);
	}
	for (unsigned p = 0; p < PROCESSES; p++) {
		if (processes[p].as == NULL)
			continue;
		for (unsigned i = 0; i < PAGES; i++)
			compare(p, i);
		end(processes[p].as);
	}
	object_put(object);
	mock_on_cpu(0);
	assert_nothing_left();
}

static void test_random(void **state)
{
	(void)state;
	for (uint32_t s = 1; s <= 12; s++)
		random_life(s, 3000);
}

/* Pages of a file that were copied on write go to the child, whatever became of their area; others
 * come from the file again. */
static void test_private_file_pages(void **state)
{
	struct object *o = object_create_anon(64 * PAGE_SIZE);
	struct aspace *as = space(), *child;
	uint8_t byte = 3;

	(void)state;
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(object_write(o, i * PAGE_SIZE, &byte, 1, false), 1);
	map_object(as, BASE, 64 * PAGE_SIZE, RW, o);
	run(as);
	assert_int_equal(peek(BASE), 3);
	assert_int_equal(poke(BASE + 40 * PAGE_SIZE, 9), 0);
	assert_int_equal(poke(BASE + 41 * PAGE_SIZE, 8), 0);
	assert_true(evict(as, BASE + 41 * PAGE_SIZE));
	/* Split, read-only, moved: as a loader does with what it has relocated. */
	assert_int_equal(aspace_protect(as, BASE + 32 * PAGE_SIZE, 16 * PAGE_SIZE, AREA_READ), 0);
	assert_int_equal(aspace_remap(as, BASE + 40 * PAGE_SIZE, 4 * PAGE_SIZE, 4 * PAGE_SIZE,
				      MREMAP_MAYMOVE | MREMAP_FIXED, BASE + 8 * MB),
			 BASE + 8 * MB);
	child = aspace_fork(as);
	assert_non_null(child);
	run(child);
	assert_int_equal(peek(BASE), 3);
	assert_int_equal(peek(BASE + 8 * MB), 9);
	assert_int_equal(peek(BASE + 8 * MB + PAGE_SIZE), 8);
	assert_int_equal(poke(BASE, 4), 0);
	run(as);
	assert_int_equal(peek(BASE), 3);
	check(as);
	check(child);
	end(child);
	end(as);
	object_put(o);
}

static unsigned prot_in(struct aspace *as, virt_addr_t va)
{
	return look(as, va).prot;
}

/* A page that a fork made its owner copy is copied by the next fork: neither side faults. Pages
 * that nobody wrote to stay shared, and a second user of the address space ends it. */
static void test_hot_pages(void **state)
{
	struct aspace *as = space(), *child;

	(void)state;
	map_at(as, BASE, 4 * PAGE_SIZE, RW);
	run(as);
	assert_int_equal(poke(BASE, 1), 0);
	assert_int_equal(poke(BASE + PAGE_SIZE, 1), 0);
	child = aspace_fork(as);
	assert_int_equal(poke(BASE, 2), 0); /* copied: hot from now on */
	end(child);

	child = aspace_fork(as);
	assert_int_equal(prot_in(as, BASE), PTE_READ | PTE_WRITE);
	assert_int_equal(prot_in(child, BASE), PTE_READ | PTE_WRITE);
	assert_ptr_not_equal(look(as, BASE).page, look(child, BASE).page);
	assert_int_equal(prot_in(child, BASE + PAGE_SIZE), PTE_READ);
	assert_ptr_equal(look(as, BASE + PAGE_SIZE).page, look(child, BASE + PAGE_SIZE).page);
	assert_int_equal(poke(BASE, 3), 0);
	run(child);
	assert_int_equal(peek(BASE), 2);
	/* What only the child writes to the next child gets its own of, though the parent's entry
	 * is not owned. */
	assert_int_equal(poke(BASE + PAGE_SIZE, 9), 0);
	check(as);
	check(child);
	end(child);
	run(as);
	assert_int_equal(prot_in(as, BASE + PAGE_SIZE), PTE_READ);
	child = aspace_fork(as);
	assert_int_equal(prot_in(as, BASE + PAGE_SIZE), PTE_READ);
	assert_int_equal(prot_in(child, BASE + PAGE_SIZE), PTE_READ | PTE_WRITE);
	run(child);
	assert_int_equal(peek(BASE + PAGE_SIZE), 1);
	assert_int_equal(poke(BASE + PAGE_SIZE, 8), 0);
	check(child);
	end(child);
	run(as);
	assert_int_equal(peek(BASE + PAGE_SIZE), 1);
	check(as);

	aspace_use(as);
	child = aspace_fork(as);
	assert_int_equal(prot_in(as, BASE), PTE_READ);
	assert_ptr_equal(look(as, BASE).page, look(child, BASE).page);
	end(child);
	aspace_unuse(as);
	end(as);
}

static bool forks_share(struct aspace *as, unsigned writes_to)
{
	struct aspace *child = aspace_fork(as);
	bool shared;

	assert_non_null(child);
	shared = pmap_leaf_shared(&child->pmap, BASE);
	run(child);
	for (unsigned i = 0; i < writes_to; i++)
		assert_int_equal(poke(BASE + i * PAGE_SIZE, 7), 0);
	check(as);
	check(child);
	end(child);
	run(as);
	return shared;
}

/* Few pages are copied while that is worth it: not more than some at the first time, and not again
 * where nobody wrote to them. */
static void test_quiet_tables(void **state)
{
	struct aspace *as = space();
	unsigned copied = 0;

	(void)state;
	map_at(as, BASE, 40 * PAGE_SIZE, RW);
	run(as);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(poke(BASE + i * PAGE_SIZE, 1), 0);
	assert_false(forks_share(as, 0));
	assert_false(forks_share(as, 0));
	assert_true(forks_share(as, 0)); /* nothing was hot */
	assert_true(forks_share(as, 2));
	for (unsigned i = 0; i < 14; i++) /* it had to part */
		copied += !forks_share(as, 2);
	assert_int_equal(copied, 14);
	for (unsigned i = 8; i < 40; i++)
		assert_int_equal(poke(BASE + i * PAGE_SIZE, 1), 0);
	assert_false(forks_share(as, 0)); /* many, but known to be hot */
	end(as);

	as = space();
	map_at(as, BASE, 40 * PAGE_SIZE, RW);
	run(as);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(poke(BASE + i * PAGE_SIZE, 1), 0);
	assert_true(forks_share(as, 1)); /* many, and nothing is known */
	assert_false(forks_share(as, 1));
	end(as);
}

/* The child has its parent's limits. */
static void test_limits(void **state)
{
	struct map_request r = { .length = 2 * PAGE_SIZE, .flags = RW };
	struct aspace *as = space(), *child;

	(void)state;
	map_at(as, BASE, 4 * PAGE_SIZE, RW);
	as->limit.as = 5 * PAGE_SIZE;
	as->limit.memlock = PAGE_SIZE;
	child = aspace_fork(as);
	assert_non_null(child);
	assert_int_equal(aspace_map(child, &r), -ENOMEM);
	assert_int_equal(aspace_lock(child, BASE, 2 * PAGE_SIZE, AREA_LOCKED), -ENOMEM);
	assert_int_equal(child->limit.data, as->limit.data);
	assert_int_equal(child->limit.stack, as->limit.stack);
	end(child);
	end(as);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_private_file_pages),
		TEST(test_hot_pages),
		TEST(test_quiet_tables),
		TEST(test_limits),
		TEST(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
