// SPDX-License-Identifier: MIT
/*
 * Random sequences of everything a pmap can do, on several address spaces and CPUs, against a
 * reference: plain tables of entry states that are shared and copied as the real ones should be.
 * After every step one access is made on some CPU through its TLB: the reference says what it must
 * give. A fault where the reference allows the access must be a spurious one.
 */
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c
// DEFINES: CONFIG_DEBUG=1
#include "tests/unit/arch/arm64/pmap_test.h"

#include <stdlib.h>

#define SPACES  5
#define REGIONS 3
#define PAGES   6 /* per region, spread over the leaf table */
#define STEPS   6000

struct model_entry {
	enum pte_state state;
	unsigned prot;
	struct page *page;
	uint32_t slot;
};

struct model_table {
	unsigned sharers;
	struct model_entry e[PAGES];
};

struct space {
	bool live;
	struct pmap pm;
	struct model_table *t[REGIONS];
	bool shared[REGIONS]; /* link is read-only */
};

static struct space spaces[SPACES];
static struct space *loaded[NR_CPUS_MAX];
static uint64_t seed_state;

static unsigned rnd(unsigned n)
{
	seed_state = seed_state * 6364136223846793005 + 1442695040888963407;
	return (unsigned)(seed_state >> 33) % n;
}

static virt_addr_t va_of(unsigned r, unsigned i)
{
	static const virt_addr_t base[REGIONS] = { 0x400000, 0x7f8040000000, 0x7f8040200000 };

	return base[r] + i * 101 % 512 * PAGE_SIZE;
}

static unsigned rnd_prot(void)
{
	static const unsigned prots[] = { PTE_READ, RW, RW, RX, PTE_READ | PTE_LOCKED, 0 };

	return prots[rnd(ARRAY_SIZE(prots))];
}

static struct space *rnd_space(void)
{
	return &spaces[rnd(SPACES)];
}

static struct model_table *table_need(struct space *s, unsigned r)
{
	if (!s->t[r])
		s->t[r] = calloc(1, sizeof(*s->t[r]));
	if (s->t[r]->sharers == 0)
		s->t[r]->sharers = 1;
	return s->t[r];
}

/* ---- Steps ---- */

static void step_switch(void)
{
	struct space *s = rnd_space();
	unsigned cpu = rnd(mock_options.cpus);

	mock_on_cpu(cpu);
	loaded[cpu] = s->live && rnd(6) ? s : NULL;
	activate(loaded[cpu] ? &loaded[cpu]->pm : NULL);
}

static void step_enter(struct space *s, unsigned r, unsigned i)
{
	struct model_entry *e = &table_need(s, r)->e[i];

	if (e->state == PTE_PRESENT)
		return;
	*e = (struct model_entry){ PTE_PRESENT, rnd_prot(), frame(), 0 };
	if (s->t[r]->sharers > 1)
		e->prot &= ~(unsigned)PTE_WRITE;
	enter(&s->pm, va_of(r, i), e->page, e->prot);
}

/* As the page daemon: any table, no owner. */
static void step_swap_out(struct space *s, unsigned r, unsigned i)
{
	struct model_entry *e = s->t[r] ? &s->t[r]->e[i] : NULL;
	struct tlb_batch b;
	struct pte *pte;

	if (!e || e->state != PTE_PRESENT)
		return;
	tlb_batch_init(&b, NULL);
	pte = pmap_entry_lock(&s->pm, va_of(r, i));
	e->slot = rnd(1000) + 1;
	e->state = PTE_SWAPPED;
	pte_swap_out(pte, e->slot, &b);
	pmap_entry_unlock(pte);
	tlb_flush(&b);
	page_put(e->page);
}

/* What mm/ does before it changes anything in a shared range, and at a write fault there. */
static void unshare(struct space *s, unsigned r)
{
	struct model_table *old = s->t[r], *new;
	struct page *copy, *left;
	struct tlb_batch b;

	if (!old || !s->shared[r])
		return;
	assert_true(pmap_leaf_shared(&s->pm, va_of(r, 0)));
	if (pmap_leaf_claim(&s->pm, va_of(r, 0))) {
		assert_int_equal(old->sharers, 1);
		s->shared[r] = false;
		return;
	}
	assert_true(old->sharers > 1);
	new = calloc(1, sizeof(*new));
	new->sharers = 1;
	copy = frame();
	pmap_table_prepare(copy, va_of(r, 0));
	tlb_batch_init(&b, NULL);
	for (unsigned i = 0; i < PAGES; i++) {
		struct pte *pte = pmap_entry_lock(&s->pm, va_of(r, i));
		struct pte *to = pmap_table_entry(copy, table_index(va_of(r, i), 3));
		struct model_entry *e = &old->e[i];

		if (e->state == PTE_PRESENT) {
			e->prot &= ~(unsigned)PTE_WRITE;
			pte_protect(pte, e->prot, &b);
			page_get(e->page);
			pte_enter(to, e->page, e->prot);
		} else if (e->state == PTE_SWAPPED) {
			pte_enter_slot(to, e->slot);
		}
		pmap_entry_unlock(pte);
		new->e[i] = *e;
	}
	tlb_flush(&b);
	left = pmap_leaf_replace(&s->pm, va_of(r, 0), copy);
	assert_null(left);
	old->sharers--;
	s->t[r] = new;
	s->shared[r] = false;
}

static void step_protect(struct space *s, unsigned r, unsigned i)
{
	struct model_entry *e;
	struct tlb_batch b;
	struct pte *pte;

	if (!s->t[r] || s->t[r]->e[i].state != PTE_PRESENT)
		return;
	unshare(s, r);
	e = &s->t[r]->e[i];
	e->prot = rnd_prot();
	if (e->page->refs > 1)
		e->prot &= ~(unsigned)PTE_WRITE;
	tlb_batch_init(&b, &s->pm);
	pte = pmap_entry_lock(&s->pm, va_of(r, i));
	pte_protect(pte, e->prot, &b);
	pmap_entry_unlock(pte);
	tlb_flush(&b);
}

static void step_replace(struct space *s, unsigned r, unsigned i)
{
	struct model_entry *e;
	struct page *old;
	struct pte *pte;

	if (!s->t[r] || s->t[r]->e[i].state != PTE_PRESENT)
		return;
	unshare(s, r);
	e = &s->t[r]->e[i];
	old = e->page;
	e->page = frame();
	e->prot = rnd_prot();
	pte = pmap_entry_lock(&s->pm, va_of(r, i));
	pte_replace(pte, e->page, e->prot);
	pmap_entry_unlock(pte);
	page_put(old);
}

/* munmap of a run of pages with one batch, and of the table when nothing is left. */
static void step_unmap(struct space *s, unsigned r, unsigned first)
{
	struct tlb_batch b;
	bool empty = true;

	if (!s->t[r])
		return;
	unshare(s, r);
	tlb_batch_init(&b, &s->pm);
	for (unsigned i = first; i < PAGES; i++) {
		struct model_entry *e = &s->t[r]->e[i];
		struct pte *pte = pmap_entry_lock(&s->pm, va_of(r, i));

		if (e->state != PTE_NONE)
			pte_clear(pte, &b);
		if (e->state == PTE_PRESENT)
			tlb_batch_page(&b, e->page);
		pmap_entry_unlock(pte);
		e->state = PTE_NONE;
	}
	for (unsigned i = 0; i < PAGES; i++)
		empty &= s->t[r]->e[i].state == PTE_NONE;
	if (empty && rnd(2)) {
		struct page *table = pmap_table_remove(&s->pm, va_of(r, 0), &b);

		assert_non_null(table);
		tlb_batch_page(&b, table);
		free(s->t[r]);
		s->t[r] = NULL;
	}
	tlb_flush(&b);
}

static void step_young(struct space *s, unsigned r, unsigned i)
{
	struct pte *pte;

	if (!s->t[r] || s->t[r]->e[i].state != PTE_PRESENT)
		return;
	pte = pmap_entry_lock(&s->pm, va_of(r, i));
	if (rnd(2))
		pte_test_clear_young(pte);
	else
		pte_set_young(pte);
	pmap_entry_unlock(pte);
}

static void step_fork(struct space *parent, struct space *child)
{
	struct tlb_batch b;

	if (!parent->live || child->live)
		return;
	memset(child, 0, sizeof(*child));
	child->live = true;
	create(&child->pm);
	tlb_batch_init(&b, &parent->pm);
	for (unsigned r = 0; r < REGIONS; r++) {
		if (!parent->t[r])
			continue;
		while (!pmap_uppers_present(&child->pm, va_of(r, 0)))
			pmap_table_add(&child->pm, va_of(r, 0), frame());
		pmap_share_leaf(&parent->pm, &child->pm, va_of(r, 0), &b);
		parent->t[r]->sharers++;
		child->t[r] = parent->t[r];
		parent->shared[r] = child->shared[r] = true;
	}
	tlb_flush(&b);
}

static void step_exit(struct space *s)
{
	for (unsigned cpu = 0; cpu < mock_options.cpus; cpu++)
		if (loaded[cpu] == s) {
			mock_on_cpu(cpu);
			activate(NULL);
			loaded[cpu] = NULL;
		}
	for (unsigned r = 0; r < REGIONS; r++) {
		struct model_table *t = s->t[r];
		struct tlb_batch b;

		if (!t)
			continue;
		if (t->sharers > 1 && rnd(2)) { /* here, or by pmap_destroy below */
			tlb_batch_init(&b, &s->pm);
			assert_null(pmap_table_remove(&s->pm, va_of(r, 0), &b));
			assert_null(pmap_leaf(&s->pm, va_of(r, 0)));
			tlb_flush(&b);
		} else if (t->sharers == 1) {
			step_unmap(s, r, 0);
			t = s->t[r];
		}
		if (t && --t->sharers == 0)
			free(t);
	}
	pmap_destroy(&s->pm, table_gone);
	s->live = false;
}

/* ---- Checks ---- */

static void check_access(unsigned cpu)
{
	static const unsigned need[] = {
		[MOCK_READ] = PTE_READ, [MOCK_WRITE] = PTE_WRITE, [MOCK_EXEC] = PTE_EXEC
	};
	struct space *s = loaded[cpu];
	unsigned r = rnd(REGIONS), i = rnd(PAGES), tries = 0;
	enum mock_access kind = (enum mock_access)rnd(3);
	struct model_entry none = { PTE_NONE, 0, NULL, 0 },
			   *e = s && s->t[r] ? &s->t[r]->e[i] : &none;
	bool allowed = e->state == PTE_PRESENT && (e->prot & need[kind]) &&
		       !(kind == MOCK_WRITE && s->shared[r]);
	enum mock_result result;
	phys_addr_t pa = 0;

	mock_on_cpu(cpu);
	for (;;) {
		result = mock_access(va_of(r, i), kind, &pa);
		if (result == MOCK_OK || ++tries == 4)
			break;
		if (result == MOCK_FAULT_ACCESS_FLAG) {
			struct pte *pte = pmap_entry_lock(&s->pm, va_of(r, i));

			assert_int_equal(e->state, PTE_PRESENT);
			pte_set_young(pte);
			pmap_entry_unlock(pte);
		} else if (!allowed) {
			assert_true(!s || !pmap_fault_spurious(&s->pm, va_of(r, i), need[kind]));
			break;
		} else {
			/* The entry may be old: then it is no spurious fault but one for the flag,
			 * the next time round. */
			if (view(&s->pm, va_of(r, i)).young)
				assert_true(pmap_fault_spurious(&s->pm, va_of(r, i), need[kind]));
			else
				tlb_flush_local(&s->pm, va_of(r, i));
		}
	}
	assert_int_equal(result == MOCK_OK, allowed);
	if (allowed)
		assert_int_equal(pa, page_to_phys(e->page));
}

static void check_table(struct space *s, unsigned r)
{
	struct page *leaf = pmap_leaf(&s->pm, va_of(r, 0));
	unsigned present = 0, swapped = 0;

	assert_int_equal(leaf != NULL, s->t[r] != NULL);
	if (!leaf)
		return;
	assert_int_equal(leaf->u.table.sharers, s->t[r]->sharers);
	assert_int_equal(pmap_leaf_shared(&s->pm, va_of(r, 0)), s->shared[r]);
	for (unsigned i = 0; i < PAGES; i++) {
		struct pte_view v = view(&s->pm, va_of(r, i));
		struct model_entry *e = &s->t[r]->e[i];

		assert_int_equal(v.state, e->state);
		present += v.state == PTE_PRESENT;
		swapped += v.state == PTE_SWAPPED;
		if (v.state == PTE_PRESENT) {
			assert_ptr_equal(v.page, e->page);
			assert_int_equal(v.prot, e->prot);
		}
		if (v.state == PTE_SWAPPED)
			assert_int_equal(v.slot, e->slot);
	}
	assert_int_equal(leaf->u.table.present, present);
	assert_int_equal(leaf->u.table.swapped, swapped);
}

static void step(void)
{
	struct space *s = rnd_space();
	unsigned r = rnd(REGIONS), i = rnd(PAGES), what = rnd(100);

	mock_on_cpu(rnd(mock_options.cpus));
	if (what < 12) {
		step_switch();
	} else if (!s->live) {
		step_fork(rnd_space(), s);
	} else if (what < 45) {
		step_enter(s, r, i);
	} else if (what < 55) {
		step_swap_out(s, r, i);
	} else if (what < 65) {
		step_protect(s, r, i);
	} else if (what < 75) {
		step_replace(s, r, i);
	} else if (what < 83) {
		step_young(s, r, i);
	} else if (what < 90) {
		step_unmap(s, r, i);
	} else if (what < 94) {
		unshare(s, r);
	} else if (what < 97 && s != &spaces[0]) {
		step_exit(s);
	}
	for (unsigned cpu = 0; cpu < mock_options.cpus; cpu++)
		check_access(cpu);
	if (s->live)
		check_table(s, r);
}

static void run(uint64_t seed, bool hw_access_flag, unsigned asid_bits, bool speculate)
{
	mock_options.hw_access_flag = hw_access_flag;
	mock_options.asid_bits = asid_bits;
	mock_options.loose_frees = asid_bits == 8;
	mock_options.speculate = speculate;
	machine_start();
	print_message("seed %llu, %s access flag, %u-bit ASIDs\n", (unsigned long long)seed,
		      hw_access_flag ? "hardware" : "software", asid_bits);
	seed_state = seed;
	memset(spaces, 0, sizeof(spaces));
	memset(loaded, 0, sizeof(loaded));
	spaces[0].live = true;
	create(&spaces[0].pm);
	for (unsigned n = 0; n < STEPS; n++)
		step();
	for (unsigned i = 0; i < SPACES; i++)
		if (spaces[i].live)
			step_exit(&spaces[i]);
	assert_int_equal(frames_free(), frames_at_start);
}

static void test_software_flag(void **state)
{
	(void)state;
	run(1, false, 16, true);
	run(2, false, 16, false);
}

static void test_hardware_flag(void **state)
{
	(void)state;
	run(3, true, 16, true);
}

static void test_eight_bits(void **state)
{
	(void)state;
	run(4, false, 8, true);
	run(5, true, 8, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_software_flag),
		TEST(test_hardware_flag),
		TEST(test_eight_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
