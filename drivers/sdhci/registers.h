// SPDX-License-Identifier: MIT
// Registers of an SD host controller as words of 32 bits (SD Host Controller Simplified
// Specification 3.00, 2.1 and 2.2), for the two files that know them.
#ifndef DRIVERS_SDHCI_REGISTERS_H
#define DRIVERS_SDHCI_REGISTERS_H

#include "drivers/sdhci/sdhci.h"

enum sdhci_register {
	ARGUMENT2 = 0x00, /* of the controller's own CMD23 */
	BLOCK = 0x04,     /* size of a block, number of blocks << 16 */
	ARGUMENT = 0x08,
	COMMAND = 0x0c, /* transfer mode, command << 16: this half starts it */
	ANSWER = 0x10,  /* four words */
	DATA = 0x20,
	PRESENT = 0x24,
	CONTROL = 0x28, /* host control 1, power control << 8 */
	CLOCK = 0x2c,   /* clock control, timeout control << 16, software reset << 24 */
	STATUS = 0x30,  /* interrupts, errors << 16; written ones are cleared */
	STATUS_ENABLE = 0x34,
	SIGNAL_ENABLE = 0x38,
	CAPABILITIES = 0x40,
	ADMA_ADDRESS = 0x58,
	VERSION = 0xfc, /* << 16 */
};

/* Transfer mode (2.2.5) */
#define MODE_DMA        ((uint32_t)1 << 0)
#define MODE_COUNT      ((uint32_t)1 << 1)
#define MODE_AUTO_CMD12 ((uint32_t)1 << 2)
#define MODE_AUTO_CMD23 ((uint32_t)2 << 2)
#define MODE_READ       ((uint32_t)1 << 4)
#define MODE_MULTIPLE   ((uint32_t)1 << 5)
/* Command (2.2.6) */
#define COMMAND_DATA ((uint32_t)1 << 21)
/* Present state (2.2.9) */
#define PRESENT_CMD      ((uint32_t)1 << 0) /* a command is under way */
#define PRESENT_DAT      ((uint32_t)1 << 1) /* data is, or the card is busy */
#define PRESENT_CARD     ((uint32_t)1 << 16)
#define PRESENT_STABLE   ((uint32_t)1 << 17)
#define PRESENT_WRITABLE ((uint32_t)1 << 19)
/* Host and power control (2.2.10, 2.2.11) */
#define CONTROL_FOUR_LINES ((uint32_t)1 << 1)
#define CONTROL_HIGH_SPEED ((uint32_t)1 << 2)
#define CONTROL_ADMA2      ((uint32_t)2 << 3)
#define CONTROL_POWER      ((uint32_t)1 << 8)
#define CONTROL_3V3        ((uint32_t)7 << 9)
/* Clock, timeout, reset (2.2.14 to 2.2.16) */
#define CLOCK_INTERNAL ((uint32_t)1 << 0)
#define CLOCK_STABLE   ((uint32_t)1 << 1)
#define CLOCK_CARD     ((uint32_t)1 << 2)
#define CLOCK_TIMEOUT  16
#define RESET_ALL      ((uint32_t)1 << 24)
#define RESET_CMD      ((uint32_t)1 << 25)
#define RESET_DAT      ((uint32_t)1 << 26)
/* Interrupts and errors (2.2.17, 2.2.18) */
#define GOT_COMMAND     ((uint32_t)1 << 0)
#define GOT_TRANSFER    ((uint32_t)1 << 1)
#define GOT_WRITE_READY ((uint32_t)1 << 4)
#define GOT_READ_READY  ((uint32_t)1 << 5)
#define GOT_REMOVAL     ((uint32_t)1 << 7)
#define GOT_CMD_TIMEOUT ((uint32_t)1 << 16)
#define GOT_CMD_ERRORS  ((uint32_t)0x000f << 16)
#define GOT_DAT_TIMEOUT ((uint32_t)1 << 20)
#define GOT_ERRORS      ((uint32_t)0x03ff << 16)
/* Capabilities (2.2.25) */
#define CAN_ADMA2      ((uint32_t)1 << 19)
#define CAN_HIGH_SPEED ((uint32_t)1 << 21)

#define VERSION_3 2u /* in the register */

/* A register, now; and one written, when the controller can take it (not DATA, which always can be
 * written). Any context. */
uint32_t sdhci_get(const struct sdhci *h, enum sdhci_register reg);
void sdhci_put(struct sdhci *h, enum sdhci_register reg, uint32_t value);
/* 0 once these bits are as wanted; -EIO: they were not for `limit` ns. May sleep, after a first
 * look. */
int sdhci_await(struct sdhci *h, enum sdhci_register reg, uint32_t mask, uint32_t wanted,
		uint64_t limit) MUST_CHECK;
/* RESET_ bits. 0 or -EIO: the controller did not carry it out. */
int sdhci_reset(struct sdhci *h, uint32_t what) MUST_CHECK;
/* The interrupts and errors that the controller is to note in STATUS. */
uint32_t sdhci_noted(const struct sdhci *h);

#endif
