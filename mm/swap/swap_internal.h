// SPDX-License-Identifier: MIT
// What slots.c (the table) and swap.c (reading, writing, attaching) share.
#ifndef MM_SWAP_INTERNAL_H
#define MM_SWAP_INTERNAL_H

#include "mm/swap/slots.h"
#include "mm/swap/store.h"

#define SLOT_ENTRIES_MASK 0x3fffffffu

struct slot {
	pfn_t frame; /* PFN_NONE: not bound */
	union {
		struct {
			uint32_t entries : 30, written : 1, poisoned : 1;
		};
		uint32_t bits;
	};
	uint32_t evicted;
};
_Static_assert(sizeof(struct slot) == 12, "slots are meant to be small");

#define SLOTS_PER_CHUNK (PAGE_SIZE / sizeof(struct slot))

struct swap_area {
	struct spinlock lock;
	uint32_t used, cached; /* lock */
	uint32_t clock;        /* evictions of anonymous pages; lock */
	bool refused;          /* the store took nothing more: lock; cleared when a slot is freed */
	uint64_t *free;        /* a bit per slot; cleared by the daemon alone; lock */
	uint32_t cursor;       /* the daemon's */
	/* Set once, total last. */
	uint32_t total; /* slots 1..total */
	struct slot **chunks;
	struct store *store;
};
extern struct swap_area swap;

struct slot *slot_at(uint32_t slot);
/* swap.lock held. bind takes a reference to p; unbind leaves it to the caller to drop, after
 * unlocking, and may free the slot. */
void slot_bind_locked(struct page *p, uint32_t slot, struct slot *s);
void slot_unbind_locked(struct page *p, uint32_t slot, struct slot *s);

#endif
