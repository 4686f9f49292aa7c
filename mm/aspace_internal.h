// SPDX-License-Identifier: MIT
/*
 * What the files of the address space code share. Everything here is called with the aspace mutex
 * held, and may sleep on memory, except where said.
 *
 *   area.c      the tree of areas: find, gaps, split, merge, accounts
 *   zap.c       empties a range of entries
 *   copies.c    private copies of an object's pages, for truncation
 *   share.c     copies and unshares leaf tables; fork.c uses it
 *   fault.c     the fault path, fault_file.c its file part, stack.c growing stacks
 *   huge.c      blocks of 2 MB for anonymous memory; hugetlb.c those of MAP_HUGETLB, from
 *               huge_pool.c, huge_object.c those that are shared
 *   map.c protect.c remap.c advise.c advise_pages.c mlock.c    the calls; label.c names
 *   aspace.c    life and death of an address space
 *
 * Invariants (tests/unit/mm/aspace_test.h: check() looks at all but 6, and two sums of 4)
 *   (1) Areas do not overlap, are not empty, and lie in [USER_MIN, USER_TOP).
 *   (2) Two neighbours that could be one are one, except while a call is at work.
 *   (3) gap and max_gap are as area.c defines them.
 *   (4) total_pages, data_pages, stack_pages, locked_pages and area_count are sums over the tree.
 *       So is committed; charged is never less, and equal except while a call is at work.
 *   (5) An entry that is not none lies in an area.
 *   (6) All address spaces that share a leaf table have the same areas in its 2 MB: same bounds,
 *       rights, backing. Whoever wants to change that, or to take an entry away for itself alone,
 *       unshares the table first.
 *   (7) No entry of a shared leaf table is locked (PTE_LOCKED).
 *   (8) A private page is written only through an entry that is the page's only user: refs 1, or 2
 *       with a swap cache that nobody else's entry names. PTE_OWN marks an entry that may be
 *       written as far as that goes: mprotect(2) took the right and can give it back without a look
 *       at the page.
 */
#ifndef MM_ASPACE_INTERNAL_H
#define MM_ASPACE_INTERNAL_H

#include "kernel/errno.h"
#include "kernel/log.h"
#include "kernel/task.h"
#include "mm/aspace.h"
#include "mm/commit.h"
#include "mm/huge_pool.h"
#include "mm/lru.h"
#include "mm/rmap.h"
#include "mm/slab.h"
#include "mm/swap.h"

#define STACK_GUARD     (256 * PAGE_SIZE)      /* unmapped below a growing stack */
#define LEAF_SPAN_BYTES ((virt_addr_t)1 << 21) /* what one leaf table maps */
#define CHUNK_ENTRIES   16 /* entries looked at under one hold of a table lock */
_Static_assert(CHUNK_ENTRIES == PTE_TAKE_MAX, "a run is a chunk");
#define AREA_RIGHTS    (AREA_READ | AREA_WRITE | AREA_EXEC)
#define AREA_LOCK_BITS (AREA_LOCKED | AREA_LOCK_ON_FAULT)
#define COPY_HOT       (1u << 31) /* with the flags of an area, for copy_entries() */

static inline uint64_t bytes_to_pages(uint64_t bytes)
{
	return bytes >> PAGE_SHIFT;
}

static inline uint64_t area_pages(const struct area *a)
{
	return bytes_to_pages(a->end - a->start);
}

/* May an entry of a map a private page? Only then do its entries hold what cannot be had again from
 * an object. */
static inline bool area_may_hold_anon(const struct area *a)
{
	return a->object == NULL || a->has_anon;
}

static inline bool area_is_private(const struct area *a)
{
	return !(a->flags & AREA_SHARED);
}

/* Counts as a writer of its object. */
static inline bool area_is_writer(unsigned flags)
{
	return (flags & (AREA_SHARED | AREA_MAY_WRITE)) == (AREA_SHARED | AREA_MAY_WRITE);
}

/* The page of a's object that va maps. Objects are indexed by 32 bits: aspace_map refuses what
 * would not fit. */
static inline uint32_t area_index(const struct area *a, virt_addr_t va)
{
	return (uint32_t)(a->offset + bytes_to_pages(va - a->start));
}

/* Rights of an entry in an area with these flags before anybody wrote: AArch64 without FEAT_EPAN
 * cannot give write or execute without read. */
static inline unsigned prot_of_flags(unsigned flags)
{
	return (flags & AREA_RIGHTS ? PTE_READ : 0) | (flags & AREA_EXEC ? PTE_EXEC : 0) |
	       (flags & AREA_LOCKED ? PTE_LOCKED : 0);
}

static inline virt_addr_t leaf_base(virt_addr_t va)
{
	return ALIGN_DOWN(va, LEAF_SPAN_BYTES);
}

/* Where the part of [va, end) under va's leaf table ends. */
static inline virt_addr_t leaf_end(virt_addr_t va, virt_addr_t end)
{
	return MIN(leaf_base(va) + LEAF_SPAN_BYTES, end);
}

static inline unsigned leaf_index(virt_addr_t va)
{
	return (unsigned)bytes_to_pages(va - leaf_base(va));
}

/* Page aligned, not empty, and in the user half, no sum wrapping. */
static inline bool user_pages_ok(virt_addr_t addr, uint64_t length)
{
	return IS_ALIGNED(addr, PAGE_SIZE) && IS_ALIGNED(length, PAGE_SIZE) && length > 0 &&
	       addr >= USER_MIN && length <= USER_TOP - USER_MIN && addr <= USER_TOP - length;
}

/* ---- label.c: names of areas; NULL is none ---- */

struct area_label *label_get(struct area_label *l);
void label_put(struct area_label *l);
bool label_equal(const struct area_label *a, const struct area_label *b);
const char *label_text(const struct area_label *l); /* not of NULL */

/* ---- area.c ---- */

void area_init(void);
extern const struct area_file_ops *area_file_ops; /* NULL until kernel/fs installs them */

/* A copy of *from, not in a tree, with its own references to object and file; NULL: no memory. A
 * shared area that may write is one more writer of its object; there must be one already. */
struct area *area_clone(const struct area *from) MUST_CHECK;
/* Drops the references. The area is in no tree. May sleep (the last reference to an object). */
void area_free(struct area *a);
void area_insert(struct aspace *as, struct area *a);
void area_remove(struct aspace *as, struct area *a);
/* area_insert() behind `last`, which is the last area (NULL: there is none). */
void area_append(struct aspace *as, struct area *a, struct area *last);
/* Takes out and frees all areas; entries are the caller's. */
void area_free_all(struct aspace *as);
/* New bounds, into free space or inwards; offset follows start. */
void area_resize(struct aspace *as, struct area *a, virt_addr_t start, virt_addr_t end);
void area_set_flags(struct aspace *as, struct area *a, unsigned flags);
struct area *area_prev(struct area *a);
/* The area that holds va, or NULL. */
struct area *area_covering(struct aspace *as, virt_addr_t va);
/* The first area that ends above start when it begins below end, else NULL. */
struct area *area_first_in(struct aspace *as, virt_addr_t start, virt_addr_t end);
/* Splits so that no area straddles start or end. 0, -ENOMEM (memory, or too many areas) or -EINVAL
 * (a huge page would be cut), then nothing has changed. */
int area_isolate(struct aspace *as, virt_addr_t start, virt_addr_t end) MUST_CHECK;
/* Takes [start, end) out of all areas. Returns as area_isolate; entries are the caller's. */
int area_cut(struct aspace *as, virt_addr_t start, virt_addr_t end) MUST_CHECK;
/* Makes a one with equal neighbours; the area that remains. */
struct area *area_merge(struct aspace *as, struct area *a);
/* Merges where neighbours became equal, from the area before start to the one after end. */
void area_merge_range(struct aspace *as, virt_addr_t start, virt_addr_t end);
/* Adds an area like *like (which is on the caller's stack, with borrowed references) to free space,
 * as part of its neighbours where they are equal. `spare` is used, or freed, when not NULL: then it
 * cannot fail. The area, or NULL: no memory. */
struct area *area_add(struct aspace *as, const struct area *like, struct area *spare);
/* The highest free range of `length` bytes in [low, high), or 0. Stacks keep their guard. */
virt_addr_t area_find_gap(struct aspace *as, virt_addr_t low, virt_addr_t high, uint64_t length);

/* ---- rmap_file.c: the object's list of areas, if a has an object ---- */

/* Puts a on the list, or to its end when it is there. */
void area_list_join(struct area *a);
void area_list_leave(struct area *a);
/* New bounds for an area with an object, which may be on the list. */
void area_list_resize(struct area *a, virt_addr_t start, virt_addr_t end, uint64_t offset);

/* ---- commit.c ---- */

/* What the flags of a new mapping become under the mode there is: AREA_ACCOUNT when it counts. */
unsigned commit_flags(unsigned flags);
/* Promises as `pages` more ahead of the change; request as for commit_take(). 0 or -ENOMEM. */
int commit_reserve(struct aspace *as, uint64_t pages, uint64_t request) MUST_CHECK;
/* Ends every call that changed areas, or may have: gives back what was taken and not used. */
void commit_settle(struct aspace *as);

/* ---- zap.c ---- */

/* Empties every entry of [start, end): frames lose their references, slots too; leaf tables that no
 * area needs any more are freed. No shared leaf table may reach out of the range into an area
 * (unshare_edges first). Cannot fail. Flushes. */
void zap_range(struct aspace *as, virt_addr_t start, virt_addr_t end);
/* Empties the entries [from, to) of a leaf table that only the caller can link, in chunks. */
void zap_table(struct page *table, unsigned from, unsigned to, struct tlb_batch *b);
/* Empties all areas, which are still in the tree, of an address space that no CPU runs any more,
 * without TLB maintenance per page. Returns the pages that were resident. */
uint64_t zap_all(struct aspace *as);

/* ---- copies.c: areas whose objects must know of their private pages ---- */

/* a has come into a tree; is about to leave it. */
void copies_link(struct area *a);
void copies_unlink(struct area *a);
/* a, in a tree, takes over what the area `from` has. */
void copies_absorb(struct area *a, const struct area *from);
/* a, in a tree, is about to hold a private page. A table lock may be held. */
void area_note_anon_slow(struct area *a);
static inline void area_note_anon(struct area *a)
{
	if (unlikely(!a->has_anon))
		area_note_anon_slow(a);
}

/* ---- share.c ---- */

/* Makes the leaf table of va, where there is one, pm's own. 0 or -ENOMEM (nothing changed). */
int unshare_table(struct aspace *as, virt_addr_t va) MUST_CHECK;
/* Unshares every leaf table of [start, end). 0 or -ENOMEM (some are unshared, which nobody can
 * see). */
int unshare_range(struct aspace *as, virt_addr_t start, virt_addr_t end) MUST_CHECK;
/* Unshares the tables at the ends of [start, end) that areas outside of it use too: afterwards
 * zap_range may run. */
int unshare_edges(struct aspace *as, virt_addr_t start, virt_addr_t end) MUST_CHECK;
/* Empties and frees a leaf table that is linked nowhere. */
void table_discard(struct aspace *as, struct page *table);
/* Copies the entries of [start, end), all in an area with `flags` and under one leaf table, from
 * table `from` to table `to`, for another address space: private writable entries become read-only
 * in both, or, when locked, the copy gets frames of its own; with COPY_HOT so do some that are not
 * locked, which nobody may write to meanwhile. 0 or -ENOMEM, then what was copied stays in `to`. */
int copy_entries(struct page *from, struct page *to, virt_addr_t start, virt_addr_t end,
		 unsigned flags, struct tlb_batch *b) MUST_CHECK;

/* ---- fault.c ---- */

#define FAULT_PARALLEL (1u << 31) /* with the access: parallel.c */

struct fault {
	struct aspace *as;
	virt_addr_t va; /* page aligned */
	unsigned access;
	struct area *area;  /* valid while the mutex has not been dropped */
	struct page *frame; /* spare, to become an anonymous page; refs 1 */
	bool frame_zeroed;
	struct page *copied;   /* frame holds a copy of this page, which we hold a reference to */
	struct page *page;     /* result of a wait, or found in the cache; a reference */
	uint32_t slot;         /* page is of this slot, which we hold; 0: none */
	struct object *object; /* to wait for object's page `index`; a reference */
	uint32_t index;
	uint32_t ahead, nahead; /* pages of object to be read with it */
	bool major;
	bool dirtied; /* a disk file's page: object_throttle() when the mutex is dropped */
};

/* Begins f at page va. What is not set here is set with what it goes with: this is on the way of
 * every fault. */
static inline void fault_begin(struct fault *f, struct aspace *as, virt_addr_t va, unsigned access)
{
	f->as = as;
	f->va = va;
	f->access = access;
	f->frame = f->copied = f->page = NULL;
	f->slot = 0;
	f->object = NULL;
	f->major = f->dirtied = false;
}
/* parallel.c: resolves the fault without the mutex, if that can be done at once. False: it needs
 * the mutex. */
bool fault_parallel(struct aspace *as, virt_addr_t va, unsigned access);
/* Resolves f with the mutex held; drops it for reading. 0, or what outcome_of knows; the mutex is
 * held again either way. With FAULT_PARALLEL in f's access the mutex is not held, areas and tables
 * stand still, and nothing sleeps if f has a frame or its area is none of OTHER_WAYS (parallel.c):
 * 0, or anything else. */
int fault_handle(struct fault *f) MUST_CHECK;
/* Drops what f still holds. No table lock. */
void fault_release(struct fault *f);
void fault_drop_page(struct fault *f); /* page and slot */
/* Steps below return 0 (resolved), -EAGAIN (look at the entry again), -EINPROGRESS (drop the mutex,
 * read), or an error. Those with pte unlock it. */
int fault_none_file(struct fault *f, struct pte *pte);
/* Gets what a write to an object's page needs where the entry is none, if that takes no reading:
 * its page, and a copy for a private area. No table lock. 0, or as the steps, but -EAGAIN. */
int fault_prepare_file(struct fault *f) MUST_CHECK;
/* p, of a shared object, is about to be entered for writing, or to get that right. The table is
 * locked. */
static inline void fault_dirty(struct fault *f, struct page *p)
{
	page_dirty(p);
	f->dirtied = page_flag(p, PAGE_DISK);
}
/* Makes sure f->frame is there, zeroed if asked. 0 or -ENOMEM. */
int fault_frame(struct fault *f, bool zero) MUST_CHECK;
/* Fills f->frame with a copy of p (a reference is taken). 0 or -ENOMEM. */
int fault_copy(struct fault *f, struct page *p) MUST_CHECK;
/* Enters f->frame as a new anonymous page into an entry that is none; unlocks. */
/* p has been entered at f: it is unevictable when f's area is locked. The table's lock is held. */
void fault_mark_locked(const struct fault *f, struct page *p);
void fault_enter_anon(struct fault *f, struct pte *pte);
/* Does so, or unlocks and gets the frame first: 0, -EAGAIN, -ENOMEM. */
int fault_single(struct fault *f, struct pte *pte);

/* ---- huge.c ---- */

/* What has to be there before a block can be linked at va. False: no memory; what was linked serves
 * pages as well. */
bool block_possible(struct pmap *pm, virt_addr_t va);
/* Makes `leaf`, a zeroed frame, the table of base whose entries map the frames, references 1 and
 * nobody's, which become anonymous pages, with the rights of an area. */
void block_fill(struct page *leaf, virt_addr_t base, struct page *frames, unsigned area_flags);
/* Nothing is linked for f's 2 MB: gives it a block where that is wanted and to be had. 0: the fault
 * is resolved. -EAGAIN: go on with pages. */
int huge_fault(struct fault *f);
/* f writes to anonymous memory where pte is none, its table locked: enters 16 pages together if
 * that is wanted and to be had, else one. Unlocks. 0, -EAGAIN (look again), -ENOMEM. */
int huge_run(struct fault *f, struct pte *pte);
/* Folds the leaf tables that lie whole in [start, end) and in areas that want blocks, after a
 * change that went over all their entries. */
void huge_refold(struct aspace *as, virt_addr_t start, virt_addr_t end);
/* After va was populated: the next page to populate, behind the block if it is one. */
virt_addr_t huge_next(struct aspace *as, virt_addr_t va);
/* va's leaf table has become as's own again after a fork: folded, if it still fits. */
void huge_claimed(struct aspace *as, virt_addr_t va);

/* ---- fault.c ---- */

/* The leaf entry of va, not locked, with missing tables added; NULL: no memory. */
struct pte *entry_alloc(struct aspace *as, virt_addr_t va);

/* Makes [start, end) present, page by page; mutex not held. 0, -EFAULT, -ENOMEM. */
int populate_range(struct aspace *as, virt_addr_t start, virt_addr_t end, unsigned access);
/* The same for what is locked there, areas without rights and what lies beyond a file left out. 0,
 * -ENOMEM, -EINTR. */
int populate_locked(struct aspace *as, virt_addr_t start, virt_addr_t end);

/* ---- advise_pages.c: madvise(2) for the part [start, end) of a ---- */

/* MADV_COLD, MADV_FREE. 0, -EINVAL. */
int advise_cold(struct aspace *as, struct area *a, virt_addr_t start, virt_addr_t end) MUST_CHECK;
int advise_free(struct aspace *as, struct area *a, virt_addr_t start, virt_addr_t end) MUST_CHECK;
/* MADV_WILLNEED of pages in swap: has them read ahead. The mutex is dropped in between. */
void advise_want(struct aspace *as, virt_addr_t start, virt_addr_t end);
/* The mutex is dropped in between: a may be gone afterwards. MADV_PAGEOUT: 0, -EINVAL. */
int advise_pageout(struct aspace *as, struct area *a, virt_addr_t start,
		   virt_addr_t end) MUST_CHECK;
/* MADV_POPULATE_: 0, -EINVAL, -EFAULT,
 * -ENOMEM, -EINTR. MADV_REMOVE: 0, -EINVAL, -EACCES, or what the file says. */
int advise_populate(struct aspace *as, struct area *a, virt_addr_t start, virt_addr_t end,
		    unsigned access) MUST_CHECK;
int advise_remove(struct aspace *as, struct area *a, virt_addr_t start, virt_addr_t end) MUST_CHECK;

/* ---- hugetlb.c: areas with AREA_HUGETLB, units of 2 MB ---- */

static inline uint64_t area_units(const struct area *a)
{
	return (a->end - a->start) >> HUGE_SHIFT;
}

/* Reserves what *like will need, unless it is not to, and marks it or its object: 0 or -ENOMEM.
 * *call is for undoing it. */
int hugetlb_promise(struct area *like, uint64_t *call) MUST_CHECK;
void hugetlb_promise_undo(const struct area *like, uint64_t call);
/* Units of private areas in [start, end) that are promised and not had yet. */
uint64_t hugetlb_promised(struct aspace *as, virt_addr_t start, virt_addr_t end);
/* Gives promises up: after those areas have gone. */
void hugetlb_forgo(uint64_t units);
/* a gives up the promises that it has left. */
void hugetlb_disown(struct aspace *as, struct area *a);
/* Maps f's unit: nothing is mapped there, or, in an area of an object, what has to make room for
 * it. 0, -ENOMEM, -ENXIO (the pool is empty, or beyond the end). */
int hugetlb_fault(struct fault *f) MUST_CHECK;
/* Gives as its own copy of the unit of va, in private area a, whose table is shared; or nothing, if
 * it can have that again. 0, -ENOMEM, -ENXIO. */
int hugetlb_unshare(struct aspace *as, struct area *a, virt_addr_t va) MUST_CHECK;
/* May an area begin or end at `at`? */
bool hugetlb_may_cut(struct aspace *as, virt_addr_t at);
/* place() for such areas, length whole units: 0, or where. */
virt_addr_t hugetlb_place(struct aspace *as, virt_addr_t hint, uint64_t length);
/* MADV_DONTNEED for a part of one area: 0, -EINVAL, -ENOMEM. */
int hugetlb_drop(struct aspace *as, virt_addr_t start, virt_addr_t end) MUST_CHECK;
/* Entries were moved, unit by unit, into the tables of [start, end). */
void hugetlb_moved(struct aspace *as, virt_addr_t start, virt_addr_t end);

/* ---- protect.c ---- */

/* Gives the entries of [start, end) the rights of an area with these flags; write only where nobody
 * else uses the page. No leaf table there is shared. */
void protect_entries(struct aspace *as, virt_addr_t start, virt_addr_t end, unsigned flags);

/* ---- stack.c ---- */

/* Extends growing stack a down to va. 0 or -ENOMEM (limits, guard). */
int stack_grow(struct aspace *as, struct area *a, virt_addr_t va) MUST_CHECK;

/* ---- map.c ---- */

/* Takes [start, end) out: areas and entries. 0 or -ENOMEM (nothing changed). */
int unmap_locked(struct aspace *as, virt_addr_t start, virt_addr_t end) MUST_CHECK;
/* Pages of [start, end) that areas with all of these flags hold. */
uint64_t pages_mapped(struct aspace *as, virt_addr_t start, virt_addr_t end, unsigned flags);
/* Would `pages` more with these flags fit the limits, in the place of `gone` that are there? 0,
 * -ENOMEM, -EAGAIN: locked memory, of which, as Linux has it, nothing goes for this. */
int limits_check(struct aspace *as, uint64_t pages, uint64_t gone, unsigned flags) MUST_CHECK;

#endif
