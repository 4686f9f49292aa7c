// SPDX-License-Identifier: MIT
/*
 * Overcommit: how much memory has been promised to programs, and when a promise is refused. A page
 * of a private writable area or of shared anonymous memory may one day need a frame or a slot of
 * its own: it counts from mmap(2) on, used or not. A page of a tmpfs file or a memfd counts from
 * when it comes until it goes, and so does one of shared memory that was mapped without reserve.
 *
 *   mode 0  refuses one request that is larger than RAM and swap together (the default)
 *   mode 1  refuses nothing
 *   mode 2  keeps the sum of all promises at or below the limit: a share of RAM, and all of swap;
 *           below it by what is kept for mending things: for administrators (CAP_SYS_ADMIN) what
 *           they need to come in, and for everybody what a shell needs to end a program that has
 *           all else
 *
 * The sum is exact in every mode, so that the mode can change at any time. Memory of files on disks
 * does not count.
 */
#ifndef MM_COMMIT_H
#define MM_COMMIT_H

#include "kernel/lib/types.h"

enum commit_mode { COMMIT_HEURISTIC, COMMIT_ALWAYS, COMMIT_NEVER }; /* Linux's numbers */

/* Single words, changed from /proc/sys/vm; a change holds for later requests. */
struct commit_settings {
	unsigned mode;          /* enum commit_mode */
	unsigned ratio;         /* mode 2: per cent of RAM... */
	uint64_t kbytes;        /* ...or this many KB of it when not 0 */
	uint64_t admin_reserve; /* mode 2: KB that only administrators get */
	uint64_t user_reserve;  /* mode 2: KB, or a 32nd of the asking program's size if that is
				   less, that are not given out */
};
extern struct commit_settings commit_settings;

/* Sets the reserves: a 32nd of what is free, 8 MB for administrators and 128 MB for users at most.
 * Once, at boot. */
void commit_init(void);

/* Promises `pages` more. request: pages of the one mapping asked for, for mode 0's question; 0:
 * none is (fork). 0; -ENOMEM: refused, nothing changed. Task context. */
int commit_take(uint64_t pages, uint64_t request) MUST_CHECK;
/* Gives back what was promised. Any context. */
void commit_give(uint64_t pages);
/* Pages promised now, and what mode 2 would allow. */
uint64_t commit_sum(void);
uint64_t commit_limit(void);

#endif
