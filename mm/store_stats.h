// SPDX-License-Identifier: MIT
/*
 * What the swap store has done: since boot, except where said. Bytes written by programs become more bytes in flash: headers of records
 * and segments, padding, and records that the cleaner moves so that their segment can be erased. bytes_programmed / bytes_in is the write amplification.
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
	uint64_t bytes_ever; /* programmed since the medium was new, as far as its headers tell */
	uint64_t records_moved; /* by the cleaner */
	uint64_t erases, crc_errors, program_failures, erase_failures;
	/* Over segments in use, since the medium was new. */
	uint32_t erase_min, erase_max;
	uint64_t erase_sum;
};

#endif
