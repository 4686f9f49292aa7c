// SPDX-License-Identifier: MIT
/*
 * An SD host controller, stricter than QEMU's, written from the SD Host Controller Simplified
 * Specification 3.00 alone; the card is tests/mock/sdcard.h.
 *
 *   rules that fail the test    accesses that are not one whole register; registers that are not
 *                               there or not for writing; a write within four SD clocks after
 *                               another (if it is such a core); a command while one is under way,
 *                               before an error's reset, without power, voltage or clock, or with
 *                               another answer than it has; data of another direction, size or
 *                               count than the command's; DMA or CMD23 that it has not; a clock
 *                               that the card does not take, or that changes while it runs; other
 *                               lines than the card's; the data port when no block is there or
 *                               wanted; a table or memory out of reach, not aligned, not of the
 *                               transfer's length; memory changed while it is used; and what dma.h
 *                               checks when it is not coherent
 *   failures                    the fields below "How it fails"
 *
 * Nothing happens by itself but in mock_sdhci_run(), so a driver that does not sleep waits for
 * ever.
 */
#ifndef TESTS_MOCK_SDHCI_H
#define TESTS_MOCK_SDHCI_H

#include "drivers/sdhci/sdhci.h"
#include "tests/mock/sdcard.h"

enum mock_sd_failure {
	SD_FAIL_CMD_TIMEOUT = 1,
	SD_FAIL_CMD_CRC,
	SD_FAIL_CMD_END,
	SD_FAIL_CMD_INDEX,
	SD_FAIL_DAT_TIMEOUT,
	SD_FAIL_DAT_CRC,
	SD_FAIL_DAT_END,
	SD_FAIL_CURRENT,
	SD_FAIL_AUTO_CMD,
	SD_FAIL_ADMA,
	SD_FAIL_STATUS,  /* the card says `bits` in its answer */
	SD_FAIL_SILENCE, /* no interrupt, until a reset */
	SD_FAIL_LATE,    /* data complete, and a timeout all the same (2.2.17) */
	SD_FAIL_REMOVAL, /* the card is pulled out */
	SD_FAILURES,
};

struct mock_sdhci {
	struct sdhci_bus bus;
	struct mock_sdcard card;

	/* What it is: change before the driver looks. */
	uint32_t capabilities;
	unsigned version;
	bool coherent, slow, detects, eager; /* eager: the next block is there at once */
	bool switch_protects;
	uint64_t bus_offset; /* address on the bus of RAM's first byte */
	uint64_t reach;      /* bytes of RAM, from the first on */

	/* How it fails. */
	bool tolerant; /* broken rules are counted only */
	struct {
		enum mock_sd_failure kind;
		unsigned index, after,
			times;  /* that command, so many times well, then so many times not */
		unsigned block; /* data: at this block */
		uint32_t bits;
	} fail;
	bool no_line_reset, no_reset, no_stable_clock;

	/* What has happened. */
	unsigned violations, interrupts, commands, resets, line_resets, dma_transfers, port_blocks;
	uint32_t fastest; /* clock, Hz */
	char what[200];   /* the first violation */

	/* Registers. */
	uint32_t argument2, block, argument, mode, answer[4], present, control, clock, status,
		enable, signal, table;
	uint64_t written; /* time of the last write */
	/* The transfer. */
	bool pending, silent; /* a command */
	unsigned index;
	bool data, write, ready; /* ready: a block in the buffer is there or wanted */
	unsigned blocks_left, nth, size, nbuffer;
	bool busy;
	uint64_t busy_until;
	struct mock_sdhci_line {
		uint16_t attributes, length;
		uint32_t address;
	} line; /* of the table, what is left of it */
	uint32_t next_line;
	uint8_t buffer[512];
};

/* Version 3.00 with ADMA2 and a base clock of 100 MHz, not coherent, reaches all RAM at 3 GB; a
 * card of so many sectors in it. */
void mock_sdhci_init(struct mock_sdhci *m, uint64_t sectors);
void mock_sdhci_free(struct mock_sdhci *m);
/* Goes on until it has an interrupt to tell of, or nothing to do. True while its interrupt line is
 * up. */
bool mock_sdhci_run(struct mock_sdhci *m);
/* The card is pulled out, or another is put in. */
void mock_sdhci_remove(struct mock_sdhci *m);
void mock_sdhci_insert(struct mock_sdhci *m);

#endif
