// SPDX-License-Identifier: MIT
// What the files of groups' memory share: the numbers (memcg.c), frames by group (memcg_frames.c),
// making room (memcg_room.c).
#ifndef MM_MEMCG_INTERNAL_H
#define MM_MEMCG_INTERNAL_H

#include "mm/memcg.h"

/* Over every struct memcg and the table of numbers. Any context but interrupts. Inside page, slot
 * and slab code's locks; takes none. */
extern struct spinlock memcg_lock;

/* The group of that number, or NULL: 0, or something else that lies in a frame. Lock held. */
struct memcg *memcg_of_locked(unsigned id);
/* Is m that group or below it? */
bool memcg_is_below(const struct memcg *m, const struct memcg *root);
/* The group that pays for p, as far as its frame says; garbage for what nobody pays for. */
static inline unsigned page_group(const struct page *p)
{
	return READ_ONCE(p->type) == PAGE_SLAB ? READ_ONCE(p->slab_group)
					       : READ_ONCE(p->u.lru.group);
}
static inline void page_set_group(struct page *p, unsigned group)
{
	if (p->type == PAGE_SLAB)
		WRITE_ONCE(p->slab_group, (uint16_t)group);
	else
		WRITE_ONCE(p->u.lru.group, (uint16_t)group);
}

/* The lowest of m and those above whose usage with n more would be beyond max, or beyond high or
 * swap_high too; NULL: none. Lock held. */
struct memcg *memcg_over_locked(struct memcg *m, uint32_t n, bool high);
/* n frames more of m's own, or less. Lock held. */
void memcg_add_locked(struct memcg *m, uint32_t n);
void memcg_sub_locked(struct memcg *m, uint32_t n);
void memcg_count_locked(struct memcg *m, enum memcg_event e);

/* memcg_room.c: makes room below max in `over`, pinned, for an allocation with these flags: 0: look
 * again; -ENOMEM. *tries: 0 at first. Sleeps. */
int memcg_make_room(struct memcg *over, unsigned flags, unsigned *tries) MUST_CHECK;
/* For a call that gets many pages beyond high: each time that it has got so many more, as many are
 * evicted of what current()'s groups have too much. What it is to wait for that, it waits in
 * memcg_settle(). Sleeps. */
#define MEMCG_HIGH_BATCH 128u
void memcg_relieve(void);
/* n frames, or slots, of m's are the heir's from now on, the group right above or NULL. Lock
 * held. */
void memcg_moved_locked(struct memcg *m, struct memcg *heir, uint32_t frames, uint32_t slots);
/* memcg_frames.c: what carries m's number, frames and slots, carries the heir's from now on.
 * Preemptible. */
void memcg_hand_over(struct memcg *m, struct memcg *heir);
/* mm/swap/owner.c: the same of slots. */
void swap_owner_hand_over(struct memcg *m, struct memcg *heir);
/* Gives the table of numbers back, where no group is open. For tests. */
void memcg_forget(void);
/* The i-th number's group or NULL; false past the last. Lock held. */
bool memcg_next_locked(unsigned i, struct memcg **m);

#endif
