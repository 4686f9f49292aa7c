// SPDX-License-Identifier: MIT
// Paging by which nobody gets on, and its end: mm/thrash.c.
#ifndef MM_THRASH_H
#define MM_THRASH_H

#include "kernel/lib/types.h"

/* Percent of a window that has to be lost; 0: nobody is ended for paging. What a page that comes
 * back may cost its task, in ms; 0: it does not matter. Single words; thrash_changed()
 * afterwards. */
struct thrash_settings {
	uint32_t percent, wait_ms;
};
extern struct thrash_settings thrash_settings;
#define THRASH_WAIT_MS_MOST 10000u

/* For the command line: percent in digits, up to 100. 0 or -EINVAL. */
int thrash_choose(const char *percent);
/* Starts to look, looks by other settings, or no more. Task context. */
void thrash_changed(void);
/* The page daemon asks the OOM policy when that was decided. */
void thrash_turn(void);

/* What has been counted until now. */
struct thrash_sample {
	uint64_t now;                 /* ns */
	uint64_t waited;              /* by all programs, ns */
	uint64_t refaults, evictions; /* the latter in 31 bits */
};
/* The judgement, a function of samples that are taken at each window's end in which too much was
 * lost. */
struct thrash_judge {
	struct thrash_sample last;
	uint64_t waited, came, went; /* of late: each window counts half of the next */
	unsigned bad;                /* windows in a row */
};
/* True: somebody has to go. */
bool thrash_judge(struct thrash_judge *j, const struct thrash_settings *set,
		  const struct thrash_sample *s);

#endif
