// SPDX-License-Identifier: MIT
// Power State Coordination Interface: starting CPUs, turning off, resetting, by the firmware.
#ifndef ARCH_ARM64_PSCI_H
#define ARCH_ARM64_PSCI_H

#include "kernel/lib/types.h"

/* Finds the conduit and the function numbers in the device tree. Boot. False: no PSCI. */
bool psci_init(void);
/* Starts the CPU with these affinity fields at the physical address entry, x0 = context. 0, -EEXIST
 * (already on), -EINVAL (no such CPU), -ENODEV (no PSCI) or -EIO. */
int psci_cpu_on(uint64_t mpidr, phys_addr_t entry, uint64_t context) MUST_CHECK;
/* Come back only when the firmware does not do it. Any context. */
void psci_system_off(void);
void psci_system_reset(void);

#endif
