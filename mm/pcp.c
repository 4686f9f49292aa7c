// SPDX-License-Identifier: MIT
/*
 * Single frames by way of per-CPU lists, and the entries of the allocator: page_alloc, page_free
 * and their slow paths.
 *
 * Every CPU has a list of dirty frames and one of zeroed frames. They are refilled and spilled
 * BUDDY_BATCH at a time, so the buddy's lock is taken once in sixteen operations. The lists have a
 * lock although only their CPU uses them in the ordinary way: it is hardly ever contended (five
 * instructions), and it lets a CPU that runs out take back what the others hold (pcp_drain_all)
 * without interrupting them. So no frame is out of reach of a real-time task.
 *
 * Who gets the last frames: ordinary tasks leave `watermarks.min` frames in buddy and pool, OOM
 * victims `rt` and half of the rest, real-time tasks an eighth of it: without any the page daemon
 * could not free more. It, others with memory_reserve, and ALLOC_RESERVE leave none. Frames already
 * on a CPU's list are not part of the reserve. While less than `low` is available, freed frames go
 * straight to the buddy, where everyone sees them.
 *
 * Counted on A64 with the list filled: page_alloc 50 instructions, page_free 57.
 */
#include "mm/frames.h"

#include "kernel/log.h"
#include "kernel/task.h"
#include "mm/memcg.h"

#define PCP_HIGH 32 /* a dirty list longer than this spills its colder half */
/* it keeps so many when whoever frees holds a spin lock: that takes a quarter of the time */
#define PCP_SPILL_LESS 28
#define ZERO_REFILL    8
#define ZERO_KEPT      16 /* zeroed frames that a CPU keeps of those that are freed */
/* of the reserve, without what is real-time tasks' alone: that share is the page daemon's */
#define DAEMON_PART  8
#define ORDER_TRIES  4  /* rounds of reclaim that a block larger than a frame is worth */
#define ORDER_CLAIMS 16 /* of pages that a real-time task takes for one */

/* Which list: ALLOC_ZERO in the flags is the index. */
enum { DIRTY = 0, ZEROED = 1 };
_Static_assert((int)ALLOC_ZERO == (int)ZEROED, "the flag is the list's index");

struct pcp {
	uint8_t locked; /* 0 or 1; fairness is worth nothing here, the ticket's instructions are */
	struct chain list[2];   /* locked */
} __attribute__((aligned(64))); /* a cache line each */

static struct pcp pcps[NR_CPUS_MAX];

void pcp_init(void)
{
	for (unsigned i = 0; i < NR_CPUS_MAX; i++)
		pcps[i] = (struct pcp){ .list = { CHAIN_EMPTY, CHAIN_EMPTY } };
}

/* Preemption off. */
static inline void pcp_lock_raw(struct pcp *l)
{
	while (unlikely(__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE) != 0))
		hw_relax();
}

/* This CPU's lists, locked, preemption off. */
static inline struct pcp *pcp_lock(void)
{
	struct pcp *l;

	preempt_disable();
	l = &pcps[hw_cpu()];
	pcp_lock_raw(l);
	return l;
}

static inline void pcp_unlock(struct pcp *l)
{
	atomic_store_release(&l->locked, 0);
	preempt_enable();
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
	uint32_t base = watermarks.min - watermarks.rt;

	if ((flags & ALLOC_RESERVE) || t->memory_reserve)
		return 0;
	if (task_is_rt(t))
		return base / DAEMON_PART;
	if (t->oom_victim)
		return watermarks.rt + base / 2;
	return watermarks.min + reclaim_kept_for_others();
}

/* Puts frames on this CPU's list of their kind, in their order: the chain is empty afterwards. At
 * most a refill's worth. */
static void pcp_put(struct chain *c, unsigned kind)
{
	struct pcp *l = pcp_lock();

	chain_prepend(&l->list[kind], c);
	pcp_unlock(l);
}

/* Dirty frames for this CPU's list, the first of them for the caller; NULL: nothing above the
 * floor. */
static struct page *refill_dirty(uint32_t floor)
{
	/* Near the end, one at a time: what lies on a list helps nobody else. */
	struct chain c = buddy_take(memory_short() ? 1 : BUDDY_BATCH, floor);
	struct page *p = chain_pop(&c);

	if (c.count > 0)
		pcp_put(&c, DIRTY);
	return p;
}

static struct page *refill_zeroed(uint32_t n, uint32_t floor)
{
	struct chain c = zeropool_take(n, floor);
	struct page *p = chain_pop(&c);

	if (c.count > 0)
		pcp_put(&c, ZEROED);
	return p;
}

/*
 * A frame when the list for it is empty, and a refill for the next ones. NULL: nothing above the
 * floor. Cleared frames are preferred for ALLOC_ZERO and spared otherwise; one that is cleared has
 * PAGE_ZEROED. Wakes the daemon when memory runs low.
 */
static struct page *pcp_refill(unsigned flags)
{
	uint32_t floor = floor_for(flags);
	struct page *p = NULL;

	if (flags & ALLOC_ZERO) {
		struct pcp *l;

		p = refill_zeroed(ZERO_REFILL, floor);
		if (p == NULL) {
			l = pcp_lock();
			p = chain_pop(&l->list[DIRTY]);
			pcp_unlock(l);
		}
	}
	if (p == NULL)
		p = refill_dirty(floor);
	if (p == NULL)
		p = refill_zeroed(1, floor);
	if (unlikely(memory_short())) {
		reclaim_wake();
		if (flags & ALLOC_GROWS)
			WRITE_ONCE(current()->grew, time_now());
	}
	return p;
}

/* Empties one list of one CPU into the buddy. */
static void pcp_drain(struct pcp *l, unsigned kind)
{
	struct chain c;

	if (READ_ONCE(l->list[kind].count) == 0)
		return;
	preempt_disable();
	pcp_lock_raw(l);
	c = l->list[kind];
	l->list[kind] = CHAIN_EMPTY;
	pcp_unlock(l);
	buddy_give(&c);
}

void pcp_drain_all(void)
{
	for (unsigned i = 0; i < hw_cpus(); i++) {
		pcp_drain(&pcps[i], DIRTY);
		pcp_drain(&pcps[i], ZEROED);
	}
}

uint32_t pcp_count(void)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < hw_cpus(); i++)
		n += READ_ONCE(pcps[i].list[DIRTY].count) + READ_ONCE(pcps[i].list[ZEROED].count);
	return n;
}

/* One try for a block past the lists. */
static struct page *take_block(unsigned order, unsigned flags)
{
	return order == 0 ? pcp_refill(flags) : buddy_take_block(order, floor_for(flags));
}

/* The easy ways failed: takes back what CPUs and pool hold apart, then lets the page daemon work,
 * as the contract says. */
static COLD struct page *alloc_slow(unsigned order, unsigned flags)
{
	unsigned wanted = flags | order << ALLOC_ORDER_SHIFT;

	for (unsigned tries = 0;; tries++) {
		struct page *p;

		/* Under a spin lock there is no time to go through every CPU's lists. */
		if ((flags & ALLOC_NOWAIT) && !preemptible())
			return NULL;
		pcp_drain_all();
		if (order > 0)
			zeropool_drain();
		p = take_block(order, flags);
		if (p != NULL) {
			current()->frame_due = false;
			return p;
		}
		reclaim_wake();
		if ((flags & ALLOC_NOWAIT) || current()->memory_reserve)
			return NULL;
		ASSERT(preemptible());
		if (task_is_rt(current())) {
			if ((order > 0 && tries == ORDER_CLAIMS) || !reclaim_claim(wanted))
				return NULL;
			continue;
		}
		if (order > 0 && tries == ORDER_TRIES)
			return NULL;
		if (reclaim_wait(wanted) != 0 ||
		    (order > 0 && reclaim_wait_block(order, flags) != 0))
			return NULL;
	}
}

/* page_alloc() when its list is empty. Kept apart so that the ordinary way saves few registers. */
static __attribute__((noinline)) struct page *page_alloc_refill(unsigned flags)
{
	struct page *p = pcp_refill(flags);

	if (p == NULL)
		p = alloc_slow(0, flags);
	if (p == NULL)
		return NULL;
	if ((flags & ALLOC_ZERO) && !(p->flags & PAGE_ZEROED))
		hw_clear_page(page_to_virt(p));
	return page_hand_out(p, 0);
}

/* An allocation that may sleep, under a spin lock: seldom would it come to that, so it is looked
 * for always. */
static inline void check_may_sleep(unsigned flags)
{
	DEBUG_ASSERT((flags & ALLOC_NOWAIT) || task_may_sleep());
}

struct page *page_alloc(unsigned flags)
{
	struct page *p;
	struct pcp *l;

	check_may_sleep(flags);
	if (unlikely(memory_group() != 0) && (flags & (ALLOC_USER | ALLOC_PAID)) == ALLOC_USER)
		return memcg_page_alloc(flags);
	if (frame_alloc_fails(flags))
		return NULL;
	l = pcp_lock();
	p = chain_pop(&l->list[flags & ALLOC_ZERO]);
	if (p == NULL && (flags & ALLOC_ZERO) && zeropool_count() == 0)
		p = chain_pop(&l->list[DIRTY]); /* the pool has none for its list either */
	pcp_unlock(l);
	if (unlikely(p == NULL))
		return page_alloc_refill(flags);
	if ((flags & ALLOC_ZERO) && !(p->flags & PAGE_ZEROED))
		hw_clear_page(page_to_virt(p));
	return page_hand_out(p, 0);
}

struct page *page_alloc_order(unsigned order, unsigned flags)
{
	struct page *p;

	if (order == 0)
		return page_alloc(flags);
	check_may_sleep(flags);
	if (order > MAX_ORDER || frame_alloc_fails(flags))
		return NULL;
	p = take_block(order, flags);
	if (p == NULL)
		p = alloc_slow(order, flags);
	if (p == NULL)
		return NULL;
	for (unsigned i = 0; i < 1u << order; i++) {
		if ((flags & ALLOC_ZERO) && !(p[i].flags & PAGE_ZEROED))
			hw_clear_page(page_to_virt(p + i));
		page_hand_out(p + i, order)->refs = i == 0;
	}
	if (unlikely(memory_short()))
		reclaim_wake();
	return p;
}

struct page *page_alloc_spare(unsigned order)
{
	struct page *p =
		frame_alloc_fails(ALLOC_NOWAIT) ? NULL : buddy_take_block(order, watermarks.high);

	for (unsigned i = 0; p != NULL && i < 1u << order; i++) {
		if (!(p[i].flags & PAGE_ZEROED))
			hw_clear_page(page_to_virt(p + i));
		page_hand_out(p + i, 0);
	}
	if (p != NULL && unlikely(memory_group() != 0) && !memcg_charge_run(p, 1u << order)) {
		for (unsigned i = 0; i < 1u << order; i++)
			page_free(p + i, 0);
		return NULL;
	}
	return p;
}

/* Checks that p is in use and marks it free, on no list yet. */
static inline void page_mark_free(struct page *p)
{
	ASSERT(p->type > PAGE_BUDDY); /* neither reserved nor free */
	ASSERT(!(p->flags & (PAGE_LRU | PAGE_RMAP_LOCK | PAGE_SWAPCACHE)));
	p->type = PAGE_FREE;
	p->flags = 0;
	atomic_store(&p->refs, 0);
	frame_freed(page_to_pfn(p));
}

/* A single frame's group pays no more. */
static inline void page_unpay(struct page *p)
{
	if (unlikely(p->u.lru.group != 0))
		memcg_uncharge(p);
}

static void free_order(struct page *p, unsigned order)
{
	for (unsigned i = 0; i < 1u << order; i++)
		page_mark_free(p + i);
	buddy_give_block(p, order);
	if (memory_short())
		reclaim_frames_freed();
}

/* The page daemon and who waits for it look at the buddy: while memory is short, frames skip the
 * lists. */
static __attribute__((noinline)) void free_short(struct page *p)
{
	struct chain c = CHAIN_EMPTY;

	chain_push(&c, p);
	buddy_give(&c);
	reclaim_frames_freed();
}

/* Gives the part of this CPU's dirty list to the buddy that was not used for longest. */
static __attribute__((noinline)) void pcp_spill(void)
{
	unsigned keep = preemptible() ? PCP_HIGH - BUDDY_BATCH : PCP_SPILL_LESS;
	struct pcp *l = pcp_lock();
	struct chain c = chain_cut(&l->list[DIRTY], keep);

	pcp_unlock(l);
	buddy_give(&c);
}

void page_free(struct page *p, unsigned order)
{
	struct pcp *l;
	bool full;

	if (unlikely(order > 0)) {
		free_order(p, order);
		return;
	}
	page_mark_free(p);
	page_unpay(p);
	if (unlikely(memory_short())) {
		free_short(p);
		return;
	}
	l = pcp_lock();
	chain_push(&l->list[DIRTY], p);
	full = l->list[DIRTY].count > PCP_HIGH;
	pcp_unlock(l);
	if (unlikely(full))
		pcp_spill();
}

COLD void page_free_zeroed(struct page *p)
{
	struct pcp *l;
	bool full;

	if (CONFIG_DEBUG)
		for (const uint64_t *w = page_to_virt(p), *end = w + PAGE_SIZE / 8; w < end; w++)
			ASSERT(*w == 0);
	if (unlikely(memory_short())) {
		page_free(p, 0);
		return;
	}
	page_mark_free(p);
	page_unpay(p);
	p->flags = PAGE_ZEROED;
	l = pcp_lock();
	/* Kept wherever the frame goes, it is worth most here. */
	full = l->list[ZEROED].count >= ZERO_KEPT;
	chain_push(&l->list[full ? DIRTY : ZEROED], p);
	full = l->list[DIRTY].count > PCP_HIGH;
	pcp_unlock(l);
	if (unlikely(full))
		pcp_spill();
}

/* Puts the frames [0, n) on this CPU's dirty list, the last on top. */
static void pcp_put_batch(struct page **pages, unsigned n)
{
	struct pcp *l;
	bool full;

	for (unsigned i = 1; i < n; i++)
		pages[i]->next = page_to_pfn(pages[i - 1]);
	l = pcp_lock();
	pages[0]->next = l->list[DIRTY].head;
	l->list[DIRTY].head = page_to_pfn(pages[n - 1]);
	l->list[DIRTY].count += n;
	full = l->list[DIRTY].count > PCP_HIGH;
	pcp_unlock(l);
	if (unlikely(full))
		pcp_spill();
}

/* What is more than the lists would keep has no use for them: it is the buddy's at once, in
 * blocks. */
void page_free_batch(struct page **pages, unsigned n)
{
	bool was_short = memory_short();

	for (unsigned i = 0; i < n; i++) {
		page_mark_free(pages[i]);
		page_unpay(pages[i]);
	}
	if (n > 0 && n <= BUDDY_BATCH && !was_short) {
		pcp_put_batch(pages, n);
		return;
	}
	buddy_give_frames(pages, n);
	for (unsigned i = 0; was_short && i < n; i += BUDDY_BATCH)
		reclaim_frames_freed();
}
