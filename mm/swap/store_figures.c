// SPDX-License-Identifier: MIT
/*
 * What a store tells of itself: /proc/swapstore and the map of its segments.
 */
#include "kernel/time.h"
#include "mm/swap/store_internal.h"

/* Erases that a segment is good for, where nobody says: data sheets of NOR promise 100,000; cards
 * seldom promise anything, and cells of three bits last about 3,000. */
#define CYCLES_NOR  100000
#define CYCLES_CARD 3000

unsigned swap_cycles;

uint32_t rated_cycles(const struct store *s)
{
	uint32_t usual = s->medium->erased_is_ff ? CYCLES_NOR : CYCLES_CARD;
	uint32_t told = READ_ONCE(swap_cycles);

	return told ? told : usual;
}

static void wear_stats(const struct store *s, struct store_stats *st)
{
	st->rated_cycles = rated_cycles(s);
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
	st->encrypted = s->encrypted;
	st->segments = s->nsegments;
	st->free_segments = segments_free(s);
	wear_stats(s, st);
	st->recent_bytes = s->rate.bytes;
	st->recent_ns = time_now() - s->rate.since;
	st->budget_spent = budget_spent(s);
	st->budget_day = budget_day(s);
	st->budget_burst = budget_burst(s);
	st->budget_left = budget_left(s);
	st->budget_refusals = s->budget.refusals;
	mutex_unlock(&s->writer);
}

uint32_t store_segments(struct store *s, uint32_t first, struct store_segment *to, uint32_t n)
{
	static const char *const states[] = {
		[SEGMENT_FREE] = "free",     [SEGMENT_READY] = "ready",     [SEGMENT_HEAD] = "head",
		[SEGMENT_SEALED] = "sealed", [SEGMENT_RETIRED] = "retired",
	};

	mutex_lock(&s->writer);
	for (uint32_t i = 0; i < n && first + i < s->nsegments; i++) {
		const struct segment *g = &s->segments[first + i];

		to[i] = (struct store_segment){ .state = states[g->state],
						.number = first + i,
						.erases = g->erase_count,
						.live = READ_ONCE(g->live) };
	}
	mutex_unlock(&s->writer);
	return s->nsegments;
}
