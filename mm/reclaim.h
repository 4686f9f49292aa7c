// SPDX-License-Identifier: MIT
// The page daemon: the only task that evicts. Allocation talks to it through mm/buddy.h
// (reclaim_wake, reclaim_wait).
#ifndef MM_RECLAIM_H
#define MM_RECLAIM_H

#include "mm/store_stats.h"
#include "mm/swap/medium.h"

/* Starts the page daemon. After sched_init, before the first user task. */
void reclaim_init(void);
/* Opens a swap store on m (which stays) and makes it a swap area; prio from 0 up, negative: below
 * all that were added so before. 0, -EBUSY (it is one), -EPERM (there are as many as there may be),
 * what store_open() gives; logged with advice. May sleep. */
int swap_attach(struct medium *m, bool format, int prio);
/* Brings back to RAM what the area on m has, and closes it. 0: m is the caller's again; -EINVAL: it
 * is none; -ENOMEM (without ending anybody for it), -EINTR (killed), or the medium's error: it
 * stays an area. May sleep, long. */
int swap_detach(struct medium *m);

/* How much rather file pages are evicted than anonymous ones: 0 (only those, while there are any)
 * to 200, as Linux has it; 100: alike. A single word. */
#define SWAPPINESS_MOST 200
extern unsigned reclaim_swappiness;
/* Rounds of eviction since boot, for the machine and for groups. The daemon's; others may read
 * it. */
extern uint32_t reclaim_rounds;
/* Replacement policies (mm/replace/): the i-th one's name, NULL past the last; puts one in force, 0
 * or -EINVAL. Any time. */
const char *replacement_name(unsigned i, bool *in_force);
int replacement_choose(const char *name) MUST_CHECK;

struct swap_area_stats {
	char name[32];
	uint64_t pages, used;
	int prio;
	struct store_stats store;
};
/* Of the i-th area; false past the last. May sleep. */
bool swap_area_stats(unsigned i, struct swap_area_stats *st);
/* What may be written to the area whose medium has that name. 0, or -ENODEV: there is none. May
 * sleep. */
int swap_area_allow(const char *name, struct swap_allowance budget);
/* The segments from the first-th on, counted through all areas, n at most: how many there were. May
 * sleep. */
uint32_t swap_segments(uint32_t first, struct store_segment *to, uint32_t n);

/* Tasks that were made OOM victims do not wait for frames any more: wakes those that do. */
void reclaim_let_go(void);

#endif
