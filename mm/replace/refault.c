// SPDX-License-Identifier: MIT
/*
 * Two lists with refault distance, the default.
 *
 *      new --> inactive --used at two looks--> active        used at one look: another round
 *                  |   <--not used at a look--
 *                  v
 *               evicted --back soon--> active, while that may grow
 *
 * By itself this keeps what was used last. A page that comes back before as many others went as RAM
 * holds tells that this is wrong at present: what is oldest would be asked for next, as in a cycle
 * that is longer than RAM, where keeping the newest misses every page. So each such page lets the
 * active list grow: itself begins there, and SPARED more at the old end of the inactive list,
 * instead of being evicted, move there. Newer ones go, and most of the cycle comes to rest in RAM.
 *
 * Against that, with every batch a few of the oldest active pages are looked at. One that was not
 * used since the look before goes back to the inactive list and takes WITHDRAWN pages of that
 * growth with it: what the active list holds is used less than what it keeps out. Pages in use go
 * to its new end, so a look at the same page comes a whole list of looks later; and while the
 * active list is so short that this would be sooner than a page gets through the inactive one,
 * there are none.
 *
 * `grant` is how long the active list may be made so. Two looks at use make a page active in any
 * case; beyond grant, the active list gives pages up until it is about as long as the inactive one.
 *
 * The constants are those that did well over all strings of tests/bench/replacement at once; each
 * may be halved or doubled without much harm to any.
 */
#include "mm/replace/replace.h"

#define SPARED    16
#define WITHDRAWN 64
/* at active pages, for a batch of inactive ones */
#define LOOKS 4
/* the active list does not grow into this part of both */
#define INACTIVE_SHARE 32
/* both are shorter after each batch: nothing to undo */
#define SLACK (2 * EVICT_BATCH)

static uint32_t grant[LRU_KINDS]; /* pages: raised by faults, lowered by the daemon; atomic */

static void begin(void)
{
	for (unsigned kind = 0; kind < LRU_KINDS; kind++)
		atomic_store(&grant[kind], 0);
}

static uint32_t grant_most(enum lru_kind kind)
{
	uint32_t both = lru_size(lru_list_of(kind, false)) + lru_size(lru_list_of(kind, true));

	return both - both / INACTIVE_SHARE;
}

static uint32_t granted(enum lru_kind kind)
{
	return MIN(atomic_load(&grant[kind]), grant_most(kind));
}

static bool active_may_grow(enum lru_kind kind)
{
	return lru_size(lru_list_of(kind, true)) < granted(kind);
}

static bool admit(const struct page *p)
{
	enum lru_kind kind = lru_kind_of(p);

	if (atomic_load(&grant[kind]) < grant_most(kind))
		(void)atomic_fetch_add(&grant[kind], 1 + SPARED);
	return active_may_grow(kind);
}

static void withdraw(enum lru_kind kind, uint32_t pages)
{
	uint32_t old = atomic_load(&grant[kind]);

	while (!atomic_compare_exchange(&grant[kind], &old, old - MIN(old, pages)))
		;
}

static void balance(enum lru_kind kind)
{
	uint32_t active = lru_size(lru_list_of(kind, true));
	uint32_t inactive = lru_size(lru_list_of(kind, false));

	if (active > inactive * LOOKS / EVICT_BATCH)
		withdraw(kind, active_age(kind, LOOKS, false) * WITHDRAWN);
	if (active > MAX(inactive, granted(kind)) + SLACK || inactive < EVICT_BATCH)
		(void)active_age(kind, EVICT_BATCH, true);
}

static bool due(struct page *p, bool used)
{
	if (used && !page_flag(p, PAGE_REFERENCED)) {
		page_set_flag(p, PAGE_REFERENCED);
		return false;
	}
	if (!used && !active_may_grow(lru_kind_of(p))) {
		page_clear_flag(p, PAGE_REFERENCED);
		return true;
	}
	page_activate(p);
	return false;
}

const struct replacement replace_refault = { .name = "refault",
					     .begin = begin,
					     .balance = balance,
					     .due = due,
					     .admit = admit,
					     .promotes = true };
