// SPDX-License-Identifier: MIT
/*
 * The buddy allocator (Knowlton 1965): free frames in blocks of 2^order frames, aligned to their
 * size.
 *
 *   (1) The head of a free block has type PAGE_BUDDY and its order; it is on that order's list.
 *       Every other free frame is PAGE_FREE.
 *   (2) Two free blocks that are each other's buddy (pfn ^ size) never exist below the top order:
 *       they are merged.
 *   (3) `free` is the sum of all blocks' frames.
 *
 * The buddy of a block is never the inside of a larger block without containing the block itself
 * too, so its entry is the head of some piece, allocated or free, and (1) tells which. Frames
 * that are not the buddy's change type and order without its lock, while we look: but a frame
 * becomes PAGE_BUDDY, and ceases to be that, under the lock alone. Blocks do not cross a group of
 * 2^MAX_ORDER frames, for which memblock made all entries: looking at a
 * buddy's entry is always allowed.
 *
 * Splitting and merging take at most MAX_ORDER steps of about fifteen instructions; batches are cut
 * so that a lock hold stays under a thousand. Lists are last in, first out: the block freed last is
 * the likeliest in a cache.
 */
#include "mm/frames.h"

#include "kernel/errno.h"
#include "kernel/log.h"

/* Blocks given back per lock hold: each may merge through every order. */
#define GIVE_BATCH 4

struct buddy {
	struct spinlock lock;
	uint32_t free; /* frames; written under lock, read anywhere */
	pfn_t head[MAX_ORDER + 1];
	uint32_t blocks[MAX_ORDER + 1];
};

#define BUDDY_EMPTY                                                                                \
	{                                                                                          \
		.lock = SPINLOCK_INIT, .head = { [0 ... MAX_ORDER] = PFN_NONE }                    \
	}

static struct buddy buddy = BUDDY_EMPTY;

/* Frames ever given; changed at boot and by memblock_release and _claim, by one task at a time. */
static uint32_t total;

struct watermarks watermarks;
bool frames_short;

static void block_link(struct page *p, unsigned order)
{
	pfn_t pfn = page_to_pfn(p), next = buddy.head[order];

	p->type = PAGE_BUDDY;
	p->order = (uint8_t)order;
	p->next = next;
	p->prev = PFN_NONE;
	if (next != PFN_NONE)
		pfn_to_page(next)->prev = pfn;
	buddy.head[order] = pfn;
	buddy.blocks[order]++;
}

static void block_unlink(struct page *p, unsigned order)
{
	if (p->prev != PFN_NONE)
		pfn_to_page(p->prev)->next = p->next;
	else
		buddy.head[order] = p->next;
	if (p->next != PFN_NONE)
		pfn_to_page(p->next)->prev = p->prev;
	p->type = PAGE_FREE;
	buddy.blocks[order]--;
}

/* Merges the block at pfn upwards as far as its buddies are free. */
static void give_locked(pfn_t pfn, unsigned order)
{
	buddy.free += 1u << order;
	while (order < MAX_ORDER) {
		struct page *other = pfn_to_page(pfn ^ (1u << order));

		if (READ_ONCE(other->type) != PAGE_BUDDY || other->order != order)
			break;
		block_unlink(other, order);
		pfn &= ~(1u << order);
		order++;
	}
	block_link(pfn_to_page(pfn), order);
}

/* A block of `order` from the smallest that will do; its upper halves stay free. NULL: none is
 * large enough. */
static struct page *take_locked(unsigned order)
{
	unsigned from = order;
	struct page *p;

	while (from <= MAX_ORDER && buddy.head[from] == PFN_NONE)
		from++;
	if (from > MAX_ORDER)
		return NULL;
	p = pfn_to_page(buddy.head[from]);
	block_unlink(p, from);
	while (from > order) {
		from--;
		block_link(p + (1u << from), from);
	}
	buddy.free -= 1u << order;
	return p;
}

/* True when n frames may go and `floor` still remain, the pool counted. */
static bool above_floor(uint32_t n, uint32_t floor)
{
	return buddy_available() >= (uint64_t)floor + n;
}

/* Pushes the frames of a block that was taken, so that they come off in order: as neighbours they
 * are freed again, most often. */
static void chain_push_block(struct chain *c, struct page *p, unsigned order)
{
	for (unsigned i = 1u << order; i-- > 0;)
		chain_push(c, p + i);
}

/* The largest order whose blocks have at most n frames. */
static inline unsigned order_within(uint32_t n)
{
	return 31 - (unsigned)__builtin_clz(n);
}

/* Blocks whole, from the smallest up, as long as they are wanted whole; then a part of one, unless
 * that is for a lesser part: so what one refill leaves of a block does not make the next ones take
 * parts, too. */
struct chain buddy_take(uint32_t n, uint32_t floor)
{
	struct chain c = CHAIN_EMPTY;
	uint32_t spare;

	DEBUG_ASSERT(n <= BUDDY_BATCH);
	spin_lock(&buddy.lock);
	spare = buddy_available();
	n = MIN(n, spare > floor ? spare - floor : 0);
	for (unsigned order = 0; c.count < n; order++) {
		unsigned most = order_within(n - c.count);
		struct page *p;

		if (order > most && c.count > 0 && c.count >= n / 2)
			break;
		if (order > most)
			order = most;
		else if (buddy.head[order] == PFN_NONE)
			continue;
		p = take_locked(order);
		if (p == NULL)
			break;
		chain_push_block(&c, p, order);
		order--;
	}
	frames_short_update();
	spin_unlock(&buddy.lock);
	return c;
}

struct page *buddy_take_block(unsigned order, uint32_t floor)
{
	struct page *p = NULL;

	spin_lock(&buddy.lock);
	if (above_floor(1u << order, floor))
		p = take_locked(order);
	frames_short_update();
	spin_unlock(&buddy.lock);
	return p;
}

/* Takes the next frames off c that together are a block: neighbours that were freed one after the
 * other, which they mostly are. */
static struct page *chain_pop_block(struct chain *c, unsigned *order)
{
	pfn_t pfn = page_to_pfn(chain_pop(c));
	unsigned n;

	*order = 0;
	for (;;) {
		struct chain rest = *c;
		pfn_t buddy_pfn = pfn ^ (1u << *order);
		bool up = buddy_pfn > pfn;

		/* The frames of the other half, in the same direction. */
		for (n = 0; n < 1u << *order && rest.count > 0; n++) {
			pfn_t want = up ? buddy_pfn + n : buddy_pfn + (1u << *order) - 1 - n;

			if (page_to_pfn(chain_pop(&rest)) != want)
				break;
		}
		if (n < 1u << *order || *order == MAX_ORDER)
			return pfn_to_page(pfn);
		*c = rest;
		pfn &= ~(1u << *order);
		(*order)++;
	}
}

bool buddy_has_block(unsigned order)
{
	while (order <= MAX_ORDER && READ_ONCE(buddy.blocks[order]) == 0)
		order++;
	return order <= MAX_ORDER;
}

/* The largest order whose block fits at start: aligned, and within [start, end). */
static unsigned order_fitting(pfn_t start, pfn_t end)
{
	unsigned order = 0;

	while (order < MAX_ORDER && IS_ALIGNED(start, 2u << order) && end - start >= 2u << order)
		order++;
	return order;
}

struct block {
	struct page *page;
	unsigned order;
};

static void give_blocks(const struct block *blocks, unsigned n)
{
	spin_lock(&buddy.lock);
	while (n-- > 0)
		give_locked(page_to_pfn(blocks[n].page), blocks[n].order);
	frames_short_update();
	spin_unlock(&buddy.lock);
}

void buddy_give(struct chain *c)
{
	struct block blocks[GIVE_BATCH];
	unsigned n;

	while (c->count > 0) {
		for (n = 0; n < GIVE_BATCH && c->count > 0; n++)
			blocks[n].page = chain_pop_block(c, &blocks[n].order);
		give_blocks(blocks, n);
	}
}

/* How many of the n frames from pages[0] on are neighbours in order, upwards or downwards. */
static unsigned run_length(struct page *const *pages, unsigned n)
{
	unsigned run = 1;

	while (run < n && pages[run] == pages[run - 1] + 1)
		run++;
	if (run > 1)
		return run;
	while (run < n && pages[run] == pages[run - 1] - 1)
		run++;
	return run;
}

void buddy_give_frames(struct page *const *pages, unsigned n)
{
	struct block blocks[GIVE_BATCH];
	unsigned full = 0, run;

	for (; n > 0; pages += run, n -= run) {
		pfn_t at, end;

		run = run_length(pages, n);
		at = page_to_pfn(MIN(pages[0], pages[run - 1]));
		end = at + run;
		while (at < end) {
			unsigned order = order_fitting(at, end);

			blocks[full++] = (struct block){ pfn_to_page(at), order };
			at += 1u << order;
			if (full == GIVE_BATCH || (at == end && run == n)) {
				give_blocks(blocks, full);
				full = 0;
			}
		}
	}
}

void buddy_give_block(struct page *p, unsigned order)
{
	spin_lock(&buddy.lock);
	give_locked(page_to_pfn(p), order);
	frames_short_update();
	spin_unlock(&buddy.lock);
}

COLD void buddy_add_range(pfn_t start, pfn_t end)
{
	for (pfn_t pfn = start; pfn < end; pfn++) {
		struct page *p = pfn_to_page(pfn);

		ASSERT(p->type == PAGE_RESERVED);
		p->type = PAGE_FREE;
	}
	total += end - start;
	while (start < end) {
		unsigned order = order_fitting(start, end);

		buddy_give_block(pfn_to_page(start), order);
		start += 1u << order;
	}
}

struct page *buddy_claim(pfn_t pfn)
{
	struct page *p = pfn_to_page(pfn);

	ASSERT(p->type == PAGE_RESERVED);
	*p = (struct page){ .type = PAGE_KERNEL, .refs = 1, .next = PFN_NONE, .prev = PFN_NONE };
	total++;
	return p;
}

/* The largest r with r * r <= n. */
static uint32_t square_root(uint32_t n)
{
	uint32_t r = 0;

	for (uint32_t bit = 1u << 15; bit != 0; bit >>= 1)
		if ((uint64_t)(r | bit) * (r | bit) <= n)
			r |= bit;
	return r;
}

/*
 * The reserve grows with the square root of RAM: what real-time tasks and the page daemon need at
 * once grows with the work in flight, not with what lies still. 128 frames at 64 MB, 1024 at 4 GB.
 * The daemon gets as much again to start in (low) and to work ahead (high); both gaps exceed what a
 * few CPUs' lists can hold.
 */
static COLD void watermarks_set(uint32_t rt)
{
	uint32_t base = MIN(MAX(square_root(total), 32u), total / 8);

	/* From the top, so that they are in order for who looks meanwhile, or from the bottom. */
	if (rt >= watermarks.rt) {
		WRITE_ONCE(watermarks.high, rt + 3 * base);
		WRITE_ONCE(watermarks.low, rt + 2 * base);
		WRITE_ONCE(watermarks.min, rt + base);
		WRITE_ONCE(watermarks.rt, rt);
	} else {
		WRITE_ONCE(watermarks.rt, rt);
		WRITE_ONCE(watermarks.min, rt + base);
		WRITE_ONCE(watermarks.low, rt + 2 * base);
		WRITE_ONCE(watermarks.high, rt + 3 * base);
	}
	frames_short_update();
}

int frames_reserve_rt(uint64_t kb)
{
	static struct mutex mutex = MUTEX_INIT(mutex);
	uint64_t rt = kb >> (PAGE_SHIFT - 10);

	if (rt > total / 8)
		return -EINVAL;
	mutex_lock(&mutex);
	watermarks_set((uint32_t)rt);
	mutex_unlock(&mutex);
	if (memory_short())
		reclaim_wake();
	return 0;
}

COLD void buddy_init(void)
{
	watermarks_set(0);
	pcp_init();
	zeropool_init();
	page_init();
}

uint32_t buddy_available(void)
{
	return READ_ONCE(buddy.free) + zeropool_count();
}

/* Two CPUs may store in the wrong order, as the pool has its own lock; the next change of either
 * count sets it right. */
void frames_short_update(void)
{
	bool is = buddy_available() < watermarks.low;

	if (is != READ_ONCE(frames_short))
		WRITE_ONCE(frames_short, is);
}

uint32_t frames_total(void)
{
	return READ_ONCE(total);
}

uint32_t frames_free(void)
{
	return buddy_available() + pcp_count();
}

void buddy_count(uint32_t blocks[MAX_ORDER + 1])
{
	for (unsigned i = 0; i <= MAX_ORDER; i++)
		blocks[i] = READ_ONCE(buddy.blocks[i]);
}

struct chain chain_cut(struct chain *c, uint32_t keep)
{
	struct chain rest = { c->head, c->count };
	struct page *last = NULL;

	if (c->count <= keep)
		return CHAIN_EMPTY;
	for (uint32_t i = 0; i < keep; i++) {
		last = pfn_to_page(rest.head);
		rest.head = last->next;
	}
	rest.count = c->count - keep;
	c->count = keep;
	if (last != NULL)
		last->next = PFN_NONE;
	else
		c->head = PFN_NONE;
	return rest;
}

static uint32_t check_order(unsigned order)
{
	uint32_t n = 0;
	pfn_t prev = PFN_NONE;

	for (pfn_t pfn = buddy.head[order]; pfn != PFN_NONE; pfn = pfn_to_page(pfn)->next) {
		const struct page *p = pfn_to_page(pfn), *other = pfn_to_page(pfn ^ (1u << order));

		ASSERT(p->type == PAGE_BUDDY && p->order == order && p->prev == prev);
		ASSERT(IS_ALIGNED(pfn, 1u << order));
		ASSERT(order == MAX_ORDER || other->type != PAGE_BUDDY || other->order != order);
		prev = pfn;
		n++;
	}
	ASSERT(n == buddy.blocks[order]);
	return n << order;
}

COLD void buddy_check(void)
{
	uint32_t sum = 0;

	for (unsigned order = 0; order <= MAX_ORDER; order++)
		sum += check_order(order);
	ASSERT(sum == buddy.free);
	ASSERT(frames_free() <= total);
	ASSERT(watermarks.min <= watermarks.low && watermarks.low <= watermarks.high);
}

COLD void buddy_forget(void)
{
	buddy = (struct buddy)BUDDY_EMPTY;
	total = 0;
	watermarks = (struct watermarks){ 0 };
	pcp_init();
	zeropool_init();
	frames_short_update();
}
