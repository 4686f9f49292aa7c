// SPDX-License-Identifier: MIT
// The page daemon: the only task that evicts. Allocation talks to it through mm/buddy.h (reclaim_wake, reclaim_wait).
#ifndef MM_RECLAIM_H
#define MM_RECLAIM_H

#include "mm/swap/medium.h"

/* Starts the page daemon. After sched_init, before the first user task. */
void reclaim_init(void);
/* Opens the swap store on m and makes it the swap area. 0 or negative errno, logged with advice. Once. Task context. */
int swap_attach(struct medium *m, bool format);

/* mm/oom/: picks and kills. Called by reclaim_wait when neither eviction nor refusal can help. Returns true when a victim is dying or has died (try again),
 * false when there is nobody to end. */
bool oom_kill(unsigned alloc_flags);
/* Starts the threads of the OOM policy. reclaim_init calls it. */
void oom_init(void);

#endif
