// SPDX-License-Identifier: MIT
// The CPU's own timer: for drivers/timer/generic.c, which needs its system registers. Each call concerns the calling CPU.
#ifndef ARCH_TIMER_H
#define ARCH_TIMER_H

#include "kernel/lib/types.h"

/* No interrupt. Interrupts off. */
void arch_timer_off(void);
/* Interrupt when hw_counter() >= counter; UINT64_MAX: none. Interrupts off. */
void arch_timer_program(uint64_t counter);

#endif
