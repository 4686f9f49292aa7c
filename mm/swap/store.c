// SPDX-License-Identifier: MIT
/*
 * The swap store's front: where each slot's record is, and the calls of store.h. store_internal.h has terms, locks and invariants;
 * store_log.c appends, store_clean.c makes room, store_segment.c erases, store_mount.c opens.
 */
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "mm/slab.h"
#include "mm/swap/store_internal.h"

static void assert_locked(const struct store *s)
{
	DEBUG_ASSERT(spin_held(&s->lock));
	(void)s;
}

bool map_move_locked(struct store *s, uint32_t slot, uint32_t old, uint32_t new)
{
	uint32_t *entry = map_entry(s, slot);

	assert_locked(s);
	if (*entry != old)
		return false;
	if (old == new)
		return true; /* a part of the map that is not there yet cannot be written */
	if (location_valid(old)) {
		ASSERT(s->segments[location_segment(s, old)].live >= RECORD_SIZE);
		s->segments[location_segment(s, old)].live -= RECORD_SIZE;
		s->live_records--;
	}
	if (location_valid(new)) {
		s->segments[location_segment(s, new)].live += RECORD_SIZE;
		s->live_records++;
	}
	WRITE_ONCE(*entry, new);
	return true;
}

/* ---- Reading ---- */

static int record_read_once(struct store *s, uint32_t slot, uint32_t loc, void *payload)
{
	uint64_t at = (uint64_t)loc * RECORD_ALIGN;
	uint32_t crc, sequence = s->segments[location_segment(s, loc)].sequence;
	struct record_header h;
	int err = s->medium->ops->read(s->medium, at, &h, sizeof(h));

	if (!err)
		err = s->medium->ops->read(s->medium, at + RECORD_HEADER, payload, RECORD_PAYLOAD);
	if (err)
		return err;
	crc = hw_crc32c(UINT32_MAX, &h, offsetof(struct record_header, crc));
	crc = ~hw_crc32c(crc, payload, RECORD_PAYLOAD);
	if (crc != h.crc || h.slot != slot || h.length != RECORD_PAYLOAD || h.sequence != sequence)
		return -EIO;
	return 0;
}

int record_read(struct store *s, uint32_t slot, uint32_t loc, void *payload)
{
	int err = record_read_once(s, slot, loc, payload);

	return err && !medium_gone(err) ? record_read_once(s, slot, loc, payload) : err;
}

void record_poison(struct store *s, uint32_t slot, uint32_t loc)
{
	uint32_t segment = location_segment(s, loc);
	uint64_t irq = spin_lock_irq(&s->lock);
	bool moved = map_move_locked(s, slot, loc, LOC_POISON);

	if (moved) {
		s->stats.crc_errors++;
		s->segments[segment].bad_records++;
	}
	spin_unlock_irq(&s->lock, irq);
	if (moved)
		log_error("swap store %s: slot %u cannot be read back from segment %u",
			  s->medium->name, slot, segment);
}

/* The slot's location, with a reader's hold on its segment; or 0, with *err: 0 when the ring had it. */
static uint32_t read_begin(struct store *s, uint32_t slot, void *buf, int *err)
{
	const struct head *h = &s->head;
	uint64_t irq = spin_lock_irq(&s->lock);
	uint32_t loc = *map_entry(s, slot), segment, offset;

	*err = loc == LOC_NONE ? -ENOENT : loc == LOC_POISON ? -EIO : 0;
	if (*err) {
		loc = LOC_NONE;
	} else {
		segment = location_segment(s, loc);
		offset = (uint32_t)((uint64_t)loc * RECORD_ALIGN - segment_base(s, segment));
		if (segment == h->segment && offset + RECORD_SIZE > h->programmed) {
			ring_get(s, h, offset + RECORD_HEADER, buf, RECORD_PAYLOAD);
			loc = LOC_NONE;
		} else {
			s->segments[segment].readers++;
		}
	}
	spin_unlock_irq(&s->lock, irq);
	return loc;
}

/* Lets go of the segment. True when the slot is still at loc. */
static bool read_end(struct store *s, uint32_t slot, uint32_t loc)
{
	uint32_t segment = location_segment(s, loc);
	uint64_t irq = spin_lock_irq(&s->lock);
	bool same = *map_entry(s, slot) == loc;
	bool wake = --s->segments[segment].readers == 0 && s->draining == segment;

	spin_unlock_irq(&s->lock, irq);
	if (wake)
		waitq_wake_all(&s->drained);
	return same;
}

int store_read(struct store *s, uint32_t slot, void *buf)
{
	int err = 0;

	if (slot == 0 || slot > s->slots)
		return -EINVAL;
	/* A record that moved while a read of its old place failed is read again; the cleaner cannot outrun us for ever. */
	for (unsigned i = 0; i < RETRIES; i++) {
		uint32_t loc = read_begin(s, slot, buf, &err);
		bool same;

		if (loc == LOC_NONE)
			return err;
		err = record_read(s, slot, loc, buf);
		same = read_end(s, slot, loc);
		if (!err || medium_gone(err))
			return err;
		if (same) {
			record_poison(s, slot, loc);
			return err;
		}
	}
	return err;
}

void store_discard(struct store *s, uint32_t slot)
{
	uint64_t irq;

	ASSERT(slot > 0 && slot <= s->slots);
	irq = spin_lock_irq(&s->lock);
	(void)map_move_locked(s, slot, *map_entry(s, slot), LOC_NONE);
	spin_unlock_irq(&s->lock, irq);
}

/* ---- Writing ---- */

/* Makes the map have an entry for slot; under `writer`. 0 or -ENOMEM. */
static int map_extend(struct store *s, uint32_t slot)
{
	uint32_t **chunk = &s->map[slot >> MAP_SHIFT], *entries;

	if (*chunk != map_nothing)
		return 0;
	entries = kmalloc(MAP_CHUNK * sizeof(*entries), ALLOC_ZERO | ALLOC_NOWAIT);
	if (!entries)
		return -ENOMEM;
	hw_wmb(); /* its zeroes, before anyone finds it */
	WRITE_ONCE(*chunk, entries);
	return 0;
}

/* Room for one record in the head. */
static int make_room(struct store *s)
{
	while (!head_has_room(s)) {
		int err = head_advance(s, false);

		if (err == -ENOSPC && clean_one(s, true))
			continue;
		if (err)
			return err;
	}
	return 0;
}

int store_append(struct store *s, uint32_t slot, const void *page)
{
	int err;

	if (slot == 0 || slot > s->slots)
		return -EINVAL;
	store_discard(s, slot);
	mutex_lock(&s->writer);
	/* Segments that failed since the promise was made take their share of it along; without slack the cleaner would starve. */
	err = READ_ONCE(s->live_records) >= store_capacity(s) ? -ENOSPC : make_room(s);
	if (!err)
		err = map_extend(s, slot);
	if (!err) {
		err = head_put(s, slot, LOC_NONE, page, 0);
		if (err)
			store_discard(s, slot);
		else
			s->stats.bytes_in += RECORD_PAYLOAD;
	}
	mutex_unlock(&s->writer);
	return err;
}

int store_commit(struct store *s, void (*lost)(uint32_t slot, void *arg), void *arg)
{
	int err;

	mutex_lock(&s->writer);
	err = head_commit(s);
	if (err)
		head_abandon(s, lost, arg);
	mutex_unlock(&s->writer);
	return err;
}

void store_stats(struct store *s, struct store_stats *st)
{
	uint64_t irq;

	mutex_lock(&s->writer);
	irq = spin_lock_irq(&s->lock);
	*st = s->stats;
	st->live_records = s->live_records;
	spin_unlock_irq(&s->lock, irq);
	st->medium = s->medium->name;
	st->bytes_ever = s->bytes_ever;
	st->segment_size = s->segment_size;
	st->segments = s->nsegments;
	st->free_segments = segments_free(s);
	st->erase_min = UINT32_MAX;
	for (uint32_t i = 0; i < s->nsegments; i++) {
		const struct segment *g = &s->segments[i];

		if (g->state == SEGMENT_RETIRED)
			continue;
		st->erase_min = MIN(st->erase_min, g->erase_count);
		st->erase_max = MAX(st->erase_max, g->erase_count);
		st->erase_sum += g->erase_count;
	}
	if (st->erase_min == UINT32_MAX)
		st->erase_min = 0;
	mutex_unlock(&s->writer);
}
