// SPDX-License-Identifier: MIT
/*
 * What the swap store needs of flash. NOR (drivers/flash/cfi.c) and block devices
 * (kernel/swap_medium.c) fulfil it. All calls are made from task context and may sleep; at most one
 * program() or erase() is in progress at a time, while reads may come from other tasks at any time
 * and must not wait for a whole erase where the chip can suspend it. Beside that one call, up to
 * `programs` pieces may be on their way that program_begin() was given: nobody reads what they
 * write before program_end() has told of it.
 */
#ifndef MM_SWAP_MEDIUM_H
#define MM_SWAP_MEDIUM_H

#include "mm/store_stats.h"

struct medium;

/* What the store notes of a block's wear outlives a discard, as nothing is written in its place
 * until the block is used again. */
#define MEDIUM_KEPT 2u

struct medium_piece {
	void *to;
	size_t n;
};

struct medium_ops {
	/* Reads n bytes at offset. 0 or -EIO / -ENODEV. */
	int (*read)(struct medium *m, uint64_t offset, void *buf, size_t n);
	/* The same into two pieces of memory, a record's header and contents: for media where one
	 * transfer costs less than two. NULL: not so. */
	int (*read_both)(struct medium *m, uint64_t offset, const struct medium_piece pieces[2]);
	/* Reads n bytes, or as many from the first on as there is a buffer for, and keeps them for
	 * reads that follow, until they are programmed or erased. NULL: not so. One caller at a
	 * time; they are neither meanwhile. */
	void (*read_ahead)(struct medium *m, uint64_t offset, size_t n);
	/* Programs n bytes (offset and n multiples of program_unit) within one erase block; the
	 * range must be erased. 0, -EIO (block failed), -EROFS, -ENODEV. */
	int (*program)(struct medium *m, uint64_t offset, const void *buf, size_t n);
	/* As program(), but it need not be done on return: buf stays as it is until program_end().
	 * For media with `programs`; else NULL. */
	void (*program_begin)(struct medium *m, uint64_t offset, const void *buf, size_t n);
	/* Waits for the piece that was begun first of those not ended: its result, as
	 * program()'s. */
	int (*program_end)(struct medium *m);
	/* Erases the block at offset, but for its lead: it reads as 0xff (NOR). Or discards it, but
	 * for its lead and MEDIUM_KEPT program units (block): it is unspecified. A program of it
	 * may follow at once. */
	int (*erase)(struct medium *m, uint64_t offset);
};

struct medium {
	const struct medium_ops *ops;
	const char *name;
	uint64_t size;         /* bytes, a multiple of erase_size */
	uint32_t erase_size;   /* bytes per erase block */
	uint32_t program_unit; /* smallest program, bytes; a power of two */
	uint32_t program_best; /* program in units of this, aligned, for speed */
	unsigned programs;     /* pieces of program_best, or less, that may be under way; 0: none */
	uint32_t lead;  /* bytes at the beginning of each erase block that are not the store's;
			   program units */
	bool read_only; /* by what the board or the command line says: no swap */
	bool given;     /* what else lies on it may be overwritten */
	bool discards;  /* an erase only says that contents are worth nothing: no wear, and good to
			   know early */
	bool distant;   /* a read takes long, however short it is: what follows is read ahead */
	bool exposed; /* easily read elsewhere: encrypted unless the command line says otherwise */
	bool card;    /* flash that wears out and does not tell: a write budget unless somebody says
			 otherwise */
	struct swap_allowance
		budget; /* what may be written to it; while a store is open under its writer */
	bool lost; /* the medium's: it came back as another's. It is asked nothing more, and what
		      was on it is lost */
	bool erased_is_ff; /* an erased block reads 0xff and only clears bits when programmed */
};

#endif
