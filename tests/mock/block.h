// SPDX-License-Identifier: MIT
/*
 * A disk in host memory in place of kernel/block.c: every request ends within block_submit(). What
 * a disk does to a file system when the power goes: writes lie in its cache until a flush, and then
 * any of them may have reached the medium, whole blocks each.
 *
 *   rules that fail the test   a request of the wrong shape, unaligned memory, memory outside the
 *                              linear map, a call with preemption off; where writes are late, one
 *                              whose memory changes meanwhile, and any request for its sectors
 */
#ifndef TESTS_MOCK_BLOCK_H
#define TESTS_MOCK_BLOCK_H

#include "kernel/block.h"

struct mock_disk {
	struct block_device device;
	uint8_t *now;    /* what reads see */
	uint8_t *medium; /* what has been flushed */

	uint64_t requests, reads, writes, flushes, discards; /* begun so far */
	uint64_t fail_read, fail_write; /* the n-th from the start gives -EIO, nothing is
					   transferred; 0: none */
	uint64_t stop_at;               /* from this write on none is taken: stop_error; 0: never */
	int stop_error;
	uint64_t bad_sector; /* reading it gives -EIO; UINT64_MAX: none */
	uint64_t cut_at; /* the write or flush that power fails in; from then on all give -EIO; 0:
			    never */
	bool late;       /* writes and discards that nobody waits for yet are carried out by
			    mock_disk_turn(), or when somebody sleeps */
	struct list waiting;
	bool dead;                                                              /* it has failed */
	void (*on_request)(struct mock_disk *m, const struct block_request *r); /* before each */
};

/* A disk of `bytes` zeroes, named name, found by block_find(). */
void mock_disk_init(struct mock_disk *m, const char *name, uint64_t bytes);
/* With the contents of a host file; and back into one (flushed or not). */
void mock_disk_load(struct mock_disk *m, const char *name, const char *file);
void mock_disk_save(const struct mock_disk *m, const char *file);
void mock_disk_free(struct mock_disk *m);
/* Carries out what waits because of `late`, the latest first. */
void mock_disk_turn(struct mock_disk *m);
/* Power fails now, if cut_at has not come yet, and comes back: of the blocks that differ from the
 * medium, those chosen by the bits of a generator started with seed are there, the others as they
 * were (seed 0: none of them, UINT64_MAX: all). */
void mock_disk_power(struct mock_disk *m, uint64_t seed);

#endif
