// SPDX-License-Identifier: MIT
// An SD card as a block device.
#ifndef DRIVERS_SDHCI_DISK_H
#define DRIVERS_SDHCI_DISK_H

#include "drivers/sdhci/sd.h"

struct sd_disk {
	struct block_device device;
	struct sdhci host;
	struct sd_card card;
	struct block_request *request; /* started; atomic */
	/* The thread's. */
	bool lost;     /* the card must be identified before it is used */
	bool other;    /* what was found instead has been told of */
	bool troubled; /* the last request needed a second try */
	bool stuck;    /* the controller cannot be stopped */
};

/* With host's constants, device.name and device.devno set, all else zero: finds the card and fills
 * device in. Interrupts may come from the first command on. 0; -ENODEV: no card; negative errno:
 * one that cannot be used (logged). On failure nothing is kept. May sleep. */
int sd_disk_init(struct sd_disk *disk) MUST_CHECK;
/* Stops it again, before it was ever registered. */
void sd_disk_stop(struct sd_disk *disk);

#endif
