// SPDX-License-Identifier: MIT
// The GICv3 CPU interface, which is system registers: for drivers/irq/gicv3.c. Each call concerns
// the calling CPU, interrupts off.
#ifndef ARCH_GIC_H
#define ARCH_GIC_H

#include "kernel/lib/types.h"

/* Turns the system register interface on. False: firmware does not allow it. */
bool arch_gic_enable(void);
uint32_t arch_gic_acknowledge(void); /* ICC_IAR1 */
void arch_gic_end(uint32_t intid);   /* ICC_EOIR1 */
void arch_gic_send(unsigned cpu, unsigned sgi);
/* This CPU's affinity as redistributors have it in the upper half of GICR_TYPER:
 * Aff3.Aff2.Aff1.Aff0. */
uint32_t arch_cpu_affinity(void);

#endif
