// SPDX-License-Identifier: MIT
/*
 * What the swap store has done: since boot, except where said; and what it may do. Bytes written by
 * programs become more bytes in flash: headers of records and segments, padding, and records that
 * the cleaner moves so that their segment can be erased. bytes_programmed / bytes_in is the write
 * amplification.
 */
#ifndef MM_STORE_STATS_H
#define MM_STORE_STATS_H

#include "kernel/lib/types.h"

struct store_stats {
	const char *medium;    /* its name; lives for ever */
	uint32_t segment_size; /* bytes */
	bool encrypted;
	uint32_t segments, free_segments, retired_segments, live_records;
	uint64_t bytes_in;                        /* page bytes appended by users, 4096 each */
	uint64_t records_packed;                  /* how many of these pages were packed */
	uint64_t bytes_programmed, bytes_cleaned; /* on the medium, all; of these by the cleaner */
	uint64_t bytes_ever;    /* programmed since the medium was new: never less, more by what
				   README.md says */
	uint64_t records_moved; /* by the cleaner */
	uint64_t discards; /* of segments that had died whole; erases are counted when they are used
			      again */
	uint64_t erases, crc_errors, program_failures, erase_failures;
	/* Over segments in use, since the medium was new. */
	uint32_t erase_min, erase_max;
	uint64_t erase_sum;
	uint32_t rated_cycles; /* erases that each segment is good for, as far as is known */
	uint64_t recent_bytes, recent_ns; /* programmed in the last half day to day, or since the
					     store was opened; in so much time */
	uint64_t budget_day,
		budget_burst; /* what may be programmed a day, 0: any amount; and at once */
	int64_t budget_left;  /* bytes, negative: overdrawn; without meaning when there is no
				 budget */
	bool budget_spent;    /* nothing is taken until more has come in */
	uint64_t budget_refusals;
};

/* One segment, for a map of the wear. */
struct store_segment {
	const char
		*state; /* "free", "ready" (erased), "head" (being written), "sealed", "retired" */
	uint32_t area, number; /* as swap_area_stats() counts */
	uint32_t erases, live; /* since new; bytes of live records */
};

/* What each store may program: bytes a day (0: no limit; auto: as its medium needs it) and at once
 * (0: a day's); README.md, "Write budget". Any values up to the most, at any time. */
#define SWAP_BUDGET_MAX  ((uint64_t)1 << 44)
#define SWAP_BUDGET_AUTO UINT64_MAX
extern uint64_t swap_budget, swap_burst;
/* The same for one medium. */
struct swap_allowance {
	bool own; /* else what is said for all counts */
	uint64_t day, burst;
};
/* Erases that segments are rated for; 0: what is usual for the kind of medium. At most so many:
 * times the bytes of the largest store they fit 64 bits. */
#define SWAP_CYCLES_MAX 100000000u
extern unsigned swap_cycles;

#endif
