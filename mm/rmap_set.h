// SPDX-License-Identifier: MIT
/*
 * The set of leaf entries that map one frame, held in one word (struct page's rmap). Private to the reverse map; every call under
 * the page lock. Every operation takes bounded time, however many entries there are: see rmap_set.c.
 */
#ifndef MM_RMAP_SET_H
#define MM_RMAP_SET_H

#include "mm/pmap.h"

/* Once, at boot. */
void rmap_set_init(void);
/* Memory for the next additions; as rmap_reserve() in mm/rmap.h. */
int rmap_set_reserve(void) MUST_CHECK;

/* Adds pte, which is not in the set. 0 or -ENOMEM (nothing changed). */
int rmap_set_add(uintptr_t *word, struct pte *pte) MUST_CHECK;
/* Removes pte; panics when it is not in the set. */
void rmap_set_remove(uintptr_t *word, struct pte *pte);
/* `to` takes the place of `from`. 0 or -ENOMEM (nothing changed; never while the set is small). */
int rmap_set_move(uintptr_t *word, struct pte *from, struct pte *to) MUST_CHECK;
/* Any entry, or NULL: the set is empty. */
struct pte *rmap_set_any(uintptr_t word);
/* Number of entries. */
unsigned rmap_set_count(uintptr_t word);
/* Up to max entries into ptes[]; all of a set that is not larger than that, others at each call of a set that is much larger.
 * Returns how many. */
unsigned rmap_set_sample(uintptr_t word, struct pte **ptes, unsigned max);

/* A walk through the set, a chain at a step; begins zeroed. The page lock may be dropped between steps: entries that are there from the first step to
 * the last are seen, others may be, and some twice. */
#define RMAP_DEPTH_MAX 11
struct rmap_walk {
	uint8_t at[RMAP_DEPTH_MAX]; /* which bucket of each table on the way */
	unsigned depth;
};
/* Calls fn, which leaves the set alone, for the next entries; where it answers false, the next step sees the same ones again. False: the walk is over. */
bool rmap_set_step(uintptr_t word, struct rmap_walk *w, bool (*fn)(struct pte *pte, void *arg),
		   void *arg) MUST_CHECK;

#endif
