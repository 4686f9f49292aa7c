// SPDX-License-Identifier: MIT
/*
 * struct page: what the kernel knows of one frame, 40 bytes.
 *
 * Life: FREE in the buddy -> handed out with refs 1 -> typed by its user -> back when refs falls to
 * 0.
 *
 * refs counts: of anonymous pages one per leaf entry that maps the frame (rmap), one for the cache
 * that holds it (page cache or swap cache), and one per transient user (I/O, a copy in progress).
 * Whoever drops the last one frees the frame.
 *
 * lock (bit PAGE_RMAP_LOCK in flags) protects rmap. Order: table lock, then page lock. The page
 * daemon goes the other way and therefore only tries the table lock (mm/rmap.h).
 */
#ifndef MM_PAGE_H
#define MM_PAGE_H

#include "arch/hw.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/types.h"
#include "kernel/lock.h"

enum page_type {
	PAGE_RESERVED, /* firmware, kernel image, holes: never the buddy's */
	PAGE_FREE,     /* inside a block of the buddy, or on a per-CPU list */
	PAGE_BUDDY,    /* heads a block of `order`; becomes and ceases to be so under the buddy's
			  lock */
	PAGE_KERNEL,   /* raw kernel memory, stacks */
	PAGE_SLAB,
	PAGE_TABLE, /* a translation table */
	PAGE_ANON,  /* private anonymous memory */
	PAGE_FILE,  /* belongs to an object's page cache (tmpfs and shared anonymous memory
		       included) */
};

enum page_flag {
	PAGE_RMAP_LOCK = 1 << 0,   /* bit spin lock over rmap */
	PAGE_LRU = 1 << 1,         /* on a list of mm/lru.h; that list's lock */
	PAGE_ACTIVE = 1 << 2,      /* on the active list */
	PAGE_UNEVICTABLE = 1 << 3, /* on the unevictable list: locked */
	PAGE_REFERENCED = 1 << 4,  /* seen in use once while inactive */
	PAGE_DIRTY = 1 << 5,       /* contents differ from slot or file */
	PAGE_SWAPCACHE =
		1 << 6, /* anon: u.anon.slot is its slot, and the slot's frame is this one */
	PAGE_READING =
		1 << 7, /* contents not there yet: wait for the bit to clear (page_wait_reading) */
	PAGE_WRITEBACK = 1 << 8,   /* disk file: being written (page_wait_written) */
	PAGE_ERROR = 1 << 9,       /* reading failed: SIGBUS for its users */
	PAGE_ZEROED = 1 << 10,     /* free and known to be all zero */
	PAGE_AHEAD = PAGE_ZEROED,  /* disk file: who reads it begins to read what comes after; swap
				      cache: read before it was wanted */
	PAGE_WORKINGSET = 1 << 11, /* has been active since it came */
	PAGE_DISK =
		1 << 15, /* file: its object is a disk_object; constant while it is one's page */
	PAGE_FETCHABLE = 1 << 12, /* instruction caches agree with the contents: set by pmap,
				     cleared by page_changed(); page lock */
	PAGE_HUGETLB =
		1 << 13,    /* a frame of a unit of the pool (mm/hugetlb.c); leaf table: maps one */
	PAGE_HOT = 1 << 14, /* anon: was copied for a write since a fork shared what it is a copy
			       of: the next fork copies it at once. Leaf table: has, or had, such
			       pages (mm/fork.c) */
	PAGE_QUIET = PAGE_REFERENCED, /* leaf table: the last fork that copied it did so in vain */
};

#define PFN_NONE UINT32_MAX

struct object;
struct kmem_cache;

struct page {
	uint8_t type;   /* enum page_type; set by the owner while no one else can see the frame */
	uint8_t order;  /* BUDDY: order of the block this frame heads; SLAB and KERNEL: of the
			   allocation */
	uint16_t flags; /* enum page_flag; atomic */
	uint32_t refs;  /* atomic */
	union {
		struct {
			pfn_t next, prev; /* list links, PFN_NONE at the ends; the list's lock */
		};
		uint64_t groups; /* table: a bit per eight entries, clear when all of them are none;
				    pmap's own */
	};
	union {
		uintptr_t rmap; /* ANON: empty, one leaf entry's address, or a chain, under
				   PAGE_RMAP_LOCK; FILE: how many entries; atomic (mm/rmap.h) */
		struct {
			uint16_t special, file;
			pfn_t fold; /* 0: none. Folded leaf table: the table that holds its link;
				       level-2 table: its side table */
		} kinds; /* leaf table: of its present entries those of no counted frame (the zero
			    page), of objects' pages; u.table.lock */
		uint16_t slab_group; /* SLAB: as lru.group */
		uint64_t granules;   /* KERNEL, the swap pool's: a bit for each 64 bytes in use; the
					pool's lock */
	};
	union {
		struct {
			uint32_t slot; /* with PAGE_SWAPCACHE: its swap slot */
		} anon;
		struct {
			struct object *object; /* NULL once truncated */
			uint32_t index;        /* page number within the object */
		} file;
		struct {
			uint32_t other[3]; /* anon, file */
			uint16_t uses;     /* ANON, FILE: the replacement policy's */
			uint16_t group;    /* whatever ALLOC_USER got, but slabs: who pays for it
					      (mm/memcg.h), 0: nobody */
		} lru;
		struct {
			uint32_t base; /* leaf table: first address it maps >> 21 (va bits 21..47);
					  others: the last entry that was ever used */
			uint16_t present, swapped; /* leaf table: entries in these states; `lock` */
			uint16_t sharers;     /* leaf table: address spaces that link it, or 1 with
						 TABLE_ flags (table_sharers); `lock` */
			struct spinlock lock; /* leaf table: over its 512 entries and the counts */
			uint16_t group;       /* as lru.group */
		} table;
		struct {
			uint32_t run; /* granules of its longest free run: the list it is on */
		} pool;
		struct {
			struct kmem_cache *cache;
			void *free; /* first free object */
		} slab;
	} u;
};

_Static_assert(sizeof(struct page) <= 40, "struct page may have at most 40 bytes");
_Static_assert(offsetof(struct page, u.lru.group) == offsetof(struct page, u.table.group) &&
		       offsetof(struct page, u.lru.group) >=
			       offsetof(struct page, u.file.index) + sizeof(uint32_t),
	       "the group stays where it is while a frame's type changes");

/* In u.table.sharers, where they make a table that one address space has look shared: who changes
 * an entry needs one test. */
#define TABLE_FOLDED 0x8000u /* hardware is shown a block instead of the entries */
/* pmap_fold is looking at the entries; whoever changes one clears it */
#define TABLE_CHECKED 0x4000u
#define TABLE_FLAGS   (TABLE_FOLDED | TABLE_CHECKED)

/* How many address spaces link a leaf table: exact under its lock. */
static inline unsigned table_sharers(const struct page *table)
{
	return READ_ONCE(table->u.table.sharers) & ~TABLE_FLAGS;
}

/* The frame array: virtually contiguous, backed only where RAM is. */
static inline struct page *pfn_to_page(pfn_t pfn)
{
	return FRAME_ARRAY + pfn;
}
static inline pfn_t page_to_pfn(const struct page *p)
{
	return (pfn_t)(p - FRAME_ARRAY);
}
static inline phys_addr_t page_to_phys(const struct page *p)
{
	return (phys_addr_t)page_to_pfn(p) << PAGE_SHIFT;
}
static inline struct page *phys_to_page(phys_addr_t pa)
{
	return pfn_to_page((pfn_t)(pa >> PAGE_SHIFT));
}
static inline void *page_to_virt(const struct page *p)
{
	return phys_to_virt(page_to_phys(p));
}
static inline struct page *virt_to_page(const void *kva)
{
	return phys_to_page(virt_to_phys(kva));
}

static inline bool page_flag(const struct page *p, unsigned flag)
{
	return atomic_load(&p->flags) & flag;
}
/* ANON, on the lists: nobody needs the contents since MADV_FREE; every other page is dirty or has
 * them in its slot. */
static inline bool page_is_lazy(const struct page *p)
{
	return !page_flag(p, PAGE_DIRTY | PAGE_SWAPCACHE);
}
static inline void page_set_flag(struct page *p, unsigned flag)
{
	atomic_fetch_or(&p->flags, (uint16_t)flag);
}
static inline void page_clear_flag(struct page *p, unsigned flag)
{
	atomic_fetch_and(&p->flags, (uint16_t)~flag);
}

/* True while nobody has the frame: a look, unless the caller keeps it from changing. */
static inline bool page_is_free(const struct page *p)
{
	uint8_t type = READ_ONCE(p->type);

	return type == PAGE_FREE || type == PAGE_BUDDY;
}

/* The page lock: preemption off while held. The raw forms leave that to the caller, who has it off
 * already. */
static inline void page_lock_raw(struct page *p)
{
	while (unlikely(atomic_fetch_or_acquire(&p->flags, PAGE_RMAP_LOCK) & PAGE_RMAP_LOCK))
		hw_relax();
}
static inline void page_unlock_raw(struct page *p)
{
	atomic_fetch_and_release(&p->flags, (uint16_t)~PAGE_RMAP_LOCK);
}
static inline void page_lock(struct page *p)
{
	preempt_disable();
	page_lock_raw(p);
}
static inline void page_unlock(struct page *p)
{
	page_unlock_raw(p);
	preempt_enable();
}

static inline COLD void page_not_fetchable(struct page *p)
{
	page_lock(p);
	page_clear_flag(p, PAGE_FETCHABLE);
	page_unlock(p);
}

/* The kernel wrote to a frame that may be or have been mapped executable (a cached file page):
 * after the last byte, without the page lock. The barrier pairs with the one in pmap: either the
 * flag is seen here, or what was written is seen by the cache maintenance there. */
static inline void page_changed(struct page *p)
{
	hw_mb();
	if (unlikely(page_flag(p, PAGE_FETCHABLE)))
		page_not_fetchable(p);
}

static inline void page_get(struct page *p)
{
	atomic_inc(&p->refs);
}
/* Takes a reference unless the frame is already on its way out (refs 0). */
bool page_get_live(struct page *p) MUST_CHECK;
/* If the caller's reference is the only one: drops it, so that nobody can get another, and leaves
 * what is left to do to page_put_batch(), which the frame still has to go through. False: nothing
 * done. */
static inline bool MUST_CHECK page_claim_last(struct page *p)
{
	uint32_t one = 1;

	return atomic_compare_exchange(&p->refs, &one, 0);
}
/* Drops a reference; the last one takes the frame off the LRU and frees it. Any context but
 * interrupts. */
void page_put(struct page *p);
/* page_put() of n pages, for less than one by one; those that page_claim_last() has claimed are
 * freed. pages[] is scratch memory afterwards. */
void page_put_batch(struct page **pages, unsigned n);

/* Takes a frame with PAGE_HUGETLB whose last reference went (mm/hugetlb.c). */
void hugetlb_put(struct page *p);

/* Frames that are translation tables of address spaces; atomic. */
extern uint32_t table_frames;

/* The frame of zeroes that read faults on anonymous memory map; never counted, never in a reverse
 * map. */
extern struct page *zero_page;

/* Sleep until PAGE_READING is clear, while the reader, found by `of` (mm/reading.h), has the
 * priority of who waits. May sleep; the caller holds a reference. killable: -EINTR on a fatal
 * signal. */
int page_wait_reading(struct page *p, const void *of) MUST_CHECK;
/* Ends reading: clears PAGE_READING (sets PAGE_ERROR when failed) and wakes the waiters. */
void page_end_reading(struct page *p, bool failed);
/* Likewise for PAGE_WRITEBACK, whatever signals come. */
void page_wait_written(struct page *p);
void page_end_writing(struct page *p);

#endif
