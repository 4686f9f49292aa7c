// SPDX-License-Identifier: MIT
/*
 * The replacement policy: which pages go when frames are short. A policy decides; the mechanics are
 * the same for all (mm/scan.c): anonymous pages and those of disk files have an inactive list, from
 * whose old end a batch at a time is looked at, and an active one, which a policy may use or not.
 * What is locked, being read or written never reaches it.
 *
 * A policy is called by the page daemon alone, but for admit(). It keeps what it must know of a
 * page in PAGE_ACTIVE, PAGE_REFERENCED and page->u.lru, which are garbage to it after another
 * policy's turn: any value there is right.
 */
#ifndef MM_REPLACE_REPLACE_H
#define MM_REPLACE_REPLACE_H

#include "mm/reclaim_internal.h"

struct replacement {
	const char *name;
	/* It has been chosen: forgets what it has learnt. NULL: it learns nothing. */
	void (*begin)(void);
	/* Before a batch of kind's inactive list is looked at: moves at most some batches between
	 * its lists, in such a way that the inactive one does not stay empty while the other has
	 * pages. May sleep. */
	void (*balance)(enum lru_kind kind);
	/* p, taken off an inactive list, was used since the last look or not: does it go? Else its
	 * flags say where it stays. */
	bool (*due)(struct page *p, bool used);
	/* p, on no list yet, is back, before as many went as the lists hold. Does it begin on the
	 * active list? Any context without sleeping. NULL: never. */
	bool (*admit)(const struct page *p);
	/* Pages read or written by system calls twice become active at once. */
	bool promotes;
};

extern const struct replacement replace_refault, replace_clock, replace_fifo, replace_lfu;

/* The one that is in force: it may change between two calls. */
const struct replacement *replacement(void);

/* For policies. Looks at up to n pages of kind's active list, oldest first: those that were not
 * used, or all, become inactive; the others go to the new end. Returns how many moved. May
 * sleep. */
unsigned active_age(enum lru_kind kind, unsigned n, bool all);
/* p, on no list, becomes active. */
void page_activate(struct page *p);

#endif
