// SPDX-License-Identifier: MIT
/*
 * An SD host controller (SD Host Controller Simplified Specification 3.00): power, clock, and one
 * command at a time with its data. One task at a time uses it; only sdhci_interrupt() may come
 * meanwhile. All functions but that one may sleep.
 */
#ifndef DRIVERS_SDHCI_SDHCI_H
#define DRIVERS_SDHCI_SDHCI_H

#include "kernel/block.h"
#include "kernel/waitq.h"
#include "mm/dma.h"

/* The registers: 32 bits at a time, as the cores of Broadcom's chips want it. */
struct sdhci_bus {
	uint32_t (*read)(const struct sdhci_bus *bus, size_t offset);
	void (*write)(const struct sdhci_bus *bus, size_t offset, uint32_t value);
	/* n words, an even number, from or to the one register. */
	void (*read_all)(const struct sdhci_bus *bus, size_t offset, uint32_t *words, size_t n);
	void (*write_all)(const struct sdhci_bus *bus, size_t offset, const uint32_t *words,
			  size_t n);
};

struct sdhci {
	/* Constant; set before sdhci_init(). */
	const struct sdhci_bus *bus;
	uint32_t base_hz; /* of the clock that the SD clock is made of; 0: the capabilities tell */
	bool coherent;    /* the controller looks into the caches */
	bool slow_writes; /* a write is lost that follows another within four SD clocks */
	bool card_detect; /* the controller knows whether there is a card */
	bool no_switch;   /* and knows nothing of a write protection */
	struct dma_reach reach;

	/* Constant once initialised. */
	uint32_t capabilities;
	unsigned version;    /* 0: 1.00, 1: 2.00, 2: 3.00 */
	struct page *table;  /* ADMA2 descriptors; NULL: data goes through the CPU */
	struct page *bounce; /* BLOCK_REQUEST_MAX bytes; NULL: the controller reaches all RAM */

	/* The user's. */
	uint32_t seen;    /* interrupt status taken from the register, not yet used */
	uint32_t control; /* as last written: host and power control */
	uint32_t clock;   /* as last written: clock and timeout control */
	uint32_t hz;      /* SD clock; 0: it stands still */

	struct waitq wake;
	bool interrupted; /* atomic */
	uint64_t settled; /* time of the next write; atomic: the interrupt handler's write may
			     race with one of the same value, at the end of a wait */
};

/* A command's number and answer, as the command register wants them (2.2.6): SD_COMMAND(17,
 * SD_R1). */
#define SD_COMMAND(index, answer) ((index) << 8 | (answer))
enum sd_answer {
	SD_NONE = 0x00,
	SD_R1 = 0x1a,  /* 48 bits, checksum and number checked; R6, R7 too */
	SD_R1B = 0x1b, /* then busy */
	SD_R2 = 0x09,  /* 136 bits, checksum */
	SD_R3 = 0x02,  /* 48 bits, nothing checked */
};
#define SD_ABORT 0xc0 /* added to CMD12: it ends a transfer */

/* How the card learns where a transfer of several blocks ends. */
enum sd_stop { SD_STOP_CMD12, SD_STOP_CMD23 };

struct sd_command {
	uint32_t code; /* SD_COMMAND() */
	uint32_t argument;
	/* Data, with a block_bytes that is not 0: whole blocks in the segments, linear map. By DMA
	 * when blocks are SECTOR_SIZE long and the controller can; cache lines are then the
	 * caller's business. */
	const struct block_segment *segments;
	unsigned nsegments;
	uint32_t block_bytes, blocks;
	bool write;
	enum sd_stop stop; /* blocks > 1 */
	/* What came. R2: bits 127:8 of the register, 8 lowest first; others: the answer's 32 bits.
	 * Zeroes without an answer. A CMD12 of the controller's own leaves its answer in [3]. */
	uint32_t answer[4];
};

/* Resets the controller and finds out what it can; memory for DMA is taken, which it does without
 * if there is none. 0; -ENODEV: it does not react, or its clock is not known. */
int sdhci_init(struct sdhci *h) MUST_CHECK;
/* Silences it for good and gives its memory back. */
void sdhci_stop(struct sdhci *h);
/* Its interrupt may have come; true if so. Any context. */
bool sdhci_interrupt(struct sdhci *h);

/* A card that is plugged in begins anew: everything reset, power on, one data line, at most 400
 * kHz. 0 or -EIO. */
int sdhci_begin(struct sdhci *h) MUST_CHECK;
/* SD clock of at most hz. 0 or -EIO. */
int sdhci_set_clock(struct sdhci *h, uint32_t hz) MUST_CHECK;
void sdhci_set_four_lines(struct sdhci *h);
void sdhci_set_high_speed(struct sdhci *h);
bool sdhci_can_high_speed(const struct sdhci *h);
/* It sends a CMD23 by itself. */
bool sdhci_can_cmd23(const struct sdhci *h);
bool sdhci_card_present(struct sdhci *h);
bool sdhci_write_protected(struct sdhci *h);

/* Sends c, moves its data, and waits for the end, of a busy card too. 0; -ETIMEDOUT: no answer to
 * the command; -ENOMEDIUM: the card is gone, or has lost its power, and is to be identified; -EIO:
 * anything else that went wrong on the way (any part of the data may have been moved; the
 * controller is ready for the next command); -EBUSY: and the controller cannot be stopped: it may
 * go on writing to the memory. */
int sdhci_execute(struct sdhci *h, struct sd_command *c) MUST_CHECK;

#endif
