// SPDX-License-Identifier: MIT
/*
 * The write budget: how much a store may program, so that a program that leaks wears out no product.
 *
 *      swap_budget bytes a day --> | bucket of swap_burst bytes | --> every byte programmed: pages, headers, the cleaner's copies
 *
 * When the bucket is empty pages are refused (-EDQUOT), until RESUME bytes are in it again. What the store has accepted it writes, and cleans for, so the
 * bucket may be overdrawn, by a batch and its cleaning; the debt is paid before anything else is taken. So in t days at most t * budget + burst
 * is written, and once that overdraft.
 *
 * Over reboots: each segment's header has how much was spent when it was written, and with it all that can be written before the next header is (bytes_ahead(), as
 * for the count of bytes). No clock runs while the power is off: that time fills nothing. A bucket that has filled since the last header is
 * as empty after a reboot as that header says. So nobody gets a fresh burst by crashing; who reboots seldom loses a day's worth at most.
 *
 * All under the store's `writer`. The settings are the administrator's, at any time; they apply to each store by itself.
 */
#include "kernel/time.h"
#include "mm/swap/store_internal.h"

#define DAY_NS (24 * 60 * 60 * NSEC_PER_SEC)
#define RESUME (32 * (int64_t)RECORD_PAYLOAD) /* a batch of the page daemon's */
#define WHOLE  32768u /* the burst, in a header's units: twice as much can be told */

uint64_t swap_budget, swap_burst;

uint64_t budget_burst(void)
{
	uint64_t burst = READ_ONCE(swap_burst);

	/* 1, lest a setting that changes meanwhile makes somebody divide by 0. */
	return MAX(burst ? burst : READ_ONCE(swap_budget), (uint64_t)1);
}

/* Lets in what has come since the last time, in pages, so that nothing is lost by rounding. */
static void fill(struct budget *b)
{
	uint64_t day = READ_ONCE(swap_budget), now = time_now(), page_ns, pages;

	if (day == 0) {
		*b = (struct budget){ .left = SWAP_BUDGET_MAX,
				      .since = now,
				      .refusals = b->refusals };
		return;
	}
	page_ns = DAY_NS * RECORD_PAYLOAD / day;
	pages = (now - b->since) / page_ns;
	b->since += pages * page_ns;
	b->left = MIN(b->left + (int64_t)(pages * RECORD_PAYLOAD), (int64_t)budget_burst());
}

bool budget_spent(struct store *s)
{
	struct budget *b = &s->budget;

	fill(b);
	if (b->left <= 0)
		b->spent = true;
	else if (b->left >= MIN(RESUME, (int64_t)budget_burst()))
		b->spent = false;
	return b->spent;
}

/* Of more than a day what counts is half a day at the same rate. */
static void rate_add(struct rate *r, uint32_t bytes)
{
	uint64_t now = time_now();

	if (now - r->since > DAY_NS) {
		r->bytes =
			r->bytes * (DAY_NS / 2 / NSEC_PER_SEC) / ((now - r->since) / NSEC_PER_SEC);
		r->since = now - DAY_NS / 2;
	}
	r->bytes += bytes;
}

void bytes_programmed(struct store *s, uint32_t bytes)
{
	s->bytes_ever += bytes;
	s->budget.left -= bytes;
	rate_add(&s->rate, bytes);
}

uint16_t budget_mark(struct store *s, uint64_t ahead)
{
	uint64_t burst = budget_burst(), gone;

	fill(&s->budget);
	if (READ_ONCE(swap_budget) == 0)
		return 0;
	gone = burst - (uint64_t)s->budget.left + ahead;
	return (uint16_t)MIN(DIV_ROUND_UP(gone * WHOLE, burst), (uint64_t)UINT16_MAX);
}

void budget_restore(struct store *s, uint16_t mark, uint64_t unused)
{
	int64_t burst = (int64_t)budget_burst();

	s->budget.since = time_now();
	s->budget.left = MIN(burst - (int64_t)mark * burst / WHOLE + (int64_t)unused, burst);
}
