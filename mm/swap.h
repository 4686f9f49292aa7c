// SPDX-License-Identifier: MIT
/*
 * Swap slots: who refers to a page that left RAM, and where it is. A slot's references are the
 * swapped entries (leaf tables, object indices) that name it, plus one while a resident frame is
 * bound to it (the swap cache: slot -> frame, frame has PAGE_SWAPCACHE).
 *
 * Slot number 0 is never handed out.
 */
#ifndef MM_SWAP_H
#define MM_SWAP_H

#include "mm/page.h"

/* Another / one less entry names the slot. The last slot_put frees the slot, and the frame bound to
 * it when nobody but the cache holds that (swap_cache_trim). Any context without sleeping; may be
 * under a table lock. */
void slot_get(uint32_t slot);
void slot_put(uint32_t slot);
/* Swapped entries that name the slot (the swap cache's own share not counted). */
unsigned slot_entries(uint32_t slot);

/* A page-in: the frame of `slot`, readable, with a reference for the caller. Reads it when nobody
 * has yet (concurrent callers read once, *major set for each that waited or read). No locks held;
 * sleeps. NULL with *err = -EIO (poisoned, or its medium is not there), -ENOMEM, -EINTR (killed).
 * The caller must have made sure the slot stays alive (slot_get under the table lock, slot_put
 * afterwards). */
struct page *swap_in(uint32_t slot, int *err, bool *major);
/* The slot's cached frame when it is resident and not being read, with a reference; else NULL.
 * Never sleeps. */
struct page *swap_cache_lookup(uint32_t slot);
/* p (PAGE_SWAPCACHE) is about to be written by the user who asks: when the only references are his
 * and the cache's, and no swapped entry names the slot, unbinds and frees it and returns true;
 * false: others have the page or need its contents: copy instead. Page's table lock held. */
bool swap_cache_detach(struct page *p);
/* Called by page_put for the last reference but the cache's: drops p from the swap cache when
 * nobody names the slot. */
void swap_cache_trim(struct page *p);

/* madvise(2) said that the slot will be wanted: notes it, to be read ahead; false: there is no
 * frame to note it in. Bounded; may be under a table lock. */
bool swap_want(uint32_t slot);
/* Has what was noted read by a thread, as far as frames are to be had at once. May sleep for
 * memory; no locks held. */
void swap_want_go(void);

struct swap_stats {
	uint64_t slots_total, slots_used, cached, bytes_total, bytes_used;
};
void swap_stats(struct swap_stats *s);
/* What all areas with a write budget together may be written a day, in bytes, 0: there is none; and
 * what was left of that when each was written to last, negative: overdrawn. Any context. */
void swap_budget_figures(uint64_t *day, int64_t *left);

/* Share of RAM, in percent, that packed pages may take before the oldest are written to the store;
 * 0: none. Any value up to the most, at any time: it counts from the next page that leaves. */
#define SWAP_POOL_PERCENT_MAX 90u
extern unsigned swap_pool_percent;
/* Pages read ahead with one from a medium that takes long: up to 2^this; 0: none. At any time. */
#define SWAP_PAGE_CLUSTER_MAX 5u
extern unsigned swap_page_cluster;
/* Whether contents are encrypted on their medium, from the next swap_attach() on; auto: on media
 * that are `exposed`. */
enum swap_encrypt { SWAP_ENCRYPT_AUTO, SWAP_ENCRYPT_NEVER, SWAP_ENCRYPT_ALWAYS };
extern enum swap_encrypt swap_encrypt;
struct swap_pool_stats {
	uint32_t frames, pieces; /* a piece is a packed page */
	uint64_t bytes;          /* of pieces, without what frames lose */
};
/* What they take now. */
void swap_pool_stats(struct swap_pool_stats *st);

/* mm's event counters, Linux's names in /proc/vmstat. Per CPU, summed on reading. */
enum vm_event {
	VM_PGFAULT,
	VM_PGMAJFAULT,
	VM_PSWPIN,
	VM_PSWPOUT,
	VM_PGSCAN,
	VM_PGSCAN_ANON, /* of a pair like this the one for file pages comes next */
	VM_PGSCAN_FILE,
	VM_PGSTEAL,
	VM_PGSTEAL_ANON,
	VM_PGSTEAL_FILE,
	VM_PGSCAN_DIRECT,
	VM_PGSTEAL_DIRECT,
	VM_PGACTIVATE,
	VM_PGDEACTIVATE,
	VM_PGREFILL,
	VM_PGLAZYFREE,
	VM_PGLAZYFREED,
	VM_ALLOCSTALL,
	VM_REFAULT_ANON,
	VM_REFAULT_FILE,
	VM_ACTIVATE_ANON,
	VM_ACTIVATE_FILE,
	VM_RESTORE_ANON,
	VM_RESTORE_FILE,
	VM_OOM_KILL,
	VM_COW,
	VM_UNSHARE,
	VM_SWAP_CLEAN_DROP,
	VM_READAHEAD,
	VM_READAHEAD_HIT,
	VM_SWPIN_ZERO,
	VM_SWPOUT_ZERO,
	VM_ZSWPIN,
	VM_ZSWPOUT,
	VM_ZSWPWB,
	VM_SWAP_RA,
	VM_SWAP_RA_HIT,
	VM_PAGEOUTRUN,
	VM_LOW_HIT_QUICKLY,
	VM_HIGH_HIT_QUICKLY,
	VM_PGCULLED, /* of unevictable pages, as the next three */
	VM_PGRESCUED,
	VM_PGMLOCKED,
	VM_PGMUNLOCKED,
	VM_THP_FAULT_ALLOC,
	VM_THP_FAULT_FALLBACK,
	VM_EVENTS
};
void vm_count(enum vm_event e, unsigned n);
uint64_t vm_events(enum vm_event e);
const char *vm_event_name(enum vm_event e);

#endif
