// SPDX-License-Identifier: MIT
/*
 * Lives of segments:
 *
 *   FREE --erase, verify, header--> READY --taken by the log--> HEAD --full--> SEALED
 *    |  ^                                                                      |    |
 *    |  +------------------------------ cleaned -------------------------------+    | suspect
 *    +-- failing erase or header --> RETIRED <--------------------------------------+
 *
 * The header is written straight after the erase, so that the erase count is lost only when power
 * fails between the two (or in the erase); mounting then estimates it. A segment that a mount found
 * erased is trusted only after all of it was read: power may have failed in the middle of an erase.
 * A retired segment gets a mark after its header where it still takes one, so that the next boot
 * need not find out again.
 */
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "mm/swap/store_internal.h"

/* Between two complaints about a medium that comes and goes. */
#define TELL_PAUSE (60 * NSEC_PER_SEC)

bool blank(const void *p, size_t n)
{
	const uint8_t *bytes = p;

	for (size_t i = 0; i < n; i++)
		if (bytes[i] != 0xff)
			return false;
	return true;
}

uint32_t header_crc(struct segment_header h)
{
	h.crc = 0;
	return ~hw_crc32c(UINT32_MAX, &h, sizeof(h));
}

int medium_note(struct store *s, int err)
{
	int gone = medium_gone(err) ? err : 0;

	if (gone && !s->gone && time_now() >= s->gone_tell) {
		s->gone_tell = time_now() + TELL_PAUSE;
		log_error("swap store %s: the medium takes nothing (error %d): counts as full",
			  s->medium->name, -gone);
	}
	s->gone = gone;
	return err;
}

uint32_t segments_in(const struct store *s, unsigned states)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->nsegments; i++)
		n += states >> s->segments[i].state & 1;
	return n;
}

uint32_t segments_free(const struct store *s)
{
	return segments_in(s, 1u << SEGMENT_FREE | 1u << SEGMENT_READY);
}

uint32_t segment_least_worn(const struct store *s, enum segment_state state)
{
	uint32_t best = NO_SEGMENT, newest = NO_SEGMENT;

	for (uint32_t i = 0; i < s->nsegments; i++) {
		const struct segment *g = &s->segments[i];

		if (g->state != state)
			continue;
		if (state == SEGMENT_FREE && g->sequence != 0 && g->sequence == s->sequence)
			newest = i;
		else if (best == NO_SEGMENT || g->erase_count < s->segments[best].erase_count)
			best = i;
	}
	return best != NO_SEGMENT ? best : newest;
}

/* Best effort: the segment is bad, so the mark may not hold; then the next boot finds out for
 * itself. */
static void retired_mark(struct store *s, uint32_t segment)
{
	memset(s->bounce, retired_byte(s), s->header_unit);
	(void)s->medium->ops->program(s->medium, segment_header_at(s, segment) + s->header_unit,
				      s->bounce, s->header_unit);
}

static void segment_retire(struct store *s, uint32_t segment, const char *why)
{
	struct segment *g = &s->segments[segment];
	uint64_t irq;

	ASSERT(g->live == 0 && g->state != SEGMENT_RETIRED);
	irq = spin_lock_irq(&s->lock);
	g->state = SEGMENT_RETIRED;
	s->stats.retired_segments++;
	spin_unlock_irq(&s->lock, irq);
	log_warn("swap store %s: segment %u retired: %s", s->medium->name, segment, why);
	retired_mark(s, segment);
}

/* A reader that looked the segment up before its last record moved may still be in it. */
static void segment_drain(struct store *s, uint32_t segment)
{
	struct segment *g = &s->segments[segment];
	uint64_t irq = spin_lock_irq(&s->lock);

	s->draining = segment;
	spin_unlock_irq(&s->lock, irq);
	(void)wait_event(&s->drained, READ_ONCE(g->readers) == 0, WAIT_UNINTERRUPTIBLE,
			 WAIT_FOREVER);
	WRITE_ONCE(s->draining, NO_SEGMENT); /* who still sees it wakes nobody */
}

/* 0 when [from, segment_size) reads as erased, -EIO when not, or what says that the medium is
 * gone. */
static int segment_blank(struct store *s, uint32_t segment, uint32_t from)
{
	for (uint32_t at = from, n; at < s->segment_size; at += n) {
		int err;

		n = MIN(RECORD_PAYLOAD - at % RECORD_PAYLOAD, s->segment_size - at);
		err = s->medium->ops->read(s->medium, segment_base(s, segment) + at, s->bounce, n);
		if (err || !blank(s->bounce, n))
			return medium_gone(err) ? medium_note(s, err) : -EIO;
	}
	return 0;
}

/* What can be programmed before the next header is written: the head's rest, and segments that are
 * ready or were found unused. */
static uint64_t bytes_ahead(const struct store *s)
{
	uint64_t bytes = s->head.segment != NO_SEGMENT ? s->segment_size - s->head.begun : 0;

	for (uint32_t i = 0; i < s->nsegments; i++)
		if (s->segments[i].state == SEGMENT_READY || segment_unused(&s->segments[i]))
			bytes += segment_room(s);
	return bytes;
}

static int segment_write_header(struct store *s, uint32_t segment)
{
	struct segment *g = &s->segments[segment];
	struct segment_header h = {
		.magic = STORE_MAGIC,
		.version = STORE_VERSION,
		.segment_size = s->segment_size,
		.erase_count = g->erase_count,
		.sequence = ++s->sequence,
		.used = MIN(s->used, (uint32_t)USED_UNKNOWN) & USED_UNKNOWN,
	};
	/* Where erasing leaves anything behind, the mark of a life before format=1 is written
	 * over. */
	uint32_t n = s->medium->erased_is_ff ? s->header_unit : 2 * s->header_unit;
	uint64_t ahead = bytes_ahead(s) + segment_room(s) + n;
	int err;

	h.spent = budget_mark(s, ahead);
	h.bytes_ever = MIN(s->bytes_ever + ahead, BYTES_EVER_MAX) & BYTES_EVER_MAX;
	h.crc = header_crc(h);
	g->sequence = h.sequence;
	memset(s->bounce, 0xff, n);
	memcpy(s->bounce, &h, sizeof(h));
	err = medium_note(s, s->medium->ops->program(s->medium, segment_header_at(s, segment),
						     s->bounce, n));
	if (medium_gone(err))
		return err; /* nothing was written */
	s->stats.program_failures += err == -EIO;
	bytes_programmed(s, n);
	return err;
}

/* The medium is gone before the erase was seen to be one, or the header was written: it is done,
 * and counts when the header does. */
static void erase_uncount(struct store *s, struct segment *g)
{
	s->stats.erases--;
	g->erase_count--;
	g->flags |= SEGMENT_DISCARDED;
}

static int segment_erase(struct store *s, uint32_t segment)
{
	struct segment *g = &s->segments[segment];
	bool erased = g->flags & SEGMENT_DISCARDED;
	int err;

	segment_drain(s, segment);
	g->flags = 0;
	err = erased ? 0 : s->medium->ops->erase(s->medium, segment_base(s, segment));
	if (medium_gone(err))
		return medium_note(s, err);
	g->erase_count++;
	s->stats.erases++;
	/* Some blocks report success and keep bits. Reading back is cheap beside the erase
	 * itself. */
	if (!err && s->medium->erased_is_ff)
		err = segment_blank(s, segment, 0);
	if (medium_gone(err))
		erase_uncount(s, g);
	else
		s->stats.erase_failures += err != 0;
	return err;
}

void segment_discard(struct store *s, uint32_t segment)
{
	ASSERT(s->segments[segment].state == SEGMENT_FREE);
	segment_drain(s, segment);
	(void)s->medium->ops->erase(s->medium, segment_base(s, segment)); /* it need not succeed */
	s->segments[segment].flags |= SEGMENT_DISCARDED;
	s->stats.discards++;
}

int segment_prepare(struct store *s, uint32_t segment)
{
	struct segment *g = &s->segments[segment];
	int err = 0;

	ASSERT(g->state == SEGMENT_FREE && g->live == 0);
	s->used = MAX(s->used, segment + 1);
	if (g->flags & SEGMENT_BLANK)
		err = segment_blank(s, segment, g->flags & SEGMENT_HEADER ? s->header_unit : 0);
	if ((g->flags & SEGMENT_BLANK) && !err) {
		if (!(g->flags & SEGMENT_HEADER))
			err = segment_write_header(s, segment);
	} else if (!medium_gone(err)) {
		err = segment_erase(s, segment);
		if (!err) {
			err = segment_write_header(s, segment);
			if (medium_gone(err))
				erase_uncount(s, g);
		}
	}
	if (medium_gone(err))
		return err;
	if (err) {
		segment_retire(s, segment, "erase or first program failed");
		return -EIO;
	}
	g->flags = 0;
	g->state = SEGMENT_READY;
	return 0;
}

int segment_take(struct store *s, uint32_t *segment)
{
	int err = -ENOSPC;

	for (unsigned i = 0; i < RETRIES; i++) {
		*segment = segment_least_worn(s, SEGMENT_READY);
		if (*segment != NO_SEGMENT)
			return 0;
		*segment = segment_least_worn(s, SEGMENT_FREE);
		if (*segment == NO_SEGMENT)
			return err;
		err = segment_prepare(s, *segment);
		if (medium_gone(err))
			return err;
	}
	return err;
}

void segment_release(struct store *s, uint32_t segment)
{
	struct segment *g = &s->segments[segment];

	ASSERT(g->state == SEGMENT_SEALED && g->live == 0);
	if (segment_suspect(g)) {
		segment_retire(s, segment, "a program failed or a checksum was wrong");
		return;
	}
	g->state = SEGMENT_FREE;
}
