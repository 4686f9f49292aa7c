// SPDX-License-Identifier: MIT
/*
 * Private to the frame allocator: buddy.c (blocks), pcp.c (per-CPU lists, page_alloc and
 * page_free), zeropool.c.
 *
 *      page_alloc --> this CPU's lists --refill--> zero pool, buddy
 *      page_free  --> this CPU's dirty list --spill--> buddy
 *      idle       --> buddy --clear--> zero pool
 *
 * Lock order: a CPU's list lock, the pool's lock and the buddy's lock are leaves: no two of them
 * are held at once. Frames move between them as chains, which belong to the moving task alone.
 * Interrupt handlers neither allocate nor free frames, so none of these locks masks interrupts.
 */
#ifndef MM_FRAMES_H
#define MM_FRAMES_H

#include "mm/buddy.h"

/* Host tests hook in here (-D FRAME_HOOKS=<header>): to make the n-th allocation fail, and to look
 * for a freed frame in TLBs. */
#ifdef FRAME_HOOKS
#include FRAME_HOOKS
#else
#include "mm/oom_site.h"
static inline bool frame_alloc_fails(unsigned flags)
{
	return oom_site(flags);
}
static inline void frame_freed(pfn_t pfn)
{
	(void)pfn;
}
#endif

/* A singly linked run of free frames, through page->next. */
struct chain {
	pfn_t head;
	uint32_t count;
};

#define CHAIN_EMPTY ((struct chain){ PFN_NONE, 0 })

static inline void chain_push(struct chain *c, struct page *p)
{
	p->next = c->head;
	c->head = page_to_pfn(p);
	c->count++;
}

/* NULL when empty. */
static inline struct page *chain_pop(struct chain *c)
{
	struct page *p;

	if (c->head == PFN_NONE)
		return NULL;
	p = pfn_to_page(c->head);
	c->head = p->next;
	c->count--;
	return p;
}

/* Puts the frames of `front`, which ends up empty, before those of c, in their order. `front` is no
 * longer than a batch. */
static inline void chain_prepend(struct chain *c, struct chain *front)
{
	struct page *last;

	if (front->count == 0)
		return;
	if (c->count > 0) {
		for (last = pfn_to_page(front->head); last->next != PFN_NONE;)
			last = pfn_to_page(last->next);
		last->next = c->head;
	}
	c->head = front->head;
	c->count += front->count;
	*front = CHAIN_EMPTY;
}

/* Cuts c after its first `keep` frames (at most a CPU list's length) and returns the rest. */
struct chain chain_cut(struct chain *c, uint32_t keep);

/* Takes up to n (at most BUDDY_BATCH) single frames, leaving `floor` frames in buddy and pool
 * together. Takes the buddy's lock. */
#define BUDDY_BATCH 16
struct chain buddy_take(uint32_t n, uint32_t floor);
/* One block, or NULL, leaving `floor` frames. The head is PAGE_FREE still. */
struct page *buddy_take_block(unsigned order, uint32_t floor);
/* A block of that order or a larger one is free: a hint, without the lock. */
bool buddy_has_block(unsigned order);
/* Gives the whole chain back; empty afterwards. A lock round for every few frames. */
void buddy_give(struct chain *c);
/* Gives n single frames back, whole blocks where they are neighbours. Likewise. */
void buddy_give_frames(struct page *const *pages, unsigned n);
void buddy_give_block(struct page *p, unsigned order);
/* A reserved frame becomes an allocated one of the total. */
struct page *buddy_claim(pfn_t pfn);
/* Frames in buddy and zero pool: what the watermarks are compared with. A snapshot. */
uint32_t buddy_available(void);
/* Less than watermarks.low are available. Set with the buddy's and the pool's counts, for hot
 * paths. */
extern bool frames_short;
static inline bool memory_short(void)
{
	return READ_ONCE(frames_short);
}
/* Sets frames_short anew: after each change of a count that buddy_available() adds up. */
void frames_short_update(void);

/* Up to n zeroed frames, leaving `floor` frames in buddy and pool together. */
struct chain zeropool_take(uint32_t n, uint32_t floor);
/* Everything to the buddy. */
void zeropool_drain(void);
uint32_t zeropool_count(void);
void zeropool_init(void);

void pcp_init(void);
/* Every CPU's lists to the buddy. Preemptible. */
void pcp_drain_all(void);
uint32_t pcp_count(void);

/* page.c: the zero page and the wait queues. */
void page_init(void);

/* Asserts that lists, counts and watermarks agree; the machine must be quiet. For tests. */
void buddy_check(void);
/* Forgets every frame: a test's machine starts over with RAM that nobody knows. */
void buddy_forget(void);

#endif
