// SPDX-License-Identifier: MIT
/*
 * Leaf entries: their states and rights (mm/pmap.h). Descriptor bits are made from enum pte_prot by
 * leaf_make() and read back by pte_view(), nowhere else.
 *
 *   rights        AP[2] AP[1] UXN          note
 *   none            1     0    1           present, but user mode may not touch it (PROT_NONE)
 *   read            1     1    1
 *   read, write     0     1    1
 *   read, exec      1     1    0
 *   exec            1     0    0           user mode may fetch but not read
 *
 * User pages are always PXN: the kernel never executes them. A page both writable and executable is
 * made only when both are asked for.
 *
 * PTE_WRITE is the software's dirty state: a clean page is entered read-only, so the first store
 * faults and mm/ learns of it. FEAT_HAFDBS may set the access flag behind our back (TCR_EL1.HA);
 * DBM stays 0, so it never grants a store. Its update is an atomic read-modify-write of a valid
 * descriptor (DDI 0487, D8.4.6), so it cannot bring back an entry that was cleared; what can be
 * lost is one setting of the flag between our load and our store, and with it one use of a page:
 * harmless.
 *
 * Which changes need what (DDI 0487, D8.14.1 "Using break-before-make when updating translation
 * table entries"):
 *
 * - invalid to valid: a DSB before somebody relies on it; pmap_entry_unlock does one for all
 *   changes made under the lock
 * - rights, access flag: no break; a TLBI when rights were taken away
 * - another frame: break, TLBI, DSB, make (pte_replace)
 *
 * No caller may re-enter a cleared entry with another frame before its batch was flushed.
 *
 * A shared leaf table (sharers > 1) translates for several ASIDs, so flushes noted for its entries
 * turn the batch into one for every address space.
 */
#include "arch/arm64/pte.h"

#include <arch_mmu.h>

#include "arch/arm64/pmap_internal.h"
#include "arch/arm64/tlb.h"
#include "kernel/log.h"
#include "mm/pmap.h"

_Static_assert(sizeof(struct pte) == PTE_BYTES, "mm/pmap.h");

#define RIGHTS (PTE_READ | PTE_WRITE | PTE_EXEC)
#define SOFT   (PTE_LOCKED | PTE_SPECIAL | PTE_OWN)

static unsigned pte_index(const struct pte *pte)
{
	return ((uintptr_t)pte & (PAGE_SIZE - 1)) / sizeof(*pte);
}

#define GROUP 8u /* entries per bit of groups: 64 bits for 512 entries */

/* pte is not none any more. The bit goes when the whole table is empty. */
static inline void group_mark(struct page *table, const struct pte *pte)
{
	table->groups |= (uint64_t)1 << pte_index(pte) / GROUP;
}

static inline void group_check(struct page *table)
{
	if (table->u.table.present + table->u.table.swapped == 0)
		table->groups = 0;
}

virt_addr_t pte_address(const struct pte *pte)
{
	return (virt_addr_t)pte_table(pte)->u.table.base << LEAF_SHIFT | (virt_addr_t)pte_index(pte)
										 << PAGE_SHIFT;
}

struct pte *pte_next(struct pte *pte, int delta)
{
	ASSERT((unsigned)((int)pte_index(pte) + delta) < TABLE_ENTRIES);
	return pte + delta;
}

/* The software bits keep their order: one shift moves both. */
#define SOFT_SHIFT 52
_Static_assert((uint64_t)PTE_LOCKED << SOFT_SHIFT == PTE_SW_LOCKED &&
		       (uint64_t)PTE_SPECIAL << SOFT_SHIFT == PTE_SW_SPECIAL &&
		       (uint64_t)PTE_OWN << SOFT_SHIFT == PTE_SW_OWN,
	       "enum pte_prot and the descriptor order their bits alike");

#define LEAF_COMMON                                                                                \
	(PTE_TYPE_PAGE | PTE_ATTR(ATTR_NORMAL) | PTE_SH_INNER | PTE_AF | PTE_NG | PTE_PXN)

/* Tables rather than tests: these two functions are on the path of every minor fault. */
static uint64_t leaf_make(const struct page *page, unsigned prot)
{
	static const uint64_t bits[RIGHTS + 1] = {
		[0] = LEAF_COMMON | PTE_AP_READONLY | PTE_UXN,
		[PTE_READ] = LEAF_COMMON | PTE_AP_USER | PTE_AP_READONLY | PTE_UXN,
		[PTE_WRITE] = LEAF_COMMON | PTE_AP_USER | PTE_UXN,
		[PTE_READ | PTE_WRITE] = LEAF_COMMON | PTE_AP_USER | PTE_UXN,
		[PTE_EXEC] = LEAF_COMMON | PTE_AP_READONLY,
		[PTE_READ | PTE_EXEC] = LEAF_COMMON | PTE_AP_USER | PTE_AP_READONLY,
		[PTE_WRITE | PTE_EXEC] = LEAF_COMMON | PTE_AP_USER,
		[RIGHTS] = LEAF_COMMON | PTE_AP_USER,
	};

	return page_to_phys(page) | bits[prot & RIGHTS] | (uint64_t)(prot & SOFT) << SOFT_SHIFT;
}

static unsigned leaf_prot(uint64_t raw)
{
	/* By UXN, AP[2], AP[1]. */
	static const uint8_t rights[8] = {
		PTE_EXEC, PTE_READ | PTE_WRITE | PTE_EXEC,
		PTE_EXEC, PTE_READ | PTE_EXEC,
		0,        PTE_READ | PTE_WRITE,
		0,        PTE_READ,
	};

	return rights[(raw >> 6 & 3) | (raw >> 54 & 1) << 2] | (unsigned)(raw >> SOFT_SHIFT & SOFT);
}

static inline void view_of(uint64_t raw, struct pte_view *v)
{
	*v = (struct pte_view){ .state = PTE_NONE };
	if (raw & PTE_VALID) {
		v->state = PTE_PRESENT;
		v->prot = leaf_prot(raw);
		v->young = raw & PTE_AF;
		v->page = phys_to_page(pte_pa(raw));
	} else if (raw) {
		v->state = PTE_SWAPPED;
		v->slot = (uint32_t)(raw >> PTE_SLOT_SHIFT);
	}
}

void pte_view(const struct pte *pte, struct pte_view *v)
{
	view_of(pte_load(pte), v);
}

/* Entry `old` of anonymous memory may be written as far as its page is concerned. */
static inline bool entry_owns(uint64_t old)
{
	return !(old & PTE_AP_READONLY) || (old & PTE_SW_OWN);
}

bool pte_is_owned(const struct pte *pte)
{
	uint64_t raw = pte_load(pte);

	return (raw & PTE_VALID) && !(raw & PTE_SW_FILE) && entry_owns(raw);
}

bool pte_is_none(const struct pte *pte)
{
	return pte_load(pte) == 0;
}

static inline unsigned entry_next(const struct page *table, const struct pte *e, unsigned i,
				  unsigned end)
{
	uint64_t groups = READ_ONCE(table->groups);

	/* Most of a table is empty more often than not; within a group, four at a time. */
	while (i < end && groups >> i / GROUP != 0) {
		unsigned skip = (unsigned)__builtin_ctzll(groups >> i / GROUP), stop;

		if (skip > 0)
			i = (i / GROUP + skip) * GROUP;
		stop = MIN((i / GROUP + 1) * GROUP, end);
		while (i < stop) {
			if (stop - i >= 4 && (pte_load(&e[i]) | pte_load(&e[i + 1]) |
					      pte_load(&e[i + 2]) | pte_load(&e[i + 3])) == 0)
				i += 4;
			else if (pte_load(&e[i]) == 0)
				i++;
			else
				return i;
		}
	}
	return end;
}

NOINLINE unsigned pmap_table_next(const struct page *table, unsigned i, unsigned end)
{
	return entry_next(table, page_to_virt(table), i, end);
}

/* What the kernel or user wrote through the data cache must be what the instruction side fetches
 * (DDI 0487, B2.4.4 "Cache maintenance for instruction accesses"). About 270 instructions with the
 * page lock held, the first time a page of code is entered anywhere; others that enter it wait for
 * the lock. */
static COLD void make_fetchable(struct page *page)
{
	page_lock(page);
	if (!page_flag(page, PAGE_FETCHABLE)) {
		page_set_flag(page, PAGE_FETCHABLE); /* first: see page_changed() */
		hw_mb();
		hw_icache_sync(page_to_virt(page), PAGE_SIZE);
	}
	page_unlock(page);
}

/* Before `prot` is granted on page; one that user mode may write stops being known as fetchable. */
static NOINLINE void contents_prepare(struct page *page, unsigned prot)
{
	/* Known to be fetchable and not locked: the maintenance that the flag announces is over. */
	if ((prot & PTE_EXEC) && (atomic_load_acquire(&page->flags) &
				  (PAGE_FETCHABLE | PAGE_RMAP_LOCK)) != PAGE_FETCHABLE)
		make_fetchable(page);
	if (prot & PTE_WRITE)
		page_changed(page);
}

void pmap_make_fetchable(struct page *p)
{
	contents_prepare(p, PTE_EXEC);
}

/* A present entry's kind is in the entry: who clears it need not look at the frame. */
static inline uint64_t kind_of(const struct page *page, unsigned prot)
{
	return page->type == PAGE_FILE && !(prot & PTE_SPECIAL) ? PTE_SW_FILE : 0;
}

static inline void kind_count(struct page *table, uint64_t raw, int by)
{
	if (likely(!(raw & (PTE_SW_SPECIAL | PTE_SW_FILE))))
		return;
	if (raw & PTE_SW_FILE)
		table->kinds.file = (uint16_t)(table->kinds.file + by);
	else
		table->kinds.special = (uint16_t)(table->kinds.special + by);
}

static inline void enter_prepared(struct pte *pte, struct page *page, unsigned prot)
{
	struct page *table = pte_table(pte);
	uint64_t old = pte_load(pte), raw = leaf_make(page, prot) | kind_of(page, prot);

	ASSERT(!(old & PTE_VALID));
	if (old)
		table->u.table.swapped--;
	table->u.table.present++;
	group_mark(table, pte);
	kind_count(table, raw, 1);
	hw_wmb(); /* whoever walks this entry finds what the frame was filled with (B2.3) */
	pte_store(pte, raw);
}

/* Apart, so that the common path needs no stack frame. */
static NOINLINE void enter_code(struct pte *pte, struct page *page, unsigned prot)
{
	contents_prepare(page, prot);
	enter_prepared(pte, page, prot);
}

void pte_enter(struct pte *pte, struct page *page, unsigned prot)
{
	if (unlikely((prot & PTE_EXEC) || page_flag(page, PAGE_FETCHABLE)))
		enter_code(pte, page, prot);
	else
		enter_prepared(pte, page, prot);
}

unsigned pte_none_run(const struct pte *pte, unsigned n)
{
	unsigned mask = 0;
	uint64_t any = 0;

	DEBUG_ASSERT(n <= 32);
	for (unsigned i = 0; i < n; i++)
		any |= pte_load(&pte[i]);
	if (any == 0)
		return (unsigned)(((uint64_t)1 << n) - 1);
	while (n-- > 0)
		mask = mask << 1 | (pte_load(&pte[n]) == 0);
	return mask;
}

void pte_enter_run(struct pte *pte, struct page **pages, unsigned mask, unsigned prot)
{
	uint64_t attributes = leaf_make(pfn_to_page(0), prot) | PTE_SW_FILE;
	struct page *table = pte_table(pte);
	unsigned n = 0, last = 0;

	DEBUG_ASSERT(!(prot & (PTE_WRITE | PTE_SPECIAL)) && mask < 1u << GROUP &&
		     (pte_index(pte) % GROUP + 31 - (unsigned)__builtin_clz(mask | 1)) < GROUP);
	hw_wmb(); /* as in enter_prepared() */
	for (; mask != 0; mask &= mask - 1, n++) {
		unsigned i = last = (unsigned)__builtin_ctz(mask);

		ASSERT(pte_load(&pte[i]) == 0);
		pte_store(&pte[i], page_to_phys(pages[i]) | attributes);
	}
	if (n == 0)
		return;
	table->u.table.present = (uint16_t)(table->u.table.present + n);
	table->kinds.file = (uint16_t)(table->kinds.file + n);
	group_mark(table, pte);
	group_mark(table, pte + last);
}

COLD void pte_enter_joined(struct pte *pte, struct page *first, unsigned prot)
{
	uint64_t raw = leaf_make(first, prot) | kind_of(first, prot) | PTE_CONT;
	struct page *table = pte_table(pte);

	ASSERT(pte_index(pte) % RUN_ENTRIES == 0 && page_to_pfn(first) % RUN_ENTRIES == 0);
	ASSERT(!(prot & (PTE_EXEC | PTE_SPECIAL)));
	table->u.table.present = (uint16_t)(table->u.table.present + RUN_ENTRIES);
	kind_count(table, raw, RUN_ENTRIES);
	group_mark(table, pte);
	group_mark(table, pte + GROUP);
	hw_wmb(); /* as in enter_prepared() */
	/* None of them was valid, so there is nothing to break. */
	for (unsigned i = 0; i < RUN_ENTRIES; i++) {
		ASSERT(pte_load(&pte[i]) == 0);
		pte_store(&pte[i], raw + i * PAGE_SIZE);
	}
}

/* Those of the two entries' runs that have the contiguous bit. */
static NOINLINE void runs_split(struct pte *first, struct pte *last)
{
	if (pte_load(first) & PTE_CONT)
		run_split(first, false);
	if (pte_load(last) & PTE_CONT)
		run_split(last, false);
}

static uint64_t slot_make(uint32_t slot)
{
	ASSERT(slot != 0);
	return (uint64_t)slot << PTE_SLOT_SHIFT;
}

void pte_enter_slot(struct pte *pte, uint32_t slot)
{
	ASSERT(pte_load(pte) == 0);
	pte_store(pte, slot_make(slot));
	pte_table(pte)->u.table.swapped++;
	group_mark(pte_table(pte), pte);
}

/* flush_note() for a table that is not just one address space's, entry by entry. */
static NOINLINE void flush_note_special(const struct pte *pte, struct tlb_batch *b)
{
	struct page *table = pte_table(pte);

	if (table->u.table.sharers & TABLE_FLAGS) {
		table_unfold(table, b->retired);
		if (b->retired)
			return;
	} else {
		b->pmap = NULL;
	}
	tlb_batch_add(b, pte_address(pte));
}

static void flush_note(const struct pte *pte, struct tlb_batch *b)
{
	if (unlikely(pte_table(pte)->u.table.sharers > 1)) {
		flush_note_special(pte, b);
		return;
	}
	if (b->retired)
		return;
	tlb_batch_add(b, pte_address(pte));
}

/* The entry, or one of its table's, became something that a block in its place would not show. */
static inline void entry_changed(const struct pte *pte)
{
	struct page *table = pte_table(pte);

	if (unlikely(table->u.table.sharers & TABLE_FLAGS))
		table_unfold(table, false);
}

/* Empties an entry that holds `old` and is in no run. */
static inline void entry_clear_single(struct pte *pte, uint64_t old, struct tlb_batch *b)
{
	struct page *table = pte_table(pte);

	pte_store(pte, 0);
	if (old & PTE_VALID) {
		table->u.table.present--;
		kind_count(table, old, -1);
		flush_note(pte, b);
	} else {
		table->u.table.swapped--;
	}
	group_check(table);
}

/* Apart, as enter_code() is. */
static NOINLINE void entry_clear_run(struct pte *pte, struct tlb_batch *b)
{
	run_split(pte, b->retired);
	entry_clear_single(pte, pte_load(pte), b);
}

/* Empties an entry that holds `old`. */
static inline void entry_clear(struct pte *pte, uint64_t old, struct tlb_batch *b)
{
	if (unlikely(old & PTE_CONT))
		entry_clear_run(pte, b);
	else
		entry_clear_single(pte, old, b);
}

void pte_clear(struct pte *pte, struct tlb_batch *b)
{
	uint64_t old = pte_load(pte);

	ASSERT(old != 0);
	entry_clear(pte, old, b);
}

void pte_take(struct pte *pte, struct pte_view *v, struct tlb_batch *b)
{
	uint64_t old = pte_load(pte);

	view_of(old, v);
	if (old != 0)
		entry_clear(pte, old, b);
}

/* Notes the flush of a run from first to last, `present` entries long. Those of a short one go by
 * address. A full one is likely to be followed by others, and few addresses are kept: it goes as a
 * range. */
static void flush_note_taken(const struct pte_taken *t, unsigned present, const struct pte *first,
			     const struct pte *last, struct tlb_batch *b)
{
	if (t->n == present && present < PTE_TAKE_MAX &&
	    b->naddresses + present <= TLB_BATCH_ADDRESSES) {
		for (unsigned i = 0; i < t->n; i++)
			flush_note(t->at[i].pte, b);
		return;
	}
	flush_note(first, b);
	flush_note(last, b);
	if (b->naddresses > 1)
		b->naddresses += TLB_BATCH_ADDRESSES;
}

/* What entries cost, in counted frames that nobody else has: the zero page's a quarter. Of a frame
 * that others may have since a fork the reverse map has to find the entry among theirs, behind
 * tables perhaps and in a chain of fifty. */
#define TAKE_SHARED (PTE_TAKE_MAX / 2)

/* Entry e[i], which holds raw, is locked, in a run of 64 KB, or no frame's: only after a split may
 * it be taken like others. Returns what it holds then, 0: it may not. */
static NOINLINE uint64_t take_odd(const struct pte *e, uint64_t raw, bool retired)
{
	if ((raw & (PTE_VALID | PTE_SW_LOCKED)) != PTE_VALID)
		return 0;
	run_split(e, retired);
	return pte_load(e);
}

unsigned pte_take_run(struct page *table, unsigned from, unsigned to, struct pte_taken *taken,
		      struct tlb_batch *b)
{
	const uint64_t kinds = PTE_AP_READONLY | PTE_SW_FILE | PTE_SW_OWN;
	struct pte *base = page_to_virt(table), *pte = NULL, *first = NULL;
	unsigned n = 0, room = PTE_TAKE_MAX, special = 0, file = 0;

	taken->odd = false;
	for (; from < to && n < room; from++) {
		uint64_t raw = pte_load(&base[from]);

		if (raw == 0) {
			from = entry_next(table, base, from, to);
			if (from == to)
				break;
			raw = pte_load(&base[from]);
		}
		if (unlikely((raw & (PTE_VALID | PTE_SW_LOCKED | PTE_CONT)) != PTE_VALID)) {
			raw = take_odd(&base[from], raw, b->retired);
			taken->odd = raw == 0;
			if (raw == 0)
				break;
		}
		if (raw & PTE_SW_SPECIAL) {
			room -= ++special % 4 == 0;
		} else if (unlikely((raw & kinds) == PTE_AP_READONLY)) { /* perhaps others', too */
			if (n + TAKE_SHARED - 1 >= room)
				break;
			room -= TAKE_SHARED - 1;
		}
		pte = &base[from];
		pte_store(pte, 0);
		if (first == NULL)
			first = pte;
		if (raw & PTE_SW_SPECIAL)
			continue;
		if (raw & PTE_SW_FILE)
			file++;
		taken->at[n].page = phys_to_page(pte_pa(raw));
		taken->at[n++].pte = pte;
	}
	taken->n = n;
	taken->cost = n + PTE_TAKE_MAX - room;
	taken->file = file > 0;
	if (first == NULL)
		return from;
	table->u.table.present = (uint16_t)(table->u.table.present - n - special);
	table->kinds.special = (uint16_t)(table->kinds.special - special);
	table->kinds.file = (uint16_t)(table->kinds.file - file);
	group_check(table);
	if (!b->retired || table->u.table.sharers > 1)
		flush_note_taken(taken, n + special, first, pte, b);
	return from;
}

void pte_swap_out(struct pte *pte, uint32_t slot, struct tlb_batch *b)
{
	struct page *table = pte_table(pte);
	uint64_t old = pte_load(pte);

	ASSERT(old & PTE_VALID);
	if (unlikely(old & PTE_CONT))
		run_split(pte, b->retired);
	pte_store(pte, slot_make(slot));
	table->u.table.present--;
	kind_count(table, old, -1);
	table->u.table.swapped++;
	flush_note(pte, b);
}

void pte_protect(struct pte *pte, unsigned prot, struct tlb_batch *b)
{
	uint64_t old = pte_load(pte), raw;
	struct page *page = phys_to_page(pte_pa(old));
	unsigned lost = leaf_prot(old) & RIGHTS & ~prot;

	ASSERT(old & PTE_VALID);
	DEBUG_ASSERT(!(prot & PTE_WRITE) || !(prot & PTE_OWN));
	raw = (leaf_make(page, prot) & ~PTE_AF) | (old & (PTE_AF | PTE_SW_FILE));
	if (((raw ^ old) & ~(PTE_SW_LOCKED | PTE_SW_OWN | PTE_CONT)) ==
	    0) { /* nothing that hardware sees */
		pte_store(pte, raw | (old & PTE_CONT));
		return;
	}
	contents_prepare(page, prot);
	if (unlikely(old & PTE_CONT))
		run_split(pte, false);
	pte_store(pte, raw);
	if (lost)
		flush_note(pte, b);
	else
		entry_changed(pte);
}

bool pte_write_protect(struct pte *pte, struct tlb_batch *b)
{
	uint64_t old = pte_load(pte);

	ASSERT(old & PTE_VALID);
	if (!(leaf_prot(old) & PTE_WRITE))
		return false;
	if (unlikely(old & PTE_CONT))
		run_split(pte, b->retired);
	pte_store(pte, (old & ~PTE_CONT) | PTE_AP_READONLY);
	flush_note(pte, b);
	return true;
}

/* The flush of a run: its first and last entry give the range. */
static void flush_note_run(const struct pte *first, const struct pte *last, struct tlb_batch *b)
{
	flush_note(first, b);
	if (last == first)
		return;
	flush_note(last, b);
	b->naddresses += TLB_BATCH_ADDRESSES; /* not these two addresses alone */
}

/* Did the user lose a right between two descriptors of one page? */
static inline bool rights_lost(uint64_t old, uint64_t raw)
{
	return (~old & raw & (PTE_AP_READONLY | PTE_UXN)) | (old & ~raw & PTE_AP_USER);
}

/* What one entry of a run becomes; `raw` has the new rights, without write. */
static inline uint64_t run_entry(uint64_t old, uint64_t raw, unsigned prot, pte_may_write may_write)
{
	struct page *page;

	if (entry_owns(old)) {
		if (prot & PTE_WRITE)
			return raw & ~PTE_AP_READONLY;
		return old & PTE_SW_FILE ? raw : raw | PTE_SW_OWN;
	}
	if (!(prot & PTE_WRITE) || may_write == NULL || (old & PTE_SW_SPECIAL))
		return raw;
	page = phys_to_page(pte_pa(old));
	if (!may_write(page))
		return raw;
	page_changed(page);
	return raw & ~PTE_AP_READONLY;
}

/* The same where the page becomes executable, apart because it is rare. Nothing is kept of a right
 * to write that goes, so an owned page is never PAGE_FETCHABLE; the next store decides. */
static uint64_t run_entry_exec(uint64_t old, uint64_t raw, unsigned prot)
{
	unsigned write = leaf_prot(old) & prot & PTE_WRITE;

	contents_prepare(phys_to_page(pte_pa(old)), PTE_EXEC | write);
	return write ? raw & ~PTE_AP_READONLY : raw;
}

#define NO_KIND (PTE_ADDR_MASK | PTE_AF) /* in which entries of one kind differ */

/* Makes the same change to those entries behind pte that are of the kind of `old`, up to the first
 * that is not: most are. The last that was changed. */
static inline struct pte *run_alike(struct pte *pte, const struct pte *end, uint64_t old,
				    uint64_t change)
{
	const uint64_t kind = old & ~NO_KIND;

	for (; pte + 1 < end; pte++) {
		uint64_t next = pte_load(pte + 1);

		if ((next & ~NO_KIND) != kind)
			break;
		pte_store(pte + 1, next ^ change);
	}
	return pte;
}

void pte_protect_run(struct pte *pte, unsigned n, unsigned prot, pte_may_write may_write,
		     struct tlb_batch *b)
{
	const uint64_t rights =
		PTE_AP_USER | PTE_AP_READONLY | PTE_UXN | PTE_SW_LOCKED | PTE_SW_OWN;
	const uint64_t clean = leaf_make(pfn_to_page(0), prot & ~(unsigned)PTE_WRITE) & rights;
	struct pte *end = pte + n, *first = NULL, *last = NULL;
	bool lost = false;

	/* Of runs that n entries reach into, one at either end is all there can be. */
	DEBUG_ASSERT(n > 0 && n <= RUN_ENTRIES);
	if (unlikely((pte_load(pte) | pte_load(end - 1)) & PTE_CONT))
		runs_split(pte, end - 1);
	for (; pte < end; pte++) {
		uint64_t old = pte_load(pte), raw = (old & ~rights) | clean;

		if (!(old & PTE_VALID))
			continue;
		raw = prot & PTE_EXEC ? run_entry_exec(old, raw, prot)
				      : run_entry(old, raw, prot, may_write);
		if (raw == old)
			continue;
		pte_store(pte, raw);
		first = first != NULL ? first : pte;
		lost |= rights_lost(old, raw);
		if (entry_owns(old) && !(prot & PTE_EXEC)) /* nothing hangs on the page */
			pte = run_alike(pte, end, old, raw ^ old);
		last = pte;
	}
	if (lost)
		flush_note_run(first, last, b);
	else
		entry_changed(end - 1);
}

void pte_replace(struct pte *pte, struct page *page, unsigned prot)
{
	uint64_t old = pte_load(pte), raw = leaf_make(page, prot) | kind_of(page, prot);

	ASSERT(old & PTE_VALID);
	entry_changed(pte);
	if (unlikely(old & PTE_CONT))
		run_split(pte, false);
	contents_prepare(page, prot);
	kind_count(pte_table(pte), old, -1);
	kind_count(pte_table(pte), raw, 1);
	/* Break-before-make (D8.14.1). Other CPUs that hit the gap take a fault and wait for the
	 * table's lock, or for the address space's mutex. */
	pte_store(pte, 0);
	tlb_flush_page_all(pte_address(pte));
	pte_store(pte, raw);
}

bool pte_test_clear_young(struct pte *pte)
{
	uint64_t raw = pte_load(pte);

	if (!(raw & PTE_VALID) || !(raw & PTE_AF))
		return false;
	/* A block or a run knows of one use of all its pages alone. */
	entry_changed(pte);
	if (unlikely(raw & PTE_CONT))
		run_split(pte, false);
	pte_store(pte, raw & ~(PTE_AF | PTE_CONT));
	return true;
}

void pte_set_young(struct pte *pte)
{
	uint64_t raw = pte_load(pte);

	ASSERT(raw & PTE_VALID);
	if (!(raw & PTE_AF))
		pte_store(pte, raw | PTE_AF);
}
