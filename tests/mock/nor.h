// SPDX-License-Identifier: MIT
/*
 * A NOR flash bank, stricter than any emulator: two 16-bit chips on a 32-bit bus, reached by
 * commands (nor.bus), or directly as a swap store's medium (nor.medium). Both end in the same
 * cells.
 *
 * The chips speak the Intel command set, or after nor_amd() the AMD one.
 *
 *   rules that fail the test    programming a 0 to 1; programming a word twice since its erase, but
 *                               with zeros; commands that make no sense; array reads while the
 *                               chips show their status; a buffered program over a window's end, or
 *                               of one word
 *   blocks that go bad          enum nor_bad
 *   power                       fails in the middle of the N-th program or erase: that one is half
 *                               done, all later ones and reads give -ENODEV
 *   time                        operations stay busy for `busy_reads` looks at the status
 */
#ifndef TESTS_MOCK_NOR_H
#define TESTS_MOCK_NOR_H

#include "drivers/flash/cfi.h"

enum nor_bad {
	NOR_GOOD,
	NOR_PROGRAM_FAILS, /* half of it is done, status says so */
	NOR_ERASE_FAILS,
	NOR_STUCK,      /* some bits read 0, whatever was done; status is good */
	NOR_READ_FLIPS, /* reads of programmed words have a wrong bit, always the same */
	NOR_DIES,       /* works for `endurance` more erases, then both fail */
};

#define NOR_BLOCKS_MAX 512

struct nor {
	struct cfi_bus bus;          /* commands */
	struct medium medium;        /* the whole bank, without commands */
	uint8_t *cells, *programmed; /* a flag per word */
	uint32_t size, block_size, buffer;
	enum nor_bad bad[NOR_BLOCKS_MAX];
	uint32_t endurance[NOR_BLOCKS_MAX];
	uint32_t erases[NOR_BLOCKS_MAX];

	uint64_t operations; /* programs and erases begun */
	uint64_t bytes;      /* that programs were begun for */
	uint64_t cut_at;     /* the operation that power fails in; 0: none */
	bool dead;           /* power has failed */

	/* Commands. */
	unsigned busy_reads;     /* status reads that an operation takes */
	bool can_suspend, locks; /* announced by the query; locks: all blocks locked at power-on */
	bool read_only;          /* programs and erases end with error bits */
	bool hangs;              /* never ready again */
	uint32_t status;         /* of both chips */
	unsigned busy_left, suspends;
	int mode;
	uint64_t at; /* block or window of the command under way */
	unsigned words, words_left;
	uint32_t data[1024];
	bool erasing, suspended, unlocked[NOR_BLOCKS_MAX];
	uint64_t reads, writes; /* bus accesses but array copies */

	/* Of the AMD set. */
	bool amd, top_boot, setup; /* small blocks last, said first; the first half of an erase's
				      command has come */
	unsigned unlocks;          /* of the two writes that a command wants before it */
	unsigned suspend_reads,
		suspend_left; /* looks at the status until a suspension takes effect */
	bool suspending;
	uint32_t alternate;             /* the bits that the next read of the status shows */
	void (*on_busy)(struct nor *n); /* at each status read while busy */
};

/* A bank of blocks * block_size bytes, erased, without faults. */
void nor_init(struct nor *n, uint32_t block_size, unsigned blocks);
void nor_free(struct nor *n);
/* From now on its chips have command set 2. `locks` then protects blocks for good: programs and
 * erases of them do nothing, and say nothing. */
void nor_amd(struct nor *n);
/* Power comes back: commands and the cut are forgotten, cells stay. */
void nor_power_on(struct nor *n);
/* Flips a bit of a cell for good. */
void nor_flip(struct nor *n, uint64_t at, unsigned bit);

#endif
