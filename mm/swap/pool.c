// SPDX-License-Identifier: MIT
/*
 * The pool. A frame is 64 granules of 64 bytes, with a bit for each that is in use
 * (page->granules). A piece takes a run of granules: a header of 16 bytes and its payload. Frames
 * are on lists by the longest free run they have, so that the frame which a new piece fills best is
 * found at once:
 *
 *      list 64   (whole frames: none, they go back to the buddy)
 *      list 17   frame | aaaaaaaaaaaa......bbbbbbbbbbbbbbbbbbbbbbbbbbbbb.................|
 *      list  0   frames without room
 *
 * With pieces rounded up to a granule, a piece of average size loses a thirtieth, and the holes
 * that others leave are filled first. Pages that pack to between a half and three quarters lie one
 * to a frame, with small ones beside them.
 *
 * One spin lock, a leaf but for freeing frames. Who knows the handle keeps it to itself or under a
 * lock of its own.
 */
#include "mm/swap/pool.h"

#include "kernel/log.h"
#include "mm/buddy.h"
#include "mm/swap/codec.h"

#define GRANULE       64u
#define GRANULES      ((unsigned)(PAGE_SIZE / GRANULE))
#define GRANULE_SHIFT 6
_Static_assert(GRANULES == 1 << GRANULE_SHIFT && GRANULES == 64, "a bit each in one word");

struct piece {
	uint32_t older, newer; /* handles */
	uint32_t slot;
	uint16_t length;
	uint16_t unused;
	uint8_t payload[];
};
_Static_assert(sizeof(struct piece) == 16, "part of what a page costs");

static struct {
	struct spinlock lock;
	pfn_t lists[GRANULES]; /* frames by their longest free run; 0 means none, and no frame of
				  the pool has that number */
	uint64_t occupied;     /* a bit for each list that has a frame */
	struct swap_pool_stats stats;
} pool = { .lock = SPINLOCK_INIT };
static uint32_t oldest = POOL_NONE,
		newest = POOL_NONE; /* pool.lock; apart, as they lie in the Image */

/* ---- Frames ---- */

/* Bits where a free run of n begins: each step halves what is still to be seen. */
static uint64_t runs_of(uint64_t used, unsigned n)
{
	uint64_t starts = ~used;
	unsigned have = 1;

	while (have < n && starts != 0) {
		unsigned step = MIN(have, n - have);

		starts &= starts >> step;
		have += step;
	}
	return starts;
}

static unsigned longest_run(uint64_t used)
{
	unsigned low = 0, high = GRANULES; /* runs_of(low) is not 0, runs_of(high + 1) is */

	while (low < high) {
		unsigned middle = (low + high + 1) / 2;

		if (runs_of(used, middle) != 0)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

static uint64_t bits(unsigned first, unsigned n)
{
	return (~(uint64_t)0 >> (GRANULES - n)) << first;
}

static void list_take_locked(struct page *p)
{
	unsigned list = p->u.pool.run;

	if (p->prev != PFN_NONE)
		pfn_to_page(p->prev)->next = p->next;
	else
		pool.lists[list] = p->next != PFN_NONE ? p->next : 0;
	if (p->next != PFN_NONE)
		pfn_to_page(p->next)->prev = p->prev;
	if (pool.lists[list] == 0)
		pool.occupied &= ~((uint64_t)1 << list);
}

static void list_put_locked(struct page *p)
{
	unsigned list = longest_run(p->granules);

	DEBUG_ASSERT(list < GRANULES);
	p->u.pool.run = list;
	p->prev = PFN_NONE;
	p->next = pool.lists[list] != 0 ? pool.lists[list] : PFN_NONE;
	if (p->next != PFN_NONE)
		pfn_to_page(p->next)->prev = page_to_pfn(p);
	pool.lists[list] = page_to_pfn(p);
	pool.occupied |= (uint64_t)1 << list;
}

/* The frame that n granules fill best, off its list; or NULL. */
static struct page *frame_best_locked(unsigned n)
{
	uint64_t fitting = pool.occupied & (~(uint64_t)0 << n);
	struct page *p;

	if (fitting == 0)
		return NULL;
	p = pfn_to_page(pool.lists[__builtin_ctzll(fitting)]);
	list_take_locked(p);
	return p;
}

/* A frame of which handles can be made. */
static struct page *frame_new(void)
{
	struct page *p = page_alloc(ALLOC_NOWAIT);
	pfn_t pfn = p != NULL ? page_to_pfn(p) : 0;

	if (p == NULL)
		return NULL;
	if (pfn == 0 || pfn >= UINT32_MAX >> GRANULE_SHIFT) {
		page_free(p, 0);
		return NULL;
	}
	p->granules = 0;
	return p;
}

/* ---- Pieces ---- */

static struct page *frame_of(uint32_t handle)
{
	return pfn_to_page(handle >> GRANULE_SHIFT);
}

static struct piece *piece_at(uint32_t handle)
{
	uint8_t *frame = page_to_virt(frame_of(handle));

	return (struct piece *)(frame + handle % GRANULES * GRANULE);
}

static unsigned granules_for(uint16_t length)
{
	return (unsigned)DIV_ROUND_UP(sizeof(struct piece) + length, GRANULE);
}

static uint32_t reserve_locked(struct page *p, unsigned n)
{
	unsigned first = (unsigned)__builtin_ctzll(runs_of(p->granules, n));

	pool.stats.frames += p->granules == 0;
	p->granules |= bits(first, n);
	list_put_locked(p);
	return page_to_pfn(p) << GRANULE_SHIFT | first;
}

uint32_t pool_reserve(uint32_t slot, uint16_t n, void **data)
{
	unsigned need = granules_for(n);
	struct page *p, *fresh = NULL;
	uint32_t handle = POOL_NONE;

	ASSERT(n > 0 && n <= PACKED_MAX);
	spin_lock(&pool.lock);
	p = frame_best_locked(need);
	if (p != NULL)
		handle = reserve_locked(p, need);
	spin_unlock(&pool.lock);
	if (p == NULL)
		fresh = frame_new();
	if (fresh != NULL) {
		spin_lock(&pool.lock);
		handle = reserve_locked(fresh, need);
		spin_unlock(&pool.lock);
	}
	if (handle == POOL_NONE)
		return POOL_NONE;
	*piece_at(handle) = (struct piece){ .slot = slot, .length = n };
	*data = piece_at(handle)->payload;
	return handle;
}

void pool_publish(uint32_t handle)
{
	struct piece *o = piece_at(handle);

	spin_lock(&pool.lock);
	o->newer = POOL_NONE;
	o->older = newest;
	if (newest != POOL_NONE)
		piece_at(newest)->newer = handle;
	else
		oldest = handle;
	newest = handle;
	pool.stats.pieces++;
	pool.stats.bytes += o->length;
	spin_unlock(&pool.lock);
}

static void age_list_remove_locked(const struct piece *o)
{
	if (o->older != POOL_NONE)
		piece_at(o->older)->newer = o->newer;
	else
		oldest = o->newer;
	if (o->newer != POOL_NONE)
		piece_at(o->newer)->older = o->older;
	else
		newest = o->older;
}

void pool_drop(uint32_t handle)
{
	struct piece *o = piece_at(handle);
	struct page *p = frame_of(handle);
	unsigned n = granules_for(o->length);

	spin_lock(&pool.lock);
	age_list_remove_locked(o);
	pool.stats.pieces--;
	pool.stats.bytes -= o->length;
	list_take_locked(p);
	DEBUG_ASSERT((p->granules & bits(handle % GRANULES, n)) == bits(handle % GRANULES, n));
	p->granules &= ~bits(handle % GRANULES, n);
	if (p->granules != 0)
		list_put_locked(p);
	else
		pool.stats.frames--;
	n = p->granules == 0;
	spin_unlock(&pool.lock);
	if (n)
		page_free(p, 0);
}

const void *pool_data(uint32_t handle, uint16_t *n)
{
	const struct piece *o = piece_at(handle);

	*n = o->length;
	return o->payload;
}

static uint32_t with_slot(uint32_t handle, uint32_t *slot)
{
	*slot = handle != POOL_NONE ? piece_at(handle)->slot : 0;
	return handle;
}

uint32_t pool_oldest(uint32_t *slot)
{
	uint32_t handle;

	spin_lock(&pool.lock);
	handle = with_slot(oldest, slot);
	spin_unlock(&pool.lock);
	return handle;
}

uint32_t pool_next(uint32_t handle, uint32_t *slot)
{
	uint32_t next;

	spin_lock(&pool.lock);
	next = with_slot(piece_at(handle)->newer, slot);
	spin_unlock(&pool.lock);
	return next;
}

void swap_pool_stats(struct swap_pool_stats *st)
{
	spin_lock(&pool.lock);
	*st = pool.stats;
	spin_unlock(&pool.lock);
}
