// SPDX-License-Identifier: MIT
/*
 * pmap: the translation tables, behind a contract every architecture fulfils. mm/ never sees a
 * descriptor bit.
 *
 *    struct pmap --> root --> ... --> leaf table (512 entries, 2 MB; a struct page, PAGE_TABLE)
 *                                      |  u.table: base address, counts, sharers, lock
 *                                      v
 *                                     struct pte: one leaf entry, in one of these states
 *
 *         none --------- pte_enter --------> present (page, prot, dirty?, young?, locked?)
 *          ^  ^                               |    |
 *          |  +---------- pte_clear ----------+    | pte_swap_out
 *          |                                       v
 *          +------------- pte_clear ----------- swapped (slot)
 *                                     pte_enter: swapped -> present
 *
 * Rules for implementers and callers
 *  - Nothing here allocates, sleeps or takes a lock except where said. Table frames come from the
 *    caller and go back to it.
 *  - Addresses are page aligned (asserted). Counts in u.table are kept by the pte_ functions alone.
 *  - Structure (upper tables, which leaf table is linked where): under the address space's mutex.
 *    Entries: under the leaf table's lock, which pmap_entry_lock takes. Several address spaces may
 *    share one leaf table (fork), then each has set "hierarchically read-only" on its link, and the
 *    same lock serves them all.
 *  - Changes that take rights away or change the frame leave stale TLB entries until tlb_flush().
 *    Until that returned, no frame that was mapped may be freed or re-used: put it on the batch
 *    (tlb_batch), which frees after flushing.
 *  - Giving more rights, or entering where nothing was, needs no flush (a stale entry gives a
 *    spurious fault: see pmap_fault_spurious).
 *  - Live changes of the output address go through invalid (break-before-make): pte_replace does it
 *    all.
 */
#ifndef MM_PMAP_H
#define MM_PMAP_H

#include "mm/page.h"

struct pte; /* opaque: one leaf entry, in its table */

struct pmap {
	struct page *root;     /* top-level table; set at init */
	struct pte *top;       /* its entries: saves the hot path the way from page to address */
	uint64_t context;      /* ASID and its generation; arch's lock */
	struct spinlock links; /* who unlinks a leaf table, and who finds one without the mutex */
};

enum pte_state { PTE_NONE, PTE_PRESENT, PTE_SWAPPED };

enum pte_prot {
	PTE_READ = 1 << 0,
	PTE_WRITE = 1 << 1,   /* hardware lets stores through: private, dirty, not copy-on-write.
				 Implies PTE_READ */
	PTE_EXEC = 1 << 2,    /* instruction-cache maintenance is done here, once per contents
				 (PAGE_FETCHABLE) */
	PTE_LOCKED = 1 << 3,  /* mlocked: the page daemon leaves it alone */
	PTE_SPECIAL = 1 << 4, /* not counted in rmap or refs: the zero page */
	PTE_OWN = 1 << 5, /* could have PTE_WRITE and was only forbidden it (pte_protect_run): an
			     anonymous page that is dirty and this entry's alone. Never with
			     PTE_WRITE */
};

struct pte_view {
	enum pte_state state;
	unsigned prot;     /* enum pte_prot, present only */
	bool young;        /* present: used since last cleared */
	struct page *page; /* present */
	uint32_t slot;     /* swapped */
};

#define TLB_BATCH_PAGES     64
#define TLB_BATCH_ADDRESSES 16 /* scattered addresses that are flushed one by one */

/* What is still in TLBs and what to free once it is not. On the stack of one caller; not shared. */
struct tlb_batch {
	struct pmap *pmap;      /* NULL: entries of any address space (the page daemon) */
	virt_addr_t start, end; /* range to flush; start >= end: nothing */
	bool tables;            /* upper tables were unlinked: flush walk caches too */
	bool all;               /* flush pmap's whole ASID */
	bool retired; /* set by the owner after pmap_retire(pmap): its own entries need no flush */
	unsigned naddresses; /* times tlb_batch_add was called; the first TLB_BATCH_ADDRESSES are
				kept */
	virt_addr_t addresses[TLB_BATCH_ADDRESSES];
	unsigned npages;
	struct page *pages[TLB_BATCH_PAGES]; /* references to drop after the flush */
};

static inline void tlb_batch_init(struct tlb_batch *b, struct pmap *pmap)
{
	b->pmap = pmap;
	b->start = UINTPTR_MAX;
	b->end = 0;
	b->tables = b->all = b->retired = false;
	b->naddresses = b->npages = 0;
}
/* Notes that va's translation was taken away. */
void tlb_batch_add(struct tlb_batch *b, virt_addr_t va);
/* Adds a reference to be dropped by the flush. False: full, flush first (the page was not
 * added). */
static inline bool tlb_batch_full(const struct tlb_batch *b)
{
	return b->npages == TLB_BATCH_PAGES;
}
static inline void tlb_batch_page(struct tlb_batch *b, struct page *p)
{
	b->pages[b->npages++] = p;
}
/* Makes all noted translations gone on every CPU (TLBI ..IS, DSB ISH), then page_put()s the pages;
 * the batch is empty again. No spin locks held (page_put may free). */
void tlb_flush(struct tlb_batch *b);
/* As tlb_flush but leaves pages on the batch: under spin locks. */
void tlb_flush_only(struct tlb_batch *b);

/* ---- Address spaces ---- */

/* root: a zeroed frame. Becomes PAGE_TABLE. */
void pmap_init(struct pmap *pm, struct page *root);
/* Loads pm (NULL: no user mappings, for kernel threads that must not borrow) on this CPU.
 * Interrupts off. Called by arch_switch and exec. */
void pmap_activate(struct pmap *pm);
/* A CPU has it loaded. Means something only while nobody can begin to use it: its last user has
 * gone. */
bool pmap_loaded(const struct pmap *pm);
/* No CPU will run pm any more (none does but perhaps this one: asserted; it is deactivated):
 * flushes its ASID and gives it up. Afterwards nothing of pm can be in a TLB, so that flushes for
 * it cost nothing. */
void pmap_retire(struct pmap *pm);
/* Takes pm apart: gone() gets one table after the other, the root last, with its reference; each
 * may be freed at once. Leaf tables are empty (asserted) or shared: then only this link goes. Not
 * active on any other CPU (asserted); on this one it is deactivated. Preemptible, in gone() too. */
void pmap_destroy(struct pmap *pm, void (*gone)(struct page *table));

/* Links one missing table on the way to va (upper or leaf); consumes a zeroed frame. For use when
 * pmap_entry_lock returned NULL: repeat until it does not. */
void pmap_table_add(struct pmap *pm, virt_addr_t va, struct page *table);
/* The leaf entry of va, its table's lock taken (preemption off); NULL when no leaf table is linked
 * there. */
struct pte *pmap_entry_lock(struct pmap *pm, virt_addr_t va);
void pmap_entry_unlock(struct pte *pte);
/* The same without the lock, and whether pm's link to the table is read-only (pmap_leaf_shared;
 * false when there is no table). Aspace mutex, as long as it is used. */
struct pte *pmap_entry(struct pmap *pm, virt_addr_t va, bool *shared);
/* True when pte maps an anonymous page that is its alone: PTE_WRITE or PTE_OWN. Without the lock as
 * pte_is_none(). */
bool pte_is_owned(const struct pte *pte);
/* True when pte is none. Without the lock it may be something else a moment later. */
bool pte_is_none(const struct pte *pte);
#define PTE_BYTES 8 /* on every architecture with long descriptors; asserted there */
/* pte_next() where the caller knows that it stays in the table. */
static inline struct pte *pte_at(struct pte *pte, unsigned i)
{
	return (struct pte *)((uintptr_t)pte + i * PTE_BYTES);
}
/* The neighbour `delta` entries on, same table (asserted). */
struct pte *pte_next(struct pte *pte, int delta);
/* The first address at or after va (and below end) whose leaf table exists, else end. For walking
 * sparse ranges. Aspace mutex. */
virt_addr_t pmap_next_leaf(struct pmap *pm, virt_addr_t va, virt_addr_t end);
/* The leaf table of an entry, and the address an entry translates (in every sharer). */
static inline struct page *pte_table(const struct pte *pte)
{
	return virt_to_page(pte);
}
virt_addr_t pte_address(const struct pte *pte);
struct page *pmap_leaf(struct pmap *pm, virt_addr_t va); /* NULL: none. Aspace mutex. */
/* The same for whoever has no mutex, while pm has not been destroyed: the table comes locked, and
 * stays linked, or at least whole, until it is unlocked. Takes the lock of links before the
 * table's. */
struct page *pmap_leaf_lock(struct pmap *pm, virt_addr_t va);
void pmap_leaf_unlock(struct pmap *pm, struct page *table);
/* Unlinks the leaf table of va when its 512 entries are none, or when it is shared (sharers falls
 * by one; pm's translations there are flushed before it does). Returns the table to be freed after
 * the flush (put it on the batch), or NULL when nothing was unlinked (pmap_leaf still finds it: the
 * last other sharer went meanwhile, and its entries are ours alone) or other sharers remain. Aspace
 * mutex; no table lock held. */
struct page *pmap_table_remove(struct pmap *pm, virt_addr_t va, struct tlb_batch *b);

/* Sums over pm's leaf tables (shared ones count whole). Aspace mutex, or a racy read for statistics
 * while pm is kept alive. */
struct pmap_usage {
	uint64_t present; /* frames; entries of the zero page are none */
	uint64_t file;    /* of them objects' pages */
	uint64_t swapped, tables;
	uint64_t huge; /* frames of MAP_HUGETLB, not among the present */
};
/* Frames that a leaf table's entries map. */
static inline unsigned table_resident(const struct page *table)
{
	unsigned present = READ_ONCE(table->u.table.present);
	unsigned special = READ_ONCE(table->kinds.special);

	return present - MIN(special, present); /* a racy reader may see one without the other */
}
void pmap_usage(struct pmap *pm, struct pmap_usage *u);

/* ---- Entries: the table's lock held ---- */

void pte_view(const struct pte *pte, struct pte_view *v);
/* none or swapped -> present. prot as given; the entry starts young. dirty is what PTE_WRITE
 * grants. No reference or rmap is touched: the caller does that. */
void pte_enter(struct pte *pte, struct page *page, unsigned prot);
/* pte_enter for the pages[i] of the bits in `mask`, at pte[i]: objects' pages, none before, prot
 * without PTE_WRITE. Where PTE_EXEC is granted they are PAGE_FETCHABLE. At most eight of them, all
 * in one aligned group of eight. */
void pte_enter_run(struct pte *pte, struct page **pages, unsigned mask, unsigned prot);
/* Bit i is set when pte[i] is none, of n up to 32 in one table. */
unsigned pte_none_run(const struct pte *pte, unsigned n);
/* Makes p PAGE_FETCHABLE: instruction cache maintenance when it is not. Takes the page lock. */
void pmap_make_fetchable(struct page *p);
/* As pte_enter for PTE_RUN entries that are none, from pte on, which is aligned to as many, and for
 * as many frames in order from `first` on, aligned alike: the TLB may hold them as one. Neither
 * PTE_EXEC nor PTE_SPECIAL. What changes one of them later makes single entries of them all
 * first. */
#define PTE_RUN 16
void pte_enter_joined(struct pte *pte, struct page *first, unsigned prot);
/* none -> swapped (table copies). */
void pte_enter_slot(struct pte *pte, uint32_t slot);
/* present or swapped -> none; notes the flush when it was present. */
void pte_clear(struct pte *pte, struct tlb_batch *b);
/* pte_view, then any state -> none as by pte_clear. */
void pte_take(struct pte *pte, struct pte_view *v, struct tlb_batch *b);
/* present -> none, one after the other from index `from` of a leaf table on: the counted frames,
 * and the entries that named them, go into `taken`, the zero page's entries nowhere. Ends at `to`,
 * or before: where an entry is swapped or locked, when `taken` is full, when there was as much to
 * do as one hold of the lock bears. Returns the index where it ended. */
#define PTE_TAKE_MAX 16
struct pte_taken {
	unsigned n, cost; /* as many times as a page that nobody else has; at most PTE_TAKE_MAX */
	bool odd;         /* it ended at an entry that is swapped or locked */
	bool file;        /* some of the pages are objects' */
	struct {
		struct page *page;
		struct pte *pte;
	} at[PTE_TAKE_MAX];
};
unsigned pte_take_run(struct page *table, unsigned from, unsigned to, struct pte_taken *taken,
		      struct tlb_batch *b);
/* present -> swapped(slot); notes the flush. */
void pte_swap_out(struct pte *pte, uint32_t slot, struct tlb_batch *b);
/* Changes prot of a present entry; notes a flush only when rights were taken away. */
void pte_protect(struct pte *pte, unsigned prot, struct tlb_batch *b);
/* Takes PTE_WRITE from a present entry that has it, noting a flush: true; else false. Leaves the
 * frame alone: its page lock may be held. */
bool pte_write_protect(struct pte *pte, struct tlb_batch *b);
/* Changes the rights of the present entries among n (at most PTE_RUN) from pte on, in one table, to
 * prot (PTE_SPECIAL stays as it is). With PTE_WRITE in prot an entry may be written if it was
 * writable before or may_write(its page) says so; PTE_SPECIAL ones never. Notes a flush when rights
 * were taken away. */
typedef bool (*pte_may_write)(struct page *page);
void pte_protect_run(struct pte *pte, unsigned n, unsigned prot, pte_may_write may_write,
		     struct tlb_batch *b);
/* present -> present with another frame: invalid, flush for pm (all CPUs), new entry. */
void pte_replace(struct pte *pte, struct page *page, unsigned prot);
/* Test and clear "used". No flush: a stale entry only makes a page look older. */
bool pte_test_clear_young(struct pte *pte);
/* Sets young again (access-flag fault on CPUs without hardware update). */
void pte_set_young(struct pte *pte);

/* ---- Sharing leaf tables (fork) ---- */

/* Links parent's leaf table of va into child too and makes both links hierarchically read-only;
 * sharers + 1. The child's upper tables must exist (while (!pmap_uppers_present(child, va))
 * pmap_table_add(child, va, frame)). Both aspace mutexes. Notes the flush of the parent's rights in
 * b (b->all). */
void pmap_share_leaf(struct pmap *parent, struct pmap *child, virt_addr_t va, struct tlb_batch *b);
/* True when every table above the leaf level on the way to va is linked. Aspace mutex. */
bool pmap_uppers_present(struct pmap *pm, virt_addr_t va);
/* True when pm's link to the leaf table of va is read-only because it is or was shared. */
bool pmap_leaf_shared(struct pmap *pm, virt_addr_t va);
/* We are the last sharer: makes the link writable again, for all 512 entries at once. Returns false
 * when others still share. */
bool pmap_leaf_claim(struct pmap *pm, virt_addr_t va) MUST_CHECK;
/* Replaces pm's link to its shared leaf table by `copy` (filled by the caller through
 * pmap_table_entry; not shared): break-before-make, flush. sharers - 1 of the old one. Returns the
 * old table when nobody shares it any more (the caller then empties and frees it; rare race), else
 * NULL. */
struct page *pmap_leaf_replace(struct pmap *pm, virt_addr_t va, struct page *copy);
/* Prepares a zeroed frame as a leaf table for base address va, not linked anywhere. */
void pmap_table_prepare(struct page *table, virt_addr_t va);
/* Entry i (0..511) of a leaf table, without locking. */
struct pte *pmap_table_entry(struct page *table, unsigned i);
/* The first entry of a leaf table in [i, end) that is not none, or end. The table's lock held, or
 * an answer that may be late. */
unsigned pmap_table_next(const struct page *table, unsigned i, unsigned end);
static inline void pmap_table_lock(struct page *table)
{
	spin_lock(&table->u.table.lock);
}
static inline bool pmap_table_trylock(struct page *table)
{
	return spin_trylock(&table->u.table.lock);
}
void pmap_table_unlock(struct page *table);

/* ---- Blocks ---- */

/*
 * A leaf table whose 512 entries map 2 MB of frames, aligned, in order, present, young and with
 * equal rights, can be folded: the hardware is shown one block. Entries, counts and locks stay what
 * they are; a pte_ function that changes an entry unfolds the table first, in bounded time and
 * without memory. A shared table is never folded.
 */
/* May tables around va be folded? That takes one frame for 1 GB. Upper tables of va missing: false.
 * Aspace mutex. */
bool pmap_blocks_possible(struct pmap *pm, virt_addr_t va);
/* Makes it possible; consumes a frame. The upper tables of va are there (pmap_uppers_present). */
void pmap_blocks_enable(struct pmap *pm, virt_addr_t va, struct page *frame);
/* Links `leaf`, prepared (pmap_table_prepare), filled with entries as above and unknown to anybody,
 * folded from the start. No table is linked there, and blocks are possible. Aspace mutex. */
void pmap_block_add(struct pmap *pm, virt_addr_t va, struct page *leaf);
/* Folds the leaf table of va, if its entries are as above and blocks are possible. Aspace mutex;
 * looks at the entries under the table's lock, some at a time; invalidates the address space's ASID
 * when it folds. False: it is not folded by this call. */
bool pmap_fold(struct pmap *pm, virt_addr_t va);
static inline bool table_folded(const struct page *table)
{
	return READ_ONCE(table->u.table.sharers) & TABLE_FOLDED;
}
/* Unlinks the leaf table of va, which exists, if it is folded, and notes the flush of the block,
 * after which no TLB knows any of its pages: its entries, present still, are the caller's to empty
 * with a batch that is `retired`. NULL: it is not folded (any more). Aspace mutex. */
struct page *pmap_block_remove(struct pmap *pm, virt_addr_t va, struct tlb_batch *b);
extern uint32_t table_blocks;  /* folded now, in all address spaces, but for PAGE_HUGETLB; atomic */
extern uint32_t table_unfolds; /* tables that were unfolded to change an entry, ever; atomic */

/* ---- Faults ---- */

/* True when the tables as they stand allow the access (another CPU resolved it, or a stale TLB
 * entry was hit): flushes that address locally and the instruction can be retried. Table lock not
 * held; aspace mutex. */
bool pmap_fault_spurious(struct pmap *pm, virt_addr_t va, unsigned prot_needed);

/* ---- The kernel's own map (TTBR1) ---- */

enum kernel_prot { KERNEL_RO, KERNEL_RW, KERNEL_DEVICE };
/* Boot and mapping area: 4 KB pages (blocks where aligned when allow_blocks). Table frames from
 * `table_alloc` (returns a zeroed frame's physical address, 0: none). 0 or -ENOMEM (nothing
 * half-mapped stays), -EEXIST. Takes the kernel map's spin lock. */
int pmap_kernel_map(virt_addr_t va, phys_addr_t pa, size_t size, enum kernel_prot prot,
		    phys_addr_t (*table_alloc)(void)) MUST_CHECK;
/* Removes and flushes on all CPUs; tables stay for re-use. */
void pmap_kernel_unmap(virt_addr_t va, size_t size);
/* The physical address behind a kernel virtual address; false when unmapped. */
bool pmap_kernel_lookup(virt_addr_t va, phys_addr_t *pa);

#endif
