// SPDX-License-Identifier: MIT
/*
 * What a page goes through on its way to a store:
 *
 *    one word over and over --> the slot keeps the word
 *    packs to three quarters --> the pool, while it has its share of RAM
 *                                  --oldest first--> the store, as it is
 *    else --> the store, plain
 *
 * A slot's contents are in one place: what is kept has no valid record. While a piece is being
 * written back it has both; the pool's counts until the record is committed. Its slot is pinned
 * meanwhile, so the piece stays; and a slot that is being read is left alone, so that who reads
 * needs no lock.
 *
 * The page daemon alone packs, so one packer serves all; it is made when the first page leaves and
 * kept. Without memory for it, or for the pool's frames, pages go to the store.
 */
#include "mm/swap/tiers.h"

#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "mm/buddy.h"
#include "mm/reclaim_internal.h"
#include "mm/swap/codec.h"
#include "mm/swap/pool.h"
#include "mm/swap/swap_internal.h"

unsigned swap_pool_percent = 25;

/* The daemon's. */
static struct packer *packer;
static struct written_back {
	uint32_t slot;
	unsigned area;
	bool lost;
} batch[EVICT_BATCH];
static unsigned batched;

static uint16_t pack(const void *page, const void **data)
{
	if (packer == NULL)
		packer = packer_create(ALLOC_NOWAIT);
	return packer != NULL ? page_pack(packer, page, data) : 0;
}

void page_store_rest(void)
{
	packer_destroy(packer);
	packer = NULL;
}

/* ---- Out ---- */

/* Frames beyond the pool's share; negative: it may have more. */
static int32_t pool_excess(void)
{
	struct swap_pool_stats st;

	swap_pool_stats(&st);
	return (int32_t)st.frames -
	       (int32_t)((uint64_t)frames_total() * READ_ONCE(swap_pool_percent) / 100);
}

static void slot_keep(uint32_t slot, enum slot_kept kept, uint32_t where)
{
	struct slot *s = slot_at(slot);

	spin_lock(&swap.lock);
	s->kept = kept & 3;
	s->where = where;
	s->poisoned = 0;
	spin_unlock(&swap.lock);
}

/* The share may be overdrawn by a batch, which the next write-back brings back. */
bool tier_has_room(void)
{
	return READ_ONCE(swap_pool_percent) != 0 && pool_excess() < EVICT_BATCH;
}

static bool pool_keep(uint32_t slot, const void *page)
{
	const void *data;
	uint32_t handle;
	void *room;
	uint16_t n;

	if (!tier_has_room())
		return false;
	n = pack(page, &data);
	handle = n > 0 ? pool_reserve(slot, n, &room) : POOL_NONE;
	if (handle == POOL_NONE)
		return false;
	memcpy(room, data, n);
	pool_publish(handle);
	slot_keep(slot, KEPT_POOL, handle);
	vm_count(VM_ZSWPOUT, 1);
	return true;
}

bool tier_keep(uint32_t slot, const void *page)
{
	uint32_t word;

	if (!page_is_filled(page, &word))
		return pool_keep(slot, page);
	slot_keep(slot, KEPT_WORD, word);
	vm_count(VM_SWPOUT_ZERO, 1);
	return true;
}

int page_store(struct store *s, uint32_t slot, const void *page)
{
	const void *data;
	uint16_t n = pack(page, &data);

	return n > 0 ? store_append_packed(s, slot, data, n) : store_append(s, slot, page);
}

/* ---- In ---- */

int tier_read(uint32_t slot, void *page)
{
	/* Other bits of the word may change, these not: tier_written_back() sees PAGE_READING. */
	const struct slot seen = { .bits = READ_ONCE(slot_at(slot)->bits),
				   .where = READ_ONCE(slot_at(slot)->where) };
	const void *data;
	uint16_t n;

	if (seen.kept == KEPT_NOT)
		return -ENOENT;
	if (seen.kept == KEPT_WORD) {
		page_fill(page, seen.where);
		vm_count(VM_SWPIN_ZERO, 1);
		return 0;
	}
	data = pool_data(seen.where, &n);
	vm_count(VM_ZSWPIN, 1);
	return page_unpack(data, n, page) ? 0 : -EIO;
}

/* ---- From the pool to the store ---- */

/* Pins the slot of the piece behind `last`, or of the oldest; POOL_NONE: there is none. */
static uint32_t piece_pin(uint32_t last, uint32_t *slot)
{
	uint32_t handle;

	spin_lock(&swap.lock); /* pieces are dropped under it */
	handle = last == POOL_NONE ? pool_oldest(slot) : pool_next(last, slot);
	if (handle != POOL_NONE)
		slot_at(*slot)->entries++;
	spin_unlock(&swap.lock);
	return handle;
}

void tier_write_back(append_fn *append)
{
	uint32_t handle = POOL_NONE, slot;
	int err = 0;

	for (batched = 0; batched < EVICT_BATCH && err == 0 && pool_excess() > 0;) {
		const void *data;
		uint16_t n;

		handle = piece_pin(handle, &slot);
		if (handle == POOL_NONE)
			break;
		batch[batched++] = (struct written_back){ .slot = slot };
		data = pool_data(handle, &n);
		err = append(slot, data, n, &batch[batched - 1].area);
		batch[batched - 1].lost = err != 0;
	}
}

bool tier_lost(uint32_t slot)
{
	for (unsigned i = 0; i < batched; i++)
		if (batch[i].slot == slot)
			return batch[i].lost = true;
	return false;
}

/* The slot's record is committed: it takes the piece's place, unless somebody reads that. */
static void piece_leave(uint32_t slot, unsigned area)
{
	struct slot *s = slot_at(slot);
	bool reading;

	spin_lock(&swap.lock);
	reading = s->frame != PFN_NONE && page_flag(pfn_to_page(s->frame), PAGE_READING);
	if (reading) {
		store_discard(swap.areas[area].store, slot);
	} else {
		pool_drop(s->where);
		s->kept = KEPT_NOT;
		slot_stored_locked(s, area);
	}
	spin_unlock(&swap.lock);
	if (!reading)
		vm_count(VM_ZSWPWB, 1);
}

void tier_written_back(void)
{
	for (unsigned i = 0; i < batched; i++) {
		if (!batch[i].lost)
			piece_leave(batch[i].slot, batch[i].area);
		slot_put(batch[i].slot);
	}
	batched = 0;
}
