// SPDX-License-Identifier: MIT
/*
 * NOR flash that describes itself (JEDEC JESD68.01, Common Flash Interface): what is common to all
 * command sets. A struct cfi_chip is one bank: one or more equal chips side by side on a 32-bit
 * bus, driven in lock step, so each command is repeated in every lane and each size is the chips'
 * sum.
 *
 * Locks, in order: `writer` (one program or erase at a time), then `lock` (the chips' mode: whoever
 * sends a command or reads the array holds it). An erase lets go of `lock` while it is suspended,
 * never of `writer`. Both sleep; interrupts stay on throughout.
 */
#ifndef DRIVERS_FLASH_CFI_H
#define DRIVERS_FLASH_CFI_H

#include "kernel/lock.h"
#include "kernel/waitq.h"
#include "mm/swap/medium.h"

#define CFI_REGIONS_MAX 4
#define CFI_WORD        4u    /* of the bus, bytes */
#define CFI_BEST        4096u /* program in these, aligned, for speed */
#define CFI_BUSY        1     /* a status; the others are 0 and negative errno */

/* How the bank is reached: the kernel's mapping, or a test's model. Offsets in bytes, multiples
 * of 4. */
struct cfi_bus {
	uint32_t (*read)(const struct cfi_bus *bus, size_t offset);
	void (*write)(const struct cfi_bus *bus, size_t offset, uint32_t value);
	/* words * 4 bytes of the array; buf need not be aligned. */
	void (*copy)(const struct cfi_bus *bus, size_t offset, void *buf, size_t words);
};

struct cfi_region {
	uint64_t start;
	uint32_t block_size, blocks;
};

struct cfi_chip;

/* One command set. All calls with chip.lock held. status() needs the chip in status mode, as the
 * calls that start something leave it. */
struct cfi_commands {
	uint16_t id; /* JEP137 */
	bool silent; /* blocks that are protected take a program and do nothing, without an error */
	void (*array_mode)(struct cfi_chip *c);
	/* n words at `at`, within one aligned window of c->buffer bytes; n >= 2. 0: under way; else
	 * negative errno, nothing programmed. */
	int (*program)(struct cfi_chip *c, uint64_t at, const uint8_t *data, unsigned n);
	int (*erase)(struct cfi_chip *c, uint64_t at);
	/* 0: done; CFI_BUSY; -EIO: it failed; -EROFS: the chips may not be written. Error bits are
	 * cleared. */
	int (*status)(struct cfi_chip *c, uint64_t at);
	/* Stops an erase for reading. True: suspended. False: it had ended, status() says how. */
	bool (*suspend)(struct cfi_chip *c, uint64_t at);
	void (*resume)(struct cfi_chip *c, uint64_t at);
};

struct cfi_chip {
	const struct cfi_bus *bus;
	const char *name;
	const struct cfi_commands *commands;
	uint32_t lanes; /* 1 in each chip's lowest bit */
	unsigned chips;
	uint64_t size;
	struct cfi_region regions[CFI_REGIONS_MAX];
	unsigned nregions;
	uint32_t buffer; /* bytes that one program command takes; 0: word by word */
	uint64_t program_max_ns, erase_max_ns;
	bool can_suspend, must_unlock;

	struct mutex writer;
	struct mutex lock;
	bool array; /* reads are memory; under lock */
	bool stuck; /* an operation at stuck_at has not ended in its time; under lock */
	uint64_t stuck_at;
	unsigned waiting; /* readers that want lock; atomic */
	struct waitq wanted;
	uint64_t suspensions; /* under lock */
};

/* Finds out what is behind bus; fills *c, leaves the chips in array mode. -ENODEV: no CFI flash on
 * 32 bits; -EOPNOTSUPP: a command set this driver does not know; -EINVAL: a description that
 * contradicts itself, or `size` (the window's). Task context. */
int cfi_probe(struct cfi_chip *c, const struct cfi_bus *bus, const char *name,
	      uint64_t size) MUST_CHECK;
/* Any alignment. 0, -EINVAL (outside), -ENODEV (the chips are at work for longer than they may be:
 * for now they have no contents to show). Sleeps; waits for a program, but not for an erase where
 * the chips can suspend it. */
int cfi_read(struct cfi_chip *c, uint64_t at, void *buf, size_t n) MUST_CHECK;
/* at and n multiples of 8, the range erased. 0, -EIO (the block is bad), -EROFS, -EINVAL, -ENODEV
 * (as above). Sleeps. */
int cfi_program(struct cfi_chip *c, uint64_t at, const void *buf, size_t n) MUST_CHECK;
/* The block that begins at `at`. Sleeps for as long as the chips take. */
int cfi_erase(struct cfi_chip *c, uint64_t at) MUST_CHECK;
/* The region that wholly holds [at, at + n), on its block boundaries; NULL: none. */
const struct cfi_region *cfi_region_of(const struct cfi_chip *c, uint64_t at, uint64_t n);

/* A part of a bank as a medium. */
struct cfi_part {
	struct medium medium;
	struct cfi_chip *chip;
	uint64_t offset;
	char name[32];
};

/* Fills *p. -EINVAL: not on erase block boundaries of one region. */
int cfi_part_init(struct cfi_part *p, struct cfi_chip *c, uint64_t offset,
		  uint64_t size) MUST_CHECK;

/* The command sets. */
extern const struct cfi_commands cfi_intel, cfi_amd;

/* For command sets: v in every lane; a word written, which may end array mode. */
static inline uint32_t cfi_all(const struct cfi_chip *c, uint32_t v)
{
	return v * c->lanes;
}

static inline void cfi_write(struct cfi_chip *c, uint64_t at, uint32_t v)
{
	c->array = false;
	c->bus->write(c->bus, (size_t)at, v);
}

static inline uint32_t cfi_status_word(const struct cfi_chip *c, uint64_t at)
{
	return c->bus->read(c->bus, (size_t)at);
}

#endif
