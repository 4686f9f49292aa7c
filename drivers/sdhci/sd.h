// SPDX-License-Identifier: MIT
/*
 * An SD memory card (SD Physical Layer Simplified Specification 6.00): who it is, how large, and
 * its reads, writes and erases. One task at a time; all may sleep.
 */
#ifndef DRIVERS_SDHCI_SD_H
#define DRIVERS_SDHCI_SD_H

#include "drivers/sdhci/sdhci.h"

struct sd_card {
	struct sdhci *host;
	uint32_t cid[4];  /* bits 127:8 of the register that names this one card */
	uint32_t address; /* RCA << 16 */
	uint64_t sectors;
	bool by_blocks; /* addresses count blocks, not bytes: SDHC and SDXC */
	bool read_only; /* by its CSD, or the switch of its case */
	bool can_erase;
	bool can_cmd23; /* and the controller, too */
};

/* Finds out what is in the slot and makes it ready: fills card. 0; -ENODEV: nothing, or no SD
 * memory card; -EINVAL: a card that cannot be used; or as sdhci_execute(). */
int sd_identify(struct sd_card *card, struct sdhci *h) MUST_CHECK;
/* Sectors from or to memory, at most BLOCK_REQUEST_MAX bytes. 0; -EPERM: the card does not do that
 * (its range, its protection); or as sdhci_execute(): any part may have been done. */
int sd_transfer(struct sd_card *card, const struct block_request *r) MUST_CHECK;
/* These sectors hold anything from now on. As above. */
int sd_erase(struct sd_card *card, uint64_t sector, uint32_t sectors) MUST_CHECK;
/* After an error: 0 when the card waits for commands again as before. */
int sd_recover(struct sd_card *card) MUST_CHECK;

#endif
