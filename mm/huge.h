// SPDX-License-Identifier: MIT
// Huge pages: what /proc and /sys show and set. How areas get them is in mm/huge.c.
#ifndef MM_HUGE_H
#define MM_HUGE_H

#include "kernel/lib/types.h"

#define HUGE_SHIFT 21
#define HUGE_SIZE  ((uint64_t)1 << HUGE_SHIFT)

/* Which private anonymous memory is given blocks of 2 MB at its first fault (/sys/kernel/mm/transparent_hugepage/enabled). */
enum thp_mode {
	THP_ALWAYS,  /* all but what MADV_NOHUGEPAGE was said of */
	THP_MADVISE, /* what MADV_HUGEPAGE was said of; as it boots */
	THP_NEVER,
};
extern unsigned thp_mode; /* a single word, read once per decision */

struct area;
/* May a fault in a make a block: is it wanted, and does a hold 2 MB, aligned? Aspace mutex. */
bool area_may_have_block(const struct area *a);

#endif
