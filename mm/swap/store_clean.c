// SPDX-License-Identifier: MIT
/*
 * The cleaner: moves the live records of one sealed segment to the head and frees the segment.
 * Which one:
 *
 *   1. a segment without live records: it costs nothing
 *   2. a suspect segment, while there is room for what it holds
 *   3. the best of benefit / cost = free bytes * age / (segment + live bytes): old segments are
 *      cleaned although they hold more, for what died young has died already, and young ones are
 *      given time; more so the fewer erases they have had
 *   4. every now and then the least worn sealed segment, when it is WEAR_SPREAD erases behind the
 *      most worn: contents that never change would otherwise keep their blocks from sharing the
 *      wear. Once in WEAR_TURN cleanings, and more often the more it is behind
 *
 * A victim's records are found by walking the map, not the records: a damaged record header can
 * then hide nothing. What the cleaner moved is on the medium before the original is given up: until
 * that is committed no segment is released, and if it fails the slots are back at the originals.
 * One call cleans one segment, at most a segment's worth of copying.
 *
 * A victim that the medium went away under is the next one, and before that nothing is appended:
 * there was room for one victim's records, and parts of several would leave none.
 */
#include "kernel/errno.h"
#include "kernel/log.h"
#include "mm/swap/store_internal.h"

#define WEAR_TURN 8u

uint32_t store_capacity(const struct store *s)
{
	uint32_t gone = READ_ONCE(s->stats.retired_segments) + s->reserve;

	return gone < s->nsegments ? (s->nsegments - gone) * s->per_segment : 0;
}

static uint32_t live_bytes(const struct segment *g)
{
	return READ_ONCE(g->live);
}

/* True when the head and the free segments can take what g holds. */
static bool fits(const struct store *s, const struct segment *g)
{
	/* Less what may be left at a segment's end because the next record could have been a plain
	 * one. */
	uint64_t room =
		(uint64_t)segments_free(s) * (s->segment_size - s->header_area - RECORD_SIZE);

	if (head_has_room(s))
		room += s->segment_size - s->head.fill - RECORD_SIZE;
	return live_bytes(g) <= room;
}

static uint32_t erase_count_most(const struct store *s)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < s->nsegments; i++)
		if (s->segments[i].state != SEGMENT_RETIRED)
			most = MAX(most, s->segments[i].erase_count);
	return most;
}

/* most: erases of the most worn segment. */
static uint64_t score(const struct store *s, const struct segment *g, uint32_t most)
{
	uint32_t live = live_bytes(g), gain = s->per_segment * RECORD_SIZE - live;
	uint64_t age = s->openings - g->opened + 1;

	return (uint64_t)gain * age / (s->segment_size + live) *
		       (WEAR_SPREAD + most - g->erase_count) +
	       1;
}

/* Case 4, or NO_SEGMENT. */
static uint32_t cold_victim(const struct store *s)
{
	uint32_t least = segment_least_worn(s, SEGMENT_SEALED), behind;

	if (least == NO_SEGMENT)
		return NO_SEGMENT;
	behind = erase_count_most(s) - s->segments[least].erase_count;
	if (behind <= WEAR_SPREAD || s->cleanings % MAX(WEAR_TURN * WEAR_SPREAD / behind, 1u) != 0)
		return NO_SEGMENT;
	return least;
}

/* Case 1, 2 or 3, or NO_SEGMENT. min_gain in bytes. */
static uint32_t best_victim(const struct store *s, uint32_t min_gain)
{
	uint32_t best = NO_SEGMENT, full = s->per_segment * RECORD_SIZE;
	uint32_t most = erase_count_most(s);
	uint64_t best_score = 0;

	for (uint32_t i = 0; i < s->nsegments; i++) {
		const struct segment *g = &s->segments[i];
		uint32_t live = live_bytes(g);

		if (g->state != SEGMENT_SEALED)
			continue;
		if (live == 0)
			return i;
		if (segment_suspect(g) || live + min_gain > full)
			continue;
		if (score(s, g, most) > best_score) {
			best_score = score(s, g, most);
			best = i;
		}
	}
	return best;
}

/* Retiring a segment gains no room, so it must not take the room that cleaning needs. */
static uint32_t suspect_victim(const struct store *s)
{
	if (segments_free(s) <= KEEP_FREE)
		return NO_SEGMENT;
	for (uint32_t i = 0; i < s->nsegments; i++)
		if (s->segments[i].state == SEGMENT_SEALED && segment_suspect(&s->segments[i]))
			return i;
	return NO_SEGMENT;
}

/* One record of the victim. An error is one of the log: the record is where it was, or in the
 * ring. */
static int move_record(struct store *s, uint32_t slot, loc_t loc)
{
	struct payload p = { .data = s->bounce };
	int err = 0;

	if (!head_has_room(s))
		err = head_advance(s, true);
	if (err)
		return err;
	/* After head_advance(), which uses the bounce page too. */
	err = record_read(s, slot, loc, s->bounce, &p.length);
	if (medium_gone(err))
		return err;
	if (err) {
		record_poison(s, slot, loc);
		return 0;
	}
	s->stats.bytes_cleaned += location_size(loc);
	s->stats.records_moved++;
	p.flags = location_size(loc) < RECORD_SIZE ? RECORD_MOVED | RECORD_PACKED : RECORD_MOVED;
	return head_put(s, slot, loc, p);
}

static int move_records(struct store *s, uint32_t victim)
{
	for (uint32_t slot = 1; slot <= s->last && live_bytes(&s->segments[victim]) > 0; slot++) {
		/* Without the lock: only this task makes locations, and head_put() looks again. */
		loc_t loc = READ_ONCE(*map_entry(s, slot));
		int err;

		if (!location_valid(loc) || location_segment(s, loc) != victim)
			continue;
		err = move_record(s, slot, loc);
		if (err)
			return err;
	}
	return head_commit(s);
}

static int clean_segment(struct store *s, uint32_t victim)
{
	int err = 0;

	s->cleanings++;
	if (live_bytes(&s->segments[victim]) > 0 || head_unsettled(s))
		err = move_records(s, victim);
	s->victim = medium_gone(err) ? victim : NO_SEGMENT;
	if (err) {
		head_give_up(s);
		return err;
	}
	ASSERT(live_bytes(&s->segments[victim]) == 0);
	segment_release(s, victim);
	return 0;
}

int clean_finish(struct store *s)
{
	int err = 0;

	if (s->victim != NO_SEGMENT && s->segments[s->victim].state != SEGMENT_SEALED)
		s->victim = NO_SEGMENT; /* all of it died meanwhile */
	if (s->victim != NO_SEGMENT)
		err = clean_segment(s, s->victim);
	return medium_gone(err) ? err : 0;
}

bool clean_one(struct store *s, bool any)
{
	uint32_t least = any ? RECORD_SIZE : s->per_segment * RECORD_SIZE / 8;
	uint32_t victim;

	if (clean_finish(s))
		return false;
	victim = suspect_victim(s);
	if (victim == NO_SEGMENT)
		victim = cold_victim(s);
	if (victim == NO_SEGMENT || !fits(s, &s->segments[victim]))
		victim = best_victim(s, least);
	if (victim == NO_SEGMENT || !fits(s, &s->segments[victim]))
		return false;
	return clean_segment(s, victim) == 0;
}

/* Whether the background has work: few free segments, or one to be rid of. */
static bool wanted(const struct store *s)
{
	return segments_free(s) < s->clean_below || suspect_victim(s) != NO_SEGMENT;
}

static uint32_t ready_count(const struct store *s)
{
	return segments_in(s, 1u << SEGMENT_READY);
}

/* Erases ahead. True when it did. */
static bool prepare_one(struct store *s)
{
	uint32_t segment = segment_least_worn(s, SEGMENT_FREE);

	if (segment == NO_SEGMENT || ready_count(s) >= READY_TARGET)
		return false;
	return segment_prepare(s, segment) == 0;
}

/* A segment that was used and holds nothing is worth telling a medium of that makes use of it; its
 * header waits until it is needed. True when there was one. */
static bool discard_one(struct store *s)
{
	if (!store_dead(s) || head_unsettled(s))
		return false;
	WRITE_ONCE(s->dead, false);
	hw_mb(); /* before looking: what dies meanwhile sets it again */
	for (uint32_t i = 0; i < s->nsegments; i++) {
		struct segment *g = &s->segments[i];

		if (g->state == SEGMENT_SEALED && live_bytes(g) == 0 && !segment_suspect(g))
			segment_release(s, i);
		if (g->state != SEGMENT_FREE || g->opened == 0 || (g->flags & SEGMENT_DISCARDED))
			continue;
		segment_discard(s, i);
		WRITE_ONCE(s->dead, true); /* there may be more */
		return true;
	}
	return false;
}

bool store_clean(struct store *s)
{
	bool did = false;

	mutex_lock(&s->writer);
	/* Of a medium that takes nothing an append finds out when it does again. */
	if (s->gone == 0 && !(did = discard_one(s))) {
		did = !budget_spent(s) && (prepare_one(s) || (wanted(s) && clean_one(s, false)));
		did = did && (ready_count(s) < READY_TARGET || wanted(s));
	}
	mutex_unlock(&s->writer);
	return did;
}
