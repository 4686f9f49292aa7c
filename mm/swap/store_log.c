// SPDX-License-Identifier: MIT
/*
 * The head of the log. A record goes into the ring first; whole windows (medium.program_best,
 * aligned) are programmed as they fill, so each word of flash is programmed once. Until a record is
 * wholly on the medium the ring has all of it and serves reads:
 *
 *      segment   | header | rec | rec | rec | rec | rec | rec | rec |               |
 *                               ^first  ^programmed ^begun    ^fill
 *                               |<------------ in the ring -->|
 *
 * A medium that can takes several windows at a time: it is at work on those between programmed and
 * begun while the next pages are packed. Commit waits for all of them.
 *
 * A commit ends inside a program unit. NOR takes each unit once, so there the rest of it is
 * padding. Elsewhere the unit is written with ones behind fill, and counts as not programmed: its
 * records stay in the ring, and the next program writes it again, filled further. So commits cost
 * no space there.
 *
 * A program that fails leaves the medium's window undefined, but nothing is lost: the rescue copies
 * [first, fill) into a fresh segment's ring and points the slots there, in one go under the lock.
 * The old segment is sealed and suspect: its other records are readable, the cleaner moves them,
 * then it is retired. The two rings change places, so a rescue that fails again can be repeated.
 *
 * Records that are elsewhere on the medium, which the cleaner moved or which were committed in the
 * block that failed, have that place noted in store.origin[] while they are in the ring. When
 * nothing can be written anywhere, their slots go back there: a medium that takes no writes loses
 * nothing that it has.
 *
 * A medium that says itself that it takes nothing (medium_gone) makes no segment suspect and ends
 * no head: what is in the ring stays there, is read there, and is what the next try writes first.
 * Only what owners still have in frames dies, at their commit. So a medium that comes and goes
 * costs no segment, which with a full store the cleaner would miss.
 */
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "mm/swap/store_internal.h"

static void ring_put(const struct store *s, uint8_t *ring, uint32_t offset, const void *src,
		     uint32_t n)
{
	uint32_t at = offset % s->ring_size, part = MIN(n, s->ring_size - at);

	memcpy(ring + at, src, part);
	memcpy(ring, (const uint8_t *)src + part, n - part);
}

void ring_get(const struct store *s, const struct head *h, uint32_t offset, void *dst, uint32_t n)
{
	uint32_t at = offset % s->ring_size, part = MIN(n, s->ring_size - at);

	memcpy(dst, h->ring + at, part);
	memcpy((uint8_t *)dst + part, h->ring, n - part);
}

/* The record at `at` in the head's ring: its header and its size; 0: what is left up to fill is
 * padding, or nothing. */
static uint32_t ring_record(const struct store *s, const struct head *h, uint32_t at,
			    struct record_header *r)
{
	if (at >= h->fill)
		return 0;
	ring_get(s, h, at, r, sizeof(*r));
	return r->length <= RECORD_PAYLOAD ? record_size(r->length) : 0;
}

/* CRC-32C of a record in a ring: header but its last word, then the payload. */
static uint32_t ring_crc(const struct store *s, const uint8_t *ring, uint32_t offset, uint32_t n)
{
	uint32_t crc, at, part;

	crc = hw_crc32c(UINT32_MAX, ring + offset % s->ring_size,
			offsetof(struct record_header, crc));
	at = (offset + RECORD_HEADER) % s->ring_size;
	part = MIN(n, s->ring_size - at);
	crc = hw_crc32c(crc, ring + at, part);
	return ~hw_crc32c(crc, ring, n - part);
}

/* Stamps the record whose payload is at offset + RECORD_HEADER in the ring. RECORD_ALIGN keeps a
 * header in one piece. */
static void ring_stamp(const struct store *s, uint8_t *ring, uint32_t offset,
		       struct record_header h)
{
	uint32_t crc_at = offset + offsetof(struct record_header, crc);

	ring_put(s, ring, offset, &h, sizeof(h));
	h.crc = ring_crc(s, ring, offset, h.length);
	ring_put(s, ring, crc_at, &h.crc, sizeof(h.crc));
}

/* Programs nothing on NOR. */
static const uint8_t ones[RECORD_ALIGN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

/* Puts the record into h's ring behind fill, as the medium is to have it: there nobody looks yet,
 * so copy, cipher and checksum need no lock. */
static void record_put(struct store *s, const struct head *h, struct record_header r,
		       const void *payload)
{
	uint32_t size = record_size(r.length), used = RECORD_HEADER + r.length;

	r.sequence = s->segments[h->segment].sequence;
	if (s->encrypted) {
		if (payload != s->bounce)
			memcpy(s->bounce, payload, r.length);
		payload = s->bounce;
		record_cipher(s, r.sequence, location(s, h->segment, h->fill, size), s->bounce,
			      r.length);
	}
	ring_put(s, h->ring, h->fill + RECORD_HEADER, payload, r.length);
	ring_put(s, h->ring, h->fill + used, ones, size - used);
	ring_stamp(s, h->ring, h->fill, r);
}

static void head_open(struct store *s, struct head *h, uint32_t segment, uint8_t *ring)
{
	*h = (struct head){
		.segment = segment,
		.first = s->header_area,
		.programmed = s->header_area,
		.begun = s->header_area,
		.committed = s->header_area,
		.fill = s->header_area,
		.ring = ring,
	};
	s->segments[segment].state = SEGMENT_HEAD;
	s->segments[segment].opened = ++s->openings;
}

static uint32_t *origin_of(const struct store *s, unsigned i)
{
	return &s->origin[i % ring_records(s)];
}

/* ---- Failure of a program ---- */

/* Copies the records that only the old ring has into the new head's; nothing is published. */
static void rescue_copy(struct store *s, struct head *to)
{
	const struct head *from = &s->head;
	unsigned i = from->origin;
	struct record_header h;
	uint32_t size;

	to->origin = from->origin;
	to->origins = from->origins;

	for (uint32_t at = from->first; (size = ring_record(s, from, at, &h)) > 0; at += size) {
		ring_get(s, from, at + RECORD_HEADER, s->bounce, h.length);
		record_cipher(s, h.sequence, location(s, from->segment, at, size), s->bounce,
			      h.length);
		if (at < from->committed) {
			h.flags |= RECORD_MOVED;
			*origin_of(s, i) = (uint32_t)location(s, from->segment, at, size);
		}
		i++;
		record_put(s, to, h, s->bounce);
		to->fill += size;
		if (h.flags & RECORD_MOVED)
			to->moved = to->fill;
	}
}

/* Points the slots from the failed head to the new one, whose records are in the same order;
 * meanwhile both rings serve reads. */
static void rescue_publish(struct store *s)
{
	const struct head *old = &s->rescued;
	uint32_t to = s->head.first, size;
	struct record_header h;

	for (uint32_t at = old->first; (size = ring_record(s, old, at, &h)) > 0; at += size) {
		uint64_t irq = spin_lock_irq(&s->lock);

		(void)map_move_locked(s, h.slot, location(s, old->segment, at, size),
				      location(s, s->head.segment, to, size));
		spin_unlock_irq(&s->lock, irq);
		to += size;
	}
}

static void heads_set(struct store *s, const struct head *head, const struct head *rescued)
{
	uint64_t irq = spin_lock_irq(&s->lock);

	s->head = *head;
	s->rescued = *rescued;
	spin_unlock_irq(&s->lock, irq);
}

/* Moves what only the ring has to a fresh segment. 0, or segment_take's error: then the failed head
 * stays, readable. */
static int head_rescue(struct store *s)
{
	static const struct head none = { .segment = NO_SEGMENT };
	struct head old = s->head, new;
	uint32_t segment;
	int err = segment_take(s, &segment);

	if (err)
		return err;
	head_open(s, &new, segment, s->spare_ring);
	rescue_copy(s, &new);
	heads_set(s, &new, &old);
	rescue_publish(s);
	heads_set(s, &new, &none);
	s->spare_ring = old.ring;
	s->segments[old.segment].state = SEGMENT_SEALED;
	s->segments[old.segment].flags |= SEGMENT_SUSPECT;
	return 0;
}

/* ---- Programming ---- */

/* Records that are on the medium need no place in the ring. */
static void head_forget(struct store *s)
{
	struct head *h = &s->head;
	struct record_header r;
	uint32_t size;

	while ((size = ring_record(s, h, h->first, &r)) > 0 && h->first + size <= h->programmed) {
		h->first += size;
		h->origin++;
	}
}

/* Where the window ends in which `at` is, or `to`, if that comes first. */
static uint32_t piece_end(const struct store *s, uint32_t at, uint32_t to)
{
	return MIN((uint32_t)ALIGN_DOWN(at, s->window) + s->window, to);
}

/* n bytes more are on the medium, or not. A unit that is not full counts for nothing. */
static int piece_done(struct store *s, uint32_t n, int err)
{
	struct head *h = &s->head;
	uint64_t irq = spin_lock_irq(&s->lock);

	s->stats.program_failures += err == -EIO;
	if (!err)
		h->programmed = MIN(h->programmed + n, (uint32_t)ALIGN_DOWN(h->fill, s->align));
	spin_unlock_irq(&s->lock, irq);
	if (!err)
		head_forget(s);
	return medium_note(s, err);
}

/* Programs what of a piece was not before the medium went, a unit at a time compared: NOR takes
 * each once. */
static int piece_go_on(struct store *s, uint64_t at, const uint8_t *from, uint32_t n)
{
	struct medium *m = s->medium;
	uint32_t there = 0;

	for (; there < n; there += m->program_unit) {
		int err = m->ops->read(m, at + there, s->bounce, m->program_unit);

		if (err)
			return err;
		if (memcmp(s->bounce, from + there, m->program_unit) != 0)
			break;
	}
	return there < n ? m->ops->program(m, at + there, from + there, n - there) : 0;
}

/* Gives the medium the next n bytes. */
static int piece_begin(struct store *s, uint32_t n)
{
	struct head *h = &s->head;
	struct medium *m = s->medium;
	uint64_t at = segment_base(s, h->segment) + h->begun;
	const uint8_t *from = h->ring + h->begun % s->ring_size;

	h->begun += n;
	bytes_programmed(s, (int32_t)n);
	if (h->stuck && m->erased_is_ff)
		return piece_done(s, n, piece_go_on(s, at, from, n));
	if (m->programs == 0)
		return piece_done(s, n, m->ops->program(m, at, from, n));
	m->ops->program_begin(m, at, from, n);
	h->under_way++;
	return 0;
}

/* Waits for the oldest piece. Only the last can be less than the rest of its window: a commit waits
 * for it before more is begun. */
static int piece_wait(struct store *s)
{
	struct head *h = &s->head;
	uint32_t n = piece_end(s, h->programmed, h->begun) - h->programmed;

	h->under_way--;
	return piece_done(s, n, s->medium->ops->program_end(s->medium));
}

void head_drain(struct store *s)
{
	while (s->head.under_way > 0) {
		s->head.under_way--;
		(void)s->medium->ops->program_end(s->medium);
	}
	s->head.begun = s->head.programmed;
}

/* Gives the medium what fills its windows, waiting for as much as must be over for that; all: gives
 * it everything, and waits for that. After an error nothing is under way. */
static int head_program(struct store *s, bool all)
{
	struct head *h = &s->head;
	int err = 0;

	while (!err) {
		uint32_t to = all ? (uint32_t)ALIGN_UP(h->fill, s->align) : UINT32_MAX;
		uint32_t end = piece_end(s, h->begun, to);
		bool more = end > h->begun && (all || end <= h->fill);

		if (more && h->under_way < MAX(s->medium->programs, 1u))
			err = piece_begin(s, end - h->begun);
		else if (h->under_way > 0 && (more || all))
			err = piece_wait(s);
		else
			break;
	}
	if (medium_gone(err)) /* they count when they are tried again */
		bytes_programmed(s, -(int32_t)(h->begun - h->programmed));
	if (err)
		head_drain(s);
	return err;
}

/* As head_program(); moves on to other segments when that fails. -EAGAIN: the head must be padded
 * first, wherever that then is. */
static int head_flush(struct store *s, bool all)
{
	struct head *h = &s->head;

	for (unsigned failures = 0; failures < RETRIES; failures++) {
		int err = h->failed ? -EIO : head_program(s, all);
		bool failed = err && !medium_gone(err);

		h->failed = failed;
		if (failed)
			err = head_rescue(s);
		h->stuck = medium_gone(err);
		if (err || !failed)
			return err;
		/* A rescue drops the padding: the new segment needs its own. */
		if (all && !IS_ALIGNED(h->fill, s->align))
			return -EAGAIN;
	}
	return -EIO;
}

/* Pads the head's last program unit; where it cannot be written again, for good. */
static void head_pad(struct store *s)
{
	struct head *h = &s->head;
	uint32_t end = (uint32_t)ALIGN_UP(h->fill, s->align);
	uint64_t irq;

	/* Nobody looks behind fill, and a unit does not wrap around. */
	memset(h->ring + h->fill % s->ring_size, 0xff, end - h->fill);
	if (!s->medium->erased_is_ff)
		return;
	irq = spin_lock_irq(&s->lock);
	h->fill = end;
	spin_unlock_irq(&s->lock, irq);
}

int head_commit(struct store *s)
{
	struct head *h = &s->head;
	int err;

	if (h->segment == NO_SEGMENT || h->committed == h->fill)
		return 0;
	do {
		head_pad(s);
		err = head_flush(s, true);
	} while (err == -EAGAIN);
	if (err)
		return err;
	h->begun = h->programmed;
	h->committed = h->fill;
	if (h->programmed == h->fill)
		h->first = h->fill; /* over the padding */
	return 0;
}

/* The slot of a record that is nowhere else loses it. */
static void record_drop(struct store *s, uint32_t slot, loc_t here, loc_t back,
			void (*lost)(uint32_t slot, void *arg), void *arg)
{
	uint64_t irq = spin_lock_irq(&s->lock);
	bool moved = map_move_locked(s, slot, here, back);

	spin_unlock_irq(&s->lock, irq);
	if (moved && back == LOC_NONE && lost)
		lost(slot, arg);
}

void head_abandon(struct store *s, void (*lost)(uint32_t slot, void *arg), void *arg)
{
	struct head *h = &s->head;
	unsigned origin = h->origin;
	struct record_header r;
	uint32_t size;

	for (uint32_t at = h->first; (size = ring_record(s, h, at, &r)) > 0; at += size) {
		loc_t here = location(s, h->segment, at, size), back = *origin_of(s, origin++);

		/* What was committed is on the medium, as far as the failure left it alone: its
		 * checksum will tell. */
		if (at < h->committed || (back != LOC_NONE && h->stuck))
			continue;
		if (back != LOC_NONE)
			back |= (loc_t)(size / RECORD_ALIGN) << 32;
		record_drop(s, r.slot, here, back, lost, arg);
	}
	if (h->stuck)
		return;
	s->segments[h->segment].state = SEGMENT_SEALED;
	s->segments[h->segment].flags |= SEGMENT_SUSPECT;
	h->segment = NO_SEGMENT;
	h->failed = false;
}

/* True when a slot's contents are in the ring that its owner has in a frame until the commit. */
static bool head_awaited(struct store *s)
{
	const struct head *h = &s->head;
	struct record_header r;
	uint32_t size;

	/* Without the lock: only this task makes locations. */
	for (uint32_t at = h->first; (size = ring_record(s, h, at, &r)) > 0; at += size)
		if (at >= h->committed && !(r.flags & RECORD_MOVED) &&
		    READ_ONCE(*map_entry(s, r.slot)) == location(s, h->segment, at, size))
			return true;
	return false;
}

void head_give_up(struct store *s)
{
	const struct head *h = &s->head;

	if (h->segment != NO_SEGMENT && h->failed && !h->stuck && !head_awaited(s))
		head_abandon(s, NULL, NULL);
}

/* ---- Appending ---- */

bool head_has_room(const struct store *s)
{
	const struct head *h = &s->head;

	return h->segment != NO_SEGMENT && !h->failed && !h->stuck &&
	       h->fill + RECORD_SIZE <= s->segment_size;
}

int head_advance(struct store *s, bool cleaning)
{
	struct head h;
	uint32_t segment;
	uint64_t irq;
	int err = head_commit(s);

	/* A rescue may have opened a segment with room. */
	if (err || head_has_room(s))
		return err;
	if (s->head.segment != NO_SEGMENT) {
		s->segments[s->head.segment].state = SEGMENT_SEALED;
		s->head.segment = NO_SEGMENT;
	}
	if (!cleaning && segments_free(s) <= KEEP_FREE)
		return -ENOSPC;
	err = segment_take(s, &segment);
	if (err)
		return err;
	head_open(s, &h, segment, s->head.ring);
	irq = spin_lock_irq(&s->lock);
	s->head = h;
	spin_unlock_irq(&s->lock, irq);
	return 0;
}

int head_put(struct store *s, uint32_t slot, loc_t old, struct payload payload)
{
	struct head *h = &s->head;
	uint32_t size = record_size(payload.length);
	uint64_t irq;
	bool moved;

	ASSERT(head_has_room(s));
	ASSERT(h->fill + size - h->first <= s->ring_size);
	record_put(s, h,
		   (struct record_header){
			   .slot = slot, .length = payload.length, .flags = payload.flags },
		   payload.data);
	irq = spin_lock_irq(&s->lock);
	moved = map_move_locked(s, slot, old, location(s, h->segment, h->fill, size));
	if (moved)
		h->fill += size;
	spin_unlock_irq(&s->lock, irq);
	if (!moved)
		return 0;
	*origin_of(s, h->origins++) = (uint32_t)old;
	if (old != LOC_NONE)
		h->moved = h->fill;
	return head_flush(s, false);
}
