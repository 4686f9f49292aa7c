// SPDX-License-Identifier: MIT
/*
 * The swap store's front: where each slot's record is, and the calls of store.h. store_internal.h
 * has terms, locks and invariants; store_log.c appends, store_clean.c makes room, store_segment.c
 * erases, store_mount.c opens.
 */
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "mm/slab.h"
#include "mm/swap/codec.h"
#include "mm/swap/store_internal.h"

static void assert_locked(const struct store *s)
{
	DEBUG_ASSERT(spin_held(&s->lock));
	(void)s;
}

bool map_move_locked(struct store *s, uint32_t slot, loc_t old, loc_t new)
{
	loc_t *entry = map_entry(s, slot);

	assert_locked(s);
	if (*entry != old)
		return false;
	if (old == new)
		return true; /* a part of the map that is not there yet cannot be written */
	if (location_valid(old)) {
		struct segment *g = &s->segments[location_segment(s, old)];

		ASSERT(g->live >= location_size(old));
		g->live -= location_size(old);
		if (g->live == 0)
			s->dead = true;
		s->live_records--;
	}
	if (location_valid(new)) {
		s->segments[location_segment(s, new)].live += location_size(new);
		s->live_records++;
	}
	WRITE_ONCE(*entry, new);
	return true;
}

/* ---- Reading ---- */

void record_cipher(const struct store *s, uint32_t sequence, loc_t loc, void *payload,
		   uint16_t length)
{
	if (s->encrypted)
		chacha20_apply(s->key, (uint32_t[3]){ sequence, (uint32_t)loc, 0 }, 0, payload,
			       length);
}

static bool packed(loc_t loc)
{
	return location_size(loc) < RECORD_SIZE;
}

/* Header and payload, the latter with what fills it up; the payload only when its length makes
 * sense. */
static int record_fetch(struct medium *m, loc_t loc, struct record_header *h, void *payload)
{
	uint64_t at = location_offset(loc);
	const struct medium_piece pieces[] = {
		{ h, sizeof(*h) },
		{ payload, location_size(loc) - RECORD_HEADER },
	};
	int err = m->ops->read_both ? m->ops->read_both(m, at, pieces)
				    : m->ops->read(m, at, h, sizeof(*h));

	if (!err && record_size(h->length) != location_size(loc))
		err = -EIO; /* before it is used: the checksum comes after the payload */
	if (!err && !m->ops->read_both)
		err = m->ops->read(m, at + RECORD_HEADER, payload, h->length);
	return err;
}

static int record_read_once(struct store *s, uint32_t slot, loc_t loc, void *payload,
			    uint16_t *length)
{
	uint32_t crc, sequence = s->segments[location_segment(s, loc)].sequence;
	struct record_header h = { 0 };
	int err = record_fetch(s->medium, loc, &h, payload);

	if (err)
		return err;
	crc = hw_crc32c(UINT32_MAX, &h, offsetof(struct record_header, crc));
	crc = ~hw_crc32c(crc, payload, h.length);
	if (crc != h.crc || h.slot != slot || h.sequence != sequence ||
	    !!(h.flags & RECORD_PACKED) != packed(loc))
		return -EIO;
	record_cipher(s, sequence, loc, payload, h.length);
	*length = h.length;
	return 0;
}

int record_read(struct store *s, uint32_t slot, loc_t loc, void *payload, uint16_t *length)
{
	int err = record_read_once(s, slot, loc, payload, length);

	return err && !medium_gone(err) ? record_read_once(s, slot, loc, payload, length) : err;
}

void record_poison(struct store *s, uint32_t slot, loc_t loc)
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

/* Takes the payload at loc out of a ring. 0: none has it, or not sure all of it. */
static uint16_t ring_take(const struct store *s, const struct head *h, loc_t loc, void *buf)
{
	uint32_t segment = location_segment(s, loc);
	uint32_t offset = (uint32_t)(location_offset(loc) - segment_base(s, segment));
	struct record_header r;

	if (segment != h->segment || offset + location_size(loc) <= h->programmed)
		return 0;
	ring_get(s, h, offset, &r, sizeof(r));
	ring_get(s, h, offset + RECORD_HEADER, buf, r.length);
	return r.length;
}

/* Where a slot's record is, and what has been got of it. */
struct reading {
	loc_t loc;
	uint32_t sequence; /* of its segment */
	uint16_t length;   /* 0: it is to be read from the medium, with a reader's hold on its
			      segment */
};

/* 0, -ENOENT, -EIO. */
static int read_begin(struct store *s, uint32_t slot, void *buf, struct reading *r)
{
	uint64_t irq = spin_lock_irq(&s->lock);
	loc_t loc = *map_entry(s, slot);
	int err = loc == LOC_NONE ? -ENOENT : loc == LOC_POISON ? -EIO : 0;

	*r = (struct reading){ .loc = loc };
	if (!err) {
		r->sequence = s->segments[location_segment(s, loc)].sequence;
		r->length = ring_take(s, &s->head, loc, buf);
		if (r->length == 0)
			r->length = ring_take(s, &s->rescued, loc, buf);
		if (r->length == 0)
			s->segments[location_segment(s, loc)].readers++;
	}
	spin_unlock_irq(&s->lock, irq);
	return err;
}

/* Lets go of the segment. True when the slot is still at loc. */
static bool read_end(struct store *s, uint32_t slot, loc_t loc)
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

/* Unpacks what is at the beginning of the page, by way of `from`. */
static bool unpack_by(uint8_t *from, uint16_t n, void *page)
{
	memcpy(from, page, n);
	return page_unpack(from, n, page);
}

/* Without memory the readers share a buffer: they wait for each other, not for memory. */
static bool unpack_in_place(struct store *s, uint16_t n, void *page)
{
	uint8_t *from = kmalloc(n, ALLOC_NOWAIT);
	bool good;

	if (from != NULL) {
		good = unpack_by(from, n, page);
		kfree(from);
	} else {
		mutex_lock(&s->unpacking);
		good = unpack_by(s->packed, n, page);
		mutex_unlock(&s->unpacking);
	}
	return good;
}

/* One try: 0, -EAGAIN (the record moved meanwhile), or store_read's errors. */
static int read_payload(struct store *s, uint32_t slot, void *buf, struct reading *r)
{
	int err = read_begin(s, slot, buf, r);
	bool same;

	if (!err && r->length > 0)
		record_cipher(s, r->sequence, r->loc, buf, r->length);
	if (err || r->length > 0)
		return err;
	err = record_read(s, slot, r->loc, buf, &r->length);
	same = read_end(s, slot, r->loc);
	if (!err || medium_gone(err))
		return err;
	if (!same)
		return -EAGAIN;
	record_poison(s, slot, r->loc);
	return err;
}

int store_read(struct store *s, uint32_t slot, void *buf)
{
	struct reading r;
	int err = -EAGAIN;

	if (slot == 0 || slot > s->last)
		return -EINVAL;
	/* A record that moved while a read of its old place failed is read again; the cleaner
	 * cannot outrun us for ever. */
	for (unsigned i = 0; i < RETRIES && err == -EAGAIN; i++)
		err = read_payload(s, slot, buf, &r);
	if (err)
		return err == -EAGAIN ? -EIO : err;
	/* The checksum was right, so what was written was wrong: RAM that forgets. */
	if (packed(r.loc) && !unpack_in_place(s, r.length, buf)) {
		record_poison(s, slot, r.loc);
		return -EIO;
	}
	return 0;
}

/* All of it is on the medium, of which no part is being programmed. */
static bool location_settled(const struct store *s, loc_t loc)
{
	uint32_t segment = location_segment(s, loc);

	return segment != s->rescued.segment &&
	       (segment != s->head.segment ||
		location_offset(loc) + location_size(loc) <=
			segment_base(s, segment) + s->head.programmed);
}

/* Where the records of a row of slots are that lie in one segment. Returns the first's location,
 * whose segment is held; LOC_NONE: nowhere. */
static loc_t row_locate(struct store *s, uint32_t first, uint32_t n, uint64_t *from, uint64_t *to)
{
	uint64_t irq = spin_lock_irq(&s->lock);
	loc_t held = LOC_NONE;

	for (uint32_t slot = first; slot < first + n && slot <= s->last; slot++) {
		loc_t loc = *map_entry(s, slot);

		if (!location_valid(loc) || !location_settled(s, loc))
			continue;
		if (held == LOC_NONE)
			held = loc;
		if (location_segment(s, loc) != location_segment(s, held))
			continue;
		*from = MIN(*from, location_offset(loc));
		*to = MAX(*to, location_offset(loc) + location_size(loc));
	}
	if (held != LOC_NONE)
		s->segments[location_segment(s, held)].readers++;
	spin_unlock_irq(&s->lock, irq);
	return held;
}

void store_read_ahead(struct store *s, uint32_t first, uint32_t n)
{
	uint64_t from = UINT64_MAX, to = 0;
	loc_t held;

	if (s->medium->ops->read_ahead == NULL)
		return;
	held = row_locate(s, first, n, &from, &to);
	if (held == LOC_NONE)
		return;
	s->medium->ops->read_ahead(s->medium, from, (size_t)(to - from));
	(void)read_end(s, first, held);
}

void store_discard(struct store *s, uint32_t slot)
{
	uint64_t irq;

	ASSERT(slot > 0 && slot <= s->last);
	irq = spin_lock_irq(&s->lock);
	(void)map_move_locked(s, slot, *map_entry(s, slot), LOC_NONE);
	spin_unlock_irq(&s->lock, irq);
}

bool store_dead(const struct store *s)
{
	return s->medium->discards && READ_ONCE(s->dead);
}

/* ---- Writing ---- */

/* Makes the map have an entry for slot; under `writer`. 0 or -ENOMEM. */
static int map_extend(struct store *s, uint32_t slot)
{
	loc_t **chunk = &s->map[slot >> MAP_SHIFT], *entries;

	if (*chunk != map_nothing())
		return 0;
	entries = kmalloc(MAP_CHUNK * sizeof(*entries), ALLOC_ZERO | ALLOC_NOWAIT);
	if (!entries)
		return -ENOMEM;
	hw_wmb(); /* its zeroes, before anyone finds it */
	WRITE_ONCE(*chunk, entries);
	return 0;
}

int store_grow(struct store *s, uint32_t last)
{
	uint32_t had, n = (last >> MAP_SHIFT) + 1;
	loc_t **map, **old;
	uint64_t irq;

	if (last <= s->last)
		return 0;
	map = kmalloc(n * sizeof(*map), 0);
	if (!map)
		return -ENOMEM;
	mutex_lock(&s->writer);
	old = s->map;
	had = (s->last >> MAP_SHIFT) + 1;
	for (uint32_t i = 0; i < n; i++)
		map[i] = i < had ? old[i] : map_nothing();
	irq = spin_lock_irq(&s->lock);
	s->map = map;
	s->last = last;
	spin_unlock_irq(&s->lock, irq);
	mutex_unlock(&s->writer);
	kfree(old);
	return 0;
}

/* Room for one record in the head. */
static int make_room(struct store *s)
{
	int err = clean_finish(s);

	while (!err && !head_has_room(s)) {
		err = head_advance(s, false);
		if (err == -ENOSPC && clean_one(s, true))
			err = 0;
	}
	return err && s->gone ? s->gone : err;
}

static int append(struct store *s, uint32_t slot, struct payload payload)
{
	int err;

	if (slot == 0 || slot > s->last)
		return -EINVAL;
	store_discard(s, slot);
	mutex_lock(&s->writer);
	/* Segments that failed since the promise was made take their share of it along; without
	 * slack the cleaner would starve. */
	if (budget_spent(s))
		err = -EDQUOT;
	else
		err = READ_ONCE(s->live_records) >= store_capacity(s) ? -ENOSPC : make_room(s);
	s->budget.refusals += err == -EDQUOT;
	if (!err)
		err = map_extend(s, slot);
	if (!err) {
		err = head_put(s, slot, LOC_NONE, payload);
		if (err) {
			store_discard(s, slot);
		} else {
			s->stats.bytes_in += RECORD_PAYLOAD;
			s->stats.records_packed += payload.length < RECORD_PAYLOAD;
		}
	}
	if (err)
		head_give_up(s);
	mutex_unlock(&s->writer);
	return err;
}

int store_append(struct store *s, uint32_t slot, const void *page)
{
	return append(s, slot, (struct payload){ page, RECORD_PAYLOAD, 0 });
}

int store_append_packed(struct store *s, uint32_t slot, const void *data, uint16_t length)
{
	if (length == 0 || length > PACKED_MAX)
		return -EINVAL;
	return append(s, slot, (struct payload){ data, length, RECORD_PACKED });
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
