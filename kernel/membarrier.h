// SPDX-License-Identifier: MIT
// membarrier(2)'s part in interrupts.
#ifndef KERNEL_MEMBARRIER_H
#define KERNEL_MEMBARRIER_H

/* IPI_BARRIER: a full barrier on this CPU, of which the sender is told. Interrupts off. */
void membarrier_interrupt(void);

#endif
