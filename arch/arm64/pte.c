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
 * table entries"): invalid -> valid              a DSB before somebody relies on it;
 * pmap_entry_unlock does one for all changes made under the lock rights, access flag           no
 * break; a TLBI when rights were taken away another frame                 break, TLBI, DSB, make:
 * pte_replace No caller may re-enter a cleared entry with another frame before its batch was
 * flushed.
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

#define RIGHTS (PTE_READ | PTE_WRITE | PTE_EXEC)

struct page *pte_table(const struct pte *pte)
{
	return virt_to_page(pte);
}

static unsigned pte_index(const struct pte *pte)
{
	return ((uintptr_t)pte & (PAGE_SIZE - 1)) / sizeof(*pte);
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
		       (uint64_t)PTE_SPECIAL << SOFT_SHIFT == PTE_SW_SPECIAL,
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

	return page_to_phys(page) | bits[prot & RIGHTS] |
	       (uint64_t)(prot & (PTE_LOCKED | PTE_SPECIAL)) << SOFT_SHIFT;
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

	return rights[(raw >> 6 & 3) | (raw >> 54 & 1) << 2] |
	       (unsigned)(raw >> SOFT_SHIFT & (PTE_LOCKED | PTE_SPECIAL));
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

unsigned pmap_table_next(const struct page *table, unsigned i, unsigned end)
{
	const struct pte *e = page_to_virt(table);

	if (i < end && pte_load(&e[i]) != 0)
		return i;
	/* Four at a time: most of a table is empty more often than not. */
	while (i + 4 <= end && (pte_load(&e[i]) | pte_load(&e[i + 1]) | pte_load(&e[i + 2]) |
				pte_load(&e[i + 3])) == 0)
		i += 4;
	while (i < end && pte_load(&e[i]) == 0)
		i++;
	return i;
}

/* Before `prot` is granted on page: what the kernel or user wrote through the data cache must be
 * what the instruction side fetches (DDI 0487, B2.4.4 "Cache maintenance for instruction
 * accesses"), and a page that user mode may write stops being known for that. About 270
 * instructions with the page lock held, the first time a page of code is entered anywhere; others
 * that enter it wait for the lock. */
static inline void contents_prepare(struct page *page, unsigned prot)
{
	/* Known to be fetchable and not locked: the maintenance that the flag announces is over. */
	if ((prot & PTE_EXEC) && (atomic_load_acquire(&page->flags) &
				  (PAGE_FETCHABLE | PAGE_RMAP_LOCK)) != PAGE_FETCHABLE) {
		page_lock(page);
		if (!page_flag(page, PAGE_FETCHABLE)) {
			page_set_flag(page, PAGE_FETCHABLE); /* first: see page_changed() */
			hw_mb();
			hw_icache_sync(page_to_virt(page), PAGE_SIZE);
		}
		page_unlock(page);
	}
	if (prot & PTE_WRITE)
		page_changed(page);
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
	kind_count(table, raw, 1);
	hw_wmb(); /* whoever walks this entry finds what the frame was filled with (B2.3) */
	pte_store(pte, raw);
}

/* Apart, so that the common path needs no stack frame. */
static __attribute__((noinline)) void enter_code(struct pte *pte, struct page *page, unsigned prot)
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
}

static void flush_note(const struct pte *pte, struct tlb_batch *b)
{
	struct page *table = pte_table(pte);
	bool shared = table->u.table.sharers > 1;

	if (unlikely(shared)) {
		shared = !(table->u.table.sharers & TABLE_FLAGS);
		if (shared)
			b->pmap = NULL;
		else
			table_unfold(table, b->retired);
	}
	if (b->retired && !shared)
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

/* Empties an entry that holds `old`. */
static inline void entry_clear(struct pte *pte, uint64_t old, struct tlb_batch *b)
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

void pte_swap_out(struct pte *pte, uint32_t slot, struct tlb_batch *b)
{
	struct page *table = pte_table(pte);
	uint64_t old = pte_load(pte);

	ASSERT(old & PTE_VALID);
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
	raw = (leaf_make(page, prot) & ~PTE_AF) | (old & (PTE_AF | PTE_SW_FILE));
	if (raw == old)
		return;
	contents_prepare(page, prot);
	pte_store(pte, raw);
	if (lost)
		flush_note(pte, b);
	else if ((raw ^ old) & ~PTE_SW_LOCKED)
		entry_changed(pte);
}

bool pte_write_protect(struct pte *pte, struct tlb_batch *b)
{
	uint64_t old = pte_load(pte);

	ASSERT(old & PTE_VALID);
	if (!(leaf_prot(old) & PTE_WRITE))
		return false;
	pte_store(pte, old | PTE_AP_READONLY);
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

void pte_protect_run(struct pte *pte, unsigned n, unsigned prot, pte_may_write may_write,
		     struct tlb_batch *b)
{
	const uint64_t rights = PTE_AP_USER | PTE_AP_READONLY | PTE_UXN | PTE_SW_LOCKED;
	const uint64_t clean = leaf_make(pfn_to_page(0), prot & ~(unsigned)PTE_WRITE) & rights;
	struct pte *end = pte + n, *first = NULL, *last = NULL, *changed = NULL;

	if (prot & PTE_EXEC)
		may_write = NULL; /* the next store decides; rare */
	for (; pte < end; pte++) {
		uint64_t old = pte_load(pte), raw = (old & ~rights) | clean;

		if (!(old & PTE_VALID))
			continue;
		if (prot & PTE_EXEC)
			contents_prepare(phys_to_page(pte_pa(old)),
					 PTE_EXEC | (leaf_prot(old) & prot & PTE_WRITE));
		if ((prot & PTE_WRITE) && may_write != NULL && !(old & PTE_SW_SPECIAL) &&
		    may_write(phys_to_page(pte_pa(old)))) {
			page_changed(phys_to_page(pte_pa(old)));
			raw &= ~PTE_AP_READONLY;
		} else if ((prot & PTE_WRITE) && (leaf_prot(old) & PTE_WRITE)) {
			raw &= ~PTE_AP_READONLY;
		}
		if (raw == old)
			continue;
		pte_store(pte, raw);
		changed = pte;
		if (leaf_prot(old) & RIGHTS & ~leaf_prot(raw)) {
			first = first != NULL ? first : pte;
			last = pte;
		}
	}
	if (first != NULL)
		flush_note_run(first, last, b);
	else if (changed != NULL)
		entry_changed(changed);
}

void pte_replace(struct pte *pte, struct page *page, unsigned prot)
{
	uint64_t old = pte_load(pte), raw = leaf_make(page, prot) | kind_of(page, prot);

	ASSERT(old & PTE_VALID);
	entry_changed(pte);
	contents_prepare(page, prot);
	kind_count(pte_table(pte), old, -1);
	kind_count(pte_table(pte), raw, 1);
	/* Break-before-make (D8.14.1). Other CPUs that hit the gap take a fault and wait for the
	 * address space's mutex. */
	pte_store(pte, 0);
	tlb_flush_page_all(pte_address(pte));
	pte_store(pte, raw);
}

bool pte_test_clear_young(struct pte *pte)
{
	uint64_t raw = pte_load(pte);

	if (!(raw & PTE_VALID) || !(raw & PTE_AF))
		return false;
	entry_changed(pte); /* a block knows of one use of all its pages alone */
	pte_store(pte, raw & ~PTE_AF);
	return true;
}

void pte_set_young(struct pte *pte)
{
	uint64_t raw = pte_load(pte);

	ASSERT(raw & PTE_VALID);
	if (!(raw & PTE_AF))
		pte_store(pte, raw | PTE_AF);
}
