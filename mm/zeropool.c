// SPDX-License-Identifier: MIT
/*
 * The zero pool: single frames that the idle tasks have cleared, so that a fault on fresh memory
 * need not. A pool frame has PAGE_ZEROED and counts as free; it keeps the flag when it goes back to
 * the buddy, for nobody writes a free frame. The pool stops growing at 1/64 of RAM, and while
 * memory is short it does not grow at all: a frame apart from its buddy hinders larger blocks.
 */
#include "mm/frames.h"

#include "kernel/log.h"

/* Frames cleared per call: the idle task looks for work between calls. */
#define ZERO_BATCH  4
#define DRAIN_BATCH 32

static struct {
	struct spinlock lock;
	struct chain frames; /* lock; count is read anywhere */
	uint32_t target;
} pool = { .lock = SPINLOCK_INIT, .frames = { PFN_NONE, 0 } };

void zeropool_init(void)
{
	pool.frames = CHAIN_EMPTY;
	pool.target = MIN(MAX(frames_total() / 64, 32u), 4096u);
}

uint32_t zeropool_count(void)
{
	return READ_ONCE(pool.frames.count);
}

struct chain zeropool_take(uint32_t n, uint32_t floor)
{
	struct chain c = CHAIN_EMPTY;

	if (zeropool_count() == 0)
		return c;
	spin_lock(&pool.lock);
	while (c.count < n && pool.frames.count > 0 && buddy_available() > floor)
		chain_push(&c, chain_pop(&pool.frames));
	frames_short_update();
	spin_unlock(&pool.lock);
	return c;
}

void zeropool_drain(void)
{
	struct chain c;

	do {
		c = zeropool_take(DRAIN_BATCH, 0);
		buddy_give(&c);
	} while (zeropool_count() > 0);
}

/* Clears one frame of the buddy's into the pool; false when there is none to spare. */
static bool zero_one(void)
{
	struct chain c;
	struct page *p;

	if (zeropool_count() >= pool.target || buddy_available() < watermarks.high)
		return false;
	c = buddy_take(1, watermarks.high);
	p = chain_pop(&c);
	if (p == NULL)
		return false;
	if (!page_flag(p, PAGE_ZEROED)) {
		hw_clear_page(page_to_virt(p));
		/* The pool's unlock orders the zeroes before the frame becomes visible to other
		 * CPUs. */
		page_set_flag(p, PAGE_ZEROED);
	}
	spin_lock(&pool.lock);
	chain_push(&pool.frames, p);
	frames_short_update();
	spin_unlock(&pool.lock);
	return true;
}

bool buddy_zero_some(void)
{
	unsigned n = 0;

	while (n < ZERO_BATCH && zero_one())
		n++;
	return n > 0;
}
