// SPDX-License-Identifier: MIT
/*
 * Single frames by way of per-CPU lists, and the entries of the allocator: page_alloc, page_free and their slow paths.
 *
 * Every CPU has a list of dirty frames and one of zeroed frames. They are refilled and spilled BUDDY_BATCH at a time, so
 * the buddy's lock is taken once in sixteen operations. A list has a lock of its own although only its CPU uses it in the
 * ordinary way: it is never contended (seven instructions), and it lets a CPU that runs out take back what the others
 * hold (pcp_drain_all) without interrupting them. So no frame is out of reach of a real-time task.
 *
 * Who gets the last frames: ordinary tasks leave `watermarks.min` frames in buddy and pool. Real-time tasks, tasks with
 * memory_reserve (the page daemon) or oom_victim, and ALLOC_RESERVE leave none. Frames already on a CPU's list are not part
 * of the reserve. While less than `low` is available, freed frames go straight to the buddy, where everyone sees them.
 *
 * page_alloc from a filled list: about 40 instructions on A64, page_free about 35 (without the call of the clearing).
 */
#include "mm/frames.h"

#include "kernel/log.h"
#include "kernel/task.h"

#define PCP_HIGH 32	/* a dirty list longer than this spills its colder half */
#define ZERO_REFILL 8
#define ORDER_TRIES 4	/* rounds of reclaim that a block larger than a frame is worth */

struct pcp {
	struct spinlock lock;
	struct chain dirty, zeroed;	/* lock */
} __attribute__((aligned(64))); /* a cache line each */

static struct pcp pcps[NR_CPUS_MAX];

void pcp_init(void)
{
	for (unsigned i = 0; i < NR_CPUS_MAX; i++) {
		spin_init(&pcps[i].lock);
		pcps[i].dirty = pcps[i].zeroed = CHAIN_EMPTY;
	}
}

/* This CPU's lists, locked, preemption off. */
static inline struct pcp *pcp_lock(void)
{
	struct pcp *l;

	preempt_disable();
	l = &pcps[hw_cpu()];
	spin_lock_raw(&l->lock);
	return l;
}

static inline void pcp_unlock(struct pcp *l)
{
	spin_unlock(&l->lock);
}

/* Makes a frame that came off a list the caller's. */
static inline struct page *page_hand_out(struct page *p, unsigned order)
{
	p->type = PAGE_KERNEL;
	p->order = (uint8_t)order;
	p->flags = 0;
	p->refs = 1;
	p->next = p->prev = PFN_NONE;
	p->rmap = 0;
	p->u.slab.cache = NULL;
	p->u.slab.free = NULL;
	return p;
}

/* The number of frames that this allocation must leave. */
static uint32_t floor_for(unsigned flags)
{
	const struct task *t = current();

	if ((flags & ALLOC_RESERVE) || task_is_rt(t) || t->memory_reserve || t->oom_victim)
		return 0;
	return watermarks.min;
}

/* Puts frames on this CPU's list of their kind: the chain is empty afterwards. At most a refill's worth. */
static void pcp_put(struct chain *c, bool zeroed)
{
	struct pcp *l = pcp_lock();
	struct chain *list = zeroed ? &l->zeroed : &l->dirty;
	struct page *p;

	while ((p = chain_pop(c)) != NULL)
		chain_push(list, p);
	pcp_unlock(l);
}

/*
 * A frame past the lists, and a refill for the next ones. NULL: nothing above the floor. A zeroed frame has PAGE_ZEROED.
 * Wakes the daemon when the buddy runs low.
 */
static struct page *pcp_refill(unsigned flags)
{
	uint32_t floor = floor_for(flags);
	bool zeroed = flags & ALLOC_ZERO;
	struct chain c = CHAIN_EMPTY;
	struct page *p;

	if (zeroed)
		c = zeropool_take(ZERO_REFILL, floor);
	if (c.count == 0) {
		zeroed = false;
		/* Near the end, one at a time: what lies on a list helps nobody else. */
		c = buddy_take(buddy_available() < watermarks.low ? 1 : BUDDY_BATCH, floor);
	}
	if (c.count == 0) {
		zeroed = true;
		c = zeropool_take(1, floor);
	}
	p = chain_pop(&c);
	if (c.count > 0)
		pcp_put(&c, zeroed);
	if (unlikely(buddy_available() < watermarks.low))
		reclaim_wake();
	return p;
}

void pcp_drain_all(void)
{
	for (unsigned i = 0; i < NR_CPUS_MAX; i++) {
		struct pcp *l = &pcps[i];
		struct chain dirty, zeroed;

		if (READ_ONCE(l->dirty.count) + READ_ONCE(l->zeroed.count) == 0)
			continue;
		spin_lock(&l->lock);
		dirty = l->dirty;
		zeroed = l->zeroed;
		l->dirty = l->zeroed = CHAIN_EMPTY;
		spin_unlock(&l->lock);
		for (pfn_t pfn = zeroed.head; pfn != PFN_NONE; pfn = pfn_to_page(pfn)->next)
			page_clear_flag(pfn_to_page(pfn), PAGE_ZEROED);
		buddy_give(&dirty);
		buddy_give(&zeroed);
	}
}

uint32_t pcp_count(void)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < NR_CPUS_MAX; i++)
		n += READ_ONCE(pcps[i].dirty.count) + READ_ONCE(pcps[i].zeroed.count);
	return n;
}

/* One try for a block past the lists. */
static struct page *take_block(unsigned order, unsigned flags)
{
	return order == 0 ? pcp_refill(flags) : buddy_take_block(order, floor_for(flags));
}

/* The easy ways failed: takes back what CPUs and pool hold apart, then lets the page daemon work, as the contract says. */
static struct page *alloc_slow(unsigned order, unsigned flags)
{
	for (unsigned tries = 0;; tries++) {
		struct page *p;

		pcp_drain_all();
		if (order > 0)
			zeropool_drain();
		p = take_block(order, flags);
		if (p != NULL)
			return p;
		reclaim_wake();
		if ((flags & ALLOC_NOWAIT) || task_is_rt(current()) || current()->memory_reserve)
			return NULL;
		if (order > 0 && tries == ORDER_TRIES)
			return NULL;
		ASSERT(preemptible());
		if (reclaim_wait(flags) != 0)
			return NULL;
	}
}

struct page *page_alloc(unsigned flags)
{
	struct pcp *l;
	struct page *p = NULL;

	if (frame_alloc_fails())
		return NULL;
	l = pcp_lock();
	if (flags & ALLOC_ZERO)
		p = chain_pop(&l->zeroed);
	/* With frames in the pool a refill is cheaper than clearing. */
	if (p == NULL && !((flags & ALLOC_ZERO) && zeropool_count() > 0))
		p = chain_pop(&l->dirty);
	pcp_unlock(l);
	if (unlikely(p == NULL)) {
		p = pcp_refill(flags);
		if (p == NULL)
			p = alloc_slow(0, flags);
		if (p == NULL)
			return NULL;
	}
	if ((flags & ALLOC_ZERO) && !(p->flags & PAGE_ZEROED))
		hw_clear_page(page_to_virt(p));
	return page_hand_out(p, 0);
}

struct page *page_alloc_order(unsigned order, unsigned flags)
{
	struct page *p;

	if (order == 0)
		return page_alloc(flags);
	if (order > MAX_ORDER || frame_alloc_fails())
		return NULL;
	p = take_block(order, flags);
	if (p == NULL)
		p = alloc_slow(order, flags);
	if (p == NULL)
		return NULL;
	for (unsigned i = 0; i < 1u << order; i++) {
		page_hand_out(p + i, order)->refs = i == 0;
		if (flags & ALLOC_ZERO)
			hw_clear_page(page_to_virt(p + i));
	}
	if (unlikely(buddy_available() < watermarks.low))
		reclaim_wake();
	return p;
}

/* Checks that p is in use and marks it free, on no list yet. */
static inline void page_mark_free(struct page *p)
{
	ASSERT(p->type != PAGE_FREE && p->type != PAGE_RESERVED);
	ASSERT(!(p->flags & (PAGE_LRU | PAGE_RMAP_LOCK | PAGE_SWAPCACHE)));
	p->type = PAGE_FREE;
	p->order = ORDER_NONE;
	p->flags = 0;
	atomic_store(&p->refs, 0);
	frame_freed(page_to_pfn(p));
}

/* The daemon's waiters look at the buddy, so while memory is short frames skip the lists. */
static inline bool memory_short(void)
{
	return unlikely(buddy_available() < watermarks.low);
}

static void free_order(struct page *p, unsigned order)
{
	for (unsigned i = 0; i < 1u << order; i++)
		page_mark_free(p + i);
	buddy_give_block(p, order);
	if (memory_short())
		reclaim_frames_freed();
}

static void free_short(struct page *p)
{
	struct chain c = CHAIN_EMPTY;

	chain_push(&c, p);
	buddy_give(&c);
	reclaim_frames_freed();
}

void page_free(struct page *p, unsigned order)
{
	struct chain spill = CHAIN_EMPTY;
	struct pcp *l;

	if (order > 0) {
		free_order(p, order);
		return;
	}
	page_mark_free(p);
	if (memory_short()) {
		free_short(p);
		return;
	}
	l = pcp_lock();
	chain_push(&l->dirty, p);
	if (unlikely(l->dirty.count > PCP_HIGH))
		spill = chain_cut(&l->dirty, PCP_HIGH - BUDDY_BATCH);
	pcp_unlock(l);
	buddy_give(&spill);
}

void page_free_batch(struct page **pages, unsigned n)
{
	struct chain c = CHAIN_EMPTY;
	bool was_short = memory_short();

	for (unsigned i = 0; i < n; i++) {
		page_mark_free(pages[i]);
		chain_push(&c, pages[i]);
	}
	buddy_give(&c);
	if (was_short)
		reclaim_frames_freed();
}
