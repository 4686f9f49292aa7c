// SPDX-License-Identifier: MIT
// A card's block device over the model of controller and card, for the tests of this folder.
#ifndef TESTS_UNIT_DRIVERS_SDHCI_RIG_H
#define TESTS_UNIT_DRIVERS_SDHCI_RIG_H

#include "drivers/sdhci/disk.h"
#include "kernel/time.h"
#include "tests/mock/mock.h"
#include "tests/mock/sdhci.h"

#define SECTORS 8192u
#define SECOND  NSEC_PER_SEC
#define ADMA    0x45ee6432
#define NO_ADMA 0x45e66432

extern struct mock_sdhci m;
extern char *memory; /* for data; fixtures set it */
extern struct sd_disk *disk;

int setup(void **state);
int teardown(void **state);
/* Fills the card with what each sector is known by. */
void fill(void);
/* The controller's, the handler's and the thread's turn. */
void others(void);

/* What the device tree would have told, and the driver's beginning: as sd_disk_init(). */
int begin(void);
/* And the block device. */
int start(void);
void started(void);
void stop(void);

/* n bytes at a sector to and from `memory`. */
int read_at(uint64_t sector, size_t n);
int write_at(uint64_t sector, size_t n);
/* Both work, and give what they should. */
void good(void);

#endif
