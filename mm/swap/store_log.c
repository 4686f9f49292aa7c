// SPDX-License-Identifier: MIT
/*
 * The head of the log. A record goes into the ring first; whole windows (medium.program_best, aligned) are programmed as they fill, so
 * each word of flash is programmed once. Until a record is wholly on the medium the ring has all of it and serves reads:
 *
 *      segment   | header | rec | rec | rec | rec | rec | rec | rec |               |
 *                               ^first  ^programmed ^begun    ^fill
 *                               |<------------ in the ring -->|
 *
 * A medium that can takes several windows at a time: it is at work on those between programmed and begun while the next pages are packed. Commit waits for all of them.
 *
 * A program that fails leaves the medium's window undefined, but nothing is lost: the rescue copies [first, fill) into a
 * fresh segment's ring and points the slots there, in one go under the lock. The old segment is sealed and suspect: its other records are
 * readable, the cleaner moves them, then it is retired. The two rings change places, so a rescue that fails again can be repeated.
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

/* The record at `at` in the head's ring: its header and its size; 0: what is left up to fill is padding, or nothing. */
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

/* Stamps the record whose payload is at offset + RECORD_HEADER in the ring. RECORD_ALIGN keeps a header in one piece. */
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

/* Puts the record into h's ring behind fill, as the medium is to have it: there nobody looks yet, so copy, cipher and checksum need no lock. */
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
		.fill = s->header_area,
		.ring = ring,
	};
	s->segments[segment].state = SEGMENT_HEAD;
	s->segments[segment].opened = ++s->openings;
}

/* ---- Failure of a program ---- */

/* Copies the records that only the old ring has into the new head's; nothing is published. */
static void rescue_copy(struct store *s, struct head *to)
{
	const struct head *from = &s->head;
	struct record_header h;
	uint32_t size;

	for (uint32_t at = from->first; (size = ring_record(s, from, at, &h)) > 0; at += size) {
		ring_get(s, from, at + RECORD_HEADER, s->bounce, h.length);
		record_cipher(s, h.sequence, location(s, from->segment, at, size), s->bounce,
			      h.length);
		record_put(s, to, h, s->bounce);
		to->fill += size;
	}
}

/* Points the slots from the failed head to the new one, whose records are in the same order; meanwhile both rings serve reads. */
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

/* Moves what only the ring has to a fresh segment. 0, or segment_take's error: then the failed head stays, readable. */
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

	while ((size = ring_record(s, h, h->first, &r)) > 0 && h->first + size <= h->programmed)
		h->first += size;
}

/* Where the window ends in which `at` is, or `to`, if that comes first. */
static uint32_t piece_end(const struct store *s, uint32_t at, uint32_t to)
{
	return MIN((uint32_t)ALIGN_DOWN(at, s->window) + s->window, to);
}

/* n bytes more are on the medium, or not. */
static int piece_done(struct store *s, uint32_t n, int err)
{
	uint64_t irq = spin_lock_irq(&s->lock);

	s->stats.program_failures += err == -EIO;
	if (!err)
		s->head.programmed += n;
	spin_unlock_irq(&s->lock, irq);
	if (!err)
		head_forget(s);
	return err;
}

/* Gives the medium the next n bytes. */
static int piece_begin(struct store *s, uint32_t n)
{
	struct head *h = &s->head;
	struct medium *m = s->medium;
	uint64_t at = segment_base(s, h->segment) + h->begun, irq;
	const uint8_t *from = h->ring + h->begun % s->ring_size;

	h->begun += n;
	bytes_programmed(s, n);
	irq = spin_lock_irq(&s->lock);
	s->stats.bytes_programmed += n;
	spin_unlock_irq(&s->lock, irq);
	if (m->programs == 0)
		return piece_done(s, n, m->ops->program(m, at, from, n));
	m->ops->program_begin(m, at, from, n);
	h->under_way++;
	return 0;
}

/* Waits for the oldest piece. Only the last can be less than the rest of its window: a commit waits for it before more is begun. */
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

/* Gives the medium what fills its windows, waiting for as much as must be over for that; all: gives it everything, and waits for that. After an error nothing is under way. */
static int head_program(struct store *s, bool all)
{
	struct head *h = &s->head;
	int err = 0;

	while (!err) {
		uint32_t end = piece_end(s, h->begun, all ? h->fill : UINT32_MAX);
		bool more = end > h->begun && end <= h->fill;

		if (more && h->under_way < MAX(s->medium->programs, 1u))
			err = piece_begin(s, end - h->begun);
		else if (h->under_way > 0 && (more || all))
			err = piece_wait(s);
		else
			break;
	}
	if (err)
		head_drain(s);
	return err;
}

/* As head_program(); moves on to other segments when that fails. -EAGAIN: the head must be padded first, wherever that then is. */
static int head_flush(struct store *s, bool all)
{
	struct head *h = &s->head;

	for (unsigned failures = 0; failures < RETRIES; failures++) {
		int err = h->failed ? -EIO : head_program(s, all);

		if (!err || medium_gone(err))
			return err;
		h->failed = true;
		err = head_rescue(s);
		if (err)
			return err;
		/* A rescue drops the padding: the new segment needs its own. */
		if (all && !IS_ALIGNED(h->fill, s->align))
			return -EAGAIN;
	}
	return -EIO;
}

/* Pads the head to whole program units. */
static void head_pad(struct store *s)
{
	struct head *h = &s->head;
	uint64_t irq = spin_lock_irq(&s->lock);

	while (!IS_ALIGNED(h->fill, s->align)) {
		ring_put(s, h->ring, h->fill, ones, RECORD_ALIGN);
		h->fill += RECORD_ALIGN;
	}
	spin_unlock_irq(&s->lock, irq);
}

int head_commit(struct store *s)
{
	int err;

	if (s->head.segment == NO_SEGMENT)
		return 0;
	do {
		head_pad(s);
		err = head_flush(s, true);
	} while (err == -EAGAIN);
	if (!err)
		s->head.first = s->head.fill;
	return err;
}

void head_abandon(struct store *s, void (*lost)(uint32_t slot, void *arg), void *arg)
{
	struct head *h = &s->head;
	struct record_header r;
	uint32_t size;

	for (uint32_t at = h->first; (size = ring_record(s, h, at, &r)) > 0; at += size) {
		uint64_t irq = spin_lock_irq(&s->lock);
		bool moved;

		moved = map_move_locked(s, r.slot, location(s, h->segment, at, size),
					r.flags & RECORD_MOVED ? LOC_POISON : LOC_NONE);
		spin_unlock_irq(&s->lock, irq);
		if (moved && !(r.flags & RECORD_MOVED) && lost)
			lost(r.slot, arg);
	}
	s->segments[h->segment].state = SEGMENT_SEALED;
	s->segments[h->segment].flags |= SEGMENT_SUSPECT;
	h->segment = NO_SEGMENT;
	h->failed = false;
}

/* ---- Appending ---- */

bool head_has_room(const struct store *s)
{
	const struct head *h = &s->head;

	return h->segment != NO_SEGMENT && !h->failed && h->fill + RECORD_SIZE <= s->segment_size;
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
	return moved ? head_flush(s, false) : 0;
}
