// SPDX-License-Identifier: MIT
/*
 * The write budget: how much a store may program, so that a program that leaks wears out no
 * product.
 *
 *      swap_budget bytes a day --> | bucket of swap_burst bytes | --> every byte programmed: pages,
 *                                                                     headers, the cleaner's copies
 *
 * When the bucket is empty pages are refused (-EDQUOT), until RESUME bytes are in it again. What
 * the store has accepted it writes, and cleans for, so the bucket may be overdrawn, by a batch and
 * its cleaning; the debt is paid before anything else is taken. So in t days at most t * budget +
 * burst is written, and once that overdraft. What is counted is what was taken out and has not come
 * in since, so that settings may change: a larger burst has that much more, of a smaller one no
 * more is owed than DEBT.
 *
 * Over reboots: each segment's header has how much was spent when it was written, and with it all
 * that can be written before the next header is (bytes_ahead(), as for the count of bytes). No
 * clock runs while the power is off: that time fills nothing. A bucket that has filled since the
 * last header is as empty after a reboot as that header says. So nobody gets a fresh burst by
 * crashing; who reboots seldom loses a day's worth at most.
 *
 * Where nobody says how much, cards have a budget that makes the rated erases of what the store has
 * of them last LIFE_DAYS; other media have none.
 *
 * All under the store's `writer`. The settings are the administrator's, at any time; they apply to
 * each store by itself, unless its medium has its own.
 */
#include "kernel/time.h"
#include "mm/swap/store_internal.h"

#define DAY_NS (24 * 60 * 60 * NSEC_PER_SEC)
#define RESUME (32 * (int64_t)RECORD_PAYLOAD) /* a batch of the page daemon's */
/* segments that may be overdrawn: more comes of a burst that was larger */
#define DEBT 2u
/* of a header's mark, bits; above them, how often they are to be doubled */
#define DIGITS 10u

#define LIFE_DAYS (5 * 365u)

uint64_t swap_budget = SWAP_BUDGET_AUTO, swap_burst;

uint64_t budget_day(const struct store *s)
{
	const struct swap_allowance *own = &s->medium->budget;
	uint64_t day = own->own ? own->day : READ_ONCE(swap_budget);
	uint64_t size = (uint64_t)s->nsegments * s->segment_size;

	if (day != SWAP_BUDGET_AUTO)
		return day;
	return s->medium->card ? MIN(size * rated_cycles(s) / LIFE_DAYS, SWAP_BUDGET_MAX) : 0;
}

uint64_t budget_burst(const struct store *s)
{
	const struct swap_allowance *own = &s->medium->budget;
	uint64_t burst = own->own ? own->burst : READ_ONCE(swap_burst);

	/* 1, lest a setting that changes meanwhile makes somebody divide by 0. */
	return MAX(burst ? burst : budget_day(s), (uint64_t)1);
}

void store_allow(struct store *s, struct swap_allowance budget)
{
	mutex_lock(&s->writer);
	s->medium->budget = budget;
	mutex_unlock(&s->writer);
}

/* Lets in what has come since the last time, in pages, so that nothing is lost by rounding. */
static void fill(struct store *s)
{
	struct budget *b = &s->budget;
	uint64_t day = budget_day(s), now = time_now(), page_ns, pages;

	if (day == 0) {
		*b = (struct budget){ .since = now, .refusals = b->refusals };
		return;
	}
	page_ns = DAY_NS * RECORD_PAYLOAD / day;
	pages = (now - b->since) / page_ns;
	b->since += pages * page_ns;
	b->taken -= MIN(b->taken, pages * RECORD_PAYLOAD);
	b->taken = MIN(b->taken, budget_burst(s) + DEBT * (uint64_t)s->segment_size);
}

int64_t budget_left(struct store *s)
{
	fill(s);
	return (int64_t)(budget_burst(s) - s->budget.taken);
}

int64_t store_budget(struct store *s, uint64_t *day)
{
	int64_t left;

	mutex_lock(&s->writer);
	*day = budget_day(s);
	left = budget_left(s);
	mutex_unlock(&s->writer);
	return left;
}

bool budget_spent(struct store *s)
{
	struct budget *b = &s->budget;
	int64_t left = budget_left(s);

	if (left <= 0)
		b->spent = true;
	else if (left >= MIN(RESUME, (int64_t)budget_burst(s)))
		b->spent = false;
	return b->spent;
}

/* Of more than a day what counts is half a day at the same rate. */
static void rate_add(struct rate *r, int32_t bytes)
{
	uint64_t now = time_now();

	if (now - r->since > DAY_NS) {
		r->bytes =
			r->bytes * (DAY_NS / 2 / NSEC_PER_SEC) / ((now - r->since) / NSEC_PER_SEC);
		r->since = now - DAY_NS / 2;
	}
	r->bytes += (uint64_t)MAX((int64_t)bytes, -(int64_t)r->bytes);
}

void bytes_programmed(struct store *s, int32_t bytes)
{
	s->stats.bytes_programmed += (uint64_t)(int64_t)bytes;
	s->bytes_ever += (uint64_t)(int64_t)bytes;
	s->budget.taken += (uint64_t)MAX((int64_t)bytes, -(int64_t)s->budget.taken);
	rate_add(&s->rate, bytes);
}

uint16_t budget_mark(struct store *s, uint64_t ahead)
{
	uint64_t bytes;
	uint16_t doubled = 0;

	fill(s);
	if (budget_day(s) == 0)
		return 0;
	for (bytes = s->budget.taken + ahead; bytes >> DIGITS; doubled++)
		bytes = (bytes + 1) / 2;
	return (uint16_t)(doubled << DIGITS | bytes);
}

void budget_restore(struct store *s, uint16_t mark, uint64_t unused)
{
	uint64_t bytes = (uint64_t)(mark % (1u << DIGITS)) << (mark >> DIGITS);

	s->budget.since = time_now();
	s->budget.taken = bytes - MIN(unused, bytes);
}
