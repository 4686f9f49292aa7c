// SPDX-License-Identifier: MIT
/*
 * Frames by the page and by the power of two. Single frames come from per-CPU lists (refilled from
 * the buddy in batches) and, zeroed, from a pool that the idle tasks keep filled.
 *
 * Watermarks (frames free): below `low` the page daemon works; below `min` only tasks allowed to
 * use the reserve get frames: real-time tasks, the page daemon, OOM victims; these leave `rt`,
 * real-time tasks a part without which nothing could be evicted.
 */
#ifndef MM_BUDDY_H
#define MM_BUDDY_H

#include "mm/page.h"

/* largest block the ordinary orders know: 4 MB; larger whole ranges stay in the top list */
#define MAX_ORDER 10

enum alloc_flags {
	ALLOC_ZERO = 1 << 0, /* contents all zero; otherwise undefined, but never another task's old
				data when given to user space */
	ALLOC_NOWAIT = 1 << 1,  /* fail rather than sleep: under spin locks, in interrupts */
	ALLOC_RESERVE = 1 << 2, /* may go below the min watermark whoever asks */
	ALLOC_USER = 1 << 3,   /* for a task's memory: may end in the OOM policy; fails for a killed
				  task. Its group pays */
	ALLOC_GROWS = 1 << 4,  /* a page that the task did not have before: for the OOM policy */
	ALLOC_PAID = 1 << 5,   /* no group pays, or one has (mm/memcg.h) */
	ALLOC_ORDER_SHIFT = 8, /* to reclaim_wait(), reclaim_claim() and oom_kill(): from this bit
				  on, the order of the block */
};

/*
 * One frame with refs 1 and type PAGE_KERNEL, or NULL. Without ALLOC_NOWAIT it wakes the page
 * daemon and sleeps (killable when ALLOC_USER) until frames come or the OOM policy has decided; a
 * real-time task never waits for that: it may use the reserve instead, then takes what others have
 * (mm/claim.c), and gets NULL at once when there is nothing. Kernel allocations without ALLOC_USER
 * and ALLOC_NOWAIT also return NULL at the end: check it.
 */
struct page *page_alloc(unsigned flags) MUST_CHECK;
/* 2^order contiguous, aligned frames; the head page has refs 1. */
struct page *page_alloc_order(unsigned order, unsigned flags) MUST_CHECK;
/* 2^order contiguous, aligned frames, each with refs 1 and all zero: from then on single frames, to
 * be freed one by one. Only where a whole block is free and leaves more than watermarks.high:
 * nothing is collected, waited for or woken up. Preemptible; the time is that of clearing. */
struct page *page_alloc_spare(unsigned order) MUST_CHECK;
/* Frees directly (refs is ignored and set to 0): for kernel memory with one owner. User frames go
 * through page_put(). */
void page_free(struct page *p, unsigned order);
/* page_free(p, 0) of a frame that holds zeroes. */
void page_free_zeroed(struct page *p);
/* Frees n single frames whose refs are 0, with a lock round for every few dozen. */
void page_free_batch(struct page **pages, unsigned n);

/* Hands [start, end) of boot memory to the buddy, once per range, before other CPUs run. */
void buddy_add_range(pfn_t start, pfn_t end);
/* Sets watermarks from the frames added; creates the per-CPU lists. */
void buddy_init(void);

/* Called by the idle loop: zeroes up to a bounded number of frames into the pool; false when there
 * was nothing to do. Preemptible. */
bool buddy_zero_some(void);

struct watermarks {
	uint32_t min, low, high; /* frames */
	uint32_t rt;             /* of min: for real-time tasks and the page daemon alone */
};
extern struct watermarks watermarks;
/* vm.rt_reserve_kb: sets watermarks.rt, and with it the others. 0, -EINVAL (more than an eighth of
 * RAM). May sleep. */
int frames_reserve_rt(uint64_t kb) MUST_CHECK;

uint32_t frames_total(void); /* frames ever given to the buddy */
uint32_t frames_free(void);  /* free now, per-CPU lists and zeroed pool included */
/* Free blocks per order 0..MAX_ORDER, for /proc/buddyinfo. */
void buddy_count(uint32_t blocks[MAX_ORDER + 1]);

/* Where page_alloc waits, implemented in mm/reclaim.c: wakes the daemon and sleeps until frames may
 * be had. 0 to try again, -ENOMEM to give up (killed, OOM victim, or nothing can be done). */
int reclaim_wait(unsigned alloc_flags) MUST_CHECK;
/* The number of frames above `min` that an ordinary task leaves to those who have waited for
 * frames: 0 when nobody waits, or when it has waited itself (frame_due). Any context. */
uint32_t reclaim_kept_for_others(void);
/* Waits while the page daemon evicts until a block of that order (1 and above) is free, for a
 * bounded number of rounds. 0: look again; -ENOMEM as reclaim_wait(). */
int reclaim_wait_block(unsigned order, unsigned alloc_flags) MUST_CHECK;
/* For a real-time task whose part of the reserve has ended (mm/claim.c): takes what others can do
 * without. True: try again; false: nobody has anything. Task context, as page_alloc(); waits for no
 * medium. */
bool reclaim_claim(unsigned alloc_flags) MUST_CHECK;
/* Called (any context, no locks held but maybe spin locks) when free frames fall below low: wakes
 * the daemon. */
void reclaim_wake(void);
/* Called after frames were freed while someone waits in reclaim_wait. */
void reclaim_frames_freed(void);

#endif
