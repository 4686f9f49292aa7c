// SPDX-License-Identifier: MIT
// What slots.c (the table), swap.c (reading) and areas.c (writing, swap on and off) share.
#ifndef MM_SWAP_INTERNAL_H
#define MM_SWAP_INTERNAL_H

#include "mm/reading.h"
#include "mm/swap/slots.h"
#include "mm/swap/store.h"

#define SLOT_ENTRIES_MASK 0x01ffffffu
#define SWAP_AREAS        8
#define SWAP_PARTS        256u
#define PART_SLOTS        (1u << 15)
#define SLOTS_MOST        (SWAP_PARTS * PART_SLOTS - 1) /* numbers begin with 1 */

/* Where in RAM the contents of a slot are, if there. */
enum slot_kept {
	KEPT_NOT,
	KEPT_WORD, /* the page is `where`, over and over */
	KEPT_POOL, /* `where` is the pool's handle */
};

struct slot {
	pfn_t frame; /* PFN_NONE: not bound */
	union {
		struct {
			uint32_t entries : 25, kept : 2, area : 3, written : 1, poisoned : 1;
		};
		uint32_t bits;
	};
	uint32_t shadow;
	uint32_t where; /* see kept */
};
_Static_assert(sizeof(struct slot) == 16, "slots are meant to be small");

#define SLOTS_PER_CHUNK (PAGE_SIZE / sizeof(struct slot))

/* The table's memory for PART_SLOTS numbers; made when swap is added, and kept. */
struct swap_part {
	uint64_t *free; /* a bit per slot; cleared by the daemon alone; lock */
	struct slot **chunks;
	uint16_t **owners; /* owner.c: beside each chunk who pays for its slots, or NULL */
};

/* A medium with its store. Those in use are changed under both mutexes of areas.c, and a slot that
 * is written to one keeps it there. */
struct swap_area {
	struct medium *medium; /* NULL: none */
	struct store *store;
	int prio;
	uint32_t slots;      /* what the store promises, SLOTS_MOST at most; lock */
	uint32_t turn;       /* batch it wrote last; under `writing` */
	uint32_t used;       /* slots whose contents it has; swap.lock */
	uint64_t budget_day; /* store_budget() when it was written to last; swap.lock */
	int64_t budget_left;
	bool leaving; /* takes nothing; swap.lock */
};

struct swap_table {
	struct spinlock lock;
	uint32_t used, cached; /* lock */
	bool refused;          /* no area takes anything: lock; cleared when a slot is freed */
	uint32_t refusing;     /* a bit for each area that took nothing more; likewise */
	bool spent;            /* the last that set ask_again had no write budget left: lock */
	uint64_t ask_again; /* when those that refuse are asked again, as a write budget was spent
			       or a medium is gone, 0: no such; lock */
	uint32_t cursor;    /* the daemon's */
	uint32_t total;     /* slots that may be used: what the areas promise, SLOTS_MOST at most;
			       lock */
	uint32_t limit;     /* numbers 1..limit are in `parts`; grows, written last */
	struct swap_part parts[SWAP_PARTS];
	struct swap_area areas[SWAP_AREAS];
};
extern struct swap_table swap;

/* The slot's contents are somewhere but in its frame; swap.lock, or a hint. */
static inline bool slot_saved(const struct slot *s)
{
	return s->written || s->kept != KEPT_NOT;
}

static inline struct slot **slot_chunk(uint32_t slot)
{
	return &swap.parts[slot / PART_SLOTS].chunks[slot % PART_SLOTS / SLOTS_PER_CHUNK];
}

/* The word of the map of free slots that has slot's bit. */
static inline uint64_t *slot_word_of(uint32_t slot)
{
	return &swap.parts[slot / PART_SLOTS].free[slot % PART_SLOTS / 64];
}

/* Makes numbers up to `last` exist. 0 or -ENOMEM; -EFBIG: the table ends before. Task context; one
 * caller at a time. */
int slots_extend(uint32_t last) MUST_CHECK;
/* swap.lock held: the slot's contents are in that area from now on; or nowhere but in its frame:
 * pool and store forget them. */
void slot_stored_locked(struct slot *s, unsigned area);
void slot_unstore_locked(uint32_t slot, struct slot *s);
/* owner.c. The daemon, before a slot is taken for a group's page: false: no memory for that. */
bool swap_owner_ready(uint32_t slot, unsigned group) MUST_CHECK;
/* swap.lock held: that group (0: none) pays for the slot, which has come to be used; nobody does
 * any more. */
void swap_owner_set_locked(uint32_t slot, unsigned group);
void swap_owner_clear_locked(uint32_t slot);
/* It pays for p, too, which swapoff has brought back from there. */
void swap_owner_charge_locked(uint32_t slot, struct page *p);
/* One complaint in a while; the rest are in the store's counters. */
bool swap_may_log(uint64_t *last);

struct slot *slot_at(uint32_t slot);
/* Pins the slot if no frame has its contents and a `distant` medium has, not the pool; anywhere: or
 * the pool, or any medium. */
bool slot_pin_unread(uint32_t slot, bool anywhere) MUST_CHECK;
/* swap.c. As swap_in(), into a frame got with those flags; and a medium that is not there is
 * -ENODEV. */
struct page *slot_in(uint32_t slot, unsigned alloc_flags, int *err, bool *major);
/* Binds p, ours alone, to the slot for reading; early: before anybody wants it. Notes in r who
 * reads it. False: somebody else was faster, or it is poisoned by now. */
bool reading_begin(struct reading *r, struct page *p, uint32_t slot, bool early) MUST_CHECK;
/* Reads the slot into p, which reading_begin() has bound and noted in r. On an error p is put. May
 * sleep. */
int slot_read(struct reading *r, struct page *p, uint32_t slot) MUST_CHECK;
/* swap.lock held. bind takes a reference to p; unbind leaves it to the caller to drop, after
 * unlocking, and may free the slot. */
void slot_bind_locked(struct page *p, uint32_t slot, struct slot *s);
void slot_unbind_locked(struct page *p, uint32_t slot, struct slot *s);

#endif
