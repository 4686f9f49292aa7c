// SPDX-License-Identifier: MIT
// What the two files of the controller's model share.
#ifndef TESTS_MOCK_SDHCI_PRIVATE_H
#define TESTS_MOCK_SDHCI_PRIVATE_H

#include "kernel/time.h"
#include "tests/mock/dma.h"
#include "tests/mock/private.h"
#include "tests/mock/sdhci.h"

#define RULE(m, cond, ...)                                                                         \
	do {                                                                                       \
		if (!(cond))                                                                       \
			mock_sdhci_violation(m, __VA_ARGS__);                                      \
	} while (0)

void mock_sdhci_violation(struct mock_sdhci *m, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Status bits, as far as they are enabled. */
void mock_sdhci_note(struct mock_sdhci *m, uint32_t bits);
/* Is it time for this failure of the command under way? */
bool mock_sdhci_fails(struct mock_sdhci *m, enum mock_sd_failure kind);
uint32_t mock_sdhci_hz(const struct mock_sdhci *m);
/* A command of its own. */
void mock_sdhci_auto(struct mock_sdhci *m, unsigned index, uint32_t argument);

/* The command's data begins; the card is busy; a step of either: false when there is none. */
void mock_sdhci_data(struct mock_sdhci *m, const struct mock_sd_answer *a);
void mock_sdhci_busy(struct mock_sdhci *m, uint64_t ns);
bool mock_sdhci_data_step(struct mock_sdhci *m);
uint32_t mock_sdhci_port_read(struct mock_sdhci *m);
void mock_sdhci_port_write(struct mock_sdhci *m, uint32_t value);

#endif
